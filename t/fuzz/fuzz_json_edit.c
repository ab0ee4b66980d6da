/*
 * fuzz_json_edit.c: an edited object scans again, holds the new values, and keeps those that were
 * not edited.
 */
#include <stdlib.h>

#include "proto/json_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

enum { MODEL, STREAM, KEPT, OPTIONS, FRESH, W__MAX };

static void watch(struct json_watch w[W__MAX])
{
	w[MODEL].key = STR("model");
	w[STREAM].key = STR("stream");
	w[KEPT].key = STR("a");
	w[OPTIONS].key = STR("stream_options");
	w[FRESH].key = STR("tg-fresh");
}

static void edit(struct str text, const struct json_watch w[W__MAX], struct json_edit *e)
{
	json_edit_init(e, text);
	if (w[STREAM].val.type != JSON_NONE)
		require(json_edit_replace(e, &w[STREAM].val, STR("true")) == 0);
	if (w[MODEL].val.type != JSON_NONE)
		require(json_edit_replace(e, &w[MODEL].val, STR("\"other\"")) == 0);
	else
		require(json_edit_insert(e, STR("\"model\":\"other\"")) == 0);
	if (w[OPTIONS].val.type == JSON_OBJECT)
		require(json_edit_insert_in(e, &w[OPTIONS].val, STR("\"tg-fresh\":1")) == 0);
	require(json_edit_insert(e, STR("\"tg-fresh\":[1,2]")) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size }, out;
	struct json_watch w[W__MAX], again[W__MAX];
	struct iovec iov[JSON_EDIT_MAX_IOV];
	struct json_edit e;
	struct json_fail fail;
	size_t total, at = 0;
	char *p;
	int n;

	watch(w);
	watch(again);
	if (json_scan_object(text, w, W__MAX, &fail) != 0 || w[FRESH].val.type != JSON_NONE)
		return 0;
	edit(text, w, &e);
	n = json_edit_iov(&e, iov, JSON_EDIT_MAX_IOV, &total);
	require(n > 0);
	p = malloc(total);
	for (int i = 0; i < n; i++) {
		memcpy(p + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	require(at == total);
	out = str_mk(p, total);
	require(json_scan_object(out, again, W__MAX, &fail) == 0);
	require(str_eq(again[MODEL].val.raw, STR("\"other\"")));
	require(str_eq(again[FRESH].val.raw, STR("[1,2]")));
	require(again[KEPT].val.type == w[KEPT].val.type);
	require(w[KEPT].val.type == JSON_NONE || str_eq(again[KEPT].val.raw, w[KEPT].val.raw));
	require(w[STREAM].val.type == JSON_NONE || again[STREAM].val.type == JSON_TRUE);
	free(p);
	return 0;
}
