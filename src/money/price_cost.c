/*
 * price_cost.c: usage x price = exact cost, and the most that a cost can come to. A bucket without
 * a price of its own takes its parent's (flagged); one without any priced ancestor makes the
 * request unpriced, never cheaper. Pure; any thread.
 */
#include "money/pricebook.h"

struct rates { /* what is in force for one request, first to last */
	const struct price *price;
	const struct price_layer *variant, *region;
	const struct price_plan *plan;
	const struct price_rates *tokens; /* the plan's, or one of its steps' */
	bool variant_unknown;
};

static const struct price_layer *layer_find(
	const struct price_layer *v, unsigned n, struct str name)
{
	if (name.n == 0)
		return NULL;
	for (unsigned i = 0; i < n; i++)
		if (str_eq_ci(v[i].name, name))
			return &v[i];
	return NULL;
}

/* The whole request switches to the highest step whose threshold its total input passes. */
static const struct price_rates *rates_at(
	const struct price_plan *plan, uint64_t input, unsigned *flags)
{
	const struct price_rates *r = &plan->rates;

	for (unsigned i = 0; i < plan->n_steps && input > plan->steps[i].above; i++) {
		r = &plan->steps[i].rates;
		*flags |= PRICE_TIER;
	}
	return r;
}

static struct rates rates_for(
	const struct price *p, const struct usage *u, const struct rate_terms *t, unsigned *flags)
{
	struct rates r = { .price = p };

	tg_assert((unsigned)t->tier < SERVICE__MAX);
	r.plan = p->plan[t->tier];
	if (r.plan == NULL) {
		r.plan = p->plan[SERVICE_STANDARD];
		*flags |= PRICE_SERVICE;
	}
	r.tokens = rates_at(r.plan, usage_input(u), flags);
	r.variant = layer_find(p->variants, p->n_variants, t->variant);
	r.variant_unknown = r.variant == NULL && p->n_variants > 0;
	r.region = layer_find(p->regions, p->n_regions, t->region);
	if (r.region != NULL)
		*flags |= PRICE_REGION;
	return r;
}

static bool rate_stated(const struct rates *r, enum usage_bucket b, pico_usd *unit)
{
	if (r->variant != NULL && price_rate(&r->variant->rates, b, unit))
		return true;
	if (r->region != NULL && price_rate(&r->region->rates, b, unit))
		return true;
	return price_rate(b < USAGE_FIRST_UNIT ? r->tokens : &r->plan->rates, b, unit);
}

/* Nothing says what this variant costs: the dearest one that is listed. */
static bool rate_of_dearest_variant(const struct price *p, enum usage_bucket b, pico_usd *unit)
{
	bool found = false;
	pico_usd v;

	for (unsigned i = 0; i < p->n_variants; i++)
		if (price_rate(&p->variants[i].rates, b, &v)) {
			*unit = found ? TG_MAX(*unit, v) : v;
			found = true;
		}
	return found;
}

static int bucket_rate(const struct rates *r, enum usage_bucket b, pico_usd *unit, unsigned *flags)
{
	enum usage_bucket up = b;

	for (; up != USAGE_NONE; up = usage_bucket_parent(up)) {
		if (rate_stated(r, up, unit))
			break;
		if (r->variant_unknown && rate_of_dearest_variant(r->price, up, unit)) {
			*flags |= PRICE_VARIANT;
			break;
		}
	}
	if (up != b)
		*flags |= PRICE_PARENT;
	return up != USAGE_NONE ? 0 : -1;
}

static int add_request(const struct rates *r, pico_usd *acc)
{
	if (r->variant != NULL && r->variant->has_request)
		return money_add(acc, r->variant->per_request);
	if (r->region != NULL && r->region->has_request)
		return money_add(acc, r->region->per_request);
	return r->plan->has_request ? money_add(acc, r->plan->per_request) : 0;
}

static int add_uplift(const struct price *p, struct str region, pico_usd *acc, unsigned *flags)
{
	for (unsigned i = 0; region.n > 0 && i < p->n_uplifts; i++)
		if (str_eq_ci(p->uplifts[i].region, region)) {
			*flags |= PRICE_REGION;
			return money_markup(*acc, p->uplifts[i].basis_points, acc);
		}
	return 0;
}

int price_cost(const struct price *p, const struct usage *u, const struct rate_terms *t,
	pico_usd *out, unsigned *flags)
{
	static const struct rate_terms plain = { .tier = SERVICE_STANDARD };
	unsigned f = 0;
	struct rates rates;
	pico_usd acc = 0;

	if (t == NULL)
		t = &plain;
	rates = rates_for(p, u, t, &f);
	for (unsigned b = 0; b < USAGE__MAX; b++) {
		pico_usd unit;

		if (u->n[b] != 0 && (bucket_rate(&rates, (enum usage_bucket)b, &unit, &f) != 0 ||
					    money_add_units(&acc, u->n[b], unit) != 0))
			return -1;
	}
	if (add_request(&rates, &acc) != 0 || add_uplift(p, t->region, &acc, &f) != 0)
		return -1;
	*out = acc;
	if (flags != NULL)
		*flags = f;
	return 0;
}

int price_bound(const struct price *p, const struct usage *most, pico_usd *out)
{
	const struct price_worst *w = &p->worst;
	const uint64_t in = usage_input(most), made = usage_output(most);
	pico_usd acc = w->per_request, unit;

	if ((in > 0 && !w->has_in) || (made > 0 && !w->has_out) ||
		money_add_units(&acc, in, w->in) != 0 || money_add_units(&acc, made, w->out) != 0)
		return -1;
	for (unsigned b = USAGE_FIRST_UNIT; b < USAGE__MAX; b++)
		if (most->n[b] != 0 && (!price_rate(&w->units, (enum usage_bucket)b, &unit) ||
					       money_add_units(&acc, most->n[b], unit) != 0))
			return -1;
	return money_markup(acc, w->uplift_bp, out);
}

uint64_t price_version(const struct price *p)
{
	return p->version;
}

uint64_t price_max_input(const struct price *p)
{
	return p->max_input;
}

uint64_t price_max_output(const struct price *p)
{
	return p->max_output;
}
