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
#define X(id, codec, have) SHAPE_##id,
#include "chat/tbl/shapes.h"
#undef X
	SHAPE__MAX
};

struct responses_spaces;

#define CHAT_UNSUPPORTED 32
struct chat_context {
	struct arena *arena; /* of the request, or of the event that is being read */
	/* What is wrong with the request: 400 in the client's dialect. */
	char fail[200];
	/* Members by name that would be lost ("logit_bias", "messages[].content[].input_audio"). */
	struct str unsupported[CHAT_UNSUPPORTED];
	unsigned n_unsupported;
	bool unsupported_more; /* than there is room for: a body may have any number */
	/* What the writer needs to know of its target */
	struct str model;            /* jstr: the provider's name for it */
	uint64_t default_max_tokens; /* for APIs that require a limit, when the request has none */
	uint64_t most_tokens; /* what is held for the answer: no writer may ask for more (a thinking
				 budget must fit in, or thinking is left out). 0: no limit */
	uint64_t input_estimate; /* tokens, for streams that must tell them before they are known */
	bool completion_tokens;  /* OpenAI's chat: the limit is called max_completion_tokens */
	bool no_include_usage;   /* OpenAI's chat: a stream's usage comes unasked, stream_options is
				    refused */
	bool thoughts_back;      /* OpenAI's chat: the target takes reasoning_content in requests */
	bool counting;     /* only the input is to be written, for an endpoint that counts it */
	bool count_bare;   /* Gemini: Vertex counts a request that stands for itself */
	bool stream_array; /* Gemini: its client takes a stream as one JSON array (no alt=sse) */
	/* Responses: the request's tools in namespaces, which its answers name so again */
	struct responses_spaces *spaces;
	int64_t created; /* unix seconds: for answers that carry a time */
	struct str id;   /* jstr: for answers that need an id of ours */
};

/* Note it (once); name is static or in the arena. */
void chat_unsupported(struct chat_context *cx, const char *name);
/* The same of where and a name that is the client's, and goes into a field line and error texts:
 * anything but [A-Za-z0-9_.-]{1,64} is "(unnamed)". */
void chat_unsupported_in(struct chat_context *cx, const char *where, struct str name);
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

/* By enum chat_shape; NULL: there is none (yet). */
extern const struct chat_codec *const chat_codecs[SHAPE__MAX];
#define X(id, codec, have) extern const struct chat_codec codec;
#include "chat/tbl/shapes.h"
#undef X

/* ---- what codecs share (chat.c) */

/* A zeroed object in cx's arena; NULL with cx->fail set: no memory. */
void *chat_new(struct chat_context *cx, size_t size) TG_MUST_CHECK;
#define CHAT_NEW(cx, type) ((struct type *)chat_new((cx), sizeof(struct type)))

/*
 * The arguments of a call that came as a string of JSON (OpenAI's): the object it holds. "{}" when
 * it is empty; an object with the text in it as "raw_arguments" when it is cut off or something
 * else. Never n == 0 but for want of memory.
 */
struct str chat_args_of_jstr(struct chat_context *cx, struct str jstr);

/* Gives every PART_RESULT the name of the call before it that has its id, where it has none. */
int chat_name_results(struct chat_context *cx, struct chat_request *rq) TG_MUST_CHECK;

/* The tools that the request's calls name, each once, in the order they were first called. */
int chat_called_tools(struct chat_context *cx, const struct chat_request *rq, struct str **name,
	size_t *n) TG_MUST_CHECK;

/* A data: URL's media type and base64 text; false when it is none, or not in base64. */
bool chat_data_url(struct str jstr, struct str *mime, struct str *data);

/* Images, audio, video and files. */
bool chat_is_media(enum chat_part_kind kind);
/* What a media type is of. */
enum chat_part_kind chat_media_kind(struct str mime);
/* How many bytes base64 stands for; it is neither decoded nor checked. */
uint64_t chat_base64_bytes(struct str jstr);

struct chat_media {
	enum chat_part_kind kind;
	struct str mime, url; /* jstr; may be absent */
	uint64_t bytes;
};
/*
 * What an answer says in the place of media that the client's API has no room for, so that what was
 * paid is not missing without a word: "[image/png, 1234 bytes: not carried by this API]", or where
 * it lies: "[image: URL]". A jstr in the arena, or without memory a constant: never absent.
 */
struct str chat_media_text(struct arena *a, const struct chat_media *m);
struct str chat_media_text_part(struct arena *a, const struct chat_part *p);
struct str chat_media_text_event(struct arena *a, const struct chat_event *e); /* its OPEN */

/* "none", "minimal" ... "max". UNSET for any other word, and for UNSET: absent. */
enum chat_effort chat_effort_of(struct str word);
struct str chat_effort_word(enum chat_effort e);

/* A finish that is told as a plain stop although tools are called: FINISH_TOOL. */
enum chat_finish chat_finish_of(enum chat_finish f, bool has_calls);
bool chat_has_calls(const struct chat_part *p);

/*
 * The turn in work, calls and their results, began without thinking that the API can check: it
 * refuses to think on until the user has spoken. What a user says beside results does not end it.
 */
bool chat_in_unthought_turn(const struct chat_request *rq);

/*
 * The word before a signature, or redacted thinking, that is encrypted content of the Responses
 * API: what other providers cannot check, and are not sent.
 */
#define CHAT_ENCRYPTED "encrypted:"
static inline bool chat_is_encrypted(struct str jstr)
{
	return str_starts(jstr, STR(CHAT_ENCRYPTED));
}

/*
 * The end user's name for an API that takes only some: as it is when it fits, else "user_" and its
 * hash: the same for the same name. (Claude Code's is a JSON object of 200 bytes.)
 */
struct str chat_user(struct chat_context *cx, struct str user, bool fits);

/* jstr of white space only (or empty): most APIs refuse such text. */
bool chat_blank(struct str jstr);
/* The stop sequences as an array of that name, when there are any. Where the API takes none of
 * white space only, those are noted and left out. */
void chat_write_stops(struct chat_context *cx, const struct chat_request *rq, const char *key,
	bool takes_blank, struct json_out *o);
/* jstr without the white space at its end, which is refused in an answer's beginning. */
struct str chat_trim_end(struct str jstr);
/* ^[A-Za-z0-9_-]{1,max}$, as names of tools and ids are; and one of these characters. */
bool chat_is_name(struct str jstr, size_t max);
bool chat_name_char(char c);
/* What a JSON number is, for comparing; it is written as it came. */
double chat_number(struct str json);
/* Notes n, seed, penalties and logprobs, for an API that has no word for them; a value that changes
 * nothing is left out. */
void chat_note_rest(struct chat_context *cx, const struct chat_request *rq);
/*
 * Notes parallel_tool_calls: false, for an API that has no word for it. Not where one tool alone
 * can be called and has to be: that is how packages ask for JSON, and the first call is all they
 * read.
 */
void chat_note_parallel(struct chat_context *cx, const struct chat_request *rq);

/*
 * Turns as dialects want them whose turns alternate: system turns left out, neighbours of one role
 * joined, and a user's results before everything else of the joined turn. Parts that do not fit
 * (fits may be NULL: all do) are left out, and turns that have no others. No memory is needed:
 *
 *	struct chat_walk w = { .turn = rq->turn, .fits = fits, .arg = plan };
 *	while (chat_walk_turn(&w))
 *		while ((p = chat_walk_part(&w)) != NULL) ...
 */
typedef bool chat_fits_f(const void *arg, const struct chat_turn *t, const struct chat_part *p);
struct chat_walk {
	const struct chat_turn *turn; /* what comes after the joined turn */
	chat_fits_f *fits;
	const void *arg;
	enum chat_role role;                /* of the joined turn */
	const struct chat_turn *first, *at; /* at: of the part that was given last */
	const struct chat_part *part;
	bool rest; /* the results are through */
};
bool chat_walk_turn(struct chat_walk *w);
const struct chat_part *chat_walk_part(struct chat_walk *w);
/* The text of the part that was given last: what an answer begins with, where the request ends in
 * one, has no white space at its end. */
struct str chat_walk_text(const struct chat_walk *w, const struct chat_part *p);
/* The last turn when it is the assistant's: an answer's beginning; NULL. */
const struct chat_turn *chat_prefill(const struct chat_request *rq);
/* What is noted where a model takes no such beginning. */
#define CHAT_PREFILL "messages[] (an answer's beginning as the last turn)"
/* The joined turn's only part when it is a text, which may stand as a string; NULL. */
const struct chat_part *chat_walk_only_text(struct chat_walk w);

#endif
