/*
 * check_bound.c: what request bodies bound. The examples are requests as clients write them.
 */
#include <stdio.h>

#include "core/bound_int.h"
#include "unit/unit.h"

#define CHAT METER_OPENAI_CHAT
#define RESP METER_OPENAI_RESPONSES
#define MSGS METER_ANTHROPIC_MESSAGES
#define IMGS METER_OPENAI_IMAGES
#define B64  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void read(struct bound *b, enum meter_api api, const char *json)
{
	struct json_watch w[BOUND_WATCHES];
	struct json_fail fail;
	char *copy = unit_copy(json, strlen(json));

	bound_watch(w);
	ck_assert_msg(json_scan_object(str_mk(copy, strlen(json)), w, BOUND_WATCHES, &fail) == 0,
		"%s: error %d at %zu", json, fail.err, fail.offset);
	bound_read(b, api, w, str_mk(copy, strlen(json)));
	free(copy); /* nothing of it is kept */
}

/* ---- limits of output, and counts */

static const struct {
	enum meter_api api;
	const char *json;
	bool known;
	uint64_t max_output, n;
} outputs[] = {
	{ CHAT, "{\"messages\":[]}", false, 0, 1 },
	{ CHAT, "{\"max_tokens\":100}", true, 100, 1 },
	{ CHAT, "{\"max_completion_tokens\":100,\"n\":3}", true, 100, 3 },
	{ CHAT, "{\"max_completion_tokens\":100,\"max_tokens\":7}", true, 100, 1 },
	{ CHAT, "{\"max_completion_tokens\":7,\"max_tokens\":100}", true, 100, 1 },
	{ CHAT, "{\"max_tokens\":1e3,\"n\":2.0}", true, 1000, 2 },
	{ CHAT, "{\"max_tokens\":null,\"n\":null}", false, 0, 1 },
	{ CHAT, "{\"max_tokens\":-1,\"n\":-4}", false, 0, 1 },
	{ CHAT, "{\"max_tokens\":\"100\",\"n\":\"9\"}", false, 0, 1 },
	{ CHAT, "{\"max_tokens\":1.5}", false, 0, 1 },
	{ CHAT, "{\"max_\\u0074okens\":100}", true, 100, 1 },
	{ CHAT, "{\"max_tokens\":0,\"n\":0}", true, 0, 1 },
	{ METER_OPENAI_COMPLETIONS, "{\"max_tokens\":9,\"n\":2,\"best_of\":5}", true, 9, 5 },
	{ METER_OPENAI_COMPLETIONS, "{\"max_tokens\":9,\"n\":2,\"best_of\":1}", true, 9, 2 },
	{ RESP, "{\"max_output_tokens\":55}", true, 55, 1 },
	/* members of another API, which this one passes over */
	{ RESP, "{\"max_tokens\":5}", false, 0, 1 },
	{ CHAT, "{\"max_output_tokens\":5}", false, 0, 1 },
	{ CHAT, "{\"max_output_tokens\":5,\"max_tokens\":7}", true, 7, 1 },
	{ MSGS, "{\"max_tokens\":1024}", true, 1024, 1 },
	{ IMGS, "{\"n\":4}", false, 0, 4 },
};

START_TEST(test_output)
{
	struct bound b;

	read(&b, outputs[_i].api, outputs[_i].json);
	ck_assert_int_eq(b.output_known, outputs[_i].known);
	ck_assert_uint_eq(b.max_output, outputs[_i].max_output);
	ck_assert_uint_eq(b.n, outputs[_i].n);
}
END_TEST

/* Reasoning that is asked for, and what asks for none. */
START_TEST(test_thinking)
{
	static const struct {
		enum meter_api api;
		const char *json;
		bool thinks;
	} rows[] = {
		{ CHAT, "{\"x\":{\"reasoning\":1}}", false },
		{ CHAT, "{\"reasoning_effort\":\"low\"}", true },
		{ CHAT, "{\"reasoning_effort\":\"none\"}", false },
		{ CHAT, "{\"reasoning_effort\":null}", false },
		{ CHAT, "{\"reasoning_effort\":3}", true },
		{ RESP, "{\"reasoning\":{\"effort\":\"low\"}}", true },
		{ RESP, "{\"reasoning\":null}", false },
		{ MSGS, "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}}", true },
		{ MSGS, "{\"thinking\":{\"type\":\"disabled\"}}", false },
		{ MSGS, "{\"thinking\":{\"type\":\"disabled\",\"type\":\"enabled\"}}", true },
		{ MSGS, "{\"thinking\":{\"budget_tokens\":1024}}", true },
		{ MSGS, "{\"thinking\":true}", true },
	};
	struct bound b;

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		read(&b, rows[i].api, rows[i].json);
		ck_assert_msg(b.thinks == rows[i].thinks, "%s", rows[i].json);
	}
}
END_TEST

/* ---- media in prompts */

static const struct {
	const char *what;
	enum meter_api api;
	const char *before, *media, *after; /* `media` is no text */
	uint64_t images;
	bool audio, document; /* it is one */
	bool open;
} parts[] = {
	{ "text", CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", "", "", 0, 0, 0,
		false },
	{ "text parts", CHAT,
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}"
		"]}]}",
		"", "", 0, 0, 0, false },
	{ "text that talks of images", CHAT,
		"{\"messages\":[{\"content\":\"{\\\"type\\\":\\\"image\\\"} "
		"\\\"type\\\":\\\"file\\\"\"}]}",
		"", "", 0, 0, 0, false },
	{ "an image by its URL", CHAT, "{\"messages\":[{\"content\":[{\"type\":\"text\"},",
		"{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\"}}", "]}]}", 1,
		0, 0, false },
	{ "white space", CHAT, "{\"messages\" : [ { \"content\" : [ ",
		"{ \"type\" :\n\t \"image_url\", \"image_url\": {} }", " ] } ] }", 1, 0, 0, false },
	{ "the type comes last", CHAT, "{\"messages\":[{\"content\":[",
		"{\"image_url\":{\"url\":\"data:image/png;base64," B64
		"\"},\"type\":\"image_url\"}",
		"]}]}", 1, 0, 0, false },
	{ "an image of Anthropic's", MSGS, "{\"max_tokens\":9,\"messages\":[{\"content\":[",
		"{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"" B64 "\"}}",
		",{\"type\":\"text\",\"text\":\"what is it?\"}]}]}", 1, 0, 0, false },
	{ "a type spelt with escapes", MSGS, "{\"messages\":[{\"content\":[",
		"{\"type\":\"im\\u0061ge\",\"source\":{\"data\":\"" B64 "\"}}", "]}]}", 1, 0, 0,
		false },
	{ "a key spelt with escapes", MSGS, "{\"messages\":[{\"content\":[",
		"{\"\\u0074ype\":\"image\",\"source\":{\"data\":\"" B64 "\"}}", "]}]}", 1, 0, 0,
		false },
	{ "in the result of a tool", MSGS,
		"{\"messages\":[{\"content\":[{\"type\":\"tool_result\",\"content\":[",
		"{\"type\":\"image\",\"source\":{\"data\":\"" B64 "\"}}", "]}]}]}", 1, 0, 0,
		false },
	{ "a screenshot", RESP, "{\"input\":[{\"type\":\"computer_call_output\",\"output\":",
		"{\"type\":\"computer_screenshot\",\"image_url\":\"data:" B64 "\"}", "}]}", 1, 0, 0,
		false },
	{ "sound", CHAT, "{\"messages\":[{\"content\":[",
		"{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"" B64
		"\",\"format\":\"wav\"}}",
		"]}]}", 0, 1, 0, false },
	{ "a PDF", MSGS, "{\"messages\":[{\"content\":[",
		"{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"data\":\"" B64 "\"}}",
		"]}]}", 0, 0, 1, true },
	{ "a document of text is text", MSGS,
		"{\"messages\":[{\"content\":[{\"type\":\"document\",\"source\":{\"type\":\"text\","
		"\"data\":\"plain\"}}]}]}",
		"", "", 0, 0, 0, false },
	{ "a file by its id", RESP, "{\"input\":[{\"content\":[",
		"{\"type\":\"input_file\",\"file_id\":\"file_1\"}", "]}]}", 0, 0, 1, true },
	{ "items kept by the provider", RESP,
		"{\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]}", "", "", 0, 0, 0,
		true },
	{ "an earlier response", RESP, "{\"input\":\"hi\",\"previous_response_id\":\"resp_1\"}", "",
		"", 0, 0, 0, true },
	{ "no earlier response", RESP, "{\"input\":\"hi\",\"previous_response_id\":null}", "", "",
		0, 0, 0, false },
	{ "a stored prompt", RESP, "{\"prompt\":{\"id\":\"pmpt_1\"}}", "", "", 0, 0, 0, true },
	{ "a conversation", RESP, "{\"conversation\":\"conv_1\"}", "", "", 0, 0, 0, true },
	{ "file_search_call is no file", RESP,
		"{\"input\":[{\"type\":\"file_search_call\",\"queries\":[]}]}", "", "", 0, 0, 0,
		false },
	{ "two types in one part", CHAT,
		"{\"messages\":[{\"content\":[{\"type\":\"text\",\"type\":\"image_url\"}]}]}", "",
		"", 1, 0, 0, true },
	{ "images to be edited", IMGS, "{\"images\":[", "{\"image_url\":\"data:" B64 "\"}",
		"],\"prompt\":\"hat\"}", 1, 0, 0, false },
	{ "embeddings have no parts", METER_OPENAI_EMBEDDINGS,
		"{\"input\":[\"a\",\"{\\\"type\\\":\\\"image\\\"}\"]}", "", "", 0, 0, 0, false },
};

START_TEST(test_parts)
{
	uint64_t decoded = (strlen(parts[_i].media) + 3) / 4 * 3;
	char json[1024];
	struct bound b;

	snprintf(json, sizeof json, "%s%s%s", parts[_i].before, parts[_i].media, parts[_i].after);
	read(&b, parts[_i].api, json);
	ck_assert_msg(b.images == parts[_i].images, "%s: %d images", parts[_i].what, (int)b.images);
	ck_assert_int_eq(b.has_images, parts[_i].images > 0);
	ck_assert_msg(b.audio_bytes == (parts[_i].audio ? decoded : 0), "%s: %d bytes of sound",
		parts[_i].what, (int)b.audio_bytes);
	ck_assert_msg(b.document_bytes == (parts[_i].document ? decoded : 0),
		"%s: %d bytes of documents", parts[_i].what, (int)b.document_bytes);
	ck_assert_int_eq(b.has_documents, parts[_i].document);
	ck_assert_msg(b.open == parts[_i].open, "%s: open %d", parts[_i].what, b.open);
	ck_assert_int_eq(b.refers, parts[_i].open);
	ck_assert_msg(b.input_bytes == strlen(parts[_i].before) + strlen(parts[_i].after),
		"%s: %d bytes", parts[_i].what, (int)b.input_bytes);
}
END_TEST

/* The look at the text finds whatever the walk would, wherever in a block it stands. */
START_TEST(test_parts_at_every_offset)
{
	char json[512];
	struct bound b;

	for (int pad = 0; pad < 70; pad++) {
		snprintf(json, sizeof json,
			"{\"messages\":[{\"content\":[{\"text\":\"%*s\\\"type\\\":\",\"type\":"
			"\"text\"}"
			",{\"type\":\"image_url\"}]}]}",
			pad, "\\u00e9\\\"t");
		read(&b, CHAT, json);
		ck_assert_uint_eq(b.images, 1);
		snprintf(json, sizeof json,
			"{\"messages\":[{\"content\":[{\"x\":\"%*s\",\"\\u0074ype\":\"file\"}]}]}",
			pad, "");
		read(&b, CHAT, json);
		ck_assert(b.has_documents);
	}
}
END_TEST

/* ---- tools */

static const struct {
	enum meter_api api;
	const char *json;
	bool web, file, code, image, open;
	enum usage_bucket bucket;
	uint64_t calls, builtin;
} tools[] = {
	{ CHAT, "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"web_search\"}}]}", 0,
		0, 0, 0, 0, USAGE_WEB_SEARCHES_MEDIUM, 0, 0 },
	{ CHAT, "{\"web_search_options\":{}}", 1, 0, 0, 0, 1, USAGE_WEB_SEARCHES_MEDIUM, 1, 0 },
	{ CHAT, "{\"web_search_options\":{\"search_context_size\":\"high\"}}", 1, 0, 0, 0, 1,
		USAGE_WEB_SEARCHES_HIGH, 1, 0 },
	{ CHAT, "{\"web_search_options\":null}", 0, 0, 0, 0, 0, USAGE_WEB_SEARCHES_MEDIUM, 0, 0 },
	{ RESP, "{\"tools\":[{\"type\":\"web_search\"}]}", 1, 0, 0, 0, 1, USAGE_WEB_SEARCHES_MEDIUM,
		BOUND_TOOL_CALLS, 1 },
	{ RESP,
		"{\"max_tool_calls\":3,\"tools\":[{\"type\":\"web_search_preview\","
		"\"search_context_size\":\"low\"},{\"type\":\"file_search\"},{\"type\":"
		"\"function\","
		"\"parameters\":{\"type\":\"object\"}},{\"type\":\"code_interpreter\"}]}",
		1, 1, 1, 0, 1, USAGE_WEB_SEARCHES, 3, 3 },
	{ RESP, "{\"tools\":[{\"type\":\"image_generation\",\"quality\":\"low\"}]}", 0, 0, 0, 1, 1,
		USAGE_WEB_SEARCHES_MEDIUM, BOUND_TOOL_CALLS, 1 },
	{ RESP, "{\"tools\":[{\"type\":\"web\\u005fsearch\"}]}", 1, 0, 0, 0, 1,
		USAGE_WEB_SEARCHES_MEDIUM, BOUND_TOOL_CALLS, 1 },
	{ RESP, "{\"tools\":[{\"type\":\"function\",\"type\":\"mcp\"}]}", 0, 0, 0, 0, 1,
		USAGE_WEB_SEARCHES_MEDIUM, 0, 1 },
	{ MSGS, "{\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"s\",\"max_uses\":2}]}", 1,
		0, 0, 0, 1, USAGE_WEB_SEARCHES, 2, 1 },
	{ MSGS, "{\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}]}", 0, 0, 0, 0,
		0, USAGE_WEB_SEARCHES_MEDIUM, 0, 0 },
	{ MSGS, "{\"mcp_servers\":[{\"type\":\"url\"}]}", 0, 0, 0, 0, 1, USAGE_WEB_SEARCHES_MEDIUM,
		0, 0 },
};

START_TEST(test_tools)
{
	struct bound b;

	read(&b, tools[_i].api, tools[_i].json);
	ck_assert_int_eq(b.web_search, tools[_i].web);
	ck_assert_int_eq(b.file_search, tools[_i].file);
	ck_assert_int_eq(b.code, tools[_i].code);
	ck_assert_int_eq(b.image_tool, tools[_i].image);
	ck_assert_int_eq(b.open, tools[_i].open);
	ck_assert(!b.refers);
	ck_assert_int_eq(b.search_bucket, tools[_i].bucket);
	ck_assert_uint_eq(b.calls, tools[_i].calls);
	ck_assert_uint_eq(b.builtin_tools, tools[_i].builtin);
}
END_TEST

/* ---- words and units */

START_TEST(test_words)
{
	struct bound b;

	read(&b, IMGS, "{\"size\":\"1792x1024\",\"quality\":\"h\\u0064\",\"seconds\":\"8\"}");
	UNIT_STR_EQ(bound_text(&b.size), STR("1792x1024"));
	UNIT_STR_EQ(bound_text(&b.quality), STR("hd"));
	ck_assert_uint_eq(b.seconds, 8);
	read(&b, MSGS,
		"{\"service_tier\":\"priority\",\"speed\":\"fast\",\"inference_geo\":\"us\","
		"\"seconds\":7.25,\"size\":12}");
	UNIT_STR_EQ(bound_text(&b.tier), STR("priority"));
	UNIT_STR_EQ(bound_text(&b.speed), STR("fast"));
	UNIT_STR_EQ(bound_text(&b.region), STR("us"));
	ck_assert_uint_eq(b.seconds, 8);
	ck_assert_uint_eq(b.size.n, 0);
	read(&b, MSGS, "{\"service_tier\":\"a word far longer than any tier has\"}");
	ck_assert_uint_eq(b.tier.n, 0);
}
END_TEST

static const struct {
	const char *json;
	uint64_t n;
} characters[] = {
	{ "\"\"", 0 },
	{ "\"abc\"", 3 },
	{ "\"a\\nb\\\"\"", 4 },
	{ "\"\\u00e9\\u4e2d\"", 2 },
	{ "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"", 3 },
	{ "\"\\ud83d\\ude00!\"", 2 },
	{ "\"\\\\u0041\"", 6 },
	{ "[\"abc\"]", 0 },
	{ "7", 0 },
};

START_TEST(test_characters)
{
	char json[64];
	struct bound b;

	snprintf(json, sizeof json, "{\"input\":%s}", characters[_i].json);
	read(&b, METER_OPENAI_AUDIO, json);
	ck_assert_uint_eq(b.characters, characters[_i].n);
}
END_TEST

/* ---- the worst usage */

struct figure {
	enum usage_bucket bucket;
	uint64_t n;
};

static const struct {
	const char *what;
	enum meter_api api;
	const char *json;
	struct bound_model model;
	unsigned flags;
	struct figure want[6]; /* USAGE_IN: beyond the body's bytes, when it is not open */
} worst[] = {
	{ "limits of the request", CHAT, "{\"max_tokens\":10,\"n\":3}", { .max_output = 4096 }, 0,
		{ { USAGE_IN, 64 }, { USAGE_OUT, 30 } } },
	{ "limits of the model", CHAT, "{\"max_tokens\":9999,\"n\":2}", { .max_output = 4096 }, 0,
		{ { USAGE_IN, 64 }, { USAGE_OUT, 8192 } } },
	{ "no limit but the model's", CHAT, "{}", { .max_output = 4096 }, 0,
		{ { USAGE_IN, 64 }, { USAGE_OUT, 4096 } } },
	{ "no limit at all", CHAT, "{}", { .max_output = 0 }, BOUND_DEFAULT_OUTPUT,
		{ { USAGE_IN, 64 }, { USAGE_OUT, BOUND_OUTPUT_TOKENS } } },
	{ "overflow is the largest number", CHAT,
		"{\"max_tokens\":18446744073709551615,\"n\":18446744073709551615}",
		{ .max_output = 0 }, 0, { { USAGE_IN, 64 }, { USAGE_OUT, UINT64_MAX } } },
	{ "spoken answers", CHAT, "{\"max_tokens\":10,\"modalities\":[\"text\",\"audio\"]}",
		{ .max_output = 0 }, 0, { { USAGE_IN, 64 }, { USAGE_OUT_AUDIO, 10 } } },
	{ "tools are explained", MSGS, "{\"max_tokens\":10,\"tools\":[{\"name\":\"f\"}]}",
		{ .max_output = 0 }, 0, { { USAGE_IN, 64 + 1024 }, { USAGE_OUT, 10 } } },
	{ "an image", MSGS,
		"{\"max_tokens\":10,\"messages\":[{\"content\":[{\"type\":\"image\"}]}]}",
		{ .max_output = 0 }, 0, { { USAGE_IN, 64 + 5000 }, { USAGE_OUT, 10 } } },
	{ "the dearest image", CHAT,
		"{\"max_tokens\":10,\"messages\":[{\"content\":[{\"type\":\"image_url\"}]}]}",
		{ .name = STR("gpt-4o-mini") }, 0,
		{ { USAGE_IN, 64 + 48169 }, { USAGE_OUT, 10 } } },
	{ "a context that is known", RESP,
		"{\"max_output_tokens\":10,\"previous_response_id\":\"r\"}",
		{ .max_input = 128000 }, BOUND_OPEN, { { USAGE_IN, 128000 }, { USAGE_OUT, 10 } } },
	{ "a context that is not", RESP, "{\"max_output_tokens\":10,\"conversation\":\"c\"}",
		{ .max_input = 0 }, BOUND_OPEN, { { USAGE_IN, 1 << 20 }, { USAGE_OUT, 10 } } },
	{ "tools that the provider runs", RESP,
		"{\"max_output_tokens\":10,\"max_tool_calls\":2,\"tools\":[{\"type\":\"web_"
		"search\"},{"
		"\"type\":\"file_search\"},{\"type\":\"code_interpreter\"},{\"type\":"
		"\"image_generation\",\"size\":\"1024x1024\",\"quality\":\"low\"}]}",
		{ .max_input = 128000 }, BOUND_OPEN,
		{ { USAGE_IN, 128000 }, { USAGE_OUT, 10 }, { USAGE_WEB_SEARCHES_MEDIUM, 2 },
			{ USAGE_FILE_SEARCHES, 2 }, { USAGE_CODE_SESSIONS, 1 },
			{ USAGE_OUT_IMAGE, 544 } } },
	{ "a model that searches anyway", CHAT, "{\"max_tokens\":10}",
		{ .name = STR("gpt-4o-search-preview") }, 0,
		{ { USAGE_IN, 64 }, { USAGE_OUT, 10 }, { USAGE_WEB_SEARCHES_MEDIUM, 1 } } },
	{ "embeddings", METER_OPENAI_EMBEDDINGS, "{\"input\":[1,2,3]}", { .max_output = 0 }, 0,
		{ { USAGE_IN, 64 } } },
	{ "images in all their units", IMGS, "{\"n\":2,\"size\":\"1024x1024\",\"quality\":\"hd\"}",
		{ .max_output = 0 }, 0,
		{ { USAGE_IN, 64 }, { USAGE_OUT_IMAGE, 8320 }, { USAGE_IMAGES, 2 },
			{ USAGE_PIXELS, 2 * 1024 * 1024 } } },
	{ "speech", METER_OPENAI_AUDIO, "{\"input\":\"abc\"}", { .max_output = 0 }, 0,
		{ { USAGE_IN, 64 }, { USAGE_IN_CHARACTERS, 3 }, { USAGE_OUT_AUDIO, 48 + 64 } } },
	{ "moderation is free", METER_OPENAI_MODERATION, "{\"input\":\"abc\"}", { .max_output = 0 },
		0, { { 0 } } },
};

static void check_worst(
	const char *what, const struct usage *u, const struct figure *want, size_t n)
{
	uint64_t all[USAGE__MAX] = { 0 };

	for (size_t i = 0; i < n && want[i].n > 0; i++)
		all[want[i].bucket] = want[i].n;
	for (unsigned k = 0; k < USAGE__MAX; k++)
		ck_assert_msg(u->n[k] == all[k], "%s: %s is %llu, not %llu", what,
			usage_bucket_name((enum usage_bucket)k), (unsigned long long)u->n[k],
			(unsigned long long)all[k]);
}

START_TEST(test_worst)
{
	struct usage u;
	struct bound b;

	read(&b, worst[_i].api, worst[_i].json);
	ck_assert_uint_eq(bound_usage(&b, worst[_i].api, &worst[_i].model, &u), worst[_i].flags);
	if (u.n[USAGE_IN] > 0 && worst[_i].flags != BOUND_OPEN)
		u.n[USAGE_IN] -= b.input_bytes;
	check_worst(worst[_i].what, &u, worst[_i].want, 6);
	ck_assert_int_eq(u.source, USAGE_ESTIMATED);
}
END_TEST

/* What the input is likely to be: text by the usual ratio, media and tools by typical figures. */
START_TEST(test_estimate)
{
	struct bound b = { .input_bytes = 300,
		.images = 2,
		.audio_bytes = 8000,
		.document_bytes = 101,
		.builtin_tools = 1,
		.characters = 7 };
	uint64_t text = est_input(NULL, 300);
	struct usage u;

	bound_estimate(&b, METER_OPENAI_RESPONSES, NULL, &u);
	ck_assert_uint_eq(u.n[USAGE_IN], text + 2 * 1600 + 3 * 32 + 6 + 1000);
	ck_assert_int_eq(u.source, USAGE_ESTIMATED);
	bound_estimate(&b, METER_OPENAI_IMAGES, NULL, &u);
	ck_assert_uint_eq(u.n[USAGE_IN], text);
	ck_assert_uint_eq(u.n[USAGE_IN_IMAGE], 2 * 1600);
	bound_estimate(&b, METER_OPENAI_AUDIO, NULL, &u);
	ck_assert_uint_eq(u.n[USAGE_IN_SECONDS], 3);
	ck_assert_uint_eq(u.n[USAGE_IN_AUDIO], 3 * 32);
	ck_assert_uint_eq(u.n[USAGE_IN_CHARACTERS], 7);
	bound_estimate(&b, METER_OPENAI_MODERATION, NULL, &u);
	ck_assert(!usage_any(&u));
}
END_TEST

START_TEST(test_forms)
{
	struct bound_model none = { .max_output = 0 };
	struct usage u;
	struct bound b;

	bound_form(&b, METER_OPENAI_AUDIO, 7500);
	ck_assert_uint_eq(bound_usage(&b, METER_OPENAI_AUDIO, &none, &u), 0);
	check_worst("transcription", &u,
		(struct figure[]){ { USAGE_IN, 1024 }, { USAGE_IN_SECONDS, 11 },
			{ USAGE_IN_AUDIO, 11 * 32 }, { USAGE_OUT, 11 * 16 } },
		4);
	bound_form(&b, METER_OPENAI_AUDIO, 0);
	bound_usage(&b, METER_OPENAI_AUDIO, &none, &u);
	ck_assert_uint_ge(u.n[USAGE_IN_SECONDS], 25 * 1024 * 1024 / 750);
	bound_form(&b, IMGS, 7500);
	bound_usage(&b, IMGS, &none, &u);
	ck_assert_uint_eq(u.n[USAGE_IMAGES], 10);
	ck_assert_uint_eq(u.n[USAGE_OUT_IMAGE], 62400);
	ck_assert_uint_eq(u.n[USAGE_IN_IMAGE], 160000);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, test_output, 0, (int)TG_ARRAY_LEN(outputs));
	tcase_add_loop_test(tc, test_parts, 0, (int)TG_ARRAY_LEN(parts));
	tcase_add_test(tc, test_parts_at_every_offset);
	tcase_add_loop_test(tc, test_tools, 0, (int)TG_ARRAY_LEN(tools));
	tcase_add_test(tc, test_words);
	tcase_add_loop_test(tc, test_characters, 0, (int)TG_ARRAY_LEN(characters));
	tcase_add_loop_test(tc, test_worst, 0, (int)TG_ARRAY_LEN(worst));
	tcase_add_test(tc, test_thinking);
	tcase_add_test(tc, test_forms);
	tcase_add_test(tc, test_estimate);
}

UNIT_MAIN("bound", tests)
