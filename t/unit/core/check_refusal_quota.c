/*
 * check_refusal_quota.c: what a request that a limit refused is told, in each dialect: its own
 * limits with their figures, those above it without; and that what is said to fit is the most that
 * does.
 */
#include "unit/core/fake.h"

#include "core/ratio.h"
#include "core/refusal_quota.h"
#include "core/reply.h"

static struct fake f;
static struct quota_account account;
static struct quota_denied denied;

/* Pico-USD a token: 1,000 in, 3,333 out; 20% off, and 7.5% for the gateway. */
static void setup(void)
{
	fake_init(&f,
		"listen: 127.0.0.1:0\n"
		"targets: { a: { provider: openai, base_url: http://127.0.0.1:9, discount: "
		"20% } }\n"
		"models: { m: { targets: { target: a, model: tiny } }, g: { targets: { target: "
		"a, model: gratis } }, s: { targets: { target: a, model: sound } },\n"
		"  u: { targets: { target: a, model: nobody-s } } }\n"
		"tenants: { acme: { markup: 7.5%, keys: [ { id: k, sha256: " FAKE_KEY_SHA
		" } ] } }\n"
		"price_overrides:\n"
		"  - { provider: openai, model: tiny, max_output: 1000,\n"
		"      per_mtok: { input: 0.001, output: 0.003333 } }\n"
		"  - { provider: openai, model: sound, max_output: 1000,\n"
		"      per_mtok: { input: 0.001, output: 0.001, output_audio: 0.01 } }\n"
		"  - { provider: openai, model: gratis, free: true }\n");
	memset(&account, 0, sizeof account);
}

static void teardown(void)
{
	fake_fini(&f);
}

/* ---- an account, and a request that it denies */

static void account_of(const char *scope, enum quota_dim dim, const char *limit)
{
	struct quota_limit l;
	struct zone *z = zone_load(STR("UTC"), NULL, NULL, 0);
	char name[256], why[256];
	struct period p;
	size_t n;

	ck_assert_msg(quota_limit_parse(dim, str_z(limit), &l, why, sizeof why) == 0, "%s", why);
	period_at(&(struct period_spec){ PERIOD_MONTH, 1, 0 }, z,
		(wall_us){ INT64_C(1795867200000000) }, &p); /* 2026-11-28 12:00 */
	zone_free(z);
	n = quota_limit_account(
		&l, str_z(scope), l.kind == QUOTA_STOCK ? &p : NULL, name, sizeof name);
	ck_assert_int_eq(quota_account_init(
				 &account, str_mk(name, n), &l, l.kind == QUOTA_STOCK ? &p : NULL),
		0);
}

static void account_over(void)
{
	quota_account_put(&account);
	quota_account_fini(&account);
	memset(&account, 0, sizeof account);
}

#define CHAT "POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\n\r\n"

/* Its leg has begun: 100 tokens of input, and as many out as there may be. */
static struct req *asking(const char *head, const char *model)
{
	struct req *r = fake_req(&f, fake_conn(&f), head);

	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->tenant = r->key->tenant;
	r->model_asked = str_z(model);
	r->model = plan_find_model(f.conf, r->model_asked);
	r->route = &r->model->route[0];
	r->bound.n = 1;
	r->bound.input_bytes = 36;
	r->dialect = DIALECT_OPENAI;
	return r;
}

/* ---- words and fields */

static char id[REQ_ID_LEN + 1]; /* of the request */

/* The whole body, in its dialect's form. */
static void check_answer(enum dialect d, const char *code, const char *type, const char *words)
{
	char want[1024];

	switch (d) {
	case DIALECT_ANTHROPIC:
		snprintf(want, sizeof want,
			"{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"%s\"},"
			"\"request_id\":\"%s\"}",
			type, words, id);
		break;
	case DIALECT_GEMINI:
		snprintf(want, sizeof want,
			"{\"error\":{\"code\":%d,\"message\":\"%s\",\"status\":\"%s\","
			"\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
			"\"reason\":\"%s\",\"domain\":\"tollgate\",\"metadata\":{"
			"\"request_id\":\"%s\"}}]}}",
			fake_status(&f), words,
			fake_status(&f) == 503 ? "UNAVAILABLE" : "RESOURCE_EXHAUSTED", code, id);
		break;
	case DIALECT_PROBLEM:
		snprintf(want, sizeof want,
			"{\"type\":\"urn:tollgate:error:%s\",\"title\":\"%s\",\"status\":%d,"
			"\"detail\":\"%s\",\"instance\":\"%s\"}",
			code, code, fake_status(&f), words, id);
		break;
	default:
		snprintf(want, sizeof want,
			"{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"param\":null,"
			"\"code\":\"%s\",\"request_id\":\"%s\"}}",
			words, type, code, id);
	}
	ck_assert_str_eq(fake_body_of(&f), want);
	ck_assert_str_eq(fake_field(&f, "content-type"),
		d == DIALECT_PROBLEM ? "application/problem+json" : "application/json");
	ck_assert_str_eq(
		fake_field(&f, d == DIALECT_ANTHROPIC ? "request-id" : "x-request-id"), id);
}

static void check_field(const char *name, const char *want)
{
	const char *got = fake_field(&f, name);

	ck_assert_msg(want == NULL ? got == NULL : got != NULL && strcmp(got, want) == 0,
		"%s: %s, not %s", name, got != NULL ? got : "absent",
		want != NULL ? want : "absent");
}

#define NOW_US INT64_C(1795867200000000)
#define MONTH  (NOW_US + INT64_C(216000000000)) /* 2026-12-01 00:00 */
#define NEVER  INT64_MAX
#define RESET  "2026-12-01T00:00:00.000000Z"
#define OPENS  " It opens again at 2026-12-01T00:00:00Z."

static const struct refused {
	const char *scope;
	enum quota_dim dim;
	const char *limit;
	enum quota_result result;
	int64_t asked, headroom, opens_us;
	const char *code, *openai, *anthropic, *words;
	const char *denied_by, *reset, *retry_after;
} rows[] = {
#define QUOTA_WORDS    "insufficient_quota", "insufficient_quota", "billing_error"
#define REQUESTS_WORDS "rate_limit_exceeded", "requests", "rate_limit_error"
#define TOKENS_WORDS   "rate_limit_exceeded", "tokens", "rate_limit_error"
	/* its own: with figures */
	{ "tenant:acme", QUOTA_REQUESTS, "3/month", QUOTA_LACKS, 1, 0, MONTH, QUOTA_WORDS,
		"The limit of tenant 'acme' on requests is 3 (requests/month/2026-11), 0 of it is "
		"free, and this request may take 1." OPENS,
		"tenant:acme/requests/month/2026-11", RESET, NULL },
	{ "key:a:b", QUOTA_COST, "12.50 usd/month", QUOTA_LACKS, 1234567890, 10000000, MONTH,
		QUOTA_WORDS,
		"The limit of key 'a:b' on cost is 12.5 usd (cost/month/2026-11), 0.01 usd of it "
		"is free, and this request may take 1.23456789 usd." OPENS,
		"key:a:b/cost/month/2026-11", RESET, NULL },
	{ "tenant:acme", QUOTA_COST, "10 usd/lifetime", QUOTA_LACKS, 1000000000, -5, NEVER,
		QUOTA_WORDS,
		"The limit of tenant 'acme' on cost is 10 usd (cost/month/2026-11), 0 usd of it is "
		"free, and this request may take 1 usd.",
		"tenant:acme/cost/month/2026-11", NULL, NULL },
	{ "tenant:acme", QUOTA_GENERATIONS, "5/30d", QUOTA_LACKS, 2, 1, MONTH, QUOTA_WORDS,
		"The limit of tenant 'acme' on generations is 5 (generations/30d), 1 of it is "
		"free, and this request may take 2." OPENS,
		"tenant:acme/generations/30d", RESET, NULL },
	{ "tenant:acme", QUOTA_TOKENS, "10/month", QUOTA_NEVER, 1100, 10, NEVER, QUOTA_WORDS,
		"This request may take 1100 of tokens, more than the whole limit of tenant 'acme': "
		"10 (tokens/month/2026-11).",
		"tenant:acme/tokens/month/2026-11", NULL, NULL },
	{ "key:k", QUOTA_REQUESTS, "2/s", QUOTA_TOO_FAST, 1, 0, NOW_US + 1, REQUESTS_WORDS,
		"The limit of key 'k' on requests is 2 (requests/rate/s), 0 of it is free, and "
		"this request may take 1. It opens again at 2026-11-28T12:00:00Z.",
		"key:k/requests/rate/s", "2026-11-28T12:00:00.000001Z", "1" },
	{ "tenant:acme", QUOTA_INPUT_TOKENS, "200/min", QUOTA_TOO_FAST, 100, 1, NOW_US + 30000001,
		TOKENS_WORDS,
		"The limit of tenant 'acme' on input_tokens is 200 (input_tokens/rate/min), 1 of "
		"it is free, and this request may take 100. It opens again at "
		"2026-11-28T12:00:30Z.",
		"tenant:acme/input_tokens/rate/min", "2026-11-28T12:00:30.000001Z", "31" },
	{ "tenant:acme", QUOTA_REQUESTS, "3/min", QUOTA_TOO_FAST, 1, 0, NOW_US + 30000000,
		REQUESTS_WORDS,
		"The limit of tenant 'acme' on requests is 3 (requests/rate/min), 0 of it is free, "
		"and this request may take 1. It opens again at 2026-11-28T12:00:30Z.",
		"tenant:acme/requests/rate/min", "2026-11-28T12:00:30.000000Z", "30" },
	{ "tenant:acme", QUOTA_REQUESTS, "2/min", QUOTA_TOO_FAST, 1, 0, NOW_US - 7, REQUESTS_WORDS,
		"The limit of tenant 'acme' on requests is 2 (requests/rate/min), 0 of it is free, "
		"and this request may take 1. It opens again at 2026-11-28T11:59:59Z.",
		"tenant:acme/requests/rate/min", "2026-11-28T11:59:59.999993Z", "1" },
	{ "tenant:acme", QUOTA_TOKENS, "20/min", QUOTA_NEVER, 1100, 20, NEVER, TOKENS_WORDS,
		"This request may take 1100 of tokens, more than the whole limit of tenant 'acme': "
		"20 (tokens/rate/min).",
		"tenant:acme/tokens/rate/min", NULL, NULL },
	{ "tenant:acme", QUOTA_CONCURRENCY, "7", QUOTA_BUSY, 1, 0, NOW_US, REQUESTS_WORDS,
		"The tenant 'acme' may have 7 requests at a time, and has.",
		"tenant:acme/concurrency", NULL, "1" },
	{ "tenant:acme", QUOTA_CONCURRENCY, "0", QUOTA_NEVER, 1, 0, NEVER, QUOTA_WORDS,
		"This request may take 1 of concurrency, more than the whole limit of tenant "
		"'acme': 0 (concurrency).",
		"tenant:acme/concurrency", NULL, NULL },
	/* above: none, and not its name */
	{ "org:big-one", QUOTA_COST, "9879879 usd/month", QUOTA_LACKS, 6546546, 3213213, MONTH,
		QUOTA_WORDS, "A limit on cost above this tenant (org) is used up." OPENS,
		"org/cost", RESET, NULL },
	{ "budget:secret", QUOTA_TOKENS, "9879879/min", QUOTA_TOO_FAST, 6546546, 3213213,
		NOW_US + 1000001, TOKENS_WORDS,
		"A limit on tokens above this tenant (budget) is used up. It opens again at "
		"2026-11-28T12:00:01Z.",
		"budget/tokens", "2026-11-28T12:00:01.000001Z", "2" },
	{ "org:big-one", QUOTA_CONCURRENCY, "9879879", QUOTA_BUSY, 1, 0, NOW_US, REQUESTS_WORDS,
		"A limit on concurrency above this tenant (org) is used up.", "org/concurrency",
		NULL, "1" },
	{ "budget:secret", QUOTA_COST, "9879879 usd/month", QUOTA_NEVER, 6546546, 3213213, NEVER,
		QUOTA_WORDS,
		"This request may take more money than a whole limit above this tenant (budget) "
		"has.",
		"budget/cost", NULL, NULL },
	{ "budget:secret", QUOTA_TOKENS, "9879879/month", QUOTA_NEVER, 6546546, 3213213, NEVER,
		QUOTA_WORDS,
		"This request may take more tokens than a whole limit above this tenant (budget) "
		"has.",
		"budget/tokens", NULL, NULL },
};

static void refuse(const struct refused *row, enum dialect d, enum quota_admitted how)
{
	struct req *r = asking(CHAT, "m");

	leg_begin(r);
	memcpy(id, r->id, REQ_ID_LEN);
	r->dialect = d;
	f.w.wall.us = NOW_US;
	denied = (struct quota_denied){ &account, row->result, row->asked, row->headroom,
		{ row->opens_us }, QUOTA_SURE };
	r->leg.no = 0;
	ck_assert_int_eq(refusal_quota(r, how, &denied), STEP_REPLY);
	ck_assert(r->settled);
	if (how == QUOTA_REFUSED)
		UNIT_STR_EQ(r->denied, account.name);
	fake_read(&f);
}

START_TEST(what_is_told)
{
	const struct refused *row = &rows[_i];

	account_of(row->scope, row->dim, row->limit);
	for (enum dialect d = DIALECT_OPENAI; d <= DIALECT_PROBLEM; d++) {
		bool own =
			strncmp(row->scope, "tenant", 6) == 0 || strncmp(row->scope, "key", 3) == 0;

		refuse(row, d, QUOTA_REFUSED);
		ck_assert_int_eq(fake_status(&f), 429);
		check_answer(d, row->code, d == DIALECT_ANTHROPIC ? row->anthropic : row->openai,
			row->words);
		check_field("x-tollgate-denied-by", row->denied_by);
		check_field("x-tollgate-reset", row->reset);
		check_field("retry-after", row->retry_after);
		check_field("x-should-retry", row->retry_after == NULL ? "false" : NULL);
		if (!own) {
			ck_assert_ptr_null(fake_field(&f, "x-tollgate-max-affordable-tokens"));
			ck_assert_ptr_null(strstr(f.got, "9879879"));
			ck_assert_ptr_null(strstr(f.got, "6546546"));
			ck_assert_ptr_null(strstr(f.got, "3213213"));
			ck_assert_ptr_null(strstr(f.got, strchr(row->scope, ':') + 1));
		}
		fake_drop(&f);
	}
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_QUOTA_DENIED]), DIALECT_PROBLEM + 1);
	account_over();
}
END_TEST

/* Nobody knows what is left: not the caller's doing. */
START_TEST(not_known)
{
	for (enum dialect d = DIALECT_OPENAI; d <= DIALECT_PROBLEM; d++) {
		refuse(&rows[0], d, QUOTA_UNKNOWN);
		ck_assert_int_eq(fake_status(&f), 503);
		check_answer(d, "quota_unavailable",
			d == DIALECT_ANTHROPIC ? "api_error" : "server_error",
			tg_error_row(TG_E_QUOTA_UNAVAILABLE)->text);
		check_field("retry-after", "1");
		check_field("x-tollgate-denied-by", NULL);
		check_field("x-tollgate-unavailable", "late");
		fake_drop(&f);
	}
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_QUOTA_DENIED]), 0);
}
END_TEST

static const struct {
	enum quota_unsure why; /* as its account has it */
	bool no_account;
	enum worker_counter counter;
	const char *word;
} unknown[] = {
	{ QUOTA_SURE, false, WC_QUOTA_UNAVAILABLE_LATE, "late" },
	{ QUOTA_SURE, true, WC_QUOTA_UNAVAILABLE_ACCOUNT, "account" },
	{ QUOTA_UNSURE_AWAY, false, WC_QUOTA_UNAVAILABLE_AWAY, "redis_away" },
	{ QUOTA_UNSURE_LEARNING, false, WC_QUOTA_UNAVAILABLE_LEARNING, "learning" },
	{ QUOTA_UNSURE_REPLICAS, false, WC_QUOTA_UNAVAILABLE_REPLICAS, "replicas" },
	{ QUOTA_UNSURE_MEMBERS, false, WC_QUOTA_UNAVAILABLE_MEMBERS, "members" },
	{ QUOTA_UNSURE_BARRED, false, WC_QUOTA_UNAVAILABLE_BARRED, "barred" },
	{ QUOTA_UNSURE_PERIOD, false, WC_QUOTA_UNAVAILABLE_PERIOD, "period" },
};

/* And why nobody does. */
START_TEST(why_not_known)
{
	struct req *r = asking(CHAT, "m");

	account_of("tenant:acme", QUOTA_COST, "9 usd/month");
	denied = (struct quota_denied){ .account = unknown[_i].no_account ? NULL : &account,
		.result = QUOTA_UNSURE,
		.why = unknown[_i].why };
	ck_assert_int_eq(refusal_quota(r, QUOTA_UNKNOWN, &denied), STEP_REPLY);
	fake_read(&f);
	check_field("x-tollgate-unavailable", unknown[_i].word);
	for (int c = WC_QUOTA_UNAVAILABLE_AWAY; c <= WC_QUOTA_UNAVAILABLE_ACCOUNT; c++)
		ck_assert_uint_eq(stat_get(&f.w.stats.c[c]), c == (int)unknown[_i].counter ? 1 : 0);
	fake_drop(&f);
	account_over();
}
END_TEST

/* The longest names: nothing is cut in the middle of a field. */
START_TEST(long_names)
{
	char scope[256];

	snprintf(scope, sizeof scope, "key:%0128d", 7);
	account_of(scope, QUOTA_OUTPUT_TOKENS, "50000000000000000/month");
	refuse(&(struct refused){ .result = QUOTA_LACKS,
		       .asked = QUOTA_AMOUNT_MAX,
		       .headroom = 5,
		       .opens_us = MONTH },
		DIALECT_OPENAI, QUOTA_REFUSED);
	ck_assert_int_eq(fake_status(&f), 429);
	check_field("x-should-retry", "false");
	check_field("x-tollgate-max-affordable-tokens", "5");
	ck_assert(str_starts(str_z(fake_field(&f, "x-tollgate-denied-by")), str_z(scope)));
	fake_drop(&f);
	account_over();
}
END_TEST

/* ---- what would fit */

/* In the dimension: what a request of the model with that max_tokens would be held to. */
static int64_t held(enum quota_dim dim, const char *model, uint64_t max, uint64_t n, bool audio)
{
	struct req *r = asking(CHAT, model);
	int64_t v = 0;

	r->bound.output_known = true;
	r->bound.max_output = max;
	r->bound.n = n;
	r->bound.audio_out = audio;
	leg_begin(r);
	switch (dim) {
	case QUOTA_COST: v = money_nano_up(r->leg.bound_money.billed); break;
	case QUOTA_TOKENS:
		v = (int64_t)(usage_input(&r->leg.bound) + usage_output(&r->leg.bound));
		break;
	default: v = (int64_t)usage_output(&r->leg.bound);
	}
	r->leg.no = 0;
	fake_drop(&f);
	return v;
}

static const struct {
	enum quota_dim dim;
	const char *limit, *model;
	uint64_t n;
	bool audio;
} fits[] = {
	{ QUOTA_TOKENS, "9/month", "m", 1, false },
	{ QUOTA_OUTPUT_TOKENS, "9/month", "m", 1, false },
	{ QUOTA_COST, "9 usd/month", "m", 1, false },
	{ QUOTA_TOKENS, "9/min", "m", 1, false },
	{ QUOTA_TOKENS, "9/month", "m", 3, false },
	{ QUOTA_OUTPUT_TOKENS, "9/month", "m", 4, false },
	{ QUOTA_COST, "9 usd/month", "m", 7, false },
	{ QUOTA_TOKENS, "9/month", "s", 1, true },
	{ QUOTA_COST, "9 usd/month", "s", 2, true },
};

/* For every headroom: what is told fits, and one more would not. */
START_TEST(the_largest_that_fits)
{
	enum { MAX = 40 };
	enum quota_dim dim = fits[_i].dim;
	int64_t need[MAX + 1], most;

	for (uint64_t k = 0; k <= MAX; k++)
		need[k] = held(dim, fits[_i].model, k, fits[_i].n, fits[_i].audio);
	ck_assert_int_lt(need[MAX / 2], need[MAX]);
	account_of("tenant:acme", dim, fits[_i].limit);
	for (int64_t headroom = TG_MAX(need[0] - 2, 0); headroom < need[MAX]; headroom++) {
		struct req *r = asking(CHAT, fits[_i].model);
		char want[32];

		for (most = MAX; most > 0 && need[most] > headroom; most--)
			;
		r->bound.output_known = true;
		r->bound.max_output = MAX;
		r->bound.n = fits[_i].n;
		r->bound.audio_out = fits[_i].audio;
		leg_begin(r);
		denied = (struct quota_denied){ &account, QUOTA_LACKS, need[MAX], headroom,
			{ MONTH }, QUOTA_SURE };
		r->leg.no = 0;
		refusal_quota(r, QUOTA_REFUSED, &denied);
		fake_read(&f);
		snprintf(want, sizeof want, "%lld", (long long)most);
		check_field("x-tollgate-max-affordable-tokens", want);
		fake_drop(&f);
	}
	account_over();
}
END_TEST

/* Where max_tokens is not what makes the difference. */
static const struct {
	enum quota_dim dim;
	const char *limit, *head, *model;
} no_question[] = {
	{ QUOTA_INPUT_TOKENS, "9/month", CHAT, "m" },
	{ QUOTA_REQUESTS, "9/month", CHAT, "m" },
	{ QUOTA_GENERATIONS, "9/month", CHAT, "m" },
	{ QUOTA_CONCURRENCY, "9", CHAT, "m" },
	{ QUOTA_COST, "9 usd/month", CHAT, "u" },
	{ QUOTA_TOKENS, "9/month", "POST /v1/embeddings HTTP/1.1\r\nhost: gw\r\n\r\n", "m" },
};

START_TEST(not_the_question)
{
	struct req *r = asking(no_question[_i].head, no_question[_i].model);

	account_of("tenant:acme", no_question[_i].dim, no_question[_i].limit);
	leg_begin(r);
	denied = (struct quota_denied){ &account, QUOTA_LACKS, 10, 5, { MONTH }, QUOTA_SURE };
	r->leg.no = 0;
	refusal_quota(r, QUOTA_REFUSED, &denied);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 429);
	check_field("x-tollgate-max-affordable-tokens", NULL);
	fake_drop(&f);
	account_over();
}
END_TEST

/* A model that costs nothing has tokens all the same. */
START_TEST(free_of_charge)
{
	struct req *r = asking(CHAT, "g");

	r->bound.output_known = true;
	r->bound.max_output = 50;
	account_of("tenant:acme", QUOTA_TOKENS, "120/month");
	leg_begin(r);
	ck_assert_int_eq(r->leg.bound_money.billed, 0);
	ck_assert_uint_eq(usage_input(&r->leg.bound), 100);
	ck_assert_uint_eq(usage_output(&r->leg.bound), 50);
	denied = (struct quota_denied){ &account, QUOTA_LACKS, 150, 120, { MONTH }, QUOTA_SURE };
	r->leg.no = 0;
	refusal_quota(r, QUOTA_REFUSED, &denied);
	fake_read(&f);
	check_field("x-tollgate-max-affordable-tokens", "20");
	fake_drop(&f);
	account_over();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_is_told, 0, (int)TG_ARRAY_LEN(rows));
	tcase_add_test(tc, not_known);
	tcase_add_loop_test(tc, why_not_known, 0, (int)TG_ARRAY_LEN(unknown));
	tcase_add_test(tc, long_names);
	tcase_add_loop_test(tc, the_largest_that_fits, 0, (int)TG_ARRAY_LEN(fits));
	tcase_add_loop_test(tc, not_the_question, 0, (int)TG_ARRAY_LEN(no_question));
	tcase_add_test(tc, free_of_charge);
}

UNIT_MAIN("refusal_quota", tests)
