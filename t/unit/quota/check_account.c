/*
 * check_account.c: stocks and gauges one step at a time: what is let in, what is refused and why,
 * what a changed limit does; ids.
 */
#include "unit/quota/fixture.h"

#include "quota/account_int.h"

static struct quota_table *table;
static struct quota_account *charged;

static void setup(void)
{
	table = quota_table_new(500);
	ck_assert_ptr_nonnull(table);
}

static void teardown(void)
{
	quota_table_free(table);
}

static void is(const struct quota_account *a, int64_t committed, int64_t settled, int64_t over)
{
	ck_assert_int_eq(atomic_load(&a->committed), committed);
	ck_assert_int_eq(atomic_load(&a->settled), settled);
	ck_assert_int_eq(atomic_load(&a->over), over);
}

static enum quota_result take(struct quota_account *a, int64_t amount)
{
	enum quota_result peek = quota_account_peek(a, amount, at(0));
	enum quota_result r = quota_account_take(a, amount, at(0), &charged);

	ck_assert_int_eq(r, peek);
	ck_assert_ptr_eq(charged, a);
	return r;
}

START_TEST(stock)
{
	struct quota_account *a = account(table, "t", QUOTA_REQUESTS, "100/day", at(0));

	ck_assert_int_eq(take(a, 60), QUOTA_OK);
	ck_assert_int_eq(quota_account_headroom(a, at(0)), 40);
	ck_assert_int_eq(take(a, 41), QUOTA_LACKS);
	ck_assert_int_eq(take(a, 101), QUOTA_NEVER);
	ck_assert_int_eq(take(a, INT64_MAX), QUOTA_NEVER);
	is(a, 60, 0, 0);
	ck_assert_int_eq(take(a, 40), QUOTA_OK);
	ck_assert_int_eq(take(a, 1), QUOTA_LACKS);
	ck_assert_int_eq(take(a, 0), QUOTA_OK);
	quota_account_settle(a, 60, 10, at(0));
	is(a, 50, 10, 0);
	quota_account_settle(a, 40, 40, at(0));
	is(a, 50, 50, 0);
	ck_assert_int_eq(take(a, 50), QUOTA_OK);
	quota_account_settle(a, 50, 0, at(0));
	is(a, 50, 50, 0);
	ck_assert_int_eq(quota_account_opens(a, 51, at(0)).us, NOON + 12 * HOUR);
	ck_assert_int_eq(quota_account_opens(a, 101, at(0)).us, INT64_MAX);
	quota_account_put(a);
}
END_TEST

START_TEST(over)
{
	struct quota_account *a = account(table, "t", QUOTA_REQUESTS, "100/day", at(0));

	ck_assert_int_eq(take(a, 90), QUOTA_OK);
	quota_account_settle(a, 90, 130, at(0));
	is(a, 130, 130, 40);
	ck_assert_int_eq(quota_account_headroom(a, at(0)), 0);
	ck_assert_int_eq(take(a, 1), QUOTA_LACKS);
	/* absurd figures stop at the ends */
	for (int i = 0; i < 200; i++)
		quota_account_settle(a, 0, INT64_MAX, at(0));
	is(a, QUOTA_TOTAL_MAX, QUOTA_TOTAL_MAX, QUOTA_TOTAL_MAX);
	quota_account_settle(a, 0, -5, at(0));
	is(a, QUOTA_TOTAL_MAX, QUOTA_TOTAL_MAX, QUOTA_TOTAL_MAX);
	ck_assert_int_eq(take(a, 1), QUOTA_LACKS);
	quota_account_put(a);
}
END_TEST

START_TEST(limit_changes)
{
	struct quota_account *a = account(table, "t", QUOTA_COST, "10 usd/day", at(0)), *b;

	ck_assert_int_eq(take(a, 8000000000), QUOTA_OK);
	b = account(table, "t", QUOTA_COST, "5 usd/day", at(0));
	ck_assert_ptr_eq(a, b);
	ck_assert_int_eq(take(a, 1), QUOTA_LACKS);
	ck_assert_int_eq(take(a, 6000000000), QUOTA_NEVER);
	quota_account_settle(a, 8000000000, 4000000000, at(0));
	ck_assert_int_eq(take(a, 1000000000), QUOTA_OK);
	ck_assert_int_eq(take(a, 1), QUOTA_LACKS);
	quota_account_set_limit(a, 20000000000);
	ck_assert_int_eq(take(a, 15000000000), QUOTA_OK);
	ck_assert_int_eq(quota_account_headroom(a, at(0)), 0);
	quota_account_set_limit(a, -1);
	ck_assert_int_eq(take(a, 1), QUOTA_NEVER);
	ck_assert_int_eq(take(a, 0), QUOTA_OK);
	quota_account_put(a);
	quota_account_put(b);
}
END_TEST

START_TEST(restored)
{
	struct quota_account *a = account(table, "t", QUOTA_REQUESTS, "100/lifetime", at(0));

	quota_account_restore(a, 70);
	is(a, 70, 70, 0);
	ck_assert_int_eq(take(a, 31), QUOTA_LACKS);
	ck_assert_int_eq(quota_account_opens(a, 31, at(0)).us, INT64_MAX);
	quota_account_restore(a, 70); /* what it was is more than a lowered limit */
	ck_assert_int_eq(quota_account_headroom(a, at(0)), 0);
	quota_account_put(a);
}
END_TEST

START_TEST(gauge)
{
	struct quota_account *a = account(table, "t", QUOTA_CONCURRENCY, "2", at(0));

	ck_assert_int_eq(take(a, 1), QUOTA_OK);
	ck_assert_int_eq(take(a, 1), QUOTA_OK);
	ck_assert_int_eq(take(a, 1), QUOTA_BUSY);
	ck_assert_int_eq(take(a, 3), QUOTA_NEVER);
	ck_assert_int_eq(quota_account_opens(a, 1, at(5)).us, NOON + 5);
	quota_account_settle(a, 1, 1, at(0));
	is(a, 1, 0, 0);
	ck_assert_int_eq(quota_account_headroom(a, at(0)), 1);
	ck_assert_int_eq(take(a, 1), QUOTA_OK);
	quota_account_put(a);
}
END_TEST

START_TEST(ids)
{
	uint64_t id = quota_account_id(STR("tenant:acme/cost/month/2026-11"), QUOTA_COST);

	/* printf '%s' tenant:acme/cost/month/2026-11 | sha256sum: the first 8 bytes, 3 bits apart
	 */
	ck_assert_uint_eq(id & 7, QUOTA_COST);
	ck_assert_uint_eq(id, UINT64_C(0x15bf25496633ded8));
	ck_assert_uint_eq(
		quota_account_id(STR("tenant:acme/cost/month/2026-11"), QUOTA_CONCURRENCY), id | 6);
	ck_assert_uint_ne(id, quota_account_id(STR("tenant:acme/cost/month/2026-12"), QUOTA_COST));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, stock);
	tcase_add_test(tc, over);
	tcase_add_test(tc, limit_changes);
	tcase_add_test(tc, restored);
	tcase_add_test(tc, gauge);
	tcase_add_test(tc, ids);
}

UNIT_MAIN("account", tests)
