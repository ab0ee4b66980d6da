/*
 * stream.c: readiness and plain reads and writes of one connected socket.
 *
 *	owner wants  --+
 *	OpenSSL needs -+-> stream_rearm -> what libevent watches -> stream_on_fd -> the owner
 *
 * What OpenSSL waits for may be the other direction than the one the owner wants; only this file
 * translates between the two. Owns the descriptor and the two events inside struct stream.
 * Runs on the thread of its event_base.
 */
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "io/stream.h"
#include "io/stream_tls.h"

#define STREAM_MAX_IOV 64

/* The descriptor's direction that lets the owner's reading (or writing) go on. */
static unsigned read_needs(const struct stream *s)
{
	return s->tls_read_needs != 0 ? s->tls_read_needs : (unsigned)STREAM_CAN_READ;
}

static unsigned write_needs(const struct stream *s)
{
	return s->tls_write_needs != 0 ? s->tls_write_needs : (unsigned)STREAM_CAN_WRITE;
}

static bool in_handshake(const struct stream *s)
{
	return s->ssl != NULL && !s->tls_done && s->tls_read_needs != 0;
}

/* The directions to watch. A handshake under way is waited for even if the owner wants nothing. */
static unsigned stream_needs(const struct stream *s)
{
	unsigned needs = 0;

	if (in_handshake(s))
		return s->tls_read_needs;
	if (s->want_read)
		needs |= read_needs(s);
	if (s->want_write)
		needs |= write_needs(s);
	return needs;
}

void stream_rearm(struct stream *s)
{
	static const struct timeval next_turn = { 0, 0 };
	unsigned needs = stream_needs(s);

	if ((needs & STREAM_CAN_READ) != 0 && !s->armed_read) {
		tg_assert(event_add(&s->rd, NULL) == 0);
		s->armed_read = true;
	}
	/* No more need to read: stream_on_fd takes the event off should it fire. */
	if (((needs & STREAM_CAN_WRITE) != 0) != s->armed_write) {
		s->armed_write = !s->armed_write;
		if (s->armed_write)
			tg_assert(event_add(&s->wr, NULL) == 0);
		else
			event_del(&s->wr);
	}
	if (s->again != NULL && (s->want_read && s->tls_pending) != s->again_armed) {
		s->again_armed = !s->again_armed;
		if (s->again_armed)
			tg_assert(event_add(s->again, &next_turn) == 0);
		else
			event_del(s->again);
	}
}

/* What the owner can do now that the descriptor is ready in dir; 0: dir is not what is waited for.
 */
static unsigned stream_ready(const struct stream *s, unsigned dir)
{
	unsigned wants =
		(s->want_read ? STREAM_CAN_READ : 0u) | (s->want_write ? STREAM_CAN_WRITE : 0u);
	unsigned ready = 0;

	if (in_handshake(s)) {
		if (s->tls_read_needs != dir)
			return 0;
		return wants != 0 ? wants : dir; /* whichever it does drives the handshake */
	}
	if (read_needs(s) == dir)
		ready |= wants & STREAM_CAN_READ;
	if (write_needs(s) == dir)
		ready |= wants & STREAM_CAN_WRITE;
	return ready;
}

static void stream_on_fd(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;
	unsigned dir = (what & EV_READ) != 0 ? STREAM_CAN_READ : STREAM_CAN_WRITE;
	unsigned ready;

	(void)fd;
	CHECK_OBJ(s, STREAM_MAGIC);
	ready = stream_ready(s, dir);
	if (ready != 0) {
		s->on_ready(s, ready, s->arg); /* may close and free the stream */
		return;
	}
	if (dir == STREAM_CAN_READ && s->armed_read) {
		event_del(&s->rd);
		s->armed_read = false;
	}
	stream_rearm(s);
}

void stream_on_again(int fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	(void)what;
	CHECK_OBJ(s, STREAM_MAGIC);
	s->again_armed = false;
	if (!s->want_read || !s->tls_pending)
		return;
	stream_rearm(s); /* once more, should the owner not read to the end */
	s->on_ready(s, STREAM_CAN_READ, s->arg);
}

void stream_init(struct stream *s, struct event_base *base, int fd, stream_ready_f *f, void *arg)
{
	tg_assert(fd >= 0 && f != NULL);
	INIT_OBJ(s, STREAM_MAGIC);
	s->fd = fd;
	s->base = base;
	s->on_ready = f;
	s->arg = arg;
	tg_assert(event_assign(&s->rd, base, fd, EV_READ | EV_PERSIST, stream_on_fd, s) == 0);
	tg_assert(event_assign(&s->wr, base, fd, EV_WRITE | EV_PERSIST, stream_on_fd, s) == 0);
}

void stream_want(struct stream *s, bool rd, bool wr)
{
	CHECK_OBJ(s, STREAM_MAGIC);
	tg_assert(s->fd >= 0);
	s->want_read = rd;
	s->want_write = wr;
	stream_rearm(s);
}

int stream_handshake(struct stream *s)
{
	CHECK_OBJ(s, STREAM_MAGIC);
	return s->ssl != NULL ? stream_tls_handshake(s) : 1;
}

static ssize_t stream_fail(struct stream *s)
{
	char buf[64];

	snprintf(s->error, sizeof s->error, "%s", strerror_r(errno, buf, sizeof buf));
	s->error[0] = (char)tolower((unsigned char)s->error[0]);
	return STREAM_ERR;
}

static ssize_t stream_recv(struct stream *s, void *buf, size_t n, int flags)
{
	ssize_t got;

	do {
		got = recv(s->fd, buf, n, flags);
	} while (got < 0 && errno == EINTR);
	if (got >= 0)
		return got > 0 ? got : STREAM_EOF;
	return errno == EAGAIN ? STREAM_AGAIN : stream_fail(s);
}

ssize_t stream_read(struct stream *s, void *buf, size_t n)
{
	CHECK_OBJ(s, STREAM_MAGIC);
	tg_assert(s->fd >= 0 && n > 0);
	if (s->ssl != NULL)
		return stream_tls_read(s, buf, n);
	return stream_recv(s, buf, n, 0);
}

ssize_t stream_peek(struct stream *s, void *buf, size_t n)
{
	CHECK_OBJ(s, STREAM_MAGIC);
	tg_assert(s->fd >= 0 && n > 0 && s->ssl == NULL);
	return stream_recv(s, buf, n, MSG_PEEK);
}

bool stream_told(const struct stream *s)
{
	CHECK_OBJ(s, STREAM_MAGIC);
	return s->tls_pending || (s->rd.ev_evcallback.evcb_flags & EVLIST_ACTIVE) != 0;
}

bool stream_unheard(const struct stream *s, uint64_t sent_before)
{
	uint64_t sent = s->sent - sent_before;
	int unheard;

	CHECK_OBJ(s, STREAM_MAGIC);
	tg_assert(s->fd >= 0);
	return ioctl(s->fd, SIOCOUTQ, &unheard) == 0 && unheard >= 0 && (uint64_t)unheard >= sent;
}

/* A few bytes in one piece cost the kernel less than in several: those are copied together. */
#define GATHER_BYTES 2048

static ssize_t stream_send(int fd, const struct iovec *iov, int n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov };
	char few[GATHER_BYTES];
	size_t len = 0;

	if (n == 1)
		return send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
	msg.msg_iovlen = (size_t)TG_MIN(n, STREAM_MAX_IOV);
	for (size_t i = 0; i < msg.msg_iovlen; i++) {
		if (iov[i].iov_len > sizeof(few) - len)
			return sendmsg(fd, &msg, MSG_NOSIGNAL);
		if (iov[i].iov_len > 0)
			memcpy(few + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return send(fd, few, len, MSG_NOSIGNAL);
}

ssize_t stream_writev(struct stream *s, const struct iovec *iov, int n)
{
	ssize_t put;

	CHECK_OBJ(s, STREAM_MAGIC);
	tg_assert(s->fd >= 0 && n >= 0);
	if (s->ssl != NULL)
		return stream_tls_writev(s, iov, n);
	do {
		put = stream_send(s->fd, iov, n);
	} while (put < 0 && errno == EINTR);
	if (put >= 0) {
		s->sent += (uint64_t)put;
		return put;
	}
	return errno == EAGAIN ? STREAM_AGAIN : stream_fail(s);
}

void stream_shutdown_write(struct stream *s)
{
	CHECK_OBJ(s, STREAM_MAGIC);
	if (s->fd < 0)
		return;
	if (s->ssl != NULL)
		stream_tls_notify(s);
	shutdown(s->fd, SHUT_WR);
}

void stream_close(struct stream *s)
{
	CHECK_OBJ(s, STREAM_MAGIC);
	if (s->fd < 0)
		return;
	event_del(&s->rd);
	event_del(&s->wr);
	s->armed_read = s->armed_write = false;
	s->want_read = s->want_write = false;
	if (s->ssl != NULL)
		stream_tls_free(s);
	close(s->fd);
	s->fd = -1;
}

void stream_abort(struct stream *s)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	CHECK_OBJ(s, STREAM_MAGIC);
	if (s->fd < 0)
		return;
	s->tls_failed = true;
	(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	stream_close(s);
}

const char *stream_error_text(const struct stream *s)
{
	return s->error[0] != '\0' ? s->error : "no error";
}

int stream_connect_fd(const struct sockaddr *sa, socklen_t len)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, e;

	if (fd < 0)
		return -1;
	if (sa->sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, sa, len) == 0 || errno == EINPROGRESS || errno == EINTR)
		return fd;
	e = errno;
	close(fd);
	errno = e;
	return -1;
}

int stream_connect_result(int fd)
{
	int e = 0;
	socklen_t len = sizeof e;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) == 0 ? e : errno;
}
