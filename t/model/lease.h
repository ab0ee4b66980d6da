/*
 * lease.h: the lease protocol between two members and a Redis that may be replaced by an older copy
 * of itself. The state, the rules that can be switched, and what its three files share: lease.c
 * (the world: faults, invariants), lease_member.c (a member's steps), lease_redis.c (what the Redis
 * functions do). Plain data; any thread.
 */
#ifndef TG_MODEL_LEASE_H
#define TG_MODEL_LEASE_H

#include "model/search.h"

enum {
	MEMBERS = 2,
	SERVERS = 2,
	ACCOUNTS = 2,
	OPS = 1, /* late requests of one member at a time */
	EPOCH_FIELDS = 32
};

/*
 * Rules, a bit each. First the environment, what may happen: crashes, any number; an empty Redis at
 * the start (else an open bucket that both have asserted); server B, a copy of A as of any earlier
 * moment, takes over once; and A lives on; FLUSHALL, once, which leaves connections and run_id; a
 * request is carried out twice; a request of each member is late; a power cut takes settles along
 * that every Redis has heard of.
 */
#define LEASE_CRASH    0x1ull
#define LEASE_COLD     0x2ull
#define LEASE_FAILOVER 0x4ull
#define LEASE_SPLIT    0x8ull
#define LEASE_FLUSH    0x10ull
#define LEASE_DUP      0x20ull
#define LEASE_LATE     0x40ull
#define LEASE_CUT      0x80ull
/*
 * The protocol. LEARN: a changed incarnation grants nothing until all members have asserted. WAIT:
 * a grant is usable once the copy has it. RETURN: members give headroom back. EPOCH: what is known
 * belongs to an epoch of the bucket, not to a run_id (quota-model.md). GUARD: a sync that a later
 * request has overtaken does not touch g. PRUNE: an open bucket takes a g that its member did not
 * sync since as what it had spent. INCARNATION: nothing of g is in the journal, after a crash it is
 * s; a bucket keeps the highest incarnation of each member and refuses what is older.
 */
#define LEASE_LEARN       0x100ull
#define LEASE_WAIT        0x200ull
#define LEASE_RETURN      0x400ull
#define LEASE_EPOCH       0x800ull
#define LEASE_GUARD       0x1000ull
#define LEASE_PRUNE       0x2000ull
#define LEASE_INCARNATION 0x4000ull
/*
 * Safety rules switched off; table.c says in words what each is. What is unsaved is not in the
 * journal when it is needed.
 */
#define LEASE_M_CRASH_ZERO     0x10000ull
#define LEASE_M_RECLAIM        0x20000ull
#define LEASE_M_TTL            0x40000ull
#define LEASE_M_LATE_REPLY     0x80000ull
#define LEASE_M_RETURN_EARLY   0x100000ull
#define LEASE_M_RETURN_NO_SEQ  0x200000ull
#define LEASE_M_MAX_MERGE      0x400000ull
#define LEASE_M_ASSERT_SOME    0x800000ull
#define LEASE_M_MISSING_FRESH  0x1000000ull
#define LEASE_M_RETURN_OVERLAP 0x2000000ull
#define LEASE_M_RETURN_UNSAVED 0x4000000ull
#define LEASE_M_HOLD_UNSAVED   0x8000000ull
#define LEASE_M_GRANT_UNSAVED  0x10000000ull
#define LEASE_M_MARK_UNSAVED   0x20000000ull
#define LEASE_M_WAIT_ONE       0x40000000ull
#define LEASE_M_SYNC_NO_EPOCH  0x80000000ull
/*
 * What is looked at: money alone (I4) in place of I2, I3, I4, I11 and I14; or G <= L of an open
 * bucket (I1) besides. REPORT: S is kept in Redis, for traces and for what reads it. It decides
 * nothing else: s <= g, so max(g, s) is g.
 */
#define LEASE_MONEY_ONLY 0x100000000ull
#define LEASE_BOOKS      0x200000000ull
#define LEASE_REPORT     0x400000000ull
/* More rules switched off. */
#define LEASE_M_INCARNATION_OFF 0x800000000ull
#define LEASE_M_KEEP_S          0x1000000000ull
#define LEASE_M_PRUNE_ZERO      0x2000000000ull

enum lease_op_kind { OP_NONE, OP_SYNC, OP_RETURN, OP_ASSERT };

/*
 * A request. It is either carried out as it is sent, or it is late: its connection is closed before
 * it arrives. (A request that is slow on a living connection finds what one sent later would find:
 * while it is under way the member's g stays as it is.) The order of late ones in the array is that
 * of the op seq.
 */
struct lease_op {
	uint8_t kind, account;
	uint8_t server; /* that it was sent to */
	uint8_t stale;  /* op seq <= q: the server has carried out a later one (or this one already)
			 */
	uint8_t older;  /* of an earlier incarnation than the member is now */
	uint8_t barred; /* ... and the server has seen a later one */
	uint8_t want, g, s, epoch, mark;
};

struct lease_reply {
	uint8_t kind; /* of the request; OP_NONE: no reply under way */
	uint8_t g, learning, epoch;
	uint8_t merged; /* a sync of this epoch, which was carried out; else it only tells the epoch
			 */
	uint8_t acked;  /* the copy has what it says */
	uint8_t s;      /* where settles can get lost: what the server has of them */
};

struct lease_member {
	uint8_t conn;     /* server + 1; to one that is gone: not connected */
	uint8_t synced;   /* accounts (bits) synced since connecting, or in this epoch */
	uint8_t asserted; /* to this connection, or in this epoch */
	uint8_t learning; /* as the last reply said */
	uint8_t swapped;  /* of two replies under way the second account's comes first */
	uint8_t epoch;    /* that `synced` is about, 0: not known */
	uint8_t mark;     /* journaled: the highest epoch that it has heard of */
	uint8_t g[ACCOUNTS], s[ACCOUNTS], h[ACCOUNTS];
	uint8_t unsaved[ACCOUNTS]; /* LEASE_M_RETURN_UNSAVED: what the journal has of g above g */
	struct lease_op op[OPS];
	struct lease_reply reply[ACCOUNTS];
};

/* The bucket key and the accounts' keys of one Redis. */
struct lease_server {
	uint8_t alive;
	uint8_t run; /* of the bucket key: server + 1 whose run_id it has; 0: there is no key */
	uint8_t learning, epoch;
	uint8_t asserted; /* members (bits) */
	uint8_t synced[ACCOUNTS];
	uint8_t g[ACCOUNTS][MEMBERS], s[ACCOUNTS][MEMBERS];
};

struct lease {
	struct lease_member member[MEMBERS];
	struct lease_server server[SERVERS]; /* B is the copy until it is alive */
	uint8_t copied, promoted, flushed;
	uint8_t unsaid[ACCOUNTS]; /* billed by the provider, and in nobody's s or h */
};

enum lease_step {
	STEP_CONNECT,
	STEP_SEND, /* arg: how * 8 + kind * 2 + account */
	STEP_REPLY,
	STEP_HOLD,
	STEP_SETTLE,
	STEP_SETTLE_ZERO,
	STEP_CRASH,
	STEP_CUT,
	STEP_ARRIVE,
	STEP_LOSE,
	STEP_REPLICATE,
	STEP_PROMOTE,
	STEP_FLUSH,
	STEP_RECLAIM,
	STEP_TTL
};

/* How a request fares. */
enum lease_fate {
	FATE_SERVED,
	FATE_TWICE, /* and once more later */
	FATE_LATE
};

extern const struct model lease_model;

/* lease_member.c: everything that member m may do next. */
void lease_member_next(
	const struct variant *v, const struct lease *at, uint8_t m, struct search *search);
/* Takes op number i out of the member's list. */
void lease_op_remove(struct lease_member *member, uint8_t i);

/* What member m would send; false when it has nothing of this kind to send. */
bool lease_request(const struct variant *v, const struct lease *l, uint8_t m, uint8_t kind,
	uint8_t a, struct lease_op *op);

/*
 * lease_redis.c: the server gets a request of member m; the reply goes to it unless late. False
 * when it was not carried out: q stays what it is.
 */
bool lease_serve(
	const struct variant *v, struct lease *l, uint8_t m, const struct lease_op *op, bool late);
/* The requests [0, n) of member m were sent before one that its server has now got and, if `done`,
 * carried out. */
void lease_overtaken(struct lease_member *member, uint8_t n, const struct lease_op *by, bool done);

/* lease_same.c: of the states that differ by names alone (which member, account, epoch) the one
 * that stands for all. */
void lease_canonical(const struct variant *v, void *state);
/* Where the state has epochs: at most EPOCH_FIELDS pointers into it. Returns how many. */
uint8_t lease_epoch_fields(struct lease *l, uint8_t **fields);

/* lease_say.c: a step and a state in words. */
void lease_say_step(
	const struct variant *v, const void *from, struct model_step step, char *text, size_t size);
void lease_say_state(const struct variant *v, const void *state, char *text, size_t size);

#endif
