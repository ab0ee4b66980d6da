/*
 * redis_value.h: what a Redis server has answered, as a tree. It belongs to the client and is valid
 * during the callback that gets it; who needs more of it copies it there.
 */
#ifndef TG_REDIS_VALUE_H
#define TG_REDIS_VALUE_H

#include <stdbool.h>

#include "base/defs.h"
#include "base/str.h"

enum redis_kind {
	REDIS_NIL,    /* also the nil array */
	REDIS_INT,    /* number */
	REDIS_STRING, /* text: any bytes */
	REDIS_STATUS, /* text: "OK" */
	REDIS_ERROR,  /* text: "NOSCRIPT No matching script." without the '-' */
	REDIS_ARRAY   /* items, n_items */
};

struct redis_value {
	enum redis_kind kind;
	int64_t number;
	struct str text; /* STRING, STATUS and ERROR; not terminated */
	size_t n_items;
	struct redis_value *items;
};

/* The i-th item of an array, or a nil where v is no array or has no such item: never NULL. */
const struct redis_value *redis_value_at(const struct redis_value *v, size_t i);
/* An integer, or a string that is one ([-]digits). -1: neither. */
int redis_value_i64(const struct redis_value *v, int64_t *out) TG_MUST_CHECK;
/* Is v an error whose first word is `code` ("MOVED")? */
bool redis_value_is_error(const struct redis_value *v, struct str code);

#endif
