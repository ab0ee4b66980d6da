/*
 * check_clock.c: UTC by arithmetic, against gmtime_r and strftime over eight thousand years.
 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#include "base/defs.h"
#include "unit/unit.h"

static void check_at(int64_t sec, int64_t us)
{
	char got[CLOCK_ISO_LEN], want[40];
	time_t t = (time_t)sec;
	struct tm tm;
	size_t n;

	ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
	n = strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S", &tm);
	sprintf(want + n, ".%06dZ", (int)us);
	ck_assert_uint_eq(clock_iso(got, (wall_us){ sec * 1000000 + us }), CLOCK_ISO_LEN);
	UNIT_STR_EQ(str_mk(got, CLOCK_ISO_LEN), str_z(want));

	char http[CLOCK_HTTP_LEN];

	strftime(want, sizeof want, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	ck_assert_uint_eq(clock_http(http, (wall_us){ sec * 1000000 + us }), CLOCK_HTTP_LEN);
	UNIT_STR_EQ(str_mk(http, CLOCK_HTTP_LEN), str_z(want));
}

START_TEST(agrees_with_gmtime)
{
	/* Every day of the centuries in use, then in steps that fall on all days of a year. */
	for (int64_t day = 0; day < 366 * 140; day++)
		check_at(day * 86400 + day % 86400, day % 1000000);
	for (int64_t day = 366 * 140; day < 2932896; day += 101)
		check_at(day * 86400 + 86399, 999999);
}
END_TEST

START_TEST(leap_days)
{
	static const int64_t days[] = { 951782400 /* 2000-02-29 */, 1709164800 /* 2024-02-29 */,
		4107542400 /* 2100-03-01 */, 13574563200 /* 2400-02-29 */,
		253402300799 /* the last */ };

	for (size_t i = 0; i < TG_ARRAY_LEN(days); i++)
		for (int64_t d = -86400; d <= 0; d += 43200)
			check_at(days[i] + d, 1);
}
END_TEST

START_TEST(out_of_range_is_clamped)
{
	char got[CLOCK_ISO_LEN];

	clock_iso(got, (wall_us){ -1 });
	UNIT_STR_EQ(str_mk(got, CLOCK_ISO_LEN), STR("1970-01-01T00:00:00.000000Z"));
	clock_iso(got, (wall_us){ INT64_MAX });
	UNIT_STR_EQ(str_mk(got, CLOCK_ISO_LEN), STR("9999-12-31T23:59:59.999999Z"));
}
END_TEST

START_TEST(days_are_what_iso_says)
{
	char got[CLOCK_ISO_LEN], want[16];

	ck_assert_int_eq(clock_days(1970, 1, 1), 0);
	for (int64_t day = 0; day < 2932897; day += 13) {
		int y, m, d;

		clock_iso(got, (wall_us){ day * 86400000000 });
		snprintf(want, sizeof want, "%.10s", got);
		ck_assert_int_eq(sscanf(want, "%d-%d-%d", &y, &m, &d), 3);
		ck_assert_int_eq(clock_days(y, m, d), day);
	}
}
END_TEST

START_TEST(clocks_run)
{
	mono_us a = clock_mono(), b = clock_mono();

	ck_assert_int_ge(mono_since(b, a), 0);
	ck_assert_int_gt(clock_wall().us, INT64_C(1700000000000000)); /* after 2023: microseconds */
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, agrees_with_gmtime);
	tcase_add_test(tc, leap_days);
	tcase_add_test(tc, out_of_range_is_clamped);
	tcase_add_test(tc, days_are_what_iso_says);
	tcase_add_test(tc, clocks_run);
}

UNIT_MAIN("clock", tests)
