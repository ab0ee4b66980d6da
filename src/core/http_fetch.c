/*
 * http_fetch.c: see http_fetch.h. Owns its socket; runs on the caller's thread, which waits.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/http_fetch.h"
#include "io/tls.h"
#include "proto/http1_body.h"
#include "proto/http1_out.h"
#include "proto/url.h"

#define FETCH_TIMEOUT_US INT64_C(30000000)
#define FETCH_HEAD_MAX   16384 /* of the request's */

struct wire {
	struct http_fetch *f;
	struct url url;
	char host[256];
	mono_us until;
	int fd;
	SSL_CTX *ctx; /* NULL: plain */
	SSL *ssl;
};

static int fetch_fail(struct http_fetch *f, const char *fmt, ...) TG_PRINTF(2, 3);

static int fetch_fail(struct http_fetch *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->why, sizeof f->why, fmt, ap);
	va_end(ap);
	return -1;
}

/* 1: ready, 0: the time is up. */
static int wire_poll(const struct wire *w, short events)
{
	int64_t left = w->until.us - clock_mono().us;
	struct pollfd p = { .fd = w->fd, .events = events };
	int rc;

	do {
		left = w->until.us - clock_mono().us;
		rc = left > 0 ? poll(&p, 1, (int)(left / 1000) + 1) : 0;
	} while (rc < 0 && errno == EINTR);
	return rc > 0;
}

/* ---- connecting */

static int wire_try(struct wire *w, const struct addrinfo *ai)
{
	socklen_t n = sizeof(int);
	int error = 0;

	w->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd < 0)
		return errno;
	if (connect(w->fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return 0;
	error = errno;
	if (error == EINPROGRESS && wire_poll(w, POLLOUT) == 0)
		error = ETIMEDOUT;
	else if (error == EINPROGRESS && getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 &&
		 error == 0)
		return 0;
	close(w->fd);
	w->fd = -1;
	return error;
}

static int wire_connect(struct wire *w)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int rc, error = ETIMEDOUT;
	char port[8];

	snprintf(port, sizeof port, "%u", (unsigned)w->url.port);
	rc = getaddrinfo(w->host, port, &hints, &list);
	if (rc != 0)
		return fetch_fail(w->f, "host '%s': %s", w->host, gai_strerror(rc));
	for (const struct addrinfo *ai = list; ai != NULL && w->fd < 0; ai = ai->ai_next)
		error = wire_try(w, ai);
	freeaddrinfo(list);
	if (w->fd < 0)
		return fetch_fail(w->f, "host '%s' port %s: %s", w->host, port, strerror(error));
	return 0;
}

/* What the certificate must carry; an IP address is not sent as SNI (RFC 6066 section 3). */
static bool wire_expect_name(SSL *ssl, const char *name)
{
	struct in6_addr any;

	if (inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

/* After an OpenSSL call returned rc: 1 call it again, 0 it is over, -1 failed. */
static int wire_ssl_again(struct wire *w, int rc)
{
	switch (SSL_get_error(w->ssl, rc)) {
	case SSL_ERROR_WANT_READ: rc = wire_poll(w, POLLIN); break;
	case SSL_ERROR_WANT_WRITE: rc = wire_poll(w, POLLOUT); break;
	case SSL_ERROR_ZERO_RETURN: return 0;
	default: tls_error(w->f->why, sizeof w->f->why); return -1;
	}
	return rc > 0 ? 1 : fetch_fail(w->f, "no answer in time from '%s'", w->host);
}

static int wire_tls(struct wire *w)
{
	int rc, again;

	if (!w->url.tls)
		return 0;
	w->ctx = tls_client_ctx(w->f->ca, true, w->f->why, sizeof w->f->why);
	if (w->ctx == NULL)
		return -1;
	/* Sessions are kept by streams, and this is none. */
	SSL_CTX_set_session_cache_mode(w->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_sess_set_new_cb(w->ctx, NULL);
	w->ssl = SSL_new(w->ctx);
	if (w->ssl == NULL || SSL_set_fd(w->ssl, w->fd) != 1 || !wire_expect_name(w->ssl, w->host))
		return fetch_fail(w->f, "TLS could not be set up");
	do {
		rc = SSL_connect(w->ssl);
		again = rc == 1 ? 0 : wire_ssl_again(w, rc);
	} while (again == 1);
	return rc == 1 ? 0 : -1;
}

/* ---- sending and reading */

static int wire_write(struct wire *w, struct str s)
{
	while (s.n > 0) {
		ssize_t n;
		int again = 1;

		if (w->ssl != NULL) {
			n = SSL_write(w->ssl, s.p, (int)TG_MIN(s.n, (size_t)65536));
			again = n > 0 ? 1 : wire_ssl_again(w, (int)n);
		} else {
			n = send(w->fd, s.p, s.n, MSG_NOSIGNAL);
			if (n < 0 && errno == EAGAIN && wire_poll(w, POLLOUT) == 0)
				return fetch_fail(w->f, "'%s' takes nothing", w->host);
			else if (n < 0 && errno != EAGAIN && errno != EINTR)
				again = -1;
		}
		if (again != 1)
			return fetch_fail(w->f, "'%s' closed the connection", w->host);
		s = str_skip(s, n > 0 ? (size_t)n : 0);
	}
	return 0;
}

/* More than 0 bytes, 0 at the end, -1 failed. */
static ssize_t wire_read(struct wire *w, char *p, size_t cap)
{
	for (;;) {
		ssize_t n;
		int again;

		if (w->ssl != NULL) {
			n = SSL_read(w->ssl, p, (int)cap);
			again = n > 0 ? 1 : wire_ssl_again(w, (int)n);
			if (n > 0 || again != 1)
				return n > 0 ? n : again;
			continue;
		}
		n = recv(w->fd, p, cap, 0);
		if (n >= 0)
			return n;
		if (errno == EAGAIN && wire_poll(w, POLLIN) == 0)
			return fetch_fail(w->f, "no answer in time from '%s'", w->host);
		if (errno != EAGAIN && errno != EINTR)
			return fetch_fail(w->f, "'%s': %s", w->host, strerror(errno));
	}
}

static int wire_send(struct wire *w, struct str path)
{
	struct http_fetch *f = w->f;
	bool v6 = strchr(w->host, ':') != NULL, standard = w->url.port == (w->url.tls ? 443 : 80);
	char head[FETCH_HEAD_MAX];
	struct http_out o;

	http_out_init(&o, head, sizeof head);
	http_out_str(&o, str_z(f->method));
	http_out_lit(&o, " ");
	http_out_str(&o, path);
	http_out_lit(&o, " HTTP/1.1\r\nhost: ");
	http_out_str(&o, v6 ? STR("[") : STR(""));
	http_out_str(&o, str_z(w->host));
	http_out_str(&o, v6 ? STR("]") : STR(""));
	if (!standard) {
		http_out_lit(&o, ":");
		http_out_u64(&o, w->url.port);
	}
	http_out_lit(&o, "\r\nconnection: close\r\naccept-encoding: identity\r\n"
			 "user-agent: tollgate\r\n");
	if (f->body.n > 0 || strcmp(f->method, "GET") != 0)
		http_out_field_u64(&o, STR("content-length"), f->body.n);
	http_out_str(&o, f->fields);
	http_out_end(&o);
	if (!http_out_ok(&o))
		return fetch_fail(f, "the request's head is too large");
	return wire_write(w, http_out_text(&o)) != 0 ? -1 : wire_write(w, f->body);
}

/* ---- the answer, all of it in f->buf */

static int answer_body(struct http_fetch *f, const struct http_head *h, size_t n)
{
	size_t at = h->head_len, used, out = 0;
	struct http1_body b;
	enum body_rc rc;
	struct str data;

	http1_body_init(&b, h);
	do {
		rc = http1_body_feed(&b, f->buf + at, n - at, &used, &data);
		at += used;
		if (rc == BODY_DATA) {
			memmove(f->buf + h->head_len + out, data.p, data.n);
			out += data.n;
		}
	} while (rc == BODY_DATA);
	if (rc == BODY_BAD || (!http1_body_done(&b) && h->framing != HTTP_BODY_EOF))
		return fetch_fail(f, "the answer broke off");
	f->status = h->status;
	f->text = str_mk(f->buf + h->head_len, out);
	return 0;
}

static int answer_read(struct wire *w)
{
	struct http_fetch *f = w->f;
	size_t n = 0, resume = 0;
	enum http_error err;
	struct http_head h;
	ssize_t got;
	long end;

	do {
		if (n == sizeof f->buf)
			return fetch_fail(f, "the answer is larger than %zu bytes", sizeof f->buf);
		got = wire_read(w, f->buf + n, sizeof f->buf - n);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	if (got < 0)
		return -1;
	end = http1_head_end(f->buf, n, &resume, HTTP_MAX_HEAD, &err);
	if (end <= 0 || http1_response_parse(f->buf, (size_t)end, HTTP_M_GET, &h, &err) != 0)
		return fetch_fail(f, "the answer of '%s' is not HTTP", w->host);
	return answer_body(f, &h, n);
}

/* Path and query as they stand in the text: url_parse takes off a slash at the end. */
static struct str url_rest(struct str url)
{
	size_t at = str_find(url, STR("://")), slash;
	struct str rest = at != (size_t)-1 ? str_skip(url, at + 3) : STR_NONE;

	slash = str_chr(rest, '/');
	return slash != (size_t)-1 ? str_skip(rest, slash) : STR("/");
}

static int wire_url(struct wire *w)
{
	struct str url = w->f->url;
	size_t query = str_chr(url, '?');
	const char *why = "";

	if (url_parse(query != (size_t)-1 ? str_mk(url.p, query) : url, &w->url, &why) != 0)
		return fetch_fail(w->f, "%.*s: %s", STR_FMT(url), why);
	if (w->url.host.n >= sizeof w->host)
		return fetch_fail(w->f, "its host's name is too long");
	memcpy(w->host, w->url.host.p, w->url.host.n);
	w->host[w->url.host.n] = '\0';
	return 0;
}

int http_fetch(struct http_fetch *f)
{
	int64_t timeout = f->timeout_us > 0 ? f->timeout_us : FETCH_TIMEOUT_US;
	struct wire w = { .f = f, .fd = -1, .until = { clock_mono().us + timeout } };
	int rc = -1;

	f->status = 0;
	f->text = STR_NONE;
	f->why[0] = '\0';
	if (wire_url(&w) == 0 && wire_connect(&w) == 0 && wire_tls(&w) == 0 &&
		wire_send(&w, url_rest(f->url)) == 0)
		rc = answer_read(&w);
	if (w.ssl != NULL)
		SSL_free(w.ssl);
	if (w.ctx != NULL)
		tls_ctx_free(w.ctx);
	if (w.fd >= 0)
		close(w.fd);
	return rc;
}
