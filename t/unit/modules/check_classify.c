/*
 * check_classify.c: what is read is what is sent: the model and the stream options of a body, and
 * the body as the provider gets it; ambiguous bodies are refused. The edited body is composed by
 * attempt_build, as in life.
 */
#include "unit/core/fake.h"

#include "core/attempt.h"
#include "core/attempt_build.h"
#include "proto/json_scan.h"

#include "mod_classify.c"

static struct fake f;

static const char yaml[] = "listen: 127.0.0.1:0\n"
			   "targets:\n"
			   "  o: { provider: openai, base_url: http://127.0.0.1:9 }\n"
			   "  a: { provider: anthropic, base_url: http://127.0.0.1:9 }\n"
			   "models:\n"
			   "  m: { targets: { target: o, model: up } }\n"
			   "  gpt-4o-mini: { targets: { target: o, model: up } }\n"
			   "  claude: { targets: { target: a, model: up } }\n"
			   "  secret: { targets: { target: o } }\n"
			   "tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA
			   ", models: [ m, gpt-4o-mini, claude ] } ] } }\n";

static void setup(void)
{
	fake_init(&f, yaml);
}

static void teardown(void)
{
	fake_fini(&f);
}

static struct req *request(const char *path, const char *body)
{
	char head[512];
	struct req *r;

	snprintf(head, sizeof head,
		"POST %s HTTP/1.1\r\nhost: gw\r\ncontent-type: application/json\r\n"
		"content-length: %zu\r\n\r\n",
		path, strlen(body));
	r = fake_req(&f, fake_conn(&f), head);
	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->tenant = r->key->tenant;
	fake_body(r, body);
	return r;
}

/* The body as it goes to the first route's target. */
static const char *sent_body(struct req *r)
{
	static char out[1 << 16];
	struct attempt a = { .req = r };
	size_t n = 0;

	r->route = &r->model->route[0];
	a.route = r->route;
	a.target = r->route->target;
	a.provider = a.target->provider;
	ck_assert_int_eq(attempt_build(&a), 0);
	for (int i = 1; i < a.iov_n; i++) {
		memcpy(out + n, a.iov[i].iov_base, a.iov[i].iov_len);
		n += a.iov[i].iov_len;
	}
	out[n] = '\0';
	snprintf(f.got, sizeof f.got, "content-length: %zu\r\n", n);
	ck_assert_msg(strstr(a.iov[0].iov_base, f.got) != NULL, "the length is not %zu", n);
	return out;
}

#define CHAT "/v1/chat/completions"
#define OPT  "\"stream_options\":{\"include_usage\":true}"

static const struct {
	const char *path, *body, *sent;
	bool stream, added;
} good[] = {
	/* the model, wherever and however it stands */
	{ CHAT, "{\"model\":\"m\"}", "{\"model\":\"up\"}", false, false },
	{ CHAT, " { \"x\" : [1, {\"model\":\"no\"}] ,\n\"model\" : \"m\" } ",
		" { \"x\" : [1, {\"model\":\"no\"}] ,\n\"model\" : \"up\" } ", false, false },
	{ CHAT, "{\"mod\\u0065l\":\"m\"}", "{\"mod\\u0065l\":\"up\"}", false, false },
	{ CHAT, "{\"model\":\"\\u006d\"}", "{\"model\":\"up\"}", false, false },
	{ CHAT, "{\"messages\":[{\"content\":\"\\\"model\\\":\\\"x\\\"\"}],\"model\":\"m\"}",
		"{\"messages\":[{\"content\":\"\\\"model\\\":\\\"x\\\"\"}],\"model\":\"up\"}",
		false, false },
	/* a key we do not act on may be there twice: passed as it is */
	{ CHAT, "{\"a\":1,\"a\":2,\"model\":\"m\"}", "{\"a\":1,\"a\":2,\"model\":\"up\"}", false,
		false },
	{ "/v1/messages", "{\"model\":\"claude\",\"stream\":true}",
		"{\"model\":\"up\",\"stream\":true}", true, false },
	/* streams: usage is asked for once */
	{ CHAT, "{\"model\":\"m\",\"stream\":false}", "{\"model\":\"up\",\"stream\":false}", false,
		false },
	{ CHAT, "{\"model\":\"m\",\"stream\":\"true\"}", "{\"model\":\"up\",\"stream\":\"true\"}",
		false, false },
	{ CHAT, "{\"model\":\"m\",\"stream\":null}", "{\"model\":\"up\",\"stream\":null}", false,
		false },
	{ CHAT, "{\"model\":\"m\",\"stream\":true}", "{" OPT ",\"model\":\"up\",\"stream\":true}",
		true, true },
	{ CHAT, "{\"stream\":true,\"model\":\"m\"}", "{" OPT ",\"stream\":true,\"model\":\"up\"}",
		true, true },
	{ CHAT, "{\"str\\u0065am\":true,\"model\":\"m\"}",
		"{" OPT ",\"str\\u0065am\":true,\"model\":\"up\"}", true, true },
	{ CHAT, "{\"model\":\"m\",\"stream\":true,\"stream_options\":null}",
		"{\"model\":\"up\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
		true, true },
	{ CHAT, "{\"stream_options\":{},\"model\":\"m\",\"stream\":true}",
		"{\"stream_options\":{\"include_usage\":true},\"model\":\"up\",\"stream\":true}",
		true, true },
	{ CHAT, "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":false}}",
		"{\"model\":\"up\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
		true, true },
	{ CHAT, "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":null}}",
		"{\"model\":\"up\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
		true, true },
	{ CHAT,
		"{\"model\":\"m\",\"stream\":true,\"stream_options\":{ "
		"\"x\":{\"include_usage\":true} }}",
		"{\"model\":\"up\",\"stream\":true,\"stream_options\":{\"include_usage\":true, "
		"\"x\":{\"include_usage\":true} }}",
		true, true },
	{ CHAT, "{\"model\":\"m\",\"stream\":true,\"stream_options\":[true]}",
		"{\"model\":\"up\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
		true, true },
	{ CHAT, "{\"model\":\"m\",\"stream\":true," OPT "}",
		"{\"model\":\"up\",\"stream\":true," OPT "}", true, false },
	{ CHAT,
		"{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_us\\u0061ge\":true}"
		"}",
		"{\"model\":\"up\",\"stream\":true,\"stream_options\":{\"include_us\\u0061ge\":"
		"true}}",
		true, false },
	{ CHAT, "{\"model\":\"m\"," OPT "}", "{\"model\":\"up\"," OPT "}", false, false },
	{ "/v1/completions", "{\"model\":\"m\",\"stream\":true}",
		"{" OPT ",\"model\":\"up\",\"stream\":true}", true, true },
	{ "/v1/responses", "{\"model\":\"m\",\"stream\":true}",
		"{\"model\":\"up\",\"stream\":true}", true, false },
	/* Azure: the path names the model, the body may not, or may say something else */
	{ "/openai/deployments/gpt-4o-mini/chat/completions?api-version=1", "{\"messages\":[]}",
		"{\"model\":\"up\",\"messages\":[]}", false, false },
	{ "/openai/deployments/gpt-4o-mini/chat/completions", "{}", "{\"model\":\"up\"}", false,
		false },
	{ "/openai/deployments/gpt-4o-mini/chat/completions", "{\"model\":\"secret\"}",
		"{\"model\":\"up\"}", false, false },
	{ "/openai/deployments/gpt-4o-mini/chat/completions", "{\"stream\":true}", NULL, true,
		true },
};

START_TEST(rewritten)
{
	struct req *r = request(good[_i].path, good[_i].body);
	struct json_watch w[3] = { { STR("model"), { 0 } }, { STR("stream"), { 0 } },
		{ STR("stream_options"), { 0 } } };
	struct json_fail fail;
	struct str name;
	const char *sent;

	ck_assert_int_eq(classify(r), STEP_NEXT);
	ck_assert_int_eq(r->stream, good[_i].stream);
	ck_assert_int_eq(r->added_usage, good[_i].added);
	sent = sent_body(r);
	if (good[_i].sent != NULL)
		ck_assert_str_eq(sent, good[_i].sent);
	/* Read again as the provider does: one model, ours. */
	ck_assert_int_eq(json_scan_object(str_z(sent), w, 3, &fail), 0);
	ck_assert_int_eq(json_get_plain(&w[0].val, &name), 0);
	UNIT_STR_EQ(name, STR("up"));
	/* A second target gets its own name from the same spans. */
	ck_assert_str_eq(sent_body(r), sent);
	fake_drop(&f);
}
END_TEST

static const struct {
	const char *path, *body;
	int status;
	const char *code, *says;
} bad[] = {
	{ CHAT, "{\"model\":\"m\",\"model\":\"secret\"}", 400, "invalid_json", "at byte 13" },
	{ CHAT, "{\"model\":\"m\",\"mod\\u0065l\":\"secret\"}", 400, "invalid_json", "at byte 13" },
	{ CHAT, "{\"model\":\"m\",\"stream\":true,\"stream\":false}", 400, "invalid_json", NULL },
	{ CHAT, "{\"model\":\"m\",\"stream_options\":{},\"stream_options\":{}}", 400,
		"invalid_json", NULL },
	{ CHAT,
		"{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true,"
		"\"include_usage\":false}}",
		400, "invalid_json", "at byte 66" },
	{ CHAT, "", 400, "invalid_json", NULL },
	{ CHAT, "{", 400, "invalid_json", NULL },
	{ CHAT, "[]", 400, "invalid_json", NULL },
	{ CHAT, "null", 400, "invalid_json", NULL },
	{ CHAT, "{\"model\":\"m\"} x", 400, "invalid_json", NULL },
	{ CHAT, "{\"model\":\"m\"}{\"model\":\"secret\"}", 400, "invalid_json", NULL },
	{ CHAT, "{'model':'m'}", 400, "invalid_json", NULL },
	{ CHAT, "{\"model\":\"m\",}", 400, "invalid_json", NULL },
	{ CHAT, "{\"model\":\"m\n\"}", 400, "invalid_json", NULL },
	{ CHAT, "{\"model\\ud800\":1,\"model\":\"m\"}", 400, "invalid_json", NULL },
	{ CHAT, "\xef\xbb\xbf{\"model\":\"m\"}", 400, "invalid_json", NULL },
	{ CHAT, "{}", 400, "missing_model", NULL },
	{ CHAT, "{\"Model\":\"m\"}", 400, "invalid_json", "named in lower case at byte 1" },
	{ CHAT, "{\"model\":\"m\",\"MODEL\":\"secret\"}", 400, "invalid_json", "at byte 13" },
	{ CHAT, "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"Include_Usage\":false}}",
		400, "invalid_json", "at byte 45" },
	{ CHAT, "{\"x\":{\"model\":\"m\"}}", 400, "missing_model", NULL },
	{ CHAT, "{\"model\":null}", 400, "missing_model", "string" },
	{ CHAT, "{\"model\":7}", 400, "missing_model", "string" },
	{ CHAT, "{\"model\":[\"m\"]}", 400, "missing_model", "string" },
	{ CHAT, "{\"model\":\"\\ud800\"}", 400, "missing_model", NULL },
	{ CHAT, "{\"model\":\"\"}", 404, "model_not_found", NULL },
	{ CHAT, "{\"model\":\"M\"}", 404, "model_not_found", NULL },
	{ CHAT, "{\"model\":\"m \"}", 404, "model_not_found", NULL },
	{ CHAT, "{\"model\":\"m\\u0000\"}", 0, NULL, NULL },
	{ CHAT, "{\"model\":\"gpt-4o-min\"}", 404, "model_not_found",
		"Did you mean 'gpt-4o-mini'?" },
	/* the nearest name is never one that the key may not use */
	{ CHAT, "{\"model\":\"secre\"}", 404, "model_not_found", "!secret'?" },
	{ CHAT, "{\"model\":\"secret\"}", 403, "model_not_allowed",
		"'k' may not use model 'secret'" },
	{ CHAT, "{\"model\":\"%s%n\"}", 404, "model_not_found", "'%s%n'" },
	{ "/openai/deployments/secret/chat/completions", "{\"model\":\"m\"}", 403,
		"model_not_allowed", NULL },
	{ "/openai/deployments/nope/chat/completions", "{}", 404, "model_not_found", NULL },
	{ "/v1/messages", "{\"messages\":[]}", 400, "invalid_request_error", NULL },
	{ "/v1/messages", "{\"model\":\"nope\"}", 404, "not_found_error", "'nope'" },
	{ "/v1/messages", "{\"model\":\"secret\"}", 403, "permission_error", NULL },
};

START_TEST(refused)
{
	struct req *r = request(bad[_i].path, bad[_i].body);
	const char *says = bad[_i].says;

	ck_assert_int_eq(classify(r), STEP_REPLY);
	fake_read(&f);
	if (bad[_i].status != 0) {
		ck_assert_msg(fake_status(&f) == bad[_i].status, "%s", f.got);
		ck_assert_msg(strstr(fake_body_of(&f), bad[_i].code) != NULL, "%s", f.got);
	} else {
		ck_assert_int_ge(fake_status(&f), 400);
	}
	if (says != NULL)
		ck_assert_msg((strstr(fake_body_of(&f), says + (says[0] == '!')) != NULL) ==
				      (says[0] != '!'),
			"%s", f.got);
	fake_drop(&f);
}
END_TEST

/* The model is optional for moderations; nothing is put in. */
START_TEST(moderations)
{
	struct req *r = request("/v1/moderations", "{\"input\":\"x\"}");

	ck_assert_int_eq(classify(r), STEP_NEXT);
	ck_assert(r->model == NULL);
	ck_assert_int_eq(r->model_edit, -1);
	fake_drop(&f);
	r = request("/v1/moderations", "{\"input\":\"x\",\"model\":\"m\"}");
	ck_assert_int_eq(classify(r), STEP_NEXT);
	ck_assert_str_eq(sent_body(r), "{\"input\":\"x\",\"model\":\"up\"}");
	fake_drop(&f);
}
END_TEST

/* A cut body is refused wherever it is cut, and never as something that it is not. */
START_TEST(cut)
{
	static const char body[] =
		"{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"x\":[1,2]}}";

	for (size_t n = 0; n < sizeof body - 1; n++) {
		char part[sizeof body];
		struct req *r;

		memcpy(part, body, n);
		part[n] = '\0';
		r = request(CHAT, part);
		ck_assert_int_eq(classify(r), STEP_REPLY);
		fake_read(&f);
		ck_assert_int_eq(fake_status(&f), 400);
		fake_drop(&f);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, rewritten, 0, sizeof good / sizeof *good);
	tcase_add_loop_test(tc, refused, 0, sizeof bad / sizeof *bad);
	tcase_add_test(tc, moderations);
	tcase_add_test(tc, cut);
}

UNIT_MAIN("classify", tests)
