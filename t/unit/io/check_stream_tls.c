/*
 * check_stream_tls.c: bytes through TLS: big transfers both ways under backpressure, bytes that
 * OpenSSL holds back and the poller cannot see, records that arrive byte by byte, key updates, and
 * all the ways to end.
 */
#include <fcntl.h>
#include <signal.h>

#include <openssl/ssl.h>

#include "certs.h"
#include "io/tls.h"
#include "pair.h"

static struct certs certs;
static SSL_CTX *server, *client;
static struct pair p;

static void setup(void)
{
	char err[256];
	struct tls_cert c;

	certs_open(&certs);
	certs_make(&certs, "one", "DNS:one.test");
	c = (struct tls_cert){ certs_path(&certs, "one", "crt"), certs_path(&certs, "one", "key") };
	server = tls_server_ctx(&c, 1, err, sizeof err);
	client = tls_client_ctx(certs_path(&certs, "ca", "crt"), true, err, sizeof err);
	ck_assert_ptr_nonnull(server);
	ck_assert_ptr_nonnull(client);
}

static void teardown(void)
{
	tls_ctx_free(server);
	tls_ctx_free(client);
	certs_close(&certs);
}

/* a is the client, b the server. */
static void start_tls(void)
{
	ck_assert_int_eq(stream_tls_connect(&p.a.s, client, STR("one.test"), NULL), 0);
	ck_assert_int_eq(stream_tls_accept(&p.b.s, server), 0);
}

static void shake_hands(void)
{
	start_tls();
	ck_assert_int_eq(stream_handshake(&p.a.s), STREAM_AGAIN);
	PAIR_RUN_UNTIL(&p,
		stream_handshake(&p.b.s) == 1 && stream_handshake(&p.a.s) == 1 && p.b.s.tls_done);
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
static const size_t sizes[] = { 1, 777, 16384, 65536 };

/* Every size of read, both versions, both ways at once, through a socket buffer of 8 KB. */
START_TEST(both_ways_at_once)
{
	SSL_CTX_set_max_proto_version(client, versions[_i % 2]);
	pair_open(&p);
	start_tls();
	p.b.read_at_once = sizes[_i / 2];
	p.a.to_send = p.b.read_at_once == 1 ? 100000 : 1500001;
	p.b.to_send = 1000003;
	PAIR_RUN_UNTIL(&p, p.a.got == p.b.to_send && p.b.got == p.a.to_send);
	ck_assert_int_eq(p.a.over, 1);
	ck_assert_int_eq(p.b.over, 1);
	ck_assert_int_eq(SSL_version(p.a.s.ssl), versions[_i % 2]);
	pair_close(&p);
}
END_TEST

/* The handshake goes on although neither side wants anything, and both are told. */
START_TEST(handshake_alone)
{
	pair_open(&p);
	start_tls();
	ck_assert_int_eq(stream_handshake(&p.a.s), STREAM_AGAIN);
	ck_assert_int_eq(stream_handshake(&p.b.s), STREAM_AGAIN);
	p.a.paused = p.b.paused = true;
	for (int i = 0; i < 1000 && !(p.a.s.tls_done && p.b.s.tls_done); i++) {
		int a = p.a.n_ready, b = p.b.n_ready;

		pair_turns(&p, 1);
		if (p.a.n_ready > a)
			ck_assert_int_ne(stream_handshake(&p.a.s), STREAM_ERR);
		if (p.b.n_ready > b)
			ck_assert_int_ne(stream_handshake(&p.b.s), STREAM_ERR);
	}
	ck_assert(p.a.s.tls_done && p.b.s.tls_done);
	pair_close(&p);
}
END_TEST

/* The trap: everything is inside OpenSSL, the socket is empty, and the owner reads in small bites.
 */
START_TEST(held_bytes_are_delivered)
{
	int seen;

	pair_open(&p);
	shake_hands();
	p.b.read_at_once = 100;
	p.b.reads_per_turn = 1;
	p.a.to_send = 5000;
	end_want(&p.a);
	pair_turns(&p, 3);
	ck_assert_uint_eq(p.a.sent, 5000);
	PAIR_RUN_UNTIL(&p, p.b.got >= 300);
	ck_assert(p.b.s.tls_pending);
	ck_assert(stream_told(&p.b.s)); /* although the socket is empty */

	/* Paused: nothing comes. */
	p.b.paused = true;
	end_want(&p.b);
	seen = p.b.n_ready;
	pair_turns(&p, 20);
	ck_assert_int_eq(p.b.n_ready, seen);
	ck_assert_uint_lt(p.b.got, 5000);

	/* Wanted again: once in each turn, not all at once. */
	p.b.paused = false;
	end_want(&p.b);
	pair_turns(&p, 10);
	ck_assert_int_eq(p.b.n_ready, seen + 10);
	PAIR_RUN_UNTIL(&p, p.b.got == 5000);

	/* Drained: silence. */
	pair_turns(&p, 2);
	ck_assert(!p.b.s.tls_pending);
	ck_assert(!stream_told(&p.b.s));
	ck_assert_uint_gt(p.a.s.sent, 5000); /* with its framing */
	seen = p.b.n_ready;
	pair_turns(&p, 20);
	ck_assert_int_eq(p.b.n_ready, seen);
	pair_close(&p);
}
END_TEST

/* Being level-triggered holds for held bytes too: an owner that does not read is told every turn.
 */
static void on_step_do_nothing(struct stream *s, unsigned ready, void *arg)
{
	(void)s;
	(void)ready;
	++*(int *)arg;
}

START_TEST(held_bytes_are_level_triggered)
{
	int told = 0;
	char c;

	pair_open(&p);
	shake_hands();
	p.b.paused = true;
	p.a.to_send = 5000;
	end_want(&p.a);
	end_want(&p.b);
	pair_turns(&p, 3);
	ck_assert_int_eq(stream_read(&p.b.s, &c, 1), 1);
	ck_assert(p.b.s.tls_pending);
	p.b.s.on_ready = on_step_do_nothing;
	p.b.s.arg = &told;
	stream_want(&p.b.s, true, false);
	pair_turns(&p, 10);
	ck_assert_int_eq(told, 10);
	pair_close(&p);
}
END_TEST

/* Carries bytes between two sockets, at most `most` a turn. */
static void relay(int from, int to, size_t most)
{
	char buf[1000];
	ssize_t n = read(from, buf, TG_MIN(most, sizeof buf));

	if (n > 0)
		ck_assert_int_eq(write(to, buf, (size_t)n), n);
}

/* Records in crumbs: no crumb may be lost, and half a record must not keep the loop busy. */
START_TEST(records_in_crumbs)
{
	int left[2], right[2], seen;
	size_t most = (size_t)_i;

	pair_socketpair(left);
	pair_socketpair(right);
	pair_open_fds(&p, left[0], right[0]);
	start_tls();
	p.a.to_send = 3000;
	p.b.to_send = 2000;
	end_want(&p.a);
	end_want(&p.b);
	while (p.b.got < 1500) {
		relay(left[1], right[1], most);
		relay(right[1], left[1], most);
		event_base_loop(p.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	}
	pair_turns(&p, 3);
	seen = p.a.n_ready + p.b.n_ready;
	pair_turns(&p, 50);
	ck_assert_int_eq(p.a.n_ready + p.b.n_ready, seen);
	while (p.b.got < 3000 || p.a.got < 2000) {
		relay(left[1], right[1], most);
		relay(right[1], left[1], most);
		event_base_loop(p.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	}
	pair_close(&p);
	close(left[1]);
	close(right[1]);
}
END_TEST

/* One record and the beginning of the next in one read: delivered, then silence until the rest
 * comes. */
START_TEST(half_a_record_is_silent)
{
	int left[2], right[2], seen;
	char wire[1000], data[100];
	ssize_t n;

	pair_socketpair(left);
	pair_socketpair(right);
	pair_open_fds(&p, left[0], right[0]);
	start_tls();
	p.a.to_send = 100;
	end_want(&p.a);
	end_want(&p.b);
	while (p.b.got < 100) {
		relay(left[1], right[1], sizeof wire);
		relay(right[1], left[1], sizeof wire);
		event_base_loop(p.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	}
	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; k < sizeof data; k++)
			data[k] = (char)pair_byte(100 + (size_t)i * 100 + k);
		ck_assert_int_eq(stream_writev(&p.a.s, &(struct iovec){ data, 100 }, 1), 100);
	}
	n = read(left[1], wire, sizeof wire);
	ck_assert_int_eq(n, 2 * (5 + 100 + 1 + 16));
	ck_assert_int_eq(write(right[1], wire, (size_t)n / 2 + 50), n / 2 + 50);
	pair_turns(&p, 3);
	ck_assert_uint_eq(p.b.got, 200);
	seen = p.b.n_ready;
	pair_turns(&p, 20);
	ck_assert_int_eq(p.b.n_ready, seen);
	ck_assert_int_eq(write(right[1], wire + n / 2 + 50, (size_t)n / 2 - 50), n / 2 - 50);
	PAIR_RUN_UNTIL(&p, p.b.got == 300);
	pair_close(&p);
	close(left[1]);
	close(right[1]);
}
END_TEST

static void on_step_rekey(struct end *e)
{
	if (e->n_ready % 5 == 0 && e->s.tls_done && e->over == 1 && e->s.fd >= 0)
		(void)SSL_key_update(e->s.ssl, SSL_KEY_UPDATE_REQUESTED);
}

/* Key updates in both directions while both buffers are full: reads that write, writes that read.
 */
START_TEST(key_updates)
{
	pair_open(&p);
	start_tls();
	p.a.to_send = 700000;
	p.b.to_send = 600000;
	p.a.on_step = p.b.on_step = on_step_rekey;
	PAIR_RUN_UNTIL(&p, p.a.got == p.b.to_send && p.b.got == p.a.to_send);
	ck_assert_int_eq(p.a.over, 1);
	pair_close(&p);
}
END_TEST

/* The direction OpenSSL waits for is watched, not the one the owner wants. */
START_TEST(needs_are_watched)
{
	pair_open(&p);
	shake_hands();
	p.a.to_send = p.b.to_send = 0;
	end_want(&p.a);
	pair_turns(&p, 3);
	stream_want(&p.a.s, true, false);
	p.a.s.tls_read_needs = STREAM_CAN_WRITE; /* as after SSL_ERROR_WANT_WRITE from a read */
	stream_want(&p.a.s, true, false);
	ck_assert(p.a.s.armed_write);
	p.a.n_ready = 0;
	pair_turns(&p, 1);
	ck_assert_int_eq(p.a.n_ready, 1); /* told that it can read: the read found nothing */
	ck_assert_uint_eq(p.a.s.tls_read_needs, STREAM_CAN_READ);
	ck_assert(!p.a.s.armed_write);

	p.a.s.tls_write_needs = STREAM_CAN_READ;
	stream_want(&p.a.s, false, true);
	ck_assert(!p.a.s.armed_write);
	ck_assert(p.a.s.armed_read);
	pair_close(&p);
}
END_TEST

/* A handshake that waits to write is not disturbed, nor the loop kept busy, by bytes to read. */
START_TEST(handshake_waits_one_way)
{
	static const char junk[4096];

	pair_open(&p);
	start_tls();
	end_want(&p.a);
	while (write(p.a.s.fd, junk, sizeof junk) > 0)
		;
	ck_assert_int_eq(write(p.b.s.fd, "x", 1), 1);
	ck_assert_int_eq(stream_handshake(&p.a.s), STREAM_AGAIN);
	ck_assert_uint_eq(p.a.s.tls_read_needs, STREAM_CAN_WRITE);
	pair_turns(&p, 10);
	ck_assert_int_eq(p.a.n_ready, 0);
	pair_close(&p);
}
END_TEST

/* A retry may bring more bytes and other iovecs, as a queue does that grows. */
START_TEST(retry_with_more)
{
	static char buf[200000];
	struct iovec two[2];
	size_t put = 0;
	ssize_t n;

	pair_open(&p);
	shake_hands();
	p.b.paused = true;
	for (size_t i = 0; i < sizeof buf; i++)
		buf[i] = (char)pair_byte(i);
	/* Until it blocks, in records of 3,000 bytes. */
	do {
		n = stream_writev(&p.a.s, &(struct iovec){ buf + put, 3000 }, 1);
		if (n > 0)
			put += (size_t)n;
	} while (n > 0);
	ck_assert_int_eq(n, STREAM_AGAIN);
	ck_assert_uint_eq(p.a.s.tls_write_needs, STREAM_CAN_WRITE);
	p.b.paused = false;
	end_want(&p.b);
	while (put < sizeof buf) {
		two[0] = (struct iovec){ buf + put, TG_MIN(100, sizeof buf - put) };
		two[1] = (struct iovec){ buf + put + two[0].iov_len,
			sizeof buf - put - two[0].iov_len };
		n = stream_writev(&p.a.s, two, 2);
		ck_assert_int_ne(n, STREAM_ERR);
		if (n > 0)
			put += (size_t)n;
		pair_turns(&p, 1);
	}
	PAIR_RUN_UNTIL(&p, p.b.got == sizeof buf);
	pair_close(&p);
}
END_TEST

/* Many small iovecs leave as one record. */
START_TEST(iovecs_become_one_record)
{
	struct iovec iov[50];
	char buf[50], in[100];

	pair_open(&p);
	shake_hands();
	pair_turns(&p, 5);
	for (int i = 0; i < 50; i++) {
		buf[i] = (char)pair_byte((size_t)i);
		iov[i] = (struct iovec){ buf + i, 1 };
	}
	ck_assert_int_eq(stream_writev(&p.a.s, iov, 50), 50);
	ck_assert_int_eq(stream_writev(&p.a.s, iov, 0), 0);
	/* Header 5, 50 bytes, content type 1, tag 16. */
	ck_assert_int_eq(recv(p.b.s.fd, in, sizeof in, MSG_PEEK), 5 + 50 + 1 + 16);
	pair_close(&p);
}
END_TEST

START_TEST(orderly_end)
{
	pair_open(&p);
	start_tls();
	p.a.to_send = 100000;
	p.b.to_send = 200000;
	PAIR_RUN_UNTIL(&p, p.a.sent == p.a.to_send);
	stream_shutdown_write(&p.a.s);
	PAIR_RUN_UNTIL(&p, p.b.over != 1 && p.a.got == p.b.to_send);
	ck_assert_int_eq(p.b.over, STREAM_EOF);
	ck_assert(!p.b.s.eof_unclean);
	ck_assert_uint_eq(p.b.got, p.a.to_send);
	pair_close(&p);
}
END_TEST

START_TEST(close_tells_the_peer)
{
	pair_open(&p);
	start_tls();
	p.a.to_send = 10;
	PAIR_RUN_UNTIL(&p, p.a.sent == 10);
	stream_close(&p.a.s);
	PAIR_RUN_UNTIL(&p, p.b.over != 1);
	ck_assert_int_eq(p.b.over, STREAM_EOF);
	ck_assert(!p.b.s.eof_unclean);
	ck_assert_uint_eq(p.b.got, 10);
	pair_close(&p);
}
END_TEST

/* A bare FIN is an end the owner has to judge; reading on tells the same again. */
START_TEST(end_without_close_notify)
{
	char c;

	pair_open(&p);
	start_tls();
	p.a.to_send = 5000;
	PAIR_RUN_UNTIL(&p, p.b.s.tls_done && p.a.sent == p.a.to_send);
	ck_assert_int_eq(shutdown(p.a.s.fd, SHUT_WR), 0);
	PAIR_RUN_UNTIL(&p, p.b.over != 1);
	ck_assert_int_eq(p.b.over, STREAM_EOF);
	ck_assert(p.b.s.eof_unclean);
	ck_assert_uint_eq(p.b.got, 5000);
	ck_assert_int_eq(stream_read(&p.b.s, &c, 1), STREAM_EOF);
	ck_assert_int_eq(stream_writev(&p.b.s, &(struct iovec){ &c, 1 }, 1), STREAM_ERR);
	ck_assert_str_eq(stream_error_text(&p.b.s), "the peer has closed the connection");
	pair_close(&p);
}
END_TEST

START_TEST(end_in_handshake)
{
	pair_open(&p);
	start_tls();
	end_want(&p.b);
	ck_assert_int_eq(stream_handshake(&p.a.s), STREAM_AGAIN);
	if (_i == 0) {
		pair_turns(&p, 1); /* the server has answered, the client will not */
		stream_close(&p.a.s);
		PAIR_RUN_UNTIL(&p, p.b.over != 1);
		ck_assert_int_eq(p.b.over, STREAM_ERR);
		ck_assert_msg(
			strstr(stream_error_text(&p.b.s), "closed during the TLS handshake") ||
				strstr(stream_error_text(&p.b.s), "reset"),
			"%s", stream_error_text(&p.b.s));
	} else {
		ck_assert_int_eq(shutdown(p.b.s.fd, SHUT_WR), 0);
		PAIR_RUN_UNTIL(&p, p.a.over != 1);
		ck_assert_int_eq(p.a.over, STREAM_ERR);
		ck_assert_str_eq(
			stream_error_text(&p.a.s), "connection closed during the TLS handshake");
	}
	pair_close(&p);
}
END_TEST

START_TEST(plain_http_to_a_tls_port)
{
	pair_open(&p);
	ck_assert_int_eq(stream_tls_accept(&p.b.s, server), 0);
	ck_assert_int_eq(write(p.a.s.fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
	end_want(&p.b);
	while (p.b.over == 1)
		pair_turns(&p, 1);
	ck_assert_int_eq(p.b.over, STREAM_ERR);
	ck_assert_str_eq(stream_error_text(&p.b.s), "http request");
	ck_assert_int_eq(stream_handshake(&p.b.s), STREAM_ERR);
	pair_close(&p);
}
END_TEST

/* Garbage after the handshake: bytes before it are delivered, then the failure. */
START_TEST(garbage_record)
{
	char junk[100];

	memset(junk, 0x17, sizeof junk);
	junk[1] = junk[2] = 3;
	junk[3] = 0;
	junk[4] = 90;
	pair_open(&p);
	start_tls();
	p.a.to_send = 20;
	PAIR_RUN_UNTIL(&p, p.b.s.tls_done && p.a.sent == 20);
	ck_assert_int_eq(write(p.a.s.fd, junk, sizeof junk), sizeof junk);
	while (p.b.over == 1)
		pair_turns(&p, 1);
	ck_assert_int_eq(p.b.over, STREAM_ERR);
	ck_assert_uint_eq(p.b.got, 20);
	ck_assert_str_eq(stream_error_text(&p.b.s), "decryption failed or bad record mac");
	pair_close(&p);
}
END_TEST

START_TEST(write_to_the_dead)
{
	pair_open(&p);
	shake_hands();
	pair_turns(&p, 3);
	SSL_set_quiet_shutdown(p.b.s.ssl, 1);
	stream_close(&p.b.s);
	signal(SIGPIPE, SIG_DFL);
	p.a.to_send = 100;
	p.a.paused = true;
	end_want(&p.a);
	while (p.a.over == 1)
		pair_turns(&p, 1);
	ck_assert_str_eq(stream_error_text(&p.a.s), "broken pipe");
	pair_close(&p);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, both_ways_at_once, 0, 8);
	tcase_add_test(tc, handshake_alone);
	tcase_add_test(tc, held_bytes_are_delivered);
	tcase_add_test(tc, held_bytes_are_level_triggered);
	tcase_add_loop_test(tc, records_in_crumbs, 1, 8);
	tcase_add_test(tc, half_a_record_is_silent);
	tcase_add_test(tc, key_updates);
	tcase_add_test(tc, needs_are_watched);
	tcase_add_test(tc, handshake_waits_one_way);
	tcase_add_test(tc, retry_with_more);
	tcase_add_test(tc, iovecs_become_one_record);
	tcase_add_test(tc, orderly_end);
	tcase_add_test(tc, close_tells_the_peer);
	tcase_add_test(tc, end_without_close_notify);
	tcase_add_loop_test(tc, end_in_handshake, 0, 2);
	tcase_add_test(tc, plain_http_to_a_tls_port);
	tcase_add_test(tc, garbage_record);
	tcase_add_test(tc, write_to_the_dead);
}

UNIT_MAIN("stream_tls", tests)
