/*
 * check_cred_google.c: what is taken for a credential of Google's, and that the assertion is what
 * its token endpoint verifies: RS256 over header and claims. (Fetching: t/e2e/test_gemini.py.)
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "core/cred_google.h"
#include "proto/json_scan.h"
#include "unit/unit.h"

static EVP_PKEY *rsa;
static char account[8192]; /* a service account's file */

/* The key in PEM, as a JSON string has it. */
static void put_pem(FILE *out, EVP_PKEY *key)
{
	BIO *mem = BIO_new(BIO_s_mem());
	char *pem;
	long n;

	ck_assert_int_eq(PEM_write_bio_PrivateKey(mem, key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(mem, &pem);
	for (long i = 0; i < n; i++)
		pem[i] == '\n' ? fputs("\\n", out) : fputc(pem[i], out);
	BIO_free(mem);
}

static void setup(void)
{
	FILE *out = fmemopen(account, sizeof account, "w");

	rsa = EVP_RSA_gen(2048);
	ck_assert_ptr_nonnull(rsa);
	fputs("{\"type\":\"service_account\",\"client_email\":\"gate@p.iam\",\"private_key_id\":"
	      "\"k1\",\"token_uri\":\"https://oauth2.example/token\",\"private_key\":\"",
		out);
	put_pem(out, rsa);
	fputs("\"}", out);
	fclose(out);
}

static void teardown(void)
{
	EVP_PKEY_free(rsa);
}

static const struct row {
	const char *json, *why; /* NULL: it can be used */
} rows[] = {
	{ "{\"type\":\"authorized_user\",\"client_id\":\"a\",\"client_secret\":\"b\","
	  "\"refresh_token\":\"c\"}",
		NULL },
	{ "{\"type\":\"authorized_user\",\"client_id\":\"a\"}", "lacks client_id" },
	{ "{\"type\":\"service_account\",\"client_email\":\"a\",\"private_key\":\"x\"}",
		"no key in PEM" },
	{ "{\"type\":\"service_account\"}", "no client_email" },
	{ "{\"type\":\"external_account\"}", "neither service_account" },
	{ "{\"type\":\"authorized_user\",\"token_uri\":\"http://example.com/\"}", "https://" },
	{ "{\"type\":7}", "no type" },
	{ "{}", "no type" },
	{ "{", "not valid JSON" },
};

START_TEST(checked)
{
	const struct row *r = &rows[_i];
	char why[200] = "";
	int rc = cred_google_check(str_z(r->json), why, sizeof why);

	ck_assert_msg((rc == 0) == (r->why == NULL), "%s: %s", r->json, why);
	if (r->why != NULL)
		ck_assert_msg(strstr(why, r->why) != NULL, "%s: %s", r->json, why);
}
END_TEST

START_TEST(known)
{
	char why[200] = "";

	ck_assert(cred_google_is(STR("{}")) && cred_google_is(STR(" \n{")));
	ck_assert(!cred_google_is(STR("AIza")) && !cred_google_is(STR("")));
	ck_assert_int_eq(cred_google_check(str_z(account), why, sizeof why), 0);
}
END_TEST

/* Its bytes; padding is put back for OpenSSL. */
static size_t from_base64url(struct str s, unsigned char *out)
{
	char text[4096];
	size_t n = s.n;
	int got;

	ck_assert_uint_lt(n + 4, sizeof text);
	for (size_t i = 0; i < n; i++)
		text[i] = s.p[i] == '-' ? '+' : s.p[i] == '_' ? '/' : s.p[i];
	while (n % 4 != 0)
		text[n++] = '=';
	got = EVP_DecodeBlock(out, (const unsigned char *)text, (int)n);
	ck_assert_int_ge(got, 0);
	return (size_t)got - (n - s.n);
}

START_TEST(assertion)
{
	static const char header[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}";
	static const char claims[] =
		"{\"iss\":\"gate@p.iam\",\"scope\":\"https://www.googleapis.com/auth/"
		"cloud-platform\",\"aud\":\"https://oauth2.example/token\",\"iat\":1700000000,"
		"\"exp\":1700003600}";
	char buf[4096], why[200] = "";
	unsigned char bytes[4096];
	struct str jwt = cred_google_assertion(str_z(account), (wall_us){ 1700000000999999 }, buf,
			   sizeof buf, why, sizeof why),
		   rest = jwt, part;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t n, signed_n;

	ck_assert_msg(jwt.n > 0, "%s", why);
	ck_assert(str_split(&rest, '.', &part));
	n = from_base64url(part, bytes);
	UNIT_STR_EQ(str_mk((char *)bytes, n), str_z(header));
	ck_assert(str_split(&rest, '.', &part));
	signed_n = (size_t)(part.p + part.n - jwt.p);
	n = from_base64url(part, bytes);
	UNIT_STR_EQ(str_mk((char *)bytes, n), str_z(claims));
	n = from_base64url(rest, bytes);
	ck_assert_int_eq(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, rsa), 1);
	ck_assert_int_eq(EVP_DigestVerify(md, bytes, n, (const unsigned char *)jwt.p, signed_n), 1);
	EVP_MD_CTX_free(md);
}
END_TEST

START_TEST(assertion_without_room)
{
	char buf[300], why[200] = "";

	ck_assert_uint_eq(cred_google_assertion(
				  str_z(account), (wall_us){ 0 }, buf, sizeof buf, why, sizeof why)
				  .n,
		0);
	ck_assert_str_ne(why, "");
	ck_assert_uint_eq(
		cred_google_assertion(STR("{}"), (wall_us){ 0 }, buf, sizeof buf, why, sizeof why)
			.n,
		0);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, checked, 0, (int)TG_ARRAY_LEN(rows));
	tcase_add_test(tc, known);
	tcase_add_test(tc, assertion);
	tcase_add_test(tc, assertion_without_room);
}

UNIT_MAIN("cred_google", tests)
