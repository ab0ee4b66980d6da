/*
 * unit.h: what every unit test shares: a main() around libcheck, and feeding an input in two parts,
 * split at every position.
 */
#ifndef TG_UNIT_H
#define TG_UNIT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* Shared machines are slow at times: a test that hangs is what the limit is for. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNIT_TIMEOUT_S 300
#else
#define UNIT_TIMEOUT_S 60
#endif

/* main() for a test program: `static void tests(TCase *tc)` adds its tests. CK_* variables work. */
#define UNIT_MAIN(name, tests)                 \
	int main(void)                         \
	{                                      \
		return unit_main(name, tests); \
	}

static inline int unit_main(const char *name, void (*add_tests)(TCase *))
{
	Suite *suite = suite_create(name);
	TCase *tc = tcase_create(name);
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, UNIT_TIMEOUT_S);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A copy in memory of exactly n bytes, so that AddressSanitizer sees a read past them. To be freed.
 */
static inline char *unit_copy(const char *in, size_t n)
{
	char *p = malloc(n);

	ck_assert(p != NULL || n == 0);
	if (n > 0)
		memcpy(p, in, n);
	return p;
}

/* Calls run once for each way to cut `in` into two parts, either of which may be empty. */
static inline void unit_split(const char *in, size_t n,
	void (*run)(const char *a, size_t an, const char *b, size_t bn, void *arg), void *arg)
{
	for (size_t at = 0; at <= n; at++) {
		char *a = unit_copy(in, at), *b = unit_copy(in + at, n - at);

		run(a, at, b, n - at, arg);
		free(a);
		free(b);
	}
}

/* got is exactly the text want. */
#define UNIT_STR_EQ(got, want)                                                              \
	do {                                                                                \
		struct str unit_g = (got), unit_w = (want);                                 \
		ck_assert_msg(str_eq(unit_g, unit_w), "%s is \"%.*s\", not \"%.*s\"", #got, \
			STR_FMT(unit_g), STR_FMT(unit_w));                                  \
	} while (0)

#endif
