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
	struct block_pool *pool;    /* NULL: blocks from malloc */
	struct arena_block *blocks; /* newest first */
	char *cur, *end;
	size_t used_bytes; /* room taken from blocks so far, the rest of the newest included */
	size_t max_bytes;  /* 0: no maximum */
};

/* An empty arena; takes its first block on first use. pool may be NULL. */
void arena_init(struct arena *a, struct block_pool *pool, size_t max_bytes);
/* Gives every block back. The arena may be used again. */
void arena_fini(struct arena *a);

/* The slow half of the two below: takes another block. Not for callers. */
void *arena_alloc_slow(struct arena *a, size_t n) TG_MUST_CHECK;
char *arena_room_slow(struct arena *a, size_t n) TG_MUST_CHECK;

/* n bytes aligned for any type (16), not zeroed; NULL once max_bytes would be passed. */
TG_MUST_CHECK static inline void *arena_alloc(struct arena *a, size_t n)
{
	size_t pad = -(uintptr_t)a->cur & 15, room = (size_t)(a->end - a->cur);

	if (TG_UNLIKELY(room <= pad || n >= room - pad))
		return arena_alloc_slow(a, n);
	char *p = a->cur + pad;

	a->cur = p + n;
	return p;
}

/* The same, zeroed. */
void *arena_zalloc(struct arena *a, size_t n) TG_MUST_CHECK;
/* A copy of s (with a NUL behind it that is not counted); STR_NONE when full. */
struct str arena_dup(struct arena *a, struct str s);
/* printf into the arena; STR_NONE when full. */
struct str arena_printf(struct arena *a, const char *fmt, ...) TG_PRINTF(2, 3);

/*
 * Room of at least n bytes (for text: not aligned) at the arena's end without claiming it; then
 * claim how much was written. No other arena call may come between the two. NULL when full.
 */
TG_MUST_CHECK static inline char *arena_room(struct arena *a, size_t n)
{
	if (TG_UNLIKELY(n >= (size_t)(a->end - a->cur)))
		return arena_room_slow(a, n);
	return a->cur;
}

static inline void arena_claim(struct arena *a, size_t n)
{
	tg_assert(n <= (size_t)(a->end - a->cur));
	a->cur += n;
}

/* Text that grows, in one piece. All zeros: empty. What it grew out of stays in the arena, at most
 * as much again. */
struct arena_buf {
	char *p;
	size_t n, cap;
};
/* Appends s; the first piece of memory has `first` bytes at least. -1 when full: b is as it was. */
int arena_buf_put(struct arena *a, struct arena_buf *b, struct str s, size_t first) TG_MUST_CHECK;

#endif
