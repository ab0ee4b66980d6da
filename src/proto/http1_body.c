/*
 * http1_body.c: message bodies (RFC 9112 sections 6 and 7.1) pulled out of any split of the bytes.
 * Payload is handed on as spans of the input, never copied; only the few framing bytes are looked
 * at one by one. Pure, any thread.
 */
#include "proto/http1_body.h"
#include "proto/http_chars.h"

#define MAX_SIZE_DIGITS 16
#define MAX_EXTENSION   256

enum state {
	S_SIZE, /* aux = digits so far */
	S_EXT,  /* aux = bytes of the extension */
	S_SIZE_LF,
	S_DATA,
	S_DATA_CR,
	S_DATA_LF,
	S_LINE, /* start of a trailer line or of the last, empty one; aux = bytes of trailers from
		   here on */
	S_NAME,
	S_VALUE,
	S_VALUE_LF,
	S_LAST_LF,
	S_DONE,
	S_BAD,
};

void http1_body_init_framing(struct http1_body *b, enum http_framing f, uint64_t length)
{
	*b = (struct http1_body){
		.framing = f,
		.left = f == HTTP_BODY_LENGTH ? length : 0,
	};
}

void http1_body_init(struct http1_body *b, const struct http_head *h)
{
	http1_body_init_framing(b, h->framing, h->content_length);
}

bool http1_body_done(const struct http1_body *b)
{
	switch (b->framing) {
	case HTTP_BODY_NONE: return true;
	case HTTP_BODY_LENGTH: return b->left == 0;
	case HTTP_BODY_CHUNKED: return b->state == S_DONE;
	default: return false;
	}
}

static enum state bad(struct http1_body *b, enum http_error e)
{
	b->err = e;
	return S_BAD;
}

/* 1*16HEXDIG, then CR or an extension. */
static enum state on_size(struct http1_body *b, char c)
{
	if (http_is(c, HTTP_C_HEX)) {
		if (++b->aux > MAX_SIZE_DIGITS || b->left > (uint64_t)INT64_MAX >> 4)
			return bad(b, HTTP_E_BAD_CHUNK_SIZE);
		b->left = b->left << 4 | http_hex(c);
		return S_SIZE;
	}
	if (b->aux == 0)
		return bad(b, HTTP_E_BAD_CHUNK_SIZE);
	if (c == '\r')
		return S_SIZE_LF;
	if (c != ';')
		return bad(b, HTTP_E_BAD_CHUNK_SIZE);
	b->aux = 1;
	return S_EXT;
}

static enum state on_extension(struct http1_body *b, char c)
{
	if (c == '\r')
		return S_SIZE_LF;
	if (++b->aux > MAX_EXTENSION || !(http_is(c, HTTP_C_VCHAR) || c == ' ' || c == '\t'))
		return bad(b, HTTP_E_BAD_CHUNK_EXT);
	return S_EXT;
}

static enum state on_size_lf(struct http1_body *b, char c)
{
	b->aux = 0;
	if (c != '\n')
		return bad(b, HTTP_E_BAD_CHUNK_SIZE);
	return b->left != 0 ? S_DATA : S_LINE;
}

static void keep_trailer(struct http1_body *b, char c)
{
	if (b->trailer_n < b->trailer_cap)
		b->trailer[b->trailer_n++] = c;
	else
		b->trailer_n = b->trailer_cap = 0;
}

/* Trailers are held to the rules of header fields; without memory for them they are dropped. */
static enum state on_trailer(struct http1_body *b, char c)
{
	if (b->trailer_cap > 0)
		keep_trailer(b, c);
	if (++b->aux > HTTP_MAX_TRAILER)
		return bad(b, HTTP_E_BAD_TRAILER);
	switch (b->state) {
	case S_LINE:
		if (c == '\r')
			return S_LAST_LF;
		return http_is(c, HTTP_C_TOKEN) ? S_NAME : bad(b, HTTP_E_BAD_TRAILER);
	case S_NAME:
		if (c == ':')
			return S_VALUE;
		return http_is(c, HTTP_C_TOKEN) ? S_NAME : bad(b, HTTP_E_BAD_TRAILER);
	case S_VALUE:
		if (c == '\r')
			return S_VALUE_LF;
		return http_is(c, HTTP_C_FIELD) ? S_VALUE : bad(b, HTTP_E_BAD_TRAILER);
	case S_VALUE_LF: return c == '\n' ? S_LINE : bad(b, HTTP_E_BAD_TRAILER);
	default: return c == '\n' ? S_DONE : bad(b, HTTP_E_BAD_TRAILER);
	}
}

/* One byte of framing. */
static enum state on_byte(struct http1_body *b, char c)
{
	switch (b->state) {
	case S_SIZE: return on_size(b, c);
	case S_EXT: return on_extension(b, c);
	case S_SIZE_LF: return on_size_lf(b, c);
	case S_DATA_CR: return c == '\r' ? S_DATA_LF : bad(b, HTTP_E_BAD_CHUNK_END);
	case S_DATA_LF: return c == '\n' ? S_SIZE : bad(b, HTTP_E_BAD_CHUNK_END);
	default: return on_trailer(b, c);
	}
}

static enum body_rc take(struct http1_body *b, const char *in, size_t n, struct str *data)
{
	*data = str_mk(in, n);
	b->total += n;
	return BODY_DATA;
}

static enum body_rc feed_chunked(
	struct http1_body *b, const char *in, size_t n, size_t *used, struct str *data)
{
	size_t i = 0, k;

	while (i < n && b->state != S_DONE && b->state != S_BAD) {
		if (b->state == S_DATA) {
			k = b->left < n - i ? (size_t)b->left : n - i;
			b->left -= k;
			if (b->left == 0)
				b->state = S_DATA_CR;
			*used = i + k;
			return take(b, in + i, k, data);
		}
		b->state = (uint8_t)on_byte(b, in[i]);
		i += b->state != S_BAD;
	}
	*used = i;
	if (b->state == S_BAD)
		return BODY_BAD;
	return b->state == S_DONE ? BODY_END : BODY_MORE;
}

enum body_rc http1_body_feed(
	struct http1_body *b, const char *in, size_t n, size_t *used, struct str *data)
{
	size_t k;

	*used = 0;
	*data = STR_NONE;
	switch (b->framing) {
	case HTTP_BODY_CHUNKED: return feed_chunked(b, in, n, used, data);
	case HTTP_BODY_LENGTH:
		if (b->left == 0)
			return BODY_END;
		k = b->left < n ? (size_t)b->left : n;
		b->left -= k;
		break;
	case HTTP_BODY_EOF: k = n; break;
	default: return BODY_END;
	}
	*used = k;
	return k != 0 ? take(b, in, k, data) : BODY_MORE;
}
