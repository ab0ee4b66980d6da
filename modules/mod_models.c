/*
 * mod_models.c: GET /v1/models and /v1/models/{id}, answered from configuration: what this key may
 * use, and names that rules make such a model of ("auto"), in the shape of the caller's dialect.
 */
#include <stdio.h>

#include "core/plan.h"
#include "core/reply.h"
#include "core/req.h"
#include "modules.h"
#include "proto/json_scan.h"

#define ENTRY_EXTRA 200

static size_t model_entry(const struct req *r, struct str name, char *out, size_t cap)
{
	char id[1600];
	size_t n = json_quote(id, sizeof(id), name);
	int k;

	if (n == 0) /* too long for any client to ask for */
		return 0;
	if (r->dialect == DIALECT_ANTHROPIC)
		k = snprintf(out, cap,
			"{\"type\":\"model\",\"id\":%.*s,\"display_name\":%.*s,\"created_at\":"
			"\"1970-01-01T00:00:00Z\"}",
			(int)n, id, (int)n, id);
	else if (r->dialect == DIALECT_GEMINI) /* the name is a path: "models/NAME" */
		k = snprintf(out, cap,
			"{\"name\":\"models/%.*s,\"displayName\":%.*s,"
			"\"supportedGenerationMethods\":[\"generateContent\",\"countTokens\","
			"\"embedContent\"]}",
			(int)n - 1, id + 1, (int)n, id);
	else
		k = snprintf(out, cap,
			"{\"id\":%.*s,\"object\":\"model\",\"created\":0,\"owned_by\":"
			"\"tollgate\"}",
			(int)n, id);
	return k > 0 && (size_t)k < cap ? (size_t)k : 0;
}

/* Whether it may be asked for with this key, and anything may serve it. */
static bool model_is_there(const struct req *r, const struct model *m)
{
	return key_may_use(r->key, m) && geo_allows_model(r, m);
}

/* Names that are no model's, which the first `n` rules make one of. */
static bool rule_is_there(const struct req *r, unsigned n, struct str name)
{
	const struct plan_rule *rule = r->conf->route.rules;

	if (name.n == 0 || plan_find_model(r->conf, name) != NULL)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (rule[i].use != NULL && str_eq(rule[i].when_model, name) &&
			model_is_there(r, rule[i].use))
			return true;
	return false;
}

/* SDKs escape the slash of "vendor/model". */
static enum step_rc models_one(struct req *r, struct str id)
{
	char *buf = arena_alloc(&r->arena, id.n), body[4096];
	const struct model *m;
	struct str name;
	size_t n;

	if (buf == NULL || url_decode(id, buf, id.n, &name) != 0)
		return reply_error(r, TG_E_MODEL_NOT_FOUND, NULL);
	m = plan_find_model(r->conf, name);
	if (m != NULL ? !model_is_there(r, m) : !rule_is_there(r, r->conf->route.n_rules, name))
		return reply_error(r, TG_E_MODEL_NOT_FOUND, NULL);
	n = model_entry(r, name, body, sizeof(body));
	return reply_body(r, 200, STR("application/json"), STR_NONE, str_mk(body, n));
}

/* An entry behind the n bytes that are there. */
static size_t models_add(
	const struct req *r, struct str name, bool comma, char *body, size_t n, size_t cap)
{
	size_t more = model_entry(r, name, body + n + comma, cap - n - comma);

	if (comma && more > 0)
		body[n] = ',';
	return more > 0 ? n + comma + more : n;
}

static enum step_rc models_list(struct req *r)
{
	const struct plan_route *route = &r->conf->route;
	size_t cap = 64, n = 0, block_cap, empty;
	enum step_rc rc;
	char *body;

	for (unsigned i = 0; i < r->conf->n_models; i++)
		cap += 12 * r->conf->models[i].name.n + ENTRY_EXTRA;
	for (unsigned i = 0; i < route->n_rules; i++)
		cap += 12 * route->rules[i].when_model.n + ENTRY_EXTRA;
	body = block_pool_take(
		&r->w->blocks, cap, &block_cap); /* can be more than an arena holds */
	if (body == NULL)
		return reply_error(r, TG_E_OVERLOADED, NULL);
	n += (size_t)snprintf(body, cap,
		r->dialect == DIALECT_ANTHROPIC ? "{\"data\":["
		: r->dialect == DIALECT_GEMINI  ? "{\"models\":["
						: "{\"object\":\"list\",\"data\":[");
	empty = n;
	for (unsigned i = 0; i < r->conf->n_models; i++)
		if (model_is_there(r, &r->conf->models[i]))
			n = models_add(r, r->conf->models[i].name, n > empty, body, n, cap);
	for (unsigned i = 0; i < route->n_rules; i++) { /* each name once, by its first rule */
		struct str name = route->rules[i].when_model;

		if (rule_is_there(r, i + 1, name) && !rule_is_there(r, i, name))
			n = models_add(r, name, n > empty, body, n, cap);
	}
	n += (size_t)snprintf(body + n, cap - n,
		r->dialect == DIALECT_ANTHROPIC ? "],\"has_more\":false}" : "]}");
	rc = reply_body(r, 200, STR("application/json"), STR_NONE, str_mk(body, n));
	block_pool_give(&r->w->blocks, body, block_cap);
	return rc;
}

static enum step_rc models_classify(struct req *r)
{
	if (r->forced != NULL)
		return STEP_NEXT;
	if (r->ep.ep->id == ENDPOINT_MODELS || r->ep.ep->id == ENDPOINT_GEMINI_MODELS)
		return models_list(r);
	if (r->ep.ep->id == ENDPOINT_GEMINI_MODELS_ITEM)
		return models_one(
			r, str_skip(r->ep.upstream_path, sizeof("/v1/v1beta/models/") - 1));
	if (r->ep.ep->id == ENDPOINT_MODELS_ITEM)
		return models_one(r, str_skip(r->ep.upstream_path, sizeof("/v1/models/") - 1));
	return STEP_NEXT;
}

const struct tg_module mod_models = {
	.name = "models",
	.stage = { [STAGE_CLASSIFY] = models_classify },
};
