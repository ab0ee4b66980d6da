/*
 * dialect_gemini_misc.c: what Google's answers share (fields, errors), embeddings, models, and the
 * token endpoint that service accounts ask.
 */
#include "base/num.h"
#include "sim/dialect_gemini.h"
#include "sim/sim_text.h"

#define EMBED_DIMS     768
#define EMBED_MAX_DIMS 3072

static void gemini_put_headers(struct sim_req *r, struct sim_buf *o)
{
	(void)r;
	sim_buf_lit(o, "vary: Origin\r\nvary: X-Origin\r\nvary: Referer\r\n"
		       "server: scaffolding on HTTPServer2\r\nx-xss-protection: 0\r\n"
		       "x-frame-options: SAMEORIGIN\r\nx-content-type-options: nosniff\r\n"
		       "server-timing: gfet4t7; dur=7\r\n"
		       "alt-svc: h3=\":443\"; ma=2592000\r\n");
}

static const char *status_word(int status)
{
	switch (status) {
	case 401: return "UNAUTHENTICATED";
	case 403: return "PERMISSION_DENIED";
	case 404: return "NOT_FOUND";
	case 409: return "ABORTED";
	case 429: return "RESOURCE_EXHAUSTED";
	case 499: return "CANCELLED";
	case 503: return "UNAVAILABLE";
	case 504: return "DEADLINE_EXCEEDED";
	default: return status < 500 ? "INVALID_ARGUMENT" : "INTERNAL";
	}
}

/* Which quota was hit, and when to come back: Google says it here and in no field. */
static void put_quota(struct sim_req *r, struct sim_buf *b, enum sim_error e)
{
	int64_t s = r->knobs.retry_after_s == SIM_RETRY_DEFAULT ? 1 : r->knobs.retry_after_s;

	sim_buf_fmt(b,
		",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\","
		"\"violations\":[{\"quotaId\":\"GenerateRequestsPer%sPerProjectPerModel\"}]}",
		e == SIM_E_QUOTA ? "Day" : "Minute");
	if (s >= 0)
		sim_buf_fmt(b,
			",{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
			"\"retryDelay\":\"%llds\"}",
			(long long)s);
	sim_buf_lit(b, "]");
}

static void put_error_object(
	struct sim_req *r, struct sim_buf *b, int status, enum sim_error e, struct str message)
{
	sim_buf_fmt(b, "{\"error\":{\"code\":%d,\"message\":", status);
	sim_buf_quote(b, message);
	sim_buf_fmt(b, ",\"status\":\"%s\"", status_word(status));
	if (status == 429)
		put_quota(r, b, e);
	sim_buf_lit(b, "}}");
}

static void gemini_put_error(struct sim_req *r, struct sim_buf *b, int status, enum sim_error e,
	struct str message, struct str param)
{
	bool array = sim_gemini_is_array(r);

	(void)param;
	if (e == SIM_E_QUOTA || e == SIM_E_RATE)
		message = STR("You exceeded your current quota, please check your plan.");
	else if (e == SIM_E_UNAUTHORIZED)
		message = STR("API key not valid. Please pass a valid API key.");
	if (array)
		sim_buf_lit(b, "[");
	put_error_object(r, b, status, e, message);
	sim_buf_add(b, array ? STR("]\n") : STR("\n"));
}

static void gemini_put_stream_error(struct sim_req *r, struct sim_buf *b)
{
	bool array = sim_gemini_is_array(r);

	sim_buf_add(b, !array ? STR("data: ") : r->step == 0 ? STR("[") : STR(",\r\n"));
	put_error_object(r, b, 503, SIM_E_OVERLOADED, STR("Simulated failure in mid-stream"));
	sim_buf_add(b, array ? STR("]") : STR("\r\n\r\n"));
}

const struct sim_dialect sim_gemini = {
	.name = { "gemini", 6 },
	.retry_in_body = true,
	.put_headers = gemini_put_headers,
	.put_error = gemini_put_error,
	.put_stream_error = gemini_put_stream_error,
};

/* ---- embeddings */

static void put_values(struct sim_buf *b, uint64_t seed, unsigned dims)
{
	sim_buf_lit(b, "{\"values\":[");
	for (unsigned i = 0; i < dims; i++) {
		char *o = sim_buf_room(b, 24);
		size_t n = 0;

		if (i != 0)
			o[n++] = ',';
		b->n += n + num_put_decimal(o + n, sim_embed_micro(seed, i, dims), 6);
	}
	sim_buf_lit(b, "]}");
}

/* One EmbedContentRequest; 0, or -1 after answering. */
static int embed_one(struct sim_req *r, const struct json_val *request)
{
	struct json_watch w[] = { { STR("content"), { 0 } },
		{ STR("outputDimensionality"), { 0 } } };
	struct sim_prompt one = { 0 };
	struct json_fail fail;
	uint64_t dims;

	if (request->type == JSON_OBJECT)
		(void)!json_scan_member(request, w, TG_ARRAY_LEN(w), &fail);
	dims = sim_count(&w[1].val, EMBED_DIMS);
	if (w[0].val.type != JSON_OBJECT || dims == 0 || dims > EMBED_MAX_DIMS) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST,
			STR("content or outputDimensionality is not valid."), STR_NONE);
		return -1;
	}
	sim_gemini_walk_text(&one, &w[0].val);
	r->usage.input += sim_tokens_of(one.bytes);
	put_values(&r->json, sim_hash(one.hash, r->model), (unsigned)dims);
	return 0;
}

static void embed_end(struct sim_req *r)
{
	if (!sim_usage_hidden(r)) {
		sim_buf_lit(&r->json, ",\"usageMetadata\":{\"promptTokenCount\":");
		sim_buf_u64(&r->json, sim_usage_shown(r).input);
		sim_buf_lit(&r->json, "}");
	}
	sim_buf_lit(&r->json, "}\n");
	sim_answer_json(r, 200, true);
}

void sim_gemini_embed(struct sim_req *r)
{
	struct json_val whole = { .type = JSON_OBJECT, .raw = sim_buf_str(&r->body) };

	if (sim_body_scan(r, NULL, 0) != 0 || sim_take_model_text(r, r->path_arg) != 0)
		return;
	r->input_only = true;
	sim_buf_lit(&r->json, "{\"embedding\":");
	if (embed_one(r, &whole) == 0)
		embed_end(r);
}

void sim_gemini_embed_batch(struct sim_req *r)
{
	struct json_watch w = { STR("requests"), { 0 } };
	struct json_iter it = { 0 };
	struct json_val one;
	bool comma = false;

	if (sim_body_scan(r, &w, 1) != 0 || sim_take_model_text(r, r->path_arg) != 0)
		return;
	if (w.val.type != JSON_ARRAY) {
		sim_answer_error(
			r, 400, SIM_E_BAD_REQUEST, STR("requests is not specified"), STR_NONE);
		return;
	}
	r->input_only = true;
	sim_buf_lit(&r->json, "{\"embeddings\":[");
	while (json_array_next(&w.val, &it, &one)) {
		if (comma)
			sim_buf_lit(&r->json, ",");
		comma = true;
		if (embed_one(r, &one) != 0)
			return;
	}
	sim_buf_lit(&r->json, "]");
	embed_end(r);
}

/* ---- models */

const char *const sim_gemini_model_ids[] = { "gemini-3-pro-preview", "gemini-2.5-pro",
	"gemini-2.5-flash", NULL };

static void put_model(struct sim_buf *b, struct str id)
{
	sim_buf_fmt(b,
		"{\"name\":\"models/%.*s\",\"version\":\"001\",\"displayName\":\"%.*s\","
		"\"inputTokenLimit\":1048576,\"outputTokenLimit\":65536,"
		"\"supportedGenerationMethods\":[\"generateContent\",\"countTokens\"]}",
		STR_FMT(id), STR_FMT(id));
}

void sim_gemini_models(struct sim_req *r)
{
	sim_buf_lit(&r->json, "{\"models\":[");
	for (size_t i = 0; sim_gemini_model_ids[i] != NULL; i++) {
		if (i != 0)
			sim_buf_lit(&r->json, ",");
		put_model(&r->json, str_z(sim_gemini_model_ids[i]));
	}
	sim_buf_lit(&r->json, "]}\n");
	sim_answer_json(r, 200, false);
}

void sim_gemini_model(struct sim_req *r)
{
	if (sim_take_model_text(r, r->path_arg) != 0)
		return;
	put_model(&r->json, r->path_arg);
	sim_buf_lit(&r->json, "\n");
	sim_answer_json(r, 200, false);
}
