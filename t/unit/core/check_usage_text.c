/*
 * check_usage_text.c: usage and cost as clients, logs and scripts read them: all buckets, the
 * largest figures, and an unknown cost that never looks like 0.
 */
#include "unit/unit.h"

#include "core/usage_text.h"
#include "proto/json_scan.h"

/* Every bucket, read back; absent ones are -1. Returns how many members there are.
 */
static size_t read_back(const struct usage *u, int64_t v[USAGE__MAX])
{
	struct json_watch w[USAGE__MAX];
	char *text = malloc(USAGE_JSON_MAX); /* exactly: a byte more is seen */
	size_t n = usage_json(text, u), there = 0;
	struct json_fail fail;

	ck_assert_uint_le(n, USAGE_JSON_MAX);
	for (int b = 0; b < USAGE__MAX; b++)
		w[b].key = str_z(usage_bucket_name((enum usage_bucket)b));
	ck_assert_msg(
		json_scan_object(str_mk(text, n), w, USAGE__MAX, &fail) == 0, "%.*s", (int)n, text);
	for (int b = 0; b < USAGE__MAX; b++) {
		uint64_t got = 0;

		v[b] = -1;
		if (w[b].val.type == JSON_NONE)
			continue;
		ck_assert_int_eq(json_get_u64(&w[b].val, &got), 0);
		v[b] = (int64_t)got;
		there++;
	}
	free(text);
	return there;
}

START_TEST(each_bucket)
{
	struct usage u = { .n = { 0 } };
	bool always = _i == USAGE_IN || _i == USAGE_OUT;
	int64_t v[USAGE__MAX];

	u.n[_i] = 1234567;
	ck_assert_uint_eq(read_back(&u, v), always ? 2 : 3);
	for (int b = 0; b < USAGE__MAX; b++)
		ck_assert_int_eq(v[b], b == _i                           ? 1234567
				       : b == USAGE_IN || b == USAGE_OUT ? 0
									 : -1);
}
END_TEST

START_TEST(extremes)
{
	struct usage u = { .n = { 0 } };
	int64_t v[USAGE__MAX];

	for (int b = 0; b < USAGE__MAX; b++)
		u.n[b] = (uint64_t)INT64_MAX - (uint64_t)b;
	ck_assert_uint_eq(read_back(&u, v), USAGE__MAX);
	for (int b = 0; b < USAGE__MAX; b++)
		ck_assert_int_eq(v[b], INT64_MAX - b);
}
END_TEST

START_TEST(exact)
{
	struct usage u = { .n = { 0 } };
	char text[USAGE_JSON_MAX];

	UNIT_STR_EQ(str_mk(text, usage_json(text, &u)), STR("{\"input\":0,\"output\":0}"));
	u.n[USAGE_IN] = 12;
	u.n[USAGE_OUT] = 3;
	u.n[USAGE_IN_CACHE_READ] = 7;
	u.n[USAGE_WEB_SEARCHES] = 2;
	UNIT_STR_EQ(str_mk(text, usage_json(text, &u)),
		STR("{\"input\":12,\"input_cache_read\":7,\"output\":3,\"web_searches\":2}"));
	/* As large as a counter gets: 2^64-1 is still a JSON number. */
	u.n[USAGE_IN] = UINT64_MAX;
	ck_assert(str_starts(
		str_mk(text, usage_json(text, &u)), STR("{\"input\":18446744073709551615,")));
}
END_TEST

static const struct {
	pico_usd spent, cost;
	const char *want;
} costs[] = {
	{ 0, 0, "0" },
	{ 0, 1, "0.000000000001" },
	{ 0, 31500000, "0.0000315" },
	{ 31500000, 0, "0.0000315" },
	{ 31500000, 1, "0.000031500001" },
	{ 0, 500000000000, "0.5" },
	{ 0, PICO_PER_USD, "1" },
	{ 10, 12345 * PICO_PER_USD, "12345.00000000001" },
	{ 0, INT64_MAX, "9223372.036854775807" },
	{ 1, INT64_MAX, "9223372.036854775807" },
};

START_TEST(cost)
{
	static struct req r;
	char *text = malloc(MONEY_USD_LEN);

	r.spent.billed = costs[_i].spent;
	r.leg.money.billed = costs[_i].cost;
	UNIT_STR_EQ(str_mk(text, req_cost_text(&r, text)), str_z(costs[_i].want));
	free(text);
}
END_TEST

START_TEST(quality)
{
	static struct req r;

	r.leg.quality = QUALITY_EXACT;
	ck_assert_uint_eq(req_cost_quality(&r).n, 0);
	r.leg.quality = QUALITY_PARTIAL;
	UNIT_STR_EQ(req_cost_quality(&r), STR("partial"));
	r.spent.flags = MONEY_UNPRICED; /* of an earlier leg, and the worse news */
	UNIT_STR_EQ(req_cost_quality(&r), STR("unpriced"));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, each_bucket, 0, USAGE__MAX);
	tcase_add_test(tc, extremes);
	tcase_add_test(tc, exact);
	tcase_add_test(tc, quality);
	tcase_add_loop_test(tc, cost, 0, sizeof costs / sizeof *costs);
}

UNIT_MAIN("usage_text", tests)
