/*
 * segment_open.c: the bytes of a segment's file: mapped, copied while it may grow, or unpacked.
 * Owns the memory of struct segment_read. Any thread, any process.
 */
#include "ledger/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define UNPACKED_MAX ((size_t)1 << 34) /* what a header may claim */

static int fail(char *err, size_t err_len, const char *path, const char *what)
{
	snprintf(err, err_len, "%s: %s", path, what);
	errno = EINVAL;
	return -1;
}

static int fail_errno(char *err, size_t err_len, const char *path, const char *doing)
{
	int e = errno;

	snprintf(err, err_len, "%s: cannot be %s: %s", path, doing, strerror(e));
	errno = e;
	return -1;
}

/* Room for n bytes of zeros, page by page as they are touched. */
static void *room(size_t n)
{
	return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int read_at(int fd, char *to, size_t n, off_t from)
{
	while (n > 0) {
		ssize_t got = pread(fd, to, n, from);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0) /* was cut meanwhile: zeros */
			return 0;
		to += got;
		from += got;
		n -= (size_t)got;
	}
	return 0;
}

/* The next part of the file that holds data, from `at` on; false: there is none. */
static bool next_data(int fd, off_t at, off_t size, off_t *from, off_t *to)
{
	off_t data = lseek(fd, at, SEEK_DATA), hole;

	if (at >= size || (data < 0 && errno == ENXIO))
		return false;
	hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
	*from = hole < 0 ? at : data; /* no such thing here: all of it */
	*to = hole < 0 ? size : TG_MIN(hole, size);
	return *from < *to;
}

/* What is preallocated is not read: it stays zero. */
static int copy_data(int fd, char *to, off_t size)
{
	off_t from, end = 0;

	while (next_data(fd, end, size, &from, &end))
		if (read_at(fd, to + from, (size_t)(end - from), from) != 0)
			return -1;
	return 0;
}

/* Behind the last data. */
static off_t used_of(int fd, off_t size)
{
	off_t from, end = 0, used = 0;

	while (next_data(fd, end, size, &from, &end))
		used = end;
	return used;
}

/* ---- a disk is read from ahead of the walk, and its errors are not the walk's to meet (SIGBUS) */

#define FETCH_BYTES ((uint64_t)1 << 20)
#define AHEAD_BYTES ((uint64_t)8 << 20)

static void fetch_begin(struct segment_read *s, int fd)
{
	s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	s->own =
		s->fd >= 0; /* else, without a descriptor to spare, the walk reads by page faults */
	for (uint64_t at = 0; s->own && at < AHEAD_BYTES; at += FETCH_BYTES)
		(void)readahead(s->fd, (off_t)at, FETCH_BYTES);
}

/* Pages that are there are mapped, others waited for. */
static int fetch_piece(const struct segment_read *s, uint64_t at, size_t n)
{
	char *piece;
	int rc;

	(void)readahead(s->fd, (off_t)(at + AHEAD_BYTES), FETCH_BYTES);
#ifdef MADV_POPULATE_READ
	if (madvise((char *)(uintptr_t)s->bytes.p + at, n, MADV_POPULATE_READ) == 0)
		return 0;
#endif
	piece = malloc(n); /* an older kernel; or to have the error's name */
	tg_assert(piece != NULL);
	rc = read_at(s->fd, piece, n, (off_t)at);
	free(piece);
	return rc;
}

int segment_fetch(struct segment_read *s, uint64_t to)
{
	to = TG_MIN(to, s->bytes.n);
	while (s->own && s->fetched < to) {
		size_t n = (size_t)TG_MIN(FETCH_BYTES, s->bytes.n - s->fetched);

		if (fetch_piece(s, s->fetched, n) != 0)
			return -1;
		s->fetched += n;
	}
	return 0;
}

/* ---- the forms of a file */

static int open_raw(
	struct segment_read *s, int fd, bool own, const char *path, char *err, size_t err_len)
{
	char head[SEGMENT_HEAD];
	struct stat st;
	size_t size;
	void *p;

	memset(head, 0, sizeof head);
	if (fstat(fd, &st) != 0 || read_at(fd, head, sizeof head, 0) != 0)
		return fail_errno(err, err_len, path, "read");
	if (st.st_size < SEGMENT_HEAD || segment_head_get(head, &s->info) != 0)
		return fail(err, err_len, path,
			"not a journal segment: its header is damaged (`tgctl ledger verify` says "
			"more)");
	size = (size_t)st.st_size;
	s->mapped = own || s->info.sealed != 0;
	p = s->mapped ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : room(size);
	if (p == MAP_FAILED)
		return fail_errno(err, err_len, path, "mapped");
	s->map_bytes = size;
	s->bytes = str_mk(p, s->info.sealed != 0 ? TG_MIN(size, s->info.sealed)
						 : (size_t)used_of(fd, st.st_size));
	if (!s->mapped && copy_data(fd, p, st.st_size) != 0) {
		fail_errno(err, err_len, path, "read");
		segment_read_close(s);
		return -1;
	}
	if (s->mapped && s->info.sealed == 0)
		fetch_begin(s, fd);
	return 0;
}

/* The whole frame at once: segments say their size, and fit into memory. */
static int unpack(struct segment_read *s, const char *packed, size_t n, const char *path, char *err,
	size_t err_len)
{
	unsigned long long size = ZSTD_getFrameContentSize(packed, n);
	size_t got;
	char *p;

	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
		size < SEGMENT_HEAD || size > UNPACKED_MAX)
		return fail(err, err_len, path, "not a compressed journal segment");
	p = room((size_t)size);
	if (p == MAP_FAILED)
		return fail_errno(err, err_len, path, "unpacked");
	s->map_bytes = (size_t)size;
	s->bytes = str_mk(p, (size_t)size);
	got = ZSTD_decompress(p, (size_t)size, packed, n);
	if (ZSTD_isError(got) || got != size || segment_head_get(p, &s->info) != 0) {
		segment_read_close(s);
		return fail(err, err_len, path,
			"damaged: it cannot be unpacked (`tgctl ledger verify` says more)");
	}
	return 0;
}

static int open_packed(struct segment_read *s, int fd, const char *path, char *err, size_t err_len)
{
	struct stat st;
	void *p;
	int rc;

	if (fstat(fd, &st) != 0)
		return fail_errno(err, err_len, path, "read");
	if (st.st_size == 0)
		return fail(err, err_len, path, "not a compressed journal segment: it is empty");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return fail_errno(err, err_len, path, "mapped");
	rc = unpack(s, p, (size_t)st.st_size, path, err, err_len);
	munmap(p, (size_t)st.st_size);
	return rc;
}

static int open_any(struct segment_read *s, const char *path, bool own, char *err, size_t err_len)
{
	bool packed = str_ends(str_z(path), STR(".zst"));
	char other[SEGMENT_PATH_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	*s = (struct segment_read){ .mapped = false };
	err[0] = 0;
	if (fd < 0 && errno == ENOENT && !packed &&
		(size_t)snprintf(other, sizeof other, "%s.zst", path) < sizeof other) {
		path = other;
		packed = true;
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return errno == ENOENT ? -1 : fail_errno(err, err_len, path, "opened");
	rc = packed ? open_packed(s, fd, path, err, err_len)
		    : open_raw(s, fd, own, path, err, err_len);
	close(fd);
	return rc;
}

int segment_read_open(struct segment_read *s, const char *path, char *err, size_t err_len)
{
	return open_any(s, path, false, err, err_len);
}

int segment_read_open_own(struct segment_read *s, const char *path, char *err, size_t err_len)
{
	return open_any(s, path, true, err, err_len);
}

void segment_read_close(struct segment_read *s)
{
	if (s->own)
		close(s->fd);
	if (s->bytes.p != NULL)
		munmap((void *)(uintptr_t)s->bytes.p, s->map_bytes);
	*s = (struct segment_read){ .mapped = false };
}
