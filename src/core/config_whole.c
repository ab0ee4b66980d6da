/*
 * config_whole.c: what only the whole configuration can tell: references between blocks, duplicates
 * over all tenants, budgets that shadows need. Runs once, behind the checks of all blocks. Every
 * finding has the place of the value it is about.
 */
#include "core/config_check.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/map.h"
#include "core/config.h"
#include "core/hold_mode.h"

#define MEMBER_MAX 64 /* of a host name that is used as `member` */

/* ---- names, and references to them */

/* The names of one map, to look references up in. */
struct names {
	const char *what; /* "target" */
	const struct conf_array *array;
	size_t size; /* of an element; its name is its first member */
	struct map map;
};

static struct str *name_at(const struct names *n, size_t i)
{
	return (struct str *)(void *)((char *)n->array->v + i * n->size);
}

static void names_init(
	struct names *n, const char *what, const struct conf_array *array, size_t size)
{
	n->what = what;
	n->array = array;
	n->size = size;
	map_init(&n->map);
	for (size_t i = 0; i < array->n; i++)
		(void)map_put(&n->map, *name_at(n, i), name_at(n, i));
}

/* at: what has a place in the file. */
static int dangling(
	struct conf_load *l, const struct names *n, const struct str *at, struct str ref)
{
	const char **words = calloc(n->array->n + 1, sizeof *words), *near = NULL;
	int rc;

	for (size_t i = 0; words != NULL && i < n->array->n; i++)
		words[i] = name_at(n, i)->p; /* names end in a NUL that does not count */
	if (words != NULL)
		near = str_nearest(ref, words, n->array->n);
	if (near != NULL)
		rc = conf_fail_at(l, at, "there is no %s `%.*s`; did you mean `%s`?", n->what,
			STR_FMT(ref), near);
	else
		rc = conf_fail_at(l, at, "there is no %s `%.*s`; define it under `%ss`", n->what,
			STR_FMT(ref), n->what);
	free(words);
	return rc;
}

static int check_ref(struct conf_load *l, const struct names *n, const struct str *ref)
{
	return ref->n == 0 || map_get(&n->map, *ref) != NULL ? 0 : dangling(l, n, ref, *ref);
}

/* Absent means all of them, so an empty list would say the opposite of what it means. */
static int check_refs(struct conf_load *l, const struct names *n, const struct conf_strings *refs)
{
	if (refs->v != NULL && refs->n == 0)
		return conf_fail_at(l, refs,
			"an empty list: name at least one %s, or leave it out to allow all",
			n->what);
	for (size_t i = 0; i < refs->n; i++)
		if (check_ref(l, n, &refs->v[i]) != 0)
			return -1;
	return 0;
}

struct whole {
	struct conf_load *l;
	const struct config *c;
	struct names targets, models, tiers, orgs, tenants, routes, budgets;
	struct map key_ids, key_hashes; /* to struct cfg_key */
};

/* ---- models */

static int check_route_ref(struct whole *w, const struct str *ref)
{
	return route_builtin(*ref) != NULL ? 0 : check_ref(w->l, &w->routes, ref);
}

static int check_fallback(struct whole *w, const struct cfg_model *m)
{
	for (size_t i = 0; i < m->fallback.n; i++) {
		if (check_ref(w->l, &w->models, &m->fallback.v[i]) != 0)
			return -1;
		if (str_eq(m->fallback.v[i], m->name))
			return conf_fail_at(w->l, &m->fallback.v[i],
				"`%.*s` cannot be its own fallback", STR_FMT(m->name));
	}
	return 0;
}

static int check_models(struct whole *w)
{
	for (size_t i = 0; i < w->c->models.n; i++) {
		const struct cfg_model *m = (const struct cfg_model *)w->c->models.v + i;

		for (size_t k = 0; k < m->targets.n; k++) {
			const struct cfg_model_target *t =
				(const struct cfg_model_target *)m->targets.v + k;

			if (check_ref(w->l, &w->targets, &t->target) != 0)
				return -1;
		}
		if (check_route_ref(w, &m->route) != 0 || check_fallback(w, m) != 0)
			return -1;
	}
	for (size_t i = 0; i < w->c->tiers.n; i++) {
		const struct cfg_tier *t = (const struct cfg_tier *)w->c->tiers.v + i;

		if (check_refs(w->l, &w->models, &t->models) != 0)
			return -1;
	}
	return 0;
}

/* ---- tags */

static bool listed(const struct conf_strings *list, struct str s)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i], s))
			return true;
	return false;
}

/* A tag that no request could have is a mistake in the file. at: what is wrong there. */
static int check_known_tag(struct whole *w, const struct str *at, struct str name)
{
	const struct cfg_tag_rules *r = &w->c->tags;
	const char *words[128];
	struct conf_why near;
	size_t n = 0;

	if (r->required.n + r->optional.n == 0 || listed(&r->required, name) ||
		listed(&r->optional, name) || str_eq(name, w->c->geoip.tag))
		return 0;
	for (size_t k = 0; k < r->required.n && n < TG_ARRAY_LEN(words); k++)
		words[n++] = r->required.v[k].p;
	for (size_t k = 0; k < r->optional.n && n < TG_ARRAY_LEN(words); k++)
		words[n++] = r->optional.v[k].p;
	return conf_fail_at(w->l, at,
		"the tag `%.*s` is in neither `tags.required` nor `tags.optional`%s", STR_FMT(name),
		config_near(name, words, n, &near));
}

static int check_known_tags(struct whole *w, const struct conf_tags *tags)
{
	for (size_t i = 0; i < tags->n; i++)
		if (check_known_tag(w, &tags->v[i].name, tags->v[i].name) != 0)
			return -1;
	return 0;
}

/* ---- tenants and keys */

static int check_key(struct whole *w, struct cfg_key *k)
{
	struct str hash = str_mk((const char *)k->sha256, sizeof k->sha256);
	const struct cfg_key *other;
	struct conf_pos pos;

	if (!map_put(&w->key_ids, k->id, k)) {
		other = map_get(&w->key_ids, k->id);
		pos = conf_pos_of(w->l, &other->id);
		return conf_fail_at(w->l, &k->id,
			"duplicate key id `%.*s`; first given at %s:%u:%u", STR_FMT(k->id),
			pos.file, pos.line, pos.col);
	}
	if (!map_put(&w->key_hashes, hash, k)) {
		other = map_get(&w->key_hashes, hash);
		pos = conf_pos_of(w->l, other->sha256);
		return conf_fail_at(w->l, k->sha256,
			"the same key twice: `%.*s` has this `sha256` too, at %s:%u:%u",
			STR_FMT(other->id), pos.file, pos.line, pos.col);
	}
	if (check_refs(w->l, &w->models, &k->models) != 0)
		return -1;
	return check_known_tags(w, &k->tags);
}

static int check_tenants(struct whole *w)
{
	for (size_t i = 0; i < w->c->tenants.n; i++) {
		const struct cfg_tenant *t = (const struct cfg_tenant *)w->c->tenants.v + i;

		if (check_ref(w->l, &w->tiers, &t->tier) != 0 ||
			check_ref(w->l, &w->orgs, &t->org) != 0 ||
			check_known_tags(w, &t->tags) != 0)
			return -1;
		for (size_t k = 0; k < t->keys.n; k++)
			if (check_key(w, (struct cfg_key *)t->keys.v + k) != 0)
				return -1;
	}
	return 0;
}

/* ---- shadows */

static bool limits_cost(const struct cfg_quota *q)
{
	for (unsigned i = 0; i < q->n; i++)
		if (q->limit[i].dim == QUOTA_COST)
			return true;
	return false;
}

static const struct cfg_tenant *tenant_of_key(const struct whole *w, const struct cfg_key *key)
{
	const struct cfg_tenant *v = w->c->tenants.v;

	for (size_t i = 0; i < w->c->tenants.n; i++) {
		const struct cfg_key *first = v[i].keys.v;

		if (key >= first && key < first + v[i].keys.n)
			return &v[i];
	}
	return NULL;
}

/* Nobody asked for what a shadow costs: there is a budget, and it is a hard one. */
static int check_shadow_budget(
	struct whole *w, const struct cfg_shadow *s, const struct cfg_key *key)
{
	const struct cfg_tenant *t = tenant_of_key(w, key);
	const struct cfg_tier *tier = map_get(&w->tiers.map, t->tier);

	if (!limits_cost(&key->limits) && !limits_cost(&t->limits) &&
		(tier == NULL || !limits_cost(&tier->limits)))
		return conf_fail_at(w->l, &s->key,
			"neither key `%.*s` nor its tenant or tier has a limit on cost; what "
			"shadows may spend is to be said: `limits: { cost: 10 usd/day }`",
			STR_FMT(s->key));
	if (tier != NULL && (tier->hold == HOLD_EXPECTED || tier->hold == HOLD_POST))
		return conf_fail_at(w->l, &s->key,
			"tier `%.*s` of key `%.*s` does not hold all that a request may cost "
			"(`hold`), and a shadow's budget is a hard one: take full or incremental",
			STR_FMT(t->tier), STR_FMT(s->key));
	return 0;
}

static int check_shadow(struct whole *w, const struct cfg_model *m, const struct cfg_shadow *s)
{
	const struct cfg_key *key = map_get(&w->key_ids, s->key);

	if (check_ref(w->l, &w->models, &s->to) != 0)
		return -1;
	if (str_eq(s->to, m->name))
		return conf_fail_at(
			w->l, &s->to, "`%.*s` cannot be its own shadow", STR_FMT(m->name));
	if (key == NULL)
		return conf_fail_at(w->l, &s->key,
			"there is no key with the id `%.*s`; define it under a tenant of its own, "
			"whose limits are the budget",
			STR_FMT(s->key));
	return check_shadow_budget(w, s, key);
}

/* Behind the tenants, whose keys pay. */
static int check_shadows(struct whole *w)
{
	const struct cfg_model *m = w->c->models.v;

	for (size_t i = 0; i < w->c->models.n; i++)
		for (size_t k = 0; k < m[i].shadow.n; k++)
			if (check_shadow(w, &m[i], (const struct cfg_shadow *)m[i].shadow.v + k) !=
				0)
				return -1;
	return 0;
}

/* ---- budgets, guardrails, rules */

/* A limit on what cannot be would be none, and nobody would notice. */
static int check_matched(struct whole *w, const struct conf_tag *m)
{
	const struct {
		struct str word;
		const struct names *names;
	} rows[] = { { STR("tenant"), &w->tenants }, { STR("org"), &w->orgs },
		{ STR("tier"), &w->tiers }, { STR("model"), &w->models },
		{ STR("target"), &w->targets } };

	if (str_starts(m->name, STR("tag.")))
		return check_known_tag(w, &m->name, str_skip(m->name, 4));
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		if (str_eq(m->name, rows[i].word))
			return map_get(&rows[i].names->map, m->value) != NULL
				       ? 0
				       : dangling(w->l, rows[i].names, &m->name, m->value);
	if (map_get(&w->key_ids, m->value) != NULL)
		return 0;
	return conf_fail_at(w->l, &m->name, "there is no key `%.*s`", STR_FMT(m->value));
}

static int check_budgets(struct whole *w)
{
	const struct cfg_budget *v = w->c->budgets.v;
	struct conf_pos pos;

	for (size_t i = 0; i < w->c->budgets.n; i++) {
		for (size_t k = 0; k < i; k++)
			if (str_eq(v[i].name, v[k].name)) {
				pos = conf_pos_of(w->l, &v[k].name);
				return conf_fail_at(w->l, &v[i].name,
					"duplicate budget `%.*s`; first given at %s:%u:%u",
					STR_FMT(v[i].name), pos.file, pos.line, pos.col);
			}
		for (size_t k = 0; k < v[i].match.n; k++)
			if (check_matched(w, &v[i].match.v[k]) != 0)
				return -1;
	}
	return 0;
}

static int check_guards(struct whole *w)
{
	const struct cfg_guard *v = w->c->guardrails.v;

	for (size_t i = 0; i < w->c->guardrails.n; i++) {
		const struct cfg_degrade *d = v[i].degrade.v;

		if (check_ref(w->l, &w->budgets, &v[i].budget) != 0 ||
			check_ref(w->l, &w->tiers, &v[i].tier) != 0)
			return -1;
		for (size_t k = 0; k < v[i].degrade.n; k++)
			if (check_ref(w->l, &w->models, &d[k].from) != 0 ||
				check_ref(w->l, &w->models, &d[k].to) != 0)
				return -1;
	}
	return 0;
}

static int check_rules(struct whole *w)
{
	const struct cfg_rule *v = w->c->rules.v;

	for (size_t i = 0; i < w->c->rules.n; i++) {
		if (check_ref(w->l, &w->models, &v[i].use) != 0 ||
			check_route_ref(w, &v[i].route) != 0)
			return -1;
		for (size_t k = 0; k < v[i].match.n; k++) {
			enum rule_word word = rule_word_of(v[i].match.v[k].name);

			if ((word <= RULE_KEY || word == RULE_TAG) &&
				check_matched(w, &v[i].match.v[k]) != 0)
				return -1;
		}
	}
	return 0;
}

/* ---- the process */

static int check_listeners(struct whole *w)
{
	const struct cfg_listen *v = w->c->listen.v;
	size_t n = w->c->listen.n;

	for (size_t i = 0; i < n; i++) {
		/* port 0 is another port each time */
		if (str_ends(v[i].address, STR(":0")))
			continue;
		for (size_t k = 0; k < i; k++)
			if (str_eq(v[i].address, v[k].address))
				return conf_fail_at(w->l, &v[i].address,
					"`%.*s` is listened on twice, also at %s:%u:%u",
					STR_FMT(v[i].address), v[k].pos.file, v[k].pos.line,
					v[k].pos.col);
		if (str_eq(v[i].address, w->c->admin.address))
			return conf_fail_at(w->l, &v[i].address, "`%.*s` is the address of `admin`",
				STR_FMT(v[i].address));
	}
	return 0;
}

/* The host's name as far as it may be one of ours. */
static int default_member(struct conf_load *l, struct config *c)
{
	char host[256] = "";
	size_t n = 0;

	if (c->member.n > 0)
		return config_check_name(l, "member", &c->member);
	if (gethostname(host, sizeof host - 1) != 0)
		host[0] = '\0';
	while (n < MEMBER_MAX && config_is_name_char(host[n]))
		n++;
	c->member = n > 0 ? arena_dup(conf_arena(l), str_mk(host, n)) : STR("tollgate");
	return c->member.p != NULL ? 0 : conf_fail(l, NULL, "out of memory");
}

int config_check_root(struct conf_load *l, void *obj)
{
	struct config *c = obj;
	struct whole w = { .l = l, .c = c };
	int rc = 0;

	names_init(&w.targets, "target", &c->targets, sizeof(struct cfg_target));
	names_init(&w.models, "model", &c->models, sizeof(struct cfg_model));
	names_init(&w.tiers, "tier", &c->tiers, sizeof(struct cfg_tier));
	names_init(&w.orgs, "org", &c->orgs, sizeof(struct cfg_org));
	names_init(&w.tenants, "tenant", &c->tenants, sizeof(struct cfg_tenant));
	names_init(&w.routes, "route", &c->routes, sizeof(struct cfg_route));
	names_init(&w.budgets, "budget", &c->budgets, sizeof(struct cfg_budget));
	map_init(&w.key_ids);
	map_init(&w.key_hashes);
	if (default_member(l, c) != 0 || check_listeners(&w) != 0 || check_models(&w) != 0 ||
		check_tenants(&w) != 0 || check_shadows(&w) != 0 || check_budgets(&w) != 0 ||
		check_guards(&w) != 0 || check_rules(&w) != 0 || config_check_redis(l, c) != 0 ||
		config_check_places(l, c) != 0)
		rc = -1;
	map_fini(&w.targets.map);
	map_fini(&w.models.map);
	map_fini(&w.tiers.map);
	map_fini(&w.orgs.map);
	map_fini(&w.tenants.map);
	map_fini(&w.routes.map);
	map_fini(&w.budgets.map);
	map_fini(&w.key_ids);
	map_fini(&w.key_hashes);
	return rc;
}
