/*
 * fuzz_chat.c: what a client or a provider says, through every codec. The first line names who
 * speaks and what it is ("anthropic request", "openai stream", ...); the rest is the JSON, or one
 * event's data a line. Whatever comes in: what goes out is JSON, as long as it was counted, and a
 * stream's events keep the order of chat.h.
 */
#include <stdlib.h>

#include "chat/chat_replay.h"
#include "chat/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARENA_MAX (64u << 20)
#define NODES     100000

struct sink {
	const struct chat_codec *to;
	struct chat_stream *out;
	struct chat_context cx; /* of the request, as long as the stream */
	struct arena arena;
	bool open[256], finished[256], ended, started;
	char *text; /* all that was written */
	size_t n, cap;
};

static struct sink sinks[SHAPE__MAX];

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void init(struct chat_context *cx, struct arena *a)
{
	*cx = (struct chat_context){ .arena = a,
		.model = STR("claude-sonnet-4-5"),
		.id = STR("id"),
		.created = 1700000000 };
}

static bool is_json(struct arena *a, struct str s)
{
	struct json_node *root;
	struct json_fail fail;

	return json_tree_parse(a, s, NODES * 100, &root, &fail) == 0;
}

enum what { REQUEST, ANSWER, FAILURE };

static int write_one(const struct chat_codec *to, enum what what, struct chat_context *cx,
	const void *hub, struct json_out *o)
{
	if (what == REQUEST)
		return to->write_request(cx, hub, o);
	if (what == ANSWER)
		to->write_answer(cx, hub, o);
	else
		to->write_error(cx, hub, o);
	return 0;
}

/* Counted, written, and JSON. */
static void write_all(enum what what, struct chat_context *cx, const void *hub)
{
	for (size_t i = 0; i < SHAPE__MAX; i++) {
		const struct chat_codec *to = chat_codecs[i];
		struct json_out o;
		size_t n;
		char *p;

		if (to == NULL ||
			(what == REQUEST ? to->write_request == NULL : to->write_answer == NULL))
			continue;
		jo_init(&o, NULL, 0);
		if (write_one(to, what, cx, hub, &o) != 0) {
			require(cx->fail[0] != '\0');
			continue;
		}
		n = o.n;
		p = malloc(n + 1);
		require(p != NULL);
		jo_init(&o, p, n);
		require(write_one(to, what, cx, hub, &o) == 0);
		require(o.n == n && !o.full && is_json(cx->arena, str_mk(p, n)));
		free(p);
	}
}

/* As a stream, and whole again. */
static void told_again(struct chat_context *cx, const struct chat_answer *answer)
{
	struct chat_gather *g = chat_gather_new(cx);

	require(g != NULL);
	require(chat_replay(cx, answer, chat_gather_event, g) == 0);
	require(chat_gather_answer(g) != NULL);
}

static void whole(const struct chat_codec *from, enum what what, struct str text)
{
	struct arena a;
	struct chat_context cx;
	struct json_node *root;
	struct json_fail fail;

	arena_init(&a, NULL, ARENA_MAX);
	init(&cx, &a);
	if (json_tree_parse(&a, text, NODES, &root, &fail) == 0) {
		if (what == REQUEST) {
			struct chat_request rq = { 0 };

			if (from->read_request(&cx, root, &rq) == 0 &&
				chat_name_results(&cx, &rq) == 0)
				write_all(what, &cx, &rq);
			else
				require(cx.fail[0] != '\0');
		} else if (what == ANSWER) {
			struct chat_answer answer = { 0 };

			if (from->read_answer(&cx, root, &answer) == 0) {
				write_all(what, &cx, &answer);
				told_again(&cx, &answer);
			} else
				require(cx.fail[0] != '\0');
		} else {
			struct chat_error e = { .status = 500 };

			from->read_error(&cx, root, &e);
			write_all(what, &cx, &e);
		}
	}
	arena_fini(&a);
}

/* ---- streams */

static int sink_flush(struct json_out *o)
{
	struct sink *s = o->arg;

	if (o->n == 0)
		return 0;
	if (s->n + o->n > s->cap) {
		s->cap = (s->n + o->n) * 2;
		s->text = realloc(s->text, s->cap);
		require(s->text != NULL);
	}
	memcpy(s->text + s->n, o->p, o->n);
	s->n += o->n;
	o->n = 0;
	return 0;
}

static void check_order(struct sink *s, const struct chat_event *e)
{
	bool *open = &s->open[e->choice], *finished = &s->finished[e->choice];

	require(!s->ended);
	if (e->kind != EVENT_ERROR)
		require(s->started == (e->kind != EVENT_START));
	s->started |= e->kind == EVENT_START;
	if (e->kind == EVENT_OPEN || e->kind == EVENT_FINISH)
		require(!*open);
	if (e->kind == EVENT_DELTA || e->kind == EVENT_CLOSE)
		require(*open);
	if (e->kind == EVENT_OPEN || e->kind == EVENT_DELTA || e->kind == EVENT_FINISH)
		require(!*finished);
	*finished |= e->kind == EVENT_FINISH;
	for (size_t i = 0; e->kind == EVENT_END && i < TG_ARRAY_LEN(s->open); i++)
		require(!s->open[i]);
	*open = e->kind == EVENT_OPEN || (*open && e->kind != EVENT_CLOSE);
	s->ended = e->kind == EVENT_END || e->kind == EVENT_ERROR;
	if (e->kind == EVENT_ERROR)
		require(e->error != NULL);
	if (e->kind == EVENT_USAGE)
		require(e->usage != NULL);
}

static int emit(void *arg, const struct chat_event *e)
{
	char buf[512];

	(void)arg;
	check_order(&sinks[0], e);
	for (size_t i = 1; i < SHAPE__MAX; i++) {
		struct json_out o;

		if (sinks[i].out == NULL)
			continue;
		jo_init(&o, buf, sizeof buf);
		o.flush = sink_flush;
		o.arg = &sinks[i];
		sinks[i].to->write_event(sinks[i].out, e, &o);
		require(!o.full && sink_flush(&o) == 0);
	}
	return 0;
}

/* Every line of data is JSON, or a marker. */
static void check_text(struct sink *s)
{
	struct str rest = str_mk(s->text, s->n), line;

	while (str_split(&rest, '\n', &line)) {
		if (str_ends(line, STR("\r"))) /* Gemini's */
			line.n--;
		if (str_starts(line, STR("data: {")))
			require(is_json(&s->arena, str_skip(line, 6)));
		else
			require(line.n == 0 || str_starts(line, STR("event: ")) ||
				str_eq(line, STR("data: [DONE]")));
	}
}

static void open_sinks(void)
{
	memset(sinks, 0, sizeof sinks);
	for (size_t i = 0; i < SHAPE__MAX; i++) {
		static const struct chat_request rq = { .stream = true, .stream_usage = true };

		arena_init(&sinks[i].arena, NULL, ARENA_MAX);
		if (i == 0 || chat_codecs[i] == NULL || chat_codecs[i]->out_open == NULL)
			continue;
		init(&sinks[i].cx, &sinks[i].arena);
		sinks[i].to = chat_codecs[i];
		sinks[i].out = sinks[i].to->out_open(&sinks[i].cx, &rq);
		require(sinks[i].out != NULL);
	}
}

static void stream(const struct chat_codec *from, struct str text)
{
	static const struct chat_request rq = { .stream = true, .stream_usage = true };
	struct arena event;
	struct chat_context cx;
	struct chat_stream *in;
	struct str line;
	int rc = 0;

	open_sinks();
	init(&cx, &sinks[0].arena);
	in = from->in_open(&cx, &rq);
	require(in != NULL);
	arena_init(&event, NULL, ARENA_MAX);
	cx.arena = &event;
	while (rc == 0 && str_split(&text, '\n', &line)) {
		char *own = malloc(line.n + 1);

		require(own != NULL);
		memcpy(own, line.p, line.n);
		rc = from->read_event(in, &cx, STR_NONE, str_mk(own, line.n), emit, NULL);
		free(own);
		arena_fini(&event);
	}
	require(rc == 0 || cx.fail[0] != '\0');
	if (rc == 0) {
		require(from->read_end(in, &cx, emit, NULL) == 0);
		require(sinks[0].ended);
	}
	arena_fini(&event);
	for (size_t i = 0; i < SHAPE__MAX; i++) {
		check_text(&sinks[i]);
		free(sinks[i].text);
		arena_fini(&sinks[i].arena);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_mk((const char *)data, size), head, who;

	if (!str_split(&text, '\n', &head) || !str_split(&head, ' ', &who))
		return 0;
	for (size_t i = 1; i < SHAPE__MAX; i++) {
		const struct chat_codec *c = chat_codecs[i];

		if (c == NULL || !str_eq(who, str_z(c->name)))
			continue;
		if (str_eq(head, STR("request")) && c->read_request != NULL)
			whole(c, REQUEST, text);
		else if (str_eq(head, STR("answer")) && c->read_answer != NULL)
			whole(c, ANSWER, text);
		else if (str_eq(head, STR("error")) && c->read_error != NULL)
			whole(c, FAILURE, text);
		else if (str_eq(head, STR("stream")) && c->in_open != NULL)
			stream(c, text);
	}
	return 0;
}
