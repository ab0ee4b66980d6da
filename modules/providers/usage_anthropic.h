/*
 * usage_anthropic.h: usage objects of the Anthropic messages API as disjoint buckets. Pure
 * functions.
 *
 * Input excludes what was read from and written to the cache. In a stream message_start gives
 * input, cache figures, the split of cache writes by lifetime and a placeholder output;
 * message_delta gives cumulative figures that replace them where present and not null. Nothing is
 * ever added up, except the passes of `iterations`, which are the parts of one figure.
 */
#ifndef TG_PROVIDERS_USAGE_ANTHROPIC_H
#define TG_PROVIDERS_USAGE_ANTHROPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"
#include "money/usage.h"

/* One count of tokens: the whole answer, or the sum of some passes. */
struct usage_anthropic_tokens {
	uint64_t input, cache_read, cache_write, write_5m, write_1h, output, thinking;
	uint32_t have; /* bit for each of the above, in that order */
};

#define USAGE_ANTHROPIC_MODEL 64

struct usage_anthropic {
	struct usage_anthropic_tokens top;
	struct usage_anthropic_tokens
		executor; /* sum of the passes, when they and not `top` are billed */
	bool by_passes;
	struct usage_anthropic_tokens
		advisor; /* billed at the price of advisor_model, not part of `top` */
	bool has_advisor;
	uint8_t advisor_model_len;
	char advisor_model[USAGE_ANTHROPIC_MODEL];
	uint32_t web_searches, code_executions;
	bool final_output; /* a message_delta (or a whole answer) gave the output; until then
			      top.output is a placeholder and never counted */
	uint8_t fallback_model_len; /* > 0: another model answered than was asked */
	char fallback_model[USAGE_ANTHROPIC_MODEL];
};

/* What a usage object says beside figures: raw JSON strings inside it, STR_NONE when absent. */
struct usage_anthropic_names {
	struct str tier, geo, speed;
};

/*
 * Takes in one usage object (its JSON text); `start` for message_start's, whose output is a
 * placeholder and never replaces a final one. names may be NULL. 0; -1 when the text is no object.
 */
int usage_anthropic_merge(struct usage_anthropic *a, struct str json, bool start,
	struct usage_anthropic_names *names) TG_MUST_CHECK;
/* Fills u->n; u->source stays. */
void usage_anthropic_buckets(const struct usage_anthropic *a, struct usage *u);
/* The advisor's part, to be priced at its own model. False when there is none. */
bool usage_anthropic_advisor(const struct usage_anthropic *a, struct usage *u, struct str *model);
/* The model that answered after a fallback; STR_NONE when the one that was asked did. */
struct str usage_anthropic_fallback(const struct usage_anthropic *a);

#endif
