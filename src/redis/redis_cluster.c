/*
 * redis_cluster.c: who serves which slot? CLUSTER SLOTS, asked of any primary that is up, otherwise
 * of the nodes that the configuration names: at the start, after MOVED and lost connections, and
 * every half a minute. Every primary that has slots is connected to.
 *
 *	r->slots[redis_slot(key)] -> redis_node
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "redis/redis_int.h"
#include "redis/redis_slot.h"

#define LOOK_EVERY_US 30000000
#define HOPS_MAX      5u

/* ---- asking */

static void on_slots(const struct redis_value *v, const char *lost, void *arg)
{
	struct redis_node *n = arg;
	struct redis *r = n->client;
	const char *why = lost;

	r->asking = false;
	if (v == NULL || redis_cluster_take(r, v, &n->target, &why) != 0)
		redis_cluster_failed(r, why);
}

/* One that is up, another one each time. */
static struct redis_node *anyone(struct redis *r)
{
	struct redis_node *n = redis_node_next(r, NULL);

	if (n == NULL)
		return NULL;
	list_del(&n->node);
	list_push_back(&r->nodes, &n->node);
	return n;
}

void redis_cluster_look(struct redis *r)
{
	static const struct str argv[] = { { "CLUSTER", 7 }, { "SLOTS", 5 } };
	struct redis_node *n = anyone(r);

	if (r->asking || r->probe.busy)
		return;
	r->looked_us = clock_mono().us;
	if (n != NULL && redis_node_call(n, argv, 2, r->env.connect_timeout_us, on_slots, n) == 0)
		r->asking = true;
	else
		redis_probe_start(r, argv, 2);
}

void redis_cluster_failed(struct redis *r, const char *why)
{
	if (strcmp(r->look_logged, why) != 0)
		log_warn("redis cluster does not say who serves what", "reason=\"%s\"", why);
	snprintf(r->look_logged, sizeof r->look_logged, "%s", why);
	redis_look_in(r, redis_wait_us(r, ++r->looks_failed));
}

/* ---- the answer */

static struct redis_node *node_find(struct redis *r, const struct redis_url *u, bool used)
{
	list_foreach (it, &r->nodes) {
		struct redis_node *n = list_entry(it, struct redis_node, node);

		if (n->used == used && redis_url_same(&n->target, u))
			return n;
	}
	return NULL;
}

/* The node at this address, made when there is none; NULL: there are too many. */
static struct redis_node *node_get(struct redis *r, const struct redis_url *u)
{
	struct redis_node *n = node_find(r, u, true), *idle = NULL;
	unsigned count = 0;

	if (n != NULL)
		return n;
	n = node_find(r, u, false); /* one that has been here before is the same to the user */
	list_foreach (it, &r->nodes) {
		struct redis_node *other = list_entry(it, struct redis_node, node);

		count++;
		if (!other->used)
			idle = other;
	}
	if (n == NULL)
		n = idle;
	if (n == NULL && count >= REDIS_NODES_MAX)
		return NULL;
	if (n == NULL)
		n = redis_node_new(r);
	redis_node_use(n, u);
	return n;
}

struct range {
	unsigned from, to;
	struct redis_url u;
};

/* [ from, to, [ host, port, ... ], replicas... ] */
static int parse_range(const struct redis *r, const struct redis_value *v,
	const struct redis_url *asked, struct range *out)
{
	const struct redis_value *at = redis_value_at(v, 2), *host = redis_value_at(at, 0);
	struct str name = host->kind == REDIS_STRING ? host->text : STR_NONE;
	int64_t from, to, port;

	if (redis_value_i64(redis_value_at(v, 0), &from) != 0 ||
		redis_value_i64(redis_value_at(v, 1), &to) != 0 ||
		redis_value_i64(redis_value_at(at, 1), &port) != 0 || from < 0 || from > to ||
		to >= REDIS_SLOTS || port < 0)
		return -1;
	out->from = (unsigned)from;
	out->to = (unsigned)to;
	out->u = (struct redis_url){ .tls = asked->tls };
	redis_set_login(r, &out->u);
	/* A node that does not know its own address says none: it is the one we asked. */
	if (name.n == 0 || str_eq(name, STR("?")))
		name = str_z(asked->host);
	return redis_url_set_host(&out->u, name, (uint64_t)port);
}

/* All of it is looked at before anything is changed. */
static int check_answer(const struct redis *r, const struct redis_value *v,
	const struct redis_url *from, const char **why)
{
	static char text[160];
	struct range range;

	if (v->kind == REDIS_ERROR) {
		snprintf(text, sizeof text, "%.*s", (int)TG_MIN(v->text.n, (size_t)140), v->text.p);
		*why = text;
		return -1;
	}
	*why = "the cluster has no slots yet";
	if (v->kind != REDIS_ARRAY || v->n_items == 0)
		return -1;
	*why = "the answer to CLUSTER SLOTS is none";
	for (size_t i = 0; i < v->n_items; i++)
		if (parse_range(r, &v->items[i], from, &range) != 0)
			return -1;
	return 0;
}

static bool slots_fill(struct redis *r, const struct range *range, struct redis_node *n)
{
	bool changed = false;

	for (unsigned s = range->from; s <= range->to; s++) {
		changed |= r->slots[s] != n;
		r->slots[s] = n;
	}
	return changed;
}

static void retire_unmarked(struct redis *r)
{
	for (unsigned s = 0; s < REDIS_SLOTS; s++)
		if (r->slots[s] != NULL && !r->slots[s]->marked)
			r->slots[s] = NULL;
	list_foreach_safe (it, next, &r->nodes) {
		struct redis_node *n = list_entry(it, struct redis_node, node);

		if (n->used && !n->marked)
			redis_node_retire(n, "it serves no slots any more");
	}
}

/* Is there somebody for every slot, and everybody up? */
static bool is_complete(const struct redis *r)
{
	for (unsigned s = 0; s < REDIS_SLOTS; s++)
		if (r->slots[s] == NULL || !r->slots[s]->up)
			return false;
	return true;
}

int redis_cluster_take(struct redis *r, const struct redis_value *v, const struct redis_url *from,
	const char **why)
{
	bool changed = false;
	struct range range;

	if (check_answer(r, v, from, why) != 0)
		return -1;
	list_foreach (it, &r->nodes)
		list_entry(it, struct redis_node, node)->marked = false;
	for (size_t i = 0; i < v->n_items; i++) {
		struct redis_node *n;

		tg_assert(parse_range(r, &v->items[i], from, &range) == 0);
		n = node_get(r, &range.u);
		if (n == NULL)
			continue; /* its slots stay with whoever has them: MOVED says so */
		n->marked = true;
		changed |= slots_fill(r, &range, n);
	}
	retire_unmarked(r);
	r->look_logged[0] = '\0';
	r->looks_failed = is_complete(r) ? 0 : r->looks_failed + 1;
	redis_look_in(r, r->looks_failed == 0 ? LOOK_EVERY_US : redis_wait_us(r, r->looks_failed));
	if (changed && r->events.on_moved != NULL) {
		r->env.depth++;
		r->events.on_moved(r, r->arg);
		r->env.depth--;
	}
	return 0;
}

/* ---- MOVED and ASK */

/* Where the error sends us: a node that is in use, made when need be. NULL: nowhere. */
static struct redis_node *redirect_to(
	struct redis *r, const struct redis_url *from, struct str text, unsigned *slot)
{
	struct redis_url u = { .tls = from->tls };
	struct str host;
	uint16_t port;

	if (redis_redirect_parse(text, slot, &host, &port) != 0)
		return NULL;
	redis_set_login(r, &u);
	if (redis_url_set_host(&u, host.n > 0 ? host : str_z(from->host), port) != 0)
		return NULL;
	return node_get(r, &u);
}

void redis_cluster_on_error(struct redis_node *n, const struct redis_value *v)
{
	struct redis *r = n->client;
	struct redis_node *to;
	unsigned slot;

	if (redis_value_is_error(v, STR("CLUSTERDOWN")))
		redis_look_soon(r);
	if (!redis_value_is_error(v, STR("MOVED")))
		return;
	redis_look_soon(r);
	to = redirect_to(r, &n->target, v->text, &slot);
	if (to == NULL || r->slots[slot] == to)
		return;
	r->slots[slot] = to;
	if (r->events.on_moved != NULL) {
		r->env.depth++;
		r->events.on_moved(r, r->arg);
		r->env.depth--;
	}
}

struct follow {
	struct redis *r;
	struct redis_node *at;
	redis_reply_f *f;
	void *arg;
	int64_t until_us;
	unsigned hops;
	size_t argc;
	struct str argv[];
};

static void follow_on_reply(const struct redis_value *v, const char *why, void *arg);

static int follow_send(struct follow *w, struct redis_node *to)
{
	int64_t left_us = w->until_us - clock_mono().us;

	w->at = to;
	return left_us > 0 ? redis_node_call(to, w->argv, w->argc, left_us, follow_on_reply, w)
			   : -1;
}

static void on_asking(const struct redis_value *v, const char *why, void *arg)
{
	(void)v;
	(void)why;
	(void)arg;
}

static bool follow_again(struct follow *w, const struct redis_value *v)
{
	static const struct str asking = { "ASKING", 6 };
	bool ask = redis_value_is_error(v, STR("ASK"));
	struct redis_node *to;
	unsigned slot;

	if ((!ask && !redis_value_is_error(v, STR("MOVED"))) || ++w->hops > HOPS_MAX)
		return false;
	to = redirect_to(w->r, &w->at->target, v->text, &slot);
	if (to == NULL)
		return false;
	if (ask && redis_node_call(to, &asking, 1, 0, on_asking, NULL) != 0)
		return false;
	return follow_send(w, to) == 0;
}

static void follow_on_reply(const struct redis_value *v, const char *why, void *arg)
{
	struct follow *w = arg;

	if (v != NULL && v->kind == REDIS_ERROR && follow_again(w, v))
		return;
	w->f(v, why, w->arg);
	free(w);
}

static struct follow *follow_new(const struct str *argv, size_t argc)
{
	size_t bytes = 0;
	struct follow *w;
	char *p;

	for (size_t i = 0; i < argc; i++)
		bytes += argv[i].n;
	w = malloc(sizeof *w + argc * sizeof argv[0] + bytes);
	tg_assert(w != NULL);
	p = (char *)(w->argv + argc);
	for (size_t i = 0; i < argc; i++) {
		if (argv[i].n > 0)
			memcpy(p, argv[i].p, argv[i].n);
		w->argv[i] = str_mk(p, argv[i].n);
		p += argv[i].n;
	}
	w->argc = argc;
	w->hops = 0;
	return w;
}

int redis_cluster_call(struct redis *r, struct str key, const struct str *argv, size_t argc,
	int64_t timeout_us, redis_reply_f *f, void *arg)
{
	struct redis_node *n = r->slots[redis_slot(key)];
	struct follow *w;

	if (n == NULL || !n->up)
		return -1;
	w = follow_new(argv, argc);
	w->r = r;
	w->f = f;
	w->arg = arg;
	w->until_us = clock_mono().us + timeout_us;
	if (follow_send(w, n) == 0)
		return 0;
	free(w);
	return -1;
}
