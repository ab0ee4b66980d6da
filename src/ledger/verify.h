/*
 * verify.h: does a ledger hold what it promises? Reads everything, also while a gateway writes to
 * it; takes as long as that takes. One thread.
 */
#ifndef TG_LEDGER_VERIFY_H
#define TG_LEDGER_VERIFY_H

#include "ledger/rollup.h"
#include "proto/outbuf.h"

enum verify_rule {
#define X(id, name, what) VERIFY_##id,
#include "ledger/tbl/verify_rules.h"
#undef X
	VERIFY__RULES
};

#define VERIFY_FINDINGS_MAX 50 /* that are kept; all are counted */

struct verify_sum { /* what a day comes to, counted three times */
	uint64_t requests, legs, voided;
	pico_sum list, contracted, billed;
	uint64_t units;
};

struct verify_day {
	int64_t day; /* since 1970 */
	struct verify_sum journal, exports;
	struct rollup_value journal_value, rollup;
	bool complete; /* the journal still has every record of the day */
	bool has_file, readable, ok;
};

struct verify {
	uint64_t segments, records, holds, carried, legs, settled, voided, progress, extended;
	uint64_t open;       /* holds of the last incarnation without an end (yet) */
	uint64_t torn_bytes; /* behind what was synced: what a power cut leaves */
	uint64_t lost_bytes; /* unreadable and synced */
	uint64_t missing;    /* numbers of segments that are not there (any more) */
	uint64_t violations[VERIFY__RULES];
	bool salvaged;
	struct verify_day *days; /* ascending */
	size_t n_days;
	struct verify_finding {
		enum verify_rule rule;
		char text[240];
	} findings[VERIFY_FINDINGS_MAX];
	size_t n_findings;
};

/* salvage: what cannot be read is counted and passed over, and breaks no rule. -1 with err: it
 * could not be read at all. v is to be freed after 0. */
int verify_run(struct verify *v, const char *ledger, bool salvage, char *err,
	size_t err_len) TG_MUST_CHECK;
void verify_free(struct verify *v);
bool verify_ok(const struct verify *v);

/* Days whose rollups are not what the records say, or cannot be read, made anew where the journal
 * has all of them. Takes the ledger's lock: no gateway may run. *made: how many; -1 with err: the
 * first that could not be.
 */
int verify_rebuild(const char *ledger, const struct verify *v, bool salvage, unsigned *made,
	char *err, size_t err_len) TG_MUST_CHECK;

const char *verify_rule_name(enum verify_rule r);
const char *verify_rule_text(enum verify_rule r);
/* One object and a line end. */
void verify_json(const struct verify *v, struct outbuf *b);
/* A table for people. */
void verify_text(const struct verify *v, struct outbuf *b);

#endif
