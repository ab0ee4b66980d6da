/*
 * check_table.c: accounts are found by name and id, live over reloads, and are dropped only when
 * there is nothing to remember and nobody refers to them; while other threads look.
 */
#include "unit/quota/races.h"

#include "quota/hold.h"
#include "unit/quota/fixture.h"

#include <pthread.h>
#include <stdio.h>

static struct quota_table *table;

static void setup(void)
{
	table = quota_table_new(300);
	ck_assert_ptr_nonnull(table);
}

static void teardown(void)
{
	quota_table_free(table);
}

static struct quota_account *find(const char *name, enum quota_dim dim)
{
	return quota_table_find_name(table, str_z(name), dim);
}

START_TEST(finds)
{
	struct quota_account *a = account(table, "t", QUOTA_REQUESTS, "5/day", at(0)), *b;

	ck_assert_uint_eq(quota_table_count(table), 1);
	b = find("t/requests/day/2026-11-28", QUOTA_REQUESTS);
	ck_assert_ptr_eq(a, b);
	quota_account_put(b);
	b = quota_table_find(table, quota_account_id(a->name, QUOTA_REQUESTS));
	ck_assert_ptr_eq(a, b);
	quota_account_put(b);
	ck_assert_ptr_null(find("t/requests/day/2026-11-29", QUOTA_REQUESTS));
	ck_assert_ptr_null(find("t/requests/day/2026-11-28", QUOTA_TOKENS));
	/* the same name again is the same account */
	b = account(table, "t", QUOTA_REQUESTS, "7/day", at(0));
	ck_assert_ptr_eq(a, b);
	ck_assert_int_eq(atomic_load(&a->limit), 7);
	ck_assert_uint_eq(quota_table_count(table), 1);
	quota_account_put(b);
	quota_account_put(a);
}
END_TEST

static void spend(struct quota_account *a, int64_t amount)
{
	struct quota_account *charged;

	ck_assert_int_eq(quota_account_take(a, amount, at(0), &charged), QUOTA_OK);
	quota_account_settle(charged, amount, amount, at(0));
	if (charged != a)
		quota_account_put(charged);
}

static const struct {
	enum quota_dim dim;
	const char *text;
	int64_t spent, kept_us; /* from NOON on it may be dropped after so long; -1: never */
} rows[] = {
	{ QUOTA_REQUESTS, "5/day", 0, 0 },
	{ QUOTA_REQUESTS, "6/day", 1, 12 * HOUR },
	{ QUOTA_REQUESTS, "5/lifetime", 1, -1 },
	{ QUOTA_REQUESTS, "5/lifetime", 0, 0 },
	{ QUOTA_REQUESTS, "60/min", 30, 30 * SECOND + 1 },
	{ QUOTA_REQUESTS, "60/min", 0, 0 },
	{ QUOTA_REQUESTS, "5/2h", 0, 0 },
	{ QUOTA_REQUESTS, "5/2h", 1, 3 * HOUR },
};

START_TEST(drops_what_is_over)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct quota_account *a = account(table, "t", rows[i].dim, rows[i].text, at(0));

		if (rows[i].spent > 0)
			spend(a, rows[i].spent);
		/* a slot refers to it */
		quota_table_sweep(table, at(1000 * DAY));
		ck_assert_uint_ge(quota_table_count(table), 1);
		quota_account_put(a);
		if (rows[i].kept_us != 0) {
			quota_table_sweep(
				table, at(rows[i].kept_us < 0 ? 1000 * DAY : rows[i].kept_us - 1));
			ck_assert_msg(quota_table_count(table) >= 1, "row %zu", i);
		}
		if (rows[i].kept_us < 0) {
			teardown();
			setup();
			continue;
		}
		quota_table_sweep(table, at(rows[i].kept_us));
		ck_assert_msg(quota_table_count(table) == 0, "row %zu: %zu are left", i,
			quota_table_count(table));
	}
}
END_TEST

START_TEST(holds_keep)
{
	struct quota_account *a = account(table, "t", QUOTA_REQUESTS, "5/day", at(0));
	int64_t amount[QUOTA_DIM__MAX] = { 0 };
	struct quota_denied denied;
	struct quota_hold hold;

	/* also one of nothing: it may become something */
	ck_assert_int_eq(quota_reserve(&a, 1, amount, at(0), &hold, &denied), QUOTA_OK);
	quota_account_put(a);
	ck_assert_uint_eq(quota_table_sweep(table, at(9 * DAY)), 0);
	amount[QUOTA_REQUESTS] = 2;
	quota_settle(&hold, amount, at(9 * DAY));
	ck_assert_uint_eq(quota_table_sweep(table, at(0)), 0);
	ck_assert_uint_eq(quota_table_sweep(table, at(9 * DAY)), 1);
}
END_TEST

/* Spent and unspent: what is not settled is kept whoever refers to it; a bucket until it leaves. */
START_TEST(keeps_what_counts)
{
	struct quota_limit l = limit(QUOTA_REQUESTS, "5/2h");
	struct period p = { NOON, NOON + HOUR, NOON + 3 * HOUR, "2h/2026-11-28T12Z" };
	struct quota_account *a = account(table, "t", QUOTA_REQUESTS, "5/day", at(0)), *charged;
	char err[512];

	ck_assert_int_eq(quota_account_take(a, 1, at(0), &charged), QUOTA_OK);
	quota_account_put(a);
	ck_assert_uint_eq(quota_table_sweep(table, at(9 * DAY)), 0);
	quota_account_settle(a, 1, 1, at(0));
	ck_assert_uint_eq(quota_table_sweep(table, at(9 * DAY)), 1);
	a = quota_table_make(
		table, STR("t/requests/2h/2026-11-28T12Z"), &l, &p, at(0), err, sizeof err);
	ck_assert_ptr_nonnull(a);
	spend(a, 1);
	quota_account_put(a);
	ck_assert_uint_eq(quota_table_sweep(table, at(3 * HOUR - 1)), 0);
	ck_assert_uint_eq(quota_table_sweep(table, at(3 * HOUR)), 1);
}
END_TEST

static struct quota_account *make(unsigned i, char *err)
{
	struct quota_limit l = limit(QUOTA_REQUESTS, "5/lifetime");
	struct period p = { INT64_MIN, INT64_MAX, INT64_MAX, "lifetime" };
	char name[40];

	snprintf(name, sizeof name, "t%u/requests/lifetime", i);
	return quota_table_make(table, str_z(name), &l, &p, at(0), err, 512);
}

/* Full is full; dropped places are used again, many times over. */
START_TEST(bounded)
{
	struct quota_account *a[300];
	char err[512] = "";

	for (unsigned i = 0; i < 300; i++) {
		a[i] = make(i, err);
		ck_assert_ptr_nonnull(a[i]);
	}
	ck_assert_ptr_null(make(300, err));
	ck_assert_msg(strstr(err, "all 300 are in use") != NULL, "%s", err);
	quota_account_put(a[7]);
	a[7] = make(300, err); /* swept by itself */
	ck_assert_ptr_nonnull(a[7]);
	for (unsigned round = 1; round < 60; round++)
		for (unsigned i = 0; i < 300; i++) {
			char name[40];
			struct quota_account *again;

			quota_account_put(a[i]);
			a[i] = make(round * 1000 + i, err);
			ck_assert_ptr_nonnull(a[i]);
			snprintf(name, sizeof name, "t%u/requests/lifetime",
				round * 1000 + i - (i > 0));
			again = find(name, QUOTA_REQUESTS);
			ck_assert_msg(again == a[i - (i > 0)], "%s", name);
			quota_account_put(again);
		}
	ck_assert_uint_eq(quota_table_count(table), 300);
	for (unsigned i = 0; i < 300; i++)
		quota_account_put(a[i]);
	ck_assert_uint_eq(quota_table_sweep(table, at(0)), 300);
}
END_TEST

/* While one looks for an account, at every step: its memory becomes another's. */
static void become_another(void)
{
	char err[512];
	struct quota_account *a;

	if (quota_table_sweep(table, at(0)) == 0)
		return; /* it has a reference already */
	a = make(2, err);
	ck_assert_ptr_nonnull(a);
	quota_account_put(a);
}

START_TEST(meets_reuse)
{
	bool more = true;

	for (unsigned step = 0; more; step++) {
		char err[512];
		struct quota_account *a = make(1, err), *found_it = NULL;
		uint64_t id = atomic_load(&a->id);

		quota_account_put(a);
		more = RACE_AT(step, become_another, found_it = quota_table_find(table, id));
		if (found_it != NULL) {
			UNIT_STR_EQ(found_it->name, STR("t1/requests/lifetime"));
			quota_account_put(found_it);
		}
		ck_assert(more || step > 3);
		quota_table_sweep(table, at(0));
	}
}
END_TEST

/* The array is exchanged twice, at every step: an account behind a gravestone moves. */
static void exchange_twice(void)
{
	exchange(table);
	exchange(table);
}

START_TEST(meets_exchange)
{
	bool more = true;
	unsigned first = 0, second = 1;
	char err[512];

	/* two that want the same slot */
	for (struct quota_account *a = make(0, err), *b;; second++) {
		bool same;

		b = make(second, err);
		same = home(table, atomic_load(&a->id)) == home(table, atomic_load(&b->id));
		quota_account_put(b);
		quota_table_sweep(table, at(0));
		if (same) {
			quota_account_put(a);
			quota_table_sweep(table, at(0));
			break;
		}
	}
	for (unsigned step = 0; more; step++) {
		struct quota_account *a = make(first, err), *b = make(second, err), *got = NULL;

		quota_account_put(a);
		quota_table_sweep(table, at(0));
		more = RACE_AT(step, exchange_twice,
			got = quota_table_find(
				table, atomic_load_explicit(&b->id, memory_order_seq_cst)));
		ck_assert_msg(got == b, "not found, at step %u", step);
		quota_account_put(got);
		quota_account_put(b);
		quota_table_sweep(table, at(0));
		ck_assert(more || step > 3);
	}
}
END_TEST

/* Somebody finds and uses an account that is about to be dropped, at every step. */
static bool race_used;

static void use_it(void)
{
	struct quota_account *a = find("t1/requests/lifetime", QUOTA_REQUESTS);

	race_used = a != NULL;
	if (a == NULL)
		return;
	spend(a, 1);
	quota_account_put(a);
}

START_TEST(meets_use)
{
	bool more = true;

	for (unsigned step = 0; more; step++) {
		char err[512];
		struct quota_account *a = make(1, err);
		size_t n = 0;

		race_used = false;
		quota_account_put(a);
		more = RACE_AT(step, use_it, n = quota_table_sweep(table, at(0)));
		ck_assert_msg(!race_used || n == 0, "step %u: what was spent is forgotten", step);
		ck_assert(race_used || n == 1);
		ck_assert(more || step > 3);
		teardown();
		setup();
	}
}
END_TEST

#define STAY 50
static _Atomic bool done;
static _Atomic unsigned found;

/* Those that stay are found at any time; those that come and go are themselves when found. */
static void *seeker(void *arg)
{
	uint64_t rnd = 88172645463325252u * (uint64_t)(intptr_t)arg;

	while (!atomic_load(&done)) {
		char name[40];
		struct quota_account *a;
		unsigned i;

		rnd ^= rnd << 13, rnd ^= rnd >> 7, rnd ^= rnd << 17;
		i = (unsigned)(rnd % (rnd >> 63 != 0 ? STAY : 2000));
		snprintf(name, sizeof name, "t%u/requests/lifetime", i);
		a = find(name, QUOTA_REQUESTS);
		if (a == NULL) {
			if (i < STAY)
				ck_abort_msg("%s is not found", name);
			continue;
		}
		if (!str_eq(a->name, str_z(name)))
			ck_abort_msg("%s is found for %s", a->name.p, name);
		atomic_fetch_add(&found, 1);
		quota_account_put(a);
	}
	return NULL;
}

START_TEST(threads)
{
	struct quota_account *stay[STAY], *a;
	pthread_t t[2];
	char err[512];

	for (unsigned i = 0; i < STAY; i++)
		stay[i] = make(i, err);
	atomic_store(&race_rate, 500);
	for (intptr_t i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, seeker, (void *)(i + 1)), 0);
	for (unsigned round = 0; round < 150 || atomic_load(&found) < 1000; round++) {
		for (unsigned i = STAY; i < 250; i++) {
			a = make(i + round % 9 * 200, err);
			if (a == NULL)
				ck_abort_msg("%s", err);
			quota_account_put(a);
		}
		quota_table_sweep(table, at(0));
	}
	atomic_store(&done, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	quota_table_sweep(table, at(0));
	ck_assert_uint_eq(quota_table_count(table), STAY);
	for (unsigned i = 0; i < STAY; i++)
		quota_account_put(stay[i]);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, finds);
	tcase_add_test(tc, drops_what_is_over);
	tcase_add_test(tc, holds_keep);
	tcase_add_test(tc, keeps_what_counts);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, meets_reuse);
	tcase_add_test(tc, meets_exchange);
	tcase_add_test(tc, meets_use);
	tcase_add_test(tc, threads);
}

UNIT_MAIN("table", tests)
