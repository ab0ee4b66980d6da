/*
 * mod_geo.c: where the client is: ADMIT: looked up, and held against the lists that are everybody's
 * (before a key is looked at: nothing is said to who may not ask); IDENT: against those of the
 * key, its tenant and its tier. Which targets may serve it follows from the same place
 * (core/geo.h).
 */
#include <stdio.h>

#include "core/geo.h"
#include "core/plan.h"
#include "core/reply.h"
#include "core/req.h"
#include "geo/geo_db.h"
#include "modules.h"

/* Requests of one connection mostly have one client: it is looked up once. */
static void geo_locate(struct req *r)
{
	struct conn *c = r->conn;

	if (r->w->geo == NULL)
		return;
	if (c->place_serial != r->w->geo_serial || !ip_eq(c->place_of, r->client)) {
		geo_db_find(r->w->geo, r->client, &c->place);
		c->place_of = r->client;
		c->place_serial = r->w->geo_serial;
	}
	r->place = c->place;
}

static enum step_rc geo_refuse(struct req *r, const char *whose, struct str name)
{
	const struct geo_place *p = &r->place;
	char country[] = "an unknown country", network[32] = "";

	wc_add(&r->w->stats, WC_GEO_REFUSED, 1);
	if (p->country[0] != '\0')
		snprintf(country, sizeof(country), "%.2s", p->country);
	if (p->asn != 0)
		snprintf(network, sizeof(network), ", network AS%u", p->asn);
	return reply_error(r, TG_E_COUNTRY_NOT_ALLOWED,
		"Requests from %s (%s%s) are not allowed %s%s%.*s%s.", r->client_text, country,
		network, whose, name.n > 0 ? " '" : "", (int)TG_MIN(name.n, (size_t)64), name.p,
		name.n > 0 ? "'" : "");
}

static enum step_rc geo_admit(struct req *r)
{
	geo_locate(r);
	geo_match_residency(r);
	if (!geo_lists_allow(&r->conf->geo.lists, &r->place))
		return geo_refuse(r, "here", STR_NONE);
	return STEP_NEXT;
}

static enum step_rc geo_ident(struct req *r)
{
	const struct {
		const char *whose;
		struct str name;
	} scopes[TG_ARRAY_LEN(r->key->geo)] = { { "for tier", r->tenant->tier },
		{ "for tenant", r->tenant->name }, { "for key", r->key->id } };

	for (size_t i = 0; i < TG_ARRAY_LEN(scopes); i++)
		if (!geo_lists_allow(&r->key->geo[i], &r->place))
			return geo_refuse(r, scopes[i].whose, scopes[i].name);
	return STEP_NEXT;
}

const struct tg_module mod_geo = {
	.name = "geo",
	.stage = { [STAGE_ADMIT] = geo_admit },
};

/* Behind the module that knows whose key it is. */
const struct tg_module mod_geo_lists = {
	.name = "geo_lists",
	.stage = { [STAGE_IDENT] = geo_ident },
};
