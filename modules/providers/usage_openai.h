/*
 * usage_openai.h: usage objects of the OpenAI APIs, and of the many that copy them, as disjoint
 * buckets. Pure functions over text.
 *
 * What they report overlaps: cached and cache-written tokens, audio and images are inside the input
 * count, reasoning and audio inside the output count. The names differ between APIs and even within
 * one (prompt_tokens / input_tokens, input_tokens_details / input_token_details); all are read
 * alike.
 */
#ifndef TG_PROVIDERS_USAGE_OPENAI_H
#define TG_PROVIDERS_USAGE_OPENAI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"
#include "money/money.h"
#include "money/usage.h"

enum usage_openai_field {
	OAI_INPUT,
	OAI_OUTPUT,
	OAI_TOTAL,
	OAI_CACHED,
	OAI_CACHE_WRITE,
	OAI_IN_AUDIO,
	OAI_IN_IMAGE,
	OAI_REASONING,
	OAI_OUT_AUDIO,
	OAI_OUT_IMAGE,
	OAI_SECONDS,  /* audio billed by duration, rounded up */
	OAI_SEARCHES, /* web searches (Perplexity), sources (xAI) */
	OAI__MAX
};

/* The figures as reported so far. Starts as {0}. */
struct usage_openai {
	uint64_t v[OAI__MAX];
	uint32_t have; /* bit for each field that was reported */
	bool has_reported;
	pico_usd reported;               /* what the provider says it cost */
	enum usage_bucket search_bucket; /* by the search_context_size that the usage names */
	bool has_search_bucket;
};

/* What output tokens are that no detail describes. */
enum usage_openai_output { OAI_OUT_IS_TEXT, OAI_OUT_IS_IMAGE, OAI_OUT_IS_AUDIO };

/*
 * Takes in one usage object (its JSON text). Figures are cumulative: a present one replaces what
 * was there, an absent or null one leaves it. 0; -1 when the text is no object or has no figure in
 * it.
 */
int usage_openai_merge(struct usage_openai *o, struct str json) TG_MUST_CHECK;
/*
 * Fills the buckets of tokens and seconds and those of web searches that usage itself counts;
 * everything else of *u stays. Subtractions stop at 0.
 */
void usage_openai_buckets(
	const struct usage_openai *o, enum usage_openai_output out, struct usage *u);

/* The bucket of a web search with this context size: "low", "medium" (the default), "high". */
enum usage_bucket usage_openai_search(struct str context_size);

/* A JSON number as whole units, rounded up; -1 when it is none or negative. */
int usage_openai_seconds(struct str number, uint64_t *out) TG_MUST_CHECK;

#endif
