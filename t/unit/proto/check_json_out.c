/* check_json_out.c: commas, escapes, and the three ways to run: counting, dropping, flushing. */
#include "proto/json_out.h"
#include "proto/json_tree.h"
#include "unit/unit.h"

#define WHOLE                                                                                 \
	"{\"a\":[1,-2,true,null,{},[]],\"s\":\"x\\ny\",\"t\":\"q\\\"\xc3\xa4\\u0001\","       \
	"\"j\":\"{\\\"k\\\":\\\"a\\\\nb\\\"\\n}\",\"p\":\"ab\\tc\",\"r\":{\"x\":1.50},\"u\":" \
	"18446744073709551615,"                                                               \
	"\"b\":false,\"empty\":\"\",\"low\":-9223372036854775808}"

static void write_whole(struct json_out *o)
{
	jo_obj(o);
	jo_key(o, "a");
	jo_arr(o);
	jo_u64(o, 1);
	jo_i64(o, -2);
	jo_bool(o, true);
	jo_null(o);
	jo_obj(o);
	jo_obj_end(o);
	jo_arr(o);
	jo_arr_end(o);
	jo_arr_end(o);
	jo_m_jstr(o, "s", STR("x\\ny"));
	jo_m_jstr(o, "absent", STR_NONE);
	jo_m_raw(o, "absent", STR_NONE);
	jo_m_text(o, "t", STR("q\"\xc3\xa4\x01"));
	jo_key(o, "j");
	jo_quote_jstr(o, STR("{\"k\":\"a\\nb\"\n}"));
	jo_key(o, "p");
	jo_str_begin(o);
	jo_piece(o, STR("a"));
	jo_piece_text(o, STR("b\tc"));
	jo_str_end(o);
	jo_m_raw(o, "r", STR("{\"x\":1.50}"));
	jo_m_u64(o, "u", UINT64_MAX);
	jo_m_bool(o, "b", false);
	jo_m_jstr(o, "empty", STR(""));
	jo_key(o, "low");
	jo_i64(o, INT64_MIN);
	jo_obj_end(o);
}

START_TEST(whole)
{
	char buf[sizeof WHOLE];
	struct json_out o, count;

	jo_init(&count, NULL, 0);
	write_whole(&count);
	ck_assert_uint_eq(count.n, sizeof WHOLE - 1);
	jo_init(&o, buf, count.n);
	write_whole(&o);
	ck_assert(!o.full);
	UNIT_STR_EQ(str_mk(o.p, o.n), STR(WHOLE));
}
END_TEST

START_TEST(full)
{
	for (size_t cap = 0; cap < sizeof WHOLE - 1; cap++) {
		char *buf = malloc(cap + 1);
		struct json_out o;

		jo_init(&o, buf, cap);
		write_whole(&o);
		ck_assert(o.full);
		ck_assert_uint_eq(o.n, cap);
		UNIT_STR_EQ(str_mk(o.p, o.n), str_mk(WHOLE, cap));
		free(buf);
	}
}
END_TEST

struct gathered {
	char p[2 * sizeof WHOLE];
	size_t n;
	int left; /* flushes until it fails */
};

static int gather(struct json_out *o)
{
	struct gathered *g = o->arg;

	if (g->left-- == 0)
		return -1;
	memcpy(g->p + g->n, o->p, o->n);
	g->n += o->n;
	o->n = 0;
	return 0;
}

START_TEST(flushed)
{
	for (size_t cap = 1; cap < sizeof WHOLE; cap++) {
		struct gathered g = { .left = 1 << 20 };
		char *buf = malloc(cap);
		struct json_out o;

		jo_init(&o, buf, cap);
		o.flush = gather;
		o.arg = &g;
		write_whole(&o);
		ck_assert(!o.full && gather(&o) == 0);
		UNIT_STR_EQ(str_mk(g.p, g.n), STR(WHOLE));
		free(buf);
	}
}
END_TEST

START_TEST(flush_fails)
{
	struct gathered g = { .left = 2 };
	char buf[16];
	struct json_out o;

	jo_init(&o, buf, sizeof buf);
	o.flush = gather;
	o.arg = &g;
	write_whole(&o);
	ck_assert(o.full);
	UNIT_STR_EQ(str_mk(g.p, g.n), str_mk(WHOLE, 32));
}
END_TEST

START_TEST(framing)
{
	char buf[64];
	struct json_out o;

	jo_init(&o, buf, sizeof buf);
	for (int i = 0; i < 2; i++) {
		jo_lit(&o, "data: ");
		jo_arr(&o);
		jo_arr_end(&o);
		jo_lit(&o, "\n\n");
	}
	UNIT_STR_EQ(str_mk(o.p, o.n), STR("data: []\n\ndata: []\n\n"));
}
END_TEST

/* Long texts are quoted in parts: none of them cuts a character in two. */
START_TEST(long_texts)
{
	for (size_t lead = 0; lead < 300; lead++) {
		char text[400], buf[1200];
		struct json_out o;
		struct str back;

		memset(text, 'x', lead);
		memcpy(text + lead, "\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa4", 9);
		memset(text + lead + 9, '\n', 80);
		jo_init(&o, buf, sizeof buf);
		jo_text(&o, str_mk(text, lead + 89));
		ck_assert_int_eq(
			json_decode_text(str_mk(o.p + 1, o.n - 2), text, sizeof text, &back), 0);
		UNIT_STR_EQ(back, str_mk(text, lead + 89));
		ck_assert(memcmp(text + lead, "\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa4", 9) == 0);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, whole);
	tcase_add_test(tc, full);
	tcase_add_test(tc, flushed);
	tcase_add_test(tc, flush_fails);
	tcase_add_test(tc, framing);
	tcase_add_test(tc, long_texts);
}

UNIT_MAIN("json_out", tests)
