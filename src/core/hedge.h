/*
 * hedge.h: a second try beside a first one that is slow to begin to answer (`hedge` of a model).
 * The twin is an ordinary request on a connection without a client, with everything of its
 * original's but the target. Whichever of the two has the head of an answer first has the client
 * from there on; the other one is cancelled. Each is held and settled for itself. One worker.
 */
#ifndef TG_CORE_HEDGE_H
#define TG_CORE_HEDGE_H

#include <stdatomic.h>

#include "base/clock.h"
#include "io/timer.h"
#include "ledger/record.h"

#define HEDGE_SAMPLES 64 /* so many first bytes, before their p95 is believed */

struct req;
struct worker;

struct model_hedge {      /* in the plan, of a model */
	int64_t after_us; /* 0: the p95 */
	int64_t share_bp;
	size_t max_body;
	_Atomic int64_t p95_us;   /* of the first byte of an answer, as it is learned */
	_Atomic unsigned samples; /* up to HEDGE_SAMPLES */
	_Atomic int64_t credit;   /* in 1/10000 of a hedge: each request brings its share */
};

struct hedge { /* from when a request may be hedged until it and its twin are settled */
	struct req *original, *twin; /* NULL: settled, or not there (yet) */
	bool waiting;                /* the twin's connection has not begun */
	bool decided;                /* one of them has the client for good */
	struct rec_id of;            /* the original */
	struct model_hedge *plan;
	mono_us sent;
	struct timer clock;
};

/* "p95" or a duration. -1: neither; why says what would be right. */
struct conf_why;
int hedge_parse(struct str after, int64_t *after_us, struct conf_why *why) TG_MUST_CHECK;

/* After how long without a byte of an answer; 0: not known yet. Whether the share is used up now.
 */
int64_t hedge_due_us(const struct model_hedge *m);
bool hedge_is_used_up(const struct model_hedge *m);
/* Why r has no second try, however slow it is; NULL: it may have one. Its body has been read. */
const char *hedge_why_not(const struct req *r, const struct model_hedge *m);
/* r is held and about to be sent: watch it, if its model says so. */
void hedge_watch(struct req *r);
/* For conn.c, of a twin's connection: may it begin; it has gone without having begun. */
bool hedge_may_begin(const struct worker *w, const struct hedge *h);
void hedge_gone(struct hedge *h);
/* For req.c: r is the twin. -1: no memory for what it takes from its original. */
int hedge_begin(struct req *r, struct hedge *h) TG_MUST_CHECK;
/* Is it a twin that nobody waits for yet? Tried once, and nowhere else. */
bool hedge_is_twin(const struct req *r);
/* The model and what was tried are its original's. */
void hedge_take_model(struct req *r);
/* The head of an answer that is passed on has come: the race is decided. */
void hedge_head(struct req *r, int status);
/* The client has left, or r is settled. */
void hedge_leave(struct req *r);
void hedge_settled(struct req *r);

#endif
