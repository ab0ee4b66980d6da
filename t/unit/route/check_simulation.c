/*
 * check_simulation.c: many gateways' worth of choices against providers of a model, in virtual
 * time: no herding, no black hole, no crowd at a newcomer, recovery, limits far in the future,
 * panic when all are down. The parts are those of src/route, put together as core/choice.c does;
 * time and chance are the test's, so every run is the same.
 */
#include "unit/unit.h"

#include "route/pick.h"
#include "route/score.h"
#include "route/spot.h"

#define S        1000000
#define N        4 /* providers */
#define GATEWAYS 8 /* each with spots of its own: nothing is shared between them */
#define SLOTS    4096
#define STEP     1000 /* us */

struct provider {
	pico_usd cost;
	int64_t base_us; /* an idle answer */
	int capacity;    /* requests a second */
	int failing;     /* per cent of answers, at once */
	bool hole;       /* all fail within a millisecond */
	double queue;    /* requests that wait */
	unsigned asked, failed;
};

struct flight {
	int64_t due;
	uint8_t gateway, provider;
	bool bad;
	int64_t began;
};

static struct provider p[N];
static struct spot *spots[GATEWAYS][N];
static struct flight flights[SLOTS];
static int64_t now_us;
static uint32_t rng;
static unsigned errors, retried, served;
static struct score_rule rule;
static int last[GATEWAYS];

static uint32_t draw(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return rng;
}

static mono_us now(void)
{
	return (mono_us){ now_us };
}

static void setup(void)
{
	static const struct provider usual[N] = {
		{ .cost = 2500000, .base_us = 500000, .capacity = 40 },
		{ .cost = 3000000, .base_us = 500000, .capacity = 40 },
		{ .cost = 5000000, .base_us = 400000, .capacity = 40 },
		{ .cost = 10000000, .base_us = 300000, .capacity = 80 }
	};

	memcpy(p, usual, sizeof p);
	memset(flights, 0, sizeof flights);
	for (unsigned g = 0; g < GATEWAYS; g++)
		for (unsigned i = 0; i < N; i++) {
			spots[g][i] = aligned_alloc(64, (sizeof(struct spot) + 63) / 64 * 64);
			spot_init(spots[g][i]);
		}
	now_us = 1000 * (int64_t)S;
	rng = 2463534242u;
	errors = retried = served = 0;
	rule = (struct score_rule){ .cost = 4000, .performance = 4000, .availability = 2000 };
}

static void teardown(void)
{
	for (unsigned g = 0; g < GATEWAYS; g++)
		for (unsigned i = 0; i < N; i++) {
			spot_fini(spots[g][i]);
			free(spots[g][i]);
		}
}

/* One choice of a gateway. skip: was tried already. */
static int choose(unsigned g, unsigned skip)
{
	struct score_terms terms[N];
	struct pick_item item[N];
	struct score_best best;
	struct score_rates rates;
	uint8_t row[N];
	unsigned n = 0;

	for (int panic = 0; panic < 2 && n == 0; panic++)
		for (unsigned i = 0; i < N; i++) {
			struct spot *s = spots[g][i];

			if ((skip >> i & 1) != 0)
				continue;
			if (circuit_wants_probe(&s->circuit, now()) && panic == 0)
				return (int)i;
			if (panic == 0 && (circuit_state(&s->circuit, now()) != CIRCUIT_CLOSED ||
						  atomic_load(&s->not_before_us) > now_us))
				continue;
			row[n++] = (uint8_t)i;
		}
	if (n == 0)
		return -1;
	score_best_init(&best);
	for (unsigned k = 0; k < n; k++) {
		struct spot *s = spots[g][row[k]];
		uint32_t share = circuit_share(&s->circuit, atomic_load(&s->since_us), now());
		struct spot_seen seen;

		spot_refresh(s, now());
		spot_see(s, 0, &seen);
		terms[k] = (struct score_terms){ p[row[k]].cost,
			seen.first_us == 0 ? 300000 : seen.first_us, seen.fail_q16, seen.tries_q10,
			score_load(seen.inflight, 64) };
		if (seen.first_us == 0 && seen.inflight > 0)
			terms[k].load_q10 *= 16;
		item[k].weight = share;
		score_best_add(&best, &terms[k]);
	}
	rates = score_rates_of(&rule, &best);
	for (unsigned k = 0; k < n; k++)
		item[k].score = score_of(&rates, &terms[k]).total;
	return row[pick_scored(item, n, (uint32_t[]){ draw(), draw(), draw() }, NULL)];
}

static void send(unsigned g, unsigned i)
{
	struct flight *f = flights;
	bool fails = p[i].hole || (int)(draw() % 100) < p[i].failing;
	int64_t wait = (int64_t)(p[i].queue * S / p[i].capacity);

	while (f < flights + SLOTS && f->due != 0)
		f++;
	ck_assert(f < flights + SLOTS);
	if (circuit_state(&spots[g][i]->circuit, now()) == CIRCUIT_HALF_OPEN)
		(void)!circuit_probe_begin(&spots[g][i]->circuit);
	spot_begin(spots[g][i], 0);
	p[i].asked++;
	p[i].queue += fails ? 0 : 1;
	*f = (struct flight){ now_us + (fails ? STEP : p[i].base_us + wait), (uint8_t)g, (uint8_t)i,
		fails, now_us };
}

/* A request of gateway g, sent again as often as there is somewhere to go. */
static void request(unsigned g)
{
	unsigned tried = 0;

	for (int i; (i = choose(g, tried)) >= 0; tried |= 1u << i) {
		last[g] = i;
		if (tried != 0)
			retried++;
		if (!p[i].hole && (int)(draw() % 100) >= p[i].failing) {
			int keep = p[i].failing;

			p[i].failing = 0;
			send(g, (unsigned)i);
			p[i].failing = keep;
			served++;
			return;
		}
		p[i].failed++;
		p[i].asked++;
		spot_begin(spots[g][i], 0);
		if (circuit_wants_probe(&spots[g][i]->circuit, now()))
			(void)!circuit_probe_begin(&spots[g][i]->circuit);
		circuit_failure(&spots[g][i]->circuit, now(), 2,
			spot_bad(spots[g][i], 0, now(), SPOT_FULL, STEP), draw());
		circuit_probe_end(&spots[g][i]->circuit);
		spot_end(spots[g][i], 0);
	}
	errors++;
}

static void arrive(struct flight *f)
{
	struct spot *s = spots[f->gateway][f->provider];
	bool probe = circuit_state(&s->circuit, now()) != CIRCUIT_CLOSED;

	spot_good(s, 0, now(), now_us - f->began, now_us - f->began, 1, false);
	circuit_success(&s->circuit, now());
	if (probe)
		circuit_probe_end(&s->circuit);
	spot_end(s, 0);
	f->due = 0;
}

/* per_s: over all gateways. each: called every step; may be NULL. */
static void run(int64_t us, unsigned per_s, void (*each)(void))
{
	for (int64_t end = now_us + us; now_us < end; now_us += STEP) {
		for (unsigned i = 0; i < N; i++) {
			p[i].queue -= (double)p[i].capacity * STEP / S;
			p[i].queue = TG_MAX(p[i].queue, 0.0);
		}
		for (unsigned k = 0; k < SLOTS; k++)
			if (flights[k].due != 0 && flights[k].due <= now_us)
				arrive(&flights[k]);
		if (draw() % (S / STEP) < per_s)
			request(draw() % GATEWAYS);
		if (each != NULL)
			each();
	}
}

static void forget_counts(void)
{
	for (unsigned i = 0; i < N; i++)
		p[i].asked = p[i].failed = 0;
	errors = retried = served = 0;
}

static unsigned share(unsigned i)
{
	unsigned sum = 0;

	for (unsigned k = 0; k < N; k++)
		sum += p[k].asked;
	return p[i].asked * 100 / TG_MAX(sum, 1u);
}

/* More than the cheapest ones can carry: it spreads, nobody melts down. */
START_TEST(spreads)
{
	run(120 * (int64_t)S, 90, NULL);
	ck_assert_uint_eq(errors, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_msg(share(i) >= 5 && share(i) <= 60, "provider %u: %u %%", i, share(i));
	for (unsigned i = 0; i < N; i++)
		ck_assert_msg(
			p[i].queue < 2.0 * p[i].capacity, "provider %u: %.0f wait", i, p[i].queue);
}
END_TEST

/* The same in cents, or in a currency of a thousandth: choice by choice the same. */
START_TEST(units)
{
	unsigned asked[N];

	run(30 * (int64_t)S, 60, NULL);
	for (unsigned i = 0; i < N; i++)
		asked[i] = p[i].asked;
	teardown();
	setup();
	for (unsigned i = 0; i < N; i++)
		p[i].cost *= 1000;
	run(30 * (int64_t)S, 60, NULL);
	for (unsigned i = 0; i < N; i++)
		ck_assert_msg(p[i].asked + 20 >= asked[i] && p[i].asked <= asked[i] + 20,
			"provider %u: %u, not %u", i, p[i].asked, asked[i]);
}
END_TEST

static unsigned together, looks;

static void count_together(void)
{
	unsigned most = 0, n[N] = { 0 };

	if (now_us % (S / 2) != 0)
		return;
	for (unsigned g = 0; g < GATEWAYS; g++)
		n[last[g]]++;
	for (unsigned i = 0; i < N; i++)
		most = TG_MAX(most, n[i]);
	together += most == GATEWAYS;
	looks++;
}

/* All gateways rarely choose the same. */
START_TEST(no_herd)
{
	run(20 * (int64_t)S, 90, NULL);
	together = looks = 0;
	run(60 * (int64_t)S, 90, count_together);
	ck_assert_uint_gt(looks, 100);
	ck_assert_msg(together * 10 < looks, "%u of %u", together, looks);
}
END_TEST

/* The cheapest fails within a millisecond: it must not look fast. */
START_TEST(black_hole)
{
	run(20 * (int64_t)S, 60, NULL);
	forget_counts();
	p[0].hole = true;
	run(60 * (int64_t)S, 60, NULL);
	ck_assert_uint_eq(errors, 0); /* others served all */
	ck_assert_msg(share(0) <= 6, "%u %% went into it", share(0));
}
END_TEST

/* It recovers: back within a minute, first with little. */
START_TEST(recovers)
{
	unsigned before;

	run(60 * (int64_t)S, 60, NULL);
	forget_counts();
	run(30 * (int64_t)S, 60, NULL);
	before = share(0);
	p[0].hole = true;
	run(20 * (int64_t)S, 60, NULL);
	p[0].hole = false;
	run(60 * (int64_t)S, 60, NULL);
	forget_counts();
	run(30 * (int64_t)S, 60, NULL);
	ck_assert_msg(share(0) * 2 >= before, "%u %%, before it was %u %%", share(0), before);
	ck_assert_uint_eq(errors, 0);
}
END_TEST

static unsigned crowd; /* the most at once at the newcomer, of one gateway, before it answered */

static void count_crowd(void)
{
	for (unsigned g = 0; g < GATEWAYS; g++) {
		struct spot_slot *slot = atomic_load(&spots[g][0]->slot[0]);

		if (slot != NULL && atomic_load(&slot->first_us) == 0)
			crowd = TG_MAX(crowd, atomic_load(&slot->inflight));
	}
}

/* A newcomer that is the cheapest: one look each, then a ramp. */
START_TEST(cold_start)
{
	for (unsigned g = 0; g < GATEWAYS; g++)
		spot_limit(spots[g][0], INT64_MAX);
	run(30 * (int64_t)S, 60, NULL);
	for (unsigned g = 0; g < GATEWAYS; g++) {
		spot_unlimit(spots[g][0]);
		atomic_store(&spots[g][0]->since_us, now_us);
	}
	p[0].base_us = 3 * S; /* slow at first */
	crowd = 0;
	forget_counts();
	run(3 * (int64_t)S, 60, count_crowd);
	ck_assert_msg(crowd <= 2, "%u at once", crowd);
	p[0].base_us = S / 2;
	run(60 * (int64_t)S, 60, NULL);
	forget_counts();
	run(30 * (int64_t)S, 60, NULL);
	ck_assert_msg(share(0) >= 10, "%u %%", share(0));
}
END_TEST

/* Told to stay away for an hour: nobody goes there, everybody is served. */
START_TEST(far_retry_after)
{
	run(10 * (int64_t)S, 40, NULL);
	for (unsigned g = 0; g < GATEWAYS; g++)
		spot_limit(spots[g][0], now_us + 3600 * (int64_t)S);
	forget_counts();
	run(60 * (int64_t)S, 40, NULL);
	ck_assert_uint_eq(p[0].asked, 0);
	ck_assert_uint_eq(errors, 0);
}
END_TEST

/* All are down: they are asked all the same; one that works again is found at once. */
START_TEST(panic)
{
	run(10 * (int64_t)S, 40, NULL);
	for (unsigned i = 0; i < N; i++)
		p[i].hole = true;
	run(10 * (int64_t)S, 40, NULL);
	for (unsigned g = 0; g < GATEWAYS; g++)
		for (unsigned i = 0; i < N; i++)
			ck_assert_int_ne(
				circuit_state(&spots[g][i]->circuit, now()), CIRCUIT_CLOSED);
	p[3].hole = false;
	forget_counts();
	run(5 * (int64_t)S, 40, NULL);
	ck_assert_uint_eq(errors, 0);
	ck_assert_uint_gt(served, 100);
}
END_TEST

/* Half of its answers fail: most go elsewhere, and it is not starved when it is well again. */
START_TEST(half_ill)
{
	run(30 * (int64_t)S, 60, NULL);
	p[1].failing = 50;
	run(20 * (int64_t)S, 60, NULL);
	forget_counts();
	run(60 * (int64_t)S, 60, NULL);
	ck_assert_msg(share(1) < 10, "%u %%", share(1));
	p[1].failing = 0;
	run(120 * (int64_t)S, 60, NULL);
	forget_counts();
	run(60 * (int64_t)S, 60, NULL);
	ck_assert_msg(share(1) >= 10, "%u %%", share(1));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, spreads);
	tcase_add_test(tc, units);
	tcase_add_test(tc, no_herd);
	tcase_add_test(tc, black_hole);
	tcase_add_test(tc, recovers);
	tcase_add_test(tc, cold_start);
	tcase_add_test(tc, far_retry_after);
	tcase_add_test(tc, panic);
	tcase_add_test(tc, half_ill);
}

UNIT_MAIN("simulation", tests)
