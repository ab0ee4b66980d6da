/*
 * check_stream_end.c: the last events of an answer that is cut off, for each API: whatever the
 * pieces were in which it came, and however little of it could be read.
 */
#include "unit/core/fake.h"

#include "core/stream_end.h"
#include "proto/json_scan.h"

static struct fake f;

static void setup(void)
{
	fake_init(&f, "listen: 127.0.0.1:0\n"
		      "targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
		      "models: { m: { targets: { target: a, model: \"x\\\"y\" } } }\n"
		      "tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n");
}

static void teardown(void)
{
	fake_fini(&f);
}

static struct req *request(bool asked)
{
	struct req *r = fake_req(
		&f, fake_conn(&f), "POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\n\r\n");

	r->model = plan_find_model(f.conf, STR("m"));
	r->route = &r->model->route[0];
	r->added_usage = !asked;
	r->start_wall.us = 1700000000999999;
	memcpy(r->id, "req_0123456789abcdef01234567", REQ_ID_LEN);
	r->leg.usage = (struct usage){ .n = { [USAGE_IN] = 7, [USAGE_OUT] = 40 } };
	return r;
}

#define C ": tollgate-budget-exhausted\n\n"
#define CHUNK    \
	"data: " \
	"{\"choices\":[],\"id\":\"c\",\"object\":\"o\",\"created\":1.5,\"model\":\"\\u0078\"}\n\n"
#define INTRO "data: {\"id\":\"c\",\"object\":\"o\",\"created\":1.5,\"model\":\"\\u0078\","
#define OWN(o)                                                                            \
	"data: {\"id\":\"" ID "\",\"object\":\"" o "\",\"created\":1700000000,\"model\":" \
	"\"x\\\"y\","
#define ID "req_0123456789abcdef01234567"
#define END \
	"\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\"}]"
#define TEXT \
	"\"choices\":[{\"index\":0,\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"length\"}]"
#define USAGE "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":40,\"total_tokens\":47}"
#define DONE  "data: [DONE]\n\n"

#define R(type, rest) \
	"event: response." type "\ndata: {\"type\":\"response." type "\"," rest "}\n\n"
#define CREATED                                                                                  \
	R("created", "\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"status\":\"in_"    \
		     "progress\","                                                               \
		     "\"incomplete_details\":null,\"model\":\"m\",\"output\":[],\"usage\":null," \
		     "\"user\":null}")
#define ADDED                                                                                   \
	R("output_item.added",                                                                  \
		"\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":" \
		"\"message\",\"status\":\"in_progress\",\"content\":[],\"role\":\"assistant\"}")
#define PART                                                                                      \
	R("content_part.added", "\"sequence_number\":2,\"item_id\":\"msg_1\",\"output_index\":0," \
				"\"content_index\":0,\"part\":{}")
#define DELTA(n, text)                                                                            \
	R("output_text.delta",                                                                    \
		"\"sequence_number\":" n                                                          \
		",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"" text \
		"\"")
#define U                                                                                          \
	"{\"input_tokens\":7,\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":40," \
	"\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":47}"
#define WHOLE(n, output)                                                                        \
	R("incomplete", "\"sequence_number\":" n ",\"response\":{\"id\":\"resp_1\",\"status\":" \
			"\"incomplete\",\"incomplete_details\":{"                               \
			"\"reason\":\"max_output_tokens\"},\"model\":\"m\",\"output\":[" output \
			"],\"usage\":" U ",\"user\":null}")
#define BARE(n, output)                                                                     \
	R("incomplete",                                                                     \
		"\"sequence_number\":" n ",\"response\":{\"id\":\"resp_" ID                 \
		"\",\"object\":\"response\",\"created_at\":"                                \
		"1700000000,\"model\":\"x\\\"y\",\"error\":null,\"status\":\"incomplete\"," \
		"\"incomplete_details\":{"                                                  \
		"\"reason\":\"max_output_tokens\"},\"output\":[" output "],\"usage\":" U "}")
#define ITEM(content)                                                                            \
	"{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"incomplete\",\"content\":[" content \
	"],\"role\":\"assistant\"}"
#define SAID(text) \
	"{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"" text "\"}"
#define PLACE         "\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,"

#define M(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define M_END                                                                                    \
	M("message_delta", ",\"delta\":{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null}," \
			   "\"usage\":{\"output_tokens\":40}")                                   \
	M("message_stop", "")

static const struct {
	const char *what;
	enum meter_api api;
	bool asked;
	const char *stream, *end;
} ends[] = {
	{ "chat", METER_OPENAI_CHAT, false, CHUNK "data: {\"id\":\"other\"}\n\n",
		C INTRO END "}\n\n" DONE },
	{ "chat, with its usage", METER_OPENAI_CHAT, true, CHUNK,
		C INTRO END ",\"usage\":null}\n\n" INTRO "\"choices\":[]," USAGE "}\n\n" DONE },
	{ "a comment first", METER_OPENAI_CHAT, false, ": hello\n\n" CHUNK,
		C INTRO END "}\n\n" DONE },
	{ "CR LF", METER_OPENAI_CHAT, false, "data: {\"id\":\"c\"}\r\n\r\n",
		C "data: {\"id\":\"c\"," END "}\n\n" DONE },
	{ "nothing yet", METER_OPENAI_CHAT, false, "",
		C OWN("chat.completion.chunk") END "}\n\n" DONE },
	{ "no JSON", METER_OPENAI_CHAT, false, "data: x\n\n",
		C OWN("chat.completion.chunk") END "}\n\n" DONE },
	{ "completions", METER_OPENAI_COMPLETIONS, false, CHUNK, C INTRO TEXT "}\n\n" DONE },
	{ "nothing of them yet", METER_OPENAI_COMPLETIONS, false, "",
		C OWN("text_completion") TEXT "}\n\n" DONE },
	{ "a response", METER_OPENAI_RESPONSES, false,
		CREATED ADDED PART DELTA("3", "a \\\"b") DELTA("4", "\\u00e9c"),
		C R("output_text.done", "\"sequence_number\":5," PLACE
					"\"logprobs\":[],\"text\":\"a \\\"b\\u00e9c\"")
			R("content_part.done", "\"sequence_number\":6," PLACE "\"part\":" SAID(
						       "a \\\"b\\u00e9c")) R("output_item.done",
				"\"sequence_number\":7,\"output_index\":0,\"item\":" ITEM(
					SAID("a \\\"b\\u00e9c")))
				WHOLE("8", ITEM(SAID("a \\\"b\\u00e9c"))) },
	{ "no part yet", METER_OPENAI_RESPONSES, false, CREATED ADDED,
		C R("output_item.done", "\"sequence_number\":2,\"output_index\":0,\"item\":" ITEM(
						"")) WHOLE("3", ITEM("")) },
	{ "between items", METER_OPENAI_RESPONSES, false,
		CREATED ADDED R("output_item.done",
			"\"sequence_number\":9,\"output_index\":0,\"item\":{\"id\":\"w\"}"),
		C WHOLE("10", "{\"id\":\"w\"}") },
	{ "a second item", METER_OPENAI_RESPONSES, false,
		CREATED R("output_item.done",
			"\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"w\"}") ADDED,
		C R("output_item.done", "\"sequence_number\":2,\"output_index\":0,\"item\":" ITEM(
						"")) WHOLE("3", "{\"id\":\"w\"}," ITEM("")) },
	{ "a call", METER_OPENAI_RESPONSES, false,
		CREATED R("output_item.added",
			"\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"fc\","
			"\"arguments\":\"\",\"status\":\"in_progress\"}"),
		C R("output_item.done", "\"sequence_number\":2,\"output_index\":0,\"item\":{\"id\":"
					"\"fc\",\"arguments\":\"\",\"status\":\"incomplete\"}")
			WHOLE("3",
				"{\"id\":\"fc\",\"arguments\":\"\",\"status\":\"incomplete\"}") },
	{ "an item without an id", METER_OPENAI_RESPONSES, false,
		CREATED R("output_item.added", "\"sequence_number\":1,\"item\":{}"),
		C WHOLE("2", "{}") },
	{ "no response yet", METER_OPENAI_RESPONSES, false, "", C BARE("1", "") },
	{ "a response that says little", METER_OPENAI_RESPONSES, false,
		R("created", "\"response\":{\"id\":\"r\"}"), C BARE("1", "") },
	{ "one that is none", METER_OPENAI_RESPONSES, false, R("created", "\"response\":7"),
		C BARE("1", "") },
	{ "a message", METER_ANTHROPIC_MESSAGES, false,
		M("message_start", ",\"message\":{}")
			M("content_block_start", ",\"index\":0,\"content_block\":{}") M("ping", ""),
		C M("content_block_stop", ",\"index\":0") M_END },
	{ "its second block", METER_ANTHROPIC_MESSAGES, false,
		M("message_start", "") M("content_block_start", ",\"index\":0") M(
			"content_block_stop", ",\"index\":0")
			M("content_block_start", ",\"content_block\":{\"index\":9},\"index\":1"),
		C M("content_block_stop", ",\"index\":1") M_END },
	{ "between blocks", METER_ANTHROPIC_MESSAGES, false,
		M("content_block_start", ",\"index\":0") M("content_block_stop", ",\"index\":0"),
		C M_END },
	{ "nothing of it yet", METER_ANTHROPIC_MESSAGES, false, "", C M_END },
};

/* What every reader does: each data line is JSON, or the end marker. */
static void check_events(const char *text)
{
	const char *line = text;

	while ((line = strstr(line, "data: ")) != NULL) {
		struct str data = str_mk(line + 6, strcspn(line + 6, "\n"));
		struct json_fail fail;

		if (!str_eq(data, STR("[DONE]")))
			ck_assert_msg(json_scan_object(data, NULL, 0, &fail) == 0,
				"%s at %zu of %.*s", json_error_text(fail.err), fail.offset,
				STR_FMT(data));
		line += 6 + data.n;
		ck_assert_msg(strncmp(line, "\n\n", 2) == 0, "no end behind %.*s", STR_FMT(data));
	}
}

static struct str end_of(
	struct req *r, enum meter_api api, const char *stream, size_t n, size_t piece)
{
	struct stream_end *e = stream_end_new(&r->arena, api);

	ck_assert_ptr_nonnull(e);
	for (size_t i = 0; i < n; i += piece)
		stream_end_feed(e, str_mk(stream + i, TG_MIN(piece, n - i)));
	return stream_end_text(e, r);
}

START_TEST(as_the_api_ends)
{
	size_t n = strlen(ends[_i].stream);

	for (size_t piece = 1; piece <= TG_MAX(n, (size_t)1); piece += 1 + piece / 8) {
		struct req *r = request(ends[_i].asked);
		struct str text = end_of(r, ends[_i].api, ends[_i].stream, n, piece);

		ck_assert_msg(str_eq(text, str_z(ends[_i].end)),
			"%s, %zu at a time:\n%.*s\nnot\n%s", ends[_i].what, piece, STR_FMT(text),
			ends[_i].end);
		check_events(text.p);
		fake_drop(&f);
	}
}
END_TEST

/* Events larger than what is kept of them: an end all the same. */
START_TEST(large_events)
{
	static const enum meter_api apis[] = { METER_OPENAI_CHAT, METER_OPENAI_COMPLETIONS,
		METER_OPENAI_RESPONSES, METER_ANTHROPIC_MESSAGES };
	static char big[40000];
	size_t n;

	for (size_t i = 0; i < TG_ARRAY_LEN(apis); i++) {
		struct req *r = request(false);

		n = (size_t)snprintf(big, sizeof big,
			"event: content_block_start\ndata: "
			"{\"response\":{\"x\":\"%0*d\"},\"index\":3}\n\n",
			30000, 0);
		check_events(end_of(r, apis[i], big, n, 999).p);
		fake_drop(&f);
	}
}
END_TEST

/* More text than is repeated: the response says so by saying none. */
START_TEST(a_long_text)
{
	static const char head[] = CREATED ADDED PART;
	struct req *r = request(false);
	struct stream_end *e = stream_end_new(&r->arena, METER_OPENAI_RESPONSES);
	static char delta[9000];
	struct str text;

	stream_end_feed(e, str_mk(head, sizeof head - 1));
	snprintf(delta, sizeof delta,
		"event: response.output_text.delta\ndata: {\"delta\":\"%08000d\"}\n\n", 0);
	for (unsigned i = 0; i < 40; i++)
		stream_end_feed(e, str_z(delta));
	text = stream_end_text(e, r);
	ck_assert_uint_lt(text.n, 4000);
	check_events(text.p);
	ck_assert_ptr_null(strstr(text.p, "output_text.done"));
	ck_assert_ptr_nonnull(strstr(text.p, "response.incomplete"));
	fake_drop(&f);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, as_the_api_ends, 0, TG_ARRAY_LEN(ends));
	tcase_add_test(tc, large_events);
	tcase_add_test(tc, a_long_text);
}

UNIT_MAIN("stream_end", tests)
