/*
 * json_run.h: the inner loops json_scan and json_tap share: how far a string's plain text runs.
 * 16 bytes at a time where SSE2 is there; never reads past `end`.
 */
#ifndef TG_PROTO_JSON_RUN_H
#define TG_PROTO_JSON_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>

/*
 * Which of the 16 bytes at p end a run of plain text.
 * (v ^ 2) <= 0x20 holds for control bytes and for the quote (0x22) and for nothing else.
 */
static inline __m128i json_run_stops(const char *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i x = _mm_xor_si128(v, _mm_set1_epi8(2));
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x20)), x);

	return _mm_or_si128(low, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
}
#endif

/* Whether none of eight bytes is a backslash or beyond ASCII. */
static inline bool json_word_is_ascii(uint64_t x)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t slash = x ^ ones * '\\'; /* a zero byte where one is */

	return ((x | ((slash - ones) & ~slash)) & tops) == 0;
}

/* The bytes of a short text in one word, some of them twice; 0 < n <= 8. fill: one that stands for
 * those that are not there. */
static inline uint64_t json_short_word(const char *p, size_t n, unsigned char fill)
{
	uint64_t x = (uint64_t)fill * 0x0101010101;
	uint32_t a, b;

	if (n >= sizeof a) {
		memcpy(&a, p, sizeof a);
		memcpy(&b, p + n - sizeof b, sizeof b);
		return (uint64_t)a << 32 | b;
	}
	return x << 24 | (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[n / 2] << 8 |
	       (uint64_t)(unsigned char)p[n - 1] << 16;
}

/* Of a run that has proved long: where it stops, or a place less than 64 bytes before end
 * (json_run.c). */
const char *json_run_long(const char *p, const char *end);

/*
 * Blocks of a string's text from *at on, over escapes of two bytes. True: *at is at the first thing
 * that wants a closer look: a quote, a control byte, the backslash of any other escape. False:
 * there was none before *at, which is less than 64 bytes before end (json_run.c), or was not moved.
 */
bool json_string_run(const char **at, const char *end);
/* What that is where there is no AVX2. */
bool json_string_run_sse2(const char **at, const char *end);

/* The first quote, backslash or control byte at or after p, or end. */
static inline const char *json_run_end(const char *p, const char *end)
{
#ifdef __SSE2__
	for (; end - p >= 16; p += 16) {
		unsigned m = (unsigned)_mm_movemask_epi8(json_run_stops(p));

		if (m != 0)
			return p + __builtin_ctz(m);
	}
#endif
	while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* The same where the text may be long: a short run costs little, a long one goes by blocks. */
static inline const char *json_run_far(const char *p, const char *end)
{
#ifdef __SSE2__
	for (int i = 0; i < 4 && end - p >= 16; i++, p += 16) {
		unsigned m = (unsigned)_mm_movemask_epi8(json_run_stops(p));

		if (m != 0)
			return p + __builtin_ctz(m);
	}
#endif
	return json_run_end(json_run_long(p, end), end);
}

#endif
