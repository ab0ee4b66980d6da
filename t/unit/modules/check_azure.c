/*
 * check_azure.c: where Azure is asked and with what: by deployment where the version is a date, and
 * under /openai/v1; with a key or a token; and what a configuration may not say.
 */
#include "unit/core/fake.h"

#include "core/attempt.h"
#include "core/attempt_build.h"
#include "core/provider.h"

static struct fake f;
static char token_path[64];

#define TARGET(name, more) \
	"  " name          \
	": { provider: azure, base_url: \"https://r.openai.azure.com\", key: sk-az, " more " }\n"

static const char yaml[] =
	"listen: 127.0.0.1:0\n"
	"targets:\n" TARGET("classic", "api_version: 2024-10-21") TARGET("v1", "region: eu") TARGET(
		"preview",
		"api_version: preview") "  openai: { provider: azure, base_url: "
					"https://r.openai.azure.com/openai, key: sk-az }\n"
					"  full: { provider: azure, base_url: "
					"https://r.openai.azure.com/openai/v1/ }\n"
					"  dated: { provider: azure, base_url: "
					"https://r.openai.azure.com/openai, api_version: "
					"2024-10-21 }\n"
					"  token: { provider: azure, base_url: "
					"https://r.openai.azure.com, token_file: %s }\n"
					"models: { m: { targets: v1 } }\n"
					"tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA
					" } ] } }\n";

static void setup(void)
{
	char text[4096];
	int fd;

	snprintf(token_path, sizeof token_path, "/tmp/check_azure_XXXXXX");
	fd = mkstemp(token_path);
	ck_assert_int_eq(write(fd, "entra-1\n", 8), 8);
	close(fd);
	snprintf(text, sizeof text, yaml, token_path);
	fake_init(&f, text);
}

static void teardown(void)
{
	fake_fini(&f);
	unlink(token_path);
}

static char sent[65536];

static int build(const char *target, const char *line, const char *model)
{
	char head[1024];
	struct attempt a = { .magic = ATTEMPT_MAGIC };
	struct req *r;
	int rc;

	snprintf(head, sizeof head,
		"%s HTTP/1.1\r\nhost: gw\r\napi-key: tg-example\r\ncontent-length: 0\r\n\r\n",
		line);
	r = fake_req(&f, fake_conn(&f), head);
	ck_assert(r->ep.ep != NULL);
	r->path_route.target = map_get(&f.conf->target_by_name, str_z(target));
	ck_assert(r->path_route.target != NULL);
	r->path_route.model = str_z(model);
	a.req = r;
	a.route = r->route = &r->path_route;
	a.target = r->route->target;
	a.provider = a.target->provider;
	rc = attempt_build(&a);
	if (rc == 0) {
		memcpy(sent, a.iov[0].iov_base, a.iov[0].iov_len);
		sent[a.iov[0].iov_len] = '\0';
	}
	fake_drop(&f);
	return rc;
}

#define V "?api-version=2024-10-21"

static const struct {
	const char *target, *line, *model, *want;
} paths[] = {
	{ "classic", "POST /v1/chat/completions", "gpt-4o",
		"/openai/deployments/gpt-4o/chat/completions" V },
	{ "classic", "POST /v1/embeddings", "a b/c%",
		"/openai/deployments/a%20b%2Fc%25/embeddings" V },
	{ "classic", "POST /openai/deployments/x/chat/completions?api-version=2023-05-15&key=k&a=b",
		"gpt-4o", "/openai/deployments/gpt-4o/chat/completions" V "&a=b" },
	{ "classic", "POST /v1/audio/transcriptions", "w",
		"/openai/deployments/w/audio/transcriptions" V },
	{ "classic", "POST /v1/images/generations", "i",
		"/openai/deployments/i/images/generations" V },
	{ "dated", "POST /v1/chat/completions", "g", "/openai/deployments/g/chat/completions" V },
	{ "v1", "POST /v1/chat/completions", "g", "/openai/v1/chat/completions" },
	{ "v1", "POST /v1/responses", "g", "/openai/v1/responses" },
	{ "v1", "GET /v1/responses/r_1?api-version=2025-03-01&include=x", "",
		"/openai/v1/responses/r_1?include=x" },
	{ "preview", "POST /v1/chat/completions?a=b", "g",
		"/openai/v1/chat/completions?api-version=preview&a=b" },
	{ "openai", "POST /v1/chat/completions", "g", "/openai/v1/chat/completions" },
	{ "full", "POST /v1/chat/completions", "g", "/openai/v1/chat/completions" },
};

START_TEST(path)
{
	char want[256];

	ck_assert_int_eq(build(paths[_i].target, paths[_i].line, paths[_i].model), 0);
	snprintf(want, sizeof want, " %s HTTP/1.1\r\n", paths[_i].want);
	ck_assert_msg(strstr(sent, want) != NULL, "%s in %s", want, sent);
	ck_assert_ptr_nonnull(strstr(sent, "host: r.openai.azure.com\r\n"));
	ck_assert_ptr_null(strstr(sent, "tg-example"));
	if (strcmp(paths[_i].target, "full") != 0 && strcmp(paths[_i].target, "dated") != 0)
		ck_assert_ptr_nonnull(strstr(sent, "api-key: sk-az\r\n"));
}
END_TEST

START_TEST(token)
{
	struct target *t = map_get(&f.conf->target_by_name, STR("token"));

	ck_assert_ptr_nonnull(t->cred);
	ck_assert(cred_wait(t->cred, 20000000));
	ck_assert_int_eq(build("token", "POST /v1/chat/completions", "g"), 0);
	ck_assert_ptr_nonnull(strstr(sent, "\r\nauthorization: Bearer entra-1\r\n"));
	ck_assert_ptr_null(strstr(sent, "api-key"));
}
END_TEST

/* What is native to which of the two, by endpoint. */
START_TEST(endpoints)
{
	static const struct {
		const char *path;
		bool classic, v1;
	} rows[] = {
		{ "/v1/chat/completions", true, true },
		{ "/v1/embeddings", true, true },
		{ "/v1/audio/speech", true, true },
		{ "/v1/responses", false, true },
		{ "/v1/files", false, true },
		{ "/v1/moderations", false, false },
		{ "/v1/messages", false, false },
	};
	const struct target *classic = map_get(&f.conf->target_by_name, STR("classic"));
	const struct target *v1 = map_get(&f.conf->target_by_name, STR("v1"));
	struct endpoint_match m;
	char buf[256];

	ck_assert_str_eq(classic->provider->name, "azure");
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		endpoint_match(str_z(rows[i].path), buf, &m);
		ck_assert_msg(provider_is_native(classic->provider, m.ep) == rows[i].classic, "%s",
			rows[i].path);
		ck_assert_msg(
			provider_is_native(v1->provider, m.ep) == rows[i].v1, "%s", rows[i].path);
	}
}
END_TEST

static const struct {
	const char *target, *why;
} refused[] = {
	{ "{ provider: azure }", "needs a base_url" },
	{ "{ provider: azure, base_url: https://r/openai/deployments/gpt }", "the model's name" },
	{ "{ provider: azure, base_url: https://r/openai/v1, api_version: 2024-10-21 }",
		"ends in /v1" },
	{ "{ provider: azure, base_url: https://r, api_version: \"2024?x=\" }", "a date such as" },
	{ "{ provider: azure, base_url: https://r, key: a, token_file: /b }", "more than one of" },
	{ "{ provider: azure, base_url: https://r, token_file: b }", "absolute path" },
	{ "{ provider: azure, base_url: http://10.1.1.1, token_command: b }",
		"the token of `t` would go to 10.1.1.1 unencrypted" },
	{ "{ provider: openai }", "needs a base_url" },
};

START_TEST(configurations)
{
	char text[512];
	struct conf_error err = { "" };
	struct tg_conf *c;

	snprintf(
		text, sizeof text, "listen: 127.0.0.1:0\ntargets: { t: %s }\n", refused[_i].target);
	c = fake_plan(f.resolver, text, 2, &err);
	ck_assert_ptr_null(c);
	ck_assert_msg(strstr(err.text, refused[_i].why) != NULL, "%s", err.text);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, path, 0, TG_ARRAY_LEN(paths));
	tcase_add_test(tc, token);
	tcase_add_test(tc, endpoints);
	tcase_add_loop_test(tc, configurations, 0, TG_ARRAY_LEN(refused));
}

UNIT_MAIN("azure", tests)
