/*
 * check_hosts.c: what is known of each host that speaks OpenAI's API, row by row: where it is and
 * what it has; and what its own examples of usage come to, whole and in streams, split anywhere.
 */
#include <stdio.h>

#include "core/config.h"
#include "core/endpoint.h"
#include "core/provider.h"
#include "core/translate.h"
#include "providers/meter.h"
#include "unit/unit.h"

enum { CHAT = 1, RESP = 2, COMP = 4, EMBED = 8, BILLS = 16, UNASKED = 32, BARE = 64, BACK = 128 };

static const struct host {
	const char *name, *base_url;
	unsigned is;
	int limit;
} hosts[] = {
	{ "mistral", "https://api.mistral.ai/v1", CHAT | EMBED | BILLS | UNASKED,
		OUTPUT_LIMIT_MAX_TOKENS },
	{ "groq", "https://api.groq.com/openai/v1", CHAT | RESP | EMBED | BILLS,
		OUTPUT_LIMIT_COMPLETION },
	{ "deepseek", "https://api.deepseek.com", CHAT | BACK, OUTPUT_LIMIT_MAX_TOKENS },
	{ "xai", "https://api.x.ai/v1", CHAT | RESP | EMBED, OUTPUT_LIMIT_COMPLETION },
	{ "together", "https://api.together.ai/v1", CHAT | COMP | EMBED, OUTPUT_LIMIT_MAX_TOKENS },
	{ "fireworks", "https://api.fireworks.ai/inference/v1", CHAT | RESP | COMP | EMBED | BACK,
		OUTPUT_LIMIT_MAX_TOKENS },
	{ "openrouter", "https://openrouter.ai/api/v1", CHAT | RESP | COMP | EMBED,
		OUTPUT_LIMIT_MAX_TOKENS },
	{ "perplexity", "https://api.perplexity.ai", CHAT | BILLS | BARE, OUTPUT_LIMIT_MAX_TOKENS },
	{ "ollama", "http://127.0.0.1:11434", CHAT | RESP | COMP | EMBED, OUTPUT_LIMIT_MAX_TOKENS },
	{ "vllm", "http://127.0.0.1:8000", CHAT | RESP | COMP | EMBED | BACK,
		OUTPUT_LIMIT_MAX_TOKENS },
	{ "sglang", "http://127.0.0.1:30000", CHAT | COMP | EMBED | BACK, OUTPUT_LIMIT_MAX_TOKENS },
	{ "llamacpp", "http://127.0.0.1:8080", CHAT | COMP | EMBED | BACK,
		OUTPUT_LIMIT_MAX_TOKENS },
	{ "deepinfra", "https://api.deepinfra.com/v1/openai", CHAT | COMP | EMBED | BARE,
		OUTPUT_LIMIT_MAX_TOKENS },
	{ "sambanova", "https://api.sambanova.ai/v1", CHAT | EMBED | BILLS,
		OUTPUT_LIMIT_MAX_TOKENS },
	{ "huggingface", "https://router.huggingface.co/v1", CHAT | BILLS,
		OUTPUT_LIMIT_MAX_TOKENS },
	{ "nebius", NULL, CHAT | COMP | EMBED | BILLS, OUTPUT_LIMIT_MAX_TOKENS },
	{ "compatible", NULL, CHAT | COMP | EMBED, OUTPUT_LIMIT_AUTO },
};

static const struct endpoint *endpoint(const char *path)
{
	static char buf[128];
	struct endpoint_match m;

	endpoint_match(str_z(path), buf, &m);
	ck_assert_ptr_nonnull(m.ep);
	return m.ep;
}

START_TEST(table)
{
	const struct host *h = &hosts[_i];
	const struct provider *p = provider_find(str_z(h->name));

	ck_assert_ptr_nonnull(p);
	if (h->base_url == NULL)
		ck_assert_ptr_null(p->base_url);
	else
		ck_assert_str_eq(p->base_url, h->base_url);
	ck_assert_int_eq(provider_is_native(p, endpoint("/v1/chat/completions")), h->is & CHAT);
	ck_assert_int_eq(provider_is_native(p, endpoint("/v1/responses")), (h->is & RESP) != 0);
	ck_assert_int_eq(provider_is_native(p, endpoint("/v1/completions")), (h->is & COMP) != 0);
	ck_assert_int_eq(provider_is_native(p, endpoint("/v1/embeddings")), (h->is & EMBED) != 0);
	ck_assert(!provider_is_native(p, endpoint("/v1/messages")));
	/* What it has not and what others speak is translated to what it has. */
	ck_assert(translate_serves(p, endpoint("/v1/messages")));
	ck_assert_int_eq(translate_serves(p, endpoint("/v1beta/models/x:embedContent")),
		(h->is & EMBED) != 0);
	ck_assert_int_eq(translate_serves(p, endpoint("/v1/embeddings")), (h->is & EMBED) != 0);
	ck_assert_int_eq(p->bills_cancelled, (h->is & BILLS) != 0);
	ck_assert_int_eq(p->no_include_usage, (h->is & UNASKED) != 0);
	ck_assert_int_eq(p->unversioned, (h->is & BARE) != 0);
	ck_assert_int_eq(p->thoughts_back, (h->is & BACK) != 0);
	ck_assert_int_eq(p->output_limit, h->limit);
	ck_assert_int_eq(p->shape, SHAPE_OPENAI);
}
END_TEST

/* Payment, capacity and failures are for another target; what the client did wrong is not. */
START_TEST(verdicts)
{
	static const struct {
		uint16_t status;
		enum verdict want;
	} rows[] = {
		{ 200, VERDICT_PASS },
		{ 400, VERDICT_PASS },
		{ 401, VERDICT_CREDENTIALS },
		{ 402, VERDICT_CREDENTIALS },
		{ 404, VERDICT_PASS },
		{ 422, VERDICT_PASS },
		{ 429, VERDICT_RETRY },
		{ 498, VERDICT_RETRY },
		{ 500, VERDICT_RETRY },
		{ 529, VERDICT_RETRY },
	};
	const struct provider *p = provider_find(STR("groq"));

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct http_head h = { .status = rows[i].status };

		ck_assert_msg(p->head(NULL, &h) == rows[i].want, "%u", rows[i].status);
	}
}
END_TEST

/* ---- usage */

#define D(json) "data: " json "\n\n"
#define DONE    "data: [DONE]\n\n"
#define TEXT(t) "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" t "\"}}]"
#define LAST    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]"
#define BODY    "\"choices\":[{\"index\":0,\"message\":{\"content\":\"a\"}}]"

static const struct usage_row {
	const char *what;
	bool stream;
	const char *text;
	uint64_t in, cached, out, reasoning, searches;
	pico_usd cost; /* -1: not told */
} usages[] = {
	{ "mistral: usage in the last content chunk, thinking as a list", true,
		D("{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":[{\"type\":"
		  "\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"h\"}]}]}}]}")
			D("{\"model\":\"m\"," LAST
			  ",\"usage\":{\"prompt_tokens\":13,\"completion_tokens\":20,"
			  "\"total_tokens\":33,\"prompt_tokens_details\":{\"cached_tokens\":4}}}")
				DONE,
		9, 4, 20, 0, 0, -1 },
	{ "mistral: cached tokens under other names", false,
		"{\"model\":\"m\"," BODY
		",\"usage\":{\"prompt_tokens\":13,\"completion_tokens\":2,\"total_tokens\":15,"
		"\"num_cached_tokens\":5,\"prompt_token_details\":{\"cached_tokens\":5}}}",
		8, 5, 2, 0, 0, -1 },
	{ "groq: usage twice counts once", true,
		D("{\"model\":\"g\"," TEXT("a") ",\"x_groq\":{\"id\":\"req_1\"}}") D(
			"{\"model\":\"g\"," LAST
			",\"x_groq\":{\"id\":\"req_1\",\"usage\":{\"prompt_tokens\":18,"
			"\"completion_tokens\":439,\"total_tokens\":457}},\"usage\":{"
			"\"queue_time\":0.06,\"prompt_tokens\":18,\"prompt_time\":0.002,"
			"\"completion_tokens\":439,\"total_tokens\":457,\"total_time\":0.9}}") DONE,
		18, 0, 439, 0, 0, -1 },
	{ "groq: and in a chunk of its own when asked for", true,
		D("{\"model\":\"g\"," LAST ",\"x_groq\":{\"usage\":{\"prompt_tokens\":18,"
		  "\"completion_tokens\":9}},\"usage\":"
		  "{\"prompt_tokens\":18,\"completion_tokens\":9,\"total_tokens\":27}}")
			D("{\"model\":\"g\",\"choices\":[],\"usage\":{\"prompt_tokens\":18,"
			  "\"completion_tokens\":9,\"total_tokens\":27}}") DONE,
		18, 0, 9, 0, 0, -1 },
	{ "deepseek: hits and misses, comments before, null before the end", true,
		": keep-alive\n\n: keep-alive\n\n" D(
			"{\"model\":\"d\"," TEXT("a") ",\"usage\":null}")
			D("{\"model\":\"d\"," LAST
			  ",\"usage\":{\"prompt_tokens\":300,\"completion_tokens\":40,"
			  "\"total_tokens\":340,\"prompt_tokens_details\":{\"cached_tokens\":256},"
			  "\"completion_tokens_details\":{\"reasoning_tokens\":30},"
			  "\"prompt_cache_hit_tokens\":256,\"prompt_cache_miss_tokens\":44}}") DONE,
		44, 256, 10, 30, 0, -1 },
	{ "deepseek: blank lines in front, hits alone", false,
		"\n\n\n\n{\"model\":\"d\"," BODY
		",\"usage\":{\"prompt_tokens\":300,\"completion_tokens\":40,\"total_tokens\":340,"
		"\"prompt_cache_hit_tokens\":256,\"prompt_cache_miss_tokens\":44}}",
		44, 256, 40, 0, 0, -1 },
	/* 1 tick = 1e-10 USD */
	{ "xai: reasoning beside the completion, the cost in ticks", true,
		D("{\"model\":\"x\"," TEXT("a") "}")
			D("{\"model\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,"
			  "\"completion_tokens\":2,\"total_tokens\":241,\"prompt_tokens_details\":"
			  "{\"text_tokens\":12,\"cached_tokens\":3},\"completion_tokens_details\":"
			  "{\"reasoning_tokens\":227,\"audio_tokens\":0},\"num_sources_used\":0,"
			  "\"cost_in_usd_ticks\":1177000}}") DONE,
		9, 3, 2, 227, 0, 117700000 },
	{ "xai: more cached than prompt", false,
		"{\"model\":\"x\"," BODY
		",\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2,\"total_tokens\":14,"
		"\"prompt_tokens_details\":{\"cached_tokens\":100}}}",
		12, 100, 2, 0, 0, -1 },
	{ "openrouter: its cost, and comments while it works", true,
		": OPENROUTER PROCESSING\n\n" D("{\"model\":\"o\"," TEXT("a") "}")
			D("{\"model\":\"o\"," LAST
			  ",\"usage\":{\"prompt_tokens\":14,\"completion_tokens\":163,"
			  "\"total_tokens\":177,\"cost\":0.0002295,\"is_byok\":false,"
			  "\"prompt_tokens_details\":{\"cached_tokens\":0},\"cost_details\":"
			  "{\"upstream_inference_cost\":null},\"completion_tokens_details\":"
			  "{\"reasoning_tokens\":60}}}") DONE,
		14, 0, 103, 60, 0, 229500000 },
	{ "openrouter: with a key of one's own the upstream cost comes on top", false,
		"{\"model\":\"o\"," BODY
		",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2,"
		"\"cost\":0.00001,\"is_byok\":true,\"cost_details\":"
		"{\"upstream_inference_cost\":0.0002}}}",
		1, 0, 1, 0, 0, 210000000 },
	{ "perplexity: usage in every chunk is so far, and it ends without [DONE]", true,
		D("{\"model\":\"p\",\"object\":\"chat.completion.chunk\"," TEXT(
			"a") ",\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":1,\"total_"
			     "tokens\":9}"
			     "}")
			D("{\"model\":\"p\",\"object\":\"chat.completion.chunk\"," TEXT(
				"b") ",\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":2,"
				     "\"total_tokens\":10}}")
				D("{\"model\":\"p\",\"object\":\"chat.completion.done\"," LAST
				  ",\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":3,"
				  "\"total_tokens\":11,\"search_context_size\":\"low\",\"cost\":{"
				  "\"input_tokens_cost\":0.00001,\"request_cost\":0.005,"
				  "\"total_cost\":0.00502}}}"),
		8, 0, 3, 0, 1, 5020000000 },
	{ "together: nothing but the three figures, and eos", true,
		D("{\"model\":\"t\"," TEXT("a") "}")
			D("{\"model\":\"t\",\"choices\":[{\"index\":0,\"delta\":{},"
			  "\"finish_reason\":\"eos\"}],\"usage\":{\"prompt_tokens\":5,"
			  "\"completion_tokens\":6,\"total_tokens\":11}}") DONE,
		5, 0, 6, 0, 0, -1 },
	{ "fireworks: by default, metrics beside", false,
		"{\"model\":\"f\"," BODY
		",\"usage\":{\"prompt_tokens\":50,\"completion_tokens\":6,\"total_tokens\":56,"
		"\"prompt_tokens_details\":{\"cached_tokens\":32}},\"perf_metrics\":{\"x\":\"1\"}}",
		18, 32, 6, 0, 0, -1 },
	{ "vllm: continuous usage", true,
		D("{\"model\":\"v\"," TEXT("a") ",\"usage\":{\"prompt_tokens\":5,\"completion_"
						"tokens\":1,\"total_tokens\":6}"
						"}")
			D("{\"model\":\"v\"," TEXT(
				"b") ",\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,"
				     "\"total_tokens\":7,\"prompt_tokens_details\":null}}")
				D("{\"model\":\"v\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,"
				  "\"completion_tokens\":2,\"total_tokens\":7}}") DONE,
		5, 0, 2, 0, 0, -1 },
	{ "azure: a first chunk without choices, id and model", true,
		D("{\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\","
		  "\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":{}}]}")
			D("{\"model\":\"gpt-4o-2024-08-06\"," TEXT("a") ",\"usage\":null}")
				D("{\"model\":\"gpt-4o-2024-08-06\",\"choices\":[],\"usage\":"
				  "{\"prompt_tokens\":15,\"completion_tokens\":2,\"total_tokens\":"
				  "17}}") DONE,
		15, 0, 2, 0, 0, -1 },
};

static void check(const struct usage_row *u, const struct meter *m)
{
	ck_assert_msg(m->usage.source == USAGE_PROVIDER && m->terminal, "%s", u->what);
	ck_assert_msg(m->usage.n[USAGE_IN] == u->in, "%s: in %llu", u->what,
		(unsigned long long)m->usage.n[USAGE_IN]);
	ck_assert_msg(m->usage.n[USAGE_IN_CACHE_READ] == u->cached, "%s: cached", u->what);
	ck_assert_msg(m->usage.n[USAGE_OUT] == u->out, "%s: out %llu", u->what,
		(unsigned long long)m->usage.n[USAGE_OUT]);
	ck_assert_msg(m->usage.n[USAGE_OUT_REASONING] == u->reasoning, "%s: reasoning", u->what);
	ck_assert_msg(m->usage.n[USAGE_WEB_SEARCHES] == u->searches, "%s: searches", u->what);
	ck_assert_msg(m->has_reported == (u->cost >= 0), "%s: told a cost", u->what);
	if (u->cost >= 0)
		ck_assert_msg(
			m->reported == u->cost, "%s: cost %lld", u->what, (long long)m->reported);
	ck_assert_msg(m->model.n > 0 && !m->error_event, "%s", u->what);
}

static void split(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	const struct usage_row *u = arg;
	static char buf[METER_BUF_BYTES];
	struct meter m;

	meter_init(&m, METER_OPENAI_CHAT, u->stream, buf, sizeof buf);
	meter_feed(&m, str_mk(a, an));
	meter_feed(&m, str_mk(b, bn));
	meter_finish(&m);
	check(u, &m);
}

START_TEST(usage)
{
	unit_split(usages[_i].text, strlen(usages[_i].text), split, (void *)(uintptr_t)&usages[_i]);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, table, 0, TG_ARRAY_LEN(hosts));
	tcase_add_test(tc, verdicts);
	tcase_add_loop_test(tc, usage, 0, TG_ARRAY_LEN(usages));
}

UNIT_MAIN("hosts", tests)
