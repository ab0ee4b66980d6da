/*
 * hosts.c: providers that speak OpenAI's API with differences: a table (tbl/hosts.h).
 */
#include "core/config.h"
#include "modules.h"
#include "providers/verdicts.h"

enum {
	BILLS_CANCELLED = 1 << 0,
	NO_INCLUDE_USAGE = 1 << 1,
	UNVERSIONED = 1 << 2,
	THOUGHTS_BACK = 1 << 3
};

#define HAS(id)       PROVIDER_LACKS(id)
#define HAS_RESPONSES (HAS(RESPONSES) | HAS(RESPONSES_ITEM))
#define HAS_VIDEOS    (HAS(VIDEOS) | HAS(VIDEOS_ITEM))
#define HAS_FILES     (HAS(FILES) | HAS(FILES_ITEM) | HAS(BATCHES) | HAS(BATCHES_ITEM))

static struct str host_credentials(struct arena *a, struct str key)
{
	return key.n > 0 ? arena_printf(a, "authorization: Bearer %.*s\r\n", STR_FMT(key))
			 : STR_NONE;
}

/* No capacity for a flexible tier (Groq): another target has. */
static enum verdict host_head(struct attempt *a, const struct http_head *h)
{
	(void)a;
	return h->status == 498 ? VERDICT_RETRY : verdict_common(h);
}

#define X(id, url, has, ways, limit)                                               \
	const struct provider provider_##id = {                                    \
		.name = #id,                                                       \
		.base_url = (url),                                                 \
		.dialect = DIALECT_OPENAI,                                         \
		.lacks = ~(uint64_t)(has),                                         \
		.shape = SHAPE_OPENAI,                                             \
		.meter = METER_OPENAI_CHAT,                                        \
		.chat_path = { "/v1/chat/completions", 20 },                       \
		.embed = ((has)&HAS(EMBEDDINGS)) != 0 ? EMBED_OPENAI : EMBED_NONE, \
		.embed_meter = METER_OPENAI_EMBEDDINGS,                            \
		.embed_path = { "/v1/embeddings", 14 },                            \
		.bills_cancelled = ((ways)&BILLS_CANCELLED) != 0,                  \
		.no_include_usage = ((ways)&NO_INCLUDE_USAGE) != 0,                \
		.unversioned = ((ways)&UNVERSIONED) != 0,                          \
		.thoughts_back = ((ways)&THOUGHTS_BACK) != 0,                      \
		.output_limit = OUTPUT_LIMIT_##limit,                              \
		.credentials = host_credentials,                                   \
		.head = host_head,                                                 \
	};
#include "providers/tbl/hosts.h"
#undef X
