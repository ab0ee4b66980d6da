/*
 * check_error_class.c: what providers' errors are about, in the shapes they have.
 */
#include "unit/unit.h"

#include <stdio.h>

#include "core/error_class.h"

static const struct {
	const char *body;
	enum error_class is;
} rows[] = {
	{ "{\"error\":{\"message\":\"You exceeded your current quota\",\"type\":"
	  "\"insufficient_quota\",\"param\":null,\"code\":\"insufficient_quota\"}}",
		ERROR_MONEY },
	{ "{\"error\":{\"message\":\"slow down\",\"type\":\"tokens\",\"code\":"
	  "\"rate_limit_exceeded\"}}",
		ERROR_OTHER },
	{ "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your "
	  "credit balance is too low to access the API.\"},\"request_id\":\"req_1\"}",
		ERROR_MONEY },
	{ "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt "
	  "is too long: 210000 tokens > 200000 maximum\"}}",
		ERROR_CONTEXT },
	{ "{\"error\":{\"message\":\"This model's maximum context length is 8192 tokens.\","
	  "\"type\":\"invalid_request_error\",\"param\":\"messages\",\"code\":"
	  "\"context_length_exceeded\"}}",
		ERROR_CONTEXT },
	{ "{\"error\":{\"code\":400,\"message\":\"The input token count (2000000) exceeds the "
	  "maximum number of tokens allowed (1048576).\",\"status\":\"INVALID_ARGUMENT\"}}",
		ERROR_CONTEXT },
	{ "{\"object\":\"error\",\"message\":\"Prompt contains 40000 tokens, too large for model "
	  "with 32768 maximum context length\",\"type\":\"invalid_request_error\"}",
		ERROR_CONTEXT },
	{ "{\"error\":{\"message\":\"The response was filtered\",\"code\":\"content_filter\","
	  "\"status\":400,\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}",
		ERROR_POLICY },
	{ "{\"error\":{\"code\":\"x\",\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}",
		ERROR_POLICY },
	/* only words of the error count, not what it quotes elsewhere */
	{ "{\"prompt\":\"insufficient_quota\",\"error\":{\"param\":\"insufficient_quota\"}}",
		ERROR_OTHER },
	{ "{\"error\":\"insufficient_quota\"}", ERROR_OTHER },
	{ "{\"error\":null,\"code\":7}", ERROR_OTHER },
	{ "{\"error\":{\"code\":\"context_length_exceeded\"}", ERROR_OTHER }, /* broken off */
	{ "<html>prompt is too long</html>", ERROR_OTHER },
	{ "", ERROR_OTHER },
};

START_TEST(classes)
{
	char *copy = unit_copy(rows[_i].body, strlen(rows[_i].body));

	ck_assert_int_eq(error_class_of(str_mk(copy, strlen(rows[_i].body))), rows[_i].is);
	free(copy);
}
END_TEST

START_TEST(large)
{
	static char body[ERROR_BODY_MAX + 64];
	int n = snprintf(body, sizeof body, "{\"code\":\"insufficient_quota\",\"x\":\"");

	memset(body + n, 'x', sizeof body - (size_t)n);
	memcpy(body + ERROR_BODY_MAX - 2, "\"}", 2);
	ck_assert_int_eq(error_class_of(str_mk(body, ERROR_BODY_MAX)), ERROR_MONEY);
	memcpy(body + ERROR_BODY_MAX - 1, "\"}", 2);
	body[ERROR_BODY_MAX - 2] = 'x';
	ck_assert_int_eq(error_class_of(str_mk(body, ERROR_BODY_MAX + 1)), ERROR_OTHER);
}
END_TEST

START_TEST(statuses)
{
	for (int s = 100; s < 600; s++)
		ck_assert_int_eq(error_class_asks(s), s == 400 || s == 413 || s == 422 || s == 429);
}
END_TEST

#define RETRY(delay)                                                                          \
	"{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":" \
	"\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"" delay "\"}]}}"

static const struct {
	enum chat_shape shape;
	const char *body;
	uint64_t ms;
} retries[] = {
	{ SHAPE_GEMINI, RETRY("34.4s"), 34400 },
	{ SHAPE_GEMINI, "[" RETRY("2s") "]", 2000 },
	{ SHAPE_GEMINI, RETRY("soon"), 0 },
	{ SHAPE_GEMINI, "{\"error\":{\"code\":429}}", 0 },
	{ SHAPE_GEMINI, "{\"error\":", 0 },
	{ SHAPE_GEMINI, "", 0 },
	{ SHAPE_OPENAI, RETRY("2s"), 0 },
	{ SHAPE_NONE, RETRY("2s"), 0 },
};

START_TEST(when_to_come_back)
{
	char *copy = unit_copy(retries[_i].body, strlen(retries[_i].body));
	struct str body = str_mk(copy, strlen(retries[_i].body));

	ck_assert_uint_eq(error_retry_ms(retries[_i].shape, body, NULL), retries[_i].ms);
	free(copy);
}
END_TEST

#define INFO(reason)                                                                        \
	"{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"@type\":" \
	"\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"" reason "\"}]}}"

static const struct {
	enum chat_shape shape;
	const char *body;
	bool is;
} bad_keys[] = {
	{ SHAPE_GEMINI, INFO("API_KEY_INVALID"), true },
	{ SHAPE_GEMINI, "[" INFO("API_KEY_INVALID") "]", true },
	{ SHAPE_GEMINI, INFO("FIELD_INVALID"), false },
	{ SHAPE_GEMINI, "{\"error\":{\"message\":\"API_KEY_INVALID\"}}", false },
	{ SHAPE_GEMINI, "API_KEY_INVALID", false },
	{ SHAPE_GEMINI, "", false },
	{ SHAPE_OPENAI, INFO("API_KEY_INVALID"), false },
	{ SHAPE_NONE, INFO("API_KEY_INVALID"), false },
};

START_TEST(the_key_it_is)
{
	char *copy = unit_copy(bad_keys[_i].body, strlen(bad_keys[_i].body));
	struct str body = str_mk(copy, strlen(bad_keys[_i].body));

	ck_assert_int_eq(error_is_key(bad_keys[_i].shape, body, NULL), bad_keys[_i].is);
	free(copy);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, the_key_it_is, 0, TG_ARRAY_LEN(bad_keys));
	tcase_add_loop_test(tc, when_to_come_back, 0, TG_ARRAY_LEN(retries));
	tcase_add_loop_test(tc, classes, 0, sizeof rows / sizeof *rows);
	tcase_add_test(tc, large);
	tcase_add_test(tc, statuses);
}

UNIT_MAIN("error_class", tests)
