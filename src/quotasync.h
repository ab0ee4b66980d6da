/*
 * quotasync.h: limits that several processes share: carries the calls of the leases (quota/lease.h)
 * to Redis and the answers back, wakes requests that wait for a grant, saves epochs. Control
 * thread. Without `redis` in the configuration everything here does nothing.
 */
#ifndef TG_QUOTASYNC_H
#define TG_QUOTASYNC_H

#include <event2/event.h>

#include "admin/admin.h"
#include "core/plan.h"
#include "core/quota_stats.h"
#include "core/worker.h"

struct resolver;

/* Can a client be made of it? For `tollgate -t`, too. -1 with err. */
int quotasync_check(const struct tg_conf *c, char *err, size_t err_len) TG_MUST_CHECK;
/*
 * Before the first quotad_open: from here on new accounts of calendar periods are leased. Raises
 * the incarnation in the ledger's folder. -1 with err.
 */
int quotasync_open(const struct tg_conf *c, struct event_base *base, struct resolver *resolver,
	const char *ledger_path, struct worker *workers, unsigned n_workers, char *err,
	size_t err_len) TG_MUST_CHECK;
/* Begin to connect, once accounts are there; and wait a little for the first answers. */
void quotasync_start(void);
/* May `next` follow? What of `redis` needs a restart is refused here. -1 with err. */
int quotasync_reload(const struct tg_conf *next, char *err, size_t err_len) TG_MUST_CHECK;
/*
 * The plan that holds from now on: limits, members, connection. Also after a reload that was given
 * up half way, with the plan that stays.
 */
void quotasync_apply(const struct tg_conf *c);
/* The workers have ended: gives back what was granted and not spent, for at most a second. */
void quotasync_stop(void);
/* Before the accounts go. */
void quotasync_close(void);

/*
 * POST /admin/v1/quota/fence: {"member", "mode", "why", "who"}; mode: spent (what it was granted
 * stays spoken for), settled (only what it has told), off. An admin thread; waits for Redis.
 */
void quotasync_fence_page(struct admin_reply *r, struct str body);

/* For /readyz: "none", "up", "learning" or "down". */
const char *quotasync_status(void);
const struct quota_stats *quotasync_stats(void);

#endif
