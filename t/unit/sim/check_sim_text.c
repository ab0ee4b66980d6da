/*
 * check_sim_text.c: the simulator's text, usage and plan are functions of the request and of
 * nothing else.
 */
#include <stdio.h>

#include "sim/sim_json.h"
#include "sim/sim_req.h"
#include "sim/sim_store.h"
#include "sim/sim_text.h"

#include "unit/unit.h"

static struct json_val value(const char *text)
{
	static struct json_watch w;
	struct json_fail fail;

	w = (struct json_watch){ .key = STR("v") };
	ck_assert_int_eq(json_scan_object(str_z(text), &w, 1, &fail), 0);
	return w.val;
}

START_TEST(text_is_fixed)
{
	struct sim_buf whole = { 0 }, parts = { 0 };

	/* Pinned: benchmarks and recorded tests compare with it. */
	sim_text_put(&whole, 1, 0, 6);
	ck_assert(str_eq(sim_buf_str(&whole), STR("cil fug tet nis nos des ")));
	whole.n = 0;
	sim_text_put(&whole, 77, 0, 40);
	for (uint64_t t = 0; t < 40; t += 5)
		sim_text_put(&parts, 77, t, t + 5);
	ck_assert(str_eq(sim_buf_str(&whole), sim_buf_str(&parts)));
	parts.n = 0;
	sim_text_put(&parts, 78, 0, 40);
	ck_assert(!str_eq(sim_buf_str(&whole), sim_buf_str(&parts)));
	ck_assert_uint_eq(sim_hash(0, STR("The quick brown fox")), 2664229779891549628u);
	sim_buf_fini(&whole);
	sim_buf_fini(&parts);
}
END_TEST

START_TEST(token_counts)
{
	static const struct {
		uint64_t bytes, tokens;
	} rows[] = { { 0, 0 }, { 1, 1 }, { 4, 1 }, { 5, 2 }, { 400, 100 }, { 401, 101 } };

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		ck_assert_uint_eq(sim_tokens_of(rows[i].bytes), rows[i].tokens);
}
END_TEST

START_TEST(decoded_bytes)
{
	static const struct {
		const char *json;
		uint64_t bytes, chars;
	} rows[] = {
		{ "{\"v\":\"\"}", 0, 0 },
		{ "{\"v\":\"abc\"}", 3, 3 },
		{ "{\"v\":\"a\\nb\\\"\\\\\"}", 5, 5 },
		{ "{\"v\":\"\\u0041\"}", 1, 1 },
		{ "{\"v\":\"\\u00e9\"}", 2, 1 },
		{ "{\"v\":\"\\u20ac\"}", 3, 1 },
		{ "{\"v\":\"\\ud83d\\ude00x\"}", 5, 2 },
		{ "{\"v\":\"\xf0\x9f\x98\x80\"}", 4, 1 },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct json_val v = value(rows[i].json);

		ck_assert_msg(sim_json_text_bytes(&v) == rows[i].bytes, "row %zu", i);
		ck_assert_msg(sim_json_text_chars(&v) == rows[i].chars, "row %zu", i);
	}
}
END_TEST

START_TEST(prompt_walk)
{
	static const struct {
		const char *json;
		uint64_t bytes, fixed;
		bool tool;
	} rows[] = {
		{ "{\"v\":\"hello\"}", 5, 0, false },
		{ "{\"v\":\"use a tool\"}", 10, 0, true },
		{ "{\"v\":[1,2,3]}", 0, 3, false },
		{ "{\"v\":[{\"role\":\"user\",\"content\":\"hello\"}]}", 5, 0, false },
		{ "{\"v\":[{\"role\":\"system\",\"content\":\"tool\"},{\"role\":\"user\","
		  "\"content\":\"hi\"}]}",
			6, 0, false },
		{ "{\"v\":[{\"role\":\"user\",\"content\":\"tool\"},{\"role\":\"assistant\","
		  "\"content\":null,"
		  "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":"
		  "\"f\",\"arguments\":"
		  "\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"42\"}]}",
			8, 0, false },
		{ "{\"v\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},{"
		  "\"type\":"
		  "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}]}]}",
			3, 85, false },
		{ "{\"v\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_"
		  "id\":\"t\","
		  "\"content\":\"tool says 7\"}]}]}",
			11, 0, false },
		{ "{\"v\":[{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":"
		  "\"tool\"}]}",
			4, 0, false },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct json_val v = value(rows[i].json);
		struct sim_prompt p = { 0 };

		sim_prompt_walk(&p, &v);
		ck_assert_msg(p.bytes == rows[i].bytes, "row %zu: %llu bytes", i,
			(unsigned long long)p.bytes);
		ck_assert_msg(p.fixed_tokens == rows[i].fixed, "row %zu", i);
		ck_assert_msg(p.tool_word == rows[i].tool, "row %zu", i);
	}
}
END_TEST

START_TEST(object_walk)
{
	struct json_val v =
		value("{\"v\":{ \"a\" : 1 "
		      ",\"b\\\"\":[1,{\"x\":\"]\"}],\"c\":\"},\",\"d\":{},\"e\":true}}");
	static const char *const want[] = { "a=1", "b\\\"=[1,{\"x\":\"]\"}]", "c=\"},\"", "d={}",
		"e=true" };
	struct json_iter it = { 0 };
	struct json_val val;
	struct str key;
	size_t n = 0;

	for (; sim_json_object_next(&v, &it, &key, &val); n++) {
		char got[80];

		ck_assert_uint_lt(n, TG_ARRAY_LEN(want));
		(void)snprintf(got, sizeof got, "%.*s=%.*s", STR_FMT(key), STR_FMT(val.raw));
		ck_assert_str_eq(got, want[n]);
	}
	ck_assert_uint_eq(n, TG_ARRAY_LEN(want));
}
END_TEST

START_TEST(arguments_fit_the_schema)
{
	struct json_val v = value(
		"{\"v\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"},\"n\":{"
		"\"type\":\"integer\"},\"u\":{\"enum\":[\"c\",\"f\"]},\"o\":{\"type\":\"object\","
		"\"properties\":{\"b\":{\"type\":\"boolean\"}}}}}}");
	struct json_watch w[] = { { STR("city"), { 0 } }, { STR("n"), { 0 } }, { STR("u"), { 0 } },
		{ STR("o"), { 0 } } };
	struct sim_buf b = { 0 };
	struct json_fail fail;

	sim_json_arguments(&b, &v, 5);
	ck_assert_int_eq(json_scan_object(sim_buf_str(&b), w, 4, &fail), 0);
	ck_assert_int_eq(w[0].val.type, JSON_STRING);
	ck_assert_int_eq(w[1].val.type, JSON_NUMBER);
	ck_assert(str_eq(w[2].val.raw, STR("\"c\"")));
	ck_assert(str_eq(w[3].val.raw, STR("{\"b\":true}")));
	sim_buf_fini(&b);
}
END_TEST

/* A request with nothing but knobs and a prompt; the store outlives it. */
static void plan(struct sim_req *r, struct sim_conf *c, struct sim_store *s)
{
	*c = (struct sim_conf){ .store = s };
	*r = (struct sim_req){ .conf = c, .model = STR("m") };
	r->knobs.events = r->knobs.output_tokens = SIM_UNSET;
	r->knobs.cached = r->knobs.cache_write = r->knobs.cache_write_1h = SIM_UNSET;
	r->prompt.bytes = 401;
}

START_TEST(plan_lengths)
{
	static const struct {
		uint64_t asked, events, max, n;
		uint64_t tokens, want_events, output;
		bool cut;
	} rows[] = {
		{ SIM_UNSET, SIM_UNSET, SIM_UNSET, 1, 32, 32, 32, false },
		{ SIM_UNSET, SIM_UNSET, 5, 1, 5, 5, 5, true },
		{ 5, SIM_UNSET, 5, 1, 5, 5, 5, false },
		{ SIM_UNSET, 50, SIM_UNSET, 1, 50, 50, 50, false },
		{ 100, 7, SIM_UNSET, 3, 100, 7, 300, false },
		{ 0, SIM_UNSET, 9, 1, 0, 0, 0, false },
	};
	struct sim_store *s = sim_store_new();

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct sim_conf c;
		struct sim_req r;
		uint64_t sum = 0;

		plan(&r, &c, s);
		r.knobs.output_tokens = rows[i].asked;
		r.knobs.events = rows[i].events;
		sim_plan_make(&r, rows[i].max, rows[i].n, STR_NONE, NULL);
		ck_assert_msg(r.plan.tokens == rows[i].tokens &&
				      r.plan.events == rows[i].want_events &&
				      r.usage.output == rows[i].output && r.plan.cut == rows[i].cut,
			"row %zu", i);
		ck_assert_uint_eq(r.usage.input, 101);
		for (uint64_t e = 0; e < r.plan.events; e++)
			sum += sim_piece_tokens(&r, e);
		ck_assert_uint_eq(sum, rows[i].tokens);
	}
	sim_store_free(s);
}
END_TEST

START_TEST(cache_buckets_are_disjoint)
{
	struct sim_store *s = sim_store_new();
	struct sim_conf c;
	struct sim_req r;

	for (unsigned pass = 0; pass < 3; pass++) {
		plan(&r, &c, s);
		r.prompt.mark = true;
		r.prompt.mark_bytes = 100;
		r.prompt.mark_hash = 9;
		sim_plan_make(&r, SIM_UNSET, 1, STR_NONE, NULL);
		ck_assert_uint_eq(r.usage.cache_write, pass == 0 ? 25 : 0);
		ck_assert_uint_eq(r.usage.cached_read, pass == 0 ? 0 : 25);
		ck_assert_uint_eq(r.usage.input, 76);
	}
	plan(&r, &c, s);
	r.knobs.cached = 60;
	r.knobs.cache_write = 60;
	sim_plan_make(&r, SIM_UNSET, 1, STR_NONE, NULL);
	ck_assert_uint_eq(r.usage.cached_read, 60);
	ck_assert_uint_eq(r.usage.cache_write, 41);
	ck_assert_uint_eq(r.usage.input, 0);
	sim_store_free(s);
}
END_TEST

START_TEST(billed_when_cancelled)
{
	struct sim_store *s = sim_store_new();
	struct sim_conf c;
	struct sim_req r;

	plan(&r, &c, s);
	sim_plan_make(&r, SIM_UNSET, 1, STR_NONE, NULL);
	r.gen_tokens = 7;
	ck_assert_uint_eq(sim_usage_billed(&r, false).output, 32); /* not a stream: in full */
	r.sse = true;
	ck_assert_uint_eq(sim_usage_billed(&r, false).output, 7);
	ck_assert_uint_eq(sim_usage_billed(&r, false).input, 101);
	ck_assert_uint_eq(sim_usage_billed(&r, true).output, 32);
	r.usage_event = 40;
	ck_assert_uint_eq(sim_usage_billed(&r, false).output, 32);
	r.usage_event = 0;
	r.knobs.on_cancel = SIM_CANCEL_FULL;
	ck_assert_uint_eq(sim_usage_billed(&r, false).output, 32);
	r.refused = true;
	ck_assert_uint_eq(sim_usage_billed(&r, true).input, 0);
	sim_store_free(s);
}
END_TEST

START_TEST(sizes_and_times)
{
	static const struct {
		const char *in;
		int rc;
		uint64_t want;
	} sizes[] = { { "0", 0, 0 }, { "17", 0, 17 }, { "64k", 0, 65536 }, { "1M", 0, 1 << 20 },
		{ "1g", 0, 1 << 30 }, { "", -1, 0 }, { "k", -1, 0 }, { "1kb", -1, 0 },
		{ "-1", -1, 0 }, { "99999999999g", -1, 0 } };
	static const struct {
		const char *in;
		int rc;
		int64_t want;
	} times[] = { { "20ms", 0, 20000 }, { "1.5s", 0, 1500000 }, { "150us", 0, 150 },
		{ "7", 0, 7000 }, { "s", -1, 0 }, { "-1s", -1, 0 }, { "1m", -1, 0 },
		{ "1e9s", -1, 0 } };
	uint64_t bytes;
	int64_t us;

	for (size_t i = 0; i < TG_ARRAY_LEN(sizes); i++) {
		ck_assert_msg(sim_parse_bytes(str_z(sizes[i].in), &bytes) == sizes[i].rc, "%s",
			sizes[i].in);
		if (sizes[i].rc == 0)
			ck_assert_uint_eq(bytes, sizes[i].want);
	}
	for (size_t i = 0; i < TG_ARRAY_LEN(times); i++) {
		ck_assert_msg(
			sim_parse_us(str_z(times[i].in), &us) == times[i].rc, "%s", times[i].in);
		if (times[i].rc == 0)
			ck_assert_int_eq(us, times[i].want);
	}
}
END_TEST

START_TEST(quoting)
{
	static const struct {
		const char *in, *want;
	} rows[] = { { "a\"b\\", "\"a\\\"b\\\\\"" }, { "\n", "\"\\u000a\"" },
		{ "\xe2\x82\xac", "\"\xe2\x82\xac\"" }, { "\xe2\x82", "\"??\"" },
		{ "\xc0\xaf", "\"??\"" }, { "\xed\xa0\x80", "\"???\"" }, { "", "\"\"" } };
	struct sim_buf b = { 0 };

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		b.n = 0;
		sim_buf_quote(&b, str_z(rows[i].in));
		ck_assert_msg(str_eq(sim_buf_str(&b), str_z(rows[i].want)), "row %zu", i);
	}
	b.n = 0;
	sim_buf_base64(&b, STR("ab"));
	sim_buf_base64(&b, STR("abcd"));
	ck_assert(str_eq(sim_buf_str(&b), STR("YWI=YWJjZA==")));
	sim_buf_fini(&b);
}
END_TEST

START_TEST(faults)
{
	static const struct {
		const char *in;
		int rc;
		const char *canonical;
	} rows[] = { { "429", 0, "429" }, { "reset@100, gzip", 0, "reset@100,gzip" },
		{ "stall@0", 0, "stall@0" }, { "quota", 0, "429,quota" }, { "200", -1, "" },
		{ "600", -1, "" }, { "rest", -1, "" }, { "reset@", -1, "" },
		{ "reset@x", -1, "" } };
	struct sim_buf b = { 0 };
	struct sim_fault_rule rule;
	struct sim_faults f;
	uint64_t rng = 1;
	unsigned hits = 0;

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct str bad;

		f = (struct sim_faults){ 0 };
		ck_assert_msg(sim_fault_parse(str_z(rows[i].in), &f, &bad) == rows[i].rc, "%s",
			rows[i].in);
		b.n = 0;
		sim_fault_format(&f, &b);
		if (rows[i].rc == 0)
			ck_assert(str_eq(sim_buf_str(&b), str_z(rows[i].canonical)));
	}
	sim_buf_fini(&b);
	ck_assert_int_eq(sim_fault_rule_parse(STR("0.05"), &rule), -1);
	ck_assert_int_eq(sim_fault_rule_parse(STR("1.5:500"), &rule), -1);
	ck_assert_int_eq(sim_fault_rule_parse(STR("0.05:"), &rule), -1);
	ck_assert_int_eq(sim_fault_rule_parse(STR("0.05:503"), &rule), 0);
	for (unsigned i = 0; i < 10000; i++) {
		f = (struct sim_faults){ 0 };
		sim_fault_draw(&rule, 1, &rng, &f);
		hits += f.status == 503;
	}
	ck_assert_uint_gt(hits, 400); /* seeded: the same number in every run */
	ck_assert_uint_lt(hits, 600);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, text_is_fixed);
	tcase_add_test(tc, token_counts);
	tcase_add_test(tc, decoded_bytes);
	tcase_add_test(tc, prompt_walk);
	tcase_add_test(tc, object_walk);
	tcase_add_test(tc, arguments_fit_the_schema);
	tcase_add_test(tc, plan_lengths);
	tcase_add_test(tc, cache_buckets_are_disjoint);
	tcase_add_test(tc, billed_when_cancelled);
	tcase_add_test(tc, sizes_and_times);
	tcase_add_test(tc, quoting);
	tcase_add_test(tc, faults);
}

UNIT_MAIN("sim_text", tests)
