/*
 * check_hedge.c: second tries: when one is due, how many there may be, who has the client in the
 * end, and that everything of both is let go of.
 */
#include "unit/core/fake.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* Its static halves. */
#include "core/hedge.c"

#define YAML                                                                                    \
	"listen: 127.0.0.1:0\nledger: { path: none }\n"                                         \
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 },\n"                   \
	"  b: { provider: openai, base_url: http://127.0.0.1:%u } }\n"                          \
	"models: { m: { targets: [ a, b ], hedge: { after: 100ms, share: 10%%, max_body: 1k } " \
	"} }\n"                                                                                 \
	"tenants: { me: { tags: { team: x }, keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n"

#define CHAT                                                                         \
	"POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\ncontent-type: "           \
	"application/json\r\nauthorization: Bearer " FAKE_KEY "\r\ncontent-length: " \
	"13\r\n\r\n"
#define BODY "{\"model\":\"m\"}"

static struct fake f;
static struct attempt attempt; /* the original's: sent, and nothing has come */
static int provider;

static uint64_t count(enum worker_counter c)
{
	return stat_get(&f.w.stats.c[c]);
}

/* b takes connections and says nothing. */
static void setup(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof in;
	char yaml[1024];

	provider = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(provider, 0);
	ck_assert_int_eq(bind(provider, (struct sockaddr *)&in, sizeof in), 0);
	ck_assert_int_eq(listen(provider, 4), 0);
	ck_assert_int_eq(getsockname(provider, (struct sockaddr *)&in, &n), 0);
	snprintf(yaml, sizeof yaml, YAML, ntohs(in.sin_port));
	fake_init(&f, yaml);
}

static void teardown(void)
{
	fake_fini(&f);
	close(provider);
}

/* A request that is at target a. */
static struct req *request(const char *head, const char *body)
{
	struct req *r = fake_req(&f, fake_conn(&f), head);

	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->tenant = r->key->tenant;
	r->tags_json = r->key->tags_json;
	r->degraded = STR("rail");
	r->is_degraded = true;
	r->session = STR("s-1");
	r->model = r->model_first = plan_find_model(f.conf, STR("m"));
	r->model_asked = STR("m");
	r->route = &r->model->route[0];
	r->tried = 1;
	r->stream = true; /* what is given up is not read on */
	leg_begin(r);
	r->n_attempts = 1;
	fake_body(r, body);
	attempt = (struct attempt){
		.magic = ATTEMPT_MAGIC, .state = ATTEMPT_SEND, .req = r, .send_done = true
	};
	timer_init(&attempt.clock, hedge_on_clock);
	r->attempt = &attempt;
	return r;
}

/* Its twin, which is on its way to b. */
static struct req *twin_of(struct req *r)
{
	struct conn *c;

	r->model->hedge->credit = HEDGE_ONE;
	hedge_watch(r);
	ck_assert_ptr_nonnull(r->hedge);
	ck_assert(timer_armed(&r->hedge->clock));
	timer_disarm(&f.w.wheel, &r->hedge->clock);
	hedge_on_clock(&r->hedge->clock);
	ck_assert(r->hedge->waiting && !list_empty(&f.w.again));
	c = list_entry(f.w.again.next, struct conn, again);
	list_del(&c->again);
	conn_run_again(c);
	ck_assert(!r->hedge->waiting);
	ck_assert_ptr_nonnull(r->hedge->twin);
	return r->hedge->twin;
}

START_TEST(it_is_the_same_elsewhere)
{
	struct req *r = request(CHAT, BODY), *t = twin_of(r);

	ck_assert_ptr_eq(t->key, r->key);
	ck_assert_ptr_eq(t->tags_json.p, r->tags_json.p);
	UNIT_STR_EQ(t->session, r->session);
	UNIT_STR_EQ(t->degraded, r->degraded); /* the client is told, whoever answers */
	ck_assert(t->is_degraded);
	UNIT_STR_EQ(t->model_asked, r->model_asked);
	ck_assert_ptr_ne(t->session.p, r->session.p);
	UNIT_STR_EQ(t->route->target->name, STR("b"));
	ck_assert(t->conn->lost && hedge_is_twin(t) && !hedge_is_twin(r));
	ck_assert(!req_may_retry(t) && !req_has_fallback(t));
	ck_assert_ptr_eq(r->hedge, t->hedge);
	fake_drop(&f);
	ck_assert_uint_eq(count(WC_HEDGES_SENT), 1);
}
END_TEST

START_TEST(the_twin_is_first)
{
	struct req *r = request(CHAT, BODY), *t = twin_of(r);
	struct conn *client = r->conn;

	r->keep_alive = true;
	hedge_head(t, 500); /* an error of its is none of the client's */
	ck_assert(!r->settled && t->conn != client);
	hedge_head(t, 200);
	ck_assert(r->settled && !t->settled);
	ck_assert_int_eq(r->end, END_HEDGED);
	ck_assert_ptr_eq(t->conn, client);
	ck_assert_ptr_eq(client->req, t);
	ck_assert(t->keep_alive && !hedge_is_twin(t));
	ck_assert_uint_eq(count(WC_HEDGES_WON), 1);
	req_abort(t, END_CLIENT_GONE);
	ck_assert(t->settled);
	fake_drop(&f);
}
END_TEST

START_TEST(the_original_is_first)
{
	struct req *r = request(CHAT, BODY), *t = twin_of(r);
	struct conn *client = r->conn;

	hedge_head(r, 429);
	ck_assert(t->settled && !r->settled);
	ck_assert_int_eq(t->end, END_HEDGED);
	ck_assert_ptr_eq(r->conn, client);
	ck_assert_ptr_null(r->hedge->twin);
	fake_drop(&f);
	ck_assert_uint_eq(count(WC_HEDGES_WON), 0);
}
END_TEST

START_TEST(the_client_leaves)
{
	struct req *r = request(CHAT, BODY), *t = twin_of(r);

	req_abort(r, END_CLIENT_GONE);
	ck_assert(t->settled && r->settled);
	ck_assert_int_eq(t->end, END_HEDGED);
	ck_assert_int_eq(r->end, END_CLIENT_GONE);
	fake_drop(&f);
}
END_TEST

/* The original is over before its twin has begun: that never does. */
START_TEST(too_late)
{
	struct req *r = request(CHAT, BODY);

	r->model->hedge->credit = HEDGE_ONE;
	hedge_watch(r);
	hedge_on_clock(&r->hedge->clock);
	ck_assert(r->hedge->waiting);
	req_abort(r, END_CLIENT_GONE);
	worker_turn_end(&f.w);
	ck_assert_uint_eq(f.w.n_conns, 0);
	ck_assert_uint_eq(count(WC_HEDGES_SENT), 0);
}
END_TEST

static const struct {
	bool got_byte, moved, unsent, slow;
} slow_rows[] = {
	{ false, false, false, true },
	{ true, false, false, false },
	{ false, true, false, false },
	{ false, false, true, false },
};

START_TEST(who_is_slow)
{
	struct req *r = request(CHAT, BODY);

	attempt.got_byte = slow_rows[_i].got_byte;
	attempt.send_done = !slow_rows[_i].unsent;
	r->n_attempts += slow_rows[_i].moved;
	ck_assert_int_eq(is_slow(r), slow_rows[_i].slow);
	fake_drop(&f);
}
END_TEST

static char long_body[1100];
static const struct {
	const char *head, *body;
	bool forced;
} no_rows[] = {
	{ CHAT, long_body, false },
	{ CHAT, BODY, true },
	{ "POST /v1/chat/completions HTTP/1.0\r\ncontent-length: 13\r\n\r\n", BODY, false },
	{ "POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\norigin: https://a\r\ncontent-length: "
	  "13\r\n\r\n",
		BODY, false },
	{ "POST /v1/messages/count_tokens HTTP/1.1\r\nhost: gw\r\ncontent-length: 13\r\n\r\n", BODY,
		false },
};

START_TEST(who_has_none)
{
	struct req *r;

	memset(long_body, ' ', sizeof long_body - 1);
	r = request(no_rows[_i].head, no_rows[_i].body);
	r->forced = no_rows[_i].forced ? &f.conf->targets[0] : NULL;
	hedge_watch(r);
	ck_assert_ptr_null(r->hedge);
	fake_drop(&f);
}
END_TEST

/* One of ten requests, and what quiet times have saved up is little. */
START_TEST(the_share)
{
	struct model_hedge m = { .share_bp = 1000 };
	unsigned n = 0;

	ck_assert(!credit_take(&m));
	for (unsigned i = 0; i < 1000; i++) {
		credit_add(&m);
		n += credit_take(&m);
	}
	ck_assert_uint_eq(n, 100);
	for (unsigned i = 0; i < 10000; i++)
		credit_add(&m);
	for (n = 0; credit_take(&m);)
		n++;
	ck_assert_uint_le(n, 9);
}
END_TEST

/* Of times that are spread evenly over 1 to 2 s it ends near 1.95 s, wherever it began. */
START_TEST(the_p95)
{
	static const int64_t begin[] = { 1000, 1500000, 60000000 };

	for (size_t k = 0; k < sizeof begin / sizeof *begin; k++) {
		struct model_hedge m = { .after_us = 0 };
		uint32_t x = 12345;
		int64_t sum = 0;

		learn(&m, begin[k]);
		ck_assert_int_eq(hedge_due_us(&m), 0); /* too few */
		for (unsigned i = 0; i < 6000; i++) {
			x = x * 1664525 + 1013904223;
			learn(&m, 1000000 + (int64_t)(x >> 8) % 1000000);
			sum += i >= 4000 ? m.p95_us : 0;
		}
		ck_assert_int_eq(hedge_due_us(&m), m.p95_us);
		ck_assert_int_gt(sum / 2000, 1850000);
		ck_assert_int_lt(sum / 2000, 2100000);
	}
}
END_TEST

static const struct {
	const char *text;
	int rc;
	int64_t us;
} words[] = { { "p95", 0, 0 }, { "800ms", 0, 800000 }, { "2s", 0, 2000000 }, { "p99", -1, 0 },
	{ "0s", -1, 0 }, { "1d", -1, 0 }, { "", -1, 0 } };

START_TEST(after)
{
	struct conf_why why;
	int64_t us = -1;

	ck_assert_int_eq(hedge_parse(str_z(words[_i].text), &us, &why), words[_i].rc);
	if (words[_i].rc == 0)
		ck_assert_int_eq(us, words[_i].us);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, it_is_the_same_elsewhere);
	tcase_add_test(tc, the_twin_is_first);
	tcase_add_test(tc, the_original_is_first);
	tcase_add_test(tc, the_client_leaves);
	tcase_add_test(tc, too_late);
	tcase_add_loop_test(tc, who_is_slow, 0, sizeof slow_rows / sizeof *slow_rows);
	tcase_add_loop_test(tc, who_has_none, 0, sizeof no_rows / sizeof *no_rows);
	tcase_add_test(tc, the_share);
	tcase_add_test(tc, the_p95);
	tcase_add_loop_test(tc, after, 0, sizeof words / sizeof *words);
}

UNIT_MAIN("hedge", tests)
