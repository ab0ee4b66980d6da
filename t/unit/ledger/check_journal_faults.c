/*
 * journal_tick.c, journal_out.c, journal_sigbus.c when something fails: a full disk, one that
 * breaks, a file cut short. Nothing that was accepted is lost, settlements go on, and the same
 * process recovers.
 */
#include "unit/ledger/folder.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ledger/journal_int.h"

static mono_us mono;
static struct folder_sum told;

static void tell(void *arg, const struct rec *r, struct journal_position at)
{
	(void)arg;
	(void)at;
	folder_count(&told, r);
}

static void setup(void)
{
	folder_setup();
	mono = clock_mono();
	told = (struct folder_sum){ .ids = calloc(FOLDER_IDS, sizeof *told.ids) };
}

static void teardown(void)
{
	folder_sum_free(&told);
	folder_teardown();
}

static void tick(struct journal *j)
{
	int64_t us;

	mono.us += 10000;
	us = journal_tick(j, FOLDER_NOW, mono, tell, NULL);
	ck_assert_int_le(us, 1000000);
}

/* Long enough for the longest retry. */
static void ticks_of_a_while(struct journal *j)
{
	for (unsigned i = 0; i < 150; i++)
		tick(j);
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

/* Everything up to n is there once: told, and in the files of a journal that was closed. */
static void all_once(uint64_t n, bool was_told)
{
	struct folder_sum sum = folder_read();

	for (uint64_t i = 0; i < n; i++) {
		ck_assert_msg(
			sum.ids[i].holds == 1 && sum.ids[i].settles == 1 && sum.ids[i].crashed == 0,
			"request %u: %u holds, %u settlements", (unsigned)i, sum.ids[i].holds,
			sum.ids[i].settles);
		if (was_told)
			ck_assert_uint_eq(told.ids[i].settles, 1);
	}
	ck_assert_uint_eq(sum.unknown, 0);
	folder_sum_free(&sum);
}

/* ---- a full disk */

static _Atomic int allocate_error;

static int failing_fallocate(int fd, off_t at, off_t n)
{
	int error = atomic_load(&allocate_error);

	return error != 0 ? error : posix_fallocate(fd, at, n);
}

static const int allocate_errors[] = { ENOSPC, EDQUOT, EFBIG, EROFS, EIO };

START_TEST(without_space_holds_are_refused_and_taken_again)
{
	static struct journal_hold h[4096];
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	struct journal_writer *w = journal_writer_at(j, 0);
	struct journal_hold last[8] = { { .open = false } };
	uint64_t n = 0, total, refused;

	journal_sys.fallocate = failing_fallocate;
	atomic_store(&allocate_error, allocate_errors[_i]);
	for (n = 0; n < 4096 && hold(w, &h[n % 8], n) == 0; n++) {
		if (n >= 7) /* a few are open at any time */
			settle(w, &h[(n + 1) % 8], n - 7);
		if (n % 64 == 0)
			tick(j);
	}
	ck_assert_uint_lt(n, 4096);
	tick(j);
	ck_assert(stats(j).failing && !journal_ready(w));
	ck_assert_msg(
		strstr(stats(j).why, strerror(allocate_errors[_i])) != NULL, "%s", stats(j).why);
	for (uint64_t i = n - 7; i < n; i++) /* those that are open end as they would */
		settle(w, &h[i % 8], i);
	for (; hold(w, &last[0], n) == 0; n++) /* what they had reserved is room again */
		settle(w, &last[0], n);
	refused = stats(j).refused;
	ticks_of_a_while(j);
	ck_assert_int_eq(hold(w, &last[0], n), -1);
	ck_assert_uint_eq(stats(j).refused, refused + 1);
	ck_assert(stats(j).failing);

	atomic_store(&allocate_error, 0);
	ticks_of_a_while(j);
	ck_assert(!stats(j).failing && stats(j).why[0] == 0);
	ck_assert(journal_ready(w));
	for (total = n; total < n + 8; total++)
		ck_assert_int_eq(hold(w, &last[total - n], total), 0);
	for (uint64_t i = n; i < total; i++)
		settle(w, &last[i - n], i);
	tick(j);
	journal_close(j, FOLDER_NOW);
	all_once(total, true);
}
END_TEST

/* The real thing: the kernel refuses to let a file grow, and would send SIGXFSZ. */
static void child_with_limit(void)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	struct journal_writer *w = journal_writer_at(j, 0);
	struct journal_hold h = { .open = false };
	struct rlimit small = { 100 * 1024, RLIM_INFINITY },
		      none = { RLIM_INFINITY, RLIM_INFINITY };
	uint64_t n = 0;

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	while (hold(w, &h, n) == 0) {
		settle(w, &h, n++);
		if (n % 64 == 0)
			tick(j);
		ck_assert_uint_lt(n, 4096);
	}
	ticks_of_a_while(j);
	ck_assert(stats(j).failing && !journal_ready(w));
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	ticks_of_a_while(j);
	ck_assert(!stats(j).failing);
	ck_assert_int_eq(hold(w, &h, n), 0);
	settle(w, &h, n++);
	tick(j);
	journal_close(j, FOLDER_NOW);
	all_once(n, true);
}

START_TEST(a_limit_of_the_file_size_is_a_full_disk)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		child_with_limit();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

/* ---- a disk that fails */

static int sync_failures, write_failures; /* so many calls fail */
static int half_written;                  /* of each write that fails so many bytes arrive */

static int failing_fdatasync(int fd)
{
	if (sync_failures > 0) {
		sync_failures--;
		errno = EIO;
		return -1;
	}
	return fdatasync(fd);
}

static ssize_t failing_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (write_failures > 0) {
		write_failures--;
		if (half_written > 0)
			ck_assert_int_gt(pwrite(fd, p, TG_MIN(n, (size_t)half_written), at), 0);
		errno = EIO;
		return -1;
	}
	return pwrite(fd, p, n, at);
}

/* As after a failed write-back: what had not been synced reads back as zeros. */
static void forget(const char *path, uint64_t from)
{
	static const char zeros[4096];
	int fd = open(path, O_RDWR);

	ck_assert_int_ge(fd, 0);
	for (uint64_t at = from; at < FOLDER_SEGMENT; at += sizeof zeros)
		ck_assert_int_gt(
			pwrite(fd, zeros, TG_MIN(sizeof zeros, FOLDER_SEGMENT - at), (off_t)at), 0);
	close(fd);
}

/* _i: how often fdatasync fails, and writes (cut after a page), and both. */
START_TEST(what_a_disk_refused_is_written_again)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	struct journal_writer *w = journal_writer_at(j, 0);
	struct journal_hold first = { .open = false }, h = { .open = false };
	char path[SEGMENT_PATH_MAX];
	struct stat st;
	int times = 1 + _i / 3, fd;
	uint64_t n = 1;

	journal_sys.fdatasync = failing_fdatasync;
	journal_sys.pwrite = failing_pwrite;
	ck_assert_int_eq(hold(w, &first, 0), 0);
	for (; n < 50; n++) {
		ck_assert_int_eq(hold(w, &h, n), 0);
		settle(w, &h, n);
	}
	tick(j);
	ck_assert_uint_eq(told.ids[49].settles, 1);
	ck_assert_int_eq(segment_path(path, folder_journal, j->out.number, ""), 0);
	fd = open(path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	for (; n < 100; n++) {
		ck_assert_int_eq(hold(w, &h, n), 0);
		settle(w, &h, n);
	}
	sync_failures = _i % 3 != 1 ? times : 0;
	write_failures = _i % 3 != 0 ? times : 0;
	half_written = 4096;
	tick(j);
	ck_assert(stats(j).failing);
	ck_assert_msg(
		strstr(stats(j).why, strerror(EIO)) != NULL && strstr(stats(j).why, path) != NULL,
		"%s", stats(j).why);
	ck_assert_uint_eq(told.ids[60].settles, 0); /* not durable: not told */
	ck_assert(!journal_ready(w));
	ck_assert_int_eq(hold(w, &h, 200), -1);
	settle(w, &first, 0); /* goes on */
	forget(path, j->out.synced);
	for (unsigned i = 0; i < 10 && stats(j).failing; i++)
		ticks_of_a_while(j);
	ck_assert(!stats(j).failing && journal_ready(w));
	ck_assert_int_eq(fstat(fd, &st), 0);
	close(fd);
	if (_i % 3 != 2 && times <= 3) /* the third time there is another file in its place */
		ck_assert_uint_eq(st.st_nlink, times < 3 ? 1 : 0);
	ck_assert_int_eq(hold(w, &h, n), 0);
	settle(w, &h, n++);
	tick(j);
	journal_close(j, FOLDER_NOW);
	all_once(n, true);
}
END_TEST

/* Killed before the disk works again: what the page cache has of the fronts is enough. */
START_TEST(a_kill_while_the_disk_fails_loses_nothing)
{
	struct journal_options opt = folder_options(1);
	struct folder_sum sum;
	struct journal *j;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct journal_hold h[30] = { { .open = false } };
		struct journal_writer *w;

		j = folder_open(&opt);
		w = journal_writer_at(j, 0);
		journal_sys.fdatasync = failing_fdatasync;
		journal_sys.pwrite = failing_pwrite;
		for (unsigned i = 0; i < 30; i++)
			ck_assert_int_eq(hold(w, &h[i], i), 0);
		sync_failures = 1 + _i;
		write_failures = _i;
		for (unsigned i = 0; i < 10; i++)
			settle(w, &h[i], i);
		for (unsigned i = 0; i < 30; i++)
			tick(j);
		for (unsigned i = 10; i < 20; i++)
			settle(w, &h[i], i);
		(void)kill(getpid(), SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	j = folder_open(&opt);
	ck_assert_uint_eq(stats(j).recovered_holds, 10);
	journal_close(j, FOLDER_NOW);
	sum = folder_read();
	for (unsigned i = 0; i < 30; i++) {
		ck_assert(sum.ids[i].holds == 1 && sum.ids[i].settles == 1);
		ck_assert_uint_eq(sum.ids[i].crashed, i >= 20);
	}
	folder_sum_free(&sum);
}
END_TEST

/* Closed while the disk fails: the fronts stay, for the next start. */
START_TEST(a_close_while_the_disk_fails_keeps_the_fronts)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	struct journal_writer *w = journal_writer_at(j, 0);
	struct journal_hold h = { .open = false };

	for (uint64_t n = 0; n < 20; n++) {
		ck_assert_int_eq(hold(w, &h, n), 0);
		settle(w, &h, n);
	}
	journal_sys.fdatasync = failing_fdatasync;
	sync_failures = 1000;
	journal_close(j, FOLDER_NOW);
	sync_failures = 0;
	j = folder_open(&opt);
	ck_assert_uint_eq(stats(j).recovered_holds, 0);
	journal_close(j, FOLDER_NOW);
	all_once(20, false);
}
END_TEST

/* ---- SIGBUS */

/* The front's file is cut to 8 KB under the mapping while it is written to. */
START_TEST(a_file_cut_short_costs_no_more_than_what_was_cut)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	struct journal_writer *w = journal_writer_at(j, 0);
	struct journal_hold h = { .open = false }, open = { .open = false };
	char path[SEGMENT_PATH_MAX];
	struct folder_sum sum;
	uint64_t n = 0, flushed, first_after;

	for (; n < 10; n++) {
		ck_assert_int_eq(hold(w, &h, n), 0);
		settle(w, &h, n);
	}
	tick(j);
	flushed = n;
	ck_assert_int_eq(hold(w, &open, n++), 0);
	while (w->at < 4096 * 5 + 100) {
		ck_assert_int_eq(hold(w, &h, n), 0);
		settle(w, &h, n++);
	}
	ck_assert_int_eq(front_path(path, folder_journal, w->front->number), 0);
	ck_assert_int_eq(truncate(path, 8192), 0);
	first_after = n + 1; /* the next one begins in a page that is lost with it */
	for (; n < first_after + 20; n++) {
		ck_assert_int_eq(hold(w, &h, n), 0); /* faults, and goes on */
		settle(w, &h, n);
	}
	tick(j);
	ck_assert(stats(j).failing);
	ck_assert_msg(strstr(stats(j).why, path) != NULL, "%s", stats(j).why);
	journal_turn_end(w); /* leaves the front */
	ticks_of_a_while(j);
	ck_assert(!stats(j).failing);
	ck_assert_int_eq(access(path, F_OK), -1);
	settle(w, &open, flushed);
	ck_assert_int_eq(hold(w, &h, n), 0);
	settle(w, &h, n++);
	tick(j);
	journal_close(j, FOLDER_NOW);
	sum = folder_read();
	for (uint64_t i = 0; i < flushed; i++)
		ck_assert(sum.ids[i].holds == 1 && sum.ids[i].settles == 1);
	ck_assert_uint_eq(sum.ids[flushed].settles, 1);
	for (uint64_t i = first_after; i < n; i++)
		ck_assert_msg(sum.ids[i].holds == 1 && sum.ids[i].settles == 1 &&
				      told.ids[i].settles == 1,
			"request %u of %u to %u", (unsigned)i, (unsigned)first_after, (unsigned)n);
	folder_sum_free(&sum);
	j = folder_open(&opt);
	ck_assert_uint_eq(stats(j).recovered_holds, 0);
	journal_close(j, FOLDER_NOW);
}
END_TEST

/* Elsewhere SIGBUS is what it was. */
START_TEST(a_fault_elsewhere_still_kills)
{
	struct journal_options opt = folder_options(1);
	struct journal *j;
	char path[128];
	pid_t pid;
	int status, fd;

	(void)signal(SIGBUS, SIG_DFL); /* not a sanitizer's, which would report it */
	j = folder_open(&opt);
	snprintf(path, sizeof path, "%s/other", folder);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	ck_assert_int_ge(fd, 0);
	pid = fork();
	if (pid == 0) {
		volatile char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		struct rlimit none = { 0, 0 };

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)!freopen("/dev/null", "w", stderr); /* a sanitizer's words */
		p[0] = 1;
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
	close(fd);
	journal_close(j, FOLDER_NOW);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, without_space_holds_are_refused_and_taken_again, 0,
		(int)TG_ARRAY_LEN(allocate_errors));
	tcase_add_test(tc, a_limit_of_the_file_size_is_a_full_disk);
	tcase_add_loop_test(tc, what_a_disk_refused_is_written_again, 0, 15);
	tcase_add_loop_test(tc, a_kill_while_the_disk_fails_loses_nothing, 0, 6);
	tcase_add_test(tc, a_close_while_the_disk_fails_keeps_the_fronts);
	tcase_add_test(tc, a_file_cut_short_costs_no_more_than_what_was_cut);
	tcase_add_test(tc, a_fault_elsewhere_still_kills);
}

UNIT_MAIN("journal_faults", tests)
