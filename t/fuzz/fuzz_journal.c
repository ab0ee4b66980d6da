/*
 * fuzz_journal.c: any bytes as a segment: the walk ends, a record that is read is read the same
 * when written again, and resync finds only records of this segment. The first byte chooses whether
 * checksums are mended first, so that payloads are reached; the second says what the header claims.
 */
#include <stdlib.h>

#include "base/digest.h"
#include "ledger/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* Where a length makes sense, the checksum is made to fit. */
static void mend(char *p, size_t n)
{
	size_t at = SEGMENT_HEAD;

	while (at + REC_HEAD_BYTES <= n) {
		uint32_t len, crc;

		memcpy(&len, p + at + 4, 4);
		if (len < REC_HEAD_BYTES || len > REC_MAX_BYTES || len % 8 != 0 || len > n - at)
			return;
		crc = digest_crc32c(0, p + at + 4, len - 4);
		memcpy(p + at, &crc, 4);
		at += len;
	}
}

static void again(const struct rec *r)
{
	static _Alignas(8) char first[REC_MAX_BYTES], second[REC_MAX_BYTES];
	struct rec back;
	size_t n = rec_encode(first, r), len;

	require(n <= rec_bound(r->type, &r->u));
	require(rec_decode(str_mk(first, n), &back, &len) == REC_READ_OK && len == n);
	require(rec_encode(second, &back) == n && memcmp(first, second, n) == 0);
}

static void walk(const struct segment_read *s)
{
	uint64_t at = SEGMENT_HEAD, last_seq = 0, before;
	struct rec_head head;
	struct rec_id id;
	struct rec r;
	enum rec_read rc, glance;

	for (;;) {
		uint64_t same = at;

		before = at;
		rc = segment_next(s, &at, &r);
		glance = segment_glance(s, &same, &head, &id);
		require(rc == glance || (rc == REC_READ_BAD && glance == REC_READ_OK));
		require(same == at);
		if (rc == REC_READ_OK || rc == REC_READ_BAD) {
			require(at > before && at <= s->bytes.n && at % 8 == 0);
			last_seq = r.seq;
		} else if (!segment_resync(s, &at, last_seq)) {
			return;
		} else {
			require(at > before);
		}
		if (rc == REC_READ_OK && strcmp(rec_type_name(r.type), "unknown") != 0)
			again(&r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment_read s = { .mapped = false };
	char *p;

	if (size < SEGMENT_HEAD || size > 1 << 20)
		return 0;
	p = aligned_alloc(8, (size + 7) & ~(size_t)7);
	memcpy(p, data, size);
	if (data[0] & 1)
		mend(p, size);
	s.info.number = data[2];
	if (data[1] & 1)
		s.info.synced = size;
	if (data[1] & 2)
		s.info.sealed = size;
	s.bytes = str_mk(p, size);
	walk(&s);
	if (segment_head_get(p, &s.info) == 0)
		require(memcmp(p, SEGMENT_MAGIC, 4) == 0 && memchr(s.info.member, 0, 64) != NULL);
	free(p);
	return 0;
}
