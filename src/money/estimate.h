/*
 * estimate.h: what is said about usage where no provider says it: figures rounded up, never exact.
 * Pure functions.
 */
#ifndef TG_MONEY_ESTIMATE_H
#define TG_MONEY_ESTIMATE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/str.h"
#include "money/usage.h"

/*
 * Bytes a token, in thousandths, as learned from answers whose usage was exact: one for each model
 * at each target, shared by all workers. They follow the lean end of what is seen (down quickly, up
 * slowly), so that what is estimated with them is rather too much. Zeroed: nothing learned, the
 * starting values hold. Lost updates do no harm.
 */
struct est_ratio {
	_Atomic uint32_t in_mbpt, out_mbpt;
	_Atomic uint32_t n; /* answers learned from */
	/* 95 of 100 answers are no longer than this, about: sixteenths of a token; and of how many.
	 */
	_Atomic uint32_t out_long, n_long;
};

/*
 * An exact answer: bytes of the request's body and what it was in tokens; bytes of the answer's
 * text, and its tokens. What is too short to tell (or 0: not known) is left out.
 */
void est_learn(struct est_ratio *r, uint64_t in_bytes, uint64_t in_tokens, uint64_t out_bytes,
	uint64_t out_tokens);
/* An answer of so many tokens. */
void est_learn_length(struct est_ratio *r, uint64_t out_tokens);
/* The length that most answers stay below, or `most` as long as too few are known. */
uint64_t est_length(const struct est_ratio *r, uint64_t most);
/* Tokens of so many bytes, rounded up; r NULL: the starting value. */
uint64_t est_input(const struct est_ratio *r, uint64_t bytes);
/* Tokens of an answer's text of so many bytes that came in so many events: one each at least. */
uint64_t est_output(const struct est_ratio *r, uint64_t text_bytes, uint64_t events);

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
