/*
 * codec.h: a dialect of text generation: how it reads and writes the hub (chat.h). One const object
 * per dialect in chat_codecs[]. Pure: bytes in, bytes out, memory from an arena.
 *
 * Reading a request never loses anything silently: a member that the hub cannot say is noted with
 * chat_unsupported() by its name; a writer notes what its API cannot take in the same way. The
 * caller refuses (400, naming the field), or drops them where the configuration says so.
 */
#ifndef TG_CHAT_CODEC_H
#define TG_CHAT_CODEC_H

#include "chat/chat.h"
#include "proto/json_out.h"
#include "proto/json_tree.h"

enum chat_shape {
	SHAPE_NONE,
#define X(id, codec) SHAPE_##id,
#include "chat/tbl/shapes.h"
#undef X
	SHAPE__MAX
};

#define CHAT_UNSUPPORTED 16
struct chat_context {
	struct arena *arena; /* of the request, or of the event that is being read */
	/* What is wrong with the request: 400 in the client's dialect. */
	char fail[200];
	/* Members by name that would be lost ("logit_bias", "messages[].content[].input_audio"). */
	struct str unsupported[CHAT_UNSUPPORTED];
	unsigned n_unsupported;
	/* What the writer needs to know of its target */
	struct str model;            /* jstr: the provider's name for it */
	uint64_t default_max_tokens; /* for APIs that require a limit */
	uint64_t input_estimate;     /* tokens, for streams that must tell them before they are
					known */
	int64_t created;             /* unix seconds: for answers that carry a time */
	struct str id;               /* jstr: for answers that need an id of ours */
};

/* Note it (once); name is static or in the arena. */
void chat_unsupported(struct chat_context *cx, const char *name);
/* printf into cx->fail; returns -1, so that readers can `return chat_fail(...)`. */
int chat_fail(struct chat_context *cx, const char *fmt, ...) TG_PRINTF(2, 3);

struct chat_stream; /* the reader's or writer's place in a stream; made by the codec in an arena */
/* Called by readers for each event; -1: stop (the sink is gone). */
typedef int chat_emit_f(void *arg, const struct chat_event *e);

struct chat_codec {
	const char *name;
	/* ---- as the client's dialect */
	int (*read_request)(
		struct chat_context *, const struct json_node *root, struct chat_request *);
	void (*write_answer)(struct chat_context *, const struct chat_answer *, struct json_out *);
	struct chat_stream *(*out_open)(struct chat_context *, const struct chat_request *);
	/* Appends whole SSE events (or nothing). END writes what ends a stream. */
	void (*write_event)(struct chat_stream *, const struct chat_event *, struct json_out *);
	void (*write_error)(struct chat_context *, const struct chat_error *, struct json_out *);
	/* ---- as the provider's dialect. 0; -1: chat_fail() says why */
	int (*write_request)(struct chat_context *, const struct chat_request *, struct json_out *);
	int (*read_answer)(
		struct chat_context *, const struct json_node *root, struct chat_answer *);
	struct chat_stream *(*in_open)(struct chat_context *, const struct chat_request *);
	/* One event: its name (may be empty) and its data, JSON or a marker such as [DONE]. cx's
	 * arena is good for this event only; what must last is copied into the stream's. */
	int (*read_event)(struct chat_stream *, struct chat_context *, struct str name,
		struct str data, chat_emit_f *emit, void *arg);
	/* The body ended: emits END, or ERROR when the answer was not complete. */
	int (*read_end)(struct chat_stream *, struct chat_context *, chat_emit_f *emit, void *arg);
	/* An error body of any shape this provider uses. */
	void (*read_error)(
		struct chat_context *, const struct json_node *root, struct chat_error *);
};

extern const struct chat_codec *const chat_codecs[SHAPE__MAX];

#endif
