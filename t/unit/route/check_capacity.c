/*
 * check_capacity.c: a target's configured limits: as many at once, as many in a time with all of it
 * as burst, given back when nothing was sent, corrected by what it was; and the budget for retries.
 */
#include "unit/unit.h"

#include "route/budget.h"
#include "route/capacity.h"

#define S 1000000

static struct capacity c;

static void setup(void)
{
	memset(&c, 0, sizeof c);
}

static mono_us at(int64_t us)
{
	return (mono_us){ 1000 * (int64_t)S + us };
}

START_TEST(at_once)
{
	static const struct capacity_limits l = { .concurrency = 3 };
	int64_t wait;

	for (unsigned i = 0; i < 3; i++)
		ck_assert(capacity_take(&c, &l, 5, at(0)));
	ck_assert(!capacity_has(&c, &l, 5, at(0), &wait));
	ck_assert(!capacity_take(&c, &l, 5, at(0)));
	capacity_give(&c, &l, 5, 7, true);
	ck_assert(capacity_has(&c, &l, 5, at(0), &wait));
	ck_assert(capacity_take(&c, &l, 5, at(0)));
}
END_TEST

/* 60 a minute: 60 at once, then one a second. */
START_TEST(in_a_time)
{
	static const struct capacity_limits l = { .requests = { 60, 60 * S } };
	int64_t wait;
	unsigned n = 0;

	while (capacity_take(&c, &l, 0, at(0)))
		n++;
	ck_assert_uint_eq(n, 60);
	ck_assert(!capacity_has(&c, &l, 0, at(0), &wait));
	ck_assert_int_eq(wait, S);
	ck_assert(!capacity_take(&c, &l, 0, at(S - 1)));
	ck_assert(capacity_take(&c, &l, 0, at(S)));
	capacity_give(&c, &l, 0, 0, false); /* was not sent: as if it had not been */
	ck_assert(capacity_take(&c, &l, 0, at(S)));
	capacity_give(&c, &l, 0, 0, true);
	ck_assert(!capacity_take(&c, &l, 0, at(S)));
}
END_TEST

/* What is for others stays: half of each limit. */
START_TEST(half_free)
{
	static const struct capacity_limits l = {
		.concurrency = 4, .requests = { 10, 10 * S }, .tokens = { 1000, 10 * S }
	};

	ck_assert(capacity_is_half_free(&c, &l, at(0)));
	ck_assert(capacity_take(&c, &l, 100, at(0)));
	ck_assert(capacity_is_half_free(&c, &l, at(0)));
	ck_assert(capacity_take(&c, &l, 100, at(0)));
	ck_assert(!capacity_is_half_free(&c, &l, at(0))); /* 2 of 4 at once */
	capacity_give(&c, &l, 100, 100, true);
	ck_assert(capacity_is_half_free(&c, &l, at(0)));
	ck_assert(capacity_take(&c, &l, 400, at(0)));
	capacity_give(&c, &l, 400, 400, true);
	ck_assert(!capacity_is_half_free(&c, &l, at(0))); /* 600 tokens of 1000 */
	ck_assert(capacity_is_half_free(&c, &l, at(S)));
	for (unsigned i = 0; i < 4; i++) {
		ck_assert(capacity_take(&c, &l, 0, at(S)));
		capacity_give(&c, &l, 0, 0, true);
	}
	ck_assert(!capacity_is_half_free(&c, &l, at(S))); /* 6 requests of 10 */
	ck_assert(capacity_is_half_free(&c, &(struct capacity_limits){ 0 }, at(S)));
}
END_TEST

START_TEST(tokens)
{
	static const struct capacity_limits l = { .requests = { 1000, S },
		.tokens = { 6000, 60 * S } };
	int64_t wait, full;

	ck_assert(capacity_take(&c, &l, 5000, at(0)));
	ck_assert(!capacity_take(&c, &l, 1001, at(0)));
	ck_assert(capacity_has(&c, &l, 1000, at(0), &wait));
	ck_assert(!capacity_has(&c, &l, 2000, at(0), &wait));
	ck_assert_int_eq(wait, 10 * S);
	capacity_give(&c, &l, 5000, 100, true); /* it was only 100 */
	ck_assert(capacity_take(&c, &l, 5900, at(0)));
	ck_assert(!capacity_take(&c, &l, 1, at(0)));
	capacity_give(&c, &l, 5900, 5900, true);
	/* more than all of it passes when all of it is there; refusals take nothing */
	full = atomic_load(&c.tokens_ns);
	ck_assert(!capacity_take(&c, &l, 100000, at(59 * S)));
	ck_assert_int_eq(atomic_load(&c.tokens_ns), full);
	ck_assert(capacity_take(&c, &l, 100000, at(60 * S)));
}
END_TEST

START_TEST(unlimited)
{
	static const struct capacity_limits l = { .concurrency = 0 };
	int64_t wait;

	for (unsigned i = 0; i < 1000; i++)
		ck_assert(capacity_take(&c, &l, UINT64_MAX, at(0)));
	ck_assert(capacity_has(&c, &l, UINT64_MAX, at(0), &wait));
	ck_assert_int_eq(wait, 0);
}
END_TEST

/* Without requests 100, then 10 a second; with them a fifth. */
START_TEST(retries)
{
	struct retry_budget b = { 0 };
	unsigned n = 0;

	while (retry_budget_take(&b, at(0)))
		n++;
	ck_assert_uint_eq(n, 100);
	for (int64_t ms = 1; ms <= 10000; ms++)
		n += retry_budget_take(&b, at(ms * 1000));
	ck_assert_uint_eq(n, 200);
	for (unsigned i = 0; i < 500; i++)
		retry_budget_add(&b);
	for (n = 0; retry_budget_take(&b, at(10 * S)); n++)
		;
	ck_assert_uint_eq(n, 100);
	/* what is saved has an end, also after a year */
	for (n = 0; retry_budget_take(&b, at(365 * 86400 * (int64_t)S)); n++)
		;
	ck_assert_uint_eq(n, 1000);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, at_once);
	tcase_add_test(tc, in_a_time);
	tcase_add_test(tc, half_free);
	tcase_add_test(tc, tokens);
	tcase_add_test(tc, unlimited);
	tcase_add_test(tc, retries);
}

UNIT_MAIN("capacity", tests)
