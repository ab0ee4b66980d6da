/*
 * tags.c: see tags.h. Pure; memory from the caller's arena.
 */
#include "core/tags.h"
#include "proto/json_scan.h"

bool tags_has(const struct conf_tags *t, struct str name)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_eq(t->v[i].name, name))
			return true;
	return false;
}

struct conf_tags tags_merge(
	struct arena *a, const struct conf_tags *base, const struct conf_tags *over)
{
	struct conf_tags out = { NULL, 0 };

	out.v = arena_alloc(a, (base->n + over->n + 1) * sizeof(*out.v));
	if (out.v == NULL)
		return out;
	for (size_t i = 0; i < base->n; i++)
		if (!tags_has(over, base->v[i].name))
			out.v[out.n++] = base->v[i];
	for (size_t i = 0; i < over->n; i++)
		out.v[out.n++] = over->v[i];
	return out;
}

struct str tags_json(struct arena *a, const struct conf_tags *t)
{
	size_t cap = 2, n = 0;
	char *p;

	for (size_t i = 0; i < t->n; i++)
		cap += 6 * (t->v[i].name.n + t->v[i].value.n) + 6;
	p = arena_alloc(a, cap);
	if (p == NULL)
		return STR_NONE;
	p[n++] = '{';
	for (size_t i = 0; i < t->n; i++) {
		if (i > 0)
			p[n++] = ',';
		n += json_quote(p + n, cap - n, t->v[i].name);
		p[n++] = ':';
		n += json_quote(p + n, cap - n, t->v[i].value);
	}
	p[n++] = '}';
	return str_mk(p, n);
}

static bool tag_name_valid(struct str s)
{
	if (s.n == 0 || s.n > 64)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '_' || c == '.' || c == '-'))
			return false;
	}
	return true;
}

static bool tag_value_valid(struct str s)
{
	if (s.n == 0 || s.n > 256)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	return true;
}

int tags_parse(struct arena *a, struct str text, struct conf_tags *out, struct str *bad)
{
	struct str part, name, value;
	size_t eq;

	out->v = arena_alloc(a, TAGS_MAX * sizeof(*out->v));
	out->n = 0;
	*bad = text;
	if (out->v == NULL)
		return -1;
	while (str_split(&text, ',', &part)) {
		part = str_trim(part);
		if (part.n == 0)
			continue;
		*bad = part;
		eq = str_chr(part, '=');
		if (eq == (size_t)-1 || out->n == TAGS_MAX)
			return -1;
		name = str_trim(str_mk(part.p, eq));
		value = str_trim(str_skip(part, eq + 1));
		if (!tag_name_valid(name) || !tag_value_valid(value) || tags_has(out, name))
			return -1;
		out->v[out->n++] = (struct conf_tag){ name, value };
	}
	return 0;
}
