/*
 * mod_auth.c: IDENT: whose key is it. The key comes in any of the five forms SDKs use; it is hashed
 * at once and neither kept, logged nor forwarded.
 */
#include "core/plan.h"
#include "core/reply.h"
#include "core/req.h"
#include "core/shadow.h"
#include "modules.h"

static struct str auth_presented(struct req *r)
{
	static const enum http_name plain[] = { HTTP_N_X_API_KEY, HTTP_N_API_KEY,
		HTTP_N_X_GOOG_API_KEY };
	struct str v = http_get(&r->head, HTTP_N_AUTHORIZATION), q, out;
	char *buf;

	if (str_starts_ci(v, STR("bearer ")))
		return str_trim(str_skip(v, 7));
	for (size_t i = 0; i < TG_ARRAY_LEN(plain); i++)
		if ((v = http_get(&r->head, plain[i])).n > 0)
			return v;
	q = url_query_get(r->url.query, STR("key"));
	buf = q.n > 0 ? arena_alloc(&r->arena, q.n) : NULL;
	if (buf != NULL && url_decode(q, buf, q.n, &out) == 0)
		return out;
	return STR_NONE;
}

static enum step_rc auth_ident(struct req *r)
{
	bool copy = r->shadow != NULL || r->key != NULL;
	struct str presented = TG_LIKELY(!copy) ? auth_presented(r) : STR_NONE;
	const struct key *k;

	if (TG_UNLIKELY(r->shadow != NULL))
		k = r->shadow->shadow->key;   /* of the same configuration: shadow_may_begin */
	else if (TG_UNLIKELY(r->key != NULL)) /* a twin: hedge_begin */
		k = r->key;
	else if (presented.n == 0)
		return reply_error(r, TG_E_INVALID_API_KEY, NULL);
	else
		k = plan_find_key(r->conf, presented);
	if (k == NULL)
		return reply_error(r, TG_E_INVALID_API_KEY,
			"That API key is not known here. Send a tollgate key, not a provider's; "
			"its administrator "
			"makes one with 'tgctl keys create'.");
	r->tenant = k->tenant;
	r->key = k;
	if (k->cfg->disabled || k->tenant->cfg->disabled)
		return reply_error(
			r, TG_E_INVALID_API_KEY, "API key '%.*s' is disabled.", STR_FMT(k->id));
	if (k->cfg->expires_us != 0 && r->start_wall.us >= k->cfg->expires_us)
		return reply_error(
			r, TG_E_INVALID_API_KEY, "API key '%.*s' has expired.", STR_FMT(k->id));
	return STEP_NEXT;
}

const struct tg_module mod_auth = {
	.name = "auth",
	.stage = { [STAGE_IDENT] = auth_ident },
};
