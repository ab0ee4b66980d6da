/*
 * metrics_page_targets.c: the part of the metrics page about targets: are they up, what do they
 * refuse, their keys, checks, and credentials that change.
 */
#include "admin/metrics_page_int.h"

#include "core/health.h"
#include "core/key_pool.h"
#include "core/spots.h"
#include "io/cred.h"

/* Did a route before this one lead to the same spot? */
static bool spot_is_repeated(const struct tg_conf *c, unsigned model, unsigned route)
{
	const struct spot *s = c->models[model].route[route].spot;

	for (unsigned i = 0; i <= model; i++)
		for (unsigned k = 0; k < (i == model ? route : c->models[i].n_routes); k++)
			if (c->models[i].route[k].spot == s)
				return true;
	return false;
}

static void page_spots(struct page *p, enum metric_id id)
{
	const struct tg_conf *c = p->src->conf;
	mono_us now = clock_mono();

	page_family(p, id);
	for (unsigned i = 0; c != NULL && i < c->n_models; i++)
		for (unsigned k = 0; k < c->models[i].n_routes; k++) {
			const struct route_target *t = &c->models[i].route[k];
			struct metrics_label l[] = { { "target", t->target->name },
				{ "model", t->model } };

			if (spot_is_repeated(c, i, k))
				continue;
			spot_refresh(t->spot, now);
			metrics_sample_u64(&p->m, "", l, TG_ARRAY_LEN(l),
				id == MT_TARGET_UP ? health_is_up(t->target, t->spot, now)
						   : atomic_load(&t->spot->view.inflight));
		}
}

static void page_accounts(struct page *p, enum metric_id id, size_t offset)
{
	const struct tg_conf *c = p->src->conf;

	page_family(p, id);
	for (unsigned i = 0; c != NULL && i < c->n_targets; i++) {
		const struct target *t = &c->targets[i];
		struct metrics_label l = { "target", t->name };

		metrics_sample_u64(&p->m, "", &l, 1,
			atomic_load(
				(const _Atomic uint32_t *)(const void *)((const char *)t->state +
									 offset)));
	}
}

static void page_checks(struct page *p, enum metric_id id)
{
	const struct tg_conf *c = p->src->conf;

	page_family(p, id);
	for (unsigned i = 0; c != NULL && i < c->n_targets; i++) {
		const struct target *t = &c->targets[i];
		struct metrics_label l = { "target", t->name };

		if (t->cfg->health_check.path.n > 0)
			metrics_sample_u64(&p->m, "", &l, 1,
				id == MT_TARGET_CHECK_UP ? !atomic_load(&t->state->check_down)
							 : atomic_load(&t->state->checks_failed));
	}
}

/* One sample of a key. */
static uint64_t key_value(const struct tg_conf *c, const struct target *t, const struct pool_key *k,
	enum metric_id id)
{
	int64_t now = clock_mono().us;

	switch (id) {
	case MT_TARGET_KEY_REFUSED: return atomic_load(&k->state->refusals);
	case MT_TARGET_KEY_LIMITED: return atomic_load(&k->state->limited);
	default:
		return atomic_load(&k->state->refused_until_us) <= now &&
		       key_pool_limited_until(c, t, k) <= now;
	}
}

static void page_keys(struct page *p, enum metric_id id)
{
	const struct tg_conf *c = p->src->conf;

	page_family(p, id);
	for (unsigned i = 0; c != NULL && i < c->n_targets; i++)
		for (unsigned k = 0; k < c->targets[i].n_keys; k++) {
			const struct target *t = &c->targets[i];
			struct metrics_label l[] = { { "target", t->name },
				{ "key", t->keys[k].id } };

			metrics_sample_u64(
				&p->m, "", l, TG_ARRAY_LEN(l), key_value(c, t, &t->keys[k], id));
		}
}

void page_targets(struct page *p)
{
	page_spots(p, MT_TARGET_UP);
	page_spots(p, MT_TARGET_IN_FLIGHT);
	page_accounts(p, MT_TARGET_OPENED, offsetof(struct account_state, opened));
	page_accounts(p, MT_TARGET_REFUSED, offsetof(struct account_state, refusals));
	page_accounts(p, MT_TARGET_LIMITED, offsetof(struct account_state, limited));
	page_checks(p, MT_TARGET_CHECK_UP);
	page_checks(p, MT_TARGET_CHECKS_FAILED);
	page_keys(p, MT_TARGET_KEY_UP);
	page_keys(p, MT_TARGET_KEY_REFUSED);
	page_keys(p, MT_TARGET_KEY_LIMITED);
}

/* ---- credentials that change */

struct page_cred {
	struct page *p;
	enum metric_id id;
};

static void page_one_cred(void *arg, const struct cred_stats *s)
{
	struct page_cred *c = arg;
	struct metrics_label l = { "target", s->name };
	uint64_t v = s->valid;

	if (c->id == MT_CREDENTIAL_EXPIRES && s->expires.us == 0)
		return;
	if (c->id == MT_CREDENTIAL_EXPIRES)
		v = (uint64_t)s->expires.us / 1000000;
	else if (c->id == MT_CREDENTIAL_FETCHES)
		v = s->fetched;
	else if (c->id == MT_CREDENTIAL_FAILURES)
		v = s->failed;
	metrics_sample_u64(&c->p->m, "", &l, 1, v);
}

void page_creds(struct page *p)
{
	for (enum metric_id id = MT_CREDENTIAL_VALID; id <= MT_CREDENTIAL_FAILURES; id++) {
		struct page_cred c = { p, id };

		page_family(p, id);
		cred_each(page_one_cred, &c);
	}
}
