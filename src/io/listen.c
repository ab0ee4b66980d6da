/*
 * listen.c: socket addresses as text, listening sockets, accepting. Owns nothing but the
 * descriptors it hands out. Listeners are opened on the control thread, accepted from on a worker.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "io/listen.h"

#define LISTEN_FORMS "127.0.0.1:4000, [::1]:4000, *:4000 or unix:/run/tollgate.sock"

static int parse_unix(struct str path, struct sockaddr_any *out, char *err, size_t err_len)
{
	if (path.n == 0 || path.p[0] != '/') {
		snprintf(err, err_len,
			"\"unix:%.*s\": the socket's path must be absolute, such as %s",
			STR_FMT(path), "unix:/run/tollgate.sock");
		return -1;
	}
	if (path.n >= sizeof out->u.un.sun_path || str_chr(path, '\0') != (size_t)-1) {
		snprintf(err, err_len, "\"unix:%.*s\": a socket's path has at most %zu bytes",
			STR_FMT(path), sizeof out->u.un.sun_path - 1);
		return -1;
	}
	out->u.un.sun_family = AF_UNIX;
	memcpy(out->u.un.sun_path, path.p, path.n);
	out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
	return 0;
}

/* Splits "host:port" or "[host]:port"; false when it has not that form. */
static bool split_port(struct str text, struct str *host, struct str *port, bool *bracket)
{
	size_t i = text.n;

	while (i > 0 && text.p[i - 1] != ':')
		i--;
	if (i == 0)
		return false;
	*host = str_mk(text.p, i - 1);
	*port = str_skip(text, i);
	*bracket = host->n >= 2 && host->p[0] == '[' && host->p[host->n - 1] == ']';
	if (*bracket)
		*host = str_mk(host->p + 1, host->n - 2);
	return host->n > 0 && port->n > 0;
}

static bool parse_host(struct str host, bool bracket, uint16_t port, struct sockaddr_any *out)
{
	char z[INET6_ADDRSTRLEN];
	bool any = !bracket && str_eq(host, STR("*"));

	if (host.n >= sizeof z)
		return false;
	memcpy(z, host.p, host.n);
	z[host.n] = '\0';
	if (any || bracket) {
		out->u.in6.sin6_family = AF_INET6;
		out->u.in6.sin6_port = htons(port);
		out->len = sizeof out->u.in6;
		return any || inet_pton(AF_INET6, z, &out->u.in6.sin6_addr) == 1;
	}
	out->u.in.sin_family = AF_INET;
	out->u.in.sin_port = htons(port);
	out->len = sizeof out->u.in;
	return inet_pton(AF_INET, z, &out->u.in.sin_addr) == 1;
}

int sockaddr_parse(struct str text, struct sockaddr_any *out, char *err, size_t err_len)
{
	struct str host, port;
	bool bracket;
	uint64_t n;

	memset(out, 0, sizeof *out);
	if (str_starts(text, STR("unix:")))
		return parse_unix(str_skip(text, 5), out, err, err_len);
	if (!split_port(text, &host, &port, &bracket)) {
		snprintf(err, err_len, "\"%.*s\" has no port: write %s", STR_FMT(text),
			LISTEN_FORMS);
		return -1;
	}
	if (num_parse_u64(port, &n) != 0 || n > 65535) {
		snprintf(err, err_len, "\"%.*s\": the port must be a number from 0 to 65535",
			STR_FMT(text));
		return -1;
	}
	if (!parse_host(host, bracket, (uint16_t)n, out)) {
		snprintf(err, err_len, "\"%.*s\" is not a numeric address: write %s", STR_FMT(text),
			LISTEN_FORMS);
		return -1;
	}
	return 0;
}

size_t sockaddr_format_host(const struct sockaddr_any *a, char *out, size_t n)
{
	const void *addr = &a->u.in.sin_addr;

	tg_assert(n > 0);
	out[0] = '\0';
	if (a->u.sa.sa_family == AF_UNIX) {
		snprintf(out, n, "unix");
		return strlen(out);
	}
	if (a->u.sa.sa_family == AF_INET6)
		addr = &a->u.in6.sin6_addr;
	if (inet_ntop(a->u.sa.sa_family, addr, out, (socklen_t)n) == NULL)
		out[0] = '\0';
	return strlen(out);
}

size_t sockaddr_format(const struct sockaddr_any *a, char *out, size_t n)
{
	char host[INET6_ADDRSTRLEN];

	tg_assert(n > 0);
	if (a->u.sa.sa_family == AF_UNIX) {
		size_t max = a->len - offsetof(struct sockaddr_un, sun_path);

		if (a->len <= offsetof(struct sockaddr_un, sun_path))
			max = 0; /* a client that never bound */
		snprintf(
			out, n, "unix:%.*s", (int)strnlen(a->u.un.sun_path, max), a->u.un.sun_path);
		return strlen(out);
	}
	sockaddr_format_host(a, host, sizeof host);
	snprintf(out, n, a->u.sa.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
		(unsigned)ntohs(a->u.in.sin_port));
	return strlen(out);
}

static int listen_fail(const struct sockaddr_any *a, const char *what, char *err, size_t err_len)
{
	int e = errno;
	char text[128];

	sockaddr_format(a, text, sizeof text);
	snprintf(err, err_len, "cannot listen on %s: %s: %s", text, what, strerror(e));
	return -1;
}

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

/* Is a process listening on this unix socket? A file that refuses is left over from a dead one. */
static bool unix_is_stale(const struct sockaddr_any *a)
{
	struct stat st;
	bool stale;
	int fd;

	if (lstat(a->u.un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, &a->u.sa, a->len) != 0 && errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int bind_unix(int fd, const struct sockaddr_any *a, char *err, size_t err_len)
{
	/* Narrow before the file exists (the umask only takes away), exact afterwards. */
	if (fchmod(fd, 0660) != 0)
		return listen_fail(a, "fchmod", err, err_len);
	if (bind(fd, &a->u.sa, a->len) != 0) {
		if (errno != EADDRINUSE)
			return listen_fail(a, "bind", err, err_len);
		if (!unix_is_stale(a)) {
			errno = EADDRINUSE;
			return listen_fail(a, "another process listens there", err, err_len);
		}
		if (unlink(a->u.un.sun_path) != 0 || bind(fd, &a->u.sa, a->len) != 0)
			return listen_fail(a, "replacing the stale socket", err, err_len);
	}
	if (chmod(a->u.un.sun_path, 0660) != 0)
		return listen_fail(a, "chmod", err, err_len);
	return 0;
}

static int bind_inet(int fd, const struct sockaddr_any *a, char *err, size_t err_len)
{
	bool v6 = a->u.sa.sa_family == AF_INET6;
	int only = v6 && !IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);

	if (set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0 ||
		set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1) != 0 ||
		set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1) != 0 ||
		(v6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, only) != 0))
		return listen_fail(a, "setsockopt", err, err_len);
	if (bind(fd, &a->u.sa, a->len) != 0)
		return listen_fail(a, "bind", err, err_len);
	return 0;
}

/* "*" on a machine without IPv6 means IPv4's any address. */
static int listen_socket(struct sockaddr_any *a)
{
	int fd = socket(a->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	uint16_t port = a->u.in6.sin6_port;

	if (fd >= 0 || errno != EAFNOSUPPORT || a->u.sa.sa_family != AF_INET6 ||
		!IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr))
		return fd;
	*a = (struct sockaddr_any){ .len = sizeof a->u.in };
	a->u.in.sin_family = AF_INET;
	a->u.in.sin_port = port;
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int bound_name(int fd, struct sockaddr_any *bound)
{
	memset(bound, 0, sizeof *bound);
	bound->len = sizeof bound->u;
	return getsockname(fd, &bound->u.sa, &bound->len);
}

int listen_open(const struct sockaddr_any *want, int backlog, struct sockaddr_any *bound, char *err,
	size_t err_len)
{
	struct sockaddr_any a = *want;
	int fd = listen_socket(&a), rc;

	if (fd < 0)
		return listen_fail(&a, "socket", err, err_len);
	rc = a.u.sa.sa_family == AF_UNIX ? bind_unix(fd, &a, err, err_len)
					 : bind_inet(fd, &a, err, err_len);
	if (rc == 0 && listen(fd, backlog) != 0)
		rc = listen_fail(&a, "listen", err, err_len);
	if (rc == 0 && bound_name(fd, bound) != 0)
		rc = listen_fail(&a, "getsockname", err, err_len);
	if (rc != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int listen_adopt(int fd, struct sockaddr_any *bound, char *err, size_t err_len)
{
	int listening = 0;
	socklen_t len = sizeof listening;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 || !listening) {
		snprintf(err, err_len, "descriptor %d is not a listening socket", fd);
		return -1;
	}
	if (bound_name(fd, bound) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
		snprintf(err, err_len, "descriptor %d: %s", fd, strerror(errno));
		return -1;
	}
	if (bound->u.sa.sa_family != AF_UNIX && set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1) != 0) {
		snprintf(err, err_len, "descriptor %d: TCP_NODELAY: %s", fd, strerror(errno));
		return -1;
	}
	return 0;
}

static void unmap_v4(struct sockaddr_any *a)
{
	struct in6_addr *in6 = &a->u.in6.sin6_addr;
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = a->u.in6.sin6_port };

	if (a->u.sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(in6))
		return;
	memcpy(&v4.sin_addr, in6->s6_addr + 12, 4);
	a->u.in = v4;
	a->len = sizeof a->u.in;
}

int listen_accept(int fd, struct sockaddr_any *peer)
{
	int got;

	peer->len = sizeof peer->u;
	peer->u.sa.sa_family = AF_UNSPEC;
	do {
		got = accept4(fd, &peer->u.sa, &peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (got < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (got >= 0)
		unmap_v4(peer);
	return got;
}
