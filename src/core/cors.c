/*
 * cors.c: see cors.h. Pure over the request and its configuration.
 */
#include "core/cors.h"
#include "core/plan.h"

static bool cors_any(const struct cfg_cors *c)
{
	return c->origins.n == 1 && str_eq(c->origins.v[0], STR("*"));
}

static bool cors_allows(const struct cfg_cors *c, struct str origin)
{
	for (size_t i = 0; i < c->origins.n; i++)
		if (str_eq(c->origins.v[i], origin))
			return true;
	return cors_any(c);
}

void cors_fields(struct req *r, struct http_out *o)
{
	const struct cfg_cors *c = &r->conf->cfg.cors;
	struct str origin;

	if (c->origins.n == 0)
		return;
	if (!cors_any(c))
		http_out_lit(o, "vary: origin\r\n");
	origin = http_get(&r->head, HTTP_N_ORIGIN);
	if (origin.n == 0 || !cors_allows(c, origin))
		return;
	http_out_field(o, STR("access-control-allow-origin"), cors_any(c) ? STR("*") : origin);
	http_out_lit(o,
		"access-control-expose-headers: x-tollgate-request-id, x-tollgate-target, "
		"x-tollgate-model, x-tollgate-cost-usd, x-tollgate-usage, x-tollgate-attempts, "
		"x-tollgate-denied-by, x-tollgate-reset, x-tollgate-max-affordable-tokens, "
		"x-tollgate-unavailable, ratelimit, ratelimit-policy, x-request-id, request-id, "
		"retry-after, server-timing\r\n");
}

void cors_preflight_fields(struct req *r, struct http_out *o)
{
	const struct cfg_cors *c = &r->conf->cfg.cors;

	http_out_lit(o, "allow: GET, HEAD, POST, DELETE, OPTIONS\r\n");
	if (c->origins.n == 0 || !cors_allows(c, http_get(&r->head, HTTP_N_ORIGIN)))
		return;
	http_out_lit(o, "access-control-allow-methods: GET, HEAD, POST, DELETE\r\n"
			"access-control-allow-headers: ");
	for (size_t i = 0; i < c->headers.n; i++) {
		if (i > 0)
			http_out_lit(o, ", ");
		http_out_str(o, c->headers.v[i]);
	}
	http_out_lit(o, "\r\n");
	http_out_field_u64(o, STR("access-control-max-age"), (uint64_t)c->max_age_us / 1000000);
}
