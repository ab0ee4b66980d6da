/*
 * fuzz_json_tap.c: json_tap gives the same for every split of its input; and on what json_scan
 * accepts it finds the same values. The first byte chooses the size of the pieces.
 */
#include <stdlib.h>

#include "proto/json_tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct str keys[] = { STR("model"), STR("usage"), STR("a"), STR("response"),
	STR("list") };
#define N_KEYS (sizeof keys / sizeof keys[0])

struct taps {
	struct json_tap outer, inner, list;
	char outer_buf[200], inner_buf[50], list_buf[20];
	unsigned n_list, list_hash;
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void on_elem(struct json_tap *t)
{
	struct taps *all = TG_CONTAINER_OF(t, struct taps, list);
	struct json_val v = json_tap_get(t, 0);

	all->n_list++;
	for (size_t i = 0; i < v.raw.n; i++)
		all->list_hash = all->list_hash * 31 + (unsigned char)v.raw.p[i];
}

static void run(struct taps *t, struct str text, size_t piece)
{
	memset(t, 0, sizeof *t);
	json_tap_init(&t->list, keys, N_KEYS, t->list_buf, sizeof t->list_buf);
	json_tap_each(&t->list, on_elem);
	json_tap_init(&t->inner, keys, N_KEYS, t->inner_buf, sizeof t->inner_buf);
	json_tap_init(&t->outer, keys, N_KEYS, t->outer_buf, sizeof t->outer_buf);
	json_tap_nest(&t->outer, 3, &t->inner);
	json_tap_nest(&t->outer, 4, &t->list);
	while (text.n > 0) {
		size_t n = TG_MIN(piece, text.n);
		char *copy = malloc(n); /* so that a read past it is seen */

		memcpy(copy, text.p, n);
		json_tap_feed(&t->outer, str_mk(copy, n));
		free(copy);
		text = str_skip(text, n);
	}
}

static void same(const struct json_tap *a, const struct json_tap *b)
{
	require(json_tap_done(a) == json_tap_done(b) && a->bad == b->bad);
	for (size_t i = 0; i < N_KEYS; i++) {
		struct json_val x = json_tap_get(a, i), y = json_tap_get(b, i);

		require(json_tap_type(a, i) == json_tap_type(b, i));
		require(x.type == y.type && str_eq(x.raw, y.raw));
	}
}

static void same_as_scan(const struct taps *t, struct str text)
{
	struct json_watch w[] = { { .key = keys[0] }, { .key = keys[1] }, { .key = keys[2] } };
	struct json_fail fail;

	/* Escaped keys are the documented difference. */
	if (memchr(text.p, '\\', text.n) != NULL ||
		json_scan_object(text, w, TG_ARRAY_LEN(w), &fail) != 0)
		return;
	require(json_tap_done(&t->outer) && !t->outer.bad);
	for (size_t i = 0; i < TG_ARRAY_LEN(w); i++) {
		struct json_val v = json_tap_get(&t->outer, i);

		require(json_tap_type(&t->outer, i) == w[i].val.type);
		require(v.type == JSON_NONE || str_eq(v.raw, w[i].val.raw));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct taps whole, cut;
	struct str text;

	if (size < 2)
		return 0;
	text = str_mk((const char *)data + 1, size - 1);
	run(&whole, text, text.n);
	run(&cut, text, 1 + data[0] % 32);
	same(&whole.outer, &cut.outer);
	same(&whole.inner, &cut.inner);
	require(whole.n_list == cut.n_list && whole.list_hash == cut.list_hash);
	same_as_scan(&whole, text);
	return 0;
}
