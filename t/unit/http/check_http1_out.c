/*
 * check_http1_out.c: composed text, limits at every capacity, and that no control gets into a
 * field.
 */
#include "unit/unit.h"

#include "proto/http1_head.h"
#include "proto/http1_out.h"

static void compose(struct http_out *o)
{
	http_out_status(o, 429);
	http_out_field(o, STR("Content-Type"), STR("application/json; charset=utf-8"));
	http_out_field(o, STR("X"), STR(""));
	http_out_field_u64(o, STR("Content-Length"), 1234567890123456789u);
	http_out_lit(o, "A: ");
	http_out_u64(o, 0);
	http_out_lit(o, "\r\n");
	http_out_end(o);
}

static const char whole[] = "HTTP/1.1 429 Too Many Requests\r\n"
			    "Content-Type: application/json; charset=utf-8\r\n"
			    "X: \r\nContent-Length: 1234567890123456789\r\nA: 0\r\n\r\n";

START_TEST(every_capacity)
{
	for (size_t cap = 0; cap < sizeof(whole) + 2; cap++) {
		char *buf = malloc(cap != 0 ? cap : 1);
		struct http_out o;

		http_out_init(&o, buf, cap);
		compose(&o);
		ck_assert_uint_le(o.n, cap);
		ck_assert_msg(http_out_ok(&o) == (cap >= sizeof(whole) - 1), "capacity %zu", cap);
		ck_assert(!o.bad);
		if (http_out_ok(&o))
			UNIT_STR_EQ(http_out_text(&o), str_z(whole));
		free(buf);
	}
}
END_TEST

/* Each control but HTAB at each place of values around the eight-byte steps. */
START_TEST(controls)
{
	char text[32], out[128];
	struct http_out o;

	for (size_t n = 1; n < 27; n++) {
		for (size_t at = 0; at < n; at++) {
			for (int c = 0; c < 0x20; c++) {
				struct str s = str_mk(text, n);

				memset(text, 'v', sizeof(text));
				text[n] = '\n'; /* just behind: must not be looked at */
				text[at] = (char)c;
				http_out_init(&o, out, sizeof(out));
				http_out_field(&o, STR("Name"), s);
				ck_assert_msg(o.bad == (c != '\t'), "%#x at %zu of %zu", c, at, n);
				ck_assert_uint_eq(o.n, o.bad ? 0 : n + 8);
				http_out_init(&o, out, sizeof(out));
				http_out_field(&o, s, STR("value"));
				ck_assert(o.bad == (c != '\t'));
			}
		}
	}
	http_out_init(&o, out, sizeof(out));
	http_out_field(&o, STR("X"), STR("\xc3\xa9 \xff\x80 \x7e long enough"));
	ck_assert(http_out_ok(&o));
	http_out_field(&o, STR(""), STR("x"));
	ck_assert(o.bad && !o.overflow);
}
END_TEST

/* Every status line composed here is one the parser reads back. */
START_TEST(statuses)
{
	for (unsigned status = 100; status < 600; status++) {
		struct http_head h;
		struct http_out o;
		enum http_error e;
		char buf[128];

		http_out_init(&o, buf, sizeof(buf));
		http_out_status(&o, status);
		http_out_end(&o);
		ck_assert(http_out_ok(&o));
		ck_assert_int_eq(http1_response_parse(buf, o.n, HTTP_M_GET, &h, &e), 0);
		ck_assert_int_eq(h.status, status);
		UNIT_STR_EQ(http_method_text(&h), http_reason(status));
	}
	UNIT_STR_EQ(http_reason(529), STR("Overloaded"));
	UNIT_STR_EQ(http_reason(599), STR(""));
	for (unsigned e = 1; e < HTTP_E__MAX; e++)
		ck_assert_uint_gt(
			http_reason((unsigned)http_error_status((enum http_error)e)).n, 0);
}
END_TEST

START_TEST(segments)
{
	static const struct {
		const char *in, *keep, *out;
		bool cut;
	} rows[] = {
		{ "gpt-4o_mini.v1~x", "", "gpt-4o_mini.v1~x", false },
		{ "a b/c%:@", "", "a%20b%2Fc%25%3A%40", false },
		{ "tunedModels/x@2", "/@", "tunedModels/x@2", false },
		{ "\x01\xc3\xa9", "", "%01%C3%A9", false },
		{ "", "", "", false },
		{ "0123456789012345678901234567/", "", "", true },
	};
	char buf[30];
	struct http_out o;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		http_out_init(&o, buf, sizeof buf);
		http_out_segment(&o, str_z(rows[i].in), rows[i].keep);
		UNIT_STR_EQ(http_out_text(&o), str_z(rows[i].out));
		ck_assert_int_eq(o.overflow, rows[i].cut);
	}
}
END_TEST

START_TEST(numbers)
{
	static const struct {
		uint64_t v;
		const char *text;
	} rows[] = { { 0, "0" }, { 9, "9" }, { 10, "10" }, { UINT64_MAX, "18446744073709551615" } };
	struct http_out o;
	char buf[32];

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		http_out_init(&o, buf, sizeof(buf));
		http_out_u64(&o, rows[i].v);
		UNIT_STR_EQ(http_out_text(&o), str_z(rows[i].text));
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, every_capacity);
	tcase_add_test(tc, controls);
	tcase_add_test(tc, statuses);
	tcase_add_test(tc, segments);
	tcase_add_test(tc, numbers);
}

UNIT_MAIN("http1_out", tests)
