/*
 * yaml.h: YAML text as a tree of nodes that know their file, line and column. Scalars stay text:
 * what a value means is said by the directive that takes it, never guessed from its look. An
 * aliased node is shared, not copied, so the tree is a graph without cycles; nobody may change a
 * node once it has been read. Everything lives in the arena of the load. Used at load time only, by
 * the thread that loads.
 */
#ifndef TG_CONF_YAML_H
#define TG_CONF_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"
#include "conf/conf.h"

#define CONF_MAX_FILE_BYTES (8u << 20)
#define CONF_MAX_DEPTH      64
#define CONF_MAX_ANCHORS    1000
#define CONF_MAX_ALIAS_NODES \
	100000 /* nodes that aliases may stand for, nested ones multiplied out */

enum conf_node_kind { CONF_NODE_SCALAR, CONF_NODE_LIST, CONF_NODE_MAP };

struct conf_item {
	struct str key; /* empty in lists */
	struct conf_pos key_pos;
	struct conf_node *value;
};

struct conf_node {
	enum conf_node_kind kind;
	bool quoted; /* scalar in quotes or a block scalar: empty text is then a value, not an
			absence */
	struct conf_pos pos;
	struct str text;     /* scalar */
	struct conf_item *v; /* list and map */
	uint32_t n, cap;
	uint32_t *index; /* map with many keys: hash slots of item number + 1 */
	uint32_t index_cap;
	uint32_t weight; /* nodes below and including this one, aliases multiplied out */
};

/* Parse one document. An empty one is an empty scalar. -1: reported through conf_fail. */
int conf_yaml_parse(struct conf_load *l, struct str text, const char *file,
	struct conf_node **out) TG_MUST_CHECK;

/* A fresh node; NULL when the arena is full (reported). */
struct conf_node *conf_node_new(
	struct conf_load *l, enum conf_node_kind kind, const struct conf_pos *pos) TG_MUST_CHECK;
/* Append to a map or list. The key must not be there yet. -1: the arena is full (reported). */
int conf_node_add(
	struct conf_load *l, struct conf_node *n, const struct conf_item *it) TG_MUST_CHECK;
/* The item of a map with this key, or NULL. */
struct conf_item *conf_node_get(const struct conf_node *map, struct str key);
/* Nothing was written: `key:` without a value. */
bool conf_node_empty(const struct conf_node *n);

/*
 * Take one character off the front of *s (not empty). -1: not UTF-8 (RFC 3629), *s is left alone.
 */
int32_t conf_utf8_next(struct str *s);
/* May stand in a YAML file as itself and in a value: no control, no line or byte order marks. */
bool conf_char_printable(int32_t c);

#endif
