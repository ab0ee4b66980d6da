/*
 * eventstream.c: reading and writing AWS event stream messages. Owns nothing; any thread.
 */
#include "proto/eventstream.h"

#include "base/digest.h"

enum { PRELUDE, H_NAME_LEN, H_NAME, H_TYPE, H_VALUE_LEN, H_VALUE, PAYLOAD, CHECKSUM, BROKEN };

/* Bytes of a header's value by its type; -1: a length of two bytes goes before it. */
static const int8_t value_bytes[] = { 0, 0, 1, 2, 4, 8, -1, -1, 8, 16 };
#define T_STRING 7

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(char *p, size_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(v >> (24 - 8 * i) & 255);
}

void evs_init(struct eventstream *e)
{
	memset(e, 0, sizeof *e);
}

bool evs_at_border(const struct eventstream *e)
{
	return e->state == PRELUDE && e->have == 0;
}

static enum evs_rc broken(struct eventstream *e, const char *err)
{
	e->state = BROKEN;
	e->err = err;
	return EVS_BAD;
}

/* Fills buf up to n bytes; true when they are all there. */
static bool collect(struct eventstream *e, struct str *in, size_t n)
{
	size_t take = TG_MIN(in->n, n - e->have);

	memcpy(e->buf + e->have, in->p, take);
	e->have = (uint8_t)(e->have + take);
	*in = str_skip(*in, take);
	return e->have == n;
}

static enum evs_rc read_prelude(struct eventstream *e, struct str *in)
{
	uint32_t headers;

	if (!collect(e, in, 12))
		return EVS_MORE;
	e->total = get32(e->buf);
	headers = get32(e->buf + 4);
	if (digest_crc32(0, e->buf, 8) != get32(e->buf + 8))
		return broken(e, "the checksum of a message's prelude is wrong");
	if (headers > EVS_MAX_HEADERS)
		return broken(e, "a message's headers are longer than 128 KiB");
	if (e->total < EVS_OVERHEAD + headers)
		return broken(e, "a message is shorter than its headers");
	if (e->total - headers - EVS_OVERHEAD > EVS_MAX_PAYLOAD)
		return broken(e, "a message's payload is longer than 24 MiB");
	e->crc = digest_crc32(0, e->buf, 12);
	e->headers_left = headers;
	e->payload_bytes = e->payload_left = e->total - headers - EVS_OVERHEAD;
	e->have = 0;
	e->type = EVS_UNKNOWN;
	e->name_len = 0;
	e->message_len = 0;
	e->state = headers > 0 ? H_NAME_LEN : PAYLOAD;
	return headers > 0 ? EVS_MORE : EVS_HEAD;
}

/* The next n bytes at most of the headers, checksummed. */
static struct str take(struct eventstream *e, struct str *in, size_t n)
{
	struct str s = str_mk(in->p, TG_MIN(TG_MIN(n, in->n), (size_t)e->headers_left));

	e->crc = digest_crc32(e->crc, s.p, s.n);
	e->headers_left -= (uint32_t)s.n;
	*in = str_skip(*in, s.n);
	return s;
}

/* Appends what fits. */
static size_t append(char *to, size_t have, size_t cap, struct str s)
{
	size_t n = TG_MIN(s.n, cap - have);

	memcpy(to + have, s.p, n);
	return have + n;
}

static bool header_is(const struct eventstream *e, struct str name)
{
	return str_eq(str_mk(e->h_name, e->h_name_len), name);
}

static void read_type(struct eventstream *e, struct str piece)
{
	/* It may come in pieces: buf is free while a value is read, and longer than any that is
	 * known. */
	size_t seen = TG_MIN((size_t)e->h_seen, sizeof e->buf);
	size_t n = append((char *)e->buf, seen, sizeof e->buf, piece);
	struct str v = str_mk((const char *)e->buf, n);

	e->type = str_eq(v, STR("event"))       ? EVS_EVENT
		  : str_eq(v, STR("exception")) ? EVS_EXCEPTION
		  : str_eq(v, STR("error"))     ? EVS_ERROR
						: EVS_UNKNOWN;
}

static void read_value(struct eventstream *e, struct str piece)
{
	bool first = e->h_seen == 0; /* the last of several headers of one name counts */

	if (e->h_type != T_STRING) {
		; /* what is wanted is text */
	} else if (header_is(e, STR(":message-type"))) {
		read_type(e, piece);
	} else if (header_is(e, STR(":event-type")) || header_is(e, STR(":exception-type")) ||
		   header_is(e, STR(":error-code"))) {
		size_t have = first ? 0 : e->name_len;

		e->name_len = (uint8_t)append(e->name, have, sizeof e->name, piece);
	} else if (header_is(e, STR(":error-message"))) {
		size_t have = first ? 0 : e->message_len;

		e->message_len = (uint16_t)append(e->message, have, sizeof e->message, piece);
	}
	e->h_seen = (uint16_t)(e->h_seen + piece.n);
}

/* A header is complete. */
static enum evs_rc next_header(struct eventstream *e)
{
	e->have = 0;
	e->state = e->headers_left > 0 ? H_NAME_LEN : PAYLOAD;
	return e->headers_left > 0 ? EVS_MORE : EVS_HEAD;
}

static enum evs_rc begin_value(struct eventstream *e, uint16_t n)
{
	e->h_left = n;
	e->h_seen = 0;
	e->have = 0;
	e->state = H_VALUE;
	return n > 0 ? EVS_MORE : next_header(e);
}

static enum evs_rc read_header_byte(struct eventstream *e, uint8_t byte)
{
	switch (e->state) {
	case H_NAME_LEN:
		if (byte == 0)
			return broken(e, "a header has no name");
		e->h_left = byte;
		e->h_name_len = 0;
		e->state = H_NAME;
		return EVS_MORE;
	case H_TYPE:
		if (byte >= sizeof value_bytes)
			return broken(e, "a header is of an unknown type");
		e->h_type = byte;
		if (value_bytes[byte] >= 0)
			return begin_value(e, (uint16_t)value_bytes[byte]);
		e->state = H_VALUE_LEN;
		return EVS_MORE;
	default: /* H_VALUE_LEN */
		e->buf[e->have++] = byte;
		return e->have < 2 ? EVS_MORE
				   : begin_value(e, (uint16_t)(e->buf[0] << 8 | e->buf[1]));
	}
}

static enum evs_rc read_header(struct eventstream *e, struct str *in)
{
	struct str piece;

	if (e->headers_left == 0)
		return broken(e, "a header is longer than the headers");
	if (e->state != H_NAME && e->state != H_VALUE) {
		piece = take(e, in, 1);
		return read_header_byte(e, (uint8_t)piece.p[0]);
	}
	piece = take(e, in, e->h_left);
	e->h_left = (uint16_t)(e->h_left - piece.n);
	if (e->state == H_NAME)
		e->h_name_len = (uint8_t)append(e->h_name, e->h_name_len, sizeof e->h_name, piece);
	else
		read_value(e, piece);
	if (e->h_left > 0)
		return EVS_MORE;
	if (e->state == H_NAME) {
		e->state = H_TYPE;
		return EVS_MORE;
	}
	return next_header(e);
}

static enum evs_rc read_payload(struct eventstream *e, struct str *in, struct str *out)
{
	*out = str_mk(in->p, TG_MIN(in->n, (size_t)e->payload_left));
	e->crc = digest_crc32(e->crc, out->p, out->n);
	e->payload_left -= (uint32_t)out->n;
	*in = str_skip(*in, out->n);
	return EVS_DATA;
}

static enum evs_rc read_checksum(struct eventstream *e, struct str *in)
{
	if (!collect(e, in, 4))
		return EVS_MORE;
	if (get32(e->buf) != e->crc)
		return broken(e, "the checksum of a message is wrong");
	e->have = 0;
	e->state = PRELUDE;
	e->messages++;
	return EVS_END;
}

static enum evs_rc step(struct eventstream *e, struct str *in, struct str *out)
{
	switch (e->state) {
	case PRELUDE: return read_prelude(e, in);
	case PAYLOAD:
		if (e->payload_left > 0)
			return read_payload(e, in, out);
		e->state = CHECKSUM;
		e->have = 0;
		return EVS_MORE;
	case CHECKSUM: return read_checksum(e, in);
	case BROKEN: return EVS_BAD;
	default: return read_header(e, in);
	}
}

enum evs_rc evs_feed(struct eventstream *e, struct str in, size_t *used, struct str *out)
{
	struct str rest = in;
	enum evs_rc rc = e->state == BROKEN ? EVS_BAD : EVS_MORE;

	while (rest.n > 0 && rc == EVS_MORE)
		rc = step(e, &rest, out);
	*used = in.n - rest.n;
	return rc;
}

/* ---- writing */

static size_t header_bytes(struct str name, struct str value)
{
	return value.n > 0 ? 1 + name.n + 1 + 2 + value.n : 0;
}

static char *write_header(char *p, struct str name, struct str value)
{
	if (value.n == 0)
		return p;
	*p++ = (char)name.n;
	memcpy(p, name.p, name.n);
	p += name.n;
	*p++ = T_STRING;
	*p++ = (char)(value.n >> 8 & 255);
	*p++ = (char)(value.n & 255);
	memcpy(p, value.p, value.n);
	return p + value.n;
}

size_t evs_write(char *out, size_t cap, enum evs_type type, struct str name,
	struct str content_type, struct str payload)
{
	static const struct str types[] = { STR("event"), STR("event"), STR("exception"),
		STR("error") };
	static const struct str keys[] = { STR(":event-type"), STR(":event-type"),
		STR(":exception-type"), STR(":error-code") };
	size_t headers = header_bytes(STR(":message-type"), types[type]) +
			 header_bytes(keys[type], name) +
			 header_bytes(STR(":content-type"), content_type);
	size_t total = EVS_OVERHEAD + headers + payload.n;
	char *p = out;

	if (total > cap)
		return total;
	put32(p, total);
	put32(p + 4, headers);
	put32(p + 8, digest_crc32(0, p, 8));
	p = write_header(p + 12, keys[type], name);
	p = write_header(p, STR(":content-type"), content_type);
	p = write_header(p, STR(":message-type"), types[type]);
	if (payload.n > 0)
		memcpy(p, payload.p, payload.n);
	put32(p + payload.n, digest_crc32(0, out, total - 4));
	return total;
}
