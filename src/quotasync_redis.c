/*
 * quotasync_redis.c: the connection of leases to Redis. Control thread.
 *
 *	client up --> policy looked at --> script loaded --> buckets of that node up
 *	lease_due --> sync_redis_send --> FCALL --> on_reply --> lease_reply
 *	client down --> buckets down: what was under way is void
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "io/tls.h"
#include "quota/lease_wire.h"
#include "quota/quota_lua.h"
#include "quotasync_int.h"
#include "redisconf.h"

_Static_assert(CFG_MEMBERS_MAX <= LEASE_MEMBERS_MAX && CFG_LEASED_MAX <= LEASE_LIMIT_MAX &&
		       CFG_MEMBER_MAX <= LEASE_NAME_MAX,
	"what the configuration takes can be leased");

/* ---- from the configuration */

int sync_redis_check(const struct config *c, char *err, size_t err_len)
{
	struct redis_conf conf;
	int rc = redisconf_open(c, &conf, err, err_len);

	if (rc != 0)
		return -1;
	rc = redis_conf_check(&conf, err, err_len);
	redisconf_close(&conf);
	return rc;
}

bool sync_redis_differs(const struct cfg_redis *c)
{
	return !redisconf_same(c, &qs.cfg);
}

static struct str keep(struct str s)
{
	struct str copy = s.n > 0 ? arena_dup(&qs.arena, s) : STR_NONE;

	tg_assert(copy.n == s.n);
	return copy;
}

/* What the client was made from outlives the configuration. */
static void cfg_keep(const struct cfg_redis *c)
{
	arena_fini(&qs.arena);
	arena_init(&qs.arena, NULL, 0);
	qs.cfg = *c;
	qs.cfg.url.v = arena_zalloc(&qs.arena, (c->url.n + 1) * sizeof *c->url.v);
	tg_assert(qs.cfg.url.v != NULL);
	for (size_t i = 0; i < c->url.n; i++)
		qs.cfg.url.v[i] = keep(c->url.v[i]);
	qs.cfg.members = (struct conf_strings){ NULL, 0 };
	qs.cfg.primary = keep(c->primary);
	qs.cfg.username = keep(c->username);
	qs.cfg.password = keep(c->password);
	qs.cfg.sentinel_username = keep(c->sentinel_username);
	qs.cfg.sentinel_password = keep(c->sentinel_password);
	qs.cfg.prefix = keep(c->prefix);
	qs.cfg.tls.ca = keep(c->tls.ca);
	qs.cfg.tls.certificate = keep(c->tls.certificate);
	qs.cfg.tls.key = keep(c->tls.key);
}

/* ---- which bucket is where */

static void bucket_down(unsigned i)
{
	struct sync_bucket *b = &qs.bucket[i];

	if (b->node == NULL)
		return;
	b->node = NULL;
	b->serial = 0;
	lease_bucket_down(qs.member, i, clock_mono());
	qs.news = true;
	sync_later();
}

static void bucket_assign(unsigned i)
{
	char key[LEASE_KEY_MAX(256)];
	struct sync_bucket *b = &qs.bucket[i];
	struct redis_node *n;

	tg_assert(qs.cfg.prefix.n <= 256);
	n = redis_node_of(qs.redis, str_mk(key, lease_key_bucket(key, qs.cfg.prefix, i)));
	if (n != NULL && (!sync_replicas_ready(n) || redis_node_server(n) == NULL))
		n = NULL;
	if (n == b->node && (n == NULL || b->generation == redis_node_generation(n)))
		return;
	bucket_down(i);
	if (n == NULL)
		return;
	b->node = n;
	b->generation = redis_node_generation(n);
	lease_bucket_up(qs.member, i, str_z(redis_node_server(n)->run_id), clock_mono());
	sync_later();
}

static void assign_all(void)
{
	for (unsigned i = 0; i < LEASE_BUCKETS; i++)
		bucket_assign(i);
}

/* ---- the client's events */

static void on_script(const char *why, void *arg)
{
	struct redis_node *n = arg;

	if (why == NULL) {
		sync_replicas_up(n);
		assign_all();
		return;
	}
	if (redis_node_server(n) != NULL)
		redis_node_drop(n, why);
	sync_later();
}

static void on_up(struct redis_node *n, const struct redis_server *s, void *arg)
{
	char why[128];

	(void)arg;
	sync_replicas_down(n);
	if (s->may_evict) {
		snprintf(why, sizeof why,
			"its maxmemory-policy is %.31s: it may forget what was spent; set it to "
			"noeviction",
			s->policy);
		redis_node_drop(n, why);
		return;
	}
	if (redis_script_load(qs.script, n, 0, on_script, n) != 0)
		redis_node_drop(n, "the library of functions cannot be sent");
}

static void on_down(struct redis_node *n, const char *why, void *arg)
{
	(void)why;
	(void)arg;
	sync_replicas_down(n);
	assign_all();
	sync_later();
}

static void on_moved(struct redis *r, void *arg)
{
	(void)r;
	(void)arg;
	assign_all();
}

static const struct redis_events events = { on_up, on_down, on_moved };

/* ---- calls */

static size_t value_items(const void *value)
{
	const struct redis_value *v = value;

	return v->kind == REDIS_ARRAY ? v->n_items : 0;
}

static const void *value_item(const void *value, size_t i)
{
	return redis_value_at(value, i);
}

static bool value_text(const void *value, struct str *out)
{
	const struct redis_value *v = value;

	*out = v->text;
	return v->kind == REDIS_STRING;
}

static const struct lease_reader reader = { value_items, value_item, value_text };

static int answer_of(
	const struct redis_value *v, unsigned n, struct lease_answer *out, char *err, size_t len)
{
	if (v->kind != REDIS_ERROR)
		return lease_answer_parse(&reader, v, n, out, err, len);
	snprintf(err, len, "%.*s", (int)TG_MIN(v->text.n, (size_t)200), v->text.p);
	return -1;
}

static void on_answer(unsigned i, const struct lease_answer *answer, char *err, size_t err_len)
{
	static struct lease_outcome out;

	if (lease_reply(qs.member, i, answer, clock_mono(), &out, err, err_len) != 0)
		return;
	err[0] = '\0';
	qs.bucket[i].serial = 0;
	qs.bucket[i].unsaved |= out.save_epoch;
	qs.news |= out.n_woken > 0;
}

/* What cannot be understood is no answer: the connection ends, and with it what is in doubt. */
static void answered(
	const struct sync_call *call, const struct lease_answer *answer, char *err, size_t n)
{
	struct sync_bucket *b = &qs.bucket[call->bucket];

	if (answer != NULL)
		on_answer(call->bucket, answer, err, n);
	if (err[0] != '\0') {
		qs.stats.failures++;
		redis_node_drop(b->node, err);
	}
	sync_later();
}

static void on_reply(const struct redis_value *reply, const char *why, void *arg)
{
	static struct lease_answer answer;
	struct sync_call call = *(struct sync_call *)arg;
	struct sync_bucket *b = &qs.bucket[call.bucket];
	char err[256] = "not understood";

	(void)why; /* on_down tells it */
	free(arg);
	if (reply == NULL)
		qs.stats.failures++;
	if (reply == NULL || call.serial != b->serial)
		return;
	stat_hist_add(&qs.stats.sync, mono_since(clock_mono(), call.sent));
	if (answer_of(reply, call.n, &answer, err, sizeof err) != 0)
		answered(&call, NULL, err, sizeof err);
	else if (qs.cfg.wait_replicas > 0 && answer.status == LEASE_OK && answer.n > 0)
		sync_replicas_hold(b->node, &call, &answer);
	else
		answered(&call, &answer, err, sizeof err);
}

void sync_redis_answer(const struct sync_call *call, const struct lease_answer *answer)
{
	char err[256] = "not understood";

	if (call->serial == qs.bucket[call->bucket].serial)
		answered(call, answer, err, sizeof err);
}

void sync_redis_send(const struct lease_call *call)
{
	static struct lease_args args;
	struct sync_bucket *b = &qs.bucket[call->bucket];
	struct sync_call *c = malloc(sizeof *c);

	tg_assert(c != NULL && b->node != NULL);
	*c = (struct sync_call){ call->bucket, call->n, ++qs.serial, clock_mono() };
	b->serial = c->serial;
	qs.stats.syncs++;
	lease_args_init(&args);
	lease_args_sync(&args, qs.cfg.prefix, call);
	if (redis_script_call(qs.script, b->node, STR("tgq_sync_v1"), args.v, args.n_keys,
		    args.v + args.n_keys, args.n - args.n_keys, 0, on_reply, c) != 0) {
		qs.stats.failures++;
		free(c);
		redis_node_drop(b->node, "a call cannot be sent");
	}
	lease_args_fini(&args);
}

/* ---- begin and end */

int sync_redis_open(const struct tg_conf *c, char *err, size_t err_len)
{
	struct redis_conf conf;
	struct redis *r;

	if (redisconf_open(&c->cfg, &conf, err, err_len) != 0)
		return -1;
	r = redis_new(qs.base, qs.resolver, &conf, &events, NULL, err, err_len);
	if (r == NULL) {
		redisconf_close(&conf);
		return -1;
	}
	sync_redis_close();
	qs.redis = r;
	qs.tls = conf.tls;
	qs.script = redis_script_new(quota_lua_text());
	tg_assert(qs.script != NULL);
	cfg_keep(&c->cfg.redis);
	return 0;
}

void sync_redis_close(void)
{
	for (unsigned i = 0; i < LEASE_BUCKETS; i++)
		bucket_down(i);
	if (qs.redis != NULL)
		redis_free(qs.redis);
	sync_replicas_close();
	if (qs.script != NULL)
		redis_script_free(qs.script);
	if (qs.tls != NULL)
		tls_ctx_free(qs.tls);
	qs.redis = NULL;
	qs.script = NULL;
	qs.tls = NULL;
}
