/*
 * check_panic.c: a broken invariant ends the process by SIGABRT, after the hook has added its part
 * to standard error; a hook that fails itself does not loop.
 */
#include "base/defs.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"

static char said[4096];

/* Runs fn in a child; returns its wait status and leaves its standard error in `said`. */
static int run(void (*fn)(void))
{
	int fds[2], status;
	ssize_t got;
	size_t n = 0;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		fn();
		_exit(0);
	}
	close(fds[1]);
	while ((got = read(fds[0], said + n, sizeof said - 1 - n)) > 0)
		n += (size_t)got;
	said[n] = '\0';
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void hook(void)
{
	fputs("request 42\n", stderr);
}

static void bad_hook(void)
{
	tg_panic("hook.c", 7, "twice");
}

static void assert_fails(void)
{
	int one = 1;

	tg_assert(one == 2);
}

static void assert_fails_with_hook(void)
{
	tg_panic_hook = hook;
	assert_fails();
}

static void hook_fails(void)
{
	tg_panic_hook = bad_hook;
	assert_fails();
}

static void assert_holds(void)
{
	int calls = 0;

	tg_assert(++calls == 1);
	_exit(calls);
}

static void long_message(void)
{
	static char what[2000];

	memset(what, 'x', sizeof what - 1);
	tg_panic("file.c", 1, what);
}

START_TEST(assertion)
{
	int status = run(assert_fails);

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(said, "panic: "));
	ck_assert_ptr_nonnull(strstr(said, "check_panic.c:"));
	ck_assert_ptr_nonnull(strstr(said, "one == 2\n"));
}
END_TEST

START_TEST(hook_adds)
{
	int status = run(assert_fails_with_hook);

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(said, "one == 2\nrequest 42\n"));
}
END_TEST

START_TEST(failing_hook_ends)
{
	int status = run(hook_fails);

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(said, "one == 2\n"));
	ck_assert_ptr_nonnull(strstr(said, "hook.c:7: twice\n"));
}
END_TEST

START_TEST(evaluated_once)
{
	int status = run(assert_holds);

	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(long_message_ends_with_newline)
{
	int status = run(long_message);

	ck_assert(WIFSIGNALED(status));
	ck_assert_uint_gt(strlen(said), 400);
	ck_assert_int_eq(said[strcspn(said, "\n")], '\n');
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, assertion);
	tcase_add_test(tc, hook_adds);
	tcase_add_test(tc, failing_hook_ends);
	tcase_add_test(tc, evaluated_once);
	tcase_add_test(tc, long_message_ends_with_newline);
}

UNIT_MAIN("panic", tests)
