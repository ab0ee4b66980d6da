/*
 * stats.h: counters and latency histograms. One thread writes, any thread reads: a plain load and
 * store, atomic only so that no reader sees half a value. A reader that sums several sees each at a
 * slightly different moment, which is good enough for a scrape.
 */
#ifndef TG_BASE_STATS_H
#define TG_BASE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/defs.h"

struct stat_counter {
	_Atomic uint64_t v;
};

static inline uint64_t stat_get(const struct stat_counter *c)
{
	return atomic_load_explicit(&c->v, memory_order_relaxed);
}

/* Sets a gauge. Only the owning thread. */
static inline void stat_set(struct stat_counter *c, uint64_t v)
{
	atomic_store_explicit(&c->v, v, memory_order_relaxed);
}

/* Only the owning thread: two that add would lose counts. */
static inline void stat_add(struct stat_counter *c, uint64_t n)
{
	stat_set(c, stat_get(c) + n);
}

/*
 * Microseconds in log-linear buckets: 0 to 31 one by one, then sixteen for each doubling, up to
 * 2^32 us (1 h 11 min; what is longer counts as that). A bucket is at most 1/16 of its values wide.
 */
#define STAT_HIST_SUB     16
#define STAT_HIST_BUCKETS (STAT_HIST_SUB + 28 * STAT_HIST_SUB)
#define STAT_HIST_MAX_US  UINT32_MAX

struct stat_hist {
	struct stat_counter count, sum_us;
	struct stat_counter bucket[STAT_HIST_BUCKETS];
};

/* Only the owning thread; us below 0 counts as 0. A zeroed struct is an empty histogram. */
void stat_hist_add(struct stat_hist *h, int64_t us);
/* Adds src to dst, which belongs to the calling thread. */
void stat_hist_merge(struct stat_hist *dst, const struct stat_hist *src);
/*
 * The value that permille/1000 of all values do not exceed, at most 1/16 too high and never too
 * low; 0 when empty. permille is 0 to 1000.
 */
uint64_t stat_hist_quantile(const struct stat_hist *h, unsigned permille);
/* How many values were us or less; within the bucket that us falls into, in proportion. */
uint64_t stat_hist_le(const struct stat_hist *h, uint64_t us);

#endif
