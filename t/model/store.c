/*
 * store.c: the set of states: see store.h. Open addressing with linear probing, half full at most;
 * states are compared whole, so a collision of hashes cannot hide a state.
 */
#include "model/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 1024u
#define PACKED_MAX     128

static void pack(const uint8_t *state, size_t n, uint8_t *packed)
{
	for (size_t i = 0; i < n; i += 2) {
		uint8_t high = i + 1 < n ? state[i + 1] : 0;
		assert(state[i] < 16 && high < 16);
		packed[i / 2] = (uint8_t)(state[i] | high << 4);
	}
}

static uint32_t hash(const uint8_t *packed, size_t width)
{
	uint64_t h = 0x9e3779b97f4a7c15u, word;
	for (size_t i = 0; i < width; i += 8) {
		size_t n = width - i < 8 ? width - i : 8;
		word = 0;
		memcpy(&word, packed + i, n);
		h = (h ^ word) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	return (uint32_t)(h ^ h >> 29);
}

static int resize(struct store *s, uint32_t capacity)
{
	uint8_t *states = realloc(s->states, capacity * s->width);
	if (!states)
		return -1;
	s->states = states;
	uint32_t *parents = realloc(s->parents, capacity * sizeof *parents);
	if (!parents)
		return -1;
	s->parents = parents;
	uint32_t slots_count = FIRST_CAPACITY * 2;
	while (slots_count < capacity * 2)
		slots_count *= 2;
	uint32_t *slots = calloc(slots_count, sizeof *slots);
	if (!slots)
		return -1;
	free(s->slots);
	s->slots = slots;
	s->slots_mask = slots_count - 1;
	s->capacity = capacity;
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t at = hash(s->states + i * s->width, s->width) & s->slots_mask;
		while (slots[at])
			at = (at + 1) & s->slots_mask;
		slots[at] = i + 1;
	}
	return 0;
}

int store_init(struct store *s, size_t state_bytes, uint32_t max)
{
	*s = (struct store){ .width = (state_bytes + 1) / 2, .max = max };
	assert(s->width <= PACKED_MAX && max > 0 && max < UINT32_MAX / 4);
	return resize(s, max < FIRST_CAPACITY ? max : FIRST_CAPACITY);
}

void store_fini(struct store *s)
{
	free(s->states);
	free(s->parents);
	free(s->slots);
	*s = (struct store){ 0 };
}

enum store_result store_add(struct store *s, const uint8_t *state, size_t state_bytes,
	uint32_t parent, uint32_t *number)
{
	uint8_t packed[PACKED_MAX];
	pack(state, state_bytes, packed);
	uint32_t h = hash(packed, s->width), at = h & s->slots_mask;
	for (; s->slots[at]; at = (at + 1) & s->slots_mask) {
		*number = s->slots[at] - 1;
		if (!memcmp(s->states + *number * s->width, packed, s->width))
			return STORE_KNOWN;
	}
	if (s->count == s->capacity) {
		uint32_t capacity = s->capacity < s->max / 2 ? s->capacity * 2 : s->max;
		if (s->count == s->max || resize(s, capacity) < 0)
			return STORE_FULL;
		for (at = h & s->slots_mask; s->slots[at];)
			at = (at + 1) & s->slots_mask;
	}
	memcpy(s->states + s->count * s->width, packed, s->width);
	s->parents[s->count] = parent;
	*number = s->count++;
	s->slots[at] = s->count;
	return STORE_NEW;
}

void store_get(const struct store *s, uint32_t number, uint8_t *state, size_t state_bytes)
{
	assert(number < s->count);
	const uint8_t *packed = s->states + number * s->width;
	for (size_t i = 0; i < state_bytes; i++)
		state[i] = i % 2 ? packed[i / 2] >> 4 : packed[i / 2] & 15;
}

uint64_t store_bytes(const struct store *s)
{
	return s->capacity * (uint64_t)(s->width + sizeof *s->parents) +
	       (s->slots_mask + 1ull) * sizeof *s->slots;
}
