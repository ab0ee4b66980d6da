/*
 * attempt_build.h: compose the request for a->target into a->iov.
 */
#ifndef TG_CORE_ATTEMPT_BUILD_H
#define TG_CORE_ATTEMPT_BUILD_H

#include "base/defs.h"

struct attempt;

/* iov[0] is the head, the rest the collected body. All in the request's arena. -1: no memory. */
int attempt_build(struct attempt *a) TG_MUST_CHECK;

#endif
