/*
 * config_quota.c: the directive tables about limits: those of a scope (tier, org, tenant, key), and
 * budgets. Part of config.c's tables.
 */
#include "core/config_table.h"

/* ---- limits */

/* Both would be one account: which of them holds would be a guess. */
static const struct quota_limit *same_as(const struct cfg_quota *q, const struct quota_limit *l)
{
	for (const struct quota_limit *o = q->limit; o < l; o++)
		if (quota_limit_same(o, l))
			return o;
	return NULL;
}

static int check_limits(struct conf_load *l, void *obj)
{
	struct cfg_quota *q = obj;
	const struct quota_limit *other;
	char why[256], text[QUOTA_LIMIT_LEN];
	unsigned n = 0;

	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		n += (unsigned)q->text[d].n;
	if (n > CFG_QUOTA_LIMITS)
		return conf_fail(
			l, &q->pos, "%u limits; at most %d are possible here", n, CFG_QUOTA_LIMITS);
	q->limit = arena_zalloc(conf_arena(l), (n + 1) * sizeof *q->limit);
	if (q->limit == NULL)
		return conf_fail(l, NULL, "out of memory");
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		for (size_t i = 0; i < q->text[d].n; i++) {
			if (quota_limit_parse((enum quota_dim)d, q->text[d].v[i], &q->limit[q->n],
				    why, sizeof why) != 0)
				return conf_fail_at(l, &q->text[d].v[i], "%s", why);
			other = same_as(q, &q->limit[q->n++]);
			if (other == NULL)
				continue;
			(void)quota_limit_put(text, other);
			return conf_fail_at(l, &q->text[d].v[i],
				"there is a limit of that period already: `%s`; one of them can "
				"hold",
				text);
		}
	return 0;
}

static const struct conf_directive limit_directives[] = {
#define X(id, dim, what)                         \
	{ .name = dim,                           \
		.type = CONF_STRINGS,            \
		AT(cfg_quota, text[QUOTA_##id]), \
		.help = what " Absent: no limit." },
#include "quota/tbl/dims.h"
#undef X
	{ .name = NULL },
};
static const struct conf_hint limit_hints[] = {
	{ "rpm", "`requests: 600/m`" },
	{ "tpm", "`tokens: 200000/m`" },
	{ "budget", "`cost: 50 usd/month`" },
	{ "usd", "`cost: 50 usd/month`" },
	{ NULL, NULL },
};
const struct conf_block config_quota_block = {
	.name = "scope limits",
	.help = "What may be used at most, by dimension: an amount a period (`5/day`, `50 "
		"usd/month`, "
		"`100/30d`), requests and tokens also at a rate (`600/m`), or a list of these. "
		"Spent "
		"limits are answered with 429 `insufficient_quota` until the period is over, rates "
		"with "
		"429 `rate_limit_exceeded`.",
	.size = sizeof(struct cfg_quota),
	.directives = limit_directives,
	POS_OF(cfg_quota),
	.check = check_limits,
	.hints = limit_hints,
};

/* ---- sessions and end users: the same, less what needs somebody who turns it */

static int check_guest(struct conf_load *l, void *obj)
{
	const struct cfg_quota *q = obj;
	unsigned n = 0;

	if (check_limits(l, obj) != 0)
		return -1;
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		for (size_t i = 0; i < q->text[d].n; i++)
			if (q->limit[n++].kind == QUOTA_ROLLING)
				return conf_fail_at(l, &q->text[d].v[i],
					"sessions and end users have no rolling windows: write a "
					"calendar period such as `day`, or a rate");
	if (n > CFG_GUEST_LIMITS)
		return conf_fail(l, &q->pos,
			"%u limits; at most %d are possible for sessions or end users", n,
			CFG_GUEST_LIMITS);
	return 0;
}

const struct conf_block config_guest_block = {
	.name = "guest limits",
	.help = "Limits of each session or end user, who are known by a name that the application "
		"sends. As `limits`, but without rolling windows; a restart knows of what the "
		"newest files of the ledger's journal have.",
	.size = sizeof(struct cfg_quota),
	.directives = limit_directives,
	POS_OF(cfg_quota),
	.check = check_guest,
};

/* ---- more of a limit, for a time */

int config_check_limit(struct conf_load *l, const struct str *dimension, const struct str *text,
	struct quota_limit *out)
{
	enum quota_dim dim = quota_dim_find(*dimension);
	const char *names[QUOTA_DIM__MAX];
	struct conf_why near;
	char why[256];

	if (dim == QUOTA_DIM__MAX) {
		for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
			names[d] = quota_dim_name((enum quota_dim)d);
		return conf_fail_at(l, dimension,
			"`%.*s` is no dimension; it is one of those of `limits`, such as "
			"cost%s",
			STR_FMT(*dimension), config_near(*dimension, names, QUOTA_DIM__MAX, &near));
	}
	if (quota_limit_parse(dim, *text, out, why, sizeof why) != 0)
		return conf_fail_at(l, text, "%s", why);
	return 0;
}

static int check_increase(struct conf_load *l, void *obj)
{
	struct cfg_increase *i = obj;
	wall_us until;

	if (config_check_limit(l, &i->dimension, &i->text, &i->limit) != 0)
		return -1;
	if (clock_parse(i->until, &until) != 0)
		return conf_fail_at(l, &i->until,
			"`%.*s` is no date such as 2027-01-31 (from its midnight on the increase "
			"is over) or 2027-01-31T18:00:00Z",
			STR_FMT(i->until));
	return 0;
}

static const struct conf_directive increase_directives[] = {
	{ .name = "limit",
		.type = CONF_STRING,
		AT(cfg_increase, text),
		.flags = CONF_REQUIRED,
		.help = "How much more, and of which limit: with the period or rate of one of this "
			"place, such as `100 usd/month`." },
	{ .name = "dimension",
		.type = CONF_STRING,
		AT(cfg_increase, dimension),
		.flags = CONF_REQUIRED,
		.help = "The limit's dimension: cost, tokens, requests and so on." },
	{ .name = "until",
		.type = CONF_STRING,
		AT(cfg_increase, until),
		.flags = CONF_REQUIRED,
		.help = "When it ends: the beginning of a day in the limit's time zone, or a time "
			"such as 2026-12-24T18:00:00Z." },
	{ .name = NULL },
};
const struct conf_block config_increase_block = {
	.name = "increase",
	.help = "More of a limit of the same place, until a day. One that is over may stay.",
	.size = sizeof(struct cfg_increase),
	.directives = increase_directives,
	POS_OF(cfg_increase),
	.check = check_increase,
};

/* ---- pools of tiers */

static int check_pool(struct conf_load *l, void *obj)
{
	return config_check_timezone(l, &((const struct cfg_pool *)obj)->timezone);
}

static const struct conf_directive pool_directives[] = {
	{ .name = "limits",
		.type = CONF_BLOCK,
		AT(cfg_pool, limits),
		.block = &config_quota_block,
		.help = "What all tenants of the tier may use together." },
	{ .name = "increases",
		.type = CONF_LIST,
		AT(cfg_pool, increases),
		.block = &config_increase_block,
		.help = "More of these limits, for a time." },
	{ .name = "reserved",
		.type = CONF_LIST,
		AT(cfg_pool, reserved),
		.block = &config_reserved_block,
		.help = "Parts of these limits that are kept for one tenant." },
	{ .name = "timezone",
		.type = CONF_STRING,
		AT(cfg_pool, timezone),
		.help = "IANA time zone in which its periods begin; absent: UTC." },
	{ .name = NULL },
};
const struct conf_block config_pool_block = {
	.name = "pool",
	.help = "Limits that all tenants of a tier share, beside what each may use.",
	.size = sizeof(struct cfg_pool),
	.directives = pool_directives,
	POS_OF(cfg_pool),
	.check = check_pool,
};

/* ---- budgets */

static const char *const match_words[] = {
#define X(id, member) #member,
#include "core/tbl/match_words.h"
#undef X
};

static int check_match(struct conf_load *l, const struct conf_tag *t)
{
	struct conf_why near;

	if (str_starts(t->name, STR("tag.")) && t->name.n > 4)
		return 0;
	for (size_t i = 0; i < TG_ARRAY_LEN(match_words); i++)
		if (str_eq(t->name, str_z(match_words[i])))
			return 0;
	return conf_fail_at(l, &t->name,
		"`%.*s` cannot be matched; it is `tag.NAME`, or one of tenant, org, tier, key, "
		"model, target%s",
		STR_FMT(t->name),
		config_near(t->name, match_words, TG_ARRAY_LEN(match_words), &near));
}

static int check_budget(struct conf_load *l, void *obj)
{
	struct cfg_budget *b = obj;

	for (size_t i = 0; i < b->match.n; i++)
		if (check_match(l, &b->match.v[i]) != 0)
			return -1;
	if (config_check_name(l, "budget", &b->name) != 0)
		return -1;
	return config_check_timezone(l, &b->timezone);
}

static const struct conf_directive budget_directives[] = {
	{ .name = "name",
		.type = CONF_STRING,
		AT(cfg_budget, name),
		.flags = CONF_REQUIRED,
		.help = "Name of the budget in answers, logs and reports." },
	{ .name = "match",
		.type = CONF_TAGS,
		AT(cfg_budget, match),
		.help = "Which requests it counts: all of `tag.NAME`, `tenant`, `org`, `tier`, "
			"`key`, `model` (the name that the client asks for) and `target` that are "
			"given "
			"have that value; absent: every request." },
	{ .name = "limits",
		.type = CONF_BLOCK,
		AT(cfg_budget, limits),
		.block = &config_quota_block,
		.help = "What these requests may use at most, all together." },
	{ .name = "increases",
		.type = CONF_LIST,
		AT(cfg_budget, increases),
		.block = &config_increase_block,
		.help = "More of these limits, for a time." },
	{ .name = "timezone",
		.type = CONF_STRING,
		AT(cfg_budget, timezone),
		.def = "UTC",
		.help = "IANA time zone in which its periods begin." },
	{ .name = NULL },
};
const struct conf_block config_budget_block = {
	.name = "budget",
	.help = "Limits on requests of several tenants: those with a tag, of an org or a tier, for "
		"a model, to a target, or all.",
	.size = sizeof(struct cfg_budget),
	.directives = budget_directives,
	POS_OF(cfg_budget),
	.check = check_budget,
};
