/*
 * journal_tick.c: the ledger thread's round, what it does when something fails, and its sleep. A
 * round that finds nothing to do costs a look at each writer.
 *
 * Waking: while there is nothing to do the thread sleeps until a writer wakes it (`asleep`).
 * Between two syncs of a group it sleeps for the rest of the interval and is not to be woken by
 * what is written: that bounds the wakes to one an interval.
 *
 * Failing: nothing is lost while the fronts have room, and they keep what is on no disk. Holds are
 * refused (`blocked`) while nothing can be made durable; ends are written on. What failed is tried
 * again after a pause that grows, until it succeeds.
 */
#include "ledger/journal_int.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define IDLE_US       1000000
#define ROUND_BATCHES 4 /* then comes what else there is to do, and the next round at once */

/* ---- failing */

static void set_failing(struct journal *j, const char *why)
{
	pthread_mutex_lock(&j->why_lock);
	snprintf(j->why, sizeof j->why, "%s", why);
	pthread_mutex_unlock(&j->why_lock);
	if (!atomic_exchange(&j->failing, true))
		log_error("ledger fails",
			"why=\"%s\" effect=\"new requests are refused while nothing can be "
			"written\"",
			why);
}

static void set_working(struct journal *j)
{
	j->retry_us = 0;
	if (atomic_exchange(&j->failing, false))
		log_notice("ledger works again", "path=%s", j->path);
}

void journal_fail(struct journal *j, const char *doing, const char *path, int error)
{
	char why[sizeof j->why];

	snprintf(why, sizeof why, "%s: cannot %s: %s", path, doing, strerror(error));
	stat_add(&j->failures, 1);
	set_failing(j, why);
	if (mono_since(j->retry_at, j->mono) > 0) /* not the first of this round */
		return;
	j->retry_us = j->retry_us == 0 ? JOURNAL_RETRY_MIN_US
				       : TG_MIN(j->retry_us * 2, JOURNAL_RETRY_MAX_US);
	j->retry_at.us = j->mono.us + j->retry_us;
}

void journal_complain(struct journal *j, const char *doing, const char *path, int error)
{
	stat_add(&j->failures, 1);
	log_warn("ledger housekeeping failed", "cannot=\"%s\" path=%s error=\"%s\" again_s=%d",
		doing, path, strerror(error), JOURNAL_COMPLAIN_US / 1000000);
	j->keep_at.us = j->mono.us + JOURNAL_COMPLAIN_US;
}

static void set_blocked(struct journal *j, bool blocked)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		atomic_store_explicit(&j->writers[i].blocked, blocked, memory_order_relaxed);
}

static bool may_retry(const struct journal *j)
{
	return j->retry_us == 0 || mono_since(j->mono, j->retry_at) >= 0;
}

/* Its writer leaves such a front by itself; what is in it goes to the segment as ever. */
static void notice_faults(struct journal *j)
{
	char path[SEGMENT_PATH_MAX];

	for (unsigned i = 0; i < j->opt.n_writers; i++)
		list_foreach (it, &j->writers[i].fronts) {
			struct journal_front *f = list_entry(it, struct journal_front, node);

			if (f->told || !atomic_load_explicit(&f->faulted, memory_order_acquire))
				continue;
			f->told = true;
			tg_assert(front_path(path, j->folder, f->number) == 0);
			journal_fail(j, "write through the mapping", path, EIO);
		}
}

/* ---- the disk */

/* True when there is more than a round's share. */
static bool flush(struct journal *j, journal_consume_f *consume, void *arg)
{
	j->last_sync = j->mono;
	for (unsigned i = 0; i < ROUND_BATCHES; i++) {
		if (j->out.fd < 0 && (!may_retry(j) || journal_out_ready(j) != 0)) {
			set_blocked(j, true);
			return false;
		}
		switch (journal_flush(j, consume, arg)) {
		case JOURNAL_FLUSH_FAILED: set_blocked(j, true); return false;
		case JOURNAL_FLUSH_NOTHING: return false;
		case JOURNAL_FLUSH_DONE: set_blocked(j, false); return false;
		case JOURNAL_FLUSH_MORE: break;
		}
	}
	return true;
}

int journal_flush_all(struct journal *j)
{
	for (;;) {
		if (j->out.fd < 0 && journal_out_ready(j) != 0)
			return -1;
		switch (journal_flush(j, NULL, NULL)) {
		case JOURNAL_FLUSH_FAILED: return -1;
		case JOURNAL_FLUSH_NOTHING:
		case JOURNAL_FLUSH_DONE: return 0;
		case JOURNAL_FLUSH_MORE: break;
		}
	}
}

static bool is_due(const struct journal *j)
{
	if (j->stuck && !may_retry(j))
		return false;
	return journal_is_dirty(j) &&
	       (j->more || j->opt.durability == JOURNAL_STRICT ||
		       mono_since(j->mono, j->last_sync) >= j->opt.interval_us);
}

/* ---- what is open moves to newer segments, so that older ones can be sealed */

/* First what is open, then what is written: a hold in between is written behind (count_open). */
static bool is_idle(const struct journal_writer *w)
{
	if (atomic_load_explicit(&w->n_open, memory_order_acquire) != 0)
		return false;
	list_foreach (it, &w->fronts) {
		const struct journal_front *f = list_entry(it, struct journal_front, node);

		if (atomic_load_explicit(&f->end, memory_order_acquire) != f->flushed)
			return false;
	}
	return true;
}

static void ask_checkpoints(struct journal *j)
{
	if (j->n_full == 0 || j->out.fd < 0 || j->out.synced == SEGMENT_HEAD)
		return;
	for (unsigned i = 0; i < j->opt.n_writers; i++) {
		struct journal_writer *w = &j->writers[i];

		if (w->carried_to >= j->out.number || w->asked_for != 0)
			continue;
		if (is_idle(w)) {
			w->carried_to = j->out.number;
			continue;
		}
		w->asked_for = j->out.number;
		atomic_store_explicit(&w->checkpoint, true, memory_order_release);
		if (j->on_synced != NULL)
			j->on_synced(j->on_synced_arg, i);
	}
}

uint64_t journal_consumed_floor(const struct journal *j)
{
	return j->out.fd >= 0 ? j->out.number : j->next_number;
}

/* ---- the round */

/* What can wait, a slice of each; true when a segment is being compressed. */
static bool keep_house(struct journal *j)
{
	ask_checkpoints(j);
	if (mono_since(j->mono, j->keep_at) < 0)
		return false;
	journal_archive_seal(j);
	journal_archive_retire(j);
	return journal_pack(j);
}

/* What has to be there before it is needed, and what has failed before, once its time has come. */
static void prepare(struct journal *j)
{
	uint64_t failures = stat_get(&j->failures);

	if (!may_retry(j))
		return;
	journal_front_prepare(j);
	if (journal_out_ready(j) == 0 && !j->stuck && stat_get(&j->failures) == failures) {
		set_working(j);
		set_blocked(j, false);
	}
}

/* How long until there is something to do by itself, and whether what is written is waited for. */
static int64_t pause_after(struct journal *j, bool packing)
{
	int64_t us = IDLE_US, rest = j->opt.interval_us - mono_since(j->mono, j->last_sync);
	bool dirty = journal_is_dirty(j) && !j->stuck && j->out.fd >= 0;

	if (j->more || (dirty && j->opt.durability == JOURNAL_STRICT))
		return 0;
	j->idle = !dirty && rest <= 0;
	if (!j->idle)
		us = TG_MAX(rest, 0);
	if (packing)
		us = TG_MIN(us, TG_MAX(mono_since(j->pack_at, j->mono), 0));
	if (j->n_full > 0)
		us = TG_MIN(us, j->opt.interval_us);
	if (j->retry_us != 0)
		us = TG_MIN(us, TG_MAX(mono_since(j->retry_at, j->mono), 0));
	return us;
}

int64_t journal_tick(
	struct journal *j, wall_us now, mono_us mono, journal_consume_f *consume, void *arg)
{
	CHECK_OBJ(j, JOURNAL_MAGIC);
	j->now = now;
	j->mono = mono;
	j->woken = atomic_load(&j->wake_word);
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		atomic_store(&j->writers[i].dirty, false);
	notice_faults(j);
	prepare(j);
	j->more = is_due(j) && flush(j, consume, arg);
	journal_front_recycle(j);
	if (j->last_sync.us == j->mono.us) /* this round has written */
		journal_out_zero_ahead(j);
	return pause_after(j, !j->more && keep_house(j));
}

/* ---- sleeping */

static void futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t us)
{
	struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	/* woken, timed out, interrupted, or changed before: the tick looks for itself */
	(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &t, NULL, 0);
}

static bool any_wrote(struct journal *j)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		if (atomic_load(&j->writers[i].dirty))
			return true;
	return false;
}

void journal_sleep(struct journal *j, int64_t us)
{
	if (us <= 0)
		return;
	if (j->idle || j->opt.durability == JOURNAL_STRICT) {
		atomic_store(&j->asleep, true);
		if (any_wrote(j)) {
			atomic_store(&j->asleep, false);
			return;
		}
	}
	futex_wait(&j->wake_word, j->woken, us);
	atomic_store(&j->asleep, false);
}

void journal_wake(struct journal *j)
{
	atomic_fetch_add(&j->wake_word, 1);
	(void)syscall(SYS_futex, &j->wake_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void journal_on_synced(struct journal *j, void (*fn)(void *arg, unsigned writer), void *arg)
{
	j->on_synced = fn;
	j->on_synced_arg = arg;
}
