/*
 * check_plan_quota_sources.c: credits, overdrafts and reserved parts: which steps a request's path
 * has and when, their accounts, and what of a configuration cannot be.
 */
#include "unit/core/plan_quota.h"

/* "0.0 name=limit 0.1 ...": fall, source, account. Plain ones stand before them. */
static const char *steps_of(struct tg_conf *c)
{
	static char text[4096];
	struct conf_ref ref = { .conf = c };
	static struct worker w;
	struct req r = { .conf = c, .w = &w };
	struct quota_path path;
	size_t n = 0;

	w.conf = &ref;
	r.key = plan_find_key(c, STR(FAKE_KEY));
	r.tags_json = r.key->tags_json;
	text[0] = '\0';
	if (plan_quota_path(&r, now.wall, &path) != 0)
		return "missing";
	for (unsigned i = 0; i < path.n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", n > 0 ? " " : "",
			STR_FMT(path.account[i]->name));
	for (unsigned i = 0; i < path.n_steps; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%u.%u %.*s=%lld",
			n > 0 ? " " : "", path.step[i].fall, path.step[i].source,
			STR_FMT(path.step[i].account->name),
			(long long)atomic_load(&path.step[i].account->limit));
	return text;
}

#define STEPS_ARE(text) ck_assert_str_eq(steps_of(f.conf), text)
#define D               "/2026-11-28"

START_TEST(credits_come_and_expire)
{
	begin(BASE "tenants: { me: { timezone: Europe/Berlin, limits: { requests: 5/day, cost: [ "
		   "0.000000007 usd/day, 0.000000009 usd/30d ] }, overdraft: 0.000000004 usd, "
		   "credits: [ { amount: 0.000000003 usd, name: never }, "
		   "{ amount: 0.000000002 usd, expires: \"2026-11-28T14:00:00Z\", name: b }, "
		   "{ amount: 0.000000001 usd, expires: 2026-11-29 }, "
		   "{ amount: 0.000000005 usd, expires: 2026-12-29, from: 2026-11-29, name: a } "
		   "], " KEY " } }\n");
	open_plan(f.conf);
#define PLAIN(day)                                                                                 \
	"tenant:me/requests/day/2026-11-" day "@Europe/Berlin 0.0 tenant:me/cost/day/2026-11-" day \
	"@Europe/Berlin=7 0.0 tenant:me/cost/30d@Europe/Berlin=9"
#define B         " tenant:me/cost/credit/b=2"
#define DAY29     " tenant:me/cost/credit/2026-11-29=1"
#define A         " tenant:me/cost/credit/a=5"
#define NEVER     " tenant:me/cost/credit/never=3"
#define OVERDRAFT " tenant:me/cost/overdraft=4"
	STEPS_ARE(PLAIN("28") " 0.1" B " 0.2" DAY29 " 0.3" NEVER " 0.4" OVERDRAFT);
	at(TODAY + 14 * HR);
	STEPS_ARE(PLAIN("28") " 0.1" DAY29 " 0.2" NEVER " 0.3" OVERDRAFT);
	at(TODAY + 23 * HR - 1); /* midnight in Berlin */
	plan_quota_turn(f.conf, table, now);
	STEPS_ARE(PLAIN("28") " 0.1" DAY29 " 0.2" NEVER " 0.3" OVERDRAFT);
	at(TODAY + 23 * HR);
	plan_quota_turn(f.conf, table, now);
	STEPS_ARE(PLAIN("29") " 0.1" A " 0.2" NEVER " 0.3" OVERDRAFT);
	done();
}
END_TEST

START_TEST(parts_of_an_org_and_a_pool)
{
	static const char *const other =
		"you: { org: o, tier: t, keys: [ { id: l, sha256: "
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 } ] }";
	char yaml[2048];

	snprintf(yaml, sizeof yaml,
		BASE "orgs: { o: { timezone: Asia/Tokyo, limits: { requests: [ 9/day, 90/month ], "
		     "tokens: 8/day }, "
		     "reserved: [ { tenant: you, dimension: requests, limit: 2/day }, "
		     "{ tenant: me, dimension: requests, limit: 3/day } ], "
		     "increases: [ { limit: 5/day, dimension: requests, until: 2027-01-01 } ] } }\n"
		     "tiers: { t: { pool: { limits: { tokens: 7/day }, "
		     "reserved: [ { tenant: me, dimension: tokens, limit: 7/day } ] } } }\n"
		     "tenants: { me: { org: o, tier: t, " KEY " }, %s }\n",
		other);
	begin(yaml);
	open_plan(f.conf);
	STEPS_ARE("org:o/tokens/day" D "@Asia/Tokyo org:o/requests/month/2026-11@Asia/Tokyo"
		  " 0.0 tier:t/tokens/day" D "/reserved:me=7 0.1 tier:t/tokens/day" D "=0"
		  " 1.0 org:o/requests/day" D "@Asia/Tokyo/reserved:me=3"
		  " 1.1 org:o/requests/day" D "@Asia/Tokyo=9");
	/* one that has no part draws on what is shared, plainly */
	ck_assert_uint_eq(plan_quota_steps(f.conf->tenants[1].org_quota, &f.conf->tenants[1]), 2);
	/* parts roll on with the limit */
	at(TODAY + 15 * HR);
	plan_quota_turn(f.conf, table, now);
	ck_assert_msg(strstr(steps_of(f.conf),
			      "1.0 org:o/requests/day/2026-11-29@Asia/Tokyo/reserved:me=3 "
			      "1.1 org:o/requests/day/2026-11-29@Asia/Tokyo=9") != NULL,
		"%s", steps_of(f.conf));
	done();
}
END_TEST

#define TENANT(inside) "tenants: { me: { " inside " } }"
#define ORG(inside)    "orgs: { o: { limits: { requests: 5/day }, " inside " } }, "
static const struct {
	const char *where, *error;
} wrong[] = {
	{ TENANT("session: { requests: 1/30d }"), ":4:39: sessions and end users have no rolling "
						  "windows: write a calendar period such "
						  "as `day`, or a rate" },
	{ TENANT("end_user: { requests: [ 1/day, 1/hour, 1/month, 1/year, 1/week ] }"),
		"5 limits; at most 4 are possible for sessions or end users" },
	{ TENANT("session: { requests: [ 1/day, 2/week, 3/month, 4/year ] }, end_user: { requests: "
		 "[ "
		 "1/day, 2/week, 3/month, 4/year ] }, keys: [ { id: k, sha256: " FAKE_KEY_SHA
		 ", session: { requests: [ 1/day, 2/week, 3/month, 4/year ] }, end_user: { "
		 "requests: "
		 "1/day } } ]"),
		"13 limits of sessions and end users apply to requests of key 'k'; at most 12 are "
		"possible" },
	{ TENANT("limits: { cost: 1 usd/day }, overdraft: 1 usd"), "" },
	{ TENANT("limits: { requests: 1/day }, overdraft: 1 usd"),
		":4:16: credits and an overdraft are for when a limit on cost is used up, and "
		"there "
		"is none here; prepaid alone is `limits: { cost: 0 usd/lifetime }`" },
	{ TENANT("limits: { cost: 1 usd/day }, credits: [ { amount: 1 usd, expires: 2030-01-01 }, "
		 "{ "
		 "amount: 2 usd, expires: 2030-01-01 } ]"),
		"there is another credit `2030-01-01` here: give one of them a `name`" },
	{ TENANT("limits: { cost: 1 usd/day }, credits: [ { amount: 1 usd, expires: soon } ]"),
		":4:84: `soon` is no date such as 2027-01-31" },
	{ TENANT("limits: { cost: 1 usd/day }, credits: [ { amount: 1 usd, name: a/b } ]"),
		"the name of a credit is printable ASCII" },
	{ TENANT("limits: { cost: 1 usd/day }, credits: [ { amount: 0.0000000001 usd } ]"),
		"a credit has at most 9 digits behind the point" },
	{ TENANT("limits: { cost: 1 usd/day }, credits: [ { amount: 1 usd, from: 2030-01-02, "
		 "expires: "
		 "2030-01-01 } ]"),
		"it expires before it begins" },
#define RESERVED(tenant, dim, limit) \
	"reserved: [ { tenant: " tenant ", dimension: " dim ", limit: " limit " } ]"
#define OWN(inside)                                                          \
	"orgs: { o: { limits: { requests: 5/day, cost: 1 usd/day }, " inside \
	" } }\ntenants: { me: { org: o }, you: {} }"
	{ OWN(RESERVED("me", "requests", "5/day")), "" },
	{ OWN(RESERVED("me", "requests", "6/day")),
		"the parts that are kept come to more than the limit" },
	{ OWN(RESERVED("you", "requests", "1/day")), ":4:72: `you` is no tenant of `o`" },
	{ OWN(RESERVED("me", "requests", "1/month")),
		"there is no limit here that `1/month` of requests could be kept of" },
	{ OWN(RESERVED("me", "requests", "1/min")), "only of a limit of a calendar period" },
	{ OWN(RESERVED("me", "cost", "1 usd/day") ", overdraft: 1 usd"),
		"where there are credits or an overdraft no part of a limit on cost can be kept" },
	{ OWN("reserved: [ { tenant: me, dimension: requests, limit: 1/day }, { tenant: me, "
	      "dimension: requests, limit: 1/day } ]"),
		"a part of that limit is kept for `me` already" },
};

START_TEST(what_cannot_be)
{
	struct conf_error err = { { 0 } };
	struct tg_conf *c;
	char yaml[1024];

	snprintf(yaml, sizeof yaml, BASE "%s\n", wrong[_i].where);
	begin(BASE);
	c = fake_plan(f.resolver, yaml, 2, &err);
	ck_assert_msg((c != NULL) == (*wrong[_i].error == '\0') &&
			      strstr(err.text, wrong[_i].error) != NULL,
		"%s: %s", yaml, err.text);
	if (c != NULL)
		plan_put(c);
	done();
}
END_TEST

/* Narrow ones first, with a reference each; the same ones for the same names. */
START_TEST(guests)
{
	struct conf_ref ref = { .conf = NULL };
	struct quota_path path, again;
	struct worker w = { .conf = &ref };
	struct req r = { .w = &w, .session = STR("s"), .end_user = STR("u") };

	begin(BASE "tiers: { t: { session: { requests: [ 1/day, 7/min ] }, limits: { requests: "
		   "9/day } "
		   "} }\n"
		   "tenants: { me: { tier: t, session: { requests: 2/day }, keys: [ { id: k, "
		   "sha256: " FAKE_KEY_SHA ", end_user: { concurrency: 3 } } ] } }\n");
	open_plan(f.conf);
	w.wall = now.wall;
	ref.conf = r.conf = f.conf;
	r.key = plan_find_key(f.conf, STR(FAKE_KEY));
	r.tags_json = r.key->tags_json;
	ck_assert_int_eq(plan_quota_path(&r, w.wall, &path), 0);
	ck_assert_uint_eq(path.n, 4);
	ck_assert_uint_eq(path.guests, 3);
	UNIT_STR_EQ(path.account[0]->name, STR("end_user.key:k/concurrency"));
	UNIT_STR_EQ(path.account[1]->name, STR("session:me/requests/day" D));
	UNIT_STR_EQ(path.account[2]->name, STR("session:me/requests/rate/min"));
	UNIT_STR_EQ(path.account[3]->name, STR("tenant:me/requests/day" D));
	ck_assert_int_eq(atomic_load(&path.account[1]->limit), 2);
	ck_assert_int_eq(plan_quota_path(&r, w.wall, &again), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_eq(path.account[i], again.account[i]);
		quota_account_put(path.account[i]);
		quota_account_put(again.account[i]);
		ck_assert_uint_eq(atomic_load(&path.account[i]->refs) & 0xffffffff, 1);
	}
	r.session = r.end_user = STR_NONE;
	ck_assert_int_eq(plan_quota_path(&r, w.wall, &path), 0);
	ck_assert_uint_eq(path.n, 1);
	ck_assert_uint_eq(path.guests, 0);
	done();
	plan_quota_guests_close();
}
END_TEST

START_TEST(too_many_sources)
{
	struct conf_error err = { { 0 } };
	char yaml[4096];
	size_t n = (size_t)snprintf(yaml, sizeof yaml,
		BASE "tenants: { me: { limits: { cost: 1 usd/day }, " KEY ", credits: [ ");

	for (int i = 0; i < QUOTA_FALL_MAX; i++)
		n += (size_t)snprintf(yaml + n, sizeof yaml - n, "%s{ amount: 1 usd, name: c%d }",
			i > 0 ? ", " : "", i);
	snprintf(yaml + n, sizeof yaml - n, " ] } }\n");
	begin(BASE);
	ck_assert_ptr_null(fake_plan(f.resolver, yaml, 2, &err));
	ck_assert_msg(strstr(err.text, "requests of key 'k' may draw on 17 sources") != NULL, "%s",
		err.text);
	done();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, credits_come_and_expire);
	tcase_add_test(tc, parts_of_an_org_and_a_pool);
	tcase_add_loop_test(tc, what_cannot_be, 0, (int)TG_ARRAY_LEN(wrong));
	tcase_add_test(tc, guests);
	tcase_add_test(tc, too_many_sources);
}

UNIT_MAIN("plan_quota_sources", tests)
