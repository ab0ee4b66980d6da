/*
 * score.h: how dear a candidate is, in one unit: the money it is expected to cost, and what its
 * slowness and its failures are worth (docs/internals/routing.md). Pure, integers.
 *
 *	G = (k C/p + l_t T + l_f F) * load
 */
#ifndef TG_ROUTE_SCORE_H
#define TG_ROUTE_SCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "money/money.h"

#define SCORE_WEIGHT_ONE 10000 /* weights come in 1/10000 */
#define SCORE_MAX        (INT64_MAX / 4)

struct score_rule {
	bool dollars;
	uint32_t cost, performance, availability; /* weights, 1/10000 */
	pico_usd per_second, per_failure; /* dollars: what they are worth; cost counts once */
};

struct score_terms {        /* of one candidate */
	pico_usd cost;      /* expected */
	uint64_t time_us;   /* expected */
	uint32_t fail_q16;  /* upper bound of the rate of failures */
	uint32_t tries_q10; /* 1 / success, 1/1024 */
	uint32_t load_q10;  /* 1024: idle */
};

struct score_rates {           /* of one choice: what a term is worth */
	uint32_t k;            /* cost, 1/10000 */
	uint64_t per_us_q20;   /* pico-USD per microsecond, 1/2^20 */
	uint64_t per_fail_q20; /* pico-USD per 1/65536 of failures, 1/2^20 */
};

struct score { /* pico-USD */
	int64_t cost, time, fail, total;
};

/* The best of the candidates gives weights their worth in dollars: one call for each. */
struct score_best {
	pico_usd cost;
	uint64_t time_us;
	uint32_t fail_q16;
};
static inline void score_best_init(struct score_best *b)
{
	*b = (struct score_best){ INT64_MAX, UINT64_MAX, UINT32_MAX };
}
static inline void score_best_add(struct score_best *b, const struct score_terms *t)
{
	if (t->cost > 0 && t->cost < b->cost)
		b->cost = t->cost;
	if (t->time_us < b->time_us)
		b->time_us = t->time_us;
	if (t->fail_q16 < b->fail_q16)
		b->fail_q16 = t->fail_q16;
}

struct score_rates score_rates_of(const struct score_rule *rule, const struct score_best *best);
struct score score_of(const struct score_rates *r, const struct score_terms *t);

/* 1 + in flight / capacity, in 1/1024; capacity above 0. */
static inline uint32_t score_load(uint32_t inflight, uint32_t capacity)
{
	return 1024 + (uint32_t)(((uint64_t)inflight << 10) / capacity);
}

#endif
