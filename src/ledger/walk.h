/*
 * walk.h: every record of a journal's folder, segment by segment in the order of their numbers,
 * while a gateway may be writing, compressing and deleting there. Reads only. One thread.
 */
#ifndef TG_LEDGER_WALK_H
#define TG_LEDGER_WALK_H

#include "ledger/positions.h"
#include "ledger/segment.h"

enum walk_rc {
	WALK_ERROR = -1, /* err says which segment, and what about it; the next call goes on */
	WALK_END = 0,
	WALK_RECORD = 1,
	WALK_SEGMENT = 2, /* with `events`: a segment begins: w->seg.info */
	WALK_DAMAGE = 3,  /* with `events`: w->damage */
};

struct walk_damage {
	uint64_t segment, offset, bytes; /* to the next record that could be read, or the end */
	bool tail;    /* behind what was synced: what a power cut leaves, no corruption */
	bool payload; /* the checksum fits, the contents do not */
};

struct walk_options {
	const struct positions *from; /* pass over what is in; NULL: all. Lives as long as the walk
				       */
	bool salvage;                 /* pass over what is unreadable instead of WALK_ERROR */
	bool events;                  /* for those who check: damage is told, never an error */
	uint64_t only;                /* this segment alone; 0: all */
};

struct walk {
	struct walk_options opt;
	struct segment_list list;
	size_t next; /* of the list */
	bool is_open, announced, ended;
	struct segment_read seg; /* the segment of the record that was read last */
	uint64_t at, last_seq;
	struct walk_damage damage;
	uint64_t segments, records, damaged, torn_bytes;
	uint64_t vanished; /* segments that were deleted between being listed and read */
};

/* -1 with err: no such folder. */
int walk_init(struct walk *w, const char *folder, const struct walk_options *opt, char *err,
	size_t err_len) TG_MUST_CHECK;
void walk_fini(struct walk *w);
/* RECORD: r's strings live until the next call; *end is the position behind it. */
enum walk_rc walk_next(struct walk *w, struct rec *r, struct journal_position *end, char *err,
	size_t err_len) TG_MUST_CHECK;

#endif
