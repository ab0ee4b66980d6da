/*
 * check_responses.c: the Responses API as a client's dialect: its requests for a target that speaks
 * chat completions, that target's answers and streams as responses.
 */
#include <time.h>

#include "chat/responses_int.h"
#include "unit/chat/chat_unit.h"

static struct chat_unit u;
static struct chat_request rq;

static void setup(void)
{
	chat_unit_init(&u, "some-model");
	u.cx.id = STR("7");
	rq = (struct chat_request){ .stream = true };
}

static void teardown(void)
{
	chat_unit_fini(&u);
}

#define OUT(content) "{\"model\":\"some-model\",\"messages\":[" content "]"
/* 62 characters: with "__f" behind them, 65; and what becomes of those */
#define LONG "mcp__0123456789_0123456789_0123456789_0123456789_0123456789_01"
#define CUT  "mcp__0123456789_0123456789_0123456789_012345678_e3eadf412e4e61ac"
#define S64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HI   "{\"role\":\"user\",\"content\":\"hi\"}"

static const struct {
	const char *in, *out, *unsupported;
} requests[] = {
	{ "{\"model\":\"m\",\"input\":\"hi\"}", OUT(HI) "}", "" },
	{ "{\"instructions\":\"be\\nbrief\",\"input\":[{\"role\":\"user\",\"content\":\"hi\"},{"
	  "\"type\":\"message\",\"role\":\"developer\",\"content\":[{\"type\":\"input_text\","
	  "\"text\":\"d\"}]}]}",
		OUT("{\"role\":\"system\",\"content\":\"be\\nbrief\"}," HI
		    ",{\"role\":\"system\",\"content\":\"d\"}") "}",
		"" },
	{ "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"look\"},"
	  "{\"type\":\"input_image\",\"image_url\":\"https://a/b\",\"detail\":\"low\"},"
	  "{\"type\":\"input_image\",\"image_url\":\"data:image/"
	  "png;base64,QUJD\"},{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":\"data:"
	  "application/pdf;base64,QUJD\"},"
	  "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QUJD\",\"format\":\"mp3\"}},{"
	  "\"type\":\"hologram\"}]}]}",
		OUT("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"look\"},{"
		    "\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a/"
		    "b\",\"detail\":\"low\"}},"
		    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/"
		    "png;base64,QUJD\"}},{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\","
		    "\"file_data\":\"data:application/pdf;base64,QUJD\"}},"
		    "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QUJD\",\"format\":"
		    "\"mp3\"}}]}") "}",
		"input[].content[].hologram" },
	/* an assistant's turn is several items; results go together */
	{ "{\"input\":[{\"role\":\"user\",\"content\":\"hi\"},{\"type\":\"reasoning\",\"id\":\"rs_"
	  "1\",\"summary\":[],\"encrypted_content\":\"gAAA\"},"
	  "{\"type\":\"message\",\"role\":\"assistant\",\"id\":\"msg_1\",\"status\":\"completed\","
	  "\"content\":[{\"type\":\"output_text\",\"text\":\"a\",\"annotations\":[]}]},"
	  "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{"
	  "\\\"x\\\":1}\"},{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"g\","
	  "\"arguments\":\"\"},"
	  "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"1\"},{\"type\":"
	  "\"function_call_output\",\"call_id\":\"c2\",\"output\":[{\"type\":\"input_text\","
	  "\"text\":\"2\"}]}]}",
		OUT(HI ",{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":[{\"id\":\"c1\","
		       "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{"
		       "\\\"x\\\":1}\"}},"
		       "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"g\","
		       "\"arguments\":\"{}\"}}]},"
		       "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"1\"},{\"role\":"
		       "\"tool\",\"tool_call_id\":\"c2\",\"content\":\"2\"}") "}",
		"" },
	{ "{\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":"
	  "\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":true},{\"type\":"
	  "\"web_search\"}],"
	  "\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"},\"parallel_tool_calls\":true}",
		OUT(HI) ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
			"\"description\":\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{"
			"}},\"strict\":true}}],"
			"\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
			"\"parallel_tool_calls\":true}",
		"tools[].web_search" },
	{ "{\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":"
	  "\"function\",\"name\":\"g\"}],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":"
	  "\"auto\",\"tools\":[{\"type\":\"function\",\"name\":\"g\"}]}}",
		OUT(HI) ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"g\","
			"\"parameters\":{\"type\":\"object\",\"properties\":{}}}}],\"tool_choice\":"
			"\"auto\"}",
		"" },
	/* namespaces go into the names */
	{ "{\"input\":[{\"role\":\"user\",\"content\":\"hi\"},{\"type\":\"function_call\",\"call_"
	  "id\":\"c1\",\"namespace\":\"mcp__a\",\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":"
	  "\"function_call_output\",\"call_id\":\"c1\",\"output\":\"1\"}],\"client_metadata\":{"
	  "\"x\":\"y\"},\"tools\":[{\"type\":\"namespace\",\"name\":\"mcp__a\",\"description\":"
	  "\"A\\n\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"F\"},{"
	  "\"type\":\"custom\",\"name\":\"x\"},{\"type\":\"function\",\"name\":\"g\"}]},{\"type\":"
	  "\"namespace\",\"name\":\"b__\",\"tools\":[{\"type\":\"function\",\"name\":\"f\","
	  "\"description\":\"F\"}]}]}",
		OUT(HI ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"
		       "\"c1\",\"type\":\"function\",\"function\":{\"name\":\"mcp__a__f\","
		       "\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\","
		       "\"content\":\"1\"}") ",\"tools\":[{\"type\":\"function\",\"function\":{"
					     "\"name\":\"mcp__a__f\",\"description\":"
					     "\"A\\n\\n\\nF\",\"parameters\":{\"type\":"
					     "\"object\",\"properties\":{}}}},{\"type\":"
					     "\"function\",\"function\":{\"name\":\"mcp__a__"
					     "g\",\"parameters\":{\"type\":\"object\","
					     "\"properties\":{}}}},{\"type\":\"function\","
					     "\"function\":{\"name\":\"b__f\",\"description\":"
					     "\"F\",\"parameters\":{\"type\":\"object\","
					     "\"properties\":{}}}}]}",
		"tools[].namespace.custom" },
	/* what is allowed or chosen is named by both names, too, or is all of a namespace */
	{ "{\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":"
	  "\"namespace\",\"name\":\"a\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{"
	  "\"type\":\"function\",\"name\":\"g\"}]},{\"type\":\"namespace\",\"name\":\"b\","
	  "\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"function\",\"name\":\"g\"}"
	  "]}],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":[{"
	  "\"type\":\"namespace\",\"name\":\"a\"},{\"type\":\"function\",\"namespace\":\"b\","
	  "\"name\":\"f\"}]}}",
		OUT(HI) ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a__f\","
			"\"parameters\":{\"type\":\"object\",\"properties\":{}}}},{\"type\":"
			"\"function\",\"function\":{\"name\":\"a__g\",\"parameters\":{\"type\":"
			"\"object\",\"properties\":{}}}},{\"type\":\"function\",\"function\":{"
			"\"name\":\"b__f\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}"
			"],\"tool_choice\":\"required\"}",
		"" },
	{ "{\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":"
	  "\"namespace\",\"name\":\"a\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{"
	  "\"type\":\"function\",\"name\":\"g\"}]},{\"type\":\"namespace\",\"name\":\"b\","
	  "\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"function\",\"name\":\"g\"}"
	  "]}],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[{\"type\":"
	  "\"function\",\"name\":\"f\"},{\"type\":\"namespace\"}]}}",
		OUT(HI) ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
			"\"parameters\":{\"type\":\"object\",\"properties\":{}}}}],\"tool_choice\":"
			"\"auto\"}",
		"" },
	{ "{\"input\":\"hi\",\"tools\":[{\"type\":\"namespace\",\"name\":\"a\",\"tools\":[{"
	  "\"type\":\"function\",\"name\":\"f\"}]}],\"tool_choice\":{\"type\":\"function\","
	  "\"namespace\":\"a\",\"name\":\"f\"}}",
		OUT(HI) ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a__f\","
			"\"parameters\":{\"type\":\"object\",\"properties\":{}}}}],\"tool_choice\":"
			"{\"type\":\"function\",\"function\":{\"name\":\"a__f\"}}}",
		"" },
	/* a name that no API takes is cut, the same wherever it stands; one of other characters is
	 * for the provider to refuse */
	{ "{\"input\":[{\"role\":\"user\",\"content\":\"hi\"},{\"type\":\"function_call\",\"call_"
	  "id\":\"c1\",\"namespace\":\"" LONG "\",\"name\":\"f\",\"arguments\":\"{}\"}],\"tools\":["
	  "{\"type\":\"namespace\",\"name\":\"" LONG "\",\"tools\":[{\"type\":\"function\","
	  "\"name\":\"f\"},{\"type\":\"function\",\"name\":\"g.\"}]}]}",
		OUT(HI ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"
		       "\"c1\",\"type\":\"function\",\"function\":{\"name\":\"" CUT
		       "\",\"arguments\":\"{}\"}}]}") ",\"tools\":[{\"type\":\"function\","
						      "\"function\":"
						      "{\"name\":\"" CUT
						      "\",\"parameters\":{\"type\":\"object\","
						      "\"properties\":{}}}},"
						      "{\"type\":\"function\",\"function\":{"
						      "\"name\":\"" LONG "__g.\","
						      "\"parameters\":{\"type\":\"object\","
						      "\"properties\":{}}}}]}",
		"" },
	{ "{\"input\":\"hi\",\"max_output_tokens\":9,\"temperature\":0.5,\"top_p\":0.9,\"user\":"
	  "\"u\",\"service_tier\":\"auto\",\"stream\":true,\"reasoning\":{\"effort\":\"low\","
	  "\"summary\":\"auto\"},"
	  "\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"type\":"
	  "\"object\"},\"strict\":true},\"verbosity\":\"medium\"}}",
		OUT(HI) ",\"max_tokens\":9,\"temperature\":0.5,\"top_p\":0.9,\"response_format\":{"
			"\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{"
			"\"type\":\"object\"},\"strict\":true}},"
			"\"reasoning_effort\":\"low\",\"user\":\"u\",\"service_tier\":\"auto\","
			"\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
		"" },
	{ "{\"input\":\"hi\",\"store\":true,\"background\":true,\"truncation\":\"auto\",\"top_"
	  "logprobs\":2,\"text\":{\"verbosity\":\"low\"},\"include\":[\"message.output_text."
	  "logprobs\"],\"context_management\":[]}",
		OUT(HI) "}",
		"text.verbosity,background,store,top_logprobs,truncation,include.message.output_"
		"text.logprobs,context_management" },
	{ "{\"input\":\"hi\",\"store\":false,\"background\":false,\"truncation\":\"disabled\","
	  "\"include\":[\"reasoning.encrypted_content\"],\"metadata\":{},\"previous_response_id\":"
	  "null,\"text\":{\"format\":{\"type\":\"text\"}}}",
		OUT(HI) "}", "" },
	{ "{\"input\":[{\"role\":\"user\",\"content\":\"hi\"},{\"type\":\"web_search_call\",\"id\":"
	  "\"w\"}]}",
		OUT(HI) "}", "input[].web_search_call" },
	/* a picture that failed says nothing; one that was kept elsewhere is missing */
	{ "{\"input\":[{\"role\":\"user\",\"content\":\"hi\"},{\"type\":\"image_generation_call\","
	  "\"id\":\"i\",\"status\":\"failed\",\"result\":null}]}",
		OUT(HI) "}", "" },
	{ "{\"input\":[{\"role\":\"user\",\"content\":\"hi\"},{\"type\":\"image_generation_call\","
	  "\"id\":\"i\",\"status\":\"completed\",\"result\":null}]}",
		OUT(HI) "}", "input[].image_generation_call (without its result)" },
};

START_TEST(request)
{
	ck_assert_msg(chat_unit_request(&u, &chat_codec_responses, &chat_codec_openai,
			      requests[_i].in, &rq) == 0,
		"%s", u.cx.fail);
	CHAT_UNIT_TEXT(&u, requests[_i].out);
	ck_assert_str_eq(chat_unit_unsupported(&u), requests[_i].unsupported);
}
END_TEST

static const struct json_node *parse_many(struct arena *a, const char *json)
{
	struct json_node *root = NULL;
	struct json_fail fail;

	ck_assert_int_eq(json_tree_parse(a, str_z(json), 1000000, &root, &fail), 0);
	return root;
}

static const struct {
	const char *in, *fail;
} refused[] = {
	{ "{}", "'input' is missing." },
	{ "{\"input\":[]}", "'input' must be a string or an array of items." },
	{ "{\"input\":[1]}", "'input[0]' must be an object." },
	{ "{\"input\":[{\"role\":\"tool\",\"content\":\"x\"}]}",
		"'input[0]' must have a role: user, assistant, system or developer." },
	{ "{\"input\":[{\"role\":\"user\"}]}",
		"'input[0]' must have a string or an array of parts as its content." },
	{ "{\"input\":[{\"type\":\"function_call\",\"name\":\"f\"}]}",
		"'input[0]' is a function_call and must have a call_id and a name." },
	{ "{\"input\":\"hi\",\"tools\":[{\"type\":\"namespace\",\"name\":\"a\"}]}",
		"A namespace in 'tools' must have a name and 'tools'." },
	{ "{\"input\":\"hi\",\"tools\":[{\"type\":\"namespace\",\"name\":\"" S64 S64 S64 S64
	  "x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}]}",
		"The name of a namespace has 257 characters; 256 is the most that can be put "
		"before "
		"the names of its tools." },
	{ "{\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\","
	  "\"namespace\":\"" S64 S64 S64 S64 "x\"}]}",
		"The name of a namespace has 257 characters; 256 is the most that can be put "
		"before "
		"the names of its tools." },
	{ "{\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"a__f\"},{\"type\":"
	  "\"namespace\",\"name\":\"a\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}]}",
		"Two of 'tools' would both be called \"a__f\": the name of a namespace goes before "
		"those of its tools. Call one of them something else." },
	{ "{\"input\":[{\"type\":\"function_call_output\"}]}",
		"'input[0]' is a function_call_output and must have a call_id." },
	{ "{\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"}]}",
		"'input[0]' refers to an item that the provider would have had to keep: send the "
		"item itself." },
	{ "{\"input\":\"x\",\"previous_response_id\":\"resp_1\"}",
		"'previous_response_id' needs what an earlier request left at the provider; this "
		"model's target keeps nothing. Send the whole conversation in 'input'." },
	{ "{\"input\":\"x\",\"conversation\":{\"id\":\"c\"}}",
		"'conversation' needs what an earlier request left at the provider; this model's "
		"target keeps nothing. Send the whole conversation in 'input'." },
	{ "{\"input\":\"x\",\"reasoning\":{\"effort\":\"most\"}}",
		"'reasoning.effort' must be one of none, minimal, low, medium, high, xhigh, max." },
	{ "{\"input\":\"x\",\"text\":{\"format\":{\"type\":\"xml\"}}}",
		"'text.format' must be of type text, json_object or json_schema." },
};

START_TEST(refusal)
{
	ck_assert_int_eq(chat_unit_request(&u, &chat_codec_responses, &chat_codec_openai,
				 refused[_i].in, &rq),
		-1);
	ck_assert_str_eq(u.cx.fail, refused[_i].fail);
}
END_TEST

/* Some ten thousand tools, and as many that are allowed: one by one among the others, they would
 * keep a worker for half a minute. */
START_TEST(many_allowed)
{
	enum { N = 40000 };
	clock_t began;
	char *text = NULL;
	size_t len = 0, kept = 0;
	FILE *f = open_memstream(&text, &len);

	fprintf(f,
		"{\"input\":\"hi\",\"tools\":[{\"type\":\"namespace\",\"name\":\"a\",\"tools\":[");
	for (int i = 0; i < N; i++)
		fprintf(f, "%s{\"type\":\"function\",\"name\":\"f%d\"}", i > 0 ? "," : "", i);
	fprintf(f, "]}],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[");
	for (int i = 0; i < N; i++)
		fprintf(f, "%s{\"namespace\":\"a\",\"name\":\"f%d\"}", i > 0 ? "," : "", N / 2 + i);
	fprintf(f, "]}}");
	fclose(f);
	began = clock();
	ck_assert_int_eq(
		chat_codec_responses.read_request(&u.cx, parse_many(&u.arena, text), &rq), 0);
	for (const struct chat_tool *t = rq.tool; t != NULL; t = t->next) {
		struct str name = t->name;

		kept++;
		UNIT_STR_EQ(responses_space_of(&u.cx, &name), STR("a"));
	}
	ck_assert_uint_eq(kept, N / 2);
	ck_assert_int_lt((clock() - began) / CLOCKS_PER_SEC, 8);
	free(text);
}
END_TEST

/* ---- answers */

#define RESPONSE(status, why, items, usage)                                                        \
	"{\"id\":\"resp_7\",\"object\":\"response\",\"created_at\":1700000000,\"status\":"         \
	"\"" status "\",\"error\":null,\"incomplete_details\":" why ","                            \
	"\"model\":\"m\",\"output\":[" items "],\"instructions\":null,\"metadata\":{},\"parallel_" \
	"tool_calls\":true,\"previous_response_id\":null,"                                         \
	"\"store\":false,\"temperature\":null,\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":"    \
	"null,\"usage\":" usage "}"
#define MESSAGE(n, status, content)                                         \
	"{\"id\":\"msg_7_" n "\",\"type\":\"message\",\"status\":\"" status \
	"\",\"role\":\"assistant\",\"content\":[" content "]}"
#define TEXT(text) \
	"{\"type\":\"output_text\",\"text\":\"" text "\",\"annotations\":[],\"logprobs\":[]}"
#define CALL(n, status, id, name, args)                                          \
	"{\"id\":\"fc_7_" n "\",\"type\":\"function_call\",\"status\":\"" status \
	"\",\"call_id\":\"" id "\",\"name\":\"" name "\",\"arguments\":\"" args "\"}"
#define THOUGHT(n, summary, more) \
	"{\"id\":\"rs_7_" n "\",\"type\":\"reasoning\",\"summary\":[" summary "]" more "}"
#define SUMMARY(text) "{\"type\":\"summary_text\",\"text\":\"" text "\"}"
#define ANSWER(message, finish)                                                        \
	"{\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":" message \
	",\"finish_reason\":\"" finish "\"}]"

static const struct {
	const char *in, *out;
} answers[] = {
	{ ANSWER("{\"content\":\"a\\n\"}",
		  "stop") ",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"prompt_tokens_"
			  "details\":{\"cached_tokens\":4},\"completion_tokens_details\":{"
			  "\"reasoning_tokens\":1}}}",
		RESPONSE("completed", "null", MESSAGE("0", "completed", TEXT("a\\n")),
			"{\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":4},"
			"\"output_tokens\":3,\"output_tokens_details\":{\"reasoning_tokens\":1},"
			"\"total_tokens\":12}") },
	{ ANSWER("{\"content\":\"a\"}", "length") "}",
		RESPONSE("incomplete", "{\"reason\":\"max_output_tokens\"}",
			MESSAGE("0", "completed", TEXT("a")), "null") },
	{ ANSWER("{\"refusal\":\"no\"}", "content_filter") "}",
		RESPONSE("incomplete", "{\"reason\":\"content_filter\"}",
			MESSAGE("0", "completed", "{\"type\":\"refusal\",\"refusal\":\"no\"}"),
			"null") },
	{ ANSWER("{\"content\":\"a\",\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":"
		 "\"h\",\"signature\":\"s=\"},{\"type\":\"redacted_thinking\",\"data\":\"d\"}],"
		 "\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{"
		 "\\\"x\\\":1}\"},\"extra_content\":{\"google\":{\"thought_signature\":\"g\"}}}]}",
		  "tool_calls") "}",
		RESPONSE("completed", "null",
			THOUGHT("0", SUMMARY("h"),
				",\"encrypted_content\":\"thinking:s=\"") "," THOUGHT("1", "",
				",\"encrypted_content\":\"redacted:d\"") "," MESSAGE("2",
				"completed", TEXT("a")) "," CALL("3", "completed", "c", "f",
				"{\\\"x\\\":1}") "," THOUGHT("4", "",
				",\"encrypted_content\":\"signature:g\""),
			"null") },
	{ ANSWER("{\"reasoning_content\":\"h\"}", "stop") "}",
		RESPONSE("completed", "null", THOUGHT("0", SUMMARY("h"), ""), "null") },
};

START_TEST(answer)
{
	ck_assert_int_eq(
		chat_unit_answer(&u, &chat_codec_openai, &chat_codec_responses, answers[_i].in), 0);
	CHAT_UNIT_TEXT(&u, answers[_i].out);
}
END_TEST

START_TEST(malformed)
{
	ck_assert_int_eq(chat_unit_answer(&u, &chat_codec_openai, &chat_codec_responses,
				 ANSWER("{\"content\":null}", "error") "}"),
		0);
	ck_assert_ptr_nonnull(
		strstr(u.text, "\"status\":\"failed\",\"error\":{\"code\":\"server_error\","
			       "\"message\":\"The model's answer was malformed.\"}"));
}
END_TEST

/* What an answer gave comes back as it was, in the places where it belongs. */
START_TEST(opaque)
{
	const struct chat_part *p;

	ck_assert_int_eq(
		chat_unit_request(&u, &chat_codec_responses, &chat_codec_openai,
			"{\"input\":[{\"role\":\"user\",\"content\":\"hi\"}," THOUGHT("0",
				SUMMARY("h") "," SUMMARY("i"),
				",\"encrypted_content\":\"thinking:s=\"") "," THOUGHT("1", "",
				",\"encrypted_content\":\"redacted:d\\u00e4\"") "," MESSAGE("2",
				"completed", TEXT("a")) "," CALL("3", "completed", "c", "f",
				"{}") "," THOUGHT("4", "",
				",\"encrypted_content\":\"signature:g\"") "]}",
			&rq),
		0);
	p = rq.turn->next->part;
	ck_assert_int_eq(p->kind, PART_THINKING);
	UNIT_STR_EQ(p->text, STR("hi"));
	UNIT_STR_EQ(p->signature, STR("s="));
	p = rq.turn->next->next->part;
	ck_assert_int_eq(p->kind, PART_REDACTED);
	UNIT_STR_EQ(p->data, STR("d\\u00e4"));
	p = rq.turn->next->next->next->part;
	UNIT_STR_EQ(p->text, STR("a"));
	ck_assert_ptr_null(p->signature.p);
	p = rq.turn->next->next->next->next->part;
	ck_assert_int_eq(p->kind, PART_CALL);
	UNIT_STR_EQ(p->signature, STR("g"));
}
END_TEST

START_TEST(error)
{
	ck_assert_int_eq(chat_unit_error(&u, &chat_codec_openai, &chat_codec_responses, 429,
				 "{\"error\":{\"message\":\"slow\",\"type\":\"requests\"}}"),
		429);
	CHAT_UNIT_TEXT(&u, "{\"error\":{\"message\":\"slow\",\"type\":\"requests\",\"param\":null,"
			   "\"code\":null}}");
}
END_TEST

/* ---- streams */

#define CHUNK(delta, finish)                                                       \
	"{\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":" delta \
	",\"finish_reason\":" finish "}]}\n"
#define D(delta)    CHUNK(delta, "null")
#define END(finish) CHUNK("{}", "\"" finish "\"") "[DONE]\n"
#define E(type, n, members) \
	"event: " type "\ndata: {\"type\":\"" type "\",\"sequence_number\":" n "," members "}\n\n"
#define BEGUN                                                                                   \
	E("response.created", "0", "\"response\":" RESPONSE("in_progress", "null", "", "null")) \
	E("response.in_progress", "1", "\"response\":" RESPONSE("in_progress", "null", "", "null"))
#define ADDED(n, i, item) \
	E("response.output_item.added", n, "\"output_index\":" i ",\"item\":" item)
#define ITEM_DONE(n, i, item) \
	E("response.output_item.done", n, "\"output_index\":" i ",\"item\":" item)
#define IN_MSG(i) "\"item_id\":\"msg_7_" i "\",\"output_index\":" i ",\"content_index\":0,"
#define IN_RS(i)  "\"item_id\":\"rs_7_" i "\",\"output_index\":" i ",\"summary_index\":0,"
#define IN_FC(i)  "\"item_id\":\"fc_7_" i "\",\"output_index\":" i ","

static const struct {
	const char *in, *out;
} streams[] = {
	{ D("{\"content\":\"He\"}") D("{\"content\":\"y\\n\"}") END("stop"),
		BEGUN ADDED("2", "0", MESSAGE("0", "in_progress", "")) E(
			"response.content_part.added", "3",
			IN_MSG("0") "\"part\":" TEXT("")) E("response.output_text.delta", "4",
			IN_MSG("0") "\"delta\":\"He\",\"logprobs\":[]")
			E("response.output_text.delta", "5",
				IN_MSG("0") "\"delta\":\"y\\n\",\"logprobs\":[]")
				E("response.output_text.done", "6",
					IN_MSG("0") "\"text\":\"Hey\\n\",\"logprobs\":[]")
					E("response.content_part.done", "7",
						IN_MSG("0") "\"part\":" TEXT(
							"Hey\\n")) ITEM_DONE("8", "0",
						MESSAGE("0", "completed",
							TEXT("Hey\\n"))) E("response.completed",
						"9",
						"\"response\":" RESPONSE("completed", "null",
							MESSAGE("0", "completed", TEXT("Hey\\n")),
							"null")) },
	{ D("{\"reasoning_content\":\"h\",\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":"
	    "\"h\",\"signature\":\"s\"}]}") D("{\"refusal\":\"no\"}") END("length"),
		BEGUN ADDED("2", "0", THOUGHT("0", "", "")) E(
			"response.reasoning_summary_part.added", "3",
			IN_RS("0") "\"part\":" SUMMARY(
				"")) E("response.reasoning_summary_text.delta", "4",
			IN_RS("0") "\"delta\":\"h\"") E("response.reasoning_summary_text.done", "5",
			IN_RS("0") "\"text\":\"h\"") E("response.reasoning_summary_part.done", "6",
			IN_RS("0") "\"part\":" SUMMARY("h")) ITEM_DONE("7", "0",
			THOUGHT("0", SUMMARY("h"),
				",\"encrypted_content\":\"thinking:s\"")) ADDED("8", "1",
			MESSAGE("1", "in_progress", "")) E("response.content_part.added", "9",
			IN_MSG("1") "\"part\":{\"type\":\"refusal\",\"refusal\":\"\"}")
			E("response.refusal.delta", "10", IN_MSG("1") "\"delta\":\"no\"") E(
				"response.refusal.done", "11",
				IN_MSG("1") "\"refusal\":\"no\"") E("response.content_part.done",
				"12",
				IN_MSG("1") "\"part\":{\"type\":\"refusal\",\"refusal\":\"no\"}")
				ITEM_DONE("13", "1",
					MESSAGE("1", "completed",
						"{\"type\":\"refusal\",\"refusal\":\"no\"}"))
					E("response.incomplete", "14",
						"\"response\":" RESPONSE("incomplete",
							"{\"reason\":\"max_output_tokens\"}",
							THOUGHT("0", SUMMARY("h"),
								",\"encrypted_content\":\"thinking:"
								"s\"") "," MESSAGE("1", "completed",
								"{\"type\":\"refusal\",\"refusal\":"
								"\"no\"}"),
							"null")) },
	{ D("{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":"
	    "\"{\\\"x\"}}]}") D("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\":"
				"1}\"},"
				"\"extra_content\":{\"google\":{\"thought_signature\":\"g\"}}}]}")
			D("{\"tool_calls\":[{\"index\":1,\"id\":\"e\",\"function\":{\"name\":"
			  "\"g\"}}]}") "{\"choices\":[],\"usage\":{\"prompt_tokens\":1,"
				       "\"completion_tokens\":2}}\n" END("tool_calls"),
		BEGUN ADDED("2", "0", CALL("0", "in_progress", "c", "f", "")) E(
			"response.function_call_arguments.delta", "3",
			IN_FC("0") "\"delta\":\"{\\\"x\"") E("response.function_call_arguments."
							     "delta",
			"4", IN_FC("0") "\"delta\":\"\\\":1}\"") E("response.function_call_"
								   "arguments.done",
			"5",
			IN_FC("0") "\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"") ITEM_DONE("6",
			"0", CALL("0", "completed", "c", "f", "{\\\"x\\\":1}")) ADDED("7", "1",
			THOUGHT("1", "", "")) ITEM_DONE("8", "1",
			THOUGHT("1", "", ",\"encrypted_content\":\"signature:g\"")) ADDED("9", "2",
			CALL("2", "in_progress", "e", "g",
				"")) E("response.function_call_arguments.delta", "10",
			IN_FC("2") "\"delta\":\"{}\"") E("response.function_call_arguments.done",
			"11", IN_FC("2") "\"name\":\"g\",\"arguments\":\"{}\"") ITEM_DONE("12", "2",
			CALL("2", "completed", "e", "g", "{}")) E("response.completed", "13",
			"\"response\":" RESPONSE("completed", "null",
				CALL("0", "completed", "c", "f", "{\\\"x\\\":1}") "," THOUGHT("1",
					"", ",\"encrypted_content\":\"signature:g\"") "," CALL("2",
					"completed", "e", "g", "{}"),
				"{\"input_tokens\":1,\"input_tokens_details\":{\"cached_tokens\":0}"
				",\"output_tokens\":2,\"output_tokens_details\":{\"reasoning_"
				"tokens\":0},\"total_tokens\":3}")) },
};

START_TEST(stream)
{
	ck_assert_int_eq(chat_unit_stream(&u, &chat_codec_openai, &chat_codec_responses, &rq,
				 streams[_i].in, 0),
		0);
	CHAT_UNIT_TEXT(&u, streams[_i].out);
}
END_TEST

/* What was said until then is in the response that failed, and is marked as cut. */
START_TEST(stream_fails)
{
	chat_unit_stream(&u, &chat_codec_openai, &chat_codec_responses, &rq,
		D("{\"content\":\"a\"}") "{\"error\":{\"message\":\"m\",\"code\":429}}\n", 0);
	ck_assert_ptr_nonnull(strstr(u.text,
		E("error", "5",
			"\"code\":\"429\",\"message\":\"m\",\"param\":null,\"error\":{"
			"\"message\":\"m\",\"type\":\"rate_limit_error\",\"param\":null,"
			"\"code\":\"429\"}") "event: response.failed\ndata: "
					     "{\"type\":\"response.failed\","
					     "\"sequence_number\":6,\"response\":{"
					     "\"id\":\"resp_7\",\"object\":"
					     "\"response\","
					     "\"created_at\":1700000000,\"status\":"
					     "\"failed\",\"error\":{\"code\":"
					     "\"rate_limit_exceeded\",\"message\":"
					     "\"m\"},\"incomplete_details\":null,"
					     "\"model\":\"m\","
					     "\"output\":[" MESSAGE(
						     "0", "incomplete", TEXT("a")) "]"));
}
END_TEST

#define SPACED                                                                           \
	"{\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"g\"},{\"type\":" \
	"\"namespace\","                                                                 \
	"\"name\":\"a\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}]}"

/* A call of a tool in a namespace is told with its two names, whole and in a stream's items; any
 * other as it came. */
START_TEST(namespaces)
{
	static const char f[] = "\"name\":\"f\",\"namespace\":\"a\",\"arguments\":\"{}\"";
	const char *second;

	ck_assert_int_eq(
		chat_unit_request(&u, &chat_codec_responses, &chat_codec_openai, SPACED, &rq), 0);
	ck_assert_int_eq(
		chat_unit_answer(&u, &chat_codec_openai, &chat_codec_responses,
			ANSWER("{\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":"
			       "\"a__f\",\"arguments\":\"{}\"}},{\"id\":\"d\",\"function\":"
			       "{\"name\":\"g\",\"arguments\":\"{}\"}}]}",
				"tool_calls") "}"),
		0);
	ck_assert_ptr_nonnull(strstr(u.text, f));
	ck_assert_ptr_nonnull(strstr(u.text, "\"name\":\"g\",\"arguments\":"));
	rq.stream = true;
	chat_unit_stream(&u, &chat_codec_openai, &chat_codec_responses, &rq,
		D("{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"a__f\","
		  "\"arguments\":\"{}\"}}]}") "[DONE]\n",
		0);
	ck_assert_ptr_null(strstr(u.text, "a__f"));
	second = strstr(u.text, f);
	ck_assert_ptr_nonnull(second);
	ck_assert_ptr_nonnull(strstr(second + 1, f));
}
END_TEST

/* By a name that was cut, the call finds its two names all the same. */
START_TEST(cut_name)
{
	ck_assert_int_eq(
		chat_unit_request(&u, &chat_codec_responses, &chat_codec_openai,
			"{\"input\":\"hi\",\"tools\":[{\"type\":\"namespace\",\"name\":\"" LONG
			"\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}]}",
			&rq),
		0);
	ck_assert_int_eq(chat_unit_answer(&u, &chat_codec_openai, &chat_codec_responses,
				 ANSWER("{\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":"
					"\"" CUT "\",\"arguments\":\"{}\"}}]}",
					 "tool_calls") "}"),
		0);
	ck_assert_ptr_nonnull(strstr(u.text, "\"name\":\"f\",\"namespace\":\"" LONG "\""));
}
END_TEST

/* Thoughts in many pieces take as much memory as they are long, a few times; where that is not
 * there the answer fails: none of them is lost in silence. */
START_TEST(many_thoughts)
{
	enum { N = 20000 };
	static const size_t most[] = { 16 << 20, 64 << 10 };
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "{\"output\":[{\"type\":\"reasoning\",\"summary\":[");
	for (int i = 0; i < N; i++)
		fprintf(f, "%s{\"text\":\"thought\"}", i > 0 ? "," : "");
	fprintf(f, "]}]}");
	fclose(f);
	for (size_t i = 0; i < TG_ARRAY_LEN(most); i++) {
		const struct json_node *root = parse_many(&u.arena, text);
		struct chat_context cx = { .arena = &u.event_arena };
		struct chat_answer a = { 0 };

		arena_init(&u.event_arena, NULL, most[i]);
		if (i == 0) {
			ck_assert_int_eq(chat_codec_responses.read_answer(&cx, root, &a), 0);
			ck_assert_uint_eq(a.choice[0].part->text.n, N * 7 + (N - 1) * 4);
		} else {
			ck_assert_int_eq(chat_codec_responses.read_answer(&cx, root, &a), -1);
			ck_assert_str_eq(
				cx.fail, "The provider's answer is too large to be translated.");
		}
		arena_fini(&u.event_arena);
	}
	free(text);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, request, 0, (int)TG_ARRAY_LEN(requests));
	tcase_add_loop_test(tc, refusal, 0, (int)TG_ARRAY_LEN(refused));
	tcase_add_test(tc, many_allowed);
	tcase_add_loop_test(tc, answer, 0, (int)TG_ARRAY_LEN(answers));
	tcase_add_test(tc, malformed);
	tcase_add_test(tc, many_thoughts);
	tcase_add_test(tc, opaque);
	tcase_add_test(tc, namespaces);
	tcase_add_test(tc, cut_name);
	tcase_add_test(tc, error);
	tcase_add_loop_test(tc, stream, 0, (int)TG_ARRAY_LEN(streams));
	tcase_add_test(tc, stream_fails);
}

UNIT_MAIN("responses", tests)
