/*
 * bufq.h: a queue of bytes with a hard maximum. Memory is attached when bytes are present and given
 * back when empty. Full means pause, not grow: appending past max_bytes is refused.
 */
#ifndef TG_BASE_BUFQ_H
#define TG_BASE_BUFQ_H

#include <stdbool.h>
#include <sys/uio.h>

#include "base/defs.h"
#include "base/str.h"

struct block_pool;

struct bufq {
	struct bufq_chunk *head, *tail; /* 16 KB blocks */
	size_t len, max_bytes;
	struct block_pool *pool;
};

void bufq_init(struct bufq *q, struct block_pool *pool, size_t max_bytes);
/* Drops the content and gives the memory back; the queue may be used again. */
void bufq_clear(struct bufq *q);

/* Appends all of s, or nothing and -1: over max_bytes or the pool's budget. */
int bufq_append(struct bufq *q, struct str s) TG_MUST_CHECK;
/* The first bytes as up to max iovecs; returns how many. */
int bufq_iov(const struct bufq *q, struct iovec *iov, int max);
/* Drops the first n bytes (n <= len). */
void bufq_consume(struct bufq *q, size_t n);
/* The first contiguous span (empty when the queue is). */
struct str bufq_peek(const struct bufq *q);

#endif
