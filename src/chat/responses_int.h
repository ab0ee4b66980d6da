/*
 * responses_int.h: what the files of OpenAI's Responses dialect (responses_*.c) share: output items
 * and the response object around them. Not for others.
 *
 * Opaque values of other providers travel in the encrypted_content of reasoning items, with a word
 * before them that says what they are: clients send such items back as they are.
 */
#ifndef TG_CHAT_RESPONSES_INT_H
#define TG_CHAT_RESPONSES_INT_H

#include "chat/openai_int.h"

enum responses_opaque {
	OPAQUE_NONE,
	OPAQUE_THINKING,  /* the signature of the thoughts in the same item */
	OPAQUE_REDACTED,  /* thoughts that are nothing but a blob */
	OPAQUE_SIGNATURE, /* of the item before */
};

/* The word, up to its colon. */
struct str responses_opaque_word(enum responses_opaque what);
/* Of an encrypted_content: what it is, the value alone in *value. NONE: it is not of ours. */
enum responses_opaque responses_opaque_of(struct str jstr, struct str *value);

struct responses_piece {
	struct str text; /* jstr */
	struct responses_piece *next;
};

/* An element of `output`: a message of one part, reasoning, a call, or a picture. */
struct responses_item {
	enum chat_part_kind kind; /* TEXT, REFUSAL, THINKING (all reasoning), CALL, IMAGE */
	size_t index;             /* in output */
	bool cut;                 /* the stream ended in its midst */
	struct responses_piece *piece, **tail;
	struct str args;     /* json: of a call that came whole; n == 0: its pieces */
	struct str id, name; /* jstr: of a call */
	struct str space;    /* jstr: the namespace of its tool; absent: none */
	enum responses_opaque opaque;
	struct str value;  /* jstr: the opaque one; of a picture: base64 */
	struct str format; /* jstr: of a picture, "png" */
	struct responses_item *next;
};

struct responses_object {
	struct str id, model; /* id: of ours, without prefix */
	int64_t created;
	const char *status; /* "completed", ... */
	const char *why;    /* of an incomplete one */
	const struct chat_error *error;
	const struct responses_item *item;
	const struct usage *usage; /* NULL: not known */
	uint64_t reasoning;
};

/* A value: the item as it is. `status`: "in_progress" (nothing is in it yet) or "completed". */
void responses_write_item(
	struct json_out *o, struct str id, const struct responses_item *i, const char *status);
/* "msg_..", "rs_..", "fc_..", as a string. */
void responses_write_item_id(struct json_out *o, struct str id, const struct responses_item *i);
/* A string of all pieces. */
void responses_write_text(struct json_out *o, const struct responses_item *i);
/* {"type":"output_text",..} or {"type":"refusal",..}; empty: as it begins. */
void responses_write_part(struct json_out *o, const struct responses_item *i, bool empty);
void responses_write_object(struct json_out *o, const struct responses_object *r);
/* Pictures in base64 are an image_generation_call; of other media this API's answers can only tell.
 */
bool responses_media_fits(enum chat_part_kind kind, struct str data);
/* "png" of "image/png". */
struct str responses_picture_format(struct str mime);
/* What an answer's end makes of its status. */
void responses_finish(struct responses_object *r, enum chat_finish f);

int responses_read_request(
	struct chat_context *cx, const struct json_node *root, struct chat_request *rq);
void responses_write_answer(
	struct chat_context *cx, const struct chat_answer *a, struct json_out *o);
struct chat_stream *responses_out_open(struct chat_context *cx, const struct chat_request *rq);
void responses_write_event(struct chat_stream *s, const struct chat_event *e, struct json_out *o);

/* ---- tools in namespaces (responses_space.c) */

/* Adds the tools of a {"type":"namespace"} to the request, and to cx->spaces. */
int responses_space_read(struct openai_reader *r, const struct json_node *v) TG_MUST_CHECK;
/* Adds a tool that is in no namespace. */
int responses_space_none(struct openai_reader *r, const struct json_node *f) TG_MUST_CHECK;
/* All of them are there: 0, or -1 with cx->fail when two could not be told apart. */
int responses_space_sort(struct chat_context *cx) TG_MUST_CHECK;
/* The name of the tool of a call in the input, or of a choice, which may say its namespace. */
int responses_space_name(
	struct chat_context *cx, const struct json_node *v, struct str *name) TG_MUST_CHECK;
/* The namespace of the tool that is called *name, which becomes its name in there; absent: none. */
struct str responses_space_of(const struct chat_context *cx, struct str *name);

/* ---- as a provider's dialect */

int responses_write_request(
	struct chat_context *cx, const struct chat_request *rq, struct json_out *o);
int responses_read_answer(
	struct chat_context *cx, const struct json_node *root, struct chat_answer *a);
struct chat_stream *responses_in_open(struct chat_context *cx, const struct chat_request *rq);
int responses_read_event(struct chat_stream *s, struct chat_context *cx, struct str name,
	struct str data, chat_emit_f *emit, void *arg);
int responses_read_end(
	struct chat_stream *s, struct chat_context *cx, chat_emit_f *emit, void *arg);

#endif
