/*
 * check_export.c: lines of exports and dumps: every field, quoting, and that what a spreadsheet
 * would run is only text.
 */
#include "unit/ledger/sample.h"
#include "unit/unit.h"

#include <jansson.h>

#include "ledger/csv.h"
#include "ledger/export.h"

static const struct segment_info info = { .number = 42, .writer = 1, .member = "gw-1" };
static struct outbuf b;

static void setup(void)
{
	outbuf_init(&b);
}

static void teardown(void)
{
	outbuf_fini(&b);
}

static struct rec settle(void)
{
	struct rec r = { .type = REC_SETTLE,
		.seq = 7,
		.time = { 1764288001500000 },
		.u.settle = sample_settle(0) };

	r.u.settle.usage.n[USAGE_WEB_SEARCHES] = 2;
	r.u.settle.money = (struct rec_money){ .list = 31500000,
		.contracted = 1,
		.billed = 1500000000000,
		.reported = 1,
		.price_version = 0xfedcba9876543210u,
		.flags = MONEY_REPORTED | MONEY_UNPRICED };
	return r;
}

START_TEST(a_settle_as_json)
{
	struct rec r = settle();

	ck_assert(export_has(&r));
	export_json(&b, &info, &r);
	UNIT_STR_EQ(outbuf_text(&b),
		STR("{\"type\":\"settle\",\"id\":\"req_0123456789abcdef00000000\",\"member\":\"gw-"
		    "1\",\"segment\":42,\"seq\":7,\"time\":\"2025-11-28T00:00:01.500000Z\","
		    "\"start\":\"2025-11-28T00:00:00.000000Z\",\"org\":\"acme\",\"tenant\":"
		    "\"research\",\"tier\":\"gold\",\"key\":\"key_42\",\"model\":\"gpt-4o\","
		    "\"model_served\":\"gpt-4o-2024-08-06\",\"target_model\":\"gpt-4o-2024-08-06\","
		    "\"provider\":\"openai\",\"target\":\"openai-eu\",\"region\":\"eu\","
		    "\"endpoint\":\"chat\",\"stream\":true,\"leg\":1,\"legs\":1,\"status\":200,"
		    "\"end\":\"ok\",\"quality\":\"exact\",\"usage\":{\"input\":1234,\"output\":567,"
		    "\"web_searches\":2},\"service_tier\":\"default\",\"price_version\":"
		    "\"fedcba9876543210\",\"list_usd\":\"0.0000315\",\"contracted_usd\":\"0."
		    "000000000001\",\"billed_usd\":\"1.5\",\"reported_usd\":\"0.000000000001\","
		    "\"flags\":[\"unpriced\",\"reported\"],\"bound_usd\":\"0.0009\",\"session\":"
		    "\"s-"
		    "1\",\"end_user\":\"u-77\",\"tags\":{\"team\":\"search\",\"env\":\"prod\"},"
		    "\"provider_request_id\":\"req_0f9e8d7c6b5a49382716050403020100\",\"first_byte_"
		    "us\":250000,\"done_us\":1800000,\"rule\":\"next-5\"}\n"));
}
END_TEST

START_TEST(voids_and_legs_have_the_same_fields)
{
	struct rec recs[] = { settle(), { .type = REC_LEG, .u.leg = sample_leg(1, 2) },
		{ .type = REC_VOID, .u.voided = sample_void(2) } };
	json_t *first = NULL, *j;
	const char *name;
	json_t *value;

	for (size_t i = 0; i < TG_ARRAY_LEN(recs); i++) {
		b.n = 0;
		ck_assert(export_has(&recs[i]));
		export_json(&b, &info, &recs[i]);
		j = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
		ck_assert_ptr_nonnull(j);
		if (first == NULL)
			first = json_incref(j);
		ck_assert_uint_eq(json_object_size(j), json_object_size(first));
		json_object_foreach(first, name, value)
			ck_assert_msg(json_object_get(j, name) != NULL, "%s", name);
		if (i == 1) {
			ck_assert_int_eq(json_integer_value(json_object_get(j, "leg")), 2);
			ck_assert_str_eq(json_string_value(json_object_get(j, "type")), "leg");
			ck_assert(json_is_null(json_object_get(j, "reported_usd")));
		}
		if (i == 2) {
			ck_assert_str_eq(json_string_value(json_object_get(j, "type")), "void");
			ck_assert_str_eq(
				json_string_value(json_object_get(j, "contracted_usd")), "0");
			ck_assert(json_is_null(json_object_get(j, "price_version")));
			ck_assert_str_eq(
				json_string_value(json_object_get(j, "end")), "client_gone");
		}
		json_decref(j);
	}
	json_decref(first);
}
END_TEST

START_TEST(only_what_is_charged_is_a_line)
{
	struct rec r = { .type = REC_LEG, .u.leg = sample_leg(1, 1) };

	r.u.leg.money = (struct rec_money){ .price_version = 1 };
	ck_assert(export_has(&r)); /* its usage */
	r.u.leg.usage = (struct usage){ .source = USAGE_PROVIDER };
	ck_assert(!export_has(&r));
	r.u.leg.money.billed = 1;
	ck_assert(export_has(&r));
	for (unsigned t = 0; t < 256; t++) {
		r.type = (enum rec_type)t;
		if (t != REC_LEG)
			ck_assert_int_eq(export_has(&r), t == REC_SETTLE || t == REC_VOID);
	}
}
END_TEST

START_TEST(texts_of_others_stay_texts)
{
	struct rec r = settle();
	json_t *j;

	r.u.settle.who.tenant = STR("a\"b\\c\n\x01");
	r.u.settle.who.session = STR("\xff\xfe");
	r.u.settle.who.tags = STR("{\"broken\":");
	export_json(&b, &info, &r);
	j = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(j != NULL, "%.*s", (int)b.n, b.p);
	ck_assert_str_eq(json_string_value(json_object_get(j, "tenant")), "a\"b\\c\n\x01");
	ck_assert_uint_eq(json_object_size(json_object_get(j, "tags")), 0);
	json_decref(j);
}
END_TEST

START_TEST(csv_fields)
{
	static const char *const cases[][2] = { { "", "" }, { "a b", "a b" }, { "a,b", "\"a,b\"" },
		{ "say \"x\"", "\"say \"\"x\"\"\"" }, { "two\nlines", "\"two\nlines\"" },
		{ "=1+1", "'=1+1" }, { "+1", "'+1" }, { "-1", "'-1" }, { "@SUM(A1)", "'@SUM(A1)" },
		{ "\tx", "'\tx" }, { "\r=1", "\"'\r=1\"" }, { "=\"a\",b", "\"'=\"\"a\"\",b\"" },
		{ "a=b", "a=b" } };

	for (size_t i = 0; i < TG_ARRAY_LEN(cases); i++) {
		b.n = 0;
		csv_text(&b, str_z(cases[i][0]));
		UNIT_STR_EQ(outbuf_text(&b), str_z(cases[i][1]));
	}
}
END_TEST

/* Fields of a line, quotes respected. */
static unsigned fields(struct str line)
{
	unsigned n = 1;
	bool quoted = false;

	for (size_t i = 0; i < line.n; i++) {
		quoted ^= line.p[i] == '"';
		n += line.p[i] == ',' && !quoted;
	}
	return n;
}

START_TEST(csv_lines_fit_their_titles)
{
	struct rec r = settle();
	unsigned n;

	export_csv_titles(&b);
	ck_assert(str_starts(outbuf_text(&b), STR("type,id,member,segment,seq,")));
	ck_assert_ptr_nonnull(memmem(b.p, b.n, ",quality,input,input_cache_read,", 32));
	ck_assert(str_ends(outbuf_text(&b), STR(",first_byte_us,done_us,rule\r\n")));
	n = fields(outbuf_text(&b));
	ck_assert_uint_eq(n, 39 + USAGE__MAX);
	b.n = 0;
	export_csv(&b, &info, &r);
	ck_assert_uint_eq(fields(outbuf_text(&b)), n);
	ck_assert_ptr_nonnull(
		memmem(b.p, b.n, ",0.0000315,0.000000000001,1.5,0.000000000001,", 45));
	ck_assert_ptr_nonnull(memmem(b.p, b.n, ",unpriced reported,", 19));
	ck_assert(str_ends(outbuf_text(&b), STR(",250000,1800000,next-5\r\n")));
}
END_TEST

START_TEST(dumps_tell_every_record)
{
	struct rec recs[] = { settle(), { .type = REC_LEG, .u.leg = sample_leg(1, 1) },
		{ .type = REC_VOID, .u.voided = sample_void(2) },
		{ .type = REC_HOLD, .flags = REC_CARRIED, .u.hold = sample_hold(3) },
		{ .type = REC_PROGRESS, .u.progress = sample_progress(4) },
		{ .type = REC_EXTEND, .u.extend = sample_extend(5) },
		{ .type = REC_OPEN, .u.open = { .member = STR("m\x1b[2J"), .build = STR("1.0") } },
		{ .type = REC_CLOSE }, { .type = REC_CHECKPOINT, .u.checkpoint.open = 3 },
		{ .type = REC_WRITER, .u.writer = { 1, 2 } }, { .type = (enum rec_type)200 } };

	for (size_t i = 0; i < TG_ARRAY_LEN(recs); i++) {
		json_t *j;

		b.n = 0;
		export_any(&b, &info, &recs[i]);
		j = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
		ck_assert_msg(j != NULL, "%.*s", (int)b.n, b.p);
		ck_assert_str_eq(
			json_string_value(json_object_get(j, "type")), rec_type_name(recs[i].type));
		if (recs[i].type == REC_LEG)
			ck_assert_str_eq(json_string_value(json_object_get(
						 json_object_get(j, "next"), "target")),
				"azure-sweden-central-2");
		if (recs[i].type == REC_HOLD)
			ck_assert(json_is_true(json_object_get(j, "carried")));
		json_decref(j);
		b.n = 0;
		export_short(&b, &info, &recs[i]);
		ck_assert_ptr_null(memchr(b.p, '\x1b', b.n));
		ck_assert(str_ends(outbuf_text(&b), STR("\n")));
		ck_assert_ptr_eq(memchr(b.p, '\n', b.n), b.p + b.n - 1);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_settle_as_json);
	tcase_add_test(tc, voids_and_legs_have_the_same_fields);
	tcase_add_test(tc, only_what_is_charged_is_a_line);
	tcase_add_test(tc, texts_of_others_stay_texts);
	tcase_add_test(tc, csv_fields);
	tcase_add_test(tc, csv_lines_fit_their_titles);
	tcase_add_test(tc, dumps_tell_every_record);
}

UNIT_MAIN("export", tests)
