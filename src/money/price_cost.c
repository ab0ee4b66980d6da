/*
 * price_cost.c: usage x price = exact cost. A bucket without a price of its own takes its parent's
 * (flagged); one without any priced ancestor makes the request unpriced, never cheaper. Pure; any
 * thread.
 */
#include "money/pricebook.h"

struct rates { /* the per-token prices in force for one request */
	const bool *has;
	const pico_usd *unit;
};

/* The whole request switches to the highest tier whose threshold its total input passes. */
static struct rates rates_for(const struct price *p, uint64_t input, unsigned *flags)
{
	struct rates r = { p->has, p->unit };

	for (unsigned i = 0; i < p->n_tiers && input > p->tiers[i].above; i++) {
		r = (struct rates){ p->tiers[i].has, p->tiers[i].unit };
		*flags |= PRICE_TIER;
	}
	return r;
}

static int bucket_rate(const struct rates *r, enum usage_bucket b, pico_usd *unit, unsigned *flags)
{
	if (!r->has[b])
		*flags |= PRICE_PARENT;
	while (!r->has[b]) {
		b = usage_bucket_parent(b);
		if (b == USAGE_NONE)
			return -1;
	}
	*unit = r->unit[b];
	return 0;
}

int price_cost(const struct price *p, const struct usage *u, pico_usd *out, unsigned *flags)
{
	unsigned f = 0;
	struct rates rates = rates_for(p, usage_input(u), &f);
	const struct rates units = { p->has, p->unit };
	pico_usd acc = 0;

	for (unsigned b = 0; b < USAGE__MAX; b++) {
		pico_usd unit;

		if (u->n[b] == 0)
			continue;
		if (bucket_rate(b < USAGE_FIRST_UNIT ? &rates : &units, (enum usage_bucket)b, &unit,
			    &f) != 0 ||
			money_add_units(&acc, u->n[b], unit) != 0)
			return -1;
	}
	if (p->has_request && money_add(&acc, p->per_request) != 0)
		return -1;
	*out = acc;
	if (flags != NULL)
		*flags = f;
	return 0;
}
