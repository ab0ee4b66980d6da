/*
 * check_meter_estimate.c: what is billed for answers that break off or tell no usage: streams whose
 * tokens are known, cut behind every event and at many bytes. A token is four bytes of text here.
 */
#include <stdio.h>

#include "providers/meter_estimate.h"
#include "unit/unit.h"

#define TOKEN 4

static char memory[METER_BUF_BYTES];

/* ---- streams as providers frame them */

enum shape {
	CHAT,
	CHAT_PADDED,
	CHAT_TOOL,
	CHAT_REASONING,
	COMPLETION,
	ANTHROPIC,
	RESPONSES,
	DATA_ONLY,
	SHAPES
};

static const enum meter_api api_of[SHAPES] = { METER_OPENAI_CHAT, METER_OPENAI_CHAT,
	METER_OPENAI_CHAT, METER_OPENAI_CHAT, METER_OPENAI_COMPLETIONS, METER_ANTHROPIC_MESSAGES,
	METER_OPENAI_RESPONSES, METER_OPENAI_RESPONSES };

struct stream {
	char *text;
	size_t n, cap;
	size_t end[512];      /* of each event */
	uint64_t tokens[512]; /* delivered up to there */
	size_t events;
	uint64_t total;
};

static void put(struct stream *s, const char *event, uint64_t tokens)
{
	size_t n = strlen(event);

	while (s->n + n >= s->cap) {
		s->cap = s->cap * 2 + 4096;
		s->text = realloc(s->text, s->cap);
	}
	memcpy(s->text + s->n, event, n);
	s->n += n;
	s->total += tokens;
	ck_assert_uint_lt(s->events, 512);
	s->end[s->events] = s->n;
	s->tokens[s->events++] = s->total;
}

static const char *head_of(enum shape shape)
{
	switch (shape) {
	case ANTHROPIC:
		return "event: message_start\ndata: "
		       "{\"type\":\"message_start\",\"message\":{\"model\":"
		       "\"c\",\"content\":[],\"usage\":{\"input_tokens\":77,"
		       "\"cache_read_input_tokens\":5,\"output_tokens\":3}}}\n\n"
		       "event: ping\ndata: {\"type\":\"ping\"}\n\n"
		       "event: content_block_start\ndata: "
		       "{\"type\":\"content_block_start\",\"index\":"
		       "0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
	case RESPONSES:
		return "event: response.created\ndata: "
		       "{\"type\":\"response.created\",\"response\":{"
		       "\"model\":\"r\",\"instructions\":\"a very long text that is echoed and is "
		       "no "
		       "output at all\",\"output\":[],\"usage\":null}}\n\n"
		       "event: response.in_progress\ndata: {\"type\":\"response.in_progress\","
		       "\"response\":{\"model\":\"r\",\"instructions\":\"a very long text that is "
		       "echoed and is no output at all\",\"output\":[],\"usage\":null}}\n\n";
	case DATA_ONLY:
		return "data: {\"type\":\"response.created\",\"response\":{\"model\":\"r\"}}\n\n";
	case COMPLETION: return "";
	default:
		return "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"model\":\"m\","
		       "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
		       "\"\"},"
		       "\"finish_reason\":null}],\"usage\":null}\n\n";
	}
}

static const char *frame_of(enum shape shape)
{
	switch (shape) {
	case CHAT_PADDED:
		return "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"model\":\"m\","
		       "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%.*s\"},\"finish_"
		       "reason\":"
		       "null}],\"usage\":null,\"obfuscation\":\"%.*s\"}\n\n";
	case CHAT_TOOL:
		return "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"model\":\"m\","
		       "\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
		       "\"function\":"
		       "{\"arguments\":\"%.*s\"}}]},\"finish_reason\":null}],\"usage\":null}\n\n";
	case CHAT_REASONING:
		return "data: {\"id\": \"x\", \"object\": \"chat.completion.chunk\", \"model\": "
		       "\"m\", "
		       "\"choices\": [{\"index\": 0, \"delta\": {\"content\": null, "
		       "\"reasoning_content\": \"%.*s\"}, \"finish_reason\": null}]}\n\n";
	case COMPLETION:
		return "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\"%.*s\","
		       "\"finish_reason\":null}]}\n\n";
	case ANTHROPIC:
		return "event: content_block_delta\ndata: "
		       "{\"type\":\"content_block_delta\",\"index\":0,"
		       "\"delta\":{\"type\":\"text_delta\",\"text\":\"%.*s\"}}\n\n";
	case RESPONSES:
		return "event: response.output_text.delta\ndata: {\"type\":"
		       "\"response.output_text.delta\",\"item_id\":\"msg_1\",\"output_index\":0,"
		       "\"content_index\":0,\"delta\":\"%.*s\",\"logprobs\":[]}\n\n";
	case DATA_ONLY:
		return "data: "
		       "{\"type\":\"response.function_call_arguments.delta\",\"delta\":\"%.*s\"}"
		       "\r\n\r\n";
	default:
		return "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"model\":\"m\","
		       "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%.*s\"},\"logprobs\":"
		       "null,"
		       "\"finish_reason\":null}],\"usage\":null}\n\n";
	}
}

#define THINKING                                                   \
	"event: content_block_delta\ndata: "                       \
	"{\"type\":\"content_block_delta\",\"index\":0,\"delta\":" \
	"{\"type\":\"thinking_delta\",\"thinking\":\"%.*s\"}}\n\n"
#define BETWEEN                                                                                    \
	"event: content_block_delta\ndata: "                                                       \
	"{\"type\":\"content_block_delta\",\"index\":0,\"delta\":"                                 \
	"{\"type\":\"signature_delta\",\"signature\":"                                             \
	"\"EqQBCgIYAhIkNDcwZjY4YzctNWQ1My00MjA5LWI5Nzct"                                           \
	"ZjY4YzctNWQ1My00MjA5LWI5NzctEqQBCgIYAhIkNDcwZjY4YzctNWQ1My00MjA5LWI5NzctZjY4YzctNWQ1My00" \
	"\"}}"                                                                                     \
	"\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"   \
	"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,"         \
	"\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"

/* `pieces` events of 1..most tokens; Anthropic's are first thought and then said. */
static void stream_make(struct stream *s, enum shape shape, int pieces, int most)
{
	static char text[4 * 1024], event[8 * 1024];

	*s = (struct stream){ .n = 0 };
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = "the fox ran \\\\n"[i % 12];
	put(s, head_of(shape), 0);
	for (int i = 0; i < pieces; i++) {
		int tokens = 1 + (i * 7 + most / 2) % most, pad = (i * 5) % 16;

		if (shape == ANTHROPIC && i == pieces / 3)
			put(s, BETWEEN, 0);
		if (shape == ANTHROPIC && i < pieces / 3)
			snprintf(event, sizeof event, THINKING, tokens * TOKEN, text);
		else
			snprintf(event, sizeof event, frame_of(shape), tokens * TOKEN, text, pad,
				text);
		put(s, event, (uint64_t)tokens);
	}
}

static void feed(struct meter *m, enum shape shape, struct str text, size_t piece)
{
	meter_init(m, api_of[shape], true, memory, sizeof memory);
	while (text.n > 0) {
		size_t n = TG_MIN(piece, text.n);

		meter_feed(m, str_mk(text.p, n));
		text = str_skip(text, n);
	}
	meter_finish(m);
}

static void check_cut(enum shape shape, struct str text, size_t piece, uint64_t tokens,
	const struct bound *asked, bool near)
{
	struct est_ratio four = { .out_mbpt = 4000 };
	struct usage u, v;
	struct meter m;

	feed(&m, shape, text, piece);
	meter_estimate(&m, NULL, asked, &u);
	meter_estimate(&m, &four, asked, &v);
	ck_assert_msg(usage_output(&u) >= tokens && usage_output(&v) >= tokens,
		"shape %d, %zu bytes by %zu: %llu and %llu of %llu tokens", shape, text.n, piece,
		(unsigned long long)usage_output(&u), (unsigned long long)usage_output(&v),
		(unsigned long long)tokens);
	if (near) /* a quarter and a few events too much */
		ck_assert_msg(usage_output(&v) <= tokens * 5 / 4 + 64,
			"shape %d, %zu bytes by %zu: %llu of %llu tokens", shape, text.n, piece,
			(unsigned long long)usage_output(&v), (unsigned long long)tokens);
	if (shape == ANTHROPIC) {
		ck_assert_uint_eq(u.n[USAGE_IN], 77);
		ck_assert_uint_eq(u.n[USAGE_IN_CACHE_READ], 5);
	} else {
		ck_assert_uint_eq(u.n[USAGE_IN], est_input(NULL, asked->input_bytes));
	}
	ck_assert_int_eq(u.source, shape == ANTHROPIC ? USAGE_PARTIAL : USAGE_ESTIMATED);
}

/* Cut behind each event, however the bytes came. */
START_TEST(test_streams)
{
	static const size_t pieces[] = { 1, 7, 100, 333, 1000, 4096, 1 << 20 };
	struct bound asked = { .input_bytes = 1000, .n = 1 };

	for (int most = 1; most <= 100; most += 33) {
		struct stream s;

		stream_make(&s, (enum shape)_i, 60, most);
		for (size_t e = most == 1 ? 0 : 20; e < s.events; e += most == 1 ? 1 : 9)
			for (size_t p = 0; p < TG_ARRAY_LEN(pieces); p++)
				check_cut((enum shape)_i, str_mk(s.text, s.end[e]), pieces[p],
					s.tokens[e], &asked,
					_i != CHAT_PADDED && pieces[p] >= 1000);
		free(s.text);
	}
}
END_TEST

/* Each event by itself, as they come from a provider that takes its time; or its blank line apart.
 */
START_TEST(test_event_by_event)
{
	struct bound asked = { .input_bytes = 1000, .n = 1 };
	struct est_ratio four = { .out_mbpt = 4000 };
	struct usage u;
	struct stream s;
	struct meter m;

	stream_make(&s, (enum shape)_i, 200, 40);
	for (size_t tail = 0; tail < 2; tail++) {
		meter_init(&m, api_of[_i], true, memory, sizeof memory);
		for (size_t e = 0, at = 0; e < s.events; at = s.end[e++]) {
			if (s.end[e] == at)
				continue;
			meter_feed(&m, str_mk(s.text + at, s.end[e] - tail - at));
			meter_feed(&m, str_mk(s.text + s.end[e] - tail, tail));
			meter_estimate(&m, &four, &asked, &u);
			ck_assert_uint_ge(usage_output(&u), s.tokens[e]);
			if (_i != CHAT_PADDED)
				ck_assert_uint_le(usage_output(&u), s.tokens[e] * 5 / 4 + 64);
		}
	}
	free(s.text);
}
END_TEST

/* What is learned from whole streams serves those that break off. */
START_TEST(test_learned_from_whole_streams)
{
	struct bound asked = { .input_bytes = 3000, .n = 1 };
	struct est_ratio r = { .n = 0 };
	struct stream s;
	struct usage u;
	struct meter m;
	char end[512];

	for (int i = 0; i < 300; i++) {
		stream_make(&s, CHAT, 40 + i, 1 + i % 9);
		snprintf(end, sizeof end,
			"data: "
			"{\"choices\":[],\"usage\":{\"prompt_tokens\":700,\"completion_tokens\":"
			"%llu}}\n\ndata: [DONE]\n\n",
			(unsigned long long)s.total);
		put(&s, end, 0);
		feed(&m, CHAT, str_mk(s.text, s.n), 1448);
		ck_assert_int_eq(m.usage.source, USAGE_PROVIDER);
		meter_learn(&m, &asked, &r);
		free(s.text);
	}
	ck_assert_uint_ge(r.n, 250);
	ck_assert_uint_ge(r.out_mbpt, 3800);
	ck_assert_uint_le(r.out_mbpt, 4500);
	ck_assert_uint_ge(r.in_mbpt, 3800);
	stream_make(&s, CHAT, 300, 60);
	feed(&m, CHAT, str_mk(s.text, s.n), 1448);
	meter_estimate(&m, &r, &asked, &u);
	ck_assert_uint_ge(usage_output(&u), s.total);
	ck_assert_uint_le(usage_output(&u), s.total * 5 / 4);
	free(s.text);
}
END_TEST

/* Answers that end early or are not exact teach nothing. */
START_TEST(test_not_learned)
{
	struct bound asked = { .input_bytes = 3000, .n = 1 };
	struct est_ratio r = { .n = 0 };
	struct stream s;
	struct meter m;

	stream_make(&s, CHAT, 100, 9);
	feed(&m, CHAT, str_mk(s.text, s.n), s.n);
	meter_learn(&m, &asked, &r);
	put(&s,
		"data: "
		"{\"choices\":[],\"usage\":{\"prompt_tokens\":700,\"completion_tokens\":500}}\n\n"
		"data: {\"error\":{\"message\":\"x\"}}\n\n",
		0);
	feed(&m, CHAT, str_mk(s.text, s.n), s.n);
	meter_learn(&m, &asked, &r);
	ck_assert_uint_eq(r.n, 0);
	free(s.text);
}
END_TEST

/* ---- single cases: a response, what was asked, what is billed */

struct figure {
	enum usage_bucket bucket;
	uint64_t n;
};

static const struct {
	const char *what;
	enum meter_api api;
	bool stream;
	const char *text;
	struct bound asked;
	enum usage_source source;
	struct figure want[7];
} cases[] = {
	{ "exact figures stand", METER_OPENAI_CHAT, false,
		"{\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3}}",
		{ .input_bytes = 1000 }, USAGE_PROVIDER, { { USAGE_IN, 5 }, { USAGE_OUT, 3 } } },
	{ "a body without usage: its text", METER_OPENAI_CHAT, false,
		"{\"id\":\"a\",\"choices\":[{\"message\":{\"content\":\"twelve bytes\"}}]}",
		{ .input_bytes = 105 }, USAGE_ESTIMATED, { { USAGE_IN, 40 }, { USAGE_OUT, 21 } } },
	{ "tool arguments and reasoning are text", METER_OPENAI_CHAT, false,
		"{\"choices\":[{\"message\":{\"reasoning\":\"hmm...\",\"tool_calls\":[{"
		"\"function\":"
		"{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]}}]}",
		{ .input_bytes = 105 }, USAGE_ESTIMATED, { { USAGE_IN, 40 }, { USAGE_OUT, 22 } } },
	{ "a placeholder is replaced", METER_ANTHROPIC_MESSAGES, true,
		"data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,"
		"\"output_tokens\":7}}}\n\n",
		{ .input_bytes = 1000 }, USAGE_PARTIAL, { { USAGE_IN, 9 } } },
	{ "cumulative figures stand until more was said", METER_OPENAI_CHAT, true,
		"data: "
		"{\"choices\":[{\"delta\":{\"content\":\"ab\"}}],\"usage\":{\"prompt_tokens\":9,"
		"\"completion_tokens\":40}}\n\n",
		{ .input_bytes = 1000 }, USAGE_PARTIAL, { { USAGE_IN, 9 }, { USAGE_OUT, 40 } } },
	{ "embeddings have no output", METER_OPENAI_EMBEDDINGS, false,
		"{\"data\":[{\"embedding\":[0.1,0.2]}]}", { .input_bytes = 105 }, USAGE_ESTIMATED,
		{ { USAGE_IN, 40 } } },
	{ "images that came, in all units", METER_OPENAI_IMAGES, false,
		"{\"data\":[{},{}],\"size\":\"1024x1024\",\"quality\":\"low\"}",
		{ .input_bytes = 105, .n = 4 }, USAGE_PARTIAL,
		{ { USAGE_IN, 40 }, { USAGE_IMAGES, 2 }, { USAGE_OUT_IMAGE, 544 },
			{ USAGE_PIXELS, 2097152 } } },
	{ "no image came", METER_OPENAI_IMAGES, false, "{\"data\":[]}",
		{ .input_bytes = 105, .n = 4 }, USAGE_ESTIMATED, { { USAGE_IN, 40 } } },
	{ "images that broke off", METER_OPENAI_IMAGES, true, "data: {\"type\":\"x\"}\n\n",
		{ .input_bytes = 105, .n = 1, .size = { 9, "1024x1024" }, .quality = { 3, "low" } },
		USAGE_ESTIMATED,
		{ { USAGE_IN, 40 }, { USAGE_IMAGES, 1 }, { USAGE_OUT_IMAGE, 272 },
			{ USAGE_PIXELS, 1048576 } } },
	{ "speech in bytes", METER_OPENAI_AUDIO, false, "ID3\x04",
		{ .input_bytes = 105, .characters = 30 }, USAGE_ESTIMATED,
		{ { USAGE_IN, 40 }, { USAGE_IN_CHARACTERS, 30 }, { USAGE_OUT_AUDIO, 60 } } },
	{ "a transcript as plain text", METER_OPENAI_AUDIO, false, "twelve bytes",
		{ .form = true, .audio_bytes = 40000 }, USAGE_ESTIMATED,
		{ { USAGE_IN_SECONDS, 11 }, { USAGE_IN_AUDIO, 352 }, { USAGE_OUT, 21 } } },
	{ "media in a prompt", METER_OPENAI_CHAT, true, "",
		{ .input_bytes = 105, .images = 2, .audio_bytes = 4000, .document_bytes = 2000 },
		USAGE_ESTIMATED, { { USAGE_IN, 40 + 3200 + 64 + 100 } } },
	{ "moderation is free", METER_OPENAI_MODERATION, false, "{\"results\"",
		{ .input_bytes = 105 }, USAGE_ABSENT, { { 0 } } },
};

START_TEST(test_cases)
{
	uint64_t want[USAGE__MAX] = { 0 };
	struct usage u;
	struct meter m;

	meter_init(&m, cases[_i].api, cases[_i].stream, memory, sizeof memory);
	if (cases[_i].stream)
		meter_feed(&m, str_z(cases[_i].text));
	else
		meter_whole(&m, str_z(cases[_i].text));
	meter_finish(&m);
	meter_estimate(&m, NULL, &cases[_i].asked, &u);
	for (size_t i = 0; i < 7 && cases[_i].want[i].n > 0; i++)
		want[cases[_i].want[i].bucket] = cases[_i].want[i].n;
	for (unsigned b = 0; b < USAGE__MAX; b++)
		ck_assert_msg(u.n[b] == want[b], "%s: %s is %llu, not %llu", cases[_i].what,
			usage_bucket_name((enum usage_bucket)b), (unsigned long long)u.n[b],
			(unsigned long long)want[b]);
	ck_assert_msg(u.source == cases[_i].source, "%s: source %d", cases[_i].what, u.source);
}
END_TEST

START_TEST(test_counted)
{
	struct usage u = { .n = { [USAGE_IN_CHARACTERS] = 3, [USAGE_IMAGES] = 2 } };

	ck_assert(meter_is_counted(&u));
	u.n[USAGE_OUT_AUDIO] = 1;
	ck_assert(!meter_is_counted(&u));
}
END_TEST

static const struct {
	const char *answer;
	struct bound asked;
	const char *want;
} variants[] = {
	{ "{\"size\":\"1024x1024\",\"quality\":\"high\"}", { .size = { 7, "256x256" } },
		"high/1024x1024" },
	{ "{}", { .size = { 9, "1792x1024" }, .quality = { 2, "hd" } }, "hd/1792x1024" },
	{ "{}", { .size = { 9, "1792x1024" }, .quality = { 8, "standard" } }, "1792x1024" },
	{ "{}", { .size = { 9, "1792x1024" }, .quality = { 4, "auto" } }, "1792x1024" },
	{ "{}", { .size = { 4, "auto" }, .quality = { 2, "hd" } }, "" },
	{ "{}", { .n = 1 }, "" },
};

START_TEST(test_variants)
{
	char out[METER_VARIANT_MAX];
	struct meter m;

	meter_init(&m, METER_OPENAI_IMAGES, false, memory, sizeof memory);
	meter_whole(&m, str_z(variants[_i].answer));
	meter_finish(&m);
	UNIT_STR_EQ(
		str_mk(out, meter_variant(&m, &variants[_i].asked, out)), str_z(variants[_i].want));
}
END_TEST

static const struct {
	const char *json;
	uint64_t bytes;
} texts[] = {
	{ "", 0 },
	{ "{\"content\":\"abc\"}", 3 },
	{ "{\"content\": \"abc\"}", 3 },
	{ "{\"content\":null,\"text\":\"\\\"\\\\\"}", 4 },
	{ "{\"mycontent\":\"abc\"}", 0 },
	{ "{\"x\":\"\\\"content\\\":\\\"abc\\\"\",\"text\":\"ab\"}", 2 },
	{ "{\"content\":\"abc", 3 },
	{ "{\"content\":\"abc\\", 4 },
	{ "{\"content\":", 0 },
	{ "{\"content\"", 0 },
	{ "\":\"", 0 },
	{ "{\"id\":\"a string that is longer than a block\",\"delta\":\"text, longer than one "
	  "too\"}",
		25 },
	{ "{\"a\":{\"content\":[{\"text\":\"ab\"},{\"text\":\"cd\"}]}}", 4 },
};

START_TEST(test_text_bytes)
{
	size_t n = strlen(texts[_i].json);
	char *copy = unit_copy(texts[_i].json, n);

	ck_assert_uint_eq(meter_text_bytes(str_mk(copy, n)), texts[_i].bytes);
	free(copy);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, test_streams, 0, SHAPES);
	tcase_add_loop_test(tc, test_event_by_event, 0, SHAPES);
	tcase_add_test(tc, test_learned_from_whole_streams);
	tcase_add_test(tc, test_not_learned);
	tcase_add_loop_test(tc, test_cases, 0, (int)TG_ARRAY_LEN(cases));
	tcase_add_test(tc, test_counted);
	tcase_add_loop_test(tc, test_variants, 0, (int)TG_ARRAY_LEN(variants));
	tcase_add_loop_test(tc, test_text_bytes, 0, (int)TG_ARRAY_LEN(texts));
}

UNIT_MAIN("meter_estimate", tests)
