/*
 * stream_tls.c: OpenSSL on a stream's descriptor.
 *
 * A BIO of our own sends with MSG_NOSIGNAL and notes a FIN, so that "closed without close_notify"
 * can be told from failure. OpenSSL reads ahead: bytes it holds are not seen by the poller,
 * therefore tls_pending is kept true to them and stream_rearm delivers them in the next turn. Owns
 * the SSL, the session and the zero timer of a stream. Same thread as the stream.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "io/stream.h"
#include "io/stream_tls.h"
#include "io/tls.h"

#define TLS_RECORD_BYTES 16384

/* -- the BIO --------------------------------------------------------------------------------------
 */

static BIO_METHOD *bio_method;

static int bio_read(BIO *b, char *buf, int n)
{
	struct stream *s = BIO_get_data(b);
	ssize_t got;

	BIO_clear_retry_flags(b);
	do {
		got = recv(s->fd, buf, (size_t)n, 0);
	} while (got < 0 && errno == EINTR);
	if (got == 0)
		s->tls_fin = true;
	if (got < 0 && errno == EAGAIN)
		BIO_set_retry_read(b);
	return (int)got;
}

static int bio_write(BIO *b, const char *buf, int n)
{
	struct stream *s = BIO_get_data(b);
	ssize_t put;

	BIO_clear_retry_flags(b);
	do {
		put = send(s->fd, buf, (size_t)n, MSG_NOSIGNAL);
	} while (put < 0 && errno == EINTR);
	s->sent += put > 0 ? (uint64_t)put : 0;
	if (put < 0 && errno == EAGAIN)
		BIO_set_retry_write(b);
	return (int)put;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH; /* unbuffered; SSL_ERROR_SYSCALL is how we want a FIN told */
}

static void bio_method_make(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tollgate stream");
	tg_assert(bio_method != NULL);
	BIO_meth_set_read(bio_method, bio_read);
	BIO_meth_set_write(bio_method, bio_write);
	BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

/* -- beginning ------------------------------------------------------------------------------------
 */

static int tls_begin(struct stream *s, SSL_CTX *ctx)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *bio;

	CHECK_OBJ(s, STREAM_MAGIC);
	tg_assert(s->ssl == NULL && s->fd >= 0);
	pthread_once(&once, bio_method_make);
	ERR_clear_error();
	s->ssl = SSL_new(ctx);
	bio = BIO_new(bio_method);
	s->again = event_new(s->base, -1, 0, stream_on_again, s);
	tg_assert(s->ssl != NULL && bio != NULL && s->again != NULL);
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(s->ssl, bio, bio); /* one reference serves both directions */
	SSL_set_app_data(s->ssl, s);
	return 0;
}

int stream_tls_accept(struct stream *s, SSL_CTX *ctx)
{
	if (tls_begin(s, ctx) != 0)
		return -1;
	SSL_set_accept_state(s->ssl);
	return 0;
}

/* What the certificate must carry; an IP address is not sent as SNI (RFC 6066 section 3). */
static int tls_expect_name(SSL *ssl, const char *name)
{
	struct in6_addr any;

	if (inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1 ? 0 : -1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (SSL_set1_host(ssl, name) != 1 || SSL_set_tlsext_host_name(ssl, name) != 1)
		return -1;
	return 0;
}

int stream_tls_connect(struct stream *s, SSL_CTX *ctx, struct str sni, SSL_SESSION *session)
{
	char name[256];

	if (tls_begin(s, ctx) != 0)
		return -1;
	SSL_set_connect_state(s->ssl);
	if (sni.n >= 2 && sni.p[0] == '[' && sni.p[sni.n - 1] == ']')
		sni = str_mk(sni.p + 1, sni.n - 2);
	if (sni.n >= sizeof name || str_chr(sni, '\0') != (size_t)-1) {
		snprintf(s->error, sizeof s->error, "the TLS server name is too long");
		return -1;
	}
	if (sni.n == 0 && SSL_get_verify_mode(s->ssl) != SSL_VERIFY_NONE) {
		snprintf(s->error, sizeof s->error, "no server name to verify the certificate by");
		return -1;
	}
	if (sni.n > 0) {
		memcpy(name, sni.p, sni.n);
		name[sni.n] = '\0';
		if (tls_expect_name(s->ssl, name) != 0) {
			tls_error(s->error, sizeof s->error);
			return -1;
		}
	}
	if (session != NULL && SSL_set_session(s->ssl, session) != 1)
		ERR_clear_error(); /* not fit for this context: a full handshake then */
	return 0;
}

/* -- results --------------------------------------------------------------------------------------
 */

static ssize_t tls_broken(struct stream *s, int sys_errno)
{
	long verify = SSL_get_verify_result(s->ssl);
	unsigned long e = ERR_peek_error();
	char buf[64];

	s->tls_failed = true;
	s->tls_pending = false;
	if (s->tls_fin && e == 0) {
		if (s->tls_done) {
			s->eof_unclean = true;
			return STREAM_EOF;
		}
		snprintf(s->error, sizeof s->error, "connection closed during the TLS handshake");
	} else if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
		   ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		snprintf(s->error, sizeof s->error, "certificate verify failed: %s",
			X509_verify_cert_error_string(verify));
	} else if (e != 0) {
		tls_error(s->error, sizeof s->error);
	} else {
		snprintf(s->error, sizeof s->error, "%s",
			sys_errno != 0 ? strerror_r(sys_errno, buf, sizeof buf)
				       : "the TLS connection was lost");
		s->error[0] = (char)tolower((unsigned char)s->error[0]);
	}
	ERR_clear_error();
	return STREAM_ERR;
}

/*
 * What a failed OpenSSL call means. *needs gets the direction it waits for. A call that wants to
 * read has drained what was read ahead, whatever SSL_has_pending says of half a record.
 */
static ssize_t tls_result(struct stream *s, int rc, uint8_t *needs)
{
	int sys_errno = errno;
	ssize_t result = STREAM_AGAIN;

	switch (SSL_get_error(s->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		*needs = STREAM_CAN_READ;
		s->tls_pending = false;
		break;
	case SSL_ERROR_WANT_WRITE:
		*needs = STREAM_CAN_WRITE;
		s->tls_pending = false;
		break;
	case SSL_ERROR_ZERO_RETURN:
		s->tls_pending = false;
		*needs = 0;
		result = STREAM_EOF;
		break;
	default:
		*needs = 0;
		result = tls_broken(s, sys_errno);
		break;
	}
	return result;
}

/* A call after the end or the failure tells the same again. */
static ssize_t tls_over(const struct stream *s)
{
	return s->eof_unclean ? STREAM_EOF : STREAM_ERR;
}

int stream_tls_handshake(struct stream *s)
{
	ssize_t result;
	int rc;

	if (s->tls_done)
		return 1;
	if (s->tls_failed)
		return STREAM_ERR;
	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(s->ssl);
	if (rc == 1) {
		s->tls_done = true;
		s->tls_read_needs = s->tls_write_needs = 0;
		s->tls_pending = SSL_has_pending(s->ssl) == 1;
		stream_rearm(s);
		return 1;
	}
	result = tls_result(s, rc, &s->tls_read_needs);
	if (result == STREAM_EOF) {
		snprintf(s->error, sizeof s->error, "connection closed during the TLS handshake");
		s->tls_failed = true;
		result = STREAM_ERR;
	}
	if (result == STREAM_AGAIN)
		stream_rearm(s);
	return (int)result;
}

/* -- bytes ----------------------------------------------------------------------------------------
 */

ssize_t stream_tls_read(struct stream *s, void *buf, size_t n)
{
	int hs = stream_tls_handshake(s);
	size_t total = 0, got;
	ssize_t result = STREAM_AGAIN;

	if (hs != 1)
		return hs;
	if (s->tls_failed)
		return tls_over(s);
	do {
		ERR_clear_error();
		errno = 0;
		if (SSL_read_ex(s->ssl, (char *)buf + total, n - total, &got) != 1) {
			result = tls_result(s, 0, &s->tls_read_needs);
			break;
		}
		total += got;
		s->tls_read_needs = 0;
		s->tls_pending = SSL_has_pending(s->ssl) == 1;
	} while (s->tls_pending && total < n);
	if (total > 0 && (result == STREAM_EOF || result == STREAM_ERR))
		s->tls_pending = true; /* told by the next read, which must come */
	stream_rearm(s);
	return total > 0 ? (ssize_t)total : result;
}

/*
 * The bytes of the next record: in place when the first iovec fills one, otherwise gathered. The
 * cut depends on the bytes alone, so a retry with the same bytes gives OpenSSL at least the same
 * record.
 */
static size_t tls_gather(const struct iovec *iov, int n, size_t skip, const char **p)
{
	static _Thread_local char gathered[TLS_RECORD_BYTES];
	size_t len = 0;

	for (int i = 0; i < n && len < sizeof gathered; i++) {
		const char *base = iov[i].iov_base;
		size_t have = iov[i].iov_len, take;

		if (skip >= have) {
			skip -= have;
			continue;
		}
		base += skip;
		have -= skip;
		skip = 0;
		if (len == 0 && (have >= sizeof gathered || i == n - 1)) {
			*p = base;
			return TG_MIN(have, sizeof gathered);
		}
		take = TG_MIN(have, sizeof gathered - len);
		memcpy(gathered + len, base, take);
		len += take;
	}
	*p = gathered;
	return len;
}

ssize_t stream_tls_writev(struct stream *s, const struct iovec *iov, int n)
{
	int hs = stream_tls_handshake(s);
	size_t total = 0, len, put;
	ssize_t result = STREAM_AGAIN;
	const char *p;

	if (hs != 1)
		return hs;
	if (s->tls_failed) {
		if (s->error[0] == '\0')
			snprintf(s->error, sizeof s->error, "the peer has closed the connection");
		return STREAM_ERR;
	}
	while ((len = tls_gather(iov, n, total, &p)) > 0) {
		ERR_clear_error();
		errno = 0;
		if (SSL_write_ex(s->ssl, p, len, &put) != 1) {
			result = tls_result(s, 0, &s->tls_write_needs);
			break;
		}
		s->tls_write_needs = 0;
		total += put;
	}
	if (result == STREAM_EOF)
		result = STREAM_ERR;
	stream_rearm(s);
	return total > 0 || len == 0 ? (ssize_t)total : result;
}

/* -- ending ---------------------------------------------------------------------------------------
 */

void stream_tls_notify(struct stream *s)
{
	if (!s->tls_done || s->tls_failed)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(s->ssl);
	ERR_clear_error();
}

void stream_tls_free(struct stream *s)
{
	stream_tls_notify(s);
	/* Otherwise SSL_free takes the missing close_notify for a reason to spoil the session. */
	if (s->tls_done && (!s->tls_failed || s->eof_unclean))
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s->ssl);
	s->ssl = NULL;
	event_free(s->again);
	s->again = NULL;
	s->again_armed = false;
	if (s->session != NULL)
		SSL_SESSION_free(s->session);
	s->session = NULL;
	s->tls_done = s->tls_pending = false;
	s->tls_read_needs = s->tls_write_needs = 0;
	ERR_clear_error();
}

SSL_SESSION *stream_session(struct stream *s)
{
	if (s->session == NULL || !SSL_SESSION_is_resumable(s->session))
		return NULL;
	SSL_SESSION_up_ref(s->session);
	return s->session;
}
