/*
 * check_usage_cost.c: costs as providers write them, to the pico-USD.
 */
#include "providers/usage_cost.h"
#include "unit/unit.h"

static const struct {
	const char *text;
	pico_usd pico; /* -1: refused */
} numbers[] = {
	{ "0", 0 },
	{ "0.0", 0 },
	{ "0e999999999999", 0 },
	{ "1", INT64_C(1000000000000) },
	{ "0.000000000001", 1 },
	{ "0.0000000000010", 1 },
	{ "1e-12", 1 },
	{ "1E-12", 1 },
	{ "1.5e-05", 15000000 },
	{ "15e-6", 15000000 },
	{ "0.00000000015e5", 15000000 },
	{ "1.25e2", INT64_C(125000000000000) },
	{ "1.25e+2", INT64_C(125000000000000) },
	{ "0.0000315", 31500000 },
	/* finer than a pico: up, however little */
	{ "0.00014500000000000003", 145000001 },
	{ "0.0001450000000000000", 145000000 },
	{ "1e-13", 1 },
	{ "1e-400", 1 },
	{ "1e-999999999999", 1 },
	{ "0.000000000000000000000000000000000000001", 1 },
	{ "9223372.036854775807", INT64_MAX },
	{ "9223372.0368547758071", -1 },
	{ "9223372.036854775808", -1 },
	{ "1e7", -1 },
	{ "1e400", -1 },
	{ "99999999999999999999999999999999", -1 },
	{ "", -1 },
	{ "-1", -1 },
	{ "-0.1", -1 },
	{ "+1", -1 },
	{ ".5", -1 },
	{ "5.", -1 },
	{ "1e", -1 },
	{ "1e+", -1 },
	{ "1.2.3", -1 },
	{ "1 ", -1 },
	{ "0x10", -1 },
	{ "NaN", -1 },
	{ "1,5", -1 },
};

START_TEST(test_numbers)
{
	struct str s = str_z(numbers[_i].text);
	char *copy = unit_copy(s.p, s.n);
	pico_usd got = -1;

	if (usage_cost_usd(str_mk(copy, s.n), &got) != 0)
		ck_assert_int_eq(got, -1);
	ck_assert_msg(got == numbers[_i].pico, "\"%s\" is %lld", numbers[_i].text, (long long)got);
	free(copy);
}
END_TEST

static const struct {
	const char *usage;
	pico_usd pico; /* -1: tells none */
} usages[] = {
	{ "{\"cost\":0.00014,\"cost_details\":{\"upstream_inference_cost\":null}}", 140000000 },
	{ "{\"cost\":0.00014,\"is_byok\":false,\"cost_details\":{\"upstream_inference_cost\":9}}",
		140000000 },
	/* the customer's own key: the router's fee, and what the provider takes */
	{ "{\"cost\":0.00001,\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":0.0002}"
	  "}",
		210000000 },
	{ "{\"cost\":0,\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":null}}", -1 },
	{ "{\"cost\":0,\"is_byok\":true}", -1 },
	{ "{\"cost\":9000000,\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":9e6}}",
		-1 },
	{ "{\"cost_in_usd_ticks\":1466250}", 146625000 },
	{ "{\"cost_in_usd_ticks\":0}", 0 },
	{ "{\"cost_in_usd_ticks\":92233720368547758}", INT64_C(9223372036854775800) },
	{ "{\"cost_in_usd_ticks\":92233720368547759}", -1 },
	{ "{\"cost_in_usd_ticks\":null,\"cost\":null}", -1 },
	{ "{\"cost\":{\"input_tokens_cost\":0.1,\"request_cost\":0.005,\"total_cost\":0.00513}}",
		INT64_C(5130000000) },
	{ "{\"cost\":{\"request_cost\":0.005}}", -1 },
	{ "{\"cost\":\"0.1\"}", -1 },
	{ "{\"cost\":-0.1}", -1 },
	{ "{}", -1 },
};

START_TEST(test_usages)
{
	struct json_watch w[] = { { STR("cost"), { 0 } }, { STR("cost_details"), { 0 } },
		{ STR("is_byok"), { 0 } }, { STR("cost_in_usd_ticks"), { 0 } } };
	struct usage_cost_in in = { &w[0].val, &w[1].val, &w[2].val, &w[3].val };
	struct json_fail fail;
	pico_usd got = -1;

	ck_assert_int_eq(json_scan_object(str_z(usages[_i].usage), w, 4, &fail), 0);
	ck_assert_int_eq(usage_cost_read(&in, &got), usages[_i].pico >= 0);
	ck_assert_int_eq(got, usages[_i].pico);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, test_numbers, 0, (int)TG_ARRAY_LEN(numbers));
	tcase_add_loop_test(tc, test_usages, 0, (int)TG_ARRAY_LEN(usages));
}

UNIT_MAIN("usage_cost", tests)
