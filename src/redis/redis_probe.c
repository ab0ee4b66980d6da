/*
 * redis_probe.c: one question to sentinels, or to the nodes that a configuration names, in turn
 * until one gives an answer that helps. A connection of its own, made for the question.
 */
#include <stdio.h>

#include "redis/redis_int.h"

static void probe_next(struct redis *r)
{
	static const struct timeval now = { 0, 0 };

	tg_assert(event_add(&r->probe.next, &now) == 0);
}

static void looked_failed(struct redis *r, const char *why)
{
	r->probe.busy = false;
	if (r->mode == REDIS_SENTINEL)
		redis_sentinel_failed(r, why);
	else
		redis_cluster_failed(r, why);
}

/* This one did not help. */
static void probe_miss(struct redis *r, const char *why)
{
	struct redis_probe *p = &r->probe;
	char name[REDIS_URL_TEXT_MAX];

	redis_url_text(&r->seeds[r->seed_at], name, sizeof name);
	snprintf(p->why, sizeof p->why, "%.60s: %.120s", name, why);
	r->seed_at = (r->seed_at + 1) % r->n_seeds;
	if (++p->tried < r->n_seeds)
		probe_next(r);
	else
		looked_failed(r, p->why);
}

static void probe_on_reply(const struct redis_value *v, const char *lost, void *arg)
{
	struct redis *r = arg;
	struct redis_url from = r->probe.conn.target;
	const char *why = "";
	int rc;

	(void)lost;
	if (v == NULL) /* on_down goes on */
		return;
	if (r->mode == REDIS_SENTINEL)
		rc = redis_sentinel_take(r, v, &from, &why);
	else
		rc = redis_cluster_take(r, v, &from, &why);
	if (rc == 0)
		r->probe.busy = false;
	redis_conn_close_after(&r->probe.conn, rc == 0 ? "answered" : why);
}

static void probe_on_up(struct redis_conn *c)
{
	struct redis *r = c->owner;

	if (redis_conn_call(c, r->probe.argv, r->probe.argc, r->env.connect_timeout_us,
		    probe_on_reply, r) != 0)
		redis_conn_close(c, "the question is too long");
}

static void probe_on_down(struct redis_conn *c, const char *why)
{
	struct redis *r = c->owner;

	if (r->probe.busy)
		probe_miss(r, why);
}

static void probe_on_next(evutil_socket_t fd, short what, void *arg)
{
	struct redis *r = arg;

	(void)fd;
	(void)what;
	CHECK_OBJ(r, REDIS_MAGIC);
	if (r->probe.conn.state == REDIS_CONN_IDLE)
		redis_conn_open(&r->probe.conn, &r->seeds[r->seed_at], false);
}

void redis_probe_init(struct redis *r)
{
	static const struct redis_conn_events events = { probe_on_up, probe_on_down, NULL };

	redis_conn_init(&r->probe.conn, &r->env, &events, r);
	tg_assert(event_assign(&r->probe.next, r->env.base, -1, 0, probe_on_next, r) == 0);
}

void redis_probe_fini(struct redis *r)
{
	r->probe.busy = false;
	event_del(&r->probe.next);
	redis_conn_fini(&r->probe.conn, "the client is closed");
}

void redis_probe_start(struct redis *r, const struct str *argv, size_t argc)
{
	struct redis_probe *p = &r->probe;

	tg_assert(!p->busy && argc <= TG_ARRAY_LEN(p->argv));
	memcpy(p->argv, argv, argc * sizeof argv[0]);
	p->argc = argc;
	p->tried = 0;
	p->busy = true;
	probe_next(r);
}
