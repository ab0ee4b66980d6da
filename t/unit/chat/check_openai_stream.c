/*
 * check_openai_stream.c: streams of chat completions: chunks as events, whatever copies of the API
 * make of them; events as chunks; recorded streams to their ends.
 */
#include "unit/chat/chat_unit.h"

static struct chat_unit u;
static struct chat_request rq;

static void setup(void)
{
	chat_unit_init(&u, "some-model");
	rq = (struct chat_request){ .stream = true };
}

static void teardown(void)
{
	chat_unit_fini(&u);
}

/* ---- chunks as events */

#define CHUNK(delta, finish)                                                       \
	"{\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":" delta \
	",\"finish_reason\":" finish "}],\"usage\":null}\n"
#define D(delta)    CHUNK(delta, "null")
#define END(finish) CHUNK("{}", "\"" finish "\"")
#define USAGE                                                                                      \
	"{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"total_tokens\":" \
	"12}}\n"
#define DONE          "[DONE]\n"
#define TOOL(members) D("{\"tool_calls\":[{" members "}]}")
#define BEGIN_F                                                                        \
	"\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\"," \
	"\"arguments\":\"\"}"
#define BEGIN_G                                                                        \
	"\"index\":1,\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\"," \
	"\"arguments\":\"\"}"
#define ARGS(i, a) "\"index\":" i ",\"function\":{\"arguments\":\"" a "\"}"

static const struct {
	const char *in, *out;
} streams[] = {
	{ D("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}") D("{\"content\":\"He\"}")
			D("{\"content\":\"y\\n\"}") END("stop") USAGE DONE,
		"start x m\nopen text\n+ He\n+ y\\n\nclose\nfinish stop\nusage input=9 "
		"output=3\nend\n" },
	/* no usage; no [DONE], but every choice has ended */
	{ D("{\"content\":\"a\"}") END("length"),
		"start x m\nopen text\n+ a\nclose\nfinish length\nend\n" },
	/* cut off */
	{ D("{\"content\":\"a\"}"), "start x m\nopen text\n+ a\nerror 502 server_error: The "
				    "provider's answer ended before it was complete.\n" },
	{ "", "error 502 server_error: The provider's answer ended before it was complete.\n" },
	{ DONE, "error 502 server_error: The provider sent an empty answer.\n" },
	{ D("{\"content\":\"a\"}") "{\"id\":\n",
		"start x m\nopen text\n+ a\nerror 502 server_error: The provider sent an event "
		"that is not JSON.\n" },
	/* Azure: filters first, without id; keep-alives that are no JSON */
	{ "{\"choices\":[],\"id\":\"\",\"model\":\"\",\"prompt_filter_results\":[]}\n\nOK\n" D(
		  "{\"content\":\"a\"}") END("content_filter") DONE,
		"start x m\nopen text\n+ a\nclose\nfinish filter\nend\n" },
	/* usage in every chunk is cumulative; null and absent clear nothing */
	{ "{\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{"
	  "\"prompt_tokens\":5,\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_"
	  "tokens\":2}}}\n"
	  "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":5,"
	  "\"completion_tokens\":2,\"prompt_tokens_details\":null}}\n" END("stop") DONE,
		"start x m\nopen text\n+ a\nclose\nfinish stop\nusage input=3 input_cache_read=2 "
		"output=2\nend\n" },
	/* Perplexity ends without [DONE]; Moonshot's usage is in the choice; Groq's has a place of
	   its own */
	{ "{\"id\":\"x\",\"model\":\"m\",\"object\":\"chat.completion.done\",\"choices\":[{"
	  "\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\",\"usage\":{\"prompt_tokens\":1,"
	  "\"completion_tokens\":2}}]}\n",
		"start x m\nopen text\n+ a\nclose\nfinish stop\nusage input=1 output=2\nend\n" },
	{ D("{\"content\":\"a\"}") "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"x_"
				   "groq\":{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1}"
				   "}}\n" DONE,
		"start x m\nopen text\n+ a\nclose\nfinish stop\nusage input=7 output=1\nend\n" },
	/* thoughts */
	{ D("{\"reasoning_content\":\"h\",\"content\":null}") D("{\"reasoning_content\":\"m\"}")
			D("{\"content\":\"a\"}") END("stop") DONE,
		"start x m\nopen thinking\n+ h\n+ m\nclose\nopen text\n+ a\nclose\nfinish "
		"stop\nend\n" },
	{ D("{\"reasoning\":\"h\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":"
	    "\"h\",\"index\":0}]}")
			D("{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"s="
			  "\",\"index\":0},{\"type\":\"reasoning.encrypted\",\"data\":\"e\"}]}")
				D("{\"content\":\"a\"}") END("stop") DONE,
		"start x m\nopen thinking\n+ h\nclose s=\nopen redacted e\nclose\nopen text\n+ "
		"a\nclose\nfinish stop\nend\n" },
	{ D("{\"reasoning_content\":\"a\",\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":"
	    "\"a\"}]}") D("{\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"\","
			  "\"signature\":\"1\"}]}")
			D("{\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"\","
			  "\"signature\":\"2\"}]}") END("stop") DONE,
		"start x m\nopen thinking\n+ a\nclose 1\nopen thinking\nclose 2\nfinish "
		"stop\nend\n" },
	{ D("{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"h\"}]"
	    "}]}") D("{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}") END("stop") DONE,
		"start x m\nopen thinking\n+ h\nclose\nopen text\n+ a\nclose\nfinish stop\nend\n" },
	{ D("{\"refusal\":\"no\"}") END("stop") DONE,
		"start x m\nopen refusal\n+ no\nclose\nfinish stop\nend\n" },
	/* calls */
	{ D("{\"content\":\"a\"}") TOOL(BEGIN_F) TOOL(ARGS("0", "{\\\"x\\\":")) TOOL(
		  ARGS("0", "1}")) TOOL(BEGIN_G) TOOL(ARGS("1", "{}")) END("tool_calls") DONE,
		"start x m\nopen text\n+ a\nclose\nopen call a f\n+ {\\\"x\\\":\n+ 1}\nclose\nopen "
		"call b g\n+ {}\nclose\nfinish tool\nend\n" },
	/* a plain stop with calls; the first index is 1; no arguments at all */
	{ TOOL(BEGIN_G) END("stop") DONE, "start x m\nopen call b g\nclose\nfinish tool\nend\n" },
	/* names resent: empty, or the same */
	{ TOOL(BEGIN_F) TOOL("\"index\":0,\"function\":{\"name\":\"\",\"arguments\":\"{\"}") TOOL(
		  "\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"}\"}")
			END("tool_calls") DONE,
		"start x m\nopen call a f\n+ {\n+ }\nclose\nfinish tool\nend\n" },
	/* an id that is empty in what follows */
	{ TOOL(BEGIN_F) TOOL("\"index\":0,\"id\":\"\",\"function\":{\"arguments\":\"{}\"}")
			END("tool_calls") DONE,
		"start x m\nopen call a f\n+ {}\nclose\nfinish tool\nend\n" },
	/* no index: whole calls one after the other, with ids and without */
	{ TOOL("\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")
			TOOL("\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")
				END("tool_calls") DONE,
		"start x m\nopen call a f\n+ {}\nclose\nopen call b f\n+ {}\nclose\nfinish "
		"tool\nend\n" },
	{ TOOL("\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")
			TOOL("\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")
				TOOL("\"function\":{\"name\":\"g\",\"arguments\":\"\"}")
					END("tool_calls") DONE,
		"start x m\nopen call call_id_of_ours_0 f\n+ {}\nclose\nopen call "
		"call_id_of_ours_1 f\n+ {}\nclose\nopen call call_id_of_ours_2 g\nclose\nfinish "
		"tool\nend\n" },
	/* every call has index 0, and its own id */
	{ TOOL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}") TOOL(
		  "\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")
			END("stop") DONE,
		"start x m\nopen call a f\n+ {}\nclose\nopen call b f\n+ {}\nclose\nfinish "
		"tool\nend\n" },
	/* the name comes after the id */
	{ TOOL("\"index\":0,\"id\":\"a\"") TOOL("\"index\":0,\"function\":{\"name\":\"f\"}")
			TOOL(ARGS("0", "{}")) END("tool_calls") DONE,
		"start x m\nopen call a f\n+ {}\nclose\nfinish tool\nend\n" },
	/* two in one chunk; text after a call; more of a call that is over */
	{ D("{\"tool_calls\":[{" BEGIN_F "},{" BEGIN_G "}]}") D("{\"content\":\"t\"}")
			TOOL(ARGS("0", "")) END("tool_calls") DONE,
		"start x m\nopen call a f\nclose\nopen call b g\nclose\nopen text\n+ "
		"t\nclose\nfinish tool\nend\n" },
	{ TOOL(BEGIN_F) TOOL(BEGIN_G) TOOL(ARGS("0", "{}")) END("tool_calls") DONE,
		"start x m\nopen call a f\nclose\nopen call b g\nerror 502 server_error: "
		"The provider's tool calls are interleaved.\n" },
	/* Gemini's signatures */
	{ TOOL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},"
	       "\"extra_content\":{\"google\":{\"thought_signature\":\"g+/=\"}}") END("stop") DONE,
		"start x m\nopen call a f\n+ {}\nclose g+/=\nfinish tool\nend\n" },
	{ D("{\"content\":\"t\",\"extra_content\":{\"google\":{\"thought_signature\":\"g\"}}}")
			END("stop") DONE,
		"start x m\nopen text\n+ t\nclose g\nfinish stop\nend\n" },
	/* errors in the stream */
	{ D("{\"content\":\"a\"}") "{\"error\":{\"message\":\"m\",\"type\":\"server_error\","
				   "\"code\":503}}\n" D("{\"content\":\"b\"}") DONE,
		"start x m\nopen text\n+ a\nerror 503 server_error: m\n" },
	{ "!error\n{\"message\":\"m\",\"type\":\"rate_limit_error\"}\n",
		"error 429 rate_limit_error: m\n" },
	{ "{\"error\":\"text\"}\n", "error 502 : text\n" },
	{ "{\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}],\"error\":{\"code\":502,"
	  "\"message\":\"o\"}}\n",
		"error 502 : o\n" },
	{ D("{\"content\":\"a\"}") "{\"x_groq\":{\"error\":\"g\"},\"choices\":[]}\n",
		"start x m\nopen text\n+ a\nerror 502 : g\n" },
	/* an ending nobody knows; an error as an ending is never a silent stop */
	{ D("{\"content\":\"a\"}") END("whatever") DONE,
		"start x m\nopen text\n+ a\nclose\nfinish stop\nend\n" },
	{ D("{\"content\":\"a\"}") END("error") DONE,
		"start x m\nopen text\n+ a\nclose\nfinish error\nend\n" },
	{ D("{\"content\":\"a\"}") DONE, "start x m\nopen text\n+ a\nclose\nfinish stop\nend\n" },
	/* a choice too many; unknown members and shapes are passed over */
	{ "{\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"index\":99,\"delta\":{\"content\":\"z\"}},"
	  "7,{\"delta\":7}],\"moderation\":{}}\n" D(
		  "{\"content\":\"a\",\"audio\":{},\"annotations\":[]}") END("stop") DONE,
		"start x m\nopen text\n+ a\nclose\nfinish stop\nend\n" },
};

START_TEST(reading)
{
	ck_assert_int_eq(chat_unit_stream(&u, &chat_codec_openai, NULL, &rq, streams[_i].in, 0), 0);
	CHAT_UNIT_TEXT(&u, streams[_i].out);
}
END_TEST

/* A sink that is gone stops the reader at once, wherever it is. */
START_TEST(sink_gone)
{
	unsigned lines = 0;

	for (const char *p = streams[_i].out; *p != '\0'; p++)
		lines += *p == '\n';
	for (unsigned n = 1; n <= lines; n++)
		ck_assert_int_eq(
			chat_unit_stream(&u, &chat_codec_openai, NULL, &rq, streams[_i].in, n), -1);
}
END_TEST

/* ---- events as chunks */

#define HEAD                                                                                  \
	"data: "                                                                              \
	"{\"id\":\"id_of_ours\",\"object\":\"chat.completion.chunk\",\"created\":1700000000," \
	"\"model\":\"m\",\"choices\":["
#define C(delta, finish) HEAD "{\"index\":0,\"delta\":" delta ",\"finish_reason\":" finish "}]}\n\n"
#define W(delta)         C(delta, "null")
#define ROLE             W("{\"role\":\"assistant\",\"content\":\"\"}")
#define FIN(why)         C("{}", "\"" why "\"")
#define OVER             "data: [DONE]\n\n"

static const struct {
	const char *in, *out;
} written[] = {
	{ D("{\"content\":\"He\"}") D("{\"content\":\"y\\n\"}") END("stop") USAGE DONE,
		ROLE W("{\"content\":\"He\"}") W("{\"content\":\"y\\n\"}") FIN("stop") OVER },
	{ D("{\"reasoning\":\"h\"}") D("{\"content\":\"a\"}") END("length") DONE,
		ROLE W("{\"reasoning_content\":\"h\",\"thinking_blocks\":[{\"index\":0,\"type\":"
		       "\"thinking\",\"thinking\":\"h\"}]}") W("{\"content\":\"a\"}") FIN("length")
			OVER },
	{ D("{\"reasoning_details\":[{\"text\":\"h\",\"signature\":\"s\"},{\"data\":\"e\"},{"
	    "\"text\":\"i\",\"signature\":\"t\"}]}") END("stop") DONE,
		ROLE W("{\"reasoning_content\":\"h\",\"thinking_blocks\":[{\"index\":0,\"type\":"
		       "\"thinking\",\"thinking\":\"h\"}]}") W("{\"thinking_blocks\":[{\"index\":0,"
							       "\"type\":\"thinking\",\"thinking\":"
							       "\"\",\"signature\":\"s\"}]}")
			W("{\"thinking_blocks\":[{\"index\":1,\"type\":\"redacted_thinking\","
			  "\"data\":\"e\"}]}") W("{\"reasoning_content\":\"i\",\"thinking_blocks\":"
						 "[{\"index\":2,"
						 "\"type\":\"thinking\",\"thinking\":\"i\"}]}")
				W("{\"thinking_blocks\":[{\"index\":2,\"type\":\"thinking\","
				  "\"thinking\":\"\",\"signature\":\"t\"}]}") FIN("stop") OVER },
	{ TOOL(BEGIN_G) TOOL(ARGS("1", "{\\\"x\\\":1}")) TOOL(
		  "\"index\":2,\"id\":\"c\",\"function\":{\"name\":\"h\"}") END("tool_calls") DONE,
		ROLE W("{\"tool_calls\":[{\"index\":0,\"id\":\"b\",\"type\":\"function\","
		       "\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]}")
			W("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\":"
			  "1}"
			  "\"}}]}")
				W("{\"tool_calls\":[{\"index\":1,\"id\":\"c\",\"type\":"
				  "\"function\",\"function\":{\"name\":\"h\",\"arguments\":\"\"}}"
				  "]}") W("{\"tool_calls\":[{\"index\":1,\"function\":{"
					  "\"arguments\":\"{}\"}}]}") FIN("tool_calls") OVER },
	{ TOOL("\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},\"extra_content\":{"
	       "\"google\":{\"thought_signature\":\"g\"}}") END("stop") DONE,
		ROLE W("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\","
		       "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}")
			W("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}")
				W("{\"tool_calls\":[{\"index\":0,\"extra_content\":{\"google\":{"
				  "\"thought_signature\":\"g\"}}}]}") FIN("tool_calls") OVER },
	{ D("{\"content\":\"t\",\"extra_content\":{\"google\":{\"thought_signature\":\"g\"}}}")
			D("{\"refusal\":\"no\"}") END("content_filter") DONE,
		ROLE W("{\"content\":\"t\"}")
			W("{\"extra_content\":{\"google\":{\"thought_signature\":\"g\"}}}")
				W("{\"refusal\":\"no\"}") FIN("content_filter") OVER },
	{ D("{\"content\":\"a\"}") "{\"error\":{\"message\":\"m\"}}\n",
		ROLE W("{\"content\":\"a\"}") "data: "
					      "{\"error\":{\"message\":\"m\",\"type\":\"server_"
					      "error\",\"param\":null,\"code\":null}}\n\n" },
};

START_TEST(writing)
{
	ck_assert_int_eq(chat_unit_stream(&u, &chat_codec_openai, &chat_codec_openai, &rq,
				 written[_i].in, 0),
		0);
	CHAT_UNIT_TEXT(&u, written[_i].out);
}
END_TEST

START_TEST(usage_chunk)
{
	rq.stream_usage = true;
	chat_unit_stream(&u, &chat_codec_openai, &chat_codec_openai, &rq,
		D("{\"content\":\"a\"}") END("stop") USAGE DONE, 0);
	CHAT_UNIT_TEXT(&u, HEAD
		"{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_"
		"reason\":null}],\"usage\":null}\n\n" HEAD
		"{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}],\"usage\":"
		"null}\n\n" HEAD
		"{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n" HEAD
		"],\"usage\":{\"prompt_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":0},"
		"\"completion_tokens\":3,"
		"\"completion_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":12}}"
		"\n\n" OVER);
}
END_TEST

/* Two choices, each with its role, its calls counted from 0, its finish. */
START_TEST(choices)
{
	chat_unit_stream(&u, &chat_codec_openai, &chat_codec_openai, &rq,
		"{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}},{"
		"\"index\":1,\"delta\":{\"tool_calls\":[{" BEGIN_F "}]}}]}\n"
		"{\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"},{\"index\":0,"
		"\"delta\":{},\"finish_reason\":\"length\"}]}\n" DONE,
		0);
	CHAT_UNIT_TEXT(&u, ROLE W("{\"content\":\"a\"}") HEAD
		"{\"index\":1,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,"
		"\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
		"\"\"}}]},\"finish_reason\":null}]}\n\n" FIN("length") HEAD
		"{\"index\":1,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
		"\"{}\"}}]},\"finish_reason\":null}]}\n\n" HEAD
		"{\"index\":1,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n" OVER);
}
END_TEST

/* ---- recorded */

static const struct {
	const char *file, *end; /* the last lines of its events */
} recordings[] = {
	{ "openai-text.EXCERPT.chunks.txt",
		"close\nfinish stop\nusage input=16 output=300\nend\n" },
	{ "azure-model-router.1.chunks.txt",
		"close\nfinish stop\nusage input=15 output=14 output_reasoning=64\nend\n" },
	{ "alibaba-tool-call.chunks.txt", "close\nfinish tool\nusage input=295 output=22\nend\n" },
	{ "deepseek-reasoning.EXCERPT.chunks.txt",
		"close\nfinish stop\nusage input=18 output=14 output_reasoning=205\nend\n" },
	{ "deepseek-tool-call.chunks.txt",
		"+ }\nclose\nfinish tool\nusage input=19 input_cache_read=320 output=44 "
		"output_reasoning=39\nend\n" },
	{ "groq-tool-call.chunks.txt", "open call tk85n1k4m weather\n+ {}\nclose\nfinish "
				       "tool\nusage input=210 output=15\nend\n" },
	{ "mistral-incremental-tool-call.chunks.txt",
		"open call chatcmpl-tool-9f149c74c42f265b webSearchTool\n+ {\\\"query\\\": "
		"\\\"current Berlin weather\\\"}\nclose\nfinish tool\nusage input=43 "
		"input_cache_read=128 output=14\nend\n" },
	{ "mistral-reasoning.chunks.txt", "close\nopen text\n+ 2 + 2 = 4\nclose\nfinish "
					  "stop\nusage input=10 output=46\nend\n" },
	{ "mistral-text.chunks.txt", "close\nfinish stop\nusage input=13 output=8\nend\n" },
	{ "mistral-tool-call.chunks.txt",
		"open call gSIMJiOkT weather\n+ {\\\"location\\\": \\\"San "
		"Francisco\\\"}\nclose\nfinish tool\nusage input=124 output=22\nend\n" },
	{ "moonshotai-stream.chunks.txt",
		"close\nopen text\n+ Hello\n+ !\nclose\nfinish stop\nusage input=9 output=5 "
		"output_reasoning=7\nend\n" },
	{ "perplexity-text.chunks.txt", "close\nfinish stop\nusage input=11 output=434\nend\n" },
	{ "xai-text.chunks.txt", "close\nfinish stop\nusage input=1 input_cache_read=11 output=1 "
				 "output_reasoning=290\nend\n" },
	{ "xai-tool-call.chunks.txt", "close\nfinish tool\nusage input=1 input_cache_read=290 "
				      "output=26 output_reasoning=196\nend\n" },
};

START_TEST(recorded)
{
	char *text = chat_unit_recording(recordings[_i].file);

	if (text == NULL)
		return;
	ck_assert_int_eq(chat_unit_stream(&u, &chat_codec_openai, NULL, &rq, text, 0), 0);
	ck_assert_msg(str_ends(str_mk(u.text, u.n), str_z(recordings[_i].end)), "%s ends in\n%s",
		recordings[_i].file, u.text + (u.n > 400 ? u.n - 400 : 0));
	ck_assert_int_eq(strncmp(u.text, "start ", 6), 0);
	free(text);
}
END_TEST

/* A relay whose first call has index 1, with its framing: what stands behind "data: ". */
START_TEST(recorded_relay)
{
	char *text = chat_unit_recording("anthropic-fallback-tool-call.sse"), *to = text;

	if (text == NULL)
		return;
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		size_t n = strlen(line);

		ck_assert(str_starts(str_z(line), STR("data: ")));
		memmove(to, line + 6, n - 6);
		to += n - 6;
		*to++ = '\n';
	}
	*to = '\0';
	ck_assert_int_eq(chat_unit_stream(&u, &chat_codec_openai, NULL, &rq, text, 0), 0);
	CHAT_UNIT_TEXT(&u, "start msg_sanitized claude-haiku-4-5-20251001\nopen text\n+ Reading\n+ "
			   " it.\nclose\n"
			   "open call toolu_sanitized read_file\n+ {\\\"pa\n+ th\\\": "
			   "\\\"a.txt\\\"}\nclose\nfinish tool\nend\n");
	free(text);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, reading, 0, (int)TG_ARRAY_LEN(streams));
	tcase_add_loop_test(tc, sink_gone, 0, (int)TG_ARRAY_LEN(streams));
	tcase_add_loop_test(tc, writing, 0, (int)TG_ARRAY_LEN(written));
	tcase_add_test(tc, usage_chunk);
	tcase_add_test(tc, choices);
	tcase_add_loop_test(tc, recorded, 0, (int)TG_ARRAY_LEN(recordings));
	tcase_add_test(tc, recorded_relay);
}

UNIT_MAIN("openai_stream", tests)
