/*
 * json_lex.h: the tokens of RFC 8259, as json_scan and json_tree read them: where a string, number
 * or literal ends, or what is wrong with it. Pure; any thread.
 */
#ifndef TG_PROTO_JSON_LEX_H
#define TG_PROTO_JSON_LEX_H

#include "proto/json_run.h"
#include "proto/json_scan.h"

struct json_lex {
	const char *end;
	enum json_error err;
	const char *at; /* where err is */
};

static inline const char *json_lex_fail(struct json_lex *s, const char *p, enum json_error err)
{
	s->err = err;
	s->at = p;
	return NULL;
}

/* The byte at p is not what the grammar wants there. */
static inline const char *json_lex_bad(struct json_lex *s, const char *p)
{
	return json_lex_fail(s, p, p >= s->end ? JSON_E_EOF : JSON_E_SYNTAX);
}

static inline const char *json_skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static inline bool json_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool json_is_hex(char c)
{
	return json_is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* p at a backslash: behind the escape. */
static inline const char *json_lex_escape(struct json_lex *s, const char *p)
{
	if (s->end - p >= 6 && p[1] == 'u' && json_is_hex(p[2]) && json_is_hex(p[3]) &&
		json_is_hex(p[4]) && json_is_hex(p[5]))
		return p + 6;
	if (s->end - p < 2)
		return json_lex_bad(s, s->end);
	if (p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL)
		return p + 2;
	if (p[1] != 'u')
		return json_lex_bad(s, p + 1);
	p += 2;
	for (int i = 0; i < 4; i++, p++)
		if (p >= s->end || !json_is_hex(*p))
			return json_lex_bad(s, p);
	return p;
}

/* p behind an opening quote: behind the closing one. */
static inline const char *json_lex_string(struct json_lex *s, const char *p)
{
	const char *end = s->end;

#ifdef __SSE2__
	if (end - p >= 16) { /* keys and other short ones */
		unsigned m = (unsigned)_mm_movemask_epi8(json_run_stops(p));

		p += m != 0 ? __builtin_ctz(m) : 16;
		if (m != 0 && *p == '"')
			return p + 1;
	}
#endif
	for (;;) {
		if (!json_string_run(&p, end))
			p = json_run_end(p, end);
		if (p >= end)
			return json_lex_bad(s, p);
		if (*p == '"')
			return p + 1;
		if (*p != '\\')
			return json_lex_bad(s, p);
		do { /* text that is no English comes as rows of them */
			p = json_lex_escape(s, p);
			if (p == NULL)
				return NULL;
		} while (p < end && *p == '\\');
	}
}

static inline const char *json_lex_literal(struct json_lex *s, const char *p, const char *word)
{
	for (; *word != '\0'; word++, p++)
		if (p >= s->end || *p != *word)
			return json_lex_bad(s, p);
	return p;
}

static inline const char *json_lex_digits(struct json_lex *s, const char *p)
{
	if (p >= s->end || !json_is_digit(*p))
		return json_lex_bad(s, p);
	while (p < s->end && json_is_digit(*p))
		p++;
	return p;
}

/* RFC 8259 section 6. */
static inline const char *json_lex_number(struct json_lex *s, const char *p)
{
	if (*p == '-')
		p++;
	if (p < s->end && *p == '0')
		p++;
	else
		p = json_lex_digits(s, p);
	if (p != NULL && p < s->end && *p == '.')
		p = json_lex_digits(s, p + 1);
	if (p != NULL && p < s->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < s->end && (*p == '+' || *p == '-'))
			p++;
		p = json_lex_digits(s, p);
	}
	return p;
}

static inline enum json_type json_type_at(char c)
{
	switch (c) {
	case '{': return JSON_OBJECT;
	case '[': return JSON_ARRAY;
	case '"': return JSON_STRING;
	case 't': return JSON_TRUE;
	case 'f': return JSON_FALSE;
	case 'n': return JSON_NULL;
	case '-': return JSON_NUMBER;
	default: return json_is_digit(c) ? JSON_NUMBER : JSON_NONE;
	}
}

#endif
