/*
 * sim_server.c: the worker: accepting, the 100 ms ledger flush, stopping.
 */
#include "sim/sim_server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/listen.h"
#include "sim/sim_conn.h"
#include "sim/sim_ledger.h"
#include "sim/sim_text.h"

#define FLUSH_US         100000
#define ACCEPTS_PER_TURN 64

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct sim_listener *l = arg;
	struct sockaddr_any peer;

	(void)what;
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int s = listen_accept((int)fd, &peer);

		if (s >= 0)
			sim_conn_new(l->w, s, l->tls);
		else if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct sim_worker *w = arg;

	(void)fd;
	(void)what;
	sim_ledger_flush(w->conf->ledger);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct sim_worker *w = arg;

	(void)fd;
	(void)what;
	(void)event_base_loopbreak(w->base);
}

struct sim_worker *sim_worker_new(const struct sim_conf *conf, uint64_t seed)
{
	struct sim_worker *w = calloc(1, sizeof *w);
	struct event_config *cfg = event_config_new();
	struct timeval tick = { 0, FLUSH_US };

	tg_assert(w != NULL && cfg != NULL);
	w->conf = conf;
	w->rng = sim_mix(seed);
	/*
	 * Token pacing wants more than epoll_wait's milliseconds. No change list: it would touch
	 * numbers of descriptors that were closed, and may be another worker's by then.
	 */
	tg_assert(event_config_set_flag(
			  cfg, EVENT_BASE_FLAG_PRECISE_TIMER | EVENT_BASE_FLAG_NOLOCK) == 0);
	w->base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	tg_assert(w->base != NULL);
	list_init(&w->conns);
	w->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	tg_assert(w->stop_fd >= 0);
	tg_assert(event_assign(&w->stop_ev, w->base, w->stop_fd, EV_READ, on_stop, w) == 0);
	tg_assert(event_add(&w->stop_ev, NULL) == 0);
	tg_assert(event_assign(&w->flush_ev, w->base, -1, EV_PERSIST, on_flush, w) == 0);
	if (conf->ledger_path != NULL)
		tg_assert(event_add(&w->flush_ev, &tick) == 0);
	return w;
}

void sim_worker_listen(struct sim_worker *w, int fd, bool tls)
{
	struct sim_listener *l = &w->listener[w->n_listeners];

	tg_assert(w->n_listeners < SIM_MAX_LISTENERS);
	w->n_listeners++;
	*l = (struct sim_listener){ .w = w, .fd = fd, .tls = tls };
	tg_assert(event_assign(&l->ev, w->base, fd, EV_READ | EV_PERSIST, on_accept, l) == 0);
	tg_assert(event_add(&l->ev, NULL) == 0);
}

void sim_worker_run(struct sim_worker *w)
{
	(void)event_base_dispatch(w->base);
	for (unsigned i = 0; i < w->n_listeners; i++) {
		(void)event_del(&w->listener[i].ev);
		(void)close(w->listener[i].fd);
	}
	while (!list_empty(&w->conns))
		sim_conn_abandon(list_entry(w->conns.next, struct sim_conn, node));
	sim_ledger_flush(w->conf->ledger);
}

void sim_worker_stop(struct sim_worker *w)
{
	uint64_t one = 1;

	tg_assert(write(w->stop_fd, &one, sizeof one) == sizeof one);
}

void sim_worker_free(struct sim_worker *w)
{
	(void)event_del(&w->stop_ev);
	(void)event_del(&w->flush_ev);
	event_base_free(w->base);
	(void)close(w->stop_fd);
	for (unsigned i = 0; i < w->n_spare; i++)
		sim_buf_fini(&w->spare[i]);
	free(w);
}
