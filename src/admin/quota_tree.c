/*
 * quota_tree.c: see quota_tree.h. Lists as a configuration has them, in its order.
 */
#include "admin/quota_tree.h"

#include "core/plan.h"

static void node_begin(struct outbuf *b, bool *some, const char *kind, struct str name)
{
	outbuf_printf(b, "%s{\"scope\":\"%s:", *some ? "," : "", kind);
	*some = true;
	outbuf_printf(b, "%.*s\"", STR_FMT(name)); /* names are [A-Za-z0-9._-]: config_check.h */
}

static void put_keys(struct outbuf *b, const struct tenant *t)
{
	const struct cfg_key *k = t->cfg->keys.v;
	bool some = false;

	outbuf_lit(b, ",\"below\":[");
	for (size_t i = 0; i < t->cfg->keys.n; i++) {
		node_begin(b, &some, "key", k[i].id);
		outbuf_lit(b, "}");
	}
	outbuf_lit(b, "]}");
}

/* Those of an org; STR_NONE: those of none. */
static void put_tenants(struct outbuf *b, bool *some, const struct tg_conf *c, struct str org)
{
	for (unsigned i = 0; i < c->n_tenants; i++) {
		const struct tenant *t = &c->tenants[i];

		if (!str_eq(t->org, org))
			continue;
		node_begin(b, some, "tenant", t->name);
		put_keys(b, t);
	}
}

/* Pools: of their tiers' tenants, which stand below their orgs. */
static void put_pools(struct outbuf *b, bool *some, const struct tg_conf *c)
{
	const struct cfg_tier *tier = c->cfg.tiers.v;

	for (size_t i = 0; i < c->cfg.tiers.n; i++) {
		if (tier[i].pool.limits.n == 0)
			continue;
		node_begin(b, some, "tier", tier[i].name);
		outbuf_lit(b, "}");
	}
}

void quota_tree_json(struct outbuf *b, const struct tg_conf *c)
{
	const struct cfg_budget *budget = c->cfg.budgets.v;
	const struct cfg_org *org = c->cfg.orgs.v;
	bool some = false;

	outbuf_lit(b, "[");
	for (size_t i = 0; i < c->cfg.budgets.n; i++) {
		node_begin(b, &some, "budget", budget[i].name);
		outbuf_lit(b, "}");
	}
	put_pools(b, &some, c);
	for (size_t i = 0; i < c->cfg.orgs.n; i++) {
		bool below = false;

		node_begin(b, &some, "org", org[i].name);
		outbuf_lit(b, ",\"below\":[");
		put_tenants(b, &below, c, org[i].name);
		outbuf_lit(b, "]}");
	}
	put_tenants(b, &some, c, STR_NONE);
	outbuf_lit(b, "]");
}
