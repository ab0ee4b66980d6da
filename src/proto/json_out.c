/*
 * json_out.c: the writer. Everything goes through put(), which counts, drops or flushes. Commas
 * follow from one flag: a value that stands behind another one is preceded by one. Pure; any
 * thread.
 */
#include "proto/json_out.h"

#include <stdbool.h>
#include <string.h>

#include "base/num.h"
#include "proto/json_run.h"
#include "proto/json_scan.h"

void jo_init(struct json_out *o, char *p, size_t cap)
{
	*o = (struct json_out){ .p = p, .cap = p != NULL ? cap : 0 };
}

static bool make_room(struct json_out *o)
{
	if (o->flush == NULL || o->full || o->flush(o) != 0) {
		o->full = true;
		return false;
	}
	tg_assert(o->n == 0);
	return true;
}

static void put(struct json_out *o, const char *p, size_t n)
{
	if (o->p == NULL) {
		o->n += n;
		return;
	}
	while (n > 0) {
		size_t part = TG_MIN(n, o->cap - o->n);

		if (o->full || (part == 0 && !make_room(o)))
			return;
		if (part == 0 && o->cap == 0) { /* a buffer of nothing */
			o->full = true;
			return;
		}
		memcpy(o->p + o->n, p, part);
		o->n += part;
		p += part;
		n -= part;
	}
}

#define put_lit(o, lit) put((o), "" lit, sizeof(lit) - 1)

/* What goes before a value, and that one was there. */
static void begin(struct json_out *o)
{
	if (o->comma)
		put_lit(o, ",");
	o->comma = true;
}

void jo_bytes(struct json_out *o, struct str s)
{
	put(o, s.p, s.n);
	o->comma = false;
}

static void open_bracket(struct json_out *o, const char *c)
{
	begin(o);
	put(o, c, 1);
	o->comma = false;
}

static void close_bracket(struct json_out *o, const char *c)
{
	put(o, c, 1);
	o->comma = true;
}

void jo_obj(struct json_out *o)
{
	open_bracket(o, "{");
}

void jo_obj_end(struct json_out *o)
{
	close_bracket(o, "}");
}

void jo_arr(struct json_out *o)
{
	open_bracket(o, "[");
}

void jo_arr_end(struct json_out *o)
{
	close_bracket(o, "]");
}

void jo_key(struct json_out *o, const char *key)
{
	begin(o);
	put_lit(o, "\"");
	put(o, key, strlen(key));
	put_lit(o, "\":");
	o->comma = false;
}

/* ---- values */

void jo_raw(struct json_out *o, struct str json)
{
	begin(o);
	put(o, json.p, json.n);
}

void jo_str_begin(struct json_out *o)
{
	begin(o);
	put_lit(o, "\"");
}

void jo_piece(struct json_out *o, struct str jstr)
{
	put(o, jstr.p, jstr.n);
}

/* How much of s is quoted at once: whole characters. */
static size_t text_part(struct str s, size_t max)
{
	size_t n = max;

	if (s.n <= max)
		return s.n;
	while (n > max - 4 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

void jo_piece_text(struct json_out *o, struct str text)
{
	enum { PART = 128 };
	char buf[6 * PART + 2];

	while (text.n > 0) {
		size_t part = text_part(text, PART);
		size_t n = json_quote(buf, sizeof buf, str_mk(text.p, part));

		tg_assert(n >= 2);
		put(o, buf + 1, n - 2);
		text = str_skip(text, part);
	}
}

void jo_str_end(struct json_out *o)
{
	put_lit(o, "\"");
}

void jo_jstr(struct json_out *o, struct str jstr)
{
	jo_str_begin(o);
	jo_piece(o, jstr);
	jo_str_end(o);
}

void jo_text(struct json_out *o, struct str text)
{
	jo_str_begin(o);
	jo_piece_text(o, text);
	jo_str_end(o);
}

/* Bytes beyond ASCII go as they are: it was in a JSON text already. */
void jo_quote_jstr(struct json_out *o, struct str json)
{
	const char *p = json.p, *end = json.p + json.n;

	jo_str_begin(o);
	while (p < end) {
		const char *stop = json_run_far(p, end);

		put(o, p, (size_t)(stop - p));
		if (stop < end)
			jo_piece_text(o, str_mk(stop, 1));
		p = stop + (stop < end);
	}
	jo_str_end(o);
}

void jo_u64(struct json_out *o, uint64_t v)
{
	char buf[NUM_U64_MAX_LEN];

	jo_raw(o, str_mk(buf, num_put_u64(buf, v)));
}

void jo_i64(struct json_out *o, int64_t v)
{
	char buf[NUM_U64_MAX_LEN];

	jo_raw(o, str_mk(buf, num_put_i64(buf, v)));
}

void jo_bool(struct json_out *o, bool v)
{
	jo_raw(o, v ? STR("true") : STR("false"));
}

void jo_null(struct json_out *o)
{
	jo_raw(o, STR("null"));
}

/* ---- members */

void jo_m_raw(struct json_out *o, const char *key, struct str json)
{
	if (json.n == 0)
		return;
	jo_key(o, key);
	jo_raw(o, json);
}

void jo_m_jstr(struct json_out *o, const char *key, struct str jstr)
{
	if (jstr.p == NULL)
		return;
	jo_key(o, key);
	jo_jstr(o, jstr);
}

void jo_m_text(struct json_out *o, const char *key, struct str text)
{
	jo_key(o, key);
	jo_text(o, text);
}

void jo_m_u64(struct json_out *o, const char *key, uint64_t v)
{
	jo_key(o, key);
	jo_u64(o, v);
}

void jo_m_bool(struct json_out *o, const char *key, bool v)
{
	jo_key(o, key);
	jo_bool(o, v);
}
