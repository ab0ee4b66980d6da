/*
 * config_upstream.c: the directive tables of how providers are asked: clocks and connection pool,
 * for all targets (`upstream`) and for one; how much one may be asked for; whether it is well. Part
 * of config.c's tables.
 */
#include "core/config_table.h"

#define CONCURRENCY_MAX 1000000

/* ---- clocks and pool */

static const struct conf_directive upstream_directives[] = {
#define DEFAULT(text) text
#define X(...)        DIRECTIVE(cfg_upstream, __VA_ARGS__)
#include "core/tbl/upstream_directives.h"
#undef X
#undef DEFAULT
	{ .name = NULL },
};
const struct conf_block config_upstream_block = {
	.name = "upstream",
	.help = "Clocks and connection pool towards providers, for every target that does not say "
		"otherwise.",
	.size = sizeof(struct cfg_upstream),
	.directives = upstream_directives,
};

static const struct conf_directive target_timeouts_directives[] = {
#define DEFAULT(text) NULL
#define X(...)        DIRECTIVE(cfg_upstream, __VA_ARGS__)
#include "core/tbl/upstream_directives.h"
#undef X
#undef DEFAULT
	{ .name = NULL },
};
const struct conf_block config_target_timeouts_block = {
	.name = "target timeouts",
	.help = "The same as the block `upstream`, for one target. What is absent comes from "
		"there.",
	.size = sizeof(struct cfg_upstream),
	.directives = target_timeouts_directives,
};

/* ---- limits of targets */

static int check_rate(
	struct conf_load *l, enum quota_dim dim, const struct str *text, struct capacity_rate *out)
{
	struct quota_limit q;
	char why[256];

	if (text->n == 0)
		return 0;
	if (quota_limit_parse(dim, *text, &q, why, sizeof why) != 0)
		return conf_fail_at(l, text, "%s", why);
	if (q.kind != QUOTA_RATE)
		return conf_fail_at(l, text,
			"a rate such as 5000/m (s, m, h): what the provider lets this account do, "
			"not `%.*s`",
			STR_FMT(*text));
	*out = (struct capacity_rate){ q.amount, (int64_t)q.rate_s * 1000000 };
	return 0;
}

static int check_target_limits(struct conf_load *l, void *obj)
{
	struct cfg_target_limits *t = obj;

	t->limit.concurrency = t->concurrency;
	if (check_rate(l, QUOTA_REQUESTS, &t->requests, &t->limit.requests) != 0)
		return -1;
	return check_rate(l, QUOTA_TOKENS, &t->tokens, &t->limit.tokens);
}

static const struct conf_directive target_limits_directives[] = {
	{ .name = "concurrency",
		.type = CONF_INT,
		AT(cfg_target_limits, concurrency),
		.min = 1,
		.max = CONCURRENCY_MAX,
		.help = "Requests at once. Absent: any number." },
	{ .name = "requests",
		.type = CONF_STRING,
		AT(cfg_target_limits, requests),
		.help = "Requests in a time, such as 5000/m. Absent: any number." },
	{ .name = "tokens",
		.type = CONF_STRING,
		AT(cfg_target_limits, tokens),
		.help = "Tokens in a time, such as 2000000/m: expected ones, corrected by what it "
			"was. Absent: any number." },
	{ .name = NULL },
};
const struct conf_block config_target_limits_block = {
	.name = "target limits",
	.help = "What the provider lets this account do; what is beyond goes to other targets, and "
		"is refused with 503 when there is none.",
	.size = sizeof(struct cfg_target_limits),
	.directives = target_limits_directives,
	POS_OF(cfg_target_limits),
	.check = check_target_limits,
};

/* ---- health checks */

int config_check_health_check(struct conf_load *l, const struct cfg_target *t)
{
	const struct cfg_health_check *h = &t->health_check;

	/* Without a word of it there is none, and dumps write it out like that. */
	if (h->path.n == 0 && h->interval_us == HEALTH_CHECK_INTERVAL &&
		h->timeout_us == HEALTH_CHECK_TIMEOUT && h->healthy == HEALTH_CHECK_GOOD &&
		h->unhealthy == HEALTH_CHECK_BAD)
		return 0;
	if (h->path.n == 0 || h->path.p[0] != '/')
		return conf_fail_at(l, &h->path,
			"`health_check` of `%.*s` needs a `path` such as /v1/models, with a slash "
			"in front",
			STR_FMT(t->name));
	for (size_t i = 0; i < h->path.n; i++)
		if (h->path.p[i] <= ' ' || h->path.p[i] > '~' || h->path.p[i] == '#')
			return conf_fail_at(l, &h->path,
				"`path` goes into a URL as it is: plain ASCII without spaces");
	if (t->proxy.n > 0 || !t->tls_verify)
		return conf_fail_at(l, &h->path,
			"`health_check` of `%.*s` goes straight to it and verifies its "
			"certificate: not with `proxy`, nor with `tls_verify: false`",
			STR_FMT(t->name));
	return 0;
}

static const struct conf_directive health_check_directives[] = {
	{ .name = "path",
		.type = CONF_STRING,
		AT(cfg_health_check, path),
		.help = "What is asked for (GET), behind the host, with the target's key: "
			"/v1/models. Well: 2xx and 3xx, and 401, 402, 403 and 429, which are "
			"about the key. Answers have at most 64 KB. Absent: it is not asked." },
	{ .name = "interval",
		.type = CONF_DURATION,
		AT(cfg_health_check, interval_us),
		.def = "10s",
		.min = 100 * MS,
		.max = DAY,
		.help = "From the end of a check to the next one." },
	{ .name = "timeout",
		.type = CONF_DURATION,
		AT(cfg_health_check, timeout_us),
		.def = "2s",
		.min = 10 * MS,
		.max = MINUTE,
		.help = "For all of a check." },
	{ .name = "healthy",
		.type = CONF_INT,
		AT(cfg_health_check, healthy),
		.def = "2",
		.min = 1,
		.max = 100,
		.help = "So many good checks in a row bring it back." },
	{ .name = "unhealthy",
		.type = CONF_INT,
		AT(cfg_health_check, unhealthy),
		.def = "3",
		.min = 1,
		.max = 100,
		.help = "So many failed ones in a row take it out." },
	{ .name = NULL },
};
const struct conf_block config_health_check_block = {
	.name = "health check",
	.help = "Ask a target now and then whether it is well, beside what requests meet there. Of "
		"each gateway for itself.",
	.size = sizeof(struct cfg_health_check),
	.directives = health_check_directives,
	POS_OF(cfg_health_check),
};
