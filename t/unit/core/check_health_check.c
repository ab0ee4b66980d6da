/*
 * check_health_check.c: which answers are good ones, and how many in a row change what is known.
 */
#include "unit/unit.h"

#include "core/health_check.c"

static const struct {
	unsigned status;
	bool good;
} statuses[] = {
	{ 200, true },
	{ 204, true },
	{ 302, true },
	{ 399, true },
	{ 401, true },
	{ 402, true },
	{ 403, true },
	{ 429, true },
	{ 400, false },
	{ 404, false },
	{ 408, false },
	{ 500, false },
	{ 503, false },
	{ 529, false },
	{ 0, false },
	{ 100, false },
};

START_TEST(what_is_good)
{
	ck_assert_int_eq(health_check_is_good(statuses[_i].status), statuses[_i].good);
}
END_TEST

/* Checks, + good and - failed; and what is known after each: u up, d down. */
static const struct {
	int64_t healthy, unhealthy;
	const char *checks, *known;
} courses[] = {
	{ 2, 3, "+++", "uuu" },
	{ 2, 3, "---", "uud" },
	{ 2, 3, "--+--+---", "uuuuuuuud" },
	{ 2, 3, "---+-+-++", "uuddddddu" },
	{ 2, 3, "---++---++", "uudduuuddu" },
	{ 1, 1, "-+-+", "dudu" },
	{ 3, 1, "-++-+++-", "ddddddud" },
};

START_TEST(course)
{
	struct account_state state = { 0 };
	struct checker c = { .name = (char *)(uintptr_t) "t",
		.healthy = courses[_i].healthy,
		.unhealthy = courses[_i].unhealthy,
		.state = &state };
	int64_t in_a_row = 0;
	unsigned failed = 0, n = 0;

	for (; courses[_i].checks[n] != '\0'; n++) {
		bool good = courses[_i].checks[n] == '+';

		failed += !good;
		checker_note(&c, good, "why", &in_a_row);
		ck_assert_msg(atomic_load(&state.check_down) == (courses[_i].known[n] == 'd'),
			"%s: check %u", courses[_i].checks, n + 1);
	}
	ck_assert_uint_eq(atomic_load(&state.checks), n);
	ck_assert_uint_eq(atomic_load(&state.checks_failed), failed);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, what_is_good, 0, sizeof statuses / sizeof *statuses);
	tcase_add_loop_test(tc, course, 0, sizeof courses / sizeof *courses);
}

UNIT_MAIN("health_check", tests)
