/*
 * redisconf.h: the block `redis` as a client of src/redis is made from. Any thread.
 */
#ifndef TG_REDISCONF_H
#define TG_REDISCONF_H

#include "core/config.h"
#include "redis/redis.h"

/* Texts are the configuration's; out->tls is the caller's, until redisconf_close, and outlives the
 * client. -1 with err: a file of `tls` cannot be used. */
int redisconf_open(
	const struct config *c, struct redis_conf *out, char *err, size_t err_len) TG_MUST_CHECK;
void redisconf_close(struct redis_conf *conf);
/* Would both make the same client? */
bool redisconf_same(const struct cfg_redis *a, const struct cfg_redis *b);

#endif
