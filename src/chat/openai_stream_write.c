/*
 * openai_stream_write.c: events as chunks of a chat completion stream: the role in a choice's first
 * delta only, a number per tool call, the usage chunk behind the finishes when it was asked for,
 * [DONE]. Thoughts go twice, as reasoning_content for those who show them and as thinking_blocks
 * for those who send them back (each with its index, so that they can be put together). Owns the
 * place in one stream, in the request's arena; its worker.
 */
#include "chat/openai_int.h"

struct place {
	bool role_sent, args_sent;
	unsigned n_calls, n_blocks, n_images; /* begun so far */
};

struct chat_stream {
	struct arena *arena;
	struct str id, model;
	struct str head; /* of every chunk, up to its choices */
	int64_t created;
	bool usage_wanted, has_usage, ended;
	struct usage usage;
	struct place place[CHAT_CHOICES];
};

struct chat_stream *openai_out_open(struct chat_context *cx, const struct chat_request *rq)
{
	struct chat_stream *s = CHAT_NEW(cx, chat_stream);

	if (s == NULL)
		return NULL;
	s->arena = cx->arena;
	s->id = cx->id;
	s->model = cx->model;
	s->created = cx->created;
	s->usage_wanted = rq->stream_usage;
	return s;
}

/* ---- chunks */

static void write_head(const struct chat_stream *s, struct json_out *o)
{
	jo_lit(o, "data: ");
	jo_obj(o);
	jo_key(o, "id");
	jo_jstr(o, s->id);
	jo_m_lit(o, "object", "chat.completion.chunk");
	jo_key(o, "created");
	jo_i64(o, s->created);
	jo_key(o, "model");
	jo_jstr(o, s->model);
	jo_key(o, "choices");
	jo_arr(o);
}

/* What every chunk begins with is written once; no memory: every time. */
static void keep_head(struct chat_stream *s)
{
	struct json_out o;
	size_t n;
	char *p;

	jo_init(&o, NULL, 0);
	write_head(s, &o);
	n = o.n;
	p = arena_alloc(s->arena, n);
	if (p == NULL)
		return;
	jo_init(&o, p, n);
	write_head(s, &o);
	s->head = str_mk(p, n);
}

static void begin_chunk(const struct chat_stream *s, struct json_out *o)
{
	if (s->head.p != NULL)
		jo_bytes(o, s->head);
	else
		write_head(s, o);
}

static void end_event(struct json_out *o)
{
	jo_obj_end(o);
	jo_lit(o, "\n\n");
}

/* Up to the delta's members. */
static void begin_delta(struct chat_stream *s, uint8_t choice, struct json_out *o)
{
	begin_chunk(s, o);
	jo_obj(o);
	jo_m_u64(o, "index", choice);
	jo_key(o, "delta");
	jo_obj(o);
	if (!s->place[choice].role_sent)
		jo_m_lit(o, "role", "assistant");
	s->place[choice].role_sent = true;
}

static void end_delta(const struct chat_stream *s, struct str finish, struct json_out *o)
{
	jo_obj_end(o);
	jo_key(o, "finish_reason");
	if (finish.p != NULL)
		jo_text(o, finish);
	else
		jo_null(o);
	jo_obj_end(o);
	jo_arr_end(o);
	if (s->usage_wanted) {
		jo_key(o, "usage");
		jo_null(o);
	}
	end_event(o);
}

/* ---- thoughts */

static void begin_block(const struct place *p, const char *type, struct json_out *o)
{
	jo_key(o, "thinking_blocks");
	jo_arr(o);
	jo_obj(o);
	jo_m_u64(o, "index", p->n_blocks - 1);
	jo_m_text(o, "type", str_z(type));
}

static void end_block(struct json_out *o)
{
	jo_obj_end(o);
	jo_arr_end(o);
}

static void thought_piece(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	begin_delta(s, e->choice, o);
	jo_key(o, "reasoning_content");
	jo_jstr(o, e->text);
	begin_block(&s->place[e->choice], "thinking", o);
	jo_key(o, "thinking");
	jo_jstr(o, e->text);
	end_block(o);
	end_delta(s, STR_NONE, o);
}

static void thought_signature(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	begin_delta(s, e->choice, o);
	begin_block(&s->place[e->choice], "thinking", o);
	jo_m_lit(o, "thinking", "");
	jo_m_jstr(o, "signature", e->signature);
	end_block(o);
	end_delta(s, STR_NONE, o);
}

static void redacted_block(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	begin_delta(s, e->choice, o);
	begin_block(&s->place[e->choice], "redacted_thinking", o);
	jo_key(o, "data");
	jo_jstr(o, e->data);
	end_block(o);
	end_delta(s, STR_NONE, o);
}

/* ---- calls */

static void begin_call(struct chat_stream *s, uint8_t choice, struct json_out *o)
{
	begin_delta(s, choice, o);
	jo_key(o, "tool_calls");
	jo_arr(o);
	jo_obj(o);
	jo_m_u64(o, "index", s->place[choice].n_calls - 1);
}

static void end_call(const struct chat_stream *s, struct json_out *o)
{
	jo_obj_end(o);
	jo_arr_end(o);
	end_delta(s, STR_NONE, o);
}

static void open_call(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	s->place[e->choice].n_calls++;
	s->place[e->choice].args_sent = false;
	begin_call(s, e->choice, o);
	jo_key(o, "id");
	jo_jstr(o, e->id);
	jo_m_lit(o, "type", "function");
	jo_key(o, "function");
	jo_obj(o);
	jo_key(o, "name");
	jo_jstr(o, e->name);
	jo_m_lit(o, "arguments", "");
	jo_obj_end(o);
	end_call(s, o);
}

static void call_piece(struct chat_stream *s, uint8_t choice, struct str args, struct json_out *o)
{
	s->place[choice].args_sent = true;
	begin_call(s, choice, o);
	jo_key(o, "function");
	jo_obj(o);
	jo_key(o, "arguments");
	jo_jstr(o, args);
	jo_obj_end(o);
	end_call(s, o);
}

/* Arguments that nobody sent are an empty object. */
static void close_call(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	if (!s->place[e->choice].args_sent)
		call_piece(s, e->choice, STR("{}"), o);
	if (e->signature.p == NULL)
		return;
	begin_call(s, e->choice, o);
	openai_write_signature(o, e->signature);
	end_call(s, o);
}

/* ---- events */

/* The role goes out at once: clients see that the answer has begun. */
static void write_start(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	if (s->id.p == NULL)
		s->id = arena_dup(s->arena, e->id);
	if (e->model.n > 0)
		s->model = arena_dup(s->arena, e->model);
	if (e->usage != NULL) {
		s->usage = *e->usage;
		s->has_usage = true;
	}
	keep_head(s);
	begin_delta(s, 0, o);
	jo_m_lit(o, "content", "");
	end_delta(s, STR_NONE, o);
}

static void write_piece(
	struct chat_stream *s, const struct chat_event *e, const char *key, struct json_out *o)
{
	begin_delta(s, e->choice, o);
	jo_key(o, key);
	jo_jstr(o, e->text);
	end_delta(s, STR_NONE, o);
}

static void write_image(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	const struct chat_part p = {
		.mime = e->mime, .data = e->data, .url = e->url, .signature = e->signature
	};

	begin_delta(s, e->choice, o);
	jo_key(o, "images");
	jo_arr(o);
	openai_write_image(o, &p, s->place[e->choice].n_images++);
	jo_arr_end(o);
	end_delta(s, STR_NONE, o);
}

/* Answers of this API show pictures; of other media they can only tell. */
static void open_media(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	struct chat_event told = { .choice = e->choice };

	if (e->part == PART_IMAGE) {
		write_image(s, e, o);
		return;
	}
	told.text = chat_media_text_event(s->arena, e);
	write_piece(s, &told, "content", o);
}

static void write_open(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	if (e->part == PART_CALL)
		open_call(s, e, o);
	if (e->part == PART_THINKING || e->part == PART_REDACTED)
		s->place[e->choice].n_blocks++;
	if (e->part == PART_REDACTED)
		redacted_block(s, e, o);
	if (chat_is_media(e->part))
		open_media(s, e, o);
}

static void write_delta(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	if (e->text.n == 0)
		return;
	if (e->part == PART_CALL)
		call_piece(s, e->choice, e->text, o);
	else if (e->part == PART_THINKING)
		thought_piece(s, e, o);
	else if (e->part != PART_REDACTED)
		write_piece(s, e, e->part == PART_REFUSAL ? "refusal" : "content", o);
}

static void write_close(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	if (e->part == PART_CALL) {
		close_call(s, e, o);
	} else if (e->part == PART_THINKING && e->signature.p != NULL) {
		thought_signature(s, e, o);
	} else if (e->part == PART_TEXT && e->signature.p != NULL) {
		begin_delta(s, e->choice, o);
		openai_write_signature(o, e->signature);
		end_delta(s, STR_NONE, o);
	}
}

static void write_finish(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	begin_delta(s, e->choice, o);
	end_delta(s, openai_finish_word(e->finish), o);
}

static void write_end(struct chat_stream *s, struct json_out *o)
{
	if (s->usage_wanted && s->has_usage) {
		begin_chunk(s, o);
		jo_arr_end(o);
		jo_key(o, "usage");
		openai_write_usage(o, &s->usage, 0);
		end_event(o);
	}
	jo_lit(o, "data: [DONE]\n\n");
	s->ended = true;
}

static void write_failure(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	jo_lit(o, "data: ");
	jo_obj(o);
	jo_key(o, "error");
	openai_write_error_object(e->error, o);
	end_event(o);
	s->ended = true;
}

void openai_write_event(struct chat_stream *s, const struct chat_event *e, struct json_out *o)
{
	tg_assert(e->choice < CHAT_CHOICES);
	if (s->ended)
		return;
	switch (e->kind) {
	case EVENT_START: write_start(s, e, o); break;
	case EVENT_OPEN: write_open(s, e, o); break;
	case EVENT_DELTA: write_delta(s, e, o); break;
	case EVENT_CLOSE: write_close(s, e, o); break;
	case EVENT_FINISH: write_finish(s, e, o); break;
	case EVENT_USAGE:
		s->usage = *e->usage;
		s->has_usage = true;
		break;
	case EVENT_END: write_end(s, o); break;
	case EVENT_ERROR: write_failure(s, e, o); break;
	}
}
