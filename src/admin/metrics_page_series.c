/*
 * metrics_page_series.c: the part of the metrics page that is by tenant, model and target: the
 * workers' label sets, added up while they count, and the times of targets.
 */
#include "admin/metrics_page_int.h"

#include <stdlib.h>

#include "core/label.h"

static const int64_t bounds_us[] = { 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,
	250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000, 120000000,
	300000000, 600000000 };

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

/* ---- times of targets */

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

void page_all_series(struct page *p)
{
	if (page_collect(p) == 0) {
		page_requests(p);
		page_units(p, MT_TOKENS, "bucket", 0, USAGE_FIRST_UNIT);
		page_units(p, MT_UNITS, "unit", USAGE_FIRST_UNIT, USAGE__MAX);
		page_usd(p, MT_COST, offsetof(struct series, cost));
		page_usd(p, MT_BILLED, offsetof(struct series, billed));
		page_count(p, MT_UNPRICED, offsetof(struct series, unpriced));
		page_count(p, MT_ESTIMATED, offsetof(struct series, estimated));
	}
	free(p->sum);
	free(p->slot);
	page_target_hist(p, MT_DURATION, offsetof(struct target_hists, duration));
	page_target_hist(p, MT_FIRST_BYTE, offsetof(struct target_hists, first_byte));
}
