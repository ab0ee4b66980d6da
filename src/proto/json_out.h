/*
 * json_out.h: writes JSON with the commas in the right places, into memory that the caller gives:
 *
 *	p == NULL   nothing is written, n counts: the size for a second run
 *	p, cap      what does not fit is dropped and `full` is set
 *	flush       is called when there is no room: hands p[0..n) on and sets n = 0; -1 sets `full`
 *
 * A run of values that do not fit into cap in one piece goes out in several.
 */
#ifndef TG_PROTO_JSON_OUT_H
#define TG_PROTO_JSON_OUT_H

#include "base/defs.h"
#include "base/str.h"

struct json_out {
	char *p;
	size_t n, cap;
	bool full;
	bool comma; /* a value or member went before: the next one is preceded by one */
	int (*flush)(struct json_out *);
	void *arg; /* the flush's */
};

void jo_init(struct json_out *o, char *p, size_t cap);
/* As they are: framing ("data: "), no comma before, nor before the value that follows. */
void jo_bytes(struct json_out *o, struct str s);
#define jo_lit(o, literal) jo_bytes((o), STR(literal))

void jo_obj(struct json_out *o);                  /* { */
void jo_obj_end(struct json_out *o);              /* } */
void jo_arr(struct json_out *o);                  /* [ */
void jo_arr_end(struct json_out *o);              /* ] */
void jo_key(struct json_out *o, const char *key); /* "key": ; keys of ours: no escapes needed */
/* Values */
void jo_raw(struct json_out *o, struct str json); /* a whole value */
void jo_jstr(struct json_out *o,
	struct str jstr); /* "..." around text that is escaped already; absent: "" */
void jo_text(struct json_out *o, struct str text); /* "..." around plain text, which is escaped */
void jo_quote_jstr(
	struct json_out *o, struct str json); /* a JSON text as a string: {"a":1} -> "{\"a\":1}" */
void jo_u64(struct json_out *o, uint64_t v);
void jo_i64(struct json_out *o, int64_t v);
void jo_bool(struct json_out *o, bool v);
void jo_null(struct json_out *o);
/* A string in pieces: jo_str_begin, then any of jo_piece (jstr), jo_piece_text (plain), jo_str_end.
 */
void jo_str_begin(struct json_out *o);
void jo_piece(struct json_out *o, struct str jstr);
void jo_piece_text(struct json_out *o, struct str text);
void jo_str_end(struct json_out *o);

/* Members */
void jo_m_raw(struct json_out *o, const char *key, struct str json);  /* nothing when n == 0 */
void jo_m_jstr(struct json_out *o, const char *key, struct str jstr); /* nothing when absent */
void jo_m_text(struct json_out *o, const char *key, struct str text);
void jo_m_u64(struct json_out *o, const char *key, uint64_t v);
void jo_m_bool(struct json_out *o, const char *key, bool v);
#define jo_m_lit(o, key, literal) jo_m_text((o), (key), STR(literal))

#endif
