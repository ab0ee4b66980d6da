/*
 * quotasync_replicas.c: `redis.wait_replicas`: what was granted is used when so many replicas have
 * it, so that one that is promoted knows of all that may be spent. Control thread.
 *
 *	answers that grant --> held, by node --> WAIT, one at a time --> lease_reply
 *
 * WAIT counts the replicas that have all that its connection had done before; so one is for all
 * answers that came until it was sent, and those that come meanwhile are for the next one. Too few:
 * the answer says that it is not safe, and nothing of it is used (lease.h).
 */
#include <stdio.h>
#include <stdlib.h>

#include "quotasync_int.h"

#define AWAITED_MAX 256 /* bytes that a lease keeps of it */

struct held {
	struct held *next;
	struct sync_call call;
	struct lease_answer answer;
	char epoch[LEASE_EPOCH_MAX], awaited[AWAITED_MAX];
};

struct sync_node { /* the user's word on a node */
	struct sync_node *next;
	struct redis_node *node;
	bool ready;                /* its script is loaded */
	struct held *held, *asked; /* asked: of the WAIT under way */
};

static struct sync_node *of(struct redis_node *n)
{
	struct sync_node *s = redis_node_user(n);

	if (s != NULL)
		return s;
	s = calloc(1, sizeof *s);
	tg_assert(s != NULL);
	s->node = n;
	s->next = qs.nodes;
	qs.nodes = s;
	redis_node_set_user(n, s);
	return s;
}

static void drop(struct held **list)
{
	struct held *h;

	while ((h = *list) != NULL) {
		*list = h->next;
		free(h);
	}
}

bool sync_replicas_ready(const struct redis_node *n)
{
	const struct sync_node *s = redis_node_user(n);

	return s != NULL && s->ready;
}

void sync_replicas_up(struct redis_node *n)
{
	of(n)->ready = true;
}

void sync_replicas_down(struct redis_node *n)
{
	struct sync_node *s = of(n);

	s->ready = false;
	drop(&s->held);
	drop(&s->asked);
}

void sync_replicas_close(void)
{
	struct sync_node *s;

	while ((s = qs.nodes) != NULL) {
		qs.nodes = s->next;
		drop(&s->held);
		drop(&s->asked);
		free(s);
	}
}

static void ask(struct sync_node *s);

static void on_waited(const struct redis_value *reply, const char *why, void *arg)
{
	struct sync_node *s = arg;
	int64_t replicas = 0;
	struct held *h;

	(void)why; /* on_down drops what is held */
	if (reply == NULL)
		return;
	if (redis_value_i64(reply, &replicas) != 0)
		replicas = 0; /* it may not be asked: nobody knows */
	while ((h = s->asked) != NULL) {
		s->asked = h->next;
		h->answer.unsafe = replicas < qs.cfg.wait_replicas;
		qs.stats.unreplicated += h->answer.unsafe;
		sync_redis_answer(&h->call, &h->answer);
		free(h);
	}
	ask(s);
}

static void ask(struct sync_node *s)
{
	char n[24], ms[24];
	struct str argv[3] = { STR("WAIT") };

	if (s->held == NULL || s->asked != NULL || !s->ready)
		return;
	argv[1] = str_mk(n, (size_t)snprintf(n, sizeof n, "%lld", (long long)qs.cfg.wait_replicas));
	argv[2] = str_mk(ms, (size_t)snprintf(ms, sizeof ms, "%lld",
				     (long long)TG_MAX(qs.cfg.timeout_us / 4000, 1)));
	s->asked = s->held;
	s->held = NULL;
	if (redis_node_call(s->node, argv, TG_ARRAY_LEN(argv), 0, on_waited, s) != 0)
		redis_node_drop(s->node, "WAIT cannot be sent");
}

static struct str copy(struct str s, char *to, size_t cap)
{
	size_t n = TG_MIN(s.n, cap);

	if (n > 0)
		memcpy(to, s.p, n);
	return str_mk(to, n);
}

void sync_replicas_hold(
	struct redis_node *n, const struct sync_call *call, const struct lease_answer *answer)
{
	struct sync_node *s = of(n);
	struct held *h = malloc(sizeof *h);

	tg_assert(h != NULL);
	h->call = *call;
	h->answer = *answer;
	h->answer.epoch = copy(answer->epoch, h->epoch, sizeof h->epoch);
	h->answer.awaited = copy(answer->awaited, h->awaited, sizeof h->awaited);
	h->next = s->held;
	s->held = h;
	ask(s);
}
