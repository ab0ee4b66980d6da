/*
 * json_scan.c: the validating span scanner. It walks the text once, without recursion and without
 * memory: the kinds of the open brackets are one bit each. Almost all of a prompt is inside
 * strings, so the one hot loop is json_string_run(). Pure functions; any thread.
 *
 * What it does not look at: UTF-8 inside strings, lone surrogates in \u escapes, the size of
 * numbers. Keys of the scanned object itself must decode, because only then can they be told from
 * watched ones.
 */
#include "proto/json_scan.h"

#include "proto/json_lex.h"

struct scan {
	struct json_lex lex;
	unsigned depth;
	uint64_t is_object[JSON_MAX_DEPTH / 64]; /* one bit for each open bracket */
	uint32_t types;                          /* json_val.types of the watched value in work */
};

static inline bool in_object(const struct scan *s)
{
	return s->is_object[(s->depth - 1) / 64] >> ((s->depth - 1) % 64) & 1;
}

static const char *bracket_open(struct scan *s, const char *p)
{
	uint64_t bit = (uint64_t)1 << (s->depth % 64);

	if (s->depth >= JSON_MAX_DEPTH)
		return json_lex_fail(&s->lex, p, JSON_E_DEPTH);
	if (*p == '{')
		s->is_object[s->depth / 64] |= bit;
	else
		s->is_object[s->depth / 64] &= ~bit;
	s->depth++;
	return p + 1;
}

/* A key that may spell "type", and where its value begins. */
static uint32_t types_of(struct str key, const char *value, const char *end)
{
	if (memchr(key.p, '\\', key.n) != NULL)
		return UINT32_MAX;
	if (!str_eq(key, STR("type")) || end - value < 2 || *value != '"')
		return 0;
	return value[1] == '\\' ? UINT32_MAX : json_type_bit(value[1]);
}

/* p at a member's key: at its value. */
static inline const char *member_key(struct scan *s, const char *p)
{
	const char *key = p + 1, *end;

	if (p >= s->lex.end || *p != '"')
		return json_lex_bad(&s->lex, p);
	end = json_lex_string(&s->lex, key);
	if (end == NULL)
		return NULL;
	p = json_skip_space(end, s->lex.end);
	if (p >= s->lex.end || *p != ':')
		return json_lex_bad(&s->lex, p);
	p = json_skip_space(p + 1, s->lex.end);
	if (*key == 't' || *key == '\\')
		s->types |= types_of(str_mk(key, (size_t)(end - 1 - key)), p, s->lex.end);
	return p;
}

/* p behind a value: closes brackets down to depth `base`, or stops at the next value. */
static inline const char *value_after(struct scan *s, const char *p, unsigned base)
{
	while (s->depth > base) {
		bool object = in_object(s);

		p = json_skip_space(p, s->lex.end);
		if (p >= s->lex.end)
			return json_lex_bad(&s->lex, p);
		if (*p == ',') {
			p = json_skip_space(p + 1, s->lex.end);
			return object ? member_key(s, p) : p;
		}
		if (*p != (object ? '}' : ']'))
			return json_lex_bad(&s->lex, p);
		s->depth--;
		p++;
	}
	return p;
}

/* p at the first byte of a value: behind it, everything inside checked. */
static const char *value_end(struct scan *s, const char *p)
{
	unsigned base = s->depth;

	do {
		bool object;

		if (p >= s->lex.end)
			return json_lex_bad(&s->lex, p);
		switch (json_type_at(*p)) {
		case JSON_STRING: p = json_lex_string(&s->lex, p + 1); break;
		case JSON_NUMBER: p = json_lex_number(&s->lex, p); break;
		case JSON_TRUE: p = json_lex_literal(&s->lex, p, "true"); break;
		case JSON_FALSE: p = json_lex_literal(&s->lex, p, "false"); break;
		case JSON_NULL: p = json_lex_literal(&s->lex, p, "null"); break;
		case JSON_OBJECT:
		case JSON_ARRAY:
			object = *p == '{';
			p = bracket_open(s, p);
			if (p == NULL)
				return NULL;
			p = json_skip_space(p, s->lex.end);
			if (p < s->lex.end && *p == (object ? '}' : ']'))
				break; /* empty: value_after closes it */
			if (object)
				p = member_key(s, p);
			if (p == NULL)
				return NULL;
			continue;
		default: return json_lex_bad(&s->lex, p);
		}
		if (p != NULL)
			p = value_after(s, p, base);
	} while (p != NULL && s->depth > base);
	return p;
}

#define KEY_MAX 768 /* as it is written: up to 128 characters, all of them escaped */

/* ASCII without escapes; eight bytes at a time. */
static bool key_is_plain(struct str key)
{
	uint64_t x;

	for (; key.n > sizeof x; key = str_skip(key, sizeof x)) {
		memcpy(&x, key.p, sizeof x);
		if (!json_word_is_ascii(x))
			return false;
	}
	return key.n == 0 || json_word_is_ascii(json_short_word(key.p, key.n, 'x'));
}

/*
 * The key as its reader will see it: in place, or decoded into buf. A NUL is refused with the rest:
 * some readers end the key there. Longer than buf: equal to no watched key, which STR_NONE is too.
 */
static int key_decode(struct str raw, char buf[KEY_MAX], struct str *key)
{
	struct json_val v = { .type = JSON_STRING, .raw = raw };

	*key = str_mk(raw.p + 1, raw.n - 2);
	if (key_is_plain(*key))
		return 0;
	if (raw.n > KEY_MAX) {
		*key = STR_NONE;
		return 0;
	}
	if (json_decode(&v, buf, KEY_MAX, key) != 0 || memchr(key->p, '\0', key->n) != NULL)
		return -1;
	return 0;
}

static inline char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* What a reader that folds case makes of the first character of *s, taken off; 0: no ASCII. */
static char take_folded(struct str *s)
{
	char c = lower(*s->p);
	size_t n = 1;

	if (str_starts(*s, STR("\xc5\xbf"))) { /* long s */
		c = 's';
		n = 2;
	} else if (str_starts(*s, STR("\xe2\x84\xaa"))) { /* Kelvin sign */
		c = 'k';
		n = 3;
	}
	*s = str_skip(*s, n);
	return (unsigned char)c < 0x80 ? c : '\0';
}

/* The key is `word` (in lower case) to a reader that folds case. */
static bool folds_to(struct str key, struct str word)
{
	if (key.n < word.n)
		return false;
	while (key.n > 0 && word.n > 0) {
		if (take_folded(&key) != *word.p)
			return false;
		word = str_skip(word, 1);
	}
	return key.n == 0 && word.n == 0;
}

static bool watch_folded(const struct json_watch *w, size_t n, struct str key)
{
	struct str rest = key;
	char first = key.n > 0 ? take_folded(&rest) : '\0';

	for (size_t i = 0; i < n; i++)
		if (*w[i].key.p == first && folds_to(key, w[i].key))
			return true;
	return false;
}

struct watches {
	const char *text;
	struct json_watch *w;
	size_t n;
	bool strict;
	struct json_filter filter; /* most keys of a body are ruled out by it */
};

static bool watch_may_be(const struct watches *ws, struct str key)
{
	if (key.n == 0)
		return false;
	if ((unsigned char)*key.p >= 0x80) /* folds to who knows what */
		return ws->strict;
	if ((ws->filter.firsts >> (*key.p & 31) & 1) == 0)
		return false;
	/* folding may change the length */
	return ws->strict || (ws->filter.lengths >> TG_MIN(key.n, (size_t)63) & 1) != 0;
}

static struct json_watch *watch_find(const struct watches *ws, struct str key)
{
	if ((ws->filter.lengths >> TG_MIN(key.n, (size_t)63) & 1) == 0)
		return NULL;
	for (struct json_watch *w = ws->w; w < ws->w + ws->n; w++)
		if (w->key.n == key.n && *w->key.p == *key.p && memcmp(w->key.p, key.p, key.n) == 0)
			return w;
	return NULL;
}

/* p at a key of the scanned object: behind the member's value. */
static const char *watched_member(struct scan *s, const char *p, const struct watches *ws)
{
	const char *quote = p, *value;
	char buf[KEY_MAX];
	struct json_watch *hit;
	struct str key;

	if (p >= s->lex.end || *p != '"')
		return json_lex_bad(&s->lex, p);
	p = json_lex_string(&s->lex, p + 1);
	if (p == NULL)
		return NULL;
	if (key_decode(str_mk(quote, (size_t)(p - quote)), buf, &key) != 0)
		return json_lex_fail(&s->lex, quote, JSON_E_ENCODING);
	hit = watch_may_be(ws, key) ? watch_find(ws, key) : NULL;
	if (hit == NULL && ws->strict && watch_may_be(ws, key) && watch_folded(ws->w, ws->n, key))
		return json_lex_fail(&s->lex, quote, JSON_E_CASE);
	p = json_skip_space(p, s->lex.end);
	if (p >= s->lex.end || *p != ':')
		return json_lex_bad(&s->lex, p);
	value = json_skip_space(p + 1, s->lex.end);
	s->types = 0;
	p = value_end(s, value);
	if (p == NULL || hit == NULL)
		return p;
	if (hit->val.type != JSON_NONE)
		return json_lex_fail(&s->lex, quote, JSON_E_DUPLICATE);
	hit->val.type = json_type_at(*value);
	hit->val.types = s->types;
	hit->val.raw = str_mk(value, (size_t)(p - value));
	hit->val.member = (size_t)(quote - ws->text);
	return p;
}

/* p behind '{': behind the matching '}'. */
static const char *watched_object(struct scan *s, const char *p, const struct watches *ws)
{
	p = json_skip_space(p, s->lex.end);
	if (p < s->lex.end && *p == '}')
		return p + 1;
	for (;;) {
		p = watched_member(s, p, ws);
		if (p == NULL)
			return NULL;
		p = json_skip_space(p, s->lex.end);
		if (p < s->lex.end && *p == '}')
			return p + 1;
		if (p >= s->lex.end || *p != ',')
			return json_lex_bad(&s->lex, p);
		p = json_skip_space(p + 1, s->lex.end);
	}
}

static const char *whole_object(struct scan *s, const char *p, const struct watches *ws)
{
	p = json_skip_space(p, s->lex.end);
	if (p >= s->lex.end)
		return json_lex_bad(&s->lex, p);
	if (*p != '{')
		return json_lex_fail(&s->lex, p,
			json_type_at(*p) == JSON_NONE ? JSON_E_SYNTAX : JSON_E_NOT_OBJECT);
	p = watched_object(s, bracket_open(s, p), ws);
	if (p == NULL)
		return NULL;
	p = json_skip_space(p, s->lex.end);
	return p == s->lex.end ? p : json_lex_fail(&s->lex, p, JSON_E_TRAILING);
}

struct json_filter json_filter_of(const struct json_watch *w, size_t n)
{
	struct json_filter f = { .lengths = 0 };

	for (size_t i = 0; i < n; i++) {
		f.lengths |= UINT64_C(1) << TG_MIN(w[i].key.n, (size_t)63);
		f.firsts |= UINT32_C(1) << (*w[i].key.p & 31);
	}
	return f;
}

static int scan_watched(struct str text, const struct watches *ws, struct json_fail *fail)
{
	struct scan s = { .lex.end = text.p + text.n };

	for (size_t i = 0; i < ws->n; i++)
		ws->w[i].val = (struct json_val){ .type = JSON_NONE };
	if (whole_object(&s, text.p, ws) != NULL) {
		*fail = (struct json_fail){ JSON_E_NONE, 0 };
		return 0;
	}
	*fail = (struct json_fail){ s.lex.err, (size_t)(s.lex.at - text.p) };
	return -1;
}

int json_scan_object(struct str text, struct json_watch *w, size_t n_watch, struct json_fail *fail)
{
	struct watches ws = { text.p, w, n_watch, false, json_filter_of(w, n_watch) };

	return scan_watched(text, &ws, fail);
}

int json_scan_strict(struct str text, struct json_watch *w, size_t n_watch, struct json_fail *fail)
{
	return json_scan_filtered(text, w, n_watch, json_filter_of(w, n_watch), fail);
}

int json_scan_filtered(struct str text, struct json_watch *w, size_t n_watch,
	struct json_filter filter, struct json_fail *fail)
{
	return scan_watched(text, &(struct watches){ text.p, w, n_watch, true, filter }, fail);
}

uint32_t json_types(const struct json_val *v)
{
	struct scan s = { .lex.end = v->raw.p + v->raw.n };

	return value_end(&s, v->raw.p) != NULL ? s.types : UINT32_MAX;
}

int json_scan_member(
	const struct json_val *obj, struct json_watch *w, size_t n_watch, struct json_fail *fail)
{
	struct str text = obj->type == JSON_OBJECT ? obj->raw : STR_NONE;

	if (json_scan_object(text, w, n_watch, fail) == 0)
		return 0;
	if (obj->type != JSON_OBJECT)
		fail->err = JSON_E_NOT_OBJECT;
	return -1;
}

bool json_array_next(const struct json_val *array, struct json_iter *it, struct json_val *elem)
{
	struct scan s = { .lex.end = array->raw.p + array->raw.n };
	const char *p = array->raw.p + it->at, *value;

	*elem = (struct json_val){ .type = JSON_NONE };
	if (array->type != JSON_ARRAY || it->at >= array->raw.n)
		return false;
	value = json_skip_space(p, s.lex.end);
	if (value >= s.lex.end || *value != (it->at == 0 ? '[' : ','))
		return false;
	value = json_skip_space(value + 1, s.lex.end);
	p = value < s.lex.end && *value != ']' ? value_end(&s, value) : NULL;
	if (p == NULL)
		return false;
	elem->type = json_type_at(*value);
	elem->raw = str_mk(value, (size_t)(p - value));
	elem->member = (size_t)(value - array->raw.p);
	it->at = (size_t)(p - array->raw.p);
	return true;
}

const char *json_error_text(enum json_error e)
{
	switch (e) {
	case JSON_E_NONE: return "no error";
	case JSON_E_SYNTAX: return "not valid JSON";
	case JSON_E_EOF: return "JSON ends in the middle";
	case JSON_E_DEPTH: return "JSON is nested too deeply";
	case JSON_E_DUPLICATE: return "a member appears twice";
	case JSON_E_CASE: return "a member that must be named in lower case";
	case JSON_E_TRAILING: return "text after the JSON object";
	case JSON_E_NOT_OBJECT: return "not a JSON object";
	case JSON_E_ENCODING: return "a member's name is not valid Unicode text";
	case JSON_E_MANY: return "JSON of too many values";
	case JSON_E_MEMORY: return "no memory for the JSON";
	}
	return "unknown error";
}
