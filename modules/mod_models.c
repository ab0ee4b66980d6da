/*
 * mod_models.c: GET /v1/models and /v1/models/{id}, answered from configuration: what this key may
 * use, in the shape of the caller's dialect.
 */
#include <stdio.h>

#include "core/plan.h"
#include "core/reply.h"
#include "core/req.h"
#include "modules.h"
#include "proto/json_scan.h"

#define ENTRY_EXTRA 200

static size_t model_entry(struct req *r, const struct model *m, char *out, size_t cap)
{
	char id[1600];
	size_t n = json_quote(id, sizeof(id), m->name);
	int k;

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
	return n > 0 && k > 0 && (size_t)k < cap ? (size_t)k : 0;
}

/* Whether it may be asked for with this key, and anything may serve it. */
static bool model_is_there(const struct req *r, const struct model *m)
{
	return key_may_use(r->key, m) && geo_allows_model(r, m);
}

/* SDKs escape the slash of "vendor/model". */
static enum step_rc models_one(struct req *r, struct str id)
{
	char *buf = arena_alloc(&r->arena, id.n), body[4096];
	const struct model *m = NULL;
	struct str name;
	size_t n;

	if (buf != NULL && url_decode(id, buf, id.n, &name) == 0)
		m = plan_find_model(r->conf, name);
	if (m == NULL || !model_is_there(r, m))
		return reply_error(r, TG_E_MODEL_NOT_FOUND, NULL);
	n = model_entry(r, m, body, sizeof(body));
	return reply_body(r, 200, STR("application/json"), STR_NONE, str_mk(body, n));
}

static enum step_rc models_list(struct req *r)
{
	size_t cap = 64, n = 0, block_cap;
	enum step_rc rc;
	char *body;

	for (unsigned i = 0; i < r->conf->n_models; i++)
		cap += 12 * r->conf->models[i].name.n + ENTRY_EXTRA;
	body = block_pool_take(
		&r->w->blocks, cap, &block_cap); /* can be more than an arena holds */
	if (body == NULL)
		return reply_error(r, TG_E_OVERLOADED, NULL);
	n += (size_t)snprintf(body, cap,
		r->dialect == DIALECT_ANTHROPIC ? "{\"data\":["
		: r->dialect == DIALECT_GEMINI  ? "{\"models\":["
						: "{\"object\":\"list\",\"data\":[");
	for (unsigned i = 0, some = 0; i < r->conf->n_models; i++) {
		if (!model_is_there(r, &r->conf->models[i]))
			continue;
		if (some++ > 0)
			body[n++] = ',';
		n += model_entry(r, &r->conf->models[i], body + n, cap - n);
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
