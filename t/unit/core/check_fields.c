/*
 * check_fields.c: which header fields pass, each way: nothing hop-by-hop, no credential, nothing of
 * the operator's account or of other tenants, nothing that begins a line of its own; everything
 * else untouched.
 */
#include "unit/unit.h"

#include <stdio.h>

#include "core/fields.h"

static struct http_head head;
static char text[8192], composed[8192];

static struct str copy_fields(bool response, const char *lines)
{
	enum http_error err = HTTP_E_NONE;
	struct http_out o;
	int n = snprintf(text, sizeof text, "%s%s\r\n",
		response ? "HTTP/1.1 200 OK\r\n" : "POST /v1/x HTTP/1.1\r\nhost: gw\r\n", lines);

	ck_assert(n > 0 && (size_t)n < sizeof text);
	if (response)
		ck_assert_msg(http1_response_parse(text, (size_t)n, HTTP_M_POST, &head, &err) == 0,
			"%s: %s", lines, http_error_text(err));
	else
		ck_assert_msg(http1_request_parse(text, (size_t)n, &head, &err) == 0, "%s: %s",
			lines, http_error_text(err));
	http_out_init(&o, composed, sizeof composed);
	if (response)
		fields_to_client(&o, &head);
	else
		fields_to_provider(&o, &head);
	ck_assert(!o.overflow);
	return http_out_text(&o);
}

enum { PASS, DROP };

static const struct {
	const char *line;
	int to_provider, to_client;
} one[] = {
	/* hop-by-hop and framing */
	{ "connection: close", DROP, DROP },
	{ "keep-alive: timeout=5", DROP, DROP },
	{ "proxy-connection: keep-alive", DROP, DROP },
	{ "proxy-authenticate: Basic", DROP, DROP },
	{ "proxy-authorization: Basic eDp5", DROP, DROP },
	{ "te: trailers", DROP, DROP },
	{ "trailer: x-sum", DROP, DROP },
	{ "transfer-encoding: chunked", DROP, DROP },
	{ "upgrade: h2c", DROP, DROP },
	{ "content-length: 5", DROP, DROP },
	{ "expect: 100-continue", DROP, PASS },
	{ "accept-encoding: gzip, br", DROP, PASS },
	{ "content-encoding: identity", DROP, DROP },
	/* credentials */
	{ "authorization: Bearer tg-secret", DROP, DROP },
	{ "Authorization: Bearer tg-secret", DROP, DROP },
	{ "AUTHORIZATION:Bearer tg-secret", DROP, DROP },
	{ "x-api-key: tg-secret", DROP, DROP },
	{ "api-key: tg-secret", DROP, DROP },
	{ "x-goog-api-key: tg-secret", DROP, DROP },
	{ "cookie: session=1", DROP, PASS },
	{ "set-cookie: __cf_bm=1", PASS, DROP },
	/* who the client is; whose account it is */
	{ "origin: https://app.example", DROP, PASS },
	{ "forwarded: for=10.0.0.1", DROP, PASS },
	{ "x-forwarded-for: 10.0.0.1", DROP, PASS },
	{ "x-forwarded-proto: https", DROP, PASS },
	{ "x-forwarded-host: gw", DROP, PASS },
	{ "x-real-ip: 10.0.0.1", DROP, PASS },
	{ "x-forwarded-port: 443", DROP, PASS },
	{ "via: 1.1 proxy", DROP, DROP },
	{ "openai-organization: org-1", DROP, DROP },
	{ "openai-project: proj_1", DROP, DROP },
	{ "anthropic-organization-id: 1", DROP, DROP },
	{ "anthropic-workspace-id: 1", DROP, DROP },
	{ "x-ratelimit-remaining-tokens: 12", PASS, DROP },
	{ "X-RateLimit-Limit-Requests: 12", PASS, DROP },
	{ "anthropic-ratelimit-tokens-remaining: 12", PASS, DROP },
	{ "anthropic-priority-input-tokens-limit: 12", PASS, DROP },
	{ "ratelimit: limit=1", PASS, DROP },
	{ "RateLimit-Policy: 1;w=60", PASS, DROP },
	{ "access-control-allow-origin: *", PASS, DROP },
	{ "Access-Control-Expose-Headers: x", PASS, DROP },
	/* our own names cannot be forged, in either direction */
	{ "x-tollgate-tags: team=a", DROP, DROP },
	{ "x-tollgate-session: s", DROP, DROP },
	{ "x-tollgate-end-user: u", DROP, DROP },
	{ "x-tollgate-cost-usd: 0", DROP, DROP },
	{ "X-Tollgate-Request-Id: forged", DROP, DROP },
	{ "x-tollgate-: empty", DROP, DROP },
	{ "server-timing: tollgate;dur=0", DROP, DROP },
	/* the provider's front */
	{ "server: cloudflare", PASS, DROP },
	{ "date: Thu, 01 Jan 1970 00:00:00 GMT", DROP, DROP },
	{ "alt-svc: h3=\":443\"", PASS, DROP },
	{ "strict-transport-security: max-age=1", PASS, DROP },
	/* what must pass */
	{ "content-type: application/json", PASS, PASS },
	{ "accept: text/event-stream", PASS, PASS },
	{ "user-agent: openai-python/1", PASS, PASS },
	{ "anthropic-version: 2023-06-01", PASS, PASS },
	{ "anthropic-beta: a,b", PASS, PASS },
	{ "openai-beta: assistants=v2", PASS, PASS },
	{ "x-stainless-lang: js", PASS, PASS },
	{ "idempotency-key: k", PASS, PASS },
	{ "retry-after: 3", PASS, PASS },
	{ "retry-after-ms: 300", PASS, PASS },
	{ "x-should-retry: true", PASS, PASS },
	{ "x-request-id: r", PASS, PASS },
	{ "request-id: r", PASS, PASS },
	{ "openai-processing-ms: 12", PASS, PASS },
	{ "openai-model: m", PASS, PASS },
	{ "cf-ray: 1", PASS, PASS },
	{ "x-tollgat: near", PASS, PASS },
	{ "x-tollgatee-x: near", PASS, PASS },
	{ "x-ratelimi-x: near", PASS, PASS },
	{ "authorization-x: near", PASS, PASS },
	{ "x-empty:", PASS, PASS },
};

/* "Name:value" as http_out_field writes it. */
static void spaced(const char *line, char *want, size_t cap)
{
	size_t colon = strcspn(line, ":");
	const char *value = line + colon + 1;

	value += strspn(value, " ");
	snprintf(want, cap, "%.*s: %s\r\n", (int)colon, line, value);
}

START_TEST(single)
{
	char lines[256], want[256];
	bool te = strncmp(one[_i].line, "transfer-encoding", 17) == 0;

	spaced(one[_i].line, want, sizeof want);
	snprintf(lines, sizeof lines, "x-before: 1\r\n%s\r\nx-after: 2\r\n", one[_i].line);
	for (int response = 0; response < 2; response++) {
		int what = response ? one[_i].to_client : one[_i].to_provider;
		char all[512];

		snprintf(all, sizeof all, "x-before: 1\r\n%sx-after: 2\r\n",
			what == PASS ? want : "");
		UNIT_STR_EQ(copy_fields(response, lines), str_z(all));
		ck_assert(!te || head.framing == HTTP_BODY_CHUNKED);
	}
}
END_TEST

/* Host goes one way only, and is never the client's. */
START_TEST(host)
{
	UNIT_STR_EQ(copy_fields(false, ""), STR(""));
	UNIT_STR_EQ(copy_fields(true, "host: x\r\n"), STR("host: x\r\n"));
}
END_TEST

/* Connection names further fields of this hop: RFC 9110 section 7.6.1; several lines are one list.
 */
static const struct {
	const char *lines, *want;
} listed[] = {
	{ "connection: x-a\r\nx-a: 1\r\nx-b: 2\r\n", "x-b: 2\r\n" },
	{ "x-a: 1\r\nconnection: X-A, keep-alive\r\nx-b: 2\r\n", "x-b: 2\r\n" },
	{ "connection: keep-alive , x-a ,,x-b\r\nx-a: 1\r\nx-a: 2\r\nx-b: 2\r\nx-c: 3\r\n",
		"x-c: 3\r\n" },
	{ "connection: keep-alive\r\nconnection: x-a\r\nx-a: 1\r\nx-b: 2\r\n", "x-b: 2\r\n" },
	{ "connection: close\r\nx-a: 1\r\nconnection: keep-alive\r\nconnection: x-a, x-c\r\nx-c: "
	  "3\r\n",
		"" },
	{ "connection: x-ab\r\nx-a: 1\r\nx-abc: 2\r\n", "x-a: 1\r\nx-abc: 2\r\n" },
	{ "connection:\r\nx-a: 1\r\n", "x-a: 1\r\n" },
	{ "connection: user-agent\r\nuser-agent: u\r\nx-a: 1\r\n", "x-a: 1\r\n" },
};

START_TEST(connection)
{
	UNIT_STR_EQ(copy_fields(false, listed[_i].lines), str_z(listed[_i].want));
	UNIT_STR_EQ(copy_fields(true, listed[_i].lines), str_z(listed[_i].want));
}
END_TEST

/* Of trailers less passes: RFC 9110 section 6.5.1. */
static const struct {
	const char *lines, *want;
} late[] = {
	{ "x-checksum: 1\r\nX-B:2\r\nx-checksum: 3\r\n",
		"x-checksum: 1\r\nX-B: 2\r\nx-checksum: 3\r\n" },
	{ "grpc-status: 0\r\nserver-timing: a\r\n", "grpc-status: 0\r\n" },
	/* framing, routing, content, control */
	{ "content-length: 5\r\n", "" },
	{ "content-type: a/b\r\ncontent-md5: x\r\ncontent-range: bytes 1-2/3\r\n", "" },
	{ "connection: x-a\r\nx-b: 1\r\n", "x-b: 1\r\n" },
	{ "host: a\r\ntrailer: x\r\nte: trailers\r\nupgrade: h2c\r\nkeep-alive: 1\r\n", "" },
	{ "cache-control: no-store\r\nage: 1\r\nexpires: 0\r\nvary: *\r\nlocation: /\r\n", "" },
	{ "agent: 1\r\nvary-more: 1\r\n", "agent: 1\r\nvary-more: 1\r\n" },
	/* credentials, the account, ours */
	{ "set-cookie: a=b\r\nauthorization: x\r\nwww-authenticate: Basic\r\n", "" },
	{ "x-ratelimit-remaining: 1\r\nopenai-organization: o\r\n", "" },
	{ "x-tollgate-cost-usd: 0\r\nx-tollgate-usage: {}\r\naccess-control-allow-origin: *\r\n",
		"" },
	/* a field that the gateway passes in heads belongs there */
	{ "retry-after: 1\r\nx-request-id: a\r\n", "" },
};

START_TEST(trailers)
{
	struct http_out o;

	copy_fields(true, late[_i].lines); /* parsed */
	http_out_init(&o, composed, sizeof composed);
	fields_to_trailer(&o, &head);
	ck_assert(!o.overflow);
	UNIT_STR_EQ(http_out_text(&o), str_z(late[_i].want));
}
END_TEST

/* Repeated fields stay repeated, in order; bytes above ASCII pass. */
START_TEST(order)
{
	static const char lines[] =
		"x-b: 1\r\nx-a: \xc3\xa9\xff\r\nX-B: 2\r\naccept: a\r\naccept: b\r\n";

	UNIT_STR_EQ(copy_fields(false, lines), str_z(lines));
	UNIT_STR_EQ(copy_fields(true, lines), str_z(lines));
}
END_TEST

/*
 * A head whose value has a line break in it cannot come out of the parser; should one ever get in,
 * the field is left out whole.
 */
START_TEST(injected)
{
	static char evil[] = "x-evil: a\r\nx-api-key: stolen";
	struct http_out o;

	copy_fields(false, "x-a: 1\r\nx-b: 2\r\n");
	for (size_t k = 0; k < 3; k++) {
		static const char breaks[][3] = { "\r\n", "\n\n", "\r\r" };

		memcpy(evil + 9, breaks[k], 2);
		head.base = evil;
		head.n_fields = 1;
		head.field[0] =
			(struct http_field){ 0, 6, 8, (uint16_t)(sizeof evil - 9), HTTP_N_OTHER };
		http_out_init(&o, composed, sizeof composed);
		fields_to_provider(&o, &head);
		ck_assert_uint_eq(o.n, 0);
		fields_to_client(&o, &head);
		ck_assert_uint_eq(o.n, 0);
		ck_assert(o.bad);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, single, 0, sizeof one / sizeof *one);
	tcase_add_test(tc, host);
	tcase_add_loop_test(tc, connection, 0, sizeof listed / sizeof *listed);
	tcase_add_loop_test(tc, trailers, 0, sizeof late / sizeof *late);
	tcase_add_test(tc, order);
	tcase_add_test(tc, injected);
}

UNIT_MAIN("fields", tests)
