/*
 * check_fall.c: amounts from several sources: in order, all or nothing, raised, given back, settled
 * in the same order; and threads that draw on the same basins, which never give more than they
 * have.
 */
#include "unit/quota/fixture.h"

#include <pthread.h>
#include <stdio.h>

#include "quota/hold.h"

static struct quota_table *table;

/* A tenant's day and month, two credits and an overdraft; then an org's reserved part and the rest.
 */
enum { DAY_, MONTH, CREDIT, CREDIT2, OVERDRAFT, RESERVED, SHARED, N };
static struct quota_account *a[N];
static struct quota_step steps[N];

static void setup(void)
{
	static const struct {
		const char *scope, *text;
		uint8_t fall, source, purse;
	} of[N] = {
		{ "tenant:t", "0.00000001 usd/day", 0, 0, QUOTA_PURSE_TENANT },
		{ "tenant:t", "0.00000002 usd/30d", 0, 0, QUOTA_PURSE_TENANT },
		{ "tenant:c1", "0.000000005 usd/lifetime", 0, 1, QUOTA_PURSE_TENANT },
		{ "tenant:c2", "0.000000003 usd/lifetime", 0, 2, QUOTA_PURSE_TENANT },
		{ "tenant:o", "0.000000004 usd/lifetime", 0, 3, QUOTA_PURSE_TENANT },
		{ "org:r", "0.000000015 usd/month", 1, 0, QUOTA_PURSE_NONE },
		{ "org:s", "0.00000005 usd/month", 1, 1, QUOTA_PURSE_NONE },
	};

	table = quota_table_new(1000);
	ck_assert_ptr_nonnull(table);
	for (int i = 0; i < N; i++) {
		a[i] = account(table, of[i].scope, QUOTA_COST, of[i].text, at(0));
		steps[i] = (struct quota_step){ a[i], of[i].fall, of[i].source, of[i].purse };
	}
}

static void teardown(void)
{
	for (int i = 0; i < N; i++)
		quota_account_put(a[i]);
	quota_table_free(table);
}

/* "10 10 5 3 4 15 7": what is committed in each. */
static const char *taken(void)
{
	static char text[256];
	size_t n = 0;

	for (int i = 0; i < N; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld", i > 0 ? " " : "",
			(long long)(atomic_load(&a[i]->limit) -
				    quota_account_headroom(a[i], at(0))));
	return text;
}

static int64_t const *cost(int64_t v)
{
	static int64_t amount[QUOTA_DIM__MAX];

	amount[QUOTA_COST] = v;
	return amount;
}

static enum quota_result take(struct quota_hold *h, int64_t v, struct quota_denied *denied)
{
	return quota_reserve_falls(NULL, 0, steps, N, cost(v), at(0), h, denied);
}

static const struct {
	int64_t amount;
	const char *taken;
} draws[] = {
	{ 0, "0 0 0 0 0 0 0" },
	{ 1, "1 1 0 0 0 1 0" },
	{ 10, "10 10 0 0 0 10 0" },
	{ 11, "10 10 1 0 0 11 0" },
	{ 15, "10 10 5 0 0 15 0" },
	{ 17, "10 10 5 2 0 15 2" },
	{ 22, "10 10 5 3 4 15 7" },
	{ 23, NULL },
};

START_TEST(in_order_all_or_nothing)
{
	struct quota_hold h;
	struct quota_denied denied;
	enum quota_result r = take(&h, draws[_i].amount, &denied);

	if (draws[_i].taken == NULL) {
		ck_assert_int_eq(r, QUOTA_LACKS);
		ck_assert_ptr_eq(denied.account, a[DAY_]); /* the limit, whatever else there is */
		ck_assert_int_eq(denied.asked, 23);
		ck_assert_int_eq(denied.headroom, 22);
		ck_assert_int_eq(denied.opens.us, a[DAY_]->end.us);
		ck_assert(quota_hold_is_empty(&h));
		ck_assert_str_eq(taken(), "0 0 0 0 0 0 0");
		return;
	}
	ck_assert_int_eq(r, QUOTA_OK);
	ck_assert_str_eq(taken(), draws[_i].taken);
	quota_release(&h, at(0));
	ck_assert_str_eq(taken(), "0 0 0 0 0 0 0");
}
END_TEST

/* What a request was in the end comes out of the sources in the same order. */
static const struct {
	int64_t actual;
	const char *taken;
	int64_t drawn;
} ends[] = {
	{ 0, "0 0 0 0 0 0 0", 0 }, { 9, "9 9 0 0 0 9 0", 0 }, { 12, "10 10 2 0 0 12 0", 2 },
	{ 16, "10 10 5 1 0 15 1", 6 }, { 17, "10 10 5 2 0 15 2", 7 },
	{ 20, "10 13 5 2 0 15 2", 7 }, /* more than was held: the limits' */
};

START_TEST(settled_in_order)
{
	int64_t drawn[QUOTA_PURSE__MAX];
	struct quota_hold h;
	struct quota_denied denied;

	ck_assert_int_eq(take(&h, 17, &denied), QUOTA_OK);
	quota_falls_drawn(&h.falls, cost(ends[_i].actual), drawn);
	ck_assert_int_eq(drawn[QUOTA_PURSE_TENANT], ends[_i].drawn);
	ck_assert_int_eq(drawn[QUOTA_PURSE_ORG], 0);
	quota_settle(&h, cost(ends[_i].actual), at(0));
	if (ends[_i].actual <= 17) {
		ck_assert_str_eq(taken(), ends[_i].taken);
	} else { /* headroom ends at 0 */
		ck_assert_int_eq(atomic_load(&a[DAY_]->over), 3);
		ck_assert_int_eq(atomic_load(&a[DAY_]->settled), 13);
		ck_assert_int_eq(atomic_load(&a[RESERVED]->settled), 18);
		ck_assert_int_eq(atomic_load(&a[SHARED]->settled), 2);
	}
	ck_assert(quota_hold_is_empty(&h));
}
END_TEST

START_TEST(raised)
{
	struct quota_hold h, other;
	struct quota_denied denied;

	ck_assert_int_eq(take(&h, 8, &denied), QUOTA_OK);
	ck_assert_int_eq(take(&other, 4, &denied), QUOTA_OK);
	ck_assert_str_eq(taken(), "10 10 2 0 0 12 0");
	ck_assert_int_eq(quota_raise(&h, cost(5), at(0), &denied), QUOTA_OK);
	ck_assert_str_eq(taken(), "10 10 5 2 0 15 2");
	ck_assert_int_eq(h.amount[QUOTA_COST], 13);
	ck_assert_int_eq(quota_raise(&h, cost(6), at(0), &denied), QUOTA_LACKS);
	ck_assert_int_eq(denied.headroom, 5);
	ck_assert_str_eq(taken(), "10 10 5 2 0 15 2");
	/* the second fall lacks: the first one gives back what it took */
	quota_account_set_limit(a[SHARED], 2);
	ck_assert_int_eq(quota_raise(&h, cost(5), at(0), &denied), QUOTA_LACKS);
	ck_assert_ptr_eq(denied.account, a[RESERVED]);
	ck_assert_str_eq(taken(), "10 10 5 2 0 15 2");
	quota_settle(&h, cost(9), at(0));
	ck_assert_str_eq(taken(), "10 10 3 0 0 13 0");
	quota_release(&other, at(0));
	ck_assert_str_eq(taken(), "8 8 1 0 0 9 0");
}
END_TEST

/* Falls and plain accounts are one hold: an account that lacks gives the falls back. */
START_TEST(with_others)
{
	struct quota_account *g = account(table, "g", QUOTA_COST, "0.000000016 usd/day", at(0));
	struct quota_hold h;
	struct quota_denied denied;

	ck_assert_int_eq(
		quota_reserve_falls(&g, 1, steps, N, cost(17), at(0), &h, &denied), QUOTA_NEVER);
	ck_assert_ptr_eq(denied.account, g);
	ck_assert_str_eq(taken(), "0 0 0 0 0 0 0");
	ck_assert_int_eq(
		quota_reserve_falls(&g, 1, steps, N, cost(14), at(0), &h, &denied), QUOTA_OK);
	ck_assert_str_eq(taken(), "10 10 4 0 0 14 0");
	ck_assert_int_eq(quota_raise(&h, cost(3), at(0), &denied), QUOTA_LACKS);
	ck_assert_ptr_eq(denied.account, g);
	ck_assert_str_eq(taken(), "10 10 4 0 0 14 0");
	ck_assert_int_eq(quota_move(&h, cost(3), cost(0), &g, 0, at(0), &denied), QUOTA_LACKS);
	ck_assert_str_eq(taken(), "10 10 4 0 0 14 0");
	quota_settle(&h, cost(14), at(0));
	ck_assert_int_eq(atomic_load(&g->settled), 14);
	ck_assert_str_eq(taken(), "10 10 4 0 0 14 0");
	quota_account_put(g);
}
END_TEST

/* ---- threads */

#define THREADS 4
static _Atomic int64_t spent, refused;

static void *draw(void *arg)
{
	uint64_t rnd = 88172645463325252u * ((uint64_t)(intptr_t)arg + 1);

	for (int i = 0; i < 20000; i++) {
		int64_t amount[QUOTA_DIM__MAX] = { 0 };
		struct quota_hold h;
		struct quota_denied denied;

		rnd ^= rnd << 13, rnd ^= rnd >> 7, rnd ^= rnd << 17;
		amount[QUOTA_COST] = 1 + (int64_t)(rnd >> 40) % 900;
		if (quota_reserve_falls(NULL, 0, steps, N, amount, at(0), &h, &denied) !=
			QUOTA_OK) {
			atomic_fetch_add(&refused, 1);
			continue;
		}
		if (rnd >> 63 && quota_raise(&h, amount, at(0), &denied) == QUOTA_OK)
			amount[QUOTA_COST] *= 2;
		amount[QUOTA_COST] = (int64_t)(rnd >> 30) % (amount[QUOTA_COST] + 1);
		quota_settle(&h, amount, at(0));
		atomic_fetch_add(&spent, amount[QUOTA_COST]);
	}
	return NULL;
}

/* Σ over each fall's sources is what was spent; no source has more than its limit. */
START_TEST(threads)
{
	static const int64_t limits[N] = { 2000000, 9000000, 300000, 200000, 100000, 1500000,
		5000000 };
	pthread_t t[THREADS];
	int64_t sum;

	for (int i = 0; i < N; i++)
		quota_account_set_limit(a[i], limits[i]);
	for (intptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, draw, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ck_assert_int_gt(atomic_load(&refused), 0);
	for (int i = 0; i < N; i++)
		ck_assert_int_ge(limits[i], i == MONTH ? quota_window_settled(a[i], at(0).wall)
						       : atomic_load(&a[i]->settled));
	sum = a[DAY_]->settled + a[CREDIT]->settled + a[CREDIT2]->settled + a[OVERDRAFT]->settled;
	ck_assert_int_eq(sum, atomic_load(&spent));
	ck_assert_int_eq(a[RESERVED]->settled + a[SHARED]->settled, atomic_load(&spent));
	ck_assert_int_eq(quota_window_settled(a[MONTH], at(0).wall), a[DAY_]->settled);
	ck_assert_int_gt(a[OVERDRAFT]->settled, 0);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(a[i]->committed, a[i]->settled);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, in_order_all_or_nothing, 0, (int)TG_ARRAY_LEN(draws));
	tcase_add_loop_test(tc, settled_in_order, 0, (int)TG_ARRAY_LEN(ends));
	tcase_add_test(tc, raised);
	tcase_add_test(tc, with_others);
	tcase_add_test(tc, threads);
}

UNIT_MAIN("fall", tests)
