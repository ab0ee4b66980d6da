/*
 * check_ring.c: the ring between two threads: laps, padding, refusal, and a long run with a real
 * second thread (build with ThreadSanitizer to check the hand-over itself).
 */
#include "base/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "unit/unit.h"

static void put(struct ring *r, struct str s)
{
	char *p = ring_reserve(r, s.n);

	ck_assert_ptr_nonnull(p);
	memcpy(p, s.p, s.n);
	ring_commit(r, s.n);
}

START_TEST(empty_and_in_order)
{
	struct ring r;

	ck_assert_int_eq(ring_init(&r, 64), 0);
	ck_assert_uint_eq(ring_peek(&r).n, 0);
	put(&r, STR("one"));
	put(&r, STR("two"));
	UNIT_STR_EQ(ring_peek(&r), STR("onetwo"));
	ring_consume(&r, 3);
	UNIT_STR_EQ(ring_peek(&r), STR("two"));
	ring_consume(&r, 3);
	ck_assert_uint_eq(ring_peek(&r).n, 0);
	ring_fini(&r);
}
END_TEST

START_TEST(too_large_is_refused_and_half_always_fits_at_last)
{
	for (size_t start = 1; start <= 32; start++) {
		struct ring r;

		ck_assert_int_eq(ring_init(&r, 64), 0);
		ck_assert_ptr_null(ring_reserve(&r, 33));
		ck_assert_ptr_null(ring_reserve(&r, 0));
		/* An empty ring whose head stands anywhere takes half its size. */
		for (int i = 0; i < 50; i++) {
			char *p = ring_reserve(&r, start);

			ck_assert_ptr_nonnull(p);
			memset(p, 'a', start);
			ring_commit(&r, start);
			ck_assert_uint_eq(ring_peek(&r).n, start);
			ring_consume(&r, start);
			p = ring_reserve(&r, 32);
			ck_assert_ptr_nonnull(p);
			memset(p, 'b', 32);
			ring_commit(&r, 32);
			ck_assert_uint_eq(ring_peek(&r).n, 32);
			ck_assert_int_eq(ring_peek(&r).p[31], 'b');
			ring_consume(&r, 32);
		}
		ring_fini(&r);
	}
}
END_TEST

START_TEST(full_until_consumed)
{
	struct ring r;

	ck_assert_int_eq(ring_init(&r, 64), 0);
	put(&r, STR("0123456789abcdef0123456789abcdef"));
	put(&r, STR("0123456789abcdef0123456789abcdef"));
	ck_assert_ptr_null(ring_reserve(&r, 1));
	ring_consume(&r, 1);
	ck_assert_ptr_null(ring_reserve(&r, 2));
	put(&r, STR("x"));
	/* The lap ends at the very end of the buffer: no padding, the rest is next. */
	ck_assert_uint_eq(ring_peek(&r).n, 63);
	ring_consume(&r, 63);
	UNIT_STR_EQ(ring_peek(&r), STR("x"));
	ring_fini(&r);
}
END_TEST

START_TEST(padding_is_skipped)
{
	struct ring r;

	ck_assert_int_eq(ring_init(&r, 64), 0);
	put(&r, STR("0123456789abcdef0123456789abcdef"));
	put(&r, STR("0123456789abcdef01234567"));
	ring_consume(&r, 40);
	put(&r, STR("does not fit in 8"));
	UNIT_STR_EQ(ring_peek(&r), STR("89abcdef01234567"));
	ring_consume(&r, 16);
	UNIT_STR_EQ(ring_peek(&r), STR("does not fit in 8"));
	ring_consume(&r, 17);
	ck_assert_uint_eq(ring_peek(&r).n, 0);
	ring_fini(&r);
}
END_TEST

START_TEST(abandoned_reservation_leaves_no_trace)
{
	struct ring r;

	ck_assert_int_eq(ring_init(&r, 64), 0);
	put(&r, STR("0123456789abcdef0123456789abcdef"));
	put(&r, STR("0123456789abcdef01234567"));
	ring_consume(&r, 56);
	ck_assert_ptr_nonnull(ring_reserve(&r, 20)); /* would pad */
	put(&r, STR("fits"));                        /* does not */
	UNIT_STR_EQ(ring_peek(&r), STR("fits"));
	ck_assert_ptr_nonnull(ring_reserve(&r, 20));
	ring_commit(&r, 0);
	put(&r, STR("also"));
	UNIT_STR_EQ(ring_peek(&r), STR("fitsalso"));
	ring_fini(&r);
}
END_TEST

START_TEST(committing_less_than_reserved)
{
	struct ring r;
	char *p;

	ck_assert_int_eq(ring_init(&r, 64), 0);
	p = ring_reserve(&r, 32);
	ck_assert_ptr_nonnull(p);
	memcpy(p, "abc", 3);
	ring_commit(&r, 3);
	put(&r, STR("def"));
	UNIT_STR_EQ(ring_peek(&r), STR("abcdef"));
	ring_fini(&r);
}
END_TEST

#define RECORDS 200000

/* Record i: its length, then bytes that all follow from i. */
static size_t record_len(unsigned i)
{
	return 2 + i * 7919 % 97;
}

static void *produce(void *arg)
{
	struct ring *r = arg;

	for (unsigned i = 0; i < RECORDS; i++) {
		size_t n = record_len(i);
		char *p;

		while ((p = ring_reserve(r, n)) == NULL)
			sched_yield();
		p[0] = (char)n;
		memset(p + 1, (int)(i & 255), n - 1);
		ring_commit(r, n);
	}
	return NULL;
}

/* Checks the records of one span, which must be whole; returns the next record's number. */
static unsigned check_span(struct str s, unsigned i)
{
	while (s.n > 0) {
		size_t n = (unsigned char)s.p[0];

		ck_assert_uint_eq(n, record_len(i));
		ck_assert_uint_le(n, s.n);
		for (size_t k = 1; k < n; k++)
			if ((unsigned char)s.p[k] != (i & 255))
				ck_abort_msg("record %u is damaged at %zu", i, k);
		s = str_skip(s, n);
		i++;
	}
	return i;
}

START_TEST(two_threads)
{
	struct ring r;
	pthread_t producer;

	ck_assert_int_eq(ring_init(&r, 1024), 0);
	ck_assert_int_eq(pthread_create(&producer, NULL, produce, &r), 0);
	for (unsigned i = 0; i < RECORDS;) {
		struct str s = ring_peek(&r);

		if (s.n == 0) {
			sched_yield();
			continue;
		}
		i = check_span(s, i);
		ring_consume(&r, s.n);
	}
	pthread_join(producer, NULL);
	ck_assert_uint_eq(ring_peek(&r).n, 0);
	ring_fini(&r);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, empty_and_in_order);
	tcase_add_test(tc, too_large_is_refused_and_half_always_fits_at_last);
	tcase_add_test(tc, full_until_consumed);
	tcase_add_test(tc, padding_is_skipped);
	tcase_add_test(tc, abandoned_reservation_leaves_no_trace);
	tcase_add_test(tc, committing_less_than_reserved);
	tcase_add_test(tc, two_threads);
}

UNIT_MAIN("ring", tests)
