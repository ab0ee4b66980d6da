/*
 * plan_quota.c: slots of a plan, and how they end: see plan_quota.h. Control thread.
 */
#include "core/plan_quota.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/plan.h"
#include "core/tags.h"

static void *quota_alloc(struct tg_conf *c, size_t n)
{
	void *p = arena_zalloc(&c->arena, n > 0 ? n : 1);

	tg_assert(p != NULL);
	return p;
}

static struct str scope_name(struct tg_conf *c, const char *kind, struct str name)
{
	size_t n = strlen(kind) + 1 + name.n;
	char *p = quota_alloc(c, n + 1);

	snprintf(p, n + 1, "%s:%.*s", kind, STR_FMT(name));
	return str_mk(p, n);
}

/* Each zone is loaded once. Checked with the configuration; NULL: its file has gone since. */
static const struct zone *zone_of(struct tg_conf *c, struct str name, struct conf_error *err)
{
	struct plan_quota *q = &c->quota;
	struct zone *z;

	if (name.n == 0)
		name = STR("UTC");
	for (unsigned i = 0; i < q->n_zones; i++)
		if (str_eq(zone_name(q->zones[i]), name))
			return q->zones[i];
	z = zone_load(name, NULL, err->text, sizeof err->text);
	if (z == NULL)
		return NULL;
	q->zones = realloc(q->zones, (q->n_zones + 1) * sizeof *q->zones);
	tg_assert(q->zones != NULL);
	q->zones[q->n_zones++] = z;
	return z;
}

static void slot_add(struct plan_quota *q, struct quota_scope *to, struct str scope,
	const struct zone *z, const struct quota_limit *l)
{
	struct quota_slot *s;

	for (unsigned i = 0; i < to->n; i++)
		if (quota_limit_same(to->slot[i].limit, l)) {
			to->slot[i].limit = l; /* what is said last, or nearer, holds */
			return;
		}
	tg_assert(q->n_slots < q->cap_slots);
	s = &q->slots[q->n_slots++];
	if (to->n == 0)
		to->slot = s;
	to->n++;
	s->limit = l;
	s->zone = z;
	s->scope = scope;
}

static void scope_add(struct plan_quota *q, struct quota_scope *to, struct str scope,
	const struct zone *z, const struct cfg_quota *limits)
{
	for (unsigned i = 0; i < limits->n; i++)
		slot_add(q, to, scope, z, &limits->limit[i]);
}

static const struct cfg_org *org_find(const struct tg_conf *c, struct str name)
{
	const struct cfg_org *v = c->cfg.orgs.v;

	for (size_t i = 0; name.n > 0 && i < c->cfg.orgs.n; i++)
		if (str_eq(v[i].name, name))
			return &v[i];
	return NULL;
}

struct shared { /* scopes above tenants, in the order of the configuration */
	struct quota_scope *orgs, *pools;
};

static int build_tenant(
	struct tg_conf *c, struct tenant *t, const struct shared *shared, struct conf_error *err)
{
	const struct cfg_org *org = org_find(c, t->org);
	struct str zone = t->cfg->timezone.n > 0 ? t->cfg->timezone
			  : org != NULL          ? org->timezone
						 : STR("UTC");
	struct str scope = scope_name(c, "tenant", t->name);
	const struct zone *z = zone_of(c, zone, err);

	if (z == NULL)
		return -1;
	if (t->tier_cfg != NULL)
		scope_add(&c->quota, &t->quota, scope, z, &t->tier_cfg->limits);
	scope_add(&c->quota, &t->quota, scope, z, &t->cfg->limits);
	t->zone = z;
	if (org != NULL)
		t->org_quota = &shared->orgs[org - (const struct cfg_org *)c->cfg.orgs.v];
	if (t->tier_cfg != NULL)
		t->pool_quota =
			&shared->pools[t->tier_cfg - (const struct cfg_tier *)c->cfg.tiers.v];
	plan_quota_guests_build(c, &t->session, scope_name(c, "session", t->name), z,
		t->tier_cfg != NULL ? &t->tier_cfg->session : NULL, &t->cfg->session);
	plan_quota_guests_build(c, &t->end_user, scope_name(c, "end_user", t->name), z,
		t->tier_cfg != NULL ? &t->tier_cfg->end_user : NULL, &t->cfg->end_user);
	if (plan_quota_raises(c, &t->quota, &t->cfg->increases, err) != 0)
		return -1;
	return plan_quota_purse(c, &t->quota, &t->cfg->credits, t->cfg->overdraft,
		QUOTA_PURSE_TENANT, &t->cfg->pos, err);
}

static bool is_of_org(const struct tenant *t, struct str name)
{
	return str_eq(t->org, name);
}

static bool is_of_tier(const struct tenant *t, struct str name)
{
	return str_eq(t->tier, name);
}

static int build_orgs(struct tg_conf *c, struct quota_scope *orgs, struct conf_error *err)
{
	const struct cfg_org *v = c->cfg.orgs.v;

	for (size_t i = 0; i < c->cfg.orgs.n; i++) {
		const struct zone *z = zone_of(c, v[i].timezone, err);

		if (z == NULL)
			return -1;
		scope_add(&c->quota, &orgs[i], scope_name(c, "org", v[i].name), z, &v[i].limits);
		if (plan_quota_raises(c, &orgs[i], &v[i].increases, err) != 0 ||
			plan_quota_purse(c, &orgs[i], &v[i].credits, v[i].overdraft,
				QUOTA_PURSE_ORG, &v[i].pos, err) != 0 ||
			plan_quota_reserved(
				c, &orgs[i], &v[i].reserved, is_of_org, v[i].name, err) != 0)
			return -1;
	}
	return 0;
}

static int build_pools(struct tg_conf *c, struct quota_scope *pools, struct conf_error *err)
{
	const struct cfg_tier *v = c->cfg.tiers.v;

	for (size_t i = 0; i < c->cfg.tiers.n; i++) {
		const struct cfg_pool *p = &v[i].pool;
		const struct zone *z = zone_of(c, p->timezone, err);

		if (z == NULL)
			return -1;
		scope_add(&c->quota, &pools[i], scope_name(c, "tier", v[i].name), z, &p->limits);
		if (plan_quota_raises(c, &pools[i], &p->increases, err) != 0 ||
			plan_quota_reserved(
				c, &pools[i], &p->reserved, is_of_tier, v[i].name, err) != 0)
			return -1;
	}
	return 0;
}

static int build_budgets(struct tg_conf *c, struct conf_error *err)
{
	const struct cfg_budget *v = c->cfg.budgets.v;
	struct plan_quota *q = &c->quota;

	q->n_budgets = (unsigned)c->cfg.budgets.n;
	q->budgets = quota_alloc(c, q->n_budgets * sizeof *q->budgets);
	for (unsigned i = 0; i < q->n_budgets; i++) {
		const struct zone *z = zone_of(c, v[i].timezone, err);

		if (z == NULL)
			return -1;
		q->budgets[i].cfg = &v[i];
		q->budgets[i].of_target = tags_has(&v[i].match, STR("target"));
		scope_add(q, &q->budgets[i].scope, scope_name(c, "budget", v[i].name), z,
			&v[i].limits);
		for (unsigned k = 0; k < q->budgets[i].scope.n; k++)
			q->budgets[i].scope.slot[k].budget = &v[i];
		if (plan_quota_raises(c, &q->budgets[i].scope, &v[i].increases, err) != 0)
			return -1;
	}
	return 0;
}

static unsigned limits_in_all(const struct tg_conf *c)
{
	const struct cfg_org *org = c->cfg.orgs.v;
	const struct cfg_budget *budget = c->cfg.budgets.v;
	const struct cfg_tier *tier = c->cfg.tiers.v;
	unsigned n = 0;

	for (size_t i = 0; i < c->cfg.tiers.n; i++)
		n += tier[i].pool.limits.n;

	for (size_t i = 0; i < c->cfg.orgs.n; i++)
		n += org[i].limits.n;
	for (size_t i = 0; i < c->cfg.budgets.n; i++)
		n += budget[i].limits.n;
	for (unsigned i = 0; i < c->n_tenants; i++) {
		const struct tenant *t = &c->tenants[i];
		const struct cfg_key *k = t->cfg->keys.v;

		n += t->cfg->limits.n + (t->tier_cfg != NULL ? t->tier_cfg->limits.n : 0);
		for (size_t j = 0; j < t->cfg->keys.n; j++)
			n += k[j].limits.n;
	}
	return n;
}

/*
 * The most accounts of budgets that one request touches: it has one model and one target. by: the
 * member of quota_maybe that says which.
 */
static unsigned most_of(const struct quota_maybes *m, unsigned from, unsigned to, size_t by)
{
#define VALUE(i) ((const struct str *)(const void *)((const char *)&m->v[i] + by))
	unsigned any = 0, most = 0;

	for (unsigned i = from; i < to; i++) {
		unsigned n = 0;

		if (VALUE(i)->n == 0) {
			any += m->v[i].budget->scope.n;
			continue;
		}
		for (unsigned k = from; k < to; k++)
			if (str_eq(*VALUE(k), *VALUE(i)))
				n += m->v[k].budget->scope.n;
		most = TG_MAX(most, n);
	}
#undef VALUE
	return any + most;
}

/* What requests of the key may draw on, one behind the other, has room. */
static int check_sources(const struct key *k, struct conf_error *err)
{
	const struct tenant *t = k->tenant;
	unsigned n = plan_quota_steps(&t->quota, t) +
		     (t->pool_quota != NULL ? plan_quota_steps(t->pool_quota, t) : 0) +
		     (t->org_quota != NULL ? plan_quota_steps(t->org_quota, t) : 0);

	if (n <= QUOTA_FALL_MAX)
		return 0;
	return plan_quota_fail(err, &k->cfg->pos,
		"requests of key '%.*s' may draw on %u sources (limits on cost, credits and "
		"overdrafts of its tenant and its org, and what is kept for its tenant); at most "
		"%d are possible",
		STR_FMT(k->id), n, QUOTA_FALL_MAX);
}

/* All limits that a request of the key can be under have room; guests: of sessions and end users.
 */
static int check_path(const struct key *k, unsigned guests, struct conf_error *err)
{
	const struct tenant *t = k->tenant;
	const struct quota_maybes *m = &k->budgets;
	unsigned n = guests + k->quota.n + t->quota.n +
		     (t->pool_quota != NULL ? t->pool_quota->n : 0) +
		     (t->org_quota != NULL ? t->org_quota->n : 0) +
		     most_of(m, 0, m->lasting, offsetof(struct quota_maybe, model)) +
		     most_of(m, m->lasting, m->n, offsetof(struct quota_maybe, target));

	if (n <= QUOTA_PATH_MAX)
		return 0;
	return plan_quota_fail(err, &k->cfg->pos,
		"%u limits apply to requests of key '%.*s' (its own, its tenant's with the tier's, "
		"its tier's pool's, its org's, its budgets'); at most %d are possible",
		n, STR_FMT(k->id), QUOTA_PATH_MAX);
}

/* A key, and how many accounts its requests may touch at most. */
static int build_key(struct tg_conf *c, struct key *k, struct conf_error *err)
{
	const struct tenant *t = k->tenant;
	unsigned guests;

	scope_add(&c->quota, &k->quota, scope_name(c, "key", k->id), t->zone, &k->cfg->limits);
	if (plan_quota_raises(c, &k->quota, &k->cfg->increases, err) != 0)
		return -1;
	plan_quota_guests_build(c, &k->session, scope_name(c, "session.key", k->id), t->zone, NULL,
		&k->cfg->session);
	plan_quota_guests_build(c, &k->end_user, scope_name(c, "end_user.key", k->id), t->zone,
		NULL, &k->cfg->end_user);
	guests = k->session.n + k->end_user.n + t->session.n + t->end_user.n;
	if (guests > QUOTA_GUEST_LIMITS)
		return plan_quota_fail(err, &k->cfg->pos,
			"%u limits of sessions and end users apply to requests of key '%.*s'; at "
			"most "
			"%d are possible",
			guests, STR_FMT(k->id), QUOTA_GUEST_LIMITS);
	if (plan_quota_maybes(c, k) != 0)
		return plan_quota_fail(err, &k->cfg->pos,
			"budgets ask for more than %d different tags of requests of key '%.*s'",
			QUOTA_ASKED_TAGS, STR_FMT(k->id));
	if (check_sources(k, err) != 0)
		return -1;
	return check_path(k, guests, err);
}

int plan_quota_build(struct tg_conf *c, struct conf_error *err)
{
	const struct shared shared = {
		.orgs = quota_alloc(c, c->cfg.orgs.n * sizeof *shared.orgs),
		.pools = quota_alloc(c, c->cfg.tiers.n * sizeof *shared.pools),
	};
	struct plan_quota *q = &c->quota;

	q->cap_slots = limits_in_all(c) + plan_quota_sources_count(c);
	q->slots = quota_alloc(c, q->cap_slots * sizeof *q->slots);
	if (build_orgs(c, shared.orgs, err) != 0 || build_pools(c, shared.pools, err) != 0 ||
		build_budgets(c, err) != 0)
		return -1;
	for (unsigned i = 0; i < c->n_tenants; i++)
		if (build_tenant(c, &c->tenants[i], &shared, err) != 0)
			return -1;
	for (size_t i = 0; i < c->key_cap; i++)
		if (c->key_slots[i] != NULL && build_key(c, c->key_slots[i], err) != 0)
			return -1;
	for (unsigned i = 0; i < q->n_slots; i++)
		plan_quota_set_amount(c, &q->slots[i], -1);
	return plan_quota_amounts_fit(c, err);
}

static void put(struct quota_account *a)
{
	if (a != NULL)
		quota_account_put(a);
}

void plan_quota_fini(struct tg_conf *c)
{
	struct plan_quota *q = &c->quota;

	for (unsigned i = 0; i < q->n_slots; i++) {
		put(atomic_load(&q->slots[i].now));
		put(atomic_load(&q->slots[i].next));
		put(q->slots[i].last);
	}
	for (unsigned i = 0; i < q->n_zones; i++)
		zone_free(q->zones[i]);
	free(q->zones);
	*q = (struct plan_quota){ .n_slots = 0 };
}
