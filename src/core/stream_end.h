/*
 * stream_end.h: how an answer that the gateway cuts off ends for its client: with the events that
 * its API has for an answer that reached its token limit, after an SSE comment that says who did
 * it. Every SDK takes that for a whole answer that is short.
 *
 *	chat, completions  a chunk with finish_reason "length", the usage chunk where it was asked
 *	                   for, [DONE]
 *	Responses          the open item's end, response.incomplete (max_output_tokens)
 *	Messages           content_block_stop, message_delta (max_tokens), message_stop
 *
 * For that it follows the stream: what its first event says of the answer, and what is open. In the
 * request's arena; its worker.
 */
#ifndef TG_CORE_STREAM_END_H
#define TG_CORE_STREAM_END_H

#include "base/arena.h"
#include "core/meter_api.h"

struct req;
struct stream_end;

/* NULL: no memory. The API is one that makes text. */
struct stream_end *stream_end_new(struct arena *a, enum meter_api api) TG_MUST_CHECK;
/* The stream as the client gets it, in any pieces. */
void stream_end_feed(struct stream_end *e, struct str bytes);
/* The events, in the request's arena. Its leg is charged. Empty: no memory. */
struct str stream_end_text(struct stream_end *e, struct req *r);

#endif
