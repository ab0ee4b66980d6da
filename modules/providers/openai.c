/*
 * openai.c: the OpenAI dialect on the upstream side.
 */
#include "core/config.h"
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

static const struct provider openai_responses;

/* Its models may be had at /v1/responses alone. */
static const struct provider *openai_variant(const struct cfg_target *t)
{
	return t->chat_api == CHAT_API_RESPONSES ? &openai_responses : &provider_openai;
}

const struct provider provider_openai = {
	.name = "openai",
	.variant = openai_variant,
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

static const struct provider openai_responses = {
	.name = "openai",
	.dialect = DIALECT_OPENAI,
	.lacks = PROVIDER_LACKS(CHAT) | PROVIDER_LACKS(COMPLETIONS),
	.shape = SHAPE_RESPONSES,
	.meter = METER_OPENAI_RESPONSES,
	.chat_path = { "/v1/responses", 13 },
	.count_path = { "/v1/responses/input_tokens", 26 },
	.embed = EMBED_OPENAI,
	.embed_meter = METER_OPENAI_EMBEDDINGS,
	.embed_path = { "/v1/embeddings", 14 },
	.credentials = openai_credentials,
	.head = openai_head,
};
