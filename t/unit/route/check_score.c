/*
 * check_score.c: the score: units do not matter, what is nearly dead does not win for being cheap,
 * dollars say what they say, large figures do not wrap.
 */
#include "unit/unit.h"

#include "route/score.h"

#define N           4
#define P(permille) (65536 * (permille) / 1000)

static const struct score_rule usual = { .cost = 4000, .performance = 4000, .availability = 2000 };

static uint32_t tries(uint32_t fail_q16)
{
	return (uint32_t)((UINT64_C(1) << 26) / (65536 - fail_q16));
}

static struct score_terms terms(pico_usd cost, uint64_t time_us, uint32_t fail_q16)
{
	return (struct score_terms){ cost, time_us, fail_q16, tries(fail_q16), 1024 };
}

static void score_all(
	const struct score_rule *rule, const struct score_terms *t, unsigned n, struct score *out)
{
	struct score_best best;
	struct score_rates rates;

	score_best_init(&best);
	for (unsigned i = 0; i < n; i++)
		score_best_add(&best, &t[i]);
	rates = score_rates_of(rule, &best);
	for (unsigned i = 0; i < n; i++)
		out[i] = score_of(&rates, &t[i]);
}

static unsigned best_of(const struct score *s, unsigned n)
{
	unsigned at = 0;

	for (unsigned i = 1; i < n; i++)
		if (s[i].total < s[at].total)
			at = i;
	return at;
}

/* Prices in another currency, or times in another unit: every order of two stays. */
START_TEST(units)
{
	static const int64_t factors[] = { 2, 7, 100, 1000, 1000000 };
	uint32_t rng = 2463534242u;

	for (unsigned round = 0; round < 2000; round++) {
		struct score_terms t[N], u[N];
		struct score a[N], b[N];
		int64_t f = factors[round % 5];
		bool money = round % 2 == 0;

		for (unsigned i = 0; i < N; i++) {
			rng = rng * 1664525 + 1013904223;
			t[i] = terms(1000000 + (rng >> 4), 20000 + (rng >> 11), 2000 + (rng >> 18));
			u[i] = t[i];
			if (money)
				u[i].cost *= f;
			else
				u[i].time_us *= (uint64_t)f;
		}
		score_all(&usual, t, N, a);
		score_all(&usual, u, N, b);
		for (unsigned i = 0; i < N; i++)
			for (unsigned k = 0; k < N; k++) {
				/* but for what rounding makes of equals: 1 in 10,000 */
				if (a[i].total > a[k].total + a[k].total / 10000)
					ck_assert_int_gt(b[i].total, b[k].total);
			}
	}
}
END_TEST

/* The formula of sums picks the dead one for its price; this does not. */
START_TEST(nearly_dead)
{
	struct score_terms t[] = { terms(1000000, 500000, P(950)), terms(10000000, 500000, P(20)) };
	static const struct score_rule rules[] = {
		{ .cost = 4000, .performance = 4000, .availability = 2000 }, { .cost = 10000 },
		{ .cost = 5000, .availability = 5000 }
	};
	struct score s[2];

	for (unsigned i = 0; i < 3; i++) {
		score_all(&rules[i], t, 2, s);
		ck_assert_uint_eq(best_of(s, 2), 1);
	}
}
END_TEST

START_TEST(weights_say)
{
	/* cheap and slow, dear and fast */
	struct score_terms t[] = { terms(1000000, 3000000, P(20)), terms(4000000, 500000, P(20)) };
	static const struct score_rule cheap = { .cost = 8000,
		.performance = 1000,
		.availability = 1000 },
				       fast = { .cost = 1000,
					       .performance = 7000,
					       .availability = 2000 };
	struct score s[2];

	score_all(&cheap, t, 2, s);
	ck_assert_uint_eq(best_of(s, 2), 0);
	score_all(&fast, t, 2, s);
	ck_assert_uint_eq(best_of(s, 2), 1);
}
END_TEST

START_TEST(dollars)
{
	/* 1 s is worth 0.001 USD, a failure 0.1 USD */
	static const struct score_rule rule = {
		.dollars = true, .per_second = PICO_PER_USD / 1000, .per_failure = PICO_PER_USD / 10
	};
	struct score_terms t = { 5000000, 2500000, 6554, 1024, 1024 };
	struct score s;

	score_all(&rule, &t, 1, &s);
	ck_assert_int_eq(s.cost, 5000000);
	ck_assert_int_le(llabs(s.time - PICO_PER_USD / 400), 10000);
	ck_assert_int_le(llabs(s.fail - PICO_PER_USD / 100), 2000000);
	ck_assert_int_eq(s.total, s.cost + s.time + s.fail);
	t.load_q10 = 2048;
	t.tries_q10 = 2048; /* every second try is for nothing */
	score_all(&rule, &t, 1, &s);
	ck_assert_int_eq(s.cost, 10000000);
	ck_assert_int_eq(s.total, 2 * (s.cost + s.time + s.fail));
}
END_TEST

/* Free ones win by price, and their time still counts among themselves. */
START_TEST(free_ones)
{
	struct score_terms t[] = { terms(0, 900000, P(20)), terms(5000000, 900000, P(20)),
		terms(0, 300000, P(20)) };
	struct score s[3];

	score_all(&usual, t, 3, s);
	ck_assert_uint_eq(best_of(s, 3), 2);
	ck_assert_int_lt(s[0].total, s[1].total);
	t[1].cost = 0;
	score_all(&usual, t, 3, s);
	ck_assert_uint_eq(best_of(s, 3), 2);
	ck_assert_int_gt(s[2].total, 0);
}
END_TEST

START_TEST(large)
{
	struct score_terms t[] = { { INT64_MAX / 4, UINT32_MAX, 65536, 64 * 1024, UINT32_MAX },
		{ 1, 1, 1, 1024, 1024 } };
	struct score s[2];

	score_all(&usual, t, 2, s);
	ck_assert_int_gt(s[0].total, s[1].total);
	ck_assert_int_le(s[0].total, SCORE_MAX);
	ck_assert_uint_eq(score_load(0, 1), 1024);
	ck_assert_uint_eq(score_load(64, 64), 2048);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, units);
	tcase_add_test(tc, nearly_dead);
	tcase_add_test(tc, weights_say);
	tcase_add_test(tc, dollars);
	tcase_add_test(tc, free_ones);
	tcase_add_test(tc, large);
}

UNIT_MAIN("score", tests)
