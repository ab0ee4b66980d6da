/*
 * config_tenant.c: the directive tables of who asks and pays: tenants, their keys, the
 * organisations they belong to, and which tags their requests have. Part of config.c's tables.
 */
#include "core/config_table.h"

static int check_tags(struct conf_load *l, const struct conf_tags *tags)
{
	for (size_t i = 0; i < tags->n; i++)
		if (config_check_tag_name(l, &tags->v[i].name) != 0)
			return -1;
	return 0;
}

/* ---- keys */

static int check_key(struct conf_load *l, void *obj)
{
	const struct cfg_key *k = obj;

	return config_check_name(l, "key", &k->id) != 0 ? -1 : check_tags(l, &k->tags);
}

#define SESSIONS " with this key"
#define CLIENTS  "clients with this key"
static const struct conf_directive key_directives[] = {
	{ .name = "id",
		.type = CONF_STRING,
		AT(cfg_key, id),
		.flags = CONF_REQUIRED,
		.help = "Name of the key in logs and metrics, unique in the whole configuration." },
	{ .name = "sha256",
		.type = CONF_SHA256,
		AT(cfg_key, sha256),
		.flags = CONF_REQUIRED,
		.help = "SHA-256 of the key as 64 hex digits; `tgctl keys create` prints key and "
			"line." },
	{ .name = "models",
		.type = CONF_STRINGS,
		AT(cfg_key, models),
		.help = "The models this key may use; absent: all that the tier allows." },
	{ .name = "expires",
		.type = CONF_DATE,
		AT(cfg_key, expires_us),
		.help = "The key is refused from this time on; absent: never." },
	{ .name = "disabled",
		.type = CONF_BOOL,
		AT(cfg_key, disabled),
		.def = "false",
		.help = "Refuse the key without forgetting it." },
	{ .name = "tags",
		.type = CONF_TAGS,
		AT(cfg_key, tags),
		.help = "Tags of the requests with this key, over those of the tenant. Absent: "
			"none." },
	{ .name = "limits",
		.type = CONF_BLOCK,
		AT(cfg_key, limits),
		.block = &config_quota_block,
		.help = "What may be used with this key, within the tenant's limits." },
#define X(...) DIRECTIVE(cfg_key, __VA_ARGS__)
#include "core/tbl/scope_directives.h"
#undef X
	{ .name = "increases",
		.type = CONF_LIST,
		AT(cfg_key, increases),
		.block = &config_increase_block,
		.help = "More of its limits, for a time." },
	{ .name = NULL },
};
static const struct conf_hint key_hints[] = {
	{ "key", "`sha256`, the hash of the key: `tgctl keys create` prints both" },
	{ "hash", "`sha256`" },
	{ "name", "`id`" },
	{ NULL, NULL },
};
static const struct conf_block key_block = {
	.name = "key",
	.help = "A client key, known by its hash only.",
	.size = sizeof(struct cfg_key),
	.directives = key_directives,
	POS_OF(cfg_key),
	.check = check_key,
	.hints = key_hints,
};

/* ---- tenants */

static int check_tenant(struct conf_load *l, void *obj)
{
	const struct cfg_tenant *t = obj;

	if (config_check_name(l, "tenant", &t->name) != 0 ||
		config_check_timezone(l, &t->timezone) != 0)
		return -1;
	return check_tags(l, &t->tags);
}

#undef SESSIONS
#undef CLIENTS
#define SESSIONS ""
#define CLIENTS  "its clients"
static const struct conf_directive tenant_directives[] = {
	{ .name = "org",
		.type = CONF_STRING,
		AT(cfg_tenant, org),
		.help = "Name of the organisation it belongs to. Absent: none." },
	{ .name = "tier",
		.type = CONF_STRING,
		AT(cfg_tenant, tier),
		.help = "Name of its tier; absent: every model is allowed." },
	{ .name = "disabled",
		.type = CONF_BOOL,
		AT(cfg_tenant, disabled),
		.def = "false",
		.help = "Refuse all of its keys." },
	{ .name = "tags",
		.type = CONF_TAGS,
		AT(cfg_tenant, tags),
		.help = "Tags of all of its requests; clients cannot change these. Absent: none." },
	{ .name = "markup",
		.type = CONF_PERCENT,
		AT(cfg_tenant, markup_bp),
		.max = 100000,
		.help = "Added to the provider's price on its bills. Answers, access log and "
			"metrics tell "
			"the provider's price. Absent: 0%." },
	{ .name = "limits",
		.type = CONF_BLOCK,
		AT(cfg_tenant, limits),
		.block = &config_quota_block,
		.help = "What it may use besides its tier's limits; one of the same dimension and "
			"period replaces the tier's." },
#define X(...) DIRECTIVE(cfg_tenant, __VA_ARGS__)
#include "core/tbl/scope_directives.h"
#undef X
	{ .name = "increases",
		.type = CONF_LIST,
		AT(cfg_tenant, increases),
		.block = &config_increase_block,
		.help = "More of its limits, or of its tier's for it alone, for a time." },
#define X(...) DIRECTIVE(cfg_tenant, __VA_ARGS__)
#include "core/tbl/credit_directives.h"
#undef X
	{ .name = "timezone",
		.type = CONF_STRING,
		AT(cfg_tenant, timezone),
		.help = "IANA time zone in which its days and months begin; absent: that of its "
			"org." },
	{ .name = "keys",
		.type = CONF_LIST,
		AT(cfg_tenant, keys),
		.block = &key_block,
		.help = "Its client keys." },
	{ .name = "may_degrade",
		.type = CONF_BOOL,
		AT(cfg_tenant, may_degrade),
		.def = "false",
		.help = "As of its tier: one of them suffices." },
	{ .name = NULL },
};
static const struct conf_hint tenant_hints[] = {
	{ "key", "`keys: [ { id: ..., sha256: ... } ]`" },
	{ "budget", "`limits: { cost: 50 usd/month }`" },
	{ "rpm", "`limits: { requests: 600/m }`" },
	{ "tpm", "`limits: { tokens: 200000/m }`" },
	{ NULL, NULL },
};
const struct conf_block config_tenant_block = {
	.name = "tenant",
	.help = "Somebody who sends requests and is charged for them.",
	.size = sizeof(struct cfg_tenant),
	.directives = tenant_directives,
	POS_OF(cfg_tenant),
	.check = check_tenant,
	.hints = tenant_hints,
};

/* ---- organisations */

static int check_org(struct conf_load *l, void *obj)
{
	const struct cfg_org *o = obj;

	return config_check_name(l, "org", &o->name) != 0 ? -1
							  : config_check_timezone(l, &o->timezone);
}

static const struct conf_directive org_directives[] = {
	{ .name = "limits",
		.type = CONF_BLOCK,
		AT(cfg_org, limits),
		.block = &config_quota_block,
		.help = "What its tenants may use together." },
	{ .name = "increases",
		.type = CONF_LIST,
		AT(cfg_org, increases),
		.block = &config_increase_block,
		.help = "More of these limits, for a time." },
#define X(...) DIRECTIVE(cfg_org, __VA_ARGS__)
#include "core/tbl/credit_directives.h"
#undef X
	{ .name = "reserved",
		.type = CONF_LIST,
		AT(cfg_org, reserved),
		.block = &config_reserved_block,
		.help = "Parts of these limits that are kept for one tenant." },
	{ .name = "timezone",
		.type = CONF_STRING,
		AT(cfg_org, timezone),
		.def = "UTC",
		.help = "IANA time zone in which its days and months begin." },
	{ .name = NULL },
};

static const char *const org_later[] = { "currency", NULL };
const struct conf_block config_org_block = {
	.name = "org",
	.help = "An organisation: a name that groups tenants.",
	.size = sizeof(struct cfg_org),
	.directives = org_directives,
	POS_OF(cfg_org),
	.check = check_org,
	.later = org_later,
};

/* ---- tags of requests */

static int check_tag_rules(struct conf_load *l, void *obj)
{
	const struct cfg_tag_rules *r = obj;

	for (size_t i = 0; i < r->required.n; i++)
		if (config_check_tag_name(l, &r->required.v[i]) != 0)
			return -1;
	for (size_t i = 0; i < r->optional.n; i++)
		if (config_check_tag_name(l, &r->optional.v[i]) != 0)
			return -1;
	return 0;
}

static const char *const on_missing_words[] = { "ignore", "warn", "reject", NULL };

static const struct conf_directive tags_directives[] = {
	{ .name = "required",
		.type = CONF_STRINGS,
		AT(cfg_tag_rules, required),
		.help = "Tags that every request must have, from its tenant, its key or "
			"`x-tollgate-tags`. Absent: none." },
	{ .name = "optional",
		.type = CONF_STRINGS,
		AT(cfg_tag_rules, optional),
		.help = "Other tags that are taken; when neither list is given any tag is. Absent: "
			"none." },
	{ .name = "on_missing",
		.type = CONF_ENUM,
		AT(cfg_tag_rules, on_missing),
		.def = "warn",
		.words = on_missing_words,
		.help = "What happens to a request without a required tag." },
	{ .name = NULL },
};
const struct conf_block config_tags_block = {
	.name = "tags",
	.help = "Which tags requests have, for reports by team, feature or cost center.",
	.size = sizeof(struct cfg_tag_rules),
	.directives = tags_directives,
	.check = check_tag_rules,
};
