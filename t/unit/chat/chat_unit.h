/*
 * chat_unit.h: what the tests of codecs share: a request, an answer or a stream that goes in
 * through one codec and comes out of another, as text.
 */
#ifndef TG_CHAT_UNIT_H
#define TG_CHAT_UNIT_H

#include <stdio.h>

#include "chat/codec.h"
#include "unit/unit.h"

struct chat_unit {
	struct arena arena, event_arena;
	struct chat_context cx;
	char *text; /* what came out */
	size_t n;
};

static inline void chat_unit_init(struct chat_unit *u, const char *model)
{
	memset(u, 0, sizeof *u);
	arena_init(&u->arena, NULL, 0);
	arena_init(&u->event_arena, NULL, 0);
	u->cx.arena = &u->arena;
	u->cx.model = str_z(model);
	u->cx.id = STR("id_of_ours");
	u->cx.created = 1700000000;
}

static inline void chat_unit_fini(struct chat_unit *u)
{
	arena_fini(&u->arena);
	arena_fini(&u->event_arena);
	free(u->text);
}

static inline const struct json_node *chat_unit_parse(struct arena *a, const char *json)
{
	struct json_node *root = NULL;
	struct json_fail fail;

	ck_assert_msg(json_tree_parse(a, str_z(json), 100000, &root, &fail) == 0, "%s at %zu of %s",
		json_error_text(fail.err), fail.offset, json);
	return root;
}

/* What a writer writes: counted first, then written into exactly that much. */
#define CHAT_UNIT_WRITE(u, call)                                                                   \
	do {                                                                                       \
		struct json_out out_, *o = &out_;                                                  \
		jo_init(o, NULL, 0);                                                               \
		call;                                                                              \
		free((u)->text);                                                                   \
		(u)->n = o->n;                                                                     \
		(u)->text = malloc((u)->n + 1);                                                    \
		ck_assert_ptr_nonnull((u)->text);                                                  \
		jo_init(o, (u)->text, (u)->n);                                                     \
		call;                                                                              \
		ck_assert_msg(!o->full && o->n == (u)->n, "counted %zu, wrote %zu", (u)->n, o->n); \
		(u)->text[(u)->n] = '\0';                                                          \
	} while (0)

/* The names of what was noted, with commas. */
static inline const char *chat_unit_unsupported(const struct chat_unit *u)
{
	static char buf[2048];
	size_t n = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < u->cx.n_unsupported; i++)
		n += (size_t)snprintf(buf + n, sizeof buf - n, "%s%.*s", i > 0 ? "," : "",
			STR_FMT(u->cx.unsupported[i]));
	return buf;
}

/* A client's request of one dialect as the request to a provider of another. 0; -1: cx.fail. */
static inline int chat_unit_request(struct chat_unit *u, const struct chat_codec *from,
	const struct chat_codec *to, const char *json, struct chat_request *rq)
{
	int rc = 0;

	if (from->read_request(&u->cx, chat_unit_parse(&u->arena, json), rq) != 0)
		return -1;
	ck_assert_int_eq(chat_name_results(&u->cx, rq), 0);
	CHAT_UNIT_WRITE(u, rc = to->write_request(&u->cx, rq, o));
	if (rc == 0) /* what goes out is JSON */
		(void)chat_unit_parse(&u->arena, u->text);
	return rc;
}

/* A provider's answer in a client's dialect. */
static inline int chat_unit_answer(struct chat_unit *u, const struct chat_codec *from,
	const struct chat_codec *to, const char *json)
{
	struct chat_answer a = { 0 };

	if (from->read_answer(&u->cx, chat_unit_parse(&u->arena, json), &a) != 0)
		return -1;
	CHAT_UNIT_WRITE(u, to->write_answer(&u->cx, &a, o));
	(void)chat_unit_parse(&u->arena, u->text);
	return 0;
}

static inline int chat_unit_error(struct chat_unit *u, const struct chat_codec *from,
	const struct chat_codec *to, int status, const char *json)
{
	struct chat_error e = { .status = status };

	from->read_error(&u->cx, chat_unit_parse(&u->arena, json), &e);
	CHAT_UNIT_WRITE(u, to->write_error(&u->cx, &e, o));
	(void)chat_unit_parse(&u->arena, u->text);
	return e.status;
}

/* ---- streams */

struct chat_unit_sink {
	struct chat_unit *u;
	const struct chat_codec *to; /* NULL: events as lines, see below */
	struct chat_stream *out;
	size_t cap;
	unsigned events, stop_after; /* the sink is gone after so many; 0: never */
	/* the order that chat.h promises */
	bool open[CHAT_CHOICES], finished[CHAT_CHOICES], started, ended;
};

static inline void chat_unit_append(struct chat_unit_sink *k, const char *p, size_t n)
{
	struct chat_unit *u = k->u;

	if (u->n + n + 1 > k->cap) {
		k->cap = (u->n + n + 1) * 2;
		u->text = realloc(u->text, k->cap);
		ck_assert_ptr_nonnull(u->text);
	}
	if (n > 0)
		memcpy(u->text + u->n, p, n);
	u->n += n;
	u->text[u->n] = '\0';
}

static inline size_t chat_unit_usage(char *p, size_t cap, const struct usage *g)
{
	size_t n = 0;

	for (int b = 0; b < USAGE__MAX; b++)
		if (g->n[b] > 0)
			n += (size_t)snprintf(p + n, cap - n, " %s=%llu",
				usage_bucket_name((enum usage_bucket)b),
				(unsigned long long)g->n[b]);
	return n;
}

/* "open call toolu_1 name", "+ text", "close sig", "finish 4", "usage input=1", "end", "error 500
 * ..." */
static inline void chat_unit_line(struct chat_unit_sink *k, const struct chat_event *e)
{
	static const char *const kind[] = { "text", "image", "audio", "video", "file", "call",
		"result", "thinking", "redacted", "refusal" };
	static const char *const finish[] = { "none", "stop", "stop_sequence", "length", "tool",
		"filter", "pause", "error" };
	static char buf[1 << 16];
	size_t n = 0, cap = sizeof buf;

	switch (e->kind) {
	case EVENT_START:
		n = (size_t)snprintf(
			buf, cap, "start %.*s %.*s", STR_FMT(e->id), STR_FMT(e->model));
		if (e->usage != NULL)
			n += chat_unit_usage(buf + n, cap - n, e->usage);
		break;
	case EVENT_OPEN:
		n = (size_t)snprintf(buf, cap, "open %s", kind[e->part]);
		if (e->part == PART_CALL)
			n += (size_t)snprintf(
				buf + n, cap - n, " %.*s %.*s", STR_FMT(e->id), STR_FMT(e->name));
		if (e->data.n > 0)
			n += (size_t)snprintf(buf + n, cap - n, " %.*s", STR_FMT(e->data));
		if (e->mime.n > 0)
			n += (size_t)snprintf(buf + n, cap - n, " %.*s", STR_FMT(e->mime));
		if (e->url.n > 0)
			n += (size_t)snprintf(buf + n, cap - n, " %.*s", STR_FMT(e->url));
		break;
	case EVENT_DELTA: n = (size_t)snprintf(buf, cap, "+ %.*s", STR_FMT(e->text)); break;
	case EVENT_CLOSE:
		n = (size_t)snprintf(buf, cap, "close%s%.*s", e->signature.n > 0 ? " " : "",
			STR_FMT(e->signature));
		break;
	case EVENT_FINISH:
		n = (size_t)snprintf(buf, cap, "finish %s%s%.*s", finish[e->finish],
			e->stop_sequence.n > 0 ? " " : "", STR_FMT(e->stop_sequence));
		break;
	case EVENT_USAGE:
		n = (size_t)snprintf(buf, cap, "usage");
		n += chat_unit_usage(buf + n, cap - n, e->usage);
		break;
	case EVENT_END: n = (size_t)snprintf(buf, cap, "end"); break;
	case EVENT_ERROR:
		n = (size_t)snprintf(buf, cap, "error %d %.*s: %.*s", e->error->status,
			STR_FMT(e->error->type), STR_FMT(e->error->message));
		break;
	}
	ck_assert_uint_lt(n, cap - 1);
	buf[n++] = '\n';
	chat_unit_append(k, buf, n);
}

static inline int chat_unit_emit(void *arg, const struct chat_event *e)
{
	struct chat_unit_sink *k = arg;
	bool *open = &k->open[e->choice];
	char buf[1 << 16];
	struct json_out o;

	ck_assert_msg(!k->ended, "an event after the last one");
	ck_assert_msg(e->kind == EVENT_ERROR || k->started == (e->kind != EVENT_START),
		"START is once and first");
	k->started = true;
	if (e->kind == EVENT_OPEN || e->kind == EVENT_CLOSE || e->kind == EVENT_DELTA)
		ck_assert_msg(*open == (e->kind != EVENT_OPEN), "a block in the wrong place");
	*open = e->kind == EVENT_OPEN || (*open && e->kind != EVENT_CLOSE);
	k->ended = e->kind == EVENT_END || e->kind == EVENT_ERROR;
	if (e->kind == EVENT_FINISH || e->kind == EVENT_END)
		ck_assert_msg(!*open, "a block is open at the end");
	if (e->kind == EVENT_OPEN || e->kind == EVENT_DELTA || e->kind == EVENT_FINISH)
		ck_assert_msg(!k->finished[e->choice], "more of a choice that has ended");
	k->finished[e->choice] |= e->kind == EVENT_FINISH;
	if (k->stop_after > 0 && ++k->events == k->stop_after)
		return -1;
	if (k->to == NULL) {
		chat_unit_line(k, e);
		return 0;
	}
	jo_init(&o, buf, sizeof buf);
	k->to->write_event(k->out, e, &o);
	ck_assert(!o.full);
	chat_unit_append(k, buf, o.n);
	return 0;
}

/*
 * A provider's stream, one event's data a line (a line that begins with '!' names the next one's
 * event), in a client's dialect; to == NULL: as lines of events. 0, or -1 of the reader.
 */
static inline int chat_unit_stream(struct chat_unit *u, const struct chat_codec *from,
	const struct chat_codec *to, const struct chat_request *rq, const char *lines,
	unsigned stop_after)
{
	struct chat_unit_sink k = { .u = u, .to = to, .stop_after = stop_after };
	struct chat_stream *in = from->in_open(&u->cx, rq);
	struct str rest = str_z(lines), line, name = STR_NONE;
	int rc = 0;

	ck_assert_ptr_nonnull(in);
	if (to != NULL) {
		k.out = to->out_open(&u->cx, rq);
		ck_assert_ptr_nonnull(k.out);
	}
	free(u->text);
	u->text = NULL;
	u->n = 0;
	chat_unit_append(&k, "", 0);
	while (rc == 0 && str_split(&rest, '\n', &line)) {
		char *own; /* exactly its bytes, gone afterwards */

		if (line.n > 0 && line.p[0] == '!') {
			name = str_skip(line, 1);
			continue;
		}
		own = unit_copy(line.p, line.n);
		u->cx.arena = &u->event_arena;
		rc = from->read_event(in, &u->cx, name, str_mk(own, line.n), chat_unit_emit, &k);
		u->cx.arena = &u->arena;
		arena_fini(&u->event_arena);
		free(own);
		name = STR_NONE;
	}
	if (rc == 0) {
		u->cx.arena = &u->event_arena;
		rc = from->read_end(in, &u->cx, chat_unit_emit, &k);
		u->cx.arena = &u->arena;
	}
	if (rc == 0)
		ck_assert_msg(k.ended, "a stream without END or ERROR");
	return rc;
}

/* A file's text, malloc'd; NULL where it is not. */
static inline char *chat_unit_file(const char *path)
{
	char buf[4096], *text = NULL;
	size_t n, len = 0;
	FILE *in = fopen(path, "r"), *out;

	if (in == NULL)
		return NULL;
	out = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(out);
	while ((n = fread(buf, 1, sizeof buf, in)) > 0)
		fwrite(buf, 1, n, out);
	fclose(in);
	fclose(out);
	return text;
}

/* A recording's text, malloc'd; from TG_SHARED_DATA, or ../shared/data beside the source. NULL
 * where it is not, which it says. */
static inline char *chat_unit_recording(const char *file)
{
	const char *data = getenv("TG_SHARED_DATA"), *src = getenv("TG_SRCDIR");
	char path[4096], *text;

	snprintf(path, sizeof path, "%s%s/fixtures/vercel-ai/%s",
		data != NULL  ? data
		: src != NULL ? src
			      : ".",
		data != NULL ? "" : "/../shared/data", file);
	text = chat_unit_file(path);
	if (text == NULL)
		fprintf(stderr, "skipped: %s is not there\n", path);
	return text;
}

#define CHAT_UNIT_TEXT(u, want) \
	ck_assert_msg(strcmp((u)->text, (want)) == 0, "got\n%s\nnot\n%s", (u)->text, (want))

#endif
