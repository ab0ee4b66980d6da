/*
 * capacity.h: what a target may be asked for, as its operator says (targets.X.limits): so many at
 * once, so many requests and tokens in a period, refilled all the time with the whole of it as
 * burst (a GCRA: one number each, the time at which all of it is there again). Atomics, any thread.
 */
#ifndef TG_ROUTE_CAPACITY_H
#define TG_ROUTE_CAPACITY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/defs.h"

struct capacity_rate { /* n in a period; n 0: no limit */
	int64_t n, period_us;
};
struct capacity_limits {
	int64_t concurrency; /* 0: no limit */
	struct capacity_rate requests, tokens;
};

struct capacity { /* zeroed: nothing used */
	_Atomic int64_t inflight;
	_Atomic int64_t requests_ns, tokens_ns; /* when all of it is there again, monotonic */
};

/* Would it be taken? *wait_us: until it may be (at once: 0; nobody knows, of concurrency: 0). */
bool capacity_has(const struct capacity *c, const struct capacity_limits *l, uint64_t tokens,
	mono_us now, int64_t *wait_us);
/* Is at least half of each limit there? */
bool capacity_is_half_free(const struct capacity *c, const struct capacity_limits *l, mono_us now);
/* One request of so many tokens. False, and nothing is taken: another was faster. */
bool capacity_take(struct capacity *c, const struct capacity_limits *l, uint64_t tokens,
	mono_us now) TG_MUST_CHECK;
/* It is over and was `used` tokens; sent: the provider has seen it. l: as it was taken. */
void capacity_give(struct capacity *c, const struct capacity_limits *l, uint64_t tokens,
	uint64_t used, bool sent);

#endif
