/*
 * decimal.h: decimal numbers as they are written, without floating point: what a price map's
 * figures are until they become pico-USD. Pure.
 */
#ifndef TG_CTL_DECIMAL_H
#define TG_CTL_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

struct decimal { /* digits * 10^exp, not negative */
	unsigned __int128 digits;
	int exp;
};

/* "0.15", "1.5e-07": -1 when malformed, negative or longer than 30 digits. */
int decimal_parse(struct str s, struct decimal *out) TG_MUST_CHECK;
bool decimal_is_zero(struct decimal d);
/* -1: more than 128 bits. */
int decimal_mul(struct decimal d, uint64_t by, struct decimal *out) TG_MUST_CHECK;
/* Significant digits: 3 of 0.0120. */
unsigned decimal_precision(struct decimal d);
/* To n significant digits, half up. */
struct decimal decimal_round(struct decimal d, unsigned n);
/* d * 10^scale as an integer, rounded up; *rounded when that changed it. -1: out of range. */
int decimal_scaled_up(struct decimal d, int scale, int64_t *out, bool *rounded) TG_MUST_CHECK;

/*
 * JSON text in which every number is a string of the same characters, so that a parser cannot turn
 * it into floating point. malloc'd, NUL-terminated; what is no JSON stays that.
 */
char *decimal_quote_numbers(struct str json, size_t *len);

#endif
