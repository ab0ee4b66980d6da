/*
 * mod_route.c: ROUTE: which of the model's targets is asked next: those that the request's ceiling
 * has room for first, of them those with a price, of them the healthy ones, by weight; a path
 * without a model goes to the first target that speaks its dialect. (Scoring comes with the routing
 * engine.)
 */
#include "core/health.h"
#include "core/plan.h"
#include "core/provider.h"
#include "core/ratio.h"
#include "core/reply.h"
#include "core/req.h"
#include "core/translate.h"
#include "core/upload.h"
#include "modules.h"

enum { WANT_HEALTHY = 1, WANT_PRICED = 2, WANT_CHEAP = 4 };

static bool route_fits(struct req *r, unsigned i, unsigned want)
{
	const struct route_target *t = &r->model->route[i];

	return req_route_open(r, i) &&
	       ((want & WANT_HEALTHY) == 0 || health_is_up(t->target, worker_now(r->w))) &&
	       ((want & WANT_PRICED) == 0 || !leg_would_be_refused(r, t)) &&
	       ((want & WANT_CHEAP) == 0 || ceiling_would_fit(r, t));
}

/* Weighted choice among the routes that fit; when none of them has a weight, the first spare. -1:
 * none. */
static int route_pick(struct req *r, unsigned want)
{
	uint64_t sum = 0, at;
	int spare = -1;

	for (int round = 0; round < 2; round++) {
		at = round == 1 ? worker_random(r->w) % sum : 0;
		for (unsigned i = 0; i < r->model->n_routes; i++) {
			const struct route_target *t = &r->model->route[i];
			if (!route_fits(r, i, want))
				continue;
			if (spare < 0)
				spare = (int)i;
			if (round == 0)
				sum += (uint64_t)t->weight;
			else if (at < (uint64_t)t->weight)
				return (int)i;
			else
				at -= (uint64_t)t->weight;
		}
		if (sum == 0)
			return spare;
	}
	return -1;
}

/* All are dearer than the request may be: the least of them says best what would fit. -1: none. */
static int route_cheapest(struct req *r)
{
	pico_usd least = 0, cost;
	int at = -1;

	for (unsigned i = 0; i < r->model->n_routes; i++) {
		if (!req_route_open(r, i))
			continue;
		cost = ceiling_bound(r, &r->model->route[i]);
		if (at < 0 || cost < least) {
			at = (int)i;
			least = cost;
		}
	}
	return at;
}

static int route_choose(struct req *r)
{
	/* What nobody has a price for is refused when it would be sent. */
	static const unsigned wants[] = { WANT_PRICED | WANT_HEALTHY, WANT_PRICED, WANT_HEALTHY,
		0 };
	unsigned cheap = r->ceiling.whose != CEILING_NONE ? WANT_CHEAP : 0;
	int i = -1;

	for (size_t k = 0; i < 0 && k < TG_ARRAY_LEN(wants); k++)
		i = route_pick(r, wants[k] | cheap);
	return i < 0 && cheap != 0 ? route_cheapest(r) : i;
}

/* The first target that speaks the dialect and is up; the first one at all when none is. */
static struct target *route_by_dialect(const struct req *r)
{
	struct target *t, *first = NULL;

	for (unsigned i = 0; i < r->conf->n_targets; i++) {
		t = &r->conf->targets[i];
		if (!provider_is_native(t->provider, r->ep.ep) || !geo_allows_target(r, t))
			continue;
		if (health_is_up(t, worker_now(r->w)))
			return t;
		if (first == NULL)
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
	r->path_route.target = t;
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

/* No target is left, or there was none. */
static enum step_rc route_refuse(struct req *r)
{
	if (r->translate != NULL)
		return translate_refuse(r);
	if (geo_leaves_none(r))
		return geo_refuse_target(r);
	return reply_error(r, TG_E_UNSUPPORTED_DIALECT,
		"Model '%.*s' has no target that speaks the API of this path, or can be asked in "
		"another.",
		STR_FMT(r->model->name));
}

static enum step_rc route(struct req *r)
{
	int i;

	if (r->model == NULL)
		return route_without_model(r);
	do {
		i = route_choose(r);
		if (i < 0)
			return route_refuse(r);
		r->tried |= UINT64_C(1) << i;
		r->route = &r->model->route[i];
	} while (!translate_route(r)); /* it cannot do what is asked: another may */
	return route_rename_form(r);
}

const struct tg_module mod_route = {
	.name = "route",
	.stage = { [STAGE_ROUTE] = route },
};
