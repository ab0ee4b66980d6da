/*
 * fixture.h: what the tests of accounts share: limits from text, accounts of a table, made-up time.
 */
#ifndef TG_UNIT_QUOTA_FIXTURE_H
#define TG_UNIT_QUOTA_FIXTURE_H

#include "quota/table.h"
#include "quota/window.h"
#include "unit/unit.h"

#define SECOND INT64_C(1000000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)
#define NOON   INT64_C(1795867200000000) /* 2026-11-28T12:00:00Z */

/* wall and monotonic clock together, us after NOON */
static inline struct quota_time at(int64_t us)
{
	return (struct quota_time){ { NOON + us }, { 1000 * SECOND + us } };
}

static inline struct quota_limit limit(enum quota_dim dim, const char *text)
{
	struct quota_limit l;
	char err[512];

	ck_assert_msg(quota_limit_parse(dim, str_z(text), &l, err, sizeof err) == 0, "%s", err);
	return l;
}

/* The account of a scope and limit in the period of `now` (UTC); a window has its buckets. */
static inline struct quota_account *account(struct quota_table *t, const char *scope,
	enum quota_dim dim, const char *text, struct quota_time now)
{
	static struct zone *utc;
	struct quota_limit l = limit(dim, text);
	struct period p[PERIOD_ROLLING_MAX + 1];
	struct quota_account *a, *b, *left;
	char name[200], err[512] = "";
	bool stock = l.kind == QUOTA_STOCK;

	if (utc == NULL)
		utc = zone_load(STR("UTC"), NULL, err, sizeof err);
	if (stock || l.kind == QUOTA_ROLLING)
		period_window(&l.period, utc, now.wall, p);
	quota_limit_account(&l, str_z(scope), stock ? p : NULL, name, sizeof name);
	a = quota_table_make(t, str_z(name), &l, stock ? p : NULL, now, err, sizeof err);
	ck_assert_msg(a != NULL, "%s", err);
	for (unsigned i = l.kind == QUOTA_ROLLING ? period_buckets(&l.period) : 0; i-- > 0;) {
		quota_limit_account(&l, str_z(scope), &p[i], name, sizeof name);
		b = quota_table_make(t, str_z(name), &l, &p[i], now, err, sizeof err);
		ck_assert_msg(b != NULL, "%s", err);
		ck_assert_int_eq(quota_window_push(a, b, &left), 0);
		ck_assert_ptr_null(left);
		quota_window_turn(a, now.wall);
	}
	return a;
}

/* The bucket that comes next is brought. */
static inline void next_bucket(
	struct quota_table *t, struct quota_account *head, const char *scope, const char *text)
{
	struct quota_limit l = limit(head->dim, text);
	struct quota_account *b, *left;
	struct zone *utc;
	struct period p;
	char name[200], err[512] = "";

	utc = zone_load(STR("UTC"), NULL, err, sizeof err);
	period_at(&l.period, utc, quota_window_until(head), &p);
	zone_free(utc);
	quota_limit_account(&l, str_z(scope), &p, name, sizeof name);
	b = quota_table_make(t, str_z(name), &l, &p, at(0), err, sizeof err);
	ck_assert_msg(b != NULL, "%s", err);
	ck_assert_int_eq(quota_window_push(head, b, &left), 0);
	if (left != NULL)
		quota_account_put(left);
}

#endif
