/*
 * quota_lua.c: quota.lua as string literals, which the build makes in the build directory
 * (local.mk).
 */
#include "quota/quota_lua.h"

#include <assert.h>
#include <string.h>

static const char text[] =
#include "src/quota/quota_lua.inc"
	;

struct str quota_lua_text(void)
{
	return str_mk(text, sizeof text - 1);
}

struct str quota_lua_eval_text(void)
{
	const char *line = strchr(text, '\n');

	assert(text[0] == '#' && line);
	return str_mk(line + 1, (size_t)(text + sizeof text - 1 - (line + 1)));
}
