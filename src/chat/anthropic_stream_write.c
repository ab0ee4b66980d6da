/*
 * anthropic_stream_write.c: the hub's events as a stream of the messages API: message_start, then
 * blocks by index, each stopped before the next begins, message_delta with the exact usage, and
 * message_stop (providers.md 10.3). The state lives in the arena that the stream was opened with;
 * any thread.
 */
#include "chat/anthropic.h"

struct out {
	struct str id, model; /* for a stream whose provider tells none */
	struct usage usage;
	unsigned index; /* of the block that is open, or of the next one */
	bool started, open, ended;
	enum chat_finish finish;
	struct str stop_sequence;
	struct arena *arena;
};

struct chat_stream *anthropic_out_open(struct chat_context *cx, const struct chat_request *rq)
{
	struct out *s = arena_zalloc(cx->arena, sizeof *s);

	(void)rq;
	if (s == NULL)
		return NULL;
	s->arena = cx->arena;
	s->id = cx->id;
	s->model = cx->model;
	/* Clients that read the start only want a figure there (litellm#31069) */
	s->usage.n[USAGE_IN] = cx->input_estimate;
	return (struct chat_stream *)(void *)s;
}

static void begin(struct json_out *o, const char *name)
{
	o->comma = false;
	jo_lit(o, "event: ");
	jo_bytes(o, str_z(name));
	jo_lit(o, "\ndata: ");
	jo_obj(o);
	jo_m_text(o, "type", str_z(name));
}

static void end(struct json_out *o)
{
	jo_obj_end(o);
	jo_lit(o, "\n\n");
	o->comma = false;
}

static void write_start(struct out *s, const struct chat_event *e, struct json_out *o)
{
	if (s->started)
		return;
	s->started = true;
	if (e->kind == EVENT_START && e->usage != NULL)
		s->usage = *e->usage;
	begin(o, "message_start");
	jo_key(o, "message");
	jo_obj(o);
	jo_m_jstr(o, "id", e->kind == EVENT_START && e->id.n > 0 ? e->id : s->id);
	jo_m_lit(o, "type", "message");
	jo_m_lit(o, "role", "assistant");
	jo_m_jstr(o, "model", e->kind == EVENT_START && e->model.n > 0 ? e->model : s->model);
	jo_key(o, "content");
	jo_arr(o);
	jo_arr_end(o);
	jo_key(o, "stop_reason");
	jo_null(o);
	jo_key(o, "stop_sequence");
	jo_null(o);
	anthropic_usage_write(o, &s->usage);
	jo_obj_end(o);
	end(o);
}

static void write_stop(struct out *s, struct json_out *o)
{
	if (!s->open)
		return;
	s->open = false;
	begin(o, "content_block_stop");
	jo_m_u64(o, "index", s->index++);
	end(o);
}

static void write_open(struct out *s, const struct chat_event *e, struct json_out *o)
{
	write_stop(s, o);
	s->open = true;
	begin(o, "content_block_start");
	jo_m_u64(o, "index", s->index);
	jo_key(o, "content_block");
	jo_obj(o);
	if (e->part == PART_CALL) {
		jo_m_lit(o, "type", "tool_use");
		jo_m_jstr(o, "id", e->id);
		jo_m_jstr(o, "name", e->name);
		jo_m_raw(o, "input", STR("{}"));
	} else if (e->part == PART_THINKING) {
		jo_m_lit(o, "type", "thinking");
		jo_m_lit(o, "thinking", "");
		jo_m_lit(o, "signature", "");
	} else if (e->part == PART_REDACTED) {
		jo_m_lit(o, "type", "redacted_thinking");
		jo_m_jstr(o, "data", e->data);
	} else {
		jo_m_lit(o, "type", "text");
		jo_m_lit(o, "text", "");
	}
	jo_obj_end(o);
	end(o);
}

static void write_delta(
	struct out *s, const char *type, const char *key, struct str jstr, struct json_out *o)
{
	if (!s->open || jstr.n == 0)
		return;
	begin(o, "content_block_delta");
	jo_m_u64(o, "index", s->index);
	jo_key(o, "delta");
	jo_obj(o);
	jo_m_text(o, "type", str_z(type));
	jo_m_jstr(o, key, jstr);
	jo_obj_end(o);
	end(o);
}

static void write_piece(struct out *s, const struct chat_event *e, struct json_out *o)
{
	if (e->part == PART_CALL)
		write_delta(s, "input_json_delta", "partial_json", e->text, o);
	else if (e->part == PART_THINKING)
		write_delta(s, "thinking_delta", "thinking", e->text, o);
	else if (e->part == PART_TEXT || e->part == PART_REFUSAL)
		write_delta(s, "text_delta", "text", e->text, o);
}

/* The API has no media in answers: they are told of. */
static void write_media(struct out *s, const struct chat_event *e, struct json_out *o)
{
	if (chat_is_media(e->part))
		write_delta(s, "text_delta", "text", chat_media_text_event(s->arena, e), o);
}

static void write_end(struct out *s, const struct chat_event *e, struct json_out *o)
{
	write_start(s, e, o);
	write_stop(s, o);
	begin(o, "message_delta");
	jo_key(o, "delta");
	jo_obj(o);
	jo_m_text(o, "stop_reason", str_z(anthropic_stop_reason(s->finish)));
	jo_key(o, "stop_sequence");
	if (s->finish == FINISH_STOP_SEQUENCE && s->stop_sequence.p != NULL)
		jo_jstr(o, s->stop_sequence);
	else
		jo_null(o);
	jo_obj_end(o);
	anthropic_usage_write(o, &s->usage);
	end(o);
	begin(o, "message_stop");
	end(o);
	s->ended = true;
}

static void write_failure(struct out *s, const struct chat_error *error, struct json_out *o)
{
	static const struct chat_error none = { .status = 500 };

	o->comma = false;
	jo_lit(o, "event: error\ndata: ");
	anthropic_error_object(error != NULL ? error : &none, o);
	jo_lit(o, "\n\n");
	o->comma = false;
	s->ended = true;
}

static void keep_finish(struct out *s, const struct chat_event *e)
{
	s->finish = e->finish;
	s->stop_sequence =
		e->stop_sequence.p != NULL ? arena_dup(s->arena, e->stop_sequence) : STR_NONE;
}

void anthropic_write_event(
	struct chat_stream *stream, const struct chat_event *e, struct json_out *o)
{
	struct out *s = (void *)stream;

	if (s->ended || e->choice != 0) /* the dialect has one answer */
		return;
	switch (e->kind) {
	case EVENT_START: write_start(s, e, o); break;
	case EVENT_OPEN:
		write_start(s, e, o);
		write_open(s, e, o);
		write_media(s, e, o);
		break;
	case EVENT_DELTA: write_piece(s, e, o); break;
	case EVENT_CLOSE:
		if (e->part == PART_THINKING)
			write_delta(s, "signature_delta", "signature", e->signature, o);
		write_stop(s, o);
		break;
	case EVENT_FINISH: keep_finish(s, e); break;
	case EVENT_USAGE:
		if (e->usage != NULL)
			s->usage = *e->usage;
		break;
	case EVENT_END: write_end(s, e, o); break;
	case EVENT_ERROR: write_failure(s, e->error, o); break;
	}
}
