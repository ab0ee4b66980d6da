/*
 * journal_front.c: fronts made, given to their writers, and used again. The ledger thread (and
 * whoever opens the journal, before it).
 *
 * A front's blocks are allocated before its writer sees it: a store into the mapping needs no
 * space. Two a writer are enough: one is written to while the other is brought to its segment.
 */
#include "ledger/journal_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SMALL_BYTES ((uint64_t)4 << 20)
#define LARGE_BYTES ((uint64_t)16 << 20)

/* Blocks, mapping and header. -1 with errno. */
static int fill(struct journal *j, struct journal_front *f)
{
	struct front_info info = {
		.number = f->number, .incarnation = j->incarnation, .writer = f->w->index
	};
	int error = journal_sys.fallocate(f->fd, 0, (off_t)f->bytes);
	void *p;

	if (error != 0) {
		errno = error;
		return -1;
	}
	p = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (p == MAP_FAILED)
		return -1;
	f->map = p;
	f->guard = journal_guard_add(f);
	memcpy(info.member, j->member, sizeof info.member);
	front_head_put(f->map, &info);
	return 0;
}

struct journal_front *journal_front_new(struct journal_writer *w, uint64_t bytes)
{
	struct journal *j = w->j;
	struct journal_front *f = calloc(1, sizeof *f);
	char path[SEGMENT_PATH_MAX], tmp[SEGMENT_PATH_MAX + 8];
	int error;

	tg_assert(f != NULL);
	list_init(&f->node);
	f->w = w;
	f->number = j->next_front++;
	f->bytes = bytes;
	f->guard = -1;
	f->flushed = FRONT_HEAD;
	atomic_init(&f->end, FRONT_HEAD);
	tg_assert(front_path(path, j->folder, f->number) == 0);
	snprintf(tmp, sizeof tmp, "%s.tmp", path);
	f->fd = open(tmp, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0640);
	if (f->fd < 0 || fill(j, f) != 0 || rename(tmp, path) != 0) {
		error = errno;
		(void)unlink(tmp);
		journal_front_free(f, false);
		errno = error;
		return NULL;
	}
	list_push_back(&w->fronts, &f->node);
	return f;
}

void journal_front_free(struct journal_front *f, bool unlink_file)
{
	char path[SEGMENT_PATH_MAX];

	tg_assert(front_path(path, f->w->j->folder, f->number) == 0);
	if (unlink_file)
		(void)unlink(path);
	if (f->guard >= 0)
		journal_guard_remove(f);
	if (f->map != NULL)
		munmap(f->map, f->bytes);
	if (f->fd >= 0)
		close(f->fd);
	list_del(&f->node);
	free(f);
}

/* A quarter of a segment, within bounds, or four times what is reserved and carried. */
uint64_t journal_front_bytes(const struct journal_writer *w)
{
	uint64_t load = atomic_load_explicit(&w->load, memory_order_relaxed),
		 segment = w->j->opt.segment_bytes,
		 bytes = TG_MIN(TG_MAX(segment / 4, SMALL_BYTES), LARGE_BYTES);

	bytes = TG_MIN(bytes, segment);

	return TG_MAX(bytes, (load * 4 + 0xffff) & ~(uint64_t)0xffff);
}

static void give(struct journal_writer *w, struct journal_front *f)
{
	atomic_store_explicit(&w->next_bytes, f->bytes, memory_order_relaxed);
	atomic_store_explicit(&w->next, f, memory_order_release);
}

static bool is_too_small(const struct journal_front *f)
{
	return f->bytes < journal_front_bytes(f->w) / 2;
}

/* What the writer has no use for: too small, or with a page that SIGBUS took. */
static void clear_next(struct journal_writer *w)
{
	struct journal_front *f = atomic_exchange(&w->rejected, NULL);

	if (f != NULL)
		journal_front_free(f, true);
	f = atomic_load(&w->next);
	if (f == NULL || (!atomic_load(&f->faulted) && !is_too_small(f)))
		return;
	f = atomic_exchange(&w->next, NULL);
	if (f != NULL) /* else the writer has just taken it, and will leave it again */
		journal_front_free(f, true);
}

/* One that is being emptied comes back by itself, unless it is too small. */
static bool one_comes_back(const struct journal_writer *w)
{
	const struct journal_front *f = list_entry(w->fronts.next, struct journal_front, node);

	return atomic_load_explicit(&f->finished, memory_order_acquire) && !is_too_small(f);
}

static void prepare(struct journal *j, struct journal_writer *w)
{
	struct journal_front *f;

	clear_next(w);
	if (atomic_load_explicit(&w->next, memory_order_relaxed) != NULL || one_comes_back(w))
		return;
	f = journal_front_new(w, journal_front_bytes(w));
	if (f != NULL)
		give(w, f);
	else
		journal_fail(j, "make a file for what is written in", j->folder, errno);
}

void journal_front_prepare(struct journal *j)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		prepare(j, &j->writers[i]);
}

static void drained(struct journal_front *f)
{
	struct journal_writer *w = f->w;

	if (atomic_load(&f->faulted) || atomic_load(&w->next) != NULL || is_too_small(f)) {
		journal_front_free(f, true);
		return;
	}
	list_del(&f->node);
	list_push_back(&w->fronts, &f->node);
	f->flushed = FRONT_HEAD;
	atomic_store_explicit(&f->finished, false, memory_order_relaxed);
	atomic_store_explicit(&f->end, FRONT_HEAD, memory_order_relaxed);
	give(w, f);
}

void journal_front_recycle(struct journal *j)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++) {
		struct journal_writer *w = &j->writers[i];

		for (;;) {
			struct journal_front *f =
				list_entry(w->fronts.next, struct journal_front, node);

			if (!atomic_load_explicit(&f->finished, memory_order_acquire) ||
				f->flushed != atomic_load_explicit(&f->end, memory_order_acquire))
				break;
			drained(f);
		}
	}
}
