/*
 * check_hold.c: all or nothing over a path; then threads that hold and settle random amounts over
 * shared parents and children of their own, with an eye on every account all the time.
 */
#include "unit/quota/races.h"

#include "quota/hold.h"
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

#define PATH 6
static const struct {
	const char *scope;
	enum quota_dim dim;
	const char *text;
} path_of[PATH] = {
	{ "key:k", QUOTA_REQUESTS, "60/min" },
	{ "key:k", QUOTA_CONCURRENCY, "5" },
	{ "tenant:t", QUOTA_COST, "10 usd/day" },
	{ "tenant:t", QUOTA_TOKENS, "6000/min" },
	{ "tenant:t", QUOTA_OUTPUT_TOKENS, "1000/24h" },
	{ "gateway", QUOTA_COST, "12 usd/month" },
};

static void make_path(struct quota_account *path[PATH])
{
	for (unsigned i = 0; i < PATH; i++)
		path[i] = account(table, path_of[i].scope, path_of[i].dim, path_of[i].text, at(0));
}

static void put_path(struct quota_account *path[PATH])
{
	for (unsigned i = 0; i < PATH; i++)
		quota_account_put(path[i]);
}

static void headroom(struct quota_account *path[PATH], int64_t out[PATH])
{
	for (unsigned i = 0; i < PATH; i++)
		out[i] = quota_account_headroom(path[i], at(0));
}

static const int64_t one[QUOTA_DIM__MAX] = {
	[QUOTA_COST] = 1000000000,
	[QUOTA_TOKENS] = 600,
	[QUOTA_OUTPUT_TOKENS] = 100,
	[QUOTA_REQUESTS] = 1,
	[QUOTA_CONCURRENCY] = 1,
};

/* Each account of the path in turn is the one that lacks: it is named, and nothing stays. */
START_TEST(all_or_nothing)
{
	static const enum quota_result why[PATH] = { QUOTA_TOO_FAST, QUOTA_BUSY, QUOTA_LACKS,
		QUOTA_TOO_FAST, QUOTA_LACKS, QUOTA_LACKS };

	for (unsigned i = 0; i < PATH; i++) {
		struct quota_account *path[PATH], *charged;
		struct quota_hold hold;
		struct quota_denied denied;
		int64_t before[PATH], after[PATH];

		make_path(path);
		ck_assert_int_eq(
			quota_account_take(path[i], atomic_load(&path[i]->limit), at(0), &charged),
			QUOTA_OK);
		headroom(path, before);
		ck_assert_int_eq(quota_reserve(path, PATH, one, at(0), &hold, &denied), why[i]);
		ck_assert_uint_eq(hold.n, 0);
		ck_assert_ptr_eq(denied.account, path[i]);
		ck_assert_int_eq(denied.result, why[i]);
		ck_assert_int_eq(denied.asked, one[path[i]->dim]);
		ck_assert_int_eq(denied.headroom, 0);
		ck_assert_int_eq(
			denied.opens.us, quota_account_opens(path[i], denied.asked, at(0)).us);
		headroom(path, after);
		ck_assert_mem_eq(before, after, sizeof before);
		if (charged != path[i])
			quota_account_put(charged);
		put_path(path);
		teardown();
		setup();
	}
}
END_TEST

START_TEST(settle_and_release)
{
	static const int64_t full[PATH] = { 60, 5, 10000000000, 6000, 1000, 12000000000 };
	int64_t actual[QUOTA_DIM__MAX], room[PATH];
	struct quota_account *path[PATH];
	struct quota_hold hold;
	struct quota_denied denied;

	make_path(path);
	ck_assert_int_eq(quota_reserve(path, PATH, one, at(0), &hold, &denied), QUOTA_OK);
	ck_assert_uint_eq(hold.n, PATH);
	headroom(path, room);
	for (unsigned i = 0; i < PATH; i++)
		ck_assert_int_eq(room[i], full[i] - one[path[i]->dim]);
	quota_release(&hold, at(0));
	headroom(path, room);
	ck_assert_mem_eq(room, full, sizeof room);
	quota_release(&hold, at(0)); /* holds nothing any more */

	ck_assert_int_eq(quota_reserve(path, PATH, one, at(0), &hold, &denied), QUOTA_OK);
	memcpy(actual, one, sizeof actual);
	actual[QUOTA_COST] = 1500000000; /* more than held */
	actual[QUOTA_TOKENS] = 100;
	actual[QUOTA_OUTPUT_TOKENS] = 10;
	quota_settle(&hold, actual, at(0));
	headroom(path, room);
	ck_assert_int_eq(room[0], 59);
	ck_assert_int_eq(room[1], 5);
	ck_assert_int_eq(room[2], 8500000000);
	ck_assert_int_eq(room[3], 5900);
	ck_assert_int_eq(room[4], 990);
	ck_assert_int_eq(room[5], 10500000000);
	ck_assert_int_eq(atomic_load(&path[2]->over), 500000000);
	ck_assert_int_eq(atomic_load(&path[5]->settled), 1500000000);
	put_path(path);
}
END_TEST

/* A second leg: more in all accounts, or the hold as it was. */
START_TEST(raised)
{
	int64_t more[QUOTA_DIM__MAX] = { [QUOTA_COST] = 9000000000, [QUOTA_TOKENS] = 600 };
	int64_t before[PATH], after[PATH];
	struct quota_account *path[PATH];
	struct quota_hold hold, copy;
	struct quota_denied denied;

	make_path(path);
	ck_assert_int_eq(quota_reserve(path, PATH, one, at(0), &hold, &denied), QUOTA_OK);
	headroom(path, before);
	copy = hold;
	quota_account_set_limit(path[5], 9000000000);
	headroom(path, before);
	ck_assert_int_eq(quota_raise(&hold, more, at(0), &denied), QUOTA_LACKS);
	ck_assert_ptr_eq(denied.account, path[5]);
	headroom(path, after);
	ck_assert_mem_eq(before, after, sizeof before);
	ck_assert_mem_eq(hold.amount, copy.amount, sizeof hold.amount);
	quota_account_set_limit(path[5], 12000000000);
	ck_assert_int_eq(quota_raise(&hold, more, at(0), &denied), QUOTA_OK);
	ck_assert_int_eq(hold.amount[QUOTA_COST], 10000000000);
	ck_assert_int_eq(quota_account_headroom(path[2], at(0)), 0);
	ck_assert_int_eq(quota_account_headroom(path[3], at(0)), 4800);
	quota_settle(&hold, one, at(0));
	ck_assert_int_eq(atomic_load(&path[2]->committed), 1000000000);
	ck_assert_int_eq(quota_account_headroom(path[3], at(0)), 5400);
	put_path(path);
}
END_TEST

/* An answer under way: a rate owes what it has no room for, and takes it back when another account
 * refuses. */
START_TEST(extended)
{
	int64_t more[QUOTA_DIM__MAX] = { [QUOTA_COST] = 9000000000, [QUOTA_TOKENS] = 8000 };
	struct quota_account *path[PATH];
	struct quota_hold hold, copy;
	struct quota_denied denied;

	make_path(path);
	ck_assert_int_eq(quota_reserve(path, PATH, one, at(0), &hold, &denied), QUOTA_OK);
	copy = hold;
	ck_assert_int_eq(quota_raise(&hold, more, at(0), &denied), QUOTA_NEVER);
	quota_account_set_limit(path[5], 9000000000);
	ck_assert_int_eq(quota_extend(&hold, more, at(0), &denied), QUOTA_LACKS);
	ck_assert_ptr_eq(denied.account, path[5]);
	ck_assert_mem_eq(hold.amount, copy.amount, sizeof hold.amount);
	ck_assert_int_eq(quota_account_headroom(path[2], at(0)), 9000000000);
	ck_assert_int_eq(quota_account_headroom(path[3], at(0)), 5400);
	quota_account_set_limit(path[5], 12000000000);
	ck_assert_int_eq(quota_extend(&hold, more, at(0), &denied), QUOTA_OK);
	ck_assert_int_eq(hold.amount[QUOTA_TOKENS], 8600);
	ck_assert_int_eq(quota_account_headroom(path[2], at(0)), 0);
	ck_assert_int_eq(quota_account_headroom(path[3], at(0)), 0);
	/* 2600 tokens over a minute's 6000: another one waits 26 seconds, and the hundredth of one
	 */
	ck_assert_int_eq(quota_account_peek(path[3], 1, at(26000000)), QUOTA_TOO_FAST);
	ck_assert_int_eq(quota_account_peek(path[3], 1, at(26010000)), QUOTA_OK);
	quota_settle(&hold, one, at(0));
	ck_assert_int_eq(quota_account_headroom(path[3], at(0)), 5400);
	put_path(path);
}
END_TEST

/*
 * Legs to three targets. Accounts of a target have what was spent there; those of the request have
 * all of it.
 */
START_TEST(moved)
{
	static const char *const names[3] = { "budget:a", "budget:b", "budget:c" };
	int64_t more[QUOTA_DIM__MAX] = { [QUOTA_COST] = 40 }, none[QUOTA_DIM__MAX] = { 0 };
	int64_t amount[QUOTA_DIM__MAX] = { [QUOTA_COST] = 50, [QUOTA_REQUESTS] = 1 };
	struct quota_account *all, *cost[3], *requests[3], *path[3];
	struct quota_hold hold = { 0 }, copy;
	struct quota_denied denied;

	all = account(table, "tenant:t", QUOTA_COST, "0.000001 usd/day", at(0));
	for (int i = 0; i < 3; i++) {
		cost[i] = account(table, names[i], QUOTA_COST, "0.00000006 usd/24h", at(0));
		requests[i] = account(table, names[i], QUOTA_REQUESTS, "1/day", at(0));
	}
	path[0] = all, path[1] = cost[0], path[2] = requests[0];
	ck_assert_int_eq(quota_reserve(path, 3, amount, at(0), &hold, &denied), QUOTA_OK);
	quota_hold_of_target(&hold, 2);

	/* to b, which lacks: all as it was */
	copy = hold;
	path[0] = cost[1], path[1] = requests[1];
	quota_account_set_limit(cost[1], 59);
	amount[QUOTA_COST] = 30; /* of the first leg */
	amount[QUOTA_REQUESTS] = 0;
	ck_assert_int_eq(quota_move(&hold, more, amount, path, 2, at(0), &denied), QUOTA_NEVER);
	ck_assert_ptr_eq(denied.account, cost[1]);
	ck_assert_int_eq(denied.asked, 60);
	ck_assert_mem_eq(&hold, &copy, sizeof hold);
	ck_assert_int_eq(atomic_load(&all->committed), 50);
	ck_assert_int_eq(quota_account_headroom(cost[0], at(0)), 10);
	/* and where the request's own lacks, none of b's have it */
	quota_account_set_limit(cost[1], 60);
	quota_account_set_limit(all, 89);
	ck_assert_int_eq(quota_move(&hold, more, amount, path, 2, at(0), &denied), QUOTA_LACKS);
	ck_assert_ptr_eq(denied.account, all);
	ck_assert_int_eq(quota_account_headroom(cost[1], at(0)), 60);
	ck_assert_int_eq(quota_account_headroom(requests[1], at(0)), 1);
	ck_assert_mem_eq(&hold, &copy, sizeof hold);

	quota_account_set_limit(all, 1000);
	ck_assert_int_eq(quota_move(&hold, more, amount, path, 2, at(0), &denied), QUOTA_OK);
	ck_assert_int_eq(hold.amount[QUOTA_COST], 90);
	ck_assert_int_eq(atomic_load(&all->committed), 90);
	ck_assert_int_eq(quota_account_headroom(cost[0], at(0)), 30); /* 30 were spent there */
	ck_assert_int_eq(quota_account_headroom(requests[0], at(0)), 1);
	ck_assert_int_eq(quota_account_headroom(cost[1], at(0)), 0);
	ck_assert_int_eq(quota_account_headroom(requests[1], at(0)), 0);

	/* to one without accounts, and on to c */
	amount[QUOTA_COST] = 45;
	ck_assert_int_eq(quota_move(&hold, none, amount, path, 0, at(0), &denied), QUOTA_OK);
	ck_assert_uint_eq(hold.n, 1);
	ck_assert_int_eq(quota_account_headroom(cost[1], at(0)), 45);
	path[0] = cost[2], path[1] = requests[2];
	amount[QUOTA_COST] = 55;
	ck_assert_int_eq(quota_move(&hold, none, amount, path, 2, at(0), &denied), QUOTA_OK);
	ck_assert_int_eq(quota_account_headroom(cost[2], at(0)), 60 - 35);
	/* more at the same target, but not more than it has */
	more[QUOTA_COST] = 26;
	ck_assert_int_eq(quota_raise(&hold, more, at(0), &denied), QUOTA_NEVER);
	ck_assert_ptr_eq(denied.account, cost[2]);
	ck_assert_int_eq(atomic_load(&all->committed), 90);
	more[QUOTA_COST] = 25;
	ck_assert_int_eq(quota_raise(&hold, more, at(0), &denied), QUOTA_OK);
	amount[QUOTA_COST] = 70;
	amount[QUOTA_REQUESTS] = 1;
	quota_settle(&hold, amount, at(0));
	ck_assert_int_eq(atomic_load(&all->settled), 70);
	ck_assert_int_eq(quota_account_headroom(cost[2], at(0)), 60 - 15);
	ck_assert_int_eq(atomic_load(&requests[2]->settled), 1);
	ck_assert_int_eq(atomic_load(&requests[1]->committed), 0);
	quota_account_put(all);
	for (int i = 0; i < 3; i++) {
		quota_account_put(cost[i]);
		quota_account_put(requests[i]);
	}
}
END_TEST

/* A request without accounts at its first target; and one that is released has none left. */
START_TEST(moved_from_nothing)
{
	int64_t amount[QUOTA_DIM__MAX] = { [QUOTA_COST] = 50 },
		spent[QUOTA_DIM__MAX] = { [QUOTA_COST] = 20 };
	struct quota_hold hold = { 0 };
	struct quota_denied denied;
	struct quota_account *a =
		account(table, "budget:a", QUOTA_COST, "0.00000003 usd/day", at(0));

	ck_assert_int_eq(quota_move(&hold, amount, spent, &a, 1, at(0), &denied), QUOTA_OK);
	ck_assert_int_eq(atomic_load(&a->committed), 30);
	quota_release(&hold, at(0));
	ck_assert_uint_eq(hold.n, 0);
	ck_assert_int_eq(atomic_load(&a->committed), 0);
	quota_account_put(a);
}
END_TEST

/* Another request at every step of this one: never are both let in where one fits. */
static struct quota_account *met_path[2];
static struct quota_hold met_hold;
static enum quota_result met_result;
static const int64_t seven[QUOTA_DIM__MAX] = { [QUOTA_COST] = 7 };

static void meet(void)
{
	struct quota_denied denied;

	met_result = quota_reserve(met_path, 2, seven, at(0), &met_hold, &denied);
}

START_TEST(meetings)
{
	bool more = true;
	unsigned both_out = 0;

	for (unsigned step = 0; more; step++) {
		enum quota_result r = QUOTA_NEVER;
		struct quota_hold hold;
		struct quota_denied denied;

		met_path[0] = account(table, "o", QUOTA_COST, "0.00000002 usd/day", at(0));
		met_path[1] = account(table, "g", QUOTA_COST, "0.00000001 usd/day", at(0));
		met_result = QUOTA_NEVER;
		more = RACE_AT(
			step, meet, r = quota_reserve(met_path, 2, seven, at(0), &hold, &denied));
		ck_assert_msg(r != QUOTA_OK || met_result != QUOTA_OK, "both, at step %u", step);
		both_out += r != QUOTA_OK && met_result != QUOTA_OK;
		if (r == QUOTA_OK)
			quota_release(&hold, at(0));
		if (met_result == QUOTA_OK)
			quota_release(&met_hold, at(0));
		for (int i = 0; i < 2; i++) {
			ck_assert_int_eq(atomic_load(&met_path[i]->committed), 0);
			quota_account_put(met_path[i]);
		}
		ck_assert_uint_eq(quota_table_sweep(table, at(0)), 2);
		ck_assert(more || step > 8);
	}
	/* one refuses the other only while it is being looked at */
	ck_assert_uint_le(both_out, 2);
}
END_TEST

/*
 * THREADS tenants, an org of two each, one gateway; cost and tokens. Demand is far above every
 * limit. `let_in` is what the threads know to be held or settled: raised after a reserve, lowered
 * before a settlement, so it is never more than what is really committed.
 */
#define THREADS  4
#define ORGS     2
#define SHARED   (1 + ORGS)
#define ACCOUNTS (THREADS + SHARED)
#define HELD     8
#define MOST     900 /* of one hold */

static struct quota_account *accounts[ACCOUNTS]; /* tenants, orgs, gateway */
static _Atomic int64_t let_in[ACCOUNTS], spent[ACCOUNTS];
static _Atomic int running;

static void count(const unsigned index[3], _Atomic int64_t *v, int64_t amount)
{
	for (int i = 0; i < 3; i++)
		atomic_fetch_add(&v[index[i]], amount);
}

static void check_now(const unsigned index[3])
{
	for (int i = 0; i < 3; i++) {
		const struct quota_account *a = accounts[index[i]];
		int64_t l = atomic_load(&a->limit), in = atomic_load(&let_in[index[i]]);

		if (in > l)
			ck_abort_msg("%s: %lld of %lld", a->name.p, (long long)in, (long long)l);
		if (atomic_load(&a->settled) > l)
			ck_abort_msg("%s: too much is settled", a->name.p);
	}
}

static void *tenant(void *arg)
{
	unsigned me = (unsigned)(intptr_t)arg;
	unsigned index[3] = { me, THREADS + me % ORGS, ACCOUNTS - 1 };
	struct quota_account *path[3] = { accounts[index[0]], accounts[index[1]],
		accounts[index[2]] };
	struct quota_hold hold[HELD] = { 0 };
	uint64_t rnd = 88172645463325252u * (me + 1);
	int idle = 0;

	while (idle < 3000) {
		unsigned mine;
		struct quota_denied denied;
		int64_t amount[QUOTA_DIM__MAX] = { 0 }, actual[QUOTA_DIM__MAX] = { 0 };

		rnd ^= rnd << 13, rnd ^= rnd >> 7, rnd ^= rnd << 17;
		mine = (unsigned)(rnd >> 20) % HELD;
		if (hold[mine].n > 0) {
			int64_t held = hold[mine].amount[QUOTA_COST];

			actual[QUOTA_COST] =
				rnd % 4 == 0 ? held : (int64_t)(rnd >> 30) % (held + 1);
			count(index, let_in, actual[QUOTA_COST] - held);
			count(index, spent, actual[QUOTA_COST]);
			quota_settle(&hold[mine], actual, at(0));
			continue;
		}
		/* small ones when large ones find no room */
		amount[QUOTA_COST] = 1 + (int64_t)(rnd >> 40) % (idle > 100 ? 3 : MOST);
		if (quota_reserve(path, 3, amount, at(0), &hold[mine], &denied) != QUOTA_OK) {
			idle++;
			continue;
		}
		count(index, let_in, amount[QUOTA_COST]);
		check_now(index);
		if (rnd >> 62 == 0) {
			int64_t more[QUOTA_DIM__MAX] = { [QUOTA_COST] = 5 };

			if (quota_raise(&hold[mine], more, at(0), &denied) == QUOTA_OK)
				count(index, let_in, 5);
		}
		idle = 0;
	}
	for (unsigned i = 0; i < HELD; i++) {
		count(index, let_in, hold[i].n > 0 ? -hold[i].amount[QUOTA_COST] : 0);
		quota_release(&hold[i], at(0));
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static void run_tenants(void)
{
	pthread_t t[THREADS];

	atomic_store(&race_rate, 6000);
	atomic_store(&running, THREADS);
	for (intptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, tenant, (void *)i), 0);
	/* the eye: c may stand above L for the instant before a hold is undone, s never */
	while (atomic_load(&running) > 0) {
		for (int i = 0; i < ACCOUNTS; i++) {
			int64_t s = atomic_load(&accounts[i]->settled);
			int64_t c = atomic_load(&accounts[i]->committed);

			if (s > atomic_load(&accounts[i]->limit) || c < 0)
				ck_abort_msg("%s", accounts[i]->name.p);
		}
		sched_yield();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

/* _i 0: the gateway is the tight one; 1: the orgs; 2: the tenants */
START_TEST(threads)
{
	static const char *const tight[3][3] = {
		{ "0.001 usd/day", "0.001 usd/day", "0.0001 usd/day" },
		{ "0.001 usd/day", "0.00005 usd/day", "0.001 usd/day" },
		{ "0.00003 usd/day", "0.001 usd/day", "0.001 usd/day" },
	};
	static const char *const scopes[ACCOUNTS] = { "t:0", "t:1", "t:2", "t:3", "o:0", "o:1",
		"gateway" };

	for (int i = 0; i < ACCOUNTS; i++) {
		int level = i < THREADS ? 0 : i < THREADS + ORGS ? 1 : 2;

		accounts[i] = account(table, scopes[i], QUOTA_COST, tight[_i][level], at(0));
	}
	run_tenants();
	for (int i = 0; i < ACCOUNTS; i++) {
		const struct quota_account *a = accounts[i];
		int64_t s = atomic_load(&a->settled), l = atomic_load(&a->limit);
		int level = i < THREADS ? 0 : i < THREADS + ORGS ? 1 : 2;

		ck_assert_int_eq(atomic_load(&a->committed), s);
		ck_assert_int_eq(s, atomic_load(&spent[i]));
		ck_assert_int_eq(atomic_load(&a->over), 0);
		ck_assert_int_le(s, l);
		if (level == 2 - _i)
			ck_assert_msg(s >= l / 100 * 99, "%s: %lld of %lld used", a->name.p,
				(long long)s, (long long)l);
		quota_account_put(accounts[i]);
	}
}
END_TEST

/*
 * A tenant that is used up asks without end; the other takes all that is left of the shared budgets
 * to the last nano, and is never refused.
 */
static struct quota_account *poor_path[3];
static _Atomic bool done;
static _Atomic unsigned asked;

static void *poor(void *arg)
{
	(void)arg;
	while (!atomic_load(&done)) {
		struct quota_hold hold;
		struct quota_denied denied;

		/* a shared one first: it is only looked at as long as another lacks */
		if (quota_reserve(poor_path, 3, one, at(0), &hold, &denied) == QUOTA_OK)
			ck_abort_msg("the poor one gets in");
		atomic_fetch_add(&asked, 1);
	}
	return NULL;
}

START_TEST(isolation)
{
	struct quota_account *charged, *path[2];
	struct quota_denied denied;
	pthread_t t[2];

	poor_path[0] = account(table, "budget", QUOTA_COST, "50000 usd/day", at(0));
	poor_path[1] = account(table, "t:poor", QUOTA_COST, "1 usd/day", at(0));
	poor_path[2] = account(table, "gateway", QUOTA_COST, "50000 usd/day", at(0));
	path[0] = account(table, "t:rich", QUOTA_COST, "50000 usd/day", at(0));
	path[1] = poor_path[0];
	ck_assert_int_eq(quota_account_take(poor_path[1], 1, at(0), &charged), QUOTA_OK);
	atomic_store(&race_rate, 3000);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, poor, NULL), 0);
	while (atomic_load(&asked) < 100)
		sched_yield();
	for (int i = 0; i < 20000; i++) {
		struct quota_hold hold;

		/* all but nothing is taken each time: any trace of the poor one would be in the way
		 */
		int64_t all[QUOTA_DIM__MAX] = { [QUOTA_COST] = INT64_C(50000000000000) - i };

		if (quota_reserve(path, 2, all, at(0), &hold, &denied) != QUOTA_OK)
			ck_abort_msg("refused by %s", denied.account->name.p);
		all[QUOTA_COST] = 1;
		quota_settle(&hold, all, at(0));
	}
	atomic_store(&done, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 3; i++)
		quota_account_put(poor_path[i]);
	quota_account_put(path[0]);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, all_or_nothing);
	tcase_add_test(tc, settle_and_release);
	tcase_add_test(tc, raised);
	tcase_add_test(tc, extended);
	tcase_add_test(tc, moved);
	tcase_add_test(tc, moved_from_nothing);
	tcase_add_test(tc, meetings);
	tcase_add_loop_test(tc, threads, 0, 3);
	tcase_add_test(tc, isolation);
}

UNIT_MAIN("hold", tests)
