/*
 * rollup.h: what records add up to: hour x tenant x key x model x target x tag set, exact. Held in
 * memory for the days that change, kept in a file a day:
 *
 *	DIR/rollup/2026-11-28.tgr	rows, with the positions up to which each journal segment is
 *in DIR/rollup/positions		where the next start begins to read the journal again
 *
 * Each record is in exactly once, whatever happens: a day's file is replaced as a whole and says
 * itself what is in it. One owner (the ledger thread, or tgctl); readers read the files.
 */
#ifndef TG_LEDGER_ROLLUP_H
#define TG_LEDGER_ROLLUP_H

#include "ledger/journal.h"

typedef __int128 pico_sum; /* a sum of costs: no overflow in practice */

struct rollup_key {
	int64_t hour; /* since 1970 UTC, of the request's start */
	struct str org, tenant, tier, key, model, provider, target, region, tags, service_tier;
};

struct rollup_value {
	uint64_t requests;              /* SETTLEs: requests that reached a provider */
	uint64_t legs;                  /* SETTLEs and LEGs */
	uint64_t voided;                /* VOIDs */
	uint64_t failed;                /* requests whose client got no 2xx */
	uint64_t quality[QUALITY__MAX]; /* of requests */
	uint64_t unpriced;
	uint64_t units[USAGE__MAX];
	pico_sum list, contracted, billed;
	pico_sum estimated; /* part of `contracted` that is not exact */
};

struct rollup;

/* max_rows: in memory for one day; beyond, tag sets are folded into {"tollgate/overflow":"true"}.
 */
struct rollup *rollup_new(size_t max_rows);
void rollup_free(struct rollup *r);
/* Only LEG, SETTLE and VOID count; others are passed over. `model` is the served one, or the one
 * the target was asked for. */
void rollup_add(struct rollup *r, const struct rec *rec, struct journal_position at);
void rollup_value_add(struct rollup_value *to, const struct rollup_value *v);

/* Open DIR/rollup: read positions, and days again that are behind them. Then catch up from the
 * journal: rollup_replay reads every record behind the positions. -1 with err. */
int rollup_open(struct rollup *r, const char *folder, char *err, size_t err_len) TG_MUST_CHECK;
int rollup_replay(
	struct rollup *r, const char *journal_folder, char *err, size_t err_len) TG_MUST_CHECK;
/* Write every day that changed, then the positions. -1 with err: nothing is lost, try again. */
int rollup_flush(struct rollup *r, char *err, size_t err_len) TG_MUST_CHECK;

#endif
