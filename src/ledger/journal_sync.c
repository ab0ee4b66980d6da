/*
 * journal_sync.c: the ledger thread's round: what was written becomes durable, then known to the
 * consumer; and its sleep. A round that finds nothing to do costs a look at each writer.
 *
 * Waking: while there is nothing to do the thread sleeps until a writer wakes it (`asleep`).
 * Between two syncs of a group it sleeps for the rest of the interval and is not to be woken by
 * what is written: that bounds the wakes to one an interval.
 */
#include "ledger/journal_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define CONSUME_BYTES                                                              \
	((uint64_t)4 << 20) /* a round hands over so much at most, and comes again \
			     */
#define IDLE_US 1000000

/* ---- failing */

static void set_failing(struct journal *j, const char *why)
{
	pthread_mutex_lock(&j->why_lock);
	snprintf(j->why, sizeof j->why, "%s", why);
	pthread_mutex_unlock(&j->why_lock);
	if (!atomic_exchange(&j->failing, true))
		log_error("ledger fails",
			"why=\"%s\" effect=\"no new requests once there is no room\"", why);
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

static void set_working(struct journal *j)
{
	j->retry_us = 0;
	if (atomic_exchange(&j->failing, false))
		log_notice("ledger works again", "path=%s", j->path);
}

/* ---- fdatasync */

static uint64_t end_of(const struct journal_seg *s)
{
	return atomic_load_explicit(&s->end, memory_order_acquire);
}

void journal_sync_seg(struct journal *j, struct journal_seg *s)
{
	uint64_t end = end_of(s);
	mono_us before;

	if (end == s->synced)
		return;
	if (j->opt.durability != JOURNAL_OFF) {
		before = clock_mono();
		if (journal_sys.fdatasync(s->fd) != 0) {
			journal_suspect(j, s, "sync", errno);
			return;
		}
		stat_add(&j->syncs, 1);
		stat_add(&j->sync_us, (uint64_t)mono_since(clock_mono(), before));
	}
	stat_add(&j->synced_bytes, end - s->synced);
	s->synced = end;
	journal_head_store(s, SEGMENT_AT_SYNCED, end);
}

/*
 * All that one writer has written, in order; nothing is durable behind what is not. Whether a
 * segment is finished is asked before it is synced: only then is its end the end, and what the
 * writer did in the next one meanwhile waits for the next round.
 */
static void sync_writer(struct journal *j, struct journal_writer *w)
{
	bool moved = false;

	list_foreach_safe (it, tmp, &w->segs) {
		struct journal_seg *s = list_entry(it, struct journal_seg, node);
		bool finished = atomic_load_explicit(&s->finished, memory_order_acquire);
		uint64_t was = s->synced;

		if (!s->suspect)
			journal_sync_seg(j, s);
		if (s->suspect)
			break;
		if (s->synced > was) {
			atomic_store_explicit(
				&w->synced, s->base + s->synced, memory_order_release);
			moved = true;
		}
		if (!finished)
			break;
	}
	if (moved && j->opt.durability == JOURNAL_STRICT && j->on_synced != NULL)
		j->on_synced(j->on_synced_arg, w->index);
}

/* Behind what is suspect nothing is synced. */
static bool is_dirty(const struct journal_writer *w)
{
	list_foreach (it, &w->segs) {
		const struct journal_seg *s = list_entry(it, struct journal_seg, node);

		if (s->suspect)
			return false;
		if (end_of(s) != s->synced)
			return true;
	}
	return false;
}

/* Several disks' worth of writers: their data is on its way before the first is waited for. */
static void start_writing(struct journal *j)
{
	unsigned n = 0;

	if (j->opt.durability == JOURNAL_OFF || j->opt.n_writers < 2)
		return;
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		n += is_dirty(&j->writers[i]);
	if (n < 2)
		return;
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		list_foreach (it, &j->writers[i].segs) {
			struct journal_seg *s = list_entry(it, struct journal_seg, node);

			/* an error shows in fdatasync */
			if (!s->suspect && end_of(s) != s->synced)
				(void)sync_file_range(s->fd, (off_t)s->synced,
					(off_t)(end_of(s) - s->synced), SYNC_FILE_RANGE_WRITE);
		}
}

static bool any_dirty(struct journal *j)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		if (is_dirty(&j->writers[i]))
			return true;
	return false;
}

static void sync_all(struct journal *j)
{
	start_writing(j);
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		sync_writer(j, &j->writers[i]);
	j->last_sync = j->mono;
}

/* ---- consumption */

/* From the unreadable place on: a page that SIGBUS took. What is behind it counts. */
static bool skip_hole(struct journal *j, struct journal_seg *s, uint64_t end)
{
	struct segment_read view = { .info = { .number = s->number, .incarnation = j->incarnation },
		.bytes = str_mk(s->map, end) };
	uint64_t at = s->consumed;

	if (!segment_resync(&view, &at, 0))
		at = end;
	log_error("ledger lost records", "segment=%llu from=%llu to=%llu",
		(unsigned long long)s->number, (unsigned long long)s->consumed,
		(unsigned long long)at);
	stat_add(&j->torn_bytes, at - s->consumed);
	s->consumed = at;
	return at < end;
}

/* Up to what is durable. Returns the bytes handed over. */
static uint64_t consume_seg(struct journal *j, struct journal_seg *s, uint64_t most,
	journal_consume_f *consume, void *arg)
{
	uint64_t from = s->consumed;

	while (s->consumed < s->synced && s->consumed - from < most) {
		struct str rest = str_mk(s->map + s->consumed, s->synced - s->consumed);
		struct rec r;
		size_t len = 0;
		enum rec_read rc = rec_decode(rest, &r, &len);
		struct journal_position at = { s->number, s->consumed + len };

		if (rc == REC_READ_OK && !(r.flags & REC_CARRIED) && consume != NULL)
			consume(arg, &r, at);
		if (rc == REC_READ_OK || rc == REC_READ_BAD)
			s->consumed += len;
		else if (!skip_hole(j, s, s->synced))
			break;
	}
	return s->consumed - from;
}

/* True when some is left. */
static bool consume_all(struct journal *j, journal_consume_f *consume, void *arg)
{
	uint64_t most = CONSUME_BYTES;

	for (unsigned i = 0; i < j->opt.n_writers; i++)
		list_foreach (it, &j->writers[i].segs) {
			struct journal_seg *s = list_entry(it, struct journal_seg, node);
			bool finished = atomic_load_explicit(&s->finished, memory_order_acquire);

			most -= TG_MIN(most, consume_seg(j, s, most, consume, arg));
			/* in the order they were written, also over segments */
			if (s->suspect || !finished || s->consumed < end_of(s))
				break;
		}
	return most == 0;
}

uint64_t journal_consumed_floor(const struct journal *j)
{
	uint64_t floor = j->next_number;

	for (unsigned i = 0; i < j->opt.n_writers; i++)
		list_foreach (it, &j->writers[i].segs) {
			const struct journal_seg *s = list_entry(it, struct journal_seg, node);

			floor = TG_MIN(floor, s->number);
		}
	return floor;
}

/* ---- sealing */

/* The carried holds of the next one are safe: this one is not needed to recover. */
static bool succeeded(const struct journal_writer *w, const struct journal_seg *s)
{
	const struct journal_seg *next;

	if (s->node.next == &w->segs)
		return false;
	next = list_entry(s->node.next, struct journal_seg, node);
	return next->carry_end != 0 && next->synced >= next->carry_end;
}

/* One finished segment of the writer at most, so that the next sync is not held up. */
static void seal_one(struct journal *j, struct journal_writer *w)
{
	struct journal_seg *s;

	if (list_empty(&w->segs))
		return;
	s = list_entry(w->segs.next, struct journal_seg, node);
	if (!atomic_load_explicit(&s->finished, memory_order_acquire) || s->suspect ||
		s->synced != end_of(s) || s->consumed != s->synced || !succeeded(w, s))
		return;
	if (journal_seal(j, s) != 0)
		journal_complain(j, "seal a segment", j->folder, errno);
}

/* ---- the round */

/* How long until there is something to do by itself, and whether what is written is waited for. */
static int64_t pause_after(struct journal *j, bool left, bool packing)
{
	int64_t us = IDLE_US, rest = j->opt.interval_us - mono_since(j->mono, j->last_sync);
	bool dirty = any_dirty(j);

	if (left || (dirty && j->opt.durability == JOURNAL_STRICT))
		return 0;
	j->idle = !dirty && rest <= 0;
	if (!j->idle)
		us = TG_MAX(rest, 0);
	if (packing)
		us = TG_MIN(us, j->opt.interval_us);
	if (j->retry_us != 0)
		us = TG_MIN(us, TG_MAX(mono_since(j->retry_at, j->mono), 0));
	return us;
}

/* A segment of whose mapping SIGBUS took a page. The next one is simply replaced (journal_prepare).
 */
static void notice_faults(struct journal *j)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++) {
		struct journal_writer *w = &j->writers[i];

		list_foreach (it, &w->segs) {
			struct journal_seg *s = list_entry(it, struct journal_seg, node);

			if (s->suspect)
				journal_shadow_grow(s);
			else if (s != atomic_load(&w->next) &&
				 atomic_load_explicit(&s->faulted, memory_order_acquire))
				journal_suspect(j, s, "write through the mapping", EIO);
		}
	}
}

/* What has failed before, once its time has come. */
static void repair(struct journal *j)
{
	uint64_t failures = stat_get(&j->failures);
	bool whole;

	if (j->retry_us != 0 && mono_since(j->mono, j->retry_at) < 0)
		return;
	journal_prepare(j);
	whole = journal_rescue(j);
	if (stat_get(&j->failures) != failures)
		return;
	if (whole)
		set_working(j);
	else /* a writer has to leave its segment first */
		j->retry_at.us = j->mono.us + JOURNAL_POLL_US;
}

/* What can wait, a slice of each; true when there is more. */
static bool keep_house(struct journal *j)
{
	if (mono_since(j->mono, j->keep_at) < 0)
		return false;
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		seal_one(j, &j->writers[i]);
	journal_archive_retire(j);
	return journal_archive_slice(j);
}

int64_t journal_tick(
	struct journal *j, wall_us now, mono_us mono, journal_consume_f *consume, void *arg)
{
	bool left;

	CHECK_OBJ(j, JOURNAL_MAGIC);
	j->now = now;
	j->mono = mono;
	j->woken = atomic_load(&j->wake_word);
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		atomic_store(&j->writers[i].dirty, false);
	notice_faults(j);
	repair(j);
	if (any_dirty(j) && (j->opt.durability == JOURNAL_STRICT ||
				    mono_since(mono, j->last_sync) >= j->opt.interval_us))
		sync_all(j);
	left = consume_all(j, consume, arg);
	return pause_after(j, left, !left && keep_house(j));
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
