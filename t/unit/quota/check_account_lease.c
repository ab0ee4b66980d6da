/*
 * check_account_lease.c: stocks whose g moves: what lacks and why, what workers tell, how g is
 * lowered; then all of it at once, with threads that take, settle and wait while one grants and
 * lowers.
 */
#include "unit/quota/fixture.h"

#include <pthread.h>
#include <sched.h>

enum { WORKERS = 3, LIMIT = 10000 };

static struct quota_table *table;
static struct quota_attention attention;
static struct quota_account *acc, *charged;
static _Atomic int wakes;

static void on_wake(void *arg)
{
	(void)arg;
	atomic_fetch_add(&wakes, 1);
}

static void setup(void)
{
	table = quota_table_new(500);
	attention = (struct quota_attention){ .wake = on_wake };
	atomic_store(&wakes, 0);
	acc = account(table, "t", QUOTA_REQUESTS, "10000/day", at(0));
	quota_account_restore(acc, 100);
	ck_assert(!quota_account_leased(acc));
	quota_account_lease(acc, &attention);
}

static enum quota_result take(int64_t amount)
{
	enum quota_result peek = quota_account_peek(acc, amount, at(0));

	ck_assert_int_eq(quota_account_take(acc, amount, at(0), &charged), peek);
	return peek;
}

/* What workers had to say: all bits of all accounts on the stack; *n of them. */
static uint32_t attended(unsigned *n)
{
	struct quota_account *a = quota_attention_take(&attention), *next;
	uint32_t bits = 0;

	for (*n = 0; a != NULL; a = next, ++*n) {
		next = a->attended;
		bits |= quota_account_attended(a, ~UINT32_C(0));
		quota_account_put(a);
	}
	return bits;
}

static void teardown(void)
{
	unsigned n;

	(void)attended(&n); /* the stack has references */
	quota_account_put(acc);
	quota_table_free(table);
}

START_TEST(lacks)
{
	ck_assert_int_eq(atomic_load(&acc->granted), 100);
	ck_assert_int_eq(take(0), QUOTA_OK);
	ck_assert_int_eq(take(1), QUOTA_UNSURE);
	ck_assert_int_eq(take(10001), QUOTA_NEVER);
	atomic_store(&acc->unsure, false);
	ck_assert_int_eq(take(1), QUOTA_ASK);
	atomic_store(&acc->refused_until_us, at(0).mono.us + 1);
	ck_assert_int_eq(take(1), QUOTA_LACKS);
	ck_assert_int_eq(quota_account_peek(acc, 1, at(1)), QUOTA_ASK);
	quota_account_grant(acc, 150);
	ck_assert_int_eq(take(50), QUOTA_OK);
	ck_assert_int_eq(take(1), QUOTA_LACKS);
	/* the limit is the configuration's, g the lease's */
	quota_account_set_limit(acc, 40);
	ck_assert_int_eq(atomic_load(&acc->granted), 150);
	ck_assert_int_eq(take(41), QUOTA_NEVER);
}
END_TEST

START_TEST(lowers)
{
	quota_account_grant(acc, 200);
	ck_assert_int_eq(take(60), QUOTA_OK);
	ck_assert(!quota_account_lower(acc, 159));
	ck_assert_int_eq(atomic_load(&acc->granted), 200);
	ck_assert(quota_account_lower(acc, 160));
	atomic_store(&acc->unsure, false);
	ck_assert_int_eq(take(1), QUOTA_ASK);
	quota_account_settle(acc, 60, 10, at(0));
	ck_assert_int_eq(take(51), QUOTA_ASK);
	ck_assert_int_eq(take(50), QUOTA_OK);
}
END_TEST

START_TEST(attends)
{
	unsigned n;

	ck_assert_uint_eq(attended(&n), 0);
	ck_assert_uint_eq(n, 0);
	quota_account_grant(acc, 1000);
	atomic_store(&acc->low_water, 300);
	ck_assert_int_eq(take(600), QUOTA_OK);
	ck_assert_uint_eq(attended(&n), 0);
	ck_assert_int_eq(take(1), QUOTA_OK);
	ck_assert_int_eq(take(1), QUOTA_OK);
	ck_assert_int_eq(atomic_load(&wakes), 1);
	quota_account_settle(acc, 600, 500, at(0));
	quota_account_wait(acc, 5000);
	quota_account_wait(acc, 70);
	ck_assert_int_eq(atomic_load(&acc->waiting), 5070);
	ck_assert_int_eq(atomic_load(&acc->largest), 5000);
	ck_assert_int_eq(atomic_load(&wakes), 1);
	ck_assert_uint_eq(attended(&n),
		QUOTA_ATTEND_LISTED | QUOTA_ATTEND_LOW | QUOTA_ATTEND_SETTLED | QUOTA_ATTEND_WAITS);
	ck_assert_uint_eq(n, 1);
	quota_account_unwait(acc, 5000);
	quota_account_unwait(acc, 70);
	/* what was said and not looked into is not said again */
	quota_account_settle(acc, 1, 1, at(0));
	ck_assert_ptr_eq(quota_attention_take(&attention), acc);
	(void)quota_account_attended(acc, QUOTA_ATTEND_LISTED);
	quota_account_put(acc);
	quota_account_settle(acc, 1, 1, at(0));
	ck_assert_ptr_null(quota_attention_take(&attention));
	(void)quota_account_attended(acc, QUOTA_ATTEND_SETTLED);
	ck_assert_int_eq(take(1), QUOTA_OK);
	quota_account_settle(acc, 1, 1, at(0));
	ck_assert_uint_eq(attended(&n), QUOTA_ATTEND_LISTED | QUOTA_ATTEND_SETTLED);
	ck_assert_int_eq(atomic_load(&wakes), 3);
}
END_TEST

START_TEST(many_on_the_stack)
{
	struct quota_account *a[20];
	char name[8] = "s ";
	unsigned n;

	for (unsigned i = 0; i < TG_ARRAY_LEN(a); i++) {
		name[1] = (char)('a' + i);
		a[i] = account(table, name, QUOTA_REQUESTS, "5/day", at(0));
		quota_account_lease(a[i], &attention);
		quota_account_wait(a[i], 1);
	}
	ck_assert_uint_eq(attended(&n), QUOTA_ATTEND_LISTED | QUOTA_ATTEND_WAITS);
	ck_assert_uint_eq(n, TG_ARRAY_LEN(a));
	for (unsigned i = 0; i < TG_ARRAY_LEN(a); i++)
		quota_account_put(a[i]);
}
END_TEST

/* ---- all at once */

static _Atomic int64_t spent;
static _Atomic bool done;

static void *worker(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	while (!atomic_load(&done)) {
		struct quota_account *got;
		int64_t hold;

		seed = seed * 1103515245 + 12345;
		hold = 1 + (int64_t)(seed >> 16) % 5;
		switch (quota_account_take(acc, hold, at(0), &got)) {
		case QUOTA_OK:
			atomic_fetch_add(&spent, hold - 1);
			quota_account_settle(acc, hold, hold - 1, at(0));
			break;
		case QUOTA_ASK:
			quota_account_wait(acc, hold);
			quota_account_unwait(acc, hold);
			break;
		default: break;
		}
	}
	return NULL;
}

/*
 * The one that moves g: what was lowered is given to another member, who spends it. So what is
 * spent here, there, and still granted here is never above the limit.
 */
static void move(int64_t *g, int64_t *elsewhere)
{
	int64_t c = atomic_load(&acc->committed);

	if (c < *g && *g % 3 != 0) {
		if (quota_account_lower(acc, c)) {
			*elsewhere += *g - c;
			*g = c;
		}
	} else if (*g + *elsewhere < LIMIT) {
		*g += TG_MIN(7, LIMIT - *g - *elsewhere);
		quota_account_grant(acc, *g);
	}
}

START_TEST(threads)
{
	int64_t g = 100, elsewhere = 0;
	pthread_t t[WORKERS];
	uint32_t seen = 0;
	unsigned n;

	atomic_store(&acc->unsure, false);
	atomic_store(&acc->low_water, 3);
	atomic_store(&spent, 100);
	atomic_store(&done, false);
	for (uintptr_t i = 0; i < WORKERS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, worker, (void *)(i + 1)), 0);
	/* until workers, however seldom they run, have spent a good part */
	while (atomic_load(&acc->settled) < LIMIT / 4) {
		if (g + elsewhere == LIMIT)
			elsewhere = 0; /* the other member gives all back */
		seen |= attended(&n);
		ck_assert_uint_le(n, 1);
		move(&g, &elsewhere);
		sched_yield();
	}
	atomic_store(&done, true);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(t[i], NULL);
	seen |= attended(&n);
	ck_assert_int_eq(atomic_load(&acc->committed), atomic_load(&acc->settled));
	ck_assert_int_eq(atomic_load(&acc->settled), atomic_load(&spent));
	ck_assert_int_le(atomic_load(&spent), g);
	ck_assert_int_le(g + elsewhere, LIMIT);
	ck_assert_int_eq(atomic_load(&acc->waiting), 0);
	ck_assert_uint_ne(seen & QUOTA_ATTEND_SETTLED, 0);
	/* every reference that a place on the stack had came back */
	ck_assert_uint_eq(atomic_load(&acc->refs) & 0xffffffff, 2);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, lacks);
	tcase_add_test(tc, lowers);
	tcase_add_test(tc, attends);
	tcase_add_test(tc, many_on_the_stack);
	tcase_add_test(tc, threads);
}

UNIT_MAIN("account_lease", tests)
