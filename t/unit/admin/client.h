/*
 * client.h: what the admin listener's tests share: a listener with a table of routes, and clients
 * that speak to it over real sockets, in one thread: the loop is pumped between reads.
 */
#ifndef TG_UNIT_ADMIN_CLIENT_H
#define TG_UNIT_ADMIN_CLIENT_H

#include "unit/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/admin.h"
#include "io/listen.h"
#include "proto/outbuf.h"

static struct event_base *base;
static struct admin *admin;
static struct sockaddr_any bound;

static inline void client_listen(
	const char *address, struct str token, const struct admin_route *table, size_t n, void *ctx)
{
	struct sockaddr_any want;
	char err[256];

	base = event_base_new();
	ck_assert_msg(sockaddr_parse(str_z(address), &want, err, sizeof err) == 0, "%s", err);
	admin = admin_new(base, &want, token, table, n, ctx, &bound, err, sizeof err);
	ck_assert_msg(admin != NULL, "%s", err);
}

static inline void teardown(void)
{
	admin_free(admin);
	event_base_free(base);
}

static inline int connect_client(void)
{
	int fd = socket(bound.u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, &bound.u.sa, bound.len), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static inline void pump(void)
{
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
}

static struct outbuf got; /* what the client has read */

static inline void send_all(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return; /* the server has seen enough */
		if (n > 0)
			s = str_skip(s, (size_t)n);
		pump();
	}
}

/* Read once; false at the end of the connection. */
static inline bool read_some(int fd)
{
	char *to = outbuf_room(&got, 65536);
	ssize_t n;

	ck_assert_ptr_nonnull(to);
	pump();
	n = recv(fd, to, 65536, 0);
	if (n > 0)
		got.n += (size_t)n;
	return n > 0 || (n < 0 && errno == EAGAIN);
}

/* Send text, read until the server closes; what it said, as a string. */
static inline const char *ask_split(struct str a, struct str b)
{
	int fd = connect_client();

	outbuf_fini(&got);
	send_all(fd, a);
	pump();
	send_all(fd, b);
	while (read_some(fd))
		;
	close(fd);
	outbuf_lit(&got, "\0");
	return got.p;
}

static inline const char *ask(const char *text)
{
	return ask_split(str_z(text), STR_NONE);
}

#define HAS(text, part) \
	ck_assert_msg(strstr((text), (part)) != NULL, "\"%s\" is not in:\n%s", (part), (text))
#define AUTH  "Host: x\r\nConnection: close\r\nAuthorization: Bearer s3cret\r\n"
#define CLOSE "Host: x\r\nConnection: close\r\n"

#endif
