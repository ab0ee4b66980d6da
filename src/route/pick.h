/*
 * pick.h: one of several candidates. Pure: chance comes as an argument.
 */
#ifndef TG_ROUTE_PICK_H
#define TG_ROUTE_PICK_H

#include <stdint.h>

#define PICK_COMPARE_ALL                                                                          \
	3                  /* up to so many are compared with each other; of more, two drawn ones \
			    */
#define PICK_TIE_SHIFT  20 /* within 5 % (1/20) chance decides */
#define PICK_EXPLORE    64 /* one of so many choices is drawn from all */
#define PICK_CANDIDATES 64

struct pick_item {
	int64_t score;   /* the less, the better */
	uint32_t weight; /* above 0 */
};

enum pick_how { PICK_ONLY, PICK_BEST, PICK_TIE, PICK_TWO, PICK_EXPLORED, PICK_SPLIT };

/* By weight alone. n above 0. */
unsigned pick_weighted(const struct pick_item *v, unsigned n, uint32_t random);
/* By score. random: independent numbers. *how may be NULL. */
unsigned pick_scored(
	const struct pick_item *v, unsigned n, const uint32_t random[3], enum pick_how *how);
const char *pick_how_text(enum pick_how how);

#endif
