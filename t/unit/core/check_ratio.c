/*
 * check_ratio.c: one ratio for each provider and model, the same whoever asks and whenever, at an
 * address that stays; and one for requests that name no model.
 */
#include "unit/unit.h"

#include <pthread.h>
#include <stdio.h>

#include "core/ratio.h"

START_TEST(by_both_names)
{
	struct est_ratio *a = ratio_of(STR("openai"), STR("gpt-4o"));

	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(atomic_load(&a->n), 0);
	ck_assert_ptr_eq(ratio_of(STR("openai"), STR("gpt-4o")), a);
	ck_assert_ptr_ne(ratio_of(STR("azure"), STR("gpt-4o")), a);
	ck_assert_ptr_ne(ratio_of(STR("openai"), STR("gpt-4")), a);
	ck_assert_ptr_ne(ratio_of(STR("openaigpt"), STR("-4o")), a);
	ck_assert_ptr_ne(ratio_of(STR("openai"), STR("GPT-4o")), a);
	ck_assert_ptr_ne(ratio_of(STR("openai"), STR_NONE), a);
	ck_assert_ptr_eq(ratio_of(STR("openai"), STR_NONE), ratio_of(STR("openai"), STR_NONE));
}
END_TEST

/* The names are copied: a configuration goes, what was learned stays. */
START_TEST(outlives_its_names)
{
	char *provider = unit_copy("openai", 6), *model = unit_copy("gpt-4o-mini", 11);
	struct est_ratio *a = ratio_of(str_mk(provider, 6), str_mk(model, 11));

	est_learn(a, 4000, 2000, 0, 0);
	ck_assert_uint_eq(atomic_load(&a->n), 1);
	memset(provider, 'x', 6);
	memset(model, 'x', 11);
	free(provider);
	free(model);
	ck_assert_ptr_eq(ratio_of(STR("openai"), STR("gpt-4o-mini")), a);
	ck_assert_uint_eq(atomic_load(&a->n), 1);
}
END_TEST

START_TEST(without_a_model)
{
	struct est_ratio *none = ratio_of_none();

	ck_assert_ptr_nonnull(none);
	ck_assert_ptr_eq(ratio_of_none(), none);
	ck_assert_ptr_ne(ratio_of(STR_NONE, STR_NONE), none);
}
END_TEST

enum { N = 200, THREADS = 4 };
static struct est_ratio *seen[THREADS][N];

static void *ask(void *arg)
{
	struct est_ratio **to = arg;

	for (int i = 0; i < N; i++) {
		char name[16];

		snprintf(name, sizeof name, "m%d", i);
		to[i] = ratio_of(STR("p"), str_z(name));
	}
	return NULL;
}

START_TEST(from_several_threads)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, ask, seen[i]), 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	for (int m = 0; m < N; m++) {
		for (int i = 1; i < THREADS; i++)
			ck_assert_ptr_eq(seen[i][m], seen[0][m]);
		for (int other = 0; other < m; other++)
			ck_assert_ptr_ne(seen[0][other], seen[0][m]);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, by_both_names);
	tcase_add_test(tc, outlives_its_names);
	tcase_add_test(tc, without_a_model);
	tcase_add_test(tc, from_several_threads);
}

UNIT_MAIN("ratio", tests)
