/*
 * metrics_page_int.h: what the files of the metrics page share: the page in the making, and the
 * groups of families that have a file of their own. One page at a time, on the thread of the admin
 * listener.
 */
#ifndef TG_ADMIN_METRICS_PAGE_INT_H
#define TG_ADMIN_METRICS_PAGE_INT_H

#include "admin/metrics.h"
#include "admin/metrics_page.h"

enum metric_id {
#define X(id, name, type, help) MT_##id,
#include "core/tbl/metrics.h"
#undef X
	MT__MAX
};

struct page {
	struct metrics_out m;
	const struct metrics_source *src;
	struct series *sum; /* merged over workers (metrics_page_series.c) */
	size_t n_sum;
	uint32_t *slot; /* hash table over sum: 0 free, else 1 + index */
	size_t n_slots; /* a power of two, at least twice the label sets */
};

/* # HELP and # TYPE of a family, whose samples follow. */
void page_family(struct page *p, enum metric_id id);
/* A family of one sample without labels. */
void page_value(struct page *p, enum metric_id id, uint64_t v);
/* One without labels, by the bounds of what takes micro- to milliseconds here. */
void page_hist(struct page *p, enum metric_id id, const struct stat_hist *h);

/* Requests, units and money by tenant, model and target; times by target (metrics_page_series.c).
 */
void page_all_series(struct page *p);
/* Targets, their keys, checks and credentials (metrics_page_targets.c). */
void page_targets(struct page *p);
void page_creds(struct page *p);

#endif
