/*
 * quota_lua.c: quota.lua as string literals, which the build makes in the build directory
 * (local.mk).
 */
#include "quota/quota_lua.h"

#include <assert.h>
#include <string.h>

#include "base/test_switch.h"

static const char text[] =
#include "src/quota/quota_lua.inc"
	;

struct str quota_lua_text(void)
{
	return test_lua(str_mk(text, sizeof text - 1));
}

struct str quota_lua_eval_text(void)
{
	struct str whole = quota_lua_text();
	const char *line = strchr(whole.p, '\n');

	assert(whole.p[0] == '#' && line);
	return str_mk(line + 1, (size_t)(whole.p + whole.n - (line + 1)));
}
