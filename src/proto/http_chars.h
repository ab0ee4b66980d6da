/*
 * http_chars.h: one table of character classes for everything that speaks HTTP (RFC 9110
 * section 5.6.2, RFC 3986 section 2). A byte is looked up once and may be in several classes.
 * Constant, no thread.
 */
#ifndef TG_PROTO_HTTP_CHARS_H
#define TG_PROTO_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

enum http_class {
	HTTP_C_TOKEN = 0x01, /* tchar */
	HTTP_C_VCHAR = 0x02, /* 0x21 to 0x7e */
	HTTP_C_FIELD = 0x04, /* what a field value may hold: HTAB, SP, VCHAR, obs-text */
	HTTP_C_PATH = 0x08,  /* pchar without '%', and '/' */
	HTTP_C_UNRESERVED = 0x10,
	HTTP_C_HOST = 0x20, /* letters, digits, '-', '.', '_' */
	HTTP_C_HEX = 0x40,
	HTTP_C_DIGIT = 0x80,
};

extern const uint8_t http_char[256];

static inline bool http_is(char c, enum http_class class)
{
	return (http_char[(uint8_t)c] & class) != 0;
}

/* The value of a hexadecimal digit; only for bytes of HTTP_C_HEX. */
static inline unsigned http_hex(char c)
{
	return (c & 0x40) != 0 ? ((unsigned)c & 0x0f) + 9 : (unsigned)c & 0x0f;
}

#endif
