/*
 * money.h: integer money. Prices are pico-USD (10^-12) per unit, costs of a request are exact in
 * pico-USD, counters and limits are nano-USD (10^-9), rounded up once per request. No floating
 * point anywhere. Every product is taken in 128 bits and every result is checked: overflow is an
 * error, never a wrap.
 */
#ifndef TG_MONEY_MONEY_H
#define TG_MONEY_MONEY_H

#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

typedef int64_t pico_usd; /* 10^-12 USD: prices; one request's cost */
typedef int64_t nano_usd; /* 10^-9 USD: counters, limits */

#define PICO_PER_NANO 1000
#define PICO_PER_USD  INT64_C(1000000000000)

/* *acc += units * price. -1 on overflow or a negative input (acc untouched). */
int money_add_units(pico_usd *acc, uint64_t units, pico_usd price) TG_MUST_CHECK;
/* a + b checked. */
int money_add(pico_usd *acc, pico_usd v) TG_MUST_CHECK;
/* Rounded up (never to nearest): the bias is at most one nano per request, in favour of the limit.
 */
nano_usd money_nano_up(pico_usd v);
/* v + v * bp / 10000, rounded up: markup and discounts in basis points (bp >= -10000). */
int money_markup(pico_usd v, int64_t basis_points, pico_usd *out) TG_MUST_CHECK;
/* "0.50", "1e-7" USD as pico, exactly: -1 when malformed, negative, or finer than a pico. */
int money_parse_usd(struct str s, pico_usd *out) TG_MUST_CHECK;
#define MONEY_USD_LEN 24
/* Plain decimal USD without trailing zeros: "0.0000315". Returns length; no NUL. */
size_t money_put_usd(char out[MONEY_USD_LEN], pico_usd v);

#endif
