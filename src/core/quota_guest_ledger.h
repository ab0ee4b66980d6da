/*
 * quota_guest_ledger.h: what sessions and end users have spent, from the journal's newest files:
 * sums of the ledger do not have them, for their names have no end. Control thread, at a start.
 */
#ifndef TG_CORE_QUOTA_GUEST_LEDGER_H
#define TG_CORE_QUOTA_GUEST_LEDGER_H

#include "core/plan_quota.h"

/* So many files of the journal are read: what is before them is forgotten. */
#define QUOTA_GUEST_SEGMENTS 4

/* ledger: its folder. Adds to accounts of present periods; plan_quota_guests_open came before.
 * Returns how many charges counted; -1 with err. */
int64_t quota_guest_ledger_read(const struct tg_conf *c, const char *ledger, struct quota_time now,
	char *err, size_t err_len) TG_MUST_CHECK;

#endif
