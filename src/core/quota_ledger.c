/*
 * quota_ledger.c: see quota_ledger.h. Rows are asked for by stretches of hours between which no
 * account begins or ends, so that there are few of them, however long a period is. Where midnight
 * in a zone is not at a full hour of UTC, that hour counts for both days: never too little.
 */
#include "core/quota_ledger.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "core/plan.h"
#include "ledger/report.h"

#define HOUR_US   INT64_C(3600000000)
#define SCOPE_MAX 512

struct asked {
	const struct quota_slot *slot;
	struct quota_account *account; /* a reference */
	__int128 spent;                /* in its unit; money in pico */
	uint64_t requests;
	struct asked *whole; /* of a reserved part: the limit; NULL: it is not asked for */
	int64_t in_parts;    /* of a limit: what its parts have of `spent` */
	struct asked *next;  /* of the same scope */
	struct asked *all_next;
};

struct purse { /* credits and overdraft of a scope, one of which is asked for */
	const struct quota_scope *scope;
	struct asked **asked; /* by their places; NULL: that one is not */
	int64_t known;        /* what they had, less what was met in rows */
	struct purse *next;
};

struct ledger_ask {
	struct map scopes; /* "tenant:acme" -> the first of its accounts */
	struct arena arena;
	struct asked *budgets; /* theirs: asked one by one */
	struct asked *sources; /* credits, overdrafts, reserved parts: the same */
	struct asked *all;
	struct purse *purses;
	size_t n;
	int64_t *bounds; /* hours, ascending, each once */
	size_t n_bounds;
};

struct ledger_ask *ledger_ask_new(void)
{
	struct ledger_ask *l = calloc(1, sizeof *l);

	tg_assert(l != NULL);
	map_init(&l->scopes);
	arena_init(&l->arena, NULL, 0);
	return l;
}

void ledger_ask_free(struct ledger_ask *l)
{
	for (struct asked *a = l->all; a != NULL; a = a->all_next)
		quota_account_put(a->account);
	free(l->bounds);
	arena_fini(&l->arena);
	map_fini(&l->scopes);
	free(l);
}

size_t ledger_ask_count(const struct ledger_ask *l)
{
	return l->n;
}

void ledger_ask_add(struct ledger_ask *l, const struct quota_slot *s, struct quota_account *a)
{
	struct asked *f = arena_zalloc(&l->arena, sizeof *f), *first;

	tg_assert(f != NULL);
	quota_account_get(a);
	f->slot = s;
	f->account = a;
	f->all_next = l->all;
	l->all = f;
	l->n++;
	if (s->budget != NULL) {
		f->next = l->budgets;
		l->budgets = f;
		return;
	}
	if (s->source != QUOTA_SOURCE_LIMIT) {
		f->next = l->sources;
		l->sources = f;
		return;
	}
	first = map_get(&l->scopes, s->scope);
	if (first == NULL) {
		tg_assert(map_put(&l->scopes, s->scope, f));
		return;
	}
	f->next = first->next;
	first->next = f;
}

/* ---- the question */

static int compare_hours(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void bound_add(struct ledger_ask *l, int64_t us, bool up)
{
	int64_t hour = TG_MAX(us, 0) / HOUR_US;

	l->bounds[l->n_bounds++] = hour + (up && us % HOUR_US != 0);
}

/* From the earliest begin to `to`, the hours between which accounts begin or end. */
static void make_bounds(struct ledger_ask *l, int64_t to)
{
	size_t n = 0;

	free(l->bounds);
	l->n_bounds = 0;
	l->bounds = calloc(4 * l->n + 1, sizeof *l->bounds);
	tg_assert(l->bounds != NULL);
	for (const struct asked *f = l->all; f != NULL; f = f->all_next) {
		bound_add(l, f->account->start.us, false);
		bound_add(l, f->account->start.us, true);
		if (f->account->end.us < to * HOUR_US) {
			bound_add(l, f->account->end.us, false);
			bound_add(l, f->account->end.us, true);
		}
	}
	qsort(l->bounds, l->n_bounds, sizeof *l->bounds, compare_hours);
	for (size_t i = 0; i < l->n_bounds; i++)
		if (n == 0 || l->bounds[n - 1] != l->bounds[i])
			l->bounds[n++] = l->bounds[i];
	l->n_bounds = n;
}

/* What rows must be told apart by for the sake of budgets. */
static unsigned budgets_ask(const struct ledger_ask *l)
{
	unsigned by = 0;

	for (const struct asked *f = l->budgets; f != NULL; f = f->next)
		for (size_t i = 0; i < f->slot->budget->match.n; i++) {
			struct str name = f->slot->budget->match.v[i].name;

			if (str_starts(name, STR("tag.")))
				by |= REPORT_BY_TAGS;
			else if (str_eq(name, STR("model")))
				by |= REPORT_BY_ASKED;
			else if (str_eq(name, STR("target")))
				by |= REPORT_BY_TARGET;
		}
	return by;
}

/* ---- the answer */

static int64_t in_unit(enum quota_dim dim, __int128 v)
{
	if (dim == QUOTA_COST)
		v = (v + PICO_PER_NANO - 1) / PICO_PER_NANO;
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

static __int128 in_raw(enum quota_dim dim, int64_t v)
{
	return dim == QUOTA_COST ? (__int128)v * PICO_PER_NANO : v;
}

static __int128 spent_of(enum quota_dim dim, const struct rollup_value *v)
{
	struct usage u = { .source = USAGE_PROVIDER };

	memcpy(u.n, v->units, sizeof u.n);
	switch (dim) {
	case QUOTA_COST: return v->billed;
	case QUOTA_INPUT_TOKENS: return usage_input(&u);
	case QUOTA_OUTPUT_TOKENS: return usage_output(&u);
	case QUOTA_TOKENS: return (__int128)usage_input(&u) + usage_output(&u);
	case QUOTA_REQUESTS: return v->requests - TG_MIN(v->uncounted, v->requests);
	case QUOTA_GENERATIONS: return v->generations;
	default: return 0;
	}
}

/* drawn: nano-USD of it that came out of credits or an overdraft, and so not out of a limit. */
static void count(struct asked *f, const struct report_row *row, uint64_t drawn)
{
	int64_t from = row->key.hour * HOUR_US, to = from + HOUR_US; /* any hour of the stretch */

	if (from >= f->account->end.us || to <= f->account->start.us)
		return;
	f->spent += spent_of(f->account->dim, &row->value);
	if (f->account->dim == QUOTA_COST)
		f->spent -= (__int128)drawn * PICO_PER_NANO;
	f->requests += row->value.requests;
}

static void count_scope(struct ledger_ask *l, const char *kind, struct str name,
	const struct report_row *row, uint64_t drawn)
{
	char text[SCOPE_MAX];
	int n = snprintf(text, sizeof text, "%s:%.*s", kind, STR_FMT(name));

	if (name.n == 0 || n < 0 || (size_t)n >= sizeof text)
		return;
	for (struct asked *f = map_get(&l->scopes, str_mk(text, (size_t)n)); f != NULL; f = f->next)
		count(f, row, drawn);
}

/* ---- what comes before and behind limits
 *
 * A SETTLE says how much came out of credits and overdrafts (record.h), not out of which: that was
 * what expired first. What they have already stays; the rest of each stretch goes to those that are
 * asked for, in that order. Of a limit a part of which is kept for a tenant, that tenant's use
 * counts to the part as far as it goes.
 */

static bool is_scope(const struct quota_slot *s, const char *kind, struct str name)
{
	size_t n = strlen(kind);

	return s->scope.n == n + name.n && str_starts(s->scope, str_mk(kind, n)) &&
	       str_eq(str_skip(s->scope, n), name);
}

static int64_t settled_of(const struct quota_slot *s)
{
	return atomic_load(&atomic_load(&s->now)->settled);
}

static struct purse *purse_of(struct ledger_ask *l, const struct quota_scope *scope)
{
	struct purse *p = l->purses;

	while (p != NULL && p->scope != scope)
		p = p->next;
	if (p != NULL)
		return p;
	p = arena_zalloc(&l->arena, sizeof *p);
	tg_assert(p != NULL);
	p->scope = scope;
	p->asked = arena_zalloc(&l->arena, scope->n_purse * sizeof(struct asked *));
	tg_assert(p->asked != NULL);
	p->next = l->purses;
	l->purses = p;
	return p;
}

static void purses_begin(struct ledger_ask *l)
{
	l->purses = NULL;
	for (struct asked *f = l->sources; f != NULL; f = f->next) {
		const struct quota_scope *scope = f->slot->purse_of;

		if (scope != NULL)
			purse_of(l, scope)->asked[f->slot - scope->purse] = f;
	}
	for (struct purse *p = l->purses; p != NULL; p = p->next)
		for (unsigned i = 0; i < p->scope->n_purse; i++) {
			p->known += settled_of(&p->scope->purse[i]);
			if (p->asked[i] != NULL)
				p->asked[i]->spent =
					in_raw(QUOTA_COST, settled_of(&p->scope->purse[i]));
		}
}

static void purse_row(struct purse *p, const struct report_row *row)
{
	const struct quota_slot *first = p->scope->purse;
	bool org = p->scope->whose == QUOTA_PURSE_ORG;
	int64_t left, from = row->key.hour * HOUR_US, known;
	struct asked *last = NULL;

	if (!is_scope(first, org ? "org:" : "tenant:", org ? row->key.org : row->key.tenant))
		return;
	left = (int64_t)TG_MIN(
		org ? row->value.drawn_org : row->value.drawn_tenant, (uint64_t)INT64_MAX);
	known = TG_MIN(left, p->known);
	p->known -= known;
	left -= known;
	for (unsigned i = 0; i < p->scope->n_purse; i++) {
		const struct quota_slot *s = &first[i];
		struct asked *f = p->asked[i];
		int64_t part;

		if (f == NULL || from >= s->until.us || from + HOUR_US <= s->from.us)
			continue;
		last = f;
		part = TG_MIN(left, TG_MAX(s->limit->amount - in_unit(QUOTA_COST, f->spent), 0));
		f->spent += in_raw(QUOTA_COST, part);
		left -= part;
	}
	if (last != NULL)
		last->spent += in_raw(QUOTA_COST, left);
}

static void count_sources(struct ledger_ask *l, const struct report_row *row)
{
	const struct rollup_key *k = &row->key;

	for (struct purse *p = l->purses; p != NULL; p = p->next)
		purse_row(p, row);
	for (struct asked *f = l->sources; f != NULL; f = f->next)
		if (f->slot->source == QUOTA_SOURCE_RESERVED &&
			str_eq(f->slot->source_name, k->tenant) &&
			(is_scope(f->slot, "org:", k->org) || is_scope(f->slot, "tier:", k->tier)))
			count(f, row, 0);
}

/* The limit that it is a part of, in the same period; NULL: that is not asked for. */
static struct asked *whole_of(struct ledger_ask *l, const struct asked *part)
{
	struct asked *f = map_get(&l->scopes, part->slot->scope);

	while (f != NULL &&
		(f->slot != part->slot->part_of || f->account->start.us != part->account->start.us))
		f = f->next;
	return f;
}

/* What limit and parts have stays with them; more of the ledger is the part's, as far as its tenant
 * has used it, then the limit's. */
static void divide_parts(struct ledger_ask *l)
{
	for (struct asked *f = l->sources; f != NULL; f = f->next)
		if (f->slot->source == QUOTA_SOURCE_RESERVED && (f->whole = whole_of(l, f)) != NULL)
			f->whole->in_parts += atomic_load(&f->account->settled);
	for (struct asked *f = l->sources; f != NULL; f = f->next) {
		enum quota_dim dim = f->account->dim;
		int64_t has = atomic_load(&f->account->settled), more = 0;
		struct asked *w = f->whole;

		if (f->slot->source != QUOTA_SOURCE_RESERVED)
			continue;
		if (w != NULL) {
			int64_t left = in_unit(dim, w->spent) - w->in_parts -
				       atomic_load(&w->account->settled);

			more = TG_MIN(in_unit(dim, f->spent), f->slot->limit->amount) - has;
			more = TG_MAX(TG_MIN(more, left), 0);
			w->in_parts += more;
		}
		f->spent = in_raw(dim, has + more);
	}
	for (struct asked *f = l->all; f != NULL; f = f->all_next)
		if (f->in_parts > 0)
			f->spent -= in_raw(f->account->dim, f->in_parts);
}

static void row_add(struct ledger_ask *l, const struct report_row *row)
{
	const struct rollup_key *k = &row->key;
	const struct quota_who who = {
		.org = k->org,
		.tenant = k->tenant,
		.tier = k->tier,
		.key = k->key,
		.model = k->asked,
		.target = k->target,
		.tags = k->tags,
	};

	count_scope(l, "key", k->key, row, 0);
	count_scope(l, "tenant", k->tenant, row, row->value.drawn_tenant);
	count_scope(l, "tier", k->tier, row, 0);
	count_scope(l, "org", k->org, row, row->value.drawn_org);
	count_sources(l, row);
	for (struct asked *f = l->budgets; f != NULL; f = f->next)
		if (plan_quota_matches(f->slot->budget, &who))
			count(f, row, 0);
}

int ledger_ask_run(struct ledger_ask *l, const char *path, char *err, size_t err_len)
{
	struct report_query q = {
		.to_hour = clock_wall().us / HOUR_US + 2,
		.by = REPORT_BY_BOUNDS | REPORT_BY_ORG | REPORT_BY_TENANT | REPORT_BY_TIER |
		      REPORT_BY_KEY | budgets_ask(l),
	};
	struct report report;

	for (struct asked *f = l->all; f != NULL; f = f->all_next)
		f->spent = f->requests = 0, f->in_parts = 0;
	if (l->n == 0)
		return 0;
	make_bounds(l, q.to_hour);
	q.from_hour = l->bounds[0];
	q.bounds = l->bounds;
	q.n_bounds = l->n_bounds;
	if (report_run(path, &q, &report, err, err_len) != 0)
		return -1;
	purses_begin(l);
	for (size_t i = 0; i < report.n_rows; i++)
		row_add(l, report.rows[i]);
	divide_parts(l);
	report_free(&report);
	return 0;
}

void ledger_ask_each(struct ledger_ask *l,
	void (*f)(void *arg, struct quota_account *a, int64_t spent, uint64_t requests), void *arg)
{
	for (struct asked *x = l->all; x != NULL; x = x->all_next)
		f(arg, x->account, in_unit(x->account->dim, x->spent), x->requests);
}
