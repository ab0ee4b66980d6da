/*
 * translate.h: requests whose client speaks another dialect than the target that is to serve them
 * (docs/internals/translation.md): the request's side of it. The answer's is
 *modules/mod_translate.c.
 *
 *	ROUTE  translate_route: read once for all targets, then written for this one, to count and
 *to see whether it can do what is asked SEND   translate_body: written into memory
 *
 * In the request; runs on its worker. Its memory is its own (from the worker's pool), as large as
 *the body needs.
 */
#ifndef TG_CORE_TRANSLATE_H
#define TG_CORE_TRANSLATE_H

#include "base/arena.h"
#include "chat/codec.h"
#include "chat/embed.h"
#include "core/module.h"

struct attempt;
struct endpoint;
struct provider;
struct req;

#define TRANSLATE_VALUES    (1 << 18)     /* JSON values in a request or an answer */
#define TRANSLATE_EVENT_MAX (1024 * 1024) /* bytes of a stream's event */
/* Bytes that codecs may keep of a stream: open calls, signatures; for Responses the whole answer.
 */
#define TRANSLATE_KEPT_MAX (64 * 1024 * 1024)

struct translate {
	struct arena mem;
	struct arena kept; /* of the stream: TRANSLATE_KEPT_MAX, whatever a provider sends */
	const struct chat_codec *client, *provider; /* provider's: of the leg in work */
	struct chat_context cx;
	struct chat_request request;
	enum chat_shape client_shape;
	bool counting; /* the chat is only to be counted */
	/* Embeddings instead of a chat; then the codecs above are for errors alone. */
	const struct embed_codec *embed_client, *embed_provider;
	struct embed_request embed;
	bool unread_more;   /* of cx.unsupported_more: the same */
	unsigned n_unread;  /* of cx.unsupported: what the hub cannot say, whatever the target */
	size_t bytes;       /* of the body for the route in work */
	struct str dropped; /* members that were left out for it: "logit_bias, seed" */
	struct str refusal; /* why the first target that was tried cannot serve the request */
};

/* Can requests to this endpoint go to this provider at all: as they are, or translated? Pure. */
bool translate_serves(const struct provider *p, const struct endpoint *ep);

/*
 * r->route was chosen: what does its leg speak? Sets r->wire. False: that target cannot do what the
 * request asks (r->translate->refusal says what); another one may.
 */
bool translate_route(struct req *r) TG_MUST_CHECK;
/* The route's target cannot count what a client wants counted: an estimate is the answer. */
bool translate_only_estimates(const struct req *r);
enum step_rc translate_estimate(struct req *r);
/* None could: 400. */
enum step_rc translate_refuse(struct req *r);
/* The body for the attempt. -1: no memory. */
int translate_body(struct attempt *a, struct str *body) TG_MUST_CHECK;

void translate_fini(struct translate *t);

/* Is the client to get a stream, whatever the provider sends? */
static inline bool translate_is_stream(const struct translate *t)
{
	return t->embed_client == NULL && t->request.stream;
}

/* ---- translate_embed.c: the same steps of embeddings */

bool translate_embed_serves(const struct provider *p, const struct endpoint *ep);
/* Of an endpoint that makes embeddings: sets the client's codecs. False: it makes none. */
bool translate_embed_open(struct translate *t, const struct endpoint *ep);
bool translate_embed_read(struct req *r, struct translate *t);
/* For the route's target, whose codec it chooses. -1: t->cx says why. */
int translate_embed_write(struct req *r, struct translate *t, struct json_out *o) TG_MUST_CHECK;
/* Where the target is asked, for providers without a path of their own. */
struct str translate_path(const struct req *r, const struct provider *p);

#endif
