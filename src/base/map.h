/*
 * map.h: string -> pointer, open addressing. Built at load, read from any thread afterwards.
 * Keys are not copied: they must outlive the map.
 */
#ifndef TG_BASE_MAP_H
#define TG_BASE_MAP_H

#include <stdbool.h>

#include "base/defs.h"
#include "base/str.h"

struct map {
	struct map_slot *slots;
	size_t n, cap;
};

void map_init(struct map *m);
void map_fini(struct map *m);
/* False (and no change) when the key is there already. */
bool map_put(struct map *m, struct str key, void *value);
void *map_get(const struct map *m, struct str key);

#endif
