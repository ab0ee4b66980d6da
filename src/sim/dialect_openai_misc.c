/*
 * dialect_openai_misc.c: embeddings, moderations, models.
 */
#include "base/num.h"
#include "sim/dialect.h"
#include "sim/sim_json.h"
#include "sim/sim_text.h"

#define MAX_DIMS 8192

struct embed {
	struct sim_req *r;
	unsigned dims;
	bool base64;
	uint64_t n; /* vectors so far */
};

static void put_floats(struct sim_buf *b, uint64_t seed, unsigned dims)
{
	sim_buf_lit(b, "[");
	for (unsigned i = 0; i < dims; i++) {
		char *o = sim_buf_room(b, 24);
		size_t n = 0;

		if (i != 0)
			o[n++] = ',';
		b->n += n + num_put_decimal(o + n, sim_embed_micro(seed, i, dims), 6);
	}
	sim_buf_lit(b, "]");
}

/* Little-endian IEEE 754 singles, as the SDKs decode them. */
static void put_base64(struct sim_buf *b, uint64_t seed, unsigned dims)
{
	char raw[MAX_DIMS * 4];

	for (unsigned i = 0; i < dims; i++) {
		float f = (float)(sim_embed_micro(seed, i, dims) / 1e6);
		uint32_t u;

		memcpy(&u, &f, 4);
		for (unsigned k = 0; k < 4; k++)
			raw[4 * i + k] = (char)(u >> 8 * k);
	}
	sim_buf_lit(b, "\"");
	sim_buf_base64(b, str_mk(raw, (size_t)dims * 4));
	sim_buf_lit(b, "\"");
}

static void embed_one(struct embed *e, const struct json_val *input)
{
	struct sim_prompt one = { 0 };
	struct sim_buf *b = &e->r->json;

	sim_prompt_walk(&one, input);
	e->r->usage.input += sim_tokens_of(one.bytes) + one.fixed_tokens;
	if (e->n != 0)
		sim_buf_lit(b, ",");
	sim_buf_lit(b, "{\"object\":\"embedding\",\"index\":");
	sim_buf_u64(b, e->n++);
	sim_buf_lit(b, ",\"embedding\":");
	if (e->base64)
		put_base64(b, sim_hash(one.hash, e->r->model), e->dims);
	else
		put_floats(b, sim_hash(one.hash, e->r->model), e->dims);
	sim_buf_lit(b, "}");
}

/* "text", ["text", ...], [token, ...] or [[token, ...], ...] */
static void embed_all(struct embed *e, const struct json_val *input)
{
	struct json_iter it = { 0 };
	struct json_val elem;

	if (input->type == JSON_ARRAY && json_array_next(input, &it, &elem) &&
		elem.type != JSON_NUMBER) {
		do
			embed_one(e, &elem);
		while (json_array_next(input, &it, &elem));
	} else {
		embed_one(e, input);
	}
}

void sim_openai_embeddings(struct sim_req *r)
{
	enum { MODEL, INPUT, FORMAT, DIMS };
	struct json_watch w[] = { { STR("model"), { 0 } }, { STR("input"), { 0 } },
		{ STR("encoding_format"), { 0 } }, { STR("dimensions"), { 0 } } };
	struct embed e = { .r = r };
	uint64_t dims, tokens;

	if (sim_body_scan(r, w, TG_ARRAY_LEN(w)) != 0 || sim_take_model(r, &w[MODEL].val) != 0)
		return;
	dims = sim_count(&w[DIMS].val, str_ends(r->model, STR("-large")) ? 3072 : 1536);
	if ((w[INPUT].val.type != JSON_STRING && w[INPUT].val.type != JSON_ARRAY) || dims == 0 ||
		dims > MAX_DIMS) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST, STR("Invalid 'input' or 'dimensions'."),
			STR("input"));
		return;
	}
	r->input_only = true;
	e.dims = (unsigned)dims;
	e.base64 = str_eq(w[FORMAT].val.raw, STR("\"base64\""));
	sim_buf_lit(&r->json, "{\"object\":\"list\",\"data\":[");
	embed_all(&e, &w[INPUT].val);
	sim_buf_lit(&r->json, "],\"model\":");
	sim_buf_quote(&r->json, sim_served(r));
	if (!sim_usage_hidden(r)) {
		tokens = sim_usage_shown(r).input;
		sim_buf_fmt(&r->json, ",\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu",
			(unsigned long long)tokens, (unsigned long long)tokens);
		sim_put_cost(r, &r->json);
		sim_buf_lit(&r->json, "}");
	}
	sim_buf_lit(&r->json, "}\n");
	sim_answer_json(r, 200, true);
}

/* ---- moderations */

static void put_moderation(struct sim_buf *b, const struct json_val *input)
{
	static const char *const category[] = { "sexual", "harassment", "hate", "illicit",
		"self-harm", "violence" };
	bool flagged = str_find(input->raw, STR("flagme")) != (size_t)-1;

	sim_buf_fmt(b, "{\"flagged\":%s,\"categories\":{", flagged ? "true" : "false");
	for (size_t i = 0; i < TG_ARRAY_LEN(category); i++)
		sim_buf_fmt(b, "%s\"%s\":%s", i != 0 ? "," : "", category[i],
			flagged && i == 5 ? "true" : "false");
	sim_buf_lit(b, "},\"category_scores\":{");
	for (size_t i = 0; i < TG_ARRAY_LEN(category); i++)
		sim_buf_fmt(b, "%s\"%s\":%s", i != 0 ? "," : "", category[i],
			flagged && i == 5 ? "0.98" : "0.001");
	sim_buf_lit(b, "}}");
}

void sim_openai_moderations(struct sim_req *r)
{
	struct json_watch w[] = { { STR("model"), { 0 } }, { STR("input"), { 0 } } };
	struct json_iter it = { 0 };
	struct json_val elem;
	bool first = true;

	if (sim_body_scan(r, w, TG_ARRAY_LEN(w)) != 0)
		return;
	if (w[0].val.type == JSON_NONE)
		r->model = STR("omni-moderation-latest");
	else if (sim_take_model(r, &w[0].val) != 0)
		return;
	sim_buf_lit(&r->json, "{\"id\":\"");
	sim_put_id(r, &r->json, STR("modr-"));
	sim_buf_lit(&r->json, "\",\"model\":");
	sim_buf_quote(&r->json, sim_served(r));
	sim_buf_lit(&r->json, ",\"results\":[");
	if (w[1].val.type == JSON_ARRAY)
		for (; json_array_next(&w[1].val, &it, &elem); first = false) {
			if (!first)
				sim_buf_lit(&r->json, ",");
			put_moderation(&r->json, &elem);
		}
	else
		put_moderation(&r->json, &w[1].val);
	sim_buf_lit(&r->json, "]}\n");
	sim_answer_json(r, 200, false);
}

/* ---- models */

const char *const sim_openai_model_ids[] = { "gpt-5.6", "gpt-4.1", "gpt-4.1-nano", "gpt-4o",
	"gpt-4o-mini", "text-embedding-3-small", "text-embedding-3-large", "gpt-image-1",
	"gpt-4o-mini-tts", "gpt-4o-transcribe", "whisper-1", "omni-moderation-latest", NULL };

static void put_model(struct sim_buf *b, struct str id)
{
	sim_buf_lit(b, "{\"id\":");
	sim_buf_quote(b, id);
	sim_buf_lit(b, ",\"object\":\"model\",\"created\":1767225600,\"owned_by\":\"sim\"}");
}

void sim_openai_models(struct sim_req *r)
{
	sim_buf_lit(&r->json, "{\"object\":\"list\",\"data\":[");
	for (size_t i = 0; sim_openai_model_ids[i] != NULL; i++) {
		if (i != 0)
			sim_buf_lit(&r->json, ",");
		put_model(&r->json, str_z(sim_openai_model_ids[i]));
	}
	sim_buf_lit(&r->json, "]}\n");
	sim_answer_json(r, 200, false);
}

void sim_openai_model(struct sim_req *r)
{
	if (sim_take_model_text(r, r->path_arg) != 0)
		return;
	put_model(&r->json, r->path_arg);
	sim_buf_lit(&r->json, "\n");
	sim_answer_json(r, 200, false);
}
