/* check_json_tap.c: members found in any split, nested and in lists; and what is not JSON. */
#include <stdio.h>

#include "proto/json_tap.h"
#include "unit/unit.h"

static const struct str keys[] = { STR("model"), STR("usage"), STR("body"), STR("list") };

struct taps {
	struct json_tap top, body, list;
	char top_buf[64], body_buf[32], list_buf[16];
	char seen[64];
};

static void on_elem(struct json_tap *t)
{
	struct taps *all = TG_CONTAINER_OF(t, struct taps, list);
	struct json_val v = json_tap_get(t, 0);

	strncat(all->seen, v.type == JSON_STRING ? v.raw.p : "-",
		v.type == JSON_STRING ? v.raw.n : 1);
}

static void taps_init(struct taps *t)
{
	memset(t, 0, sizeof *t);
	json_tap_init(&t->list, keys, 1, t->list_buf, sizeof t->list_buf);
	json_tap_each(&t->list, on_elem);
	json_tap_init(&t->body, keys, 2, t->body_buf, sizeof t->body_buf);
	json_tap_init(&t->top, keys, 4, t->top_buf, sizeof t->top_buf);
	json_tap_nest(&t->top, 2, &t->body);
	json_tap_nest(&t->top, 3, &t->list);
}

struct example {
	const char *text, *model, *usage, *body_model, *seen; /* NULL: absent */
	bool bad, done;
};

static const struct example examples[] = {
	{ "{\"model\":\"m\",\"usage\":{\"a\":[1,{\"b\":\"}\"}]}}", "\"m\"",
		"{\"a\":[1,{\"b\":\"}\"}]}", NULL, "", false, true },
	{ "\r\n \t{ \"usage\" : 12 , \"model\" : null }x", "null", "12", NULL, "", false, true },
	{ "{\"x\":{\"model\":1},\"y\":[{\"model\":2}],\"z\":\"\\\"model\\\":3\",\"model\":true}",
		"true", NULL, NULL, "", false, true },
	{ "{\"model\":1,\"model\":2}", "2", NULL, NULL, "", false, true },
	{ "{\"mod\\u0065l\":1,\"models\":2,\"mode\":3}", NULL, NULL, NULL, "", false, true },
	{ "{\"\":1,\"a very long key, longer than any that is watched\":2,\"usage\":-1.5e3}", NULL,
		"-1.5e3", NULL, "", false, true },
	{ "{\"model\":\"0123456789012345678901234567890123456789012345678901234567890123456789\","
	  "\"usage\":{}}",
		NULL, "{}", NULL, "", false, true }, /* too large: the room goes to the next one */
	{ "{\"body\":{\"x\":[1],\"model\":\"in\"},\"model\":\"out\"}", "\"out\"", NULL, "\"in\"",
		"", false, true },
	{ "{\"body\":{\"model\":\"in\"},\"body\":null}", NULL, NULL, NULL, "", false, true },
	{ "{\"list\":[{\"model\":\"a\"}, 1,\"x\" "
	  ",[{\"model\":\"n\"}],{},{\"y\":[{}],\"model\":\"b\"}],\"model\":1}",
		"1", NULL, NULL, "\"a\"-\"b\"", false, true },
	{ "{\"list\":[ ],\"usage\":[]}", NULL, "[]", NULL, "", false, true },
	{ "{\"usage\":{\"a\":1},\"model\":", NULL, "{\"a\":1}", NULL, "", false, false },
	{ "{\"usage\":{\"a\":1", NULL, NULL, NULL, "", false, false },
	{ "{\"model\":12", NULL, NULL, NULL, "", false, false }, /* may go on */
	{ "", NULL, NULL, NULL, "", false, false },
	{ "[{\"model\":1}]", NULL, NULL, NULL, "", true, false },
	{ "[DONE]", NULL, NULL, NULL, "", true, false },
	{ "{\"model\":1 \"usage\":2}", "1", NULL, NULL, "", true, false },
	{ "{model:1}", NULL, NULL, NULL, "", true, false },
	{ "{\"model\":}", NULL, NULL, NULL, "", true, false },
};

static void check_val(const struct json_tap *t, size_t i, const char *want, const char *text)
{
	struct json_val v = json_tap_get(t, i);

	ck_assert_msg((v.type != JSON_NONE) == (want != NULL), "%s: key %zu has type %d", text, i,
		v.type);
	if (want != NULL)
		UNIT_STR_EQ(v.raw, str_z(want));
}

static void check(const struct example *e, const struct taps *t)
{
	check_val(&t->top, 0, e->model, e->text);
	check_val(&t->top, 1, e->usage, e->text);
	check_val(&t->body, 0, e->body_model, e->text);
	ck_assert_str_eq(t->seen, e->seen);
	ck_assert_msg(t->top.bad == e->bad && json_tap_done(&t->top) == e->done, "%s: bad %d",
		e->text, t->top.bad);
}

static void run(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	struct taps t;

	taps_init(&t);
	json_tap_feed(&t.top, str_mk(a, an));
	json_tap_feed(&t.top, str_mk(b, bn));
	check(arg, &t);
}

START_TEST(test_examples)
{
	const struct example *e = &examples[_i];
	struct taps t;

	unit_split(e->text, strlen(e->text), run, (void *)(uintptr_t)e);
	taps_init(&t);
	for (const char *p = e->text; *p != '\0'; p++)
		json_tap_feed(&t.top, str_mk(p, 1));
	check(e, &t);
	/* After a reset nothing is left of it. */
	json_tap_reset(&t.top);
	t.seen[0] = '\0';
	json_tap_feed(&t.top, STR("{\"model\":\"again\"}"));
	check(&(struct example){ "again", "\"again\"", NULL, NULL, "", false, true }, &t);
}
END_TEST

START_TEST(test_deep)
{
	struct taps t;

	for (int depth = JSON_TAP_MAX_NEST; depth <= JSON_TAP_MAX_NEST + 1; depth++) {
		taps_init(&t);
		json_tap_feed(&t.top, STR("{\"x\":"));
		for (int i = 0; i < depth; i++)
			json_tap_feed(&t.top, STR("["));
		for (int i = 0; i < depth; i++)
			json_tap_feed(&t.top, STR("]"));
		json_tap_feed(&t.top, STR(",\"model\":1}"));
		ck_assert_int_eq(t.top.bad, depth > JSON_TAP_MAX_NEST);
		check_val(&t.top, 0, depth > JSON_TAP_MAX_NEST ? NULL : "1", "deep");
	}
}
END_TEST

/* The type is known of what was too large to keep, and of what was handed to an inner tap. */
START_TEST(test_type)
{
	struct taps t;

	taps_init(&t);
	json_tap_feed(&t.top,
		STR("{\"usage\":["
		    "\"0123456789012345678901234567890123456789012345678901234567890123456789\"],"
		    "\"body\":{},\"list\":null,"));
	ck_assert_int_eq(json_tap_type(&t.top, 1), JSON_ARRAY);
	ck_assert_int_eq(json_tap_get(&t.top, 1).type, JSON_NONE);
	ck_assert_int_eq(json_tap_type(&t.top, 2), JSON_OBJECT);
	ck_assert_int_eq(json_tap_type(&t.top, 3), JSON_NULL);
	ck_assert_int_eq(json_tap_type(&t.top, 0), JSON_NONE);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, test_examples, 0, (int)TG_ARRAY_LEN(examples));
	tcase_add_test(tc, test_deep);
	tcase_add_test(tc, test_type);
}

UNIT_MAIN("json_tap", tests)
