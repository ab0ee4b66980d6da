/*
 * check_redis_codec.c: commands as bytes; replies whole, cut at every byte, and such as no server
 * should send.
 */
#include <stdio.h>

#include "redis/redis_codec.h"
#include "unit/unit.h"

static const struct redis_limits some = { 1000, 20 };

/* A reply as text: what a test compares. */
static void show(const struct redis_value *v, char *out, size_t cap)
{
	size_t n = strlen(out);

	switch (v->kind) {
	case REDIS_NIL: snprintf(out + n, cap - n, "nil"); break;
	case REDIS_INT: snprintf(out + n, cap - n, "%lld", (long long)v->number); break;
	case REDIS_STRING: snprintf(out + n, cap - n, "'%.*s'", STR_FMT(v->text)); break;
	case REDIS_STATUS: snprintf(out + n, cap - n, "+%.*s", STR_FMT(v->text)); break;
	case REDIS_ERROR: snprintf(out + n, cap - n, "-%.*s", STR_FMT(v->text)); break;
	case REDIS_ARRAY:
		snprintf(out + n, cap - n, "[");
		for (size_t i = 0; i < v->n_items; i++) {
			show(&v->items[i], out, cap);
			snprintf(out + strlen(out), cap - strlen(out), " ");
		}
		snprintf(out + strlen(out), cap - strlen(out), "]");
		break;
	}
}

/* Everything that comes of the bytes fed now, separated by semicolons; "BAD" at an end. */
static void drain(struct redis_reader *r, const char *p, size_t n, char *out, size_t cap)
{
	const struct redis_value *v;
	enum redis_read rc = REDIS_READ_BAD;

	if (n == 0)
		return;
	if (redis_reader_feed(r, p, n) == 0)
		while ((rc = redis_reader_next(r, &v)) == REDIS_READ_REPLY) {
			show(v, out, cap);
			snprintf(out + strlen(out), cap - strlen(out), ";");
		}
	if (rc == REDIS_READ_BAD && strstr(out, "BAD") == NULL) {
		ck_assert_str_ne(r->error, "");
		snprintf(out + strlen(out), cap - strlen(out), "BAD");
	}
}

static void run_split(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	char got[4096] = "";
	struct redis_reader r;

	redis_reader_init(&r, some);
	drain(&r, a, an, got, sizeof got);
	drain(&r, b, bn, got, sizeof got);
	if (strcmp(got, arg) != 0) /* libcheck notes each one that holds: too slow */
		ck_abort_msg("\"%s\", not \"%s\"", got, (const char *)arg);
	redis_reader_fini(&r);
}

static const struct row {
	const char *bytes, *want;
} rows[] = {
	{ "+OK\r\n", "+OK;" },
	{ "-ERR no\r\n", "-ERR no;" },
	{ ":-5\r\n:9223372036854775807\r\n", "-5;9223372036854775807;" },
	{ "$0\r\n\r\n$5\r\nab\r\nc\r\n", "'';'ab\r\nc';" },
	{ "$-1\r\n*-1\r\n*0\r\n", "nil;nil;[];" },
	{ "*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n-E\r\n+x\r\n", "[1 ['a' nil ] -E ];+x;" },
	{ "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "[[[[[[[1 ] ] ] ] ] ] ];" },
	/* 20 items: as many as allowed, and of each reply anew */
	{ "*2\r\n*9\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n:8\r\n:9\r\n*9\r\n:1\r\n:2\r\n:"
	  "3\r\n"
	  ":4\r\n:5\r\n:6\r\n:7\r\n:8\r\n:9\r\n*20\r\n",
		"[[1 2 3 4 5 6 7 8 9 ] [1 2 3 4 5 6 7 8 9 ] ];" },
	/* nonsense */
	{ "HTTP/1.1 400 Bad Request\r\n\r\n", "BAD" },
	{ "%1\r\n+a\r\n:1\r\n", "BAD" }, /* RESP3 was not asked for */
	{ "_\r\n", "BAD" },
	{ ":12x\r\n", "BAD" },
	{ ":\r\n", "BAD" },
	{ ":9223372036854775808\r\n", "BAD" },
	{ "$x\r\n", "BAD" },
	{ "$-2\r\n", "BAD" },
	{ "$1\r\nabc\r\n", "BAD" },
	{ "*-2\r\n", "BAD" },
	{ "*21\r\n", "BAD" },
	{ "*2147483647\r\n", "BAD" },
	{ "*4294967297\r\n:1\r\n", "BAD" },
	{ "*2\r\n*10\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n:8\r\n:9\r\n:10\r\n*9\r\n",
		"BAD" },
	{ "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "BAD" }, /* too deep */
	{ "+OK\r\n?\r\n+OK\r\n", "+OK;BAD" },
};

START_TEST(replies)
{
	const struct row *row = &rows[_i];

	unit_split(row->bytes, strlen(row->bytes), run_split, (void *)(uintptr_t)row->want);
}
END_TEST

static void feed_until_bad(const char *head, const char *more, size_t limit, const char *why)
{
	const struct redis_value *v;
	struct redis_reader r;
	size_t fed = 0;

	redis_reader_init(&r, (struct redis_limits){ 100000, 100000 });
	ck_assert_int_eq(redis_reader_feed(&r, head, strlen(head)), 0);
	while (redis_reader_next(&r, &v) == REDIS_READ_MORE) {
		ck_assert_uint_lt(fed, limit);
		ck_assert_int_eq(redis_reader_feed(&r, more, strlen(more)), 0);
		fed += strlen(more);
	}
	ck_assert_ptr_null(v);
	ck_assert_str_eq(r.error, why);
	ck_assert_int_eq(redis_reader_feed(&r, "+OK\r\n", 5), -1); /* it stays so */
	ck_assert_int_eq(redis_reader_next(&r, &v), REDIS_READ_BAD);
	redis_reader_fini(&r);
}

/* No limit is passed by more than a read's worth. */
START_TEST(endless)
{
	static char chunk[1001];

	memset(chunk, 'x', sizeof chunk - 1);
	feed_until_bad("+", chunk, REDIS_LINE_MAX + 1001, "a line longer than allowed");
	feed_until_bad("$1000000000\r\n", chunk, 101001, "a reply larger than allowed");
	feed_until_bad(
		"*90000\r\n", "$10\r\n0123456789\r\n", 180000, "a reply larger than allowed");
}
END_TEST

START_TEST(commands)
{
	static const struct {
		struct str argv[3];
		size_t argc;
		struct str want;
	} cases[] = {
		{ { STR("PING") }, 1, STR("*1\r\n$4\r\nPING\r\n") },
		{ { STR("SET"), STR(""), STR("a\0\r\n") }, 3,
			STR("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\0\r\n\r\n") },
	};
	struct str many[101];
	char *out;

	for (size_t i = 0; i < TG_ARRAY_LEN(cases); i++) {
		size_t n = redis_command_size(cases[i].argv, cases[i].argc);

		out = malloc(n);
		redis_command_put(out, cases[i].argv, cases[i].argc);
		UNIT_STR_EQ(str_mk(out, n), cases[i].want);
		free(out);
	}
	/* 101 words of 1000 bytes: numbers of every length */
	out = malloc(1000);
	memset(out, 'w', 1000);
	for (size_t i = 0; i < TG_ARRAY_LEN(many); i++)
		many[i] = str_mk(out, i * 10);
	ck_assert_uint_eq(redis_command_size(many, 101),
		6 + 101 * 5 + 1 * 1 + 9 * 2 + 90 * 3 + 1 * 4 + 10 * 5050);
	free(out);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, replies, 0, TG_ARRAY_LEN(rows));
	tcase_add_test(tc, endless);
	tcase_add_test(tc, commands);
}

UNIT_MAIN("redis_codec", tests)
