/*
 * price_cost.c: usage x price = exact cost, and the most that a cost can come to. A bucket without
 * a price of its own takes its parent's (flagged); one without any priced ancestor makes the
 * request unpriced, never cheaper. Pure; any thread.
 */
#include "money/pricebook.h"

struct rates { /* what is in force for one request, first to last */
	const struct price *price;
	const struct price_variant *variant;
	bool variant_unknown; /* one was named, and is not listed */
	const struct price_plan *plan;
	const struct price_rates *tokens; /* the plan's, or one of its steps' */
	const struct price *estimate;     /* NULL: none */
};

static const struct price_variant *variant_named(
	const struct price *p, struct str quality, struct str size)
{
	for (unsigned i = 0; i < p->n_variants; i++) {
		struct str name = p->variants[i].name;

		if (quality.n == 0 && str_eq_ci(name, size))
			return &p->variants[i];
		if (quality.n > 0 && name.n == quality.n + 1 + size.n && name.p[quality.n] == '/' &&
			str_eq_ci(str_mk(name.p, quality.n), quality) &&
			str_eq_ci(str_skip(name, quality.n + 1), size))
			return &p->variants[i];
	}
	return NULL;
}

static const struct price_variant *variant_find(const struct price *p, struct str name)
{
	const size_t slash = str_chr(name, '/');
	const struct price_variant *v;
	struct str quality, size;

	if (name.n == 0 || p->n_variants == 0)
		return NULL;
	if (slash == (size_t)-1) {
		v = variant_named(p, STR_NONE, name);
		return v != NULL ? v : variant_named(p, STR("standard"), name);
	}
	quality = str_mk(name.p, slash);
	size = str_skip(name, slash + 1);
	v = variant_named(p, quality, size);
	if (v == NULL)
		v = variant_named(p, STR_NONE, size);
	return v != NULL ? v : variant_named(p, STR_NONE, quality);
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

/* The region's plan of the tier, the price's own, and at last a plain one. */
static const struct price_plan *plan_for(
	const struct price *p, const struct rate_terms *t, unsigned *flags)
{
	const struct price_region *r = NULL;

	for (unsigned i = 0; t->region.n > 0 && r == NULL && i < p->n_regions; i++)
		if (str_eq_ci(p->regions[i].name, t->region))
			r = &p->regions[i];
	if (r != NULL && r->plan[t->tier] == NULL && p->plan[t->tier] != NULL)
		return p->plan[t->tier];
	if (r != NULL)
		*flags |= PRICE_REGION;
	if ((r != NULL ? r->plan[t->tier] : p->plan[t->tier]) == NULL)
		*flags |= PRICE_SERVICE;
	else
		return r != NULL ? r->plan[t->tier] : p->plan[t->tier];
	return r != NULL ? r->plan[SERVICE_STANDARD] : p->plan[SERVICE_STANDARD];
}

static struct rates rates_for(
	const struct price *p, const struct usage *u, const struct rate_terms *t, unsigned *flags)
{
	struct rates r = { .price = p };

	tg_assert((unsigned)t->tier < SERVICE__MAX);
	r.plan = plan_for(p, t, flags);
	r.tokens = rates_at(r.plan, usage_input(u), flags);
	r.variant = variant_find(p, t->variant);
	r.variant_unknown = r.variant == NULL && t->variant.n > 0;
	return r;
}

/* The dearest that is listed, of b itself. */
static bool rate_of_dearest(const struct rates *r, enum usage_bucket b, pico_usd *unit)
{
	bool found = price_rate(b < USAGE_FIRST_UNIT ? r->tokens : &r->plan->rates, b, unit);
	pico_usd v;

	for (unsigned i = 0; i < r->price->n_variants; i++)
		if (price_rate(&r->price->variants[i].rates, b, &v)) {
			*unit = found ? TG_MAX(*unit, v) : v;
			found = true;
		}
	return found;
}

static bool variants_state(const struct price *p, enum usage_bucket b)
{
	pico_usd v;

	for (unsigned i = 0; i < p->n_variants; i++)
		if (price_rate(&p->variants[i].rates, b, &v))
			return true;
	return false;
}

/* What is stated for b itself. */
static bool rate_stated(const struct rates *r, enum usage_bucket b, pico_usd *unit, unsigned *flags)
{
	if (r->variant != NULL && price_rate(&r->variant->rates, b, unit))
		return true;
	if (r->variant_unknown && variants_state(r->price, b)) {
		*flags |= PRICE_VARIANT;
		return rate_of_dearest(r, b, unit);
	}
	if (price_rate(b < USAGE_FIRST_UNIT ? r->tokens : &r->plan->rates, b, unit))
		return true;
	if (r->variant != NULL || !rate_of_dearest(r, b, unit))
		return false;
	*flags |= PRICE_VARIANT;
	return true;
}

static int bucket_rate(const struct rates *r, enum usage_bucket b, pico_usd *unit, unsigned *flags)
{
	for (enum usage_bucket up = b; up != USAGE_NONE; up = usage_bucket_parent(up))
		if (rate_stated(r, up, unit, flags)) {
			*flags |= up != b ? PRICE_PARENT : 0;
			return 0;
		}
	if (r->estimate == NULL)
		return -1;
	*flags |= PRICE_ESTIMATED;
	return price_rate(&r->estimate->plan[SERVICE_STANDARD]->rates, b, unit) ? 0 : -1;
}

static int add_request(const struct rates *r, pico_usd *acc)
{
	if (r->variant != NULL && r->variant->has_request)
		return money_add(acc, r->variant->per_request);
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

static int cost(const struct price *p, const struct price *estimate, const struct usage *u,
	const struct rate_terms *t, pico_usd *out, unsigned *flags)
{
	static const struct rate_terms plain = { .tier = SERVICE_STANDARD };
	unsigned f = 0;
	struct rates rates;
	pico_usd acc = 0;

	if (t == NULL)
		t = &plain;
	rates = rates_for(p, u, t, &f);
	rates.estimate = estimate;
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

int price_cost(const struct price *p, const struct usage *u, const struct rate_terms *t,
	pico_usd *out, unsigned *flags)
{
	return cost(p, NULL, u, t, out, flags);
}

int price_cost_or_estimate(const struct price *p, const struct price *estimate,
	const struct usage *u, const struct rate_terms *t, pico_usd *out, unsigned *flags)
{
	if (p != NULL)
		return cost(p, estimate, u, t, out, flags);
	if (cost(estimate, NULL, u, NULL, out, NULL) != 0)
		return -1;
	if (flags != NULL)
		*flags = PRICE_ESTIMATED;
	return 0;
}

/* The dearest token of one side. */
static int worst_token(
	const struct price_worst *w, const struct price_worst *estimate, bool output, pico_usd *out)
{
	if (!(output ? w->has_out : w->has_in)) {
		if (estimate == NULL)
			return -1;
		w = estimate;
	}
	*out = output ? w->out : w->in;
	return 0;
}

static int bound(const struct price_worst *w, const struct price_worst *estimate,
	const struct usage *most, pico_usd *out)
{
	const uint64_t side[2] = { usage_input(most), usage_output(most) };
	pico_usd acc = w->per_request, unit;

	for (unsigned s = 0; s < 2; s++)
		if (side[s] > 0 && (worst_token(w, estimate, s == 1, &unit) != 0 ||
					   money_add_units(&acc, side[s], unit) != 0))
			return -1;
	for (unsigned b = USAGE_FIRST_UNIT; b < USAGE__MAX; b++) {
		if (most->n[b] == 0)
			continue;
		if (!price_rate(&w->units, (enum usage_bucket)b, &unit) &&
			(estimate == NULL ||
				!price_rate(&estimate->units, (enum usage_bucket)b, &unit)))
			return -1;
		if (money_add_units(&acc, most->n[b], unit) != 0)
			return -1;
	}
	return money_markup(acc, w->uplift_bp, out);
}

int price_bound(const struct price *p, const struct usage *most, pico_usd *out)
{
	return bound(&p->worst, NULL, most, out);
}

int price_bound_or_estimate(const struct price *p, const struct price *estimate,
	const struct usage *most, pico_usd *out)
{
	return bound(p != NULL ? &p->worst : &estimate->worst, &estimate->worst, most, out);
}

uint64_t price_version(const struct price *p)
{
	return p->version;
}

uint64_t price_buckets(const struct price *p)
{
	uint64_t has = p->plan[SERVICE_STANDARD]->rates.has;

	for (unsigned i = 0; i < p->n_variants && p->plan[SERVICE_STANDARD]->rates.has == 0; i++)
		has |= p->variants[i].rates.has;
	return has;
}

uint64_t price_max_input(const struct price *p)
{
	return p->max_input;
}

uint64_t price_max_output(const struct price *p)
{
	return p->max_output;
}
