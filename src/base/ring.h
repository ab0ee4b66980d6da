/*
 * ring.h: bytes from one thread to one other without a lock, in whole records: the access log's way
 * from a worker to the log thread. When the ring is full the producer is told so, and never waits.
 *
 *	 0         tail              head  limit           size
 *	 |  free    |    readable     |     |               |
 *	                                    a record that does not fit before the end begins at 0;
 *	                                    limit says where the bytes before it end
 */
#ifndef TG_BASE_RING_H
#define TG_BASE_RING_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/defs.h"
#include "base/str.h"

struct ring {
	char *buf;
	size_t size; /* a power of two */
	char apart0[TG_CACHE_LINE];

	/* The producer's. Positions count up for ever; the place in buf is position % size. */
	_Atomic size_t head;
	size_t limit;         /* where the lap before head's ends; published with head */
	size_t tail_seen;     /* tail when last looked at: spares a shared read per record */
	size_t pad, reserved; /* of the reservation that is open */
	char apart1[TG_CACHE_LINE];

	/* The consumer's. */
	_Atomic size_t tail;
	char apart2[TG_CACHE_LINE];
};

/* bytes is a power of two, 64 or more. -1 when there is no memory. */
int ring_init(struct ring *r, size_t bytes) TG_MUST_CHECK;
/* When neither thread uses it any more; unread bytes are dropped. */
void ring_fini(struct ring *r);

/*
 * Producer: n contiguous bytes to write to, or NULL when they are not free now. Up to half of the
 * ring always becomes free in the end; n of 0 or more than that is refused for ever. A second
 * reservation replaces the first.
 */
char *ring_reserve(struct ring *r, size_t n) TG_MUST_CHECK;
/* Producer: hands over the first n bytes of the reservation, which ends with it. */
void ring_commit(struct ring *r, size_t n);

/* Consumer: bytes that can be read in one piece; whole records, empty when there are none. */
struct str ring_peek(struct ring *r);
/* Consumer: is done with the first n bytes of what ring_peek returned. */
void ring_consume(struct ring *r, size_t n);

#endif
