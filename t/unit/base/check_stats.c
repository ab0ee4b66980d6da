/*
 * check_stats.c: counters, and the histogram's promise: never too low, at most 1/16 too high.
 */
#include "base/stats.h"

#include "unit/unit.h"

static struct stat_hist h, sum;

START_TEST(quantile_is_close_for_every_size)
{
	for (uint64_t v = 0; v <= STAT_HIST_MAX_US; v += 1 + v / 50) {
		uint64_t q;

		memset(&h, 0, sizeof h);
		stat_hist_add(&h, (int64_t)v);
		q = stat_hist_quantile(&h, 500);
		ck_assert_uint_ge(q, v);
		ck_assert_uint_le(q, v + v / 16);
		ck_assert_uint_eq(stat_hist_le(&h, q), 1);
		if (v > 0)
			ck_assert_uint_eq(stat_hist_le(&h, v - v / 16 - 1), 0);
	}
}
END_TEST

START_TEST(limits)
{
	ck_assert_uint_eq(stat_hist_quantile(&h, 990), 0);
	ck_assert_uint_eq(stat_hist_le(&h, UINT64_MAX), 0);
	stat_hist_add(&h, -5);
	ck_assert_uint_eq(stat_hist_le(&h, 0), 1);
	stat_hist_add(&h, INT64_MAX);
	stat_hist_add(&h, (int64_t)UINT32_MAX + 1);
	ck_assert_uint_eq(stat_hist_quantile(&h, 1000), UINT32_MAX);
	ck_assert_uint_eq(stat_hist_quantile(&h, 0), 0);
	ck_assert_uint_eq(stat_hist_le(&h, UINT64_MAX), 3);
	ck_assert_uint_eq(stat_get(&h.count), 3);
}
END_TEST

START_TEST(ranks)
{
	for (int64_t v = 1; v <= 1000; v++)
		stat_hist_add(&h, v);
	static const unsigned permilles[] = { 1, 10, 500, 900, 990, 999, 1000 };

	for (size_t i = 0; i < TG_ARRAY_LEN(permilles); i++) {
		uint64_t q = stat_hist_quantile(&h, permilles[i]);

		ck_assert_uint_ge(q, permilles[i]);
		ck_assert_uint_le(q, permilles[i] + permilles[i] / 16);
	}
	ck_assert_uint_eq(stat_get(&h.sum_us), 500500);
	/* Evenly spread values: in proportion within a bucket is exact but for rounding. */
	for (uint64_t v = 0; v <= 991; v++)
		ck_assert_uint_eq(stat_hist_le(&h, v), v);
}
END_TEST

START_TEST(cumulative_counts_never_fall)
{
	uint64_t before = 0;

	for (int64_t v = 1; v < 4000000000; v = v * 3 / 2 + 1)
		stat_hist_add(&h, v);
	for (uint64_t us = 0; us < UINT32_MAX; us += 1 + us / 99) {
		uint64_t now = stat_hist_le(&h, us);

		ck_assert_uint_ge(now, before);
		before = now;
	}
	ck_assert_uint_eq(stat_hist_le(&h, UINT32_MAX), stat_get(&h.count));
}
END_TEST

START_TEST(merge)
{
	for (int i = 0; i < 10; i++)
		stat_hist_add(&h, 100);
	stat_hist_add(&sum, 7);
	stat_hist_merge(&sum, &h);
	stat_hist_merge(&sum, &h);
	ck_assert_uint_eq(stat_get(&sum.count), 21);
	ck_assert_uint_eq(stat_get(&sum.sum_us), 2007);
	ck_assert_uint_eq(stat_hist_le(&sum, 50), 1);
	ck_assert_uint_eq(stat_hist_le(&sum, 110), 21);
	ck_assert_uint_eq(stat_get(&h.count), 10);
}
END_TEST

START_TEST(counter)
{
	struct stat_counter c = { 0 };

	stat_add(&c, 3);
	stat_add(&c, UINT64_C(1) << 40);
	ck_assert_uint_eq(stat_get(&c), (UINT64_C(1) << 40) + 3);
	stat_set(&c, 5);
	ck_assert_uint_eq(stat_get(&c), 5);
}
END_TEST

static void reset(void)
{
	memset(&h, 0, sizeof h);
	memset(&sum, 0, sizeof sum);
}

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, reset, NULL);
	tcase_add_test(tc, quantile_is_close_for_every_size);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, ranks);
	tcase_add_test(tc, cumulative_counts_never_fall);
	tcase_add_test(tc, merge);
	tcase_add_test(tc, counter);
}

UNIT_MAIN("stats", tests)
