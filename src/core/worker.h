/*
 * worker.h: a worker thread: its event base, pools and lists. A request lives and dies on one
 * worker; nothing here is touched by another thread, but for the mailbox, the log ring and the
 * counters (single writer).
 */
#ifndef TG_CORE_WORKER_H
#define TG_CORE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/ring.h"
#include "base/slab.h"
#include "core/quota_line.h"
#include "core/stats.h"
#include "io/listen.h"
#include "io/mailbox.h"
#include "io/timer.h"
#include "proto/http1_head.h"
#include "route/budget.h"

#define WORKER_SCRATCH (64 * 1024)
#define WORKER_MAGIC   0x574f524b

struct tg_conf;
struct geo_db;
struct journal_writer;
struct plan_listen;

struct conf_ref { /* this worker's count of requests on a configuration; one atomic reference for
		     all of them */
	struct tg_conf *conf;
	unsigned refs;
	bool current;
};

struct worker_listen { /* an accepting socket */
	struct list node;
	struct worker *w;
	struct event ev;
	int fd;
	bool tls;
	bool proxied;                   /* a PROXY header comes first */
	struct sockaddr_any addr;       /* as bound */
	const struct plan_listen *plan; /* what the configuration of that generation says of it */
	unsigned generation;
	struct timer again; /* accepting pauses while there is no descriptor or memory left */
};

struct worker {
	unsigned magic;
	pthread_t thread;
	struct event_base *base;
	struct timer_wheel wheel;
	struct mailbox mbox;
	struct slab conn_slab, upconn_slab, ticket_slab;
	struct block_pool blocks;
	struct conf_ref *conf; /* current */
	struct geo_db *geo;    /* where addresses are; a reference; NULL: nobody knows */
	unsigned geo_serial;   /* another number for each that it had */
	struct list listens, conns, pools;
	struct list again; /* conns with unprocessed input, run at the end of the turn */
	struct list dead_conns, dead_upconns, dead_reqs; /* to free at the end of the turn */
	unsigned n_conns, n_reqs;
	uint64_t n_drained; /* requests whose client is gone and whose answer is read on */
	struct journal_writer *journal; /* NULL: no ledger */
	struct list ledger_waiters; /* requests whose hold is on its way to the disk: mod_ledger */
	struct quota_line quota_line; /* requests that wait for a grant: mod_quota */
	bool draining;
	int64_t drain_deadline_us;
	_Atomic bool exited; /* the thread has left its loop */
	bool now_valid;
	mono_us now;
	wall_us wall;
	int64_t date_s; /* the second that `date` tells */
	char date[CLOCK_HTTP_LEN];
	char *scratch;  /* WORKER_SCRATCH + slack: one read */
	char *scratch2; /* composing heads and log lines */
	struct http_head up_head;
	struct req *current; /* what the panic hook prints */
	uint64_t id_prefix, id_seq;
	unsigned rng;
	unsigned slot; /* of its own in each struct spot */
	struct retry_budget retries;
	struct ring log_ring;
	bool log_requests; /* the access log is on */
	struct worker_stats stats;
};

extern _Thread_local struct worker *tg_worker; /* of this thread; NULL elsewhere */

/* The clock, read once a turn. */
void worker_read_clock(struct worker *w);
static inline mono_us worker_now(struct worker *w)
{
	if (!w->now_valid)
		worker_read_clock(w);
	return w->now;
}

/* The value of Date (RFC 9110 section 6.6.1) now. */
struct str worker_date(struct worker *w);

/* One of n_workers; each gets an equal share of limits.memory. */
int worker_init(struct worker *w, unsigned n_workers, struct tg_conf *conf) TG_MUST_CHECK;
void worker_fini(struct worker *w);
int worker_start(struct worker *w) TG_MUST_CHECK;
/* Any thread; the worker answers in its own time. */
void worker_post_conf(struct worker *w, struct tg_conf *conf); /* takes a reference of its own */
void worker_post_geo(struct worker *w, struct geo_db *db);     /* takes a reference of its own */
void worker_post_listen(struct worker *w, int fd, const struct sockaddr_any *bound, bool tls);
void worker_post_drain(struct worker *w, int64_t drain_us);

/* Connections open now over all workers (relaxed). */
uint64_t worker_connections_total(void);
void worker_connections_add(int delta);

void conf_ref_get(struct conf_ref *c);
void conf_ref_put(struct conf_ref *c);
/* A cheap pseudo-random number for load spreading (not for secrets). */
uint32_t worker_random(struct worker *w);

#endif
