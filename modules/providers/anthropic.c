/*
 * anthropic.c: the Anthropic dialect on the upstream side.
 */
#include "core/attempt.h"
#include "modules.h"
#include "proto/http1_out.h"
#include "providers/verdicts.h"

static struct str anthropic_credentials(struct arena *a, struct str key)
{
	return key.n > 0 ? arena_printf(a, "x-api-key: %.*s\r\n", STR_FMT(key)) : STR_NONE;
}

/* The API refuses requests without a version; curl users forget it. */
static void anthropic_fields(struct attempt *a, struct http_out *o)
{
	if (a->req->wire.translate != NULL ||
		http_get(&a->req->head, HTTP_N_ANTHROPIC_VERSION).n == 0)
		http_out_lit(o, "anthropic-version: 2023-06-01\r\n");
}

static enum verdict anthropic_head(struct attempt *a, const struct http_head *h)
{
	(void)a;
	return verdict_common(h);
}

const struct provider provider_anthropic = {
	.name = "anthropic",
	.dialect = DIALECT_ANTHROPIC,
	.shape = SHAPE_ANTHROPIC,
	.meter = METER_ANTHROPIC_MESSAGES,
	.chat_path = { "/v1/messages", 12 },
	.count_path = { "/v1/messages/count_tokens", 25 },
	.credentials = anthropic_credentials,
	.fields = anthropic_fields,
	.head = anthropic_head,
};
