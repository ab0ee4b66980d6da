/*
 * check_clamp.c: the limit on an answer's tokens, from the configuration into the body: whose it
 * is, which members are replaced, by what name one is put in, and what the bound says afterwards.
 * The body is composed by attempt_build, as in life.
 */
#include "unit/core/fake.h"

#include "core/attempt.h"
#include "core/attempt_build.h"

#include "mod_classify.c"

static struct fake f;

/* The model `small` can write 50 tokens; nothing is known of `up`. */
static const char yaml[] =
	"listen: 127.0.0.1:0\n"
	"targets:\n"
	"  o: { provider: openai, base_url: http://127.0.0.1:9 }\n"
	"  vendor: { provider: openai, base_url: http://127.0.0.1:9 }\n"
	"  azure: { provider: openai, base_url: http://127.0.0.1:9 }\n"
	"  old: { provider: openai, base_url: http://127.0.0.1:9, output_limit: max_tokens }\n"
	"  new: { provider: openai, base_url: http://127.0.0.1:9, output_limit: "
	"max_completion_tokens }\n"
	"  a: { provider: anthropic, base_url: http://127.0.0.1:9 }\n"
	"  g: { provider: gemini, base_url: http://127.0.0.1:9 }\n"
	"models:\n"
	"  m: { targets: { target: o, model: up } }\n"
	"  small: { targets: { target: o, model: small } }\n"
	"  think: { targets: { target: o, model: o3-mini } }\n"
	"  think5: { targets: { target: o, model: openai/gpt-5.1 } }\n"
	"  opus: { targets: { target: o, model: opus } }\n"
	"  vendor: { targets: { target: vendor, model: up } }\n"
	"  azure: { targets: { target: azure, model: up } }\n"
	"  old: { targets: { target: old, model: gpt-5 } }\n"
	"  new: { targets: { target: new, model: up } }\n"
	"  claude: { targets: { target: a, model: up } }\n"
	"  gem: { targets: { target: g, model: up } }\n"
	"price_overrides: [ { provider: openai, model: small, max_output: 50, per_mtok: { input: "
	"1, "
	"output: 1 } } ]\n"
	"tiers: { t: { max_tokens: 300, max_cost: 3 usd } }\n"
	"tenants:\n"
	"  me: { tier: t, max_tokens: 100, max_cost: 5 usd, keys: [ { id: k, sha256: " FAKE_KEY_SHA
	", max_tokens: 200, max_cost: 4 usd } ] }\n"
	"  free: { keys: [ { id: f, sha256: "
	"0000000000000000000000000000000000000000000000000000000000000000 } ] }\n";

static void named(const char *target, struct str host)
{
	struct target *t = map_get(&f.conf->target_by_name, str_z(target));

	ck_assert_ptr_nonnull(t);
	t->url.host = host;
}

/* Nobody is asked for the vendors' addresses. */
static void setup(void)
{
	fake_init(&f, yaml);
	named("vendor", STR("api.openai.com"));
	named("azure", STR("x.openai.azure.com"));
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

/* The body as it goes to the first route's target, in a leg of its own. */
static const char *sent_body(struct req *r)
{
	static char out[1 << 14];
	struct attempt a = { .req = r };
	size_t n = 0;

	r->route = &r->model->route[0];
	leg_begin(r);
	a.route = r->route;
	a.target = r->route->target;
	a.provider = a.target->provider;
	ck_assert_int_eq(attempt_build(&a), 0);
	for (int i = 1; i < a.iov_n; i++) {
		memcpy(out + n, a.iov[i].iov_base, a.iov[i].iov_len);
		n += a.iov[i].iov_len;
	}
	out[n] = '\0';
	return out;
}

#define CHAT      "/v1/chat/completions"
#define RESPONSES "/v1/responses"
#define TEXT      "/v1/completions"
#define CLAUDE    "/v1/messages"
#define GEMINI    "/v1beta/models/gem:generateContent"
#define OPT       "\"stream_options\":{\"include_usage\":true}"

static const struct {
	const char *path, *body, *sent;
	uint64_t clamped;
} rows[] = {
	/* within the limit nothing is touched */
	{ CHAT, "{\"model\":\"m\",\"max_tokens\":100}", "{\"model\":\"up\",\"max_tokens\":100}",
		0 },
	{ CHAT, "{\"model\":\"m\",\"max_tokens\": 0}", "{\"model\":\"up\",\"max_tokens\": 0}", 0 },
	{ CHAT, "{\"max_completion_tokens\":1,\"model\":\"m\"}",
		"{\"max_completion_tokens\":1,\"model\":\"up\"}", 0 },
	{ RESPONSES, "{\"model\":\"m\",\"max_output_tokens\":99}",
		"{\"model\":\"up\",\"max_output_tokens\":99}", 0 },
	/* beyond it, the value is */
	{ CHAT, "{\"model\":\"m\",\"max_tokens\": 101 }", "{\"model\":\"up\",\"max_tokens\": 100 }",
		100 },
	{ CHAT, "{\"max_t\\u006fkens\":18446744073709551616,\"model\":\"m\"}",
		"{\"max_t\\u006fkens\":100,\"model\":\"up\"}", 100 },
	{ CHAT, "{\"max_tokens\":500,\"max_completion_tokens\":600,\"model\":\"m\"}",
		"{\"max_tokens\":100,\"max_completion_tokens\":100,\"model\":\"up\"}", 100 },
	{ CHAT, "{\"max_tokens\":50,\"max_completion_tokens\":600,\"model\":\"m\"}",
		"{\"max_tokens\":50,\"max_completion_tokens\":100,\"model\":\"up\"}", 100 },
	{ TEXT, "{\"model\":\"m\",\"max_tokens\":101}", "{\"model\":\"up\",\"max_tokens\":100}",
		100 },
	{ RESPONSES, "{\"model\":\"m\",\"max_output_tokens\":101}",
		"{\"model\":\"up\",\"max_output_tokens\":100}", 100 },
	{ CLAUDE, "{\"model\":\"claude\",\"max_tokens\":101}",
		"{\"model\":\"up\",\"max_tokens\":100}", 100 },
	/* what is no plain number may be a large one to a lenient server */
	{ CHAT, "{\"model\":\"m\",\"max_tokens\":1e9}", "{\"model\":\"up\",\"max_tokens\":100}",
		100 },
	{ CHAT, "{\"model\":\"m\",\"max_tokens\":-1}", "{\"model\":\"up\",\"max_tokens\":100}",
		100 },
	{ CHAT, "{\"model\":\"m\",\"max_tokens\":5.5}", "{\"model\":\"up\",\"max_tokens\":100}",
		100 },
	{ CHAT, "{\"model\":\"m\",\"max_tokens\":\"9999\"}",
		"{\"model\":\"up\",\"max_tokens\":100}", 100 },
	{ CHAT, "{\"model\":\"m\",\"max_tokens\":null}", "{\"model\":\"up\",\"max_tokens\":100}",
		100 },
	{ CHAT, "{\"model\":\"m\",\"max_tokens\":{\"x\":[1]}}",
		"{\"model\":\"up\",\"max_tokens\":100}", 100 },
	/* none: one is put in, by the name that this API and this target have for it */
	{ CHAT, "{\"model\":\"m\"}", "{\"max_tokens\":100,\"model\":\"up\"}", 100 },
	{ CHAT, "{\"model\":\"old\"}", "{\"max_tokens\":100,\"model\":\"gpt-5\"}", 100 },
	{ CHAT, "{\"model\":\"new\"}", "{\"max_completion_tokens\":100,\"model\":\"up\"}", 100 },
	{ CHAT, "{\"model\":\"vendor\"}", "{\"max_completion_tokens\":100,\"model\":\"up\"}", 100 },
	{ CHAT, "{\"model\":\"azure\"}", "{\"max_completion_tokens\":100,\"model\":\"up\"}", 100 },
	{ CHAT, "{\"model\":\"think\"}", "{\"max_completion_tokens\":100,\"model\":\"o3-mini\"}",
		100 },
	{ CHAT, "{\"model\":\"think5\"}",
		"{\"max_completion_tokens\":100,\"model\":\"openai/gpt-5.1\"}", 100 },
	{ CHAT, "{\"model\":\"opus\"}", "{\"max_tokens\":100,\"model\":\"opus\"}", 100 },
	{ TEXT, "{\"model\":\"vendor\"}", "{\"max_tokens\":100,\"model\":\"up\"}", 100 },
	{ RESPONSES, "{\"model\":\"vendor\"}", "{\"max_output_tokens\":100,\"model\":\"up\"}",
		100 },
	{ CLAUDE, "{\"model\":\"claude\"}", "{\"max_tokens\":100,\"model\":\"up\"}", 100 },
	/* beside the other edits at that place */
	{ CHAT, "{\"model\":\"m\",\"stream\":true}",
		"{\"max_tokens\":100," OPT ",\"model\":\"up\",\"stream\":true}", 100 },
	{ "/openai/deployments/m/chat/completions", "{}", "{\"max_tokens\":100,\"model\":\"up\"}",
		100 },
	{ "/openai/deployments/m/chat/completions", "{\"max_tokens\":7}",
		"{\"model\":\"up\",\"max_tokens\":7}", 0 },
	/* another API's member limits nothing */
	{ CHAT, "{\"max_output_tokens\":5,\"model\":\"m\"}",
		"{\"max_tokens\":100,\"max_output_tokens\":5,\"model\":\"up\"}", 100 },
	{ RESPONSES, "{\"max_tokens\":5,\"model\":\"m\"}",
		"{\"max_output_tokens\":100,\"max_tokens\":5,\"model\":\"up\"}", 100 },
	/* inside something else it is none */
	{ CHAT, "{\"x\":{\"max_tokens\":5},\"model\":\"m\"}",
		"{\"max_tokens\":100,\"x\":{\"max_tokens\":5},\"model\":\"up\"}", 100 },
	/* never more than the model can write */
	{ CHAT, "{\"model\":\"small\"}", "{\"max_tokens\":50,\"model\":\"small\"}", 50 },
	{ CHAT, "{\"model\":\"small\",\"max_tokens\":1000}",
		"{\"model\":\"small\",\"max_tokens\":50}", 50 },
	/* Gemini's stands in an object of its own, in either spelling */
	{ GEMINI, "{\"generationConfig\":{\"maxOutputTokens\":100}}",
		"{\"generationConfig\":{\"maxOutputTokens\":100}}", 0 },
	{ GEMINI, "{\"generationConfig\":{\"maxOutputTokens\":101,\"topK\":1}}",
		"{\"generationConfig\":{\"maxOutputTokens\":100,\"topK\":1}}", 100 },
	{ GEMINI, "{\"generation_config\":{\"max_output_tokens\":\"101\",\"maxOutputTokens\":200}}",
		"{\"generation_config\":{\"max_output_tokens\":100,\"maxOutputTokens\":100}}",
		100 },
	{ GEMINI, "{\"generationConfig\":{\"topK\":1}}",
		"{\"generationConfig\":{\"maxOutputTokens\":100,\"topK\":1}}", 100 },
	{ GEMINI, "{\"generationConfig\":{}}", "{\"generationConfig\":{\"maxOutputTokens\":100}}",
		100 },
	{ GEMINI, "{\"generationConfig\":null}", "{\"generationConfig\":{\"maxOutputTokens\":100}}",
		100 },
	{ GEMINI, "{\"contents\":[]}",
		"{\"generationConfig\":{\"maxOutputTokens\":100},\"contents\":[]}", 100 },
	{ GEMINI, "{\"generationConfig\":{},\"generation_config\":{\"maxOutputTokens\":500}}",
		"{\"generationConfig\":{\"maxOutputTokens\":100},\"generation_config\":{"
		"\"maxOutputTokens\":100}}",
		100 },
	{ GEMINI, "{\"max_tokens\":5}",
		"{\"generationConfig\":{\"maxOutputTokens\":100},\"max_tokens\":5}", 100 },
	/* no text comes back */
	{ "/v1/embeddings", "{\"model\":\"m\",\"input\":\"x\"}",
		"{\"model\":\"up\",\"input\":\"x\"}", 0 },
	{ "/v1/images/generations", "{\"model\":\"m\",\"prompt\":\"x\"}",
		"{\"model\":\"up\",\"prompt\":\"x\"}", 0 },
	{ "/v1/audio/speech", "{\"model\":\"m\",\"input\":\"x\"}",
		"{\"model\":\"up\",\"input\":\"x\"}", 0 },
};

START_TEST(edited)
{
	struct req *r = request(rows[_i].path, rows[_i].body);
	uint64_t most = rows[_i].clamped;

	ck_assert_int_eq(classify(r), STEP_NEXT);
	ck_assert_str_eq(sent_body(r), rows[_i].sent);
	ck_assert_uint_eq(r->clamp.sent, most);
	if (most > 0)
		ck_assert_uint_eq(r->leg.bound.n[USAGE_OUT], most);
	ck_assert_str_eq(sent_body(r), rows[_i].sent); /* and so in another leg */
	fake_drop(&f);
}
END_TEST

/* A fallback's own figures and words, from the same body. */
START_TEST(another_target)
{
	struct req *r = request(CHAT, "{\"model\":\"m\"}");

	ck_assert_int_eq(classify(r), STEP_NEXT);
	ck_assert_str_eq(sent_body(r), "{\"max_tokens\":100,\"model\":\"up\"}");
	r->model = plan_find_model(f.conf, STR("small"));
	ck_assert_str_eq(sent_body(r), "{\"max_tokens\":50,\"model\":\"small\"}");
	r->model = plan_find_model(f.conf, STR("new"));
	ck_assert_str_eq(sent_body(r), "{\"max_completion_tokens\":100,\"model\":\"up\"}");
	fake_drop(&f);
}
END_TEST

START_TEST(without_a_limit)
{
	struct req *r = request(CHAT, "{\"model\":\"m\"}");

	r->key = NULL;
	for (size_t i = 0; i < f.conf->key_cap; i++)
		if (f.conf->key_slots[i] != NULL && f.conf->key_slots[i]->id.p[0] == 'f')
			r->key = f.conf->key_slots[i];
	ck_assert_ptr_nonnull(r->key);
	ck_assert_uint_eq(r->key->max_tokens, 0);
	ck_assert_int_eq(r->key->ceiling.whose, CEILING_NONE);
	ck_assert_int_eq(classify(r), STEP_NEXT);
	ck_assert_str_eq(sent_body(r), "{\"model\":\"up\"}");
	ck_assert_uint_eq(r->leg.bound.n[USAGE_OUT], BOUND_OUTPUT_TOKENS);
	fake_drop(&f);
}
END_TEST

START_TEST(the_least_counts)
{
	const struct key *k = plan_find_key(f.conf, STR(FAKE_KEY));

	ck_assert_uint_eq(k->max_tokens, 100);            /* the tenant's */
	ck_assert_int_eq(k->ceiling.whose, CEILING_TIER); /* 3 usd */
	ck_assert_int_eq(k->ceiling.pico, 3 * PICO_PER_USD);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, edited, 0, TG_ARRAY_LEN(rows));
	tcase_add_test(tc, another_target);
	tcase_add_test(tc, without_a_limit);
	tcase_add_test(tc, the_least_counts);
}

UNIT_MAIN("clamp", tests)
