/*
 * panic.c: the one way out when an invariant is broken. Runs on whichever thread found it; uses no
 * heap and no stdio, because either may be what is broken.
 */
#include "base/defs.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void (*tg_panic_hook)(void);

_Noreturn void tg_panic(const char *file, int line, const char *what)
{
	static atomic_flag entered = ATOMIC_FLAG_INIT;
	char msg[512];
	int n = snprintf(msg, sizeof msg, "panic: %s:%d: %s\n", file, line, what);

	if (n >= (int)sizeof msg) {
		n = (int)sizeof msg;
		msg[n - 1] = '\n';
	}
	if (n > 0 && write(STDERR_FILENO, msg, (size_t)n) < 0)
		abort();
	/* A hook that panics itself must not come back here for ever. */
	if (!atomic_flag_test_and_set(&entered) && tg_panic_hook != NULL)
		tg_panic_hook();
	abort();
}
