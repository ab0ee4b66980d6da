/*
 * journal_pack.c: sealed segments are compressed. The ledger thread, in slices: a group's sync is
 * never held up by more than one.
 *
 *	N.tgj --read 1 MB, zstd, write--> N.tgj.zst.tmp --fsync, rename, folder--> N.tgj.zst,
 *									   N.tgj goes
 *
 * Not at once, and only a twentieth of the time: what a burst of requests wrote is compressed when
 * it is over, and not on its account. (One core compresses what some 30,000 requests a second write
 * in that twentieth.)
 *
 * A crash in between leaves the .tmp, which the next start removes, or both forms, of which the raw
 * one is read.
 */
#include "ledger/journal_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define LEVEL       1
#define SLICE_BYTES ((size_t)1 << 20)
#define LOOK_US     1000000 /* between two looks for a segment that is old enough */
#define SHARE       20      /* of this many parts of the time, one */

struct journal_packing {
	uint64_t number;
	int in, out;
	uint64_t at, size, put;
	struct timespec mtime;
	ZSTD_CCtx *z;
	char *raw, *packed; /* a slice of each */
	size_t packed_cap;
};

static struct journal_sealed *sealed_find(struct journal *j, uint64_t number)
{
	for (size_t i = 0; i < j->n_sealed; i++)
		if (j->sealed[i].number == number)
			return &j->sealed[i];
	return NULL;
}

static void packing_free(struct journal *j)
{
	struct journal_packing *p = j->packing;

	if (p == NULL)
		return;
	j->packing = NULL;
	if (p->in >= 0)
		close(p->in);
	if (p->out >= 0)
		close(p->out);
	ZSTD_freeCCtx(p->z);
	free(p->raw);
	free(p->packed);
	free(p);
}

static void paths_of(struct journal *j, uint64_t number, char raw[SEGMENT_PATH_MAX],
	char tmp[SEGMENT_PATH_MAX], char zst[SEGMENT_PATH_MAX])
{
	tg_assert(segment_path(raw, j->folder, number, "") == 0);
	tg_assert(segment_path(tmp, j->folder, number, ".zst.tmp") == 0);
	tg_assert(segment_path(zst, j->folder, number, ".zst") == 0);
}

static int pack_begin(struct journal *j, uint64_t number)
{
	struct journal_packing *p = calloc(1, sizeof *p);
	char raw[SEGMENT_PATH_MAX], tmp[SEGMENT_PATH_MAX], zst[SEGMENT_PATH_MAX];
	struct stat st;

	tg_assert(p != NULL);
	paths_of(j, number, raw, tmp, zst);
	j->packing = p;
	p->number = number;
	p->out = -1;
	p->in = open(raw, O_RDONLY | O_CLOEXEC);
	if (p->in < 0 || fstat(p->in, &st) != 0)
		return -1;
	p->size = (uint64_t)st.st_size;
	p->mtime = st.st_mtim;
	p->out = open(tmp, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0640);
	p->z = ZSTD_createCCtx();
	p->raw = malloc(SLICE_BYTES);
	p->packed_cap = ZSTD_compressBound(SLICE_BYTES) + 1024;
	p->packed = malloc(p->packed_cap);
	if (p->out < 0)
		return -1;
	tg_assert(p->z != NULL && p->raw != NULL && p->packed != NULL);
	(void)ZSTD_CCtx_setParameter(p->z, ZSTD_c_compressionLevel, LEVEL);
	(void)ZSTD_CCtx_setParameter(p->z, ZSTD_c_checksumFlag, 1);
	(void)ZSTD_CCtx_setPledgedSrcSize(p->z, p->size);
	return 0;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

/* One slice in, whatever of it comes out. */
static int pack_slice(struct journal_packing *p)
{
	ssize_t got = pread(p->in, p->raw, SLICE_BYTES, (off_t)p->at);
	ZSTD_inBuffer in = { p->raw, got > 0 ? (size_t)got : 0, 0 };
	bool last;
	size_t left;

	if (got < 0)
		return -1;
	p->at += in.size;
	last = p->at == p->size;
	if (got == 0 && !last) {
		errno = EIO; /* shorter than it was */
		return -1;
	}
	do {
		ZSTD_outBuffer out = { p->packed, p->packed_cap, 0 };

		left = ZSTD_compressStream2(p->z, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left)) {
			errno = EIO;
			return -1;
		}
		if (write_all(p->out, p->packed, out.pos) != 0)
			return -1;
		(void)sync_file_range(p->out, (off_t)p->put, (off_t)out.pos, SYNC_FILE_RANGE_WRITE);
		p->put += out.pos;
	} while (last ? left > 0 : in.pos < in.size);
	return 0;
}

/* All is written: the compressed form takes the raw one's place. */
static int pack_end(struct journal *j)
{
	struct journal_packing *p = j->packing;
	const struct timespec times[2] = { p->mtime, p->mtime };
	char raw[SEGMENT_PATH_MAX], tmp[SEGMENT_PATH_MAX], zst[SEGMENT_PATH_MAX];
	struct journal_sealed *s = sealed_find(j, p->number);

	paths_of(j, p->number, raw, tmp, zst);
	(void)futimens(p->out, times); /* its age is that of its records */
	if (j->opt.durability != JOURNAL_OFF && fsync(p->out) != 0)
		return -1;
	if (rename(tmp, zst) != 0 || journal_sync_folder(j) != 0 || unlink(raw) != 0)
		return -1;
	if (s != NULL)
		s->compressed = true;
	return 0;
}

void journal_pack_drop(struct journal *j)
{
	char raw[SEGMENT_PATH_MAX], tmp[SEGMENT_PATH_MAX], zst[SEGMENT_PATH_MAX];

	if (j->packing == NULL)
		return;
	paths_of(j, j->packing->number, raw, tmp, zst);
	(void)unlink(tmp);
	packing_free(j);
}

bool journal_pack_has(const struct journal *j, uint64_t number)
{
	return j->packing != NULL && j->packing->number == number;
}

/* The oldest one that is to be compressed now; NULL: none. */
static const struct journal_sealed *next_of(const struct journal *j)
{
	for (size_t i = 0; i < j->n_sealed; i++)
		if (!j->sealed[i].compressed &&
			j->now.us - j->sealed[i].mtime_us >= JOURNAL_PACK_AFTER_US)
			return &j->sealed[i];
	return NULL;
}

/* A slice of what is under way; the last one ends it. */
static int go_on(struct journal *j)
{
	struct journal_packing *p = j->packing;

	if (pack_slice(p) != 0)
		return -1;
	if (p->at < p->size)
		return 0;
	if (pack_end(j) != 0)
		return -1;
	packing_free(j);
	return 0;
}

static void failed(struct journal *j)
{
	char raw[SEGMENT_PATH_MAX], tmp[SEGMENT_PATH_MAX], zst[SEGMENT_PATH_MAX];

	paths_of(j, j->packing->number, raw, tmp, zst);
	journal_complain(j, "compress", raw, errno);
	journal_pack_drop(j);
}

bool journal_pack(struct journal *j)
{
	mono_us before = clock_mono();
	const struct journal_sealed *s;

	if (mono_since(j->mono, j->pack_at) < 0)
		return j->packing != NULL;
	if (j->packing == NULL) {
		s = next_of(j);
		if (s == NULL) {
			j->pack_at.us = j->mono.us + LOOK_US;
			return false;
		}
		if (pack_begin(j, s->number) != 0)
			failed(j);
	} else if (go_on(j) != 0) {
		failed(j);
	}
	j->pack_at.us = j->mono.us + (SHARE - 1) * mono_since(clock_mono(), before);
	return j->packing != NULL;
}
