/* decimal.c: figures of price maps as written, what they are as integers, and numbers that no
 * parser may touch. */
#include "unit/unit.h"

#include <stdio.h>

#include "base/num.h"
#include "ctl/decimal.h"

static const struct {
	const char *text;
	int scale;
	int64_t want; /* -1: malformed; -2: out of range */
	bool rounded;
} scaled[] = {
	{ "0", 12, 0, false },
	{ "0.0", 12, 0, false },
	{ "0e-300", 12, 0, false },
	{ "1", 0, 1, false },
	{ "007", 0, 7, false },
	{ "0.15", 12, 150000000000, false },
	{ "1.5e-07", 12, 150000, false },
	{ "1.5E-07", 12, 150000, false },
	{ "1e3", 4, 10000000, false },
	{ "1e+3", 4, 10000000, false },
	{ "2.50", 1, 25, false },
	{ "2.5e-9", 12, 2500, false },
	{ "0.0002833333333333333", 12, 283333334, true },
	{ "1e-13", 12, 1, true },
	{ "1e-999", 12, 1, true },
	{ "1.0000000000001", 12, 1000000000001, true },
	{ "9223372036854775807", 0, INT64_MAX, false },
	{ "9223372036854775808", 0, -2, false },
	{ "1e19", 0, -2, false },
	{ "9223372.036854775807", 12, INT64_MAX, false },
	{ "9223372.0368547758071", 12, -2, false },
	{ "123456789012345678901234567890", -20, 1234567891, true },
	{ "1234567890123456789012345678901", 0, -1, false },
	{ "0.0000000000000000000000000000000001", 34, 1, false },
	{ "", 0, -1, false },
	{ "-1", 0, -1, false },
	{ "+1", 0, -1, false },
	{ ".5", 0, -1, false },
	{ "5.", 0, -1, false },
	{ "1.2.3", 0, -1, false },
	{ "1e", 0, -1, false },
	{ "1e-", 0, -1, false },
	{ "1e5x", 0, -1, false },
	{ "1 ", 0, -1, false },
	{ "0x10", 0, -1, false },
	{ "1e99999", 0, -1, false },
	{ "inf", 0, -1, false },
};

START_TEST(as_integers)
{
	struct decimal d;
	int64_t v = -7;
	bool rounded = false;
	int rc = decimal_parse(str_z(scaled[_i].text), &d);

	ck_assert_msg((rc != 0) == (scaled[_i].want == -1), "%s", scaled[_i].text);
	if (rc != 0)
		return;
	rc = decimal_scaled_up(d, scaled[_i].scale, &v, &rounded);
	ck_assert_msg((rc != 0) == (scaled[_i].want == -2), "%s", scaled[_i].text);
	if (rc != 0)
		return;
	ck_assert_msg(v == scaled[_i].want && rounded == scaled[_i].rounded, "%s is %lld, %d",
		scaled[_i].text, (long long)v, rounded);
}
END_TEST

/* What fits exactly is what the price book's own reader makes of it; what does not is one more than
 * is cut off. */
START_TEST(agrees_with_the_other_reader)
{
	uint64_t seed = 1;
	int exact = 0;

	for (int i = 0; i < 200000; i++) {
		char text[64];
		struct decimal d;
		int64_t v, other;
		bool rounded;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		snprintf(text, sizeof text, "%llu.%0*llue%d", (unsigned long long)(seed >> 50),
			1 + (int)(seed >> 20 & 7), (unsigned long long)(seed >> 40 & 127),
			(int)(seed >> 10 & 31) - 22);
		if (decimal_parse(str_z(text), &d) != 0)
			ck_abort_msg("%s", text);
		if (decimal_scaled_up(d, 12, &v, &rounded) != 0)
			ck_assert_int_eq(num_parse_decimal(str_z(text), 12, &other), -1);
		else if (num_parse_decimal(str_z(text), 12, &other) == 0) {
			exact++;
			if (rounded || v != other)
				ck_abort_msg(
					"%s: %lld, not %lld", text, (long long)v, (long long)other);
		} else if (!rounded) {
			ck_abort_msg("%s: %lld is said to be exact", text, (long long)v);
		}
	}
	ck_assert_int_gt(exact, 50000);
}
END_TEST

static const struct {
	const char *text;
	uint64_t by;
	unsigned precision, digits; /* to round the product to; 0: precision - 1 */
	const char *want;
} products[] = {
	{ "1.9e-8", 1024 * 1024, 2, 0, "0.02" },
	{ "6.86E-8", 512 * 512, 3, 0, "0.018" },
	{ "6.539e-8", 1024 * 1792, 4, 0, "0.12" },
	{ "3.81469E-8", 1024 * 1024, 6, 0, "0.04" },
	{ "1.59263611E-7", 1024 * 1024, 9, 0, "0.167" },
	{ "2.0751953125E-9", 1024 * 1024, 11, 0, "0.002176" },
	{ "0.0120", 1, 2, 3, "0.012" },
	{ "0.0995", 1, 3, 2, "0.1" },
	{ "0.0994", 1, 3, 2, "0.099" },
	{ "100", 1, 1, 1, "100" },
};

START_TEST(rounded_products)
{
	struct decimal d, want;
	int64_t a, b;
	bool rounded;

	ck_assert_int_eq(decimal_parse(str_z(products[_i].text), &d), 0);
	ck_assert_uint_eq(decimal_precision(d), products[_i].precision);
	ck_assert_int_eq(decimal_mul(d, products[_i].by, &d), 0);
	d = decimal_round(
		d, products[_i].digits > 0 ? products[_i].digits : products[_i].precision - 1);
	ck_assert_int_eq(decimal_parse(str_z(products[_i].want), &want), 0);
	ck_assert_int_eq(decimal_scaled_up(d, 12, &a, &rounded), 0);
	ck_assert_int_eq(decimal_scaled_up(want, 12, &b, &rounded), 0);
	ck_assert_int_eq(a, b);
}
END_TEST

START_TEST(products_that_do_not_fit)
{
	struct decimal d;

	ck_assert_int_eq(decimal_parse(STR("999999999999999999999999999999"), &d), 0);
	ck_assert_int_eq(decimal_mul(d, UINT64_MAX, &d), -1);
	ck_assert_int_eq(decimal_mul(d, 1 << 27, &d), 0);
}
END_TEST

static const struct {
	const char *json, *want;
} quoted[] = {
	{ "{\"a\": 1.5e-07, \"b\": [1,2, -3]}",
		"{\"a\": \"1.5e-07\", \"b\": [\"1\",\"2\", \"-3\"]}" },
	{ "{\"a1\": \"2.5\", \"b\": true, \"c\": null}",
		"{\"a1\": \"2.5\", \"b\": true, \"c\": null}" },
	{ "{\"q\\\"1\": 2}", "{\"q\\\"1\": \"2\"}" },
	{ "{\"q\\\\\": 2}", "{\"q\\\\\": \"2\"}" },
	{ "7", "\"7\"" },
	{ "", "" },
	{ "[0.1", "[\"0.1\"" },
	{ "\"1", "\"1" },
	{ "\"\\", "\"\\" },
};

START_TEST(numbers_become_text)
{
	size_t len;
	char *in = unit_copy(quoted[_i].json, strlen(quoted[_i].json));
	char *out = decimal_quote_numbers(str_mk(in, strlen(quoted[_i].json)), &len);

	ck_assert_str_eq(out, quoted[_i].want);
	ck_assert_uint_eq(len, strlen(quoted[_i].want));
	free(out);
	free(in);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, as_integers, 0, (int)TG_ARRAY_LEN(scaled));
	tcase_add_test(tc, agrees_with_the_other_reader);
	tcase_add_loop_test(tc, rounded_products, 0, (int)TG_ARRAY_LEN(products));
	tcase_add_test(tc, products_that_do_not_fit);
	tcase_add_loop_test(tc, numbers_become_text, 0, (int)TG_ARRAY_LEN(quoted));
}

UNIT_MAIN("decimal", tests)
