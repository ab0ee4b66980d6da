/*
 * sim_buf.c: the growable buffer. Growth doubles, so composing is amortised linear.
 */
#include "sim/sim_buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"

char *sim_buf_room(struct sim_buf *b, size_t more)
{
	if (b->cap - b->n < more) {
		size_t cap = TG_MAX(b->cap * 2, (size_t)4096);

		while (cap - b->n < more)
			cap *= 2;
		b->p = realloc(b->p, cap);
		tg_assert(b->p != NULL);
		b->cap = cap;
	}
	return b->p + b->n;
}

void sim_buf_fini(struct sim_buf *b)
{
	free(b->p);
	*b = (struct sim_buf){ NULL, 0, 0 };
}

void sim_buf_u64(struct sim_buf *b, uint64_t v)
{
	b->n += num_put_u64(sim_buf_room(b, NUM_U64_MAX_LEN), v);
}

void sim_buf_hex(struct sim_buf *b, uint64_t v)
{
	b->n += num_put_hex(sim_buf_room(b, NUM_U64_MAX_LEN), v);
}

void sim_buf_hex16(struct sim_buf *b, uint64_t v)
{
	char *p = sim_buf_room(b, 16);

	for (unsigned i = 0; i < 16; i++)
		p[i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
	b->n += 16;
}

void sim_buf_fmt(struct sim_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	tg_assert(n >= 0);
	(void)sim_buf_room(b, (size_t)n + 1);
	va_start(ap, fmt);
	(void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

/* Length of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7), or 0. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
	size_t want = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4 || n < want)
		return 0;
	for (size_t i = 1; i < want; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return want;
}

static size_t quote_ascii(char *o, unsigned char c)
{
	if (c == '"' || c == '\\') {
		o[0] = '\\';
		o[1] = (char)c;
		return 2;
	}
	if (c < 0x20 || c == 0x7f) {
		memcpy(o, "\\u00", 4);
		o[4] = "0123456789abcdef"[c >> 4];
		o[5] = "0123456789abcdef"[c & 15];
		return 6;
	}
	o[0] = (char)c;
	return 1;
}

void sim_buf_quote(struct sim_buf *b, struct str s)
{
	char *o = sim_buf_room(b, s.n * 6 + 2), *start = o;
	const unsigned char *p = (const unsigned char *)s.p;

	*o++ = '"';
	for (size_t i = 0; i < s.n;) {
		size_t len = p[i] < 0x80 ? 1 : utf8_len(p + i, s.n - i);

		if (len == 1) {
			o += quote_ascii(o, p[i]);
		} else if (len == 0) {
			*o++ = '?';
			len = 1;
		} else {
			memcpy(o, p + i, len);
			o += len;
		}
		i += len;
	}
	*o++ = '"';
	b->n += (size_t)(o - start);
}

void sim_buf_base64(struct sim_buf *b, struct str s)
{
	static const char abc[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *o = sim_buf_room(b, (s.n + 2) / 3 * 4);
	const unsigned char *p = (const unsigned char *)s.p;

	b->n += (s.n + 2) / 3 * 4;
	for (size_t i = 0; i < s.n; i += 3, o += 4) {
		unsigned v = (unsigned)p[i] << 16;

		if (i + 1 < s.n)
			v |= (unsigned)p[i + 1] << 8;
		if (i + 2 < s.n)
			v |= p[i + 2];
		o[0] = abc[v >> 18];
		o[1] = abc[v >> 12 & 63];
		o[2] = i + 1 < s.n ? abc[v >> 6 & 63] : '=';
		o[3] = i + 2 < s.n ? abc[v & 63] : '=';
	}
}
