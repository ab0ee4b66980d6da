/*
 * responses_read.c: what a provider of the Responses API answers, read: the response object, and
 * its stream of events (providers.md 11). Items come one after the other and are keyed by their
 * output_index, since relays change their ids; a call that comes beside another is told when it is
 * whole. Of the provider's own tools only what they made for the reader is told: pictures. Of
 * sound the transcript is told, and how much there was. Pure; any thread.
 */
#include "chat/responses_int.h"

#define NODES          65536
#define THOUGHTS_FIRST 64

/* ---- both */

static int too_large(struct chat_context *cx)
{
	return chat_fail(cx, "The provider's answer is too large to be translated.");
}

/* "encrypted:" before it says whose it is, when it comes back; absent: absent. */
static int opaque(struct chat_context *cx, const struct json_node *item, struct str *value)
{
	*value = json_get_jstr(item, STR("encrypted_content"));
	if (value->n == 0) {
		*value = STR_NONE;
		return 0;
	}
	*value = arena_printf(cx->arena, CHAT_ENCRYPTED "%.*s", STR_FMT(*value));
	return value->p != NULL ? 0 : too_large(cx);
}

static enum chat_finish finish_of(const struct json_node *response, bool calls)
{
	struct str status = json_get_jstr(response, STR("status"));
	struct str why =
		json_get_jstr(json_get(response, STR("incomplete_details")), STR("reason"));

	if (str_eq(status, STR("incomplete")))
		return str_eq(why, STR("content_filter")) ? FINISH_FILTER : FINISH_LENGTH;
	if (str_eq(status, STR("failed")) || str_eq(status, STR("cancelled")))
		return FINISH_ERROR;
	return chat_finish_of(FINISH_STOP, calls);
}

static void read_usage(const struct json_node *response, struct usage *u)
{
	struct openai_figures f = { 0 };

	openai_figures_read(&f, json_get(response, STR("usage")));
	openai_figures_usage(&f, u);
}

typedef int picture_f(void *arg, struct chat_part *p);

/* In base64; of one that failed a text says so. */
static int generated_picture(
	struct chat_context *cx, const struct json_node *item, picture_f *tell, void *arg)
{
	struct str format = json_get_jstr(item, STR("output_format"));
	struct chat_part p = { .kind = PART_IMAGE, .data = json_get_jstr(item, STR("result")) };
	struct chat_media m = { .kind = PART_IMAGE, .url = STR("failed") };

	p.mime = arena_printf(cx->arena, "image/%.*s", STR_FMT(format.n > 0 ? format : STR("png")));
	if (p.data.n > 0)
		return tell(arg, &p);
	if (!str_eq(json_get_jstr(item, STR("status")), STR("failed")))
		return 0;
	m.mime = p.mime;
	p = (struct chat_part){ .kind = PART_TEXT, .text = chat_media_text(cx->arena, &m) };
	return tell(arg, &p);
}

/* What an item has drawn: an image_generation_call; a program of the provider's own, at URLs. */
static int pictures_of(
	struct chat_context *cx, const struct json_node *item, picture_f *tell, void *arg)
{
	struct str type = json_get_jstr(item, STR("type"));

	if (str_eq(type, STR("image_generation_call")))
		return generated_picture(cx, item, tell, arg);
	if (!str_eq(type, STR("code_interpreter_call")))
		return 0;
	json_each(v, json_get_type(item, STR("outputs"), JSON_ARRAY))
	{
		struct str url = json_get_jstr(v, STR("url"));
		struct chat_part p = { .kind = PART_IMAGE };

		openai_read_image(&p, url, STR_NONE);
		if (url.n > 0 && tell(arg, &p) != 0)
			return -1;
	}
	return 0;
}

/* ---- a whole answer */

struct reader {
	struct chat_context *cx;
	struct chat_part **tail;
	bool failed;
};

static struct chat_part *add(struct reader *r, enum chat_part_kind kind)
{
	struct chat_part *p = CHAT_NEW(r->cx, chat_part);

	if (p == NULL) {
		r->failed = true;
		return NULL;
	}
	p->kind = kind;
	*r->tail = p;
	r->tail = &p->next;
	return p;
}

static void add_text(struct reader *r, enum chat_part_kind kind, struct str text)
{
	struct chat_part *p = text.n > 0 ? add(r, kind) : NULL;

	if (p != NULL)
		p->text = text;
}

static void read_message(struct reader *r, const struct json_node *item)
{
	json_each(c, json_get_type(item, STR("content"), JSON_ARRAY))
	{
		struct str sound = json_get_jstr(c, STR("data"));

		add_text(r, PART_REFUSAL, json_get_jstr(c, STR("refusal")));
		add_text(r, PART_TEXT, json_get_jstr(c, STR("text")));
		add_text(r, PART_TEXT, json_get_jstr(c, STR("transcript")));
		if (sound.n > 0)
			add_text(r, PART_TEXT,
				openai_audio_text(r->cx->arena, chat_base64_bytes(sound)));
	}
}

/* Its summary; of open models the thoughts themselves. -1: no memory. */
static int thoughts(struct reader *r, const struct json_node *item, struct str *text)
{
	const struct json_node *list = json_get_type(item, STR("summary"), JSON_ARRAY);
	struct arena_buf all = { 0 };

	if (list == NULL || list->child == NULL)
		list = json_get_type(item, STR("content"), JSON_ARRAY);
	json_each(s, list)
	{
		struct str between = all.n > 0 ? STR("\\n\\n") : STR("");

		if (arena_buf_put(r->cx->arena, &all, between, THOUGHTS_FIRST) != 0 ||
			arena_buf_put(r->cx->arena, &all, json_get_jstr(s, STR("text")),
				THOUGHTS_FIRST) != 0)
			return -1;
	}
	*text = str_mk(all.p, all.n);
	return 0;
}

static void read_reasoning(struct reader *r, const struct json_node *item)
{
	struct str text = STR_NONE, value = STR_NONE;
	struct chat_part *p;

	r->failed |= thoughts(r, item, &text) != 0 || opaque(r->cx, item, &value) != 0;
	if (text.n == 0 && value.n == 0)
		return;
	p = add(r, text.n > 0 ? PART_THINKING : PART_REDACTED);
	if (p == NULL)
		return;
	p->text = text;
	*(text.n > 0 ? &p->signature : &p->data) = value;
}

static void read_call(struct reader *r, const struct json_node *item)
{
	struct chat_part *p = add(r, PART_CALL);

	if (p == NULL)
		return;
	p->id = json_get_jstr(item, STR("call_id"));
	p->name = json_get_jstr(item, STR("name"));
	p->args = chat_args_of_jstr(r->cx, json_get_jstr(item, STR("arguments")));
	r->failed |= p->args.n == 0;
}

static int add_picture(void *arg, struct chat_part *picture)
{
	struct chat_part *p = add(arg, picture->kind);

	if (p == NULL)
		return -1;
	p->text = picture->text;
	p->mime = picture->mime;
	p->data = picture->data;
	p->url = picture->url;
	return 0;
}

static void read_item(struct reader *r, const struct json_node *item)
{
	struct str type = json_get_jstr(item, STR("type"));

	if (str_eq(type, STR("message")))
		read_message(r, item);
	else if (str_eq(type, STR("reasoning")))
		read_reasoning(r, item);
	else if (str_eq(type, STR("function_call")))
		read_call(r, item);
	else
		(void)pictures_of(r->cx, item, add_picture, r); /* r->failed says it */
}

int responses_read_answer(
	struct chat_context *cx, const struct json_node *root, struct chat_answer *a)
{
	const struct json_node *output = json_get_type(root, STR("output"), JSON_ARRAY);
	struct chat_choice *c = &a->choice[0];
	struct reader r = { .cx = cx, .tail = &c->part };

	*a = (struct chat_answer){ .id = json_get_jstr(root, STR("id")),
		.model = json_get_jstr(root, STR("model")) };
	if (output == NULL)
		return chat_fail(cx, "The provider's answer has no output.");
	json_each(item, output) read_item(&r, item);
	if (r.failed)
		return too_large(cx);
	a->n_choices = 1;
	c->finish = finish_of(root, chat_has_calls(c->part));
	read_usage(root, &a->usage);
	a->reasoning = a->usage.n[USAGE_OUT_REASONING];
	return 0;
}

/* ---- a stream */

struct chat_stream {
	bool started, open, told, calls, over;
	enum chat_part_kind kind; /* of the open block */
	uint64_t index;           /* of its item */
	uint64_t sound;           /* bytes that came */
};

struct out {
	struct chat_stream *s;
	struct chat_context *cx;
	chat_emit_f *emit;
	void *arg;
};

struct chat_stream *responses_in_open(struct chat_context *cx, const struct chat_request *rq)
{
	(void)rq;
	return CHAT_NEW(cx, chat_stream);
}

static int emit(const struct out *o, const struct chat_event *e)
{
	return o->emit(o->arg, e);
}

static int start(const struct out *o, const struct json_node *response)
{
	struct chat_event e = { .kind = EVENT_START,
		.id = json_get_jstr(response, STR("id")),
		.model = json_get_jstr(response, STR("model")) };

	if (o->s->started)
		return 0;
	o->s->started = true;
	return emit(o, &e);
}

static int close_block(const struct out *o, struct str signature)
{
	struct chat_event e = { .kind = EVENT_CLOSE, .part = o->s->kind, .signature = signature };

	if (!o->s->open)
		return 0;
	o->s->open = false;
	return emit(o, &e);
}

/* e: an OPEN */
static int open_block(const struct out *o, const struct chat_event *e, uint64_t index)
{
	if (start(o, NULL) != 0 || close_block(o, STR_NONE) != 0)
		return -1;
	o->s->open = true;
	o->s->told = false;
	o->s->kind = e->part;
	o->s->index = index;
	return emit(o, e);
}

static int say(const struct out *o, enum chat_part_kind kind, struct str text)
{
	struct chat_event e = { .kind = EVENT_DELTA, .part = kind, .text = text };

	if (text.n == 0)
		return 0;
	o->s->told = true;
	return emit(o, &e);
}

static uint64_t index_of(const struct json_node *root)
{
	uint64_t n = 0;

	return json_node_u64(json_get(root, STR("output_index")), &n) == 0 ? n : 0;
}

/* Text of an item; calls are opened by their items. */
static int on_delta(const struct out *o, const struct json_node *root, enum chat_part_kind kind)
{
	const struct chat_event e = { .kind = EVENT_OPEN, .part = kind };
	struct str text = json_get_jstr(root, STR("delta"));
	bool mine = o->s->open && o->s->kind == kind && o->s->index == index_of(root);

	if (text.n == 0 || (kind == PART_CALL && !mine))
		return 0;
	if (!mine && open_block(o, &e, index_of(root)) != 0)
		return -1;
	return say(o, kind, text);
}

/* A further part of a summary: a paragraph. */
static int on_summary_part(const struct out *o, const struct json_node *root)
{
	bool mine = o->s->open && o->s->kind == PART_THINKING && o->s->index == index_of(root);

	return mine && o->s->told ? say(o, PART_THINKING, STR("\\n\\n")) : 0;
}

static int open_call(const struct out *o, const struct json_node *item, uint64_t index)
{
	struct chat_event e = { .kind = EVENT_OPEN,
		.part = PART_CALL,
		.id = json_get_jstr(item, STR("call_id")),
		.name = json_get_jstr(item, STR("name")) };

	o->s->calls = true;
	return open_block(o, &e, index);
}

static int on_added(const struct out *o, const struct json_node *root)
{
	const struct json_node *item = json_get(root, STR("item"));
	bool beside = o->s->open && o->s->kind == PART_CALL;

	if (!str_eq(json_get_jstr(item, STR("type")), STR("function_call")) || beside)
		return 0;
	return open_call(o, item, index_of(root));
}

static int call_done(const struct out *o, const struct json_node *item, uint64_t index)
{
	bool mine = o->s->open && o->s->kind == PART_CALL && o->s->index == index;

	if (!mine && open_call(o, item, index) != 0)
		return -1;
	if (!o->s->told && say(o, PART_CALL, json_get_jstr(item, STR("arguments"))) != 0)
		return -1;
	return close_block(o, STR_NONE);
}

static int reasoning_done(const struct out *o, const struct json_node *item, uint64_t index)
{
	bool mine = o->s->open && o->s->kind == PART_THINKING && o->s->index == index;
	struct chat_event e = { .kind = EVENT_OPEN, .part = PART_REDACTED };

	if (opaque(o->cx, item, &e.data) != 0)
		return -1;
	if (mine)
		return close_block(o, e.data);
	if (e.data.n == 0)
		return 0;
	return open_block(o, &e, index) != 0 ? -1 : close_block(o, STR_NONE);
}

static int tell_picture(void *arg, struct chat_part *p)
{
	const struct out *o = arg;
	const struct chat_event e = {
		.kind = EVENT_OPEN, .part = p->kind, .mime = p->mime, .data = p->data, .url = p->url
	};

	if (open_block(o, &e, o->s->index) != 0 || say(o, p->kind, p->text) != 0)
		return -1;
	return close_block(o, STR_NONE);
}

static int on_done(const struct out *o, const struct json_node *root)
{
	const struct json_node *item = json_get(root, STR("item"));
	struct str type = json_get_jstr(item, STR("type"));
	uint64_t index = index_of(root);

	if (str_eq(type, STR("function_call")))
		return call_done(o, item, index);
	if (str_eq(type, STR("reasoning")))
		return reasoning_done(o, item, index);
	if (o->s->open && o->s->kind != PART_CALL && o->s->index == index)
		return close_block(o, STR_NONE);
	return pictures_of(o->cx, item, tell_picture, (void *)(uintptr_t)o);
}

static int fail(const struct out *o, const struct chat_error *e)
{
	o->s->over = true;
	return emit(o, &(struct chat_event){ .kind = EVENT_ERROR, .error = e });
}

/* response.failed has it in its response; `error` events flat, or in an object. */
static int on_error(const struct out *o, const struct json_node *root)
{
	const struct json_node *response = json_get_type(root, STR("response"), JSON_OBJECT);
	struct chat_error e = { 0 };

	openai_read_error(o->cx, response != NULL ? response : root, &e);
	if (str_eq(e.type, STR("error")))
		e.type = STR_NONE; /* the event's */
	return fail(o, &e);
}

static int on_sound(const struct out *o, const struct json_node *root)
{
	o->s->sound += chat_base64_bytes(json_get_jstr(root, STR("delta")));
	return 0;
}

static int tell_sound(const struct out *o)
{
	const struct chat_event e = { .kind = EVENT_OPEN, .part = PART_TEXT };

	if (o->s->sound == 0)
		return 0;
	if (open_block(o, &e, o->s->index) != 0 ||
		say(o, PART_TEXT, openai_audio_text(o->cx->arena, o->s->sound)) != 0)
		return -1;
	return close_block(o, STR_NONE);
}

static int on_end(const struct out *o, const struct json_node *root)
{
	const struct json_node *response = json_get_type(root, STR("response"), JSON_OBJECT);
	struct chat_event e = { .kind = EVENT_FINISH };
	struct usage usage;

	if (start(o, response) != 0 || close_block(o, STR_NONE) != 0 || tell_sound(o) != 0)
		return -1;
	e.finish = finish_of(response, o->s->calls);
	if (emit(o, &e) != 0)
		return -1;
	read_usage(response, &usage);
	e = (struct chat_event){ .kind = EVENT_USAGE, .usage = &usage };
	if (usage.source != USAGE_ABSENT && emit(o, &e) != 0)
		return -1;
	o->s->over = true;
	return emit(o, &(struct chat_event){ .kind = EVENT_END });
}

static int on_begin(const struct out *o, const struct json_node *root)
{
	return start(o, json_get(root, STR("response")));
}

static const struct {
	struct str type;
	int (*on)(const struct out *, const struct json_node *root);
	bool is_delta;
	enum chat_part_kind kind;
} events[] = {
	{ STR("response.output_text.delta"), NULL, true, PART_TEXT },
	{ STR("response.function_call_arguments.delta"), NULL, true, PART_CALL },
	{ STR("response.reasoning_summary_text.delta"), NULL, true, PART_THINKING },
	{ STR("response.reasoning_text.delta"), NULL, true, PART_THINKING },
	{ STR("response.refusal.delta"), NULL, true, PART_REFUSAL },
	{ STR("response.audio.transcript.delta"), NULL, true, PART_TEXT },
	{ STR("response.audio.delta"), on_sound, false, PART_TEXT },
	{ STR("response.created"), on_begin, false, PART_TEXT },
	{ STR("response.reasoning_summary_part.added"), on_summary_part, false, PART_TEXT },
	{ STR("response.output_item.added"), on_added, false, PART_TEXT },
	{ STR("response.output_item.done"), on_done, false, PART_TEXT },
	{ STR("response.completed"), on_end, false, PART_TEXT },
	{ STR("response.incomplete"), on_end, false, PART_TEXT },
	{ STR("response.failed"), on_error, false, PART_TEXT },
	{ STR("error"), on_error, false, PART_TEXT },
};

int responses_read_event(struct chat_stream *s, struct chat_context *cx, struct str name,
	struct str data, chat_emit_f *f, void *arg)
{
	const struct out o = { s, cx, f, arg };
	struct json_node *root;
	struct json_fail bad;
	struct str type;

	if (s->over || data.n == 0 || data.p[0] == '[')
		return 0;
	if (json_tree_parse(cx->arena, data, NODES, &root, &bad) != 0)
		return chat_fail(cx, "an event of the provider's stream is no JSON (%s)",
			json_error_text(bad.err));
	type = json_get_jstr(root, STR("type"));
	if (type.n == 0)
		type = json_get(root, STR("error")) != NULL ? STR("error") : name;
	for (size_t i = 0; i < TG_ARRAY_LEN(events); i++) {
		if (!str_eq(type, events[i].type))
			continue;
		return events[i].is_delta ? on_delta(&o, root, events[i].kind)
					  : events[i].on(&o, root);
	}
	return 0;
}

int responses_read_end(struct chat_stream *s, struct chat_context *cx, chat_emit_f *f, void *arg)
{
	const struct out o = { s, cx, f, arg };
	const struct chat_error e = { .status = 502,
		.message = STR("The provider's stream ended before response.completed.") };

	return s->over ? 0 : fail(&o, &e);
}
