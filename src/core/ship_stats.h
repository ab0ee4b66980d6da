/*
 * ship_stats.h: what the thread that ships the ledger tells metrics. One writer, any reader.
 */
#ifndef TG_CORE_SHIP_STATS_H
#define TG_CORE_SHIP_STATS_H

#include <stdatomic.h>
#include <stdint.h>

struct ship_stats {
	_Atomic uint64_t shipped;   /* records that the stream has, as of answers */
	_Atomic uint64_t failures;  /* batches without an answer that says so */
	_Atomic uint64_t unshipped; /* records of this process that it is not known to have */
	_Atomic int64_t lag_us;     /* since it had all of them; 0: it has */
	_Atomic uint64_t lost;      /* segments deleted before they were shipped */
};

#endif
