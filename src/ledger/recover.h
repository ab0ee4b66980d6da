/*
 * recover.h: what a journal's last owner left behind. Called by journal_open, and by `tgctl ledger
 * verify` without writing.
 */
#ifndef TG_LEDGER_RECOVER_H
#define TG_LEDGER_RECOVER_H

#include "ledger/segment.h"

struct recovered_hold {
	struct rec_settle settle; /* CRASH_WORST, at the hold's bound, or at the last PROGRESS' or
				     LEG's; strings in the report's arena */
};

struct recover_report {
	uint64_t segments, records, torn_bytes;
	uint64_t next_segment;        /* a number no file has */
	struct recovered_hold *holds; /* open ones */
	size_t n_holds;
	struct arena *arena;
};

/*
 * Reads the newest segments back to the last CHECKPOINT of each writer. -1 with err on corruption
 * (an unreadable record before `synced`) unless salvage, which passes over it.
 */
int recover_scan(const char *folder, bool salvage, struct recover_report *out, char *err,
	size_t err_len) TG_MUST_CHECK;
void recover_report_free(struct recover_report *r);

#endif
