/*
 * check_spot.c: what is learned of a spot: peaks at once, better times slowly, failures as slow;
 * success as a lower bound; slots of several threads merged; old news fade.
 */
#include "unit/unit.h"

#include "route/decay.h"
#include "route/spot.h"

#define S  1000000
#define MS 1000

static struct spot *s;
static int64_t now_us;

static void setup(void)
{
	s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
	spot_init(s);
	now_us = 1000 * (int64_t)S;
}

static void teardown(void)
{
	spot_fini(s);
	free(s);
}

static mono_us now(void)
{
	return (mono_us){ now_us };
}

static struct spot_seen see(unsigned thread)
{
	struct spot_seen seen;

	now_us += SPOT_MERGE_US;
	spot_refresh(s, now());
	spot_see(s, thread, &seen);
	return seen;
}

/* A streamed answer: first token after ms, then 100 tokens of 1 ms. */
static void good(unsigned thread, int64_t ms)
{
	spot_good(s, thread, now(), ms * MS, (ms + 99) * MS, 100, false);
}

START_TEST(decays)
{
	ck_assert_uint_eq(decay_q32(-5, S), DECAY_ONE);
	ck_assert_uint_eq(decay_q32(0, S), DECAY_ONE);
	ck_assert_uint_eq(decay_q32(S, S), DECAY_ONE / 2);
	ck_assert_uint_eq(decay_q32(10 * S, S), DECAY_ONE / 1024);
	ck_assert_uint_eq(decay_q32((int64_t)1 << 62, S), 0);
	/* it falls all the way, also within a step, and 0.7071 is at a half */
	for (int64_t us = 1; us < 3 * S; us++)
		ck_assert_uint_lt(decay_q32(us, S), decay_q32(us - 1, S));
	ck_assert_uint_eq(decay_q32(S / 2, S) * 10000 >> 32, 7071);
}
END_TEST

START_TEST(nothing_known)
{
	struct spot_seen seen = see(0);

	ck_assert_uint_eq(seen.first_us, 0);
	ck_assert_uint_eq(seen.volume, 0);
	/* Beta(9, 1): 0.1 + 0.0905 */
	ck_assert_uint_ge(seen.fail_q16, 65536 * 185 / 1000);
	ck_assert_uint_le(seen.fail_q16, 65536 * 195 / 1000);
}
END_TEST

START_TEST(times)
{
	struct spot_seen seen;

	good(0, 200);
	seen = see(0);
	ck_assert_uint_eq(seen.first_us, 200 * MS);
	ck_assert_uint_eq(seen.token_ns, 1000000);
	good(0, 900); /* a peak counts at once */
	ck_assert_uint_eq(see(0).first_us, 900 * MS);
	good(0, 200); /* 0.1 s later: 1 % of the way back */
	seen = see(0);
	ck_assert_uint_lt(seen.first_us, 900 * MS);
	ck_assert_uint_gt(seen.first_us, 880 * MS);
	for (unsigned i = 0; i < 300; i++) { /* half a minute */
		now_us += S / 10;
		good(0, 200);
	}
	seen = see(0);
	ck_assert_uint_lt(seen.first_us, 240 * MS);
}
END_TEST

/* An answer in one piece: for the same length the same time in all. */
START_TEST(one_piece)
{
	struct spot_seen seen;
	uint64_t total;

	spot_good(s, 0, now(), 0, 2 * S, 100, false);
	seen = see(0);
	total = seen.first_us + 100ul * seen.token_ns / 1000;
	ck_assert_uint_ge(total, 2 * S - 1000);
	ck_assert_uint_le(total, 2 * S);
	ck_assert_uint_lt(seen.first_us, S / 2);
}
END_TEST

/* What a provider's prompt cache made fast says nothing about others. */
START_TEST(cached)
{
	good(0, 500);
	now_us += 60 * (int64_t)S;
	spot_good(s, 0, now(), 20 * MS, 119 * MS, 100, true);
	ck_assert_uint_eq(see(0).first_us, 500 * MS);
	spot_good(s, 0, now(), 700 * MS, 799 * MS, 100, true);
	ck_assert_uint_eq(see(0).first_us, 700 * MS);
}
END_TEST

/* A black hole that fails within a millisecond looks slow, not fast. */
START_TEST(failures_are_slow)
{
	struct spot_seen seen;

	good(0, 200);
	for (unsigned i = 0; i < 20; i++)
		spot_bad(s, 0, now(), SPOT_FULL, 1 * MS);
	seen = see(0);
	ck_assert_uint_ge(seen.first_us, SPOT_SLOW_US);
	ck_assert_uint_gt(seen.fail_q16, 65536 / 2);
	spot_bad(s, 0, now(), SPOT_FULL, 60 * (int64_t)S); /* a clock of a minute */
	ck_assert_uint_ge(see(0).first_us, 60 * S);
}
END_TEST

START_TEST(too_many)
{
	unsigned i;

	for (i = 0; i < 30; i++)
		spot_fine(s, 0, now());
	for (i = 0; !spot_bad(s, 1, now(), SPOT_FULL, 0); i++)
		ck_assert_uint_lt(i, 100);
	ck_assert_uint_eq(i, 29); /* half of them, in whichever thread */
	teardown();
	setup();
	for (i = 0; !spot_bad(s, 0, now(), SPOT_FULL, 0); i++)
		ck_assert_uint_lt(i, 100);
	ck_assert_uint_eq(i, CIRCUIT_VOLUME - 1);
}
END_TEST

/* Counts keep at high rates and fade in time; nobody is known to be better than 98 %. */
START_TEST(bounds)
{
	struct spot_seen seen;

	for (unsigned i = 0; i < 100000; i++) {
		spot_fine(s, i % 4, now());
		now_us += MS;
	}
	seen = see(0);
	ck_assert_uint_eq(seen.fail_q16, SPOT_FAIL_LEAST_Q16);
	/* 1000 a second with a half-life of 20 s: 28,854 */
	ck_assert_uint_gt(seen.volume, 28000);
	ck_assert_uint_lt(seen.volume, 30000);
	now_us += 20 * (int64_t)SPOT_COUNT_US;
	seen = see(0);
	ck_assert_uint_eq(seen.volume, 0);
	ck_assert_uint_gt(seen.fail_q16, 65536 * 18 / 100);
}
END_TEST

START_TEST(times_fade)
{
	good(0, 400);
	now_us += SPOT_FADE_US;
	ck_assert_uint_ge(see(0).first_us, 395 * MS);
	now_us += SPOT_FADE_US;
	ck_assert_uint_lt(see(0).first_us, 210 * MS);
	now_us += 40 * (int64_t)SPOT_FADE_US;
	ck_assert_uint_eq(see(0).first_us, 0);
}
END_TEST

START_TEST(in_flight)
{
	struct spot_seen seen;

	for (unsigned t = 0; t < 3; t++)
		for (unsigned i = 0; i <= t; i++)
			spot_begin(s, t);
	ck_assert_uint_eq(see(0).inflight, 6);
	spot_begin(s, 0); /* one's own at once, others' with the next merge */
	spot_begin(s, 2);
	spot_see(s, 0, &seen);
	ck_assert_uint_eq(seen.inflight, 7);
	spot_see(s, 1, &seen);
	ck_assert_uint_eq(seen.inflight, 6);
	ck_assert_uint_eq(see(1).inflight, 8);
	for (unsigned i = 0; i < 4; i++)
		spot_end(s, 2);
	spot_see(s, 2, &seen);
	ck_assert_uint_eq(seen.inflight, 4);
}
END_TEST

START_TEST(limits)
{
	spot_limit(s, 5);
	spot_limit(s, 3);
	ck_assert_int_eq(atomic_load(&s->not_before_us), 5);
	spot_unlimit(s);
	ck_assert_int_eq(atomic_load(&s->not_before_us), 0);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, decays);
	tcase_add_test(tc, nothing_known);
	tcase_add_test(tc, times);
	tcase_add_test(tc, one_piece);
	tcase_add_test(tc, cached);
	tcase_add_test(tc, failures_are_slow);
	tcase_add_test(tc, too_many);
	tcase_add_test(tc, bounds);
	tcase_add_test(tc, times_fade);
	tcase_add_test(tc, in_flight);
	tcase_add_test(tc, limits);
}

UNIT_MAIN("spot", tests)
