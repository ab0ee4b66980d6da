/*
 * quotad.c: see quotad.h.
 *
 *	reload    plan_quota_open, accounts --> those that have not counted all along under the plan
 *		  before: one report over their periods --> at least what the ledger has
 *	2 a s     plan_quota_turn: accounts of the next periods; now and then a sweep
 *
 *	later     when the last request of the plan before has ended: the same question once more,
 *on a thread of its own, for what those requests were
 */
#include "quotad.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/test_switch.h"
#include "core/quota_guest_ledger.h"
#include "core/quota_ledger.h"
#include "quotaops.h"

#define ACCOUNTS_MAX ((size_t)1 << 20)
#define TURN_US      500000
#define SWEEP_TURNS  120
#define PATH_MAX     512

struct later;

static struct {
	struct quota_table *table;
	struct tg_conf *conf;
	struct event *tick;
	unsigned turns;
	char path[PATH_MAX];       /* the ledger's; empty: none */
	struct ledger_ask *opened; /* of the plan that was opened last, until it is watched */
	struct later *later;       /* oldest first */
} qd;

static struct quota_time quotad_now(void)
{
	return (struct quota_time){ clock_wall(), clock_mono() };
}

/* ---- accounts that are new, and what the ledger has of them */

struct opening {
	struct map before_names; /* accounts of the plan before -> their slots */
	struct ledger_ask *ask;
};

static bool same_match(const struct conf_tags *a, const struct conf_tags *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = str_eq(a->v[i].name, b->v[i].name) && str_eq(a->v[i].value, b->v[i].value);
	return same;
}

/* Has the account counted the same requests up to now? */
static bool has_counted(const struct opening *o, const struct quota_slot *s)
{
	const struct quota_account *a = atomic_load(&s->now);
	const struct quota_slot *old = map_get(&o->before_names, a->name);

	if (old == NULL || atomic_load(&old->now) != a)
		return false;
	return s->budget == NULL || same_match(&old->budget->match, &s->budget->match);
}

static void visit(void *arg, const struct quota_slot *s, struct quota_account *a)
{
	struct opening *o = arg;

	if (!has_counted(o, s))
		ledger_ask_add(o->ask, s, a);
}

/* Some of it may have been counted already: never less than the ledger has, and what was changed by
 * hand. */
static void raise_to_ledger(void *arg, struct quota_account *a, int64_t spent, uint64_t requests)
{
	__int128 has = (__int128)spent - atomic_load(&a->settled) + quotaops_adjusted(a->name);

	(void)arg;
	(void)requests;
	if (has > 0 && !test_off(TEST_RESTORE))
		quota_account_restore(a, (int64_t)TG_MIN(has, INT64_MAX));
}

static int restore(struct ledger_ask *ask, const char *path, char *err, size_t err_len)
{
	if (ledger_ask_count(ask) == 0 || path == NULL)
		return 0;
	if (ledger_ask_run(ask, path, err, err_len) != 0)
		return -1;
	ledger_ask_each(ask, raise_to_ledger, NULL);
	log_notice("limits restored from the ledger", "accounts=%zu", ledger_ask_count(ask));
	return 0;
}

static void before_names(struct opening *o, const struct tg_conf *before)
{
	for (unsigned i = 0; before != NULL && i < before->quota.n_slots; i++) {
		struct quota_slot *s = &before->quota.slots[i];

		(void)map_put(&o->before_names, atomic_load(&s->now)->name, s);
	}
}

static void drop_opened(void)
{
	if (qd.opened != NULL)
		ledger_ask_free(qd.opened);
	qd.opened = NULL;
}

/* At a start alone: later on they are in their places, or forgotten. */
static int restore_guests(struct tg_conf *c, const char *path, char *err, size_t err_len)
{
	int64_t n =
		qd.conf == NULL ? quota_guest_ledger_read(c, path, quotad_now(), err, err_len) : 0;

	if (n > 0)
		log_notice(
			"limits of sessions and end users restored", "charges=%lld", (long long)n);
	return n >= 0 ? 0 : -1;
}

int quotad_open(struct tg_conf *c, const char *ledger_path, char *err, size_t err_len)
{
	struct opening o;
	int rc;

	drop_opened();
	if (c->quota.n_slots == 0 && !c->quota.guests)
		return 0;
	if (qd.table == NULL)
		qd.table = quota_table_new(ACCOUNTS_MAX);
	tg_assert(qd.table != NULL);
	/* Threads read it that an earlier plan began. It does not change while the daemon runs. */
	if (ledger_path != NULL && strcmp(qd.path, ledger_path) != 0)
		snprintf(qd.path, sizeof qd.path, "%s", ledger_path);
	map_init(&o.before_names);
	o.ask = qd.opened = ledger_ask_new();
	before_names(&o, qd.conf);
	rc = plan_quota_open(c, qd.table, quotad_now(), visit, &o, err, err_len);
	if (rc == 0)
		rc = restore(o.ask, ledger_path, err, err_len);
	if (rc == 0)
		rc = restore_guests(c, ledger_path, err, err_len);
	if (rc == 0)
		plan_quota_turn(c, qd.table, quotad_now());
	else
		drop_opened();
	map_fini(&o.before_names);
	return rc;
}

/* ---- once more, when the plan before has ended */

/* Accounts that were new with a plan, while requests of the one before were under way. */
struct later {
	struct later *next;
	struct tg_conf *before, *plan; /* a reference each */
	struct ledger_ask *ask;
	pthread_t thread;
	bool running;
	_Atomic bool done;
	int rc;
	char err[256];
};

static void *later_thread(void *arg)
{
	struct later *l = arg;

	l->rc = ledger_ask_run(l->ask, qd.path, l->err, sizeof l->err);
	atomic_store(&l->done, true);
	return NULL;
}

static void later_free(struct later *l)
{
	if (l->running)
		pthread_join(l->thread, NULL);
	ledger_ask_free(l->ask);
	plan_put(l->before);
	plan_put(l->plan);
	free(l);
}

static void later_add(struct tg_conf *before, struct tg_conf *plan)
{
	struct later *l, **last = &qd.later;

	if (qd.opened == NULL || before == NULL || qd.path[0] == '\0')
		return;
	l = calloc(1, sizeof *l);
	tg_assert(l != NULL);
	l->ask = qd.opened;
	qd.opened = NULL;
	plan_get(before);
	plan_get(plan);
	l->before = before;
	l->plan = plan;
	while (*last != NULL)
		last = &(*last)->next;
	*last = l;
}

/* In their order: then the plans before that one have ended, too. */
static void later_turn(void)
{
	struct later *l = qd.later;

	if (l == NULL || (!l->running && atomic_load(&l->before->refs) > 1))
		return;
	if (!l->running && ledger_ask_count(l->ask) > 0) {
		l->running = pthread_create(&l->thread, NULL, later_thread, l) == 0;
		return; /* no thread now: at the next turn */
	}
	if (l->running && !atomic_load(&l->done))
		return;
	if (l->running && l->rc == 0)
		ledger_ask_each(l->ask, raise_to_ledger, NULL);
	else if (l->running)
		log_error("limits: what requests of the configuration before were is not counted",
			"reason=\"%s\"", l->err);
	qd.later = l->next;
	later_free(l);
}

/* ---- the clock */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (qd.conf == NULL || qd.table == NULL)
		return;
	plan_quota_turn(qd.conf, qd.table, quotad_now());
	guardrail_turn(qd.conf, quotad_now());
	later_turn();
	if (++qd.turns % SWEEP_TURNS == 0)
		(void)quota_table_sweep(qd.table, quotad_now());
}

int quotad_watch(struct event_base *base, struct tg_conf *c)
{
	static const struct timeval every = { 0, TURN_US };

	later_add(qd.conf, c);
	drop_opened();
	qd.conf = c;
	if (qd.tick != NULL)
		return 0;
	qd.tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	return qd.tick != NULL ? event_add(qd.tick, &every) : -1;
}

void quotad_close(void)
{
	struct later *l;

	drop_opened();
	while ((l = qd.later) != NULL) {
		qd.later = l->next;
		later_free(l);
	}
	if (qd.tick != NULL)
		event_free(qd.tick);
	plan_quota_guests_close();
	if (qd.table != NULL)
		quota_table_free(qd.table);
	qd.tick = NULL;
	qd.table = NULL;
	qd.conf = NULL;
}
