/*
 * cohere_stream.c: a stream of Cohere's v2 chat into the hub's events. Contents and tool calls have
 * starts and ends of their own; the tool plan has deltas only, and is a block of text. A
 * message-end whose reason is ERROR is an error. A stream belongs to one request; runs on its
 * worker.
 */
#include "chat/cohere.h"

struct chat_stream {
	bool started, open, calls, over;
	enum chat_part_kind kind; /* of the open block */
};

struct out {
	struct chat_stream *s;
	chat_emit_f *emit;
	void *arg;
};

struct chat_stream *cohere_in_open(struct chat_context *cx, const struct chat_request *rq)
{
	(void)rq;
	return CHAT_NEW(cx, chat_stream);
}

static int emit(const struct out *o, const struct chat_event *e)
{
	return o->emit(o->arg, e);
}

static int start(const struct out *o, struct str id)
{
	if (o->s->started)
		return 0;
	o->s->started = true;
	return emit(o, &(struct chat_event){ .kind = EVENT_START, .id = id });
}

static int close_block(const struct out *o)
{
	if (!o->s->open)
		return 0;
	o->s->open = false;
	return emit(o, &(struct chat_event){ .kind = EVENT_CLOSE, .part = o->s->kind });
}

static int open_block(const struct out *o, const struct chat_event *e)
{
	if (start(o, STR_NONE) != 0 || close_block(o) != 0)
		return -1;
	o->s->open = true;
	o->s->kind = e->part;
	return emit(o, e);
}

static int delta(const struct out *o, enum chat_part_kind kind, struct str text)
{
	struct chat_event e = { .kind = EVENT_OPEN, .part = kind };

	if (text.n == 0)
		return 0;
	if ((!o->s->open || o->s->kind != kind) && open_block(o, &e) != 0)
		return -1;
	e.kind = EVENT_DELTA;
	e.text = text;
	return emit(o, &e);
}

static int on_content(const struct out *o, const struct json_node *message)
{
	const struct json_node *c = json_get_type(message, STR("content"), JSON_OBJECT);
	struct chat_part p;

	if (cohere_picture(c, &p)) {
		const struct chat_event e = { .kind = EVENT_OPEN,
			.part = PART_IMAGE,
			.mime = p.mime,
			.data = p.data,
			.url = p.url };

		return open_block(o, &e) != 0 ? -1 : close_block(o);
	}
	if (delta(o, PART_THINKING, json_get_jstr(c, STR("thinking"))) != 0)
		return -1;
	return delta(o, PART_TEXT, json_get_jstr(c, STR("text")));
}

static int on_call(const struct out *o, const struct json_node *message, bool begins)
{
	const struct json_node *c = json_get_type(message, STR("tool_calls"), JSON_OBJECT);
	const struct json_node *f = json_get_type(c, STR("function"), JSON_OBJECT);
	struct chat_event e = { .kind = EVENT_OPEN, .part = PART_CALL };

	e.id = json_get_jstr(c, STR("id"));
	e.name = json_get_jstr(f, STR("name"));
	o->s->calls |= begins;
	if (begins && open_block(o, &e) != 0)
		return -1;
	if (!o->s->open || o->s->kind != PART_CALL)
		return 0;
	return delta(o, PART_CALL, json_get_jstr(f, STR("arguments")));
}

static int fail(const struct out *o, int status, struct str message)
{
	struct chat_error e = { .status = status, .message = message };

	o->s->over = true;
	return emit(o, &(struct chat_event){ .kind = EVENT_ERROR, .error = &e });
}

static int on_end(const struct out *o, const struct json_node *d)
{
	struct str reason = json_get_jstr(d, STR("finish_reason")),
		   error = json_get_jstr(d, STR("error"));
	struct chat_event e = { .kind = EVENT_FINISH };
	struct usage u;

	if (str_eq(reason, STR("ERROR")) || str_eq(reason, STR("TIMEOUT")))
		return fail(o, str_eq(reason, STR("TIMEOUT")) ? 504 : 500,
			error.n > 0 ? error : STR("The provider ended the answer with an error."));
	if (start(o, STR_NONE) != 0 || close_block(o) != 0)
		return -1;
	e.finish = chat_finish_of(cohere_finish(reason), o->s->calls);
	if (emit(o, &e) != 0)
		return -1;
	e = (struct chat_event){ .kind = EVENT_USAGE, .usage = &u };
	if (cohere_usage(json_get(d, STR("usage")), &u) && emit(o, &e) != 0)
		return -1;
	o->s->over = true;
	return emit(o, &(struct chat_event){ .kind = EVENT_END });
}

static int dispatch(const struct out *o, const struct json_node *root)
{
	struct str type = json_get_jstr(root, STR("type"));
	const struct json_node *d = json_get_type(root, STR("delta"), JSON_OBJECT);
	const struct json_node *message = json_get_type(d, STR("message"), JSON_OBJECT);

	if (str_eq(type, STR("message-start")))
		return start(o, json_get_jstr(root, STR("id")));
	if (str_eq(type, STR("content-start")) || str_eq(type, STR("content-delta")))
		return on_content(o, message);
	if (str_eq(type, STR("tool-plan-delta")))
		return delta(o, PART_TEXT, json_get_jstr(message, STR("tool_plan")));
	if (str_eq(type, STR("tool-call-start")) || str_eq(type, STR("tool-call-delta")))
		return on_call(o, message, str_eq(type, STR("tool-call-start")));
	if (str_eq(type, STR("content-end")) || str_eq(type, STR("tool-call-end")))
		return close_block(o);
	if (str_eq(type, STR("message-end")))
		return on_end(o, d);
	if (type.p == NULL && json_get_jstr(root, STR("message")).n > 0)
		return fail(o, 500, json_get_jstr(root, STR("message")));
	return 0; /* citations, and what is not known */
}

int cohere_read_event(struct chat_stream *s, struct chat_context *cx, struct str name,
	struct str data, chat_emit_f *emit_f, void *arg)
{
	struct out o = { s, emit_f, arg };
	struct json_node *root;
	struct json_fail f;

	(void)name;
	if (s->over || str_eq(data, STR("[DONE]")))
		return 0;
	if (json_tree_parse(cx->arena, data, COHERE_VALUES, &root, &f) != 0)
		return chat_fail(cx, "an event is no JSON: %s", json_error_text(f.err));
	return dispatch(&o, root);
}

int cohere_read_end(struct chat_stream *s, struct chat_context *cx, chat_emit_f *emit_f, void *arg)
{
	struct out o = { s, emit_f, arg };

	(void)cx;
	if (s->over)
		return 0;
	return fail(&o, 502, STR("The provider's stream ended before the answer did."));
}
