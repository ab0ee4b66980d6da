/*
 * recover.h: what a journal's last owners left behind. Called by journal_open.
 *
 * Every segment that is not sealed is read, then what is in fronts alone. A segment is sealed when
 * every hold that is open in it has been carried into newer ones, and that is on disk; or when
 * recovery is over. So what is open is open in an unsealed segment or a front, however many
 * processes have died since; and a SETTLE that an unfinished recovery wrote is in one too, and
 * counts.
 *
 * What is in fronts alone: the unsealed segments say how far each writer's records have come, and
 * its fronts are read from there on. A front whose incarnation left no unsealed segment was done
 * with (its files go before its segments are sealed), or never came into use.
 */
#ifndef TG_LEDGER_RECOVER_H
#define TG_LEDGER_RECOVER_H

#include "base/arena.h"
#include "ledger/front.h"
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

struct recovered_tail { /* what a front has and no segment: a row of records */
	uint64_t incarnation;
	char member[64];
	uint32_t writer;
	uint64_t seq;     /* the first one's, among all of its writer's */
	struct str bytes; /* whole records, in the report's arena */
};

struct recover_report {
	uint64_t segments; /* all files */
	uint64_t records;  /* read, in unsealed ones and fronts */
	uint64_t torn_bytes;
	uint64_t next_segment;        /* a number no file has */
	struct recovered_hold *holds; /* open ones */
	size_t n_holds;
	struct recovered_segment *unsealed;
	size_t n_unsealed;
	struct recovered_tail
		*tails; /* of one incarnation after the other, one writer's in order */
	size_t n_tails, cap_tails;
	struct front_list fronts; /* all that there are */
	struct arena arena;
};

/*
 * For whoever holds the journal's lock. -1 with err on corruption (an unreadable record before
 * `synced`, a damaged header) unless salvage, which passes over it. A folder without segments has
 * nothing open. recover_report_free in any case.
 */
int recover_scan(const char *folder, bool salvage, struct recover_report *out, char *err,
	size_t err_len) TG_MUST_CHECK;
void recover_report_free(struct recover_report *r);

#endif
