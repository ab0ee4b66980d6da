/*
 * check_quota_lua.c: the text inside the program is src/quota/lua/quota.lua, byte by byte, and what
 * EVAL takes of it begins after the line that EVAL does not know. What it does:
 * t/e2e/test_quota_lua.py.
 */
#include "unit/unit.h"

#include "quota/quota_lua.h"

#include <stdio.h>

START_TEST(is_the_file)
{
	const char *root = getenv("TG_SRCDIR");
	struct str text = quota_lua_text();
	char path[4096], *file = malloc(text.n + 1);
	size_t n;
	FILE *in;

	snprintf(path, sizeof path, "%s/src/quota/lua/quota.lua", root ? root : ".");
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "%s is not there; TG_SRCDIR names the source's folder", path);
	n = fread(file, 1, text.n + 1, in);
	fclose(in);
	ck_assert_uint_eq(n, text.n);
	ck_assert(memcmp(file, text.p, n) == 0);
	ck_assert_int_eq(text.p[n], '\0');
	free(file);
}
END_TEST

START_TEST(without_the_first_line)
{
	static const char first[] = "#!lua name=tgq\n";
	struct str text = quota_lua_text(), eval = quota_lua_eval_text();

	ck_assert(strncmp(text.p, first, sizeof first - 1) == 0);
	ck_assert_ptr_eq(eval.p, text.p + sizeof first - 1);
	ck_assert_ptr_eq(eval.p + eval.n, text.p + text.n);
	ck_assert_int_eq(eval.p[0], '-');
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, is_the_file);
	tcase_add_test(tc, without_the_first_line);
}

UNIT_MAIN("quota_lua", tests)
