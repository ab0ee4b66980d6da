/*
 * build.c: nodes to structs, by the directive tables. The first thing that is wrong ends it, with
 * its place, what was expected and the nearest known name.
 */
#include <stdio.h>
#include <stdlib.h>

#include "conf/load.h"
#include "conf/types.h"

const struct conf_directive *conf_block_find(const struct conf_block *b, struct str name)
{
	for (const struct conf_directive *d = b->directives; d->name != NULL; d++)
		if (str_eq(str_z(d->name), name))
			return d;
	return NULL;
}

static void *member(void *obj, const struct conf_directive *d)
{
	return (char *)obj + d->offset;
}

/* ---- what is wrong
 * ---------------------------------------------------------------------------------- */

static const char *kind_name(const struct conf_node *n)
{
	switch (n->kind) {
	case CONF_NODE_LIST: return "a list";
	case CONF_NODE_MAP: return "a map";
	case CONF_NODE_SCALAR: break;
	}
	return conf_node_empty(n) ? "nothing" : "a single value";
}

/* The directive that stands for a block's others in an example: the first that is required. */
static const struct conf_directive *example(const struct conf_block *b)
{
	for (const struct conf_directive *d = b->directives; d->name != NULL; d++)
		if ((d->flags & CONF_REQUIRED) != 0)
			return d;
	return b->directives;
}

static int wrong_kind(
	struct conf_load *l, const struct conf_directive *d, const struct conf_node *n)
{
	struct conf_why expect;

	conf_type_expect(d, &expect);
	if (d->type == CONF_BLOCK)
		return conf_fail(l, &n->pos, "`%s` must be %s such as `%s: { %s: ... }`, not %s",
			d->name, expect.text, d->name, example(d->block)->name, kind_name(n));
	if (d->type == CONF_MAP)
		return conf_fail(l, &n->pos,
			"`%s` must be %s such as `%s: { NAME: { %s: ... } }`, not %s", d->name,
			expect.text, d->name, example(d->block)->name, kind_name(n));
	return conf_fail(l, &n->pos, "`%s` must be %s, not %s", d->name, expect.text, kind_name(n));
}

/* A list of blocks that was given as blocks by name. */
static bool blocks_by_name(const struct conf_block *b, const struct conf_node *n)
{
	if (n->kind != CONF_NODE_MAP || n->n == 0)
		return false;
	for (uint32_t i = 0; i < n->n; i++)
		if (n->v[i].value->kind != CONF_NODE_MAP || conf_block_find(b, n->v[i].key) != NULL)
			return false;
	return true;
}

/* " at the top level", " in the target block" */
static const char *where(const struct conf_load *l, const struct conf_block *b, char buf[64])
{
	if (b == l->root_block)
		return "at the top level";
	snprintf(buf, 64, "in the %s block", b->name);
	return buf;
}

static int unknown_key(struct conf_load *l, const struct conf_block *b, const struct conf_item *it)
{
	const char *names[65], *near;
	char all[300] = "", place[64];
	size_t n = 0, len = 0;

	for (size_t i = 0; b->later != NULL && b->later[i] != NULL; i++)
		if (str_eq(it->key, str_z(b->later[i])))
			return conf_fail(l, &it->key_pos, "`%s` is not part of this version yet",
				b->later[i]);
	for (const struct conf_hint *h = b->hints; h != NULL && h->name != NULL; h++)
		if (str_eq(it->key, str_z(h->name)))
			return conf_fail(l, &it->key_pos, "unknown directive `%s` %s; write %s",
				h->name, where(l, b, place), h->hint);
	names[n++] = "include";
	for (const struct conf_directive *d = b->directives; d->name != NULL; d++)
		names[n++] = d->name;
	size_t skip = b == l->root_block ? 0 : 1;
	near = str_nearest(it->key, names + skip, n - skip);
	if (near != NULL)
		return conf_fail(l, &it->key_pos, "unknown directive `%.*s` %s; did you mean `%s`?",
			STR_FMT(conf_clip(it->key)), where(l, b, place), near);
	for (size_t i = skip; i < n && len < sizeof all; i++)
		len += (size_t)snprintf(
			all + len, sizeof all - len, "%s%s", i > skip ? ", " : "", names[i]);
	return conf_fail(l, &it->key_pos, "unknown directive `%.*s` %s; expected one of: %s",
		STR_FMT(conf_clip(it->key)), where(l, b, place), all);
}

/* Text that may stand in headers, logs and file names: UTF-8 without controls. The text is not
 * repeated. */
static int check_text(
	struct conf_load *l, const char *what, struct str text, const struct conf_pos *pos)
{
	while (text.n > 0) {
		int32_t c = conf_utf8_next(&text);

		if (c < 0)
			return conf_fail(l, pos, "`%s` is not UTF-8 text", what);
		if (!conf_char_printable(c))
			return conf_fail(l, pos, "`%s` has the control character U+%04X in it",
				what, (unsigned)c);
	}
	return 0;
}

static int check_name(struct conf_load *l, const char *what, const struct conf_item *it)
{
	if (it->key.n == 0)
		return conf_fail(l, &it->key_pos, "a name in `%s` is empty", what);
	if (it->key.n > CONF_MAX_NAME)
		return conf_fail(l, &it->key_pos, "a name in `%s` is longer than %d bytes", what,
			CONF_MAX_NAME);
	if (conf_secret_referenced(it->key))
		return conf_fail(l, &it->key_pos,
			"`${env:...}` and `${file:...}` work in secrets only, not in names");
	return check_text(l, what, it->key, &it->key_pos);
}

/* ---- values
 * ----------------------------------------------------------------------------------------- */

/* The text of a scalar that holds no reference to a secret. */
static int plain_text(struct conf_load *l, const struct conf_directive *d,
	const struct conf_node *n, struct str *out)
{
	if (n->kind != CONF_NODE_SCALAR || conf_node_empty(n))
		return wrong_kind(l, d, n);
	if (conf_secret_referenced(n->text))
		return conf_fail(l, &n->pos,
			"`${env:...}` and `${file:...}` are allowed in secret directives only, and "
			"`%s` is none; "
			"write the value itself",
			d->name);
	*out = n->text;
	return check_text(l, d->name, n->text, &n->pos);
}

static int set_scalar(
	struct conf_load *l, const struct conf_directive *d, const struct conf_node *n, void *out)
{
	struct conf_why why;
	struct str text;

	if (plain_text(l, d, n, &text) != 0)
		return -1;
	if (conf_type_read(d, text, out, &why) != 0)
		return conf_fail(l, &n->pos, "`%s` %s", d->name, why.text);
	return 0;
}

static int set_string(struct conf_load *l, const struct conf_directive *d,
	const struct conf_node *n, struct str *out)
{
	if (plain_text(l, d, n, out) != 0)
		return -1;
	if (out->n == 0 && (d->flags & CONF_REQUIRED) != 0)
		return conf_fail(l, &n->pos, "`%s` must not be empty", d->name);
	return 0;
}

static int set_secret(struct conf_load *l, const struct conf_directive *d,
	const struct conf_node *n, struct str *out)
{
	if (n->kind != CONF_NODE_SCALAR || conf_node_empty(n))
		return wrong_kind(l, d, n);
	if (conf_secret_expand(l, d, n->text, &n->pos, out) != 0)
		return -1;
	return check_text(l, d->name, *out, &n->pos);
}

/* How many elements a list node stands for, and the k-th; anything but a list is a list of one. */
static size_t list_len(const struct conf_node *n)
{
	return n->kind == CONF_NODE_LIST ? n->n : conf_node_empty(n) ? 0 : 1;
}

static const struct conf_node *list_at(const struct conf_node *n, size_t k)
{
	return n->kind == CONF_NODE_LIST ? n->v[k].value : n;
}

static int set_strings(struct conf_load *l, const struct conf_directive *d,
	const struct conf_node *n, struct conf_strings *out)
{
	size_t len = list_len(n);

	if (n->kind == CONF_NODE_MAP)
		return wrong_kind(l, d, n);
	out->v = conf_zalloc(l, (len + 1) * sizeof *out->v);
	if (out->v == NULL)
		return -1;
	out->n = len;
	for (size_t i = 0; i < len; i++) {
		const struct conf_node *e = list_at(n, i);

		if (plain_text(l, d, e, &out->v[i]) != 0)
			return -1;
		if (e->text.n == 0)
			return conf_fail(l, &e->pos, "an element of `%s` is empty", d->name);
	}
	return 0;
}

/* A list of texts as one, with commas. */
static int joined_text(struct conf_load *l, const struct conf_directive *d,
	const struct conf_node *n, struct str *out)
{
	size_t len = 0;
	char *p;

	for (size_t i = 0; i < list_len(n); i++) {
		if (plain_text(l, d, list_at(n, i), out) != 0)
			return -1;
		len += out->n + 1;
	}
	p = conf_zalloc(l, len + 1);
	if (p == NULL)
		return -1;
	*out = str_mk(p, 0);
	for (size_t i = 0; i < list_len(n); i++) {
		struct str e = list_at(n, i)->text;

		if (i > 0)
			p[out->n++] = ',';
		memcpy(p + out->n, e.p, e.n);
		out->n += e.n;
	}
	return 0;
}

static int tag_value(struct conf_load *l, const struct conf_directive *d, const struct conf_node *n,
	struct str *out)
{
	if ((d->flags & CONF_TAG_LISTS) != 0 && n->kind == CONF_NODE_LIST && list_len(n) > 0)
		return joined_text(l, d, n, out);
	return plain_text(l, d, n, out);
}

static int set_tags(struct conf_load *l, const struct conf_directive *d, const struct conf_node *n,
	struct conf_tags *out)
{
	if (conf_node_empty(n))
		return 0;
	if (n->kind != CONF_NODE_MAP)
		return wrong_kind(l, d, n);
	out->v = conf_zalloc(l, (n->n + 1) * sizeof *out->v);
	if (out->v == NULL)
		return -1;
	out->n = n->n;
	for (size_t i = 0; i < n->n; i++) {
		out->v[i].name = n->v[i].key;
		if (check_name(l, d->name, &n->v[i]) != 0 ||
			tag_value(l, d, n->v[i].value, &out->v[i].value) != 0)
			return -1;
	}
	return 0;
}

static int set_list(struct conf_load *l, const struct conf_directive *d, const struct conf_node *n,
	struct conf_array *out)
{
	size_t len = list_len(n), size = d->block->size;

	if (blocks_by_name(d->block, n))
		return conf_fail(l, &n->v[0].key_pos,
			"`%s` is a list of blocks, not a map: write `- { %s: ... }` for each, "
			"instead of `%.*s:`",
			d->name, example(d->block)->name, STR_FMT(conf_clip(n->v[0].key)));
	out->v = conf_zalloc(l, (len + 1) * size);
	if (out->v == NULL)
		return -1;
	out->n = len;
	for (size_t i = 0; i < len; i++) {
		const struct conf_node *e = list_at(n, i);

		if (conf_node_empty(e))
			return conf_fail(l, &e->pos, "an element of `%s` is empty", d->name);
		if (conf_build(l, d->block, e, (char *)out->v + i * size) != 0)
			return -1;
	}
	return 0;
}

static int set_map(struct conf_load *l, const struct conf_directive *d, const struct conf_node *n,
	struct conf_array *out)
{
	size_t size = d->block->size;

	if (conf_node_empty(n))
		return 0;
	if (n->kind != CONF_NODE_MAP)
		return wrong_kind(l, d, n);
	out->v = conf_zalloc(l, (n->n + 1) * size);
	if (out->v == NULL)
		return -1;
	out->n = n->n;
	for (size_t i = 0; i < n->n; i++) {
		const struct conf_node *e = n->v[i].value;
		char *elem = (char *)out->v + i * size;

		if (check_name(l, d->name, &n->v[i]) != 0)
			return -1;
		if (e->kind != CONF_NODE_MAP && !conf_node_empty(e))
			return conf_fail(l, &e->pos,
				"`%.*s` in `%s` must be a map of directives such as `%.*s: { %s: "
				"... }`, not %s",
				STR_FMT(conf_clip(n->v[i].key)), d->name,
				STR_FMT(conf_clip(n->v[i].key)), example(d->block)->name,
				kind_name(e));
		*(struct str *)(void *)elem = n->v[i].key;
		if (conf_build(l, d->block, e, elem) != 0)
			return -1;
	}
	return 0;
}

static int set_value(
	struct conf_load *l, const struct conf_directive *d, const struct conf_node *n, void *out)
{
	switch (d->type) {
	case CONF_STRING: return set_string(l, d, n, out);
	case CONF_SECRET: return set_secret(l, d, n, out);
	case CONF_STRINGS: return set_strings(l, d, n, out);
	case CONF_TAGS: return set_tags(l, d, n, out);
	case CONF_LIST: return set_list(l, d, n, out);
	case CONF_MAP: return set_map(l, d, n, out);
	case CONF_BLOCK:
		if (n->kind != CONF_NODE_MAP && !conf_node_empty(n))
			return wrong_kind(l, d, n);
		return conf_build(l, d->block, n, out);
	case CONF_BOOL:
	case CONF_INT:
	case CONF_SIZE:
	case CONF_DURATION:
	case CONF_MONEY:
	case CONF_PERCENT:
	case CONF_DATE:
	case CONF_SHA256:
	case CONF_ENUM: break;
	}
	return set_scalar(l, d, n, out);
}

/* ---- blocks
 * ----------------------------------------------------------------------------------------- */

static int set_defaults(struct conf_load *l, const struct conf_block *b, void *obj);

/* A default is written as in a file; the tables are ours, so a bad one is a bug. */
static int set_default(struct conf_load *l, const struct conf_directive *d, void *out)
{
	struct conf_node n = { .kind = CONF_NODE_SCALAR, .quoted = true };
	struct conf_node *parsed = &n;
	struct conf_why why;

	if (d->type == CONF_BLOCK)
		return set_defaults(l, d->block, out);
	if (d->def == NULL)
		return 0;
	n.text = str_z(d->def);
	if (conf_type_scalar(d->type)) {
		tg_assert(conf_type_read(d, n.text, out, &why) == 0);
		return 0;
	}
	if (d->type != CONF_STRING && conf_yaml_parse(l, n.text, d->name, &parsed) != 0)
		return -1;
	return set_value(l, d, parsed, out);
}

/* The values of a block that the file does not give at all. */
static int set_defaults(struct conf_load *l, const struct conf_block *b, void *obj)
{
	for (const struct conf_directive *d = b->directives; d->name != NULL; d++)
		if (set_default(l, d, member(obj, d)) != 0)
			return -1;
	return 0;
}

static int set_absent(struct conf_load *l, const struct conf_block *b, uint64_t seen,
	const struct conf_node *node, void *obj)
{
	char place[64];

	for (const struct conf_directive *d = b->directives; d->name != NULL; d++) {
		if ((seen >> (d - b->directives) & 1) != 0)
			continue;
		if ((d->flags & CONF_REQUIRED) != 0)
			return conf_fail(l, &node->pos, "`%s` is missing %s: %s", d->name,
				where(l, b, place), d->help);
		if (set_default(l, d, member(obj, d)) != 0)
			return -1;
	}
	return 0;
}

static int set_given(struct conf_load *l, const struct conf_block *b, const struct conf_item *it,
	void *obj, uint64_t *seen)
{
	const struct conf_directive *d = conf_block_find(b, it->key);
	char place[64];
	bool array;

	if (d == NULL)
		return unknown_key(l, b, it);
	tg_assert(d - b->directives < 64);
	*seen |= 1ULL << (d - b->directives);
	if (set_value(l, d, it->value, member(obj, d)) != 0)
		return -1;
	array = d->type == CONF_LIST || d->type == CONF_MAP || d->type == CONF_STRINGS ||
		d->type == CONF_TAGS;
	if (array && (d->flags & CONF_REQUIRED) != 0 && conf_type_zero(d, member(obj, d)))
		return conf_fail(l, &it->key_pos, "`%s` is empty %s: %s", d->name,
			where(l, b, place), d->help);
	return 0;
}

int conf_build(
	struct conf_load *l, const struct conf_block *b, const struct conf_node *node, void *obj)
{
	const struct conf_directive *first = b->directives;
	uint64_t seen = 0;

	if (b->pos_offset_plus1 != 0)
		memcpy((char *)obj + b->pos_offset_plus1 - 1, &node->pos, sizeof node->pos);
	if (node->kind == CONF_NODE_LIST)
		return conf_fail(l, &node->pos,
			"%s is a map of directives (`name: value`), not a list", b->name);
	if (node->kind == CONF_NODE_SCALAR && !conf_node_empty(node)) {
		struct conf_item it = { str_z(first->name), node->pos,
			(struct conf_node *)(uintptr_t)node };

		if (first->type != CONF_STRING)
			return conf_fail(l, &node->pos,
				"%s is a map of directives (`name: value`), not a single value",
				b->name);
		if (set_given(l, b, &it, obj, &seen) != 0)
			return -1;
	}
	for (uint32_t i = 0; node->kind == CONF_NODE_MAP && i < node->n; i++)
		if (set_given(l, b, &node->v[i], obj, &seen) != 0)
			return -1;
	if (set_absent(l, b, seen, node, obj) != 0)
		return -1;
	if (b->check != NULL && b->check(l, obj) != 0)
		return conf_fail(
			l, &node->pos, "%s is not right", b->name); /* unless the check said more */
	return 0;
}

/* ---- places
 * ----------------------------------------------------------------------------------------- */

/*
 * Where a value came from is not kept, it is found again: the tree of nodes and the structs are
 * walked side by side until the address turns up. That costs time only when there is something to
 * say. The build may be half done, so lengths come from the structs.
 */
struct search {
	const char *field;
	struct conf_pos pos;
};

static bool found(struct search *s, const struct conf_pos *pos)
{
	s->pos = *pos;
	return true;
}

static bool find_in_block(struct search *s, const struct conf_block *b,
	const struct conf_node *node, const char *obj);

static bool find_in_array(struct search *s, const struct conf_directive *d,
	const struct conf_node *n, const struct conf_array *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const char *elem = (const char *)a->v + i * d->block->size;

		if (d->type == CONF_MAP && s->field == elem)
			return found(s, &n->v[i].key_pos);
		if (find_in_block(
			    s, d->block, d->type == CONF_MAP ? n->v[i].value : list_at(n, i), elem))
			return true;
	}
	return false;
}

static bool find_in_texts(struct search *s, const struct conf_directive *d,
	const struct conf_node *n, const void *value)
{
	const struct conf_strings *strings = value;
	const struct conf_tags *tags = value;

	for (size_t i = 0; d->type == CONF_STRINGS && i < strings->n; i++)
		if (s->field == (const char *)&strings->v[i])
			return found(s, &list_at(n, i)->pos);
	for (size_t i = 0; d->type == CONF_TAGS && i < tags->n; i++) {
		if (s->field == (const char *)&tags->v[i].name)
			return found(s, &n->v[i].key_pos);
		if (s->field == (const char *)&tags->v[i].value)
			return found(s, &n->v[i].value->pos);
	}
	return false;
}

static bool find_in_value(struct search *s, const struct conf_directive *d,
	const struct conf_node *n, const char *value)
{
	if (d->type == CONF_BLOCK)
		return find_in_block(s, d->block, n, value);
	if ((d->type == CONF_LIST || d->type == CONF_MAP) &&
		find_in_array(s, d, n, (const struct conf_array *)(const void *)value))
		return true;
	if ((d->type == CONF_STRINGS || d->type == CONF_TAGS) && find_in_texts(s, d, n, value))
		return true;
	return s->field == value && found(s, &n->pos);
}

static bool find_in_block(
	struct search *s, const struct conf_block *b, const struct conf_node *node, const char *obj)
{
	const struct conf_directive *d = b->directives;

	if (node->kind == CONF_NODE_SCALAR && !conf_node_empty(node) && d->name != NULL &&
		find_in_value(s, d, node, obj + d->offset))
		return true;
	for (uint32_t i = 0; node->kind == CONF_NODE_MAP && i < node->n; i++) {
		d = conf_block_find(b, node->v[i].key);
		if (d != NULL && find_in_value(s, d, node->v[i].value, obj + d->offset))
			return true;
	}
	if (s->field >= obj && s->field < obj + b->size)
		return found(s, &node->pos); /* not given: the place of the block */
	return false;
}

struct conf_pos conf_pos_of(struct conf_load *l, const void *field)
{
	struct search s = { .field = field };

	if (l->root_node != NULL)
		(void)find_in_block(&s, l->root_block, l->root_node, l->root_obj);
	return s.pos;
}
