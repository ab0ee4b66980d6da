/*
 * gemini_stream_read.c: chunks of a Gemini stream as events (providers.md 3, 10.3). Chunks have no
 * blocks: one is opened where another kind of part begins. Every chunk may tell usage, all of it so
 * far: the last one counts. There is no end marker: an answer is whole when each of its candidates
 * said why it ended, or the prompt was refused. Pure; any thread.
 */
#include "chat/gemini_int.h"
#include "chat/gemini_partial.h"

#define STREAM_VALUES (1 << 16) /* JSON values in one chunk */

struct in_choice {
	bool open, seen, finished, calls;
	enum chat_part_kind kind; /* of the open block */
	struct str signature;     /* that it closes with; the stream's own copy */
	bool partial;             /* a call whose arguments come piece by piece */
	struct gemini_partial args;
};

struct chat_stream {
	struct chat_context *cx; /* of the request: lasts as long as the stream */
	struct arena *mem;       /* likewise */
	bool started, over, blocked;
	struct str id, model;
	unsigned n_calls;
	bool has_usage;
	struct usage usage;
	struct in_choice choice[CHAT_CHOICES];
};

/* One chunk in work. */
struct chunk {
	struct chat_stream *s;
	struct chat_context *cx;
	chat_emit_f *emit;
	void *arg;
};

struct chat_stream *gemini_in_open(struct chat_context *cx, const struct chat_request *rq)
{
	struct chat_stream *s = CHAT_NEW(cx, chat_stream);

	(void)rq;
	if (s == NULL)
		return NULL;
	s->cx = cx;
	s->mem = cx->arena;
	return s;
}

static int emit(struct chunk *c, const struct chat_event *e)
{
	return c->emit(c->arg, e);
}

static int no_memory(struct chunk *c)
{
	return chat_fail(c->cx, "no memory for the stream");
}

/* ---- blocks */

static int close_block(struct chunk *c, unsigned i)
{
	struct in_choice *choice = &c->s->choice[i];
	struct chat_event e = { .kind = EVENT_CLOSE,
		.choice = (uint8_t)i,
		.part = choice->kind,
		.signature = choice->signature };

	if (!choice->open)
		return 0;
	choice->open = false;
	choice->signature = STR_NONE;
	return emit(c, &e);
}

static int open_block(struct chunk *c, unsigned i, const struct chat_event *e)
{
	struct in_choice *choice = &c->s->choice[i];

	if (close_block(c, i) != 0)
		return -1;
	choice->open = true;
	choice->kind = e->part;
	return emit(c, e);
}

static int keep_signature(struct chunk *c, struct in_choice *choice, struct str signature)
{
	if (signature.n == 0)
		return 0;
	choice->signature = arena_dup(c->s->mem, signature);
	return choice->signature.p != NULL ? 0 : no_memory(c);
}

/* A signature on an empty text belongs to what was said before. */
static int read_text(struct chunk *c, unsigned i, const struct gemini_part *p)
{
	struct in_choice *choice = &c->s->choice[i];
	struct chat_event e = {
		.kind = EVENT_OPEN, .choice = (uint8_t)i, .part = p->kind, .text = STR_NONE
	};

	if (p->text.n == 0)
		return choice->open && choice->kind == p->kind
			       ? keep_signature(c, choice, p->signature)
			       : 0;
	if ((!choice->open || choice->kind != p->kind) && open_block(c, i, &e) != 0)
		return -1;
	e.kind = EVENT_DELTA;
	e.text = p->text;
	if (emit(c, &e) != 0)
		return -1;
	return keep_signature(c, choice, p->signature);
}

/* Whole with the part it comes in: a block of its own. */
static int read_media(struct chunk *c, unsigned i, const struct gemini_part *p)
{
	struct chat_event e = { .kind = EVENT_OPEN,
		.choice = (uint8_t)i,
		.part = p->kind,
		.data = p->data,
		.mime = p->mime,
		.url = p->url,
		.signature = p->signature };

	if (open_block(c, i, &e) != 0)
		return -1;
	if (keep_signature(c, &c->s->choice[i], p->signature) != 0)
		return -1;
	return close_block(c, i);
}

/* ---- calls */

static int open_call(struct chunk *c, unsigned i, const struct gemini_part *p)
{
	struct chat_stream *s = c->s;
	struct chat_event e = { .kind = EVENT_OPEN,
		.choice = (uint8_t)i,
		.part = PART_CALL,
		.id = p->id,
		.name = p->name };

	if (e.id.n == 0)
		e.id = gemini_call_id(s->cx, s->mem, s->id, s->n_calls);
	if (e.id.p == NULL)
		return no_memory(c);
	s->n_calls++;
	s->choice[i].calls = true;
	if (open_block(c, i, &e) != 0)
		return -1;
	return keep_signature(c, &s->choice[i], p->signature);
}

/* Arguments as the inside of a string, as events have them. */
static int emit_args(struct chunk *c, unsigned i, struct str json)
{
	struct chat_event e = { .kind = EVENT_DELTA, .choice = (uint8_t)i, .part = PART_CALL };
	struct json_out o;
	char *p;

	jo_init(&o, NULL, 0);
	jo_quote_jstr(&o, json);
	p = chat_new(c->cx, o.n + 1);
	if (p == NULL)
		return -1;
	jo_init(&o, p, o.n + 1);
	jo_quote_jstr(&o, json);
	e.text = str_mk(p + 1, o.n - 2);
	return emit(c, &e);
}

/* The arguments that came piece by piece are complete. */
static int end_partial(struct chunk *c, unsigned i)
{
	struct in_choice *choice = &c->s->choice[i];
	struct str json;

	if (!choice->partial)
		return 0;
	choice->partial = false;
	json = gemini_partial_json(&choice->args, c->cx);
	if (json.p == NULL || emit_args(c, i, json) != 0)
		return -1;
	return close_block(c, i);
}

/* A piece of a call that was announced: some arguments, or (empty) its end. */
static int read_partial(struct chunk *c, unsigned i, const struct gemini_part *p)
{
	struct in_choice *choice = &c->s->choice[i];
	const struct json_node *pieces = gemini_get(p->call, "partialArgs");

	if (gemini_partial_add(&choice->args, c->s->mem, pieces) != 0)
		return chat_fail(c->cx, "the arguments of a call cannot be put together");
	if (keep_signature(c, choice, p->signature) != 0)
		return -1;
	return json_node_true(gemini_get(p->call, "willContinue")) ? 0 : end_partial(c, i);
}

static int read_call(struct chunk *c, unsigned i, const struct gemini_part *p)
{
	struct in_choice *choice = &c->s->choice[i];
	const struct json_node *args = gemini_get(p->call, "args");

	if (p->name.n == 0)
		return choice->partial ? read_partial(c, i, p) : 0;
	if (end_partial(c, i) != 0 || open_call(c, i, p) != 0)
		return -1;
	if (json_node_true(gemini_get(p->call, "willContinue"))) {
		choice->partial = true;
		gemini_partial_init(&choice->args);
		return read_partial(c, i, p);
	}
	if (emit_args(c, i, args != NULL && args->type == JSON_OBJECT ? args->raw : STR("{}")) != 0)
		return -1;
	return close_block(c, i);
}

/* ---- candidates */

static int finish(struct chunk *c, unsigned i, enum chat_finish f)
{
	struct in_choice *choice = &c->s->choice[i];
	struct chat_event e = { .kind = EVENT_FINISH, .choice = (uint8_t)i };

	if (end_partial(c, i) != 0 || close_block(c, i) != 0)
		return -1;
	choice->finished = true;
	e.finish = chat_finish_of(f, choice->calls);
	return emit(c, &e);
}

static int read_part(struct chunk *c, unsigned i, const struct json_node *node)
{
	struct gemini_part p = gemini_part_read(c->cx->arena, node);

	if (!p.known)
		return 0;
	if (p.kind == PART_CALL)
		return read_call(c, i, &p);
	if ((p.text.n > 0 || chat_is_media(p.kind)) && end_partial(c, i) != 0)
		return -1;
	if (chat_is_media(p.kind))
		return read_media(c, i, &p);
	return read_text(c, i, &p);
}

static int read_candidate(struct chunk *c, const struct json_node *candidate, unsigned place)
{
	enum chat_finish f = gemini_finish_of(gemini_get_jstr(candidate, "finishReason"));
	struct in_choice *choice;
	uint64_t i;

	if (json_node_u64(gemini_get(candidate, "index"), &i) != 0)
		i = place;
	if (i >= CHAT_CHOICES)
		return 0;
	choice = &c->s->choice[i];
	choice->seen = true;
	if (choice->finished)
		return 0;
	json_each(n, gemini_get(gemini_get(candidate, "content"),
			     "parts")) if (read_part(c, (unsigned)i, n) != 0) return -1;
	return f != FINISH_NONE ? finish(c, (unsigned)i, f) : 0;
}

/* ---- chunks */

static int start(struct chunk *c, const struct json_node *root)
{
	struct chat_stream *s = c->s;
	struct chat_event e = { .kind = EVENT_START };

	if (s->started)
		return 0;
	s->started = true;
	s->id = arena_dup(s->mem, gemini_get_jstr(root, "responseId"));
	s->model = arena_dup(s->mem, gemini_get_jstr(root, "modelVersion"));
	e.id = s->id;
	e.model = s->model;
	e.usage = s->has_usage ? &s->usage : NULL;
	return emit(c, &e);
}

static int fail(struct chunk *c, const struct json_node *root)
{
	struct chat_error error = { .status = 0 };
	struct chat_event e = { .kind = EVENT_ERROR, .error = &error };

	c->s->over = true;
	gemini_error_read(c->cx, root, &error);
	return emit(c, &e);
}

/* The prompt was refused: an answer that says nothing. */
static int blocked(struct chunk *c)
{
	c->s->blocked = true;
	c->s->choice[0].seen = true;
	return finish(c, 0, FINISH_FILTER);
}

static int read_chunk(struct chunk *c, const struct json_node *root)
{
	const struct json_node *candidates = gemini_get(root, "candidates");
	unsigned place = 0;

	if (gemini_get(root, "error") != NULL)
		return fail(c, root);
	if (gemini_usage_read(root, &c->s->usage))
		c->s->has_usage = true;
	if (start(c, root) != 0)
		return -1;
	json_each(n, candidates) if (read_candidate(c, n, place++) != 0) return -1;
	if (place == 0 && !c->s->choice[0].finished && gemini_block_reason(root).p != NULL)
		return blocked(c);
	return 0;
}

int gemini_read_event(struct chat_stream *s, struct chat_context *cx, struct str name,
	struct str data, chat_emit_f *emit_f, void *arg)
{
	struct chunk c = { .s = s, .cx = cx, .emit = emit_f, .arg = arg };
	struct json_node *root;
	struct json_fail f;

	(void)name;
	if (s->over)
		return 0;
	if (json_tree_parse(cx->arena, data, STREAM_VALUES, &root, &f) != 0)
		return chat_fail(cx, "a chunk is no JSON: %s", json_error_text(f.err));
	if (root->type != JSON_ARRAY)
		return read_chunk(&c, root);
	json_each(n, root) if (!s->over && read_chunk(&c, n) != 0) return -1;
	return 0;
}

/* Did all that began come to its end? */
static bool is_whole(const struct chat_stream *s)
{
	bool any = false;

	for (unsigned i = 0; i < CHAT_CHOICES; i++) {
		if (s->choice[i].seen && !s->choice[i].finished)
			return false;
		any |= s->choice[i].seen;
	}
	return any;
}

int gemini_read_end(struct chat_stream *s, struct chat_context *cx, chat_emit_f *emit_f, void *arg)
{
	static const struct chat_error cut = { .status = 502,
		.message = { "The provider's answer ended without a finish reason.", 52 } };
	struct chunk c = { .s = s, .cx = cx, .emit = emit_f, .arg = arg };

	if (s->over)
		return 0;
	s->over = true;
	if (!is_whole(s))
		return emit(&c, &(struct chat_event){ .kind = EVENT_ERROR, .error = &cut });
	if (s->has_usage &&
		emit(&c, &(struct chat_event){ .kind = EVENT_USAGE, .usage = &s->usage }) != 0)
		return -1;
	return emit(&c, &(struct chat_event){ .kind = EVENT_END });
}
