/*
 * check_guests.c: accounts of sessions and end users: one a name, limit and period; bounded,
 * whoever invents names; what is in work stays; and threads that make and find the same ones.
 */
#include "unit/quota/fixture.h"

#include <pthread.h>
#include <stdio.h>

#include "quota/guests.h"
#include "quota/hold.h"

static struct quota_guests *g;
static struct zone *utc;

static void setup(void)
{
	char err[256];

	utc = zone_load(STR("UTC"), NULL, err, sizeof err);
	g = quota_guests_new(QUOTA_GUESTS_WAYS, (const uint8_t *)"0123456789abcdef");
	ck_assert_ptr_nonnull(g);
}

static void teardown(void)
{
	quota_guests_free(g);
	zone_free(utc);
}

static struct quota_account *get(const char *scope, const char *id, enum quota_dim dim,
	const char *text, struct quota_time now)
{
	struct quota_limit l = limit(dim, text);
	struct quota_guest who = { str_z(scope), str_z(id), &l, NULL };
	struct period p;

	if (l.kind == QUOTA_STOCK) {
		period_at(&l.period, utc, now.wall, &p);
		who.period = &p;
	}
	return quota_guests_get(g, &who, now);
}

START_TEST(one_a_name)
{
	struct quota_account *a = get("session:t", "x", QUOTA_REQUESTS, "5/day", at(0)), *b;
	static const struct {
		const char *scope, *id, *text;
		int64_t us;
	} others[] = {
		{ "session:t", "y", "5/day", 0 },
		{ "session:t", "x", "5/hour", 0 },
		{ "session:t", "x", "5/min", 0 },
		{ "session:t", "x", "5/day", DAY },
		{ "session:u", "x", "5/day", 0 },
		{ "end_user:t", "x", "5/day", 0 },
		{ "session:t", "", "5/day", 0 },
	};

	ck_assert_ptr_nonnull(a);
	UNIT_STR_EQ(a->name, STR("session:t/requests/day/2026-11-28"));
	quota_account_restore(a, 3);
	b = get("session:t", "x", QUOTA_REQUESTS, "5/day", at(HOUR));
	ck_assert_ptr_eq(a, b);
	quota_account_put(b);
	/* another limit of that name: as a reload has it */
	b = get("session:t", "x", QUOTA_REQUESTS, "9/day", at(HOUR));
	ck_assert_ptr_eq(a, b);
	ck_assert_int_eq(quota_account_headroom(a, at(0)), 6);
	quota_account_put(b);
	for (size_t i = 0; i < TG_ARRAY_LEN(others); i++) {
		b = get(others[i].scope, others[i].id, QUOTA_REQUESTS, others[i].text,
			at(others[i].us));
		ck_assert_ptr_nonnull(b);
		ck_assert_ptr_ne(a, b);
		quota_account_put(b);
	}
	ck_assert_uint_eq(quota_guests_count(g), 1 + TG_ARRAY_LEN(others));
	quota_account_put(a);
}
END_TEST

/* Who has nothing to remember goes first, then who was not used for longest; who is in work stays.
 */
START_TEST(bounded)
{
	struct quota_account *a[QUOTA_GUESTS_WAYS], *b;
	char id[8];

	for (int i = 0; i < QUOTA_GUESTS_WAYS; i++) {
		snprintf(id, sizeof id, "%d", i);
		a[i] = get("session:t", id, QUOTA_REQUESTS, "5/day", at(i));
		ck_assert_ptr_nonnull(a[i]);
		quota_account_restore(a[i], i == 7 ? 0 : 1);
	}
	/* all are in work */
	ck_assert_ptr_null(get("session:t", "new", QUOTA_REQUESTS, "5/day", at(100)));
	for (int i = 1; i < QUOTA_GUESTS_WAYS; i++)
		quota_account_put(a[i]);
	b = get("session:t", "new", QUOTA_REQUESTS, "5/day", at(100));
	ck_assert_ptr_eq(b, a[7]);
	ck_assert_uint_eq(quota_guests_forgotten(g), 0);
	quota_account_restore(b, 1);
	quota_account_put(b);
	/* 1 is the oldest that is not in work, until it is used */
	b = get("session:t", "1", QUOTA_REQUESTS, "5/day", at(101));
	ck_assert_ptr_eq(b, a[1]);
	quota_account_put(b);
	b = get("session:t", "newer", QUOTA_REQUESTS, "5/day", at(102));
	ck_assert_ptr_eq(b, a[2]);
	ck_assert_int_eq(atomic_load(&b->committed), 0);
	ck_assert_uint_eq(quota_guests_forgotten(g), 1);
	ck_assert_uint_eq(quota_guests_count(g), QUOTA_GUESTS_WAYS);
	quota_account_put(b);
	quota_account_put(a[0]);
	/* a new day: what was spent yesterday is nothing */
	for (int i = 0; i < 8; i++) {
		snprintf(id, sizeof id, "d%d", i);
		b = get("session:t", id, QUOTA_REQUESTS, "5/day", at(DAY));
		ck_assert_ptr_nonnull(b);
		quota_account_put(b);
	}
	ck_assert_uint_eq(quota_guests_forgotten(g), 1);
}
END_TEST

static _Atomic int64_t let_in;

static void *ask(void *arg)
{
	uint64_t rnd = 88172645463325252u * ((uint64_t)(intptr_t)arg + 1);
	int64_t one[QUOTA_DIM__MAX] = { [QUOTA_REQUESTS] = 1 };
	struct quota_denied denied;
	struct quota_hold hold;
	char id[16];

	for (int i = 0; i < 20000; i++) {
		struct quota_account *a;

		rnd ^= rnd << 13, rnd ^= rnd >> 7, rnd ^= rnd << 17;
		snprintf(id, sizeof id, "%d", (int)(rnd >> 40) % (QUOTA_GUESTS_WAYS - 4));
		a = get("session:t", id, QUOTA_REQUESTS, "100/day", at(i));
		ck_assert_ptr_nonnull(a);
		if (quota_reserve(&a, 1, one, at(0), &hold, &denied) == QUOTA_OK) {
			quota_settle(&hold, one, at(0));
			atomic_fetch_add(&let_in, 1);
		}
		quota_account_put(a);
	}
	return NULL;
}

/* They fit: each has its limit, exactly. */
START_TEST(threads)
{
	pthread_t t[4];

	for (intptr_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, ask, (void *)i), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ck_assert_int_eq(atomic_load(&let_in), 100 * (QUOTA_GUESTS_WAYS - 4));
	ck_assert_uint_eq(quota_guests_forgotten(g), 0);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_a_name);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, threads);
}

UNIT_MAIN("guests", tests)
