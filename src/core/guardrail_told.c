/*
 * guardrail_told.c: what has come to a threshold is told, once. What was told is the control
 * thread's alone, and outlives plans: a table by account and threshold, made anew each turn, so
 * that what is no more is forgotten.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/guardrail.h"
#include "core/plan.h"
#include "core/quota_text.h"

struct told {
	uint64_t account;
	int64_t bp; /* 0: a free place */
	mono_us at;
};

static struct told_table {
	struct told *v; /* places, a power of two, at most half of them taken */
	size_t n, places;
} told, next;
static _Atomic uint64_t n_told;

uint64_t guardrail_told(void)
{
	return atomic_load_explicit(&n_told, memory_order_relaxed);
}

/* Where it is, or where it would be put. The table has places. */
static struct told *place_of(const struct told_table *t, uint64_t account, int64_t bp)
{
	size_t i = hash_mix(account ^ hash_mix((uint64_t)bp)) & (t->places - 1);

	while (t->v[i].bp != 0 && (t->v[i].account != account || t->v[i].bp != bp))
		i = (i + 1) & (t->places - 1);
	return &t->v[i];
}

static void table_grow(struct told_table *t)
{
	struct told_table old = *t;

	t->places = old.places > 0 ? 2 * old.places : 64;
	t->v = calloc(t->places, sizeof *t->v);
	tg_assert(t->v != NULL);
	for (size_t i = 0; i < old.places; i++)
		if (old.v[i].bp != 0)
			*place_of(t, old.v[i].account, old.v[i].bp) = old.v[i];
	free(old.v);
}

static void table_put(struct told_table *t, struct told one)
{
	struct told *place;

	if (2 * (t->n + 1) > t->places)
		table_grow(t);
	place = place_of(t, one.account, one.bp);
	t->n += place->bp == 0;
	*place = one;
}

static const struct told *table_find(const struct told_table *t, uint64_t account, int64_t bp)
{
	const struct told *place = t->n > 0 ? place_of(t, account, bp) : NULL;

	return place != NULL && place->bp != 0 ? place : NULL;
}

static void table_clear(struct told_table *t)
{
	if (t->n > 0)
		memset(t->v, 0, t->places * sizeof *t->v);
	t->n = 0;
}

static void tell(const struct plan_guardrail *g, const struct cfg_guard_step *step,
	const struct quota_account *a, int64_t used, int64_t limit)
{
	static const char *const words[] = { "notify", "degrade", "block" };
	char u[QUOTA_AMOUNT_LEN], l[QUOTA_AMOUNT_LEN];
	size_t n_u = quota_amount_put(u, a->dim, used), n_l = quota_amount_put(l, a->dim, limit);

	log_warn("limit has come to a threshold",
		"guardrail=\"%.*s\" at=%lld.%02lld%% do=%s account=%.*s used=%.*s limit=%.*s",
		STR_FMT(g->name), (long long)step->bp / 100, (long long)step->bp % 100,
		words[step->what], STR_FMT(a->name), (int)n_u, u, (int)n_l, l);
	atomic_fetch_add_explicit(&n_told, 1, memory_order_relaxed);
}

static void slot_turn(
	const struct plan_guardrail *g, const struct quota_slot *s, struct quota_time now)
{
	const struct quota_account *a = guardrail_account(s, now.wall);
	uint64_t id;
	int64_t used, limit;

	if (a == NULL)
		return;
	used = guardrail_used(a, now.wall);
	limit = guardrail_limit(s, a);
	id = atomic_load_explicit(&a->id, memory_order_relaxed);
	for (size_t k = 0; k < g->cfg->at.n; k++) {
		const struct cfg_guard_step *step = &g->cfg->step[k];
		const struct told *before = table_find(&told, id, step->bp);
		bool past = guardrail_is_past(used, limit, step->bp);

		if (past && before == NULL)
			tell(g, step, a, used, limit);
		/* a period's stays; a rolling one's is forgotten when it was below for long */
		if (past ||
			(before != NULL && (a->kind == QUOTA_STOCK || now.mono.us - before->at.us <
									      g->cfg->cooldown_us)))
			table_put(&next, (struct told){ .account = id,
						 .bp = step->bp,
						 .at = past ? now.mono : before->at });
	}
}

static void scope_turn(
	const struct plan_guardrail *g, const struct quota_scope *scope, struct quota_time now)
{
	for (unsigned i = 0; i < scope->n; i++)
		slot_turn(g, &scope->slot[i], now);
}

void guardrail_turn(const struct tg_conf *c, struct quota_time now)
{
	struct told_table old = told;

	if (c->guards.n == 0)
		return;
	table_clear(&next);
	for (unsigned i = 0; i < c->guards.n; i++) {
		const struct plan_guardrail *g = &c->guards.v[i];

		if (g->budget != NULL)
			scope_turn(g, &g->budget->scope, now);
		for (unsigned k = 0; g->budget == NULL && k < c->n_tenants; k++)
			if (str_eq(c->tenants[k].tier, g->cfg->tier))
				scope_turn(g, &c->tenants[k].quota, now);
	}
	told = next;
	next = old;
}
