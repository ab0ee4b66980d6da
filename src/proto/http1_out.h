/*
 * http1_out.h: compose HTTP/1.1 heads by appending to the caller's memory, without printf. Errors
 * are sticky: compose the whole head, then ask http_out_ok() once. Pure, any thread.
 */
#ifndef TG_PROTO_HTTP1_OUT_H
#define TG_PROTO_HTTP1_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/defs.h"
#include "base/str.h"

struct http_out {
	char *p; /* caller's memory */
	size_t n, cap;
	bool overflow; /* something did not fit and was left out whole */
	bool bad;      /* a field with CR, LF, NUL or another control in it was left out */
};

static inline void http_out_init(struct http_out *o, char *buf, size_t cap)
{
	*o = (struct http_out){ .p = buf, .cap = cap };
}

/* Appends s as it is: for text of our own, or text that was checked. All of it or nothing. */
static inline void http_out_str(struct http_out *o, struct str s)
{
	if (TG_UNLIKELY(s.n > o->cap - o->n)) {
		o->overflow = true;
		return;
	}
	if (s.n != 0)
		memcpy(o->p + o->n, s.p, s.n);
	o->n += s.n;
}

#define http_out_lit(o, literal) http_out_str((o), STR(literal))

/* Decimal digits. */
void http_out_u64(struct http_out *o, uint64_t v);
/*
 * "name: value\r\n". Left out whole when it does not fit (o->overflow), or when name or value has a
 * control other than HTAB in it (o->bad): what came from a peer cannot begin a line of its own.
 */
void http_out_field(struct http_out *o, struct str name, struct str value);
/* "name: 123\r\n" */
void http_out_field_u64(struct http_out *o, struct str name, uint64_t value);
/* "HTTP/1.1 200 OK\r\n"; status is 100 to 999. */
void http_out_status(struct http_out *o, unsigned status);
/* The empty line. */
static inline void http_out_end(struct http_out *o)
{
	http_out_lit(o, "\r\n");
}

/* Everything appended so far is there. */
static inline bool http_out_ok(const struct http_out *o)
{
	return !o->overflow && !o->bad;
}

static inline struct str http_out_text(const struct http_out *o)
{
	return str_mk(o->p, o->n);
}

/*
 * s as part of a path, percent-encoded but for what RFC 3986 section 2.3 leaves as it is and the
 * characters of `keep` ("/@"). All of it or nothing.
 */
void http_out_segment(struct http_out *o, struct str s, const char *keep);

/* The registered reason phrase; empty for a status without one. */
struct str http_reason(unsigned status);

#endif
