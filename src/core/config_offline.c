/*
 * config_offline.c: the directive tables of what a tier's limits do while something that they rely
 * on is away: `without_redis`, `offline_allowance`. Part of config.c's tables.
 */
#include "core/config_table.h"
#include "money/money.h"

const char *const config_offline_words[] = {
#define X(id, word) word,
#include "quota/tbl/offline.h"
#undef X
	NULL,
};

static int check_without(struct conf_load *l, void *obj)
{
	const struct cfg_without *w = obj;

	if (w->how[QUOTA_CONCURRENCY] == QUOTA_OFFLINE_CLOSED)
		return 0;
	return conf_fail_at(l, &w->how[QUOTA_CONCURRENCY],
		"`concurrency` does not ask Redis: each member has its part of it all along");
}

static const struct conf_directive without_directives[] = {
#define X(id, dim, what)                          \
	{ .name = dim,                            \
		.type = CONF_ENUM,                \
		AT(cfg_without, how[QUOTA_##id]), \
		.def = "closed",                  \
		.words = config_offline_words,    \
		.help = "What limits on " dim " a calendar period do." },
#include "quota/tbl/dims.h"
#undef X
	{ .name = NULL },
};
const struct conf_block config_without_redis_block = {
	.name = "without redis",
	.help = "Limits of calendar periods that are shared through `redis`, for tenants of the "
		"tier, when what was "
		"granted is spent and Redis cannot be asked, or is learning. closed: 503 "
		"`quota_unavailable`. open: `offline_allowance` is served beyond that. local: this "
		"member's part of what was last known to be free is. What is served so counts as "
		"`over`, and is told to Redis later.",
	.size = sizeof(struct cfg_without),
	.directives = without_directives,
	.check = check_without,
};

static const struct conf_directive allowance_directives[] = {
	{ .name = "share",
		.type = CONF_PERCENT,
		AT(cfg_allowance, share_bp),
		.def = "1%",
		.min = 1,
		.max = 10000,
		.help = "So much of a limit." },
#define X(id, dim, what)                                                  \
	{ .name = dim,                                                    \
		.type = QUOTA_##id == QUOTA_COST ? CONF_MONEY : CONF_INT, \
		AT(cfg_allowance, amount[QUOTA_##id]),                    \
		.max = QUOTA_##id == QUOTA_COST ? 0 : CFG_LEASED_MAX,     \
		.help = "And at most so much of a limit on " dim          \
			"; absent: `share` alone says." },
#include "quota/tbl/dims.h"
#undef X
	{ .name = NULL },
};
const struct conf_block config_allowance_block = {
	.name = "offline allowance",
	.help = "How much all members together serve beyond what was granted where `without_redis` "
		"says open; each member has an even part of it.",
	.size = sizeof(struct cfg_allowance),
	.directives = allowance_directives,
};

void config_offline_of(const struct cfg_tier *t, struct quota_offline *out)
{
	*out = (struct quota_offline){ .share_bp = t->allowance.share_bp, .members = 1 };
	memcpy(out->how, t->without_redis.how, sizeof out->how);
	memcpy(out->most, t->allowance.amount, sizeof out->most);
	if (out->most[QUOTA_COST] > 0)
		out->most[QUOTA_COST] = money_nano_up(out->most[QUOTA_COST]);
}
