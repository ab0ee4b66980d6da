/*
 * check_quota_line.c: requests that wait for a grant: in order, no longer than their time, woken by
 * news, gone with their clients; and who is told that they wait. The step that waits is the test's.
 */
#include "unit/core/fake.h"

#include "core/quota_line.c"

#define GET "GET / HTTP/1.1\r\nhost: gw\r\n\r\n"

static struct fake f;
static struct quota_waiter waiter[4];
static struct req *req[4];
static int client[4];
static unsigned n_reqs;
static char ran[64];     /* who ran, in order: a small letter waits on, a capital has its answer */
static unsigned granted; /* bit per request */

static unsigned index_of(const struct req *r)
{
	for (unsigned i = 0; i < n_reqs; i++)
		if (req[i] == r)
			return i;
	ck_abort_msg("no such request");
	return 0;
}

static enum step_rc try_again(struct req *r)
{
	unsigned i = index_of(r);
	bool has = (granted & 1u << i) != 0, waits = !has && quota_line_join(r, &waiter[i]);
	size_t n = strlen(ran);

	ran[n] = (char)((waits ? 'a' : has ? 'A' : '0') + (int)i);
	ran[n + 1] = '\0';
	if (waits)
		return STEP_WAIT;
	quota_line_leave(r, &waiter[i]);
	return STEP_WAIT; /* on its way to the provider */
}

static void setup(void)
{
	fake_init(&f, "listen: 127.0.0.1:0\n"
		      "targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
		      "models: { m: { targets: a } }\n");
	memset(waiter, 0, sizeof waiter);
	n_reqs = granted = 0;
	ran[0] = '\0';
	tg_steps[0].run = try_again;
}

static void teardown(void)
{
	quota_asked_set(NULL, NULL, NULL);
	fake_fini(&f);
	for (unsigned i = 0; i < n_reqs; i++)
		close(client[i]);
	modules_plan();
}

static struct req *begin(void)
{
	struct req *r = fake_req(&f, fake_conn(&f), GET);

	client[n_reqs] = f.client; /* stays */
	f.client = -1;
	req[n_reqs++] = r;
	req_run(r);
	return r;
}

static void turns_until(const char *want)
{
	int64_t end = clock_mono().us + 30000000;

	while (strcmp(ran, want) != 0 && clock_mono().us < end) {
		ck_assert_msg(strncmp(ran, want, strlen(ran)) == 0, "%s, not %s", ran, want);
		fake_turn(&f);
	}
	ck_assert_str_eq(ran, want);
}

/* In order; who gets nothing keeps its place and its time. */
START_TEST(news)
{
	for (int i = 0; i < 3; i++)
		begin();
	ck_assert_str_eq(ran, "abc");
	ck_assert_uint_eq(atomic_load(&f.w.quota_line.n), 3);
	granted = 2;
	quota_line_news(&f.w);
	ck_assert_str_eq(ran, "abcaBc");
	ck_assert_uint_eq(atomic_load(&f.w.quota_line.n), 2);
	ck_assert_ptr_eq(first(&f.w.quota_line), &waiter[0]);
	turns_until("abcaBc02");
	ck_assert_uint_eq(atomic_load(&f.w.quota_line.n), 0);
}
END_TEST

/* Not before its time is over, and then at once: no tick of 50 ms on top. */
START_TEST(time_is_over)
{
	int64_t until;

	begin();
	until = waiter[0].until_us;
	ck_assert_int_le(until, clock_mono().us + QUOTA_LINE_US);
	turns_until("a0");
	ck_assert_int_ge(clock_mono().us, until);
	ck_assert_int_eq(waiter[0].until_us, 0);
}
END_TEST

/* Run again by something else (more of its body): in the line once. */
START_TEST(woken_by_others)
{
	begin();
	req_resume(req[0]);
	req_resume(req[0]);
	ck_assert_str_eq(ran, "aaa");
	ck_assert_uint_eq(atomic_load(&f.w.quota_line.n), 1);
	granted = 1;
	req_resume(req[0]);
	ck_assert_uint_eq(atomic_load(&f.w.quota_line.n), 0);
	ck_assert(list_empty(&f.w.quota_line.waiters));
}
END_TEST

START_TEST(gone)
{
	for (int i = 0; i < 3; i++)
		begin();
	quota_line_leave(req[1], &waiter[1]);
	quota_line_leave(req[1], &waiter[1]);
	granted = 7;
	quota_line_news(&f.w);
	ck_assert_str_eq(ran, "abcAC");
}
END_TEST

START_TEST(full)
{
	atomic_store(&f.w.quota_line.n, QUOTA_LINE_MAX);
	begin();
	ck_assert_str_eq(ran, "0");
	atomic_store(&f.w.quota_line.n, QUOTA_LINE_MAX - 1);
	begin();
	ck_assert_str_eq(ran, "0b");
	atomic_store(&f.w.quota_line.n, 1);
	quota_line_leave(req[1], &waiter[1]);
}
END_TEST

static unsigned asked_times;

static void on_asked(void *arg)
{
	ck_assert_ptr_eq(arg, &asked_times);
	asked_times++;
}

/* However many ask: one letter at a time, and none is lost. */
START_TEST(asks)
{
	struct event_base *base = event_base_new();
	struct mailbox box;

	quota_asked(); /* nobody is there */
	ck_assert_int_eq(mailbox_init(&box, base, NULL), 0);
	quota_asked_set(&box, on_asked, &asked_times);
	quota_asked();
	quota_asked();
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(asked_times, 1);
	quota_asked();
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(asked_times, 2);
	mailbox_fini(&box);
	event_base_free(base);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, news);
	tcase_add_test(tc, time_is_over);
	tcase_add_test(tc, woken_by_others);
	tcase_add_test(tc, gone);
	tcase_add_test(tc, full);
	tcase_add_test(tc, asks);
}

UNIT_MAIN("quota_line", tests)
