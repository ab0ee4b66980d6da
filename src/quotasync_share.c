/*
 * quotasync_share.c: rates, numbers at a time and rolling windows, whose shares members agree on
 * once a second (quota/share.h): which accounts there are, their calls, the answers. Control
 * thread.
 *
 *	sync_share_follow   accounts of the plan, by name; their limits
 *	sync_share_turn     tgq_share_v1 for all of them, SHARE_GROUPS calls or more
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/map.h"
#include "base/num.h"
#include "quota/share.h"
#include "quotasync_int.h"

#define SHARE_GROUPS  8 /* hash tags: what is in one is in one place of a cluster */
#define SHARE_CALL    64
#define SHARE_MAX     4096 /* accounts; others keep their even part */
#define SHARE_EACH_US 1000000
#define KEY_BYTES     1024
#define HEAD_ARGS     5
#define ITEM_ARGS     4

struct sync_share {
	struct sync_share *next;
	struct share share;
	unsigned group;
	bool in_call, stated;
};

struct share_call {
	unsigned n;
	mono_us sent;
	struct sync_share *v[SHARE_CALL];
};

static struct quota_time time_now(void)
{
	return (struct quota_time){ clock_wall(), clock_mono() };
}

/* ---- which */

static void add(struct quota_account *a, int64_t limit, int64_t even)
{
	struct sync_share *s = calloc(1, sizeof *s);

	tg_assert(s != NULL);
	share_begin(&s->share, a, limit, even);
	s->group = digest_crc32c(0, a->name.p, a->name.n) % SHARE_GROUPS;
	s->stated = true;
	s->next = qs.shares;
	qs.shares = s;
	qs.n_shares++;
}

/* All that are not stated any more, and that no answer comes for. */
static void sweep(void)
{
	struct sync_share **at = &qs.shares, *s;

	while ((s = *at) != NULL) {
		if (s->stated || s->in_call) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		qs.n_shares--;
		share_end(&s->share, time_now());
		free(s);
	}
}

void sync_share_follow(const struct tg_conf *c)
{
	struct map known;

	map_init(&known);
	for (struct sync_share *s = qs.shares; s != NULL; s = s->next) {
		s->stated = false;
		(void)map_put(&known, s->share.account->name, s);
	}
	for (unsigned i = 0; i < c->quota.n_slots && c->cfg.redis.members.n > 1; i++) {
		const struct quota_slot *slot = &c->quota.slots[i];
		struct quota_account *a = atomic_load(&slot->now);
		int64_t limit = TG_MAX(atomic_load(&slot->whole) - slot->kept, 0);
		struct sync_share *s;

		if (a == NULL || quota_slot_has_period(slot))
			continue;
		s = map_get(&known, a->name);
		if (s != NULL) {
			s->stated = true;
			share_limit(&s->share, limit, slot->amount, time_now());
		} else if (qs.n_shares < SHARE_MAX && limit <= LEASE_LIMIT_MAX) {
			add(a, limit, slot->amount);
		}
	}
	map_fini(&known);
	sweep();
}

void sync_share_close(void)
{
	for (struct sync_share *s = qs.shares; s != NULL; s = s->next)
		s->stated = s->in_call = false;
	sweep();
}

/* ---- calls */

static void on_shares(const struct redis_value *reply, const char *why, void *arg)
{
	struct share_call *call = arg;
	struct quota_time now = time_now();
	int64_t share, time_ms;

	(void)why;
	if (reply != NULL && redis_value_i64(redis_value_at(reply, 0), &time_ms) == 0) {
		qs.share_time_ms = time_ms;
		qs.share_time_at = now.mono;
	}
	for (unsigned i = 0; i < call->n; i++) {
		struct sync_share *s = call->v[i];

		s->in_call = false;
		if (reply != NULL && reply->n_items == call->n + 1 &&
			redis_value_i64(redis_value_at(reply, i + 1), &share) == 0 && share >= 0)
			share_answer(&s->share, share, call->sent, now);
	}
	if (reply != NULL && reply->kind != REDIS_ARRAY)
		qs.stats.failures++;
	free(call);
}

/* Keys and arguments of a call; texts that do not last are in its arena. */
struct share_args {
	struct arena arena;
	struct str key[SHARE_CALL], arg[HEAD_ARGS + ITEM_ARGS * SHARE_CALL];
	unsigned n_args;
};

static void put_number(struct share_args *a, uint64_t v)
{
	char text[NUM_U64_MAX_LEN];

	a->arg[a->n_args++] = arena_dup(&a->arena, str_mk(text, num_put_u64(text, v)));
}

static struct str key_of(struct share_args *a, const struct sync_share *s)
{
	char text[KEY_BYTES];
	int n = snprintf(text, sizeof text, "%.*s{s%u}:r:%.*s", STR_FMT(qs.cfg.prefix), s->group,
		STR_FMT(s->share.account->name));

	tg_assert(n > 0 && (size_t)n < sizeof text);
	return arena_dup(&a->arena, str_mk(text, (size_t)n));
}

static void put_head(struct share_args *a, const struct redis_node *n)
{
	a->arg[a->n_args++] = qs.conf->cfg.member;
	a->arg[a->n_args++] = str_z(redis_node_server(n)->run_id);
	a->arg[a->n_args++] = lease_members(qs.member);
	put_number(a, (uint64_t)qs.state.incarnation << 32 | ++qs.share_seq);
	/* when this is sent by the server's clock, as far as that is known */
	put_number(a, qs.share_time_ms > 0
			      ? (uint64_t)(qs.share_time_ms +
					   mono_since(clock_mono(), qs.share_time_at) / 1000)
			      : 0);
}

static void put_share(
	struct share_args *a, struct share_call *call, struct sync_share *s, struct quota_time now)
{
	int64_t use, demand;

	bool alone = share_call(&s->share, now, &use, &demand);

	a->key[call->n] = key_of(a, s);
	put_number(a, (uint64_t)s->share.limit);
	put_number(a, (uint64_t)TG_MIN(use, LEASE_AMOUNT_MAX));
	put_number(a, (uint64_t)TG_MIN(demand, LEASE_AMOUNT_MAX));
	a->arg[a->n_args++] = alone ? STR("e") : STR("");
	call->v[call->n++] = s;
	s->in_call = true;
}

static void not_sent(struct share_call *call)
{
	for (unsigned i = 0; i < call->n; i++)
		call->v[i]->in_call = false;
	free(call);
}

/* Those of a group from `s` on, as many as fit. Returns where to go on. */
static struct sync_share *send_some(struct sync_share *s, unsigned group, struct redis_node *n)
{
	static struct share_args args;
	struct share_call *call = calloc(1, sizeof *call);
	struct quota_time now = time_now();

	tg_assert(call != NULL);
	arena_init(&args.arena, NULL, 0);
	args.n_args = 0;
	call->sent = now.mono;
	put_head(&args, n);
	for (; s != NULL && call->n < SHARE_CALL; s = s->next)
		if (s->group == group && !s->in_call && s->stated)
			put_share(&args, call, s, now);
	qs.stats.syncs += call->n > 0;
	if (call->n == 0 || redis_script_call(qs.script, n, STR("tgq_share_v1"), args.key, call->n,
				    args.arg, args.n_args, 0, on_shares, call) != 0)
		not_sent(call);
	arena_fini(&args.arena);
	return s;
}

void sync_share_turn(mono_us now)
{
	struct quota_time t = time_now();
	char tag[KEY_BYTES];

	if (qs.shares == NULL || mono_since(now, qs.shared_at) < SHARE_EACH_US)
		return;
	qs.shared_at = now;
	for (struct sync_share *s = qs.shares; s != NULL; s = s->next)
		share_tick(&s->share, t);
	for (unsigned i = 0; qs.redis != NULL && i < SHARE_GROUPS; i++) {
		int len = snprintf(tag, sizeof tag, "%.*s{s%u}:r", STR_FMT(qs.cfg.prefix), i);
		struct redis_node *n = redis_node_of(qs.redis, str_mk(tag, (size_t)len));
		struct sync_share *s = qs.shares;

		if (n == NULL || !sync_replicas_ready(n) || redis_node_server(n) == NULL)
			continue;
		while (s != NULL)
			s = send_some(s, i, n);
	}
}
