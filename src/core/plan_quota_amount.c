/*
 * plan_quota_amount.c: how much a limit is at a time: as configured or set by hand, with its
 * increases; and what of it this process has, where members share it. Control thread.
 */
#include <stdarg.h>
#include <stdio.h>

#include "core/plan.h"
#include "core/plan_quota.h"

int plan_quota_fail(struct conf_error *err, const struct conf_pos *pos, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	snprintf(err->text, sizeof err->text, "%.90s:%u:%u: %s", pos->file, pos->line, pos->col,
		text);
	return -1;
}

/* When it ends: the first instant of the day in the zone, or the time that is given. */
static wall_us end_of(const struct cfg_increase *i, const struct zone *z)
{
	wall_us t;

	tg_assert(clock_parse(i->until, &t) == 0); /* config_quota.c */
	if (i->until.n == sizeof "2026-12-24" - 1)
		t.us = zone_first(z, t.us / 1000000) * 1000000;
	return t;
}

static void raise_add(struct tg_conf *c, struct quota_slot *s, const struct cfg_increase *i)
{
	struct quota_raise *r = arena_zalloc(&c->arena, sizeof *r), **at = &s->raises;

	tg_assert(r != NULL);
	r->amount = i->limit.amount;
	r->until = end_of(i, s->zone);
	while (*at != NULL && (*at)->until.us <= r->until.us)
		at = &(*at)->next;
	r->next = *at;
	*at = r;
}

int plan_quota_raises(struct tg_conf *c, struct quota_scope *scope, const struct conf_array *list,
	struct conf_error *err)
{
	const struct cfg_increase *v = list->v;
	char has[QUOTA_LIMIT_LEN];

	for (size_t i = 0; i < list->n; i++) {
		const struct quota_slot *same = NULL;
		unsigned k = 0;

		while (k < scope->n && !quota_limit_same(scope->slot[k].limit, &v[i].limit)) {
			if (scope->slot[k].limit->dim == v[i].limit.dim)
				same = &scope->slot[k];
			k++;
		}
		if (k < scope->n) {
			raise_add(c, &scope->slot[k], &v[i]);
			continue;
		}
		if (same != NULL)
			(void)quota_limit_put(has, same->limit);
		return plan_quota_fail(err, &v[i].pos,
			"there is no limit here that `%.*s` of %s could be added to%s%s%s; it has "
			"the limit's period or rate",
			STR_FMT(v[i].text), quota_dim_name(v[i].limit.dim),
			same != NULL ? ", but `" : "", same != NULL ? has : "",
			same != NULL ? "`" : "");
	}
	return 0;
}

int64_t plan_quota_share(const struct quota_limit *l, unsigned members, unsigned index)
{
	int64_t part = l->amount / members + (index < l->amount % members);

	tg_assert(index < members);
	return l->kind == QUOTA_RATE ? TG_MAX(part, 1) : part;
}

/* Calendar periods are shared through Redis, all else is divided. */
static int64_t part_of(const struct tg_conf *c, const struct quota_slot *s, int64_t whole)
{
	const struct conf_strings *m = &c->cfg.redis.members;
	struct quota_limit l = *s->limit;
	unsigned index = 0;

	l.amount = whole;
	for (size_t i = 0; i < m->n; i++)
		index += str_cmp(m->v[i], c->cfg.member) < 0;
	return m->n == 0 || quota_slot_has_period(s) ? whole
						     : plan_quota_share(&l, (unsigned)m->n, index);
}

/* *until: when that changes. */
static int64_t whole_at(const struct quota_slot *s, wall_us at, wall_us *until)
{
	int64_t whole = s->base;

	until->us = INT64_MAX;
	for (const struct quota_raise *r = s->raises; r != NULL; r = r->next) {
		if (at.us >= r->until.us)
			continue;
		if (until->us == INT64_MAX)
			*until = r->until;
		whole = TG_MIN(whole + r->amount, QUOTA_AMOUNT_MAX);
	}
	return whole;
}

int64_t plan_quota_amount_at(const struct tg_conf *c, const struct quota_slot *s, wall_us at)
{
	wall_us until;

	return part_of(c, s, TG_MAX(whole_at(s, at, &until) - s->kept, 0));
}

static void amount_of_now(struct tg_conf *c, struct quota_slot *s)
{
	wall_us until;
	int64_t whole = whole_at(s, c->quota.now, &until);

	atomic_store(&s->whole, whole);
	atomic_store(&s->raised_until_us, until.us);
	s->amount = part_of(c, s, TG_MAX(whole - s->kept, 0));
}

void plan_quota_set_amount(struct tg_conf *c, struct quota_slot *s, int64_t whole)
{
	s->base = whole >= 0 ? whole : s->limit->amount;
	amount_of_now(c, s);
}

bool plan_quota_amount_turn(struct tg_conf *c, struct quota_slot *s)
{
	int64_t was = s->amount;

	if (s->raises == NULL)
		return false;
	amount_of_now(c, s);
	return s->amount != was;
}

/* With all increases, whenever they end. */
int plan_quota_amounts_fit(const struct tg_conf *c, struct conf_error *err)
{
	const int64_t most = c->cfg.redis.members.n > 0 ? CFG_LEASED_MAX : QUOTA_AMOUNT_MAX;

	for (unsigned i = 0; i < c->quota.n_slots; i++) {
		const struct quota_slot *s = &c->quota.slots[i];
		__int128 sum = s->base;

		for (const struct quota_raise *r = s->raises; r != NULL; r = r->next)
			sum += r->amount;
		if (s->raises == NULL || sum <= most)
			continue;
		snprintf(err->text, sizeof err->text,
			"%.*s: its limit on %s and its increases come to more than a limit can be",
			STR_FMT(s->scope), quota_dim_name(s->limit->dim));
		return -1;
	}
	return 0;
}
