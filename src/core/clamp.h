/*
 * clamp.h: the most tokens that an answer may have (`max_tokens` of key, tenant and tier), written
 * into the request: what it asks for beyond that is replaced, and where it sets no limit one is put
 * in. So what is held for it is all that it can use.
 *
 *	CLASSIFY  clamp_read: places for edits of the body, and the bound
 *	SEND      clamp_apply: the figure, which the model of this target may make smaller
 *
 * In the request; runs on its worker.
 */
#ifndef TG_CORE_CLAMP_H
#define TG_CORE_CLAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"

struct attempt;
struct json_watch;
struct req;
struct route_target;

#define CLAMP_EDITS 4

/* What an edit of the clamp's writes. */
enum clamp_form {
	CLAMP_VALUE,  /* 100 */
	CLAMP_MEMBER, /* "max_tokens":100 */
	CLAMP_OBJECT, /* {"maxOutputTokens":100}, Gemini's */
	CLAMP_CONFIG, /* "generationConfig":{"maxOutputTokens":100} */
	CLAMP__FORMS
};

struct clamp {
	uint64_t sent;             /* the limit that was put in, of a choice; 0: none was */
	unsigned n;                /* edits; 0: the body says all itself */
	uint8_t edit[CLAMP_EDITS]; /* which of the request's edits */
	uint8_t form[CLAMP_EDITS]; /* and what they write (enum clamp_form) */
};

/* The scanned watches of bound_watch(). After bound_read, before the last edit of the body. */
void clamp_read(struct req *r, const struct json_watch *bound);
/* All edits of the body are known: which of them are the clamp's. */
void clamp_find_edits(struct req *r);
/* Sets the edits for what the attempt sends. -1: no memory. */
/* Does the chat API of this route's target call the limit max_completion_tokens? */
bool clamp_says_completion(const struct route_target *t);
int clamp_apply(const struct attempt *a) TG_MUST_CHECK;

#endif
