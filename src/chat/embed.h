/*
 * embed.h: the hub between dialects of embeddings, small as they are: texts go in, vectors come
 *out. Same rules as for chats (codec.h): what a request says and the hub or the target cannot is
 *noted by name; texts stay jstr from end to end. Vectors stay as the provider printed them, but for
 *a client that wants them in base64. Pure; any thread.
 *
 *	client's JSON --read_request--> embed_request --write_request--> provider's JSON
 *	provider's JSON --read_answer--> embed_answer --write_answer--> client's JSON
 */
#ifndef TG_CHAT_EMBED_H
#define TG_CHAT_EMBED_H

#include "chat/codec.h"
#include "proto/json_scan.h"

enum embed_shape {
	EMBED_NONE,
	EMBED_OPENAI, /* /v1/embeddings */
	EMBED_GEMINI, /* :embedContent and :batchEmbedContents; targets are asked by the latter */
	EMBED_COHERE, /* /v2/embed; Bedrock's models of Cohere take the same without the model */
	EMBED_TITAN,  /* Bedrock's invoke: one text a request */
	EMBED_VERTEX, /* :predict */
	EMBED__MAX
};

struct embed_request {
	struct str *text; /* jstr */
	unsigned n;
	bool batch;          /* Gemini: the answer is a list */
	bool base64;         /* OpenAI: vectors as base64 of little-endian singles */
	uint64_t dimensions; /* 0: not said */
	struct str task;  /* jstr: what they are for, a word of EMBED_TASKS or the client's own */
	struct str title; /* jstr: Gemini */
	struct str user;  /* jstr */
};

/* Words for a purpose: X(ID, "GEMINI'S", "cohere's"). */
#define EMBED_TASKS(X)                                        \
	X(DOCUMENT, "RETRIEVAL_DOCUMENT", "search_document")  \
	X(QUERY, "RETRIEVAL_QUERY", "search_query")           \
	X(CLASSIFICATION, "CLASSIFICATION", "classification") \
	X(CLUSTERING, "CLUSTERING", "clustering")

struct embed_answer {
	struct str id, model;    /* jstr; may be absent */
	struct json_val *vector; /* arrays of numbers */
	unsigned n;
	uint64_t input_tokens; /* as the provider says */
	bool has_tokens;
};

struct embed_codec {
	const char *name;
	/* 0; -1: chat_fail() or chat_unsupported() says why. `text` is one whole JSON value. */
	int (*read_request)(struct chat_context *, struct str text, struct embed_request *);
	int (*write_request)(
		struct chat_context *, const struct embed_request *, struct json_out *);
	int (*read_answer)(struct chat_context *, struct str text, struct embed_answer *);
	/* NULL: of providers alone */
	void (*write_answer)(struct chat_context *, const struct embed_request *,
		const struct embed_answer *, struct json_out *);
};

/* Of Bedrock's models by their id; NONE: makes no embeddings. */
enum embed_shape embed_shape_of_model(struct str model);

extern const struct embed_codec *const embed_codecs[EMBED__MAX];

/* ---- what the codecs share */

/* Every member of the object must be one of w[]: what is not is noted as unsupported. -1: no object
 * (chat_fail). `where` goes in front of names ("requests[]."). */
int embed_scan(struct chat_context *cx, struct str text, struct json_watch *w, size_t n,
	const char *where) TG_MUST_CHECK;
/* Room for the elements of an array; *n: how many. -1: no memory (chat_fail). */
int embed_list(struct chat_context *cx, const struct json_val *array, size_t size, void **list,
	unsigned *n) TG_MUST_CHECK;
/* Fills a->vector from an array of arrays of numbers. */
int embed_vectors(struct chat_context *cx, const struct json_val *array,
	struct embed_answer *a) TG_MUST_CHECK;
/* A list of numbers, and not an empty one. */
bool embed_is_vector(const struct json_val *v);
/* A string's jstr; absent when it is none. */
struct str embed_jstr(const struct json_val *v);
/* A number of dimensions; 0 where absent. -1: chat_fail. */
int embed_dimensions(struct chat_context *cx, const struct json_val *v, const char *name,
	uint64_t *out) TG_MUST_CHECK;
/* The vector as base64 of little-endian singles, a string value. */
void embed_put_base64(struct json_out *o, const struct json_val *vector);
/* The purpose in Gemini's and in Cohere's word; absent: no such, and it was noted as `name`. */
struct str embed_task_gemini(struct chat_context *cx, struct str task, const char *name);
struct str embed_task_cohere(struct chat_context *cx, struct str task, const char *name);

#endif
