/*
 * embed_gemini.c: embeddings as Gemini has them: one content (:embedContent) or a list of requests
 * (:batchEmbedContents). Targets are asked by the list, whatever the client did. Pure; any thread.
 */
#include "chat/embed.h"

enum { W_MODEL, W_CONTENT, W_TASK, W_TITLE, W_DIMENSIONS, W_CONFIG, W__N };

#define TEXT_FIRST 256

/* A further part, on a line of its own. */
static int add_text(
	struct chat_context *cx, struct arena_buf *all, struct str text, struct str first)
{
	if ((all->n > 0 || arena_buf_put(cx->arena, all, first, TEXT_FIRST) == 0) &&
		arena_buf_put(cx->arena, all, STR("\\n"), TEXT_FIRST) == 0 &&
		arena_buf_put(cx->arena, all, text, TEXT_FIRST) == 0)
		return 0;
	return chat_fail(cx, "the text is too large to be translated");
}

/* The text of a content: several parts are one text to the model, and to nobody else. */
static int read_content(struct chat_context *cx, const struct json_val *content, struct str *text)
{
	struct json_watch w[] = { { STR("parts"), { 0 } }, { STR("role"), { 0 } } };
	struct json_watch p[] = { { STR("text"), { 0 } } };
	struct json_iter it = { 0 };
	struct arena_buf all = { 0 };
	struct json_val part;
	unsigned n = 0;

	if (content->type != JSON_OBJECT)
		return chat_fail(cx, "'content' must be an object with 'parts'");
	if (embed_scan(cx, content->raw, w, TG_ARRAY_LEN(w), "content.") != 0)
		return -1;
	for (; w[0].val.type == JSON_ARRAY && json_array_next(&w[0].val, &it, &part); n++) {
		if (part.type != JSON_OBJECT ||
			embed_scan(cx, part.raw, p, 1, "content.parts[].") != 0)
			return chat_fail(cx, "'content.parts[%u]' must be an object", n);
		if (p[0].val.type != JSON_STRING)
			continue; /* noted by its name */
		if (text->p == NULL)
			*text = embed_jstr(&p[0].val);
		else if (add_text(cx, &all, embed_jstr(&p[0].val), *text) != 0)
			return -1;
	}
	if (all.n > 0)
		*text = str_mk(all.p, all.n);
	return text->p != NULL ? 0 : chat_fail(cx, "'content.parts' has no text");
}

/* Newer clients put the options into an object of their own. */
static int read_config(struct chat_context *cx, struct json_watch *w)
{
	struct json_watch c[] = { { STR("taskType"), { 0 } }, { STR("title"), { 0 } },
		{ STR("outputDimensionality"), { 0 } } };

	if (w[W_CONFIG].val.type != JSON_OBJECT)
		return 0;
	if (embed_scan(cx, w[W_CONFIG].val.raw, c, TG_ARRAY_LEN(c), "embedContentConfig.") != 0)
		return -1;
	for (unsigned i = 0; i < TG_ARRAY_LEN(c); i++)
		if (w[W_TASK + i].val.type == JSON_NONE)
			w[W_TASK + i].val = c[i].val;
	return 0;
}

/* One EmbedContentRequest into text i; what they say of the vectors must be the same for all. */
static int read_one(struct chat_context *cx, struct str text, struct embed_request *r, unsigned i)
{
	struct json_watch w[W__N] = {
		[W_MODEL] = { STR("model"), { 0 } },
		[W_CONTENT] = { STR("content"), { 0 } },
		[W_TASK] = { STR("taskType"), { 0 } },
		[W_TITLE] = { STR("title"), { 0 } },
		[W_DIMENSIONS] = { STR("outputDimensionality"), { 0 } },
		[W_CONFIG] = { STR("embedContentConfig"), { 0 } },
	};
	uint64_t dimensions;
	struct str task;

	if (embed_scan(cx, text, w, W__N, "") != 0 || read_config(cx, w) != 0 ||
		embed_dimensions(cx, &w[W_DIMENSIONS].val, "outputDimensionality", &dimensions) !=
			0)
		return -1;
	task = embed_jstr(&w[W_TASK].val);
	if (str_eq(task, STR("TASK_TYPE_UNSPECIFIED")))
		task = STR_NONE;
	if (i > 0 && (dimensions != r->dimensions || !str_eq(task, r->task)))
		return chat_fail(cx, "requests of one batch must ask for the same taskType and "
				     "outputDimensionality, to be translated");
	r->task = task;
	r->dimensions = dimensions;
	r->title = embed_jstr(&w[W_TITLE].val);
	return read_content(cx, &w[W_CONTENT].val, &r->text[i]);
}

static int gemini_read_request(struct chat_context *cx, struct str text, struct embed_request *r)
{
	struct json_watch w[] = { { STR("requests"), { 0 } } };
	struct json_iter it = { 0 };
	struct json_val elem;
	struct json_fail f;
	void *list;

	if (json_scan_strict(text, w, 1, &f) != 0)
		return chat_fail(cx, "the body is not as it should be: %s at byte %zu",
			json_error_text(f.err), f.offset);
	if (w[0].val.type == JSON_NONE) {
		r->text = arena_zalloc(cx->arena, sizeof *r->text);
		r->n = 1;
		if (r->text == NULL)
			return chat_fail(cx, "the request is too large to be translated");
		return read_one(cx, text, r, 0);
	}
	r->batch = true;
	if (w[0].val.type != JSON_ARRAY ||
		embed_list(cx, &w[0].val, sizeof *r->text, &list, &r->n) != 0 || r->n == 0)
		return chat_fail(cx, "'requests' must be a list of requests");
	r->text = list;
	for (unsigned i = 0; json_array_next(&w[0].val, &it, &elem); i++)
		if (elem.type != JSON_OBJECT || read_one(cx, elem.raw, r, i) != 0)
			return cx->fail[0] != '\0'
				       ? -1
				       : chat_fail(cx, "'requests[%u]' must be an object", i);
	return 0;
}

static void write_one(struct chat_context *cx, const struct embed_request *r, struct str task,
	struct str text, struct json_out *o)
{
	jo_obj(o);
	jo_key(o, "model");
	jo_str_begin(o);
	jo_piece(o, STR("models/"));
	jo_piece(o, cx->model);
	jo_str_end(o);
	jo_key(o, "content");
	jo_obj(o);
	jo_key(o, "parts");
	jo_arr(o);
	jo_obj(o);
	jo_key(o, "text");
	jo_jstr(o, text);
	jo_obj_end(o);
	jo_arr_end(o);
	jo_obj_end(o);
	if (task.n > 0) {
		jo_key(o, "taskType");
		jo_jstr(o, task);
	}
	if (r->dimensions > 0) {
		jo_key(o, "outputDimensionality");
		jo_u64(o, r->dimensions);
	}
	jo_obj_end(o);
}

/* The end user's name has no place here and changes nothing: it is not told. */
static int gemini_write_request(
	struct chat_context *cx, const struct embed_request *r, struct json_out *o)
{
	struct str task = embed_task_gemini(cx, r->task, "input_type");

	jo_obj(o);
	jo_key(o, "requests");
	jo_arr(o);
	for (unsigned i = 0; i < r->n; i++)
		write_one(cx, r, task, r->text[i], o);
	jo_arr_end(o);
	jo_obj_end(o);
	return 0;
}

static void read_usage(const struct json_val *usage, struct embed_answer *a)
{
	struct json_watch w = { STR("promptTokenCount"), { 0 } };
	struct json_fail f;

	if (usage->type == JSON_OBJECT && json_scan_member(usage, &w, 1, &f) == 0)
		a->has_tokens = json_get_u64(&w.val, &a->input_tokens) == 0;
}

static int read_values(
	struct chat_context *cx, const struct json_val *object, struct json_val *vector)
{
	struct json_watch w = { STR("values"), { 0 } };
	struct json_fail f;

	if (object->type != JSON_OBJECT || json_scan_member(object, &w, 1, &f) != 0 ||
		!embed_is_vector(&w.val))
		return chat_fail(cx, "an embedding has no list 'values'");
	*vector = w.val;
	return 0;
}

static int gemini_read_answer(struct chat_context *cx, struct str text, struct embed_answer *a)
{
	struct json_watch w[] = { { STR("embeddings"), { 0 } }, { STR("embedding"), { 0 } },
		{ STR("usageMetadata"), { 0 } } };
	struct json_iter it = { 0 };
	struct json_val elem;
	struct json_fail f;
	void *list;

	if (json_scan_object(text, w, TG_ARRAY_LEN(w), &f) != 0)
		return chat_fail(cx, "%s at byte %zu", json_error_text(f.err), f.offset);
	read_usage(&w[2].val, a);
	if (w[0].val.type != JSON_ARRAY) {
		a->vector = arena_zalloc(cx->arena, sizeof *a->vector);
		a->n = 1;
		return a->vector != NULL ? read_values(cx, &w[1].val, a->vector) : -1;
	}
	if (embed_list(cx, &w[0].val, sizeof *a->vector, &list, &a->n) != 0)
		return -1;
	a->vector = list;
	for (unsigned i = 0; json_array_next(&w[0].val, &it, &elem); i++)
		if (read_values(cx, &elem, &a->vector[i]) != 0)
			return -1;
	return 0;
}

static void write_values(const struct embed_answer *a, unsigned i, struct json_out *o)
{
	jo_obj(o);
	jo_key(o, "values");
	jo_raw(o, a->vector[i].raw);
	jo_obj_end(o);
}

static void gemini_write_answer(struct chat_context *cx, const struct embed_request *r,
	const struct embed_answer *a, struct json_out *o)
{
	uint64_t tokens = a->has_tokens ? a->input_tokens : cx->input_estimate;

	jo_obj(o);
	if (r->batch) {
		jo_key(o, "embeddings");
		jo_arr(o);
		for (unsigned i = 0; i < a->n; i++)
			write_values(a, i, o);
		jo_arr_end(o);
	} else {
		jo_key(o, "embedding");
		write_values(a, 0, o);
	}
	jo_key(o, "usageMetadata");
	jo_obj(o);
	jo_key(o, "promptTokenCount");
	jo_u64(o, tokens);
	jo_obj_end(o);
	jo_obj_end(o);
}

const struct embed_codec embed_gemini = {
	.name = "gemini",
	.read_request = gemini_read_request,
	.write_request = gemini_write_request,
	.read_answer = gemini_read_answer,
	.write_answer = gemini_write_answer,
};
