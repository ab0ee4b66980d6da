/*
 * check_circuit.c: a circuit opens after failures, for longer each time, lets one probe through at
 * a time, closes after good ones and starts slowly; outliers are found, and never too many.
 */
#include "unit/unit.h"

#include "route/circuit.h"

#define S 1000000

static struct circuit c;

static void setup(void)
{
	memset(&c, 0, sizeof c);
}

static mono_us at(int64_t us)
{
	return (mono_us){ 1000 * (int64_t)S + us };
}

/* Fails until it is open. How often. */
static unsigned open_it(mono_us now, unsigned halves, uint32_t random)
{
	unsigned n = 1;

	while (!circuit_failure(&c, now, halves, false, random))
		n++;
	return n;
}

START_TEST(opens)
{
	ck_assert_int_eq(circuit_state(&c, at(0)), CIRCUIT_CLOSED);
	ck_assert_uint_eq(open_it(at(0), 2, 0), CIRCUIT_FAILURES);
	ck_assert_int_eq(circuit_state(&c, at(0)), CIRCUIT_OPEN);
	ck_assert_int_eq(circuit_state(&c, at(CIRCUIT_OPEN_US - 1)), CIRCUIT_OPEN);
	ck_assert_int_eq(circuit_state(&c, at(CIRCUIT_OPEN_US)), CIRCUIT_HALF_OPEN);
	setup();
	ck_assert_uint_eq(open_it(at(0), 1, 0), 2 * CIRCUIT_FAILURES);
	setup(); /* by the rate alone */
	ck_assert(circuit_failure(&c, at(0), 2, true, 0));
}
END_TEST

/* Failures that are not in a row never open it. */
START_TEST(not_in_a_row)
{
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 1; k < CIRCUIT_FAILURES; k++)
			ck_assert(!circuit_failure(&c, at(i), 2, false, 0));
		circuit_success(&c, at(i));
	}
}
END_TEST

/* 5 10 20 40 60 60 ... seconds, and chance takes up to a quarter off. */
START_TEST(longer_each_time)
{
	static const int64_t want[] = { 5 * S, 10 * S, 20 * S, 40 * S, 60 * S, 60 * S };
	int64_t now = 0, open;

	(void)open_it(at(now), 2, 0);
	for (unsigned i = 0; i < 100; i++) {
		open = atomic_load(&c.open_until_us) - at(now).us;
		ck_assert_int_eq(open, want[TG_MIN(i, 5u)]);
		now += open;
		ck_assert_int_eq(circuit_state(&c, at(now)), CIRCUIT_HALF_OPEN);
		ck_assert(circuit_failure(&c, at(now), 2, false, 0)); /* one is enough */
	}
	for (uint32_t r = 0; r < 65536; r += 4095) {
		setup();
		(void)open_it(at(0), 2, r | 0xabcd0000);
		open = atomic_load(&c.open_until_us) - at(0).us;
		ck_assert(open <= 5 * S && open > 5 * S * 3 / 4);
	}
}
END_TEST

START_TEST(probes_and_closes)
{
	int64_t now = CIRCUIT_OPEN_US;

	(void)open_it(at(0), 2, 0);
	ck_assert(!circuit_wants_probe(&c, at(now - 1)));
	ck_assert(circuit_wants_probe(&c, at(now)));
	ck_assert(circuit_probe_begin(&c));
	ck_assert(!circuit_wants_probe(&c, at(now)));
	ck_assert(!circuit_probe_begin(&c));
	circuit_success(&c, at(now));
	circuit_probe_end(&c);
	ck_assert_int_eq(circuit_state(&c, at(now)), CIRCUIT_HALF_OPEN);
	ck_assert(circuit_probe_begin(&c));
	circuit_success(&c, at(now));
	circuit_probe_end(&c);
	ck_assert_int_eq(circuit_state(&c, at(now)), CIRCUIT_CLOSED);
	/* soon after that the next time is the second; after long quiet it is the first again */
	(void)open_it(at(now + S), 2, 0);
	ck_assert_int_eq(atomic_load(&c.open_until_us), at(now + S + 2 * CIRCUIT_OPEN_US).us);
	circuit_success(&c, at(now));
	circuit_success(&c, at(now));
	now += 2 * (int64_t)CIRCUIT_FORGET_US;
	(void)open_it(at(now), 2, 0);
	ck_assert_int_eq(atomic_load(&c.open_until_us), at(now + CIRCUIT_OPEN_US).us);
	circuit_reset(&c);
	ck_assert_int_eq(circuit_state(&c, at(now)), CIRCUIT_CLOSED);
}
END_TEST

START_TEST(slow_start)
{
	uint32_t last = 0;

	ck_assert_uint_eq(circuit_share(&c, 0, at(0)), 1024);
	(void)open_it(at(0), 2, 0);
	for (unsigned i = 0; i < CIRCUIT_GOOD; i++)
		circuit_success(&c, at(CIRCUIT_OPEN_US));
	for (int64_t t = 0; t <= CIRCUIT_SLOW_US; t += S) {
		uint32_t share = circuit_share(&c, 0, at(CIRCUIT_OPEN_US + t));

		ck_assert_uint_gt(share, last);
		last = share;
		if (t == 0)
			ck_assert_uint_eq(share, 102);
	}
	ck_assert_uint_eq(last, 1024);
	setup(); /* and a newcomer */
	ck_assert_uint_eq(circuit_share(&c, at(0).us, at(0)), 102);
	ck_assert_uint_eq(circuit_share(&c, at(0).us, at(CIRCUIT_SLOW_US)), 1024);
}
END_TEST

START_TEST(ejection)
{
	int64_t now = 0, until;

	for (unsigned i = 1; i <= 20; i++) {
		circuit_eject(&c, at(now));
		until = atomic_load(&c.ejected_until_us);
		ck_assert_int_eq(until - at(now).us,
			TG_MIN((int64_t)i * CIRCUIT_EJECT_US, (int64_t)CIRCUIT_EJECT_MAX_US));
		ck_assert(circuit_is_ejected(&c, at(now)));
		now = until - at(0).us;
		ck_assert(!circuit_is_ejected(&c, at(now)));
	}
	circuit_eject(&c, at(now + CIRCUIT_FORGET_US + 1));
	ck_assert_int_eq(atomic_load(&c.ejected_until_us),
		at(now + CIRCUIT_FORGET_US + 1 + CIRCUIT_EJECT_US).us);
}
END_TEST

#define P(permille) (65536 * (permille) / 1000)

static const struct {
	struct outlier v[6];
	unsigned n;
	int want;
} sets[] = {
	{ { { P(300), 50, false }, { P(10), 50, false }, { P(10), 50, false } }, 3, 0 },
	{ { { P(10), 50, false }, { P(10), 50, false }, { P(900), 50, false } }, 3, 2 },
	/* all fail: nobody stands out */
	{ { { P(300), 50, false }, { P(280), 50, false }, { P(310), 50, false } }, 3, -1 },
	/* one of two */
	{ { { P(900), 50, false }, { P(0), 50, false } }, 2, -1 },
	/* too few to say */
	{ { { P(900), 19, false }, { P(0), 50, false }, { P(0), 50, false } }, 3, -1 },
	/* not often enough */
	{ { { P(150), 50, false }, { P(0), 50, false }, { P(0), 50, false } }, 3, -1 },
	/* fewer than half would be left */
	{ { { P(900), 50, false }, { P(0), 50, false }, { P(0), 50, false }, { 0, 50, true },
		  { 0, 50, true }, { 0, 50, true } },
		6, -1 },
	{ { { P(900), 50, false }, { P(0), 50, false }, { P(0), 50, false }, { 0, 50, true } }, 4,
		0 },
};

START_TEST(outliers)
{
	ck_assert_int_eq(outlier_find(sets[_i].v, sets[_i].n), sets[_i].want);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, opens);
	tcase_add_test(tc, not_in_a_row);
	tcase_add_test(tc, longer_each_time);
	tcase_add_test(tc, probes_and_closes);
	tcase_add_test(tc, slow_start);
	tcase_add_test(tc, ejection);
	tcase_add_loop_test(tc, outliers, 0, sizeof sets / sizeof *sets);
}

UNIT_MAIN("circuit", tests)
