/*
 * follow.c: see follow.h. A segment that is over is walked, compressed or not; of the one that is
 * being written, which is large and mostly empty, what is new is read by offset.
 */
#include "ledger/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_BYTES (4 * REC_MAX_BYTES)

void follow_init(struct follow *f, const char *folder)
{
	*f = (struct follow){ .fd = -1 };
	tg_assert(strlen(folder) < sizeof f->folder);
	snprintf(f->folder, sizeof f->folder, "%s", folder);
	positions_init(&f->from);
	f->buf = malloc(READ_BYTES);
	tg_assert(f->buf != NULL);
}

static void close_all(struct follow *f)
{
	if (f->walking)
		walk_fini(&f->walk);
	if (f->fd >= 0)
		close(f->fd);
	f->walking = false;
	f->fd = -1;
	f->rest = STR_NONE;
}

void follow_fini(struct follow *f)
{
	close_all(f);
	positions_fini(&f->from);
	free(f->buf);
}

void follow_seek(struct follow *f, struct journal_position at)
{
	close_all(f);
	f->at = at;
}

const struct segment_info *follow_info(const struct follow *f)
{
	return f->walking ? &f->walk.seg.info : &f->info;
}

/* On to the next segment that is listed, at most `last`. */
static int move_on(struct follow *f, uint64_t last, char *err, size_t err_len)
{
	struct segment_list l;
	uint64_t next = last;

	close_all(f);
	if (segment_list_read(&l, f->folder, err, err_len) != 0)
		return -1;
	for (size_t i = l.n; i-- > 0;)
		if (l.v[i].number > f->at.segment && l.v[i].number < next)
			next = l.v[i].number;
	segment_list_free(&l);
	f->at = (struct journal_position){ next, SEGMENT_HEAD };
	return 0;
}

/* ---- one that is over */

static enum walk_rc walk_begin(struct follow *f, char *err, size_t err_len)
{
	const struct walk_options opt = {
		.from = &f->from, .salvage = true, .only = f->at.segment
	};

	positions_fini(&f->from);
	positions_init(&f->from);
	positions_set(&f->from, f->at);
	if (walk_init(&f->walk, f->folder, &opt, err, err_len) != 0)
		return WALK_ERROR;
	f->walking = true;
	return WALK_RECORD;
}

static enum walk_rc next_walked(
	struct follow *f, uint64_t last, struct rec *r, char *err, size_t err_len)
{
	struct journal_position end;
	enum walk_rc rc;

	/* It is the folder that cannot be read, not this segment: later, perhaps. */
	if (!f->walking && walk_begin(f, err, err_len) != WALK_RECORD)
		return WALK_ERROR;
	rc = walk_next(&f->walk, r, &end, err, err_len);
	if (rc == WALK_RECORD) {
		f->at = end;
		return rc;
	}
	f->missing += rc == WALK_END && f->walk.segments == 0;
	f->damaged += f->walk.damaged + (rc == WALK_ERROR);
	return move_on(f, last, err, err_len) == 0 ? rc : WALK_ERROR;
}

/* ---- the one that is being written */

/* -1: it is not there (any more), or has no head yet. */
static int tail_open(struct follow *f)
{
	char path[SEGMENT_PATH_MAX], head[SEGMENT_HEAD];

	if (f->fd >= 0 && f->fd_segment == f->at.segment)
		return 0;
	close_all(f);
	if (segment_path(path, f->folder, f->at.segment, "") != 0)
		return -1;
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	f->fd_segment = f->at.segment;
	if (f->fd >= 0 && pread(f->fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
		segment_head_get(head, &f->info) == 0)
		return 0;
	close_all(f);
	return -1;
}

static bool tail_fill(struct follow *f, uint64_t limit)
{
	size_t want = (size_t)TG_MIN(limit - f->at.offset, (uint64_t)READ_BYTES);
	ssize_t got = pread(f->fd, f->buf, want, (off_t)f->at.offset);

	f->rest = str_mk(f->buf, (size_t)TG_MAX(got, 0));
	return got > 0;
}

static enum walk_rc next_tail(
	struct follow *f, uint64_t limit, struct rec *r, char *err, size_t err_len)
{
	size_t len;

	f->at.offset = TG_MAX(f->at.offset, (uint64_t)SEGMENT_HEAD);
	if (f->at.offset >= limit || tail_open(f) != 0)
		return WALK_END;
	for (int i = 0; i < 2; i++) {
		if (rec_decode(f->rest, r, &len) == REC_READ_OK) {
			f->rest = str_skip(f->rest, len);
			f->at.offset += len;
			return WALK_RECORD;
		}
		if (i == 0 && !tail_fill(f, limit))
			break;
	}
	snprintf(err, err_len, "segment %llu cannot be read at byte %llu",
		(unsigned long long)f->at.segment, (unsigned long long)f->at.offset);
	f->damaged++;
	f->at.offset = limit;
	f->rest = STR_NONE;
	return WALK_ERROR;
}

enum walk_rc follow_next(
	struct follow *f, struct journal_position limit, struct rec *r, char *err, size_t err_len)
{
	enum walk_rc rc = WALK_END;

	while (follow_before(f->at, limit)) {
		if (f->at.segment == limit.segment)
			return next_tail(f, limit.offset, r, err, err_len);
		rc = f->at.segment == 0 ? WALK_END : next_walked(f, limit.segment, r, err, err_len);
		if (rc != WALK_END)
			return rc;
		if (f->at.segment == 0 && move_on(f, limit.segment, err, err_len) != 0)
			return WALK_ERROR;
	}
	return WALK_END;
}

int follow_end(const char *folder, struct journal_position *end, char *err, size_t err_len)
{
	struct segment_list l;
	int rc = 0;

	*end = (struct journal_position){ 0, 0 };
	if (segment_list_read(&l, folder, err, err_len) != 0)
		return -1;
	for (size_t i = l.n; rc == 0 && end->segment == 0 && i-- > 0;) {
		const struct walk_options opt = { .salvage = true, .only = l.v[i].number };
		enum walk_rc got = WALK_ERROR;
		struct walk w;
		struct rec r;

		rc = walk_init(&w, folder, &opt, err, err_len);
		if (rc != 0)
			break;
		do
			got = walk_next(&w, &r, end, err, err_len);
		while (got == WALK_RECORD);
		rc = got == WALK_END ? 0 : -1;
		walk_fini(&w);
	}
	segment_list_free(&l);
	return rc;
}
