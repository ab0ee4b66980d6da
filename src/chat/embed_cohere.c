/*
 * embed_cohere.c: embeddings of targets that have no clients here: Cohere's /v2/embed (Bedrock
 * takes the same for Cohere's models, without the model's name), and Amazon's Titan at Bedrock,
 * which takes one text a request. Pure; any thread.
 */
#include "chat/embed.h"

/* What is not said is for search: the vendor requires a word. */
static int cohere_write_request(
	struct chat_context *cx, const struct embed_request *r, struct json_out *o)
{
	struct str task = embed_task_cohere(cx, r->task, "input_type");
	bool bedrock = embed_shape_of_model(cx->model) == EMBED_COHERE;

	if (r->title.n > 0)
		chat_unsupported(cx, "title");
	jo_obj(o);
	if (!bedrock) {
		jo_key(o, "model");
		jo_jstr(o, cx->model);
	}
	jo_key(o, "texts");
	jo_arr(o);
	for (unsigned i = 0; i < r->n; i++)
		jo_jstr(o, r->text[i]);
	jo_arr_end(o);
	jo_key(o, "input_type");
	jo_jstr(o, task.n > 0 ? task : STR("search_document"));
	jo_key(o, "embedding_types");
	jo_arr(o);
	jo_text(o, STR("float"));
	jo_arr_end(o);
	if (r->dimensions > 0) {
		jo_key(o, "output_dimension");
		jo_u64(o, r->dimensions);
	}
	jo_obj_end(o);
	return 0;
}

/* meta.billed_units.input_tokens */
static void read_meta(const struct json_val *meta, struct embed_answer *a)
{
	struct json_watch units = { STR("billed_units"), { 0 } },
			  tokens = { STR("input_tokens"), { 0 } };
	struct json_fail f;

	if (meta->type != JSON_OBJECT || json_scan_member(meta, &units, 1, &f) != 0 ||
		units.val.type != JSON_OBJECT || json_scan_member(&units.val, &tokens, 1, &f) != 0)
		return;
	a->has_tokens = json_get_u64(&tokens.val, &a->input_tokens) == 0;
}

/* "embeddings" is an object by type, or a list where only one was asked for. */
static int cohere_read_answer(struct chat_context *cx, struct str text, struct embed_answer *a)
{
	struct json_watch w[] = { { STR("embeddings"), { 0 } }, { STR("id"), { 0 } },
		{ STR("meta"), { 0 } } };
	struct json_watch type = { STR("float"), { 0 } };
	struct json_fail f;

	if (json_scan_object(text, w, TG_ARRAY_LEN(w), &f) != 0)
		return chat_fail(cx, "%s at byte %zu", json_error_text(f.err), f.offset);
	a->id = embed_jstr(&w[1].val);
	read_meta(&w[2].val, a);
	if (w[0].val.type != JSON_OBJECT)
		return embed_vectors(cx, &w[0].val, a);
	if (json_scan_member(&w[0].val, &type, 1, &f) != 0)
		return chat_fail(cx, "'embeddings' has a member twice");
	return embed_vectors(cx, &type.val, a);
}

const struct embed_codec embed_cohere = {
	.name = "cohere",
	.write_request = cohere_write_request,
	.read_answer = cohere_read_answer,
};

/* ---- Titan */

static int titan_write_request(
	struct chat_context *cx, const struct embed_request *r, struct json_out *o)
{
	if (r->n != 1)
		return chat_fail(cx,
			"model '%.*s' takes one text a request, and there are %u; send them one by "
			"one",
			STR_FMT(cx->model), r->n);
	if (r->task.n > 0)
		chat_unsupported(cx, "input_type");
	if (r->title.n > 0)
		chat_unsupported(cx, "title");
	jo_obj(o);
	jo_key(o, "inputText");
	jo_jstr(o, r->text[0]);
	if (r->dimensions > 0) {
		jo_key(o, "dimensions");
		jo_u64(o, r->dimensions);
	}
	jo_obj_end(o);
	return 0;
}

static int titan_read_answer(struct chat_context *cx, struct str text, struct embed_answer *a)
{
	struct json_watch w[] = { { STR("embedding"), { 0 } },
		{ STR("inputTextTokenCount"), { 0 } } };
	struct json_fail f;

	if (json_scan_object(text, w, TG_ARRAY_LEN(w), &f) != 0)
		return chat_fail(cx, "%s at byte %zu", json_error_text(f.err), f.offset);
	if (!embed_is_vector(&w[0].val))
		return chat_fail(cx, "'embedding' is no list of numbers");
	a->vector = arena_zalloc(cx->arena, sizeof *a->vector);
	if (a->vector == NULL)
		return chat_fail(cx, "no memory");
	a->vector[0] = w[0].val;
	a->n = 1;
	a->has_tokens = json_get_u64(&w[1].val, &a->input_tokens) == 0;
	return 0;
}

const struct embed_codec embed_titan = {
	.name = "titan",
	.write_request = titan_write_request,
	.read_answer = titan_read_answer,
};
