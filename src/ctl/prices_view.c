/*
 * prices_view.c: lists, pages and differences of price books on standard output. tgctl.
 */
#include "ctl/prices_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/prices_json.h"
#include "ctl/table.h"

#define COLUMN 12

static bool contains(struct str s, const char *part)
{
	return part == NULL || str_find(s, str_z(part)) != (size_t)-1;
}

static bool is_wanted(const struct price *p, const struct view_filter *f)
{
	return (f->provider == NULL || str_eq(p->provider, str_z(f->provider))) &&
	       contains(p->model, f->model);
}

static void dump(json_t *j)
{
	json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(j);
}

static void append(json_t *list, json_t *v)
{
	tg_assert(v != NULL && json_array_append_new(list, v) == 0);
}

/* ---- list */

static const char *rate_text(
	char out[PRICE_TEXT_LEN], const struct price_rates *r, enum usage_bucket b)
{
	pico_usd v;

	return price_rate(r, b, &v) ? price_text(out, b, v) : "-";
}

/* A size of searches that costs what the smallest does is not worth a word. */
static bool as_its_parent(const struct price_rates *r, enum usage_bucket b, pico_usd v)
{
	enum usage_bucket up = usage_bucket_parent(b);
	pico_usd parents;

	return up != USAGE_NONE && price_rate(r, up, &parents) && parents == v;
}

/* What else is to be known about a price. */
static void put_marks(FILE *f, const struct price *p)
{
	const struct price_plan *plain = p->plan[SERVICE_STANDARD];
	char text[PRICE_TEXT_LEN], day[PRICE_DAY_LEN];
	pico_usd v;

	if (p->free)
		fputs("free ", f);
	for (unsigned b = USAGE_FIRST_UNIT; b < USAGE__MAX && !p->free; b++)
		if (price_rate(&plain->rates, (enum usage_bucket)b, &v) &&
			!as_its_parent(&plain->rates, (enum usage_bucket)b, v))
			fprintf(f, "%s=%s ", usage_bucket_name((enum usage_bucket)b),
				price_text(text, (enum usage_bucket)b, v));
	if (plain->has_request)
		fprintf(f, "request=%s ", price_text(text, USAGE_FIRST_UNIT, plain->per_request));
	for (unsigned i = 0; i < plain->n_steps; i++)
		fprintf(f, "above-%llu ", (unsigned long long)plain->steps[i].above);
	for (unsigned t = SERVICE_STANDARD + 1; t < SERVICE__MAX; t++)
		if (p->plan[t] != NULL)
			fprintf(f, "%s ", service_tier_name((enum service_tier)t));
	if (p->n_variants > 0)
		fprintf(f, "%u-variants ", p->n_variants);
	if (p->n_regions + p->n_uplifts > 0)
		fprintf(f, "%u-regions ", p->n_regions + p->n_uplifts);
	if (p->valid_from.us > 0)
		fprintf(f, "from-%s ", price_day(day, p->valid_from));
}

static void add_line(struct table *t, const struct price *p)
{
	static const enum usage_bucket columns[] = { USAGE_IN, USAGE_IN_CACHE_READ, USAGE_OUT };
	char text[PRICE_TEXT_LEN], *marks = NULL;
	size_t len;
	FILE *f = open_memstream(&marks, &len);

	tg_assert(f != NULL);
	put_marks(f, p);
	tg_assert(fclose(f) == 0);
	table_cell(t, p->provider);
	table_cell(t, p->model);
	for (size_t i = 0; i < TG_ARRAY_LEN(columns); i++)
		table_cell(
			t, str_z(rate_text(text, &p->plan[SERVICE_STANDARD]->rates, columns[i])));
	table_cell(t, str_trim(str_mk(marks, len)));
	free(marks);
}

static void list_table(const struct pricebook *b, const struct view_filter *f)
{
	struct table t;

	table_init(&t);
	table_column(&t, "provider", TABLE_LEFT);
	table_column(&t, "model", TABLE_LEFT);
	table_column(&t, "input", TABLE_RIGHT);
	table_column(&t, "cached", TABLE_RIGHT);
	table_column(&t, "output", TABLE_RIGHT);
	table_column(&t, "also", TABLE_LEFT);
	for (size_t i = 0; i < pricebook_size(b); i++)
		if (is_wanted(pricebook_at(b, i), f))
			add_line(&t, pricebook_at(b, i));
	table_print(&t, stdout);
	table_fini(&t);
}

void view_list(const struct pricebook *b, const struct view_filter *f, bool json)
{
	json_t *list;

	if (!json) {
		list_table(b, f);
		return;
	}
	list = json_array();
	for (size_t i = 0; i < pricebook_size(b); i++)
		if (is_wanted(pricebook_at(b, i), f))
			append(list, price_to_json(pricebook_at(b, i)));
	dump(list);
}

/* ---- show */

struct found { /* prices that a name leads to, each once */
	const struct price **v;
	size_t n;
};

static bool is_found(const struct found *found, const struct price *p)
{
	for (size_t i = 0; i < found->n; i++)
		if (found->v[i] == p)
			return true;
	return false;
}

/* By the name that requests use, at every provider of the book. */
static struct found find_all(const struct pricebook *b, const struct view_filter *f)
{
	struct found found = { calloc(pricebook_size(b) + 1, sizeof(void *)), 0 };
	struct str last = STR_NONE;

	tg_assert(found.v != NULL);
	for (size_t i = 0; i < pricebook_size(b); i++) {
		const struct price *p = pricebook_at(b, i);

		if (str_eq(p->provider, last) ||
			(f->provider != NULL && !str_eq(p->provider, str_z(f->provider))))
			continue;
		last = p->provider;
		p = pricebook_find(b, last, str_z(f->model));
		if (p != NULL && !is_found(&found, p))
			found.v[found.n++] = p;
	}
	return found;
}

/* A row of a bucket in each plan; nothing when none has it. */
static void print_row(
	const char *name, enum usage_bucket b, const struct price_rates *const r[], unsigned n)
{
	char text[PRICE_TEXT_LEN];
	bool any = false;
	pico_usd v;

	for (unsigned i = 0; i < n; i++)
		any |= r[i] != NULL && price_rate(r[i], b, &v);
	if (!any)
		return;
	printf("  %-26s", name);
	for (unsigned i = 0; i < n; i++)
		printf("%*s", COLUMN, r[i] != NULL ? rate_text(text, r[i], b) : "");
	putchar('\n');
}

static void print_rows(const struct price_rates *const r[], unsigned n, unsigned from, unsigned end)
{
	for (unsigned b = from; b < end; b++)
		print_row(usage_bucket_name((enum usage_bucket)b), (enum usage_bucket)b, r, n);
}

static void print_head(const char *what, const struct price_plan *const plan[SERVICE__MAX])
{
	printf("\n  %-26s", what);
	for (unsigned t = 0; t < SERVICE__MAX; t++)
		printf("%*s", COLUMN,
			plan[t] != NULL ? service_tier_name((enum service_tier)t) : "");
	putchar('\n');
}

static void print_plans(const char *where, const struct price_plan *const plan[SERVICE__MAX])
{
	const struct price_rates *r[SERVICE__MAX];
	char head[128];
	unsigned steps = 0;

	for (unsigned t = 0; t < SERVICE__MAX; t++) {
		r[t] = plan[t] != NULL ? &plan[t]->rates : NULL;
		steps = plan[t] != NULL ? TG_MAX(steps, plan[t]->n_steps) : steps;
	}
	if ((r[0]->has & (((uint64_t)1 << USAGE_FIRST_UNIT) - 1)) != 0) {
		snprintf(head, sizeof head, "%sper million tokens", where);
		print_head(head, plan);
		print_rows(r, SERVICE__MAX, 0, USAGE_FIRST_UNIT);
	}
	for (unsigned i = 0; i < steps; i++) {
		uint64_t above = 0;

		for (unsigned t = 0; t < SERVICE__MAX; t++) {
			r[t] = plan[t] != NULL && i < plan[t]->n_steps ? &plan[t]->steps[i].rates
								       : NULL;
			above = r[t] != NULL ? plan[t]->steps[i].above : above;
		}
		snprintf(head, sizeof head, "%sabove %llu input tokens", where,
			(unsigned long long)above);
		print_head(head, plan);
		print_rows(r, SERVICE__MAX, 0, USAGE_FIRST_UNIT);
	}
	for (unsigned t = 0; t < SERVICE__MAX; t++)
		r[t] = plan[t] != NULL ? &plan[t]->rates : NULL;
	if (r[0]->has >> USAGE_FIRST_UNIT != 0) {
		snprintf(head, sizeof head, "%sper unit", where);
		print_head(head, plan);
		print_rows(r, SERVICE__MAX, USAGE_FIRST_UNIT, USAGE__MAX);
	}
}

static void print_variants(const struct price *p)
{
	char text[PRICE_TEXT_LEN];
	pico_usd v;

	if (p->n_variants > 0)
		printf("\n  variants\n");
	for (unsigned i = 0; i < p->n_variants; i++) {
		printf("  %-26.*s", STR_FMT(p->variants[i].name));
		for (unsigned b = 0; b < USAGE__MAX; b++)
			if (price_rate(&p->variants[i].rates, (enum usage_bucket)b, &v))
				printf("  %s=%s", usage_bucket_name((enum usage_bucket)b),
					price_text(text, (enum usage_bucket)b, v));
		putchar('\n');
	}
}

/* "can: vision, tools; cannot: audio" */
static void print_capabilities(const char *title, unsigned bits)
{
	const char *sep = "";

	if (bits == 0)
		return;
	printf("  %s: ", title);
	for (unsigned i = 0; i < CAPABILITY__MAX; i++)
		if ((bits >> i & 1) != 0) {
			printf("%s%s", sep, capability_words[i]);
			sep = ", ";
		}
	putchar('\n');
}

static void print_page(const struct price *p)
{
	const struct price_plan *plain = p->plan[SERVICE_STANDARD];
	char text[PRICE_TEXT_LEN], day[PRICE_DAY_LEN], where[128];

	printf("%.*s %.*s\n", STR_FMT(p->provider), STR_FMT(p->model));
	printf("  version %016llx, from %s\n", (unsigned long long)price_version(p),
		p->valid_from.us > 0 ? price_day(day, p->valid_from) : "the beginning");
	printf("  source: %.*s, read on %.*s\n", STR_FMT(p->source), STR_FMT(p->date));
	if (p->max_input > 0)
		printf("  at most %llu tokens in\n", (unsigned long long)p->max_input);
	if (p->max_output > 0)
		printf("  at most %llu tokens out\n", (unsigned long long)p->max_output);
	print_capabilities("can", p->capable.can);
	print_capabilities("cannot", p->capable.cannot);
	if (p->free)
		printf("  free\n");
	else
		print_plans("", p->plan);
	if (plain->has_request)
		printf("\n  per request: %s\n",
			price_text(text, USAGE_FIRST_UNIT, plain->per_request));
	print_variants(p);
	for (unsigned i = 0; i < p->n_regions; i++) {
		snprintf(where, sizeof where, "%.*s: ", STR_FMT(p->regions[i].name));
		print_plans(where, p->regions[i].plan);
	}
	for (unsigned i = 0; i < p->n_uplifts; i++)
		printf("\n  in %.*s %lld.%02lld%% more\n", STR_FMT(p->uplifts[i].region),
			(long long)p->uplifts[i].basis_points / 100,
			(long long)p->uplifts[i].basis_points % 100);
}

size_t view_show(const struct pricebook *b, const struct view_filter *f, bool json)
{
	struct found found = find_all(b, f);
	json_t *list = json_array();

	for (size_t i = 0; i < found.n; i++) {
		if (json)
			append(list, price_to_json(found.v[i]));
		else
			print_page(found.v[i]);
		if (!json && i + 1 < found.n)
			putchar('\n');
	}
	if (json && found.n > 0)
		dump(json_incref(list));
	json_decref(list);
	free(found.v);
	return found.n;
}

/* ---- history and diff */

static bool is_price(const json_t *v)
{
	const char *text = json_string_value(v);

	return text != NULL && strspn(text, "0123456789.") == strlen(text);
}

/* " (-10.0%)" of two prices. */
static void print_change(const json_t *old, const json_t *new)
{
	pico_usd a, b;
	int64_t tenths;

	if (!is_price(old) || !is_price(new) ||
		money_parse_usd(str_z(json_string_value(old)), &a) != 0 ||
		money_parse_usd(str_z(json_string_value(new)), &b) != 0 || a == 0)
		return;
	tenths = (int64_t)((__int128)(b - a) * 1000 / a);
	printf(" (%c%lld.%lld%%)", tenths < 0 ? '-' : '+', (long long)llabs(tenths) / 10,
		(long long)llabs(tenths) % 10);
}

static const char *value_text(const json_t *v)
{
	return json_is_string(v) ? json_string_value(v) : v != NULL ? "yes" : "-";
}

/* Rows that differ: {"per_mtok.input": ["0.15", "0.135"]}; null for what is not there. */
static json_t *changes_of(const struct price *old, const struct price *new)
{
	json_t *a = price_to_rows(old), *b = price_to_rows(new), *changes = json_object(), *v;
	const char *key;

	json_object_foreach(a, key, v)
	{
		json_t *other = json_object_get(b, key);

		if (other == NULL || !json_equal(v, other))
			tg_assert(json_object_set_new(
					  changes, key, json_pack("[O,O?]", v, other)) == 0);
	}
	json_object_foreach(b, key, v)
	{
		if (json_object_get(a, key) == NULL)
			tg_assert(json_object_set_new(changes, key, json_pack("[n,O]", v)) == 0);
	}
	json_decref(a);
	json_decref(b);
	return changes;
}

static void print_changes(json_t *changes)
{
	const char *key;
	json_t *pair;

	json_object_foreach(changes, key, pair)
	{
		const json_t *old = json_array_get(pair, 0), *new = json_array_get(pair, 1);

		old = json_is_null(old) ? NULL : old;
		new = json_is_null(new) ? NULL : new;
		printf("  %-40s %s -> %s", key, value_text(old), value_text(new));
		print_change(old, new);
		putchar('\n');
	}
}

static int by_day(const void *a, const void *b)
{
	const struct price *x = *(const struct price *const *)a,
			   *y = *(const struct price *const *)b;

	return (x->valid_from.us > y->valid_from.us) - (x->valid_from.us < y->valid_from.us);
}

/* All versions of the model that p is one of, oldest first. */
static struct found versions_of(const struct pricebook *b, const struct price *p)
{
	struct found found = { calloc(pricebook_size(b) + 1, sizeof(void *)), 0 };

	tg_assert(found.v != NULL);
	for (size_t i = 0; i < pricebook_size(b); i++) {
		const struct price *v = pricebook_at(b, i);

		if (str_eq(v->provider, p->provider) && str_eq(v->model, p->model))
			found.v[found.n++] = v;
	}
	qsort(found.v, found.n, sizeof *found.v, by_day);
	return found;
}

static void show_versions(const struct found *versions, json_t *list)
{
	char day[PRICE_DAY_LEN];

	for (size_t i = 0; i < versions->n; i++) {
		const struct price *p = versions->v[i];
		json_t *changes = i > 0 ? changes_of(versions->v[i - 1], p) : NULL;

		if (list != NULL) {
			append(list, price_to_json(p));
		} else if (i == 0) {
			print_page(p);
		} else {
			printf("\n%.*s %.*s from %s, version %016llx (%.*s)\n",
				STR_FMT(p->provider), STR_FMT(p->model),
				price_day(day, p->valid_from), (unsigned long long)price_version(p),
				STR_FMT(p->source));
			print_changes(changes);
		}
		json_decref(changes);
	}
}

size_t view_history(const struct pricebook *b, const struct view_filter *f, bool json)
{
	struct found found = find_all(b, f);
	json_t *list = json ? json_array() : NULL;

	for (size_t i = 0; i < found.n; i++) {
		struct found versions = versions_of(b, found.v[i]);

		show_versions(&versions, list);
		free(versions.v);
		if (!json && i + 1 < found.n)
			putchar('\n');
	}
	if (json && found.n > 0)
		dump(json_incref(list));
	json_decref(list);
	free(found.v);
	return found.n;
}

/* The price of the same name from the same day on. */
static const struct price *counterpart(const struct pricebook *b, const struct price *p)
{
	for (size_t i = 0; i < pricebook_size(b); i++) {
		const struct price *v = pricebook_at(b, i);

		if (v->valid_from.us == p->valid_from.us && str_eq(v->provider, p->provider) &&
			str_eq(v->model, p->model))
			return v;
	}
	return NULL;
}

static void tell(json_t *list, const char *what, const struct price *p, json_t *changes)
{
	char day[PRICE_DAY_LEN];
	json_t *j;

	price_day(day, p->valid_from);
	if (list != NULL) {
		j = json_pack("{s:s, s:s%, s:s%, s:s, s:O?}", "what", what, "provider",
			p->provider.p, p->provider.n, "model", p->model.p, p->model.n, "valid_from",
			day, "changes", changes);
		append(list, j);
		return;
	}
	printf("%-8s %.*s %.*s%s%s\n", what, STR_FMT(p->provider), STR_FMT(p->model),
		day[0] != '\0' ? " from " : "", day);
	if (changes != NULL)
		print_changes(changes);
}

void view_diff(const struct pricebook *old, const struct pricebook *new,
	const struct view_filter *f, bool json)
{
	json_t *list = json ? json_array() : NULL;
	size_t added = 0, removed = 0, changed = 0;

	for (size_t i = 0; i < pricebook_size(old); i++) {
		const struct price *p = pricebook_at(old, i), *now = counterpart(new, p);

		if (!is_wanted(p, f) || (now != NULL && price_version(now) == price_version(p)))
			continue;
		if (now == NULL) {
			removed++;
			tell(list, "removed", p, NULL);
		} else {
			json_t *changes = changes_of(p, now);

			changed++;
			tell(list, "changed", p, changes);
			json_decref(changes);
		}
	}
	for (size_t i = 0; i < pricebook_size(new); i++) {
		const struct price *p = pricebook_at(new, i);

		if (is_wanted(p, f) && counterpart(old, p) == NULL) {
			added++;
			tell(list, "added", p, NULL);
		}
	}
	if (json)
		dump(list);
	else
		printf("%zu added, %zu removed, %zu changed\n", added, removed, changed);
}
