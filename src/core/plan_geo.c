/*
 * plan_geo.c: see geo.h: places and regions of the configuration as bit sets. Control thread.
 */
#include "core/config_check.h"
#include "core/geo.h"
#include "core/plan.h"
#include "geo/geo_db.h"

static void *geo_alloc(struct tg_conf *c, size_t n)
{
	void *p = arena_zalloc(&c->arena, n > 0 ? n : 1);

	tg_assert(p != NULL);
	return p;
}

static const struct geo_set *plan_set(struct tg_conf *c, const struct conf_strings *words)
{
	struct geo_set *s;

	if (words->n == 0)
		return NULL;
	s = geo_alloc(c, sizeof(*s));
	tg_assert(geo_set_build(s, &c->arena, words->v, words->n) == 0);
	return s;
}

void plan_geo_lists(struct tg_conf *c, struct geo_lists *out, const struct cfg_geo *cfg)
{
	out->allow = plan_set(c, &cfg->allow);
	out->deny = plan_set(c, &cfg->deny);
}

static bool regions_have(const struct conf_strings *regions, struct str region)
{
	for (size_t i = 0; i < regions->n; i++)
		if (config_region_has(regions->v[i], region))
			return true;
	return false;
}

static uint64_t *targets_all(struct tg_conf *c)
{
	size_t words = (c->n_targets + 63) / 64;
	uint64_t *bits = geo_alloc(c, words * sizeof(*bits));

	memset(bits, 0xff, words * sizeof(*bits));
	return bits;
}

/* Out with those that are elsewhere. */
static void targets_keep(
	const struct tg_conf *c, uint64_t *bits, const struct conf_strings *regions)
{
	for (unsigned i = 0; i < c->n_targets; i++)
		if (!regions_have(regions, c->targets[i].cfg->region))
			bits[i / 64] &= ~(UINT64_C(1) << i % 64);
}

uint64_t *plan_geo_targets(struct tg_conf *c, const struct key *k)
{
	const struct cfg_tier *tier = k->tenant->tier_cfg;
	const struct conf_strings *said[] = { &k->cfg->regions, &k->tenant->cfg->regions,
		tier != NULL ? &tier->regions : NULL };
	uint64_t *bits = NULL;

	for (size_t i = 0; i < TG_ARRAY_LEN(said); i++) {
		if (said[i] == NULL || said[i]->n == 0)
			continue;
		if (bits == NULL)
			bits = targets_all(c);
		targets_keep(c, bits, said[i]);
	}
	return bits;
}

static void plan_residency(struct tg_conf *c, struct plan_geo *g)
{
	const struct cfg_residency *v = c->cfg.geo.residency.v;

	g->n_residency = (unsigned)c->cfg.geo.residency.n;
	g->residency = geo_alloc(c, g->n_residency * sizeof(*g->residency));
	for (unsigned i = 0; i < g->n_residency; i++) {
		tg_assert(geo_set_build(&g->residency[i].who, &c->arena, v[i].countries.v,
				  v[i].countries.n) == 0);
		g->residency[i].targets = targets_all(c);
		targets_keep(c, g->residency[i].targets, &v[i].regions);
	}
}

static void plan_trusted(struct tg_conf *c, struct plan_geo *g)
{
	const struct conf_strings *list = &c->cfg.trusted_proxies;
	const char *why;

	g->trusted = geo_alloc(c, list->n * sizeof(*g->trusted));
	for (size_t i = 0; i < list->n; i++) {
		if (str_eq(list->v[i], STR("unix")))
			g->trust_unix = true;
		else
			tg_assert(ip_net_parse(list->v[i], &g->trusted[g->n_trusted++], &why) == 0);
	}
}

struct geo_db *plan_geo_open(const struct cfg_geoip *cfg, char *why, size_t why_len)
{
	const struct str path[GEO_DB__MAX] = {
		[GEO_DB_COUNTRY] = cfg->country, [GEO_DB_ASN] = cfg->asn
	};

	return geo_db_open(path, why, why_len);
}

int plan_geo_build(struct tg_conf *c, char *why, size_t why_len)
{
	const struct cfg_geoip *cfg = &c->cfg.geoip;

	plan_geo_lists(c, &c->geo.lists, &c->cfg.geo);
	plan_residency(c, &c->geo);
	plan_trusted(c, &c->geo);
	if (cfg->country.n == 0 && cfg->asn.n == 0)
		return 0;
	c->geo.db = plan_geo_open(cfg, why, why_len);
	return c->geo.db != NULL ? 0 : -1;
}

void plan_geo_fini(struct tg_conf *c)
{
	if (c->geo.db != NULL)
		geo_db_put(c->geo.db);
}
