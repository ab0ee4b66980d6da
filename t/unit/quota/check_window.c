/*
 * check_window.c: rolling windows: what counts and until when, late buckets, holds that move; and
 * threads whose clocks differ, with every run of n buckets added up at the end.
 */
#include "unit/quota/races.h"

#include "unit/quota/fixture.h"

#include <pthread.h>
#include <sched.h>

static struct quota_table *table;

static void setup(void)
{
	table = quota_table_new(2000);
	ck_assert_ptr_nonnull(table);
}

static void teardown(void)
{
	quota_table_free(table);
}

/* taken and settled at once */
static enum quota_result spend(struct quota_account *head, int64_t amount, int64_t us)
{
	struct quota_account *charged;
	enum quota_result peek = quota_account_peek(head, amount, at(us));
	enum quota_result r = quota_account_take(head, amount, at(us), &charged);

	ck_assert_int_eq(r, peek);
	if (r != QUOTA_OK)
		return r;
	ck_assert_ptr_ne(charged, head);
	quota_account_settle(charged, amount, amount, at(us));
	quota_account_put(charged);
	return r;
}

/* 3h: an hour's spending is back when the fourth hour after it begins. */
START_TEST(comes_back)
{
	struct quota_account *h = account(table, "t", QUOTA_REQUESTS, "100/3h", at(0));

	ck_assert_int_eq(spend(h, 60, 0), QUOTA_OK);
	ck_assert_int_eq(spend(h, 101, 0), QUOTA_NEVER);
	for (int64_t i = 1; i <= 4; i++) {
		next_bucket(table, h, "t", "100/3h");
		/* brought, but not due */
		ck_assert_int_eq(spend(h, i == 1 ? 41 : 11, i * HOUR - 1), QUOTA_LACKS);
		if (i == 1)
			ck_assert_int_eq(spend(h, 30, HOUR), QUOTA_OK);
		if (i < 4) {
			ck_assert_int_eq(quota_window_committed(h, at(i * HOUR).wall), 90);
			ck_assert_int_eq(spend(h, 11, i * HOUR), QUOTA_LACKS);
			ck_assert_int_eq(spend(h, 11, (i + 1) * HOUR - 1), QUOTA_LACKS);
			/* the first leaves, or both have to */
			ck_assert_int_eq(
				quota_account_opens(h, 11, at(i * HOUR)).us, NOON + 4 * HOUR);
			ck_assert_int_eq(
				quota_account_opens(h, 71, at(i * HOUR)).us, NOON + 5 * HOUR);
			ck_assert_int_eq(quota_account_opens(h, 101, at(i * HOUR)).us, INT64_MAX);
		}
	}
	ck_assert_int_eq(spend(h, 71, 4 * HOUR), QUOTA_LACKS);
	ck_assert_int_eq(spend(h, 70, 4 * HOUR), QUOTA_OK);
	ck_assert_int_eq(quota_window_settled(h, at(4 * HOUR).wall), 100);
	ck_assert_int_eq(quota_window_over(h, at(4 * HOUR).wall), 0);
	quota_account_put(h);
}
END_TEST

/* A bucket that is not brought in time: nothing leaves, and what is brought opens when it is due.
 */
START_TEST(late_and_early)
{
	struct quota_account *h = account(table, "t", QUOTA_REQUESTS, "100/2h", at(0));
	struct quota_account *left;

	ck_assert_int_eq(spend(h, 100, 0), QUOTA_OK);
	ck_assert_int_eq(spend(h, 1, 20 * HOUR), QUOTA_LACKS);
	ck_assert_int_eq(quota_window_until(h).us, NOON + HOUR);
	next_bucket(table, h, "t", "100/2h");
	/* one at a time */
	ck_assert_int_eq(quota_window_push(h, h, &left), -1);
	ck_assert_int_eq(spend(h, 1, HOUR - 1), QUOTA_LACKS);
	quota_window_turn(h, at(HOUR).wall);
	next_bucket(table, h, "t", "100/2h");
	quota_window_turn(h, at(20 * HOUR).wall);
	ck_assert_int_eq(spend(h, 1, 20 * HOUR), QUOTA_LACKS);
	next_bucket(table, h, "t", "100/2h");
	ck_assert_int_eq(spend(h, 1, 20 * HOUR), QUOTA_OK);
	quota_account_put(h);
}
END_TEST

START_TEST(holds_move)
{
	struct quota_account *h = account(table, "t", QUOTA_REQUESTS, "100/2h", at(0));
	struct quota_account *charged, *first;

	ck_assert_int_eq(quota_account_take(h, 50, at(0), &charged), QUOTA_OK);
	first = charged;
	ck_assert_int_eq(quota_account_raise(h, 50, 10, at(0), &charged), QUOTA_OK);
	ck_assert_ptr_eq(charged, first);
	ck_assert_int_eq(atomic_load(&first->committed), 60);
	next_bucket(table, h, "t", "100/2h");
	ck_assert_int_eq(quota_account_raise(h, 60, 41, at(HOUR), &charged), QUOTA_NEVER);
	ck_assert_int_eq(spend(h, 5, HOUR), QUOTA_OK);
	ck_assert_int_eq(quota_account_raise(h, 60, 36, at(HOUR), &charged), QUOTA_LACKS);
	ck_assert_ptr_eq(charged, first);
	ck_assert_int_eq(quota_account_raise(h, 60, 35, at(HOUR), &charged), QUOTA_OK);
	ck_assert_ptr_ne(charged, first);
	ck_assert_int_eq(atomic_load(&first->committed), 0);
	ck_assert_int_eq(atomic_load(&charged->committed), 100);
	ck_assert_int_eq(spend(h, 1, HOUR), QUOTA_LACKS);
	/* the old bucket is out of the window: all that is held must fit anew */
	for (int64_t i = 2; i <= 4; i++) {
		next_bucket(table, h, "t", "100/2h");
		quota_window_turn(h, at(i * HOUR).wall);
	}
	ck_assert_int_eq(quota_account_raise(h, 95, 1, at(4 * HOUR), &charged), QUOTA_OK);
	ck_assert_int_eq(quota_account_raise(h, 96, 5, at(4 * HOUR), &charged), QUOTA_NEVER);
	next_bucket(table, h, "t", "100/2h");
	quota_window_turn(h, at(5 * HOUR).wall);
	next_bucket(table, h, "t", "100/2h");
	quota_window_turn(h, at(6 * HOUR).wall);
	next_bucket(table, h, "t", "100/2h");
	ck_assert_int_eq(spend(h, 50, 7 * HOUR), QUOTA_OK);
	ck_assert_int_eq(quota_account_raise(h, 96, 1, at(7 * HOUR), &charged), QUOTA_LACKS);
	quota_account_settle(charged, 96, 0, at(7 * HOUR));
	quota_account_put(charged);
	quota_account_put(h);
}
END_TEST

/* The next bucket opens, and is filled, at every step of a hold that comes late. */
static struct quota_account *met_head, *met_charged;
static enum quota_result met_result;

static void meet(void)
{
	met_result = quota_account_take(met_head, 70, at(HOUR), &met_charged);
}

START_TEST(meetings)
{
	bool more = true;

	for (unsigned step = 0; more; step++) {
		struct quota_account *charged = NULL;
		enum quota_result r = QUOTA_NEVER;

		met_head = account(table, "t", QUOTA_REQUESTS, "100/1h", at(0));
		next_bucket(table, met_head, "t", "100/1h");
		met_result = QUOTA_NEVER;
		more = RACE_AT(step, meet, r = quota_account_take(met_head, 70, at(0), &charged));
		ck_assert_msg(r != QUOTA_OK || met_result != QUOTA_OK, "both, at step %u", step);
		if (r == QUOTA_OK) {
			quota_account_settle(charged, 70, 0, at(0));
			quota_account_put(charged);
		}
		if (met_result == QUOTA_OK) {
			quota_account_settle(met_charged, 70, 0, at(0));
			quota_account_put(met_charged);
		}
		ck_assert_int_eq(quota_window_committed(met_head, at(HOUR).wall), 0);
		quota_account_put(met_head);
		ck_assert(more || step > 8);
		teardown();
		setup();
	}
}
END_TEST

#define THREADS 3
#define BUCKETS 60
#define LIMIT   1000
#define N_HOURS 3

static struct quota_account *head;
static _Atomic int64_t hour;
static _Atomic bool done;

/* Clocks that lag by up to half an hour or run ahead: each thread opens buckets, or comes late. */
static void *spender(void *arg)
{
	uint64_t rnd = 88172645463325252u * (uint64_t)(intptr_t)arg;

	while (!atomic_load(&done)) {
		struct quota_account *charged;
		int64_t amount, skew, us;

		rnd ^= rnd << 13, rnd ^= rnd >> 7, rnd ^= rnd << 17;
		amount = 1 + (int64_t)(rnd % 40);
		skew = (int64_t)((rnd >> 20) % (uint64_t)HOUR) - HOUR / 2;
		us = atomic_load(&hour) * HOUR + skew;
		if (quota_account_take(head, amount, at(us), &charged) != QUOTA_OK)
			continue;
		if (rnd >> 63 != 0 &&
			quota_account_raise(head, amount, 7, at(us), &charged) == QUOTA_OK)
			amount += 7;
		quota_account_settle(
			charged, amount, amount - (int64_t)(rnd >> 40) % amount, at(us));
		quota_account_put(charged);
	}
	return NULL;
}

START_TEST(threads)
{
	pthread_t t[THREADS];
	int64_t settled[BUCKETS + N_HOURS + 1] = { 0 }, total = 0, all = 0;
	size_t cursor = 0, n = 0;
	struct quota_account *a;

	head = account(table, "t", QUOTA_REQUESTS, "1000/3h", at(0));
	atomic_store(&race_rate, 3000);
	for (intptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, spender, (void *)(i + 1)), 0);
	for (int64_t h = 1; h < BUCKETS; h++) {
		next_bucket(table, head, "t", "1000/3h");
		atomic_store(&hour, h);
		/* until the new bucket is open, and the window is used up again */
		while (quota_account_headroom(head, at(h * HOUR)) > 40)
			sched_yield();
	}
	atomic_store(&done, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	while ((a = quota_table_next(table, &cursor)) != NULL) {
		if (a != head) {
			ck_assert_int_eq(atomic_load(&a->committed), atomic_load(&a->settled));
			ck_assert_int_eq(atomic_load(&a->over), 0);
			settled[(a->start.us - NOON) / HOUR + N_HOURS] = atomic_load(&a->settled);
			all += atomic_load(&a->settled);
			n++;
		}
		quota_account_put(a);
	}
	ck_assert_uint_eq(n, BUCKETS + N_HOURS);
	for (size_t i = 0; i < n; i++) {
		total += settled[i] - (i > N_HOURS ? settled[i - N_HOURS - 1] : 0);
		ck_assert_msg(total <= LIMIT, "%lld in the hours up to %zu", (long long)total, i);
	}
	/* demand was always there: a window after the other was used */
	ck_assert_int_ge(all, (BUCKETS / (N_HOURS + 1) - 1) * (LIMIT - 40));
	quota_account_put(head);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, comes_back);
	tcase_add_test(tc, late_and_early);
	tcase_add_test(tc, holds_move);
	tcase_add_test(tc, meetings);
	tcase_add_test(tc, threads);
}

UNIT_MAIN("window", tests)
