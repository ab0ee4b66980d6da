/* front.c: what a front left by a dead process has, whatever its earlier uses left behind. */
#include "unit/ledger/folder.h"
#include "unit/ledger/front_fake.h"

#define CAP 65536

static struct fake_front f;

static void setup(void)
{
	folder_setup();
	fake_front_init(&f, 3, 1, 0xfeedfacecafebeef, CAP);
}

static void teardown(void)
{
	fake_front_fini(&f);
	folder_teardown();
}

static void put(uint64_t seq)
{
	struct rec_hold hold = sample_hold(seq);

	fake_front_put(&f, REC_HOLD, seq, &hold);
}

/* From `seq` on there are n, each a hold of its number. */
static void has(uint64_t seq, unsigned n)
{
	struct str rest = front_records(&f.info, str_mk(f.bytes, f.cap), seq);
	unsigned got = 0;

	for (; rest.n > 0; got++) {
		struct rec r;
		size_t len;

		ck_assert_int_eq(rec_decode(rest, &r, &len), REC_READ_OK);
		ck_assert_uint_eq(r.seq, seq + got);
		ck_assert(rec_id_eq(r.u.hold.id, sample_id(seq + got)));
		rest = str_skip(rest, len);
	}
	ck_assert_msg(got == n, "%u from %u on, not %u", got, (unsigned)seq, n);
}

START_TEST(the_header_is_read_as_it_was_written)
{
	struct front_info back;
	char head[FRONT_HEAD];

	memcpy(head, f.bytes, sizeof head);
	ck_assert_int_eq(front_head_get(head, &back), 0);
	ck_assert(back.number == 3 && back.incarnation == 0xfeedfacecafebeef && back.writer == 1);
	ck_assert_str_eq(back.member, "gw-1");
	for (unsigned i = 0; i < 100; i++) {
		head[i] ^= 1;
		ck_assert_int_eq(front_head_get(head, &back), -1);
		head[i] ^= 1;
	}
}
END_TEST

START_TEST(records_from_a_number_on)
{
	has(1, 0);
	for (uint64_t seq = 5; seq <= 7; seq++)
		put(seq);
	has(5, 3);
	has(6, 2);
	has(7, 1);
	has(8, 0); /* all have arrived */
	has(4, 0); /* one is missing before the first: what is behind a gap is not known */
	has(0, 0);
}
END_TEST

/* Numbers begin at 1: a record that says 0 is nobody's, and nothing behind it counts. */
START_TEST(a_record_without_a_number_is_none)
{
	put(0);
	put(1);
	put(2);
	for (uint64_t seq = 0; seq <= 3; seq++)
		has(seq, 0);
}
END_TEST

/* What an earlier use left counts for nothing, wherever the newest record ends. */
START_TEST(a_front_that_is_used_again_has_only_what_is_new)
{
	for (uint64_t seq = 11; seq <= 20; seq++)
		put(seq);
	has(11, 10);
	fake_front_reuse(&f);
	has(21, 0); /* nothing yet: all of it is known to have arrived */
	for (uint64_t seq = 21; seq <= 24; seq++) {
		put(seq);
		has(21, (unsigned)(seq - 20));
		has(seq, 1);
		has(seq + 1, 0);
		for (uint64_t old = 11; old <= 20; old++)
			has(old, 0);
	}
}
END_TEST

/* Killed in the middle of a record, over an older one: any byte of it may be the old one's. */
START_TEST(a_record_half_written_is_none)
{
	char old[1024];
	size_t last;

	for (uint64_t seq = 1; seq <= 3; seq++)
		put(seq);
	fake_front_reuse(&f);
	put(4);
	last = f.at;
	memcpy(old, f.bytes + last, sizeof old);
	put(5);
	has(4, 2);
	for (size_t at = last; at < f.at; at++) {
		char was = f.bytes[at];

		f.bytes[at] = old[at - last];
		if (f.bytes[at] != was) {
			has(4, 1);
			has(5, 0);
		}
		f.bytes[at] = was;
	}
}
END_TEST

START_TEST(records_of_another_writer_are_none)
{
	put(1);
	f.info.writer = 0;
	put(2);
	f.info.writer = 1;
	has(1, 1);
	f.info.incarnation++;
	has(1, 0);
}
END_TEST

/* Larger than what is read at first: all of its records are found. */
START_TEST(a_large_front_is_read_to_its_end)
{
	struct front_read read;
	char err[512];
	uint64_t n = 0;

	fake_front_fini(&f);
	fake_front_init(&f, 3, 1, 7, 4 << 20);
	while (f.at < (3 << 20) + 100)
		put(++n);
	fake_front_write(&f, folder);
	ck_assert_msg(front_read_open(&read, folder, 3, err, sizeof err) == 0, "%s", err);
	ck_assert(read.info.number == 3 && read.info.writer == 1 && read.info.incarnation == 7);
	ck_assert_uint_eq(front_records(&read.info, read.bytes, 1).n, f.at - FRONT_HEAD);
	front_read_close(&read);
}
END_TEST

START_TEST(what_is_no_front_is_named_and_what_was_never_used_is_none)
{
	struct front_read read;
	char err[512], path[SEGMENT_PATH_MAX];
	struct front_list l;

	ck_assert_int_eq(front_read_open(&read, folder, 3, err, sizeof err), -1);
	ck_assert(errno == ENOENT && err[0] == 0);
	memset(f.bytes, 0, FRONT_HEAD); /* a power cut before the first page was written */
	fake_front_write(&f, folder);
	ck_assert_int_eq(front_read_open(&read, folder, 3, err, sizeof err), -1);
	ck_assert(errno == ENOENT && err[0] == 0);
	memset(f.bytes, 'x', FRONT_HEAD);
	fake_front_write(&f, folder);
	ck_assert_int_eq(front_read_open(&read, folder, 3, err, sizeof err), -1);
	ck_assert_int_eq(front_path(path, folder, 3), 0);
	ck_assert_msg(strstr(err, path) != NULL && strstr(err, "salvage") != NULL, "%s", err);
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_int_eq(front_read_open(&read, folder, 3, err, sizeof err), -1);
	ck_assert(errno == ENOENT && err[0] == 0);

	f.info.number = 12;
	fake_front_write(&f, folder);
	ck_assert_int_eq(front_list_read(&l, folder, err, sizeof err), 0);
	ck_assert(l.n == 2 && l.v[0] == 3 && l.v[1] == 12);
	front_list_free(&l);
	ck_assert_int_eq(front_list_read(&l, "/nonexistent", err, sizeof err), -1);
	ck_assert(strstr(err, "/nonexistent") != NULL);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_header_is_read_as_it_was_written);
	tcase_add_test(tc, records_from_a_number_on);
	tcase_add_test(tc, a_record_without_a_number_is_none);
	tcase_add_test(tc, a_front_that_is_used_again_has_only_what_is_new);
	tcase_add_test(tc, a_record_half_written_is_none);
	tcase_add_test(tc, records_of_another_writer_are_none);
	tcase_add_test(tc, a_large_front_is_read_to_its_end);
	tcase_add_test(tc, what_is_no_front_is_named_and_what_was_never_used_is_none);
}

UNIT_MAIN("front", tests)
