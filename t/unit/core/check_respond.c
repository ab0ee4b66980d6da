/*
 * check_respond.c: an answer on its way to the client: framing for every kind of client, what is
 * held for the cost, the comment and the trailer of a stream, truncation that never looks like
 * success, CORS; and the gateway's own answers. What the client gets is parsed by the strict
 * parser.
 */
#include "unit/core/fake.h"

#include "core/attempt.h"
#include "core/cors.h"
#include "core/reply.h"

#include "core/respond.c"

static struct fake f;

#define YAML                                                                   \
	"listen: 127.0.0.1:0\n"                                                \
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n" \
	"models: { m: { targets: a } }\n"                                      \
	"limits: { held_response: 1k }\n"                                      \
	"tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n"

static void setup(void)
{
	fake_init(&f, YAML);
}

static void teardown(void)
{
	fake_fini(&f);
}

/* A request that has been sent to target a and is billed. */
static struct req *request(const char *method, const char *version, const char *fields)
{
	char head[4096];
	struct req *r;

	snprintf(head, sizeof head, "%s /v1/chat/completions HTTP/%s\r\nhost: gw\r\n%s\r\n", method,
		version, fields);
	r = fake_req(&f, fake_conn(&f), head);
	r->model = plan_find_model(f.conf, STR("m"));
	r->route = &r->model->route[0];
	r->n_attempts = 1;
	r->metered = true;
	r->leg.money.billed = 31500000;
	r->leg.usage.n[USAGE_IN] = 12;
	return r;
}

static const struct endpoint unmetered; /* METER_NONE */
static struct http_head up;             /* the provider's */
static char up_text[4096];

static void begin(struct req *r, const char *head)
{
	enum http_error err = HTTP_E_NONE;
	bool metered = r->metered, keep_alive = r->keep_alive;

	strcpy(up_text, head);
	ck_assert_msg(
		http1_response_parse(up_text, strlen(up_text), r->head.method, &up, &err) == 0,
		"%s", http_error_text(err));
	f.w.up_head = up;
	r->ep.ep = &unmetered; /* the meter stays out of it */
	r->metered = false;
	ck_assert_int_eq(respond_begin(r, &up), 0);
	if (metered) { /* decided anew, as if the meter had taken part */
		r->metered = true;
		r->keep_alive = keep_alive && r->body_done;
		respond_decide_framing(r->respond, &up);
	}
}

/* One piece; -1 as piece length: all of it. */
static void deliver(struct req *r, const char *body, size_t piece)
{
	size_t n = strlen(body);

	do {
		size_t now = TG_MIN(piece, n);
		struct iovec iov = { (char *)(uintptr_t)body, now };

		body += now;
		n -= now;
		ck_assert_int_eq(sink_write(r->sinks, &iov, now > 0, n == 0), 0);
	} while (n > 0);
}

static struct http_head got;
static char body[1 << 20], trailers[4096];

/* Read the answer back; the body as the client understands it. True: the connection stays open. */
static bool client_reads(enum http_method method)
{
	enum http_error err = HTTP_E_NONE;
	size_t resume = 0, used, n = 0;
	struct http1_body b;
	bool closed;
	long head;
	char *p;

	closed = fake_pump(&f);
	head = http1_head_end(f.got, f.got_n, &resume, HTTP_MAX_HEAD, &err);
	ck_assert_msg(head > 0, "no head: %s", f.got);
	ck_assert_msg(http1_response_parse(f.got, (size_t)head, method, &got, &err) == 0,
		"%s in %s", http_error_text(err), f.got);
	http1_body_init(&b, &got);
	p = f.got + head;
	trailers[0] = '\0';
	while (!http1_body_done(&b)) {
		struct str data;
		enum body_rc rc =
			http1_body_feed(&b, p, f.got_n - (size_t)(p - f.got), &used, &data);

		ck_assert_int_ne(rc, BODY_BAD);
		if (rc == BODY_DATA) {
			memcpy(body + n, data.p, data.n);
			n += data.n;
		}
		if (rc == BODY_END && got.framing == HTTP_BODY_CHUNKED)
			snprintf(trailers, sizeof trailers, "%.*s", (int)used, p);
		p += used;
		if (rc == BODY_MORE)
			break;
	}
	body[n] = '\0';
	if (got.framing == HTTP_BODY_EOF)
		ck_assert_msg(closed, "neither framed nor closed: %s", f.got);
	else
		ck_assert_msg(http1_body_done(&b), "not complete: %.2000s", f.got);
	ck_assert_msg(p == f.got + f.got_n, "bytes behind the end: %.2000s", p);
	ck_assert_msg(closed != got.keep_alive, "says %d, does %d: %.2000s", got.keep_alive,
		!closed, f.got);
	return !closed;
}

#define JSON "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
#define BIN  "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n"
#define SSE  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
#define CH   "transfer-encoding: chunked\r\n\r\n"
#define ABC  "abcdefghijklmnopqrstuvwxyz"

enum { NONE = 0, IN_HEAD = 1, IN_COMMENT = 2, IN_TRAILER = 4 };

static const struct {
	const char *method, *version, *fields;
	const char *head, *body;
	enum http_framing framing;
	bool open;
	int cost;
} ways[] = {
	/* JSON is held, so that the cost is in the head */
	{ "POST", "1.1", "", JSON CH, ABC, HTTP_BODY_LENGTH, true, IN_HEAD },
	{ "POST", "1.1", "", JSON "content-length: 26\r\n\r\n", ABC, HTTP_BODY_LENGTH, true,
		IN_HEAD },
	{ "POST", "1.1", "", JSON "\r\n", ABC, HTTP_BODY_LENGTH, true, IN_HEAD },
	{ "POST", "1.0", "", JSON CH, ABC, HTTP_BODY_LENGTH, false, IN_HEAD },
	{ "POST", "1.0", "connection: keep-alive\r\n", JSON CH, ABC, HTTP_BODY_LENGTH, true,
		IN_HEAD },
	{ "POST", "1.1", "connection: close\r\n", JSON CH, ABC, HTTP_BODY_LENGTH, false, IN_HEAD },
	{ "POST", "1.1", "", JSON CH, "", HTTP_BODY_LENGTH, true, IN_HEAD },
	/* other bodies pass, with their length when it is known */
	{ "POST", "1.1", "", BIN "content-length: 26\r\n\r\n", ABC, HTTP_BODY_LENGTH, true, NONE },
	{ "POST", "1.1", "", BIN CH, ABC, HTTP_BODY_CHUNKED, true, NONE },
	{ "POST", "1.1", "", BIN "\r\n", ABC, HTTP_BODY_CHUNKED, true, NONE },
	{ "POST", "1.1", "te: trailers\r\n", BIN CH, ABC, HTTP_BODY_CHUNKED, true, IN_TRAILER },
	{ "POST", "1.1", "te: trailers\r\n", BIN "content-length: 26\r\n\r\n", ABC,
		HTTP_BODY_LENGTH, true, NONE },
	{ "POST", "1.0", "", BIN CH, ABC, HTTP_BODY_EOF, false, NONE },
	{ "POST", "1.0", "connection: keep-alive\r\n", BIN CH, ABC, HTTP_BODY_EOF, false, NONE },
	{ "POST", "1.0", "connection: keep-alive\r\n", BIN "content-length: 26\r\n\r\n", ABC,
		HTTP_BODY_LENGTH, true, NONE },
	/* streams */
	{ "POST", "1.1", "", SSE CH, "data: x\n\n", HTTP_BODY_CHUNKED, true, IN_COMMENT },
	{ "POST", "1.1", "", SSE "content-length: 9\r\n\r\n", "data: x\n\n", HTTP_BODY_CHUNKED,
		true, IN_COMMENT },
	{ "POST", "1.1", "te: trailers\r\n", SSE CH, "data: x\n\n", HTTP_BODY_CHUNKED, true,
		IN_COMMENT | IN_TRAILER },
	{ "POST", "1.0", "te: trailers\r\n", SSE CH, "data: x\n\n", HTTP_BODY_EOF, false,
		IN_COMMENT },
	/* no body */
	{ "HEAD", "1.1", "", JSON "content-length: 5000000000\r\n\r\n", "", HTTP_BODY_NONE, true,
		NONE },
	{ "HEAD", "1.1", "", JSON CH, "", HTTP_BODY_NONE, true, NONE },
	{ "POST", "1.1", "", "HTTP/1.1 204 No Content\r\n\r\n", "", HTTP_BODY_NONE, true, NONE },
	{ "POST", "1.1", "", "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", "",
		HTTP_BODY_NONE, true, NONE },
};

static void check_way(size_t i, size_t piece)
{
	struct req *r = request(ways[i].method, ways[i].version, ways[i].fields);
	enum http_method method = r->head.method;
	size_t n = strlen(ways[i].body);

	begin(r, ways[i].head);
	deliver(r, ways[i].body, piece);
	ck_assert_int_eq(client_reads(method), ways[i].open);
	ck_assert_int_eq(got.framing, ways[i].framing);
	ck_assert_msg(strncmp(body, ways[i].body, n) == 0, "%s", body);
	if ((ways[i].cost & IN_COMMENT) != 0)
		ck_assert_msg(
			strstr(body + n, "\"cost_usd\":\"0.0000315\",\"usage\":{\"input\":12,") !=
					NULL &&
				body[n] == ':' && str_ends(str_z(body), STR("}\n\n")),
			"%s", body);
	else
		ck_assert_str_eq(body, ways[i].body);
	ck_assert(
		(fake_field(&f, "x-tollgate-cost-usd") != NULL) == ((ways[i].cost & IN_HEAD) != 0));
	ck_assert((fake_field(&f, "trailer") != NULL) == ((ways[i].cost & IN_TRAILER) != 0));
	ck_assert((strstr(trailers, "x-tollgate-cost-usd: 0.0000315\r\n") != NULL) ==
		  ((ways[i].cost & IN_TRAILER) != 0));
	ck_assert_str_eq(fake_field(&f, "x-tollgate-target"), "a");
	ck_assert_str_eq(fake_field(&f, "x-tollgate-attempts"), "1");
	fake_drop(&f);
}

START_TEST(framing)
{
	static const size_t pieces[] = { 1, 5, 1000 };

	for (size_t p = 0; p < 3; p++)
		check_way((size_t)_i, pieces[p]);
}
END_TEST

/* HEAD is answered with the length that GET would have. */
START_TEST(head_length)
{
	begin(request("HEAD", "1.1", ""), JSON "content-length: 5000000000\r\n\r\n");
	deliver(list_entry(f.w.conns.prev, struct conn, node)->req, "", 1);
	client_reads(HTTP_M_HEAD);
	ck_assert_str_eq(fake_field(&f, "content-length"), "5000000000");
	fake_drop(&f);
}
END_TEST

/* Larger than what is held (1 KB here): passed on without the cost in the head, nothing lost. */
static const struct {
	const char *version, *fields, *head;
	enum http_framing framing;
} larges[] = {
	{ "1.1", "", JSON CH, HTTP_BODY_CHUNKED },
	{ "1.1", "te: trailers\r\n", JSON CH, HTTP_BODY_CHUNKED },
	{ "1.0", "", JSON CH, HTTP_BODY_EOF },
	{ "1.1", "", JSON "content-length: 70000\r\n\r\n", HTTP_BODY_LENGTH },
};

START_TEST(unheld)
{
	static char big[70001];
	static const size_t pieces[] = { 100, 1024, 1025, 65536 };

	for (size_t i = 0; i < 70000; i++)
		big[i] = (char)('a' + i % 26);
	for (size_t p = 0; p < 4; p++) {
		struct req *r = request("POST", larges[_i].version, larges[_i].fields);

		begin(r, larges[_i].head);
		deliver(r, big, pieces[p]);
		client_reads(HTTP_M_POST);
		ck_assert_int_eq(got.framing, larges[_i].framing);
		ck_assert(strcmp(body, big) == 0);
		ck_assert(fake_field(&f, "x-tollgate-cost-usd") == NULL);
		ck_assert((strstr(trailers, "x-tollgate-usage: ") != NULL) ==
			  (strstr(larges[_i].fields, "te:") != NULL));
		fake_drop(&f);
	}
}
END_TEST

/* The request's body is still coming: the connection does not go on. */
START_TEST(early_answer)
{
	struct req *r = request("POST", "1.1", "content-length: 10\r\n");

	ck_assert(!r->body_done);
	begin(r, JSON CH);
	deliver(r, ABC, 100);
	ck_assert(!client_reads(HTTP_M_POST));
	fake_drop(&f);
}
END_TEST

/* ---- breaking off */

START_TEST(truncated)
{
	static const struct {
		const char *version, *head;
		bool event;
	} cases[] = { { "1.1", SSE CH, true }, { "1.0", SSE CH, true }, { "1.1", BIN CH, false },
		{ "1.1", BIN "content-length: 26\r\n\r\n", false } };
	struct req *r = request("POST", cases[_i].version, "");
	struct iovec iov = { "data: x\n\ndata: {\"zzz", 20 };
	const char *event;

	begin(r, cases[_i].head);
	ck_assert_int_eq(sink_write(r->sinks, &iov, 1, false), 0);
	respond_truncate(r, "the answer \"broke\" off");
	fake_turn(&f);
	ck_assert_msg(fake_read(&f), "the connection stays open");
	/* No last chunk: it must not look whole. */
	ck_assert_msg(!str_ends(str_z(f.got), STR("\r\n0\r\n\r\n")), "%s", f.got);
	ck_assert(strstr(f.got, "data: x\n\n") != NULL);
	event = strstr(f.got, "\nevent: error\ndata: {");
	ck_assert_msg((event != NULL) == cases[_i].event, "%s", f.got);
	/* The error is an event of its own: no half of another is in front of it. */
	ck_assert((strstr(f.got, "\"zzz") != NULL) == !cases[_i].event);
	if (event != NULL)
		ck_assert(strstr(event, "the answer \\\"broke\\\" off") != NULL);
	ck_assert(strstr(f.got, ": tollgate {") == NULL);
	fake_drop(&f);
}
END_TEST

/* The client that goes away is told to whoever writes. */
START_TEST(client_gone)
{
	struct req *r = request("POST", "1.1", "");
	struct iovec iov = { ABC, 26 };
	int rc = 0;

	begin(r, BIN CH);
	close(f.client);
	f.client = -1;
	for (int i = 0; i < 3 && rc == 0; i++)
		rc = sink_write(r->sinks, &iov, 1, false);
	ck_assert_int_eq(rc, -1);
	fake_drop(&f);
}
END_TEST

/* ---- the gateway's own answers */

START_TEST(errors)
{
	static const struct {
		const char *fields, *type, *says;
	} dialects[] = { { "", "application/json", "\"code\":\"overloaded\"" },
		{ "anthropic-version: 1\r\n", "application/json", "\"type\":\"overloaded_error\"" },
		{ "accept: application/problem+json\r\n", "application/problem+json",
			"\"status\":503" } };
	struct req *r = request("POST", "1.1", dialects[_i].fields);
	char id[REQ_ID_LEN + 1];

	strcpy(id, r->id);
	ck_assert_int_eq(reply_error(r, TG_E_OVERLOADED, NULL), STEP_REPLY);
	ck_assert(client_reads(HTTP_M_POST));
	ck_assert_int_eq(got.status, 503);
	ck_assert_str_eq(fake_field(&f, "content-type"), dialects[_i].type);
	ck_assert_str_eq(fake_field(&f, "retry-after"), "1");
	ck_assert_str_eq(fake_field(&f, "x-tollgate-request-id"), id);
	ck_assert_msg(
		strstr(body, dialects[_i].says) != NULL && strstr(body, id) != NULL, "%s", body);
	/* HEAD: the same head, no body */
	r = request("HEAD", "1.1", dialects[_i].fields);
	reply_error(r, TG_E_OVERLOADED, NULL);
	ck_assert(client_reads(HTTP_M_HEAD));
	ck_assert_int_gt(atoi(fake_field(&f, "content-length")), 50);
	fake_drop(&f);
}
END_TEST

START_TEST(closing)
{
	struct req *r = request("POST", "1.1", "content-length: 5\r\n");

	reply_error(r, TG_E_MODEL_NOT_FOUND, NULL);
	ck_assert_msg(!client_reads(HTTP_M_POST), "open with an unread body");
	r = request("POST", "1.1", "");
	reply_error(r, TG_E_BAD_REQUEST, NULL);
	ck_assert(!client_reads(HTTP_M_POST));
	r = request("POST", "1.1", "");
	reply_error(r, TG_E_INVALID_API_KEY, NULL);
	ck_assert(client_reads(HTTP_M_POST));
	ck_assert_str_eq(fake_field(&f, "x-should-retry"), "false");
	r = request("OPTIONS", "1.1", "");
	reply_body(r, 204, STR_NONE, STR("allow: GET\r\n"), STR_NONE);
	ck_assert(client_reads(HTTP_M_OPTIONS));
	ck_assert(fake_field(&f, "content-length") == NULL);
	fake_drop(&f);
}
END_TEST

/* ---- CORS */

static const struct {
	const char *origins, *origin;
	const char *allow; /* NULL: no field */
	bool vary;
} cors[] = {
	{ NULL, "https://a.example", NULL, false },
	{ "[ https://a.example ]", NULL, NULL, true },
	{ "[ https://a.example ]", "https://a.example", "https://a.example", true },
	{ "[ https://a.example, https://b.example ]", "https://b.example", "https://b.example",
		true },
	{ "[ https://a.example ]", "https://a.example.evil", NULL, true },
	{ "[ https://a.example ]", "https://A.example", NULL, true },
	{ "[ https://a.example ]", "http://a.example", NULL, true },
	{ "[ https://a.example ]", "null", NULL, true },
	{ "[ '*' ]", "https://any.example", "*", false },
	{ "[ '*' ]", "null", "*", false },
	{ "[ '*' ]", NULL, NULL, false },
};

static const char *maybe(const char *s)
{
	return s != NULL ? s : "(none)";
}

START_TEST(cors_answers)
{
	char yaml[2048], fields[256] = "";
	struct req *r;

	fake_fini(&f);
	snprintf(yaml, sizeof yaml, YAML "%s%s%s",
		cors[_i].origins != NULL ? "cors: { origins: " : "",
		cors[_i].origins != NULL ? cors[_i].origins : "",
		cors[_i].origins != NULL ? ", headers: [ x-a, x-b ], max_age: 10m }\n" : "");
	fake_init(&f, yaml);
	if (cors[_i].origin != NULL)
		snprintf(fields, sizeof fields, "origin: %s\r\n", cors[_i].origin);
	r = request("POST", "1.1", fields);
	begin(r, JSON "access-control-allow-origin: https://provider.example\r\n" CH);
	deliver(r, ABC, 100);
	client_reads(HTTP_M_POST);
	ck_assert_str_eq(
		maybe(fake_field(&f, "access-control-allow-origin")), maybe(cors[_i].allow));
	ck_assert((fake_field(&f, "access-control-expose-headers") != NULL) ==
		  (cors[_i].allow != NULL));
	ck_assert((fake_field(&f, "vary") != NULL) == cors[_i].vary);
	ck_assert(strstr(f.got, "credentials") == NULL);
	/* errors are readable by the page too */
	reply_error(request("POST", "1.1", fields), TG_E_NOT_FOUND, NULL);
	client_reads(HTTP_M_POST);
	ck_assert_str_eq(
		maybe(fake_field(&f, "access-control-allow-origin")), maybe(cors[_i].allow));
	fake_drop(&f);
}
END_TEST

START_TEST(preflight)
{
	char yaml[2048], fields[256], extra[2048];
	struct http_out o;
	struct req *r;

	if (cors[_i].origins == NULL || cors[_i].origin == NULL)
		return;
	fake_fini(&f);
	snprintf(yaml, sizeof yaml,
		YAML "cors: { origins: %s, headers: [ x-a, x-b ], max_age: 10m }\n",
		cors[_i].origins);
	fake_init(&f, yaml);
	snprintf(fields, sizeof fields, "origin: %s\r\naccess-control-request-method: POST\r\n",
		cors[_i].origin);
	r = request("OPTIONS", "1.1", fields);
	http_out_init(&o, extra, sizeof extra);
	cors_preflight_fields(r, &o);
	reply_body(r, 204, STR_NONE, http_out_text(&o), STR_NONE);
	client_reads(HTTP_M_OPTIONS);
	ck_assert_str_eq(
		maybe(fake_field(&f, "access-control-allow-origin")), maybe(cors[_i].allow));
	ck_assert_str_eq(maybe(fake_field(&f, "access-control-allow-headers")),
		cors[_i].allow != NULL ? "x-a, x-b" : "(none)");
	ck_assert_str_eq(maybe(fake_field(&f, "access-control-max-age")),
		cors[_i].allow != NULL ? "600" : "(none)");
	fake_drop(&f);
}
END_TEST

static void tests(TCase *tc)
{
	const int n_cors = sizeof cors / sizeof *cors;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, framing, 0, sizeof ways / sizeof *ways);
	tcase_add_test(tc, head_length);
	tcase_add_loop_test(tc, unheld, 0, sizeof larges / sizeof *larges);
	tcase_add_test(tc, early_answer);
	tcase_add_loop_test(tc, truncated, 0, 4);
	tcase_add_test(tc, client_gone);
	tcase_add_loop_test(tc, errors, 0, 3);
	tcase_add_test(tc, closing);
	tcase_add_loop_test(tc, cors_answers, 0, n_cors);
	tcase_add_loop_test(tc, preflight, 0, n_cors);
}

UNIT_MAIN("respond", tests)
