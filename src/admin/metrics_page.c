/*
 * metrics_page.c: see metrics_page.h. Reads the workers' counters while they count; adds up per
 * label set.
 */
#include <stdlib.h>

#include "admin/metrics.h"
#include "admin/metrics_page.h"
#include "admin/metrics_quota.h"
#include "core/label.h"
#include "core/health.h"
#include "core/key_pool.h"
#include "core/quota_text.h"
#include "core/ship_stats.h"
#include "core/spots.h"
#include "geo/geo_db.h"
#include "io/cred.h"
#include "money/money.h"

#define NANO_DIGITS 9

enum metric_id {
#define X(id, name, type, help) MT_##id,
#include "core/tbl/metrics.h"
#undef X
	MT__MAX
};

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

static const int64_t bounds_us[] = { 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,
	250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000, 120000000,
	300000000, 600000000 };
static const int64_t overhead_bounds_us[] = { 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000,
	50000, 100000 };

struct page {
	struct metrics_out m;
	const struct metrics_source *src;
	struct series *sum; /* merged over workers */
	size_t n_sum;
	uint32_t *slot; /* hash table over sum: 0 free, else 1 + index */
	size_t n_slots; /* a power of two, at least twice the label sets */
};

static void page_family(struct page *p, enum metric_id id)
{
	metrics_family(&p->m, metric_rows[id].name, metric_rows[id].type, metric_rows[id].help);
}

/* ---- label sets */

static struct series *page_slot(struct page *p, struct series_key k)
{
	size_t i = series_key_hash(k) & (p->n_slots - 1);

	for (; p->slot[i] != 0; i = (i + 1) & (p->n_slots - 1))
		if (series_key_eq(p->sum[p->slot[i] - 1].key, k))
			return &p->sum[p->slot[i] - 1];
	p->sum[p->n_sum].key = k;
	p->slot[i] = (uint32_t)++p->n_sum;
	return &p->sum[p->n_sum - 1];
}

static void merge_cost(struct series_cost *to, const struct series_cost *c)
{
	stat_add(&to->usd, stat_get(&c->usd));
	stat_add(&to->pico_lo, stat_get(&c->pico_lo));
}

static void page_merge(struct page *p, const struct series *e)
{
	struct series *s = page_slot(p, e->key);

	for (size_t i = 0; i < TG_ARRAY_LEN(s->status); i++)
		stat_add(&s->status[i], stat_get(&e->status[i]));
	for (size_t i = 0; i < TG_ARRAY_LEN(s->units); i++)
		stat_add(&s->units[i], stat_get(&e->units[i]));
	merge_cost(&s->cost, &e->cost);
	merge_cost(&s->billed, &e->billed);
	stat_add(&s->unpriced, stat_get(&e->unpriced));
	stat_add(&s->estimated, stat_get(&e->estimated));
}

/* Every label set of every worker that is there now; NULL between them. */
static const struct series *page_series(const struct page *p, unsigned w, unsigned i)
{
	return atomic_load_explicit(&p->src->workers[w].stats.series[i], memory_order_acquire);
}

/* Room for all of them. A worker may add some while we look: those wait for the next page. */
static int page_alloc(struct page *p, size_t *room)
{
	*room = 0;
	for (unsigned w = 0; w < p->src->n_workers; w++)
		for (unsigned i = 0; i < SERIES_SLOTS; i++)
			*room += page_series(p, w, i) != NULL;
	p->n_slots = 16;
	while (p->n_slots < 2 * *room)
		p->n_slots *= 2;
	p->sum = calloc(*room + 1, sizeof(*p->sum));
	p->slot = calloc(p->n_slots, sizeof(*p->slot));
	return p->sum != NULL && p->slot != NULL ? 0 : -1;
}

static int page_collect(struct page *p)
{
	const struct series *e;
	size_t room;

	if (page_alloc(p, &room) != 0)
		return -1;
	for (unsigned w = 0; w < p->src->n_workers; w++) {
		for (unsigned i = 0; i < SERIES_SLOTS && room > 0; i++) {
			e = page_series(p, w, i);
			if (e == NULL)
				continue;
			page_merge(p, e);
			room--;
		}
	}
	return 0;
}

/* tenant, model, target; the caller may add one behind them. */
static void page_labels(const struct series *s, struct metrics_label l[4])
{
	l[0] = (struct metrics_label){ "tenant", label_text(s->key.tenant) };
	l[1] = (struct metrics_label){ "model", label_text(s->key.model) };
	l[2] = (struct metrics_label){ "target", label_text(s->key.target) };
}

static void page_requests(struct page *p)
{
	static const struct str classes[] = { { "none", 4 }, { "1xx", 3 }, { "2xx", 3 },
		{ "3xx", 3 }, { "4xx", 3 }, { "5xx", 3 } };
	struct metrics_label l[4];

	page_family(p, MT_REQUESTS);
	for (size_t i = 0; i < p->n_sum; i++) {
		page_labels(&p->sum[i], l);
		for (size_t c = 0; c < TG_ARRAY_LEN(classes); c++) {
			l[3] = (struct metrics_label){ "status", classes[c] };
			if (stat_get(&p->sum[i].status[c]) > 0)
				metrics_sample_u64(&p->m, "", l, 4, stat_get(&p->sum[i].status[c]));
		}
	}
}

/* The buckets from..to. */
static void page_units(struct page *p, enum metric_id id, const char *label, int from, int to)
{
	struct metrics_label l[4];

	page_family(p, id);
	for (size_t i = 0; i < p->n_sum; i++) {
		page_labels(&p->sum[i], l);
		for (int b = from; b < to; b++) {
			l[3] = (struct metrics_label){ label,
				str_z(usage_bucket_name((enum usage_bucket)b)) };
			if (stat_get(&p->sum[i].units[b]) > 0)
				metrics_sample_u64(&p->m, "", l, 4, stat_get(&p->sum[i].units[b]));
		}
	}
}

/* The sum of money at `offset` of each series; the count. */
static void page_usd(struct page *p, enum metric_id id, size_t offset)
{
	struct metrics_label l[4];

	page_family(p, id);
	for (size_t i = 0; i < p->n_sum; i++) {
		const struct series_cost *c = (const void *)((const char *)&p->sum[i] + offset);

		page_labels(&p->sum[i], l);
		if (stat_get(&c->usd) + stat_get(&c->pico_lo) > 0)
			metrics_sample_usd(
				&p->m, "", l, 3, stat_get(&c->usd), stat_get(&c->pico_lo));
	}
}

static void page_count(struct page *p, enum metric_id id, size_t offset)
{
	struct metrics_label l[4];

	page_family(p, id);
	for (size_t i = 0; i < p->n_sum; i++) {
		const struct stat_counter *c = (const void *)((const char *)&p->sum[i] + offset);

		page_labels(&p->sum[i], l);
		if (stat_get(c) > 0)
			metrics_sample_u64(&p->m, "", l, 3, stat_get(c));
	}
}

/* ---- histograms */

static int by_target(const void *a, const void *b)
{
	const struct target_hists *const *x = a, *const *y = b;

	return ((*x)->target > (*y)->target) - ((*x)->target < (*y)->target);
}

/* The histograms of all workers, those of a target beside each other. */
static const struct target_hists **page_hists(const struct page *p, size_t *n)
{
	const struct target_hists **all =
		calloc((size_t)p->src->n_workers * TARGET_HISTS + 1, sizeof(struct target_hists *));
	const struct target_hists *h;

	*n = 0;
	for (unsigned w = 0; all != NULL && w < p->src->n_workers; w++) {
		for (unsigned i = 0; i < TARGET_HISTS; i++) {
			h = atomic_load_explicit(
				&p->src->workers[w].stats.hists[i], memory_order_acquire);
			if (h == NULL)
				break;
			all[(*n)++] = h;
		}
	}
	if (*n > 0)
		qsort(all, *n, sizeof(*all), by_target);
	return all;
}

static void page_target_hist(struct page *p, enum metric_id id, size_t offset)
{
	struct stat_hist *sum = calloc(1, sizeof(*sum));
	size_t n;
	const struct target_hists **all = page_hists(p, &n);

	page_family(p, id);
	for (size_t i = 0; sum != NULL && i < n; i++) {
		stat_hist_merge(sum,
			(const struct stat_hist *)(const void *)((const char *)all[i] + offset));
		if (i + 1 < n && all[i + 1]->target == all[i]->target)
			continue;
		metrics_hist(&p->m, &(struct metrics_label){ "target", label_text(all[i]->target) },
			1, sum, bounds_us, TG_ARRAY_LEN(bounds_us));
		__builtin_memset(sum, 0, sizeof(*sum));
	}
	free(all);
	free(sum);
}

static void page_overhead(struct page *p)
{
	struct stat_hist *sum = calloc(1, sizeof(*sum));

	page_family(p, MT_OVERHEAD);
	for (unsigned w = 0; sum != NULL && w < p->src->n_workers; w++)
		stat_hist_merge(sum, &p->src->workers[w].stats.overhead);
	if (sum != NULL)
		metrics_hist(
			&p->m, NULL, 0, sum, overhead_bounds_us, TG_ARRAY_LEN(overhead_bounds_us));
	free(sum);
}

/* ---- plain numbers */

static void page_value(struct page *p, enum metric_id id, uint64_t v)
{
	page_family(p, id);
	metrics_sample_u64(&p->m, "", NULL, 0, v);
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
		{ MT_QUOTA_CUT, WC_QUOTA_CUT }, { MT_QUOTA_UNAVAILABLE, WC_QUOTA_UNAVAILABLE },
		{ MT_QUOTA_OFFLINE, WC_QUOTA_OFFLINE }, { MT_QUOTA_PARKED, WC_QUOTA_PARKED } };

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		uint64_t sum = 0;
		for (unsigned w = 0; w < p->src->n_workers; w++)
			sum += stat_get(&p->src->workers[w].stats.c[rows[i].c]);
		page_value(p, rows[i].id, sum);
	}
	page_value(p, MT_GUARDRAILS_TOLD, guardrail_told());
}

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

static void page_quota(struct page *p)
{
	static const struct quota_stats none;
	const struct quota_stats *s = p->src->quota != NULL ? p->src->quota : &none;
	uint64_t waiting = 0;

	for (unsigned w = 0; w < p->src->n_workers; w++)
		waiting += atomic_load(&p->src->workers[w].quota_line.n);
	page_value(p, MT_QUOTA_WAITING, waiting);
	page_value(p, MT_QUOTA_LEASED, s->leased);
	page_value(p, MT_QUOTA_SYNCS, s->syncs);
	page_value(p, MT_QUOTA_SYNC_FAILURES, s->failures);
	page_value(p, MT_QUOTA_UNREPLICATED, s->unreplicated);
	page_family(p, MT_QUOTA_SYNC_SECONDS);
	metrics_hist(
		&p->m, NULL, 0, &s->sync, overhead_bounds_us, TG_ARRAY_LEN(overhead_bounds_us));
	page_value(p, MT_QUOTA_LEARNING, s->learning);
	page_value(p, MT_REDIS_UP, s->up);
	page_value(p, MT_TARGET_PEERS, s->peers);
	page_value(p, MT_TARGET_PEERS_REFUSED, s->peers_refused);
	page_value(p, MT_TARGET_PEERS_BORROWED, s->peers_borrowed);
}

/* ---- targets */

/* Did a route before this one lead to the same spot? */
static bool spot_is_repeated(const struct tg_conf *c, unsigned model, unsigned route)
{
	const struct spot *s = c->models[model].route[route].spot;

	for (unsigned i = 0; i <= model; i++)
		for (unsigned k = 0; k < (i == model ? route : c->models[i].n_routes); k++)
			if (c->models[i].route[k].spot == s)
				return true;
	return false;
}

static void page_spots(struct page *p, enum metric_id id)
{
	const struct tg_conf *c = p->src->conf;
	mono_us now = clock_mono();

	page_family(p, id);
	for (unsigned i = 0; c != NULL && i < c->n_models; i++)
		for (unsigned k = 0; k < c->models[i].n_routes; k++) {
			const struct route_target *t = &c->models[i].route[k];
			struct metrics_label l[] = { { "target", t->target->name },
				{ "model", t->model } };

			if (spot_is_repeated(c, i, k))
				continue;
			spot_refresh(t->spot, now);
			metrics_sample_u64(&p->m, "", l, TG_ARRAY_LEN(l),
				id == MT_TARGET_UP ? health_is_up(t->target, t->spot, now)
						   : atomic_load(&t->spot->view.inflight));
		}
}

static void page_accounts(struct page *p, enum metric_id id, size_t offset)
{
	const struct tg_conf *c = p->src->conf;

	page_family(p, id);
	for (unsigned i = 0; c != NULL && i < c->n_targets; i++) {
		const struct target *t = &c->targets[i];
		struct metrics_label l = { "target", t->name };

		metrics_sample_u64(&p->m, "", &l, 1,
			atomic_load(
				(const _Atomic uint32_t *)(const void *)((const char *)t->state +
									 offset)));
	}
}

static void page_checks(struct page *p, enum metric_id id)
{
	const struct tg_conf *c = p->src->conf;

	page_family(p, id);
	for (unsigned i = 0; c != NULL && i < c->n_targets; i++) {
		const struct target *t = &c->targets[i];
		struct metrics_label l = { "target", t->name };

		if (t->cfg->health_check.path.n > 0)
			metrics_sample_u64(&p->m, "", &l, 1,
				id == MT_TARGET_CHECK_UP ? !atomic_load(&t->state->check_down)
							 : atomic_load(&t->state->checks_failed));
	}
}

/* One sample of a key. */
static uint64_t key_value(const struct tg_conf *c, const struct target *t, const struct pool_key *k,
	enum metric_id id)
{
	int64_t now = clock_mono().us;

	switch (id) {
	case MT_TARGET_KEY_REFUSED: return atomic_load(&k->state->refusals);
	case MT_TARGET_KEY_LIMITED: return atomic_load(&k->state->limited);
	default:
		return atomic_load(&k->state->refused_until_us) <= now &&
		       key_pool_limited_until(c, t, k) <= now;
	}
}

static void page_keys(struct page *p, enum metric_id id)
{
	const struct tg_conf *c = p->src->conf;

	page_family(p, id);
	for (unsigned i = 0; c != NULL && i < c->n_targets; i++)
		for (unsigned k = 0; k < c->targets[i].n_keys; k++) {
			const struct target *t = &c->targets[i];
			struct metrics_label l[] = { { "target", t->name },
				{ "key", t->keys[k].id } };

			metrics_sample_u64(
				&p->m, "", l, TG_ARRAY_LEN(l), key_value(c, t, &t->keys[k], id));
		}
}

static void page_targets(struct page *p)
{
	page_spots(p, MT_TARGET_UP);
	page_spots(p, MT_TARGET_IN_FLIGHT);
	page_accounts(p, MT_TARGET_OPENED, offsetof(struct account_state, opened));
	page_accounts(p, MT_TARGET_REFUSED, offsetof(struct account_state, refusals));
	page_accounts(p, MT_TARGET_LIMITED, offsetof(struct account_state, limited));
	page_checks(p, MT_TARGET_CHECK_UP);
	page_checks(p, MT_TARGET_CHECKS_FAILED);
	page_keys(p, MT_TARGET_KEY_UP);
	page_keys(p, MT_TARGET_KEY_REFUSED);
	page_keys(p, MT_TARGET_KEY_LIMITED);
}

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

/* ---- credentials that change */

struct page_cred {
	struct page *p;
	enum metric_id id;
};

static void page_one_cred(void *arg, const struct cred_stats *s)
{
	struct page_cred *c = arg;
	struct metrics_label l = { "target", s->name };
	uint64_t v = s->valid;

	if (c->id == MT_CREDENTIAL_EXPIRES && s->expires.us == 0)
		return;
	if (c->id == MT_CREDENTIAL_EXPIRES)
		v = (uint64_t)s->expires.us / 1000000;
	else if (c->id == MT_CREDENTIAL_FETCHES)
		v = s->fetched;
	else if (c->id == MT_CREDENTIAL_FAILURES)
		v = s->failed;
	metrics_sample_u64(&c->p->m, "", &l, 1, v);
}

static void page_creds(struct page *p)
{
	for (enum metric_id id = MT_CREDENTIAL_VALID; id <= MT_CREDENTIAL_FAILURES; id++) {
		struct page_cred c = { p, id };

		page_family(p, id);
		cred_each(page_one_cred, &c);
	}
}

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
	if (page_collect(&p) == 0) {
		page_requests(&p);
		page_units(&p, MT_TOKENS, "bucket", 0, USAGE_FIRST_UNIT);
		page_units(&p, MT_UNITS, "unit", USAGE_FIRST_UNIT, USAGE__MAX);
		page_usd(&p, MT_COST, offsetof(struct series, cost));
		page_usd(&p, MT_BILLED, offsetof(struct series, billed));
		page_count(&p, MT_UNPRICED, offsetof(struct series, unpriced));
		page_count(&p, MT_ESTIMATED, offsetof(struct series, estimated));
	}
	free(p.sum);
	free(p.slot);
	page_target_hist(&p, MT_DURATION, offsetof(struct target_hists, duration));
	page_target_hist(&p, MT_FIRST_BYTE, offsetof(struct target_hists, first_byte));
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
