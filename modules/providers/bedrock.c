/*
 * bedrock.c: Amazon Bedrock on the upstream side, by its Converse API, which all of its models of
 * text have: /model/ID/converse, or /converse-stream, whose answers are event streams
 * (mod_deframe.c). It is no client's dialect: chats are translated to it.
 */
#include "core/attempt.h"
#include "core/plan.h"
#include "core/translate.h"
#include "modules.h"
#include "proto/http1_out.h"
#include "providers/verdicts.h"

/* A Bedrock API key; without one requests are signed. */
static struct str bedrock_credentials(struct arena *a, struct str key)
{
	return key.n > 0 ? arena_printf(a, "authorization: Bearer %.*s\r\n", STR_FMT(key))
			 : STR_NONE;
}

/* RFC 3986 section 2.3; ids have colons, ARNs slashes too. */
static void put_segment(struct http_out *o, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char escaped[3] = { '%', hex[c >> 4], hex[c & 15] };
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);

		http_out_str(o, plain ? str_mk(s.p + i, 1) : str_mk(escaped, 3));
	}
}

static void bedrock_path(struct attempt *a, struct http_out *o)
{
	http_out_lit(o, "/model/");
	put_segment(o, a->route->model);
	if (a->req->wire.translate != NULL && a->req->wire.translate->embed_client != NULL) {
		http_out_lit(o, "/invoke");
		return;
	}
	http_out_lit(o, "/converse");
	if (a->req->stream)
		http_out_lit(o, "-stream");
}

/* Which error it is, a field says: some of status 400 and 424 are not the client's fault. */
static enum verdict bedrock_head(struct attempt *a, const struct http_head *h)
{
	struct str type = http_get(h, HTTP_N_X_AMZN_ERRORTYPE);

	(void)a;
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
	.credentials = bedrock_credentials,
	.path = bedrock_path,
	.head = bedrock_head,
};
