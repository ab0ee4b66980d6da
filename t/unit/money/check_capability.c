/*
 * check_capability.c: words of capabilities, and whose word counts.
 */
#include "unit/unit.h"

#include "base/defs.h"
#include "money/capability.h"

START_TEST(words)
{
	for (unsigned i = 0; i < CAPABILITY__MAX; i++) {
		enum capability c = (enum capability)i;

		ck_assert_int_eq(capability_of(str_z(capability_word(c))), c);
		ck_assert_str_eq(capability_words[i], capability_word(c));
		ck_assert_ptr_nonnull(strstr(capability_litellm(c), "supports_"));
		ck_assert_uint_gt(strlen(capability_needed_by(c)), 3);
	}
	ck_assert_ptr_null(capability_words[CAPABILITY__MAX]);
	ck_assert_int_eq(capability_of(STR("visio")), CAPABILITY__MAX);
	ck_assert_int_eq(capability_of(STR_NONE), CAPABILITY__MAX);
}
END_TEST

static const struct {
	struct capabilities own, base, want;
} rows[] = {
	{ { 0, 0 }, { 0, 0 }, { 0, 0 } },
	{ { 0, 0 }, { 1, 2 }, { 1, 2 } },
	{ { 2, 1 }, { 1, 2 }, { 2, 1 } },
	{ { 4, 0 }, { 1, 6 }, { 5, 2 } },
	{ { 0, 4 }, { 5, 2 }, { 1, 6 } },
};

START_TEST(over)
{
	struct capabilities c = capability_over(rows[_i].own, rows[_i].base);

	ck_assert_uint_eq(c.can, rows[_i].want.can);
	ck_assert_uint_eq(c.cannot, rows[_i].want.cannot);
	capability_say(&c, CAPABILITY_TOOLS, true);
	ck_assert_uint_eq(c.can, rows[_i].want.can | 2u);
	ck_assert_uint_eq(c.cannot, rows[_i].want.cannot & ~2u);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, words);
	tcase_add_loop_test(tc, over, 0, TG_ARRAY_LEN(rows));
}

UNIT_MAIN("capability", tests)
