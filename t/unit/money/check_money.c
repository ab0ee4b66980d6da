/* money.c against exact big integers on random cases, and its hard cases one by one. */
#include "unit/unit.h"
#include "unit/money/big.h"
#include "money/money.h"

#define CASES 100000

START_TEST(add_units_is_exact_or_refused)
{
	uint64_t rnd = 1;
	int fits = 0;

	for (int i = 0; i < CASES; i++) {
		uint64_t units = rnd_wide(&rnd, 64);
		pico_usd price = (pico_usd)rnd_wide(&rnd, 63), acc = (pico_usd)rnd_wide(&rnd, 63),
			 got = acc;
		struct big want = big_add(
			big_mul(big_u64(units), big_u64((uint64_t)price)), big_u64((uint64_t)acc));
		int64_t exact;

		if (big_fits(want, &exact)) {
			fits++;
			ck_assert_int_eq(money_add_units(&got, units, price), 0);
			ck_assert_int_eq(got, exact);
		} else {
			ck_assert_int_eq(money_add_units(&got, units, price), -1);
			ck_assert_int_eq(got, acc);
		}
	}
	/* the case generator reaches both sides */
	ck_assert_int_gt(fits, CASES / 10);
	ck_assert_int_lt(fits, CASES * 9 / 10);
}
END_TEST

START_TEST(markup_is_exact_rounded_up_or_refused)
{
	uint64_t rnd = 2;
	int fits = 0;

	for (int i = 0; i < CASES; i++) {
		pico_usd v = (pico_usd)rnd_wide(&rnd, 63), got = -7;
		int64_t bp = (int64_t)rnd_wide(&rnd, 20) - 10000, exact;
		struct big want = big_div_up(
			big_mul(big_u64((uint64_t)v), big_u64((uint64_t)(10000 + bp))), 10000);

		if (big_fits(want, &exact)) {
			fits++;
			ck_assert_int_eq(money_markup(v, bp, &got), 0);
			ck_assert_int_eq(got, exact);
		} else {
			ck_assert_int_eq(money_markup(v, bp, &got), -1);
			ck_assert_int_eq(got, -7);
		}
	}
	ck_assert_int_lt(fits, CASES);
}
END_TEST

START_TEST(nano_rounds_up)
{
	uint64_t rnd = 3;

	for (int i = 0; i < CASES; i++) {
		pico_usd v = (pico_usd)rnd_wide(&rnd, 63);
		int64_t want;

		ck_assert(big_fits(big_div_up(big_u64((uint64_t)v), PICO_PER_NANO), &want));
		ck_assert_int_eq(money_nano_up(v), want);
	}
	ck_assert_int_eq(money_nano_up(0), 0);
	ck_assert_int_eq(money_nano_up(1), 1);
	ck_assert_int_eq(money_nano_up(1000), 1);
	ck_assert_int_eq(money_nano_up(1001), 2);
	ck_assert_int_eq(money_nano_up(-1), 0);
	ck_assert_int_eq(money_nano_up(-1000), -1);
	ck_assert_int_eq(money_nano_up(-1001), -1);
	ck_assert_int_eq(money_nano_up(INT64_MAX), INT64_MAX / 1000 + 1);
	ck_assert_int_eq(money_nano_up(INT64_MIN), INT64_MIN / 1000);
}
END_TEST

/* A request in parts never rounds to less, and to at most parts x 1 nano more. */
START_TEST(splitting_never_lowers_the_rounded_cost)
{
	uint64_t rnd = 4;

	for (int i = 0; i < CASES; i++) {
		int parts = 1 + (int)(rnd_next(&rnd) % 8);
		pico_usd whole = 0;
		nano_usd in_parts = 0;

		for (int k = 0; k < parts; k++) {
			pico_usd part = (pico_usd)rnd_wide(&rnd, 50);

			ck_assert_int_eq(money_add(&whole, part), 0);
			in_parts += money_nano_up(part);
		}
		ck_assert_int_ge(in_parts, money_nano_up(whole));
		ck_assert_int_le(in_parts, money_nano_up(whole) + parts);
	}
}
END_TEST

START_TEST(more_is_never_cheaper)
{
	uint64_t rnd = 5;

	for (int i = 0; i < CASES; i++) {
		uint64_t units = rnd_wide(&rnd, 40);
		pico_usd price = (pico_usd)rnd_wide(&rnd, 20), base = 0, more_units = 0, dearer = 0,
			 m0, m1;
		int64_t bp = (int64_t)rnd_wide(&rnd, 15) - 10000;

		ck_assert_int_eq(money_add_units(&base, units, price), 0);
		ck_assert_int_eq(money_add_units(&more_units, units + 1, price), 0);
		ck_assert_int_eq(money_add_units(&dearer, units, price + 1), 0);
		ck_assert_int_ge(more_units, base);
		ck_assert_int_ge(dearer, base);
		if (money_markup(base, bp, &m0) == 0 && money_markup(base, bp + 1, &m1) == 0)
			ck_assert_int_ge(m1, m0);
	}
}
END_TEST

START_TEST(refuses_what_cannot_be_money)
{
	pico_usd v = 5;

	ck_assert_int_eq(money_add_units(&v, 1, -1), -1);
	ck_assert_int_eq(money_add_units(&v, 0, -1), -1);
	v = -1;
	ck_assert_int_eq(money_add_units(&v, 1, 1), -1);
	v = INT64_MAX;
	ck_assert_int_eq(money_add_units(&v, 1, 1), -1);
	ck_assert_int_eq(money_add_units(&v, 0, INT64_MAX), 0);
	ck_assert_int_eq(money_add(&v, 1), -1);
	ck_assert_int_eq(v, INT64_MAX);
	ck_assert_int_eq(money_add(&v, -1), 0);
	v = INT64_MIN;
	ck_assert_int_eq(money_add(&v, -1), -1);
	ck_assert_int_eq(money_markup(-1, 0, &v), -1);
	ck_assert_int_eq(money_markup(1, -10001, &v), -1);
	ck_assert_int_eq(money_markup(1, INT64_MIN, &v), -1);
	ck_assert_int_eq(money_markup(INT64_MAX, INT64_MAX, &v), -1);
	ck_assert_int_eq(money_markup(INT64_MAX, -10000, &v), 0);
	ck_assert_int_eq(v, 0);
	ck_assert_int_eq(money_markup(INT64_MAX, 0, &v), 0);
	ck_assert_int_eq(v, INT64_MAX);
}
END_TEST

static const struct {
	const char *text;
	pico_usd pico; /* -1: refused */
	const char *shown;
} usd[] = {
	{ "0", 0, "0" },
	{ "0.50", 500000000000, "0.5" },
	{ "1e-7", 100000, "0.0000001" },
	{ "0.000000000001", 1, "0.000000000001" },
	{ "0.0000000000010", 1, "0.000000000001" },
	{ "1.5e-12", -1, NULL },
	{ "0.0000000000005", -1, NULL },
	{ "9223372.036854775807", INT64_MAX, "9223372.036854775807" },
	{ "9223372.036854775808", -1, NULL },
	{ "1e7", -1, NULL },
	{ "-1", -1, NULL },
	{ "-0", -1, NULL },
	{ "", -1, NULL },
	{ ".5", -1, NULL },
	{ "1.", -1, NULL },
	{ "1,5", -1, NULL },
	{ " 1", -1, NULL },
	{ "1 ", -1, NULL },
	{ "+1", -1, NULL },
	{ "0x1", -1, NULL },
	{ "nan", -1, NULL },
	{ "1e", -1, NULL },
	{ "1e99999999999999999999", -1, NULL },
};

START_TEST(usd_text)
{
	pico_usd v = -7;
	char out[MONEY_USD_LEN];
	const char *text = usd[_i].text;

	if (usd[_i].pico < 0) {
		ck_assert_msg(money_parse_usd(str_z(text), &v) == -1, "\"%s\" was taken", text);
		ck_assert_int_eq(v, -7);
		return;
	}
	ck_assert_msg(money_parse_usd(str_z(text), &v) == 0, "\"%s\" was refused", text);
	ck_assert_int_eq(v, usd[_i].pico);
	UNIT_STR_EQ(str_mk(out, money_put_usd(out, v)), str_z(usd[_i].shown));
}
END_TEST

START_TEST(usd_text_goes_round)
{
	uint64_t rnd = 6;
	char out[MONEY_USD_LEN];

	for (int i = 0; i < CASES; i++) {
		pico_usd v = (pico_usd)rnd_wide(&rnd, 63), back;
		size_t n = money_put_usd(out, v);

		ck_assert_uint_le(n, sizeof out);
		ck_assert_int_eq(money_parse_usd(str_mk(out, n), &back), 0);
		ck_assert_int_eq(back, v);
	}
	UNIT_STR_EQ(str_mk(out, money_put_usd(out, INT64_MIN)), STR("-9223372.036854775808"));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, add_units_is_exact_or_refused);
	tcase_add_test(tc, markup_is_exact_rounded_up_or_refused);
	tcase_add_test(tc, nano_rounds_up);
	tcase_add_test(tc, splitting_never_lowers_the_rounded_cost);
	tcase_add_test(tc, more_is_never_cheaper);
	tcase_add_test(tc, refuses_what_cannot_be_money);
	tcase_add_loop_test(tc, usd_text, 0, (int)TG_ARRAY_LEN(usd));
	tcase_add_test(tc, usd_text_goes_round);
}

UNIT_MAIN("money", tests)
