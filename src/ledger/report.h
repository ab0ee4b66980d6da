/*
 * report.h: questions to the rollups and the journal: who spent what. Reads the ledger's folder
 * while a gateway writes to it, or when there is none. Any thread; takes as long as reading takes.
 */
#ifndef TG_LEDGER_REPORT_H
#define TG_LEDGER_REPORT_H

#include "base/arena.h"
#include "ledger/rollup.h"
#include "proto/outbuf.h"

enum report_by { /* bits */
	REPORT_BY_HOUR = 1,
	REPORT_BY_DAY = 2,
	REPORT_BY_MONTH = 4,
/* the texts of a row: REPORT_BY_TENANT and so on; TAGS is the whole set */
#define X(id, member, name) REPORT_BY_##id = 8 << ROLLUP_##id,
#include "ledger/tbl/rollup_texts.h"
#undef X
	REPORT_BY_TAG = 8 << ROLLUP__TEXTS,     /* the values of report_query.by_tag */
	REPORT_BY_BOUNDS = 16 << ROLLUP__TEXTS, /* stretches that begin at report_query.bounds */
};

#define REPORT_TAGS_MAX    4
#define REPORT_FILTERS_MAX 16

struct report_query {
	int64_t from_hour, to_hour; /* half-open, since 1970 UTC */
	unsigned by;
	struct str by_tag[REPORT_TAGS_MAX];
	unsigned n_by_tags;
	struct report_filter {       /* all must hold */
		enum report_by what; /* one of the text ones, or REPORT_BY_TAG */
		struct str name;     /* of the tag */
		struct str value;
	} filter[REPORT_FILTERS_MAX];
	unsigned n_filters;
	const int64_t *bounds; /* BY_BOUNDS: hours, ascending, the first is from_hour */
	size_t n_bounds;
	size_t max_rows; /* more are an error; 0: no limit */
};

struct report_row {
	struct str time;                 /* "2026-11-28", "2026-11-28T17:00:00Z", "2026-11" */
	struct rollup_key key;           /* what is not asked for is empty */
	struct str tag[REPORT_TAGS_MAX]; /* as in by_tag; p is NULL where there is no such tag */
	struct rollup_value value;
};

struct report {
	struct arena arena;
	struct report_row **rows; /* dearest (billed) first; by time when time is asked for */
	size_t n_rows;
	struct rollup_value total;
	uint64_t replayed; /* records that no day's file had yet */
};

/* -1 with err. The report is to be freed only after 0. */
int report_run(const char *ledger_path, const struct report_query *q, struct report *out, char *err,
	size_t err_len) TG_MUST_CHECK;
void report_free(struct report *r);

/* ---- the question as text: options of `tgctl usage`, parameters of GET /admin/v1/usage */

/* From the first of the month to the end of this hour, everything in one row. */
void report_query_init(struct report_query *q, wall_us now);
/*
 * One setting: `by` (tenant,model,tag:team,day), `since` and `until` (7d, 2026-11-28, RFC 3339;
 * whole hours, outwards), `month` (2026-11), or a filter: `tenant`, `model` and so on, `tag`
 * (team=x). Texts are not copied. -1 with err that says what would be right.
 */
int report_query_set(struct report_query *q, struct str name, struct str value, wall_us now,
	char *err, size_t err_len) TG_MUST_CHECK;

/* ---- the answer as text */

/* Called between rows: may take what is in b (and set b->n to 0). NULL: all of it stays in b. */
typedef void report_flush_f(void *arg, struct outbuf *b);
/* {"from","to","rows":[...],"total":{...}} and a line end. */
void report_json(const struct report *r, const struct report_query *q, struct outbuf *b,
	report_flush_f *flush, void *arg);
/* A line of titles, then the rows; RFC 4180. */
void report_csv(const struct report *r, const struct report_query *q, struct outbuf *b,
	report_flush_f *flush, void *arg);
/* "hour", "day" or "month" as asked for; NULL: time was not asked for. */
const char *report_time_name(const struct report_query *q);

#endif
