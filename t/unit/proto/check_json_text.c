/* check_json_text.c: numbers as integers, strings decoded and quoted. */
#include <stdio.h>

#include "proto/json_scan.h"
#include "unit/unit.h"

static struct json_val value(const char *raw)
{
	struct json_val v = { .type = *raw == '"' ? JSON_STRING : JSON_NUMBER, .raw = str_z(raw) };

	return v;
}

START_TEST(test_u64)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t n;
	} t[] = {
		{ "0", 0, 0 },
		{ "123", 0, 123 },
		{ "123.0", 0, 123 },
		{ "1e2", 0, 100 },
		{ "1.5E+1", 0, 15 },
		{ "1200e-2", 0, 12 },
		{ "0e999", 0, 0 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "1844674407370955161.5e1", 0, UINT64_MAX },
		{ "18446744073709551616", -1, 0 },
		{ "1e20", -1, 0 },
		{ "-1", -1, 0 },
		{ "0.5", -1, 0 },
		{ "12e-1", -1, 0 },
		{ "1e99999999999999999999", -1, 0 },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(t); i++) {
		struct json_val v = value(t[i].text);
		uint64_t n = 7;

		ck_assert_msg(json_get_u64(&v, &n) == t[i].rc, "%s", t[i].text);
		ck_assert_msg(n == (t[i].rc == 0 ? t[i].n : 7), "%s", t[i].text);
	}
	ck_assert_int_eq(json_get_u64(&(struct json_val){ .type = JSON_NULL, .raw = STR("null") },
				 &(uint64_t){ 0 }),
		-1);
}
END_TEST

START_TEST(test_decode)
{
	static const struct {
		const char *raw, *want; /* NULL: refused */
	} t[] = {
		{ "\"\"", "" },
		{ "\"gpt-4o\"", "gpt-4o" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"",
			"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\"\xf0\x9f\x98\x80\"", "\xf0\x9f\x98\x80" },
		{ "\"\\ud83d\"", NULL },
		{ "\"\\ude00\"", NULL },
		{ "\"\\ud83d\\u0041\"", NULL },
		{ "\"\\ud83dx\"", NULL },
		{ "\"\xff\"", NULL },
		{ "\"\xc0\xaf\"", NULL },
		{ "\"\xed\xa0\x80\"", NULL },
		{ "\"\xf4\x90\x80\x80\"", NULL },
		{ "\"\xe2\x82\"", NULL },
		{ "1", NULL },
	};
	char buf[16];
	struct str s;

	for (size_t i = 0; i < TG_ARRAY_LEN(t); i++) {
		struct json_val v = value(t[i].raw);
		int rc = json_decode(&v, buf, sizeof buf, &s);

		ck_assert_msg((rc == 0) == (t[i].want != NULL), "%s", t[i].raw);
		if (rc == 0)
			UNIT_STR_EQ(s, str_z(t[i].want));
	}
	ck_assert_int_eq(
		json_decode(&(struct json_val){ .type = JSON_STRING, .raw = STR("\"12345\"") }, buf,
			4, &s),
		-1);
	ck_assert_int_eq(
		json_decode(&(struct json_val){ .type = JSON_STRING, .raw = STR("\"123\\u00e9\"") },
			buf, 4, &s),
		-1);
	ck_assert_int_eq(
		json_decode(&(struct json_val){ .type = JSON_STRING, .raw = STR("\"12\\u00e9\"") },
			buf, 4, &s),
		0);
	ck_assert_int_eq(
		json_get_plain(
			&(struct json_val){ .type = JSON_STRING, .raw = STR("\"a\\n\"") }, &s),
		-1);
	ck_assert_int_eq(
		json_get_plain(&(struct json_val){ .type = JSON_STRING, .raw = STR("\"ab\"") }, &s),
		0);
	UNIT_STR_EQ(s, STR("ab"));
}
END_TEST

START_TEST(test_quote)
{
	char out[64];
	struct str in = STR("a\"\\\n\x01\x7f\xff\xc3\xa9\0z");
	size_t n = json_quote(out, sizeof out, in);
	struct str want = STR("\"a\\\"\\\\\\n\\u0001\\u007f\xef\xbf\xbd\xc3\xa9\\u0000z\"");

	UNIT_STR_EQ(str_mk(out, n), want);
	for (size_t cap = 0; cap < want.n; cap++)
		ck_assert_uint_eq(json_quote(out, cap, in), 0);
	ck_assert_uint_eq(json_quote(out, want.n, in), want.n);
}
END_TEST

/* What one byte between letters is when it is quoted. */
static size_t quoted(char *out, unsigned char c)
{
	static const char plain[] = "\"\\\n\r\t", short_form[] = "\"\\nrt";
	const char *at = c != '\0' ? strchr(plain, c) : NULL;

	if (at != NULL)
		return (size_t)sprintf(out, "\\%c", short_form[at - plain]);
	if (c < 0x20 || c == 0x7f)
		return (size_t)sprintf(out, "\\u%04x", c);
	return (size_t)sprintf(out, "%s", c < 0x80 ? (char[]){ (char)c, '\0' } : "\xef\xbf\xbd");
}

/* Every byte at every place of texts up to three words: words have no seams. */
START_TEST(test_quote_places)
{
	for (size_t n = 1; n <= 24; n++)
		for (size_t at = 0; at < n; at++)
			for (unsigned c = 0; c < 256; c++) {
				char text[24], want[64], out[64], back[64], *copy;
				struct json_val v = { .type = JSON_STRING };
				struct str s;
				size_t len = 1, got;

				memset(text, 'a', n);
				memset(want, 'a', sizeof want);
				text[at] = (char)c;
				*want = '"';
				len += at;
				len += quoted(want + len, (unsigned char)c);
				want[len] = 'a';
				len += n - at - 1;
				want[len++] = '"';
				copy = unit_copy(text, n);
				got = json_quote(out, sizeof out, str_mk(copy, n));
				UNIT_STR_EQ(str_mk(out, got), str_mk(want, len));
				free(copy);
				v.raw = str_mk(out, got);
				ck_assert_int_eq(json_decode(&v, back, sizeof back, &s), 0);
				if (c < 0x80)
					UNIT_STR_EQ(s, str_mk(text, n));
			}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, test_u64);
	tcase_add_test(tc, test_decode);
	tcase_add_test(tc, test_quote);
	tcase_add_test(tc, test_quote_places);
}

UNIT_MAIN("json_text", tests)
