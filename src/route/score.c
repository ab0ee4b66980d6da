/*
 * score.c: see score.h. Two divisions a choice, none for each candidate.
 */
#include "route/score.h"

#define NOMINAL_COST 1000000 /* pico-USD: where all are free, 1 millionth of a dollar stands in */

static uint64_t worth(uint32_t weight, pico_usd cost, uint64_t best)
{
	unsigned __int128 v = (unsigned __int128)(uint64_t)cost * weight;

	v = (v << 20) / SCORE_WEIGHT_ONE;
	v /= TG_MAX(best, (uint64_t)1);
	return v > INT64_MAX ? INT64_MAX : (uint64_t)v;
}

struct score_rates score_rates_of(const struct score_rule *rule, const struct score_best *best)
{
	pico_usd cost = best->cost == INT64_MAX ? NOMINAL_COST : best->cost;

	if (rule->dollars)
		return (struct score_rates){ .k = SCORE_WEIGHT_ONE,
			.per_us_q20 = worth(SCORE_WEIGHT_ONE, rule->per_second, 1000000),
			.per_fail_q20 = worth(SCORE_WEIGHT_ONE, rule->per_failure, 65536) };
	return (struct score_rates){ .k = rule->cost,
		.per_us_q20 = worth(rule->performance, cost, best->time_us),
		.per_fail_q20 = worth(rule->availability, cost, best->fail_q16) };
}

static int64_t product(uint64_t a, uint64_t b, unsigned shift)
{
	unsigned __int128 v = (unsigned __int128)a * b >> shift;

	return v > SCORE_MAX / 4 ? SCORE_MAX / 4 : (int64_t)v;
}

struct score score_of(const struct score_rates *r, const struct score_terms *t)
{
	/* 1/10000 as a product: 2^40 / 10000, rounded up */
	int64_t paid = product((uint64_t)t->cost, t->tries_q10, 10);
	struct score s = {
		.cost = r->k == SCORE_WEIGHT_ONE
				? paid
				: product((uint64_t)paid, (uint64_t)r->k * 109951163, 40),
		.time = product(r->per_us_q20, t->time_us, 20),
		.fail = product(r->per_fail_q20, t->fail_q16, 20),
	};

	s.total = product((uint64_t)(s.cost + s.time + s.fail), t->load_q10, 10);
	return s;
}
