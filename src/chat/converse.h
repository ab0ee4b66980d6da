/*
 * converse.h: what the files of the codec for Bedrock's Converse share. It is a provider's dialect
 * only. A stream's events come out of their binary frames as {"contentBlockDelta":{...}},
 * exceptions as {"exception":"throttlingException","detail":{...}} (providers/deframe.c). Facts:
 * providers.md sections 1, 10 and 13; the service's model as of 2026-08. Pure; any thread.
 */
#ifndef TG_CHAT_CONVERSE_H
#define TG_CHAT_CONVERSE_H

#include "chat/codec.h"
#include "chat/model_traits.h"

#define CONVERSE_VALUES (1 << 16) /* JSON values in an event */

/* ---- request parts (converse_parts.c) */

/* Documents need names that are unlike each other. */
struct converse_parts {
	struct chat_context *cx;
	unsigned documents;
	bool caches; /* the model takes cache points */
};

/* Would converse_part_write write anything? Notes what the API cannot take. */
bool converse_part_fits(const struct converse_parts *w, const struct chat_part *p);
/* A content block; p must fit. */
void converse_part_write(struct converse_parts *w, const struct chat_part *p, struct json_out *o);
/* The breakpoint behind something, as an element of its own; nothing for CHAT_CACHE_NONE. */
void converse_cache_write(
	const struct converse_parts *w, enum chat_cache cache, struct json_out *o);

/* A block's word for media ("image") as a kind; false: it is another block's. */
bool converse_media_kind(struct str block, enum chat_part_kind *kind);
/* The media type of a format ("jpeg"); of one that is not known "image/WORD". In the arena. */
struct str converse_media_mime(struct arena *a, enum chat_part_kind kind, struct str format);

/* ---- what answers and streams share (converse_answer.c) */

/* Instead of media that could not be made: "[image/png: why]". */
struct str converse_media_error(struct arena *a, const struct chat_part *p, struct str why);

enum chat_finish converse_finish(struct str stop_reason);
/* A usage object as disjoint buckets: cached input is not inside inputTokens. False: it is none. */
bool converse_usage(const struct json_node *usage, struct usage *u);
/* The HTTP status of an error's or exception's name; 0: not known. */
int converse_status(struct str name);

/* ---- the codec's functions, as codec.h says */

int converse_write_request(
	struct chat_context *cx, const struct chat_request *rq, struct json_out *o) TG_MUST_CHECK;
int converse_read_answer(
	struct chat_context *cx, const struct json_node *root, struct chat_answer *a) TG_MUST_CHECK;
void converse_read_error(
	struct chat_context *cx, const struct json_node *root, struct chat_error *e);
struct chat_stream *converse_in_open(struct chat_context *cx, const struct chat_request *rq);
int converse_read_event(struct chat_stream *s, struct chat_context *cx, struct str name,
	struct str data, chat_emit_f *emit, void *arg) TG_MUST_CHECK;
int converse_read_end(
	struct chat_stream *s, struct chat_context *cx, chat_emit_f *emit, void *arg) TG_MUST_CHECK;

#endif
