/*
 * plan_quota_path.c: the accounts that a request is held to. Workers.
 */
#include "core/plan.h"
#include "core/plan_quota.h"
#include "core/req.h"
#include "core/worker.h"
#include "proto/json_scan.h"

#define TAG_VALUE_MAX 512

struct quota_account *plan_quota_account(const struct quota_slot *s, wall_us now)
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
	struct quota_path *out;
	wall_us now;
	uint8_t falls;
	bool missing;
};

static void add_step(struct path *p, const struct quota_slot *s, struct quota_step step)
{
	step.account = quota_slot_is_fixed(s) ? atomic_load_explicit(&s->now, memory_order_acquire)
					      : plan_quota_account(s, p->now);
	if (step.account == NULL || p->out->n_steps == QUOTA_FALL_MAX) {
		p->missing = true;
		return;
	}
	p->out->step[p->out->n_steps++] = step;
}

static const struct quota_slot *reserved_for(const struct quota_slot *s, struct str tenant)
{
	for (unsigned i = 0; i < s->n_reserved; i++)
		if (str_eq(s->reserved[i].source_name, tenant))
			return &s->reserved[i];
	return NULL;
}

static void path_add(struct path *p, const struct quota_scope *s);

/* The scope's limits on cost, then what can be drawn on behind them at this moment. */
static void add_purse(struct path *p, const struct quota_scope *s)
{
	struct quota_step step = { .fall = p->falls++, .purse = (uint8_t)s->whose };

	for (unsigned i = 0; i < s->n; i++)
		if (s->slot[i].limit->dim == QUOTA_COST)
			add_step(p, &s->slot[i], step);
	for (unsigned i = 0; i < s->n_purse; i++) {
		if (p->now.us < s->purse[i].from.us || p->now.us >= s->purse[i].until.us)
			continue;
		step.source++;
		add_step(p, &s->purse[i], step);
	}
}

/* A scope with several sources for something. */
static void path_add_falls(struct path *p, const struct quota_scope *s, struct str tenant)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct quota_slot *part = reserved_for(&s->slot[i], tenant);
		const struct quota_scope one = { .slot = &s->slot[i], .n = 1 };

		if (part != NULL) {
			struct quota_step step = { .fall = p->falls++ };

			add_step(p, part, step);
			step.source = 1;
			add_step(p, &s->slot[i], step);
		} else if (s->n_purse == 0 || s->slot[i].limit->dim != QUOTA_COST) {
			path_add(p, &one);
		}
	}
	if (s->n_purse > 0)
		add_purse(p, s);
}

static void path_add_above(struct path *p, const struct quota_scope *s, struct str tenant)
{
	if (s == NULL)
		return;
	if (TG_UNLIKELY(s->falls))
		path_add_falls(p, s, tenant);
	else
		path_add(p, s);
}

static void path_add(struct path *p, const struct quota_scope *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct quota_account *a = plan_quota_account(&s->slot[i], p->now);

		/* A full path: build_key counts; a reload may bring what it did not. */
		if (a == NULL || p->out->n == QUOTA_PATH_MAX) {
			p->missing = true;
			return;
		}
		p->out->account[p->out->n++] = a;
	}
}

/*
 * The request's key as the worker's plan has it now: a request whose body took long is held to the
 * limits of the moment in which it is sent. One that has gone: as it was.
 */
static const struct key *key_now(const struct req *r, const struct tg_conf **conf)
{
	const struct tg_conf *c = r->w->conf->conf;
	const struct key *k = c != r->conf ? plan_key_by_id(c, r->key->id) : NULL;

	*conf = k != NULL ? c : r->conf;
	return k != NULL ? k : r->key;
}

struct quota_time plan_quota_time(struct worker *w)
{
	mono_us mono = worker_now(w);

	return (struct quota_time){ w->wall, mono };
}

/* ---- budgets */

/* What a request is asked for. */
struct asked {
	struct str model, target;
	struct str tag[QUOTA_ASKED_TAGS]; /* values of the key's names; p NULL: none */
	char text[QUOTA_ASKED_TAGS][TAG_VALUE_MAX];
};

/* One scan for all of them. */
static void read_tags(struct asked *a, const struct quota_maybes *m, struct str json)
{
	struct json_watch w[QUOTA_ASKED_TAGS];
	struct json_fail fail;

	for (unsigned i = 0; i < m->n_names; i++) {
		a->tag[i] = STR_NONE;
		w[i] = (struct json_watch){ m->name[i], { .type = JSON_NONE } };
	}
	if (json.n <= 2 || json_scan_object(json, w, m->n_names, &fail) != 0)
		return;
	for (unsigned i = 0; i < m->n_names; i++)
		if (json_decode(&w[i].val, a->text[i], TAG_VALUE_MAX, &a->tag[i]) != 0)
			a->tag[i] = STR_NONE;
}

static bool counts(const struct quota_maybe *m, const struct asked *a, bool own_tags)
{
	if ((m->model.n > 0 && !str_eq(m->model, a->model)) ||
		(m->target.n > 0 && !str_eq(m->target, a->target)) || (m->n_tags > 0 && !own_tags))
		return false;
	for (unsigned i = 0; i < m->n_tags; i++)
		if (a->tag[m->tag[i].name].p == NULL ||
			!str_eq(a->tag[m->tag[i].name], m->tag[i].value))
			return false;
	return true;
}

static void add_known(
	struct path *p, const struct req *r, const struct quota_maybes *m, struct str target)
{
	/* a request's tags are its key's, or a text of its own */
	bool own = m->n_names > 0 && r->tags_json.p != r->key->tags_json.p;
	struct asked a;

	a.model = r->model_asked;
	a.target = target;
	if (own)
		read_tags(&a, m, r->tags_json);
	for (unsigned i = 0; i < m->lasting && !p->missing; i++)
		if (counts(&m->v[i], &a, own))
			path_add(p, &m->v[i].budget->scope);
	p->out->lasting = p->out->n;
	for (unsigned i = m->lasting; i < m->n && !p->missing; i++)
		if (counts(&m->v[i], &a, own))
			path_add(p, &m->v[i].budget->scope);
}

/* Its tags are of another plan's key than its limits: nothing is known about them here. */
static void add_unknown(struct path *p, const struct req *r, const struct tg_conf *c,
	const struct key *k, struct str target)
{
	const struct plan_quota *q = &c->quota;
	const struct quota_who who = { .org = k->tenant->org,
		.tenant = k->tenant->name,
		.tier = k->tenant->tier,
		.key = k->id,
		.model = r->model_asked,
		.target = target,
		.tags = r->tags_json };

	for (int of_target = 0; of_target < 2; of_target++) {
		for (unsigned i = 0; i < q->n_budgets && !p->missing; i++)
			if (q->budgets[i].of_target == of_target &&
				plan_quota_matches(q->budgets[i].cfg, &who))
				path_add(p, &q->budgets[i].scope);
		if (!of_target)
			p->out->lasting = p->out->n;
	}
}

static void add_guests(struct path *p, const struct req *r, const struct key *k)
{
	struct quota_time now = plan_quota_time(r->w);

	if (plan_quota_guests_add(p->out, &k->session, r->session, now) != 0 ||
		plan_quota_guests_add(p->out, &k->end_user, r->end_user, now) != 0 ||
		plan_quota_guests_add(p->out, &k->tenant->session, r->session, now) != 0 ||
		plan_quota_guests_add(p->out, &k->tenant->end_user, r->end_user, now) != 0)
		p->missing = true;
}

int plan_quota_path(const struct req *r, wall_us now, struct quota_path *out)
{
	struct path p = { .out = out, .now = now };
	const struct route_target *route = r->leg.route;
	struct str target = route != NULL ? route->target->name : STR_NONE;
	const struct tg_conf *c;
	const struct key *key;

	out->n = out->lasting = out->n_steps = out->guests = 0;
	if (r->key == NULL)
		return 0;
	key = key_now(r, &c);
	if (TG_UNLIKELY(c->quota.guests))
		add_guests(&p, r, key);
	path_add(&p, &key->quota);
	path_add_above(&p, &key->tenant->quota, key->tenant->name);
	path_add_above(&p, key->tenant->pool_quota, key->tenant->name);
	path_add_above(&p, key->tenant->org_quota, key->tenant->name);
	if (key == r->key)
		add_known(&p, r, &key->budgets, target);
	else
		add_unknown(&p, r, c, key, target);
	return p.missing ? -1 : 0;
}

bool plan_quota_asks_model(const struct req *r, struct str model)
{
	const struct tg_conf *c;
	const struct key *key = key_now(r, &c);

	for (unsigned i = 0; i < key->budgets.n; i++)
		if (key->budgets.v[i].model.n > 0 && str_eq(key->budgets.v[i].model, model))
			return true;
	return false;
}
