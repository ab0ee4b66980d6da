/*
 * guardrail.c: see guardrail.h: how much is spent, and which requests another model serves for it.
 */
#include "core/guardrail.h"

#include <stdio.h>

#include "core/plan.h"
#include "core/req.h"
#include "core/worker.h"
#include "quota/window.h"

#define BP_ONE 10000

/* ---- the plan */

static const struct quota_budget *budget_of(const struct tg_conf *c, struct str name)
{
	for (unsigned i = 0; i < c->quota.n_budgets; i++)
		if (str_eq(c->quota.budgets[i].cfg->name, name))
			return &c->quota.budgets[i];
	return NULL;
}

static void build_degrade(struct tg_conf *c, struct plan_guardrail *g)
{
	const struct cfg_degrade *v = g->cfg->degrade.v;

	g->n_degrade = (unsigned)g->cfg->degrade.n;
	g->degrade = arena_zalloc(&c->arena, (g->n_degrade + 1) * sizeof *g->degrade);
	tg_assert(g->degrade != NULL);
	for (unsigned i = 0; i < g->n_degrade; i++)
		g->degrade[i] = (struct guardrail_degrade){ plan_find_model(c, v[i].from),
			plan_find_model(c, v[i].to) };
}

int guardrail_build(struct tg_conf *c, struct conf_error *err)
{
	const struct cfg_guard *v = c->cfg.guardrails.v;
	struct plan_guardrails *all = &c->guards;

	all->v = arena_zalloc(&c->arena, (c->cfg.guardrails.n + 1) * sizeof *all->v);
	tg_assert(all->v != NULL);
	for (size_t i = 0; i < c->cfg.guardrails.n; i++) {
		struct plan_guardrail *g = &all->v[all->n++];
		struct str name = v[i].budget.n > 0 ? v[i].budget : v[i].tier;

		g->cfg = &v[i];
		g->budget = v[i].budget.n > 0 ? budget_of(c, name) : NULL;
		if (g->budget != NULL && g->budget->of_target && v[i].degrades)
			return plan_quota_fail(err, &v[i].pos,
				"budget `%.*s` counts what goes to one target, which is chosen "
				"after "
				"the model: it can notify, not degrade",
				STR_FMT(name));
		g->name = arena_printf(
			&c->arena, "%s %.*s", g->budget != NULL ? "budget" : "tier", STR_FMT(name));
		build_degrade(c, g);
		all->degrade |= v[i].degrades;
	}
	return 0;
}

/* ---- how much is spent */

bool guardrail_is_past(int64_t used, int64_t limit, int64_t bp)
{
	return (__int128)used * BP_ONE >= (__int128)limit * bp;
}

int64_t guardrail_used(const struct quota_account *a, wall_us now)
{
	int64_t used, others;

	if (a->kind == QUOTA_ROLLING)
		return quota_window_settled(a, now);
	used = atomic_load_explicit(&a->settled, memory_order_relaxed);
	others = quota_account_leased(a) ? atomic_load_explicit(&a->others, memory_order_relaxed)
					 : 0;
	return __builtin_add_overflow(used, others, &used) ? INT64_MAX : used;
}

int64_t guardrail_limit(const struct quota_slot *s, const struct quota_account *a)
{
	return quota_account_leased(a) ? atomic_load_explicit(&s->whole, memory_order_relaxed)
				       : atomic_load_explicit(&a->limit, memory_order_relaxed);
}

struct quota_account *guardrail_account(const struct quota_slot *s, wall_us now)
{
	if (s->limit->kind != QUOTA_STOCK && s->limit->kind != QUOTA_ROLLING)
		return NULL;
	return plan_quota_account(s, now);
}

static bool scope_is_past(const struct quota_scope *scope, wall_us now, int64_t bp)
{
	for (unsigned i = 0; i < scope->n; i++) {
		const struct quota_slot *s = &scope->slot[i];
		const struct quota_account *a = guardrail_account(s, now);

		if (a != NULL &&
			guardrail_is_past(guardrail_used(a, now), guardrail_limit(s, a), bp))
			return true;
	}
	return false;
}

/* ---- requests */

struct str guardrail_text(char out[GUARDRAIL_TEXT_MAX], const struct model *m,
	const struct plan_guardrail *by, int64_t bp)
{
	char part[8] = "";
	int n;

	if (bp % 100 != 0)
		snprintf(part, sizeof part, ".%02d", (int)(bp % 100));
	n = snprintf(out, GUARDRAIL_TEXT_MAX, "%.*s: %.*s %d%s%%", STR_FMT(m->name),
		STR_FMT(by->name), (int)(bp / 100), part);
	return str_mk(out, TG_MIN((size_t)TG_MAX(n, 0), (size_t)GUARDRAIL_TEXT_MAX - 1));
}

static bool may_degrade(const struct tenant *t)
{
	return t->cfg->may_degrade || (t->tier_cfg != NULL && t->tier_cfg->may_degrade);
}

/* NULL: the guardrail has nothing to do with such requests. */
static const struct quota_scope *scope_of(
	const struct guardrail_case *c, const struct plan_guardrail *g)
{
	const struct tenant *t = c->key->tenant;
	const struct quota_who who = { .org = t->org,
		.tenant = t->name,
		.tier = t->tier,
		.key = c->key->id,
		.model = c->model_asked,
		.tags = c->tags };

	if (g->budget == NULL)
		return str_eq(t->tier, g->cfg->tier) ? &t->quota : NULL;
	return plan_quota_matches(g->budget->cfg, &who) ? &g->budget->scope : NULL;
}

static struct model *cheaper_of(const struct guardrail_case *c, const struct plan_guardrail *g,
	const struct model *m, int64_t *bp)
{
	const struct quota_scope *scope;
	unsigned i = 0;

	while (i < g->n_degrade && g->degrade[i].from != m)
		i++;
	if (i == g->n_degrade || !key_may_use(c->key, g->degrade[i].to) ||
		(scope = scope_of(c, g)) == NULL)
		return NULL;
	for (size_t k = 0; k < g->cfg->at.n; k++)
		if (g->cfg->step[k].what == GUARD_DEGRADE &&
			scope_is_past(scope, c->now, g->cfg->step[k].bp)) {
			*bp = g->cfg->step[k].bp;
			return g->degrade[i].to;
		}
	return NULL;
}

struct model *guardrail_find(const struct guardrail_case *c, struct model *m,
	const struct plan_guardrail **by, int64_t *bp)
{
	*by = NULL;
	if (!may_degrade(c->key->tenant))
		return m;
	for (unsigned i = 0; i < c->conf->guards.n; i++) {
		struct model *to = cheaper_of(c, &c->conf->guards.v[i], m, bp);

		if (to == NULL)
			continue;
		m = to;
		*by = &c->conf->guards.v[i];
	}
	return m;
}

void guardrail_degrade(struct req *r)
{
	const struct guardrail_case c = { .conf = r->conf,
		.key = r->key,
		.model_asked = r->model_asked,
		.tags = r->tags_json,
		.now = r->w->wall };
	const struct plan_guardrail *by;
	char text[GUARDRAIL_TEXT_MAX];
	struct model *m;
	int64_t bp;

	if (TG_LIKELY(!r->conf->guards.degrade) || r->forced != NULL || r->attempt != NULL)
		return;
	m = guardrail_find(&c, r->model, &by, &bp);
	if (by == NULL)
		return;
	r->model = r->model_first = m;
	r->degraded = arena_dup(&r->arena, guardrail_text(text, m, by, bp));
	r->is_degraded = true;
	wc_add(&r->w->stats, WC_DEGRADED, 1);
}
