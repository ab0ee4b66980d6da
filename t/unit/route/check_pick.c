/*
 * check_pick.c: picks: by weight in proportion, the best of few, power of two choices of many,
 * chance among equals, and now and then anybody.
 */
#include "unit/unit.h"

#include "route/pick.h"

#define DRAWS 60000

static uint32_t rng = 12345;

static uint32_t draw(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return rng;
}

static void shares(const struct pick_item *v, unsigned n, unsigned count[8])
{
	memset(count, 0, 8 * sizeof *count);
	for (unsigned i = 0; i < DRAWS; i++)
		count[pick_scored(v, n, (uint32_t[]){ draw(), draw(), draw() }, NULL)]++;
}

/* in 1/1000, within 1.5 % */
static void is_about(unsigned count, unsigned permille)
{
	unsigned got = count * 1000 / DRAWS;

	ck_assert_msg(got + 15 >= permille && got <= permille + 15, "%u, not %u", got, permille);
}

START_TEST(by_weight)
{
	static const struct pick_item v[] = { { 0, 1 }, { 0, 3 }, { 0, 6 } };
	unsigned count[3] = { 0 };

	for (unsigned i = 0; i < DRAWS; i++)
		count[pick_weighted(v, 3, draw())]++;
	is_about(count[0], 100);
	is_about(count[1], 300);
	is_about(count[2], 600);
	ck_assert_uint_eq(pick_weighted(v, 3, 0), 0);
	ck_assert_uint_eq(pick_weighted(v, 3, UINT32_MAX), 2);
	ck_assert_uint_eq(pick_weighted(v, 1, UINT32_MAX), 0);
}
END_TEST

/* The best, but for 1 in 64 that is drawn by weight. */
START_TEST(best_of_few)
{
	static const struct pick_item v[] = { { 120, 1 }, { 100, 1 }, { 150, 1 } };
	unsigned count[8];

	shares(v, 3, count);
	is_about(count[1], 1000 - 1000 / 64 * 2 / 3);
	ck_assert_uint_gt(count[0], 0);
	ck_assert_uint_gt(count[2], 0);
}
END_TEST

/* Within 5 %: by weight. No oscillation between equals. */
START_TEST(ties)
{
	static const struct pick_item v[] = { { 1000, 1 }, { 1049, 3 }, { 1060, 9 } };
	unsigned count[8];

	shares(v, 3, count);
	is_about(count[0], 250);
	is_about(count[1], 740);
	ck_assert_uint_lt(count[2], DRAWS / 50);
}
END_TEST

/* Of many, two are drawn and the better one is taken: the best of five equally near ones gets 2 in
 * 5; one that is twice as dear is not among them. */
START_TEST(two_of_many)
{
	static const struct pick_item v[] = { { 1000, 1 }, { 1100, 1 }, { 1200, 1 }, { 1300, 1 },
		{ 1400, 1 }, { 2002, 1 } };
	static const unsigned want[] = { 396, 298, 199, 101, 3 };
	enum pick_how how;
	unsigned count[8];

	shares(v, 6, count);
	for (unsigned i = 0; i < 5; i++)
		is_about(count[i], want[i]);
	ck_assert_uint_lt(count[5], DRAWS / 200);
	(void)pick_scored(v, 6, (uint32_t[]){ 1, 1, 1 }, &how);
	ck_assert_int_eq(how, PICK_TWO);
	(void)pick_scored(v, 6, (uint32_t[]){ 64, 1, 1 }, &how);
	ck_assert_int_eq(how, PICK_EXPLORED);
	(void)pick_scored(v, 1, (uint32_t[]){ 64, 1, 1 }, &how);
	ck_assert_int_eq(how, PICK_ONLY);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, by_weight);
	tcase_add_test(tc, best_of_few);
	tcase_add_test(tc, ties);
	tcase_add_test(tc, two_of_many);
}

UNIT_MAIN("pick", tests)
