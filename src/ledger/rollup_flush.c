/*
 * rollup_flush.c: days to their files (rollup.h). The order is what makes each record count once
 * after a crash at any place: a day's file is written aside, made durable and put in the place of
 * the old one; only when every day is there, the positions follow. begin and end run on the owner's
 * thread, write on any.
 */
#include "ledger/rollup_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "ledger/segment.h"

#define KEEP_US (2 * INT64_C(86400000000)) /* a day that nothing was added to leaves memory */

struct rollup_flush {
	const char *folder;
	struct rollup_image *days; /* then positions */
	struct rollup_day **of;
	size_t n;
	struct rollup_image positions;
	bool with_positions;
	char err[512]; /* of the write; empty: done */
};

/* ---- begin */

/* Is the segment in to its end, and will not grow? A compressed one has been consumed: the journal
 * sees to that. */
static bool is_done(const struct rollup *r, const struct segment_entry *e)
{
	char head[SEGMENT_HEAD];
	struct segment_info info;
	int fd;
	bool done;

	if (e->compressed)
		return true;
	fd = open(e->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false; /* just compressed, perhaps: next time */
	done = pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
	       segment_head_get(head, &info) == 0 && info.sealed != 0 &&
	       positions_of(&r->in, e->number) >= info.sealed;
	close(fd);
	return done;
}

/* Segments that are done make one number: without this the positions would name every segment there
 * ever was. */
static void raise_floor(struct rollup *r)
{
	struct segment_list l;
	char err[256];
	uint64_t floor = r->in.floor;

	if (r->journal_folder == NULL ||
		segment_list_read(&l, r->journal_folder, err, sizeof err) != 0)
		return;
	for (size_t i = 0; i < l.n; i++) {
		if (l.v[i].number < floor)
			continue;
		floor = l.v[i].number;
		if (!is_done(r, &l.v[i]))
			break;
		floor++;
	}
	positions_raise(&r->in, floor);
	segment_list_free(&l);
}

/*
 * Has the trouble with the day's file gone? It was moved away, or it can be read after all: then
 * what came meanwhile is added to it, unless somebody else has written it since.
 */
static struct rollup_day *retry_broken(struct rollup *r, struct rollup_day *d)
{
	char err[sizeof d->broken];
	enum rollup_file_rc rc;
	struct rollup_day *read = rollup_day_load(r, d->day, &rc, err, sizeof err);

	if (rc == ROLLUP_FILE_NONE)
		d->broken[0] = '\0';
	if (read == NULL)
		return d;
	if (!positions_within(&read->in, &d->since)) {
		rollup_day_free(read);
		return d;
	}
	rollup_day_merge(read, d, r->blob);
	read->touched = d->touched;
	read->changed = true;
	read->next = d->next;
	rollup_day_free(d);
	return read;
}

/* What the day's file is to say is in it: its rows may be ahead of the others (rollup_rebuild). */
static void encode(const struct rollup *r, const struct rollup_day *d, struct rollup_image *out)
{
	struct positions in;

	positions_init(&in);
	positions_copy(&in, &r->in);
	positions_raise(&in, d->in.floor);
	for (size_t i = 0; i < d->in.n; i++)
		positions_set(&in, d->in.v[i]);
	rollup_day_encode(d, &in, out);
	positions_fini(&in);
}

/* Every day that changed into f; false when one of them cannot be written. */
static bool encode_days(struct rollup *r, struct rollup_flush *f)
{
	bool all = true;

	for (struct rollup_day **at = &r->days; *at != NULL; at = &(*at)->next) {
		if ((*at)->broken[0] != '\0')
			*at = retry_broken(r, *at);
		if ((*at)->broken[0] != '\0') {
			all = false;
		} else if ((*at)->changed) {
			encode(r, *at, &f->days[f->n]);
			f->of[f->n++] = *at;
			(*at)->changed = false;
		}
	}
	return all;
}

struct rollup_flush *rollup_flush_begin(struct rollup *r)
{
	struct rollup_flush *f = calloc(1, sizeof *f);
	bool all;

	CHECK_OBJ(r, ROLLUP_MAGIC);
	tg_assert(f != NULL && r->folder != NULL && !r->flushing);
	f->folder = r->folder;
	r->flushing = true;
	raise_floor(r);
	for (struct rollup_day *d = r->days; d != NULL; d = d->next)
		f->n++;
	f->days = calloc(f->n + 1, sizeof *f->days);
	f->of = calloc(f->n + 1, sizeof(struct rollup_day *));
	tg_assert(f->days != NULL && f->of != NULL);
	f->n = 0;
	all = encode_days(r, f);
	f->with_positions = all && (r->moved || f->n > 0);
	if (f->with_positions) {
		positions_encode(&r->in, &f->positions);
		r->moved = false;
	}
	return f;
}

/* ---- write */

static int fail_write(struct rollup_flush *f, const char *name, const char *what)
{
	snprintf(f->err, sizeof f->err, "%s/%s: %s: %s", f->folder, name, what, strerror(errno));
	return -1;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Aside, durable, then in the old one's place. */
static int replace_file(struct rollup_flush *f, int folder, const struct rollup_image *image)
{
	char aside[ROLLUP_NAME_LEN + 8];
	int fd, rc, saved;

	snprintf(aside, sizeof aside, ".%s.new", image->name);
	fd = openat(folder, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return fail_write(f, aside, "cannot be made");
	rc = write_all(fd, image->p, image->n);
	if (rc == 0)
		rc = fsync(fd);
	saved = errno;
	if (close(fd) != 0 && rc == 0) {
		rc = -1;
		saved = errno;
	}
	errno = saved;
	if (rc != 0)
		return fail_write(f, aside, "cannot be written");
	if (renameat(folder, aside, folder, image->name) != 0)
		return fail_write(f, image->name, "cannot be replaced");
	return 0;
}

static int write_files(struct rollup_flush *f, int folder)
{
	for (size_t i = 0; i < f->n; i++)
		if (replace_file(f, folder, &f->days[i]) != 0)
			return -1;
	if (f->n > 0 && fsync(folder) != 0)
		return fail_write(f, "", "cannot be made durable");
	if (!f->with_positions)
		return 0;
	if (replace_file(f, folder, &f->positions) != 0)
		return -1;
	return fsync(folder) == 0 ? 0 : fail_write(f, "", "cannot be made durable");
}

void rollup_flush_write(struct rollup_flush *f)
{
	int folder = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	f->err[0] = '\0';
	if (folder < 0) {
		fail_write(f, "", "cannot be opened");
		return;
	}
	(void)!write_files(f, folder);
	close(folder);
}

/* ---- end */

static void forget_old_days(struct rollup *r)
{
	struct rollup_day **at = &r->days;

	while (*at != NULL) {
		struct rollup_day *d = *at;

		if (d->changed || d->broken[0] != '\0' || d->touched.us > r->latest.us - KEEP_US) {
			at = &d->next;
			continue;
		}
		*at = d->next;
		rollup_day_free(d);
	}
}

int rollup_flush_end(struct rollup *r, struct rollup_flush *f, char *err, size_t err_len)
{
	int rc = 0;

	CHECK_OBJ(r, ROLLUP_MAGIC);
	tg_assert(r->flushing);
	r->flushing = false;
	if (f->err[0] != '\0') {
		/* some may be there: written again they say the same */
		for (size_t i = 0; i < f->n; i++)
			f->of[i]->changed = true;
		r->moved = true;
		snprintf(err, err_len, "%s", f->err);
		rc = -1;
	} else {
		forget_old_days(r);
	}
	for (const struct rollup_day *d = r->days; d != NULL && rc == 0; d = d->next)
		if (d->broken[0] != '\0') {
			snprintf(err, err_len,
				"%s; its day is kept in memory and the journal: `tgctl ledger "
				"verify --rebuild` while no gateway runs makes it anew",
				d->broken);
			rc = -1;
		}
	for (size_t i = 0; i < f->n; i++)
		free(f->days[i].p);
	free(f->days);
	free(f->of);
	free(f->positions.p);
	free(f);
	return rc;
}

int rollup_flush(struct rollup *r, char *err, size_t err_len)
{
	struct rollup_flush *f = rollup_flush_begin(r);

	rollup_flush_write(f);
	return rollup_flush_end(r, f, err, err_len);
}
