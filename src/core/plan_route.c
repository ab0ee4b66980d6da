/*
 * plan_route.c: see plan_route.h. Control thread.
 */
#include "core/plan_route.h"

#include "core/hedge.h"
#include "core/key_pool.h"
#include "core/plan.h"
#include "core/spots.h"

static void *route_alloc(struct tg_conf *c, size_t n)
{
	void *p = arena_zalloc(&c->arena, n > 0 ? n : 1);

	tg_assert(p != NULL);
	return p;
}

/* ---- presets */

const struct preset *plan_preset(const struct tg_conf *c, struct str name)
{
	for (unsigned i = 0; i < c->route.n_presets; i++)
		if (str_eq(c->route.presets[i].name, name))
			return &c->route.presets[i];
	return NULL;
}

static void route_presets(struct tg_conf *c)
{
	const struct cfg_route *v = c->cfg.routes.v;
	struct plan_route *r = &c->route;

	r->presets = route_alloc(c, (c->cfg.routes.n + ROUTE_BUILTINS) * sizeof *r->presets);
	for (size_t i = 0; i < c->cfg.routes.n; i++)
		r->presets[r->n_presets++] = (struct preset){ .name = v[i].name,
			.rule = v[i].rule,
			.max_cost = v[i].max_cost,
			.refuse = v[i].over_max_cost == OVER_REFUSE,
			.stick = (enum cfg_stick)v[i].stick };
	for (unsigned i = 0; i < ROUTE_BUILTINS; i++) {
		struct str name = str_z(route_builtin_names[i]);

		if (plan_preset(c, name) == NULL)
			r->presets[r->n_presets++] =
				(struct preset){ .name = name, .rule = *route_builtin(name) };
	}
}

/* ---- targets and models */

/* What was said of each of the target's keys, where it has several. */
static struct key_rate **route_key_rates(
	struct tg_conf *c, const struct target *t, struct str model)
{
	struct key_rate **v;

	if (t->n_keys == 0)
		return NULL;
	v = route_alloc(c, t->n_keys * sizeof(struct key_rate *));
	for (unsigned i = 0; i < t->n_keys; i++)
		v[i] = key_rate_of(t->place, t->keys[i].id, model);
	return v;
}

/* All keys together are the account: with others it is another one. */
static void route_accounts(struct tg_conf *c, struct target *t)
{
	struct str all = t->cfg->key;

	for (unsigned i = 0; i < t->n_keys; i++) {
		struct pool_key *k = &t->keys[i];

		k->state = account_state_of_key(t->name, k->id, k->secret);
		all = arena_printf(&c->arena, "%.*s\n%.*s", STR_FMT(all), STR_FMT(k->secret));
	}
	t->state = account_state_of(t->name, all);
}

static void route_states(struct tg_conf *c)
{
	bool fresh = c->generation > 1;
	mono_us now = clock_mono();

	for (unsigned i = 0; i < c->n_targets; i++) {
		struct target *t = &c->targets[i];

		/* what was learned at another address is of another place */
		t->place = arena_printf(
			&c->arena, "%.*s %.*s", STR_FMT(t->name), STR_FMT(t->cfg->base_url));
		route_accounts(c, t);
		t->key_rate = route_key_rates(c, t, STR_NONE);
		t->spot = spot_of(t->place, STR_NONE, fresh, now);
	}
	for (unsigned i = 0; i < c->n_models; i++)
		for (unsigned k = 0; k < c->models[i].n_routes; k++) {
			struct route_target *t = &c->models[i].route[k];

			t->spot = spot_of(t->target->place, t->model, fresh, now);
			t->stick = str_hash_fixed(t->target->place) ^ str_hash_fixed(t->model) << 1;
			t->key_rate = route_key_rates(c, t->target, t->model);
		}
}

static struct model_hedge *route_hedge(struct tg_conf *c, const struct cfg_hedge *h)
{
	struct model_hedge *m;

	if (h->after.n == 0)
		return NULL;
	m = route_alloc(c, sizeof *m);
	m->after_us = h->after_us;
	m->share_bp = h->share_bp;
	m->max_body = (size_t)h->max_body;
	return m;
}

static void route_models(struct tg_conf *c)
{
	const struct cfg_model *v = c->cfg.models.v;

	for (unsigned i = 0; i < c->n_models; i++) {
		struct model *m = &c->models[i];

		m->preset = v[i].route.n > 0 ? plan_preset(c, v[i].route) : NULL;
		m->hedge = route_hedge(c, &v[i].hedge);
		m->n_fallback = (unsigned)v[i].fallback.n;
		m->fallback = route_alloc(c, m->n_fallback * sizeof(struct model *));
		for (unsigned k = 0; k < m->n_fallback; k++)
			m->fallback[k] = plan_find_model(c, v[i].fallback.v[k]);
	}
}

/* ---- rules */

static struct plan_match match_of(const struct conf_tag *m)
{
	struct plan_match p = { .word = rule_word_of(m->name), .name = m->name, .value = m->value };

	if (p.word == RULE_TAG)
		p.name = str_skip(m->name, sizeof "tag." - 1);
	if (p.word == RULE_HEADER)
		p.name = str_skip(m->name, sizeof "header." - 1);
	if (rule_kind_of(p.word) == RULE_COUNT)
		tg_assert(rule_count_parse(m->value, &p.count) == 0); /* config_route.c */
	if (rule_kind_of(p.word) == RULE_LANGS) {
		struct str bad;

		tg_assert(rule_languages_parse(m->value, &p.languages, &bad) == 0); /* likewise */
	}
	p.flag = str_eq(m->value, STR("true"));
	return p;
}

static void route_rules(struct tg_conf *c)
{
	const struct cfg_rule *v = c->cfg.rules.v;
	struct plan_route *r = &c->route;

	r->n_rules = (unsigned)c->cfg.rules.n;
	r->rules = route_alloc(c, r->n_rules * sizeof *r->rules);
	for (unsigned i = 0; i < r->n_rules; i++) {
		struct plan_match *m = route_alloc(c, v[i].match.n * sizeof *m);

		for (size_t k = 0; k < v[i].match.n; k++)
			m[k] = match_of(&v[i].match.v[k]);
		r->rules[i] = (struct plan_rule){
			.name = v[i].name.n > 0 ? v[i].name : arena_printf(&c->arena, "%u", i + 1),
			.match = m,
			.n = (unsigned)v[i].match.n,
			.when_model = v[i].when_model,
			.use = v[i].use.n > 0 ? plan_find_model(c, v[i].use) : NULL,
			.preset = v[i].route.n > 0 ? plan_preset(c, v[i].route) : NULL,
			.share_bp = (uint32_t)v[i].share_bp,
			.stick = (enum cfg_draw)v[i].stick,
			.salt = str_hash_fixed(v[i].use) ^ str_hash_fixed(v[i].route) << 1
		};
	}
}

int plan_route_build(struct tg_conf *c)
{
	route_presets(c);
	route_states(c);
	route_models(c);
	route_rules(c);
	return 0;
}
