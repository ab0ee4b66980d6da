/*
 * cohere.c: Cohere on the upstream side, by its v2 chat. It is no client's dialect: chats are
 * translated to it. (Targets that take OpenAI's dialect at Cohere's compatibility paths are of
 * provider openai.)
 */
#include "modules.h"
#include "providers/verdicts.h"

static struct str cohere_credentials(struct arena *a, struct str key)
{
	return key.n > 0 ? arena_printf(a, "authorization: Bearer %.*s\r\n", STR_FMT(key))
			 : STR_NONE;
}

/* 498: the token is none. */
static enum verdict cohere_head(struct attempt *a, const struct http_head *h)
{
	(void)a;
	return h->status == 498 ? VERDICT_CREDENTIALS : verdict_common(h);
}

const struct provider provider_cohere = {
	.name = "cohere",
	.base_url = "https://api.cohere.com",
	.dialect = DIALECT_OTHER,
	.shape = SHAPE_COHERE,
	.meter = METER_COHERE,
	.chat_path = { "/v2/chat", 8 },
	.embed = EMBED_COHERE,
	.embed_meter = METER_EMBED_UNITS,
	.embed_path = { "/v2/embed", 9 },
	.credentials = cohere_credentials,
	.head = cohere_head,
};
