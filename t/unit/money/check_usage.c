/* usage.c: the bucket table holds together, and sums of hostile figures do not wrap. */
#include "unit/unit.h"
#include "money/usage.h"

START_TEST(parents_lead_to_a_root_of_the_same_kind)
{
	for (unsigned b = 0; b < USAGE__MAX; b++) {
		enum usage_kind kind = usage_bucket_kind((enum usage_bucket)b);
		enum usage_bucket up = (enum usage_bucket)b;
		unsigned steps = 0;

		while (usage_bucket_parent(up) != USAGE_NONE) {
			up = usage_bucket_parent(up);
			ck_assert(usage_bucket_kind(up) == kind);
			ck_assert_uint_lt(++steps, USAGE__MAX);
		}
		if (kind == USAGE_INPUT)
			ck_assert(up == USAGE_IN);
		if (kind == USAGE_OUTPUT)
			ck_assert(up == USAGE_OUT);
	}
}
END_TEST

/* Sums go over ranges: the table lists inputs, then outputs, then units. */
START_TEST(kinds_are_listed_together)
{
	for (unsigned b = 0; b < USAGE__MAX; b++) {
		enum usage_kind kind = usage_bucket_kind((enum usage_bucket)b);

		ck_assert(kind == (b < USAGE_FIRST_OUTPUT        ? USAGE_INPUT
					  : b < USAGE_FIRST_UNIT ? USAGE_OUTPUT
								 : USAGE_UNIT));
	}
}
END_TEST

START_TEST(each_bucket_counts_on_its_side_once)
{
	for (unsigned b = 0; b < USAGE__MAX; b++) {
		struct usage u = { .n = { 0 } };
		enum usage_kind kind = usage_bucket_kind((enum usage_bucket)b);

		u.n[b] = 7;
		ck_assert_uint_eq(usage_input(&u), kind == USAGE_INPUT ? 7 : 0);
		ck_assert_uint_eq(usage_output(&u), kind == USAGE_OUTPUT ? 7 : 0);
	}
}
END_TEST

/* Codes are in the ledger: each leads back to its bucket, and to no other. */
START_TEST(codes_lead_back)
{
	for (unsigned b = 0; b < USAGE__MAX; b++)
		ck_assert(usage_bucket_of_code(usage_bucket_code((enum usage_bucket)b)) == b);
	ck_assert(usage_bucket_of_code(0) == USAGE_NONE);
	ck_assert(usage_bucket_of_code(255) == USAGE_NONE);
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
	tcase_add_test(tc, parents_lead_to_a_root_of_the_same_kind);
	tcase_add_test(tc, kinds_are_listed_together);
	tcase_add_test(tc, each_bucket_counts_on_its_side_once);
	tcase_add_test(tc, codes_lead_back);
	tcase_add_test(tc, sums_stay_at_the_top_instead_of_wrapping);
	tcase_add_test(tc, names);
}

UNIT_MAIN("usage", tests)
