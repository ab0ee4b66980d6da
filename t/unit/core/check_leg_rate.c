/*
 * check_leg_rate.c: what a leg cost: list, contracted and billed with their roundings; which price
 * applies, and what stands in where none is known, or where a figure is beyond all counters.
 */
#include "unit/core/leg.h"

/* ---- list, contracted, billed */

static const struct {
	int64_t discount_bp, markup_bp;
	uint64_t in, out;
	int64_t reported; /* -1: the provider says nothing of money */
	pico_usd list, contracted, billed;
} margins[] = {
	{ 0, 0, 1, 3, -1, 10, 10, 10 },
	{ 3333, 0, 1, 3, -1, 10, 7, 7 },    /* 6.667 */
	{ 0, 1500, 1, 3, -1, 10, 10, 12 },  /* 11.5 */
	{ 3333, 1500, 1, 3, -1, 10, 7, 9 }, /* 8.05 of the 7 that are paid, not 7.67 */
	{ 1, 1, 0, 1, -1, 3, 3, 4 },        /* up, both times */
	{ 5000, 10000, 2, 2, -1, 8, 4, 8 },
	{ 10000, 1500, 1, 3, -1, 10, 0, 0 },
	{ 0, 100000, 1, 3, -1, 10, 10, 110 },
	/* what the provider says replaces list and discount, for what is paid */
	{ 3333, 1500, 1, 3, 5, 10, 5, 6 }, /* 5.75 */
	{ 0, 0, 1, 3, 4000, 10, 4000, 4000 },
	{ 0, 1500, 1, 3, 0, 10, 0, 0 },
	{ 0, 0, 0, 0, -1, 0, 0, 0 },
};

START_TEST(list_contracted_billed)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(margins); i++) {
		struct req *r;
		const struct rec_money *m;

		cfg_target.discount_bp = margins[i].discount_bp;
		cfg_tenant.markup_bp = margins[i].markup_bp;
		r = answered(CHAT, "tiny", tokens(margins[i].in, margins[i].out));
		r->has_cost_reported = margins[i].reported >= 0;
		r->cost_reported = TG_MAX(margins[i].reported, 0);
		leg_charge(r, SETTLE_BY_PROVIDER);
		m = &r->leg.money;
		ck_assert_msg(m->list == margins[i].list, "%zu: list %lld", i, (long long)m->list);
		ck_assert_msg(m->contracted == margins[i].contracted, "%zu: contracted %lld", i,
			(long long)m->contracted);
		ck_assert_msg(m->billed == margins[i].billed, "%zu: billed %lld", i,
			(long long)m->billed);
		ck_assert_int_eq(m->reported, r->cost_reported);
		ck_assert_uint_eq(
			m->flags & MONEY_REPORTED, margins[i].reported >= 0 ? MONEY_REPORTED : 0);
		ck_assert_uint_eq(m->price_version, price_version(r->leg.price));
		ck_assert_int_eq(r->leg.charge, CHARGE_USAGE);
		ck_assert_int_eq(r->leg.quality, QUALITY_EXACT);
		over();
	}
}
END_TEST

/* A path of a target's own has no tenant when keys are not asked for. */
START_TEST(without_a_tenant)
{
	struct req *r = answered(CHAT, "tiny", tokens(1, 3));

	cfg_tenant.markup_bp = 1500;
	r->tenant = NULL;
	leg_charge(r, SETTLE_BY_PROVIDER);
	ck_assert_int_eq(r->leg.money.billed, 10);
	over();
}
END_TEST

static const struct {
	const char *path, *model;
	uint64_t n; /* as asked for */
	pico_usd list, billed;
	bool generation;
} generations[] = {
	{ IMAGES, "img", 1, 4 * CENT, 50 * CENT, true },
	{ IMAGES, "img", 3, 12 * CENT, 150 * CENT, true },
	{ IMAGES, "img", 0, 4 * CENT, 50 * CENT, true },
	{ "/v1/images/edits", "img", 2, 8 * CENT, 100 * CENT, true },
	{ "/v1/audio/speech", "speech", 1, 20 * CENT, 50 * CENT, true },
	{ "/v1/audio/transcriptions", "speech", 1, 20 * CENT, 24 * CENT, false },
	{ CHAT, "tiny", 5, 10, 12, false },
	{ IMAGES, "gratis", 2, 0, 0, false },
};

START_TEST(a_tier_s_price_of_a_generation)
{
	cfg_tier.generation_price = 50 * CENT;
	tenant.tier_cfg = &cfg_tier;
	cfg_tenant.markup_bp = 2000;
	for (size_t i = 0; i < TG_ARRAY_LEN(generations); i++) {
		bool img = strcmp(generations[i].model, "img") == 0,
		     speech = strcmp(generations[i].model, "speech") == 0;
		struct req *r = asking("POST", generations[i].path, generations[i].model);

		r->bound.n = generations[i].n;
		leg_begin(r);
		r->leg.sent = r->leg.sent_whole = r->leg.complete = true;
		r->leg.status = 200;
		r->meter = &told_meter;
		told.source = USAGE_PROVIDER;
		told.whole = true;
		told.figures = img || speech ? (struct usage){ .n = { 0 } } : tokens(1, 3);
		if (img)
			told.figures.n[USAGE_IMAGES] = TG_MAX(generations[i].n, 1u);
		if (speech)
			told.figures.n[USAGE_IN_CHARACTERS] = 20;
		leg_charge(r, SETTLE_BY_PROVIDER);
		ck_assert_msg(r->leg.money.list == generations[i].list, "%zu: list %lld", i,
			(long long)r->leg.money.list);
		ck_assert_int_eq(r->leg.money.contracted, generations[i].list);
		ck_assert_msg(r->leg.money.billed == generations[i].billed, "%zu: billed %lld", i,
			(long long)r->leg.money.billed);
		ck_assert_int_eq(
			(r->leg.money.flags & MONEY_GENERATION) != 0, generations[i].generation);
		over();
	}
}
END_TEST

/* Nobody reads what a film used: the stated price of a request, and what the tier says. */
START_TEST(unread)
{
	for (int tiered = 0; tiered < 2; tiered++) {
		struct req *r;

		tenant.tier_cfg = tiered ? &cfg_tier : NULL;
		cfg_tier.generation_price = 7 * CENT;
		cfg_tenant.markup_bp = 2000;
		r = asking("POST", "/v1/videos", "");
		leg_begin(r);
		ck_assert_int_eq(r->leg.bound_money.list, 50 * CENT);
		ck_assert_int_eq(r->leg.bound_money.billed, tiered ? 7 * CENT : 60 * CENT);
		r->leg.sent = r->leg.sent_whole = r->leg.complete = true;
		r->leg.status = 200;
		leg_charge(r, SETTLE_BY_PROVIDER);
		ck_assert_int_eq(r->leg.charge, CHARGE_UNREAD);
		ck_assert_int_eq(r->leg.quality, QUALITY_ESTIMATED);
		ck_assert_int_eq(r->leg.money.list, 50 * CENT);
		ck_assert_int_eq(r->leg.money.billed, tiered ? 7 * CENT : 60 * CENT);
		ck_assert((r->leg.money.flags & MONEY_UNPRICED) != 0);
		over();
	}
}
END_TEST

/* No request has a stated price: such a path costs something all the same, as its bound says. */
START_TEST(unread_and_unstated)
{
	static const struct {
		const char *path;
		pico_usd billed;
	} rows[] = { { "/v1/videos", 7 * CENT }, { "/v1/batches", 5 * CENT } };

	teardown();
	start(UNPRICED " }");
	tenant.tier_cfg = &cfg_tier;
	cfg_tier.generation_price = 7 * CENT;
	cfg_tenant.markup_bp = 10000;
	cfg_target.discount_bp = 5000;
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct req *r = asking("POST", rows[i].path, "");

		leg_begin(r);
		r->leg.sent = r->leg.sent_whole = r->leg.complete = true;
		r->leg.status = 200;
		leg_charge(r, SETTLE_BY_PROVIDER);
		ck_assert_int_eq(r->leg.money.list, 5 * CENT);
		ck_assert_int_eq(r->leg.money.contracted, 5 * CENT / 2);
		ck_assert_int_eq(r->leg.money.billed, rows[i].billed);
		ck_assert_uint_eq(r->leg.money.flags & MONEY_OVER, 0);
		ck_assert_int_eq(r->leg.bound_money.list, r->leg.money.list);
		ck_assert_int_eq(r->leg.bound_money.billed, r->leg.money.billed);
		ck_assert_uint_eq(r->leg.bound_money.flags, r->leg.money.flags);
		over();
	}
}
END_TEST

/* ---- which price */

static const struct {
	const char *model, *served, *tier, *region;
	uint64_t in, out;
	pico_usd list;
	uint32_t flags;
} priced[] = {
	{ "wide", "", "", "", 10, 10, 60, 0 },
	{ "wide", "", "default", "", 10, 10, 60, 0 },
	{ "wide", "", "flex", "", 10, 10, 30, 0 },
	{ "wide", "", "priority", "", 10, 10, 120, 0 },
	{ "tiny", "", "priority", "", 10, 10, 40, MONEY_SERVICE },
	/* a tier that nobody knows: the dearest of the model's own */
	{ "wide", "", "scale", "", 10, 10, 120, MONEY_UNPRICED },
	/* the model that the answer names, if that has a price */
	{ "wide", "tiny", "", "", 10, 10, 40, 0 },
	{ "wide", "tiny-2026-01-31", "", "", 10, 10, 40, 0 },
	{ "wide", "nobody-s", "", "", 10, 10, 60, 0 },
	{ "nobody-s", "tiny", "", "", 10, 10, 40, 0 },
	/* no price at all: the stated one, a request's included */
	{ "nobody-s", "", "", "", 10, 10, 500000000000 + 10 * 10 + 10 * 20, MONEY_UNPRICED },
	/* where it was served: 1.1, rounded up */
	{ "local", "", "", "", 1, 4, 5, 0 },
	{ "local", "", "", "us", 1, 4, 6, MONEY_REGION },
	{ "local", "", "", "eu", 1, 4, 5, 0 },
	{ "gratis", "", "", "", 10, 10, 0, 0 },
};

START_TEST(the_price_that_applies)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(priced); i++) {
		struct req *r =
			answered(CHAT, priced[i].model, tokens(priced[i].in, priced[i].out));

		r->model_served = str_z(priced[i].served);
		r->service_tier = str_z(priced[i].tier);
		r->served_region = str_z(priced[i].region);
		leg_charge(r, SETTLE_BY_PROVIDER);
		ck_assert_msg(r->leg.money.list == priced[i].list, "%zu: list %lld", i,
			(long long)r->leg.money.list);
		ck_assert_msg(r->leg.money.flags == priced[i].flags ||
				      r->leg.money.flags == (priced[i].flags | MONEY_OVER),
			"%zu: flags %u", i, r->leg.money.flags);
		UNIT_STR_EQ(r->leg.region, str_z(priced[i].region));
		ck_assert_uint_ne(r->leg.money.price_version, 0);
		over();
	}
}
END_TEST

/* The answer does not say where: as the target is configured. */
START_TEST(the_target_s_region)
{
	struct req *r;

	cfg_target.region = STR("us");
	r = answered(CHAT, "local", tokens(1, 4));
	UNIT_STR_EQ(r->leg.region, STR("us"));
	leg_charge(r, SETTLE_BY_PROVIDER);
	ck_assert_int_eq(r->leg.money.list, 6);
	UNIT_STR_EQ(r->leg.region, STR("us"));
	over();
}
END_TEST

/* Of an adviser: by its own price, added before the margins; both are the request's usage. */
START_TEST(a_second_model)
{
	static const struct {
		const char *model;
		pico_usd list, contracted;
		uint32_t flags;
	} rows[] = { { "wide", 10 + 14, 12, 0 },
		{ "nobody-s", 10 + 500000000000 + 30 + 40, 250000000040, MONEY_UNPRICED } };

	cfg_target.discount_bp = 5000;
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct req *r = answered(CHAT, "tiny", tokens(1, 3));

		r->has_extra = true;
		r->extra = tokens(3, 2);
		r->extra_model = str_z(rows[i].model);
		leg_charge(r, SETTLE_BY_PROVIDER);
		ck_assert_int_eq(r->leg.money.list, rows[i].list);
		ck_assert_int_eq(r->leg.money.contracted, rows[i].contracted);
		ck_assert_uint_eq(r->leg.money.flags & MONEY_UNPRICED, rows[i].flags);
		ck_assert_uint_eq(r->leg.money.price_version, price_version(r->leg.price));
		ck_assert_uint_eq(r->leg.usage.n[USAGE_IN], 4);
		ck_assert_uint_eq(r->leg.usage.n[USAGE_OUT], 5);
		over();
	}
}
END_TEST

/* An answer counts images; its model is priced by the token: estimated in tokens. And the other way
 * round an estimate, given in every unit, keeps the unit that has a price. */
START_TEST(units_that_have_no_price)
{
	struct req *r = answered(IMAGES, "imgtok", (struct usage){ .n = { [USAGE_IMAGES] = 2 } });

	told.estimate = (struct usage){
		.n = { [USAGE_IN] = 5, [USAGE_OUT_IMAGE] = 100, [USAGE_IMAGES] = 2 }
	};
	told.counted = false;
	leg_charge(r, SETTLE_BY_PROVIDER);
	ck_assert_int_eq(r->leg.money.list, 205);
	ck_assert_uint_eq(r->leg.usage.n[USAGE_IMAGES], 0);
	ck_assert_uint_eq(r->leg.usage.n[USAGE_OUT_IMAGE], 100);
	ck_assert_int_eq(r->leg.quality, QUALITY_ESTIMATED);
	ck_assert_uint_eq(r->leg.money.flags & MONEY_UNPRICED, 0);
	over();

	r = answered(IMAGES, "img", (struct usage){ .n = { 0 } });
	told.source = USAGE_ABSENT;
	told.estimate = (struct usage){
		.n = { [USAGE_IN] = 5, [USAGE_OUT_IMAGE] = 100, [USAGE_IMAGES] = 2 }
	};
	leg_charge(r, SETTLE_BY_PROVIDER);
	ck_assert_int_eq(r->leg.charge, CHARGE_ESTIMATE);
	ck_assert_int_eq(r->leg.money.list, 8 * CENT);
	ck_assert_uint_eq(r->leg.usage.n[USAGE_IN], 0);
	ck_assert_int_eq(r->leg.quality, QUALITY_EXACT); /* counted */
	over();
}
END_TEST

/* Figures beyond what a counter holds: the largest stands in, and says so. */
START_TEST(overflow)
{
	struct req *r = asking("POST", CHAT, "dear");

	r->bound.input_bytes = UINT64_MAX;
	leg_begin(r);
	ck_assert_int_eq(r->leg.bound_money.list, INT64_MAX);
	ck_assert_uint_eq(r->leg.bound_money.flags & MONEY_OVERFLOW, MONEY_OVERFLOW);
	over();

	/* list alone, by a price and without one: what no price covers is estimated, and that
	 * overflows too */
	for (int i = 0; i < 2; i++) {
		r = answered(
			CHAT, i == 0 ? "dear" : "nobody-s", tokens(UINT64_MAX / 2, UINT64_MAX / 2));
		leg_charge(r, SETTLE_BY_PROVIDER);
		ck_assert_int_eq(r->leg.money.list, INT64_MAX);
		ck_assert_int_eq(r->leg.money.billed, INT64_MAX);
		ck_assert_uint_eq(r->leg.money.flags & (MONEY_OVERFLOW | MONEY_UNPRICED),
			MONEY_OVERFLOW | MONEY_UNPRICED);
		over();
	}

	/* the markup of what just fits */
	cfg_tenant.markup_bp = 10000;
	r = answered(CHAT, "dear", tokens(9000000, 0));
	leg_charge(r, SETTLE_BY_PROVIDER);
	ck_assert_int_eq(r->leg.money.contracted, INT64_C(9000000) * PICO_PER_USD);
	ck_assert_int_eq(r->leg.money.billed, INT64_MAX);
	ck_assert_uint_eq(r->leg.money.flags & MONEY_OVERFLOW, MONEY_OVERFLOW);
	over();

	/* two models' sum */
	r = answered(CHAT, "dear", tokens(9000000, 0));
	r->has_extra = true;
	r->extra_model = STR("dear");
	r->extra = tokens(9000000, 0);
	leg_charge(r, SETTLE_BY_PROVIDER);
	ck_assert_int_eq(r->leg.money.list, INT64_MAX);
	ck_assert_uint_eq(r->leg.usage.n[USAGE_IN], 18000000);
	over();

	/* and of tokens, which cost nothing here */
	r = answered(CHAT, "gratis", tokens(UINT64_MAX - 1, 1));
	r->has_extra = true;
	r->extra_model = STR("gratis");
	r->extra = tokens(2, 1);
	leg_charge(r, SETTLE_BY_PROVIDER);
	ck_assert_uint_eq(r->leg.usage.n[USAGE_IN], UINT64_MAX);
	ck_assert_uint_eq(r->leg.usage.n[USAGE_OUT], 2);
	ck_assert_int_eq(r->leg.money.list, 0);
	over();

	/* generations */
	tenant.tier_cfg = &cfg_tier;
	cfg_tier.generation_price = INT64_MAX / 2;
	r = asking("POST", IMAGES, "img");
	r->bound.n = 3;
	leg_begin(r);
	ck_assert_int_eq(r->leg.bound_money.billed, INT64_MAX);
	ck_assert_uint_eq(r->leg.bound_money.flags & MONEY_OVERFLOW, MONEY_OVERFLOW);
	over();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, list_contracted_billed);
	tcase_add_test(tc, without_a_tenant);
	tcase_add_test(tc, a_tier_s_price_of_a_generation);
	tcase_add_test(tc, unread);
	tcase_add_test(tc, unread_and_unstated);
	tcase_add_test(tc, the_price_that_applies);
	tcase_add_test(tc, the_target_s_region);
	tcase_add_test(tc, a_second_model);
	tcase_add_test(tc, units_that_have_no_price);
	tcase_add_test(tc, overflow);
}

UNIT_MAIN("leg_rate", tests)
