/*
 * peers_int.h: what peers.c and peers_wire.c share. Not for others.
 */
#ifndef TG_CORE_PEERS_INT_H
#define TG_CORE_PEERS_INT_H

#include "core/key_pool.h"
#include "core/peers.h"
#include "core/spots.h"

#define PEERS_OWN_NAME 16 /* hex digits: a number that no other process has */

struct peer_word {       /* what one member says of one spot */
	int64_t told_us; /* monotonic, ours; 0: nothing */
	uint64_t text;   /* that it stood in: p->texts */
	struct spot_figures f;
	bool open;
	int64_t open_until_us, not_before_us; /* ours */
	int64_t left_us; /* not_before_us of a process before the one that speaks now */
};

struct peer_spot {
	uint64_t id;
	uint32_t account;          /* a digest of whose it is */
	struct route_target route; /* the first that leads there; of a target's own spot: made up */
	int64_t open_us, limit_us; /* what was borrowed last */
	uint32_t *key;             /* of each of the target's keys: a digest, */
	int64_t *key_us;           /* and what was borrowed last */
	struct peer_word word[CFG_MEMBERS_MAX];
};

struct peer_member {
	char name[CFG_MEMBER_MAX];
	size_t name_n;
	char from[PEERS_OWN_NAME]; /* the process that spoke last */
	uint64_t seq;
	int64_t heard_us; /* something new; 0: never */
};

struct peers {
	struct peer_spot *spot; /* by id */
	unsigned n;
	struct peer_member member[CFG_MEMBERS_MAX];
	unsigned n_members;
	char own[PEERS_OWN_NAME];
	uint64_t seq;
	uint64_t texts; /* that were read */
	unsigned begin; /* where the text begins that does not hold all */
	struct peers_stats stats;
};

/* NULL: not ours. */
struct peer_spot *peers_find(const struct peers *p, uint64_t id);
/* Key i of s may be asked again then, says another member. */
void peers_key_limit(
	struct peers *p, struct peer_spot *s, unsigned i, int64_t until_us, mono_us now);

#endif
