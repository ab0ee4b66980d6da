/*
 * plan_quota_sources.c: slots of what comes before and behind limits: parts that are reserved for a
 * tenant, credits and overdrafts. Control thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/plan.h"
#include "core/plan_quota.h"

#define PARTS_MAX 1000 /* reserved ones of a scope */

static void *source_alloc(struct tg_conf *c, size_t n)
{
	void *p = arena_zalloc(&c->arena, n);

	tg_assert(p != NULL);
	return p;
}

static unsigned purse_count(const struct conf_array *credits, int64_t overdraft)
{
	return (unsigned)credits->n + (overdraft > 0);
}

unsigned plan_quota_sources_count(const struct tg_conf *c)
{
	const struct cfg_tier *tier = c->cfg.tiers.v;
	const struct cfg_org *org = c->cfg.orgs.v;
	const struct cfg_tenant *t = c->cfg.tenants.v;
	unsigned n = 0;

	for (size_t i = 0; i < c->cfg.tiers.n; i++)
		n += (unsigned)tier[i].pool.reserved.n;
	for (size_t i = 0; i < c->cfg.orgs.n; i++)
		n += (unsigned)org[i].reserved.n + purse_count(&org[i].credits, org[i].overdraft);
	for (size_t i = 0; i < c->cfg.tenants.n; i++)
		n += purse_count(&t[i].credits, t[i].overdraft);
	return n;
}

/* A slot behind all that there are; like: one of its scope. */
static struct quota_slot *slot_new(
	struct plan_quota *q, const struct quota_slot *like, enum quota_source source)
{
	struct quota_slot *s;

	tg_assert(q->n_slots < q->cap_slots);
	s = &q->slots[q->n_slots++];
	s->zone = like->zone;
	s->scope = like->scope;
	s->source = source;
	s->from.us = INT64_MIN;
	s->until.us = INT64_MAX;
	return s;
}

/* ---- credits */

/* A day begins when it does in the zone. */
static wall_us instant(struct str text, const struct zone *z, int64_t absent)
{
	wall_us t = { absent };

	if (text.n == 0)
		return t;
	tg_assert(clock_parse(text, &t) == 0); /* config_sources.c */
	if (text.n == sizeof "2026-12-24" - 1)
		t.us = zone_first(z, t.us / 1000000) * 1000000;
	return t;
}

static struct quota_limit *money(struct tg_conf *c, int64_t pico)
{
	struct quota_limit *l = source_alloc(c, sizeof *l);

	*l = (struct quota_limit){ .dim = QUOTA_COST,
		.kind = QUOTA_STOCK,
		.amount = pico / PICO_PER_NANO,
		.period = { .unit = PERIOD_LIFETIME } };
	return l;
}

static struct quota_slot *credit_add(
	struct tg_conf *c, const struct quota_slot *like, const struct cfg_credit *v)
{
	struct quota_slot *s = slot_new(&c->quota, like, QUOTA_SOURCE_CREDIT);

	s->limit = money(c, v->amount);
	s->source_name = v->name.n > 0 ? v->name : v->expires.n > 0 ? v->expires : STR("credit");
	s->from = instant(v->from, s->zone, INT64_MIN);
	s->until = instant(v->expires, s->zone, INT64_MAX);
	return s;
}

static int expires_first(const void *a, const void *b)
{
	const struct quota_slot *x = a, *y = b;

	if (x->until.us != y->until.us)
		return x->until.us < y->until.us ? -1 : 1;
	return str_cmp(x->source_name, y->source_name);
}

static const struct quota_slot *cost_of(const struct quota_scope *scope)
{
	for (unsigned i = 0; i < scope->n; i++)
		if (scope->slot[i].limit->dim == QUOTA_COST)
			return &scope->slot[i];
	return NULL;
}

int plan_quota_purse(struct tg_conf *c, struct quota_scope *scope, const struct conf_array *credits,
	int64_t overdraft_pico, enum quota_purse whose, const struct conf_pos *pos,
	struct conf_error *err)
{
	const struct quota_slot *like = cost_of(scope);
	const struct cfg_credit *v = credits->v;

	if (purse_count(credits, overdraft_pico) == 0)
		return 0;
	if (like == NULL)
		return plan_quota_fail(err, pos,
			"credits and an overdraft are for when a limit on cost is used up, and "
			"there "
			"is none here; prepaid alone is `limits: { cost: 0 usd/lifetime }`");
	scope->purse = &c->quota.slots[c->quota.n_slots];
	scope->whose = whose;
	scope->falls = true;
	for (size_t i = 0; i < credits->n; i++) {
		const struct quota_slot *s = credit_add(c, like, &v[i]);

		for (unsigned k = 0; k < scope->n_purse; k++)
			if (str_eq(scope->purse[k].source_name, s->source_name))
				return plan_quota_fail(err, &v[i].pos,
					"there is another credit `%.*s` here: give one of them a "
					"`name`",
					STR_FMT(s->source_name));
		scope->n_purse++;
	}
	qsort(scope->purse, scope->n_purse, sizeof *scope->purse, expires_first);
	if (overdraft_pico > 0) {
		slot_new(&c->quota, like, QUOTA_SOURCE_OVERDRAFT)->limit = money(c, overdraft_pico);
		scope->n_purse++;
	}
	for (unsigned i = 0; i < scope->n_purse; i++)
		scope->purse[i].purse_of = scope;
	return 0;
}

/* ---- reserved parts */

static struct quota_slot *same_limit(const struct quota_scope *scope, const struct quota_limit *l)
{
	for (unsigned i = 0; i < scope->n; i++)
		if (quota_limit_same(scope->slot[i].limit, l))
			return &scope->slot[i];
	return NULL;
}

static int check_part(struct tg_conf *c, const struct quota_scope *scope,
	const struct cfg_reserved *v, plan_quota_belongs_f *belongs, struct str name,
	struct conf_error *err)
{
	bool there = false;

	for (unsigned i = 0; i < c->n_tenants; i++)
		there = there ||
			(str_eq(c->tenants[i].name, v->tenant) && belongs(&c->tenants[i], name));
	if (!there)
		return plan_quota_fail(err, &v->pos, "`%.*s` is no tenant of `%.*s`",
			STR_FMT(v->tenant), STR_FMT(name));
	if (same_limit(scope, &v->limit) == NULL)
		return plan_quota_fail(err, &v->pos,
			"there is no limit here that `%.*s` of %s could be kept of; it has the "
			"limit's period",
			STR_FMT(v->text), quota_dim_name(v->limit.dim));
	if (scope->n_purse > 0 && v->limit.dim == QUOTA_COST)
		return plan_quota_fail(err, &v->pos,
			"where there are credits or an overdraft no part of a limit on cost can be "
			"kept");
	return 0;
}

/* The parts of one limit stand together. */
static int parts_of(struct tg_conf *c, struct quota_slot *of, const struct conf_array *list,
	struct conf_error *err)
{
	const struct cfg_reserved *v = list->v;

	of->reserved = &c->quota.slots[c->quota.n_slots];
	for (size_t i = 0; i < list->n; i++) {
		struct quota_slot *s;

		if (!quota_limit_same(of->limit, &v[i].limit))
			continue;
		for (unsigned k = 0; k < of->n_reserved; k++)
			if (str_eq(of->reserved[k].source_name, v[i].tenant))
				return plan_quota_fail(err, &v[i].pos,
					"a part of that limit is kept for `%.*s` already",
					STR_FMT(v[i].tenant));
		s = slot_new(&c->quota, of, QUOTA_SOURCE_RESERVED);
		s->limit = &v[i].limit;
		s->source_name = v[i].tenant;
		s->part_of = of;
		of->n_reserved++;
		of->kept += v[i].limit.amount;
		if (of->kept > of->limit->amount)
			return plan_quota_fail(err, &v[i].pos,
				"the parts that are kept come to more than the limit");
	}
	return 0;
}

int plan_quota_reserved(struct tg_conf *c, struct quota_scope *scope, const struct conf_array *list,
	plan_quota_belongs_f *belongs, struct str name, struct conf_error *err)
{
	const struct cfg_reserved *v = list->v;

	if (list->n > PARTS_MAX)
		return plan_quota_fail(err, &v[PARTS_MAX].pos,
			"at most %d parts can be kept in one place", PARTS_MAX);
	for (size_t i = 0; i < list->n; i++)
		if (check_part(c, scope, &v[i], belongs, name, err) != 0)
			return -1;
	for (unsigned i = 0; i < scope->n && list->n > 0; i++)
		if (parts_of(c, &scope->slot[i], list, err) != 0)
			return -1;
	scope->falls = scope->falls || list->n > 0;
	return 0;
}

/* ---- how many */

unsigned plan_quota_steps(const struct quota_scope *scope, const struct tenant *t)
{
	unsigned n = scope->n_purse;

	for (unsigned i = 0; i < scope->n; i++) {
		const struct quota_slot *s = &scope->slot[i];

		n += scope->n_purse > 0 && s->limit->dim == QUOTA_COST;
		for (unsigned k = 0; k < s->n_reserved; k++)
			n += str_eq(s->reserved[k].source_name, t->name) ? 2 : 0;
	}
	return n;
}
