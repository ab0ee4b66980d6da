/*
 * intern.h: strings to small numbers and back, each string kept once. For rollups and reports: a
 * row is then a few integers. One thread at a time.
 */
#ifndef TG_LEDGER_INTERN_H
#define TG_LEDGER_INTERN_H

#include "base/arena.h"
#include "base/str.h"

struct intern {
	struct arena *arena; /* where the strings are; the caller's */
	struct str *v;       /* by number; number 0 is "" */
	uint32_t n, cap;
	uint32_t *slots; /* numbers + 1 by hash; 0: free */
	uint32_t n_slots;
	size_t bytes; /* of the strings */
};

void intern_init(struct intern *t, struct arena *arena);
/* The arena is left alone. */
void intern_fini(struct intern *t);
/* The number of s, which is copied when it is new. */
uint32_t intern_put(struct intern *t, struct str s);

static inline struct str intern_text(const struct intern *t, uint32_t id)
{
	tg_assert(id < t->n);
	return t->v[id];
}

#endif
