/*
 * check_bufq.c: bytes come out as they went in, whatever the sizes; the maximum and the pool's
 * budget refuse all or nothing; an empty queue holds no memory.
 */
#include "base/bufq.h"

#include "base/slab.h"
#include "unit/unit.h"

#define STREAM_BYTES 400000

static struct block_pool pool;
static struct bufq q;
static char stream[STREAM_BYTES];

static void setup(void)
{
	block_pool_init(&pool, 0);
	bufq_init(&q, &pool, 100000);
	for (unsigned i = 0; i < STREAM_BYTES; i++)
		stream[i] = (char)(i * 2654435761u >> 24);
}

static void teardown(void)
{
	bufq_clear(&q);
	ck_assert_uint_eq(pool.out_bytes, 0);
	block_pool_fini(&pool);
}

/* The whole content through iovecs is what the stream says from `at` on. */
static void assert_content(size_t at)
{
	struct iovec iov[16];
	int n = bufq_iov(&q, iov, 16);
	size_t sum = 0;

	for (int i = 0; i < n; i++) {
		ck_assert_uint_gt(iov[i].iov_len, 0);
		ck_assert_mem_eq(iov[i].iov_base, stream + at + sum, iov[i].iov_len);
		sum += iov[i].iov_len;
	}
	ck_assert_uint_eq(sum, q.len);
}

START_TEST(any_sizes_in_and_out)
{
	static const size_t in_sizes[] = { 1, 16000, 333, 16384, 40000, 7 };
	static const size_t out_sizes[] = { 16352, 1, 5, 30000, 16384, 900 };
	size_t in = 0, out = 0;

	for (unsigned i = 0; out < STREAM_BYTES; i++) {
		size_t n = TG_MIN(in_sizes[i % 6], STREAM_BYTES - in);

		if (bufq_append(&q, str_mk(stream + in, n)) == 0)
			in += n;
		else
			ck_assert_uint_gt(q.len + n, q.max_bytes);
		assert_content(out);
		n = TG_MIN(out_sizes[i % 5], q.len);
		bufq_consume(&q, n);
		out += n;
		assert_content(out);
	}
	ck_assert_uint_eq(q.len, 0);
	ck_assert_uint_eq(pool.out_bytes, 0);
}
END_TEST

START_TEST(full_refuses_all_or_nothing)
{
	ck_assert_int_eq(bufq_append(&q, str_mk(stream, 99999)), 0);
	ck_assert_int_eq(bufq_append(&q, str_mk(stream + 99999, 2)), -1);
	ck_assert_int_eq(bufq_append(&q, str_mk(stream, SIZE_MAX)), -1);
	ck_assert_uint_eq(q.len, 99999);
	ck_assert_int_eq(bufq_append(&q, str_mk(stream + 99999, 1)), 0);
	ck_assert_uint_eq(q.len, q.max_bytes);
	ck_assert_int_eq(bufq_append(&q, STR_NONE), 0);
	assert_content(0);
}
END_TEST

START_TEST(budget_refuses_all_or_nothing)
{
	size_t before;

	pool.max_out_bytes = 40000; /* two chunks */
	ck_assert_int_eq(bufq_append(&q, str_mk(stream, 1000)), 0);
	before = pool.out_bytes;
	ck_assert_int_eq(bufq_append(&q, str_mk(stream + 1000, 60000)), -1);
	ck_assert_uint_eq(pool.out_bytes, before);
	ck_assert_uint_eq(q.len, 1000);
	ck_assert_int_eq(bufq_append(&q, str_mk(stream + 1000, 20000)), 0);
	assert_content(0);
}
END_TEST

START_TEST(empty_holds_nothing)
{
	struct iovec iov;

	ck_assert_uint_eq(bufq_peek(&q).n, 0);
	ck_assert_int_eq(bufq_iov(&q, &iov, 1), 0);
	ck_assert_int_eq(bufq_append(&q, STR_NONE), 0);
	ck_assert_uint_eq(pool.out_bytes, 0);
	ck_assert_int_eq(bufq_append(&q, STR("abc")), 0);
	UNIT_STR_EQ(bufq_peek(&q), STR("abc"));
	bufq_consume(&q, 1);
	UNIT_STR_EQ(bufq_peek(&q), STR("bc"));
	bufq_consume(&q, 2);
	ck_assert_uint_eq(pool.out_bytes, 0);
	ck_assert_int_eq(bufq_append(&q, STR("again")), 0);
	bufq_clear(&q);
	ck_assert_uint_eq(pool.out_bytes, 0);
	ck_assert_int_eq(bufq_append(&q, STR("and again")), 0);
	UNIT_STR_EQ(bufq_peek(&q), STR("and again"));
}
END_TEST

/* Whatever the chunk's size: one of these fills it exactly, and then no empty one may follow. */
START_TEST(no_empty_chunk_behind_a_full_one)
{
	for (size_t n = 16300; n <= 16400; n++) {
		ck_assert_int_eq(bufq_append(&q, str_mk(stream, 1)), 0);
		ck_assert_int_eq(bufq_append(&q, str_mk(stream + 1, n)), 0);
		assert_content(0);
		bufq_clear(&q);
	}
}
END_TEST

START_TEST(iov_stops_at_max)
{
	struct iovec iov[2] = { { NULL, 0 }, { NULL, 77 } };

	ck_assert_int_eq(bufq_append(&q, str_mk(stream, 50000)), 0);
	ck_assert_int_eq(bufq_iov(&q, iov, 1), 1);
	ck_assert_uint_eq(iov[1].iov_len, 77);
	ck_assert_uint_eq(bufq_peek(&q).n, iov[0].iov_len);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, any_sizes_in_and_out);
	tcase_add_test(tc, full_refuses_all_or_nothing);
	tcase_add_test(tc, budget_refuses_all_or_nothing);
	tcase_add_test(tc, empty_holds_nothing);
	tcase_add_test(tc, no_empty_chunk_behind_a_full_one);
	tcase_add_test(tc, iov_stops_at_max);
}

UNIT_MAIN("bufq", tests)
