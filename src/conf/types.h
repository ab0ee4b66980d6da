/*
 * types.h: the text of one scalar directive to its value and back, exactly: no floating point, no
 * locale, no guessing. Pure functions over text. Strings and secrets are not here: their value is
 * their text (build.c).
 */
#ifndef TG_CONF_TYPES_H
#define TG_CONF_TYPES_H

#include <stdbool.h>

#include "base/defs.h"
#include "base/str.h"
#include "conf/conf.h"

struct conf_why { /* "must be a size such as 64k, from 1k to 64k, not `1x`" */
	char text[320];
};

/* Is it one of the types that conf_type_read knows? */
bool conf_type_scalar(enum conf_type t);

/* Read text into the value at out (its C type as in enum conf_type). -1: why says what would be
 * right. */
int conf_type_read(const struct conf_directive *d, struct str text, void *out,
	struct conf_why *why) TG_MUST_CHECK;

#define CONF_TYPE_WRITE_LEN 72
/* The value as it would be written in a file; returns the length without the NUL. */
size_t conf_type_write(
	const struct conf_directive *d, const void *value, char out[CONF_TYPE_WRITE_LEN]);

/* "a whole number from 1 to 1000": what the directive takes, for errors and the reference. */
void conf_type_expect(const struct conf_directive *d, struct conf_why *out);

/* Is the value (of any type but BLOCK) what zeroed memory is? */
bool conf_type_zero(const struct conf_directive *d, const void *value);

/* 2027-01-01 or RFC 3339 with an offset; microseconds since 1970 UTC. Years 1970 to 9999. */
int conf_parse_date(struct str text, int64_t *out_us) TG_MUST_CHECK;

#endif
