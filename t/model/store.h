/*
 * store.h: the set of states met: packed two values a byte, in the order in which they were met,
 * with a hash table of their numbers. Grows by doubling up to a bound. Owned by one search.
 */
#ifndef TG_MODEL_STORE_H
#define TG_MODEL_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/defs.h"

#define STORE_NONE UINT32_MAX

struct store {
	size_t width;        /* bytes of a packed state */
	uint8_t *states;     /* count * width */
	uint32_t *parents;   /* who led to it first */
	uint32_t *slots;     /* number + 1, 0 is free */
	uint32_t slots_mask; /* slots are a power of two */
	uint32_t count, capacity, max;
};

enum store_result { STORE_NEW, STORE_KNOWN, STORE_FULL };

/*
 * At most `max` states of `state_bytes` values. 0, or -1 without memory; end with store_fini either
 * way.
 */
int store_init(struct store *s, size_t state_bytes, uint32_t max) TG_MUST_CHECK;
void store_fini(struct store *s);

/* Puts the state (unpacked) in; *number is its number, new or known. */
enum store_result store_add(struct store *s, const uint8_t *state, size_t state_bytes,
	uint32_t parent, uint32_t *number) TG_MUST_CHECK;
void store_get(const struct store *s, uint32_t number, uint8_t *state, size_t state_bytes);
uint64_t store_bytes(const struct store *s);

#endif
