/*
 * quota_ledger.h: what the ledger has of accounts: one question for all of them, over their
 * periods. An ask belongs to the thread that has it; the control thread makes and frees it.
 */
#ifndef TG_CORE_QUOTA_LEDGER_H
#define TG_CORE_QUOTA_LEDGER_H

#include "core/plan_quota.h"

struct ledger_ask;

struct ledger_ask *ledger_ask_new(void) TG_MUST_CHECK;
/* Gives its references back. */
void ledger_ask_free(struct ledger_ask *l);
/* One more account; it takes a reference. The slot must outlive it. */
void ledger_ask_add(struct ledger_ask *l, const struct quota_slot *s, struct quota_account *a);
size_t ledger_ask_count(const struct ledger_ask *l);
/* Reads the ledger in that folder; takes as long as reading takes. Again: anew. -1 with err. */
int ledger_ask_run(struct ledger_ask *l, const char *path, char *err, size_t err_len) TG_MUST_CHECK;
/* What it has: nano-USD, rounded up once, or numbers; and of how many requests. */
void ledger_ask_each(struct ledger_ask *l,
	void (*f)(void *arg, struct quota_account *a, int64_t spent, uint64_t requests), void *arg);

#endif
