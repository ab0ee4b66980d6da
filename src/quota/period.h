/*
 * period.h: the periods of limits: which one an instant is in, from when to when, and what it is
 * called. Pure functions; any thread. Times are microseconds since 1970 UTC; those outside the
 * years 1970 to 9998 count as the nearest inside.
 *
 * Periods of one spec in one zone tile time: each ends in the very microsecond in which the next
 * begins, and no two have the same name. They begin when the zone's clock first shows midnight
 * or later of their first day (zone_first): where midnight is skipped, at the jump; where it comes
 * twice, the first time; a day that a zone skipped as a whole has no period.
 *
 * An hour is one on the clock, and ends early where the clock is moved: at a move of a whole hour
 * all have 60 minutes, at one of 30 minutes (Lord Howe) there are short ones. Each has the limit.
 *
 * Rolling windows ("30d", "24h") are rings of buckets: days of the zone, or hours of UTC. What is
 * committed now counts in the open bucket, and in every window that has it:
 *
 *	bucket:   k-n   k-n+1  ...   k-1     k (open)     available = L - sum over all n+1
 *
 * The sum takes the open bucket and the n before it. So any n buckets in a row have at most L, and
 * since any span of n units lies within n+1 buckets in a row, so has every such span, aligned or
 * not (a day is one of the zone, of 23 to 25 hours where its clock is moved). The price: an
 * amount comes back up to one bucket later than n units after it was spent.
 */
#ifndef TG_QUOTA_PERIOD_H
#define TG_QUOTA_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/str.h"
#include "quota/zone.h"

enum period_unit {
#define X(id, name, months, days, anchor) PERIOD_##id,
#include "quota/tbl/period_units.h"
#undef X
	PERIOD__CALENDAR,
	PERIOD_ROLLING_HOURS = PERIOD__CALENDAR,
	PERIOD_ROLLING_DAYS,
	PERIOD__MAX
};

enum period_anchor { PERIOD_ANCHOR_NONE, PERIOD_ANCHOR_WEEKDAY, PERIOD_ANCHOR_MONTH_DAY };

#define PERIOD_ROLLING_MAX 92 /* hours or days: what a ring of buckets has room for */

struct period_spec {
	enum period_unit unit;
	/* Week: 0 Monday to 6 Sunday. Month, quarter, year: the day 1 to 31 that they begin on, the
	 * last one in shorter months. Otherwise 0. */
	unsigned anchor;
	unsigned n; /* rolling: 1 to PERIOD_ROLLING_MAX; otherwise 0 */
};

#define PERIOD_NAME_LEN 48
struct period {
	int64_t start_us, end_us; /* the end is the first instant that is no more in it */
	/* When what was spent in it no longer counts: its end, or when it leaves the window. */
	int64_t leaves_us;
	/* "hour/2026-11-28T05", "hour/2026-10-25T02+01:00" where the clock shows that hour twice,
	 * "day/2026-11-28", "week/2026-11-23", "month/2026-11", "month@15/2026-11-15",
	 * "quarter/2026-Q4", "year/2026", "lifetime", "24h/2026-11-28T05Z", "30d/2026-11-28" */
	char name[PERIOD_NAME_LEN];
};

/* Is the spec one that period_at takes? Everything below asserts it. */
bool period_spec_valid(const struct period_spec *s);
bool period_spec_rolling(const struct period_spec *s);
const char *period_unit_name(enum period_unit u); /* calendar units only */
enum period_anchor period_unit_anchor(enum period_unit u);

#define PERIOD_SPEC_LEN 24
/* "month", "month@15", "week@sun", "30d": what stands before the '/' in names. Returns the length
 * without the NUL. */
size_t period_spec_put(char out[PERIOD_SPEC_LEN], const struct period_spec *s);
const char *period_weekday(unsigned anchor); /* "mon" for 0 */

/* The period around an instant. A lifetime is from INT64_MIN to INT64_MAX. */
void period_at(const struct period_spec *s, const struct zone *z, wall_us now, struct period *out);
/* Buckets that a window sums up: n and the open one. 1 for calendar periods. */
unsigned period_buckets(const struct period_spec *s);
/*
 * The buckets of the window that is open now, the open one first and then back in time:
 * period_buckets(s) of them into out.
 */
void period_window(
	const struct period_spec *s, const struct zone *z, wall_us now, struct period *out);

#endif
