/*
 * zone.h: IANA time zones: UTC <-> what a clock on the wall shows there. Read from the system's
 * zoneinfo files (TZif, RFC 9636), because libc knows one zone a process and takes a lock.
 *
 * A struct zone is made by one thread and does not change afterwards: any thread may read it.
 * Instants are whole seconds since 1970 UTC (leap seconds are not counted, as in POSIX). "Local"
 * seconds are what they would be if the zone's clock were UTC: 1970-01-02 00:00 there is 86400.
 * Both are cut to the years 1 to 9999.
 */
#ifndef TG_QUOTA_ZONE_H
#define TG_QUOTA_ZONE_H

#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

#define ZONE_FOLDER   "/usr/share/zoneinfo"
#define ZONE_NAME_MAX 64
#define ZONE_DAY_S    86400
/* No zone is further from UTC, RFC 9636 section 3.2. */
#define ZONE_OFFSET_MAX_S 93599

struct zone;

/* A date and a time of the proleptic Gregorian calendar. */
struct civil {
	int64_t year;
	unsigned month, day; /* from 1 */
	unsigned hour, min, sec;
};

/* From start_s until before end_s (INT64_MIN, INT64_MAX: for ever) the clock is offset_s ahead of
 * UTC. The next span may have the same offset. */
struct zone_span {
	int64_t start_s, end_s;
	int32_t offset_s;
};

/*
 * The zone of this name ("Europe/Berlin") below folder (NULL: ZONE_FOLDER). "UTC" needs no file.
 * NULL: err says why (a name that is none, no such file, a file that is no zone). The caller owns
 * the zone.
 */
struct zone *zone_load(
	struct str name, const char *folder, char *err, size_t err_size) TG_MUST_CHECK;
/* The same from a file's bytes, which are not kept. */
struct zone *zone_parse(
	struct str name, struct str bytes, char *err, size_t err_size) TG_MUST_CHECK;
void zone_free(struct zone *z); /* NULL is fine */
struct str zone_name(const struct zone *z);

/* The span around an instant. */
struct zone_span zone_span_at(const struct zone *z, int64_t utc_s);
/* What the clock shows. */
int64_t zone_local(const struct zone *z, int64_t utc_s);
struct civil zone_civil(const struct zone *z, int64_t utc_s);
/*
 * The first instant at which the clock shows local_s or later: where it jumps over local_s, the
 * jump; where it shows local_s twice, the first time. Grows with local_s.
 */
int64_t zone_first(const struct zone *z, int64_t local_s);
/*
 * The instants at which the clock shows exactly local_s: how many there are (none where it jumps
 * ahead, two where it is put back), the first and the last of them. Either may be NULL.
 */
unsigned zone_instants(const struct zone *z, int64_t local_s, int64_t *first_s, int64_t *last_s);

/* The calendar: days since 1970-01-01 <-> date; civil_of cuts local seconds. */
struct civil civil_of(int64_t local_s);
int64_t civil_local(const struct civil *c);
unsigned civil_month_days(int64_t year, unsigned month);
/* a / b and a % b rounded down, for b > 0 */
static inline int64_t civil_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static inline int64_t civil_mod(int64_t a, int64_t b)
{
	return a % b < 0 ? a % b + b : a % b;
}

#endif
