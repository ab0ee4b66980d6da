/*
 * check_meter_usage.c: what is counted beside text tokens: images, seconds, tool calls, searches,
 * what providers say it cost, and under which names. Each example is fed whole, split at every byte
 * and byte by byte.
 */
#include <stdio.h>

#include "providers/meter.h"
#include "unit/unit.h"

#define S       true
#define B       false
#define FIGURES 7

struct figure {
	enum usage_bucket bucket;
	uint64_t n; /* 0: end of the list */
};

struct example {
	const char *what;
	enum meter_api api;
	bool stream;
	const char *text;
	enum usage_source source;
	struct figure want[FIGURES], advisor[2];
	pico_usd reported; /* -1: nothing */
	struct {
		const char *model, *advisor_model, *region, *speed, *size, *quality;
	} name;
};

#define D(json)    "data: " json "\n\n"
#define DONE       "data: [DONE]\n\n"
#define CHAT(rest) D("{\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]" rest "}")
#define ITEM(item) D("{\"type\":\"response.output_item.done\",\"item\":" item "}")
#define END(rest)                                                                \
	D("{\"type\":\"response.completed\",\"response\":{\"model\":\"r\"," rest \
	  "\"usage\":{\"input_tokens\":9,\"output_tokens\":4}}}")
#define IMAGE "{\"b64_json\":\"iVBORw0KGgo\",\"revised_prompt\":\"[{}]\"}"

static const struct example examples[] = {
	/* ---- images */
	{ "images without usage are counted", METER_OPENAI_IMAGES, B,
		"{\"created\":1,\"data\":[" IMAGE ",{\"url\":\"https://x/y\"}]}", USAGE_PARTIAL,
		{ { USAGE_IMAGES, 2 } }, { { 0 } }, -1, { 0 } },
	{ "with their size and quality", METER_OPENAI_IMAGES, B,
		"{\"data\":[" IMAGE
		"],\"size\":\"1536x1024\",\"quality\":\"high\",\"model\":\"im\"}",
		USAGE_PARTIAL, { { USAGE_IMAGES, 1 } }, { { 0 } }, -1,
		{ .model = "im", .size = "1536x1024", .quality = "high" } },
	{ "images with usage are tokens", METER_OPENAI_IMAGES, B,
		"{\"data\":[" IMAGE "," IMAGE
		"],\"size\":\"1024x1024\",\"usage\":{\"input_tokens\":50,"
		"\"output_tokens\":2112,\"input_tokens_details\":{\"text_tokens\":10,"
		"\"image_tokens\":40}}}",
		USAGE_PROVIDER,
		{ { USAGE_IN, 10 }, { USAGE_IN_IMAGE, 40 }, { USAGE_OUT_IMAGE, 2112 } }, { { 0 } },
		-1, { .size = "1024x1024" } },
	{ "no image came", METER_OPENAI_IMAGES, B, "{\"created\":1,\"data\":[]}", USAGE_ABSENT,
		{ { 0 } }, { { 0 } }, -1, { 0 } },
	{ "streamed images without usage", METER_OPENAI_IMAGES, S,
		D("{\"type\":\"image_generation.partial_image\",\"b64_json\":\"QQ\",\"size\":"
		  "\"1024x1024\",\"quality\":\"low\"}")
			D("{\"type\":\"image_generation.completed\",\"b64_json\":\"QQ\",\"size\":"
			  "\"1024x1024\",\"quality\":\"low\"}")
				D("{\"type\":\"image_generation.completed\",\"b64_json\":\"QQ\"}"),
		USAGE_PARTIAL, { { USAGE_IMAGES, 2 } }, { { 0 } }, -1,
		{ .size = "1024x1024", .quality = "low" } },
	{ "a stream of images that broke off", METER_OPENAI_IMAGES, S,
		D("{\"type\":\"image_edit.partial_image\",\"b64_json\":\"QQ\"}"), USAGE_ABSENT,
		{ { 0 } }, { { 0 } }, -1, { 0 } },

	/* ---- audio */
	{ "transcription by duration", METER_OPENAI_AUDIO, B,
		"{\"text\":\"x\",\"usage\":{\"type\":\"duration\",\"seconds\":36.71}}",
		USAGE_PROVIDER, { { USAGE_IN_SECONDS, 37 } }, { { 0 } }, -1, { 0 } },
	{ "a verbose transcript's duration", METER_OPENAI_AUDIO, B,
		"{\"task\":\"transcribe\",\"duration\":8.47,\"segments\":[{\"seek\":0}]}",
		USAGE_PROVIDER, { { USAGE_IN_SECONDS, 9 } }, { { 0 } }, -1, { 0 } },
	{ "streamed transcript by tokens", METER_OPENAI_AUDIO, S,
		D("{\"type\":\"transcript.text.delta\",\"delta\":\"a\"}") D(
			"{\"type\":\"transcript.text.done\",\"text\":\"a\",\"usage\":{\"type\":"
			"\"tokens\",\"input_tokens\":14,\"input_token_details\":{\"audio_tokens\":"
			"12,\"text_tokens\":2},\"output_tokens\":7}}"),
		USAGE_PROVIDER, { { USAGE_IN, 2 }, { USAGE_IN_AUDIO, 12 }, { USAGE_OUT, 7 } },
		{ { 0 } }, -1, { 0 } },
	{ "audio in a chat's prompt by seconds (Mistral)", METER_OPENAI_CHAT, B,
		"{\"model\":\"voxtral\",\"choices\":[{}],\"usage\":{\"prompt_audio_seconds\":5,"
		"\"prompt_tokens\":4,\"completion_tokens\":3,\"total_tokens\":382,"
		"\"prompt_token_details\":{\"cached_tokens\":1}}}",
		USAGE_PROVIDER,
		{ { USAGE_IN, 3 }, { USAGE_IN_CACHE_READ, 1 }, { USAGE_OUT, 3 },
			{ USAGE_IN_SECONDS, 5 } },
		{ { 0 } }, -1, { .model = "voxtral" } },

	/* ---- moderation */
	{ "moderation is free", METER_OPENAI_MODERATION, B,
		"{\"id\":\"modr-1\",\"model\":\"omni\",\"results\":[{\"flagged\":false}]}",
		USAGE_PROVIDER, { { 0 } }, { { 0 } }, -1, { .model = "omni" } },

	/* ---- tools of the Responses API */
	{ "calls item by item and in the end's list are the same calls", METER_OPENAI_RESPONSES, S,
		D("{\"type\":\"response.created\",\"response\":{\"model\":\"r\",\"tools\":[{"
		  "\"type\":"
		  "\"web_search\",\"search_context_size\":\"high\"}],\"output\":[],\"usage\":null}"
		  "}") ITEM("{\"type\":\"web_search_call\"}") ITEM("{\"type\":\"web_search_call\"}")
			ITEM("{\"type\":\"file_search_call\"}") ITEM(
				"{\"type\":\"code_interpreter_call\",\"container_id\":"
				"\"cntr_1\"}") END("\"output\":[{\"type\":\"web_search_call\"},"
						   "{\"type\":\"web_search_call\"},{\"type\":"
						   "\"file_search_call\"},{\"type\":"
						   "\"code_interpreter_call\",\"container_id\":"
						   "\"cntr_1\"}],"),
		USAGE_PROVIDER,
		{ { USAGE_IN, 9 }, { USAGE_OUT, 4 }, { USAGE_WEB_SEARCHES_HIGH, 2 },
			{ USAGE_FILE_SEARCHES, 1 }, { USAGE_CODE_SESSIONS, 1 } },
		{ { 0 } }, -1, { .model = "r" } },
	{ "a container is billed once, however often it is used", METER_OPENAI_RESPONSES, B,
		"{\"model\":\"r\",\"output\":[{\"type\":\"code_interpreter_call\",\"container_id\":"
		"\"cntr_1\"},{\"container_id\":\"cntr_2\",\"type\":\"code_interpreter_call\"},"
		"{\"type\":\"code_interpreter_call\",\"container_id\":\"cntr_1\"}],\"tools\":[{"
		"\"type\":\"web_search\",\"search_context_size\":\"low\"},{\"type\":\"function\"}],"
		"\"usage\":{\"input_tokens\":9,\"output_tokens\":4}}",
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 4 }, { USAGE_CODE_SESSIONS, 2 } },
		{ { 0 } }, -1, { .model = "r" } },
	{ "searches that the tools say are cheap", METER_OPENAI_RESPONSES, B,
		"{\"model\":\"r\",\"tools\":[{\"type\":\"web_search_preview\","
		"\"search_context_size\":\"low\"}],\"output\":[{\"type\":\"web_search_call\"}],"
		"\"usage\":{\"input_tokens\":9,\"output_tokens\":4}}",
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 4 }, { USAGE_WEB_SEARCHES, 1 } },
		{ { 0 } }, -1, { .model = "r" } },
	{ "images of a tool are another model's", METER_OPENAI_RESPONSES, B,
		"{\"model\":\"r\",\"tools\":[{\"type\":\"image_generation\",\"model\":"
		"\"gpt-image-1-mini\"}],\"output\":[{\"type\":\"image_generation_call\",\"result\":"
		"\"iVBORw0KGgo\",\"size\":\"1024x1536\",\"quality\":\"medium\"},{\"type\":"
		"\"image_generation_call\",\"size\":\"1024x1024\",\"quality\":\"low\"}],"
		"\"usage\":{\"input_tokens\":9,\"output_tokens\":4}}",
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 4 } },
		{ { USAGE_OUT_IMAGE, 1584 + 272 } }, -1,
		{ .model = "r", .advisor_model = "gpt-image-1-mini" } },
	{ "an image of a tool without words is the dearest", METER_OPENAI_RESPONSES, S,
		ITEM("{\"type\":\"image_generation_call\",\"result\":\"QQ\"}"), USAGE_ABSENT,
		{ { 0 } }, { { USAGE_OUT_IMAGE, 6240 } }, -1, { .advisor_model = "gpt-image-1" } },

	/* ---- searches that chat usage tells, or a model's name */
	{ "a model that searches for every answer", METER_OPENAI_CHAT, S,
		D("{\"model\":\"gpt-4o-search-preview-2025-03-11\",\"choices\":[{}]}") D(
			"{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}")
			DONE,
		USAGE_PROVIDER,
		{ { USAGE_IN, 9 }, { USAGE_OUT, 4 }, { USAGE_WEB_SEARCHES_MEDIUM, 1 } }, { { 0 } },
		-1, { .model = "gpt-4o-search-preview-2025-03-11" } },
	{ "search size in cumulative usage (Perplexity)", METER_OPENAI_CHAT, S,
		CHAT(",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,"
		     "\"search_context_size\":\"low\"}")
			CHAT(",\"object\":\"chat.completion.done\",\"usage\":{\"prompt_tokens\":9,"
			     "\"completion_tokens\":4,\"search_context_size\":\"low\",\"cost\":{"
			     "\"total_cost\":0.00501}}"),
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 4 }, { USAGE_WEB_SEARCHES, 1 } },
		{ { 0 } }, INT64_C(5010000000), { .model = "m" } },
	{ "searches that usage counts", METER_OPENAI_CHAT, B,
		"{\"model\":\"m\",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4,"
		"\"num_search_queries\":17,\"search_context_size\":\"high\"}}",
		USAGE_PROVIDER,
		{ { USAGE_IN, 9 }, { USAGE_OUT, 4 }, { USAGE_WEB_SEARCHES_HIGH, 17 } }, { { 0 } },
		-1, { .model = "m" } },

	/* ---- costs */
	{ "a cost in USD (OpenRouter)", METER_OPENAI_CHAT, S,
		CHAT("") D("{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4,"
			   "\"cost\":0.00014,\"is_byok\":false,\"cost_details\":{"
			   "\"upstream_inference_cost\":null}}}") DONE,
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 4 } }, { { 0 } }, 140000000,
		{ .model = "m" } },
	{ "a later null cost clobbers nothing", METER_OPENAI_CHAT, S,
		D("{\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,"
		  "\"completion_tokens\":4,\"cost\":1e-5}}")
			D("{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"cost\":null}}") DONE,
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 4 } }, { { 0 } }, 10000000,
		{ .model = "m" } },
	{ "ticks (xAI), and its sources", METER_OPENAI_RESPONSES, B,
		"{\"model\":\"grok\",\"output\":[],\"usage\":{\"input_tokens\":12,"
		"\"output_tokens\":300,\"output_tokens_details\":{\"reasoning_tokens\":290},"
		"\"num_sources_used\":3,\"cost_in_usd_ticks\":1466250}}",
		USAGE_PROVIDER,
		{ { USAGE_IN, 12 }, { USAGE_OUT, 10 }, { USAGE_OUT_REASONING, 290 },
			{ USAGE_WEB_SEARCHES, 3 } },
		{ { 0 } }, 146625000, { .model = "grok" } },

	/* ---- copies of OpenAI's API */
	{ "usage in Groq's own member alone", METER_OPENAI_CHAT, S,
		CHAT(",\"x_groq\":{\"id\":\"req_1\"}") D(
			"{\"choices\":[{\"finish_reason\":\"stop\"}],\"x_groq\":{\"usage\":{"
			"\"queue_time\":0.04,\"prompt_tokens\":9,\"completion_tokens\":4}}}") DONE,
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 4 } }, { { 0 } }, -1,
		{ .model = "m" } },
	{ "an answer behind blank lines (DeepSeek)", METER_OPENAI_CHAT, B,
		"\n\n\n{\"model\":\"m\",\"usage\":{\"prompt_tokens\":339,\"completion_tokens\":83,"
		"\"prompt_cache_hit_tokens\":320,\"prompt_cache_miss_tokens\":19,"
		"\"prompt_tokens_details\":{\"cached_tokens\":320}}}",
		USAGE_PROVIDER,
		{ { USAGE_IN, 19 }, { USAGE_IN_CACHE_READ, 320 }, { USAGE_OUT, 83 } }, { { 0 } },
		-1, { .model = "m" } },

	/* ---- Anthropic */
	{ "region and speed are in usage", METER_ANTHROPIC_MESSAGES, S,
		D("{\"type\":\"message_start\",\"message\":{\"model\":\"c\",\"usage\":{"
		  "\"input_tokens\":5,\"output_tokens\":1,\"service_tier\":\"standard\","
		  "\"inference_geo\":\"us\",\"speed\":\"fast\"}}}")
			D("{\"type\":\"message_delta\",\"usage\":{\"output_tokens\":3}}")
				D("{\"type\":\"message_stop\"}"),
		USAGE_PROVIDER, { { USAGE_IN, 5 }, { USAGE_OUT, 3 } }, { { 0 } }, -1,
		{ .model = "c", .region = "us", .speed = "fast" } },
	{ "after a fallback the model that answered is billed", METER_ANTHROPIC_MESSAGES, S,
		D("{\"type\":\"message_start\",\"message\":{\"model\":\"declined\",\"usage\":{"
		  "\"input_tokens\":408,\"output_tokens\":1}}}")
			D("{\"type\":\"message_delta\",\"usage\":{\"input_tokens\":412,"
			  "\"output_tokens\":264,\"iterations\":[{\"type\":\"message\",\"model\":"
			  "\"declined\",\"input_tokens\":408,\"output_tokens\":0},{\"type\":"
			  "\"fallback_message\",\"model\":\"answered\",\"input_tokens\":412,"
			  "\"output_tokens\":264}]}}") D("{\"type\":\"message_stop\"}"),
		USAGE_PROVIDER, { { USAGE_IN, 412 }, { USAGE_OUT, 264 } }, { { 0 } }, -1,
		{ .model = "answered" } },
	{ "server tools", METER_ANTHROPIC_MESSAGES, B,
		"{\"type\":\"message\",\"model\":\"c\",\"usage\":{\"input_tokens\":5,"
		"\"output_tokens\":3,\"server_tool_use\":{\"web_search_requests\":2,"
		"\"web_fetch_requests\":9,\"code_execution_requests\":4}}}",
		USAGE_PROVIDER,
		{ { USAGE_IN, 5 }, { USAGE_OUT, 3 }, { USAGE_WEB_SEARCHES, 2 },
			{ USAGE_CODE_SESSIONS, 1 } },
		{ { 0 } }, -1, { .model = "c" } },
	{ "an advisor is billed as its own model", METER_ANTHROPIC_MESSAGES, B,
		"{\"type\":\"message\",\"model\":\"c\",\"usage\":{\"input_tokens\":5,"
		"\"output_tokens\":3,\"iterations\":[{\"type\":\"message\",\"input_tokens\":5,"
		"\"output_tokens\":3},{\"type\":\"advisor_message\",\"model\":\"adv\","
		"\"input_tokens\":70,\"output_tokens\":8}]}}",
		USAGE_PROVIDER, { { USAGE_IN, 5 }, { USAGE_OUT, 3 } },
		{ { USAGE_IN, 70 }, { USAGE_OUT, 8 } }, -1,
		{ .model = "c", .advisor_model = "adv" } },

	/* ---- Bedrock: cached input beside the input, usage behind the message's end */
	{ "converse", METER_BEDROCK, B,
		"{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"a\"}]}},"
		"\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":9,\"outputTokens\":4,"
		"\"totalTokens\":13,\"cacheReadInputTokens\":100,\"cacheWriteInputTokens\":50,"
		"\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":30},{\"ttl\":\"5m\","
		"\"inputTokens\":15}]},\"serviceTier\":{\"type\":\"flex\"}}",
		USAGE_PROVIDER,
		{ { USAGE_IN, 9 }, { USAGE_OUT, 4 }, { USAGE_IN_CACHE_READ, 100 },
			{ USAGE_IN_CACHE_WRITE_1H, 30 }, { USAGE_IN_CACHE_WRITE_5M, 15 },
			{ USAGE_IN_CACHE_WRITE, 5 } },
		{ { 0 } }, -1, { 0 } },
	{ "converse streamed", METER_BEDROCK, S,
		D("{\"messageStart\":{\"role\":\"assistant\"}}")
			D("{\"contentBlockDelta\":{\"contentBlockIndex\":0,\"delta\":{\"text\":"
			  "\"a\"},"
			  "\"p\":\"abcd\"}}") D("{\"messageStop\":{\"stopReason\":\"end_turn\"}}")
				D("{\"metadata\":{\"usage\":{\"inputTokens\":9,\"outputTokens\":4},"
				  "\"metrics\":{\"latencyMs\":1}}}"),
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 4 } }, { { 0 } }, -1, { 0 } },
	{ "some tell it before the end", METER_BEDROCK, S,
		D("{\"metadata\":{\"usage\":{\"inputTokens\":9,\"outputTokens\":4}}}")
			D("{\"messageStop\":{\"stopReason\":\"end_turn\"}}"),
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 4 } }, { { 0 } }, -1, { 0 } },
	{ "without the end it is not final", METER_BEDROCK, S,
		D("{\"metadata\":{\"usage\":{\"inputTokens\":9,\"outputTokens\":4}}}"),
		USAGE_PARTIAL, { { USAGE_IN, 9 }, { USAGE_OUT, 4 } }, { { 0 } }, -1, { 0 } },
	{ "no metadata came", METER_BEDROCK, S,
		D("{\"messageStop\":{\"stopReason\":\"end_turn\"}}"), USAGE_ABSENT, { { 0 } },
		{ { 0 } }, -1, { 0 } },

	/* ---- Cohere: what is billed, not what was processed */
	{ "cohere", METER_COHERE, B,
		"{\"id\":\"1\",\"message\":{\"role\":\"assistant\",\"content\":[{\"type\":\"text\","
		"\"text\":\"a\"}]},\"finish_reason\":\"COMPLETE\",\"usage\":{\"billed_units\":{"
		"\"input_tokens\":12,\"output_tokens\":7},\"tokens\":{\"input_tokens\":507,"
		"\"output_tokens\":10},\"cached_tokens\":448}}",
		USAGE_PROVIDER, { { USAGE_IN, 12 }, { USAGE_OUT, 7 } }, { { 0 } }, -1, { 0 } },
	{ "cohere streamed", METER_COHERE, S,
		D("{\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{"
		  "\"text\":\"a\"}}}}")
			D("{\"type\":\"message-end\",\"delta\":{\"finish_reason\":"
			  "\"COMPLETE\",\"usage\":{\"billed_units\":{\"input_tokens\":12,"
			  "\"output_tokens\":7},\"tokens\":{\"input_tokens\":507}}}}"),
		USAGE_PROVIDER, { { USAGE_IN, 12 }, { USAGE_OUT, 7 } }, { { 0 } }, -1, { 0 } },
	{ "cohere without billed units", METER_COHERE, B,
		"{\"message\":{},\"usage\":{\"tokens\":{\"input_tokens\":5,\"output_tokens\":2}}}",
		USAGE_PROVIDER, { { USAGE_IN, 5 }, { USAGE_OUT, 2 } }, { { 0 } }, -1, { 0 } },

	/* ---- embeddings that are not OpenAI's */
	{ "cohere's embeddings", METER_EMBED_UNITS, B,
		"{\"id\":\"1\",\"embeddings\":{\"float\":[[0.1,-2],[3,4e-3]]},\"texts\":[\"a\","
		"\"meta\"],\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{"
		"\"input_tokens\":12}}}",
		USAGE_PROVIDER, { { USAGE_IN, 12 } }, { { 0 } }, -1, { 0 } },
	{ "titan's", METER_EMBED_UNITS, B,
		"{\"embedding\":[0.1,-2],\"inputTextTokenCount\":9,\"embeddingsByType\":{\"float\":"
		"[1]}}",
		USAGE_PROVIDER, { { USAGE_IN, 9 } }, { { 0 } }, -1, { 0 } },
	{ "without any figure", METER_EMBED_UNITS, B, "{\"embeddings\":[[1]],\"id\":\"x\"}",
		USAGE_ABSENT, { { 0 } }, { { 0 } }, -1, { 0 } },
};

static char memory[METER_BUF_BYTES];

static void check_usage(
	const char *what, const struct usage *u, const struct figure *want, size_t n)
{
	uint64_t all[USAGE__MAX] = { 0 };

	for (size_t i = 0; i < n && want[i].n > 0; i++)
		all[want[i].bucket] = want[i].n;
	for (unsigned b = 0; b < USAGE__MAX; b++)
		ck_assert_msg(u->n[b] == all[b], "%s: %s is %llu, not %llu", what,
			usage_bucket_name((enum usage_bucket)b), (unsigned long long)u->n[b],
			(unsigned long long)all[b]);
}

static void check_name(const char *what, struct str got, const char *want)
{
	ck_assert_msg(str_eq(got, str_z(want)), "%s: \"%.*s\", not \"%s\"", what, STR_FMT(got),
		want != NULL ? want : "");
}

static void check_example(const struct example *e, struct meter *m)
{
	meter_finish(m);
	check_usage(e->what, &m->usage, e->want, FIGURES);
	ck_assert_msg(m->usage.source == e->source, "%s: source %d", e->what, m->usage.source);
	ck_assert_msg(m->has_reported == (e->reported >= 0), "%s: reported", e->what);
	if (m->has_reported)
		ck_assert_int_eq(m->reported, e->reported);
	ck_assert_msg(m->has_advisor == (e->advisor[0].n > 0), "%s: advisor", e->what);
	if (m->has_advisor) {
		check_usage(e->what, &m->advisor, e->advisor, 2);
		check_name(e->what, m->advisor_model, e->name.advisor_model);
	}
	check_name(e->what, m->model, e->name.model);
	check_name(e->what, m->region, e->name.region);
	check_name(e->what, m->speed, e->name.speed);
	check_name(e->what, m->size, e->name.size);
	check_name(e->what, m->quality, e->name.quality);
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
	if (e->stream)
		return;
	meter_init(&m, e->api, false, memory, sizeof memory);
	meter_whole(&m, str_z(e->text));
	check_example(e, &m);
}
END_TEST

/* More containers than are remembered: each that is not known counts. */
START_TEST(test_many_containers)
{
	char event[256];
	struct meter m;

	meter_init(&m, METER_OPENAI_RESPONSES, true, memory, sizeof memory);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < METER_CONTAINERS; i++) {
			snprintf(event, sizeof event,
				ITEM("{\"type\":\"code_interpreter_call\",\"container_id\":"
				     "\"cntr_%d\"}"),
				i);
			meter_feed(&m, str_z(event));
		}
	}
	ck_assert_uint_eq(m.usage.n[USAGE_CODE_SESSIONS], METER_CONTAINERS);
	meter_feed(&m, STR(ITEM("{\"type\":\"code_interpreter_call\",\"container_id\":\"more\"}")));
	ck_assert_uint_eq(m.usage.n[USAGE_CODE_SESSIONS], METER_CONTAINERS + 1);
}
END_TEST

/* What the request asked for stands in where the response does not repeat its tools. */
START_TEST(test_search_bucket_of_the_request)
{
	struct meter m;

	meter_init(&m, METER_OPENAI_RESPONSES, true, memory, sizeof memory);
	m.search_bucket = USAGE_WEB_SEARCHES_HIGH;
	meter_feed(&m, STR(ITEM("{\"type\":\"web_search_call\"}")));
	ck_assert_uint_eq(m.usage.n[USAGE_WEB_SEARCHES_HIGH], 1);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, test_examples, 0, (int)TG_ARRAY_LEN(examples));
	tcase_add_test(tc, test_many_containers);
	tcase_add_test(tc, test_search_bucket_of_the_request);
}

UNIT_MAIN("meter_usage", tests)
