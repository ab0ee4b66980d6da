/*
 * metrics.h: writes the Prometheus text exposition format, version 0.0.4: families with HELP and
 * TYPE, samples with labels, histograms in seconds, money as exact decimals. What the families are
 * is the caller's; this is only the format. Control thread.
 *
 *	metrics_init(&m, &buf);
 *	metrics_family(&m, "tollgate_requests_total", METRICS_COUNTER, "Requests answered.");
 *	metrics_sample_u64(&m, "", labels, 2, n);
 */
#ifndef TG_ADMIN_METRICS_H
#define TG_ADMIN_METRICS_H

#include <stdint.h>

#include "proto/outbuf.h"
#include "base/stats.h"
#include "base/str.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

struct metrics_label {
	const char *name;
	struct str value; /* any bytes: escaped, and what is not UTF-8 replaced by U+FFFD */
};

struct metrics_out {
	struct outbuf *out; /* the caller's */
	const char *family; /* the one being written */
	enum metrics_type type;
};

void metrics_init(struct metrics_out *m, struct outbuf *out);
/* Begin a family; its samples follow before the next one. The name must outlive them. Once per
 * page. */
void metrics_family(
	struct metrics_out *m, const char *name, enum metrics_type type, const char *help);
/* One sample of the current family; suffix is "" but for parts of a family ("_count"). */
void metrics_sample_u64(struct metrics_out *m, const char *suffix,
	const struct metrics_label *labels, size_t n_labels, uint64_t value);
/* value / 10^scale, every digit of it. */
void metrics_sample_decimal(struct metrics_out *m, const char *suffix,
	const struct metrics_label *labels, size_t n_labels, int64_t value, unsigned scale);
/* usd + pico / 10^12 dollars: sums over many requests, past the range of one int64_t. pico may
 * exceed a dollar. */
void metrics_sample_usd(struct metrics_out *m, const char *suffix,
	const struct metrics_label *labels, size_t n_labels, uint64_t usd, uint64_t pico);
/*
 * A histogram of the current family: _bucket for each bound (ascending microseconds; `le` in
 * seconds) and +Inf, _sum in seconds, _count. Consistent in itself even while another thread counts
 * on.
 */
void metrics_hist(struct metrics_out *m, const struct metrics_label *labels, size_t n_labels,
	const struct stat_hist *h, const int64_t *bounds_us, size_t n_bounds);

#endif
