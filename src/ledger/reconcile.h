/*
 * reconcile.h: a provider's own figures beside the ledger's, by day and model.
 */
#ifndef TG_LEDGER_RECONCILE_H
#define TG_LEDGER_RECONCILE_H

#include "base/arena.h"
#include "base/map.h"
#include "ledger/rollup.h"

#define RECONCILE_FIGURES(X)       \
	X(REQUESTS, "requests")    \
	X(INPUT, "input_tokens")   \
	X(OUTPUT, "output_tokens") \
	X(COST, "cost_usd") /* pico-USD */

enum reconcile_figure {
#define X(id, name) RECONCILE_##id,
	RECONCILE_FIGURES(X)
#undef X
		RECONCILE__FIGURES
};

enum reconcile_format {
	RECONCILE_GUESS,     /* JSON or CSV, as the file begins */
	RECONCILE_CSV,       /* titles day,model and some of the figures' names */
	RECONCILE_OPENAI,    /* GET /v1/organization/usage/completions */
	RECONCILE_ANTHROPIC, /* GET /v1/organizations/usage_report/messages */
};

struct reconcile_row {
	int64_t day; /* since 1970 UTC */
	struct str model;
	pico_sum theirs[RECONCILE__FIGURES], ours[RECONCILE__FIGURES];
	bool in_theirs, in_ours;
	bool differs[RECONCILE__FIGURES];
	struct reconcile_row *next;
};

struct reconcile {
	struct arena arena;
	struct map by_name; /* "day model" */
	struct reconcile_row *rows;
	size_t n_rows;
	bool known[RECONCILE__FIGURES]; /* the provider's file has it */
	enum reconcile_format format;   /* of what was read */
	int64_t from_day, to_day;       /* half-open, of what was read */
	size_t n_differ;                /* rows */
	unsigned n_pages, n_more;       /* of JSON; those that are not the last */
};

void reconcile_init(struct reconcile *r);
void reconcile_fini(struct reconcile *r);
/* A file of the provider's; several add up. -1 with err: file, line, and what would be right. */
int reconcile_read(struct reconcile *r, const char *path, enum reconcile_format format, char *err,
	size_t err_len) TG_MUST_CHECK;
/* The same from memory. */
int reconcile_parse(struct reconcile *r, struct str text, const char *name,
	enum reconcile_format format, char *err, size_t err_len) TG_MUST_CHECK;
/* The row, made when there is none; the day is within what was read from then on. */
struct reconcile_row *reconcile_row(struct reconcile *r, int64_t day, struct str model);

struct reconcile_options {
	const char *const *targets; /* NULL-terminated; only what went to one of these. NULL: see
				       provider */
	const char *provider;       /* without targets: only this provider's; NULL: all */
	uint64_t tolerance_ppm;     /* of the larger figure */
};

/* The ledger's side, for the days that were read; then what differs. -1 with err. */
int reconcile_run(struct reconcile *r, const char *ledger, const struct reconcile_options *opt,
	char *err, size_t err_len) TG_MUST_CHECK;
/* Sorted by day and model; r->rows changes. */
void reconcile_sort(struct reconcile *r);
const char *reconcile_figure_name(enum reconcile_figure f);

#endif
