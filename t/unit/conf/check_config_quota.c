/*
 * check_config_quota.c: what the configuration says about limits: every dimension in every scope,
 * budgets and what they match, defaults, and what is wrong with its place.
 */
#include "unit/conf/tables.h"

#include <jansson.h>

#include "base/log.h"

#define LISTEN "listen: 127.0.0.1:0\n"
#define SHA    "da0c916dc50a298a6f3e26826c119601701640c14d1013c544afbce1ececa0fc"

static void setup(void)
{
	arena_init(&arena, NULL, 0);
	memset(&err, 0, sizeof err);
	log_threshold = LOG_L_ERROR;
}

static void teardown(void)
{
	arena_fini(&arena);
}

/* ---- what is taken */

/* One of each dimension, and what it is then. */
#define ALL                                                                                    \
	"{ cost: [ 50 usd/day, 0.000000001 usd/month@15 ], tokens: 100000/min, input_tokens: " \
	"7/s, output_tokens: 9/hour, requests: [ 600/m, 1000/day, 24/24h ], generations: "     \
	"100/30d, concurrency: 200 }"
static const struct quota_limit all[] = {
	{ QUOTA_COST, QUOTA_STOCK, INT64_C(50000000000), { PERIOD_DAY, 0, 0 }, 0 },
	{ QUOTA_COST, QUOTA_STOCK, 1, { PERIOD_MONTH, 15, 0 }, 0 },
	{ QUOTA_TOKENS, QUOTA_RATE, 100000, { 0, 0, 0 }, 60 },
	{ QUOTA_INPUT_TOKENS, QUOTA_RATE, 7, { 0, 0, 0 }, 1 },
	{ QUOTA_OUTPUT_TOKENS, QUOTA_RATE, 9, { 0, 0, 0 }, 3600 },
	{ QUOTA_REQUESTS, QUOTA_RATE, 600, { 0, 0, 0 }, 60 },
	{ QUOTA_REQUESTS, QUOTA_STOCK, 1000, { PERIOD_DAY, 0, 0 }, 0 },
	{ QUOTA_REQUESTS, QUOTA_ROLLING, 24, { PERIOD_ROLLING_HOURS, 0, 24 }, 0 },
	{ QUOTA_GENERATIONS, QUOTA_ROLLING, 100, { PERIOD_ROLLING_DAYS, 0, 30 }, 0 },
	{ QUOTA_CONCURRENCY, QUOTA_GAUGE, 200, { 0, 0, 0 }, 0 },
};

static void same_limits(const char *scope, const struct cfg_quota *q)
{
	ck_assert_msg(q->n == TG_ARRAY_LEN(all), "%s: %u", scope, q->n);
	for (size_t i = 0; i < TG_ARRAY_LEN(all); i++) {
		const struct quota_limit *a = &all[i], *b = &q->limit[i];

		ck_assert_msg(a->dim == b->dim && a->kind == b->kind && a->amount == b->amount &&
				      a->rate_s == b->rate_s && a->period.unit == b->period.unit &&
				      a->period.anchor == b->period.anchor &&
				      a->period.n == b->period.n,
			"%s: limit %zu", scope, i);
	}
}

static const char everywhere[] = LISTEN
	"tiers: { gold: { limits: " ALL ", pool: { limits: " ALL ", timezone: Asia/Tokyo } } }\n"
	"orgs: { acme: { limits: " ALL ", timezone: Europe/Berlin } }\n"
	"tenants:\n"
	"  me:\n"
	"    org: acme\n"
	"    tier: gold\n"
	"    timezone: America/Los_Angeles\n"
	"    limits: " ALL "\n"
	"    keys: [ { id: k, sha256: " SHA ", limits: " ALL " } ]\n"
	"budgets:\n"
	"  - name: all\n"
	"    match: { tag.team: research, tenant: me, org: acme, tier: gold, key: k }\n"
	"    timezone: Asia/Tokyo\n"
	"    limits: " ALL "\n";

START_TEST(every_dimension_in_every_scope)
{
	const struct cfg_tier *tier;
	const struct cfg_org *org;
	const struct cfg_tenant *tenant;
	const struct cfg_key *key;
	const struct cfg_budget *budget;
	bool seen[QUOTA_DIM__MAX] = { false };

	ck_assert_msg(load(everywhere) == 0, "%s", err.text);
	tier = config.tiers.v;
	org = config.orgs.v;
	tenant = config.tenants.v;
	key = tenant->keys.v;
	budget = config.budgets.v;
	same_limits("tier", &tier->limits);
	same_limits("pool", &tier->pool.limits);
	UNIT_STR_EQ(tier->pool.timezone, STR("Asia/Tokyo"));
	same_limits("org", &org->limits);
	same_limits("tenant", &tenant->limits);
	same_limits("key", &key->limits);
	same_limits("budget", &budget->limits);
	UNIT_STR_EQ(org->timezone, STR("Europe/Berlin"));
	UNIT_STR_EQ(tenant->timezone, STR("America/Los_Angeles"));
	UNIT_STR_EQ(budget->timezone, STR("Asia/Tokyo"));
	UNIT_STR_EQ(budget->name, STR("all"));
	ck_assert_uint_eq(budget->match.n, 5);
	UNIT_STR_EQ(budget->match.v[0].name, STR("tag.team"));
	UNIT_STR_EQ(budget->match.v[0].value, STR("research"));
	/* a dimension that comes to be is to be in the list above */
	for (size_t i = 0; i < TG_ARRAY_LEN(all); i++)
		seen[all[i].dim] = true;
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		ck_assert_msg(seen[d], "%s", quota_dim_name((enum quota_dim)d));
}
END_TEST

START_TEST(defaults)
{
	const struct cfg_org *org;
	const struct cfg_tenant *tenant;
	const struct cfg_key *key;
	const struct cfg_budget *budget;

	ck_assert_msg(load(LISTEN "tiers: { gold: }\norgs: { acme: }\n"
				  "tenants: { me: { keys: [ { id: k, sha256: " SHA " } ] } }\n"
				  "budgets: [ { name: b }, { name: c, limits: {} } ]\n") == 0,
		"%s", err.text);
	org = config.orgs.v;
	tenant = config.tenants.v;
	key = tenant->keys.v;
	budget = config.budgets.v;
	ck_assert_uint_eq(((const struct cfg_tier *)config.tiers.v)->limits.n, 0);
	ck_assert_uint_eq(org->limits.n, 0);
	ck_assert_uint_eq(tenant->limits.n, 0);
	ck_assert_uint_eq(key->limits.n, 0);
	ck_assert_uint_eq(budget[0].limits.n, 0);
	ck_assert_uint_eq(budget[1].limits.n, 0);
	ck_assert_uint_eq(budget[0].match.n, 0);
	UNIT_STR_EQ(org->timezone, STR("UTC"));
	UNIT_STR_EQ(budget[0].timezone, STR("UTC"));
	ck_assert_uint_eq(tenant->timezone.n, 0); /* its org's */
	ck_assert_int_eq(load(LISTEN), 0);
	ck_assert_uint_eq(config.budgets.n, 0);
}
END_TEST

/* 16 in a scope, however they are spread over dimensions. */
static void many(char *out, size_t cap, unsigned tokens, unsigned requests)
{
	size_t at = (size_t)snprintf(out, cap, LISTEN "tenants:\n  me:\n    limits:\n");
	const struct {
		const char *dim;
		unsigned n;
	} rows[] = { { "tokens", tokens }, { "requests", requests } };

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		at += (size_t)snprintf(out + at, cap - at, "      %s: [ ", rows[i].dim);
		for (unsigned k = 0; k < rows[i].n; k++)
			at += (size_t)snprintf(
				out + at, cap - at, "%s%u/%ud", k > 0 ? ", " : "", k + 1, k + 1);
		at += (size_t)snprintf(out + at, cap - at, " ]\n");
	}
}

START_TEST(as_many_as_there_may_be)
{
	char yaml[2048];

	many(yaml, sizeof yaml, 9, 7);
	ck_assert_msg(load(yaml) == 0, "%s", err.text);
	ck_assert_uint_eq(((const struct cfg_tenant *)config.tenants.v)->limits.n, 16);
	many(yaml, sizeof yaml, 9, 8);
	ck_assert_int_eq(load(yaml), -1);
	ck_assert_str_eq(err.text, "t.yaml:5:7: 17 limits; at most 16 are possible here");
}
END_TEST

/* ---- what is wrong */

#define TIER(limits)   LISTEN "tiers: { t: { limits: { " limits " } } }\n"
#define BUDGET(inside) LISTEN "budgets:\n  - { name: b, " inside " }\n"
static const struct {
	const char *yaml, *error;
} wrong[] = {
	/* limits */
	{ TIER("requests: 600"),
		"t.yaml:2:35: `600` says no period: a limit of requests is such as `600/min`, "
		"`1000/day`, `100/30d`" },
	{ TIER("requests: 600/fortnight"),
		"t.yaml:2:35: `600/fortnight`: `fortnight` is no period; there are s, min, hour, "
		"day, week, month, quarter, year, lifetime, and windows such as 24h or 30d" },
	{ TIER("requests: [ 600/min, 5/moth ]"),
		"t.yaml:2:46: `5/moth`: `moth` is no period; there are s, min, hour, day, week, "
		"month, quarter, year, lifetime, and windows such as 24h or 30d; did you mean "
		"`month`?" },
	{ TIER("cost: 50/day"),
		"t.yaml:2:31: `50/day`: an amount of money says its currency: `50 usd`, as in "
		"`50 usd/day`, `1000 usd/month`, `10 usd/24h`" },
	{ TIER("cost: 50 eur/day"), "t.yaml:2:31: `50 eur/day`: an amount of money says its " },
	{ TIER("cost: 50 usd/min"),
		"t.yaml:2:31: `50 usd/min`: cost has no rate a second or minute (requests and "
		"tokens have): write `50 usd/day`, `1000 usd/month`, `10 usd/24h`" },
	{ TIER("tokens: -5/day"), "t.yaml:2:33: `-5/day`: `-5` is no whole number" },
	{ TIER("tokens: 1.5/day"), "t.yaml:2:33: `1.5/day`: `1.5` is no whole number" },
	{ TIER("tokens: 100/93d"),
		"t.yaml:2:33: `100/93d`: a rolling window has 1 to 92 hours or days" },
	{ TIER("concurrency: 5/s"),
		"t.yaml:2:38: `5/s`: concurrency is how many requests at a time, without a "
		"period: write `200`" },
	{ TIER("generations: 9 usd/day"),
		"t.yaml:2:38: `9 usd/day`: generations are counted, not paid: write `100/day`" },
	{ TIER("request: 5/day"),
		"t.yaml:2:25: unknown directive `request` in the scope limits block; did you mean "
		"`requests`?" },
	{ TIER("colour: 5/day"),
		"t.yaml:2:25: unknown directive `colour` in the scope limits block" },
	{ LISTEN "orgs: { o: { limits: { requests: 1 } } }\n", "t.yaml:2:34: `1` says no period" },
	{ LISTEN "tenants: { a: { limits: { requests: 1 } } }\n",
		"t.yaml:2:37: `1` says no period" },
	{ LISTEN "tenants:\n  a: { keys: [ { id: k, sha256: " SHA ", limits: { cost: 1 } } ] }\n",
		"t.yaml:3:115: `1` says no period: a limit of cost is such as `50 usd/day`" },
	{ LISTEN "tiers: { t: { limits: 5/day } }\n", "t.yaml:2:23: " },
/* increases */
#define MORE(inside) BUDGET("limits: { requests: 1/day }, increases: [ { " inside " } ]")
	{ MORE("limit: 5/day, dimension: requests"),
		"t.yaml:3:58: `until` is missing in the increase block" },
	{ MORE("limit: 5/day, until: 2026-12-24, dimension: request"),
		"t.yaml:3:104: `request` is no dimension; it is one of those of `limits`, such as "
		"cost; did you mean `requests`?" },
	{ MORE("limit: 5/dy, until: 2026-12-24, dimension: requests"), "t.yaml:3:67: `5/dy`: " },
	{ MORE("limit: 5/day, until: 2026-02-30, dimension: requests"),
		"t.yaml:3:81: `2026-02-30` is no date such as 2027-01-31" },
	{ LISTEN "tiers: { t: { pool: { timezone: Mars } } }\n", "t.yaml:2:33: " },
	/* time zones */
	{ LISTEN "orgs: { o: { timezone: Europe/Berln } }\n", "t.yaml:2:24: " },
	{ LISTEN "tenants: { a: { timezone: ../etc/passwd } }\n", "t.yaml:2:27: " },
	{ BUDGET("timezone: CEST"), "t.yaml:3:26: " },
	/* budgets */
	{ LISTEN "budgets: [ { limits: { requests: 1/day } } ]\n",
		"t.yaml:2:12: `name` is missing in the budget block: Name of the budget in "
		"answers, logs and reports." },
	{ LISTEN "budgets:\n  - { name: a }\n  - { name: b }\n  - { name: a }\n",
		"t.yaml:5:13: duplicate budget `a`; first given at t.yaml:3:13" },
	{ LISTEN "tiers: { t: { limits: { requests: [ 5/day, 60/m, 60/min ] } } }\n",
		"t.yaml:2:50: there is a limit of that period already: `60/min`; one of them can "
		"hold" },
	{ LISTEN "budgets: [ { name: a/b } ]\n",
		"t.yaml:2:20: the name of a budget has letters, digits and . _ : @ - in it, not "
		"`a/b`" },
	{ BUDGET("match: { tenat: me }"),
		"t.yaml:3:25: `tenat` cannot be matched; it is `tag.NAME`, or one of tenant, org, "
		"tier, key, model, target; did you mean `tenant`?" },
	{ BUDGET("match: { tag.: me }"), "t.yaml:3:25: `tag.` cannot be matched" },
	{ BUDGET("match: { tag.a: x, colour: red }"),
		"t.yaml:3:35: `colour` cannot be matched; it is `tag.NAME`, or one of tenant, org, "
		"tier, key, model, target" },
	{ BUDGET("limits: { requests: 1 }"), "t.yaml:3:36: `1` says no period" },
	/* what nobody could be is no limit */
	{ LISTEN "tenants: { acme: }\nbudgets:\n  - { name: b, match: { tenant: acne } }\n",
		"t.yaml:4:25: there is no tenant `acne`; did you mean `acme`?" },
	{ LISTEN "orgs: { acme: }\nbudgets:\n  - { name: b, match: { org: zzzzzz } }\n",
		"t.yaml:4:25: there is no org `zzzzzz`; define it under `orgs`" },
	{ LISTEN "tiers: { gold: }\nbudgets:\n  - { name: b, match: { tier: golf } }\n",
		"t.yaml:4:25: there is no tier `golf`; did you mean `gold`?" },
	{ BUDGET("match: { model: nothing }"), "t.yaml:3:25: there is no model `nothing`" },
	{ BUDGET("match: { target: nowhere }"), "t.yaml:3:25: there is no target `nowhere`" },
	{ BUDGET("match: { key: nobody }"), "t.yaml:3:25: there is no key `nobody`" },
	{ LISTEN "tags: { required: [ team ] }\nbudgets:\n  - { name: b, match: { tag.tem: x } }\n",
		"t.yaml:4:25: the tag `tem` is in neither `tags.required` nor `tags.optional`; did "
		"you mean `team`?" },
};

START_TEST(errors_have_their_place)
{
	ck_assert_msg(load(wrong[_i].yaml) == -1, "%s was taken", wrong[_i].yaml);
	ck_assert_msg(strncmp(err.text, wrong[_i].error, strlen(wrong[_i].error)) == 0,
		"%s: \"%s\", not \"%s\"", wrong[_i].yaml, err.text, wrong[_i].error);
}
END_TEST

/* A zone's error names it. */
START_TEST(a_zone_that_is_none)
{
	ck_assert_int_eq(load(LISTEN "orgs: { o: { timezone: Europe/Berln } }\n"), -1);
	ck_assert_msg(strstr(err.text, "Europe/Berln") != NULL, "%s", err.text);
}
END_TEST

/* ---- printed */

/* What -T prints says the same limits, and prints the same again. */
START_TEST(a_dump_loads_again)
{
	static const char *const lines[] = { "50 usd/day", "0.000000001 usd/month@15",
		"- 100000/min", "- 24/24h", "- 100/30d", "- 200\n", "tag.team: research",
		"timezone: Asia/Tokyo" };
	char *first, *second;

	ck_assert_msg(load(everywhere) == 0, "%s", err.text);
	first = print(put_dump);
	for (size_t i = 0; i < TG_ARRAY_LEN(lines); i++)
		ck_assert_msg(strstr(first, lines[i]) != NULL, "%s is not in\n%s", lines[i], first);
	ck_assert_msg(load(first) == 0, "%s\n%s", err.text, first);
	same_limits("again", &((const struct cfg_budget *)config.budgets.v)->limits);
	same_limits("again", &((const struct cfg_tenant *)config.tenants.v)->limits);
	second = print(put_dump);
	ck_assert_str_eq(first, second);
	free(first);
	free(second);
}
END_TEST

/* Editors know every dimension, in each scope. */
START_TEST(the_schema_has_them)
{
	char *text = print(put_schema);
	json_error_t why;
	json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, &why), *defs, *limits, *p;
	static const char *const scopes[] = { "tier", "org", "tenant", "key", "budget" };

	ck_assert_msg(schema != NULL, "%s", why.text);
	defs = json_object_get(schema, "$defs");
	limits = json_object_get(json_object_get(defs, "scope-limits"), "properties");
	ck_assert_uint_eq(json_object_size(limits), QUOTA_DIM__MAX);
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		ck_assert_ptr_nonnull(json_object_get(limits, quota_dim_name((enum quota_dim)d)));
	for (size_t i = 0; i < TG_ARRAY_LEN(scopes); i++) {
		char *out;

		p = json_object_get(json_object_get(defs, scopes[i]), "properties");
		out = json_dumps(json_object_get(p, "limits"), 0);
		ck_assert_msg(out != NULL && strstr(out, "scope-limits") != NULL, "%s: %s",
			scopes[i], out);
		free(out);
	}
	json_decref(schema);
	free(text);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, every_dimension_in_every_scope);
	tcase_add_test(tc, defaults);
	tcase_add_test(tc, as_many_as_there_may_be);
	tcase_add_loop_test(tc, errors_have_their_place, 0, (int)TG_ARRAY_LEN(wrong));
	tcase_add_test(tc, a_zone_that_is_none);
	tcase_add_test(tc, a_dump_loads_again);
	tcase_add_test(tc, the_schema_has_them);
}

UNIT_MAIN("config_quota", tests)
