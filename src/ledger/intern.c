/*
 * intern.c: the table behind intern.h: open addressing with linear probing, at most half full.
 */
#include "ledger/intern.h"

#include <stdlib.h>

#define FIRST_SLOTS 64u

void intern_init(struct intern *t, struct arena *arena)
{
	*t = (struct intern){ .arena = arena };
	tg_assert(intern_put(t, STR("")) == 0);
}

void intern_fini(struct intern *t)
{
	free(t->v);
	free(t->slots);
	*t = (struct intern){ 0 };
}

static void grow(struct intern *t)
{
	uint32_t n_slots = t->n_slots != 0 ? t->n_slots * 2 : FIRST_SLOTS;

	free(t->slots);
	t->slots = calloc(n_slots, sizeof *t->slots);
	t->cap = n_slots / 2;
	t->v = realloc(t->v, t->cap * sizeof *t->v);
	tg_assert(t->slots != NULL && t->v != NULL);
	t->n_slots = n_slots;
	for (uint32_t id = 0; id < t->n; id++) {
		uint32_t i = (uint32_t)str_hash(t->v[id]) & (n_slots - 1);

		while (t->slots[i] != 0)
			i = (i + 1) & (n_slots - 1);
		t->slots[i] = id + 1;
	}
}

uint32_t intern_put(struct intern *t, struct str s)
{
	uint32_t i;

	if (t->n == t->cap)
		grow(t);
	i = (uint32_t)str_hash(s) & (t->n_slots - 1);
	for (; t->slots[i] != 0; i = (i + 1) & (t->n_slots - 1))
		if (str_eq(t->v[t->slots[i] - 1], s))
			return t->slots[i] - 1;
	t->v[t->n] = s.n > 0 ? arena_dup(t->arena, s) : STR("");
	tg_assert(t->v[t->n].p != NULL);
	t->bytes += s.n;
	t->slots[i] = ++t->n;
	return t->n - 1;
}
