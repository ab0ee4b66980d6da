/*
 * table.h: the accounts of the process, over reloads: an account is its name, whoever states a
 * limit on it. Found by any thread without a lock; made and dropped by one, the control thread.
 *
 * References. An account is dropped only when its table alone has one. Others may be held by:
 *	- a slot of a plan (what a limit leads to), from quota_table_make until the slot moves on to
 *	  the next period or its plan ends;
 *	- a hold (hold.h), from quota_reserve to quota_settle or quota_release;
 *	- the ring of a rolling window, for its buckets (window.h);
 *	- whoever found it (quota_table_find), for as long as it looks at it.
 * All give back with quota_account_put, from any thread.
 *
 * Memory is bounded: at most `max` accounts, in chunks that are taken when needed and stay until
 * quota_table_free (a thread may look at an account that was just dropped: it must remain one).
 * When all are in use quota_table_make drops what it may and tries again; then it refuses, and
 * the caller must refuse the requests: an account that cannot be counted is no limit.
 */
#ifndef TG_QUOTA_TABLE_H
#define TG_QUOTA_TABLE_H

#include <stddef.h>

#include "quota/account.h"

struct quota_table;

/* max: 1 to QUOTA_TABLE_MAX accounts at a time. NULL: no memory. */
#define QUOTA_TABLE_MAX (1u << 24)
struct quota_table *quota_table_new(size_t max) TG_MUST_CHECK;
/* When no other thread uses it, and all references are back. */
void quota_table_free(struct quota_table *t);

/*
 * Control thread: the account of that name, made when there is none, with the limit set to l's in
 * any case; p as for quota_account_init. A reference for the caller. NULL: err says why (no room;
 * or the name's id is another's, which no two names in 2^30 will have).
 */
struct quota_account *quota_table_make(struct quota_table *t, struct str name,
	const struct quota_limit *l, const struct period *p, struct quota_time now, char *err,
	size_t err_size) TG_MUST_CHECK;

/* Any thread: with a reference, or NULL. */
struct quota_account *quota_table_find(struct quota_table *t, uint64_t id) TG_MUST_CHECK;
struct quota_account *quota_table_find_name(
	struct quota_table *t, struct str name, enum quota_dim dim) TG_MUST_CHECK;
/*
 * Any thread: the account after *cursor (0 to begin), with a reference; NULL at the end. Those that
 * are there all the time are seen once; others perhaps.
 */
struct quota_account *quota_table_next(struct quota_table *t, size_t *cursor) TG_MUST_CHECK;
/* How many there are now. */
size_t quota_table_count(const struct quota_table *t);

/*
 * Control thread, now and then: drops accounts that nobody refers to and that have nothing to
 * remember: stocks whose period is over or in which nothing was spent, windows that are empty,
 * rates that are full, gauges that are empty. Returns how many.
 */
size_t quota_table_sweep(struct quota_table *t, struct quota_time now);

#endif
