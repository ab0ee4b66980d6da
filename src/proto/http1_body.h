/*
 * http1_body.h: message body framing (RFC 9112 section 7), as a pull decoder over any split of the
 * bytes. Strict chunks: 1*16HEXDIG, CRLF only, extensions are skipped (at most 256 bytes), trailers
 * at most HTTP_MAX_TRAILER bytes and checked like header fields.
 */
#ifndef TG_PROTO_HTTP1_BODY_H
#define TG_PROTO_HTTP1_BODY_H

#include "proto/http1_head.h"

#define HTTP_MAX_TRAILER 8192

enum body_rc {
	BODY_DATA, /* *data is a span inside the input */
	BODY_MORE, /* input used up, more to come */
	BODY_END,  /* complete; bytes past *used belong to the next message */
	BODY_BAD,  /* b->err says why */
};

struct http1_body {
	enum http_framing framing;
	uint8_t state;
	uint64_t left;  /* of the body (LENGTH) or of the chunk */
	uint64_t total; /* payload bytes so far */
	uint32_t aux;   /* extension/trailer bytes so far, digits */
	/* Trailer lines are kept here, with their line ends and the last, empty line, when the
	 * caller gives memory after init; more than fits: none. */
	uint32_t trailer_cap, trailer_n;
	char *trailer;
	enum http_error err;
};

void http1_body_init(struct http1_body *b, const struct http_head *h);
void http1_body_init_framing(struct http1_body *b, enum http_framing f, uint64_t length);
/*
 * Feed in[0..n): *used bytes were consumed (framing and payload), *data is the payload among them
 * when BODY_DATA is returned. Call again with the rest until it returns something else than
 * BODY_DATA. HTTP_BODY_EOF never returns BODY_END: the caller knows the end from the connection.
 */
enum body_rc http1_body_feed(struct http1_body *b, const char *in, size_t n, size_t *used,
	struct str *data) TG_MUST_CHECK;
/* True when the message is complete (also at once for NONE and LENGTH 0). */
bool http1_body_done(const struct http1_body *b);

#endif
