/*
 * gemini_partial.h: arguments of a call that come value by value, named by JSON paths (Vertex'
 * streamed function arguments): {"jsonPath":"$.to.city","stringValue":"Bos","willContinue":true}.
 * They are gathered as a tree and written when the call is complete. Memory: the arena's. Pure.
 */
#ifndef TG_CHAT_GEMINI_PARTIAL_H
#define TG_CHAT_GEMINI_PARTIAL_H

#include "chat/codec.h"

struct gemini_arg;

struct gemini_partial {
	struct gemini_arg *root; /* NULL: none yet: {} */
	unsigned n;              /* values in it */
};

void gemini_partial_init(struct gemini_partial *p);
/* A list of partial arguments, or NULL. -1: a path that is none, too many values, no memory. */
int gemini_partial_add(
	struct gemini_partial *p, struct arena *a, const struct json_node *list) TG_MUST_CHECK;
/* The object, in cx's arena; STR_NONE: no memory. */
struct str gemini_partial_json(const struct gemini_partial *p, struct chat_context *cx);

#endif
