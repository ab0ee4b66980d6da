/*
 * rollup.h: what records add up to: hour x tenant x key x model x target x tag set, exact. Held in
 * memory for the days that change, kept in a file a day:
 *
 *	DIR/rollup/2026-11-28.tgr	rows, and which records of which segments are in them
 *	DIR/rollup/positions		where the next start begins to read the journal again
 *
 * Each record is in exactly once, whatever happens: a day's file is replaced as a whole and says
 * itself what is in it. One owner (the ledger thread, or tgctl while no gateway runs); readers read
 * the files (report.h).
 *
 *	start	journal_open, rollup_open, rollup_replay
 *	round	journal_tick hands new records to rollup_add
 *	minute	floor = journal_consumed_floor, rollup_flush; when that went well,
 *		journal_consumed_durable(floor): older segments may be deleted
 */
#ifndef TG_LEDGER_ROLLUP_H
#define TG_LEDGER_ROLLUP_H

#include "ledger/journal.h"

typedef __int128 pico_sum; /* a sum of costs: no overflow in practice */

#define PICO_SUM_LEN 44
/* Plain decimal USD without trailing zeros: "-0.0000315". Returns length; no NUL. */
size_t pico_sum_put(char out[PICO_SUM_LEN], pico_sum v);

enum rollup_text {
#define X(id, member, name) ROLLUP_##id,
#include "ledger/tbl/rollup_texts.h"
#undef X
	ROLLUP__TEXTS,
	ROLLUP__TEXTS_FIRST = ROLLUP_ASKED, /* of a file's row; the others are at its end */
};

struct rollup_key {
	int64_t hour; /* since 1970 UTC, of the request's start */
	union {
		struct {
#define X(id, member, name) struct str member;
#include "ledger/tbl/rollup_texts.h"
#undef X
		};
		struct str text[ROLLUP__TEXTS];
	};
};

struct rollup_value {
#define X(member) uint64_t member;
#include "ledger/tbl/rollup_counts.h"
#include "ledger/tbl/rollup_more.h"
#undef X
	uint64_t quality[QUALITY__MAX]; /* of requests */
	uint64_t units[USAGE__MAX];
#define X(member, name) pico_sum member;
#include "ledger/tbl/rollup_sums.h"
#undef X
};

const char *rollup_text_name(enum rollup_text t);

struct rollup_charge { /* what a record adds to a row's value; points into the record */
	const struct usage *usage;
	const struct rec_money *money; /* NULL: nothing was charged */
	uint32_t generations;
	uint64_t drawn_tenant, drawn_org;
	uint8_t quality;
	bool request, failed, uncounted, voided;
};

/* Does the record count (LEG, SETTLE, VOID)? Then its row's key (strings of rec) and what it adds.
 * The model is the served one, or the one the target was asked for; `asked` is the client's name
 * for it. */
bool rollup_charge_of(const struct rec *rec, struct rollup_key *key, struct rollup_charge *charge);
void rollup_value_charge(struct rollup_value *to, const struct rollup_charge *charge);
void rollup_value_add(struct rollup_value *to, const struct rollup_value *v);
bool rollup_value_eq(const struct rollup_value *a, const struct rollup_value *b);

struct rollup;

/*
 * max_rows: in memory for one day. Beyond, tag sets are folded into {"tollgate/overflow":"true"};
 * a quarter further on models, regions and service tiers into "tollgate/overflow".
 */
struct rollup *rollup_new(size_t max_rows);
void rollup_free(struct rollup *r);
/*
 * A record, and where it ends. One that is in already is passed over, so that a replay and the live
 * journal may overlap; of a segment, records come in their order.
 */
void rollup_add(struct rollup *r, const struct rec *rec, struct journal_position at);

/*
 * Open DIR/rollup (made when missing) and read the positions. Then catch up from the journal's
 * folder: rollup_replay reads every record behind them. A day's file that cannot be read is made
 * anew from the journal where that still has all of it; otherwise it stays as it is and
 * rollup_flush says so each time. -1 with err: the journal cannot be read (salvage: what is
 * unreadable is passed over), or there is an I/O error.
 */
int rollup_open(struct rollup *r, const char *folder, char *err, size_t err_len) TG_MUST_CHECK;
int rollup_replay(struct rollup *r, const char *journal_folder, bool salvage, char *err,
	size_t err_len) TG_MUST_CHECK;

/*
 * Write every day that changed, then the positions. -1 with err: nothing is lost, try again. The
 * same in three steps, so that the thread that adds need not wait for the disk:
 * begin (its thread), write (any thread), end (its thread; frees f). One at a time.
 */
int rollup_flush(struct rollup *r, char *err, size_t err_len) TG_MUST_CHECK;

struct rollup_flush;
struct rollup_flush *rollup_flush_begin(struct rollup *r);
void rollup_flush_write(struct rollup_flush *f);
int rollup_flush_end(
	struct rollup *r, struct rollup_flush *f, char *err, size_t err_len) TG_MUST_CHECK;

/*
 * Make the day's file anew from the journal alone, whatever the file says. -1 with err when a
 * segment that it was made of is gone, or that cannot be known.
 */
int rollup_rebuild(struct rollup *r, const char *journal_folder, int64_t day, bool salvage,
	char *err, size_t err_len) TG_MUST_CHECK;

struct rollup_stats {
	size_t days, rows, folded; /* in memory; records whose tags were folded, ever */
	uint64_t added;
};
void rollup_stats_get(const struct rollup *r, struct rollup_stats *out);

#endif
