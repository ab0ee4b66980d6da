/*
 * shadow.h: copies of requests to another model, whose answers nobody sees (`shadow` of a model). A
 * copy is an ordinary request: it runs the whole pipeline on a connection without a client, with
 * the key that pays for it. In the plan; and one job for each copy under way, on its worker.
 */
#ifndef TG_CORE_SHADOW_H
#define TG_CORE_SHADOW_H

#include <stdatomic.h>

#include "base/str.h"
#include "ledger/record.h"

#define SHADOW_TAG "shadow_of" /* of the copy: the model that served its original */

struct arena;
struct conf_pos;
struct conf_ref;
struct key;
struct model;
struct req;
struct tg_conf;
struct worker;

struct shadow { /* in the plan, of a model */
	struct model *to;
	const struct key *key; /* pays */
	struct str tags_json;  /* the key's, and SHADOW_TAG */
	uint32_t share_bp;
	size_t max_body;
	unsigned max_in_flight;
	_Atomic unsigned in_flight; /* of this plan's */
};

struct shadow_job { /* of one copy */
	struct shadow *shadow;
	struct conf_ref *conf; /* of its original; a reference */
	const struct key *key; /* of its original: where that must not go, its copy must not */
	struct rec_id of;
	bool settled; /* it was counted */
};

/* Models' shadows; behind models, keys and their tags. -1 with a text in why. */
int plan_shadows(
	struct tg_conf *c, const struct conf_pos **at, char *why, size_t why_size) TG_MUST_CHECK;

/*
 * r is held and about to be sent: copies of it, as many as its model's shadows draw. They begin at
 * the end of the turn. Nothing of that is r's business: what cannot be copied is counted.
 */
void shadow_copies(struct req *r);
/* Its head and body as a client would send them, without its credentials, in a block of the pool.
 * NULL: no memory, or a head that does not fit. */
char *req_copy_bytes(const struct req *r, size_t *n, size_t *cap);
/* For conn.c. May the copy still begin: is the worker on its original's configuration? */
bool shadow_may_begin(const struct worker *w, const struct shadow_job *j);
/* Its connection is gone. */
void shadow_end(struct worker *w, struct shadow_job *j);
/* For mod_shadow.c: it is settled, and how. */
void shadow_count(struct req *r);

#endif
