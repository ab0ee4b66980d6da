/*
 * sink.h: the way of a response body: the attempt writes to the first sink, the last one is the
 * client. A sink looks at or rewrites the bytes and hands them on. Credit flows back through the
 * client's queue: the attempt stops reading its upstream while that is full (conn_blocked).
 */
#ifndef TG_CORE_SINK_H
#define TG_CORE_SINK_H

#include <stdbool.h>
#include <sys/uio.h>

#include "base/defs.h"

struct req;
struct sink;

struct sink_ops {
	const char *name;
	/* n spans, valid during the call only; fin: the body is complete (n may be 0). -1: the
	 * client is gone. */
	int (*write)(struct sink *, const struct iovec *iov, int n, bool fin);
	/* the body will not be completed (truncation, abort): look at what there was. May be NULL.
	 */
	void (*abort)(struct sink *);
};

struct sink {
	const struct sink_ops *ops;
	struct sink *next;
	struct req *req;
};

static inline int sink_write(struct sink *s, const struct iovec *iov, int n, bool fin)
{
	return s->ops->write(s, iov, n, fin);
}

/* Put s in front of the request's chain. */
void sink_push(struct req *r, struct sink *s, const struct sink_ops *ops);
/* Tell every sink, first to last. */
void sink_abort_all(struct req *r);

#endif
