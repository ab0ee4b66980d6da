/*
 * redis.c: see redis.h: a client from its configuration, and which node a call goes to.
 */
#include <stdio.h>
#include <stdlib.h>

#include "redis/redis_int.h"
#include "redis/redis_slot.h"

#define SECOND_US       1000000
#define QUEUE_LEAST     4096u /* the greeting fits */
#define LOOK_BETWEEN_US 100000

/* ---- configuration */

static bool login_is_good(struct str user, struct str password)
{
	return user.n <= REDIS_USER_MAX && password.n <= REDIS_PASSWORD_MAX &&
	       (user.n == 0 || password.n > 0);
}

static int check_texts(const struct redis_conf *conf, char *err, size_t err_len)
{
	const char *what = NULL;

	if (!login_is_good(conf->username, conf->password) ||
		!login_is_good(conf->sentinel_username, conf->sentinel_password))
		what = "a user needs a password; they have at most 127 and 511 bytes";
	else if (conf->mode == REDIS_SENTINEL && conf->primary.n == 0)
		what = "sentinels know primaries by name: which one is it?";
	else if (conf->primary.n >= sizeof((struct redis *)NULL)->primary)
		what = "the primary's name has at most 127 bytes";
	else if (conf->client_name.n >= sizeof((struct redis_env *)NULL)->client_name)
		what = "the client's name has at most 63 bytes";
	else if (conf->tls_name.n > REDIS_HOST_MAX)
		what = "a certificate's name has at most 255 bytes";
	else if (conf->mode == REDIS_CLUSTER && conf->db != 0)
		what = "a cluster has database 0 only";
	if (what == NULL)
		return 0;
	snprintf(err, err_len, "%s", what);
	return -1;
}

static int check_url(const struct redis_conf *conf, size_t i, char *err, size_t err_len)
{
	struct redis_url u, first;
	const char *what;

	if (redis_url_parse(conf->urls[i], &u, &what) != 0 ||
		redis_url_parse(conf->urls[0], &first, &what) != 0) {
		snprintf(err, err_len, "%s", what);
		return -1;
	}
	what = NULL;
	if (conf->mode != REDIS_STANDALONE && u.is_unix)
		what = "sentinels and clusters name addresses: unix: is for one server";
	else if (conf->mode == REDIS_CLUSTER && u.db != 0)
		what = "a cluster has database 0 only";
	else if (u.tls != first.tls)
		what = "all URLs begin with redis://, or all with rediss://";
	if (what == NULL)
		return 0;
	snprintf(err, err_len, "%s", what);
	return -1;
}

int redis_conf_check(const struct redis_conf *conf, char *err, size_t err_len)
{
	if (conf->n_urls == 0 || conf->n_urls > REDIS_URLS_MAX) {
		snprintf(err, err_len, "from 1 to %d URLs", REDIS_URLS_MAX);
		return -1;
	}
	if (conf->mode == REDIS_STANDALONE && conf->n_urls > 1) {
		snprintf(err, err_len,
			"several URLs are those of sentinels or of a cluster's nodes: say which");
		return -1;
	}
	for (size_t i = 0; i < conf->n_urls; i++)
		if (check_url(conf, i, err, err_len) != 0)
			return -1;
	return check_texts(conf, err, err_len);
}

bool redis_conf_tls(const struct redis_conf *conf)
{
	for (size_t i = 0; i < conf->n_urls; i++)
		if (str_starts(conf->urls[i], STR("rediss://")))
			return true;
	return false;
}

static void copy(char *out, size_t cap, struct str s)
{
	tg_assert(s.n < cap);
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

void redis_set_login(const struct redis *r, struct redis_url *u)
{
	if (u->password[0] != '\0')
		return;
	memcpy(u->user, r->user, sizeof u->user);
	memcpy(u->password, r->password, sizeof u->password);
}

static void take_login(struct redis_url *u, struct str user, struct str password)
{
	if (u->password[0] != '\0')
		return;
	copy(u->user, sizeof u->user, user);
	copy(u->password, sizeof u->password, password);
}

static void take_seeds(struct redis *r, const struct redis_conf *conf)
{
	const char *err;

	r->seeds = calloc(conf->n_urls, sizeof *r->seeds);
	tg_assert(r->seeds != NULL);
	r->n_seeds = conf->n_urls;
	for (size_t i = 0; i < conf->n_urls; i++) {
		struct redis_url *u = &r->seeds[i];

		tg_assert(redis_url_parse(conf->urls[i], u, &err) == 0); /* checked */
		if (!u->has_db)
			u->db = conf->db;
		if (r->mode == REDIS_SENTINEL)
			take_login(u, conf->sentinel_username, conf->sentinel_password);
		else
			redis_set_login(r, u);
	}
	r->db = r->seeds[0].db;
	/* The nodes of a cluster that it names itself have the login of the first. */
	if (r->mode == REDIS_CLUSTER && r->password[0] == '\0') {
		memcpy(r->user, r->seeds[0].user, sizeof r->user);
		memcpy(r->password, r->seeds[0].password, sizeof r->password);
	}
}

static int64_t or_default(int64_t v, int64_t what)
{
	return v > 0 ? v : what;
}

static size_t size_or(size_t v, size_t what)
{
	return v > 0 ? v : what;
}

static void take_conf(struct redis *r, const struct redis_conf *conf)
{
	struct redis_env *e = &r->env;

	r->mode = conf->mode;
	e->tls = conf->tls;
	copy(e->tls_name, sizeof e->tls_name, conf->tls_name);
	copy(e->client_name, sizeof e->client_name, conf->client_name);
	copy(r->user, sizeof r->user, conf->username);
	copy(r->password, sizeof r->password, conf->password);
	copy(r->primary, sizeof r->primary, conf->primary);
	e->connect_timeout_us = or_default(conf->connect_timeout_us, 2 * SECOND_US);
	e->queue_max_bytes = TG_MAX(size_or(conf->queue_max_bytes, 8u << 20), QUEUE_LEAST);
	e->limits.max_bytes = size_or(conf->reply_max_bytes, 4u << 20);
	e->limits.max_items = size_or(conf->reply_max_items, 65536);
	r->call_timeout_us = or_default(conf->call_timeout_us, SECOND_US / 10);
	r->backoff_min_us = or_default(conf->backoff_min_us, SECOND_US / 10);
	r->backoff_max_us = TG_MAX(or_default(conf->backoff_max_us, SECOND_US), r->backoff_min_us);
	take_seeds(r, conf);
}

/* ---- where things are */

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct redis *r = arg;

	(void)fd;
	(void)what;
	CHECK_OBJ(r, REDIS_MAGIC);
	r->look_us = 0;
	if (r->mode == REDIS_SENTINEL)
		redis_sentinel_look(r);
	else
		redis_cluster_look(r);
}

void redis_look_in(struct redis *r, int64_t in_us)
{
	struct timeval tv = { .tv_sec = in_us / 1000000, .tv_usec = in_us % 1000000 };

	tg_assert(event_add(&r->look, &tv) == 0);
	r->look_us = clock_mono().us + in_us;
}

void redis_look_soon(struct redis *r)
{
	int64_t now = clock_mono().us;
	int64_t at = TG_MAX(now, r->looked_us + LOOK_BETWEEN_US);

	if (r->looks_failed > 1)
		return; /* it is being asked all the time as it is */
	if (r->look_us == 0 || at < r->look_us)
		redis_look_in(r, at - now);
}

/* ---- the client */

struct redis *redis_new(struct event_base *base, struct resolver *resolver,
	const struct redis_conf *conf, const struct redis_events *events, void *arg, char *err,
	size_t err_len)
{
	struct redis *r;

	if (redis_conf_check(conf, err, err_len) != 0)
		return NULL;
	if (redis_conf_tls(conf) && conf->tls == NULL) {
		snprintf(err, err_len, "rediss:// needs a TLS context");
		return NULL;
	}
	r = calloc(1, sizeof *r);
	tg_assert(r != NULL && events->on_up != NULL && events->on_down != NULL);
	INIT_OBJ(r, REDIS_MAGIC);
	r->env.base = base;
	r->env.resolver = resolver;
	r->events = *events;
	r->arg = arg;
	list_init(&r->nodes);
	take_conf(r, conf);
	redis_probe_init(r);
	tg_assert(event_assign(&r->look, base, -1, 0, on_look, r) == 0);
	if (r->mode == REDIS_CLUSTER) {
		r->slots = calloc(REDIS_SLOTS, sizeof(struct redis_node *));
		tg_assert(r->slots != NULL);
		redis_look_in(r, 0);
	} else {
		r->first = redis_node_new(r);
		redis_node_use(r->first, &r->seeds[0]);
	}
	return r;
}

void redis_free(struct redis *r)
{
	CHECK_OBJ(r, REDIS_MAGIC);
	tg_assert(r->env.depth == 0);
	event_del(&r->look);
	list_foreach (it, &r->nodes)
		list_entry(it, struct redis_node, node)->up = false; /* nothing is sent any more */
	while (!list_empty(&r->nodes))
		redis_node_free(list_entry(r->nodes.next, struct redis_node, node));
	redis_probe_fini(r);
	event_del(&r->look); /* calls that ended may have asked for it */
	explicit_bzero(r->seeds, r->n_seeds * sizeof *r->seeds);
	explicit_bzero(r->password, sizeof r->password);
	free(r->seeds);
	free(r->slots);
	FINI_OBJ(r);
	free(r);
}

struct redis_node *redis_node_of_slot(struct redis *r, unsigned slot)
{
	CHECK_OBJ(r, REDIS_MAGIC);
	tg_assert(slot < REDIS_SLOTS);
	return r->mode == REDIS_CLUSTER ? r->slots[slot] : r->first;
}

struct redis_node *redis_node_of(struct redis *r, struct str key)
{
	return redis_node_of_slot(r, redis_slot(key));
}

struct redis_node *redis_node_next(struct redis *r, struct redis_node *after)
{
	struct list *it = after != NULL ? after->node.next : r->nodes.next;

	CHECK_OBJ(r, REDIS_MAGIC);
	for (; it != &r->nodes; it = it->next) {
		struct redis_node *n = list_entry(it, struct redis_node, node);

		if (redis_node_server(n) != NULL)
			return n;
	}
	return NULL;
}

int redis_call(struct redis *r, struct str key, const struct str *argv, size_t argc,
	int64_t timeout_us, redis_reply_f *f, void *arg)
{
	CHECK_OBJ(r, REDIS_MAGIC);
	if (r->mode != REDIS_CLUSTER)
		return redis_node_call(r->first, argv, argc, timeout_us, f, arg);
	return redis_cluster_call(
		r, key, argv, argc, timeout_us > 0 ? timeout_us : r->call_timeout_us, f, arg);
}
