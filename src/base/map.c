/*
 * map.c: open addressing with linear probing, at most half full. The stored hash (never 0 in a used
 * slot) spares the comparison of keys that only share a slot. Filled by one thread, then read-only.
 */
#include "base/map.h"

#include <stdlib.h>

#define MAP_MIN_CAP 16

struct map_slot {
	uint64_t hash; /* 0: the slot is free */
	struct str key;
	void *value;
};

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
}

void map_fini(struct map *m)
{
	free(m->slots);
	map_init(m);
}

static inline uint64_t hash_of(struct str key)
{
	uint64_t h = str_hash(key);

	return h != 0 ? h : 1;
}

/* The slot that holds key, or the free one where it belongs. */
static struct map_slot *slot_find(const struct map *m, uint64_t hash, struct str key)
{
	size_t mask = m->cap - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct map_slot *s = &m->slots[i];

		if (s->hash == 0 || (s->hash == hash && str_eq(s->key, key)))
			return s;
	}
}

static void map_grow(struct map *m)
{
	struct map bigger = { .n = m->n, .cap = m->cap != 0 ? m->cap * 2 : MAP_MIN_CAP };

	bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
	tg_assert(bigger.slots != NULL);
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].hash != 0)
			*slot_find(&bigger, m->slots[i].hash, m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = bigger;
}

bool map_put(struct map *m, struct str key, void *value)
{
	uint64_t hash = hash_of(key);
	struct map_slot *s;

	if (m->n * 2 >= m->cap)
		map_grow(m);
	s = slot_find(m, hash, key);
	if (s->hash != 0)
		return false;
	*s = (struct map_slot){ .hash = hash, .key = key, .value = value };
	m->n++;
	return true;
}

void *map_get(const struct map *m, struct str key)
{
	return m->n != 0 ? slot_find(m, hash_of(key), key)->value : NULL;
}
