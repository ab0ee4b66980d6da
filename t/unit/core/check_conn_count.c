/*
 * check_conn_count.c: connections per address: exact while the table grows, is cleaned of addresses
 * that went, and is used by several threads; local peers are not limited but counted in all.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "core/conn_count.c"

/* As conn.c makes them: odd, spread. */
static uint64_t address(uint64_t i)
{
	return (i * 0x9e3779b97f4a7c15u) | 1;
}

static uint64_t total(void)
{
	return worker_connections_total();
}

START_TEST(up_and_down)
{
	ck_assert_uint_eq(conn_addr_count_add(7, 1), 1);
	ck_assert_uint_eq(conn_addr_count_add(7, 1), 2);
	ck_assert_uint_eq(conn_addr_count_add(9, 1), 1);
	ck_assert_uint_eq(total(), 3);
	ck_assert_uint_eq(conn_addr_count_add(7, -1), 1);
	ck_assert_uint_eq(conn_addr_count_add(7, -1), 0);
	ck_assert_uint_eq(conn_addr_count_add(7, 1), 1);
	ck_assert_uint_eq(conn_addr_count_add(9, -1), 0);
	ck_assert_uint_eq(total(), 1);
	/* Without an address: in the total, under no limit of its own. */
	ck_assert_uint_eq(conn_addr_count_add(0, 1), 0);
	ck_assert_uint_eq(conn_addr_count_add(0, 1), 0);
	ck_assert_uint_eq(total(), 3);
	ck_assert_uint_eq(conn_addr_count_add(0, -1), 0);
	ck_assert_uint_eq(total(), 2);
}
END_TEST

/* 20,000 addresses at once, each with its own count, through every rebuild. */
START_TEST(many)
{
	const uint64_t n = 20000;

	for (uint64_t i = 0; i < n; i++)
		for (unsigned k = 1; k <= i % 3 + 1; k++)
			ck_assert_uint_eq(conn_addr_count_add(address(i), 1), k);
	ck_assert_uint_gt(table.cap, 2 * n);
	for (uint64_t i = 0; i < n; i++) {
		ck_assert_uint_eq(conn_addr_count_add(address(i), 1), i % 3 + 2);
		ck_assert_uint_eq(conn_addr_count_add(address(i), -1), i % 3 + 1);
	}
	for (uint64_t i = 0; i < n; i++)
		for (unsigned k = (unsigned)(i % 3 + 1); k-- > 0;)
			ck_assert_uint_eq(conn_addr_count_add(address(i), -1), k);
	ck_assert_uint_eq(total(), 0);
}
END_TEST

/* Addresses come and go: the table stays small, and those that stay keep their count. */
START_TEST(churn)
{
	for (unsigned k = 0; k < 100; k++)
		for (unsigned n = 0; n < 5; n++)
			conn_addr_count_add(address(k), 1);
	for (uint64_t i = 1000; i < 200000; i++) {
		ck_assert_uint_eq(conn_addr_count_add(address(i), 1), 1);
		ck_assert_uint_eq(conn_addr_count_add(address(i), -1), 0);
	}
	ck_assert_uint_le(table.cap, 2 * COUNT_MIN_CAP);
	ck_assert_uint_lt(table.used, table.cap);
	for (unsigned k = 0; k < 100; k++)
		ck_assert_uint_eq(conn_addr_count_add(address(k), -1), 4);
}
END_TEST

/* All in one place of the table: probing goes round its end. */
START_TEST(collisions)
{
	for (uint64_t i = 1; i < 300; i++)
		ck_assert_uint_eq(conn_addr_count_add((i << 32) | (COUNT_MIN_CAP - 1), 1), 1);
	for (uint64_t i = 1; i < 300; i++)
		ck_assert_uint_eq(conn_addr_count_add((i << 32) | (COUNT_MIN_CAP - 1), 1), 2);
}
END_TEST

static void *hammer(void *arg)
{
	uint64_t own = 1000 * (uint64_t)(uintptr_t)arg;

	for (unsigned i = 0; i < 20000; i++) {
		conn_addr_count_add(address(1), 1);
		conn_addr_count_add(address(own + i % 700), 1);
		conn_addr_count_add(address(own + i % 700), -1);
		if (i % 2 == 1)
			conn_addr_count_add(address(1), -1);
	}
	return NULL;
}

START_TEST(threads)
{
	pthread_t t[4];

	for (uintptr_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, hammer, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_eq(conn_addr_count_add(address(1), 1), 4 * 10000 + 1);
	ck_assert_uint_eq(total(), 4 * 10000 + 1);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, up_and_down);
	tcase_add_test(tc, many);
	tcase_add_test(tc, churn);
	tcase_add_test(tc, collisions);
	tcase_add_test(tc, threads);
}

UNIT_MAIN("conn_count", tests)
