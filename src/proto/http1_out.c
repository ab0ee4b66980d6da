/*
 * http1_out.c: appending status lines, fields and numbers to a head being composed; see
 * http1_out.h. Pure, any thread.
 */
#include "proto/http1_out.h"

#define DIGITS_MAX 20

struct str http_reason(unsigned status)
{
	switch (status) {
#define X(code, phrase) \
	case code:      \
		return STR(phrase);
#include "proto/tbl/http_status.h"
#undef X
	default: return STR("");
	}
}

/* Decimal digits of v at the end of buf. */
static struct str digits(uint64_t v, char buf[DIGITS_MAX])
{
	size_t i = DIGITS_MAX;

	do {
		buf[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	return str_mk(buf + i, DIGITS_MAX - i);
}

void http_out_u64(struct http_out *o, uint64_t v)
{
	char buf[DIGITS_MAX];

	http_out_str(o, digits(v, buf));
}

/* Some of the eight bytes is below 0x20 (the classical trick: a borrow only follows a true hit). */
static inline bool word_has_control(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return ((v - 0x2020202020202020u) & ~v & 0x8080808080808080u) != 0;
}

/* Byte by byte: a control other than HTAB. */
static bool has_control_slow(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((uint8_t)s.p[i] < 0x20 && s.p[i] != '\t')
			return true;
	return false;
}

static inline bool has_control(struct str s)
{
	bool hit = false;

	if (s.n < 8)
		return has_control_slow(s);
	for (size_t i = 0; i + 8 < s.n; i += 8)
		hit |= word_has_control(s.p + i);
	hit |= word_has_control(s.p + s.n - 8);
	return TG_UNLIKELY(hit) && has_control_slow(s);
}

void http_out_field(struct http_out *o, struct str name, struct str value)
{
	char *p;

	if (name.n == 0 || has_control(name) || has_control(value)) {
		o->bad = true;
		return;
	}
	if (name.n > o->cap || value.n > o->cap || name.n + value.n + 4 > o->cap - o->n) {
		o->overflow = true;
		return;
	}
	p = o->p + o->n;
	memcpy(p, name.p, name.n);
	p += name.n;
	*p++ = ':';
	*p++ = ' ';
	if (value.n != 0)
		memcpy(p, value.p, value.n);
	p += value.n;
	*p++ = '\r';
	*p++ = '\n';
	o->n += name.n + value.n + 4;
}

void http_out_field_u64(struct http_out *o, struct str name, uint64_t value)
{
	char buf[DIGITS_MAX];

	http_out_field(o, name, digits(value, buf));
}

void http_out_segment(struct http_out *o, struct str s, const char *keep)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t from = o->n;

	for (size_t i = 0; i < s.n && !o->overflow; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char escaped[3] = { '%', hex[c >> 4], hex[c & 15] };
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') ||
			     (c != '\0' && (strchr("-._~", c) != NULL || strchr(keep, c) != NULL));

		http_out_str(o, plain ? str_mk(s.p + i, 1) : str_mk(escaped, 3));
	}
	if (o->overflow)
		o->n = from;
}

void http_out_status(struct http_out *o, unsigned status)
{
	struct str reason = http_reason(status);
	char line[64] = "HTTP/1.1 ", num[DIGITS_MAX];
	size_t n = 9;

	tg_assert(status >= 100 && status <= 999);
	memcpy(line + n, digits(status, num).p, 3);
	n += 3;
	line[n++] = ' ';
	memcpy(line + n, reason.p, reason.n);
	n += reason.n;
	line[n++] = '\r';
	line[n++] = '\n';
	http_out_str(o, str_mk(line, n));
}
