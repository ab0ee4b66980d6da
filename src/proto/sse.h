/*
 * sse.h: Server-Sent Events framing (WHATWG HTML section 9.2.6) over any split of the bytes.
 * LF, CR and CRLF; BOM; comments; one optional space after the colon; several data lines.
 * Zero-copy: data is handed over in pieces as spans of the input, so an event of megabytes needs no
 * memory.
 */
#ifndef TG_PROTO_SSE_H
#define TG_PROTO_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

enum sse_rc {
	SSE_MORE, /* input used up */
	SSE_DATA, /* *out is a piece of the event's data (a line border in between yields a piece
		     "\n") */
	SSE_EVENT_END, /* the blank line behind an event with data: dispatch; its name is sse->name
			*/
	SSE_COMMENT,   /* a comment line begins (its text is not reported) */
};

#define SSE_MAX_NAME 64

struct sse {
	uint8_t state;
	bool has_data; /* the event being read has a data line */
	bool ended;    /* SSE_EVENT_END was returned: the next call begins a new event */
	uint8_t field_len, name_len;
	char field[8];
	char name[SSE_MAX_NAME]; /* event: value of the event in progress (cut at the maximum) */
	uint64_t offset;         /* bytes consumed since init */
	uint64_t event_start;    /* offset where the event in progress began */
};

void sse_init(struct sse *s);
/*
 * *used bytes of in were consumed. Call again with the rest until SSE_MORE.
 * At SSE_EVENT_END name, has_data, event_start and offset describe the event until the next call.
 * An event that ends with CR is reported at once; an LF that turns out to follow is consumed later
 * and counts to neither event (event_start moves behind it).
 */
enum sse_rc sse_feed(struct sse *s, struct str in, size_t *used, struct str *out) TG_MUST_CHECK;

/* Between two events: the next byte begins one. */
bool sse_at_border(const struct sse *s);
/* Called there: n bytes of whole events, the last blank line included, were read by somebody else.
 */
void sse_skip(struct sse *s, size_t n);

static inline struct str sse_name(const struct sse *s)
{
	return str_mk(s->name, s->name_len);
}

#endif
