/*
 * check_stream.c: plain streams: transfers both ways at once under backpressure, pausing, the two
 * ways a connection ends, and what an owner may do inside the callback.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#include "io/listen.h"
#include "pair.h"

static struct pair p;

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

/* Looking takes nothing away, needs no turn of the loop, and tells bytes and both ends from none.
 */
START_TEST(quiet)
{
	struct linger hard = { .l_onoff = 1 };
	char byte;
	int fd[2];

	tcp_pair(fd);
	pair_open_fds(&p, fd[0], fd[1]);
	ck_assert(stream_quiet(&p.a.s));
	ck_assert_int_eq(write(fd[1], "x", 1), 1);
	ck_assert(!stream_quiet(&p.a.s));
	ck_assert(!stream_quiet(&p.a.s));
	ck_assert_int_eq(stream_read(&p.a.s, &byte, 1), 1);
	ck_assert_int_eq(byte, 'x');
	ck_assert(stream_quiet(&p.a.s));
	stream_shutdown_write(&p.b.s);
	ck_assert_msg(!stream_quiet(&p.a.s), "a closed peer");
	pair_close(&p);
	tcp_pair(fd);
	pair_open_fds(&p, fd[0], fd[1]);
	ck_assert_int_eq(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
	stream_close(&p.b.s);
	ck_assert_msg(!stream_quiet(&p.a.s), "a reset");
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
	tcase_add_test(tc, quiet);
	tcase_add_test(tc, plain_knows_no_tls);
}

UNIT_MAIN("stream", tests)
