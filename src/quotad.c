/*
 * quotad.c: see quotad.h.
 *
 *	reload    plan_quota_open --new accounts--> one report over their periods --> restored
 *	2 a s     plan_quota_turn: accounts of the next periods; now and then a sweep
 *
 * The ledger is asked by hours (report.h). Where a zone's midnight is not at a full hour of UTC,
 *the hour that it is in counts for both days: never too little.
 */
#include "quotad.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "ledger/report.h"

#define ACCOUNTS_MAX ((size_t)1 << 20)
#define TURN_US      500000
#define SWEEP_TURNS  120
#define HOUR_US      INT64_C(3600000000)

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
	struct quota_slot *slot;
	struct quota_account *account;
	__int128 spent; /* in its unit; money in pico */
};

struct fresh_list {
	struct fresh *v;
	size_t n, cap;
	int64_t from_us;
};

static void fresh_add(void *arg, struct quota_slot *s, struct quota_account *a)
{
	struct fresh_list *l = arg;

	if (l->n == l->cap) {
		l->cap = l->cap * 2 + 64;
		l->v = realloc(l->v, l->cap * sizeof *l->v);
		tg_assert(l->v != NULL);
	}
	l->v[l->n++] = (struct fresh){ .slot = s, .account = a };
	l->from_us = TG_MIN(l->from_us, TG_MAX(a->start.us, 0));
}

/* Is the row one of those that the slot counts? */
static bool row_counts(
	const struct tg_conf *c, const struct quota_slot *s, const struct rollup_key *k)
{
	const struct quota_who who = {
		.org = k->org, .tenant = k->tenant, .tier = k->tier, .key = k->key, .tags = k->tags
	};
	struct str name = str_skip(s->scope, str_find(s->scope, STR(":")) + 1);

	switch (s->kind) {
	case QUOTA_SCOPE_KEY: return str_eq(name, k->key);
	case QUOTA_SCOPE_TENANT: return str_eq(name, k->tenant);
	case QUOTA_SCOPE_ORG: return str_eq(name, k->org);
	case QUOTA_SCOPE_BUDGET: break;
	}
	for (unsigned i = 0; i < c->quota.n_budgets; i++)
		if (str_eq(c->quota.budgets[i].cfg->name, name))
			return plan_quota_matches(c->quota.budgets[i].cfg, &who);
	return false;
}

static struct usage usage_of(const struct rollup_value *v)
{
	struct usage u = { .source = USAGE_PROVIDER };

	memcpy(u.n, v->units, sizeof u.n);
	return u;
}

static __int128 spent_of(enum quota_dim dim, const struct rollup_value *v)
{
	struct usage u = usage_of(v);

	switch (dim) {
	case QUOTA_COST: return v->billed;
	case QUOTA_INPUT_TOKENS: return usage_input(&u);
	case QUOTA_OUTPUT_TOKENS: return usage_output(&u);
	case QUOTA_TOKENS: return (__int128)usage_input(&u) + usage_output(&u);
	case QUOTA_REQUESTS: return v->requests;
	case QUOTA_GENERATIONS: return v->generations;
	default: return 0;
	}
}

static void row_add(struct tg_conf *c, struct fresh_list *l, const struct report_row *row)
{
	int64_t from = row->key.hour * HOUR_US, to = from + HOUR_US;

	for (size_t i = 0; i < l->n; i++) {
		struct fresh *f = &l->v[i];

		if (from < f->account->end.us && to > f->account->start.us &&
			row_counts(c, f->slot, &row->key))
			f->spent += spent_of(f->account->dim, &row->value);
	}
}

static int64_t in_unit(enum quota_dim dim, __int128 v)
{
	if (dim == QUOTA_COST)
		v = (v + PICO_PER_NANO - 1) / PICO_PER_NANO;
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

/* One question for all of them: everything since the earliest of their periods began. */
static int restore(
	struct tg_conf *c, struct fresh_list *l, const char *path, char *err, size_t err_len)
{
	struct report_query q = {
		.from_hour = l->from_us / HOUR_US,
		.to_hour = clock_wall().us / HOUR_US + 2,
		.by = REPORT_BY_HOUR | REPORT_BY_ORG | REPORT_BY_TENANT | REPORT_BY_TIER |
		      REPORT_BY_KEY | REPORT_BY_TAGS,
	};
	struct report report;

	if (report_run(path, &q, &report, err, err_len) != 0)
		return -1;
	for (size_t i = 0; i < report.n_rows; i++)
		row_add(c, l, report.rows[i]);
	for (size_t i = 0; i < l->n; i++)
		quota_account_restore(
			l->v[i].account, in_unit(l->v[i].account->dim, l->v[i].spent));
	log_notice("limits restored from the ledger", "accounts=%zu rows=%zu", l->n, report.n_rows);
	report_free(&report);
	return 0;
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
	rc = plan_quota_open(c, qd.table, quotad_now(), fresh_add, &fresh, err, err_len);
	if (rc == 0 && fresh.n > 0 && ledger_path != NULL)
		rc = restore(c, &fresh, ledger_path, err, err_len);
	free(fresh.v);
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
