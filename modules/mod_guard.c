/*
 * mod_guard.c: ADMIT: what is answered before anybody is asked who they are: draining, probes, CORS
 * preflights, unknown paths and methods; and requests of one target's own API (/{target}/...).
 */
#include "core/cors.h"
#include "core/plan.h"
#include "core/provider.h"
#include "core/reply.h"
#include "core/req.h"
#include "modules.h"

/* A path that only this target's provider knows: passed on as it is. */
static const struct endpoint passthrough[] = {
	[DIALECT_OPENAI] = { ENDPOINT_UNKNOWN, HTTP_M_OTHER, DIALECT_OPENAI, BODY_KIND_PLAIN,
		METER_NONE },
	[DIALECT_ANTHROPIC] = { ENDPOINT_UNKNOWN, HTTP_M_OTHER, DIALECT_ANTHROPIC, BODY_KIND_PLAIN,
		METER_NONE },
	[DIALECT_GEMINI] = { ENDPOINT_UNKNOWN, HTTP_M_OTHER, DIALECT_GEMINI, BODY_KIND_PLAIN,
		METER_NONE },
};

/* "/openai/v1/fine_tuning/jobs": the first segment is a target. False: it is not. */
static bool guard_target_path(struct req *r)
{
	struct str rest = str_skip(r->url.path, 1), name;
	size_t slash = str_chr(rest, '/');
	struct target *t;
	char *buf;

	if (slash == (size_t)-1)
		return false;
	name = str_mk(rest.p, slash);
	rest = str_skip(rest, slash);
	t = map_get(&r->conf->target_by_name, name);
	buf = t != NULL ? arena_alloc(&r->arena, rest.n + 8) : NULL;
	if (buf == NULL)
		return false;
	r->forced = t;
	endpoint_match(rest, buf, &r->ep);
	if (r->ep.ep == NULL || !provider_is_native(t->provider, r->ep.ep)) {
		/* What is signed must be known before it is sent; these are passed on as they come.
		 */
		if (t->provider->dialect == DIALECT_OTHER || t->provider->sign != NULL)
			return false;
		/* "/openai/v1%2Fchat%2Fcompletions" must not get around what that path is held to.
		 */
		if (str_find(rest, STR("%2F")) != (size_t)-1)
			return false;
		r->ep.ep = &passthrough[t->provider->dialect];
		r->ep.upstream_path = rest;
	}
	if (r->dialect != DIALECT_PROBLEM)
		r->dialect = r->ep.ep->dialect;
	return true;
}

static enum step_rc guard_options(struct req *r)
{
	const struct conf_strings *headers = &r->conf->cfg.cors.headers;
	struct http_out o;
	size_t cap = 512;
	char *extra;

	for (size_t i = 0; i < headers->n; i++)
		cap += headers->v[i].n + 2;
	extra = arena_alloc(&r->arena, cap);
	if (extra == NULL)
		return reply_error(r, TG_E_OVERLOADED, NULL);
	http_out_init(&o, extra, cap);
	cors_preflight_fields(r, &o);
	return reply_body(r, 204, STR_NONE, http_out_text(&o), STR_NONE);
}

static bool guard_method_fits(const struct req *r)
{
	enum http_method want = r->ep.ep->method, have = r->head.method;

	if (have == HTTP_M_TRACE || have == HTTP_M_CONNECT)
		return false;
	return want == HTTP_M_OTHER || want == have || (want == HTTP_M_GET && have == HTTP_M_HEAD);
}

/* ".../models/NAME:verb" with a verb that is none: by its path it is a model's name. */
static enum step_rc guard_refuse_method(struct req *r)
{
	const struct str path = r->ep.upstream_path;
	const char *colon = memrchr(path.p, ':', path.n);

	if (r->ep.ep->id != ENDPOINT_GEMINI_MODELS_ITEM || r->head.method != HTTP_M_POST ||
		colon == NULL)
		return reply_error(r, TG_E_METHOD_NOT_ALLOWED, NULL);
	return reply_error(r, TG_E_NOT_FOUND,
		"A model cannot be asked for '%.*s' here, but for generateContent, "
		"streamGenerateContent, countTokens, embedContent and batchEmbedContents.",
		(int)TG_MIN(path.n - (size_t)(colon - path.p), (size_t)100), colon);
}

static enum step_rc guard_admit(struct req *r)
{
	const struct cfg_limits *l = &r->conf->cfg.limits;

	if (l->requests_per_connection > 0 &&
		r->conn->n_requests + 1 >= (uint64_t)l->requests_per_connection)
		r->keep_alive = false;
	if (r->w->draining)
		return reply_error(r, TG_E_DRAINING, NULL);
	if (r->head.method == HTTP_M_OPTIONS)
		return guard_options(r);
	if (str_eq(r->url.path, STR("/")) &&
		(r->head.method == HTTP_M_HEAD || r->head.method == HTTP_M_GET))
		return reply_body(r, 200, STR("application/json"), STR_NONE,
			STR("{\"service\":\"tollgate\",\"models\":\"/v1/models\"}\n"));
	if (r->ep.ep == NULL && !guard_target_path(r))
		return reply_error(r, TG_E_NOT_FOUND,
			"No such path here: %.*s. This gateway answers the paths of the "
			"OpenAI, Anthropic and Gemini APIs, such as /v1/chat/completions, "
			"/v1/messages and /v1beta/models/NAME:generateContent, and /TARGET/... "
			"for the targets it knows.",
			(int)TG_MIN(r->url.path.n, (size_t)100), r->url.path.p);
	if (!guard_method_fits(r))
		return guard_refuse_method(r);
	return STEP_NEXT;
}

const struct tg_module mod_guard = {
	.name = "guard",
	.stage = { [STAGE_ADMIT] = guard_admit },
};
