/*
 * dialect_hosts.c: hosts that copy OpenAI's chat, with what each does otherwise (struct sim_manner)
 * and its errors. Each is on paths that begin with its name, so that a base URL chooses it.
 */
#include "sim/dialect.h"

static void host_put_headers(struct sim_req *r, struct sim_buf *o)
{
	sim_buf_lit(o, "server: cloudflare\r\nx-request-id: ");
	sim_buf_hex16(o, r->id);
	sim_buf_lit(o, "\r\n");
}

/* Requests a day and tokens a minute, with durations as Go writes them. */
static void groq_put_headers(struct sim_req *r, struct sim_buf *o)
{
	host_put_headers(r, o);
	sim_buf_lit(o,
		"x-ratelimit-limit-requests: 14400\r\nx-ratelimit-limit-tokens: 6000\r\n"
		"x-ratelimit-remaining-requests: 14370\r\n"
		"x-ratelimit-remaining-tokens: 5997\r\n"
		"x-ratelimit-reset-requests: 2m59.56s\r\nx-ratelimit-reset-tokens: 30ms\r\n");
}

/* Flat; what does not fit its schema is a list of places. */
static void mistral_put_error(struct sim_req *r, struct sim_buf *b, int status, enum sim_error e,
	struct str message, struct str param)
{
	(void)r;
	if (status == 422) {
		sim_buf_lit(b, "{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\",");
		sim_buf_quote(b, param);
		sim_buf_lit(b, "],\"msg\":");
		sim_buf_quote(b, message);
		sim_buf_lit(b, "}]}\n");
		return;
	}
	sim_buf_lit(b, "{\"object\":\"error\",\"message\":");
	sim_buf_quote(b, message);
	sim_buf_fmt(b, ",\"type\":\"%s\",\"param\":null,\"code\":\"%d\"}\n",
		e == SIM_E_MODEL ? "invalid_model" : "invalid_request", status);
}

/* Text where others have an object. */
static void xai_put_error(struct sim_req *r, struct sim_buf *b, int status, enum sim_error e,
	struct str message, struct str param)
{
	(void)r;
	(void)e;
	(void)param;
	sim_buf_fmt(b, "{\"code\":\"Status %d\",\"error\":", status);
	sim_buf_quote(b, message);
	sim_buf_lit(b, "}\n");
}

static void openrouter_put_error(struct sim_req *r, struct sim_buf *b, int status, enum sim_error e,
	struct str message, struct str param)
{
	(void)r;
	(void)e;
	(void)param;
	sim_buf_lit(b, "{\"error\":{\"message\":");
	sim_buf_quote(b, message);
	sim_buf_fmt(b,
		",\"code\":%d,\"metadata\":{\"provider_name\":\"sim\"}},\"user_id\":\"u\"}\n",
		status);
}

#define HOST(host, error, headers, ...)                          \
	const struct sim_dialect sim_##host = {                  \
		.name = { #host, sizeof #host - 1 },             \
		.chat = { __VA_ARGS__ },                         \
		.put_headers = (headers),                        \
		.put_error = (error),                            \
		.put_stream_error = sim_openai_put_stream_error, \
	}

HOST(mistral, mistral_put_error, host_put_headers, .usage = SIM_USAGE_LAST,
	.refuses_options = true);
HOST(groq, sim_openai_put_error, groq_put_headers, .usage = SIM_USAGE_LAST, .usage_twice = true);
HOST(deepseek, sim_openai_put_error, host_put_headers, .usage = SIM_USAGE_LAST, .waits_aloud = true,
	.hit_tokens = true);
HOST(xai, xai_put_error, host_put_headers, .reasoning_beside = true);
HOST(together, sim_openai_put_error, host_put_headers, .usage = SIM_USAGE_LAST, .stop = "eos");
HOST(openrouter, openrouter_put_error, host_put_headers, .usage = SIM_USAGE_LAST,
	.waits_aloud = true);
HOST(perplexity, sim_openai_put_error, host_put_headers, .usage = SIM_USAGE_EVERY,
	.done_chunk = true);
