/*
 * embed_openai.c: embeddings as OpenAI has them: POST /v1/embeddings. Pure; any thread.
 */
#include "chat/embed.h"

enum { W_MODEL, W_INPUT, W_DIMENSIONS, W_FORMAT, W_USER, W_TASK, W__N };

static int read_input(
	struct chat_context *cx, const struct json_val *input, struct embed_request *r)
{
	struct json_iter it = { 0 };
	struct json_val elem;
	void *list;

	if (input->type == JSON_STRING) {
		r->text = arena_zalloc(cx->arena, sizeof *r->text);
		if (r->text == NULL)
			return chat_fail(cx, "the request is too large to be translated");
		r->text[0] = embed_jstr(input);
		r->n = 1;
		return 0;
	}
	if (input->type != JSON_ARRAY)
		return chat_fail(cx, "'input' must be a string or a list of strings");
	if (embed_list(cx, input, sizeof *r->text, &list, &r->n) != 0)
		return -1;
	r->text = list;
	for (unsigned i = 0; json_array_next(input, &it, &elem); i++) {
		if (elem.type == JSON_NUMBER || elem.type == JSON_ARRAY) {
			/* ids of one vendor's tokens mean nothing to another's */
			chat_unsupported(cx, "input (token ids)");
			return chat_fail(cx, "'input' is a list of token ids, which only an OpenAI "
					     "model understands; send text");
		}
		if (elem.type != JSON_STRING)
			return chat_fail(cx, "'input[%u]' must be a string", i);
		r->text[i] = embed_jstr(&elem);
	}
	return r->n > 0 ? 0 : chat_fail(cx, "'input' is empty");
}

static int openai_read_request(struct chat_context *cx, struct str text, struct embed_request *r)
{
	struct json_watch w[W__N] = {
		[W_MODEL] = { STR("model"), { 0 } },
		[W_INPUT] = { STR("input"), { 0 } },
		[W_DIMENSIONS] = { STR("dimensions"), { 0 } },
		[W_FORMAT] = { STR("encoding_format"), { 0 } },
		[W_USER] = { STR("user"), { 0 } },
		[W_TASK] = { STR("input_type"), { 0 } }, /* as several hosts take it */
	};

	if (embed_scan(cx, text, w, W__N, "") != 0)
		return -1;
	r->batch = true;
	r->base64 = str_eq(embed_jstr(&w[W_FORMAT].val), STR("base64"));
	r->user = embed_jstr(&w[W_USER].val);
	r->task = embed_jstr(&w[W_TASK].val);
	if (embed_dimensions(cx, &w[W_DIMENSIONS].val, "dimensions", &r->dimensions) != 0)
		return -1;
	return read_input(cx, &w[W_INPUT].val, r);
}

static int openai_write_request(
	struct chat_context *cx, const struct embed_request *r, struct json_out *o)
{
	if (r->task.n > 0)
		chat_unsupported(cx, "taskType");
	if (r->title.n > 0)
		chat_unsupported(cx, "title");
	jo_obj(o);
	jo_key(o, "model");
	jo_jstr(o, cx->model);
	jo_key(o, "input");
	jo_arr(o);
	for (unsigned i = 0; i < r->n; i++)
		jo_jstr(o, r->text[i]);
	jo_arr_end(o);
	jo_key(o, "encoding_format");
	jo_text(o, STR("float"));
	if (r->dimensions > 0) {
		jo_key(o, "dimensions");
		jo_u64(o, r->dimensions);
	}
	if (r->user.n > 0) {
		jo_key(o, "user");
		jo_jstr(o, r->user);
	}
	jo_obj_end(o);
	return 0;
}

static void read_usage(const struct json_val *usage, struct embed_answer *a)
{
	struct json_watch w[] = { { STR("prompt_tokens"), { 0 } }, { STR("total_tokens"), { 0 } } };
	struct json_fail f;

	if (usage->type != JSON_OBJECT || json_scan_member(usage, w, 2, &f) != 0)
		return;
	a->has_tokens = json_get_u64(&w[0].val, &a->input_tokens) == 0 ||
			json_get_u64(&w[1].val, &a->input_tokens) == 0;
}

/* "data" holds objects with an index each; they come in order, and need not. */
static int read_data(struct chat_context *cx, const struct json_val *data, struct embed_answer *a)
{
	struct json_iter it = { 0 };
	struct json_val elem;
	void *list;

	if (data->type != JSON_ARRAY || embed_list(cx, data, sizeof *a->vector, &list, &a->n) != 0)
		return chat_fail(cx, "it has no list 'data'");
	a->vector = list;
	for (unsigned i = 0; json_array_next(data, &it, &elem); i++) {
		struct json_watch w[] = { { STR("embedding"), { 0 } }, { STR("index"), { 0 } } };
		struct json_fail f;
		uint64_t at = i;

		if (elem.type != JSON_OBJECT || json_scan_member(&elem, w, 2, &f) != 0 ||
			!embed_is_vector(&w[0].val))
			return chat_fail(cx, "'data[%u].embedding' is no list of numbers", i);
		if (json_get_u64(&w[1].val, &at) != 0 || at >= a->n)
			at = i;
		a->vector[at] = w[0].val;
	}
	for (unsigned i = 0; i < a->n; i++)
		if (a->vector[i].type != JSON_ARRAY)
			return chat_fail(cx, "'data' has an index twice");
	return 0;
}

static int openai_read_answer(struct chat_context *cx, struct str text, struct embed_answer *a)
{
	struct json_watch w[] = { { STR("data"), { 0 } }, { STR("model"), { 0 } },
		{ STR("usage"), { 0 } } };
	struct json_fail f;

	if (json_scan_object(text, w, TG_ARRAY_LEN(w), &f) != 0)
		return chat_fail(cx, "%s at byte %zu", json_error_text(f.err), f.offset);
	a->model = embed_jstr(&w[1].val);
	read_usage(&w[2].val, a);
	return read_data(cx, &w[0].val, a);
}

static void openai_write_answer(struct chat_context *cx, const struct embed_request *r,
	const struct embed_answer *a, struct json_out *o)
{
	uint64_t tokens = a->has_tokens ? a->input_tokens : cx->input_estimate;

	jo_obj(o);
	jo_key(o, "object");
	jo_text(o, STR("list"));
	jo_key(o, "data");
	jo_arr(o);
	for (unsigned i = 0; i < a->n; i++) {
		jo_obj(o);
		jo_key(o, "object");
		jo_text(o, STR("embedding"));
		jo_key(o, "index");
		jo_u64(o, i);
		jo_key(o, "embedding");
		if (r->base64)
			embed_put_base64(o, &a->vector[i]);
		else
			jo_raw(o, a->vector[i].raw);
		jo_obj_end(o);
	}
	jo_arr_end(o);
	jo_key(o, "model");
	jo_jstr(o, a->model.n > 0 ? a->model : cx->model);
	jo_key(o, "usage");
	jo_obj(o);
	jo_key(o, "prompt_tokens");
	jo_u64(o, tokens);
	jo_key(o, "total_tokens");
	jo_u64(o, tokens);
	jo_obj_end(o);
	jo_obj_end(o);
}

const struct embed_codec embed_openai = {
	.name = "openai",
	.read_request = openai_read_request,
	.write_request = openai_write_request,
	.read_answer = openai_read_answer,
	.write_answer = openai_write_answer,
};
