/*
 * check_uppool.c: connections to providers: opened over all addresses, through a proxy, reused
 * newest first, and never reused when a byte or an end has come on them; every way that opening one
 * fails; a name that is still being resolved. What attempt.c would be told is written down instead.
 */
#include "unit/core/upstream.h"

#include <poll.h>

#include "core/attempt.h"
#include "io/tls.h"

static struct {
	int connected, failed;
	bool reused;
	enum attempt_fail why;
	char text[128];
	struct upconn *up;
	unsigned ready;
} told;

static void told_connected(struct attempt *a, struct upconn *u, bool reused)
{
	a->up = u;
	a->state = ATTEMPT_SEND;
	told.connected++;
	told.reused = reused;
	told.up = u;
}

static void told_failed(struct attempt *a, enum attempt_fail why, const char *text)
{
	a->up = NULL;
	told.failed++;
	told.why = why;
	snprintf(told.text, sizeof told.text, "%s", text != NULL ? text : "");
}

static void told_ready(struct attempt *a, unsigned ready)
{
	stream_want(&a->up->st, false, false);
	told.ready |= ready;
}

/* A name's addresses, as the test sets them. */
static struct {
	struct sockaddr_any at[4];
	int n;
	bool pending;
	void (*done)(void *);
	void *arg;
} name;

static int name_addrs(
	struct resolve_name *n, struct sockaddr_any out[RESOLVE_MAX_ADDRS], const char **err)
{
	(void)n;
	memcpy(out, name.at, sizeof name.at);
	*err = "no such name";
	return name.n;
}

static bool name_known(struct resolve_name *n, int64_t timeout_us)
{
	(void)n;
	ck_assert_int_eq(timeout_us, 0);
	return !name.pending;
}

static void name_notify(struct resolve_name *n, void (*done)(void *), void *arg)
{
	(void)n;
	name.done = done;
	name.arg = arg;
}

#define attempt_on_connected      told_connected
#define attempt_on_connect_failed told_failed
#define attempt_on_ready          told_ready
#define resolve_name_addrs        name_addrs
#define resolve_name_wait         name_known
#define resolve_name_notify       name_notify
#include "core/uppool.c"
#undef attempt_on_connected
#undef attempt_on_connect_failed
#undef attempt_on_ready
#undef resolve_name_addrs
#undef resolve_name_wait
#undef resolve_name_notify

static struct fake f;
static struct upstream up;
static struct target *plain, *tunnel;

static void setup(void)
{
	/* the addresses are the test's, whatever the URL says */
	fake_init(&f, "listen: 127.0.0.1:0\n"
		      "targets:\n"
		      "  plain: { provider: openai, base_url: http://127.0.0.1:9 }\n"
		      "  tunnel: { provider: openai, base_url: https://localhost, tls_verify: "
		      "false, proxy: "
		      "http://127.0.0.1:9 }\n"
		      "  same: { provider: anthropic, base_url: http://127.0.0.1:9 }\n"
		      "models: { m: { targets: plain } }\n"
		      "upstream: { connect: 9m, keep_alive: 50s, pool: 2 }\n");
	memset(&told, 0, sizeof told);
	memset(&name, 0, sizeof name);
	upstream_open(&up);
	plain = &f.conf->targets[0];
	tunnel = &f.conf->targets[1];
	name.n = 1;
	name.at[0].u.in = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)up.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	name.at[0].len = sizeof(struct sockaddr_in);
}

static void teardown(void)
{
	fake_turn(&f);
	ck_assert_uint_eq(fake_count(&f, WC_UP_ACTIVE), 0);
	upstream_close(&up);
	fake_fini(&f);
}

static struct req *request; /* whose attempts they all are */
static struct attempt attempts[128];
static unsigned n_attempts;

static void on_clock(struct timer *t)
{
	(void)t;
}

/* An attempt that asks for a connection. */
static struct attempt *attempt(struct target *t)
{
	struct attempt *a = &attempts[n_attempts++];

	ck_assert_uint_le(n_attempts, sizeof attempts / sizeof *attempts);
	if (request == NULL)
		request =
			fake_req(&f, fake_conn(&f), "GET /v1/models HTTP/1.1\r\nhost: gw\r\n\r\n");
	a->magic = ATTEMPT_MAGIC;
	a->state = ATTEMPT_CONNECT;
	a->req = request;
	a->target = t;
	timer_init(&a->clock, on_clock);
	return a;
}

/* The request ends. */
static void drop(void)
{
	fake_drop(&f);
	request = NULL;
}

/* What attempt.c does at the end of an exchange. */
static void finish(struct attempt *a, bool reusable)
{
	struct upconn *u = a->up;

	a->up = NULL;
	timer_disarm(&f.w.wheel, &a->clock);
	if (u != NULL)
		uppool_give(u, reusable);
}

static struct attempt *connected(struct target *t, bool fresh)
{
	struct attempt *a = attempt(t);
	int before = told.connected;

	uppool_take(&f.w, t, a, fresh);
	FAKE_UNTIL(&f, told.connected + told.failed > before);
	ck_assert_msg(told.connected == before + 1, "%d %s", told.why, told.text);
	return a;
}

/* An address of this machine nobody listens on. */
static struct sockaddr_any closed_port(void)
{
	struct sockaddr_any at = name.at[0];
	socklen_t len = sizeof at.u.in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.u.in.sin_port = 0;
	ck_assert_int_eq(bind(fd, &at.u.sa, len), 0);
	ck_assert_int_eq(getsockname(fd, &at.u.sa, &len), 0);
	close(fd);
	return at;
}

static bool peer_sees_end(int fd)
{
	char c;

	ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* ---- reuse */

START_TEST(newest_first)
{
	struct attempt *a = connected(plain, false), *b = connected(plain, false), *c;
	struct upconn *first = a->up, *second = b->up;

	ck_assert(!told.reused);
	ck_assert_uint_eq(fake_count(&f, WC_UP_ACTIVE), 2);
	finish(a, true);
	finish(b, true);
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 2);
	ck_assert_uint_eq(fake_count(&f, WC_UP_ACTIVE), 0);
	c = attempt(plain);
	uppool_take(&f.w, plain, c, false);
	ck_assert_msg(told.reused, "at once");
	ck_assert_ptr_eq(c->up, second);
	a = attempt(plain);
	uppool_take(&f.w, plain, a, false);
	ck_assert_ptr_eq(a->up, first);
	finish(a, true);
	finish(c, false);
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 1);
	/* fresh: the one that waits is left where it is */
	b = connected(plain, true);
	ck_assert(!told.reused);
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 1);
	finish(b, false);
}
END_TEST

START_TEST(bounded)
{
	struct attempt *a[4];
	int fd[4];

	for (int i = 0; i < 4; i++) {
		a[i] = connected(plain, false);
		FAKE_UNTIL(&f, upstream_accepted(&up));
		fd[i] = up.fd;
	}
	for (int i = 0; i < 4; i++)
		finish(a[i], true);
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 2); /* upstream.pool */
	ck_assert(peer_sees_end(fd[2]) && peer_sees_end(fd[3]));
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	up.fd = -1;
	FAKE_UNTIL(&f, fake_count(&f, WC_UP_IDLE) == 0);
}
END_TEST

/* By endpoint: whose connection it is does not matter, where it goes does. */
START_TEST(shared_by_endpoint)
{
	struct attempt *a = connected(plain, false), *b;
	struct upconn *u = a->up;

	finish(a, true);
	b = attempt(&f.conf->targets[2]);
	uppool_take(&f.w, b->target, b, false);
	ck_assert_ptr_eq(b->up, u);
	ck_assert_ptr_eq(u->target, b->target);
	finish(b, true);
	b = attempt(tunnel);
	uppool_take(&f.w, tunnel, b, false);
	ck_assert_ptr_ne(b->up, u);
	ck_assert_int_eq(told.connected, 2);
	finish(b, false);
}
END_TEST

START_TEST(idle_clock)
{
	struct attempt *a = connected(plain, false);
	struct upconn *u = a->up;

	finish(a, true);
	ck_assert_int_eq(fake_clock_us(&f, &u->timer), 50000000);
	fake_fire(&f, &u->timer);
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 0);
	FAKE_UNTIL(&f, upstream_accepted(&up));
	ck_assert(upstream_read(&up));
}
END_TEST

/* What happens on a connection while it is idle: in a turn before it is taken, or in the very same.
 */
static const struct {
	const char *says; /* NULL: closes; "": is reset */
	bool before;
} unasked[] = {
	{ "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true },
	{ "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false },
	{ "\n", false },
	{ NULL, true },
	{ NULL, false },
	{ "", true },
	{ "", false },
};

/* As a client's request in the same turn. */
static void take_plain(evutil_socket_t fd, short what, void *arg)
{
	char byte;

	(void)what;
	ck_assert_int_eq(read(fd, &byte, 1), 1);
	uppool_take(&f.w, plain, arg, false);
}

START_TEST(spoken_to_while_idle)
{
	struct attempt *a = connected(plain, false), *b = attempt(plain);
	struct event *client;
	int pipes[2], old;

	FAKE_UNTIL(&f, upstream_accepted(&up));
	old = up.fd;
	finish(a, true);
	fake_turn(&f);
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 1);
	ck_assert_int_eq(pipe(pipes), 0);
	client = event_new(f.w.base, pipes[0], EV_READ, take_plain, b);
	event_add(client, NULL);
	if (!unasked[_i].before) /* told of first */
		ck_assert_int_eq(write(pipes[1], "x", 1), 1);
	if (unasked[_i].says == NULL)
		upstream_hang_up(&up);
	else if (unasked[_i].says[0] == '\0')
		upstream_reset(&up);
	else
		UPSTREAM_SAY(&up, unasked[_i].says);
	if (unasked[_i].before) {
		fake_turn(&f);
		ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 0);
		ck_assert_int_eq(write(pipes[1], "x", 1), 1);
	}
	event_base_loop(f.w.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_msg(
		!told.reused && told.ready == 0, "what was said unasked would be the next answer");
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 0);
	if (up.fd >= 0)
		ck_assert(peer_sees_end(old));
	FAKE_UNTIL(&f, told.connected == 2);
	ck_assert(!told.reused);
	finish(b, false);
	event_free(client);
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

/* Only the newest has news: the other is taken. */
START_TEST(next_one)
{
	struct attempt *a = connected(plain, false), *b;
	struct upconn *quiet = a->up, *loud;

	b = connected(plain, false);
	loud = b->up;
	finish(a, true);
	finish(b, true);
	event_active(&loud->st.rd, EV_READ, 0); /* as the poller does it */
	a = attempt(plain);
	uppool_take(&f.w, plain, a, false);
	ck_assert_ptr_eq(a->up, quiet);
	ck_assert(told.reused);
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 0);
	finish(a, false);
}
END_TEST

START_TEST(drained)
{
	struct attempt *a = connected(plain, false), *b = connected(plain, false);

	finish(a, true);
	uppool_close_idle(&f.w);
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 0);
	f.w.draining = true;
	finish(b, true);
	ck_assert_uint_eq(fake_count(&f, WC_UP_IDLE), 0);
	f.w.draining = false;
}
END_TEST

/* ---- addresses */

START_TEST(all_addresses)
{
	struct attempt *a;

	name.at[2] = name.at[0];
	name.at[0] = name.at[1] = closed_port();
	name.n = 3;
	a = connected(plain, false);
	ck_assert_int_eq(a->up->addr_tries, 3);
	finish(a, false);
	/* And the next begins with the one that worked. */
	a = connected(plain, false);
	ck_assert_int_eq(a->up->addr_tries, 1);
	finish(a, false);
}
END_TEST

START_TEST(refused)
{
	struct attempt *a = attempt(plain);

	name.at[0] = name.at[1] = closed_port();
	name.n = 2;
	uppool_take(&f.w, plain, a, false);
	FAKE_UNTIL(&f, told.failed > 0);
	ck_assert_int_eq(told.failed, 1);
	ck_assert_int_eq(told.why, FAIL_CONNECT);
	ck_assert_str_eq(told.text, "Connection refused");
}
END_TEST

START_TEST(connect_clock)
{
	struct attempt *a = attempt(plain);

	name.at[1] = name.at[0];
	name.n = 2;
	uppool_take(&f.w, plain, a, false);
	ck_assert_int_eq(a->up->state, UP_CONNECTING);
	ck_assert_int_eq(fake_clock_us(&f, &a->up->timer), 540000000);
	fake_fire(&f, &a->up->timer); /* the next address, with a clock of its own */
	ck_assert_int_eq(told.failed, 0);
	ck_assert_int_eq(fake_clock_us(&f, &a->up->timer), 540000000);
	fake_fire(&f, &a->up->timer);
	ck_assert_int_eq(told.failed, 1);
	ck_assert_int_eq(told.why, FAIL_TIMEOUT_CONNECT);
}
END_TEST

START_TEST(cancelled_while_connecting)
{
	struct attempt *a = attempt(plain);

	uppool_take(&f.w, plain, a, false);
	finish(a, false);
	fake_turn(&f);
	fake_turn(&f);
	ck_assert_int_eq(told.connected + told.failed, 0);
}
END_TEST

/* ---- names */

START_TEST(name_comes_later)
{
	struct attempt *a = attempt(plain);

	name.n = 0;
	name.pending = true;
	uppool_take(&f.w, plain, a, false);
	ck_assert_ptr_null(a->up);
	ck_assert_int_eq(a->clock_fail, FAIL_RESOLVE);
	a->req->attempt = a;
	ck_assert_int_eq(fake_clock_us(&f, &a->clock), 540000000);
	name.n = 1;
	name.pending = false;
	name.done(name.arg);
	FAKE_UNTIL(&f, told.connected == 1);
	ck_assert_ptr_null(a->req->ticket);
	ck_assert_uint_eq(f.w.ticket_slab.n_out, 0);
	ck_assert(!timer_armed(&a->clock));
	a->req->attempt = NULL;
	finish(a, false);
}
END_TEST

START_TEST(name_comes_for_the_dead)
{
	struct attempt *a = attempt(plain);

	name.n = 0;
	name.pending = true;
	uppool_take(&f.w, plain, a, false);
	timer_disarm(&f.w.wheel, &a->clock);
	drop(); /* the request and all of its memory */
	name.n = 1;
	name.done(name.arg);
	fake_turn(&f);
	fake_turn(&f);
	ck_assert_int_eq(told.connected + told.failed, 0);
	ck_assert_uint_eq(f.w.ticket_slab.n_out, 0);
}
END_TEST

START_TEST(name_fails)
{
	struct attempt *a = attempt(plain);

	name.n = 0;
	uppool_take(&f.w, plain, a, false);
	ck_assert_int_eq(told.failed, 1);
	ck_assert_int_eq(told.why, FAIL_RESOLVE);
	ck_assert_str_eq(told.text, "no such name");
}
END_TEST

/* ---- proxies */

static const struct {
	const char *answer;
	const char *text; /* of the failure; NULL: the tunnel is there */
} tunnels[] = {
	{ "HTTP/1.1 200 Connection established\r\n\r\n", NULL },
	{ "HTTP/1.0 204 x\r\nvia: a\r\n\r\n", NULL },
	{ "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 3\r\n\r\n", "status 407" },
	{ "HTTP/1.1 301 x\r\nlocation: /\r\n\r\n", "status 301" },
	{ "HTTP/1.1 200 OK\r\n\r\n\x16", "" }, /* bytes behind the head */
	{ "SSH-2.0-x\r\n\r\n", "the status line is not HTTP/1.x SP 3DIGIT" },
	{ NULL, "it closed the connection" },
};

/* Through the proxy as far as the answer goes: whole, or cut at the place. */
static void run_tunnel(int i, size_t cut)
{
	static const char head[] = "CONNECT localhost:443 HTTP/1.1\r\nhost: localhost:443\r\n\r\n";
	struct attempt *a = attempt(tunnel);
	size_t n = tunnels[i].answer != NULL ? strlen(tunnels[i].answer) : 0;

	memset(&told, 0, sizeof told);
	uppool_take(&f.w, tunnel, a, false);
	UPSTREAM_TAKE(&f, &up);
	ck_assert_str_eq(up.got, head);
	up.got_n = 0;
	if (n == 0) {
		upstream_hang_up(&up);
	} else {
		upstream_say(&up, tunnels[i].answer, cut);
		for (int turn = 0; turn < 3; turn++)
			fake_turn(&f);
		if (cut < n)
			upstream_say(&up, tunnels[i].answer + cut, n - cut);
	}
	if (tunnels[i].text != NULL) {
		FAKE_UNTIL(&f, told.failed == 1);
		ck_assert_int_eq(told.why, FAIL_PROXY);
		if (tunnels[i].text[0] != '\0')
			ck_assert_str_eq(told.text, tunnels[i].text);
	} else {
		FAKE_UNTIL(&f, a->up->state == UP_TLS);
		ck_assert_uint_eq(a->up->in_len, 0);
		FAKE_UNTIL(&f, (upstream_read(&up), up.got_n > 0));
		ck_assert_int_eq(up.got[0], 0x16); /* a handshake record, and nothing before it */
		upstream_hang_up(&up);
		FAKE_UNTIL(&f, told.failed == 1);
		ck_assert_int_eq(told.why, FAIL_TLS);
	}
	upstream_hang_up(&up);
	drop();
}

START_TEST(through_a_proxy)
{
	size_t n = tunnels[_i].answer != NULL ? strlen(tunnels[_i].answer) : 0;

	run_tunnel(_i, n);
	for (size_t cut = 1; tunnels[_i].text == NULL && cut < n; cut++)
		run_tunnel(_i, cut);
}
END_TEST

START_TEST(clock_names_its_state)
{
	struct attempt *a = attempt(tunnel);

	uppool_take(&f.w, tunnel, a, false);
	FAKE_UNTIL(&f, a->up->state == UP_PROXY);
	fake_fire(&f, &a->up->timer);
	ck_assert_int_eq(told.why, FAIL_TIMEOUT_CONNECT);
	ck_assert_str_eq(told.text, "waiting for the proxy");
	FAKE_UNTIL(&f, upstream_accepted(&up));
	upstream_hang_up(&up);
	a = attempt(tunnel);
	uppool_take(&f.w, tunnel, a, false);
	UPSTREAM_TAKE(&f, &up);
	UPSTREAM_SAY(&up, tunnels[0].answer);
	FAKE_UNTIL(&f, a->up->state == UP_TLS);
	fake_fire(&f, &a->up->timer);
	ck_assert_str_eq(told.text, "in the TLS handshake");
}
END_TEST

/* ---- the part of a head that is kept between reads */

START_TEST(input)
{
	struct attempt *a = connected(plain, false);
	struct upconn *u = a->up;
	char *buf = f.w.scratch;
	size_t have = 0;

	ck_assert_int_eq(upconn_keep(u, STR_NONE), 0);
	ck_assert_ptr_null(u->in);
	/* grows over the pool's classes; what was kept comes back in front */
	for (size_t piece = 1; have + piece < HTTP_MAX_HEAD; piece = piece * 3 + 1) {
		size_t n;

		for (size_t i = 0; i < piece; i++)
			buf[i] = (char)((have + i) * 7);
		u->in_resume = have;
		n = upconn_gather(u, buf, piece);
		ck_assert_uint_eq(n, have + piece);
		ck_assert_uint_eq(u->in_len, 0);
		for (size_t i = 0; i < n; i++)
			if (buf[i] != (char)(i * 7))
				ck_abort_msg("byte %zu of %zu", i, n);
		ck_assert_int_eq(upconn_keep(u, str_mk(buf, n)), 0);
		ck_assert_uint_eq(u->in_resume, have); /* where the scan for its end goes on */
		have = n;
	}
	ck_assert_uint_gt(have, 16384);
	ck_assert_int_eq(upconn_keep(u, str_mk(buf, HTTP_MAX_HEAD)), -1);
	f.w.blocks.max_out_bytes = 1;
	u->in_len = 0;
	upconn_drop_input(u);
	ck_assert_int_eq(upconn_keep(u, STR("x")), -1);
	f.w.blocks.max_out_bytes = 0;
	finish(a, false);
}
END_TEST

START_TEST(ready_is_handed_on)
{
	struct attempt *a = connected(plain, false);

	FAKE_UNTIL(&f, upstream_accepted(&up));
	stream_want(&a->up->st, true, false);
	UPSTREAM_SAY(&up, "x");
	FAKE_UNTIL(&f, told.ready != 0);
	ck_assert_uint_eq(told.ready, STREAM_CAN_READ);
	finish(a, false);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, newest_first);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, shared_by_endpoint);
	tcase_add_test(tc, idle_clock);
	tcase_add_loop_test(tc, spoken_to_while_idle, 0, sizeof unasked / sizeof *unasked);
	tcase_add_test(tc, next_one);
	tcase_add_test(tc, drained);
	tcase_add_test(tc, all_addresses);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, connect_clock);
	tcase_add_test(tc, cancelled_while_connecting);
	tcase_add_test(tc, name_comes_later);
	tcase_add_test(tc, name_comes_for_the_dead);
	tcase_add_test(tc, name_fails);
	tcase_add_loop_test(tc, through_a_proxy, 0, sizeof tunnels / sizeof *tunnels);
	tcase_add_test(tc, clock_names_its_state);
	tcase_add_test(tc, input);
	tcase_add_test(tc, ready_is_handed_on);
}

UNIT_MAIN("uppool", tests)
