/*
 * num.c: integers and scaled decimals to and from text. Pure functions, any thread.
 */
#include "base/num.h"

#include <stdbool.h>
#include <string.h>

static const uint64_t pow10_u64[] = { 1u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u,
	100000000u, 1000000000u, 10000000000u, 100000000000u, 1000000000000u, 10000000000000u,
	100000000000000u, 1000000000000000u, 10000000000000000u, 100000000000000000u,
	1000000000000000000u, 10000000000000000000u };

static inline unsigned digit_of(char c)
{
	return (unsigned)(unsigned char)c - '0';
}

int num_parse_u64(struct str s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		unsigned d = digit_of(s.p[i]);

		if (d > 9)
			return -1;
		/* Nineteen digits always fit. */
		if (i >= 19 && (v > UINT64_MAX / 10 || v * 10 > UINT64_MAX - d))
			return -1;
		v = v * 10 + d;
	}
	*out = v;
	return 0;
}

int num_parse_hex(struct str s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		unsigned d = digit_of(s.p[i]), letter = ((unsigned char)s.p[i] | 0x20u) - 'a';

		if (d > 9) {
			if (letter > 5)
				return -1;
			d = letter + 10;
		}
		if (v >> 60 != 0)
			return -1;
		v = v << 4 | d;
	}
	*out = v;
	return 0;
}

/* Magnitude and sign to int64; -1 when it does not fit. */
static int apply_sign(uint64_t v, bool neg, int64_t *out)
{
	if (v > (uint64_t)INT64_MAX + neg)
		return -1;
	*out = (int64_t)(neg ? 0 - v : v);
	return 0;
}

int num_parse_i64(struct str s, int64_t *out)
{
	bool neg = s.n > 0 && s.p[0] == '-';
	uint64_t v;

	if (num_parse_u64(neg ? str_skip(s, 1) : s, &v) < 0)
		return -1;
	return apply_sign(v, neg, out);
}

/*
 * The digits of a decimal while they are read: value = mant * 10^(zeros - frac). Zeros are held
 * back until another digit follows, so that mant never ends in one and "digits lost" is a plain
 * test.
 */
struct mantissa {
	uint64_t mant;
	int64_t zeros, frac;
};

/* Takes the run of digits at the front of *s (at least one); -1 when none, or past 64 bits. */
static int take_digits(struct str *s, struct mantissa *m, bool fraction)
{
	size_t i = 0;

	for (; i < s->n && digit_of(s->p[i]) <= 9; i++) {
		unsigned d = digit_of(s->p[i]);

		m->frac += fraction;
		if (d == 0) {
			m->zeros += m->mant != 0;
			continue;
		}
		if (m->zeros > 18)
			return -1;
		if (__builtin_mul_overflow(m->mant, pow10_u64[m->zeros + 1], &m->mant) ||
			__builtin_add_overflow(m->mant, d, &m->mant))
			return -1;
		m->zeros = 0;
	}
	*s = str_skip(*s, i);
	return i > 0 ? 0 : -1;
}

#define EXPONENT_MAX 1000000000000000 /* more than any text is long: larger ones saturate here */

static int take_exponent(struct str *s, int64_t *out)
{
	bool neg = s->n > 0 && s->p[0] == '-';
	int64_t e = 0;

	if (s->n > 0 && (s->p[0] == '-' || s->p[0] == '+'))
		*s = str_skip(*s, 1);
	if (s->n == 0)
		return -1;
	for (; s->n > 0 && digit_of(s->p[0]) <= 9; *s = str_skip(*s, 1))
		e = TG_MIN(e * 10 + (int64_t)digit_of(s->p[0]), EXPONENT_MAX);
	*out = neg ? -e : e;
	return 0;
}

int num_parse_decimal(struct str s, unsigned scale, int64_t *out)
{
	bool neg = s.n > 0 && s.p[0] == '-';
	struct mantissa m = { 0 };
	int64_t exp = 0;

	if (neg)
		s = str_skip(s, 1);
	if (take_digits(&s, &m, false) < 0)
		return -1;
	if (s.n > 0 && s.p[0] == '.') {
		s = str_skip(s, 1);
		if (take_digits(&s, &m, true) < 0)
			return -1;
	}
	if (s.n > 0 && (s.p[0] | 0x20) == 'e') {
		s = str_skip(s, 1);
		if (take_exponent(&s, &exp) < 0)
			return -1;
	}
	if (s.n != 0)
		return -1;
	if (m.mant == 0) {
		*out = 0;
		return 0;
	}
	exp += m.zeros - m.frac + (int64_t)scale;
	if (exp < 0 || exp > 19 || __builtin_mul_overflow(m.mant, pow10_u64[exp], &m.mant))
		return -1;
	return apply_sign(m.mant, neg, out);
}

static const char two_digits[200] = "00010203040506070809"
				    "10111213141516171819"
				    "20212223242526272829"
				    "30313233343536373839"
				    "40414243444546474849"
				    "50515253545556575859"
				    "60616263646566676869"
				    "70717273747576777879"
				    "80818283848586878889"
				    "90919293949596979899";

/* Decimal digits of v; log2 times 1233/4096 (about log10 2) is right or one too many. */
static inline unsigned count_digits(uint64_t v)
{
	unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1), t = bits * 1233 >> 12;

	return t + 1 - ((v | 1) < pow10_u64[t]);
}

/* Fills exactly n digits that end at out + n. */
static inline void fill_digits(char *out, unsigned n, uint64_t v)
{
	char *p = out + n;

	while (v >= 100) {
		p -= 2;
		memcpy(p, two_digits + v % 100 * 2, 2);
		v /= 100;
	}
	if (v >= 10)
		memcpy(p - 2, two_digits + v * 2, 2);
	else
		p[-1] = (char)('0' + v);
}

size_t num_put_u64(char *out, uint64_t v)
{
	unsigned n = count_digits(v);

	fill_digits(out, n, v);
	return n;
}

size_t num_put_i64(char *out, int64_t v)
{
	if (v >= 0)
		return num_put_u64(out, (uint64_t)v);
	*out = '-';
	return 1 + num_put_u64(out + 1, 0 - (uint64_t)v);
}

size_t num_put_hex(char *out, uint64_t v)
{
	size_t n = (67 - (unsigned)__builtin_clzll(v | 1)) / 4;

	for (size_t i = n; i-- > 0; v >>= 4)
		out[i] = "0123456789abcdef"[v & 15];
	return n;
}

size_t num_put_decimal(char *out, int64_t v, unsigned scale)
{
	uint64_t mag = v < 0 ? 0 - (uint64_t)v : (uint64_t)v, frac;
	char *p = out;

	tg_assert(scale < TG_ARRAY_LEN(pow10_u64));
	if (v < 0)
		*p++ = '-';
	p += num_put_u64(p, mag / pow10_u64[scale]);
	frac = mag % pow10_u64[scale];
	if (frac == 0)
		return (size_t)(p - out);
	for (; frac % 10 == 0; frac /= 10)
		scale--;
	*p++ = '.';
	memset(p, '0', scale);
	fill_digits(p, scale, frac);
	return (size_t)(p - out) + scale;
}
