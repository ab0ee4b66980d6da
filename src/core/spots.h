/*
 * spots.h: where what is known of targets is kept: one struct spot for each model at each target,
 * one struct account_state for each target. Found by name when a configuration is loaded, kept over
 * reloads, never freed: there are as many as names in configurations.
 */
#ifndef TG_CORE_SPOTS_H
#define TG_CORE_SPOTS_H

#include "base/str.h"
#include "route/capacity.h"
#include "route/spot.h"

#define CREDENTIAL_US       5000000 /* a refused account is left alone for so long, doubling */
#define CREDENTIAL_MAX_US   600000000
#define CREDENTIAL_PROBE_US 5000000 /* one request tries it again in so long */
#define FORBIDDEN_MOST      5       /* 403s in a row: not about single requests any more */

struct account_state {                    /* of a whole target, or of one key of several */
	_Atomic bool drained;             /* by the operator */
	_Atomic int64_t refused_until_us; /* its credentials, or it is out of money */
	_Atomic uint32_t refused;         /* times in a row */
	_Atomic uint32_t forbidden;       /* 403s in a row */
	_Atomic uint32_t refusals;        /* in all: a counter */
	_Atomic uint32_t opened;          /* circuits of it, in all */
	_Atomic uint32_t limited;         /* 429s, in all */
	_Atomic bool check_down;          /* health_check.h: it is not well */
	_Atomic uint32_t checks;          /* in all */
	_Atomic uint32_t checks_failed;
	struct capacity capacity;
	uint64_t secret; /* a digest of the key: with another one it is another account */
};

struct key_rate;

/* Control thread; what they point to may be used by any. A spot that is new although there are
 * others (a reload brought it) starts slowly: now. */
struct spot *spot_of(struct str target, struct str model, bool fresh, mono_us now);
struct account_state *account_state_of(struct str target, struct str secret);
/* key: of the target's several, by id. */
struct account_state *account_state_of_key(struct str target, struct str key, struct str secret);
struct key_rate *key_rate_of(struct str target, struct str key, struct str model);

#endif
