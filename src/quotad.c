/*
 * quotad.c: see quotad.h.
 *
 *	reload    plan_quota_open, accounts --> those that have not counted all along under the plan
 *		  before: one report over their periods --> at least what the ledger has
 *	2 a s     plan_quota_turn: accounts of the next periods; now and then a sweep
 *
 * The ledger is asked by hours (report.h). Where midnight in a zone is not at a full hour of UTC,
 * that hour counts for both days: never too little.
 */
#include "quotad.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/test_switch.h"
#include "ledger/report.h"
#include "quotaops.h"

#define ACCOUNTS_MAX ((size_t)1 << 20)
#define TURN_US      500000
#define SWEEP_TURNS  120
#define HOUR_US      INT64_C(3600000000)
#define SCOPE_MAX    512

static struct {
	struct quota_table *table;
	struct tg_conf *conf;
	struct event *tick;
	unsigned turns;
} qd;

static struct quota_time quotad_now(void)
{
	return (struct quota_time){ clock_wall(), clock_mono() };
}

/* ---- what the ledger has */

struct fresh {
	const struct quota_slot *slot;
	struct quota_account *account;
	__int128 spent;     /* in its unit; money in pico */
	struct fresh *next; /* of the same scope */
	struct fresh *all_next;
};

struct fresh_list {
	struct map before_names; /* accounts of the plan before -> their slots */
	struct map scopes;       /* "tenant:acme" -> the first of its accounts */
	struct arena arena;
	struct fresh *budgets; /* theirs: asked one by one */
	struct fresh *all;
	size_t n;
	int64_t from_us;
};

static bool same_match(const struct conf_tags *a, const struct conf_tags *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = str_eq(a->v[i].name, b->v[i].name) && str_eq(a->v[i].value, b->v[i].value);
	return same;
}

/* Has the account counted the same requests up to now? */
static bool has_counted(const struct fresh_list *l, const struct quota_slot *s)
{
	const struct quota_account *a = atomic_load(&s->now);
	const struct quota_slot *old = map_get(&l->before_names, a->name);

	if (old == NULL || atomic_load(&old->now) != a)
		return false;
	return s->budget == NULL || same_match(&old->budget->match, &s->budget->match);
}

static void fresh_add(void *arg, const struct quota_slot *s, struct quota_account *a)
{
	struct fresh_list *l = arg;
	struct fresh *f, *first;

	if (has_counted(l, s))
		return;
	f = arena_zalloc(&l->arena, sizeof *f);
	tg_assert(f != NULL);
	f->slot = s;
	f->account = a;
	f->all_next = l->all;
	l->all = f;
	l->n++;
	l->from_us = TG_MIN(l->from_us, TG_MAX(a->start.us, 0));
	if (s->budget != NULL) {
		f->next = l->budgets;
		l->budgets = f;
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

static void count(struct fresh *f, const struct report_row *row)
{
	int64_t from = row->key.hour * HOUR_US, to = from + HOUR_US;

	if (from < f->account->end.us && to > f->account->start.us)
		f->spent += spent_of(f->account->dim, &row->value);
}

static void count_scope(
	struct fresh_list *l, const char *kind, struct str name, const struct report_row *row)
{
	char text[SCOPE_MAX];
	int n = snprintf(text, sizeof text, "%s:%.*s", kind, STR_FMT(name));

	if (name.n == 0 || n < 0 || (size_t)n >= sizeof text)
		return;
	for (struct fresh *f = map_get(&l->scopes, str_mk(text, (size_t)n)); f != NULL; f = f->next)
		count(f, row);
}

static void row_add(struct fresh_list *l, const struct report_row *row)
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

	count_scope(l, "key", k->key, row);
	count_scope(l, "tenant", k->tenant, row);
	count_scope(l, "tier", k->tier, row);
	count_scope(l, "org", k->org, row);
	for (struct fresh *f = l->budgets; f != NULL; f = f->next)
		if (plan_quota_matches(f->slot->budget, &who))
			count(f, row);
}

static int64_t in_unit(enum quota_dim dim, __int128 v)
{
	if (dim == QUOTA_COST)
		v = (v + PICO_PER_NANO - 1) / PICO_PER_NANO;
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

/* Some of it may have been counted already: never less than the ledger has, and what was changed by
 * hand. */
static void raise_to_ledger(struct fresh *f)
{
	int64_t has = in_unit(f->account->dim, f->spent) - atomic_load(&f->account->settled);

	has += quotaops_adjusted(f->account->name);
	if (has > 0 && !test_off(TEST_RESTORE))
		quota_account_restore(f->account, has);
}

/* What rows must be told apart by for the sake of budgets. */
static unsigned budgets_ask(const struct fresh_list *l)
{
	unsigned by = 0;

	for (const struct fresh *f = l->budgets; f != NULL; f = f->next)
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

/* One question for all of them: everything since the earliest of their periods began. */
static int restore(struct fresh_list *l, const char *path, char *err, size_t err_len)
{
	struct report_query q = {
		.from_hour = l->from_us / HOUR_US,
		.to_hour = clock_wall().us / HOUR_US + 2,
		.by = REPORT_BY_HOUR | REPORT_BY_ORG | REPORT_BY_TENANT | REPORT_BY_TIER |
		      REPORT_BY_KEY | budgets_ask(l),
	};
	struct report report;

	if (report_run(path, &q, &report, err, err_len) != 0)
		return -1;
	for (size_t i = 0; i < report.n_rows; i++)
		row_add(l, report.rows[i]);
	for (struct fresh *f = l->all; f != NULL; f = f->all_next)
		raise_to_ledger(f);
	log_notice("limits restored from the ledger", "accounts=%zu rows=%zu", l->n, report.n_rows);
	report_free(&report);
	return 0;
}

static void before_names(struct fresh_list *l, const struct tg_conf *before)
{
	for (unsigned i = 0; before != NULL && i < before->quota.n_slots; i++) {
		struct quota_slot *s = &before->quota.slots[i];

		(void)map_put(&l->before_names, atomic_load(&s->now)->name, s);
	}
}

int quotad_open(struct tg_conf *c, const char *ledger_path, char *err, size_t err_len)
{
	struct fresh_list fresh = { .from_us = INT64_MAX };
	int rc;

	if (c->quota.n_slots == 0)
		return 0;
	if (qd.table == NULL)
		qd.table = quota_table_new(ACCOUNTS_MAX);
	tg_assert(qd.table != NULL);
	map_init(&fresh.before_names);
	map_init(&fresh.scopes);
	arena_init(&fresh.arena, NULL, 0);
	before_names(&fresh, qd.conf);
	rc = plan_quota_open(c, qd.table, quotad_now(), fresh_add, &fresh, err, err_len);
	if (rc == 0 && fresh.n > 0 && ledger_path != NULL)
		rc = restore(&fresh, ledger_path, err, err_len);
	if (rc == 0)
		plan_quota_turn(c, qd.table, quotad_now());
	arena_fini(&fresh.arena);
	map_fini(&fresh.scopes);
	map_fini(&fresh.before_names);
	return rc;
}

/* ---- the clock */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (qd.conf == NULL || qd.table == NULL)
		return;
	plan_quota_turn(qd.conf, qd.table, quotad_now());
	if (++qd.turns % SWEEP_TURNS == 0)
		(void)quota_table_sweep(qd.table, quotad_now());
}

int quotad_watch(struct event_base *base, struct tg_conf *c)
{
	static const struct timeval every = { 0, TURN_US };

	qd.conf = c;
	if (qd.tick != NULL)
		return 0;
	qd.tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	return qd.tick != NULL ? event_add(qd.tick, &every) : -1;
}

void quotad_close(void)
{
	if (qd.tick != NULL)
		event_free(qd.tick);
	if (qd.table != NULL)
		quota_table_free(qd.table);
	qd.tick = NULL;
	qd.table = NULL;
	qd.conf = NULL;
}
