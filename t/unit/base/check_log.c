/*
 * check_log.c: the shape of a line, what may not break it, rotation, and threads writing at once.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "unit/unit.h"

static char dir[] = "/tmp/check_log.XXXXXX", path[64], moved[64];
static char text[300000];

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	sprintf(path, "%s/log", dir);
	sprintf(moved, "%s/log.1", dir);
	ck_assert_int_eq(log_open(path), 0);
	log_threshold = LOG_L_INFO;
}

static void teardown(void)
{
	unlink(path);
	unlink(moved);
	rmdir(dir);
}

static struct str contents(const char *of)
{
	FILE *f = fopen(of, "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	return str_mk(text, n);
}

START_TEST(shape)
{
	struct str got;

	log_warn("target is down", "target=%s after_ms=%d", "openai-eu", 30);
	got = contents(path);
	ck_assert(str_starts(got, STR("time=20")));
	UNIT_STR_EQ(str_skip(got, sizeof "time=2026-11-20T20:25:49.123456Z" - 1),
		STR(" level=warn msg=\"target is down\" target=openai-eu after_ms=30\n"));
}
END_TEST

START_TEST(below_the_threshold_is_nothing)
{
	int evaluated = 0;

	log_debug("quiet", "n=%d", ++evaluated);
	ck_assert_uint_eq(contents(path).n, 0);
	ck_assert_int_eq(evaluated, 0);
	log_threshold = LOG_L_ERROR;
	log_warn("quiet", "n=%d", 1);
	ck_assert_uint_eq(contents(path).n, 0);
	log_error("loud", "%s", "");
	ck_assert(str_ends(contents(path), STR(" level=error msg=\"loud\" \n")));
}
END_TEST

START_TEST(peer_text_cannot_begin_a_line)
{
	struct str got;

	log_info("bad head", "line=%s", "a\r\ntime=forged\x1b[31m\x7f");
	got = contents(path);
	ck_assert_uint_eq(str_chr(got, '\n'), got.n - 1);
	ck_assert(str_ends(got, STR("line=a??time=forged?[31m?\n")));
}
END_TEST

START_TEST(long_lines_are_cut_and_still_end)
{
	static char big[5000];
	struct str got;

	memset(big, 'x', sizeof big - 1);
	log_info("long", "%s", big);
	log_info(big, "k=%d", 1);
	log_info("next", "k=%d", 2);
	got = contents(path);
	for (int i = 0; i < 2; i++) {
		size_t at = str_chr(got, '\n');

		ck_assert_uint_gt(at, 2000);
		ck_assert_uint_lt(at, 2048);
		got = str_skip(got, at + 1);
	}
	ck_assert(str_ends(got, STR("msg=\"next\" k=2\n")));
}
END_TEST

START_TEST(errno_is_kept)
{
	errno = EDOM;
	log_info("x", "k=%d", 1);
	ck_assert_int_eq(errno, EDOM);
}
END_TEST

START_TEST(rotation)
{
	log_info("before", "k=%d", 1);
	ck_assert_int_eq(rename(path, moved), 0);
	log_info("still the old file", "k=%d", 2);
	ck_assert_int_eq(log_reopen(), 0);
	log_info("after", "k=%d", 3);
	ck_assert(str_ends(contents(moved), STR("k=2\n")));
	ck_assert(str_ends(contents(path), STR("msg=\"after\" k=3\n")));
	ck_assert_uint_eq(str_find(contents(path), STR("k=2")), (size_t)-1);
}
END_TEST

START_TEST(what_cannot_be_opened_leaves_the_old)
{
	errno = 0;
	ck_assert_int_eq(log_open("/nonexistent/dir/log"), -1);
	ck_assert_int_eq(errno, ENOENT);
	log_info("here", "k=%d", 1);
	ck_assert(str_ends(contents(path), STR("k=1\n")));
	ck_assert_int_eq(log_reopen(), 0); /* the old path is remembered too */
}
END_TEST

static void *write_many(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_info("many", "who=%s i=%d end", (const char *)arg, i);
	return NULL;
}

START_TEST(lines_of_threads_stay_whole)
{
	pthread_t a, b;
	struct str rest, line;
	unsigned n = 0;

	ck_assert_int_eq(pthread_create(&a, NULL, write_many, "a"), 0);
	ck_assert_int_eq(pthread_create(&b, NULL, write_many, "b"), 0);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(log_reopen(), 0);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	rest = contents(path);
	for (; str_split(&rest, '\n', &line); n++)
		ck_assert(str_starts(line, STR("time=")) && str_ends(line, STR(" end")));
	ck_assert_uint_eq(n, 1000);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, shape);
	tcase_add_test(tc, below_the_threshold_is_nothing);
	tcase_add_test(tc, peer_text_cannot_begin_a_line);
	tcase_add_test(tc, long_lines_are_cut_and_still_end);
	tcase_add_test(tc, errno_is_kept);
	tcase_add_test(tc, rotation);
	tcase_add_test(tc, what_cannot_be_opened_leaves_the_old);
	tcase_add_test(tc, lines_of_threads_stay_whole);
}

UNIT_MAIN("log", tests)
