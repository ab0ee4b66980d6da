/* conf/prices.json: what ships is complete where users start, and plausible everywhere. */
#include "unit/unit.h"
#include "money/pricebook.h"

#include <stdio.h>

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
	const char *cost; /* USD, worked out by hand from the vendor's table */
} bills[] = {
	{ "openai", "gpt-4o-mini", { .n = { [USAGE_IN] = 1000000, [USAGE_OUT] = 1000000 } },
		"0.75" },
	{ "openai", "gpt-4o",
		{ .n = { [USAGE_IN_CACHE_READ] = 1000000, [USAGE_OUT_REASONING] = 1000 } },
		"1.26" },
	{ "openai", "text-embedding-3-small", { .n = { [USAGE_IN] = 1 } }, "0.00000002" },
	{ "openai", "omni-moderation-latest", { .n = { [USAGE_IN] = 500 } }, "0" },
	{ "openai", "gpt-image-1", { .n = { [USAGE_IN] = 1000, [USAGE_OUT_IMAGE] = 4160 } },
		"0.1714" },
	{ "openai", "gpt-4o-mini-tts", { .n = { [USAGE_IN] = 1000, [USAGE_OUT_AUDIO] = 1000 } },
		"0.0126" },
	{ "openai", "gpt-4o-transcribe", { .n = { [USAGE_IN_AUDIO] = 1000, [USAGE_OUT] = 100 } },
		"0.007" },
	{ "openai", "gpt-5-nano-2025-08-07", { .n = { [USAGE_IN_CACHE_READ] = 1 } },
		"0.000000005" },
	{ "openai", "gpt-5.4", { .n = { [USAGE_IN] = 272000 } }, "0.68" },
	{ "openai", "gpt-5.4", { .n = { [USAGE_IN] = 272001 } }, "1.360005" },
	{ "anthropic", "claude-sonnet-4-5", { .n = { [USAGE_IN] = 1000, [USAGE_OUT] = 100 } },
		"0.0045" },
	{ "anthropic", "claude-sonnet-4-5-20250929",
		{ .n = { [USAGE_IN_CACHE_WRITE_5M] = 1000, [USAGE_IN_CACHE_WRITE_1H] = 1000 } },
		"0.00975" },
	{ "anthropic", "claude-sonnet-4-5", { .n = { [USAGE_IN_CACHE_READ] = 200001 } },
		"0.1200006" },
	{ "anthropic", "claude-haiku-4-5", { .n = { [USAGE_IN] = 100, [USAGE_WEB_SEARCHES] = 2 } },
		"0.0201" },
	{ "anthropic", "claude-opus-4-0", { .n = { [USAGE_OUT] = 1000 } }, "0.075" },
};

START_TEST(bill)
{
	struct str model = str_z(bills[_i].model);
	const struct price *p = pricebook_find(book, str_z(bills[_i].provider), model);
	pico_usd cost, want;

	ck_assert_msg(p != NULL, "no price for %s", bills[_i].model);
	ck_assert_int_eq(price_cost(p, &bills[_i].usage, NULL, &cost, NULL), 0);
	ck_assert_int_eq(money_parse_usd(str_z(bills[_i].cost), &want), 0);
	ck_assert_msg(cost == want, "%s costs %lld pico, not %lld", bills[_i].model,
		(long long)cost, (long long)want);
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

/* Priced by second or character: unknown here, so never taken for free. */
START_TEST(what_has_no_token_price_is_absent)
{
	static const char *const names[] = { "whisper-1", "tts-1", "tts-1-hd", "dall-e-3",
		"sora-2" };

	for (size_t i = 0; i < TG_ARRAY_LEN(names); i++)
		ck_assert_ptr_null(pricebook_find(book, STR("openai"), str_z(names[i])));
}
END_TEST

/* A slip of three digits in an import shows here: no token is cheaper than a nano-dollar or dearer
 * than $0.001. */
START_TEST(every_figure_is_plausible)
{
	ck_assert_uint_gt(pricebook_size(book), 80);
	for (size_t i = 0; i < pricebook_size(book); i++) {
		const struct price *p = pricebook_at(book, i);
		const struct price_plan *plan = p->plan[SERVICE_STANDARD];

		ck_assert(p->source.n > 0 && p->source.p[0] != '/' && p->date.n == 10);
		ck_assert(p->free || rate(p, USAGE_IN) > 0);
		for (unsigned b = 0; !p->free && b < USAGE_FIRST_UNIT; b++) {
			pico_usd v = rate(p, (enum usage_bucket)b), step;

			ck_assert(v == -1 || (v >= 1000 && v <= PICO_PER_USD / 1000));
			for (unsigned t = 0; v >= 0 && t < plan->n_steps; t++)
				ck_assert(price_rate(&plan->steps[t].rates, (enum usage_bucket)b,
						  &step) &&
					  step >= v);
		}
		ck_assert(rate(p, USAGE_IN_CACHE_READ) <= rate(p, USAGE_IN));
		ck_assert(rate(p, USAGE_IN_CACHE_WRITE_1H) == -1 ||
			  rate(p, USAGE_IN_CACHE_WRITE_1H) >= rate(p, USAGE_IN_CACHE_WRITE_5M));
	}
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
	tcase_add_test(tc, what_has_no_token_price_is_absent);
	tcase_add_test(tc, every_figure_is_plausible);
	tcase_add_test(tc, documented_examples_load);
}

UNIT_MAIN("prices_json", tests)
