/*
 * multipart.h: find one text field of a multipart/form-data body (RFC 7578, RFC 2046) while its
 * bytes stream by in any pieces. Nothing but the boundary window, part heads (at most 4 KB) and the
 * watched value (at most 256 bytes) is held. It looks; the bytes go on untouched. Absolute offsets
 * let the caller hold back or replace the value: in_watched is set, and value_from valid, from the
 * first of its bytes on.
 */
#ifndef TG_PROTO_MULTIPART_H
#define TG_PROTO_MULTIPART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

#define MULTIPART_MAX_BOUNDARY 70
#define MULTIPART_MAX_HEAD     4096
#define MULTIPART_MAX_VALUE    256

enum multipart_rc {
	MULTIPART_MORE,  /* all fed bytes were looked at */
	MULTIPART_FOUND, /* the watched field ended: m->value; feed the rest */
	MULTIPART_END,   /* the close delimiter went by; all bytes behind it are used too */
	MULTIPART_BAD,   /* m->err: not multipart, head too large, field repeated, value too long */
};

struct multipart {
	struct str watch;                          /* field name; caller's memory */
	char boundary[MULTIPART_MAX_BOUNDARY + 4]; /* with CRLF-- in front */
	uint8_t boundary_len, state;
	uint16_t match; /* bytes of the boundary matched so far */
	uint16_t head_len, value_len;
	uint8_t assumed; /* of those, not seen in the input: the CRLF before the start */
	bool in_part;    /* the first delimiter went by */
	bool found, in_watched;
	uint64_t offset;               /* bytes fed */
	uint64_t value_from, value_to; /* absolute offsets of the watched value once found */
	struct str value;              /* in value_buf once found */
	const char *err;
	char head[MULTIPART_MAX_HEAD];
	char value_buf[MULTIPART_MAX_VALUE];
};

/* Takes the boundary from a Content-Type value; -1 when it is not multipart/form-data with a valid
 * boundary. */
int multipart_init(struct multipart *m, struct str content_type, struct str watch) TG_MUST_CHECK;
enum multipart_rc multipart_feed(struct multipart *m, struct str in, size_t *used) TG_MUST_CHECK;

#endif
