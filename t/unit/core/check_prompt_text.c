/*
 * check_prompt_text.c: what the user says last, in each API's words.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/defs.h"
#include "core/prompt_text.h"
#include "proto/json_scan.h"

#define U(content) "{\"role\":\"user\",\"content\":" content "}"

static const struct {
	const char *body, *text;
} rows[] = {
	{ "{\"messages\":[" U("\"one\"") "]}", "one" },
	{ "{\"messages\":[" U("\"one\"") ",{\"role\":\"assistant\",\"content\":\"two\"}]}", "one" },
	{ "{\"messages\":[" U("\"one\"") ",{\"role\":\"assistant\",\"content\":\"two\"}," U(
		  "\"three\"") "]}",
		"three" },
	{ "{\"messages\":[{\"role\":\"system\",\"content\":\"sys\"}]}", "" },
	{ "{\"messages\":[" U(
		  "[{\"type\":\"text\",\"text\":\"a\\nb\"},{\"type\":\"image_url\",\"image_url\":{"
		  "\"url\":\"x\"}},{\"type\":\"text\",\"text\":\"c\"}]") "]}",
		"a\nb\nc" },
	{ "{\"messages\":[" U("\"asked\"") ",{\"role\":\"assistant\",\"content\":[]}," U(
		  "[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"result\"}]") "]}",
		"asked" },
	{ "{\"input\":\"plain\"}", "plain" },
	{ "{\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_"
	  "text\",\"text\":\"r\"}]},{\"type\":\"function_call_output\",\"output\":\"o\",\"role\":"
	  "\"tool\"}]}",
		"r" },
	{ "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"g\"}]},{\"role\":\"model\","
	  "\"parts\":[{\"text\":\"m\"}]}]}",
		"g" },
	{ "{\"contents\":{\"parts\":{\"text\":\"alone\"}}}", "alone" },
	{ "{\"prompt\":\"complete me\"}", "complete me" },
	{ "{\"messages\":[" U("\"Gr\\u00fc\\u00dfe \\ud83d\\ude00\"") "]}", "Grüße 😀" },
	{ "{\"messages\":[" U("\"\\ud83d\"") "]}", "" }, /* half a pair */
	{ "{\"messages\":\"not a list\"}", "not a list" },
	{ "{\"messages\":[1,null,[],{}]}", "" },
	{ "{\"messages\":[" U("\"\"") "]}", "" },
	{ "{}", "" },
	{ "[]", "" },
	{ "", "" },
};

START_TEST(texts)
{
	char out[PROMPT_TEXT_MAX];

	UNIT_STR_EQ(prompt_text(str_z(rows[_i].body), out), str_z(rows[_i].text));
}
END_TEST

/* Of a long one the beginning, at every place where it could be cut. */
START_TEST(long_ones)
{
	static const char *const last[] = { "x", "ü", "€", "😀", "\\n", "\\u00fc",
		"\\ud83d\\ude00" };
	char *body = malloc(4 * PROMPT_TEXT_MAX), out[PROMPT_TEXT_MAX];
	struct str s;

	ck_assert_ptr_nonnull(body);
	for (size_t k = 0; k < TG_ARRAY_LEN(last); k++)
		for (size_t pad = PROMPT_TEXT_MAX - 14; pad <= PROMPT_TEXT_MAX + 1; pad++) {
			size_t n = (size_t)sprintf(
				body, "{\"messages\":[{\"role\":\"user\",\"content\":\"");

			memset(body + n, 'a', pad);
			strcpy(body + n + pad, last[k]);
			strcat(body, last[k]);
			strcat(body, "zzzzzzzzzzzz\"}]}");
			s = prompt_text(str_z(body), out);
			ck_assert_uint_ge(s.n, PROMPT_TEXT_MAX - 14);
			ck_assert_uint_le(s.n, PROMPT_TEXT_MAX);
		}
	free(body);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, texts, 0, TG_ARRAY_LEN(rows));
	tcase_add_test(tc, long_ones);
}

UNIT_MAIN("prompt_text", tests)
