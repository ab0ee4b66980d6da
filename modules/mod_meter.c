/*
 * mod_meter.c: finds usage in the provider's answer while it passes. A sink in front of the client:
 * it looks, and takes out the usage chunk of a stream when the client did not ask for it. At the
 * answer's end it has the leg charged, so that the client can be told.
 */
#include "core/plan.h"
#include "core/provider.h"
#include "core/req.h"
#include "core/respond.h"
#include "core/sink.h"
#include "modules.h"
#include "providers/meter_estimate.h"

#define METER_IOV 32

struct mod_meter {
	struct sink sink;
	struct meter *m;
	bool fed; /* bytes went through before the last ones */
};

static enum usage_source meter_source(const struct req *r)
{
	const struct mod_meter *mm = req_mod((struct req *)(uintptr_t)r, &mod_meter);

	return mm->m->usage.source;
}

/* A stream ends with a marker; anything else with its last byte. */
static bool meter_is_whole(const struct req *r)
{
	const struct mod_meter *mm = req_mod((struct req *)(uintptr_t)r, &mod_meter);

	return !mm->m->stream || mm->m->terminal;
}

/* In the request's memory; empty when there is none or memory is short. */
static struct str meter_price_variant(struct req *r, const struct meter *m)
{
	char text[METER_VARIANT_MAX];
	size_t n = meter_variant(m, &r->bound, text);

	return n > 0 ? arena_dup(&r->arena, str_mk(text, n)) : STR_NONE;
}

static void meter_usage(struct req *r, bool estimate, struct usage *out)
{
	struct mod_meter *mm = req_mod(r, &mod_meter);
	struct meter *m = mm->m;

	if (m->model.n > 0)
		r->model_served = m->model;
	r->service_tier = m->service_tier;
	r->served_region = m->region;
	if (str_eq_ci(m->speed, STR("fast")))
		r->service_tier = m->speed;
	r->variant = meter_price_variant(r, m);
	r->has_cost_reported = m->has_reported;
	r->cost_reported = m->reported;
	r->has_extra = m->has_advisor;
	r->extra = m->advisor;
	r->extra_model = m->advisor_model;
	/* A form does not say how many it asks for; its answer is counted. */
	if (m->terminal && m->images > 0)
		r->generations = m->images;
	if (estimate) {
		meter_estimate(m, r->leg.route->ratio, &r->bound, out);
		return;
	}
	*out = m->usage;
	meter_learn(m, &r->bound, r->leg.route->ratio);
}

static const struct req_meter meter_reader = {
	.source = meter_source,
	.whole = meter_is_whole,
	.usage = meter_usage,
	.counted = meter_is_counted,
};

static int meter_sink_write(struct sink *s, const struct iovec *in, int n, bool fin)
{
	struct mod_meter *mm = TG_CONTAINER_OF(s, struct mod_meter, sink);
	struct iovec out[METER_IOV];
	struct str held;
	int k = 0;

	if (fin && n == 1 && !mm->fed && !mm->m->stream) {
		meter_whole(mm->m, str_mk(in->iov_base, in->iov_len));
		meter_finish(mm->m);
		leg_charge(s->req, SETTLE_BY_PROVIDER);
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
	leg_charge(s->req, SETTLE_BY_PROVIDER);
	return sink_write(s->next, out, k, true);
}

/* The answer broke off: what was seen so far is all there will be. */
static void meter_sink_abort(struct sink *s)
{
	struct mod_meter *mm = TG_CONTAINER_OF(s, struct mod_meter, sink);

	meter_finish(mm->m);
}

static const struct sink_ops meter_sink = {
	.name = "meter",
	.write = meter_sink_write,
	.abort = meter_sink_abort,
};

static int meter_response_head(struct req *r)
{
	struct mod_meter *mm = req_mod(r, &mod_meter);
	enum meter_api api = leg_api(r);
	bool sse = r->respond->from_sse, strip = r->added_usage && sse && r->wire.translate == NULL;
	size_t cap = strip ? METER_BUF_BYTES : METER_CAPTURE_BYTES;
	char *buf;

	if (api == METER_NONE)
		r->metered = leg_is_billed(r) && r->status / 100 == 2;
	if (api == METER_NONE || api == METER_ANTHROPIC_COUNT || api == METER_GEMINI_COUNT ||
		r->status / 100 != 2 || r->head.method != HTTP_M_POST)
		return 0;
	mm->m = arena_alloc(&r->arena, sizeof(*mm->m));
	buf = arena_alloc(&r->arena, cap);
	if (mm->m == NULL || buf == NULL)
		return -1;
	meter_init(mm->m, api, sse, buf, cap);
	mm->m->strip = strip;
	if (r->bound.web_search)
		mm->m->search_bucket = r->bound.search_bucket;
	r->metered = true;
	r->meter = &meter_reader;
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
