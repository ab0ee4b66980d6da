/*
 * recover.c and what journal_open makes of it: after any death each HOLD has exactly one end,
 * nothing is invented, and what cannot be read is named.
 */
#include "unit/ledger/folder.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ledger/journal_int.h"

static void setup(void)
{
	folder_setup();
}

static void teardown(void)
{
	folder_teardown();
}

static int hold(struct journal_writer *w, struct journal_hold *h, uint64_t n)
{
	struct rec_hold rec = sample_hold(n);

	return journal_hold(w, h, &rec, FOLDER_NOW);
}

static void settle(struct journal_writer *w, struct journal_hold *h, uint64_t n)
{
	struct rec_settle rec = sample_settle(n);

	journal_settle(w, h, &rec, FOLDER_NOW);
}

static struct journal_stats stats(struct journal *j)
{
	struct journal_stats st;

	journal_stats_get(j, &st);
	return st;
}

/* ---- at what an open hold is settled */

static int what_was_written; /* bits: LEG, PROGRESS before it, PROGRESS after it, rotations */

static void fill(struct journal *j, unsigned rotations)
{
	struct journal_writer *w = journal_writer_at(j, 0);
	struct journal_hold h = { .open = false };
	uint64_t until = j->out.number + rotations;
	static mono_us mono;

	if (mono.us == 0)
		mono = clock_mono();

	for (uint64_t n = 1000; j->out.number < until; n++) {
		ck_assert_int_eq(hold(w, &h, n), 0);
		settle(w, &h, n);
		if (n % 64 == 0) {
			journal_turn_end(w);
			journal_tick(j, FOLDER_NOW, (mono_us){ mono.us += 10000 }, NULL, NULL);
		}
	}
}

static void write_one(struct journal *j)
{
	struct journal_writer *w = journal_writer_at(j, 0);
	static struct journal_hold h;
	struct rec_leg leg = sample_leg(1, 1);
	struct rec_progress before = sample_progress(1), after = sample_progress(1);
	struct rec_extend extend = sample_extend(1);

	before.money = sample_money(31);
	after.money = sample_money(32);
	ck_assert_int_eq(hold(w, &h, 1), 0);
	if (what_was_written & 2)
		journal_progress(w, &h, &before, FOLDER_NOW);
	if (what_was_written & 1)
		ck_assert_int_eq(journal_leg(w, &h, &leg, FOLDER_NOW), 0);
	if (what_was_written & 32)
		ck_assert_int_eq(journal_extend(w, &h, &extend, FOLDER_NOW), 0);
	if (what_was_written & 8)
		fill(j, 2);
	if (what_was_written & 4)
		journal_progress(w, &h, &after, FOLDER_NOW);
	if (what_was_written & 16)
		fill(j, 2);
}

START_TEST(an_open_hold_is_settled_at_the_last_it_said)
{
	struct journal_options opt = folder_options(1);
	bool leg = _i & 1, before = _i & 2, after = _i & 4, extended = _i & 32;
	struct rec_money want = leg ? sample_leg(1, 1).next_money : sample_hold(1).money;
	struct recover_report r;
	struct rec_settle *s;
	char err[512] = "";

	what_was_written = _i;
	in_dead_process(&opt, write_one);
	ck_assert_msg(recover_scan(folder_journal, false, &r, err, sizeof err) == 0, "%s", err);
	ck_assert_uint_eq(r.n_holds, 1);
	s = &r.holds[0].settle;
	ck_assert(rec_id_eq(s->id, sample_id(1)));
	ck_assert_int_eq(s->start.us, sample_hold(1).start.us);
	ck_assert(s->quality == QUALITY_CRASH_WORST && s->end == 8 && s->status == 0);
	ck_assert_uint_eq(s->legs, leg ? 2 : 1);
	if (extended) {
		want = sample_extend(1).money;
		before = false; /* an EXTEND knows it */
	}
	ck_assert_int_eq(s->bound, want.contracted);
	if (after || (before && !leg)) /* of the leg that is over it says nothing about the next */
		want = sample_money(after ? 32 : 31);
	ck_assert_int_eq(s->money.list, want.list);
	ck_assert_int_eq(s->money.contracted, want.contracted);
	ck_assert_int_eq(s->money.billed, want.billed);
	ck_assert_uint_eq(s->money.price_version, want.price_version);
	ck_assert_uint_eq(s->usage.n[USAGE_OUT], extended ? 1024 : leg ? 2048 : 4096);
	ck_assert_uint_eq(s->usage.n[USAGE_IN], after || (before && !leg)
							? sample_progress(1).usage.n[USAGE_IN]
						: extended ? sample_extend(1).bound.n[USAGE_IN]
						: leg      ? sample_leg(1, 1).next_bound.n[USAGE_IN]
							   : sample_hold(1).bound.n[USAGE_IN]);
	ck_assert_int_eq(s->usage.source, USAGE_ESTIMATED);
	ck_assert_uint_eq(
		s->generations, leg ? sample_leg(1, 1).generations : sample_hold(1).generations);
	UNIT_STR_EQ(s->who.tenant, STR("research"));
	UNIT_STR_EQ(s->who.tags, sample_who().tags);
	UNIT_STR_EQ(s->what.target, leg ? STR("azure-sweden-central-2") : STR("openai-eu"));
	recover_report_free(&r);
}
END_TEST

/* ---- kill -9 at random points, again and again, also while the next one recovers */

enum { NOT_YET, HELD, SETTLED };

static struct shared { /* with the children: what they got as far as */
	_Atomic uint32_t next;
	_Atomic uint8_t state[FOLDER_IDS];
} * shared;

static void *ledger_main(void *arg)
{
	struct journal *j = arg;

	for (;;)
		journal_sleep(j, journal_tick(j, FOLDER_NOW, clock_mono(), NULL, NULL));
	return NULL;
}

#define OPEN_AT_A_TIME 20

_Noreturn static void write_until_killed(const struct journal_options *opt)
{
	static struct journal_hold h[OPEN_AT_A_TIME];
	static uint32_t ids[OPEN_AT_A_TIME];
	struct journal *j = folder_open(opt);
	unsigned seed = (unsigned)getpid();
	pthread_t t;

	if (pthread_create(&t, NULL, ledger_main, j) != 0)
		_exit(1);
	for (;;) {
		unsigned k = (unsigned)rand_r(&seed) % OPEN_AT_A_TIME;
		struct journal_writer *w = journal_writer_at(j, k % 2);

		if (h[k].open) {
			struct rec_leg leg = sample_leg(ids[k], 1);
			struct rec_progress progress = sample_progress(ids[k]);

			if (rand_r(&seed) % 4 == 0)
				journal_progress(w, &h[k], &progress, FOLDER_NOW);
			if (rand_r(&seed) % 8 == 0)
				(void)!journal_leg(w, &h[k], &leg, FOLDER_NOW);
			settle(w, &h[k], ids[k]);
			atomic_store(&shared->state[ids[k]], SETTLED);
			journal_turn_end(w);
		}
		ids[k] = atomic_fetch_add(&shared->next, 1);
		if (ids[k] >= FOLDER_IDS - 1)
			for (;;)
				pause();
		while (hold(w, &h[k], ids[k]) != 0)
			usleep(1000);
		atomic_store(&shared->state[ids[k]], HELD);
	}
}

/* Returns how many recovery gave theirs. */
static unsigned each_hold_has_one_end(uint32_t next)
{
	struct folder_sum sum = folder_read();
	unsigned crashed = 0;

	ck_assert_uint_eq(sum.unknown, 0);
	for (uint32_t n = 0; n < FOLDER_IDS; n++) {
		const struct folder_seen *seen = &sum.ids[n];
		int state = atomic_load(&shared->state[n]);

		ck_assert_msg(seen->settles == seen->holds && seen->holds <= 1,
			"request %u: %u holds, %u ends", n, seen->holds, seen->settles);
		if (n >= next)
			ck_assert_uint_eq(seen->holds, 0);
		if (state >= HELD)
			ck_assert_msg(seen->holds == 1, "request %u was held and is not there", n);
		if (state == SETTLED)
			ck_assert_msg(seen->crashed == 0, "request %u was settled by itself", n);
		crashed += seen->crashed;
	}
	folder_sum_free(&sum);
	return crashed;
}

START_TEST(after_any_kill_each_hold_has_exactly_one_end)
{
	struct journal_options opt = folder_options(2);
	unsigned seed = 7u + (unsigned)_i;
	unsigned crashed = 0;

	shared = mmap(
		NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(shared != MAP_FAILED);
	for (unsigned round = 0; round < 12; round++) {
		uint32_t until = atomic_load(&shared->next) + (uint32_t)rand_r(&seed) % 2000;
		pid_t pid = fork();

		if (pid == 0)
			write_until_killed(&opt);
		if (round % 3 == 2) /* so soon that recovery is most likely at work */
			usleep((unsigned)rand_r(&seed) % 3000);
		else
			while (atomic_load(&shared->next) < until)
				usleep(50);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		if (round % 4 == 3) {
			struct journal *j = folder_open(&opt);

			journal_close(j, FOLDER_NOW);
			crashed = each_hold_has_one_end(atomic_load(&shared->next));
		}
	}
	ck_assert_uint_gt(atomic_load(&shared->next), OPEN_AT_A_TIME);
	ck_assert_uint_gt(crashed, 0);
	munmap(shared, sizeof *shared);
}
END_TEST

/* ---- a crash at each step of recovery */

#define MANY 1500 /* nine of ten stay open: more settlements than one segment has room for */

static void leave_open(struct journal *j)
{
	static struct journal_hold h[MANY];

	for (unsigned i = 0; i < MANY; i++) {
		while (hold(journal_writer_at(j, i % 2), &h[i], i) != 0)
			journal_tick(j, FOLDER_NOW, clock_mono(), NULL, NULL);
		if (i % 100 < 10)
			settle(journal_writer_at(j, i % 2), &h[i], i);
	}
}

static int calls_left;

static int dying_fdatasync(int fd)
{
	if (calls_left-- == 0)
		_exit(42);
	return fdatasync(fd);
}

START_TEST(a_crash_in_recovery_settles_nothing_twice)
{
	struct journal_options opt = folder_options(2);
	struct folder_sum sum;
	struct journal *j;
	unsigned deaths = 0;
	int status;

	in_dead_process(&opt, leave_open);
	for (calls_left = 0;; calls_left++) {
		pid_t pid = fork();

		if (pid == 0) {
			journal_sys.fdatasync = dying_fdatasync;
			(void)folder_open(&opt);
			_exit(0); /* and nothing after it: not closed */
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFEXITED(status));
		if (WEXITSTATUS(status) == 0)
			break;
		ck_assert_int_eq(WEXITSTATUS(status), 42);
		ck_assert_uint_lt(++deaths, 50);
	}
	ck_assert_uint_ge(deaths, 5);
	j = folder_open(&opt);
	ck_assert_uint_eq(stats(j).recovered_holds, 0);
	journal_close(j, FOLDER_NOW);
	sum = folder_read();
	for (unsigned i = 0; i < MANY; i++) {
		ck_assert_uint_eq(sum.ids[i].holds, 1);
		ck_assert_uint_eq(sum.ids[i].settles, 1);
		ck_assert_uint_eq(sum.ids[i].crashed, i % 100 < 10 ? 0 : 1);
	}
	folder_sum_free(&sum);
}
END_TEST

static void tell(void *arg, const struct rec *r, struct journal_position at)
{
	(void)r;
	(void)at;
	++*(unsigned *)arg;
}

/* It is in the files when the journal is open; what is told begins after that. */
START_TEST(what_recovery_settled_is_in_the_files)
{
	struct journal_options opt = folder_options(2);
	mono_us mono = clock_mono();
	struct folder_sum sum;
	unsigned told = 0;
	struct journal *j;

	in_dead_process(&opt, leave_open);
	j = folder_open(&opt);
	ck_assert_uint_eq(stats(j).recovered_holds, MANY / 10 * 9);
	sum = folder_read();
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_eq(sum.ids[i].crashed, i % 100 < 10 ? 0 : 1);
	ck_assert_uint_eq(sum.opens, 4);
	folder_sum_free(&sum);
	for (unsigned i = 0; i < 50; i++)
		journal_tick(j, FOLDER_NOW, (mono_us){ mono.us += 10000 }, tell, &told);
	ck_assert_uint_eq(told, 0);
	journal_close(j, FOLDER_NOW);
}
END_TEST

/* ---- orderly ends */

START_TEST(a_close_with_open_holds_leaves_them_to_the_next)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	struct journal_hold h[3] = { { .open = false } };
	struct folder_sum sum;

	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(hold(journal_writer_at(j, 0), &h[i], i), 0);
	settle(journal_writer_at(j, 0), &h[1], 1);
	journal_close(j, FOLDER_NOW);
	for (unsigned i = 0; i < 2; i++) {
		j = folder_open(&opt);
		ck_assert_uint_eq(stats(j).recovered_holds, i == 0 ? 2 : 0);
		journal_close(j, FOLDER_NOW);
	}
	sum = folder_read();
	for (unsigned i = 0; i < 3; i++)
		ck_assert(sum.ids[i].settles == 1 && sum.ids[i].crashed == (i != 1));
	folder_sum_free(&sum);
}
END_TEST

START_TEST(nothing_there_is_nothing_open)
{
	struct recover_report r;
	char err[512] = "";

	ck_assert_int_eq(recover_scan(folder_journal, false, &r, err, sizeof err), -1);
	ck_assert(strstr(err, folder_journal) != NULL);
	recover_report_free(&r);
	ck_assert_int_eq(mkdir(folder_journal, 0750), 0);
	ck_assert_int_eq(recover_scan(folder_journal, false, &r, err, sizeof err), 0);
	ck_assert(r.n_holds == 0 && r.segments == 0 && r.next_segment == 1);
	recover_report_free(&r);
}
END_TEST

/* ---- damage */

static char first[SEGMENT_PATH_MAX]; /* the dead process's segment */

static void write_ten(struct journal *j)
{
	static struct journal_hold h[10];

	for (unsigned i = 0; i < 10; i++)
		ck_assert_int_eq(hold(journal_writer_at(j, 0), &h[i], i), 0);
	for (unsigned i = 0; i < 5; i++)
		settle(journal_writer_at(j, 0), &h[i], i);
	for (int i = 0; i < what_was_written; i++) { /* the second time the header knows */
		journal_progress(journal_writer_at(j, 0), &h[9],
			&(struct rec_progress){ .id = sample_id(9) }, FOLDER_NOW);
		journal_tick(j, FOLDER_NOW, (mono_us){ clock_mono().us + (i + 1) * 1000000 }, NULL,
			NULL);
	}
}

/* Where each record of the file begins (those that say whose they are aside), and the last ends. */
static unsigned offsets_of(uint64_t *v, unsigned cap)
{
	struct segment_read s;
	uint64_t at = SEGMENT_HEAD;
	char err[512];
	unsigned n = 0;
	struct rec r;

	ck_assert_int_eq(segment_read_open(&s, first, err, sizeof err), 0);
	do {
		ck_assert_uint_lt(n, cap);
		v[n] = at;
		if (segment_next(&s, &at, &r) != REC_READ_OK)
			break;
		n += r.type != REC_WRITER;
	} while (true);
	segment_read_close(&s);
	return n;
}

enum where { IN_FRONT, IN_SEGMENT, MARKED };

static void dead_process_with_ten(enum where where)
{
	struct journal_options opt = folder_options(1);

	what_was_written = (int)where;
	in_dead_process(&opt, write_ten);
	ck_assert_int_eq(segment_path(first, folder_journal, 1, ""), 0);
}

/* What was in memory alone is gone: without it what is torn stays so (check_recover_fronts.c). */
static void lose_fronts(void)
{
	char cmd[128];

	snprintf(cmd, sizeof cmd, "rm %s/*.tgf", folder_journal);
	folder_run(cmd);
}

static void poke(uint64_t at, const void *bytes, size_t n)
{
	int fd = open(first, O_RDWR);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, n, (off_t)at), (ssize_t)n);
	close(fd);
}

/*
 * The file `path`, its last two records (from at[n - 2], at[n - 1], to at[n]) torn at every byte:
 * what is behind is gone, what is before is there. `open` are open without the last one.
 */
static void tear(const char *path, const uint64_t *at, unsigned n, size_t open_holds)
{
	uint64_t size = FOLDER_SEGMENT;
	char *image = malloc(size), err[512] = "";
	int fd = open(path, O_RDWR);

	ck_assert_int_eq(pread(fd, image, size, 0), (ssize_t)size);
	for (uint64_t cut = at[n]; cut-- > at[n - 2];) {
		size_t want = cut >= at[n - 1] ? open_holds : open_holds + 1;
		struct recover_report r;

		image[cut] = 0;
		ck_assert_int_eq(pwrite(fd, image, size, 0), (ssize_t)size);
		ck_assert_msg(
			recover_scan(folder_journal, false, &r, err, sizeof err) == 0, "%s", err);
		/* zeros at its end may still be padding */
		ck_assert_msg(r.n_holds == want || r.n_holds == want - 1, "cut at %u: %zu open",
			(unsigned)cut, r.n_holds);
		if (cut == at[n - 1] + 8 || cut == at[n - 2] + 8)
			ck_assert_uint_eq(r.n_holds, want);
		recover_report_free(&r);
	}
	close(fd);
	free(image);
}

static void write_settles(struct journal *j)
{
	what_was_written = IN_FRONT;
	write_ten(j);
	journal_tick(j, FOLDER_NOW, (mono_us){ clock_mono().us + 1000000 }, NULL, NULL);
}

START_TEST(a_torn_segment_ends_where_it_is_torn)
{
	struct journal_options opt = folder_options(1);
	uint64_t at[32];
	unsigned n;

	in_dead_process(&opt, write_settles);
	lose_fronts();
	ck_assert_int_eq(segment_path(first, folder_journal, 1, ""), 0);
	n = offsets_of(at, 32);
	ck_assert_uint_eq(n, 16); /* OPEN, ten HOLDs, five SETTLEs */
	tear(first, at, n, 6);
}
END_TEST

/* A bit that flipped behind `synced` is a torn write; before it, it is damage and named. */
START_TEST(damage_is_named_and_salvaged)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = NULL;
	uint64_t at[32];
	char err[512] = "", offset[32];
	struct folder_sum sum;

	dead_process_with_ten(MARKED);
	ck_assert_uint_eq(offsets_of(at, 32), 18);
	poke(at[3] + 50, "\xff\x00\xff", 3); /* HOLD of request 2, which was settled */
	ck_assert_int_eq(journal_open(&j, &opt, FOLDER_NOW, err, sizeof err), -1);
	snprintf(offset, sizeof offset, "byte %u ", (unsigned)at[3]);
	ck_assert_msg(strstr(err, first) != NULL && strstr(err, offset) != NULL, "%s", err);
	ck_assert(strstr(err, "tgctl ledger verify") != NULL && strstr(err, "salvage") != NULL);
	err[0] = 0;
	opt.salvage = true;
	ck_assert_msg(journal_open(&j, &opt, FOLDER_NOW, err, sizeof err) == 0, "%s", err);
	ck_assert_uint_eq(stats(j).recovered_holds, 5);
	ck_assert_uint_eq(stats(j).torn_bytes, at[4] - at[3]);
	journal_close(j, FOLDER_NOW);
	opt.salvage = false;
	j = folder_open(&opt); /* once is enough */
	ck_assert_uint_eq(stats(j).recovered_holds, 0);
	journal_close(j, FOLDER_NOW);
	sum = folder_read();
	for (unsigned i = 0; i < 10; i++) {
		ck_assert_uint_eq(sum.ids[i].holds, i != 2);
		ck_assert_uint_eq(sum.ids[i].settles, 1);
	}
	folder_sum_free(&sum);
}
END_TEST

START_TEST(a_damaged_header_is_named_and_set_aside)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = NULL;
	char err[512] = "", bad[SEGMENT_PATH_MAX + 8];

	dead_process_with_ten(MARKED);
	poke(16, "xxxxxxxx", 8);
	ck_assert_int_eq(journal_open(&j, &opt, FOLDER_NOW, err, sizeof err), -1);
	ck_assert_msg(strstr(err, first) != NULL && strstr(err, "header") != NULL, "%s", err);
	opt.salvage = true;
	j = folder_open(&opt);
	snprintf(bad, sizeof bad, "%s.bad", first);
	ck_assert_int_eq(access(bad, R_OK), 0);
	ck_assert_int_eq(access(first, R_OK), -1);
	journal_close(j, FOLDER_NOW);
}
END_TEST

/* A power cut may keep a later page and lose an earlier one: what is behind the hole counts. */
START_TEST(records_behind_a_torn_hole_count)
{
	struct journal_options opt = folder_options(1);
	struct journal *j;
	struct folder_sum sum;
	char zeros[4096] = { 0 };
	uint64_t at[32];

	dead_process_with_ten(IN_SEGMENT);
	lose_fronts();
	ck_assert_uint_eq(offsets_of(at, 32), 17);
	poke(at[4], zeros, at[6] - at[4]); /* HOLDs of 3 (settled) and 4 (settled) */
	j = folder_open(&opt);
	ck_assert_uint_eq(stats(j).recovered_holds, 5);
	ck_assert_uint_eq(stats(j).torn_bytes, at[6] - at[4]);
	journal_close(j, FOLDER_NOW);
	sum = folder_read();
	for (unsigned i = 0; i < 10; i++)
		ck_assert_uint_eq(sum.ids[i].settles, 1);
	ck_assert_uint_eq(sum.holes, 1);
	folder_sum_free(&sum);
}
END_TEST

/* A LEG whose HOLD was lost says all that is needed. */
static void write_leg(struct journal *j)
{
	struct journal_writer *w = journal_writer_at(j, 0);
	static struct journal_hold h;
	struct rec_leg leg = sample_leg(1, 1);

	ck_assert_int_eq(hold(w, &h, 1), 0);
	ck_assert_int_eq(journal_leg(w, &h, &leg, FOLDER_NOW), 0);
	journal_tick(j, FOLDER_NOW, (mono_us){ clock_mono().us + 1000000 }, NULL, NULL);
}

START_TEST(a_leg_without_its_hold_is_open)
{
	struct journal_options opt = folder_options(1);
	struct recover_report r;
	char err[512] = "";
	uint64_t at[8];

	in_dead_process(&opt, write_leg);
	lose_fronts();
	ck_assert_int_eq(segment_path(first, folder_journal, 1, ""), 0);
	ck_assert_uint_eq(offsets_of(at, 8), 3);
	poke(at[1] + 40, "\xff", 1);
	ck_assert_msg(recover_scan(folder_journal, false, &r, err, sizeof err) == 0, "%s", err);
	ck_assert_uint_eq(r.n_holds, 1);
	ck_assert_uint_eq(r.holds[0].settle.legs, 2);
	recover_report_free(&r);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, an_open_hold_is_settled_at_the_last_it_said, 0, 64);
	tcase_add_loop_test(tc, after_any_kill_each_hold_has_exactly_one_end, 0, 4);
	tcase_add_test(tc, a_crash_in_recovery_settles_nothing_twice);
	tcase_add_test(tc, what_recovery_settled_is_in_the_files);
	tcase_add_test(tc, a_close_with_open_holds_leaves_them_to_the_next);
	tcase_add_test(tc, nothing_there_is_nothing_open);
	tcase_add_test(tc, a_torn_segment_ends_where_it_is_torn);
	tcase_add_test(tc, damage_is_named_and_salvaged);
	tcase_add_test(tc, a_damaged_header_is_named_and_set_aside);
	tcase_add_test(tc, records_behind_a_torn_hole_count);
	tcase_add_test(tc, a_leg_without_its_hold_is_open);
}

UNIT_MAIN("recover", tests)
