/*
 * leg.h: what the tests of legs share: a plan with made-up prices, a few pico a token, so that
 * every rounding shows; a request that is routed, and a meter that says what the test wants. On top
 * of fake.h.
 */
#ifndef TG_UNIT_CORE_LEG_H
#define TG_UNIT_CORE_LEG_H

#include "core/ratio.h"
#include "unit/core/fake.h"

static struct fake f;
static struct tenant tenant;
static struct cfg_tenant cfg_tenant;
static struct cfg_tier cfg_tier;
static struct target target;
static struct cfg_target cfg_target;

/* pico: tiny 1 in, 3 out; wide has dearer and cheaper service tiers; img by the image; imgtok by
 * the token; dear overflows at a few million tokens. */
#define UNPRICED "unpriced: { input: 0.00001 usd, output: 0.00002 usd"

static inline void start(const char *unpriced)
{
	char yaml[4096];

	snprintf(yaml, sizeof yaml, "%s%s\n",
		"listen: 127.0.0.1:0\n"
		"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
		"models: { m: { targets: a } }\n"
		"tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n"
		"price_overrides:\n"
		"  - { provider: openai, model: tiny, max_output: 100,\n"
		"      per_mtok: { input: 0.000001, output: 0.000003 } }\n"
		"  - { provider: openai, model: wide, max_output: 10,\n"
		"      per_mtok: { input: 0.000002, output: 0.000004 },\n"
		"      flex: { per_mtok: { input: 0.000001, output: 0.000002 } },\n"
		"      priority: { per_mtok: { input: 0.000005, output: 0.000007 } } }\n"
		"  - { provider: openai, model: local, per_mtok: { input: 0.000001,\n"
		"      output: 0.000001 }, uplift: { us: 1.1 } }\n"
		"  - { provider: openai, model: img, per_unit: { images: 0.04 } }\n"
		"  - { provider: openai, model: imgtok, per_mtok: { input: 0.000001,\n"
		"      output_image: 0.000002 } }\n"
		"  - { provider: openai, model: speech, per_unit: { input_characters: 0.01 } }\n"
		"  - { provider: openai, model: dear, per_mtok: { input: 1000000,\n"
		"      output: 1000000 } }\n"
		"  - { provider: openai, model: gratis, free: true }\n",
		unpriced);
	fake_init(&f, yaml);
	f.conf->priced_until = f.conf->priced_from; /* the tests' routes do not know theirs */
	cfg_tenant = *f.conf->tenants[0].cfg;
	tenant = f.conf->tenants[0];
	tenant.cfg = &cfg_tenant;
	cfg_tier = (struct cfg_tier){ .generation_price = 0 };
	cfg_target = *f.conf->targets[0].cfg;
	target = f.conf->targets[0];
	target.cfg = &cfg_target;
}

static inline void setup(void)
{
	start(UNPRICED ", request: 0.5 usd }");
}

static inline void teardown(void)
{
	fake_fini(&f);
}

/* ---- who reads the answer: figures as the test has them */

static struct {
	enum usage_source source;
	bool whole, counted;
	struct usage figures, estimate;
	unsigned asked;
} told;

static inline enum usage_source told_source(const struct req *r)
{
	(void)r;
	return told.source;
}

static inline bool told_whole(const struct req *r)
{
	(void)r;
	return told.whole;
}

static inline void told_usage(struct req *r, bool estimate, struct usage *out)
{
	(void)r;
	told.asked++;
	*out = estimate ? told.estimate : told.figures;
}

static inline bool told_counted(const struct usage *u)
{
	(void)u;
	return told.counted;
}

static const struct req_meter told_meter = { told_source, told_whole, told_usage, told_counted };

static inline struct usage tokens(uint64_t in, uint64_t out)
{
	return (struct usage){ .n = { [USAGE_IN] = in, [USAGE_OUT] = out } };
}

#define CENT   INT64_C(10000000000)
#define CHAT   "/v1/chat/completions"
#define IMAGES "/v1/images/generations"

static const struct endpoint passthrough = { ENDPOINT_UNKNOWN, HTTP_M_OTHER, DIALECT_OPENAI,
	BODY_KIND_PLAIN, METER_NONE };

/* A request of a model, routed; nothing of it is sent, and no leg has begun. */
static inline struct req *asking(const char *method, const char *path, const char *model)
{
	char head[256];
	struct req *r;

	snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nhost: gw\r\n\r\n", method, path);
	r = fake_req(&f, fake_conn(&f), head);
	if (r->ep.ep == NULL) /* of the target's own: passed on as it is */
		r->ep.ep = &passthrough;
	r->tenant = &tenant;
	r->model_asked = str_z(model);
	r->path_route = (struct route_target){
		.target = &target, .model = str_z(model), .ratio = ratio_of_none()
	};
	r->route = &r->path_route;
	r->bound.n = 1;
	r->bound.input_bytes = 36; /* 100 tokens with what providers add */
	memset(&told, 0, sizeof told);
	return r;
}

/* Its leg has begun, and the provider has answered with these figures. */
static inline struct req *answered(const char *path, const char *model, struct usage u)
{
	struct req *r = asking("POST", path, model);

	leg_begin(r);
	r->leg.sent = r->leg.sent_whole = r->leg.complete = true;
	r->leg.status = 200;
	r->meter = &told_meter;
	told.source = USAGE_PROVIDER;
	told.whole = told.counted = true;
	told.figures = u;
	return r;
}

static inline void over(void)
{
	fake_drop(&f);
}

#endif
