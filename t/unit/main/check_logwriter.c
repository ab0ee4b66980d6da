/*
 * check_logwriter.c: the log thread: every line of every worker is written once and whole, over
 * rotation and a changed path; what cannot be opened keeps the old file, and stopping writes out
 * what is there.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <sys/stat.h>

#include "logwriter.c"

#define WORKERS 2

static struct worker workers[WORKERS];
static char dir[128], path[2][160];
static unsigned n_line;

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof dir, "%s/check_logwriter_XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert(mkdtemp(dir) != NULL);
	snprintf(path[0], sizeof path[0], "%s/a.jsonl", dir);
	snprintf(path[1], sizeof path[1], "%s/b.jsonl", dir);
	for (int i = 0; i < WORKERS; i++)
		ck_assert_int_eq(ring_init(&workers[i].log_ring, 1 << 16), 0);
	log_threshold = LOG_L_ERROR + 1; /* what it complains about is meant here */
	lw.stop = lw.reopen = lw.failing = false;
}

static void teardown(void)
{
	char cmd[300];

	logwriter_stop();
	for (int i = 0; i < WORKERS; i++)
		ring_fini(&workers[i].log_ring);
	for (int i = 0; i < 2; i++)
		unlink(path[i]);
	snprintf(cmd, sizeof cmd, "%s/a.jsonl.1", dir);
	unlink(cmd);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* One numbered line from a worker; waits while the ring is full. */
static void put_line(unsigned worker)
{
	char text[64], *room;
	size_t n = (size_t)snprintf(text, sizeof text, "{\"n\":%u}\n", n_line++);

	while ((room = ring_reserve(&workers[worker].log_ring, n)) == NULL)
		sched_yield();
	memcpy(room, text, n);
	ring_commit(&workers[worker].log_ring, n);
}

/* How many lines a file has; each of them is one of ours, in a worker's order. */
static unsigned lines_in(const char *name)
{
	int last[WORKERS] = { -1, -1 }, no;
	char text[64];
	unsigned n = 0;
	FILE *file = fopen(name, "r");

	if (file == NULL)
		return 0;
	while (fgets(text, sizeof text, file) != NULL) {
		if (text[strlen(text) - 1] != '\n')
			break; /* being written */
		ck_assert_int_eq(sscanf(text, "{\"n\":%d}\n", &no), 1);
		ck_assert_int_gt(no, last[no % WORKERS]);
		last[no % WORKERS] = no;
		n++;
	}
	fclose(file);
	return n;
}

static void wait_lines(const char *name, unsigned want)
{
	for (int i = 0; i < 20000 && lines_in(name) < want; i++)
		usleep(1000);
	ck_assert_uint_eq(lines_in(name), want);
}

START_TEST(all_workers)
{
	struct stat st;

	ck_assert_int_eq(logwriter_start(path[0], workers, WORKERS), 0);
	for (unsigned i = 0; i < 20000; i++)
		put_line(i % WORKERS);
	logwriter_stop();
	ck_assert_uint_eq(lines_in(path[0]), 20000);
	ck_assert_int_eq(stat(path[0], &st), 0);
	ck_assert_msg((st.st_mode & 07) == 0, "others may read it");
}
END_TEST

/* logrotate: moved away, then told. Lines before are in the old file, after in the new; none is
 * lost. */
START_TEST(rotation)
{
	char old[200];

	snprintf(old, sizeof old, "%s.1", path[0]);
	ck_assert_int_eq(logwriter_start(path[0], workers, WORKERS), 0);
	for (unsigned i = 0; i < 100; i++)
		put_line(i % WORKERS);
	wait_lines(path[0], 100);
	ck_assert_int_eq(rename(path[0], old), 0);
	put_line(0);
	wait_lines(old, 101);
	logwriter_reopen();
	for (int i = 0; i < 20000 && access(path[0], F_OK) != 0; i++)
		usleep(1000);
	for (unsigned i = 0; i < 50; i++)
		put_line((n_line) % WORKERS);
	logwriter_stop();
	ck_assert_uint_eq(lines_in(old) + lines_in(path[0]), 151);
	ck_assert_uint_ge(lines_in(path[0]), 50);
}
END_TEST

START_TEST(other_path)
{
	ck_assert_int_eq(logwriter_start(path[0], workers, WORKERS), 0);
	put_line(0);
	wait_lines(path[0], 1);
	logwriter_set_path(path[1]);
	for (int i = 0; i < 20000 && access(path[1], F_OK) != 0; i++)
		usleep(1000);
	n_line = 2;
	put_line(0);
	wait_lines(path[1], 1);
	/* What cannot be opened: the file in use stays. */
	logwriter_set_path("/nonexistent/dir/x");
	n_line = 4;
	put_line(0);
	wait_lines(path[1], 2);
	/* Off: lines go nowhere, and the ring does not fill. */
	logwriter_set_path("off");
	for (unsigned i = 0; i < 20000; i++)
		put_line(0);
	logwriter_stop();
	ck_assert_uint_eq(lines_in(path[0]), 1);
	ck_assert_uint_ge(lines_in(path[1]), 2);
}
END_TEST

/* Two calls before the thread wakes: the last path counts. */
START_TEST(twice)
{
	ck_assert_int_eq(logwriter_start("off", workers, WORKERS), 0);
	logwriter_set_path("/nonexistent/dir/x");
	logwriter_set_path(path[1]);
	for (int i = 0; i < 20000 && access(path[1], F_OK) != 0; i++)
		usleep(1000);
	put_line(0);
	logwriter_stop();
	ck_assert_uint_eq(lines_in(path[1]), 1);
}
END_TEST

START_TEST(unwritable)
{
	errno = 0;
	ck_assert_int_eq(logwriter_start("/nonexistent/dir/x", workers, WORKERS), -1);
	ck_assert_int_eq(errno, ENOENT);
	free(lw.path);
	lw.path = NULL;
	/* A full disk: lines are dropped, the thread goes on, the ring does not fill. */
	ck_assert_int_eq(logwriter_start("/dev/full", workers, WORKERS), 0);
	for (unsigned i = 0; i < 20000; i++)
		put_line(i % WORKERS);
	logwriter_set_path(path[0]);
	for (int i = 0; i < 20000 && access(path[0], F_OK) != 0; i++)
		usleep(1000);
	put_line(0);
	logwriter_stop();
	ck_assert_uint_ge(lines_in(path[0]), 1);
}
END_TEST

START_TEST(to_stdout)
{
	int keep = dup(STDOUT_FILENO);

	fflush(stdout);
	ck_assert(freopen(path[0], "w", stdout) != NULL);
	ck_assert_int_eq(logwriter_start("stdout", workers, WORKERS), 0);
	put_line(0);
	logwriter_stop();
	/* Our standard output is still open. */
	ck_assert_int_eq(dup2(keep, STDOUT_FILENO), STDOUT_FILENO);
	close(keep);
	ck_assert_uint_eq(lines_in(path[0]), 1);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, all_workers);
	tcase_add_test(tc, rotation);
	tcase_add_test(tc, other_path);
	tcase_add_test(tc, twice);
	tcase_add_test(tc, unwritable);
	tcase_add_test(tc, to_stdout);
}

UNIT_MAIN("logwriter", tests)
