/*
 * check_key_pool.c: which of a target's keys a request takes, whether it may go there again with
 * another one, and what of its keys a target says of itself.
 */
#include "unit/core/upstream.h"

#include "core/attempt.h"
#include "core/spots.h"

#include "core/health.c"
#include "core/key_pool.c"

#define T(keys) "{ provider: openai, base_url: http://127.0.0.1:9" keys " }"

static struct fake f;
static struct attempt a;

static const char yaml[] =
	"listen: 127.0.0.1:0\n"
	"targets:\n"
	"  pool: " T(
		", keys: [ { id: a, key: sa, weight: 5 }, { id: b, key: sb, weight: 3 },"
		" { id: c, key: sc, weight: 2 } ]") "\n"
						    "  one: " T(
							    ", key: s1") "\n"
									 "models:\n"
									 "  m: { targets: [ pool, "
									 "one ] }\n"
									 "  n: { targets: [ pool ] "
									 "}\n"
									 "tenants:\n"
									 "  me: { keys: [ { id: k, "
									 "sha256: " FAKE_KEY_SHA
									 " } ] }\n";

static void setup(void)
{
	fake_init(&f, yaml);
}

static void teardown(void)
{
	fake_fini(&f);
}

static struct req *request(const char *model)
{
	struct req *r = fake_req(&f, fake_conn(&f),
		"POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\ncontent-length: 0\r\n\r\n");

	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->model = r->model_first = plan_find_model(f.conf, str_z(model));
	r->route = &r->model->route[0];
	return r;
}

/* What is known, a letter for each of a, b, c: '.' nothing, r refused, l told to wait, R refused
 * and to be tried again, t tried by the request. */
static void know(struct req *r, const char *states)
{
	const struct target *t = r->route->target;
	int64_t now = worker_now(&f.w).us;

	r->keys = (struct key_use){ .of = t };
	for (unsigned i = 0; states[i] != '\0'; i++) {
		bool refused = states[i] == 'r' || states[i] == 'R';

		atomic_store(&t->keys[i].state->refused, refused);
		atomic_store(&t->keys[i].state->refused_until_us, states[i] == 'r'
									  ? now + 1000000 * (i + 1)
								  : states[i] == 'R' ? now
										     : 0);
		atomic_store(&r->route->key_rate[i]->not_before_us,
			states[i] == 'l' ? now + 2000000 * (i + 1) : 0);
		if (states[i] == 't')
			r->keys.tried |= UINT64_C(1) << i;
	}
	atomic_store(&t->state->refused, 0);
	atomic_store(&t->state->refused_until_us, 0);
	atomic_store(&r->route->spot->not_before_us, 0);
}

static const struct {
	const char *states;
	unsigned share[3]; /* of 10 (or of what the rest weighs) */
	bool other;        /* than a */
	/* in seconds from now; 0: nothing speaks against it */
	int account_s, spot_s;
} rows[] = {
	{ "...", { 5, 3, 2 }, true, 0, 0 },
	{ "r..", { 0, 3, 2 }, true, 0, 0 },
	{ "l..", { 0, 3, 2 }, true, 0, 0 },
	{ "t..", { 0, 3, 2 }, true, 0, 0 },
	{ ".r.", { 5, 0, 2 }, true, 0, 0 },
	{ ".lr", { 5, 0, 0 }, false, 0, 0 },
	{ "rl.", { 0, 0, 2 }, true, 0, 0 },
	{ ".tt", { 5, 0, 0 }, false, 0, 0 },
	{ "rrr", { 5, 3, 2 }, false, 1, 1 },
	{ "lll", { 5, 3, 2 }, false, 0, 2 },
	{ "rll", { 5, 3, 2 }, false, 0, 1 },
	{ "lrr", { 5, 3, 2 }, false, 0, 2 },
	/* with nothing left what was not tried is asked before what was */
	{ "trl", { 0, 3, 2 }, false, 0, 0 },
	{ "ttt", { 5, 3, 2 }, false, 0, 0 },
};

START_TEST(picks)
{
	enum { N = 20000 };
	struct req *r = request("m");
	unsigned got[3] = { 0 }, sum = 0, x = 12345;

	know(r, rows[_i].states);
	for (unsigned i = 0; i < 3; i++)
		sum += rows[_i].share[i];
	for (unsigned i = 0; i < N; i++) {
		x = x * 1664525 + 1013904223;
		got[key_pick(r, x)]++;
	}
	for (unsigned i = 0; i < 3; i++) {
		unsigned want = N * rows[_i].share[i] / sum;

		ck_assert_msg(got[i] + N / 50 >= want && got[i] <= want + N / 50,
			"%s: key %u %u times, not %u", rows[_i].states, i, got[i], want);
		ck_assert(rows[_i].share[i] > 0 || got[i] == 0);
	}
	r->keys.key = &r->route->target->keys[0];
	ck_assert_int_eq(key_pool_has_other(r), rows[_i].other);
	fake_drop(&f);
}
END_TEST

static int seconds(int64_t until_us)
{
	return until_us == 0 ? 0 : (int)((until_us - worker_now(&f.w).us) / 1000000);
}

/* The target says so of itself when no key is left, until the first may be tried. */
START_TEST(of_the_whole)
{
	struct req *r = request("m");

	know(r, rows[_i].states);
	key_pool_heed(r->route, worker_now(&f.w));
	ck_assert_int_eq(seconds(atomic_load(&r->route->target->state->refused_until_us)),
		rows[_i].account_s);
	ck_assert_int_eq(seconds(atomic_load(&r->route->spot->not_before_us)), rows[_i].spot_s);
	fake_drop(&f);
}
END_TEST

/* A key whose time has come is tried by one request; not by one that cannot be sent again. */
START_TEST(one_at_a_time)
{
	struct req *r = request("m");
	struct upload upload = { 0 };

	know(r, "Rrr");
	r->upload = &upload;
	ck_assert_uint_eq(key_level(r, 0), 1);
	r->upload = NULL;
	ck_assert_uint_eq(key_level(r, 0), 0);
	ck_assert_ptr_eq(key_pool_take(r), &r->route->target->keys[0]);
	ck_assert_uint_eq(key_level(r, 0), 1);
	ck_assert_int_eq(atomic_load(&r->route->target->keys[0].state->refused_until_us),
		worker_now(&f.w).us + CREDENTIAL_PROBE_US);
	know(r, "...");
	fake_drop(&f);
}
END_TEST

/* An answer about one key and one model: what is known of others, and of the target, stays. */
START_TEST(answers)
{
	struct req *r = request("m"), *s;
	struct http_head h;
	enum http_error err;
	const char *limited = "HTTP/1.1 429 x\r\nretry-after: 9\r\n\r\n";
	const char *good = "HTTP/1.1 200 x\r\nanthropic-ratelimit-tokens-remaining: 5\r\n"
			   "anthropic-ratelimit-tokens-reset: 2999-01-01T00:00:00Z\r\n\r\n";

	know(r, "...");
	r->keys.key = &r->route->target->keys[1];
	a = (struct attempt){ .magic = ATTEMPT_MAGIC,
		.req = r,
		.route = r->route,
		.target = r->route->target,
		.provider = r->route->target->provider,
		.key = r->keys.key };
	ck_assert(health_take(r, a.target, r->route->spot, 1, false));
	ck_assert_int_eq(http1_response_parse(limited, strlen(limited), HTTP_M_POST, &h, &err), 0);
	health_head(&a, &h);
	ck_assert_int_eq(seconds(atomic_load(&r->route->key_rate[1]->not_before_us)), 9);
	ck_assert_int_eq(atomic_load(&r->route->key_rate[0]->not_before_us), 0);
	ck_assert_int_eq(atomic_load(&r->route->spot->not_before_us), 0);
	ck_assert_int_eq(
		atomic_load(
			&plan_find_model(f.conf, STR("n"))->route[0].key_rate[1]->not_before_us),
		0);
	health_refused(&a, 401);
	ck_assert_int_eq(atomic_load(&a.key->state->refused), 1);
	ck_assert_int_eq(atomic_load(&a.target->state->refused), 0);
	ck_assert_int_eq(atomic_load(&a.target->state->refused_until_us), 0);
	ck_assert_int_eq(http1_response_parse(good, strlen(good), HTTP_M_POST, &h, &err), 0);
	health_head(&a, &h);
	ck_assert_int_eq(atomic_load(&a.key->state->refused_until_us), 0);
	ck_assert_int_eq(atomic_load(&r->route->key_rate[1]->not_before_us), 0);
	ck_assert_int_eq(atomic_load(&r->route->spot->tokens_until_us), 0);
	health_leave(r);
	fake_drop(&f);
	s = request("n");
	ck_assert(s->keys.of == NULL && s->keys.key == NULL);
	fake_drop(&f);
}
END_TEST

/* Going again: with what was not tried; at another target it begins anew. */
START_TEST(again)
{
	struct req *r = request("m");
	const struct pool_key *k;
	uint64_t seen = 0;

	know(r, "...");
	for (unsigned i = 0; i < 3; i++) {
		k = key_pool_take(r);
		ck_assert_uint_eq(seen >> (k - r->route->target->keys) & 1, 0);
		seen |= UINT64_C(1) << (k - r->route->target->keys);
		ck_assert_int_eq(key_pool_has_other(r), i < 2);
		key_pool_again(r);
		ck_assert(r->keys.again);
	}
	r->route = &r->model->route[1];
	ck_assert(!key_pool_has_other(r));
	fake_drop(&f);
}
END_TEST

/* ---- configurations */

static const struct {
	const char *targets, *err; /* NULL: fine */
} confs[] = {
	{ T(", keys: [ { id: a, key: x } ]"), NULL },
	{ T(", keys: [ { id: a, key: x }, { id: a, key: y } ]"), "two keys called `a`" },
	{ T(", keys: [ { id: a, key: x } ], key: y"), "more than one of" },
	{ T(", keys: [ { id: a, key: x } ], token_file: /y"), "more than one of" },
	{ T(", keys: [ { id: a, key: '' } ]"), "is empty" },
	{ T(", keys: [ { id: a } ]"), "key" },
	{ T(", key: x, health_check: { interval: 5s }"), "needs a `path`" },
	{ T(", key: x, health_check: { path: v1/models }"), "needs a `path`" },
	{ T(", key: x, health_check: { path: '/a b' }"), "plain ASCII" },
	{ T(", key: x, health_check: { path: /a }, proxy: 'http://127.0.0.1:1'"),
		"straight to it" },
	{ T(", key: x, health_check: { path: /a, healthy: 0 }"), "healthy" },
	{ T(", keys: [ { key: x } ]"), "id" },
	{ T(", keys: [ { id: a, key: x, weight: 0 } ]"), "weight" },
	{ T(", keys: [ { id: 'a b', key: x } ]"), "letters, digits" },
	{ "{ provider: openai, base_url: http://192.0.2.1, keys: [ { id: a, key: x } ] }",
		"unencrypted" },
};

START_TEST(configurations)
{
	struct conf_error err = { { 0 } };
	char text[1024];
	struct tg_conf *c;

	snprintf(text, sizeof text,
		"listen: 127.0.0.1:0\ntargets: { t: %s }\n"
		"models: { m: { targets: t } }\n",
		confs[_i].targets);
	c = fake_plan(f.resolver, text, 2, &err);
	if (confs[_i].err == NULL) {
		ck_assert_msg(c != NULL, "%s", err.text);
		ck_assert_uint_eq(c->targets[0].n_keys, 1);
		UNIT_STR_EQ(c->targets[0].keys[0].auth, STR("authorization: Bearer x\r\n"));
		plan_put(c);
		return;
	}
	ck_assert_msg(c == NULL, "%s", confs[_i].targets);
	ck_assert_msg(strstr(err.text, confs[_i].err) != NULL, "%s", err.text);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, picks, 0, sizeof rows / sizeof *rows);
	tcase_add_loop_test(tc, of_the_whole, 0, sizeof rows / sizeof *rows);
	tcase_add_test(tc, one_at_a_time);
	tcase_add_test(tc, answers);
	tcase_add_test(tc, again);
	tcase_add_loop_test(tc, configurations, 0, sizeof confs / sizeof *confs);
}

UNIT_MAIN("key_pool", tests)
