/*
 * quotasync_int.h: what quotasync*.c share. Not for others.
 */
#ifndef TG_QUOTASYNC_INT_H
#define TG_QUOTASYNC_INT_H

#include "quota/lease.h"
#include "quotastate.h"
#include "quotasync.h"
#include "redis/redis.h"
#include "redis/redis_script.h"

_Static_assert(QUOTASTATE_BUCKETS == LEASE_BUCKETS, "an epoch of each");

struct sync_bucket {
	struct redis_node *node; /* that it is up on; NULL: down */
	uint64_t generation;     /* the node's connection */
	uint64_t serial;         /* of the call under way; others' replies are void */
	bool unsaved;            /* its epoch */
};

struct sync_call { /* one that was sent */
	unsigned bucket, n;
	uint64_t serial;
	mono_us sent;
};

struct sync_node; /* quotasync_replicas.c: one of each node */

struct sync_mail { /* "there is news of grants", to a worker; one under way at most */
	struct mail mail;
	_Atomic bool under_way;
	struct worker *w;
};

struct quotasync {
	struct event_base *base;
	struct resolver *resolver;
	struct worker *workers;
	unsigned n_workers;
	struct sync_mail *mails;
	struct mailbox box; /* from workers: something is asked for */
	struct event *turn; /* once a turn of the loop, after all that came */
	struct event *timer;
	const struct tg_conf *conf;
	struct quotastate state;
	struct lease_member *member;
	struct quota_stats stats;
	mono_us followed; /* when limits were looked at */
	bool news;        /* for requests that wait */
	bool started, stopping;
	/* quotasync_redis.c */
	struct redis *redis;
	struct redis_script *script;
	SSL_CTX *tls;
	struct cfg_redis cfg; /* that the client was made from; texts are its own */
	struct arena arena;   /* theirs */
	struct sync_node *nodes;
	struct sync_share *shares;
	unsigned n_shares;
	uint32_t share_seq;
	mono_us shared_at, share_time_at;
	int64_t share_time_ms; /* the server's clock at share_time_at; 0: not known */
	struct sync_bucket bucket[LEASE_BUCKETS];
	uint64_t serial;
	/* quotasync_say.c: what the log has said */
	struct sync_said {
		bool up, learning;
		bool disk; /* it takes nothing */
		char why[256];
		enum lease_status status;
		mono_us down_since;
	} said;
};

extern struct quotasync qs;

static inline bool quotasync_is_on(void)
{
	return qs.member != NULL;
}

/* Something came: look at what is due at the end of this turn. */
void sync_later(void);

/* ---- quotasync_redis.c */
int sync_redis_check(const struct config *c, char *err, size_t err_len) TG_MUST_CHECK;
/* The client of the configuration, in place of the one before. -1: that one stays. */
int sync_redis_open(const struct tg_conf *c, char *err, size_t err_len) TG_MUST_CHECK;
void sync_redis_close(void);
/* Does c want another client than there is? */
bool sync_redis_differs(const struct cfg_redis *c);
void sync_redis_send(const struct lease_call *call);

/* What came of a call, now that it may be used; of one that is void by now nothing. */
void sync_redis_answer(const struct sync_call *call, const struct lease_answer *answer);

/* ---- quotasync_replicas.c */
/* A node's script is loaded; its connection is gone, or new; all nodes are. */
void sync_replicas_up(struct redis_node *n);
void sync_replicas_down(struct redis_node *n);
void sync_replicas_close(void);
bool sync_replicas_ready(const struct redis_node *n);
/* The answer is handed on (sync_redis_answer) when enough replicas have what it tells, or not. */
void sync_replicas_hold(
	struct redis_node *n, const struct sync_call *call, const struct lease_answer *answer);

/* ---- quotasync_share.c */
/* Accounts that members share without asking, as the plan has them now. */
void sync_share_follow(const struct tg_conf *c);
/* Once a second: tells what they use, hears what they may. */
void sync_share_turn(mono_us now);
void sync_share_close(void);

/* ---- quotasync_targets.c */
/* Once a second: what was learned of targets, to the other members and from them. */
void sync_targets_turn(mono_us now);
/* The plan that holds from now on; the one before goes. */
void sync_targets_follow(const struct tg_conf *c);
void sync_targets_close(void);

/* ---- quotasync_say.c */
/* Changes go to the log, figures to stats. */
void sync_say(mono_us now);

#endif
