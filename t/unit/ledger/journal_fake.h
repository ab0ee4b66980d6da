/*
 * journal_fake.h: a ledger's folder made by hand: segments with exactly these records, sealed or
 * not, without the journal's threads.
 */
#ifndef TG_UNIT_LEDGER_JOURNAL_FAKE_H
#define TG_UNIT_LEDGER_JOURNAL_FAKE_H

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/journal.h"
#include "ledger/segment.h"
#include "unit/ledger/sample.h"
#include "unit/unit.h"

#define FAKE_BYTES (192 * 1024)

struct fake_segment {
	char *bytes;
	uint64_t at, seq;
	struct segment_info info;
	char path[SEGMENT_PATH_MAX];
};

struct fake_ledger {
	char path[64], journal[80], rollup[80];
};

static inline void fake_ledger_init(struct fake_ledger *l)
{
	/* in memory where that can be had: a disk waits for each file that replaces another */
	snprintf(l->path, sizeof l->path, "%s/tg-ledger-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(l->path));
	snprintf(l->journal, sizeof l->journal, "%s/journal", l->path);
	snprintf(l->rollup, sizeof l->rollup, "%s/rollup", l->path);
	ck_assert_int_eq(mkdir(l->journal, 0700), 0);
}

static inline void fake_remove_all(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	char child[1024];

	if (dir == NULL) {
		ck_assert_int_eq(unlink(path), 0);
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(child, sizeof child, "%.512s/%s", path, e->d_name);
		fake_remove_all(child);
	}
	closedir(dir);
	ck_assert_int_eq(rmdir(path), 0);
}

static inline void fake_write(const struct fake_segment *s, size_t bytes)
{
	FILE *f = fopen(s->path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(s->bytes, 1, bytes, f), bytes);
	ck_assert_int_eq(fclose(f), 0);
}

static inline void fake_segment_init(
	struct fake_segment *s, const struct fake_ledger *l, uint64_t number, uint32_t writer)
{
	*s = (struct fake_segment){ .at = SEGMENT_HEAD,
		.info = { .number = number,
			.incarnation = 77,
			.writer = writer,
			.created = { 1764288000000000 },
			.member = "m1",
			.synced = SEGMENT_HEAD } };
	ck_assert_int_eq(segment_path(s->path, l->journal, number, ""), 0);
	s->bytes = calloc(1, FAKE_BYTES);
	ck_assert_ptr_nonnull(s->bytes);
	segment_head_put(s->bytes, &s->info);
	fake_write(s, FAKE_BYTES);
}

/* A record behind the others; where it ends. On disk only after fake_sync or fake_seal. */
static inline struct journal_position fake_put_at(
	struct fake_segment *s, enum rec_type type, uint16_t flags, const void *payload, int64_t us)
{
	struct rec_head head = { .type = type,
		.flags = flags,
		.stamp = segment_stamp(s->info.number, s->info.incarnation),
		.seq = ++s->seq,
		.time = { us } };

	ck_assert_uint_lt(s->at, FAKE_BYTES - REC_MAX_BYTES);
	s->at += rec_put(s->bytes + s->at, &head, payload);
	return (struct journal_position){ s->info.number, s->at };
}

static inline struct journal_position fake_put(
	struct fake_segment *s, enum rec_type type, const void *payload)
{
	return fake_put_at(s, type, 0, payload, 1764288000000000 + (int64_t)s->seq);
}

static inline void fake_sync(struct fake_segment *s)
{
	s->info.synced = s->at;
	segment_head_put(s->bytes, &s->info);
	fake_write(s, FAKE_BYTES);
}

/* Nothing more will be written. */
static inline void fake_seal(struct fake_segment *s)
{
	s->info.synced = s->info.sealed = s->at;
	segment_head_put(s->bytes, &s->info);
	fake_write(s, s->at);
	free(s->bytes);
	s->bytes = NULL;
}

static inline void fake_segment_fini(struct fake_segment *s)
{
	free(s->bytes);
	s->bytes = NULL;
}

#endif
