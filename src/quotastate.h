/*
 * quotastate.h: what a member of a shared limit must not forget, in `quota.state` in the ledger's
 * folder: its incarnation, raised at each start before anything is sent, and the highest epoch of
 * each bucket, saved before anything is told in it (docs/internals/quota-redis.md). Control thread.
 *
 *	tollgate quota state 1
 *	incarnation 17
 *	epoch 3 12.17.4.gw-1
 *	end 4f2a9c01                the CRC-32C of all before this line
 */
#ifndef TG_QUOTASTATE_H
#define TG_QUOTASTATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

#define QUOTASTATE_BUCKETS         64
#define QUOTASTATE_EPOCH           128 /* bytes of an epoch, with the NUL */
#define QUOTASTATE_INCARNATION_MAX ((1u << 20) - 1)

struct quotastate {
	char folder[4096];
	uint32_t incarnation;
	char epoch[QUOTASTATE_BUCKETS][QUOTASTATE_EPOCH]; /* "": none */
};

/*
 * Read what is there (nothing: the first start), raise the incarnation and write it, synced. -1:
 * err says what to do; a file that cannot be understood is not replaced.
 */
int quotastate_open(
	struct quotastate *s, const char *folder, char *err, size_t err_len) TG_MUST_CHECK;
/* As it is now: on disk when this returns 0. The file is the old or the new one at any time. */
int quotastate_save(const struct quotastate *s, char *err, size_t err_len) TG_MUST_CHECK;

/* The text of a file. -1: it is none. Exposed for tests and fuzzing. */
int quotastate_parse(struct quotastate *s, struct str text) TG_MUST_CHECK;

#endif
