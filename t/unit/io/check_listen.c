/*
 * check_listen.c: addresses as text and back, and real listening sockets: chosen ports, shared
 * ports, stale and live unix sockets, flags of what is accepted.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/listen.h"
#include "io/stream.h"
#include "unit/unit.h"

static char err[256];

static struct sockaddr_any parsed(const char *text)
{
	struct sockaddr_any a;

	ck_assert_msg(sockaddr_parse(str_z(text), &a, err, sizeof err) == 0, "%s", err);
	return a;
}

static const struct {
	const char *text, *full, *host;
} good[] = {
	{ "127.0.0.1:4000", "127.0.0.1:4000", "127.0.0.1" },
	{ "0.0.0.0:0", "0.0.0.0:0", "0.0.0.0" },
	{ "[::1]:65535", "[::1]:65535", "::1" },
	{ "[FD00:0:0::0001]:80", "[fd00::1]:80", "fd00::1" },
	{ "*:4000", "[::]:4000", "::" },
	{ "unix:/run/tollgate.sock", "unix:/run/tollgate.sock", "unix" },
};

START_TEST(text_and_back)
{
	struct sockaddr_any a = parsed(good[_i].text);
	char out[128];

	ck_assert_uint_eq(sockaddr_format(&a, out, sizeof out), strlen(good[_i].full));
	ck_assert_str_eq(out, good[_i].full);
	ck_assert_uint_eq(sockaddr_format_host(&a, out, sizeof out), strlen(good[_i].host));
	ck_assert_str_eq(out, good[_i].host);
}
END_TEST

static const struct {
	const char *text, *why;
} bad[] = {
	{ "", "has no port" },
	{ "4000", "has no port" },
	{ ":4000", "has no port" },
	{ "127.0.0.1:", "has no port" },
	{ "127.0.0.1:65536", "from 0 to 65535" },
	{ "127.0.0.1:+80", "from 0 to 65535" },
	{ "127.0.0.1:8x", "from 0 to 65535" },
	{ "localhost:80", "not a numeric address" },
	{ "::1:80", "not a numeric address" },
	{ "[127.0.0.1]:80", "not a numeric address" },
	{ "[*]:80", "not a numeric address" },
	{ "1111111111111111111111111111111111111111111111111:80", "not a numeric address" },
	{ "unix:", "must be absolute" },
	{ "unix:run/x", "must be absolute" },
	{ "unix:/"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaa"
	  "aaaaaaaaaaaaaaaaaa",
		"at most 107 bytes" },
};

START_TEST(refused_text)
{
	struct sockaddr_any a;

	ck_assert_int_eq(sockaddr_parse(str_z(bad[_i].text), &a, err, sizeof err), -1);
	ck_assert_msg(strstr(err, bad[_i].why) != NULL, "%s: %s", bad[_i].text, err);
}
END_TEST

static int open_ok(const struct sockaddr_any *want, struct sockaddr_any *bound)
{
	int fd = listen_open(want, 16, bound, err, sizeof err);

	ck_assert_msg(fd >= 0, "%s", err);
	return fd;
}

static int connect_ok(const struct sockaddr_any *to)
{
	int fd = stream_connect_fd(&to->u.sa, to->len);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static int accept_wait(int fd, struct sockaddr_any *peer)
{
	int got;

	while ((got = listen_accept(fd, peer)) < 0)
		ck_assert_int_eq(errno, EAGAIN);
	return got;
}

/* Port 0, a second socket on the same port, and what the accepted socket inherits. */
START_TEST(shared_port)
{
	struct sockaddr_any want = parsed("127.0.0.1:0"), bound, bound2, peer;
	int fd = open_ok(&want, &bound), fd2 = open_ok(&bound, &bound2);
	int c = connect_ok(&bound), got, on = 0;
	socklen_t len = sizeof on;
	char host[64];

	ck_assert_uint_ne(bound.u.in.sin_port, 0);
	ck_assert_uint_eq(bound.u.in.sin_port, bound2.u.in.sin_port);
	while ((got = listen_accept(fd, &peer)) < 0 && (got = listen_accept(fd2, &peer)) < 0)
		ck_assert_int_eq(errno, EAGAIN);
	ck_assert(fcntl(got, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(got, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(getsockopt(got, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	ck_assert_int_ne(on, 0);
	sockaddr_format_host(&peer, host, sizeof host);
	ck_assert_str_eq(host, "127.0.0.1");
	ck_assert_int_eq(stream_connect_result(c), 0);
	close(got);
	close(c);
	close(fd);
	close(fd2);
}
END_TEST

/* "*" takes IPv4 as well, and its peers look like IPv4. */
START_TEST(any_address)
{
	struct sockaddr_any want = parsed("*:0"), bound, to = parsed("127.0.0.1:0"), peer;
	int fd = open_ok(&want, &bound), c, got;

	to.u.in.sin_port = bound.u.in.sin_port;
	c = connect_ok(&to);
	got = accept_wait(fd, &peer);
	ck_assert_int_eq(peer.u.sa.sa_family, AF_INET);
	ck_assert_uint_eq(peer.len, sizeof peer.u.in);
	close(got);
	close(c);
	close(fd);
}
END_TEST

START_TEST(adopted)
{
	struct sockaddr_any want = parsed("127.0.0.1:0"), bound, again;
	int fd = open_ok(&want, &bound), plain = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFD, 0), 0);
	ck_assert_int_eq(listen_adopt(fd, &again, err, sizeof err), 0);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_uint_eq(again.u.in.sin_port, bound.u.in.sin_port);
	ck_assert_int_eq(listen_adopt(plain, &again, err, sizeof err), -1);
	ck_assert_msg(strstr(err, "not a listening socket") != NULL, "%s", err);
	close(plain);
	close(fd);
}
END_TEST

START_TEST(unix_socket)
{
	char dir[] = "/tmp/tg-listen-XXXXXX", text[64];
	struct sockaddr_any a, bound, peer;
	struct stat st;
	int fd, c, got;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(text, sizeof text, "unix:%s/s", dir);
	a = parsed(text);
	umask(0077);
	fd = open_ok(&a, &bound);
	ck_assert_int_eq(lstat(text + 5, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	sockaddr_format(&bound, text, sizeof text);
	ck_assert_str_eq(text + 5, a.u.un.sun_path);

	/* A live one is left alone, even though a connection to it is not accepted yet. */
	ck_assert_int_eq(listen_open(&a, 16, &bound, err, sizeof err), -1);
	ck_assert_msg(strstr(err, "another process listens") != NULL, "%s", err);
	c = connect_ok(&a);
	got = accept_wait(fd, &peer); /* the probe's connection, or ours */
	sockaddr_format(&peer, text, sizeof text);
	ck_assert_str_eq(text, "unix:");
	close(got);
	close(c);

	/* A stale one is replaced. */
	close(fd);
	fd = open_ok(&a, &bound);
	c = connect_ok(&a);
	close(c);
	close(fd);

	/* A file that is no socket is never removed. */
	ck_assert_int_eq(unlink(a.u.un.sun_path), 0);
	fd = open(a.u.un.sun_path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	ck_assert_int_eq(listen_open(&a, 16, &bound, err, sizeof err), -1);
	ck_assert_int_eq(unlink(a.u.un.sun_path), 0);
	rmdir(dir);
}
END_TEST

START_TEST(nobody_listens)
{
	struct sockaddr_any want = parsed("127.0.0.1:0"), bound;
	int fd = open_ok(&want, &bound), c;

	close(fd);
	c = stream_connect_fd(&bound.u.sa, bound.len);
	if (c < 0) {
		ck_assert_int_eq(errno, ECONNREFUSED);
		return;
	}
	ck_assert_int_eq(stream_connect_result(c), ECONNREFUSED);
	ck_assert_int_eq(stream_connect_result(c), 0); /* told once */
	close(c);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, text_and_back, 0, (int)TG_ARRAY_LEN(good));
	tcase_add_loop_test(tc, refused_text, 0, (int)TG_ARRAY_LEN(bad));
	tcase_add_test(tc, shared_port);
	tcase_add_test(tc, any_address);
	tcase_add_test(tc, adopted);
	tcase_add_test(tc, unix_socket);
	tcase_add_test(tc, nobody_listens);
}

UNIT_MAIN("listen", tests)
