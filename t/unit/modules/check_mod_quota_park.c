/*
 * check_mod_quota_park.c: requests that lack in an account that others share: they wait for a
 * grant, are tried again when there is news, and are answered when nothing comes; whoever goes away
 * meanwhile leaves nothing behind. The test is the control thread.
 */
#include "unit/modules/ledger_fixture.h"

#include "core/plan_quota.h"

/* A request of `up` holds 400 nano-USD; of its second leg 4200. */
#define YAML                                                                                   \
	"listen: 127.0.0.1:0\n"                                                                \
	"targets:\n"                                                                           \
	"  a: { provider: openai, base_url: http://127.0.0.1:9 }\n"                            \
	"  b: { provider: openai, base_url: http://127.0.0.1:9 }\n"                            \
	"models: { up: { targets: [ { target: a, model: tiny }, { target: b, model: wide } ] " \
	"} }\n"                                                                                \
	"price_overrides:\n"                                                                   \
	"  - { provider: openai, model: tiny, max_output: 100,\n"                              \
	"      per_mtok: { input: 0.001, output: 0.003 } }\n"                                  \
	"  - { provider: openai, model: wide, max_output: 100,\n"                              \
	"      per_mtok: { input: 0.002, output: 0.04 } }\n"                                   \
	"orgs: { acme: { limits: { requests: 100/lifetime } } }\n"                             \
	"tenants: { me: { org: acme, limits: { cost: 1 usd/lifetime }, keys: [ { id: k, "      \
	"sha256: " FAKE_KEY_SHA " } ] } }\n"
#define HOLD 400
#define MORE 4200

static struct quota_table *table;
static struct quota_attention attention;
static struct quota_account *cost, *requests; /* leased, both */
static unsigned woken;

static void on_wake(void *arg)
{
	(void)arg;
	woken++;
}

static void not_new(void *arg, const struct quota_slot *s, struct quota_account *a)
{
	(void)arg;
	(void)s;
	(void)a;
}

static struct quota_account *leased(const char *name, enum quota_dim dim, int64_t granted)
{
	struct quota_account *a = quota_table_find_name(table, str_z(name), dim);

	ck_assert_msg(a != NULL, "no %s", name);
	quota_account_put(a); /* the plan has one */
	quota_account_lease(a, &attention);
	atomic_store(&a->unsure, false);
	quota_account_grant(a, granted);
	return a;
}

static void begin(void)
{
	const struct quota_time now = { clock_wall(), clock_mono() };
	char why[256] = "";

	setup_with(YAML);
	woken = 0;
	attention = (struct quota_attention){ .wake = on_wake };
	table = quota_table_new(64);
	ck_assert_msg(plan_quota_open(f.conf, table, now, not_new, NULL, why, sizeof why) == 0,
		"%s", why);
	cost = leased("tenant:me/cost/lifetime", QUOTA_COST, 0);
	requests = leased("org:acme/requests/lifetime", QUOTA_REQUESTS, 100);
	open_journal(JOURNAL_GROUP);
}

static void attend(void)
{
	struct quota_account *a = quota_attention_take(&attention), *next;

	for (; a != NULL; a = next) {
		next = a->attended;
		(void)quota_account_attended(a, UINT32_MAX);
		quota_account_put(a);
	}
}

static void finish(void)
{
	fake_drop(&f);
	attend();
	ck_assert_int_eq(atomic_load(&cost->waiting), 0);
	ck_assert_int_eq(atomic_load(&requests->waiting), 0);
	ck_assert_int_eq(atomic_load(&cost->committed), atomic_load(&cost->settled));
	ck_assert_uint_eq(atomic_load(&f.w.quota_line.n), 0);
	teardown();
	quota_table_free(table); /* with a reference too many it would not come back */
}

static int client[8];
static unsigned n_clients;

static struct req *sending(void)
{
	struct req *r = asking(POST, "up");

	client[n_clients++] = f.client; /* stays */
	f.client = -1;
	send_it(r);
	return r;
}

static void hang_up(void)
{
	while (n_clients > 0)
		close(client[--n_clients]);
}

static void turns_until_answered(struct req *r)
{
	int64_t end = clock_mono().us + 30000000;

	while (r->status == 0 && clock_mono().us < end) {
		ck_assert_int_ge(event_base_loop(f.w.base, EVLOOP_NONBLOCK), 0);
		f.w.now_valid = false; /* not the end of the turn: it is looked at */
	}
}

static void check_waiting(int64_t waiting, unsigned line)
{
	ck_assert_int_eq(atomic_load(&cost->waiting), waiting);
	ck_assert_uint_eq(atomic_load(&f.w.quota_line.n), line);
}

START_TEST(granted)
{
	struct req *r[2];

	begin();
	r[0] = sending();
	r[1] = sending();
	ck_assert_uint_eq(n_sent, 0);
	check_waiting(2 * HOLD, 2);
	ck_assert_uint_eq(woken, 1);
	/* news of others */
	quota_line_news(&f.w);
	ck_assert_uint_eq(n_sent, 0);
	check_waiting(2 * HOLD, 2);
	/* enough for one: who came first */
	quota_account_grant(cost, HOLD + 1);
	quota_line_news(&f.w);
	ck_assert_uint_eq(n_sent, 1);
	check_waiting(HOLD, 1);
	ck_assert(r[0]->hold.open && !r[1]->hold.open);
	quota_account_grant(cost, 2 * HOLD);
	quota_line_news(&f.w);
	ck_assert_uint_eq(n_sent, 2);
	check_waiting(0, 0);
	ck_assert_int_eq(atomic_load(&cost->committed), 2 * HOLD);
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_QUOTA_PARKED]), 2);
	for (int i = 0; i < 2; i++) {
		answered(r[i], 10, 5);
		req_finish(r[i], END_OK);
	}
	ck_assert_int_eq(atomic_load(&cost->settled), 50);
	ck_assert_str_eq(types(), "hold hold settle settle");
	finish();
	hang_up();
}
END_TEST

/* Nobody knows in time: 503. The centre has said that it has nothing: 429, and at once from then
 * on. */
START_TEST(not_granted)
{
	struct req *r;

	begin();
	r = sending();
	turns_until_answered(r);
	ck_assert_int_eq(r->status, 503);
	check_waiting(0, 0);

	r = sending();
	check_waiting(HOLD, 1);
	atomic_store(&cost->refused_until_us, INT64_MAX);
	quota_line_news(&f.w);
	ck_assert_int_eq(r->status, 429);
	check_waiting(0, 0);
	r = sending();
	ck_assert_int_eq(r->status, 429);

	atomic_store(&cost->unsure, QUOTA_UNSURE_LEARNING);
	r = sending();
	ck_assert_int_eq(r->status, 503);
	ck_assert_uint_eq(n_sent, 0);
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_QUOTA_PARKED]), 2);
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_QUOTA_UNAVAILABLE_LATE]), 1);
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_QUOTA_UNAVAILABLE_LEARNING]), 1);
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_QUOTA_DENIED]), 2);
	ck_assert_str_eq(types(), ""); /* nothing of it is in the ledger */
	finish();
	hang_up();
}
END_TEST

/* What lacks is another account at the second look. */
START_TEST(another_lacks)
{
	struct req *r;

	begin();
	quota_account_grant(requests, 0);
	r = sending();
	check_waiting(HOLD, 1);
	ck_assert_int_eq(atomic_load(&requests->waiting), 0);
	quota_account_grant(cost, HOLD);
	quota_line_news(&f.w);
	check_waiting(0, 1);
	ck_assert_int_eq(atomic_load(&requests->waiting), 1);
	ck_assert_int_eq(atomic_load(&cost->committed), 0);
	quota_account_grant(requests, 1);
	quota_line_news(&f.w);
	ck_assert_uint_eq(n_sent, 1);
	ck_assert(r->hold.open);
	ck_assert_int_eq(atomic_load(&requests->waiting), 0);
	finish();
	hang_up();
}
END_TEST

START_TEST(client_goes)
{
	struct req *r[3];

	begin();
	for (int i = 0; i < 3; i++)
		r[i] = sending();
	check_waiting(3 * HOLD, 3);
	req_abort(r[1], END_CLIENT_GONE);
	check_waiting(2 * HOLD, 2);
	quota_account_grant(cost, 2 * HOLD);
	quota_line_news(&f.w);
	ck_assert_uint_eq(n_sent, 2);
	finish();
	hang_up();
}
END_TEST

/* The first leg's hold stays while the second one waits, and is settled whatever becomes of it. */
START_TEST(second_leg)
{
	struct req *r;

	begin();
	quota_account_grant(cost, HOLD);
	r = sending();
	ck_assert_uint_eq(n_sent, 1);
	reached(r, 500);
	reroute(r);
	ck_assert_uint_eq(n_sent, 1);
	check_waiting(MORE - HOLD, 1);
	ck_assert_int_eq(atomic_load(&cost->committed), HOLD);
	ck_assert_uint_eq(r->leg.no, 1);
	quota_account_grant(cost, MORE);
	quota_line_news(&f.w);
	ck_assert_uint_eq(n_sent, 2);
	ck_assert_uint_eq(r->leg.no, 2);
	ck_assert_str_eq(types(), "hold leg");
	check_waiting(0, 0);
	answered(r, 10, 5);
	req_finish(r, END_OK);
	ck_assert_str_eq(types(), "settle");

	/* the same, and nothing comes */
	quota_account_grant(cost, atomic_load(&cost->settled) + HOLD);
	r = sending();
	reached(r, 500);
	reroute(r);
	check_waiting(MORE - HOLD, 1);
	turns_until_answered(r);
	ck_assert_int_eq(r->status, 503);
	ck_assert_str_eq(types(), "hold settle");
	finish();
	hang_up();
}
END_TEST

START_TEST(cut_off)
{
	begin();
	for (int i = 0; i < 3; i++)
		sending();
	check_waiting(3 * HOLD, 3);
	finish(); /* the worker is drained */
	hang_up();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, granted);
	tcase_add_test(tc, not_granted);
	tcase_add_test(tc, another_lacks);
	tcase_add_test(tc, client_goes);
	tcase_add_test(tc, second_leg);
	tcase_add_test(tc, cut_off);
}

UNIT_MAIN("mod_quota_park", tests)
