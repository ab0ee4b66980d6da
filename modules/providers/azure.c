/*
 * azure.c: OpenAI's models at Azure. With a version that is a date requests go by deployment, whose
 * name is the model's: /openai/deployments/NAME/chat/completions?api-version=2024-10-21. Otherwise
 * they go under /openai/v1, and the body names the deployment.
 */
#include <stdio.h>

#include "core/attempt.h"
#include "core/plan.h"
#include "core/translate.h"
#include "modules.h"
#include "proto/http1_out.h"
#include "proto/url.h"
#include "providers/verdicts.h"

static const struct provider azure_classic;

/* Of either: a base_url may end in what all of its paths begin with. */
static struct str base_left(const struct target *t, struct str begin)
{
	struct str path = t->url.path;

	for (size_t n = begin.n; n > 0; n--)
		if ((n == begin.n || begin.p[n] == '/') && str_ends(path, str_mk(begin.p, n)))
			return str_skip(begin, n);
	return begin;
}

/* "/chat/completions", of the client's path or of a translated request's. */
static struct str rest_of(const struct attempt *a)
{
	const struct req *r = a->req;
	struct str path =
		r->wire.translate != NULL ? translate_path(r, a->provider) : r->ep.upstream_path;

	return str_starts(path, STR("/v1/")) ? str_skip(path, 3) : path;
}

/* The client's query, with our version instead of its own, and without its key. */
static void put_query(struct attempt *a, struct http_out *o)
{
	struct str version = a->target->cfg->api_version, rest = a->req->url.query, name, value;
	const char *comma = "?";

	if (version.n > 0) {
		http_out_lit(o, "?api-version=");
		http_out_str(o, version);
		comma = "&";
	}
	if (a->req->wire.translate != NULL) /* another dialect's */
		return;
	while (url_query_next(&rest, &name, &value)) {
		if (str_eq(name, STR("api-version")) || str_eq(name, STR("key")))
			continue;
		http_out_str(o, str_z(comma));
		http_out_str(o, name);
		http_out_lit(o, "=");
		http_out_str(o, value);
		comma = "&";
	}
}

static void azure_path(struct attempt *a, struct http_out *o)
{
	if (a->req->ep.ep->id == ENDPOINT_UNKNOWN) { /* of the target's own API: as it came */
		http_out_str(o, a->req->ep.upstream_path);
	} else {
		http_out_str(o, base_left(a->target, STR("/openai/v1")));
		http_out_str(o, rest_of(a));
	}
	put_query(a, o);
}

static void azure_classic_path(struct attempt *a, struct http_out *o)
{
	if (a->req->ep.ep->id == ENDPOINT_UNKNOWN) {
		http_out_str(o, a->req->ep.upstream_path);
	} else {
		http_out_str(o, base_left(a->target, STR("/openai")));
		http_out_lit(o, "/deployments/");
		http_out_segment(o, a->route->model, "");
		http_out_str(o, rest_of(a));
	}
	put_query(a, o);
}

static struct str azure_credentials(struct arena *a, struct str key)
{
	return key.n > 0 ? arena_printf(a, "api-key: %.*s\r\n", STR_FMT(key)) : STR_NONE;
}

static enum verdict azure_head(struct attempt *a, const struct http_head *h)
{
	(void)a;
	return verdict_common(h);
}

static bool is_date(struct str version)
{
	return version.n > 0 && version.p[0] >= '0' && version.p[0] <= '9';
}

static const struct provider *azure_variant(const struct cfg_target *t)
{
	return is_date(t->api_version) ? &azure_classic : &provider_azure;
}

/* No source of its own; it is where what does not fit together is told. */
static int azure_credential(const struct cfg_target *t, struct arena *a, struct cred_source *out,
	char *why, size_t why_len)
{
	(void)a;
	(void)out;
	if (str_find(t->base_url, STR("/deployments/")) != (size_t)-1) {
		snprintf(why, why_len,
			"base_url is the resource's alone (https://NAME.openai.azure.com); the "
			"deployment is the model's name");
		return -1;
	}
	if (is_date(t->api_version) && str_ends(t->base_url, STR("/v1"))) {
		snprintf(why, why_len,
			"base_url ends in /v1, where versions are no dates; leave api_version out, "
			"or the /openai/v1");
		return -1;
	}
	return 0;
}

#define HAS(id) PROVIDER_LACKS(id)
#define CLASSIC_HAS                                                                       \
	(HAS(CHAT) | HAS(COMPLETIONS) | HAS(EMBEDDINGS) | HAS(IMAGES_GEN) | HAS(IMAGES) | \
		HAS(SPEECH) | HAS(AUDIO))

const struct provider provider_azure = {
	.name = "azure",
	.dialect = DIALECT_OPENAI,
	.lacks = HAS(MODERATIONS),
	.shape = SHAPE_OPENAI,
	.meter = METER_OPENAI_CHAT,
	.chat_path = { "/v1/chat/completions", 20 },
	.embed = EMBED_OPENAI,
	.embed_meter = METER_OPENAI_EMBEDDINGS,
	.embed_path = { "/v1/embeddings", 14 },
	.variant = azure_variant,
	.credentials = azure_credentials,
	.credential = azure_credential,
	.path = azure_path,
	.head = azure_head,
};

static const struct provider azure_classic = {
	.name = "azure",
	.dialect = DIALECT_OPENAI,
	.lacks = ~(uint64_t)CLASSIC_HAS,
	.shape = SHAPE_OPENAI,
	.meter = METER_OPENAI_CHAT,
	.chat_path = { "/v1/chat/completions", 20 },
	.embed = EMBED_OPENAI,
	.embed_meter = METER_OPENAI_EMBEDDINGS,
	.embed_path = { "/v1/embeddings", 14 },
	.credentials = azure_credentials,
	.credential = azure_credential,
	.path = azure_classic_path,
	.head = azure_head,
};
