/* check_json_tree.c: what is accepted is what json_scan accepts; spans, keys, double members. */
#include <stdio.h>

#include "proto/json_tree.h"
#include "unit/unit.h"

static struct arena arena;

static int parse(struct str text, size_t max, struct json_node **root, struct json_fail *fail)
{
	arena_fini(&arena);
	arena_init(&arena, NULL, 0);
	return json_tree_parse(&arena, text, max, root, fail);
}

static const struct json_node *must_parse(const char *text)
{
	struct json_node *root;
	struct json_fail fail;

	ck_assert_msg(parse(str_z(text), 100000, &root, &fail) == 0, "%s: %s at %zu", text,
		json_error_text(fail.err), fail.offset);
	return root;
}

struct verdict {
	const char *text;
	enum json_error err;
	size_t at;
};

static const struct verdict verdicts[] = {
	{ "{}", JSON_E_NONE, 0 },
	{ " \t\r\n{ \"a\" : [ ] , \"b\":{ } } \n", JSON_E_NONE, 0 },
	{ "[1,-0,0.5,-1e+9,1E-2,10,[],[[]],{}]", JSON_E_NONE, 0 },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00Ff\"", JSON_E_NONE, 0 },
	{ "12", JSON_E_NONE, 0 },
	{ " null", JSON_E_NONE, 0 },
	{ "{\"a\":\"\\ud800\\u0000\",\"b\":1e999}", JSON_E_NONE, 0 },
	{ "{\"a\":1,\"a\":2}", JSON_E_NONE, 0 },
	{ "", JSON_E_EOF, 0 },
	{ "  ", JSON_E_EOF, 2 },
	{ "[", JSON_E_EOF, 1 },
	{ "{\"a", JSON_E_EOF, 3 },
	{ "{\"a\"", JSON_E_EOF, 4 },
	{ "{\"a\":", JSON_E_EOF, 5 },
	{ "{\"a\":tru", JSON_E_EOF, 8 },
	{ "{\"a\":1", JSON_E_EOF, 6 },
	{ "{}x", JSON_E_TRAILING, 2 },
	{ "1 2", JSON_E_TRAILING, 2 },
	{ "{\"a\":1,}", JSON_E_SYNTAX, 7 },
	{ "{,}", JSON_E_SYNTAX, 1 },
	{ "{\"a\" 1}", JSON_E_SYNTAX, 5 },
	{ "{\"a\":[1,]}", JSON_E_SYNTAX, 8 },
	{ "[,1]", JSON_E_SYNTAX, 1 },
	{ "[1 2]", JSON_E_SYNTAX, 3 },
	{ "[1}", JSON_E_SYNTAX, 2 },
	{ "{\"a\":1]", JSON_E_SYNTAX, 6 },
	{ "]", JSON_E_SYNTAX, 0 },
	{ "[01]", JSON_E_SYNTAX, 2 },
	{ "[\"\\x41\"]", JSON_E_SYNTAX, 3 },
	{ "[\"\n\"]", JSON_E_SYNTAX, 2 },
	{ "\xef\xbb\xbf{}", JSON_E_SYNTAX, 0 },
	{ "{\"\\ud800\":1}", JSON_E_ENCODING, 1 },
	{ "{\"a\":{\"b\\u0000\":1}}", JSON_E_ENCODING, 6 },
	{ "{\"a\xff\":1}", JSON_E_ENCODING, 1 },
};

START_TEST(verdict)
{
	const struct verdict *v = &verdicts[_i];
	size_t n = strlen(v->text);
	char *copy = unit_copy(v->text, n);
	struct json_node *root;
	struct json_fail fail;
	int rc = parse(str_mk(copy, n), 1000, &root, &fail);

	ck_assert_msg(fail.err == v->err && (v->err == JSON_E_NONE || fail.offset == v->at),
		"%s: %s at %zu", v->text, json_error_text(fail.err), fail.offset);
	ck_assert_int_eq(rc, v->err == JSON_E_NONE ? 0 : -1);
	ck_assert((root != NULL) == (rc == 0));
	free(copy);
}
END_TEST

START_TEST(spans)
{
	const struct json_node *root = must_parse(
		" {\"a\":[1, \"x\\ny\" ,{\"b\":null}],\"k\\u0065y\":true,\"\xc3\xa4\":-1.5e3 } ");
	const struct json_node *a = json_get(root, STR("a"));

	UNIT_STR_EQ(root->raw, STR("{\"a\":[1, \"x\\ny\" "
				   ",{\"b\":null}],\"k\\u0065y\":true,\"\xc3\xa4\":-1.5e3 }"));
	ck_assert(a != NULL && a->type == JSON_ARRAY && a->child != NULL);
	UNIT_STR_EQ(a->raw, STR("[1, \"x\\ny\" ,{\"b\":null}]"));
	UNIT_STR_EQ(a->child->raw, STR("1"));
	ck_assert_ptr_null(a->child->key.p);
	UNIT_STR_EQ(json_jstr(a->child->next), STR("x\\ny"));
	UNIT_STR_EQ(json_jstr_decode(&arena, json_jstr(a->child->next)), STR("x\ny"));
	UNIT_STR_EQ(a->child->next->next->raw, STR("{\"b\":null}"));
	ck_assert_int_eq(a->child->next->next->child->type, JSON_NULL);
	ck_assert(json_node_true(json_get(root, STR("key"))));
	UNIT_STR_EQ(json_get(root, STR("\xc3\xa4"))->raw, STR("-1.5e3"));
	ck_assert_ptr_null(json_get(root, STR("b")));
	ck_assert_ptr_null(json_get(a, STR("b")));
	ck_assert_ptr_null(json_get(NULL, STR("b")));
}
END_TEST

START_TEST(values)
{
	const struct json_node *root =
		must_parse("{\"s\":\"\",\"n\":12.0,\"t\":true,\"f\":false,"
			   "\"z\":null,\"o\":{},\"m\":-1,\"bad\":\"\\ud800\"}");
	uint64_t n = 7;

	UNIT_STR_EQ(json_get_jstr(root, STR("s")), STR(""));
	ck_assert_ptr_nonnull(json_get_jstr(root, STR("s")).p);
	ck_assert_ptr_null(json_get_jstr(root, STR("n")).p);
	ck_assert_ptr_null(json_get_jstr(root, STR("none")).p);
	ck_assert_int_eq(json_node_u64(json_get(root, STR("n")), &n), 0);
	ck_assert_uint_eq(n, 12);
	ck_assert_int_eq(json_node_u64(json_get(root, STR("m")), &n), -1);
	ck_assert_int_eq(json_node_u64(NULL, &n), -1);
	ck_assert_int_eq(json_node_bool(json_get(root, STR("t"))), 1);
	ck_assert_int_eq(json_node_bool(json_get(root, STR("f"))), 0);
	ck_assert_int_eq(json_node_bool(json_get(root, STR("n"))), -1);
	ck_assert_int_eq(json_node_bool(NULL), -1);
	ck_assert_ptr_null(json_get_type(root, STR("z"), JSON_NULL));
	ck_assert_ptr_null(json_get_type(root, STR("o"), JSON_ARRAY));
	ck_assert_ptr_nonnull(json_get_type(root, STR("o"), JSON_OBJECT));
	ck_assert_ptr_null(json_jstr_decode(&arena, json_get_jstr(root, STR("bad"))).p);
	ck_assert_ptr_null(json_jstr_decode(&arena, STR_NONE).p);
}
END_TEST

START_TEST(depth)
{
	char text[2 * JSON_MAX_DEPTH + 8];
	struct json_node *root;
	struct json_fail fail;

	memset(text, '[', sizeof text);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	ck_assert_int_eq(parse(str_mk(text, 2 * JSON_MAX_DEPTH), 1000, &root, &fail), 0);
	memset(text, '[', sizeof text);
	ck_assert_int_eq(parse(str_mk(text, sizeof text), 1000, &root, &fail), -1);
	ck_assert_int_eq(fail.err, JSON_E_DEPTH);
	ck_assert_uint_eq(fail.offset, JSON_MAX_DEPTH);
}
END_TEST

START_TEST(limits)
{
	struct json_node *root;
	struct json_fail fail;
	struct arena small;

	ck_assert_int_eq(parse(STR("[1,2,3]"), 4, &root, &fail), 0);
	ck_assert_int_eq(parse(STR("[1,2,3]"), 3, &root, &fail), -1);
	ck_assert_int_eq(fail.err, JSON_E_MANY);
	ck_assert_uint_eq(fail.offset, 5);
	arena_init(&small, NULL, 1);
	ck_assert_int_eq(json_tree_parse(&small, STR("[1]"), 9, &root, &fail), -1);
	ck_assert_int_eq(fail.err, JSON_E_MEMORY);
	arena_fini(&small);
}
END_TEST

/* An object of n members; the one at `same` is named as the one before it. */
static const struct json_node *members(char *buf, size_t cap, int n, int same)
{
	size_t at = 0;

	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(buf + at, cap - at, "%c\"k%d\":%d", i == 0 ? '{' : ',',
			i == same ? i - 1 : i, i);
	snprintf(buf + at, cap - at, "}");
	return must_parse(buf);
}

START_TEST(twice)
{
	static const int sizes[] = { 2, 16, 17, 100, 20000 };
	static char buf[1 << 20];

	for (size_t i = 0; i < TG_ARRAY_LEN(sizes); i++) {
		ck_assert(!members(buf, sizeof buf, sizes[i], -1)->twice);
		ck_assert(members(buf, sizeof buf, sizes[i], sizes[i] - 1)->twice);
		ck_assert(members(buf, sizeof buf, sizes[i], 1)->twice);
	}
	ck_assert(must_parse("{\"a\":1,\"\\u0061\":2}")->twice);
	ck_assert(!must_parse("{\"a\":{\"b\":1,\"b\":2}}")->twice);
	ck_assert(must_parse("{\"a\":{\"b\":1,\"b\":2}}")->child->twice);
	ck_assert(!must_parse("[1,1]")->twice);
}
END_TEST

static void tests(TCase *tc)
{
	arena_init(&arena, NULL, 0);
	tcase_add_loop_test(tc, verdict, 0, (int)TG_ARRAY_LEN(verdicts));
	tcase_add_test(tc, spans);
	tcase_add_test(tc, values);
	tcase_add_test(tc, depth);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, twice);
}

UNIT_MAIN("json_tree", tests)
