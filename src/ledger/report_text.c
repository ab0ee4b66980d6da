/*
 * report_text.c: a report as JSON and as CSV (report.h). Both have every figure; money is exact, as
 * decimal text. Pure; any thread.
 */
#include "ledger/csv.h"
#include "ledger/export_parts.h"
#include "ledger/report.h"

#define HOUR_US INT64_C(3600000000)

static void put_sum(struct outbuf *b, pico_sum v)
{
	char text[PICO_SUM_LEN];

	outbuf_put(b, str_mk(text, pico_sum_put(text, v)));
}

static void put_hour(struct outbuf *b, int64_t hour)
{
	char iso[CLOCK_ISO_LEN];

	clock_iso(iso, (wall_us){ hour * HOUR_US });
	outbuf_printf(b, "%.19sZ", iso);
}

/* The figures, behind members that are there already (or not: first). */
static void json_value(struct outbuf *b, const struct rollup_value *v, bool first)
{
	const char *comma = first ? "" : ",";

#define X(member)                          \
	outbuf_put(b, str_z(comma));       \
	outbuf_lit(b, "\"" #member "\":"); \
	put_number(b, v->member);          \
	comma = ",";
#include "ledger/tbl/rollup_counts.h"
#include "ledger/tbl/rollup_more.h"
#undef X
	outbuf_lit(b, ",\"quality\":{");
	comma = "";
	for (unsigned i = 0; i < QUALITY__MAX; i++) {
		outbuf_printf(b, "%s\"%s\":%llu", comma, rec_quality_name(i),
			(unsigned long long)v->quality[i]);
		comma = ",";
	}
	outbuf_lit(b, "},\"units\":{");
	comma = "";
	for (unsigned i = 0; i < USAGE__MAX; i++) {
		if (v->units[i] == 0)
			continue;
		outbuf_printf(b, "%s\"%s\":%llu", comma, usage_bucket_name((enum usage_bucket)i),
			(unsigned long long)v->units[i]);
		comma = ",";
	}
	outbuf_lit(b, "}");
#define X(member, name)                    \
	outbuf_lit(b, ",\"" name "\":\""); \
	put_sum(b, v->member);             \
	outbuf_lit(b, "\"");
#include "ledger/tbl/rollup_sums.h"
#undef X
}

static bool json_names(struct outbuf *b, const struct report_row *row, const struct report_query *q)
{
	const char *time = report_time_name(q), *comma = "";

	if (time != NULL) {
		outbuf_printf(b, "\"%s\":\"%.*s\"", time, STR_FMT(row->time));
		comma = ",";
	}
	for (unsigned t = 0; t < ROLLUP__TEXTS; t++) {
		if (!(q->by & 8u << t))
			continue;
		outbuf_printf(b, "%s\"%s\":", comma, rollup_text_name((enum rollup_text)t));
		if (t == ROLLUP_TAGS)
			json_tags(b, row->key.tags);
		else
			outbuf_json(b, row->key.text[t]);
		comma = ",";
	}
	for (unsigned i = 0; i < q->n_by_tags; i++) {
		struct outbuf name;

		outbuf_init(&name);
		outbuf_printf(&name, "tag:%.*s", STR_FMT(q->by_tag[i]));
		outbuf_put(b, str_z(comma));
		outbuf_json(b, outbuf_text(&name));
		outbuf_fini(&name);
		outbuf_lit(b, ":");
		if (row->tag[i].p == NULL)
			outbuf_lit(b, "null");
		else
			outbuf_json(b, row->tag[i]);
		comma = ",";
	}
	return comma[0] == '\0';
}

void report_json(const struct report *r, const struct report_query *q, struct outbuf *b,
	report_flush_f *flush, void *arg)
{
	outbuf_lit(b, "{\"from\":\"");
	put_hour(b, q->from_hour);
	outbuf_lit(b, "\",\"to\":\"");
	put_hour(b, q->to_hour);
	outbuf_lit(b, "\",\"rows\":[");
	for (size_t i = 0; i < r->n_rows; i++) {
		outbuf_put(b, i > 0 ? STR(",{") : STR("{"));
		json_value(b, &r->rows[i]->value, json_names(b, r->rows[i], q));
		outbuf_lit(b, "}");
		if (flush != NULL)
			flush(arg, b);
	}
	outbuf_lit(b, "],\"total\":{");
	json_value(b, &r->total, true);
	outbuf_lit(b, "}}\n");
}

static void csv_titles(const struct report_query *q, struct outbuf *b)
{
	const char *time = report_time_name(q);

	if (time != NULL)
		outbuf_printf(b, "%s,", time);
	for (unsigned t = 0; t < ROLLUP__TEXTS; t++)
		if (q->by & 8u << t)
			outbuf_printf(b, "%s,", rollup_text_name((enum rollup_text)t));
	for (unsigned i = 0; i < q->n_by_tags; i++) {
		struct outbuf name;

		outbuf_init(&name);
		outbuf_printf(&name, "tag:%.*s", STR_FMT(q->by_tag[i]));
		csv_text(b, outbuf_text(&name));
		outbuf_fini(&name);
		outbuf_lit(b, ",");
	}
#define X(member) outbuf_lit(b, #member ",");
#include "ledger/tbl/rollup_counts.h"
#include "ledger/tbl/rollup_more.h"
#undef X
	for (unsigned i = 0; i < QUALITY__MAX; i++)
		outbuf_printf(b, "%s,", rec_quality_name(i));
	for (unsigned i = 0; i < USAGE__MAX; i++)
		outbuf_printf(b, "%s,", usage_bucket_name((enum usage_bucket)i));
#define X(member, name) outbuf_lit(b, name ",");
#include "ledger/tbl/rollup_sums.h"
#undef X
	b->n--; /* the last comma */
	outbuf_lit(b, "\r\n");
}

static void csv_number(struct outbuf *b, uint64_t v)
{
	put_number(b, v);
	outbuf_lit(b, ",");
}

static void csv_row(const struct report_row *row, const struct report_query *q, struct outbuf *b)
{
	const struct rollup_value *v = &row->value;

	if (row->time.n > 0)
		outbuf_printf(b, "%.*s,", STR_FMT(row->time));
	for (unsigned t = 0; t < ROLLUP__TEXTS; t++)
		if (q->by & 8u << t) {
			csv_text(b, row->key.text[t]);
			outbuf_lit(b, ",");
		}
	for (unsigned i = 0; i < q->n_by_tags; i++) {
		csv_text(b, row->tag[i]);
		outbuf_lit(b, ",");
	}
#define X(member) csv_number(b, v->member);
#include "ledger/tbl/rollup_counts.h"
#include "ledger/tbl/rollup_more.h"
#undef X
	for (unsigned i = 0; i < QUALITY__MAX; i++)
		csv_number(b, v->quality[i]);
	for (unsigned i = 0; i < USAGE__MAX; i++)
		csv_number(b, v->units[i]);
#define X(member, name)        \
	put_sum(b, v->member); \
	outbuf_lit(b, ",");
#include "ledger/tbl/rollup_sums.h"
#undef X
	b->n--;
	outbuf_lit(b, "\r\n");
}

void report_csv(const struct report *r, const struct report_query *q, struct outbuf *b,
	report_flush_f *flush, void *arg)
{
	csv_titles(q, b);
	for (size_t i = 0; i < r->n_rows; i++) {
		csv_row(r->rows[i], q, b);
		if (flush != NULL)
			flush(arg, b);
	}
}
