/*
 * mod_limits.c: GET /v1/tollgate/quota: the limits that a key is held to, and what is left of them.
 * Its own and its tenant's alone: what is above them is not for it to see. Runs on the request's
 * worker.
 */
#include "core/plan.h"
#include "core/quota_text.h"
#include "core/reply.h"
#include "core/req.h"
#include "modules.h"

static void put_slots(
	struct outbuf *b, const struct quota_slot *s, unsigned n, struct quota_time now, bool *some)
{
	for (unsigned i = 0; i < n; i++) {
		if (*some)
			outbuf_lit(b, ",");
		*some = true;
		quota_slot_json(b, &s[i], now, false);
	}
}

static void put_scope(
	struct outbuf *b, const struct quota_scope *s, struct quota_time now, bool *some)
{
	put_slots(b, s->slot, s->n, now, some);
	put_slots(b, s->purse, s->n_purse, now, some);
}

static void put_name(struct outbuf *b, const char *name, struct str value)
{
	outbuf_printf(b, ",\"%s\":", name);
	outbuf_json(b, value);
}

static enum step_rc limits_classify(struct req *r)
{
	struct quota_time now = plan_quota_time(r->w);
	struct outbuf b;
	enum step_rc rc;
	bool some = false;

	if (r->forced != NULL || r->ep.ep->id != ENDPOINT_QUOTA)
		return STEP_NEXT;
	outbuf_init(&b);
	outbuf_lit(&b, "{\"object\":\"quota\"");
	put_name(&b, "key", r->key->id);
	put_name(&b, "tenant", r->tenant->name);
	if (r->tenant->tier.n > 0)
		put_name(&b, "tier", r->tenant->tier);
	outbuf_lit(&b, ",\"limits\":[");
	put_scope(&b, &r->key->quota, now, &some);
	put_scope(&b, &r->tenant->quota, now, &some);
	outbuf_lit(&b, "]}\n");
	rc = reply_body(r, 200, STR("application/json"), STR("cache-control: no-store\r\n"),
		outbuf_text(&b));
	outbuf_fini(&b);
	return rc;
}

const struct tg_module mod_limits = {
	.name = "limits",
	.stage = { [STAGE_CLASSIFY] = limits_classify },
};
