/* check_sse.c: event stream framing, each stream cut at every byte and byte by byte. */
#include <stdio.h>

#include "proto/sse.h"
#include "unit/unit.h"

/* One line for what was seen: name=data; for each event, # for a comment, ~ for data without an
 * end. */
struct log {
	char text[1024];
	size_t n;
	char data[512];
	size_t data_n;
	uint64_t starts[8], ends[8];
	size_t events;
};

static void feed(struct sse *s, const char *p, size_t n, struct log *l)
{
	struct str in = str_mk(p, n), out;
	enum sse_rc rc;
	size_t used;

	while ((rc = sse_feed(s, in, &used, &out)) != SSE_MORE) {
		in = str_skip(in, used);
		if (rc == SSE_DATA) {
			memcpy(l->data + l->data_n, out.p, out.n);
			l->data_n += out.n;
			continue;
		}
		if (rc == SSE_COMMENT) {
			l->text[l->n++] = '#';
			continue;
		}
		ck_assert(s->has_data);
		l->n += (size_t)sprintf(l->text + l->n, "%.*s=%.*s;", STR_FMT(sse_name(s)),
			(int)l->data_n, l->data);
		l->starts[l->events] = s->event_start;
		l->ends[l->events++] = s->offset;
		l->data_n = 0;
	}
	ck_assert_uint_eq(used, in.n);
}

struct example {
	const char *text, *want;
};

#define X16 "xxxxxxxxxxxxxxxx"
static const struct example examples[] = {
	{ "data: a\n\n", "=a;" },
	{ "data: a\n\ndata: b\n\n", "=a;=b;" },
	{ "data:a\r\n\r\ndata:  b\r\n\r\n", "=a;= b;" },
	{ "data: a\r\rdata: b\r\r", "=a;=b;" },
	{ "data: a\r\n\rdata: b\n\r\n", "=a;=b;" },
	{ "\xef\xbb\xbf"
	  "data: a\n\n",
		"=a;" },
	{ "\xef\xbbxdata: a\n\ndata: b\n\n", "=b;" },
	{ "event: x\ndata: a\ndata: b\ndata\ndata:\ndata:  c\n\n", "x=a\nb\n\n\n c;" },
	{ "data\n\ndata:\n\n", "=;=;" },
	{ "event: x\n\ndata: a\n\n",
		"=a;" }, /* no data: the name is dropped, nothing is dispatched */
	{ "event: x\nevent: y\ndata: a\n\n", "y=a;" },
	{ "event: x\nevent\ndata: a\n\n", "=a;" },
	{ ": hi\n:\n\n: \r\ndata: a\n: in between\ndata: b\n\n", "####=a\nb;" },
	{ "id: 1\nretry: 5\nfoo: bar\ndatax: no\ndata : no\ndat\ndatadatadata: no\nevents: "
	  "no\ndata: a\n\n",
		"=a;" },
	{ "\n\n\r\n\r\rdata: a\n\n\n\n", "=a;" },
	{ "data: {\"a\":\"b: c\"}\n\n", "={\"a\":\"b: c\"};" },
	{ "data: a\n", "" },
	{ "data: a\n\ndata: b", "=a;" },
	{ "event: " X16 X16 X16 X16 "yy\ndata: a\n\n", X16 X16 X16 X16 "=a;" },
};

static void run(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	const struct example *e = arg;
	struct log l = { .n = 0 };
	struct sse s;

	sse_init(&s);
	feed(&s, a, an, &l);
	feed(&s, b, bn, &l);
	UNIT_STR_EQ(str_mk(l.text, l.n), str_z(e->want));
	ck_assert_uint_eq(s.offset, an + bn);
}

START_TEST(test_examples)
{
	const struct example *e = &examples[_i];
	struct log l = { .n = 0 };
	struct sse s;

	unit_split(e->text, strlen(e->text), run, (void *)(uintptr_t)e);
	sse_init(&s);
	for (const char *p = e->text; *p != '\0'; p++)
		feed(&s, p, 1, &l);
	UNIT_STR_EQ(str_mk(l.text, l.n), str_z(e->want));
}
END_TEST

START_TEST(test_offsets)
{
	static const char text[] = ": c\n\ndata: a\n\nevent: x\r\ndata: b\r\n\r\ndata: c\n\n";
	struct log l = { .n = 0 };
	struct sse s;

	sse_init(&s);
	feed(&s, text, sizeof text - 1, &l);
	ck_assert_uint_eq(l.events, 3);
	ck_assert_uint_eq(l.starts[0], 5);
	ck_assert_uint_eq(l.ends[0], 14);
	ck_assert_uint_eq(l.starts[1], 14);
	ck_assert_uint_eq(l.ends[1], l.starts[2]);
	ck_assert_uint_eq(l.ends[2], sizeof text - 1);

	/* Cut between the CR and the LF of a blank line: the LF belongs to no event. */
	memset(&l, 0, sizeof l);
	sse_init(&s);
	feed(&s, "data: a\r\n\r", 10, &l);
	ck_assert_uint_eq(l.events, 1);
	ck_assert_uint_eq(l.ends[0], 10);
	ck_assert(!sse_at_border(&s));
	feed(&s, "\ndata: b\n\n", 10, &l);
	ck_assert_uint_eq(l.starts[1], 11);
	ck_assert_uint_eq(l.ends[1], 20);
}
END_TEST

START_TEST(test_skip)
{
	struct log l = { .n = 0 };
	struct sse s;

	sse_init(&s);
	feed(&s, "event: x\ndata: a\n\n", 18, &l);
	ck_assert(sse_at_border(&s));
	sse_skip(&s, 100);
	ck_assert(sse_at_border(&s));
	feed(&s, "data: b\n", 8, &l);
	ck_assert(!sse_at_border(&s));
	feed(&s, "\n", 1, &l);
	UNIT_STR_EQ(str_mk(l.text, l.n), STR("x=a;=b;"));
	ck_assert_uint_eq(l.starts[1], 118);
	ck_assert_uint_eq(l.ends[1], 127);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, test_examples, 0, (int)TG_ARRAY_LEN(examples));
	tcase_add_test(tc, test_offsets);
	tcase_add_test(tc, test_skip);
}

UNIT_MAIN("sse", tests)
