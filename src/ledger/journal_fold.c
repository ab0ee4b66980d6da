/*
 * journal_fold.c: what dead writers left in their fronts alone goes to a segment of their
 * incarnation, before the fronts go. Whoever opens the journal.
 *
 * The segment is there as a whole or not at all, and it says itself whose records it has: if the
 * process dies behind it, the next one finds that they have arrived. It is unsealed as those before
 * it, until what is open in them is settled.
 */
#include "ledger/journal_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fold {
	FILE *file;
	uint32_t stamp;
	uint64_t at, seq;
};

static int put(struct fold *f, const char *p, size_t n)
{
	f->at += n;
	return fwrite(p, 1, n, f->file) == n ? 0 : -1;
}

/* Whose records follow. */
static int put_writer(struct fold *f, const struct recovered_tail *t, wall_us now)
{
	_Alignas(8) char out[128];
	struct rec_writer rec = { .index = t->writer, .seq = t->seq };
	struct rec_head head = {
		.type = REC_WRITER, .stamp = f->stamp, .seq = ++f->seq, .time = now
	};

	return put(f, out, rec_put(out, &head, &rec));
}

static int put_tail(struct fold *f, const struct recovered_tail *t, wall_us now)
{
	static _Thread_local _Alignas(8) char out[REC_MAX_BYTES];
	struct str bytes = t->bytes;

	if (put_writer(f, t, now) != 0)
		return -1;
	while (bytes.n > 0) {
		size_t len = rec_length(bytes.p);

		rec_stamp(out, bytes.p, len, f->stamp, ++f->seq);
		if (put(f, out, len) != 0)
			return -1;
		bytes = str_skip(bytes, len);
	}
	return 0;
}

static int put_all(struct journal *j, struct fold *f, const struct segment_info *info,
	const struct recovered_tail *tails, size_t n)
{
	char head[SEGMENT_HEAD];

	segment_head_put(head, info);
	if (put(f, head, sizeof head) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (put_tail(f, &tails[i], j->now) != 0)
			return -1;
	return fflush(f->file) == 0 ? journal_sync_file(j, fileno(f->file)) : -1;
}

/* One incarnation's tails. */
static int fold_one(struct journal *j, const struct recovered_tail *tails, size_t n,
	struct recovered_segment *seg)
{
	struct segment_info info = { .number = j->next_number,
		.incarnation = tails->incarnation,
		.created = j->now,
		.synced = SEGMENT_HEAD };
	struct fold f = { .stamp = segment_stamp(info.number, info.incarnation) };
	char tmp[SEGMENT_PATH_MAX];
	int rc, error;

	*seg = (struct recovered_segment){ .whole = true };
	tg_assert(segment_path(tmp, j->folder, info.number, ".tmp") == 0);
	tg_assert(segment_path(seg->path, j->folder, info.number, "") == 0);
	memcpy(info.member, tails->member, sizeof info.member);
	f.file = fopen(tmp, "we");
	if (f.file == NULL)
		return -1;
	rc = put_all(j, &f, &info, tails, n);
	if (fclose(f.file) != 0 || rc != 0 || rename(tmp, seg->path) != 0 ||
		journal_sync_folder(j) != 0) {
		error = errno;
		(void)unlink(tmp);
		errno = error;
		return -1;
	}
	seg->info = info;
	seg->end = f.at;
	seg->records = f.seq;
	j->next_number++;
	stat_add(&j->segments, 1);
	return 0;
}

int journal_fold(struct journal *j, struct recover_report *r)
{
	size_t i = 0, n;

	r->unsealed = realloc(r->unsealed, (r->n_unsealed + r->n_tails + 1) * sizeof *r->unsealed);
	tg_assert(r->unsealed != NULL);
	for (; i < r->n_tails; i += n) {
		const struct recovered_tail *t = &r->tails[i];

		n = 1;
		while (i + n < r->n_tails && t[n].incarnation == t->incarnation)
			n++;
		if (fold_one(j, t, n, &r->unsealed[r->n_unsealed]) != 0)
			return -1;
		r->n_unsealed++;
	}
	return 0;
}
