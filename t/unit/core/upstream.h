/*
 * upstream.h: a provider for tests of what speaks to providers: a listening socket on 127.0.0.1
 * whose connections the test itself accepts, reads and answers, turn by turn. On top of fake.h; one
 * thread.
 */
#ifndef TG_UPSTREAM_H
#define TG_UPSTREAM_H

#include "unit/core/fake.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

struct upstream {
	int listen, fd; /* fd: the connection that was accepted last, -1: none */
	unsigned port;
	char got[1 << 20]; /* what was read of it, with a NUL behind it */
	size_t got_n;
};

/* Turns until the condition holds; the test's time limit is for the case that it never does. */
#define FAKE_UNTIL(f, cond)           \
	do {                          \
		fake_turn(f);         \
		while (!(cond)) {     \
			usleep(200);  \
			fake_turn(f); \
		}                     \
	} while (0)

static inline void upstream_open(struct upstream *u)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;

	u->fd = -1;
	u->got_n = 0;
	u->listen = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(u->listen, 0);
	ck_assert_int_eq(bind(u->listen, (struct sockaddr *)&at, sizeof at), 0);
	ck_assert_int_eq(listen(u->listen, 64), 0);
	ck_assert_int_eq(getsockname(u->listen, (struct sockaddr *)&at, &len), 0);
	u->port = ntohs(at.sin_port);
}

static inline void upstream_hang_up(struct upstream *u)
{
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
}

/* By a reset, whatever was not read. */
static inline void upstream_reset(struct upstream *u)
{
	struct linger hard = { .l_onoff = 1 };

	ck_assert_int_eq(setsockopt(u->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
	upstream_hang_up(u);
}

static inline void upstream_close(struct upstream *u)
{
	upstream_hang_up(u);
	close(u->listen);
}

/* Is a connection waiting? Takes it (an older one stays open: keep its fd, or lose it). */
static inline bool upstream_accepted(struct upstream *u)
{
	int on = 1, fd = accept4(u->listen, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return false;
	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
	u->fd = fd;
	u->got_n = 0;
	return true;
}

/* Reads what is there; true when the gateway has closed. */
static inline bool upstream_read(struct upstream *u)
{
	ssize_t n;

	while ((n = read(u->fd, u->got + u->got_n, sizeof u->got - 1 - u->got_n)) > 0)
		u->got_n += (size_t)n;
	u->got[u->got_n] = '\0';
	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* A whole request is there, by its own framing. */
static inline bool upstream_has_request(struct upstream *u)
{
	const char *end, *length;

	upstream_read(u);
	end = strstr(u->got, "\r\n\r\n");
	if (end == NULL)
		return false;
	if (strstr(u->got, "transfer-encoding: chunked\r\n") != NULL)
		return u->got_n >= 5 && strcmp(u->got + u->got_n - 5, "0\r\n\r\n") == 0;
	length = strstr(u->got, "content-length: ");
	return u->got_n >=
	       (size_t)(end + 4 - u->got) + (length != NULL ? strtoul(length + 16, NULL, 10) : 0);
}

static inline void upstream_say(struct upstream *u, const char *bytes, size_t n)
{
	ck_assert_int_eq(send(u->fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

#define UPSTREAM_SAY(u, text) upstream_say(u, text, strlen(text))

/* A connection comes, and a whole request on it. */
#define UPSTREAM_TAKE(f, u)                             \
	do {                                            \
		FAKE_UNTIL(f, upstream_accepted(u));    \
		FAKE_UNTIL(f, upstream_has_request(u)); \
	} while (0)

/* One more request on the connection that is there. */
#define UPSTREAM_NEXT(f, u)                             \
	do {                                            \
		(u)->got_n = 0;                         \
		FAKE_UNTIL(f, upstream_has_request(u)); \
	} while (0)

/* A clock runs out, without waiting for it. */
static inline void fake_fire(struct fake *f, struct timer *t)
{
	ck_assert_msg(timer_armed(t), "this clock does not run");
	timer_disarm(&f->w.wheel, t);
	t->on_fire(t);
}

/* For how long a clock was set, from now. */
static inline int64_t fake_clock_us(const struct fake *f, const struct timer *t)
{
	return timer_armed(t) ? t->deadline_us - f->w.wheel.now.us : -1;
}

static inline uint64_t fake_count(const struct fake *f, enum worker_counter c)
{
	return stat_get(&f->w.stats.c[c]);
}

#endif
