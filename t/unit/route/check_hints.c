/*
 * check_hints.c: what providers say about waiting, in all the formats they use; what is none of
 * them is not understood.
 */
#include "unit/unit.h"

#include "route/hints.h"

/* 2026-11-28T10:00:00Z */
#define NOW_US INT64_C(1795860000000000)
#define BAD    (-1)

static const wall_us now = { NOW_US };

static const struct {
	const char *text;
	int64_t us;
} resets[] = {
	{ "120ms", 120000 },
	{ "8.64s", 8640000 },
	{ "6m0s", 360000000 },
	{ "1h2m3s", 3723000000 },
	{ "2m59.56s", 179560000 },
	{ "20", 20000000 },
	{ "34.4", 34400000 },
	{ "0", 0 },
	{ "0s", 0 },
	{ "2026-11-28T10:00:30Z", 30000000 },
	{ "2026-11-28T09:59:00Z", 0 },
	{ "2026-11-28T12:00:30+02:00", 30000000 },
	{ "1795860045", 45000000 },
	{ "1795860045000", 45000000 },
	{ "99999999999h", HINTS_MOST_US },
	{ "8760h", HINTS_MOST_US },
	{ "", BAD },
	{ "-1", BAD },
	{ "s", BAD },
	{ "1x", BAD },
	{ "1s2", BAD },
	{ ".5s", BAD },
	{ "1.s", BAD },
	{ "11111111111111111111s", BAD },
	{ "soon", BAD },
};

static void is(int rc, int64_t us, int64_t want, const char *text)
{
	ck_assert_msg((rc == 0 ? us : BAD) == want, "%s: %lld, not %lld", text,
		(long long)(rc == 0 ? us : BAD), (long long)want);
}

START_TEST(reset)
{
	int64_t us = 0;
	int rc = hint_reset(str_z(resets[_i].text), now, &us);

	is(rc, us, resets[_i].us, resets[_i].text);
}
END_TEST

static const struct {
	const char *text;
	int64_t us;
} afters[] = {
	{ "7", 7000000 },
	{ "0.5", 500000 },
	{ "Sat, 28 Nov 2026 10:00:09 GMT", 9000000 },
	{ "Sat, 28 Nov 2026 09:00:09 GMT", 0 },
	{ "Sat, 28 Nov 2036 09:00:09 GMT", HINTS_MOST_US },
	{ "Sat, 28 Nix 2026 10:00:09 GMT", BAD },
	{ "Sat, 2x Nov 2026 10:00:09 GMT", BAD },
	{ "Sat, 28 Nov 2026 25:00:09 GMT", BAD },
	{ "Sat, 28 Nov 2026 10:00:09 CET", BAD },
	{ "6m0s", BAD },
	{ "-5", BAD },
	{ "", BAD },
};

START_TEST(after)
{
	int64_t us = 0;
	int rc = hint_retry_after(str_z(afters[_i].text), now, &us);

	is(rc, us, afters[_i].us, afters[_i].text);
}
END_TEST

START_TEST(others)
{
	int64_t v = 0;

	ck_assert_int_eq(hint_retry_after_ms(STR("1499.5"), &v), 0);
	ck_assert_int_eq(v, 1499500);
	ck_assert_int_eq(hint_retry_after_ms(STR("1s"), &v), -1);
	ck_assert_int_eq(hint_count(STR("2000000"), &v), 0);
	ck_assert_int_eq(v, 2000000);
	ck_assert_int_eq(hint_count(STR("-1"), &v), -1);
	ck_assert_int_eq(hint_count(STR(""), &v), -1);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, reset, 0, sizeof resets / sizeof *resets);
	tcase_add_loop_test(tc, after, 0, sizeof afters / sizeof *afters);
	tcase_add_test(tc, others);
}

UNIT_MAIN("hints", tests)
