/*
 * check_anthropic_stream.c: streams of the messages API, read and written (providers.md 10.3 and
 * section 3), those that relays have made a mess of among them; recordings end in the usage and the
 * finish reason that each shows.
 */
#include "chat/anthropic.h"
#include "chat_unit.h"

#define AN (&chat_codec_anthropic)

/* ---- streams, as the hub sees them */

#define START(usage)                                                                               \
	"{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"m\",\"content\":[]" \
	",\"usage\":{" usage "}}}\n"
#define BLOCK(i, block) \
	"{\"type\":\"content_block_start\",\"index\":" i ",\"content_block\":{" block "}}\n"
#define DELTA(i, type, key, text)                                                       \
	"{\"type\":\"content_block_delta\",\"index\":" i ",\"delta\":{\"type\":\"" type \
	"\",\"" key "\":\"" text "\"}}\n"
#define TEXT(i, t) DELTA(i, "text_delta", "text", t)
#define ARGS(i, t) DELTA(i, "input_json_delta", "partial_json", t)
#define STOP(i)    "{\"type\":\"content_block_stop\",\"index\":" i "}\n"
#define END(reason, usage)                                                                         \
	"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason "\"},\"usage\":{" usage \
	"}}\n"                                                                                     \
	"{\"type\":\"message_stop\"}\n"

static const struct stream_row {
	const char *what, *in, *out;
} streams[] = {
	{ "text; placeholders and pings; input told anew at the end",
		START("\"input_tokens\":43,\"output_tokens\":1")
			BLOCK("0", "\"type\":\"text\",\"text\":\"\"") "{\"type\":\"ping\"}\n" TEXT(
				"0", "a\\n") TEXT("0", "b") STOP("0")
				END("end_turn", "\"input_tokens\":61,\"output_tokens\":2"),
		"start msg_1 m input=43 output=1\nopen text\n+ a\\n\n+ b\nclose\nfinish stop\n"
		"usage input=61 output=2\nend\n" },
	{ "null does not overwrite, the split is of the start",
		START("\"input_tokens\":2,\"cache_creation_input_tokens\":3068,\"cache_read_input_"
		      "tokens\":5,"
		      "\"cache_creation\":{\"ephemeral_5m_input_tokens\":3068,"
		      "\"ephemeral_1h_input_tokens\":0},\"output_tokens\":1") END("end_turn",
			"\"input_tokens\":null,\"cache_creation_input_tokens\":3337,"
			"\"output_tokens\":8,\"output_tokens_details\":{\"thinking_tokens\":3}"),
		"start msg_1 m input=2 input_cache_read=5 input_cache_write_5m=3068 "
		"output=1\nfinish stop\n"
		"usage input=2 input_cache_read=5 input_cache_write_5m=3337 "
		"output=5 "
		"output_reasoning=3\nend\n" },
	{ "thinking with its signature in two, redacted, then calls with and without arguments",
		START("") BLOCK("0",
			"\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"") DELTA("0",
			"thinking_delta", "thinking",
			"hm") DELTA("0", "signature_delta", "signature", "ab\\/") DELTA("0",
			"signature_delta", "signature", "c==") STOP("0") BLOCK("1",
			"\"type\":\"redacted_thinking\",\"data\":\"xx\"") STOP("1") BLOCK("2",
			"\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"w\",\"input\":{}")
			ARGS("2", "") ARGS("2", "{\\\"a\\\":") ARGS("2", "1}") STOP("2") BLOCK("3",
				"\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"v\",\"input\":{}")
				STOP("3") END("tool_use", "\"input_tokens\":1,\"output_tokens\":2"),
		"start msg_1 m\nopen thinking\n+ hm\nclose ab\\/c==\nopen redacted xx\nclose\n"
		"open call t1 w\n+ {\\\"a\\\":\n+ 1}\nclose\nopen call t2 v\n+ {}\nclose\nfinish "
		"tool\n"
		"usage input=1 output=2\nend\n" },
	{ "arguments in the start of a call",
		START("") BLOCK("0", "\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"w\",\"input\":{"
				     "\"a\":\"\\n\"}") STOP("0") END("tool_use", ""),
		"start msg_1 m\nopen call t w\n+ {\\\"a\\\":\\\"\\\\n\\\"}\nclose\nfinish "
		"tool\nend\n" },
	{ "tools of the provider's own and blocks that nobody knows are passed over",
		START("") BLOCK("0",
			"\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"x\",\"input\":{}")
			ARGS("0", "{\\\"q\\\":1}") STOP("0") BLOCK(
				"1", "\"type\":\"web_search_tool_result\",\"content\":[]") STOP("1")
				BLOCK("2", "\"type\":\"new\"") TEXT("2", "no") STOP("2") BLOCK(
					"3", "\"type\":\"text\",\"text\":\"\"") TEXT("3", "yes")
					DELTA("3", "citations_delta", "citation", "c")
						STOP("3") "{\"type\":\"message_note\"}\n" END(
							"end_turn", ""),
		"start msg_1 m\nopen text\n+ yes\nclose\nfinish stop\nend\n" },
	{ "message_start twice",
		START("\"input_tokens\":17,\"output_tokens\":1")
			START("\"input_tokens\":17,\"output_tokens\":1")
				BLOCK("0", "\"type\":\"text\",\"text\":\"\"") TEXT("0", "a")
					STOP("0") END("end_turn", "\"output_tokens\":227"),
		"start msg_1 m input=17 output=1\nopen text\n+ a\nclose\nfinish stop\n"
		"usage input=17 output=227\nend\n" },
	{ "a second stream in the midst of a call",
		START("") BLOCK(
			"1", "\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"w\",\"input\":{}")
			ARGS("1", "{\\\"a") START("\"input_tokens\":17")
				BLOCK("0", "\"type\":\"text\",\"text\":\"x\"") STOP("0")
					END("tool_use", "\"output_tokens\":65"),
		"start msg_1 m\nopen call t1 w\n+ {\\\"a\nclose\nopen text\n+ x\nclose\nfinish "
		"tool\n"
		"usage input=17 output=65\nend\n" },
	{ "starts and stops that a relay forgot",
		START("") TEXT("0", "a") DELTA("1", "thinking_delta", "thinking", "t")
			ARGS("1", "{}") BLOCK("2", "\"type\":\"text\",\"text\":\"b\"") STOP("2")
				STOP("2") END("max_tokens", ""),
		"start msg_1 m\nopen text\n+ a\nclose\nopen thinking\n+ t\nclose\nopen text\n+ "
		"b\nclose\n"
		"finish length\nend\n" },
	{ "no start at all", TEXT("0", "a") STOP("0") END("end_turn", ""),
		"start  \nopen text\n+ a\nclose\nfinish stop\nend\n" },
	{ "nothing but the end", "{\"type\":\"message_stop\"}\n", "start  \nfinish stop\nend\n" },
	{ "a stop sequence",
		START("") "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_"
			  "sequence\","
			  "\"stop_sequence\":\"E\\\"\"}}\n"
			  "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":null,\"stop_"
			  "sequence\":null}}\n"
			  "{\"type\":\"message_stop\"}\n",
		"start msg_1 m\nfinish stop_sequence E\\\"\nend\n" },
	{ "a refusal before anything",
		START("") "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\","
			  "\"stop_details\":"
			  "{\"type\":\"refusal\",\"explanation\":\"no\"}}}\n{\"type\":\"message_"
			  "stop\"}\n",
		"start msg_1 m\nopen refusal\n+ no\nclose\nfinish filter\nend\n" },
	{ "an error in the midst",
		START("") BLOCK("0", "\"type\":\"text\",\"text\":\"\"") TEXT(
			"0", "a") "!error\n{\"type\":\"error\",\"error\":{\"type\":\"overloaded_"
				  "error\",\"message\":\"Over\"}}\n" TEXT("0", "b"),
		"start msg_1 m\nopen text\n+ a\nerror 529 overloaded_error: Over\n" },
	{ "an error of another shape", "{\"error\":{\"message\":\"m\"}}\n", "error 500 : m\n" },
	{ "the event's name says what its data does not", "!error\n{\"message\":\"m\"}\n",
		"error 500 : m\n" },
	{ "no end",
		START("") BLOCK("0", "\"type\":\"text\",\"text\":\"\"") TEXT("0", "a")
			STOP("0") "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_"
				  "turn\"}}\n",
		"start msg_1 m\nopen text\n+ a\nclose\n"
		"error 502 api_error: The provider's stream ended before message_stop.\n" },
	{ "nothing", "",
		"error 502 api_error: The provider's stream ended before message_stop.\n" },
	{ "what comes after the end", START("") END("end_turn", "") "[DONE]\n" TEXT("0", "x"),
		"start msg_1 m\nfinish stop\nend\n" },
};

START_TEST(stream)
{
	const struct stream_row *r = &streams[_i];
	struct chat_unit u;

	chat_unit_init(&u, "x");
	ck_assert_int_eq(chat_unit_stream(&u, AN, NULL, NULL, r->in, 0), 0);
	ck_assert_msg(strcmp(u.text, r->out) == 0, "%s: got\n%s\nnot\n%s", r->what, u.text, r->out);
	chat_unit_fini(&u);
}
END_TEST

/* The sink may be gone at any event: nothing more is said, and nothing is wrong with the stream. */
START_TEST(stream_stopped)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(streams); i++)
		for (unsigned at = 1;; at++) {
			struct chat_unit u;
			int rc;

			chat_unit_init(&u, "x");
			rc = chat_unit_stream(&u, AN, NULL, NULL, streams[i].in, at);
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
	ck_assert_int_eq(chat_unit_stream(&u, AN, NULL, NULL, "{\"type\":\n", 0), -1);
	ck_assert_ptr_nonnull(strstr(u.cx.fail, "is no JSON"));
	chat_unit_fini(&u);
}
END_TEST

/* ---- streams, as clients get them */

#define OUT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
#define OUT_START(id, model, usage)                                                            \
	OUT("message_start",                                                                   \
		",\"message\":{\"id\":\"" id "\",\"type\":\"message\",\"role\":\"assistant\"," \
		"\"model\":\"" model "\",\"content\":[],\"stop_reason\":null,"                 \
		"\"stop_sequence\":null,\"usage\":{" usage "}}")
#define OUT_BLOCK(i, b) OUT("content_block_start", ",\"index\":" i ",\"content_block\":{" b "}")
#define OUT_DELTA(i, d) OUT("content_block_delta", ",\"index\":" i ",\"delta\":{" d "}")
#define OUT_STOP(i)     OUT("content_block_stop", ",\"index\":" i)
#define OUT_END(reason, seq, usage)                                                              \
	OUT("message_delta", ",\"delta\":{\"stop_reason\":\"" reason "\",\"stop_sequence\":" seq \
			     "},\"usage\":{" usage "}")                                          \
	OUT("message_stop", "")
#define FIGURES(in, read, out)                                                 \
	"\"input_tokens\":" in                                                 \
	",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":" read \
	",\"output_tokens\":" out

START_TEST(stream_written)
{
	struct chat_unit u;

	chat_unit_init(&u, "x");
	ck_assert_int_eq(
		chat_unit_stream(&u, AN, AN, NULL,
			START("\"input_tokens\":12,\"output_tokens\":1") BLOCK(
				"0", "\"type\":\"thinking\",\"thinking\":\"\"") DELTA("0",
				"thinking_delta", "thinking", "hm") DELTA("0", "signature_delta",
				"signature", "s\\/=") STOP("0") BLOCK("1",
				"\"type\":\"redacted_thinking\",\"data\":\"xx\"") STOP("1")
				BLOCK("2", "\"type\":\"text\",\"text\":\"\"") TEXT("2", "a\\n")
					STOP("2") BLOCK("3", "\"type\":\"tool_use\",\"id\":\"t\","
							     "\"name\":\"w\",\"input\":{}")
						STOP("3") END("tool_use",
							"\"input_tokens\":15,\"cache_read_input_"
							"tokens\":4,\"output_tokens\":9"),
			0),
		0);
	CHAT_UNIT_TEXT(&u,
		OUT_START("msg_1", "m", FIGURES("12", "0", "1")) OUT_BLOCK("0",
			"\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"") OUT_DELTA("0",
			"\"type\":\"thinking_delta\",\"thinking\":\"hm\"") OUT_DELTA("0",
			"\"type\":\"signature_delta\",\"signature\":\"s\\/=\"") OUT_STOP("0")
			OUT_BLOCK("1", "\"type\":\"redacted_thinking\",\"data\":\"xx\"") OUT_STOP(
				"1") OUT_BLOCK("2",
				"\"type\":\"text\",\"text\":\"\"") OUT_DELTA("2",
				"\"type\":\"text_delta\",\"text\":\"a\\n\"") OUT_STOP("2")
				OUT_BLOCK("3", "\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"w\","
					       "\"input\":{}") OUT_DELTA("3",
					"\"type\":\"input_json_delta\",\"partial_json\":\"{}\"")
					OUT_STOP("3") OUT_END(
						"tool_use", "null", FIGURES("15", "4", "9")));
	chat_unit_fini(&u);
}
END_TEST

/* Events of providers that tell less, in an order of their own. */
static const struct chat_event odd_events[] = {
	{ .kind = EVENT_START },
	{ .kind = EVENT_OPEN, .part = PART_TEXT },
	{ .kind = EVENT_DELTA, .part = PART_TEXT, .text = STR("") },
	{ .kind = EVENT_DELTA, .part = PART_TEXT, .text = STR("a") },
	{ .kind = EVENT_OPEN, .part = PART_TEXT, .choice = 1 },
	{ .kind = EVENT_DELTA, .part = PART_TEXT, .text = STR("other"), .choice = 1 },
	{ .kind = EVENT_CLOSE, .part = PART_TEXT, .choice = 1 },
	{ .kind = EVENT_FINISH, .finish = FINISH_STOP, .choice = 1 },
	{ .kind = EVENT_CLOSE, .part = PART_TEXT, .signature = STR("gemini's") },
	{ .kind = EVENT_OPEN, .part = PART_CALL, .id = STR("c"), .name = STR("w") },
	{ .kind = EVENT_CLOSE, .part = PART_CALL },
	{ .kind = EVENT_OPEN, .part = PART_REFUSAL },
	{ .kind = EVENT_DELTA, .part = PART_REFUSAL, .text = STR("no") },
	{ .kind = EVENT_CLOSE, .part = PART_REFUSAL },
	{ .kind = EVENT_FINISH, .finish = FINISH_STOP_SEQUENCE, .stop_sequence = STR("E") },
	{ .kind = EVENT_END },
	{ .kind = EVENT_END },
};

START_TEST(stream_of_hub)
{
	char buf[8192];
	struct chat_unit u;
	struct chat_stream *s;
	struct json_out o;

	chat_unit_init(&u, "x");
	u.cx.input_estimate = 77;
	s = AN->out_open(&u.cx, NULL);
	jo_init(&o, buf, sizeof buf);
	for (size_t i = 0; i < TG_ARRAY_LEN(odd_events); i++)
		AN->write_event(s, &odd_events[i], &o);
	UNIT_STR_EQ(str_mk(buf, o.n),
		STR(OUT_START("id_of_ours", "x", FIGURES("77", "0", "0")) OUT_BLOCK(
			"0", "\"type\":\"text\",\"text\":\"\"") OUT_DELTA("0",
			"\"type\":\"text_delta\",\"text\":\"a\"") OUT_STOP("0") OUT_BLOCK("1",
			"\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"w\",\"input\":{}")
				OUT_STOP("1") OUT_BLOCK("2", "\"type\":\"text\",\"text\":\"\"")
					OUT_DELTA("2", "\"type\":\"text_delta\",\"text\":\"no\"")
						OUT_STOP("2") OUT_END("stop_sequence", "\"E\"",
							FIGURES("77", "0", "0"))));
	chat_unit_fini(&u);
}
END_TEST

START_TEST(stream_error_written)
{
	struct chat_unit u;

	chat_unit_init(&u, "x");
	ck_assert_int_eq(
		chat_unit_stream(&u, AN, AN, NULL, "{\"error\":{\"message\":\"m\"}}\n", 0), 0);
	CHAT_UNIT_TEXT(&u,
		"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\","
		"\"message\":\"m\"}}\n\n");
	chat_unit_fini(&u);
}
END_TEST

/* ---- recorded streams */

static const struct recording {
	const char *file, *finish, *usage;
} recordings[] = {
	{ "anthropic-advisor-stop-reasons", "stop", "input=10 output=20" },
	{ "anthropic-clear-thinking.1", "stop", "input=69 output=53" },
	{ "anthropic-code-execution-20260120-prompt-cache.1", "stop",
		"input=6 input_cache_read=6289 input_cache_write_5m=3337 "
		"output=198" },
	{ "anthropic-fallback", "stop", "input=412 output=264" },
	{ "anthropic-json-tool.1", "tool", "input=849 output=47" },
	{ "anthropic-message-delta-input-tokens", "stop", "input=61 output=2" },
	{ "anthropic-refusal", "filter", "input=18 output=5" },
	{ "anthropic-text", "stop", "input=12 output=30" },
	{ "anthropic-tool-no-args", "tool", "input=565 output=48" },
	{ "duplicate-message-start", "stop", "input=17 output=227" },
	{ "spliced-message-start", "tool", "input=17 output=65" },
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
	ck_assert_int_eq(chat_unit_stream(&u, AN, NULL, NULL, lines, 0), 0);
	snprintf(want, sizeof want, "finish %s\nusage %s\nend\n", r->finish, r->usage);
	ck_assert_msg(str_ends(str_mk(u.text, u.n), str_z(want)), "%s ends in\n%s\nnot\n%s",
		r->file, u.text + (u.n > 200 ? u.n - 200 : 0), want);
	/* And through the writer: its own reader finds the same in it. */
	ck_assert_int_eq(chat_unit_stream(&u, AN, AN, NULL, lines, 0), 0);
	ck_assert(str_ends(str_mk(u.text, u.n), STR("data: {\"type\":\"message_stop\"}\n\n")));
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

UNIT_MAIN("anthropic_stream", tests)
