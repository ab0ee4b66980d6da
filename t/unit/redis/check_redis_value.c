/*
 * check_redis_value.c: numbers, errors and items of replies.
 */
#include "redis/redis_value.h"
#include "unit/unit.h"

static struct redis_value text_of(enum redis_kind kind, const char *text)
{
	return (struct redis_value){ .kind = kind, .text = str_z(text) };
}

START_TEST(numbers)
{
	static const struct {
		enum redis_kind kind;
		const char *text;
		int rc;
		int64_t want;
	} rows[] = {
		{ REDIS_STRING, "0", 0, 0 },
		{ REDIS_STRING, "-17", 0, -17 },
		{ REDIS_STRING, "9007199254740991", 0, INT64_C(9007199254740991) },
		{ REDIS_STRING, "9223372036854775808", -1, 0 },
		{ REDIS_STRING, "1.0", -1, 0 },
		{ REDIS_STRING, "", -1, 0 },
		{ REDIS_STATUS, "1", -1, 0 },
		{ REDIS_ERROR, "1", -1, 0 },
		{ REDIS_NIL, "", -1, 0 },
	};
	struct redis_value v = { .kind = REDIS_INT, .number = INT64_MIN };
	int64_t got = 1;

	ck_assert_int_eq(redis_value_i64(&v, &got), 0);
	ck_assert_int_eq(got, INT64_MIN);
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		v = text_of(rows[i].kind, rows[i].text);
		ck_assert_int_eq(redis_value_i64(&v, &got), rows[i].rc);
		if (rows[i].rc == 0)
			ck_assert_int_eq(got, rows[i].want);
	}
}
END_TEST

START_TEST(errors)
{
	struct redis_value v = text_of(REDIS_ERROR, "MOVED 1 127.0.0.1:7000");

	ck_assert(redis_value_is_error(&v, STR("MOVED")));
	ck_assert(!redis_value_is_error(&v, STR("MOVE")));
	ck_assert(!redis_value_is_error(&v, STR("MOVED 1 127.0.0.1:7000 ")));
	v = text_of(REDIS_ERROR, "LOADING");
	ck_assert(redis_value_is_error(&v, STR("LOADING")));
	v.kind = REDIS_STRING;
	ck_assert(!redis_value_is_error(&v, STR("LOADING")));
}
END_TEST

START_TEST(items)
{
	struct redis_value in[2] = { { .kind = REDIS_INT, .number = 5 },
		text_of(REDIS_STRING, "x") };
	struct redis_value v = { .kind = REDIS_ARRAY, .n_items = 2, .items = in };

	ck_assert_ptr_eq(redis_value_at(&v, 1), &in[1]);
	ck_assert_int_eq(redis_value_at(&v, 2)->kind, REDIS_NIL);
	ck_assert_int_eq(redis_value_at(redis_value_at(&v, 0), 0)->kind, REDIS_NIL);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, errors);
	tcase_add_test(tc, items);
}

UNIT_MAIN("redis_value", tests)
