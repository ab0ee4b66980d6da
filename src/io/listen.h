/*
 * listen.h: listening sockets: "127.0.0.1:4000", "[::1]:0", "*:4000", "unix:/path".
 * Each worker has its own SO_REUSEPORT socket for an inet address; a unix socket is shared.
 */
#ifndef TG_IO_LISTEN_H
#define TG_IO_LISTEN_H

#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "base/defs.h"
#include "base/str.h"

struct sockaddr_any {
	socklen_t len;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} u;
};

/* Numeric addresses only (a listener never resolves). err: what would be right. */
int sockaddr_parse(
	struct str text, struct sockaddr_any *out, char *err, size_t err_len) TG_MUST_CHECK;
/* "127.0.0.1:4000", "[::1]:4000", "unix:/path"; returns the length; always terminated. */
size_t sockaddr_format(const struct sockaddr_any *a, char *out, size_t n);
/* The address alone, without port. "unix" for unix sockets. */
size_t sockaddr_format_host(const struct sockaddr_any *a, char *out, size_t n);

/*
 * Bind and listen, non-blocking, close-on-exec, SO_REUSEPORT for inet. Port 0: the kernel chooses
 * and *bound says which; bind the other workers' sockets to *bound. A stale unix socket file is
 * replaced; a live one is an error. fd or -1 with err.
 */
int listen_open(const struct sockaddr_any *want, int backlog, struct sockaddr_any *bound, char *err,
	size_t err_len) TG_MUST_CHECK;

/* A listening socket opened elsewhere (systemd, the binary before an upgrade): the same flags. */
int listen_adopt(int fd, struct sockaddr_any *bound, char *err, size_t err_len) TG_MUST_CHECK;

/*
 * accept4, non-blocking, close-on-exec; TCP_NODELAY is inherited from the listener. An IPv4 peer of
 * a dual-stack listener comes out as AF_INET. -1 with errno.
 */
int listen_accept(int fd, struct sockaddr_any *peer);

#endif
