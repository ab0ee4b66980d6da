/*
 * http1_head.h: HTTP/1.x message heads (RFC 9112), strict. Pure: bytes in, offsets out, no
 * allocation.
 *
 * Two steps, so that a head that arrives in pieces is scanned once:
 *	http1_head_end()	finds the end of the head, refusing what no valid head contains
 *	http1_request_parse() / http1_response_parse()	parse one complete head in place
 *
 * Refused (the smuggling and ambiguity cases): bare LF or CR, NUL and other controls, obs-fold,
 * space before the colon, empty or non-token names, any Content-Length that is not 1*DIGIT or does
 * not fit in 63 bits, repeated Content-Length (even if equal), Content-Length with
 * Transfer-Encoding, Transfer-Encoding other than exactly "chunked" once, Transfer-Encoding from
 * HTTP/1.0, no or several Host in an HTTP/1.1 request, bytes outside VCHAR in the target, more than
 * HTTP_MAX_FIELDS fields.
 */
#ifndef TG_PROTO_HTTP1_HEAD_H
#define TG_PROTO_HTTP1_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

#define HTTP_MAX_FIELDS 100
#define HTTP_MAX_HEAD   65535 /* offsets are 16 bit; the configured limit is at most this */
#define HTTP_MAX_TARGET 8192

/* Methods we name; any other token is HTTP_M_OTHER with its text in http_head.method_text. */
#define HTTP_METHODS(X) \
	X(GET) X(HEAD) X(POST) X(PUT) X(DELETE) X(PATCH) X(OPTIONS) X(CONNECT) X(TRACE)
enum http_method {
	HTTP_M_OTHER,
#define X(m) HTTP_M_##m,
	HTTP_METHODS(X)
#undef X
};

/* Header names the code acts on: tbl/http_names.h has X(ENUM_SUFFIX, "lower-case-name"). */
enum http_name {
	HTTP_N_OTHER,
#define X(id, text) HTTP_N_##id,
#include "proto/tbl/http_names.h"
#undef X
	HTTP_N__MAX
};

struct http_field {                                /* offsets from http_head.base */
	uint16_t name, name_len, value, value_len; /* value trimmed of OWS */
	uint16_t id;                               /* enum http_name */
};

enum http_framing {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH, /* content_length bytes (may be 0) */
	HTTP_BODY_CHUNKED,
	HTTP_BODY_EOF, /* response until close (RFC 9112 section 6.3, item 8) */
};

/* Why a head was refused: tbl/http_errors.h has X(ENUM_SUFFIX, status, "text"). */
enum http_error {
	HTTP_E_NONE,
#define X(id, status, text) HTTP_E_##id,
#include "proto/tbl/http_errors.h"
#undef X
	HTTP_E__MAX
};

struct http_head {
	const char *base;
	uint16_t head_len;               /* through the empty line */
	uint8_t minor;                   /* HTTP/1.minor: 0 or 1 */
	enum http_method method;         /* requests */
	uint16_t status;                 /* responses */
	uint16_t target, target_len;     /* requests: as sent */
	uint16_t method_off, method_len; /* requests: the token; responses: the reason phrase */
	enum http_framing framing;
	uint64_t content_length; /* with HTTP_BODY_LENGTH */
	bool keep_alive;         /* what version and Connection say together */
	bool expect_continue;    /* Expect: 100-continue, HTTP/1.1 only */
	bool upgrade;            /* Connection: upgrade */
	bool te_trailers;        /* TE: trailers */
	uint16_t n_fields;
	uint16_t first[HTTP_N__MAX]; /* 1 + index of the first field with that id; 0 absent */
	struct http_field field[HTTP_MAX_FIELDS];
};

/*
 * Where the head ends in the n bytes at p (leading empty lines before a request line are counted
 * in, at most two: RFC 9112 section 2.2). *resume (0 at first) carries the scan over calls with
 * more bytes. Returns the length of the head, 0 when more bytes are needed, -1 with *err when it
 * can never be valid. Longer than max bytes is HTTP_E_HEAD_TOO_LARGE, or HTTP_E_TARGET_TOO_LONG
 * when already the first line is. Stateless but for *resume: p may move between calls as long as
 * the bytes stay.
 */
long http1_head_end(
	const char *p, size_t n, size_t *resume, size_t max, enum http_error *err) TG_MUST_CHECK;

/* p[0..n) is one complete head as found above. 0, or -1 with *err. out->base = p. */
int http1_request_parse(
	const char *p, size_t n, struct http_head *out, enum http_error *err) TG_MUST_CHECK;
/*
 * The same for a response. `method` is that of the request it answers: a response to HEAD, and 1xx,
 * 204 and 304, have no body whatever the fields say.
 */
int http1_response_parse(const char *p, size_t n, enum http_method method, struct http_head *out,
	enum http_error *err) TG_MUST_CHECK;

/* Status to answer (400, 413, 414, 431, 501, 505) and a sentence that teaches. */
int http_error_status(enum http_error e);
const char *http_error_text(enum http_error e);

static inline struct str http_field_name(const struct http_head *h, unsigned i)
{
	return str_mk(h->base + h->field[i].name, h->field[i].name_len);
}

static inline struct str http_field_value(const struct http_head *h, unsigned i)
{
	return str_mk(h->base + h->field[i].value, h->field[i].value_len);
}

/* Value of the first field with that id, or STR_NONE. */
static inline struct str http_get(const struct http_head *h, enum http_name id)
{
	return h->first[id] != 0 ? http_field_value(h, h->first[id] - 1u) : STR_NONE;
}

static inline struct str http_target(const struct http_head *h)
{
	return str_mk(h->base + h->target, h->target_len);
}

/* The request method's token (also for named methods). */
static inline struct str http_method_text(const struct http_head *h)
{
	return str_mk(h->base + h->method_off, h->method_len);
}

/* The id of a name in any case; it is a token of at least one byte, as names in a parsed head are.
 */
enum http_name http_name_of_token(const char *p, size_t n);
/* True when the comma-separated list `value` has `token` (case-insensitive). */
bool http_list_has(struct str value, struct str token);

#endif
