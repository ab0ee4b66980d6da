/*
 * import.c: an import's memory and notes, and the report of what became of each entry. tgctl.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/prices_import.h"

void import_init(struct import *im)
{
	*im = (struct import){ .map = NULL };
	arena_init(&im->arena, NULL, 0);
	im->notes_tail = &im->notes;
}

void import_fini(struct import *im)
{
	json_decref(im->entries);
	json_decref(im->map);
	arena_fini(&im->arena);
}

void *import_alloc(struct import *im, size_t n)
{
	void *p = arena_zalloc(&im->arena, n);

	tg_assert(p != NULL);
	return p;
}

static const char *text_va(struct import *im, const char *fmt, va_list ap)
{
	char *text, *copy;
	int n = vasprintf(&text, fmt, ap);

	tg_assert(n >= 0);
	copy = import_alloc(im, (size_t)n + 1);
	memcpy(copy, text, (size_t)n);
	free(text);
	return copy;
}

const char *import_text(struct import *im, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = text_va(im, fmt, ap);
	va_end(ap);
	return text;
}

void import_note_add(struct import *im, const char *name, const char *fmt, ...)
{
	struct import_note *note = import_alloc(im, sizeof *note);
	va_list ap;

	va_start(ap, fmt);
	note->text = text_va(im, fmt, ap);
	va_end(ap);
	note->name = name;
	*im->notes_tail = note;
	im->notes_tail = &note->next;
	im->n_notes++;
}

void import_refuse(struct import_entry *e, const char *why)
{
	e->state = IMPORT_REFUSED;
	e->why = why;
}

/* ---- the report */

static size_t count_state(const struct import *im, const char *provider, enum import_state s)
{
	size_t n = 0;

	for (size_t i = 0; i < im->n; i++)
		n += im->v[i].state == s && im->v[i].name != NULL &&
		     (provider == NULL || strcmp(im->v[i].provider, provider) == 0);
	return n;
}

/* A provider's line; provider NULL: all of them. */
static void print_coverage(const struct import *im, const char *provider, FILE *f)
{
	size_t part[IMPORT_OTHER], in = 0;

	for (unsigned s = 0; s < IMPORT_OTHER; s++)
		in += part[s] = count_state(im, provider, (enum import_state)s);
	if (in == 0)
		return;
	fprintf(f, "%-12s %8zu %9zu %9zu %9zu %9zu %9zu\n", provider != NULL ? provider : "all", in,
		part[IMPORT_ENTRY], part[IMPORT_VARIANT], part[IMPORT_REGION] + part[IMPORT_TOOL],
		part[IMPORT_SAME], part[IMPORT_REFUSED]);
}

/* Each reason once, with its number; then who was refused. */
static void print_refused(const struct import *im, FILE *f)
{
	for (size_t i = 0; i < im->n; i++) {
		const struct import_entry *e = &im->v[i];
		size_t n = 0, first = i;

		if (e->state != IMPORT_REFUSED)
			continue;
		for (size_t k = 0; k < im->n; k++)
			if (im->v[k].state == IMPORT_REFUSED && strcmp(im->v[k].why, e->why) == 0) {
				first = TG_MIN(first, k);
				n++;
			}
		if (first != i)
			continue;
		fprintf(f, "\nrefused, %zu: %s\n", n, e->why);
		for (size_t k = i; k < im->n; k++)
			if (im->v[k].state == IMPORT_REFUSED && strcmp(im->v[k].why, e->why) == 0)
				fprintf(f, "  %s\n", im->v[k].name);
	}
}

void import_summary(const struct import *im, FILE *f)
{
	size_t in = im->map_size - count_state(im, NULL, IMPORT_OTHER);
	size_t refused = count_state(im, NULL, IMPORT_REFUSED);

	fprintf(f,
		"%zu models in the map, %zu of the providers known here: %zu converted, %zu "
		"refused; "
		"%zu entries\n",
		im->map_size, in, in - refused, refused, json_array_size(im->entries));
}

void import_report(const struct import *im, FILE *f)
{
	static const char *const names[] = {
#define X(litellm, provider, prefix) provider,
#include "ctl/tbl/litellm_providers.h"
#undef X
	};

	import_summary(im, f);
	fprintf(f, "\n%-12s %8s %9s %9s %9s %9s %9s\n", "provider", "models", "entries", "variants",
		"regions", "the same", "refused");
	for (size_t i = 0; i < TG_ARRAY_LEN(names); i++)
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			print_coverage(im, names[i], f);
	print_coverage(im, NULL, f);
	fprintf(f, "\n%zu entries have a date and say what the one without says: left out\n",
		im->dated);
	print_refused(im, f);
	fprintf(f, "\n%zu notes\n", im->n_notes);
	for (const struct import_note *n = im->notes; n != NULL; n = n->next)
		fprintf(f, "  %s: %s\n", n->name, n->text);
}
