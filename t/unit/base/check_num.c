/*
 * check_num.c: numbers at their limits, in both directions.
 */
#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>

#include "unit/unit.h"

#define UNTOUCHED 424242

START_TEST(parse_u64)
{
	static const struct {
		const char *in;
		int rc;
		uint64_t want;
	} rows[] = {
		{ "0", 0, 0 },
		{ "00012", 0, 12 },
		{ "9999999999999999999", 0, 9999999999999999999u },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "0000000000000000000000018446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -1, 0 },
		{ "18446744073709551620", -1, 0 },
		{ "184467440737095516150", -1, 0 },
		{ "99999999999999999999", -1, 0 },
		{ "", -1, 0 },
		{ "+1", -1, 0 },
		{ "-1", -1, 0 },
		{ " 1", -1, 0 },
		{ "1 ", -1, 0 },
		{ "0x1", -1, 0 },
		{ "1:", -1, 0 },
		{ "1/", -1, 0 },
		{ "\xb1", -1, 0 },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		uint64_t v = UNTOUCHED;

		ck_assert_msg(num_parse_u64(str_z(rows[i].in), &v) == rows[i].rc, "%s", rows[i].in);
		ck_assert_uint_eq(v, rows[i].rc == 0 ? rows[i].want : UNTOUCHED);
	}
}
END_TEST

START_TEST(parse_hex)
{
	static const struct {
		const char *in;
		int rc;
		uint64_t want;
	} rows[] = {
		{ "0", 0, 0 },
		{ "fF", 0, 255 },
		{ "0000000000000000000a", 0, 10 },
		{ "ffffffffffffffff", 0, UINT64_MAX },
		{ "10000000000000000", -1, 0 },
		{ "", -1, 0 },
		{ "0x1", -1, 0 },
		{ "g", -1, 0 },
		{ "@", -1, 0 },
		{ "`", -1, 0 },
		{ "\x10", -1, 0 },
		{ "a ", -1, 0 },
		{ "-1", -1, 0 },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		uint64_t v = UNTOUCHED;

		ck_assert_msg(num_parse_hex(str_z(rows[i].in), &v) == rows[i].rc, "%s", rows[i].in);
		ck_assert_uint_eq(v, rows[i].rc == 0 ? rows[i].want : UNTOUCHED);
	}
}
END_TEST

START_TEST(parse_i64)
{
	static const struct {
		const char *in;
		int rc;
		int64_t want;
	} rows[] = {
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", -1, 0 },
		{ "-9223372036854775808", 0, INT64_MIN },
		{ "-9223372036854775809", -1, 0 },
		{ "-0", 0, 0 },
		{ "-", -1, 0 },
		{ "--1", -1, 0 },
		{ "+1", -1, 0 },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		int64_t v = UNTOUCHED;

		ck_assert_msg(num_parse_i64(str_z(rows[i].in), &v) == rows[i].rc, "%s", rows[i].in);
		ck_assert_int_eq(v, rows[i].rc == 0 ? rows[i].want : UNTOUCHED);
	}
}
END_TEST

START_TEST(parse_decimal)
{
	static const struct {
		const char *in;
		unsigned scale;
		int rc;
		int64_t want;
	} rows[] = {
		{ "0.00021", 9, 0, 210000 },
		{ "2.1e-4", 9, 0, 210000 },
		{ "21E-5", 9, 0, 210000 },
		{ "0.00021", 5, 0, 21 },
		{ "0.00021", 4, -1, 0 },
		{ "3", 9, 0, 3000000000 },
		{ "-3.5", 1, 0, -35 },
		{ "1.500", 1, 0, 15 },
		{ "1e3", 0, 0, 1000 },
		{ "1e+3", 0, 0, 1000 },
		{ "1000e-3", 0, 0, 1 },
		{ "1000e-4", 0, -1, 0 },
		{ "1e-1", 0, -1, 0 },
		{ "0e999999999999999999999999", 9, 0, 0 },
		{ "0.000", 0, 0, 0 },
		{ "-0", 0, 0, 0 },
		{ "1e999999999999999999999999", 0, -1, 0 },
		{ "1e-999999999999999999999999", 9, -1, 0 },
		{ "9223372036854775807", 0, 0, INT64_MAX },
		{ "9223372036854775808", 0, -1, 0 },
		{ "-9223372036854775808", 0, 0, INT64_MIN },
		{ "-9.223372036854775808e18", 0, 0, INT64_MIN },
		{ "-922337203.6854775808", 10, 0, INT64_MIN },
		{ "9223372037", 9, -1, 0 },
		{ "9223372036.854775807", 9, 0, INT64_MAX },
		{ "100000000000000000000000e-23", 0, 0, 1 },
		{ "0.00000000000000000000000001e26", 0, 0, 1 },
		{ "100000000000000000000000000001e-29", 0, -1, 0 },
		{ "00000000000000000000000000000000007", 0, 0, 7 },
		{ "10000000000000000000", 0, -1, 0 },
		{ "100000000000000000000", 0, -1, 0 },
		{ "18446744073709551616", 0, -1, 0 },
		{ "", 0, -1, 0 },
		{ "-", 0, -1, 0 },
		{ ".5", 9, -1, 0 },
		{ "5.", 9, -1, 0 },
		{ "5.e1", 9, -1, 0 },
		{ "+5", 9, -1, 0 },
		{ "5e", 9, -1, 0 },
		{ "5e+", 9, -1, 0 },
		{ "5e-", 9, -1, 0 },
		{ "5e1.0", 9, -1, 0 },
		{ "5 ", 9, -1, 0 },
		{ " 5", 9, -1, 0 },
		{ "1,5", 9, -1, 0 },
		{ "0x5", 9, -1, 0 },
		{ "nan", 9, -1, 0 },
		{ "inf", 9, -1, 0 },
		{ "1.2.3", 9, -1, 0 },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		char *in = unit_copy(rows[i].in, strlen(rows[i].in));
		int64_t v = UNTOUCHED;

		ck_assert_msg(num_parse_decimal(str_mk(in, strlen(rows[i].in)), rows[i].scale,
				      &v) == rows[i].rc,
			"%s", rows[i].in);
		ck_assert_msg(v == (rows[i].rc == 0 ? rows[i].want : UNTOUCHED), "%s is %" PRId64,
			rows[i].in, v);
		free(in);
	}
}
END_TEST

/* Around every power of two and of ten, against printf. */
static void check_put(uint64_t v)
{
	char got[NUM_U64_MAX_LEN + 1], want[32];

	memset(got, '#', sizeof got);
	ck_assert_uint_eq(num_put_u64(got, v), (size_t)sprintf(want, "%" PRIu64, v));
	ck_assert_int_eq(memcmp(got, want, strlen(want)), 0);
	ck_assert_int_eq(got[strlen(want)], '#');
	ck_assert_uint_eq(
		num_put_i64(got, (int64_t)v), (size_t)sprintf(want, "%" PRId64, (int64_t)v));
	ck_assert_int_eq(memcmp(got, want, strlen(want)), 0);
	ck_assert_uint_eq(num_put_hex(got, v), (size_t)sprintf(want, "%" PRIx64, v));
	ck_assert_int_eq(memcmp(got, want, strlen(want)), 0);
}

START_TEST(put_agrees_with_printf)
{
	for (uint64_t v = 0; v < 11000; v++)
		check_put(v);
	for (unsigned b = 0; b < 64; b++)
		for (uint64_t d = 0; d < 5; d++)
			check_put(((uint64_t)1 << b) + d - 2);
	for (uint64_t p = 1, i = 0; i < 20; i++, p *= 10)
		for (uint64_t d = 0; d < 5; d++)
			check_put(p + d - 2);
}
END_TEST

START_TEST(put_decimal)
{
	static const struct {
		int64_t v;
		unsigned scale;
		const char *want;
	} rows[] = {
		{ 0, 9, "0" },
		{ 210000, 9, "0.00021" },
		{ 3000000000, 9, "3" },
		{ 3000000001, 9, "3.000000001" },
		{ 1500, 3, "1.5" },
		{ 1050, 3, "1.05" },
		{ -5, 1, "-0.5" },
		{ 7, 0, "7" },
		{ 700, 0, "700" },
		{ INT64_MIN, 0, "-9223372036854775808" },
		{ INT64_MIN, 18, "-9.223372036854775808" },
		{ INT64_MIN, 19, "-0.9223372036854775808" },
		{ 1, 19, "0.0000000000000000001" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		char got[22];
		size_t n = num_put_decimal(got, rows[i].v, rows[i].scale);
		int64_t back;

		UNIT_STR_EQ(str_mk(got, n), str_z(rows[i].want));
		ck_assert_int_eq(num_parse_decimal(str_mk(got, n), rows[i].scale, &back), 0);
		ck_assert_int_eq(back, rows[i].v);
	}
}
END_TEST

/* Other threads may change what is looked at: once. */
START_TEST(least_and_most)
{
	unsigned n = 0;

	ck_assert_uint_eq(TG_MIN(n++, 5u), 0);
	ck_assert_uint_eq(TG_MAX(n++, 0u), 1);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(TG_MIN(TG_MAX(-3, 2), TG_MAX(1, 7)), 2);
	ck_assert_uint_eq(TG_MIN(UINT64_MAX, 0), 0);
	ck_assert_int_eq(TG_MAX((int64_t)-1, 0), 0);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, parse_u64);
	tcase_add_test(tc, parse_hex);
	tcase_add_test(tc, parse_i64);
	tcase_add_test(tc, parse_decimal);
	tcase_add_test(tc, put_agrees_with_printf);
	tcase_add_test(tc, least_and_most);
	tcase_add_test(tc, put_decimal);
}

UNIT_MAIN("num", tests)
