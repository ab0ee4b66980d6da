/*
 * converse_stream.c: a ConverseStream into the hub's events. Text and reasoning have no start
 * event: their blocks open with the first delta. metadata, with the usage, comes behind messageStop
 * (some relays send it before): the end is told when both were seen, or when the body ends and
 * messageStop was seen. An exception after the head of 200 is an error. Pictures come in pieces,
 * base64 each, and are told when they are whole. Facts: providers.md
 * sections 3, 10.3, 13. A stream belongs to one request; runs on its worker.
 */
#include "chat/converse.h"

#define SIGNATURE_FIRST 512

struct chat_stream {
	struct arena *arena; /* of the request */
	bool started, open, stopped, metered, over;
	bool calls;                 /* a tool was called */
	enum chat_part_kind kind;   /* of the open block */
	uint64_t index;             /* of the open block, as the provider counts */
	struct arena_buf signature; /* of the open block; may come in pieces */
	bool drawing;               /* a block of media: nothing was told of it yet */
	struct chat_part medium;
	struct arena_buf data; /* its base64 */
	uint32_t bits;         /* of it that are no character yet, the last n_bits */
	unsigned n_bits;
};

struct out {
	chat_emit_f *emit;
	void *arg;
};

struct chat_stream *converse_in_open(struct chat_context *cx, const struct chat_request *rq)
{
	struct chat_stream *s = CHAT_NEW(cx, chat_stream);

	(void)rq;
	if (s != NULL)
		s->arena = cx->arena;
	return s;
}

static int emit(const struct out *o, const struct chat_event *e)
{
	return o->emit(o->arg, e);
}

static int start(struct chat_stream *s, const struct out *o)
{
	if (s->started)
		return 0;
	s->started = true;
	return emit(o, &(struct chat_event){ .kind = EVENT_START });
}

/* ---- blocks */

static int draw(struct chat_stream *s, const struct out *o);

static int close_block(struct chat_stream *s, const struct out *o)
{
	struct chat_event e = { .kind = EVENT_CLOSE, .part = s->kind };

	if (s->drawing)
		return draw(s, o);
	if (!s->open)
		return 0;
	s->open = false;
	if (s->signature.n > 0)
		e.signature = str_mk(s->signature.p, s->signature.n);
	s->signature.n = 0;
	return emit(o, &e);
}

static int open_block(
	struct chat_stream *s, uint64_t index, const struct chat_event *e, const struct out *o)
{
	if (start(s, o) != 0 || close_block(s, o) != 0)
		return -1;
	s->open = true;
	s->kind = e->part;
	s->index = index;
	return emit(o, e);
}

/* A piece for a block that need not have begun. */
static int delta(struct chat_stream *s, uint64_t index, enum chat_part_kind kind, struct str piece,
	const struct out *o)
{
	struct chat_event e = { .kind = EVENT_OPEN, .part = kind };

	if (!s->open || s->index != index || s->kind != kind)
		if (open_block(s, index, &e, o) != 0)
			return -1;
	e.kind = EVENT_DELTA;
	e.text = piece;
	return piece.n > 0 ? emit(o, &e) : 0;
}

static int add_signature(struct chat_stream *s, struct chat_context *cx, struct str piece)
{
	if (piece.n > 0 && arena_buf_put(s->arena, &s->signature, piece, SIGNATURE_FIRST) != 0)
		return chat_fail(cx, "a signature is too long");
	return 0;
}

static int read_reasoning(struct chat_stream *s, struct chat_context *cx, uint64_t index,
	const struct json_node *r, const struct out *o)
{
	struct str text = json_get_jstr(r, STR("text")),
		   redacted = json_get_jstr(r, STR("redactedContent")),
		   signature = json_get_jstr(r, STR("signature"));
	struct chat_event e = { .kind = EVENT_OPEN, .part = PART_REDACTED, .data = redacted };

	if (redacted.n > 0)
		return open_block(s, index, &e, o) != 0 ? -1 : close_block(s, o);
	if (text.p != NULL || signature.n > 0)
		if (delta(s, index, PART_THINKING, text, o) != 0)
			return -1;
	return add_signature(s, cx, signature);
}

/* ---- media */

static const char base64_chars[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int put_data(struct chat_stream *s, struct chat_context *cx, struct str text)
{
	return arena_buf_put(s->arena, &s->data, text, 4096) == 0
		       ? 0
		       : chat_fail(cx, "a picture is too large");
}

/* How many bits of bytes a piece has. */
static size_t base64_bits(struct str piece)
{
	size_t chars = 0;

	for (size_t i = 0; i < piece.n; i++)
		chars += piece.p[i] != '=';
	return chars * 6 / 8 * 8;
}

/* Pieces are encoded each for itself: their bits, without the padding, are encoded anew as one.
 * JSON may write any character with an escape: that goes in the event's own arena. */
static int add_base64(struct chat_stream *s, struct chat_context *cx, struct str jstr)
{
	struct str piece = json_jstr_decode(cx->arena, jstr);
	size_t bits = base64_bits(piece), n = 0;
	char out[512];

	if (jstr.p != NULL && piece.p == NULL)
		return chat_fail(cx, "a picture's bytes are no text");
	for (size_t i = 0; i < piece.n && bits > 0; i++) {
		const char *c = memchr(base64_chars, piece.p[i], 64);
		unsigned take = (unsigned)TG_MIN(bits, (size_t)6);

		if (c == NULL)
			continue;
		bits -= take;
		s->bits = s->bits << take | (uint32_t)(c - base64_chars) >> (6 - take);
		s->n_bits += take;
		if (s->n_bits >= 6) {
			s->n_bits -= 6;
			out[n++] = base64_chars[s->bits >> s->n_bits & 63];
		}
		if (n == sizeof out && put_data(s, cx, str_mk(out, n)) != 0)
			return -1;
		n %= sizeof out;
	}
	return put_data(s, cx, str_mk(out, n));
}

/* The last bits (none, 2 or 4) and the padding. */
static int end_base64(struct chat_stream *s, struct chat_context *cx)
{
	char last[4] = "?==";

	if (s->n_bits == 0)
		return 0;
	last[0] = base64_chars[s->bits << (6 - s->n_bits) & 63];
	return put_data(s, cx, str_mk(last, s->n_bits == 2 ? 3 : 2));
}

static int begin_media(struct chat_stream *s, uint64_t index, enum chat_part_kind kind,
	struct str format, const struct out *o)
{
	if (start(s, o) != 0 || close_block(s, o) != 0)
		return -1;
	s->drawing = true;
	s->index = index;
	s->data.n = s->n_bits = 0;
	s->medium = (struct chat_part){ .kind = kind,
		.mime = converse_media_mime(s->arena, kind, format) };
	return 0;
}

/* {"source":{"bytes":".."}}, or why there is none. */
static int add_media(struct chat_stream *s, struct chat_context *cx, uint64_t index,
	enum chat_part_kind kind, const struct json_node *v, const struct out *o)
{
	const struct json_node *source = json_get(v, STR("source"));
	struct str url = json_get_jstr(json_get(source, STR("s3Location")), STR("uri")),
		   why = json_get_jstr(json_get(v, STR("error")), STR("message"));

	if ((!s->drawing || s->index != index || s->medium.kind != kind) &&
		begin_media(s, index, kind, STR_NONE, o) != 0)
		return -1;
	if (url.n > 0)
		s->medium.url = arena_dup(s->arena, url);
	if (why.n > 0)
		s->medium.text = arena_dup(s->arena, why);
	return add_base64(s, cx, json_get_jstr(source, STR("bytes")));
}

/* The medium whole, with its OPEN; or a text that says why there is none. */
static int draw(struct chat_stream *s, const struct out *o)
{
	struct chat_part *m = &s->medium;
	struct chat_context cx = { .arena = s->arena };
	struct chat_event e = {
		.kind = EVENT_OPEN, .part = m->kind, .mime = m->mime, .url = m->url
	};

	s->drawing = false;
	if (end_base64(s, &cx) != 0)
		return -1;
	e.data = s->data.n > 0 ? str_mk(s->data.p, s->data.n) : STR_NONE;
	if (e.data.n > 0 || e.url.n > 0)
		return open_block(s, s->index, &e, o) != 0 ? -1 : close_block(s, o);
	e = (struct chat_event){ .text = converse_media_error(
					 s->arena, m, m->text.n > 0 ? m->text : STR("empty")) };
	return delta(s, s->index, PART_TEXT, e.text, o) != 0 ? -1 : close_block(s, o);
}

static uint64_t block_index(const struct json_node *v)
{
	uint64_t index;

	return json_node_u64(json_get(v, STR("contentBlockIndex")), &index) == 0 ? index : 0;
}

static int on_block_start(struct chat_stream *s, const struct json_node *v, const struct out *o)
{
	const struct json_node *what = json_get(v, STR("start"));
	const struct json_node *use = json_get_type(what, STR("toolUse"), JSON_OBJECT);
	struct chat_event e = { .kind = EVENT_OPEN, .part = PART_CALL };
	enum chat_part_kind kind;

	json_each(m, what) if (converse_media_kind(m->key, &kind)) return begin_media(
		s, block_index(v), kind, json_get_jstr(m, STR("format")), o);
	if (use == NULL)
		return start(s, o);
	s->calls = true;
	e.id = json_get_jstr(use, STR("toolUseId"));
	e.name = json_get_jstr(use, STR("name"));
	return open_block(s, block_index(v), &e, o);
}

static int on_block_delta(struct chat_stream *s, struct chat_context *cx, const struct json_node *v,
	const struct out *o)
{
	const struct json_node *d = json_get_type(v, STR("delta"), JSON_OBJECT), *what;
	uint64_t index = block_index(v);
	enum chat_part_kind kind;

	what = json_get_type(d, STR("text"), JSON_STRING);
	if (what != NULL)
		return delta(s, index, PART_TEXT, json_jstr(what), o);
	what = json_get_type(d, STR("toolUse"), JSON_OBJECT);
	if (what != NULL && s->open && s->kind == PART_CALL)
		return delta(s, s->index, PART_CALL, json_get_jstr(what, STR("input")), o);
	json_each(m, d) if (converse_media_kind(m->key, &kind)) return add_media(
		s, cx, index, kind, m, o);
	what = json_get_type(d, STR("reasoningContent"), JSON_OBJECT);
	return what != NULL ? read_reasoning(s, cx, index, what, o) : 0;
}

/* ---- the end */

static int end_when_known(struct chat_stream *s, bool body_over, const struct out *o)
{
	if (s->over || !s->stopped || !(s->metered || body_over))
		return 0;
	s->over = true;
	return emit(o, &(struct chat_event){ .kind = EVENT_END });
}

static int on_message_stop(struct chat_stream *s, const struct json_node *v, const struct out *o)
{
	struct chat_event e = { .kind = EVENT_FINISH };
	const struct json_node *more = json_get(v, STR("additionalModelResponseFields"));

	if (start(s, o) != 0 || close_block(s, o) != 0)
		return -1;
	s->stopped = true;
	e.finish = chat_finish_of(converse_finish(json_get_jstr(v, STR("stopReason"))), s->calls);
	e.stop_sequence = json_get_jstr(more, STR("stop_sequence"));
	if (e.stop_sequence.p == NULL)
		e.stop_sequence = json_get_jstr(json_get(more, STR("delta")), STR("stop_sequence"));
	return emit(o, &e) != 0 ? -1 : end_when_known(s, false, o);
}

static int on_metadata(struct chat_stream *s, const struct json_node *v, const struct out *o)
{
	struct chat_event e = { .kind = EVENT_USAGE };
	struct usage u;

	if (!converse_usage(json_get(v, STR("usage")), &u))
		return 0;
	e.usage = &u;
	s->metered = true;
	return start(s, o) != 0 || emit(o, &e) != 0 ? -1 : end_when_known(s, false, o);
}

static int fail(struct chat_stream *s, const struct chat_error *error, const struct out *o)
{
	s->over = true;
	return emit(o, &(struct chat_event){ .kind = EVENT_ERROR, .error = error });
}

/* detail: what the service says of it; some say which status the model's own host gave. */
static int on_exception(struct chat_stream *s, const struct json_node *root, const struct out *o)
{
	const struct json_node *detail = json_get(root, STR("detail"));
	struct chat_error e = { .status = 500 };

	e.code = json_get_jstr(root, STR("exception"));
	e.message = json_get_jstr(detail, STR("message"));
	if (e.message.n == 0)
		e.message = json_get_jstr(detail, STR("Message"));
	if (e.message.n == 0)
		e.message = STR("The provider ended the stream with an exception.");
	if (converse_status(e.code) != 0)
		e.status = converse_status(e.code);
	return fail(s, &e, o);
}

/* The event's one member says what it is. */
static int dispatch(struct chat_stream *s, struct chat_context *cx, const struct json_node *v,
	const struct out *o)
{
	if (s->stopped) /* what a relay says behind the end is no part of the answer */
		return str_eq(v->key, STR("metadata")) ? on_metadata(s, v, o) : 0;
	if (str_eq(v->key, STR("messageStart")))
		return start(s, o);
	if (str_eq(v->key, STR("contentBlockStart")))
		return on_block_start(s, v, o);
	if (str_eq(v->key, STR("contentBlockDelta")))
		return on_block_delta(s, cx, v, o);
	if (str_eq(v->key, STR("contentBlockStop")))
		return (s->open || s->drawing) && s->index == block_index(v) ? close_block(s, o)
									     : 0;
	if (str_eq(v->key, STR("messageStop")))
		return on_message_stop(s, v, o);
	if (str_eq(v->key, STR("metadata")))
		return on_metadata(s, v, o);
	return 0;
}

int converse_read_event(struct chat_stream *s, struct chat_context *cx, struct str name,
	struct str data, chat_emit_f *emit_f, void *arg)
{
	struct out o = { emit_f, arg };
	struct json_node *root;
	struct json_fail f;

	(void)name;
	if (s->over)
		return 0;
	if (json_tree_parse(cx->arena, data, CONVERSE_VALUES, &root, &f) != 0)
		return chat_fail(cx, "an event is no JSON: %s", json_error_text(f.err));
	if (json_get(root, STR("exception")) != NULL)
		return on_exception(s, root, &o);
	if (root->type != JSON_OBJECT || root->child == NULL)
		return 0;
	return dispatch(s, cx, root->child, &o);
}

int converse_read_end(
	struct chat_stream *s, struct chat_context *cx, chat_emit_f *emit_f, void *arg)
{
	struct out o = { emit_f, arg };
	struct chat_error e = { .status = 502,
		.message = STR("The provider's stream ended before the answer did.") };

	(void)cx;
	if (s->over)
		return 0;
	return s->stopped ? end_when_known(s, true, &o) : fail(s, &e, &o);
}
