/*
 * plan_quota_path.c: the accounts that a request is held to. Workers; what budgets match is also
 * asked by the control thread.
 */
#include "core/plan.h"
#include "core/plan_quota.h"
#include "core/req.h"
#include "core/worker.h"
#include "proto/json_scan.h"

#define TAG_VALUE_MAX 512

/* The account of the period that `now` is in; NULL: its period is over, or has not begun. */
static struct quota_account *slot_account(const struct quota_slot *s, wall_us now)
{
	struct quota_account *a, *next, *seen = NULL;

	for (;;) {
		a = atomic_load_explicit(&s->now, memory_order_acquire);
		if (a == NULL || !quota_slot_has_period(s) || now.us < a->end.us)
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

bool plan_quota_may_match(const struct cfg_budget *b, const struct quota_who *who)
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
