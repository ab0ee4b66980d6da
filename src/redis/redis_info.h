/*
 * redis_info.h: the lines of INFO that the client wants. Pure.
 */
#ifndef TG_REDIS_REDIS_INFO_H
#define TG_REDIS_REDIS_INFO_H

#include "base/defs.h"
#include "base/str.h"
#include "redis/redis.h"

struct redis_info {
	struct redis_server server;
	bool loading; /* the data set is not in memory yet */
};

/* text: the reply to INFO. -1: *why (static) says what it lacks. */
int redis_info_parse(struct str text, struct redis_info *out, const char **why) TG_MUST_CHECK;

#endif
