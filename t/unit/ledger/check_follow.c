/*
 * check_follow.c: the journal read on from any place, while it is written, sealed and compressed:
 * each record once, in order, and never beyond what is on disk.
 */
#include "ledger/follow.h"
#include "unit/ledger/folder.h"

#define RECORDS 3000 /* several segments of them */

static struct journal *journal;
static struct journal_position told[2 * RECORDS];
static unsigned n_told;
static mono_us mono;

static void on_told(void *arg, const struct rec *r, struct journal_position at)
{
	(void)arg;
	(void)r;
	ck_assert_uint_lt(n_told, TG_ARRAY_LEN(told));
	told[n_told++] = at;
}

static void setup(void)
{
	struct journal_options opt = folder_options(1);

	folder_setup();
	opt.told = 1u << REC_SETTLE;
	journal = folder_open(&opt);
	mono = (mono_us){ 1000000 };
	n_told = 0;
}

static void teardown(void)
{
	if (journal != NULL)
		journal_close(journal, FOLDER_NOW);
	folder_teardown();
}

static void tick(void)
{
	mono.us += 1000000;
	journal_turn_end(journal_writer_at(journal, 0));
	(void)journal_tick(journal, FOLDER_NOW, mono, on_told, NULL);
}

static void write_some(unsigned from, unsigned to)
{
	struct journal_writer *w = journal_writer_at(journal, 0);

	for (unsigned i = from; i < to; i++) {
		struct rec_hold hold = sample_hold(i);
		struct rec_settle settle = sample_settle(i);
		struct journal_hold h = { .open = false };

		for (int tries = 0; journal_hold(w, &h, &hold, FOLDER_NOW) != 0; tries++) {
			ck_assert_int_lt(tries, 100);
			tick();
		}
		journal_settle(w, &h, &settle, FOLDER_NOW);
	}
	for (int i = 0; i < 5; i++)
		tick();
}

/* Settlements read up to the limit, which are those told from `first` on. Returns how many. */
static unsigned read_all(struct follow *f, struct journal_position limit, unsigned first)
{
	char err[512] = "";
	struct rec r;
	enum walk_rc rc;
	unsigned n = 0;

	while ((rc = follow_next(f, limit, &r, err, sizeof err)) == WALK_RECORD) {
		if (r.type != REC_SETTLE)
			continue;
		ck_assert_uint_lt(first + n, n_told);
		ck_assert_uint_eq(f->at.segment, told[first + n].segment);
		ck_assert_uint_eq(f->at.offset, told[first + n].offset);
		ck_assert_uint_eq(follow_info(f)->number, f->at.segment);
		ck_assert_str_eq(follow_info(f)->member, "gw-1");
		n++;
	}
	ck_assert_msg(rc == WALK_END, "%s", err);
	ck_assert_uint_eq(f->damaged, 0);
	return n;
}

START_TEST(as_it_is_written)
{
	struct follow f;
	unsigned n = 0;

	follow_init(&f, folder_journal);
	for (unsigned i = 0; i < RECORDS; i += 100) {
		write_some(i, i + 100);
		n += read_all(&f, told[n_told - 1], n);
		ck_assert_uint_eq(n, n_told);
	}
	ck_assert_uint_eq(n, RECORDS);
	ck_assert_uint_gt(f.at.segment, told[0].segment + 1);
	follow_fini(&f);
}
END_TEST

/* Not what has been written and is not told yet. */
START_TEST(not_beyond_the_limit)
{
	struct follow f;

	write_some(0, 500);
	follow_init(&f, folder_journal);
	ck_assert_uint_eq(read_all(&f, (struct journal_position){ 0, 0 }, 0), 0);
	ck_assert_uint_eq(read_all(&f, told[99], 0), 100);
	ck_assert_uint_eq(read_all(&f, told[99], 100), 0);
	ck_assert_uint_eq(read_all(&f, told[100], 100), 1);
	follow_fini(&f);
}
END_TEST

/* From any record on, in segments of every form; again and again. */
START_TEST(from_anywhere)
{
	struct follow f;

	write_some(0, RECORDS);
	for (int i = 0; i < 2000; i++) { /* those that are over are compressed, a slice at a time */
		journal_consumed_durable(journal, journal_consumed_floor(journal));
		tick();
	}
	follow_init(&f, folder_journal);
	for (unsigned i = 0; i < RECORDS; i += 333) {
		follow_seek(&f, told[i]);
		ck_assert_uint_eq(read_all(&f, told[n_told - 1], i + 1), RECORDS - i - 1);
	}
	follow_seek(&f, (struct journal_position){ 0, 0 });
	ck_assert_uint_eq(read_all(&f, told[n_told - 1], 0), RECORDS);
	ck_assert_uint_eq(f.missing, 0);
	follow_fini(&f);
}
END_TEST

START_TEST(what_was_deleted)
{
	struct follow f;
	char command[256];
	unsigned left = 0;

	write_some(0, RECORDS);
	follow_init(&f, folder_journal);
	follow_seek(&f, told[0]);
	snprintf(command, sizeof command, "rm %s/%016llu.tgj*", folder_journal,
		(unsigned long long)told[0].segment);
	folder_run(command);
	while (told[left].segment == told[0].segment)
		left++;
	ck_assert_uint_eq(read_all(&f, told[n_told - 1], left), RECORDS - left);
	ck_assert_uint_eq(f.missing, 1);
	follow_fini(&f);
}
END_TEST

/* While the folder cannot be listed nothing is passed over. */
START_TEST(what_cannot_be_listed)
{
	char command[512], err[512] = "";
	struct follow f;
	struct rec r;

	write_some(0, RECORDS);
	follow_init(&f, folder_journal);
	follow_seek(&f, told[0]);
	snprintf(command, sizeof command, "mv %s %s.away", folder_journal, folder_journal);
	folder_run(command);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(
			follow_next(&f, told[n_told - 1], &r, err, sizeof err), WALK_ERROR);
		ck_assert_str_ne(err, "");
		ck_assert_uint_eq(f.at.segment, told[0].segment);
	}
	snprintf(command, sizeof command, "mv %s.away %s", folder_journal, folder_journal);
	folder_run(command);
	ck_assert_uint_eq(read_all(&f, told[n_told - 1], 1), RECORDS - 1);
	follow_fini(&f);
}
END_TEST

START_TEST(the_end)
{
	struct journal_position end;
	char err[512] = "";

	write_some(0, RECORDS);
	ck_assert_int_eq(follow_end(folder_journal, &end, err, sizeof err), 0);
	ck_assert_uint_eq(end.segment, told[n_told - 1].segment);
	ck_assert_uint_ge(end.offset, told[n_told - 1].offset);
	ck_assert_int_eq(follow_end("/nowhere", &end, err, sizeof err), -1);
	ck_assert_str_ne(err, "");
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, as_it_is_written);
	tcase_add_test(tc, not_beyond_the_limit);
	tcase_add_test(tc, from_anywhere);
	tcase_add_test(tc, what_was_deleted);
	tcase_add_test(tc, what_cannot_be_listed);
	tcase_add_test(tc, the_end);
}

UNIT_MAIN("follow", tests)
