/*
 * redis_backoff.h: how long to wait before the next attempt. Pure: chance is an argument.
 */
#ifndef TG_REDIS_REDIS_BACKOFF_H
#define TG_REDIS_REDIS_BACKOFF_H

#include <stdint.h>

#include "base/defs.h"

#define REDIS_BREAKER_FAILURES 5u

/*
 * After n failures in a row (from 1): doubled from min_us, and after REDIS_BREAKER_FAILURES max_us
 * each time; of that between a half and all, as random says, so that many gateways do not come back
 * at once.
 */
static inline int64_t redis_backoff_us(
	unsigned failures, int64_t min_us, int64_t max_us, uint32_t random)
{
	int64_t full = max_us;

	if (failures < REDIS_BREAKER_FAILURES)
		full = TG_MIN(max_us, min_us << (failures > 0 ? failures - 1 : 0));
	return full - (int64_t)((uint64_t)(full / 2) * random >> 32);
}

#endif
