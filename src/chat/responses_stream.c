/*
 * responses_stream.c: events as a stream of the Responses API. Every item is told when it begins,
 * as it grows, and as a whole when it is done; the whole response comes last. So the answer's text
 * is kept, in pieces in the request's arena, until then. Owns the place in one stream; its worker.
 */
#include "chat/responses_int.h"

struct chat_stream {
	struct chat_context cx; /* with the request's arena */
	struct responses_object r;
	struct responses_item *first, **tail, *open;
	uint64_t sequence;
	size_t n_items;
	struct usage usage;
	enum chat_finish finish;
	bool ended;
};

struct chat_stream *responses_out_open(struct chat_context *cx, const struct chat_request *rq)
{
	struct chat_stream *s = CHAT_NEW(cx, chat_stream);

	(void)rq;
	if (s == NULL)
		return NULL;
	s->cx = *cx;
	s->r = (struct responses_object){
		.id = cx->id, .model = cx->model, .created = cx->created, .status = "in_progress"
	};
	s->tail = &s->first;
	return s;
}

/* ---- events */

static void begin(struct chat_stream *s, const char *type, struct json_out *o)
{
	jo_lit(o, "event: ");
	jo_bytes(o, str_z(type));
	jo_lit(o, "\ndata: ");
	jo_obj(o);
	jo_m_text(o, "type", str_z(type));
	jo_m_u64(o, "sequence_number", s->sequence++);
}

static void end(struct json_out *o)
{
	jo_obj_end(o);
	jo_lit(o, "\n\n");
}

static void response_event(struct chat_stream *s, const char *type, struct json_out *o)
{
	begin(s, type, o);
	jo_key(o, "response");
	responses_write_object(o, &s->r);
	end(o);
}

static void item_event(struct chat_stream *s, const char *type, const struct responses_item *i,
	const char *status, struct json_out *o)
{
	begin(s, type, o);
	jo_m_u64(o, "output_index", i->index);
	jo_key(o, "item");
	responses_write_item(o, s->r.id, i, status);
	end(o);
}

/* An event within an item, up to the members of its own. */
static void begin_in(
	struct chat_stream *s, const char *type, const struct responses_item *i, struct json_out *o)
{
	begin(s, type, o);
	jo_key(o, "item_id");
	responses_write_item_id(o, s->r.id, i);
	jo_m_u64(o, "output_index", i->index);
	if (i->kind == PART_THINKING)
		jo_m_u64(o, "summary_index", 0);
	else if (i->kind != PART_CALL && i->kind != PART_IMAGE)
		jo_m_u64(o, "content_index", 0);
}

/* "response.<what the item's text is><what>". */
static void text_event(struct chat_stream *s, const struct responses_item *i,
	const struct str *delta, struct json_out *o)
{
	static const struct {
		const char *delta, *done, *key;
	} names[] = {
		[PART_TEXT] = { "response.output_text.delta", "response.output_text.done", "text" },
		[PART_REFUSAL] = { "response.refusal.delta", "response.refusal.done", "refusal" },
		[PART_THINKING] = { "response.reasoning_summary_text.delta",
			"response.reasoning_summary_text.done", "text" },
		[PART_CALL] = { "response.function_call_arguments.delta",
			"response.function_call_arguments.done", "arguments" },
	};

	begin_in(s, delta != NULL ? names[i->kind].delta : names[i->kind].done, i, o);
	if (i->kind == PART_CALL && delta == NULL)
		jo_m_jstr(o, "name", i->name);
	jo_key(o, delta != NULL ? "delta" : names[i->kind].key);
	if (delta != NULL)
		jo_jstr(o, *delta);
	else
		responses_write_text(o, i);
	if (i->kind == PART_TEXT)
		jo_m_raw(o, "logprobs", STR("[]"));
	end(o);
}

static void content_part_event(
	struct chat_stream *s, const struct responses_item *i, bool done, struct json_out *o)
{
	begin_in(s, done ? "response.content_part.done" : "response.content_part.added", i, o);
	jo_key(o, "part");
	responses_write_part(o, i, !done);
	end(o);
}

static void summary_part_event(
	struct chat_stream *s, const struct responses_item *i, bool done, struct json_out *o)
{
	begin_in(s,
		done ? "response.reasoning_summary_part.done"
		     : "response.reasoning_summary_part.added",
		i, o);
	jo_key(o, "part");
	jo_obj(o);
	jo_m_lit(o, "type", "summary_text");
	jo_key(o, "text");
	if (done)
		responses_write_text(o, i);
	else
		jo_text(o, STR(""));
	jo_obj_end(o);
	end(o);
}

/* ---- items */

static void fail(struct chat_stream *s, const struct chat_error *e, struct json_out *o);

static void fail_memory(struct chat_stream *s, struct json_out *o)
{
	const struct chat_error e = { .status = 503,
		.message = STR("The answer is too large to be translated.") };

	fail(s, &e, o);
}

static struct responses_item *add_item(
	struct chat_stream *s, enum chat_part_kind kind, struct json_out *o)
{
	struct responses_item *i = CHAT_NEW(&s->cx, responses_item);

	if (i == NULL) {
		fail_memory(s, o);
		return NULL;
	}
	i->kind = kind;
	i->index = s->n_items++;
	i->tail = &i->piece;
	*s->tail = i;
	s->tail = &i->next;
	return i;
}

static void add_piece(struct chat_stream *s, struct str text, struct json_out *o)
{
	struct responses_piece *p = CHAT_NEW(&s->cx, responses_piece);

	if (p != NULL)
		p->text = arena_dup(s->cx.arena, text);
	if (p == NULL || p->text.p == NULL) {
		fail_memory(s, o);
		return;
	}
	*s->open->tail = p;
	s->open->tail = &p->next;
}

static void set_opaque(
	struct chat_stream *s, struct responses_item *i, enum responses_opaque what, struct str v)
{
	i->value = arena_dup(s->cx.arena, v);
	i->opaque = i->value.p != NULL ? what : OPAQUE_NONE;
}

/* One that has nothing to grow. */
static void whole_item(
	struct chat_stream *s, enum responses_opaque what, struct str value, struct json_out *o)
{
	struct responses_item *i = add_item(s, PART_THINKING, o);

	if (i == NULL)
		return;
	set_opaque(s, i, what, value);
	item_event(s, "response.output_item.added", i, "in_progress", o);
	item_event(s, "response.output_item.done", i, "completed", o);
}

static void write_open(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	struct responses_item *i;

	if (e->part == PART_REDACTED) {
		whole_item(s, OPAQUE_REDACTED, e->data, o);
		return;
	}
	i = add_item(s, e->part, o);
	if (i == NULL)
		return;
	s->open = i;
	if (e->part == PART_CALL) {
		i->id = arena_dup(s->cx.arena, e->id);
		i->name = arena_dup(s->cx.arena, e->name);
		i->space = responses_space_of(&s->cx, &i->name);
	}
	item_event(s, "response.output_item.added", i, "in_progress", o);
	if (e->part == PART_TEXT || e->part == PART_REFUSAL)
		content_part_event(s, i, false, o);
}

static void grow(struct chat_stream *s, struct str text, struct json_out *o)
{
	if (s->open->kind == PART_THINKING && s->open->piece == NULL)
		summary_part_event(s, s->open, false, o);
	add_piece(s, text, o);
	if (!s->ended)
		text_event(s, s->open, &text, o);
}

static void end_text(struct chat_stream *s, const struct responses_item *i, struct json_out *o)
{
	if (i->kind == PART_THINKING && i->piece == NULL)
		return;
	text_event(s, i, NULL, o);
	if (i->kind == PART_THINKING)
		summary_part_event(s, i, true, o);
	else if (i->kind != PART_CALL)
		content_part_event(s, i, true, o);
}

/* Arguments that nobody sent are an empty object. */
static void write_close(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	struct responses_item *i = s->open;

	if (i == NULL)
		return;
	if (i->kind == PART_CALL && i->piece == NULL)
		grow(s, STR("{}"), o);
	if (s->ended)
		return;
	if (i->kind == PART_THINKING && e->signature.p != NULL)
		set_opaque(s, i, OPAQUE_THINKING, e->signature);
	end_text(s, i, o);
	item_event(s, "response.output_item.done", i, "completed", o);
	s->open = NULL;
	if (i->kind != PART_THINKING && e->signature.p != NULL)
		whole_item(s, OPAQUE_SIGNATURE, e->signature, o);
}

/* An event of a picture that is drawn, without members of its own. */
static void picture_event(
	struct chat_stream *s, const char *type, const struct responses_item *i, struct json_out *o)
{
	begin_in(s, type, i, o);
	end(o);
}

static void write_picture(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	struct responses_item *i = add_item(s, PART_IMAGE, o);

	if (i == NULL)
		return;
	i->value = arena_dup(s->cx.arena, e->data);
	i->format = arena_dup(s->cx.arena, responses_picture_format(e->mime));
	if (i->value.p == NULL || i->format.p == NULL) {
		fail_memory(s, o);
		return;
	}
	item_event(s, "response.output_item.added", i, "in_progress", o);
	picture_event(s, "response.image_generation_call.in_progress", i, o);
	picture_event(s, "response.image_generation_call.generating", i, o);
	picture_event(s, "response.image_generation_call.completed", i, o);
	item_event(s, "response.output_item.done", i, "completed", o);
}

/* Pictures are items of their own, whole when they come; other media are told of, in a text. */
static void write_media(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	const struct chat_event text = { .kind = e->kind, .part = PART_TEXT };

	if (e->kind == EVENT_CLOSE) {
		if (s->open != NULL)
			write_close(s, &text, o);
		else if (e->signature.p != NULL)
			whole_item(s, OPAQUE_SIGNATURE, e->signature, o);
		return;
	}
	if (responses_media_fits(e->part, e->data)) {
		write_picture(s, e, o);
		return;
	}
	write_open(s, &text, o);
	if (!s->ended)
		grow(s, chat_media_text_event(s->cx.arena, e), o);
}

/* ---- the response */

static void write_start(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	struct str model = e->model.n > 0 ? arena_dup(s->cx.arena, e->model) : STR_NONE;

	if (model.n > 0)
		s->r.model = model;
	response_event(s, "response.created", o);
	response_event(s, "response.in_progress", o);
}

static void write_end(struct chat_stream *s, struct json_out *o)
{
	responses_finish(&s->r, s->finish);
	s->r.item = s->first;
	s->ended = true;
	response_event(s,
		s->r.error != NULL ? "response.failed"
		: s->r.why != NULL ? "response.incomplete"
				   : "response.completed",
		o);
}

static void write_or_null(struct json_out *o, const char *key, struct str jstr)
{
	jo_key(o, key);
	if (jstr.p != NULL)
		jo_jstr(o, jstr);
	else
		jo_null(o);
}

/*
 * The error as an event, then the response that failed: clients look for one or the other. The
 * members stand flat, as the specification has them, and in an object, as the provider itself sends
 * them and SDKs throw at.
 */
static void fail(struct chat_stream *s, const struct chat_error *e, struct json_out *o)
{
	if (s->ended)
		return;
	s->ended = true;
	begin(s, "error", o);
	write_or_null(o, "code", e->code.p != NULL ? e->code : e->type);
	jo_m_jstr(o, "message", e->message.n > 0 ? e->message : STR("The provider failed."));
	write_or_null(o, "param", e->param);
	jo_key(o, "error");
	openai_write_error_object(e, o);
	end(o);
	if (s->open != NULL)
		s->open->cut = true;
	s->r.status = "failed";
	s->r.error = e;
	s->r.item = s->first;
	response_event(s, "response.failed", o);
	s->r.error = NULL; /* it was the caller's */
}

void responses_write_event(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	if (s->ended || e->choice != 0)
		return;
	if (chat_is_media(e->part)) {
		write_media(s, e, o);
		return;
	}
	switch (e->kind) {
	case EVENT_START: write_start(s, e, o); break;
	case EVENT_OPEN: write_open(s, e, o); break;
	case EVENT_DELTA:
		if (s->open != NULL && e->text.n > 0)
			grow(s, e->text, o);
		break;
	case EVENT_CLOSE: write_close(s, e, o); break;
	case EVENT_FINISH: s->finish = e->finish; break;
	case EVENT_USAGE:
		s->usage = *e->usage;
		s->r.usage = &s->usage;
		break;
	case EVENT_END: write_end(s, o); break;
	case EVENT_ERROR: fail(s, e->error, o); break;
	}
}
