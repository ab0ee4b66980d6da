/*
 * ledger_stream.h: a member's charges as they were shipped to Redis (`redis.ship`), held against
 * its journal. The Redis part is src/ledgerstream.c: this folder knows no Redis.
 */
#ifndef TG_CTL_LEDGER_STREAM_H
#define TG_CTL_LEDGER_STREAM_H

#include "core/config.h"

#define LEDGER_STREAM_FINDINGS 20 /* that are kept; all are counted */

struct ledger_stream {
	char key[512];
	uint64_t entries; /* in the stream */
	uint64_t same;
	uint64_t missing;   /* charges of the journal between its entries that it does not have */
	uint64_t different; /* the entry says something else */
	uint64_t foreign;   /* entries where the journal has no charge */
	uint64_t trimmed;   /* of the journal, before its first entry */
	uint64_t kept;      /* entries of journal files that are no more */
	uint64_t damaged;   /* what could not be read of the journal */
	char finding[LEDGER_STREAM_FINDINGS][160];
	unsigned n_findings;
};

/* Up to the last id that the stream has when this begins; a gateway may run. -1 with err: Redis
 * cannot be asked, or there is no stream. */
int ledger_stream_read(struct ledger_stream *out, const struct config *c, const char *ledger,
	char *err, size_t err_len) TG_MUST_CHECK;

static inline bool ledger_stream_ok(const struct ledger_stream *s)
{
	return s->missing + s->different + s->foreign + s->damaged == 0;
}

#endif
