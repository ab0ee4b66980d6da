/*
 * gemini_stream_write.c: events as chunks for a client of Gemini's (providers.md 3): as events
 * ("data: {...}" and CRLF twice) or, without alt=sse, as the elements of one array. A call is told
 * in one part when its arguments are complete; finish reasons and usage come in the last chunk,
 * since usage may come behind them. Pure; any thread.
 */
#include "chat/gemini_int.h"

#define ARGS_FIRST 256

struct out_choice {
	bool seen, finished;
	enum chat_finish finish;
	/* the call in work */
	struct str id, name;
	struct arena_buf args; /* a jstr so far */
};

struct chat_stream {
	struct chat_context *cx; /* of the request: lasts as long as the stream */
	struct arena *mem;       /* likewise */
	struct str id, model;
	bool begun; /* a chunk was written */
	bool lost;  /* no memory: said as an error at the end */
	bool has_usage;
	struct usage usage;
	struct out_choice choice[CHAT_CHOICES];
};

struct chat_stream *gemini_out_open(struct chat_context *cx, const struct chat_request *rq)
{
	struct chat_stream *s = CHAT_NEW(cx, chat_stream);

	(void)rq;
	if (s == NULL)
		return NULL;
	s->cx = cx;
	s->mem = cx->arena;
	s->id = cx->id;
	s->model = cx->model;
	return s;
}

/* ---- framing */

static void chunk_begin(struct chat_stream *s, struct json_out *o)
{
	jo_bytes(o, !s->cx->stream_array ? STR("data: ") : s->begun ? STR(",\r\n") : STR("["));
	s->begun = true;
}

static void chunk_end(struct chat_stream *s, struct json_out *o)
{
	jo_bytes(o, s->cx->stream_array ? STR("") : STR("\r\n\r\n"));
}

static void candidates_begin(struct chat_stream *s, struct json_out *o)
{
	chunk_begin(s, o);
	jo_obj(o);
	jo_key(o, "candidates");
	jo_arr(o);
}

static void candidates_end(struct chat_stream *s, struct json_out *o, bool usage)
{
	jo_arr_end(o);
	if (usage)
		gemini_usage_write(o, &s->usage);
	jo_key(o, "modelVersion");
	jo_jstr(o, s->model);
	jo_key(o, "responseId");
	jo_jstr(o, s->id);
	jo_obj_end(o);
	chunk_end(s, o);
}

static void candidate_begin(struct json_out *o)
{
	jo_obj(o);
	jo_key(o, "content");
	jo_obj(o);
	jo_key(o, "parts");
	jo_arr(o);
}

static void candidate_end(struct json_out *o, unsigned index, const char *finish)
{
	jo_arr_end(o);
	jo_m_lit(o, "role", "model");
	jo_obj_end(o);
	if (finish != NULL)
		jo_m_text(o, "finishReason", str_z(finish));
	jo_m_u64(o, "index", index);
	jo_obj_end(o);
}

/* ---- parts */

static void write_text(struct chat_stream *s, const struct chat_event *e, struct str text,
	struct str signature, struct json_out *o)
{
	candidates_begin(s, o);
	candidate_begin(o);
	gemini_text_write(o, text, e->part == PART_THINKING, signature);
	candidate_end(o, e->choice, NULL);
	candidates_end(s, o, false);
}

static void write_redacted(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	candidates_begin(s, o);
	candidate_begin(o);
	gemini_redacted_write(o, e->data);
	candidate_end(o, e->choice, NULL);
	candidates_end(s, o, false);
}

static void write_media(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	candidates_begin(s, o);
	candidate_begin(o);
	if (gemini_media_fits(e->mime, e->data))
		gemini_media_write(o, e->mime, e->data, STR_NONE);
	else
		gemini_text_write(o, chat_media_text_event(s->mem, e), false, STR_NONE);
	candidate_end(o, e->choice, NULL);
	candidates_end(s, o, false);
}

static void call_open(struct chat_stream *s, const struct chat_event *e)
{
	struct out_choice *c = &s->choice[e->choice];

	c->id = arena_dup(s->mem, e->id);
	c->name = arena_dup(s->mem, e->name);
	c->args.n = 0;
	s->lost |= c->id.p == NULL || c->name.p == NULL;
}

static void call_close(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	struct out_choice *c = &s->choice[e->choice];
	struct chat_context cx = { .arena = s->mem };
	struct str args =
		chat_args_of_jstr(&cx, c->args.n > 0 ? str_mk(c->args.p, c->args.n) : STR(""));

	if (args.n == 0) {
		s->lost = true;
		return;
	}
	candidates_begin(s, o);
	candidate_begin(o);
	gemini_call_write(o, c->id, c->name, args, e->signature);
	candidate_end(o, e->choice, NULL);
	candidates_end(s, o, false);
}

/* ---- events */

static void on_start(struct chat_stream *s, const struct chat_event *e)
{
	if (e->id.n > 0)
		s->id = arena_dup(s->mem, e->id);
	if (e->model.n > 0)
		s->model = arena_dup(s->mem, e->model);
	s->lost |= s->id.p == NULL || s->model.p == NULL;
}

static void on_open(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	if (e->part == PART_CALL)
		call_open(s, e);
	else if (e->part == PART_REDACTED)
		write_redacted(s, e, o);
	else if (chat_is_media(e->part))
		write_media(s, e, o);
}

static void on_delta(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	if (e->part == PART_CALL)
		s->lost |=
			arena_buf_put(s->mem, &s->choice[e->choice].args, e->text, ARGS_FIRST) != 0;
	else if (e->text.n > 0)
		write_text(s, e, e->text, STR_NONE, o);
}

static void on_close(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	if (e->part == PART_CALL)
		call_close(s, e, o);
	else if (e->signature.n > 0)
		write_text(s, e, STR(""), e->signature, o);
}

static void on_error(struct chat_stream *s, const struct chat_error *error, struct json_out *o)
{
	chunk_begin(s, o);
	gemini_error_write(o, error);
	chunk_end(s, o);
	if (s->cx->stream_array)
		jo_lit(o, "]");
}

static void on_end(struct chat_stream *s, struct json_out *o)
{
	static const struct chat_error lost = { .status = 503,
		.message = { "The gateway has no memory for this answer.", 42 } };

	if (s->lost) {
		on_error(s, &lost, o);
		return;
	}
	candidates_begin(s, o);
	for (unsigned i = 0; i < CHAT_CHOICES; i++) {
		if (!s->choice[i].finished)
			continue;
		candidate_begin(o);
		gemini_text_write(o, STR(""), false, STR_NONE);
		candidate_end(o, i, gemini_finish_word(s->choice[i].finish));
	}
	candidates_end(s, o, s->has_usage);
	if (s->cx->stream_array)
		jo_lit(o, "]");
}

void gemini_write_event(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	if (e->choice >= CHAT_CHOICES)
		return;
	switch (e->kind) {
	case EVENT_START: on_start(s, e); break;
	case EVENT_OPEN: on_open(s, e, o); break;
	case EVENT_DELTA: on_delta(s, e, o); break;
	case EVENT_CLOSE: on_close(s, e, o); break;
	case EVENT_FINISH:
		s->choice[e->choice].finished = true;
		s->choice[e->choice].finish = e->finish;
		break;
	case EVENT_USAGE:
		s->usage = *e->usage;
		s->has_usage = true;
		break;
	case EVENT_END: on_end(s, o); break;
	case EVENT_ERROR: on_error(s, e->error, o); break;
	}
}
