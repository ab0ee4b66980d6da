/*
 * chat.c: the table of codecs, and what they share: how a request's shortcomings are noted, the
 * names of results, turns joined for dialects that want them to alternate. Pure; any thread.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "chat/codec.h"

#define ROW_0(id, codec)
#define ROW_1(id, codec) [SHAPE_##id] = &(codec),

const struct chat_codec *const chat_codecs[SHAPE__MAX] = {
	[SHAPE_NONE] = NULL,
#define X(id, codec, have) ROW_##have(id, codec)
#include "chat/tbl/shapes.h"
#undef X
};

void chat_unsupported(struct chat_context *cx, const char *name)
{
	struct str s = str_z(name);

	for (unsigned i = 0; i < cx->n_unsupported; i++)
		if (str_eq(cx->unsupported[i], s))
			return;
	if (cx->n_unsupported < CHAT_UNSUPPORTED)
		cx->unsupported[cx->n_unsupported++] = s;
	else
		cx->unsupported_more = true;
}

void chat_unsupported_in(struct chat_context *cx, const char *where, struct str name)
{
	bool plain = name.n > 0 && name.n <= 64;
	struct str s;

	for (size_t i = 0; plain && i < name.n; i++) {
		char c = name.p[i], lower = (char)(c | 0x20);

		plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
			c == '-' || c == '.';
	}
	if (!plain)
		name = STR("(unnamed)");
	s = arena_printf(cx->arena, "%s%.*s", where, STR_FMT(name));
	chat_unsupported(cx, s.p != NULL ? s.p : "(unnamed)");
}

int chat_fail(struct chat_context *cx, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cx->fail, sizeof cx->fail, fmt, ap);
	va_end(ap);
	return -1;
}

void *chat_new(struct chat_context *cx, size_t size)
{
	void *p = arena_zalloc(cx->arena, size);

	if (p == NULL)
		(void)chat_fail(cx, "The request has too many parts to be translated.");
	return p;
}

/* ---- text and numbers */

/* How many bytes at i are one character of white space in a JSON string; 0: none. */
static size_t blank_at(struct str s, size_t i)
{
	if (s.p[i] == ' ')
		return 1;
	if (s.p[i] != '\\' || i + 1 >= s.n)
		return 0;
	if (memchr("ntrf", s.p[i + 1], 4) != NULL)
		return 2;
	return i + 6 <= s.n && memcmp(s.p + i, "\\u0020", 6) == 0 ? 6 : 0;
}

struct str chat_user(struct chat_context *cx, struct str user, bool fits)
{
	if (fits)
		return user;
	return arena_printf(cx->arena, "user_%016llx", (unsigned long long)str_hash_fixed(user));
}

bool chat_blank(struct str jstr)
{
	size_t i = 0, n;

	while (i < jstr.n && (n = blank_at(jstr, i)) > 0)
		i += n;
	return i >= jstr.n;
}

void chat_write_stops(struct chat_context *cx, const struct chat_request *rq, const char *key,
	bool takes_blank, struct json_out *o)
{
	unsigned n = 0;

	for (unsigned i = 0; i < rq->n_stop; i++) {
		if (!takes_blank && chat_blank(rq->stop[i])) {
			chat_unsupported(cx, "stop (one of white space only)");
			continue;
		}
		if (n++ == 0) {
			jo_key(o, key);
			jo_arr(o);
		}
		jo_jstr(o, rq->stop[i]);
	}
	if (n > 0)
		jo_arr_end(o);
}

struct str chat_trim_end(struct str s)
{
	for (;;) {
		size_t slashes = 0;

		if (s.n > 0 && s.p[s.n - 1] == ' ') {
			s.n--;
			continue;
		}
		while (slashes + 1 < s.n && s.p[s.n - 2 - slashes] == '\\')
			slashes++;
		if (slashes % 2 == 0 || memchr("ntr", s.p[s.n - 1], 3) == NULL)
			return s;
		s.n -= 2;
	}
}

bool chat_name_char(char c)
{
	char lower = (char)(c | 0x20);

	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool chat_is_name(struct str s, size_t max)
{
	if (s.n == 0 || s.n > max)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!chat_name_char(s.p[i]))
			return false;
	return true;
}

double chat_number(struct str json)
{
	char buf[40]; /* its text has no end of its own */

	snprintf(buf, sizeof buf, "%.*s", (int)TG_MIN(json.n, sizeof buf - 1), json.p);
	return strtod(buf, NULL);
}

void chat_note_parallel(struct chat_context *cx, const struct chat_request *rq)
{
	bool demanded = rq->choose == CHOOSE_TOOL ||
			(rq->choose == CHOOSE_ANY && rq->tool != NULL && rq->tool->next == NULL);

	if (rq->parallel == 0 && rq->tool != NULL && rq->choose != CHOOSE_NONE && !demanded)
		chat_unsupported(cx, "parallel_tool_calls");
}

void chat_note_rest(struct chat_context *cx, const struct chat_request *rq)
{
	if (rq->n.n > 0 && chat_number(rq->n) != 1)
		chat_unsupported(cx, "n");
	if (rq->seed.n > 0)
		chat_unsupported(cx, "seed");
	if (rq->presence_penalty.n > 0 && chat_number(rq->presence_penalty) != 0)
		chat_unsupported(cx, "presence_penalty");
	if (rq->frequency_penalty.n > 0 && chat_number(rq->frequency_penalty) != 0)
		chat_unsupported(cx, "frequency_penalty");
	if (rq->logprobs)
		chat_unsupported(cx, "logprobs");
	if (rq->top_logprobs.n > 0)
		chat_unsupported(cx, "top_logprobs");
}

/* ---- arguments */

static bool is_object(struct str json)
{
	struct json_fail fail;

	return json_scan_object(json, NULL, 0, &fail) == 0;
}

static bool is_space(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\n' && s.p[i] != '\r' && s.p[i] != '\t')
			return false;
	return true;
}

struct str chat_args_of_jstr(struct chat_context *cx, struct str jstr)
{
	struct str text = json_jstr_decode(cx->arena, jstr);

	if (text.p != NULL && is_object(text))
		return text;
	if (jstr.p == NULL || (text.p != NULL && is_space(text)))
		return STR("{}");
	return arena_printf(cx->arena, "{\"raw_arguments\":\"%.*s\"}", STR_FMT(jstr));
}

/* ---- calls, looked up
 *
 * By sorting: ids and names are the client's, who knows what any hash of ours makes of them.
 */

struct call {
	struct str key; /* its id, or its name */
	size_t at;      /* its place among the parts of the request */
	const struct chat_part *part;
};

struct calls {
	struct call *v;
	size_t n;
};

static int by_key(const void *a, const void *b)
{
	const struct call *x = a, *y = b;
	int c = str_cmp(x->key, y->key);

	return c != 0 ? c : (x->at > y->at) - (x->at < y->at);
}

static int by_place(const void *a, const void *b)
{
	const struct call *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static size_t count_calls(const struct chat_request *rq)
{
	size_t n = 0;

	for (const struct chat_turn *t = rq->turn; t != NULL; t = t->next)
		for (const struct chat_part *p = t->part; p != NULL; p = p->next)
			n += p->kind == PART_CALL;
	return n;
}

/* Sorted by id (or by name), those of one key in the order they came. */
static int calls_find(
	struct chat_context *cx, const struct chat_request *rq, bool by_name, struct calls *c)
{
	size_t n = count_calls(rq), at = 0;

	*c = (struct calls){ .n = 0 };
	if (n == 0)
		return 0;
	c->v = chat_new(cx, n * sizeof *c->v);
	if (c->v == NULL)
		return -1;
	for (const struct chat_turn *t = rq->turn; t != NULL; t = t->next)
		for (const struct chat_part *p = t->part; p != NULL; p = p->next, at++)
			if (p->kind == PART_CALL)
				c->v[c->n++] = (struct call){ by_name ? p->name : p->id, at, p };
	qsort(c->v, c->n, sizeof *c->v, by_key);
	return 0;
}

/* The last one with that id before a place; NULL: none. */
static const struct chat_part *call_before(const struct calls *c, struct str id, size_t at)
{
	const struct call want = { .key = id, .at = at };
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_key(&c->v[middle], &want) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && str_eq(c->v[low - 1].key, id) ? c->v[low - 1].part : NULL;
}

static void name_result(const struct calls *c, struct chat_part *p, size_t at)
{
	const struct chat_part *call;

	if (p->kind != PART_RESULT || p->name.p != NULL)
		return;
	call = call_before(c, p->id, at);
	if (call != NULL)
		p->name = call->name;
}

int chat_name_results(struct chat_context *cx, struct chat_request *rq)
{
	struct calls calls;
	size_t at = 0;

	if (calls_find(cx, rq, false, &calls) != 0)
		return -1;
	if (calls.n == 0)
		return 0;
	for (struct chat_turn *t = rq->turn; t != NULL; t = t->next)
		for (struct chat_part *p = t->part; p != NULL; p = p->next, at++)
			name_result(&calls, p, at);
	return 0;
}

int chat_called_tools(
	struct chat_context *cx, const struct chat_request *rq, struct str **name, size_t *n)
{
	struct calls calls;
	size_t kept = 0;

	*name = NULL;
	*n = 0;
	if (calls_find(cx, rq, true, &calls) != 0)
		return -1;
	if (calls.n == 0)
		return 0;
	for (size_t i = 0; i < calls.n; i++)
		if (kept == 0 || !str_eq(calls.v[kept - 1].key, calls.v[i].key))
			calls.v[kept++] = calls.v[i];
	qsort(calls.v, kept, sizeof *calls.v, by_place);
	*name = chat_new(cx, kept * sizeof **name);
	if (*name == NULL)
		return -1;
	for (size_t i = 0; i < kept; i++)
		(*name)[(*n)++] = calls.v[i].key;
	return 0;
}

/* ---- small things of one value */

bool chat_data_url(struct str jstr, struct str *mime, struct str *data)
{
	size_t comma = str_chr(jstr, ','), semicolon;
	struct str head;

	if (!str_starts_ci(jstr, STR("data:")) || comma == (size_t)-1)
		return false;
	head = str_mk(jstr.p + 5, comma - 5);
	if (!str_ends(head, STR(";base64")))
		return false;
	semicolon = str_chr(head, ';'); /* "text/plain;charset=utf-8;base64" */
	*mime = str_mk(head.p, semicolon);
	*data = str_skip(jstr, comma + 1);
	return true;
}

bool chat_is_media(enum chat_part_kind kind)
{
	return kind == PART_IMAGE || kind == PART_AUDIO || kind == PART_VIDEO || kind == PART_FILE;
}

enum chat_part_kind chat_media_kind(struct str mime)
{
	if (str_starts_ci(mime, STR("image/")))
		return PART_IMAGE;
	if (str_starts_ci(mime, STR("audio/")))
		return PART_AUDIO;
	return str_starts_ci(mime, STR("video/")) ? PART_VIDEO : PART_FILE;
}

uint64_t chat_base64_bytes(struct str jstr)
{
	uint64_t n = 0;

	for (size_t i = 0; i < jstr.n; i++)
		n += jstr.p[i] != '=' && jstr.p[i] != '\\';
	return n * 3 / 4;
}

#define MEDIA_NAME 64 /* longest media type that is repeated */

struct str chat_media_text(struct arena *a, const struct chat_media *m)
{
	static const struct str words[] = { [PART_IMAGE] = STR("image"),
		[PART_AUDIO] = STR("audio"),
		[PART_VIDEO] = STR("video"),
		[PART_FILE] = STR("file") };
	struct str name = m->mime, text;

	tg_assert(chat_is_media(m->kind));
	if (name.n == 0 || name.n > MEDIA_NAME)
		name = words[m->kind];
	if (m->bytes == 0 && m->url.n > 0)
		text = arena_printf(a, "[%.*s: %.*s]", STR_FMT(name), STR_FMT(m->url));
	else
		text = arena_printf(a, "[%.*s, %" PRIu64 " bytes: not carried by this API]",
			STR_FMT(name), m->bytes);
	return text.p != NULL ? text : STR("[media: not carried by this API]");
}

struct str chat_media_text_part(struct arena *a, const struct chat_part *p)
{
	return chat_media_text(a, &(struct chat_media){ .kind = p->kind,
					  .mime = p->mime,
					  .url = p->url,
					  .bytes = chat_base64_bytes(p->data) });
}

struct str chat_media_text_event(struct arena *a, const struct chat_event *e)
{
	return chat_media_text(a, &(struct chat_media){ .kind = e->part,
					  .mime = e->mime,
					  .url = e->url,
					  .bytes = chat_base64_bytes(e->data) });
}

static const struct str effort_words[] = {
#define X(id, word) [EFFORT_##id] = STR(word),
#include "chat/tbl/efforts.h"
#undef X
};

enum chat_effort chat_effort_of(struct str word)
{
	for (size_t i = EFFORT_UNSET + 1; i < TG_ARRAY_LEN(effort_words); i++)
		if (str_eq(word, effort_words[i]))
			return (enum chat_effort)i;
	return EFFORT_UNSET;
}

struct str chat_effort_word(enum chat_effort e)
{
	return effort_words[e];
}

enum chat_finish chat_finish_of(enum chat_finish f, bool has_calls)
{
	return f == FINISH_STOP && has_calls ? FINISH_TOOL : f;
}

bool chat_has_calls(const struct chat_part *p)
{
	for (; p != NULL; p = p->next)
		if (p->kind == PART_CALL)
			return true;
	return false;
}

/* ---- turns that alternate */

static bool takes(const struct chat_walk *w, const struct chat_turn *t, const struct chat_part *p)
{
	return w->fits == NULL || w->fits(w->arg, t, p);
}

/* t or the first behind it that has something to say. */
static const struct chat_turn *skip_empty(const struct chat_walk *w, const struct chat_turn *t)
{
	for (; t != NULL; t = t->next)
		if (t->role != CHAT_SYSTEM)
			for (const struct chat_part *p = t->part; p != NULL; p = p->next)
				if (takes(w, t, p))
					return t;
	return NULL;
}

bool chat_walk_turn(struct chat_walk *w)
{
	const struct chat_turn *t = skip_empty(w, w->turn);

	if (t == NULL)
		return false;
	w->first = w->at = t;
	w->role = t->role;
	w->part = t->part;
	w->rest = false;
	while (t != NULL && t->role == w->role)
		t = skip_empty(w, t->next);
	w->turn = t;
	return true;
}

/* The next part of the joined turn in the order they came. */
static const struct chat_part *walk_next(struct chat_walk *w)
{
	const struct chat_part *p;

	while (w->part == NULL) {
		if (w->at == NULL)
			return NULL;
		w->at = skip_empty(w, w->at->next);
		if (w->at == w->turn)
			w->at = NULL;
		w->part = w->at != NULL ? w->at->part : NULL;
	}
	p = w->part;
	w->part = p->next;
	return p;
}

const struct chat_part *chat_walk_part(struct chat_walk *w)
{
	const struct chat_part *p;

	for (;;) {
		p = walk_next(w);
		if (p == NULL && w->rest)
			return NULL;
		if (p == NULL) { /* again, for what is no result */
			w->rest = true;
			w->at = w->first;
			w->part = w->first->part;
		} else if ((p->kind == PART_RESULT) != w->rest && takes(w, w->at, p)) {
			return p;
		}
	}
}

const struct chat_turn *chat_prefill(const struct chat_request *rq)
{
	const struct chat_turn *last = NULL;

	for (const struct chat_turn *t = rq->turn; t != NULL; t = t->next)
		if (t->role != CHAT_SYSTEM)
			last = t;
	return last != NULL && last->role == CHAT_ASSISTANT ? last : NULL;
}

struct str chat_walk_text(const struct chat_walk *w, const struct chat_part *p)
{
	struct chat_walk again = *w;

	if (p->kind != PART_TEXT || w->role != CHAT_ASSISTANT || w->turn != NULL ||
		chat_walk_part(&again) != NULL)
		return p->text;
	return chat_trim_end(p->text);
}

const struct chat_part *chat_walk_only_text(struct chat_walk w)
{
	const struct chat_part *only = chat_walk_part(&w);

	return only->kind == PART_TEXT && chat_walk_part(&w) == NULL ? only : NULL;
}

bool chat_in_unthought_turn(const struct chat_request *rq)
{
	bool call = false, thought = false, user = false, results = false;

	for (const struct chat_turn *t = rq->turn; t != NULL; t = t->next) {
		if (t->role == CHAT_SYSTEM)
			continue;
		if (t->role == CHAT_ASSISTANT && user && !results)
			call = thought = false;
		if (t->role == CHAT_ASSISTANT || !user)
			results = false;
		user = t->role == CHAT_USER;
		for (const struct chat_part *q = t->part; q != NULL; q = q->next) {
			results |= q->kind == PART_RESULT;
			call |= q->kind == PART_CALL;
			thought |= (q->kind == PART_THINKING && q->signature.n > 0) ||
				   q->kind == PART_REDACTED;
		}
	}
	return call && !thought && (!user || results);
}
