/*
 * hints.h: what providers say about waiting: Retry-After, and when a limit is whole again, in the
 * formats they use (Go durations, seconds, RFC 3339, seconds or milliseconds since 1970). Pure
 * functions over a peer's bytes.
 */
#ifndef TG_ROUTE_HINTS_H
#define TG_ROUTE_HINTS_H

#include <stdint.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/str.h"

#define HINTS_MOST_US INT64_C(86400000000) /* longer than a day is a day */

/* Each: 0 with *us from now, 0..HINTS_MOST_US; -1: not understood. */
/* "20", "34.4", or a date (RFC 9110 section 10.2.3). */
int hint_retry_after(struct str value, wall_us now, int64_t *us) TG_MUST_CHECK;
/* "250", "1499.5": milliseconds. */
int hint_retry_after_ms(struct str value, int64_t *us) TG_MUST_CHECK;
/* "120ms" "8.64s" "6m0s" "1h2m3s" "20" "2026-11-28T10:00:00Z" "1764324000" "1764324000000" */
int hint_reset(struct str value, wall_us now, int64_t *us) TG_MUST_CHECK;
/* A count that is left; -1 as a result: none. Negative ones are not understood. */
int hint_count(struct str value, int64_t *n) TG_MUST_CHECK;

#endif
