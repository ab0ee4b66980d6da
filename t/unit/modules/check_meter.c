/*
 * check_meter.c: synthetic responses for each pitfall of usage reporting, split at every byte.
 * (Recorded ones: check_meter_fixtures.c.)
 */
#include "providers/meter.h"
#include "unit/unit.h"

#define S true
#define B false

/* Figures in the order of buckets.h. */
struct want {
	uint64_t in, read, w5m, w1h, write, in_audio, in_image, out, reasoning, out_audio,
		out_image;
};

struct example {
	const char *what;
	enum meter_api api;
	bool stream;
	const char *text;
	enum usage_source source;
	struct want want;
	const char *model, *tier;
	struct {
		bool terminal, error;
		uint32_t searches;
	} end;
};

#define CHUNK(usage)                                                                              \
	"data: "                                                                                  \
	"{\"object\":\"chat.completion.chunk\",\"model\":\"gpt-x\",\"service_tier\":\"default\"," \
	"\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\\\"usage\\\":{\"}}]" usage "}\n\n"
#define LAST(usage) "data: {\"choices\":[],\"model\":\"gpt-x\",\"usage\":" usage "}\n\n"
#define DONE        "data: [DONE]\n\n"
#define FULL                                                                                    \
	"{\"prompt_tokens\":100,\"completion_tokens\":50,\"total_tokens\":150,"                 \
	"\"prompt_tokens_details\":{\"cached_tokens\":30,\"cache_write_tokens\":20,\"audio_"    \
	"tokens\":5},"                                                                          \
	"\"completion_tokens_details\":{\"reasoning_tokens\":10,\"audio_tokens\":4,\"rejected_" \
	"prediction_tokens\":3}}"
#define START(usage)                                                       \
	"event: message_start\ndata: "                                     \
	"{\"type\":\"message_start\",\"message\":{\"model\":\"claude-x\"," \
	"\"content\":[],\"usage\":" usage "}}\n\n"
#define DELTA(usage)                                                                            \
	"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":" usage \
	"}\n\n"
#define TEXT                                 \
	"event: content_block_delta\ndata: " \
	"{\"type\":\"content_block_delta\",\"delta\":{\"text\":\"x\"}}\n\n"
#define STOP "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
#define SPLIT                                                                                    \
	"{\"input_tokens\":43,\"cache_creation_input_tokens\":10,\"cache_read_input_tokens\":7," \
	"\"cache_creation\":{\"ephemeral_5m_input_tokens\":4,\"ephemeral_1h_input_tokens\":6},"  \
	"\"output_tokens\":1,\"service_tier\":\"priority\"}"
#define RESP(type, rest)                                                                        \
	"event: " type "\ndata: {\"type\":\"" type "\",\"response\":{\"model\":\"gpt-r\"," rest \
	"}}\n\n"

static const struct example examples[] = {
	{ "chat stream", METER_OPENAI_CHAT, S,
		CHUNK(",\"usage\":null") CHUNK(",\"usage\":null") CHUNK("") LAST(FULL) DONE,
		USAGE_PROVIDER, { 45, 30, 0, 0, 20, 5, 0, 36, 10, 4, 0 }, "gpt-x", "default",
		{ .terminal = true } },
	{ "CRLF, comments, azure's first chunk", METER_OPENAI_CHAT, S,
		": hi\r\n\r\ndata: "
		"{\"choices\":[],\"model\":\"\",\"prompt_filter_results\":[]}\r\n\r\n"
		"data:{\"choices\":[{}],\"model\":\"m2\",\"usage\":null}\r\n\r\n"
		"data: {\"choices\":[],\"usage\": "
		"{\"prompt_tokens\":7,\"completion_tokens\":2}}\r\n\r\n"
		"data: [DONE]\r\n\r\n",
		USAGE_PROVIDER, { .in = 7, .out = 2 }, "m2", "", { .terminal = true } },
	{ "a later null clobbers nothing", METER_OPENAI_CHAT, S,
		LAST(FULL) LAST("{\"prompt_tokens\":100,\"prompt_tokens_details\":null,"
				"\"completion_tokens\":null}") LAST("null") DONE,
		USAGE_PROVIDER, { 45, 30, 0, 0, 20, 5, 0, 36, 10, 4, 0 }, "gpt-x", "",
		{ .terminal = true } },
	{ "cumulative usage on every chunk is not added up", METER_OPENAI_CHAT, S,
		CHUNK(",\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":1}")
			CHUNK(",\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":9}") DONE,
		USAGE_PROVIDER, { .in = 11, .out = 9 }, "gpt-x", "default", { .terminal = true } },
	{ "and is partial without an end", METER_OPENAI_CHAT, S,
		CHUNK(",\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":1}") CHUNK(""),
		USAGE_PARTIAL, { .in = 11, .out = 1 }, "gpt-x", "default", { .terminal = false } },
	{ "no usage at all", METER_OPENAI_CHAT, S, CHUNK("") CHUNK(",\"usage\":null") DONE,
		USAGE_ABSENT, { 0 }, "gpt-x", "default", { .terminal = true } },
	{ "error in the stream", METER_OPENAI_CHAT, S,
		CHUNK("") "data: {\"error\":{\"message\":\"x\"}}\n\n", USAGE_ABSENT, { 0 }, "gpt-x",
		"default", { .error = true } },
	{ "error by name", METER_OPENAI_CHAT, S, CHUNK("") "event: error\ndata: {}\n\n",
		USAGE_ABSENT, { 0 }, "gpt-x", "default", { .error = true } },
	{ "an error behind the usage takes nothing back", METER_OPENAI_CHAT, S,
		CHUNK("") LAST(FULL) "data: {\"error\":{\"message\":\"x\"}}\n\n", USAGE_PROVIDER,
		{ 45, 30, 0, 0, 20, 5, 0, 36, 10, 4, 0 }, "gpt-x", "default", { .error = true } },
	{ "usage in the chunk that finishes (Mistral)", METER_OPENAI_CHAT, S,
		CHUNK("") "data: {\"model\":\"gpt-x\",\"choices\":[{\"delta\":{\"content\":\"\"},"
			  "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,"
			  "\"total_tokens\":56,\"completion_tokens\":46,\"num_cached_tokens\":4}}"
			  "\n\n" DONE,
		USAGE_PROVIDER, { .in = 6, .read = 4, .out = 46 }, "gpt-x", "default",
		{ .terminal = true } },
	{ "two names of one figure, one of them 0", METER_OPENAI_CHAT, B,
		"{\"usage\":{\"prompt_tokens\":9,\"input_tokens\":0,\"completion_tokens\":0,"
		"\"output_tokens\":7,\"num_cached_tokens\":4,\"prompt_token_details\":{"
		"\"cached_tokens\":0}}}",
		USAGE_PROVIDER, { .in = 5, .read = 4, .out = 7 }, "", "", { .terminal = true } },
	{ "choices that are empty or missing", METER_OPENAI_CHAT, S,
		"data: {\"model\":\"gpt-x\",\"choices\":[],\"moderation\":{}}\n\n"
		"data: {\"object\":\"ping\"}\n\n" LAST(FULL) DONE,
		USAGE_PROVIDER, { 45, 30, 0, 0, 20, 5, 0, 36, 10, 4, 0 }, "gpt-x", "",
		{ .terminal = true } },
	{ "last event without its blank line", METER_OPENAI_CHAT, S,
		CHUNK("") LAST(FULL) "data: [DONE]", USAGE_PROVIDER,
		{ 45, 30, 0, 0, 20, 5, 0, 36, 10, 4, 0 }, "gpt-x", "default",
		{ .terminal = true } },
	{ "cached beyond the prompt is beside it; details stop at the whole", METER_OPENAI_CHAT, B,
		"{\"model\":\"m\",\"choices\":[{}],\"usage\":{\"prompt_tokens\":5,\"completion_"
		"tokens\":3,"
		"\"prompt_tokens_details\":{\"cached_tokens\":9,\"audio_tokens\":4},"
		"\"total_tokens\":8,\"completion_tokens_details\":{\"reasoning_tokens\":9}}}",
		USAGE_PROVIDER, { .in = 1, .read = 9, .in_audio = 4, .reasoning = 3 }, "m", "",
		{ .terminal = true } },
	{ "reasoning beside completion (xAI)", METER_OPENAI_CHAT, B,
		"\n\n{\"model\":\"grok\",\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":1,"
		"\"total_tokens\":303,"
		"\"prompt_tokens_details\":{\"cached_tokens\":11},"
		"\"completion_tokens_details\":{\"reasoning_tokens\":290}}}",
		USAGE_PROVIDER, { .in = 1, .read = 11, .out = 1, .reasoning = 290 }, "grok", "",
		{ .terminal = true } },
	{ "hit tokens of DeepSeek", METER_OPENAI_CHAT, B,
		"{\"usage\":{\"prompt_tokens\":339,\"completion_tokens\":83,\"prompt_cache_hit_"
		"tokens\":320}}",
		USAGE_PROVIDER, { .in = 19, .read = 320, .out = 83 }, "", "",
		{ .terminal = true } },
	{ "usage inside a string or deeper is none", METER_OPENAI_CHAT, B,
		"{\"model\":\"m\",\"x\":{\"usage\":{\"prompt_tokens\":1}},\"y\":\"\\\"usage\\\":{"
		"\\\"prompt_tokens\\\":1}\"}",
		USAGE_ABSENT, { 0 }, "m", "", { .terminal = true } },
	{ "embeddings", METER_OPENAI_EMBEDDINGS, B,
		"{\"object\":\"list\",\"data\":[{\"embedding\":[0.1,0.2]}],\"model\":\"e3\","
		"\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}",
		USAGE_PROVIDER, { .in = 8 }, "e3", "", { .terminal = true } },
	{ "images, all output", METER_OPENAI_IMAGES, B,
		"{\"created\":1,\"data\":[{\"b64_json\":\"AAAA\"}],\"usage\":{\"input_tokens\":50,"
		"\"output_tokens\":1056,"
		"\"input_tokens_details\":{\"text_tokens\":10,\"image_tokens\":40},\"total_"
		"tokens\":1106}}",
		USAGE_PROVIDER, { .in = 10, .in_image = 40, .out_image = 1056 }, "", "",
		{ .terminal = true } },
	{ "images, split output", METER_OPENAI_IMAGES, S,
		"event: image_generation.partial_image\ndata: "
		"{\"type\":\"image_generation.partial_image\",\"b64_json\":\"QQ\"}\n\n"
		"event: image_generation.completed\ndata: "
		"{\"type\":\"image_generation.completed\",\"usage\":{\"input_tokens\":50,"
		"\"output_tokens\":100,\"output_tokens_details\":{\"image_tokens\":90,\"text_"
		"tokens\":10}}}\n\n",
		USAGE_PROVIDER, { .in = 50, .out = 10, .out_image = 90 }, "", "",
		{ .terminal = true } },
	{ "transcription tokens, singular details", METER_OPENAI_AUDIO, B,
		"{\"text\":\"x\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\"input_token_"
		"details\":{\"text_tokens\":4,"
		"\"audio_tokens\":10},\"output_tokens\":45,\"total_tokens\":59}}",
		USAGE_PROVIDER, { .in = 4, .in_audio = 10, .out = 45 }, "", "",
		{ .terminal = true } },
	{ "speech", METER_OPENAI_AUDIO, S,
		"data: {\"type\":\"speech.audio.delta\",\"audio\":\"AA\"}\n\ndata: "
		"{\"type\":\"speech.audio.done\",\"usage\":"
		"{\"input_tokens\":14,\"output_tokens\":101,\"total_tokens\":115}}\n\n",
		USAGE_PROVIDER, { .in = 14, .out_audio = 101 }, "", "", { .terminal = true } },
	{ "audio bytes", METER_OPENAI_AUDIO, B, "ID3\x04{\"usage\":{\"input_tokens\":1}}",
		USAGE_ABSENT, { 0 }, "", "", { .terminal = false } },
	{ "responses stream", METER_OPENAI_RESPONSES, S,
		RESP("response.created",
			"\"service_tier\":\"auto\",\"output\":[],\"usage\":"
			"null") "data: "
				"{\"type\":\"response.output_item.done\","
				"\"item\":{\"id\":\"1\",\"type\":\"web_search_"
				"call\"}}\n\n"
				"data: "
				"{\"type\":\"response.output_text.delta\","
				"\"delta\":\"web_search_call\"}\n\n" RESP("response.completed",
					"\"service_tier\":\"flex\",\"output\":["
					"{\"type\":\"web_search_call\"},{"
					"\"content\":[{\"type\":\"web_search_"
					"call\"}],"
					"\"type\":\"message\"},{\"type\":\"web_"
					"search_call\"}],\"tool_usage\":{\"x\":"
					"{\"usage\":{\"input_tokens\":9}}},"
					"\"usage\":{\"input_tokens\":40,"
					"\"input_tokens_details\":{\"cached_"
					"tokens\":30,\"cache_write_tokens\":4},"
					"\"output_tokens\":20,\"output_tokens_"
					"details\":{\"reasoning_tokens\":15}}"),
		USAGE_PROVIDER, { .in = 6, .read = 30, .write = 4, .out = 5, .reasoning = 15 },
		"gpt-r", "flex", { .terminal = true, .searches = 2 } },
	{ "responses cut off", METER_OPENAI_RESPONSES, S,
		RESP("response.created",
			"\"output\":[],\"usage\":null") "data: "
							"{\"type\":\"response.output_item.done\","
							"\"item\":{\"type\":\"web_search_call\"}}"
							"\n\n",
		USAGE_ABSENT, { 0 }, "gpt-r", "", { .searches = 1 } },
	{ "responses failed", METER_OPENAI_RESPONSES, S,
		RESP("response.failed", "\"error\":{\"code\":\"x\"},\"usage\":null"), USAGE_ABSENT,
		{ 0 }, "gpt-r", "", { .terminal = true, .error = true } },
	{ "responses incomplete", METER_OPENAI_RESPONSES, S,
		RESP("response.incomplete", "\"usage\":{\"input_tokens\":3,\"output_tokens\":4}"),
		USAGE_PROVIDER, { .in = 3, .out = 4 }, "gpt-r", "", { .terminal = true } },
	{ "responses body", METER_OPENAI_RESPONSES, B,
		"{\"model\":\"gpt-r\",\"error\":null,\"service_tier\":\"default\",\"output\":[{"
		"\"type\":\"web_search_call\"}],"
		"\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}",
		USAGE_PROVIDER, { .in = 3, .out = 4 }, "gpt-r", "default",
		{ .terminal = true, .searches = 1 } },
	{ "messages stream", METER_ANTHROPIC_MESSAGES, S,
		START(SPLIT) TEXT "event: ping\ndata: {\"type\":\"ping\"}\n\n" TEXT DELTA(
			"{\"input_tokens\":61,\"output_tokens\":20,\"output_tokens_details\":{"
			"\"thinking_tokens\":5}}") STOP,
		USAGE_PROVIDER,
		{ .in = 61, .read = 7, .w5m = 4, .w1h = 6, .out = 15, .reasoning = 5 }, "claude-x",
		"priority", { .terminal = true } },
	{ "a placeholder output is never counted", METER_ANTHROPIC_MESSAGES, S, START(SPLIT) TEXT,
		USAGE_PARTIAL, { .in = 43, .read = 7, .w5m = 4, .w1h = 6 }, "claude-x", "priority",
		{ .terminal = false } },
	{ "nulls, and a second start after the end", METER_ANTHROPIC_MESSAGES, S,
		START(SPLIT) DELTA("{\"input_tokens\":null,\"cache_read_input_tokens\":null,"
				   "\"output_tokens\":20}") START(SPLIT) STOP,
		USAGE_PROVIDER, { .in = 43, .read = 7, .w5m = 4, .w1h = 6, .out = 20 }, "claude-x",
		"priority", { .terminal = true } },
	{ "a start that comes twice counts once", METER_ANTHROPIC_MESSAGES, S,
		START(SPLIT) START(SPLIT) TEXT DELTA("{\"output_tokens\":227}") STOP,
		USAGE_PROVIDER, { .in = 43, .read = 7, .w5m = 4, .w1h = 6, .out = 227 }, "claude-x",
		"priority", { .terminal = true } },
	{ "of a stream spliced to another the last start stands", METER_ANTHROPIC_MESSAGES, S,
		START(SPLIT) TEXT START("{\"input_tokens\":17,\"output_tokens\":1}")
			TEXT DELTA("{\"output_tokens\":65}") STOP,
		USAGE_PROVIDER, { .in = 17, .read = 7, .w5m = 4, .w1h = 6, .out = 65 }, "claude-x",
		"priority", { .terminal = true } },
	{ "cumulative output is not added up", METER_ANTHROPIC_MESSAGES, S,
		START(SPLIT) DELTA("{\"output_tokens\":20}") DELTA("{\"output_tokens\":65}") STOP,
		USAGE_PROVIDER, { .in = 43, .read = 7, .w5m = 4, .w1h = 6, .out = 65 }, "claude-x",
		"priority", { .terminal = true } },
	{ "messages: an error behind the final figures", METER_ANTHROPIC_MESSAGES, S,
		START(SPLIT) DELTA("{\"output_tokens\":20}") "event: error\ndata: "
							     "{\"type\":\"error\",\"error\":{"
							     "\"type\":\"overloaded_error\"}}\n\n",
		USAGE_PROVIDER, { .in = 43, .read = 7, .w5m = 4, .w1h = 6, .out = 20 }, "claude-x",
		"priority", { .error = true } },
	{ "more cache written than the split says", METER_ANTHROPIC_MESSAGES, S,
		START("{\"input_tokens\":2,\"cache_creation_input_tokens\":30,\"cache_creation\":{"
		      "\"ephemeral_5m_input_tokens\":30,"
		      "\"ephemeral_1h_input_tokens\":0},\"output_tokens\":9}")
			DELTA("{\"input_tokens\":6,\"cache_creation_input_tokens\":37,\"cache_read_"
			      "input_tokens\":50,\"output_tokens\":19,"
			      "\"server_tool_use\":{\"web_search_requests\":3}}") STOP,
		USAGE_PROVIDER, { .in = 6, .read = 50, .w5m = 37, .out = 19 }, "claude-x", "",
		{ .terminal = true, .searches = 3 } },
	{ "cache written, no split", METER_ANTHROPIC_MESSAGES, B,
		"{\"type\":\"message\",\"model\":\"c\",\"content\":[{\"type\":\"text\",\"text\":"
		"\"x\"}],\"usage\":{\"input_tokens\":1,"
		"\"cache_creation_input_tokens\":8,\"output_tokens\":2}}",
		USAGE_PROVIDER, { .in = 1, .write = 8, .out = 2 }, "c", "", { .terminal = true } },
	{ "compaction is on top of the totals", METER_ANTHROPIC_MESSAGES, B,
		"{\"type\":\"message\",\"model\":\"c\",\"usage\":{\"input_tokens\":10,\"output_"
		"tokens\":2,\"iterations\":["
		"{\"type\":\"compaction\",\"input_tokens\":100,\"output_tokens\":30},"
		"{\"type\":\"message\",\"input_tokens\":10,\"output_tokens\":2},"
		"{\"type\":\"advisor_message\",\"model\":\"adv\",\"input_tokens\":5,\"output_"
		"tokens\":6}]}}",
		USAGE_PROVIDER, { .in = 110, .out = 32 }, "c", "", { .terminal = true } },
	{ "after a fallback the totals stand", METER_ANTHROPIC_MESSAGES, B,
		"{\"type\":\"message\",\"model\":\"c\",\"usage\":{\"input_tokens\":412,\"output_"
		"tokens\":264,\"iterations\":["
		"{\"type\":\"message\",\"input_tokens\":408,\"output_tokens\":0},"
		"{\"type\":\"fallback_message\",\"input_tokens\":412,\"output_tokens\":264}]}}",
		USAGE_PROVIDER, { .in = 412, .out = 264 }, "c", "", { .terminal = true } },
	{ "messages error", METER_ANTHROPIC_MESSAGES, S,
		START(SPLIT) "event: error\ndata: "
			     "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
		USAGE_PARTIAL, { .in = 43, .read = 7, .w5m = 4, .w1h = 6 }, "claude-x", "priority",
		{ .error = true } },
	{ "counting is free", METER_ANTHROPIC_COUNT, B, "{\"input_tokens\":2095}", USAGE_ABSENT,
		{ 0 }, "", "", { .terminal = true } },
};

static char memory[METER_BUF_BYTES];

static void check_buckets(const char *what, const struct usage *u, const struct want *w)
{
	const uint64_t want[USAGE_FIRST_UNIT] = {
		[USAGE_IN] = w->in,
		[USAGE_IN_CACHE_READ] = w->read,
		[USAGE_IN_CACHE_WRITE_5M] = w->w5m,
		[USAGE_IN_CACHE_WRITE_1H] = w->w1h,
		[USAGE_IN_CACHE_WRITE] = w->write,
		[USAGE_IN_AUDIO] = w->in_audio,
		[USAGE_IN_IMAGE] = w->in_image,
		[USAGE_OUT] = w->out,
		[USAGE_OUT_REASONING] = w->reasoning,
		[USAGE_OUT_AUDIO] = w->out_audio,
		[USAGE_OUT_IMAGE] = w->out_image,
	};

	for (int i = 0; i < USAGE_FIRST_UNIT; i++)
		ck_assert_msg(u->n[i] == want[i], "%s: bucket %d is %llu, not %llu", what, i,
			(unsigned long long)u->n[i], (unsigned long long)want[i]);
}

static void check_example(const struct example *e, struct meter *m)
{
	uint64_t searches;

	meter_finish(m);
	check_buckets(e->what, &m->usage, &e->want);
	ck_assert_msg(m->usage.source == e->source, "%s: source %d", e->what, m->usage.source);
	ck_assert_msg(
		str_eq(m->model, str_z(e->model)), "%s: model %.*s", e->what, STR_FMT(m->model));
	ck_assert_msg(str_eq(m->service_tier, str_z(e->tier)), "%s: tier %.*s", e->what,
		STR_FMT(m->service_tier));
	ck_assert_msg(m->terminal == e->end.terminal, "%s: terminal %d", e->what, m->terminal);
	ck_assert_msg(m->error_event == e->end.error, "%s: error %d", e->what, m->error_event);
	searches = m->usage.n[e->api == METER_ANTHROPIC_MESSAGES ? USAGE_WEB_SEARCHES
								 : USAGE_WEB_SEARCHES_MEDIUM];
	ck_assert_msg(searches == e->end.searches, "%s: searches %u", e->what, (unsigned)searches);
}

static void example_split(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	const struct example *e = arg;
	struct meter m;

	meter_init(&m, e->api, e->stream, memory, sizeof memory);
	meter_feed(&m, str_mk(a, an));
	meter_feed(&m, str_mk(b, bn));
	check_example(e, &m);
}

START_TEST(test_examples)
{
	const struct example *e = &examples[_i];
	struct meter m;

	unit_split(e->text, strlen(e->text), example_split, (void *)(uintptr_t)e);
	meter_init(&m, e->api, e->stream, memory, sizeof memory);
	for (const char *p = e->text; *p != '\0'; p++)
		meter_feed(&m, str_mk(p, 1));
	check_example(e, &m);
}
END_TEST

START_TEST(test_seconds)
{
	static const struct {
		const char *body;
		uint64_t seconds;
	} t[] = {
		{ "{\"text\":\"\",\"usage\":{\"type\":\"duration\",\"seconds\":27}}", 27 },
		{ "{\"text\":\"\",\"usage\":{\"type\":\"duration\",\"seconds\":9.25}}", 10 },
		{ "{\"text\":\"\",\"usage\":{\"type\":\"duration\",\"seconds\":9.00}}", 9 },
		{ "{\"duration\":\"8.47\",\"text\":\"\"}", 9 },
		{ "{\"duration\":8.47,\"usage\":{\"type\":\"duration\",\"seconds\":12}}", 12 },
	};
	struct meter m;

	for (size_t i = 0; i < TG_ARRAY_LEN(t); i++) {
		meter_init(&m, METER_OPENAI_AUDIO, false, memory, sizeof memory);
		meter_feed(&m, str_z(t[i].body));
		meter_finish(&m);
		ck_assert_uint_eq(m.audio_seconds, t[i].seconds);
		ck_assert_int_eq(m.usage.source, USAGE_PROVIDER);
	}
}
END_TEST

START_TEST(test_advisor)
{
	struct meter m;

	meter_init(&m, METER_ANTHROPIC_MESSAGES, false, memory, sizeof memory);
	meter_feed(&m, STR("{\"model\":\"c\",\"usage\":{\"input_tokens\":10,\"output_tokens\":2,"
			   "\"iterations\":["
			   "{\"type\":\"advisor_message\",\"model\":\"adv\",\"input_tokens\":5,"
			   "\"output_tokens\":6},"
			   "{\"type\":\"advisor_message\",\"model\":\"adv\",\"input_tokens\":1,"
			   "\"output_tokens\":1,"
			   "\"cache_creation_input_tokens\":3,\"cache_creation\":{\"ephemeral_1h_"
			   "input_tokens\":3}}]}}"));
	meter_finish(&m);
	check_buckets("totals", &m.usage, &(struct want){ .in = 10, .out = 2 });
	ck_assert(m.has_advisor);
	UNIT_STR_EQ(m.advisor_model, STR("adv"));
	check_buckets("advisor", &m.advisor, &(struct want){ .in = 6, .w1h = 3, .out = 7 });
}
END_TEST

/* What passes through, with the usage chunk taken out. */
struct filtered {
	char out[65536];
	size_t n;
	uint32_t cuts;
};

static void take(struct filtered *f, struct meter *m, struct str in)
{
	struct iovec iov[8];
	int n = meter_filter(m, in, iov, 8);

	for (int i = 0; i < n; i++) {
		memcpy(f->out + f->n, iov[i].iov_base, iov[i].iov_len);
		f->n += iov[i].iov_len;
	}
}

static void filter_pieces(struct filtered *f, struct str in, size_t piece, size_t cap)
{
	struct meter m;
	struct str held;

	f->n = 0;
	meter_init(&m, METER_OPENAI_CHAT, true, memory, cap);
	m.strip = true;
	while (in.n > 0) {
		size_t n = TG_MIN(piece, in.n);

		take(f, &m, str_mk(in.p, n));
		in = str_skip(in, n);
	}
	meter_finish(&m);
	held = meter_held(&m);
	memcpy(f->out + f->n, held.p, held.n);
	f->n += held.n;
	f->cuts = m.cuts;
}

START_TEST(test_strip)
{
	static const struct {
		const char *in, *out;
		uint32_t cuts;
	} t[] = {
		{ CHUNK("") LAST(FULL) DONE, CHUNK("") DONE, 1 },
		{ CHUNK("") LAST(FULL), CHUNK(""), 1 },
		{ CHUNK(",\"usage\":null") "data: {\"choices\":[],\"usage\":{}}",
			CHUNK(",\"usage\":null"), 1 },
		{ CHUNK(",\"usage\":{\"prompt_tokens\":1}") DONE,
			CHUNK(",\"usage\":{\"prompt_tokens\":1}") DONE, 0 },
		{ LAST("null") "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n" DONE,
			LAST("null") "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n" DONE,
			0 },
		{ "data: {\"choices\":[],\"usage\":{},\"error\":{}}\n\n",
			"data: {\"choices\":[],\"usage\":{},\"error\":{}}\n\n", 0 },
		{ ": c\n\n" LAST(FULL) ": d\n\n" DONE, ": c\n\n: d\n\n" DONE, 1 },
		{ "data: {}\r\n\r\ndata: {\"choices\":[],\"usage\":{}}\r\n\r\ndata: [DONE]\r\n\r\n",
			"data: {}\r\n\r\ndata: [DONE]\r\n\r\n", 1 },
		{ "data: {}\r\rdata: {\"choices\":[],\"usage\":{}}\r\rdata: [DONE]\r\r",
			"data: {}\r\rdata: [DONE]\r\r", 1 },
		{ "data: {\"choices\":[],\ndata: \"usage\":{}}\n\ndata: x\n\n", "data: x\n\n", 1 },
		{ LAST(FULL) LAST(FULL) DONE, DONE, 2 },
	};
	static struct filtered f;

	for (size_t i = 0; i < TG_ARRAY_LEN(t); i++)
		for (size_t piece = 1; piece <= strlen(t[i].in); piece++) {
			filter_pieces(&f, str_z(t[i].in), piece, sizeof memory);
			UNIT_STR_EQ(str_mk(f.out, f.n), str_z(t[i].out));
			ck_assert_uint_eq(f.cuts, t[i].cuts);
		}
}
END_TEST

/* Without room to hold an event nothing is lost, and the chunk is taken out where one read has all
 * of it. */
START_TEST(test_strip_without_room)
{
	static struct filtered f;
	struct str in = STR(CHUNK("") LAST(FULL) DONE);

	filter_pieces(&f, in, 16, METER_CAPTURE_BYTES);
	UNIT_STR_EQ(str_mk(f.out, f.n), in);
	filter_pieces(&f, in, 100, METER_CAPTURE_BYTES + 20);
	UNIT_STR_EQ(str_mk(f.out, f.n), in);
	filter_pieces(&f, in, in.n, METER_CAPTURE_BYTES);
	UNIT_STR_EQ(str_mk(f.out, f.n), STR(CHUNK("") DONE));
}
END_TEST

/* A content event is not held once its choices show; one that may be the usage chunk is. */
START_TEST(test_holds_only_while_open)
{
	static struct filtered f = { .n = 0 };
	struct str content = STR("data: {\"id\":\"1\",\"choices\":[{\"del"),
		   usage = STR("ta\":{}}]}\n\ndata: {\"choices\":[],");
	struct meter m;

	meter_init(&m, METER_OPENAI_CHAT, true, memory, sizeof memory);
	m.strip = true;
	take(&f, &m, str_mk(content.p, 20));
	ck_assert_uint_eq(f.n, 0);
	take(&f, &m, str_skip(content, 20));
	ck_assert_uint_eq(f.n, content.n);
	take(&f, &m, usage);
	ck_assert_uint_eq(f.n, content.n + sizeof("ta\":{}}]}\n\n") - 1);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, test_examples, 0, (int)TG_ARRAY_LEN(examples));
	tcase_add_test(tc, test_seconds);
	tcase_add_test(tc, test_advisor);
	tcase_add_test(tc, test_strip);
	tcase_add_test(tc, test_strip_without_room);
	tcase_add_test(tc, test_holds_only_while_open);
}

UNIT_MAIN("meter", tests)
