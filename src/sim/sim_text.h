/*
 * sim_text.h: deterministic content. One token is four bytes everywhere in the simulator: a prompt
 * of n bytes is ceil(n/4) tokens, and an answer of t tokens is 4*t bytes of three-letter words and
 * spaces chosen by a hash of model and prompt. Pure.
 */
#ifndef TG_SIM_TEXT_H
#define TG_SIM_TEXT_H

#include "sim/sim_buf.h"

#define SIM_TOKEN_BYTES 4

static inline uint64_t sim_tokens_of(uint64_t bytes)
{
	return (bytes + SIM_TOKEN_BYTES - 1) / SIM_TOKEN_BYTES;
}

/* A good 64-bit mix of v (splitmix64). */
uint64_t sim_mix(uint64_t v);
/* Hash of s continuing h: the same in every process and on every machine. */
uint64_t sim_hash(uint64_t h, struct str s);
/* Appends tokens [from, to) of the answer that belongs to seed. Needs no JSON escapes. */
void sim_text_put(struct sim_buf *b, uint64_t seed, uint64_t from, uint64_t to);

/* Component i of the embedding of `seed`, in millionths; the vector's length is close to 1. */
int32_t sim_embed_micro(uint64_t seed, unsigned i, unsigned dims);

/* Sizes and durations: "64k", "1m", "1g" (1024); "20ms", "2s", "150us", bare = ms. 0 or -1. */
int sim_parse_bytes(struct str s, uint64_t *out) TG_MUST_CHECK;
int sim_parse_us(struct str s, int64_t *out) TG_MUST_CHECK;

enum sim_cancel {           /* what is billed when the client went away before the end */
	SIM_CANCEL_PARTIAL, /* of a stream what was generated, of other answers all */
	SIM_CANCEL_FULL,
	SIM_CANCEL_FREE,
};
/* "partial", "full", "free" */
int sim_parse_cancel(struct str s, enum sim_cancel *out) TG_MUST_CHECK;

#endif
