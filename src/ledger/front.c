/*
 * front.c: the fronts' format, and what a dead process's front has. Reads only; any thread. What is
 * read may be damaged anywhere.
 */
#include "ledger/front.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/digest.h"

#define FRONT_MAGIC   "TGF1"
#define FRONT_VERSION 1
#define NUMBER_DIGITS 16
#define READ_BYTES    ((size_t)1 << 19)
#define BYTES_MAX     ((size_t)1 << 34)

enum { AT_NUMBER = 8, AT_INCARNATION = 16, AT_WRITER = 24, AT_MEMBER = 32, AT_CRC = 96 };

void front_head_put(char out[FRONT_HEAD], const struct front_info *info)
{
	uint32_t version = FRONT_VERSION, crc;

	memset(out, 0, FRONT_HEAD);
	memcpy(out, FRONT_MAGIC, 4);
	memcpy(out + 4, &version, 4);
	memcpy(out + AT_NUMBER, &info->number, 8);
	memcpy(out + AT_INCARNATION, &info->incarnation, 8);
	memcpy(out + AT_WRITER, &info->writer, 4);
	memcpy(out + AT_MEMBER, info->member, sizeof info->member);
	crc = digest_crc32c(0, out, AT_CRC);
	memcpy(out + AT_CRC, &crc, 4);
}

int front_head_get(const char in[FRONT_HEAD], struct front_info *info)
{
	uint32_t version, crc;

	memcpy(&version, in + 4, 4);
	memcpy(&crc, in + AT_CRC, 4);
	if (memcmp(in, FRONT_MAGIC, 4) != 0 || version != FRONT_VERSION ||
		digest_crc32c(0, in, AT_CRC) != crc)
		return -1;
	memcpy(&info->number, in + AT_NUMBER, 8);
	memcpy(&info->incarnation, in + AT_INCARNATION, 8);
	memcpy(&info->writer, in + AT_WRITER, 4);
	memcpy(info->member, in + AT_MEMBER, sizeof info->member);
	info->member[sizeof info->member - 1] = 0;
	return 0;
}

int front_path(char out[SEGMENT_PATH_MAX], const char *folder, uint64_t number)
{
	int n = snprintf(
		out, SEGMENT_PATH_MAX, "%s/%0*" PRIu64 FRONT_SUFFIX, folder, NUMBER_DIGITS, number);

	return n < 0 || n >= SEGMENT_PATH_MAX ? -1 : 0;
}

/* ---- which there are */

static int number_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool parse_name(const char *name, uint64_t *number)
{
	char *end;

	if (name[0] < '0' || name[0] > '9')
		return false;
	*number = strtoull(name, &end, 10);
	return end - name == NUMBER_DIGITS && strcmp(end, FRONT_SUFFIX) == 0;
}

int front_list_read(struct front_list *l, const char *folder, char *err, size_t err_len)
{
	DIR *dir = opendir(folder);
	const struct dirent *d;
	uint64_t number;

	*l = (struct front_list){ .n = 0 };
	if (dir == NULL) {
		snprintf(err, err_len, "%s: cannot be listed: %s", folder, strerror(errno));
		return -1;
	}
	while ((d = readdir(dir)) != NULL)
		if (parse_name(d->d_name, &number)) {
			l->v = realloc(l->v, (l->n + 1) * sizeof *l->v);
			tg_assert(l->v != NULL);
			l->v[l->n++] = number;
		}
	closedir(dir);
	if (l->n > 0)
		qsort(l->v, l->n, sizeof *l->v, number_cmp);
	return 0;
}

void front_list_free(struct front_list *l)
{
	free(l->v);
	*l = (struct front_list){ .n = 0 };
}

/* ---- what is in one */

struct row { /* the one that begins the front, as far as it has been looked at */
	size_t end;
	uint64_t first, last; /* numbers; 0, 0: it is empty */
};

static const struct row no_row = { .end = FRONT_HEAD };

/* Goes on with it; stops behind record `until` (0: none). No record has number 0. */
static void row_go_on(
	struct row *row, const struct front_info *info, struct str bytes, uint64_t until)
{
	uint32_t stamp = front_stamp(info);
	struct rec_head head;
	struct rec_id id;
	size_t len;

	while (row->end < bytes.n && (until == 0 || row->last != until) &&
		rec_glance(str_skip(bytes, row->end), &head, &id, &len) == REC_READ_OK &&
		head.stamp == stamp && head.seq != 0 &&
		(row->last == 0 || head.seq == row->last + 1)) {
		if (row->first == 0)
			row->first = head.seq;
		row->last = head.seq;
		row->end += len;
	}
}

/* The file up to n bytes; -1 with errno. */
static int read_more(int fd, struct front_read *f, size_t n)
{
	char *p = realloc((void *)(uintptr_t)f->bytes.p, n);
	size_t at = f->bytes.n;
	ssize_t got = 1;

	tg_assert(p != NULL);
	while (at < n && got > 0) {
		got = pread(fd, p + at, n - at, (off_t)at);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			at += (size_t)got;
	}
	f->bytes = str_mk(p, at);
	return got < 0 ? -1 : 0;
}

/* Only so far as there can be records: most of a front has never been written to. */
static int read_records(int fd, struct front_read *f)
{
	struct row row = no_row;

	for (size_t n = READ_BYTES;; n *= 2) {
		if (read_more(fd, f, n) != 0)
			return -1;
		if (f->bytes.n < FRONT_HEAD || front_head_get(f->bytes.p, &f->info) != 0)
			return 0;
		row_go_on(&row, &f->info, f->bytes, 0);
		f->first = row.first;
		f->last = row.last;
		if (f->bytes.n < n || n > BYTES_MAX || row.end + REC_MAX_BYTES <= n)
			return 0;
	}
}

static bool is_untouched(struct str bytes)
{
	return bytes.n < FRONT_HEAD || memcmp(bytes.p, "\0\0\0\0", 4) == 0;
}

int front_read_open(
	struct front_read *f, const char *folder, uint64_t number, char *err, size_t err_len)
{
	char path[SEGMENT_PATH_MAX];
	int fd, rc, error;

	*f = (struct front_read){ .bytes = STR_NONE };
	err[0] = 0;
	tg_assert(front_path(path, folder, number) == 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return -1;
	rc = fd >= 0 ? read_records(fd, f) : -1;
	error = errno;
	if (fd >= 0)
		close(fd);
	if (rc != 0) {
		snprintf(err, err_len, "%s: cannot be read: %s", path, strerror(error));
	} else if (is_untouched(f->bytes)) {
		error = ENOENT;
	} else if (front_head_get(f->bytes.p, &f->info) != 0) {
		snprintf(err, err_len,
			"%s: its header is damaged, or a later version's: `salvage: yes` in the "
			"block `ledger` starts without what only this file has",
			path);
		error = EINVAL;
	} else {
		return 0;
	}
	front_read_close(f);
	errno = error;
	return -1;
}

void front_read_close(struct front_read *f)
{
	free((void *)(uintptr_t)f->bytes.p);
	*f = (struct front_read){ .bytes = STR_NONE };
}

struct str front_records(const struct front_info *info, struct str bytes, uint64_t seq)
{
	struct row before = no_row, row;

	if (seq == 0)
		return STR_NONE;
	row_go_on(&before, info, bytes, seq - 1);
	row = before;
	row_go_on(&row, info, bytes, 0);
	/* the row before it may be empty, when the front begins with it */
	if (before.last != seq - 1)
		before = no_row;
	return row.first <= seq && seq <= row.last
		       ? str_mk(bytes.p + before.end, row.end - before.end)
		       : STR_NONE;
}
