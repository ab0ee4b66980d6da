/*
 * certs.h: a certificate authority and certificates made when the test runs, as PEM files in a
 * temporary folder.
 */
#ifndef TG_UNIT_IO_CERTS_H
#define TG_UNIT_IO_CERTS_H

#include <stdio.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "unit/unit.h"

struct certs {
	char dir[64];
	EVP_PKEY *ca_key;
	X509 *ca;
	long serial;
};

static inline char *certs_path(const struct certs *c, const char *name, const char *ext)
{
	static char path[8][160];
	static int next;
	char *p = path[next++ % 8];

	snprintf(p, sizeof path[0], "%s/%s.%s", c->dir, name, ext);
	return p;
}

static inline void certs_extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ck_assert_msg(ext != NULL, "%s", value);
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
}

/* issuer NULL: self-signed. alt: "DNS:a,IP:::1", or NULL. */
static inline X509 *certs_sign(
	struct certs *c, EVP_PKEY *key, const char *cn, const char *alt, X509 *issuer, EVP_PKEY *by)
{
	X509 *x = X509_new();

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++c->serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x));
	certs_extend(x, issuer != NULL ? issuer : x, NID_basic_constraints,
		issuer != NULL ? "CA:FALSE" : "critical,CA:TRUE");
	if (alt != NULL)
		certs_extend(x, issuer, NID_subject_alt_name, alt);
	ck_assert_int_gt(X509_sign(x, by, EVP_sha256()), 0);
	return x;
}

static inline void certs_write(
	const struct certs *c, const char *name, X509 *x, EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	FILE *f = fopen(certs_path(c, name, "crt"), "w");

	PEM_write_X509(f, x);
	fclose(f);
	f = fopen(certs_path(c, name, "key"), "w");
	PEM_write_PrivateKey(
		f, key, cipher, (const unsigned char *)"secret", cipher ? 6 : 0, NULL, NULL);
	fclose(f);
}

/* A certificate name.crt with name.key. */
static inline void certs_make(struct certs *c, const char *name, const char *alt)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = certs_sign(c, key, name, alt, c->ca, c->ca_key);

	certs_write(c, name, x, key, NULL);
	X509_free(x);
	EVP_PKEY_free(key);
}

/* The authority: ca.crt. */
static inline void certs_open(struct certs *c)
{
	memset(c, 0, sizeof *c);
	snprintf(c->dir, sizeof c->dir, "/tmp/tg-certs-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(c->dir));
	c->ca_key = EVP_EC_gen("P-256");
	c->ca = certs_sign(c, c->ca_key, "test CA", NULL, NULL, c->ca_key);
	certs_write(c, "ca", c->ca, c->ca_key, NULL);
}

static inline void certs_close(struct certs *c)
{
	char command[128];

	X509_free(c->ca);
	EVP_PKEY_free(c->ca_key);
	snprintf(command, sizeof command, "rm -r %s", c->dir);
	ck_assert_int_eq(system(command), 0);
}

#endif
