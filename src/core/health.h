/*
 * health.h: what a request's exchange tells about its target, and where else the request may go.
 *
 *	ROUTE    health_take: in flight there, of its capacity; a probe, when it is one
 *	attempt  health_head, health_error, health_failed: what came
 *	end      health_leave, also before another target is chosen; health_done with times and
 *tokens
 *
 * Runs on the request's worker; what it writes are atomics of struct spot and account_state.
 */
#ifndef TG_CORE_HEALTH_H
#define TG_CORE_HEALTH_H

#include <stdbool.h>

#include "base/clock.h"
#include "core/error_class.h"
#include "core/provider.h"

struct attempt;
struct req;
struct spot;
struct target;
struct worker;

struct route_use {         /* in the request: where it is now */
	struct spot *spot; /* NULL: nowhere */
	const struct target *target;
	uint64_t tokens; /* taken of the target's capacity */
	bool probe;
	uint8_t leg_no;            /* the request's leg before this one */
	bool judged;               /* told already: good or bad */
	bool paused;               /* the client was the slower one: times say nothing */
	int64_t sent_us, first_us; /* monotonic; 0: not yet */
};

/* tokens: expected. False: its capacity was taken by others meanwhile, nothing is taken. */
bool health_take(struct req *r, const struct target *t, struct spot *s, uint64_t tokens,
	bool probe) TG_MUST_CHECK;
/* It is there no longer. */
void health_leave(struct req *r);
/* The request is over; its leg is charged. */
void health_done(struct req *r);

/* An answer's head, final. */
void health_head(struct attempt *a, const struct http_head *h);
/* What its body says of an error. */
void health_error(struct attempt *a, enum error_class is);
/* No answer, or not all of it. */
void health_failed(struct attempt *a, bool timeout);
/* All of it may have come, but it is none that its API has. */
void health_spoiled(struct req *r);
/* The account is refused. */
void health_refused(struct attempt *a, int status);

/* Is it the operator's wish that it is not asked? */
bool health_is_drained(const struct target *t);
/* Would it be asked? */
bool health_is_up(const struct target *t, const struct spot *s, mono_us now);

/* Does it speak the API that the request came by? */
bool req_target_speaks(const struct req *r, const struct target *t);
/* May route i of the request's model still be asked: in its dialect, allowed by the path, not
 * tried? */
bool req_route_open(const struct req *r, unsigned i);
/* Is there any such route, or a model to fall back to? */
bool req_has_other_route(const struct req *r);
/* The next model of the fallback chain that its key may use; false: none. r->model is it then, with
 * all its routes open. */
bool req_fall_back(struct req *r);
/* Is there one? */
bool req_has_fallback(const struct req *r);
/* The routes whose model takes no longer prompts than this one's are not asked any more. */
void req_close_short_routes(struct req *r);
/* May it be sent once more (it can be)? Takes one out of the worker's budget. */
bool req_may_retry(struct req *r);

#endif
