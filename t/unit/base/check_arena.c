/*
 * check_arena.c: alignment, block changes, the maximum, room and claim; each with and without a
 * pool.
 */
#include "base/arena.h"

#include "base/slab.h"
#include "unit/unit.h"

static struct block_pool pool;
static struct arena a;

/* Loop test: 0 without a pool, 1 with one. */
static void begin(int i, size_t max_bytes)
{
	block_pool_init(&pool, 0);
	arena_init(&a, i != 0 ? &pool : NULL, max_bytes);
}

static void end(void)
{
	arena_fini(&a);
	ck_assert_uint_eq(pool.out_bytes, 0);
	block_pool_fini(&pool);
}

START_TEST(allocations_are_aligned_and_apart)
{
	enum { N = 300 };
	unsigned char *p[N];

	begin(_i, 0);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < N; i++) {
			p[i] = arena_alloc(&a, i * 3);
			ck_assert_ptr_nonnull(p[i]);
			ck_assert_uint_eq((uintptr_t)p[i] % 16, 0);
			memset(p[i], (int)i, i * 3);
		}
		for (size_t i = 0; i < N; i++)
			for (size_t k = 0; k < i * 3; k++)
				ck_assert_uint_eq(p[i][k], (unsigned char)i);
		arena_fini(&a);
	}
	end();
}
END_TEST

START_TEST(sizes_around_the_block_borders)
{
	static const size_t sizes[] = { 4079, 4080, 4081, 16367, 16368, 16369, 65520, 65521, 300000,
		2000000 };

	for (size_t i = 0; i < TG_ARRAY_LEN(sizes); i++) {
		begin(_i, 0);
		for (int k = 0; k < 3; k++) {
			char *p = arena_alloc(&a, sizes[i]);

			ck_assert_ptr_nonnull(p);
			memset(p, 'x', sizes[i]);
			ck_assert_ptr_nonnull(arena_dup(&a, STR("between")).p);
		}
		end();
	}
}
END_TEST

START_TEST(zalloc_zeroes_used_memory)
{
	begin(_i, 0);
	for (int round = 0; round < 2; round++) {
		unsigned char *p = arena_zalloc(&a, 3000);

		ck_assert_ptr_nonnull(p);
		for (int i = 0; i < 3000; i++)
			ck_assert_uint_eq(p[i], 0);
		memset(p, 0xee, 3000);
		arena_fini(&a);
	}
	end();
}
END_TEST

START_TEST(maximum_holds)
{
	size_t total = 0;

	begin(_i, 10000);
	ck_assert_ptr_null(arena_alloc(&a, 10001));
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
	ck_assert_ptr_null(arena_room(&a, SIZE_MAX));
	ck_assert_ptr_null(arena_dup(&a, str_mk("", SIZE_MAX)).p);
	while (arena_alloc(&a, 160) != NULL)
		total += 160;
	/* Never past it, and not more than a block's end lost. */
	ck_assert_uint_le(total, 10000);
	ck_assert_uint_ge(total, 10000 - 2 * 160);
	ck_assert_uint_le(a.used_bytes, 10000);
	ck_assert_ptr_null(arena_room(&a, 160));
	ck_assert_ptr_null(arena_dup(&a, str_mk((char[200]){ "x" }, 200)).p);
	ck_assert_ptr_null(arena_printf(&a, "%0200d", 7).p);
	end();
}
END_TEST

START_TEST(exactly_the_maximum)
{
	begin(_i, 5000);
	ck_assert_ptr_nonnull(arena_alloc(&a, 5000));
	ck_assert_ptr_null(arena_alloc(&a, 1));
	end();
}
END_TEST

START_TEST(room_then_claim)
{
	char *p, *q;

	begin(_i, 0);
	p = arena_room(&a, 100);
	ck_assert_ptr_nonnull(p);
	memset(p, 'a', 100);
	arena_claim(&a, 100);
	p = arena_room(&a, 8000); /* another block */
	ck_assert_ptr_nonnull(p);
	memset(p, 'b', 8000);
	arena_claim(&a, 10);
	q = arena_room(&a, 5);
	ck_assert_ptr_eq(q, p + 10);
	arena_claim(&a, 0);
	ck_assert_ptr_eq(arena_room(&a, 5), q);
	ck_assert_int_eq(p[9], 'b');
	end();
}
END_TEST

START_TEST(text)
{
	struct str s;

	begin(_i, 0);
	s = arena_dup(&a, STR("with\0nul"));
	UNIT_STR_EQ(s, STR("with\0nul"));
	ck_assert_int_eq(s.p[s.n], 0);
	s = arena_dup(&a, STR_NONE);
	ck_assert_ptr_nonnull(s.p);
	ck_assert_uint_eq(s.n, 0);
	/* Lengths that end before, at and behind the first block's border. */
	for (int n = 3900; n < 4200; n += 7) {
		arena_fini(&a);
		s = arena_printf(&a, "%d %s", 42, "x");
		UNIT_STR_EQ(s, STR("42 x"));
		s = arena_printf(&a, "%0*d", n, 7);
		ck_assert_uint_eq(s.n, (size_t)n);
		ck_assert_int_eq(s.p[n - 1], '7');
		ck_assert_int_eq(s.p[n], 0);
		s = arena_printf(&a, "%s", "");
		ck_assert_ptr_nonnull(s.p);
		ck_assert_uint_eq(s.n, 0);
	}
	end();
}
END_TEST

START_TEST(text_that_grows)
{
	struct arena few;
	struct arena_buf b = { .n = 0 };
	size_t n;

	arena_init(&few, NULL, 4096);
	ck_assert_int_eq(arena_buf_put(&few, &b, STR("ab"), 4), 0);
	ck_assert_uint_eq(b.cap, 4);
	ck_assert_int_eq(arena_buf_put(&few, &b, STR("cd"), 4), 0);
	ck_assert_uint_eq(b.cap, 4);
	ck_assert_int_eq(arena_buf_put(&few, &b, STR("efghi"), 4), 0);
	ck_assert_uint_eq(b.cap, 16);
	ck_assert_int_eq(arena_buf_put(&few, &b, STR_NONE, 4), 0);
	UNIT_STR_EQ(str_mk(b.p, b.n), STR("abcdefghi"));
	do {
		n = b.n;
	} while (arena_buf_put(&few, &b, STR("0123456789"), 4) == 0);
	ck_assert_uint_eq(b.n, n); /* full: as it was */
	ck_assert_mem_eq(b.p, "abcdefghi0", 10);
	arena_fini(&few);
}
END_TEST

START_TEST(pool_budget_is_an_arena_full)
{
	block_pool_init(&pool, 4096);
	arena_init(&a, &pool, 0);
	ck_assert_ptr_nonnull(arena_alloc(&a, 4000));
	ck_assert_ptr_null(arena_alloc(&a, 4000));
	ck_assert_ptr_null(arena_alloc(&a, 4000)); /* a refusal changes nothing */
	ck_assert_uint_le(a.used_bytes, 4096);
	end();
}
END_TEST

START_TEST(plain_request_takes_one_small_block)
{
	if (TG_ASAN)
		return;
	begin(1, 0);
	ck_assert_ptr_nonnull(arena_alloc(&a, 1000));
	ck_assert_ptr_nonnull(arena_alloc(&a, 2000));
	ck_assert_uint_eq(pool.out_bytes, 4096);
	end();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, allocations_are_aligned_and_apart, 0, 2);
	tcase_add_loop_test(tc, sizes_around_the_block_borders, 0, 2);
	tcase_add_loop_test(tc, zalloc_zeroes_used_memory, 0, 2);
	tcase_add_loop_test(tc, maximum_holds, 0, 2);
	tcase_add_loop_test(tc, exactly_the_maximum, 0, 2);
	tcase_add_loop_test(tc, room_then_claim, 0, 2);
	tcase_add_loop_test(tc, text, 0, 2);
	tcase_add_test(tc, text_that_grows);
	tcase_add_test(tc, pool_budget_is_an_arena_full);
	tcase_add_test(tc, plain_request_takes_one_small_block);
}

UNIT_MAIN("arena", tests)
