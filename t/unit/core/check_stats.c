/*
 * check_stats.c: label numbers stay what they are; a worker's label sets are told apart, survive
 * the table being full without losing a count, and carry costs over the dollar exactly.
 */
#include "unit/unit.h"

#include <pthread.h>
#include <stdio.h>

#include "base/defs.h"
#include "core/label.h"
#include "core/stats.h"
#include "money/money.h"

static struct worker_stats s;

static void setup(void)
{
	memset(&s, 0, sizeof s);
	worker_stats_init(&s);
}

static void teardown(void)
{
	worker_stats_fini(&s);
}

/* ---- labels */

START_TEST(labels)
{
	unsigned first = label_intern(STR("first")), n;
	char name[32];

	ck_assert_uint_ne(first, LABEL_NONE);
	/* Over several pages of the table, and again: the same numbers, and texts that never move.
	 */
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 2500; i++) {
			sprintf(name, "name-%u", i);
			n = label_intern(str_z(name));
			ck_assert_uint_eq(n, first + 1 + i);
			UNIT_STR_EQ(label_text(n), str_z(name));
		}
	}
	ck_assert_uint_eq(label_intern(STR("first")), first);
	UNIT_STR_EQ(label_text(first), STR("first"));
	ck_assert_uint_ne(label_intern(STR("name-1x")), label_intern(STR("name-1")));
	ck_assert(label_text(LABEL_NONE).p == NULL);
	ck_assert(label_text(first + 100000).p == NULL);
	ck_assert(label_text(~0u).p == NULL);
}
END_TEST

/* A reader sees only finished labels while another thread adds. */
static void *read_labels(void *stop)
{
	while (!atomic_load((_Atomic bool *)stop))
		for (unsigned i = 1; label_text(i).p != NULL; i++)
			if (label_text(i).n < 2 || label_text(i).p[0] != 'L')
				return "a label that is not one";
	return NULL;
}

START_TEST(labels_while_read)
{
	_Atomic bool stop = false;
	pthread_t reader;
	char name[32];
	void *wrong;

	label_intern(STR("L0"));
	ck_assert_int_eq(pthread_create(&reader, NULL, read_labels, (void *)&stop), 0);
	for (unsigned i = 1; i < 3000; i++) {
		sprintf(name, "L%u", i);
		label_intern(str_z(name));
	}
	atomic_store(&stop, true);
	pthread_join(reader, &wrong);
	ck_assert_msg(wrong == NULL, "%s", (const char *)wrong);
}
END_TEST

/* ---- label sets */

/* The three labels are not interchangeable, and large ones do not run into each other. */
START_TEST(keys)
{
	static const unsigned v[] = { 0, 1, 2, 1u << 19, 1u << 20, (1u << 20) - 1 };
	const size_t n = sizeof v / sizeof *v;
	struct series *all[216];
	size_t k = 0;

	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < n; b++)
			for (size_t c = 0; c < n; c++)
				all[k++] =
					stats_series(&s, (struct series_key){ v[a], v[b], v[c] });
	ck_assert_uint_eq(s.n_series, 216);
	for (size_t i = 0; i < k; i++) {
		ck_assert_ptr_eq(stats_series(&s, all[i]->key), all[i]);
		for (size_t j = 0; j < i; j++)
			ck_assert_ptr_ne(all[i], all[j]);
	}
}
END_TEST

/* Full: further sets are counted under no labels, and how many is known; nothing is lost or mixed
 * up. */
START_TEST(overflow)
{
	const unsigned n = SERIES_SLOTS / 2 + 500;
	uint64_t sum = 0, known;
	struct series *e, *none;

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 1; i <= n; i++) {
			e = stats_series(&s, (struct series_key){ i % 7 + 1, i, i % 3 + 1 });
			stat_add(&e->status[2], 1);
		}
	none = stats_series(&s, (struct series_key){ 0, 0, 0 });
	ck_assert_uint_eq(stat_get(&none->status[2]), stat_get(&s.c[WC_SERIES_OVERFLOW]));
	known = 0;
	for (unsigned i = 0; i < SERIES_SLOTS; i++) {
		e = atomic_load(&s.series[i]);
		if (e == NULL)
			continue;
		known++;
		sum += stat_get(&e->status[2]);
		if (e != none)
			ck_assert_uint_eq(stat_get(&e->status[2]), 2);
	}
	ck_assert_uint_eq(sum, 2 * (uint64_t)n);
	ck_assert_uint_eq(known, SERIES_SLOTS / 2 + 1);
	ck_assert_uint_eq(s.n_series, known);
	ck_assert_uint_eq(stat_get(&none->status[2]), 2 * 500);
	/* A set that was there before the table was full is still found. */
	e = stats_series(&s, (struct series_key){ 2, 1, 2 });
	ck_assert_ptr_ne(e, none);
}
END_TEST

/* ---- money */

static const int64_t costs[][6] = {
	{ 0 },
	{ 1 },
	{ PICO_PER_USD - 1, 1 },
	{ PICO_PER_USD - 1, 2 },
	{ PICO_PER_USD },
	{ 3 * PICO_PER_USD + 7, PICO_PER_USD - 7 },
	{ 999999999999, 999999999999, 999999999999 },
	{ INT64_MAX / 2, INT64_MAX / 2, 5 },
	{ 31500000, 31500000, 31500000, 999999999, 1, 1 },
};

START_TEST(cost)
{
	struct series *e = stats_series(&s, (struct series_key){ 1, 1, 1 });
	__int128 want = 0, got;

	for (size_t i = 0; i < 6; i++) {
		series_add_cost(&e->billed, costs[_i][i]);
		want += costs[_i][i];
		ck_assert_uint_lt(stat_get(&e->billed.pico_lo), (uint64_t)PICO_PER_USD);
	}
	got = (__int128)stat_get(&e->billed.usd) * PICO_PER_USD + stat_get(&e->billed.pico_lo);
	ck_assert(got == want);
}
END_TEST

/* ---- targets */

START_TEST(targets)
{
	struct target_hists *all[TARGET_HISTS];

	for (unsigned i = 0; i < TARGET_HISTS; i++) {
		all[i] = stats_target(&s, 7 * i + 3);
		ck_assert(all[i] != NULL);
		ck_assert_uint_eq(all[i]->target, 7 * i + 3);
		stat_hist_add(&all[i]->duration, i);
	}
	ck_assert(stats_target(&s, 1000000) == NULL);
	for (unsigned i = 0; i < TARGET_HISTS; i++) {
		ck_assert_ptr_eq(stats_target(&s, 7 * i + 3), all[i]);
		ck_assert_uint_eq(stat_get(&all[i]->duration.count), 1);
		ck_assert_uint_eq(stat_get(&all[i]->duration.sum_us), i);
		ck_assert_uint_eq(stat_get(&all[i]->first_byte.count), 0);
	}
}
END_TEST

START_TEST(gauges)
{
	wc_add(&s, WC_CONNECTIONS, 3);
	wc_sub(&s, WC_CONNECTIONS, 2);
	ck_assert_uint_eq(stat_get(&s.c[WC_CONNECTIONS]), 1);
	wc_sub(&s, WC_CONNECTIONS, 1);
	ck_assert_uint_eq(stat_get(&s.c[WC_CONNECTIONS]), 0);
	ck_assert_uint_eq(stat_get(&s.c[WC_CONNECTIONS_TOTAL]), 0);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, labels);
	tcase_add_test(tc, labels_while_read);
	tcase_add_test(tc, keys);
	tcase_add_test(tc, overflow);
	tcase_add_loop_test(tc, cost, 0, sizeof costs / sizeof *costs);
	tcase_add_test(tc, targets);
	tcase_add_test(tc, gauges);
}

UNIT_MAIN("stats", tests)
