/*
 * plan_route.h: what a plan says about choosing targets: presets, rules, fallbacks. Part
 * of plan.h.
 */
#ifndef TG_CORE_PLAN_ROUTE_H
#define TG_CORE_PLAN_ROUTE_H

#include <stdbool.h>

#include "core/config_route.h"
#include "money/money.h"

struct conf_error;
struct model;
struct tg_conf;

struct preset {
	struct str name;
	struct score_rule rule;
	pico_usd max_cost; /* 0: none */
	bool refuse;       /* rather than the cheapest, when all are dearer */
	enum cfg_stick stick;
};

struct plan_match { /* one condition of a rule */
	enum rule_word word;
	struct str name, value; /* name: of the tag or header */
	struct rule_count count;
	bool flag;
	uint32_t languages; /* bits of enum prompt_language */
};

struct plan_rule {
	struct str name; /* as configured, or its number */
	const struct plan_match *match;
	unsigned n;
	struct str when_model;       /* empty: any */
	struct model *use;           /* NULL: what was asked for */
	const struct preset *preset; /* NULL: the model's */
	uint32_t share_bp;           /* of those that match */
	enum cfg_draw stick;         /* by what they are drawn */
	uint64_t salt;               /* of what it does: other rules draw others */
};

struct plan_route {
	struct preset *presets;
	struct plan_rule *rules;
	unsigned n_presets, n_rules;
};

/* Targets' states, presets, models' routes and fallbacks, rules; behind targets and models. */
int plan_route_build(struct tg_conf *c) TG_MUST_CHECK;
/* NULL: no such. */
const struct preset *plan_preset(const struct tg_conf *c, struct str name);

#endif
