/*
 * redis_codec.h: RESP2: commands to bytes, and bytes to replies by hiredis' parser with limits of
 * ours. No I/O. A reader belongs to one connection.
 */
#ifndef TG_REDIS_REDIS_CODEC_H
#define TG_REDIS_REDIS_CODEC_H

#include "base/arena.h"
#include "base/defs.h"
#include "base/str.h"
#include "redis/redis_value.h"

struct redisReader;

/* How many bytes the command takes. argc > 0. */
size_t redis_command_size(const struct str *argv, size_t argc);
/* Writes it; out has that much room. */
void redis_command_put(char *out, const struct str *argv, size_t argc);

#define REDIS_LINE_MAX 16384u /* of a status, an error or a number */

struct redis_limits {
	size_t max_bytes; /* of one reply: its texts, and what is not parsed yet */
	size_t max_items; /* of one reply, nested ones included */
};

struct redis_reader {
	struct redisReader *hi;
	struct redis_limits limits;
	struct arena arena;      /* the reply being read, or the one handed out last */
	size_t n_items, n_bytes; /* of it */
	bool handed_out;
	char error[160]; /* "": none */
};

enum redis_read {
	REDIS_READ_REPLY,
	REDIS_READ_MORE, /* feed more bytes */
	REDIS_READ_BAD   /* the connection has no use any more: error says why */
};

void redis_reader_init(struct redis_reader *r, struct redis_limits limits);
void redis_reader_fini(struct redis_reader *r);
/* n > 0. -1: BAD. The bytes are copied. */
int redis_reader_feed(struct redis_reader *r, const char *p, size_t n) TG_MUST_CHECK;
/* The next reply; *out is the reader's, until the next call of any of these. */
enum redis_read redis_reader_next(
	struct redis_reader *r, const struct redis_value **out) TG_MUST_CHECK;

#endif
