/*
 * check_mod_deframe.c: event streams as events, cut at every byte: what is passed on is whole and
 * was right. Includes the .c: the sink is fed without a gateway around it.
 */
#include "modules/mod_deframe.c" /* NOLINT */

#include "unit/unit.h"

struct end { /* the sink behind */
	struct sink sink;
	char text[4096];
	size_t n;
	bool fin;
};

static int end_write(struct sink *s, const struct iovec *iov, int n, bool fin)
{
	struct end *e = TG_CONTAINER_OF(s, struct end, sink);

	for (int i = 0; i < n; i++) {
		ck_assert_uint_lt(e->n + iov[i].iov_len, sizeof e->text);
		memcpy(e->text + e->n, iov[i].iov_base, iov[i].iov_len);
		e->n += iov[i].iov_len;
	}
	/* An event is passed on in one piece. */
	if (e->n > 0)
		ck_assert(str_ends(str_mk(e->text, e->n), STR("}\n\n")));
	e->fin |= fin;
	return 0;
}

static const struct sink_ops end_ops = { .name = "end", .write = end_write };

static void feed(const char *a, size_t an, const char *b, size_t bn, const char *want)
{
	struct end end = { .sink = { .ops = &end_ops } };
	struct req *r = calloc(1, sizeof *r);
	struct translate t = { .n_unread = 0 };
	struct mod_deframe d = { .ready = 0 };
	struct iovec iov[2] = { { (char *)(uintptr_t)a, an }, { (char *)(uintptr_t)b, bn } };

	arena_init(&t.mem, NULL, 0);
	r->wire.translate = &t;
	d.sink = (struct sink){ .ops = &deframe_sink, .next = &end.sink, .req = r };
	evs_init(&d.stream);
	ck_assert_int_eq(sink_write(&d.sink, iov, 1, false), 0);
	ck_assert_int_eq(sink_write(&d.sink, iov + 1, 1, false), 0);
	ck_assert_int_eq(sink_write(&d.sink, NULL, 0, true), 0);
	ck_assert(end.fin);
	UNIT_STR_EQ(str_mk(end.text, end.n), str_z(want));
	arena_fini(&t.mem);
	free(r);
}

static void split(const char *a, size_t an, const char *b, size_t bn, void *want)
{
	feed(a, an, b, bn, want);
}

static size_t message(
	char *p, size_t cap, enum evs_type type, const char *name, const char *payload)
{
	return evs_write(p, cap, type, str_z(name), STR("application/json"), str_z(payload));
}

#define BROKEN(why)                                                                         \
	"event: exception\ndata: {\"exception\":\"modelStreamErrorException\",\"detail\":{" \
	"\"message\":\"The provider's event stream is broken: " why ".\"}}\n\n"
#define DELTA                                                                 \
	"event: contentBlockDelta\ndata: {\"contentBlockDelta\":{\"delta\": " \
	"{\"text\":\"a\"}}}\n\n"

START_TEST(messages_become_events)
{
	char in[1024];
	size_t n = 0;

	n += message(in + n, sizeof in - n, EVS_EVENT, "contentBlockDelta",
		"{\"delta\":\n{\"text\":\"a\"}}");
	n += message(in + n, sizeof in - n, EVS_EVENT, "ping", "");
	n += message(in + n, sizeof in - n, EVS_EVENT, "a\nb", "{}");
	n += message(in + n, sizeof in - n, EVS_EXCEPTION, "throttlingException",
		"{\"message\":\"slow\"}");
	n += message(in + n, sizeof in - n, EVS_ERROR, "InternalFailure", "not json");
	unit_split(in, n, split,
		DELTA "event: ping\ndata: {\"ping\":null}\n\n"
		      "event: unknown\ndata: {\"unknown\":{}}\n\n"
		      "event: exception\ndata: {\"exception\":\"throttlingException\",\"detail\":{"
		      "\"message\":\"slow\"}}\n\n"
		      "event: exception\ndata: {\"exception\":\"InternalFailure\",\"detail\":{"
		      "\"message\":\"\"}}\n\n");
}
END_TEST

START_TEST(what_is_broken_is_not_passed_on)
{
	char in[1024];
	size_t n = message(
		in, sizeof in, EVS_EVENT, "contentBlockDelta", "{\"delta\":\n{\"text\":\"a\"}}");
	size_t first = n;

	n += message(in + n, sizeof in - n, EVS_EVENT, "metadata", "{\"usage\":{}}");
	n += message(in + n, sizeof in - n, EVS_EVENT, "metadata", "{\"usage\":{}}");
	in[first + 90]++; /* in the second one's payload */
	unit_split(in, n, split, DELTA BROKEN("the checksum of a message is wrong"));
	unit_split(in, first + 20, split, DELTA BROKEN("it ended within a message"));
	unit_split("not frames at all", 17, split,
		BROKEN("the checksum of a message's prelude is wrong"));
}
END_TEST

/* More than a translation takes of one event. */
START_TEST(too_large)
{
	size_t n = TRANSLATE_EVENT_MAX + 100000, size;
	char *payload = malloc(n), *in;

	memset(payload, 'x', n);
	size = evs_write(NULL, 0, EVS_EVENT, STR("a"), STR_NONE, str_mk(payload, n));
	in = malloc(size);
	evs_write(in, size, EVS_EVENT, STR("a"), STR_NONE, str_mk(payload, n));
	feed(in, size - 9, in + size - 9, 9, BROKEN("a message is too large"));
	feed(in, 9, in + 9, size - 9, BROKEN("a message is too large"));
	free(in);
	free(payload);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, messages_become_events);
	tcase_add_test(tc, what_is_broken_is_not_passed_on);
	tcase_add_test(tc, too_large);
}

UNIT_MAIN("mod_deframe", tests)
