/*
 * fuzz_sse.c: every split of a stream gives the same events. The first byte chooses the size of the
 * pieces.
 */
#include <stdlib.h>

#include "proto/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* What was seen, written down: 'D' byte for each byte of data, 'E' name ';', 'C'. */
struct diary {
	char *p;
	size_t n, cap;
};

static void note(struct diary *d, char c)
{
	require(d->n < d->cap);
	d->p[d->n++] = c;
}

static void feed(struct sse *s, struct str in, struct diary *d)
{
	for (;;) {
		struct str out = STR_NONE;
		size_t used;
		enum sse_rc rc = sse_feed(s, in, &used, &out);

		require(used <= in.n);
		in = str_skip(in, used);
		if (rc == SSE_MORE)
			break;
		if (rc == SSE_COMMENT)
			note(d, 'C');
		for (size_t i = 0; rc == SSE_DATA && i < out.n; i++) {
			note(d, 'D');
			note(d, out.p[i]);
		}
		if (rc != SSE_EVENT_END)
			continue;
		require(s->has_data && s->event_start < s->offset);
		note(d, 'E');
		for (size_t i = 0; i < s->name_len; i++)
			note(d, s->name[i]);
		note(d, ';');
	}
	require(in.n == 0);
}

static void run(struct str text, size_t piece, struct diary *d)
{
	uint64_t size = text.n;
	struct sse s;

	sse_init(&s);
	d->n = 0;
	while (text.n > 0) {
		size_t n = TG_MIN(piece, text.n);
		char *copy = malloc(n);

		memcpy(copy, text.p, n);
		feed(&s, str_mk(copy, n), d);
		free(copy);
		text = str_skip(text, n);
	}
	require(s.offset == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diary whole, cut;
	struct str text;

	if (size < 2)
		return 0;
	text = str_mk((const char *)data + 1, size - 1);
	whole.cap = cut.cap = 3 * size + 16;
	whole.p = malloc(whole.cap);
	cut.p = malloc(cut.cap);
	run(text, text.n, &whole);
	run(text, 1 + data[0] % 16, &cut);
	require(str_eq(str_mk(whole.p, whole.n), str_mk(cut.p, cut.n)));
	free(whole.p);
	free(cut.p);
	return 0;
}
