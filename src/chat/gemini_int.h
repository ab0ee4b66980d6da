/*
 * gemini_int.h: between the files of the Gemini codec (providers.md 10): what several of them need.
 *
 *	gemini_request_read.c    a client's generateContent -> chat_request
 *	gemini_request_write.c   chat_request -> generateContent
 *	gemini_schema.c          OpenAPI schemas of old-style declarations -> JSON Schema
 *	gemini_answer.c          answers both ways, usage and finish reasons
 *	gemini_stream_read.c     chunks of a provider -> events
 *	gemini_stream_write.c    events -> chunks for a client
 *	gemini_error.c           errors both ways
 */
#ifndef TG_CHAT_GEMINI_INT_H
#define TG_CHAT_GEMINI_INT_H

#include "chat/codec.h"

/* Stands in for a signature that was lost: Gemini 3 refuses calls without one. */
#define GEMINI_NO_SIGNATURE "skip_thought_signature_validator"
/* Opaque reasoning of another vendor travels through a Gemini client as a signature that begins so.
 */
#define GEMINI_REDACTED "redacted_thinking:"

/* The member by its name in lowerCamelCase, or as its snake_case twin: the vendor reads both. */
const struct json_node *gemini_get(const struct json_node *o, const char *camel);
struct str gemini_get_jstr(const struct json_node *o, const char *camel);
/* Is n's key that name, in either spelling? */
bool gemini_key_is(const struct json_node *n, const char *camel);

/* ---- gemini_schema.c */
/* A Schema of the API ("type": "OBJECT", nullable) as JSON Schema, in cx's arena. n == 0: no
 * memory, with cx->fail set. */
struct str gemini_schema_to_json(struct chat_context *cx, const struct json_node *schema);

/* ---- gemini_answer.c */
enum chat_finish gemini_finish_of(struct str jstr);
const char *gemini_finish_word(enum chat_finish f);
/* What the prompt was blocked for, in promptFeedback; absent when it was not. */
struct str gemini_block_reason(const struct json_node *root);
/* usageMetadata; false when it tells no figures. Later figures replace. */
bool gemini_usage_read(const struct json_node *root, struct usage *u);
void gemini_usage_write(struct json_out *o, const struct usage *u);
/*
 * The id of the k-th call of an answer that gives none: from the answer's own, so that it is stable
 * and no other answer's ("call_RESPONSEID_0"). STR_NONE: no memory.
 */
struct str gemini_call_id(struct chat_context *cx, struct arena *a, struct str answer, unsigned k);

/* One part of a candidate, as the answer and its chunks have it. Absent: nothing for the hub. */
struct gemini_part {
	enum chat_part_kind kind; /* TEXT, THINKING, CALL, media */
	bool known;               /* false: of a kind the hub does not know */
	struct str text, signature;
	struct str id, name;
	struct str mime, data, url; /* media */
	const struct json_node *call;
};
/* A picture among the thoughts is a draft: it becomes a thought that says so, in the arena. */
struct gemini_part gemini_part_read(struct arena *a, const struct json_node *part);

/* {"text":...,"thought":true,"thoughtSignature":...} and {"functionCall":...} */
void gemini_text_write(struct json_out *o, struct str text, bool thought, struct str signature);
void gemini_call_write(
	struct json_out *o, struct str id, struct str name, struct str args, struct str signature);
/* {"inlineData":{"mimeType":...,"data":...}}; or a text in its place when it is not such data. */
bool gemini_media_fits(struct str mime, struct str data);
void gemini_media_write(struct json_out *o, struct str mime, struct str data, struct str signature);
/* The signature under which redacted reasoning travels. */
void gemini_redacted_write(struct json_out *o, struct str data);

/* ---- gemini_error.c */
void gemini_error_read(struct chat_context *cx, const struct json_node *root, struct chat_error *e);
void gemini_error_write(struct json_out *o, const struct chat_error *e);

/* ---- the codec's functions, by file */
int gemini_read_request(
	struct chat_context *cx, const struct json_node *root, struct chat_request *rq);
int gemini_write_request(
	struct chat_context *cx, const struct chat_request *rq, struct json_out *o);
int gemini_read_answer(
	struct chat_context *cx, const struct json_node *root, struct chat_answer *a);
void gemini_write_answer(struct chat_context *cx, const struct chat_answer *a, struct json_out *o);
struct chat_stream *gemini_in_open(struct chat_context *cx, const struct chat_request *rq);
int gemini_read_event(struct chat_stream *s, struct chat_context *cx, struct str name,
	struct str data, chat_emit_f *emit, void *arg);
int gemini_read_end(struct chat_stream *s, struct chat_context *cx, chat_emit_f *emit, void *arg);
struct chat_stream *gemini_out_open(struct chat_context *cx, const struct chat_request *rq);
void gemini_write_event(struct chat_stream *s, const struct chat_event *e, struct json_out *o);

#endif
