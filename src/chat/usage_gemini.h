/*
 * usage_gemini.h: usageMetadata of Gemini's generateContent as disjoint buckets. Pure functions.
 *
 * Cached tokens are inside the prompt; thoughts are beside the candidates, and what tools brought
 * into the prompt is beside the prompt: prompt + tool use + candidates + thoughts = total. Modality
 * details split each of these figures. In a stream (nearly) every chunk tells all of it so far: a
 * figure that is there replaces the one before; chunks whose usageMetadata holds only trafficType
 * tell none.
 */
#ifndef TG_CHAT_USAGE_GEMINI_H
#define TG_CHAT_USAGE_GEMINI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"
#include "money/usage.h"

enum usage_gemini_field {
	GEM_PROMPT,
	GEM_CACHED,
	GEM_TOOLS,
	GEM_CANDIDATES, /* the Live API calls them response */
	GEM_THOUGHTS,
	GEM_TOTAL,
	GEM__MAX
};

/* Of a figure, where its details say so; the rest is text and documents. */
struct usage_gemini_split {
	uint64_t audio, image, video;
};

/* Starts as {0}. */
struct usage_gemini {
	uint64_t v[GEM__MAX];
	uint32_t have; /* bit for each field that was told */
	struct usage_gemini_split split[GEM__MAX];
};

/*
 * Takes in one usageMetadata (its JSON text). *tier: the word for how it was served, within the
 * text or static: "standard", "flex", "priority", else as the vendor writes it; STR_NONE: not told.
 * 0; -1 when it is no object or has no figure in it (*tier is set all the same).
 */
int usage_gemini_merge(struct usage_gemini *g, struct str json, struct str *tier) TG_MUST_CHECK;
/* Fills the buckets of tokens; everything else of *u stays. Subtractions stop at 0. */
void usage_gemini_buckets(const struct usage_gemini *g, struct usage *u);

#endif
