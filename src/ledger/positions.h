/*
 * positions.h: which records of the journal have been taken in: an offset for each segment that is
 * not in as a whole. Small: a few entries a writer. One thread at a time.
 */
#ifndef TG_LEDGER_POSITIONS_H
#define TG_LEDGER_POSITIONS_H

#include "ledger/journal.h"

struct positions {
	uint64_t floor;             /* every segment below is in, to its end */
	struct journal_position *v; /* ascending by segment; none is below floor */
	size_t n, cap;
};

void positions_init(struct positions *p);
void positions_fini(struct positions *p);
/* to must be initialised; what it held is gone. */
void positions_copy(struct positions *to, const struct positions *from);
/* The offset behind the last record of the segment that is in: 0 none, UINT64_MAX all. */
uint64_t positions_of(const struct positions *p, uint64_t segment);
/* Is the record that ends at `at` in? */
static inline bool positions_have(const struct positions *p, struct journal_position at)
{
	return at.offset <= positions_of(p, at.segment);
}
/* Is everything that is in `a` in `b` too? (false also where that cannot be told) */
bool positions_within(const struct positions *a, const struct positions *b);
/* Everything of the segment up to `at` is in. Never goes back. */
void positions_set(struct positions *p, struct journal_position at);
/* Every segment below is in. Never goes back. */
void positions_raise(struct positions *p, uint64_t floor);

#endif
