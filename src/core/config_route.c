/*
 * config_route.c: the directive tables of the choice of a target: routes, rules, limits of targets,
 * models. Part of config.c's tables.
 */
#include "core/config_route.h"

#include "conf/types.h"
#include "core/config.h"
#include "core/config_check.h"
#include "core/hedge.h"
#include "geo/geo_set.h"
#include "route/prompt_kind.h"

#define AT(type, member) .offset = offsetof(struct type, member)
#define POS_OF(type)     .pos_offset_plus1 = offsetof(struct type, pos) + 1
#define CONCURRENCY_MAX  1000000
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

/* ---- routes */

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
		.help = "Instead of weights: what a second of waiting is worth." },
	{ .name = "per_failure",
		.type = CONF_MONEY,
		AT(cfg_route, per_failure),
		.help = "Instead of weights: what a failed request is worth." },
	{ .name = "max_cost",
		.type = CONF_MONEY,
		AT(cfg_route, max_cost),
		.help = "Targets at which a request could cost more are passed over." },
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

/* ---- rules */

enum rule_word rule_word_of(struct str name)
{
	static const struct str words[] = {
#define X(id, member, kind) { #member, sizeof #member - 1 },
#include "core/tbl/rule_words.h"
#undef X
	};

	if (str_starts(name, STR("tag.")) && name.n > 4)
		return RULE_TAG;
	if (str_starts(name, STR("header.")) && name.n > 7)
		return RULE_HEADER;
	for (unsigned i = 0; i < TG_ARRAY_LEN(words); i++)
		if (str_eq(name, words[i]))
			return (enum rule_word)i;
	return RULE__MAX;
}

enum rule_kind rule_kind_of(enum rule_word w)
{
	static const char kinds[][6] = {
#define X(id, member, kind) #kind,
#include "core/tbl/rule_words.h"
#undef X
	};

	if (w >= RULE_TAG)
		return RULE_NAME;
	switch (kinds[w][0]) {
	case 'P': return RULE_PATHS;
	case 'C': return RULE_COUNT;
	case 'F': return RULE_FLAG;
	case 'L': return RULE_LANGS;
	default: return RULE_NAME;
	}
}

int rule_count_parse(struct str s, struct rule_count *out)
{
	*out = (struct rule_count){ .above = false };
	if (s.n < 2 || (s.p[0] != '<' && s.p[0] != '>'))
		return -1;
	out->above = s.p[0] == '>';
	out->equal = s.p[1] == '=';
	s = str_skip(s, out->equal ? 2 : 1);
	if (s.n == 0 || s.n > 12)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		out->n = out->n * 10 + (uint64_t)(s.p[i] - '0');
	}
	return 0;
}

int rule_languages_parse(struct str text, uint32_t *out, struct str *bad)
{
	_Static_assert(PROMPT_LANGUAGE__MAX <= 32, "bits of a rule's languages");

	size_t comma;

	*out = 0;
	do {
		enum prompt_language lang;
		struct str word;

		comma = str_chr(text, ',');
		word = str_mk(text.p, comma == (size_t)-1 ? text.n : comma);
		while (word.n > 0 && *word.p == ' ')
			word = str_skip(word, 1);
		lang = prompt_language_named(word);
		if (lang == PROMPT_LANGUAGE__MAX) {
			*bad = word;
			return -1;
		}
		*out |= UINT32_C(1) << lang;
		text = str_skip(text, comma == (size_t)-1 ? text.n : comma + 1);
	} while (comma != (size_t)-1);
	return 0;
}

static int check_languages(struct conf_load *l, const struct conf_tag *m)
{
	char known[PROMPT_LANGUAGE__MAX * 8];
	uint32_t bits;
	struct str bad;
	size_t n = 0;

	if (rule_languages_parse(m->value, &bits, &bad) == 0)
		return 0;
	for (unsigned i = 0; i < PROMPT_LANGUAGE__MAX; i++)
		n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i > 0 ? " " : "",
			prompt_language_code((enum prompt_language)i));
	return conf_fail_at(l, &m->name, "`%.*s` is no language that is told apart; there are %s",
		STR_FMT(bad), known);
}

static int check_match(struct conf_load *l, const struct conf_tag *m)
{
	static const char *const words[] = {
#define X(id, member, kind) #member,
#include "core/tbl/rule_words.h"
#undef X
	};
	enum rule_word w = rule_word_of(m->name);
	struct rule_count count;
	struct geo_word place;
	const char *near;

	if (w == RULE__MAX) {
		near = str_nearest(m->name, words, TG_ARRAY_LEN(words));
		return conf_fail_at(l, &m->name,
			"`%.*s` is nothing that requests are matched by; there are tenant, org, "
			"tier, key, country, path, prompt_tokens, tools, images, documents, "
			"stream, code, language, tag.NAME and header.NAME%s%s%s",
			STR_FMT(m->name), near != NULL ? "; did you mean `" : "",
			near != NULL ? near : "", near != NULL ? "`?" : "");
	}
	if (w == RULE_COUNTRY && geo_word_parse(m->value, &place, &near) != 0)
		return conf_fail_at(l, &m->name, "`%.*s`: %s", STR_FMT(m->value), near);
	if (rule_kind_of(w) == RULE_COUNT && rule_count_parse(m->value, &count) != 0)
		return conf_fail_at(l, &m->name,
			"a number with < <= > or >= before it, such as "
			"\"<500\", not `%.*s`",
			STR_FMT(m->value));
	if (rule_kind_of(w) == RULE_LANGS)
		return check_languages(l, m);
	if (rule_kind_of(w) == RULE_FLAG && !str_eq(m->value, STR("true")) &&
		!str_eq(m->value, STR("false")))
		return conf_fail_at(l, &m->name, "true or false, not `%.*s`", STR_FMT(m->value));
	return 0;
}

static int check_rule(struct conf_load *l, void *obj)
{
	const struct cfg_rule *r = obj;

	if (r->name.n > 0 && config_check_name(l, "rule", &r->name) != 0)
		return -1;
	for (size_t i = 0; i < r->match.n; i++)
		if (check_match(l, &r->match.v[i]) != 0)
			return -1;
	if (r->use.n == 0 && r->route.n == 0)
		return conf_fail(l, &r->pos, "a rule says what to do: `use` a model, or a `route`");
	return 0;
}

static const char *const draw_words[] = { "no", "session", "end_user", "key", "tenant", NULL };

static const struct conf_directive rule_directives[] = {
	{ .name = "name",
		.type = CONF_STRING,
		AT(cfg_rule, name),
		.help = "What the access log and x-tollgate-route call it; absent: its number, "
			"from "
			"1 on." },
	{ .name = "match",
		.type = CONF_TAGS,
		AT(cfg_rule, match),
		.flags = CONF_TAG_LISTS,
		.help = "All that is given must be so: `tenant`, `org`, `tier`, `key`, `country` "
			"(DE, EU, "
			"AS64496, unknown), `path` (`/v1/"
			"chat*`), `prompt_tokens` (estimated: `\"<500\"`), `tools`, `images`, "
			"`documents`, `stream`, `code` (true, false), `language` (a code such as "
			"de, or a list of them: of the last user message), `tag.NAME`, "
			"`header.NAME`. Absent: "
			"every request." },
	{ .name = "when_model",
		.type = CONF_STRING,
		AT(cfg_rule, when_model),
		.help = "Only for requests that ask for this model. It need not be under `models`: "
			"`auto`, say, which rules alone resolve. Absent: any." },
	{ .name = "use",
		.type = CONF_STRING,
		AT(cfg_rule, use),
		.help = "The model that serves the request; its key must be allowed to use it." },
	{ .name = "route",
		.type = CONF_STRING,
		AT(cfg_rule, route),
		.help = "The route by which a target is chosen, instead of the model's." },
	{ .name = "share",
		.type = CONF_PERCENT,
		AT(cfg_rule, share_bp),
		.def = "100%",
		.max = 10000,
		.help = "Only so many of the requests that match: a canary. The others go on to "
			"the rules behind it." },
	{ .name = "stick",
		.type = CONF_ENUM,
		AT(cfg_rule, stick),
		.def = "no",
		.words = draw_words,
		.help = "What always gets the same, in or out of `share`, and stays in when the "
			"share "
			"grows: no (each request is drawn for itself), session, end_user, key, "
			"tenant. A request without a session or end user is drawn for itself." },
	{ .name = NULL },
};
const struct conf_block config_rule_block = {
	.name = "rule",
	.help = "Another model or another route for some requests. The first rule that matches is "
		"the one.",
	.size = sizeof(struct cfg_rule),
	.directives = rule_directives,
	POS_OF(cfg_rule),
	.check = check_rule,
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
		.help = "Requests at once." },
	{ .name = "requests",
		.type = CONF_STRING,
		AT(cfg_target_limits, requests),
		.help = "Requests in a time, such as 5000/m." },
	{ .name = "tokens",
		.type = CONF_STRING,
		AT(cfg_target_limits, tokens),
		.help = "Tokens in a time, such as 2000000/m: expected ones, corrected by what it "
			"was." },
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

/* ---- models */

static int check_target_key(struct conf_load *l, void *obj)
{
	const struct cfg_target_key *k = obj;

	return config_check_name(l, "key", &k->id);
}

static const struct conf_directive target_key_directives[] = {
	{ .name = "id",
		.type = CONF_STRING,
		AT(cfg_target_key, id),
		.flags = CONF_REQUIRED,
		.help = "What logs and metrics call it; unique in the target." },
	{ .name = "key",
		.type = CONF_SECRET,
		AT(cfg_target_key, key),
		.flags = CONF_REQUIRED,
		.help = "The API key." },
	{ .name = "weight",
		.type = CONF_INT,
		AT(cfg_target_key, weight),
		.def = "1",
		.min = 1,
		.max = 1000,
		.help = "Its share of the target's requests." },
	{ .name = NULL },
};
const struct conf_block config_target_keys_block = {
	.name = "target key",
	.help = "One of several keys of a target.",
	.size = sizeof(struct cfg_target_key),
	.directives = target_key_directives,
	POS_OF(cfg_target_key),
	.check = check_target_key,
};

static const struct conf_directive health_check_directives[] = {
	{ .name = "path",
		.type = CONF_STRING,
		AT(cfg_health_check, path),
		.help = "What is asked for (GET), behind the host, with the target's key: "
			"/v1/models. Well: 2xx and 3xx, and 401, 402, 403 and 429, which are "
			"about the key. Answers have at most 64 KB." },
	{ .name = "interval",
		.type = CONF_DURATION,
		AT(cfg_health_check, interval_us),
		.def = "10s",
		.min = 100000,
		.max = INT64_C(86400000000),
		.help = "From the end of a check to the next one." },
	{ .name = "timeout",
		.type = CONF_DURATION,
		AT(cfg_health_check, timeout_us),
		.def = "2s",
		.min = 10000,
		.max = 60000000,
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

int config_check_capabilities(struct conf_load *l, const struct conf_tags *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct conf_tag *m = &t->v[i];
		const char *near;

		if (capability_of(m->name) == CAPABILITY__MAX) {
			near = str_nearest(m->name, capability_words, CAPABILITY__MAX);
			return conf_fail_at(l, &m->name,
				"`%.*s` is no capability; there are vision, tools, json_schema, "
				"documents, audio and reasoning%s%s%s",
				STR_FMT(m->name), near != NULL ? "; did you mean `" : "",
				near != NULL ? near : "", near != NULL ? "`?" : "");
		}
		if (!str_eq(m->value, STR("true")) && !str_eq(m->value, STR("false")))
			return conf_fail_at(
				l, &m->name, "true or false, not `%.*s`", STR_FMT(m->value));
	}
	return 0;
}

struct capabilities config_capabilities(const struct conf_tags *t)
{
	struct capabilities c = { 0, 0 };

	for (size_t i = 0; i < t->n; i++)
		capability_say(&c, capability_of(t->v[i].name), str_eq(t->v[i].value, STR("true")));
	return c;
}

static int check_model_target(struct conf_load *l, void *obj)
{
	const struct cfg_model_target *t = obj;

	return config_check_capabilities(l, &t->capabilities);
}

static const struct conf_directive model_target_directives[] = {
	{ .name = "target",
		.type = CONF_STRING,
		AT(cfg_model_target, target),
		.flags = CONF_REQUIRED,
		.help = "Name of a target." },
	{ .name = "model",
		.type = CONF_STRING,
		AT(cfg_model_target, model),
		.help = "What the provider calls the model; absent: the name the client used." },
	{ .name = "weight",
		.type = CONF_INT,
		AT(cfg_model_target, weight),
		.min = 1,
		.max = 1000,
		.help = "Share of this model's requests; absent: the target's weight." },
	{ .name = "capabilities",
		.type = CONF_TAGS,
		AT(cfg_model_target, capabilities),
		.help = "What this model can do there (true) or cannot (false): { vision: false }. "
			"Goes before the target's own `capabilities`." },
	{ .name = NULL },
};
static const struct conf_block model_target_block = {
	.name = "model target",
	.help = "One place that serves a model. A single text stands for `target`.",
	.size = sizeof(struct cfg_model_target),
	.directives = model_target_directives,
	POS_OF(cfg_model_target),
	.check = check_model_target,
};

static const char *const unsupported_words[] = { "refuse", "drop", NULL };
static int check_shadow(struct conf_load *l, void *obj)
{
	const struct cfg_shadow *s = obj;

	return s->share_bp > 0 ? 0
			       : conf_fail_at(l, &s->share_bp,
					 "a share of 0%%: leave the shadow out, or say how many of "
					 "the requests are copied, such as 5%%");
}

static const struct conf_directive shadow_directives[] = {
	{ .name = "to",
		.type = CONF_STRING,
		AT(cfg_shadow, to),
		.flags = CONF_REQUIRED,
		.help = "The model that gets the copies. To try a target, name a model that has "
			"it alone." },
	{ .name = "key",
		.type = CONF_STRING,
		AT(cfg_shadow, key),
		.flags = CONF_REQUIRED,
		.help = "Id of the key that pays: the copies are held, settled and reported as "
			"requests of its tenant. It, its tenant or its tier must have a limit on "
			"`cost`." },
	{ .name = "share",
		.type = CONF_PERCENT,
		AT(cfg_shadow, share_bp),
		.flags = CONF_REQUIRED,
		.max = 10000,
		.help = "So many of the requests are copied." },
	{ .name = "max_body",
		.type = CONF_SIZE,
		AT(cfg_shadow, max_body),
		.def = "256k",
		.min = 1024,
		.max = INT64_C(67108864),
		.help = "Requests with a longer body are not copied." },
	{ .name = "in_flight",
		.type = CONF_INT,
		AT(cfg_shadow, in_flight),
		.def = "16",
		.min = 1,
		.max = 10000,
		.help = "Copies under way at once, over all workers; more are not made." },
	{ .name = NULL },
};
static const struct conf_block shadow_block = {
	.name = "shadow",
	.help = "Copies of a model's requests go to another model too. Their answers are metered "
		"and dropped; the client's request knows nothing of them.",
	.size = sizeof(struct cfg_shadow),
	.directives = shadow_directives,
	POS_OF(cfg_shadow),
	.check = check_shadow,
};

static int check_hedge(struct conf_load *l, void *obj)
{
	struct cfg_hedge *h = obj;
	struct conf_why why;

	if (h->after.n == 0)
		return 0; /* none: dumps write it out like that */
	if (hedge_parse(h->after, &h->after_us, &why) != 0)
		return conf_fail_at(l, &h->after,
			"`after` must be p95, or a duration such as 800ms, not `%.*s`",
			STR_FMT(h->after));
	return 0;
}

static const struct conf_directive hedge_directives[] = {
	{ .name = "after",
		.type = CONF_STRING,
		AT(cfg_hedge, after),
		.help = "For how long the first byte of an answer may be waited for: a duration, "
			"or "
			"p95, what 95 % of the model's answers take here. Absent: none." },
	{ .name = "share",
		.type = CONF_PERCENT,
		AT(cfg_hedge, share_bp),
		.def = "2%",
		.min = 1,
		.max = 2000,
		.help = "At most so many of the requests get a second try." },
	{ .name = "max_body",
		.type = CONF_SIZE,
		AT(cfg_hedge, max_body),
		.def = "16k",
		.min = 1024,
		.max = INT64_C(1048576),
		.help = "Requests with a longer body get none: their prompts are paid twice." },
	{ .name = NULL },
};
static const struct conf_block hedge_block = {
	.name = "hedge",
	.help = "A second try at another target of the model, when the first one is slow to begin "
		"to answer. The first to answer is taken, the other one cancelled; both are paid "
		"for.",
	.size = sizeof(struct cfg_hedge),
	.directives = hedge_directives,
	POS_OF(cfg_hedge),
	.check = check_hedge,
};

static const struct conf_directive model_directives[] = {
	{ .name = "targets",
		.type = CONF_LIST,
		AT(cfg_model, targets),
		.flags = CONF_REQUIRED,
		.block = &model_target_block,
		.help = "Where the model is served; at least one." },
	{ .name = "on_unsupported",
		.type = CONF_ENUM,
		AT(cfg_model, on_unsupported),
		.def = "refuse",
		.words = unsupported_words,
		.help = "When a request is translated for a target whose API cannot say all of it: "
			"refuse "
			"(400, which names the member, if no other target of the model can), or "
			"drop (leave "
			"the member out, and name it in x-tollgate-dropped)." },
	{ .name = "route",
		.type = CONF_STRING,
		AT(cfg_model, route),
		.help = "How one of them is chosen: a name under `routes`, or cheap, balanced or "
			"fast. Absent: by their weights." },
	{ .name = "fallback",
		.type = CONF_STRINGS,
		AT(cfg_model, fallback),
		.help = "Models that serve, in this order, when none of the targets could, when "
			"the "
			"request is longer than the model's context, and when the provider "
			"declines "
			"it by its content policy. The key must be allowed to use them." },
	{ .name = "shadow",
		.type = CONF_LIST,
		AT(cfg_model, shadow),
		.block = &shadow_block,
		.help = "Copies of a share of its requests, to try another model or target with: "
			"one block, or a list of them." },
	{ .name = "hedge",
		.type = CONF_BLOCK,
		AT(cfg_model, hedge),
		.block = &hedge_block,
		.help = "A second try at another target, when the first one is slow to begin to "
			"answer. "
			"Absent: none." },
	{ .name = NULL },
};
const struct conf_block config_model_block = {
	.name = "model",
	.help = "A model by the name that clients ask for.",
	.size = sizeof(struct cfg_model),
	.directives = model_directives,
	POS_OF(cfg_model),
	.check = config_check_model,
};
