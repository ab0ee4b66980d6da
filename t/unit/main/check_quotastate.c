/*
 * check_quotastate.c: the file of what a member must not forget: raised at each start, the same
 * after it was read again, refused when a byte of it is another.
 */
#include "unit/unit.h"

#include <sys/stat.h>

#include "base/defs.h"

#include "quotastate.c"

static char dir[256], err[4096];

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof dir, "%s/check_quotastate_XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	err[0] = '\0';
}

static const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void teardown(void)
{
	chmod(dir, 0700);
	unlink(path_of(FILE_NAME));
	unlink(path_of(ASIDE));
	ck_assert_int_eq(rmdir(dir), 0);
}

START_TEST(each_start_counts)
{
	struct quotastate s;

	for (uint32_t i = 1; i <= 3; i++) {
		ck_assert_msg(quotastate_open(&s, dir, err, sizeof err) == 0, "%s", err);
		ck_assert_uint_eq(s.incarnation, i);
		for (unsigned b = 0; b < QUOTASTATE_BUCKETS; b++)
			ck_assert_str_eq(s.epoch[b], i > 1 && b == 63 ? "12.1.4.gw-1" : "");
		strcpy(s.epoch[63], "12.1.4.gw-1");
		ck_assert_int_eq(quotastate_save(&s, err, sizeof err), 0);
	}
	ck_assert_int_ne(access(path_of(ASIDE), F_OK), 0);
}
END_TEST

START_TEST(full)
{
	struct quotastate s, again;

	ck_assert_int_eq(quotastate_open(&s, dir, err, sizeof err), 0);
	for (unsigned b = 0; b < QUOTASTATE_BUCKETS; b++) {
		memset(s.epoch[b], '0' + (int)b % 10, QUOTASTATE_EPOCH - 1);
		s.epoch[b][QUOTASTATE_EPOCH - 1] = '\0';
	}
	ck_assert_int_eq(quotastate_save(&s, err, sizeof err), 0);
	ck_assert_int_eq(quotastate_open(&again, dir, err, sizeof err), 0);
	ck_assert_mem_eq(again.epoch, s.epoch, sizeof s.epoch);
}
END_TEST

/* No byte can be another, and none can be missing. */
START_TEST(damaged)
{
	static const struct quotastate some = { .incarnation = 7,
		.epoch = { [0] = "1.2.3.a", [40] = "99.2.3.b" } };
	struct quotastate got;
	char text[FILE_MAX];
	size_t n = compose(&some, text);

	ck_assert_int_eq(quotastate_parse(&got, str_mk(text, n)), 0);
	ck_assert_uint_eq(got.incarnation, 7);
	ck_assert_str_eq(got.epoch[40], "99.2.3.b");
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(quotastate_parse(&got, str_mk(text, i)), -1);
		text[i] ^= 1;
		ck_assert_int_eq(quotastate_parse(&got, str_mk(text, n)), -1);
		text[i] ^= 1;
	}
	text[n] = '\n';
	ck_assert_int_eq(quotastate_parse(&got, str_mk(text, n + 1)), -1);
}
END_TEST

START_TEST(damaged_stays)
{
	struct quotastate s;
	FILE *f = fopen(path_of(FILE_NAME), "w");

	ck_assert_ptr_nonnull(f);
	fputs("tollgate quota state 1\nincarnation 5\n", f);
	fclose(f);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(quotastate_open(&s, dir, err, sizeof err), -1);
		ck_assert_ptr_nonnull(strstr(err, "is damaged"));
	}
}
END_TEST

START_TEST(used_up)
{
	struct quotastate s;

	ck_assert_int_eq(quotastate_open(&s, dir, err, sizeof err), 0);
	s.incarnation = QUOTASTATE_INCARNATION_MAX;
	ck_assert_int_eq(quotastate_save(&s, err, sizeof err), 0);
	ck_assert_int_eq(quotastate_open(&s, dir, err, sizeof err), -1);
	ck_assert_ptr_nonnull(strstr(err, "another name"));
}
END_TEST

START_TEST(no_folder)
{
	struct quotastate s;

	ck_assert_int_eq(quotastate_open(&s, path_of("none"), err, sizeof err), -1);
	ck_assert_ptr_nonnull(strstr(err, "none/quota.state cannot be written: No such file"));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_start_counts);
	tcase_add_test(tc, full);
	tcase_add_test(tc, damaged);
	tcase_add_test(tc, damaged_stays);
	tcase_add_test(tc, used_up);
	tcase_add_test(tc, no_folder);
}

UNIT_MAIN("quotastate", tests)
