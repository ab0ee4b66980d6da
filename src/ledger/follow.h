/*
 * follow.h: the journal's records one after the other from any place on, while the gateway that
 * writes them goes on: what is on disk already, and then what comes. Reads only. One thread.
 */
#ifndef TG_LEDGER_FOLLOW_H
#define TG_LEDGER_FOLLOW_H

#include "ledger/walk.h"

struct follow {
	char folder[SEGMENT_PATH_MAX];
	struct journal_position at; /* behind the record that was read last */
	/* a segment that is over */
	bool walking;
	struct walk walk;
	struct positions from;
	/* the one that is being written */
	int fd; /* -1: not open */
	uint64_t fd_segment;
	struct segment_info info;
	char *buf;
	struct str rest;  /* of what is in buf, from `at` on */
	uint64_t damaged; /* records, or stretches of them, that could not be read */
	uint64_t missing; /* segments that had been deleted before they were read to their end */
};

/* folder: the journal's. No I/O yet. */
void follow_init(struct follow *f, const char *folder);
void follow_fini(struct follow *f);
/* Reads on behind this; {0, 0}: from the oldest record that there is. */
void follow_seek(struct follow *f, struct journal_position at);
/*
 * The next record that ends at `limit` or before it: everything up to there is on disk, and
 * segments before limit.segment are over. RECORD: r's strings live until the next call, f->at is
 * behind it. END: none now. ERROR: err says why; what cannot be read is passed over (`damaged`).
 */
enum walk_rc follow_next(struct follow *f, struct journal_position limit, struct rec *r, char *err,
	size_t err_len) TG_MUST_CHECK;
/* Of the record that was read last: its segment's. */
const struct segment_info *follow_info(const struct follow *f);
/* Where the journal ends now, when nobody writes. {0, 0}: it is empty. -1 with err. */
int follow_end(
	const char *folder, struct journal_position *end, char *err, size_t err_len) TG_MUST_CHECK;

/* Is a before b? */
static inline bool follow_before(struct journal_position a, struct journal_position b)
{
	return a.segment != b.segment ? a.segment < b.segment : a.offset < b.offset;
}

#endif
