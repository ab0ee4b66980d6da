/*
 * check_walk.c: positions, varints and interned strings; and the walk over a journal: where it
 * begins, what damage is, what a segment that grows looks like.
 */
#include "unit/ledger/journal_fake.h"

#include "ledger/intern.h"
#include "ledger/positions.h"
#include "ledger/varint.h"
#include "ledger/walk.h"

static struct fake_ledger ledger;

static void setup(void)
{
	fake_ledger_init(&ledger);
}

static void teardown(void)
{
	fake_remove_all(ledger.path);
}

START_TEST(positions_never_go_back)
{
	struct positions p, q;

	positions_init(&p);
	positions_init(&q);
	positions_set(&p, (struct journal_position){ 5, 100 });
	positions_set(&p, (struct journal_position){ 3, 50 });
	positions_set(&p, (struct journal_position){ 9, 10 });
	positions_set(&p, (struct journal_position){ 5, 90 });
	ck_assert_uint_eq(positions_of(&p, 5), 100);
	ck_assert_uint_eq(positions_of(&p, 4), 0);
	ck_assert(positions_have(&p, (struct journal_position){ 3, 50 }));
	ck_assert(!positions_have(&p, (struct journal_position){ 3, 51 }));
	positions_copy(&q, &p);
	ck_assert(positions_within(&p, &q) && positions_within(&q, &p));
	positions_raise(&q, 5);
	ck_assert_uint_eq(q.n, 2);
	ck_assert_uint_eq(positions_of(&q, 4), UINT64_MAX);
	ck_assert(positions_within(&p, &q) && !positions_within(&q, &p));
	positions_set(&q, (struct journal_position){ 2, 7 });
	ck_assert_uint_eq(q.n, 2);
	positions_raise(&q, 3);
	ck_assert_uint_eq(q.floor, 5);
	positions_fini(&p);
	positions_fini(&q);
}
END_TEST

START_TEST(varints_come_back)
{
	static const __int128 sums[] = { 0, 1, -1, 63, 64, -64, -65, INT64_MAX, INT64_MIN,
		((__int128)1 << 99) - 1, -((__int128)1 << 99) };
	char buf[32];
	uint64_t v;
	__int128 sum;

	for (unsigned bit = 0; bit < 64; bit++)
		for (int64_t d = -1; d <= 1; d++) {
			uint64_t want = (UINT64_C(1) << bit) + (uint64_t)d;
			struct str s = str_mk(buf, (size_t)(varint_put(buf, want) - buf)), cut = s;

			cut.n--;
			ck_assert(!varint_get(&cut, &v));
			ck_assert(varint_get(&s, &v) && s.n == 0);
			ck_assert_uint_eq(v, want);
		}
	for (size_t i = 0; i < TG_ARRAY_LEN(sums); i++) {
		struct str s = str_mk(buf, (size_t)(varint_put_pico(buf, sums[i]) - buf));

		ck_assert(varint_get_pico(&s, &sum) && s.n == 0 && sum == sums[i]);
	}
	memset(buf, 0xff, sizeof buf);
	struct str s = str_mk(buf, sizeof buf);

	ck_assert(!varint_get(&s, &v));
	ck_assert(!varint_get_pico(&s, &sum));
	varint_put_pico(buf, (__int128)1 << 100);
	s = str_mk(buf, sizeof buf);
	ck_assert(!varint_get_pico(&s, &sum));
}
END_TEST

START_TEST(interned_strings)
{
	struct arena arena;
	struct intern t;
	char text[16];

	arena_init(&arena, NULL, 0);
	intern_init(&t, &arena);
	ck_assert_uint_eq(intern_put(&t, STR("")), 0);
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 1; i < 5000; i++) {
			snprintf(text, sizeof text, "%u", i);
			ck_assert_uint_eq(intern_put(&t, str_z(text)), i);
			UNIT_STR_EQ(intern_text(&t, i), str_z(text));
		}
	intern_fini(&t);
	arena_fini(&arena);
}
END_TEST

static unsigned put_holds(struct fake_segment *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rec_hold h = sample_hold(i);

		fake_put(s, REC_HOLD, &h);
	}
	return n;
}

/* Records from these positions on; -1: an error with this in it. */
static int count(const struct walk_options *opt, const char *error)
{
	struct journal_position at;
	char err[512] = "";
	enum walk_rc rc;
	struct walk w;
	struct rec r;
	int n = 0;

	ck_assert_int_eq(walk_init(&w, ledger.journal, opt, err, sizeof err), 0);
	while ((rc = walk_next(&w, &r, &at, err, sizeof err)) > 0)
		n += rc == WALK_RECORD;
	walk_fini(&w);
	if (rc == WALK_END)
		return n;
	ck_assert_msg(error != NULL && strstr(err, error) != NULL, "%s", err);
	return -1;
}

START_TEST(a_walk_begins_where_it_is_told)
{
	struct walk_options opt = { .only = 0 };
	struct fake_segment s[3];
	struct positions p = { .floor = 2 };
	uint64_t at;

	for (unsigned i = 0; i < 3; i++)
		fake_segment_init(&s[i], &ledger, i + 1, i);
	put_holds(&s[0], 4);
	put_holds(&s[1], 3);
	at = s[1].at;
	put_holds(&s[1], 2);
	put_holds(&s[2], 6);
	fake_seal(&s[0]);
	fake_sync(&s[1]);
	fake_sync(&s[2]);
	ck_assert_int_eq(count(&opt, NULL), 15);
	opt.from = &p;
	ck_assert_int_eq(count(&opt, NULL), 11);
	positions_set(&p, (struct journal_position){ 2, at });
	ck_assert_int_eq(count(&opt, NULL), 8);
	opt.only = 3;
	ck_assert_int_eq(count(&opt, NULL), 6);
	opt = (struct walk_options){ .events = true };
	ck_assert_int_eq(count(&opt, NULL), 15);
	positions_fini(&p);
	fake_segment_fini(&s[1]);
	fake_segment_fini(&s[2]);
}
END_TEST

START_TEST(damage_by_where_it_is)
{
	struct walk_options plain = { .salvage = false }, salvage = { .salvage = true };
	struct fake_segment s;
	uint64_t at;

	fake_segment_init(&s, &ledger, 1, 0);
	put_holds(&s, 4);
	at = s.at;
	put_holds(&s, 4);
	s.bytes[at + 100] ^= 4;
	/* synced: corruption, sealed or not */
	fake_sync(&s);
	ck_assert_int_eq(count(&plain, "segment 1 has an unreadable record at byte"), -1);
	ck_assert_int_eq(count(&salvage, NULL), 7);
	/* not synced, and it may grow: its end */
	s.info.synced = at;
	segment_head_put(s.bytes, &s.info);
	fake_write(&s, FAKE_BYTES);
	ck_assert_int_eq(count(&plain, NULL), 4);
	/* not synced and sealed by recovery: what a power cut left; the rest counts */
	s.info.sealed = s.at;
	segment_head_put(s.bytes, &s.info);
	fake_write(&s, s.at);
	ck_assert_int_eq(count(&plain, NULL), 7);
	/* no header */
	s.bytes[9] ^= 1;
	fake_write(&s, s.at);
	ck_assert_int_eq(count(&plain, "header is damaged"), -1);
	ck_assert_int_eq(count(&salvage, NULL), 0);
	fake_segment_fini(&s);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, positions_never_go_back);
	tcase_add_test(tc, varints_come_back);
	tcase_add_test(tc, interned_strings);
	tcase_add_test(tc, a_walk_begins_where_it_is_told);
	tcase_add_test(tc, damage_by_where_it_is);
}

UNIT_MAIN("walk", tests)
