/*
 * check_tls.c: contexts: which certificate answers which name, ALPN, verification by chain, name
 * and address, resumption, and what is said of files that are no good.
 */
#include <fcntl.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "certs.h"
#include "io/tls.h"
#include "pair.h"

static struct certs certs;
static struct pair p;
static char err[256];

static void setup(void)
{
	certs_open(&certs);
	certs_make(&certs, "one", "DNS:one.test,DNS:*.wild.test,IP:127.0.0.1,IP:::1");
	certs_make(&certs, "two", "DNS:two.test,DNS:exact.wild.test,DNS:*.Other.Test");
	certs_make(&certs, "bare", NULL);
}

static void teardown(void)
{
	certs_close(&certs);
}

static SSL_CTX *server_of(const char *const *names, size_t n)
{
	struct tls_cert c[4];
	SSL_CTX *ctx;

	for (size_t i = 0; i < n; i++)
		c[i] = (struct tls_cert){ certs_path(&certs, names[i], "crt"),
			certs_path(&certs, names[i], "key") };
	ctx = tls_server_ctx(c, n, err, sizeof err);
	ck_assert_msg(ctx != NULL, "%s", err);
	return ctx;
}

static SSL_CTX *server_both(void)
{
	static const char *const names[] = { "one", "two", "bare" };

	return server_of(names, 3);
}

static SSL_CTX *client_ctx(bool verify)
{
	SSL_CTX *ctx = tls_client_ctx(certs_path(&certs, "ca", "crt"), verify, err, sizeof err);

	ck_assert_msg(ctx != NULL, "%s", err);
	return ctx;
}

static void finish(SSL_CTX *server, SSL_CTX *client)
{
	pair_close(&p);
	tls_ctx_free(server);
	tls_ctx_free(client);
}

/* a is the client, b the server; each sends one byte so that both come through the handshake. */
static void talk(SSL_CTX *server, SSL_CTX *client, const char *sni, SSL_SESSION *session)
{
	pair_open(&p);
	ck_assert_int_eq(stream_tls_accept(&p.b.s, server), 0);
	ck_assert_msg(stream_tls_connect(&p.a.s, client, str_z(sni), session) == 0, "%s",
		stream_error_text(&p.a.s));
	p.a.to_send = p.b.to_send = 1;
	PAIR_RUN_UNTIL(&p, (p.a.got == 1 && p.b.got == 1) || (p.a.over != 1 && p.b.over != 1));
}

static const char *peer_name(struct stream *s)
{
	static char cn[64];
	X509 *x = SSL_get0_peer_certificate(s->ssl);

	ck_assert_ptr_nonnull(x);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof cn);
	return cn;
}

static const struct {
	const char *sni, *cert;
} choice[] = {
	{ "one.test", "one" },
	{ "two.test", "two" },
	{ "TWO.test", "two" },
	{ "a.wild.test", "one" },
	{ "exact.wild.test", "two" }, /* exact beats the earlier wildcard */
	{ "x.other.test", "two" },
	{ "x.y.other.test", "one" }, /* one label only: the default */
	{ "other.test", "one" },
	{ "unknown.test", "one" },
	{ "", "one" },
	{ "127.0.0.1", "one" },
};

/* The negotiated protocol, "" when none. */
static struct str alpn_of(const struct stream *s)
{
	const unsigned char *name = NULL;
	unsigned n = 0;

	SSL_get0_alpn_selected(s->ssl, &name, &n);
	return n > 0 ? str_mk((const char *)name, n) : STR("");
}

START_TEST(sni_chooses)
{
	SSL_CTX *server = server_both(), *client = client_ctx(false);

	talk(server, client, choice[_i].sni, NULL);
	ck_assert_str_eq(peer_name(&p.a.s), choice[_i].cert);
	UNIT_STR_EQ(alpn_of(&p.a.s), STR("http/1.1"));
	UNIT_STR_EQ(alpn_of(&p.b.s), STR("http/1.1"));
	finish(server, client);
}
END_TEST

/* The second ClientHello after a HelloRetryRequest must not undo the choice. */
START_TEST(sni_with_retry)
{
	SSL_CTX *server = server_both(), *client = client_ctx(true);

	ck_assert_int_eq(SSL_CTX_set1_groups_list(server, "P-384"), 1);
	ck_assert_int_eq(SSL_CTX_set1_groups_list(client, "X25519:P-384"), 1);
	talk(server, client, "two.test", NULL);
	ck_assert_str_eq(peer_name(&p.a.s), "two");
	ck_assert_uint_eq(p.a.got, 1);
	finish(server, client);
}
END_TEST

static const struct {
	const char *sni, *why; /* NULL: accepted */
} verdict[] = {
	{ "one.test", NULL },
	{ "ONE.TEST", NULL },
	{ "a.wild.test", NULL },
	{ "127.0.0.1", NULL },
	{ "::1", NULL },
	{ "[::1]", NULL },
	{ "a.b.wild.test", "certificate verify failed: hostname mismatch" },
	{ "one.test.evil.test", "certificate verify failed: hostname mismatch" },
	{ "one", "certificate verify failed: hostname mismatch" },
	{ "127.0.0.2", "certificate verify failed: IP address mismatch" },
};

START_TEST(name_is_verified)
{
	SSL_CTX *server = server_both(), *client = client_ctx(true);

	talk(server, client, verdict[_i].sni, NULL);
	if (verdict[_i].why == NULL) {
		ck_assert_uint_eq(p.a.got, 1);
		ck_assert_uint_eq(p.b.got, 1);
	} else {
		ck_assert_int_eq(p.a.over, STREAM_ERR);
		ck_assert_str_eq(stream_error_text(&p.a.s), verdict[_i].why);
		ck_assert_uint_eq(p.b.got, 0);
		ck_assert_uint_eq(p.b.sent, p.b.over == STREAM_ERR ? p.b.sent : 1);
	}
	finish(server, client);
}
END_TEST

START_TEST(unknown_authority)
{
	SSL_CTX *server = server_both();
	SSL_CTX *client = tls_client_ctx(certs_path(&certs, "two", "crt"), true, err, sizeof err);

	talk(server, client, "one.test", NULL);
	ck_assert_int_eq(p.a.over, STREAM_ERR);
	ck_assert_str_eq(stream_error_text(&p.a.s),
		"certificate verify failed: unable to get local issuer certificate");
	ck_assert_int_eq(p.b.over, STREAM_ERR);
	ck_assert_str_eq(stream_error_text(&p.b.s), "tlsv1 alert unknown ca");
	finish(server, client);
}
END_TEST

START_TEST(system_store)
{
	SSL_CTX *server = server_both(), *client = tls_client_ctx(NULL, true, err, sizeof err);

	ck_assert_msg(client != NULL, "%s", err);
	talk(server, client, "one.test", NULL);
	ck_assert_int_eq(p.a.over, STREAM_ERR);
	ck_assert(str_starts(str_z(stream_error_text(&p.a.s)), STR("certificate verify failed: ")));
	finish(server, client);
}
END_TEST

START_TEST(nothing_to_verify_by)
{
	SSL_CTX *client = client_ctx(true);

	pair_open(&p);
	ck_assert_int_eq(stream_tls_connect(&p.a.s, client, STR_NONE, NULL), -1);
	ck_assert_str_eq(stream_error_text(&p.a.s), "no server name to verify the certificate by");
	pair_close(&p);
	tls_ctx_free(client);
}
END_TEST

START_TEST(alpn_without_http11)
{
	SSL_CTX *server = server_both(), *client = client_ctx(true);

	ck_assert_int_eq(SSL_CTX_set_alpn_protos(client, (const unsigned char *)"\2h2\3foo", 7), 0);
	talk(server, client, "two.test", NULL);
	ck_assert_int_eq(p.a.over, STREAM_ERR);
	ck_assert_str_eq(stream_error_text(&p.a.s), "tlsv1 alert no application protocol");
	ck_assert_int_eq(p.b.over, STREAM_ERR);
	finish(server, client);
}
END_TEST

START_TEST(alpn_not_offered)
{
	SSL_CTX *server = server_both(), *client = client_ctx(true);

	SSL_CTX_set_alpn_protos(client, NULL, 0);
	talk(server, client, "two.test", NULL);
	ck_assert_uint_eq(p.a.got, 1);
	UNIT_STR_EQ(alpn_of(&p.b.s), STR(""));
	finish(server, client);
}
END_TEST

START_TEST(old_versions_are_refused)
{
	SSL_CTX *server = server_both(), *client = client_ctx(false);

	SSL_CTX_set_security_level(client, 0);
	SSL_CTX_set_min_proto_version(client, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(client, TLS1_1_VERSION);
	talk(server, client, "one.test", NULL);
	ck_assert_int_eq(p.a.over, STREAM_ERR);
	ck_assert_int_eq(p.b.over, STREAM_ERR);
	finish(server, client);
}
END_TEST

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* A session of the first connection shortens the second, also when SNI changes the context. */
START_TEST(resumption)
{
	SSL_CTX *server = server_both(), *client = client_ctx(true);
	SSL_SESSION *session;

	SSL_CTX_set_max_proto_version(client, versions[_i]);
	talk(server, client, "two.test", NULL);
	ck_assert_int_eq(SSL_session_reused(p.a.s.ssl), 0);
	session = stream_session(&p.a.s);
	ck_assert_ptr_nonnull(session);
	ck_assert_ptr_null(stream_session(&p.b.s));
	pair_close(&p);

	talk(server, client, "two.test", session);
	ck_assert_int_eq(SSL_session_reused(p.a.s.ssl), 1);
	ck_assert_uint_eq(p.a.got, 1);
	SSL_SESSION_free(session);
	session = stream_session(&p.a.s);
	if (versions[_i] == TLS1_3_VERSION)
		ck_assert_ptr_nonnull(session); /* a fresh ticket */
	if (session != NULL)
		SSL_SESSION_free(session);
	finish(server, client);
}
END_TEST

/* The peer that just closes, without close_notify, must not spoil the session. */
START_TEST(resumption_after_unclean_end)
{
	SSL_CTX *server = server_both(), *client = client_ctx(true);
	SSL_SESSION *session;

	talk(server, client, "one.test", NULL);
	session = stream_session(&p.a.s);
	ck_assert_ptr_nonnull(session);
	SSL_set_quiet_shutdown(p.b.s.ssl, 1);
	stream_close(&p.b.s);
	PAIR_RUN_UNTIL(&p, p.a.over != 1);
	ck_assert_int_eq(p.a.over, STREAM_EOF);
	ck_assert(p.a.s.eof_unclean);
	pair_close(&p);
	ck_assert_int_eq(SSL_SESSION_is_resumable(session), 1);
	talk(server, client, "one.test", session);
	ck_assert_int_eq(SSL_session_reused(p.a.s.ssl), 1);
	SSL_SESSION_free(session);
	finish(server, client);
}
END_TEST

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

START_TEST(bad_files)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = certs_sign(&certs, key, "locked", NULL, certs.ca, certs.ca_key);
	struct {
		const char *crt, *key, *why[2];
	} row[] = {
		{ "absent", "one", { "absent.crt", "No such file" } },
		{ "one", "absent", { "absent.key", "No such file" } },
		{ "one", "two", { "does not belong to", "one.crt" } },
		{ "junk", "one", { "certificate", "junk.crt: no start line" } },
		{ "one", "junk", { "private key", "junk.key" } },
		{ "locked", "locked", { "private key", "locked.key" } },
	};
	char crt[160], pem[160];

	certs_write(&certs, "locked", x, key, EVP_aes_128_cbc());
	write_file(certs_path(&certs, "junk", "crt"), "not a certificate\n");
	write_file(certs_path(&certs, "junk", "key"), "not a key\n");
	for (size_t i = 0; i < TG_ARRAY_LEN(row); i++) {
		/* The bad one comes second: what was built before it must be let go. */
		struct tls_cert c[2] = { { certs_path(&certs, "two", "crt"),
						 certs_path(&certs, "two", "key") },
			{ crt, pem } };

		snprintf(crt, sizeof crt, "%s", certs_path(&certs, row[i].crt, "crt"));
		snprintf(pem, sizeof pem, "%s", certs_path(&certs, row[i].key, "key"));
		ck_assert_ptr_null(tls_server_ctx(c, 2, err, sizeof err));
		for (int k = 0; k < 2; k++)
			ck_assert_msg(strstr(err, row[i].why[k]) != NULL, "row %zu: %s", i, err);
		ck_assert_uint_eq(ERR_peek_error(), 0);
	}
	ck_assert_ptr_null(tls_client_ctx("/nonexistent/ca.pem", true, err, sizeof err));
	ck_assert_msg(strstr(err, "/nonexistent/ca.pem: No such file") != NULL, "%s", err);
	X509_free(x);
	EVP_PKEY_free(key);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, sni_chooses, 0, (int)TG_ARRAY_LEN(choice));
	tcase_add_test(tc, sni_with_retry);
	tcase_add_loop_test(tc, name_is_verified, 0, (int)TG_ARRAY_LEN(verdict));
	tcase_add_test(tc, unknown_authority);
	tcase_add_test(tc, system_store);
	tcase_add_test(tc, nothing_to_verify_by);
	tcase_add_test(tc, alpn_without_http11);
	tcase_add_test(tc, alpn_not_offered);
	tcase_add_test(tc, old_versions_are_refused);
	tcase_add_loop_test(tc, resumption, 0, 2);
	tcase_add_test(tc, resumption_after_unclean_end);
	tcase_add_test(tc, bad_files);
}

UNIT_MAIN("tls", tests)
