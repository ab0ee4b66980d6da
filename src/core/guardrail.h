/*
 * guardrail.h: the configuration's `guardrails`: how much of a limit is spent, what is told of
 * that, and which requests another model serves for it. Plans own the guardrails; workers ask
 * guardrail_degrade of each request, the control thread guardrail_turn twice a second. Nothing of
 * it costs anything where there are none.
 */
#ifndef TG_CORE_GUARDRAIL_H
#define TG_CORE_GUARDRAIL_H

#include "core/config.h"
#include "quota/account.h"

struct key;
struct model;
struct quota_budget;
struct quota_slot;
struct req;
struct tg_conf;

struct plan_guardrail {
	const struct cfg_guard *cfg;
	struct str name;                   /* "budget gateway" */
	const struct quota_budget *budget; /* NULL: of a tier's tenants */
	struct guardrail_degrade {
		struct model *from, *to;
	} * degrade;
	unsigned n_degrade;
};

struct plan_guardrails {
	struct plan_guardrail *v;
	unsigned n;
	bool degrade; /* some of them does */
};

/* Behind models and limits. -1 with err. */
int guardrail_build(struct tg_conf *c, struct conf_error *err) TG_MUST_CHECK;

/* So many units of a limit are spent: has it come to so many basis points of it? Exact. */
bool guardrail_is_past(int64_t used, int64_t limit, int64_t bp);
/* What is spent of the account, by others that share it too, as far as they have told. */
int64_t guardrail_used(const struct quota_account *a, wall_us now);
/* The slot's account now: of a limit on what is used in a time. Rates and requests at once have no
 * thresholds: NULL, as when it has none yet. And the whole of its limit. */
struct quota_account *guardrail_account(const struct quota_slot *s, wall_us now);
int64_t guardrail_limit(const struct quota_slot *s, const struct quota_account *a);

struct guardrail_case { /* somebody's request, for a model */
	const struct tg_conf *conf;
	const struct key *key;
	struct str model_asked, tags;
	wall_us now;
};
/* The model that serves instead of m: m itself, or with *by a cheaper one, and at how many basis
 * points of which guardrail. Worker or control thread. */
struct model *guardrail_find(const struct guardrail_case *c, struct model *m,
	const struct plan_guardrail **by, int64_t *bp);
/* "gpt-4o-mini: budget gateway 90%". */
#define GUARDRAIL_TEXT_MAX 512
struct str guardrail_text(char out[GUARDRAIL_TEXT_MAX], const struct model *m,
	const struct plan_guardrail *by, int64_t bp);
/* r->model is known: the same for it. Sets r->model, r->model_first and r->degraded. */
void guardrail_degrade(struct req *r);

/* ---- guardrail_told.c */

/* Control thread: tell what has come to a threshold since the last turn. */
void guardrail_turn(const struct tg_conf *c, struct quota_time now);
/* How many were told since the start. Any thread. */
uint64_t guardrail_told(void);

#endif
