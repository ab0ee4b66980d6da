/*
 * journal_flush.c: batches: what writers have in their fronts goes to the segment, to the disk, and
 * to the consumer, whole records in the order of each writer. The ledger thread.
 *
 *	form   take records of every writer, as the segment's next ones
 *	write  the batch's blocks, fdatasync                  failed: again, the same bytes
 *	commit consume, let the fronts go
 *
 * A batch that failed is written again as it is: what a failed write left in the file is
 * overwritten by the same bytes. The fronts keep their records until they are on disk, so nothing
 * depends on what the kernel does with pages that it could not write. A batch is in one segment.
 *
 * A REC_WRITER before each row of records says whose they are and from which number on: that alone
 * tells recovery what of a front has arrived, so nothing is written to fronts here, and a death
 * between the write and the fronts' next use leaves no doubt. Each segment begins with one of every
 * writer: then the segments before it are not needed for that.
 */
#include "ledger/journal_int.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

#define WRITER_BYTES 64 /* at most, of a REC_WRITER */

/* ---- form */

static void extent_add(struct journal *j, const struct journal_extent *e)
{
	if (j->n_extents == j->cap_extents) {
		j->cap_extents = j->cap_extents * 2 + 16;
		j->extents = realloc(j->extents, j->cap_extents * sizeof *j->extents);
		tg_assert(j->extents != NULL);
	}
	j->extents[j->n_extents++] = *e;
}

static char *batch_end(struct journal *j)
{
	return j->batch + (j->out.synced & (JOURNAL_BLOCK - 1)) + j->batch_n;
}

static bool batch_fits(const struct journal *j, uint64_t n)
{
	return j->batch_n + n <= JOURNAL_BATCH_BYTES &&
	       j->out.synced + j->batch_n + n <= j->out.bytes;
}

static void put_writer(struct journal *j, const struct journal_writer *w, uint64_t seq)
{
	struct rec_writer rec = { .index = w->index, .seq = seq };
	struct rec_head head = { .type = REC_WRITER,
		.stamp = segment_stamp(j->out.number, j->incarnation),
		.seq = ++j->out.seq,
		.time = j->now };

	j->batch_n += rec_put(batch_end(j), &head, &rec);
}

static void put_record(struct journal *j, const char *record, size_t len)
{
	rec_stamp(batch_end(j), record, len, segment_stamp(j->out.number, j->incarnation),
		++j->out.seq);
	j->batch_n += len;
}

/* A page of the front was lost: on to the next record that can be read. */
static uint64_t skip_lost(
	struct journal *j, const struct journal_front *f, uint64_t at, uint64_t end)
{
	uint64_t from = at;

	for (at += 8; at < end; at += 8) {
		struct rec_head head;
		struct rec_id id;
		size_t len;

		if (rec_glance(str_mk(f->map + at, end - at), &head, &id, &len) == REC_READ_OK &&
			head.stamp == f->w->stamp)
			break;
	}
	at = TG_MIN(at, end);
	log_error("ledger lost records", "front=%llu from=%llu to=%llu",
		(unsigned long long)f->number, (unsigned long long)from, (unsigned long long)at);
	stat_add(&j->torn_bytes, at - from);
	return at;
}

/* The whole record at `at`: its length; 0: its bytes were lost. Only after a fault it is looked at.
 */
static size_t whole_record(const struct journal_front *f, uint64_t at, uint64_t end, bool faulted)
{
	struct rec_head head;
	struct rec_id id;
	size_t len = rec_length(f->map + at);

	if (!faulted)
		return len;
	return rec_glance(str_mk(f->map + at, end - at), &head, &id, &len) == REC_READ_OK ? len : 0;
}

/* Records of the front as the segment's next ones, until the batch or the segment is full. */
static bool take_front(struct journal *j, struct journal_front *f)
{
	uint64_t end = atomic_load_explicit(&f->end, memory_order_acquire), at = f->flushed;
	struct journal_extent e = { .f = f, .at = j->out.synced + j->batch_n, .next = f->w->come };
	bool faulted = atomic_load_explicit(&f->faulted, memory_order_acquire), full = false;
	bool named = false; /* whose the next record is */

	while (at < end && !full) {
		size_t len = whole_record(f, at, end, faulted);
		uint64_t seq;

		if (len == 0) {
			at = skip_lost(j, f, at, end);
			continue;
		}
		full = !batch_fits(j, len + WRITER_BYTES);
		if (full)
			break;
		memcpy(&seq, f->map + at + 16, sizeof seq);
		if (!named || seq != e.next)
			put_writer(j, f->w, seq);
		named = true;
		put_record(j, f->map + at, len);
		e.next = seq + 1;
		at += len;
	}
	e.to = at;
	if (at > f->flushed) {
		extent_add(j, &e);
		f->w->come = e.next;
	}
	return !full;
}

/* A writer's fronts in their order: one counts only when the one before it is final, and taken. */
static bool take_writer(struct journal *j, struct journal_writer *w)
{
	list_foreach (it, &w->fronts) {
		struct journal_front *f = list_entry(it, struct journal_front, node);
		bool final = atomic_load_explicit(&f->finished, memory_order_acquire);

		if (!take_front(j, f))
			return false;
		if (!final)
			break;
	}
	return true;
}

/* True when it got full. Who is first in it changes, so that nobody is last for ever. */
static bool form(struct journal *j)
{
	unsigned n = j->opt.n_writers, first = j->turn++;

	if (j->out.synced == SEGMENT_HEAD)
		for (unsigned i = 0; i < n; i++)
			put_writer(j, &j->writers[i], j->writers[i].come);
	for (unsigned i = 0; i < n; i++)
		if (!take_writer(j, &j->writers[(i + first) % n]))
			return true;
	return false;
}

/* ---- commit */

/* What the consumer is told, and the journal itself: carried copies are nobody's. */
static void tell(struct journal *j, struct journal_writer *w, const char *p, size_t len,
	uint64_t at, journal_consume_f *consume, void *arg)
{
	struct journal_position position = { j->out.number, at + len };
	enum rec_type type = (enum rec_type)(uint8_t)p[8];
	struct rec r;
	size_t n;

	if (type == REC_CHECKPOINT) {
		w->carried_to = w->asked_for;
		w->asked_for = 0;
	}
	if (consume == NULL || (type > REC_CHECKPOINT && type != REC_EXTEND) ||
		!(j->opt.told & 1u << type))
		return;
	if (rec_decode(str_mk(p, len), &r, &n) == REC_READ_OK && !(r.flags & REC_CARRIED))
		consume(arg, &r, position);
}

static void tell_extent(struct journal *j, const struct journal_extent *e, const char *p,
	uint64_t end, journal_consume_f *consume, void *arg)
{
	for (uint64_t at = e->at; at < end;) {
		size_t len = rec_length(p);

		tell(j, e->f->w, p, len, at, consume, arg);
		at += len;
		p += len;
	}
}

static void let_go(struct journal *j, const struct journal_extent *e)
{
	struct journal_front *f = e->f;
	struct journal_writer *w = f->w;

	stat_add(&j->synced_bytes, e->to - f->flushed);
	f->flushed = e->to;
	atomic_store_explicit(&w->synced, f->base + e->to, memory_order_release);
	if (j->opt.durability == JOURNAL_STRICT && j->on_synced != NULL)
		j->on_synced(j->on_synced_arg, w->index);
}

/* ---- a batch */

static enum journal_flushed batch_failed(struct journal *j)
{
	char path[SEGMENT_PATH_MAX];
	int error = errno;

	tg_assert(segment_path(path, j->folder, j->out.number, "") == 0);
	/* The same blocks may be bad for ever: other ones. */
	if (j->out.failures >= 3 && journal_out_replace(j) != 0)
		error = errno;
	j->stuck = true;
	journal_fail(j, "write", path, error);
	return JOURNAL_FLUSH_FAILED;
}

static void commit(struct journal *j, journal_consume_f *consume, void *arg)
{
	uint64_t synced = j->out.synced, begin = synced & (JOURNAL_BLOCK - 1);

	for (size_t i = 0; i < j->n_extents; i++) {
		const struct journal_extent *e = &j->extents[i];
		uint64_t end = i + 1 < j->n_extents ? j->extents[i + 1].at : synced + j->batch_n;

		tell_extent(j, e, j->batch + begin + (e->at - synced), end, consume, arg);
	}
	for (size_t i = 0; i < j->n_extents; i++)
		let_go(j, &j->extents[i]);
	j->n_extents = 0;
	j->formed = false;
	journal_out_advance(j);
	j->stuck = false;
}

enum journal_flushed journal_flush(struct journal *j, journal_consume_f *consume, void *arg)
{
	if (!j->formed)
		j->batch_full = form(j);
	j->formed = j->n_extents > 0 || j->batch_n > 0;
	if (!j->formed && !j->batch_full)
		return JOURNAL_FLUSH_NOTHING;
	if (!j->formed) { /* not even one record fits */
		journal_out_next(j);
		return JOURNAL_FLUSH_MORE;
	}
	if (j->batch_n > 0 && journal_out_write(j) != 0)
		return batch_failed(j);
	commit(j, consume, arg);
	return j->batch_full ? JOURNAL_FLUSH_MORE : JOURNAL_FLUSH_DONE;
}

bool journal_is_dirty(const struct journal *j)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		list_foreach (it, &j->writers[i].fronts) {
			const struct journal_front *f = list_entry(it, struct journal_front, node);

			if (atomic_load_explicit(&f->end, memory_order_acquire) != f->flushed)
				return true;
		}
	return false;
}
