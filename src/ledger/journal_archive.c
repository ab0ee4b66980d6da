/*
 * journal_archive.c: segments that are written to their end: sealed when nothing open is left in
 * them, deleted when they are old and what was made of them is safe. The ledger thread, one at a
 * time. journal_pack.c compresses them in between.
 */
#include "ledger/journal_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define RETIRE_US 1000000

/* ---- what there is */

static void sealed_remove(struct journal *j, size_t i)
{
	j->n_sealed--;
	memmove(&j->sealed[i], &j->sealed[i + 1], (j->n_sealed - i) * sizeof *j->sealed);
}

int journal_archive_add(struct journal *j, uint64_t number, bool compressed, int64_t mtime_us)
{
	size_t i;

	if (j->n_sealed == j->cap_sealed) {
		size_t cap = j->cap_sealed > 0 ? j->cap_sealed * 2 : 64;
		struct journal_sealed *v = realloc(j->sealed, cap * sizeof *v);

		if (v == NULL)
			return -1;
		j->sealed = v;
		j->cap_sealed = cap;
	}
	for (i = j->n_sealed; i > 0 && j->sealed[i - 1].number > number; i--)
		j->sealed[i] = j->sealed[i - 1];
	j->sealed[i] = (struct journal_sealed){ number, mtime_us, compressed };
	j->n_sealed++;
	return 0;
}

/* ---- sealing */

void journal_archive_full(struct journal *j, uint64_t number, uint64_t end)
{
	if (j->n_full == j->cap_full) {
		j->cap_full = j->cap_full * 2 + 8;
		j->full = realloc(j->full, j->cap_full * sizeof *j->full);
		tg_assert(j->full != NULL);
	}
	j->full[j->n_full++] = (struct journal_full){ number, end };
}

static int put_at(int fd, unsigned at, uint64_t v)
{
	return pwrite(fd, &v, sizeof v, at) == sizeof v ? 0 : -1;
}

int journal_seal(struct journal *j, uint64_t number, uint64_t end, bool whole)
{
	char path[SEGMENT_PATH_MAX];
	int fd, rc, error;

	tg_assert(segment_path(path, j->folder, number, "") == 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = (whole && put_at(fd, SEGMENT_AT_SYNCED, end) != 0) ||
			     put_at(fd, SEGMENT_AT_SEALED, end) != 0 ||
			     ftruncate(fd, (off_t)end) != 0 || journal_sync_file(j, fd) != 0
		     ? -1
		     : 0;
	error = errno;
	close(fd);
	errno = error;
	return rc != 0 ? -1 : journal_archive_add(j, number, false, j->now.us);
}

static int seal_first(struct journal *j)
{
	if (journal_seal(j, j->full[0].number, j->full[0].end, true) != 0)
		return -1;
	j->n_full--;
	memmove(j->full, j->full + 1, j->n_full * sizeof *j->full);
	return 0;
}

void journal_archive_seal(struct journal *j)
{
	if (j->n_full == 0)
		return;
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		if (j->writers[i].carried_to <= j->full[0].number)
			return;
	if (seal_first(j) != 0)
		journal_complain(j, "seal a segment in", j->folder, errno);
}

int journal_archive_seal_all(struct journal *j)
{
	while (j->n_full > 0)
		if (seal_first(j) != 0)
			return -1;
	return 0;
}

void journal_archive_close(struct journal *j)
{
	journal_pack_drop(j);
	free(j->full);
	free(j->sealed);
	j->full = NULL;
	j->sealed = NULL;
	j->n_full = j->cap_full = j->n_sealed = j->cap_sealed = 0;
}

/* ---- retiring */

void journal_consumed_durable(struct journal *j, uint64_t floor)
{
	j->floor_durable = TG_MAX(j->floor_durable, floor);
}

/* Both forms, when a crash left both. */
static int delete_forms(struct journal *j, const struct journal_sealed *s)
{
	char raw[SEGMENT_PATH_MAX], zst[SEGMENT_PATH_MAX];

	tg_assert(segment_path(raw, j->folder, s->number, "") == 0);
	tg_assert(segment_path(zst, j->folder, s->number, ".zst") == 0);
	if (unlink(raw) != 0 && errno != ENOENT)
		return -1;
	return unlink(zst) != 0 && errno != ENOENT ? -1 : 0;
}

void journal_archive_retire(struct journal *j)
{
	if (j->opt.retain_us <= 0 || mono_since(j->mono, j->retire_at) < 0)
		return;
	j->retire_at.us = j->mono.us + RETIRE_US;
	for (size_t i = 0; i < j->n_sealed; i++) {
		const struct journal_sealed *s = &j->sealed[i];

		if (s->number >= j->floor_durable || j->now.us - s->mtime_us < j->opt.retain_us ||
			journal_pack_has(j, s->number))
			continue;
		if (delete_forms(j, s) != 0) {
			journal_complain(j, "delete a segment in", j->folder, errno);
			return;
		}
		log_info("ledger segment retired", "segment=%llu", (unsigned long long)s->number);
		stat_set(&j->segments, stat_get(&j->segments) - 1);
		sealed_remove(j, i);
		j->retire_at.us = j->mono.us; /* the next one in the next round */
		return;
	}
}
