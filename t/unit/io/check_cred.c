/*
 * check_cred.c: a credential is fetched at once and ahead of its end, a failure keeps the old one
 * until it expires, the same source is one credential, and nobody waits for a fetch that hangs.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "io/cred.h"
#include "unit/unit.h"

#define LONG_US 20000000

static atomic_int fetched, hang, left;

/* arg[0]: seconds it is good for ("": does not say); arg[1]: fails from the nth on. */
static int fake_fetch(const struct str arg[CRED_ARGS], struct cred_got *g)
{
	int n = atomic_fetch_add(&fetched, 1) + 1;

	if (arg[1].n > 0 && n >= atoi(arg[1].p))
		return cred_fail(g, "the test says so");
	if (arg[0].n > 0)
		g->expires.us = clock_wall().us + (int64_t)(atof(arg[0].p) * 1e6);
	return cred_got_printf(g, 0, "x-key: %d\r\n", n);
}

static int hanging_fetch(const struct str arg[CRED_ARGS], struct cred_got *g)
{
	(void)arg;
	atomic_store(&hang, 1);
	while (!cred_stopping(g))
		usleep(1000);
	atomic_store(&left, 1);
	return cred_fail(g, "stopped");
}

static const struct cred_kind fake = { .name = "fake", .fields = true, .fetch = fake_fetch };
static const struct cred_kind quick = { .name = "quick", .refresh_us = 20000, .fetch = fake_fetch };
static const struct cred_kind hanging = { .name = "hanging", .fetch = hanging_fetch };

static struct cred *get(const struct cred_kind *k, const char *a, const char *b)
{
	struct str arg[CRED_ARGS] = { str_z(a), str_z(b) };

	return cred_get(k, arg, STR("target"));
}

/* The number that a copy has; 0: there is none. */
static int copied(struct cred *c)
{
	struct str part[CRED_PARTS];
	struct arena a;
	int n = 0;

	arena_init(&a, NULL, 0);
	if (cred_copy(c, &a, part) == 0) {
		ck_assert(str_starts(part[0], STR("x-key: ")));
		ck_assert(part[1].p == NULL && part[2].p == NULL);
		n = atoi(part[0].p + 7);
	}
	arena_fini(&a);
	return n;
}

static bool comes(struct cred *c, int want)
{
	for (int i = 0; i < LONG_US / 1000; i++) {
		if (copied(c) == want || (want > 1 && copied(c) > want))
			return true;
		usleep(1000);
	}
	return false;
}

START_TEST(first_fetch)
{
	struct cred *c = get(&fake, "3600", ""), *same = get(&fake, "3600", ""),
		    *other = get(&fake, "3601", "");

	ck_assert(cred_wait(c, LONG_US));
	ck_assert(c == same && c != other);
	ck_assert(cred_wait(other, LONG_US));
	ck_assert_int_eq(copied(c) + copied(other), 3); /* one fetch each */
	ck_assert(cred_kind_of(c) == &fake);
	cred_put(same);
	ck_assert_int_ne(copied(c), 0);
	cred_put(c);
	cred_put(other);
}
END_TEST

START_TEST(refreshed_ahead)
{
	struct cred *c = get(&fake, "1.5", "");

	/* One that is never without a value is fetched before the last one's end. */
	ck_assert(cred_wait(c, LONG_US));
	for (int i = 0; i < 4000 && copied(c) < 3; i++) {
		ck_assert_int_ne(copied(c), 0);
		usleep(1000);
	}
	ck_assert_int_ge(copied(c), 3);
	cred_put(c);
	c = get(&quick, "", "");
	ck_assert(comes(c, 5)); /* does not say: by the kind's own time */
	cred_put(c);
}
END_TEST

START_TEST(failure_keeps_the_old_one_until_it_expires)
{
	struct cred *c = get(&fake, "1.5", "2");

	ck_assert(cred_wait(c, LONG_US));
	ck_assert_int_eq(copied(c), 1);
	for (int i = 0; i < LONG_US / 1000 && atomic_load(&fetched) < 2; i++)
		usleep(1000);
	ck_assert_int_eq(copied(c), 1); /* the second failed, ahead of the first one's end */
	ck_assert(comes(c, 0));
	cred_put(c);
	c = get(&fake, "60", "1");
	ck_assert(!cred_wait(c, LONG_US)); /* failed once */
	cred_put(c);
}
END_TEST

START_TEST(expired_already)
{
	struct cred *c = get(&fake, "-5", "");

	ck_assert(!cred_wait(c, LONG_US));
	ck_assert_int_eq(copied(c), 0);
	cred_put(c);
}
END_TEST

static void count_each(void *arg, const struct cred_stats *s)
{
	struct cred_stats *sum = arg;

	ck_assert(str_eq(s->name, STR("target")));
	sum->fetched += s->fetched;
	sum->failed += s->failed;
	sum->valid |= s->valid;
	sum->expires = s->expires;
}

START_TEST(figures)
{
	struct cred *c = get(&fake, "3600", ""), *bad = get(&fake, "60", "1");
	struct cred_stats sum = { .valid = false };

	ck_assert(cred_wait(c, LONG_US) || !cred_wait(bad, LONG_US));
	cred_put(bad);
	cred_each(count_each, &sum);
	ck_assert_uint_eq(sum.fetched, 1);
	ck_assert_uint_eq(sum.failed, 0);
	ck_assert(sum.valid && sum.expires.us > clock_wall().us);
	cred_put(c);
}
END_TEST

/* Fetched again at once when the last time was 3 s ago; here it was just now. */
START_TEST(refused)
{
	struct cred *c = get(&fake, "3600", "");

	ck_assert(cred_wait(c, LONG_US));
	cred_refused(c);
	cred_refused(c);
	usleep(50000);
	ck_assert_int_eq(copied(c), 1);
	ck_assert(comes(c, 2));
	cred_put(c);
}
END_TEST

START_TEST(hanging_fetch_holds_nobody)
{
	struct cred *c = get(&hanging, "", "");

	ck_assert(!cred_wait(c, 10000));
	while (atomic_load(&hang) == 0)
		usleep(1000);
	ck_assert_int_eq(copied(c), 0);
	cred_put(c); /* returns; the thread sees it and goes */
	for (int i = 0; i < LONG_US / 1000 && atomic_load(&left) == 0; i++)
		usleep(1000);
	ck_assert_int_eq(atomic_load(&left), 1);
}
END_TEST

/* A program that ends takes its libraries down: no fetch may be at work in them then. */
START_TEST(drained)
{
	struct cred *c = get(&hanging, "", "");

	while (atomic_load(&hang) == 0)
		usleep(1000);
	ck_assert(!cred_drain(20000));
	cred_put(c);
	ck_assert(cred_drain(LONG_US));
	ck_assert_int_eq(atomic_load(&left), 1);
}
END_TEST

/* A program that only looks at a configuration runs nobody's commands. */
START_TEST(nothing_is_fetched)
{
	struct cred *c;

	cred_fetch_nothing();
	c = get(&fake, "3600", "");
	ck_assert(!cred_wait(c, 20000));
	ck_assert_int_eq(atomic_load(&fetched), 0);
	cred_put(c);
}
END_TEST

static const struct part_row {
	const char *text;
	bool ok;
} part_rows[] = {
	{ "AKIA1", true },
	{ "", true },
	{ "a\r\nb", false },
	{ "a\x7f", false },
};

static const struct part_row bearer_rows[] = {
	{ "eyJ0.eyJl-_~+/x==", true },
	{ "", false },
	{ "two words", false },
	{ "a\r\nx-evil: 1", false },
};

START_TEST(parts_are_checked)
{
	struct cred_got *g = calloc(1, sizeof *g);
	char *large = calloc(1, CRED_MAX + 1);

	for (size_t i = 0; i < TG_ARRAY_LEN(part_rows); i++)
		ck_assert_msg(
			(cred_got_part(g, 0, str_z(part_rows[i].text)) == 0) == part_rows[i].ok,
			"part %zu", i);
	ck_assert_int_eq(cred_got_part(g, 0, STR_NONE), 0);
	for (size_t i = 0; i < TG_ARRAY_LEN(bearer_rows); i++)
		ck_assert_msg(
			(cred_got_bearer(g, str_z(bearer_rows[i].text)) == 0) == bearer_rows[i].ok,
			"bearer %zu", i);
	memset(large, 'a', CRED_MAX);
	ck_assert_int_eq(cred_got_part(g, 0, str_mk(large, CRED_MAX)), -1);
	ck_assert_int_eq(cred_got_bearer(g, str_mk(large, CRED_MAX)), -1);
	free(large);
	free(g);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, first_fetch);
	tcase_add_test(tc, refreshed_ahead);
	tcase_add_test(tc, failure_keeps_the_old_one_until_it_expires);
	tcase_add_test(tc, expired_already);
	tcase_add_test(tc, figures);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, hanging_fetch_holds_nobody);
	tcase_add_test(tc, drained);
	tcase_add_test(tc, nothing_is_fetched);
	tcase_add_test(tc, parts_are_checked);
}

UNIT_MAIN("cred", tests)
