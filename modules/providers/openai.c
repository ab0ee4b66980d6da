/*
 * openai.c: the OpenAI dialect on the upstream side.
 */
#include "modules.h"
#include "providers/verdicts.h"

static struct str openai_credentials(struct arena *a, struct str key)
{
	return key.n > 0 ? arena_printf(a, "authorization: Bearer %.*s\r\n", STR_FMT(key))
			 : STR_NONE;
}

static enum verdict openai_head(struct attempt *a, const struct http_head *h)
{
	(void)a;
	return verdict_common(h);
}

const struct provider provider_openai = {
	.name = "openai",
	.dialect = DIALECT_OPENAI,
	.shape = SHAPE_OPENAI,
	.meter = METER_OPENAI_CHAT,
	.chat_path = { "/v1/chat/completions", 20 },
	.embed = EMBED_OPENAI,
	.embed_meter = METER_OPENAI_EMBEDDINGS,
	.embed_path = { "/v1/embeddings", 14 },
	.credentials = openai_credentials,
	.head = openai_head,
};
