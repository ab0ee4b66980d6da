/*
 * arena.c: the slow half of the arena: taking blocks and giving them back. The first block is small
 * (a plain request fits), later ones are larger. The room of a block is cut to what max_bytes
 * leaves, so the fast path in arena.h needs no second comparison. Under AddressSanitizer each
 * allocation gets a block of exactly its size.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slab.h"

#define ARENA_FIRST_BYTES 4096
#define ARENA_NEXT_BYTES  16384

struct arena_block {
	struct arena_block *next;
	size_t cap;
};

_Static_assert(sizeof(struct arena_block) == 16, "what follows the header must stay aligned");

void arena_init(struct arena *a, struct block_pool *pool, size_t max_bytes)
{
	*a = (struct arena){ .pool = pool, .max_bytes = max_bytes };
}

void arena_fini(struct arena *a)
{
	while (a->blocks != NULL) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		if (a->pool != NULL)
			block_pool_give(a->pool, b, b->cap);
		else
			free(b);
	}
	a->cur = a->end = NULL;
	a->used_bytes = 0;
}

/* How large a block to ask for so that n bytes fit behind its header. */
static size_t block_bytes_for(const struct arena *a, size_t n)
{
	size_t least = a->blocks == NULL ? ARENA_FIRST_BYTES : ARENA_NEXT_BYTES;

	n += sizeof(struct arena_block);
	return TG_ASAN ? n : TG_MAX(n, least);
}

/* A new block with room for n bytes becomes the current one; what was left of the old is lost. */
static int arena_grow(struct arena *a, size_t n)
{
	size_t used = a->used_bytes - (size_t)(a->end - a->cur);
	size_t left = a->max_bytes != 0 ? a->max_bytes - used : SIZE_MAX, cap, room;
	struct arena_block *b;

	if (n > left || n > SIZE_MAX / 2)
		return -1;
	cap = block_bytes_for(a, n);
	b = a->pool != NULL ? block_pool_take(a->pool, cap, &cap) : malloc(cap);
	if (b == NULL)
		return -1;
	*b = (struct arena_block){ .next = a->blocks, .cap = cap };
	a->blocks = b;
	room = TG_MIN(cap - sizeof *b, left);
	a->used_bytes = used + room;
	a->cur = (char *)(b + 1);
	a->end = a->cur + room;
	return 0;
}

void *arena_alloc_slow(struct arena *a, size_t n)
{
	char *p;

	if (arena_grow(a, n) < 0)
		return NULL;
	p = a->cur;
	a->cur += n;
	return p;
}

char *arena_room_slow(struct arena *a, size_t n)
{
	if (n == (size_t)(a->end - a->cur) && a->cur != NULL && !TG_ASAN)
		return a->cur;
	return arena_grow(a, n) < 0 ? NULL : a->cur;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	return p != NULL && n > 0 ? memset(p, 0, n) : p;
}

struct str arena_dup(struct arena *a, struct str s)
{
	char *p = s.n < SIZE_MAX ? arena_room(a, s.n + 1) : NULL;

	if (p == NULL)
		return STR_NONE;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	arena_claim(a, s.n + 1);
	return str_mk(p, s.n);
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
	size_t room = (size_t)(a->end - a->cur), n;
	char *p = a->cur;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(p, room, fmt, ap);
	va_end(ap);
	tg_assert(len >= 0);
	n = (size_t)len;
	if (n >= room) {
		p = arena_room(a, n + 1);
		if (p == NULL)
			return STR_NONE;
		va_start(ap, fmt);
		vsnprintf(p, n + 1, fmt, ap);
		va_end(ap);
	}
	arena_claim(a, n + 1);
	return str_mk(p, n);
}

int arena_buf_put(struct arena *a, struct arena_buf *b, struct str s, size_t first)
{
	size_t cap = b->cap > 0 ? b->cap : first;
	char *more;

	tg_assert(cap > 0);
	while (cap - b->n < s.n)
		cap *= 2;
	if (cap != b->cap) {
		more = arena_alloc(a, cap);
		if (more == NULL)
			return -1;
		if (b->n > 0)
			memcpy(more, b->p, b->n);
		b->p = more;
		b->cap = cap;
	}
	if (s.n > 0)
		memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
	return 0;
}
