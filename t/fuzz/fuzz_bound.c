/*
 * fuzz_bound.c: a body that scans bounds something sane, and the quick look at its text finds
 * whatever the walk through its structure does. The first byte chooses the API.
 */
#include <stdlib.h>

#include "core/bound_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* What the walks find in a value that the look passes by. */
static void same_as_walks(const struct json_val *v)
{
	struct bound look = { .input_bytes = v->raw.n }, walk = look;

	bound_parts(&look, v);
	bound_parts_walk(&walk, v);
	bound_tools(&look, v);
	bound_tools_walk(&walk, v);
	require(look.images == walk.images && look.open == walk.open);
	require(look.audio_bytes == walk.audio_bytes && look.input_bytes == walk.input_bytes);
	require(look.document_bytes == walk.document_bytes && look.calls == walk.calls);
	require(look.builtin_tools == walk.builtin_tools && look.web_search == walk.web_search);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bound_model model = { .name = STR("m"), .max_output = 1000 };
	struct json_watch w[BOUND_WATCHES];
	enum meter_api api;
	struct json_fail fail;
	struct usage u;
	struct bound b;
	struct str body;

	if (size < 1)
		return 0;
	api = (enum meter_api)(data[0] % (METER_COHERE + 1));
	body = str_mk((const char *)data + 1, size - 1);
	bound_watch(w);
	if (json_scan_object(body, w, BOUND_WATCHES, &fail) != 0)
		return 0;
	bound_read(&b, api, w, body);
	require(b.input_bytes <= body.n && b.n >= 1);
	require(b.characters <= body.n && b.size.n <= BOUND_WORD_MAX);
	require(b.audio_bytes <= 3 * body.n && b.document_bytes <= 3 * body.n);
	require(b.has_images == (b.images > 0));
	(void)bound_usage(&b, api, &model, &u);
	require(u.n[USAGE_OUT] <= 1000 || b.n > 1 || api == METER_OPENAI_AUDIO);
	if (api == METER_OPENAI_CHAT && !b.has_images && b.audio_bytes == 0 && !b.open)
		require(u.n[USAGE_IN] >= body.n);
	for (unsigned i = 0; i < BOUND_WATCHES; i++)
		if (w[i].val.type != JSON_NONE)
			same_as_walks(&w[i].val);
	return 0;
}
