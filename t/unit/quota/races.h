/*
 * races.h: the accounts compiled into a test with something before every atomic step: a chance to
 * lose the processor, so that threads meet anywhere; or, at one step that the test chooses, all
 * that another thread might do meanwhile. A test that tries every step misses no such meeting.
 * Include first.
 */
#ifndef TG_UNIT_QUOTA_RACES_H
#define TG_UNIT_QUOTA_RACES_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* How often, of 65536; tests of one thread leave it at 0. */
static _Atomic unsigned race_rate;

static inline void race_yield(void)
{
	static _Thread_local unsigned n;

	n = n * 1103515245 + 12345;
	if ((n >> 16) % 65536 < atomic_load_explicit(&race_rate, memory_order_relaxed))
		sched_yield();
}

/* Called once, before the atomic step after so many. */
static _Thread_local void (*race_call)(void);
static _Thread_local unsigned race_after;

/* Do a thing with `call` at its step k; false: it has no such step (and call was not made). */
#define RACE_AT(k, call, thing)                         \
	(race_call = (call), race_after = (k), (thing), \
		race_call == NULL ? true : (race_call = NULL, false))

static inline void race(void)
{
	void (*call)(void) = race_call;

	if (call != NULL && race_after-- == 0) {
		race_call = NULL;
		call();
	}
	race_yield();
}

#undef atomic_load
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_compare_exchange_strong
#define atomic_load(p)         (race(), atomic_load_explicit(p, memory_order_seq_cst))
#define atomic_fetch_add(p, v) (race(), atomic_fetch_add_explicit(p, v, memory_order_seq_cst))
#define atomic_fetch_sub(p, v) (race(), atomic_fetch_sub_explicit(p, v, memory_order_seq_cst))
#define atomic_compare_exchange_strong(p, e, v)           \
	(race(), atomic_compare_exchange_strong_explicit( \
			 p, e, v, memory_order_seq_cst, memory_order_seq_cst))

#include "quota/account.c"
#include "quota/hold.c"
#include "quota/rate.c"
#include "quota/window.c"
#include "quota/table.c"

#endif
