/*
 * worker.c: the worker's thread: accept, the turn, and messages from the control thread.
 *
 * A turn: libevent runs what is ready; then pipelined requests are begun, then what died is freed.
 * The clock is read at most once a turn.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/log.h"
#include "core/conn.h"
#include "core/plan.h"
#include "core/req.h"
#include "core/uppool.h"
#include "core/worker.h"
#include "geo/geo_db.h"
#include "ledger/journal.h"
#include "route/spot.h"

#define ACCEPTS_PER_TURN 64
#define ACCEPT_PAUSE_US  100000
#define LOG_RING_BYTES   (1 << 20)
#define AGAIN_PER_TURN   64
#define DRAIN_CHECK_US   100000

_Thread_local struct worker *tg_worker;

static _Atomic uint64_t connections_total;
static _Atomic unsigned slots; /* that were given to workers */

void worker_read_clock(struct worker *w)
{
	w->now = clock_mono();
	w->wall = clock_wall();
	timer_wheel_now_set(&w->wheel, w->now);
	w->now_valid = true;
}

struct str worker_date(struct worker *w)
{
	int64_t s;

	worker_now(w);
	s = w->wall.us / 1000000;
	if (s != w->date_s)
		clock_http(w->date, w->wall);
	w->date_s = s;
	return str_mk(w->date, CLOCK_HTTP_LEN);
}

uint32_t worker_random(struct worker *w)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 17;
	w->rng ^= w->rng << 5;
	return w->rng;
}

uint64_t worker_connections_total(void)
{
	return atomic_load_explicit(&connections_total, memory_order_relaxed);
}

void worker_connections_add(int delta)
{
	atomic_fetch_add_explicit(
		&connections_total, (uint64_t)(int64_t)delta, memory_order_relaxed);
}

/* ---- the configuration a worker is on */

static struct conf_ref *conf_ref_new(struct tg_conf *conf)
{
	struct conf_ref *c = calloc(1, sizeof(*c));

	tg_assert(c != NULL);
	plan_get(conf);
	c->conf = conf;
	c->current = true;
	return c;
}

static void conf_ref_check(struct conf_ref *c)
{
	if (c->refs > 0 || c->current)
		return;
	plan_put(c->conf);
	free(c);
}

void conf_ref_get(struct conf_ref *c)
{
	c->refs++;
}

void conf_ref_put(struct conf_ref *c)
{
	tg_assert(c->refs > 0);
	c->refs--;
	conf_ref_check(c);
}

/* ---- listening */

/* What the configuration says of it now; NULL: no more. */
static const struct plan_listen *worker_listen_plan(struct worker *w, struct worker_listen *l)
{
	const struct tg_conf *c = w->conf->conf;
	char a[128], b[128];

	if (l->plan != NULL && l->generation == c->generation)
		return l->plan;
	l->generation = c->generation;
	l->plan = NULL;
	sockaddr_format(&l->addr, a, sizeof(a));
	for (unsigned i = 0; i < c->n_listen && l->plan == NULL; i++) {
		sockaddr_format(&c->listen[i].bound, b, sizeof(b));
		if (strcmp(a, b) == 0)
			l->plan = &c->listen[i];
	}
	if (l->plan != NULL)
		l->proxied = l->plan->cfg->proxy_protocol;
	return l->plan;
}

static void worker_accept_again(struct timer *t)
{
	event_add(&TG_CONTAINER_OF(t, struct worker_listen, again)->ev, NULL);
}

/* The connection stays in the backlog, where it would wake us again and again. */
static void worker_accept_pause(struct worker_listen *l)
{
	log_error("accept failed", "reason=\"%s\"", strerror(errno));
	event_del(&l->ev);
	timer_arm(&l->w->wheel, &l->again, ACCEPT_PAUSE_US);
}

static void worker_on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct worker_listen *l = arg;
	struct sockaddr_any peer;
	const struct plan_listen *plan = worker_listen_plan(l->w, l);
	SSL_CTX *tls = l->tls && plan != NULL ? plan->tls : NULL;
	int s;

	(void)what;
	worker_now(l->w);
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		s = listen_accept(fd, &peer);
		if (s < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
				     errno == ENOBUFS)) {
			worker_accept_pause(l);
			return;
		}
		if (s < 0)
			return;
		if ((l->tls && tls == NULL) || (l->proxied && plan == NULL)) {
			close(s);
			continue;
		}
		conn_open(l->w, s, &peer, tls, l->proxied);
	}
}

static void worker_listen_close(struct worker_listen *l)
{
	timer_disarm(&l->w->wheel, &l->again);
	event_del(&l->ev);
	close(l->fd);
	list_del(&l->node);
	free(l);
}

static void worker_listen_open(struct worker *w, int fd, const struct sockaddr_any *addr, bool tls)
{
	struct worker_listen *l = calloc(1, sizeof(*l));

	tg_assert(l != NULL);
	l->w = w;
	l->fd = fd;
	l->tls = tls;
	l->addr = *addr;
	timer_init(&l->again, worker_accept_again);
	list_init(&l->node);
	list_push_back(&w->listens, &l->node);
	event_assign(&l->ev, w->base, fd, EV_READ | EV_PERSIST, worker_on_accept, l);
	event_add(&l->ev, NULL);
}

/* Close listeners that the configuration no longer names; learn whether the others speak TLS now.
 */
static void worker_listen_match(struct worker *w)
{
	const struct tg_conf *c = w->conf->conf;
	char a[128], b[128];

	list_foreach_safe (n, tmp, &w->listens) {
		struct worker_listen *l = list_entry(n, struct worker_listen, node);
		bool named = false;
		sockaddr_format(&l->addr, a, sizeof(a));
		for (unsigned i = 0; i < c->n_listen; i++) {
			sockaddr_format(&c->listen[i].bound, b, sizeof(b));
			if (strcmp(a, b) != 0)
				continue;
			named = true;
			l->tls = c->listen[i].tls != NULL;
		}
		if (!named)
			worker_listen_close(l);
	}
}

/* ---- messages from the control thread */

struct conf_mail {
	struct mail mail;
	struct tg_conf *conf;
};

/* No request keeps a pointer into it: from one turn to the next it may be another one. */
static void worker_use_geo(struct worker *w, struct geo_db *db)
{
	if (db != NULL)
		geo_db_get(db);
	if (w->geo != NULL)
		geo_db_put(w->geo);
	w->geo = db;
	w->geo_serial++;
}

static void worker_on_conf(struct mail *m, void *owner)
{
	struct conf_mail *cm = TG_CONTAINER_OF(m, struct conf_mail, mail);
	struct worker *w = owner;
	struct conf_ref *old = w->conf;

	w->conf = conf_ref_new(cm->conf);
	old->current = false;
	conf_ref_check(old);
	w->log_requests = !str_eq(cm->conf->cfg.log.access, STR("off"));
	worker_listen_match(w);
	worker_use_geo(w, cm->conf->geo.db);
	plan_put(cm->conf);
	free(cm);
}

void worker_post_conf(struct worker *w, struct tg_conf *conf)
{
	struct conf_mail *m = calloc(1, sizeof(*m));

	tg_assert(m != NULL);
	plan_get(conf);
	m->mail.on_mail = worker_on_conf;
	m->conf = conf;
	mailbox_send(&w->mbox, &m->mail);
}

struct geo_mail {
	struct mail mail;
	struct geo_db *db;
};

static void worker_on_geo(struct mail *m, void *owner)
{
	struct geo_mail *gm = TG_CONTAINER_OF(m, struct geo_mail, mail);

	worker_use_geo(owner, gm->db);
	geo_db_put(gm->db);
	free(gm);
}

void worker_post_geo(struct worker *w, struct geo_db *db)
{
	struct geo_mail *m = calloc(1, sizeof(*m));

	tg_assert(m != NULL);
	geo_db_get(db);
	m->mail.on_mail = worker_on_geo;
	m->db = db;
	mailbox_send(&w->mbox, &m->mail);
}

struct listen_mail {
	struct mail mail;
	int fd;
	bool tls;
	struct sockaddr_any addr;
};

static void worker_on_listen(struct mail *m, void *owner)
{
	struct listen_mail *lm = TG_CONTAINER_OF(m, struct listen_mail, mail);

	worker_listen_open(owner, lm->fd, &lm->addr, lm->tls);
	free(lm);
}

void worker_post_listen(struct worker *w, int fd, const struct sockaddr_any *bound, bool tls)
{
	struct listen_mail *m = calloc(1, sizeof(*m));

	tg_assert(m != NULL);
	m->mail.on_mail = worker_on_listen;
	m->fd = fd;
	m->tls = tls;
	m->addr = *bound;
	mailbox_send(&w->mbox, &m->mail);
}

struct drain_mail {
	struct mail mail;
	int64_t drain_us;
};

/* Every connection gets its answer, then closes; after drain_us those that are left are cut off. */
static void worker_on_drain(struct mail *m, void *owner)
{
	struct drain_mail *dm = TG_CONTAINER_OF(m, struct drain_mail, mail);
	struct worker *w = owner;

	w->draining = true;
	w->drain_deadline_us = worker_now(w).us + dm->drain_us;
	while (!list_empty(&w->listens)) {
		struct worker_listen *l = list_entry(w->listens.next, struct worker_listen, node);

		worker_on_accept(l->fd, EV_READ, l); /* those that wait already */
		worker_listen_close(l);
	}
	list_foreach_safe (n, tmp, &w->conns)
		conn_drain(list_entry(n, struct conn, node));
	uppool_close_idle(w);
	free(dm);
}

void worker_post_drain(struct worker *w, int64_t drain_us)
{
	struct drain_mail *m = calloc(1, sizeof(*m));

	tg_assert(m != NULL);
	m->mail.on_mail = worker_on_drain;
	m->drain_us = drain_us;
	mailbox_send(&w->mbox, &m->mail);
}

/* ---- the turn */

/* One after the other: the end of a request can be that of its twin, and of that one's connection.
 */
static void worker_cut_off(struct worker *w)
{
	while (!list_empty(&w->conns)) {
		struct conn *c = list_entry(w->conns.next, struct conn, node);

		if (c->req != NULL)
			req_abort(c->req, END_CUT_OFF);
		if (c->state != CONN_DEAD)
			conn_close(c);
	}
}

static void worker_turn_end(struct worker *w)
{
	struct list *n;

	/* Long pipelines take turns with everybody else, and their requests' memory is given back
	 * in between. */
	for (int i = 0; i < AGAIN_PER_TURN && (n = list_pop_front(&w->again)) != NULL; i++)
		conn_run_again(list_entry(n, struct conn, again));
	if (w->journal != NULL)
		journal_turn_end(w->journal);
	req_reap(w);
	upconn_reap(w);
	while ((n = list_pop_front(&w->dead_conns)) != NULL)
		slab_give(&w->conn_slab, list_entry(n, struct conn, node));
	stat_set(&w->stats.c[WC_MEMORY], w->blocks.out_bytes);
	w->now_valid = false;
	if (w->draining && w->n_conns > 0 && worker_now(w).us > w->drain_deadline_us)
		worker_cut_off(w);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct timeval tick = { 0, DRAIN_CHECK_US };

	tg_worker = w;
	while (!(w->draining && w->n_conns == 0)) {
		if (w->draining)
			event_base_loopexit(w->base, &tick);
		if (event_base_loop(
			    w->base, list_empty(&w->again) ? EVLOOP_ONCE : EVLOOP_NONBLOCK) < 0)
			break;
		worker_turn_end(w);
	}
	worker_turn_end(w);
	atomic_store(&w->exited, true);
	return NULL;
}

int worker_init(struct worker *w, unsigned n_workers, struct tg_conf *conf)
{
	struct event_config *cfg = event_config_new();
	int64_t budget = conf->cfg.limits.memory_bytes / n_workers;

	INIT_OBJ(w, WORKER_MAGIC);
	if (cfg == NULL || event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK) != 0)
		return -1;
	w->base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	w->scratch = malloc(WORKER_SCRATCH + HTTP_MAX_HEAD + 64);
	w->scratch2 = malloc(WORKER_SCRATCH + HTTP_MAX_HEAD);
	if (w->base == NULL || w->scratch == NULL || w->scratch2 == NULL)
		return -1;
	slab_init(&w->conn_slab, "conn", sizeof(struct conn));
	slab_init(&w->upconn_slab, "upconn", sizeof(struct upconn));
	slab_init(&w->ticket_slab, "ticket", sizeof(struct ticket));
	block_pool_init(&w->blocks, (size_t)budget);
	list_init(&w->listens);
	list_init(&w->conns);
	list_init(&w->pools);
	list_init(&w->again);
	list_init(&w->dead_conns);
	list_init(&w->dead_upconns);
	list_init(&w->dead_reqs);
	list_init(&w->ledger_waiters);
	quota_line_init(w);
	worker_stats_init(&w->stats);
	timer_wheel_init(&w->wheel, w->base);
	digest_random(&w->id_prefix, sizeof(w->id_prefix));
	digest_random(&w->rng, sizeof(w->rng));
	w->rng |= 1;
	w->slot = atomic_fetch_add(&slots, 1) % SPOT_SLOTS;
	w->conf = conf_ref_new(conf);
	worker_use_geo(w, conf->geo.db);
	w->log_requests = !str_eq(conf->cfg.log.access, STR("off"));
	if (ring_init(&w->log_ring, LOG_RING_BYTES) != 0)
		return -1;
	return mailbox_init(&w->mbox, w->base, w);
}

void worker_fini(struct worker *w)
{
	CHECK_OBJ(w, WORKER_MAGIC);
	while (!list_empty(&w->listens))
		worker_listen_close(list_entry(w->listens.next, struct worker_listen, node));
	mailbox_fini(&w->mbox);
	uppool_fini_all(w);
	upconn_reap(w);
	w->conf->current = false;
	conf_ref_check(w->conf);
	worker_use_geo(w, NULL);
	quota_line_fini(w);
	timer_wheel_fini(&w->wheel);
	event_base_free(w->base);
	slab_fini(&w->conn_slab);
	slab_fini(&w->upconn_slab);
	slab_fini(&w->ticket_slab);
	block_pool_fini(&w->blocks);
	worker_stats_fini(&w->stats);
	ring_fini(&w->log_ring);
	free(w->scratch);
	free(w->scratch2);
	FINI_OBJ(w);
}

int worker_start(struct worker *w)
{
	return pthread_create(&w->thread, NULL, worker_main, w) == 0 ? 0 : -1;
}
