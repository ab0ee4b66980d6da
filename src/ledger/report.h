/*
 * report.h: questions to the rollups and the journal: who spent what. Reads the ledger's folder
 * while a daemon writes to it, or when there is none. Any thread; takes as long as reading takes.
 */
#ifndef TG_LEDGER_REPORT_H
#define TG_LEDGER_REPORT_H

#include "base/arena.h"
#include "ledger/rollup.h"

enum report_by { /* bits */
	REPORT_BY_HOUR = 1,
	REPORT_BY_DAY = 2,
	REPORT_BY_MONTH = 4,
	REPORT_BY_ORG = 8,
	REPORT_BY_TENANT = 16,
	REPORT_BY_TIER = 32,
	REPORT_BY_KEY = 64,
	REPORT_BY_MODEL = 128,
	REPORT_BY_PROVIDER = 256,
	REPORT_BY_TARGET = 512,
	REPORT_BY_REGION = 1024,
	REPORT_BY_TAGS = 2048, /* the whole set */
	REPORT_BY_SERVICE_TIER = 4096,
	REPORT_BY_TAG = 8192, /* the value of report_query.by_tag */
};

struct report_query {
	int64_t from_hour, to_hour; /* half-open, since 1970 UTC */
	unsigned by;
	struct str by_tag;
	struct report_filter {       /* all must hold */
		enum report_by what; /* one of the text ones, or REPORT_BY_TAG */
		struct str name;     /* of the tag */
		struct str value;
	} filter[16];
	unsigned n_filters;
};

struct report_row {
	struct str time;       /* "2026-11-28", "2026-11-28T17:00:00Z", "2026-11" */
	struct rollup_key key; /* what is not asked for is empty; tag value in `tags` */
	struct rollup_value value;
};

struct report {
	struct arena arena;
	struct report_row *rows; /* dearest (billed) first; by time when time is asked for */
	size_t n_rows;
	struct rollup_value total;
};

/* -1 with err. */
int report_run(const char *ledger_path, const struct report_query *q, struct report *out, char *err,
	size_t err_len) TG_MUST_CHECK;
void report_free(struct report *r);

#endif
