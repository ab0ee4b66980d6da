/*
 * json_tree.h: a JSON text as a tree of spans into it, in an arena. Strict as json_scan.h (RFC
 * 8259, depth at most JSON_MAX_DEPTH); nothing is decoded: strings keep their escapes, numbers
 * their text. For translation between dialects; what only a few members are wanted of is scanned
 * (json_scan.h).
 */
#ifndef TG_PROTO_JSON_TREE_H
#define TG_PROTO_JSON_TREE_H

#include "base/arena.h"
#include "proto/json_scan.h"

struct json_node {
	enum json_type type;
	bool twice;     /* an object: some member stands there twice */
	struct str key; /* of an object's member, decoded where it had escapes; absent in arrays */
	struct str raw; /* the whole value, with quotes or brackets */
	struct json_node *child; /* of objects and arrays: the first */
	struct json_node *next;
};

/* 0, or -1 with *fail; JSON_E_MANY: more than max_nodes values are in it; JSON_E_MEMORY: the arena
 * ran out. Any value may be the root. */
int json_tree_parse(struct arena *a, struct str text, size_t max_nodes, struct json_node **root,
	struct json_fail *fail) TG_MUST_CHECK;

/* The member, or NULL: absent, or `o` is no object (NULL is none). */
const struct json_node *json_get(const struct json_node *o, struct str key);
/* The same; NULL too when its type is another. null counts as absent. */
const struct json_node *json_get_type(const struct json_node *o, struct str key, enum json_type t);
/* A string's text between its quotes, escapes and all; absent (p == NULL) when n is no string. */
struct str json_jstr(const struct json_node *n);
static inline struct str json_get_jstr(const struct json_node *o, struct str key)
{
	return json_jstr(json_get(o, key));
}
/* Is it true? And: 1, 0 for true and false, -1 for anything else. */
bool json_node_true(const struct json_node *n);
int json_node_bool(const struct json_node *n);
/* Non-negative integer, as json_get_u64. */
int json_node_u64(const struct json_node *n, uint64_t *out) TG_MUST_CHECK;
/* A jstr decoded into the arena; its own bytes when it has no escapes. p == NULL: it does not
 * decode, or no memory. */
struct str json_jstr_decode(struct arena *a, struct str jstr);

#define json_each(n, parent)                                                                   \
	for (const struct json_node *n = (parent) != NULL ? (parent)->child : NULL; n != NULL; \
		n = n->next)

#endif
