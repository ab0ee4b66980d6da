/*
 * check_plan_quota_match.c: which budgets count a request, by words, tags, model and target; how
 * many limits a request may touch; pools of tiers; increases and their ends.
 */
#include "unit/core/plan_quota.h"

/* Its tenants share it; those of other tiers have nothing to do with it. */
START_TEST(a_pool)
{
	begin(BASE
		"orgs: { o: { limits: { requests: 9/day } } }\n"
		"tiers: { t: { limits: { requests: 5/day }, pool: { limits: { requests: 7/day }, "
		"timezone: Asia/Tokyo } }, u: { pool: { limits: { requests: 1/day } } } }\n"
		"tenants: { me: { org: o, tier: t, " KEY " } }\n");
	at(TODAY + 20 * HR);
	open_plan(f.conf);
	PATH_IS("tenant:me/requests/day" D
		"=5 tier:t/requests/day/2026-11-29@Asia/Tokyo=7 org:o/requests/day" D "=9");
	done();
}
END_TEST

/* ---- more for a time */

START_TEST(an_increase_ends)
{
	struct quota_slot *s;

	begin(BASE "tenants: { me: { timezone: Europe/Berlin, limits: { requests: [ 5/day, 7/min, "
		   "9/2h ], concurrency: 2 }, " KEY ", increases: [ "
		   "{ limit: 20/day, dimension: requests, until: 2026-11-30 }, "
		   "{ limit: 3/day, dimension: requests, until: \"2026-11-28T15:00:00Z\" }, "
		   "{ limit: 100/day, dimension: requests, until: 2026-11-01 }, "
		   "{ limit: 4/min, dimension: requests, until: \"2026-11-28T14:00:00Z\" }, "
		   "{ limit: 1/2h, dimension: requests, until: \"2026-11-28T14:00:00Z\" }, "
		   "{ limit: 6, dimension: concurrency, until: \"2026-11-28T14:00:00Z\" } ] } }\n");
	open_plan(f.conf);
#define T(day, a_day, a_minute, two_hours, inside)                                   \
	"tenant:me/requests/day/2026-11-" day "@Europe/Berlin=" a_day                \
	" tenant:me/requests/rate/min=" a_minute " tenant:me/requests/2h=" two_hours \
	" tenant:me/concurrency=" inside
	PATH_IS(T("28", "28", "11", "10", "8"));
	s = f.conf->tenants[0].quota.slot;
	ck_assert_int_eq(s->raised_until_us, TODAY + 15 * HR);
	at(TODAY + 14 * HR - 1);
	plan_quota_turn(f.conf, table, now);
	PATH_IS(T("28", "28", "11", "10", "8"));
	at(TODAY + 14 * HR);
	plan_quota_turn(f.conf, table, now);
	PATH_IS(T("28", "28", "7", "9", "2"));
	at(TODAY + 15 * HR);
	plan_quota_turn(f.conf, table, now);
	PATH_IS(T("28", "25", "7", "9", "2"));
	ck_assert_int_eq(s->raised_until_us, TODAY + 2 * DAY - HR); /* midnight in Berlin */
	/* the day after: its account is there before it begins, and is not too large then */
	at(TODAY + 2 * DAY - HR - 20 * SEC);
	plan_quota_turn(f.conf, table, now);
	plan_quota_turn(f.conf, table, now);
	PATH_IS(T("29", "25", "7", "9", "2"));
	at(TODAY + 2 * DAY - HR);
	PATH_IS(T("30", "5", "7", "9", "2"));
	plan_quota_turn(f.conf, table, now);
	PATH_IS(T("30", "5", "7", "9", "2"));
	ck_assert_int_eq(s->raised_until_us, INT64_MAX);
	done();
}
END_TEST

/* By hand it is the limit that is another one; the increase comes on top. */
START_TEST(an_increase_of_what_was_set_by_hand)
{
	begin(BASE
		"budgets: [ { name: b, limits: { requests: 5/day }, increases: [ { limit: 2/day, "
		"dimension: requests, until: \"2026-11-28T13:00:00Z\" } ] } ]\n"
		"tenants: { me: { " KEY " } }\n");
	open_plan(f.conf);
	PATH_IS("budget:b/requests/day" D "=7");
	plan_quota_set_amount(f.conf, f.conf->quota.slots, 50);
	plan_quota_apply(f.conf);
	PATH_IS("budget:b/requests/day" D "=52");
	at(TODAY + 13 * HR);
	plan_quota_turn(f.conf, table, now);
	PATH_IS("budget:b/requests/day" D "=50");
	plan_quota_set_amount(f.conf, f.conf->quota.slots, -1);
	plan_quota_apply(f.conf);
	PATH_IS("budget:b/requests/day" D "=5");
	done();
}
END_TEST

static const struct {
	const char *where, *error;
} raises[] = {
#define MORE(limit) "increases: [ { limit: " limit ", dimension: requests, until: 2026-12-24 } ]"
	{ "tenants: { me: { tier: t, " MORE("5/day") " } }", "" },
	{ "tenants: { me: { tier: t, " MORE("5/month") " } }",
		":5:40: there is no limit here that `5/month` of requests could be added to, but "
		"`3/day`" },
	{ "tenants: { me: { " MORE("5/day") " } }",
		":5:31: there is no limit here that `5/day` of requests could be added to; it has "
		"the limit's period or rate" },
	{ "tenants: { me: { tier: t, keys: [ { id: k, sha256: " FAKE_KEY_SHA
	  ", " MORE("5/day") " } ] } }",
		" there is no limit here" },
	{ "orgs: { o: { limits: { requests: 1/day }, " MORE("5/week") " } }", ":5:56: " },
	{ "budgets: [ { name: b, limits: { requests: 1/day }, " MORE("5/month@15") " } ]",
		" there is no" },
	{ "tiers: { u: { pool: { " MORE("5/day") " } } }", " there is no limit here" },
	{ "orgs: { o: { limits: { requests: 1/day }, " MORE("50000000000000000/day") " } }",
		"org:o: its limit on requests and its increases come to more than a limit can be" },
#undef MORE
};

START_TEST(what_cannot_be_increased)
{
	struct conf_error err = { { 0 } };
	struct tg_conf *c;
	char yaml[1024];

	snprintf(yaml, sizeof yaml, BASE "%s%s\n",
		strncmp(raises[_i].where, "tiers", 5) == 0
			? "\n"
			: "tiers: { t: { limits: { requests: 3/day } } }\n",
		raises[_i].where);
	begin(BASE);
	c = fake_plan(f.resolver, yaml, 2, &err);
	if (*raises[_i].error == '\0')
		ck_assert_msg(c != NULL, "%s", err.text);
	else
		ck_assert_msg(
			c == NULL && strstr(err.text, raises[_i].error) != NULL, "%s", err.text);
	if (c != NULL)
		plan_put(c);
	done();
}
END_TEST

/* ---- what a budget counts */

static const struct {
	const char *match, *tags;
	bool want;
} matches[] = {
	{ "{}", "", true },
	{ "{ tenant: me }", "", true },
	{ "{ tenant: you }", "", false },
	{ "{ org: o }", "", true },
	{ "{ org: p }", "", false },
	{ "{ tier: t }", "", true },
	{ "{ tier: u }", "", false },
	{ "{ key: k }", "", true },
	{ "{ key: l }", "", false },
	/* all of them */
	{ "{ tenant: me, org: o, tier: t, key: k, tag.a: b }", "{\"a\":\"b\"}", true },
	{ "{ tenant: me, org: o, tier: t, key: k, tag.a: b }", "{\"a\":\"c\"}", false },
	{ "{ tenant: me, org: o, tier: t, key: l }", "", false },
	{ "{ tenant: you, key: k }", "", false },
	/* tags */
	{ "{ tag.a: b }", "", false },
	{ "{ tag.a: b }", "{}", false },
	{ "{ tag.a: b }", "{\"a\":\"b\"}", true },
	{ "{ tag.a: b }", "{\"a\":\"bc\"}", false },
	{ "{ tag.a: b }", "{\"b\":\"a\"}", false },
	{ "{ tag.a: b }", "{\"x\":\"y\",\"a\":\"b\",\"z\":\"\"}", true },
	{ "{ tag.a: b, tag.z: '' }", "{\"x\":\"y\",\"a\":\"b\",\"z\":\"\"}", true },
	{ "{ tag.a: b, tag.z: y }", "{\"x\":\"y\",\"a\":\"b\",\"z\":\"\"}", false },
	{ "{ tag.tag.a: b }", "{\"tag.a\":\"b\"}", true },
	{ "{ tag.tenant: me }", "", false }, /* a tag of that name */
	{ "{ tag.a: 'q\"\\z' }", "{\"a\":\"q\\\"\\\\z\"}", true },
	{ "{ tag.a: 'q\"\\z' }", "{\"a\":\"q\\\"z\"}", false },
	{ "{ tag.a: x/y }", "{\"a\":\"x\\/\\u0079\"}", true },
	{ "{ tag.a: \"x\\u00e9\" }", "{\"a\":\"x\\u00e9\"}", true },
	{ "{ tag.a: \"x\\u00e9\" }", "{\"a\":\"x\xc3\xa9\"}", true },
};

START_TEST(what_a_budget_matches)
{
	char yaml[1024];

	snprintf(yaml, sizeof yaml,
		BASE "orgs: { o: {}, p: {} }\ntiers: { t: {}, u: {} }\n"
		     "tenants: { me: { org: o, tier: t, " KEY " }, you: { keys: [ { id: l, sha256: "
		     "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 } ] } }\n"
		     "budgets: [ { name: b, match: %s, limits: { concurrency: 1 } } ]\n",
		matches[_i].match);
	begin(yaml);
	open_plan(f.conf);
	ck_assert_msg(strcmp(path_of(f.conf, matches[_i].tags),
			      matches[_i].want ? "budget:b/concurrency=1" : "") == 0,
		"%s of %s: %s", matches[_i].match, matches[_i].tags,
		path_of(f.conf, matches[_i].tags));
	done();
}
END_TEST

/* Those of the target stand last, in whatever order they are written. */
static const struct {
	const char *tags, *model, *target, *path;
} asked[] = {
#define A "budget:a/concurrency=1"
#define B "budget:b/concurrency=2"
	{ "", "", "", A },
	{ "", "m", "", A " budget:m/concurrency=3" },
	{ "", "n", "", A },
	{ "", "", "a", A " ; budget:to-a/concurrency=4" },
	{ "", "m", "a",
		A " budget:m/concurrency=3 ; budget:to-a/concurrency=4 budget:m-a/concurrency=5" },
	{ "", "m", "b", A " budget:m/concurrency=3" },
	{ "", "n", "b", A },
	/* the key's own tags, and those that a request brings */
	{ "{\"team\":\"x\",\"own\":\"1\"}", "", "", A " " B },
	{ "{\"team\":\"x\",\"own\":\"2\"}", "", "", A },
	{ "{\"team\":\"x\",\"own\":\"1\",\"more\":\"y\"}", "", "a",
		A " " B " ; budget:to-a/concurrency=4 budget:more-a/concurrency=7" },
#undef A
#undef B
};

START_TEST(what_a_request_is_asked)
{
	begin(BASE
		"tenants: { me: { tags: { team: x }, " KEY " } }\n"
		"budgets:\n"
		"  - { name: to-a, match: { target: a }, limits: { concurrency: 4 } }\n"
		"  - { name: a, match: { tag.team: x }, limits: { concurrency: 1 } }\n"
		"  - { name: never, match: { tag.team: y }, limits: { concurrency: 9 } }\n"
		"  - { name: b, match: { tag.own: 1, tag.team: x }, limits: { concurrency: 2 } }\n"
		"  - { name: m, match: { model: m }, limits: { concurrency: 3 } }\n"
		"  - { name: m-a, match: { model: m, target: a }, limits: { concurrency: 5 } }\n"
		"  - { name: more-a, match: { tag.more: y, target: a }, limits: { concurrency: 7 } "
		"}\n");
	open_plan(f.conf);
	ck_assert_uint_eq(plan_find_key(f.conf, STR(FAKE_KEY))->budgets.n, 6);
	ck_assert_str_eq(path_for(f.conf, asked[_i].tags, asked[_i].model, asked[_i].target),
		asked[_i].path);
	done();
}
END_TEST

/* A request has one model and one target: of budgets that ask for different ones only the most
 * that any one request may touch count. */
START_TEST(budgets_that_exclude_each_other)
{
	struct conf_error err = { { 0 } };
	size_t n = 0;
	char yaml[8192];

	for (int over = 0; over < 2; over++) {
		n = (size_t)snprintf(yaml, sizeof yaml,
			"listen: 127.0.0.1:0\n"
			"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 }, b: { "
			"provider: openai, base_url: http://127.0.0.1:9 } }\n"
			"models: { m: { targets: [ a, b ] }, n: { targets: a } }\n"
			"tenants: { me: { limits: { concurrency: 1 }, " KEY " } }\nbudgets:\n");
		for (int i = 0; i < 12 + over; i++)
			n += (size_t)snprintf(yaml + n, sizeof yaml - n,
				"  - { name: m%d, match: { model: m }, limits: { concurrency: 1 } "
				"}\n  - { name: n%d, match: { model: n }, limits: { concurrency: 1 "
				"} }\n",
				i, i);
		for (int i = 0; i < 11; i++)
			n += (size_t)snprintf(yaml + n, sizeof yaml - n,
				"  - { name: a%d, match: { target: a }, limits: { concurrency: 1 } "
				"}\n  - { name: b%d, match: { target: b }, limits: { concurrency: "
				"1 "
				"} }\n",
				i, i);
		if (!over) {
			begin(yaml);
			open_plan(f.conf);
			n = 0;
			for (const char *p = path_for(f.conf, "", "m", "b");
				(p = strchr(p, '=')) != NULL; p++)
				n++;
			ck_assert_uint_eq(n, 24);
		} else {
			ck_assert_ptr_null(fake_plan(f.resolver, yaml, 2, &err));
			ck_assert_msg(strstr(err.text, "25 limits apply") != NULL, "%s", err.text);
		}
	}
	done();
}
END_TEST

START_TEST(too_many_tags_are_asked)
{
	struct conf_error err = { { 0 } };
	char yaml[8192];
	size_t n = (size_t)snprintf(yaml, sizeof yaml,
		BASE "tenants: { me: { " KEY " } }\n"
		     "budgets: [ { name: b, limits: { concurrency: 1 }, match: { tag.t0: x");

	for (int i = 1; i <= QUOTA_ASKED_TAGS; i++)
		n += (size_t)snprintf(yaml + n, sizeof yaml - n, ", tag.t%d: x", i);
	snprintf(yaml + n, sizeof yaml - n, " } } ]\n");
	begin(BASE);
	ck_assert_ptr_null(fake_plan(f.resolver, yaml, 2, &err));
	ck_assert_msg(
		strstr(err.text, "more than 32 different tags of requests of key 'k'") != NULL,
		"%s", err.text);
	done();
}
END_TEST

/* A request that was read under one plan and is sent under the next is held to the next one's
 * limits, with the tags that it has. */
START_TEST(tags_of_before_a_reload)
{
	struct conf_ref ref = { .conf = NULL };
	struct worker w = { .conf = &ref };
	struct quota_path path;
	struct tg_conf *next;
	struct req r = { .w = &w };

	begin(BASE "tenants: { me: { tags: { team: x }, " KEY " } }\n");
	next = another(
		BASE "tenants: { me: { tags: { team: y }, " KEY " } }\n"
		     "budgets: [ { name: x, match: { tag.team: x }, limits: { concurrency: "
		     "1 } }, { name: y, match: { tag.team: y }, limits: { concurrency: 2 } }, "
		     "{ name: all, limits: { concurrency: 3 } } ]\n");
	open_plan(f.conf);
	open_plan(next);
	ref.conf = next;
	r.conf = f.conf;
	r.key = plan_find_key(f.conf, STR(FAKE_KEY));
	r.tags_json = r.key->tags_json;
	ck_assert_int_eq(plan_quota_path(&r, now.wall, &path), 0);
	ck_assert_uint_eq(path.n, 2);
	ck_assert(str_eq(path.account[0]->name, STR("budget:x/concurrency")));
	ck_assert(str_eq(path.account[1]->name, STR("budget:all/concurrency")));
	plan_put(next);
	done();
}
END_TEST

/* The longest value that a tag may have. */
START_TEST(a_long_tag)
{
	char yaml[2048], tags[2048], value[513];

	for (int more = 0; more < 2; more++) {
		memset(value, 'v', sizeof value);
		value[sizeof value - 1] = '\0';
		snprintf(yaml, sizeof yaml,
			BASE "tenants: { me: { " KEY " } }\n"
			     "budgets: [ { name: b, match: { tag.a: %s }, limits: { concurrency: 1 "
			     "} } ]\n",
			value);
		snprintf(tags, sizeof tags, "{\"a\":\"%s%s\"}", value, more ? "v" : "");
		begin(yaml);
		open_plan(f.conf);
		ck_assert_str_eq(path_of(f.conf, tags), more ? "" : "budget:b/concurrency=1");
		done();
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_pool);
	tcase_add_test(tc, an_increase_ends);
	tcase_add_test(tc, an_increase_of_what_was_set_by_hand);
	tcase_add_loop_test(tc, what_cannot_be_increased, 0, (int)TG_ARRAY_LEN(raises));
	tcase_add_loop_test(tc, what_a_budget_matches, 0, (int)TG_ARRAY_LEN(matches));
	tcase_add_loop_test(tc, what_a_request_is_asked, 0, (int)TG_ARRAY_LEN(asked));
	tcase_add_test(tc, budgets_that_exclude_each_other);
	tcase_add_test(tc, too_many_tags_are_asked);
	tcase_add_test(tc, tags_of_before_a_reload);
	tcase_add_test(tc, a_long_tag);
}

UNIT_MAIN("plan_quota_match", tests)
