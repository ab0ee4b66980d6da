/*
 * money.c: the few operations allowed on money, each in 128 bits and checked (money.h has the
 * rules). Pure functions over integers: any thread.
 */
#include "money/money.h"

#include "base/num.h"

#define USD_SCALE       12 /* pico digits */
#define BASIS_PER_WHOLE 10000

/* INT64_MAX, as wide as the products it bounds */
static const __int128 pico_max = INT64_MAX;

int money_add_units(pico_usd *acc, uint64_t units, pico_usd price)
{
	__int128 sum;

	if (*acc < 0 || price < 0)
		return -1;
	/* at most (2^64-1)(2^63-1) + 2^63-1 < 2^127: this cannot wrap */
	sum = (__int128)units * price + *acc;
	if (sum > pico_max)
		return -1;
	*acc = (pico_usd)sum;
	return 0;
}

int money_add(pico_usd *acc, pico_usd v)
{
	pico_usd sum;

	if (__builtin_add_overflow(*acc, v, &sum))
		return -1;
	*acc = sum;
	return 0;
}

nano_usd money_nano_up(pico_usd v)
{
	/* C division truncates towards zero, which is already up for negative amounts */
	return v / PICO_PER_NANO + (v % PICO_PER_NANO > 0);
}

int money_markup(pico_usd v, int64_t basis_points, pico_usd *out)
{
	__int128 scaled, whole;
	int64_t narrow;

	if (v < 0 || basis_points < -BASIS_PER_WHOLE)
		return -1;
	/* nearly every sum: a division of 64 bits costs a tenth of one of 128 */
	if (!__builtin_add_overflow(basis_points, (int64_t)BASIS_PER_WHOLE, &narrow) &&
		!__builtin_mul_overflow(v, narrow, &narrow)) {
		*out = narrow / BASIS_PER_WHOLE + (narrow % BASIS_PER_WHOLE > 0);
		return 0;
	}
	/* below 2^63 * (2^63 + 10^4) < 2^127 */
	scaled = (__int128)v * ((__int128)BASIS_PER_WHOLE + basis_points);
	whole = scaled / BASIS_PER_WHOLE + (scaled % BASIS_PER_WHOLE > 0);
	if (whole > pico_max)
		return -1;
	*out = (pico_usd)whole;
	return 0;
}

int money_parse_usd(struct str s, pico_usd *out)
{
	int64_t v;

	if (str_starts(s, STR("-")) || num_parse_decimal(s, USD_SCALE, &v) != 0)
		return -1;
	*out = v;
	return 0;
}

size_t money_put_usd(char out[MONEY_USD_LEN], pico_usd v)
{
	return num_put_decimal(out, v, USD_SCALE);
}
