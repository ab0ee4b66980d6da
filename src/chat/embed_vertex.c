/*
 * embed_vertex.c: embeddings as Vertex has them: :predict, a list of instances (providers.md 2).
 * What each took is told beside its vector. A target's dialect alone. Pure; any thread.
 */
#include "chat/embed.h"

static void write_instance(
	const struct embed_request *r, struct str task, unsigned i, struct json_out *o)
{
	jo_obj(o);
	jo_key(o, "content");
	jo_jstr(o, r->text[i]);
	if (task.n > 0) {
		jo_key(o, "task_type");
		jo_jstr(o, task);
	}
	if (r->title.n > 0)
		jo_m_jstr(o, "title", r->title);
	jo_obj_end(o);
}

static int vertex_write_request(
	struct chat_context *cx, const struct embed_request *r, struct json_out *o)
{
	struct str task = embed_task_gemini(cx, r->task, "input_type");

	jo_obj(o);
	jo_key(o, "instances");
	jo_arr(o);
	for (unsigned i = 0; i < r->n; i++)
		write_instance(r, task, i, o);
	jo_arr_end(o);
	if (r->dimensions > 0) {
		jo_key(o, "parameters");
		jo_obj(o);
		jo_m_u64(o, "outputDimensionality", r->dimensions);
		jo_obj_end(o);
	}
	jo_obj_end(o);
	return 0;
}

static void read_statistics(const struct json_val *statistics, struct embed_answer *a)
{
	struct json_watch w = { STR("token_count"), { 0 } };
	struct json_fail f;
	uint64_t n;

	if (statistics->type != JSON_OBJECT || json_scan_member(statistics, &w, 1, &f) != 0 ||
		json_get_u64(&w.val, &n) != 0)
		return;
	a->has_tokens = !__builtin_add_overflow(a->input_tokens, n, &a->input_tokens);
}

static int read_prediction(struct chat_context *cx, const struct json_val *prediction,
	struct embed_answer *a, struct json_val *vector)
{
	struct json_watch outer = { STR("embeddings"), { 0 } };
	struct json_watch w[] = { { STR("values"), { 0 } }, { STR("statistics"), { 0 } } };
	struct json_fail f;

	if (prediction->type != JSON_OBJECT || json_scan_member(prediction, &outer, 1, &f) != 0 ||
		outer.val.type != JSON_OBJECT ||
		json_scan_member(&outer.val, w, TG_ARRAY_LEN(w), &f) != 0 ||
		!embed_is_vector(&w[0].val))
		return chat_fail(cx, "a prediction has no list 'embeddings.values'");
	*vector = w[0].val;
	read_statistics(&w[1].val, a);
	return 0;
}

static int vertex_read_answer(struct chat_context *cx, struct str text, struct embed_answer *a)
{
	struct json_watch w = { STR("predictions"), { 0 } };
	struct json_iter it = { 0 };
	struct json_val elem;
	struct json_fail f;
	void *list;

	if (json_scan_object(text, &w, 1, &f) != 0)
		return chat_fail(cx, "%s at byte %zu", json_error_text(f.err), f.offset);
	if (w.val.type != JSON_ARRAY)
		return chat_fail(cx, "it has no list 'predictions'");
	if (embed_list(cx, &w.val, sizeof *a->vector, &list, &a->n) != 0)
		return -1;
	a->vector = list;
	for (unsigned i = 0; json_array_next(&w.val, &it, &elem); i++)
		if (read_prediction(cx, &elem, a, &a->vector[i]) != 0)
			return -1;
	return 0;
}

const struct embed_codec embed_vertex = {
	.name = "vertex",
	.write_request = vertex_write_request,
	.read_answer = vertex_read_answer,
};
