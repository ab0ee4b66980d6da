/*
 * check_cohere.c: Cohere's v2 chat as a target: requests of an OpenAI client as they go there,
 * answers, errors and streams as events; and recorded streams, which end in the usage and finish
 * reason they show.
 */
#include "chat/cohere.h"
#include "unit/chat/chat_unit.h"

#define HI  "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define OUT "{\"model\":\"command-a-03-2025\",\"stream\":false,"
#define HI_OUT \
	"\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]"
#define TOOLS                                                                                      \
	"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":" \
	"\"object\"}}},{\"type\":\"function\",\"function\":{\"name\":\"g\",\"parameters\":{}}}]"
#define TOOL_F                                                                                     \
	"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":" \
	"\"object\"}}}"

static const struct {
	const char *what, *in, *out, *unsupported;
} rows[] = {
	{ "the least", "{" HI "}", OUT HI_OUT "}", "" },
	{ "sampling in its own words",
		"{" HI ",\"max_tokens\":9,\"temperature\":1.5,\"top_p\":1,\"seed\":7,\"stop\":["
		"\"a\",\"b\"],"
		"\"frequency_penalty\":1.5,\"presence_penalty\":-1}",
		OUT HI_OUT ",\"max_tokens\":9,\"temperature\":1.5,\"p\":0.99,\"seed\":7,"
			   "\"frequency_penalty\":1,\"stop_sequences\":[\"a\",\"b\"]}",
		"presence_penalty" },
	{ "calls and their results",
		"{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":"
		"\"user\","
		"\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"I "
		"look\",\"tool_calls\":[{\"id\":\"c1\","
		"\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\": "
		"1}\"}}]},{\"role\":"
		"\"tool\",\"tool_call_id\":\"c1\",\"content\":\"r\\n\"}]}",
		OUT "\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":"
		    "\"s\"}]},"
		    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"q\"}]},{"
		    "\"role\":\"assistant\","
		    "\"tool_plan\":\"I "
		    "look\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{"
		    "\"name\":\"f\",\"arguments\":\"{\\\"x\\\": "
		    "1}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\","
		    "\"content\":\"r\\n\"}]}",
		"" },
	{ "a tool that must be called", "{" HI "," TOOLS ",\"tool_choice\":\"required\"}",
		OUT HI_OUT "," TOOL_F ",{\"type\":\"function\",\"function\":{\"name\":\"g\","
			   "\"parameters\":{\"type\":\"object\",\"properties\":{}}}}],"
			   "\"tool_choice\":\"REQUIRED\"}",
		"" },
	{ "and a certain one",
		"{" HI "," TOOLS
		",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}}",
		OUT HI_OUT "," TOOL_F "],\"tool_choice\":\"REQUIRED\"}", "" },
	{ "an image",
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_"
		"url\","
		"\"image_url\":{\"url\":\"data:image/png;base64,QQ==\",\"detail\":\"low\"}}]}]}",
		OUT "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_"
		    "url\":{"
		    "\"url\":\"data:image/png;base64,QQ==\",\"detail\":\"low\"}}]}]}",
		"" },
	{ "turns that say nothing it can take",
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"
		"\"assistant\",\"content\":\"\",\"images\":[{\"type\":\"image_url\",\"image_url\":{"
		"\"url\":\"data:image/"
		"png;base64,QQ==\"}}]},{\"role\":\"user\",\"content\":[{\"type\":"
		"\"input_audio\",\"input_audio\":{\"data\":\"QQ==\",\"format\":\"wav\"}}]}]}",
		OUT HI_OUT "}", "media in an assistant's turn,messages[].content[].audio" },
	{ "a schema",
		"{" HI ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
		"\"n\",\"schema\":{"
		"\"type\":\"object\"}}}}",
		OUT HI_OUT ",\"response_format\":{\"type\":\"json_object\",\"json_schema\":{"
			   "\"type\":\"object\"}}}",
		"" },
	{ "reasoning by a word", "{" HI ",\"reasoning_effort\":\"low\"}",
		OUT HI_OUT ",\"thinking\":{\"type\":\"enabled\",\"token_budget\":2048}}", "" },
	{ "and off", "{" HI ",\"reasoning_effort\":\"none\"}",
		OUT HI_OUT ",\"thinking\":{\"type\":\"disabled\"}}", "" },
	{ "what has no word", "{" HI ",\"n\":2,\"logprobs\":true}", OUT HI_OUT "}", "logprobs,n" },
};

START_TEST(requests)
{
	struct chat_request rq = { 0 };
	struct chat_unit u;

	chat_unit_init(&u, "command-a-03-2025");
	ck_assert_msg(chat_unit_request(
			      &u, &chat_codec_openai, &chat_codec_cohere, rows[_i].in, &rq) == 0,
		"%s: %s", rows[_i].what, u.cx.fail);
	ck_assert_msg(strcmp(u.text, rows[_i].out) == 0, "%s:\n%s\nnot\n%s", rows[_i].what, u.text,
		rows[_i].out);
	ck_assert_msg(strcmp(chat_unit_unsupported(&u), rows[_i].unsupported) == 0, "%s: %s",
		rows[_i].what, chat_unit_unsupported(&u));
	chat_unit_fini(&u);
}
END_TEST

START_TEST(an_answer)
{
	struct chat_unit u;

	chat_unit_init(&u, "m");
	ck_assert_int_eq(chat_unit_answer(&u, &chat_codec_cohere, &chat_codec_anthropic,
				 "{\"id\":\"i\",\"message\":{\"role\":\"assistant\",\"tool_plan\":"
				 "\"I look\",\"tool_calls\":[{"
				 "\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
				 "\"arguments\":\"{\\\"x\\\":1}\"}"
				 "}],\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"}]},"
				 "\"finish_reason\":\"TOOL_CALL\","
				 "\"usage\":{\"billed_units\":{\"input_tokens\":12,\"output_"
				 "tokens\":7},\"tokens\":{"
				 "\"input_tokens\":507,\"output_tokens\":10}}}"),
		0);
	ck_assert_ptr_nonnull(
		strstr(u.text, "{\"type\":\"text\",\"text\":\"I "
			       "look\"},{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\","
			       "\"input\":{\"x\":1}}]"));
	ck_assert_ptr_nonnull(strstr(u.text, "\"stop_reason\":\"tool_use\""));
	ck_assert_ptr_nonnull(strstr(u.text, "\"input_tokens\":12"));
	ck_assert_ptr_nonnull(strstr(u.text, "\"output_tokens\":7"));
	ck_assert_int_eq(chat_unit_answer(&u, &chat_codec_cohere, &chat_codec_anthropic, "{}"), -1);
	ck_assert_int_eq(chat_unit_error(&u, &chat_codec_cohere, &chat_codec_openai, 429,
				 "{\"message\":\"too many\",\"id\":\"x\"}"),
		429);
	ck_assert_ptr_nonnull(strstr(u.text, "too many"));
	chat_unit_fini(&u);
}
END_TEST

#define BEGIN                                                                         \
	"{\"id\":\"i1\",\"type\":\"message-start\",\"delta\":{\"message\":{\"role\":" \
	"\"assistant\"}}}\n"
#define TEXT(t)                                                                                  \
	"{\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":" \
	"\"" t "\"}}}}\n"
#define END(delta) "{\"type\":\"message-end\",\"delta\":" delta "}\n"
#define DONE                                                                                   \
	END("{\"finish_reason\":\"COMPLETE\",\"usage\":{\"billed_units\":{\"input_tokens\":3," \
	    "\"output_tokens\":2}}}")

static const struct {
	const char *what, *in, *out;
} streams[] = {
	{ "text",
		BEGIN TEXT("a") TEXT("b") "{\"type\":\"content-end\",\"index\":0}\n" DONE
					  "[DONE]\n",
		"start i1 \nopen text\n+ a\n+ b\nclose\nfinish stop\nusage input=3 "
		"output=2\nend\n" },
	{ "a plan, then a call",
		BEGIN
		"{\"type\":\"tool-plan-delta\",\"delta\":{\"message\":{\"tool_plan\":\"I\"}}}\n"
		"{\"type\":\"tool-call-start\",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{"
		"\"id\":"
		"\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}}}}\n"
		"{\"type\":\"tool-call-delta\",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{"
		"\"function\":{\"arguments\":\"{}\"}}}}}\n{\"type\":\"tool-call-end\",\"index\":0}"
		"\n" END("{\"finish_reason\":\"TOOL_CALL\"}"),
		"start i1 \nopen text\n+ I\nclose\nopen call c1 f\n+ {}\nclose\nfinish "
		"tool\nend\n" },
	{ "it ends in an error",
		BEGIN TEXT("a") END("{\"finish_reason\":\"ERROR\",\"error\":\"boom\"}"),
		"start i1 \nopen text\n+ a\nerror 500 : boom\n" },
	{ "a bare error", BEGIN "{\"message\":\"internal\"}\n",
		"start i1 \nerror 500 : internal\n" },
	{ "it breaks off", BEGIN TEXT("a"),
		"start i1 \nopen text\n+ a\nerror 502 : The provider's stream ended before the "
		"answer did.\n" },
	{ "what is not known is passed over", BEGIN "{\"type\":\"later\"}\n[]\n" DONE,
		"start i1 \nfinish stop\nusage input=3 output=2\nend\n" },
};

START_TEST(streams_as_events)
{
	struct chat_request rq = { 0 };
	struct chat_unit u;

	chat_unit_init(&u, "m");
	ck_assert_int_eq(chat_unit_stream(&u, &chat_codec_cohere, NULL, &rq, streams[_i].in, 0), 0);
	ck_assert_msg(strcmp(u.text, streams[_i].out) == 0, "%s:\n%s\nnot\n%s", streams[_i].what,
		u.text, streams[_i].out);
	chat_unit_fini(&u);
}
END_TEST

START_TEST(recordings)
{
	static const struct {
		const char *file, *end;
	} all[] = {
		{ "cohere-text.chunks.txt", "close\nfinish stop\nusage input=12 output=7\nend\n" },
		{ "cohere-reasoning.chunks.txt",
			"close\nfinish stop\nusage input=8 output=50\nend\n" },
		{ "cohere-tool-call.chunks.txt",
			"close\nfinish tool\nusage input=119 output=44\nend\n" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(all); i++) {
		char *in = chat_unit_recording(all[i].file);
		struct chat_request rq = { 0 };
		struct chat_unit u;
		size_t n = strlen(all[i].end);

		if (in == NULL)
			continue;
		chat_unit_init(&u, "m");
		ck_assert_int_eq(chat_unit_stream(&u, &chat_codec_cohere, NULL, &rq, in, 0), 0);
		ck_assert_msg(u.n >= n && strcmp(u.text + u.n - n, all[i].end) == 0, "%s: %s",
			all[i].file, u.text);
		chat_unit_fini(&u);
		free(in);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, requests, 0, TG_ARRAY_LEN(rows));
	tcase_add_test(tc, an_answer);
	tcase_add_loop_test(tc, streams_as_events, 0, TG_ARRAY_LEN(streams));
	tcase_add_test(tc, recordings);
}

UNIT_MAIN("cohere", tests)
