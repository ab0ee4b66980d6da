/*
 * config_route.c: the directive tables of `routes`: how one of a model's targets is chosen. Part of
 * config.c's tables.
 */
#include "core/config_table.h"

#define DEFAULT_WEIGHTS                                                 \
	{                                                               \
		.cost = 4000, .performance = 4000, .availability = 2000 \
	}

const char *const route_builtin_names[ROUTE_BUILTINS] = { "balanced", "cheap", "fast" };

const struct score_rule *route_builtin(struct str name)
{
	static const struct score_rule rules[ROUTE_BUILTINS] = { DEFAULT_WEIGHTS,
		{ .cost = 8000, .performance = 1000, .availability = 1000 },
		{ .cost = 1000, .performance = 7000, .availability = 2000 } };

	for (unsigned i = 0; i < ROUTE_BUILTINS; i++)
		if (str_eq(name, str_z(route_builtin_names[i])))
			return &rules[i];
	return NULL;
}

/* 0.4 as 4000: at most 1, at most four decimal places. */
static int weight_parse(struct str s, uint32_t *out)
{
	uint32_t v = 0, place = SCORE_WEIGHT_ONE;
	size_t i = 1;

	*out = 0;
	if (s.n == 0)
		return 0;
	if (s.p[0] != '0' && s.p[0] != '1')
		return -1;
	v = (uint32_t)(s.p[0] - '0') * SCORE_WEIGHT_ONE;
	if (s.n > 1 && (s.p[1] != '.' || s.n == 2))
		return -1;
	for (i = 2; i < s.n; i++) {
		place /= 10;
		if (s.p[i] < '0' || s.p[i] > '9' || place == 0)
			return -1;
		v += (uint32_t)(s.p[i] - '0') * place;
	}
	*out = v;
	return v <= SCORE_WEIGHT_ONE ? 0 : -1;
}

static int check_weight(struct conf_load *l, const struct str *text, uint32_t *out)
{
	if (weight_parse(*text, out) == 0)
		return 0;
	return conf_fail_at(l, text,
		"a weight is a number from 0 to 1 with at most 4 decimal places, such as 0.4, not "
		"`%.*s`",
		STR_FMT(*text));
}

static int check_route(struct conf_load *l, void *obj)
{
	static const struct score_rule usual = DEFAULT_WEIGHTS;
	struct cfg_route *r = obj;
	const struct cfg_weights *w = &r->weights;
	bool weighs = w->cost.n + w->performance.n + w->availability.n > 0;

	if (config_check_name(l, "route", &r->name) != 0)
		return -1;
	if (check_weight(l, &w->cost, &r->rule.cost) != 0 ||
		check_weight(l, &w->performance, &r->rule.performance) != 0 ||
		check_weight(l, &w->availability, &r->rule.availability) != 0)
		return -1;
	if (r->per_second > 0 || r->per_failure > 0) {
		if (weighs)
			return conf_fail_at(l, &r->weights,
				"`weights` or dollars (`per_second`, `per_failure`), not both");
		r->rule = (struct score_rule){
			.dollars = true, .per_second = r->per_second, .per_failure = r->per_failure
		};
		return 0;
	}
	if (!weighs)
		r->rule = usual;
	if (r->rule.cost + r->rule.performance + r->rule.availability == 0)
		return conf_fail_at(l, &r->weights, "all weights are 0: at least one counts");
	return 0;
}

static const struct conf_directive weights_directives[] = {
	{ .name = "cost",
		.type = CONF_STRING,
		AT(cfg_weights, cost),
		.help = "How much it counts what the request is expected to cost." },
	{ .name = "performance",
		.type = CONF_STRING,
		AT(cfg_weights, performance),
		.help = "How much it counts how long the answer is expected to take." },
	{ .name = "availability",
		.type = CONF_STRING,
		AT(cfg_weights, availability),
		.help = "How much it counts how often requests fail." },
	{ .name = NULL },
};
static const struct conf_block weights_block = {
	.name = "weights",
	.help = "Numbers from 0 to 1, such as 0.4. Each term is taken as how many times worse than "
		"the best candidate it is, so units do not matter. What is absent is 0.",
	.size = sizeof(struct cfg_weights),
	.directives = weights_directives,
	POS_OF(cfg_weights),
};

static const char *const over_words[] = { "cheapest", "refuse", NULL };
static const char *const stick_words[] = { "no", "session", "prompt", NULL };

static const struct conf_directive route_directives[] = {
	{ .name = "weights",
		.type = CONF_BLOCK,
		AT(cfg_route, weights),
		.block = &weights_block,
		.help = "What counts how much; absent: cost 0.4, performance 0.4, availability "
			"0.2." },
	{ .name = "per_second",
		.type = CONF_MONEY,
		AT(cfg_route, per_second),
		.help = "Instead of weights: what a second of waiting is worth. Absent: nothing." },
	{ .name = "per_failure",
		.type = CONF_MONEY,
		AT(cfg_route, per_failure),
		.help = "Instead of weights: what a failed request is worth. Absent: nothing." },
	{ .name = "max_cost",
		.type = CONF_MONEY,
		AT(cfg_route, max_cost),
		.help = "Targets at which a request could cost more are passed over. Absent: none "
			"is." },
	{ .name = "over_max_cost",
		.type = CONF_ENUM,
		AT(cfg_route, over_max_cost),
		.def = "cheapest",
		.words = over_words,
		.help = "When it could cost more at all of them: cheapest (it goes to the "
			"cheapest), "
			"refuse (402 `cost_ceiling`)." },
	{ .name = "stick",
		.type = CONF_ENUM,
		AT(cfg_route, stick),
		.def = "no",
		.words = stick_words,
		.help = "Requests that belong together go to the same target while it is well and "
			"not "
			"busier than others: session (the same `x-tollgate-session`), prompt (the "
			"same beginning of the body, so that the provider's prompt cache hits)." },
	{ .name = NULL },
};
const struct conf_block config_route_block = {
	.name = "route",
	.help = "How a target is chosen, under a name of your choice. `cheap`, `balanced` and "
		"`fast` are there without being written.",
	.size = sizeof(struct cfg_route),
	.directives = route_directives,
	POS_OF(cfg_route),
	.check = check_route,
};
