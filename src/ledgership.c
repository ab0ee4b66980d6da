/*
 * ledgership.c: see ledgership.h. Its thread has an event loop and a connection of its own:
 *
 *	up --> XINFO STREAM: the last id --> follow_seek --> MULTI, XADD..., EXEC --> the next batch
 *	down, or an answer that is none of these --> from the last id again
 *
 *	once a minute, of those older than `ship_retain`: XRANGE from the front, XTRIM MINID
 *
 * MULTI: all of a batch or nothing, for behind a record that was refused alone (no memory, say) its
 * id could not be used any more. NOMKSTREAM: a stream that has gone (FLUSHALL) is noticed, and made
 * anew from the journal's beginning.
 */
#include "ledgership.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/num.h"
#include "ledger/export.h"
#include "ledger/follow.h"
#include "redisconf.h"

#define BATCH        256
#define BATCH_BYTES  (1 << 20)
#define PATH_BYTES   4096
#define TICK_US      50000
#define AGAIN_US     1000000 /* after a failure */
#define STOP_US      1000000
#define KEY_MAX      512
#define RECORD_FIELD "r"
#define TRIM_PIECE   128 /* entries that are looked at, at a time */
#define TRIM_COUNT   "128"
#define TRIM_US      60000000 /* between two looks, where `ship_retain` is not short */
#define TRIM_LEAST   1000000

enum ship_stop { SHIP_RUNS, SHIP_STOPS, SHIP_DRAINS }; /* drains: sends what there is first */
/* waits: for records, or a connection; trims: what is too old */
enum ship_state { SHIP_ASKS, SHIP_SENDS, SHIP_WAITS, SHIP_TRIMS };

static struct {
	/* the control thread's */
	char folder[PATH_BYTES]; /* the journal's; empty: none */
	pthread_t thread;
	bool running;
	struct config cfg; /* of the thread; its texts are in `arena` */
	struct arena arena;
	struct resolver *resolver;
	/* shared */
	pthread_mutex_t lock;
	struct journal_position limit; /* everything before it is on disk */
	uint64_t told;                 /* records, since the start */
	_Atomic int stop;              /* enum ship_stop */
	struct ship_stats stats;
} sh = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The thread's own. */
struct ship {
	struct event_base *base;
	struct event *tick;
	struct redis *redis;
	struct redis_node *node; /* NULL: not up */
	struct follow follow;
	enum ship_state state;
	bool known;                  /* what the stream has: follow.at is behind it */
	bool makes;                  /* there is none: the first batch makes it */
	unsigned n, pending;         /* records of the batch; answers to come */
	struct journal_position old; /* where the journal ended when this process began */
	uint64_t fresh;              /* shipped beyond that */
	struct journal_position all; /* the limit when it had all */
	mono_us since, again;        /* when it had all; not before that */
	bool said;
	mono_us trim;  /* not before that */
	bool trim_all; /* all that were looked at were too old: there may be more */
	bool trimmed;  /* last; sending is next */
	bool trim_said;
	char key[KEY_MAX], keep[24];
	size_t key_n, keep_n;
};

static void pump(struct ship *s);

/* ---- where it stands */

static struct journal_position limit_now(uint64_t *told)
{
	struct journal_position at;

	pthread_mutex_lock(&sh.lock);
	at = sh.limit;
	*told = sh.told;
	pthread_mutex_unlock(&sh.lock);
	return at;
}

static void note(struct ship *s)
{
	mono_us now = clock_mono();
	uint64_t told;
	struct journal_position limit = limit_now(&told);
	bool all = s->known && (s->pending == 0 || s->state == SHIP_TRIMS) &&
		   !follow_before(s->follow.at, limit);

	if (all)
		s->since = now;
	atomic_store(&sh.stats.lag_us, all ? 0 : mono_since(now, s->since));
	atomic_store(&sh.stats.unshipped, all ? 0 : TG_MAX(told, s->fresh) - s->fresh);
	atomic_store(&sh.stats.lost, s->follow.missing);
}

/* From the stream's last id again, a little later. */
static void fail(struct ship *s, const char *why)
{
	if (!s->said)
		log_error("the ledger cannot be shipped to redis", "reason=\"%.200s\"", why);
	s->said = true;
	s->known = false;
	s->state = SHIP_WAITS;
	s->again.us = clock_mono().us + AGAIN_US;
	atomic_fetch_add(&sh.stats.failures, 1);
}

/* ---- a batch */

static bool is_shipped(const struct redis_value *v)
{
	return v->kind == REDIS_STRING ||
	       (v->kind == REDIS_ERROR && str_find(v->text, STR("equal or smaller")) != (size_t)-1);
}

/* False: the stream is gone, or refuses something. */
static bool batch_done(struct ship *s, const struct redis_value *v)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct redis_value *one = redis_value_at(v, i);

		if (is_shipped(one))
			continue;
		if (one->kind == REDIS_NIL) { /* all of them: nothing is behind a gap */
			s->known = false;
			s->state = SHIP_WAITS;
			return true;
		}
		return false;
	}
	return true;
}

static void on_exec(const struct redis_value *reply, const char *why, void *arg)
{
	struct ship *s = arg;
	char text[200];

	s->pending--;
	s->state = SHIP_WAITS;
	if (reply == NULL || reply->kind != REDIS_ARRAY || reply->n_items != s->n ||
		!batch_done(s, reply)) {
		snprintf(text, sizeof text, "%.*s",
			(int)(reply != NULL ? TG_MIN(reply->text.n, (size_t)190) : strlen(why)),
			reply != NULL ? reply->text.p != NULL ? reply->text.p : "a refusal" : why);
		fail(s, text);
		return;
	}
	if (s->known) {
		atomic_fetch_add(&sh.stats.shipped, s->n);
		if (follow_before(s->old, s->follow.at))
			s->fresh += s->n;
		s->makes = false;
	}
	if (s->said)
		log_notice("the ledger is shipped to redis again", "records=%u", s->n);
	s->said = false;
	pump(s);
}

static void on_queued(const struct redis_value *reply, const char *why, void *arg)
{
	struct ship *s = arg;

	(void)reply; /* what is refused here, EXEC tells */
	(void)why;
	s->pending--;
}

static int call(struct ship *s, const struct str *argv, size_t argc, redis_reply_f *f)
{
	if (redis_node_call(s->node, argv, argc, 0, f, s) != 0)
		return -1;
	s->pending++;
	return 0;
}

static int add(struct ship *s, const struct rec *r)
{
	char id[48];
	int n = snprintf(id, sizeof id, "%llu-%llu", (unsigned long long)s->follow.at.segment,
		(unsigned long long)s->follow.at.offset);
	struct str argv[10];
	struct outbuf b;
	size_t argc = 0;
	int rc;

	outbuf_init(&b);
	export_json(&b, follow_info(&s->follow), r);
	argv[argc++] = STR("XADD");
	argv[argc++] = str_mk(s->key, s->key_n);
	if (!s->makes)
		argv[argc++] = STR("NOMKSTREAM");
	argv[argc++] = STR("MAXLEN");
	argv[argc++] = STR("~");
	argv[argc++] = str_mk(s->keep, s->keep_n);
	argv[argc++] = str_mk(id, (size_t)n);
	argv[argc++] = STR(RECORD_FIELD);
	argv[argc++] = str_mk(outbuf_text(&b).p, outbuf_text(&b).n - 1); /* without its line end */
	rc = call(s, argv, argc, on_queued);
	outbuf_fini(&b);
	return rc;
}

/* Reads on and sends; 0 records: there are none. -1: not all could be sent. */
static int batch(struct ship *s)
{
	const struct str multi = STR("MULTI"), exec = STR("EXEC");
	uint64_t told;
	struct journal_position limit = limit_now(&told);
	size_t bytes = 0;
	char err[512] = "";
	struct rec r;

	s->n = 0;
	while (s->n < BATCH && bytes < BATCH_BYTES) {
		enum walk_rc rc = follow_next(&s->follow, limit, &r, err, sizeof err);

		if (rc == WALK_ERROR) { /* what follows, in the next batch */
			log_error(
				"records of the ledger are not shipped", "reason=\"%.400s\"", err);
			break;
		}
		if (rc == WALK_END)
			break;
		if (rc != WALK_RECORD || (r.flags & REC_CARRIED) || !export_has(&r))
			continue;
		if ((s->n == 0 && call(s, &multi, 1, on_queued) != 0) || add(s, &r) != 0)
			return -1;
		bytes += rec_size(&r);
		s->n++;
	}
	return s->n > 0 ? call(s, &exec, 1, on_exec) : 0;
}

/* ---- what the stream has */

static int id_parse(struct str id, struct journal_position *out)
{
	size_t dash = str_chr(id, '-');

	if (dash == (size_t)-1 || num_parse_u64(str_mk(id.p, dash), &out->segment) != 0)
		return -1;
	return num_parse_u64(str_skip(id, dash + 1), &out->offset);
}

static void on_info(const struct redis_value *reply, const char *why, void *arg)
{
	struct journal_position last = { 0, 0 };
	struct ship *s = arg;

	s->pending--;
	s->state = SHIP_WAITS;
	s->makes = reply != NULL && reply->kind == REDIS_ERROR &&
		   str_find(reply->text, STR("no such key")) != (size_t)-1;
	for (size_t i = 0; reply != NULL && i + 1 < reply->n_items; i += 2)
		if (str_eq(redis_value_at(reply, i)->text, STR("last-generated-id")) &&
			id_parse(redis_value_at(reply, i + 1)->text, &last) != 0)
			last.segment = 0;
	if (!s->makes && last.segment == 0) {
		fail(s, reply == NULL ? why
			: reply->kind == REDIS_ERROR
				? "XINFO STREAM is refused"
				: "its stream has entries that are none of this ledger");
		return;
	}
	s->known = true;
	follow_seek(&s->follow, last);
	pump(s);
}

/* ---- what is too old */

static void trim_later(struct ship *s)
{
	int64_t every = TG_MIN(
		TG_MAX(sh.cfg.redis.ship_retain_us / 10, (int64_t)TRIM_LEAST), (int64_t)TRIM_US);

	s->trim.us = clock_mono().us + (s->trim_all ? 0 : every);
	s->trim_all = false;
	s->trimmed = true;
	s->state = SHIP_WAITS;
	pump(s);
}

/* The rest of shipping goes on. */
static void trim_refused(struct ship *s, const struct redis_value *reply)
{
	if (!s->trim_said)
		log_warn("old entries stay in the ledger's stream in redis", "reason=\"%.*s\"",
			(int)TG_MIN(reply->text.n, (size_t)200),
			reply->text.n > 0 ? reply->text.p : "");
	s->trim_said = true;
	s->trim_all = false;
	trim_later(s);
}

static void on_trimmed(const struct redis_value *reply, const char *why, void *arg)
{
	struct ship *s = arg;

	s->pending--;
	if (reply == NULL) {
		fail(s, why);
		return;
	}
	if (reply->kind == REDIS_INT)
		trim_later(s);
	else
		trim_refused(s, reply);
}

/* When it was charged; what says nothing is as good as new. */
static bool is_old(struct str text, wall_us before)
{
	static const struct str name = { "\"time\":\"", 8 };
	size_t at = str_find(text, name), n;
	wall_us t;

	if (at == (size_t)-1)
		return false;
	text = str_skip(text, at + name.n);
	n = str_chr(text, '"');
	return n != (size_t)-1 && clock_parse(str_mk(text.p, n), &t) == 0 && t.us < before.us;
}

static void on_oldest(const struct redis_value *reply, const char *why, void *arg)
{
	const wall_us before = { clock_wall().us - sh.cfg.redis.ship_retain_us };
	struct journal_position last = { 0, 0 };
	struct ship *s = arg;
	char id[48];
	size_t n = 0;
	int len;

	s->pending--;
	if (reply == NULL) {
		fail(s, why);
		return;
	}
	if (reply->kind != REDIS_ARRAY) {
		trim_refused(s, reply);
		return;
	}
	for (; n < reply->n_items; n++) {
		const struct redis_value *e = redis_value_at(reply, n);

		if (!is_old(redis_value_at(redis_value_at(e, 1), 1)->text, before) ||
			id_parse(redis_value_at(e, 0)->text, &last) != 0)
			break;
	}
	s->trim_all = n == TRIM_PIECE;
	len = snprintf(id, sizeof id, "%llu-%llu", (unsigned long long)last.segment,
		(unsigned long long)last.offset + 1);
	const struct str argv[] = { STR("XTRIM"), str_mk(s->key, s->key_n), STR("MINID"),
		str_mk(id, (size_t)len) };

	if (n == 0 || call(s, argv, TG_ARRAY_LEN(argv), on_trimmed) != 0)
		trim_later(s);
}

/* From its front, a piece at a time: it is in the order in which it was charged, nearly. */
static void trim(struct ship *s)
{
	const struct str argv[] = { STR("XRANGE"), str_mk(s->key, s->key_n), STR("-"), STR("+"),
		STR("COUNT"), STR(TRIM_COUNT) };

	if (sh.cfg.redis.ship_retain_us == 0 || s->node == NULL || !s->known ||
		s->state != SHIP_WAITS || s->pending > 0 || clock_mono().us < s->trim.us)
		return;
	if (call(s, argv, TG_ARRAY_LEN(argv), on_oldest) == 0) {
		s->state = SHIP_TRIMS;
		s->trim.us = clock_mono().us + TRIM_US; /* where no answer comes */
	}
}

static void send_on(struct ship *s)
{
	const struct str ask[] = { STR("XINFO"), STR("STREAM"), str_mk(s->key, s->key_n) };
	int rc;

	if (s->node == NULL || s->state != SHIP_WAITS || s->pending > 0 ||
		clock_mono().us < s->again.us)
		return;
	s->state = s->known ? SHIP_SENDS : SHIP_ASKS;
	rc = s->known ? batch(s) : call(s, ask, TG_ARRAY_LEN(ask), on_info);
	if (rc == 0 && s->pending == 0)
		s->state = SHIP_WAITS;
	if (rc != 0) /* half a transaction: the connection's end undoes it */
		redis_node_drop(s->node, "the queue of commands is full");
}

/* One after the other where both have much to do: neither waits for all of the other. */
static void pump(struct ship *s)
{
	bool trimmed = s->trimmed;

	s->trimmed = false;
	if (!trimmed)
		trim(s);
	send_on(s);
	if (trimmed)
		trim(s);
}

/* ---- the loop */

static void on_up(struct redis_node *n, const struct redis_server *server, void *arg)
{
	struct ship *s = arg;

	(void)server;
	if (n != redis_node_of(s->redis, str_mk(s->key, s->key_n)))
		return;
	s->node = n;
	s->known = false;
	s->state = SHIP_WAITS;
	pump(s);
}

static void on_down(struct redis_node *n, const char *why, void *arg)
{
	struct ship *s = arg;

	if (n != s->node)
		return;
	s->node = NULL;
	fail(s, why);
}

/* Cluster: another node has the stream's slot. */
static void on_moved(struct redis *r, void *arg)
{
	struct ship *s = arg;
	struct redis_node *n = redis_node_of(r, str_mk(s->key, s->key_n));

	if (n == s->node || s->pending > 0)
		return;
	s->node = n != NULL && redis_node_server(n) != NULL ? n : NULL;
	s->known = false;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct ship *s = arg;

	(void)fd;
	(void)what;
	if (s->redis != NULL)
		on_moved(s->redis, s);
	pump(s);
	note(s);
	if (atomic_load(&sh.stop) != SHIP_RUNS)
		event_base_loopbreak(s->base);
}

static void loop_until_sent(struct ship *s)
{
	mono_us end = { clock_mono().us + STOP_US };
	const struct timeval tv = { 0, 10000 };

	while (s->node != NULL && atomic_load(&sh.stats.lag_us) > 0 && clock_mono().us < end.us) {
		event_base_loopexit(s->base, &tv);
		if (event_base_dispatch(s->base) < 0)
			return;
		pump(s);
		note(s);
	}
}

static void run(struct ship *s, struct redis_conf *conf)
{
	static const struct redis_events events = { on_up, on_down, on_moved };
	static const struct timeval every = { 0, TICK_US };
	char err[256];

	s->redis = redis_new(s->base, sh.resolver, conf, &events, s, err, sizeof err);
	if (s->redis == NULL) {
		log_error("redis", "reason=\"%s\"", err);
		return;
	}
	tg_assert(event_add(s->tick, &every) == 0);
	event_base_dispatch(s->base);
	note(s);
	if (atomic_load(&sh.stop) == SHIP_DRAINS)
		loop_until_sent(s);
	s->node = NULL;
	redis_free(s->redis);
}

static void *ship_main(void *arg)
{
	struct ship s = { .state = SHIP_WAITS, .since = clock_mono() };
	const struct cfg_redis *c = &sh.cfg.redis;
	struct redis_conf conf;
	char err[256];
	uint64_t told;

	(void)arg;
	s.old = limit_now(&told);
	s.fresh = told;
	s.key_n = (size_t)snprintf(
		s.key, sizeof s.key, "%.*s{l:%.*s}", STR_FMT(c->prefix), STR_FMT(sh.cfg.member));
	s.keep_n = (size_t)snprintf(s.keep, sizeof s.keep, "%lld", (long long)c->ship_keep);
	tg_assert(s.key_n < sizeof s.key);
	follow_init(&s.follow, sh.folder);
	s.base = event_base_new();
	s.tick = s.base != NULL ? event_new(s.base, -1, EV_PERSIST, on_tick, &s) : NULL;
	tg_assert(s.tick != NULL);
	if (redisconf_open(&sh.cfg, &conf, err, sizeof err) == 0) {
		conf.reply_max_items = 4 * BATCH;
		run(&s, &conf);
		redisconf_close(&conf);
	} else {
		log_error("redis", "reason=\"%s\"", err);
	}
	event_free(s.tick);
	event_base_free(s.base);
	follow_fini(&s.follow);
	return NULL;
}

/* ---- begin and end: the control thread */

int ledgership_open(const char *ledger, char *err, size_t err_len)
{
	if (ledger == NULL)
		return 0;
	if ((size_t)snprintf(sh.folder, sizeof sh.folder, "%s/journal", ledger) >=
		SEGMENT_PATH_MAX) {
		snprintf(err, err_len, "ledger.path is too long");
		return -1;
	}
	return follow_end(sh.folder, &sh.limit, err, err_len);
}

void ledgership_told(const struct rec *r, struct journal_position at)
{
	pthread_mutex_lock(&sh.lock);
	sh.limit = at;
	sh.told += export_has(r);
	pthread_mutex_unlock(&sh.lock);
}

static struct str keep(struct str s)
{
	return s.n > 0 ? arena_dup(&sh.arena, s) : STR_NONE;
}

/* What the thread reads outlives the configuration. */
static void cfg_keep(const struct config *c)
{
	const struct cfg_redis *r = &c->redis;
	struct cfg_redis *k = &sh.cfg.redis;

	arena_init(&sh.arena, NULL, 0);
	sh.cfg = (struct config){ .member = keep(c->member), .redis = *r };
	k->url.v = arena_zalloc(&sh.arena, (r->url.n + 1) * sizeof *r->url.v);
	tg_assert(k->url.v != NULL);
	for (size_t i = 0; i < r->url.n; i++)
		k->url.v[i] = keep(r->url.v[i]);
#define KEEP(member) k->member = keep(r->member)
	KEEP(primary);
	KEEP(username);
	KEEP(password);
	KEEP(sentinel_username);
	KEEP(sentinel_password);
	KEEP(prefix);
	KEEP(tls.ca);
	KEEP(tls.certificate);
	KEEP(tls.key);
#undef KEEP
}

static void stop(enum ship_stop how)
{
	if (!sh.running)
		return;
	atomic_store(&sh.stop, how);
	pthread_join(sh.thread, NULL);
	arena_fini(&sh.arena);
	sh.running = false;
	atomic_store(&sh.stop, SHIP_RUNS);
}

void ledgership_apply(const struct config *c, struct resolver *resolver)
{
	bool wanted = c->redis.url.n > 0 && c->redis.ship && sh.folder[0] != '\0';

	if (sh.running && wanted && redisconf_same(&c->redis, &sh.cfg.redis) &&
		c->redis.ship_keep == sh.cfg.redis.ship_keep &&
		c->redis.ship_retain_us == sh.cfg.redis.ship_retain_us)
		return;
	stop(SHIP_STOPS);
	if (!wanted)
		return;
	sh.resolver = resolver;
	cfg_keep(c);
	sh.running = pthread_create(&sh.thread, NULL, ship_main, NULL) == 0;
	if (!sh.running)
		log_error("the ledger is not shipped to redis", "reason=\"no thread\"");
}

void ledgership_stop(void)
{
	stop(SHIP_DRAINS);
}

const struct ship_stats *ledgership_stats(void)
{
	return &sh.stats;
}
