/*
 * check_openai.c: chat completions through the hub and out again: requests, answers, errors. What
 * cannot be said is noted, what is wrong is refused, what is opaque comes back byte for byte.
 */
#include "chat/model_traits.h"
#include "unit/chat/chat_unit.h"

static struct chat_unit u;

static void setup(void)
{
	chat_unit_init(&u, "some-model");
}

static void teardown(void)
{
	chat_unit_fini(&u);
}

/* ---- requests */

#define MSG(content) "{\"model\":\"m\",\"messages\":[" content "]"
#define HI           "{\"role\":\"user\",\"content\":\"hi\"}"
#define OUT(content) "{\"model\":\"some-model\",\"messages\":[" content "]"
#define CALLS                                                                                      \
	"{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["                                \
	"{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{"       \
	"\\\"x\\\":1}\"}},"                                                                        \
	"{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]" \
	"}"
#define TOOL_F                                                                                  \
	"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\"," \
	"\"parameters\":{\"type\":\"object\",\"properties\":{\"x\":{}}},\"strict\":true}}]"

struct request_row {
	const char *in, *out, *unsupported;
};

static const struct request_row requests[] = {
	{ MSG(HI) "}", OUT(HI) "}", "" },
	/* roles, in their places; a developer is a system */
	{ MSG("{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"developer\",\"content\":"
	      "\"d\\n\"}," HI ",{\"role\":\"assistant\",\"content\":\"yes\"},{\"role\":\"user\","
	      "\"content\":\"\\u00e4\"}") "}",
		OUT("{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"system\",\"content\":"
		    "\"d\\n\"}," HI ",{\"role\":\"assistant\",\"content\":\"yes\"},{\"role\":"
		    "\"user\",\"content\":\"\\u00e4\"}") "}",
		"" },
	/* a system's after everything else */
	{ MSG(HI ",{\"role\":\"system\",\"content\":\"s\"}") "}",
		OUT(HI ",{\"role\":\"system\",\"content\":\"s\"}") "}", "" },
	/* parts */
	{ MSG("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"look\"},"
	      "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a/"
	      "b.png\",\"detail\":\"low\"}},"
	      "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QUJD\"}},"
	      "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QUJD\",\"format\":\"wav\"}},"
	      "{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":\"data:"
	      "application/pdf;base64,QUJD\"}},"
	      "{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}]}") "}",
		OUT("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"look\"},"
		    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a/"
		    "b.png\",\"detail\":\"low\"}},"
		    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/"
		    "png;base64,QUJD\"}},"
		    "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QUJD\",\"format\":"
		    "\"wav\"}},"
		    "{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":\"data:"
		    "application/pdf;base64,QUJD\"}},"
		    "{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}]}") "}",
		"" },
	{ MSG("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\"},{\"type\":"
	      "\"text\",\"text\":\"x\"},"
	      "{\"type\":\"hologram\"}]}") "}",
		OUT("{\"role\":\"user\",\"content\":\"x\"}") "}", "messages[].content[].hologram" },
	/* calls, and their results in one turn before what the user says */
	{ MSG(HI "," CALLS ",{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"1\"},"
		 "{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":[{\"type\":\"text\","
		 "\"text\":\"2\"},{\"type\":\"text\",\"text\":\"3\"}]}," HI) "}",
		OUT(HI "," CALLS ",{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"1\"},"
		       "{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"2\\n3\"}," HI) "}",
		"" },
	{ MSG("{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"a\",\"function\":"
	      "{\"name\":\"f\",\"arguments\":\"\"}}]}") "}",
		OUT("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\","
		    "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]"
		    "}") "}",
		"" },
	/* an image in a result follows in the user's message */
	{ MSG(CALLS ",{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":[{\"type\":\"image_"
		    "url\",\"image_url\":\"https://a/b\"}]}") "}",
		OUT(CALLS ",{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"\"},"
			  "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
			  "\"url\":\"https://a/b\"}}]}") "}",
		"" },
	/* refusals; the thoughts of another model are not sent */
	{ MSG(HI ",{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\",\"reasoning_"
		 "content\":\"hm\"},"
		 "{\"role\":\"assistant\",\"content\":null,\"reasoning\":\"hm\"}") "}",
		OUT(HI ",{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\"}") "}", "" },
	/* tools */
	{ MSG(HI) "," TOOL_F ",\"tool_choice\":\"required\",\"parallel_tool_calls\":false}",
		OUT(HI) "," TOOL_F ",\"tool_choice\":\"required\",\"parallel_tool_calls\":false}",
		"" },
	{ MSG(HI) ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},{\"type\":"
		  "\"custom\",\"custom\":{\"name\":\"c\"}}],"
		  "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}}",
		OUT(HI) ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
			"\"parameters\":{\"type\":\"object\",\"properties\":{}}}}],"
			"\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}}",
		"tools[].custom" },
	{ MSG(HI) ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},{\"type\":"
		  "\"function\",\"function\":{\"name\":\"g\"}}],"
		  "\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":"
		  "\"required\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]}}"
		  "}",
		OUT(HI) ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"g\","
			"\"parameters\":{\"type\":\"object\",\"properties\":{}}}}],\"tool_choice\":"
			"\"required\"}",
		"" },
	{ MSG(HI) ",\"tool_choice\":\"auto\",\"parallel_tool_calls\":true}", OUT(HI) "}", "" },
	/* knobs: numbers as they came; the newer name of the limit counts */
	{ MSG(HI) ",\"max_tokens\":5,\"max_completion_tokens\":7,\"temperature\":0.70,\"top_p\":1,"
		  "\"seed\":-3,"
		  "\"n\":2,\"presence_penalty\":0.5,\"frequency_penalty\":-0.5,\"stop\":[\"a\","
		  "\"b\"],\"user\":\"u\","
		  "\"service_tier\":\"flex\",\"stream\":true,\"stream_options\":{\"include_usage\":"
		  "false}}",
		OUT(HI) ",\"max_tokens\":7,\"stop\":[\"a\",\"b\"],\"temperature\":0.70,\"top_p\":1,"
			"\"seed\":-3,\"n\":2,"
			"\"presence_penalty\":0.5,\"frequency_penalty\":-0.5,\"user\":\"u\","
			"\"service_tier\":\"flex\","
			"\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
		"" },
	/* a user's name has 64 characters at most */
	{ MSG(HI) ",\"user\":\"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\"}",
		OUT(HI) ",\"user\":"
			"\"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\"}",
		"" },
	{ MSG(HI) ",\"user\":"
		  "\"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\"}",
		OUT(HI) ",\"user\":\"user_a628f5219adaf715\"}", "" },
	{ MSG(HI) ",\"stop\":\"x\",\"n\":1,\"safety_identifier\":\"s\",\"top_k\":4}",
		OUT(HI) ",\"stop\":[\"x\"],\"user\":\"s\"}", "top_k" },
	{ MSG(HI) ",\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\"]}",
		OUT(HI) ",\"stop\":[\"1\",\"2\",\"3\",\"4\"]}", "more than 4 stop sequences" },
	{ MSG(HI) ",\"response_format\":{\"type\":\"json_object\"}}",
		OUT(HI) ",\"response_format\":{\"type\":\"json_object\"}}", "" },
	{ MSG(HI) ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
		  "\"description\":\"d\",\"schema\":{\"type\":\"object\"},\"strict\":true}}}",
		OUT(HI) ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
			"\"n\",\"description\":\"d\",\"schema\":{\"type\":\"object\"},\"strict\":"
			"true}}}",
		"" },
	{ MSG(HI) ",\"reasoning_effort\":\"high\"}", OUT(HI) ",\"reasoning_effort\":\"high\"}",
		"" },
	{ MSG(HI) ",\"reasoning_effort\":\"none\"}", OUT(HI) "}", "" },
	{ MSG(HI) ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}}",
		OUT(HI) ",\"reasoning_effort\":\"low\"}", "" },
	/* what no other API has; what changes nothing; null says nothing */
	{ MSG(HI) ",\"logit_bias\":{\"1\":2},\"logprobs\":true,\"top_logprobs\":2,\"audio\":{},"
		  "\"modalities\":[\"text\",\"audio\"],\"verbosity\":\"low\",\"web_search_"
		  "options\":{}}",
		OUT(HI) "}", "logprobs,logit_bias,modalities,verbosity,audio,web_search_options" },
	{ MSG(HI) ",\"a\\r\\nx: y\":1,\"seed_2\":1}", OUT(HI) "}", "(unnamed),seed_2" },
	{ MSG(HI) ",\"logit_bias\":{},\"logprobs\":false,\"audio\":null,\"stop\":null,"
		  "\"modalities\":[\"text\"],\"verbosity\":\"medium\",\"metadata\":{\"a\":\"b\"},"
		  "\"store\":true,\"prompt_cache_key\":\"k\"}",
		OUT(HI) "}", "" },
	{ MSG("{\"role\":\"user\",\"name\":\"bob\",\"content\":\"hi\"}") ",\"seed\":1,\"n\":100}",
		OUT(HI) ",\"seed\":1}", "messages[].name,n" },
};

START_TEST(request)
{
	const struct request_row *row = &requests[_i];
	struct chat_request rq;

	ck_assert_msg(
		chat_unit_request(&u, &chat_codec_openai, &chat_codec_openai, row->in, &rq) == 0,
		"%s: %s", row->in, u.cx.fail);
	CHAT_UNIT_TEXT(&u, row->out);
	ck_assert_str_eq(chat_unit_unsupported(&u), row->unsupported);
}
END_TEST

/* Written again, a request is the same: what is read of it is what was meant. */
START_TEST(request_again)
{
	struct chat_request rq;
	char *once;

	ck_assert_int_eq(
		chat_unit_request(&u, &chat_codec_openai, &chat_codec_openai, requests[_i].in, &rq),
		0);
	once = strdup(u.text);
	ck_assert_int_eq(
		chat_unit_request(&u, &chat_codec_openai, &chat_codec_openai, once, &rq), 0);
	CHAT_UNIT_TEXT(&u, once);
	free(once);
}
END_TEST

static const struct {
	const char *in, *fail;
} refused[] = {
	{ "[]", "The body must be a JSON object." },
	{ "{\"messages\":[],\"messages\":[]}", "A member of the request stands there twice." },
	{ "{\"model\":\"m\"}", "'messages' is missing." },
	{ "{\"messages\":[]}", "'messages' must be an array of at least one message." },
	{ MSG("{\"role\":\"king\"}") "}",
		"'messages[0]' must have a role: system, developer, user, assistant or tool." },
	{ MSG(HI ",{\"role\":\"user\",\"content\":1}") "}",
		"'messages[1]' must have a string or an array of parts as its content." },
	{ MSG("{\"role\":\"user\",\"content\":[{}]}") "}",
		"'messages[0]' has a content part without a type." },
	{ MSG("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}") "}",
		"'messages[0]' has an image_url without a url." },
	{ MSG("{\"role\":\"tool\",\"content\":\"x\"}") "}",
		"'messages[0]' is a tool's and must have a tool_call_id." },
	{ MSG("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\"}]}") "}",
		"'messages[0]' has a tool call without an id or a function's name." },
	{ MSG(HI) ",\"tools\":[{\"type\":\"function\",\"function\":{}}]}",
		"Every function in 'tools' must have a name." },
	{ MSG(HI) ",\"tool_choice\":\"some\"}",
		"'tool_choice' must be none, auto, required, or an object that names a function." },
	{ MSG(HI) ",\"temperature\":\"warm\"}", "'temperature' must be a number." },
	{ MSG(HI) ",\"max_tokens\":-1}", "'max_tokens' must be a whole number of tokens." },
	{ MSG(HI) ",\"stop\":[1]}", "'stop' must be at most 16 strings." },
	{ MSG(HI) ",\"n\":0}", "'n' must be a number of answers, 1 to 128." },
	{ MSG(HI) ",\"stream\":1}", "'stream' must be true or false." },
	{ MSG(HI) ",\"reasoning_effort\":\"wild\"}",
		"'reasoning_effort' must be one of none, minimal, low, medium, high, xhigh, max." },
	{ MSG(HI) ",\"response_format\":{\"type\":\"json_schema\"}}",
		"A response format of type json_schema must have a 'schema'." },
};

START_TEST(refusal)
{
	struct chat_request rq;

	ck_assert_int_eq(
		chat_unit_request(&u, &chat_codec_openai, &chat_codec_openai, refused[_i].in, &rq),
		-1);
	ck_assert_str_eq(u.cx.fail, refused[_i].fail);
}
END_TEST

/* What the hub gets of the members that relays added. */
START_TEST(carried)
{
	struct chat_request rq;
	const struct chat_part *p;

	ck_assert_int_eq(chat_unit_request(&u, &chat_codec_openai, &chat_codec_openai,
				 MSG("{\"role\":\"user\",\"content\":[{\"type\":\"text\","
				     "\"text\":\"hi\",\"cache_control\":{\"type\":"
				     "\"ephemeral\",\"ttl\":\"1h\"}}]},"
				     "{\"role\":\"assistant\",\"reasoning_content\":\"ab\","
				     "\"thinking_blocks\":["
				     "{\"type\":\"thinking\",\"thinking\":\"a\",\"signature\":"
				     "\"s+/"
				     "=\"},{\"type\":\"redacted_thinking\",\"data\":"
				     "\"d\\u00e4\"}],"
				     "\"content\":\"t\",\"extra_content\":{\"google\":{"
				     "\"thought_signature\":\"ts\"}},"
				     "\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":"
				     "\"f\",\"arguments\":\"{\\\"x\\\":\"},\"extra_content\":{"
				     "\"google\":{\"thought_signature\":\"cs\"}}}]},"
				     "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":"
				     "\"r\"}") ",\"reasoning_effort\":\"low\"}",
				 &rq),
		0);
	ck_assert_int_eq(rq.turn->part->cache, CHAT_CACHE_1H);
	p = rq.turn->next->part;
	ck_assert_int_eq(p->kind, PART_THINKING);
	UNIT_STR_EQ(p->text, STR("a"));
	UNIT_STR_EQ(p->signature, STR("s+/="));
	p = p->next;
	ck_assert_int_eq(p->kind, PART_REDACTED);
	UNIT_STR_EQ(p->data, STR("d\\u00e4"));
	p = p->next;
	ck_assert_int_eq(p->kind, PART_TEXT);
	UNIT_STR_EQ(p->signature, STR("ts"));
	p = p->next;
	ck_assert_int_eq(p->kind, PART_CALL);
	UNIT_STR_EQ(p->signature, STR("cs"));
	UNIT_STR_EQ(p->args, STR("{\"raw_arguments\":\"{\\\"x\\\":\"}"));
	UNIT_STR_EQ(rq.turn->next->next->part->name, STR("f"));
	ck_assert(rq.think == 1 && rq.think_show && rq.effort == EFFORT_LOW);
}
END_TEST

/* What depends on the target: its model, and what the context says of it. */
START_TEST(targets)
{
	static const char in[] = MSG(HI ",{\"role\":\"assistant\",\"content\":\"a\",\"reasoning_"
					"content\":\"hm\"}") ",\"max_tokens\":9,\"temperature\":0."
							     "5,\"reasoning_effort\":\"max\"}";
	struct chat_request rq;

	u.cx.model = STR("gpt-5.1");
	u.cx.completion_tokens = true;
	ck_assert_int_eq(chat_unit_request(&u, &chat_codec_openai, &chat_codec_openai, in, &rq), 0);
	CHAT_UNIT_TEXT(&u, "{\"model\":\"gpt-5.1\",\"messages\":[" HI
			   ",{\"role\":\"assistant\",\"content\":\"a\"}],"
			   "\"max_completion_tokens\":9,\"reasoning_effort\":\"xhigh\"}");
	u.cx.model = STR("deepseek-chat");
	u.cx.completion_tokens = false;
	u.cx.thoughts_back = true;
	ck_assert_int_eq(chat_unit_request(&u, &chat_codec_openai, &chat_codec_openai, in, &rq), 0);
	CHAT_UNIT_TEXT(&u,
		"{\"model\":\"deepseek-chat\",\"messages\":[" HI
		",{\"role\":\"assistant\",\"reasoning_content\":\"hm\",\"content\":\"a\"}],"
		"\"max_tokens\":9,\"temperature\":0.5,\"reasoning_effort\":\"max\"}");
	/* of a turn with calls they are told even where there were none */
	ck_assert_int_eq(
		chat_unit_request(&u, &chat_codec_openai, &chat_codec_openai,
			MSG(HI ",{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\","
			       "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
			       "\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":"
			       "\"r\"}") "}",
			&rq),
		0);
	CHAT_UNIT_TEXT(&u,
		"{\"model\":\"deepseek-chat\",\"messages\":[" HI
		",{\"role\":\"assistant\",\"reasoning_content\":\"\",\"content\":null,"
		"\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
		"\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":"
		"\"r\"}]}");
}
END_TEST

/* Usage is asked for in every stream, but where that is refused and it comes unasked. */
START_TEST(usage_of_streams)
{
	static const char in[] = MSG(HI) ",\"stream\":true}";
	struct chat_request rq;

	u.cx.model = STR("m");
	ck_assert_int_eq(chat_unit_request(&u, &chat_codec_openai, &chat_codec_openai, in, &rq), 0);
	CHAT_UNIT_TEXT(&u, "{\"model\":\"m\",\"messages\":[" HI
			   "],\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
	u.cx.no_include_usage = true;
	ck_assert_int_eq(chat_unit_request(&u, &chat_codec_openai, &chat_codec_openai, in, &rq), 0);
	CHAT_UNIT_TEXT(&u, "{\"model\":\"m\",\"messages\":[" HI "],\"stream\":true}");
	u.cx.model = STR("google/gemini-3-pro");
	ck_assert_int_eq(
		chat_unit_request(&u, &chat_codec_openai, &chat_codec_openai,
			MSG("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"function\":{"
			    "\"name\":\"f\"},"
			    "\"extra_content\":{\"google\":{\"thought_signature\":\"g\"}}}]}") "}",
			&rq),
		0);
	ck_assert_ptr_nonnull(
		strstr(u.text, "\"extra_content\":{\"google\":{\"thought_signature\":\"g\"}}}]}"));
	u.cx.model = STR("gpt-5.1");
	CHAT_UNIT_WRITE(&u, (void)!chat_codec_openai.write_request(&u.cx, &rq, o));
	ck_assert_ptr_null(strstr(u.text, "extra_content"));
}
END_TEST

/* ---- answers */

#define ANSWER(message, finish)                                                         \
	"{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m-1\"," \
	"\"choices\":[{\"index\":0,"                                                    \
	"\"message\":" message ",\"finish_reason\":\"" finish "\"}]"
#define WRITTEN(message, finish)                                                                  \
	"{\"id\":\"id_of_ours\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":" \
	"\"m-1\",\"choices\":[{"                                                                  \
	"\"index\":0,\"message\":" message ",\"logprobs\":null,\"finish_reason\":\"" finish "\"}]"
#define CALL_A \
	"{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}"

static const struct {
	const char *in, *out;
} answers[] = {
	{ ANSWER("{\"role\":\"assistant\",\"content\":\"hi\"}", "stop") "}",
		WRITTEN("{\"role\":\"assistant\",\"content\":\"hi\",\"refusal\":null}",
			"stop") "}" },
	{ ANSWER("{\"content\":\"h\"}",
		  "eos") ",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_"
			 "tokens\":15,\"prompt_tokens_details\":{\"cached_tokens\":4,\"cache_write_"
			 "tokens\":2},\"completion_tokens_details\":{\"reasoning_tokens\":3}}}",
		WRITTEN("{\"role\":\"assistant\",\"content\":\"h\",\"refusal\":null}",
			"stop") ",\"usage\":{\"prompt_tokens\":10,\"prompt_tokens_details\":{"
				"\"cached_tokens\":4,\"cache_write_tokens\":2},"
				"\"completion_tokens\":5,\"completion_tokens_details\":{"
				"\"reasoning_tokens\":3},\"total_tokens\":15}}" },
	/* a forced tool ends in "stop"; clients ask for tool_calls */
	{ ANSWER("{\"content\":null,\"tool_calls\":[" CALL_A "]}", "stop") "}",
		WRITTEN("{\"role\":\"assistant\",\"content\":null,\"refusal\":null,\"tool_calls\":"
			"[" CALL_A "]}",
			"tool_calls") "}" },
	{ ANSWER("{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":"
		 "\"\"}}]}",
		  "function_call") "}",
		WRITTEN("{\"role\":\"assistant\",\"content\":null,\"refusal\":null,\"tool_calls\":["
			"{\"id\":\"call_id_of_ours_0\",\"type\":\"function\",\"function\":{"
			"\"name\":\"f\",\"arguments\":\"{}\"}}]}",
			"tool_calls") "}" },
	{ ANSWER("{\"content\":null,\"refusal\":\"no\"}", "content_filter") "}",
		WRITTEN("{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\"}",
			"content_filter") "}" },
	/* thoughts, as each copy of the API writes them */
	{ ANSWER("{\"content\":\"a\",\"reasoning_content\":\"hm\"}", "length") "}",
		WRITTEN("{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null,\"reasoning_"
			"content\":\"hm\"}",
			"length") "}" },
	{ ANSWER("{\"content\":\"a\",\"reasoning\":\"hm\",\"reasoning_details\":[{\"type\":"
		 "\"reasoning.text\",\"text\":\"hm\",\"signature\":\"s\"},{\"type\":\"reasoning."
		 "encrypted\",\"data\":\"e\"}]}",
		  "stop") "}",
		WRITTEN("{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null,\"reasoning_"
			"content\":\"hm\","
			"\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"hm\","
			"\"signature\":\"s\"},{\"type\":\"redacted_thinking\",\"data\":\"e\"}]}",
			"stop") "}" },
	{ ANSWER("{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":"
		 "\"h\"},{\"type\":\"text\",\"text\":\"m\"}]},{\"type\":\"text\",\"text\":\"a\"}]}",
		  "model_length") "}",
		WRITTEN("{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null,\"reasoning_"
			"content\":\"hm\"}",
			"length") "}" },
	{ ANSWER("{\"content\":\"a\",\"reasoning_content\":\"h\",\"thinking_blocks\":[{\"type\":"
		 "\"thinking\",\"thinking\":\"h\",\"signature\":\"s=\"}]}",
		  "stop") "}",
		WRITTEN("{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null,\"reasoning_"
			"content\":\"h\",\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":"
			"\"h\",\"signature\":\"s=\"}]}",
			"stop") "}" },
	{ ANSWER("{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}"
		 ",\"extra_content\":{\"google\":{\"thought_signature\":\"g\"}}}]}",
		  "stop") "}",
		WRITTEN("{\"role\":\"assistant\",\"content\":null,\"refusal\":null,\"tool_calls\":["
			"{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
			"\"arguments\":\"{}\"},"
			"\"extra_content\":{\"google\":{\"thought_signature\":\"g\"}}}]}",
			"tool_calls") "}" },
	/* no choices at all is an answer, too: Azure's filter */
	{ "{\"choices\":[]}", "{\"id\":\"id_of_ours\",\"object\":\"chat.completion\",\"created\":"
			      "1700000000,\"model\":\"some-model\",\"choices\":[]}" },
};

START_TEST(answer)
{
	ck_assert_int_eq(
		chat_unit_answer(&u, &chat_codec_openai, &chat_codec_openai, answers[_i].in), 0);
	CHAT_UNIT_TEXT(&u, answers[_i].out);
}
END_TEST

START_TEST(not_an_answer)
{
	ck_assert_int_eq(
		chat_unit_answer(&u, &chat_codec_openai, &chat_codec_openai, "{\"id\":\"x\"}"), -1);
	ck_assert_str_eq(u.cx.fail, "The provider's answer has no choices.");
}
END_TEST

/* Usage as providers tell it, in disjoint buckets (providers.md 1). */
static const struct {
	const char *json;
	uint64_t in, read, write, out, reasoning;
} usages[] = {
	{ "{\"prompt_tokens\":12,\"completion_tokens\":3}", 12, 0, 0, 3, 0 },
	{ "{\"input_tokens\":12,\"input_tokens_details\":{\"cached_tokens\":2},\"output_tokens\":3,"
	  "\"output_tokens_details\":{\"reasoning_tokens\":1}}",
		10, 2, 0, 2, 1 },
	{ "{\"prompt_tokens\":339,\"completion_tokens\":83,\"prompt_cache_hit_tokens\":320,"
	  "\"completion_tokens_details\":{\"reasoning_tokens\":39}}",
		19, 320, 0, 44, 39 },
	{ "{\"prompt_tokens\":10,\"completion_tokens\":1,\"num_cached_tokens\":4,\"prompt_tokens_"
	  "details\":null}",
		6, 4, 0, 1, 0 },
	/* xAI: reasoning beside the output, cached beside the input */
	{ "{\"prompt_tokens\":12,\"completion_tokens\":1,\"total_tokens\":303,\"completion_tokens_"
	  "details\":{\"reasoning_tokens\":290}}",
		12, 0, 0, 1, 290 },
	{ "{\"prompt_tokens\":12,\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_"
	  "tokens\":20}}",
		12, 20, 0, 1, 0 },
	{ "{\"prompt_tokens\":10,\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_"
	  "tokens\":3,\"cache_write_tokens\":5}}",
		2, 3, 5, 1, 0 },
};

START_TEST(usage)
{
	struct chat_answer a;
	char text[512];

	snprintf(text, sizeof text, "{\"choices\":[],\"usage\":%s}", usages[_i].json);
	ck_assert_int_eq(
		chat_codec_openai.read_answer(&u.cx, chat_unit_parse(&u.arena, text), &a), 0);
	ck_assert_int_eq(a.usage.source, USAGE_PROVIDER);
	ck_assert_uint_eq(a.usage.n[USAGE_IN], usages[_i].in);
	ck_assert_uint_eq(a.usage.n[USAGE_IN_CACHE_READ], usages[_i].read);
	ck_assert_uint_eq(a.usage.n[USAGE_IN_CACHE_WRITE], usages[_i].write);
	ck_assert_uint_eq(a.usage.n[USAGE_OUT], usages[_i].out);
	ck_assert_uint_eq(a.usage.n[USAGE_OUT_REASONING], usages[_i].reasoning);
}
END_TEST

/* ---- errors (providers.md 5.1) */

static const struct {
	int status, then;
	const char *in, *out;
} errors[] = {
	{ 429, 429,
		"{\"error\":{\"message\":\"slow\",\"type\":\"requests\",\"param\":null,\"code\":"
		"\"rate_limit_exceeded\"}}",
		"{\"error\":{\"message\":\"slow\",\"type\":\"requests\",\"param\":null,\"code\":"
		"\"rate_limit_exceeded\"}}" },
	{ 400, 400, "{\"error\":{\"message\":\"b\\\"ad\",\"param\":\"n\",\"code\":17}}",
		"{\"error\":{\"message\":\"b\\\"ad\",\"type\":\"invalid_request_error\",\"param\":"
		"\"n\",\"code\":\"17\"}}" },
	{ 0, 429, "{\"error\":{\"message\":\"x\",\"code\":429,\"metadata\":{}}}",
		"{\"error\":{\"message\":\"x\",\"type\":\"rate_limit_error\",\"param\":null,"
		"\"code\":\"429\"}}" },
	{ 0, 502, "{\"error\":\"text\"}",
		"{\"error\":{\"message\":\"text\",\"type\":\"server_error\",\"param\":null,"
		"\"code\":null}}" },
	{ 400, 400, "{\"code\":\"c\",\"error\":\"text\"}",
		"{\"error\":{\"message\":\"text\",\"type\":\"invalid_request_error\",\"param\":"
		"null,\"code\":\"c\"}}" },
	{ 401, 401, "{\"statusCode\":401,\"message\":\"who\"}",
		"{\"error\":{\"message\":\"who\",\"type\":\"authentication_error\",\"param\":null,"
		"\"code\":null}}" },
	{ 422, 422,
		"{\"object\":\"error\",\"message\":{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"m\","
		"\"type\":\"t\"}]},\"type\":\"invalid\"}",
		"{\"error\":{\"message\":\"m\",\"type\":\"invalid\",\"param\":null,\"code\":null}"
		"}" },
	{ 422, 422, "{\"detail\":[{\"msg\":\"m\"}]}",
		"{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"param\":null,"
		"\"code\":null}}" },
	{ 404, 404, "{\"detail\":\"gone\"}",
		"{\"error\":{\"message\":\"gone\",\"type\":\"invalid_request_error\",\"param\":"
		"null,\"code\":null}}" },
	{ 0, 503, "[{\"error\":{\"code\":503,\"message\":\"o\",\"status\":\"UNAVAILABLE\"}}]",
		"{\"error\":{\"message\":\"o\",\"type\":\"UNAVAILABLE\",\"param\":null,\"code\":"
		"\"503\"}}" },
	{ 500, 500, "[]",
		"{\"error\":{\"message\":\"The provider "
		"failed.\",\"type\":\"server_error\",\"param\":null,\"code\":null}}" },
	{ 0, 429, "{\"error\":{\"type\":\"insufficient_quota\",\"message\":\"m\"}}",
		"{\"error\":{\"message\":\"m\",\"type\":\"insufficient_quota\",\"param\":null,"
		"\"code\":null}}" },
};

START_TEST(error)
{
	ck_assert_int_eq(chat_unit_error(&u, &chat_codec_openai, &chat_codec_openai,
				 errors[_i].status, errors[_i].in),
		errors[_i].then);
	CHAT_UNIT_TEXT(&u, errors[_i].out);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, request, 0, (int)TG_ARRAY_LEN(requests));
	tcase_add_loop_test(tc, request_again, 0, (int)TG_ARRAY_LEN(requests));
	tcase_add_loop_test(tc, refusal, 0, (int)TG_ARRAY_LEN(refused));
	tcase_add_test(tc, carried);
	tcase_add_test(tc, targets);
	tcase_add_test(tc, usage_of_streams);
	tcase_add_loop_test(tc, answer, 0, (int)TG_ARRAY_LEN(answers));
	tcase_add_test(tc, not_an_answer);
	tcase_add_loop_test(tc, usage, 0, (int)TG_ARRAY_LEN(usages));
	tcase_add_loop_test(tc, error, 0, (int)TG_ARRAY_LEN(errors));
}

UNIT_MAIN("openai", tests)
