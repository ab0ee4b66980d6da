/*
 * provider.h: a dialect on the upstream side. Providers live in modules/providers; the engine sees
 * this.
 */
#ifndef TG_CORE_PROVIDER_H
#define TG_CORE_PROVIDER_H

#include "base/arena.h"
#include "chat/codec.h"
#include "chat/embed.h"
#include "core/endpoint.h"
#include "core/errors.h"
#include "io/cred.h"
#include "proto/http1_head.h"

struct attempt;
struct cfg_target;
struct http_out;
struct iovec;

enum verdict {
	VERDICT_PASS,        /* hand the answer to the client */
	VERDICT_RETRY,       /* another target may do better; pass it on if there is none */
	VERDICT_CREDENTIALS, /* the provider refused our key: never shown to the client */
};

/* Where a credential comes from that changes (io/cred.h). */
struct cred_source {
	const struct cred_kind *kind; /* NULL: it does not */
	struct str arg[CRED_ARGS];
};

struct provider {
	const char *name;
	const char *base_url; /* where targets are that do not say; NULL: they must */
	enum dialect dialect; /* what it speaks natively: requests in it pass untouched, */
	uint64_t lacks; /* but not those of these endpoints: PROVIDER_LACKS(RESPONSES) | ... */
	/* What a chat in another dialect is translated to, and whose usage comes back. SHAPE_NONE:
	 * it takes none. */
	enum chat_shape shape;
	enum meter_api meter;
	struct str chat_path; /* the request's target of a translated chat, where `path` is NULL */
	/* Where such a chat's tokens are counted, if its API does that (chat/chat_count.h). */
	struct str count_path;
	/* The same of embeddings. TITAN: what the model's id says (Bedrock). */
	enum embed_shape embed;
	enum meter_api embed_meter;
	struct str embed_path;
	bool count_bare;       /* its countTokens takes a request that stands for itself (Vertex) */
	bool bills_cancelled;  /* a stream that is cancelled is billed to its end all the same */
	bool unversioned;      /* OpenAI's paths without their /v1 */
	bool no_include_usage; /* tells the usage of streams unasked, and refuses to be asked for it
				*/
	bool thoughts_back;    /* wants the thoughts of earlier turns again: reasoning_content */
	int output_limit;      /* enum output_limit of targets that do not say */
	/* What a target of this provider is in truth, by its configuration. May be NULL. */
	const struct provider *(*variant)(const struct cfg_target *);
	/*
	 * The source of its credential, if it is one that changes; strings may be the
	 * configuration's. -1: why. May be NULL; token_file and token_command are everybody's.
	 */
	int (*credential)(const struct cfg_target *, struct arena *, struct cred_source *out,
		char *why, size_t why_len);
	/* field lines that carry the key ("authorization: Bearer ...\r\n"), in the arena; empty for
	 * an empty key */
	struct str (*credentials)(struct arena *, struct str key);
	/*
	 * The path of the request's target (and its query, instead of the client's), encoded;
	 * base_url's own path goes in front. NULL: the client's path as it came. Called for
	 * translated requests, too.
	 */
	void (*path)(struct attempt *, struct http_out *);
	/* Further field lines this provider needs; request fields were copied already (of a
	 * translated request there are none of the client's dialect) */
	void (*fields)(struct attempt *, struct http_out *);
	/*
	 * Field lines made of what is sent: a signature, a token that changes. `target` is what
	 * path wrote, base_url's path included; the body is whole. -1: it cannot be sent now (for
	 * want of a credential: a->no_credential says so). With it nothing is streamed to the
	 * provider that is not known before.
	 */
	int (*sign)(struct attempt *, struct http_out *, struct str target,
		const struct iovec *body, int n);
	enum verdict (*head)(struct attempt *, const struct http_head *);
};

/* Bytes that path, fields and sign may write, beside the model's name: a session token has
 * thousands. */
#define PROVIDER_ROOM      8192
#define PROVIDER_LACKS(id) (UINT64_C(1) << ENDPOINT_##id)

/* Does it take requests to this endpoint as they are? */
static inline bool provider_is_native(const struct provider *p, const struct endpoint *ep)
{
	return p->dialect == ep->dialect && (p->lacks >> ep->id & 1) == 0;
}

extern const struct provider *const tg_providers[]; /* NULL-terminated, in modules/modules.c */
const struct provider *provider_find(struct str name);

#endif
