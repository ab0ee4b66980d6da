/*
 * forwarded.h: who asked first, by what proxies have written down on the way: X-Forwarded-For, or
 * Forwarded (RFC 7239). Each proxy adds whom it was asked by to the right end; what stands further
 * left than the first address that is not one of ours was written by nobody we trust. Pure.
 */
#ifndef TG_PROTO_FORWARDED_H
#define TG_PROTO_FORWARDED_H

#include "base/ip.h"
#include "base/str.h"

/* So many proxies of ours stand in a row at most; what is left of them is not looked at. */
#define FORWARDED_HOPS 32

struct forwarded {                      /* zeroed: nothing was said */
	struct str hop[FORWARDED_HOPS]; /* a ring of the last ones */
	size_t n;                       /* in all */
};

/*
 * The value of a field line, in the order in which they came; the bytes must stay. Addresses as
 * proxies write them, with a port or without. -1: Forwarded is malformed, and who wrote which part
 * of it cannot be told.
 */
void forwarded_add_xff(struct forwarded *f, struct str value);
int forwarded_add_rfc7239(struct forwarded *f, struct str value) TG_MUST_CHECK;

typedef bool forwarded_trust_f(const void *arg, struct ip a);
/*
 * The right-most address that is not trusted; when all are, the left-most. One that cannot be read
 * ("unknown", "_hidden") is where it ends: then it is the one to the right of it. False: nothing
 * was said, or what the last proxy wrote is unreadable: the peer is all that is known.
 */
bool forwarded_client(
	const struct forwarded *f, forwarded_trust_f *trusted, const void *arg, struct ip *out);

#endif
