/*
 * check_variants.c: the short form of ./dev model: every variant that takes a moment, all mutations
 * among them, says what the table expects.
 */
#include <stdio.h>

#include "model/search.h"
#include "model/table.h"
#include "unit/unit.h"

enum { STATES_MAX = 1000000 };

START_TEST(a_quick_variant_says_what_is_expected)
{
	const struct variant *v = &model_table[_i];
	struct search_result result;

	if (!v->quick)
		return;
	ck_assert_int_eq(search_run(v, STATES_MAX, true, &result), 0);
	ck_assert_msg(result.verdict == v->expected, "%s (%s): %s, not %s: %s\n%s", v->name,
		v->what, verdict_name(result.verdict), verdict_name(v->expected),
		result.why ? result.why : "", result.trace ? result.trace : "");
	search_result_fini(&result);
}
END_TEST

/* Only what is large may be left to ./dev model: something that holds. */
START_TEST(every_mutation_is_quick)
{
	for (size_t i = 0; i < model_table_len; i++) {
		const struct variant *v = &model_table[i];

		ck_assert_msg(v->quick || v->expected == VERDICT_HOLDS,
			"%s fails and is not part of the short form", v->name);
		ck_assert_msg(!v->mutation || v->expected == VERDICT_FAILS,
			"%s is a mutation that holds", v->name);
		ck_assert_ptr_eq(model_table_find(v->name), v);
	}
	ck_assert_ptr_null(model_table_find("no such variant"));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, a_quick_variant_says_what_is_expected, 0, (int)model_table_len);
	tcase_add_test(tc, every_mutation_is_quick);
}

UNIT_MAIN("variants", tests)
