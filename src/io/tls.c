/*
 * tls.c: OpenSSL contexts for both sides: which certificate answers which name, ALPN, verification.
 * A server context owns the contexts of its further certificates (as ex_data), so one reference
 * keeps them all. Built on the control thread, read by all afterwards.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "io/stream.h"
#include "io/tls.h"

/* One subjectAltName and the context that has it. */
struct tls_name {
	char *dns;    /* lower case */
	SSL_CTX *ctx; /* NULL: the default one, which owns the table */
};

struct tls_names {
	size_t n;
	struct tls_name name[];
};

static int names_index = -1;

void tls_error(char *out, size_t n)
{
	unsigned long e = ERR_get_error();
	const char *reason = NULL;
	char buf[64];

	if (e != 0)
		reason = ERR_SYSTEM_ERROR(e) ? strerror_r(ERR_GET_REASON(e), buf, sizeof buf)
					     : ERR_reason_error_string(e);
	snprintf(out, n, "%s", reason != NULL ? reason : "unknown TLS error");
	ERR_clear_error();
}

static void tls_fail(char *err, size_t err_len, const char *what, const char *file)
{
	char reason[128];

	tls_error(reason, sizeof reason);
	snprintf(err, err_len, "%s %s: %s", what, file, reason);
}

/* -- names ----------------------------------------------------------------------------------------
 */

static void names_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct tls_names *names = ptr;

	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	if (names == NULL)
		return;
	for (size_t i = 0; i < names->n; i++) {
		free(names->name[i].dns);
		SSL_CTX_free(names->name[i].ctx);
	}
	free(names);
}

static void names_index_make(void)
{
	names_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, names_free);
	tg_assert(names_index >= 0);
}

/* "*.example.com" has one label for "api.example.com", none for "example.com" or "a.b.example.com".
 */
static bool name_is_under(const char *dns, struct str host)
{
	size_t dot = str_chr(host, '.');

	return dns[0] == '*' && dns[1] == '.' && dot != (size_t)-1 && dot > 0 &&
	       str_eq_ci(str_z(dns + 1), str_skip(host, dot));
}

/* The table's entry for a name: an exact one first, then a wildcard. */
static const struct tls_name *names_find(const struct tls_names *names, struct str host)
{
	for (size_t i = 0; i < names->n; i++)
		if (str_eq_ci(str_z(names->name[i].dns), host))
			return &names->name[i];
	for (size_t i = 0; i < names->n; i++)
		if (name_is_under(names->name[i].dns, host))
			return &names->name[i];
	return NULL;
}

static int on_sni(SSL *ssl, int *alert, void *arg)
{
	const struct tls_names *names = arg;
	const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct tls_name *found;

	(void)alert;
	if (host == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	found = names_find(names, str_z(host));
	if (found == NULL)
		return SSL_TLSEXT_ERR_NOACK; /* the default certificate; the client judges */
	if (found->ctx != NULL)
		SSL_set_SSL_CTX(ssl, found->ctx);
	return SSL_TLSEXT_ERR_OK;
}

/* Adds the dNSNames of ctx's certificate. own: the entries hold a reference to ctx. */
static struct tls_names *names_add(struct tls_names *names, SSL_CTX *ctx, bool own)
{
	GENERAL_NAMES *alt =
		X509_get_ext_d2i(SSL_CTX_get0_certificate(ctx), NID_subject_alt_name, NULL, NULL);
	int n = alt != NULL ? sk_GENERAL_NAME_num(alt) : 0;
	struct tls_names *more =
		realloc(names, sizeof *names + (names->n + (size_t)n) * sizeof names->name[0]);

	tg_assert(more != NULL);
	for (int i = 0; i < n; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(alt, i);
		struct str dns;

		if (g->type != GEN_DNS)
			continue;
		dns = str_mk((const char *)ASN1_STRING_get0_data(g->d.dNSName),
			(size_t)ASN1_STRING_length(g->d.dNSName));
		if (dns.n == 0 || str_chr(dns, '\0') != (size_t)-1)
			continue;
		if (own)
			SSL_CTX_up_ref(ctx);
		more->name[more->n++] =
			(struct tls_name){ .dns = str_dup(dns), .ctx = own ? ctx : NULL };
	}
	GENERAL_NAMES_free(alt);
	return more;
}

/* -- contexts -------------------------------------------------------------------------------------
 */

static SSL_CTX *ctx_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	tg_assert(ctx != NULL);
	ERR_clear_error();
	tg_assert(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	return ctx;
}

/* RFC 7301 section 3.2: a client that offers only what we do not speak gets the fatal alert. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned in_len, void *arg)
{
	static const char http11[] = "http/1.1";

	(void)ssl;
	(void)arg;
	for (unsigned i = 0; i < in_len; i += 1u + in[i]) {
		if (in[i] == sizeof http11 - 1 && i + in[i] < in_len &&
			memcmp(in + i + 1, http11, in[i]) == 0) {
			*out = in + i + 1;
			*out_len = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* An encrypted key would make OpenSSL ask at the terminal: refuse instead. */
static int on_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static int use_key(SSL_CTX *ctx, const struct tls_cert *cert, char *err, size_t err_len)
{
	if (SSL_CTX_use_PrivateKey_file(ctx, cert->key, SSL_FILETYPE_PEM) == 1 &&
		SSL_CTX_check_private_key(ctx) == 1)
		return 0;
	if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH) {
		ERR_clear_error();
		snprintf(err, err_len, "private key %s does not belong to certificate %s",
			cert->key, cert->certificate);
	} else {
		tls_fail(err, err_len, "private key", cert->key);
	}
	return -1;
}

static SSL_CTX *server_ctx_one(const struct tls_cert *cert, char *err, size_t err_len)
{
	SSL_CTX *ctx = ctx_new(TLS_server_method());

	SSL_CTX_set_default_passwd_cb(ctx, on_passphrase);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets carry the state */
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert->certificate) != 1)
		tls_fail(err, err_len, "certificate", cert->certificate);
	else if (use_key(ctx, cert, err, err_len) == 0)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

SSL_CTX *tls_server_ctx(const struct tls_cert *certs, size_t n, char *err, size_t err_len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct tls_names *names;
	SSL_CTX *ctx, *more;

	tg_assert(n > 0);
	pthread_once(&once, names_index_make);
	ctx = server_ctx_one(&certs[0], err, err_len);
	if (ctx == NULL)
		return NULL;
	names = calloc(1, sizeof *names);
	tg_assert(names != NULL);
	names = names_add(names, ctx, false);
	for (size_t i = 1; i < n; i++) {
		more = server_ctx_one(&certs[i], err, err_len);
		if (more == NULL) {
			names_free(NULL, names, NULL, 0, 0, NULL);
			SSL_CTX_free(ctx);
			return NULL;
		}
		names = names_add(names, more, true);
		SSL_CTX_free(more); /* the entries keep it */
	}
	/* On the first context only: OpenSSL falls back to it after a switch (a second
	 * ClientHello). */
	SSL_CTX_set_tlsext_servername_callback(ctx, on_sni);
	SSL_CTX_set_tlsext_servername_arg(ctx, names);
	tg_assert(SSL_CTX_set_ex_data(ctx, names_index, names) == 1);
	return ctx;
}

/* TLS 1.3 tickets come after the handshake: the stream keeps the newest. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
	struct stream *s = SSL_get_app_data(ssl);

	CHECK_OBJ(s, STREAM_MAGIC);
	if (s->session != NULL)
		SSL_SESSION_free(s->session);
	s->session = session;
	return 1; /* the reference is ours */
}

SSL_CTX *tls_client_ctx(const char *ca_file, bool verify, char *err, size_t err_len)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	SSL_CTX *ctx = ctx_new(TLS_client_method());
	int rc = 1;

	if (ca_file != NULL)
		rc = SSL_CTX_load_verify_file(ctx, ca_file);
	else if (verify)
		rc = SSL_CTX_set_default_verify_paths(ctx);
	if (rc != 1) {
		tls_fail(err, err_len, "CA file", ca_file != NULL ? ca_file : "(system store)");
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_verify(ctx, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_new_session);
	tg_assert(SSL_CTX_set_alpn_protos(ctx, alpn, sizeof alpn - 1) == 0);
	return ctx;
}

int tls_client_certificate(SSL_CTX *ctx, const struct tls_cert *cert, char *err, size_t err_len)
{
	SSL_CTX_set_default_passwd_cb(ctx, on_passphrase);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert->certificate) == 1)
		return use_key(ctx, cert, err, err_len);
	tls_fail(err, err_len, "certificate", cert->certificate);
	return -1;
}

void tls_ctx_free(SSL_CTX *ctx)
{
	SSL_CTX_free(ctx);
}
