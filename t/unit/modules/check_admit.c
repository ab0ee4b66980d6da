/*
 * check_admit.c: who gets in, by requests over a connection through the whole pipeline up to where
 * a provider would be asked: paths and methods, keys in each form, tags, the list of models; in the
 * caller's dialect.
 */
#include "unit/core/fake.h"

static struct fake f;

/* Keys by number: sha256 of tg-example and of the others below. */
static char yaml[4096];

static const char *const keys[] = { "tg-expired", "tg-off", "tg-orphan", "tg-a b" };

static void setup(void)
{
	char hex[4][2 * SHA256_LEN + 1];

	for (int k = 0; k < 4; k++) {
		uint8_t sha[SHA256_LEN];

		digest_sha256(str_z(keys[k]), sha);
		for (int i = 0; i < SHA256_LEN; i++)
			sprintf(hex[k] + 2 * i, "%02x", sha[i]);
	}
	snprintf(yaml, sizeof yaml,
		"listen: 127.0.0.1:0\n"
		"targets:\n"
		"  up: { provider: openai, base_url: http://127.0.0.1:9 }\n"
		"  claude: { provider: anthropic, base_url: http://127.0.0.1:9 }\n"
		"models: { m: { targets: up }, meta/llama: { targets: up }, hidden: { targets: up "
		"} }\n"
		"rules:\n"
		"  - { when_model: m, use: hidden, match: { tools: \"true\" } }\n"
		"  - { when_model: auto, use: hidden, match: { tools: \"true\" } }\n"
		"  - { when_model: secret, use: hidden }\n"
		"  - { when_model: nothing, route: cheap }\n"
		"  - { when_model: auto, use: m, match: { stream: \"true\" } }\n"
		"  - { when_model: auto, use: m }\n"
		"tags: { required: [ team ], optional: [ feature ], on_missing: reject }\n"
		"tenants:\n  me:\n    tags: { team: a }\n    keys:\n"
		"      - { id: k, sha256: " FAKE_KEY_SHA ", models: [ m, meta/llama ] }\n"
		"      - { id: expired, sha256: %s, expires: 2020-01-01 }\n"
		"      - { id: off, sha256: %s, disabled: true }\n"
		"      - { id: spaced, sha256: %s }\n"
		"  other:\n    keys:\n      - { id: orphan, sha256: %s }\n",
		hex[0], hex[1], hex[3], hex[2]);
	fake_init(&f, yaml);
}

static void teardown(void)
{
	fake_fini(&f);
}

static void ask(const char *line, const char *fields)
{
	char text[16384];
	int n = snprintf(text, sizeof text, "%s HTTP/1.1\r\nhost: gw\r\n%s\r\n", line, fields);

	fake_conn(&f);
	fake_send(&f, text, (size_t)n);
	fake_pump(&f);
}

#define KEY "authorization: Bearer tg-example\r\n"

static const struct {
	const char *line, *fields;
	int status;
	const char *says;
} cases[] = {
	/* before anybody is asked who they are */
	{ "HEAD /", "", 200, NULL },
	{ "GET /", "", 200, "tollgate" },
	{ "POST /", "", 404, NULL },
	{ "OPTIONS /v1/chat/completions", "", 204, NULL },
	{ "OPTIONS *", "", 204, NULL },
	{ "GET /nope", KEY, 404, "No such path here: /nope." },
	{ "GET /nope/%22%3Cscript%3E", KEY, 404, "/nope/%22%3Cscript%3E" },
	{ "GET /v1/chat/completions", KEY, 405, NULL },
	{ "TRACE /v1/files", KEY, 405, NULL },
	{ "DELETE /v1/models/m", KEY, 405, NULL },
	{ "PURGE /v1/models", KEY, 405, NULL },
	{ "GET /up/../v1/models", KEY, 200, "\"m\"" },
	/* keys */
	{ "GET /v1/models", "", 401, "No valid API key" },
	{ "GET /v1/models", KEY, 200, NULL },
	{ "GET /v1/models", "authorization: bearer   tg-example  \r\n", 200, NULL },
	{ "GET /v1/models", "x-api-key: tg-example\r\n", 200, NULL },
	{ "GET /v1/models", "api-key: tg-example\r\n", 200, NULL },
	{ "GET /v1/models", "x-goog-api-key: tg-example\r\n", 200, NULL },
	{ "GET /v1/models?key=tg-example", "", 200, NULL },
	{ "GET /v1/models?x=1&key=tg%2Dexample", "", 200, NULL },
	{ "GET /v1/models?key=tg-a+b", "", 200, NULL },
	{ "GET /v1/models?key=tg-example%00", "", 401, NULL },
	{ "GET /v1/models?monkey=tg-example", "", 401, NULL },
	{ "GET /v1/models", "authorization: tg-example\r\n", 401, NULL },
	{ "GET /v1/models", "authorization: Basic tg-example\r\n", 401, NULL },
	{ "GET /v1/models", "authorization: Bearer tg-examplE\r\n", 401, "not known" },
	{ "GET /v1/models", "authorization: Bearer tg-example, tg-example\r\n", 401, NULL },
	{ "GET /v1/models", "authorization: Bearer sk-proj-aaaa\r\n", 401, "not a provider's" },
	/* the first form decides: a good key elsewhere does not help a bad one */
	{ "GET /v1/models", "authorization: Bearer wrong\r\nx-api-key: tg-example\r\n", 401, NULL },
	{ "GET /v1/models", "authorization: Basic eA==\r\nx-api-key: tg-example\r\n", 200, NULL },
	{ "GET /v1/models", "x-api-key: tg-expired\r\n", 401, "'expired' has expired" },
	{ "GET /v1/models", "x-api-key: tg-off\r\n", 401, "'off' is disabled" },
	/* tags */
	{ "GET /v1/models", "x-api-key: tg-orphan\r\n", 400, "'team' is required" },
	{ "GET /v1/models", "x-api-key: tg-orphan\r\nx-tollgate-tags: team=b\r\n", 200, NULL },
	{ "GET /v1/models", "x-api-key: tg-orphan\r\nx-tollgate-tags: feature=b\r\n", 400,
		"'team'" },
	{ "GET /v1/models", KEY "x-tollgate-tags: feature=x\r\n", 200, NULL },
	{ "GET /v1/models", KEY "x-tollgate-tags: team=b\r\n", 400, "set by the key" },
	{ "GET /v1/models", KEY "x-tollgate-tags: feature=x,team=a\r\n", 400, "set by the key" },
	{ "GET /v1/models", KEY "x-tollgate-tags: colour=x\r\n", 400, "no tag 'colour'" },
	{ "GET /v1/models", KEY "x-tollgate-tags: feature\r\n", 400,
		"'feature' is not name=value" },
	/* models */
	{ "GET /v1/models", KEY, 200,
		"{\"object\":\"list\",\"data\":[{\"id\":\"m\",\"object\":\"model\",\"created\":0,"
		"\"owned_by\":\"tollgate\"},{\"id\":\"meta/llama\"," },
	{ "GET /models", KEY, 200, "\"meta/llama\"" },
	/* names that rules make a model of, once each, where the key may use that */
	{ "GET /v1/models", KEY, 200,
		"\"owned_by\":\"tollgate\"},{\"id\":\"auto\",\"object\":\"model\",\"created\":0,"
		"\"owned_by\":\"tollgate\"}]}" },
	{ "GET /v1/models/auto", KEY, 200, "{\"id\":\"auto\"," },
	{ "GET /v1/models/secret", KEY, 404, "model_not_found" },
	{ "GET /v1/models/nothing", KEY, 404, "model_not_found" },
	{ "GET /v1beta/models/auto", "x-goog-api-key: tg-example\r\n", 200,
		"{\"name\":\"models/auto\"," },
	{ "GET /v1beta/models/auto:m", "x-goog-api-key: tg-example\r\n", 404, "NOT_FOUND" },
	/* a verb of Gemini's that is none, and a method that is none */
	{ "POST /v1beta/models/m:predict", KEY, 404, "cannot be asked for ':predict' here" },
	{ "POST /v1beta/models/m", KEY, 405, NULL },
	{ "DELETE /v1beta/models/m:predict", KEY, 405, NULL },
	{ "HEAD /v1/models", KEY, 200, NULL },
	{ "GET /v1/models/m", KEY, 200, "{\"id\":\"m\"," },
	{ "GET /v1/models/meta/llama", KEY, 200, "{\"id\":\"meta/llama\"," },
	{ "GET /v1/models/meta%2Fllama", KEY, 200, "{\"id\":\"meta/llama\"," },
	{ "GET /v1/models/hidden", KEY, 404, "model_not_found" },
	{ "GET /v1/models/nope", KEY, 404, "model_not_found" },
	{ "GET /v1/models", KEY "anthropic-version: 1\r\n", 200,
		"{\"data\":[{\"type\":\"model\",\"id\":\"m\"," },
	{ "GET /v1/models/m", KEY "anthropic-version: 1\r\n", 200, "{\"type\":\"model\"," },
	{ "GET /v1/models/x", KEY "anthropic-version: 1\r\n", 404, "not_found_error" },
};

START_TEST(admitted)
{
	ask(cases[_i].line, cases[_i].fields);
	ck_assert_msg(fake_status(&f) == cases[_i].status, "%s %s: %s", cases[_i].line,
		cases[_i].fields, f.got);
	if (cases[_i].says != NULL)
		ck_assert_msg(strstr(fake_body_of(&f), cases[_i].says) != NULL, "%s", f.got);
	ck_assert_msg(strstr(f.got, "\"hidden\"") == NULL ||
			      strstr(cases[_i].line, "a+b") != NULL ||
			      strstr(cases[_i].fields, "orphan") != NULL,
		"a model the key may not use: %s", f.got);
	ck_assert_msg(strstr(f.got, "tg-") == NULL, "the key comes back: %s", f.got);
	ck_assert(fake_field(&f, "x-tollgate-request-id") != NULL);
}
END_TEST

/* Pipelined requests are answered in order, one by one, whatever the pieces they come in. */
START_TEST(pipelined)
{
	static const char text[] = "GET /v1/models/m HTTP/1.1\r\nhost: gw\r\n" KEY "\r\n"
				   "GET /v1/models/nope HTTP/1.1\r\nhost: gw\r\n" KEY "\r\n"
				   "HEAD / HTTP/1.1\r\nhost: gw\r\nconnection: close\r\n\r\n";
	const char *a, *b, *c;

	for (size_t cut = 1; cut < sizeof text - 1; cut++) {
		fake_conn(&f);
		fake_send(&f, text, cut);
		fake_turn(&f);
		fake_turn(&f);
		fake_send(&f, text + cut, sizeof text - 1 - cut);
		ck_assert_msg(fake_pump(&f), "cut at %zu: still open", cut);
		a = strstr(f.got, "HTTP/1.1 200");
		b = a != NULL ? strstr(a + 1, "HTTP/1.1 404") : NULL;
		c = b != NULL ? strstr(b + 1, "HTTP/1.1 200") : NULL;
		ck_assert_msg(c != NULL && a == f.got && strstr(c + 1, "HTTP/1.1") == NULL,
			"cut at %zu: %s", cut, f.got);
		fake_drop(&f);
	}
}
END_TEST

/* A draining gateway says so; the client's SDK comes again. */
START_TEST(draining)
{
	f.w.draining = true;
	f.w.drain_deadline_us = INT64_MAX;
	ask("GET /v1/models", KEY);
	ck_assert_int_eq(fake_status(&f), 503);
	ck_assert_str_eq(fake_field(&f, "connection"), "close");
	ck_assert_str_eq(fake_field(&f, "retry-after"), "1");
	f.w.draining = false;
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, admitted, 0, sizeof cases / sizeof *cases);
	tcase_add_test(tc, pipelined);
	tcase_add_test(tc, draining);
}

UNIT_MAIN("admit", tests)
