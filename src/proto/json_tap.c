/*
 * json_tap.c: the byte machine behind json_tap.h. It knows where the members of one object begin
 * and end and counts brackets inside their values; it does not check what it passes over. Owns
 * nothing: keys and memory are the caller's. Pure functions; any thread.
 */
#include "proto/json_tap.h"

#include "base/defs.h"
#include "proto/json_run.h"

enum state {
	T_START,     /* in front of the text */
	T_ELEM,      /* each: in front of an element */
	T_FIRST_KEY, /* behind '{' */
	T_KEY,       /* behind ',' */
	T_IN_KEY,
	T_KEY_ESCAPE,
	T_COLON,
	T_VALUE, /* behind ':' */
	T_SCALAR,
	T_STRING,
	T_ESCAPE,
	T_NEST,  /* inside brackets, outside strings */
	T_AFTER, /* behind a value */
	T_DONE,
};

void json_tap_init(struct json_tap *t, const struct str *keys, size_t n_keys, char *buf, size_t cap)
{
	tg_assert(n_keys <= JSON_TAP_MAX);
	memset(t, 0, sizeof *t);
	t->key = keys;
	t->n_keys = (uint8_t)n_keys;
	t->buf = buf;
	t->cap = TG_MIN(cap, (size_t)UINT32_MAX);
}

void json_tap_nest(struct json_tap *t, size_t i, struct json_tap *inner)
{
	tg_assert(i < t->n_keys && inner != t);
	t->inner[i] = inner;
}

void json_tap_each(struct json_tap *t, void (*elem_end)(struct json_tap *t))
{
	t->each = true;
	t->elem_end = elem_end;
}

static void forget(struct json_tap *t)
{
	t->len = 0;
	t->twice = 0;
	memset(t->got, 0, sizeof t->got);
	for (size_t i = 0; i < t->n_keys; i++)
		if (t->inner[i] != NULL)
			json_tap_reset(t->inner[i]);
}

void json_tap_reset(struct json_tap *t)
{
	if (t->state == T_START && !t->bad) /* nothing was fed but white space */
		return;
	t->state = T_START;
	t->hit = 0;
	t->bad = false;
	t->in_elem = false;
	t->depth = 0;
	t->n_elem = 0;
	forget(t);
}

/* A piece of the value being captured. */
static void capture(struct json_tap *t, const char *p, size_t n)
{
	size_t i = t->hit - 1u;

	if (t->inner[i] != NULL) {
		json_tap_feed(t->inner[i], str_mk(p, n));
		return;
	}
	if (t->got[i].overflow || n == 0)
		return;
	if (n > t->cap - t->len) {
		t->got[i].overflow = true;
		t->len = t->got[i].at; /* the room is the next one's */
		return;
	}
	memcpy(t->buf + t->len, p, n);
	t->len += n;
	t->got[i].len += (uint32_t)n;
}

static void capture_begin(struct json_tap *t, char first)
{
	size_t i = t->hit - 1u;

	if (t->got[i].seen)
		t->twice |= (uint16_t)(1u << i);
	memset(&t->got[i], 0, sizeof t->got[i]);
	t->got[i].at = (uint32_t)t->len;
	t->got[i].first = first;
	if (t->inner[i] != NULL)
		json_tap_reset(t->inner[i]);
}

/* p behind the value. */
static void value_end(struct json_tap *t, const char *mark, const char *p)
{
	t->state = T_AFTER;
	if (t->hit == 0)
		return;
	capture(t, mark, (size_t)(p - mark));
	t->got[t->hit - 1].seen = true;
	t->hit = 0;
}

/* The key in keybuf: which one it is, 1-based, 0 for none. */
static uint8_t key_find(const struct json_tap *t)
{
	if (t->keybuf_len > sizeof t->keybuf)
		return 0;
	for (uint8_t i = 0; i < t->n_keys; i++)
		if (str_eq(str_mk(t->keybuf, t->keybuf_len), t->key[i]))
			return (uint8_t)(i + 1);
	return 0;
}

/* A length beyond the buffer says: too long to be one of ours. */
static void key_put(struct json_tap *t, const char *p, size_t n)
{
	size_t len = t->keybuf_len;

	if (len > sizeof t->keybuf || n > sizeof t->keybuf - len) {
		t->keybuf_len = sizeof t->keybuf + 1;
		return;
	}
	memcpy(t->keybuf + len, p, n);
	t->keybuf_len = (uint16_t)(len + n);
}

/* Inside a key: as far as it goes. */
static const char *key_run(struct json_tap *t, const char *p, const char *end)
{
	const char *from = p;

	if (t->state == T_KEY_ESCAPE) {
		t->state = T_IN_KEY;
		p++;
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	if (p < end && *p == '\\') {
		t->state = T_KEY_ESCAPE;
		p++;
	}
	key_put(t, from, (size_t)(p - from));
	if (t->state == T_KEY_ESCAPE || p >= end)
		return p;
	t->hit = key_find(t);
	t->state = T_COLON;
	return p + 1;
}

static void object_begin(struct json_tap *t)
{
	t->state = T_FIRST_KEY;
	t->in_elem = t->each;
}

static void object_end(struct json_tap *t)
{
	t->state = T_DONE;
	if (!t->each)
		return;
	t->in_elem = false;
	t->n_elem++;
	t->state = T_AFTER;
	if (t->elem_end != NULL)
		t->elem_end(t);
	forget(t);
}

/* The first byte of a value, at p: *mark is where capturing starts. */
static void value_begin(struct json_tap *t, const char *p, const char **mark)
{
	char c = *p;

	*mark = p;
	if (t->hit != 0)
		capture_begin(t, c);
	if (c == '"') {
		t->state = T_STRING;
	} else if (c == '{' || c == '[') {
		t->state = T_NEST;
		t->depth = 1;
	} else if (c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' || c == 'n') {
		t->state = T_SCALAR;
	} else {
		t->bad = true;
	}
}

/* A byte between members or values that is not white space. */
static void on_structure(struct json_tap *t, const char *p, const char **mark)
{
	char c = *p;
	bool outside = t->each && !t->in_elem;

	if (t->state == T_START && c == (t->each ? '[' : '{'))
		t->each ? (void)(t->state = T_ELEM) : object_begin(t);
	else if (t->state == T_ELEM && c == '{')
		object_begin(t);
	else if ((t->state == T_ELEM || (t->state == T_AFTER && outside)) && c == ']')
		t->state = T_DONE;
	else if (t->state == T_ELEM || t->state == T_VALUE)
		value_begin(t, p, mark);
	else if (t->state == T_AFTER && c == ',')
		t->state = outside ? T_ELEM : T_KEY;
	else if ((t->state == T_AFTER || t->state == T_FIRST_KEY) && !outside && c == '}')
		object_end(t);
	else if ((t->state == T_FIRST_KEY || t->state == T_KEY) && c == '"') {
		t->state = T_IN_KEY;
		t->keybuf_len = 0;
	} else if (t->state == T_COLON && c == ':')
		t->state = T_VALUE;
	else
		t->bad = true;
}

/* Inside brackets: behind the next byte that matters. */
static const char *nest_run(struct json_tap *t, const char *p, const char *end)
{
	for (; p < end; p++) {
		switch (*p) {
		case '"': t->state = T_STRING; return p + 1;
		case '{':
		case '[':
			if (++t->depth > JSON_TAP_MAX_NEST)
				t->bad = true;
			if (t->bad)
				return p;
			break;
		case '}':
		case ']':
			if (--t->depth == 0)
				return p + 1;
			break;
		}
	}
	return p;
}

static const char *string_run(struct json_tap *t, const char *p, const char *end)
{
	p = json_run_end(p, end);
	if (p == end)
		return p;
	if (*p == '\\')
		t->state = T_ESCAPE;
	else if (*p == '"')
		t->state = t->depth > 0 ? T_NEST : T_AFTER;
	return p + 1; /* a control byte is passed over */
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* One step at p < end: how far it got. */
static const char *step(struct json_tap *t, const char *p, const char *end, const char **mark)
{
	switch ((enum state)t->state) {
	case T_IN_KEY:
	case T_KEY_ESCAPE: return key_run(t, p, end);
	case T_STRING:
		p = string_run(t, p, end);
		if (t->state == T_AFTER)
			value_end(t, *mark, p);
		return p;
	case T_ESCAPE: t->state = T_STRING; return p + 1;
	case T_NEST:
		p = nest_run(t, p, end);
		if (t->depth == 0)
			value_end(t, *mark, p);
		return p;
	case T_SCALAR:
		while (p < end && !is_space(*p) && *p != ',' && *p != '}' && *p != ']')
			p++;
		if (p < end)
			value_end(t, *mark, p);
		return p;
	default:
		if (!is_space(*p))
			on_structure(t, p, mark);
		return p + 1;
	}
}

void json_tap_feed(struct json_tap *t, struct str bytes)
{
	const char *p = bytes.p, *end = p + bytes.n, *mark = p;

	while (p < end && !t->bad && t->state != T_DONE)
		p = step(t, p, end, &mark);
	if (t->hit != 0 && !t->bad && t->state >= T_SCALAR && t->state <= T_NEST)
		capture(t, mark, (size_t)(p - mark));
}

bool json_tap_whole(struct json_tap *t, struct str text, unsigned skip)
{
	struct json_watch w[JSON_TAP_MAX];
	struct json_fail fail;
	uint8_t key_of[JSON_TAP_MAX];
	size_t n = 0;

	for (uint8_t i = 0; i < t->n_keys; i++) {
		if ((skip >> i & 1) != 0)
			continue;
		key_of[n] = i;
		w[n++].key = t->key[i];
	}
	if (t->state != T_START || t->bad || t->each || json_scan_object(text, w, n, &fail) != 0)
		return false;
	for (size_t k = 0; k < n; k++) {
		if (w[k].val.type == JSON_NONE)
			continue;
		t->hit = (uint8_t)(key_of[k] + 1);
		capture_begin(t, *w[k].val.raw.p);
		capture(t, w[k].val.raw.p, w[k].val.raw.n);
		t->got[key_of[k]].seen = true;
	}
	t->hit = 0;
	t->state = T_DONE;
	return true;
}

enum json_type json_tap_type(const struct json_tap *t, size_t i)
{
	tg_assert(i < t->n_keys);
	if (!t->got[i].seen)
		return JSON_NONE;
	switch (t->got[i].first) {
	case '{': return JSON_OBJECT;
	case '[': return JSON_ARRAY;
	case '"': return JSON_STRING;
	case 't': return JSON_TRUE;
	case 'f': return JSON_FALSE;
	case 'n': return JSON_NULL;
	default: return JSON_NUMBER;
	}
}

struct json_val json_tap_get(const struct json_tap *t, size_t i)
{
	struct json_val v = { .type = json_tap_type(t, i) };

	if (t->inner[i] != NULL || t->got[i].overflow)
		v.type = JSON_NONE;
	if (v.type != JSON_NONE)
		v.raw = str_mk(t->buf + t->got[i].at, t->got[i].len);
	return v;
}

bool json_tap_done(const struct json_tap *t)
{
	return t->state == T_DONE;
}
