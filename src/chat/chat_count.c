/*
 * chat_count.c: see chat_count.h.
 */
#include "chat/chat_count.h"

static const struct count {
	bool has;         /* providers can be asked */
	const char *key;  /* of the answer's number */
	const char *wrap; /* a member of the client's body that may stand around all others */
} counts[SHAPE__MAX] = {
	[SHAPE_ANTHROPIC] = { true, "input_tokens", NULL },
	[SHAPE_GEMINI] = { true, "totalTokens", "generateContentRequest" },
	[SHAPE_CONVERSE] = { true, "inputTokens", NULL },
	[SHAPE_RESPONSES] = { true, "input_tokens", NULL },
};

bool chat_count_has(enum chat_shape shape)
{
	return counts[shape].has;
}

int chat_count_read(struct chat_context *cx, enum chat_shape client, const struct json_node *root,
	struct chat_request *rq)
{
	const char *wrap = counts[client].wrap;
	const struct json_node *inner =
		wrap != NULL ? json_get_type(root, str_z(wrap), JSON_OBJECT) : NULL;

	return chat_codecs[client]->read_request(cx, inner != NULL ? inner : root, rq);
}

/* What counts as input; no more. */
static struct chat_request input_of(const struct chat_request *rq)
{
	struct chat_request in = *rq;

	in.stream = in.stream_usage = in.logprobs = false;
	in.max_tokens = 0;
	in.temperature = in.top_p = in.top_k = in.seed = in.n = STR_NONE;
	in.presence_penalty = in.frequency_penalty = in.top_logprobs = STR_NONE;
	in.n_stop = 0;
	in.user = in.tier = STR_NONE;
	return in;
}

/* What stands around the request: its depth. */
static unsigned open_wrap(
	const struct chat_context *cx, enum chat_shape provider, struct json_out *o)
{
	if (provider == SHAPE_GEMINI && !cx->count_bare) {
		jo_obj(o);
		jo_key(o, "generateContentRequest");
		return 1;
	}
	if (provider != SHAPE_CONVERSE)
		return 0;
	jo_obj(o);
	jo_key(o, "input");
	jo_obj(o);
	jo_key(o, "converse");
	return 2;
}

int chat_count_write(struct chat_context *cx, enum chat_shape provider,
	const struct chat_request *rq, struct json_out *o)
{
	const struct chat_request in = input_of(rq);
	unsigned depth;
	int rc;

	tg_assert(chat_count_has(provider));
	depth = open_wrap(cx, provider, o);
	cx->counting = true;
	rc = chat_codecs[provider]->write_request(cx, &in, o);
	cx->counting = false;
	while (depth-- > 0)
		jo_obj_end(o);
	return rc;
}

int chat_count_answer(struct chat_context *cx, enum chat_shape provider,
	const struct json_node *root, uint64_t *tokens)
{
	const struct json_node *n = json_get(root, str_z(counts[provider].key));

	if (n != NULL && json_node_u64(n, tokens) == 0)
		return 0;
	return chat_fail(cx, "it has no %s", counts[provider].key);
}

void chat_count_say(enum chat_shape client, uint64_t tokens, struct json_out *o)
{
	jo_obj(o);
	if (client == SHAPE_RESPONSES)
		jo_m_lit(o, "object", "response.input_tokens");
	jo_m_u64(o, counts[client].key, tokens);
	jo_obj_end(o);
}
