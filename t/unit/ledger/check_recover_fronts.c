/*
 * recover_fronts.c, journal_fold.c: a record that is in a front, in a segment, in both or in halves
 * counts once, at whatever instruction the process died, and whatever a power cut left of the
 * files.
 */
#include "unit/ledger/folder.h"
#include "unit/ledger/front_fake.h"
#include "unit/ledger/journal_fake.h"

#include <sys/mman.h>

#include "ledger/journal_int.h"

static void setup(void)
{
	folder_setup();
}

static void teardown(void)
{
	folder_teardown();
}

static struct journal_stats stats(struct journal *j)
{
	struct journal_stats st;

	journal_stats_get(j, &st);
	return st;
}

static void reopen(const struct journal_options *opt, unsigned recovered)
{
	struct journal *j = folder_open(opt);

	ck_assert_uint_eq(stats(j).recovered_holds, recovered);
	journal_close(j, FOLDER_NOW);
}

static bool has_file(const char *suffix)
{
	char cmd[256];

	snprintf(cmd, sizeof cmd, "ls %s | grep -q '%s$'", folder_journal, suffix);
	return system(cmd) == 0;
}

/* ---- a death at each call that reaches the disk, before, in the middle of and behind it */

#define REQUESTS      700 /* each writer turns its fronts a few times, and there are two segments */
#define OPEN_AT_ONCE  6
#define CALLS_AT_MOST 400

enum when { BEFORE, HALF, BEHIND, WHEN__MAX };

static int calls_left;
static enum when when;
static struct shared {
	_Atomic uint8_t held[REQUESTS], settled[REQUESTS];
	_Atomic bool finished;
} * shared;

static bool is_last_call(void)
{
	return calls_left-- == 0;
}

static ssize_t dying_pwrite(int fd, const void *p, size_t n, off_t at)
{
	bool last = is_last_call();
	ssize_t rc;

	if (last && when == BEFORE)
		_exit(42);
	rc = pwrite(fd, p, last && when == HALF ? (n / 2 + 511) & ~(size_t)511 : n, at);
	if (last)
		_exit(42);
	return rc;
}

static int dying_fdatasync(int fd)
{
	bool last = is_last_call();
	int rc;

	if (last && when != BEHIND)
		_exit(42);
	rc = fdatasync(fd);
	if (last)
		_exit(42);
	return rc;
}

static void request(struct journal *j, struct journal_hold *h, unsigned n)
{
	struct journal_writer *w = journal_writer_at(j, n % 2);
	struct rec_hold hold = sample_hold(n);

	if (n >= OPEN_AT_ONCE) {
		unsigned old = n - OPEN_AT_ONCE;
		struct rec_settle settle = sample_settle(old);

		journal_settle(journal_writer_at(j, old % 2), h, &settle, FOLDER_NOW);
		atomic_store(&shared->settled[old], 1);
	}
	ck_assert_int_eq(journal_hold(w, h, &hold, FOLDER_NOW), 0);
	atomic_store(&shared->held[n], 1);
}

static void run_until_dead(const struct journal_options *opt)
{
	static struct journal_hold h[OPEN_AT_ONCE];
	struct journal *j = folder_open(opt);
	mono_us mono = clock_mono();

	journal_sys.pwrite = dying_pwrite;
	journal_sys.fdatasync = dying_fdatasync;
	for (unsigned n = 0; n < REQUESTS; n++) {
		request(j, &h[n % OPEN_AT_ONCE], n);
		if (n % 23 == 0) {
			journal_turn_end(journal_writer_at(j, 0));
			journal_turn_end(journal_writer_at(j, 1));
			journal_tick(j, FOLDER_NOW, (mono_us){ mono.us += 10000 }, NULL, NULL);
		}
	}
	_exit(0);
}

static void each_request_once(void)
{
	struct folder_sum sum = folder_read();

	for (unsigned n = 0; n < REQUESTS; n++) {
		const struct folder_seen *seen = &sum.ids[n];

		ck_assert_msg(seen->holds == atomic_load(&shared->held[n]) &&
				      seen->settles == seen->holds,
			"request %u: held %u, %u holds, %u ends", n, shared->held[n], seen->holds,
			seen->settles);
		ck_assert_uint_eq(seen->crashed, seen->holds - atomic_load(&shared->settled[n]));
	}
	ck_assert_uint_eq(sum.unknown, 0);
	folder_sum_free(&sum);
}

START_TEST(a_death_at_any_write_or_sync_counts_each_record_once)
{
	struct journal_options opt = folder_options(2);
	unsigned calls = 0;
	int status;

	opt.segment_bytes = 384 * 1024;
	when = (enum when)_i;
	shared = mmap(
		NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(shared != MAP_FAILED);
	for (;; calls++) {
		pid_t pid;

		memset((void *)shared, 0, sizeof *shared);
		calls_left = (int)calls;
		pid = fork();
		if (pid == 0)
			run_until_dead(&opt);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFEXITED(status));
		ck_assert(WEXITSTATUS(status) == 42 || WEXITSTATUS(status) == 0);
		journal_close(folder_open(&opt), FOLDER_NOW);
		each_request_once();
		ck_assert(!has_file(".tgf"));
		folder_teardown();
		folder_setup();
		if (WEXITSTATUS(status) == 0)
			break;
		ck_assert_uint_lt(calls, CALLS_AT_MOST);
	}
	ck_assert_uint_gt(calls, 60);
	munmap(shared, sizeof *shared);
}
END_TEST

/* ---- a writer that rests while others fill segments */

static void one_rests(struct journal *j)
{
	static struct journal_hold h, last;
	mono_us mono = clock_mono();
	struct rec_hold hold = sample_hold(1);
	struct rec_settle settle = sample_settle(1);

	ck_assert_int_eq(journal_hold(journal_writer_at(j, 1), &last, &hold, FOLDER_NOW), 0);
	journal_settle(journal_writer_at(j, 1), &last, &settle, FOLDER_NOW);
	for (unsigned n = 1000; j->n_sealed < 2; n++) {
		hold = sample_hold(n);
		settle = sample_settle(n);
		ck_assert_int_eq(journal_hold(journal_writer_at(j, 0), &h, &hold, FOLDER_NOW), 0);
		journal_settle(journal_writer_at(j, 0), &h, &settle, FOLDER_NOW);
		if (n % 50 == 0) {
			journal_turn_end(journal_writer_at(j, 0));
			journal_tick(j, FOLDER_NOW, (mono_us){ mono.us += 10000 }, NULL, NULL);
		}
	}
	hold = sample_hold(2);
	ck_assert_int_eq(journal_hold(journal_writer_at(j, 1), &last, &hold, FOLDER_NOW), 0);
}

/* The segments that have its records are sealed: the newest one says how far they had come. */
START_TEST(each_segment_says_how_far_every_writer_had_come)
{
	struct journal_options opt = folder_options(2);
	struct folder_sum sum;

	in_dead_process(&opt, one_rests);
	reopen(&opt, 1);
	sum = folder_read();
	ck_assert(sum.ids[1].holds == 1 && sum.ids[1].settles == 1 && sum.ids[1].crashed == 0);
	ck_assert(sum.ids[2].holds == 1 && sum.ids[2].settles == 1 && sum.ids[2].crashed == 1);
	folder_sum_free(&sum);
}
END_TEST

/* ---- files made by hand: requests 1 to LAST, each a HOLD; record n of writer 0 is request n */

#define LAST        8
#define INCARNATION 77 /* of fake_segment_init */

static struct fake_ledger ledger;

static void fake_begin(void)
{
	strcpy(ledger.path, folder);
	snprintf(ledger.journal, sizeof ledger.journal, "%s/journal", folder);
	ck_assert_int_eq(mkdir(ledger.journal, 0750), 0);
}

static void put_hold(struct fake_segment *s, uint64_t n)
{
	struct rec_hold hold = sample_hold(n);

	fake_put_at(s, REC_HOLD, 0, &hold, 1764288000000000 + (int64_t)n);
}

static void put_writer(struct fake_segment *s, uint32_t index, uint64_t seq)
{
	struct rec_writer rec = { .index = index, .seq = seq };

	fake_put(s, REC_WRITER, &rec);
}

static void write_front(uint64_t number, uint32_t writer, uint64_t from, uint64_t to)
{
	struct fake_front f;

	fake_front_init(&f, number, writer, INCARNATION, 65536);
	for (uint64_t n = from; n <= to; n++) {
		struct rec_hold hold = sample_hold(n);

		fake_front_put(&f, REC_HOLD, n, &hold);
	}
	fake_front_write(&f, folder_journal);
	fake_front_fini(&f);
}

/* Those from `from` to `to` are there once, no others. */
static void are_there(uint64_t from, uint64_t to)
{
	struct folder_sum sum = folder_read();

	for (uint64_t n = 0; n < 40; n++) {
		unsigned want = n >= from && n <= to;

		ck_assert_msg(sum.ids[n].holds == want && sum.ids[n].settles == want,
			"request %u: %u holds, %u ends", (unsigned)n, sum.ids[n].holds,
			sum.ids[n].settles);
	}
	folder_sum_free(&sum);
}

/* A segment has those before _i; the front has all, or what is left of it. */
START_TEST(what_has_arrived_is_not_taken_again)
{
	struct journal_options opt = folder_options(1);
	struct fake_segment s;

	fake_begin();
	fake_segment_init(&s, &ledger, 1, 0);
	put_writer(&s, 0, 1);
	put_writer(&s, 1, 1);
	put_writer(&s, 0, 1);
	for (uint64_t n = 1; n < (uint64_t)_i; n++)
		put_hold(&s, n);
	fake_sync(&s);
	fake_segment_fini(&s);
	write_front(1, 0, 1, LAST);
	reopen(&opt, LAST);
	are_there(1, LAST);
	ck_assert(!has_file(".tgf"));
	reopen(&opt, 0);
	are_there(1, LAST);
}
END_TEST

/* Over three fronts, the oldest of which has been used again: in the order of their records. */
START_TEST(a_writers_fronts_follow_each_other)
{
	struct journal_options opt = folder_options(1);
	struct fake_segment s;

	fake_begin();
	fake_segment_init(&s, &ledger, 1, 0);
	put_writer(&s, 0, 1);
	for (uint64_t n = 1; n < 12; n++)
		put_hold(&s, n);
	fake_sync(&s);
	fake_segment_fini(&s);
	write_front(1, 0, 21, 30);
	write_front(2, 0, 10, 15);
	write_front(3, 0, 16, 20);
	write_front(4, 0, 32, 33); /* behind a gap: 31 was lost */
	reopen(&opt, 30);
	are_there(1, 30);
}
END_TEST

/* Its segments are sealed: its files were on their way out. Or nothing of it ever got to one. */
START_TEST(a_front_that_is_done_with_counts_for_nothing)
{
	struct journal_options opt = folder_options(1);
	struct fake_segment s;

	fake_begin();
	if (_i > 0) {
		fake_segment_init(&s, &ledger, 1, 0);
		put_writer(&s, 0, 1);
		for (uint64_t n = 1; n <= LAST; n++) {
			struct rec_settle settle = sample_settle(n);

			put_hold(&s, n);
			fake_put(&s, REC_SETTLE, &settle);
		}
		fake_seal(&s);
	}
	write_front(1, 0, 1, LAST);
	reopen(&opt, 0);
	are_there(1, _i > 0 ? LAST : 0);
	ck_assert(!has_file(".tgf"));
}
END_TEST

/*
 * A write that was cut in pieces: record _i of the segment (the sixth is a REC_WRITER) is gone,
 * what is behind it is there. The fronts have all, or (a power cut) nothing.
 */
START_TEST(a_hole_is_filled_from_the_fronts)
{
	struct journal_options opt = folder_options(2);
	bool fronts = _i % 2 == 0;
	struct fake_segment s;
	uint64_t at[16], lost;
	unsigned n = 0, hole = (unsigned)_i / 2;
	struct folder_sum sum;

	fake_begin();
	fake_segment_init(&s, &ledger, 1, 0);
	put_writer(&s, 0, 1);
	put_writer(&s, 1, 5);
	put_writer(&s, 0, 1);
	for (uint64_t i = 1; i <= 4; i++) {
		at[n++] = s.at;
		put_hold(&s, i);
	}
	at[n++] = s.at;
	put_writer(&s, 1, 5);
	for (uint64_t i = 5; i <= 8; i++) {
		at[n++] = s.at;
		put_hold(&s, i);
	}
	at[n] = s.at;
	memset(s.bytes + at[hole], 0, at[hole + 1] - at[hole]);
	s.info.synced = SEGMENT_HEAD;
	segment_head_put(s.bytes, &s.info);
	fake_write(&s, FAKE_BYTES);
	fake_segment_fini(&s);
	if (fronts) {
		write_front(1, 0, 1, 4);
		write_front(2, 1, 5, 8);
	}
	lost = hole == 4 ? 0 : hole < 4 ? hole + 1 : hole;
	reopen(&opt, !fronts && lost != 0 ? 7 : 8);
	sum = folder_read();
	for (uint64_t i = 1; i <= 8; i++) {
		unsigned want = fronts || i != lost;

		ck_assert_msg(sum.ids[i].holds == want && sum.ids[i].settles == want,
			"hole %u, request %u: %u holds, %u ends", hole, (unsigned)i,
			sum.ids[i].holds, sum.ids[i].settles);
	}
	folder_sum_free(&sum);
	reopen(&opt, 0);
}
END_TEST

/* Files from before there were fronts: a segment a writer, no REC_WRITER in it. */
START_TEST(segments_of_one_writer_are_read)
{
	struct journal_options opt = folder_options(1);

	fake_begin();
	for (uint32_t w = 0; w < 2; w++) {
		struct fake_segment s;

		fake_segment_init(&s, &ledger, w + 1, w);
		for (uint64_t n = 1 + w * 4; n <= 4 + w * 4; n++)
			put_hold(&s, n);
		fake_sync(&s);
		fake_segment_fini(&s);
	}
	reopen(&opt, 8);
	are_there(1, 8);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_death_at_any_write_or_sync_counts_each_record_once, 0, WHEN__MAX);
	tcase_add_test(tc, each_segment_says_how_far_every_writer_had_come);
	tcase_add_loop_test(tc, what_has_arrived_is_not_taken_again, 1, LAST + 2);
	tcase_add_test(tc, a_writers_fronts_follow_each_other);
	tcase_add_loop_test(tc, a_front_that_is_done_with_counts_for_nothing, 0, 2);
	tcase_add_loop_test(tc, a_hole_is_filled_from_the_fronts, 0, 18);
	tcase_add_test(tc, segments_of_one_writer_are_read);
}

UNIT_MAIN("recover_fronts", tests)
