/*
 * redis_sentinel.c: who is the primary? The sentinels are asked before every connection, and every
 * ten seconds while there is one: a primary that was replaced and still can be reached is left.
 * That it really is one, the connection asks itself (INFO).
 */
#include <stdio.h>

#include "base/log.h"
#include "base/num.h"
#include "redis/redis_int.h"

#define CHECK_EVERY_US 10000000

void redis_sentinel_look(struct redis *r)
{
	const struct str argv[] = { STR("SENTINEL"), STR("get-master-addr-by-name"),
		str_z(r->primary) };

	if (!r->probe.busy)
		redis_probe_start(r, argv, TG_ARRAY_LEN(argv));
}

int redis_sentinel_address(const struct redis_value *v, struct redis_url *u)
{
	const struct redis_value *host = redis_value_at(v, 0);
	int64_t port;

	if (host->kind != REDIS_STRING || redis_value_i64(redis_value_at(v, 1), &port) != 0 ||
		port < 0)
		return -1;
	return redis_url_set_host(u, host->text, (uint64_t)port);
}

int redis_sentinel_take(struct redis *r, const struct redis_value *v, const struct redis_url *from,
	const char **why)
{
	static char text[160];
	struct redis_node *n = r->first;
	struct redis_url u = { .tls = from->tls, .db = r->db };

	*why = text;
	if (v->kind == REDIS_ERROR || v->kind == REDIS_NIL) {
		snprintf(text, sizeof text,
			v->kind == REDIS_NIL ? "it knows no primary `%.*s`" : "%.*s",
			v->kind == REDIS_NIL ? (int)strlen(r->primary)
					     : (int)TG_MIN(v->text.n, (size_t)120),
			v->kind == REDIS_NIL ? r->primary : v->text.p);
		return -1;
	}
	if (redis_sentinel_address(v, &u) != 0) {
		*why = "its answer is no address";
		return -1;
	}
	redis_set_login(r, &u);
	redis_look_in(r, CHECK_EVERY_US);
	if (n->conn.state == REDIS_CONN_IDLE) {
		redis_node_open(n, &u);
	} else if (!redis_url_same(&u, &n->target)) {
		log_notice("redis has another primary", "was=%s", n->name);
		redis_conn_close(&n->conn, "the sentinels name another primary");
	}
	return 0;
}

void redis_sentinel_failed(struct redis *r, const char *why)
{
	struct redis_node *n = r->first;

	redis_look_in(r, CHECK_EVERY_US);
	/* What works is kept: it says itself when it is a replica. */
	if (n->conn.state == REDIS_CONN_IDLE)
		redis_node_failed(n, why);
}
