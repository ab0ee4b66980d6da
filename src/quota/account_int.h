/*
 * account_int.h: what account.c, rate.c and window.c share. Not for others.
 */
#ifndef TG_QUOTA_ACCOUNT_INT_H
#define TG_QUOTA_ACCOUNT_INT_H

#include "quota/account.h"

/* Where counters stop rather than wrap; all threads' amounts on top stay within 63 bits. */
#define QUOTA_TOTAL_MAX (INT64_C(1) << 61)
_Static_assert(INT64_MAX - QUOTA_TOTAL_MAX >= QUOTA_THREADS * QUOTA_AMOUNT_MAX, "sums would wrap");

/* The half of quota_account.refs that counts references. */
#define QUOTA_REFS_MASK UINT64_C(0xffffffff)

static inline int64_t quota_clamp(int64_t v)
{
	return TG_MAX(0, TG_MIN(v, QUOTA_AMOUNT_MAX));
}

/* Stocks, also without a comparison: */
void quota_stock_settle(struct quota_account *a, int64_t held, int64_t actual);

/* Leased stocks (account_lease.c). */
void quota_lease_init(struct quota_account *a);
enum quota_result quota_lease_lacks(const struct quota_account *a, mono_us now);
/* An amount was let in, and so much room is left. */
void quota_lease_taken(struct quota_account *a, int64_t amount, int64_t room);
/* A worker has something to say; `why` is a bit or more. */
void quota_attend(struct quota_account *a, uint32_t why);

void quota_rate_share(struct quota_account *a, int64_t share, mono_us now);
enum quota_result quota_rate_take(struct quota_account *a, int64_t amount, mono_us now);
enum quota_result quota_rate_peek(const struct quota_account *a, int64_t amount, mono_us now);
void quota_rate_settle(struct quota_account *a, int64_t held, int64_t actual, mono_us now);
int64_t quota_rate_headroom(const struct quota_account *a, mono_us now);
/* Microseconds until an amount fits; -1: never. */
int64_t quota_rate_wait_us(const struct quota_account *a, int64_t amount, mono_us now);

struct quota_window *quota_window_new(unsigned buckets) TG_MUST_CHECK;
/* Its buckets' references are given back. */
void quota_window_free(struct quota_window *w);
enum quota_result quota_window_take(
	struct quota_account *head, int64_t amount, wall_us now, struct quota_account **charged);
enum quota_result quota_window_raise(struct quota_account *head, int64_t held, int64_t more,
	wall_us now, struct quota_account **charged);

#endif
