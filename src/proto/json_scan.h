/*
 * json_scan.h: find a few members of a JSON object without building a tree: spans into the text.
 *
 * Strict where it decides (RFC 8259 structure: brackets, commas, colons, literals, numbers, strings
 * with valid escapes and no raw control bytes; depth at most JSON_MAX_DEPTH; nothing but white
 * space after the value), lazy where it does not (nothing is decoded or copied). Strings are
 * skipped 16 bytes at a time.
 *
 * A watched key seen twice in its object is an error (JSON_E_DUPLICATE): what is read is what is
 * sent. Keys written with escapes are decoded before comparing, so "mod\u0065l" is "model".
 *
 * Accepted although stricter readers refuse them: invalid UTF-8, lone surrogates and \u0000 inside
 * strings that are not keys of the scanned object; numbers of any size.
 */
#ifndef TG_PROTO_JSON_SCAN_H
#define TG_PROTO_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

#define JSON_MAX_DEPTH 128

enum json_type {
	JSON_NONE,
	JSON_OBJECT,
	JSON_ARRAY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL
};

enum json_error {
	JSON_E_NONE,
	JSON_E_SYNTAX,
	JSON_E_EOF, /* ends in the middle */
	JSON_E_DEPTH,
	JSON_E_DUPLICATE,
	JSON_E_TRAILING,
	JSON_E_NOT_OBJECT,
	JSON_E_CASE, /* a key that differs from a watched one in case alone (json_scan_strict) */
	JSON_E_ENCODING, /* invalid UTF-8 or escape in a watched key or value being decoded */
	JSON_E_MANY,     /* json_tree.h: more values than are taken */
	JSON_E_MEMORY,   /* json_tree.h: no room for what is in it */
};

struct json_val {
	enum json_type type; /* JSON_NONE: absent */
	struct str raw;      /* the value's text, with quotes or brackets */
	size_t member;       /* offset of the key's opening quote in the scanned text */
	/* Of a watched value: how the values of members called "type" inside it begin, at any
	 * depth: json_type_bit of their first characters. All bits where that is not plain to see.
	 */
	uint32_t types;
};

/* The same of a value that an earlier scan found; an object's own members count, too. */
uint32_t json_types(const struct json_val *v);
static inline uint32_t json_type_bit(char first)
{
	return UINT32_C(1) << (first & 31);
}

struct json_watch {
	struct str key;      /* member name to look for at the object's top level */
	struct json_val val; /* out */
};

struct json_fail {
	enum json_error err;
	size_t offset; /* byte offset in the text */
};

/*
 * Scan one whole object, validating all of it, and fill the watches (reset first).
 * 0, or -1 with *fail (*fail is written in both cases). A key of this object that does not decode
 * (bad UTF-8, a lone surrogate, a NUL) is JSON_E_ENCODING: readers differ about what it says.
 */
int json_scan_object(struct str text, struct json_watch *w, size_t n_watch,
	struct json_fail *fail) TG_MUST_CHECK;
/*
 * The same, and a key that is a watched one but for the case of its letters is JSON_E_CASE: readers
 * that fold case (Go's) take "Model" for "model", and the last of the two counts. Their folding is
 * Unicode's: U+017F is an s and U+212A a k.
 */
int json_scan_strict(struct str text, struct json_watch *w, size_t n_watch,
	struct json_fail *fail) TG_MUST_CHECK;
/*
 * What most keys of a body are ruled out by. Of the watched keys: a bit for each length (63: that
 * and more), and for each first character's low bits.
 */
struct json_filter {
	uint64_t lengths;
	uint32_t firsts;
};
struct json_filter json_filter_of(const struct json_watch *w, size_t n);
/* json_scan_strict with the filter of these watches, made once for many scans. */
int json_scan_filtered(struct str text, struct json_watch *w, size_t n_watch,
	struct json_filter filter, struct json_fail *fail) TG_MUST_CHECK;
/* json_scan_object for an object value found by an earlier scan: structure was checked then, so it
 * is cheap. */
int json_scan_member(const struct json_val *obj, struct json_watch *w, size_t n_watch,
	struct json_fail *fail) TG_MUST_CHECK;

/* Walk an array found by an earlier scan: *it starts {0}; false at the end. */
struct json_iter {
	size_t at;
};
bool json_array_next(const struct json_val *array, struct json_iter *it, struct json_val *elem);

/* Non-negative integer ("123"; "123.0" and 1e2 too): -1 when the value is not one or does not fit.
 */
int json_get_u64(const struct json_val *v, uint64_t *out) TG_MUST_CHECK;
/* A string without escapes: its bytes in place. -1 when not a string; with escapes use json_decode.
 */
int json_get_plain(const struct json_val *v, struct str *out) TG_MUST_CHECK;
/* Decodes a string value into buf (UTF-8); -1 when not a string, too long, or an escape is invalid.
 */
int json_decode(const struct json_val *v, char *buf, size_t cap, struct str *out) TG_MUST_CHECK;
/* The same of what stands between a string's quotes. */
int json_decode_text(struct str jstr, char *buf, size_t cap, struct str *out) TG_MUST_CHECK;
static inline bool json_true(const struct json_val *v)
{
	return v->type == JSON_TRUE;
}

/* Appends s as a quoted JSON string with escapes to out[0..cap): length, or 0 when it does not fit.
 */
size_t json_quote(char *out, size_t cap, struct str s);

const char *json_error_text(enum json_error e);

#endif
