/*
 * verify_holds.h: which requests are open and which are over, while a journal is read from its
 * beginning: a few bytes for an open one, about a bit for one that is over. One thread.
 */
#ifndef TG_LEDGER_VERIFY_HOLDS_H
#define TG_LEDGER_VERIFY_HOLDS_H

#include "ledger/record.h"

struct open_hold {
	struct rec_id id;
	uint64_t segment, seq; /* of the HOLD, or its last copy */
	uint64_t incarnation;
	bool sealed; /* is that segment */
};

struct holds {
	struct holds_slot {
		struct open_hold hold;
		bool used;
	} * slots; /* open addressing, at most half full */
	size_t n, n_slots;
	struct holds_over { /* ids that end alike, as bits: a gateway counts its requests */
		uint64_t hi;
		uint32_t high_lo;
		uint64_t *bits; /* NULL: free */
	} * over;
	size_t n_over, n_over_slots;
};

void holds_init(struct holds *h);
void holds_fini(struct holds *h);
/* The open hold of this id, or NULL; until the next put or end. */
struct open_hold *holds_find(const struct holds *h, struct rec_id id);
/* It is open (it was not). */
void holds_put(struct holds *h, const struct open_hold *hold);
/* It is over, whether it was open or not. */
void holds_end(struct holds *h, struct rec_id id);
bool holds_over(const struct holds *h, struct rec_id id);
/* Walk over the open ones: *it starts as 0; NULL at the end. */
const struct open_hold *holds_next(const struct holds *h, size_t *it);

#endif
