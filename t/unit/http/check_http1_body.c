/*
 * check_http1_body.c: every body whole, in two parts at every byte, in three parts at every pair of
 * bytes, and byte by byte: the outcome, the payload and the place of the next message may not
 * depend on it.
 */
#include "unit/unit.h"

#include <stdio.h>

#include "proto/http1_body.h"

struct row {
	struct str text;
	enum http_error err; /* NONE: complete, with the payload below */
	struct str payload;
	size_t rest; /* bytes of the next message at the end of text */
};

#define BAD(text, e)                                  \
	{                                             \
		STR(text), HTTP_E_##e, { NULL, 0 }, 0 \
	}
#define OK(text, payload, rest)                            \
	{                                                  \
		STR(text), HTTP_E_NONE, STR(payload), rest \
	}
#define MORE(text)                                     \
	{                                              \
		STR(text), HTTP_E__MAX, { NULL, 0 }, 0 \
	} /* not complete and not wrong */

#define E256                                                               \
	"0123456789012345678901234567890123456789012345678901234567890123" \
	"0123456789012345678901234567890123456789012345678901234567890123" \
	"0123456789012345678901234567890123456789012345678901234567890123" \
	"0123456789012345678901234567890123456789012345678901234567890123"

static const struct row rows[] = {
	OK("0\r\n\r\n", "", 0),
	OK("5\r\nhello\r\n0\r\n\r\n", "hello", 0),
	OK("5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "hello", 16),
	OK("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc", 0),
	OK("A\r\n0123456789\r\n00a\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n",
		"0123456789\r\n\r\n\r\n\r\n\r\n", 0),
	OK("0000000000000002\r\n\0\xff\r\n0000\r\n\r\n", "\0\xff", 0),
	OK("2;a=b;c=\"d\"\r\nhi\r\n0;x\r\n\r\n", "hi", 0),
	OK("2;\t \r\nhi\r\n0\r\n\r\n", "hi", 0),
	OK("0\r\nX-Trailer: a\tb\xff\r\nY:\r\n\r\nnext", "", 4),
	BAD("\r\n", BAD_CHUNK_SIZE),
	BAD("\n", BAD_CHUNK_SIZE),
	BAD(" 5\r\nhello", BAD_CHUNK_SIZE),
	BAD("5 \r\nhello", BAD_CHUNK_SIZE),
	BAD("5 ;x\r\nhello", BAD_CHUNK_SIZE),
	BAD("5\t\r\nhello", BAD_CHUNK_SIZE),
	BAD("+5\r\nhello", BAD_CHUNK_SIZE),
	BAD("-5\r\nhello", BAD_CHUNK_SIZE),
	BAD("0x5\r\nhello", BAD_CHUNK_SIZE),
	BAD("5_0\r\nhello", BAD_CHUNK_SIZE),
	BAD("5,\r\nhello", BAD_CHUNK_SIZE),
	BAD("g\r\n", BAD_CHUNK_SIZE),
	BAD(";x\r\n", BAD_CHUNK_SIZE),
	BAD("5\nhello", BAD_CHUNK_SIZE),
	BAD("5\rhello", BAD_CHUNK_SIZE),
	BAD("5\r\rhello", BAD_CHUNK_SIZE),
	BAD("5\0\r\nhello", BAD_CHUNK_SIZE),
	BAD("00000000000000005\r\nhello", BAD_CHUNK_SIZE),
	BAD("8000000000000000\r\n", BAD_CHUNK_SIZE),
	BAD("ffffffffffffffff\r\n", BAD_CHUNK_SIZE),
	BAD("10000000000000005\r\n", BAD_CHUNK_SIZE),
	BAD("5;a\nhello", BAD_CHUNK_EXT),
	BAD("5;a\0b\r\nhello", BAD_CHUNK_EXT),
	BAD("5;a\x7f\r\nhello", BAD_CHUNK_EXT),
	BAD("5;\xff\r\nhello", BAD_CHUNK_EXT),
	BAD("5;a\rb\r\nhello", BAD_CHUNK_SIZE),
	BAD("5;" E256 "\r\nhello", BAD_CHUNK_EXT),
	BAD("5\r\nhello0\r\n\r\n", BAD_CHUNK_END),
	BAD("5\r\nhello\n0\r\n\r\n", BAD_CHUNK_END),
	BAD("5\r\nhello\r0\r\n\r\n", BAD_CHUNK_END),
	BAD("5\r\nhello!\r\n0\r\n\r\n", BAD_CHUNK_END),
	BAD("5\r\nhello\r\r\n0\r\n\r\n", BAD_CHUNK_END),
	BAD("5\r\nhello\r\n\r\n0\r\n\r\n", BAD_CHUNK_SIZE),
	BAD("0\r\n\n", BAD_TRAILER),
	BAD("0\r\n\r\r\n", BAD_TRAILER),
	BAD("0\r\n X: y\r\n\r\n", BAD_TRAILER),
	BAD("0\r\nX: y\r\n z\r\n\r\n", BAD_TRAILER),
	BAD("0\r\nX : y\r\n\r\n", BAD_TRAILER),
	BAD("0\r\n: y\r\n\r\n", BAD_TRAILER),
	BAD("0\r\nX\r\n\r\n", BAD_TRAILER),
	BAD("0\r\nX: y\n\r\n", BAD_TRAILER),
	BAD("0\r\nX: \0\r\n\r\n", BAD_TRAILER),
	BAD("0\r\nX: y\rz\r\n\r\n", BAD_TRAILER),
	MORE(""),
	MORE("5"),
	MORE("5\r\nhello"),
	MORE("5\r\nhello\r\n"),
	MORE("5\r\nhello\r\n0\r\n"),
	MORE("0\r\nX: y\r\n\r"),
	MORE("7fffffffffffffff\r\nx"),
};

struct sink {
	struct http1_body body;
	char payload[512];
	size_t n, used; /* payload, input */
	enum body_rc rc;
};

/* As a caller does: again with the rest until there is no more data; spans lie inside the input. */
static void feed(struct sink *s, const char *p, size_t n)
{
	size_t used, at = 0;
	struct str data;

	if (s->rc == BODY_END || s->rc == BODY_BAD)
		return;
	do {
		s->rc = http1_body_feed(&s->body, p + at, n - at, &used, &data);
		ck_assert_uint_le(used, n - at);
		if (s->rc == BODY_DATA) {
			ck_assert(
				data.n > 0 && data.p >= p + at && data.p + data.n == p + at + used);
			ck_assert_uint_le(s->n + data.n, sizeof(s->payload));
			memcpy(s->payload + s->n, data.p, data.n);
			s->n += data.n;
		}
		at += used;
	} while (s->rc == BODY_DATA);
	s->used += at;
	if (s->rc == BODY_MORE)
		ck_assert_uint_eq(at, n);
	ck_assert_int_eq(http1_body_done(&s->body), s->rc == BODY_END);
	ck_assert_uint_eq(s->body.total, s->n);
}

static void check(const struct sink *s, const struct row *r)
{
	enum body_rc want = r->err == HTTP_E_NONE   ? BODY_END
			    : r->err == HTTP_E__MAX ? BODY_MORE
						    : BODY_BAD;

	ck_assert_msg(s->rc == want, "got %d, want %d: %.*s", s->rc, want, STR_FMT(r->text));
	if (want == BODY_BAD)
		ck_assert_msg(s->body.err == r->err, "\"%s\", want \"%s\": %.*s",
			http_error_text(s->body.err), http_error_text(r->err), STR_FMT(r->text));
	if (want != BODY_END)
		return;
	UNIT_STR_EQ(str_mk(s->payload, s->n), r->payload);
	ck_assert_uint_eq(s->used, r->text.n - r->rest);
}

static struct sink fresh(void)
{
	struct sink s = { .rc = BODY_MORE };

	http1_body_init_framing(&s.body, HTTP_BODY_CHUNKED, 0);
	return s;
}

static void two(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	struct sink s = fresh();

	feed(&s, a, an);
	feed(&s, b, bn);
	check(&s, arg);
}

static void three(const struct row *r)
{
	for (size_t a = 0; a <= r->text.n; a++) {
		for (size_t b = a; b <= r->text.n; b++) {
			struct sink s = fresh();

			feed(&s, r->text.p, a);
			feed(&s, r->text.p + a, b - a);
			feed(&s, r->text.p + b, r->text.n - b);
			check(&s, r);
		}
	}
}

START_TEST(chunked)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct row r = rows[i];
		struct sink s = fresh();

		unit_split(r.text.p, r.text.n, two, &r);
		if (r.text.n < 80)
			three(&r);
		for (size_t k = 0; k < r.text.n; k++)
			feed(&s, r.text.p + k, 1);
		check(&s, &r);
	}
}
END_TEST

/* Just fits, and one byte too many. */
START_TEST(maxima)
{
	static char text[HTTP_MAX_TRAILER + 64];

	for (int n = 255; n <= 257; n++) {
		struct row r = { .payload = STR("x"),
			.err = n <= 256 ? HTTP_E_NONE : HTTP_E_BAD_CHUNK_EXT };

		r.text = str_mk(text, (size_t)sprintf(text, "1;%0*d\r\nx\r\n0\r\n\r\n", n - 1, 0));
		unit_split(r.text.p, r.text.n, two, &r);
	}
	for (int n = HTTP_MAX_TRAILER - 1; n <= HTTP_MAX_TRAILER + 1; n++) {
		struct row r = { .payload = STR(""),
			.err = n <= HTTP_MAX_TRAILER ? HTTP_E_NONE : HTTP_E_BAD_TRAILER };
		struct sink s = fresh();

		r.text = str_mk(text, (size_t)sprintf(text, "0\r\nX: %0*d\r\n\r\n", n - 7, 0));
		feed(&s, r.text.p, r.text.n / 2);
		feed(&s, r.text.p + r.text.n / 2, r.text.n - r.text.n / 2);
		check(&s, &r);
	}
}
END_TEST

/* With memory for them trailers are kept, all or none; they decide nothing. */
static const struct {
	const char *text, *kept;
	size_t cap;
} trailers[] = {
	{ "0\r\n\r\n", "\r\n", 64 },
	{ "1\r\nx\r\n0\r\nX-A: b\r\nY:c\r\n\r\nHTTP", "X-A: b\r\nY:c\r\n\r\n", 64 },
	{ "0\r\nX-A: b\r\n\r\n", "X-A: b\r\n\r\n", 10 },
	{ "0\r\nX-A: b\r\n\r\n", "", 9 },
	{ "0\r\nX-A: b\r\n\r\n", "", 1 },
	{ "0\r\nX-A: b\r\n\r\n", "", 0 },
};

static void keep_two(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	const int i = *(int *)arg;
	struct sink s = fresh();
	char *memory = malloc(trailers[i].cap);

	s.body.trailer = memory;
	s.body.trailer_cap = (uint32_t)trailers[i].cap;
	feed(&s, a, an);
	feed(&s, b, bn);
	ck_assert_int_eq(s.rc, BODY_END);
	UNIT_STR_EQ(str_mk(memory, s.body.trailer_n), str_z(trailers[i].kept));
	free(memory);
}

START_TEST(kept_trailers)
{
	unit_split(trailers[_i].text, strlen(trailers[_i].text), keep_two, &_i);
}
END_TEST

START_TEST(length)
{
	struct str text = STR("helloGET /"), data;
	struct http1_body b;
	size_t used;

	for (size_t cut = 0; cut <= text.n; cut++) {
		struct sink s = { .rc = BODY_MORE };

		http1_body_init_framing(&s.body, HTTP_BODY_LENGTH, 5);
		ck_assert(!http1_body_done(&s.body));
		feed(&s, text.p, cut);
		feed(&s, text.p + cut, text.n - cut);
		ck_assert_int_eq(s.rc, BODY_END);
		ck_assert_uint_eq(s.used, 5);
		UNIT_STR_EQ(str_mk(s.payload, s.n), STR("hello"));
	}
	http1_body_init_framing(&b, HTTP_BODY_LENGTH, 0);
	ck_assert(http1_body_done(&b));
	ck_assert_int_eq(http1_body_feed(&b, "x", 1, &used, &data), BODY_END);
	ck_assert_uint_eq(used, 0);
	http1_body_init_framing(&b, HTTP_BODY_LENGTH, INT64_MAX);
	ck_assert_int_eq(http1_body_feed(&b, "x", 1, &used, &data), BODY_DATA);
	ck_assert_uint_eq(b.left, (uint64_t)INT64_MAX - 1);
}
END_TEST

START_TEST(none_and_eof)
{
	struct http1_body b;
	struct str data;
	size_t used;

	http1_body_init_framing(&b, HTTP_BODY_NONE, 0);
	ck_assert(http1_body_done(&b));
	ck_assert_int_eq(http1_body_feed(&b, "GET", 3, &used, &data), BODY_END);
	ck_assert_uint_eq(used, 0);
	http1_body_init_framing(&b, HTTP_BODY_EOF, 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(http1_body_feed(&b, "abc", 3, &used, &data), BODY_DATA);
		ck_assert_uint_eq(used, 3);
		ck_assert_int_eq(http1_body_feed(&b, "", 0, &used, &data), BODY_MORE);
		ck_assert(!http1_body_done(&b));
	}
	ck_assert_uint_eq(b.total, 9);
}
END_TEST

/* The framing a head announces is the one that is decoded. */
START_TEST(from_head)
{
	struct str text = STR("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
	struct http_head h;
	struct http1_body b;
	enum http_error e;

	ck_assert_int_eq(http1_response_parse(text.p, text.n, HTTP_M_GET, &h, &e), 0);
	http1_body_init(&b, &h);
	ck_assert_int_eq(b.framing, HTTP_BODY_LENGTH);
	ck_assert_uint_eq(b.left, 7);
	ck_assert_int_eq(http1_response_parse(text.p, text.n, HTTP_M_HEAD, &h, &e), 0);
	http1_body_init(&b, &h);
	ck_assert(http1_body_done(&b));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, chunked);
	tcase_add_test(tc, maxima);
	tcase_add_loop_test(tc, kept_trailers, 0, sizeof trailers / sizeof *trailers);
	tcase_add_test(tc, length);
	tcase_add_test(tc, none_and_eof);
	tcase_add_test(tc, from_head);
}

UNIT_MAIN("http1_body", tests)
