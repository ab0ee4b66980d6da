/*
 * pair.h: two streams over a socketpair in one event loop, each end with a script: what it sends
 * and how it reads. The bytes sent are a pattern, so that loss, doubling and reordering are all
 * seen.
 */
#ifndef TG_UNIT_IO_PAIR_H
#define TG_UNIT_IO_PAIR_H

#include <sys/socket.h>

#include "io/stream.h"
#include "unit/unit.h"

/* libcheck notes every ck_assert that holds, too slow for one a byte. */
#define PAIR_CHECK(cond, what)              \
	do {                                \
		if (!(cond))                \
			ck_abort_msg(what); \
	} while (0)

struct end {
	struct stream s;
	struct pair *pair;
	size_t to_send, sent; /* sending goes on until all is out */
	size_t got;
	size_t read_at_once; /* bytes asked for in one read */
	int reads_per_turn;  /* then back to the loop although there may be more */
	int max_iov;
	unsigned seed;
	int n_ready;                   /* calls of on_ready */
	bool paused;                   /* does not want to read */
	ssize_t over;                  /* STREAM_EOF or STREAM_ERR once seen; 1 before */
	void (*on_step)(struct end *); /* after each callback; NULL: none */
};

struct pair {
	struct event_base *base;
	struct end a, b;
};

static inline unsigned char pair_byte(size_t at)
{
	return (unsigned char)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static inline void end_want(struct end *e)
{
	if (e->s.fd >= 0)
		stream_want(&e->s, !e->paused && e->over == 1,
			e->sent < e->to_send && e->over != STREAM_ERR);
}

static inline void end_read(struct end *e)
{
	unsigned char buf[65536];

	for (int i = 0; i < e->reads_per_turn; i++) {
		ssize_t n = stream_read(&e->s, buf, e->read_at_once);

		if (n == STREAM_AGAIN)
			return;
		if (n <= 0) {
			e->over = n;
			return;
		}
		for (ssize_t k = 0; k < n; k++)
			PAIR_CHECK(buf[k] == pair_byte(e->got + (size_t)k), "wrong byte");
		e->got += (size_t)n;
	}
}

/* Up to 100 KB from where we are, cut into random iovecs, some of them empty. */
static inline ssize_t end_write_once(struct end *e)
{
	static unsigned char buf[102400];
	struct iovec iov[100];
	size_t left = TG_MIN(e->to_send - e->sent, sizeof buf), at = 0;
	int n = 0;

	for (size_t k = 0; k < left; k++)
		buf[k] = pair_byte(e->sent + k);
	/* Always the same cuts at the same place, as from a queue. */
	e->seed = (unsigned)e->sent + 1;
	while (at < left && n < e->max_iov) {
		size_t len = rand_r(&e->seed) % 10 == 0  ? 0
			     : rand_r(&e->seed) % 5 == 0 ? 30000
							 : (size_t)rand_r(&e->seed) % 600;

		if (n == e->max_iov - 1)
			len = left - at;
		len = TG_MIN(len, left - at);
		iov[n++] = (struct iovec){ buf + at, len };
		at += len;
	}
	return stream_writev(&e->s, iov, n);
}

static inline void end_write(struct end *e)
{
	while (e->sent < e->to_send) {
		ssize_t n = end_write_once(e);

		if (n == STREAM_AGAIN)
			return;
		if (n == STREAM_ERR) {
			e->over = STREAM_ERR;
			return;
		}
		PAIR_CHECK(n > 0, "nothing written");
		e->sent += (size_t)n;
	}
}

static inline void end_on_ready(struct stream *s, unsigned ready, void *arg)
{
	struct end *e = arg;

	PAIR_CHECK(s == &e->s && ready != 0, "called for nothing");
	PAIR_CHECK((ready & STREAM_CAN_READ) == 0 || s->want_read || !s->tls_done, "not wanted");
	e->n_ready++;
	if (ready & STREAM_CAN_READ && !e->paused)
		end_read(e);
	if (ready & STREAM_CAN_WRITE && e->over != STREAM_ERR && s->fd >= 0)
		end_write(e);
	end_want(e);
	if (e->on_step != NULL)
		e->on_step(e);
}

static inline void end_init(struct end *e, struct pair *p, int fd)
{
	memset(e, 0, sizeof *e);
	e->pair = p;
	e->read_at_once = 16384;
	e->reads_per_turn = 4;
	e->max_iov = 100;
	e->over = 1;
	stream_init(&e->s, p->base, fd, end_on_ready, e);
}

/* Over two given descriptors. */
static inline void pair_open_fds(struct pair *p, int a, int b)
{
	struct event_config *config = event_config_new();

	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	p->base = event_base_new_with_config(config);
	event_config_free(config);
	end_init(&p->a, p, a);
	end_init(&p->b, p, b);
}

static inline void pair_socketpair(int fd[2])
{
	int small = 8192;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
}

static inline void pair_open(struct pair *p)
{
	int fd[2];

	pair_socketpair(fd);
	pair_open_fds(p, fd[0], fd[1]);
}

static inline void pair_close(struct pair *p)
{
	stream_close(&p->a.s);
	stream_close(&p->b.s);
	stream_close(&p->b.s); /* idempotent */
	event_base_free(p->base);
}

/* Turns of the loop without waiting. */
static inline void pair_turns(struct pair *p, int n)
{
	for (int i = 0; i < n; i++)
		event_base_loop(p->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* Until cond holds; the test's time limit is for the case that it never does. */
#define PAIR_RUN_UNTIL(p, cond)                                                    \
	do {                                                                       \
		end_want(&(p)->a);                                                 \
		end_want(&(p)->b);                                                 \
		while (!(cond))                                                    \
			event_base_loop((p)->base, EVLOOP_ONCE | EVLOOP_NONBLOCK); \
	} while (0)

#endif
