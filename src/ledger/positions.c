/*
 * positions.c: the vector of positions (positions.h). Sorted; what is looked for is nearly always
 * one of the last few, so it is searched from its end.
 */
#include "ledger/positions.h"

#include <stdlib.h>

void positions_init(struct positions *p)
{
	*p = (struct positions){ 0 };
}

void positions_fini(struct positions *p)
{
	free(p->v);
	positions_init(p);
}

static void reserve(struct positions *p, size_t n)
{
	if (n <= p->cap)
		return;
	p->cap = TG_MAX(n, TG_MAX(p->cap * 2, (size_t)8));
	p->v = realloc(p->v, p->cap * sizeof *p->v);
	tg_assert(p->v != NULL);
}

void positions_copy(struct positions *to, const struct positions *from)
{
	reserve(to, from->n);
	if (from->n > 0)
		memcpy(to->v, from->v, from->n * sizeof *to->v);
	to->n = from->n;
	to->floor = from->floor;
}

/* How many entries are of segments up to this one. */
static inline size_t upto(const struct positions *p, uint64_t segment)
{
	size_t i = p->n;

	while (i > 0 && p->v[i - 1].segment > segment)
		i--;
	return i;
}

uint64_t positions_of(const struct positions *p, uint64_t segment)
{
	size_t i = upto(p, segment);

	if (segment < p->floor)
		return UINT64_MAX;
	return i > 0 && p->v[i - 1].segment == segment ? p->v[i - 1].offset : 0;
}

bool positions_within(const struct positions *a, const struct positions *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (!positions_have(b, a->v[i]))
			return false;
	return a->floor <= b->floor;
}

void positions_set(struct positions *p, struct journal_position at)
{
	size_t i = upto(p, at.segment);

	if (at.segment < p->floor)
		return;
	if (i > 0 && p->v[i - 1].segment == at.segment) {
		p->v[i - 1].offset = TG_MAX(p->v[i - 1].offset, at.offset);
		return;
	}
	reserve(p, p->n + 1);
	memmove(p->v + i + 1, p->v + i, (p->n - i) * sizeof *p->v);
	p->v[i] = at;
	p->n++;
}

void positions_raise(struct positions *p, uint64_t floor)
{
	size_t gone = 0;

	if (floor <= p->floor)
		return;
	while (gone < p->n && p->v[gone].segment < floor)
		gone++;
	p->n -= gone;
	memmove(p->v, p->v + gone, p->n * sizeof *p->v);
	p->floor = floor;
}
