/* check_json_scan.c: structure, watched members, duplicates, limits; errors with their place. */
#include <stdio.h>

#include "proto/json_run.h"
#include "proto/json_scan.h"
#include "unit/unit.h"

struct verdict {
	const char *text;
	enum json_error err;
	size_t at;
};

static const struct verdict verdicts[] = {
	{ "{}", JSON_E_NONE, 0 },
	{ " \t\r\n{ \"a\" : [ ] , \"b\":{ } } \n", JSON_E_NONE, 0 },
	{ "{\"a\":[1,-0,0.5,-1e+9,1E-2,10]}", JSON_E_NONE, 0 },
	{ "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00Ff\"}", JSON_E_NONE, 0 },
	{ "{\"a\":\"\\ud800\\u0000\",\"b\":1e999}", JSON_E_NONE, 0 },
	{ "{\"a\":[{\"b\":[[],{}]},true,false,null]}", JSON_E_NONE, 0 },
	{ "{\"a\":{\"x\":1,\"x\":2},\"b\":1,\"b\":2}", JSON_E_NONE,
		0 }, /* not watched, not top level */
	{ "", JSON_E_EOF, 0 },
	{ "  ", JSON_E_EOF, 2 },
	{ "{", JSON_E_EOF, 1 },
	{ "{\"a", JSON_E_EOF, 3 },
	{ "{\"a\"", JSON_E_EOF, 4 },
	{ "{\"a\":", JSON_E_EOF, 5 },
	{ "{\"a\":tru", JSON_E_EOF, 8 },
	{ "{\"a\":1", JSON_E_EOF, 6 },
	{ "{\"a\":1.", JSON_E_EOF, 7 },
	{ "{\"a\":[1,", JSON_E_EOF, 8 },
	{ "{\"a\":\"\\u12", JSON_E_EOF, 10 },
	{ "{\"a\":\"\\", JSON_E_EOF, 7 },
	{ "[]", JSON_E_NOT_OBJECT, 0 },
	{ " \"a\"", JSON_E_NOT_OBJECT, 1 },
	{ "1", JSON_E_NOT_OBJECT, 0 },
	{ "\xef\xbb\xbf{}", JSON_E_SYNTAX, 0 },
	{ "{}x", JSON_E_TRAILING, 2 },
	{ "{}{}", JSON_E_TRAILING, 2 },
	{ "{\"a\":1,}", JSON_E_SYNTAX, 7 },
	{ "{,}", JSON_E_SYNTAX, 1 },
	{ "{\"a\" 1}", JSON_E_SYNTAX, 5 },
	{ "{a:1}", JSON_E_SYNTAX, 1 },
	{ "{'a':1}", JSON_E_SYNTAX, 1 },
	{ "{\"a\":[1,]}", JSON_E_SYNTAX, 8 },
	{ "{\"a\":[,1]}", JSON_E_SYNTAX, 6 },
	{ "{\"a\":[1 2]}", JSON_E_SYNTAX, 8 },
	{ "{\"a\":[1}]", JSON_E_SYNTAX, 7 },
	{ "{\"a\":{\"b\":1]}", JSON_E_SYNTAX, 11 },
	{ "{\"a\":{\"b\"}}", JSON_E_SYNTAX, 9 },
	{ "{\"a\":{1:2}}", JSON_E_SYNTAX, 6 },
	{ "{\"a\":01}", JSON_E_SYNTAX, 6 },
	{ "{\"a\":+1}", JSON_E_SYNTAX, 5 },
	{ "{\"a\":.5}", JSON_E_SYNTAX, 5 },
	{ "{\"a\":1.e5}", JSON_E_SYNTAX, 7 },
	{ "{\"a\":1e}", JSON_E_SYNTAX, 7 },
	{ "{\"a\":-}", JSON_E_SYNTAX, 6 },
	{ "{\"a\":NaN}", JSON_E_SYNTAX, 5 },
	{ "{\"a\":True}", JSON_E_SYNTAX, 5 },
	{ "{\"a\":nul1}", JSON_E_SYNTAX, 8 },
	{ "{\"a\":\"\\x41\"}", JSON_E_SYNTAX, 7 },
	{ "{\"a\":\"\\u12g4\"}", JSON_E_SYNTAX, 10 },
	{ "{\"a\":\"\n\"}", JSON_E_SYNTAX, 6 },
	{ "{\"a\":\"\x1f\"}", JSON_E_SYNTAX, 6 },
	{ "{\"a\":1//\n}", JSON_E_SYNTAX, 6 },
	{ "{\"a\":1\v}", JSON_E_SYNTAX, 6 },
	{ "{\"model\":1,\"model\":2}", JSON_E_DUPLICATE, 11 },
	{ "{\"model\":null,\"mod\\u0065l\":2}", JSON_E_DUPLICATE, 14 },
	{ "{\"\\ud800\":1}", JSON_E_ENCODING, 1 },
	{ "{\"mode\xffl\":1}", JSON_E_ENCODING, 1 },
	{ "{\"mode\xc1\xac\":1}", JSON_E_ENCODING, 1 }, /* an overlong l */
	{ "{\"model\\u0000\":1}", JSON_E_ENCODING, 1 },
	{ "{\"\xc3\xa9\":1,\"\\ud83d\\ude00\":2}", JSON_E_NONE, 0 },
};

START_TEST(test_verdicts)
{
	const struct verdict *v = &verdicts[_i];
	struct json_watch w[] = { { .key = STR("model") } };
	struct json_fail fail;
	size_t n = strlen(v->text);
	char *copy = unit_copy(v->text, n);
	int rc = json_scan_object(str_mk(copy, n), w, 1, &fail);

	ck_assert_msg((rc == 0) == (v->err == JSON_E_NONE), "%s: rc %d", v->text, rc);
	ck_assert_msg(fail.err == v->err && fail.offset == v->at, "%s: %s at %zu", v->text,
		json_error_text(fail.err), fail.offset);
	free(copy);
}
END_TEST

/* Keys that readers which fold case take for "stream" or "task". */
static const struct {
	const char *text;
	enum json_error err;
	size_t at;
} strict[] = {
	{ "{\"stream\":true}", JSON_E_NONE, 0 },
	{ "{\"Stream\":true}", JSON_E_CASE, 1 },
	{ "{\"a\":1,\"STREAM\":true}", JSON_E_CASE, 7 },
	{ "{\"stream\":false,\"streaM\":true}", JSON_E_CASE, 16 },
	{ "{\"Stream\":false,\"stream\":true}", JSON_E_CASE, 1 },
	{ "{\"\\u0053tream\":true}", JSON_E_CASE, 1 },
	{ "{\"\xc5\xbftream\":true}", JSON_E_CASE, 1 },
	{ "{\"\\u017Ftream\":true}", JSON_E_CASE, 1 },
	{ "{\"tas\xe2\x84\xaa\":true}", JSON_E_CASE, 1 },
	{ "{\"ta\\u017f\\u212a\":true}", JSON_E_CASE, 1 },
	{ "{\"_Task\":true}", JSON_E_NONE, 0 },
	{ "{\"streams\":1,\"Strea\":2,\"Str\xc3\xa9"
	  "am\":3,\"\":4,\"\xc5\xbe"
	  "tream\":5}",
		JSON_E_NONE, 0 },
	{ "{\"x\":{\"Stream\":true}}", JSON_E_NONE, 0 },
	{ "{\"Stream\":tru}", JSON_E_CASE, 1 },
	{ "{\"stream\":1,\"stream\":1}", JSON_E_DUPLICATE, 12 },
};

START_TEST(test_strict)
{
	struct json_watch w[] = { { .key = STR("stream") }, { .key = STR("task") } };
	struct str text = str_z(strict[_i].text);
	struct json_fail fail;
	char *copy = unit_copy(text.p, text.n);
	int rc = json_scan_strict(str_mk(copy, text.n), w, 2, &fail);

	ck_assert_msg((rc == 0) == (strict[_i].err == JSON_E_NONE), "%s: rc %d", text.p, rc);
	ck_assert_msg(fail.err == strict[_i].err && fail.offset == strict[_i].at, "%s: %s at %zu",
		text.p, json_error_text(fail.err), fail.offset);
	/* the other scan takes what is refused for its case alone */
	if (strict[_i].err == JSON_E_CASE && strstr(text.p, "tru}") == NULL)
		ck_assert_int_eq(json_scan_object(str_mk(copy, text.n), w, 2, &fail), 0);
	free(copy);
}
END_TEST

/* Every proper beginning of a good text ends in the middle, whatever block it is cut in. */
START_TEST(test_cut)
{
	static const char text[] = "{\"messages\":[{\"role\":\"user\",\"content\":"
				   "\"0123456789012345678901234567890123456789012345678"
				   "9012345678901234567890\\n01234567890123456789012345678901234567"
				   "8901234567890123456789\\\"\\u00e9"
				   "012345678901234567890123456789012345678901234567890123456789012"
				   "345678901234567890123456789\\\\\"}],"
				   "\"n\":-12.5e+7,\"stream\":true}";
	struct json_fail fail;

	for (size_t n = 0; n < sizeof text; n++) {
		char *copy = unit_copy(text, n);
		int rc = json_scan_object(str_mk(copy, n), NULL, 0, &fail);

		if (n == sizeof text - 1)
			ck_assert_int_eq(rc, 0);
		else
			ck_assert_msg(rc != 0 && fail.err == JSON_E_EOF && fail.offset == n,
				"cut at %zu: %s at %zu", n, json_error_text(fail.err), fail.offset);
		free(copy);
	}
}
END_TEST

/* No stop is run past, and what is left is short or has one: in texts longer than every block. */
START_TEST(runs)
{
	static const char stops[] = { '"', '\\', '\n', 0x01, 0x1f };

	for (size_t n = 0; n < 700; n++) {
		for (size_t at = 0; at <= n; at += n < 300 ? 1 : 7) {
			char *text = malloc(n + 1);
			size_t ran;

			memset(text, 'x', n + 1);
			if (at < n)
				text[at] = stops[(at + n) % sizeof stops];
			ran = (size_t)(json_run_long(text, text + n) - text);
			if (ran > at || json_run_end(text + ran, text + n) != text + at)
				ck_abort_msg("the stop at %zu of %zu was missed", at, n);
			free(text);
		}
	}
}
END_TEST

/* Byte by byte: the first thing in a string that is neither text nor an escape of two bytes. */
static size_t string_stop(const char *p, size_t n)
{
	size_t at = 0;

	while (at < n && (unsigned char)p[at] >= 0x20 && p[at] != '"') {
		if (p[at] != '\\')
			at++;
		else if (at + 1 < n && p[at + 1] != '\0' && strchr("\"\\/bfnrt", p[at + 1]) != NULL)
			at += 2;
		else
			break;
	}
	return at;
}

/* It stops there, or gives up before it, not within an escape, and only near the end. */
static void string_run_agrees(
	bool (*run)(const char **at, const char *end), const char *text, size_t n)
{
	size_t stop = string_stop(text, n), at;
	const char *p = text;
	bool found = run(&p, text + n);

	at = (size_t)(p - text);
	if (found) {
		ck_assert_uint_eq(at, stop);
		return;
	}
	ck_assert_uint_le(at, stop);
	ck_assert_uint_eq(at + string_stop(text + at, n - at), stop);
	if (run == json_string_run)
		ck_assert_msg(at == 0 || n - at <= 64, "stopped at %zu of %zu", at, n);
}

/* Texts of every density of escapes and stops, at every alignment. */
START_TEST(string_runs)
{
	static const char letters[] = "\\\\\\\"nu/bfrtqx\x01\x80";
	uint64_t seed = 1;

	for (unsigned round = 0; round < 60000; round++) {
		size_t n, off;
		unsigned dense;
		char *text;

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		n = (seed >> 33) % (round % 8 == 0 ? 2000 : 400);
		off = seed >> 50 & 63;
		dense = 1u << (seed >> 58 & 7);
		text = malloc(off + n);
		for (size_t i = 0; i < n; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			text[off + i] = seed >> 40 & (dense * dense - 1)
						? 'a'
						: letters[(seed >> 32) % (sizeof letters - 1)];
		}
		/* most of it goes on to the end: escapes of two bytes, and no stop */
		for (size_t i = 0; round % 4 != 0 && i < n; i++) {
			if (text[off + i] == '"' || text[off + i] == '\x01')
				text[off + i] = 'x';
			if (text[off + i] != '\\' || i + 1 == n)
				continue;
			i++;
			text[off + i] = "\"\\/bfnrt"[i % 8];
		}
		string_run_agrees(json_string_run, text + off, n);
		string_run_agrees(json_string_run_sse2, text + off, n);
		free(text);
	}
}
END_TEST

/* A quote, a bad byte, an escape at each place of a long string: the blocks of the fast loop have
 * no seams. */
START_TEST(test_string_seams)
{
	char text[400];
	struct json_watch w[] = { { .key = STR("a") } };
	struct json_fail fail;

	for (size_t len = 1; len < 200; len++)
		for (size_t at = 0; at < len; at++) {
			size_t n = (size_t)snprintf(
				text, sizeof text, "{\"a\":\"%*s\",\"b\":0}", (int)len, "");
			char *body = text + 6;

			body[at] = '\x01';
			ck_assert(json_scan_object(str_mk(text, n), w, 1, &fail) != 0);
			ck_assert(fail.err == JSON_E_SYNTAX && fail.offset == 6 + at);
			body[at] = '"';
			ck_assert(json_scan_object(str_mk(text, n), w, 1, &fail) != 0);
			body[at] = '\xff';
			ck_assert(json_scan_object(str_mk(text, n), w, 1, &fail) == 0);
			ck_assert_uint_eq(w[0].val.raw.n, len + 2);
			if (at + 1 == len)
				continue;
			memcpy(body + at, "\\\"", 2);
			ck_assert(json_scan_object(str_mk(text, n), w, 1, &fail) == 0);
			ck_assert_uint_eq(w[0].val.raw.n, len + 2);
			memcpy(body + at, "\\q", 2);
			ck_assert(json_scan_object(str_mk(text, n), w, 1, &fail) != 0);
			ck_assert_uint_eq(fail.offset, 7 + at);
		}
}
END_TEST

START_TEST(test_depth)
{
	char text[600];
	struct json_fail fail;

	for (int open = JSON_MAX_DEPTH - 3; open < JSON_MAX_DEPTH + 3; open++) {
		size_t n = (size_t)sprintf(text, "{\"a\":");

		for (int i = 0; i < open; i++)
			n += (size_t)sprintf(text + n, "%s", i % 2 ? "[" : "{\"\":");
		text[n++] = '0';
		for (int i = open; i-- > 0;)
			text[n++] = i % 2 ? ']' : '}';
		text[n++] = '}';
		if (open < JSON_MAX_DEPTH) {
			ck_assert_int_eq(json_scan_object(str_mk(text, n), NULL, 0, &fail), 0);
		} else {
			ck_assert_int_eq(json_scan_object(str_mk(text, n), NULL, 0, &fail), -1);
			ck_assert_int_eq(fail.err, JSON_E_DEPTH);
		}
	}
}
END_TEST

#define ALL    UINT32_MAX
#define BIT(c) (UINT32_C(1) << ((c)&31))
static const struct {
	const char *value;
	uint32_t types;
} typed[] = {
	{ "1", 0 },
	{ "[{\"type\":\"text\"}]", BIT('t') },
	{ "{\"type\" : \"image\",\"a\":[{\"b\":{\"type\":\"Text\"}}]}", BIT('i') | BIT('t') },
	{ "[{\"type\":null},{\"type\":[\"x\"]},{\"type\":{\"types\":\"x\"}},{\"text\":\"x\"}]", 0 },
	{ "[{\"type\":\"\"}]", BIT('"') },
	{ "[\"\\\"type\\\":\\\"image\\\"\"]", 0 }, /* text that looks like it */
	{ "[{\"type\":\"\\u0069mage\"}]", ALL },
	{ "[{\"t\\u0079pe\":\"image\"}]", ALL },
	{ "[{\"\\u0074ype\":\"image\"}]", ALL },
};

/* Of the value alone, not of what stands beside it. */
START_TEST(types)
{
	struct json_watch w[1] = { { STR("v"), { .type = JSON_NONE } } };
	struct json_fail fail;
	char text[256];

	snprintf(text, sizeof text,
		"{\"a\":{\"type\":\"file\"},\"v\":%s,\"z\":[{\"type\":\"zoo\"}]}", typed[_i].value);
	ck_assert_int_eq(json_scan_object(str_z(text), w, 1, &fail), 0);
	ck_assert_uint_eq(w[0].val.types, typed[_i].types);
}
END_TEST

START_TEST(test_spans)
{
	struct str text = STR(" {\"x\":{\"model\":\"no\"}, \"mod\\u0065l\" : \"a\\n\" ,\"list\":[ "
			      "1 ,{\"k\":[2]},\"s\"],\"n\":null}");
	struct json_watch w[] = {
		{ .key = STR("model") },
		{ .key = STR("list") },
		{ .key = STR("n") },
		{ .key = STR("absent") },
		{ .key = STR("x") },
	};
	struct json_watch in[] = { { .key = STR("model") } };
	struct json_iter it = { 0 };
	struct json_val elem;
	struct json_fail fail;

	ck_assert_int_eq(json_scan_object(text, w, TG_ARRAY_LEN(w), &fail), 0);
	ck_assert_int_eq(w[0].val.type, JSON_STRING);
	UNIT_STR_EQ(w[0].val.raw, STR("\"a\\n\""));
	ck_assert(text.p[w[0].val.member] == '"' && text.p[w[0].val.member + 4] == '\\');
	ck_assert_int_eq(w[2].val.type, JSON_NULL);
	ck_assert_int_eq(w[3].val.type, JSON_NONE);
	ck_assert_int_eq(json_scan_member(&w[4].val, in, 1, &fail), 0);
	UNIT_STR_EQ(in[0].val.raw, STR("\"no\""));
	ck_assert_int_eq(json_scan_member(&w[1].val, in, 1, &fail), -1);
	ck_assert_int_eq(fail.err, JSON_E_NOT_OBJECT);
	ck_assert_int_eq(in[0].val.type, JSON_NONE);

	ck_assert(json_array_next(&w[1].val, &it, &elem) && elem.type == JSON_NUMBER);
	ck_assert(json_array_next(&w[1].val, &it, &elem));
	UNIT_STR_EQ(elem.raw, STR("{\"k\":[2]}"));
	ck_assert(json_array_next(&w[1].val, &it, &elem) && elem.type == JSON_STRING);
	ck_assert(!json_array_next(&w[1].val, &it, &elem) && elem.type == JSON_NONE);
	it.at = 0;
	ck_assert(!json_array_next(&w[4].val, &it, &elem));
}
END_TEST

/* A long key beyond ASCII is a key like any other. */
START_TEST(long_keys)
{
	struct json_watch w[] = { { .key = STR("model") } };
	char text[2000] = "{\"";
	struct json_fail fail;

	for (size_t n = 2; n < 1900; n += 2) {
		memcpy(text + n, "\xc3\xa4", 2);
		memcpy(text + n + 2, "\":1,\"model\":2}", 14);
		ck_assert_int_eq(json_scan_strict(str_mk(text, n + 16), w, 1, &fail), 0);
		ck_assert_int_eq(w[0].val.type, JSON_NUMBER);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, runs);
	tcase_add_test(tc, string_runs);
	tcase_add_loop_test(tc, test_verdicts, 0, (int)TG_ARRAY_LEN(verdicts));
	tcase_add_loop_test(tc, test_strict, 0, (int)TG_ARRAY_LEN(strict));
	tcase_add_test(tc, test_cut);
	tcase_add_test(tc, test_string_seams);
	tcase_add_test(tc, test_depth);
	tcase_add_loop_test(tc, types, 0, (int)TG_ARRAY_LEN(typed));
	tcase_add_test(tc, test_spans);
	tcase_add_test(tc, long_keys);
}

UNIT_MAIN("json_scan", tests)
