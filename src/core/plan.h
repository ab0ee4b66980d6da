/*
 * plan.h: what the engine makes of a configuration: targets with their TLS contexts and names being
 * resolved, models, keys, the price book. Built on the control thread, immutable once published
 * (what is learned of targets is kept elsewhere: spots.h), shared by all workers, freed when the
 * last worker has let go of it.
 */
#ifndef TG_CORE_PLAN_H
#define TG_CORE_PLAN_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"
#include "core/ceiling.h"
#include "core/config.h"
#include "core/geo.h"
#include "core/guardrail.h"
#include "core/plan_quota.h"
#include "core/plan_route.h"
#include "io/listen.h"
#include "money/pricebook.h"
#include "proto/url.h"

typedef struct ssl_ctx_st SSL_CTX;
struct cred;
struct provider;
struct resolver;
struct est_ratio;
struct key_rate;
struct pool_key;
struct model_hedge;
struct shadow;
struct resolve_name;
struct spot;
struct account_state;

struct target { /* an account at a provider */
	struct str name;
	const struct provider *provider;
	const struct cfg_target *cfg;
	struct url url;
	struct str host_field; /* value of Host */
	struct str auth; /* complete credential field lines for the provider's dialect; secret */
	struct pool_key *keys;      /* instead, several (key_pool.h) */
	struct key_rate **key_rate; /* of each of them, for requests without a model */
	unsigned n_keys;            /* 0: one, or none */
	struct cred *cred;          /* instead, one that changes; NULL: none */
	struct str pool_key;        /* connections may be shared by targets with the same key */
	SSL_CTX *tls;               /* NULL: plain */
	struct resolve_name *addr;  /* the host, or the proxy */
	struct url proxy;           /* host empty: none */
	struct cfg_upstream clocks; /* inherited values filled in */
	unsigned index, label;
	int64_t weight;
	struct str place;            /* name and address: what was learned belongs to it */
	struct spot *spot;           /* of requests without a model */
	struct account_state *state; /* of all its requests */
};

struct route_target { /* one way to serve a model */
	struct target *target;
	struct str model;      /* the provider's id for it */
	struct str model_json; /* the same, quoted */
	struct est_ratio *ratio;
	struct spot *spot;
	uint64_t stick;             /* what sticks finds it by this: the same in every process */
	struct key_rate **key_rate; /* of each of the target's keys */
	const struct price *price;  /* while the plan's prices stand; NULL: no entry */
	int64_t weight;
	struct capabilities says; /* the operator, over what its price says */
};

struct model {
	struct str name;
	const struct cfg_model *cfg;
	struct route_target *route;
	unsigned n_routes, index, label;
	const struct preset *preset; /* NULL: split by weight */
	struct model **fallback;     /* in order */
	unsigned n_fallback;
	struct shadow *shadow; /* NULL: its requests are not copied */
	unsigned n_shadows;
	struct model_hedge *hedge; /* NULL: no second tries */
};

struct tenant {
	struct str name, tier, org;
	const struct cfg_tenant *cfg;
	const struct cfg_tier *tier_cfg;          /* NULL: none */
	struct quota_scope quota;                 /* its tier's limits and its own */
	struct quota_guests_of session, end_user; /* each of its sessions, ... */
	const struct quota_scope *pool_quota;     /* its tier's pool; NULL: no tier */
	const struct quota_scope *org_quota;      /* NULL: no org */
	const struct zone *zone;                  /* in which its periods begin */
	unsigned label;
};

struct key {
	struct str id;
	const struct cfg_key *cfg;
	const struct tenant *tenant;
	struct quota_scope quota;
	struct quota_guests_of session, end_user;
	struct quota_maybes budgets;
	uint64_t *models;      /* bit set by model.index; NULL: every model */
	struct str log_text;   /* ,"tenant":...,"org":...,"tier":...,"key":... for the access log */
	struct str tags_json;  /* tenant and key tags merged, as a JSON object */
	struct conf_tags tags; /* the same as pairs */
	struct geo_lists geo[3]; /* where its clients may be: tier, tenant, key */
	uint64_t *targets;       /* bit set by target.index: those that may serve it; NULL: all */
	uint64_t max_tokens;     /* of an answer: the least of key, tenant and tier; 0: no limit */
	struct ceiling ceiling;  /* of a request's cost: likewise */
};

struct plan_listen {
	struct sockaddr_any want, bound; /* bound: port 0 resolved once sockets exist */
	SSL_CTX *tls;                    /* NULL: plain */
	const struct cfg_listen *cfg;
};

#define TG_CONF_MAGIC 0x434f4e46
struct tg_conf {
	unsigned magic;
	_Atomic int refs;
	unsigned generation;
	struct arena arena;
	struct config cfg;
	struct resolver *resolver;
	struct pricebook *prices;
	wall_us priced_from, priced_until; /* when the routes' prices are in force */
	struct target *targets;
	unsigned n_targets;
	struct model *models;
	unsigned n_models;
	struct map model_by_name, target_by_name;
	struct tenant *tenants;
	unsigned n_tenants;
	struct key **key_slots; /* open addressing over the hash's first 8 bytes */
	size_t key_cap;
	struct plan_quota quota;
	struct plan_geo geo;
	struct plan_guardrails guards;
	struct plan_route route;
	struct plan_listen *listen;
	unsigned n_listen;
};

/* Loads, checks and builds. NULL with err ("file:line:col: ..."). The caller holds the first
 * reference. */
struct tg_conf *plan_load(const char *path, struct resolver *r, unsigned generation,
	struct conf_error *err) TG_MUST_CHECK;
void plan_get(struct tg_conf *c);
void plan_put(struct tg_conf *c);

/* The key whose SHA-256 equals that of the presented text; constant time in the secret. NULL: none.
 */
const struct key *plan_find_key(const struct tg_conf *c, struct str presented);
/* The key of that id, not by its secret: looks at all of them. NULL: none. */
const struct key *plan_key_by_id(const struct tg_conf *c, struct str id);
/* Of what the route serves, in force at that moment; NULL: no entry. */
const struct price *plan_route_price(
	const struct tg_conf *c, const struct route_target *t, wall_us at);
struct model *plan_find_model(const struct tg_conf *c, struct str name);
bool key_may_use(const struct key *k, const struct model *m);

#endif
