/*
 * varint.h: integers of the day files in as few bytes as they need: seven bits a byte, the lowest
 * first, the high bit says that more follow. Signed ones with their sign in the lowest bit.
 */
#ifndef TG_LEDGER_VARINT_H
#define TG_LEDGER_VARINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define VARINT_MAX      10 /* bytes of a u64 */
#define VARINT_MAX_PICO 19

static inline char *varint_put(char *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (char)(v | 0x80);
	*p++ = (char)v;
	return p;
}

static inline char *varint_put_pico(char *p, __int128 v)
{
	unsigned __int128 u = (unsigned __int128)v << 1 ^ (unsigned __int128)(v >> 127);

	for (; u >= 0x80; u >>= 7)
		*p++ = (char)((unsigned)u | 0x80);
	*p++ = (char)u;
	return p;
}

/* Takes a number off the front; false when there is none, or one beyond 64 bits. */
static inline bool varint_get(struct str *s, uint64_t *out)
{
	uint64_t v = 0;

	if (s->n > 0 && (signed char)s->p[0] >= 0) { /* nearly all of them */
		*out = (unsigned char)s->p[0];
		*s = str_skip(*s, 1);
		return true;
	}
	for (size_t i = 0; i < s->n && i < VARINT_MAX; i++) {
		uint64_t bits = (unsigned char)s->p[i] & 0x7fu;

		if (i == VARINT_MAX - 1 && bits > 1)
			return false;
		v |= bits << 7 * i;
		if ((signed char)s->p[i] >= 0) {
			*out = v;
			*s = str_skip(*s, i + 1);
			return true;
		}
	}
	return false;
}

/* The same for a sum of money; sums that a few additions could bring out of 128 bits are refused.
 */
static inline bool varint_get_pico(struct str *s, __int128 *out)
{
	unsigned __int128 v = 0;

	for (size_t i = 0; i < s->n && i < VARINT_MAX_PICO; i++) {
		unsigned __int128 bits = (unsigned char)s->p[i] & 0x7fu;

		if (i == VARINT_MAX_PICO - 1 && bits > 0)
			return false;
		v |= bits << 7 * i;
		if ((signed char)s->p[i] >= 0) {
			*out = (__int128)(v >> 1) ^ -(__int128)(v & 1);
			*s = str_skip(*s, i + 1);
			return v >> 100 == 0;
		}
	}
	return false;
}

#endif
