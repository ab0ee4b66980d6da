/*
 * Random prices and usage, a million cases: the cost is what exact arithmetic says, by rules
 * written a second time here; it stays within the bound, does not fall when something rises, and
 * parts of a request never cost less than the whole.
 */
#include "unit/unit.h"
#include "unit/money/big.h"
#include "money/pricebook_int.h"

#define CASES 1000000
#define STEPS 2
#define NAMED 2

/* A price as a table with holes: the oracle's form. */
struct table {
	bool has[USAGE__MAX];
	uint64_t v[USAGE__MAX];
};

struct plan_case {
	bool there, has_request;
	uint64_t request;
	struct table rates, steps[STEPS];
	uint64_t above[STEPS];
	unsigned n_steps;
};

struct price_case {
	struct plan_case plan[SERVICE__MAX], region;
	struct table variants[NAMED];
	unsigned n_variants;
	bool has_region;
	int64_t uplift; /* in the region "up"; 0: none */

	/* the same for the code under test */
	struct price price;
	struct price_plan plans[SERVICE__MAX + 1];
	struct price_step packed_steps[SERVICE__MAX + 1][STEPS];
	struct price_variant packed_variants[NAMED];
	struct price_region packed_region;
	struct price_uplift packed_uplift;
	pico_usd room[(SERVICE__MAX + 1) * (STEPS + 1) + NAMED][USAGE__MAX];
	unsigned used;
};

static uint64_t rnd = 20261128;
static unsigned width; /* of figures, in bits */

static bool chance(unsigned of)
{
	return rnd_next(&rnd) % of == 0;
}

/* ---- making */

static void random_table(struct table *t, unsigned from, unsigned to)
{
	uint64_t which = chance(2) ? UINT64_MAX : rnd_next(&rnd);

	for (unsigned b = from; b < to; b++) {
		t->has[b] = (which >> b & 1) != 0;
		t->v[b] = t->has[b] ? rnd_wide(&rnd, width) : 0;
	}
}

/* A step has the buckets of its plan, none cheaper. */
static void random_plan(struct plan_case *p)
{
	memset(p, 0, sizeof *p);
	p->there = true;
	p->has_request = chance(4);
	p->request = p->has_request ? rnd_wide(&rnd, width) : 0;
	random_table(&p->rates, 0, USAGE__MAX);
	p->n_steps = chance(2) ? (unsigned)(rnd_next(&rnd) % (STEPS + 1)) : 0;
	for (unsigned i = 0; i < p->n_steps; i++) {
		const struct table *below = i > 0 ? &p->steps[i - 1] : &p->rates;

		p->above[i] = (i > 0 ? p->above[i - 1] : 0) + 1 + rnd_wide(&rnd, 20);
		for (unsigned b = 0; b < USAGE_FIRST_UNIT; b++) {
			p->steps[i].has[b] = below->has[b];
			p->steps[i].v[b] = below->has[b] ? below->v[b] + rnd_wide(&rnd, width) : 0;
		}
	}
}

static struct price_rates pack(struct price_case *c, const struct table *t)
{
	pico_usd *out = c->room[c->used++];
	struct price_rates r = { 0, out };

	for (unsigned b = 0; b < USAGE__MAX; b++)
		if (t->has[b]) {
			r.has |= (uint64_t)1 << b;
			*out++ = (pico_usd)t->v[b];
		}
	return r;
}

static const struct price_plan *pack_plan(
	struct price_case *c, const struct plan_case *p, unsigned at)
{
	for (unsigned i = 0; i < p->n_steps; i++)
		c->packed_steps[at][i] = (struct price_step){ p->above[i], pack(c, &p->steps[i]) };
	c->plans[at] = (struct price_plan){ .rates = pack(c, &p->rates),
		.steps = c->packed_steps[at],
		.n_steps = p->n_steps,
		.has_request = p->has_request,
		.per_request = (pico_usd)p->request };
	return &c->plans[at];
}

static void pack_price(struct price_case *c)
{
	struct price *p = &c->price;

	c->used = 0;
	*p = (struct price){ .provider = STR("p"), .model = STR("m") };
	for (unsigned t = 0; t < SERVICE__MAX; t++)
		p->plan[t] = c->plan[t].there ? pack_plan(c, &c->plan[t], t) : NULL;
	p->variants = c->packed_variants;
	p->n_variants = c->n_variants;
	for (unsigned i = 0; i < c->n_variants; i++)
		c->packed_variants[i] =
			(struct price_variant){ .name = i == 0 ? STR("a") : STR("b"),
				.rates = pack(c, &c->variants[i]) };
	p->n_regions = c->has_region;
	p->regions = &c->packed_region;
	if (c->has_region)
		c->packed_region = (struct price_region){ .name = STR("up"),
			.plan = { pack_plan(c, &c->region, SERVICE__MAX) } };
	p->n_uplifts = c->uplift > 0;
	p->uplifts = &c->packed_uplift;
	c->packed_uplift = (struct price_uplift){ STR("up"), c->uplift };
}

static void random_price(struct price_case *c)
{
	random_plan(&c->plan[SERVICE_STANDARD]);
	for (unsigned t = 1; t < SERVICE__MAX; t++)
		if (chance(4))
			random_plan(&c->plan[t]);
		else
			c->plan[t].there = false;
	c->n_variants = chance(3) ? (unsigned)(rnd_next(&rnd) % (NAMED + 1)) : 0;
	for (unsigned i = 0; i < c->n_variants; i++)
		random_table(&c->variants[i], 0, USAGE__MAX);
	c->has_region = chance(4);
	if (c->has_region)
		random_plan(&c->region);
	c->uplift = chance(3) ? (int64_t)(rnd_next(&rnd) % 20000) : 0;
	pack_price(c);
}

static struct usage random_usage(void)
{
	struct usage u = { .n = { 0 } };
	uint64_t which = rnd_next(&rnd) & rnd_next(&rnd);

	for (unsigned b = 0; b < USAGE__MAX; b++)
		if ((which >> b & 1) != 0)
			u.n[b] = rnd_wide(&rnd, width);
	return u;
}

static struct rate_terms random_terms(void)
{
	static const struct str variants[] = { { "", 0 }, { "a", 1 }, { "b", 1 }, { "other", 5 } };

	return (struct rate_terms){ .tier = (enum service_tier)(rnd_next(&rnd) % SERVICE__MAX),
		.region = chance(2) ? STR("up") : STR("elsewhere"),
		.variant = variants[rnd_next(&rnd) % TG_ARRAY_LEN(variants)] };
}

/* ---- the oracle */

static const struct plan_case *oracle_plan(const struct price_case *c, const struct rate_terms *t)
{
	bool here = c->has_region && str_eq(t->region, STR("up"));

	if (here && t->tier == SERVICE_STANDARD)
		return &c->region;
	if (c->plan[t->tier].there)
		return &c->plan[t->tier];
	return here ? &c->region : &c->plan[SERVICE_STANDARD];
}

/* The dearest variant's; false: none has it. */
static bool oracle_dearest(const struct price_case *c, unsigned b, uint64_t *out)
{
	bool found = false;

	*out = 0;
	for (unsigned i = 0; i < c->n_variants; i++)
		if (c->variants[i].has[b]) {
			*out = TG_MAX(*out, c->variants[i].v[b]);
			found = true;
		}
	return found;
}

static bool oracle_stated(const struct price_case *c, const struct table *base, struct str variant,
	unsigned b, uint64_t *out)
{
	const unsigned named = variant.n == 1 ? (unsigned)(variant.p[0] - 'a') : NAMED;
	uint64_t dearest;
	bool any = oracle_dearest(c, b, &dearest);

	*out = base->v[b];
	if (named < c->n_variants) {
		if (c->variants[named].has[b])
			*out = c->variants[named].v[b];
		return c->variants[named].has[b] || base->has[b];
	}
	if (any && (variant.n > 0 || !base->has[b]))
		*out = TG_MAX(*out, dearest);
	return any || base->has[b];
}

/* -1: no price. The sum without limits. */
static int oracle_cost(const struct price_case *c, const struct usage *u,
	const struct rate_terms *t, struct big *out)
{
	const struct plan_case *p = oracle_plan(c, t);
	const struct table *tokens = &p->rates;
	struct big sum = big_u64(p->has_request ? p->request : 0), input = big_u64(0);

	for (unsigned b = 0; b < USAGE_FIRST_OUTPUT; b++)
		input = big_add(input, big_u64(u->n[b]));
	for (unsigned i = 0; i < p->n_steps; i++)
		if (input.d[2] != 0 || ((uint64_t)input.d[1] << 32 | input.d[0]) > p->above[i])
			tokens = &p->steps[i];
	for (unsigned b = 0; b < USAGE__MAX; b++) {
		unsigned up = b;
		uint64_t rate;

		if (u->n[b] == 0)
			continue;
		while (!oracle_stated(
			c, b < USAGE_FIRST_UNIT ? tokens : &p->rates, t->variant, up, &rate)) {
			up = usage_bucket_parent((enum usage_bucket)up);
			if (up == USAGE_NONE)
				return -1;
		}
		sum = big_add(sum, big_mul(big_u64(u->n[b]), big_u64(rate)));
	}
	if (c->uplift > 0 && str_eq(t->region, STR("up")))
		sum = big_div_up(big_mul(sum, big_u64(10000 + (uint64_t)c->uplift)), 10000);
	*out = sum;
	return 0;
}

/* ---- the tests */

static struct price_case c;
static struct pricebook *book; /* whose arena holds worst cases */

static void renew_book(void)
{
	static const char empty[] = "{\"format\": \"tollgate-prices/2\", \"prices\": []}";
	char err[256];

	pricebook_free(book);
	book = pricebook_parse(str_z(empty), "t", err, sizeof err);
	ck_assert_msg(book != NULL, "%s", err);
}

static void teardown(void)
{
	pricebook_free(book);
	book = NULL;
}

/* Figures small and so wide that some sums do not fit. */
static void next_case(int i)
{
	width = i % 8 == 0 ? 44 : i % 2 == 0 ? 34 : 20;
	if (i % 4096 == 0)
		renew_book();
}

START_TEST(equals_exact_arithmetic)
{
	int fits = 0, unpriced = 0, overflows = 0;

	for (int i = 0; i < CASES; i++) {
		struct usage u;
		struct rate_terms t;
		struct big want;
		pico_usd got = -7;
		int64_t exact;
		int rc;

		next_case(i);
		if (i % 4 == 0)
			random_price(&c);
		u = random_usage();
		t = random_terms();
		rc = price_cost(&c.price, &u, &t, &got, NULL);
		if (oracle_cost(&c, &u, &t, &want) != 0) {
			unpriced++;
			if (rc != -1 || got != -7)
				ck_abort_msg("case %d has a price: %lld", i, (long long)got);
		} else if (!big_fits(want, &exact)) {
			overflows++;
			if (rc != -1 || got != -7)
				ck_abort_msg("case %d: an overflow became %lld", i, (long long)got);
		} else {
			fits++;
			if (rc != 0 || got != exact)
				ck_abort_msg("case %d: %lld, not %lld", i, (long long)got,
					(long long)exact);
		}
	}
	ck_assert_int_gt(fits, CASES / 4);
	ck_assert_int_gt(unpriced, CASES / 20);
	ck_assert_int_gt(overflows, CASES / 100);
}
END_TEST

/* All input of `u` as plain input, all output as plain output, families of units in their root. */
static struct usage gathered(const struct usage *u)
{
	struct usage most = { .n = { 0 } };

	for (unsigned b = 0; b < USAGE__MAX; b++) {
		enum usage_bucket root = (enum usage_bucket)b;

		while (usage_bucket_parent(root) != USAGE_NONE)
			root = usage_bucket_parent(root);
		most.n[root] += u->n[b];
	}
	return most;
}

START_TEST(nothing_costs_more_than_its_bound)
{
	int compared = 0;

	for (int i = 0; i < CASES / 4; i++) {
		struct usage u, most;
		struct rate_terms t;
		pico_usd cost, bound;

		next_case(i);
		if (i % 4 == 0) {
			random_price(&c);
			price_finish(book, &c.price);
		}
		u = random_usage();
		most = chance(2) ? gathered(&u) : u;
		t = random_terms();
		if (price_bound(&c.price, &most, &bound) != 0 ||
			price_cost(&c.price, &u, &t, &cost, NULL) != 0)
			continue;
		compared++;
		if (cost > bound)
			ck_abort_msg("case %d costs %lld, more than %lld", i, (long long)cost,
				(long long)bound);
	}
	ck_assert_int_gt(compared, CASES / 16);
}
END_TEST

/* More of a bucket, or a dearer one, never costs less. */
START_TEST(more_is_never_cheaper)
{
	int compared = 0;

	for (int i = 0; i < CASES / 4; i++) {
		struct usage u, more;
		struct rate_terms t;
		pico_usd cost, higher;
		unsigned b = (unsigned)(rnd_next(&rnd) % USAGE__MAX);
		uint64_t rise;

		next_case(i);
		random_price(&c);
		more = u = random_usage();
		t = random_terms();
		if (price_cost(&c.price, &u, &t, &cost, NULL) != 0)
			continue;
		rise = rnd_wide(&rnd, 12);
		more.n[b] += rise;
		if (price_cost(&c.price, &more, &t, &higher, NULL) == 0) {
			compared++;
			if (higher < cost)
				ck_abort_msg("case %d: more usage, less cost", i);
		}
		for (unsigned s = 0; s < SERVICE__MAX; s++) {
			c.plan[s].rates.v[b] += c.plan[s].rates.has[b] ? rise : 0;
			for (unsigned k = 0; k < c.plan[s].n_steps; k++)
				c.plan[s].steps[k].v[b] += c.plan[s].steps[k].has[b] ? rise : 0;
		}
		pack_price(&c);
		if (price_cost(&c.price, &u, &t, &higher, NULL) == 0 && higher < cost)
			ck_abort_msg("case %d: a higher price, less cost", i);
	}
	ck_assert_int_gt(compared, CASES / 32);
}
END_TEST

/*
 * A request in two: the parts' rounded costs are at least the whole's and at most a nano-dollar for
 * each part more (and a pico for its uplift). Without what is per request, and steps, which look at
 * the whole.
 */
START_TEST(parts_cost_what_the_whole_does)
{
	int compared = 0;

	for (int i = 0; i < CASES / 4; i++) {
		struct usage whole, part = { .n = { 0 } }, rest;
		struct rate_terms t;
		pico_usd all, one, other;
		nano_usd sum;

		next_case(i);
		random_price(&c);
		for (unsigned s = 0; s < SERVICE__MAX; s++) {
			c.plans[s].n_steps = 0;
			c.plans[s].has_request = false;
		}
		c.plans[SERVICE__MAX].n_steps = 0;
		c.plans[SERVICE__MAX].has_request = false;
		whole = random_usage();
		t = random_terms();
		for (unsigned b = 0; b < USAGE__MAX; b++) {
			part.n[b] = whole.n[b] > 0 ? rnd_next(&rnd) % (whole.n[b] + 1) : 0;
			rest.n[b] = whole.n[b] - part.n[b];
		}
		if (price_cost(&c.price, &whole, &t, &all, NULL) != 0)
			continue;
		compared++;
		if (price_cost(&c.price, &part, &t, &one, NULL) != 0 ||
			price_cost(&c.price, &rest, &t, &other, NULL) != 0)
			ck_abort_msg("case %d: a part has no price", i);
		sum = money_nano_up(one) + money_nano_up(other);
		if (one + other < all || one + other > all + 1 || sum < money_nano_up(all) ||
			sum > money_nano_up(all) + 2)
			ck_abort_msg("case %d: %lld + %lld, not %lld", i, (long long)one,
				(long long)other, (long long)all);
	}
	ck_assert_int_gt(compared, CASES / 32);
}
END_TEST

/* Discount and markup of a cost, as they come one after the other: exact, rounded up each time. */
START_TEST(discount_and_markup)
{
	for (int i = 0; i < CASES; i++) {
		int64_t off = -(int64_t)(rnd_next(&rnd) % 10001), on = (int64_t)rnd_wide(&rnd, 17);
		pico_usd list = (pico_usd)rnd_wide(&rnd, 50), contracted, billed;
		struct big want = big_div_up(
			big_mul(big_u64((uint64_t)list), big_u64((uint64_t)(10000 + off))), 10000);
		int64_t exact;

		if (money_markup(list, off, &contracted) != 0 || !big_fits(want, &exact) ||
			contracted != exact || contracted > list)
			ck_abort_msg("case %d: a discount", i);
		want = big_div_up(big_mul(want, big_u64((uint64_t)(10000 + on))), 10000);
		if (money_markup(contracted, on, &billed) != 0 || !big_fits(want, &exact) ||
			billed != exact || billed < contracted)
			ck_abort_msg("case %d: a markup", i);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, equals_exact_arithmetic);
	tcase_add_test(tc, nothing_costs_more_than_its_bound);
	tcase_add_test(tc, more_is_never_cheaper);
	tcase_add_test(tc, parts_cost_what_the_whole_does);
	tcase_add_test(tc, discount_and_markup);
}

UNIT_MAIN("price_random", tests)
