/*
 * big.h: unsigned integers of 384 bits in 32-bit limbs, by schoolbook rules: the oracle that money
 * is compared with. Slow and independent of what is tested: no __int128, no builtins.
 */
#ifndef TG_UNIT_MONEY_BIG_H
#define TG_UNIT_MONEY_BIG_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#define BIG_LIMBS 12

struct big {
	uint32_t d[BIG_LIMBS]; /* least significant first */
};

/* Not ck_assert: its note of every passed line is slow by the million. */
static inline void big_must(bool ok)
{
	if (!ok)
		ck_abort_msg("beyond what the oracle holds");
}

static inline struct big big_u64(uint64_t v)
{
	return (struct big){ .d = { (uint32_t)v, (uint32_t)(v >> 32) } };
}

static inline struct big big_add(struct big a, struct big b)
{
	uint64_t carry = 0;

	for (int i = 0; i < BIG_LIMBS; i++) {
		carry += (uint64_t)a.d[i] + b.d[i];
		a.d[i] = (uint32_t)carry;
		carry >>= 32;
	}
	big_must(carry == 0);
	return a;
}

static inline struct big big_mul(struct big a, struct big b)
{
	struct big r = { { 0 } };

	for (int i = 0; i < BIG_LIMBS; i++) {
		uint64_t carry = 0;

		if (a.d[i] == 0)
			continue;
		for (int j = 0; i + j < BIG_LIMBS; j++) {
			carry += (uint64_t)a.d[i] * b.d[j] + r.d[i + j];
			r.d[i + j] = (uint32_t)carry;
			carry >>= 32;
		}
		big_must(carry == 0);
	}
	return r;
}

/* Quotient; *rest may be NULL. */
static inline struct big big_div(struct big a, uint32_t by, uint32_t *rest)
{
	uint64_t r = 0;

	for (int i = BIG_LIMBS - 1; i >= 0; i--) {
		r = r << 32 | a.d[i];
		a.d[i] = (uint32_t)(r / by);
		r %= by;
	}
	if (rest != NULL)
		*rest = (uint32_t)r;
	return a;
}

static inline struct big big_div_up(struct big a, uint32_t by)
{
	uint32_t rest;
	struct big q = big_div(a, by, &rest);

	return rest != 0 ? big_add(q, big_u64(1)) : q;
}

/* a fits int64_t, and then its value. */
static inline bool big_fits(struct big a, int64_t *out)
{
	for (int i = 2; i < BIG_LIMBS; i++)
		if (a.d[i] != 0)
			return false;
	if (a.d[1] > INT32_MAX)
		return false;
	*out = (int64_t)((uint64_t)a.d[1] << 32 | a.d[0]);
	return true;
}

/* splitmix64: repeatable, and wide values as likely as narrow ones. */
static inline uint64_t rnd_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Of a random width from 0 to bits. */
static inline uint64_t rnd_wide(uint64_t *state, unsigned bits)
{
	unsigned width = (unsigned)(rnd_next(state) % (bits + 1));

	return width == 0 ? 0 : rnd_next(state) >> (64 - width);
}

#endif
