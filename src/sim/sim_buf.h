/*
 * sim_buf.h: a growable byte buffer for composing answers. It owns its memory; panics when there is
 * none. Any thread, one owner.
 */
#ifndef TG_SIM_BUF_H
#define TG_SIM_BUF_H

#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

struct sim_buf {
	char *p;
	size_t n, cap;
};

/* Room for `more` bytes behind the content; the caller writes there and adds to n. */
char *sim_buf_room(struct sim_buf *b, size_t more);
void sim_buf_fini(struct sim_buf *b);

static inline void sim_buf_add(struct sim_buf *b, struct str s)
{
	if (s.n != 0) {
		memcpy(sim_buf_room(b, s.n), s.p, s.n);
		b->n += s.n;
	}
}

#define sim_buf_lit(b, lit) sim_buf_add((b), STR(lit))

static inline struct str sim_buf_str(const struct sim_buf *b)
{
	return str_mk(b->p, b->n);
}

void sim_buf_u64(struct sim_buf *b, uint64_t v);
void sim_buf_hex(struct sim_buf *b, uint64_t v);
/* 16 hex digits, padded. */
void sim_buf_hex16(struct sim_buf *b, uint64_t v);
void sim_buf_fmt(struct sim_buf *b, const char *fmt, ...) TG_PRINTF(2, 3);
/* s as a JSON string with quotes; bytes that are not UTF-8 become '?'. */
void sim_buf_quote(struct sim_buf *b, struct str s);
void sim_buf_base64(struct sim_buf *b, struct str s);

#endif
