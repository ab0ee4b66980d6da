/*
 * redis_codec.c: see redis_codec.h.
 *
 *	bytes -> hiredis' buffer -> reader_make_* -> a tree in the arena -> redis_reader_next
 *
 * hiredis keeps a string in its buffer until it is whole, and takes any number of items: the limits
 * are looked at here, before memory is taken for what a peer only announces.
 */
#include <hiredis/read.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "redis/redis_codec.h"

/* ---- commands */

static size_t digits(uint64_t v)
{
	size_t n = 1;

	while (v >= 10) {
		v /= 10;
		n++;
	}
	return n;
}

size_t redis_command_size(const struct str *argv, size_t argc)
{
	size_t n = 1 + digits(argc) + 2;

	for (size_t i = 0; i < argc; i++)
		n += 1 + digits(argv[i].n) + 2 + argv[i].n + 2;
	return n;
}

static char *put_head(char *out, char kind, size_t n)
{
	*out++ = kind;
	out += num_put_u64(out, n);
	*out++ = '\r';
	*out++ = '\n';
	return out;
}

void redis_command_put(char *out, const struct str *argv, size_t argc)
{
	tg_assert(argc > 0);
	out = put_head(out, '*', argc);
	for (size_t i = 0; i < argc; i++) {
		out = put_head(out, '$', argv[i].n);
		if (argv[i].n > 0)
			memcpy(out, argv[i].p, argv[i].n);
		out += argv[i].n;
		*out++ = '\r';
		*out++ = '\n';
	}
}

/* ---- replies */

static int reader_fail(struct redis_reader *r, const char *what)
{
	if (r->error[0] == '\0')
		snprintf(r->error, sizeof r->error, "%s", what);
	return -1;
}

/* What makes hiredis give up. */
static void *reader_refuse(struct redis_reader *r, const char *what)
{
	(void)!reader_fail(r, what);
	return NULL;
}

static struct redis_value *reader_value(const struct redisReadTask *t, enum redis_kind kind)
{
	struct redis_reader *r = t->privdata;
	struct redis_value *v;

	if (t->parent != NULL) {
		struct redis_value *in = t->parent->obj;

		tg_assert(in->kind == REDIS_ARRAY && (size_t)t->idx < in->n_items);
		v = &in->items[t->idx];
	} else {
		v = arena_alloc(&r->arena, sizeof *v);
		tg_assert(v != NULL); /* it has no limit: the reader's are looked at before */
	}
	*v = (struct redis_value){ .kind = kind };
	return v;
}

static void *reader_make_string(const struct redisReadTask *t, char *p, size_t n)
{
	struct redis_reader *r = t->privdata;
	enum redis_kind kind = t->type == REDIS_REPLY_STRING   ? REDIS_STRING
			       : t->type == REDIS_REPLY_STATUS ? REDIS_STATUS
							       : REDIS_ERROR;
	struct redis_value *v;

	if (n > r->limits.max_bytes - r->n_bytes)
		return reader_refuse(r, "a reply larger than allowed");
	/* hiredis has both bytes, and does not look at them. */
	if (kind == REDIS_STRING && (p[n] != '\r' || p[n + 1] != '\n'))
		return reader_refuse(r, "a string that does not end where it says");
	r->n_bytes += n;
	v = reader_value(t, kind);
	v->text = arena_dup(&r->arena, str_mk(p, n));
	return v;
}

static void *reader_make_array(const struct redisReadTask *t, int n)
{
	struct redis_reader *r = t->privdata;
	struct redis_value *v;
	size_t items = n > 0 ? (size_t)n : 0;

	if (items > r->limits.max_items - r->n_items)
		return reader_refuse(r, "a reply with more items than allowed");
	r->n_items += items;
	v = reader_value(t, REDIS_ARRAY);
	if (items == 0)
		return v;
	v->items = arena_zalloc(&r->arena, items * sizeof *v->items);
	tg_assert(v->items != NULL);
	v->n_items = items;
	return v;
}

static void *reader_make_integer(const struct redisReadTask *t, long long n)
{
	struct redis_value *v = reader_value(t, REDIS_INT);

	v->number = n;
	return v;
}

static void *reader_make_nil(const struct redisReadTask *t)
{
	return reader_value(t, REDIS_NIL);
}

/* All of a reply goes with the arena. */
static void reader_free_object(void *obj)
{
	(void)obj;
}

void redis_reader_init(struct redis_reader *r, struct redis_limits limits)
{
	static redisReplyObjectFunctions fn = { reader_make_string, reader_make_array,
		reader_make_integer, reader_make_nil, reader_free_object };

	*r = (struct redis_reader){ .limits = limits };
	arena_init(&r->arena, NULL, 0);
	r->hi = redisReaderCreateWithFunctions(&fn);
	tg_assert(r->hi != NULL);
	r->hi->privdata = r;
}

void redis_reader_fini(struct redis_reader *r)
{
	if (r->hi != NULL)
		redisReaderFree(r->hi);
	r->hi = NULL;
	arena_fini(&r->arena);
}

int redis_reader_feed(struct redis_reader *r, const char *p, size_t n)
{
	if (r->error[0] != '\0')
		return -1;
	return redisReaderFeed(r->hi, p, n) == 0 ? 0 : reader_fail(r, r->hi->errstr);
}

/* Not a whole reply yet: may it still become one? */
static int reader_may_go_on(struct redis_reader *r)
{
	size_t left = r->hi->len - r->hi->pos;

	if (left > r->limits.max_bytes)
		return reader_fail(r, "a reply larger than allowed");
	/* What is left begins with a line; of a string it is the one with its length. */
	if (left > REDIS_LINE_MAX && memchr(r->hi->buf + r->hi->pos, '\n', REDIS_LINE_MAX) == NULL)
		return reader_fail(r, "a line longer than allowed");
	return 0;
}

enum redis_read redis_reader_next(struct redis_reader *r, const struct redis_value **out)
{
	void *reply = NULL;

	*out = NULL;
	if (r->error[0] != '\0')
		return REDIS_READ_BAD;
	if (r->handed_out) {
		arena_fini(&r->arena);
		r->n_items = r->n_bytes = 0;
		r->handed_out = false;
	}
	if (redisReaderGetReply(r->hi, &reply) != 0) {
		(void)!reader_fail(r, r->hi->errstr);
		return REDIS_READ_BAD;
	}
	if (reply == NULL)
		return reader_may_go_on(r) == 0 ? REDIS_READ_MORE : REDIS_READ_BAD;
	r->handed_out = true;
	*out = reply;
	return REDIS_READ_REPLY;
}
