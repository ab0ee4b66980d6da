/*
 * usage_page.c: see usage_page.h.
 */
#include "admin/usage_page.h"

#include "base/arena.h"
#include "base/clock.h"
#include "ledger/report.h"
#include "proto/url.h"

#define ROWS_MAX  100000
#define ARENA_MAX (64 * 1024)

/* Into the arena. -1: malformed, or too long. */
static int decode(struct arena *a, struct str *s)
{
	char *buf = arena_alloc(a, s->n + 1);

	return buf == NULL ? -1 : url_decode(*s, buf, s->n, s);
}

/* -1: answered. */
static int read_query(
	struct admin_reply *r, struct arena *a, struct str query, struct report_query *q)
{
	struct str name, value;
	wall_us now = clock_wall();
	char err[256];

	report_query_init(q, now);
	q->max_rows = ROWS_MAX;
	while (url_query_next(&query, &name, &value)) {
		if (decode(a, &name) != 0 || decode(a, &value) != 0) {
			admin_reply_error(r, 400, "bad_request",
				"the query is not name=value pairs, percent-encoded");
			return -1;
		}
		if (report_query_set(q, name, value, now, err, sizeof err) != 0) {
			admin_reply_error(r, 400, "bad_request", "%s", err);
			return -1;
		}
	}
	return 0;
}

void usage_page(struct admin_reply *r, struct str query, const char *ledger_path)
{
	struct report_query q;
	struct report report;
	struct arena a;
	char err[512];

	if (ledger_path == NULL) {
		admin_reply_error(
			r, 404, "no_ledger", "this gateway keeps no ledger: ledger.path is none");
		return;
	}
	arena_init(&a, NULL, ARENA_MAX);
	if (read_query(r, &a, query, &q) == 0) {
		if (report_run(ledger_path, &q, &report, err, sizeof err) != 0) {
			admin_reply_error(r, 500, "ledger", "%s", err);
		} else {
			report_json(&report, &q, admin_reply_body(r), NULL, NULL);
			report_free(&report);
		}
	}
	arena_fini(&a);
}
