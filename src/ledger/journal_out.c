/*
 * journal_out.c: the file of the segment that is written. The ledger thread (and whoever opens the
 * journal, before it).
 *
 * Written in blocks around the page cache where the file system can (O_DIRECT): a batch costs no
 * pages, and what fdatasync says is about these blocks. The block that a batch begins in is written
 * again with it, from memory, where it has been kept.
 *
 * A file's blocks are filled with zeros a little before records come to them: a write to blocks
 * that have never been written to changes what the file system knows of the file, and then
 * fdatasync has to write that as well, each time.
 *
 * A new file gets its blocks, its header and its name before it is used: made as N.tgj.tmp,
 * preallocated, synced, renamed, the folder synced. So an append needs no space, and a power cut
 * leaves no file without a header. The next one is made when this one is half full.
 */
#include "ledger/journal_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* The header's `synced` is brought up to date after so much, or so long. */
#define MARK_BYTES ((uint64_t)1 << 20)
#define MARK_US    1000000
#define COPY_BYTES ((size_t)1 << 20)
/* As much at a time, and as much is ready at least. */
#define ZERO_BYTES ((uint64_t)1 << 20)

static int preallocate(int fd, off_t at, off_t n)
{
	return posix_fallocate(fd, at, n);
}

struct journal_sys journal_sys = {
	.fdatasync = fdatasync, .pwrite = pwrite, .fallocate = preallocate
};

int journal_sync_folder(struct journal *j)
{
	return j->opt.durability == JOURNAL_OFF ? 0 : fsync(j->folder_fd);
}

int journal_sync_file(struct journal *j, int fd)
{
	return j->opt.durability == JOURNAL_OFF ? 0 : journal_sys.fdatasync(fd);
}

static uint64_t block_of(uint64_t at)
{
	return at & ~(uint64_t)(JOURNAL_BLOCK - 1);
}

static char *blocks(size_t n)
{
	char *p = aligned_alloc(JOURNAL_BLOCK, n);

	tg_assert(p != NULL);
	return p;
}

/* Some file systems take O_DIRECT at open and refuse it at the first write. */
static int put_blocks(struct journal_out *o, const char *p, uint64_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t put = journal_sys.pwrite(o->fd, p, n, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EINVAL && o->direct) {
			o->direct = false;
			if (fcntl(o->fd, F_SETFL, 0) == 0)
				continue;
		}
		if (put <= 0) {
			errno = put == 0 ? EIO : errno;
			return -1;
		}
		p += put;
		n -= (uint64_t)put;
		at += (uint64_t)put;
	}
	return 0;
}

static int open_file(struct journal_out *o, const char *path)
{
	int flags = O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC;

	o->direct = true;
	o->fd = open(path, flags | O_DIRECT, 0640);
	if (o->fd < 0 && errno == EINVAL) {
		o->direct = false;
		o->fd = open(path, flags, 0640);
	}
	return o->fd < 0 ? -1 : 0;
}

/* ---- making */

static int fill(struct journal *j, struct journal_out *o)
{
	int error = journal_sys.fallocate(o->fd, 0, (off_t)o->bytes);

	if (error != 0) {
		errno = error;
		return -1;
	}
	return put_blocks(o, o->first, JOURNAL_BLOCK, 0) == 0 ? journal_sync_file(j, o->fd) : -1;
}

int journal_out_make(struct journal *j, struct journal_out *o)
{
	struct segment_info info = { .number = j->next_number,
		.incarnation = j->incarnation,
		.created = j->now,
		.synced = SEGMENT_HEAD };
	char tmp[SEGMENT_PATH_MAX], path[SEGMENT_PATH_MAX];
	int error;

	tg_assert(segment_path(tmp, j->folder, info.number, ".tmp") == 0);
	tg_assert(segment_path(path, j->folder, info.number, "") == 0);
	memcpy(info.member, j->member, sizeof info.member);
	*o = (struct journal_out){ .fd = -1,
		.number = info.number,
		.bytes = block_of(j->opt.segment_bytes),
		.synced = SEGMENT_HEAD,
		.marked = SEGMENT_HEAD,
		.first = blocks(JOURNAL_BLOCK) };
	memset(o->first, 0, JOURNAL_BLOCK);
	segment_head_put(o->first, &info);
	if (open_file(o, tmp) == 0 && fill(j, o) == 0 && rename(tmp, path) == 0) {
		if (journal_sync_folder(j) == 0) {
			j->next_number++;
			stat_add(&j->segments, 1);
			return 0;
		}
		error = errno;
		(void)unlink(path);
	} else {
		error = errno;
		(void)unlink(tmp);
	}
	journal_out_close(o);
	errno = error;
	return -1;
}

void journal_out_close(struct journal_out *o)
{
	if (o->fd >= 0)
		close(o->fd);
	free(o->first);
	*o = (struct journal_out){ .fd = -1 };
}

void journal_out_drop(struct journal *j, struct journal_out *o)
{
	char path[SEGMENT_PATH_MAX];

	if (o->fd >= 0) {
		tg_assert(segment_path(path, j->folder, o->number, "") == 0);
		(void)unlink(path);
		stat_set(&j->segments, stat_get(&j->segments) - 1);
	}
	journal_out_close(o);
}

static void begin_batches(struct journal *j)
{
	if (j->batch == NULL)
		j->batch = blocks(JOURNAL_BATCH_BYTES + 2 * JOURNAL_BLOCK);
	memcpy(j->batch, j->out.first, JOURNAL_BLOCK);
}

int journal_out_ready(struct journal *j)
{
	bool first = j->out.fd < 0;
	struct journal_out *o = first ? &j->out : &j->spare;

	if (!first && (j->spare.fd >= 0 || j->out.synced < j->out.bytes / 2))
		return 0;
	if (journal_out_make(j, o) != 0) {
		journal_fail(j, "make a segment in", j->folder, errno);
		return first ? -1 : 0;
	}
	if (first)
		begin_batches(j);
	return 0;
}

void journal_out_next(struct journal *j)
{
	journal_archive_full(j, j->out.number, j->out.synced);
	journal_out_close(&j->out);
	if (j->spare.fd < 0)
		return;
	j->out = j->spare;
	j->spare = (struct journal_out){ .fd = -1 };
	begin_batches(j);
}

/* ---- writing */

/* Now and then the header says how far all is on disk; a lower bound is enough. */
static int mark(struct journal *j)
{
	struct journal_out *o = &j->out;
	bool here = block_of(o->synced) == 0; /* the batch's first block is the header's */

	if (!here && o->synced - o->marked < MARK_BYTES &&
		mono_since(j->mono, o->marked_at) < MARK_US)
		return 0;
	memcpy((here ? j->batch : o->first) + SEGMENT_AT_SYNCED, &o->synced, sizeof o->synced);
	if (!here && put_blocks(o, o->first, JOURNAL_BLOCK, 0) != 0)
		return -1;
	o->marked = o->synced;
	o->marked_at = j->mono;
	return 0;
}

static int sync_timed(struct journal *j, int fd)
{
	mono_us before = clock_mono();

	if (j->opt.durability == JOURNAL_OFF)
		return 0;
	if (journal_sys.fdatasync(fd) != 0)
		return -1;
	stat_add(&j->syncs, 1);
	stat_add(&j->sync_us, (uint64_t)mono_since(clock_mono(), before));
	return 0;
}

int journal_out_write(struct journal *j)
{
	struct journal_out *o = &j->out;
	uint64_t from = block_of(o->synced), to = o->synced + j->batch_n,
		 padded = block_of(to + JOURNAL_BLOCK - 1) - from;

	memset(j->batch + (to - from), 0, padded - (to - from));
	if (mark(j) == 0 && put_blocks(o, j->batch, padded, from) == 0 &&
		sync_timed(j, o->fd) == 0) {
		o->failures = 0;
		return 0;
	}
	o->failures++;
	return -1;
}

void journal_out_zero_ahead(struct journal *j)
{
	static _Alignas(JOURNAL_BLOCK) char zeros[ZERO_BYTES]; /* never written to */
	struct journal_out *o = &j->out;
	uint64_t from = TG_MAX(o->zeroed, block_of(o->synced + JOURNAL_BLOCK - 1)), n;

	if (o->fd < 0 || !o->direct || j->stuck || from >= o->bytes ||
		from >= o->synced + ZERO_BYTES)
		return;
	n = TG_MIN(ZERO_BYTES, o->bytes - from);
	/* It only makes things quicker: what is wrong will be said by the batch that fails. */
	if (put_blocks(o, zeros, n, from) == 0)
		o->zeroed = from + n;
	else
		o->zeroed = o->bytes;
}

void journal_out_advance(struct journal *j)
{
	struct journal_out *o = &j->out;
	uint64_t from = block_of(o->synced), last;

	if (from == 0)
		memcpy(o->first, j->batch, JOURNAL_BLOCK);
	o->synced += j->batch_n;
	j->batch_n = 0;
	/* The next batch begins in the last block, or right behind it. */
	last = block_of(o->synced) - from;
	if (last > 0)
		memmove(j->batch, j->batch + last, JOURNAL_BLOCK);
}

/* ---- another file in its place */

/* What is on disk of it, read back. */
static int copy_synced(const struct journal_out *from, struct journal_out *to)
{
	char *p = blocks(COPY_BYTES);
	uint64_t end = block_of(from->synced + JOURNAL_BLOCK - 1), at = 0;
	int rc = 0;

	while (rc == 0 && at < end) {
		size_t n = TG_MIN(COPY_BYTES, (size_t)(end - at));
		ssize_t got = pread(from->fd, p, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got == 0 ? EIO : errno;
			rc = -1;
		} else {
			got = (ssize_t)block_of((uint64_t)got);
			rc = put_blocks(to, p, (uint64_t)got, at);
			at += (uint64_t)got;
		}
	}
	free(p);
	return rc;
}

int journal_out_replace(struct journal *j)
{
	struct journal_out *o = &j->out, new = *o;
	char tmp[SEGMENT_PATH_MAX], path[SEGMENT_PATH_MAX];
	int error;

	tg_assert(segment_path(tmp, j->folder, o->number, ".tmp") == 0);
	tg_assert(segment_path(path, j->folder, o->number, "") == 0);
	if (open_file(&new, tmp) != 0 || fill(j, &new) != 0 || copy_synced(o, &new) != 0 ||
		journal_sync_file(j, new.fd) != 0 || rename(tmp, path) != 0 ||
		journal_sync_folder(j) != 0) {
		error = errno;
		(void)unlink(tmp);
		if (new.fd >= 0)
			close(new.fd);
		errno = error;
		return -1;
	}
	log_notice("ledger segment replaced", "segment=%llu", (unsigned long long)o->number);
	close(o->fd);
	new.failures = 0;
	*o = new;
	return 0;
}
