/*
 * cohere.h: what the files of the codec for Cohere's v2 chat share. It is a provider's dialect
 * only. Facts: providers.md sections 1, 3, 5.1 and 10.2; the vendor's SDK as of 2026-08. Pure; any
 * thread.
 */
#ifndef TG_CHAT_COHERE_H
#define TG_CHAT_COHERE_H

#include "chat/codec.h"

#define COHERE_VALUES (1 << 16) /* JSON values in an event */

/* What a content of an answer shows ({"type":"image_url",..}): false: nothing. */
bool cohere_picture(const struct json_node *content, struct chat_part *p);
enum chat_finish cohere_finish(struct str reason);
/* A usage object as buckets: what is billed, not what was processed. False: it is none. */
bool cohere_usage(const struct json_node *usage, struct usage *u);

/* ---- the codec's functions, as codec.h says */

int cohere_write_request(
	struct chat_context *cx, const struct chat_request *rq, struct json_out *o) TG_MUST_CHECK;
int cohere_read_answer(
	struct chat_context *cx, const struct json_node *root, struct chat_answer *a) TG_MUST_CHECK;
void cohere_read_error(struct chat_context *cx, const struct json_node *root, struct chat_error *e);
struct chat_stream *cohere_in_open(struct chat_context *cx, const struct chat_request *rq);
int cohere_read_event(struct chat_stream *s, struct chat_context *cx, struct str name,
	struct str data, chat_emit_f *emit, void *arg) TG_MUST_CHECK;
int cohere_read_end(
	struct chat_stream *s, struct chat_context *cx, chat_emit_f *emit, void *arg) TG_MUST_CHECK;

#endif
