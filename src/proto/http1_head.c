/*
 * http1_head.c: HTTP/1.x heads, strictly (RFC 9112). http1_head_end() looks at every byte once,
 * sixteen at a time where the processor can; the parsers then rely on what it has proved: CR and LF
 * only as CRLF, no other controls. They stay inside p[0..n) whatever they are given. Pure, any
 * thread.
 */
#include "proto/http1_head.h"
#include "proto/http_chars.h"
#include "proto/url.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Offset of the first byte from i on that is a control (HTAB too) or DEL; n when there is none. */
static inline size_t next_control(const char *p, size_t i, size_t n)
{
#ifdef __SSE2__
	const __m128i low = _mm_set1_epi8(0x1f), del = _mm_set1_epi8(0x7f);

	for (; i + 16 <= n; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		__m128i ctl = _mm_or_si128(
			_mm_cmpeq_epi8(_mm_min_epu8(v, low), v), _mm_cmpeq_epi8(v, del));
		unsigned mask = (unsigned)_mm_movemask_epi8(ctl);

		if (mask != 0)
			return i + (unsigned)__builtin_ctz(mask);
	}
#endif
	for (; i < n; i++)
		if ((uint8_t)p[i] < 0x20 || p[i] == 0x7f)
			return i;
	return n;
}

/* Offset of the first c from i on; n when there is none. Header lines are too short for a memchr
 * call. */
static inline size_t next_byte(const char *p, size_t i, size_t n, char c)
{
#ifdef __SSE2__
	const __m128i want = _mm_set1_epi8(c);

	for (; i + 16 <= n; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, want));

		if (mask != 0)
			return i + (unsigned)__builtin_ctz(mask);
	}
#endif
	for (; i < n; i++)
		if (p[i] == c)
			return i;
	return n;
}

#ifdef __SSE2__
struct masks { /* a bit for each byte of a block of 64 */
	uint64_t cr, lf;
	bool other; /* some control but CR and LF; HTAB too, which is rare enough for the careful
		       loop */
};

static inline struct masks block_masks(const char *p)
{
	const __m128i low = _mm_set1_epi8(0x1f), del = _mm_set1_epi8(0x7f);
	const __m128i cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n');
	__m128i other = _mm_setzero_si128();
	struct masks m = { 0, 0, false };

	for (unsigned i = 0; i < 64; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		__m128i is_cr = _mm_cmpeq_epi8(v, cr), is_lf = _mm_cmpeq_epi8(v, lf);
		__m128i ctl = _mm_or_si128(
			_mm_cmpeq_epi8(_mm_min_epu8(v, low), v), _mm_cmpeq_epi8(v, del));

		other = _mm_or_si128(other, _mm_andnot_si128(_mm_or_si128(is_cr, is_lf), ctl));
		m.cr |= (uint64_t)(unsigned)_mm_movemask_epi8(is_cr) << i;
		m.lf |= (uint64_t)(unsigned)_mm_movemask_epi8(is_lf) << i;
	}
	m.other = _mm_movemask_epi8(other) != 0;
	return m;
}

/*
 * Passes over whole blocks in which every CR has its LF, no line is empty and there is no other
 * control: no branch depends on where the lines end. p[i] does not begin with the LF of a CRLF.
 * Returns an offset like i from which the careful loop goes on.
 */
static size_t skip_plain_blocks(const char *p, size_t i, size_t n)
{
	uint64_t cr_before = 0, lf_before = i == 0 || p[i - 1] == '\n';

	for (; i + 64 <= n; i += 64) {
		struct masks m = block_masks(p + i);

		if (m.other | (m.lf ^ (m.cr << 1 | cr_before)) | (m.cr & (m.lf << 1 | lf_before)))
			break;
		cr_before = m.cr >> 63;
		lf_before = m.lf >> 63;
	}
	return i - cr_before;
}
#else
static size_t skip_plain_blocks(const char *p, size_t i, size_t n)
{
	(void)p;
	(void)n;
	return i;
}
#endif

/* The head outgrew max: say whether already its first line did. */
static enum http_error too_large(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (p[i] == '\r' || p[i] == '\n'))
		i++;
	return memchr(p + i, '\n', n - i) != NULL ? HTTP_E_HEAD_TOO_LARGE : HTTP_E_TARGET_TOO_LONG;
}

/* Nothing but k empty lines in front of i. */
static bool only_empty_lines(const char *p, size_t i)
{
	return i == 0 || (i == 2 && p[0] == '\r') || (i == 4 && p[0] == '\r' && p[2] == '\r');
}

long http1_head_end(const char *p, size_t n, size_t *resume, size_t max, enum http_error *err)
{
	size_t limit, i;

	max = TG_MIN(max, (size_t)HTTP_MAX_HEAD);
	limit = TG_MIN(n, max);
	i = skip_plain_blocks(p, TG_MIN(*resume, limit), limit);
	while ((i = next_control(p, i, limit)) < limit) {
		if (p[i] == '\t') {
			i++;
			continue;
		}
		if (p[i] != '\r') {
			*err = p[i] == '\n' ? HTTP_E_BARE_LF : HTTP_E_CONTROL_BYTE;
			return -1;
		}
		if (i + 1 == limit)
			break;
		if (p[i + 1] != '\n') {
			*err = HTTP_E_BARE_CR;
			return -1;
		}
		if ((i == 0 || p[i - 1] == '\n') && !only_empty_lines(p, i))
			return (long)(i + 2);
		if (i == 4 && only_empty_lines(p, i)) {
			*err = HTTP_E_BAD_REQUEST_LINE;
			return -1;
		}
		i += 2;
	}
	if (n >= max) {
		*err = too_large(p, limit);
		return -1;
	}
	*resume = i;
	return 0;
}

/* s is the literal, compared in place. */
#define IS(s, literal) \
	((s).n == sizeof(literal) - 1 && memcmp((s).p, literal, sizeof(literal) - 1) == 0)

/* What is learned from the fields before framing is decided. */
struct learned {
	bool close, keep_alive, chunked, length;
};

static enum http_error parse_length(struct str v, uint64_t *out)
{
	uint64_t n = 0;

	if (v.n == 0 || v.n > 19)
		return HTTP_E_BAD_CONTENT_LENGTH;
	for (size_t i = 0; i < v.n; i++) {
		if (!http_is(v.p[i], HTTP_C_DIGIT))
			return HTTP_E_BAD_CONTENT_LENGTH;
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	}
	if (n > INT64_MAX)
		return HTTP_E_BAD_CONTENT_LENGTH;
	*out = n;
	return HTTP_E_NONE;
}

static void learn_connection(struct http_head *h, struct learned *l, struct str v)
{
	struct str part;

	if (IS(v, "keep-alive") || IS(v, "close")) { /* what nearly everyone says */
		*(v.n == 5 ? &l->close : &l->keep_alive) = true;
		return;
	}
	while (str_split(&v, ',', &part)) {
		part = str_trim(part);
		if (str_eq_ci(part, STR("keep-alive")))
			l->keep_alive = true;
		else if (str_eq_ci(part, STR("close")))
			l->close = true;
		else if (str_eq_ci(part, STR("upgrade")))
			h->upgrade = true;
	}
}

/* A field whose name the framing or the connection depends on. `again`: not the first of its name.
 */
static enum http_error learn_field(
	struct http_head *h, struct learned *l, enum http_name id, struct str v, bool again)
{
	switch (id) {
	case HTTP_N_CONTENT_LENGTH:
		l->length = true;
		return again ? HTTP_E_DUPLICATE_CONTENT_LENGTH
			     : parse_length(v, &h->content_length);
	case HTTP_N_TRANSFER_ENCODING:
		l->chunked = true;
		return again || !str_eq_ci(v, STR("chunked")) ? HTTP_E_BAD_TRANSFER_ENCODING
							      : HTTP_E_NONE;
	case HTTP_N_HOST: return again ? HTTP_E_DUPLICATE_HOST : HTTP_E_NONE;
	case HTTP_N_CONNECTION: learn_connection(h, l, v); return HTTP_E_NONE;
	case HTTP_N_EXPECT:
		if (h->minor == 1 && str_eq_ci(v, STR("100-continue")))
			h->expect_continue = true;
		return HTTP_E_NONE;
	case HTTP_N_TE:
		if (http_list_has(v, STR("trailers")))
			h->te_trailers = true;
		return HTTP_E_NONE;
	default: return HTTP_E_NONE;
	}
}

/* The line at p[at..] has no token followed by a colon: say why. */
static enum http_error bad_field(const char *p, size_t at, size_t n)
{
	size_t end = next_byte(p, at, n, '\r');

	if (p[at] == ' ' || p[at] == '\t')
		return HTTP_E_OBS_FOLD;
	return memchr(p + at, ':', end - at) != NULL ? HTTP_E_BAD_FIELD_NAME : HTTP_E_NO_COLON;
}

/* Nearly always true, so that all bytes are looked at without a branch for each. */
static inline bool is_token(const char *p, size_t n)
{
	unsigned all = HTTP_C_TOKEN;

	for (size_t i = 0; i < n; i++)
		all &= http_char[(uint8_t)p[i]];
	return n != 0 && all != 0;
}

/* A name the index knows is a token; only others are looked at byte by byte. */
static inline enum http_error add_field(
	struct http_head *h, struct learned *l, size_t name, size_t colon, size_t from, size_t to)
{
	struct http_field *f = &h->field[h->n_fields];
	enum http_name id = http_name_of_token(h->base + name, colon - name);
	bool again;

	if (h->n_fields == HTTP_MAX_FIELDS)
		return HTTP_E_TOO_MANY_FIELDS;
	*f = (struct http_field){ (uint16_t)name, (uint16_t)(colon - name), (uint16_t)from,
		(uint16_t)(to - from), (uint16_t)id };
	h->n_fields++;
	if (id == HTTP_N_OTHER)
		return is_token(h->base + name, colon - name) ? HTTP_E_NONE : HTTP_E_BAD_FIELD_NAME;
	again = h->first[id] != 0;
	if (!again)
		h->first[id] = h->n_fields;
	return learn_field(h, l, id, str_mk(h->base + from, to - from), again);
}

/* The field lines from `at` through the empty line at the end. p[n-1] is LF, which ends every loop
 * here. */
static enum http_error parse_fields(struct http_head *h, struct learned *l, size_t at, size_t n)
{
	const char *p = h->base;
	enum http_error e;

	while (p[at] != '\r') {
		size_t name = at, from, to, end, colon = next_byte(p, name, n, ':');

		if (colon == name || colon == n)
			return bad_field(p, name, n);
		for (from = colon + 1; p[from] == ' ' || p[from] == '\t'; from++)
			;
		end = next_byte(p, from, n, '\r');
		if (end + 2 >= n || p[end + 1] != '\n')
			return HTTP_E_BARE_CR;
		for (to = end; to > from && (p[to - 1] == ' ' || p[to - 1] == '\t'); to--)
			;
		if ((e = add_field(h, l, name, colon, from, to)) != HTTP_E_NONE)
			return e == HTTP_E_BAD_FIELD_NAME ? bad_field(p, name, n) : e;
		at = end + 2;
	}
	return at + 2 == n ? HTTP_E_NONE : HTTP_E_BARE_CR;
}

static enum http_method method_id(struct str m)
{
#define X(name)                    \
	if (str_eq(m, STR(#name))) \
		return HTTP_M_##name;
	switch (m.p[0]) {
	case 'G': X(GET) break;
	case 'P': X(POST) X(PUT) X(PATCH) break;
	default: HTTP_METHODS(X)
	}
#undef X
	return HTTP_M_OTHER;
}

/* "HTTP/1.x" at v[0..8): 0 and *minor, or why not. */
static enum http_error parse_version(const char *v, uint8_t *minor, enum http_error malformed)
{
	if (memcmp(v, "HTTP/", 5) != 0 || !http_is(v[5], HTTP_C_DIGIT) || v[6] != '.' ||
		!http_is(v[7], HTTP_C_DIGIT))
		return malformed;
	if (v[5] != '1' || (v[7] != '0' && v[7] != '1'))
		return HTTP_E_BAD_VERSION;
	*minor = (uint8_t)(v[7] - '0');
	return HTTP_E_NONE;
}

/* Only the forms of RFC 9112 section 3.2 that make sense here; url.h does the rest when routing. */
static enum http_error check_target(enum http_method method, struct str t)
{
	struct str rest;
	size_t slash;

	if (method == HTTP_M_CONNECT)
		return HTTP_E_NO_TUNNEL;
	if (t.n > HTTP_MAX_TARGET)
		return HTTP_E_TARGET_TOO_LONG;
	if (t.p[0] == '/')
		return HTTP_E_NONE;
	if (t.p[0] == '*')
		return t.n == 1 && method == HTTP_M_OPTIONS ? HTTP_E_NONE : HTTP_E_BAD_TARGET;
	if (str_starts_ci(t, STR("http://")))
		rest = str_skip(t, 7);
	else if (str_starts_ci(t, STR("https://")))
		rest = str_skip(t, 8);
	else
		return HTTP_E_BAD_TARGET;
	for (slash = 0; slash < rest.n && rest.p[slash] != '/' && rest.p[slash] != '?'; slash++)
		;
	return url_host_valid(str_mk(rest.p, slash)) ? HTTP_E_NONE : HTTP_E_BAD_TARGET;
}

/* METHOD SP target SP HTTP/1.x CRLF; *at moves behind it. */
static enum http_error parse_request_line(struct http_head *h, size_t *at, size_t n)
{
	const char *p = h->base;
	size_t m = *at, t, v;
	enum http_error e;

	for (t = m; http_is(p[t], HTTP_C_TOKEN); t++)
		;
	if (t == m || p[t] != ' ')
		return HTTP_E_BAD_REQUEST_LINE;
	h->method_off = (uint16_t)m;
	h->method_len = (uint16_t)(t - m);
	h->method = method_id(http_method_text(h));
	for (v = ++t; http_is(p[v], HTTP_C_VCHAR); v++)
		;
	if (v == t || p[v] == '\r')
		return HTTP_E_BAD_REQUEST_LINE;
	if (p[v] != ' ')
		return HTTP_E_BAD_TARGET;
	h->target = (uint16_t)t;
	h->target_len = (uint16_t)(v - t);
	if (++v + 10 > n || p[v + 8] != '\r' || p[v + 9] != '\n')
		return HTTP_E_BAD_REQUEST_LINE;
	if ((e = parse_version(p + v, &h->minor, HTTP_E_BAD_REQUEST_LINE)) != HTTP_E_NONE)
		return e;
	*at = v + 10;
	return check_target(h->method, http_target(h));
}

/* What holds for both directions: RFC 9112 section 6.1, 6.3 and 9.3. */
static enum http_error settle_fields(struct http_head *h, const struct learned *l)
{
	if (l->chunked && h->minor == 0)
		return HTTP_E_ENCODING_IN_HTTP10;
	if (l->chunked && l->length)
		return HTTP_E_LENGTH_AND_ENCODING;
	h->keep_alive = !l->close && (h->minor == 1 || l->keep_alive);
	if (l->chunked)
		h->framing = HTTP_BODY_CHUNKED;
	else if (l->length)
		h->framing = HTTP_BODY_LENGTH;
	return HTTP_E_NONE;
}

static enum http_error settle_request(struct http_head *h, const struct learned *l)
{
	enum http_error e = settle_fields(h, l);

	if (e != HTTP_E_NONE)
		return e;
	if (h->first[HTTP_N_HOST] == 0 ? h->minor == 1 : !url_host_valid(http_get(h, HTTP_N_HOST)))
		return h->first[HTTP_N_HOST] == 0 ? HTTP_E_NO_HOST : HTTP_E_BAD_HOST;
	if ((h->method == HTTP_M_HEAD || h->method == HTTP_M_TRACE) &&
		(l->chunked || h->content_length != 0))
		return HTTP_E_BODY_NOT_ALLOWED;
	return HTTP_E_NONE;
}

static void head_reset(struct http_head *h, const char *p, size_t n)
{
	memset(h, 0,
		offsetof(struct http_head, field)); /* the fields are valid up to n_fields only */
	h->base = p;
	h->head_len = (uint16_t)n;
}

/* What http1_head_end() has promised about the length and the end. */
static bool whole(const char *p, size_t n)
{
	return n >= 4 && n <= HTTP_MAX_HEAD && memcmp(p + n - 4, "\r\n\r\n", 4) == 0;
}

static enum http_error request_parse(const char *p, size_t n, struct http_head *h)
{
	struct learned l = { false, false, false, false };
	enum http_error e;
	size_t at = 0;

	head_reset(h, p, n);
	while (at < 4 && at + 4 < n && p[at] == '\r' && p[at + 1] == '\n')
		at += 2;
	if ((e = parse_request_line(h, &at, n)) != HTTP_E_NONE ||
		(e = parse_fields(h, &l, at, n)) != HTTP_E_NONE)
		return e;
	return settle_request(h, &l);
}

int http1_request_parse(const char *p, size_t n, struct http_head *out, enum http_error *err)
{
	*err = whole(p, n) ? request_parse(p, n, out) : HTTP_E_BAD_REQUEST_LINE;
	return *err == HTTP_E_NONE ? 0 : -1;
}

/* HTTP/1.x SP 3DIGIT [SP reason] CRLF. Many servers leave the SP before an empty reason away. */
static enum http_error parse_status_line(struct http_head *h, size_t *at, size_t n)
{
	const char *p = h->base, *s = p + 9;
	size_t end = next_byte(p, 0, n, '\r');
	enum http_error e;

	if (end < 12 || end + 1 >= n || p[end + 1] != '\n' || p[8] != ' ')
		return HTTP_E_BAD_STATUS_LINE;
	if ((e = parse_version(p, &h->minor, HTTP_E_BAD_STATUS_LINE)) != HTTP_E_NONE)
		return e;
	if (s[0] < '1' || s[0] > '5' || !http_is(s[1], HTTP_C_DIGIT) ||
		!http_is(s[2], HTTP_C_DIGIT) || (end > 12 && s[3] != ' '))
		return HTTP_E_BAD_STATUS_LINE;
	h->status = (uint16_t)((s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0'));
	if (end > 12) {
		h->method_off = 13;
		h->method_len = (uint16_t)(end - 13);
	}
	*at = end + 2;
	return HTTP_E_NONE;
}

/* RFC 9112 section 6.3: the body of a response depends on what it answers. */
static enum http_error settle_response(
	struct http_head *h, const struct learned *l, enum http_method method)
{
	enum http_error e = settle_fields(h, l);
	bool never = h->status < 200 || h->status == 204 ||
		     (method == HTTP_M_CONNECT && h->status < 300);

	if (e != HTTP_E_NONE)
		return e;
	if (never && (l->chunked || h->content_length != 0))
		h->keep_alive = false; /* who announces a body here may also send one */
	if (never || h->status == 304 || method == HTTP_M_HEAD)
		h->framing = HTTP_BODY_NONE;
	else if (!l->chunked && !l->length) {
		h->framing = HTTP_BODY_EOF;
		h->keep_alive = false;
	}
	return HTTP_E_NONE;
}

static enum http_error response_parse(
	const char *p, size_t n, enum http_method method, struct http_head *h)
{
	struct learned l = { false, false, false, false };
	enum http_error e;
	size_t at = 0;

	head_reset(h, p, n);
	if ((e = parse_status_line(h, &at, n)) != HTTP_E_NONE ||
		(e = parse_fields(h, &l, at, n)) != HTTP_E_NONE)
		return e;
	return settle_response(h, &l, method);
}

int http1_response_parse(const char *p, size_t n, enum http_method method, struct http_head *out,
	enum http_error *err)
{
	*err = whole(p, n) ? response_parse(p, n, method, out) : HTTP_E_BAD_STATUS_LINE;
	return *err == HTTP_E_NONE ? 0 : -1;
}
