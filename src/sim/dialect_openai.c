/*
 * dialect_openai.c: what all OpenAI endpoints share: response fields, the error shape, usage
 * objects.
 */
#include "sim/dialect.h"

void sim_put_id(struct sim_req *r, struct sim_buf *b, struct str prefix)
{
	sim_buf_add(b, prefix);
	sim_buf_hex16(b, r->id);
}

uint64_t sim_created(const struct sim_req *r)
{
	return (uint64_t)r->wall.us / 1000000;
}

static void openai_put_headers(struct sim_req *r, struct sim_buf *o)
{
	sim_buf_lit(o, "server: cloudflare\r\n"
		       "openai-organization: sim-org\r\n"
		       "openai-project: proj_sim\r\n"
		       "openai-processing-ms: 7\r\n"
		       "openai-version: 2020-10-01\r\n"
		       "x-ratelimit-limit-requests: 10000\r\n"
		       "x-ratelimit-limit-tokens: 2000000\r\n"
		       "x-ratelimit-remaining-requests: 9999\r\n"
		       "x-ratelimit-remaining-tokens: 1999950\r\n"
		       "x-ratelimit-reset-requests: 6ms\r\n"
		       "x-ratelimit-reset-tokens: 1ms\r\n"
		       "set-cookie: __cf_bm=sim; path=/; HttpOnly; Secure; SameSite=None\r\n"
		       "strict-transport-security: max-age=31536000; includeSubDomains\r\n"
		       "alt-svc: h3=\":443\"; ma=86400\r\n"
		       "cf-ray: sim-SIM\r\n"
		       "x-request-id: req_");
	sim_buf_hex16(o, r->id);
	sim_buf_lit(o, "\r\n");
}

static const struct {
	const char *type, *code; /* code NULL: null */
} openai_errors[] = {
	[SIM_E_BAD_REQUEST] = { "invalid_request_error", NULL },
	[SIM_E_UNAUTHORIZED] = { "invalid_request_error", "invalid_api_key" },
	[SIM_E_FORBIDDEN] = { "invalid_request_error", "permission_denied" },
	[SIM_E_NOT_FOUND] = { "invalid_request_error", "unknown_url" },
	[SIM_E_MODEL] = { "invalid_request_error", "model_not_found" },
	[SIM_E_TOO_LARGE] = { "invalid_request_error", "request_too_large" },
	[SIM_E_RATE] = { "requests", "rate_limit_exceeded" },
	[SIM_E_QUOTA] = { "insufficient_quota", "insufficient_quota" },
	[SIM_E_INTERNAL] = { "server_error", NULL },
	[SIM_E_OVERLOADED] = { "server_error", "server_is_overloaded" },
	[SIM_E_OTHER] = { "server_error", NULL },
};

void sim_openai_put_error(struct sim_req *r, struct sim_buf *b, int status, enum sim_error e,
	struct str message, struct str param)
{
	(void)r;
	(void)status;
	sim_buf_lit(b, "{\"error\":{\"message\":");
	sim_buf_quote(b, message);
	sim_buf_fmt(b, ",\"type\":\"%s\",\"param\":", openai_errors[e].type);
	if (param.n != 0)
		sim_buf_quote(b, param);
	else
		sim_buf_lit(b, "null");
	if (openai_errors[e].code != NULL)
		sim_buf_fmt(b, ",\"code\":\"%s\"}}\n", openai_errors[e].code);
	else
		sim_buf_lit(b, ",\"code\":null}}\n");
}

void sim_openai_put_stream_error(struct sim_req *r, struct sim_buf *b)
{
	if (r->route->serve == sim_openai_responses)
		sim_buf_fmt(b,
			"event: error\ndata: {\"type\":\"error\",\"sequence_number\":%llu,\"code\":"
			"\"server_error\",\"message\":\"Simulated failure in "
			"mid-stream\",\"param\":null}\n\n",
			(unsigned long long)r->n_events);
	else
		sim_buf_lit(b, "data: {\"error\":{\"message\":\"Simulated failure in "
			       "mid-stream\",\"type\":"
			       "\"server_error\",\"param\":null,\"code\":null}}\n\n");
}

const struct sim_dialect sim_openai = {
	.name = { "openai", 6 },
	.put_headers = openai_put_headers,
	.put_error = sim_openai_put_error,
	.put_stream_error = sim_openai_put_stream_error,
};

/* The terms as OpenAI nests them: cached and written tokens inside the input, reasoning inside the
 * output. */
struct terms {
	uint64_t in, out, cached, written, reasoning;
};

static struct terms terms_of(const struct sim_req *r)
{
	struct sim_usage u = sim_usage_shown(r);

	return (struct terms){ .in = u.input + u.cached_read + u.cache_write + u.cache_write_1h,
		.out = u.output + u.reasoning,
		.cached = u.cached_read,
		.written = u.cache_write + u.cache_write_1h,
		.reasoning = u.reasoning };
}

static void put_count(struct sim_buf *b, struct str before, uint64_t v)
{
	sim_buf_add(b, before);
	sim_buf_u64(b, v);
}

/* cache_write_tokens appears only where something was written: most models do not know it. */
static void put_cached(struct sim_buf *b, const struct terms *t)
{
	put_count(b, STR("{\"cached_tokens\":"), t->cached);
	if (t->written != 0)
		put_count(b, STR(",\"cache_write_tokens\":"), t->written);
}

static void put_chat_usage(struct sim_req *r, struct sim_buf *b, struct terms t)
{
	const struct sim_manner *m = &r->route->dialect->chat;
	uint64_t beside = m->reasoning_beside ? t.reasoning : 0;

	put_count(b, STR("{\"prompt_tokens\":"), t.in);
	put_count(b, STR(",\"completion_tokens\":"), t.out - beside);
	put_count(b, STR(",\"total_tokens\":"), t.in + t.out);
	if (m->hit_tokens) {
		put_count(b, STR(",\"prompt_cache_hit_tokens\":"), t.cached);
		put_count(b, STR(",\"prompt_cache_miss_tokens\":"), t.in - t.cached);
	}
	sim_buf_lit(b, ",\"prompt_tokens_details\":");
	put_cached(b, &t);
	sim_buf_lit(b, ",\"audio_tokens\":0}");
	put_count(b, STR(",\"completion_tokens_details\":{\"reasoning_tokens\":"), t.reasoning);
	sim_buf_lit(b, ",\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_"
		       "tokens\":0}");
	sim_put_cost(r, b);
	sim_buf_lit(b, "}");
}

void sim_openai_put_usage(struct sim_req *r, struct sim_buf *b)
{
	put_chat_usage(r, b, terms_of(r));
}

void sim_openai_put_usage_so_far(struct sim_req *r, struct sim_buf *b, uint64_t output)
{
	struct terms t = terms_of(r);

	t.out = TG_MIN(t.out, output);
	t.reasoning = TG_MIN(t.reasoning, t.out);
	put_chat_usage(r, b, t);
}

void sim_responses_put_usage(struct sim_req *r, struct sim_buf *b)
{
	struct terms t = terms_of(r);

	put_count(b, STR("{\"input_tokens\":"), t.in);
	sim_buf_lit(b, ",\"input_tokens_details\":");
	put_cached(b, &t);
	put_count(b, STR("},\"output_tokens\":"), t.out);
	put_count(b, STR(",\"output_tokens_details\":{\"reasoning_tokens\":"), t.reasoning);
	put_count(b, STR("},\"total_tokens\":"), t.in + t.out);
	sim_put_cost(r, b);
	sim_buf_lit(b, "}");
}
