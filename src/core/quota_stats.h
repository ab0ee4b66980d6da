/*
 * quota_stats.h: what the thread that leases accounts tells metrics and pages. One writer, the
 * control thread, which also renders them.
 */
#ifndef TG_CORE_QUOTA_STATS_H
#define TG_CORE_QUOTA_STATS_H

#include <stdbool.h>

#include "base/stats.h"

struct quota_stats {
	bool shared;             /* `redis` is configured */
	bool up;                 /* every bucket has a connection */
	unsigned learning;       /* buckets in which nothing is granted yet */
	unsigned leased;         /* accounts */
	uint64_t syncs;          /* calls */
	uint64_t unreplicated;   /* answers whose grants were not used, for want of replicas */
	uint64_t failures;       /* of them, those without a usable answer */
	struct stat_hist sync;   /* how long calls took */
	unsigned peers;          /* members whose figures of targets are heard */
	uint64_t peers_refused;  /* of what they said, not understood */
	uint64_t peers_borrowed; /* times that a target was left alone for what they said */
};

#endif
