/*
 * check_meter_fixtures.c: recorded answers of providers end in the usage each shows, however their
 * bytes are cut. The recordings are read from TG_SHARED_DATA, or ../shared/data beside the source;
 * where they are not the test is skipped and says so. (The same cases, synthetic: check_meter.c and
 * check_meter_usage.c.)
 */
#include <stdio.h>
#include <unistd.h>

#include "providers/meter_estimate.h"
#include "unit/unit.h"

#define CHAT    METER_OPENAI_CHAT
#define RESP    METER_OPENAI_RESPONSES
#define MSGS    METER_ANTHROPIC_MESSAGES
#define GEMINI  METER_GEMINI
#define BED     METER_BEDROCK
#define COH     METER_COHERE
#define FIGURES 5

enum form { LINES, RAW, BODY }; /* one event's data a line; as it was sent; not a stream */

struct figure {
	enum usage_bucket bucket;
	uint64_t n;
};

struct recording {
	const char *file;
	enum meter_api api;
	enum form form;
	const char *model, *tier, *region;
	struct figure want[FIGURES];
	pico_usd reported;   /* 0: nothing */
	bool failed, silent; /* an error is in it; it tells no usage */
};

static const struct recording recordings[] = {
	{ "openai-text.EXCERPT.chunks.txt", CHAT, LINES, "gpt-4.1-nano-2025-04-14", "default", "",
		.want = { { USAGE_IN, 16 }, { USAGE_OUT, 300 } } },
	{ "azure-model-router.1.chunks.txt", CHAT, LINES, "gpt-5-nano-2025-08-07", "", "",
		.want = { { USAGE_IN, 15 }, { USAGE_OUT, 14 }, { USAGE_OUT_REASONING, 64 } } },
	{ "alibaba-tool-call.chunks.txt", CHAT, LINES, "qwen3-max", "", "",
		.want = { { USAGE_IN, 295 }, { USAGE_OUT, 22 } } },
	{ "deepseek-reasoning.EXCERPT.chunks.txt", CHAT, LINES, "deepseek-reasoner", "", "",
		.want = { { USAGE_IN, 18 }, { USAGE_OUT, 14 }, { USAGE_OUT_REASONING, 205 } } },
	{ "deepseek-tool-call.chunks.txt", CHAT, LINES, "deepseek-reasoner", "", "",
		.want = { { USAGE_IN, 19 }, { USAGE_IN_CACHE_READ, 320 }, { USAGE_OUT, 44 },
			{ USAGE_OUT_REASONING, 39 } } },
	{ "groq-tool-call.chunks.txt", CHAT, LINES, "llama-3.3-70b-versatile", "", "",
		.want = { { USAGE_IN, 210 }, { USAGE_OUT, 15 } } },
	{ "mistral-incremental-tool-call.chunks.txt", CHAT, LINES, "zai-glm-5-2", "", "",
		.want = { { USAGE_IN, 43 }, { USAGE_IN_CACHE_READ, 128 }, { USAGE_OUT, 14 } } },
	{ "mistral-reasoning.chunks.txt", CHAT, LINES, "magistral-medium-2507", "", "",
		.want = { { USAGE_IN, 10 }, { USAGE_OUT, 46 } } },
	{ "mistral-text.chunks.txt", CHAT, LINES, "mistral-small-latest", "", "",
		.want = { { USAGE_IN, 13 }, { USAGE_OUT, 8 } } },
	{ "mistral-tool-call.chunks.txt", CHAT, LINES, "mistral-small-latest", "", "",
		.want = { { USAGE_IN, 124 }, { USAGE_OUT, 22 } } },
	{ "moonshotai-stream.chunks.txt", CHAT, LINES, "kimi-k3", "", "",
		.want = { { USAGE_IN, 9 }, { USAGE_OUT, 5 }, { USAGE_OUT_REASONING, 7 } } },
	{ "perplexity-text.chunks.txt", CHAT, LINES, "sonar", "", "",
		.want = { { USAGE_IN, 11 }, { USAGE_OUT, 434 } } },
	{ "xai-text.chunks.txt", CHAT, LINES, "grok-3-mini", "", "",
		.want = { { USAGE_IN, 1 }, { USAGE_IN_CACHE_READ, 11 }, { USAGE_OUT, 1 },
			{ USAGE_OUT_REASONING, 290 } },
		.reported = 146625000 },
	{ "xai-tool-call.chunks.txt", CHAT, LINES, "grok-3-mini", "", "",
		.want = { { USAGE_IN, 1 }, { USAGE_IN_CACHE_READ, 290 }, { USAGE_OUT, 26 },
			{ USAGE_OUT_REASONING, 196 } },
		.reported = 133050000 },
	/* a relay in front of Anthropic that drops usage */
	{ "anthropic-fallback-tool-call.sse", CHAT, RAW, "claude-haiku-4-5-20251001", "", "",
		.want = { { 0 } }, .silent = true },

	{ "google-text.chunks.txt", GEMINI, LINES, "gemini-3-pro-preview", "", "",
		.want = { { USAGE_IN, 9 }, { USAGE_OUT, 23 }, { USAGE_OUT_REASONING, 185 } } },
	{ "google-reasoning.chunks.txt", GEMINI, LINES, "gemini-3-pro-preview", "", "",
		.want = { { USAGE_IN, 9 }, { USAGE_OUT, 29 }, { USAGE_OUT_REASONING, 256 } } },
	{ "google-tool-call.chunks.txt", GEMINI, LINES, "gemini-3-pro-preview", "", "",
		.want = { { USAGE_IN, 29 }, { USAGE_OUT, 15 }, { USAGE_OUT_REASONING, 45 } } },
	{ "google-tool-call-gemini3.chunks.txt", GEMINI, LINES, "gemini-3-pro-preview", "", "",
		.want = { { USAGE_IN, 29 }, { USAGE_OUT, 15 }, { USAGE_OUT_REASONING, 804 } } },
	{ "google-stream-tool-call-arguments.chunks.txt", GEMINI, LINES, "gemini-3.1-pro-preview",
		"standard", "",
		.want = { { USAGE_IN, 26 }, { USAGE_OUT, 23 }, { USAGE_OUT_REASONING, 132 } } },
	{ "google-stream-no-args-tool-call.chunks.txt", GEMINI, LINES, "gemini-3-flash-preview",
		"PROVISIONED_THROUGHPUT", "",
		.want = { { USAGE_IN, 249 }, { USAGE_OUT, 58 }, { USAGE_OUT_REASONING, 183 } } },

	{ "azure-text.1.chunks.txt", RESP, LINES, "gpt-5.1", "default", "",
		.want = { { USAGE_IN, 11 }, { USAGE_OUT, 11 } } },
	{ "azure-tool-call.1.chunks.txt", RESP, LINES, "gpt-5.1", "default", "",
		.want = { { USAGE_IN, 45 }, { USAGE_OUT, 24 } } },
	{ "openai-custom-tool.1.chunks.txt", RESP, LINES, "gpt-5.2-codex", "", "",
		.want = { { USAGE_IN, 50 }, { USAGE_OUT, 20 } } },
	{ "github-copilot-id-rotation.1.chunks.txt", RESP, LINES, "gpt-5.3-codex", "default", "",
		.want = { { USAGE_IN, 19 }, { USAGE_OUT, 61 }, { USAGE_OUT_REASONING, 44 } } },
	/* its last event lacks a bracket */
	{ "parallel-tool-call-wrapper.1.chunks.txt", RESP, LINES, "gpt-5.4", "", "",
		.want = { { USAGE_IN, 34 }, { USAGE_OUT, 28 } } },
	{ "openai-error.1.chunks.txt", RESP, LINES, "gpt-5-nano-2025-08-07", "auto", "",
		.want = { { 0 } }, 0, .failed = true, .silent = true },

	{ "anthropic-text.chunks.txt", MSGS, LINES, "claude-sonnet-4-5-20250929", "standard", "",
		.want = { { USAGE_IN, 12 }, { USAGE_OUT, 30 } } },
	{ "anthropic-text.json", MSGS, BODY, "claude-sonnet-4-5-20250929", "standard", "",
		.want = { { USAGE_IN, 12 }, { USAGE_OUT, 29 } } },
	{ "anthropic-claude-opus-5-reasoning-high.1.json", MSGS, BODY, "claude-opus-5", "standard",
		"global",
		.want = { { USAGE_IN, 51 }, { USAGE_OUT, 1560 }, { USAGE_OUT_REASONING, 139 } } },
	{ "anthropic-refusal.chunks.txt", MSGS, LINES, "claude-fable-5", "standard", "",
		.want = { { USAGE_IN, 18 }, { USAGE_OUT, 5 } } },
	{ "anthropic-refusal.json", MSGS, BODY, "claude-fable-5", "standard", "",
		.want = { { USAGE_IN, 18 }, { USAGE_OUT, 5 } } },
	{ "anthropic-fallback.chunks.txt", MSGS, LINES, "claude-opus-4-8", "", "",
		.want = { { USAGE_IN, 412 }, { USAGE_OUT, 264 } } },
	{ "anthropic-fallback.json", MSGS, BODY, "claude-opus-4-8", "", "",
		.want = { { USAGE_IN, 412 }, { USAGE_OUT, 264 } } },
	{ "anthropic-clear-thinking.1.chunks.txt", MSGS, LINES, "claude-sonnet-4-5-20250929",
		"standard", "", .want = { { USAGE_IN, 69 }, { USAGE_OUT, 53 } } },
	{ "anthropic-json-tool.1.chunks.txt", MSGS, LINES, "claude-haiku-4-5-20251001", "standard",
		"", .want = { { USAGE_IN, 849 }, { USAGE_OUT, 47 } } },
	{ "anthropic-tool-no-args.chunks.txt", MSGS, LINES, "claude-sonnet-4-5-20250929",
		"standard", "", .want = { { USAGE_IN, 565 }, { USAGE_OUT, 48 } } },
	{ "anthropic-message-delta-input-tokens.chunks.txt", MSGS, LINES,
		"claude-opus-4-5-20251101", "", "",
		.want = { { USAGE_IN, 61 }, { USAGE_OUT, 2 } } },
	{ "anthropic-code-execution-20260120-prompt-cache.1.chunks.txt", MSGS, LINES,
		"claude-sonnet-5", "standard", "global",
		.want = { { USAGE_IN, 6 }, { USAGE_IN_CACHE_READ, 6289 },
			{ USAGE_IN_CACHE_WRITE_5M, 3337 }, { USAGE_OUT, 198 } } },
	{ "anthropic-advisor-stop-reasons.chunks.txt", MSGS, LINES, "claude-sonnet-4-6", "", "",
		.want = { { USAGE_IN, 10 }, { USAGE_OUT, 20 } } },
	{ "duplicate-message-start.chunks.txt", MSGS, LINES, "claude-3-haiku-20240307", "", "",
		.want = { { USAGE_IN, 17 }, { USAGE_OUT, 227 } } },
	{ "spliced-message-start.chunks.txt", MSGS, LINES, "claude-3-haiku-20240307", "", "",
		.want = { { USAGE_IN, 17 }, { USAGE_OUT, 65 } } },
	{ "amazon-bedrock-text.chunks.txt", BED, LINES, "", "", "",
		.want = { { USAGE_IN, 22 }, { USAGE_OUT, 55 } } },
	{ "amazon-bedrock-reasoning.chunks.txt", BED, LINES, "", "", "",
		.want = { { USAGE_IN, 51 }, { USAGE_OUT, 94 } } },
	{ "amazon-bedrock-tool-call.1.chunks.txt", BED, LINES, "", "", "",
		.want = { { USAGE_IN, 125 }, { USAGE_OUT, 45 } } },
	{ "amazon-bedrock-tool-no-args.chunks.txt", BED, LINES, "", "", "",
		.want = { { USAGE_IN, 100 }, { USAGE_OUT, 25 } } },
	{ "cohere-text.chunks.txt", COH, LINES, "", "", "",
		.want = { { USAGE_IN, 12 }, { USAGE_OUT, 7 } } },
	{ "cohere-reasoning.chunks.txt", COH, LINES, "", "", "",
		.want = { { USAGE_IN, 8 }, { USAGE_OUT, 50 } } },
	{ "cohere-tool-call.chunks.txt", COH, LINES, "", "", "",
		.want = { { USAGE_IN, 119 }, { USAGE_OUT, 44 } } },
};

static const char *data_dir(void)
{
	static char path[4096];
	const char *env = getenv("TG_SHARED_DATA"), *src = getenv("TG_SRCDIR");

	if (env != NULL)
		snprintf(path, sizeof path, "%s/fixtures/vercel-ai", env);
	else
		snprintf(path, sizeof path, "%s/../shared/data/fixtures/vercel-ai",
			src != NULL ? src : ".");
	return access(path, R_OK) == 0 ? path : NULL;
}

/* The file as it was sent, or its lines as a stream of events; malloc'd. */
static char *load(const char *dir, const struct recording *r, size_t *len)
{
	char path[8192], *line = NULL, *text = NULL;
	size_t cap = 0;
	ssize_t n;
	FILE *in, *out = open_memstream(&text, len);

	snprintf(path, sizeof path, "%s/%s", dir, r->file);
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "%s is missing", path);
	while ((n = getline(&line, &cap, in)) > 0) {
		while (r->form == LINES && n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			n--;
		if (r->form != LINES)
			fwrite(line, 1, (size_t)n, out);
		else if (n > 0)
			fprintf(out, "data: %.*s\n\n", (int)n, line);
	}
	if (r->api == CHAT && r->form == LINES)
		fputs("data: [DONE]\n\n", out);
	free(line);
	fclose(in);
	fclose(out);
	return text;
}

static void check_usage(const struct recording *r, const struct meter *m, size_t piece)
{
	uint64_t want[USAGE__MAX] = { 0 };

	for (size_t i = 0; i < FIGURES && r->want[i].n > 0; i++)
		want[r->want[i].bucket] = r->want[i].n;
	for (unsigned b = 0; b < USAGE__MAX; b++)
		ck_assert_msg(m->usage.n[b] == want[b], "%s by %zu: %s is %llu, not %llu", r->file,
			piece, usage_bucket_name((enum usage_bucket)b),
			(unsigned long long)m->usage.n[b], (unsigned long long)want[b]);
	ck_assert_msg(m->usage.source == (r->silent ? USAGE_ABSENT : USAGE_PROVIDER),
		"%s: source %d", r->file, m->usage.source);
	ck_assert_msg(m->has_reported == (r->reported > 0), "%s: a cost", r->file);
	ck_assert_int_eq(m->has_reported ? m->reported : 0, r->reported);
}

static void check_recording(const struct recording *r, struct str text, size_t piece)
{
	static char memory[METER_BUF_BYTES];
	struct meter m;

	meter_init(&m, r->api, r->form != BODY, memory, sizeof memory);
	for (struct str rest = text; rest.n > 0; rest = str_skip(rest, TG_MIN(piece, rest.n)))
		meter_feed(&m, str_mk(rest.p, TG_MIN(piece, rest.n)));
	meter_finish(&m);
	ck_assert_msg(m.terminal, "%s by %zu: not at its end", r->file, piece);
	ck_assert_msg(m.error_event == r->failed, "%s: error %d", r->file, m.error_event);
	check_usage(r, &m, piece);
	UNIT_STR_EQ(m.model, str_z(r->model));
	UNIT_STR_EQ(m.service_tier, str_z(r->tier));
	UNIT_STR_EQ(m.region, str_z(r->region));
	ck_assert_uint_eq(m.tally.bytes, text.n);
}

/* Whole, in two parts cut at every byte, and in pieces of many sizes. */
static void check_cuts(const struct recording *r, struct str text)
{
	static char memory[METER_BUF_BYTES];
	struct meter m;

	check_recording(r, text, text.n);
	for (size_t piece = 1; piece < 2000; piece += piece < 64 ? 1 : 97)
		check_recording(r, text, piece);
	for (size_t at = 1; at < text.n; at++) {
		meter_init(&m, r->api, r->form != BODY, memory, sizeof memory);
		meter_feed(&m, str_mk(text.p, at));
		meter_feed(&m, str_skip(text, at));
		meter_finish(&m);
		check_usage(r, &m, at);
	}
}

START_TEST(test_recordings)
{
	const char *dir = data_dir();
	size_t n = 0;
	char *text;

	if (dir == NULL) {
		fprintf(stderr, "recorded answers are not here (TG_SHARED_DATA): skipped\n");
		return;
	}
	for (size_t i = 0; i < TG_ARRAY_LEN(recordings); i++) {
		text = load(dir, &recordings[i], &n);
		check_cuts(&recordings[i], str_mk(text, n));
		free(text);
	}
}
END_TEST

/*
 * Broken off in front of the usage: what was said is estimated, at least as much as the provider
 * counted. Excerpts, hidden or shortened reasoning and streams that tell usage all the way are no
 * measure.
 */
START_TEST(test_recordings_cut_off)
{
	static const char *const whole[] = { "alibaba-tool-call.chunks.txt",
		"mistral-incremental-tool-call.chunks.txt", "mistral-text.chunks.txt",
		"moonshotai-stream.chunks.txt", "azure-text.1.chunks.txt",
		"anthropic-text.chunks.txt" };
	static char memory[METER_BUF_BYTES];
	struct bound asked = { .input_bytes = 100, .n = 1 };
	const char *dir = data_dir();
	struct usage u;
	struct meter m;
	size_t n = 0;

	for (size_t k = 0; dir != NULL && k < TG_ARRAY_LEN(whole) * TG_ARRAY_LEN(recordings); k++) {
		const struct recording *r = &recordings[k / TG_ARRAY_LEN(whole)];
		struct usage truth = { .source = USAGE_PROVIDER };
		struct str text, usage = STR("\"usage\":{\"");
		size_t at;
		char *file;

		if (strcmp(r->file, whole[k % TG_ARRAY_LEN(whole)]) != 0)
			continue;
		for (size_t i = 0; i < FIGURES && r->want[i].n > 0; i++)
			truth.n[r->want[i].bucket] = r->want[i].n;
		file = load(dir, r, &n);
		text = str_mk(file, n);
		for (at = n - usage.n; at > 0 && !str_starts(str_skip(text, at), usage); at--)
			;
		for (; at > 0 && file[at - 1] != '\n'; at--)
			;
		meter_init(&m, r->api, true, memory, sizeof memory);
		meter_feed(&m, str_mk(text.p, at));
		meter_finish(&m);
		meter_estimate(&m, NULL, &asked, &u);
		ck_assert_msg(usage_output(&u) >= usage_output(&truth), "%s: %llu of %llu tokens",
			r->file, (unsigned long long)usage_output(&u),
			(unsigned long long)usage_output(&truth));
		if (getenv("TG_VERBOSE") != NULL)
			fprintf(stderr, "%s: %llu of %llu tokens\n", r->file,
				(unsigned long long)usage_output(&u),
				(unsigned long long)usage_output(&truth));
		free(file);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, test_recordings);
	tcase_add_test(tc, test_recordings_cut_off);
}

UNIT_MAIN("meter_fixtures", tests)
