/*
 * check_mod_quota.c: what a request takes of its limits before a leg is sent, and what it leaves
 * there when it is over: in every dimension, whatever ends it, with a real journal, through the
 * pipeline from the ledger's step on. When no request is in work c == s on every account.
 */
#include "unit/modules/ledger_fixture.h"

#include "core/plan_quota.h"
#include "quota/window.h"

static struct quota_table *table;

/* Nano-USD a token: tiny 1 in and 3 out, wide 2 and 40. */
#define MODELS                                                                                   \
	"listen: 127.0.0.1:0\n"                                                                  \
	"targets:\n"                                                                             \
	"  a: { provider: openai, base_url: http://127.0.0.1:9 }\n"                              \
	"  b: { provider: openai, base_url: http://127.0.0.1:9 }\n"                              \
	"models:\n"                                                                              \
	"  up: { targets: [ { target: a, model: tiny }, { target: b, model: wide } ] }\n"        \
	"  down: { targets: [ { target: a, model: wide }, { target: b, model: tiny } ] }\n"      \
	"  mixed: { targets: [ { target: a, model: tiny }, { target: b, model: none } ] }\n"     \
	"  pic: { targets: [ { target: a, model: img }, { target: b, model: img } ] }\n"         \
	"  dear: { targets: { target: a, model: dear } }\n"                                      \
	"  gratis: { targets: { target: a, model: gratis } }\n"                                  \
	"price_overrides:\n"                                                                     \
	"  - { provider: openai, model: tiny, max_output: 100,\n"                                \
	"      per_mtok: { input: 0.001, output: 0.003 } }\n"                                    \
	"  - { provider: openai, model: wide, max_output: 100,\n"                                \
	"      per_mtok: { input: 0.002, output: 0.04 } }\n"                                     \
	"  - { provider: openai, model: img, per_unit: { images: 0.00000004 } }\n"               \
	"  - { provider: openai, model: dear, per_mtok: { input: 1000000, output: 1000000 } }\n" \
	"  - { provider: openai, model: gratis, free: true, max_output: 100 }\n"
/* The org and a budget count beside the tenant. */
#define TENANT(limits)                                                                         \
	MODELS "orgs: { acme: { limits: { cost: 50000000 usd/lifetime, concurrency: 7 } } }\n" \
	       "budgets: [ { name: all, match: { tag.team: search }, limits: { tokens: "       \
	       "50000000000000000/lifetime } } ]\n"                                            \
	       "tenants: { me: { org: acme, limits: { " limits " }, keys: [ { id: k, "         \
	       "sha256: " FAKE_KEY_SHA " } ] } }\n"
#define EACH                                                                                \
	"cost: 50000000 usd/lifetime, tokens: 50000000000000000/lifetime, input_tokens: "   \
	"50000000000000000/lifetime, output_tokens: 50000000000000000/lifetime, requests: " \
	"[ 1000/lifetime, 1000/24h ], generations: 1000/lifetime, concurrency: 5"

static void not_new(void *arg, const struct quota_slot *s, struct quota_account *a)
{
	(void)arg;
	(void)s;
	(void)a;
}

static void start(const char *yaml)
{
	const struct quota_time now = { clock_wall(), clock_mono() };
	char why[256] = "";

	setup_with(yaml);
	table = quota_table_new(256);
	ck_assert_msg(plan_quota_open(f.conf, table, now, not_new, NULL, why, sizeof why) == 0,
		"%s", why);
	open_journal(JOURNAL_GROUP);
}

static void setup_each(void)
{
	start(TENANT(EACH));
}

/* Nothing is in work: all that is committed is settled. */
static void check_quiet(void)
{
	struct quota_account *a;

	for (size_t i = 0; (a = quota_table_next(table, &i)) != NULL;) {
		if (a->kind == QUOTA_STOCK)
			ck_assert_msg(atomic_load(&a->committed) == atomic_load(&a->settled),
				"%.*s: %lld committed, %lld settled", STR_FMT(a->name),
				(long long)atomic_load(&a->committed),
				(long long)atomic_load(&a->settled));
		if (a->kind == QUOTA_GAUGE)
			ck_assert_int_eq(atomic_load(&a->committed), 0);
		quota_account_put(a);
	}
}

static void finish(void)
{
	fake_drop(&f);
	check_quiet();
	teardown();
	quota_table_free(table); /* with a reference too many it would not come back */
}

/* ---- accounts */

static struct quota_account *account(const char *name, enum quota_dim dim)
{
	struct quota_account *a = quota_table_find_name(table, str_z(name), dim);

	ck_assert_msg(a != NULL, "no %s", name);
	quota_account_put(a); /* the plan has one */
	return a;
}

static void check_account(
	const char *when, const char *name, enum quota_dim dim, int64_t settled, int64_t held)
{
	const struct quota_account *a = account(name, dim);
	const wall_us now = clock_wall();
	int64_t c = atomic_load(&a->committed), s = atomic_load(&a->settled);

	if (a->kind == QUOTA_ROLLING) {
		c = quota_window_committed(a, now);
		s = quota_window_settled(a, now);
	}
	ck_assert_msg(s == settled && c == settled + held,
		"%s: %s has %lld settled and %lld held, not %lld and %lld", when, name,
		(long long)s, (long long)(c - s), (long long)settled, (long long)held);
}

struct amounts {
	int64_t cost, input, output, requests, generations;
};

/* All accounts of the path. inside: requests in work. */
static void check_all(const char *when, struct amounts settled, struct amounts held, int64_t inside)
{
#define ONE(dim, member) \
	check_account(when, "tenant:me/" #member "/lifetime", dim, settled.member, held.member)
	ONE(QUOTA_COST, cost);
	ONE(QUOTA_REQUESTS, requests);
	ONE(QUOTA_GENERATIONS, generations);
#undef ONE
	check_account(
		when, "tenant:me/requests/24h", QUOTA_REQUESTS, settled.requests, held.requests);
	check_account(when, "tenant:me/input_tokens/lifetime", QUOTA_INPUT_TOKENS, settled.input,
		held.input);
	check_account(when, "tenant:me/output_tokens/lifetime", QUOTA_OUTPUT_TOKENS, settled.output,
		held.output);
	check_account(when, "tenant:me/tokens/lifetime", QUOTA_TOKENS,
		settled.input + settled.output, held.input + held.output);
	check_account(when, "budget:all/tokens/lifetime", QUOTA_TOKENS,
		settled.input + settled.output, held.input + held.output);
	check_account(when, "org:acme/cost/lifetime", QUOTA_COST, settled.cost, held.cost);
	check_account(when, "tenant:me/concurrency", QUOTA_CONCURRENCY, 0, inside);
	check_account(when, "org:acme/concurrency", QUOTA_CONCURRENCY, 0, inside);
}

static const struct amounts nothing;
#define BOUND                       \
	{                           \
		400, 100, 100, 1, 0 \
	} /* of tiny */
static const struct amounts bound = BOUND;

/* ---- one leg */

static const struct {
	const char *what;
	bool sent, whole, stream, metered;
	int status;
	uint64_t in, out;
	enum req_end end;
	enum indeterminate_policy indeterminate;
	struct amounts left;
} ends[] = {
	{ "an answer", 1, 1, 0, 1, 200, 10, 5, END_OK, 0, { 25, 10, 5, 1, 0 } },
	{ "a dearer one", 1, 1, 0, 1, 200, 1000, 2000, END_OK, 0, { 7000, 1000, 2000, 1, 0 } },
	{ "one of nothing", 1, 1, 0, 1, 200, 0, 0, END_OK, 0, { 0, 0, 0, 1, 0 } },
	{ "the client left a stream", 1, 1, 1, 1, 200, 10, 5, END_CLIENT_GONE, 0,
		{ 25, 10, 5, 1, 0 } },
	{ "it left before the status", 1, 1, 1, 0, 0, 0, 0, END_CLIENT_GONE, 0,
		{ 14, 14, 0, 1, 0 } },
	{ "it left an answer that is made all the same", 1, 1, 0, 0, 0, 0, 0, END_CLIENT_GONE, 0,
		BOUND },
	{ "it left before anything was sent", 0, 0, 0, 0, 0, 0, 0, END_CLIENT_GONE, 0, { 0 } },
	{ "the provider's limit", 1, 1, 0, 0, 429, 0, 0, END_OK, 0, { 0 } },
	{ "the client's mistake", 1, 1, 0, 0, 400, 0, 0, END_OK, 0, { 0, 0, 0, 1, 0 } },
	{ "no such thing", 1, 1, 0, 0, 404, 0, 0, END_OK, 0, { 0, 0, 0, 1, 0 } },
	{ "the provider's mistake", 1, 1, 0, 0, 500, 0, 0, END_OK, 0, { 0 } },
	{ "its load", 1, 1, 0, 0, 529, 0, 0, END_OK, 0, { 0 } },
	{ "never sent", 0, 0, 0, 0, 0, 0, 0, END_FAILED, 0, { 0 } },
	{ "half sent", 1, 0, 0, 0, 0, 0, 0, END_FAILED, 0, { 0 } },
	{ "no status", 1, 1, 0, 0, 0, 0, 0, END_FAILED, INDETERMINATE_NONE, { 0 } },
	{ "no status, the input", 1, 1, 0, 0, 0, 0, 0, END_FAILED, INDETERMINATE_INPUT,
		{ 14, 14, 0, 1, 0 } },
	{ "no status, the bound", 1, 1, 0, 0, 0, 0, 0, END_FAILED, INDETERMINATE_BOUND, BOUND },
};

static void add(struct amounts *to, struct amounts v)
{
	to->cost += v.cost;
	to->input += v.input;
	to->output += v.output;
	to->requests += v.requests;
	to->generations += v.generations;
}

START_TEST(one_leg)
{
	struct amounts all = nothing;

	setup_each();
	for (size_t i = 0; i < TG_ARRAY_LEN(ends); i++) {
		struct req *r = asking(POST, "up");

		f.conf->cfg.ledger.indeterminate = (int)ends[i].indeterminate;
		r->stream = ends[i].stream;
		check_all(ends[i].what, all, nothing, 0);
		send_it(r);
		check_all(ends[i].what, all, bound, 1);
		if (ends[i].metered)
			answered(r, ends[i].in, ends[i].out);
		r->leg.sent = ends[i].sent;
		r->leg.sent_whole = ends[i].whole;
		r->leg.status = ends[i].status;
		if (ends[i].end == END_CLIENT_GONE) {
			r->leg.complete = false;
			source = USAGE_PARTIAL;
			req_abort(r, END_CLIENT_GONE);
		} else {
			req_finish(r, ends[i].end);
		}
		add(&all, ends[i].left);
		check_all(ends[i].what, all, nothing, 0);
		check_quiet();
	}
	/* what was more than held, and that alone, is counted */
	ck_assert_int_eq(atomic_load(&account("tenant:me/cost/lifetime", QUOTA_COST)->over), 6600);
	ck_assert_int_eq(
		atomic_load(&account("tenant:me/tokens/lifetime", QUOTA_TOKENS)->over), 2800);
	ck_assert_int_eq(
		atomic_load(&account("tenant:me/requests/lifetime", QUOTA_REQUESTS)->over), 0);
	finish();
}
END_TEST

START_TEST(several_at_once)
{
	struct req *r[3];

	setup_each();
	for (int i = 0; i < 3; i++) {
		r[i] = asking(POST, "up");
		send_it(r[i]);
	}
	check_all("three", nothing, (struct amounts){ 1200, 300, 300, 3, 0 }, 3);
	answered(r[1], 10, 5);
	req_finish(r[1], END_OK);
	check_all("one is over", (struct amounts){ 25, 10, 5, 1, 0 },
		(struct amounts){ 800, 200, 200, 2, 0 }, 2);
	finish(); /* cut off, unsent */
}
END_TEST

/* Nothing that a leg costs, or that a tenant limits. */
START_TEST(without_a_price_or_a_limit)
{
	struct req *r;

	setup_each();
	r = asking(POST, "gratis");
	send_it(r);
	check_all("free of charge", nothing, (struct amounts){ 0, 100, 100, 1, 0 }, 1);
	answered(r, 10, 5);
	req_finish(r, END_OK);
	check_all("free of charge", (struct amounts){ 0, 10, 5, 1, 0 }, nothing, 0);
	/* who has no key has no limits */
	r = asking(POST, "up");
	r->key = NULL;
	r->tenant = NULL;
	send_it(r);
	ck_assert_uint_eq(n_sent, 2);
	answered(r, 10, 5);
	req_finish(r, END_OK);
	check_all("no key", (struct amounts){ 0, 10, 5, 1, 0 }, nothing, 0);
	finish();
	start(MODELS "tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n");
	r = asking(POST, "up");
	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	reached(r, 503);
	reroute(r);
	ck_assert_uint_eq(n_sent, 2);
	answered(r, 10, 5);
	req_finish(r, END_OK);
	ck_assert_uint_eq(quota_table_count(table), 0);
	finish();
}
END_TEST

/* ---- generations, and the ledger's record of them */

#define DRAW "POST /v1/images/generations HTTP/1.1\r\nhost: gw\r\n\r\n"

static struct req *drawing(uint64_t n)
{
	struct req *r = asking(DRAW, "pic");

	r->bound.n = n;
	send_it(r);
	return r;
}

static void drawn(struct req *r, uint64_t n)
{
	answered(r, 0, 0);
	figures = (struct usage){ .n = { [USAGE_IMAGES] = n }, .source = USAGE_PROVIDER };
	r->generations = (uint32_t)n;
}

START_TEST(generations)
{
	const struct quota_account *a;
	struct req *r;

	setup_each();
	a = account("tenant:me/generations/lifetime", QUOTA_GENERATIONS);
	r = drawing(3);
	ck_assert_int_eq(atomic_load(&a->committed), 3);
	check_account("asked for", "tenant:me/cost/lifetime", QUOTA_COST, 0, 120);
	drawn(r, 2);
	req_finish(r, END_OK);
	check_account("made", "tenant:me/generations/lifetime", QUOTA_GENERATIONS, 2, 0);
	check_account("made", "tenant:me/cost/lifetime", QUOTA_COST, 80, 0);
	ck_assert_str_eq(types(), "hold settle");
	ck_assert_uint_eq(seen[0].r.u.hold.generations, 3);
	ck_assert_uint_eq(seen[1].r.u.settle.generations, 2);

	/* not made */
	r = drawing(4);
	ck_assert_int_eq(atomic_load(&a->committed), 6);
	reached(r, 500);
	reroute(r);
	ck_assert_int_eq(atomic_load(&a->committed), 6);
	reached(r, 500);
	req_finish(r, END_FAILED);
	ck_assert_str_eq(types(), "hold leg settle");
	ck_assert_uint_eq(seen[1].r.u.leg.generations, 4);
	ck_assert_uint_eq(seen[2].r.u.settle.generations, 0);
	check_account("failed", "tenant:me/generations/lifetime", QUOTA_GENERATIONS, 2, 0);

	/* more than there are left */
	r = drawing(999);
	ck_assert_uint_eq(n_sent, 3);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 429);
	check_account("refused", "tenant:me/generations/lifetime", QUOTA_GENERATIONS, 2, 0);
	ck_assert_str_eq(types(), "");
	finish();
}
END_TEST

/* ---- two legs */

static const struct {
	const char *what, *model;
	enum indeterminate_policy indeterminate;
	bool first_sent;
	int first;  /* status */
	int second; /* -1: never sent */
	struct amounts held, left;
} legs[] = {
	{ "a dearer one", "up", INDETERMINATE_NONE, true, 503, 200, { 4200, 100, 100, 1, 0 },
		{ 220, 10, 5, 1, 0 } },
	{ "a cheaper one", "down", INDETERMINATE_NONE, true, 503, 200, { 4200, 100, 100, 1, 0 },
		{ 25, 10, 5, 1, 0 } },
	{ "the first one cost too", "up", INDETERMINATE_INPUT, true, 0, 200,
		{ 4214, 114, 100, 1, 0 }, { 234, 24, 5, 1, 0 } },
	{ "the first one alone cost", "up", INDETERMINATE_INPUT, true, 0, 503,
		{ 4214, 114, 100, 1, 0 }, { 14, 14, 0, 1, 0 } },
	{ "and the second was not sent", "up", INDETERMINATE_INPUT, true, 0, -1,
		{ 4214, 114, 100, 1, 0 }, { 14, 14, 0, 1, 0 } },
	{ "the first one's bound", "up", INDETERMINATE_BOUND, true, 0, 200,
		{ 4600, 200, 200, 1, 0 }, { 620, 110, 105, 1, 0 } },
	{ "the second is the provider's limit", "up", INDETERMINATE_NONE, true, 503, 429,
		{ 4200, 100, 100, 1, 0 }, { 0 } },
	{ "both fail", "up", INDETERMINATE_NONE, true, 503, 503, { 4200, 100, 100, 1, 0 }, { 0 } },
	{ "the second is the client's mistake", "up", INDETERMINATE_NONE, true, 503, 400,
		{ 4200, 100, 100, 1, 0 }, { 0, 0, 0, 1, 0 } },
	{ "one failed, the other was not sent", "up", INDETERMINATE_NONE, true, 503, -1,
		{ 4200, 100, 100, 1, 0 }, { 0 } },
	{ "only the second was sent", "up", INDETERMINATE_NONE, false, 0, 200,
		{ 4200, 100, 100, 1, 0 }, { 220, 10, 5, 1, 0 } },
	{ "neither was sent", "up", INDETERMINATE_NONE, false, 0, -1, { 4200, 100, 100, 1, 0 },
		{ 0 } },
};

START_TEST(two_legs)
{
	setup_each();
	for (size_t i = 0; i < TG_ARRAY_LEN(legs); i++) {
		struct req *r = asking(POST, legs[i].model);

		f.conf->cfg.ledger.indeterminate = (int)legs[i].indeterminate;
		send_it(r);
		if (legs[i].first_sent)
			reached(r, legs[i].first);
		reroute(r);
		ck_assert_uint_eq(n_sent, 2 * (i + 1));
		check_account(legs[i].what, "tenant:me/concurrency", QUOTA_CONCURRENCY, 0, 1);
		check_all(legs[i].what, nothing, legs[i].held, 1);
		if (legs[i].second == 200)
			answered(r, 10, 5);
		else if (legs[i].second >= 0)
			reached(r, legs[i].second);
		req_finish(r, END_OK);
		check_all(legs[i].what, legs[i].left, nothing, 0);
		check_quiet();
		/* begin anew */
		fake_drop(&f);
		(void)types();
		finish();
		setup_each();
		n_sent = 2 * ((unsigned)i + 1);
	}
	finish();
}
END_TEST

/* Budgets of targets have what was spent there; the request counts at the last one. */
START_TEST(two_targets)
{
	struct req *r;

	start(MODELS
		"budgets:\n"
		"  - { name: a, match: { target: a }, limits: { cost: 1 usd/lifetime, requests: "
		"1/lifetime } }\n"
		"  - { name: b, match: { target: b, model: up }, limits: { cost: 1 usd/lifetime, "
		"requests: 1/lifetime } }\n"
		"  - { name: c, match: { target: b, model: down }, limits: { cost: 0 usd/lifetime "
		"} }\n"
		"  - { name: all, limits: { cost: 1 usd/lifetime } }\n"
		"tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n");
	f.conf->cfg.ledger.indeterminate = INDETERMINATE_INPUT;
	r = asking(POST, "up");
	send_it(r);
	reached(r, 0);
	check_account("first", "budget:a/cost/lifetime", QUOTA_COST, 0, 400);
	check_account("first", "budget:b/cost/lifetime", QUOTA_COST, 0, 0);
	check_account("first", "budget:all/cost/lifetime", QUOTA_COST, 0, 400);
	reroute(r);
	check_account("second", "budget:a/cost/lifetime", QUOTA_COST, 14, 0);
	check_account("second", "budget:a/requests/lifetime", QUOTA_REQUESTS, 0, 0);
	check_account("second", "budget:b/cost/lifetime", QUOTA_COST, 0, 4200);
	check_account("second", "budget:b/requests/lifetime", QUOTA_REQUESTS, 0, 1);
	check_account("second", "budget:all/cost/lifetime", QUOTA_COST, 0, 4214);
	answered(r, 10, 5);
	req_finish(r, END_OK);
	check_account("over", "budget:a/cost/lifetime", QUOTA_COST, 14, 0);
	check_account("over", "budget:b/cost/lifetime", QUOTA_COST, 220, 0);
	check_account("over", "budget:b/requests/lifetime", QUOTA_REQUESTS, 1, 0);
	check_account("over", "budget:all/cost/lifetime", QUOTA_COST, 234, 0);

	/* the second target's budget is used up: the first one has what it cost, and the request */
	r = asking(POST, "down");
	send_it(r);
	reached(r, 0);
	reroute(r);
	ck_assert(r->settled);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 429);
	ck_assert_str_eq(fake_field(&f, "x-tollgate-denied-by"), "budget/cost");
	check_account("refused", "budget:a/cost/lifetime", QUOTA_COST, 14 + 28, 0);
	check_account("refused", "budget:a/requests/lifetime", QUOTA_REQUESTS, 1, 0);
	check_account("refused", "budget:all/cost/lifetime", QUOTA_COST, 234 + 28, 0);
	finish();
}
END_TEST

/* The second leg does not fit: it is not sent; the first one is charged, and once. */
static const struct {
	const char *what;
	enum indeterminate_policy indeterminate;
	bool sent;
	int status;
	pico_usd billed;
	int64_t cost, tokens, requests;
} refused[] = {
	{ "it failed", INDETERMINATE_NONE, true, 503, 0, 0, 0, 0 },
	{ "it cost its input", INDETERMINATE_INPUT, true, 0, 14000, 14, 14, 1 },
	{ "it cost its bound", INDETERMINATE_BOUND, true, 0, 400000, 400, 200, 1 },
	{ "it was not sent", INDETERMINATE_NONE, false, 0, 0, 0, 0, 0 },
};

START_TEST(a_second_leg_is_refused)
{
	start(TENANT("cost: 0.000001 usd/lifetime, tokens: 10000/lifetime, requests: "
		     "100/lifetime, concurrency: 1"));
	for (size_t i = 0; i < TG_ARRAY_LEN(refused); i++) {
		struct req *r = asking(POST, "up");
		int64_t cost, tokens, requests;

		f.conf->cfg.ledger.indeterminate = (int)refused[i].indeterminate;
		n_sent = 0;
		cost = atomic_load(&account("tenant:me/cost/lifetime", QUOTA_COST)->settled);
		tokens = atomic_load(&account("tenant:me/tokens/lifetime", QUOTA_TOKENS)->settled);
		requests = atomic_load(
			&account("tenant:me/requests/lifetime", QUOTA_REQUESTS)->settled);
		send_it(r);
		check_account("held", "tenant:me/cost/lifetime", QUOTA_COST, cost, 400);
		if (refused[i].sent)
			reached(r, refused[i].status);
		reroute(r);
		ck_assert_uint_eq(n_sent, 1);
		ck_assert(r->settled);
		fake_read(&f);
		ck_assert_int_eq(fake_status(&f), 429);
		ck_assert_str_eq(fake_field(&f, "x-tollgate-denied-by"), "tenant:me/cost/lifetime");
		ck_assert_int_eq(r->leg.no, 1);
		ck_assert_int_eq(r->spent.billed, 0);
		ck_assert_uint_eq(r->spent_tokens.input + r->spent_tokens.output, 0);
		ck_assert_int_eq(r->leg.money.billed, refused[i].billed);
		check_account(refused[i].what, "tenant:me/cost/lifetime", QUOTA_COST,
			cost + refused[i].cost, 0);
		check_account(refused[i].what, "tenant:me/tokens/lifetime", QUOTA_TOKENS,
			tokens + refused[i].tokens, 0);
		check_account(refused[i].what, "tenant:me/requests/lifetime", QUOTA_REQUESTS,
			requests + refused[i].requests, 0);
		check_account(refused[i].what, "tenant:me/concurrency", QUOTA_CONCURRENCY, 0, 0);
		check_account(refused[i].what, "org:acme/cost/lifetime", QUOTA_COST,
			cost + refused[i].cost, 0);
		fake_drop(&f);
		ck_assert_msg(strcmp(types(), refused[i].sent ? "hold settle" : "hold void") == 0,
			"%s: %u records", refused[i].what, n_seen);
		if (refused[i].sent) {
			ck_assert_int_eq(seen[1].r.u.settle.money.billed, refused[i].billed);
			ck_assert_uint_eq(seen[1].r.u.settle.legs, 1);
		}
	}
	finish();
}
END_TEST

/* No price for the second one: the raise is given back. */
START_TEST(a_second_leg_without_a_price)
{
	struct req *r;

	setup_each();
	f.conf->cfg.unpriced.action = UNPRICED_REJECT;
	r = asking(POST, "mixed");
	send_it(r);
	reached(r, 503);
	reroute(r);
	ck_assert_uint_eq(n_sent, 1);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 400);
	check_all("no price", nothing, nothing, 0);
	finish();
}
END_TEST

/* ---- refused */

START_TEST(a_first_leg_is_refused)
{
	struct req *r, *one;

	start(TENANT("cost: 0.000001 usd/lifetime, concurrency: 1"));
	one = asking(POST, "up");
	send_it(one);
	r = asking(POST, "up"); /* as many at a time as there may be */
	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 429);
	ck_assert_str_eq(fake_field(&f, "x-tollgate-denied-by"), "tenant:me/concurrency");
	ck_assert_str_eq(fake_field(&f, "retry-after"), "1");
	check_account("refused", "tenant:me/cost/lifetime", QUOTA_COST, 0, 400);
	check_account("refused", "org:acme/concurrency", QUOTA_CONCURRENCY, 0, 1);
	req_finish(one, END_FAILED);
	check_account("over", "tenant:me/concurrency", QUOTA_CONCURRENCY, 0, 0);

	r = asking(POST, "down"); /* 4,200 of 1,000 */
	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 429);
	ck_assert_ptr_nonnull(strstr(f.got, "more than the whole limit"));
	ck_assert_str_eq(types(), "hold void"); /* of the first one */
	finish();
}
END_TEST

/* A rate has back what never went out, and what the provider refused. */
START_TEST(a_rate)
{
	start(TENANT("requests: 2/hour"));
	for (int i = 0; i < 5; i++) {
		struct req *r = asking(POST, "up");

		send_it(r);
		if (i % 2 == 0)
			reached(r, 500);
		req_finish(r, END_FAILED);
	}
	ck_assert_uint_eq(n_sent, 5);
	for (int i = 0; i < 3; i++) {
		struct req *r = asking(POST, "up");

		send_it(r);
		ck_assert_uint_eq(n_sent, 5 + TG_MIN(i + 1, 2));
		if (i == 2)
			break;
		answered(r, 1, 1);
		req_finish(r, END_OK);
	}
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 429);
	ck_assert_ptr_nonnull(strstr(f.got, "rate_limit_exceeded"));
	ck_assert_ptr_nonnull(fake_field(&f, "retry-after"));
	finish();
}
END_TEST

/* An account that could not be made: nothing is sent that it would not count. */
START_TEST(an_account_is_missing)
{
	struct quota_account *a;
	struct quota_slot *s;
	struct req *r;

	setup_each();
	s = &f.conf->quota.slots[f.conf->quota.n_slots - 1];
	a = atomic_exchange(&s->now, NULL);
	r = asking(POST, "up");
	send_it(r);
	ck_assert_uint_eq(n_sent, 0);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 503);
	ck_assert_ptr_nonnull(strstr(f.got, "quota_unavailable"));
	check_all("missing", nothing, nothing, 0);
	ck_assert_str_eq(types(), "");
	atomic_store(&s->now, a);
	finish();
}
END_TEST

static void put_budgets(char *out, size_t cap, const char *match, char letter, int n)
{
	size_t at = (size_t)snprintf(out, cap, MODELS "budgets:\n");

	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, cap - at,
			"  - { name: %c%d, %s limits: { cost: 1 usd/lifetime } }\n", letter, i,
			match);
	snprintf(out + at, cap - at,
		"tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n");
}

/* Accounts that stay are those of the first leg's plan, the target's of the one that a reload has
 * brought: each fits a path, both do not. */
START_TEST(more_than_a_path_after_a_reload)
{
	const struct quota_time now = { clock_wall(), clock_mono() };
	struct conf_ref ref = { .conf = NULL }, *before;
	struct conf_error err = { { 0 } };
	char yaml[8192], why[256];
	struct req *r;

	put_budgets(yaml, sizeof yaml, "", 'a', 20);
	start(yaml);
	put_budgets(yaml, sizeof yaml, "match: { target: b },", 'b', 10);
	ref.conf = fake_plan(f.resolver, yaml, 2, &err);
	ck_assert_msg(ref.conf != NULL, "%s", err.text);
	ck_assert_int_eq(plan_quota_open(ref.conf, table, now, not_new, NULL, why, sizeof why), 0);
	f.conf->cfg.ledger.indeterminate = INDETERMINATE_INPUT;
	r = asking(POST, "up");
	send_it(r);
	reached(r, 0);
	before = f.w.conf;
	f.w.conf = &ref;
	reroute(r);
	f.w.conf = before;
	ck_assert(r->settled);
	ck_assert_uint_eq(n_sent, 1);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 503);
	check_account("over", "budget:a19/cost/lifetime", QUOTA_COST, 14, 0);
	check_account("over", "budget:b9/cost/lifetime", QUOTA_COST, 0, 0);
	fake_drop(&f);
	plan_put(ref.conf);
	finish();
}
END_TEST

/* ---- the ledger takes no more */

START_TEST(the_ledger_refuses)
{
	unsigned n;
	struct req *r;

	setup_each();
	f.conf->cfg.ledger.indeterminate = INDETERMINATE_INPUT;
	r = asking(POST, "up");
	if (_i == 1) { /* the second leg, when it had been reserved */
		send_it(r);
		reached(r, 0);
	}
	n = fill_up();
	if (_i == 1)
		reroute(r);
	else
		send_it(r);
	ck_assert_uint_eq(n_sent, (unsigned)_i);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 503);
	ck_assert_ptr_nonnull(strstr(f.got, "ledger_unavailable"));
	check_all("no room", _i == 1 ? (struct amounts){ 14, 14, 0, 1, 0 } : nothing, nothing, 0);
	fake_drop(&f);
	empty(n);
	finish();
}
END_TEST

/* ---- figures that no account holds */

START_TEST(bounds_saturate)
{
	const struct amounts most = { INT64_MAX / 1000 + 1, 100, QUOTA_AMOUNT_MAX, 1, 0 };
	struct req *r;

	setup_each();
	r = asking(POST, "dear");
	r->bound.output_known = true;
	r->bound.max_output = UINT64_MAX;
	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	check_account("held", "tenant:me/cost/lifetime", QUOTA_COST, 0, most.cost);
	check_account("held", "tenant:me/output_tokens/lifetime", QUOTA_OUTPUT_TOKENS, 0,
		QUOTA_AMOUNT_MAX);
	check_account("held", "tenant:me/tokens/lifetime", QUOTA_TOKENS, 0, QUOTA_AMOUNT_MAX);
	check_account("held", "tenant:me/input_tokens/lifetime", QUOTA_INPUT_TOKENS, 0, 100);
	answered(r, 3, 2);
	req_finish(r, END_OK);
	check_all("settled", (struct amounts){ INT64_C(5000000000), 3, 2, 1, 0 }, nothing, 0);

	/* what came is as wrong as it likes */
	r = asking(POST, "up");
	send_it(r);
	answered(r, UINT64_MAX, UINT64_MAX);
	req_finish(r, END_OK);
	check_account("settled", "tenant:me/output_tokens/lifetime", QUOTA_OUTPUT_TOKENS,
		2 + QUOTA_AMOUNT_MAX, 0);
	check_account(
		"settled", "tenant:me/tokens/lifetime", QUOTA_TOKENS, 5 + QUOTA_AMOUNT_MAX, 0);
	check_quiet();
	finish();
}
END_TEST

/* Money is rounded up once a request, not once a leg: 1.4 + 2.3 nano is 4, not 5. */
START_TEST(rounded_once)
{
	struct req *r;

	setup_each();
	((struct cfg_target *)(uintptr_t)f.conf->targets[0].cfg)->discount_bp = 9000;
	((struct cfg_target *)(uintptr_t)f.conf->targets[1].cfg)->discount_bp = 9500;
	f.conf->cfg.ledger.indeterminate = INDETERMINATE_INPUT;
	r = asking(POST, "up");
	send_it(r);
	reached(r, 0); /* 14 in: 1.4 */
	reroute(r);
	answered(r, 3, 1); /* 46: 2.3 */
	req_finish(r, END_OK);
	check_account("settled", "tenant:me/cost/lifetime", QUOTA_COST, 4, 0);
	finish();
}
END_TEST

/* Its head came in before the hour began that it is charged to: the ledger says so too, or a
 * restart would not find it there. */
START_TEST(charged_to_a_period_that_began_later)
{
	struct quota_account *hour;
	struct req *r;

	start(TENANT("requests: [ 9/lifetime ], generations: 9/hour, cost: 9 usd/hour"));
	r = asking(POST, "up");
	r->start_wall.us -= INT64_C(2) * 3600 * 1000000;
	r->charged_at = r->start_wall;
	send_it(r);
	hour = atomic_load(&f.conf->tenants[0].quota.slot[0].now);
	ck_assert_int_eq(hour->dim, QUOTA_COST);
	ck_assert_int_eq(r->charged_at.us, hour->start.us);
	req_finish(r, END_OK);
	/* one that began in it is charged when it began */
	r = asking(POST, "up");
	send_it(r);
	ck_assert_int_eq(r->charged_at.us, r->start_wall.us);
	req_finish(r, END_OK);
	finish();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, charged_to_a_period_that_began_later);
	tcase_add_test(tc, one_leg);
	tcase_add_test(tc, several_at_once);
	tcase_add_test(tc, without_a_price_or_a_limit);
	tcase_add_test(tc, generations);
	tcase_add_test(tc, two_legs);
	tcase_add_test(tc, two_targets);
	tcase_add_test(tc, a_second_leg_is_refused);
	tcase_add_test(tc, a_second_leg_without_a_price);
	tcase_add_test(tc, a_first_leg_is_refused);
	tcase_add_test(tc, a_rate);
	tcase_add_test(tc, an_account_is_missing);
	tcase_add_test(tc, more_than_a_path_after_a_reload);
	tcase_add_loop_test(tc, the_ledger_refuses, 0, 2);
	tcase_add_test(tc, bounds_saturate);
	tcase_add_test(tc, rounded_once);
}

UNIT_MAIN("mod_quota", tests)
