/*
 * fuzz_eventstream.c: every split of an event stream gives the same messages. The first byte
 * chooses the size of the pieces; a second one says whether checksums are made right first, so that
 * what lies behind them is reached.
 */
#include <stdlib.h>

#include "base/digest.h"
#include "proto/eventstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void mend(uint8_t *p, size_t n)
{
	while (n >= EVS_OVERHEAD) {
		uint32_t total = get32(p);

		put32(p + 8, digest_crc32(0, p, 8));
		if (total < EVS_OVERHEAD || total > n)
			return;
		put32(p + total - 4, digest_crc32(0, p, total - 4));
		p += total;
		n -= total;
	}
}

/* A hash of what was seen. */
static uint64_t note(uint64_t h, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * 1099511628211u;
	return h;
}

static uint64_t feed(struct eventstream *e, struct str in, uint64_t h)
{
	for (;;) {
		struct str out = STR_NONE;
		size_t used;
		enum evs_rc rc = evs_feed(e, in, &used, &out);

		require(used <= in.n);
		in = str_skip(in, used);
		if (rc == EVS_BAD)
			return h;
		if (rc == EVS_MORE)
			break;
		if (rc == EVS_HEAD)
			h = note(note(note(h, STR("H")), evs_name(e)), evs_message(e)) + e->type;
		if (rc == EVS_DATA)
			h = note(h, out);
		if (rc == EVS_END)
			h = note(h, STR("E"));
	}
	require(in.n == 0);
	return h;
}

static uint64_t run(const uint8_t *data, size_t n, size_t piece)
{
	uint64_t h = 14695981039346656037u;
	struct eventstream e;

	evs_init(&e);
	for (size_t at = 0; at < n; at += piece) {
		size_t m = TG_MIN(piece, n - at);
		char *copy = malloc(m);

		memcpy(copy, data + at, m);
		h = feed(&e, str_mk(copy, m), h);
		free(copy);
	}
	return h + e.messages + (e.err != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size < 3)
		return 0;
	copy = malloc(size - 2);
	memcpy(copy, data + 2, size - 2);
	if (data[1] & 1)
		mend(copy, size - 2);
	require(run(copy, size - 2, size) == run(copy, size - 2, 1 + data[0] % 16));
	free(copy);
	return 0;
}
