/*
 * check_guardrail.c: thresholds to the unit, whose requests they turn to a cheaper model, and what
 * is told how often.
 */
#include "unit/core/plan_quota.h"

#include "core/guardrail.h"

static const struct {
	int64_t used, limit, bp;
	bool past;
} rows[] = {
	{ 0, 10, 100, false },
	{ 89, 100, 9000, false },
	{ 90, 100, 9000, true },
	{ 91, 100, 9000, true },
	{ 2, 3, 6666, true },
	{ 2, 3, 6667, false }, /* 66.67 % of 3 is more than 2 */
	{ 3, 3, 10000, true },
	{ 0, 0, 5000, true }, /* a limit of nothing is used up */
	{ INT64_MAX, INT64_MAX, 10000, true },
	{ INT64_MAX - 1, INT64_MAX, 10000, false },
	{ INT64_MAX / 2, INT64_MAX, 5000, false },
	{ INT64_MAX / 2 + 1, INT64_MAX, 5000, true },
};

START_TEST(thresholds)
{
	ck_assert_int_eq(
		guardrail_is_past(rows[_i].used, rows[_i].limit, rows[_i].bp), rows[_i].past);
}
END_TEST

#define MODELS                                                                           \
	"listen: 127.0.0.1:0\n"                                                          \
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"           \
	"models: { big: { targets: a }, small: { targets: a }, tiny: { targets: a } }\n" \
	"tags: { optional: [ team ] }\n"                                                 \
	"tiers: { free: { limits: { tokens: 1000/day } }, pro: { may_degrade: true } }\n"
#define ME(more)    "tenants: { me: { " more ", keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n"
#define ALL         "budgets: [ { name: all, limits: { requests: [ 10/day, 5/s ], tokens: 500/24h } } ]\n"
#define DOWN        "degrade: { from: big, to: small }"
#define GUARD(more) "guardrails: [ { " more " } ]\n"
#define AT80        "at: [ 50%, 80% ], do: [ notify, degrade ], " DOWN

/* Of the slots of budget `all` or of the tenant, so much is settled: what serves then? */
static const struct {
	const char *yaml;
	bool tenant;
	int64_t used;
	const char *model, *serves, *why; /* "": as asked */
} cases[] = {
	{ ALL ME("may_degrade: true") GUARD("budget: all, " AT80), false, 7, "big", "big", "" },
	{ ALL ME("may_degrade: true") GUARD("budget: all, " AT80), false, 8, "big", "small",
		"small: budget all 80%" },
	{ ALL ME("may_degrade: true") GUARD("budget: all, " AT80), false, 8, "tiny", "tiny", "" },
	{ ALL ME("may_degrade: false") GUARD("budget: all, " AT80), false, 10, "big", "big", "" },
	{ ALL ME("tier: pro") GUARD("budget: all, " AT80), false, 8, "big", "small",
		"small: budget all 80%" },
	{ ALL ME("may_degrade: true") GUARD("budget: all, at: 12.5%, do: degrade, " DOWN), false, 2,
		"big", "small", "small: budget all 12.50%" },
	{ ALL ME("may_degrade: true") GUARD("budget: all, at: 50%, do: notify"), false, 10, "big",
		"big", "" },
	{ "budgets: [ { name: all, match: { tag.team: red }, limits: { requests: 10/day } } ]\n" ME(
		  "may_degrade: true") GUARD("budget: all, " AT80),
		false, 10, "big", "big", "" },
	{ "budgets: [ { name: all, match: { tag.team: red }, limits: { requests: 10/day } } ]\n" ME(
		  "may_degrade: true, tags: { team: red }") GUARD("budget: all, " AT80),
		false, 10, "big", "small", "small: budget all 80%" },
	{ "budgets: [ { name: all, match: { model: small }, limits: { requests: 10/day } } ]\n" ME(
		  "may_degrade: true") GUARD("budget: all, " AT80),
		false, 10, "big", "big", "" },
	{ ME("tier: free, may_degrade: true") GUARD("tier: free, " AT80), true, 799, "big", "big",
		"" },
	{ ME("tier: free, may_degrade: true") GUARD("tier: free, " AT80), true, 800, "big", "small",
		"small: tier free 80%" },
	{ ME("tier: free, may_degrade: true") GUARD("tier: pro, " AT80), true, 1000, "big", "big",
		"" },
	/* the next guardrail goes on from there */
	{ ALL ME("may_degrade: true") "guardrails: [ { budget: all, " AT80
				      " }, { budget: all, at: 90%, "
				      "do: degrade, degrade: { from: small, to: tiny } } ]\n",
		false, 9, "big", "tiny", "tiny: budget all 90%" },
	{ ALL "tenants: { me: { may_degrade: true, keys: [ { id: k, models: [ big ], "
	      "sha256: " FAKE_KEY_SHA " } ] } }\n" GUARD("budget: all, " AT80),
		false, 10, "big", "big", "" },
};

static void use_up(const struct quota_scope *scope, int64_t used)
{
	unsigned i = 0;

	while (scope->slot[i].limit->kind != QUOTA_STOCK)
		i++;
	quota_account_restore(atomic_load(&scope->slot[i].now), used);
}

START_TEST(degrades)
{
	char yaml[2048], text[GUARDRAIL_TEXT_MAX];
	const struct plan_guardrail *by;
	struct guardrail_case c;
	struct model *m;
	int64_t bp = 0;

	snprintf(yaml, sizeof yaml, MODELS "%s", cases[_i].yaml);
	begin(yaml);
	open_plan(f.conf);
	c = (struct guardrail_case){ .conf = f.conf,
		.key = plan_find_key(f.conf, STR(FAKE_KEY)),
		.model_asked = str_z(cases[_i].model),
		.now = now.wall };
	c.tags = c.key->tags_json;
	use_up(cases[_i].tenant ? &c.key->tenant->quota : &f.conf->quota.budgets[0].scope,
		cases[_i].used);
	m = guardrail_find(&c, plan_find_model(f.conf, c.model_asked), &by, &bp);
	UNIT_STR_EQ(m->name, str_z(cases[_i].serves));
	ck_assert_int_eq(by != NULL, cases[_i].why[0] != '\0');
	if (by != NULL)
		UNIT_STR_EQ(guardrail_text(text, m, by, bp), str_z(cases[_i].why));
	fake_fini(&f);
}
END_TEST

/* The same in a request, which says so. */
START_TEST(request)
{
	struct req *r;

	begin(MODELS ALL ME("may_degrade: true") GUARD("budget: all, " AT80));
	open_plan(f.conf);
	use_up(&f.conf->quota.budgets[0].scope, 8);
	r = fake_req(&f, fake_conn(&f),
		"POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\ncontent-length: 0\r\n\r\n");
	f.w.wall = now.wall;
	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->tenant = r->key->tenant;
	r->tags_json = r->key->tags_json;
	r->model_asked = STR("big");
	r->model = r->model_first = plan_find_model(f.conf, STR("big"));
	r->forced = r->model->route[0].target;
	guardrail_degrade(r); /* a path that names its target is left alone */
	UNIT_STR_EQ(r->model->name, STR("big"));
	r->forced = NULL;
	guardrail_degrade(r);
	UNIT_STR_EQ(r->model->name, STR("small"));
	ck_assert_ptr_eq(r->model_first, r->model);
	UNIT_STR_EQ(r->degraded, STR("small: budget all 80%"));
	ck_assert(r->is_degraded);
	done();
}
END_TEST

/* A rolling limit is told again when it was below for as long as `cooldown`. */
static void roll(struct quota_account *a, int64_t amount)
{
	struct quota_account *charged;

	ck_assert_int_eq(quota_account_take(a, amount, now, &charged), QUOTA_OK);
	quota_account_settle(charged, amount, amount, now);
	quota_account_put(charged);
}

START_TEST(told_again)
{
	uint64_t before = guardrail_told();
	const struct quota_scope *scope;
	unsigned i = 0;

	begin(MODELS ALL ME("may_degrade: true") GUARD("budget: all, cooldown: 1h, " AT80));
	open_plan(f.conf);
	plan_quota_turn(f.conf, table, now);
	scope = &f.conf->quota.budgets[0].scope;
	while (scope->slot[i].limit->kind != QUOTA_ROLLING)
		i++;
	roll(atomic_load(&scope->slot[i].now), 400);
	for (int k = 0; k < 3; k++)
		guardrail_turn(f.conf, now);
	ck_assert_uint_eq(guardrail_told() - before, 2);
	for (int hour = 13; hour < 12 + 50; hour++) {
		at(TODAY + hour * HR);
		plan_quota_turn(f.conf, table, now);
		guardrail_turn(f.conf, now);
	}
	ck_assert_int_eq(guardrail_used(atomic_load(&scope->slot[i].now), now.wall), 0);
	ck_assert_uint_eq(guardrail_told() - before, 2);
	roll(atomic_load(&scope->slot[i].now), 250);
	guardrail_turn(f.conf, now);
	ck_assert_uint_eq(guardrail_told() - before, 3);
	fake_fini(&f);
}
END_TEST

/* Each threshold once a period; another period tells anew. */
START_TEST(told_once)
{
	const struct quota_scope *scope;
	uint64_t before = guardrail_told();

	begin(MODELS ALL ME("may_degrade: true") GUARD("budget: all, " AT80));
	open_plan(f.conf);
	scope = &f.conf->quota.budgets[0].scope;
	guardrail_turn(f.conf, now);
	ck_assert_uint_eq(guardrail_told() - before, 0);
	use_up(scope, 5);
	for (int i = 0; i < 3; i++)
		guardrail_turn(f.conf, now);
	ck_assert_uint_eq(guardrail_told() - before, 1);
	use_up(scope, 3);
	for (int i = 0; i < 3; i++)
		guardrail_turn(f.conf, now);
	ck_assert_uint_eq(guardrail_told() - before, 2);
	at(TODAY + DAY + HR);
	plan_quota_turn(f.conf, table, now);
	guardrail_turn(f.conf, now);
	ck_assert_uint_eq(guardrail_told() - before, 2);
	use_up(scope, 10);
	guardrail_turn(f.conf, now);
	ck_assert_uint_eq(guardrail_told() - before, 4);
	fake_fini(&f);
}
END_TEST

static const struct {
	const char *guard, *says;
} wrong[] = {
	{ "at: 50%, do: notify", "watches one thing" },
	{ "budget: all, tier: free, at: 50%, do: notify", "watches one thing" },
	{ "budget: al, at: 50%, do: notify", "did you mean `all`?" },
	{ "tier: fre, at: 50%, do: notify", "did you mean `free`?" },
	{ "budget: all, at: [ 50%, 60% ], do: notify", "2 thresholds and `do` 1 words" },
	{ "budget: all, at: 50, do: notify", "such as 75%, not `50`" },
	{ "budget: all, at: 0.5%, do: notify", "from 1% to 100%" },
	{ "budget: all, at: 101%, do: notify", "from 1% to 100%" },
	{ "budget: all, at: 50.123%, do: notify", "from 1% to 100%" },
	{ "budget: all, at: .5%, do: notify", "from 1% to 100%" },
	{ "budget: all, at: [ 60%, 50% ], do: [ notify, notify ]", "ascending" },
	{ "budget: all, at: 50%, do: notfy", "did you mean `notify`?" },
	{ "budget: all, at: 50%, do: throttle", "not part of this version yet" },
	{ "budget: all, at: 90%, do: block", "`block` is at 100% only" },
	{ "budget: all, at: 50%, do: degrade", "needs `degrade: { from: MODEL" },
	{ "budget: all, at: 50%, do: notify, " DOWN, "no threshold of `do`" },
	{ "budget: all, at: 50%, do: degrade, degrade: { from: bi, to: small }", "no model `bi`" },
	{ "budget: all, at: 50%, do: notify, notify: ops", "not part of this version yet" },
	{ "budget: of_target, at: 50%, do: degrade, " DOWN, "it can notify, not degrade" },
};

START_TEST(refused)
{
	struct resolver *res = resolver_new(0);
	struct conf_error err = { { 0 } };
	char text[2048];

	snprintf(text, sizeof text,
		MODELS "budgets: [ { name: all, limits: { requests: 10/day } }, { name: of_target, "
		       "match: { target: a }, limits: { requests: 9/day } } ]\n" ME(
			       "may_degrade: true") "guardrails: [ { %s } ]\n",
		wrong[_i].guard);
	ck_assert_ptr_null(fake_plan(res, text, 1, &err));
	ck_assert_msg(strstr(err.text, wrong[_i].says) != NULL, "%s", err.text);
	resolver_free(res);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, thresholds, 0, TG_ARRAY_LEN(rows));
	tcase_add_loop_test(tc, degrades, 0, TG_ARRAY_LEN(cases));
	tcase_add_test(tc, request);
	tcase_add_test(tc, told_once);
	tcase_add_test(tc, told_again);
	tcase_add_loop_test(tc, refused, 0, TG_ARRAY_LEN(wrong));
}

UNIT_MAIN("guardrail", tests)
