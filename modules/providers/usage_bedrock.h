/*
 * usage_bedrock.h: TokenUsage of Bedrock's Converse as disjoint buckets. Pure functions.
 *
 * Input excludes what was read from and written to the cache; cacheDetails split the writes by
 * lifetime; reasoning is inside the output and not told apart.
 */
#ifndef TG_PROVIDERS_USAGE_BEDROCK_H
#define TG_PROVIDERS_USAGE_BEDROCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"
#include "money/usage.h"

enum usage_bedrock_field {
	BED_INPUT,
	BED_OUTPUT,
	BED_CACHE_READ,
	BED_CACHE_WRITE,
	BED_WRITE_5M,
	BED_WRITE_1H,
	BED__MAX
};

/* Starts as {0}. */
struct usage_bedrock {
	uint64_t v[BED__MAX];
	uint32_t have; /* bit for each field that was told */
};

/* Takes in one usage object (its JSON text): a figure replaces the one before, an absent or null
 * one leaves it. 0; -1 when it is no object or has no figure in it. */
int usage_bedrock_merge(struct usage_bedrock *b, struct str json) TG_MUST_CHECK;
/* Fills the buckets of tokens; everything else of *u stays. */
void usage_bedrock_buckets(const struct usage_bedrock *b, struct usage *u);

#endif
