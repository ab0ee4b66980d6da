/*
 * check_map.c: many keys through several growths, keys that are prefixes of others, refusal of a
 * second value.
 */
#include "base/map.h"

#include <stdio.h>

#include "unit/unit.h"

#define KEYS 5000

START_TEST(empty)
{
	struct map m;

	map_init(&m);
	ck_assert_ptr_null(map_get(&m, STR("a")));
	ck_assert_ptr_null(map_get(&m, STR_NONE));
	map_fini(&m);
	map_fini(&m);
}
END_TEST

START_TEST(first_value_stays)
{
	struct map m;
	int a, b;

	map_init(&m);
	ck_assert(map_put(&m, STR("key"), &a));
	ck_assert(!map_put(&m, STR("key"), &b));
	ck_assert_ptr_eq(map_get(&m, STR("key")), &a);
	ck_assert_uint_eq(m.n, 1);
	ck_assert(map_put(&m, STR(""), &b));
	ck_assert_ptr_eq(map_get(&m, STR_NONE), &b);
	ck_assert(!map_put(&m, STR_NONE, &a));
	ck_assert(map_put(&m, STR("null"), NULL));
	ck_assert(!map_put(&m, STR("null"), &a));
	map_fini(&m);
}
END_TEST

START_TEST(many)
{
	static char names[KEYS][12];
	struct map m;

	map_init(&m);
	for (int i = 0; i < KEYS; i++) {
		sprintf(names[i], "%d", i);
		ck_assert(map_put(&m, str_z(names[i]), names[i]));
		ck_assert_ptr_null(map_get(&m, STR("absent"))); /* ends at a free slot, always */
	}
	ck_assert_uint_eq(m.n, KEYS);
	for (int i = 0; i < KEYS; i++) {
		char *key = unit_copy(names[i], strlen(names[i]));

		ck_assert_ptr_eq(map_get(&m, str_mk(key, strlen(names[i]))), names[i]);
		ck_assert(!map_put(&m, str_z(names[i]), NULL));
		free(key);
	}
	ck_assert_ptr_null(map_get(&m, STR("5000")));
	ck_assert_ptr_null(map_get(&m, STR("00")));
	ck_assert_ptr_null(map_get(&m, STR("")));
	map_fini(&m);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, empty);
	tcase_add_test(tc, first_value_stays);
	tcase_add_test(tc, many);
}

UNIT_MAIN("map", tests)
