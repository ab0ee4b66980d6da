/*
 * plan_quota.c: see plan_quota.h. Building and turning: control thread; paths: any worker.
 */
#include "core/plan_quota.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "core/plan.h"
#include "core/req.h"
#include "core/worker.h"
#include "proto/json_scan.h"

#define NAME_MAX_BYTES 512
#define AHEAD_US       30000000 /* the next period's account is there so long before it begins */
#define TAG_VALUE_MAX  512

/* ---- build */

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

static int build_tenant(
	struct tg_conf *c, struct tenant *t, struct quota_scope *orgs, struct conf_error *err)
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
		t->org_quota = &orgs[org - (const struct cfg_org *)c->cfg.orgs.v];
	return 0;
}

static int build_orgs(struct tg_conf *c, struct quota_scope *orgs, struct conf_error *err)
{
	const struct cfg_org *v = c->cfg.orgs.v;

	for (size_t i = 0; i < c->cfg.orgs.n; i++) {
		const struct zone *z = zone_of(c, v[i].timezone, err);

		if (z == NULL)
			return -1;
		scope_add(&c->quota, &orgs[i], scope_name(c, "org", v[i].name), z, &v[i].limits);
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
		scope_add(q, &q->budgets[i].scope, scope_name(c, "budget", v[i].name), z,
			&v[i].limits);
		for (unsigned k = 0; k < q->budgets[i].scope.n; k++)
			q->budgets[i].scope.slot[k].budget = &v[i];
	}
	return 0;
}

static unsigned limits_in_all(const struct tg_conf *c)
{
	const struct cfg_org *org = c->cfg.orgs.v;
	const struct cfg_budget *budget = c->cfg.budgets.v;
	unsigned n = 0;

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

static bool may_match(const struct cfg_budget *b, const struct quota_who *who);

/* A key, and how many accounts its requests may touch at most. */
static int build_key(struct tg_conf *c, struct key *k, struct conf_error *err)
{
	const struct tenant *t = k->tenant;
	const struct quota_who who = {
		.org = t->org, .tenant = t->name, .tier = t->tier, .key = k->id
	};
	unsigned n;

	scope_add(&c->quota, &k->quota, scope_name(c, "key", k->id), t->zone, &k->cfg->limits);
	n = k->quota.n + t->quota.n + (t->org_quota != NULL ? t->org_quota->n : 0);
	for (unsigned i = 0; i < c->quota.n_budgets; i++)
		if (may_match(c->quota.budgets[i].cfg, &who))
			n += c->quota.budgets[i].scope.n;
	if (n <= QUOTA_PATH_MAX)
		return 0;
	snprintf(err->text, sizeof err->text,
		"%s:%u:%u: %u limits apply to requests of key '%.*s' (its own, its tenant's with "
		"the "
		"tier's, its org's, its budgets'); at most %d are possible",
		k->cfg->pos.file, k->cfg->pos.line, k->cfg->pos.col, n, STR_FMT(k->id),
		QUOTA_PATH_MAX);
	return -1;
}

int plan_quota_build(struct tg_conf *c, struct conf_error *err)
{
	struct quota_scope *orgs = quota_alloc(c, c->cfg.orgs.n * sizeof *orgs);
	struct plan_quota *q = &c->quota;

	q->cap_slots = limits_in_all(c);
	q->slots = quota_alloc(c, q->cap_slots * sizeof *q->slots);
	if (build_orgs(c, orgs, err) != 0 || build_budgets(c, err) != 0)
		return -1;
	for (unsigned i = 0; i < c->n_tenants; i++)
		if (build_tenant(c, &c->tenants[i], orgs, err) != 0)
			return -1;
	for (size_t i = 0; i < c->key_cap; i++)
		if (c->key_slots[i] != NULL && build_key(c, c->key_slots[i], err) != 0)
			return -1;
	return 0;
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

/* ---- accounts */

static bool has_period(const struct quota_limit *l)
{
	return l->kind == QUOTA_STOCK;
}

/* Does it depend on the zone which account is charged? */
static bool has_days(const struct quota_limit *l)
{
	return l->kind == QUOTA_STOCK ||
	       (l->kind == QUOTA_ROLLING && l->period.unit == PERIOD_ROLLING_DAYS);
}

/*
 * The account of the slot's period or bucket p (NULL: it has none). Days of another zone are other
 * days: their accounts have the zone in their names, and begin with what the ledger has of them
 * when a reload brings a new zone. One that is there keeps its limit until plan_quota_apply.
 */
static struct quota_account *account_make(const struct quota_slot *s, const struct period *p,
	struct quota_table *t, struct quota_time now, char *why, size_t why_size)
{
	char name[NAME_MAX_BYTES];
	struct quota_account *a;
	size_t n = quota_limit_account(s->limit, s->scope, p, name, sizeof name);

	if (n < sizeof name && has_days(s->limit) && !str_eq(zone_name(s->zone), STR("UTC")))
		n += (size_t)snprintf(
			name + n, sizeof name - n, "@%.*s", STR_FMT(zone_name(s->zone)));
	if (n >= sizeof name) {
		snprintf(why, why_size, "the name of %.*s is too long", STR_FMT(s->scope));
		return NULL;
	}
	a = quota_table_find_name(t, str_mk(name, n), s->limit->dim);
	if (a != NULL)
		return a;
	return quota_table_make(t, str_mk(name, n), s->limit, p, now, why, why_size);
}

/* The account that the slot leads to at that moment. */
static struct quota_account *slot_make(const struct quota_slot *s, struct quota_table *t,
	wall_us at, struct quota_time now, char *why, size_t why_size)
{
	struct period p;

	if (has_period(s->limit))
		period_at(&s->limit->period, s->zone, at, &p);
	return account_make(s, has_period(s->limit) ? &p : NULL, t, now, why, why_size);
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

int plan_quota_open(struct tg_conf *c, struct quota_table *t, struct quota_time now,
	plan_quota_visit_f *visit, void *arg, char *why, size_t why_size)
{
	for (unsigned i = 0; i < c->quota.n_slots; i++) {
		struct quota_slot *s = &c->quota.slots[i];
		struct quota_account *a;

		a = slot_make(s, t, now.wall, now, why, why_size);
		if (a == NULL)
			return -1;
		atomic_store(&s->now, a);
		if (s->limit->kind == QUOTA_ROLLING &&
			window_fill(s, a, t, now, visit, arg, why, why_size) != 0)
			return -1;
		if (has_period(s->limit))
			visit(arg, s, a);
	}
	return 0;
}

void plan_quota_apply(struct tg_conf *c)
{
	for (unsigned i = 0; i < c->quota.n_slots; i++) {
		struct quota_slot *s = &c->quota.slots[i];

		quota_account_set_limit(atomic_load(&s->now), s->limit->amount);
	}
}

static void slot_turn(struct quota_slot *s, struct quota_table *t, struct quota_time now)
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
			quota_account_set_limit(next, s->limit->amount);
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
	for (unsigned i = 0; i < c->quota.n_slots; i++) {
		struct quota_slot *s = &c->quota.slots[i];

		if (s->limit->kind == QUOTA_STOCK) {
			slot_turn(s, t, now);
		} else if (s->limit->kind == QUOTA_ROLLING) {
			window_turn(s, t, now);
		}
	}
}

/* ---- a request's path */

/* The account of the period that `now` is in; NULL: its period is over, or has not begun. */
static struct quota_account *slot_account(const struct quota_slot *s, wall_us now)
{
	struct quota_account *a, *next, *seen = NULL;

	for (;;) {
		a = atomic_load_explicit(&s->now, memory_order_acquire);
		if (a == NULL || !has_period(s->limit) || now.us < a->end.us)
			return a; /* a clock that was set back: the period stays */
		next = atomic_load_explicit(&s->next, memory_order_acquire);
		if (next != NULL && now.us >= next->start.us && now.us < next->end.us)
			return next;
		if (a == seen)
			return NULL;
		seen = a; /* it may have moved on between the two looks */
	}
}

struct path {
	struct quota_account **account;
	int n;
	wall_us now;
	bool missing;
};

static void path_add(struct path *p, const struct quota_scope *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct quota_account *a = slot_account(&s->slot[i], p->now);

		if (a == NULL) {
			p->missing = true;
			return;
		}
		tg_assert(p->n < QUOTA_PATH_MAX);
		p->account[p->n++] = a;
	}
}

/* Is the tag there with that value? tags: a JSON object of strings, made here (tags.c). */
static bool has_tag(struct str tags, struct str name, struct str value)
{
	struct json_watch w = { name, { .type = JSON_NONE } };
	char buf[TAG_VALUE_MAX];
	struct json_fail fail;
	struct str got;

	return tags.n > 2 && json_scan_object(tags, &w, 1, &fail) == 0 &&
	       json_decode(&w.val, buf, sizeof buf, &got) == 0 && str_eq(got, value);
}

static bool matches_one(const struct conf_tag *m, const struct quota_who *who)
{
	const struct {
		struct str name, value;
	} rows[] = { { STR("tenant"), who->tenant }, { STR("org"), who->org },
		{ STR("tier"), who->tier }, { STR("key"), who->key } };

	if (str_starts(m->name, STR("tag.")))
		return has_tag(who->tags, str_skip(m->name, 4), m->value);
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		if (str_eq(m->name, rows[i].name))
			return str_eq(m->value, rows[i].value);
	return false;
}

bool plan_quota_matches(const struct cfg_budget *b, const struct quota_who *who)
{
	for (size_t i = 0; i < b->match.n; i++)
		if (!matches_one(&b->match.v[i], who))
			return false;
	return true;
}

/* With some tags or other. */
static bool may_match(const struct cfg_budget *b, const struct quota_who *who)
{
	for (size_t i = 0; i < b->match.n; i++)
		if (!str_starts(b->match.v[i].name, STR("tag.")) &&
			!matches_one(&b->match.v[i], who))
			return false;
	return true;
}

/*
 * The request's key as the worker's plan has it now: a request whose body took long is held to the
 * limits of the moment in which it is sent. One that has gone: as it was.
 */
static const struct key *key_now(const struct req *r, const struct tg_conf **conf)
{
	const struct tg_conf *c = r->w->conf->conf;

	*conf = r->conf;
	for (size_t i = 0; c != r->conf && i < c->key_cap; i++) {
		const struct key *k = c->key_slots[i];

		if (k == NULL || !str_eq(k->id, r->key->id))
			continue;
		*conf = c;
		return k;
	}
	return r->key;
}

struct quota_time plan_quota_time(struct worker *w)
{
	mono_us mono = worker_now(w);

	return (struct quota_time){ w->wall, mono };
}

int plan_quota_path(const struct req *r, wall_us now, struct quota_account *account[QUOTA_PATH_MAX])
{
	struct path p = { .account = account, .now = now };
	struct quota_who who = { .tags = r->tags_json };
	const struct tg_conf *c;
	const struct key *key;
	const struct tenant *t;

	if (r->key == NULL)
		return 0;
	key = key_now(r, &c);
	t = key->tenant;
	who.org = t->org;
	who.tenant = t->name;
	who.tier = t->tier;
	who.key = key->id;
	path_add(&p, &key->quota);
	path_add(&p, &t->quota);
	if (t->org_quota != NULL)
		path_add(&p, t->org_quota);
	for (unsigned i = 0; i < c->quota.n_budgets && !p.missing; i++)
		if (plan_quota_matches(c->quota.budgets[i].cfg, &who))
			path_add(&p, &c->quota.budgets[i].scope);
	return p.missing ? -1 : p.n;
}
