/*
 * check_event_hold.c: only whole events pass before the end, whatever the cuts; at the end
 * everything has passed, unchanged.
 */
#include "unit/unit.h"

#include "core/event_hold.c"

struct trial {
	struct block_pool pool;
	struct worker w;
	struct req r;
	struct event_hold *e;
	char got[70000];
	size_t n;
	bool fin;
};

static struct trial t;

static int collect(struct sink *s, const struct iovec *iov, int n, bool fin)
{
	(void)s;
	for (int i = 0; i < n; i++) {
		ck_assert_uint_le(t.n + iov[i].iov_len, sizeof t.got);
		memcpy(t.got + t.n, iov[i].iov_base, iov[i].iov_len);
		t.n += iov[i].iov_len;
	}
	t.r.head_sent = true;
	t.fin |= fin;
	return 0;
}

static const struct sink_ops collector = { .name = "collector", .write = collect };

static void trial_begin(void)
{
	memset(&t, 0, sizeof t);
	block_pool_init(&t.w.blocks, 0);
	t.r.w = &t.w;
	arena_init(&t.r.arena, &t.w.blocks, 0);
	sink_push(&t.r, &t.r.client_sink, &collector);
	t.e = event_hold_push(&t.r);
	ck_assert_ptr_nonnull(t.e);
}

static void trial_end(void)
{
	event_hold_fini(t.e);
	arena_fini(&t.r.arena);
	block_pool_fini(&t.w.blocks);
}

static void feed(const char *p, size_t n, bool fin)
{
	struct iovec iov = { (char *)(uintptr_t)p, n };

	ck_assert_int_eq(sink_write(t.r.sinks, &iov, n > 0, fin), 0);
}

static const char *const streams[] = {
	"data: {\"a\":1}\n\ndata: {\"b\":2}\n\ndata: [DONE]\n\n",
	"event: x\r\ndata: 1\r\n\r\n: comment\r\n\r\ndata: 2\r\n\r\n",
	"data: 1\r\rdata: 2\r\r",
	": a\n\ndata: x\n\n\n\ndata: y\n\n",
};

/* The text up to n ends where an event ends (or is empty). */
static bool at_border(const char *text, size_t n)
{
	if (n == 0)
		return true;
	return (n >= 2 && memcmp(text + n - 2, "\n\n", 2) == 0) ||
	       (n >= 2 && memcmp(text + n - 2, "\r\r", 2) == 0) ||
	       (n >= 4 && memcmp(text + n - 4, "\r\n\r\n", 4) == 0);
}

static void cut(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	const char *whole = arg;

	trial_begin();
	feed(a, an, false);
	ck_assert_msg(at_border(whole, t.n), "%zu bytes of '%s' passed after %zu", t.n, whole, an);
	ck_assert(!t.e->inside);
	ck_assert_msg(!at_border(whole, an) || t.n == an, "a whole event was held back at %zu", an);
	feed(b, bn, true);
	ck_assert(t.fin);
	ck_assert_uint_eq(t.n, strlen(whole));
	ck_assert(memcmp(t.got, whole, t.n) == 0);
	trial_end();
}

START_TEST(whole_events_only)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(streams); i++)
		unit_split(streams[i], strlen(streams[i]), cut, (void *)(uintptr_t)streams[i]);
}
END_TEST

START_TEST(byte_by_byte)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(streams); i++) {
		trial_begin();
		for (size_t k = 0; k < strlen(streams[i]); k++) {
			feed(streams[i] + k, 1, false);
			ck_assert(at_border(streams[i], t.n));
		}
		ck_assert_uint_eq(t.n, strlen(streams[i]));
		trial_end();
	}
}
END_TEST

START_TEST(a_large_event_passes_in_pieces)
{
	static char big[60000];

	memset(big, 'x', sizeof big);
	trial_begin();
	for (size_t k = 0; k < sizeof big; k += 5000)
		feed(big + k, 5000, false);
	ck_assert_uint_ge(t.n, sizeof big - EVENT_HOLD_MAX);
	ck_assert(t.e->inside);
	feed("\n\n", 2, false);
	ck_assert(!t.e->inside);
	ck_assert_uint_eq(t.n, sizeof big + 2);
	ck_assert(memcmp(t.got, big, sizeof big) == 0);
	trial_end();
}
END_TEST

START_TEST(the_head_goes_out_before_the_first_event)
{
	trial_begin();
	feed("data: {", 7, false);
	ck_assert(t.r.head_sent);
	ck_assert_uint_eq(t.n, 0);
	trial_end();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, whole_events_only);
	tcase_add_test(tc, byte_by_byte);
	tcase_add_test(tc, a_large_event_passes_in_pieces);
	tcase_add_test(tc, the_head_goes_out_before_the_first_event);
}

UNIT_MAIN("event_hold", tests)
