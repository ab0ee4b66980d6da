/*
 * outbuf.c: growing text (outbuf.h). Doubles its memory; running out of memory is a panic.
 */
#include "proto/outbuf.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/json_scan.h"

#define FIRST_CAP 4096u

void outbuf_init(struct outbuf *b)
{
	*b = (struct outbuf){ .p = NULL };
}

void outbuf_fini(struct outbuf *b)
{
	free(b->p);
	outbuf_init(b);
}

char *outbuf_room(struct outbuf *b, size_t n)
{
	size_t cap = TG_MAX(b->cap, (size_t)FIRST_CAP);

	if (b->full || n > OUTBUF_MAX - b->n) {
		b->full = true;
		return NULL;
	}
	while (cap < b->n + n)
		cap *= 2;
	if (cap != b->cap) {
		b->p = realloc(b->p, cap);
		tg_assert(b->p != NULL);
		b->cap = cap;
	}
	return b->p + b->n;
}

void outbuf_put(struct outbuf *b, struct str s)
{
	char *to = outbuf_room(b, s.n);

	if (to == NULL || s.n == 0)
		return;
	memcpy(to, s.p, s.n);
	b->n += s.n;
}

void outbuf_vprintf(struct outbuf *b, const char *fmt, va_list ap)
{
	char *to = outbuf_room(b, 256);
	va_list again;
	int n;

	if (to == NULL)
		return;
	va_copy(again, ap);
	n = vsnprintf(to, b->cap - b->n, fmt, ap);
	tg_assert(n >= 0);
	if ((size_t)n >= b->cap - b->n) { /* its NUL needs room too */
		to = outbuf_room(b, (size_t)n + 1);
		if (to != NULL)
			vsnprintf(to, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	if (to != NULL)
		b->n += (size_t)n;
}

void outbuf_printf(struct outbuf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	outbuf_vprintf(b, fmt, ap);
	va_end(ap);
}

void outbuf_json(struct outbuf *b, struct str s)
{
	/* a control byte becomes six characters */
	char *to = s.n < OUTBUF_MAX / 6 ? outbuf_room(b, 6 * s.n + 2) : NULL;

	if (to == NULL) {
		b->full = true;
		return;
	}
	b->n += json_quote(to, 6 * s.n + 2, s);
}
