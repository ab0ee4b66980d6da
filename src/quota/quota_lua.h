/*
 * quota_lua.h: the text of src/quota/lua/quota.lua, which Redis runs, inside the program. Constant;
 * any thread.
 */
#ifndef TG_QUOTA_QUOTA_LUA_H
#define TG_QUOTA_QUOTA_LUA_H

#include "base/str.h"

/*
 * The library as FUNCTION LOAD takes it (Redis 7 and above, Valkey): FCALL tgq_sync_v1 NUMKEYS
 * KEY... ARG...
 */
struct str quota_lua_text(void);

/*
 * The same text as SCRIPT LOAD and any Lua 5.1 take it, that is without its #! line. The first
 * argument names the function: EVALSHA SHA NUMKEYS KEY... tgq_sync_v1 ARG... Both end with a NUL
 * that is not counted.
 */
struct str quota_lua_eval_text(void);

#endif
