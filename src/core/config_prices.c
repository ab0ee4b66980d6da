/*
 * config_prices.c: the directive tables about prices: entries over those of the price files, and
 * what happens to models that have none. Part of config.c's tables. An entry is checked by the
 * price book's own reader, so that what is wrong has a place in the file.
 */
#include "core/config_table.h"
#include "core/plan_prices.h"

#define PICO_USD(usd)        ((usd)*PICO_PER_USD)
#define TOKENS_MAX           INT64_C(1000000000000)
#define UNPRICED_MAX         (1000000 * PRICEBOOK_ESTIMATE_MAX)
#define UNPRICED_REQUEST_MAX PICO_USD(1000000)

static const struct conf_directive step_directives[] = {
	{ .name = "above",
		.type = CONF_INT,
		AT(cfg_price_step, above),
		.flags = CONF_REQUIRED,
		.min = 1,
		.max = TOKENS_MAX,
		.help = "Input tokens; a request with more has this tier's prices, as a whole." },
	{ .name = "per_mtok",
		.type = CONF_TAGS,
		AT(cfg_price_step, per_mtok),
		.help = "USD per million tokens, by bucket; every bucket that the entry has; "
			"absent where it has none." },
	{ .name = NULL },
};
static const struct conf_block step_block = {
	.name = "price tier",
	.help = "A long-context price.",
	.size = sizeof(struct cfg_price_step),
	.directives = step_directives,
};

#define RATE_DIRECTIVES(in, prefix)                                                                \
	{ .name = "per_mtok",                                                                      \
		.type = CONF_TAGS,                                                                 \
		AT(in, prefix per_mtok),                                                           \
		.help = "USD per million tokens, by bucket, such as { input: 0.15, output: "       \
			"0.6 }; `free` for nothing. Absent: tokens have no price of this block's " \
			"own." },                                                                  \
		{ .name = "per_unit",                                                              \
			.type = CONF_TAGS,                                                         \
			AT(in, prefix per_unit),                                                   \
			.help = "USD per unit of what is not tokens, by bucket, such as { "        \
				"images: 0.04 }. Absent: they have no price of this block's "      \
				"own." },                                                          \
		{ .name = "per_request",                                                           \
			.type = CONF_STRING,                                                       \
			AT(in, prefix per_request),                                                \
			.help = "USD per request, on top. Absent: nothing of this block's own." },

#define STEP_DIRECTIVE(in, prefix)    \
	{ .name = "tiers",            \
		.type = CONF_LIST,    \
		AT(in, prefix tiers), \
		.block = &step_block, \
		.help = "Long-context prices, by `above` ascending." },

/* clang-format off */
static const struct conf_directive service_directives[] = {
	RATE_DIRECTIVES(cfg_price_rates, )
	STEP_DIRECTIVE(cfg_price_rates, )
	{ .name = NULL },
};
static const struct conf_directive variant_directives[] = {
	RATE_DIRECTIVES(cfg_price_rates, )
	{ .name = NULL },
};
/* clang-format on */

static const struct conf_block service_block = {
	.name = "price of a service tier",
	.help = "What a service tier costs, as far as it differs from the entry.",
	.size = sizeof(struct cfg_price_rates),
	.directives = service_directives,
};
static const struct conf_block variant_block = {
	.name = "price of a variant",
	.help = "What a size or quality of images or video costs.",
	.size = sizeof(struct cfg_price_rates),
	.directives = variant_directives,
};

#define SERVICE(in, id, text)                  \
	{ .name = text,                        \
		.type = CONF_BLOCK,            \
		AT(in, service[SERVICE_##id]), \
		.block = &service_block,       \
		.help = "What the service tier `" text "` costs, where it differs." },

/* clang-format off */
static const struct conf_directive region_directives[] = {
	RATE_DIRECTIVES(cfg_price_region, plain.)
	STEP_DIRECTIVE(cfg_price_region, plain.)
	SERVICE(cfg_price_region, FLEX, "flex")
	SERVICE(cfg_price_region, PRIORITY, "priority")
	SERVICE(cfg_price_region, BATCH, "batch")
	{ .name = NULL },
};
/* clang-format on */

static const struct conf_block region_block = {
	.name = "price of a region",
	.help = "What a region costs, where it differs from the entry.",
	.size = sizeof(struct cfg_price_region),
	.directives = region_directives,
};

/* clang-format off */
static const struct conf_directive price_directives[] = {
	{ .name = "provider",
		.type = CONF_STRING,
		AT(cfg_price, provider),
		.flags = CONF_REQUIRED,
		.help = "The provider, as targets name it." },
	{ .name = "model",
		.type = CONF_STRING,
		AT(cfg_price, model),
		.flags = CONF_REQUIRED,
		.help = "The model's id at that provider." },
	{ .name = "aliases",
		.type = CONF_STRINGS,
		AT(cfg_price, aliases),
		.help = "Other ids with the same price. Absent: none." },
	{ .name = "free",
		.type = CONF_BOOL,
		AT(cfg_price, free),
		.def = "false",
		.help = "It costs nothing." },
	RATE_DIRECTIVES(cfg_price, plain.)
	STEP_DIRECTIVE(cfg_price, plain.)
	SERVICE(cfg_price, FLEX, "flex")
	SERVICE(cfg_price, PRIORITY, "priority")
	SERVICE(cfg_price, BATCH, "batch")
	{ .name = "variants",
		.type = CONF_MAP,
		AT(cfg_price, variants),
		.block = &variant_block,
		.help = "By size and quality of images or video, such as 1024x1024 or hd/1024x1792." },
	{ .name = "regions",
		.type = CONF_MAP,
		AT(cfg_price, regions),
		.block = &region_block,
		.help = "By region of the target." },
	{ .name = "uplift",
		.type = CONF_TAGS,
		AT(cfg_price, uplift),
		.help = "Factors on everything, by region, such as { eu: 1.1 }. Absent: none." },
	{ .name = "max_input",
		.type = CONF_INT,
		AT(cfg_price, max_input),
		.max = TOKENS_MAX,
		.help = "Tokens that the model takes at most; absent: not known." },
	{ .name = "max_output",
		.type = CONF_INT,
		AT(cfg_price, max_output),
		.max = TOKENS_MAX,
		.help = "Tokens that the model answers at most; absent: not known." },
	{ .name = "capabilities",
		.type = CONF_TAGS,
		AT(cfg_price, capabilities),
		.help = "What the model can do (true) and cannot (false): vision, tools, json_schema, "
			"documents, audio, reasoning; what is absent is not known." },
	{ .name = "valid_from",
		.type = CONF_STRING,
		AT(cfg_price, valid_from),
		.help = "First day (00:00 UTC) of the price, such as 2026-12-01; absent: always." },
	{ .name = "source",
		.type = CONF_STRING,
		AT(cfg_price, source),
		.def = "configuration",
		.help = "Where the figures come from." },
	{ .name = "date",
		.type = CONF_STRING,
		AT(cfg_price, date),
		.help = "When they were read, such as 2026-11-28; absent: the day of loading." },
	{ .name = NULL },
};
/* clang-format on */

/* The reader's words, without the name and number it gives to what it reads. */
static int check_price(struct conf_load *l, void *obj)
{
	const struct cfg_price *c = obj;
	char err[512];
	const char *why;
	struct arena text;
	struct pricebook *b;

	arena_init(&text, NULL, 0);
	b = pricebook_parse(plan_prices_text(&text, c, 1), "price_overrides", err, sizeof err);
	arena_fini(&text);
	if (b != NULL) {
		pricebook_free(b);
		return 0;
	}
	why = strstr(err, "): ");
	return conf_fail(l, &c->pos, "price of %.*s %.*s: %s", STR_FMT(c->provider),
		STR_FMT(c->model), why != NULL ? why + 3 : err);
}

const struct conf_block config_price_block = {
	.name = "price",
	.help = "A price of your own, as an entry of a price file would say it "
		"(docs/reference/prices.md); it comes after all files. Amounts are plain decimals "
		"in "
		"USD.",
	.size = sizeof(struct cfg_price),
	.directives = price_directives,
	POS_OF(cfg_price),
	.check = check_price,
};

static const char *const action_words[] = { "estimate", "reject", NULL };
_Static_assert(UNPRICED_ESTIMATE == 0 && UNPRICED_REJECT == 1, "in order");

static const struct conf_directive unpriced_directives[] = {
	{ .name = "action",
		.type = CONF_ENUM,
		AT(cfg_unpriced, action),
		.def = "estimate",
		.words = action_words,
		.help = "estimate: it is charged at the prices below, and flagged. reject: it is "
			"refused with 400 `unpriced_model`." },
	{ .name = "input",
		.type = CONF_MONEY,
		AT(cfg_unpriced, input),
		.def = "30 usd",
		.min = 1,
		.max = UNPRICED_MAX,
		.help = "For a million input tokens; audio four times as much." },
	{ .name = "output",
		.type = CONF_MONEY,
		AT(cfg_unpriced, output),
		.def = "150 usd",
		.min = 1,
		.max = UNPRICED_MAX,
		.help = "For a million output tokens; audio twice as much. What images, seconds "
			"and "
			"other units are charged at is in docs/reference/prices.md." },
	{ .name = "request",
		.type = CONF_MONEY,
		AT(cfg_unpriced, request),
		.max = UNPRICED_REQUEST_MAX,
		.help = "For the request, on top; absent: nothing. It is all that is charged "
			"for what is posted to paths whose answers nobody reads (batches, "
			"videos, unknown ones): 0.05 usd there when absent." },
	{ .name = NULL },
};
const struct conf_block config_unpriced_block = {
	.name = "unpriced",
	.help = "What happens to requests for models that have no price. They never cost nothing.",
	.size = sizeof(struct cfg_unpriced),
	.directives = unpriced_directives,
};
