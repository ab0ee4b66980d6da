/*
 * mod_route.c: ROUTE: which of the model's targets is asked next (core/choice.h), or which of
 * another model when none of them can: its fallback. A path without a model goes to the first
 * target that speaks its dialect. Runs on the request's worker.
 */
#include <string.h>

#include "base/log.h"
#include "core/capable.h"
#include "core/choice.h"
#include "core/health.h"
#include "core/plan.h"
#include "core/provider.h"
#include "core/ratio.h"
#include "core/reply.h"
#include "core/req.h"
#include "core/translate.h"
#include "core/spots.h"
#include "core/upload.h"
#include "modules.h"

#define RACES        3        /* for a target's capacity, with other workers */
#define OUTLIER_US   10000000 /* between two looks for outliers */
#define PROMPT_BYTES 2048     /* of a body: by its beginning it sticks */

/* ---- which route, and what sticks */

static uint64_t stick_of(const struct req *r, const struct preset *p)
{
	struct str by = STR_NONE;

	if (p == NULL || p->stick == STICK_NO)
		return 0;
	if (p->stick == STICK_SESSION)
		by = r->session;
	else if (r->body_kind == BODY_KIND_JSON)
		by = str_mk(r->body, TG_MIN(r->body_len, (size_t)PROMPT_BYTES));
	return by.n > 0 ? (str_hash_fixed(r->tenant->name) << 1 ^ str_hash_fixed(by)) | 1 : 0;
}

/* By the client's word, a rule's or the model's. -1: there is no such; answered. */
static int route_preset(struct req *r)
{
	struct str name = http_get(&r->head, HTTP_N_X_TOLLGATE_ROUTE);

	if (name.n == 0 || r->leg.no > 0)
		return 0;
	r->preset = plan_preset(r->conf, name);
	if (r->preset != NULL)
		return 0;
	reply_error(r, TG_E_INVALID_ROUTE, "x-tollgate-route: there is no route '%.*s' here.",
		(int)TG_MIN(name.n, (size_t)64), name.p);
	return -1;
}

/* One of many that fails far more often than the others is left out for a while. */
static void route_outliers(const struct req *r, mono_us now)
{
	struct spot *first = r->model->route[0].spot;
	struct outlier v[CHOICE_MAX];
	int64_t at = atomic_load_explicit(&first->outliers_us, memory_order_relaxed);
	int i;

	if (r->model->n_routes < 3 || now.us - at < OUTLIER_US ||
		!atomic_compare_exchange_strong(&first->outliers_us, &at, now.us))
		return;
	for (unsigned k = 0; k < r->model->n_routes; k++) {
		const struct route_target *t = &r->model->route[k];
		const struct spot_view *s = &t->spot->view;

		v[k].fail_q16 = atomic_load_explicit(&s->bad_q16, memory_order_relaxed);
		v[k].volume = atomic_load_explicit(&s->volume, memory_order_relaxed);
		v[k].out = !health_is_up(t->target, t->spot, now) ||
			   circuit_is_ejected(&t->spot->circuit, now);
	}
	i = outlier_find(v, r->model->n_routes);
	if (i < 0)
		return;
	circuit_eject(&r->model->route[i].spot->circuit, now);
	log_warn("target ejected", "target=%.*s model=%.*s failures=%u/1000",
		STR_FMT(r->model->route[i].target->name), STR_FMT(r->model->route[i].model),
		v[i].fail_q16 * 1000 / 65536);
}

/* ---- a model's targets */

static void route_explain(struct req *r, const struct choice_ask *a, const struct choice *c)
{
	char text[CHOICE_TEXT_MAX];

	if (TG_LIKELY(r->head.first[HTTP_N_X_TOLLGATE_EXPLAIN] == 0) ||
		!str_eq(http_get(&r->head, HTTP_N_X_TOLLGATE_EXPLAIN), STR("1")))
		return;
	r->route_text = arena_dup(&r->arena, str_mk(text, choice_text(text, a, c)));
}

static struct choice_ask route_ask(struct req *r)
{
	struct choice_ask a = { .conf = r->conf,
		.model = r->model,
		.preset = r->preset != NULL ? r->preset : r->model->preset,
		.r = r,
		.now = worker_now(r->w),
		.at = r->start_wall,
		.thread = r->w->slot };

	a.degraded = r->degraded;
	a.needs = capable_needs(r);
	r->least_input = capable_least_input(r);
	a.stick = stick_of(r, a.preset);
	for (size_t i = 0; i < TG_ARRAY_LEN(a.random); i++)
		a.random[i] = worker_random(r->w);
	return a;
}

/* True: r->route is set, and the request is in flight there. */
static bool route_choose(struct req *r, struct choice *c)
{
	struct choice_ask a = route_ask(r);

	for (unsigned race = 0; race < RACES; race++) {
		const struct choice_row *row;

		choice_make(&a, c);
		if (c->at < 0)
			break;
		row = &c->row[c->at];
		if (!health_take(r, row->route->target, row->route->spot, row->input + row->output,
			    row->probe))
			continue;
		r->tried |= UINT64_C(1) << c->at;
		r->route = row->route;
		route_explain(r, &a, c);
		return true;
	}
	return false;
}

/* Targets that could have served it failed, or are full: it is not the request that is wrong. */
static enum step_rc route_none_left(struct req *r)
{
	if (r->leg.no > 0)
		return reply_error(r, TG_E_UPSTREAM_ERROR,
			"The target that was asked failed, and no other one of model '%.*s' can "
			"serve this request.",
			STR_FMT(r->model->name));
	r->reply_fields = STR("retry-after: 1\r\n");
	return reply_error(r, TG_E_OVERLOADED,
		"No target that can serve this request is free, and none of model '%.*s' can. Try "
		"again shortly.",
		STR_FMT(r->model->name));
}

/* unable: no model of the chain that was asked can serve it. */
static enum step_rc route_none(struct req *r, const struct choice *c, bool unable)
{
	uint32_t common = choice_common_skips(c);

	if (!unable && (common & CHOICE_UNABLE) != 0)
		return route_none_left(r);
	if ((common & CHOICE_BIT(CAPABILITY)) != 0)
		return capable_refuse(r, c);
	if ((common & CHOICE_BIT(LIMITS)) != 0)
		return capable_refuse_limits(r, c);
	if ((common & CHOICE_BIT(CAPACITY)) != 0 || c->at >= 0) {
		r->reply_fields = STR("retry-after: 1\r\n");
		return reply_error(r, TG_E_OVERLOADED,
			"Every target of model '%.*s' has as many requests as it may have here. "
			"Try again shortly.",
			STR_FMT(r->model->name));
	}
	if ((common & CHOICE_BIT(DRAINED)) != 0) {
		r->reply_fields = STR("retry-after: 10\r\n");
		return reply_error(r, TG_E_NO_TARGET,
			"Every target of model '%.*s' that may serve this request is out of "
			"service now.",
			STR_FMT(r->model->name));
	}
	if (r->translate != NULL)
		return translate_refuse(r);
	if (geo_leaves_none(r))
		return geo_refuse_target(r);
	return reply_error(r, TG_E_UNSUPPORTED_DIALECT,
		"Model '%.*s' has no target that speaks the API of this path, or can be asked in "
		"another.",
		STR_FMT(r->model->name));
}

/* The first target that speaks the dialect and is up; the first one at all when none is. */
static struct target *route_by_dialect(const struct req *r)
{
	struct target *t, *first = NULL;

	for (unsigned i = 0; i < r->conf->n_targets; i++) {
		t = &r->conf->targets[i];
		if (!provider_is_native(t->provider, r->ep.ep) || !geo_allows_target(r, t))
			continue;
		if (health_is_up(t, t->spot, worker_now(r->w)))
			return t;
		if (first == NULL && !health_is_drained(t))
			first = t;
	}
	return first;
}

/*
 * A path that names no model cannot be held against a key's list of models. Reading, files and
 * cancelling cost no tokens; anything else that is posted there might.
 */
static bool route_key_allows(const struct req *r)
{
	switch (r->ep.ep->id) {
	case ENDPOINT_FILES:
	case ENDPOINT_FILES_ITEM:
	case ENDPOINT_UPLOADS:
	case ENDPOINT_UPLOADS_ITEM:
	case ENDPOINT_MODERATIONS: return true;
	default:
		if (str_ends(r->ep.upstream_path, STR("/cancel")))
			return true;
		return r->key->models == NULL || r->head.method != HTTP_M_POST ||
		       r->body_kind == BODY_KIND_FORM;
	}
}

static enum step_rc route_without_model(struct req *r)
{
	struct target *t = r->forced != NULL ? r->forced : route_by_dialect(r);

	if (!route_key_allows(r))
		return reply_error(r, TG_E_MODEL_NOT_ALLOWED,
			"API key '%.*s' is limited to some models, and this path does not say "
			"which one it uses.",
			STR_FMT(r->key->id));
	if (t != NULL ? !geo_allows_target(r, t) : geo_is_limited(r))
		return geo_refuse_target(r);
	if (t == NULL)
		return reply_error(r, TG_E_UNSUPPORTED_DIALECT,
			"No target is configured that speaks the API of this path.");
	if (health_is_drained(t))
		return reply_error(r, TG_E_NO_TARGET, "Target '%.*s' is out of service now.",
			STR_FMT(t->name));
	if (!health_take(r, t, t->spot, 0, false)) {
		r->reply_fields = STR("retry-after: 1\r\n");
		return reply_error(r, TG_E_OVERLOADED,
			"Target '%.*s' has as many requests as it may have here. Try again "
			"shortly.",
			STR_FMT(t->name));
	}
	r->path_route.target = t;
	r->path_route.spot = t->spot;
	r->path_route.key_rate = t->key_rate;
	r->path_route.ratio = ratio_of_none();
	r->route = &r->path_route;
	return STEP_NEXT;
}

/* A form's model in the target's words, while nothing was sent. Azure's paths name the model, so
 * the form need not. */
static enum step_rc route_rename_form(struct req *r)
{
	struct upload *u = r->upload;

	if (u == NULL || !u->form)
		return STEP_NEXT;
	if (!u->model_found && (!u->ended || upload_add_model(u) != 0))
		return STEP_NEXT;
	if (str_eq(r->route->model, u->model))
		return STEP_NEXT;
	if (upload_rename(u, r->route->model) != 0)
		return reply_error(r, TG_E_INVALID_MULTIPART,
			"The form is too large to be sent to another target.");
	return STEP_NEXT;
}

/* The same target with another of its keys: nothing else was wrong with it. */
static bool route_again(struct req *r)
{
	bool again = r->keys.again;

	r->keys.again = false;
	health_leave(r);
	return again && health_take(r, r->route->target, r->route->spot, r->use.tokens, false);
}

/* A ceiling that refuses is held to by whoever sends. */
static void route_ceiling(struct req *r)
{
	const struct preset *p = r->preset != NULL ? r->preset : r->model->preset;

	if (p != NULL && p->refuse)
		ceiling_lower(&r->ceiling, CEILING_ROUTE, p->max_cost);
}

static enum step_rc route(struct req *r)
{
	bool unable = r->leg.no == 0;
	struct choice c;

	if (TG_UNLIKELY(route_again(r)))
		return route_rename_form(r);
	if (r->leg.no == 0 && r->shadow == NULL && r->hedge == NULL)
		retry_budget_add(&r->w->retries);
	if (r->model == NULL)
		return route_without_model(r);
	if (route_preset(r) != 0)
		return STEP_REPLY;
	route_outliers(r, worker_now(r->w));
	route_ceiling(r);
	do {
		health_leave(r);
		while (!route_choose(r, &c)) {
			unable &= (choice_common_skips(&c) & CHOICE_UNABLE) != 0;
			if (!req_fall_back(r))
				return route_none(r, &c, unable);
			wc_add(&r->w->stats, WC_UP_FALLBACKS, 1);
		}
	} while (!translate_route(r)); /* it cannot do what is asked: another may */
	if (translate_only_estimates(r)) {
		health_leave(r);
		return translate_estimate(r);
	}
	return route_rename_form(r);
}

const struct tg_module mod_route = {
	.name = "route",
	.stage = { [STAGE_ROUTE] = route },
	.settled = health_done,
};
