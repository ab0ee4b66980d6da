/*
 * check_gemini_stream.c: streams of generateContent, read and written (providers.md 3, 10.3), with
 * arguments that come piece by piece; recordings end in the usage and the finish reason that each
 * shows.
 */
#include "chat/gemini_int.h"
#include "chat_unit.h"

#define GE (&chat_codec_gemini)

/* ---- streams, as the hub sees them */

static const struct stream_row {
	const char *what, *in, *out, *fail;
} streams[] = {
	{ "text; usage is all of it so far",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\\n\"}],\"role\":\"model\"}"
		"}],\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":1},"
		"\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n{\"candidates\":[{\"content\":{"
		"\"parts\":[{\"text\":\"b\"}],\"role\":\"model\"},\"finishReason\":\"STOP\","
		"\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":"
		"2},\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		"start r1 m input=9 output=1\nopen text\n+ a\\n\n+ b\nclose\nfinish stop\nusage "
		"input=9 output=2\nend\n",
		NULL },
	{ "thoughts, text, calls: blocks are made",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true}],"
		"\"role\":\"model\"}}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n{"
		"\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true},{"
		"\"text\":\"a\"}],\"role\":\"model\"}}],\"modelVersion\":\"m\",\"responseId\":"
		"\"r1\"}\n{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":"
		"\"w\",\"args\":{\"a\":\"\\u00e9\\n\"}},\"thoughtSignature\":\"s+\\/"
		"=\"},{\"functionCall\":{\"name\":\"v\",\"args\":{}}}],\"role\":\"model\"}}],"
		"\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n{\"candidates\":[{\"content\":{"
		"\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":\"STOP\","
		"\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":"
		"5},\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		"start r1 m\nopen thinking\n+ hm\n+ hm\nclose\nopen text\n+ a\nclose\nopen call "
		"call_r1_0 w\n+ {\\\"a\\\":\\\"\\\\u00e9\\\\n\\\"}\nclose s+\\/=\nopen call "
		"call_r1_1 v\n+ {}\nclose\nfinish tool\nusage input=9 output=5\nend\n",
		NULL },
	{ "a signature on an empty text is that of the text before",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"}}],"
		"\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n{\"candidates\":[{\"content\":{"
		"\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"zz\"}],\"role\":\"model\"},"
		"\"finishReason\":\"STOP\"}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		"start r1 m\nopen text\n+ a\nclose zz\nfinish stop\nend\n", NULL },
	{ "a signature with nothing before it",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":"
		"\"zz\"}],\"role\":\"model\"}}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n{"
		"\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"},"
		"\"finishReason\":\"STOP\"}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		"start r1 m\nopen text\n+ a\nclose\nfinish stop\nend\n", NULL },
	{ "arguments piece by piece",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"w\","
		"\"willContinue\":true},\"thoughtSignature\":\"s\"}],\"role\":\"model\"}}],"
		"\"usageMetadata\":{\"trafficType\":\"ON_DEMAND\"},\"modelVersion\":\"m\","
		"\"responseId\":\"r1\"}\n{\"candidates\":[{\"content\":{\"parts\":[{"
		"\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.to.city\",\"stringValue\":"
		"\"Bos\\n\",\"willContinue\":true}],\"willContinue\":true}}],\"role\":\"model\"}}],"
		"\"usageMetadata\":{\"trafficType\":\"ON_DEMAND\"},\"modelVersion\":\"m\","
		"\"responseId\":\"r1\"}\n{\"candidates\":[{\"content\":{\"parts\":[{"
		"\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.to.city\",\"stringValue\":"
		"\"ton\"},{\"jsonPath\":\"$.days[1]\",\"numberValue\":2.50},{\"jsonPath\":\"$['odd "
		"key']\",\"boolValue\":true},{\"jsonPath\":\"$.no\",\"nullValue\":\"NULL_VALUE\"}],"
		"\"willContinue\":true}}],\"role\":\"model\"}}],\"modelVersion\":\"m\","
		"\"responseId\":\"r1\"}\n{\"candidates\":[{\"content\":{\"parts\":[{"
		"\"functionCall\":{}}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],"
		"\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":5},"
		"\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		"start r1 m\nopen call call_r1_0 w\n+ "
		"{\\\"to\\\":{\\\"city\\\":\\\"Bos\\\\nton\\\"},\\\"days\\\":[null,2.50],\\\"odd "
		"key\\\":true,\\\"no\\\":null}\nclose s\nfinish tool\nusage input=9 "
		"output=5\nend\n",
		NULL },
	{ "arguments in any order, and again",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"w\","
		"\"willContinue\":true}}],\"role\":\"model\"}}],\"modelVersion\":\"m\","
		"\"responseId\":\"r1\"}\n{\"candidates\":[{\"content\":{\"parts\":[{"
		"\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.m\",\"stringValue\":\"a\"},{"
		"\"jsonPath\":\"$.c\",\"numberValue\":1},{\"jsonPath\":\"$.z\",\"numberValue\":2},{"
		"\"jsonPath\":\"$.a\",\"numberValue\":3},{\"jsonPath\":\"$.m\",\"stringValue\":"
		"\"b\"},{\"jsonPath\":\"$.l[2].k\",\"numberValue\":4},{\"jsonPath\":\"$.l[0]\","
		"\"numberValue\":5},{\"jsonPath\":\"$.l[2].b\",\"numberValue\":6},{\"jsonPath\":\"$"
		".l[2].k\",\"numberValue\":7},{\"jsonPath\":\"$.c\",\"numberValue\":8},{"
		"\"jsonPath\":\"$.z\",\"numberValue\":9},{\"jsonPath\":\"$.a\",\"numberValue\":10},"
		"{\"jsonPath\":\"$.x.b\",\"numberValue\":11},{\"jsonPath\":\"$.x.a\","
		"\"numberValue\":11},{\"jsonPath\":\"$.x[1]\",\"numberValue\":11},{\"jsonPath\":\"$"
		".x.c\",\"numberValue\":13},{\"jsonPath\":\"$.x[0]\",\"numberValue\":11}]}}],"
		"\"role\":\"model\"},\"finishReason\":\"STOP\"}],\"modelVersion\":\"m\","
		"\"responseId\":\"r1\"}\n",
		"start r1 m\nopen call call_r1_0 w\n+ "
		"{\\\"m\\\":\\\"ab\\\",\\\"c\\\":8,\\\"z\\\":9,\\\"a\\\":10,\\\"l\\\":[5,null,{"
		"\\\"k\\\":7,\\\"b\\\":6}],\\\"x\\\":[11,11,13]}\nclose\nfinish tool\nend\n",
		NULL },
	{ "arguments that are not ended, a second call, text behind it",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"w\","
		"\"willContinue\":true}}],\"role\":\"model\"}}],\"modelVersion\":\"m\","
		"\"responseId\":\"r1\"}\n{\"candidates\":[{\"content\":{\"parts\":[{"
		"\"functionCall\":{\"name\":\"v\",\"willContinue\":true}}],\"role\":\"model\"}}],"
		"\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n{\"candidates\":[{\"content\":{"
		"\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"},\"finishReason\":\"STOP\"}],"
		"\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		"start r1 m\nopen call call_r1_0 w\n+ {}\nclose\nopen call call_r1_1 v\n+ "
		"{}\nclose\nopen text\n+ a\nclose\nfinish tool\nend\n",
		NULL },
	{ "arguments at a path that is none",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"w\","
		"\"willContinue\":true}}],\"role\":\"model\"}}],\"modelVersion\":\"m\","
		"\"responseId\":\"r1\"}\n{\"candidates\":[{\"content\":{\"parts\":[{"
		"\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"to\",\"stringValue\":\"x\"}]}}]"
		",\"role\":\"model\"}}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		NULL, "the arguments of a call cannot be put together" },
	{ "arguments at places far apart",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"w\","
		"\"willContinue\":true}}],\"role\":\"model\"}}],\"modelVersion\":\"m\","
		"\"responseId\":\"r1\"}\n{\"candidates\":[{\"content\":{\"parts\":[{"
		"\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a[9999]\",\"numberValue\":1}]"
		"}}],\"role\":\"model\"}}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		NULL, "the arguments of a call cannot be put together" },
	{ "cut by the limit",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"},"
		"\"finishReason\":\"MAX_TOKENS\"}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		"start r1 m\nopen text\n+ a\nclose\nfinish length\nend\n", NULL },
	{ "a call that went wrong",
		"{\"candidates\":[{\"content\":{\"parts\":[],\"role\":\"model\"},\"finishReason\":"
		"\"MALFORMED_FUNCTION_CALL\"}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		"start r1 m\nfinish error\nend\n", NULL },
	{ "a refused prompt",
		"{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"},\"usageMetadata\":{"
		"\"promptTokenCount\":9},\"modelVersion\":\"m\"}\n",
		"start  m input=9\nfinish filter\nusage input=9\nend\n", NULL },
	{ "no finish reason",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"}}],"
		"\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":1},"
		"\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		"start r1 m input=9 output=1\nopen text\n+ a\nerror 502 : The provider's answer "
		"ended without a finish reason.\n",
		NULL },
	{ "nothing", "", "error 502 : The provider's answer ended without a finish reason.\n",
		NULL },
	{ "only usage", "{\"usageMetadata\":{\"promptTokenCount\":9}}\n",
		"start   input=9\nerror 502 : The provider's answer ended without a finish "
		"reason.\n",
		NULL },
	{ "an error in the midst",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"}}],"
		"\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n{\"error\":{\"code\":503,"
		"\"message\":\"over\",\"status\":\"UNAVAILABLE\"}}\n{\"candidates\":[{\"content\":{"
		"\"parts\":[{\"text\":\"b\"}],\"role\":\"model\"},\"finishReason\":\"STOP\"}],"
		"\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		"start r1 m\nopen text\n+ a\nerror 503 UNAVAILABLE: over\n", NULL },
	{ "an error at once, in an array",
		"[{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\"}}]"
		"\n",
		"error 429 RESOURCE_EXHAUSTED: m\n", NULL },
	{ "what comes behind the finish",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"},"
		"\"finishReason\":\"STOP\"}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n{"
		"\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}],\"role\":\"model\"}}],"
		"\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n{\"usageMetadata\":{"
		"\"promptTokenCount\":9,\"candidatesTokenCount\":1}}\n",
		"start r1 m\nopen text\n+ a\nclose\nfinish stop\nusage input=9 output=1\nend\n",
		NULL },
	{ "a candidate beyond all",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"},"
		"\"finishReason\":\"STOP\",\"index\":99}],\"modelVersion\":\"m\",\"responseId\":"
		"\"r1\"}\n{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}],\"role\":"
		"\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"modelVersion\":\"m\","
		"\"responseId\":\"r1\"}\n",
		"start r1 m\nopen text\n+ b\nclose\nfinish stop\nend\n", NULL },
	{ "media",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"},{\"inlineData\":{"
		"\"mimeType\":\"image/png\",\"data\":\"QUI=\"},\"thoughtSignature\":\"s\"},{"
		"\"inline_data\":{\"mime_type\":\"audio/wav\",\"data\":\"QUI=\"}},{\"fileData\":{"
		"\"mimeType\":\"video/mp4\",\"fileUri\":\"u\"}},{\"inlineData\":{\"data\":"
		"\"QUI=\"}},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"QUI=\"},"
		"\"thought\":true},{\"text\":\"b\"}],\"role\":\"model\"},"
		"\"finishReason\":\"STOP\"}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		"start r1 m\nopen text\n+ a\nclose\nopen image QUI= image/png\nclose s\n"
		"open audio QUI= audio/wav\nclose\nopen video video/mp4 u\nclose\n"
		"open file QUI=\nclose\nopen thinking\n"
		"+ [image/png, 2 bytes: not carried by this API]\nclose\nopen text\n+ b\nclose\n"
		"finish stop\nend\n",
		NULL },
	{ "parts of other kinds",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"data\":\"\"}},{"
		"\"executableCode\":{}},{\"functionCall\":{}}],\"role\":\"model\"},"
		"\"finishReason\":\"STOP\"}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n",
		"start r1 m\nfinish stop\nend\n", NULL },
};

START_TEST(stream)
{
	const struct stream_row *r = &streams[_i];
	struct chat_unit u;
	int rc;

	chat_unit_init(&u, "x");
	rc = chat_unit_stream(&u, GE, NULL, NULL, r->in, 0);
	ck_assert_msg(strcmp(u.cx.fail, r->fail != NULL ? r->fail : "") == 0, "%s: %s", r->what,
		u.cx.fail);
	ck_assert_msg((rc == 0) == (r->fail == NULL), "%s: %d", r->what, rc);
	if (rc == 0)
		ck_assert_msg(strcmp(u.text, r->out) == 0, "%s: got\n%s\nnot\n%s", r->what, u.text,
			r->out);
	chat_unit_fini(&u);
}
END_TEST

/* The sink may be gone at any event: nothing more is said, and nothing is wrong with the stream. */
START_TEST(stream_stopped)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(streams); i++)
		for (unsigned at = 1; streams[i].fail == NULL; at++) {
			struct chat_unit u;
			int rc;

			chat_unit_init(&u, "x");
			rc = chat_unit_stream(&u, GE, NULL, NULL, streams[i].in, at);
			ck_assert_str_eq(u.cx.fail, "");
			chat_unit_fini(&u);
			if (rc == 0)
				break;
		}
}
END_TEST

START_TEST(stream_of_something_else)
{
	struct chat_unit u;

	chat_unit_init(&u, "x");
	ck_assert_int_eq(chat_unit_stream(&u, GE, NULL, NULL, "{\"candidates\":\n", 0), -1);
	ck_assert_ptr_nonnull(strstr(u.cx.fail, "is no JSON"));
	chat_unit_fini(&u);
}
END_TEST

/* ---- streams, as clients get them */

static const char said[] =
	"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true},{\"text\":"
	"\"a\\n\"},{\"text\":\"\",\"thoughtSignature\":\"zz\"},{\"functionCall\":{\"name\":\"w\","
	"\"args\":{\"a\":1}},\"thoughtSignature\":\"s\"},{\"functionCall\":{\"name\":\"v\","
	"\"args\":{}}}],\"role\":\"model\"}}],\"usageMetadata\":{\"promptTokenCount\":9},"
	"\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n{\"candidates\":[{\"content\":{\"parts\":[{"
	"\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],"
	"\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":5},\"modelVersion\":"
	"\"m\",\"responseId\":\"r1\"}\n";

START_TEST(stream_written)
{
	struct chat_unit u;

	chat_unit_init(&u, "x");
	ck_assert_int_eq(chat_unit_stream(&u, GE, GE, NULL, said, 0), 0);
	CHAT_UNIT_TEXT(&u,
		"data: "
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true}],"
		"\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}"
		"\r\n\r\ndata: "
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\\n\"}],\"role\":\"model\"}"
		",\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\r\n\r\ndata: "
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":"
		"\"zz\"}],\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":"
		"\"r1\"}\r\n\r\ndata: "
		"{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"id\":\"call_r1_0\","
		"\"name\":\"w\",\"args\":{\"a\":1}},\"thoughtSignature\":\"s\"}],\"role\":"
		"\"model\"},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}"
		"\r\n\r\ndata: "
		"{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"id\":\"call_r1_1\","
		"\"name\":\"v\",\"args\":{}}}],\"role\":\"model\"},\"index\":0}],\"modelVersion\":"
		"\"m\",\"responseId\":\"r1\"}\r\n\r\ndata: "
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},"
		"\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,"
		"\"candidatesTokenCount\":5,\"totalTokenCount\":14,\"promptTokensDetails\":[{"
		"\"modality\":\"TEXT\",\"tokenCount\":9}],\"candidatesTokensDetails\":[{"
		"\"modality\":\"TEXT\",\"tokenCount\":5}]},\"modelVersion\":\"m\",\"responseId\":"
		"\"r1\"}\r\n\r\n");
	u.cx.stream_array = true;
	ck_assert_int_eq(chat_unit_stream(&u, GE, GE, NULL, said, 0), 0);
	CHAT_UNIT_TEXT(&u,
		"[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true}],"
		"\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r1\"},"
		"\r\n{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\\n\"}],\"role\":"
		"\"model\"},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r1\"},\r\n{"
		"\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":"
		"\"zz\"}],\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":"
		"\"r1\"},\r\n{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"id\":"
		"\"call_r1_0\",\"name\":\"w\",\"args\":{\"a\":1}},\"thoughtSignature\":\"s\"}],"
		"\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r1\"},"
		"\r\n{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"id\":\"call_r1_"
		"1\",\"name\":\"v\",\"args\":{}}}],\"role\":\"model\"},\"index\":0}],"
		"\"modelVersion\":\"m\",\"responseId\":\"r1\"},\r\n{\"candidates\":[{\"content\":{"
		"\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":\"STOP\","
		"\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":"
		"5,\"totalTokenCount\":14,\"promptTokensDetails\":[{\"modality\":\"TEXT\","
		"\"tokenCount\":9}],\"candidatesTokensDetails\":[{\"modality\":\"TEXT\","
		"\"tokenCount\":5}]},\"modelVersion\":\"m\",\"responseId\":\"r1\"}]");
	(void)chat_unit_parse(&u.arena, u.text);
	chat_unit_fini(&u);
}
END_TEST

/* Events of providers that tell in pieces and in an order of their own. */
static const struct usage told = { .n = { [USAGE_IN] = 3, [USAGE_OUT] = 2 } };
static const struct chat_event odd_events[] = {
	{ .kind = EVENT_START, .id = STR("i"), .model = STR("m"), .usage = &told },
	{ .kind = EVENT_OPEN, .part = PART_REDACTED, .data = STR("xx") },
	{ .kind = EVENT_CLOSE, .part = PART_REDACTED },
	{ .kind = EVENT_OPEN, .part = PART_CALL, .id = STR("c"), .name = STR("w") },
	{ .kind = EVENT_DELTA, .part = PART_CALL, .text = STR("{\\\"a\\\"") },
	{ .kind = EVENT_OPEN, .part = PART_REFUSAL, .choice = 1 },
	{ .kind = EVENT_DELTA, .part = PART_REFUSAL, .choice = 1, .text = STR("no") },
	{ .kind = EVENT_CLOSE, .part = PART_REFUSAL, .choice = 1 },
	{ .kind = EVENT_FINISH, .choice = 1, .finish = FINISH_FILTER },
	{ .kind = EVENT_DELTA, .part = PART_CALL, .text = STR(":1}") },
	{ .kind = EVENT_CLOSE, .part = PART_CALL },
	{ .kind = EVENT_OPEN, .part = PART_CALL, .id = STR("d"), .name = STR("v") },
	{ .kind = EVENT_CLOSE, .part = PART_CALL },
	{ .kind = EVENT_FINISH, .finish = FINISH_TOOL },
	{ .kind = EVENT_USAGE, .usage = &told },
	{ .kind = EVENT_END },
};

#define REST ",\"modelVersion\":\"m\",\"responseId\":\"i\"}\r\n\r\n"
#define ONE(part, index)                                        \
	"data: {\"candidates\":[{\"content\":{\"parts\":[" part \
	"],\"role\":\"model\"},\"index\":" index "}]" REST
#define LAST(finish, index)                                                                        \
	"{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":\"" finish \
	"\",\"index\":" index "}"

START_TEST(stream_of_hub)
{
	char buf[8192];
	struct chat_unit u;
	struct chat_stream *s;
	struct json_out o;

	chat_unit_init(&u, "x");
	s = GE->out_open(&u.cx, NULL);
	ck_assert_ptr_nonnull(s);
	jo_init(&o, buf, sizeof buf);
	for (size_t i = 0; i < TG_ARRAY_LEN(odd_events); i++)
		GE->write_event(s, &odd_events[i], &o);
	UNIT_STR_EQ(str_mk(buf, o.n),
		STR(ONE("{\"text\":\"\",\"thought\":true,\"thoughtSignature\":\"redacted_thinking:"
			"xx\"}",
			"0") ONE("{\"text\":\"no\"}",
			"1") ONE("{\"functionCall\":{\"id\":\"c\",\"name\":\"w\",\"args\":{\"a\":1}"
				 "}}",
			"0") ONE("{\"functionCall\":{\"id\":\"d\",\"name\":\"v\",\"args\":{}}}",
			"0") "data: {\"candidates\":[" LAST("STOP", "0") "," LAST("SAFETY",
			"1") "],\"usageMetadata\":{"
			     "\"promptTokenCount\":3,\"candidatesTokenCount\":2,"
			     "\"totalTokenCount\":5,\"promptTokensDetails\":["
			     "{\"modality\":\"TEXT\",\"tokenCount\":3}],"
			     "\"candidatesTokensDetails\":[{\"modality\":\"TEXT\","
			     "\"tokenCount\":2}]}" REST));
	chat_unit_fini(&u);
}
END_TEST

START_TEST(stream_error_written)
{
	static const char error[] =
		"{\"error\":{\"code\":503,\"message\":\"over\",\"status\":\"UNAVAILABLE\"}}";
	char want[512];
	struct chat_unit u;

	chat_unit_init(&u, "x");
	ck_assert_int_eq(chat_unit_stream(&u, GE, GE, NULL, error, 0), 0);
	snprintf(want, sizeof want, "data: %s\r\n\r\n", error);
	CHAT_UNIT_TEXT(&u, want);
	u.cx.stream_array = true;
	ck_assert_int_eq(chat_unit_stream(&u, GE, GE, NULL, error, 0), 0);
	snprintf(want, sizeof want, "[%s]", error);
	CHAT_UNIT_TEXT(&u, want);
	chat_unit_fini(&u);
}
END_TEST

/* ---- recorded streams */

static const struct recording {
	const char *file, *finish, *usage;
} recordings[] = {
	{ "google-text", "stop", "input=9 output=23 output_reasoning=185" },
	{ "google-reasoning", "stop", "input=9 output=29 output_reasoning=256" },
	{ "google-tool-call", "tool", "input=29 output=15 output_reasoning=45" },
	{ "google-tool-call-gemini3", "tool", "input=29 output=15 output_reasoning=804" },
	{ "google-stream-tool-call-arguments", "tool", "input=26 output=23 output_reasoning=132" },
	{ "google-stream-no-args-tool-call", "tool", "input=249 output=58 output_reasoning=183" },
};

START_TEST(recorded)
{
	const struct recording *r = &recordings[_i];
	char file[128], want[512];
	struct chat_unit u;
	char *lines;

	snprintf(file, sizeof file, "%s.chunks.txt", r->file);
	lines = chat_unit_recording(file);
	if (lines == NULL)
		return;
	chat_unit_init(&u, "x");
	ck_assert_int_eq(chat_unit_stream(&u, GE, NULL, NULL, lines, 0), 0);
	snprintf(want, sizeof want, "finish %s\nusage %s\nend\n", r->finish, r->usage);
	ck_assert_msg(str_ends(str_mk(u.text, u.n), str_z(want)), "%s ends in\n%s\nnot\n%s",
		r->file, u.text + (u.n > 200 ? u.n - 200 : 0), want);
	/* And through the writer: as one array it is JSON, and as good a stream. */
	u.cx.stream_array = true;
	ck_assert_int_eq(chat_unit_stream(&u, GE, GE, NULL, lines, 0), 0);
	(void)chat_unit_parse(&u.arena, u.text);
	free(lines);
	chat_unit_fini(&u);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, stream, 0, (int)TG_ARRAY_LEN(streams));
	tcase_add_test(tc, stream_stopped);
	tcase_add_test(tc, stream_of_something_else);
	tcase_add_test(tc, stream_written);
	tcase_add_test(tc, stream_of_hub);
	tcase_add_test(tc, stream_error_written);
	tcase_add_loop_test(tc, recorded, 0, (int)TG_ARRAY_LEN(recordings));
}

UNIT_MAIN("gemini_stream", tests)
