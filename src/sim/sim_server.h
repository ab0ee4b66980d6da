/*
 * sim_server.h: a worker: one event loop, its listeners and its connections. Everything of a worker
 * runs on its own thread; sim_worker_stop may be called from any.
 */
#ifndef TG_SIM_SERVER_H
#define TG_SIM_SERVER_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/list.h"
#include "sim/sim_conf.h"

#define SIM_READ_BYTES    65536
#define SIM_SPARE_BUFS    64
#define SIM_MAX_LISTENERS 3

struct sim_listener {
	struct event ev;
	struct sim_worker *w;
	int fd;
	bool tls;
};

struct sim_worker {
	const struct sim_conf *conf;
	struct event_base *base;
	struct sim_listener listener[SIM_MAX_LISTENERS];
	unsigned n_listeners;
	struct event stop_ev, flush_ev;
	int stop_fd; /* eventfd */
	struct list conns;
	uint64_t rng;
	mono_us now;
	wall_us wall;
	int64_t date_s; /* the second `date` shows */
	char date[CLOCK_HTTP_LEN];
	struct sim_buf spare[SIM_SPARE_BUFS]; /* empty buffers with memory */
	unsigned n_spare;
	char rbuf[SIM_READ_BYTES];
};

/* Takes over the listening descriptors by sim_worker_listen. Panics when the system refuses an
 * event loop. */
struct sim_worker *sim_worker_new(const struct sim_conf *conf, uint64_t seed);
void sim_worker_listen(struct sim_worker *w, int fd, bool tls);
/* Runs until stopped; then every open request is recorded as cancelled and all is freed but w. */
void sim_worker_run(struct sim_worker *w);
void sim_worker_stop(struct sim_worker *w);
void sim_worker_free(struct sim_worker *w);

#endif
