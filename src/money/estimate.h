/*
 * estimate.h: what is said about usage where no provider says it: figures rounded up, never exact.
 * Pure functions.
 */
#ifndef TG_MONEY_ESTIMATE_H
#define TG_MONEY_ESTIMATE_H

#include <stdint.h>

#include "base/str.h"
#include "money/usage.h"

/*
 * Where the same thing is given in several units (tokens and images, tokens and characters): leave
 * those that a price has. `priced`: bit b is bucket b, as in a price's rates. A unit counts as
 * priced with its parent; tokens go only when no token is priced and some unit that is left is.
 * Calls of tools are no alternatives and stay.
 */
void usage_fit(struct usage *u, uint64_t priced);

/*
 * Output tokens of one generated image ("1536x1024"; "high", "medium", "low") of the models that
 * bill images as tokens: by area, what is published for 1024x1024 scaled and rounded up. Empty,
 * "auto" and unknown words are the dearest: 1.5 megapixels, high.
 */
uint64_t est_image_tokens(struct str size, struct str quality);
/* "1024x1536" as pixels; 0 when it is no size. */
uint64_t est_pixels(struct str size);

#endif
