/*
 * check_http_fetch.c: one request to a server on a thread: what is sent, how answers are framed,
 * whose certificate is taken, and what is refused.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "core/http_fetch.h"
#include "io/tls.h"
#include "unit/io/certs.h"
#include "unit/unit.h"

struct server {
	pthread_t id;
	int fd;
	const char *answer;
	char seen[4096];
};

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->fd, NULL, NULL);
	size_t n = 0;

	while (n < sizeof s->seen - 1) {
		ssize_t got = recv(fd, s->seen + n, sizeof s->seen - 1 - n, 0);

		if (got <= 0)
			break;
		n += (size_t)got;
		s->seen[n] = '\0';
		if (strstr(s->seen, "\r\n\r\n") != NULL &&
			(strncmp(s->seen, "GET", 3) == 0 || strstr(s->seen, "the body") != NULL))
			break;
	}
	if (s->answer != NULL)
		ck_assert_int_gt(send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL), 0);
	else
		usleep(300000);
	close(fd);
	return NULL;
}

static void server_start(struct server *s, const char *answer, char *url, size_t cap)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;

	memset(s, 0, sizeof *s);
	s->answer = answer;
	s->fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(s->fd, 4), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&a, &n), 0);
	snprintf(url, cap, "http://127.0.0.1:%u/token/?a=b", ntohs(a.sin_port));
	ck_assert_int_eq(pthread_create(&s->id, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	pthread_join(s->id, NULL);
	close(s->fd);
}

static const struct row {
	const char *answer;
	unsigned status; /* 0: fails */
	const char *text;
} rows[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
	  "chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
		200, "hello" },
	{ "HTTP/1.1 200 OK\r\n\r\nhello", 200, "hello" },
	{ "HTTP/1.0 401 No\r\n\r\n{\"error\":1}", 401, "{\"error\":1}" },
	{ "HTTP/1.1 204 None\r\n\r\n", 204, "" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 0, "broke off" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", 0, "broke off" },
	{ "SSH-2.0-x\r\n", 0, "not HTTP" },
};

START_TEST(answers)
{
	const struct row *r = &rows[_i];
	struct http_fetch *f = calloc(1, sizeof *f);
	struct server s;
	char url[80];
	int rc;

	server_start(&s, r->answer, url, sizeof url);
	f->url = str_z(url);
	f->method = _i % 2 == 0 ? "GET" : "POST";
	f->fields = STR("x-one: 1\r\n");
	if (_i % 2 == 1)
		f->body = STR("the body");
	rc = http_fetch(f);
	server_stop(&s);
	ck_assert_msg((rc == 0) == (r->status != 0), "row %d: %s", _i, f->why);
	if (rc == 0) {
		ck_assert_uint_eq(f->status, r->status);
		ck_assert(str_eq(f->text, str_z(r->text)));
	} else {
		ck_assert_msg(strstr(f->why, r->text) != NULL, "row %d: %s", _i, f->why);
	}
	ck_assert_ptr_nonnull(strstr(s.seen, " /token/?a=b HTTP/1.1\r\nhost: 127.0.0.1:"));
	ck_assert_ptr_nonnull(strstr(s.seen, "\r\nx-one: 1\r\n"));
	if (_i % 2 == 1)
		ck_assert_ptr_nonnull(strstr(s.seen, "content-length: 8\r\n"));
	free(f);
}
END_TEST

START_TEST(nobody_there)
{
	static const struct {
		const char *url, *why;
	} bad[] = {
		{ "ftp://127.0.0.1/", "http" },
		{ "http://127.0.0.1:1/", "127.0.0.1" },
		{ "http://user@127.0.0.1/", "" },
		{ "https://127.0.0.1:1/", "127.0.0.1" },
	};
	struct http_fetch *f = calloc(1, sizeof *f);

	for (size_t i = 0; i < TG_ARRAY_LEN(bad); i++) {
		f->url = str_z(bad[i].url);
		f->method = "GET";
		ck_assert_int_eq(http_fetch(f), -1);
		ck_assert_msg(f->why[0] != '\0' && strstr(f->why, bad[i].why) != NULL, "%s: %s",
			bad[i].url, f->why);
	}
	free(f);
}
END_TEST

START_TEST(silence_ends)
{
	struct http_fetch *f = calloc(1, sizeof *f);
	struct server s;
	char url[80];

	server_start(&s, NULL, url, sizeof url);
	f->url = str_z(url);
	f->method = "GET";
	f->timeout_us = 100000;
	ck_assert_int_eq(http_fetch(f), -1);
	ck_assert_ptr_nonnull(strstr(f->why, "in time"));
	server_stop(&s);
	free(f);
}
END_TEST

/* ---- TLS: the certificate must be of an authority that is trusted, and of that name */

struct tls_server {
	pthread_t id;
	int fd;
	SSL_CTX *ctx;
};

static void *serve_tls(void *arg)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
	struct tls_server *s = arg;
	int fd = accept(s->fd, NULL, NULL);
	SSL *ssl = SSL_new(s->ctx);
	char in[4096];

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && SSL_read(ssl, in, sizeof in) > 0)
		SSL_write(ssl, answer, sizeof answer - 1);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
	return NULL;
}

static const struct {
	const char *host, *alt;
	bool trusted, ok;
} tls_rows[] = {
	{ "127.0.0.1", "IP:127.0.0.1", true, true },
	{ "localhost", "DNS:localhost", true, true },
	{ "localhost", "DNS:elsewhere.example", true, false },
	{ "127.0.0.1", "DNS:localhost", true, false },
	{ "127.0.0.1", "IP:127.0.0.1", false, false },
};

START_TEST(tls)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct http_fetch *f = calloc(1, sizeof *f);
	struct tls_server s = { .fd = socket(AF_INET, SOCK_STREAM, 0) };
	socklen_t n = sizeof a;
	struct certs certs;
	struct tls_cert cert;
	char url[80], why[256];
	int rc;

	certs_open(&certs);
	certs_make(&certs, "server", tls_rows[_i].alt);
	cert = (struct tls_cert){ certs_path(&certs, "server", "crt"),
		certs_path(&certs, "server", "key") };
	s.ctx = tls_server_ctx(&cert, 1, why, sizeof why);
	ck_assert_msg(s.ctx != NULL, "%s", why);
	ck_assert_int_eq(bind(s.fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(s.fd, 4), 0);
	ck_assert_int_eq(getsockname(s.fd, (struct sockaddr *)&a, &n), 0);
	ck_assert_int_eq(pthread_create(&s.id, NULL, serve_tls, &s), 0);
	snprintf(url, sizeof url, "https://%s:%u/token", tls_rows[_i].host, ntohs(a.sin_port));
	f->url = str_z(url);
	f->method = "GET";
	f->ca = tls_rows[_i].trusted ? certs_path(&certs, "ca", "crt") : NULL;
	rc = http_fetch(f);
	pthread_join(s.id, NULL);
	ck_assert_msg((rc == 0) == tls_rows[_i].ok, "row %d: %s", _i, f->why);
	if (rc == 0)
		ck_assert(f->status == 200 && str_eq(f->text, STR("hello")));
	else
		ck_assert(f->why[0] != '\0');
	close(s.fd);
	tls_ctx_free(s.ctx);
	certs_close(&certs);
	free(f);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, tls, 0, TG_ARRAY_LEN(tls_rows));
	tcase_add_loop_test(tc, answers, 0, TG_ARRAY_LEN(rows));
	tcase_add_test(tc, nobody_there);
	tcase_add_test(tc, silence_ends);
}

UNIT_MAIN("http_fetch", tests)
