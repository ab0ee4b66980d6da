/*
 * mod_meter.c: finds usage in the provider's answer while it passes and prices it. A sink in front
 * of the client: it looks, and takes out the usage chunk of a stream when the client did not ask
 * for it.
 */
#include "core/plan.h"
#include "core/provider.h"
#include "core/req.h"
#include "core/respond.h"
#include "core/sink.h"
#include "modules.h"
#include "providers/meter.h"

#define METER_IOV 32

struct mod_meter {
	struct sink sink;
	struct meter *m;
	bool fed; /* bytes went through before the last ones */
};

/* The price book has standard prices; flex, priority and batch have others that are not known yet.
 */
static bool meter_standard_tier(struct str tier)
{
	return tier.n == 0 || str_eq(tier, STR("default")) || str_eq(tier, STR("standard")) ||
	       str_eq(tier, STR("auto"));
}

/* Nothing but seconds of audio was reported, and the price book has prices of tokens: not 0,
 * unknown. */
static bool meter_by_duration(const struct meter *m)
{
	return m->audio_seconds > 0 && usage_input(&m->usage) + usage_output(&m->usage) == 0;
}

/* Price what is known. An unknown price is never 0: the cost stays unknown. */
static void meter_settle(struct req *r, const struct meter *m)
{
	struct str asked = r->route->model.n > 0 ? r->route->model : r->model_asked;
	struct str provider = str_z(r->route->target->provider->name);
	const struct price *p = NULL;

	r->usage = m->usage;
	r->service_tier = m->service_tier;
	if (m->model.n > 0) {
		r->model_served = m->model;
		p = pricebook_find_at(r->conf->prices, provider, m->model, r->start_wall);
	}
	if (p == NULL)
		p = pricebook_find_at(r->conf->prices, provider, asked, r->start_wall);
	r->cost = 0;
	r->cost_known = p != NULL && meter_standard_tier(m->service_tier) && !m->has_advisor &&
			!meter_by_duration(m) && (r->usage.source == USAGE_PROVIDER || p->free) &&
			price_cost(p, &r->usage, NULL, &r->cost, NULL) == 0;
}

static int meter_sink_write(struct sink *s, const struct iovec *in, int n, bool fin)
{
	struct mod_meter *mm = TG_CONTAINER_OF(s, struct mod_meter, sink);
	struct iovec out[METER_IOV];
	struct str held;
	int k = 0;

	if (fin && n == 1 && !mm->fed && !mm->m->stream) {
		meter_whole(mm->m, str_mk(in->iov_base, in->iov_len));
		meter_finish(mm->m);
		meter_settle(s->req, mm->m);
		return sink_write(s->next, in, 1, true);
	}
	mm->fed = true;
	for (int i = 0; i < n; i++) {
		k = meter_filter(mm->m, str_mk(in[i].iov_base, in[i].iov_len), out, METER_IOV - 1);
		if ((!fin || i < n - 1) && k > 0 && sink_write(s->next, out, k, false) != 0)
			return -1;
	}
	if (!fin)
		return 0;
	meter_finish(mm->m);
	held = meter_held(mm->m);
	if (held.n > 0)
		out[k++] = (struct iovec){ (char *)(uintptr_t)held.p, held.n };
	meter_settle(s->req, mm->m);
	return sink_write(s->next, out, k, true);
}

/* The answer broke off: what was seen so far is all there will be. */
static void meter_sink_abort(struct sink *s)
{
	struct mod_meter *mm = TG_CONTAINER_OF(s, struct mod_meter, sink);

	meter_finish(mm->m);
	meter_settle(s->req, mm->m);
}

static const struct sink_ops meter_sink = {
	.name = "meter",
	.write = meter_sink_write,
	.abort = meter_sink_abort,
};

/* Posted to a path whose answers are not read, but which the provider bills: better unpriced than
 * unseen. */
static bool meter_unread(const struct req *r)
{
	switch (r->ep.ep->id) {
	case ENDPOINT_UNKNOWN:
	case ENDPOINT_BATCHES:
	case ENDPOINT_VIDEOS:
	case ENDPOINT_VIDEOS_ITEM: return r->head.method == HTTP_M_POST && r->status / 100 == 2;
	default: return false;
	}
}

static int meter_response_head(struct req *r)
{
	struct mod_meter *mm = req_mod(r, &mod_meter);
	bool sse = r->respond->sse;
	size_t cap = r->added_usage && sse ? METER_BUF_BYTES : METER_CAPTURE_BYTES;
	char *buf;

	if (meter_unread(r))
		r->metered = true; /* and the cost stays unknown */
	if (r->ep.ep->meter == METER_NONE || r->ep.ep->meter == METER_ANTHROPIC_COUNT ||
		r->status / 100 != 2 || r->head.method != HTTP_M_POST)
		return 0;
	mm->m = arena_alloc(&r->arena, sizeof(*mm->m));
	buf = arena_alloc(&r->arena, cap);
	if (mm->m == NULL || buf == NULL)
		return -1;
	meter_init(mm->m, r->ep.ep->meter, sse, buf, cap);
	mm->m->strip = r->added_usage && sse;
	r->metered = true;
	if (r->model_served.n == 0)
		r->model_served = r->route->model;
	sink_push(r, &mm->sink, &meter_sink);
	return 0;
}

const struct tg_module mod_meter = {
	.name = "meter",
	.req_size = sizeof(struct mod_meter),
	.response_head = meter_response_head,
};
