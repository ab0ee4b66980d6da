/*
 * slab.h: two allocators that a worker owns and no other thread touches.
 *
 *	slab		objects of one size, LIFO, grown 64 at a time, kept until the end
 *	block_pool	byte blocks in size classes 4k 16k 64k 256k 1m, then exact; LIFO free
 *			lists with a cap on what is kept idle, a budget on what may be out at once
 *
 * Under AddressSanitizer both pass straight through to malloc so that misuse is seen.
 */
#ifndef TG_BASE_SLAB_H
#define TG_BASE_SLAB_H

#include "base/defs.h"

struct slab {
	const char *name;
	size_t size;
	void *free_list;
	void *slabs; /* chain of raw allocations for slab_fini */
	size_t n_out;
};

void slab_init(struct slab *s, const char *name, size_t size);
/* Everything must have been given back. */
void slab_fini(struct slab *s);
/* Zeroed object. Panics only when the system is out of memory. */
void *slab_take(struct slab *s);
void slab_give(struct slab *s, void *obj);

#define BLOCK_POOL_CLASSES 5

struct block_pool {
	struct {
		void *free_list;
		unsigned n_free, n_keep;
	} class[BLOCK_POOL_CLASSES];
	size_t out_bytes, max_out_bytes; /* max 0: no budget */
};

void block_pool_init(struct block_pool *p, size_t max_out_bytes);
void block_pool_fini(struct block_pool *p);
/* A block of at least n bytes; *cap gets its true size. NULL when the budget is spent. Not zeroed.
 */
void *block_pool_take(struct block_pool *p, size_t n, size_t *cap) TG_MUST_CHECK;
/* cap as returned by take. */
void block_pool_give(struct block_pool *p, void *block, size_t cap);

#endif
