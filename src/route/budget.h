/*
 * budget.h: how many requests may be tried again: a fifth of all, and ten a second whatever there
 * is, so that an outage is not answered with a storm. One thread's; time comes as an argument.
 */
#ifndef TG_ROUTE_BUDGET_H
#define TG_ROUTE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/defs.h"

#define BUDGET_RETRY 5                     /* a retry costs what so many requests bring */
#define BUDGET_PER_S (10 * BUDGET_RETRY)   /* and this comes by itself */
#define BUDGET_MOST  (1000 * BUDGET_RETRY) /* no more is saved */
#define BUDGET_FIRST (100 * BUDGET_RETRY)

struct retry_budget { /* zeroed: BUDGET_FIRST, from the first look on */
	int64_t have;
	int64_t at_us; /* 0: nobody looked yet */
};

static inline void retry_budget_tick(struct retry_budget *b, mono_us now)
{
	int64_t more;

	if (b->at_us == 0) {
		b->at_us = TG_MAX(now.us, 1);
		b->have = BUDGET_FIRST;
	}
	more = (now.us - b->at_us) / (1000000 / BUDGET_PER_S);
	if (more <= 0)
		return;
	b->at_us += more * (1000000 / BUDGET_PER_S);
	b->have = TG_MIN(b->have + TG_MIN(more, (int64_t)BUDGET_MOST), (int64_t)BUDGET_MOST);
}

/* A request came. */
static inline void retry_budget_add(struct retry_budget *b)
{
	if (b->have < BUDGET_MOST)
		b->have++;
}

/* May one be tried again? */
static inline bool retry_budget_take(struct retry_budget *b, mono_us now)
{
	retry_budget_tick(b, now);
	if (b->have < BUDGET_RETRY)
		return false;
	b->have -= BUDGET_RETRY;
	return true;
}

#endif
