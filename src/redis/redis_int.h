/*
 * redis_int.h: what the files of the client share. Everything runs on the client's thread.
 *
 *	redis.c            the client, its calls
 *	redis_node.c       a place for one connection: retries, and what the user is told
 *	redis_probe.c      asks one question to servers in turn until one answers
 *	redis_sentinel.c   who is the primary?
 *	redis_cluster.c    who serves which slot? MOVED and ASK
 */
#ifndef TG_REDIS_REDIS_INT_H
#define TG_REDIS_REDIS_INT_H

#include "redis/redis.h"
#include "redis/redis_conn.h"

#define REDIS_NODES_MAX 1000u

struct redis_node {
	unsigned magic;
#define REDIS_NODE_MAGIC 0x52444e4f
	struct redis *client;
	struct list node; /* in client->nodes */
	struct redis_conn conn;
	struct redis_url target;
	bool used;         /* has a place: is connected, and again when lost */
	bool marked;       /* while a cluster's slots are being read */
	bool up;           /* the user was told so */
	bool no_functions; /* of this connection: redis_script.c */
	struct event retry;
	unsigned failures;   /* in a row; redis_node.c says when they are forgotten */
	int64_t up_us;       /* since when it is up */
	bool dropped;        /* by its user */
	bool worked;         /* what was lost last was a connection that had its use */
	bool comes_and_goes; /* and the one that was up last had none */
	char logged_run_id[REDIS_RUN_ID_MAX];
	char name[REDIS_URL_TEXT_MAX], why[192], logged[192];
	void *user;
};

struct redis_probe {
	struct redis_conn conn;
	struct event next; /* opens the connection: never inside a callback of it */
	unsigned tried;
	bool busy;
	struct str argv[4];
	size_t argc;
	char why[192]; /* of the last one that did not help */
};

struct redis {
	unsigned magic;
#define REDIS_MAGIC 0x52444953
	struct redis_env env;
	enum redis_mode mode;
	struct redis_url *seeds;
	size_t n_seeds, seed_at;
	char user[REDIS_USER_MAX + 1], password[REDIS_PASSWORD_MAX + 1], primary[128];
	unsigned db;
	int64_t call_timeout_us, backoff_min_us, backoff_max_us;
	struct redis_events events;
	void *arg;
	struct list nodes;
	struct redis_node *first; /* standalone and sentinel: the only one */

	struct redis_probe probe;
	struct event look; /* the next question of where things are */
	int64_t look_us;   /* when; 0: not armed */
	int64_t looked_us; /* when the last one was asked */
	unsigned looks_failed;
	bool asking;
	struct redis_node **slots; /* REDIS_CLUSTER: of each slot, NULL: nobody */
	char look_logged[192];
};

/* ---- redis_node.c */

struct redis_node *redis_node_new(struct redis *r);
void redis_node_free(struct redis_node *n);
/* From now on it is to be connected to target, from the next turn on. */
void redis_node_use(struct redis_node *n, const struct redis_url *target);
/* It has no place any more: closed (on_down), and not connected again. */
void redis_node_retire(struct redis_node *n, const char *why);
/* Connect to target now: what its retry asked for. */
void redis_node_open(struct redis_node *n, const struct redis_url *target);
/* Sentinels could not say where it is: the same as a failed attempt. */
void redis_node_failed(struct redis_node *n, const char *why);
int64_t redis_wait_us(const struct redis *r, unsigned failures);

/* ---- redis_probe.c */

void redis_probe_init(struct redis *r);
void redis_probe_fini(struct redis *r);
/*
 * Ask the seeds in turn, beginning with the one that answered last. Ends in redis_looked. argv's
 * texts must stay.
 */
void redis_probe_start(struct redis *r, const struct str *argv, size_t argc);

/* ---- redis_sentinel.c, redis_cluster.c: by r->mode */

/* Ask again: soon, but not more often than the backoff says. */
void redis_look_soon(struct redis *r);
void redis_look_in(struct redis *r, int64_t in_us);
/* The answer of the server at `from`; -1: of no use, *why says so. */
int redis_sentinel_take(struct redis *r, const struct redis_value *v, const struct redis_url *from,
	const char **why) TG_MUST_CHECK;
int redis_cluster_take(struct redis *r, const struct redis_value *v, const struct redis_url *from,
	const char **why) TG_MUST_CHECK;
/* [ "127.0.0.1", "6379" ] into u, which keeps the rest. */
int redis_sentinel_address(const struct redis_value *v, struct redis_url *u) TG_MUST_CHECK;
/* Nobody could say. */
void redis_sentinel_failed(struct redis *r, const char *why);
void redis_cluster_failed(struct redis *r, const char *why);
/* r->look fires. */
void redis_sentinel_look(struct redis *r);
void redis_cluster_look(struct redis *r);
/* An error of a server that says where things are. */
void redis_cluster_on_error(struct redis_node *n, const struct redis_value *v);
/* redis_call in a cluster. */
int redis_cluster_call(struct redis *r, struct str key, const struct str *argv, size_t argc,
	int64_t timeout_us, redis_reply_f *f, void *arg) TG_MUST_CHECK;

/* Who logs in at a server of the data, where the URL did not say. */
void redis_set_login(const struct redis *r, struct redis_url *u);

#endif
