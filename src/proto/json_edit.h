/*
 * json_edit.h: re-emit a scanned object with a few members replaced, added or removed, as iovecs
 * over the original text and the replacements: what was read is what is sent, and nothing is
 * copied.
 */
#ifndef TG_PROTO_JSON_EDIT_H
#define TG_PROTO_JSON_EDIT_H

#include <sys/uio.h>

#include "proto/json_scan.h"

#define JSON_EDIT_MAX 8

struct json_edit {
	struct str text;
	unsigned n;
	struct json_edit_op {
		size_t from, to; /* replaced range of text */
		struct str with;
		bool insert; /* a member of its own: commas are put around it */
		bool last;   /* ... into an object that has no members */
		bool off;    /* set by the caller: leave the text as it is here, this time */
	} op[JSON_EDIT_MAX];
};

void json_edit_init(struct json_edit *e, struct str text);
/* v must be a span of e->text. `with` is raw JSON that lives as long as the iovecs. -1: too many
 * edits. */
int json_edit_replace(struct json_edit *e, const struct json_val *v, struct str with) TG_MUST_CHECK;
/* Add a member in front of the object's others: `member` is raw "key":value without comma. -1: too
 * many. */
int json_edit_insert(struct json_edit *e, struct str member) TG_MUST_CHECK;
/* The same in an object inside e->text: `obj` is a span of e->text. */
int json_edit_insert_in(
	struct json_edit *e, const struct json_val *obj, struct str member) TG_MUST_CHECK;

#define JSON_EDIT_MAX_IOV (3 * JSON_EDIT_MAX + 1)
/*
 * How many iovecs make up the result (at most JSON_EDIT_MAX_IOV), and its length in *total.
 * -1: edits overlap, or there are more than max. Each iovec points into e->text, a replacement or a
 * constant.
 */
int json_edit_iov(struct json_edit *e, struct iovec *iov, int max, size_t *total) TG_MUST_CHECK;

#endif
