/*
 * check_limit.c: texts of limits and what they mean, what is printed of them, what errors teach;
 * names of accounts.
 */
#include "quota/limit.h"

#include <stdio.h>

#include "unit/unit.h"

#define USD INT64_C(1000000000)

static const struct {
	enum quota_dim dim;
	const char *text, *printed;
	enum quota_kind kind;
	int64_t amount;
	struct period_spec period;
	uint32_t rate_s;
} right[] = {
	{ QUOTA_COST, "50 usd/day", "50 usd/day", QUOTA_STOCK, 50 * USD, { PERIOD_DAY, 0, 0 }, 0 },
	{ QUOTA_COST, "1000 usd/month", "1000 usd/month", QUOTA_STOCK, 1000 * USD,
		{ PERIOD_MONTH, 1, 0 }, 0 },
	{ QUOTA_COST, "2.50 usd/day", "2.5 usd/day", QUOTA_STOCK, 2500000000, { PERIOD_DAY, 0, 0 },
		0 },
	{ QUOTA_COST, " 0.000000001 USD / hour ", "0.000000001 usd/hour", QUOTA_STOCK, 1,
		{ PERIOD_HOUR, 0, 0 }, 0 },
	{ QUOTA_COST, "50000000 usd/year@31", "50000000 usd/year@31", QUOTA_STOCK, QUOTA_AMOUNT_MAX,
		{ PERIOD_YEAR, 31, 0 }, 0 },
	{ QUOTA_COST, "100 usd/lifetime", "100 usd/lifetime", QUOTA_STOCK, 100 * USD,
		{ PERIOD_LIFETIME, 0, 0 }, 0 },
	{ QUOTA_COST, "10 usd/24h", "10 usd/24h", QUOTA_ROLLING, 10 * USD,
		{ PERIOD_ROLLING_HOURS, 0, 24 }, 0 },
	{ QUOTA_COST, "0 usd/day", "0 usd/day", QUOTA_STOCK, 0, { PERIOD_DAY, 0, 0 }, 0 },
	{ QUOTA_REQUESTS, "5/day", "5/day", QUOTA_STOCK, 5, { PERIOD_DAY, 0, 0 }, 0 },
	{ QUOTA_REQUESTS, "100/month", "100/month", QUOTA_STOCK, 100, { PERIOD_MONTH, 1, 0 }, 0 },
	{ QUOTA_REQUESTS, "1000/month@15", "1000/month@15", QUOTA_STOCK, 1000,
		{ PERIOD_MONTH, 15, 0 }, 0 },
	{ QUOTA_REQUESTS, "1000/month@1", "1000/month", QUOTA_STOCK, 1000, { PERIOD_MONTH, 1, 0 },
		0 },
	{ QUOTA_TOKENS, "10/week@mon", "10/week", QUOTA_STOCK, 10, { PERIOD_WEEK, 0, 0 }, 0 },
	{ QUOTA_TOKENS, "10/week@sun", "10/week@sun", QUOTA_STOCK, 10, { PERIOD_WEEK, 6, 0 }, 0 },
	{ QUOTA_TOKENS, "10/quarter", "10/quarter", QUOTA_STOCK, 10, { PERIOD_QUARTER, 1, 0 }, 0 },
	{ QUOTA_REQUESTS, "20/m", "20/min", QUOTA_RATE, 20, { 0, 0, 0 }, 60 },
	{ QUOTA_TOKENS, "600/min", "600/min", QUOTA_RATE, 600, { 0, 0, 0 }, 60 },
	{ QUOTA_INPUT_TOKENS, "600/minute", "600/min", QUOTA_RATE, 600, { 0, 0, 0 }, 60 },
	{ QUOTA_REQUESTS, "5/s", "5/s", QUOTA_RATE, 5, { 0, 0, 0 }, 1 },
	{ QUOTA_REQUESTS, "5/second", "5/s", QUOTA_RATE, 5, { 0, 0, 0 }, 1 },
	{ QUOTA_OUTPUT_TOKENS, "1000/hour", "1000/hour", QUOTA_RATE, 1000, { 0, 0, 0 }, 3600 },
	{ QUOTA_GENERATIONS, "1000/hour", "1000/hour", QUOTA_STOCK, 1000, { PERIOD_HOUR, 0, 0 },
		0 },
	{ QUOTA_REQUESTS, "100/30d", "100/30d", QUOTA_ROLLING, 100, { PERIOD_ROLLING_DAYS, 0, 30 },
		0 },
	{ QUOTA_REQUESTS, "100/92h", "100/92h", QUOTA_ROLLING, 100, { PERIOD_ROLLING_HOURS, 0, 92 },
		0 },
	{ QUOTA_CONCURRENCY, "200", "200", QUOTA_GAUGE, 200, { 0, 0, 0 }, 0 },
	{ QUOTA_CONCURRENCY, "0", "0", QUOTA_GAUGE, 0, { 0, 0, 0 }, 0 },
};

START_TEST(texts)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(right); i++) {
		size_t n = strlen(right[i].text);
		char *text = unit_copy(right[i].text, n), out[QUOTA_LIMIT_LEN], err[512] = "";
		struct quota_limit l, again;

		ck_assert_msg(
			quota_limit_parse(right[i].dim, str_mk(text, n), &l, err, sizeof err) == 0,
			"%s: %s", right[i].text, err);
		free(text);
		ck_assert_int_eq(l.dim, right[i].dim);
		ck_assert_int_eq(l.kind, right[i].kind);
		ck_assert_int_eq(l.amount, right[i].amount);
		ck_assert_int_eq(l.period.unit, right[i].period.unit);
		ck_assert_uint_eq(l.period.anchor, right[i].period.anchor);
		ck_assert_uint_eq(l.period.n, right[i].period.n);
		ck_assert_uint_eq(l.rate_s, right[i].rate_s);
		ck_assert_uint_eq(quota_limit_put(out, &l), strlen(right[i].printed));
		ck_assert_str_eq(out, right[i].printed);
		ck_assert_int_eq(
			quota_limit_parse(right[i].dim, str_z(out), &again, err, sizeof err), 0);
		ck_assert_mem_eq(&l, &again, sizeof l);
		if (l.kind == QUOTA_STOCK || l.kind == QUOTA_ROLLING)
			ck_assert(period_spec_valid(&l.period));
	}
}
END_TEST

static const struct {
	enum quota_dim dim;
	const char *text, *says; /* what of the error teaches */
} wrong[] = {
	{ QUOTA_COST, "", "says no period" },
	{ QUOTA_COST, "50 usd", "says no period" },
	{ QUOTA_COST, "50/day", "`50 usd`" },
	{ QUOTA_COST, "50 eur/day", "`50 usd`" },
	{ QUOTA_COST, "50usd/day", "currency" },
	{ QUOTA_COST, "-5 usd/day", "no amount" },
	{ QUOTA_COST, "1e3 usd/day", "no amount" },
	{ QUOTA_COST, ".5 usd/day", "no amount" },
	{ QUOTA_COST, "5. usd/day", "no amount" },
	{ QUOTA_COST, "1.2.3 usd/day", "no amount" },
	{ QUOTA_COST, "1,000 usd/day", "no amount" },
	{ QUOTA_COST, " usd/day", "currency" },
	{ QUOTA_COST, "0.0000000001 usd/day", "10 digits after the point; at most 9" },
	{ QUOTA_COST, "50000000.000000001 usd/day", "at most 50000000 usd" },
	{ QUOTA_COST, "99999999999999999999999 usd/day", "at most 50000000 usd" },
	{ QUOTA_COST, "50 usd/dya", "did you mean `day`?" },
	{ QUOTA_COST, "50 usd/", "no period" },
	{ QUOTA_COST, "50 usd/day/day", "no period" },
	{ QUOTA_COST, "50 usd/min", "cost has no rate" },
	{ QUOTA_COST, "50 usd/s", "cost has no rate" },
	{ QUOTA_GENERATIONS, "5/m", "generations has no rate" },
	{ QUOTA_REQUESTS, "5 usd/day", "counted, not paid" },
	{ QUOTA_REQUESTS, "2.5/day", "whole number" },
	{ QUOTA_REQUESTS, "/day", "whole number" },
	{ QUOTA_REQUESTS, "5 /fortnight", "is no period" },
	{ QUOTA_REQUESTS, "5/minuet", "did you mean `minute`?" },
	{ QUOTA_REQUESTS, "0/min", "write `0/day`" },
	{ QUOTA_REQUESTS, "50000000000000001/day", "at most 50000000000000000" },
	{ QUOTA_REQUESTS, "5/month@0", "from 1 to 31" },
	{ QUOTA_REQUESTS, "5/month@32", "from 1 to 31" },
	{ QUOTA_REQUESTS, "5/month@", "from 1 to 31" },
	{ QUOTA_REQUESTS, "5/month@mon", "from 1 to 31" },
	{ QUOTA_REQUESTS, "5/week@15", "mon, tue" },
	{ QUOTA_REQUESTS, "5/day@3", "for week" },
	{ QUOTA_REQUESTS, "5/0d", "1 to 92" },
	{ QUOTA_REQUESTS, "5/93d", "1 to 92" },
	{ QUOTA_REQUESTS, "5/99999999999999999999h", "1 to 92" },
	{ QUOTA_CONCURRENCY, "5/day", "without a period" },
	{ QUOTA_CONCURRENCY, "many", "such as `200`" },
	{ QUOTA_CONCURRENCY, "", "such as `200`" },
};

START_TEST(errors_teach)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(wrong); i++) {
		struct quota_limit l = { .amount = 77 };
		char err[512] = "";

		ck_assert_msg(quota_limit_parse(wrong[i].dim, str_z(wrong[i].text), &l, err,
				      sizeof err) == -1,
			"%s is taken", wrong[i].text);
		ck_assert_msg(strstr(err, wrong[i].says) != NULL, "%s: %s", wrong[i].text, err);
		ck_assert_int_eq(l.amount, 77);
	}
}
END_TEST

START_TEST(names)
{
	static const struct {
		enum quota_dim dim;
		const char *text, *period, *name;
	} rows[] = {
		{ QUOTA_COST, "5 usd/month", "month/2026-11", "tenant:acme/cost/month/2026-11" },
		{ QUOTA_REQUESTS, "100/30d", NULL, "tenant:acme/requests/30d" },
		{ QUOTA_REQUESTS, "100/30d", "30d/2026-11-28",
			"tenant:acme/requests/30d/2026-11-28" },
		{ QUOTA_TOKENS, "100/m", NULL, "tenant:acme/tokens/rate/min" },
		{ QUOTA_CONCURRENCY, "100", NULL, "tenant:acme/concurrency" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct quota_limit l;
		struct period p = { 0 };
		char out[100], err[512];

		ck_assert_int_eq(
			quota_limit_parse(rows[i].dim, str_z(rows[i].text), &l, err, sizeof err),
			0);
		if (rows[i].period != NULL)
			snprintf(p.name, sizeof p.name, "%s", rows[i].period);
		ck_assert_uint_eq(quota_limit_account(&l, STR("tenant:acme"),
					  rows[i].period != NULL ? &p : NULL, out, sizeof out),
			strlen(rows[i].name));
		ck_assert_str_eq(out, rows[i].name);
	}
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		ck_assert_uint_eq(quota_dim_find(str_z(quota_dim_name((enum quota_dim)d))), d);
	ck_assert_uint_eq(quota_dim_find(STR("money")), QUOTA_DIM__MAX);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, texts);
	tcase_add_test(tc, errors_teach);
	tcase_add_test(tc, names);
}

UNIT_MAIN("limit", tests)
