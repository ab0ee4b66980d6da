/*
 * test_switch.h: safety rules that ./dev chaos --prove leaves out, one after the other, to see that
 * it notices. They can be left out in builds configured with --enable-test-switches alone, which
 * are never installed; elsewhere test_off() is the constant false, and nothing of this is in the
 * program (t/e2e/test_chaos_short.py looks).
 *
 * TG_TEST_OFF=name,name in the environment leaves out those of tbl/test_switches.h;
 * TG_TEST_LUA=file is read in place of quota.lua. Any thread.
 */
#ifndef TG_BASE_TEST_SWITCH_H
#define TG_BASE_TEST_SWITCH_H

#include <stdbool.h>

#include "base/str.h"

enum test_switch {
#define X(id, name, without) TEST_##id,
#include "base/tbl/test_switches.h"
#undef X
	TEST__MAX
};

#ifdef TG_TEST_SWITCHES
/* Is this rule to be left out? A name in TG_TEST_OFF that is none ends the process. */
bool test_off(enum test_switch rule);
/* The text of TG_TEST_LUA, NUL-terminated and kept for ever; or `otherwise`. */
struct str test_lua(struct str otherwise);
#else
static inline bool test_off(enum test_switch rule)
{
	(void)rule;
	return false;
}

static inline struct str test_lua(struct str otherwise)
{
	return otherwise;
}
#endif

#endif
