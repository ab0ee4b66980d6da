/*
 * lease.h: the member's side of the lease protocol (docs/internals/quota-redis.md): what to ask the
 * centre for, what to give back, and what its answers mean for the accounts of this process. Pure:
 * no clock, no I/O, no thread of its own; time and messages are arguments. All of it belongs to the
 * control thread; workers use the same accounts through their atomics (account.h).
 *
 *	            lease_attend                    lease_due
 *	workers  ------------------> leases of a  -----------> call to the centre (lease_wire.h)
 *	(account.h)  g, unsure,       bucket      <-----------  its answer
 *	         <------------------             lease_reply
 *	            refused
 *
 * Two numbers are both called g. `lease.g` is the protocol's: what the centre counts as given to
 * us, and what we tell it; it falls by RETURN alone. The account's `granted` is what holds are
 * compared with: never above lease.g, and below where the limit was cut, or when the centre was
 * not heard for so long that nothing more is let in.
 *
 * Order of a bucket's life: lease_bucket_up with a connection; calls and answers one by one; after
 * an answer that tells another epoch nothing is sent until lease_epoch_saved; lease_bucket_down
 * when the connection is lost or a call had no answer in time (the connection must then be
 * closed: what it may still bring must not be read).
 */
#ifndef TG_QUOTA_LEASE_H
#define TG_QUOTA_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/str.h"
#include "quota/account.h"

#define LEASE_BUCKETS      64
#define LEASE_CALL_MAX     64 /* accounts of a call */
#define LEASE_NAME_MAX     64 /* bytes of a member's name, of A-Z a-z 0-9 . _ - */
#define LEASE_MEMBERS_MAX  32
#define LEASE_RUN_MAX      64
#define LEASE_INSTANCE_MAX 16
/* NUMBER.INCARNATION.SEQ.MEMBER */
#define LEASE_EPOCH_MAX (3 * 21 + LEASE_NAME_MAX)
/* What a script's numbers hold exactly. */
#define LEASE_AMOUNT_MAX ((INT64_C(1) << 53) - 1)
/* The largest limit that is leased: sums of all members stay within the above. */
#define LEASE_LIMIT_MAX       INT64_C(9000000000000000)
#define LEASE_INCARNATION_MAX ((UINT64_C(1) << 20) - 1)
/* A lease ends so long after its period: clocks differ by less. */
#define LEASE_AFTER_PERIOD_MS (INT64_C(3) * 3600 * 1000)

struct lease_member;
struct lease; /* one leased account */

struct lease_config {
	struct str name;           /* this member's, one of `members` */
	struct str instance;       /* what no other process has: up to LEASE_INSTANCE_MAX letters
				      and digits; empty: nobody looks whether there are two */
	const struct str *members; /* in any order */
	unsigned n_members;
	int64_t version;       /* of the configuration: 1 to LEASE_AMOUNT_MAX */
	int64_t revalidate_us; /* an account that was not synced for so long admits nothing */
};

/*
 * incarnation: 1 to LEASE_INCARNATION_MAX, higher than that of every process before of this name.
 * Texts are copied. Never NULL. wake as in quota_attention: the control thread shall call
 * lease_attend, and then lease_due.
 */
struct lease_member *lease_member_new(const struct lease_config *cfg, uint64_t incarnation,
	void (*wake)(void *arg), void *arg) TG_MUST_CHECK;
/* When workers are gone. Gives back the leases' references. */
void lease_member_free(struct lease_member *m);
/* A reload: members and version (the name stays). Limits follow by lease_add. */
void lease_member_configure(struct lease_member *m, const struct lease_config *cfg);

/* Their names in byte order, with commas. */
struct str lease_members(const struct lease_member *m);

/* ---- accounts */

/* The bucket of an account's name. */
unsigned lease_bucket_of(struct str account);
/*
 * Leases a stock with a period or without (a lifetime), or tells the limit anew of one that is.
 * Before workers see the account. Its settled sum is restored before or afterwards, as it comes.
 * limit: 0 to LEASE_LIMIT_MAX. The lease takes a reference of its own. It ends by itself, some
 * hours after the period, when all that was spent is told (lease_due).
 */
struct lease *lease_add(
	struct lease_member *m, struct quota_account *a, int64_t limit, mono_us now);
/* The account's period is another one than when it was made: a credit that expires later. */
void lease_period(struct lease *l, wall_us start, wall_us end, mono_us now);
struct lease *lease_find(const struct quota_account *a); /* NULL: not leased */
/* No configuration states the limit any more: its headroom goes back, it is told as long as there
 * is something of it to tell. */
void lease_retire(struct lease_member *m, struct lease *l, mono_us now);

/* ---- buckets */

/* At a start: what the state file has; text as lease_epoch gave it. -1: it is no epoch. */
int lease_epoch_restore(struct lease_member *m, unsigned bucket, struct str text) TG_MUST_CHECK;
/* The highest epoch heard of: what is to be saved. Empty: none. Valid until the next call here. */
struct str lease_epoch(const struct lease_member *m, unsigned bucket);
/* lease_epoch is on the disk: the bucket goes on. */
void lease_epoch_saved(struct lease_member *m, unsigned bucket, mono_us now);

/* A connection was made; run_id was read on it before all else. Ends one that was up. */
void lease_bucket_up(struct lease_member *m, unsigned bucket, struct str run_id, mono_us now);
/* Voids the call under way. Requests that wait in the bucket are to try again (they get
 * QUOTA_UNSURE). */
void lease_bucket_down(struct lease_member *m, unsigned bucket, mono_us now);

/* ---- calls */

struct lease_call {
	unsigned bucket;
	struct str member, instance, run_id, epoch,
		members; /* epoch: "" none; members with commas */
	uint64_t incarnation;
	int64_t version;
	bool asserts; /* flag "a" */
	unsigned n;
	struct lease_item {
		struct str name;
		uint64_t op_seq;
		int64_t s, g, need, want, limit;
		int64_t ps, pe;      /* seconds; both 0: no period */
		bool returns, tells; /* flags "r", "p" */
		struct lease *lease;
	} item[LEASE_CALL_MAX];
};

/* Statuses of a bucket's and of an account's answer; texts in tbl/lease_status.h. */
enum lease_status {
#define X(id, text) LEASE_##id,
#include "quota/tbl/lease_status.h"
#undef X
	LEASE_STATUS__MAX
};
enum lease_item_status {
#define X(id, text) LEASE_ITEM_##id,
#include "quota/tbl/lease_item_status.h"
#undef X
	LEASE_ITEM_STATUS__MAX
};

struct lease_answer {
	enum lease_status status;
	struct str epoch, awaited;
	bool learning;
	bool unsafe;     /* a centre that takes this one's place may not know of its grants: none is
			    used,     and what lacks is QUOTA_UNSURE. The next answer tells them again.
			  */
	int64_t time_ms; /* the centre's wall clock */
	unsigned n;
	struct lease_answer_item {
		enum lease_item_status status;
		int64_t g, s, sum_g, sum_s, limit, recall_ms;
	} item[LEASE_CALL_MAX];
};

/* What came of an answer. */
struct lease_outcome {
	bool save_epoch; /* lease_epoch is new: save it, then lease_epoch_saved */
	enum lease_status status;
	bool wake_bucket; /* all requests that wait in the bucket are to try again, */
	unsigned n_woken; /* or those that wait for these */
	struct quota_account *woken[LEASE_CALL_MAX];
};

/* Looks at what workers left on the stack. To be called whenever woken, before lease_due. */
void lease_attend(struct lease_member *m, mono_us now);
/*
 * The next call that is due: true, and it is under way from now on, until lease_reply or
 * lease_bucket_down of its bucket. Texts in it are valid until then. To be called until it says
 * false: nothing is due before *again (unless something is attended to, answered, or goes up or
 * down). Also with no bucket up: accounts that were not synced for too long are shut here.
 */
bool lease_due(
	struct lease_member *m, mono_us now, struct lease_call *call, mono_us *again) TG_MUST_CHECK;
/*
 * The answer to the call under way in the bucket. -1: it is none that this call can have (err says
 * why), nothing was done, and the call is still under way: close the connection, lease_bucket_down.
 */
int lease_reply(struct lease_member *m, unsigned bucket, const struct lease_answer *answer,
	mono_us now, struct lease_outcome *out, char *err, size_t err_size) TG_MUST_CHECK;

/* ---- pages, metrics, tests */

struct lease_bucket_info {
	bool up, learning, asserted, unsaved, under_way;
	struct str run_id, epoch, awaited;
	enum lease_status status; /* of the last answer */
	unsigned leases;
};
void lease_bucket_look(
	const struct lease_member *m, unsigned bucket, struct lease_bucket_info *out);

struct lease_info {
	struct quota_account *account;
	unsigned bucket;
	int64_t g, s_told, sum_g, sum_s, limit, want;
	bool synced;          /* in the present epoch */
	bool near;            /* the limit: it asks for what it needs alone */
	bool recalled, stale; /* stale: not synced for `revalidate` */
};
void lease_look(const struct lease *l, struct lease_info *out);
/* The lease after l, in no order; NULL to begin, NULL at the end. */
struct lease *lease_next(const struct lease_member *m, const struct lease *l);

/* How often what happened, ever. */
struct lease_counts {
#define X(name, help) uint64_t name;
#include "quota/tbl/lease_counts.h"
#undef X
};
const struct lease_counts *lease_counts(const struct lease_member *m);

#endif
