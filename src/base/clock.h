/*
 * clock.h: monotonic and wall time are different types, so that neither is used for the other.
 * A worker reads the clock once a turn and hands the value down.
 */
#ifndef TG_BASE_CLOCK_H
#define TG_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

typedef struct {
	int64_t us;
} mono_us; /* CLOCK_MONOTONIC, microseconds */
typedef struct {
	int64_t us;
} wall_us; /* CLOCK_REALTIME, microseconds since 1970 UTC */

mono_us clock_mono(void);
wall_us clock_wall(void);

static inline int64_t mono_since(mono_us now, mono_us then)
{
	return now.us - then.us;
}

#define CLOCK_ISO_LEN 27 /* 2026-11-20T20:25:49.123456Z */
/* Formats as RFC 3339 UTC with microseconds, no NUL; returns CLOCK_ISO_LEN. */
size_t clock_iso(char out[CLOCK_ISO_LEN], wall_us t);
/* Days from 1970-01-01 to this day of the Gregorian calendar; month and day from 1. */
int64_t clock_days(int64_t year, int64_t month, int64_t day);
/* 2027-01-01 (midnight UTC) or RFC 3339 with an offset, of the years 1970 to 9999. -1: is none. */
int clock_parse(struct str text, wall_us *out) TG_MUST_CHECK;
#define CLOCK_HTTP_LEN 29 /* Fri, 20 Nov 2026 20:25:49 GMT, RFC 9110 section 5.6.7 */
size_t clock_http(char out[CLOCK_HTTP_LEN], wall_us t);

#endif
