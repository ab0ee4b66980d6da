/*
 * front_fake.h: fronts made by hand: the bytes of one, and its file.
 */
#ifndef TG_UNIT_LEDGER_FRONT_FAKE_H
#define TG_UNIT_LEDGER_FRONT_FAKE_H

#include <fcntl.h>
#include <unistd.h>

#include "ledger/front.h"
#include "unit/ledger/sample.h"
#include "unit/unit.h"

struct fake_front {
	struct front_info info;
	char *bytes;
	size_t at, cap;
};

static inline void fake_front_init(
	struct fake_front *f, uint64_t number, uint32_t writer, uint64_t incarnation, size_t cap)
{
	*f = (struct fake_front){ .info = { .number = number,
					  .incarnation = incarnation,
					  .writer = writer,
					  .member = "gw-1" },
		.bytes = calloc(1, cap),
		.at = FRONT_HEAD,
		.cap = cap };
	ck_assert_ptr_nonnull(f->bytes);
	front_head_put(f->bytes, &f->info);
}

static inline void fake_front_put(
	struct fake_front *f, enum rec_type type, uint64_t seq, const void *payload)
{
	struct rec_head head = { .type = type,
		.stamp = front_stamp(&f->info),
		.seq = seq,
		.time = { 1764288000000000 + (int64_t)seq } };

	ck_assert_uint_le(f->at + rec_bound(type, payload), f->cap);
	f->at += rec_put(f->bytes + f->at, &head, payload);
}

/* From its beginning again, as its writer does: what is there stays. */
static inline void fake_front_reuse(struct fake_front *f)
{
	f->at = FRONT_HEAD;
}

static inline void fake_front_write(const struct fake_front *f, const char *in)
{
	char path[SEGMENT_PATH_MAX];
	int fd;

	ck_assert_int_eq(front_path(path, in, f->info.number), 0);
	fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, f->bytes, f->cap), (ssize_t)f->cap);
	close(fd);
}

static inline void fake_front_fini(struct fake_front *f)
{
	free(f->bytes);
	f->bytes = NULL;
}

#endif
