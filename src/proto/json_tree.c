/*
 * json_tree.c: the tree is made in one walk over the text, without recursion: the open brackets are
 * a stack, and a value is hung on the innermost when it begins. Members that stand twice are looked
 * for when their object closes: pair by pair in small ones, by sorting in large ones. Nodes and
 * decoded keys lie in the caller's arena. Pure; any thread.
 */
#include "proto/json_tree.h"

#include <stdlib.h>

#include "proto/json_lex.h"

#define PAIRWISE_MAX 16

struct open {
	struct json_node *node;
	struct json_node **tail; /* where its next child goes */
	size_t n;                /* children so far */
};

struct tree {
	struct json_lex lex;
	struct arena *a;
	size_t nodes_left;
	unsigned depth;
	struct open open[JSON_MAX_DEPTH];
};

/* ---- members that stand twice */

static int by_key(const void *a, const void *b)
{
	return str_cmp((*(struct json_node *const *)a)->key, (*(struct json_node *const *)b)->key);
}

static bool twice_sorted(struct json_node **v, size_t n)
{
	qsort(v, n, sizeof *v, by_key);
	for (size_t i = 1; i < n; i++)
		if (str_eq(v[i - 1]->key, v[i]->key))
			return true;
	return false;
}

static bool twice_pairwise(const struct json_node *o)
{
	json_each(m, o) for (const struct json_node *p = m->next; p != NULL;
			     p = p->next) if (str_eq(m->key, p->key)) return true;
	return false;
}

static int mark_twice(struct tree *t, const struct open *o)
{
	struct json_node **v;
	size_t n = 0;

	if (o->n <= PAIRWISE_MAX) {
		o->node->twice = twice_pairwise(o->node);
		return 0;
	}
	v = arena_alloc(t->a, o->n * sizeof *v);
	if (v == NULL)
		return -1;
	for (struct json_node *m = o->node->child; m != NULL; m = m->next)
		v[n++] = m;
	o->node->twice = twice_sorted(v, n);
	return 0;
}

/* ---- keys */

/* ASCII without escapes, eight bytes at a time: nearly every key. */
static bool is_plain(struct str s)
{
	uint64_t x;

	for (; s.n > sizeof x; s = str_skip(s, sizeof x)) {
		memcpy(&x, s.p, sizeof x);
		if (!json_word_is_ascii(x))
			return false;
	}
	return s.n == 0 || json_word_is_ascii(json_short_word(s.p, s.n, 'x'));
}

/*
 * What stands between a key's quotes, as its reader will see it. A NUL is refused as json_scan
 * does: some readers end the key there.
 */
static enum json_error key_read(struct arena *a, struct str raw, struct str *key)
{
	char *room;

	*key = raw;
	if (is_plain(raw))
		return JSON_E_NONE;
	room = arena_room(a, raw.n);
	if (room == NULL)
		return JSON_E_MEMORY;
	if (json_decode_text(raw, room, raw.n, key) != 0 || memchr(room, '\0', key->n) != NULL)
		return JSON_E_ENCODING;
	if (memchr(raw.p, '\\', raw.n) != NULL)
		arena_claim(a, key->n);
	else
		*key = raw;
	return JSON_E_NONE;
}

/* p where a member's key must be: at its value. */
static const char *take_key(struct tree *t, const char *p, struct str *key)
{
	const char *begin = p + 1;
	enum json_error err;

	if (p >= t->lex.end || *p != '"')
		return json_lex_bad(&t->lex, p);
	p = json_lex_string(&t->lex, begin);
	if (p == NULL)
		return NULL;
	err = key_read(t->a, str_mk(begin, (size_t)(p - 1 - begin)), key);
	if (err != JSON_E_NONE)
		return json_lex_fail(&t->lex, begin - 1, err);
	p = json_skip_space(p, t->lex.end);
	if (p >= t->lex.end || *p != ':')
		return json_lex_bad(&t->lex, p);
	return json_skip_space(p + 1, t->lex.end);
}

/* ---- values */

static struct json_node *add_node(struct tree *t, const char *p, struct str key)
{
	struct json_node *n;
	struct open *o;

	if (t->nodes_left == 0) {
		json_lex_fail(&t->lex, p, JSON_E_MANY);
		return NULL;
	}
	t->nodes_left--;
	n = arena_alloc(t->a, sizeof *n);
	if (n == NULL) {
		json_lex_fail(&t->lex, p, JSON_E_MEMORY);
		return NULL;
	}
	*n = (struct json_node){ .type = json_type_at(*p), .key = key, .raw = { p, 0 } };
	if (t->depth > 0) {
		o = &t->open[t->depth - 1];
		*o->tail = n;
		o->tail = &n->next;
		o->n++;
	}
	return n;
}

static const char *push(struct tree *t, struct json_node *n)
{
	if (t->depth >= JSON_MAX_DEPTH)
		return json_lex_fail(&t->lex, n->raw.p, JSON_E_DEPTH);
	t->open[t->depth++] = (struct open){ n, &n->child, 0 };
	return json_skip_space(n->raw.p + 1, t->lex.end);
}

static const char *leaf_end(struct json_lex *lex, enum json_type type, const char *p)
{
	switch (type) {
	case JSON_STRING: return json_lex_string(lex, p + 1);
	case JSON_NUMBER: return json_lex_number(lex, p);
	case JSON_TRUE: return json_lex_literal(lex, p, "true");
	case JSON_FALSE: return json_lex_literal(lex, p, "false");
	case JSON_NULL: return json_lex_literal(lex, p, "null");
	default: return json_lex_bad(lex, p);
	}
}

/* p at the innermost's closing bracket: behind it. */
static const char *close_one(struct tree *t, const char *p)
{
	const struct open *o = &t->open[--t->depth];

	o->node->raw.n = (size_t)(p + 1 - o->node->raw.p);
	if (o->node->type == JSON_OBJECT && mark_twice(t, o) != 0)
		return json_lex_fail(&t->lex, p, JSON_E_MEMORY);
	return p + 1;
}

/*
 * p behind a value, or behind an opening bracket (`empty`: it has nothing in it yet): closes what
 * closes here. At the next value, with its key; or behind the root, with depth 0.
 */
static const char *next_value(struct tree *t, const char *p, bool empty, struct str *key)
{
	while (t->depth > 0) {
		bool object = t->open[t->depth - 1].node->type == JSON_OBJECT;

		p = json_skip_space(p, t->lex.end);
		if (p >= t->lex.end)
			return json_lex_bad(&t->lex, p);
		if (*p == (object ? '}' : ']')) {
			p = close_one(t, p);
			if (p == NULL)
				return NULL;
			empty = false;
			continue;
		}
		if (!empty && *p != ',')
			return json_lex_bad(&t->lex, p);
		if (!empty)
			p = json_skip_space(p + 1, t->lex.end);
		*key = STR_NONE;
		return object ? take_key(t, p, key) : p;
	}
	return p;
}

/* p at the root's first byte: behind its last. */
static const char *read_values(struct tree *t, const char *p, struct json_node **root)
{
	struct str key = STR_NONE;

	do {
		struct json_node *n;
		bool bracket;

		if (p >= t->lex.end)
			return json_lex_bad(&t->lex, p);
		n = add_node(t, p, key);
		if (n == NULL)
			return NULL;
		if (*root == NULL)
			*root = n;
		bracket = n->type == JSON_OBJECT || n->type == JSON_ARRAY;
		p = bracket ? push(t, n) : leaf_end(&t->lex, n->type, p);
		if (p == NULL)
			return NULL;
		if (!bracket)
			n->raw.n = (size_t)(p - n->raw.p);
		p = next_value(t, p, bracket, &key);
	} while (p != NULL && t->depth > 0);
	return p;
}

int json_tree_parse(struct arena *a, struct str text, size_t max_nodes, struct json_node **root,
	struct json_fail *fail)
{
	struct tree t; /* the stack in it is not worth clearing */
	const char *p;

	t.lex = (struct json_lex){ .end = text.p + text.n };
	t.a = a;
	t.nodes_left = max_nodes;
	t.depth = 0;
	*root = NULL;
	p = json_skip_space(text.p, t.lex.end);
	p = read_values(&t, p, root);
	if (p != NULL) {
		p = json_skip_space(p, t.lex.end);
		if (p != t.lex.end)
			p = json_lex_fail(&t.lex, p, JSON_E_TRAILING);
	}
	*fail = (struct json_fail){ t.lex.err, p == NULL ? (size_t)(t.lex.at - text.p) : 0 };
	if (p == NULL)
		*root = NULL;
	return p != NULL ? 0 : -1;
}

/* ---- reading it */

const struct json_node *json_get(const struct json_node *o, struct str key)
{
	if (o == NULL || o->type != JSON_OBJECT)
		return NULL;
	json_each(m, o) if (str_eq(m->key, key)) return m;
	return NULL;
}

const struct json_node *json_get_type(const struct json_node *o, struct str key, enum json_type t)
{
	const struct json_node *m = json_get(o, key);

	return m != NULL && m->type == t && t != JSON_NULL ? m : NULL;
}

struct str json_jstr(const struct json_node *n)
{
	if (n == NULL || n->type != JSON_STRING)
		return STR_NONE;
	return str_mk(n->raw.p + 1, n->raw.n - 2);
}

bool json_node_true(const struct json_node *n)
{
	return n != NULL && n->type == JSON_TRUE;
}

int json_node_bool(const struct json_node *n)
{
	if (n == NULL || (n->type != JSON_TRUE && n->type != JSON_FALSE))
		return -1;
	return n->type == JSON_TRUE;
}

int json_node_u64(const struct json_node *n, uint64_t *out)
{
	struct json_val v;

	if (n == NULL)
		return -1;
	v = (struct json_val){ .type = n->type, .raw = n->raw };
	return json_get_u64(&v, out);
}

struct str json_jstr_decode(struct arena *a, struct str jstr)
{
	struct str out;
	char *room;

	if (jstr.p == NULL || memchr(jstr.p, '\\', jstr.n) == NULL)
		return jstr;
	room = arena_room(a, jstr.n);
	if (room == NULL || json_decode_text(jstr, room, jstr.n, &out) != 0)
		return STR_NONE;
	arena_claim(a, out.n);
	return out;
}
