/* conf/prices.json: what ships is complete where users start, and plausible everywhere. */
#include "unit/unit.h"
#include "money/pricebook.h"

#include <stdio.h>

/* STR() in a constant initializer */
#define STR_LIT_(lit)                   \
	{                               \
		"" lit, sizeof(lit) - 1 \
	}

static struct pricebook *book;

static void load(void)
{
	static char err[512];

	book = pricebook_load(NULL, 0, err, sizeof err);
	ck_assert_msg(book != NULL, "%s", err);
}

/* -1: not stated */
static pico_usd rate(const struct price *p, enum usage_bucket b)
{
	pico_usd v;

	return price_rate(&p->plan[SERVICE_STANDARD]->rates, b, &v) ? v : -1;
}

static void unload(void)
{
	pricebook_free(book);
}

static const struct {
	const char *provider, *model;
	struct usage usage;
	struct rate_terms terms;
	const char *cost; /* USD, worked out by hand from the vendor's table */
} bills[] = {
	{ "openai", "gpt-4o-mini", { .n = { [USAGE_IN] = 1000000, [USAGE_OUT] = 1000000 } }, { 0 },
		"0.75" },
	{ "openai", "gpt-4o",
		{ .n = { [USAGE_IN_CACHE_READ] = 1000000, [USAGE_OUT_REASONING] = 1000 } }, { 0 },
		"1.26" },
	{ "openai", "text-embedding-3-small", { .n = { [USAGE_IN] = 1 } }, { 0 }, "0.00000002" },
	{ "openai", "omni-moderation-latest", { .n = { [USAGE_IN] = 500 } }, { 0 }, "0" },
	{ "openai", "gpt-image-1", { .n = { [USAGE_IN] = 1000, [USAGE_OUT_IMAGE] = 4160 } }, { 0 },
		"0.1714" },
	{ "openai", "gpt-image-1", { .n = { [USAGE_OUT] = 4160 } }, { 0 }, "0.1664" },
	{ "openai", "gpt-image-1", { .n = { [USAGE_IMAGES] = 2 } },
		{ .variant = STR_LIT_("high/1024x1536") }, "0.5" },
	{ "openai", "dall-e-3", { .n = { [USAGE_IMAGES] = 1 } }, { 0 }, "0.04" },
	{ "openai", "dall-e-3", { .n = { [USAGE_IMAGES] = 1 } },
		{ .variant = STR_LIT_("hd/1024x1792") }, "0.12" },
	{ "openai", "dall-e-3", { .n = { [USAGE_IMAGES] = 1 } },
		{ .variant = STR_LIT_("1792x1024") }, "0.08" },
	{ "openai", "dall-e-2", { .n = { [USAGE_IMAGES] = 1 } }, { .variant = STR_LIT_("512x512") },
		"0.018" },
	{ "openai", "gpt-4o-mini-tts", { .n = { [USAGE_IN] = 1000, [USAGE_OUT_AUDIO] = 1000 } },
		{ 0 }, "0.0126" },
	{ "openai", "tts-1-hd", { .n = { [USAGE_IN_CHARACTERS] = 1000 } }, { 0 }, "0.03" },
	{ "openai", "whisper-1", { .n = { [USAGE_IN_SECONDS] = 60 } }, { 0 }, "0.006" },
	{ "openai", "gpt-4o-transcribe", { .n = { [USAGE_IN_AUDIO] = 1000, [USAGE_OUT] = 100 } },
		{ 0 }, "0.007" },
	{ "openai", "sora-2", { .n = { [USAGE_OUT_SECONDS] = 8 } }, { 0 }, "0.8" },
	{ "openai", "sora-2-pro", { .n = { [USAGE_OUT_SECONDS] = 8 } },
		{ .variant = STR_LIT_("1792x1024") }, "4" },
	{ "openai", "gpt-5-nano-2025-08-07", { .n = { [USAGE_IN_CACHE_READ] = 1 } }, { 0 },
		"0.000000005" },
	{ "openai", "gpt-5.4", { .n = { [USAGE_IN] = 272000 } }, { 0 }, "0.68" },
	{ "openai", "gpt-5.4", { .n = { [USAGE_IN] = 272001 } }, { 0 }, "1.360005" },
	{ "openai", "gpt-5.4", { .n = { [USAGE_IN] = 272000 } }, { .tier = SERVICE_FLEX }, "0.34" },
	{ "openai", "gpt-5.4", { .n = { [USAGE_IN] = 272001 } }, { .tier = SERVICE_PRIORITY },
		"2.72001" },
	{ "openai", "gpt-5.4", { .n = { [USAGE_IN] = 1000, [USAGE_OUT] = 1000 } },
		{ .tier = SERVICE_BATCH }, "0.00875" },
	{ "openai", "gpt-5.4", { .n = { [USAGE_IN] = 1000000 / 4 } }, { .region = STR_LIT_("eu") },
		"0.6875" },
	{ "openai", "gpt-5.6", { .n = { [USAGE_IN_CACHE_WRITE] = 300000 } },
		{ .tier = SERVICE_FLEX }, "1.875" },
	{ "openai", "gpt-5",
		{ .n = { [USAGE_WEB_SEARCHES_MEDIUM] = 1,
			  [USAGE_FILE_SEARCHES] = 2,
			  [USAGE_CODE_SESSIONS] = 1 } },
		{ 0 }, "0.045" },
	{ "openai", "gpt-4o-search-preview", { .n = { [USAGE_WEB_SEARCHES_HIGH] = 1 } }, { 0 },
		"0.05" },
	{ "openai", "ft:gpt-4o-2024-08-06:acme::abc", { .n = { [USAGE_IN] = 1000 } }, { 0 },
		"0.00375" },
	{ "anthropic", "claude-sonnet-4-5", { .n = { [USAGE_IN] = 1000, [USAGE_OUT] = 100 } },
		{ 0 }, "0.0045" },
	{ "anthropic", "claude-sonnet-4-5-20250929",
		{ .n = { [USAGE_IN_CACHE_WRITE_5M] = 1000, [USAGE_IN_CACHE_WRITE_1H] = 1000 } },
		{ 0 }, "0.00975" },
	{ "anthropic", "claude-sonnet-4-5", { .n = { [USAGE_IN_CACHE_READ] = 200001 } }, { 0 },
		"0.1200006" },
	{ "anthropic", "claude-haiku-4-5", { .n = { [USAGE_IN] = 100, [USAGE_WEB_SEARCHES] = 2 } },
		{ 0 }, "0.0201" },
	{ "anthropic", "claude-opus-4-0", { .n = { [USAGE_OUT] = 1000 } }, { 0 }, "0.075" },
	{ "anthropic", "claude-opus-4-6", { .n = { [USAGE_OUT] = 1000 } },
		{ .tier = SERVICE_PRIORITY }, "0.15" }, /* fast */
	{ "anthropic", "claude-opus-4-6", { .n = { [USAGE_OUT] = 1000 } },
		{ .region = STR_LIT_("us") }, "0.0275" },
	{ "azure", "gpt-5-2025-08-07", { .n = { [USAGE_IN] = 1000 } }, { .region = STR_LIT_("eu") },
		"0.001375" },
	{ "azure", "gpt-5.6", { .n = { [USAGE_IN] = 1000 } },
		{ .tier = SERVICE_PRIORITY, .region = STR_LIT_("us") }, "0.01375" },
	{ "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", { .n = { [USAGE_IN] = 1000 } },
		{ 0 }, "0.0033" },
	{ "bedrock", "mistral.mistral-large-2402-v1:0", { .n = { [USAGE_IN] = 1000 } },
		{ .region = STR_LIT_("eu-west-3") }, "0.0104" },
	{ "vertex", "gemini-2.5-pro", { .n = { [USAGE_IN] = 200001 } }, { 0 }, "0.5000025" },
	{ "gemini", "veo-3.1-lite-generate-preview", { .n = { [USAGE_OUT_SECONDS] = 4 } },
		{ .variant = STR_LIT_("1080p") }, "0.32" },
	{ "mistral", "mistral-ocr-latest",
		{ .n = { [USAGE_PAGES] = 100, [USAGE_ANNOTATED_PAGES] = 10 } }, { 0 }, "0.45" },
	{ "cohere", "rerank-v3.5", { .n = { [USAGE_QUERIES] = 3 } }, { 0 }, "0.006" },
	{ "groq", "whisper-large-v3", { .n = { [USAGE_IN_SECONDS] = 100 } }, { 0 }, "0.003083" },
	{ "deepseek", "deepseek-chat", { .n = { [USAGE_IN_CACHE_READ] = 1000000 } }, { 0 },
		"0.028" },
	{ "xai", "grok-4-fast-reasoning", { .n = { [USAGE_IN] = 128001 } }, { 0 }, "0.0512004" },
	{ "together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", { .n = { [USAGE_IN] = 1000000 } },
		{ 0 }, "0.88" },
	{ "fireworks", "accounts/fireworks/models/deepseek-v3", { .n = { [USAGE_OUT] = 1000000 } },
		{ 0 }, "0.9" },
	{ "openrouter", "anthropic/claude-sonnet-4.5", { .n = { [USAGE_OUT] = 1000 } }, { 0 },
		"0.015" },
};

START_TEST(bill)
{
	struct str model = str_z(bills[_i].model);
	const struct price *p = pricebook_find(book, str_z(bills[_i].provider), model);
	pico_usd cost, want;
	unsigned flags;

	ck_assert_msg(p != NULL, "no price for %s", bills[_i].model);
	ck_assert_int_eq(price_cost(p, &bills[_i].usage, &bills[_i].terms, &cost, &flags), 0);
	ck_assert_int_eq(money_parse_usd(str_z(bills[_i].cost), &want), 0);
	ck_assert_msg(cost == want, "%s costs %lld pico, not %lld", bills[_i].model,
		(long long)cost, (long long)want);
	ck_assert_msg((flags & (PRICE_SERVICE | PRICE_VARIANT)) == 0, "%s: flags %u",
		bills[_i].model, flags);
}
END_TEST

/* The day the introductory price ended. */
START_TEST(a_dated_step)
{
	const struct price *before, *after;
	const int64_t day = INT64_C(20697) * 86400000000; /* 2026-09-01 */

	before = pricebook_find_at(
		book, STR("anthropic"), STR("claude-sonnet-5"), (wall_us){ day - 1 });
	after = pricebook_find_at(book, STR("anthropic"), STR("claude-sonnet-5"), (wall_us){ day });
	ck_assert_int_eq(rate(before, USAGE_OUT), 10000000);
	ck_assert_int_eq(rate(after, USAGE_OUT), 15000000);
}
END_TEST

static const char *const providers[] = { "anthropic", "azure", "bedrock", "cohere", "deepseek",
	"fireworks", "gemini", "groq", "mistral", "openai", "openrouter", "together", "vertex",
	"xai" };

START_TEST(every_provider_is_there)
{
	size_t n[TG_ARRAY_LEN(providers)] = { 0 }, others = 0;

	for (size_t i = 0; i < pricebook_size(book); i++) {
		size_t k = 0;

		while (k < TG_ARRAY_LEN(providers) &&
			!str_eq(pricebook_at(book, i)->provider, str_z(providers[k])))
			k++;
		if (k < TG_ARRAY_LEN(providers))
			n[k]++;
		else
			others++;
	}
	ck_assert_uint_eq(others, 0);
	for (size_t k = 0; k < TG_ARRAY_LEN(providers); k++)
		ck_assert_msg(n[k] >= 8, "%s has %zu prices", providers[k], n[k]);
	ck_assert_uint_gt(pricebook_size(book), 1200);
}
END_TEST

/* Sorted pairs of buckets: the first is never dearer than the second. */
static void check_order(const struct price *p, const struct price_rates *r)
{
	static const enum usage_bucket pairs[][2] = {
		{ USAGE_IN_CACHE_READ, USAGE_IN },
		{ USAGE_IN_CACHE_WRITE_5M, USAGE_IN_CACHE_WRITE_1H },
		{ USAGE_WEB_SEARCHES, USAGE_WEB_SEARCHES_MEDIUM },
		{ USAGE_WEB_SEARCHES_MEDIUM, USAGE_WEB_SEARCHES_HIGH },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(pairs); i++) {
		pico_usd low, high;

		if (price_rate(r, pairs[i][0], &low) && price_rate(r, pairs[i][1], &high))
			ck_assert_msg(low <= high, "%.*s %.*s: %s is dearer than %s",
				STR_FMT(p->provider), STR_FMT(p->model),
				usage_bucket_name(pairs[i][0]), usage_bucket_name(pairs[i][1]));
	}
}

/* A slip of three digits in an import shows here. */
static void check_rates(const struct price *p, const struct price_rates *r)
{
	for (unsigned b = 0; b < USAGE__MAX; b++) {
		const pico_usd most = b < USAGE_FIRST_UNIT ? PICO_PER_USD / 100 : PICO_PER_USD;
		/* a pixel, a character; a token of the smallest open models */
		const pico_usd least = b < USAGE_FIRST_UNIT ? 100 : 1000;
		pico_usd v;

		if (price_rate(r, (enum usage_bucket)b, &v))
			ck_assert_msg(v >= least && v <= most, "%.*s %.*s: %s costs %lld pico",
				STR_FMT(p->provider), STR_FMT(p->model),
				usage_bucket_name((enum usage_bucket)b), (long long)v);
	}
	check_order(p, r);
}

static void check_plan(const struct price *p, const struct price_plan *plan)
{
	const struct price_rates *below = &plan->rates;

	check_rates(p, &plan->rates);
	for (unsigned i = 0; i < plan->n_steps; i++) {
		check_rates(p, &plan->steps[i].rates);
		for (unsigned b = 0; b < USAGE_FIRST_UNIT; b++) {
			pico_usd low, high;

			ck_assert(price_rate(below, (enum usage_bucket)b, &low) ==
				  price_rate(&plan->steps[i].rates, (enum usage_bucket)b, &high));
			if (price_rate(below, (enum usage_bucket)b, &low))
				ck_assert_int_le(low, high);
		}
		below = &plan->steps[i].rates;
	}
}

START_TEST(every_figure_is_plausible)
{
	for (size_t i = 0; i < pricebook_size(book); i++) {
		const struct price *p = pricebook_at(book, i);

		ck_assert(p->source.n > 0 && p->source.p[0] != '/' && p->date.n == 10);
		ck_assert_uint_ne(price_version(p), 0);
		for (unsigned t = 0; t < SERVICE__MAX && !p->free; t++)
			if (p->plan[t] != NULL)
				check_plan(p, p->plan[t]);
		for (unsigned k = 0; k < p->n_variants; k++)
			check_rates(p, &p->variants[k].rates);
		for (unsigned k = 0; k < p->n_regions; k++)
			for (unsigned t = 0; t < SERVICE__MAX; t++)
				if (p->regions[k].plan[t] != NULL)
					check_plan(p, p->regions[k].plan[t]);
		for (unsigned k = 0; k < p->n_uplifts; k++)
			ck_assert_int_le(p->uplifts[k].basis_points, 90000);
	}
}
END_TEST

/* Flex and batch are cheaper than standard, priority is dearer. */
START_TEST(service_tiers_are_what_they_promise)
{
	for (size_t i = 0; i < pricebook_size(book); i++) {
		const struct price *p = pricebook_at(book, i);

		for (unsigned b = 0; b < USAGE__MAX; b++) {
			pico_usd plain, v;

			if (!price_rate(&p->plan[SERVICE_STANDARD]->rates, (enum usage_bucket)b,
				    &plain))
				continue;
			for (unsigned t = 1; t < SERVICE__MAX; t++)
				if (p->plan[t] != NULL &&
					price_rate(&p->plan[t]->rates, (enum usage_bucket)b, &v))
					ck_assert_msg(
						t == SERVICE_PRIORITY ? v >= plain : v <= plain,
						"%.*s %.*s %s: %s %lld, standard %lld",
						STR_FMT(p->provider), STR_FMT(p->model),
						usage_bucket_name((enum usage_bucket)b),
						service_tier_name((enum service_tier)t),
						(long long)v, (long long)plain);
		}
	}
}
END_TEST

/* The estimate is dearer than nearly everything: of all figures, at most one in fifty is above it.
 */
START_TEST(the_estimate_is_conservative)
{
	const struct price_rates *e = &pricebook_estimate(book)->plan[SERVICE_STANDARD]->rates;
	size_t all = 0, above = 0;

	for (size_t i = 0; i < pricebook_size(book); i++) {
		const struct price *p = pricebook_at(book, i);

		for (unsigned b = 0; b < USAGE__MAX; b++) {
			pico_usd stated, v;

			ck_assert(price_rate(e, (enum usage_bucket)b, &stated));
			if (!price_rate(
				    &p->plan[SERVICE_STANDARD]->rates, (enum usage_bucket)b, &v))
				continue;
			all++;
			above += v > stated;
		}
	}
	ck_assert_uint_gt(all, 4000);
	ck_assert_msg(above * 50 <= all, "%zu of %zu", above, all);
}
END_TEST

/* The JSON examples of the documentation are price files that load. */
static unsigned load_examples(const char *page)
{
	static const char open[] = "```json\n", shut[] = "```";
	const char *root = getenv("TG_SRCDIR");
	char path[512], err[512];
	static char text[65536];
	unsigned n = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/docs/%s", root != NULL ? root : ".", page);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "cannot open %s", path);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	for (const char *at = strstr(text, open), *end; at != NULL; at = strstr(end, open), n++) {
		struct pricebook *b;

		at += strlen(open);
		end = strstr(at, shut);
		ck_assert_ptr_nonnull(end);
		b = pricebook_parse(str_mk(at, (size_t)(end - at)), page, err, sizeof err);
		ck_assert_msg(b != NULL, "%s", err);
		pricebook_free(b);
		end += strlen(shut);
	}
	return n;
}

START_TEST(documented_examples_load)
{
	ck_assert_uint_eq(load_examples("reference/prices.md"), 1);
	ck_assert_uint_eq(load_examples("guide/money.md"), 1);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, load, unload);
	tcase_add_loop_test(tc, bill, 0, (int)TG_ARRAY_LEN(bills));
	tcase_add_test(tc, a_dated_step);
	tcase_add_test(tc, every_provider_is_there);
	tcase_add_test(tc, every_figure_is_plausible);
	tcase_add_test(tc, service_tiers_are_what_they_promise);
	tcase_add_test(tc, the_estimate_is_conservative);
	tcase_add_test(tc, documented_examples_load);
}

UNIT_MAIN("prices_json", tests)
