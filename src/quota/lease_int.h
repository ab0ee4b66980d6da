/*
 * lease_int.h: what lease.c, lease_call.c and lease_reply.c share. Not for others.
 */
#ifndef TG_QUOTA_LEASE_INT_H
#define TG_QUOTA_LEASE_INT_H

#include "base/list.h"
#include "quota/lease.h"

#define SECOND_US          INT64_C(1000000)
#define NEVER_US           INT64_MAX

#define LEASE_HEARTBEAT_US SECOND_US        /* every bucket that is up is called so often */
#define LEASE_LEARN_US     (SECOND_US / 4)  /* while it is learning */
#define LEASE_REPORT_US    SECOND_US        /* what was settled is told so late */
#define LEASE_REFUSED_US   (SECOND_US / 4)  /* a refusal is kept */
#define LEASE_HORIZON_S    10               /* want: what is spent in that time */
#define LEASE_LOW_PERCENT  30               /* of want */
#define LEASE_IDLE_US      (5 * SECOND_US)  /* of headroom above 4 * want: it goes back */
#define LEASE_LARGEST_US   (30 * SECOND_US) /* a hold is recent for once or twice that */
#define LEASE_RECALL_NEAR  4 /* near the limit: free below so many holds of each member */
#define LEASE_SWEEP_US     (60 * SECOND_US)
#define LEASE_GRACE_MS     60000 /* the centre's: so early and so late a period is open */
#define LEASE_CLOSED_US    (30 * SECOND_US) /* it is asked so often whether it still is closed */

struct lease_epoch {
	uint64_t number, incarnation, seq;
	struct str member;
};

struct lease_bucket {
	unsigned index;
	struct lease_member *member;
	struct list hot, cold; /* leases that are due at some time, and that are not */
	unsigned n_leases;

	/* the connection */
	bool up;
	char run_id[LEASE_RUN_MAX];
	size_t run_id_n;

	/* what is known of the centre */
	char epoch[LEASE_EPOCH_MAX]; /* the highest that was heard of */
	size_t epoch_n;
	uint64_t serial;          /* counts epochs; leases remember in which they were synced */
	bool unsaved;             /* the epoch is not on the disk: nothing may be sent in it */
	bool learning;            /* as of the last answer */
	bool asserted;            /* in this epoch, as of the last answer */
	enum quota_unsure unsure; /* SURE: may grant now */
	bool barred;              /* we are fenced, or not the newest process of our name */
	enum lease_status status;
	char awaited[256];
	size_t awaited_n;
	int64_t time_ms; /* the centre's clock, */
	mono_us heard;   /* when it was told */

	/* the call under way */
	bool under_way, asserts;
	mono_us sent;
	unsigned n;
	struct lease *item[LEASE_CALL_MAX];

	mono_us call_at;   /* the next one, with or without accounts */
	mono_us due;       /* the earliest of its leases, if not earlier */
	mono_us expire_at; /* the next look for leases that were not synced for too long, */
	mono_us sweep_at;  /* and for those that have nothing to tell any more */
};

struct lease {
	unsigned magic;
#define LEASE_MAGIC 0x6c656173
	struct quota_account *account;
	struct lease_bucket *bucket;
	struct list link, all; /* in the bucket; in the member */
	mono_us due;

	/* the configuration's */
	int64_t limit;
	bool dirty;   /* the centre was not told of the limit */
	bool changed; /* a reload has changed it: a centre that lost something must hear of that */
	bool retired;
	int64_t ps, pe;

	/* the protocol's */
	int64_t g;
	uint64_t serial; /* the bucket's when it was synced last; 0: never */
	mono_us synced;  /* when the last call was sent that was answered */
	int64_t s_told;  /* what the centre has of our s */
	int64_t lim;     /* the limit that it told, or ours where that is lower and not yet told */
	int64_t sum_g, sum_s;
	int64_t recall_until_us;
	bool closed; /* as of the last answer, outside of its period */
	bool stale;  /* not synced for revalidate_us */
	bool in_call, returns;
	bool unheard;     /* a call had no answer: perhaps it was carried out */
	uint32_t counter; /* of its calls; one for all accounts would be used up in weeks */
	uint64_t op_seq;
	int64_t call_s, call_g, call_need, call_limit;

	/* how much it wants */
	bool near; /* the limit */
	int64_t want, low;
	mono_us low_from;   /* below low water it asks no earlier */
	int64_t largest[2]; /* hold: since rotated, and in the time before */
	mono_us rotated;
	int64_t rate; /* settled in a second */
	int64_t rate_s;
	mono_us rate_at;
	mono_us idle_since; /* more headroom than 4 * want; NEVER_US: not */
};

struct lease_member {
	unsigned magic;
#define LEASE_MEMBER_MAGIC 0x6c6d656d
	struct quota_attention attention;
	char *name, *instance, *members; /* members: in byte order, with commas */
	unsigned n_members;
	uint64_t incarnation;
	uint32_t counter; /* of op seqs: above it are all of leases that come */
	int64_t version;
	int64_t revalidate_us;
	unsigned call_max; /* accounts of a call: LEASE_CALL_MAX; tests have less */
	struct list all;
	struct lease_counts counts;
	struct lease_bucket bucket[LEASE_BUCKETS];
};

/* -1: it is none. */
int lease_epoch_parse(struct str text, struct lease_epoch *out) TG_MUST_CHECK;
/* Is a above b? */
bool lease_epoch_above(const struct lease_epoch *a, const struct lease_epoch *b);
/* Sets it, unsaved or not: everything synced so far was in another one. */
void lease_bucket_set_epoch(struct lease_bucket *b, struct str text, bool unsaved, mono_us now);
/* Whether what lacks may be asked for, or why not: tells the accounts. */
void lease_bucket_set_unsure(struct lease_bucket *b, enum quota_unsure why);
static inline bool lease_bucket_sure(const struct lease_bucket *b)
{
	return b->unsure == QUOTA_SURE;
}
/* The account's: its bucket's, or that it is closed. */
void lease_tell_unsure(struct lease *l);
/* Whether anything is let in at all. */
void lease_bucket_set_barred(struct lease_bucket *b, bool barred);

/*
 * What holds when the centre goes away after this (offline.h), and what was free. Not while it
 * learns: what is let in meanwhile is told to it, and would be let in anew by every answer. Where
 * all together have more than the limit, that comes off: so it adds up to one allowance.
 */
void lease_offline_note(struct lease *l, int64_t free);
/* The account's granted: what g, limit and bars let in. */
void lease_bound(struct lease *l);
/* Is there anything that the centre must know before this member asserts? */
bool lease_owes(const struct lease *l);
/* g is at least s: what was settled beyond it, or restored after it was leased, is spent. */
void lease_cover(struct lease *l);
/* Works out when it is due, and moves it to the list where it belongs. */
void lease_judge(struct lease *l, mono_us now);
/* It is to be returned down to that much: below g; g: nothing. */
int64_t lease_excess(const struct lease *l, mono_us now);
/* Beyond g, what requests that wait need. */
int64_t lease_need(const struct lease *l);
/* New figures for want and low water. */
void lease_size(struct lease *l, mono_us now);
/* Gives up the lease of an account that has nothing to tell any more. */
void lease_end(struct lease *l);

#endif
