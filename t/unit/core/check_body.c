/*
 * check_body.c: a request's body on its way in: collected whole, byte for byte, however it is
 * framed and cut; bounded by limits, memory, a clock and a rate; refused before it is asked for.
 * The pipeline of these tests ends behind READ.
 */
#include "unit/core/fake.h"

#include "core/attempt.h"
#include "core/upload.h"

#include "core/body.c"

static struct fake f;
static struct conn *c;

static const char yaml[] = "listen: 127.0.0.1:0\n"
			   "targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
			   "models: { m: { targets: a } }\n"
			   "limits: { json_body: 64k, body: 256k, memory: 64m }\n"
			   "timeouts: { body: 20s, body_rate: 1000 }\n"
			   "tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n";

static void setup(void)
{
	fake_init(&f, yaml);
	for (unsigned i = 0; i < tg_n_steps; i++)
		if (tg_steps[i].run == req_step_read)
			tg_n_steps = i + 1;
}

static void teardown(void)
{
	fake_fini(&f);
}

#define SECOND 1000000LL
#define JSON   "content-type: application/json\r\n"

/* A new connection, and a head on it. */
static void head(const char *path, const char *fields)
{
	char text[2048];
	int n = snprintf(text, sizeof text,
		"POST %s HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer " FAKE_KEY "\r\n%s\r\n",
		path, fields);

	c = fake_conn(&f);
	fake_send(&f, text, (size_t)n);
	fake_turn(&f);
}

static void chat(const char *fields)
{
	head("/v1/chat/completions", fields);
}

static void more(const char *bytes, size_t n)
{
	if (n > 0)
		fake_send(&f, bytes, n);
	fake_turn(&f);
}

/* Behind READ, with the body whole. */
static void collected(struct str body)
{
	struct req *r = c->req;

	fake_read(&f);
	ck_assert_msg(r != NULL, "%s", f.got);
	ck_assert(r->body_done);
	ck_assert_uint_eq(r->step, tg_n_steps);
	ck_assert_msg(str_eq(str_mk(r->body, r->body_len), body), "%zu bytes: %.100s", r->body_len,
		r->body);
	ck_assert_msg(!timer_armed(&c->timer), "the body's clock runs on");
	ck_assert_str_eq(f.got, "");
}

static void refused(int status, const char *code)
{
	fake_pump(&f);
	ck_assert_msg(fake_status(&f) == status, "%s", f.got);
	ck_assert_msg(strstr(f.got, code) != NULL, "%s", f.got);
	ck_assert_str_eq(fake_field(&f, "connection"), "close");
}

/* ---- collecting */

static const struct {
	const char *fields, *wire, *body;
	const char *rest; /* belongs to the next request */
} bodies[] = {
	{ JSON "content-length: 11\r\n", "{\"a\":\"b\\n\"}", "{\"a\":\"b\\n\"}", "" },
	{ JSON "content-length: 2\r\n", "{}GET / HTTP", "{}", "GET / HTTP" },
	{ JSON "transfer-encoding: chunked\r\n", "1\r\n{\r\n3;x\r\n\"a\"\r\n4\r\n: 1}\r\n0\r\n\r\n",
		"{\"a\": 1}", "" },
	{ JSON "transfer-encoding: chunked\r\n", "2\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\nGET /", "{}",
		"GET /" },
	{ JSON "transfer-encoding: chunked\r\n", "0\r\n\r\n", "", "" },
	{ JSON "content-length: 0\r\n", "", "", "" },
	{ "", "", "", "" },
	{ JSON "content-length: 2\r\nexpect: 100-continue\r\nx: y\r\n", "{}", "{}", "" },
};

static void run_body(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	const int i = *(int *)arg;
	bool asked = strstr(bodies[i].fields, "100-continue") != NULL;
	struct conn *now;

	chat(bodies[i].fields);
	now = c;
	if (asked) {
		fake_read(&f);
		ck_assert_str_eq(f.got, "HTTP/1.1 100 Continue\r\n\r\n");
	}
	more(a, an);
	more(b, bn);
	ck_assert_ptr_eq(c, now);
	collected(str_z(bodies[i].body));
	UNIT_STR_EQ(str_mk(c->in, c->in_len), str_z(bodies[i].rest));
	ck_assert_uint_eq(c->req->bytes_in,
		c->req->head.head_len + strlen(bodies[i].wire) - strlen(bodies[i].rest));
	fake_drop(&f);
}

/* Head, then two pieces. */
START_TEST(in_pieces)
{
	unit_split(bodies[_i].wire, strlen(bodies[_i].wire), run_body, &_i);
}
END_TEST

/* Head and body at once: the way of nearly every request. */
START_TEST(at_once)
{
	char text[2048];
	int n = snprintf(text, sizeof text,
		"POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer " FAKE_KEY
		"\r\n%s\r\n%s",
		bodies[_i].fields, bodies[_i].wire);

	c = fake_conn(&f);
	fake_send(&f, text, (size_t)n);
	fake_turn(&f);
	collected(str_z(bodies[_i].body));
	UNIT_STR_EQ(str_mk(c->in, c->in_len), str_z(bodies[_i].rest));
}
END_TEST

static char big[300000];

/* Up to the limit: through the arena, the pool's classes, and reads straight into place. */
START_TEST(sizes)
{
	static const size_t of[] = { 1, 4095, 4096, 4097, 16384, 16385, 40000, 65535, 65536 };
	size_t n = of[_i];
	char fields[100];

	for (size_t i = 0; i < n; i++)
		big[i] = (char)(i * 31 + i / 256);
	for (int chunked = 0; chunked < 2; chunked++) {
		if (chunked)
			snprintf(fields, sizeof fields, JSON "transfer-encoding: chunked\r\n");
		else
			snprintf(fields, sizeof fields, JSON "content-length: %zu\r\n", n);
		chat(fields);
		for (size_t at = 0, k; at < n; at += k) {
			char line[20];

			k = TG_MIN(n - at, (size_t)7001);
			if (chunked)
				more(line, (size_t)sprintf(line, "%zx\r\n", k));
			more(big + at, k);
			if (chunked)
				more("\r\n", 2);
			ck_assert_uint_le(c->req->body_cap, 4 * TG_MAX(n, (size_t)4096));
		}
		if (chunked)
			more("0\r\n\r\n", 5);
		collected(str_mk(big, n));
		ck_assert_int_eq(c->req->body_pooled, c->req->body_cap > BODY_IN_ARENA);
		fake_drop(&f);
	}
}
END_TEST

/* ---- bounds */

static const struct {
	const char *path, *fields, *wire;
	int status;
	const char *says;
} refusals[] = {
	/* by what the head says: nothing of the body is read, or asked for */
	{ "/v1/chat/completions", JSON "content-length: 65537\r\n", "", 413,
		"larger than the 65536" },
	{ "/v1/chat/completions", JSON "content-length: 65537\r\nexpect: 100-continue\r\n", "", 413,
		"request_too_large" },
	{ "/v1/files", "content-length: 262145\r\n", "", 413, "larger than the 262144" },
	{ "/v1/chat/completions", JSON "content-length: 9223372036854775807\r\n", "", 413,
		"request_too_large" },
	{ "/v1/chat/completions", JSON "content-encoding: gzip\r\ncontent-length: 2\r\n", "", 415,
		"unsupported_encoding" },
	{ "/v1/chat/completions", JSON JSON "content-length: 2\r\n", "", 400, "more than once" },
	/* by what comes */
	{ "/v1/chat/completions", JSON "transfer-encoding: chunked\r\n", "10001\r\n", 0, "" },
	{ "/v1/chat/completions", JSON "transfer-encoding: chunked\r\n", "g\r\n", 400, "chunk" },
	{ "/v1/chat/completions", JSON "transfer-encoding: chunked\r\n", "1\r\nab\r\n", 400,
		"chunk" },
	{ "/v1/files", "transfer-encoding: chunked\r\n", "1\r\na\r\nzz\r\n", 400, "chunk" },
	/* none of these */
	{ "/v1/chat/completions", JSON "content-encoding: identity\r\ncontent-length: 2\r\n", "", 0,
		"" },
	{ "/v1/chat/completions", JSON "content-length: 65536\r\n", "", 0, "" },
};

START_TEST(refusing)
{
	head(refusals[_i].path, refusals[_i].fields);
	more(refusals[_i].wire, strlen(refusals[_i].wire));
	if (refusals[_i].status == 0) {
		fake_read(&f);
		ck_assert_str_eq(f.got, "");
		ck_assert(c->req != NULL && !c->req->settled);
		return;
	}
	refused(refusals[_i].status, refusals[_i].says);
	ck_assert_msg(strncmp(f.got, "HTTP/1.1 100", 12) != 0, "asked for what it will not take");
}
END_TEST

/* A chunked body has no claim: it is counted, to the byte. */
START_TEST(too_large_by_a_byte)
{
	chat(JSON "transfer-encoding: chunked\r\n");
	memset(big, ' ', sizeof big);
	more("10000\r\n", 7);
	more(big, 65536);
	more("\r\n", 2);
	ck_assert(c->req != NULL && !c->req->body_done);
	ck_assert_uint_eq(c->req->body_len, 65536);
	more("1\r\nx", 4);
	refused(413, "request_too_large");
}
END_TEST

/* A claim is believed up to 1 MB, so that ten bytes do not cost 30 MB. */
START_TEST(claims)
{
	fake_fini(&f);
	fake_init(&f, "listen: 127.0.0.1:0\n"
		      "targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
		      "models: { m: { targets: a } }\n"
		      "limits: { memory: 64m }\n"
		      "tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n");
	chat(JSON "content-length: 30000000\r\n");
	more("{", 1);
	ck_assert_uint_ge(c->req->body_cap, 1 << 20);
	ck_assert_uint_le(f.w.blocks.out_bytes, (1 << 20) + 65536);
}
END_TEST

START_TEST(short_of_memory)
{
	chat(JSON "content-length: 60000\r\n");
	ck_assert(c->req != NULL);
	fake_drop(&f);
	f.w.blocks.max_out_bytes = 40000; /* enough for a request, not for this one */
	if (_i == 0) {
		chat(JSON "content-length: 60000\r\n");
	} else {
		chat(JSON "transfer-encoding: chunked\r\n");
		more("ea60\r\n", 6);
		memset(big, ' ', 60000);
		more(big, 60000);
	}
	refused(503, "overloaded");
	f.w.blocks.max_out_bytes = 0;
}
END_TEST

/* ---- time */

START_TEST(body_clock)
{
	chat(JSON "content-length: 100\r\n");
	ck_assert_int_eq(c->timer.deadline_us - f.w.wheel.now.us, 20 * SECOND);
	/* each byte sets it anew */
	c->timer.deadline_us -= 10 * SECOND;
	more("{", 1);
	ck_assert_int_gt(c->timer.deadline_us - f.w.wheel.now.us, 19 * SECOND);
	timer_disarm(&f.w.wheel, &c->timer);
	c->timer.on_fire(&c->timer);
	refused(408, "request_timeout");
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_CLIENT_TIMEOUTS]), 1);
}
END_TEST

static const struct {
	int64_t seconds; /* since the window began */
	size_t bytes;    /* that came in it */
	bool slow;
} rates[] = {
	{ 1, 1, false }, /* not as long as the clock: no rate yet */
	{ 19, 1, false },
	{ 20, 1, true },
	{ 20, 19000, true },
	{ 20, 22000, false }, /* some time passes besides */
	{ 40, 39000, true },
	{ 40, 44000, false },
	{ 3600, 60000, true },
};

START_TEST(rate)
{
	int64_t before;

	chat(JSON "content-length: 65000\r\n");
	memset(big, ' ', sizeof big);
	c->req->rate_from.us -= rates[_i].seconds * SECOND;
	before = c->req->rate_from.us;
	more(big, rates[_i].bytes);
	if (rates[_i].slow) {
		refused(408, "request_timeout");
		return;
	}
	ck_assert(c->req != NULL && c->req->body_len == rates[_i].bytes);
	/* The next window counts for itself. */
	if (rates[_i].seconds < 20)
		ck_assert_int_eq(c->req->rate_from.us, before);
	else
		ck_assert_uint_eq(c->req->rate_bytes, rates[_i].bytes);
}
END_TEST

/* While it is we who do not read, neither clock nor rate runs. */
START_TEST(our_pause)
{
	head("/v1/files", "content-length: 100000\r\n");
	ck_assert(c->req->upload != NULL);
	more("x", 1);
	conn_want_body(c, false);
	ck_assert(!timer_armed(&c->timer));
	c->req->rate_from.us -= 100 * SECOND;
	conn_want_body(c, true);
	ck_assert(timer_armed(&c->timer));
	more("y", 1);
	ck_assert(c->req != NULL && !c->req->settled);
}
END_TEST

START_TEST(client_goes)
{
	chat(JSON "content-length: 100\r\n");
	more("{\"a\"", 4);
	if (_i == 0)
		shutdown(f.client, SHUT_WR); /* the rest will not come: gone */
	else
		close(f.client);
	if (_i != 0)
		f.client = -1;
	fake_turn(&f);
	ck_assert_uint_eq(f.w.n_reqs, 0);
	ck_assert_uint_eq(f.w.n_conns, 0);
}
END_TEST

/* ---- which way a body goes */

static const struct {
	const char *path, *type;
	enum body_kind kind;
} kinds[] = {
	{ "/v1/chat/completions", "application/json", BODY_KIND_JSON },
	{ "/v1/chat/completions", "text/plain", BODY_KIND_JSON }, /* the path decides */
	{ "/v1/audio/transcriptions", "multipart/form-data; boundary=b", BODY_KIND_FORM },
	{ "/v1/files", "multipart/form-data; boundary=b", BODY_KIND_PLAIN },
	{ "/v1/videos", "application/json; charset=utf-8", BODY_KIND_JSON },
	{ "/v1/videos", "Multipart/Form-Data; boundary=b", BODY_KIND_FORM },
	{ "/v1/images/edits", "application/octet-stream", BODY_KIND_PLAIN },
	{ "/a/v1/x", "application/json", BODY_KIND_PLAIN }, /* passed unread */
};

START_TEST(kind)
{
	char fields[200];

	snprintf(fields, sizeof fields, "content-type: %s\r\ncontent-length: 1000\r\n",
		kinds[_i].type);
	head(kinds[_i].path, fields);
	fake_read(&f);
	ck_assert_msg(c->req != NULL, "%s", f.got);
	ck_assert_int_eq(c->req->body_kind, kinds[_i].kind);
	ck_assert_int_eq(c->req->upload != NULL, kinds[_i].kind != BODY_KIND_JSON);
	ck_assert_int_eq(c->req->body_direct, kinds[_i].kind == BODY_KIND_JSON);
	if (kinds[_i].kind == BODY_KIND_PLAIN) /* nothing to wait for: it is streamed */
		ck_assert_uint_eq(c->req->step, tg_n_steps);
	else
		ck_assert_uint_lt(c->req->step, tg_n_steps);
}
END_TEST

/* The pipeline goes on as soon as the form has said its model. */
START_TEST(form)
{
	head("/v1/audio/transcriptions",
		"content-type: multipart/form-data; boundary=b\r\ncontent-length: 1000\r\n");
#define MODEL "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b"
	more(MODEL, sizeof MODEL - 3);
	ck_assert_uint_lt(c->req->step, tg_n_steps);
	more("-b\r\n", 4);
	ck_assert_uint_eq(c->req->step, tg_n_steps);
	ck_assert(!c->req->body_done);
	UNIT_STR_EQ(c->req->upload->model, STR("m"));
}
END_TEST

/* ---- answered before the body is looked at */

static const struct {
	const char *fields, *wire; /* the part of the body that comes with the head */
	bool stays;                /* can the connection be used on? */
} unread[] = {
	{ "content-length: 5\r\n", "hello", true },
	{ "content-length: 5\r\n", "hell", false },
	{ "content-length: 5000000\r\n", "", false },
	{ "transfer-encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", true },
	{ "transfer-encoding: chunked\r\n", "5\r\nhello\r\n0\r\n", false },
	{ "transfer-encoding: chunked\r\n", "zz\r\n", false },
	{ "content-length: 5\r\nexpect: 100-continue\r\n", "", false },
	{ "", "", true },
};

START_TEST(unread_body)
{
	char text[2048];
	int n = snprintf(text, sizeof text,
		"POST /nope HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer " FAKE_KEY
		"\r\n%s\r\n%s%s",
		unread[_i].fields, unread[_i].wire,
		unread[_i].stays ? "HEAD / HTTP/1.1\r\nhost: gw\r\n\r\n" : "");
	const char *second;

	c = fake_conn(&f);
	fake_send(&f, text, (size_t)n);
	fake_pump(&f);
	ck_assert_int_eq(fake_status(&f), 404);
	second = strstr(f.got + 1, "HTTP/1.1 200");
	ck_assert_msg((second != NULL) == unread[_i].stays, "%s", f.got);
	if (!unread[_i].stays)
		ck_assert_str_eq(fake_field(&f, "connection"), "close");
	ck_assert_msg(strstr(f.got, "HTTP/1.1 100") == NULL, "%s", f.got);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, in_pieces, 0, sizeof bodies / sizeof *bodies);
	tcase_add_loop_test(tc, at_once, 0, sizeof bodies / sizeof *bodies - 1);
	tcase_add_loop_test(tc, sizes, 0, 9);
	tcase_add_loop_test(tc, refusing, 0, sizeof refusals / sizeof *refusals);
	tcase_add_test(tc, too_large_by_a_byte);
	tcase_add_test(tc, claims);
	tcase_add_loop_test(tc, short_of_memory, 0, 2);
	tcase_add_test(tc, body_clock);
	tcase_add_loop_test(tc, rate, 0, sizeof rates / sizeof *rates);
	tcase_add_test(tc, our_pause);
	tcase_add_loop_test(tc, client_goes, 0, 2);
	tcase_add_loop_test(tc, kind, 0, sizeof kinds / sizeof *kinds);
	tcase_add_test(tc, form);
	tcase_add_loop_test(tc, unread_body, 0, sizeof unread / sizeof *unread);
}

UNIT_MAIN("body", tests)
