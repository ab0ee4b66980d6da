/*
 * config_tier.c: the directive tables of tiers: what a class of tenants may do. Part of config.c's
 * tables.
 */
#include "core/config_table.h"

#include "core/hold_mode.h"

static int check_tier(struct conf_load *l, void *obj)
{
	struct cfg_tier *t = obj;

	config_offline_of(t, &t->offline);
	return config_check_name(l, "tier", &t->name);
}

static const char *const without_ledger_words[] = { "closed", "open", NULL };

#define SESSIONS " of each tenant"
#define CLIENTS  "clients of its tenants"
static const struct conf_directive tier_directives[] = {
	{ .name = "models",
		.type = CONF_STRINGS,
		AT(cfg_tier, models),
		.help = "The models that tenants of this tier may use; absent: all." },
	{ .name = "limits",
		.type = CONF_BLOCK,
		AT(cfg_tier, limits),
		.block = &config_quota_block,
		.help = "What each of its tenants may use." },
#define X(...) DIRECTIVE(cfg_tier, __VA_ARGS__)
#include "core/tbl/scope_directives.h"
#undef X
	{ .name = "pool",
		.type = CONF_BLOCK,
		AT(cfg_tier, pool),
		.block = &config_pool_block,
		.help = "What its tenants may use together." },
	{ .name = "hold",
		.type = CONF_ENUM,
		AT(cfg_tier, hold),
		.def = "full",
		.words = hold_mode_words,
		.help = "How much of a request limits hold while it runs: full (all that it may "
			"use), incremental (a slice of a streamed answer at a time; it is cut off "
			"where there is no room for more), expected (what is likely; more is "
			"charged all the same), post (next to nothing)." },
	{ .name = "without_redis",
		.type = CONF_BLOCK,
		AT(cfg_tier, without_redis),
		.block = &config_without_redis_block,
		.help = "What shared limits do, by dimension, while nobody can say what is left of "
			"them." },
	{ .name = "offline_allowance",
		.type = CONF_BLOCK,
		AT(cfg_tier, allowance),
		.block = &config_allowance_block,
		.help = "How much is served where `without_redis` says open." },
	{ .name = "without_ledger",
		.type = CONF_ENUM,
		AT(cfg_tier, without_ledger),
		.def = "closed",
		.words = without_ledger_words,
		.help = "While the ledger's disk takes nothing: closed (503 "
			"`ledger_unavailable`), or open: requests that no limit on cost counts are "
			"served all the same. They are in the access log and in "
			"`tollgate_ledger_unrecorded_total`, in no report and no bill." },
	{ .name = "generation_price",
		.type = CONF_MONEY,
		AT(cfg_tier, generation_price),
		.help = "What tenants of this tier pay for an image, a video or a speech; absent: "
			"what it cost and their markup." },
	{ .name = "may_degrade",
		.type = CONF_BOOL,
		AT(cfg_tier, may_degrade),
		.def = "false",
		.help = "Guardrails may have requests of its tenants served by a cheaper model." },
	{ .name = NULL },
};

static const char *const tier_later[] = { "quality", "batch", "cache", NULL };
const struct conf_block config_tier_block = {
	.name = "tier",
	.help = "What a class of tenants may do.",
	.size = sizeof(struct cfg_tier),
	.directives = tier_directives,
	POS_OF(cfg_tier),
	.check = check_tier,
	.later = tier_later,
};
