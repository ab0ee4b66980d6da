/*
 * plan_quota_accounts.c: the accounts that slots lead to: those of the present periods when a plan
 * begins, and of the next ones as time goes on. Control thread.
 */
#include <stdio.h>

#include "base/log.h"
#include "core/plan.h"
#include "core/plan_quota.h"
#include "quota/lease.h"

#define NAME_MAX_BYTES 512
#define AHEAD_US       30000000 /* the next period's account is there so long before it begins */

static void (*on_new)(struct quota_account *a);

void plan_quota_on_new(void (*f)(struct quota_account *a))
{
	on_new = f;
}

static void put(struct quota_account *a)
{
	if (a != NULL)
		quota_account_put(a);
}

/* Does it depend on the zone which account is charged? */
static bool has_days(const struct quota_limit *l)
{
	return l->kind == QUOTA_STOCK ||
	       (l->kind == QUOTA_ROLLING && l->period.unit == PERIOD_ROLLING_DAYS);
}

/* Without zone and tenant. Returns the length; cap or more: it was cut. */
static size_t account_name(
	const struct quota_slot *s, const struct period *p, char *out, size_t cap)
{
	if (s->source == QUOTA_SOURCE_CREDIT)
		return (size_t)snprintf(out, cap, "%.*s/cost/credit/%.*s", STR_FMT(s->scope),
			STR_FMT(s->source_name));
	if (s->source == QUOTA_SOURCE_OVERDRAFT)
		return (size_t)snprintf(out, cap, "%.*s/cost/overdraft", STR_FMT(s->scope));
	return quota_limit_account(s->limit, s->scope, p, out, cap);
}

/*
 * Days of another zone are other days: their accounts have the zone in their names, and begin with
 * what the ledger has of them when a reload brings a new zone. NAME_MAX_BYTES: it was cut.
 */
static size_t account_name_whole(
	const struct quota_slot *s, const struct period *p, char name[NAME_MAX_BYTES])
{
	const size_t cap = NAME_MAX_BYTES;
	size_t n = account_name(s, p, name, cap);

	if (n < cap && !quota_slot_is_fixed(s) && has_days(s->limit) &&
		!str_eq(zone_name(s->zone), STR("UTC")))
		n += (size_t)snprintf(name + n, cap - n, "@%.*s", STR_FMT(zone_name(s->zone)));
	if (n < cap && s->source == QUOTA_SOURCE_RESERVED)
		n += (size_t)snprintf(name + n, cap - n, "/reserved:%.*s", STR_FMT(s->source_name));
	return TG_MIN(n, cap);
}

/*
 * The account of the slot's period or bucket p (NULL: it has none). One that is there keeps its
 * limit until plan_quota_apply.
 */
static struct quota_account *account_make(const struct quota_slot *s, const struct period *p,
	struct quota_table *t, struct quota_time now, char *why, size_t why_size)
{
	char name[NAME_MAX_BYTES];
	struct quota_limit limit = *s->limit;
	struct quota_account *a;
	size_t n = account_name_whole(s, p, name);

	if (n >= sizeof name) {
		snprintf(why, why_size, "the name of %.*s is too long", STR_FMT(s->scope));
		return NULL;
	}
	a = quota_table_find_name(t, str_mk(name, n), s->limit->dim);
	if (a != NULL)
		return a;
	limit.amount = s->amount;
	a = quota_table_make(t, str_mk(name, n), &limit, p, now, why, why_size);
	if (a != NULL && on_new != NULL && quota_slot_has_period(s))
		on_new(a);
	return a;
}

/* The account that the slot leads to at that moment. */
static struct quota_account *slot_make(const struct quota_slot *s, struct quota_table *t,
	wall_us at, struct quota_time now, char *why, size_t why_size)
{
	struct period p;

	if (quota_slot_is_fixed(s))
		p = (struct period){ s->from.us, s->until.us, s->until.us, "" };
	else if (quota_slot_has_period(s))
		period_at(&s->limit->period, s->zone, at, &p);
	return account_make(s, quota_slot_has_period(s) ? &p : NULL, t, now, why, why_size);
}

/*
 * The buckets of a rolling window up to the one that is open; those that are there stay. The next
 * ones are brought as they come due.
 */
static int window_fill(const struct quota_slot *s, struct quota_account *head,
	struct quota_table *t, struct quota_time now, plan_quota_visit_f *visit, void *arg,
	char *why, size_t why_size)
{
	struct period bucket[PERIOD_ROLLING_MAX + 1];
	unsigned n = period_buckets(&s->limit->period);

	period_window(&s->limit->period, s->zone, now.wall, bucket);
	while (n-- > 0) {
		struct quota_account *a, *left = NULL;
		bool there = bucket[n].end_us <= quota_window_until(head).us;

		if (there && visit == NULL)
			continue;
		a = account_make(s, &bucket[n], t, now, why, why_size);
		if (a == NULL)
			return -1;
		if (visit != NULL)
			visit(arg, s, a);
		if (there) {
			quota_account_put(a);
			continue;
		}
		if (quota_window_push(head, a, &left) != 0) {
			quota_account_put(a);
			return 0;
		}
		put(left);
		quota_window_turn(head, now.wall);
	}
	return 0;
}

/* The bucket after the newest one, before it is due. */
static void window_ahead(const struct quota_slot *s, struct quota_account *head,
	struct quota_table *t, wall_us until, struct quota_time now)
{
	struct quota_account *a, *left = NULL;
	struct period p;
	char why[256];

	period_at(&s->limit->period, s->zone, until, &p);
	a = account_make(s, &p, t, now, why, sizeof why);
	if (a == NULL)
		log_error("quota", "account=%.*s reason=\"%s\"", STR_FMT(s->scope), why);
	else if (quota_window_push(head, a, &left) != 0)
		quota_account_put(a);
	put(left);
}

/*
 * Periods that ended just now, where limits are shared: a centre that has lost something, or whose
 * clock is behind ours, may still grant of them, and what this member has spent there must be told
 * to it. No worker finds these accounts; their leases end by themselves. Those that are there were
 * restored when they were made.
 */
static int past_open(const struct quota_slot *s, struct quota_table *t, struct quota_time now,
	plan_quota_visit_f *visit, void *arg, char *why, size_t why_size)
{
	const int64_t since = now.wall.us - LEASE_AFTER_PERIOD_MS * 1000;
	char name[NAME_MAX_BYTES];
	struct quota_account *a;
	struct period p;

	period_at(&s->limit->period, s->zone, now.wall, &p);
	while (p.start_us > since) {
		size_t n;

		period_at(&s->limit->period, s->zone, (wall_us){ p.start_us - 1 }, &p);
		n = account_name_whole(s, &p, name);
		a = n < sizeof name ? quota_table_find_name(t, str_mk(name, n), s->limit->dim)
				    : NULL;
		if (a == NULL) {
			a = account_make(s, &p, t, now, why, why_size);
			if (a == NULL)
				return -1;
			visit(arg, s, a);
		}
		quota_account_put(a);
	}
	return 0;
}

int plan_quota_open(struct tg_conf *c, struct quota_table *t, struct quota_time now,
	plan_quota_visit_f *visit, void *arg, char *why, size_t why_size)
{
	c->quota.now = now.wall;
	if (plan_quota_guests_open(c) != 0) {
		snprintf(why, why_size, "no memory for the limits of sessions and end users");
		return -1;
	}
	for (unsigned i = 0; i < c->quota.n_slots; i++) {
		struct quota_slot *s = &c->quota.slots[i];
		struct quota_account *a;

		(void)plan_quota_amount_turn(c, s);
		a = slot_make(s, t, now.wall, now, why, why_size);
		if (a == NULL)
			return -1;
		atomic_store(&s->now, a);
		if (s->limit->kind == QUOTA_ROLLING &&
			window_fill(s, a, t, now, visit, arg, why, why_size) != 0)
			return -1;
		if (!quota_slot_has_period(s))
			continue;
		visit(arg, s, a);
		if (on_new != NULL && !quota_slot_is_fixed(s) &&
			past_open(s, t, now, visit, arg, why, why_size) != 0)
			return -1;
	}
	return 0;
}

static void apply(const struct tg_conf *c, const struct quota_slot *s)
{
	struct quota_account *next = atomic_load(&s->next);

	/* of one that members share, the amount is as they agree (quota/share.h) */
	if (!atomic_load(&atomic_load(&s->now)->shared))
		quota_account_set_limit(atomic_load(&s->now), s->amount);
	if (next != NULL)
		quota_account_set_limit(next, plan_quota_amount_at(c, s, next->start));
}

void plan_quota_apply(struct tg_conf *c)
{
	for (unsigned i = 0; i < c->quota.n_slots; i++)
		apply(c, &c->quota.slots[i]);
}

static void slot_turn(
	const struct tg_conf *c, struct quota_slot *s, struct quota_table *t, struct quota_time now)
{
	struct quota_account *a = atomic_load(&s->now), *next = atomic_load(&s->next);
	char why[256];

	if (next != NULL && now.wall.us >= next->end.us) { /* the clock leapt over it */
		atomic_store(&s->next, NULL);
		put(next);
		next = NULL;
	}
	if (next == NULL && now.wall.us + AHEAD_US >= a->end.us) {
		wall_us at = { TG_MAX(a->end.us, now.wall.us) };

		next = slot_make(s, t, at, now, why, sizeof why);
		if (next == NULL)
			log_error("quota", "account=%.*s reason=\"%s\"", STR_FMT(s->scope), why);
		else
			quota_account_set_limit(next, plan_quota_amount_at(c, s, next->start));
		atomic_store(&s->next, next);
	}
	if (next == NULL || now.wall.us < next->start.us)
		return;
	put(s->last);
	s->last = a;
	atomic_store(&s->now, next);
	atomic_store(&s->next, NULL);
}

/* Late, after a leap of the clock: what was spent meanwhile must not leave with the buckets
 * between, so they come at once. */
static void window_turn(const struct quota_slot *s, struct quota_table *t, struct quota_time now)
{
	struct quota_account *head = atomic_load(&s->now);
	char why[256];

	quota_window_turn(head, now.wall);
	if (now.wall.us >= quota_window_until(head).us &&
		window_fill(s, head, t, now, NULL, NULL, why, sizeof why) != 0)
		log_error("quota", "account=%.*s reason=\"%s\"", STR_FMT(s->scope), why);
	if (now.wall.us + AHEAD_US >= quota_window_until(head).us)
		window_ahead(s, head, t, quota_window_until(head), now);
}

void plan_quota_turn(struct tg_conf *c, struct quota_table *t, struct quota_time now)
{
	c->quota.now = now.wall;
	for (unsigned i = 0; i < c->quota.n_slots; i++) {
		struct quota_slot *s = &c->quota.slots[i];

		if (plan_quota_amount_turn(c, s))
			apply(c, s);
		if (quota_slot_is_fixed(s))
			continue;
		if (s->limit->kind == QUOTA_STOCK) {
			slot_turn(c, s, t, now);
		} else if (s->limit->kind == QUOTA_ROLLING) {
			window_turn(s, t, now);
		}
	}
}
