/*
 * config_route.h: `routes`, `rules` and what else of tollgate.yaml is about the choice of a target,
 * as C structs. Filled by config_route.c, config_rule.c and
 * config_upstream.c.
 */
#ifndef TG_CORE_CONFIG_ROUTE_H
#define TG_CORE_CONFIG_ROUTE_H

#include "conf/conf.h"
#include "money/capability.h"
#include "quota/limit.h"
#include "route/capacity.h"
#include "route/score.h"

enum cfg_over_max_cost { OVER_CHEAPEST, OVER_REFUSE };
enum cfg_stick { STICK_NO, STICK_SESSION, STICK_PROMPT };

struct cfg_weights {
	struct str cost, performance, availability; /* as written: 0.4 */
	struct conf_pos pos;
};

struct cfg_route {
	struct str name; /* must stay first: the map key */
	struct cfg_weights weights;
	int64_t per_second, per_failure; /* pico-USD; either: dollars instead of weights */
	int64_t max_cost;                /* pico-USD; 0: none */
	int over_max_cost;               /* enum cfg_over_max_cost */
	int stick;                       /* enum cfg_stick */
	struct score_rule rule;          /* what that says */
	struct conf_pos pos;
};

/* What a rule's share is drawn by: what sticks always gets the same. */
enum cfg_draw { DRAW_REQUEST, DRAW_SESSION, DRAW_END_USER, DRAW_KEY, DRAW_TENANT };

struct cfg_rule {
	struct str name;        /* empty: its number */
	struct conf_tags match; /* none: every request */
	struct str when_model;  /* empty: any */
	struct str use;         /* a model; empty: what was asked for */
	struct str route;       /* a route; empty: the model's */
	int64_t share_bp;       /* of those that match */
	int stick;              /* enum cfg_draw */
	struct conf_pos pos;
};

struct cfg_target_limits {
	int64_t concurrency;          /* 0: no limit */
	struct str requests, tokens;  /* as written: 5000/m */
	struct capacity_limits limit; /* what that says */
	struct conf_pos pos;
};

enum rule_word {
#define X(id, member, kind) RULE_##id,
#include "core/tbl/rule_words.h"
#undef X
	RULE_TAG,
	RULE_HEADER,
	RULE__MAX
};
enum rule_kind { RULE_NAME, RULE_PATHS, RULE_COUNT, RULE_FLAG, RULE_LANGS };

struct rule_count { /* above or below (or equal) a number */
	bool above, equal;
	uint64_t n;
};

/* RULE__MAX: no such word. */
enum rule_word rule_word_of(struct str name);
enum rule_kind rule_kind_of(enum rule_word w);
/* "de,fr" as bits of enum prompt_language; -1 with *bad: a word that is none. */
int rule_languages_parse(struct str text, uint32_t *out, struct str *bad) TG_MUST_CHECK;
/* "<500", ">=2000"; -1: neither. */
int rule_count_parse(struct str text, struct rule_count *out) TG_MUST_CHECK;

/* `capabilities: { vision: false }`, of words that config_check_capabilities has seen. */
struct capabilities config_capabilities(const struct conf_tags *t);

/* The presets that are there without being written: cheap, balanced, fast. NULL: no such. */
const struct score_rule *route_builtin(struct str name);
#define ROUTE_BUILTINS 3
extern const char *const route_builtin_names[ROUTE_BUILTINS];

#endif
