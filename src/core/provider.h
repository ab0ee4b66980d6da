/*
 * provider.h: a dialect on the upstream side. Providers live in modules/providers; the engine sees
 * this.
 */
#ifndef TG_CORE_PROVIDER_H
#define TG_CORE_PROVIDER_H

#include "base/arena.h"
#include "core/errors.h"
#include "proto/http1_head.h"

struct attempt;
struct http_out;

enum verdict {
	VERDICT_PASS,        /* hand the answer to the client */
	VERDICT_RETRY,       /* another target may do better; pass it on if there is none */
	VERDICT_CREDENTIALS, /* the provider refused our key: never shown to the client */
};

struct provider {
	const char *name;
	enum dialect dialect; /* what it speaks natively: requests in it pass untouched */
	bool bills_cancelled; /* a stream that is cancelled is billed to its end all the same */
	/* field lines that carry the key ("authorization: Bearer ...\r\n"), in the arena; empty for
	 * an empty key */
	struct str (*credentials)(struct arena *, struct str key);
	/* further field lines this provider needs; request fields were copied already */
	void (*fields)(struct attempt *, struct http_out *);
	enum verdict (*head)(struct attempt *, const struct http_head *);
};

extern const struct provider *const tg_providers[]; /* NULL-terminated, in modules/modules.c */
const struct provider *provider_find(struct str name);

#endif
