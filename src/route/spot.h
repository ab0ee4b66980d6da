/*
 * spot.h: what is known of a spot: one model at one target. Workers count into slots of their own;
 * a view that all of them read is merged from the slots every 100 ms by whoever is first. No locks;
 * every figure is a relaxed atomic and stands for itself. Time comes as an argument.
 *
 *	request --spot_begin--> in flight --spot_good / spot_bad--> slot --spot_refresh--> view
 *	            \------------- spot_end -----/
 *
 * What other members have seen of the same spot (core/peers.h) goes into one more slot, which the
 * control thread writes: in a view it counts as much as what was seen here, or as SPOT_PEERS_LEAST
 * requests where that is less.
 */
#ifndef TG_ROUTE_SPOT_H
#define TG_ROUTE_SPOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "route/circuit.h"

#define SPOT_SLOTS          128 /* threads that count */
#define SPOT_MERGE_US       100000
#define SPOT_TAU_US         6931472  /* of times: half-life; tau is 10 s */
#define SPOT_COUNT_US       20000000 /* of counts: half-life */
#define SPOT_FADE_US        10000000 /* of times of which nothing new is heard: half-life */
#define SPOT_SLOW_US        10000000 /* a failure counts as this slow at least */
#define SPOT_HEAD_TOKENS    16 /* of an answer in one piece: the first byte is worth so many */
#define SPOT_PRIOR_GOOD     9  /* Beta(9, 1) */
#define SPOT_PRIOR_BAD      1
#define SPOT_FAIL_LEAST_Q16 (65536 / 50) /* nobody is known to be better than that */
#define SPOT_FULL           2            /* halves: a whole success or failure */
#define SPOT_ONE            256          /* a request, in counts */
#define SPOT_PEERS_LEAST    32           /* requests */
#define SPOT_TIME_MAX       3600000000u  /* us to the first token, ns per token */

struct spot_slot { /* one thread writes it */
	_Alignas(64) _Atomic uint32_t inflight;
	_Atomic uint32_t inflight_seen; /* the last merge's; written by who merged */
	_Atomic uint32_t first_us;      /* time to the first token: peak EWMA; 0: not known */
	_Atomic uint32_t token_ns;      /* time per token, likewise */
	_Atomic int64_t timed_us;       /* when they were last told something */
	_Atomic uint32_t good, bad;     /* 1/256 requests, decayed, */
	_Atomic int64_t counted_us;     /* up to then */
};

struct spot_view {
	_Atomic int64_t merged_us;
	_Atomic uint32_t inflight;
	_Atomic uint32_t first_us, token_ns; /* 0: not known, or long ago */
	_Atomic uint32_t fail_q16;           /* upper bound of the rate of failures, 1/65536 */
	_Atomic uint32_t tries_q10;          /* 1 / lower bound of success, 1/1024 */
	_Atomic uint32_t volume;             /* requests that are remembered */
	_Atomic uint32_t bad_q16;            /* of them failed */
	_Atomic uint32_t peer_volume;        /* of them seen by other members */
};

struct spot {
	struct spot_view view;
	struct circuit circuit;
	_Atomic int64_t not_before_us; /* the provider's rate limit: nothing before (monotonic) */
	_Atomic int64_t tokens_left, tokens_until_us; /* as the provider told; -1: it did not */
	_Atomic int64_t since_us; /* new beside others that are known, since; 0: from the start */
	_Atomic int64_t
		outliers_us; /* when outliers were looked for, where it is a model's first */
	_Atomic(struct spot_slot *) peers; /* NULL: nothing was ever heard */
	_Atomic(struct spot_slot *) slot[SPOT_SLOTS];
};

struct spot_figures {                /* what was learned of a spot, as one member knows it */
	uint32_t first_us, token_ns; /* 0: not known */
	int64_t timed_us;            /* when the times were last told something */
	uint32_t good, bad;          /* SPOT_ONE a request; as of now */
};

struct spot_seen { /* for one choice */
	uint32_t inflight, first_us, token_ns, fail_q16, tries_q10, volume;
};

struct spot_origin {           /* whose word the view is, beside the prior */
	uint32_t own, members; /* requests that are remembered, as they count */
	/* When the counts and the times were last told something; INT64_MIN: never. */
	int64_t own_counted_us, own_timed_us, members_counted_us, members_timed_us;
};

void spot_init(struct spot *s);
void spot_fini(struct spot *s); /* nobody counts any more */

void spot_begin(struct spot *s, unsigned thread);
void spot_end(struct spot *s, unsigned thread);
/* A whole answer. total_us: from sent to its end; first_us: to the first byte, of a stream; 0: it
 * came in one piece. tokens: of output; 0: not known. cached: much of the prompt was in the
 * provider's cache. */
void spot_good(struct spot *s, unsigned thread, mono_us now, int64_t first_us, int64_t total_us,
	uint64_t tokens, bool cached);
/* It works, whatever it took: nothing is told about times. */
void spot_fine(struct spot *s, unsigned thread, mono_us now);
/* halves: SPOT_FULL, or 1 for a provider that is merely overloaded. took_us: so far. Says whether
 * half of what there was failed. */
bool spot_bad(struct spot *s, unsigned thread, mono_us now, unsigned halves, int64_t took_us);

/* Merge, when it is time. */
void spot_refresh(struct spot *s, mono_us now);
/* What is known now, as seen by that thread. */
void spot_see(const struct spot *s, unsigned thread, struct spot_seen *out);

/* What was seen here, without what others told. */
void spot_own(const struct spot *s, mono_us now, struct spot_figures *out);
/* From whom what is known comes, and how old it is: for people. */
void spot_origin(const struct spot *s, mono_us now, struct spot_origin *out);
/* What the other members have seen, all together, in place of what they had before. One thread. */
void spot_told(struct spot *s, mono_us now, const struct spot_figures *f);

/* The provider says: nothing before. Never earlier than what was said already, unless it answered
 * since. */
void spot_limit(struct spot *s, int64_t until_us);
void spot_unlimit(struct spot *s);

#endif
