/*
 * plan_prices.c: entries of the configuration become a price file's text, so that one reader knows
 * what a price is. Control thread, and tgctl.
 */
#include "core/plan_prices.h"

#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#define TOKENS_PER_MTOK 1000000

static json_t *text_of(struct str s)
{
	json_t *j = json_stringn(s.p != NULL ? s.p : "", s.n);

	/* not UTF-8: the configuration's reader has refused that */
	tg_assert(j != NULL);
	return j;
}

static void put_text(json_t *to, const char *key, struct str s)
{
	if (s.n > 0)
		tg_assert(json_object_set_new(to, key, text_of(s)) == 0);
}

static void put_int(json_t *to, const char *key, int64_t v)
{
	if (v > 0)
		tg_assert(json_object_set_new(to, key, json_integer(v)) == 0);
}

static void put_tags(json_t *to, const char *key, const struct conf_tags *t)
{
	json_t *j;

	if (t->n == 0)
		return;
	j = json_object();
	for (size_t i = 0; i < t->n; i++)
		tg_assert(json_object_setn_new(
				  j, t->v[i].name.p, t->v[i].name.n, text_of(t->v[i].value)) == 0);
	tg_assert(json_object_set_new(to, key, j) == 0);
}

static void put_steps(json_t *to, const struct conf_array *a)
{
	const struct cfg_price_step *v = a->v;
	json_t *list, *step;

	if (a->n == 0)
		return;
	list = json_array();
	for (size_t i = 0; i < a->n; i++) {
		step = json_object();
		put_int(step, "above", v[i].above);
		put_tags(step, "per_mtok", &v[i].per_mtok);
		tg_assert(json_array_append_new(list, step) == 0);
	}
	tg_assert(json_object_set_new(to, "tiers", list) == 0);
}

static void put_rates(json_t *to, const struct cfg_price_rates *r)
{
	put_tags(to, "per_mtok", &r->per_mtok);
	put_tags(to, "per_unit", &r->per_unit);
	put_text(to, "per_request", r->per_request);
	put_steps(to, &r->tiers);
}

static void put_services(json_t *to, const struct cfg_price_rates service[SERVICE__MAX])
{
	for (unsigned t = SERVICE_STANDARD + 1; t < SERVICE__MAX; t++) {
		json_t *s = json_object();

		put_rates(s, &service[t]);
		if (json_object_size(s) > 0)
			tg_assert(json_object_set(to, service_tier_name((enum service_tier)t), s) ==
				  0);
		json_decref(s);
	}
}

static void put_variants(json_t *to, const struct conf_array *a)
{
	const struct cfg_price_rates *v = a->v;
	json_t *all, *one;

	if (a->n == 0)
		return;
	all = json_object();
	for (size_t i = 0; i < a->n; i++) {
		one = json_object();
		put_rates(one, &v[i]);
		tg_assert(json_object_setn_new(all, v[i].name.p, v[i].name.n, one) == 0);
	}
	tg_assert(json_object_set_new(to, "variants", all) == 0);
}

static void put_regions(json_t *to, const struct conf_array *a)
{
	const struct cfg_price_region *v = a->v;
	json_t *all, *one;

	if (a->n == 0)
		return;
	all = json_object();
	for (size_t i = 0; i < a->n; i++) {
		one = json_object();
		put_rates(one, &v[i].plain);
		put_services(one, v[i].service);
		tg_assert(
			json_object_setn_new(all, v[i].plain.name.p, v[i].plain.name.n, one) == 0);
	}
	tg_assert(json_object_set_new(to, "regions", all) == 0);
}

/* true and false as such: what is neither, and names that are none, the reader refuses. */
static void put_capabilities(json_t *to, const struct conf_tags *t)
{
	json_t *all;

	if (t->n == 0)
		return;
	all = json_object();
	for (size_t i = 0; i < t->n; i++) {
		bool plain =
			str_eq(t->v[i].value, STR("true")) || str_eq(t->v[i].value, STR("false"));

		tg_assert(json_object_setn_new(all, t->v[i].name.p, t->v[i].name.n,
				  plain ? json_boolean(str_eq(t->v[i].value, STR("true")))
					: text_of(t->v[i].value)) == 0);
	}
	tg_assert(json_object_set_new(to, "capabilities", all) == 0);
}

static struct str today(char buf[16])
{
	time_t now = (time_t)(clock_wall().us / 1000000);
	struct tm tm;

	gmtime_r(&now, &tm);
	return str_mk(buf, strftime(buf, 16, "%Y-%m-%d", &tm));
}

static json_t *entry_of(const struct cfg_price *c)
{
	json_t *e = json_object();
	char day[16];

	put_text(e, "provider", c->provider);
	put_text(e, "model", c->model);
	if (c->aliases.n > 0) {
		json_t *names = json_array();

		for (size_t i = 0; i < c->aliases.n; i++)
			tg_assert(json_array_append_new(names, text_of(c->aliases.v[i])) == 0);
		tg_assert(json_object_set_new(e, "aliases", names) == 0);
	}
	if (c->free)
		tg_assert(json_object_set_new(e, "free", json_true()) == 0);
	put_rates(e, &c->plain);
	put_services(e, c->service);
	put_variants(e, &c->variants);
	put_regions(e, &c->regions);
	put_tags(e, "uplift", &c->uplift);
	put_int(e, "max_input", c->max_input);
	put_int(e, "max_output", c->max_output);
	put_capabilities(e, &c->capabilities);
	put_text(e, "valid_from", c->valid_from);
	put_text(e, "source", c->source);
	put_text(e, "date", c->date.n > 0 ? c->date : today(day));
	return e;
}

struct str plan_prices_text(struct arena *a, const struct cfg_price *v, size_t n)
{
	json_t *list = json_array(), *root;
	struct str text;
	char *dumped;

	for (size_t i = 0; i < n; i++)
		tg_assert(json_array_append_new(list, entry_of(&v[i])) == 0);
	root = json_pack("{s:s, s:o}", "format", PRICEBOOK_FORMAT, "prices", list);
	tg_assert(root != NULL);
	dumped = json_dumps(root, JSON_COMPACT);
	tg_assert(dumped != NULL);
	text = arena_dup(a, str_z(dumped));
	free(dumped);
	json_decref(root);
	tg_assert(text.p != NULL);
	return text;
}

/* Per token, rounded up. */
static pico_usd per_token(pico_usd per_mtok)
{
	return per_mtok / TOKENS_PER_MTOK + (per_mtok % TOKENS_PER_MTOK > 0);
}

struct pricebook *plan_prices_build(
	struct arena *a, const struct config *cfg, char *err, size_t err_len)
{
	const struct cfg_unpriced *u = &cfg->unpriced;
	struct pricebook_spec spec = { .n_paths = cfg->prices.n,
		.overrides_name = "price_overrides",
		.estimate = { per_token(u->input), per_token(u->output), u->request } };
	const char **paths = calloc(spec.n_paths + 1, sizeof *paths);
	struct pricebook *b;

	tg_assert(paths != NULL);
	for (size_t i = 0; i < spec.n_paths; i++)
		paths[i] = arena_dup(a, cfg->prices.v[i]).p;
	spec.paths = paths;
	if (cfg->price_overrides.n > 0)
		spec.overrides =
			plan_prices_text(a, cfg->price_overrides.v, cfg->price_overrides.n);
	b = pricebook_build(&spec, err, err_len);
	free(paths);
	return b;
}
