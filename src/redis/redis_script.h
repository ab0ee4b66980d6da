/*
 * redis_script.h: a library of Lua functions on Redis servers. From Redis 7 on it is a function
 * library (FUNCTION LOAD, FCALL); before, or where the user may not use FUNCTION, the same text is
 * a script (SCRIPT LOAD, EVALSHA). Runs on the client's thread.
 *
 * The text begins with "#!lua name=LIBRARY" and registers its functions where there is
 * redis.register_function. As a script it is sent without that line, and gets the function's name
 * as ARGV[1], before the arguments: it looks whether redis.register_function is there, and if not,
 * calls the function of that name with KEYS and ARGV without the first, and returns what it does.
 */
#ifndef TG_REDIS_SCRIPT_H
#define TG_REDIS_SCRIPT_H

#include "base/defs.h"
#include "base/str.h"
#include "redis/redis.h"

struct redis_script;

/* Copies the text. The library's name is that of its first line; NULL when it has none. */
struct redis_script *redis_script_new(struct str text);
/* After the client whose nodes it was used on: calls point to it. */
void redis_script_free(struct redis_script *s);

/*
 * Put it on n's server, unless it is there already: what on_up does first. done is called once:
 * why is NULL, or says what is wrong. -1: as redis_node_call.
 */
typedef void redis_script_done_f(const char *why, void *arg);
int redis_script_load(struct redis_script *s, struct redis_node *n, int64_t timeout_us,
	redis_script_done_f *done, void *arg) TG_MUST_CHECK;
/*
 * Call one of its functions on the connection that n has now. Everything is copied. Where the
 * server has lost the library (FUNCTION FLUSH, SCRIPT FLUSH), it is loaded and called once more, on
 * the same connection. timeout_us is that of each command. Else as redis_node_call.
 */
int redis_script_call(struct redis_script *s, struct redis_node *n, struct str function,
	const struct str *keys, size_t n_keys, const struct str *args, size_t n_args,
	int64_t timeout_us, redis_reply_f *f, void *arg) TG_MUST_CHECK;

#endif
