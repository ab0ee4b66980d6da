/*
 * verify_holds.c: the tables behind verify_holds.h. A gateway's ids are a prefix a worker and a
 * count: those that are over are bits in pages of 4,096, found by prefix and page.
 */
#include "ledger/verify_holds.h"

#include <stdlib.h>

#define FIRST_SLOTS 1024
#define PAGE_BITS   4096u

static inline uint64_t hash_of(uint64_t hi, uint32_t lo)
{
	uint64_t h = (hi ^ lo) * 0x9e3779b97f4a7c15u;

	return h ^ h >> 29;
}

void holds_init(struct holds *h)
{
	*h = (struct holds){ .n_slots = FIRST_SLOTS, .n_over_slots = FIRST_SLOTS };
	h->slots = calloc(h->n_slots, sizeof *h->slots);
	h->over = calloc(h->n_over_slots, sizeof *h->over);
	tg_assert(h->slots != NULL && h->over != NULL);
}

void holds_fini(struct holds *h)
{
	for (size_t i = 0; i < h->n_over_slots; i++)
		free(h->over[i].bits);
	free(h->over);
	free(h->slots);
	*h = (struct holds){ .n = 0 };
}

/* ---- open ones */

static struct holds_slot *slot_of(const struct holds *h, struct rec_id id)
{
	size_t i = hash_of(id.hi, id.lo) & (h->n_slots - 1);

	while (h->slots[i].used && !rec_id_eq(h->slots[i].hold.id, id))
		i = (i + 1) & (h->n_slots - 1);
	return &h->slots[i];
}

struct open_hold *holds_find(const struct holds *h, struct rec_id id)
{
	struct holds_slot *s = slot_of(h, id);

	return s->used ? &s->hold : NULL;
}

static void grow(struct holds *h)
{
	struct holds_slot *old = h->slots;
	size_t n = h->n_slots;

	h->n_slots *= 2;
	h->slots = calloc(h->n_slots, sizeof *h->slots);
	tg_assert(h->slots != NULL);
	for (size_t i = 0; i < n; i++)
		if (old[i].used)
			*slot_of(h, old[i].hold.id) = old[i];
	free(old);
}

void holds_put(struct holds *h, const struct open_hold *hold)
{
	struct holds_slot *s;

	if (2 * (h->n + 1) > h->n_slots)
		grow(h);
	s = slot_of(h, hold->id);
	h->n += !s->used;
	*s = (struct holds_slot){ .hold = *hold, .used = true };
}

/* Those behind that could not have the place they belong in move up. */
static void slot_free(struct holds *h, struct holds_slot *s)
{
	size_t mask = h->n_slots - 1, hole = (size_t)(s - h->slots);

	for (size_t i = (hole + 1) & mask; h->slots[i].used; i = (i + 1) & mask) {
		size_t home = hash_of(h->slots[i].hold.id.hi, h->slots[i].hold.id.lo) & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		h->slots[hole] = h->slots[i];
		hole = i;
	}
	h->slots[hole].used = false;
	h->n--;
}

const struct open_hold *holds_next(const struct holds *h, size_t *it)
{
	while (*it < h->n_slots) {
		const struct holds_slot *s = &h->slots[(*it)++];

		if (s->used)
			return &s->hold;
	}
	return NULL;
}

/* ---- those that are over */

static struct holds_over *page_of(const struct holds *h, struct rec_id id)
{
	uint32_t page = id.lo / PAGE_BITS;
	size_t i = hash_of(id.hi, page) & (h->n_over_slots - 1);

	while (h->over[i].bits != NULL && (h->over[i].hi != id.hi || h->over[i].high_lo != page))
		i = (i + 1) & (h->n_over_slots - 1);
	return &h->over[i];
}

static void grow_over(struct holds *h)
{
	struct holds_over *old = h->over;
	size_t n = h->n_over_slots;

	h->n_over_slots *= 2;
	h->over = calloc(h->n_over_slots, sizeof *h->over);
	tg_assert(h->over != NULL);
	for (size_t i = 0; i < n; i++)
		if (old[i].bits != NULL)
			*page_of(h, (struct rec_id){ old[i].hi, old[i].high_lo * PAGE_BITS }) =
				old[i];
	free(old);
}

void holds_end(struct holds *h, struct rec_id id)
{
	struct holds_slot *s = slot_of(h, id);
	struct holds_over *page;

	if (s->used)
		slot_free(h, s);
	if (2 * (h->n_over + 1) > h->n_over_slots)
		grow_over(h);
	page = page_of(h, id);
	if (page->bits == NULL) {
		page->bits = calloc(PAGE_BITS / 64, sizeof *page->bits);
		tg_assert(page->bits != NULL);
		page->hi = id.hi;
		page->high_lo = id.lo / PAGE_BITS;
		h->n_over++;
	}
	page->bits[id.lo % PAGE_BITS / 64] |= UINT64_C(1) << id.lo % 64;
}

bool holds_over(const struct holds *h, struct rec_id id)
{
	const struct holds_over *page = page_of(h, id);

	return page->bits != NULL && (page->bits[id.lo % PAGE_BITS / 64] >> id.lo % 64 & 1) != 0;
}
