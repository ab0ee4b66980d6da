/*
 * recover.h: what a journal's last owner left behind. Called by journal_open, and by `tgctl ledger
 * verify` without writing.
 *
 * Every segment that is not sealed is read. A segment is sealed when its writer has gone on, with
 * every open hold carried into the next one, and that is on disk; or when recovery is over. So what
 * is open is open in an unsealed segment, however many processes have died since; and a SETTLE that
 * an unfinished recovery wrote is in one too, and counts.
 */
#ifndef TG_LEDGER_RECOVER_H
#define TG_LEDGER_RECOVER_H

#include "base/arena.h"
#include "ledger/segment.h"

/*
 * As it is to be settled: CRASH_WORST, END_CRASHED, at the bound of the HOLD, or of the leg that
 * the last LEG began. A PROGRESS lowers the money; the usage stays the bound's (estimated), `bound`
 * is what its contracted figure was. Strings are in the report's arena.
 */
struct recovered_hold {
	struct rec_settle settle;
};

struct recovered_segment { /* one that is not sealed */
	struct segment_info info;
	char path[SEGMENT_PATH_MAX];
	uint64_t end;     /* behind its last readable record */
	uint64_t records; /* readable ones */
	bool whole;       /* none is missing before `end` */
	bool damaged;     /* salvage: not even its header can be read */
};

struct recover_report {
	uint64_t segments; /* all files */
	uint64_t records;  /* read, in unsealed ones */
	uint64_t torn_bytes;
	uint64_t next_segment;        /* a number no file has */
	struct recovered_hold *holds; /* open ones */
	size_t n_holds;
	struct recovered_segment *unsealed;
	size_t n_unsealed;
	struct arena arena;
};

/*
 * -1 with err on corruption (an unreadable record before `synced`, a damaged header) unless
 * salvage, which passes over it. A folder without segments has nothing open. recover_report_free in
 * any case.
 */
int recover_scan(const char *folder, bool salvage, struct recover_report *out, char *err,
	size_t err_len) TG_MUST_CHECK;
/* The same for whoever holds the journal's lock: quicker. */
int recover_scan_own(const char *folder, bool salvage, struct recover_report *out, char *err,
	size_t err_len) TG_MUST_CHECK;
void recover_report_free(struct recover_report *r);

#endif
