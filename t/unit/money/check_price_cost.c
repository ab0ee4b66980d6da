/* price_cost.c: exact sums over buckets, parents' prices, tiers, and what has no price. */
#include "unit/unit.h"
#include "unit/money/big.h"
#include "money/pricebook.h"

#define CASES 100000

/* gpt-4o-mini's shape, in pico per token */
static const struct price mini = {
	.has = { [USAGE_IN] = true, [USAGE_IN_CACHE_READ] = true, [USAGE_OUT] = true },
	.unit = { [USAGE_IN] = 150000, [USAGE_IN_CACHE_READ] = 75000, [USAGE_OUT] = 600000 },
};

START_TEST(disjoint_buckets_add_up)
{
	struct usage u = {
		.n = { [USAGE_IN] = 1000, [USAGE_IN_CACHE_READ] = 500, [USAGE_OUT] = 20 }
	};
	pico_usd cost;
	unsigned flags = 99;

	ck_assert_int_eq(price_cost(&mini, &u, &cost, &flags), 0);
	ck_assert_int_eq(cost, 1000 * 150000 + 500 * 75000 + 20 * 600000);
	ck_assert_uint_eq(flags, 0);
	ck_assert_int_eq(price_cost(&mini, &u, &cost, NULL), 0);
}
END_TEST

START_TEST(a_bucket_without_price_takes_its_parents)
{
	struct price p = mini;
	struct usage u = { .n = { [USAGE_OUT_REASONING] = 3 } };
	pico_usd cost;
	unsigned flags;

	ck_assert_int_eq(price_cost(&p, &u, &cost, &flags), 0);
	ck_assert_int_eq(cost, 3 * 600000);
	ck_assert_uint_eq(flags, PRICE_PARENT);
	/* two steps up: an hour's write -> five minutes' write -> input */
	u = (struct usage){ .n = { [USAGE_IN_CACHE_WRITE_1H] = 2 } };
	ck_assert_int_eq(price_cost(&p, &u, &cost, &flags), 0);
	ck_assert_int_eq(cost, 2 * 150000);
	p.has[USAGE_IN_CACHE_WRITE_5M] = true;
	p.unit[USAGE_IN_CACHE_WRITE_5M] = 187500;
	ck_assert_int_eq(price_cost(&p, &u, &cost, &flags), 0);
	ck_assert_int_eq(cost, 2 * 187500);
	ck_assert_uint_eq(flags, PRICE_PARENT);
}
END_TEST

START_TEST(without_any_price_it_is_unpriced_not_free)
{
	struct price input_only = { .has = { [USAGE_IN] = true }, .unit = { [USAGE_IN] = 20000 } };
	struct usage u = { .n = { [USAGE_IN] = 10, [USAGE_OUT_AUDIO] = 1 } };
	struct usage search = { .n = { [USAGE_IN] = 1, [USAGE_WEB_SEARCHES] = 1 } };
	pico_usd cost = -7;
	unsigned flags = 99;

	ck_assert_int_eq(price_cost(&input_only, &u, &cost, &flags), -1);
	ck_assert_int_eq(price_cost(&input_only, &search, &cost, &flags), -1);
	ck_assert_int_eq(cost, -7);
	ck_assert_uint_eq(flags, 99);
	u.n[USAGE_OUT_AUDIO] = 0;
	ck_assert_int_eq(price_cost(&input_only, &u, &cost, &flags), 0);
	ck_assert_int_eq(cost, 200000);
}
END_TEST

START_TEST(calls_cost_by_the_call)
{
	struct price p = mini;
	struct usage u = { .n = { [USAGE_IN] = 1, [USAGE_WEB_SEARCHES] = 3 } };
	pico_usd cost;

	p.has[USAGE_WEB_SEARCHES] = true;
	p.unit[USAGE_WEB_SEARCHES] = PICO_PER_USD / 100;
	p.has_request = true;
	p.per_request = 5;
	ck_assert_int_eq(price_cost(&p, &u, &cost, NULL), 0);
	ck_assert_int_eq(cost, 150000 + 3 * (PICO_PER_USD / 100) + 5);
	u = (struct usage){ .n = { 0 } };
	ck_assert_int_eq(price_cost(&p, &u, &cost, NULL), 0);
	ck_assert_int_eq(cost, 5);
}
END_TEST

/* A cliff: all tokens of the request switch, and cached input counts towards the threshold. */
START_TEST(tiers_switch_the_whole_request)
{
	struct price_tier tiers[] = {
		{ .above = 200,
			.has = { [USAGE_IN] = true, [USAGE_OUT] = true },
			.unit = { [USAGE_IN] = 20, [USAGE_OUT] = 30 } },
		{ .above = 400,
			.has = { [USAGE_IN] = true, [USAGE_OUT] = true },
			.unit = { [USAGE_IN] = 100, [USAGE_OUT] = 200 } },
	};
	struct price p = { .has = { [USAGE_IN] = true, [USAGE_OUT] = true },
		.unit = { [USAGE_IN] = 10, [USAGE_OUT] = 15 },
		.tiers = tiers,
		.n_tiers = 2 };
	static const struct {
		uint64_t in, cached, out;
		pico_usd want;
		unsigned flags;
	} rows[] = {
		{ 200, 0, 1, 2000 + 15, 0 },
		{ 201, 0, 1, 4020 + 30, PRICE_TIER },
		{ 101, 100, 0, 201 * 20, PRICE_TIER | PRICE_PARENT },
		{ 400, 0, 1, 8000 + 30, PRICE_TIER },
		{ 401, 0, 1, 40100 + 200, PRICE_TIER },
		{ 1, 0, 100000, 10 + 1500000, 0 },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct usage u = { .n = { [USAGE_IN] = rows[i].in,
					   [USAGE_IN_CACHE_READ] = rows[i].cached,
					   [USAGE_OUT] = rows[i].out } };
		pico_usd cost;
		unsigned flags;

		ck_assert_int_eq(price_cost(&p, &u, &cost, &flags), 0);
		ck_assert_int_eq(cost, rows[i].want);
		ck_assert_uint_eq(flags, rows[i].flags);
	}
}
END_TEST

/* Random prices and usage against big integers, overflow included. */
START_TEST(equals_exact_arithmetic)
{
	uint64_t rnd = 11;
	int fits = 0;

	for (int i = 0; i < CASES; i++) {
		struct price p = { .has = { false } };
		struct usage u = { .n = { 0 } };
		struct big want = big_u64(0);
		pico_usd got = -7;
		int64_t exact;

		for (unsigned b = 0; b < USAGE__MAX; b++) {
			p.has[b] = true;
			p.unit[b] = (pico_usd)rnd_wide(&rnd, 34);
			u.n[b] = rnd_wide(&rnd, 34);
			want = big_add(
				want, big_mul(big_u64(u.n[b]), big_u64((uint64_t)p.unit[b])));
		}
		if (big_fits(want, &exact)) {
			fits++;
			if (price_cost(&p, &u, &got, NULL) != 0 || got != exact)
				ck_abort_msg("case %d: %lld, not %lld", i, (long long)got,
					(long long)exact);
		} else if (price_cost(&p, &u, &got, NULL) != -1 || got != -7) {
			ck_abort_msg("case %d: an overflow became %lld", i, (long long)got);
		}
	}
	ck_assert_int_gt(fits, CASES / 10);
	ck_assert_int_lt(fits, CASES);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, disjoint_buckets_add_up);
	tcase_add_test(tc, a_bucket_without_price_takes_its_parents);
	tcase_add_test(tc, without_any_price_it_is_unpriced_not_free);
	tcase_add_test(tc, calls_cost_by_the_call);
	tcase_add_test(tc, tiers_switch_the_whole_request);
	tcase_add_test(tc, equals_exact_arithmetic);
}

UNIT_MAIN("price_cost", tests)
