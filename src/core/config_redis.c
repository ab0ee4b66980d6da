/*
 * config_redis.c: the directive table of `redis`, which several processes share their limits
 * through, and its checks. Part of config.c's tables.
 */
#include "core/config_table.h"
#include "quota/limit.h"

#define PREFIX_MAX 64
#define URLS_MAX   32

static const char *const mode_words[] = { "standalone", "sentinel", "cluster", NULL };
_Static_assert(
	CFG_REDIS_STANDALONE == 0 && CFG_REDIS_SENTINEL == 1 && CFG_REDIS_CLUSTER == 2, "in order");

static bool is_member_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

static bool is_member(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_member_char(s.p[i]))
			return false;
	return s.n >= 1 && s.n <= CFG_MEMBER_MAX;
}

/* ---- the block */

static int check_url(struct conf_load *l, const struct cfg_redis *c, const struct str *u)
{
	bool tls = str_starts(*u, STR("rediss://")), local = str_starts(*u, STR("unix:/"));

	if (!tls && !local && !str_starts(*u, STR("redis://")))
		return conf_fail_at(l, u,
			"`url` is redis://HOST:PORT/DATABASE, rediss:// (TLS) or unix:/PATH, not "
			"`%.*s`",
			STR_FMT(*u));
	if (!local && str_chr(*u, '@') != (size_t)-1)
		return conf_fail_at(l, u,
			"a password in `url` would be shown where the configuration is; write "
			"`username:` and `password: ${env:NAME}` beside it");
	if (!tls && (c->tls.ca.n > 0 || c->tls.certificate.n > 0))
		return conf_fail_at(l, u, "`tls` is given, but this is not rediss://");
	if (local && c->mode != CFG_REDIS_STANDALONE)
		return conf_fail_at(l, u, "`unix:` is for `mode: standalone`");
	return 0;
}

static int check_urls(struct conf_load *l, const struct cfg_redis *c)
{
	if (c->url.n > URLS_MAX)
		return conf_fail_at(l, &c->url, "at most %d addresses", URLS_MAX);
	if (c->url.n > 1 && c->mode == CFG_REDIS_STANDALONE)
		return conf_fail_at(l, &c->url,
			"several addresses are the nodes of a cluster or the sentinels: say `mode: "
			"cluster` or `mode: sentinel`");
	for (size_t i = 0; i < c->url.n; i++)
		if (check_url(l, c, &c->url.v[i]) != 0)
			return -1;
	return 0;
}

static int check_members(struct conf_load *l, const struct cfg_redis *c)
{
	if (c->members.n > CFG_MEMBERS_MAX)
		return conf_fail_at(l, &c->members, "at most %d members", CFG_MEMBERS_MAX);
	for (size_t i = 0; i < c->members.n; i++) {
		const struct str *m = &c->members.v[i];

		if (!is_member(*m))
			return conf_fail_at(l, m,
				"a member's name is 1 to %d letters, digits and . _ -, not `%.*s`",
				CFG_MEMBER_MAX, STR_FMT(*m));
		for (size_t k = 0; k < i; k++)
			if (str_eq(*m, c->members.v[k]))
				return conf_fail_at(
					l, m, "the member `%.*s` is named twice", STR_FMT(*m));
	}
	return 0;
}

static int check_prefix(struct conf_load *l, const struct str *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!is_member_char(p->p[i]) && p->p[i] != ':')
			return conf_fail_at(l, p,
				"`prefix` has letters, digits and . _ : - in it, not `%.*s`",
				STR_FMT(*p));
	if (p->n > PREFIX_MAX)
		return conf_fail_at(l, p, "`prefix` has at most %d characters", PREFIX_MAX);
	return 0;
}

static int check_redis(struct conf_load *l, void *obj)
{
	const struct cfg_redis *c = obj;

	if ((c->url.n > 0) != (c->members.n > 0))
		return conf_fail(l, &c->pos,
			"`url` says where Redis is, and `members` who shares the limits: both are "
			"needed");
	if (check_urls(l, c) != 0 || check_members(l, c) != 0 || check_prefix(l, &c->prefix) != 0)
		return -1;
	if ((c->mode == CFG_REDIS_SENTINEL) != (c->primary.n > 0))
		return conf_fail_at(l, &c->primary,
			"`primary` is the name that sentinels know the primary by, and belongs to "
			"`mode: sentinel`");
	if (c->username.n > 0 && c->password.n == 0)
		return conf_fail_at(l, &c->username, "a `username` without a `password`");
	if (c->sentinel_username.n > 0 && c->sentinel_password.n == 0)
		return conf_fail_at(l, &c->sentinel_username,
			"a `sentinel_username` without a `sentinel_password`");
	if (c->sentinel_password.n > 0 && c->mode != CFG_REDIS_SENTINEL)
		return conf_fail_at(l, &c->sentinel_password,
			"`sentinel_password` belongs to `mode: sentinel`");
	if ((c->tls.certificate.n > 0) != (c->tls.key.n > 0))
		return conf_fail_at(l, &c->tls, "`certificate` and `key` belong together");
	return 0;
}

static const struct conf_directive tls_directives[] = {
	{ .name = "ca",
		.type = CONF_STRING,
		AT(cfg_redis_tls, ca),
		.help = "PEM file of certificate authorities to trust; absent: the system's." },
	{ .name = "certificate",
		.type = CONF_STRING,
		AT(cfg_redis_tls, certificate),
		.help = "PEM file with a certificate of ours, where the server asks for one. "
			"Absent: none is shown." },
	{ .name = "key",
		.type = CONF_STRING,
		AT(cfg_redis_tls, key),
		.help = "PEM file with its private key. Absent where there is no `certificate`." },
	{ .name = NULL },
};
static const struct conf_block tls_block = {
	.name = "redis tls",
	.help = "TLS towards Redis, for rediss:// addresses.",
	.size = sizeof(struct cfg_redis_tls),
	.directives = tls_directives,
};

static const struct conf_directive redis_directives[] = {
	{ .name = "url",
		.type = CONF_STRINGS,
		AT(cfg_redis, url),
		.help = "redis://HOST:PORT/DATABASE, rediss:// for TLS, or unix:/PATH; a list: the "
			"nodes of a cluster, or the sentinels. Without one there is no Redis." },
	{ .name = "mode",
		.type = CONF_ENUM,
		AT(cfg_redis, mode),
		.def = "standalone",
		.words = mode_words,
		.help = "What answers at `url`: one server, sentinels that know it, or a "
			"cluster." },
	{ .name = "primary",
		.type = CONF_STRING,
		AT(cfg_redis, primary),
		.help = "The name that sentinels know the primary by. Absent but with `mode: "
			"sentinel`." },
	{ .name = "members",
		.type = CONF_STRINGS,
		AT(cfg_redis, members),
		.help = "Every process that shares the limits, this one included, by its `member`; "
			"the same list for all, at most 32. Absent only without `url`." },
	{ .name = "username",
		.type = CONF_STRING,
		AT(cfg_redis, username),
		.help = "User of Redis' access lists; absent: the default one." },
	{ .name = "password",
		.type = CONF_SECRET,
		AT(cfg_redis, password),
		.help = "Its password. Absent: none is sent." },
	{ .name = "sentinel_username",
		.type = CONF_STRING,
		AT(cfg_redis, sentinel_username),
		.help = "User of the sentinels' own access lists; absent: the default one." },
	{ .name = "sentinel_password",
		.type = CONF_SECRET,
		AT(cfg_redis, sentinel_password),
		.help = "Password of the sentinels, where they ask for one (it is not Redis'). "
			"Absent: none is sent." },
	{ .name = "tls",
		.type = CONF_BLOCK,
		AT(cfg_redis, tls),
		.block = &tls_block,
		.help = "Certificates for rediss://." },
	{ .name = "prefix",
		.type = CONF_STRING,
		AT(cfg_redis, prefix),
		.def = "tg:",
		.help = "What the names of all keys begin with." },
	{ .name = "timeout",
		.type = CONF_DURATION,
		AT(cfg_redis, timeout_us),
		.def = "1s",
		.min = 5 * MS,
		.max = 10 * SEC,
		.help = "For Redis to answer a call; then the connection counts as lost. To be "
			"connected it has so long too, and at least 2 seconds." },
	{ .name = "revalidate",
		.type = CONF_DURATION,
		AT(cfg_redis, revalidate_us),
		.def = "60s",
		.min = 2 * SEC,
		.max = DAY,
		.help = "For so long what was granted is spent without hearing from Redis; then "
			"requests that a limit holds are answered with 503." },
	{ .name = "wait_replicas",
		.type = CONF_INT,
		AT(cfg_redis, wait_replicas),
		.max = 8,
		.help = "What was granted is used only when so many of Redis' replicas have it; "
			"while "
			"fewer answer (within a quarter of `timeout`), what lacks gets 503 "
			"`quota_unavailable`. 0: it is not waited for them." },
	{ .name = "share_targets",
		.type = CONF_BOOL,
		AT(cfg_redis, share_targets),
		.def = "yes",
		.help = "Whether members tell each other once a second what they have learned of "
			"targets (times, failures, open circuits, when a provider may be asked "
			"again), under PREFIX{t}:MEMBER." },
	{ .name = "ship",
		.type = CONF_BOOL,
		AT(cfg_redis, ship),
		.def = "no",
		.help = "Whether every charge of the ledger also goes to a stream of this member's "
			"own, PREFIX{l:MEMBER}, at least once and in order." },
	{ .name = "ship_keep",
		.type = CONF_INT,
		AT(cfg_redis, ship_keep),
		.def = "1000000",
		.min = 1000,
		.max = 1000000000,
		.help = "About so many of the newest entries stay in the stream (700 bytes "
			"each)." },
	{ .name = "ship_retain",
		.type = CONF_DURATION,
		AT(cfg_redis, ship_retain_us),
		.max = INT64_C(3650) * 86400 * 1000000,
		.help = "Age at which entries are taken out of the stream, looked at once a "
			"minute; "
			"absent: by `ship_keep` alone." },
	{ .name = "config_version",
		.type = CONF_INT,
		AT(cfg_redis, config_version),
		.min = 1,
		.max = (INT64_C(1) << 53) - 1,
		.help = "Which of two members' configurations is the newer one, where their limits "
			"or members differ: the higher; absent: the time in ms at which the newest "
			"of its files was written." },
	{ .name = NULL },
};
static const struct conf_hint redis_hints[] = {
	{ "host", "`url: redis://HOST:PORT`" },
	{ "port", "`url: redis://HOST:PORT`" },
	{ "address", "`url: redis://HOST:PORT`" },
	{ "db", "`url: redis://HOST:PORT/DATABASE`" },
	{ NULL, NULL },
};
const struct conf_block config_redis_block = {
	.name = "redis",
	.help = "Limits that several processes share: Redis has the sums, and grants each of them "
		"amounts to spend. Without this block a process keeps its limits alone.",
	.size = sizeof(struct cfg_redis),
	.directives = redis_directives,
	POS_OF(cfg_redis),
	.check = check_redis,
	.hints = redis_hints,
};

/* ---- with the rest of the configuration */

/* Numbers of Redis' scripts are exact below 2^53. */
static int check_amounts(struct conf_load *l, const struct cfg_quota *q)
{
	for (unsigned i = 0; i < q->n; i++)
		if (q->limit[i].kind == QUOTA_STOCK && q->limit[i].amount > CFG_LEASED_MAX)
			return conf_fail(l, &q->pos,
				"a limit that is shared through `redis` ends at 9,000,000 USD "
				"(or 9 * 10^15 of anything else)");
	return 0;
}

static int check_all_amounts(struct conf_load *l, const struct config *c)
{
	const struct cfg_tier *tier = c->tiers.v;
	const struct cfg_org *org = c->orgs.v;
	const struct cfg_budget *budget = c->budgets.v;
	const struct cfg_tenant *t = c->tenants.v;
	int rc = 0;

	for (size_t i = 0; i < c->tiers.n && rc == 0; i++)
		rc = check_amounts(l, &tier[i].limits) != 0
			     ? -1
			     : check_amounts(l, &tier[i].pool.limits);
	for (size_t i = 0; i < c->orgs.n && rc == 0; i++)
		rc = check_amounts(l, &org[i].limits);
	for (size_t i = 0; i < c->budgets.n && rc == 0; i++)
		rc = check_amounts(l, &budget[i].limits);
	for (size_t i = 0; i < c->tenants.n && rc == 0; i++) {
		const struct cfg_key *k = t[i].keys.v;

		rc = check_amounts(l, &t[i].limits);
		for (size_t j = 0; j < t[i].keys.n && rc == 0; j++)
			rc = check_amounts(l, &k[j].limits);
	}
	return rc;
}

int config_check_redis(struct conf_load *l, struct config *c)
{
	struct cfg_redis *r = &c->redis;
	struct cfg_tier *tier = c->tiers.v;

	if (r->url.n == 0)
		return 0;
	for (size_t i = 0; i < c->tiers.n; i++)
		tier[i].offline.members = (unsigned)r->members.n;
	if (r->config_version == 0)
		r->config_version = conf_newest_ms(l);
	if (c->ledger.path.n == 0 || str_eq(c->ledger.path, STR("none")))
		return conf_fail(l, &r->pos,
			"`redis` needs a ledger: what this process has spent and which epochs it "
			"knows are kept there; `ledger.path` is none");
	for (size_t i = 0; i < r->members.n; i++)
		if (str_eq(r->members.v[i], c->member))
			return check_all_amounts(l, c);
	return conf_fail_at(l, &r->members,
		"`member` is `%.*s`, which is not among `redis.members`: each process has a name "
		"of "
		"its own there",
		STR_FMT(c->member));
}
