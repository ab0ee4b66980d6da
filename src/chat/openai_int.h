/*
 * openai_int.h: what the files of OpenAI's two dialects (openai_*.c: chat completions,
 * responses_*.c: Responses) share: building parts, media, words. Not for others.
 */
#ifndef TG_CHAT_OPENAI_INT_H
#define TG_CHAT_OPENAI_INT_H

#include "chat/codec.h"
#include "chat/model_traits.h"

/* Where a request being read grows. */
struct openai_reader {
	struct chat_context *cx;
	struct chat_request *rq;
	const struct json_node *root;
	struct chat_turn **turn_tail;
	struct chat_part **part_tail;
	struct chat_tool **tool_tail;
	struct chat_part *last; /* that was added */
	size_t index;           /* of the message or item being read: for errors */
};

/* One member of a request: reads it, or -1 with chat_fail. v is neither NULL nor null. */
struct openai_member {
	struct str key;
	int (*read)(struct openai_reader *r, const struct json_node *v);
};

/*
 * Reads the members of the root by the table, in the table's order; notes those that are in none.
 * A member without a function is one that changes nothing of the answer.
 */
int openai_read_members(
	struct openai_reader *r, const struct openai_member *m, size_t n) TG_MUST_CHECK;

/* NULL: no memory, and cx->fail says so. */
struct chat_turn *openai_add_turn(struct openai_reader *r, enum chat_role role) TG_MUST_CHECK;
struct chat_part *openai_add_part(struct openai_reader *r, enum chat_part_kind kind) TG_MUST_CHECK;
struct chat_part *openai_add_text(
	struct openai_reader *r, enum chat_part_kind kind, struct str jstr) TG_MUST_CHECK;
struct chat_tool *openai_add_tool(struct openai_reader *r, const struct json_node *f) TG_MUST_CHECK;

/* Members both have */
int openai_read_bool(struct openai_reader *r, const struct json_node *v, const char *name,
	bool *out) TG_MUST_CHECK;
int openai_read_number(struct openai_reader *r, const struct json_node *v, const char *name,
	struct str *out) TG_MUST_CHECK;
int openai_read_limit(
	struct openai_reader *r, const struct json_node *v, const char *name) TG_MUST_CHECK;
int openai_read_effort(
	struct openai_reader *r, const struct json_node *v, const char *name) TG_MUST_CHECK;
int openai_read_parallel(struct openai_reader *r, const struct json_node *v) TG_MUST_CHECK;
int openai_read_temperature(struct openai_reader *r, const struct json_node *v) TG_MUST_CHECK;
int openai_read_top_p(struct openai_reader *r, const struct json_node *v) TG_MUST_CHECK;
int openai_read_stream(struct openai_reader *r, const struct json_node *v) TG_MUST_CHECK;
int openai_read_user(struct openai_reader *r, const struct json_node *v) TG_MUST_CHECK;
int openai_read_tier(struct openai_reader *r, const struct json_node *v) TG_MUST_CHECK;
/* What an answer is to be: `format` says its type, `schema` holds name, schema, strict and
 * description; where: the member's name. */
int openai_read_format(struct openai_reader *r, const struct json_node *format,
	const struct json_node *schema, const char *where) TG_MUST_CHECK;
/* The word or object of tool_choice; `named` is what holds a function's name in `v`. */
int openai_read_choice(struct openai_reader *r, const struct json_node *v) TG_MUST_CHECK;
/* Anthropic's breakpoints, as relays of its models take them on parts and tools. */
enum chat_cache openai_read_cache(const struct json_node *o);

/* ---- media (openai_media.c) */

void openai_read_image(struct chat_part *p, struct str url, struct str detail);
void openai_read_audio(struct chat_context *cx, struct chat_part *p, const struct json_node *audio);
void openai_read_file(struct chat_part *p, const struct json_node *file);
/* A string: the URL, or a data: URL of its data. */
void openai_write_url(struct json_out *o, const struct chat_part *p);
/* "wav" or "mp3"; absent: OpenAI takes no audio of this type. */
struct str openai_audio_format(struct str mime);

/* ---- media of answers, which copies of the chat API have (openai_media.c) */

/* The URL of an element of `images`, or of a part of content; absent: it has none. */
struct str openai_image_url(const struct json_node *image);
/* One element; its index is for clients that put the pieces of a stream together. */
void openai_write_image(struct json_out *o, const struct chat_part *p, unsigned index);
/* What is said for audio, which has no media type there. In the arena. */
struct str openai_audio_text(struct arena *a, uint64_t bytes);

/* ---- usage (openai_usage.c) */

/* The figures of usage objects of OpenAI's shape, as told so far. Starts as {0}. */
struct openai_figures {
	uint64_t input, output, total, cached, cache_write, audio_in, image_in, reasoning,
		audio_out, image_out;
	bool told, has_total;
};

/*
 * Takes one usage object in, whatever its members are called (chat's, Responses', copies'). Figures
 * are cumulative: one that is there replaces what was, one that is null or absent leaves it.
 */
void openai_figures_read(struct openai_figures *f, const struct json_node *usage);
/* As disjoint buckets (providers differ in what is inside what). */
void openai_figures_usage(const struct openai_figures *f, struct usage *u);
/* The usage member of an answer, in chat's words or in Responses'. */
void openai_write_usage(struct json_out *o, const struct usage *u, uint64_t reasoning);
void openai_write_usage_responses(struct json_out *o, const struct usage *u, uint64_t reasoning);

/* ---- requests (openai_request_write.c) */

/* The effort as the model knows it; empty: none is said. */
struct str openai_effort_word(const struct chat_request *rq, const struct model_traits *t);
void openai_write_tier(struct chat_context *cx, struct json_out *o, const struct chat_request *rq);

/* The member user, of at most 64 characters. */
void openai_write_user(struct chat_context *cx, struct json_out *o, const struct chat_request *rq);

/* ---- answers (openai_words.c) */

enum chat_finish openai_finish_of(struct str word);
struct str openai_finish_word(enum chat_finish f);
void openai_read_error(struct chat_context *cx, const struct json_node *root, struct chat_error *e);
void openai_write_error(struct chat_context *cx, const struct chat_error *e, struct json_out *o);
/* The value of the "error" member. */
void openai_write_error_object(const struct chat_error *e, struct json_out *o);

/* An id for the n-th call of an answer whose provider gives none; absent: no memory. */
struct str openai_call_id(struct chat_context *cx, size_t n);
/* An element of tool_calls. */
void openai_write_call(struct json_out *o, const struct chat_part *p, bool with_signature);
/* tools, tool_choice and parallel_tool_calls; flat: as Responses has functions, without an object
 * of their own. */
void openai_write_tools(struct json_out *o, const struct chat_request *rq, bool flat);
/* The members of a format's schema: name, description, schema, strict. */
void openai_write_schema(struct json_out *o, const struct chat_request *rq, bool flat);
/* {"extra_content":{"google":{"thought_signature":".."}}} of an object. */
struct str openai_thought_signature(const struct json_node *o);
/* The member extra_content with a thought signature; nothing when it is absent. */
void openai_write_signature(struct json_out *o, struct str signature);

/* ---- the codec's entries */

int openai_read_request(
	struct chat_context *cx, const struct json_node *root, struct chat_request *rq);
int openai_write_request(
	struct chat_context *cx, const struct chat_request *rq, struct json_out *o);
int openai_read_answer(
	struct chat_context *cx, const struct json_node *root, struct chat_answer *a);
void openai_write_answer(struct chat_context *cx, const struct chat_answer *a, struct json_out *o);
struct chat_stream *openai_in_open(struct chat_context *cx, const struct chat_request *rq);
int openai_read_event(struct chat_stream *s, struct chat_context *cx, struct str name,
	struct str data, chat_emit_f *emit, void *arg);
int openai_read_end(struct chat_stream *s, struct chat_context *cx, chat_emit_f *emit, void *arg);
struct chat_stream *openai_out_open(struct chat_context *cx, const struct chat_request *rq);
void openai_write_event(struct chat_stream *s, const struct chat_event *e, struct json_out *o);

#endif
