/*
 * check_req.c: a request's life: begun from a head, in which dialect, refused bare when there is
 * none; settled exactly once whatever ends it, and told to every module and sink; tickets that
 * outlive it.
 */
#include "unit/core/fake.h"

#include "core/reply.h"

static struct fake f;
static struct conn *c;

static void setup(void)
{
	fake_init(&f, "listen: 127.0.0.1:0\n"
		      "targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
		      "models: { m: { targets: a } }\n"
		      "tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n");
	c = fake_conn(&f);
}

static void teardown(void)
{
	fake_fini(&f);
}

#define GET "GET /v1/models HTTP/1.1\r\nhost: gw\r\n\r\n"

static uint64_t count(enum worker_counter n)
{
	return stat_get(&f.w.stats.c[n]);
}

/* How many requests were settled with this class of status, over all label sets. */
static uint64_t settled(int class)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < SERIES_SLOTS; i++) {
		struct series *e = atomic_load(&f.w.stats.series[i]);

		n += e != NULL ? stat_get(&e->status[class]) : 0;
	}
	return n;
}

/* ---- the beginning */

static const struct {
	const char *target, *fields;
	enum dialect dialect;
} located[] = {
	{ "/v1/chat/completions", "", DIALECT_OPENAI },
	{ "/v1/messages", "", DIALECT_ANTHROPIC },
	{ "/v1/messages/count_tokens", "", DIALECT_ANTHROPIC },
	{ "/nope", "", DIALECT_OPENAI },
	{ "/", "", DIALECT_OPENAI },
	/* /v1/models and unknown paths: by what an Anthropic SDK always sends */
	{ "/v1/models", "anthropic-version: 2023-06-01\r\n", DIALECT_ANTHROPIC },
	{ "/nope", "anthropic-version: 2023-06-01\r\n", DIALECT_ANTHROPIC },
	{ "/v1/messages", "accept: application/problem+json\r\n", DIALECT_PROBLEM },
	{ "/v1/models", "accept: text/html, application/problem+json\r\n", DIALECT_PROBLEM },
	{ "/v1/models", "accept: */*\r\n", DIALECT_OPENAI },
};

START_TEST(dialects)
{
	char head[512];
	struct req *r;

	snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nhost: gw\r\n%s\r\n", located[_i].target,
		located[_i].fields);
	r = fake_req(&f, c, head);
	ck_assert_int_eq((int)r->dialect, (int)located[_i].dialect);
	fake_drop(&f);
}
END_TEST

static const struct {
	enum http_error err;
	int status;
} bare[] = {
	{ HTTP_E_HEAD_TOO_LARGE, 431 },
	{ HTTP_E_BAD_TARGET, 400 },
	{ HTTP_E_BAD_TRAILER, 400 },
};

/* Before there is a request: whole, valid JSON, and closed. */
START_TEST(refused)
{
	req_refuse(c, bare[_i].err);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), bare[_i].status);
	ck_assert_str_eq(fake_field(&f, "connection"), "close");
	ck_assert_int_eq(atoi(fake_field(&f, "content-length")), (int)strlen(fake_body_of(&f)));
	ck_assert(strstr(fake_body_of(&f), "\"code\":\"bad_request\"}}") != NULL);
	ck_assert_uint_eq(f.w.n_reqs, 0);
	ck_assert_int_eq((int)c->state, CONN_LINGER);
}
END_TEST

/* No memory for a request: said so, and the connection goes with its memory. */
START_TEST(overloaded)
{
	f.w.blocks.max_out_bytes = 1;
	req_start(c, STR(GET), strlen(GET), worker_now(&f.w));
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 503);
	ck_assert(strstr(f.got, "\"code\":\"overloaded\"") != NULL);
	ck_assert_uint_eq(f.w.n_reqs, 0);
	f.w.blocks.max_out_bytes = 0;
}
END_TEST

/* A target that cannot be normalised is answered inside the pipeline's rules: counted, with an id.
 */
START_TEST(bad_target)
{
	static const char head[] = "GET /%zz HTTP/1.1\r\nhost: gw\r\n\r\n";

	req_start(c, str_mk(head, sizeof head - 1), sizeof head - 1, worker_now(&f.w));
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 400);
	ck_assert(fake_field(&f, "x-tollgate-request-id") != NULL);
	ck_assert_str_eq(fake_field(&f, "connection"), "close");
	ck_assert_uint_eq(settled(4), 1);
}
END_TEST

/* ---- the end */

static const struct {
	enum req_end why;
	int status; /* before, and after */
	int want;
} aborts[] = {
	{ END_CLIENT_GONE, 0, 499 },
	{ END_CLIENT_SLOW, 0, 408 },
	{ END_CUT_OFF, 0, 499 },
	{ END_CLIENT_GONE, 200, 200 },
	{ END_CLIENT_SLOW, 503, 503 },
};

static int sink_aborts;

static int sink_take(struct sink *s, const struct iovec *iov, int n, bool fin)
{
	(void)s;
	(void)iov;
	(void)n;
	(void)fin;
	return 0;
}

static void sink_end(struct sink *s)
{
	sink_aborts = sink_aborts * 10 + (int)(s - (struct sink *)s->req->body);
}

static const struct sink_ops watched = { .name = "watched", .write = sink_take, .abort = sink_end };
static const struct sink_ops silent = { .name = "silent", .write = sink_take };

START_TEST(aborted)
{
	struct sink sinks[4];
	struct req *r = fake_req(&f, c, GET);

	r->body = (char *)sinks; /* for sink_end to count by */
	sink_push(r, &sinks[3], &watched);
	sink_push(r, &sinks[2], &silent);
	sink_push(r, &sinks[1], &watched);
	sink_aborts = 0;
	r->status = aborts[_i].status;
	timer_arm(&f.w.wheel, &r->total, 1000000);
	req_abort(r, aborts[_i].why);
	ck_assert(r->settled);
	ck_assert_int_eq((int)r->end, (int)aborts[_i].why);
	ck_assert_int_eq(r->status, aborts[_i].want);
	ck_assert_int_eq(sink_aborts, 13); /* from the provider's end to the client's */
	ck_assert(!timer_armed(&r->total));
	ck_assert_uint_eq(settled(aborts[_i].want / 100), 1);
	ck_assert_uint_eq(f.w.n_reqs, 0);
	ck_assert_uint_eq(count(WC_IN_FLIGHT), 0);
	/* Once: whoever comes later finds it over. Its memory is there until the turn ends. */
	req_abort(r, END_CUT_OFF);
	req_resume(r);
	ck_assert_int_eq((int)r->end, (int)aborts[_i].why);
	ck_assert_uint_eq(settled(aborts[_i].want / 100), 1);
	r->body = NULL;
	fake_turn(&f);
	ck_assert_uint_eq(f.w.n_conns, 0);
	ck_assert_uint_eq(f.w.blocks.out_bytes, 0);
}
END_TEST

/* The connection goes on when both sides of the exchange are complete, and only then. */
static const struct {
	bool keep_alive, body_done, stays;
} finishes[] = {
	{ true, true, true },
	{ false, true, false },
	{ true, false, false },
};

START_TEST(finished)
{
	struct req *r = fake_req(&f, c, GET);

	r->keep_alive = finishes[_i].keep_alive;
	r->body_done = finishes[_i].body_done;
	r->status = 200;
	r->head_sent = true;
	req_finish(r, END_OK);
	ck_assert_uint_eq(settled(2), 1);
	ck_assert_int_eq(c->state == CONN_IDLE, finishes[_i].stays);
	ck_assert_ptr_null(c->req);
	fake_turn(&f);
}
END_TEST

/* Too slow: a body that does not come is told so, an answer that is not taken is broken off. */
START_TEST(client_timeout)
{
	struct req *r =
		fake_req(&f, c, "POST /v1/files HTTP/1.1\r\nhost: gw\r\ncontent-length: 5\r\n\r\n");

	if (_i == 1)
		r->head_sent = true;
	if (_i == 2)
		r->body_done = true;
	req_client_timeout(r);
	ck_assert(r->settled);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), _i == 0 ? 408 : 0);
	ck_assert_int_eq(r->status, 408);
	ck_assert_int_eq((int)r->end, (int)(_i == 0 ? END_REPLY : END_CLIENT_SLOW));
	fake_turn(&f);
}
END_TEST

/* Parked before it is sent, by a disk that takes no data: not for ever. */
START_TEST(total_clock_of_the_parked)
{
	struct req *r = fake_req(&f, c, GET);

	req_on_total(&r->total);
	ck_assert(r->settled);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 503);
	ck_assert_int_eq((int)r->error, (int)TG_E_LEDGER_UNAVAILABLE);
	fake_turn(&f);
}
END_TEST

/* ---- tickets */

START_TEST(tickets)
{
	struct req *r = fake_req(&f, c, GET);
	struct ticket *one = req_ticket(r), *two;

	ck_assert_ptr_eq(one->req, r);
	ck_assert_ptr_eq(one->w, &f.w);
	/* A new one: what the old was for is of no interest any more. */
	two = req_ticket(r);
	ck_assert_ptr_null(one->req);
	ck_assert_ptr_eq(two->req, r);
	ticket_give(one);
	ck_assert_ptr_eq(r->ticket, two);
	/* The request dies before its waiter: the ticket says so, and is its holder's. */
	req_abort(r, END_CLIENT_GONE);
	fake_turn(&f);
	ck_assert_ptr_null(two->req);
	ck_assert_uint_eq(f.w.ticket_slab.n_out, 1);
	ticket_give(two);
	ck_assert_uint_eq(f.w.ticket_slab.n_out, 0);
	/* Given back in time: the request knows of none. */
	r = fake_req(&f, fake_conn(&f), GET);
	ticket_give(req_ticket(r));
	ck_assert_ptr_null(r->ticket);
	fake_drop(&f);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, dialects, 0, sizeof located / sizeof *located);
	tcase_add_loop_test(tc, refused, 0, sizeof bare / sizeof *bare);
	tcase_add_test(tc, overloaded);
	tcase_add_test(tc, bad_target);
	tcase_add_loop_test(tc, aborted, 0, sizeof aborts / sizeof *aborts);
	tcase_add_loop_test(tc, finished, 0, sizeof finishes / sizeof *finishes);
	tcase_add_loop_test(tc, client_timeout, 0, 3);
	tcase_add_test(tc, total_clock_of_the_parked);
	tcase_add_test(tc, tickets);
}

UNIT_MAIN("req", tests)
