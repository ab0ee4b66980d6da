/*
 * ceiling.h: what a single request may cost at most: `max_cost` of its key, tenant and tier, or the
 * lower figure that it brings itself (x-tollgate-max-cost). All of its legs count together; one
 * that could break the ceiling is not sent.
 *
 *	IDENT  ceiling_of_request       ROUTE  ceiling_would_fit: targets that fit come first
 *	SEND   ceiling_fits, or ceiling_say and ceiling_refuse
 *
 * It is about what the tenant is billed. Runs on the request's worker.
 */
#ifndef TG_CORE_CEILING_H
#define TG_CORE_CEILING_H

#include <stdbool.h>

#include "core/module.h"
#include "money/money.h"

struct req;
struct route_target;

enum ceiling_whose {
	CEILING_NONE,
	CEILING_REQUEST,
	CEILING_KEY,
	CEILING_TENANT,
	CEILING_TIER,
	CEILING_ROUTE
};

struct ceiling {
	enum ceiling_whose whose; /* CEILING_NONE: there is none */
	pico_usd pico;
	const char *text; /* what ceiling_say found */
};

/* The lower of what is there and a stated one; 0 states nothing. */
void ceiling_lower(struct ceiling *c, enum ceiling_whose whose, pico_usd stated);
/* Its own and its key's; STEP_REPLY: its own is malformed, and that was answered. */
enum step_rc ceiling_of_request(struct req *r) TG_MUST_CHECK;

/* May the leg that has begun be sent? */
bool ceiling_fits(const struct req *r);
/* Would one to t, a route of the model, if it came next? And what would it cost at most? The leg
 * that is over is charged by this. */
bool ceiling_would_fit(struct req *r, const struct route_target *t);
pico_usd ceiling_bound(struct req *r, const struct route_target *t);

/* Compose what is said of the leg that has begun and does not fit, and then, at any time, say it.
 */
void ceiling_say(struct req *r);
enum step_rc ceiling_refuse(struct req *r);

#endif
