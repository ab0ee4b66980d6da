/*
 * sigv4.c: the canonical request, the string to sign, the signature; and what an authorization
 * field claims. Owns nothing; any thread.
 */
#include "proto/sigv4.h"

#include <stdio.h>

#include "base/digest.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

/* Text into room that was asked for beforehand. */
struct text {
	char *p;
	size_t n, cap;
};

static void put(struct text *t, struct str s)
{
	tg_assert(s.n <= t->cap - t->n);
	if (s.n > 0)
		memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
}

static bool unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static void put_escape(struct text *t, char c)
{
	static const char hex[] = "0123456789ABCDEF";
	char e[3] = { '%', hex[(unsigned char)c >> 4], hex[c & 15] };

	put(t, str_mk(e, sizeof e));
}

static void put_encoded(struct text *t, struct str s, bool keep_slash)
{
	for (size_t i = 0; i < s.n; i++)
		if (unreserved(s.p[i]) || (keep_slash && s.p[i] == '/'))
			put(t, str_mk(s.p + i, 1));
		else
			put_escape(t, s.p[i]);
}

void sigv4_time(int64_t unix_s, char out[17])
{
	int64_t days = unix_s / 86400, s = unix_s % 86400;
	/* days to a date (Howard Hinnant's algorithm, from 0000-03-01) */
	int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
	int64_t field[] = { year % 10000, month, doy - (153 * mp + 2) / 5 + 1, s / 3600,
		s / 60 % 60, s % 60 };
	char *p = out;

	tg_assert(unix_s >= 0);
	for (int i = 0; i < 6; i++) {
		int width = i == 0 ? 4 : 2;

		if (i == 3)
			*p++ = 'T';
		for (int d = width - 1; d >= 0; d--, field[i] /= 10)
			p[d] = (char)('0' + field[i] % 10);
		p += width;
	}
	memcpy(p, "Z", 2);
}

static int digits(struct str s, size_t at, size_t n)
{
	int v = 0;

	for (size_t i = at; i < at + n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		v = 10 * v + (s.p[i] - '0');
	}
	return v;
}

int64_t sigv4_time_parse(struct str s)
{
	int64_t y, m, d, h, mi, se, era, yoe, doy;

	if (s.n != 16 || s.p[8] != 'T' || s.p[15] != 'Z')
		return -1;
	y = digits(s, 0, 4), m = digits(s, 4, 2), d = digits(s, 6, 2);
	h = digits(s, 9, 2), mi = digits(s, 11, 2), se = digits(s, 13, 2);
	if (y < 1970 || m < 1 || m > 12 || d < 1 || d > 31 || h < 0 || h > 23 || mi < 0 ||
		mi > 59 || se < 0 || se > 60)
		return -1;
	y -= m <= 2;
	era = y / 400, yoe = y - era * 400;
	doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	return (era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468) * 86400 + h * 3600 +
	       mi * 60 + se;
}

void sigv4_hash_payload(struct str body, char out[64])
{
	uint8_t hash[SHA256_LEN];

	digest_sha256(body, hash);
	digest_hex(out, hash, sizeof hash);
}

/* ---- the canonical request */

/* The path without empty and dot segments, then encoded. */
static void put_path(struct text *t, const struct sigv4_request *r)
{
	struct str rest = r->path, seg, kept[64];
	size_t n = 0;

	if (r->keep_path) {
		put_encoded(t, r->path, true);
		return;
	}
	while (str_split(&rest, '/', &seg)) {
		if (seg.n == 0 || str_eq(seg, STR(".")))
			continue;
		if (str_eq(seg, STR("..")))
			n -= n > 0;
		else if (n < TG_ARRAY_LEN(kept))
			kept[n++] = seg;
	}
	for (size_t i = 0; i < n; i++) {
		put(t, STR("/"));
		put_encoded(t, kept[i], false);
	}
	if (n == 0 || str_ends(r->path, STR("/")))
		put(t, STR("/"));
}

static bool hex_pair(struct str s, size_t i)
{
	uint8_t byte;

	return i + 2 < s.n && digest_unhex(str_mk(s.p + i + 1, 2), &byte, 1) == 0;
}

/* A parameter's name or value: escapes that are there stay, the rest is encoded. */
static void put_param(struct text *t, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '%' && hex_pair(s, i))
			put(t, STR("%"));
		else if (unreserved(s.p[i]))
			put(t, str_mk(s.p + i, 1));
		else
			put_escape(t, s.p[i]);
}

struct param {
	struct str name, value;
};

static bool param_before(const struct param *a, const struct param *b)
{
	int c = str_cmp(a->name, b->name);

	return c < 0 || (c == 0 && str_cmp(a->value, b->value) < 0);
}

static struct str encode_param(struct text *scratch, struct str s)
{
	size_t begin = scratch->n;

	put_param(scratch, s);
	return str_mk(scratch->p + begin, scratch->n - begin);
}

static int put_query(struct text *t, struct text *scratch, struct str query)
{
	struct param sorted[SIGV4_PARAMS];
	struct str part;
	size_t n = 0, at;

	while (str_split(&query, '&', &part)) {
		size_t eq = str_chr(part, '=');
		struct param p;

		if (part.n == 0)
			continue;
		if (n == SIGV4_PARAMS)
			return -1;
		eq = eq == (size_t)-1 ? part.n : eq;
		p.name = encode_param(scratch, str_mk(part.p, eq));
		p.value = encode_param(scratch, str_skip(part, TG_MIN(eq + 1, part.n)));
		for (at = n++; at > 0 && param_before(&p, &sorted[at - 1]); at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = p;
	}
	for (size_t i = 0; i < n; i++) {
		put(t, i > 0 ? STR("&") : STR_NONE);
		put(t, sorted[i].name);
		put(t, STR("="));
		put(t, sorted[i].value);
	}
	return 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static int name_cmp(struct str a, struct str b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return lower(a.p[i]) - lower(b.p[i]);
	return (a.n > b.n) - (a.n < b.n);
}

/* Stable, so that fields of one name keep their order. */
static void sort_fields(const struct sigv4_request *r, const struct sigv4_field **sorted)
{
	for (size_t i = 0, at; i < r->n_fields; i++) {
		for (at = i; at > 0 && name_cmp(r->field[i].name, sorted[at - 1]->name) < 0; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = &r->field[i];
	}
}

static void put_lower(struct text *t, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = lower(s.p[i]);

		put(t, str_mk(&c, 1));
	}
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Without blanks around it, runs of them inside as one space. */
static void put_value(struct text *t, struct str s)
{
	bool gap = false, any = false;

	for (size_t i = 0; i < s.n; i++) {
		if (blank(s.p[i])) {
			gap = any;
			continue;
		}
		put(t, gap ? STR(" ") : STR_NONE);
		put(t, str_mk(s.p + i, 1));
		gap = false;
		any = true;
	}
}

static void put_fields(struct text *t, const struct sigv4_field *const *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && name_cmp(f[i]->name, f[i - 1]->name) == 0) {
			put(t, STR(","));
		} else {
			put(t, i > 0 ? STR("\n") : STR_NONE);
			put_lower(t, f[i]->name);
			put(t, STR(":"));
		}
		put_value(t, f[i]->value);
	}
	put(t, n > 0 ? STR("\n") : STR_NONE);
}

static struct str put_names(struct text *t, const struct sigv4_field *const *f, size_t n)
{
	size_t begin = t->n;

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && name_cmp(f[i]->name, f[i - 1]->name) == 0)
			continue;
		put(t, i > 0 ? STR(";") : STR_NONE);
		put_lower(t, f[i]->name);
	}
	return str_mk(t->p + begin, t->n - begin);
}

static size_t bound(const struct sigv4_request *r)
{
	size_t n = r->method.n + 3 * r->path.n + 3 * r->query.n + 2 * SIGV4_PARAMS + 128;

	for (size_t i = 0; i < r->n_fields; i++)
		n += 2 * r->field[i].name.n + r->field[i].value.n + 4;
	return n;
}

struct str sigv4_canonical(
	struct arena *a, const struct sigv4_request *r, struct str *signed_fields)
{
	const struct sigv4_field *sorted[SIGV4_FIELDS];
	size_t query_room = 3 * r->query.n + 1, room = bound(r);
	struct text scratch = { arena_alloc(a, query_room), 0, query_room };
	struct text t = { arena_alloc(a, room), 0, room };

	if (r->n_fields > SIGV4_FIELDS || scratch.p == NULL || t.p == NULL)
		return STR_NONE;
	sort_fields(r, sorted);
	put(&t, r->method);
	put(&t, STR("\n"));
	put_path(&t, r);
	put(&t, STR("\n"));
	if (put_query(&t, &scratch, r->query) != 0)
		return STR_NONE;
	put(&t, STR("\n"));
	put_fields(&t, sorted, r->n_fields);
	put(&t, STR("\n"));
	*signed_fields = put_names(&t, sorted, r->n_fields);
	put(&t, STR("\n"));
	put(&t, str_mk(r->payload_hash, sizeof r->payload_hash));
	return str_mk(t.p, t.n);
}

/* ---- the signature */

struct str sigv4_string_to_sign(
	struct arena *a, const struct sigv4_key *k, const char time[17], struct str canonical)
{
	char hash[64];

	sigv4_hash_payload(canonical, hash);
	return arena_printf(a, ALGORITHM "\n%s\n%.8s/%.*s/%.*s/aws4_request\n%.64s", time, time,
		STR_FMT(k->region), STR_FMT(k->service), hash);
}

void sigv4_signature(
	const struct sigv4_key *k, const char time[17], struct str string_to_sign, char out[64])
{
	uint8_t key[SHA256_LEN], next[SHA256_LEN];
	struct str step[] = { str_mk(time, 8), k->region, k->service, STR("aws4_request"),
		string_to_sign };
	char secret[256];
	size_t n = TG_MIN(k->secret.n, sizeof secret - 4);

	memcpy(secret, "AWS4", 4);
	if (n > 0)
		memcpy(secret + 4, k->secret.p, n);
	digest_hmac_sha256(str_mk(secret, n + 4), step[0], key);
	for (size_t i = 1; i < TG_ARRAY_LEN(step); i++) {
		digest_hmac_sha256(str_mk((const char *)key, sizeof key), step[i], next);
		memcpy(key, next, sizeof key);
	}
	digest_hex(out, key, sizeof key);
	explicit_bzero(secret, sizeof secret);
}

struct str sigv4_authorization(struct arena *a, const struct sigv4_request *r,
	const struct sigv4_key *k, const char time[17])
{
	struct str names = STR_NONE, canonical = sigv4_canonical(a, r, &names), to_sign;
	char signature[64];

	if (canonical.p == NULL)
		return STR_NONE;
	to_sign = sigv4_string_to_sign(a, k, time, canonical);
	if (to_sign.p == NULL)
		return STR_NONE;
	sigv4_signature(k, time, to_sign, signature);
	return arena_printf(a,
		ALGORITHM
		" Credential=%.*s/%.8s/%.*s/%.*s/aws4_request, SignedHeaders=%.*s, Signature=%.64s",
		STR_FMT(k->access), time, STR_FMT(k->region), STR_FMT(k->service), STR_FMT(names),
		signature);
}

/* ---- the verifying side */

static int claim_scope(struct str scope, struct sigv4_claim *c)
{
	struct str last;

	if (!str_split(&scope, '/', &c->access) || !str_split(&scope, '/', &c->date) ||
		!str_split(&scope, '/', &c->region) || !str_split(&scope, '/', &c->service) ||
		!str_split(&scope, '/', &last) || scope.n > 0)
		return -1;
	return c->access.n > 0 && c->date.n == 8 && str_eq(last, STR("aws4_request")) ? 0 : -1;
}

int sigv4_claim_parse(struct str authorization, struct sigv4_claim *out)
{
	struct str rest = authorization, part, scope = STR_NONE;

	memset(out, 0, sizeof *out);
	if (!str_starts(rest, STR(ALGORITHM " ")))
		return -1;
	rest = str_skip(rest, sizeof ALGORITHM);
	while (str_split(&rest, ',', &part)) {
		size_t eq = str_chr(part = str_trim(part), '=');
		struct str name, value;

		if (eq == (size_t)-1)
			return -1;
		name = str_mk(part.p, eq);
		value = str_skip(part, eq + 1);
		if (str_eq(name, STR("Credential")))
			scope = value;
		else if (str_eq(name, STR("SignedHeaders")))
			out->signed_fields = value;
		else if (str_eq(name, STR("Signature")))
			out->signature = value;
	}
	if (claim_scope(scope, out) != 0)
		return -1;
	return out->signed_fields.n > 0 && out->signature.n == 64 ? 0 : -1;
}
