/*
 * gemini.c: Google's models, at the Gemini API and at Vertex. The path names the model and what is
 * asked of it: /v1beta/models/MODEL:generateContent, at Vertex behind a project and a location,
 * which base_url has in its path. Streams are asked for as events, whatever the client asked for,
 * unless it is one of theirs.
 */
#include "core/attempt.h"
#include "core/cred_google.h"
#include "core/plan.h"
#include "core/translate.h"
#include "modules.h"
#include "proto/http1_out.h"
#include "providers/verdicts.h"

/* ":generateContent", as the client's path has it, or as a translated request needs it. */
static struct str verb_of(const struct req *r)
{
	struct str path = r->ep.upstream_path;
	size_t i = path.n;

	if (r->wire.translate != NULL && r->wire.translate->embed_client != NULL)
		return r->route->target->provider->embed == EMBED_VERTEX
			       ? STR(":predict")
			       : STR(":batchEmbedContents");
	if (r->wire.translate != NULL && r->wire.translate->counting)
		return STR(":countTokens");
	if (r->wire.translate != NULL)
		return r->stream ? STR(":streamGenerateContent") : STR(":generateContent");
	while (i > 0 && path.p[i - 1] != ':')
		i--;
	return i > 0 ? str_skip(path, i - 1) : STR_NONE;
}

/* The client's query without its key. */
static void put_query(const struct req *r, struct http_out *o)
{
	struct str rest = r->url.query, name, value;
	const char *mark = "?";

	if (r->wire.translate != NULL) {
		http_out_str(o, r->stream ? STR("?alt=sse") : STR(""));
		return;
	}
	while (url_query_next(&rest, &name, &value)) {
		if (str_eq(name, STR("key")))
			continue;
		http_out_str(o, str_z(mark));
		http_out_str(o, name);
		http_out_lit(o, "=");
		http_out_str(o, value);
		mark = "&";
	}
}

/* `collection`: where models are that are no path of their own. */
static void put_path(
	struct attempt *a, struct http_out *o, struct str version, struct str collection)
{
	const struct req *r = a->req;

	if (r->ep.deployment.n == 0 && r->wire.translate == NULL) { /* no model's: as it came */
		http_out_str(o, r->ep.upstream_path);
	} else {
		http_out_str(o, version);
		http_out_lit(o, "/");
		if (memchr(a->route->model.p, '/', a->route->model.n) == NULL)
			http_out_str(o, collection);
		http_out_segment(o, a->route->model, "/@");
		http_out_str(o, verb_of(r));
	}
	put_query(r, o);
}

/* The client's own version where it speaks the API itself, v1beta for all others; none where
 * base_url has one. */
static struct str version_of(const struct attempt *a)
{
	struct str path = a->req->ep.upstream_path, base = a->target->url.path;
	size_t end;

	if (base.n > 1)
		return STR_NONE;
	if (a->req->wire.translate != NULL || !str_starts(path, STR("/v1")))
		return STR("/v1beta");
	end = str_chr(str_skip(path, 1), '/');
	return end != (size_t)-1 ? str_mk(path.p, end + 1) : STR("/v1beta");
}

static void gemini_path(struct attempt *a, struct http_out *o)
{
	put_path(a, o, version_of(a), STR("models/"));
}

static void vertex_path(struct attempt *a, struct http_out *o)
{
	/* Without a project in it the host takes API keys (express mode). */
	put_path(a, o, a->target->url.path.n > 1 ? STR_NONE : STR("/v1"),
		STR("publishers/google/models/"));
}

static struct str gemini_credentials(struct arena *a, struct str key)
{
	return key.n > 0 ? arena_printf(a, "x-goog-api-key: %.*s\r\n", STR_FMT(key)) : STR_NONE;
}

/* Vertex: a key of Google's cloud, which tokens are fetched with, or an API key. */
static struct str vertex_credentials(struct arena *a, struct str key)
{
	return cred_google_is(key) ? STR_NONE : gemini_credentials(a, key);
}

static int vertex_credential(const struct cfg_target *t, struct arena *a, struct cred_source *out,
	char *why, size_t why_len)
{
	const struct cfg_target_key *keys = t->keys.v;

	(void)a;
	for (size_t i = 0; i < t->keys.n; i++)
		if (cred_google_is(keys[i].key)) {
			snprintf(why, why_len,
				"what tokens are fetched with is a `key` of its own, none of "
				"several; make it a target of its own");
			return -1;
		}
	if (!cred_google_is(t->key))
		return 0;
	if (cred_google_check(t->key, why, why_len) != 0)
		return -1;
	out->kind = &cred_google;
	out->arg[0] = t->key;
	return 0;
}

static enum verdict gemini_head(struct attempt *a, const struct http_head *h)
{
	(void)a;
	return verdict_common(h);
}

const struct provider provider_gemini = {
	.name = "gemini",
	.base_url = "https://generativelanguage.googleapis.com",
	.dialect = DIALECT_GEMINI,
	.shape = SHAPE_GEMINI,
	.meter = METER_GEMINI,
	.embed = EMBED_GEMINI,
	.embed_meter = METER_GEMINI_EMBED,
	.bills_cancelled = true,
	.credentials = gemini_credentials,
	.path = gemini_path,
	.head = gemini_head,
};

const struct provider provider_vertex = {
	.name = "vertex",
	.dialect = DIALECT_GEMINI,
	.shape = SHAPE_GEMINI,
	.meter = METER_GEMINI,
	.lacks = PROVIDER_LACKS(GEMINI_BATCH_EMBED),
	.embed = EMBED_VERTEX,
	.embed_meter = METER_EMBED_UNITS,
	.count_bare = true,
	.bills_cancelled = true,
	.credentials = vertex_credentials,
	.credential = vertex_credential,
	.path = vertex_path,
	.head = gemini_head,
};
