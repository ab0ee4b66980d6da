/*
 * check_mod_budget.c: an answer that is held a slice at a time, through the real sinks, limits and
 * journal: what is held is always ahead of what was made, each step is in the journal first, and
 * where something refuses the client gets a whole, short answer.
 */
#include "unit/modules/ledger_fixture.h"

#include "core/plan_quota.h"

#include "mod_budget.c"

static struct quota_table *table;

/* Nano-USD a token: 1 in and 3 out. */
#define YAML_WITH(more, limits)                                                              \
	"listen: 127.0.0.1:0\n"                                                              \
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"               \
	"models: { m: { targets: { target: a, model: long } } }\n"                           \
	"price_overrides: [ { provider: openai, model: long, max_output: 4000, per_mtok: { " \
	"input: 0.001, output: 0.003 } } ]\n"                                                \
	"tiers: { t: { hold: incremental, " more "limits: { " limits " } } }\n"              \
	"tenants: { me: { tier: t, keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n"
#define YAML(limits) YAML_WITH("", limits)
#define YAML_OPEN(limits)                                                                         \
	YAML_WITH("without_redis: { output_tokens: open }, offline_allowance: { share: 100% }, ", \
		limits)

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
	table = quota_table_new(64);
	ck_assert_msg(plan_quota_open(f.conf, table, now, not_new, NULL, why, sizeof why) == 0,
		"%s", why);
	open_journal(JOURNAL_GROUP);
}

static void finish(void)
{
	teardown();
	quota_table_free(table);
}

static struct quota_account *account(const char *name, enum quota_dim dim)
{
	struct quota_account *a = quota_table_find_name(table, str_z(name), dim);

	ck_assert_msg(a != NULL, "no %s", name);
	quota_account_put(a);
	return a;
}

static int64_t held(const struct quota_account *a)
{
	return atomic_load(&a->committed) - atomic_load(&a->settled);
}

/* A streamed chat, sent; its provider begins to answer with this type. */
static struct req *streaming(const char *type)
{
	static char head[256];
	struct req *r = asking(POST, "m");
	enum http_error err = HTTP_E_NONE;
	int n = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\ncontent-type: %s\r\n\r\n", type);

	r->stream = true;
	r->added_usage = true;
	r->body_done = r->keep_alive = true;
	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	reached(r, 200);
	ck_assert_int_eq(http1_response_parse(head, (size_t)n, HTTP_M_POST, &f.w.up_head, &err), 0);
	ck_assert_int_eq(respond_begin(r, &f.w.up_head), 0);
	return r;
}

/* One event of so many bytes of text, about two fifths as many tokens. False: it is over. */
static bool says(struct req *r, size_t bytes)
{
	static char event[8192], text[4000];
	struct iovec iov = { event, 0 };

	ck_assert_uint_lt(bytes, sizeof text);
	memset(text, 'x', bytes);
	iov.iov_len = (size_t)snprintf(event, sizeof event,
		"data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":"
		"\"long\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%.*s\"}}]}\n\n",
		(int)bytes, text);
	ck_assert_int_eq(sink_write(r->sinks, &iov, 1, false), 0);
	return !r->settled;
}

static uint64_t made(struct req *r)
{
	struct usage u;

	r->meter->usage(r, true, &u);
	return usage_output(&u);
}

START_TEST(what_is_held_stays_ahead)
{
	struct quota_account *cost, *out;
	uint64_t last = HOLD_SLICE;
	struct req *r;
	unsigned steps = 0;

	start(YAML("cost: 1 usd/lifetime, output_tokens: 100000/lifetime"));
	cost = account("tenant:me/cost/lifetime", QUOTA_COST);
	out = account("tenant:me/output_tokens/lifetime", QUOTA_OUTPUT_TOKENS);
	r = streaming("text/event-stream");
	ck_assert_int_eq(r->leg.mode, HOLD_INCREMENTAL);
	ck_assert_uint_eq(r->leg.most_output, 4000);
	ck_assert_int_eq(held(out), HOLD_SLICE);
	ck_assert_int_eq(held(cost), 100 + 3 * HOLD_SLICE);
	ck_assert_str_eq(types(), "hold");
	ck_assert_uint_eq(seen[0].r.u.hold.bound.n[USAGE_OUT], HOLD_SLICE);
	for (unsigned i = 0; i < 80; i++) {
		uint64_t now;

		ck_assert(says(r, 100));
		now = r->leg.bound.n[USAGE_OUT];
		ck_assert_uint_ge(now, TG_MIN(made(r) + ASK_BELOW, r->leg.most_output));
		ck_assert_int_eq(held(out), (int64_t)now);
		ck_assert_int_eq(held(cost), (int64_t)(100 + 3 * now));
		if (now == last)
			continue;
		ck_assert_uint_eq(now, TG_MIN(last + HOLD_SLICE, r->leg.most_output));
		ck_assert_str_eq(types(), "extend");
		ck_assert_uint_eq(seen[0].r.u.extend.bound.n[USAGE_OUT], now);
		ck_assert_int_eq(seen[0].r.u.extend.money.billed, (int64_t)(100 + 3 * now) * 1000);
		last = now;
		steps++;
	}
	ck_assert_uint_ge(steps, 5);
	req_abort(r, END_CLIENT_GONE);
	ck_assert_int_eq(held(out), 0);
	ck_assert_int_eq(atomic_load(&out->over), 0);
	ck_assert_str_eq(types(), "settle");
	fake_drop(&f);
	finish();
}
END_TEST

/* r goes with the turn. */
static void ends_cut(struct req *r)
{
	const char *end;

	ck_assert(r->settled);
	ck_assert_int_eq(r->end, END_BUDGET);
	ck_assert_int_eq(r->leg.quality, QUALITY_PARTIAL);
	fake_pump(&f);
	end = strstr(f.got, ": tollgate-budget-exhausted\n\n");
	ck_assert_ptr_nonnull(end);
	ck_assert_ptr_nonnull(strstr(end, "{\"id\":\"c1\",\"object\":\"chat.completion.chunk\","
					  "\"created\":7,\"model\":\"long\",\"choices\":[{"
					  "\"index\":0,\"delta\":{},\"logprobs\":null,"
					  "\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n"));
	ck_assert_msg(strcmp(f.got + f.got_n - 5, "0\r\n\r\n") == 0, "not ended: %s", end);
}

START_TEST(a_limit_ends_it)
{
	struct quota_account *out;
	struct rec_settle *s;
	struct req *r;

	start(YAML("output_tokens: 1500/lifetime"));
	out = account("tenant:me/output_tokens/lifetime", QUOTA_OUTPUT_TOKENS);
	r = streaming("text/event-stream");
	while (says(r, 50))
		ck_assert_int_le(held(out), 1500);
	UNIT_STR_EQ(r->denied, STR("tenant:me/output_tokens/lifetime"));
	ends_cut(r);
	ck_assert_int_eq(held(out), 0);
	ck_assert_int_eq(atomic_load(&out->over), 0);
	/* two slices: 1024; the third has no room */
	ck_assert_int_ge(atomic_load(&out->settled), 2 * HOLD_SLICE - HOLD_MARGIN);
	ck_assert_int_le(atomic_load(&out->settled), 2 * HOLD_SLICE);
	ck_assert_str_eq(types(), "hold extend settle");
	s = &seen[2].r.u.settle;
	ck_assert_int_eq(s->quality, QUALITY_PARTIAL);
	ck_assert_int_eq(s->end, END_BUDGET);
	ck_assert_int_eq((int64_t)s->usage.n[USAGE_OUT], atomic_load(&out->settled));
	fake_drop(&f);
	finish();
}
END_TEST

/* One read brings more than is held, and there is no more: what came is charged, and is over. */
START_TEST(more_than_is_held_is_charged)
{
	struct quota_account *out, *cost;
	uint64_t came;
	struct req *r;

	start(YAML("output_tokens: 600/lifetime, cost: 1 usd/lifetime"));
	out = account("tenant:me/output_tokens/lifetime", QUOTA_OUTPUT_TOKENS);
	cost = account("tenant:me/cost/lifetime", QUOTA_COST);
	r = streaming("text/event-stream");
	ck_assert(!says(r, 3500));
	came = made(r);
	ck_assert_uint_gt(came, HOLD_SLICE);
	ends_cut(r);
	ck_assert_int_eq(atomic_load(&out->settled), (int64_t)came);
	ck_assert_int_eq(atomic_load(&out->over), (int64_t)came - HOLD_SLICE);
	ck_assert_int_eq(held(out), 0);
	ck_assert_int_ge(atomic_load(&cost->settled), 3 * (int64_t)came);
	ck_assert_str_eq(types(), "hold settle");
	ck_assert_uint_eq(seen[1].r.u.settle.usage.n[USAGE_OUT], came);
	fake_drop(&f);
	finish();
}
END_TEST

/* Nobody knows what was made, and it is to be charged at its worst: not at what a slice is. */
START_TEST(the_worst_is_all_of_it)
{
	struct quota_account *out;
	struct req *r;

	start(YAML("output_tokens: 100000/lifetime"));
	f.conf->cfg.ledger.indeterminate = INDETERMINATE_BOUND;
	out = account("tenant:me/output_tokens/lifetime", QUOTA_OUTPUT_TOKENS);
	r = asking(POST, "m");
	r->stream = r->body_done = true;
	send_it(r);
	ck_assert_int_eq(r->leg.mode, HOLD_INCREMENTAL);
	ck_assert_int_eq(held(out), HOLD_SLICE);
	reached(r, 0);
	req_finish(r, END_FAILED);
	ck_assert_int_eq(atomic_load(&out->settled), 4000);
	ck_assert_int_eq(held(out), 0);
	ck_assert_str_eq(types(), "hold settle");
	ck_assert_uint_eq(seen[1].r.u.settle.usage.n[USAGE_OUT], 4000);
	ck_assert_int_eq(seen[1].r.u.settle.money.billed, (100 + 3 * 4000) * 1000);
	fake_drop(&f);
	finish();
}
END_TEST

/* Others end, and there is room again before it is too late. */
START_TEST(it_is_asked_again)
{
	struct quota_account *out, *charged;
	struct req *r;

	start(YAML("output_tokens: 10000/lifetime"));
	out = account("tenant:me/output_tokens/lifetime", QUOTA_OUTPUT_TOKENS);
	r = streaming("text/event-stream");
	ck_assert_int_eq(quota_account_take(out, 9000, plan_quota_time(&f.w), &charged), QUOTA_OK);
	while (made(r) + ASK_BELOW <= HOLD_SLICE)
		ck_assert(says(r, 20));
	ck_assert_uint_eq(r->leg.bound.n[USAGE_OUT], HOLD_SLICE); /* refused, and it goes on */
	quota_account_settle(charged, 9000, 0, plan_quota_time(&f.w));
	ck_assert(says(r, 20));
	ck_assert_uint_eq(r->leg.bound.n[USAGE_OUT], 2 * HOLD_SLICE);
	req_abort(r, END_CLIENT_GONE);
	fake_drop(&f);
	finish();
}
END_TEST

START_TEST(the_journal_ends_it)
{
	struct quota_account *out;
	struct req *r;

	start(YAML("output_tokens: 10000/lifetime"));
	out = account("tenant:me/output_tokens/lifetime", QUOTA_OUTPUT_TOKENS);
	r = streaming("text/event-stream");
	fill_up();
	while (says(r, 50))
		;
	ck_assert_uint_eq(r->leg.bound.n[USAGE_OUT], HOLD_SLICE);
	ck_assert_uint_le(r->leg.usage.n[USAGE_OUT], HOLD_SLICE);
	ends_cut(r);
	ck_assert_int_eq(held(out), 0);
	fake_drop(&f);
	finish();
}
END_TEST

/* A limit that others share: more is asked for, and the answer goes on meanwhile. */
START_TEST(a_lease_is_told)
{
	static struct quota_attention attention;
	struct quota_account *out, *told;
	struct req *r;

	start(YAML("output_tokens: 100000/lifetime"));
	out = account("tenant:me/output_tokens/lifetime", QUOTA_OUTPUT_TOKENS);
	quota_account_lease(out, &attention);
	atomic_store(&out->unsure, false);
	quota_account_grant(out, 600);
	r = streaming("text/event-stream");
	ck_assert_int_eq(atomic_load(&out->waiting), 0);
	while (made(r) + ASK_BELOW <= HOLD_SLICE)
		ck_assert(says(r, 20));
	ck_assert_uint_eq(r->leg.bound.n[USAGE_OUT], HOLD_SLICE);
	ck_assert_int_eq(atomic_load(&out->waiting), HOLD_SLICE);
	ck_assert(says(r, 20)); /* once */
	ck_assert_int_eq(atomic_load(&out->waiting), HOLD_SLICE);
	quota_account_grant(out, 2000);
	ck_assert(says(r, 20));
	ck_assert_uint_eq(r->leg.bound.n[USAGE_OUT], 2 * HOLD_SLICE);
	ck_assert_int_eq(atomic_load(&out->waiting), 0);
	/* nothing more comes: it ends, and waits for nothing */
	while (says(r, 50))
		;
	ck_assert_int_eq(r->end, END_BUDGET);
	ck_assert_int_eq(atomic_load(&out->waiting), 0);
	ck_assert_int_eq(held(out), 0);
	told = quota_attention_take(&attention);
	ck_assert_ptr_eq(told, out);
	(void)quota_account_attended(told, UINT32_MAX);
	quota_account_put(told);
	fake_drop(&f);
	finish();
}
END_TEST

/* Nobody knows whether there is more: it ends, or goes on where the tier says so. */
static void nobody_knows(const char *yaml, bool goes_on)
{
	static struct quota_attention attention;
	struct quota_account *out, *told;
	struct req *r;

	start(yaml);
	out = account("tenant:me/output_tokens/lifetime", QUOTA_OUTPUT_TOKENS);
	attention = (struct quota_attention){ .top = NULL };
	quota_account_lease(out, &attention);
	atomic_store(&out->unsure, false);
	quota_account_grant(out, 600);
	r = streaming("text/event-stream");
	atomic_store(&out->unsure, true);
	for (unsigned i = 0; i < 60 && says(r, 50); i++)
		;
	ck_assert_int_eq(r->settled, !goes_on);
	if (goes_on)
		req_abort(r, END_CLIENT_GONE);
	while ((told = quota_attention_take(&attention)) != NULL) {
		(void)quota_account_attended(told, UINT32_MAX);
		quota_account_put(told);
	}
	fake_drop(&f);
	finish();
}

START_TEST(unsure)
{
	nobody_knows(YAML("output_tokens: 100000/lifetime"), false);
	nobody_knows(YAML_OPEN("output_tokens: 100000/lifetime"), true);
}
END_TEST

/* What a rate has no room for is its debt. */
START_TEST(a_rate_does_not)
{
	struct quota_account *rate;
	struct req *r;

	start(YAML("output_tokens: 600/min"));
	rate = account("tenant:me/output_tokens/rate/min", QUOTA_OUTPUT_TOKENS);
	r = streaming("text/event-stream");
	for (unsigned i = 0; i < 60; i++)
		ck_assert(says(r, 100));
	ck_assert_uint_gt(r->leg.bound.n[USAGE_OUT], 2 * HOLD_SLICE);
	ck_assert_int_eq(quota_account_headroom(rate, plan_quota_time(&f.w)), 0);
	req_abort(r, END_CLIENT_GONE);
	ck_assert_int_eq(quota_account_peek(rate, 1, plan_quota_time(&f.w)), QUOTA_TOO_FAST);
	fake_drop(&f);
	finish();
}
END_TEST

/* Behind a part of an event nothing can be put: the cut waits for its end. */
START_TEST(not_inside_an_event)
{
	struct req *r;

	start(YAML("output_tokens: 600/lifetime"));
	r = streaming("text/event-stream");
	while (made(r) + HOLD_MARGIN < HOLD_SLICE - 20)
		ck_assert(says(r, 20));
	for (unsigned i = 0; i < 2 * EVENT_HOLD_MAX / 64 + 2; i++) {
		char piece[65] = "";
		struct iovec iov = { piece, 64 };

		memset(piece, 'y', 64);
		if (i == 0)
			memcpy(piece, "data: {\"choices\":[{\"delta\":{\"content\":\"", 40);
		ck_assert_int_eq(sink_write(r->sinks, &iov, 1, false), 0);
		ck_assert(!r->settled || !r->respond->events->inside);
		if (r->settled)
			break;
	}
	if (!r->settled) { /* the event is larger than what is held back */
		static char rest[] = "\"}}]}\n\n";
		struct iovec iov = { rest, sizeof rest - 1 };

		ck_assert(r->respond->events->inside);
		ck_assert_int_eq(sink_write(r->sinks, &iov, 1, false), 0);
		if (!r->settled)
			(void)says(r, 1);
	}
	ck_assert(r->settled);
	ck_assert_int_eq(r->end, END_BUDGET);
	fake_drop(&f);
	finish();
}
END_TEST

/* A provider that does not stream: all of the answer comes at once. */
START_TEST(no_stream_at_all)
{
	struct quota_account *out;
	struct req *r;

	start(YAML("output_tokens: 10000/lifetime"));
	out = account("tenant:me/output_tokens/lifetime", QUOTA_OUTPUT_TOKENS);
	r = streaming("application/json");
	ck_assert_int_eq(held(out), 4000);
	ck_assert_str_eq(types(), "hold extend");
	req_abort(r, END_CLIENT_GONE);
	fake_drop(&f);
	finish();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, what_is_held_stays_ahead);
	tcase_add_test(tc, a_limit_ends_it);
	tcase_add_test(tc, more_than_is_held_is_charged);
	tcase_add_test(tc, the_worst_is_all_of_it);
	tcase_add_test(tc, it_is_asked_again);
	tcase_add_test(tc, the_journal_ends_it);
	tcase_add_test(tc, a_lease_is_told);
	tcase_add_test(tc, unsure);
	tcase_add_test(tc, a_rate_does_not);
	tcase_add_test(tc, not_inside_an_event);
	tcase_add_test(tc, no_stream_at_all);
}

UNIT_MAIN("mod_budget", tests)
