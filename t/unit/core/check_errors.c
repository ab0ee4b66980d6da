/*
 * check_errors.c: every error in each of the four dialects is JSON that another parser reads, says
 * what the table says, carries the request id, and keeps whatever is in the message inside its
 * string.
 */
#include "unit/unit.h"

#include <jansson.h>

#include "core/errors.h"

#define ID "req_0123456789abcdef01234567"

static char out[4096];

static json_t *render(enum dialect d, enum tg_error e, const char *message)
{
	json_error_t why;
	json_t *root;
	size_t n;

	memset(out, '#', sizeof out);
	n = tg_error_body(out, sizeof out, d, e, message, STR(ID));
	ck_assert_uint_lt(n, sizeof out);
	root = json_loadb(out, n, JSON_REJECT_DUPLICATES, &why);
	ck_assert_msg(root != NULL, "%s in %.*s", why.text, (int)n, out);
	return root;
}

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	ck_assert_msg(s != NULL, "no string %s in %s", key, out);
	return s;
}

/* The message of a rendered error, after all that surrounds it was checked. */
static const char *check_shape(const json_t *root, enum dialect d, enum tg_error e)
{
	const struct tg_error_row *row = tg_error_row(e);
	const json_t *inner = json_object_get(root, "error");

	switch (d) {
	case DIALECT_OPENAI:
		ck_assert_uint_eq(json_object_size(root), 1);
		ck_assert_str_eq(text_at(inner, "type"), row->openai_type);
		ck_assert_str_eq(text_at(inner, "code"), row->code);
		ck_assert_str_eq(text_at(inner, "request_id"), ID);
		ck_assert(json_is_null(json_object_get(inner, "param")));
		return text_at(inner, "message");
	case DIALECT_ANTHROPIC:
		ck_assert_str_eq(text_at(root, "type"), "error");
		ck_assert_str_eq(text_at(inner, "type"), row->anthropic_type);
		ck_assert_str_eq(text_at(root, "request_id"), ID);
		return text_at(inner, "message");
	case DIALECT_GEMINI: {
		const json_t *detail = json_array_get(json_object_get(inner, "details"), 0);

		ck_assert_int_eq(json_integer_value(json_object_get(inner, "code")), row->status);
		ck_assert_str_eq(text_at(detail, "reason"), row->code);
		ck_assert_str_eq(text_at(json_object_get(detail, "metadata"), "request_id"), ID);
		ck_assert(text_at(inner, "status")[0] != '\0');
		return text_at(inner, "message");
	}
	case DIALECT_OTHER: break;
	case DIALECT_PROBLEM:
		ck_assert_str_eq(text_at(root, "title"), row->code);
		ck_assert(strncmp(text_at(root, "type"), "urn:tollgate:error:", 19) == 0);
		ck_assert_str_eq(text_at(root, "type") + 19, row->code);
		ck_assert_str_eq(text_at(root, "instance"), ID);
		ck_assert_int_eq(json_integer_value(json_object_get(root, "status")), row->status);
		return text_at(root, "detail");
	}
	ck_abort();
}

START_TEST(every_row)
{
	enum tg_error e = (enum tg_error)_i;
	const struct tg_error_row *row = tg_error_row(e);

	for (enum dialect d = DIALECT_OPENAI; d <= DIALECT_PROBLEM; d++) {
		json_t *root = render(d, e, NULL);

		ck_assert_str_eq(check_shape(root, d, e), row->text);
		json_decref(root);
	}
	ck_assert_int_ge(row->status, 400);
	ck_assert_int_le(row->status, 599);
	ck_assert_uint_gt(strlen(row->text), 10);
	/* Texts are not cut, and end as sentences do. */
	ck_assert_uint_le(strlen(row->text), 360);
	ck_assert_int_eq(row->text[strlen(row->text) - 1], '.');
	/* Two errors have a code in common where the vendors tell them apart by type. */
	for (enum tg_error other = TG_E_NONE + 1; other < e; other++)
		ck_assert(strcmp(tg_error_row(other)->code, row->code) != 0 ||
			  strcmp(tg_error_row(other)->openai_type, row->openai_type) != 0);
}
END_TEST

/* The statuses and types that the SDKs tell apart. */
static const struct {
	enum tg_error e;
	int status;
	const char *openai, *anthropic;
} promised[] = {
	{ TG_E_INVALID_API_KEY, 401, "invalid_request_error", "authentication_error" },
	{ TG_E_MODEL_NOT_ALLOWED, 403, "invalid_request_error", "permission_error" },
	{ TG_E_MODEL_NOT_FOUND, 404, "invalid_request_error", "not_found_error" },
	{ TG_E_REQUEST_TOO_LARGE, 413, "invalid_request_error", "request_too_large" },
	{ TG_E_UPSTREAM_ERROR, 502, "server_error", "api_error" },
	{ TG_E_UPSTREAM_TIMEOUT, 504, "server_error", "timeout_error" },
	{ TG_E_OVERLOADED, 503, "server_error", "overloaded_error" },
	{ TG_E_DRAINING, 503, "server_error", "overloaded_error" },
	{ TG_E_INVALID_JSON, 400, "invalid_request_error", "invalid_request_error" },
};

START_TEST(promises)
{
	const struct tg_error_row *row = tg_error_row(promised[_i].e);

	ck_assert_int_eq(row->status, promised[_i].status);
	ck_assert_str_eq(row->openai_type, promised[_i].openai);
	ck_assert_str_eq(row->anthropic_type, promised[_i].anthropic);
}
END_TEST

static const struct {
	const char *message, *want; /* want NULL: as it is */
} messages[] = {
	{ "", NULL },
	{ "plain", NULL },
	{ "\"}],\"code\":\"ok\",\"x\":{\"", NULL },
	{ "back\\slash and \\\" both", NULL },
	{ "line\r\nbreak\ttab \x01 \x1f \x7f", NULL },
	{ "caf\xc3\xa9 \xf0\x9f\x9a\xa7", NULL },
	{ "bad \xff\xfe utf-8", "bad \xef\xbf\xbd\xef\xbf\xbd utf-8" },
	{ "half \xc3", "half \xef\xbf\xbd" },
	{ "%s%n%d", NULL },
};

START_TEST(escaping)
{
	for (enum dialect d = DIALECT_OPENAI; d <= DIALECT_PROBLEM; d++) {
		json_t *root = render(d, TG_E_BAD_REQUEST, messages[_i].message);
		const char *want =
			messages[_i].want != NULL ? messages[_i].want : messages[_i].message;

		ck_assert_str_eq(check_shape(root, d, TG_E_BAD_REQUEST), want);
		json_decref(root);
	}
}
END_TEST

/* Long messages are cut and still fit when every byte needs six; a character cut in two is not half
 * of one. */
START_TEST(long_ones)
{
	static const char *const units[] = { "a", "\x01", "\"", "\xc3\xa9", "\xf0\x9f\x9a\xa7",
		"\xff" };
	char message[1300] = "";
	size_t len = strlen(units[_i]);

	for (size_t shift = 0; shift < len; shift++) {
		memset(message, 'x', shift);
		for (size_t at = shift; at + len < sizeof message; at += len)
			memcpy(message + at, units[_i], len + 1);
		for (enum dialect d = DIALECT_OPENAI; d <= DIALECT_PROBLEM; d++) {
			json_t *root = render(d, TG_E_INTERNAL, message);
			const char *got = check_shape(root, d, TG_E_INTERNAL);

			ck_assert_uint_ge(strlen(got), 350);
			ck_assert_uint_le(strlen(got), 3 * 360);
			json_decref(root);
		}
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, every_row, TG_E_NONE + 1, TG_E__MAX);
	tcase_add_loop_test(tc, promises, 0, sizeof promised / sizeof *promised);
	tcase_add_loop_test(tc, escaping, 0, sizeof messages / sizeof *messages);
	tcase_add_loop_test(tc, long_ones, 0, 6);
}

UNIT_MAIN("errors", tests)
