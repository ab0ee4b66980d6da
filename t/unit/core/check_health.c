/*
 * check_health.c: what an exchange tells about its target (rate limits, refusals, failures), and
 * which routes are left for a request.
 */
#include "unit/core/upstream.h"

#include "core/attempt.h"
#include "core/choice.h"
#include "core/spots.h"

#include "core/health.c"

static struct fake f;

static const char yaml[] =
	"listen: 127.0.0.1:0\n"
	"targets:\n"
	"  one: { provider: openai, base_url: http://127.0.0.1:9, region: eu-west-1 }\n"
	"  two: { provider: openai, base_url: http://127.0.0.1:9, region: us }\n"
	"  x: { provider: anthropic, base_url: http://127.0.0.1:9 }\n"
	"models:\n"
	"  m: { targets: [ one, two ], fallback: [ secret, other ] }\n"
	"  other: { targets: [ two ] }\n"
	"  secret: { targets: [ one ] }\n"
	"  mixed: { targets: [ one, x ] }\n"
	"tenants:\n"
	"  me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA ", models: [ m, other, mixed ] } ] }\n";

static struct attempt a;

static void setup(void)
{
	fake_init(&f, yaml);
}

static void teardown(void)
{
	fake_fini(&f);
}

static struct target *target(const char *name)
{
	return map_get(&f.conf->target_by_name, str_z(name));
}

/* A request that is in flight at the first route of model m. */
static struct req *request(const char *path, const char *model)
{
	char head[512];
	struct req *r;

	snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nhost: gw\r\ncontent-length: 0\r\n\r\n",
		path);
	r = fake_req(&f, fake_conn(&f), head);
	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->model = r->model_first = plan_find_model(f.conf, str_z(model));
	r->route = &r->model->route[0];
	a = (struct attempt){
		.magic = ATTEMPT_MAGIC, .req = r, .route = r->route, .target = r->route->target
	};
	a.provider = a.target->provider;
	a.sent_at = worker_now(&f.w);
	return r;
}

static void begin(struct req *r)
{
	ck_assert(health_take(r, r->route->target, r->route->spot, 10, false));
}

/* An answer's head, as the attempt would hand it on. */
static void head(struct req *r, const char *text)
{
	struct http_head h;
	enum http_error err;

	begin(r);
	ck_assert_int_eq(http1_response_parse(text, strlen(text), HTTP_M_POST, &h, &err), 0);
	health_head(&a, &h);
}

static int64_t limited_us(const struct req *r)
{
	return atomic_load(&r->route->spot->not_before_us) - worker_now(&f.w).us;
}

static const struct {
	const char *head;
	int64_t least_us, most_us; /* for how long nothing goes there */
	bool ill;                  /* it counts as a failure */
} heads[] = {
	{ "HTTP/1.1 200 x\r\n\r\n", INT64_MIN, 0, false },
	{ "HTTP/1.1 429 x\r\nretry-after: 7\r\n\r\n", 7000000, 7000000, false },
	{ "HTTP/1.1 429 x\r\nretry-after-ms: 1500\r\nretry-after: 7\r\n\r\n", 1500000, 1500000,
		false },
	{ "HTTP/1.1 429 x\r\n\r\n", LIMITED_US, LIMITED_US, false },
	/* a far one is believed, up to a day */
	{ "HTTP/1.1 429 x\r\nretry-after: 7200\r\n\r\n", 7200000000, 7200000000, false },
	{ "HTTP/1.1 429 x\r\nretry-after: 9999999\r\n\r\n", HINTS_MOST_US, HINTS_MOST_US, false },
	{ "HTTP/1.1 429 x\r\nx-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 6m0s\r\n"
	  "\r\n",
		360000000, 360000000, false },
	/* nothing left, says an answer: for a minute at most */
	{ "HTTP/1.1 200 x\r\nx-ratelimit-remaining-requests: 0\r\n"
	  "x-ratelimit-reset-requests: 8.64s\r\n\r\n",
		8640000, 8640000, false },
	{ "HTTP/1.1 200 x\r\nx-ratelimit-remaining-requests: 0\r\n"
	  "x-ratelimit-reset-requests: 2h\r\n\r\n",
		LIMITED_MOST_US, LIMITED_MOST_US, false },
	{ "HTTP/1.1 200 x\r\nx-ratelimit-remaining-requests: -1\r\n"
	  "x-ratelimit-reset-requests: 2h\r\n\r\n",
		INT64_MIN, 0, false },
	{ "HTTP/1.1 200 x\r\nx-ratelimit-remaining-requests: 5\r\n"
	  "x-ratelimit-reset-requests: 2h\r\n\r\n",
		INT64_MIN, 0, false },
	{ "HTTP/1.1 400 x\r\n\r\n", INT64_MIN, 0, false },
	{ "HTTP/1.1 404 x\r\n\r\n", INT64_MIN, 0, false },
	{ "HTTP/1.1 401 x\r\n\r\n", INT64_MIN, 0, false },
	{ "HTTP/1.1 500 x\r\n\r\n", INT64_MIN, 0, true },
	{ "HTTP/1.1 503 x\r\nretry-after: 3\r\n\r\n", 3000000, 3000000, true },
	{ "HTTP/1.1 529 x\r\n\r\n", INT64_MIN, 0, true },
};

START_TEST(what_heads_say)
{
	struct req *r = request("/v1/chat/completions", "m");
	int64_t us;

	head(r, heads[_i].head);
	us = limited_us(r);
	ck_assert_msg(us >= heads[_i].least_us && us <= heads[_i].most_us, "%s: %lld",
		heads[_i].head, (long long)us);
	ck_assert_int_eq(atomic_load(&r->route->spot->circuit.failures) > 0, heads[_i].ill);
	health_leave(r);
	fake_drop(&f);
}
END_TEST

/* Google says in the body alone when to come back; a head that says it is believed first. */
START_TEST(what_bodies_say)
{
	static const struct {
		const char *head;
		uint64_t ms;
		int64_t us;
	} rows[] = {
		{ "HTTP/1.1 429 x\r\n\r\n", 34400, 34400000 },
		{ "HTTP/1.1 429 x\r\nretry-after: 7\r\n\r\n", 34400, 7000000 },
		{ "HTTP/1.1 429 x\r\n\r\n", UINT64_MAX, HINTS_MOST_US },
		{ "HTTP/1.1 429 x\r\n\r\n", 0, LIMITED_US },
	};
	struct req *r = request("/v1/chat/completions", "m");

	a.error_retry_ms = rows[_i].ms;
	head(r, rows[_i].head);
	ck_assert_int_eq(limited_us(r), rows[_i].us);
	health_leave(r);
	fake_drop(&f);
}
END_TEST

/* Fewer tokens are left than a request needs: that one goes elsewhere, smaller ones do not. */
START_TEST(tokens_left)
{
	struct req *r = request("/v1/chat/completions", "m");
	static struct choice c;
	struct choice_ask ask = {
		.conf = f.conf, .model = r->model, .now = worker_now(&f.w), .at = clock_wall()
	};

	head(r, "HTTP/1.1 200 x\r\nanthropic-ratelimit-tokens-remaining: 1000\r\n"
		"anthropic-ratelimit-tokens-reset: 2999-01-01T00:00:00Z\r\n\r\n");
	for (ask.input = 999; ask.input < 1003; ask.input++) {
		choice_make(&ask, &c);
		ck_assert_int_eq((c.row[0].skips & CHOICE_BIT(RATE)) != 0, ask.input > 1000);
	}
	health_leave(r);
	fake_drop(&f);
}
END_TEST

/* 5 failures in a row, or 10 of an overloaded one, take it out; two good answers bring it back. */
START_TEST(out_and_back)
{
	struct req *r = request("/v1/chat/completions", "m");
	unsigned most = _i == 0 ? CIRCUIT_FAILURES : 2 * CIRCUIT_FAILURES;
	struct circuit *c = &r->route->spot->circuit;

	for (unsigned i = 0; i < most; i++) {
		ck_assert_msg(health_is_up(a.target, r->route->spot, worker_now(&f.w)),
			"out after %u", i);
		head(r, _i == 0 ? "HTTP/1.1 500 x\r\n\r\n" : "HTTP/1.1 529 x\r\n\r\n");
		health_leave(r);
	}
	ck_assert(!health_is_up(a.target, r->route->spot, worker_now(&f.w)));
	ck_assert_uint_eq(atomic_load(&a.target->state->opened), 1);
	for (unsigned i = 0; i < CIRCUIT_GOOD; i++) {
		ck_assert_int_ne(circuit_state(c, worker_now(&f.w)), CIRCUIT_CLOSED);
		head(r, "HTTP/1.1 200 x\r\n\r\n");
		health_leave(r);
	}
	ck_assert(health_is_up(a.target, r->route->spot, worker_now(&f.w)));
	fake_drop(&f);
}
END_TEST

/* A bad key or an empty purse is the account's affair; one 403 need not be. */
START_TEST(accounts)
{
	struct req *r = request("/v1/chat/completions", "m");
	struct account_state *s = a.target->state;
	mono_us now = worker_now(&f.w);

	begin(r);
	for (unsigned i = 1; i < FORBIDDEN_MOST; i++) {
		health_refused(&a, 403);
		ck_assert_int_eq(atomic_load(&s->refused_until_us), 0);
	}
	health_refused(&a, 403);
	ck_assert_int_eq(atomic_load(&s->refused_until_us), now.us + CREDENTIAL_US);
	health_refused(&a, 401);
	ck_assert_int_eq(atomic_load(&s->refused_until_us), now.us + 2 * CREDENTIAL_US);
	for (unsigned i = 0; i < 20; i++)
		health_error(&a, ERROR_MONEY);
	ck_assert_int_eq(atomic_load(&s->refused_until_us), now.us + CREDENTIAL_MAX_US);
	ck_assert_int_eq(atomic_load(&r->route->spot->circuit.failures), 0);
	health_leave(r);
	/* an answer forgets it */
	head(r, "HTTP/1.1 200 x\r\n\r\n");
	ck_assert_int_eq(atomic_load(&s->refused_until_us), 0);
	ck_assert_uint_eq(atomic_load(&s->refused), 0);
	health_leave(r);
	fake_drop(&f);
}
END_TEST

static const struct {
	const char *model, *path;
	uint64_t tried;
	const char *forced;
	bool other;
} lefts[] = {
	{ "other", "/v1/completions", 0, NULL, true },
	{ "other", "/v1/completions", 1, NULL, false },
	{ "other", "/v1/messages/count_tokens", 0, NULL, true }, /* by an estimate */
	{ "mixed", "/v1/completions", 1, NULL, false },
	{ "mixed", "/v1/messages/count_tokens", 1, NULL, true },
	{ "mixed", "/v1/messages/count_tokens", 2, NULL, true },
	{ "mixed", "/v1/completions", 2, NULL, true },
	{ "m", "/v1/completions", 3, NULL, true }, /* its fallback */
	{ "m", "/v1/completions", 1, "one", false },
	{ "m", "/v1/completions", 2, "one", true },
};

START_TEST(other_route)
{
	struct req *r = request(lefts[_i].path, lefts[_i].model);

	r->tried = lefts[_i].tried;
	r->forced = lefts[_i].forced != NULL ? target(lefts[_i].forced) : NULL;
	ck_assert_int_eq(req_has_other_route(r), lefts[_i].other);
	/* Down is not gone: when all else failed it is asked. Drained is. */
	for (unsigned i = 0; i < f.conf->n_targets; i++)
		atomic_store(&f.conf->targets[i].state->refused_until_us, INT64_MAX);
	ck_assert_int_eq(req_has_other_route(r), lefts[_i].other);
	for (unsigned i = 0; i < f.conf->n_targets; i++)
		atomic_store(&f.conf->targets[i].state->drained, true);
	ck_assert_int_eq(
		req_has_other_route(r), str_eq(r->model->name, STR("m")) && r->forced == NULL);
	r->model = r->model_first = NULL;
	ck_assert(!req_has_other_route(r));
	fake_drop(&f);
}
END_TEST

/* Only models that the key may use; each once. */
START_TEST(fallback)
{
	struct req *r = request("/v1/chat/completions", "m");

	r->tried = 3;
	ck_assert(req_has_fallback(r));
	ck_assert(req_fall_back(r));
	UNIT_STR_EQ(r->model->name, STR("other"));
	ck_assert_uint_eq(r->tried, 0);
	ck_assert(!req_has_fallback(r));
	ck_assert(!req_fall_back(r));
	UNIT_STR_EQ(r->model->name, STR("other"));
	fake_drop(&f);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_heads_say, 0, sizeof heads / sizeof *heads);
	tcase_add_loop_test(tc, what_bodies_say, 0, 4);
	tcase_add_test(tc, tokens_left);
	tcase_add_loop_test(tc, out_and_back, 0, 2);
	tcase_add_test(tc, accounts);
	tcase_add_loop_test(tc, other_route, 0, sizeof lefts / sizeof *lefts);
	tcase_add_test(tc, fallback);
}

UNIT_MAIN("health", tests)
