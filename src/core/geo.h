/*
 * geo.h: what a plan says about where clients are: who may ask, and which targets may serve whom.
 * Built with the plan on the control thread; asked by workers.
 *
 * Residency is a hard filter: geo_allows_target is asked wherever a target is chosen, and once more
 * before anything is sent (run.c).
 */
#ifndef TG_CORE_GEO_H
#define TG_CORE_GEO_H

#include "base/ip.h"
#include "conf/conf.h"
#include "core/module.h"
#include "geo/geo_set.h"

struct req;
struct tg_conf;
struct target;
struct tenant;
struct key;
struct model;
struct cfg_geo;
struct cfg_geoip;
struct geo_db;

struct geo_lists { /* NULL: everywhere, nowhere */
	const struct geo_set *allow, *deny;
};

struct geo_residency {
	struct geo_set who;
	uint64_t *targets; /* bit set by target.index */
};

struct plan_geo {
	struct geo_lists lists; /* of all requests */
	struct geo_residency *residency;
	unsigned n_residency; /* 64 at most */
	struct ip_net *trusted;
	unsigned n_trusted;
	bool trust_unix;
	struct geo_db *db; /* as it was then; what is in use is the worker's. NULL: none */
};

/* The plan's part; its targets are there already. Memory comes from its arena. -1 with why: a
 * database is not to be had. */
int plan_geo_build(struct tg_conf *c, char *why, size_t why_len) TG_MUST_CHECK;
void plan_geo_fini(struct tg_conf *c);
/* The databases that the configuration names. NULL with why. */
struct geo_db *plan_geo_open(const struct cfg_geoip *cfg, char *why, size_t why_len) TG_MUST_CHECK;
/* Is it one of the trusted proxies? */
bool plan_geo_trusts(const struct plan_geo *g, struct ip a);
/* A scope's lists. */
void plan_geo_lists(struct tg_conf *c, struct geo_lists *out, const struct cfg_geo *cfg);
/* The targets that the key, its tenant and its tier all let serve: a bit set by target.index; NULL:
 * every one. */
uint64_t *plan_geo_targets(struct tg_conf *c, const struct key *k);

/* Where the client is, is known: which of the residency rules hold for the request? */
void geo_match_residency(struct req *r);
/* May the target serve this request, wherever its data may be? Whatever chooses targets asks. */
bool geo_allows_target(const struct req *r, const struct target *t);
/* Any of the model's? */
bool geo_allows_model(const struct req *r, const struct model *m);
/* Does any such rule hold for the request at all? */
bool geo_is_limited(const struct req *r);
/* Is there no target that may be asked for this model, or at this path of one target's? */
bool geo_leaves_none(const struct req *r);
/* No target is left because of these rules: 403 region_not_allowed, with their names. */
enum step_rc geo_refuse_target(struct req *r);

/* The lists' word on a place. */
bool geo_lists_allow(const struct geo_lists *l, const struct geo_place *p);

#endif
