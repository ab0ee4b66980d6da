/* check_json_edit.c: members replaced and added, with the commas right and the rest untouched. */
#include "proto/json_edit.h"
#include "unit/unit.h"

static char out[512];

static struct str joined(struct json_edit *e)
{
	struct iovec iov[JSON_EDIT_MAX_IOV];
	size_t total, n = 0;
	int count = json_edit_iov(e, iov, JSON_EDIT_MAX_IOV, &total);

	ck_assert_int_gt(count, 0);
	for (int i = 0; i < count; i++) {
		ck_assert_uint_gt(iov[i].iov_len, 0);
		memcpy(out + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	ck_assert_uint_eq(n, total);
	return str_mk(out, n);
}

struct example {
	const char *text, *model, *insert, *insert2, *in_options, *want;
};

static const struct example examples[] = {
	{ "{\"model\":\"a\"}", NULL, NULL, NULL, NULL, "{\"model\":\"a\"}" },
	{ " {\"x\":1, \"model\" : \"a\" }\n", "\"bb\"", NULL, NULL, NULL,
		" {\"x\":1, \"model\" : \"bb\" }\n" },
	{ "{\"model\":\"a\"}", "\"b\"", "\"i\":1", NULL, NULL, "{\"i\":1,\"model\":\"b\"}" },
	{ "{\"model\":\"a\"}", "", "\"i\":1", "\"j\":2", NULL, "{\"i\":1,\"j\":2,\"model\":}" },
	{ " { }", NULL, "\"i\":1", NULL, NULL, " {\"i\":1 }" },
	{ "{}", NULL, "\"i\":1", "\"j\":2", NULL, "{\"i\":1,\"j\":2}" },
	{ "{\"so\":{},\"model\":1}", "2", NULL, NULL, "\"u\":true",
		"{\"so\":{\"u\":true},\"model\":2}" },
	{ "{\"so\":{\"o\":1}}", NULL, "\"i\":1", NULL, "\"u\":true",
		"{\"i\":1,\"so\":{\"u\":true,\"o\":1}}" },
	{ "{\"model\":1,\"so\":{\n}}", "2", NULL, NULL, "\"u\":true",
		"{\"model\":2,\"so\":{\"u\":true\n}}" },
};

START_TEST(test_examples)
{
	const struct example *x = &examples[_i];
	struct json_watch w[] = { { .key = STR("model") }, { .key = STR("so") } };
	struct json_edit e;
	struct json_fail fail;

	ck_assert_int_eq(json_scan_object(str_z(x->text), w, 2, &fail), 0);
	json_edit_init(&e, str_z(x->text));
	/* Asked for in another order than they stand in. */
	if (x->in_options != NULL)
		ck_assert_int_eq(json_edit_insert_in(&e, &w[1].val, str_z(x->in_options)), 0);
	if (x->model != NULL)
		ck_assert_int_eq(json_edit_replace(&e, &w[0].val, str_z(x->model)), 0);
	if (x->insert != NULL)
		ck_assert_int_eq(json_edit_insert(&e, str_z(x->insert)), 0);
	if (x->insert2 != NULL)
		ck_assert_int_eq(json_edit_insert(&e, str_z(x->insert2)), 0);
	UNIT_STR_EQ(joined(&e), str_z(x->want));
}
END_TEST

/* Edits that are off this time leave their place as it is, and the commas right. */
START_TEST(test_off)
{
	static const struct {
		unsigned off; /* bits: which of the three */
		const char *want;
	} rows[] = {
		{ 0, "{\"a\":1,\"b\":2,\"model\":9}" },
		{ 1, "{\"b\":2,\"model\":9}" },
		{ 2, "{\"a\":1,\"model\":9}" },
		{ 4, "{\"a\":1,\"b\":2,\"model\":1}" },
		{ 7, "{\"model\":1}" },
	};
	struct json_watch w[] = { { .key = STR("model") } };
	struct json_edit e;
	struct json_fail fail;

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		ck_assert_int_eq(json_scan_object(STR("{\"model\":1}"), w, 1, &fail), 0);
		json_edit_init(&e, str_mk(w[0].val.raw.p - 9, 11));
		ck_assert_int_eq(json_edit_insert(&e, STR("\"a\":1")), 0);
		ck_assert_int_eq(json_edit_insert(&e, STR("\"b\":2")), 0);
		ck_assert_int_eq(json_edit_replace(&e, &w[0].val, STR("9")), 0);
		for (unsigned k = 0; k < 3; k++)
			e.op[k].off = rows[i].off >> k & 1;
		UNIT_STR_EQ(joined(&e), str_z(rows[i].want));
	}
	/* Into an empty object: the first keeps no comma when the second is off. */
	json_edit_init(&e, STR("{}"));
	ck_assert_int_eq(json_edit_insert(&e, STR("\"a\":1")), 0);
	ck_assert_int_eq(json_edit_insert(&e, STR("\"b\":2")), 0);
	e.op[1].off = true;
	UNIT_STR_EQ(joined(&e), STR("{\"a\":1}"));
}
END_TEST

START_TEST(test_limits)
{
	struct str text = STR("{\"model\":{\"x\":1},\"so\":2}");
	struct json_watch w[] = { { .key = STR("model") } }, in[] = { { .key = STR("x") } };
	struct iovec iov[JSON_EDIT_MAX_IOV];
	struct json_edit e;
	struct json_fail fail;
	size_t total;

	ck_assert_int_eq(json_scan_object(text, w, 1, &fail), 0);
	ck_assert_int_eq(json_scan_member(&w[0].val, in, 1, &fail), 0);
	json_edit_init(&e, text);
	ck_assert_int_eq(json_edit_replace(&e, &in[0].val, STR("2")), 0);
	ck_assert_int_eq(json_edit_iov(&e, iov, 2, &total), -1);
	ck_assert_int_eq(json_edit_iov(&e, iov, 3, &total), 3);
	ck_assert_int_eq(json_edit_replace(&e, &w[0].val, STR("3")), 0);
	ck_assert_int_eq(
		json_edit_iov(&e, iov, JSON_EDIT_MAX_IOV, &total), -1); /* one inside the other */

	json_edit_init(&e, text);
	for (int i = 0; i < JSON_EDIT_MAX; i++)
		ck_assert_int_eq(json_edit_insert(&e, STR("\"k\":0")), 0);
	ck_assert_int_eq(json_edit_insert(&e, STR("\"k\":0")), -1);
	ck_assert_int_eq(json_edit_iov(&e, iov, JSON_EDIT_MAX_IOV, &total), 2 * JSON_EDIT_MAX + 2);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, test_examples, 0, (int)TG_ARRAY_LEN(examples));
	tcase_add_test(tc, test_off);
	tcase_add_test(tc, test_limits);
}

UNIT_MAIN("json_edit", tests)
