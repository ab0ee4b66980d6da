/*
 * config_model.c: the directive tables of models: the targets that serve them, what these can do,
 * and what becomes of their requests besides: fallbacks, shadows, second tries. Part of config.c's
 * tables.
 */
#include "core/config_table.h"

#include "core/hedge.h"

#define MODEL_NAME_MAX 256

/* ---- capabilities */

int config_check_capabilities(struct conf_load *l, const struct conf_tags *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct conf_tag *m = &t->v[i];
		struct conf_why near;

		if (capability_of(m->name) == CAPABILITY__MAX) {
			return conf_fail_at(l, &m->name,
				"`%.*s` is no capability; there are vision, tools, json_schema, "
				"documents, audio and reasoning%s",
				STR_FMT(m->name),
				config_near(m->name, capability_words, CAPABILITY__MAX, &near));
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

/* ---- places that serve a model */

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
			"Goes before the target's own `capabilities`. What is absent is as "
			"there." },
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

/* ---- shadows */

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
		.min = KB,
		.max = 64 * MB,
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

/* ---- second tries */

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
		.min = KB,
		.max = MB,
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

/* ---- models */

static int check_model(struct conf_load *l, void *obj)
{
	const struct cfg_model *m = obj;

	for (size_t i = 0; i < m->name.n; i++)
		if (m->name.p[i] <= ' ' || m->name.p[i] > '~')
			return conf_fail_at(l, &m->name,
				"the name of a model is printable ASCII without spaces, not `%.*s`",
				STR_FMT(m->name));
	if (m->name.n > MODEL_NAME_MAX)
		return conf_fail_at(l, &m->name,
			"the name of a model is at most %d characters long", MODEL_NAME_MAX);
	return 0;
}

static const char *const unsupported_words[] = { "refuse", "drop", NULL };

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
			"the member out, and name it in x-tollgate-dropped). Likewise for a prompt "
			"or an answer that is certainly larger than what price_overrides say that "
			"any target's model takes or gives: refuse, or pass it on." },
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
			"it by its content policy. The key must be allowed to use them. Absent: "
			"none." },
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
static const struct conf_hint model_hints[] = {
	{ "provider", "`targets`: the name of a target, whose `provider` it is" },
	{ "model", "`targets: { target: NAME, model: ID }`" },
	{ "fallbacks", "`fallback`" },
	{ NULL, NULL },
};
const struct conf_block config_model_block = {
	.name = "model",
	.help = "A model by the name that clients ask for.",
	.size = sizeof(struct cfg_model),
	.directives = model_directives,
	POS_OF(cfg_model),
	.check = check_model,
	.hints = model_hints,
};
