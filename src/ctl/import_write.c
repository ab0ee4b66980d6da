/*
 * import_write.c: entries as JSON objects of a price file, what a person corrected in them, and the
 * file's text. tgctl.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "ctl/prices_import.h"

#define PER_MTOK           6
#define PER_UNIT           12
#define BASIS_ONE          10000
#define MODE               "_mode" /* while corrections look for entries */
#define CORRECTIONS_FORMAT "tollgate-price-corrections/1"

const char *import_price(struct import *im, enum usage_bucket b, pico_usd v)
{
	char text[32];

	if (v == 0)
		return "free";
	return import_text(im, "%.*s",
		(int)num_put_decimal(text, v, b < USAGE_FIRST_UNIT ? PER_MTOK : PER_UNIT), text);
}

static void set(json_t *to, const char *key, json_t *v)
{
	tg_assert(v != NULL && json_object_set_new(to, key, v) == 0);
}

static void set_text(json_t *to, const char *key, const char *text)
{
	set(to, key, json_string(text));
}

/* ---- an entry's prices */

/* The buckets of r from..to that are not in `same` with the same price. */
static void put_table(struct import *im, json_t *to, const char *key, unsigned from, unsigned to_b,
	const struct import_rates *r, const struct import_rates *same)
{
	json_t *table = json_object();

	for (unsigned i = from; i < to_b; i++) {
		enum usage_bucket b = (enum usage_bucket)i;

		if (import_has(r, b) &&
			!(same != NULL && import_has(same, b) && same->v[b] == r->v[b]))
			set_text(table, usage_bucket_name(b), import_price(im, b, r->v[b]));
	}
	if (json_object_size(table) > 0)
		set(to, key, table);
	else
		json_decref(table);
}

static void put_rates(struct import *im, json_t *to, const struct import_rates *r,
	const struct import_rates *same)
{
	put_table(im, to, "per_mtok", 0, USAGE_FIRST_UNIT, r, same);
	put_table(im, to, "per_unit", USAGE_FIRST_UNIT, USAGE__MAX, r, same);
}

static void put_plan(
	struct import *im, json_t *to, const struct import_plan *p, const struct import_plan *same)
{
	json_t *steps = json_array();

	put_rates(im, to, &p->rates, same != NULL ? &same->rates : NULL);
	if (p->has_request &&
		!(same != NULL && same->has_request && same->per_request == p->per_request))
		set_text(to, "per_request", import_price(im, USAGE_FIRST_UNIT, p->per_request));
	for (unsigned i = 0; i < p->n_steps; i++) {
		json_t *step = json_pack("{s:I}", "above", (json_int_t)p->steps[i].above);

		put_table(im, step, "per_mtok", 0, USAGE_FIRST_UNIT, &p->steps[i].rates, NULL);
		tg_assert(json_array_append_new(steps, step) == 0);
	}
	if (json_array_size(steps) > 0)
		set(to, "tiers", steps);
	else
		json_decref(steps);
}

/* A plan and its service tiers; `same`: the entry's own plain plan, for a region. */
static void put_plans(struct import *im, json_t *to, const struct import_plan *plan)
{
	put_plan(im, to, &plan[SERVICE_STANDARD], NULL);
	for (unsigned t = SERVICE_STANDARD + 1; t < SERVICE__MAX; t++) {
		json_t *s;

		if (import_plan_empty(&plan[t]))
			continue;
		s = json_object();
		put_plan(im, s, &plan[t], &plan[SERVICE_STANDARD]);
		if (json_object_size(s) > 0)
			set(to, service_tier_name((enum service_tier)t), s);
		else
			json_decref(s);
	}
}

/* A variant has no long-context prices of its own. */
static void put_variant(struct import *im, json_t *to, const struct import_plan *plan)
{
	struct import_plan plain = *plan;

	plain.n_steps = 0;
	put_plan(im, to, &plain, NULL);
}

static void put_named(
	struct import *im, json_t *to, const char *key, const struct import_named *list, bool plans)
{
	json_t *all;

	if (list == NULL)
		return;
	all = json_object();
	for (; list != NULL; list = list->next) {
		json_t *one = json_object();

		if (plans)
			put_plans(im, one, list->plan);
		else
			put_variant(im, one, list->plan);
		set(all, list->name, one);
	}
	set(to, key, all);
}

static void put_uplifts(struct import *im, json_t *to, const struct import_entry *e)
{
	json_t *all;
	char text[32];

	if (e->n_uplifts == 0)
		return;
	all = json_object();
	for (unsigned i = 0; i < e->n_uplifts; i++)
		set_text(all, e->uplifts[i].region,
			import_text(im, "%.*s",
				(int)num_put_decimal(
					text, BASIS_ONE + e->uplifts[i].basis_points, 4),
				text));
	set(to, "uplift", all);
}

static void put_capabilities(json_t *to, struct capabilities c)
{
	json_t *all = json_object();

	for (unsigned i = 0; i < CAPABILITY__MAX; i++)
		if (((c.can | c.cannot) >> i & 1) != 0)
			set(all, capability_words[i], json_boolean(c.can >> i & 1));
	if (json_object_size(all) > 0)
		set(to, "capabilities", all);
	else
		json_decref(all);
}

static json_t *entry_of(struct import *im, const struct import_entry *e)
{
	json_t *j = json_object();

	set_text(j, "provider", e->provider);
	set_text(j, "model", e->model);
	if (e->free)
		set(j, "free", json_true());
	put_plans(im, j, e->plan);
	put_named(im, j, "variants", e->variants, false);
	put_named(im, j, "regions", e->regions, true);
	put_uplifts(im, j, e);
	if (e->max_input > 0)
		set(j, "max_input", json_integer((json_int_t)e->max_input));
	if (e->max_output > 0)
		set(j, "max_output", json_integer((json_int_t)e->max_output));
	put_capabilities(j, e->capable);
	set_text(j, "source", im->source);
	set_text(j, "date", im->date);
	set_text(j, MODE, e->mode);
	return j;
}

static const char *text_of(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text != NULL ? text : "";
}

/* ---- corrections */

/* RFC 7396: members of patch replace those of to, objects member by member; null removes. Unless
 * `fill`: then what is there stays. */
static void merge_patch(json_t *to, json_t *patch, bool fill)
{
	const char *key;
	json_t *v, *old;

	json_object_foreach(patch, key, v)
	{
		old = json_object_get(to, key);
		if (json_is_object(v)) {
			json_t *inner = json_is_object(old) ? json_incref(old) : json_object();

			merge_patch(inner, v, fill);
			set(to, key, inner);
		} else if (fill && old != NULL) {
			continue;
		} else if (json_is_null(v)) {
			json_object_del(to, key);
		} else {
			tg_assert(json_object_set(to, key, v) == 0);
		}
	}
}

/* Is the entry the one that `model` names, with or without a date at its end; or are all meant that
 * are used in one of `modes`? */
static bool is_meant(const json_t *e, const json_t *c, const char *model)
{
	const char *own = text_of(e, "model");
	const json_t *mode;
	size_t i;

	if (strcmp(text_of(e, "provider"), text_of(c, "provider")) != 0)
		return false;
	if (strcmp(model, "*") != 0)
		return strcmp(own, model) == 0 ||
		       str_eq(pricebook_undated(str_z(own)), str_z(model));
	json_array_foreach(json_object_get(c, "modes"), i, mode)
	{
		if (strcmp(text_of(e, MODE), json_string_value(mode)) == 0)
			return true;
	}
	return false;
}

static void add_source(struct import *im, json_t *e, const json_t *c)
{
	const char *had = text_of(e, "source"), *more = text_of(c, "source");

	if (strstr(had, more) == NULL)
		set_text(e, "source", import_text(im, "%s; %s %s", had, more, text_of(c, "date")));
}

static void correct_entry(struct import *im, json_t *e, const json_t *c)
{
	json_t *fill = json_object_get(c, "fill"), *patch = json_object_get(c, "patch");
	json_t *before = json_deep_copy(e), *whole = e;

	tg_assert(before != NULL);
	if (json_object_get(patch, "valid_from") != NULL) {
		whole = json_deep_copy(e);
		tg_assert(whole != NULL && json_array_append_new(im->entries, whole) == 0);
	}
	merge_patch(whole, fill != NULL ? fill : patch, fill != NULL);
	if (!json_equal(before, whole)) {
		add_source(im, whole, c);
		im->corrected++;
		import_note_add(im, import_text(im, "%s", text_of(whole, "model")), "corrected: %s",
			import_text(im, "%s", text_of(c, "why")));
	}
	json_decref(before);
}

/* What a correction must have; NULL when it has all. */
static const char *correction_lacks(const json_t *c)
{
	static const char *const needed[] = { "provider", "why", "source", "date" };

	for (size_t k = 0; k < TG_ARRAY_LEN(needed); k++)
		if (text_of(c, needed[k])[0] == '\0')
			return needed[k];
	if (!json_is_array(json_object_get(c, "models")))
		return "models";
	if (!json_is_object(json_object_get(c, "patch")) &&
		!json_is_object(json_object_get(c, "fill")))
		return "patch";
	return NULL;
}

static void correct(struct import *im, const json_t *c)
{
	const size_t n = json_array_size(im->entries);
	const json_t *model;
	size_t m;

	json_array_foreach(json_object_get(c, "models"), m, model)
	{
		const char *name = json_string_value(model);
		size_t found = 0;

		for (size_t k = 0; name != NULL && k < n; k++) {
			json_t *e = json_array_get(im->entries, k);

			if (!is_meant(e, c, name))
				continue;
			correct_entry(im, e, c);
			found++;
		}
		if (found == 0)
			import_note_add(im, import_text(im, "%s", name != NULL ? name : "?"),
				"a correction finds no entry: %s",
				import_text(im, "%s", text_of(c, "why")));
	}
}

static int correct_all(
	struct import *im, struct str text, const char *name, char *err, size_t err_len)
{
	json_error_t bad;
	json_t *file = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &bad), *c;
	size_t i;
	int rc = 0;

	if (file == NULL) {
		snprintf(err, err_len, "%s:%d:%d: %s", name, bad.line, bad.column, bad.text);
		return -1;
	}
	if (strcmp(text_of(file, "format"), CORRECTIONS_FORMAT) != 0) {
		snprintf(err, err_len, "%s: \"format\" is not " CORRECTIONS_FORMAT, name);
		rc = -1;
	}
	json_array_foreach(json_object_get(file, "corrections"), i, c)
	{
		const char *lacks = correction_lacks(c);

		if (lacks != NULL) {
			snprintf(err, err_len, "%s: corrections[%zu] needs \"%s\"", name, i, lacks);
			rc = -1;
			break;
		}
		correct(im, c);
	}
	json_decref(file);
	return rc;
}

/* ---- the list */

/* All but the name and the origin. */
static bool same_content(const json_t *a, const json_t *b)
{
	static const char *const names[] = { "model", "aliases", "source", "date" };
	json_t *x = json_copy((json_t *)a), *y = json_copy((json_t *)b);
	bool same;

	for (size_t i = 0; i < TG_ARRAY_LEN(names); i++) {
		json_object_del(x, names[i]);
		json_object_del(y, names[i]);
	}
	same = json_equal(x, y) != 0;
	json_decref(x);
	json_decref(y);
	return same;
}

static int json_entry_cmp(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int rc = strcmp(text_of(x, "provider"), text_of(y, "provider"));

	if (rc == 0)
		rc = strcmp(text_of(x, "model"), text_of(y, "model"));
	return rc != 0 ? rc : strcmp(text_of(x, "valid_from"), text_of(y, "valid_from"));
}

static void sort_entries(struct import *im)
{
	size_t n = json_array_size(im->entries);
	json_t **v = calloc(n + 1, sizeof *v), *sorted = json_array();

	tg_assert(v != NULL && sorted != NULL);
	for (size_t i = 0; i < n; i++)
		v[i] = json_array_get(im->entries, i);
	qsort(v, n, sizeof *v, json_entry_cmp);
	for (size_t i = 0; i < n; i++)
		tg_assert(json_array_append(sorted, v[i]) == 0);
	json_decref(im->entries);
	im->entries = sorted;
	free(v);
}

/* A dated name finds the undated entry by itself: an own one that says the same is left out. */
static void drop_dated(struct import *im)
{
	json_t *by_name = json_object(), *kept = json_array(), *e;
	char key[2 * IMPORT_NAME];
	size_t i;

	tg_assert(by_name != NULL && kept != NULL);
	json_array_foreach(im->entries, i, e)
	{
		snprintf(key, sizeof key, "%s/%s", text_of(e, "provider"), text_of(e, "model"));
		tg_assert(json_object_get(e, "valid_from") != NULL ||
			  json_object_set(by_name, key, e) == 0);
	}
	json_array_foreach(im->entries, i, e)
	{
		struct str base = pricebook_undated(str_z(text_of(e, "model")));
		const json_t *undated;

		snprintf(key, sizeof key, "%s/%.*s", text_of(e, "provider"), STR_FMT(base));
		undated = json_object_get(by_name, key);
		if (undated != NULL && undated != e && json_object_get(e, "valid_from") == NULL &&
			same_content(undated, e))
			im->dated++;
		else
			tg_assert(json_array_append(kept, e) == 0);
	}
	json_decref(by_name);
	json_decref(im->entries);
	im->entries = kept;
}

int import_finish(
	struct import *im, struct str corrections, const char *name, char *err, size_t err_len)
{
	json_t *e;
	size_t i;

	im->entries = json_array();
	for (i = 0; i < im->n; i++)
		if (im->v[i].state == IMPORT_ENTRY)
			tg_assert(json_array_append_new(im->entries, entry_of(im, &im->v[i])) == 0);
	if (corrections.p != NULL && correct_all(im, corrections, name, err, err_len) != 0)
		return -1;
	json_array_foreach(im->entries, i, e)
	{
		json_object_del(e, MODE);
	}
	drop_dated(im);
	sort_entries(im);
	return 0;
}

char *import_render(const struct import *im, const char *note)
{
	json_t *quoted = json_string(note), *e;
	char *text = NULL, *line = json_dumps(quoted, JSON_ENCODE_ANY);
	size_t len, i;
	FILE *f = open_memstream(&text, &len);

	tg_assert(f != NULL && line != NULL);
	fprintf(f, "{\n\"format\": \"%s\",\n\"currency\": \"USD\",\n\"note\": %s,\n\"prices\": [",
		PRICEBOOK_FORMAT, line);
	free(line);
	json_decref(quoted);
	json_array_foreach(im->entries, i, e)
	{
		line = json_dumps(e, 0);
		tg_assert(line != NULL);
		fprintf(f, "%s\n%s", i > 0 ? "," : "", line);
		free(line);
	}
	fputs("\n]\n}\n", f);
	tg_assert(fclose(f) == 0);
	return text;
}
