/*
 * key_pool.h: the keys of a target that has several (`keys`): which of them a request takes, and
 * what is known of each: refused (it counts wherever the target is asked), told to wait (of one
 * model). A target with one key has none of this: n_keys is 0.
 *
 *	attempt  key_pool_take: by weight among those that nothing speaks against
 *	health   key_pool_limit, key_pool_heed: when no key is left the target says so itself
 *	failure  key_pool_has_other: does the request go there again, with another one?
 *
 * Runs on the request's worker; what it writes are atomics that are kept over reloads (spots.h).
 */
#ifndef TG_CORE_KEY_POOL_H
#define TG_CORE_KEY_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

#define KEY_POOL_MAX 64 /* key_use.tried is a 64 bit set */

struct account_state;
struct req;
struct route_target;
struct target;

struct pool_key {
	struct str id;
	struct str secret;
	struct str auth; /* complete credential field lines; secret */
	uint32_t weight;
	struct account_state *state; /* refused or not */
};

/* What a provider said of one key and one model. */
struct key_rate {
	_Atomic int64_t not_before_us;
};

struct key_use {                    /* in the request: with which key it was sent last */
	const struct target *of;    /* whose keys `key` and `tried` are about */
	const struct pool_key *key; /* NULL: that target has no pool */
	uint64_t tried;             /* bit per key: it did no good */
	bool again;                 /* the next target is the same one, with another key */
};

/* The key that the request is sent with to r->route's target, which has some. */
const struct pool_key *key_pool_take(struct req *r);
/* Is there another key that was not tried by this request, and that nothing speaks against? */
bool key_pool_has_other(const struct req *r);
/* The request goes to the same target once more, with another key: what the next ROUTE does. */
void key_pool_again(struct req *r);

/* The provider says: with this key nothing of this model before. Never earlier than what was said
 * already. */
void key_pool_limit(const struct route_target *t, const struct pool_key *k, int64_t until_us);
/* It answered. */
void key_pool_unlimit(const struct route_target *t, const struct pool_key *k);
/* Something speaks against one more: where no key is left, nothing goes to this route (or, all
 * being refused, to its target) before the first of them may be tried. */
void key_pool_heed(const struct route_target *t, mono_us now);

/* Until when the key waits for any of the models; 0: it does not. For pages. */
struct tg_conf;
int64_t key_pool_limited_until(
	const struct tg_conf *c, const struct target *t, const struct pool_key *k);
/* Forget what speaks against them: the operator says so. */
void key_pool_reset(const struct tg_conf *c, const struct target *t);

#endif
