/*
 * redis_url.h: where a Redis server is, from text. Pure.
 */
#ifndef TG_REDIS_REDIS_URL_H
#define TG_REDIS_REDIS_URL_H

#include <stdbool.h>

#include "base/defs.h"
#include "base/str.h"

#define REDIS_PORT         6379
#define REDIS_PATH_MAX     107 /* of a unix socket, without its NUL */
#define REDIS_HOST_MAX     255
#define REDIS_USER_MAX     127
#define REDIS_PASSWORD_MAX 511
#define REDIS_DB_MAX       65535u

struct redis_url {
	bool tls;                      /* rediss:// */
	bool is_unix;                  /* unix:/path, in host */
	bool has_db;                   /* it names a database */
	char host[REDIS_HOST_MAX + 1]; /* without brackets */
	uint16_t port;                 /* 0 for unix: */
	unsigned db;
	char user[REDIS_USER_MAX + 1], password[REDIS_PASSWORD_MAX + 1]; /* "": none; decoded */
};

/*
 * redis://[user[:password]@]host[:port][/db], the same with rediss://, unix:/path[?db=n]. -1: *err
 * is a static text that says what is wrong and never has anything of the password in it.
 */
int redis_url_parse(struct str text, struct redis_url *out, const char **err) TG_MUST_CHECK;

#define REDIS_URL_TEXT_MAX (REDIS_HOST_MAX + 16)
/* "host:port", "[v6]:port", "unix:/path": for people; no password. Always terminated. */
void redis_url_text(const struct redis_url *u, char *out, size_t n);
/* host and port into u, which keeps the rest. -1: too long, or no port. */
int redis_url_set_host(struct redis_url *u, struct str host, uint64_t port) TG_MUST_CHECK;
/* The same server? (Not who logs in.) */
bool redis_url_same(const struct redis_url *a, const struct redis_url *b);

#endif
