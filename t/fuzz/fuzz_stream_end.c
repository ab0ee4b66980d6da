/*
 * fuzz_stream_end.c: a stream of a provider, cut off anywhere: what is put behind it is the same in
 * every split, and is events of JSON that any client reads. The first byte chooses API and whether
 * usage was asked for, the second the size of the pieces.
 */
#include <stdlib.h>

#include "core/req.h"
#include "core/stream_end.h"
#include "proto/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static const struct route_target route = { .model_json = { "\"m\"", 3 } };

/* The end of it, in memory of its own. */
static char *end_of(const uint8_t how, struct str text, size_t piece, size_t *n)
{
	static const enum meter_api apis[] = { METER_OPENAI_CHAT, METER_OPENAI_COMPLETIONS,
		METER_OPENAI_RESPONSES, METER_ANTHROPIC_MESSAGES };
	struct req *r = calloc(1, sizeof *r);
	struct stream_end *e;
	struct str end;
	char *out;

	require(r != NULL);
	arena_init(&r->arena, NULL, 0);
	memset(r->id, 'x', REQ_ID_LEN);
	r->route = &route;
	r->added_usage = how & 4;
	e = stream_end_new(&r->arena, apis[how & 3]);
	require(e != NULL);
	while (text.n > 0) {
		size_t k = TG_MIN(piece, text.n);
		char *copy = malloc(k);

		require(copy != NULL);
		memcpy(copy, text.p, k);
		stream_end_feed(e, str_mk(copy, k));
		free(copy);
		text = str_skip(text, k);
	}
	end = stream_end_text(e, r);
	out = malloc(end.n);
	require(out != NULL);
	memcpy(out, end.p, end.n);
	*n = end.n;
	arena_fini(&r->arena);
	free(r);
	return out;
}

/* Lines "event: NAME", "data: JSON" or [DONE], and one comment; an empty line behind each event. */
static void check_events(struct str text)
{
	while (text.n > 0) {
		size_t n = str_chr(text, '\n');
		struct str line;
		struct json_fail fail;

		require(n != (size_t)-1);
		line = str_mk(text.p, n);
		require(str_chr(line, '\r') == (size_t)-1);
		if (str_starts(line, STR("data: ")) && !str_eq(line, STR("data: [DONE]")))
			require(json_scan_object(str_skip(line, 6), NULL, 0, &fail) == 0);
		else
			require(n == 0 || str_starts(line, STR("event: ")) ||
				str_starts(line, STR(": ")) || str_starts(line, STR("data: ")));
		text = str_skip(text, n + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole_n, split_n;
	char *whole, *split;
	struct str text;

	if (size < 2)
		return 0;
	text = str_mk((const char *)data + 2, size - 2);
	whole = end_of(data[0], text, text.n + 1, &whole_n);
	split = end_of(data[0], text, (size_t)data[1] + 1, &split_n);
	require(whole_n == split_n && memcmp(whole, split, whole_n) == 0);
	check_events(str_mk(whole, whole_n));
	free(whole);
	free(split);
	return 0;
}
