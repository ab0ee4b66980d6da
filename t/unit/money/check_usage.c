/* usage.c: the bucket table holds together, and sums of hostile figures do not wrap. */
#include "unit/unit.h"
#include "money/usage.h"

START_TEST(parents_lead_to_a_root_of_the_same_side)
{
	for (unsigned b = 0; b < USAGE__MAX; b++) {
		struct str name = str_z(usage_bucket_name((enum usage_bucket)b));
		enum usage_bucket up = (enum usage_bucket)b;
		unsigned steps = 0;

		while (usage_bucket_parent(up) != USAGE_NONE) {
			up = usage_bucket_parent(up);
			ck_assert_uint_lt(++steps, USAGE__MAX);
		}
		ck_assert(up == (str_starts(name, STR("input")) ? USAGE_IN : USAGE_OUT));
	}
}
END_TEST

START_TEST(each_bucket_counts_on_its_side_once)
{
	for (unsigned b = 0; b < USAGE__MAX; b++) {
		struct usage u = { .n = { 0 } };
		bool input =
			str_starts(str_z(usage_bucket_name((enum usage_bucket)b)), STR("input"));

		u.n[b] = 7;
		ck_assert_uint_eq(usage_input(&u), input ? 7 : 0);
		ck_assert_uint_eq(usage_output(&u), input ? 0 : 7);
	}
}
END_TEST

START_TEST(sums_stay_at_the_top_instead_of_wrapping)
{
	struct usage u = { .n = { 0 } };

	u.n[USAGE_IN] = UINT64_MAX;
	u.n[USAGE_IN_IMAGE] = 2;
	u.n[USAGE_OUT] = UINT64_MAX - 1;
	u.n[USAGE_OUT_AUDIO] = 1;
	ck_assert_uint_eq(usage_input(&u), UINT64_MAX);
	ck_assert_uint_eq(usage_output(&u), UINT64_MAX);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(usage_bucket_name(USAGE_IN_CACHE_WRITE_1H), "input_cache_write_1h");
	ck_assert(usage_bucket_parent(USAGE_IN_CACHE_WRITE_1H) == USAGE_IN_CACHE_WRITE_5M);
	ck_assert_str_eq(usage_source_name(USAGE_ABSENT), "absent");
	ck_assert_str_eq(usage_source_name(USAGE_ESTIMATED), "estimated");
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, parents_lead_to_a_root_of_the_same_side);
	tcase_add_test(tc, each_bucket_counts_on_its_side_once);
	tcase_add_test(tc, sums_stay_at_the_top_instead_of_wrapping);
	tcase_add_test(tc, names);
}

UNIT_MAIN("usage", tests)
