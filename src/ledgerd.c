/*
 * ledgerd.c: see ledgerd.h. One thread:
 *
 *	journal_tick (sync, consume) -> rollup -> flush every ROLLUP_FLUSH_US -> sleep
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "ledger/journal.h"
#include "ledger/rollup.h"
#include "ledgerd.h"
#include "modules.h"

#define ROLLUP_FLUSH_US 60000000
#define ROLLUP_ROWS     200000
#define FLUSH_AGAIN_US  1000000
#define INTERVAL_MAX_US 1000000 /* of ledger.interval */
#define PATH_BYTES      4096

struct synced_mail { /* "the disk has more", to a worker; one under way at most */
	struct mail mail;
	_Atomic bool under_way;
	struct worker *w;
};

static struct {
	pthread_t thread;
	bool running;
	_Atomic bool stop;
	struct journal *journal;
	struct rollup *rollup;
	struct worker *workers;
	struct synced_mail *mails;
	uint64_t consumed; /* records */
	void (*tell)(const struct rec *r, struct journal_position at);
	mono_us flush_at;
	struct rollup_flush *flush; /* under way */
	pthread_t flush_thread;
	bool flush_thread_runs, flush_failing;
	_Atomic bool flush_written;
	uint64_t flush_floor;  /* of the journal's segments that it has all of */
	char path[PATH_BYTES]; /* empty: no ledger */
} ld;

static void ledgerd_consume(void *arg, const struct rec *r, struct journal_position at)
{
	ld.consumed++;
	rollup_add(arg, r, at);
	if (ld.tell != NULL)
		ld.tell(r, at);
}

/* ---- strict: tell workers */

static void on_synced_mail(struct mail *m, void *owner)
{
	struct synced_mail *sm = TG_CONTAINER_OF(m, struct synced_mail, mail);

	atomic_store(&sm->under_way, false);
	ledger_on_synced(owner);
}

static void ledgerd_synced(void *arg, unsigned writer)
{
	struct synced_mail *sm = &ld.mails[writer];

	(void)arg;
	if (!atomic_exchange(&sm->under_way, true))
		mailbox_send(&sm->w->mbox, &sm->mail);
}

/* ---- the thread */

/* Files of sums are written aside: the journal's syncs must not wait for them. */
static void *flush_main(void *arg)
{
	rollup_flush_write(arg);
	atomic_store(&ld.flush_written, true);
	return NULL;
}

static void flush_begin(void)
{
	ld.flush_floor = journal_consumed_floor(ld.journal);
	ld.flush = rollup_flush_begin(ld.rollup);
	atomic_store(&ld.flush_written, false);
	ld.flush_thread_runs = pthread_create(&ld.flush_thread, NULL, flush_main, ld.flush) == 0;
	if (!ld.flush_thread_runs)
		(void)flush_main(ld.flush);
}

static void flush_end(mono_us now)
{
	char err[512];
	int rc;

	if (ld.flush_thread_runs)
		pthread_join(ld.flush_thread, NULL);
	rc = rollup_flush_end(ld.rollup, ld.flush, err, sizeof(err));
	ld.flush = NULL;
	if (rc == 0)
		journal_consumed_durable(ld.journal, ld.flush_floor);
	else if (!ld.flush_failing)
		log_error("sums of the ledger cannot be written", "reason=\"%s\"", err);
	ld.flush_failing = rc != 0;
	ld.flush_at.us = now.us + (rc == 0 ? ROLLUP_FLUSH_US : FLUSH_AGAIN_US);
}

static void ledgerd_flush(mono_us now)
{
	if (ld.flush != NULL && atomic_load(&ld.flush_written))
		flush_end(now);
	if (ld.flush == NULL && now.us >= ld.flush_at.us)
		flush_begin();
}

static void *ledgerd_main(void *arg)
{
	int64_t us;
	mono_us now;

	(void)arg;
	while (!atomic_load(&ld.stop)) {
		now = clock_mono();
		us = journal_tick(ld.journal, clock_wall(), now, ledgerd_consume, ld.rollup);
		ledgerd_flush(now);
		journal_sleep(ld.journal, us);
	}
	return NULL;
}

/* ---- begin and end */

static int ledgerd_rollup(const char *path, bool salvage, char *err, size_t err_len)
{
	char folder[PATH_BYTES + 16];

	ld.rollup = rollup_new(ROLLUP_ROWS);
	snprintf(folder, sizeof(folder), "%s/rollup", path);
	if (rollup_open(ld.rollup, folder, err, err_len) != 0)
		return -1;
	snprintf(folder, sizeof(folder), "%s/journal", path);
	if (rollup_replay(ld.rollup, folder, salvage, err, err_len) != 0)
		return -1;
	/* what was mended is on disk before anybody asks */
	return rollup_flush(ld.rollup, err, err_len);
}

static void ledgerd_give(struct worker *workers, unsigned n)
{
	ld.workers = workers;
	ld.mails = calloc(n, sizeof(*ld.mails));
	tg_assert(ld.mails != NULL);
	for (unsigned i = 0; i < n; i++) {
		ld.mails[i].mail.on_mail = on_synced_mail;
		ld.mails[i].w = &workers[i];
		workers[i].journal = journal_writer_at(ld.journal, i);
	}
}

int ledgerd_open(const struct config *cfg, uint32_t generation, struct worker *workers, unsigned n,
	char *err, size_t err_len)
{
	const struct cfg_ledger *l = &cfg->ledger;
	struct journal_options opt = { .member = cfg->member,
		.n_writers = n,
		.segment_bytes = (uint64_t)l->segment_bytes,
		.durability = (enum journal_durability)l->durability,
		.interval_us = l->interval_us,
		.retain_us = l->retain_us,
		.told = 1u << REC_LEG | 1u << REC_SETTLE | 1u << REC_VOID,
		.generation = generation,
		.build = PACKAGE_VERSION,
		.salvage = l->salvage };
	char host[64] = "";

	if (str_eq(l->path, STR("none")) || l->path.n == 0) {
		log_warn("no ledger: nothing is kept of what requests cost",
			"directive=ledger.path");
		return 0;
	}
	if (l->path.n >= sizeof(ld.path)) {
		snprintf(err, err_len, "ledger.path is longer than %zu bytes", sizeof(ld.path) - 1);
		return -1;
	}
	memcpy(ld.path, l->path.p, l->path.n);
	opt.path = ld.path;
	if (opt.member.n == 0 && gethostname(host, sizeof(host) - 1) == 0)
		opt.member = str_z(host);
	if (journal_open(&ld.journal, &opt, clock_wall(), err, err_len) != 0)
		return -1;
	if (ledgerd_rollup(ld.path, l->salvage, err, err_len) != 0)
		return -1;
	ledgerd_give(workers, n);
	journal_on_synced(ld.journal, ledgerd_synced, NULL);
	return 0;
}

void ledgerd_tell(void (*f)(const struct rec *r, struct journal_position at))
{
	ld.tell = f;
}

int ledgerd_start(void)
{
	if (ld.journal == NULL)
		return 0;
	ld.flush_at.us = clock_mono().us + ROLLUP_FLUSH_US;
	if (pthread_create(&ld.thread, NULL, ledgerd_main, NULL) != 0)
		return -1;
	ld.running = true;
	return 0;
}

/* Rounds whose sync is due at once, as long as they find something. */
static void ledgerd_consume_rest(void)
{
	mono_us due = { clock_mono().us + INTERVAL_MAX_US };
	uint64_t before;

	do {
		before = ld.consumed;
		(void)journal_tick(ld.journal, clock_wall(), due, ledgerd_consume, ld.rollup);
		due.us += INTERVAL_MAX_US;
	} while (ld.consumed != before);
}

void ledgerd_stop(void)
{
	if (ld.journal == NULL)
		return;
	if (ld.running) {
		atomic_store(&ld.stop, true);
		journal_wake(ld.journal);
		pthread_join(ld.thread, NULL);
		ld.running = false;
	}
	ledgerd_consume_rest();
	if (ld.flush != NULL)
		flush_end(clock_mono());
	flush_begin();
	flush_end(clock_mono());
	journal_close(ld.journal, clock_wall());
	rollup_free(ld.rollup);
	ld.journal = NULL;
}

void ledgerd_free(void)
{
	free(ld.mails);
	ld.mails = NULL;
}

const char *ledgerd_path(void)
{
	return ld.path[0] != '\0' ? ld.path : NULL;
}

struct journal *ledgerd_journal(void)
{
	return ld.journal;
}
