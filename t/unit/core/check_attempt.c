/*
 * check_attempt.c: one exchange with a provider, played by the test over a real socket: answers cut
 * at every byte, every way in which one fails and what the client is told, its clocks, what is sent
 * once more and what never, uploads, and backpressure. Clocks are fired by hand: nothing waits for
 * time.
 */
#include "unit/core/upstream.h"

#include "core/spots.h"

#include "core/attempt.c"
#include "core/attempt_receive.c"

static struct fake f;

/* In a row, of all models at a target, in halves; and of its account. */
static unsigned failures_of(unsigned target)
{
	unsigned n = atomic_load(&f.conf->targets[target].state->refused);

	for (unsigned i = 0; i < f.conf->n_models; i++)
		for (unsigned k = 0; k < f.conf->models[i].n_routes; k++)
			if (f.conf->models[i].route[k].target == &f.conf->targets[target])
				n += atomic_load(
					&f.conf->models[i].route[k].spot->circuit.failures);
	return n;
}
static struct upstream one, two;

static void setup(void)
{
	static char yaml[2048];

	upstream_open(&one);
	upstream_open(&two);
	snprintf(yaml, sizeof yaml,
		"listen: 127.0.0.1:0\n"
		"targets:\n"
		"  one: { provider: openai, base_url: 'http://127.0.0.1:%u', key: one-secret }\n"
		"  two: { provider: openai, base_url: 'http://127.0.0.1:%u', key: two-secret }\n"
		"  gem1: { provider: gemini, base_url: 'http://127.0.0.1:%u', key: x }\n"
		"  gem2: { provider: gemini, base_url: 'http://127.0.0.1:%u', key: y }\n"
		"models:\n"
		"  m: { targets: one }\n"
		"  both: { targets: [ one, two ] }\n"
		"  gem: { targets: [ gem1, gem2 ] }\n"
		"upstream: { connect: 1m, first_byte: 2m, between_bytes: 3m, send: 4m, total: 50m "
		"}\n"
		"timeouts: { body: 5m, send: 6m }\n"
		"tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n",
		one.port, two.port, one.port, two.port);
	fake_init(&f, yaml);
}

static void teardown(void)
{
	fake_fini(&f);
	upstream_close(&one);
	upstream_close(&two);
}

#define MINUTE 60000000LL

static struct conn *c; /* the client's */

static void ask_body(const char *path, const char *fields, const char *body)
{
	char head[1024];

	if (c == NULL)
		c = fake_conn(&f);
	snprintf(head, sizeof head,
		"POST %s HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer " FAKE_KEY "\r\n"
		"content-length: %zu\r\n%s\r\n",
		path, strlen(body), fields);
	fake_send(&f, head, strlen(head));
	fake_send(&f, body, strlen(body));
}

/* A chat request for the model. */
static void ask(const char *model)
{
	char body[128];

	snprintf(body, sizeof body, "{\"model\":\"%s\"}", model);
	ask_body("/v1/chat/completions", "content-type: application/json\r\n", body);
}

static struct attempt *attempt(void)
{
	ck_assert(c->req != NULL && c->req->attempt != NULL);
	return c->req->attempt;
}

/* What the gateway has written for the client, once there is a whole head; cumulative. */
static bool answered(void)
{
	fake_read_more(&f);
	return strstr(f.got, "\r\n\r\n") != NULL;
}

/* Whole: the request is settled. */
static void until_answered(int status)
{
	FAKE_UNTIL(&f, f.w.n_reqs == 0 && answered());
	ck_assert_msg(fake_status(&f) == status, "%s", f.got);
}

static void until_told(const char *text)
{
	FAKE_UNTIL(&f, f.w.n_reqs == 0 && answered());
	ck_assert_msg(strstr(f.got, text) != NULL, "no \"%s\" in %s", text, f.got);
}

static void next(void)
{
	f.got_n = 0;
	f.got[0] = '\0';
}

#define OK    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
#define SSE   "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
#define CH    "transfer-encoding: chunked\r\n\r\n"
#define PLAIN OK "content-length: 10\r\n\r\n{\"id\":\"x\"}"

/* ---- whole answers, however they are cut */

static const struct {
	const char *answer;
	const char *body; /* as the client gets it, framing taken off: found in what it got */
	bool closes;      /* the provider closes behind it */
	bool reused;      /* is the connection good for another request */
} whole[] = {
	{ PLAIN, "{\"id\":\"x\"}", false, true },
	{ OK "content-length: 0\r\n\r\n", "content-length: 0\r\n", false, true },
	{ OK CH "4\r\n{\"id\r\n6;x=y\r\n\":\"x\"}\r\n0\r\n\r\n", "{\"id\":\"x\"}", false, true },
	{ OK CH "a\r\n{\"id\":\"x\"}\r\n0\r\nx-t: 1\r\n\r\n", "{\"id\":\"x\"}", false, true },
	{ SSE CH "9\r\ndata: x\n\n\r\n0\r\n\r\n", "data: x\n\n", false, true },
	{ OK "\r\n{\"id\":\"x\"}", "{\"id\":\"x\"}", true, false },
	{ OK "connection: close\r\ncontent-length: 10\r\n\r\n{\"id\":\"x\"}", "{\"id\":\"x\"}",
		false, false },
	{ "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n"
	  "{\"id\":\"x\"}",
		"{\"id\":\"x\"}", false, false },
	{ "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 102 P\r\n\r\n" PLAIN,
		"{\"id\":\"x\"}", false, true },
	{ "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204", false, true },
	{ "HTTP/1.1 404 x\r\ncontent-length: 2\r\n\r\nno", "\r\n\r\nno", false, true },
	{ PLAIN "HTTP/1.1 200 OK\r\n\r\n", "{\"id\":\"x\"}", false, false }, /* bytes behind */
};

static void run_whole(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	const int i = *(int *)arg;

	next();
	ask("m");
	if (one.fd < 0)
		UPSTREAM_TAKE(&f, &one);
	else
		UPSTREAM_NEXT(&f, &one);
	if (an > 0) {
		upstream_say(&one, a, an);
		fake_turn(&f);
	}
	/* Already over when what is left was behind the end: then the connection is gone, too. */
	if (bn > 0 && send(one.fd, b, bn, MSG_NOSIGNAL) < 0)
		ck_assert(!whole[i].reused);
	if (whole[i].closes)
		upstream_hang_up(&one);
	FAKE_UNTIL(&f, f.w.n_reqs == 0 && answered());
	ck_assert_msg(strstr(f.got, whole[i].body) != NULL, "cut at %zu: %s", an, f.got);
	ck_assert_msg(strstr(f.got, "x-tollgate-attempts: 1\r\n") != NULL, "%s", f.got);
	ck_assert_uint_eq(fake_count(&f, WC_UP_ERRORS), 0);
	ck_assert_int_eq(c->state, CONN_IDLE);
	/* What came behind the end may still be on its way. */
	if (!whole[i].reused)
		FAKE_UNTIL(&f, fake_count(&f, WC_UP_IDLE) == 0);
	else
		ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 1);
	ck_assert_uint_eq(fake_count(&f, WC_UP_ACTIVE), 0);
	if (!whole[i].reused)
		upstream_hang_up(&one);
}

START_TEST(whole_answers)
{
	unit_split(whole[_i].answer, strlen(whole[_i].answer), run_whole, &_i);
}
END_TEST

#define SPEECH "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n" CH "3\r\nabc\r\n0\r\n"

static const struct {
	const char *fields, *answer;
	const char *end; /* of what the client gets; %s: our own */
} trailing[] = {
	{ "te: trailers\r\n", SPEECH "x-sum: 1\r\nY:2\r\n\r\n",
		"\r\n0\r\n%sx-sum: 1\r\nY: 2\r\n\r\n" },
	{ "te: trailers\r\n", SPEECH "\r\n", "\r\n0\r\n%s\r\n" },
	{ "te: trailers\r\n", SPEECH "content-length: 9\r\nset-cookie: a\r\nx-sum: 1\r\n\r\n",
		"\r\n0\r\n%sx-sum: 1\r\n\r\n" },
	/* not fields that a head may have: none pass, and the answer is whole */
	{ "te: trailers\r\n", SPEECH "content-length: 9\r\ncontent-length: 8\r\nx-sum: 1\r\n\r\n",
		"\r\n0\r\n%s\r\n" },
	{ "", SPEECH "x-sum: 1\r\n\r\n", "\r\n0\r\n\r\n" },
};

static void run_trailing(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	const int i = *(int *)arg;
	const char *own, *end = strstr(trailing[i].end, "%s");
	char fields[200];

	next();
	snprintf(fields, sizeof fields, "content-type: application/json\r\n%s", trailing[i].fields);
	ask_body("/v1/audio/speech", fields, "{\"model\":\"m\"}");
	if (one.fd < 0)
		UPSTREAM_TAKE(&f, &one);
	else
		UPSTREAM_NEXT(&f, &one);
	ck_assert_int_eq(strstr(one.got, "te: trailers\r\nconnection: te\r\n") != NULL,
		trailing[i].fields[0] != '\0');
	if (an > 0)
		upstream_say(&one, a, an);
	fake_turn(&f);
	if (bn > 0)
		upstream_say(&one, b, bn);
	FAKE_UNTIL(&f, f.w.n_reqs == 0 && answered());
	if (end == NULL) {
		ck_assert_msg(
			str_ends(str_mk(f.got, f.got_n), str_z(trailing[i].end)), "%s", f.got);
		return;
	}
	ck_assert_msg(
		str_ends(str_mk(f.got, f.got_n), str_z(end + 2)), "cut at %zu: %s", an, f.got);
	own = strstr(f.got, "\r\n0\r\nx-tollgate-cost-usd: ");
	ck_assert_msg(own != NULL, "%s", f.got);
	own = strstr(own, "x-tollgate-usage: ");
	ck_assert(own != NULL);
	ck_assert_str_eq(strstr(own, "\r\n") + 2, end + 2);
}

/* The provider's trailers pass behind ours, to who takes trailers. */
START_TEST(trailers)
{
	unit_split(trailing[_i].answer, strlen(trailing[_i].answer), run_trailing, &_i);
}
END_TEST

static const struct {
	const char *in;
	const char *out; /* NULL: malformed */
	bool fin;
} frames[] = {
	{ "5\r\nhello\r\n", "hello", false },
	{ "1\r\na\r\n1\r\nb\r\n2\r\ncd\r\n", "abcd", false },
	{ "1\r\na\r\n0\r\n\r\n", "a", true },
	{ "0\r\nx: y\r\n\r\n", "", true },
	{ "0\r\n\r\nmore", "", true },
	{ "3\r\nab", "ab", false },
	{ "", "", false },
	{ "1\r\nab\r\n", NULL, false },
	{ "x", NULL, false },
};

/* One span for what was read in one go. */
START_TEST(unframed_in_place)
{
	struct attempt a = { .keep = true };
	char *buf = unit_copy(frames[_i].in, strlen(frames[_i].in));
	struct str data;
	bool fin;
	int rc;

	http1_body_init_framing(&a.body, HTTP_BODY_CHUNKED, 0);
	rc = attempt_unframe(&a, buf, strlen(frames[_i].in), &data, &fin);
	ck_assert_int_eq(rc, frames[_i].out != NULL ? 0 : -1);
	if (rc == 0) {
		UNIT_STR_EQ(data, str_z(frames[_i].out));
		ck_assert_int_eq(fin, frames[_i].fin);
		ck_assert_int_eq(a.keep, strstr(frames[_i].in, "more") == NULL);
	}
	free(buf);
}
END_TEST

/* ---- answers that fail */

static const struct {
	const char *answer; /* then the provider closes, or resets */
	bool reset;
	int status;
	const char *text;
} failing[] = {
	{ "", false, 502, "the connection was closed before an answer. Attempts: 1" },
	{ "", true, 502, "closed before an answer: connection reset by peer" },
	{ "HTTP/1.1 200 OK\r\ncontent-le", false, 502,
		"the connection was closed before an answer" },
	{ "HTTP/1.1 103 x\r\n\r\n", false, 502, "the connection was closed before an answer" },
	{ "SSH-2.0\r\n\r\n", false, 502, "not valid HTTP: the status line" },
	{ "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", false, 502,
		"not valid HTTP: " },
	{ "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n", false, 502,
		"101 without being asked to upgrade" },
	{ OK "content-encoding: gzip\r\ncontent-length: 1\r\n\r\nx", false, 502,
		"the answer was compressed although that was not offered" },
	{ OK "content-length: 10\r\n\r\n{\"id\"", false, 502, "the answer broke off" },
	{ OK CH "9\r\n{\"id\"", true, 502, "the answer broke off: connection reset by peer" },
	{ OK CH "x\r\n", false, 502, "not valid HTTP: " }, /* held: the client saw nothing yet */
	{ "HTTP/1.1 401 x\r\ncontent-length: 100\r\n\r\n{\"error\":{\"code\":\"bad_key\",", false,
		502,
		"it refused the gateway's credentials: status 401, code bad_key. Attempts: 1" },
	{ "HTTP/1.1 403 x\r\n" CH "zz", false, 502, "credentials: status 403. Attempts: 1" },
	{ "HTTP/1.1 429 x\r\ncontent-length: 2\r\n\r\nno", false, 429, "\r\n\r\nno" },
	{ "HTTP/1.1 503 x\r\ncontent-length: 2\r\n\r\nno", false, 503, "\r\n\r\nno" },
};

START_TEST(failures)
{
	ask("m");
	UPSTREAM_TAKE(&f, &one);
	if (failing[_i].answer[0] != '\0') {
		UPSTREAM_SAY(&one, failing[_i].answer);
		fake_turn(&f);
	}
	if (failing[_i].reset)
		upstream_reset(&one);
	else
		upstream_hang_up(&one);
	FAKE_UNTIL(&f, f.w.n_reqs == 0 && answered());
	ck_assert_msg(fake_status(&f) == failing[_i].status, "%s", f.got);
	ck_assert_msg(strstr(f.got, failing[_i].text) != NULL, "%s", f.got);
	ck_assert_msg(strstr(f.got, "one-secret") == NULL, "%s", f.got);
	ck_assert_uint_eq(fake_count(&f, WC_UP_ERRORS), failing[_i].status == 502);
	ck_assert_int_eq(c->state, CONN_IDLE); /* a provider's failure ends no client connection */
}
END_TEST

START_TEST(refused_connection)
{
	upstream_close(&one);
	ask("m");
	until_told("the connection was refused or failed: Connection refused. Attempts: 1");
	ck_assert_int_eq(fake_status(&f), 502);
	upstream_open(&one);
}
END_TEST

/* What the client has of a stream is never followed by an end. */
START_TEST(truncated)
{
	ask("m");
	UPSTREAM_TAKE(&f, &one);
	UPSTREAM_SAY(&one, SSE CH "9\r\ndata: x\n\n\r\n");
	FAKE_UNTIL(&f, answered());
	upstream_hang_up(&one);
	FAKE_UNTIL(&f, f.w.n_reqs == 0);
	fake_read_more(&f);
	ck_assert_msg(strstr(f.got, "data: x\n\n") != NULL, "%s", f.got);
	ck_assert_msg(strstr(f.got, "event: error\n") != NULL, "%s", f.got);
	ck_assert_msg(strstr(f.got, "\r\n0\r\n") == NULL, "%s", f.got);
}
END_TEST

/* ---- what is sent again */

/* An exchange that leaves a kept connection. */
static void warm(void)
{
	ask("m");
	UPSTREAM_TAKE(&f, &one);
	UPSTREAM_SAY(&one, PLAIN);
	until_answered(200);
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 1);
	next();
}

static const struct {
	const char *answer; /* of the kept connection, which then closes */
	int status;         /* 0: the request is sent once more */
} kept[] = {
	{ "", 0 },
	{ "H", 502 },
	{ "HTTP/1.1 100 Continue\r\n\r\n", 502 },
	{ "HTTP/1.1 408 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", 0 },
	{ "HTTP/1.1 408 x\r\ncontent-length: 0\r\n\r\n", 408 },
	{ "HTTP/1.1 500 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", 500 },
};

START_TEST(free_retry)
{
	char first[1024];

	warm();
	ask("m");
	UPSTREAM_NEXT(&f, &one);
	strcpy(first, one.got);
	if (kept[_i].answer[0] != '\0')
		UPSTREAM_SAY(&one, kept[_i].answer);
	fake_turn(&f);
	upstream_hang_up(&one);
	if (kept[_i].status != 0) {
		until_answered(kept[_i].status);
		ck_assert_uint_eq(fake_count(&f, WC_UP_FREE_RETRIES), 0);
		return;
	}
	UPSTREAM_TAKE(&f, &one);
	ck_assert_str_eq(one.got, first);
	ck_assert(!attempt()->reused);
	UPSTREAM_SAY(&one, PLAIN);
	until_answered(200);
	ck_assert_str_eq(fake_field(&f, "x-tollgate-attempts"), "1");
	ck_assert_uint_eq(fake_count(&f, WC_UP_FREE_RETRIES), 1);
	ck_assert_uint_eq(fake_count(&f, WC_UP_ERRORS), 0);
}
END_TEST

/* The client's request and what the provider says unasked are news of the same turn. */
START_TEST(unasked_in_the_same_turn)
{
	warm();
	ask("m");
	UPSTREAM_SAY(&one, "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret");
	UPSTREAM_TAKE(&f, &one); /* on a new connection */
	UPSTREAM_SAY(&one, PLAIN);
	until_answered(200);
	ck_assert_msg(strstr(f.got, "secret") == NULL, "%s", f.got);
	ck_assert_uint_eq(fake_count(&f, WC_UP_REUSES), 0);
	ck_assert_uint_eq(fake_count(&f, WC_UP_FREE_RETRIES), 0);
}
END_TEST

/*
 * It is on its way when the request goes out, and comes before the provider's side has acknowledged
 * anything. A loopback that acknowledges at once leaves no such time: several rounds.
 */
START_TEST(unasked_on_its_way)
{
	static const char secret[] = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret";
	int off = 0, found = 0, fd;

	for (int round = 0; round < 50 && found == 0; round++) {
		uint64_t retries = fake_count(&f, WC_UP_FREE_RETRIES);

		if (one.fd < 0)
			warm();
		ck_assert_int_eq(
			setsockopt(one.fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off), 0);
		ask("m");
		upstream_say(&one, secret, sizeof secret - 1);
		c->st.on_ready(&c->st, STREAM_CAN_READ, c); /* before the poller looks again */
		ck_assert(attempt()->reused);
		fd = one.fd;
		fake_turn(&f);
		if (fake_count(&f, WC_UP_FREE_RETRIES) > retries) {
			found++;
			UPSTREAM_TAKE(&f, &one);
			UPSTREAM_SAY(&one, PLAIN);
			until_answered(200);
			ck_assert_msg(strstr(f.got, "secret") == NULL, "%s", f.got);
			ck_assert_str_eq(fake_field(&f, "x-tollgate-attempts"), "1");
			close(fd);
		}
		next();
		upstream_hang_up(&one);
		FAKE_UNTIL(&f, fake_count(&f, WC_UP_IDLE) == 0 && f.w.n_reqs == 0);
		fake_read(&f);
		next();
	}
	ck_assert_msg(found > 0, "never seen");
}
END_TEST

START_TEST(free_retry_once)
{
	warm();
	ask("m");
	UPSTREAM_NEXT(&f, &one);
	upstream_hang_up(&one);
	UPSTREAM_TAKE(&f, &one);
	upstream_hang_up(&one);
	until_answered(502);
	ck_assert_uint_eq(fake_count(&f, WC_UP_FREE_RETRIES), 1);
}
END_TEST

/* Which of the two was asked. */
static struct upstream *asked(void)
{
	FAKE_UNTIL(&f, upstream_accepted(&one) || upstream_accepted(&two));
	return one.fd >= 0 ? &one : &two;
}

static const struct {
	const char *answer; /* of the first; then it closes */
	bool moves;         /* the second is asked */
} first_answers[] = {
	{ "", true }, { "x\r\n\r\n", true },
	{ "HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n", true },
	{ "HTTP/1.1 429 x\r\ncontent-length: 0\r\n\r\n", true },
	{ "HTTP/1.1 403 x\r\ncontent-length: 0\r\n\r\n", true },
	{ "HTTP/1.1 408 x\r\ncontent-length: 0\r\n\r\n", true },
	{ "HTTP/1.1 400 x\r\ncontent-length: 0\r\n\r\n", false },
	{ OK "content-length: 9\r\n\r\n", false }, /* a head is an answer */
};

START_TEST(another_target)
{
	struct upstream *first, *second;

	ask("both");
	first = asked();
	second = first == &one ? &two : &one;
	FAKE_UNTIL(&f, upstream_has_request(first));
	if (first_answers[_i].answer[0] != '\0')
		UPSTREAM_SAY(first, first_answers[_i].answer);
	fake_turn(&f);
	upstream_hang_up(first);
	if (!first_answers[_i].moves) {
		FAKE_UNTIL(&f, f.w.n_reqs == 0);
		ck_assert(!upstream_accepted(second));
		return;
	}
	UPSTREAM_TAKE(&f, second);
	ck_assert(strstr(second->got, second == &two ? "Bearer two-secret" : "Bearer one-secret") !=
		  NULL);
	ck_assert(strstr(second->got, first == &two ? "two-secret" : "one-secret") == NULL);
	/* It fails as well: there is none left. */
	UPSTREAM_SAY(second, "HTTP/1.1 503 x\r\ncontent-length: 2\r\n\r\nno");
	until_answered(503);
	ck_assert_str_eq(fake_field(&f, "x-tollgate-attempts"), "2");
	ck_assert_uint_eq(fake_count(&f, WC_UP_FAILOVERS), 1);
}
END_TEST

/* What a body says of when to come back is known of its target; head and body come apart. */
START_TEST(told_in_the_body)
{
	static const char head[] = "HTTP/1.1 429 x\r\ncontent-length: 146\r\n\r\n",
			  body[] = "{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\","
				   "\"details\":[{\"@type\":\"x/google.rpc.RetryInfo\","
				   "\"retryDelay\":\"34.4s\"}],\"message\":\"later, please\"}}";
	const struct model *gem = plan_find_model(f.conf, STR("gem"));
	struct upstream *first, *second;

	ck_assert_uint_eq(sizeof body - 1, 146);
	ask_body("/v1beta/models/gem:generateContent", "content-type: application/json\r\n",
		"{\"contents\":[]}");
	first = asked();
	second = first == &one ? &two : &one;
	FAKE_UNTIL(&f, upstream_has_request(first));
	UPSTREAM_SAY(first, head);
	fake_turn(&f);
	UPSTREAM_SAY(first, body);
	UPSTREAM_TAKE(&f, second);
	for (unsigned i = 0; i < 2; i++) {
		int64_t us = atomic_load(&gem->route[i].spot->not_before_us);

		if ((first == &one) == (i == 0))
			ck_assert_int_gt(us - worker_now(&f.w).us, 30000000);
		else
			ck_assert_int_le(us, worker_now(&f.w).us);
	}
	UPSTREAM_SAY(second, "HTTP/1.1 503 x\r\ncontent-length: 2\r\n\r\nno");
	until_answered(503);
}
END_TEST

/* ---- clocks */

START_TEST(first_byte_clock)
{
	ask("m");
	UPSTREAM_TAKE(&f, &one);
	ck_assert(attempt()->send_done);
	ck_assert_int_eq(attempt()->clock_fail, FAIL_TIMEOUT_FIRST_BYTE);
	ck_assert_int_le(fake_clock_us(&f, &attempt()->clock), 2 * MINUTE);
	/* an interim answer is not the byte that is waited for */
	UPSTREAM_SAY(&one, "HTTP/1.1 103 x\r\n\r\n");
	FAKE_UNTIL(&f, attempt()->got_byte);
	ck_assert_int_eq(attempt()->clock_fail, FAIL_TIMEOUT_FIRST_BYTE);
	fake_fire(&f, &attempt()->clock);
	until_told("no answer in time. Attempts: 1");
	ck_assert_int_eq(fake_status(&f), 504);
	ck_assert_uint_eq(fake_count(&f, WC_UP_TIMEOUTS), 1);
	FAKE_UNTIL(&f, upstream_read(&one)); /* the provider may stop working */
}
END_TEST

START_TEST(between_bytes_clock)
{
	ask("m");
	UPSTREAM_TAKE(&f, &one);
	UPSTREAM_SAY(&one, "HTTP/1.1 200 OK\r\n"); /* in the head */
	FAKE_UNTIL(&f, attempt()->clock_fail == FAIL_TIMEOUT_BETWEEN);
	ck_assert_int_le(fake_clock_us(&f, &attempt()->clock), 3 * MINUTE);
	UPSTREAM_SAY(&one, "content-type: text/event-stream\r\n" CH "9\r\ndata: x\n\n\r\n");
	FAKE_UNTIL(&f, answered());
	ck_assert_int_eq(attempt()->clock_fail, FAIL_TIMEOUT_BETWEEN);
	fake_fire(&f, &attempt()->clock);
	FAKE_UNTIL(&f, f.w.n_reqs == 0);
	fake_read_more(&f);
	ck_assert_msg(strstr(f.got, "the answer stalled") != NULL, "%s", f.got);
	ck_assert_uint_eq(fake_count(&f, WC_UP_TIMEOUTS), 1);
}
END_TEST

START_TEST(total_clock)
{
	ask("both");
	asked();
	ck_assert_int_le(fake_clock_us(&f, &c->req->total), 50 * MINUTE);
	fake_fire(&f, &c->req->total);
	until_told("the request took too long in all. Attempts: 1"); /* the other is not asked */
	ck_assert_int_eq(fake_status(&f), 504);
	ck_assert_uint_eq(failures_of(0), 0);
	ck_assert_uint_eq(failures_of(1), 0);
}
END_TEST

/* The words of a refusal are not waited for longer than they are worth. */
START_TEST(refusal_clock)
{
	ask("m");
	UPSTREAM_TAKE(&f, &one);
	UPSTREAM_SAY(&one,
		"HTTP/1.1 403 x\r\ncontent-length: 100\r\n\r\n{\"error\":{\"type\":\"a_word\",");
	FAKE_UNTIL(&f, attempt()->refusal != NULL);
	fake_turn(&f);
	ck_assert_int_le(fake_clock_us(&f, &attempt()->clock), REFUSAL_WAIT_US);
	fake_fire(&f, &attempt()->clock);
	until_told("credentials: status 403, type a_word. Attempts: 1");
	ck_assert_int_eq(fake_status(&f), 502);
	ck_assert_uint_eq(failures_of(0), 0);
}
END_TEST

START_TEST(send_clock)
{
	static char body[8 << 20];

	/* More than the socket takes, and the provider does not read. */
	memset(body, ' ', sizeof body - 1);
	memcpy(body, "{\"model\":\"m\"", 12);
	body[sizeof body - 2] = '}';
	c = fake_conn(&f);
	f.got_n = (size_t)snprintf(f.got, sizeof f.got,
		"POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer " FAKE_KEY
		"\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n",
		sizeof body - 1);
	fake_send(&f, f.got, f.got_n);
	for (size_t at = 0; at < sizeof body - 1;) {
		ssize_t n = write(f.client, body + at, sizeof body - 1 - at);

		at += n > 0 ? (size_t)n : 0;
		fake_turn(&f);
	}
	next();
	FAKE_UNTIL(&f, c->req->attempt != NULL && attempt()->state == ATTEMPT_SEND);
	ck_assert(!attempt()->send_done);
	ck_assert_int_eq(attempt()->clock_fail, FAIL_TIMEOUT_SEND);
	ck_assert_int_le(fake_clock_us(&f, &attempt()->clock), 4 * MINUTE);
	ck_assert(attempt()->up->st.want_write);
	fake_fire(&f, &attempt()->clock);
	until_told("it did not take the request");
	ck_assert_int_eq(fake_status(&f), 504);
}
END_TEST

/* ---- uploads */

#define UPLOAD_HEAD                                                                     \
	"POST /v1/files HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer " FAKE_KEY "\r\n" \
	"content-type: application/octet-stream\r\n"

static void send_text(const char *text)
{
	fake_send(&f, text, strlen(text));
}

START_TEST(upload_chunked)
{
	c = fake_conn(&f);
	send_text(UPLOAD_HEAD "transfer-encoding: chunked\r\n\r\n");
	FAKE_UNTIL(&f, upstream_accepted(&one));
	send_text("5\r\nhello\r\n");
	FAKE_UNTIL(&f, (upstream_read(&one), strstr(one.got, "\r\n\r\n5\r\nhello\r\n") != NULL));
	ck_assert(!attempt()->send_done);
	ck_assert_msg(
		!timer_armed(&attempt()->clock), "the client's clock runs, not the provider's");
	ck_assert(timer_armed(&c->timer));
	/* Chunks are framed anew: two that are here at once go out as one. */
	send_text("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	FAKE_UNTIL(&f, upstream_has_request(&one));
	ck_assert_msg(
		strstr(one.got, "5\r\nhello\r\n5\r\nabcde\r\n0\r\n\r\n") != NULL, "%s", one.got);
	ck_assert_int_eq(attempt()->clock_fail, FAIL_TIMEOUT_FIRST_BYTE);
	UPSTREAM_SAY(&one, PLAIN);
	until_answered(200);
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 1);
	ck_assert_int_eq(c->state, CONN_IDLE);
}
END_TEST

/* With a length it keeps it; a kept connection is not used for it, and it is never sent again. */
START_TEST(upload_with_length)
{
	int kept_fd;

	warm();
	kept_fd = one.fd;
	send_text(UPLOAD_HEAD "content-length: 10\r\n\r\n01234");
	FAKE_UNTIL(&f, upstream_accepted(&one));
	FAKE_UNTIL(&f, (upstream_read(&one), strstr(one.got, "\r\n\r\n01234") != NULL));
	ck_assert(strstr(one.got, "content-length: 10\r\n") != NULL);
	upstream_hang_up(&one);
	until_answered(502);
	ck_assert_uint_eq(fake_count(&f, WC_UP_FREE_RETRIES), 0);
	ck_assert(!upstream_accepted(&one));
	ck_assert_str_eq(fake_field(&f, "connection"), "close"); /* its rest is not read */
	close(kept_fd);
}
END_TEST

/* An answer before the body is complete: passed on, and both connections end with it. */
START_TEST(upload_early_answer)
{
	c = fake_conn(&f);
	send_text(UPLOAD_HEAD "content-length: 1000000\r\n\r\n01234");
	FAKE_UNTIL(&f, upstream_accepted(&one));
	FAKE_UNTIL(&f, (upstream_read(&one), strstr(one.got, "01234") != NULL));
	UPSTREAM_SAY(&one, "HTTP/1.1 413 x\r\ncontent-length: 3\r\n\r\nbig");
	until_answered(413);
	ck_assert_str_eq(fake_body_of(&f), "big");
	ck_assert_str_eq(fake_field(&f, "connection"), "close");
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 0);
	FAKE_UNTIL(&f, upstream_read(&one));
}
END_TEST

/* It stops taking the body, and has said why: that is read although writing has failed. */
static const struct {
	const char *answer;
	int status;
} stops[] = {
	{ "HTTP/1.1 413 x\r\ncontent-length: 3\r\n\r\nbig", 413 },
	{ "HTTP/1.1 413 x\r\ncontent-len", 502 },
	{ "", 502 },
};

START_TEST(upload_stopped)
{
	static char block[65536];

	c = fake_conn(&f);
	send_text(UPLOAD_HEAD "content-length: 400000000\r\n\r\n");
	FAKE_UNTIL(&f, upstream_accepted(&one));
	for (int idle = 0; idle < 20;) { /* all buffers are full */
		idle = write(f.client, block, sizeof block) > 0 ? 0 : idle + 1;
		fake_turn(&f);
	}
	ck_assert(attempt()->up->st.want_write);
	if (stops[_i].answer[0] != '\0')
		UPSTREAM_SAY(&one, stops[_i].answer);
	upstream_hang_up(&one); /* with unread bytes: a reset */
	until_answered(stops[_i].status);
	ck_assert_str_eq(fake_field(&f, "connection"), "close");
	ck_assert_uint_eq(fake_count(&f, WC_UP_ACTIVE), 0);
	ck_assert_uint_eq(fake_count(&f, WC_UP_FREE_RETRIES), 0);
}
END_TEST

/* A provider that does not read: the client is not read either, and its clock stands still. */
START_TEST(upload_backpressure)
{
	static char block[65536];
	size_t sent = 0;

	c = fake_conn(&f);
	send_text(UPLOAD_HEAD "content-length: 400000000\r\n\r\n");
	FAKE_UNTIL(&f, upstream_accepted(&one));
	for (int idle = 0; idle < 20;) {
		ssize_t n = write(f.client, block, sizeof block);

		idle = n > 0 ? 0 : idle + 1;
		sent += n > 0 ? (size_t)n : 0;
		fake_turn(&f);
	}
	ck_assert_uint_lt(sent, 100 << 20);
	ck_assert(c->want_hold);
	ck_assert(!timer_armed(&c->timer));
	ck_assert_uint_le(c->req->upload->q.len, UPLOAD_MAX);
	ck_assert_int_eq(attempt()->clock_fail, FAIL_TIMEOUT_SEND);
	ck_assert(timer_armed(&attempt()->clock));
	/* It reads: so do we. */
	FAKE_UNTIL(&f, (one.got_n = 0, upstream_read(&one), !c->want_hold));
	ck_assert(timer_armed(&c->timer));
}
END_TEST

/* ---- memory */

static const struct {
	const char *path, *fields, *answer;
} exchanges[] = {
	{ "/v1/chat/completions", "content-type: application/json\r\n", PLAIN },
	{ "/v1/chat/completions", "content-type: application/json\r\n",
		SSE CH "9\r\ndata: x\n\n\r\n9\r\ndata: y\n\n\r\n0\r\n\r\n" },
	{ "/v1/audio/speech", "content-type: application/json\r\nte: trailers\r\n",
		SPEECH "x-sum: 1\r\n\r\n" },
	{ "/v1/chat/completions", "content-type: application/json\r\n",
		"HTTP/1.1 401 x\r\ncontent-length: 2\r\n\r\n{}" },
	{ "/v1/files", "content-type: application/octet-stream\r\n", PLAIN },
};

/*
 * With room for one block more each time, so that every allocation is once the one that fails: the
 * client gets the whole answer, or is told that there is no room, and nothing is lost.
 */
START_TEST(short_of_memory)
{
	const char *answer = exchanges[_i].answer;
	int want = strstr(answer, " 401 ") != NULL ? 502 : 200, served = 0;

	for (size_t budget = 4096; served < 3; budget += 4096) {
		ck_assert_uint_le(budget, 1 << 20);
		next();
		c = fake_conn(&f);
		ask_body(exchanges[_i].path, exchanges[_i].fields, "{\"model\":\"m\"}");
		f.w.blocks.max_out_bytes = budget;
		FAKE_UNTIL(&f, f.w.n_reqs == 0 || (one.fd < 0 && upstream_accepted(&one)) ||
				       (one.fd >= 0 && upstream_has_request(&one)));
		if (f.w.n_reqs > 0) {
			FAKE_UNTIL(&f, f.w.n_reqs == 0 || upstream_has_request(&one));
			for (const char *p = answer; *p != '\0' && f.w.n_reqs > 0; p++) {
				upstream_say(&one, p, 1); /* each byte a read of its own */
				fake_turn(&f);
			}
			FAKE_UNTIL(&f, f.w.n_reqs == 0);
		}
		upstream_hang_up(&one);
		fake_turn(&f);
		fake_read_more(&f);
		ck_assert_msg(
			fake_status(&f) == want || fake_status(&f) == 503 || fake_status(&f) == 502,
			"with %zu: %s", budget, f.got);
		served += fake_status(&f) == want;
		ck_assert_msg(
			served == 0 || fake_status(&f) == want, "with %zu: %s", budget, f.got);
		f.w.blocks.max_out_bytes = 0;
		fake_drop(&f);
		ck_assert_uint_eq(f.w.blocks.out_bytes, 0);
	}
}
END_TEST

/* ---- the client's end */

/* While the client's queue is full the provider is not read, and its clocks stand still. */
START_TEST(paused_by_the_client)
{
	static char block[65536];
	size_t said = 0;

	ask_body("/v1/audio/speech", "content-type: application/json\r\n", "{\"model\":\"m\"}");
	UPSTREAM_TAKE(&f, &one);
	UPSTREAM_SAY(&one, "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: "
			   "1000000000\r\n\r\n");
	for (int idle = 0; idle < 20;) {
		ssize_t n = send(one.fd, block, sizeof block, MSG_NOSIGNAL);

		idle = n > 0 ? 0 : idle + 1;
		said += n > 0 ? (size_t)n : 0;
		fake_turn(&f);
	}
	ck_assert_uint_lt(said, 100 << 20);
	ck_assert(c->blocked && attempt()->paused);
	ck_assert(!attempt()->up->st.want_read);
	ck_assert(!timer_armed(&attempt()->clock));
	ck_assert_int_le(fake_clock_us(&f, &c->timer), 6 * MINUTE);
	ck_assert_uint_le(c->out.len, CONN_OUT_MAX);
	FAKE_UNTIL(&f, (fake_read(&f), !attempt()->paused));
	ck_assert_int_eq(attempt()->clock_fail, FAIL_TIMEOUT_BETWEEN);
	ck_assert(timer_armed(&attempt()->clock));
}
END_TEST

/* At any moment: the provider is told by the end of its connection. */
START_TEST(client_gone)
{
	ask("m");
	UPSTREAM_TAKE(&f, &one);
	if (_i == 1)
		UPSTREAM_SAY(&one, SSE CH "9\r\ndata: x\n\n\r\n");
	fake_turn(&f);
	c->req->stream = true; /* an answer in one piece would be read on */
	close(f.client);
	f.client = -1;
	FAKE_UNTIL(&f, f.w.n_conns == 0);
	ck_assert_uint_eq(f.w.n_reqs, 0);
	FAKE_UNTIL(&f, upstream_read(&one));
	ck_assert_uint_eq(fake_count(&f, WC_UP_ERRORS), 0);
}
END_TEST

/* A text for every failure, and not two the same. */
START_TEST(texts)
{
	for (int i = 0; i <= FAIL_CREDENTIALS; i++) {
		ck_assert(attempt_fail_text((enum attempt_fail)i) != NULL);
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(attempt_fail_text((enum attempt_fail)i),
				attempt_fail_text((enum attempt_fail)k));
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, whole_answers, 0, sizeof whole / sizeof *whole);
	tcase_add_loop_test(tc, trailers, 0, sizeof trailing / sizeof *trailing);
	tcase_add_loop_test(tc, unframed_in_place, 0, sizeof frames / sizeof *frames);
	tcase_add_loop_test(tc, failures, 0, sizeof failing / sizeof *failing);
	tcase_add_test(tc, refused_connection);
	tcase_add_test(tc, truncated);
	tcase_add_loop_test(tc, free_retry, 0, sizeof kept / sizeof *kept);
	tcase_add_test(tc, free_retry_once);
	tcase_add_test(tc, unasked_in_the_same_turn);
	tcase_add_test(tc, unasked_on_its_way);
	tcase_add_loop_test(tc, another_target, 0, sizeof first_answers / sizeof *first_answers);
	tcase_add_test(tc, told_in_the_body);
	tcase_add_test(tc, first_byte_clock);
	tcase_add_test(tc, between_bytes_clock);
	tcase_add_test(tc, total_clock);
	tcase_add_test(tc, refusal_clock);
	tcase_add_test(tc, send_clock);
	tcase_add_test(tc, upload_chunked);
	tcase_add_test(tc, upload_with_length);
	tcase_add_test(tc, upload_early_answer);
	tcase_add_loop_test(tc, upload_stopped, 0, sizeof stops / sizeof *stops);
	tcase_add_test(tc, upload_backpressure);
	tcase_add_loop_test(tc, short_of_memory, 0, sizeof exchanges / sizeof *exchanges);
	tcase_add_test(tc, paused_by_the_client);
	tcase_add_loop_test(tc, client_gone, 0, 2);
	tcase_add_test(tc, texts);
}

UNIT_MAIN("attempt", tests)
