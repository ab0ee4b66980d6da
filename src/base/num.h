/*
 * num.h: numbers to and from text without locale, sign tricks or floating point.
 */
#ifndef TG_BASE_NUM_H
#define TG_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

/* The whole of s is 1*DIGIT (or 1*HEXDIG) and fits; otherwise -1 and *out untouched. */
int num_parse_u64(struct str s, uint64_t *out) TG_MUST_CHECK;
int num_parse_hex(struct str s, uint64_t *out) TG_MUST_CHECK;
int num_parse_i64(struct str s, int64_t *out) TG_MUST_CHECK; /* optional leading '-' */

/*
 * [-]digits[.digits][e[+-]digits] scaled by 10^scale to an integer, exactly.
 * -1 when malformed, out of range, or when digits would be lost.
 */
int num_parse_decimal(struct str s, unsigned scale, int64_t *out) TG_MUST_CHECK;

/* The largest number where the sum is larger. */
static inline uint64_t num_sum_u64(uint64_t a, uint64_t b)
{
	return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

#define NUM_U64_MAX_LEN 20
/* Writes decimal digits, no NUL; returns their number. */
size_t num_put_u64(char *out, uint64_t v);
size_t num_put_i64(char *out, int64_t v);  /* up to 20 with the sign */
size_t num_put_hex(char *out, uint64_t v); /* lower case, no leading zeros */
/* v / 10^scale as a plain decimal without trailing zeros ("0.00021", "3"); up to 22 bytes. */
size_t num_put_decimal(char *out, int64_t v, unsigned scale);

#endif
