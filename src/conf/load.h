/*
 * load.h: the load in progress, shared by the files of this folder only.
 */
#ifndef TG_CONF_LOAD_H
#define TG_CONF_LOAD_H

#include <stdbool.h>

#include "base/arena.h"
#include "conf/conf.h"
#include "conf/yaml.h"

#define CONF_MAX_FILES         1024
#define CONF_MAX_INCLUDE_DEPTH 16
#define CONF_MAX_NAME          256 /* bytes of a name that is a map key */

struct conf_source; /* a file that has been read: load.c */

struct conf_load {
	struct arena *arena;
	struct conf_error *err;
	bool failed;
	const char *name;            /* the root file, for errors without a place */
	struct conf_source *sources; /* every file read so far, newest first */
	unsigned n_sources, include_depth;
	int64_t newest_ms; /* the files' latest modification */
	bool from_text;    /* no file to include relative to */
	/* what is being built, for conf_fail_at */
	const struct conf_block *root_block;
	void *root_obj;
	const struct conf_node *root_node;
};

/* Zeroed arena memory, or NULL with the error recorded. */
void *conf_zalloc(struct conf_load *l, size_t n) TG_MUST_CHECK;
/* A value shortened for an error message, at a character border. */
struct str conf_clip(struct str s);

/* build.c: fill obj from node. */
int conf_build(struct conf_load *l, const struct conf_block *b, const struct conf_node *node,
	void *obj) TG_MUST_CHECK;
/* secret.c: replace ${env:NAME} and ${file:/path}. */
int conf_secret_expand(struct conf_load *l, const struct conf_directive *d, struct str text,
	const struct conf_pos *pos, struct str *out) TG_MUST_CHECK;
/* Does the text hold ${env: or ${file: ? */
bool conf_secret_referenced(struct str text);
/* The directive of this name, or NULL. */
const struct conf_directive *conf_block_find(const struct conf_block *b, struct str name);

#endif
