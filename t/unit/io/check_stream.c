/*
 * check_stream.c: plain streams: transfers both ways at once under backpressure, pausing, the two
 * ways a connection ends, and what an owner may do inside the callback.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#include "io/listen.h"
#include "pair.h"

static struct pair p;
static char memory[65536];

START_TEST(both_ways_at_once)
{
	pair_open(&p);
	p.a.to_send = 3000001;
	p.b.to_send = 2000003;
	p.b.read_at_once = 777;
	PAIR_RUN_UNTIL(&p, p.a.got == p.b.to_send && p.b.got == p.a.to_send);
	ck_assert_int_eq(p.a.over, 1);
	ck_assert_int_eq(p.b.over, 1);
	pair_close(&p);
}
END_TEST

/* What is not wanted is not told; what is wanted is told every turn. */
START_TEST(pause_and_level)
{
	int seen;

	pair_open(&p);
	p.b.paused = true;
	p.a.to_send = 5000000;
	end_want(&p.a);
	end_want(&p.b);
	pair_turns(&p, 20);
	ck_assert_int_eq(p.b.n_ready, 0);
	ck_assert_uint_lt(p.a.sent, 1000000); /* backpressure */
	ck_assert(!p.a.s.armed_read || p.a.s.want_read);

	p.b.paused = false;
	p.b.read_at_once = p.b.reads_per_turn = 1;
	end_want(&p.b);
	seen = p.b.n_ready;
	pair_turns(&p, 10);
	ck_assert_int_eq(p.b.n_ready, seen + 10);
	ck_assert_uint_eq(p.b.got, 10);

	/* Paused again with data there: at most the turn that takes the event off. */
	p.b.paused = true;
	end_want(&p.b);
	pair_turns(&p, 1);
	ck_assert(!p.b.s.armed_read);
	pair_turns(&p, 10);
	ck_assert_uint_eq(p.b.got, 10);

	p.b.paused = false;
	p.b.read_at_once = 16384;
	PAIR_RUN_UNTIL(&p, p.b.got == p.a.to_send);
	pair_close(&p);
}
END_TEST

START_TEST(orderly_end)
{
	pair_open(&p);
	p.a.to_send = p.b.to_send = 300000;
	PAIR_RUN_UNTIL(&p, p.a.sent == p.a.to_send);
	stream_shutdown_write(&p.a.s);
	/* The other direction still works. */
	PAIR_RUN_UNTIL(&p, p.b.over != 1 && p.a.got == p.b.to_send);
	ck_assert_int_eq(p.b.over, STREAM_EOF);
	ck_assert(!p.b.s.eof_unclean);
	ck_assert_uint_eq(p.b.got, p.a.to_send);
	ck_assert_int_eq(p.a.over, 1);
	pair_close(&p);
}
END_TEST

START_TEST(write_to_the_dead)
{
	pair_open(&p);
	stream_close(&p.b.s);
	signal(SIGPIPE, SIG_DFL);
	p.a.to_send = 100;
	PAIR_RUN_UNTIL(&p, p.a.over == STREAM_ERR);
	ck_assert_str_eq(stream_error_text(&p.a.s), "broken pipe");
	pair_close(&p);
}
END_TEST

static void tcp_pair(int fd[2])
{
	struct sockaddr_any a, bound;
	char err[128];
	int l;

	ck_assert_int_eq(sockaddr_parse(STR("127.0.0.1:0"), &a, err, sizeof err), 0);
	l = listen_open(&a, 1, &bound, err, sizeof err);
	ck_assert_int_ge(l, 0);
	fd[0] = stream_connect_fd(&bound.u.sa, bound.len);
	ck_assert_int_ge(fd[0], 0);
	while ((fd[1] = listen_accept(l, &a)) < 0)
		;
	close(l);
}

START_TEST(reset_by_peer)
{
	struct linger hard = { .l_onoff = 1 };
	int fd[2];

	tcp_pair(fd);
	pair_open_fds(&p, fd[0], fd[1]);
	ck_assert_int_eq(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
	stream_close(&p.b.s);
	PAIR_RUN_UNTIL(&p, p.a.over != 1);
	ck_assert_int_eq(p.a.over, STREAM_ERR);
	ck_assert_str_eq(stream_error_text(&p.a.s), "connection reset by peer");
	pair_close(&p);
}
END_TEST

static struct stream *heap_stream;

static void on_ready_free(struct stream *s, unsigned ready, void *arg)
{
	(void)ready;
	(void)arg;
	stream_close(s);
	free(s);
	heap_stream = NULL;
}

/* Both events of a stream are due in the turn in which the first one's callback frees it. */
START_TEST(close_and_free_in_callback)
{
	struct event_base *base = event_base_new();
	int fd[2];

	pair_socketpair(fd);
	ck_assert_int_eq(write(fd[1], "x", 1), 1);
	heap_stream = malloc(sizeof *heap_stream);
	stream_init(heap_stream, base, fd[0], on_ready_free, NULL);
	stream_want(heap_stream, true, true);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_ptr_null(heap_stream);
	close(fd[1]);
	event_base_free(base);
}
END_TEST

static bool told_first, told_other;

/* The first of two that are due in a turn: what does it know of the other? */
static void on_first(struct stream *s, unsigned ready, void *arg)
{
	char byte;

	(void)ready;
	told_first = stream_told(s);
	told_other = stream_told(arg);
	ck_assert_int_eq(stream_read(s, &byte, 1), 1);
	stream_want(s, false, false);
}

/* News of the same turn is known before the callback has run, and only then. */
START_TEST(told)
{
	struct stream first;
	int fd[2];

	pair_open(&p);
	pair_socketpair(fd);
	stream_init(&first, p.base, fd[0], on_first, &p.a.s);
	stream_want(&first, true, false);
	p.a.paused = false;
	end_want(&p.a);
	ck_assert(!stream_told(&p.a.s));
	for (int i = 0; i < 3; i++) {
		told_other = false;
		ck_assert_int_eq(write(fd[1], "x", 1), 1);
		if (i == 1) /* a byte */
			p.b.to_send++;
		if (i == 2) /* an end */
			stream_shutdown_write(&p.b.s);
		if (i == 1)
			end_write(&p.b);
		stream_want(&first, true, false);
		pair_turns(&p, 1);
		ck_assert_msg(!told_first, "its own callback runs");
		ck_assert_int_eq(told_other, i > 0);
		ck_assert(!stream_told(&p.a.s));
	}
	close(fd[1]);
	stream_close(&first);
	pair_close(&p);
}
END_TEST

/* What was sent and what of it the peer's kernel has; the loopback acknowledges when it likes, but
 * an answer always does. */
START_TEST(unheard)
{
	struct iovec iov = { "hello", 5 };
	uint64_t before;
	char text[8];
	int fd[2];

	tcp_pair(fd);
	pair_open_fds(&p, fd[0], fd[1]);
	for (int i = 0; i < 100; i++) {
		before = p.a.s.sent;
		ck_assert_uint_eq(before, 5 * (uint64_t)i);
		ck_assert_msg(stream_unheard(&p.a.s, before), "nothing was sent");
		ck_assert_int_eq(stream_writev(&p.a.s, &iov, 1), 5);
		ck_assert_uint_eq(p.a.s.sent, before + 5);
		while (recv(fd[1], text, 5, 0) < 0)
			ck_assert_int_eq(errno, EAGAIN);
		ck_assert_int_eq(write(fd[1], "x", 1), 1);
		while (stream_read(&p.a.s, text, 1) != 1)
			;
		ck_assert_msg(!stream_unheard(&p.a.s, before), "an answer, round %d", i);
	}
	/* A part is enough. */
	before = p.a.s.sent;
	while (stream_writev(&p.a.s, &(struct iovec){ memory, sizeof memory }, 1) > 0)
		;
	while (stream_unheard(&p.a.s, before)) /* until it has acknowledged what it had room for */
		usleep(100);
	ck_assert(stream_unheard(&p.a.s, p.a.s.sent));
	pair_close(&p);
	/* A socket that does not know */
	pair_open(&p);
	ck_assert_int_eq(stream_writev(&p.a.s, &iov, 1), 5);
	ck_assert_uint_eq(p.a.s.sent, 5);
	pair_close(&p);
}
END_TEST

START_TEST(plain_knows_no_tls)
{
	pair_open(&p);
	ck_assert_int_eq(stream_handshake(&p.a.s), 1);
	ck_assert_ptr_null(stream_session(&p.a.s));
	ck_assert_str_eq(stream_error_text(&p.a.s), "no error");
	pair_close(&p);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, both_ways_at_once);
	tcase_add_test(tc, pause_and_level);
	tcase_add_test(tc, orderly_end);
	tcase_add_test(tc, write_to_the_dead);
	tcase_add_test(tc, reset_by_peer);
	tcase_add_test(tc, close_and_free_in_callback);
	tcase_add_test(tc, told);
	tcase_add_test(tc, unheard);
	tcase_add_test(tc, plain_knows_no_tls);
}

UNIT_MAIN("stream", tests)
