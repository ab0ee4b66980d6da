/*
 * check_rate.c: rates: the burst to the unit, the refill, debts and refunds; random takes beside a
 * token bucket in exact fractions; many threads at once.
 */
#include "unit/quota/fixture.h"

#include <pthread.h>

static struct quota_table *table;

static void setup(void)
{
	table = quota_table_new(500);
	ck_assert_ptr_nonnull(table);
}

static void teardown(void)
{
	quota_table_free(table);
}

static enum quota_result take(struct quota_account *a, int64_t amount, int64_t us)
{
	enum quota_result peek = quota_account_peek(a, amount, at(us)), r;
	int64_t room = quota_account_headroom(a, at(us));
	struct quota_account *charged;

	r = quota_account_take(a, amount, at(us), &charged);
	ck_assert_int_eq(r, peek);
	/* headroom is what fits */
	if (r == QUOTA_OK)
		ck_assert_int_le(amount, room);
	return r;
}

static const char *const limits[] = { "1/s", "5/s", "7/min", "20/min", "600/min", "30000/s",
	"999/hour", "1000000/min", "7777777/min" };

/* Exactly the amount at once; then one as soon as it says. */
START_TEST(burst)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(limits); i++) {
		struct quota_account *a = account(table, "t", QUOTA_TOKENS, limits[i], at(0));
		int64_t all = atomic_load(&a->limit), n = 0, wait;

		if (all < 100000) {
			while (take(a, 1, 0) == QUOTA_OK)
				n++;
			ck_assert_msg(n == all, "%s: %lld at once", limits[i], (long long)n);
		} else {
			ck_assert_int_eq(take(a, all, 0), QUOTA_OK);
			ck_assert_int_eq(take(a, 1, 0), QUOTA_TOO_FAST);
		}
		ck_assert_int_eq(quota_account_headroom(a, at(0)), 0);
		wait = quota_account_opens(a, 1, at(0)).us - NOON;
		ck_assert_int_gt(wait, 0);
		ck_assert_int_eq(take(a, 1, wait - 1), QUOTA_TOO_FAST);
		ck_assert_int_eq(take(a, 1, wait), QUOTA_OK);
		ck_assert_int_eq(take(a, all + 1, wait), QUOTA_NEVER);
		ck_assert_int_eq(quota_account_opens(a, all + 1, at(0)).us, INT64_MAX);
		/* a long time off is one burst, not more */
		ck_assert_int_eq(take(a, all, 10 * DAY), QUOTA_OK);
		ck_assert_int_eq(take(a, 1, 10 * DAY), QUOTA_TOO_FAST);
		quota_account_put(a);
		teardown();
		setup();
	}
}
END_TEST

START_TEST(settlement)
{
	struct quota_account *a = account(table, "t", QUOTA_TOKENS, "600/min", at(0));

	/* 100 tokens are 10 s */
	ck_assert_int_eq(take(a, 600, 0), QUOTA_OK);
	quota_account_settle(a, 600, 100, at(0));
	ck_assert_int_eq(quota_account_headroom(a, at(0)), 500);
	ck_assert_int_eq(take(a, 500, 0), QUOTA_OK);
	/* it was 300 more: a debt of 30 s before anything fits again */
	quota_account_settle(a, 500, 800, at(0));
	ck_assert_int_eq(quota_account_headroom(a, at(0)), 0);
	ck_assert_int_eq(quota_account_opens(a, 100, at(0)).us - NOON, 40 * SECOND);
	ck_assert_int_eq(take(a, 100, 40 * SECOND - 1000), QUOTA_TOO_FAST);
	ck_assert_int_eq(take(a, 100, 40 * SECOND), QUOTA_OK);
	/* what comes back late does not make it fuller than full */
	quota_account_settle(a, 100, 0, at(1000 * SECOND));
	ck_assert_int_eq(quota_account_headroom(a, at(1000 * SECOND)), 600);
	/* an absurd debt ends somewhere and wraps nowhere */
	for (int i = 0; i < 5000; i++)
		quota_account_settle(a, 0, INT64_MAX, at(1000 * SECOND));
	ck_assert_int_eq(take(a, 1, 1000 * DAY), QUOTA_TOO_FAST);
	ck_assert_int_gt(quota_account_opens(a, 1, at(1000 * DAY)).us, NOON + 1000 * DAY);
	quota_account_put(a);
}
END_TEST

START_TEST(limit_changes)
{
	struct quota_account *a = account(table, "t", QUOTA_REQUESTS, "60/min", at(0));

	ck_assert_int_eq(take(a, 30, 0), QUOTA_OK);
	quota_account_set_limit(a, 600);
	ck_assert_int_eq(quota_account_headroom(a, at(0)), 300);
	quota_account_set_limit(a, 6);
	ck_assert_int_eq(quota_account_headroom(a, at(0)), 3);
	quota_account_set_limit(a, 0); /* a rate is at least 1 */
	ck_assert_int_eq(atomic_load(&a->limit), 1);
	quota_account_put(a);
}
END_TEST

/*
 * Beside a bucket in units of 1/U ns: full at A * U; an amount takes amount * U; A comes back a ns.
 * The rate may never give what the bucket refuses; what it refuses the bucket has at most one unit
 * more of, for every take that was rounded.
 */
START_TEST(like_a_bucket)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(limits); i++) {
		struct quota_account *a = account(table, "t", QUOTA_TOKENS, limits[i], at(0));
		int64_t all = atomic_load(&a->limit), given = 0;
		__int128 span = (__int128)a->rate_s * 1000000000, full = all * span, level = full;
		uint64_t rnd = 88172645463325252u;
		int64_t us = 0;

		for (int step = 0; step < 20000; step++) {
			int64_t amount, wait;
			enum quota_result r;

			rnd ^= rnd << 13, rnd ^= rnd >> 7, rnd ^= rnd << 17;
			amount = 1 + (int64_t)(rnd % (uint64_t)TG_MAX(all / 7, 1));
			wait = (int64_t)((rnd >> 32) % (2 * a->rate_s * 1000000 / 7));
			us += wait;
			level = TG_MIN(full, level + (__int128)wait * 1000 * all);
			r = quota_account_peek(a, amount, at(us));
			if (r == QUOTA_OK) {
				struct quota_account *charged;

				r = quota_account_take(a, amount, at(us), &charged);
				level -= amount * span;
				given += amount;
				/* the nanoseconds that are added for a small A are below a unit */
				if (r != QUOTA_OK || level < -span)
					ck_abort_msg("%s, step %d: too much", limits[i], step);
			} else if (level >= (amount + 1) * span + (__int128)step * all)
				ck_abort_msg("%s, step %d: refused", limits[i], step);
		}
		ck_assert_int_gt(given, all);
		quota_account_put(a);
		teardown();
		setup();
	}
}
END_TEST

#define THREADS 3

static struct quota_account *shared;
static _Atomic int64_t given;

static void *taker(void *arg)
{
	struct quota_account *charged;

	(void)arg;
	for (int i = 0; i < 20000; i++)
		if (quota_account_take(shared, 3, at(i), &charged) == QUOTA_OK) {
			atomic_fetch_add(&given, i % 2 == 0 ? 3 : 1);
			quota_account_settle(charged, 3, i % 2 == 0 ? 3 : 1, at(i));
		}
	return NULL;
}

/* In 20 ms: a burst and what refills meanwhile, whoever takes it. */
START_TEST(threads)
{
	pthread_t t[THREADS];

	shared = account(table, "t", QUOTA_TOKENS, "30000/min", at(0));
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, taker, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ck_assert_int_le(atomic_load(&given), 30000 + 10);
	ck_assert_int_ge(atomic_load(&given), 30000 - 3);
	quota_account_put(shared);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, burst);
	tcase_add_test(tc, settlement);
	tcase_add_test(tc, limit_changes);
	tcase_add_test(tc, like_a_bucket);
	tcase_add_test(tc, threads);
}

UNIT_MAIN("rate", tests)
