/*
 * bufq.c: bytes in 16 KB chunks, first in first out. A chunk is there only while bytes are in it.
 * Owned by whoever embeds it; one thread.
 */
#include "base/bufq.h"

#include <string.h>

#include "base/slab.h"

#define BUFQ_CHUNK_BYTES 16384

struct bufq_chunk {
	struct bufq_chunk *next;
	size_t cap;        /* of the block, this header included */
	uint32_t off, end; /* the bytes present, as offsets into data */
	char data[];
};

static inline size_t chunk_room(const struct bufq_chunk *c)
{
	return c->cap - sizeof *c - c->end;
}

static void chunks_give(struct bufq *q, struct bufq_chunk *c)
{
	while (c != NULL) {
		struct bufq_chunk *next = c->next;

		block_pool_give(q->pool, c, c->cap);
		c = next;
	}
}

/* A chain of empty chunks with room for n bytes in all; NULL when the pool refuses. */
static struct bufq_chunk *chunks_take(struct bufq *q, size_t n)
{
	struct bufq_chunk *chain = NULL;

	for (;;) {
		size_t cap, room;
		struct bufq_chunk *c = block_pool_take(q->pool, BUFQ_CHUNK_BYTES, &cap);

		if (c == NULL) {
			chunks_give(q, chain);
			return NULL;
		}
		*c = (struct bufq_chunk){ .next = chain, .cap = cap };
		chain = c;
		room = chunk_room(c);
		if (n <= room)
			return chain;
		n -= room;
	}
}

static struct str chunk_fill(struct bufq_chunk *c, struct str s)
{
	size_t n = TG_MIN(s.n, chunk_room(c));

	memcpy(c->data + c->end, s.p, n);
	c->end += (uint32_t)n;
	return str_skip(s, n);
}

void bufq_init(struct bufq *q, struct block_pool *pool, size_t max_bytes)
{
	tg_assert(pool != NULL);
	*q = (struct bufq){ .pool = pool, .max_bytes = max_bytes };
}

void bufq_clear(struct bufq *q)
{
	chunks_give(q, q->head);
	q->head = q->tail = NULL;
	q->len = 0;
}

int bufq_append(struct bufq *q, struct str s)
{
	size_t room = q->tail != NULL ? chunk_room(q->tail) : 0;
	struct bufq_chunk *fresh = NULL;

	if (s.n == 0)
		return 0;
	if (q->len >= q->max_bytes || s.n > q->max_bytes - q->len)
		return -1;
	if (s.n > room) {
		fresh = chunks_take(q, s.n - room);
		if (fresh == NULL)
			return -1;
	}
	q->len += s.n;
	if (room > 0)
		s = chunk_fill(q->tail, s);
	if (fresh == NULL)
		return 0;
	if (q->tail != NULL)
		q->tail->next = fresh;
	else
		q->head = fresh;
	for (;; fresh = fresh->next) {
		s = chunk_fill(fresh, s);
		if (fresh->next == NULL)
			break;
	}
	q->tail = fresh;
	tg_assert(s.n == 0);
	return 0;
}

int bufq_iov(const struct bufq *q, struct iovec *iov, int max)
{
	int n = 0;

	for (struct bufq_chunk *c = q->head; c != NULL && n < max; c = c->next, n++)
		iov[n] = (struct iovec){ c->data + c->off, c->end - c->off };
	return n;
}

void bufq_consume(struct bufq *q, size_t n)
{
	tg_assert(n <= q->len);
	q->len -= n;
	while (n > 0) {
		struct bufq_chunk *c = q->head;
		size_t here = TG_MIN(n, (size_t)(c->end - c->off));

		c->off += (uint32_t)here;
		n -= here;
		if (c->off == c->end) {
			q->head = c->next;
			block_pool_give(q->pool, c, c->cap);
		}
	}
	if (q->head == NULL)
		q->tail = NULL;
}

struct str bufq_peek(const struct bufq *q)
{
	const struct bufq_chunk *c = q->head;

	return c != NULL ? str_mk(c->data + c->off, c->end - c->off) : STR_NONE;
}
