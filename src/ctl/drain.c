/*
 * drain.c: see drain.h.
 */
#include "ctl/drain.h"

int drain(struct outbuf *b, FILE *to)
{
	size_t n = b->n;

	b->n = 0;
	return n == 0 || fwrite(b->p, 1, n, to) == n ? 0 : -1;
}
