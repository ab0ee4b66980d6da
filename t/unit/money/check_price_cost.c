/* price_cost.c: sums over buckets, parents' prices, long-context steps, service tiers, variants,
 * regions, and what has no price. Random cases are check_price_random.c. */
#include "unit/unit.h"
#include "money/pricebook.h"

#include <stdio.h>

#define ENTRY(what)                                                                          \
	"{\"format\": \"tollgate-prices/2\", \"prices\": [{\"provider\": \"p\", \"model\": " \
	"\"m\", "                                                                            \
	"\"source\": \"t\", \"date\": \"2026-08-01\", " what "}]}"

static struct pricebook *book;

static const struct price *price_of(const char *json)
{
	char err[512];

	pricebook_free(book);
	book = pricebook_parse(str_z(json), "t", err, sizeof err);
	ck_assert_msg(book != NULL, "%s", err);
	return pricebook_find(book, STR("p"), STR("m"));
}

static void teardown(void)
{
	pricebook_free(book);
	book = NULL;
}

#define MINI                                                                          \
	ENTRY("\"per_mtok\": {\"input\": \"0.15\", \"input_cache_read\": \"0.075\", " \
	      "\"output\": \"0.6\"}")
#define STEPS                                                                                      \
	ENTRY("\"per_mtok\": {\"input\": \"0.00001\", \"output\": \"0.000015\"}, \"tiers\": ["     \
	      "{\"above\": 200, \"per_mtok\": {\"input\": \"0.00002\", \"output\": \"0.00003\"}}," \
	      "{\"above\": 400, \"per_mtok\": {\"input\": \"0.0001\", \"output\": \"0.0002\"}}]")
/* In pico a token: 10 and 20, above 100 tokens 30 and 40; flex half of it all; priority has no
 * steps of its own; a batch restates only the output. */
#define TIERS                                                                                     \
	ENTRY("\"per_mtok\": {\"input\": \"0.00001\", \"output\": \"0.00002\"}, \"tiers\": ["     \
	      "{\"above\": 100, \"per_mtok\": {\"input\": \"0.00003\", \"output\": "              \
	      "\"0.00004\"}}],"                                                                   \
	      "\"flex\": {\"per_mtok\": {\"input\": \"0.000005\", \"output\": \"0.00001\"},"      \
	      "\"tiers\": [{\"above\": 100, \"per_mtok\": {\"input\": \"0.000015\", \"output\": " \
	      "\"0.00002\"}}]},"                                                                  \
	      "\"priority\": {\"per_mtok\": {\"input\": \"0.00002\", \"output\": \"0.00005\"},"   \
	      "\"per_request\": \"0.000000000007\"},"                                             \
	      "\"batch\": {\"per_mtok\": {\"output\": \"0.000003\"}}")
#define IMAGES                                                                           \
	ENTRY("\"per_mtok\": {\"input\": \"0.000001\"}, \"variants\": {"                 \
	      "\"1024x1024\": {\"per_unit\": {\"images\": \"0.04\"}},"                   \
	      "\"hd/1024x1792\": {\"per_unit\": {\"images\": \"0.12\"}},"                \
	      "\"low/1024x1024\": {\"per_unit\": {\"images\": \"0.02\"}, \"per_mtok\": " \
	      "{\"input\": \"0.000002\"}}}")
#define REGIONS                                                                                 \
	ENTRY("\"per_mtok\": {\"input\": \"0.000101\", \"output\": \"0.0002\"}, \"flex\": {"    \
	      "\"per_mtok\": {\"input\": \"0.00005\"}}, \"batch\": {\"per_mtok\": {\"input\": " \
	      "\"0.00004\"}}, \"regions\": {\"eu-west-3\": {\"per_mtok\": {\"input\": "         \
	      "\"0.0003\"}, "                                                                   \
	      "\"per_request\": \"0.000000000005\", \"flex\": {\"per_mtok\": {\"output\": "     \
	      "\"0.0001\"}}}}, \"uplift\": {\"us\": \"1.1\", \"EU\": \"1.0005\"}")
/* A price of everything else, and two variants. */
#define SIZES                                                                                      \
	ENTRY("\"per_unit\": {\"images\": \"0.04\", \"output_seconds\": \"0.1\"}, \"variants\": {" \
	      "\"standard/1024x1792\": {\"per_unit\": {\"images\": \"0.08\"}}, "                   \
	      "\"hd/1024x1792\": {\"per_unit\": {\"images\": \"0.12\"}}, "                         \
	      "\"1080p\": {\"per_unit\": {\"output_seconds\": \"0.2\"}}}")

static const struct {
	const char *name, *price;
	struct usage usage;
	struct rate_terms terms;
	pico_usd cost; /* -1: unpriced */
	unsigned flags;
} rows[] = {
	{ "disjoint buckets add up", MINI,
		{ .n = { [USAGE_IN] = 1000, [USAGE_IN_CACHE_READ] = 500, [USAGE_OUT] = 20 } },
		{ 0 }, 1000 * 150000 + 500 * 75000 + 20 * 600000, 0 },
	{ "reasoning costs what output costs", MINI, { .n = { [USAGE_OUT_REASONING] = 3 } }, { 0 },
		3 * 600000, PRICE_PARENT },
	{ "two steps up", MINI, { .n = { [USAGE_IN_CACHE_WRITE_1H] = 2 } }, { 0 }, 2 * 150000,
		PRICE_PARENT },
	{ "one step up",
		ENTRY("\"per_mtok\": {\"input\": \"1\", \"input_cache_write_5m\": \"1.25\"}"),
		{ .n = { [USAGE_IN_CACHE_WRITE_1H] = 2 } }, { 0 }, 2 * 1250000, PRICE_PARENT },
	{ "no price for output", ENTRY("\"per_mtok\": {\"input\": \"1\"}"),
		{ .n = { [USAGE_IN] = 10, [USAGE_OUT_AUDIO] = 1 } }, { 0 }, -1, 0 },
	{ "no price for a search", MINI, { .n = { [USAGE_IN] = 1, [USAGE_WEB_SEARCHES] = 1 } },
		{ 0 }, -1, 0 },
	{ "no price for seconds", MINI, { .n = { [USAGE_IN_SECONDS] = 1 } }, { 0 }, -1, 0 },
	{ "calls and searches",
		ENTRY("\"per_mtok\": {\"input\": \"1\"}, \"per_request\": \"0.5\", \"per_unit\": "
		      "{\"web_searches\": \"0.01\", \"web_searches_medium\": \"0.02\"}"),
		{ .n = { [USAGE_IN] = 1,
			  [USAGE_WEB_SEARCHES] = 3,
			  [USAGE_WEB_SEARCHES_MEDIUM] = 1 } },
		{ 0 }, 1000000 + INT64_C(550000000000), 0 },
	{ "a dearer search takes the next lower price",
		ENTRY("\"per_unit\": {\"web_searches\": \"0.01\"}"),
		{ .n = { [USAGE_WEB_SEARCHES_HIGH] = 2 } }, { 0 }, INT64_C(20000000000),
		PRICE_PARENT },
	{ "nothing used", ENTRY("\"per_request\": \"0.5\""), { .n = { 0 } }, { 0 },
		INT64_C(500000000000), 0 },

	/* a cliff: all tokens switch, and cached input counts towards the threshold */
	{ "at the threshold", STEPS, { .n = { [USAGE_IN] = 200, [USAGE_OUT] = 1 } }, { 0 }, 2015,
		0 },
	{ "behind it", STEPS, { .n = { [USAGE_IN] = 201, [USAGE_OUT] = 1 } }, { 0 }, 4050,
		PRICE_TIER },
	{ "cached input counts", STEPS, { .n = { [USAGE_IN] = 101, [USAGE_IN_CACHE_READ] = 100 } },
		{ 0 }, 201 * 20, PRICE_TIER | PRICE_PARENT },
	{ "the second", STEPS, { .n = { [USAGE_IN] = 401, [USAGE_OUT] = 1 } }, { 0 }, 40300,
		PRICE_TIER },
	{ "output does not count", STEPS, { .n = { [USAGE_IN] = 1, [USAGE_OUT] = 100000 } }, { 0 },
		1500010, 0 },

	{ "flex", TIERS, { .n = { [USAGE_IN] = 100, [USAGE_OUT] = 1 } }, { .tier = SERVICE_FLEX },
		510, 0 },
	{ "flex and long", TIERS, { .n = { [USAGE_IN] = 101, [USAGE_OUT] = 1 } },
		{ .tier = SERVICE_FLEX }, 101 * 15 + 20, PRICE_TIER },
	{ "priority", TIERS, { .n = { [USAGE_IN] = 100, [USAGE_OUT] = 1 } },
		{ .tier = SERVICE_PRIORITY }, 2057, 0 },
	{ "priority and long: the dearer of both", TIERS,
		{ .n = { [USAGE_IN] = 101, [USAGE_OUT] = 1 } }, { .tier = SERVICE_PRIORITY },
		101 * 30 + 50 + 7, PRICE_TIER },
	{ "what a batch does not restate", TIERS, { .n = { [USAGE_IN] = 100, [USAGE_OUT] = 1 } },
		{ .tier = SERVICE_BATCH }, 1003, 0 },
	{ "a tier without a price", MINI, { .n = { [USAGE_IN] = 1 } }, { .tier = SERVICE_FLEX },
		150000, PRICE_SERVICE },

	{ "a variant", IMAGES, { .n = { [USAGE_IMAGES] = 2, [USAGE_IN] = 5 } },
		{ .variant = { "hd/1024x1792", 12 } }, INT64_C(240000000005), 0 },
	{ "a variant's own tokens", IMAGES, { .n = { [USAGE_IMAGES] = 1, [USAGE_IN] = 5 } },
		{ .variant = { "low/1024x1024", 13 } }, INT64_C(20000000010), 0 },
	{ "another variant: the dearest", IMAGES, { .n = { [USAGE_IMAGES] = 1 } },
		{ .variant = { "4096x4096", 9 } }, INT64_C(120000000000), PRICE_VARIANT },
	{ "a quality that does not matter", IMAGES, { .n = { [USAGE_IMAGES] = 1 } },
		{ .variant = { "high/1024x1024", 14 } }, INT64_C(40000000000), 0 },
	{ "no variant said: the price of the rest", SIZES, { .n = { [USAGE_IMAGES] = 1 } }, { 0 },
		INT64_C(40000000000), 0 },
	{ "a size of standard quality", SIZES, { .n = { [USAGE_IMAGES] = 1 } },
		{ .variant = { "1024X1792", 9 } }, INT64_C(80000000000), 0 },
	{ "another size costs what the dearest does", SIZES, { .n = { [USAGE_IMAGES] = 1 } },
		{ .variant = { "hd/4096x4096", 12 } }, INT64_C(120000000000), PRICE_VARIANT },
	{ "a variant of something else", SIZES, { .n = { [USAGE_IMAGES] = 1 } },
		{ .variant = { "1080p", 5 } }, INT64_C(40000000000), 0 },
	{ "a resolution", SIZES, { .n = { [USAGE_OUT_SECONDS] = 3 } },
		{ .variant = { "1080P", 5 } }, INT64_C(600000000000), 0 },
	{ "a resolution behind a quality", SIZES, { .n = { [USAGE_OUT_SECONDS] = 3 } },
		{ .variant = { "high/1080p", 10 } }, INT64_C(600000000000), 0 },
	{ "no variant said: the dearest", IMAGES, { .n = { [USAGE_IMAGES] = 1 } }, { 0 },
		INT64_C(120000000000), PRICE_VARIANT },
	{ "tokens do not depend on it", IMAGES, { .n = { [USAGE_IN] = 1 } }, { 0 }, 1, 0 },

	{ "a region's own price", REGIONS, { .n = { [USAGE_IN] = 1, [USAGE_OUT] = 1 } },
		{ .region = { "eu-west-3", 9 } }, 300 + 200 + 5, PRICE_REGION },
	{ "another region", REGIONS, { .n = { [USAGE_IN] = 1 } }, { .region = { "eu-west-1", 9 } },
		101, 0 },
	{ "a tier in a region", REGIONS, { .n = { [USAGE_IN] = 1, [USAGE_OUT] = 1 } },
		{ .tier = SERVICE_FLEX, .region = { "eu-west-3", 9 } }, 300 + 100 + 5,
		PRICE_REGION },
	{ "a tier that the region does not name", REGIONS,
		{ .n = { [USAGE_IN] = 1, [USAGE_OUT] = 1 } },
		{ .tier = SERVICE_BATCH, .region = { "eu-west-3", 9 } }, 40 + 200, 0 },
	{ "a tier without a price, in a region", REGIONS,
		{ .n = { [USAGE_IN] = 1, [USAGE_OUT] = 1 } },
		{ .tier = SERVICE_PRIORITY, .region = { "eu-west-3", 9 } }, 300 + 200 + 5,
		PRICE_REGION | PRICE_SERVICE },
	{ "an uplift, rounded up once", REGIONS, { .n = { [USAGE_IN] = 1, [USAGE_OUT] = 1 } },
		{ .region = { "US", 2 } }, 332, PRICE_REGION }, /* 301 * 1.1 = 331.1 */
	{ "a small uplift", REGIONS, { .n = { [USAGE_OUT] = 10 } }, { .region = { "eu", 2 } }, 2001,
		PRICE_REGION },
	{ "too much", MINI, { .n = { [USAGE_OUT] = INT64_MAX / 600000 + 1 } }, { 0 }, -1, 0 },
	{ "too much once lifted",
		ENTRY("\"per_mtok\": {\"input\": \"0.000001\"}, \"uplift\": {\"us\": "
		      "\"1.1\"}"),
		{ .n = { [USAGE_IN] = INT64_MAX / 11 * 10 + 10 } }, { .region = { "us", 2 } }, -1,
		0 },
};

START_TEST(costs)
{
	const struct price *p = price_of(rows[_i].price);
	pico_usd cost = -7;
	unsigned flags = 99;
	int rc = price_cost(p, &rows[_i].usage, &rows[_i].terms, &cost, &flags);

	if (rows[_i].cost < 0) {
		ck_assert_msg(rc == -1 && cost == -7 && flags == 99, "%s: costs %lld",
			rows[_i].name, (long long)cost);
		return;
	}
	ck_assert_msg(rc == 0 && cost == rows[_i].cost, "%s: %lld, not %lld", rows[_i].name,
		(long long)cost, (long long)rows[_i].cost);
	ck_assert_msg(flags == rows[_i].flags, "%s: flags %u", rows[_i].name, flags);
	ck_assert_int_eq(price_cost(p, &rows[_i].usage, &rows[_i].terms, &cost, NULL), 0);
}
END_TEST

static const struct {
	const char *price;
	struct usage most;
	pico_usd bound; /* -1: none */
} bounds[] = {
	{ MINI, { .n = { [USAGE_IN] = 10, [USAGE_OUT] = 3 } }, 10 * 150000 + 3 * 600000 },
	{ MINI, { .n = { [USAGE_IN_CACHE_READ] = 10 } }, 10 * 150000 },
	{ MINI, { .n = { [USAGE_IMAGES] = 1 } }, -1 },
	{ ENTRY("\"per_mtok\": {\"input\": \"1\"}"), { .n = { [USAGE_OUT] = 1 } }, -1 },
	{ STEPS, { .n = { [USAGE_IN] = 1, [USAGE_OUT] = 1 } }, 100 + 200 },
	{ TIERS, { .n = { [USAGE_IN] = 1, [USAGE_OUT] = 1 } }, 30 + 50 + 7 },
	{ IMAGES, { .n = { [USAGE_IN] = 1, [USAGE_IMAGES] = 1 } }, INT64_C(120000000002) },
	{ REGIONS, { .n = { [USAGE_IN] = 1, [USAGE_OUT] = 1 } }, 556 }, /* (300 + 200 + 5) * 1.1 */
	{ ENTRY("\"per_unit\": {\"web_searches\": \"0.01\", \"web_searches_high\": \"0.03\"}"),
		{ .n = { [USAGE_WEB_SEARCHES] = 1 } }, INT64_C(30000000000) },
	{ ENTRY("\"per_unit\": {\"web_searches\": \"0.01\"}"),
		{ .n = { [USAGE_WEB_SEARCHES_HIGH] = 1 } }, INT64_C(10000000000) },
	{ MINI, { .n = { [USAGE_IN] = UINT64_MAX, [USAGE_IN_AUDIO] = UINT64_MAX } }, -1 },
};

START_TEST(bound)
{
	const struct price *p = price_of(bounds[_i].price);
	pico_usd got = -7;

	ck_assert_int_eq(price_bound(p, &bounds[_i].most, &got), bounds[_i].bound < 0 ? -1 : 0);
	ck_assert_int_eq(got, bounds[_i].bound < 0 ? -7 : bounds[_i].bound);
}
END_TEST

static const struct {
	const char *word;
	int tier; /* -1: none */
	const char *provider;
} words[] = {
	{ "priority", SERVICE_STANDARD, "anthropic" },
	{ "fast", SERVICE_PRIORITY, "anthropic" },
	{ "batch", SERVICE_BATCH, "anthropic" },
	{ "scale", -1, "anthropic" },
	{ "", SERVICE_STANDARD, "openai" },
	{ "default", SERVICE_STANDARD, "openai" },
	{ "Standard", SERVICE_STANDARD, "openai" },
	{ "ON_DEMAND", SERVICE_STANDARD, "openai" },
	{ "auto", SERVICE_STANDARD, "openai" },
	{ "flex", SERVICE_FLEX, "openai" },
	{ "priority", SERVICE_PRIORITY, "openai" },
	{ "fast", SERVICE_PRIORITY, "openai" },
	{ "batch", SERVICE_BATCH, "openai" },
	{ "scale", -1, "openai" },
	{ "prioritys", -1, "openai" },
	{ "flex ", -1, "openai" },
};

START_TEST(words_of_service_tiers)
{
	enum service_tier t = SERVICE__MAX;

	ck_assert_int_eq(service_tier_of(str_z(words[_i].provider), str_z(words[_i].word), &t),
		words[_i].tier < 0 ? -1 : 0);
	ck_assert_uint_eq(t, words[_i].tier < 0 ? SERVICE__MAX : (unsigned)words[_i].tier);
}
END_TEST

START_TEST(a_version_is_of_the_figures)
{
	static const char other[] =
		"{\"format\": \"tollgate-prices/2\", \"prices\": [{\"provider\": \"p\", "
		"\"model\": \"m\", \"aliases\": [\"n\"], \"max_output\": 7, "
		"\"valid_from\": \"2026-01-01\", \"per_mtok\": {\"output\": \"6e-1\", "
		"\"input_cache_read\": \"0.0750\", \"input\": \"0.15\"}, "
		"\"source\": \"elsewhere\", \"date\": \"2026-10-10\"}]}";
	static const char *const different[] = { TIERS, STEPS, IMAGES, REGIONS,
		ENTRY("\"per_mtok\": {\"input\": \"0.15\", \"input_cache_read\": \"0.075\", "
		      "\"output\": "
		      "\"0.600001\"}"),
		ENTRY("\"per_mtok\": {\"input\": \"0.15\", \"input_cache_read\": \"0.075\", "
		      "\"output\": "
		      "\"0.6\"}, \"per_request\": \"free\""),
		ENTRY("\"per_mtok\": {\"input\": \"0.15\", \"input_cache_write\": \"0.075\", "
		      "\"output\": "
		      "\"0.6\"}"),
		ENTRY("\"per_mtok\": {\"input\": \"0.15\", \"input_cache_read\": \"0.075\", "
		      "\"output\": "
		      "\"0.6\"}, \"uplift\": {\"us\": \"1.1\"}"),
		ENTRY("\"per_mtok\": {\"input\": \"0.15\", \"input_cache_read\": \"0.075\", "
		      "\"output\": "
		      "\"0.6\"}, \"uplift\": {\"us\": \"1.2\"}") };
	uint64_t mini = price_version(price_of(MINI)), seen[TG_ARRAY_LEN(different)];

	ck_assert_uint_ne(mini, 0);
	ck_assert_uint_eq(price_version(price_of(other)), mini);
	for (size_t i = 0; i < TG_ARRAY_LEN(different); i++) {
		seen[i] = price_version(price_of(different[i]));
		ck_assert_uint_ne(seen[i], mini);
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_ne(seen[k], seen[i]);
	}
}
END_TEST

/* What has no price is estimated, and nothing else is. */
START_TEST(what_is_missing_is_estimated)
{
	const struct price *p = price_of(MINI), *estimate = pricebook_estimate(book);
	struct usage u = { .n = { [USAGE_IN] = 10, [USAGE_WEB_SEARCHES_HIGH] = 2 } };
	pico_usd cost, most;
	unsigned flags;

	ck_assert_int_eq(price_cost_or_estimate(p, estimate, &u, NULL, &cost, &flags), 0);
	ck_assert_int_eq(cost, 10 * 150000 + INT64_C(100000000000));
	ck_assert_uint_eq(flags, PRICE_ESTIMATED);
	ck_assert_int_eq(price_bound_or_estimate(p, estimate, &u, &most), 0);
	ck_assert_int_eq(most, cost);
	u.n[USAGE_WEB_SEARCHES_HIGH] = 0;
	ck_assert_int_eq(price_cost_or_estimate(p, estimate, &u, NULL, &cost, &flags), 0);
	ck_assert_int_eq(cost, 10 * 150000);
	ck_assert_uint_eq(flags, 0);
	ck_assert_int_eq(price_cost_or_estimate(NULL, estimate, &u, NULL, &cost, &flags), 0);
	ck_assert_int_eq(cost, 10 * PRICEBOOK_ESTIMATE_INPUT);
	ck_assert_uint_eq(flags, PRICE_ESTIMATED);
	p = price_of(ENTRY("\"per_unit\": {\"input_seconds\": \"0.0001\"}"));
	estimate = pricebook_estimate(book);
	u = (struct usage){ .n = { [USAGE_IN] = 10, [USAGE_OUT] = 1, [USAGE_IN_SECONDS] = 1 } };
	ck_assert_int_eq(price_bound(p, &u, &most), -1);
	ck_assert_int_eq(price_bound_or_estimate(p, estimate, &u, &most), 0);
	ck_assert_int_eq(price_cost_or_estimate(p, estimate, &u, NULL, &cost, &flags), 0);
	ck_assert_int_eq(
		cost, 10 * PRICEBOOK_ESTIMATE_INPUT + PRICEBOOK_ESTIMATE_OUTPUT + 100000000);
	ck_assert_int_ge(most, cost);
	u.n[USAGE_IN] = UINT64_MAX;
	ck_assert_int_eq(price_cost_or_estimate(p, estimate, &u, NULL, &cost, &flags), -1);
	ck_assert_int_eq(price_bound_or_estimate(NULL, estimate, &u, &most), -1);
}
END_TEST

START_TEST(buckets_of_a_plain_request)
{
	ck_assert_uint_eq(price_buckets(price_of(MINI)),
		1u << USAGE_IN | 1u << USAGE_IN_CACHE_READ | 1u << USAGE_OUT);
	/* tokens come first: images of the variants are another way to say the same */
	ck_assert_uint_eq(price_buckets(price_of(IMAGES)), 1u << USAGE_IN);
	ck_assert_uint_eq(price_buckets(price_of(ENTRY(
				  "\"variants\": {\"a\": {\"per_unit\": {\"images\": \"1\"}}, "
				  "\"b\": {\"per_unit\": {\"pixels\": \"1\"}}}"))),
		1u << USAGE_IMAGES | 1u << USAGE_PIXELS);
}
END_TEST

START_TEST(the_estimate_prices_every_bucket)
{
	const struct price *p;
	struct usage all = { .n = { 0 } };
	pico_usd cost, most;
	unsigned flags;

	price_of(MINI);
	p = pricebook_estimate(book);
	for (unsigned b = 0; b < USAGE__MAX; b++)
		all.n[b] = 2;
	ck_assert_int_eq(price_cost(p, &all, NULL, &cost, &flags), 0);
	ck_assert_uint_eq(flags, 0);
	ck_assert_int_eq(price_bound(p, &all, &most), 0);
	ck_assert_int_ge(most, cost);
	ck_assert_uint_ne(price_version(p), 0);
	all = (struct usage){ .n = { [USAGE_IN] = 1000000, [USAGE_OUT] = 1000000 } };
	ck_assert_int_eq(price_cost(p, &all, NULL, &cost, NULL), 0);
	ck_assert_int_eq(cost, 180 * PICO_PER_USD);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, costs, 0, (int)TG_ARRAY_LEN(rows));
	tcase_add_loop_test(tc, bound, 0, (int)TG_ARRAY_LEN(bounds));
	tcase_add_loop_test(tc, words_of_service_tiers, 0, (int)TG_ARRAY_LEN(words));
	tcase_add_test(tc, a_version_is_of_the_figures);
	tcase_add_test(tc, what_is_missing_is_estimated);
	tcase_add_test(tc, buckets_of_a_plain_request);
	tcase_add_test(tc, the_estimate_prices_every_bucket);
}

UNIT_MAIN("price_cost", tests)
