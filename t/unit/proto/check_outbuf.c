/* outbuf.c: growth across its borders, JSON quoting, and the maximum. */
#include "unit/unit.h"
#include "proto/outbuf.h"

#include <stdio.h>

START_TEST(printf_grows_exactly)
{
	struct outbuf b;
	size_t want = 0;

	outbuf_init(&b);
	/* every length around the doublings, so that the NUL of vsnprintf falls on each side of a
	 * border */
	for (int len = 0; len < 600; len++) {
		outbuf_printf(&b, "%0*d", len + 1, 7);
		want += (size_t)len + 1;
		ck_assert_uint_eq(b.n, want);
		ck_assert_int_eq(b.p[b.n - 1], '7');
	}
	outbuf_printf(&b, "%0*d", 100000, 8);
	ck_assert_uint_eq(b.n, want + 100000);
	ck_assert_int_eq(b.p[b.n - 1], '8');
	ck_assert_int_eq(b.p[want - 1], '7');
	ck_assert(!b.full);
	outbuf_fini(&b);
	ck_assert_uint_eq(b.n, 0);
}
END_TEST

START_TEST(json_strings)
{
	struct outbuf b;

	outbuf_init(&b);
	outbuf_json(&b, STR("a\"b\\c\n\x01"));
	outbuf_put(&b, STR_NONE);
	outbuf_json(&b, STR_NONE);
	UNIT_STR_EQ(outbuf_text(&b), STR("\"a\\\"b\\\\c\\n\\u0001\"\"\""));
	outbuf_fini(&b);
}
END_TEST

START_TEST(full_is_full)
{
	static char block[1024 * 1024];
	struct outbuf b;

	outbuf_init(&b);
	memset(block, 'x', sizeof block);
	for (int i = 0; i < 64; i++)
		outbuf_put(&b, str_mk(block, sizeof block));
	ck_assert(!b.full);
	ck_assert_uint_eq(b.n, OUTBUF_MAX);
	outbuf_lit(&b, "y");
	ck_assert(b.full);
	ck_assert_uint_eq(b.n, OUTBUF_MAX);
	outbuf_printf(&b, "z");
	outbuf_json(&b, STR("z"));
	ck_assert_uint_eq(b.n, OUTBUF_MAX);
	outbuf_fini(&b);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, printf_grows_exactly);
	tcase_add_test(tc, json_strings);
	tcase_add_test(tc, full_is_full);
}

UNIT_MAIN("outbuf", tests)
