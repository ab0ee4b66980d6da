/*
 * sse.h: Server-Sent Events framing (WHATWG HTML section 9.2.6) over any split of the bytes.
 * LF, CR and CRLF; BOM; comments; one optional space after the colon; several data lines.
 * Zero-copy: data is handed over in pieces as spans of the input, so an event of megabytes needs no memory.
 */
#ifndef TG_PROTO_SSE_H
#define TG_PROTO_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

enum sse_rc {
	SSE_MORE, /* input used up */
	SSE_DATA, /* *out is a piece of the event's data (a line border in between yields a piece "\n") */
	SSE_EVENT_END, /* the blank line: dispatch; the event's name is sse->name */
	SSE_COMMENT, /* a comment line went by (its text is not reported) */
};

#define SSE_MAX_NAME 64

struct sse {
	uint8_t state;
	bool has_data; /* the event being read has a data line */
	uint8_t field_len, name_len;
	char field[8];
	char name[SSE_MAX_NAME]; /* event: value of the event in progress (cut at the maximum) */
	uint64_t offset; /* bytes consumed since init */
	uint64_t event_start; /* offset where the event in progress began */
};

void sse_init(struct sse *s);
/* *used bytes of in were consumed. Call again with the rest until SSE_MORE. */
enum sse_rc sse_feed(struct sse *s, struct str in, size_t *used, struct str *out) TG_MUST_CHECK;

#endif
