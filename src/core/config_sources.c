/*
 * config_sources.c: the directive tables of what comes before and behind limits: parts that are
 * reserved for a tenant, credits. Part of config.c's tables.
 */
#include "core/config_table.h"

/* ---- credits */

static int check_day(struct conf_load *l, const struct str *day)
{
	wall_us t;

	if (day->n == 0 || clock_parse(*day, &t) == 0)
		return 0;
	return conf_fail_at(l, day, "`%.*s` is no date such as 2027-01-31 or 2027-01-31T18:00:00Z",
		STR_FMT(*day));
}

static int check_credit(struct conf_load *l, void *obj)
{
	const struct cfg_credit *c = obj;
	wall_us from, expires;

	if (check_day(l, &c->from) != 0 || check_day(l, &c->expires) != 0)
		return -1;
	if (c->amount % PICO_PER_NANO != 0)
		return conf_fail_at(
			l, &c->amount, "a credit has at most 9 digits behind the point");
	for (size_t i = 0; i < c->name.n; i++)
		if (c->name.p[i] <= ' ' || c->name.p[i] > '~' ||
			strchr("/@\"\\", c->name.p[i]) != NULL)
			return conf_fail_at(l, &c->name,
				"the name of a credit is printable ASCII without spaces, / and @, "
				"not "
				"`%.*s`",
				STR_FMT(c->name));
	if (c->from.n > 0 && c->expires.n > 0 && clock_parse(c->from, &from) == 0 &&
		clock_parse(c->expires, &expires) == 0 && from.us >= expires.us)
		return conf_fail_at(l, &c->expires, "it expires before it begins");
	return 0;
}

static const struct conf_directive credit_directives[] = {
	{ .name = "amount",
		.type = CONF_MONEY,
		AT(cfg_credit, amount),
		.flags = CONF_REQUIRED,
		.help = "How much was paid." },
	{ .name = "expires",
		.type = CONF_STRING,
		AT(cfg_credit, expires),
		.help = "From when on the rest is void: the beginning of a day in the time zone of "
			"the place, or a time such as 2027-01-31T18:00:00Z; absent: never." },
	{ .name = "from",
		.type = CONF_STRING,
		AT(cfg_credit, from),
		.help = "From when on it may be drawn on; absent: at once." },
	{ .name = "name",
		.type = CONF_STRING,
		AT(cfg_credit, name),
		.help = "Its name in accounts; absent: the text of `expires`. What has been drawn "
			"belongs to the name." },
	{ .name = NULL },
};
const struct conf_block config_credit_block = {
	.name = "credit",
	.help = "Money that was paid in advance. What limits on cost have is used first.",
	.size = sizeof(struct cfg_credit),
	.directives = credit_directives,
	POS_OF(cfg_credit),
	.check = check_credit,
};

/* ---- reserved parts */

static int check_reserved(struct conf_load *l, void *obj)
{
	struct cfg_reserved *r = obj;

	if (config_check_limit(l, &r->dimension, &r->text, &r->limit) != 0)
		return -1;
	if (r->limit.kind != QUOTA_STOCK)
		return conf_fail_at(l, &r->text,
			"only of a limit of a calendar period a part can be kept: hour, day, week, "
			"month, quarter, year, lifetime");
	return 0;
}

static const struct conf_directive reserved_directives[] = {
	{ .name = "tenant",
		.type = CONF_STRING,
		AT(cfg_reserved, tenant),
		.flags = CONF_REQUIRED,
		.help = "Whose it is: a tenant of the org or the tier." },
	{ .name = "dimension",
		.type = CONF_STRING,
		AT(cfg_reserved, dimension),
		.flags = CONF_REQUIRED,
		.help = "The limit's dimension: cost, tokens, requests and so on." },
	{ .name = "limit",
		.type = CONF_STRING,
		AT(cfg_reserved, text),
		.flags = CONF_REQUIRED,
		.help = "How much, and of which limit: with the period of one of this place, such "
			"as "
			"`20 usd/month`." },
	{ .name = NULL },
};
const struct conf_block config_reserved_block = {
	.name = "reserved",
	.help = "A part of a limit that one tenant alone may use; it is used before what all "
		"share.",
	.size = sizeof(struct cfg_reserved),
	.directives = reserved_directives,
	POS_OF(cfg_reserved),
	.check = check_reserved,
};
