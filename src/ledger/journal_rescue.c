/*
 * journal_rescue.c: what a disk refused is written again. The ledger thread.
 *
 * After a failed fdatasync the kernel may take the pages for clean: a second fdatasync succeeds and
 * the data is nowhere. So a segment whose sync failed (or a page of whose mapping SIGBUS took) is
 * suspect for good:
 *
 *	1. at once: what had not been synced is copied into memory (the shadow), because the
 *mapping's pages may be dropped and read back old; its writer takes no holds (`blocked`)
 *	2. the next segment is proven to sync; its writer goes there (`move`), carrying its open
 *holds; settlements until then still go to the suspect one, and into its shadow
 *	3. a copy of the whole segment is written, synced, and renamed over it: the same number, the
 *same offsets, so that whoever has read a part reads on
 *	4. holds are taken again
 *
 * A kill between any of these finds either the old file (with all in the page cache) or the copy.
 */
#include "ledger/journal_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

/* What has come since goes into the shadow too: in each round, the kernel may drop it any time. */
void journal_shadow_grow(struct journal_seg *s)
{
	uint64_t end = atomic_load_explicit(&s->end, memory_order_acquire);

	if (s->shadow == NULL || end == s->shadow_to)
		return;
	memcpy(s->shadow + (s->shadow_to - s->shadow_from), s->map + s->shadow_to,
		end - s->shadow_to);
	s->shadow_to = end;
}

void journal_suspect(struct journal *j, struct journal_seg *s, const char *doing, int error)
{
	char path[SEGMENT_PATH_MAX];

	tg_assert(segment_path(path, j->folder, s->number, "") == 0);
	s->suspect = true;
	atomic_store_explicit(&s->w->blocked, true, memory_order_release);
	/* Without memory for it the mapping has to do: it is most likely still whole. */
	s->shadow = malloc(s->bytes - s->synced);
	s->shadow_from = s->shadow_to = s->synced;
	journal_shadow_grow(s);
	journal_fail(j, doing, path, error);
}

/* ---- the copy */

static int put_all(int fd, const char *p, uint64_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t put = pwrite(fd, p, n, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		p += put;
		n -= (uint64_t)put;
		at += (uint64_t)put;
	}
	return 0;
}

/* A page that cannot be read back becomes one of zeros (journal_sigbus.c): a system call would only
 * say EFAULT. */
static void touch(const char *p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i += 4096)
		(void)*(const volatile char *)(p + i);
}

/* Up to where the copy's records can be read without a hole. */
static uint64_t whole_until(const char *bytes, uint64_t end)
{
	uint64_t at = SEGMENT_HEAD;
	struct rec_head head;
	struct rec_id id;
	size_t len;

	while (at < end) {
		enum rec_read rc = rec_glance(str_mk(bytes + at, end - at), &head, &id, &len);

		if (rc != REC_READ_OK && rc != REC_READ_BAD)
			break;
		at += len;
	}
	return at;
}

/* The copy's bytes into its file; its header claims no more than what is whole. */
static int copy_to(struct journal *j, const struct journal_seg *s, int fd, uint64_t end)
{
	uint64_t from = s->shadow != NULL ? s->shadow_from : end,
		 to = s->shadow != NULL ? s->shadow_to : end, whole;
	int error = journal_sys.fallocate(fd, 0, (off_t)s->bytes);
	char *p;

	if (error != 0) {
		errno = error;
		return -1;
	}
	touch(s->map, end);
	if (put_all(fd, s->map, from, 0) != 0 || put_all(fd, s->shadow, to - from, from) != 0 ||
		put_all(fd, s->map + to, end - to, to) != 0)
		return -1;
	p = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	whole = whole_until(p, end);
	munmap(p, s->bytes);
	if (put_all(fd, (const char *)&whole, sizeof whole, SEGMENT_AT_SYNCED) != 0)
		return -1;
	return j->opt.durability == JOURNAL_OFF ? 0 : journal_sys.fdatasync(fd);
}

/* The copy takes the segment's place, on the disk and here. */
static int replace(
	struct journal *j, struct journal_seg *s, int fd, const char *tmp, const char *path)
{
	char *p = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -1;
	if (rename(tmp, path) != 0 || journal_sync_folder(j) != 0) {
		munmap(p, s->bytes);
		return -1;
	}
	if (s->guard >= 0)
		journal_guard_remove(s);
	munmap(s->map, s->bytes);
	close(s->fd);
	s->map = p;
	s->fd = fd;
	s->guard = journal_guard_add(s);
	return 0;
}

static int rescue(struct journal *j, struct journal_seg *s)
{
	uint64_t end = atomic_load_explicit(&s->end, memory_order_acquire);
	char tmp[SEGMENT_PATH_MAX], path[SEGMENT_PATH_MAX];
	int fd;

	tg_assert(segment_path(tmp, j->folder, s->number, ".tmp") == 0);
	tg_assert(segment_path(path, j->folder, s->number, "") == 0);
	fd = open(tmp, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0640);
	if (fd < 0 || copy_to(j, s, fd, end) != 0 || replace(j, s, fd, tmp, path) != 0) {
		journal_fail(j, "write again", path, errno);
		if (fd >= 0)
			close(fd);
		unlink(tmp);
		return -1;
	}
	log_notice("ledger segment rescued", "segment=%llu bytes=%llu",
		(unsigned long long)s->number, (unsigned long long)(end - s->shadow_from));
	free(s->shadow);
	s->shadow = NULL;
	s->suspect = false;
	atomic_store_explicit(&s->faulted, false, memory_order_relaxed);
	stat_add(&j->synced_bytes, end - s->synced);
	s->synced = end;
	return 0;
}

/* ---- the writer's way out */

/* The next segment was made before the disk failed: does it take data? */
static bool next_is_sound(struct journal *j, struct journal_writer *w)
{
	struct journal_seg *next = atomic_load_explicit(&w->next, memory_order_relaxed);

	if (next == NULL)
		return false;
	if (j->opt.durability == JOURNAL_OFF)
		return true;
	journal_head_store(next, SEGMENT_AT_SYNCED, SEGMENT_HEAD);
	if (journal_sys.fdatasync(next->fd) != 0) {
		journal_fail(j, "sync the next segment in", j->folder, errno);
		return false;
	}
	return true;
}

/* Until the writer has left the segment. */
static void lead_out(struct journal *j, struct journal_writer *w)
{
	if (atomic_load_explicit(&w->move, memory_order_relaxed) || !next_is_sound(j, w))
		return;
	atomic_store_explicit(&w->move, true, memory_order_release);
	if (j->on_synced != NULL)
		j->on_synced(j->on_synced_arg, w->index);
}

/* True when the writer has nothing suspect. */
static bool rescue_writer(struct journal *j, struct journal_writer *w)
{
	list_foreach (it, &w->segs) {
		struct journal_seg *s = list_entry(it, struct journal_seg, node);

		if (!s->suspect)
			continue;
		if (!atomic_load_explicit(&s->finished, memory_order_acquire)) {
			lead_out(j, w);
			return false;
		}
		journal_shadow_grow(s);
		if (rescue(j, s) != 0)
			return false;
	}
	return true;
}

bool journal_rescue(struct journal *j)
{
	bool all = true;

	for (unsigned i = 0; i < j->opt.n_writers; i++) {
		struct journal_writer *w = &j->writers[i];

		if (!atomic_load_explicit(&w->blocked, memory_order_relaxed))
			continue;
		if (rescue_writer(j, w))
			atomic_store_explicit(&w->blocked, false, memory_order_release);
		else
			all = false;
	}
	return all;
}
