/*
 * capacity.c: see capacity.h.
 */
#include "route/capacity.h"

#define NS 1000

static int64_t ns_of(const struct capacity_rate *r, uint64_t n)
{
	__int128 v;

	n = TG_MIN(n, (uint64_t)r->n); /* more than all of it: all of it */
	v = (__int128)n * r->period_us * NS / r->n;
	return (int64_t)v;
}

/* Until n more fit: 0 or less, now. */
static int64_t rate_wait(int64_t full_ns, const struct capacity_rate *r, uint64_t n, mono_us now)
{
	int64_t now_ns = now.us * NS;

	if (r->n == 0)
		return 0;
	return TG_MAX(full_ns, now_ns) + ns_of(r, n) - now_ns - r->period_us * NS;
}

bool capacity_has(const struct capacity *c, const struct capacity_limits *l, uint64_t tokens,
	mono_us now, int64_t *wait_us)
{
	int64_t a = rate_wait(atomic_load_explicit(&c->requests_ns, memory_order_relaxed),
			&l->requests, 1, now),
		b = rate_wait(atomic_load_explicit(&c->tokens_ns, memory_order_relaxed), &l->tokens,
			tokens, now);
	bool full = l->concurrency > 0 &&
		    atomic_load_explicit(&c->inflight, memory_order_relaxed) >= l->concurrency;

	*wait_us = TG_MAX(TG_MAX(a, b), 0) / NS;
	return !full && a <= 0 && b <= 0;
}

static bool rate_is_half_free(int64_t full_ns, const struct capacity_rate *r, mono_us now)
{
	return rate_wait(full_ns, r, (uint64_t)r->n / 2, now) <= 0;
}

bool capacity_is_half_free(const struct capacity *c, const struct capacity_limits *l, mono_us now)
{
	int64_t inflight = atomic_load_explicit(&c->inflight, memory_order_relaxed);

	return (l->concurrency == 0 || inflight * 2 < l->concurrency) &&
	       rate_is_half_free(atomic_load_explicit(&c->requests_ns, memory_order_relaxed),
		       &l->requests, now) &&
	       rate_is_half_free(
		       atomic_load_explicit(&c->tokens_ns, memory_order_relaxed), &l->tokens, now);
}

static bool rate_take(
	_Atomic int64_t *full_ns, const struct capacity_rate *r, uint64_t n, mono_us now)
{
	int64_t old = atomic_load_explicit(full_ns, memory_order_relaxed), to;

	if (r->n == 0)
		return true;
	do {
		if (rate_wait(old, r, n, now) > 0)
			return false;
		to = TG_MAX(old, now.us * NS) + ns_of(r, n);
	} while (!atomic_compare_exchange_weak_explicit(
		full_ns, &old, to, memory_order_relaxed, memory_order_relaxed));
	return true;
}

static void rate_add(_Atomic int64_t *full_ns, const struct capacity_rate *r, int64_t ns)
{
	if (r->n > 0 && ns != 0)
		atomic_fetch_add_explicit(full_ns, ns, memory_order_relaxed);
}

bool capacity_take(
	struct capacity *c, const struct capacity_limits *l, uint64_t tokens, mono_us now)
{
	int64_t n;

	if (l->concurrency > 0) {
		n = atomic_fetch_add_explicit(&c->inflight, 1, memory_order_relaxed);
		if (n >= l->concurrency) {
			atomic_fetch_sub_explicit(&c->inflight, 1, memory_order_relaxed);
			return false;
		}
	}
	if (rate_take(&c->requests_ns, &l->requests, 1, now)) {
		if (rate_take(&c->tokens_ns, &l->tokens, tokens, now))
			return true;
		rate_add(&c->requests_ns, &l->requests, -ns_of(&l->requests, 1));
	}
	if (l->concurrency > 0)
		atomic_fetch_sub_explicit(&c->inflight, 1, memory_order_relaxed);
	return false;
}

void capacity_give(struct capacity *c, const struct capacity_limits *l, uint64_t tokens,
	uint64_t used, bool sent)
{
	if (l->concurrency > 0)
		atomic_fetch_sub_explicit(&c->inflight, 1, memory_order_relaxed);
	if (l->requests.n > 0 && !sent)
		rate_add(&c->requests_ns, &l->requests, -ns_of(&l->requests, 1));
	if (l->tokens.n > 0)
		rate_add(&c->tokens_ns, &l->tokens,
			ns_of(&l->tokens, sent ? used : 0) - ns_of(&l->tokens, tokens));
}
