/*
 * slab.c: fixed-size objects and byte blocks on LIFO free lists, so that what is taken next is what
 * is still in the cache. Owned by one worker; no locks. A free object's first word is the list
 * link.
 */
#include "base/slab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLAB_GROW  64
#define SLAB_ALIGN 16

struct free_node {
	struct free_node *next;
};

static inline void *pop(void **list)
{
	struct free_node *n = *list;

	*list = n->next;
	return n;
}

static inline void push(void **list, void *obj)
{
	struct free_node *n = obj;

	n->next = *list;
	*list = n;
}

void slab_init(struct slab *s, const char *name, size_t size)
{
	tg_assert(size > 0 && size < 1u << 24);
	*s = (struct slab){
		.name = name,
		.size = TG_ASAN ? size : (size + SLAB_ALIGN - 1) & ~(size_t)(SLAB_ALIGN - 1),
	};
}

void slab_fini(struct slab *s)
{
	tg_assert(s->n_out == 0);
	while (s->slabs != NULL)
		free(pop(&s->slabs));
	s->free_list = NULL;
}

static void slab_grow(struct slab *s)
{
	char *raw = malloc(SLAB_ALIGN + SLAB_GROW * s->size);

	tg_assert(raw != NULL);
	push(&s->slabs, raw);
	/* From the last to the first, so that they are handed out in address order. */
	for (size_t i = SLAB_GROW; i-- > 0;)
		push(&s->free_list, raw + SLAB_ALIGN + i * s->size);
}

void *slab_take(struct slab *s)
{
	void *obj;

	s->n_out++;
	if (TG_ASAN) {
		obj = calloc(1, s->size);
		tg_assert(obj != NULL);
		return obj;
	}
	if (TG_UNLIKELY(s->free_list == NULL))
		slab_grow(s);
	obj = pop(&s->free_list);
	return memset(obj, 0, s->size);
}

void slab_give(struct slab *s, void *obj)
{
	tg_assert(obj != NULL && s->n_out > 0);
	s->n_out--;
	if (TG_ASAN)
		free(obj);
	else
		push(&s->free_list, obj);
}

/* Idle blocks kept per class: 1 MB, 4 MB, 4 MB, 4 MB and 4 MB. */
static const struct {
	size_t bytes;
	unsigned keep;
} classes[BLOCK_POOL_CLASSES] = {
	{ 4096, 256 },
	{ 16384, 256 },
	{ 65536, 64 },
	{ 262144, 16 },
	{ 1048576, 4 },
};

void block_pool_init(struct block_pool *p, size_t max_out_bytes)
{
	*p = (struct block_pool){ .max_out_bytes = max_out_bytes };
	for (unsigned i = 0; i < BLOCK_POOL_CLASSES; i++)
		p->class[i].n_keep = classes[i].keep;
}

void block_pool_fini(struct block_pool *p)
{
	tg_assert(p->out_bytes == 0);
	for (unsigned i = 0; i < BLOCK_POOL_CLASSES; i++) {
		while (p->class[i].free_list != NULL)
			free(pop(&p->class[i].free_list));
		p->class[i].n_free = 0;
	}
}

/* The smallest class that holds n bytes; BLOCK_POOL_CLASSES when none does. */
static inline unsigned class_of(size_t n)
{
	unsigned i = 0;

	while (i < BLOCK_POOL_CLASSES && classes[i].bytes < n)
		i++;
	return i;
}

void *block_pool_take(struct block_pool *p, size_t n, size_t *cap)
{
	unsigned c = class_of(n);
	bool pooled = !TG_ASAN && c < BLOCK_POOL_CLASSES;
	size_t bytes = pooled ? classes[c].bytes : TG_MAX(n, 1);
	void *block;

	if (p->max_out_bytes != 0 &&
		(bytes > p->max_out_bytes || p->out_bytes > p->max_out_bytes - bytes))
		return NULL;
	if (pooled && p->class[c].free_list != NULL) {
		block = pop(&p->class[c].free_list);
		p->class[c].n_free--;
	} else {
		block = malloc(bytes);
		if (block == NULL)
			return NULL;
	}
	p->out_bytes += bytes;
	*cap = bytes;
	return block;
}

void block_pool_give(struct block_pool *p, void *block, size_t cap)
{
	unsigned c = class_of(cap);

	tg_assert(block != NULL && p->out_bytes >= cap);
	p->out_bytes -= cap;
	if (TG_ASAN || c == BLOCK_POOL_CLASSES || p->class[c].n_free >= p->class[c].n_keep) {
		free(block);
		return;
	}
	tg_assert(cap == classes[c].bytes);
	push(&p->class[c].free_list, block);
	p->class[c].n_free++;
}
