/*
 * account.h: one account: what a limit allows, what requests in work hold of it, what is spent.
 * Atomics alone: any thread may call anything here but quota_account_init and _fini, at any time,
 * without a lock, without memory, without a clock (time is an argument). The rules are those of
 * docs/internals/quota.md.
 *
 *	stock, gauge:  settled s <= committed c = s + held;  a hold is let in when c <= granted g
 *	rolling:       a ring of stock accounts (window.h), let in when the sum of their c is <= g
 *	rate:          GCRA: the theoretical arrival time moves on by what is taken
 *
 * c is raised before it is compared: two holds may refuse each other where one would have had
 * room, but never do both get in. So Σ settled + Σ held <= g <= L at every instant, except for what
 * `over` counts: settlements of more than was held.
 *
 * Amounts are nano-USD or numbers, from 0 to QUOTA_AMOUNT_MAX. Whoever calls holds a reference:
 * an account is a loan from a table (table.h).
 *
 * A stock may be leased: its limit is shared with other processes, and g is what this one was
 * granted (lease.h). Then the control thread moves g, and workers tell it what they need: through
 * a stack of accounts that want its attention.
 */
#ifndef TG_QUOTA_ACCOUNT_H
#define TG_QUOTA_ACCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/str.h"
#include "quota/limit.h"

enum quota_result {
	QUOTA_OK,
	QUOTA_LACKS,    /* a stock is used up, until quota_account_opens */
	QUOTA_TOO_FAST, /* a rate, until quota_account_opens */
	QUOTA_BUSY,     /* a gauge is full, until a request ends */
	QUOTA_NEVER,    /* more than the whole limit or burst: no waiting helps */
	QUOTA_ASK,      /* leased: more may be granted: quota_account_wait, and take it again */
	QUOTA_UNSURE,   /* leased: nobody can say now whether there is more */
};

/* Why QUOTA_UNSURE. */
enum quota_unsure {
	QUOTA_SURE,
#define X(id, word) QUOTA_UNSURE_##id,
#include "quota/tbl/unsure.h"
#undef X
	QUOTA_UNSURE__MAX
};

/* "learning"; not of QUOTA_SURE. */
struct str quota_unsure_word(enum quota_unsure why);

/* Rates go by the monotonic clock, periods by the wall's. */
struct quota_time {
	wall_us wall;
	mono_us mono;
};

struct quota_window;
struct lease;

/* Leased accounts that workers have something to say about. The control thread's; it outlives them.
 */
struct quota_attention {
	_Atomic(struct quota_account *) top;
	void (*wake)(void *arg); /* any thread: there is one after there was none; may be NULL */
	void *arg;
};

/* Why; bits. Set until the control thread has looked into it (quota_account_attended). */
#define QUOTA_ATTEND_WAITS   1u /* requests wait for more */
#define QUOTA_ATTEND_LOW     2u /* g - c is below low_water */
#define QUOTA_ATTEND_SETTLED 4u
#define QUOTA_ATTEND_LISTED  8u /* it is on the stack */

struct quota_account {
	unsigned magic;
#define QUOTA_ACCOUNT_MAGIC 0x716f7461
	enum quota_dim dim;
	enum quota_kind kind;
	uint32_t rate_s; /* of a rate: it allows `granted` in so many seconds */
	struct str name; /* the account's */
	wall_us start, end;
	wall_us leaves;                  /* of a bucket: out of its window; otherwise the end */
	struct quota_window *window;     /* rolling: its ring */
	struct quota_account *next_free; /* the table's */
	uint32_t index;                  /* the table's */

	/* What many threads write; a line of its own. */
	_Alignas(TG_CACHE_LINE) _Atomic uint64_t
		refs; /* low half: references; high half: taken ever */
	_Atomic uint64_t id;
	_Atomic int64_t committed; /* s + held; of a gauge those inside */
	_Atomic int64_t settled;
	_Atomic int64_t granted; /* g: what holds are compared with */
	_Atomic int64_t limit;   /* L */
	_Atomic int64_t over;    /* settled beyond what was held, or than a limit that was cut */
	_Atomic int64_t tat_ns;  /* of a rate, monotonic */

	/* What was asked for since the control thread looked; counted where members share it
	 * (share.h).
	 */
	_Atomic int64_t tried;
	_Atomic bool shared;

	/* Leased alone. Where it has its attention: NULL: it is not leased. */
	_Alignas(TG_CACHE_LINE) _Atomic(struct quota_attention *) attention;
	struct lease *lease; /* the control thread's */
	_Atomic uint32_t attend;
	_Atomic int unsure; /* enum quota_unsure: not SURE: what lacks is QUOTA_UNSURE */
	_Atomic int64_t refused_until_us; /* monotonic: what lacks before is QUOTA_LACKS */
	_Atomic int64_t low_water;        /* 0: none */
	_Atomic int64_t largest; /* hold that was asked for since the control thread looked */
	_Atomic int64_t others;  /* what other processes have settled, as last told */
	_Atomic int64_t waiting; /* sum of the amounts that requests wait for */
	/* While the centre is away (offline.h): what it knew to be ours when it could be asked
	 * last, and what was free; nothing is let in where it has shut us out. */
	_Atomic int64_t offline_base, offline_free;
	_Atomic bool barred;
	struct quota_account *attended; /* the next one on the stack */
};

/* The account's id: 61 bits of the SHA-256 of its name, and 3 of its dimension (the lowest). */
uint64_t quota_account_id(struct str name, enum quota_dim dim);

/*
 * Makes an account of zeroed memory, or of one that quota_account_fini has left. The name is
 * copied. p is the period or bucket of a stock, NULL for all else. A bucket of a rolling limit is a
 * stock without a limit of its own: pass the limit, and p. One reference, the caller's. -1: no
 * memory.
 */
int quota_account_init(struct quota_account *a, struct str name, const struct quota_limit *l,
	const struct period *p) TG_MUST_CHECK;
/* When no thread has a reference. */
void quota_account_fini(struct quota_account *a);

/* A raise at once; a cut below what is committed ends nothing and refuses new ones. Leased: g is
 * left to the lease. */
void quota_account_set_limit(struct quota_account *a, int64_t limit);
/* After a start: what the ledger says was settled. Added to s and c. */
void quota_account_restore(struct quota_account *a, int64_t settled);

/* Control thread: of a limit that members share without asking (share.h), so much is this one's. A
 * rate goes on from where it is: neither a raise nor a cut brings anything at once. */
void quota_account_share(struct quota_account *a, int64_t share, mono_us now);
/* By hand: so much more is settled, or less where it is negative (never below 0). */
void quota_account_adjust(struct quota_account *a, int64_t amount);

/*
 * One more hold of an amount; 0 always gets in. Rolling: *charged is the bucket that is charged,
 * with a reference of its own, and no other call may come without it; otherwise *charged is a.
 */
enum quota_result quota_account_take(struct quota_account *a, int64_t amount, struct quota_time now,
	struct quota_account **charged) TG_MUST_CHECK;
/* What quota_account_take would say now, without a trace. */
enum quota_result quota_account_peek(
	const struct quota_account *a, int64_t amount, struct quota_time now) TG_MUST_CHECK;
/*
 * More for a hold that has `held` there. Rolling: where the bucket was shut since, the whole hold
 * moves to the open one (what is spent now counts from now on), and *charged with it.
 */
enum quota_result quota_account_raise(struct quota_account *a, int64_t held, int64_t more,
	struct quota_time now, struct quota_account **charged) TG_MUST_CHECK;
/*
 * The hold ends: `held` of the charged account is replaced by what it was. actual 0 gives all
 * back. More than held is counted in `over`, and in a rate is a debt that later requests wait for.
 * What a rate gets back is as if it had never been taken, so that a burst can follow at once.
 */
void quota_account_settle(
	struct quota_account *charged, int64_t held, int64_t actual, struct quota_time now);

/* What fits now: 0 or more; a rate's in units. */
int64_t quota_account_headroom(const struct quota_account *a, struct quota_time now);
/* When an amount that was refused may fit at the earliest: the period's end, enough buckets out of
 * the window, the rate refilled. Now for a gauge. INT64_MAX us: never. */
wall_us quota_account_opens(const struct quota_account *a, int64_t amount, struct quota_time now);

/*
 * Worker, after QUOTA_ASK: a request waits for an amount, from now until quota_account_unwait. Take
 * again before that: what is granted for a request that waits is not given back meanwhile.
 */
void quota_account_wait(struct quota_account *a, int64_t amount);
void quota_account_unwait(struct quota_account *a, int64_t amount);

/*
 * Control thread, before workers see it: a stock is leased from now on. g is what is settled,
 * nothing else was granted yet; quota_account_set_limit no longer moves it.
 */
void quota_account_lease(struct quota_account *a, struct quota_attention *attention);
static inline bool quota_account_leased(const struct quota_account *a)
{
	return atomic_load_explicit(&a->attention, memory_order_acquire) != NULL;
}
/* Control thread: what holds are compared with. Below what is committed it ends nothing. */
void quota_account_grant(struct quota_account *a, int64_t granted);
/*
 * Control thread: g becomes `granted`, which is no more than it, if nothing above that is
 * committed. False: a worker was faster, and g is as it was. After true nobody commits more than
 * that: it may be told.
 */
bool quota_account_lower(struct quota_account *a, int64_t granted) TG_MUST_CHECK;
/*
 * Control thread: all that was on the stack, linked by `attended`, the last one first, each with a
 * reference for the caller. Read `attended` before the account is given back or attended to.
 */
struct quota_account *quota_attention_take(struct quota_attention *t) TG_MUST_CHECK;
/* Control thread: looks into `bits` (LISTED once for each that was taken): they are told anew from
 * now on. Returns what was set. */
uint32_t quota_account_attended(struct quota_account *a, uint32_t bits);

/* For those who hold one already. */
void quota_account_get(struct quota_account *a);
/* False: it is being dropped. For memory that is an account, though perhaps no longer the one that
 * was looked for: compare afterwards. */
bool quota_account_try_get(struct quota_account *a) TG_MUST_CHECK;
void quota_account_put(struct quota_account *a);

#endif
