/*
 * quotasync.c: see quotasync.h. What happens, all on the control thread:
 *
 *	worker: lacks, or settled      answer, connection up or down      the time of lease_due
 *	        |                              |                              |
 *	        +------------------------------+------------------------------+
 *	                                       v
 *	the turn's end: epochs to the disk --> workers with waiting requests woken
 *	                --> lease_attend, lease_due, calls (quotasync_redis.c) --> log
 *(quotasync_say.c)
 *
 * A disk that takes long for an epoch's file holds up this thread and no worker; epochs change when
 * a Redis is new or another one, not in between.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/log.h"
#include "base/map.h"
#include "modules.h"
#include "quotaops.h"
#include "quotasync_int.h"

#define LOOK_US   500000 /* longest time between two turns */
#define FOLLOW_US 1000000
#define START_US  1000000 /* for first answers, before the first request */
#define STOP_US   1000000

struct quotasync qs;

/* ---- accounts */

static struct lease *lease_account(struct quota_account *a, mono_us now)
{
	int64_t limit = TG_MIN(atomic_load(&a->limit), LEASE_LIMIT_MAX);

	return lease_add(qs.member, a, limit, now);
}

static void on_new_account(struct quota_account *a)
{
	(void)lease_account(a, clock_mono());
}

/* Accounts have other limits after a reload, when an increase ends, by hand. */
static void follow_limits(const struct tg_conf *c, mono_us now)
{
	for (unsigned i = 0; i < c->quota.n_slots; i++) {
		const struct quota_slot *s = &c->quota.slots[i];
		struct quota_account *a[] = { atomic_load(&s->now), atomic_load(&s->next) };

		for (size_t k = 0; quota_slot_has_period(s) && k < TG_ARRAY_LEN(a); k++) {
			struct lease *l = a[k] != NULL ? lease_account(a[k], now) : NULL;

			if (l != NULL && quota_slot_is_fixed(s))
				lease_period(l, s->from, s->until, now);
		}
	}
	sync_share_follow(c);
	qs.followed = now;
}

static void stated_by(const struct tg_conf *c, struct map *stated)
{
	for (unsigned i = 0; i < c->quota.n_slots; i++) {
		const struct quota_slot *s = &c->quota.slots[i];
		struct quota_account *a[] = { atomic_load(&s->now), atomic_load(&s->next) };

		for (size_t k = 0; quota_slot_has_period(s) && k < TG_ARRAY_LEN(a); k++)
			if (a[k] != NULL)
				(void)map_put(stated, a[k]->name, a[k]);
	}
}

/* Those of periods that are over end by themselves, when all is told. */
static void retire_others(const struct map *stated)
{
	struct lease *l = NULL, *next = lease_next(qs.member, NULL);
	wall_us now = clock_wall();
	struct lease_info info;

	while ((l = next) != NULL) {
		next = lease_next(qs.member, l);
		lease_look(l, &info);
		if (info.account->end.us > now.us && map_get(stated, info.account->name) == NULL)
			lease_retire(qs.member, l, clock_mono());
	}
}

/* ---- the turn */

void sync_later(void)
{
	if (qs.turn != NULL)
		event_active(qs.turn, EV_TIMEOUT, 0);
}

static void save_epochs(void)
{
	bool some = false;
	char err[4400];

	for (unsigned i = 0; i < LEASE_BUCKETS; i++) {
		struct str e = lease_epoch(qs.member, i);

		if (!qs.bucket[i].unsaved)
			continue;
		tg_assert(e.n < QUOTASTATE_EPOCH);
		memcpy(qs.state.epoch[i], e.p, e.n);
		qs.state.epoch[i][e.n] = '\0';
		some = true;
	}
	if (!some)
		return;
	if (quotastate_save(&qs.state, err, sizeof err) != 0) {
		/* nothing is told in it until it is there: those buckets wait */
		if (!qs.said.disk)
			log_error("limits: what must not be forgotten cannot be saved",
				"reason=\"%s\"", err);
		qs.said.disk = true;
		return;
	}
	qs.said.disk = false;
	for (unsigned i = 0; i < LEASE_BUCKETS; i++)
		if (qs.bucket[i].unsaved) {
			qs.bucket[i].unsaved = false;
			lease_epoch_saved(qs.member, i, clock_mono());
		}
}

static void on_news(struct mail *m, void *owner)
{
	struct sync_mail *sm = TG_CONTAINER_OF(m, struct sync_mail, mail);

	atomic_store(&sm->under_way, false);
	quota_line_news(owner);
}

/* A request that joins the line has asked, and looks once more, after it can be seen there. */
static void tell_workers(void)
{
	for (unsigned i = 0; qs.news && i < qs.n_workers; i++)
		if (atomic_load(&qs.workers[i].quota_line.n) > 0 &&
			!atomic_exchange(&qs.mails[i].under_way, true))
			mailbox_send(&qs.workers[i].mbox, &qs.mails[i].mail);
	qs.news = false;
}

static void calls(mono_us now)
{
	static struct lease_call call;
	mono_us again = { now.us + LOOK_US };
	struct timeval tv;
	int64_t us;

	lease_attend(qs.member, now);
	while (lease_due(qs.member, now, &call, &again))
		sync_redis_send(&call);
	us = TG_MAX(TG_MIN(again.us - now.us, LOOK_US), 1000);
	tv = (struct timeval){ us / 1000000, us % 1000000 };
	tg_assert(event_add(qs.timer, &tv) == 0);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	mono_us now = clock_mono();

	(void)fd;
	(void)what;
	(void)arg;
	if (!quotasync_is_on())
		return;
	save_epochs();
	if (!qs.stopping && mono_since(now, qs.followed) >= FOLLOW_US)
		follow_limits(qs.conf, now);
	calls(now);
	sync_share_turn(now);
	if (!qs.stopping)
		sync_targets_turn(now);
	tell_workers();
	sync_say(now);
}

static void on_asked(void *arg)
{
	(void)arg;
	sync_later();
}

static void wake(void *arg)
{
	(void)arg;
	quota_asked();
}

/* ---- configuration */

static struct lease_config lease_config_of(const struct tg_conf *c)
{
	return (struct lease_config){ .name = c->cfg.member,
		.members = c->cfg.redis.members.v,
		.n_members = (unsigned)c->cfg.redis.members.n,
		.version = TG_MAX(TG_MAX(c->cfg.redis.config_version, quotaops_changed_ms()), 1),
		.revalidate_us = c->cfg.redis.revalidate_us };
}

static bool wants(const struct tg_conf *c)
{
	return c->cfg.redis.url.n > 0;
}

int quotasync_check(const struct tg_conf *c, char *err, size_t err_len)
{
	char why[400];

	if (!wants(c) || sync_redis_check(&c->cfg, why, sizeof why) == 0)
		return 0;
	snprintf(err, err_len, "%.200s:%u:%u: redis: %.200s", c->cfg.redis.pos.file,
		c->cfg.redis.pos.line, c->cfg.redis.pos.col, why);
	return -1;
}

int quotasync_reload(const struct tg_conf *next, char *err, size_t err_len)
{
	const struct conf_pos *pos = &next->cfg.redis.pos;

	if (wants(next) != quotasync_is_on()) {
		snprintf(err, err_len,
			"`redis` was %s: only a restart takes this up, for until then limits are "
			"kept otherwise",
			wants(next) ? "added" : "removed");
		return -1;
	}
	if (quotasync_is_on() && !str_eq(next->cfg.member, qs.conf->cfg.member)) {
		snprintf(err, err_len,
			"%.200s:%u:%u: `member` was `%.*s`, by which Redis knows what this process "
			"has: only a restart changes it",
			pos->file, pos->line, pos->col, STR_FMT(qs.conf->cfg.member));
		return -1;
	}
	return quotasync_check(next, err, err_len);
}

void quotasync_apply(const struct tg_conf *c)
{
	struct lease_config cfg = lease_config_of(c);
	struct map stated;
	char err[256];

	if (!quotasync_is_on())
		return;
	map_init(&stated);
	lease_member_configure(qs.member, &cfg);
	follow_limits(c, clock_mono());
	stated_by(c, &stated);
	retire_others(&stated);
	map_fini(&stated);
	if (qs.started && sync_redis_differs(&c->cfg.redis) &&
		sync_redis_open(c, err, sizeof err) != 0)
		log_error("redis: the connection stays as it was", "reason=\"%s\"", err);
	qs.conf = c;
	sync_targets_follow(c);
	sync_later();
}

/* ---- begin and end */

static int restore_epochs(char *err, size_t err_len)
{
	for (unsigned i = 0; i < LEASE_BUCKETS; i++) {
		struct str e = str_z(qs.state.epoch[i]);

		if (e.n == 0 || lease_epoch_restore(qs.member, i, e) == 0)
			continue;
		snprintf(err, err_len, "%.3000s/quota.state: `%.*s` is no epoch", qs.state.folder,
			STR_FMT(e));
		return -1;
	}
	return 0;
}

static void open_mails(struct worker *workers, unsigned n)
{
	qs.workers = workers;
	qs.n_workers = n;
	qs.mails = calloc(n, sizeof *qs.mails);
	tg_assert(qs.mails != NULL);
	for (unsigned i = 0; i < n; i++) {
		qs.mails[i].mail.on_mail = on_news;
		qs.mails[i].w = &workers[i];
	}
}

/* A number that no other process has. */
static struct str instance_make(char out[LEASE_INSTANCE_MAX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char random[LEASE_INSTANCE_MAX / 2];

	digest_random(random, sizeof random);
	for (size_t i = 0; i < LEASE_INSTANCE_MAX; i++)
		out[i] = digits[random[i / 2] >> (i % 2 * 4) & 15];
	return str_mk(out, LEASE_INSTANCE_MAX);
}

int quotasync_open(const struct tg_conf *c, struct event_base *base, struct resolver *resolver,
	const char *ledger_path, struct worker *workers, unsigned n_workers, char *err,
	size_t err_len)
{
	struct lease_config cfg = lease_config_of(c);
	char instance[LEASE_INSTANCE_MAX];

	if (!wants(c))
		return 0;
	if (quotasync_check(c, err, err_len) != 0)
		return -1;
	if (ledger_path == NULL) {
		snprintf(err, err_len, "`redis` needs a ledger; `ledger.path` is none");
		return -1;
	}
	if (quotastate_open(&qs.state, ledger_path, err, err_len) != 0)
		return -1;
	qs.base = base;
	qs.resolver = resolver;
	qs.conf = c;
	qs.stats.shared = true;
	arena_init(&qs.arena, NULL, 0);
	open_mails(workers, n_workers);
	qs.turn = event_new(base, -1, 0, on_turn, NULL);
	qs.timer = event_new(base, -1, 0, on_turn, NULL);
	if (qs.turn == NULL || qs.timer == NULL || mailbox_init(&qs.box, base, NULL) != 0) {
		snprintf(err, err_len, "out of memory");
		return -1;
	}
	quota_asked_set(&qs.box, on_asked, NULL);
	cfg.instance = instance_make(instance);
	qs.member = lease_member_new(&cfg, qs.state.incarnation, wake, NULL);
	plan_quota_on_new(on_new_account);
	return restore_epochs(err, err_len);
}

static bool first_answers(void)
{
	struct lease_bucket_info info;

	for (unsigned i = 0; i < LEASE_BUCKETS; i++) {
		lease_bucket_look(qs.member, i, &info);
		if (!info.up || info.unsaved || (info.leases > 0 && !info.asserted))
			return false;
	}
	return true;
}

/* The loop runs on until it is so, or the time is over. */
static void loop_until(bool (*done)(void), int64_t us)
{
	mono_us end = { clock_mono().us + us };
	struct timeval tv = { 0, 10000 };

	while (!done() && clock_mono().us < end.us) {
		event_base_loopexit(qs.base, &tv);
		if (event_base_dispatch(qs.base) < 0)
			return;
	}
}

void quotasync_start(void)
{
	char err[256];

	if (!quotasync_is_on())
		return;
	if (sync_redis_open(qs.conf, err, sizeof err) != 0)
		log_error("redis", "reason=\"%s\"", err); /* it was checked: no memory */
	qs.started = true;
	qs.said.down_since = clock_mono();
	sync_later();
	loop_until(first_answers, START_US);
	sync_say(clock_mono());
}

/* Nothing is left to be told or given back, or nobody listens. */
static bool all_returned(void)
{
	struct lease *l = NULL;
	struct lease_bucket_info bucket;
	struct lease_info info;

	while ((l = lease_next(qs.member, l)) != NULL) {
		lease_look(l, &info);
		lease_bucket_look(qs.member, info.bucket, &bucket);
		if (bucket.up && !bucket.learning && bucket.status == LEASE_OK &&
			(info.g > atomic_load(&info.account->settled) ||
				info.s_told < atomic_load(&info.account->settled)))
			return false;
	}
	return true;
}

void quotasync_stop(void)
{
	struct lease *l = NULL, *next;

	if (!quotasync_is_on() || !qs.started)
		return;
	qs.stopping = true;
	plan_quota_on_new(NULL);
	for (next = lease_next(qs.member, NULL); (l = next) != NULL;) {
		next = lease_next(qs.member, l);
		lease_retire(qs.member, l, clock_mono());
	}
	sync_later();
	loop_until(all_returned, STOP_US);
	if (!all_returned())
		log_warn("limits: not all could be given back",
			"hint=\"it stays spoken for until this member is back\"");
}

void quotasync_close(void)
{
	if (!quotasync_is_on())
		return;
	plan_quota_on_new(NULL);
	mailbox_fini(&qs.box); /* delivers what was asked last */
	quota_asked_set(NULL, NULL, NULL);
	sync_redis_close();
	sync_targets_close();
	sync_share_close();
	lease_member_free(qs.member);
	event_free(qs.turn);
	event_free(qs.timer);
	free(qs.mails);
	arena_fini(&qs.arena);
	qs = (struct quotasync){ .base = NULL };
}

const struct quota_stats *quotasync_stats(void)
{
	return &qs.stats;
}
