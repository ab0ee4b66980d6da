/*
 * drain.h: text that was made in memory, on its way out.
 */
#ifndef TG_CTL_DRAIN_H
#define TG_CTL_DRAIN_H

#include <stdio.h>

#include "proto/outbuf.h"

#define DRAIN_BYTES ((size_t)64 * 1024) /* so much is worth a write */

/* Write it and empty b. -1 with errno; standard output's errors are seen by main() too. */
int drain(struct outbuf *b, FILE *to) TG_MUST_CHECK;

#endif
