/*
 * model_check.c: see model_check.h; and the multipart case where the model is found after bytes
 * were sent.
 */
#include "core/attempt.h"
#include "core/hedge.h"
#include "core/model_check.h"
#include "core/plan.h"
#include "core/reply.h"
#include "core/rules.h"
#include "core/shadow.h"
#include "core/upload.h"

/* With the nearest name that this key could have meant. */
static void model_unknown(struct req *r, struct str name)
{
	const char *names[256], *near;
	size_t n = 0;

	for (unsigned i = 0; i < r->conf->n_models && n < TG_ARRAY_LEN(names); i++)
		if (key_may_use(r->key, &r->conf->models[i]))
			names[n++] = arena_dup(&r->arena, r->conf->models[i].name).p;
	near = str_nearest(name, names, n);
	reply_error(r, TG_E_MODEL_NOT_FOUND,
		"No model '%.*s' is configured here.%s%s%s GET /v1/models lists what this key can "
		"use.",
		(int)TG_MIN(name.n, (size_t)100), name.p, near != NULL ? " Did you mean '" : "",
		near != NULL ? near : "", near != NULL ? "'?" : "");
}

enum step_rc model_refuse_unpriced(struct req *r)
{
	return reply_error(r, TG_E_UNPRICED_MODEL,
		"No price is known for model '%.*s' at target '%.*s', and this gateway serves only "
		"what it can price.",
		STR_FMT(r->leg.route->model), STR_FMT(r->leg.route->target->name));
}

int model_take(struct req *r, struct str name)
{
	const struct plan_rule *rule = NULL;

	if (TG_UNLIKELY(r->shadow != NULL)) {
		r->model = r->model_first = r->shadow->shadow->to;
		r->model_asked = r->model->name;
		return 0;
	}
	if (TG_UNLIKELY(hedge_is_twin(r))) {
		hedge_take_model(r);
		return 0;
	}
	r->model_asked = name;
	if (r->conf->route.n_rules > 0 && r->forced == NULL && r->attempt == NULL)
		rule = rules_find(r);
	r->rule = rule;
	r->preset = rule != NULL ? rule->preset : NULL;
	r->model = rule != NULL && rule->use != NULL ? rule->use : plan_find_model(r->conf, name);
	r->model_first = r->model;
	if (r->model == NULL) {
		model_unknown(r, name);
		return -1;
	}
	if (!key_may_use(r->key, r->model)) {
		r->model = r->model_first = NULL;
		reply_error(r, TG_E_MODEL_NOT_ALLOWED, "API key '%.*s' may not use model '%.*s'.",
			STR_FMT(r->key->id), STR_FMT(name));
		return -1;
	}
	guardrail_degrade(r);
	return 0;
}

static int late_model_refuse(struct upload *u)
{
	struct req *r = u->req;

	if (r->attempt != NULL)
		attempt_cancel(r->attempt);
	r->keep_alive = false;
	reply_error(r, TG_E_INVALID_MULTIPART,
		"The form names model '%.*s' behind more than 64 KB of other parts, when it is too "
		"late to choose where it "
		"is served: send the 'model' field before the file.",
		STR_FMT(u->model));
	return -1;
}

/* -1: refused. */
static int late_model_price(struct upload *u)
{
	struct req *r = u->req;

	bool refused;

	u->model_known = true;
	refused = leg_is_refused(r);
	if (!refused && ceiling_fits(r))
		return 0;
	if (r->attempt != NULL)
		attempt_cancel(r->attempt);
	r->keep_alive = false;
	if (refused) {
		model_refuse_unpriced(r);
	} else {
		ceiling_say(r);
		ceiling_refuse(r);
	}
	return -1;
}

/* Nothing complete has reached the provider yet: without its last bytes a multipart body is no
 * request. */
int upload_late_model(struct upload *u)
{
	struct req *r = u->req;
	const struct route_target *sent = r->route;

	if (r->attempt != NULL && r->head_sent)
		return 0;
	if (r->ep.deployment.n >
		0) /* the path has named the model, and what it names was checked */
		return str_eq(u->model, sent->model) ? 0 : late_model_refuse(u);
	if (plan_find_model(r->conf, u->model) == NULL ||
		!key_may_use(r->key, plan_find_model(r->conf, u->model))) {
		if (r->attempt != NULL)
			attempt_cancel(r->attempt);
		r->keep_alive = false;
		return model_take(r, u->model);
	}
	if (model_take(r, u->model) != 0)
		return -1;
	if (plan_quota_asks_model(r, u->model)) /* a budget's account is not in its hold */
		return late_model_refuse(u);
	for (unsigned i = 0; i < r->model->n_routes; i++) {
		const struct route_target *t = &r->model->route[i];
		if (t->target == sent->target && str_eq(t->model, u->model)) {
			r->route = t;
			leg_model_found(r);
			return late_model_price(u);
		}
	}
	return late_model_refuse(u);
}
