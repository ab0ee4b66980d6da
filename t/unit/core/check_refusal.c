/*
 * check_refusal.c: of a provider's refusal only plain words of its error's type and code are told:
 * never free text, nothing that could be a key, whatever the body looks like and however it is cut.
 */
#include "unit/unit.h"

#include "core/refusal.h"

#define SECRET "sk_live_abcdef"

static const struct {
	int status;
	const char *body, *text;
} rows[] = {
	/* as the vendors write them */
	{ 401,
		"{\n  \"error\": {\n    \"message\": \"Incorrect API key provided: "
		"sk-ab***xyz.\",\n"
		"    \"type\": \"invalid_request_error\",\n    \"param\": null,\n"
		"    \"code\": \"invalid_api_key\"\n  }\n}\n",
		"status 401, type invalid_request_error, code invalid_api_key" },
	{ 403,
		"{\"error\":{\"code\":\"unsupported_country_region_territory\",\"message\":"
		"\"Country, "
		"region, or territory not "
		"supported\",\"param\":null,\"type\":\"request_forbidden\"}}",
		"status 403, type request_forbidden, code unsupported_country_region_territory" },
	{ 403,
		"{\"type\":\"error\",\"error\":{\"type\":\"permission_error\",\"message\":\"Your "
		"API "
		"key does not have permission to use the specified resource.\"}}",
		"status 403, type permission_error" },
	/* Azure: the code is a number, or in capitals */
	{ 401, "{\"error\":{\"code\":\"401\",\"message\":\"Access denied due to invalid key.\"}}",
		"status 401" },
	{ 403, "{\"code\":\"forbidden\",\"error\":\"The caller does not have permission\"}",
		"status 403, code forbidden" },
	/* one that is a text, a number, null, or escaped is none */
	{ 403, "{\"error\":{\"type\":\"not a word\",\"code\":403}}", "status 403" },
	{ 403, "{\"error\":{\"type\":null,\"code\":[\"x\"]}}", "status 403" },
	{ 403, "{\"error\":{\"type\":\"a\\u0062c\",\"code\":\"\"}}", "status 403" },
	{ 403, "{\"error\":{\"type\":\"x\\r\\ny\",\"code\":\"x<y\"}}", "status 403" },
	{ 403, "{\"error\":\"access_denied\"}", "status 403" },
	{ 403, "[{\"error\":{\"code\":\"x\"}}]", "status 403" },
	/* a word of the secret's */
	{ 401, "{\"error\":{\"type\":\"sk_live_abcdef\",\"code\":\"abcdef\"}}", "status 401" },
	{ 401, "{\"error\":{\"type\":\"sk_live_abcdefg\"}}", "status 401, type sk_live_abcdefg" },
	/* as long as may be, and one more */
	{ 403,
		"{\"error\":{\"type\":"
		"\"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd\","
		"\"code\":\"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddde\"}}",
		"status 403, type "
		"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd, code "
		"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddde" },
	{ 403,
		"{\"error\":{\"type\":"
		"\"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddx\"}}",
		"status 403" },
	/* not JSON, or not all of it */
	{ 401, "", "status 401" },
	{ 403, "<html><body>forbidden</body></html>", "status 403" },
	{ 403, "{\"error\":{\"type\":\"permission_error\",\"message\":\"brea",
		"status 403, type permission_error" },
	{ 403, "{\"error\":{\"type\":\"permission_err", "status 403" },
	{ 999, "{}", "status 999" },
};

static void run(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	const int i = *(int *)arg;
	char out[REFUSAL_TEXT_MAX];
	struct refusal x;

	refusal_init(&x, rows[i].status);
	ck_assert(refusal_feed(&x, str_mk(a, an)));
	ck_assert(refusal_feed(&x, str_mk(b, bn)));
	refusal_text(&x, STR(SECRET), out);
	ck_assert_str_eq(out, rows[i].text);
}

START_TEST(words)
{
	unit_split(rows[_i].body, strlen(rows[_i].body), run, &_i);
}
END_TEST

/* An endless body is not read to its end; the words may come behind a long message. */
START_TEST(bounded)
{
	char piece[1000], out[REFUSAL_TEXT_MAX];
	struct refusal x;
	unsigned n = 0;

	memset(piece, 'm', sizeof piece);
	refusal_init(&x, 403);
	ck_assert(refusal_feed(&x, STR("{\"error\":{\"message\":\"")));
	while (refusal_feed(&x, str_mk(piece, sizeof piece)))
		ck_assert_uint_le(++n, REFUSAL_MAX_BYTES / sizeof piece);
	ck_assert_uint_ge(n, REFUSAL_MAX_BYTES / sizeof piece - 1);
	refusal_feed(&x, STR("\",\"type\":\"permission_error\"}}"));
	refusal_text(&x, STR(""), out);
	ck_assert_str_eq(out, "status 403, type permission_error");
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, words, 0, sizeof rows / sizeof *rows);
	tcase_add_test(tc, bounded);
}

UNIT_MAIN("refusal", tests)
