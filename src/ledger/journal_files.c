/*
 * journal_files.c: a segment's file from its making to its sealing. The ledger thread (and whoever
 * opens the journal, before it).
 *
 * A new file gets its blocks, its header and its name before a writer sees it: made as N.tgj.tmp,
 * preallocated, synced, renamed, the folder synced. From then on a store into the mapping needs no
 * space, and a power cut leaves no file without a header.
 */
#include "ledger/journal_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int preallocate(int fd, off_t at, off_t n)
{
	return posix_fallocate(fd, at, n);
}

struct journal_sys journal_sys = { .fdatasync = fdatasync, .fallocate = preallocate };

int journal_sync_folder(struct journal *j)
{
	return j->opt.durability == JOURNAL_OFF ? 0 : fsync(j->folder_fd);
}

static int sync_file(struct journal *j, int fd)
{
	return j->opt.durability == JOURNAL_OFF ? 0 : journal_sys.fdatasync(fd);
}

void journal_head_store(struct journal_seg *s, unsigned at, uint64_t v)
{
	__atomic_store_n((uint64_t *)(void *)(s->map + at), v, __ATOMIC_RELAXED);
}

/* ---- making */

/* Blocks, mapping and header. -1 with errno. */
static int fill(struct journal *j, struct journal_seg *s)
{
	struct segment_info info = { .number = s->number,
		.incarnation = j->incarnation,
		.writer = s->w->index,
		.created = j->now,
		.synced = SEGMENT_HEAD };
	int error = journal_sys.fallocate(s->fd, 0, (off_t)s->bytes);
	void *p;

	if (error != 0) {
		errno = error;
		return -1;
	}
	p = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (p == MAP_FAILED)
		return -1;
	s->map = p;
	s->guard = journal_guard_add(s);
	memcpy(info.member, j->member, sizeof info.member);
	segment_head_put(s->map, &info);
	return sync_file(j, s->fd);
}

/* errno is kept. */
static void abandon(struct journal_seg *s, const char *path)
{
	int error = errno;

	unlink(path);
	journal_seg_free(s);
	errno = error;
}

struct journal_seg *journal_seg_new(struct journal_writer *w, uint64_t bytes)
{
	struct journal *j = w->j;
	struct journal_seg *s = calloc(1, sizeof *s);
	char tmp[SEGMENT_PATH_MAX], path[SEGMENT_PATH_MAX];

	tg_assert(s != NULL);
	list_init(&s->node);
	s->w = w;
	s->number = j->next_number;
	s->bytes = bytes;
	s->stamp = segment_stamp(s->number, j->incarnation);
	s->synced = s->consumed = SEGMENT_HEAD;
	s->guard = -1;
	atomic_init(&s->end, SEGMENT_HEAD);
	tg_assert(segment_path(tmp, j->folder, s->number, ".tmp") == 0);
	tg_assert(segment_path(path, j->folder, s->number, "") == 0);
	s->fd = open(tmp, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0640);
	if (s->fd < 0 || fill(j, s) != 0 || rename(tmp, path) != 0) {
		abandon(s, tmp);
		return NULL;
	}
	if (journal_sync_folder(j) != 0) {
		abandon(s, path);
		return NULL;
	}
	j->next_number++;
	stat_add(&j->segments, 1);
	list_push_back(&w->segs, &s->node);
	return s;
}

void journal_seg_free(struct journal_seg *s)
{
	if (s->guard >= 0)
		journal_guard_remove(s);
	if (s->map != NULL)
		munmap(s->map, s->bytes);
	if (s->fd >= 0)
		close(s->fd);
	list_del(&s->node);
	free(s->shadow);
	free(s);
}

void journal_seg_drop(struct journal *j, struct journal_seg *s)
{
	char path[SEGMENT_PATH_MAX];

	tg_assert(segment_path(path, j->folder, s->number, "") == 0);
	unlink(path);
	journal_seg_free(s);
	stat_set(&j->segments, stat_get(&j->segments) - 1);
}

/* Four times what a rotation would bring along, if that is more than what is configured. */
static uint64_t bytes_for(struct journal *j, struct journal_writer *w)
{
	uint64_t load = atomic_load_explicit(&w->load, memory_order_relaxed);

	return TG_MAX(j->opt.segment_bytes, (load * 4 + 0xfffff) & ~(uint64_t)0xfffff);
}

/* What the writer has no use for: too small, or with a page that SIGBUS took. */
static void clear_next(struct journal *j, struct journal_writer *w)
{
	struct journal_seg *s = atomic_exchange(&w->rejected, NULL);

	if (s != NULL)
		journal_seg_drop(j, s);
	s = atomic_load(&w->next);
	if (s == NULL || !atomic_load(&s->faulted))
		return;
	s = atomic_exchange(&w->next, NULL);
	if (s != NULL) /* else the writer has just taken it, and will have to leave it */
		journal_seg_drop(j, s);
}

static void prepare(struct journal *j, struct journal_writer *w)
{
	uint64_t bytes = bytes_for(j, w);
	struct journal_seg *s;

	clear_next(j, w);
	if (atomic_load_explicit(&w->next, memory_order_relaxed) != NULL)
		return;
	s = journal_seg_new(w, bytes);
	if (s == NULL) {
		journal_fail(j, "make the next segment in", j->folder, errno);
		return;
	}
	atomic_store_explicit(&w->next_bytes, bytes, memory_order_relaxed);
	atomic_store_explicit(&w->next, s, memory_order_release);
}

void journal_prepare(struct journal *j)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		prepare(j, &j->writers[i]);
}

/* ---- sealing */

static int put_at(int fd, unsigned at, uint64_t v)
{
	return pwrite(fd, &v, sizeof v, at) == sizeof v ? 0 : -1;
}

static int seal_fd(struct journal *j, int fd, uint64_t end, bool whole)
{
	if ((whole && put_at(fd, SEGMENT_AT_SYNCED, end) != 0) ||
		put_at(fd, SEGMENT_AT_SEALED, end) != 0 || ftruncate(fd, (off_t)end) != 0)
		return -1;
	return sync_file(j, fd);
}

int journal_seal(struct journal *j, struct journal_seg *s)
{
	uint64_t end = atomic_load_explicit(&s->end, memory_order_acquire);

	if (seal_fd(j, s->fd, end, false) != 0 ||
		journal_archive_add(j, s->number, false, j->now.us) != 0)
		return -1;
	journal_seg_free(s);
	return 0;
}

int journal_seal_file(struct journal *j, const struct segment_info *info, const char *path,
	uint64_t end, bool whole)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), rc, error;

	if (fd < 0)
		return -1;
	rc = seal_fd(j, fd, end, whole);
	error = errno;
	close(fd);
	errno = error;
	return rc != 0 ? -1 : journal_archive_add(j, info->number, false, j->now.us);
}
