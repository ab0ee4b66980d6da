/*
 * peers.h: what the members of `redis.members` tell each other of targets, once a second: times,
 * counts, circuits that are open, when a provider may be asked again. Here is what is said and what
 * is made of what is heard; src/quotasync_targets.c carries it.
 *
 *	peers_follow   which spots there are, when the plan is another one
 *	peers_write    what this member has seen itself (never what it was told): a text
 *	peers_read     another member's text: bounded, or not taken
 *	peers_apply    figures into the spots (spot_told); a wait or an open circuit is borrowed
 *
 * Times in a text are ages and what is left of waits, so clocks need not agree. A spot is known by
 * a digest of target, address and the provider's model. Evidence, not orders: an open circuit is
 * borrowed where most members that know the spot say so and nothing was seen here that speaks
 * against it, and once for each time that it opens; a wait is borrowed where the account is the
 * same one. Both end when who said so says it no longer. Control thread.
 */
#ifndef TG_CORE_PEERS_H
#define TG_CORE_PEERS_H

#include "base/clock.h"
#include "base/str.h"
#include "core/plan.h"

#define PEERS_TEXT_MAX 65536
#define PEERS_ALIVE_US 5000000 /* heard of in that time: it lives */

struct peers;

struct peers_stats {
	uint64_t refused;  /* texts, and entries in them, that were not understood */
	uint64_t borrowed; /* waits and circuits */
};

struct peers *peers_new(void);
void peers_free(struct peers *p);
/* c's spots and its `redis.members`; what was heard of those that stay stays. c outlives the next
 * call. */
void peers_follow(struct peers *p, const struct tg_conf *c);
/* Into out, PEERS_TEXT_MAX of it. Returns the length; 0: nothing is known that is worth telling. */
size_t peers_write(struct peers *p, mono_us now, char *out);
/* Member i of `redis.members` says so (once more, perhaps). -1: not understood, nothing is taken.
 */
int peers_read(struct peers *p, unsigned i, struct str text, mono_us now) TG_MUST_CHECK;
void peers_apply(struct peers *p, mono_us now);
/* Nothing was heard: what was borrowed is given back, too. */
void peers_forget(struct peers *p, mono_us now);
/* So many have said something new lately. */
unsigned peers_alive(const struct peers *p, mono_us now);
const struct peers_stats *peers_stats(const struct peers *p);

#endif
