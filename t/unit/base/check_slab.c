/*
 * check_slab.c: objects and blocks: zeroing, LIFO order, the budget, what is kept idle. What
 * depends on free lists is not checked under AddressSanitizer, where there are none.
 */
#include "base/slab.h"

#include <signal.h>

#include "unit/unit.h"

START_TEST(objects_are_zeroed_aligned_and_apart)
{
	enum { N = 200 };
	struct slab s;
	unsigned char *obj[N];

	slab_init(&s, "test", 40);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < N; i++) {
			obj[i] = slab_take(&s);
			ck_assert_uint_eq((uintptr_t)obj[i] % 16, 0);
			for (int k = 0; k < 40; k++)
				ck_assert_uint_eq(obj[i][k], 0);
			memset(obj[i], i + 1, 40);
		}
		ck_assert_uint_eq(s.n_out, N);
		for (int i = 0; i < N; i++) {
			for (int k = 0; k < 40; k++)
				ck_assert_uint_eq(obj[i][k], (unsigned char)(i + 1));
			slab_give(&s, obj[i]);
		}
	}
	ck_assert_uint_eq(s.n_out, 0);
	slab_fini(&s);
}
END_TEST

START_TEST(last_given_is_next_taken)
{
	struct slab s;
	void *a, *b;

	if (TG_ASAN)
		return;
	slab_init(&s, "test", 1);
	a = slab_take(&s);
	b = slab_take(&s);
	slab_give(&s, a);
	slab_give(&s, b);
	ck_assert_ptr_eq(slab_take(&s), b);
	ck_assert_ptr_eq(slab_take(&s), a);
	slab_give(&s, a);
	slab_give(&s, b);
	slab_fini(&s);
}
END_TEST

START_TEST(leak_is_a_panic)
{
	struct slab s;

	slab_init(&s, "test", 8);
	slab_take(&s);
	slab_fini(&s);
}
END_TEST

START_TEST(classes)
{
	static const struct {
		size_t ask, want;
	} rows[] = {
		{ 0, 4096 },
		{ 1, 4096 },
		{ 4096, 4096 },
		{ 4097, 16384 },
		{ 16384, 16384 },
		{ 65536, 65536 },
		{ 65537, 262144 },
		{ 262145, 1048576 },
		{ 1048576, 1048576 },
		{ 1048577, 1048577 },
	};
	struct block_pool p;

	block_pool_init(&p, 0);
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		size_t cap = 0;
		char *b = block_pool_take(&p, rows[i].ask, &cap);

		ck_assert_ptr_nonnull(b);
		ck_assert_uint_ge(cap, rows[i].ask);
		if (!TG_ASAN)
			ck_assert_uint_eq(cap, rows[i].want);
		memset(b, 1, cap);
		ck_assert_uint_eq(p.out_bytes, cap);
		block_pool_give(&p, b, cap);
		ck_assert_uint_eq(p.out_bytes, 0);
	}
	block_pool_fini(&p);
}
END_TEST

START_TEST(budget)
{
	struct block_pool p;
	size_t cap_a, cap_b, cap;
	void *a, *b;

	block_pool_init(&p, 20480);
	a = block_pool_take(&p, 16384, &cap_a);
	b = block_pool_take(&p, 4096, &cap_b);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_null(block_pool_take(&p, 1, &cap));
	ck_assert_ptr_null(block_pool_take(&p, 20481, &cap));
	ck_assert_ptr_null(block_pool_take(&p, SIZE_MAX, &cap));
	ck_assert_uint_eq(p.out_bytes, 20480);
	block_pool_give(&p, b, cap_b);
	b = block_pool_take(&p, 4096, &cap_b);
	ck_assert_ptr_nonnull(b);
	block_pool_give(&p, a, cap_a);
	block_pool_give(&p, b, cap_b);
	block_pool_fini(&p);
}
END_TEST

START_TEST(only_so_many_are_kept)
{
	enum { N = 20 };
	struct block_pool p;
	void *b[N];
	size_t cap[N];

	if (TG_ASAN)
		return;
	block_pool_init(&p, 0);
	p.class[1].n_keep = 3;
	for (int i = 0; i < N; i++) {
		b[i] = block_pool_take(&p, 10000, &cap[i]);
		ck_assert_ptr_nonnull(b[i]);
	}
	for (int i = 0; i < N; i++)
		block_pool_give(&p, b[i], cap[i]);
	ck_assert_uint_eq(p.class[1].n_free, 3);
	ck_assert_ptr_eq(block_pool_take(&p, 10000, &cap[0]), b[2]);
	ck_assert_uint_eq(p.class[1].n_free, 2);
	block_pool_give(&p, b[2], cap[0]);
	block_pool_fini(&p);
	ck_assert_uint_eq(p.class[1].n_free, 0);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, objects_are_zeroed_aligned_and_apart);
	tcase_add_test(tc, last_given_is_next_taken);
	tcase_add_test_raise_signal(tc, leak_is_a_panic, SIGABRT);
	tcase_add_test(tc, classes);
	tcase_add_test(tc, budget);
	tcase_add_test(tc, only_so_many_are_kept);
}

UNIT_MAIN("slab", tests)
