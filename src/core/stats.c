/*
 * stats.c: the label-set table of a worker: open addressing, entries published once and never freed
 * while it runs.
 */
#include <stdlib.h>

#include "base/defs.h"
#include "core/stats.h"
#include "money/money.h"

void worker_stats_init(struct worker_stats *s)
{
	s->series = calloc(SERIES_SLOTS, sizeof(*s->series));
	tg_assert(s->series != NULL);
}

void worker_stats_fini(struct worker_stats *s)
{
	for (unsigned i = 0; i < SERIES_SLOTS; i++)
		free(atomic_load(&s->series[i]));
	for (unsigned i = 0; i < TARGET_HISTS; i++)
		free(atomic_load(&s->hists[i]));
	free(s->series);
	s->series = NULL;
}

uint64_t series_key_hash(struct series_key k)
{
	uint64_t h = ((uint64_t)k.tenant << 40) ^ ((uint64_t)k.model << 20) ^ k.target;

	/* two rounds: each label must reach the low bits */
	h *= 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

struct series *stats_series(struct worker_stats *s, struct series_key k)
{
	unsigned i = series_key_hash(k) % SERIES_SLOTS;
	struct series *e;

	for (;; i = (i + 1) % SERIES_SLOTS) {
		e = atomic_load_explicit(&s->series[i], memory_order_relaxed);
		if (e == NULL)
			break;
		if (series_key_eq(e->key, k))
			return e;
	}
	if (s->n_series >= SERIES_SLOTS / 2 && (k.tenant | k.model | k.target) != 0) {
		wc_add(s, WC_SERIES_OVERFLOW, 1);
		return stats_series(s, (struct series_key){ 0, 0, 0 });
	}
	e = calloc(1, sizeof(*e));
	tg_assert(e != NULL);
	e->key = k;
	s->n_series++;
	atomic_store_explicit(&s->series[i], e, memory_order_release);
	return e;
}

void series_add_cost(struct series_cost *c, int64_t pico)
{
	uint64_t lo = stat_get(&c->pico_lo) + (uint64_t)pico;

	if (lo >= (uint64_t)PICO_PER_USD) {
		stat_add(&c->usd, lo / (uint64_t)PICO_PER_USD);
		lo %= (uint64_t)PICO_PER_USD;
	}
	stat_set(&c->pico_lo, lo);
}

struct target_hists *stats_target(struct worker_stats *s, unsigned target)
{
	struct target_hists *h;

	for (unsigned i = 0; i < TARGET_HISTS; i++) {
		h = atomic_load_explicit(&s->hists[i], memory_order_relaxed);
		if (h == NULL) {
			h = calloc(1, sizeof(*h));
			tg_assert(h != NULL);
			h->target = target;
			atomic_store_explicit(&s->hists[i], h, memory_order_release);
		}
		if (h->target == target)
			return h;
	}
	return NULL;
}
