/*
 * anthropic.h: what the files of Anthropic's messages codec share. Each half is one file:
 * anthropic_request_read, _request_write, _parts_write, _answer, _media, _stream_read,
 * _stream_write, _usage, _error. Facts: the API's specification as of 2026-08 (messages, streaming,
 * errors). Pure; any thread.
 */
#ifndef TG_CHAT_ANTHROPIC_H
#define TG_CHAT_ANTHROPIC_H

#include "chat/codec.h"
#include "chat/model_traits.h"

/* ---- usage: figures as they are told, each by its newest value (they are cumulative) */

struct anthropic_usage {
	uint64_t input, cache_read, cache_write, write_5m, write_1h, output, thinking, searches;
	bool seen, has_write;
};

/* Takes over what `usage` says; what is absent or null stays. usage may be NULL. */
void anthropic_usage_read(struct anthropic_usage *a, const struct json_node *usage);
/* As disjoint buckets; USAGE_ABSENT when nothing was seen. */
void anthropic_usage_buckets(const struct anthropic_usage *a, struct usage *u);
/* The member "usage" with everything that message objects and message_delta events carry. */
void anthropic_usage_write(struct json_out *o, const struct usage *u);

/* ---- finish reasons (providers.md 10.2) */

enum chat_finish anthropic_finish(struct str stop_reason);
const char *anthropic_stop_reason(enum chat_finish f);

/* ---- media of answers (anthropic_media.c) */

typedef int anthropic_media_f(void *arg, const struct chat_part *p);
/*
 * What a block of an answer shows: pictures and documents as such, files that lie at the provider
 * (its own tools make them) as a text that names them. Calls f for each; -1: f failed.
 */
int anthropic_read_media(struct chat_context *cx, const struct json_node *block,
	anthropic_media_f *f, void *arg) TG_MUST_CHECK;

/* ---- helpers */

/* A string member that says what something is, decoded; empty when absent or no string. */
struct str anthropic_word(struct chat_context *cx, const struct json_node *o, struct str key);

/* ---- request parts (anthropic_parts_write.c) */

/* Would anthropic_part_write write anything? Notes what the API cannot take. */
bool anthropic_part_fits(struct chat_context *cx, const struct chat_part *p, enum chat_role role);
/* A content block; p must fit. */
void anthropic_part_write(struct chat_context *cx, const struct chat_part *p, struct json_out *o);
void anthropic_cache_write(struct json_out *o, enum chat_cache cache);

/* The schema with its objects closed (anthropic_schema.c); what cannot be said is noted as `where`
 * and its name. */
void anthropic_schema_write(
	struct chat_context *cx, const char *where, struct str schema, struct json_out *o);

/* ---- the codec's functions, as codec.h says */

int anthropic_read_request(struct chat_context *cx, const struct json_node *root,
	struct chat_request *rq) TG_MUST_CHECK;
int anthropic_write_request(
	struct chat_context *cx, const struct chat_request *rq, struct json_out *o) TG_MUST_CHECK;
int anthropic_read_answer(
	struct chat_context *cx, const struct json_node *root, struct chat_answer *a) TG_MUST_CHECK;
void anthropic_write_answer(
	struct chat_context *cx, const struct chat_answer *a, struct json_out *o);
struct chat_stream *anthropic_in_open(struct chat_context *cx, const struct chat_request *rq);
int anthropic_read_event(struct chat_stream *s, struct chat_context *cx, struct str name,
	struct str data, chat_emit_f *emit, void *arg) TG_MUST_CHECK;
int anthropic_read_end(
	struct chat_stream *s, struct chat_context *cx, chat_emit_f *emit, void *arg) TG_MUST_CHECK;
struct chat_stream *anthropic_out_open(struct chat_context *cx, const struct chat_request *rq);
void anthropic_write_event(struct chat_stream *s, const struct chat_event *e, struct json_out *o);
void anthropic_read_error(
	struct chat_context *cx, const struct json_node *root, struct chat_error *e);
void anthropic_write_error(struct chat_context *cx, const struct chat_error *e, struct json_out *o);
/* {"type":"error","error":{...}}: the body, and what an error event carries. */
void anthropic_error_object(const struct chat_error *e, struct json_out *o);

#endif
