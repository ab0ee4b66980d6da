/*
 * uppool.h: a worker's keep-alive connections to one endpoint (scheme, host, port, TLS settings,
 * proxy). LIFO; an idle connection keeps its read event, and anything readable on it closes it.
 * Connecting tries all addresses.
 */
#ifndef TG_CORE_UPPOOL_H
#define TG_CORE_UPPOOL_H

#include "core/config.h"
#include "core/worker.h"
#include "base/str.h"
#include "io/stream.h"

#define UPCONN_MAGIC 0x5550434e

struct attempt;
struct target;

enum upconn_state { UP_CONNECTING, UP_PROXY, UP_TLS, UP_BUSY, UP_IDLE, UP_DEAD };

struct uppool {
	struct list node; /* worker.pools */
	struct worker *w;
	char *key;
	struct list idle; /* newest first */
	unsigned n_idle;
	SSL_SESSION *session;  /* for resumption */
	unsigned session_conf; /* generation whose TLS settings it was verified with */
	int last_addr;         /* the address that worked last */
	struct cfg_upstream
		clocks; /* of the target that asked last: idle connections outlive configurations */
};

struct upconn {
	unsigned magic;
	enum upconn_state state;
	struct worker *w;
	struct uppool *pool;
	struct stream st;
	struct list node;         /* pool.idle, or worker.dead_upconns */
	struct timer timer;       /* connect clock, or idle clock */
	unsigned conf_generation; /* of the TLS settings in use */
	struct attempt *attempt;  /* BUSY and before */
	struct target *target;    /* while connecting, and busy */
	int addr_at, addr_tries, n_addrs;
	struct sockaddr_any *addrs; /* while connecting */
	char *in;                   /* part of a head */
	size_t in_len, in_cap, in_resume;
};

/* A connection for the attempt: attempt_on_connected is called, possibly before returning. */
void uppool_take(struct worker *w, struct target *t, struct attempt *a, bool fresh);
/* The exchange is complete: keep it (reusable) or close it. */
void uppool_give(struct upconn *u, bool reusable);
/* Input of an unfinished head: put it in front of the n bytes in the worker's scratch; the new n.
 */
size_t upconn_gather(struct upconn *u, char *scratch, size_t n);
/* Keep bytes of an unfinished head for the next read. -1: too many. */
int upconn_keep(struct upconn *u, struct str bytes) TG_MUST_CHECK;
/* Frees what closed connections left behind: end of the turn. */
void upconn_reap(struct worker *w);
/* Close every idle connection (drain, or a target that went away). */
void uppool_close_idle(struct worker *w);
void uppool_fini_all(struct worker *w);

#endif
