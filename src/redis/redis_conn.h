/*
 * redis_conn.h: one connection to one Redis server: it is opened, greets, carries calls and their
 * replies in order, and is lost; whoever owns it opens it again. Inside src/redis only; runs on the
 * thread of its event_base.
 *
 *	IDLE -> RESOLVING -> CONNECTING -> SECURING (TLS) -> GREETING -> UP -> IDLE
 *
 * A reply is the oldest call's, for the server answers in order; a call that is not answered in
 * time ends the connection, so no reply can come late.
 */
#ifndef TG_REDIS_REDIS_CONN_H
#define TG_REDIS_REDIS_CONN_H

#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/list.h"
#include "io/listen.h"
#include "io/stream.h"
#include "redis/redis.h"
#include "redis/redis_codec.h"
#include "redis/redis_url.h"

struct resolve_name;
struct redis_conn;

/* What all connections of a client share. */
struct redis_env {
	struct event_base *base;
	struct resolver *resolver;
	SSL_CTX *tls;
	char tls_name[REDIS_HOST_MAX + 1], client_name[64];
	int64_t connect_timeout_us;
	size_t queue_max_bytes;
	struct redis_limits limits;
	unsigned depth; /* callbacks of the user that are running */
};

enum redis_conn_state {
	REDIS_CONN_IDLE,
	REDIS_CONN_RESOLVING,
	REDIS_CONN_CONNECTING,
	REDIS_CONN_SECURING,
	REDIS_CONN_GREETING,
	REDIS_CONN_UP
};

/* What the owner is told. It may call anything of this file but init and fini. */
struct redis_conn_events {
	void (*on_up)(struct redis_conn *c);
	/* From any state but IDLE, which it is in now. All calls have got their NULL. */
	void (*on_down)(struct redis_conn *c, const char *why);
	/* A call was answered with an error; its caller has not seen it yet. May be NULL. */
	void (*on_error)(struct redis_conn *c, const struct redis_value *v);
};

#define REDIS_STEPS_MAX 4

struct redis_conn {
	unsigned magic;
#define REDIS_CONN_MAGIC 0x52435253
	enum redis_conn_state state;
	struct redis_env *env;
	const struct redis_conn_events *events;
	void *owner;
	struct redis_url target;
	bool primary; /* the server must say that it is one, and who it is */

	struct resolve_name *name; /* of target; NULL for unix: */
	struct sockaddr_any addrs[16];
	int n_addrs, addr_at;
	struct stream s;
	struct redis_reader reader;
	bool has_reader;
	char *out; /* commands not yet sent: out_at to out_n */
	size_t out_at, out_n, out_cap;
	struct list calls; /* struct redis_request, oldest first */

	const char *steps[REDIS_STEPS_MAX]; /* of the greeting, by their names */
	unsigned n_steps, step;
	struct redis_server server; /* once UP, if primary */
	uint64_t generation;        /* raised by each open */
	uint64_t n_replies;         /* to calls, since UP */

	struct event timer, flush;
	int64_t open_until_us, try_until_us; /* all attempts of this open; the present address */
	int64_t wake_us;                     /* when timer fires; 0: not armed */
	bool want_drop;                      /* after the callback that is running */
	char why[192];                       /* the last reason */
};

void redis_conn_init(struct redis_conn *c, struct redis_env *env,
	const struct redis_conn_events *events, void *owner);
/* Calls under way get NULL; on_down is not told. */
void redis_conn_fini(struct redis_conn *c, const char *why);
/*
 * Begin to connect; the state must be IDLE. primary: greet with INFO, refuse a replica. Not from
 * within a callback of this connection, for a reply may be in use. It may fail at once: then
 * on_down runs before this returns.
 */
void redis_conn_open(struct redis_conn *c, const struct redis_url *target, bool primary);
/* Nothing when IDLE; otherwise on_down runs before this returns. */
void redis_conn_close(struct redis_conn *c, const char *why);
/* The same once the reply that is being handed out has been seen by its caller. */
void redis_conn_close_after(struct redis_conn *c, const char *why);
/* As redis_node_call; timeout_us > 0. -1: not UP, or the queue is full. */
int redis_conn_call(struct redis_conn *c, const struct str *argv, size_t argc, int64_t timeout_us,
	redis_reply_f *f, void *arg) TG_MUST_CHECK;

#endif
