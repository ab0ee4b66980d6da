/*
 * prices_json.c: prices as JSON. tgctl.
 */
#include "ctl/prices_json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/num.h"

#define PER_MTOK     6
#define PER_UNIT     12
#define BASIS_ONE    10000
#define PATH_MAX_LEN 512

const char *price_text(char out[PRICE_TEXT_LEN], enum usage_bucket b, pico_usd v)
{
	size_t n;

	if (v == 0)
		return "free";
	n = num_put_decimal(out, v, b < USAGE_FIRST_UNIT ? PER_MTOK : PER_UNIT);
	out[n] = '\0';
	return out;
}

const char *price_day(char out[PRICE_DAY_LEN], wall_us day)
{
	time_t t = (time_t)(day.us / 1000000);
	struct tm tm;

	out[0] = '\0';
	if (day.us > 0 && gmtime_r(&t, &tm) != NULL)
		strftime(out, PRICE_DAY_LEN, "%Y-%m-%d", &tm);
	return out;
}

static void set(json_t *to, const char *key, json_t *v)
{
	tg_assert(v != NULL && json_object_set_new(to, key, v) == 0);
}

static void set_str(json_t *to, const char *key, struct str s)
{
	set(to, key, json_stringn(s.p != NULL ? s.p : "", s.n));
}

static const char *key_of(char out[PATH_MAX_LEN], struct str s)
{
	snprintf(out, PATH_MAX_LEN, "%.*s", STR_FMT(s));
	return out;
}

static void put_table(
	json_t *to, const char *key, const struct price_rates *r, unsigned from, unsigned end)
{
	json_t *table = json_object();
	char text[PRICE_TEXT_LEN];
	pico_usd v;

	for (unsigned i = from; i < end; i++) {
		enum usage_bucket b = (enum usage_bucket)i;

		if (price_rate(r, b, &v))
			set(table, usage_bucket_name(b), json_string(price_text(text, b, v)));
	}
	if (json_object_size(table) > 0)
		set(to, key, table);
	else
		json_decref(table);
}

static void put_rates(json_t *to, const struct price_rates *r)
{
	put_table(to, "per_mtok", r, 0, USAGE_FIRST_UNIT);
	put_table(to, "per_unit", r, USAGE_FIRST_UNIT, USAGE__MAX);
}

static void put_request(json_t *to, bool has, pico_usd v)
{
	char text[PRICE_TEXT_LEN];

	if (has)
		set(to, "per_request", json_string(price_text(text, USAGE_FIRST_UNIT, v)));
}

static void put_plan(json_t *to, const struct price_plan *p)
{
	json_t *steps = json_array();

	put_rates(to, &p->rates);
	put_request(to, p->has_request, p->per_request);
	for (unsigned i = 0; i < p->n_steps; i++) {
		json_t *step = json_pack("{s:I}", "above", (json_int_t)p->steps[i].above);

		put_rates(step, &p->steps[i].rates);
		tg_assert(json_array_append_new(steps, step) == 0);
	}
	if (json_array_size(steps) > 0)
		set(to, "tiers", steps);
	else
		json_decref(steps);
}

static void put_plans(json_t *to, const struct price_plan *const plan[SERVICE__MAX])
{
	put_plan(to, plan[SERVICE_STANDARD]);
	for (unsigned t = SERVICE_STANDARD + 1; t < SERVICE__MAX; t++) {
		json_t *s;

		if (plan[t] == NULL)
			continue;
		s = json_object();
		put_plan(s, plan[t]);
		set(to, service_tier_name((enum service_tier)t), s);
	}
}

static void put_variants(json_t *to, const struct price *p)
{
	json_t *all = json_object();
	char name[PATH_MAX_LEN];

	for (unsigned i = 0; i < p->n_variants; i++) {
		json_t *v = json_object();

		put_rates(v, &p->variants[i].rates);
		put_request(v, p->variants[i].has_request, p->variants[i].per_request);
		set(all, key_of(name, p->variants[i].name), v);
	}
	if (p->n_variants > 0)
		set(to, "variants", all);
	else
		json_decref(all);
}

static void put_regions(json_t *to, const struct price *p)
{
	json_t *regions = json_object(), *uplifts = json_object();
	char name[PATH_MAX_LEN], text[PRICE_TEXT_LEN];

	for (unsigned i = 0; i < p->n_regions; i++) {
		json_t *r = json_object();

		put_plans(r, p->regions[i].plan);
		set(regions, key_of(name, p->regions[i].name), r);
	}
	for (unsigned i = 0; i < p->n_uplifts; i++) {
		size_t n = num_put_decimal(text, BASIS_ONE + p->uplifts[i].basis_points, 4);

		set(uplifts, key_of(name, p->uplifts[i].region), json_stringn(text, n));
	}
	if (p->n_regions > 0)
		set(to, "regions", json_incref(regions));
	if (p->n_uplifts > 0)
		set(to, "uplift", json_incref(uplifts));
	json_decref(regions);
	json_decref(uplifts);
}

static void put_figures(json_t *to, const struct price *p)
{
	if (p->free)
		set(to, "free", json_true());
	put_plans(to, p->plan);
	put_variants(to, p);
	put_regions(to, p);
}

static void put_capabilities(json_t *to, struct capabilities c)
{
	json_t *all = json_object();

	for (unsigned i = 0; i < CAPABILITY__MAX; i++)
		if (((c.can | c.cannot) >> i & 1) != 0)
			set(all, capability_words[i], json_boolean(c.can >> i & 1));
	if (json_object_size(all) > 0)
		set(to, "capabilities", json_incref(all));
	json_decref(all);
}

json_t *price_to_json(const struct price *p)
{
	json_t *j = json_object();
	char text[PRICE_DAY_LEN];

	set_str(j, "provider", p->provider);
	set_str(j, "model", p->model);
	put_figures(j, p);
	if (p->max_input > 0)
		set(j, "max_input", json_integer((json_int_t)p->max_input));
	if (p->max_output > 0)
		set(j, "max_output", json_integer((json_int_t)p->max_output));
	put_capabilities(j, p->capable);
	if (p->valid_from.us > 0)
		set(j, "valid_from", json_string(price_day(text, p->valid_from)));
	set_str(j, "source", p->source);
	set_str(j, "date", p->date);
	snprintf(text, sizeof text, "%016llx", (unsigned long long)price_version(p));
	set(j, "version", json_string(text));
	return j;
}

/* Every string of j under its path; members of "tiers" by what they are above. */
static void flatten(json_t *rows, const char *path, json_t *j)
{
	char below[PATH_MAX_LEN];
	const char *key;
	json_t *v;
	size_t i;

	if (json_is_string(j) || json_is_true(j))
		tg_assert(json_object_set(rows, path, j) == 0);
	json_object_foreach(j, key, v)
	{
		snprintf(below, sizeof below, "%s%s%s", path, path[0] != '\0' ? "." : "", key);
		flatten(rows, below, v);
	}
	json_array_foreach(j, i, v)
	{
		snprintf(below, sizeof below, "%s.%lld", path,
			(long long)json_integer_value(json_object_get(v, "above")));
		flatten(rows, below, v);
	}
}

json_t *price_to_rows(const struct price *p)
{
	json_t *j = json_object(), *rows = json_object();

	put_figures(j, p);
	flatten(rows, "", j);
	json_decref(j);
	return rows;
}
