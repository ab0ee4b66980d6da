/*
 * check_plan_prices.c: prices in the configuration: they say what an entry of a price file says,
 * come after all files, and what is wrong with one has its place. The estimate for models without a
 * price is the stated one.
 */
#include "unit/core/fake.h"

#include "core/plan_prices.h"

static struct resolver *res;
static struct tg_conf *conf;
static struct conf_error err;

static void setup(void)
{
	res = resolver_new(0);
	ck_assert(res != NULL);
}

static void teardown(void)
{
	if (conf != NULL)
		plan_put(conf);
	resolver_free(res);
}

#define BASE                                                                   \
	"listen: 127.0.0.1:0\n"                                                \
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n" \
	"models: { m: { targets: a } }\n"

static const struct price *find(const char *yaml, const char *model, int64_t day)
{
	conf = fake_plan(res, yaml, 1, &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
	return pricebook_find_at(
		conf->prices, STR("openai"), str_z(model), (wall_us){ day * INT64_C(86400000000) });
}

static pico_usd cost(const struct price *p, struct usage u, struct rate_terms t)
{
	pico_usd v;

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(price_cost(p, &u, &t, &v, NULL), 0);
	return v;
}

START_TEST(over_the_built_in_book)
{
	const struct price *p = find(BASE "price_overrides:\n"
					  "  - { provider: openai, model: gpt-4o-mini, per_mtok: { "
					  "input: 0.1, output: 0.2 } }\n",
		"gpt-4o-mini-2024-07-18", 20000);
	struct usage u = { .n = { [USAGE_IN_CACHE_READ] = 1, [USAGE_OUT] = 1 } };

	ck_assert_int_eq(cost(p, u, (struct rate_terms){ .tier = SERVICE_STANDARD }), 300000);
	UNIT_STR_EQ(p->source, STR("configuration"));
	ck_assert_uint_eq(p->date.n, 10);
	/* the others are there as before */
	ck_assert_ptr_nonnull(pricebook_find(conf->prices, STR("openai"), STR("gpt-4o")));
}
END_TEST

/* Every key that an entry of a file has says the same here: the version is one of all figures. */
START_TEST(an_entry_says_what_one_of_a_file_says)
{
	static const char file[] = "{\"format\": \"tollgate-prices/2\", \"prices\": "
				   "[{\"provider\": \"openai\", \"model\": \"x\", "
				   "\"aliases\": [\"y\"], \"per_mtok\": {\"input\": \"1\", "
				   "\"output\": \"2\"}, \"per_unit\": {\"images\": "
				   "\"0.04\"}, \"per_request\": \"0.001\", \"tiers\": [{\"above\": "
				   "200000, \"per_mtok\": {\"input\": "
				   "\"3\", \"output\": \"4\"}}], \"flex\": {\"per_mtok\": "
				   "{\"input\": \"0.5\"}}, \"priority\": {"
				   "\"per_request\": \"0.002\"}, \"batch\": {\"per_unit\": "
				   "{\"images\": \"0.02\"}, \"tiers\": [{\"above\": "
				   "7, \"per_mtok\": {\"input\": \"8\", \"output\": \"9\"}}]}, "
				   "\"variants\": {\"hd/1024x1792\": {"
				   "\"per_unit\": {\"images\": \"0.08\"}}}, \"regions\": "
				   "{\"eu-west-3\": {\"per_mtok\": {\"input\": "
				   "\"1.2\"}}}, \"uplift\": {\"us\": \"1.1\"}, \"max_input\": 5, "
				   "\"max_output\": 6, \"valid_from\": "
				   "\"2026-09-01\", \"source\": \"t\", \"date\": \"2026-08-01\"}]}";
	const struct price *p =
		find(BASE "price_overrides:\n"
			  "  - provider: openai\n"
			  "    model: x\n"
			  "    aliases: [ y ]\n"
			  "    per_mtok: { input: 1, output: 2 }\n"
			  "    per_unit: { images: 0.04 }\n"
			  "    per_request: 0.001\n"
			  "    tiers: [ { above: 200000, per_mtok: { input: 3, output: 4 } } ]\n"
			  "    flex: { per_mtok: { input: 0.5 } }\n"
			  "    priority: { per_request: 0.002 }\n"
			  "    batch: { per_unit: { images: 0.02 }, tiers: [ { above: 7, per_mtok: "
			  "{ input: 8, output: 9 } } ] }\n"
			  "    variants: { hd/1024x1792: { per_unit: { images: 0.08 } } }\n"
			  "    regions: { eu-west-3: { per_mtok: { input: 1.2 } } }\n"
			  "    uplift: { us: 1.1 }\n"
			  "    max_input: 5\n"
			  "    max_output: 6\n"
			  "    valid_from: 2026-09-01\n",
			"y", 20697);
	struct pricebook *b = pricebook_parse(str_z(file), "t", err.text, sizeof err.text);
	const struct price *want;

	ck_assert_msg(b != NULL, "%s", err.text);
	want = pricebook_find_at(b, STR("openai"), STR("x"), (wall_us){ INT64_MAX });
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(price_version(p), price_version(want));
	ck_assert_uint_eq(price_max_input(p), 5);
	ck_assert_uint_eq(price_max_output(p), 6);
	ck_assert_int_eq(p->valid_from.us, want->valid_from.us);
	pricebook_free(b);
	p = pricebook_find_at(conf->prices, STR("openai"), STR("x"),
		(wall_us){ INT64_C(20696) * INT64_C(86400000000) });
	ck_assert_ptr_null(p);
}
END_TEST

/* A route knows its price until the book has a newer one. */
START_TEST(prices_of_routes)
{
	const struct price *old =
		find(BASE "price_overrides:\n"
			  "  - { provider: openai, model: m, per_mtok: { input: 1 } }\n"
			  "  - { provider: openai, model: m, per_mtok: { input: 2 }, "
			  "valid_from: 2106-02-07 }\n",
			"m", 20000);
	const struct route_target *t = &conf->models[0].route[0];
	wall_us change = conf->priced_until, before = { change.us - 1 };

	ck_assert_int_eq(change.us, INT64_C(49710) * INT64_C(86400000000));
	ck_assert_ptr_eq(t->price, old);
	ck_assert_ptr_eq(plan_route_price(conf, t, before), old);
	ck_assert_ptr_ne(plan_route_price(conf, t, change), old);
	ck_assert_int_eq(plan_route_price(conf, t, change)->valid_from.us, change.us);
	ck_assert_ptr_eq(plan_route_price(conf, t, (wall_us){ 0 }), old);
	ck_assert_int_eq(pricebook_next_change(conf->prices, change).us, INT64_MAX);
}
END_TEST

START_TEST(free_models)
{
	const struct price *p =
		find(BASE "price_overrides: [ { provider: openai, model: local, free: true } ]\n",
			"local", 0);

	ck_assert(p->free);
	ck_assert_int_eq(cost(p, (struct usage){ .n = { [USAGE_IN] = 9 } },
				 (struct rate_terms){ SERVICE_STANDARD, { 0 }, { 0 } }),
		0);
}
END_TEST

START_TEST(the_estimate)
{
	struct usage u = { .n = { [USAGE_IN] = 1, [USAGE_OUT] = 1 } };
	const struct rate_terms plain = { .tier = SERVICE_STANDARD };

	ck_assert_ptr_null(find(BASE, "no-such-model", 20000));
	ck_assert_int_eq(conf->cfg.unpriced.action, UNPRICED_ESTIMATE);
	ck_assert_int_eq(cost(pricebook_estimate(conf->prices), u, plain), 30000000 + 150000000);
	plan_put(conf);
	find(BASE "unpriced: { action: reject, input: 2.0000001 usd, output: 3 usd, request: 0.5 "
		  "usd }\n",
		"no-such-model", 20000);
	ck_assert_int_eq(conf->cfg.unpriced.action, UNPRICED_REJECT);
	ck_assert_int_eq(cost(pricebook_estimate(conf->prices), u, plain),
		2000001 + 3000000 + INT64_C(500000000000));
}
END_TEST

static const struct {
	const char *yaml, *why;
} wrong[] = {
	{ "price_overrides: [ { provider: openai, model: m, per_mtok: { inptu: 1 } } ]\n",
		":4:20: price of openai m: unknown key \"inptu\" in \"per_mtok\"; did you mean "
		"\"input\"?" },
	{ "price_overrides: [ { provider: openai, model: m } ]\n", "has no price" },
	{ "price_overrides: [ { provider: openai, model: m, per_mtok: { input: 0.0000001 } } ]\n",
		"at most 6 fractional digits" },
	{ "price_overrides: [ { provider: openai, model: m, per_mtok: { input: 0 } } ]\n",
		"is written \"free\"" },
	{ "price_overrides: [ { provider: openai, model: m, per_mtok: { input: -1 } } ]\n",
		"is negative" },
	{ "price_overrides: [ { provider: openai, model: m, per_request: 1 usd } ]\n",
		"not a decimal" },
	{ "price_overrides: [ { model: m, per_request: 1 } ]\n", "provider" },
	{ "price_overrides: [ { provider: openai, model: m, per_mtok: { input: 1 }, tiers: [ { "
	  "above: 9 } ] } ]\n",
		"the tier above 9 lacks \"input\"" },
	{ "price_overrides:\n  - { provider: openai, model: m, per_request: 1 }\n"
	  "  - { provider: openai, model: m, per_request: 2 }\n",
		"prices: price_overrides: prices[1] (openai m): \"m\" has a price from the same "
		"day" },
	{ "unpriced: { action: ignore }\n", "estimate" },
	{ "unpriced: { input: 0 usd }\n", "input" },
	{ "prices: [ /nonexistent.json ]\n", "/nonexistent.json: cannot be opened" },
};

START_TEST(refused)
{
	char yaml[1024];

	snprintf(yaml, sizeof yaml, BASE "%s", wrong[_i].yaml);
	conf = fake_plan(res, yaml, 1, &err);
	ck_assert_msg(conf == NULL, "taken: %s", wrong[_i].yaml);
	ck_assert_msg(strstr(err.text, wrong[_i].why) != NULL, "\"%s\" does not say \"%s\"",
		err.text, wrong[_i].why);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, over_the_built_in_book);
	tcase_add_test(tc, an_entry_says_what_one_of_a_file_says);
	tcase_add_test(tc, prices_of_routes);
	tcase_add_test(tc, free_models);
	tcase_add_test(tc, the_estimate);
	tcase_add_loop_test(tc, refused, 0, (int)TG_ARRAY_LEN(wrong));
}

UNIT_MAIN("plan_prices", tests)
