/*
 * anthropic_stream_read.c: a stream of the messages API into the hub's events. Blocks come one
 * after the other; what a relay does to that order (message_start twice, a second stream spliced
 * in, a delta without its start) is put right here. Usage is cumulative, so what was said last
 * counts. The stream's state lives in the arena that the stream was opened with; any thread.
 */
#include "chat/anthropic.h"

#define NODES_MAX 20000 /* values in one event */

#define KEEP_MAX  (1u << 20)

/* Bytes that outlive their event, in memory of the stream that is used again. */
struct keep {
	char *p;
	size_t n, cap;
};

struct in {
	struct arena *arena;
	struct anthropic_usage usage;
	struct usage told; /* what an event points at */
	bool started, ended, open, skipping, any;
	bool args; /* of the open call: any piece of them came */
	enum chat_part_kind kind;
	struct keep input;     /* of the open call: arguments that its start had, as a jstr */
	struct keep signature; /* of the open block */
	enum chat_finish finish;
	struct keep stop_sequence;
};

struct call {
	struct in *s;
	struct chat_context *cx;
	chat_emit_f *emit;
	void *arg;
};

struct chat_stream *anthropic_in_open(struct chat_context *cx, const struct chat_request *rq)
{
	struct in *s = arena_zalloc(cx->arena, sizeof *s);

	(void)rq;
	if (s != NULL)
		s->arena = cx->arena;
	return (struct chat_stream *)(void *)s;
}

static int put(struct call *c, const struct chat_event *e)
{
	return c->emit(c->arg, e);
}

/* START, which a relay may have left out. */
static int begin(struct call *c)
{
	const struct chat_event e = { .kind = EVENT_START };

	if (c->s->started)
		return 0;
	c->s->started = true;
	return put(c, &e);
}

static int end_in_error(struct call *c, const struct chat_error *error)
{
	const struct chat_event e = { .kind = EVENT_ERROR, .error = error };

	c->s->ended = true;
	return put(c, &e);
}

static int no_memory(struct call *c)
{
	return chat_fail(c->cx, "the provider's stream needs too much memory");
}

/* Room for n bytes more at the end; what is larger than any honest one is refused. */
static char *keep_room(struct call *c, struct keep *k, size_t n)
{
	size_t cap = TG_MAX(k->cap, 256);
	char *p = k->p;

	while (cap < k->n + n)
		cap *= 2;
	if (cap > k->cap) {
		p = cap <= KEEP_MAX ? arena_alloc(c->s->arena, cap) : NULL;
		if (p == NULL) {
			(void)no_memory(c);
			return NULL;
		}
		if (k->n > 0)
			memcpy(p, k->p, k->n);
		k->p = p;
		k->cap = cap;
	}
	return p + k->n;
}

static int keep_add(struct call *c, struct keep *k, struct str s)
{
	char *room = keep_room(c, k, s.n);

	if (room == NULL)
		return -1;
	if (s.n > 0)
		memcpy(room, s.p, s.n);
	k->n += s.n;
	return 0;
}

static struct str kept(const struct keep *k)
{
	return k->n > 0 ? str_mk(k->p, k->n) : STR_NONE;
}

/* ---- blocks */

static int delta(struct call *c, struct str jstr)
{
	const struct chat_event e = { .kind = EVENT_DELTA, .part = c->s->kind, .text = jstr };

	if (jstr.n == 0)
		return 0;
	c->s->args = true;
	return put(c, &e);
}

static int close_block(struct call *c)
{
	struct in *s = c->s;
	struct chat_event e = {
		.kind = EVENT_CLOSE, .part = s->kind, .signature = kept(&s->signature)
	};

	s->skipping = false;
	if (!s->open)
		return 0;
	/* A call without a piece has what its start said, or no arguments at all. */
	if (s->kind == PART_CALL && !s->args &&
		delta(c, s->input.n > 0 ? kept(&s->input) : STR("{}")) != 0)
		return -1;
	s->open = false;
	return put(c, &e);
}

static int open_block(struct call *c, struct chat_event *e)
{
	struct in *s = c->s;

	if (close_block(c) != 0 || begin(c) != 0)
		return -1;
	s->open = s->any = true;
	s->args = false;
	s->kind = e->part;
	s->input.n = s->signature.n = 0;
	e->kind = EVENT_OPEN;
	return put(c, e);
}

/* {"a":"b"} as the inside of a string. */
static int keep_quoted(struct call *c, struct keep *k, struct str json)
{
	size_t most = json.n * 6 + 2, n;
	char *p = keep_room(c, k, most);

	if (p == NULL)
		return -1;
	n = json_quote(p, most, json);
	if (n < 2)
		return no_memory(c);
	k->n = n - 2;
	memmove(p, p + 1, k->n);
	return 0;
}

static int start_call(struct call *c, const struct json_node *block)
{
	const struct json_node *input = json_get_type(block, STR("input"), JSON_OBJECT);
	struct chat_event e = { .part = PART_CALL,
		.id = json_get_jstr(block, STR("id")),
		.name = json_get_jstr(block, STR("name")) };

	if (open_block(c, &e) != 0)
		return -1;
	if (input == NULL || input->child == NULL)
		return 0;
	return keep_quoted(c, &c->s->input, input->raw);
}

static int show(void *arg, const struct chat_part *p)
{
	struct call *c = arg;
	struct chat_event e = { .part = p->kind, .mime = p->mime, .data = p->data, .url = p->url };

	return open_block(c, &e) != 0 || delta(c, p->text) != 0 ? -1 : close_block(c);
}

static int block_start(struct call *c, const struct json_node *root)
{
	const struct json_node *block = json_get(root, STR("content_block"));
	struct str type = anthropic_word(c->cx, block, STR("type"));
	struct chat_event e = { .part = PART_TEXT };

	if (str_eq(type, STR("tool_use")))
		return start_call(c, block);
	if (str_eq(type, STR("text")))
		return open_block(c, &e) != 0 ? -1 : delta(c, json_get_jstr(block, STR("text")));
	if (str_eq(type, STR("thinking"))) {
		e.part = PART_THINKING;
		return open_block(c, &e) != 0 ? -1
					      : delta(c, json_get_jstr(block, STR("thinking")));
	}
	if (str_eq(type, STR("redacted_thinking"))) {
		e.part = PART_REDACTED;
		e.data = json_get_jstr(block, STR("data"));
		return open_block(c, &e);
	}
	if (close_block(c) != 0 || anthropic_read_media(c->cx, block, show, c) != 0)
		return -1;
	c->s->skipping = true; /* what else the provider's own tools, and what is not known yet */
	return 0;
}

/* A piece for a block of this kind, which a relay may have begun without saying so. */
static int delta_of(struct call *c, enum chat_part_kind kind, struct str jstr)
{
	struct chat_event e = { .part = kind };

	if (c->s->skipping || jstr.n == 0)
		return 0;
	if (!c->s->open || c->s->kind != kind) {
		if (kind == PART_CALL) /* arguments of nothing */
			return 0;
		if (open_block(c, &e) != 0)
			return -1;
	}
	return delta(c, jstr);
}

static int add_signature(struct call *c, struct str piece)
{
	struct in *s = c->s;

	if (!s->open || s->kind != PART_THINKING || piece.n == 0)
		return 0;
	return keep_add(c, &s->signature, piece);
}

static int block_delta(struct call *c, const struct json_node *root)
{
	const struct json_node *d = json_get(root, STR("delta"));
	struct str type = anthropic_word(c->cx, d, STR("type"));

	if (str_eq(type, STR("text_delta")))
		return delta_of(c, PART_TEXT, json_get_jstr(d, STR("text")));
	if (str_eq(type, STR("thinking_delta")))
		return delta_of(c, PART_THINKING, json_get_jstr(d, STR("thinking")));
	if (str_eq(type, STR("input_json_delta")))
		return delta_of(c, PART_CALL, json_get_jstr(d, STR("partial_json")));
	if (str_eq(type, STR("signature_delta")))
		return add_signature(c, json_get_jstr(d, STR("signature")));
	return 0; /* citations_delta and the like */
}

/* ---- the message */

static int message_start(struct call *c, const struct json_node *root)
{
	const struct json_node *m = json_get(root, STR("message"));
	struct in *s = c->s;
	struct chat_event e = { .kind = EVENT_START,
		.id = json_get_jstr(m, STR("id")),
		.model = json_get_jstr(m, STR("model")) };

	anthropic_usage_read(&s->usage, json_get(m, STR("usage")));
	if (s->started)
		return close_block(c);
	s->started = true;
	anthropic_usage_buckets(&s->usage, &s->told);
	if (s->told.source != USAGE_ABSENT) {
		s->told.source = USAGE_PARTIAL;
		e.usage = &s->told;
	}
	return put(c, &e);
}

/* The reason for a refusal, where the model said nothing. */
static int refusal(struct call *c, const struct json_node *details)
{
	struct chat_event e = { .part = PART_REFUSAL };
	struct str why = json_get_jstr(details, STR("explanation"));

	if (c->s->finish != FINISH_FILTER || c->s->any || why.n == 0)
		return 0;
	if (open_block(c, &e) != 0 || delta(c, why) != 0)
		return -1;
	return close_block(c);
}

static int message_delta(struct call *c, const struct json_node *root)
{
	const struct json_node *d = json_get(root, STR("delta"));
	struct str reason = anthropic_word(c->cx, d, STR("stop_reason"));
	struct str sequence = json_get_jstr(d, STR("stop_sequence"));

	anthropic_usage_read(&c->s->usage, json_get(root, STR("usage")));
	if (reason.n > 0)
		c->s->finish = anthropic_finish(reason);
	if (sequence.p != NULL) {
		c->s->stop_sequence.n = 0;
		if (keep_add(c, &c->s->stop_sequence, sequence) != 0)
			return -1;
	}
	return refusal(c, json_get(d, STR("stop_details")));
}

static int message_stop(struct call *c)
{
	struct in *s = c->s;
	struct chat_event e = { .kind = EVENT_FINISH, .stop_sequence = kept(&s->stop_sequence) };

	if (close_block(c) != 0 || begin(c) != 0)
		return -1;
	e.finish = s->finish != FINISH_NONE ? s->finish : FINISH_STOP;
	if (put(c, &e) != 0)
		return -1;
	anthropic_usage_buckets(&s->usage, &s->told);
	if (s->told.source != USAGE_ABSENT) {
		e = (struct chat_event){ .kind = EVENT_USAGE, .usage = &s->told };
		if (put(c, &e) != 0)
			return -1;
	}
	s->ended = true;
	e = (struct chat_event){ .kind = EVENT_END };
	return put(c, &e);
}

static int error_event(struct call *c, const struct json_node *root)
{
	struct chat_error error = { 0 };

	anthropic_read_error(c->cx, root, &error);
	if (error.status == 0)
		error.status = 500;
	return end_in_error(c, &error);
}

static int dispatch(struct call *c, struct str type, const struct json_node *root)
{
	if (str_eq(type, STR("content_block_delta")))
		return block_delta(c, root);
	if (str_eq(type, STR("content_block_start")))
		return block_start(c, root);
	if (str_eq(type, STR("content_block_stop")))
		return close_block(c);
	if (str_eq(type, STR("message_start")))
		return message_start(c, root);
	if (str_eq(type, STR("message_delta")))
		return message_delta(c, root);
	if (str_eq(type, STR("message_stop")))
		return message_stop(c);
	if (str_eq(type, STR("error")) || json_get_type(root, STR("error"), JSON_OBJECT) != NULL)
		return error_event(c, root);
	return 0; /* ping, and what is not known yet */
}

int anthropic_read_event(struct chat_stream *stream, struct chat_context *cx, struct str name,
	struct str data, chat_emit_f *emit, void *arg)
{
	struct call c = { .s = (void *)stream, .cx = cx, .emit = emit, .arg = arg };
	struct json_node *root;
	struct json_fail fail;
	struct str type;

	if (c.s->ended || data.n == 0 || data.p[0] == '[')
		return 0;
	if (json_tree_parse(cx->arena, data, NODES_MAX, &root, &fail) != 0)
		return chat_fail(cx, "an event of the provider's stream is no JSON (%s)",
			json_error_text(fail.err));
	type = anthropic_word(cx, root, STR("type"));
	return dispatch(&c, type.n > 0 ? type : name, root);
}

int anthropic_read_end(
	struct chat_stream *stream, struct chat_context *cx, chat_emit_f *emit, void *arg)
{
	struct call c = { .s = (void *)stream, .cx = cx, .emit = emit, .arg = arg };
	const struct chat_error error = { .status = 502,
		.type = STR("api_error"),
		.message = STR("The provider's stream ended before message_stop.") };

	return c.s->ended ? 0 : end_in_error(&c, &error);
}
