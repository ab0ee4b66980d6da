/*
 * fuzz_http1_body.c: the first two bytes choose a split; the chunked body behind them must give the
 * same outcome, payload, trailers and end when it comes whole, in pieces of that size, and byte by
 * byte.
 */
#include "proto/http1_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum body_rc rc;
	enum http_error err;
	uint64_t total, hash;
	size_t used;
	char trailer[64];
	size_t trailer_n;
};

static struct outcome run(const char *p, size_t n, size_t step)
{
	struct outcome o = { .rc = BODY_MORE, .hash = 1469598103934665603u };
	struct http1_body b;
	struct str data;
	size_t used;

	http1_body_init_framing(&b, HTTP_BODY_CHUNKED, 0);
	b.trailer = o.trailer;
	b.trailer_cap = sizeof o.trailer;
	for (size_t at = 0; at < n && o.rc == BODY_MORE; at += step) {
		size_t len = TG_MIN(step, n - at), done = 0;

		do {
			o.rc = http1_body_feed(&b, p + at + done, len - done, &used, &data);
			tg_assert(used <= len - done);
			if (o.rc == BODY_DATA) {
				tg_assert(data.n > 0 && data.p + data.n == p + at + done + used);
				for (size_t i = 0; i < data.n; i++)
					o.hash = (o.hash ^ (uint8_t)data.p[i]) * 1099511628211u;
			}
			done += used;
		} while (o.rc == BODY_DATA);
		o.used += done;
		tg_assert(o.rc != BODY_MORE || done == len);
	}
	o.err = b.err;
	o.total = b.total;
	o.trailer_n = b.trailer_n;
	tg_assert(http1_body_done(&b) == (o.rc == BODY_END));
	return o;
}

static void same(const struct outcome *a, const struct outcome *b)
{
	tg_assert(a->rc == b->rc && a->err == b->err && a->total == b->total &&
		  a->hash == b->hash && a->used == b->used);
	tg_assert(a->trailer_n == b->trailer_n && a->trailer_n <= sizeof a->trailer);
	tg_assert(memcmp(a->trailer, b->trailer, a->trailer_n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, pieces, bytes;
	const char *p = (const char *)data + 2;
	size_t n;

	if (size < 2)
		return 0;
	n = size - 2;
	whole = run(p, n, n != 0 ? n : 1);
	pieces = run(p, n, 1u + data[0] + 256u * (data[1] & 15u));
	bytes = run(p, n, 1);
	same(&whole, &pieces);
	same(&whole, &bytes);
	return 0;
}
