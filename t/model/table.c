/*
 * table.c: the variants, in the order in which they are read: what others do, the lease without and
 * with its rules, what a year of the protocol meets (periods, limits, members, threads), and every
 * safety rule switched off by itself.
 */
#include "model/table.h"

#include <string.h>

#include "model/lease.h"
#include "model/limit.h"
#include "model/lower.h"
#include "model/members.h"
#include "model/period.h"
#include "model/post.h"

/* What holds must use the limit up; what fails is looked at for money alone, so that its trace ends
 * in overspending. */
#define HOLDS(name_, model_, rules_, l, quick_, what_)                                   \
	{                                                                                \
		.name = name_, .what = what_, .model = &model_##_model, .rules = rules_, \
		.limit = l, .accounts = 1, .expected = VERDICT_HOLDS, .quick = quick_    \
	}
#define FAILS(name_, model_, rules_, l, quick_, what_)                                   \
	{                                                                                \
		.name = name_, .what = what_, .model = &model_##_model, .rules = rules_, \
		.limit = l, .accounts = 1, .expected = VERDICT_FAILS, .quick = quick_    \
	}
#define FINDING(name_, model_, rules_, l, n, what_)                                      \
	{                                                                                \
		.name = name_, .what = what_, .model = &model_##_model, .rules = rules_, \
		.limit = l, .accounts = n, .expected = VERDICT_FAILS, .quick = true,     \
		.finding = true                                                          \
	}
#define OFF(name_, model_, rules_, l, quick_, what_)                                     \
	{                                                                                \
		.name = name_, .what = what_, .model = &model_##_model, .rules = rules_, \
		.limit = l, .accounts = 1, .expected = VERDICT_FAILS, .mutation = true,  \
		.quick = quick_                                                          \
	}
#define TWO(name_, rules_, verdict, mutation_, quick_, what_)                                     \
	{                                                                                         \
		.name = name_, .what = what_, .model = &lease_model, .rules = rules_, .limit = 1, \
		.accounts = 2, .expected = verdict, .mutation = mutation_, .quick = quick_        \
	}

/* Minutes: only with --deep, or by name. */
#define DEEP(name_, n, rules_, what_)                                                             \
	{                                                                                         \
		.name = name_, .what = what_, .model = &lease_model, .rules = rules_, .limit = 1, \
		.accounts = n, .expected = VERDICT_HOLDS, .deep = true                            \
	}

#define MONEY       (LEASE_MONEY_ONLY | LEASE_REPORT)
#define SAFE        (LEASE_GUARD | LEASE_LATE)
#define F           (SAFE | LEASE_FAILOVER | LEASE_LEARN)
#define EPOCH       (LEASE_LEARN | LEASE_EPOCH | LEASE_GUARD)
#define INCARNATION (EPOCH | LEASE_INCARNATION | LEASE_CRASH)
#define LOST        (INCARNATION | LEASE_PRUNE | LEASE_CUT | MONEY)
#define EPOCH_OFF   (EPOCH | LEASE_LATE | MONEY)

const struct variant model_table[] = {
	/* section 1.5 */
	FAILS("A", post, 0, 2, true, "post-paid: admit while settled < L, count afterwards"),
	HOLDS("B", lease, SAFE | LEASE_CRASH, 3, true,
		"lease, crashes, never reclaimed, settled at worst"),
	OFF("B0", lease, SAFE | LEASE_CRASH | LEASE_M_CRASH_ZERO | MONEY, 2, true,
		"B, crashed holds settle at 0"),
	OFF("C", lease, SAFE | LEASE_M_RECLAIM | MONEY, 1, true,
		"what is not reported is taken back when a lease expires"),
	OFF("D", lease, SAFE | LEASE_FAILOVER | MONEY, 1, true, "failover, no learning"),
	OFF("E", lease, F | LEASE_M_TTL | MONEY, 1, true, "learning ends after a time"),
	HOLDS("F", lease, F | LEASE_CRASH, 2, false,
		"learning ends by membership; crashes, failover, late requests"),
	HOLDS("F3", lease, F, 3, false, "F with L=3, no crashes"),
	HOLDS("F-cold", lease, F | LEASE_CRASH | LEASE_COLD, 1, false, "F from an empty Redis"),
	HOLDS("G", lease, SAFE | LEASE_CRASH | LEASE_FAILOVER | LEASE_WAIT, 3, false,
		"WAIT before use, no learning"),
	HOLDS("H", lease, F | LEASE_CRASH | LEASE_WAIT, 2, false, "F and G"),
	HOLDS("R", lease, F | LEASE_CRASH | LEASE_RETURN | LEASE_DUP, 1, true,
		"F and RETURN; late and doubled requests"),
	HOLDS("R-two", lease, F | LEASE_RETURN, 2, false, "R with L=2, no crashes"),
	HOLDS("R-cold", lease, F | LEASE_CRASH | LEASE_RETURN | LEASE_COLD, 1, false,
		"R from an empty Redis"),
	HOLDS("R-prune", lease, F | LEASE_CRASH | LEASE_RETURN | LEASE_PRUNE | LEASE_BOOKS, 1,
		false, "R, an unsynced g counts as 0 once all have asserted"),
	OFF("R1", lease, F | LEASE_RETURN | LEASE_M_MAX_MERGE | MONEY, 1, true,
		"first re-assertion merges by max()"),
	OFF("R2", lease, F | LEASE_RETURN | LEASE_M_RETURN_NO_SEQ | MONEY, 1, true,
		"RETURN without sequence check"),
	OFF("R3", lease, F | LEASE_RETURN | LEASE_M_RETURN_EARLY | MONEY, 1, true,
		"RETURN told before g is lowered"),
	TWO("K", LEASE_LEARN | LEASE_GUARD | LEASE_FAILOVER, VERDICT_HOLDS, false, false,
		"two accounts in a bucket"),
	TWO("K-flush", EPOCH | LEASE_FLUSH, VERDICT_HOLDS, false, false, "K, FLUSHALL, epochs"),
	TWO("K1", LEASE_LEARN | LEASE_GUARD | LEASE_FAILOVER | LEASE_M_ASSERT_SOME | MONEY,
		VERDICT_FAILS, true, true, "K, asserts after syncing some account"),

	/* what the design says in other words than these fails; the row below is what holds */
	FINDING("late-sync", lease, (F | LEASE_RETURN | MONEY) & ~LEASE_GUARD, 1, 1,
		"10.3 sync step 3 comes before the check of the op seq"),
	FINDING("flush", lease, LEASE_LEARN | SAFE | LEASE_FLUSH | MONEY, 1, 1,
		"FLUSHALL: the run_id stays, a late assert counts"),
	HOLDS("flush-epoch", lease, EPOCH | LEASE_LATE | LEASE_FLUSH | LEASE_RETURN, 1, false,
		"FLUSHALL, RETURN, late requests; assertions and syncs are of an epoch"),
	OFF("sync-no-epoch", lease, EPOCH_OFF | LEASE_FLUSH | LEASE_RETURN | LEASE_M_SYNC_NO_EPOCH,
		1, true, "a sync that does not say the bucket's epoch is carried out"),
	HOLDS("flush-crash", lease, EPOCH | LEASE_FLUSH | LEASE_RETURN | LEASE_CRASH, 1, true,
		"the same, crashes, none late"),
	FINDING("split", lease, F | LEASE_SPLIT | MONEY, 1, 1,
		"two live primaries: a member goes back to the old run_id"),
	HOLDS("split-epoch", lease, EPOCH | LEASE_FAILOVER | LEASE_SPLIT | LEASE_RETURN, 1, false,
		"two live primaries; epochs have an order, a bucket behind a member begins anew"),
	HOLDS("epoch", lease, EPOCH | LEASE_FAILOVER | LEASE_RETURN | LEASE_CRASH, 1, true,
		"R with epochs, none late"),
	HOLDS("epoch-late", lease,
		EPOCH | LEASE_LATE | LEASE_DUP | LEASE_FAILOVER | LEASE_RETURN | LEASE_CRASH, 1,
		false, "the same; late and doubled requests"),
	/* nothing of g is in the journal; s is what Redis has, where the member lost it */
	HOLDS("incarnation", lease, INCARNATION | LEASE_LATE | LEASE_FAILOVER, 1, false,
		"g is not journaled, older incarnations are refused; failover, late requests"),
	HOLDS("incarnation-flush", lease, INCARNATION | LEASE_LATE | LEASE_FLUSH, 1, false,
		"the same with FLUSHALL"),
	HOLDS("incarnation-return", lease,
		INCARNATION | LEASE_RETURN | LEASE_FAILOVER | LEASE_FLUSH, 1, true,
		"the same with RETURN, failover and FLUSHALL, none late"),
	DEEP("incarnation-late", 1,
		INCARNATION | LEASE_LATE | LEASE_RETURN | LEASE_DUP | LEASE_FAILOVER | LEASE_PRUNE |
			LEASE_BOOKS,
		"the same with RETURN; late and doubled requests"),
	DEEP("incarnation-all", 1, INCARNATION | LEASE_LATE | LEASE_RETURN | LEASE_FLUSH,
		"FLUSHALL, RETURN and late requests"),
	DEEP("incarnation-split", 1, INCARNATION | LEASE_RETURN | LEASE_FAILOVER | LEASE_SPLIT,
		"two live primaries, RETURN"),
	DEEP("incarnation-two", 2, INCARNATION | LEASE_FAILOVER, "two accounts, failover"),
	DEEP("incarnation-two-flush", 2, INCARNATION | LEASE_FLUSH, "two accounts, FLUSHALL"),
	OFF("incarnation-off", lease,
		INCARNATION | LEASE_LATE | LEASE_FLUSH | LEASE_PRUNE | LEASE_BOOKS |
			LEASE_M_INCARNATION_OFF,
		1, true, "a call of an older incarnation is carried out"),
	HOLDS("lost-settles", lease, LOST | LEASE_RETURN | LEASE_FAILOVER, 1, true,
		"a power cut takes settles that Redis has heard of; an unsynced s counts"),
	HOLDS("lost-settles-late", lease, LOST | LEASE_LATE, 1, true, "the same, late requests"),
	OFF("lost-settles-kept", lease, LOST | LEASE_FAILOVER | LEASE_M_KEEP_S, 1, true,
		"a member does not take the larger s that Redis tells"),
	OFF("unsynced-zero", lease, LOST | LEASE_FAILOVER | LEASE_M_PRUNE_ZERO, 1, true,
		"in an open bucket an account that is not synced counts 0, not s"),
	FINDING("books", lease, F | LEASE_RETURN | LEASE_BOOKS, 1, 1,
		"R: a g that its member has given back is in the copy and stays: stranded"),

	/* a year of it: periods */
	HOLDS("period", period, 0, 2, true, "two periods, pre-granted slices, clocks that differ"),
	FINDING("period-outage", period, PERIOD_OUTAGE, 1, 1,
		"10.3 sync step 2 rejects what comes after the close"),
	HOLDS("period-late", period, PERIOD_OUTAGE | PERIOD_LATE, 2, true,
		"settlements of a closed period are corrections"),
	OFF("settle-now", period, PERIOD_M_SETTLE_NOW, 1, true,
		"a settlement goes to the present period"),
	OFF("carry-over", period, PERIOD_M_CARRY, 1, true,
		"what is left of a grant is good in the next period"),
	OFF("close-early", period, PERIOD_M_CLOSE_EARLY, 1, true,
		"closed before the longest stream has ended"),
	OFF("drop-old", period, PERIOD_M_DROP, 1, true,
		"the old account is forgotten with holds open"),
	OFF("grant-closed", period, PERIOD_M_GRANT_CLOSED, 1, true,
		"grants in a period that is over"),
	/* limits */
	HOLDS("limit-cut", limit, 0, 3, true,
		"a limit is cut from 3 to 1, members reload one by one"),
	FINDING("limit-failover", limit, LIMIT_FAILOVER, 3, 1,
		"the version is the account's: a copy may not know of it"),
	HOLDS("limit-bucket", limit, LIMIT_FAILOVER | LIMIT_BUCKET_CV, 3, true,
		"assertions carry the version, the bucket keeps it"),
	HOLDS("limit-synced", limit, LIMIT_FAILOVER | LIMIT_SYNCED, 3, true,
		"an account whose limit a reload has changed is synced before asserting"),
	OFF("limit-forgets", limit, LIMIT_M_FORGET, 2, true,
		"the limit of the message counts, whatever its version"),
	OFF("limit-seizes", limit, LIMIT_M_SEIZE, 2, true,
		"a cut lowers g in Redis before its member did"),
	/* members */
	HOLDS("members", members, MEMBERS_FAILOVER | MEMBERS_LEAVE, 3, true,
		"join, leave, failover"),
	FINDING("fence-copy", members, MEMBERS_FENCE | MEMBERS_FAILOVER, 2, 1,
		"a fence freezes the g of a copy, which may be old"),
	HOLDS("fence-rest", members,
		MEMBERS_FENCE | MEMBERS_FAILOVER | MEMBERS_REST | MEMBERS_LEAVE, 3, true,
		"a fence while learning freezes all that others did not assert"),
	HOLDS("fence-open", members, MEMBERS_FENCE | MEMBERS_FAILOVER | MEMBERS_OPEN, 3, true,
		"fenced in an open bucket, then a failover: a copy with the fence has its g"),
	OFF("join-early", members, MEMBERS_FAILOVER | MEMBERS_M_JOIN_EARLY, 2, true,
		"syncs before its joining is durable"),
	OFF("join-opens", members, MEMBERS_FAILOVER | MEMBERS_M_JOIN_OPENS, 2, true,
		"a joining ends the learning"),
	OFF("fence-frees", members, MEMBERS_FENCE | MEMBERS_M_FENCE_FREES, 2, true,
		"a fence forgets g"),
	OFF("fenced-syncs", members, MEMBERS_FENCE | MEMBERS_M_FENCED_SYNCS, 2, true,
		"a fenced member is granted more"),
	OFF("leave-frees", members, MEMBERS_LEAVE | MEMBERS_M_LEAVE_FREES, 2, true,
		"leaving frees what was spent"),
	OFF("leave-busy", members, MEMBERS_LEAVE | MEMBERS_M_LEAVE_BUSY, 2, true,
		"leaving with requests in work"),
	/* threads */
	HOLDS("lower", lower, 0, 3, true,
		"g is lowered while workers admit, sequentially consistent"),
	OFF("lower-tells", lower, LOWER_M_TELL_FIRST, 2, true, "tells Redis before the check"),
	OFF("lower-unchecked", lower, LOWER_M_NO_CHECK, 2, true,
		"c is looked at before g is stored only"),
	OFF("lower-relaxed", lower, LOWER_M_STORE_DELAY, 2, true,
		"the store of g is seen after the load of c"),
	OFF("worker-loads-first", lower, LOWER_M_LOAD_FIRST, 2, true,
		"a worker loads g before it adds to c"),

	/* the lease's other rules, one at a time */
	OFF("late-reply", lease, F | LEASE_M_LATE_REPLY | MONEY, 1, true,
		"a reply of an earlier connection is used"),
	OFF("missing-fresh", lease, EPOCH_OFF | LEASE_FLUSH | LEASE_M_MISSING_FRESH, 1, true,
		"no bucket key means nothing is granted"),
	OFF("wait-unused", lease, SAFE | LEASE_FAILOVER | LEASE_WAIT | LEASE_M_WAIT_ONE | MONEY, 1,
		true, "G, a grant is used before WAIT returns"),
	OFF("return-overlap", lease, F | LEASE_RETURN | LEASE_M_RETURN_OVERLAP | MONEY, 1, true,
		"RETURN while a sync of the account is under way"),
	OFF("return-unsaved", lease,
		F | LEASE_CRASH | LEASE_RETURN | LEASE_M_RETURN_UNSAVED | MONEY, 1, true,
		"RETURN told before it is journaled"),
	OFF("grant-unsaved", lease, F | LEASE_CRASH | LEASE_M_GRANT_UNSAVED | MONEY, 1, true,
		"a grant is not journaled: g is s after a crash"),
	OFF("hold-unsaved", lease, SAFE | LEASE_CRASH | LEASE_M_HOLD_UNSAVED | MONEY, 1, true,
		"a hold is lost by a power cut (durability group)"),
	OFF("mark-unsaved", lease,
		EPOCH | LEASE_FAILOVER | LEASE_SPLIT | LEASE_M_MARK_UNSAVED | MONEY, 1, true,
		"the highest epoch heard of is not remembered"),
};
const size_t model_table_len = TG_ARRAY_LEN(model_table);

const struct variant *model_table_find(const char *name)
{
	for (size_t i = 0; i < model_table_len; i++)
		if (!strcmp(model_table[i].name, name))
			return &model_table[i];
	return NULL;
}
