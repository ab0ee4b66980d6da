/*
 * fuzz_front.c: any bytes as a front: the row that is given lies within it, begins with the record
 * that was asked for, has no gaps, and ends where the next one would be another's. The first byte
 * chooses whether checksums and stamps are mended first; the next eight what is asked for.
 */
#include <stdlib.h>

#include "base/digest.h"
#include "ledger/front.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* Where a length makes sense, the stamp and the checksum are made to fit. */
static void mend(char *p, size_t n, uint32_t stamp)
{
	size_t at = FRONT_HEAD;

	while (at + REC_HEAD_BYTES <= n) {
		uint32_t len, crc;

		memcpy(&len, p + at + 4, 4);
		if (len < REC_HEAD_BYTES || len > REC_MAX_BYTES || len % 8 != 0 || len > n - at)
			return;
		memcpy(p + at + 12, &stamp, 4);
		crc = digest_crc32c(0, p + at + 4, len - 4);
		memcpy(p + at, &crc, 4);
		at += len;
	}
}

static void check_row(const struct front_info *info, struct str bytes, uint64_t seq)
{
	struct str rest = front_records(info, bytes, seq);

	if (rest.n == 0)
		return;
	require(rest.p >= bytes.p + FRONT_HEAD && rest.p + rest.n <= bytes.p + bytes.n);
	while (rest.n > 0) {
		struct rec_head head;
		struct rec_id id;
		size_t len;

		require(rec_glance(rest, &head, &id, &len) == REC_READ_OK);
		require(head.stamp == front_stamp(info) && head.seq == seq++);
		rest = str_skip(rest, len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct front_info info = { .writer = 3, .incarnation = 0x1122334455667788 };
	uint64_t seq;
	char *p;

	if (size < FRONT_HEAD || size > 1 << 20)
		return 0;
	p = aligned_alloc(8, (size + 7) & ~(size_t)7);
	memcpy(p, data, size);
	memcpy(&seq, data + 1, sizeof seq);
	if (front_head_get(p, &info) == 0)
		require(memchr(info.member, 0, sizeof info.member) != NULL);
	if (data[0] & 1)
		mend(p, size, front_stamp(&info));
	check_row(&info, str_mk(p, size), seq);
	check_row(&info, str_mk(p, size), 1);
	free(p);
	return 0;
}
