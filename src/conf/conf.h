/*
 * conf.h: configuration as data. A block of directives is a const table that says, for every key,
 * its type, where its value goes in a C struct, its default, bounds and help. From the tables come
 * the loader with its errors, `tollgate --schema` (JSON Schema), `-T` and the reference page.
 *
 * This folder knows YAML and tables; it does not know tollgate: the tables live in
 * src/core/config.c and config_*.c. Everything is allocated in one arena that belongs to the
 * loaded tree.
 */
#ifndef TG_CONF_CONF_H
#define TG_CONF_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/defs.h"
#include "base/str.h"

enum conf_type {
	CONF_BOOL,     /* bool: true false on off yes no */
	CONF_INT,      /* int64_t, within min..max */
	CONF_SIZE,     /* int64_t bytes: 64k 8m 1g */
	CONF_DURATION, /* int64_t microseconds: 50ms 10s 5m 1h 1d */
	CONF_STRING,   /* struct str */
	CONF_SECRET,   /* struct str; ${env:NAME} and ${file:/path} are allowed; masked in dumps */
	CONF_MONEY,    /* int64_t pico-USD: "0.50 usd" */
	CONF_PERCENT,  /* int64_t basis points: "15%" "12.5%" */
	CONF_DATE,     /* int64_t microseconds since 1970 UTC: 2027-01-01 or RFC 3339 */
	CONF_SHA256,   /* uint8_t[32] from 64 hex digits */
	CONF_ENUM,     /* int; words in `words` */
	CONF_STRINGS,  /* struct conf_strings: a list, or one scalar */
	CONF_BLOCK,    /* struct embedded at offset; `block` */
	CONF_LIST, /* struct conf_array: list of `block`; a scalar element fills the block's first
		      directive */
	CONF_MAP, /* struct conf_array: map name -> `block`; the name goes to struct str at offset 0
		     of the element */
	CONF_TAGS, /* struct conf_tags: map of string to string */
};

enum conf_flag {
	CONF_REQUIRED = 1,
	CONF_ALLOW_AUTO = 2, /* INT: "auto" is stored as 0 */
	CONF_TAG_LISTS = 4,  /* TAGS: a value may be a list, which is stored as "a,b" */
	CONF_AT_START = 8, /* a scalar or STRING outside of lists and maps: a reload does not change
			      it */
};

struct conf_strings {
	struct str *v;
	size_t n;
};

struct conf_tags {
	struct conf_tag {
		struct str name, value;
	} * v;
	size_t n;
};

struct conf_array {
	void *v; /* n elements of block->size */
	size_t n;
};

struct conf_pos { /* for errors after loading; file lives in the tree's arena */
	const char *file;
	unsigned line, col;
};

struct conf_block;

struct conf_directive {
	const char *name; /* NULL ends a table */
	enum conf_type type;
	size_t offset; /* in the block's struct */
	unsigned flags;
	const char *def;                /* default as it would be written; NULL: zero value */
	const char *help;               /* one sentence, ends with a full stop */
	int64_t min, max;               /* numbers; both 0: unbounded */
	const char *const *words;       /* CONF_ENUM, NULL-terminated */
	const struct conf_block *block; /* CONF_BLOCK, CONF_LIST, CONF_MAP */
};

struct conf_error {
	char text[512]; /* "file:line:col: what is wrong; expected ...; did you mean ..." */
};

struct conf_load; /* the load in progress: arena, error, deferred checks */

struct conf_hint {               /* a name that people try, and what they want instead */
	const char *name, *hint; /* "api_key", "`key`" */
};

struct conf_block {
	const char *name; /* for the reference page */
	const char *help;
	size_t size;
	const struct conf_directive *directives;
	/* offset + 1 of a struct conf_pos in the struct to fill with the block's place; 0: none */
	size_t pos_offset_plus1;
	/* after the block's own values are set; report with conf_fail. May be NULL. */
	int (*check)(struct conf_load *l, void *obj);
	/* names that a later version will take, NULL-terminated: the error for them says so. May be
	 * NULL. */
	const char *const *later;
	/* what other programs call things, ends with a NULL name: the error says what it is here.
	 * May be NULL. */
	const struct conf_hint *hints;
};

/* Record an error at pos (first error wins). Returns -1, so that a check can `return
 * conf_fail(...)`. */
int conf_fail(struct conf_load *l, const struct conf_pos *pos, const char *fmt, ...)
	TG_PRINTF(3, 4);
/*
 * The same at the place of one value: field is the address of a member (or of an element of its
 * list) of the struct being loaded. When the file does not give that value, the place of what
 * surrounds it.
 */
int conf_fail_at(struct conf_load *l, const void *field, const char *fmt, ...) TG_PRINTF(3, 4);
/* The place of a value, as conf_fail_at finds it. */
struct conf_pos conf_pos_of(struct conf_load *l, const void *field);
struct arena *conf_arena(struct conf_load *l);
/* When the newest of the files was written, in ms since 1970; 0: there is none. */
int64_t conf_newest_ms(const struct conf_load *l);

/*
 * Load a file (with its `include:` globs) into *out (block->size bytes, zeroed by the callee
 * first). All memory comes from arena. -1 with err filled; then *out must not be used.
 */
int conf_load_file(const char *path, const struct conf_block *root, struct arena *arena, void *out,
	struct conf_error *err) TG_MUST_CHECK;
/* The same from memory; name stands for the file in errors. */
int conf_load_text(struct str yaml, const char *name, const struct conf_block *root,
	struct arena *arena, void *out, struct conf_error *err) TG_MUST_CHECK;

/* The merged result as YAML with defaults filled in and secrets masked ("********"). */
void conf_dump(FILE *f, const struct conf_block *root, const void *obj);
/* JSON Schema (draft 2020-12) of the tables. */
void conf_schema(FILE *f, const struct conf_block *root, const char *title);
/*
 * What a reload does not take up: calls on_changed with the path ("ledger.path") of every
 * CONF_AT_START directive that is not the same in both. was, now: structs of the root.
 */
void conf_changed_at_start(const struct conf_block *root, const void *was, const void *now,
	void (*on_changed)(const char *path));
/* The reference page: Markdown, one section a block, one row a directive. */
void conf_reference(FILE *f, const struct conf_block *root);

#endif
