/*
 * sim_json.c: object walking and tool arguments, over text that json_scan has checked already.
 */
#include "sim/sim_json.h"

#include "sim/sim_text.h"

#define MAX_SCHEMA_DEPTH 4

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (unsigned i = 0; i < 4; i++)
		v = v << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	return v;
}

/* UTF-8 bytes of the escape at p (its backslash); *len gets the escape's own length. */
static unsigned escape_bytes(const char *p, size_t n, size_t *len)
{
	unsigned u;

	*len = 2;
	if (n < 6 || p[1] != 'u')
		return 1;
	u = hex4(p + 2);
	*len = 6;
	if ((u & 0xfc00) == 0xd800 && n >= 12 && p[6] == '\\' && p[7] == 'u') {
		*len = 12;
		return 4;
	}
	return u < 0x80 ? 1 : u < 0x800 ? 2 : 3;
}

uint64_t sim_json_text_bytes(const struct json_val *v)
{
	struct str s = v->raw;
	uint64_t total = 0;

	if (v->type != JSON_STRING)
		return s.n;
	s = str_mk(s.p + 1, s.n - 2);
	while (s.n != 0) {
		size_t esc = str_chr(s, '\\'), len;

		if (esc == (size_t)-1)
			return total + s.n;
		s = str_skip(s, esc);
		total += esc + escape_bytes(s.p, s.n, &len);
		s = str_skip(s, TG_MIN(len, s.n));
	}
	return total;
}

/* Code points that begin in raw text without escapes: all bytes but the later ones of UTF-8. */
static uint64_t chars_of(struct str s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

uint64_t sim_json_text_chars(const struct json_val *v)
{
	struct str s = v->raw;
	uint64_t total = 0;

	if (v->type != JSON_STRING)
		return 0;
	s = str_mk(s.p + 1, s.n - 2);
	while (s.n != 0) {
		size_t esc = str_chr(s, '\\'), len;

		if (esc == (size_t)-1)
			return total + chars_of(s);
		total += chars_of(str_mk(s.p, esc)) + 1;
		s = str_skip(s, esc);
		(void)escape_bytes(s.p, s.n, &len); /* a surrogate pair is one */
		s = str_skip(s, TG_MIN(len, s.n));
	}
	return total;
}

static size_t skip_ws(struct str s, size_t i)
{
	while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\r' || s.p[i] == '\n'))
		i++;
	return i;
}

/* Behind the string that opens at i. */
static size_t skip_string(struct str s, size_t i)
{
	for (i++; i < s.n && s.p[i] != '"'; i++)
		if (s.p[i] == '\\')
			i++;
	return TG_MIN(i + 1, s.n);
}

static size_t skip_value(struct str s, size_t i)
{
	unsigned depth = 0;

	do {
		char c = s.p[i];

		if (c == '"') {
			i = skip_string(s, i);
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']') {
			if (depth == 0)
				return i; /* the container's own end, behind a number or literal */
			depth--;
			if (depth == 0)
				return i + 1;
		} else if (depth == 0 &&
			   (c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
			return i;
		}
		i++;
	} while (i < s.n && !(depth == 0 && s.p[i - 1] == '"'));
	return i;
}

static enum json_type type_of(char c)
{
	switch (c) {
	case '{': return JSON_OBJECT;
	case '[': return JSON_ARRAY;
	case '"': return JSON_STRING;
	case 't': return JSON_TRUE;
	case 'f': return JSON_FALSE;
	case 'n': return JSON_NULL;
	default: return JSON_NUMBER;
	}
}

bool sim_json_object_next(
	const struct json_val *obj, struct json_iter *it, struct str *key, struct json_val *val)
{
	struct str s = obj->raw;
	size_t i, from;

	if (obj->type != JSON_OBJECT)
		return false;
	i = skip_ws(s, it->at != 0 ? it->at : 1);
	if (i < s.n && s.p[i] == ',')
		i = skip_ws(s, i + 1);
	if (i >= s.n || s.p[i] != '"')
		return false;
	val->member = i;
	from = i;
	i = skip_string(s, i);
	*key = str_mk(s.p + from + 1, i - from - 2);
	i = skip_ws(s, i);
	if (i >= s.n || s.p[i] != ':')
		return false;
	i = skip_ws(s, i + 1);
	if (i >= s.n)
		return false;
	from = i;
	i = skip_value(s, i);
	val->type = type_of(s.p[from]);
	val->raw = str_mk(s.p + from, i - from);
	it->at = i;
	return true;
}

static bool plain_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80 || s.p[i] == '\\')
			return false;
	return true;
}

static void put_object(
	struct sim_buf *b, const struct json_val *props, uint64_t seed, unsigned depth);

static void put_for_schema(
	struct sim_buf *b, const struct json_val *schema, uint64_t seed, unsigned depth)
{
	struct json_watch w[] = { { STR("type"), { 0 } }, { STR("enum"), { 0 } },
		{ STR("properties"), { 0 } } };
	struct json_iter it = { 0 };
	struct json_val first;
	struct json_fail fail;

	if (schema->type != JSON_OBJECT ||
		json_scan_member(schema, w, TG_ARRAY_LEN(w), &fail) != 0) {
		sim_buf_lit(b, "null");
	} else if (w[1].val.type == JSON_ARRAY && json_array_next(&w[1].val, &it, &first)) {
		sim_buf_add(b, plain_ascii(first.raw) ? first.raw : STR("null"));
	} else if (str_eq(w[0].val.raw, STR("\"integer\""))) {
		sim_buf_u64(b, sim_mix(seed) % 100);
	} else if (str_eq(w[0].val.raw, STR("\"number\""))) {
		sim_buf_u64(b, sim_mix(seed) % 100);
		sim_buf_lit(b, ".5");
	} else if (str_eq(w[0].val.raw, STR("\"boolean\""))) {
		sim_buf_lit(b, "true");
	} else if (str_eq(w[0].val.raw, STR("\"array\""))) {
		sim_buf_lit(b, "[]");
	} else if (str_eq(w[0].val.raw, STR("\"object\""))) {
		put_object(b, &w[2].val, seed, depth + 1);
	} else {
		sim_buf_lit(b, "\"");
		sim_text_put(b, seed, 0, 2);
		b->p[b->n - 1] = '"'; /* the last token's space */
	}
}

static void put_object(
	struct sim_buf *b, const struct json_val *props, uint64_t seed, unsigned depth)
{
	struct json_iter it = { 0 };
	struct json_val val;
	struct str key;
	bool any = false;

	sim_buf_lit(b, "{");
	while (depth < MAX_SCHEMA_DEPTH && sim_json_object_next(props, &it, &key, &val)) {
		if (!plain_ascii(key))
			continue;
		sim_buf_add(b, any ? STR(",\"") : STR("\""));
		sim_buf_add(b, key);
		sim_buf_lit(b, "\":");
		put_for_schema(b, &val, sim_hash(seed, key), depth);
		any = true;
	}
	sim_buf_lit(b, "}");
}

void sim_json_arguments(struct sim_buf *b, const struct json_val *schema, uint64_t seed)
{
	struct json_watch w[] = { { STR("properties"), { 0 } } };
	struct json_fail fail;

	if (schema->type != JSON_OBJECT || json_scan_member(schema, w, 1, &fail) != 0)
		w[0].val = (struct json_val){ .type = JSON_OBJECT,
			.raw = STR("{\"query\":{\"type\":\"string\"}}") };
	put_object(b, &w[0].val, seed, 0);
}
