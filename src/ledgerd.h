/*
 * ledgerd.h: the ledger thread: everything of the journal that touches the disk, and the sums of
 * what it consumes.
 */
#ifndef TG_LEDGERD_H
#define TG_LEDGERD_H

#include "core/config.h"
#include "core/worker.h"
#include "ledger/journal.h"

/*
 * Open the ledger of cfg (recovery and all) for n workers and give each its journal; with
 * `ledger.path: none` do nothing. Before the workers start. -1 with err, which says what to do.
 */
int ledgerd_open(const struct config *cfg, uint32_t generation, struct worker *workers, unsigned n,
	char *err, size_t err_len) TG_MUST_CHECK;
/* Each record told (LEG, SETTLE, VOID) once it is on disk, on the ledger's thread. Before
 * ledgerd_start. */
void ledgerd_tell(void (*f)(const struct rec *r, struct journal_position at));
/* Begin the thread, if there is a ledger. */
int ledgerd_start(void) TG_MUST_CHECK;
/* After the workers have ended: the rest is consumed, all is on disk. */
void ledgerd_stop(void);
/* After the workers are gone: nothing of the ledger can be in their mailboxes any more. */
void ledgerd_free(void);
/* NULL: none. */
struct journal *ledgerd_journal(void);
/* Its folder, the same as long as the process runs; NULL: none. */
const char *ledgerd_path(void);

#endif
