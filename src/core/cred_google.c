/*
 * cred_google.c: see cred_google.h. Runs on the threads of credentials, and (cred_google_check)
 * where the configuration is loaded.
 */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/cred_google.h"
#include "core/cred_token.h"
#include "core/http_fetch.h"
#include "proto/json_scan.h"

#define SCOPE         "https://www.googleapis.com/auth/cloud-platform"
#define TOKEN_URI     "https://oauth2.googleapis.com/token"
#define GRANT_JWT     "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
#define LIFE_S        3600
#define KEY_MAX       8192 /* bytes of a private key in PEM: 4096 bits are 3300 */
#define ASSERTION_MAX 4096
#define SIGNATURE_MAX 1024

/* ---- what the file says */

enum { W_TYPE, W_EMAIL, W_KEY, W_KEY_ID, W_URI, W_ID, W_SECRET, W_REFRESH, W__N };

struct google {
	struct json_watch w[W__N];
	struct str type, uri;
	char uri_buf[512], type_buf[64];
};

static int fail(char *why, size_t why_len, const char *text)
{
	snprintf(why, why_len, "%s", text);
	return -1;
}

static bool is_loopback(struct str uri)
{
	return str_starts(uri, STR("http://127.0.0.1")) || str_starts(uri, STR("http://localhost"));
}

static int google_read(struct google *g, struct str json, char *why, size_t why_len)
{
	static const struct str keys[W__N] = { STR("type"), STR("client_email"), STR("private_key"),
		STR("private_key_id"), STR("token_uri"), STR("client_id"), STR("client_secret"),
		STR("refresh_token") };
	struct json_fail f;

	for (size_t i = 0; i < W__N; i++)
		g->w[i].key = keys[i];
	if (json_scan_object(json, g->w, W__N, &f) != 0)
		return fail(why, why_len, "the credential is not valid JSON");
	if (json_decode(&g->w[W_TYPE].val, g->type_buf, sizeof g->type_buf, &g->type) != 0)
		return fail(why, why_len,
			"the credential has no type: service_account and authorized_user are "
			"known");
	if (json_decode(&g->w[W_URI].val, g->uri_buf, sizeof g->uri_buf, &g->uri) != 0)
		g->uri = STR(TOKEN_URI);
	if (!str_starts(g->uri, STR("https://")) && !is_loopback(g->uri))
		return fail(why, why_len, "token_uri must be https://");
	return 0;
}

static bool is_service_account(const struct google *g)
{
	return str_eq(g->type, STR("service_account"));
}

/* NULL with why: there is none that can be read. */
static EVP_PKEY *private_key(const struct google *g, char *why, size_t why_len)
{
	char pem[KEY_MAX];
	EVP_PKEY *key = NULL;
	struct str text;
	BIO *in;

	if (json_decode(&g->w[W_KEY].val, pem, sizeof pem, &text) == 0) {
		in = BIO_new_mem_buf(text.p, (int)text.n);
		key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
		BIO_free(in);
	}
	OPENSSL_cleanse(pem, sizeof pem);
	if (key == NULL)
		(void)fail(why, why_len, "private_key is no key in PEM that can be read");
	else if (EVP_PKEY_base_id(key) == EVP_PKEY_RSA)
		return key;
	else
		(void)fail(why, why_len, "private_key is no RSA key");
	EVP_PKEY_free(key);
	return NULL;
}

static bool is_text(const struct json_watch *w)
{
	return w->val.type == JSON_STRING && w->val.raw.n > 2;
}

bool cred_google_is(struct str key)
{
	while (key.n > 0 && (unsigned char)*key.p <= ' ')
		key = str_skip(key, 1);
	return key.n > 0 && *key.p == '{';
}

int cred_google_check(struct str json, char *why, size_t why_len)
{
	struct google g;
	EVP_PKEY *key;

	if (google_read(&g, json, why, why_len) != 0)
		return -1;
	if (is_service_account(&g)) {
		if (!is_text(&g.w[W_EMAIL]))
			return fail(why, why_len, "the service account has no client_email");
		key = private_key(&g, why, why_len);
		EVP_PKEY_free(key);
		return key != NULL ? 0 : -1;
	}
	if (!str_eq(g.type, STR("authorized_user")))
		return fail(why, why_len,
			"the credential's type is neither service_account nor authorized_user; let "
			"a "
			"token_command fetch tokens for others");
	if (!is_text(&g.w[W_ID]) || !is_text(&g.w[W_SECRET]) || !is_text(&g.w[W_REFRESH]))
		return fail(why, why_len,
			"the user's credential lacks client_id, client_secret or refresh_token");
	return 0;
}

/* ---- the assertion */

struct text { /* bytes that are put together; `full`: they did not fit */
	char *p;
	size_t n, cap;
	bool full;
};

static void put(struct text *t, struct str s)
{
	if (s.n > t->cap - t->n) {
		t->full = true;
		return;
	}
	if (s.n > 0)
		memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
}

/* RFC 4648 section 5, without padding. */
static void put_base64url(struct text *t, const unsigned char *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)p[i] << 16, some = n - i < 3 ? (unsigned)(n - i) : 3;
		char four[4];

		v |= some > 1 ? (unsigned)p[i + 1] << 8 : 0;
		v |= some > 2 ? (unsigned)p[i + 2] : 0;
		for (unsigned k = 0; k < 4; k++)
			four[k] = digits[v >> (18 - 6 * k) & 63];
		put(t, str_mk(four, some + 1));
	}
}

static void put_json_base64url(struct text *t, const char *json, int n, size_t cap)
{
	if (n < 0 || (size_t)n >= cap)
		t->full = true;
	else
		put_base64url(t, (const unsigned char *)json, (size_t)n);
}

/* Header and claims (RFC 7523 section 3). The file's strings are JSON already. */
static void put_claims(struct text *t, const struct google *g, wall_us now)
{
	struct str email = g->w[W_EMAIL].val.raw, id = g->w[W_KEY_ID].val.raw;
	long long s = (long long)(now.us / 1000000);
	bool named = g->w[W_KEY_ID].val.type == JSON_STRING;
	char json[2048];
	int n;

	n = snprintf(json, sizeof json, "{\"alg\":\"RS256\",\"typ\":\"JWT\"%s%.*s}",
		named ? ",\"kid\":" : "", named ? (int)id.n : 0, named ? id.p : "");
	put_json_base64url(t, json, n, sizeof json);
	put(t, STR("."));
	n = snprintf(json, sizeof json,
		"{\"iss\":%.*s,\"scope\":\"" SCOPE "\",\"aud\":\"%.*s\",\"iat\":%lld,\"exp\":%lld}",
		STR_FMT(email), STR_FMT(g->uri), s, s + LIFE_S);
	put_json_base64url(t, json, n, sizeof json);
}

static bool put_signature(struct text *t, EVP_PKEY *key)
{
	unsigned char signature[SIGNATURE_MAX];
	size_t n = sizeof signature;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md != NULL && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
		  EVP_DigestSign(md, signature, &n, (const unsigned char *)t->p, t->n) == 1;

	EVP_MD_CTX_free(md);
	if (!ok)
		return false;
	put(t, STR("."));
	put_base64url(t, signature, n);
	return true;
}

struct str cred_google_assertion(
	struct str json, wall_us now, char *buf, size_t cap, char *why, size_t why_len)
{
	struct text t = { .p = buf, .cap = cap };
	struct google g;
	EVP_PKEY *key;
	bool ok;

	if (google_read(&g, json, why, why_len) != 0)
		return STR_NONE;
	key = private_key(&g, why, why_len);
	if (key == NULL)
		return STR_NONE;
	put_claims(&t, &g, now);
	ok = !t.full && put_signature(&t, key) && !t.full;
	EVP_PKEY_free(key);
	if (!ok)
		(void)fail(why, why_len, "the assertion could not be signed");
	return ok ? str_mk(t.p, t.n) : STR_NONE;
}

/* ---- the token */

static void put_form_value(struct text *t, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char escaped[3] = { '%', hex[c >> 4], hex[c & 15] };
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);

		put(t, plain ? str_mk(s.p + i, 1) : str_mk(escaped, 3));
	}
}

static void put_member(struct text *t, struct str before, const struct json_watch *w)
{
	char buf[2048];
	struct str s = STR_NONE;

	put(t, before);
	if (json_decode(&w->val, buf, sizeof buf, &s) != 0)
		t->full = true;
	put_form_value(t, s);
	OPENSSL_cleanse(buf, sizeof buf);
}

/* The form that asks for a token. -1 with why. */
static int put_request(struct text *t, struct str json, char *why, size_t why_len)
{
	char assertion[ASSERTION_MAX];
	struct google g;
	struct str a;

	if (google_read(&g, json, why, why_len) != 0)
		return -1;
	if (is_service_account(&g)) {
		a = cred_google_assertion(
			json, clock_wall(), assertion, sizeof assertion, why, why_len);
		if (a.n == 0)
			return -1;
		put(t, STR("grant_type=" GRANT_JWT "&assertion="));
		put(t, a);
	} else {
		put_member(t, STR("grant_type=refresh_token&client_id="), &g.w[W_ID]);
		put_member(t, STR("&client_secret="), &g.w[W_SECRET]);
		put_member(t, STR("&refresh_token="), &g.w[W_REFRESH]);
	}
	return t->full ? fail(why, why_len, "the credential is too large") : 0;
}

/* "invalid_grant: Invalid JWT Signature." of an error body; nothing secret is in it. */
static int refused(struct cred_got *out, const struct http_fetch *f)
{
	struct json_watch w[] = { { STR("error"), { 0 } }, { STR("error_description"), { 0 } } };
	struct json_fail fail_at;
	char error[64], text[128];
	struct str e = STR_NONE, d = STR_NONE;

	if (json_scan_object(f->text, w, TG_ARRAY_LEN(w), &fail_at) == 0) {
		if (json_decode(&w[0].val, error, sizeof error, &e) != 0)
			e = STR_NONE;
		if (json_decode(&w[1].val, text, sizeof text, &d) != 0)
			d = STR_NONE;
	}
	return cred_fail(out, "the token endpoint answered %u%s%.*s%s%.*s", f->status,
		e.n > 0 ? ", " : "", STR_FMT(e), d.n > 0 ? ": " : "", STR_FMT(d));
}

/* The form is sent, and the answer read. */
static int ask(struct cred_got *out, struct str uri, struct str form)
{
	struct http_fetch *f = calloc(1, sizeof *f);
	int rc = -1;

	tg_assert(f != NULL);
	f->url = uri;
	f->method = "POST";
	f->fields = STR("content-type: application/x-www-form-urlencoded\r\n"
			"accept: application/json\r\n");
	f->body = form;
	if (http_fetch(f) != 0)
		(void)cred_fail(out, "%.*s: %s", (int)TG_MIN(uri.n, (size_t)100), uri.p, f->why);
	else if (f->status != 200)
		(void)refused(out, f);
	else
		rc = cred_token_read(out, f->text);
	OPENSSL_cleanse(f, sizeof *f);
	free(f);
	return rc;
}

static int fetch_google(const struct str arg[CRED_ARGS], struct cred_got *out)
{
	char form[2 * ASSERTION_MAX];
	struct text t = { .p = form, .cap = sizeof form };
	struct google g;
	int rc = -1;

	if (google_read(&g, arg[0], out->why, sizeof out->why) == 0 &&
		put_request(&t, arg[0], out->why, sizeof out->why) == 0)
		rc = ask(out, g.uri, str_mk(t.p, t.n));
	OPENSSL_cleanse(form, sizeof form);
	return rc;
}

const struct cred_kind cred_google = {
	.name = "google",
	.fields = true,
	.fetch = fetch_google,
};
