/*
 * metrics_page.h: /metrics: the counters of all workers, summed, in the order of
 * core/tbl/metrics.h.
 */
#ifndef TG_ADMIN_METRICS_PAGE_H
#define TG_ADMIN_METRICS_PAGE_H

#include "proto/outbuf.h"
#include "core/plan.h"
#include "core/plan_quota.h"
#include "core/quota_stats.h"
#include "core/worker.h"
#include "ledger/journal.h"

struct ship_stats;

struct metrics_source {
	struct worker *workers;
	unsigned n_workers;
	unsigned generation;
	uint64_t reload_failures;
	int64_t uptime_us;
	struct str member;               /* name of this process */
	struct journal *journal;         /* NULL: no ledger */
	const struct quota_stats *quota; /* NULL: nobody leases */
	const struct plan_quota *limits;
	const struct ship_stats *ship;
	const struct geo_db *geo; /* NULL: none */
	uint64_t geo_failures;
	const struct tg_conf *conf; /* whose targets; NULL: none */
};

/* Control thread. */
void metrics_page(struct outbuf *out, const struct metrics_source *src);

#endif
