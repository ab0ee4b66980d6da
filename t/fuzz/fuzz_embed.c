/*
 * fuzz_embed.c: any text as a request and as an answer of any dialect of embeddings: what is read
 * can be written for every other, and is JSON. The first byte chooses the dialect.
 */
#include <stdlib.h>

#include "chat/embed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX (4u << 20)

static char *out;

static void check_json(const struct json_out *o)
{
	struct json_fail f;

	if (!o->full && json_scan_object(str_mk(o->p, o->n), NULL, 0, &f) != 0)
		abort();
}

static void write_all(
	struct chat_context *cx, const struct embed_request *r, const struct embed_answer *a)
{
	struct json_out o;

	for (int to = EMBED_OPENAI; to < EMBED__MAX; to++) {
		const struct embed_codec *c = embed_codecs[to];

		jo_init(&o, out, OUT_MAX);
		if (a == NULL && c->write_request(cx, r, &o) == 0)
			check_json(&o);
		if (a == NULL || c->write_answer == NULL)
			continue;
		c->write_answer(cx, r, a, &o);
		check_json(&o);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct embed_request r = { 0 }, back = { .batch = true, .base64 = size % 2 == 1 };
	struct embed_answer a = { 0 };
	const struct embed_codec *c;
	struct chat_context cx;
	struct arena arena;
	struct str text;

	if (size == 0)
		return 0;
	if (out == NULL)
		out = malloc(OUT_MAX);
	if (out == NULL)
		abort();
	c = embed_codecs[EMBED_OPENAI + data[0] % (EMBED__MAX - EMBED_OPENAI)];
	text = str_mk((const char *)data + 1, size - 1);
	arena_init(&arena, NULL, 1 << 24);
	cx = (struct chat_context){ .arena = &arena, .model = STR("m") };
	if (c->read_request != NULL && c->read_request(&cx, text, &r) == 0)
		write_all(&cx, &r, NULL);
	if (c->read_answer(&cx, text, &a) == 0 && a.n > 0)
		write_all(&cx, &back, &a);
	arena_fini(&arena);
	return 0;
}
