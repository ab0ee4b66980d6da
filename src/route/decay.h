/*
 * decay.h: what is left of something after a time, when half of it goes every half-life. Integers:
 * a table of powers of two with straight lines in between. Pure.
 */
#ifndef TG_ROUTE_DECAY_H
#define TG_ROUTE_DECAY_H

#include <stdint.h>

#include "base/defs.h"

#define DECAY_ONE (UINT64_C(1) << 32)

/* 2^-(age/half) in 1/2^32; age below 0 counts as 0. half_us above 0. */
static inline uint64_t decay_q32(int64_t age_us, int64_t half_us)
{
	/* 2^32 * 2^-(i/16) */
	static const uint64_t table[17] = { 4294967296, 4112874773, 3938502376, 3771522796,
		3611622603, 3458501653, 3311872529, 3171459999, 3037000500, 2908241642, 2784941738,
		2666869345, 2553802834, 2445529972, 2341847524, 2242560872, 2147483648 };
	uint64_t n, rest, at, part, step;

	if (age_us <= 0)
		return DECAY_ONE;
	n = (uint64_t)(age_us / half_us);
	if (n >= 32)
		return 0;
	rest = (uint64_t)(age_us % half_us);
	/* 16 * rest / half in 1/2^16: a half-life is below 2^43 us */
	rest = (rest << 20) / (uint64_t)half_us;
	at = rest >> 16;
	part = rest & 0xffff;
	step = table[at] - table[at + 1];
	return (table[at] - (step * part >> 16)) >> n;
}

/* v of which that is left, rounded down. */
static inline uint64_t decay_of(uint64_t v, uint64_t q32)
{
	return (uint64_t)((unsigned __int128)v * q32 >> 32);
}

#endif
