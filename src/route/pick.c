/*
 * pick.c: see pick.h.
 */
#include "route/pick.h"

#include <stddef.h>

#include "base/defs.h"

/* The item that `at` falls into, of those in `set` (NULL: all). */
static unsigned item_at(const struct pick_item *v, const uint8_t *set, unsigned n, uint64_t at)
{
	for (unsigned k = 0; k + 1 < n; k++) {
		unsigned i = set != NULL ? set[k] : k;

		if (at < v[i].weight)
			return i;
		at -= v[i].weight;
	}
	return set != NULL ? set[n - 1] : n - 1;
}

static uint64_t weights(const struct pick_item *v, const uint8_t *set, unsigned n)
{
	uint64_t sum = 0;

	for (unsigned k = 0; k < n; k++)
		sum += v[set != NULL ? set[k] : k].weight;
	return sum;
}

static uint64_t scaled(uint64_t sum, uint32_t random)
{
	return (uint64_t)((unsigned __int128)sum * random >> 32);
}

unsigned pick_weighted(const struct pick_item *v, unsigned n, uint32_t random)
{
	tg_assert(n > 0);
	return item_at(v, NULL, n, scaled(weights(v, NULL, n), random));
}

/* Of those in set, the best, or by weight one of those that are as good. */
static unsigned pick_best(const struct pick_item *v, const uint8_t *set, unsigned n,
	uint32_t random, enum pick_how *how)
{
	uint8_t tie[PICK_CANDIDATES];
	unsigned best = set[0], n_tie = 0;
	int64_t band;

	for (unsigned k = 1; k < n; k++)
		if (v[set[k]].score < v[best].score)
			best = set[k];
	band = v[best].score + v[best].score / PICK_TIE_SHIFT;
	for (unsigned k = 0; k < n; k++)
		if (v[set[k]].score <= band)
			tie[n_tie++] = set[k];
	if (n_tie == 1)
		return best;
	*how = PICK_TIE;
	return item_at(v, tie, n_tie, scaled(weights(v, tie, n_tie), random));
}

/* Those that are not twice as dear as the best. */
static unsigned near_best(const struct pick_item *v, unsigned n, uint8_t *set)
{
	unsigned k = 0;
	int64_t least = v[0].score;

	for (unsigned i = 1; i < n; i++)
		least = TG_MIN(least, v[i].score);
	for (unsigned i = 0; i < n; i++)
		if (v[i].score / 2 <= least)
			set[k++] = (uint8_t)i;
	return k;
}

/* Two different ones of set, drawn by weight, to its front. */
static void draw_two(const struct pick_item *v, uint8_t *set, unsigned n, const uint32_t random[2])
{
	for (unsigned k = 0; k < 2; k++) {
		unsigned i =
			item_at(v, set + k, n - k, scaled(weights(v, set + k, n - k), random[k]));
		unsigned at = k;

		while (set[at] != i)
			at++;
		set[at] = set[k];
		set[k] = (uint8_t)i;
	}
}

unsigned pick_scored(
	const struct pick_item *v, unsigned n, const uint32_t random[3], enum pick_how *how)
{
	uint8_t set[PICK_CANDIDATES];
	enum pick_how unused;
	unsigned k;

	tg_assert(n > 0 && n <= PICK_CANDIDATES);
	if (how == NULL)
		how = &unused;
	*how = PICK_ONLY;
	if (n == 1)
		return 0;
	*how = PICK_EXPLORED;
	if (random[0] % PICK_EXPLORE == 0)
		return pick_weighted(v, n, random[1]);
	*how = PICK_BEST;
	k = near_best(v, n, set);
	if (k > PICK_COMPARE_ALL) {
		*how = PICK_TWO;
		draw_two(v, set, k, random);
		k = 2;
	}
	return pick_best(v, set, k, random[2], how);
}

const char *pick_how_text(enum pick_how how)
{
	static const char *const text[] = { [PICK_ONLY] = "the only one",
		[PICK_BEST] = "the best",
		[PICK_TIE] = "by chance among equals",
		[PICK_TWO] = "the better of two",
		[PICK_EXPLORED] = "to learn about it",
		[PICK_SPLIT] = "by weight" };

	return text[how];
}
