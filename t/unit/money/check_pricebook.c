/* pricebook.c and pricebook_json.c: finding by name and day, merging files, and every refused file.
 */
#include "unit/unit.h"
#include "money/pricebook.h"

#include <stdio.h>
#include <unistd.h>

#define ORIGIN        ", \"source\": \"test\", \"date\": \"2026-08-01\"}"
#define BOOK(entries) "{\"format\": \"tollgate-prices/2\", \"prices\": [" entries "]}"
#define MODEL(name, input)                                                                       \
	"{\"provider\": \"openai\", \"model\": \"" name "\", \"per_mtok\": {\"input\": \"" input \
	"\"}" ORIGIN

#define DAY_US INT64_C(86400000000)

static char err[512];

/* What is stated for bucket b of the plain price; -1: nothing. */
static pico_usd rate(const struct price *p, enum usage_bucket b)
{
	pico_usd v;

	return price_rate(&p->plan[SERVICE_STANDARD]->rates, b, &v) ? v : -1;
}

static struct pricebook *parse(const char *json)
{
	struct pricebook *b = pricebook_parse(str_z(json), "t.json", err, sizeof err);

	ck_assert_msg(b != NULL, "refused: %s", err);
	return b;
}

/* Input price of a model at a day given in days since 1970; -1: not found. */
static pico_usd input_at(
	const struct pricebook *b, const char *provider, const char *model, int64_t day)
{
	const struct price *p =
		pricebook_find_at(b, str_z(provider), str_z(model), (wall_us){ day * DAY_US });

	return p != NULL ? rate(p, USAGE_IN) : -1;
}

START_TEST(all_fields)
{
	struct pricebook *b =
		parse(BOOK("{\"provider\": \"openai\", \"model\": \"m\", \"aliases\": "
			   "[\"m-latest\", \"other\"],"
			   "\"per_mtok\": {\"input\": \"0.15\", \"input_cache_read\": \"0.075\", "
			   "\"output\": \"0.60\","
			   "\"output_audio\": \"free\"}, \"per_request\": \"0.001\", "
			   "\"per_unit\": {\"web_searches\": \"0.01\"}, \"max_input\": 128000, "
			   "\"max_output\": 16384, \"tiers\":"
			   "[{\"above\": 200000, \"per_mtok\": {\"input\": \"0.3\", "
			   "\"input_cache_read\": \"0.15\","
			   "\"output\": \"0.9\", \"output_audio\": \"0.000001\"}}]" ORIGIN));
	const struct price *p = pricebook_find(b, STR("openai"), STR("m"));
	const struct price_plan *plan;
	pico_usd v;

	ck_assert_ptr_nonnull(p);
	plan = p->plan[SERVICE_STANDARD];
	ck_assert_int_eq(rate(p, USAGE_IN), 150000);
	ck_assert_int_eq(rate(p, USAGE_IN_CACHE_READ), 75000);
	ck_assert_int_eq(rate(p, USAGE_OUT), 600000);
	ck_assert_int_eq(rate(p, USAGE_OUT_AUDIO), 0);
	ck_assert_int_eq(rate(p, USAGE_OUT_IMAGE), -1);
	ck_assert(!p->free && plan->has_request && plan->per_request == 1000000000);
	ck_assert_int_eq(rate(p, USAGE_WEB_SEARCHES), 10000000000);
	ck_assert_uint_eq(plan->n_steps, 1);
	ck_assert_uint_eq(plan->steps[0].above, 200000);
	ck_assert(price_rate(&plan->steps[0].rates, USAGE_OUT_AUDIO, &v) && v == 1);
	ck_assert_uint_eq(price_max_input(p), 128000);
	ck_assert_uint_eq(price_max_output(p), 16384);
	UNIT_STR_EQ(p->source, STR("test"));
	UNIT_STR_EQ(p->date, STR("2026-08-01"));
	ck_assert_ptr_eq(pricebook_find(b, STR("openai"), STR("other")), p);
	ck_assert_ptr_null(pricebook_find(b, STR("anthropic"), STR("m")));
	ck_assert_uint_eq(pricebook_size(b), 1);
	ck_assert_ptr_eq(pricebook_at(b, 0), p);
	pricebook_free(b);
}
END_TEST

START_TEST(free_is_free_in_every_bucket)
{
	struct pricebook *b =
		parse(BOOK("{\"provider\": \"openai\", \"model\": \"mod\", \"free\": true" ORIGIN));
	const struct price *p = pricebook_find(b, STR("openai"), STR("mod"));
	struct usage u = { .n = { 0 } };
	pico_usd cost = -7;
	unsigned flags;

	for (unsigned i = 0; i < USAGE_WEB_SEARCHES; i++)
		u.n[i] = UINT64_MAX;
	ck_assert_int_eq(price_cost(p, &u, NULL, &cost, &flags), 0);
	ck_assert_int_eq(cost, 0);
	ck_assert_uint_eq(flags, 0);
	ck_assert_int_eq(price_bound(p, &u, &cost), 0);
	ck_assert_int_eq(cost, 0);
	/* what a provider's tools cost besides is not the model's to give away */
	u.n[USAGE_WEB_SEARCHES] = 1;
	ck_assert_int_eq(price_cost(p, &u, NULL, &cost, &flags), -1);
	pricebook_free(b);
}
END_TEST

static const struct {
	const char *model;
	pico_usd input; /* -1: unknown */
} finds[] = {
	{ "gpt-4o", 1000000 },
	{ "gpt-4o-2024-11-20", 1000000 },
	{ "gpt-4o-2024-05-13", 5000000 }, /* an entry of its own comes first */
	{ "gpt-4o-20241120", 1000000 },
	{ "gpt-4o@20241120", 1000000 },
	{ "gpt-4o-mini", -1 }, /* no prefixes: another model */
	{ "gpt-4", -1 },
	{ "gpt-4o-", -1 },
	{ "gpt-4o-1999-11-20", -1 },
	{ "gpt-4o-2024-1-20", -1 },
	{ "gpt-4o-2024x11x20", -1 },
	{ "gpt-4o-0613", -1 },
	{ "gpt-4o-2024-11-20-2024-11-20", -1 },
	{ "GPT-4O", -1 },
	{ "", -1 },
	{ "-2024-11-20", -1 },
	{ "ft:gpt-4o", 7000000 },
	{ "ft:gpt-4o:acme::abc", 7000000 },
	{ "ft:gpt-4o-2024-08-06:acme:name:abc", 7000000 },
	{ "ft:other:acme::abc", -1 },
	{ "ft:", -1 },
};

START_TEST(finding)
{
	struct pricebook *b = parse(BOOK(MODEL("gpt-4o", "1") "," MODEL(
		"gpt-4o-2024-05-13", "5") "," MODEL("ft:gpt-4o", "7")));

	ck_assert_int_eq(input_at(b, "openai", finds[_i].model, 20000), finds[_i].input);
	pricebook_free(b);
}
END_TEST

START_TEST(names_too_long_to_be_known)
{
	struct pricebook *b = parse(BOOK(MODEL("m", "1")));
	static char name[100000];

	memset(name, 'm', sizeof name - 1);
	ck_assert_int_eq(input_at(b, "openai", name, 0), -1);
	ck_assert_int_eq(input_at(b, name, "m", 0), -1);
	pricebook_free(b);
}
END_TEST

#define STEP(day, input)                                                      \
	"{\"provider\": \"openai\", \"model\": \"m\", \"valid_from\": \"" day \
	"\", \"per_mtok\": {\"input\": \"" input "\"}" ORIGIN

START_TEST(versions_by_day)
{
	/* not in order in the file; 2026-09-01 is day 20697, 2024-02-29 day 19782 */
	struct pricebook *b = parse(
		BOOK(STEP("2026-09-01", "3") "," MODEL("m", "1") "," STEP("2024-02-29", "2")));

	ck_assert_int_eq(input_at(b, "openai", "m", 0), 1000000);
	ck_assert_int_eq(input_at(b, "openai", "m", 19781), 1000000);
	ck_assert_int_eq(input_at(b, "openai", "m", 19782), 2000000);
	ck_assert_int_eq(input_at(b, "openai", "m", 20696), 2000000);
	ck_assert_int_eq(input_at(b, "openai", "m", 20697), 3000000);
	ck_assert_uint_eq(pricebook_size(b), 3);
	pricebook_free(b);
	b = parse(BOOK(STEP("2026-09-01", "3")));
	ck_assert_int_eq(input_at(b, "openai", "m", 20696), -1);
	pricebook_free(b);
}
END_TEST

static void write_file(char path[32], const char *text)
{
	int fd;

	strcpy(path, "/tmp/tg-prices-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

START_TEST(a_later_file_wins)
{
	char one[32], two[32];
	const char *paths[] = { one, two };
	struct pricebook *b;

	write_file(one, BOOK(MODEL("m", "1") "," STEP("2026-09-01", "2") "," MODEL("kept",
				"4") ","
				     "{\"provider\": \"openai\", \"model\": \"x\", \"aliases\": "
				     "[\"y\"], \"per_mtok\": {\"input\": \"8\"}" ORIGIN
				     "," MODEL("d-2026-01-02", "5") "," MODEL("e", "3")));
	write_file(two, BOOK(MODEL("m", "9") "," MODEL("y", "7") "," MODEL("d", "6") "," MODEL(
				"e-2026-01-02", "2")));
	b = pricebook_load(paths, 2, err, sizeof err);
	ck_assert_msg(b != NULL, "refused: %s", err);
	/* all versions of the earlier file are gone, not only the one from the same day */
	ck_assert_int_eq(input_at(b, "openai", "m", 20800), 9000000);
	ck_assert_int_eq(input_at(b, "openai", "m", 0), 9000000);
	ck_assert_int_eq(input_at(b, "openai", "kept", 0), 4000000);
	ck_assert_int_eq(input_at(b, "openai", "x", 0), 8000000);
	ck_assert_int_eq(input_at(b, "openai", "y", 0), 7000000);
	/* providers answer with dated names: what is said of the undated one must reach them */
	ck_assert_int_eq(input_at(b, "openai", "d-2026-01-02", 0), 6000000);
	ck_assert_int_eq(input_at(b, "openai", "e", 0), 3000000);
	ck_assert_int_eq(input_at(b, "openai", "e-2026-01-02", 0), 2000000);
	ck_assert_int_eq(input_at(b, "openai", "e-2026-02-02", 0), 3000000);
	ck_assert_uint_eq(pricebook_size(b), 8);
	pricebook_free(b);
	unlink(two);
	b = pricebook_load(paths, 2, err, sizeof err);
	ck_assert_ptr_null(b);
	ck_assert_msg(strstr(err, two) != NULL && strstr(err, "No such file") != NULL, "%s", err);
	unlink(one);
}
END_TEST

START_TEST(the_built_in_book)
{
	struct pricebook *b = pricebook_load(NULL, 0, err, sizeof err);
	const struct price *p;

	ck_assert_msg(b != NULL, "refused: %s", err);
	p = pricebook_find(b, STR("openai"), STR("gpt-4o-mini-2024-07-18"));
	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(rate(p, USAGE_IN), 150000);
	ck_assert_int_eq(rate(p, USAGE_OUT), 600000);
	pricebook_free(b);
}
END_TEST

#define PRICED(what) BOOK("{\"provider\": \"openai\", \"model\": \"m\", " what ORIGIN)
#define CAPABLE(what)                                                                             \
	"{\"format\": \"tollgate-prices/3\", \"prices\": [{\"provider\": \"openai\", \"model\": " \
	"\"m\", \"per_mtok\": {\"input\": \"1\"}, \"capabilities\": " what ORIGIN "]}"
#define MTOK(text) PRICED("\"per_mtok\": {\"input\": " text "}")

static const struct {
	const char *json, *why; /* part of the message */
} refused[] = {
	{ "", "t.json:1:0:" },
	{ "[]", "t.json:1:0: '{' expected" },
	{ "{}", "\"format\" must come first" },
	{ "{\"prices\": [], \"format\": \"tollgate-prices/2\"}", "\"format\" must come first" },
	{ "{\"format\": 2}", "\"format\" is no text" },
	{ "{\"format\": \"tollgate-prices/2\" \"prices\": []}",
		"t.json:1:31: ',' or '}' expected" },
	{ "{\"format\": \"tollgate-prices/2\", \"prices\": {}}", "\"prices\" is not a list" },
	{ "{\"format\": \"tollgate-prices/2\", \"prices\": [],\n\"pries\": []}",
		"did you mean \"prices\"?" },
	{ "{\"format\": \"tollgate-prices/2\", \"prices\": [],\n 1: []}", "t.json:2:" },
	{ "{\"format\": \"tollgate-prices/2\", \"prices\": [\n\n]",
		"t.json:3:1: ',' or '}' expected" },
	{ "{\"format\": \"tollgate-prices/9\", \"prices\": []}",
		"\"format\" is tollgate-prices/9" },
	{ "{\"gpt-4o\": {}}", "tgctl prices import litellm" },
	{ "{\"format\": \"tollgate-prices/2\"}", "needs \"prices\"" },
	{ "{\"format\": \"tollgate-prices/2\", \"currency\": \"EUR\", \"prices\": []}",
		"\"currency\"" },
	{ "{\"format\": \"tollgate-prices/2\", \"prices\": [], \"prices\": []}", "duplicate" },
	{ BOOK("") "x", "t.json:1:" },
	{ BOOK("1"), "prices[0]: is not an object" },
	{ BOOK(MODEL("a", "1") ", {}"), "prices[1]: needs \"provider\"" },
	{ BOOK("{\"provider\": \"openai\", \"model\": \"\"}"), "needs \"model\"" },
	{ BOOK("{\"provider\": \"open/ai\", \"model\": \"m\"}"),
		"\"provider\" is a provider's name" },
	{ MTOK("0.15"), "is a JSON number; write it as a string" },
	{ MTOK("1"), "is a JSON number" },
	{ MTOK("null"), "not a string" },
	{ MTOK("\"\""), "not a decimal" },
	{ MTOK("\"0.1x\""), "(openai m): input: \"0.1x\" is not a decimal" },
	{ MTOK("\"0.0000001\""), "at most 6 fractional digits" },
	{ MTOK("\"-1\""), "is negative" },
	{ MTOK("\"0\""), "is written \"free\"" },
	{ MTOK("\"0.00\""), "is written \"free\"" },
	{ MTOK("\"99999999999999\""), "not a decimal" },
	{ PRICED("\"per_mtok\": {\"inptu\": \"1\"}"), "did you mean \"input\"?" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"modle\": 1"), "did you mean \"model\"?" },
	{ PRICED("\"per_mtok\": []"), "not an object of prices by bucket" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"capabilities\": {\"vision\": true}"),
		"are of format tollgate-prices/3, and this file says tollgate-prices/2" },
	{ CAPABLE("{\"visoin\": true}"), "did you mean \"vision\"?" },
	{ CAPABLE("{\"vision\": \"true\"}"), "\"vision\" is true or false" },
	{ CAPABLE("{}"), "is not an object such as" },
	{ CAPABLE("[]"), "is not an object such as" },
	{ PRICED("\"per_unit\": {}"), "has no price" },
	{ PRICED("\"per_unit\": {\"web_search\": \"1\"}"), "did you mean \"web_searches\"?" },
	{ PRICED("\"per_unit\": {\"input\": \"1\"}"), "unknown key \"input\" in \"per_unit\"" },
	{ PRICED("\"per_unit\": {\"images\": \"0.0000000000001\"}"),
		"at most 12 fractional digits" },
	{ PRICED("\"flex\": {\"per_mtok\": {\"input\": \"1\"}}"), "has no price" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"flex\": {}"), "\"flex\" is not an object" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"flex\": {\"per_mtk\": {}}"),
		"unknown key \"per_mtk\" in \"flex\"; did you mean \"per_mtok\"?" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"batch\": {\"per_mtok\": {\"output\": "
		 "\"1\"}, \"tiers\": [{\"above\": 9, \"per_mtok\": {\"input\": \"1\"}}]}"),
		"the tier above 9 lacks \"output\"" },
	{ PRICED("\"variants\": {}"), "\"variants\" is not an object of 1 to" },
	{ PRICED("\"variants\": {\"hd\": {}}"), "\"variants\" is not an object of prices" },
	{ PRICED("\"variants\": {\"hd\": {\"tiers\": []}}"),
		"unknown key \"tiers\" in \"variants\"" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"regions\": []"), "\"regions\" is not" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"uplift\": {\"eu\": 1.1}"),
		"\"uplift\" of \"eu\" is not a factor" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"uplift\": {\"eu\": \"0.9\"}"),
		"\"uplift\" of \"eu\" is not a factor" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"uplift\": {\"eu\": \"1.00001\"}"),
		"\"uplift\" of \"eu\" is not a factor" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"max_output\": \"9\""),
		"\"max_output\" is not a number of tokens" },
	{ PRICED("\"free\": true, \"variants\": {\"a\": {\"per_request\": \"1\"}}"),
		"exclude each other" },
	{ PRICED("\"free\": false"), "\"free\" can only be true" },
	{ PRICED("\"free\": true, \"per_mtok\": {}"), "exclude each other" },
	{ PRICED("\"per_mtok\": {}, \"per_request\": \"0.0000000000001\""),
		"at most 12 fractional digits" },
	{ PRICED("\"per_mtok\": {}, \"tiers\": {}"), "not a list of 1 to" },
	{ PRICED("\"per_mtok\": {}, \"tiers\": []"), "not a list of 1 to" },
	{ PRICED("\"per_mtok\": {}, \"tiers\": [1]"), "not an object" },
	{ PRICED("\"per_mtok\": {}, \"tiers\": [{\"per_mtok\": {}}]"), "needs \"above\"" },
	{ PRICED("\"per_mtok\": {}, \"tiers\": [{\"above\": 0, \"per_mtok\": {}}]"),
		"needs \"above\"" },
	{ PRICED("\"per_mtok\": {}, \"tiers\": [{\"above\": 1.5, \"per_mtok\": {}}]"),
		"needs \"above\"" },
	{ PRICED("\"per_mtok\": {}, \"tiers\": [{\"above\": 9, \"per_mtok\": {}}, {\"above\": 9, "
		 "\"per_mtok\": {}}]"),
		"ascending" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\", \"output\": \"2\"}, \"tiers\": [{\"above\": 9, "
		 "\"per_mtok\":"
		 "{\"input\": \"2\"}}]"),
		"the tier above 9 lacks \"output\"" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"valid_from\": \"2026-02-29\""),
		"\"valid_from\"" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"valid_from\": 20260201"),
		"needs \"valid_from\"" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"aliases\": \"x\""),
		"\"aliases\" is not a list" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"aliases\": [1]"), "not a model name" },
	{ PRICED("\"per_mtok\": {\"input\": \"1\"}, \"aliases\": [\"m\"]"),
		"\"m\" has a price from the same day" },
	{ BOOK(MODEL("m", "1") "," MODEL("m", "1")), "prices[1] (openai m): \"m\" has a price" },
	{ BOOK("{\"provider\": \"openai\", \"model\": \"m\", \"free\": true}"),
		"needs \"source\"" },
	{ BOOK("{\"provider\": \"openai\", \"model\": \"m\", \"free\": true, \"source\": \"s\"}"),
		"needs \"date\"" },
	{ BOOK("{\"provider\": \"openai\", \"model\": \"m\", \"free\": true, \"source\": \"s\", "
	       "\"date\": \"1.8.2026\"}"),
		"\"date\": \"1.8.2026\"" },
};

START_TEST(refuses)
{
	struct pricebook *b = pricebook_parse(str_z(refused[_i].json), "t.json", err, sizeof err);

	ck_assert_msg(b == NULL, "taken: %s", refused[_i].json);
	ck_assert_msg(strncmp(err, "t.json", 6) == 0 && strstr(err, refused[_i].why) != NULL,
		"the message \"%s\" does not say \"%s\"", err, refused[_i].why);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, all_fields);
	tcase_add_test(tc, free_is_free_in_every_bucket);
	tcase_add_loop_test(tc, finding, 0, (int)TG_ARRAY_LEN(finds));
	tcase_add_test(tc, names_too_long_to_be_known);
	tcase_add_test(tc, versions_by_day);
	tcase_add_test(tc, a_later_file_wins);
	tcase_add_test(tc, the_built_in_book);
	tcase_add_loop_test(tc, refuses, 0, (int)TG_ARRAY_LEN(refused));
}

UNIT_MAIN("pricebook", tests)
