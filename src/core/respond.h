/*
 * respond.h: the last sink: composes the head for the client and frames the body. JSON answers are
 * held (up to limits.held_response) so that cost and usage stand in the head; streams get an SSE
 * comment and a trailer.
 */
#ifndef TG_CORE_RESPOND_H
#define TG_CORE_RESPOND_H

#include "base/bufq.h"
#include "core/req.h"

struct respond {
	struct req *req;
	struct str
		fields; /* status line and the provider's fields that pass, composed at head time */
	bool hold;      /* waiting for fin */
	bool readable;  /* JSON or events: it may say what it used */
	bool sse, chunked, close_delimited, no_body;
	bool from_sse;    /* the provider's answer is a stream of events; sse: the client's is */
	bool array;       /* sse, told to the client as one JSON array that comes in pieces */
	bool eventstream; /* the provider's events come in binary frames; from_sse is set too */
	bool has_length;
	bool want_trailer;
	struct str trailers; /* the provider's that pass */
	uint64_t length;
	struct bufq held;
	struct event_hold *events; /* streams: the sink that passes whole events */
};

/* The provider's head is known: prepare the answer. -1: answered with an error instead. */
int respond_begin(struct req *r, const struct http_head *h) TG_MUST_CHECK;
/* For the provider's trailers, which pass when the client takes trailers: memory, when the body
 * begins, and what has come, before its end is handed on. */
struct http1_body;
void respond_trailer_room(struct respond *p, struct http1_body *b);
void respond_trailers(struct respond *p, const struct http1_body *b);
/* The provider's error body says when to come back, and its head did not: while nothing was sent.
 */
void respond_retry_after(struct req *r, uint64_t ms);
/* The provider broke off: tell the client as well as its protocol allows. */
void respond_truncate(struct req *r, const char *why);

/* The gateway ends a stream before its provider does: with these events, which make it whole for
 * the client. The leg is charged, the attempt gone. */
void respond_end(struct req *r, struct str events, enum req_end why);

/* Shared with reply.c: our own fields (request id, target, attempts, cost, usage, Server-Timing,
 * CORS, Date). */
struct http_out;
void respond_own_fields(struct req *r, struct http_out *o, bool with_cost);

#endif
