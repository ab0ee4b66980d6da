/*
 * check_converse.c: Bedrock's Converse as a target: requests of an Anthropic client (whose API says
 * most of what there is to say) as they go to Bedrock, answers, errors and streams as events; and
 * recorded streams, which end in the usage and finish reason they show.
 */
#include "chat/converse.h"
#include "unit/chat/chat_unit.h"

#define CLAUDE "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define NEWEST "us.anthropic.claude-opus-5-5-v1:0"
#define NOVA   "amazon.nova-lite-v1:0"
#define HI     "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define HI_OUT "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]"
#define MAX    "\"max_tokens\":100,"
#define TOOL \
	"\"tools\":[{\"name\":\"f\",\"description\":\"\",\"input_schema\":{\"type\":\"object\"}}]"
#define TOOL_OUT                                                                    \
	"\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":" \
	"{\"json\":{\"type\":\"object\"}}}}]"
#define USER(content)  "{\"role\":\"user\",\"content\":" content "}"
#define MODEL(content) "{\"role\":\"assistant\",\"content\":" content "}"
#define LIMIT          "\"inferenceConfig\":{\"maxTokens\":100}"

struct row {
	const char *what, *model, *in, *out, *unsupported;
};

static const struct row rows[] = {
	{ "the least", CLAUDE, "{" MAX HI "}", "{" HI_OUT "," LIMIT "}", "" },
	{ "system, several, none empty", CLAUDE,
		"{" MAX
		"\"system\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\" \"},"
		"{\"type\":\"text\",\"text\":\"b\",\"cache_control\":{\"type\":\"ephemeral\","
		"\"ttl\":\"1h\"}}]," HI "}",
		"{" HI_OUT
		",\"system\":[{\"text\":\"a\"},{\"text\":\"b\"},{\"cachePoint\":{\"type\":"
		"\"default\",\"ttl\":\"1h\"}}]," LIMIT "}",
		"" },
	{ "no cache points where the model has none", "meta.llama3-1-8b-instruct-v1:0",
		"{" MAX "\"system\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":"
		"\"ephemeral\"}}]," HI "}",
		"{" HI_OUT ",\"system\":[{\"text\":\"a\"}]," LIMIT "}", "" },
	{ "turns of one role are joined, blank ones left out", CLAUDE,
		"{" MAX "\"messages\":[" USER("\"a\"") "," USER("\"b\"") "," MODEL(
			"\" \\n\"") "," USER("\"c\"") "]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},{\"text\":\"b\"},{"
		"\"text\":"
		"\"c\"}]}]," LIMIT "}",
		"" },
	{ "an answer's beginning ends without white space", CLAUDE,
		"{" MAX "\"messages\":[" USER("\"a\"") "," MODEL("\"So: \\n\"") "]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},{\"role\":"
		"\"assistant\","
		"\"content\":[{\"text\":\"So:\"}]}]," LIMIT "}",
		"" },
	{ "an image", CLAUDE,
		"{" MAX
		"\"messages\":[" USER("[{\"type\":\"image\",\"source\":{\"type\":\"base64\","
				      "\"media_type\":\"image/jpg\",\"data\":\"QQ==\"}}]") "]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":{\"format\":\"jpeg\","
		"\"source\":{"
		"\"bytes\":\"QQ==\"}}}]}]," LIMIT "}",
		"" },
	{ "an image that lies elsewhere", CLAUDE,
		"{" MAX "\"messages\":[" USER(
			"[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\",\"source\":{"
			"\"type\":\"url\",\"url\":\"https://x/y.png\"}}]") "]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}]," LIMIT "}",
		"messages[].content[].image by URL (send the image itself, as base64 or a data: "
		"URL)" },
	{ "an image that Bedrock can fetch", CLAUDE,
		"{" MAX "\"messages\":[" USER("[{\"type\":\"image\",\"source\":{"
					      "\"type\":\"url\",\"url\":\"s3://b/y.png\"}}]") "]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":{\"format\":\"png\","
		"\"source\":{"
		"\"s3Location\":{\"uri\":\"s3://b/y.png\"}}}}]}]," LIMIT "}",
		"" },
	{ "documents have names, no two alike", CLAUDE,
		"{" MAX "\"messages\":[" USER("[{\"type\":\"document\",\"title\":\"My_report "
					      "(v2).final.pdf\",\"source\":{"
					      "\"type\":\"base64\",\"media_type\":\"application/"
					      "pdf\",\"data\":\"QQ==\"}},{\"type\":\"document\","
					      "\"source\":{\"type\":\"base64\",\"media_type\":"
					      "\"application/pdf\",\"data\":\"Qg==\"}}]") "]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"document\":{\"format\":\"pdf\","
		"\"name\":\"My "
		"report (v2) final "
		"1\",\"source\":{\"bytes\":\"QQ==\"}}},{\"document\":{\"format\":\"pdf\","
		"\"name\":\"document 2\",\"source\":{\"bytes\":\"Qg==\"}}}]}]," LIMIT "}",
		"" },
	{ "tools", CLAUDE, "{" MAX TOOL "," HI "}", "{" HI_OUT "," LIMIT "," TOOL_OUT "}}", "" },
	{ "one that is demanded", CLAUDE,
		"{" MAX TOOL ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\"}," HI "}",
		"{" HI_OUT "," LIMIT "," TOOL_OUT ",\"toolChoice\":{\"tool\":{\"name\":\"f\"}}}}",
		"" },
	{ "any, and one at a time", CLAUDE,
		"{" MAX TOOL
		",\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}," HI "}",
		"{" HI_OUT "," LIMIT "," TOOL_OUT "},"
		"\"additionalModelRequestFields\":{\"tool_choice\":{\"type\":\"auto\","
		"\"disable_parallel_tool_use\":true}}}",
		"" },
	{ "one that is demanded, and one at a time", CLAUDE,
		"{" MAX TOOL ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\","
		"\"disable_parallel_tool_use\":true}," HI "}",
		"{" HI_OUT "," LIMIT "," TOOL_OUT
		"},\"additionalModelRequestFields\":{\"tool_choice\":{\"type\":\"tool\","
		"\"name\":\"f\",\"disable_parallel_tool_use\":true}}}",
		"" },
	{ "any of them, and one at a time", CLAUDE,
		"{" MAX TOOL
		",\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true}," HI "}",
		"{" HI_OUT "," LIMIT "," TOOL_OUT
		"},\"additionalModelRequestFields\":{\"tool_choice\":{\"type\":\"any\","
		"\"disable_parallel_tool_use\":true}}}",
		"" },
	{ "a demanded tool excludes thinking, as at Anthropic's own API", CLAUDE,
		"{\"max_tokens\":4000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"
		"," TOOL
		",\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true}," HI "}",
		"{" HI_OUT ",\"inferenceConfig\":{\"maxTokens\":4000}," TOOL_OUT
		"},\"additionalModelRequestFields\":{\"tool_choice\":{\"type\":\"any\","
		"\"disable_parallel_tool_use\":true}}}",
		"thinking" },
	{ "none, where none was called: no tools", CLAUDE,
		"{" MAX TOOL ",\"tool_choice\":{\"type\":\"none\"}," HI "}",
		"{" HI_OUT "," LIMIT "}", "" },
	{ "none, but the history has calls: they stay, and results come first", CLAUDE,
		"{" MAX TOOL
		",\"tool_choice\":{\"type\":\"none\"},\"messages\":[" USER("\"a\"") "," MODEL(
			"[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"x\":1}}"
			"]") "," USER("[{\"type\":\"text\",\"text\":\"so\"},{\"type\":\"tool_"
				      "result\",\"tool_use_id\":\"t1\","
				      "\"content\":\"bad\",\"is_error\":true,\"cache_control\":{"
				      "\"type\":\"ephemeral\"}}]") "]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},{\"role\":"
		"\"assistant\","
		"\"content\":[{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{\"x\":1}"
		"}}]},{\"role\":"
		"\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"t1\",\"content\":[{"
		"\"text\":\"bad\"}],"
		"\"status\":\"error\"}},{\"cachePoint\":{\"type\":\"default\"}},{\"text\":\"so\"}]}"
		"],"
		"\"system\":[{\"text\":\"Answer without calling a tool.\"}]," LIMIT "," TOOL_OUT
		"}}",
		"" },
	{ "calls of tools that are offered no more", CLAUDE,
		"{" MAX "\"messages\":[" USER("\"a\"") "," MODEL("[{\"type\":\"tool_use\",\"id\":"
								 "\"t "
								 "1\",\"name\":\"f\",\"input\":{}}"
								 "]") "," USER("[{\"type\":\"tool_"
									       "result\",\"tool_"
									       "use_id\":\"t "
									       "1\",\"content\":"
									       "\"\"}]") "]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},{\"role\":"
		"\"assistant\","
		"\"content\":[{\"toolUse\":{\"toolUseId\":\"call_HASH\",\"name\":\"f\",\"input\":{}"
		"}}]},{\"role\":"
		"\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"call_HASH\",\"content\":[{"
		"\"text\":\"(no "
		"output)\"}]}}]}],\"system\":[{\"text\":\"Answer without calling a tool.\"}]," LIMIT
		"," TOOL_OUT "}}",
		"" },
	{ "reasoning goes back with its signature, or not at all", CLAUDE,
		"{" MAX "\"messages\":[" USER("\"a\"") "," MODEL(
			"[{\"type\":\"thinking\",\"thinking\":\"hm\","
			"\"signature\":\"s+/"
			"=\"},{\"type\":\"thinking\",\"thinking\":\"lost\",\"signature\":\"\"},"
			"{\"type\":\"redacted_thinking\",\"data\":\"Zm9v\"},{\"type\":\"text\","
			"\"text\":\"b\"}]") "," USER("\"c\"") "]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},{\"role\":"
		"\"assistant\","
		"\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\","
		"\"signature\":\"s+/=\"}}},"
		"{\"reasoningContent\":{\"redactedContent\":\"Zm9v\"}},{\"text\":\"b\"}]},{"
		"\"role\":\"user\","
		"\"content\":[{\"text\":\"c\"}]}]," LIMIT "}",
		"" },
	{ "a budget to think, within the limit", CLAUDE,
		"{\"max_tokens\":4000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":20000},"
		"\"top_k\":5," HI "}",
		"{" HI_OUT
		",\"inferenceConfig\":{\"maxTokens\":4000},\"additionalModelRequestFields\":{"
		"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":3000}}}",
		"top_k" },
	{ "too little to think", CLAUDE,
		"{" MAX "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}," HI "}",
		"{" HI_OUT "," LIMIT "}", "thinking" },
	{ "thinking whose depth is a word", NEWEST,
		"{" MAX
		"\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"high\"},"
		"\"temperature\":0.5," HI "}",
		"{" HI_OUT
		",\"inferenceConfig\":{\"maxTokens\":100},\"additionalModelRequestFields\":{"
		"\"thinking\":{\"type\":\"adaptive\"}},\"outputConfig\":{\"effort\":\"high\"}}",
		"temperature" },
	{ "an effort that the model does not know", "eu.anthropic.claude-opus-4-6-v1",
		"{" MAX
		"\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"xhigh\"}," HI
		"}",
		"{" HI_OUT "," LIMIT ",\"additionalModelRequestFields\":{\"thinking\":{\"type\":"
		"\"adaptive\"}},\"outputConfig\":{\"effort\":\"high\"}}",
		"" },
	{ "an answer's beginning, where none is taken", NEWEST,
		"{" MAX "\"messages\":[" USER("\"a\"") "," MODEL("\"So:\"") "]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}]," LIMIT "}",
		"messages[] (an answer's beginning as the last turn)" },
	{ "a tool's turn that began without thinking goes on without", CLAUDE,
		"{\"max_tokens\":4000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"
		"," TOOL ",\"messages\":[" USER("\"a\"") "," MODEL(
			"[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\","
			"\"input\":{}}]") "," USER("[{\"type\":\"tool_result\","
						   "\"tool_use_id\":\"t1\","
						   "\"content\":\"r\"}]") "]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},{\"role\":"
		"\"assistant\","
		"\"content\":[{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{}}}]},{"
		"\"role\":"
		"\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"t1\",\"content\":[{"
		"\"text\":\"r\"}]}}]}],"
		"\"inferenceConfig\":{\"maxTokens\":4000}," TOOL_OUT "}}",
		"thinking" },
	{ "sampling and stops", NOVA,
		"{" MAX "\"temperature\":0.70,\"top_p\":0.9,\"top_k\":40,\"stop_sequences\":["
		"\"END\",\"\\n\"]," HI "}",
		"{" HI_OUT
		",\"inferenceConfig\":{\"maxTokens\":100,\"temperature\":0.70,\"topP\":0.9,"
		"\"stopSequences\":[\"END\",\"\\n\"]},\"additionalModelRequestFields\":{"
		"\"inferenceConfig\":{"
		"\"topK\":40}}}",
		"" },
	{ "one sampler only; no stop of white space", CLAUDE,
		"{" MAX "\"temperature\":0.70,\"top_p\":0.9,\"stop_sequences\":[\"\\n\"]," HI "}",
		"{" HI_OUT ",\"inferenceConfig\":{\"maxTokens\":100,\"temperature\":0.70}}",
		"top_p,stop (one of white space only)" },
	{ "a schema, as a string", CLAUDE,
		"{" MAX "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{"
		"\"type\":\"object\"}}}," HI "}",
		"{" HI_OUT "," LIMIT
		",\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{"
		"\"jsonSchema\":{\"schema\":\"{\\\"type\\\":\\\"object\\\","
		"\\\"additionalProperties\\\":false}\"}}}}}",
		"" },
	{ "bounds of a schema, which Claude does not take", CLAUDE,
		"{" MAX "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{"
		"\"type\":\"integer\",\"minimum\":1}}}," HI "}",
		"{" HI_OUT "," LIMIT
		",\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{"
		"\"jsonSchema\":{\"schema\":\"{\\\"type\\\":\\\"integer\\\"}\"}}}}}",
		"response_format.schema.minimum" },
	{ "a user whose name the API does not take: a JSON object", CLAUDE,
		"{" MAX "\"metadata\":{\"user_id\":\"{\\\"device_id\\\":\\\"1\\\"}\"}," HI "}",
		"{" HI_OUT "," LIMIT ",\"requestMetadata\":{\"user\":\"user_HASH\"}}", "" },
	{ "tier and user", CLAUDE,
		"{" MAX
		"\"service_tier\":\"standard_only\",\"metadata\":{\"user_id\":\"u-1@x\"}," HI "}",
		"{" HI_OUT "," LIMIT
		",\"serviceTier\":{\"type\":\"default\"},\"requestMetadata\":{\"user\":"
		"\"u-1@x\"}}",
		"" },
};

/* The hash in an id of ours. */
static void hide_hash(char *text, const char *prefix)
{
	for (char *p = text; (p = strstr(p, prefix)) != NULL;) {
		memmove(p + 9, p + 21, strlen(p + 21) + 1);
		memcpy(p + 5, "HASH", 4);
		p += 9;
	}
}

START_TEST(requests)
{
	const struct row *r = &rows[_i];
	struct chat_request rq = { 0 };
	struct chat_unit u;

	chat_unit_init(&u, r->model);
	ck_assert_msg(
		chat_unit_request(&u, &chat_codec_anthropic, &chat_codec_converse, r->in, &rq) == 0,
		"%s: %s", r->what, u.cx.fail);
	hide_hash(u.text, "call_");
	hide_hash(u.text, "user_");
	ck_assert_msg(strcmp(u.text, r->out) == 0, "%s:\n%s\nnot\n%s", r->what, u.text, r->out);
	ck_assert_msg(strcmp(chat_unit_unsupported(&u), r->unsupported) == 0, "%s: %s", r->what,
		chat_unit_unsupported(&u));
	chat_unit_fini(&u);
}
END_TEST

START_TEST(requests_that_cannot_go)
{
	static const struct {
		const char *in, *why;
	} bad[] = {
		{ "{" MAX "\"messages\":[" USER("\" \"") "]}", "messages has no text" },
		{ "{" MAX "\"tools\":[{\"name\":\"a.b\",\"input_schema\":{}}]," HI "}",
			"The tool's name \"a.b\"" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(bad); i++) {
		struct chat_request rq = { 0 };
		struct chat_unit u;

		chat_unit_init(&u, CLAUDE);
		ck_assert_int_eq(chat_unit_request(&u, &chat_codec_anthropic, &chat_codec_converse,
					 bad[i].in, &rq),
			-1);
		ck_assert_msg(strstr(u.cx.fail, bad[i].why) != NULL, "%s", u.cx.fail);
		chat_unit_fini(&u);
	}
}
END_TEST

/* What no client's API says, built by hand: sampling of OpenAI's. */
START_TEST(what_has_no_word)
{
	struct chat_part p = { .kind = PART_TEXT, .text = STR("hi") };
	struct chat_turn t = { .role = CHAT_USER, .part = &p };
	struct chat_request rq = { .turn = &t,
		.parallel = -1,
		.think = -1,
		.temperature = STR("1.7"),
		.n = STR("2"),
		.seed = STR("1"),
		.presence_penalty = STR("0.5"),
		.frequency_penalty = STR("0"),
		.logprobs = true,
		.format = FORMAT_JSON,
		.tier = STR("scale") };
	struct chat_unit u;
	int rc = 0;

	chat_unit_init(&u, NOVA);
	CHAT_UNIT_WRITE(&u, rc = converse_write_request(&u.cx, &rq, o));
	ck_assert_int_eq(rc, 0);
	CHAT_UNIT_TEXT(&u, "{" HI_OUT ",\"inferenceConfig\":{\"temperature\":1}}");
	ck_assert_str_eq(chat_unit_unsupported(&u),
		"n,seed,presence_penalty,logprobs,response_format,service_tier");
	chat_unit_fini(&u);
}
END_TEST

/* ---- answers */

START_TEST(an_answer)
{
	struct chat_unit u;

	chat_unit_init(&u, CLAUDE);
	ck_assert_int_eq(chat_unit_answer(&u, &chat_codec_converse, &chat_codec_anthropic,
				 "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{"
				 "\"reasoningContent\":{"
				 "\"reasoningText\":{\"text\":\"hm\",\"signature\":\"sig\"}}},{"
				 "\"citationsContent\":{"
				 "\"content\":[{\"text\":\"cited\"}],\"citations\":[]}},{\"text\":"
				 "\"\\u00e9\"},{\"later\":"
				 "{}},{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{"
				 "\"x\":1}}}]}},"
				 "\"stopReason\":\"tool_use\",\"usage\":{\"inputTokens\":9,"
				 "\"outputTokens\":4,\"totalTokens\":"
				 "13,\"cacheReadInputTokens\":7,\"cacheWriteInputTokens\":5},"
				 "\"metrics\":{\"latencyMs\":1}}"),
		0);
	ck_assert_ptr_nonnull(strstr(u.text, "\"content\":[{\"type\":\"thinking\",\"thinking\":"
					     "\"hm\",\"signature\":\"sig\"},{\"type\":"
					     "\"text\",\"text\":\"cited\"},{\"type\":\"text\","
					     "\"text\":\"\\u00e9\"},{\"type\":\"tool_use\","
					     "\"id\":\"t1\",\"name\":\"f\",\"input\":{\"x\":1}}]"));
	ck_assert_ptr_nonnull(strstr(u.text, "\"stop_reason\":\"tool_use\""));
	ck_assert_ptr_nonnull(strstr(u.text, "\"input_tokens\":9,\"cache_creation_input_tokens\":5,"
					     "\"cache_read_input_tokens\":7"));
	ck_assert_int_eq(
		chat_unit_answer(&u, &chat_codec_converse, &chat_codec_anthropic, "{}"), -1);
	chat_unit_fini(&u);
}
END_TEST

START_TEST(finish_reasons)
{
	static const struct {
		const char *word;
		enum chat_finish finish;
	} all[] = { { "end_turn", FINISH_STOP }, { "stop_sequence", FINISH_STOP_SEQUENCE },
		{ "max_tokens", FINISH_LENGTH }, { "model_context_window_exceeded", FINISH_LENGTH },
		{ "tool_use", FINISH_TOOL }, { "content_filtered", FINISH_FILTER },
		{ "guardrail_intervened", FINISH_FILTER },
		{ "malformed_model_output", FINISH_ERROR }, { "malformed_tool_use", FINISH_ERROR },
		{ "later", FINISH_STOP } };

	for (size_t i = 0; i < TG_ARRAY_LEN(all); i++)
		ck_assert_int_eq(converse_finish(str_z(all[i].word)), all[i].finish);
}
END_TEST

START_TEST(errors)
{
	static const struct {
		const char *json, *message, *code;
		int status, want;
	} all[] = {
		{ "{\"message\":\"slow\"}", "slow", "", 429, 429 },
		{ "{\"Message\":\"no\",\"__type\":\"com.amazon#ValidationException:http://x\"}",
			"no", "ValidationException", 0, 400 },
		{ "[]", "", "", 500, 500 },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(all); i++) {
		struct chat_error e = { .status = all[i].status };
		struct chat_unit u;

		chat_unit_init(&u, CLAUDE);
		converse_read_error(&u.cx, chat_unit_parse(&u.arena, all[i].json), &e);
		UNIT_STR_EQ(e.message, str_z(all[i].message));
		UNIT_STR_EQ(e.code, str_z(all[i].code));
		ck_assert_int_eq(e.status, all[i].want);
		chat_unit_fini(&u);
	}
	ck_assert_int_eq(converse_status(STR("throttlingException")), 429);
	ck_assert_int_eq(converse_status(STR("ModelStreamErrorException")), 424);
	ck_assert_int_eq(converse_status(STR("Exception")), 0);
}
END_TEST

/* ---- streams */

#define START_EV       "{\"messageStart\":{\"role\":\"assistant\",\"p\":\"ab\"}}\n"
#define DELTA(i, what) "{\"contentBlockDelta\":{\"contentBlockIndex\":" #i ",\"delta\":" what "}}\n"
#define STOP(i)        "{\"contentBlockStop\":{\"contentBlockIndex\":" #i "}}\n"
#define END_EV(why)    "{\"messageStop\":{\"stopReason\":\"" why "\"}}\n"
#define USAGE_EV \
	"{\"metadata\":{\"usage\":{\"inputTokens\":3,\"outputTokens\":2,\"totalTokens\":5}}}\n"
#define CALL_EV(i)                                          \
	"{\"contentBlockStart\":{\"contentBlockIndex\":" #i \
	",\"start\":{\"toolUse\":{\"toolUseId\":"           \
	"\"t1\",\"name\":\"f\"}}}}\n"

static const struct {
	const char *what, *in, *out;
} streams[] = {
	{ "text",
		START_EV DELTA(0, "{\"text\":\"a\\n\"}") DELTA(0, "{\"text\":\"b\"}") STOP(0)
			END_EV("end_turn") USAGE_EV,
		"start  \nopen text\n+ a\\n\n+ b\nclose\nfinish stop\nusage input=3 "
		"output=2\nend\n" },
	{ "usage first",
		START_EV DELTA(0, "{\"text\":\"a\"}") STOP(0) USAGE_EV END_EV("max_tokens"),
		"start  \nopen text\n+ a\nclose\nusage input=3 output=2\nfinish length\nend\n" },
	{ "no usage at all", START_EV END_EV("end_turn"), "start  \nfinish stop\nend\n" },
	{ "a block that is not closed",
		DELTA(0, "{\"text\":\"a\"}") DELTA(1, "{\"text\":\"b\"}") END_EV("end_turn")
			USAGE_EV,
		"start  \nopen text\n+ a\nclose\nopen text\n+ b\nclose\nfinish stop\nusage input=3 "
		"output=2\nend\n" },
	{ "reasoning, its signature in pieces",
		START_EV DELTA(0, "{\"reasoningContent\":{\"text\":\"hm\"}}")
			DELTA(0, "{\"reasoningContent\":{\"text\":\"\"}}")
				DELTA(0, "{\"reasoningContent\":{\"signature\":\"ab\"}}")
					DELTA(0, "{\"reasoningContent\":{\"signature\":\"cd\"}}")
						STOP(0) DELTA(1, "{\"text\":\"x\"}") STOP(1)
							END_EV("end_turn") USAGE_EV,
		"start  \nopen thinking\n+ hm\nclose abcd\nopen text\n+ x\nclose\nfinish "
		"stop\nusage "
		"input=3 output=2\nend\n" },
	{ "redacted",
		START_EV DELTA(0, "{\"reasoningContent\":{\"redactedContent\":\"Zm8=\"}}") STOP(0)
			END_EV("end_turn") USAGE_EV,
		"start  \nopen redacted Zm8=\nclose\nfinish stop\nusage input=3 output=2\nend\n" },
	{ "a call, and the stop says no more than stop",
		START_EV CALL_EV(0) DELTA(0, "{\"toolUse\":{\"input\":\"{\\\"a\\\":\"}}") DELTA(
			0, "{\"toolUse\":{\"input\":\"1}\"}}") STOP(0) END_EV("end_turn") USAGE_EV,
		"start  \nopen call t1 f\n+ {\\\"a\\\":\n+ 1}\nclose\nfinish tool\nusage input=3 "
		"output=2\nend\n" },
	{ "a call without arguments",
		START_EV CALL_EV(0) DELTA(0, "{\"toolUse\":{\"input\":\"\"}}") STOP(0)
			END_EV("tool_use") USAGE_EV,
		"start  \nopen call t1 f\nclose\nfinish tool\nusage input=3 output=2\nend\n" },
	{ "an exception after the head",
		START_EV DELTA(0, "{\"text\":\"a\"}") "{\"exception\":"
						      "\"throttlingException\",\"detail\":{"
						      "\"message\":\"slow\"}}\n",
		"start  \nopen text\n+ a\nerror 429 : slow\n" },
	{ "one that says nothing", "{\"exception\":\"later\",\"detail\":null}\n",
		"error 500 : The provider ended the stream with an exception.\n" },
	{ "it breaks off", START_EV DELTA(0, "{\"text\":\"a\"}"),
		"start  \nopen text\n+ a\nerror 502 : The provider's stream ended before the "
		"answer did.\n" },
	{ "what comes behind the end is none of the answer",
		START_EV DELTA(0, "{\"text\":\"a\"}") STOP(0) END_EV("end_turn") DELTA(1,
			"{\"text\":\"b\"}") STOP(1) CALL_EV(2) START_EV END_EV("tool_use") USAGE_EV,
		"start  \nopen text\n+ a\nclose\nfinish stop\nusage input=3 output=2\nend\n" },
	{ "a picture whose base64 is written with escapes",
		START_EV DELTA(
			0, "{\"image\":{\"source\":{\"bytes\":\"\\u002b\\/\\u002B\\u0041\"}}}")
			DELTA(0, "{\"image\":{\"source\":{\"bytes\":\"QQ\\u003d=\"}}}")
				DELTA(0, "{\"image\":{\"source\":{\"bytes\":\"QkM=\"}}}") STOP(0)
					END_EV("end_turn") USAGE_EV,
		"start  \nopen image +/+AQUJD\nclose\nfinish stop\nusage input=3 output=2\nend\n" },
	{ "what is not known is passed over",
		START_EV "{\"later\":{}}\n[]\n" DELTA(0, "{\"later\":1}") END_EV("end_turn")
			USAGE_EV,
		"start  \nfinish stop\nusage input=3 output=2\nend\n" },
};

START_TEST(streams_as_events)
{
	struct chat_request rq = { 0 };
	struct chat_unit u;

	chat_unit_init(&u, CLAUDE);
	ck_assert_int_eq(
		chat_unit_stream(&u, &chat_codec_converse, NULL, &rq, streams[_i].in, 0), 0);
	ck_assert_msg(strcmp(u.text, streams[_i].out) == 0, "%s:\n%s\nnot\n%s", streams[_i].what,
		u.text, streams[_i].out);
	chat_unit_fini(&u);
}
END_TEST

START_TEST(a_sink_that_is_gone_ends_it)
{
	const char *in = streams[4].in;

	for (unsigned stop = 1; stop <= 8; stop++) {
		struct chat_request rq = { 0 };
		struct chat_unit u;

		chat_unit_init(&u, CLAUDE);
		ck_assert_int_eq(
			chat_unit_stream(&u, &chat_codec_converse, NULL, &rq, in, stop), -1);
		chat_unit_fini(&u);
	}
}
END_TEST

START_TEST(no_json)
{
	struct chat_request rq = { 0 };
	struct chat_unit u;

	chat_unit_init(&u, CLAUDE);
	ck_assert_int_eq(
		chat_unit_stream(&u, &chat_codec_converse, NULL, &rq, "{\"messageStart\":\n", 0),
		-1);
	ck_assert_ptr_nonnull(strstr(u.cx.fail, "no JSON"));
	chat_unit_fini(&u);
}
END_TEST

START_TEST(recordings)
{
	static const struct {
		const char *file, *end;
	} all[] = {
		{ "amazon-bedrock-text.chunks.txt",
			"close\nfinish stop\nusage input=22 output=55\nend\n" },
		{ "amazon-bedrock-reasoning.chunks.txt",
			"close\nfinish stop\nusage input=51 output=94\nend\n" },
		{ "amazon-bedrock-tool-call.1.chunks.txt",
			"close\nusage input=125 output=45\nfinish tool\nend\n" },
		{ "amazon-bedrock-tool-no-args.chunks.txt",
			"open call tool-use-id updateIssueList\nclose\nusage input=100 "
			"output=25\nfinish "
			"tool\nend\n" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(all); i++) {
		char *in = chat_unit_recording(all[i].file);
		struct chat_request rq = { 0 };
		struct chat_unit u;
		size_t n = strlen(all[i].end);

		if (in == NULL)
			continue;
		chat_unit_init(&u, CLAUDE);
		ck_assert_int_eq(chat_unit_stream(&u, &chat_codec_converse, NULL, &rq, in, 0), 0);
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
	tcase_add_test(tc, requests_that_cannot_go);
	tcase_add_test(tc, what_has_no_word);
	tcase_add_test(tc, an_answer);
	tcase_add_test(tc, finish_reasons);
	tcase_add_test(tc, errors);
	tcase_add_loop_test(tc, streams_as_events, 0, TG_ARRAY_LEN(streams));
	tcase_add_test(tc, a_sink_that_is_gone_ends_it);
	tcase_add_test(tc, no_json);
	tcase_add_test(tc, recordings);
}

UNIT_MAIN("converse", tests)
