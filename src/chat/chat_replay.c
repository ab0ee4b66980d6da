/*
 * chat_replay.c: see chat_replay.h. Pure; any thread.
 */
#include "chat/chat_replay.h"

#define GATHER_FIRST 256

/* ---- an answer as events */

struct replay {
	struct chat_context *cx;
	chat_emit_f *emit;
	void *arg;
};

/* Arguments stream as the text of a string. */
static struct str as_jstr(struct chat_context *cx, struct str json)
{
	struct json_out o;
	char *p;

	jo_init(&o, NULL, 0);
	jo_quote_jstr(&o, json);
	p = arena_alloc(cx->arena, o.n);
	if (p == NULL)
		return STR_NONE;
	jo_init(&o, p, o.n);
	jo_quote_jstr(&o, json);
	return str_mk(p + 1, o.n - 2);
}

static int replay_part(const struct replay *r, uint8_t choice, const struct chat_part *p)
{
	struct chat_event e = { .kind = EVENT_OPEN, .choice = choice, .part = p->kind };

	e.id = p->id;
	e.name = p->name;
	if (p->kind == PART_REDACTED || chat_is_media(p->kind))
		e.data = p->data;
	if (chat_is_media(p->kind))
		e.signature = p->signature;
	e.mime = p->mime;
	e.url = p->url;
	if (r->emit(r->arg, &e) != 0)
		return -1;
	e.kind = EVENT_DELTA;
	e.id = e.name = e.data = e.mime = e.url = STR_NONE;
	e.text = p->kind == PART_CALL ? as_jstr(r->cx, p->args) : p->text;
	if (p->kind == PART_CALL && e.text.p == NULL)
		return chat_fail(r->cx, "no memory");
	if (e.text.n > 0 && r->emit(r->arg, &e) != 0)
		return -1;
	e.kind = EVENT_CLOSE;
	e.text = STR_NONE;
	e.signature = p->signature;
	return r->emit(r->arg, &e);
}

static int replay_choice(const struct replay *r, uint8_t i, const struct chat_choice *c)
{
	struct chat_event e = { .kind = EVENT_FINISH, .choice = i, .finish = c->finish };

	for (const struct chat_part *p = c->part; p != NULL; p = p->next)
		if (replay_part(r, i, p) != 0)
			return -1;
	e.stop_sequence = c->stop_sequence;
	return r->emit(r->arg, &e);
}

int chat_replay(struct chat_context *cx, const struct chat_answer *a, chat_emit_f *emit, void *arg)
{
	const struct replay r = { cx, emit, arg };
	const struct usage *usage = a->usage.source != USAGE_ABSENT ? &a->usage : NULL;
	struct chat_event e = { .kind = EVENT_START, .id = a->id, .model = a->model };

	e.usage = usage;
	if (emit(arg, &e) != 0)
		return -1;
	for (unsigned i = 0; i < a->n_choices; i++)
		if (replay_choice(&r, (uint8_t)i, &a->choice[i]) != 0)
			return -1;
	e = (struct chat_event){ .kind = EVENT_USAGE, .usage = usage };
	if (usage != NULL && emit(arg, &e) != 0)
		return -1;
	return emit(arg, &(struct chat_event){ .kind = EVENT_END });
}

/* ---- events as an answer */

struct open_part {
	struct chat_part *part, **tail;
	struct arena_buf text;
};

struct chat_gather {
	struct chat_context *cx;
	struct chat_answer answer;
	struct open_part open[CHAT_CHOICES];
	bool ended, failed;
};

struct chat_gather *chat_gather_new(struct chat_context *cx)
{
	struct chat_gather *g = CHAT_NEW(cx, chat_gather);

	if (g == NULL)
		return NULL;
	g->cx = cx;
	for (unsigned i = 0; i < CHAT_CHOICES; i++)
		g->open[i].tail = &g->answer.choice[i].part;
	return g;
}

/* The event's strings are gone with it. */
static bool keep(struct chat_gather *g, struct str *to, struct str s)
{
	if (s.p == NULL)
		return true;
	*to = s.n > 0 ? arena_dup(g->cx->arena, s) : STR("");
	return to->p != NULL;
}

static bool gather_open(struct chat_gather *g, const struct chat_event *e)
{
	struct open_part *o = &g->open[e->choice];
	struct chat_part *p = CHAT_NEW(g->cx, chat_part);

	if (p == NULL)
		return false;
	p->kind = e->part;
	*o->tail = o->part = p;
	o->tail = &p->next;
	o->text = (struct arena_buf){ 0 };
	return keep(g, &p->id, e->id) && keep(g, &p->name, e->name) && keep(g, &p->data, e->data) &&
	       keep(g, &p->mime, e->mime) && keep(g, &p->url, e->url);
}

static bool gather_close(struct chat_gather *g, const struct chat_event *e)
{
	struct open_part *o = &g->open[e->choice];
	struct str text = o->text.p != NULL ? str_mk(o->text.p, o->text.n) : STR("");
	struct chat_part *p = o->part;

	o->part = NULL;
	if (p == NULL)
		return true;
	if (p->kind == PART_CALL)
		p->args = chat_args_of_jstr(g->cx, text);
	else if (p->kind != PART_REDACTED && !chat_is_media(p->kind))
		p->text = text;
	return (p->kind != PART_CALL || p->args.n > 0) && keep(g, &p->signature, e->signature);
}

static bool gather_finish(struct chat_gather *g, const struct chat_event *e)
{
	struct chat_choice *c = &g->answer.choice[e->choice];

	c->finish = e->finish;
	return keep(g, &c->stop_sequence, e->stop_sequence);
}

static bool gather(struct chat_gather *g, const struct chat_event *e)
{
	struct open_part *o = &g->open[e->choice];

	if (e->usage != NULL)
		g->answer.usage = *e->usage;
	switch (e->kind) {
	case EVENT_START:
		return keep(g, &g->answer.id, e->id) && keep(g, &g->answer.model, e->model);
	case EVENT_OPEN: return gather_open(g, e);
	case EVENT_DELTA:
		return o->part == NULL ||
		       arena_buf_put(g->cx->arena, &o->text, e->text, GATHER_FIRST) == 0;
	case EVENT_CLOSE: return gather_close(g, e);
	case EVENT_FINISH: return gather_finish(g, e);
	case EVENT_END: g->ended = true; return true;
	case EVENT_ERROR:
		g->failed = true;
		(void)chat_fail(g->cx, "it ended in an error: %.*s", STR_FMT(e->error->message));
		return true;
	case EVENT_USAGE: return true;
	}
	return true;
}

int chat_gather_event(void *arg, const struct chat_event *e)
{
	struct chat_gather *g = arg;

	tg_assert(e->choice < CHAT_CHOICES);
	if (g->ended || g->failed)
		return 0;
	if (e->kind != EVENT_START && e->kind != EVENT_USAGE && e->kind <= EVENT_FINISH)
		g->answer.n_choices = TG_MAX(g->answer.n_choices, e->choice + 1u);
	if (gather(g, e))
		return 0;
	g->failed = true;
	return chat_fail(g->cx, "it is too large");
}

const struct chat_answer *chat_gather_answer(struct chat_gather *g)
{
	if (g->failed || !g->ended) {
		if (g->cx->fail[0] == '\0')
			(void)chat_fail(g->cx, "its stream has no end");
		return NULL;
	}
	return &g->answer;
}
