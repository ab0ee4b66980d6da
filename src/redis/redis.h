/*
 * redis.h: a Redis client on an event loop: one server, the primary that sentinels name, or the
 * primaries of a cluster. RESP2. It owns its connections, makes them again when they are lost, and
 * never blocks. Everything here runs on the thread of the event_base.
 *
 *	redis (client) -- redis_node (a primary's place) -- one connection at a time -- calls, in
 *order
 *
 * A node is up from on_up to on_down; in between it is one connection to one server process
 * (run_id). What must not outlive that connection (an epoch, "asserted") is dropped in on_down, and
 * calls that name a run_id go by redis_node_call: they are never sent on another connection.
 */
#ifndef TG_REDIS_REDIS_H
#define TG_REDIS_REDIS_H

#include <event2/event.h>

#include "base/defs.h"
#include "base/str.h"
#include "redis/redis_value.h"

typedef struct ssl_ctx_st SSL_CTX;
struct resolver;

struct redis;
struct redis_node;

#define REDIS_RUN_ID_MAX            64
#define REDIS_URLS_MAX              32
#define REDIS_SLOTS                 16384
#define REDIS_VERSION(major, minor) ((major)*1000u + (minor))

enum redis_mode { REDIS_STANDALONE, REDIS_SENTINEL, REDIS_CLUSTER };

/*
 * What a client is made from; all texts are copied. Zero or empty: the default in brackets.
 *
 * URLs: redis://[user[:password]@]host[:port][/db], rediss:// (TLS), unix:/path[?db=n]. A password
 * alone is redis://:password@host. User and password may be percent-encoded. username and
 * password below hold where the URL has none of its own. But the URLs of sentinels are the
 * sentinels' alone: their login is the URL's or sentinel_username and sentinel_password.
 */
struct redis_conf {
	enum redis_mode mode;
	struct str urls[REDIS_URLS_MAX]; /* one; sentinels; or nodes of a cluster to begin with */
	size_t n_urls;
	struct str primary;            /* REDIS_SENTINEL: the name that the sentinels know it by */
	struct str username, password; /* AUTH; a password alone: the default user's */
	struct str sentinel_username, sentinel_password; /* where a sentinel's URL has none */
	unsigned db;                /* where the URL names none; 0 in a cluster */
	struct str client_name;     /* CLIENT SETNAME: printable, no spaces [not sent] */
	SSL_CTX *tls;               /* for rediss://, see redis_conf_tls; outlives the client */
	struct str tls_name;        /* what certificates must be made out to [the URL's host] */
	int64_t connect_timeout_us; /* name, connect, TLS, AUTH, INFO: all together [2 s] */
	int64_t call_timeout_us;    /* of calls that do not say [100 ms] */
	int64_t backoff_min_us, backoff_max_us; /* between attempts [0.1 s, 1 s] */
	size_t queue_max_bytes;                 /* commands not yet sent, of a connection [8 MB] */
	size_t reply_max_bytes;                 /* of one reply [4 MB] */
	size_t reply_max_items;                 /* of one reply, nested ones included [64 Ki] */
};

/* What the server said right after the connection was made. */
struct redis_server {
	char run_id[REDIS_RUN_ID_MAX];
	char version_text[32];
	unsigned version;   /* REDIS_VERSION(major, minor) */
	bool is_primary;    /* always true in on_up */
	char policy[32];    /* maxmemory-policy; "" when it does not tell */
	bool may_evict;     /* a policy other than noeviction: keys may vanish */
	uint64_t maxmemory; /* 0: no limit */
};

struct redis_events {
	/* Connected, authenticated, and nothing else was sent yet. May make calls. */
	void (*on_up)(struct redis_node *n, const struct redis_server *s, void *arg);
	/* The connection is gone and its calls have got their NULL. why: for people. */
	void (*on_down)(struct redis_node *n, const char *why, void *arg);
	/* Cluster: slots are served by other nodes than before. May be NULL. */
	void (*on_moved)(struct redis *r, void *arg);
};

/* Is conf sound? For a configuration's check: without any I/O. -1: err says what would be right. */
int redis_conf_check(const struct redis_conf *conf, char *err, size_t err_len) TG_MUST_CHECK;
/* Does any URL ask for TLS, so that conf->tls is needed? */
bool redis_conf_tls(const struct redis_conf *conf);

/*
 * A client that begins to connect at once, from the next turn of the loop on (so no callback comes
 * before this returns). resolver and base outlive it. NULL: err says why (redis_conf_check).
 */
struct redis *redis_new(struct event_base *base, struct resolver *resolver,
	const struct redis_conf *conf, const struct redis_events *events, void *arg, char *err,
	size_t err_len);
/*
 * Closes everything. Calls under way get their NULL before this returns; on_down is not told. Not
 * from within a callback of this client.
 */
void redis_free(struct redis *r);

/*
 * Gets the reply of one call: reply, or NULL and why (deadline, connection lost; for people). An
 * error of the server is a reply: REDIS_ERROR. Called once for each call that was taken (0), never
 * before the call returns. May make calls.
 */
typedef void redis_reply_f(const struct redis_value *reply, const char *why, void *arg);

/*
 * Send a command on the connection that n has now. argv is copied. timeout_us: until the reply is
 * there [0: call_timeout_us]; a deadline that passes closes the connection, and with it every call
 * under way gets NULL. -1: nothing was sent and f will not be called (n is down, or
 * queue_max_bytes). Commands that change how replies come (SUBSCRIBE, MONITOR, CLIENT REPLY, HELLO,
 * QUIT) must not be sent. MOVED, ASK and READONLY are told as the errors they are; the client then
 * looks for where things are by itself.
 */
int redis_node_call(struct redis_node *n, const struct str *argv, size_t argc, int64_t timeout_us,
	redis_reply_f *f, void *arg) TG_MUST_CHECK;
/*
 * The same to whoever serves key (any bytes; only a cluster looks at it). In a cluster MOVED and
 * ASK are followed; so not for what names a connection's run_id.
 */
int redis_call(struct redis *r, struct str key, const struct str *argv, size_t argc,
	int64_t timeout_us, redis_reply_f *f, void *arg) TG_MUST_CHECK;

/* ---- nodes: the pointers are good until redis_free; after on_down one may come back as another
 * server. */

/* Who serves key now, up or not; NULL: nobody is known (yet). */
struct redis_node *redis_node_of(struct redis *r, struct str key);
/* The same for a slot, 0 to REDIS_SLOTS - 1 (outside of a cluster all are the one node's). */
struct redis_node *redis_node_of_slot(struct redis *r, unsigned slot);
/* All that are up: NULL begins, NULL ends. */
struct redis_node *redis_node_next(struct redis *r, struct redis_node *after);
/* While n is up: its server. NULL otherwise. */
const struct redis_server *redis_node_server(const struct redis_node *n);
/* "127.0.0.1:6379", "unix:/path": for people. */
const char *redis_node_name(const struct redis_node *n);
/* Why n is not up ("connecting", "AUTH: WRONGPASS ..."); "" when it is. */
const char *redis_node_why(const struct redis_node *n);
/* Counts connections: two calls were sent on the same one if it was the same before each. */
uint64_t redis_node_generation(const struct redis_node *n);
/*
 * Close n's connection as if it were lost and make it again after the backoff: for a user that
 * found its answers not to be trusted. Not from within a callback of on_down.
 */
void redis_node_drop(struct redis_node *n, const char *why);
/* The user's own word on a node. */
void redis_node_set_user(struct redis_node *n, void *user);
void *redis_node_user(const struct redis_node *n);
/* Whose node it is. */
struct redis *redis_node_client(const struct redis_node *n);

#endif
