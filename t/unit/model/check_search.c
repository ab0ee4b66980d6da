/*
 * check_search.c: the search itself, on a system whose states can be counted by hand: two jugs of 5
 * and 3 litres, filled, emptied and poured into each other. 16 states can be reached, and 4 litres
 * takes six steps.
 */
#include "model/search.h"

#include <stdio.h>

#include "model/store.h"
#include "unit/unit.h"

enum {
	BIG = 5,
	SMALL = 3,
	STATES = 16, /* every pair with one jug full or empty: 2 * 6 + 2 * 4 - 4 */
	STEPS_TO_FOUR = 6
};

struct jugs {
	uint8_t big, small;
};

static void jugs_init(const struct variant *v, void *state)
{
	(void)v;
	*(struct jugs *)state = (struct jugs){ 0, 0 };
}

static void jugs_next(const struct variant *v, const void *state, struct search *search)
{
	const struct jugs *at = state;
	uint8_t to_big = (uint8_t)TG_MIN(at->small, BIG - at->big),
		to_small = (uint8_t)TG_MIN(at->big, SMALL - at->small);
	const struct jugs all[] = { { BIG, at->small }, { at->big, SMALL }, { 0, at->small },
		{ at->big, 0 }, { at->big + to_big, at->small - to_big },
		{ at->big - to_small, at->small + to_small } };

	(void)v;
	for (uint8_t i = 0; i < TG_ARRAY_LEN(all); i++)
		search_emit(search, &all[i], (struct model_step){ i, 0, 0 });
}

static const char *jugs_broken(const struct variant *v, const void *state)
{
	return ((const struct jugs *)state)->big == v->limit
		       ? "the big jug has as much as is looked for"
		       : NULL;
}

static bool jugs_used(const struct variant *v, const void *state)
{
	return ((const struct jugs *)state)->small == v->accounts;
}

static void jugs_say_step(
	const struct variant *v, const void *from, struct model_step step, char *text, size_t size)
{
	static const char *const words[] = { "fill big", "fill small", "empty big", "empty small",
		"to big", "to small" };

	(void)v, (void)from;
	snprintf(text, size, "%s", words[step.kind]);
}

static void jugs_say_state(const struct variant *v, const void *state, char *text, size_t size)
{
	const struct jugs *at = state;

	(void)v;
	snprintf(text, size, "%d %d", at->big, at->small);
}

static const struct model jugs = {
	.name = "jugs",
	.state_bytes = sizeof(struct jugs),
	.init = jugs_init,
	.next = jugs_next,
	.broken = jugs_broken,
	.used = jugs_used,
	.say_step = jugs_say_step,
	.say_state = jugs_say_state,
};

/* What the big jug must never have, what the small one must have once; no jug ever has 9. */
static struct variant jugs_variant(uint8_t never, uint8_t once)
{
	return (struct variant){ .name = "jugs", .model = &jugs, .limit = never, .accounts = once };
}

START_TEST(every_state_is_met_once)
{
	struct variant v = jugs_variant(9, 2);
	struct search_result result;

	ck_assert_int_eq(search_run(&v, 1000, true, &result), 0);
	ck_assert_int_eq(result.verdict, VERDICT_HOLDS);
	ck_assert_uint_eq(result.states, STATES);
	ck_assert_ptr_null(result.why);
	ck_assert_ptr_null(result.trace);
	search_result_fini(&result);
}
END_TEST

START_TEST(the_counter_example_is_the_shortest)
{
	struct variant v = jugs_variant(4, 2);
	struct search_result result;

	ck_assert_int_eq(search_run(&v, 1000, true, &result), 0);
	ck_assert_int_eq(result.verdict, VERDICT_FAILS);
	ck_assert_uint_eq(result.steps, STEPS_TO_FOUR);
	ck_assert_str_eq(result.trace, "  0. at the start\n        0 0\n"
				       "  1. fill big\n        5 0\n"
				       "  2. to small\n        2 3\n"
				       "  3. empty small\n        2 0\n"
				       "  4. to small\n        0 2\n"
				       "  5. fill big\n        5 2\n"
				       "  6. to small\n        4 3\n"
				       "     BROKEN: the big jug has as much as is looked for\n");
	search_result_fini(&result);
}
END_TEST

START_TEST(a_broken_first_state_is_noticed)
{
	struct variant v = jugs_variant(0, 2);
	struct search_result result;

	ck_assert_int_eq(search_run(&v, 1000, false, &result), 0);
	ck_assert_int_eq(result.verdict, VERDICT_FAILS);
	ck_assert_uint_eq(result.steps, 0);
	ck_assert_uint_eq(result.states, 1);
	search_result_fini(&result);
}
END_TEST

START_TEST(a_model_that_never_gets_there_proves_nothing)
{
	struct variant v = jugs_variant(9, 9);
	struct search_result result;

	ck_assert_int_eq(search_run(&v, 1000, false, &result), 0);
	ck_assert_int_eq(result.verdict, VERDICT_IDLE);
	search_result_fini(&result);
}
END_TEST

START_TEST(too_many_states_are_no_proof)
{
	struct search_result result;

	for (uint32_t max = 1; max <= STATES + 1; max++) {
		struct variant v = jugs_variant(9, 2);
		int rc = search_run(&v, max, false, &result);

		ck_assert_int_eq(rc, max < STATES ? -1 : 0);
		ck_assert_int_eq(result.verdict, max < STATES ? VERDICT_UNFINISHED : VERDICT_HOLDS);
		ck_assert_uint_eq(result.states, TG_MIN(max, STATES));
		search_result_fini(&result);
	}
}
END_TEST

/* Through several doublings: each state is known by its number, and comes back as it was put in. */
START_TEST(the_store_keeps_what_it_grows_over)
{
	enum { N = 20000, WIDTH = 5 };
	struct store s;
	uint8_t state[WIDTH], back[WIDTH];
	uint32_t number;

	ck_assert_int_eq(store_init(&s, WIDTH, N), 0);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < N; i++) {
			for (int k = 0; k < WIDTH; k++)
				state[k] = i >> (4 * k) & 15;
			ck_assert_int_eq(store_add(&s, state, WIDTH, i / 2, &number),
				round ? STORE_KNOWN : STORE_NEW);
			ck_assert_uint_eq(number, i);
			store_get(&s, i, back, WIDTH);
			ck_assert_mem_eq(back, state, WIDTH);
			ck_assert_uint_eq(s.parents[i], i / 2);
		}
	}
	state[WIDTH - 1] = 15;
	ck_assert_int_eq(store_add(&s, state, WIDTH, 0, &number), STORE_FULL);
	store_fini(&s);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, every_state_is_met_once);
	tcase_add_test(tc, the_counter_example_is_the_shortest);
	tcase_add_test(tc, a_broken_first_state_is_noticed);
	tcase_add_test(tc, a_model_that_never_gets_there_proves_nothing);
	tcase_add_test(tc, too_many_states_are_no_proof);
	tcase_add_test(tc, the_store_keeps_what_it_grows_over);
}

UNIT_MAIN("search", tests)
