/*
 * check_tags.c: attribution: what a client may write, that a key's tags win over its tenant's, and
 * that whatever is in a tag stays inside its JSON string.
 */
#include "unit/unit.h"

#include <stdio.h>

#include "core/tags.h"

static struct arena arena;

static void setup(void)
{
	arena_init(&arena, NULL, 0);
}

static void teardown(void)
{
	arena_fini(&arena);
}

static const struct {
	const char *text, *json; /* json NULL: refused, and bad is the part that is wrong */
	const char *bad;
} texts[] = {
	{ "team=a", "{\"team\":\"a\"}", NULL },
	{ "team=a,feature=b", "{\"team\":\"a\",\"feature\":\"b\"}", NULL },
	{ " team = a b ,\tfeature=b ", "{\"team\":\"a b\",\"feature\":\"b\"}", NULL },
	{ "team=a,,feature=b,", "{\"team\":\"a\",\"feature\":\"b\"}", NULL },
	{ "", "{}", NULL },
	{ " , ,", "{}", NULL },
	{ "a=b=c", "{\"a\":\"b=c\"}", NULL },
	{ "a.b-c_9=~!\"\\", "{\"a.b-c_9\":\"~!\\\"\\\\\"}", NULL },
	{ "0=0", "{\"0\":\"0\"}", NULL },
	{ "team", NULL, "team" },
	{ "team=", NULL, "team=" },
	{ "team= ", NULL, "team=" },
	{ "=a", NULL, "=a" },
	{ "Team=a", "{\"Team\":\"a\"}", NULL },
	{ "a=1,te am=a", NULL, "te am=a" },
	{ "a=1,a=2", NULL, "a=2" },
	{ "a=1,b=2,a=1", NULL, "a=1" },
	{ "team=\x01", NULL, "team=\x01" },
	{ "team=\x7f", NULL, "team=\x7f" },
	{ "team=caf\xc3\xa9", NULL, "team=caf\xc3\xa9" },
	{ "t\xc3\xa9=a", NULL, "t\xc3\xa9=a" },
	{ "a=1,\"b\"=2", NULL, "\"b\"=2" },
	{ "a/b=1", NULL, "a/b=1" },
};

START_TEST(parse)
{
	char *copy = unit_copy(texts[_i].text, strlen(texts[_i].text));
	struct str bad = STR_NONE;
	struct conf_tags out;
	int rc = tags_parse(&arena, str_mk(copy, strlen(texts[_i].text)), &out, &bad);

	ck_assert_msg((rc == 0) == (texts[_i].json != NULL), "\"%s\"", texts[_i].text);
	if (rc == 0)
		UNIT_STR_EQ(tags_json(&arena, &out), str_z(texts[_i].json));
	else
		UNIT_STR_EQ(bad, str_z(texts[_i].bad));
	free(copy);
}
END_TEST

/* The limits themselves pass; one more does not. */
static int parse_sizes(size_t name, size_t value)
{
	char text[1024], *p = text;
	struct conf_tags out;
	struct str bad;

	memset(p, 'n', name);
	p[name] = '=';
	memset(p + name + 1, 'v', value);
	return tags_parse(&arena, str_mk(text, name + 1 + value), &out, &bad);
}

START_TEST(sizes)
{
	ck_assert_int_eq(parse_sizes(64, 256), 0);
	ck_assert_int_eq(parse_sizes(65, 256), -1);
	ck_assert_int_eq(parse_sizes(64, 257), -1);
}
END_TEST

START_TEST(count)
{
	char text[1024] = "";
	struct conf_tags out;
	struct str bad;

	for (int i = 0; i < TAGS_MAX; i++)
		sprintf(text + strlen(text), "t%d=%d,", i, i);
	ck_assert_int_eq(tags_parse(&arena, str_z(text), &out, &bad), 0);
	ck_assert_uint_eq(out.n, TAGS_MAX);
	UNIT_STR_EQ(out.v[TAGS_MAX - 1].name, STR("t31"));
	strcat(text, "more=1");
	ck_assert_int_eq(tags_parse(&arena, str_z(text), &out, &bad), -1);
	UNIT_STR_EQ(bad, STR("more=1"));
}
END_TEST

static struct conf_tags parsed(const char *text)
{
	struct conf_tags out;
	struct str bad;

	ck_assert_int_eq(tags_parse(&arena, str_z(text), &out, &bad), 0);
	return out;
}

static const struct {
	const char *base, *over, *json;
} merges[] = {
	{ "", "", "{}" },
	{ "a=1", "", "{\"a\":\"1\"}" },
	{ "", "a=1", "{\"a\":\"1\"}" },
	{ "a=1,b=2", "c=3", "{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}" },
	{ "a=1,b=2", "a=9", "{\"b\":\"2\",\"a\":\"9\"}" },
	{ "a=1,b=2", "b=9,a=8", "{\"b\":\"9\",\"a\":\"8\"}" },
	{ "a=1", "aa=2", "{\"a\":\"1\",\"aa\":\"2\"}" },
};

START_TEST(merge)
{
	struct conf_tags base = parsed(merges[_i].base), over = parsed(merges[_i].over);
	struct conf_tags all = tags_merge(&arena, &base, &over);

	UNIT_STR_EQ(tags_json(&arena, &all), str_z(merges[_i].json));
	for (size_t i = 0; i < base.n; i++)
		ck_assert(tags_has(&all, base.v[i].name));
	ck_assert(!tags_has(&all, STR("")));
	ck_assert(!tags_has(&all, STR("A")));
}
END_TEST

/* What configuration allows in a value and JSON does not. */
START_TEST(json)
{
	struct conf_tag v[2] = { { STR("k\"ey"), STR("a\x01\n\"\\\xff") }, { STR("b"), STR("") } };
	struct conf_tags t = { v, 2 };

	UNIT_STR_EQ(tags_json(&arena, &t),
		STR("{\"k\\\"ey\":\"a\\u0001\\n\\\"\\\\\xef\xbf\xbd\",\"b\":\"\"}"));
}
END_TEST

/* No memory is an answer, not a crash. */
START_TEST(memory)
{
	struct conf_tags t = parsed("a=1"), out;
	struct arena none;
	struct str bad;

	arena_init(&none, NULL, 1);
	ck_assert_int_eq(tags_parse(&none, STR("a=1"), &out, &bad), -1);
	ck_assert_uint_eq(tags_json(&none, &t).n, 0);
	ck_assert_uint_eq(tags_merge(&none, &t, &t).n, 0);
	arena_fini(&none);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, parse, 0, sizeof texts / sizeof *texts);
	tcase_add_test(tc, sizes);
	tcase_add_test(tc, count);
	tcase_add_loop_test(tc, merge, 0, sizeof merges / sizeof *merges);
	tcase_add_test(tc, json);
	tcase_add_test(tc, memory);
}

UNIT_MAIN("tags", tests)
