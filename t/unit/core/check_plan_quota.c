/*
 * check_plan_quota.c: which accounts a request is held to, by the scopes of a configuration; how a
 * plan gets its accounts, shares them with the one before, moves on with a made-up clock, and gives
 * every reference back.
 */
#include "unit/core/plan_quota.h"

#include "quota/lease.h"

/* Narrow ones first: an account of their own that lacks leaves no trace in a shared one. */
START_TEST(the_order_of_a_path)
{
	begin(BASE "budgets:\n"
		   "  - { name: z, limits: { requests: 6/day } }\n"
		   "  - { name: a, limits: { requests: 7/day } }\n"
		   "orgs: { o: { limits: { requests: 4/day } }, p: { limits: { requests: 9/day } } "
		   "}\n"
		   "tiers: { t: { limits: { requests: 3/day } } }\n"
		   "tenants: { me: { org: o, tier: t, limits: { tokens: 5/day, concurrency: 2 }, "
		   "keys: [ { id: k, sha256: " FAKE_KEY_SHA
		   ", limits: { requests: 1/day, tokens: 8/min } } ] } }\n");
	ck_assert_str_eq(path_of(f.conf, ""), "missing"); /* not opened yet */
	open_plan(f.conf);
	ck_assert_str_eq(path_of(f.conf, ""),
		"key:k/tokens/rate/min=8 key:k/requests/day" D "=1 tenant:me/requests/day" D "=3 "
		"tenant:me/tokens/day" D "=5 tenant:me/concurrency=2 org:o/requests/day" D "=4 "
		"budget:z/requests/day" D "=6 budget:a/requests/day" D "=7");
	done();
}
END_TEST

START_TEST(without_limits_or_a_key)
{
	struct quota_path path;
	struct req r = { .key = NULL };

	begin(BASE "tenants: { me: { " KEY " } }\n");
	ck_assert_str_eq(open_plan(f.conf), "");
	ck_assert_str_eq(path_of(f.conf, ""), "");
	ck_assert_uint_eq(quota_table_count(table), 0);
	r.conf = f.conf;
	ck_assert_int_eq(plan_quota_path(&r, now.wall, &path), 0);
	ck_assert_uint_eq(path.n, 0);
	done();
}
END_TEST

static const struct {
	const char *tier, *own, *path;
} replaced[] = {
#define T "tenant:me/requests/"
	{ "requests: 5/day", "requests: 9/day", T "day" D "=9" },
	{ "requests: 5/day", "requests: 1/day", T "day" D "=1" },
	{ "requests: 5/day", "requests: 9/hour", T "day" D "=5 " T "rate/hour=9" },
	{ "requests: 5/day", "requests: 9/week", T "day" D "=5 " T "week/2026-11-23=9" },
	{ "requests: 5/week", "requests: 9/week@sun",
		T "week/2026-11-23=5 " T "week@sun/2026-11-22=9" },
	{ "requests: 5/24h", "requests: 9/24h", T "24h=9" },
	{ "requests: 5/24h", "requests: 9/25h", T "24h=5 " T "25h=9" },
	{ "requests: 5/24h", "requests: 9/24d", T "24h=5 " T "24d=9" },
	{ "requests: 5/min", "requests: 9/s", T "rate/min=5 " T "rate/s=9" },
	{ "requests: 5/min", "requests: 9/m", T "rate/min=9" },
	{ "requests: 5/day", "generations: 9/day",
		T "day" D "=5 tenant:me/generations/day" D "=9" },
	{ "concurrency: 5", "concurrency: 9", "tenant:me/concurrency=9" },
	{ "requests: [ 5/day, 6/min ]", "requests: [ 7/min, 8/month ]",
		T "day" D "=5 " T "rate/min=7 " T "month/2026-11=8" },
#undef T
};

START_TEST(an_own_limit_replaces_the_tier_s)
{
	char yaml[1024];

	snprintf(yaml, sizeof yaml,
		BASE "tiers: { t: { limits: { %s } } }\n"
		     "tenants: { me: { tier: t, limits: { %s }, " KEY " } }\n",
		replaced[_i].tier, replaced[_i].own);
	begin(yaml);
	open_plan(f.conf);
	ck_assert_str_eq(path_of(f.conf, ""), replaced[_i].path);
	done();
}
END_TEST

/* ---- how many */

static size_t put_limits(char *out, size_t cap, unsigned n)
{
	size_t len = (size_t)snprintf(out, cap, "requests: [ ");

	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s1/%ud", i > 0 ? ", " : "", i + 1);
	return len + (size_t)snprintf(out + len, cap - len, " ]");
}

/* 24 in all: 12 of the tenant, 1 of its key, and those of budgets that may count the key. */
static void crowd(char *out, size_t cap, unsigned in_budget)
{
	char limits[512], budget[512];

	put_limits(limits, sizeof limits, 12);
	put_limits(budget, sizeof budget, in_budget);
	snprintf(out, cap,
		BASE "tiers: { t: {}, u: {} }\n"
		     "tenants:\n"
		     "  me: { tier: t, limits: { %s }, keys: [ { id: k, sha256: " FAKE_KEY_SHA
		     ", limits: { tokens: 1/day } } ] }\n"
		     "budgets:\n"
		     "  - { name: a, match: { tag.x: y, tier: t }, limits: { %s } }\n"
		     "  - { name: b, match: { tag.x: y, tier: u }, limits: { %s } }\n",
		limits, budget, budget);
}

START_TEST(as_many_as_a_path_has)
{
	struct conf_error err = { { 0 } };
	char yaml[4096];
	unsigned n = 0;

	crowd(yaml, sizeof yaml, QUOTA_PATH_MAX - 13);
	begin(yaml);
	open_plan(f.conf);
	for (const char *p = path_of(f.conf, "{\"x\":\"y\"}"); (p = strchr(p, '=')) != NULL; p++)
		n++;
	ck_assert_uint_eq(n, QUOTA_PATH_MAX);
	crowd(yaml, sizeof yaml, QUOTA_PATH_MAX - 12);
	ck_assert_ptr_null(fake_plan(f.resolver, yaml, 2, &err));
	ck_assert_msg(
		strstr(err.text, ":6:") != NULL &&
			strstr(err.text, ": 25 limits apply to requests of key 'k' (its own, its "
					 "tenant's with the tier's, its tier's pool's, its org's, "
					 "its budgets'); at most "
					 "24 are possible") != NULL,
		"%s", err.text);
	done();
}
END_TEST

/* ---- accounts, and a reload */

#define ONE(limits) BASE "tenants: { me: { limits: { " limits " }, " KEY " } }\n"

START_TEST(a_reload_shares_accounts)
{
	struct tg_conf *next;
	struct quota_account *a;

	begin(ONE("requests: [ 5/day, 9/2h, 7/min ], concurrency: 3"));
	ck_assert_str_eq(open_plan(f.conf),
		"tenant:me/requests/day" D " tenant:me/requests/2h/2026-11-28T10Z "
		"tenant:me/requests/2h/2026-11-28T11Z tenant:me/requests/2h/2026-11-28T12Z");
	a = quota_table_find_name(table, STR("tenant:me/requests/day" D), QUOTA_REQUESTS);
	ck_assert_ptr_nonnull(a);
	quota_account_restore(a, 4);

	/* the same ones, with other limits; only what is new is new */
	next = another(ONE("requests: [ 6/day, 2/2h, 8/min, 1/month ], concurrency: 1"));
	ck_assert_str_eq(open_plan(next), "tenant:me/requests/month/2026-11");
	ck_assert_str_eq(path_of(next, ""),
		"tenant:me/requests/day" D
		"=6 tenant:me/requests/2h=2 tenant:me/requests/rate/min=8 "
		"tenant:me/requests/month/2026-11=1 tenant:me/concurrency=1");
	ck_assert_ptr_eq(atomic_load(&next->quota.slots[0].now), a);
	ck_assert_ptr_eq(atomic_load(&f.conf->quota.slots[0].now), a);
	ck_assert_int_eq(atomic_load(&a->committed), 4);
	ck_assert_int_eq(atomic_load(&a->settled), 4);
	plan_put(next);

	/* the first plan is still whole */
	ck_assert_int_eq(quota_account_headroom(a, now), 2);
	quota_account_put(a);
	ck_assert_str_ne(path_of(f.conf, ""), "missing");
	done();
}
END_TEST

/* What a plan took until there was no room, it gives back. */
START_TEST(no_room_for_all)
{
	struct quota_table *small = quota_table_new(2), *was = table;
	char why[256] = "";

	begin(ONE("requests: [ 5/day, 5/month, 5/year ]"));
	fresh_n = 0;
	ck_assert_int_eq(plan_quota_open(f.conf, small, now, fresh, &fresh_n, why, sizeof why), -1);
	ck_assert_msg(strstr(why, "no room for the account `tenant:me/requests/year/2026`") != NULL,
		"%s", why);
	ck_assert_str_eq(path_of(f.conf, ""), "missing");
	table = small;
	done();
	teardown();
	table = was;
}
END_TEST

/* The names of days are the same everywhere, the days are not. */
START_TEST(a_reload_changes_the_zone)
{
	static const char *const zones[] = { "America/Los_Angeles", "Asia/Tokyo" };
	char yaml[512];

	for (int rolling = 0; rolling < 2; rolling++)
		for (size_t i = 0; i < TG_ARRAY_LEN(zones); i++) {
			struct tg_conf *next;
			struct quota_account *a;

			at(TODAY + 12 * HR);
			begin(rolling ? ONE("requests: 5/3d") : ONE("requests: 5/day"));
			open_plan(f.conf);
			snprintf(yaml, sizeof yaml,
				BASE "tenants: { me: { timezone: %s, limits: { requests: %s }, " KEY
				     " } }\n",
				zones[i], rolling ? "6/3d" : "6/day");
			next = another(yaml);
			open_plan(next);
			a = atomic_load(&next->quota.slots[0].now);
			if (!rolling)
				ck_assert_int_eq(a->end.us, TODAY + (i == 0 ? 32 * HR : 15 * HR));
			for (int half_hours = 0; half_hours < 96; half_hours++) {
				ck_assert_msg(strcmp(path_of(next, ""), "missing") != 0,
					"%s, after %d half hours", zones[i], half_hours);
				at(now.wall.us + HR / 2 - 1);
				plan_quota_turn(next, table, now);
				at(now.wall.us + 1);
			}
			plan_put(next);
			done();
			quota_table_sweep(table, now);
		}
}
END_TEST

/* ---- the clock */

static int64_t refs_of(const struct quota_account *a)
{
	return (int64_t)(atomic_load(&a->refs) & 0xffffffff);
}

START_TEST(across_the_end_of_a_period)
{
	struct quota_account *first, *second;
	struct quota_slot *s;

	begin(ONE("requests: 5/day"));
	open_plan(f.conf);
	s = f.conf->quota.slots;
	first = atomic_load(&s->now);

	at(TODAY + DAY - 30 * SEC - 1);
	plan_quota_turn(f.conf, table, now);
	ck_assert_ptr_null(atomic_load(&s->next));
	at(TODAY + DAY - 30 * SEC);
	plan_quota_turn(f.conf, table, now);
	second = atomic_load(&s->next);
	ck_assert_ptr_nonnull(second);
	ck_assert_int_eq(second->start.us, TODAY + DAY);
	plan_quota_turn(f.conf, table, now); /* once */
	ck_assert_ptr_eq(atomic_load(&s->next), second);
	ck_assert_int_eq(refs_of(second), 2);

	/* workers are on time, whenever the control thread is */
	at(TODAY + DAY - 1);
	ck_assert_str_eq(path_of(f.conf, ""), "tenant:me/requests/day" D "=5");
	at(TODAY + DAY);
	ck_assert_ptr_eq(atomic_load(&s->now), first);
	ck_assert_str_eq(path_of(f.conf, ""), "tenant:me/requests/day/2026-11-29=5");
	plan_quota_turn(f.conf, table, now);
	ck_assert_ptr_eq(atomic_load(&s->now), second);
	ck_assert_ptr_null(atomic_load(&s->next));
	ck_assert_str_eq(path_of(f.conf, ""), "tenant:me/requests/day/2026-11-29=5");

	/* who has just read the first one may still look at it, for one period */
	ck_assert_int_eq(refs_of(first), 2);
	ck_assert_uint_eq(quota_table_sweep(table, now), 0);
	at(TODAY + 2 * DAY - SEC);
	plan_quota_turn(f.conf, table, now);
	ck_assert_int_eq(refs_of(first), 2);
	at(TODAY + 2 * DAY);
	plan_quota_turn(f.conf, table, now);
	ck_assert_int_eq(refs_of(first), 1);
	ck_assert_int_eq(refs_of(second), 2);
	ck_assert_uint_eq(quota_table_sweep(table, now), 1);
	ck_assert_str_eq(path_of(f.conf, ""), "tenant:me/requests/day/2026-11-30=5");
	done();
}
END_TEST

/* Days of their own: the tenant's, its org's, a budget's. */
START_TEST(each_scope_has_its_zone)
{
	begin(BASE "orgs: { o: { timezone: Asia/Tokyo, limits: { requests: 1/day } } }\n"
		   "tenants: { me: { org: o, timezone: America/Los_Angeles, limits: { requests: "
		   "1/day }, keys: [ { id: k, sha256: " FAKE_KEY_SHA
		   ", limits: { requests: 1/day } } ] } }\n"
		   "budgets: [ { name: b, limits: { requests: 1/day } } ]\n");
	at(TODAY + 20 * HR);
	open_plan(f.conf);
	ck_assert_str_eq(path_of(f.conf, ""),
		"key:k/requests/day" D "@America/Los_Angeles=1 tenant:me/requests/day" D
		"@America/Los_Angeles=1 org:o/requests/day/2026-11-29@Asia/Tokyo=1 "
		"budget:b/requests/day" D "=1");
	ck_assert_int_eq(
		atomic_load(&f.conf->tenants[0].quota.slot[0].now)->end.us, TODAY + DAY + 8 * HR);
	ck_assert_ptr_eq(
		f.conf->tenants[0].zone, plan_find_key(f.conf, STR(FAKE_KEY))->quota.slot->zone);
	ck_assert_uint_eq(f.conf->quota.n_zones, 3);
	done();
	/* absent: its org's */
	begin(BASE "orgs: { o: { timezone: Asia/Tokyo } }\n"
		   "tenants: { me: { org: o, limits: { requests: 1/day }, " KEY " } }\n");
	open_plan(f.conf);
	ck_assert_str_eq(path_of(f.conf, ""), "tenant:me/requests/day/2026-11-29@Asia/Tokyo=1");
	done();
}
END_TEST

/* The machine slept: what is over is passed over. */
START_TEST(a_leap_ahead)
{
	begin(ONE("requests: 5/day, generations: 5/lifetime, tokens: 5/3h"));
	open_plan(f.conf);
	at(TODAY + 10 * DAY);
	ck_assert_str_eq(path_of(f.conf, ""), "missing");
	plan_quota_turn(f.conf, table, now);
	ck_assert_str_eq(path_of(f.conf, ""),
		"tenant:me/tokens/3h=5 tenant:me/requests/day/2026-12-08=5 "
		"tenant:me/generations/lifetime=5");
	/* with the next one made before, too */
	at(TODAY + 11 * DAY - SEC);
	plan_quota_turn(f.conf, table, now);
	at(TODAY + 20 * DAY);
	plan_quota_turn(f.conf, table, now);
	ck_assert_str_ne(path_of(f.conf, ""), "missing");
	done();
}
END_TEST

START_TEST(a_clock_that_was_set_back)
{
	begin(ONE("requests: 5/day"));
	at(TODAY + DAY - SEC);
	open_plan(f.conf);
	plan_quota_turn(f.conf, table, now);
	at(TODAY + DAY + SEC);
	plan_quota_turn(f.conf, table, now);
	/* the period stays, on both sides; nothing is had twice */
	at(TODAY + DAY - HR);
	ck_assert_str_eq(path_of(f.conf, ""), "tenant:me/requests/day/2026-11-29=5");
	plan_quota_turn(f.conf, table, now);
	ck_assert_str_eq(path_of(f.conf, ""), "tenant:me/requests/day/2026-11-29=5");
	at(TODAY + DAY + HR);
	plan_quota_turn(f.conf, table, now);
	ck_assert_str_eq(path_of(f.conf, ""), "tenant:me/requests/day/2026-11-29=5");
	ck_assert_uint_eq(quota_table_count(table), 2);
	done();
}
END_TEST

/* ---- rolling windows */

static enum quota_result take(struct quota_account *a, int64_t amount)
{
	struct quota_account *charged;
	enum quota_result r = quota_account_take(a, amount, now, &charged);

	if (r == QUOTA_OK) {
		quota_account_settle(charged, amount, amount, now);
		if (charged != a)
			quota_account_put(charged);
	}
	return r;
}

START_TEST(a_window_rolls)
{
	struct quota_account *head;

	begin(ONE("requests: 10/3h"));
	at(TODAY + 12 * HR);
	open_plan(f.conf);
	head = atomic_load(&f.conf->quota.slots[0].now);
	ck_assert_int_eq(quota_window_until(head).us, TODAY + 13 * HR);
	/* nobody comes for hours */
	for (int ticks = 0; ticks < 12 * 180; ticks++) {
		at(now.wall.us + 20 * SEC);
		plan_quota_turn(f.conf, table, now);
		ck_assert_int_gt(quota_window_until(head).us, now.wall.us);
		ck_assert_int_le(quota_window_until(head).us, now.wall.us + HR + 30 * SEC);
	}
	/* 2 an hour: 3 hours and the open one have 8 */
	for (int h = 0; h < 30; h++) {
		int64_t hour = TODAY + (24 + h) * HR;

		at(hour + HR / 2);
		plan_quota_turn(f.conf, table, now);
		ck_assert_int_eq(quota_window_until(head).us, hour + HR);
		ck_assert_int_eq(take(head, 2), QUOTA_OK);
		ck_assert_int_eq(quota_window_committed(head, now.wall), 2 * TG_MIN(h + 1, 4));
		ck_assert_int_eq(quota_account_headroom(head, now), 10 - 2 * TG_MIN(h + 1, 4));
		/* the next one is there before it is due, and open from its first microsecond */
		at(hour + HR - 30 * SEC);
		plan_quota_turn(f.conf, table, now);
		ck_assert_int_eq(quota_window_until(head).us, hour + 2 * HR);
		at(hour + HR - 1);
		ck_assert_int_eq(quota_window_committed(head, now.wall), 2 * TG_MIN(h + 1, 4));
		at(hour + HR);
		ck_assert_int_eq(quota_window_committed(head, now.wall), 2 * TG_MIN(h + 1, 3));
		quota_table_sweep(table, now);
	}
	ck_assert_uint_le(quota_table_count(table), 1 + 5 + 1);
	ck_assert_str_eq(path_of(f.conf, ""), "tenant:me/requests/3h=10");
	done();
}
END_TEST

/* What is spent at once after a leap is in the window as long as ever. */
START_TEST(a_window_after_a_leap)
{
	struct quota_account *head;

	begin(ONE("requests: 10/3h"));
	open_plan(f.conf);
	head = atomic_load(&f.conf->quota.slots[0].now);
	ck_assert_int_eq(take(head, 10), QUOTA_OK);
	at(TODAY + 10 * DAY + HR / 2);
	plan_quota_turn(f.conf, table, now);
	ck_assert_int_eq(quota_account_headroom(head, now), 10);
	ck_assert_int_eq(take(head, 10), QUOTA_OK);
	for (int ticks = 0; ticks < 3 * 3600; ticks++) {
		at(now.wall.us + SEC);
		plan_quota_turn(f.conf, table, now);
		ck_assert_int_eq(take(head, 1), QUOTA_LACKS);
	}
	at(TODAY + 10 * DAY + 4 * HR);
	plan_quota_turn(f.conf, table, now);
	ck_assert_int_eq(take(head, 1), QUOTA_OK);
	done();
}
END_TEST

/* The window was forgotten, a bucket was not: it is visited with the others, to be raised to what
 * the ledger has. */
START_TEST(a_bucket_that_is_still_there)
{
	const char *name = "tenant:me/requests/2h/2026-11-28T11Z";
	struct quota_account *bucket;

	begin(ONE("requests: 9/2h"));
	open_plan(f.conf);
	bucket = quota_table_find_name(table, str_z(name), QUOTA_REQUESTS);
	ck_assert_ptr_nonnull(bucket);
	done();
	quota_table_sweep(table, now);
	ck_assert_uint_eq(quota_table_count(table), 1);
	begin(ONE("requests: 9/2h"));
	visited[0] = '\0';
	ck_assert_str_eq(open_plan(f.conf),
		"tenant:me/requests/2h/2026-11-28T10Z tenant:me/requests/2h/2026-11-28T11Z "
		"tenant:me/requests/2h/2026-11-28T12Z");
	quota_account_put(bucket);
	done();
}
END_TEST

/* ---- workers beside the control thread */

static void move_on(void)
{
	plan_quota_turn(f.conf, table, now);
}

/* A worker that looks while the slot moves on finds the one or the other. */
START_TEST(a_worker_looks_at_that_moment)
{
	begin(ONE("generations: 5/hour"));
	at(TODAY);
	open_plan(f.conf);
	for (int64_t h = 1; h <= 4; h++) {
		struct quota_account *was = atomic_load(&f.conf->quota.slots[0].now);
		const char *path;

		at(TODAY + h * HR - SEC);
		plan_quota_turn(f.conf, table, now);
		at(TODAY + h * HR);
		look_at = (unsigned)h; /* before the first look, the second, never */
		before_look = move_on;
		path = path_of(f.conf, "");
		before_look = NULL;
		ck_assert_str_ne(path, "missing");
		ck_assert_ptr_eq(quota_table_find_name(table, was->name, QUOTA_GENERATIONS), was);
		quota_account_put(was);
		move_on();
	}
	done();
}
END_TEST

/* Nothing is lost and nothing is there twice; a rate of nothing is none. */
START_TEST(shares)
{
	static const int64_t amounts[] = { 0, 1, 2, 3, 31, 32, 33, 1000, QUOTA_AMOUNT_MAX };

	for (size_t i = 0; i < TG_ARRAY_LEN(amounts); i++)
		for (unsigned members = 1; members <= 32; members++) {
			struct quota_limit l = { .kind = QUOTA_GAUGE, .amount = amounts[i] };
			int64_t sum = 0, first = plan_quota_share(&l, members, 0), part;

			for (unsigned k = 0; k < members; k++) {
				part = plan_quota_share(&l, members, k);
				ck_assert_int_le(part, first);
				ck_assert_int_ge(part, first - 1);
				sum += part;
			}
			ck_assert_int_eq(sum, amounts[i]);
			l.kind = QUOTA_RATE;
			ck_assert_int_eq(
				plan_quota_share(&l, members, members - 1), TG_MAX(part, 1));
		}
}
END_TEST

static unsigned n_new;

static void count_new(struct quota_account *a)
{
	ck_assert_int_eq((int)a->kind, (int)QUOTA_STOCK);
	ck_assert(a->end.us > TODAY + DAY - 1); /* no bucket */
	n_new++;
}

/* Of a calendar period all is to be had, from Redis; of all else this member's part. */
START_TEST(members_share)
{
	plan_quota_on_new(count_new);
	n_new = 0;
	begin("member: b\nredis: { url: 'redis://127.0.0.1:9', members: [ c, b, a ] }\n" ONE(
		"requests: [ 5/day, 8/2h, 2/min ], concurrency: 4"));
	(void)open_plan(f.conf);
	plan_quota_on_new(NULL);
	ck_assert_str_eq(path_of(f.conf, ""),
		"tenant:me/requests/day" D
		"=5 tenant:me/requests/2h=3 tenant:me/requests/rate/min=1 tenant:me/concurrency=1");
	ck_assert_uint_eq(n_new, 1);
	done();
}
END_TEST

/* ---- a start just after the end of a period, where members share limits */

static struct lease_member *member;

static void lease_new(struct quota_account *a)
{
	(void)lease_add(member, a, atomic_load(&a->limit), now.mono);
}

static void member_begin(void)
{
	static const struct str members[] = { { "a", 1 }, { "b", 1 } };
	const struct lease_config cfg = { .name = STR("a"),
		.members = members,
		.n_members = 2,
		.version = 1,
		.revalidate_us = 60 * SEC };

	member = lease_member_new(&cfg, 1, NULL, NULL);
	for (unsigned i = 0; i < LEASE_BUCKETS; i++) {
		ck_assert_int_eq(lease_epoch_restore(member, i, STR("1.1.1.a")), 0);
		lease_bucket_up(member, i, STR("run"), now.mono);
	}
	plan_quota_on_new(lease_new);
}

static void member_end(void)
{
	plan_quota_on_new(NULL);
	lease_member_free(member);
}

/* What the member's first calls say was spent of the account; -1: nothing. */
static int64_t told_of(const char *account)
{
	static struct lease_call call;
	int64_t s = -1;
	mono_us again;

	while (lease_due(member, now.mono, &call, &again))
		for (unsigned i = 0; i < call.n; i++)
			if (str_eq(call.item[i].name, str_z(account)))
				s = call.item[i].s;
	return s;
}

/*
 * A centre that has lost something, or whose clock is behind, may still grant of a period that has
 * just ended: what was spent in it must be known there.
 */
START_TEST(what_has_just_ended_is_told)
{
	static const char yesterday[] = "tenant:me/requests/day/2026-11-27";
	const char *limits =
		"requests: [ 5/day, 5/month, 5/lifetime, 8/2h, 2/min ], generations: 5/hour";
	struct quota_account *a;
	struct tg_conf *next;
	char yaml[512];

	at(TODAY + HR / 2);
	member_begin();
	snprintf(yaml, sizeof yaml, BASE "tenants: { me: { limits: { %s }, " KEY " } }\n", limits);
	begin(yaml);
	ck_assert_str_eq(open_plan(f.conf),
		"tenant:me/requests/day" D " tenant:me/requests/day/2026-11-27 "
		"tenant:me/requests/month/2026-11 tenant:me/requests/lifetime "
		"tenant:me/requests/2h/2026-11-27T22Z tenant:me/requests/2h/2026-11-27T23Z "
		"tenant:me/requests/2h/2026-11-28T00Z "
		"tenant:me/generations/hour" D "T00 tenant:me/generations/hour/2026-11-27T23 "
		"tenant:me/generations/hour/2026-11-27T22 "
		"tenant:me/generations/hour/2026-11-27T21");
	next = another(yaml);
	ck_assert_str_eq(open_plan(next), "");
	plan_put(next);
	a = quota_table_find_name(table, str_z(yesterday), QUOTA_REQUESTS);
	ck_assert_ptr_nonnull(a);
	quota_account_restore(a, 3);
	quota_account_put(a);
	ck_assert_int_eq(told_of(yesterday), 3);
	ck_assert(strstr(path_of(f.conf, ""), "11-27") == NULL); /* requests do not find it */
	done();
	member_end();
}
END_TEST

/* Long after, and where nobody else has the limit: there is nobody to be told. */
START_TEST(what_ended_is_over)
{
	at(TODAY + 3 * HR);
	member_begin();
	begin(ONE("requests: 5/day"));
	ck_assert_str_eq(open_plan(f.conf), "tenant:me/requests/day" D);
	done();
	member_end();
	at(TODAY + HR);
	begin(ONE("tokens: 5/day"));
	ck_assert_str_eq(open_plan(f.conf), "tenant:me/tokens/day" D);
	done();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_order_of_a_path);
	tcase_add_test(tc, without_limits_or_a_key);
	tcase_add_loop_test(tc, an_own_limit_replaces_the_tier_s, 0, (int)TG_ARRAY_LEN(replaced));
	tcase_add_test(tc, as_many_as_a_path_has);
	tcase_add_test(tc, a_reload_shares_accounts);
	tcase_add_test(tc, no_room_for_all);
	tcase_add_test(tc, a_reload_changes_the_zone);
	tcase_add_test(tc, across_the_end_of_a_period);
	tcase_add_test(tc, each_scope_has_its_zone);
	tcase_add_test(tc, a_leap_ahead);
	tcase_add_test(tc, a_clock_that_was_set_back);
	tcase_add_test(tc, a_window_rolls);
	tcase_add_test(tc, a_window_after_a_leap);
	tcase_add_test(tc, a_bucket_that_is_still_there);
	tcase_add_test(tc, a_worker_looks_at_that_moment);
	tcase_add_test(tc, shares);
	tcase_add_test(tc, members_share);
	tcase_add_test(tc, what_has_just_ended_is_told);
	tcase_add_test(tc, what_ended_is_over);
}

UNIT_MAIN("plan_quota", tests)
