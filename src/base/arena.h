/*
 * arena.h: memory that dies together. A request owns one; nothing in it is freed alone.
 * Blocks come from a block_pool (slab.h), so a request costs no malloc.
 */
#ifndef TG_BASE_ARENA_H
#define TG_BASE_ARENA_H

#include "base/defs.h"
#include "base/str.h"

struct block_pool;

struct arena {
	struct block_pool *pool; /* NULL: blocks from malloc */
	struct arena_block *blocks; /* newest first */
	char *cur, *end;
	size_t used_bytes, max_bytes; /* max_bytes 0: no maximum */
};

/* An empty arena; takes its first block on first use. pool may be NULL. */
void arena_init(struct arena *a, struct block_pool *pool, size_t max_bytes);
/* Gives every block back. The arena may be used again. */
void arena_fini(struct arena *a);

/* n bytes aligned for any type (16), not zeroed; NULL once max_bytes would be passed. */
void *arena_alloc(struct arena *a, size_t n) TG_MUST_CHECK;
/* The same, zeroed. */
void *arena_zalloc(struct arena *a, size_t n) TG_MUST_CHECK;
/* A copy of s (with a NUL behind it that is not counted); STR_NONE when full. */
struct str arena_dup(struct arena *a, struct str s);
/* printf into the arena; STR_NONE when full. */
struct str arena_printf(struct arena *a, const char *fmt, ...) TG_PRINTF(2, 3);

/*
 * Room of at least n bytes at the arena's end without claiming it; then claim how much was written.
 * No other arena call may come between the two. NULL when full.
 */
char *arena_room(struct arena *a, size_t n) TG_MUST_CHECK;
void arena_claim(struct arena *a, size_t n);

#endif
