/*
 * price_plan.c: from what an entry states to what is looked up: compact rates, the worst case of
 * everything, and the version. Load time only: one thread.
 */
#include "money/pricebook_int.h"

#include <stdlib.h>

#include "base/digest.h"

void rate_set_over(struct rate_set *own, const struct rate_set *base)
{
	for (unsigned b = 0; b < USAGE__MAX; b++)
		if ((base->has & ~own->has & RATE_BIT(b)) != 0)
			own->v[b] = base->v[b];
	own->has |= base->has;
}

void plan_set_inherit_steps(struct plan_set *own, const struct plan_set *base)
{
	own->n_steps = base->n_steps;
	for (unsigned i = 0; i < base->n_steps; i++) {
		struct step_set *to = &own->steps[i];

		*to = base->steps[i];
		for (unsigned b = 0; b < USAGE_FIRST_UNIT; b++)
			if ((own->rates.has & RATE_BIT(b)) != 0 &&
				((to->rates.has & RATE_BIT(b)) == 0 ||
					own->rates.v[b] > to->rates.v[b]))
				rate_set_put(&to->rates, (enum usage_bucket)b, own->rates.v[b]);
	}
}

struct price_rates price_rates_new(struct pricebook *b, const struct rate_set *s)
{
	pico_usd packed[USAGE__MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < USAGE__MAX; i++)
		if ((s->has & RATE_BIT(i)) != 0)
			packed[n++] = s->v[i];
	if (n == 0)
		return (struct price_rates){ 0, NULL };
	return (struct price_rates){ s->has,
		memcpy(pricebook_alloc(b, n * sizeof *packed), packed, n * sizeof *packed) };
}

static const struct price_step *steps_new(struct pricebook *b, const struct plan_set *s)
{
	struct price_step *steps;

	if (s->n_steps == 0)
		return NULL;
	steps = pricebook_alloc(b, s->n_steps * sizeof *steps);
	for (unsigned i = 0; i < s->n_steps; i++)
		steps[i] = (struct price_step){ .above = s->steps[i].above,
			.rates = price_rates_new(b, &s->steps[i].rates) };
	return steps;
}

const struct price_plan *price_plan_new(struct pricebook *b, const struct plan_set *s)
{
	struct price_plan *p = pricebook_alloc(b, sizeof *p);

	*p = (struct price_plan){ .rates = price_rates_new(b, &s->rates),
		.steps = steps_new(b, s),
		.n_steps = s->n_steps,
		.has_request = s->has_request,
		.per_request = s->per_request };
	return p;
}

/* ---- the worst case */

static void raise_to(pico_usd *v, pico_usd to)
{
	*v = TG_MAX(*v, to);
}

/* Units are raised in their own bucket and in each one above: who holds a family knows how many,
 * not which. */
static void worst_of_rates(
	struct price_worst *w, struct rate_set *units, const struct price_rates *r)
{
	for (unsigned b = 0; b < USAGE__MAX; b++) {
		enum usage_bucket up = (enum usage_bucket)b;
		pico_usd v;

		if (!price_rate(r, up, &v))
			continue;
		switch (usage_bucket_kind(up)) {
		case USAGE_INPUT:
			w->has_in = true;
			raise_to(&w->in, v);
			break;
		case USAGE_OUTPUT:
			w->has_out = true;
			raise_to(&w->out, v);
			break;
		case USAGE_UNIT:
			for (; up != USAGE_NONE; up = usage_bucket_parent(up)) {
				units->has |= RATE_BIT(up);
				raise_to(&units->v[up], v);
			}
		}
	}
}

static void worst_of_plans(struct price_worst *w, struct rate_set *units,
	const struct price_plan *const plans[SERVICE__MAX])
{
	for (unsigned t = 0; t < SERVICE__MAX; t++) {
		const struct price_plan *plan = plans[t];

		if (plan == NULL)
			continue;
		worst_of_rates(w, units, &plan->rates);
		for (unsigned i = 0; i < plan->n_steps; i++)
			worst_of_rates(w, units, &plan->steps[i].rates);
		raise_to(&w->per_request, plan->per_request);
	}
}

static void find_worst(struct pricebook *b, struct price *p)
{
	struct price_worst *w = &p->worst;
	struct rate_set units = { 0, { 0 } };

	*w = (struct price_worst){ .has_in = false };
	worst_of_plans(w, &units, p->plan);
	for (unsigned i = 0; i < p->n_variants; i++) {
		worst_of_rates(w, &units, &p->variants[i].rates);
		raise_to(&w->per_request, p->variants[i].per_request);
	}
	for (unsigned i = 0; i < p->n_regions; i++)
		worst_of_plans(w, &units, p->regions[i].plan);
	for (unsigned i = 0; i < p->n_uplifts; i++)
		w->uplift_bp = TG_MAX(w->uplift_bp, p->uplifts[i].basis_points);
	/* a bucket without own price takes its parent's, and so does the worst case */
	for (unsigned i = USAGE_FIRST_UNIT; i < USAGE__MAX; i++) {
		enum usage_bucket up = usage_bucket_parent((enum usage_bucket)i);

		for (; up != USAGE_NONE; up = usage_bucket_parent(up))
			if ((units.has & RATE_BIT(up)) != 0) {
				units.has |= RATE_BIT(i);
				raise_to(&units.v[i], units.v[up]);
			}
	}
	w->units = price_rates_new(b, &units);
}

/* ---- the version */

struct bytes {
	char *p;
	size_t n, cap;
};

static void put_bytes(struct bytes *to, const void *p, size_t n)
{
	if (to->n + n > to->cap) {
		to->cap = 2 * (to->n + n) + 1024;
		to->p = realloc(to->p, to->cap);
		tg_assert(to->p != NULL);
	}
	if (n > 0)
		memcpy(to->p + to->n, p, n);
	to->n += n;
}

static void put_u64(struct bytes *to, uint64_t v)
{
	unsigned char le[8];

	for (unsigned i = 0; i < sizeof le; i++)
		le[i] = (unsigned char)(v >> 8 * i);
	put_bytes(to, le, sizeof le);
}

static void put_text(struct bytes *to, struct str s)
{
	put_u64(to, s.n);
	put_bytes(to, s.p, s.n);
}

/* By the buckets' ledger codes, which never change. */
static void put_rates(struct bytes *to, const struct price_rates *r)
{
	for (unsigned b = 0; b < USAGE__MAX; b++) {
		pico_usd v;

		if (!price_rate(r, (enum usage_bucket)b, &v))
			continue;
		put_u64(to, usage_bucket_code((enum usage_bucket)b));
		put_u64(to, (uint64_t)v);
	}
	put_u64(to, 0);
}

static void put_plan(struct bytes *to, const struct price_plan *p)
{
	put_rates(to, &p->rates);
	put_u64(to, p->has_request);
	put_u64(to, (uint64_t)p->per_request);
	put_u64(to, p->n_steps);
	for (unsigned i = 0; i < p->n_steps; i++) {
		put_u64(to, p->steps[i].above);
		put_rates(to, &p->steps[i].rates);
	}
}

static void put_plans(struct bytes *to, const struct price_plan *const plans[SERVICE__MAX])
{
	for (unsigned t = 0; t < SERVICE__MAX; t++)
		if (plans[t] != NULL) {
			put_u64(to, t + 1);
			put_plan(to, plans[t]);
		}
	put_u64(to, 0);
}

static void put_variants(struct bytes *to, const struct price *p)
{
	put_u64(to, p->n_variants);
	for (unsigned i = 0; i < p->n_variants; i++) {
		put_text(to, p->variants[i].name);
		put_rates(to, &p->variants[i].rates);
		put_u64(to, p->variants[i].has_request);
		put_u64(to, (uint64_t)p->variants[i].per_request);
	}
}

static uint64_t version_of(const struct price *p)
{
	struct bytes said = { NULL, 0, 0 };
	uint8_t hash[SHA256_LEN];
	uint64_t v = 0;

	put_text(&said, p->provider);
	put_text(&said, p->model);
	put_plans(&said, p->plan);
	put_variants(&said, p);
	put_u64(&said, p->n_regions);
	for (unsigned i = 0; i < p->n_regions; i++) {
		put_text(&said, p->regions[i].name);
		put_plans(&said, p->regions[i].plan);
	}
	for (unsigned i = 0; i < p->n_uplifts; i++) {
		put_text(&said, p->uplifts[i].region);
		put_u64(&said, (uint64_t)p->uplifts[i].basis_points);
	}
	digest_sha256(str_mk(said.p, said.n), hash);
	free(said.p);
	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | hash[i];
	return v != 0 ? v : 1;
}

void price_finish(struct pricebook *b, struct price *p)
{
	tg_assert(p->plan[SERVICE_STANDARD] != NULL);
	find_worst(b, p);
	p->version = version_of(p);
}

/* ---- the estimate */

struct price *price_estimate_new(struct pricebook *b, const struct pricebook_estimate_terms *t)
{
	struct price *p = pricebook_alloc(b, sizeof *p);
	const pico_usd in = t->input > 0 ? t->input : PRICEBOOK_ESTIMATE_INPUT;
	const pico_usd out = t->output > 0 ? t->output : PRICEBOOK_ESTIMATE_OUTPUT;
	struct plan_set s = { .has_request = t->request > 0, .per_request = t->request };

	for (unsigned i = 0; i < USAGE_FIRST_UNIT; i++)
		rate_set_put(&s.rates, (enum usage_bucket)i, i < USAGE_FIRST_OUTPUT ? in : out);
	rate_set_put(&s.rates, USAGE_IN_AUDIO, PRICEBOOK_ESTIMATE_AUDIO_INPUT * in);
	rate_set_put(&s.rates, USAGE_OUT_AUDIO, PRICEBOOK_ESTIMATE_AUDIO_OUTPUT * out);
#define X(id, pico) rate_set_put(&s.rates, USAGE_##id, pico);
#include "money/tbl/estimate_units.h"
#undef X
	p->provider = STR("");
	p->model = STR("estimate");
	p->source = STR("the stated estimate for models without a price");
	p->plan[SERVICE_STANDARD] = price_plan_new(b, &s);
	price_finish(b, p);
	return p;
}
