/*
 * estimate.h: what is said about usage where no provider says it: figures rounded up, never exact.
 * Pure functions.
 */
#ifndef TG_MONEY_ESTIMATE_H
#define TG_MONEY_ESTIMATE_H

#include <stdint.h>

#include "base/str.h"

/*
 * Output tokens of one generated image ("1536x1024"; "high", "medium", "low") of the models that
 * bill images as tokens: by area, what is published for 1024x1024 scaled and rounded up. Empty,
 * "auto" and unknown words are the dearest: 1.5 megapixels, high.
 */
uint64_t est_image_tokens(struct str size, struct str quality);
/* "1024x1536" as pixels; 0 when it is no size. */
uint64_t est_pixels(struct str size);

#endif
