/*
 * eventstream.h: AWS event stream framing (application/vnd.amazon.eventstream) over any split of
 * the bytes, and writing it. All numbers are big endian:
 *
 *	u32 total | u32 headers | u32 CRC-32 of these 8 bytes | headers | payload | u32 CRC-32 of
 *all before
 *
 * Zero-copy and without memory of its own: payloads are handed over in pieces as spans of the
 *input. What they say is to be believed at EVS_END only, when the checksum was right. Pure; any
 *thread.
 */
#ifndef TG_PROTO_EVENTSTREAM_H
#define TG_PROTO_EVENTSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

#define EVS_MAX_HEADERS (128u << 10)
#define EVS_MAX_PAYLOAD (24u << 20)
#define EVS_OVERHEAD    16u
#define EVS_MAX_TEXT    128 /* of a header that is kept; longer ones are cut */
#define EVS_MAX_MESSAGE 512

enum evs_rc {
	EVS_MORE, /* input used up */
	EVS_HEAD, /* the headers are complete: type, name and the rest are known */
	EVS_DATA, /* *out is a piece of the payload */
	EVS_END,  /* the message is complete and its checksums are right */
	EVS_BAD,  /* the stream is broken, for good: evs->err says how */
};

enum evs_type { EVS_UNKNOWN, EVS_EVENT, EVS_EXCEPTION, EVS_ERROR };

struct eventstream {
	/* From EVS_HEAD to the next message */
	enum evs_type type;   /* :message-type */
	uint8_t name_len;     /* :event-type, :exception-type or :error-code */
	uint16_t message_len; /* :error-message */
	char name[EVS_MAX_TEXT];
	char message[EVS_MAX_MESSAGE];
	uint32_t payload_bytes; /* of the message in progress */
	uint64_t messages;      /* complete ones so far */
	const char *err;        /* static text */

	/* private */
	uint8_t state, have, h_type, h_name_len;
	uint8_t buf[12];
	char h_name[16];
	uint16_t h_left, h_seen; /* of the value */
	uint32_t headers_left, payload_left, crc, total;
};

void evs_init(struct eventstream *e);
/* *used bytes of in were consumed. Call again with the rest until EVS_MORE or EVS_BAD. */
enum evs_rc evs_feed(
	struct eventstream *e, struct str in, size_t *used, struct str *out) TG_MUST_CHECK;
/* Between two messages: a stream may end here. */
bool evs_at_border(const struct eventstream *e);

static inline struct str evs_name(const struct eventstream *e)
{
	return str_mk(e->name, e->name_len);
}
static inline struct str evs_message(const struct eventstream *e)
{
	return str_mk(e->message, e->message_len);
}

/* The bytes of a message of this kind ({EVS_EVENT, "contentBlockDelta", "{...}"}): how many they
 * are; they are written when they fit into cap. content_type may be empty. */
size_t evs_write(char *out, size_t cap, enum evs_type type, struct str name,
	struct str content_type, struct str payload);

#endif
