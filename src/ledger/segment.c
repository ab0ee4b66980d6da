/*
 * segment.c: segments for reading: names, header, the walk over records. Reads only; any thread,
 * any process, also while the gateway writes. What is read may be damaged anywhere.
 */
#include "ledger/segment.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/digest.h"

#define SEGMENT_VERSION 1
#define AT_MEMBER       40
#define AT_CRC          104
#define SUFFIX          ".tgj"
#define NUMBER_DIGITS   16

void segment_head_put(char out[SEGMENT_HEAD], const struct segment_info *info)
{
	uint32_t version = SEGMENT_VERSION, crc;

	memset(out, 0, SEGMENT_HEAD);
	memcpy(out, SEGMENT_MAGIC, 4);
	memcpy(out + 4, &version, 4);
	memcpy(out + 8, &info->number, 8);
	memcpy(out + 16, &info->incarnation, 8);
	memcpy(out + 24, &info->writer, 4);
	memcpy(out + 32, &info->created, 8);
	memcpy(out + AT_MEMBER, info->member, sizeof info->member);
	crc = digest_crc32c(0, out, AT_CRC);
	memcpy(out + AT_CRC, &crc, 4);
	memcpy(out + SEGMENT_AT_SYNCED, &info->synced, 8);
	memcpy(out + SEGMENT_AT_SEALED, &info->sealed, 8);
}

int segment_head_get(const char in[SEGMENT_HEAD], struct segment_info *info)
{
	uint32_t version, crc;

	memcpy(&version, in + 4, 4);
	memcpy(&crc, in + AT_CRC, 4);
	if (memcmp(in, SEGMENT_MAGIC, 4) != 0 || version != SEGMENT_VERSION ||
		digest_crc32c(0, in, AT_CRC) != crc)
		return -1;
	memcpy(&info->number, in + 8, 8);
	memcpy(&info->incarnation, in + 16, 8);
	memcpy(&info->writer, in + 24, 4);
	memcpy(&info->created, in + 32, 8);
	memcpy(info->member, in + AT_MEMBER, sizeof info->member);
	info->member[sizeof info->member - 1] = 0;
	memcpy(&info->synced, in + SEGMENT_AT_SYNCED, 8);
	memcpy(&info->sealed, in + SEGMENT_AT_SEALED, 8);
	return 0;
}

int segment_path(
	char out[SEGMENT_PATH_MAX], const char *folder, uint64_t number, const char *suffix)
{
	int n = snprintf(out, SEGMENT_PATH_MAX, "%s/%0*" PRIu64 "%s%s", folder, NUMBER_DIGITS,
		number, SUFFIX, suffix);

	return n < 0 || n >= SEGMENT_PATH_MAX ? -1 : 0;
}

/* END where records must be is a hole: the disk gave zeros back. */
static enum rec_read hole_or_end(const struct segment_read *s, uint64_t at)
{
	uint64_t must = TG_MAX(s->info.synced, s->info.sealed);

	return at < must ? REC_READ_TORN : REC_READ_END;
}

static struct str rest_at(const struct segment_read *s, uint64_t at)
{
	return at <= s->bytes.n ? str_skip(s->bytes, at) : STR_NONE;
}

static enum rec_read moved(const struct segment_read *s, uint64_t *at, enum rec_read rc, size_t len)
{
	if (rc == REC_READ_END)
		return hole_or_end(s, *at);
	if (rc != REC_READ_TORN)
		*at += len;
	return rc;
}

enum rec_read segment_next(const struct segment_read *s, uint64_t *at, struct rec *r)
{
	size_t len = 0;
	enum rec_read rc = rec_decode(rest_at(s, *at), r, &len);

	return moved(s, at, rc, len);
}

enum rec_read segment_glance(
	const struct segment_read *s, uint64_t *at, struct rec_head *head, struct rec_id *id)
{
	size_t len = 0;
	enum rec_read rc = rec_glance(rest_at(s, *at), head, id, &len);

	return moved(s, at, rc, len);
}

bool segment_resync(const struct segment_read *s, uint64_t *at, uint64_t last_seq)
{
	uint32_t stamp = segment_stamp(s->info.number, s->info.incarnation);

	for (uint64_t i = *at + 8; i + REC_HEAD_BYTES <= s->bytes.n; i += 8) {
		const char *p = s->bytes.p + i;
		struct rec_head head;
		struct rec_id id;
		uint32_t word;
		size_t len;

		memcpy(&word, p + 12, 4);
		if (word != stamp)
			continue;
		if (rec_glance(str_skip(s->bytes, i), &head, &id, &len) == REC_READ_OK &&
			head.seq > last_seq) {
			*at = i;
			return true;
		}
	}
	return false;
}

/* "0000000000000042.tgj" or with ".zst": its number. */
static int parse_name(const char *name, uint64_t *number, bool *compressed)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < NUMBER_DIGITS; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		n = n * 10 + (uint64_t)(name[i] - '0');
	}
	name += NUMBER_DIGITS;
	*number = n;
	*compressed = strcmp(name, SUFFIX ".zst") == 0;
	return *compressed || strcmp(name, SUFFIX) == 0 ? 0 : -1;
}

static int entry_cmp(const void *a, const void *b)
{
	const struct segment_entry *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (int)x->compressed - (int)y->compressed; /* the raw one first */
}

/* Room for one more. */
static struct segment_entry *entry_add(struct segment_list *l, size_t *cap)
{
	if (l->n == *cap) {
		*cap = *cap > 0 ? *cap * 2 : 64;
		l->v = realloc(l->v, *cap * sizeof *l->v);
		tg_assert(l->v != NULL);
	}
	return &l->v[l->n];
}

static void drop_doubles(struct segment_list *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (n == 0 || l->v[i].number != l->v[n - 1].number)
			l->v[n++] = l->v[i];
	l->n = n;
}

int segment_list_read(struct segment_list *l, const char *folder, char *err, size_t err_len)
{
	DIR *dir = opendir(folder);
	const struct dirent *d;
	size_t cap = 0;

	*l = (struct segment_list){ .n = 0 };
	if (dir == NULL) {
		snprintf(err, err_len, "%s: cannot be listed: %s", folder, strerror(errno));
		return -1;
	}
	while ((d = readdir(dir)) != NULL) {
		struct segment_entry *e = entry_add(l, &cap);

		if (parse_name(d->d_name, &e->number, &e->compressed) == 0 &&
			segment_path(e->path, folder, e->number, e->compressed ? ".zst" : "") == 0)
			l->n++;
	}
	closedir(dir);
	if (l->n > 0)
		qsort(l->v, l->n, sizeof *l->v, entry_cmp);
	drop_doubles(l);
	return 0;
}

void segment_list_free(struct segment_list *l)
{
	free(l->v);
	*l = (struct segment_list){ .n = 0 };
}
