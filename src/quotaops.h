/*
 * quotaops.h: changes to limits that operators make by hand, while the gateway runs: `set` gives a
 * limit another amount, `adjust` corrects what is used. Each is a line of quota.changes in the
 * ledger's folder (who, when, before, after, why), synced before it is in force: the file is both
 * the record of what was done and what a start reads. Control thread.
 */
#ifndef TG_QUOTAOPS_H
#define TG_QUOTAOPS_H

#include "admin/admin.h"
#include "core/plan.h"

/* At the start, before plans: what was changed up to now. ledger NULL: nothing can be changed. -1
 * with err: a line is no change. */
int quotaops_open(const char *ledger, char *err, size_t err_len) TG_MUST_CHECK;
void quotaops_close(void);

/* What was added to the account by hand since its period began; less than 0: given back. */
int64_t quotaops_adjusted(struct str account);
/* When a limit was set the last time, in ms since 1970; 0: never. Of members that share limits the
 * newest counts. */
int64_t quotaops_changed_ms(void);
/* Amounts that were set: puts them into the plan's slots. Before plan_quota_apply. */
void quotaops_apply(struct tg_conf *c);

/* POST /admin/v1/quota/adjust and /set: {"scope", "dimension", "value", "why", "who"}. */
void quotaops_adjust_page(struct admin_reply *r, struct str body, struct tg_conf *c);
void quotaops_set_page(struct admin_reply *r, struct str body, struct tg_conf *c);

#endif
