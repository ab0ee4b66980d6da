/*
 * json_run.c: the long runs of json_run.h, 64 bytes at a time with AVX2 where the processor has it.
 * Pure; any thread.
 */
#include "proto/json_run.h"

#if defined(__SSE2__) && defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2"))) static inline __m256i run_stops(const char *p)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
	__m256i x = _mm256_xor_si256(v, _mm256_set1_epi8(2));
	__m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(0x20)), x);

	return _mm256_or_si256(low, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')));
}

__attribute__((target("avx2"))) static const char *run_long_avx2(const char *p, const char *end)
{
	for (; end - p >= 64; p += 64) {
		__m256i any = _mm256_or_si256(run_stops(p), run_stops(p + 32));

		if (_mm256_movemask_epi8(any) != 0)
			break; /* within these 64: the caller finds the place */
	}
	return p;
}

const char *json_run_long(const char *p, const char *end)
{
	return __builtin_cpu_supports("avx2") ? run_long_avx2(p, end) : p;
}
#else
const char *json_run_long(const char *p, const char *end)
{
	(void)end;
	return p;
}
#endif
