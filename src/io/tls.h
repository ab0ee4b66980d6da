/*
 * tls.h: OpenSSL contexts. Built at load (control thread), read-only afterwards.
 */
#ifndef TG_IO_TLS_H
#define TG_IO_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/defs.h"
#include "base/str.h"

typedef struct ssl_ctx_st SSL_CTX;

struct tls_cert {                /* PEM files */
	const char *certificate; /* with its chain */
	const char *key;
};

/*
 * Server context: TLS 1.2 and 1.3, ALPN "http/1.1", tickets on, several certificates chosen by SNI
 * (subjectAltName, wildcards of one label, RFC 6125; the first is the default). err gets a message
 * that names the file. NULL on failure. Free with tls_ctx_free.
 */
SSL_CTX *tls_server_ctx(
	const struct tls_cert *certs, size_t n, char *err, size_t err_len) TG_MUST_CHECK;
/*
 * Client context: full verification (chain and host name: stream_tls_connect sets it from sni)
 * against the system store, or ca_file when given. verify false only for tests and only when
 * configured.
 */
SSL_CTX *tls_client_ctx(const char *ca_file, bool verify, char *err, size_t err_len) TG_MUST_CHECK;
/* A client that shows a certificate when it is asked for one. -1: err names the file. */
int tls_client_certificate(
	SSL_CTX *ctx, const struct tls_cert *cert, char *err, size_t err_len) TG_MUST_CHECK;
void tls_ctx_free(SSL_CTX *ctx);
/* One-line reason of the last OpenSSL failure on this thread; clears the queue. */
void tls_error(char *out, size_t n);

#endif
