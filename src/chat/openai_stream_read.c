/*
 * openai_stream_read.c: chunks of a chat completion stream, read into events. The API has no
 * blocks: they are made here, from what kind of delta comes. Finishes and usage are held until the
 * stream ends, because copies of this API repeat them in every chunk. Owns the place in one stream,
 * in the request's arena; its worker.
 */
#include "chat/openai_int.h"

/* Where a choice is. */
struct place {
	bool seen, open, has_calls;
	enum chat_part_kind part; /* open: of what kind */
	enum chat_finish finish;
	struct str signature; /* of the open block, when it is told before its end */
	/* The call in work: its block is opened once its name is known */
	bool waiting, has_index;
	uint64_t index;
	struct str id, name;
	char last;      /* of its arguments so far */
	uint64_t audio; /* bytes so far, of all its pieces */
};

struct chat_stream {
	struct arena *arena;
	struct str answer_id; /* ours, in ids of calls that have none */
	bool started, ended;
	size_t n_calls;
	struct openai_figures figures;
	struct usage usage;
	struct place place[CHAT_CHOICES];
};

/* One event being read. */
struct read {
	struct chat_stream *s;
	struct chat_context *cx;
	chat_emit_f *emit;
	void *arg;
	struct place *at;
};

struct chat_stream *openai_in_open(struct chat_context *cx, const struct chat_request *rq)
{
	struct chat_stream *s = CHAT_NEW(cx, chat_stream);

	(void)rq;
	if (s == NULL)
		return NULL;
	s->arena = cx->arena;
	s->answer_id = cx->id;
	return s;
}

static uint8_t choice_of(const struct read *r)
{
	return (uint8_t)(r->at - r->s->place);
}

static int emit(struct read *r, struct chat_event e)
{
	return r->emit(r->arg, &e);
}

/* ---- blocks */

static int close_block(struct read *r)
{
	struct place *p = r->at;
	struct chat_event e = { .kind = EVENT_CLOSE,
		.choice = choice_of(r),
		.part = p->part,
		.signature = p->signature };

	p->waiting = false;
	if (!p->open)
		return 0;
	p->open = false;
	p->signature = STR_NONE;
	return emit(r, e);
}

static int open_block(struct read *r, enum chat_part_kind part, struct chat_event e)
{
	if (close_block(r) != 0)
		return -1;
	r->at->open = true;
	r->at->part = part;
	e.kind = EVENT_OPEN;
	e.choice = choice_of(r);
	e.part = part;
	return emit(r, e);
}

static int need_block(struct read *r, enum chat_part_kind part)
{
	if (r->at->open && r->at->part == part)
		return 0;
	return open_block(r, part, (struct chat_event){ 0 });
}

static int piece(struct read *r, enum chat_part_kind part, struct str text)
{
	if (text.n == 0)
		return 0;
	if (need_block(r, part) != 0)
		return -1;
	return emit(r,
		(struct chat_event){
			.kind = EVENT_DELTA, .choice = choice_of(r), .part = part, .text = text });
}

static int fail(struct read *r, struct chat_error *e)
{
	r->s->ended = true;
	return emit(r, (struct chat_event){ .kind = EVENT_ERROR, .error = e });
}

static int fail_text(struct read *r, struct str message)
{
	struct chat_error e = { .status = 502, .type = STR("server_error"), .message = message };

	return fail(r, &e);
}

/* A copy that lasts as long as the stream. */
static int keep(struct read *r, struct str s, struct str *kept)
{
	*kept = arena_dup(r->s->arena, s);
	return kept->p != NULL ? 0
			       : chat_fail(r->cx, "the provider's stream needs too much memory");
}

/* ---- reasoning */

/* A signature belongs to the thoughts before it; a second one begins a block of its own. */
static int sign_thoughts(struct read *r, struct str signature)
{
	struct place *p = r->at;

	if (signature.n == 0)
		return 0;
	if (p->open && p->part == PART_THINKING && p->signature.p != NULL && close_block(r) != 0)
		return -1;
	if (need_block(r, PART_THINKING) != 0)
		return -1;
	return keep(r, signature, &p->signature);
}

static int redacted(struct read *r, struct str data)
{
	if (data.n == 0)
		return 0;
	if (open_block(r, PART_REDACTED, (struct chat_event){ .data = data }) != 0)
		return -1;
	return close_block(r);
}

/* An element of reasoning_details or thinking_blocks; `told`: its text stood beside it. */
static int thought(struct read *r, const struct json_node *d, bool told)
{
	struct str text = json_get_jstr(d, STR("thinking"));

	if (text.n == 0)
		text = json_get_jstr(d, STR("text"));
	if (text.n == 0)
		text = json_get_jstr(d, STR("summary"));
	if (!told && piece(r, PART_THINKING, text) != 0)
		return -1;
	if (sign_thoughts(r, json_get_jstr(d, STR("signature"))) != 0)
		return -1;
	return redacted(r, json_get_jstr(d, STR("data")));
}

static int read_reasoning(struct read *r, const struct json_node *delta)
{
	static const struct str lists[] = { STR("thinking_blocks"), STR("reasoning_details") };
	struct str text = json_get_jstr(delta, STR("reasoning_content"));

	if (text.n == 0)
		text = json_get_jstr(delta, STR("reasoning"));
	if (piece(r, PART_THINKING, text) != 0)
		return -1;
	for (size_t i = 0; i < TG_ARRAY_LEN(lists); i++) {
		const struct json_node *list = json_get_type(delta, lists[i], JSON_ARRAY);

		json_each(d, list) if (thought(r, d, text.n > 0) != 0) return -1;
		if (list != NULL && list->child != NULL)
			return 0;
	}
	return 0;
}

/* ---- text */

static int read_image(struct read *r, const struct json_node *image)
{
	struct str url = openai_image_url(image);
	struct chat_part p = { .kind = PART_IMAGE };

	if (url.n == 0)
		return 0;
	openai_read_image(&p, url, STR_NONE);
	if (open_block(r, PART_IMAGE,
		    (struct chat_event){ .data = p.data, .mime = p.mime, .url = p.url }) != 0)
		return -1;
	return close_block(r);
}

/* What was said is text; the sound, which comes in pieces, is told of at the end. */
static int read_audio(struct read *r, const struct json_node *audio)
{
	r->at->audio += chat_base64_bytes(json_get_jstr(audio, STR("data")));
	return piece(r, PART_TEXT, json_get_jstr(audio, STR("transcript")));
}

static int tell_audio(struct read *r)
{
	return r->at->audio > 0 ? piece(r, PART_TEXT, openai_audio_text(r->cx->arena, r->at->audio))
				: 0;
}

/* Mistral's content may be parts: text, and thinking that is parts itself. */
static int read_content(struct read *r, const struct json_node *content)
{
	if (content == NULL || content->type != JSON_ARRAY)
		return piece(r, PART_TEXT, json_jstr(content));
	json_each(c, content)
	{
		json_each(t,
			json_get(c, STR("thinking"))) if (piece(r, PART_THINKING,
								  json_get_jstr(t, STR("text"))) !=
							  0) return -1;
		if (piece(r, PART_TEXT, json_get_jstr(c, STR("text"))) != 0 ||
			read_image(r, c) != 0)
			return -1;
	}
	return 0;
}

/* ---- calls */

struct call {
	bool has_index;
	uint64_t index;
	struct str id, name, args;
};

static void read_call(const struct json_node *v, struct call *c)
{
	const struct json_node *f = json_get(v, STR("function"));

	*c = (struct call){ .id = json_get_jstr(v, STR("id")),
		.name = json_get_jstr(f, STR("name")),
		.args = json_get_jstr(f, STR("arguments")) };
	c->has_index = json_node_u64(json_get(v, STR("index")), &c->index) == 0;
}

static bool call_is_open(const struct place *p)
{
	return p->waiting || (p->open && p->part == PART_CALL);
}

/*
 * Does the delta begin another call? By its index where there is one. Copies leave it out, or give
 * every call the same: then by another id that comes with a name, or by a name whose arguments
 * begin anew.
 */
static bool is_new_call(const struct place *p, const struct call *c)
{
	if (!call_is_open(p))
		return true;
	if (c->has_index && p->has_index && c->index != p->index)
		return true;
	if (c->name.n == 0)
		return false;
	if (c->id.n > 0 && p->id.n > 0)
		return !str_eq(c->id, p->id);
	if (c->has_index)
		return false;
	return p->name.n > 0 && (!str_eq(c->name, p->name) ||
					(p->last == '}' && c->args.n > 0 && *c->args.p == '{'));
}

static int begin_call(struct read *r, const struct call *c)
{
	struct place *p = r->at;

	if (close_block(r) != 0)
		return -1;
	p->waiting = true;
	p->has_index = c->has_index;
	p->index = c->index;
	p->id = p->name = STR_NONE;
	p->last = '\0';
	return c->id.n > 0 ? keep(r, c->id, &p->id) : 0;
}

static int open_call(struct read *r, const struct call *c)
{
	struct chat_context ids = { .arena = r->s->arena, .id = r->s->answer_id };
	struct place *p = r->at;

	if (keep(r, c->name.n > 0 ? c->name : STR(""), &p->name) != 0)
		return -1;
	if (p->id.n == 0 &&
		keep(r, c->id.n > 0 ? c->id : openai_call_id(&ids, r->s->n_calls), &p->id) != 0)
		return -1;
	r->s->n_calls++;
	p->has_calls = true;
	return open_block(r, PART_CALL, (struct chat_event){ .id = p->id, .name = p->name });
}

static int call_delta(struct read *r, const struct json_node *v)
{
	struct place *p = r->at;
	struct str signature = openai_thought_signature(v);
	struct call c;

	read_call(v, &c);
	if (is_new_call(p, &c)) {
		if (p->has_calls && c.id.n == 0 && c.name.n == 0) /* more of one that is over */
			return c.args.n == 0 ? 0
					     : fail_text(r, STR("The provider's tool calls are "
								"interleaved."));
		if (begin_call(r, &c) != 0)
			return -1;
	}
	if (p->waiting && (c.name.n > 0 || c.args.n > 0) && open_call(r, &c) != 0)
		return -1;
	if (signature.n > 0)
		if (keep(r, signature, &p->signature) != 0)
			return -1;
	if (c.args.n == 0)
		return 0;
	p->last = c.args.p[c.args.n - 1];
	return piece(r, PART_CALL, c.args);
}

/* ---- chunks */

static int read_delta(struct read *r, const struct json_node *delta)
{
	const struct json_node *calls = json_get_type(delta, STR("tool_calls"), JSON_ARRAY);
	struct str signature = openai_thought_signature(delta);

	if (read_reasoning(r, delta) != 0 ||
		read_content(r, json_get(delta, STR("content"))) != 0 ||
		piece(r, PART_REFUSAL, json_get_jstr(delta, STR("refusal"))) != 0)
		return -1;
	if (signature.n > 0 && r->at->open && r->at->part == PART_TEXT)
		if (keep(r, signature, &r->at->signature) != 0)
			return -1;
	json_each(v, json_get_type(delta, STR("images"), JSON_ARRAY)) if (read_image(r, v) !=
									  0) return -1;
	if (read_audio(r, json_get(delta, STR("audio"))) != 0)
		return -1;
	json_each(v, calls) if (!r->s->ended && call_delta(r, v) != 0) return -1;
	return 0;
}

static int read_choice(struct read *r, const struct json_node *v)
{
	enum chat_finish finish = openai_finish_of(json_get_jstr(v, STR("finish_reason")));
	uint64_t index = 0;

	if (json_node_u64(json_get(v, STR("index")), &index) == 0 && index >= CHAT_CHOICES)
		return 0;
	r->at = &r->s->place[index];
	r->at->seen = true;
	if (read_delta(r, json_get(v, STR("delta"))) != 0)
		return -1;
	if (finish != FINISH_NONE)
		r->at->finish = finish;
	openai_figures_read(&r->s->figures, json_get(v, STR("usage"))); /* Moonshot's place */
	return 0;
}

static int start(struct read *r, const struct json_node *root)
{
	struct chat_event e = { .kind = EVENT_START,
		.id = json_get_jstr(root, STR("id")),
		.model = json_get_jstr(root, STR("model")) };

	if (r->s->started)
		return 0;
	r->s->started = true;
	return emit(r, e);
}

static int read_chunk(struct read *r, const struct json_node *root)
{
	const struct json_node *choices = json_get_type(root, STR("choices"), JSON_ARRAY);

	/* Azure's first has no choices, nor id or model */
	if (choices != NULL && choices->child != NULL && start(r, root) != 0)
		return -1;
	json_each(v, choices) if (!r->s->ended && read_choice(r, v) != 0) return -1;
	openai_figures_read(&r->s->figures, json_get(json_get(root, STR("x_groq")), STR("usage")));
	openai_figures_read(&r->s->figures, json_get(root, STR("usage")));
	return 0;
}

/* ---- the end */

/* FINISH of each choice, usage, END. */
static int finish(struct read *r)
{
	struct chat_stream *s = r->s;

	s->ended = true;
	for (size_t i = 0; i < CHAT_CHOICES; i++) {
		struct chat_event e = { .kind = EVENT_FINISH, .choice = (uint8_t)i };

		r->at = &s->place[i];
		if (!r->at->seen)
			continue;
		if (tell_audio(r) != 0 || close_block(r) != 0)
			return -1;
		e.finish =
			chat_finish_of(r->at->finish != FINISH_NONE ? r->at->finish : FINISH_STOP,
				r->at->has_calls);
		if (emit(r, e) != 0)
			return -1;
	}
	openai_figures_usage(&s->figures, &s->usage);
	if (s->usage.source != USAGE_ABSENT &&
		emit(r, (struct chat_event){ .kind = EVENT_USAGE, .usage = &s->usage }) != 0)
		return -1;
	return emit(r, (struct chat_event){ .kind = EVENT_END });
}

static bool all_finished(const struct chat_stream *s)
{
	for (size_t i = 0; i < CHAT_CHOICES; i++)
		if (s->place[i].seen && s->place[i].finish == FINISH_NONE)
			return false;
	return s->started;
}

static const struct json_node *find_error(const struct json_node *root, struct str name)
{
	const struct json_node *groq = json_get(root, STR("x_groq"));

	if (str_eq(name, STR("error")))
		return root;
	if (json_get(groq, STR("error")) != NULL)
		return groq;
	if (json_get_type(root, STR("error"), JSON_OBJECT) != NULL ||
		json_get_type(root, STR("error"), JSON_STRING) != NULL)
		return root;
	return str_eq(json_get_jstr(root, STR("object")), STR("error")) ? root : NULL;
}

#define CHUNK_NODES 100000

static int read_json(struct read *r, struct str name, struct str data)
{
	const struct json_node *error;
	struct chat_error e = { 0 };
	struct json_node *root;
	struct json_fail f;

	if (json_tree_parse(r->cx->arena, data, CHUNK_NODES, &root, &f) != 0)
		return fail_text(r, STR("The provider sent an event that is not JSON."));
	error = find_error(root, name);
	if (error == NULL)
		return read_chunk(r, root);
	openai_read_error(r->cx, error, &e);
	return fail(r, &e);
}

int openai_read_event(struct chat_stream *s, struct chat_context *cx, struct str name,
	struct str data, chat_emit_f *emit_f, void *arg)
{
	struct read r = { s, cx, emit_f, arg, &s->place[0] };

	data = str_trim(data);
	if (s->ended || data.n == 0)
		return 0;
	if (str_eq(data, STR("[DONE]")))
		return s->started ? finish(&r)
				  : fail_text(&r, STR("The provider sent an empty answer."));
	return *data.p == '{' ? read_json(&r, name, data) : 0; /* not ours to understand */
}

/* Copies that send no [DONE] have said why every choice ended. */
int openai_read_end(struct chat_stream *s, struct chat_context *cx, chat_emit_f *emit_f, void *arg)
{
	struct read r = { s, cx, emit_f, arg, &s->place[0] };

	if (s->ended)
		return 0;
	return all_finished(s)
		       ? finish(&r)
		       : fail_text(&r, STR("The provider's answer ended before it was complete."));
}
