/*
 * bedrock.c: Amazon Bedrock on the upstream side, by its Converse API, which all of its models of
 * text have: /model/ID/converse, or /converse-stream, whose answers are event streams
 * (mod_deframe.c). It is no client's dialect: chats are translated to it. Requests carry a Bedrock
 * API key, or are signed with AWS credentials (core/cred_aws.h), anew at each attempt.
 */
#include <stdio.h>

#include "core/attempt.h"
#include "core/cred_aws.h"
#include "core/plan.h"
#include "core/translate.h"
#include "modules.h"
#include "core/worker.h"
#include "proto/http1_out.h"
#include "proto/sigv4.h"
#include "providers/verdicts.h"

/* A Bedrock API key; without one requests are signed. */
static struct str bedrock_credentials(struct arena *a, struct str key)
{
	return key.n > 0 ? arena_printf(a, "authorization: Bearer %.*s\r\n", STR_FMT(key))
			 : STR_NONE;
}

static void bedrock_path(struct attempt *a, struct http_out *o)
{
	http_out_lit(o, "/model/");
	http_out_segment(o, a->route->model, "");
	if (a->req->wire.translate != NULL && a->req->wire.translate->embed_client != NULL) {
		http_out_lit(o, "/invoke");
		return;
	}
	if (a->req->wire.translate != NULL && a->req->wire.translate->counting) {
		http_out_lit(o, "/count-tokens");
		return;
	}
	http_out_lit(o, "/converse");
	if (a->req->stream)
		http_out_lit(o, "-stream");
}

static struct str region_of(const struct url *u, struct str configured)
{
	struct str region = cred_aws_region_of(u->host);

	return region.n > 0 ? region : configured;
}

/* Without a key of its own a target is signed for, which needs a region. */
static int bedrock_credential(const struct cfg_target *t, struct arena *a, struct cred_source *out,
	char *why, size_t why_len)
{
	const char *err;
	struct url u;

	(void)a;
	if (t->key.n > 0 || t->keys.n > 0)
		return 0;
	if (url_parse(t->base_url, &u, &err) != 0 || region_of(&u, t->region).n == 0) {
		snprintf(why, why_len,
			"requests without a `key` are signed, for a region: have it in base_url "
			"(https://bedrock-runtime.us-east-1.amazonaws.com), or say `region`");
		return -1;
	}
	*out = (struct cred_source){ &cred_aws, { t->profile } };
	return 0;
}

/* The exact bytes that are sent. -1: no memory. */
static int body_bytes(struct attempt *a, const struct iovec *body, int n, struct str *out)
{
	size_t total = 0, at = 0;
	char *p;

	if (n <= 1) {
		*out = n == 1 ? str_mk(body->iov_base, body->iov_len) : STR_NONE;
		return 0;
	}
	for (int i = 0; i < n; i++)
		total += body[i].iov_len;
	p = arena_alloc(&a->req->arena, total + 1);
	if (p == NULL)
		return -1;
	for (int i = 0; i < n; at += body[i++].iov_len)
		memcpy(p + at, body[i].iov_base, body[i].iov_len);
	*out = str_mk(p, total);
	return 0;
}

static int sign_with(struct attempt *a, struct http_out *o, struct str target, struct str body,
	const struct str part[CRED_PARTS])
{
	const struct target *t = a->target;
	struct sigv4_request q = { .method = STR("POST"), .path = target };
	struct sigv4_key key = { .access = part[CRED_AWS_ID],
		.secret = part[CRED_AWS_SECRET],
		.region = region_of(&t->url, t->cfg->region),
		.service = STR("bedrock") };
	char time[17];
	struct sigv4_field f[] = {
		{ STR("content-type"), STR("application/json") },
		{ STR("host"), t->host_field },
		{ STR("x-amz-content-sha256"), str_mk(q.payload_hash, sizeof q.payload_hash) },
		{ STR("x-amz-date"), str_mk(time, 16) },
		{ STR("x-amz-security-token"), part[CRED_AWS_SESSION] },
	};
	struct str authorization;

	sigv4_time(a->req->w->wall.us / 1000000, time);
	sigv4_hash_payload(body, q.payload_hash);
	q.field = f;
	q.n_fields = TG_ARRAY_LEN(f) - (part[CRED_AWS_SESSION].n == 0);
	authorization = sigv4_authorization(&a->req->arena, &q, &key, time);
	if (authorization.p == NULL)
		return -1;
	for (size_t i = 2; i < q.n_fields; i++)
		http_out_field(o, f[i].name, f[i].value);
	http_out_field(o, STR("authorization"), authorization);
	return 0;
}

static int bedrock_sign(
	struct attempt *a, struct http_out *o, struct str target, const struct iovec *iov, int n)
{
	struct cred *cred = a->target->cred;
	struct str part[CRED_PARTS], body;

	if (cred == NULL || cred_kind_of(cred) != &cred_aws)
		return 0; /* a key was sent */
	if (cred_copy(cred, &a->req->arena, part) != 0) {
		a->no_credential = true;
		return -1;
	}
	if (body_bytes(a, iov, n, &body) != 0)
		return -1;
	return sign_with(a, o, target, body, part);
}

/* Other refusals of status 403 are about what the request wants. */
static bool is_about_credentials(struct str type)
{
	return str_starts(type, STR("ExpiredToken")) ||
	       str_starts(type, STR("UnrecognizedClient")) ||
	       str_starts(type, STR("InvalidSignature"));
}

/* Which error it is, a field says: some of status 400 and 424 are not the client's fault. */
static enum verdict bedrock_head(struct attempt *a, const struct http_head *h)
{
	struct str type = http_get(h, HTTP_N_X_AMZN_ERRORTYPE);

	if (h->status == 403 && a->target->cred != NULL && is_about_credentials(type))
		cred_refused(a->target->cred);
	if (str_starts(type, STR("ServiceQuotaExceeded")) || h->status == 424)
		return VERDICT_RETRY;
	return verdict_common(h);
}

const struct provider provider_bedrock = {
	.name = "bedrock",
	.dialect = DIALECT_OTHER,
	.shape = SHAPE_CONVERSE,
	.meter = METER_BEDROCK,
	.embed = EMBED_TITAN, /* or Cohere's, by the model's id */
	.embed_meter = METER_EMBED_UNITS,
	.bills_cancelled = true,
	.credential = bedrock_credential,
	.credentials = bedrock_credentials,
	.path = bedrock_path,
	.sign = bedrock_sign,
	.head = bedrock_head,
};
