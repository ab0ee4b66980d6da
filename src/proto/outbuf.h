/*
 * outbuf.h: text that grows while it is written: admin replies, the metrics page, reports. Not for
 * the data path (bufq.h). It owns its memory; past OUTBUF_MAX it drops what is added and says so
 * (full). Any thread, one at a time.
 */
#ifndef TG_PROTO_OUTBUF_H
#define TG_PROTO_OUTBUF_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/defs.h"
#include "base/str.h"

#define OUTBUF_MAX (64u * 1024 * 1024)

struct outbuf {
	char *p;
	size_t n, cap;
	bool full; /* something was dropped: the text is not complete */
};

void outbuf_init(struct outbuf *b);
void outbuf_fini(struct outbuf *b);
/* Room for n more bytes behind b->n, which the caller then claims by adding to b->n. NULL: full. */
char *outbuf_room(struct outbuf *b, size_t n);
void outbuf_put(struct outbuf *b, struct str s);
void outbuf_printf(struct outbuf *b, const char *fmt, ...) TG_PRINTF(2, 3);
void outbuf_vprintf(struct outbuf *b, const char *fmt, va_list ap) TG_PRINTF(2, 0);
/* s as a quoted JSON string; bytes that are not UTF-8 are the caller's affair. */
void outbuf_json(struct outbuf *b, struct str s);

#define outbuf_lit(b, literal) outbuf_put((b), STR(literal))

static inline struct str outbuf_text(const struct outbuf *b)
{
	return str_mk(b->p, b->n);
}

#endif
