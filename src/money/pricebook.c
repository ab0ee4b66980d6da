/*
 * pricebook.c: the store of prices: built once from files, then only looked up (any thread, no
 * locks).
 *
 *	names: "openai/gpt-4o" -> newest version -> older version -> ...
 *
 * The book owns one arena with everything in it. How a file is read is pricebook_json.c, what an
 *entry becomes is price_plan.c.
 */
#include "money/pricebook_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_MAX  320 /* longest "provider/model" that is looked up or stored */
#define FILE_MAX (16 * 1024 * 1024)

struct price_version {
	struct price_entry *entry;
	struct price_version *older;
};

struct price_name {
	struct str key;
	unsigned file_no;
	struct price_version *newest;
};

void *pricebook_alloc(struct pricebook *b, size_t n)
{
	void *p = arena_zalloc(&b->arena, n);

	tg_assert(p != NULL);
	return p;
}

struct str pricebook_dup(struct pricebook *b, struct str s)
{
	struct str copy = arena_dup(&b->arena, s);

	tg_assert(copy.p != NULL);
	return copy;
}

struct str pricebook_dup_shared(struct pricebook *b, struct str s)
{
	for (unsigned i = 0; i < TG_ARRAY_LEN(b->last_text); i++)
		if (str_eq(b->last_text[i], s))
			return b->last_text[i];
	s = pricebook_dup(b, s);
	b->last_text[b->next_text++ % TG_ARRAY_LEN(b->last_text)] = s;
	return s;
}

struct price_entry *pricebook_entry_new(struct pricebook *b)
{
	struct price_entry *e = pricebook_alloc(b, sizeof *e);

	*b->tail = e;
	b->tail = &e->next;
	return e;
}

/* "provider/model" in buf; STR_NONE when longer than any name in a book. */
static struct str make_key(char buf[KEY_MAX], struct str provider, struct str model)
{
	if (provider.n + 1 + model.n > KEY_MAX || provider.n == 0 || model.n == 0)
		return STR_NONE;
	memcpy(buf, provider.p, provider.n);
	buf[provider.n] = '/';
	memcpy(buf + provider.n + 1, model.p, model.n);
	return str_mk(buf, provider.n + 1 + model.n);
}

static struct price_name *name_get(struct pricebook *b, struct str key, unsigned file_no)
{
	struct price_name *name = map_get(&b->names, key);

	if (name != NULL)
		return name;
	name = pricebook_alloc(b, sizeof *name);
	name->key = pricebook_dup(b, key);
	name->file_no = file_no;
	tg_assert(map_put(&b->names, name->key, name));
	return name;
}

/* A later file speaks for this name now: what earlier ones said is forgotten. */
static void name_reset(struct price_name *name, unsigned file_no)
{
	for (struct price_version *v = name->newest; v != NULL; v = v->older)
		v->entry->n_names--;
	name->newest = NULL;
	name->file_no = file_no;
}

int pricebook_put(struct pricebook *b, struct str model, struct price_entry *e, unsigned file_no)
{
	char buf[KEY_MAX];
	struct str key = make_key(buf, e->price.provider, model);
	struct price_version **at, *v;
	struct price_name *name;

	if (key.p == NULL)
		return -1;
	name = name_get(b, key, file_no);
	if (name->file_no != file_no)
		name_reset(name, file_no);
	for (at = &name->newest; *at != NULL; at = &(*at)->older)
		if ((*at)->entry->price.valid_from.us <= e->price.valid_from.us)
			break;
	if (*at != NULL && (*at)->entry->price.valid_from.us == e->price.valid_from.us)
		return -1;
	v = pricebook_alloc(b, sizeof *v);
	*v = (struct price_version){ .entry = e, .older = *at };
	*at = v;
	e->n_names++;
	return 0;
}

static struct pricebook *book_new(void)
{
	struct pricebook *b = malloc(sizeof *b);

	tg_assert(b != NULL);
	INIT_OBJ(b, PRICEBOOK_MAGIC);
	arena_init(&b->arena, NULL, 0);
	map_init(&b->names);
	b->tail = &b->first;
	return b;
}

void pricebook_free(struct pricebook *b)
{
	if (b == NULL)
		return;
	CHECK_OBJ(b, PRICEBOOK_MAGIC);
	FINI_OBJ(b);
	map_fini(&b->names);
	arena_fini(&b->arena);
	free(b);
}

/* Fix the list of prices that some name still leads to. */
static void book_finish(struct pricebook *b, const struct pricebook_estimate_terms *estimate)
{
	size_t n = 0;

	for (struct price_entry *e = b->first; e != NULL; e = e->next)
		n += e->n_names > 0;
	b->list = pricebook_alloc(b, TG_MAX(n, (size_t)1) * sizeof *b->list);
	for (struct price_entry *e = b->first; e != NULL; e = e->next)
		if (e->n_names > 0)
			b->list[b->n++] = &e->price;
	b->estimate = price_estimate_new(b, estimate);
}

/* A whole file in malloc'd memory; NULL with err. */
static char *read_file(const char *path, size_t *len, char *err, size_t err_len)
{
	FILE *f = fopen(path, "re");
	char *text;

	if (f == NULL) {
		snprintf(err, err_len, "%s: cannot be opened: %s", path, strerror(errno));
		return NULL;
	}
	text = malloc(FILE_MAX + 1);
	tg_assert(text != NULL);
	*len = fread(text, 1, FILE_MAX + 1, f);
	if (ferror(f) || *len > FILE_MAX) {
		snprintf(err, err_len, "%s: %s", path,
			ferror(f) ? "cannot be read" : "larger than 16 MB: not a price file");
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

static int load_one(
	struct pricebook *b, const char *path, unsigned file_no, char *err, size_t err_len)
{
	size_t len;
	char *text = read_file(path, &len, err, err_len);
	int rc;

	if (text == NULL)
		return -1;
	rc = pricebook_read(b, str_mk(text, len), path, file_no, err, err_len);
	free(text);
	return rc;
}

static int read_all(
	struct pricebook *b, const struct pricebook_spec *spec, char *err, size_t err_len)
{
	unsigned n = 0;

	if (spec->n_paths == 0 &&
		pricebook_read(b, pricebook_builtin(), "built-in prices", n++, err, err_len) != 0)
		return -1;
	for (size_t i = 0; i < spec->n_paths; i++)
		if (load_one(b, spec->paths[i], n++, err, err_len) != 0)
			return -1;
	if (spec->overrides.n == 0)
		return 0;
	return pricebook_read(b, spec->overrides, spec->overrides_name, n, err, err_len);
}

struct pricebook *pricebook_build(const struct pricebook_spec *spec, char *err, size_t err_len)
{
	struct pricebook *b = book_new();

	if (read_all(b, spec, err, err_len) != 0) {
		pricebook_free(b);
		return NULL;
	}
	book_finish(b, &spec->estimate);
	return b;
}

struct pricebook *pricebook_load(const char *const *paths, size_t n, char *err, size_t err_len)
{
	return pricebook_build(
		&(struct pricebook_spec){ .paths = paths, .n_paths = n }, err, err_len);
}

struct pricebook *pricebook_parse(struct str json, const char *name, char *err, size_t err_len)
{
	struct pricebook *b = book_new();

	if (pricebook_read(b, json, name, 0, err, err_len) != 0) {
		pricebook_free(b);
		return NULL;
	}
	book_finish(b, &(struct pricebook_estimate_terms){ .request = 0 });
	return b;
}

const struct price *pricebook_estimate(const struct pricebook *b)
{
	CHECK_OBJ(b, PRICEBOOK_MAGIC);
	return b->estimate;
}

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

/* "20260805", "2026-08-05": years 2000 to 2099. */
static bool is_date(struct str s, bool dashes)
{
	if (!str_starts(s, STR("20")))
		return false;
	if (!dashes)
		return s.n == 8 && all_digits(s);
	return s.n == 10 && s.p[4] == '-' && s.p[7] == '-' && all_digits(str_mk(s.p, 4)) &&
	       all_digits(str_mk(s.p + 5, 2)) && all_digits(str_mk(s.p + 8, 2));
}

struct str pricebook_undated(struct str m)
{
	if (m.n > 11 && m.p[m.n - 11] == '-' && is_date(str_skip(m, m.n - 10), true))
		return str_mk(m.p, m.n - 11);
	if (m.n > 9 && (m.p[m.n - 9] == '-' || m.p[m.n - 9] == '@') &&
		is_date(str_skip(m, m.n - 8), false))
		return str_mk(m.p, m.n - 9);
	return m;
}

/* "ft:base:organisation:name:id" without what is behind the base. */
static struct str without_tuning(struct str m)
{
	const struct str prefix = STR("ft:");
	size_t colon;

	if (!str_starts(m, prefix))
		return m;
	colon = str_chr(str_skip(m, prefix.n), ':');
	return colon == (size_t)-1 ? m : str_mk(m.p, prefix.n + colon);
}

static const struct price_name *find_name(
	const struct pricebook *b, struct str provider, struct str model)
{
	char buf[KEY_MAX];
	struct str key = make_key(buf, provider, model);

	return key.p != NULL ? map_get(&b->names, key) : NULL;
}

/* The version that is in force at a moment. */
static const struct price *in_force(const struct price_name *name, wall_us at)
{
	const struct price_version *v = name != NULL ? name->newest : NULL;

	while (v != NULL && v->entry->price.valid_from.us > at.us)
		v = v->older;
	return v != NULL ? &v->entry->price : NULL;
}

/* A dated name of its own comes first, unless a later file speaks for the name without date. */
static const struct price *find_dated(
	const struct pricebook *b, struct str provider, struct str model, wall_us at)
{
	const struct price_name *exact = find_name(b, provider, model), *undated;
	struct str base = pricebook_undated(model);
	const struct price *p, *q;

	if (base.n == model.n)
		return in_force(exact, at);
	undated = find_name(b, provider, base);
	p = in_force(exact, at);
	q = in_force(undated, at);
	if (p == NULL || (q != NULL && undated->file_no > exact->file_no))
		return q;
	return p;
}

const struct price *pricebook_find_at(
	const struct pricebook *b, struct str provider, struct str model, wall_us at)
{
	const struct price *p;
	struct str base;

	CHECK_OBJ(b, PRICEBOOK_MAGIC);
	p = find_dated(b, provider, model, at);
	base = without_tuning(model);
	return p == NULL && base.n != model.n ? find_dated(b, provider, base, at) : p;
}

const struct price *pricebook_find(const struct pricebook *b, struct str provider, struct str model)
{
	return pricebook_find_at(b, provider, model, clock_wall());
}

wall_us pricebook_next_change(const struct pricebook *b, wall_us at)
{
	wall_us next = { INT64_MAX };

	CHECK_OBJ(b, PRICEBOOK_MAGIC);
	for (size_t i = 0; i < b->n; i++)
		if (b->list[i]->valid_from.us > at.us)
			next.us = TG_MIN(next.us, b->list[i]->valid_from.us);
	return next;
}

size_t pricebook_size(const struct pricebook *b)
{
	CHECK_OBJ(b, PRICEBOOK_MAGIC);
	return b->n;
}

const struct price *pricebook_at(const struct pricebook *b, size_t i)
{
	CHECK_OBJ(b, PRICEBOOK_MAGIC);
	tg_assert(i < b->n);
	return b->list[i];
}
