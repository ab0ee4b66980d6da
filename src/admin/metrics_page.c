/*
 * metrics_page.c: see metrics_page.h. The table of families, plain numbers and limits, and the
 * order of the whole. Reads the workers' counters while they count.
 */
#include "admin/metrics_page_int.h"

#include <stdlib.h>

#include "admin/metrics_quota.h"
#include "core/quota_text.h"
#include "core/ship_stats.h"
#include "geo/geo_db.h"
#include "money/money.h"

#define NANO_DIGITS 9

enum { counter = METRICS_COUNTER, gauge = METRICS_GAUGE, histogram = METRICS_HISTOGRAM };

static const struct metric_row {
	const char *name;
	enum metrics_type type;
	const char *help;
} metric_rows[MT__MAX] = {
#define X(id, name, type, help) { name, (enum metrics_type)type, help },
#include "core/tbl/metrics.h"
#undef X
};

static const int64_t overhead_bounds_us[] = { 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000,
	50000, 100000 };

void page_family(struct page *p, enum metric_id id)
{
	metrics_family(&p->m, metric_rows[id].name, metric_rows[id].type, metric_rows[id].help);
}

void page_value(struct page *p, enum metric_id id, uint64_t v)
{
	page_family(p, id);
	metrics_sample_u64(&p->m, "", NULL, 0, v);
}

void page_hist(struct page *p, enum metric_id id, const struct stat_hist *h)
{
	page_family(p, id);
	metrics_hist(&p->m, NULL, 0, h, overhead_bounds_us, TG_ARRAY_LEN(overhead_bounds_us));
}

/* ---- workers */

static void page_overhead(struct page *p)
{
	struct stat_hist *sum = calloc(1, sizeof(*sum));

	tg_assert(sum != NULL);
	for (unsigned w = 0; w < p->src->n_workers; w++)
		stat_hist_merge(sum, &p->src->workers[w].stats.overhead);
	page_hist(p, MT_OVERHEAD, sum);
	free(sum);
}

static void page_counters(struct page *p)
{
	static const struct {
		enum metric_id id;
		enum worker_counter c;
	} rows[] = { { MT_CONNECTIONS, WC_CONNECTIONS },
		{ MT_CONNECTIONS_TOTAL, WC_CONNECTIONS_TOTAL },
		{ MT_CONNECTIONS_REFUSED, WC_CONNECTIONS_REFUSED },
		{ MT_PROXY_REFUSED, WC_PROXY_REFUSED }, { MT_GEO_REFUSED, WC_GEO_REFUSED },
		{ MT_IN_FLIGHT, WC_IN_FLIGHT }, { MT_BAD_REQUESTS, WC_BAD_REQUESTS },
		{ MT_CLIENT_TIMEOUTS, WC_CLIENT_TIMEOUTS }, { MT_UP_CONNECTS, WC_UP_CONNECTS },
		{ MT_UP_REUSES, WC_UP_REUSES }, { MT_UP_FREE_RETRIES, WC_UP_FREE_RETRIES },
		{ MT_UP_FAILOVERS, WC_UP_FAILOVERS }, { MT_UP_KEY_SWITCHES, WC_UP_KEY_SWITCHES },
		{ MT_UP_FALLBACKS, WC_UP_FALLBACKS }, { MT_DEGRADED, WC_DEGRADED },
		{ MT_UP_RETRIES_REFUSED, WC_UP_RETRIES_REFUSED }, { MT_UP_ERRORS, WC_UP_ERRORS },
		{ MT_UP_TIMEOUTS, WC_UP_TIMEOUTS }, { MT_UP_IDLE, WC_UP_IDLE },
		{ MT_UP_ACTIVE, WC_UP_ACTIVE }, { MT_SHADOWS_IN_FLIGHT, WC_SHADOWS_IN_FLIGHT },
		{ MT_SHADOWS_SENT, WC_SHADOWS_SENT }, { MT_SHADOWS_FAILED, WC_SHADOWS_FAILED },
		{ MT_SHADOWS_REFUSED, WC_SHADOWS_REFUSED },
		{ MT_SHADOWS_DROPPED, WC_SHADOWS_DROPPED }, { MT_HEDGES_SENT, WC_HEDGES_SENT },
		{ MT_HEDGES_WON, WC_HEDGES_WON }, { MT_HEDGES_REFUSED, WC_HEDGES_REFUSED },
		{ MT_BYTES_IN, WC_BYTES_IN }, { MT_BYTES_OUT, WC_BYTES_OUT },
		{ MT_LOG_DROPPED, WC_LOG_DROPPED }, { MT_SERIES_OVERFLOW, WC_SERIES_OVERFLOW },
		{ MT_MEMORY, WC_MEMORY }, { MT_OVER_BOUND, WC_OVER_BOUND },
		{ MT_DRAINED, WC_DRAINED }, { MT_LEDGER_REFUSED, WC_LEDGER_REFUSED },
		{ MT_LEDGER_UNRECORDED, WC_LEDGER_UNRECORDED },
		{ MT_QUOTA_DENIED, WC_QUOTA_DENIED }, { MT_QUOTA_EXTENDED, WC_QUOTA_EXTENDED },
		{ MT_QUOTA_CUT, WC_QUOTA_CUT }, { MT_QUOTA_OFFLINE, WC_QUOTA_OFFLINE },
		{ MT_QUOTA_PARKED, WC_QUOTA_PARKED } };

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		uint64_t sum = 0;
		for (unsigned w = 0; w < p->src->n_workers; w++)
			sum += stat_get(&p->src->workers[w].stats.c[rows[i].c]);
		page_value(p, rows[i].id, sum);
	}
	page_value(p, MT_GUARDRAILS_TOLD, guardrail_told());
}

/* ---- limits */

static void page_limits(struct page *p)
{
	static const struct {
		enum metric_id id;
		enum quota_figure figure;
	} rows[] = { { MT_QUOTA_LIMIT, QUOTA_LIMIT }, { MT_QUOTA_USED, QUOTA_USED },
		{ MT_QUOTA_HELD, QUOTA_HELD }, { MT_QUOTA_GRANTED, QUOTA_GRANTED },
		{ MT_QUOTA_OVER, QUOTA_OVER } };
	struct quota_near near = { .n = 0 };

	if (p->src->limits != NULL)
		quota_near_find(
			&near, p->src->limits, (struct quota_time){ clock_wall(), clock_mono() });
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		page_family(p, rows[i].id);
		for (unsigned k = 0; k < near.n; k++) {
			const struct quota_near_slot *s = &near.v[k];
			char period[QUOTA_LIMIT_LEN];
			enum quota_dim dim = s->slot->limit->dim;
			struct metrics_label l[] = { { "scope", s->slot->scope },
				{ "dimension", str_z(quota_dim_name(dim)) },
				{ "period", quota_near_period(s, period) },
				{ "source", quota_slot_source(s->slot) },
				{ "of", s->slot->source_name } };

			metrics_sample_decimal(&p->m, "", l, TG_ARRAY_LEN(l),
				quota_near_figure(s, rows[i].figure),
				dim == QUOTA_COST ? NANO_DIGITS : 0);
		}
	}
}

static void page_unavailable(struct page *p)
{
	page_family(p, MT_QUOTA_UNAVAILABLE);
	for (int why = QUOTA_SURE + 1; why < QUOTA_UNSURE__MAX; why++) {
		struct metrics_label l = { "reason", quota_unsure_word(why) };
		uint64_t sum = 0;

		for (unsigned w = 0; w < p->src->n_workers; w++)
			sum += stat_get(&p->src->workers[w].stats.c[wc_quota_unavailable(why)]);
		metrics_sample_u64(&p->m, "", &l, 1, sum);
	}
}

static void page_quota(struct page *p)
{
	static const struct quota_stats none;
	const struct quota_stats *s = p->src->quota != NULL ? p->src->quota : &none;
	uint64_t waiting = 0;

	for (unsigned w = 0; w < p->src->n_workers; w++)
		waiting += atomic_load(&p->src->workers[w].quota_line.n);
	page_unavailable(p);
	page_value(p, MT_QUOTA_WAITING, waiting);
	page_value(p, MT_QUOTA_LEASED, s->leased);
	page_value(p, MT_QUOTA_SYNCS, s->syncs);
	page_value(p, MT_QUOTA_SYNC_FAILURES, s->failures);
	page_value(p, MT_QUOTA_UNREPLICATED, s->unreplicated);
	page_hist(p, MT_QUOTA_SYNC_SECONDS, &s->sync);
	page_value(p, MT_QUOTA_LEARNING, s->learning);
	page_value(p, MT_REDIS_UP, s->up);
	page_value(p, MT_TARGET_PEERS, s->peers);
	page_value(p, MT_TARGET_PEERS_REFUSED, s->peers_refused);
	page_value(p, MT_TARGET_PEERS_BORROWED, s->peers_borrowed);
}

/* ---- the ledger */

/* j NULL: no ledger, nothing written. */
static void page_ledger(struct page *p, struct journal *j)
{
	struct journal_stats s = { 0 };

	if (j != NULL)
		journal_stats_get(j, &s);
	page_value(p, MT_LEDGER_BYTES, s.bytes);
	page_value(p, MT_LEDGER_RECORDS, s.records);
	page_value(p, MT_LEDGER_SYNCS, s.syncs);
	page_family(p, MT_LEDGER_SYNC_SECONDS);
	metrics_sample_usd(&p->m, "", NULL, 0, s.sync_us / 1000000, s.sync_us % 1000000 * 1000000);
	page_value(p, MT_LEDGER_FAILURES, s.failures);
	page_value(p, MT_LEDGER_FAILING, s.failing);
	page_value(p, MT_LEDGER_UNSYNCED, (uint64_t)TG_MAX(s.unsynced_bytes, 0));
	page_value(p, MT_LEDGER_OPEN, s.open_holds);
	page_value(p, MT_LEDGER_RECOVERED, s.recovered_holds);
}

static void page_ship(struct page *p, const struct ship_stats *s)
{
	static const struct ship_stats none;

	if (s == NULL)
		s = &none;
	page_value(p, MT_SHIP_RECORDS, atomic_load(&s->shipped));
	page_value(p, MT_SHIP_UNSHIPPED, atomic_load(&s->unshipped));
	page_value(p, MT_SHIP_LAG, (uint64_t)TG_MAX(atomic_load(&s->lag_us), 0) / 1000000);
	page_value(p, MT_SHIP_FAILURES, atomic_load(&s->failures));
	page_value(p, MT_SHIP_LOST, atomic_load(&s->lost));
}

/* ---- the process */

static void page_info(struct page *p)
{
	struct metrics_label l[] = { { "version", STR(PACKAGE_VERSION) },
		{ "member", p->src->member } };

	page_family(p, MT_INFO);
	metrics_sample_u64(&p->m, "", l, TG_ARRAY_LEN(l), 1);
}

static void page_geo(struct page *p)
{
	const struct geo_db *db = p->src->geo;

	page_family(p, MT_GEOIP_BUILT);
	for (int i = 0; db != NULL && i < GEO_DB__MAX; i++) {
		const struct mmdb_facts *f = geo_db_facts(db, i);
		struct metrics_label l[] = { { "database", str_z(geo_db_kind_name(i)) } };

		if (f != NULL)
			metrics_sample_u64(&p->m, "", l, TG_ARRAY_LEN(l), f->build_s);
	}
	page_value(p, MT_GEOIP_FAILURES, p->src->geo_failures);
}

void metrics_page(struct outbuf *out, const struct metrics_source *src)
{
	struct page p = { .src = src };

	metrics_init(&p.m, out);
	page_all_series(&p);
	page_overhead(&p);
	page_counters(&p);
	page_targets(&p);
	page_limits(&p);
	page_quota(&p);
	page_ledger(&p, src->journal);
	page_ship(&p, src->ship);
	page_creds(&p);
	page_geo(&p);
	page_value(&p, MT_CONFIG_GENERATION, src->generation);
	page_value(&p, MT_CONFIG_RELOAD_FAILURES, src->reload_failures);
	page_info(&p);
	page_value(&p, MT_UPTIME, (uint64_t)src->uptime_us / 1000000);
}
