/*
 * translate_embed.c: the embeddings' part of translate.h: which codecs, and the request's way
 * through them. Runs on the request's worker.
 */
#include "core/attempt.h"
#include "core/plan.h"
#include "core/provider.h"
#include "core/req.h"
#include "core/translate.h"

static enum embed_shape shape_of(const struct endpoint *ep)
{
	switch (ep->id) {
	case ENDPOINT_EMBEDDINGS: return EMBED_OPENAI;
	case ENDPOINT_GEMINI_EMBED:
	case ENDPOINT_GEMINI_BATCH_EMBED: return EMBED_GEMINI;
	default: return EMBED_NONE;
	}
}

bool translate_embed_serves(const struct provider *p, const struct endpoint *ep)
{
	return shape_of(ep) != EMBED_NONE && p->embed != EMBED_NONE;
}

bool translate_embed_open(struct translate *t, const struct endpoint *ep)
{
	enum embed_shape shape = shape_of(ep);

	if (shape == EMBED_NONE)
		return false;
	t->embed_client = embed_codecs[shape];
	t->client = chat_codecs[shape == EMBED_GEMINI ? SHAPE_GEMINI : SHAPE_OPENAI];
	return t->client != NULL;
}

bool translate_embed_read(struct req *r, struct translate *t)
{
	if (t->embed_client->read_request(&t->cx, str_mk(r->body, r->body_len), &t->embed) != 0)
		return false;
	t->n_unread = t->cx.n_unsupported;
	t->unread_more = t->cx.unsupported_more;
	t->cx.input_estimate = TG_MAX(r->bound.input_bytes / 4, (uint64_t)1);
	return true;
}

int translate_embed_write(struct req *r, struct translate *t, struct json_out *o)
{
	const struct provider *p = r->route->target->provider;
	enum embed_shape shape = p->embed;

	if (shape == EMBED_TITAN)
		shape = embed_shape_of_model(r->route->model);
	if (shape == EMBED_NONE)
		return chat_fail(&t->cx, "model '%.*s' of target '%.*s' makes no embeddings",
			STR_FMT(r->route->model), STR_FMT(r->route->target->name));
	t->embed_provider = embed_codecs[shape];
	return t->embed_provider->write_request(&t->cx, &t->embed, o);
}

struct str translate_path(const struct req *r, const struct provider *p)
{
	const struct translate *t = r->wire.translate;

	return t->embed_client != NULL ? p->embed_path : t->counting ? p->count_path : p->chat_path;
}
