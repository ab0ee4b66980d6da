/*
 * config_geo.c: the directive tables about where clients are: databases, lists of places, regions
 * that some may be served from only; and what the rest of the configuration must have for them.
 * Part of config.c's tables.
 */
#include "core/config_table.h"

#include "base/ip.h"
#include "geo/geo_set.h"

#define RESIDENCY_MAX 64 /* those that hold for a request are bits */

const char *const config_client_header_words[] = { "x-forwarded-for", "forwarded", NULL };
_Static_assert(CLIENT_HEADER_XFF == 0 && CLIENT_HEADER_FORWARDED == 1, "in order");

/* ---- databases */

static int check_geoip(struct conf_load *l, void *obj)
{
	const struct cfg_geoip *g = obj;

	if (g->country.n == 0 && g->asn.n == 0)
		return conf_fail(
			l, &g->pos, "`geoip` names no database: give `country`, `asn` or both");
	if (g->tag.n > 0 && g->country.n == 0)
		return conf_fail_at(
			l, &g->tag, "`tag` needs a database of countries: give `country`");
	return g->tag.n > 0 ? config_check_tag_name(l, &g->tag) : 0;
}

static const struct conf_directive geoip_directives[] = {
	{ .name = "country",
		.type = CONF_STRING,
		AT(cfg_geoip, country),
		.help = "Database of countries in MMDB format, such as "
			"/usr/share/GeoIP/GeoLite2-Country.mmdb. Absent: countries are not "
			"known." },
	{ .name = "asn",
		.type = CONF_STRING,
		AT(cfg_geoip, asn),
		.help = "Database of networks (autonomous systems) in MMDB format. Absent: "
			"networks are not known." },
	{ .name = "tag",
		.type = CONF_STRING,
		AT(cfg_geoip, tag),
		.help = "Name of a tag that each request gets with its client's country as the "
			"value, for reports and budgets; absent: none. Clients cannot send it." },
	{ .name = NULL },
};
const struct conf_block config_geoip_block = {
	.name = "geoip",
	.help = "Where clients are, by their addresses. A file that changes is read again within "
		"seconds; one that is broken is refused, and the one in use stays.",
	.size = sizeof(struct cfg_geoip),
	.directives = geoip_directives,
	POS_OF(cfg_geoip),
	.check = check_geoip,
};

/* ---- lists of places */

static int check_places(struct conf_load *l, const struct conf_strings *list)
{
	const char *why = NULL;
	struct geo_word w;

	if (list->v != NULL && list->n == 0)
		return conf_fail_at(
			l, list, "an empty list: name at least one place, or leave it out");
	for (size_t i = 0; i < list->n; i++)
		if (geo_word_parse(list->v[i], &w, &why) != 0)
			return conf_fail_at(l, &list->v[i], "`%.*s`: %s", STR_FMT(list->v[i]), why);
	return 0;
}

static int check_geo(struct conf_load *l, void *obj)
{
	const struct cfg_geo *g = obj;

	return check_places(l, &g->allow) != 0 ? -1 : check_places(l, &g->deny);
}

static int check_residency(struct conf_load *l, void *obj)
{
	return check_places(l, &((const struct cfg_residency *)obj)->countries);
}

static const struct conf_directive residency_directives[] = {
	{ .name = "countries",
		.type = CONF_STRINGS,
		AT(cfg_residency, countries),
		.flags = CONF_REQUIRED,
		.help = "Whose clients: codes of two letters, EU, AS64496, unknown." },
	{ .name = "regions",
		.type = CONF_STRINGS,
		AT(cfg_residency, regions),
		.flags = CONF_REQUIRED,
		.help = "Regions of targets: no other serves them; `eu-*` is each that begins "
			"so." },
	{ .name = NULL },
};
static const struct conf_block residency_block = {
	.name = "residency",
	.help = "Clients of some countries are served by targets in some regions only.",
	.size = sizeof(struct cfg_residency),
	.directives = residency_directives,
	POS_OF(cfg_residency),
	.check = check_residency,
};

#define X(...) DIRECTIVE(cfg_geo, __VA_ARGS__)
static const struct conf_directive geo_directives[] = {
#include "core/tbl/geo_directives.h"
	{ .name = NULL },
};
static const struct conf_directive geo_root_directives[] = {
#include "core/tbl/geo_directives.h"
	{ .name = "residency",
		.type = CONF_LIST,
		AT(cfg_geo, residency),
		.block = &residency_block,
		.help = "Where clients of some countries are served. Of several that fit, each "
			"holds." },
	{ .name = NULL },
};
#undef X

const struct conf_block config_geo_block = {
	.name = "geo lists",
	.help = "Where clients may be, besides what is said above: each list has to let them "
		"through. Others get a 403 `country_not_allowed`.",
	.size = sizeof(struct cfg_geo),
	.directives = geo_directives,
	POS_OF(cfg_geo),
	.check = check_geo,
};
const struct conf_block config_geo_root_block = {
	.name = "geo",
	.help = "Where clients may be, and where they are served. Others get a 403 "
		"`country_not_allowed`, before their key is looked at.",
	.size = sizeof(struct cfg_geo),
	.directives = geo_root_directives,
	POS_OF(cfg_geo),
	.check = check_geo,
};

/* ---- with the rest of the configuration */

static int check_trusted(struct conf_load *l, const struct conf_strings *list)
{
	const char *why = NULL;
	struct ip_net net;

	for (size_t i = 0; i < list->n; i++)
		if (!str_eq(list->v[i], STR("unix")) && ip_net_parse(list->v[i], &net, &why) != 0)
			return conf_fail_at(l, &list->v[i], "`%.*s` %s", STR_FMT(list->v[i]), why);
	return 0;
}

/* A place that no database tells would never match, and nobody would notice. */
static int check_known(struct conf_load *l, const struct config *c, const struct conf_strings *list)
{
	const char *why = NULL;
	struct geo_word w;

	for (size_t i = 0; i < list->n; i++) {
		bool network = geo_word_parse(list->v[i], &w, &why) == 0 && w.kind == GEO_ASN;

		if (network ? c->geoip.asn.n == 0 : c->geoip.country.n == 0)
			return conf_fail_at(l, &list->v[i],
				"`%.*s` needs a database: give `geoip: { %s: FILE }`",
				STR_FMT(list->v[i]), network ? "asn" : "country");
	}
	return 0;
}

bool config_region_has(struct str pattern, struct str region)
{
	if (str_ends(pattern, STR("*")))
		return region.n > 0 && str_starts(region, str_mk(pattern.p, pattern.n - 1));
	return str_eq(pattern, region);
}

/* A region that no target is in: a misspelt one would lock everybody out. */
static int check_region(struct conf_load *l, const struct config *c, const struct str *region)
{
	const struct cfg_target *t = c->targets.v;
	const char *words[64], *near;
	size_t n = 0;

	for (size_t i = 0; i < c->targets.n; i++) {
		if (config_region_has(*region, t[i].region))
			return 0;
		if (t[i].region.n > 0 && n < TG_ARRAY_LEN(words))
			words[n++] = t[i].region.p;
	}
	near = str_nearest(*region, words, n);
	if (near != NULL)
		return conf_fail_at(l, region,
			"no target has the `region` `%.*s`; did you mean `%s`?", STR_FMT(*region),
			near);
	return conf_fail_at(l, region,
		"no target has the `region` `%.*s`: say where your targets are, such as `region: "
		"eu`",
		STR_FMT(*region));
}

static int check_regions(
	struct conf_load *l, const struct config *c, const struct conf_strings *list)
{
	if (list->v != NULL && list->n == 0)
		return conf_fail_at(l, list,
			"an empty list: name at least one region, or leave it out to allow all");
	for (size_t i = 0; i < list->n; i++)
		if (check_region(l, c, &list->v[i]) != 0)
			return -1;
	return 0;
}

static int check_scope(struct conf_load *l, const struct config *c, const struct cfg_geo *g,
	const struct conf_strings *regions)
{
	if (check_known(l, c, &g->allow) != 0 || check_known(l, c, &g->deny) != 0)
		return -1;
	return regions != NULL ? check_regions(l, c, regions) : 0;
}

static int check_all_residency(struct conf_load *l, const struct config *c)
{
	const struct cfg_residency *v = c->geo.residency.v;

	if (c->geo.residency.n > RESIDENCY_MAX)
		return conf_fail(l, &v[RESIDENCY_MAX].pos, "`residency` has at most %d entries",
			RESIDENCY_MAX);
	for (size_t i = 0; i < c->geo.residency.n; i++)
		if (check_known(l, c, &v[i].countries) != 0 ||
			check_regions(l, c, &v[i].regions) != 0)
			return -1;
	return 0;
}

static int check_rules(struct conf_load *l, const struct config *c)
{
	const struct cfg_rule *v = c->rules.v;

	for (size_t i = 0; i < c->rules.n; i++)
		for (size_t k = 0; k < v[i].match.n; k++) {
			struct conf_strings one = { &v[i].match.v[k].value, 1 };

			if (rule_word_of(v[i].match.v[k].name) == RULE_COUNTRY &&
				check_known(l, c, &one) != 0)
				return -1;
		}
	return 0;
}

int config_check_places(struct conf_load *l, const struct config *c)
{
	const struct cfg_tier *tier = c->tiers.v;
	const struct cfg_tenant *tenant = c->tenants.v;

	if (check_trusted(l, &c->trusted_proxies) != 0 || check_scope(l, c, &c->geo, NULL) != 0 ||
		check_all_residency(l, c) != 0 || check_rules(l, c) != 0)
		return -1;
	for (size_t i = 0; i < c->tiers.n; i++)
		if (check_scope(l, c, &tier[i].geo, &tier[i].regions) != 0)
			return -1;
	for (size_t i = 0; i < c->tenants.n; i++) {
		const struct cfg_key *key = tenant[i].keys.v;

		if (check_scope(l, c, &tenant[i].geo, &tenant[i].regions) != 0)
			return -1;
		for (size_t k = 0; k < tenant[i].keys.n; k++)
			if (check_scope(l, c, &key[k].geo, &key[k].regions) != 0)
				return -1;
	}
	return 0;
}
