/*
 * ring.c: single producer, single consumer. head is stored by the producer alone and tail by the
 * consumer alone; a release store of one hands over the bytes (or the room) before it, and the
 * acquire load on the other side takes them. limit needs no atomic: it is written before a head
 * that enters a new lap, and not again before the consumer's tail has entered that lap too.
 */
#include "base/ring.h"

#include <stdlib.h>

int ring_init(struct ring *r, size_t bytes)
{
	tg_assert(bytes >= 64 && (bytes & (bytes - 1)) == 0);
	*r = (struct ring){ .size = bytes };
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	r->buf = malloc(bytes);
	return r->buf != NULL ? 0 : -1;
}

void ring_fini(struct ring *r)
{
	free(r->buf);
	r->buf = NULL;
}

char *ring_reserve(struct ring *r, size_t n)
{
	size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	size_t off = head & (r->size - 1), pad = r->size - off < n ? r->size - off : 0;

	r->reserved = 0;
	if (n == 0 || n > r->size / 2)
		return NULL;
	if (head + pad + n - r->tail_seen > r->size) {
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (head + pad + n - r->tail_seen > r->size)
			return NULL;
	}
	r->pad = pad;
	r->reserved = n;
	return r->buf + (pad != 0 ? 0 : off);
}

void ring_commit(struct ring *r, size_t n)
{
	size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	tg_assert(n <= r->reserved);
	r->reserved = 0;
	if (n == 0)
		return;
	if (r->pad != 0)
		r->limit = head & (r->size - 1);
	else if (((head + n) & (r->size - 1)) == 0)
		r->limit = r->size;
	atomic_store_explicit(&r->head, head + r->pad + n, memory_order_release);
}

struct str ring_peek(struct ring *r)
{
	size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
	size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	size_t off = tail & (r->size - 1);

	if (((head ^ tail) & ~(r->size - 1)) != 0) { /* head is in the next lap */
		if (off < r->limit)
			return str_mk(r->buf + off, r->limit - off);
		tail += r->size - off;
		off = 0;
		atomic_store_explicit(&r->tail, tail, memory_order_release);
	}
	return str_mk(r->buf + off, head - tail);
}

void ring_consume(struct ring *r, size_t n)
{
	size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	tg_assert(n <= atomic_load_explicit(&r->head, memory_order_relaxed) - tail);
	atomic_store_explicit(&r->tail, tail + n, memory_order_release);
}
