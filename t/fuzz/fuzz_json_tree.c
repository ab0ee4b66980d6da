/*
 * fuzz_json_tree.c: json_tree accepts of objects what json_scan accepts (but for the names of inner
 * members, which only the tree reads), its spans tile their parents, and a tree that is written out
 * is the same tree when it is read again.
 */
#include <stdlib.h>

#include "proto/json_out.h"
#include "proto/json_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NODES 100000

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_spans(const struct json_node *n)
{
	const char *at = n->raw.p;

	require(n->raw.n > 0 && n->type != JSON_NONE);
	json_each(c, n)
	{
		require(c->raw.p > at && c->raw.p + c->raw.n < n->raw.p + n->raw.n);
		require((c->key.p != NULL) == (n->type == JSON_OBJECT));
		at = c->raw.p + c->raw.n - 1;
		check_spans(c);
	}
}

static void write_node(struct json_out *o, const struct json_node *n)
{
	if (n->key.p != NULL) {
		jo_text(o, n->key);
		jo_lit(o, ":");
	}
	if (n->type == JSON_STRING) {
		jo_jstr(o, json_jstr(n));
		return;
	}
	if (n->type != JSON_OBJECT && n->type != JSON_ARRAY) {
		jo_raw(o, n->raw);
		return;
	}
	(n->type == JSON_OBJECT ? jo_obj : jo_arr)(o);
	json_each(c, n) write_node(o, c);
	(n->type == JSON_OBJECT ? jo_obj_end : jo_arr_end)(o);
}

static void same(const struct json_node *a, const struct json_node *b)
{
	for (; a != NULL && b != NULL; a = a->next, b = b->next) {
		require(a->type == b->type && str_eq(a->key, b->key) && a->twice == b->twice);
		require(a->child != NULL || b->child != NULL || a->raw.n <= 2 ||
			a->type == JSON_OBJECT || a->type == JSON_ARRAY || str_eq(a->raw, b->raw));
		same(a->child, b->child);
	}
	require(a == NULL && b == NULL);
}

static void write_again(struct arena *a, const struct json_node *root)
{
	struct json_out count, o;
	struct json_node *again;
	struct json_fail fail;
	char *p;

	jo_init(&count, NULL, 0);
	write_node(&count, root);
	p = malloc(count.n);
	jo_init(&o, p, count.n);
	write_node(&o, root);
	require(!o.full && o.n == count.n);
	require(json_tree_parse(a, str_mk(p, o.n), NODES, &again, &fail) == 0);
	same(root, again);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct json_fail fail, scan;
	struct json_node *root;
	struct arena a;

	arena_init(&a, NULL, 0);
	if (json_tree_parse(&a, text, NODES, &root, &fail) == 0) {
		check_spans(root);
		write_again(&a, root);
		require((json_scan_object(text, NULL, 0, &scan) == 0) ==
			(root->type == JSON_OBJECT));
	} else {
		require(fail.offset <= size);
		if (fail.err != JSON_E_ENCODING && fail.err != JSON_E_DEPTH &&
			fail.err != JSON_E_MANY)
			require(json_scan_object(text, NULL, 0, &scan) != 0);
	}
	arena_fini(&a);
	return 0;
}
