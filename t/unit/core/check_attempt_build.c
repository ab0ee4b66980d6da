/*
 * check_attempt_build.c: the request as the provider gets it: path and base path, query without
 * credentials, the target's host and credentials in place of the client's, framing; parsed again by
 * the strict parser.
 */
#include "unit/core/fake.h"

#include "core/attempt.h"
#include "core/attempt_build.h"
#include "core/upload.h"

static struct fake f;

static const char yaml[] =
	"listen: 127.0.0.1:0\n"
	"targets:\n"
	"  plain: { provider: openai, base_url: http://127.0.0.1:9, key: sk-up }\n"
	"  v1: { provider: openai, base_url: http://127.0.0.1:9/v1, key: sk-up }\n"
	"  deep: { provider: openai, base_url: http://127.0.0.1:9/api/openai/v1/ }\n"
	"  v1x: { provider: openai, base_url: http://127.0.0.1:9/xv1 }\n"
	"  claude: { provider: anthropic, base_url: https://127.0.0.1, key: sk-ant, tls_verify: "
	"false }\n"
	"  proxied: { provider: openai, base_url: http://127.0.0.1:9/b, proxy: http://127.0.0.1:8 "
	"}\n"
	"  tunnel: { provider: openai, base_url: https://127.0.0.1:9, proxy: http://127.0.0.1:8 }\n"
	"models: { m: { targets: plain } }\n"
	"tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n";

static void setup(void)
{
	fake_init(&f, yaml);
}

static void teardown(void)
{
	fake_fini(&f);
}

static struct http_head sent;
static char text[65536];

/* Build r for the target and read the head back. */
static void build(struct req *r, const char *target)
{
	struct attempt a = { .req = r };
	enum http_error err = HTTP_E_NONE;

	r->path_route.target = map_get(&f.conf->target_by_name, str_z(target));
	ck_assert(r->path_route.target != NULL);
	a.route = r->route = &r->path_route;
	a.target = r->route->target;
	a.provider = a.target->provider;
	ck_assert_int_eq(attempt_build(&a), 0);
	ck_assert_uint_lt(a.iov[0].iov_len, sizeof text);
	memcpy(text, a.iov[0].iov_base, a.iov[0].iov_len);
	text[a.iov[0].iov_len] = '\0';
	ck_assert_msg(http1_request_parse(text, a.iov[0].iov_len, &sent, &err) == 0, "%s: %s",
		http_error_text(err), text);
	ck_assert_uint_eq(sent.minor, 1);
	ck_assert_msg(strstr(text, "tg-example") == NULL, "the client's key in %s", text);
}

static struct req *request(const char *line, const char *fields)
{
	char head[40000];

	snprintf(head, sizeof head, "%s HTTP/1.1\r\nhost: gateway.example\r\n%s\r\n", line, fields);
	return fake_req(&f, fake_conn(&f), head);
}

static const struct {
	const char *target, *line, *want;
} paths[] = {
	{ "plain", "POST /v1/chat/completions", "/v1/chat/completions" },
	{ "plain", "POST /chat/completions", "/v1/chat/completions" },
	{ "plain", "GET http://gw:4000/v1/files", "/v1/files" },
	{ "v1", "POST /v1/chat/completions", "/v1/chat/completions" },
	{ "v1", "POST /chat/completions", "/v1/chat/completions" },
	{ "deep", "POST /v1/embeddings", "/api/openai/v1/embeddings" },
	{ "v1x", "POST /v1/embeddings", "/xv1/v1/embeddings" },
	{ "plain", "POST /openai/deployments/dep/chat/completions", "/v1/chat/completions" },
	{ "plain", "POST //v1/./x/../%63hat/completions", "/v1/chat/completions" },
	{ "plain", "GET /v1/files/a%2Fb%20c", "/v1/files/a%2Fb%20c" },
	{ "claude", "POST /v1/messages", "/v1/messages" },
	{ "proxied", "POST /v1/embeddings", "http://127.0.0.1:9/b/v1/embeddings" },
	{ "tunnel", "POST /v1/embeddings", "/v1/embeddings" },
	/* queries */
	{ "plain", "GET /v1/files?limit=2&after=x%26y", "/v1/files?limit=2&after=x%26y" },
	{ "plain", "GET /v1/files?", "/v1/files" },
	{ "plain", "GET /v1/files?key=tg-example", "/v1/files" },
	{ "plain", "GET /v1/files?key=tg-example&limit=2", "/v1/files?limit=2" },
	{ "plain", "GET /v1/files?limit=2&key=tg-example", "/v1/files?limit=2" },
	{ "plain", "GET /v1/files?a=1&key=tg-example&b=2&key=tg-example", "/v1/files?a=1&b=2" },
	{ "plain", "GET /v1/files?monkey=1&keys=2&k=3&api-version=4",
		"/v1/files?monkey=1&keys=2&k=3&api-version=4" },
	{ "plain", "POST /openai/deployments/d/embeddings?api-version=2024-02-01",
		"/v1/embeddings" },
	{ "plain", "POST /openai/deployments/d/embeddings?x=1&api-version=2&key=tg-example&y=2",
		"/v1/embeddings?x=1&y=2" },
};

START_TEST(path)
{
	struct req *r = request(paths[_i].line, "");

	ck_assert_msg(r->ep.ep != NULL, "%s", paths[_i].line);
	build(r, paths[_i].target);
	UNIT_STR_EQ(http_target(&sent), str_z(paths[_i].want));
	UNIT_STR_EQ(http_method_text(&sent), str_mk(paths[_i].line, strcspn(paths[_i].line, " ")));
	fake_drop(&f);
}
END_TEST

/* The client's credentials go in no form; the target's are there once. */
static const struct {
	const char *target, *name, *value;
} auths[] = {
	{ "plain", "authorization", "Bearer sk-up" },
	{ "claude", "x-api-key", "sk-ant" },
	{ "deep", NULL, NULL },
};

START_TEST(credentials)
{
	struct req *r = request(auths[_i].target[0] == 'c' ? "POST /v1/messages?key=tg-example"
							   : "POST /v1/embeddings?key=tg-example",
		"authorization: Bearer tg-example\r\nx-api-key: tg-example\r\napi-key: "
		"tg-example\r\n"
		"x-goog-api-key: tg-example\r\nproxy-authorization: Basic tg-example\r\n"
		"cookie: a=tg-example\r\nconnection: keep-alive, x-mine\r\nx-mine: tg-example\r\n"
		"user-agent: sdk\r\naccept-encoding: gzip, br\r\nexpect: 100-continue\r\n"
		"te: trailers\r\ncontent-length: 0\r\n");
	unsigned seen = 0;

	build(r, auths[_i].target);
	for (unsigned i = 0; i < sent.n_fields; i++) {
		struct str name = http_field_name(&sent, i);

		if (str_eq(name, STR("authorization")) || str_ends(name, STR("api-key"))) {
			seen++;
			UNIT_STR_EQ(name, str_z(auths[_i].name));
			UNIT_STR_EQ(http_field_value(&sent, i), str_z(auths[_i].value));
		}
		for (unsigned k = 0; k < i; k++)
			ck_assert_msg(!str_eq_ci(name, http_field_name(&sent, k)), "twice %.*s",
				STR_FMT(name));
	}
	ck_assert_uint_eq(seen, auths[_i].name != NULL);
	UNIT_STR_EQ(http_get(&sent, HTTP_N_ACCEPT_ENCODING), STR("identity"));
	UNIT_STR_EQ(http_get(&sent, HTTP_N_HOST),
		auths[_i].target[0] == 'c' ? STR("127.0.0.1") : STR("127.0.0.1:9"));
	UNIT_STR_EQ(http_get(&sent, HTTP_N_CONNECTION), STR("te")); /* of its own, for te */
	UNIT_STR_EQ(http_get(&sent, HTTP_N_TE), STR("trailers"));
	ck_assert(strstr(text, "user-agent: sdk\r\n") != NULL);
	ck_assert(
		(http_get(&sent, HTTP_N_ANTHROPIC_VERSION).n > 0) == (auths[_i].target[0] == 'c'));
	fake_drop(&f);
}
END_TEST

/* The client's own version is kept. */
START_TEST(anthropic_version)
{
	struct req *r = request("POST /v1/messages", "anthropic-version: 2099-01-01\r\n");

	build(r, "claude");
	UNIT_STR_EQ(http_get(&sent, HTTP_N_ANTHROPIC_VERSION), STR("2099-01-01"));
	fake_drop(&f);
}
END_TEST

static const struct {
	const char *line, *fields;
	bool upload;
	enum http_framing framing;
	uint64_t length;
} frames[] = {
	{ "POST /v1/files", "content-length: 0\r\n", false, HTTP_BODY_LENGTH, 0 },
	{ "POST /v1/files", "", false, HTTP_BODY_LENGTH, 0 },
	{ "GET /v1/files", "", false, HTTP_BODY_NONE, 0 },
	{ "DELETE /v1/files/f", "", false, HTTP_BODY_NONE, 0 },
	{ "POST /v1/files", "content-length: 77\r\n", true, HTTP_BODY_LENGTH, 77 },
	{ "POST /v1/files", "transfer-encoding: chunked\r\n", true, HTTP_BODY_CHUNKED, 0 },
	{ "POST /v1/files", "transfer-encoding: chunked\r\ntrailer: x\r\n", true, HTTP_BODY_CHUNKED,
		0 },
};

START_TEST(framing)
{
	struct req *r = request(frames[_i].line, frames[_i].fields);

	r->body_kind = BODY_KIND_PLAIN;
	if (frames[_i].upload)
		ck_assert_int_eq(upload_init(r), 0);
	build(r, "plain");
	ck_assert_int_eq(sent.framing, frames[_i].framing);
	if (sent.framing == HTTP_BODY_LENGTH)
		ck_assert_uint_eq(sent.content_length, frames[_i].length);
	fake_drop(&f);
}
END_TEST

/* As much as a client may send, in its tersest form: what we add finds room. */
START_TEST(large)
{
	static char fields[32000];
	size_t n = 0;
	struct req *r;

	for (int i = 0; i < 90; i++)
		n += (size_t)sprintf(fields + n, "x%d:%0*d\r\n", i, 1 + i * 5, i);
	r = request("POST /v1/files?a=b", fields);
	build(r, "proxied");
	ck_assert_uint_ge(sent.n_fields, 90);
	fake_drop(&f);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, path, 0, sizeof paths / sizeof *paths);
	tcase_add_loop_test(tc, credentials, 0, sizeof auths / sizeof *auths);
	tcase_add_test(tc, anthropic_version);
	tcase_add_loop_test(tc, framing, 0, sizeof frames / sizeof *frames);
	tcase_add_test(tc, large);
}

UNIT_MAIN("attempt_build", tests)
