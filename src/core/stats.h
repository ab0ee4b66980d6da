/*
 * stats.h: a worker's counters. One writer (the worker), any number of readers that sum over
 * workers.
 */
#ifndef TG_CORE_STATS_H
#define TG_CORE_STATS_H

#include <stdbool.h>

#include "base/stats.h"
#include "money/usage.h"
#include "quota/account.h"

enum worker_counter {
	WC_CONNECTIONS, /* gauge */
	WC_CONNECTIONS_TOTAL,
	WC_CONNECTIONS_REFUSED,
	WC_PROXY_REFUSED,
	WC_GEO_REFUSED,
	WC_IN_FLIGHT, /* gauge */
	WC_BAD_REQUESTS,
	WC_CLIENT_TIMEOUTS,
	WC_UP_CONNECTS,
	WC_UP_REUSES,
	WC_UP_FREE_RETRIES,
	WC_UP_FAILOVERS,
	WC_UP_KEY_SWITCHES,
	WC_UP_RETRIES_REFUSED,
	WC_UP_FALLBACKS,
	WC_DEGRADED,
	WC_UP_ERRORS,
	WC_UP_TIMEOUTS,
	WC_UP_IDLE,   /* gauge */
	WC_UP_ACTIVE, /* gauge */
	WC_BYTES_IN,
	WC_BYTES_OUT,
	WC_LOG_DROPPED,
	WC_SERIES_OVERFLOW,
	WC_MEMORY,  /* gauge */
	WC_DRAINED, /* gauge */
	WC_OVER_BOUND,
	WC_LEDGER_REFUSED,
	WC_LEDGER_UNRECORDED,
	WC_QUOTA_DENIED,
	WC_QUOTA_OFFLINE,
	WC_QUOTA_EXTENDED,
	WC_QUOTA_CUT,
#define X(id, word) WC_QUOTA_UNAVAILABLE_##id,
#include "quota/tbl/unsure.h"
#undef X
	WC_QUOTA_PARKED,
	WC_SHADOWS_IN_FLIGHT, /* gauge */
	WC_SHADOWS_SENT,
	WC_SHADOWS_FAILED,
	WC_SHADOWS_REFUSED,
	WC_SHADOWS_DROPPED,
	WC_HEDGES_SENT,
	WC_HEDGES_WON,
	WC_HEDGES_REFUSED,
	WC__MAX
};

/* By reason; not of QUOTA_SURE. */
static inline enum worker_counter wc_quota_unavailable(enum quota_unsure why)
{
	return (enum worker_counter)(WC_QUOTA_UNAVAILABLE_AWAY + (why - QUOTA_UNSURE_AWAY));
}

struct series_key {
	unsigned tenant, model, target; /* labels */
};

struct series_cost { /* usd USD + pico_lo pico (< 10^12) */
	struct stat_counter pico_lo, usd;
};

struct series { /* counters of one label set */
	struct series_key key;
	struct stat_counter status[6]; /* by status class; [0]: ended without an answer */
	struct stat_counter units[USAGE__MAX];
	struct series_cost cost, billed;         /* what the operator pays; what the tenant does */
	struct stat_counter unpriced, estimated; /* requests */
};

static inline bool series_key_eq(struct series_key a, struct series_key b)
{
	return a.tenant == b.tenant && a.model == b.model && a.target == b.target;
}

/* For tables of a power of two: the low bits. */
uint64_t series_key_hash(struct series_key k);

#define SERIES_SLOTS 65536 /* hash slots a worker; at most half are used */
#define TARGET_HISTS 256

struct target_hists {
	unsigned target; /* label */
	struct stat_hist duration, first_byte;
};

struct worker_stats {
	struct stat_counter c[WC__MAX];
	struct stat_hist overhead;
	_Atomic(struct series *) *series; /* SERIES_SLOTS, open addressing, entries never freed */
	unsigned n_series;
	_Atomic(struct target_hists *) hists[TARGET_HISTS];
};

void worker_stats_init(struct worker_stats *s);
void worker_stats_fini(struct worker_stats *s);
/* Entry of a label set, made when new; when the table is full, the one with no labels (and counts
 * that). */
struct series *stats_series(struct worker_stats *s, struct series_key k);
void series_add_cost(struct series_cost *c, int64_t pico);
/* NULL when there are more than TARGET_HISTS targets. */
struct target_hists *stats_target(struct worker_stats *s, unsigned target);

static inline void wc_add(struct worker_stats *s, enum worker_counter c, uint64_t n)
{
	stat_add(&s->c[c], n);
}

static inline void wc_sub(struct worker_stats *s, enum worker_counter c, uint64_t n)
{
	stat_add(&s->c[c], (uint64_t)0 - n);
}

#endif
