/*
 * json_run.c: the long runs of json_run.h, 64 or 128 bytes at a time, with AVX2 where the processor
 * has it. Pure; any thread.
 */
#include "proto/json_run.h"

#if defined(__SSE2__) && defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i load(const char *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

AVX2 static inline uint64_t bits(__m256i a, __m256i b)
{
	return (unsigned)_mm256_movemask_epi8(a) | (uint64_t)(unsigned)_mm256_movemask_epi8(b)
							   << 32;
}

/* Quotes and control bytes: see json_run_stops. */
AVX2 static inline __m256i low_stops(__m256i v)
{
	__m256i x = _mm256_xor_si256(v, _mm256_set1_epi8(2));

	return _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(0x20)), x);
}

AVX2 static inline __m256i slashes(__m256i v)
{
	return _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
}

AVX2 static inline __m256i run_stops(const char *p)
{
	__m256i v = load(p);

	return _mm256_or_si256(low_stops(v), slashes(v));
}

AVX2 static const char *run_long_avx2(const char *p, const char *end)
{
	for (; end - p >= 64; p += 64) {
		__m256i any = _mm256_or_si256(run_stops(p), run_stops(p + 32));

		if (_mm256_movemask_epi8(any) != 0)
			break; /* within these 64: the caller finds the place */
	}
	return p;
}

/* ---- strings, over their escapes */

AVX2 static inline __m256i min4(__m256i a, __m256i b, __m256i c, __m256i d)
{
	return _mm256_min_epu8(_mm256_min_epu8(a, b), _mm256_min_epu8(c, d));
}

/* Whether there is a stop in the 128 bytes at p: the least of v ^ 2 is at most 0x20, or of v ^ '\\'
 * is 0. */
AVX2 static inline bool has_stop(const char *p)
{
	__m256i a = load(p), b = load(p + 32), c = load(p + 64), d = load(p + 96);
	__m256i two = _mm256_set1_epi8(2), slash = _mm256_set1_epi8('\\');
	__m256i x = min4(_mm256_xor_si256(a, two), _mm256_xor_si256(b, two),
		_mm256_xor_si256(c, two), _mm256_xor_si256(d, two));
	__m256i y = min4(_mm256_xor_si256(a, slash), _mm256_xor_si256(b, slash),
		_mm256_xor_si256(c, slash), _mm256_xor_si256(d, slash));
	__m256i any = _mm256_min_epu8(_mm256_subs_epu8(x, _mm256_set1_epi8(0x20)), y);

	return _mm256_movemask_epi8(_mm256_cmpeq_epi8(any, _mm256_setzero_si256())) != 0;
}

/* The letters of escapes of two bytes: one bit for each high half, that its low halves have too. */
AVX2 static inline __m256i letters(__m256i v)
{
	const __m256i low = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(0, 0, 13, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1));
	const __m256i high = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0));
	__m256i half = _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
	__m256i both =
		_mm256_and_si256(_mm256_shuffle_epi8(low, v), _mm256_shuffle_epi8(high, half));

	return _mm256_cmpgt_epi8(both, _mm256_setzero_si256());
}

/* The bytes that backslashes escape; *carry: the first one is, and then the one behind the last. */
static inline uint64_t escaped_bits(uint64_t slash, uint64_t *carry)
{
	uint64_t escaped = *carry, rest = slash & ~*carry;

	*carry = rest >> 63;
	if ((rest & rest << 1) == 0)
		return escaped | rest << 1;
	for (*carry = 0; rest != 0;) {
		uint64_t first = rest & -rest;

		*carry = first >> 63;
		escaped |= first << 1;
		rest &= ~(first | first << 1);
	}
	return escaped;
}

/* True: at *at, in the 64 bytes at p, is what wants a closer look. An escape that does is looked at
 * from its backslash on, which may be the byte before p. */
AVX2 static inline bool block_stop(
	const char *p, uint64_t *carry, uint64_t *escaped, const char **at)
{
	__m256i a = load(p), b = load(p + 32), low_a = low_stops(a), low_b = low_stops(b),
		slash_a = slashes(a), slash_b = slashes(b);
	__m256i any =
		_mm256_or_si256(_mm256_or_si256(low_a, low_b), _mm256_or_si256(slash_a, slash_b));
	uint64_t stops, bad;

	*escaped = *carry;
	if (((unsigned)_mm256_movemask_epi8(any) | *carry) == 0)
		return false;
	*escaped = escaped_bits(bits(slash_a, slash_b), carry);
	bad = *escaped & ~bits(letters(a), letters(b));
	stops = (bits(low_a, low_b) & ~*escaped) | bad;
	if (stops == 0)
		return false;
	*at = p + __builtin_ctzll(stops) - ((bad & stops & -stops) != 0);
	return true;
}

#define CLEAN_BLOCKS 8 /* then two at a time: text without escapes */

AVX2 static bool string_avx2(const char **at, const char *end)
{
	const char *p = *at;
	uint64_t carry = 0, escaped;
	/* A load that spans two cache lines is two: on from the next line. */
	unsigned on = 64 - ((uintptr_t)p & 63), clean = 0;

	for (; end - p >= 64; p += on, on = 64) {
		if (block_stop(p, &carry, &escaped, at))
			return true;
		if (on < 64)
			carry = escaped >> on & 1;
		clean = (escaped | carry) != 0 ? 0 : clean + 1;
		while (clean >= CLEAN_BLOCKS && end - p >= 64 + 128 && !has_stop(p + 64))
			p += 128;
	}
	*at = p - carry;
	return false;
}

/* ---- the same where there is no AVX2 */

static inline uint64_t stop_bits(__m128i hits, int i)
{
	return (uint64_t)(unsigned)_mm_movemask_epi8(hits) << (16 * i);
}

/* Prompts are full of two-byte escapes, which are stepped over inside the block's bit mask. */
bool json_string_run_sse2(const char **at, const char *end)
{
	static const bool two_bytes[256] = { ['"'] = 1,
		['\\'] = 1,
		['/'] = 1,
		['b'] = 1,
		['f'] = 1,
		['n'] = 1,
		['r'] = 1,
		['t'] = 1 };
	const char *p = *at;

	while (end - p >= 64) {
		__m128i a = json_run_stops(p), b = json_run_stops(p + 16),
			c = json_run_stops(p + 32), d = json_run_stops(p + 48);
		__m128i any = _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d));
		uint64_t m;
		int next = 64;

		if (_mm_movemask_epi8(any) == 0) {
			p = json_run_long(p + 64, end);
			continue;
		}
		m = stop_bits(a, 0) | stop_bits(b, 1) | stop_bits(c, 2) | stop_bits(d, 3);
		while (m != 0) {
			int i = __builtin_ctzll(m);

			if (p[i] != '\\' || end - p < i + 2 ||
				!two_bytes[(unsigned char)p[i + 1]]) {
				*at = p + i;
				return true;
			}
			next = i == 63 ? 65 : 64; /* its second byte is in the next block */
			m &= i >= 62 ? 0 : ~(uint64_t)0 << (i + 2);
		}
		p += next;
	}
	*at = p;
	return false;
}

const char *json_run_long(const char *p, const char *end)
{
	return __builtin_cpu_supports("avx2") ? run_long_avx2(p, end) : p;
}

bool json_string_run(const char **at, const char *end)
{
	return __builtin_cpu_supports("avx2") ? string_avx2(at, end)
					      : json_string_run_sse2(at, end);
}
#else
const char *json_run_long(const char *p, const char *end)
{
	(void)end;
	return p;
}

bool json_string_run_sse2(const char **at, const char *end)
{
	(void)at;
	(void)end;
	return false;
}

bool json_string_run(const char **at, const char *end)
{
	return json_string_run_sse2(at, end);
}
#endif
