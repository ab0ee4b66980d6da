/*
 * dialect_embed.c: embeddings of those that have a shape of their own: Cohere's /v2/embed, and
 * Bedrock's /model/ID/invoke of Cohere's models and of Titan, which takes one text.
 */
#include "base/num.h"
#include "proto/url.h"
#include "sim/dialect.h"
#include "sim/sim_text.h"

#define EMBED_DIMS     1024
#define EMBED_MAX_DIMS 4096

static void put_vector(struct sim_req *r, const struct json_val *text, uint64_t dims)
{
	struct sim_prompt one = { 0 };
	struct sim_buf *b = &r->json;

	sim_prompt_walk(&one, text);
	r->usage.input += sim_tokens_of(one.bytes);
	sim_buf_lit(b, "[");
	for (unsigned i = 0; i < dims; i++) {
		char *o = sim_buf_room(b, 24);
		size_t n = 0;

		if (i != 0)
			o[n++] = ',';
		b->n += n +
			num_put_decimal(o + n,
				sim_embed_micro(sim_hash(one.hash, r->model), i, (unsigned)dims),
				6);
	}
	sim_buf_lit(b, "]");
}

static bool dims_fit(struct sim_req *r, uint64_t dims)
{
	if (dims > 0 && dims <= EMBED_MAX_DIMS)
		return true;
	sim_answer_error(r, 400, SIM_E_BAD_REQUEST, STR("invalid number of dimensions"), STR_NONE);
	return false;
}

/* `type` and its input are required; only the types asked for come back. */
static void cohere_answer(
	struct sim_req *r, const struct json_val *texts, const struct json_val *type, uint64_t dims)
{
	struct json_iter it = { 0 };
	struct json_val text;
	bool comma = false;

	if (texts->type != JSON_ARRAY || type->type != JSON_STRING) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST,
			STR("invalid request: texts and input_type are required"), STR_NONE);
		return;
	}
	if (!dims_fit(r, dims))
		return;
	r->input_only = true;
	sim_buf_lit(&r->json, "{\"id\":\"");
	sim_put_id(r, &r->json, STR("sim-"));
	sim_buf_lit(&r->json, "\",\"embeddings\":{\"float\":[");
	while (json_array_next(texts, &it, &text)) {
		sim_buf_add(&r->json, comma ? STR(",") : STR(""));
		put_vector(r, &text, dims);
		comma = true;
	}
	sim_buf_lit(&r->json, "]},\"texts\":");
	sim_buf_add(&r->json, texts->raw);
	if (!sim_usage_hidden(r)) {
		sim_buf_lit(&r->json, ",\"meta\":{\"billed_units\":{\"input_tokens\":");
		sim_buf_u64(&r->json, sim_usage_shown(r).input);
		sim_buf_lit(&r->json, "}}");
	}
	sim_buf_lit(&r->json, "}\n");
	sim_answer_json(r, 200, true);
}

void sim_cohere_embed(struct sim_req *r)
{
	enum { MODEL, TEXTS, TYPE, DIMS };
	struct json_watch w[] = { { STR("model"), { 0 } }, { STR("texts"), { 0 } },
		{ STR("input_type"), { 0 } }, { STR("output_dimension"), { 0 } } };

	if (sim_body_scan(r, w, TG_ARRAY_LEN(w)) != 0 || sim_take_model(r, &w[MODEL].val) != 0)
		return;
	cohere_answer(r, &w[TEXTS].val, &w[TYPE].val, sim_count(&w[DIMS].val, EMBED_DIMS));
}

/* Each instance's tokens stand beside its vector. */
void sim_vertex_predict(struct sim_req *r)
{
	struct json_watch w[] = { { STR("instances"), { 0 } }, { STR("parameters"), { 0 } } };
	struct json_watch dims = { STR("outputDimensionality"), { 0 } },
			  text = { STR("content"), { 0 } };
	struct json_iter it = { 0 };
	struct json_val one;
	struct json_fail fail;
	uint64_t n, before;
	bool comma = false;

	if (sim_body_scan(r, w, TG_ARRAY_LEN(w)) != 0 || sim_take_model_text(r, r->path_arg) != 0)
		return;
	if (w[1].val.type == JSON_OBJECT)
		(void)!json_scan_member(&w[1].val, &dims, 1, &fail);
	n = sim_count(&dims.val, EMBED_DIMS);
	if (w[0].val.type != JSON_ARRAY || !dims_fit(r, n)) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST, STR("Invalid instances"), STR_NONE);
		return;
	}
	r->input_only = true;
	sim_buf_lit(&r->json, "{\"predictions\":[");
	while (json_array_next(&w[0].val, &it, &one)) {
		if (one.type == JSON_OBJECT)
			(void)!json_scan_member(&one, &text, 1, &fail);
		sim_buf_add(&r->json, comma ? STR(",") : STR(""));
		sim_buf_lit(&r->json, "{\"embeddings\":{\"values\":");
		before = r->usage.input;
		put_vector(r, &text.val, n);
		if (!sim_usage_hidden(r))
			sim_buf_fmt(&r->json,
				",\"statistics\":{\"truncated\":false,\"token_count\":%llu}",
				(unsigned long long)(r->usage.input - before));
		sim_buf_lit(&r->json, "}}");
		comma = true;
	}
	sim_buf_lit(&r->json, "]}\n");
	sim_answer_json(r, 200, true);
}

void sim_bedrock_invoke(struct sim_req *r)
{
	enum { TEXT, DIMS, TEXTS, TYPE, COHERE_DIMS };
	struct json_watch w[] = { { STR("inputText"), { 0 } }, { STR("dimensions"), { 0 } },
		{ STR("texts"), { 0 } }, { STR("input_type"), { 0 } },
		{ STR("output_dimension"), { 0 } } };
	uint64_t dims;
	struct str id;

	if (sim_body_scan(r, w, TG_ARRAY_LEN(w)) != 0 ||
		url_decode(r->path_arg, r->model_buf, sizeof r->model_buf, &id) != 0 ||
		sim_take_model_text(r, id) != 0)
		return;
	if (str_find(id, STR("cohere.embed")) != (size_t)-1) {
		cohere_answer(
			r, &w[TEXTS].val, &w[TYPE].val, sim_count(&w[COHERE_DIMS].val, EMBED_DIMS));
		return;
	}
	dims = sim_count(&w[DIMS].val, EMBED_DIMS);
	if (w[TEXT].val.type != JSON_STRING) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST,
			STR("Malformed input request: required key [inputText] not found"),
			STR_NONE);
		return;
	}
	if (!dims_fit(r, dims))
		return;
	r->input_only = true;
	sim_buf_lit(&r->json, "{\"embedding\":");
	put_vector(r, &w[TEXT].val, dims);
	if (!sim_usage_hidden(r)) {
		sim_buf_lit(&r->json, ",\"inputTextTokenCount\":");
		sim_buf_u64(&r->json, sim_usage_shown(r).input);
	}
	sim_buf_lit(&r->json, "}\n");
	sim_answer_json(r, 200, true);
}
