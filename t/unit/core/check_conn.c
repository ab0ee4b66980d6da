/*
 * check_conn.c: a client connection: heads cut anywhere, pipelines, what waits for a slow client
 * and for how long, ends that do not lose the answer and ends that must not look like one, limits,
 * drain. Clocks are fired by hand.
 */
#include "unit/core/fake.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/conn.c"
#include "core/conn_out.c"

static struct fake f;
static struct conn *c;

static const char yaml[] =
	"listen: 127.0.0.1:0\n"
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
	"models: { m: { targets: a } }\n"
	"limits: { head: 4k, connections: 5, connections_per_address: 3, requests_per_connection: "
	"4 }\n"
	"timeouts: { idle: 70s, head: 11s, body: 31s, send: 60s, send_rate: 1000 }\n"
	"tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n";

static void setup(void)
{
	fake_init(&f, yaml);
	c = fake_conn(&f);
}

static void teardown(void)
{
	fake_fini(&f);
}

#define SECOND 1000000LL

static char block[CONN_OUT_MAX];

static int64_t clock_s(void)
{
	return timer_armed(&c->timer) ? (c->timer.deadline_us - f.w.wheel.now.us) / SECOND : -1;
}

static void fire(void)
{
	ck_assert(timer_armed(&c->timer));
	timer_disarm(&f.w.wheel, &c->timer);
	c->timer.on_fire(&c->timer);
}

static void say(const char *text)
{
	fake_send(&f, text, strlen(text));
	fake_turn(&f);
}

static uint64_t count(enum worker_counter n)
{
	return stat_get(&f.w.stats.c[n]);
}

/* How many answers were read. */
static int answers(void)
{
	int n = 0;

	for (const char *p = f.got; (p = strstr(p, "HTTP/1.1 ")) != NULL; p++)
		n++;
	return n;
}

#define GET "GET / HTTP/1.1\r\nhost: gw\r\n\r\n"

/* ---- heads */

static void run_head(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	int before = (int)c->n_requests;

	(void)arg;
	if (c->n_requests == 3) { /* limits.requests_per_connection */
		c = fake_conn(&f);
		before = 0;
	}
	if (an > 0) {
		fake_send(&f, a, an);
		fake_turn(&f);
	}
	if (bn > 0 && an > 0) {
		ck_assert_int_eq(c->state, CONN_HEAD);
		ck_assert_int_le(clock_s(), 11);
		ck_assert_int_ge(clock_s(), 9); /* it runs from the first byte, in real time */
		ck_assert_uint_eq(c->in_len, an);
	}
	if (bn > 0)
		fake_send(&f, b, bn);
	fake_pump(&f);
	ck_assert_int_eq(fake_status(&f), 200);
	ck_assert_int_eq(c->state, CONN_IDLE);
	ck_assert_int_eq((int)c->n_requests, before + 1);
	ck_assert_ptr_null(c->in); /* an idle connection holds no memory */
	ck_assert_uint_eq(f.w.blocks.out_bytes, 0);
	ck_assert_int_le(clock_s(), 70);
	ck_assert_int_ge(clock_s(), 69);
}

START_TEST(head_in_pieces)
{
	unit_split(GET, strlen(GET), run_head, NULL);
}
END_TEST

static const struct {
	const char *bytes;
	int status;
} bad[] = {
	{ "GET / HTTP/1.1\nhost: gw\n\n", 400 },
	{ "GET / HTTP/1.1\r\nhost : gw\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n\r\n", 400 },
	{ "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400 },
	{ "GET / HTTP/2.0\r\nhost: gw\r\n\r\n", 505 },
};

/* Answered in full, then closed: what the client still sends is read away for a while. */
START_TEST(malformed)
{
	say(bad[_i].bytes);
	fake_read(&f);
	ck_assert_msg(fake_status(&f) == bad[_i].status, "%s", f.got);
	ck_assert_str_eq(fake_field(&f, "connection"), "close");
	ck_assert_int_eq(c->state, CONN_LINGER);
	ck_assert_int_eq(clock_s(), 2);
	ck_assert_uint_eq(count(WC_BAD_REQUESTS), 1);
	say("more and more");
	ck_assert_int_eq(c->state, CONN_LINGER);
	shutdown(f.client, SHUT_WR);
	fake_turn(&f);
	ck_assert_uint_eq(f.w.n_conns, 0);
}
END_TEST

START_TEST(head_too_large)
{
	char line[5000] = "GET / HTTP/1.1\r\nhost: gw\r\nx: ";

	memset(line + strlen(line), 'x', sizeof line - strlen(line) - 1);
	say(line);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 431);
}
END_TEST

START_TEST(lingering_ends)
{
	say(bad[0].bytes);
	if (_i == 0) {
		fire();
	} else { /* more than LINGER_BYTES */
		for (size_t sent = 0; f.w.n_conns > 0; sent += 65536) {
			ck_assert_uint_le(sent, LINGER_BYTES + 10 * 65536);
			ck_assert_int_gt(write(f.client, block, 65536), 0);
			fake_turn(&f);
		}
	}
	fake_turn(&f);
	ck_assert_uint_eq(f.w.n_conns, 0);
}
END_TEST

START_TEST(slow_head)
{
	say("GET / HT");
	fire();
	ck_assert_uint_eq(count(WC_CLIENT_TIMEOUTS), 1);
	ck_assert(fake_read(&f));
	ck_assert_str_eq(f.got, ""); /* closed without a word */
}
END_TEST

START_TEST(idle)
{
	ck_assert_int_eq(clock_s(), 70);
	fire();
	ck_assert(fake_read(&f));
	ck_assert_uint_eq(count(WC_CLIENT_TIMEOUTS), 0);
	ck_assert_uint_eq(count(WC_CONNECTIONS), 0);
}
END_TEST

START_TEST(client_ends)
{
	say(_i == 0 ? "" : _i == 1 ? "GET /" : GET);
	shutdown(f.client, SHUT_WR);
	fake_turn(&f);
	fake_turn(&f);
	ck_assert_uint_eq(f.w.n_conns, 0);
	fake_read(&f);
	ck_assert_int_eq(answers(), _i == 2); /* what was asked for is answered */
}
END_TEST

/* ---- pipelines */

/* In order, and not all in one turn's depth: one request at a time. */
START_TEST(pipeline)
{
	char text[400] = GET;
	int i;

	strcat(text, "HEAD / HTTP/1.1\r\nhost: gw\r\n\r\n");
	strcat(text,
		"GET /nope HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer " FAKE_KEY "\r\n\r\nGE");
	say(text);
	fake_pump(&f);
	fake_read_more(&f);
	ck_assert_int_eq(c->state, CONN_HEAD);
	UNIT_STR_EQ(str_mk(c->in, c->in_len), STR("GE"));
	ck_assert_int_eq(clock_s(), 11);
	ck_assert_int_eq((int)c->n_requests, 3);
	/* the fourth is the last that limits.requests_per_connection lets through */
	fake_send(&f, "T / HTTP/1.1\r\nhost: gw\r\n\r\n" GET,
		strlen("T / HTTP/1.1\r\nhost: gw\r\n\r\n" GET));
	i = fake_pump(&f);
	ck_assert_int_eq(answers(), 1);
	ck_assert_str_eq(fake_field(&f, "connection"), "close");
	ck_assert_int_eq(i, true);
}
END_TEST

/* While a request runs, what follows it is read up to one buffer and no more. */
START_TEST(pipeline_is_bounded)
{
	size_t sent = 0;

	memset(block, 'x', 8192);
	fake_req(&f, c, GET);
	conn_update_wants(c);
	for (int i = 0; i < 200; i++) {
		ssize_t n = write(f.client, block, 8192);

		sent += n > 0 ? (size_t)n : 0;
		fake_turn(&f);
	}
	ck_assert_uint_eq(c->in_len, WORKER_SCRATCH);
	ck_assert(!c->st.want_read);
	ck_assert_uint_gt(sent, c->in_len);
	fake_drop(&f);
}
END_TEST

/* ---- what waits for the client */

/* A request of c that is parked, and a connection that takes little at once. */
static struct req *parked(void)
{
	int small = 4096;
	struct req *r = fake_req(&f, c, GET);

	timer_disarm(&f.w.wheel, &c->timer);
	ck_assert_int_eq(setsockopt(c->st.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	return r;
}

static int put(size_t n)
{
	struct iovec iov[3] = { { block, n / 3 }, { block + n / 3, 0 },
		{ block + n / 3, n - n / 3 } };

	return conn_write(c, iov, 3);
}

/* Read up to n bytes of it; how many came. */
static size_t sip(size_t n)
{
	ssize_t got = read(f.client, f.got, TG_MIN(n, sizeof f.got));

	return got > 0 ? (size_t)got : 0;
}

START_TEST(high_and_low)
{
	struct req *r = parked();
	size_t taken = 0;

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i * 13 + i / 256);
	ck_assert_int_eq(put(100), 0);
	ck_assert_uint_eq(c->out.len, 0); /* straight to the socket */
	ck_assert(!timer_armed(&c->timer));
	ck_assert_int_eq(put(CONN_OUT_HIGH), 0);
	ck_assert_uint_gt(c->out.len, 0);
	ck_assert(!c->blocked);
	ck_assert(c->st.want_write);
	ck_assert_int_eq(clock_s(), 60);
	ck_assert_int_eq(put(CONN_OUT_HIGH), 0);
	ck_assert(c->blocked);
	while (c->blocked) {
		ck_assert_uint_ge(c->out.len, CONN_OUT_LOW);
		sip(2048);
		fake_turn(&f);
	}
	ck_assert_uint_lt(c->out.len, CONN_OUT_LOW);
	while (c->out.len > 0) {
		sip(2048);
		fake_turn(&f);
	}
	ck_assert(!c->st.want_write);
	ck_assert_msg(!timer_armed(&c->timer), "nothing waits, and the clock runs");
	while ((taken = sip(4096)) > 0)
		;
	ck_assert_uint_eq(count(WC_BYTES_OUT), 100 + 2 * CONN_OUT_HIGH);
	ck_assert(!r->settled);
	fake_drop(&f);
}
END_TEST

/* Whatever a writer does, the queue has an end. */
START_TEST(overflow)
{
	parked();
	while (put(65536) == 0)
		ck_assert_uint_le(c->out.len, CONN_OUT_MAX);
	ck_assert_uint_gt(c->out.len, CONN_OUT_MAX - 2 * 65536);
	fake_drop(&f);
}
END_TEST

START_TEST(order_is_kept)
{
	size_t n = 0, wrote = 0;

	parked();
	for (unsigned i = 0; i < 40; i++) {
		size_t k = i * 97 % 4000;

		for (size_t j = 0; j < k; j++)
			block[j] = (char)((wrote + j) * 7);
		ck_assert_int_eq(put(k), 0);
		wrote += k;
		if (i % 3 == 0) {
			size_t got = sip(3000);

			for (size_t j = 0; j < got; j++)
				if (f.got[j] != (char)((n + j) * 7))
					ck_abort_msg("byte %zu", n + j);
			n += got;
			fake_turn(&f);
		}
	}
	while (n < wrote) {
		size_t got = sip(3000);

		for (size_t j = 0; j < got; j++)
			if (f.got[j] != (char)((n + j) * 7))
				ck_abort_msg("byte %zu", n + j);
		n += got;
		fake_turn(&f);
	}
	ck_assert_uint_eq(n, wrote);
	fake_drop(&f);
}
END_TEST

START_TEST(writes_to_the_gone)
{
	parked();
	close(f.client);
	f.client = -1;
	ck_assert_int_eq(put(100), -1);
	fake_drop(&f);
}
END_TEST

/* ---- for how long */

static const struct {
	int64_t waited_s; /* something waited for the client that long */
	size_t takes;     /* which took that much in the time, and takes a little now */
	bool slow;
} rates[] = {
	{ 0, 0, false },
	{ 59, 1, false }, /* not as long as the send clock: no rate yet */
	{ 61, 1, true },
	{ 61, 20000, true },
	{ 61, 70000, false },
	{ 200, 150000, true },
	{ 200, 210000, false },
};

/* Something waits all the time, and a byte is taken whenever the send clock is about to fire. */
START_TEST(rate)
{
	struct req *r = parked();

	r->head_sent = r->body_done = true;
	r->status = 200;
	ck_assert_int_eq(put(CONN_OUT_HIGH), 0);
	c->taken_bytes = rates[_i].takes;
	c->queued_at.us -= rates[_i].waited_s * SECOND;
	sip(8192);
	fake_turn(&f);
	ck_assert_uint_eq(count(WC_CLIENT_TIMEOUTS), rates[_i].slow);
	ck_assert_uint_eq(f.w.n_conns, !rates[_i].slow);
	ck_assert_uint_eq(f.w.n_reqs, !rates[_i].slow);
	if (rates[_i].slow)
		return;
	ck_assert_uint_gt(c->out.len, 0);
	if (rates[_i].waited_s >= 60) { /* the next window counts for itself */
		ck_assert_int_eq(c->waited_us, 0);
		ck_assert_uint_eq(c->taken_bytes, 0);
	}
}
END_TEST

/* Time in which nothing waits for the client does not count, however slow the provider's answer is.
 */
START_TEST(rate_of_a_slow_provider)
{
	parked();
	for (int minute = 0; minute < 100; minute++) {
		ck_assert_int_eq(put(10), 0);
		ck_assert_uint_eq(c->out.len, 0);
		c->queued_at.us -= 60 * SECOND;
		sip(100);
		fake_turn(&f);
	}
	ck_assert_int_eq(c->waited_us, 0);
	/* And when something waits at last, it is the wait that counts, not the age. */
	ck_assert_int_eq(put(CONN_OUT_HIGH), 0);
	sip(8192);
	fake_turn(&f);
	ck_assert_int_lt(c->waited_us, 10 * SECOND);
	ck_assert_uint_eq(f.w.n_conns, 1);
	fake_drop(&f);
}
END_TEST

/* Waits add up, though each of them ends with an empty queue. */
START_TEST(rate_adds_up)
{
	struct req *r = parked();
	int rounds = 0;

	r->head_sent = r->body_done = true;
	while (f.w.n_conns > 0) {
		ck_assert_int_le(++rounds, 100);
		ck_assert_int_eq(put(20000), 0);
		ck_assert_uint_gt(c->out.len, 0);
		c->queued_at.us -= 30 * SECOND; /* 667 bytes a second */
		while (f.w.n_conns > 0 && c->out.len > 0) {
			sip(65536);
			fake_turn(&f);
		}
	}
	ck_assert_int_eq(rounds, 2);
	ck_assert_uint_eq(count(WC_CLIENT_TIMEOUTS), 1);
}
END_TEST

/* Over TCP, where an end and a reset are two things. */
static void over_tcp(void)
{
	struct sockaddr_any any = { .len = sizeof any.u.in };
	struct sockaddr_any peer;
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), s;

	any.u.in = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	ck_assert_int_eq(bind(l, &any.u.sa, any.len), 0);
	ck_assert_int_eq(listen(l, 1), 0);
	ck_assert_int_eq(getsockname(l, &any.u.sa, &any.len), 0);
	close(f.client);
	f.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(f.client, &any.u.sa, any.len), 0);
	while ((s = listen_accept(l, &peer)) < 0)
		;
	close(l);
	fake_turn(&f); /* the old connection goes */
	conn_open(&f.w, s, &peer, NULL, false);
	c = list_entry(f.w.conns.prev, struct conn, node);
}

/* How the client sees the connection end: 0, or the errno. */
static int end_seen(void)
{
	ssize_t n;

	while ((n = recv(f.client, f.got, sizeof f.got, MSG_DONTWAIT)) > 0)
		;
	return n == 0 ? 0 : errno;
}

static const struct {
	enum conn_state state;
	size_t waiting;
	int64_t clock_s;
	int end;      /* as the client sees it */
	bool counted; /* as a client's fault */
} fires[] = {
	{ CONN_IDLE, 0, 70, 0, false },
	{ CONN_IDLE, CONN_OUT_HIGH * 2, 60, ECONNRESET, true },
	{ CONN_BUSY, CONN_OUT_HIGH * 2, 60, ECONNRESET, true },
	{ CONN_FLUSH, CONN_OUT_HIGH * 2, 60, ECONNRESET, true },
};

/* Where part of an answer waits, its end is a reset: a client that counts on the connection's end
 * would take it for the answer's. */
START_TEST(send_clock)
{
	struct req *r;

	over_tcp();
	r = parked();
	r->head_sent = r->body_done = true;
	if (fires[_i].waiting > 0)
		ck_assert_int_eq(put(fires[_i].waiting), 0);
	ck_assert_int_eq(c->out.len > 0, fires[_i].waiting > 0);
	if (fires[_i].state != CONN_BUSY) {
		r->keep_alive = fires[_i].state == CONN_IDLE;
		req_finish(r, END_OK);
		fake_turn(&f);
	}
	ck_assert_int_eq(c->state, fires[_i].state);
	ck_assert_int_eq(clock_s(), fires[_i].clock_s);
	fire();
	fake_turn(&f);
	ck_assert_uint_eq(f.w.n_conns, 0);
	ck_assert_int_eq(end_seen(), fires[_i].end);
	ck_assert_uint_eq(count(WC_CLIENT_TIMEOUTS), fires[_i].counted);
}
END_TEST

/* An answer without an end of its own was cut: only a reset says so. */
START_TEST(cut)
{
	struct req *r;

	over_tcp();
	r = parked();
	r->head_sent = r->body_done = true;
	ck_assert_int_eq(put(100), 0);
	r->keep_alive = false;
	c->cut = _i == 0;
	req_finish(r, END_TRUNCATED);
	fake_turn(&f);
	ck_assert_uint_eq(f.w.n_conns, 0);
	ck_assert_int_eq(end_seen(), _i == 0 ? ECONNRESET : 0);
}
END_TEST

/* A last answer reaches a client that reads slowly, whole. */
START_TEST(flushed_before_closed)
{
	struct req *r = parked();
	size_t got = 0, n;

	r->head_sent = r->body_done = true;
	ck_assert_int_eq(put(CONN_OUT_HIGH * 2), 0);
	r->keep_alive = false;
	req_finish(r, END_OK);
	ck_assert_int_eq(c->state, CONN_FLUSH);
	while (f.w.n_conns > 0) {
		while ((n = sip(1000)) > 0)
			got += n;
		fake_turn(&f);
	}
	while ((n = sip(1000)) > 0)
		got += n;
	ck_assert_uint_eq(got, CONN_OUT_HIGH * 2);
}
END_TEST

/* ---- limits */

static void open_from(const char *ip)
{
	struct sockaddr_any peer = { .len = sizeof peer.u.in };
	int fd[2];

	peer.u.in.sin_family = AF_INET;
	ck_assert_int_eq(inet_pton(AF_INET, ip, &peer.u.in.sin_addr), 1);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	conn_open(&f.w, fd[0], &peer, NULL, false);
	/* the client's end is left open: the connections before are to stay */
}

START_TEST(limits)
{
	for (int i = 0; i < 3; i++)
		open_from("192.0.2.1");
	ck_assert_uint_eq(count(WC_CONNECTIONS_REFUSED), 0);
	open_from("192.0.2.1"); /* limits.connections_per_address */
	ck_assert_uint_eq(count(WC_CONNECTIONS_REFUSED), 1);
	ck_assert_uint_eq(f.w.n_conns, 4);
	open_from("192.0.2.2");
	ck_assert_uint_eq(f.w.n_conns, 5);
	open_from("192.0.2.3"); /* limits.connections */
	ck_assert_uint_eq(count(WC_CONNECTIONS_REFUSED), 2);
	ck_assert_uint_eq(f.w.n_conns, 5);
	/* One goes: there is room again. */
	conn_close(list_entry(f.w.conns.prev, struct conn, node));
	open_from("192.0.2.3");
	ck_assert_uint_eq(count(WC_CONNECTIONS_REFUSED), 2);
	ck_assert_uint_eq(count(WC_CONNECTIONS_TOTAL), 8);
	ck_assert_uint_eq(count(WC_CONNECTIONS), 5);
	ck_assert_uint_eq(worker_connections_total(), 5);
}
END_TEST

/* ---- the PROXY header */

#define PROXY_LINE "PROXY TCP4 203.0.113.5 127.0.0.1 56324 443\r\n"
#define OPTIONS    "OPTIONS /v1/models HTTP/1.1\r\nhost: gw\r\n\r\n"

static void open_proxied(void)
{
	struct sockaddr_any peer = { .len = sizeof peer.u.in };
	int fd[2];

	peer.u.in.sin_family = AF_INET;
	ck_assert_int_eq(inet_pton(AF_INET, "10.0.0.1", &peer.u.in.sin_addr), 1);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	close(f.client);
	conn_open(&f.w, fd[0], &peer, NULL, true);
	f.client = fd[1];
	c = list_entry(f.w.conns.prev, struct conn, node);
	ck_assert_int_eq((int)c->state, (int)CONN_PROXY);
	ck_assert_uint_eq(c->addr_hash, 0);
}

/* Cut anywhere, and with the request behind it or not: the client is the one that it names. */
START_TEST(proxy_header)
{
	static const char all[] = PROXY_LINE OPTIONS;

	for (size_t at = 1; at < sizeof all - 1; at++) {
		open_proxied();
		fake_send(&f, all, at);
		fake_turn(&f);
		if (at < sizeof PROXY_LINE - 1) {
			ck_assert_int_eq((int)c->state, (int)CONN_PROXY);
			ck_assert_uint_eq(
				c->in_len, at); /* off the socket: it does not wake us again */
			ck_assert_int_le(clock_s(), 12); /* the head's, not that of idle ones */
		}
		fake_send(&f, all + at, sizeof all - 1 - at);
		fake_pump(&f);
		ck_assert_int_eq(fake_status(&f), 204);
		ck_assert_msg(strcmp(c->addr, "203.0.113.5") == 0, "%s", c->addr);
		ck_assert_uint_eq(c->addr_hash, conn_addr_hash(str_mk(c->addr, c->addr_len)));
		conn_close(c);
		fake_turn(&f);
	}
	ck_assert_uint_eq(count(WC_PROXY_REFUSED), 0);
}
END_TEST

/* Closed without a word. */
static void gone(void)
{
	fake_turn(&f);
	(void)fake_read(&f);
	ck_assert_uint_eq(f.got_n, 0);
	ck_assert_int_eq(recv(f.client, f.got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, 0);
}

START_TEST(no_proxy_header)
{
	open_proxied();
	say("OPTIONS");
	gone();
	ck_assert_uint_eq(count(WC_PROXY_REFUSED), 1);
	/* one that ends in the middle */
	open_proxied();
	say("PROXY TCP4");
	shutdown(f.client, SHUT_WR);
	fake_turn(&f);
	gone();
	ck_assert_uint_eq(count(WC_PROXY_REFUSED), 2);
	/* a look whether somebody is there */
	open_proxied();
	shutdown(f.client, SHUT_WR);
	fake_turn(&f);
	gone();
	ck_assert_uint_eq(count(WC_PROXY_REFUSED), 2);
	/* its time is over */
	open_proxied();
	say("PROXY TCP4");
	fire();
	ck_assert_uint_eq(count(WC_CLIENT_TIMEOUTS), 1);
	gone();
}
END_TEST

/* A graceful end: what has come already is answered, half a header is not waited for. */
START_TEST(proxy_drain)
{
	open_proxied();
	fake_send(&f, PROXY_LINE OPTIONS, sizeof PROXY_LINE + sizeof OPTIONS - 2);
	f.w.draining = true;
	conn_drain(c);
	fake_turn(&f);
	(void)fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 503);
	open_proxied();
	fake_send(&f, PROXY_LINE, 10);
	conn_drain(c);
	gone();
}
END_TEST

/* Limits are those of the client, once that is known. */
START_TEST(proxy_limits)
{
	int held[3];

	for (int i = 0; i < 3; i++) {
		open_proxied();
		say(PROXY_LINE);
		held[i] = dup(f.client); /* it stays, whoever comes next */
	}
	ck_assert_uint_eq(count(WC_CONNECTIONS_REFUSED), 0);
	open_proxied();
	say(PROXY_LINE);
	ck_assert_uint_eq(count(WC_CONNECTIONS_REFUSED), 1);
	gone();
	for (int i = 0; i < 3; i++)
		close(held[i]);
}
END_TEST

/* ---- drain */

START_TEST(drain)
{
	f.w.draining = true;
	f.w.drain_deadline_us = INT64_MAX;
	switch (_i) {
	case 0: /* nothing asked: closes */
		conn_drain(c);
		ck_assert(fake_read(&f));
		break;
	case 1: /* a request that is here already gets its answer */
		fake_send(&f, GET, strlen(GET));
		conn_drain(c);
		ck_assert(fake_pump(&f));
		ck_assert_int_eq(answers(), 1);
		ck_assert_str_eq(fake_field(&f, "connection"), "close");
		break;
	case 2: /* half a head: until its clock */
		say("GET / H");
		conn_drain(c);
		ck_assert_int_eq(c->state, CONN_HEAD);
		fake_send(&f, "TTP/1.1\r\nhost: gw\r\n\r\n", 21);
		ck_assert(fake_pump(&f));
		ck_assert_int_eq(answers(), 1);
		shutdown(f.client, SHUT_WR);
		break;
	}
	fake_turn(&f);
	ck_assert_uint_eq(f.w.n_conns, 0);
	f.w.draining = false;
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, head_in_pieces);
	tcase_add_loop_test(tc, malformed, 0, sizeof bad / sizeof *bad);
	tcase_add_test(tc, head_too_large);
	tcase_add_loop_test(tc, lingering_ends, 0, 2);
	tcase_add_test(tc, slow_head);
	tcase_add_test(tc, idle);
	tcase_add_loop_test(tc, client_ends, 0, 3);
	tcase_add_test(tc, pipeline);
	tcase_add_test(tc, pipeline_is_bounded);
	tcase_add_test(tc, high_and_low);
	tcase_add_test(tc, overflow);
	tcase_add_test(tc, order_is_kept);
	tcase_add_test(tc, writes_to_the_gone);
	tcase_add_loop_test(tc, rate, 0, sizeof rates / sizeof *rates);
	tcase_add_test(tc, rate_of_a_slow_provider);
	tcase_add_test(tc, rate_adds_up);
	tcase_add_loop_test(tc, send_clock, 0, sizeof fires / sizeof *fires);
	tcase_add_loop_test(tc, cut, 0, 2);
	tcase_add_test(tc, flushed_before_closed);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, proxy_header);
	tcase_add_test(tc, no_proxy_header);
	tcase_add_test(tc, proxy_limits);
	tcase_add_test(tc, proxy_drain);
	tcase_add_loop_test(tc, drain, 0, 3);
}

UNIT_MAIN("conn", tests)
