/*
 * geo.c: see geo.h: what a plan's places and regions say about one request. Runs on the request's
 * worker.
 */
#include <stdio.h>

#include "core/geo.h"
#include "core/plan.h"
#include "core/reply.h"
#include "core/req.h"
#include "core/shadow.h"

bool geo_lists_allow(const struct geo_lists *l, const struct geo_place *p)
{
	if (l->deny != NULL && geo_set_has(l->deny, p))
		return false;
	return l->allow == NULL || geo_set_has(l->allow, p);
}

bool plan_geo_trusts(const struct plan_geo *g, struct ip a)
{
	for (unsigned i = 0; i < g->n_trusted; i++)
		if (ip_net_has(&g->trusted[i], a))
			return true;
	return false;
}

void geo_match_residency(struct req *r)
{
	const struct plan_geo *g = &r->conf->geo;

	r->residency = 0;
	for (unsigned i = 0; i < g->n_residency; i++)
		if (geo_set_has(&g->residency[i].who, &r->place))
			r->residency |= UINT64_C(1) << i;
}

static bool bit(const uint64_t *bits, unsigned i)
{
	return (bits[i / 64] >> i % 64 & 1) != 0;
}

bool geo_allows_target(const struct req *r, const struct target *t)
{
	if (r->key != NULL && r->key->targets != NULL && !bit(r->key->targets, t->index))
		return false;
	if (TG_UNLIKELY(r->shadow != NULL) && r->shadow->key->targets != NULL &&
		!bit(r->shadow->key->targets, t->index))
		return false; /* nor where its original must not be */
	for (uint64_t left = r->residency; left != 0; left &= left - 1)
		if (!bit(r->conf->geo.residency[__builtin_ctzll(left)].targets, t->index))
			return false;
	return true;
}

bool geo_allows_model(const struct req *r, const struct model *m)
{
	for (unsigned i = 0; i < m->n_routes; i++)
		if (geo_allows_target(r, m->route[i].target))
			return true;
	return false;
}

bool geo_is_limited(const struct req *r)
{
	return r->residency != 0 || (r->key != NULL && r->key->targets != NULL) ||
	       (r->shadow != NULL && r->shadow->key->targets != NULL);
}

bool geo_leaves_none(const struct req *r)
{
	if (r->forced != NULL)
		return !geo_allows_target(r, r->forced);
	return r->model != NULL && !geo_allows_model(r, r->model);
}

/* "eu, us for tenant 'acme'; " behind what is in out; cut off where out ends. */
static size_t say_regions(char *out, size_t n, size_t cap, const struct conf_strings *regions,
	const char *what, struct str name)
{
	for (size_t i = 0; i < regions->n && n < cap; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s%.*s", i > 0 ? ", " : "",
			(int)TG_MIN(regions->v[i].n, (size_t)40), regions->v[i].p);
	if (n < cap)
		n += (size_t)snprintf(out + n, cap - n, " for %s '%.*s'; ", what,
			(int)TG_MIN(name.n, (size_t)64), name.p);
	return TG_MIN(n, cap);
}

/* Whose rules these are, and what they say. */
static void say_rules(const struct req *r, char *out, size_t cap)
{
	const struct cfg_residency *v = r->conf->cfg.geo.residency.v;
	const struct tenant *t = r->tenant;
	size_t n = 0;

	out[0] = '\0';
	if (r->key != NULL && r->key->cfg->regions.n > 0)
		n = say_regions(out, n, cap, &r->key->cfg->regions, "key", r->key->id);
	if (t != NULL && t->cfg->regions.n > 0)
		n = say_regions(out, n, cap, &t->cfg->regions, "tenant", t->name);
	if (t != NULL && t->tier_cfg != NULL && t->tier_cfg->regions.n > 0)
		n = say_regions(out, n, cap, &t->tier_cfg->regions, "tier", t->tier);
	for (uint64_t left = r->residency; left != 0; left &= left - 1)
		n = say_regions(out, n, cap, &v[__builtin_ctzll(left)].regions, "clients in",
			r->place.country[0] != '\0' ? str_mk(r->place.country, 2)
						    : STR("unknown countries"));
	if (n >= 2 && n < cap)
		out[n - 2] = '\0'; /* the last "; " */
}

enum step_rc geo_refuse_target(struct req *r)
{
	char rules[220];

	say_rules(r, rules, sizeof(rules));
	return reply_error(r, TG_E_REGION_NOT_ALLOWED,
		"No target that may serve this request is in an allowed region: %s.", rules);
}
