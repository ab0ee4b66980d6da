/*
 * copy_short.h: copying strings that are short nearly always. Pure; any thread.
 */
#ifndef TG_LEDGER_COPY_SHORT_H
#define TG_LEDGER_COPY_SHORT_H

#include <string.h>

#include "base/defs.h"

/*
 * n bytes, the two places apart. Most strings are short, and a call of memcpy is dear for those:
 * two loads that overlap.
 */
static inline void copy_short(char *to, const char *from, size_t n)
{
	if (TG_UNLIKELY(n > 32)) {
		memcpy(to, from, n);
	} else if (n >= 16) {
		memcpy(to, from, 16);
		memcpy(to + n - 16, from + n - 16, 16);
	} else if (n >= 8) {
		memcpy(to, from, 8);
		memcpy(to + n - 8, from + n - 8, 8);
	} else if (n >= 4) {
		memcpy(to, from, 4);
		memcpy(to + n - 4, from + n - 4, 4);
	} else if (n > 0) {
		to[0] = from[0];
		to[n >> 1] = from[n >> 1];
		to[n - 1] = from[n - 1];
	}
}

#endif
