/*
 * ledgership.h: every charge of the ledger into a Redis stream of this member's own, at least once
 * and in the ledger's order, for who wants them all in one place:
 *
 *	ledger thread  ledgership_told: the disk has more          workers have no part in it
 *	               v
 *	thread         journal's files --> XADD PREFIX{l:MEMBER} SEGMENT-OFFSET r JSON
 *
 * The id of an entry is where its record ends in the journal. So the stream itself says how far it
 * has come: after each connection its last id is asked for, and what comes behind that is sent; a
 * stream that has forgotten its end (a failover, an append-only file cut short) is mended, and one
 * that is there already refuses its id, which is as good. What waits is in the journal's files, in
 * memory are BATCH records at most; older than `ledger.retain` it is gone.
 */
#ifndef TG_LEDGERSHIP_H
#define TG_LEDGERSHIP_H

#include "core/config.h"
#include "core/ship_stats.h"
#include "ledger/journal.h"

struct resolver;

/* Before the ledger's thread: what is there already. -1 with err. */
int ledgership_open(const char *ledger, char *err, size_t err_len) TG_MUST_CHECK;
/* At a start and after each reload: as the configuration says now. */
void ledgership_apply(const struct config *c, struct resolver *resolver);
/* Ledger thread: the record that ends at `at` is on disk, and all before it. */
void ledgership_told(const struct rec *r, struct journal_position at);
/* After the ledger's thread: what it told last is sent, for at most a second. */
void ledgership_stop(void);

const struct ship_stats *ledgership_stats(void);

#endif
