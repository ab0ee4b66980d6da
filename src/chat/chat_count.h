/*
 * chat_count.h: how many tokens a request would be, asked of one API in another's words:
 * Anthropic's count_tokens, Gemini's countTokens, Responses' input_tokens, Bedrock's CountTokens
 * (providers.md 9). What a request asks for beside its input (a limit, sampling) is nobody's loss
 * here. Pure; any thread.
 */
#ifndef TG_CHAT_COUNT_H
#define TG_CHAT_COUNT_H

#include "chat/codec.h"

/* Has the API of this shape such an endpoint? */
bool chat_count_has(enum chat_shape shape);
/* The client's body: what is to be counted. 0; -1: cx->fail. */
int chat_count_read(struct chat_context *cx, enum chat_shape client, const struct json_node *root,
	struct chat_request *rq) TG_MUST_CHECK;
/* The provider's body; of a shape that has it. cx->counting is set meanwhile. 0; -1: cx->fail. */
int chat_count_write(struct chat_context *cx, enum chat_shape provider,
	const struct chat_request *rq, struct json_out *o) TG_MUST_CHECK;
/* The provider's answer. 0; -1: cx->fail. */
int chat_count_answer(struct chat_context *cx, enum chat_shape provider,
	const struct json_node *root, uint64_t *tokens) TG_MUST_CHECK;
/* The client's answer. */
void chat_count_say(enum chat_shape client, uint64_t tokens, struct json_out *o);

#endif
