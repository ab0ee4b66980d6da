/*
 * dump.c: a loaded struct back to YAML. What it prints loads again to the same (secrets apart).
 * Values that are neither given nor have a default are left out.
 */
#include "conf/load.h"
#include "conf/types.h"

struct writer {
	FILE *f;
	unsigned depth;
	bool dash; /* the next line begins a list element */
};

static const void *member(const void *obj, const struct conf_directive *d)
{
	return (const char *)obj + d->offset;
}

static void begin_line(struct writer *w)
{
	for (unsigned i = w->dash ? 1 : 0; i < w->depth; i++)
		fputs("  ", w->f);
	if (w->dash)
		fputs("- ", w->f);
	w->dash = false;
}

static bool plain(struct str s)
{
	bool ok = s.n > 0 && s.p[s.n - 1] != ':';

	for (size_t i = 0; i < s.n && ok; i++) {
		char c = s.p[i];
		bool alnum =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		ok = alnum || c == '/' || (i > 0 && strchr("_.@%+-:", c) != NULL && c != '\0');
	}
	return ok;
}

static void put_text(struct writer *w, struct str s)
{
	if (plain(s)) {
		fwrite(s.p, 1, s.n, w->f);
		return;
	}
	putc('"', w->f);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			putc('\\', w->f);
		putc(s.p[i], w->f);
	}
	putc('"', w->f);
}

static void put_key(struct writer *w, struct str key, const char *after)
{
	begin_line(w);
	put_text(w, key);
	fputs(after, w->f);
}

static bool says_nothing(const struct conf_block *b, const void *obj);

/* Nothing was given and there is no default: not printed. */
static bool absent(const struct conf_directive *d, const void *value)
{
	if (d->type == CONF_BLOCK)
		return says_nothing(d->block, value);
	return d->def == NULL && (d->flags & CONF_REQUIRED) == 0 && conf_type_zero(d, value);
}

static bool says_nothing(const struct conf_block *b, const void *obj)
{
	for (const struct conf_directive *d = b->directives; d->name != NULL; d++)
		if (!absent(d, member(obj, d)))
			return false;
	return true;
}

static void put_block(struct writer *w, const struct conf_block *b, const void *obj);

static void put_strings(
	struct writer *w, const struct conf_directive *d, const struct conf_strings *s)
{
	put_key(w, str_z(d->name), s->n == 0 ? ": []\n" : ":\n");
	for (size_t i = 0; i < s->n; i++) {
		w->depth += 2;
		w->dash = true;
		begin_line(w);
		put_text(w, s->v[i]);
		putc('\n', w->f);
		w->depth -= 2;
	}
}

static void put_tags(struct writer *w, const struct conf_directive *d, const struct conf_tags *t)
{
	put_key(w, str_z(d->name), t->n == 0 ? ": {}\n" : ":\n");
	w->depth++;
	for (size_t i = 0; i < t->n; i++) {
		put_key(w, t->v[i].name, ": ");
		put_text(w, t->v[i].value);
		putc('\n', w->f);
	}
	w->depth--;
}

static void put_array(struct writer *w, const struct conf_directive *d, const struct conf_array *a)
{
	bool map = d->type == CONF_MAP;

	put_key(w, str_z(d->name), a->n > 0 ? ":\n" : map ? ": {}\n" : ": []\n");
	for (size_t i = 0; i < a->n; i++) {
		const char *elem = (const char *)a->v + i * d->block->size;
		bool nothing = says_nothing(d->block, elem);

		w->depth += map ? 1 : 2;
		w->dash = !map;
		if (map)
			put_key(w, *(const struct str *)(const void *)elem,
				nothing ? ": {}\n" : ":\n");
		else if (nothing) {
			begin_line(w);
			fputs("{}\n", w->f);
		}
		w->depth += map;
		if (!nothing)
			put_block(w, d->block, elem);
		w->depth -= 2;
	}
}

static void put_line(struct writer *w, const struct conf_directive *d, const void *value)
{
	char buf[CONF_TYPE_WRITE_LEN];

	put_key(w, str_z(d->name), ": ");
	if (d->type == CONF_SECRET)
		put_text(w, ((const struct str *)value)->n > 0 ? STR("********") : STR(""));
	else if (d->type == CONF_STRING)
		put_text(w, *(const struct str *)value);
	else {
		conf_type_write(d, value, buf);
		fputs(buf, w->f);
	}
	putc('\n', w->f);
}

static void put_block(struct writer *w, const struct conf_block *b, const void *obj)
{
	for (const struct conf_directive *d = b->directives; d->name != NULL; d++) {
		const void *value = member(obj, d);

		if (absent(d, value))
			continue;
		switch (d->type) {
		case CONF_BLOCK:
			put_key(w, str_z(d->name), ":\n");
			w->depth++;
			put_block(w, d->block, value);
			w->depth--;
			break;
		case CONF_STRINGS: put_strings(w, d, value); break;
		case CONF_TAGS: put_tags(w, d, value); break;
		case CONF_LIST:
		case CONF_MAP: put_array(w, d, value); break;
		default: put_line(w, d, value); break;
		}
	}
}

void conf_dump(FILE *f, const struct conf_block *root, const void *obj)
{
	struct writer w = { .f = f };

	put_block(&w, root, obj);
}
