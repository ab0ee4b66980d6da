/*
 * usage.h: what a request used, in disjoint buckets (tbl/buckets.h), and how well that is known.
 */
#ifndef TG_MONEY_USAGE_H
#define TG_MONEY_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum usage_bucket {
#define X(id, name, parent, kind, code) USAGE_##id,
#include "money/tbl/buckets.h"
#undef X
	USAGE__MAX,
	USAGE_NONE = USAGE__MAX
};

enum usage_source {
	USAGE_ABSENT,   /* nothing known (yet) */
	USAGE_PROVIDER, /* final figures of the provider */
	USAGE_PARTIAL,  /* the provider's, but the stream ended before the final ones */
	USAGE_ESTIMATED,
};

struct usage {
	uint64_t n[USAGE__MAX];
	enum usage_source source;
};

enum usage_kind { USAGE_INPUT, USAGE_OUTPUT, USAGE_UNIT };
#define USAGE_FIRST_OUTPUT USAGE_OUT
#define USAGE_FIRST_UNIT   USAGE_IMAGES

const char *usage_bucket_name(enum usage_bucket b);
const char *usage_source_name(enum usage_source s);
enum usage_bucket usage_bucket_parent(enum usage_bucket b);
enum usage_kind usage_bucket_kind(enum usage_bucket b);
/* The bucket's number in the ledger, and back: USAGE_NONE for one that this version does not know.
 */
uint8_t usage_bucket_code(enum usage_bucket b);
enum usage_bucket usage_bucket_of_code(uint8_t code);
/* Is anything in it? */
bool usage_any(const struct usage *u);
/* Sums over the input (output) token buckets. */
uint64_t usage_input(const struct usage *u);
uint64_t usage_output(const struct usage *u);

#endif
