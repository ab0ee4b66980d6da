/*
 * fuzz_json_scan.c: what json_scan accepts jansson accepts too, but for the documented differences;
 * and the spans it gives are spans of the text that scan again.
 */
#include <stdlib.h>

#include "fuzz/json_oracle.h"
#include "proto/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void try_value(struct str text, const struct json_val *v)
{
	struct json_watch w[] = { { .key = STR("a") }, { .key = STR("model") } };
	struct json_iter it = { 0 };
	struct json_val elem;
	struct json_fail fail;
	char buf[256];
	struct str s;
	uint64_t n;

	if (v->type == JSON_NONE)
		return;
	require(v->raw.p > text.p && v->raw.p + v->raw.n < text.p + text.n && v->raw.n > 0);
	require(text.p[v->member] == '"');
	if (v->type == JSON_OBJECT && json_scan_member(v, w, TG_ARRAY_LEN(w), &fail) != 0)
		require(fail.err == JSON_E_DUPLICATE || fail.err == JSON_E_ENCODING);
	while (v->type == JSON_ARRAY && json_array_next(v, &it, &elem))
		require(elem.raw.p > v->raw.p && elem.raw.p + elem.raw.n < v->raw.p + v->raw.n);
	require(json_get_u64(v, &n) != 0 || v->type == JSON_NUMBER);
	require(json_get_plain(v, &s) != 0 || v->type == JSON_STRING);
	if (json_decode(v, buf, sizeof buf, &s) == 0) {
		char quoted[6 * sizeof buf + 2];
		size_t len = json_quote(quoted, sizeof quoted, s);
		struct json_val again = { .type = JSON_STRING, .raw = str_mk(quoted, len) };
		char back[256];
		struct str t;

		require(len > 0 && json_decode(&again, back, sizeof back, &t) == 0 && str_eq(s, t));
	}
}

/* The strict scan finds the same, or refuses for a key's case. */
static void try_strict(struct str text, const struct json_watch *found, size_t n)
{
	struct json_watch w[4];
	struct json_fail fail;

	require(n == TG_ARRAY_LEN(w));
	for (size_t i = 0; i < n; i++)
		w[i].key = found[i].key;
	if (json_scan_strict(text, w, n, &fail) != 0) {
		require(fail.err == JSON_E_CASE && text.p[fail.offset] == '"');
		return;
	}
	for (size_t i = 0; i < n; i++)
		require(w[i].val.type == found[i].val.type &&
			w[i].val.raw.p == found[i].val.raw.p &&
			w[i].val.raw.n == found[i].val.raw.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_watch w[] = {
		{ .key = STR("model") },
		{ .key = STR("a") },
		{ .key = STR("messages") },
		{ .key = STR("stream") },
	};
	struct str text = { (const char *)data, size };
	struct json_fail fail;

	if (json_scan_object(text, w, TG_ARRAY_LEN(w), &fail) != 0) {
		require(fail.err != JSON_E_NONE && fail.offset <= size);
		return 0;
	}
	require(json_oracle_accepts(text.p, text.n));
	try_strict(text, w, TG_ARRAY_LEN(w));
	for (size_t i = 0; i < TG_ARRAY_LEN(w); i++)
		try_value(text, &w[i].val);
	return 0;
}
