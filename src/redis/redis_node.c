/*
 * redis_node.c: a place for one connection to a primary, which is made again when it is lost: after
 * a while that doubles, with chance in it, and after five failures in a row is the longest. A
 * failure is forgotten once a call was answered, not once there is a connection: a server that
 * takes connections and answers nothing is as good as none. Nor by answers that made the user drop
 * it. Logs changes, not attempts: of a connection that comes and goes in the same way each time the
 * first round, and then that it has stayed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/log.h"
#include "redis/redis_backoff.h"
#include "redis/redis_int.h"

#define SETTLED_US 10000000

int64_t redis_wait_us(const struct redis *r, unsigned failures)
{
	uint32_t random;

	digest_random(&random, sizeof random);
	return redis_backoff_us(failures, r->backoff_min_us, r->backoff_max_us, random);
}

static void node_retry_in(struct redis_node *n, int64_t in_us)
{
	struct timeval tv = { .tv_sec = in_us / 1000000, .tv_usec = in_us % 1000000 };

	tg_assert(event_add(&n->retry, &tv) == 0);
}

static void node_log_up(struct redis_node *n)
{
	const struct redis_server *s = &n->conn.server;

	n->logged[0] = '\0';
	snprintf(n->logged_run_id, sizeof n->logged_run_id, "%s", s->run_id);
	log_notice("redis connected", "node=%s run_id=%s version=%s", n->name, s->run_id,
		s->version_text);
}

static void node_log_failure(struct redis_node *n, bool was_up)
{
	if (n->worked || strcmp(n->logged, n->why) != 0)
		log_warn(was_up ? "redis connection lost" : "redis not connected",
			"node=%s reason=\"%s\"", n->name, n->why);
	snprintf(n->logged, sizeof n->logged, "%s", n->why);
	if (n->failures == REDIS_BREAKER_FAILURES)
		log_error("redis out of reach", "node=%s failures=%u retry_ms=%lld reason=\"%s\"",
			n->name, n->failures, (long long)n->client->backoff_max_us / 1000, n->why);
}

/* An attempt has failed or a connection was lost. */
static void node_lost(struct redis_node *n, const char *why)
{
	struct redis *r = n->client;
	bool was_up = n->up;

	n->worked = was_up && n->conn.n_replies > 0 &&
		    (!n->dropped || clock_mono().us - n->up_us > SETTLED_US);
	if (n->worked)
		n->failures = 0;
	/* Not what follows the loss of one that has worked. */
	n->comes_and_goes = was_up ? !n->worked : n->comes_and_goes;
	n->up = n->dropped = false;
	n->failures++;
	snprintf(n->why, sizeof n->why, "%s", why);
	if (n->used) {
		node_log_failure(n, was_up);
		node_retry_in(n, redis_wait_us(r, n->failures));
	}
	if (was_up)
		r->events.on_down(n, n->why, r->arg);
	if (r->mode == REDIS_CLUSTER && n->used)
		redis_look_soon(r);
}

void redis_node_failed(struct redis_node *n, const char *why)
{
	if (n->used)
		node_lost(n, why);
}

static void node_on_up(struct redis_conn *c)
{
	struct redis_node *n = c->owner;
	struct redis *r = n->client;

	n->up = true;
	n->no_functions = false;
	n->up_us = clock_mono().us;
	n->why[0] = '\0';
	if (n->comes_and_goes && strcmp(n->logged_run_id, c->server.run_id) == 0)
		node_retry_in(n, SETTLED_US);
	else
		node_log_up(n);
	r->env.depth++;
	r->events.on_up(n, &c->server, r->arg);
	r->env.depth--;
}

static void node_on_down(struct redis_conn *c, const char *why)
{
	struct redis_node *n = c->owner;

	n->client->env.depth++;
	node_lost(n, why);
	n->client->env.depth--;
}

static void node_on_error(struct redis_conn *c, const struct redis_value *v)
{
	struct redis_node *n = c->owner;

	if (n->client->mode == REDIS_CLUSTER)
		redis_cluster_on_error(n, v);
	if (redis_value_is_error(v, STR("READONLY")))
		redis_conn_close_after(c, "the server is a replica now");
}

static const struct redis_conn_events node_events = { node_on_up, node_on_down, node_on_error };

static void node_on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct redis_node *n = arg;

	(void)fd;
	(void)what;
	CHECK_OBJ(n, REDIS_NODE_MAGIC);
	if (n->up)
		node_log_up(n);
	if (!n->used || n->conn.state != REDIS_CONN_IDLE)
		return;
	if (n->client->mode == REDIS_SENTINEL)
		redis_look_in(n->client, 0);
	else
		redis_node_open(n, &n->target);
}

struct redis_node *redis_node_new(struct redis *r)
{
	struct redis_node *n = calloc(1, sizeof *n);

	tg_assert(n != NULL);
	INIT_OBJ(n, REDIS_NODE_MAGIC);
	n->client = r;
	redis_conn_init(&n->conn, &r->env, &node_events, n);
	tg_assert(event_assign(&n->retry, r->env.base, -1, 0, node_on_retry, n) == 0);
	list_push_back(&r->nodes, &n->node);
	return n;
}

void redis_node_free(struct redis_node *n)
{
	CHECK_OBJ(n, REDIS_NODE_MAGIC);
	n->up = n->used = false;
	event_del(&n->retry);
	redis_conn_fini(&n->conn, "the client is closed");
	list_del(&n->node);
	FINI_OBJ(n);
	free(n);
}

static void node_set_target(struct redis_node *n, const struct redis_url *target)
{
	n->target = *target;
	redis_url_text(target, n->name, sizeof n->name);
}

void redis_node_use(struct redis_node *n, const struct redis_url *target)
{
	tg_assert(!n->used && n->conn.state == REDIS_CONN_IDLE);
	node_set_target(n, target);
	n->used = true;
	n->failures = 0;
	n->comes_and_goes = false;
	n->logged[0] = '\0';
	snprintf(n->why, sizeof n->why, "connecting");
	node_retry_in(n, 0);
}

void redis_node_retire(struct redis_node *n, const char *why)
{
	n->used = false;
	event_del(&n->retry);
	if (n->up)
		log_notice("redis connection closed", "node=%s reason=\"%s\"", n->name, why);
	redis_conn_close(&n->conn, why);
}

void redis_node_open(struct redis_node *n, const struct redis_url *target)
{
	if (&n->target != target)
		node_set_target(n, target);
	redis_conn_open(&n->conn, &n->target, true);
}

/* ---- what users see */

const struct redis_server *redis_node_server(const struct redis_node *n)
{
	CHECK_OBJ(n, REDIS_NODE_MAGIC);
	return n->up && n->conn.state == REDIS_CONN_UP ? &n->conn.server : NULL;
}

const char *redis_node_name(const struct redis_node *n)
{
	return n->name;
}

const char *redis_node_why(const struct redis_node *n)
{
	return n->up ? "" : n->why;
}

uint64_t redis_node_generation(const struct redis_node *n)
{
	return n->conn.generation;
}

void redis_node_drop(struct redis_node *n, const char *why)
{
	CHECK_OBJ(n, REDIS_NODE_MAGIC);
	n->dropped = n->up;
	redis_conn_close(&n->conn, why);
}

void redis_node_set_user(struct redis_node *n, void *user)
{
	n->user = user;
}

void *redis_node_user(const struct redis_node *n)
{
	return n->user;
}

struct redis *redis_node_client(const struct redis_node *n)
{
	return n->client;
}

int redis_node_call(struct redis_node *n, const struct str *argv, size_t argc, int64_t timeout_us,
	redis_reply_f *f, void *arg)
{
	CHECK_OBJ(n, REDIS_NODE_MAGIC);
	if (!n->up)
		return -1;
	return redis_conn_call(&n->conn, argv, argc,
		timeout_us > 0 ? timeout_us : n->client->call_timeout_us, f, arg);
}
