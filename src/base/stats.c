/*
 * stats.c: the log-linear histogram. Bucket borders follow from the bit pattern of the value: its
 * highest bit picks the doubling, the four bits below it the bucket within.
 */
#include "base/stats.h"

#define SUB_BITS 4

_Static_assert(1 << SUB_BITS == STAT_HIST_SUB, "four bits pick one of sixteen");

static inline unsigned bucket_of(uint64_t us)
{
	uint32_t v = (uint32_t)TG_MIN(us, STAT_HIST_MAX_US);
	unsigned shift;

	if (v < STAT_HIST_SUB)
		return v;
	shift = 31 - SUB_BITS - (unsigned)__builtin_clz(v);
	return shift * STAT_HIST_SUB + (v >> shift);
}

/* The smallest value of bucket i; that of STAT_HIST_BUCKETS is one past the largest of all. */
static inline uint64_t bucket_low(unsigned i)
{
	unsigned shift = i < STAT_HIST_SUB ? 0 : i / STAT_HIST_SUB - 1;

	return (uint64_t)(i - shift * STAT_HIST_SUB) << shift;
}

void stat_hist_add(struct stat_hist *h, int64_t us)
{
	uint64_t v = us < 0 ? 0 : (uint64_t)us;

	stat_add(&h->bucket[bucket_of(v)], 1);
	stat_add(&h->sum_us, v);
	stat_add(&h->count, 1);
}

void stat_hist_merge(struct stat_hist *dst, const struct stat_hist *src)
{
	uint64_t total = 0;

	/* The count is what the buckets say, so that a merge of a live histogram agrees with
	 * itself. */
	for (unsigned i = 0; i < STAT_HIST_BUCKETS; i++) {
		uint64_t n = stat_get(&src->bucket[i]);

		if (n == 0)
			continue;
		stat_add(&dst->bucket[i], n);
		total += n;
	}
	stat_add(&dst->sum_us, stat_get(&src->sum_us));
	stat_add(&dst->count, total);
}

uint64_t stat_hist_quantile(const struct stat_hist *h, unsigned permille)
{
	uint64_t total = stat_get(&h->count), rank, seen = 0, high = 0;

	tg_assert(permille <= 1000);
	/* total * permille / 1000, rounded up, without the product's overflow */
	rank = total / 1000 * permille + (total % 1000 * permille + 999) / 1000;
	rank = TG_MAX(rank, 1);
	for (unsigned i = 0; i < STAT_HIST_BUCKETS; i++) {
		uint64_t n = stat_get(&h->bucket[i]);

		if (n == 0)
			continue;
		high = bucket_low(i + 1) - 1;
		seen += n;
		if (seen >= rank)
			break;
	}
	return high;
}

uint64_t stat_hist_le(const struct stat_hist *h, uint64_t us)
{
	unsigned last = bucket_of(us);
	uint64_t seen = 0, low = bucket_low(last), width = bucket_low(last + 1) - low;
	uint64_t n = stat_get(&h->bucket[last]), part = TG_MIN(us - low + 1, width);

	for (unsigned i = 0; i < last; i++)
		seen += stat_get(&h->bucket[i]);
	return seen + (uint64_t)((unsigned __int128)n * part / width);
}
