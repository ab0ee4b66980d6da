/*
 * json_text.c: single JSON values to and from C: strings decoded and quoted, numbers read as
 * integers. The other half of json_scan.h; values come from a scan, so their grammar was checked,
 * yet nothing here relies on it. Pure functions; any thread.
 */
#include "proto/json_scan.h"

#include "proto/json_run.h"

struct out {
	char *p;
	size_t n, cap;
};

static bool out_put(struct out *o, const char *p, size_t n)
{
	if (n > o->cap - o->n)
		return false;
	memcpy(o->p + o->n, p, n);
	o->n += n;
	return true;
}

/* Length of the well-formed UTF-8 sequence at p (Unicode table 3-7), 0 when there is none. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	switch (p[0]) {
	case 0xe0: lo = 0xa0; break; /* overlong */
	case 0xed: hi = 0x9f; break; /* surrogates */
	case 0xf0: lo = 0x90; break; /* overlong */
	case 0xf4: hi = 0x8f; break; /* above U+10FFFF */
	}
	if (len > n || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

static bool out_code_point(struct out *o, uint32_t c)
{
	unsigned char b[4];

	if (c < 0x80) {
		b[0] = (unsigned char)c;
		return out_put(o, (char *)b, 1);
	}
	if (c < 0x800) {
		b[0] = (unsigned char)(0xc0 | c >> 6);
		b[1] = (unsigned char)(0x80 | (c & 0x3f));
		return out_put(o, (char *)b, 2);
	}
	if (c < 0x10000) {
		b[0] = (unsigned char)(0xe0 | c >> 12);
		b[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		b[2] = (unsigned char)(0x80 | (c & 0x3f));
		return out_put(o, (char *)b, 3);
	}
	b[0] = (unsigned char)(0xf0 | c >> 18);
	b[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
	b[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
	b[3] = (unsigned char)(0x80 | (c & 0x3f));
	return out_put(o, (char *)b, 4);
}

/* "uXXXX" at p: the code unit, or -1. */
static int32_t code_unit(const char *p, size_t n)
{
	int32_t c = 0;

	if (n < 5 || p[0] != 'u')
		return -1;
	for (int i = 1; i < 5; i++) {
		char d = p[i];

		if (d >= '0' && d <= '9')
			c = c << 4 | (d - '0');
		else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f')
			c = c << 4 | ((d | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return c;
}

/* p behind a backslash: how many bytes the escape takes from there, 0 when it is none or does not
 * fit. */
static size_t unescape(const char *p, size_t n, struct out *o)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *simple = n > 0 && p[0] != '\0' ? strchr(from, p[0]) : NULL;
	int32_t c = code_unit(p, n), low;

	if (simple != NULL)
		return out_put(o, &to[simple - from], 1) ? 1 : 0;
	if (c < 0 || (c >= 0xdc00 && c <= 0xdfff))
		return 0;
	if (c < 0xd800 || c > 0xdbff)
		return out_code_point(o, (uint32_t)c) ? 5 : 0;
	low = n > 6 && p[5] == '\\' ? code_unit(p + 6, n - 6) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return 0;
	c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	return out_code_point(o, (uint32_t)c) ? 11 : 0;
}

/* The text between the quotes. */
static int string_body(const struct json_val *v, struct str *out)
{
	if (v->type != JSON_STRING || v->raw.n < 2)
		return -1;
	*out = str_mk(v->raw.p + 1, v->raw.n - 2);
	return 0;
}

int json_get_plain(const struct json_val *v, struct str *out)
{
	struct str s;

	if (string_body(v, &s) != 0 || memchr(s.p, '\\', s.n) != NULL)
		return -1;
	*out = s;
	return 0;
}

/* How many bytes at the front are ASCII without escapes, eight at a time. */
static size_t ascii_run(struct str s)
{
	size_t i = 0;
	uint64_t x;

	for (; s.n - i >= sizeof x; i += sizeof x) {
		memcpy(&x, s.p + i, sizeof x);
		if (!json_word_is_ascii(x))
			break;
	}
	while (i < s.n && (unsigned char)s.p[i] < 0x80 && s.p[i] != '\\')
		i++;
	return i;
}

int json_decode_text(struct str s, char *buf, size_t cap, struct str *out)
{
	struct out o = { buf, 0, cap };

	while (s.n > 0) {
		size_t len = ascii_run(s);

		if (*s.p == '\\') {
			len = unescape(s.p + 1, s.n - 1, &o);
			if (len == 0)
				return -1;
			s = str_skip(s, len + 1);
			continue;
		}
		if (len == 0)
			len = utf8_len((const unsigned char *)s.p, s.n);
		if (len == 0 || !out_put(&o, s.p, len))
			return -1;
		s = str_skip(s, len);
	}
	*out = str_mk(buf, o.n);
	return 0;
}

int json_decode(const struct json_val *v, char *buf, size_t cap, struct str *out)
{
	struct str s;

	return string_body(v, &s) == 0 ? json_decode_text(s, buf, cap, out) : -1;
}

/* One byte of a string as it stands between quotes. */
static bool quote_byte(struct out *o, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char esc[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	switch (c) {
	case '"': return out_put(o, "\\\"", 2);
	case '\\': return out_put(o, "\\\\", 2);
	case '\n': return out_put(o, "\\n", 2);
	case '\r': return out_put(o, "\\r", 2);
	case '\t': return out_put(o, "\\t", 2);
	}
	if (c < 0x20 || c == 0x7f)
		return out_put(o, esc, 6);
	return out_put(o, (const char *)&c, 1);
}

/* Whether all of eight bytes are ASCII that stands for itself. */
static bool word_is_plain(uint64_t x)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t low = (x - ones * 0x20) & ~x, quote = x ^ ones * '"', del = x ^ ones * 0x7f;

	return json_word_is_ascii(x) &&
	       ((low | ((quote - ones) & ~quote) | ((del - ones) & ~del)) & tops) == 0;
}

/* How many bytes at the front are ASCII that stands for itself: nearly always all of them. */
static size_t plain_run(struct str s)
{
	size_t i = 0;
	uint64_t x;

	for (; s.n - i >= sizeof x; i += sizeof x) {
		memcpy(&x, s.p + i, sizeof x);
		if (!word_is_plain(x))
			break;
	}
	if (s.n > i && s.n - i < sizeof x && word_is_plain(json_short_word(s.p + i, s.n - i, 'x')))
		return s.n;
	while (i < s.n && s.p[i] >= 0x20 && s.p[i] < 0x7f && s.p[i] != '"' && s.p[i] != '\\')
		i++;
	return i;
}

size_t json_quote(char *out, size_t cap, struct str s)
{
	struct out o = { out, 0, cap };

	if (cap < 2)
		return 0;
	o.p[o.n++] = '"';
	while (s.n > 0) {
		size_t len = plain_run(s);
		bool ok;

		if (len > 0) {
			if (!out_put(&o, s.p, len))
				return 0;
			s = str_skip(s, len);
			continue;
		}
		len = utf8_len((const unsigned char *)s.p, s.n);
		if (len == 1)
			ok = quote_byte(&o, (unsigned char)*s.p);
		else if (len > 1)
			ok = out_put(&o, s.p, len);
		else
			ok = out_put(&o, "\xef\xbf\xbd", 3); /* U+FFFD for what is not UTF-8 */
		if (!ok)
			return 0;
		s = str_skip(s, len > 0 ? len : 1);
	}
	return out_put(&o, "\"", 1) ? o.n : 0;
}

/* Decimal digits of s into *v (leading zeros are free): how many there were, and -1 on overflow. */
static int take_digits(struct str *s, uint64_t *v, int64_t *count)
{
	while (s->n > 0 && *s->p >= '0' && *s->p <= '9') {
		uint64_t d = (uint64_t)(*s->p - '0');

		if (__builtin_mul_overflow(*v, (uint64_t)10, v) || __builtin_add_overflow(*v, d, v))
			return -1;
		*s = str_skip(*s, 1);
		(*count)++;
	}
	return 0;
}

static int take_exponent(struct str s, int64_t *exp)
{
	uint64_t e = 0;
	int64_t digits = 0;
	bool minus = false;

	if (s.n == 0)
		return 0;
	if (*s.p != 'e' && *s.p != 'E')
		return -1;
	s = str_skip(s, 1);
	if (s.n > 0 && (*s.p == '+' || *s.p == '-')) {
		minus = *s.p == '-';
		s = str_skip(s, 1);
	}
	if (take_digits(&s, &e, &digits) != 0 || digits == 0 || s.n > 0 || e > 1000)
		return -1;
	*exp += minus ? -(int64_t)e : (int64_t)e;
	return 0;
}

int json_get_u64(const struct json_val *v, uint64_t *out)
{
	struct str s = v->raw;
	uint64_t n = 0;
	int64_t digits = 0, fraction = 0, exp;

	if (v->type != JSON_NUMBER || take_digits(&s, &n, &digits) != 0 || digits == 0)
		return -1;
	if (s.n > 1 && *s.p == '.') {
		s = str_skip(s, 1);
		if (take_digits(&s, &n, &fraction) != 0)
			return -1;
	}
	exp = -fraction;
	if (take_exponent(s, &exp) != 0)
		return -1;
	for (; exp < 0 && n != 0; exp++, n /= 10)
		if (n % 10 != 0)
			return -1;
	for (; exp > 0 && n != 0; exp--)
		if (__builtin_mul_overflow(n, (uint64_t)10, &n))
			return -1;
	*out = n;
	return 0;
}
