/*
 * period.c: days, weeks, months, quarters and years are numbered, and begin on a day that follows
 * from the number; which number an instant has is found by comparing begins, never by subtracting
 * times of the clock. Hours are cut out of the spans of one offset. Pure functions.
 */
#include "quota/period.h"

#include <stdio.h>

#include "base/num.h"

#define HOUR_S       3600
#define US           1000000
#define MAX_S        INT64_C(253370764799) /* the end of 9998 */
#define FIRST_MONDAY 4                     /* 1970-01-05 */

static const struct unit {
	const char *name;
	unsigned months, days;
	enum period_anchor anchor;
} units[PERIOD__CALENDAR] = {
#define X(id, name, months, days, anchor) { name, months, days, PERIOD_ANCHOR_##anchor },
#include "quota/tbl/period_units.h"
#undef X
};
static const char *const weekdays[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

bool period_spec_rolling(const struct period_spec *s)
{
	return s->unit == PERIOD_ROLLING_HOURS || s->unit == PERIOD_ROLLING_DAYS;
}

bool period_spec_valid(const struct period_spec *s)
{
	if ((unsigned)s->unit >= PERIOD__MAX)
		return false;
	if (period_spec_rolling(s))
		return s->n >= 1 && s->n <= PERIOD_ROLLING_MAX && s->anchor == 0;
	if (s->n != 0)
		return false;
	switch (units[s->unit].anchor) {
	case PERIOD_ANCHOR_WEEKDAY: return s->anchor < TG_ARRAY_LEN(weekdays);
	case PERIOD_ANCHOR_MONTH_DAY: return s->anchor >= 1 && s->anchor <= 31;
	case PERIOD_ANCHOR_NONE: break;
	}
	return s->anchor == 0;
}

const char *period_unit_name(enum period_unit u)
{
	tg_assert((unsigned)u < PERIOD__CALENDAR);
	return units[u].name;
}

enum period_anchor period_unit_anchor(enum period_unit u)
{
	return (unsigned)u < PERIOD__CALENDAR ? units[u].anchor : PERIOD_ANCHOR_NONE;
}

const char *period_weekday(unsigned anchor)
{
	tg_assert(anchor < TG_ARRAY_LEN(weekdays));
	return weekdays[anchor];
}

static char *put_text(char *p, const char *text)
{
	size_t n = strlen(text);

	memcpy(p, text, n);
	return p + n;
}

/* v as exactly n digits */
static char *put_digits(char *p, int64_t v, unsigned n)
{
	for (unsigned i = n; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + n;
}

size_t period_spec_put(char out[PERIOD_SPEC_LEN], const struct period_spec *s)
{
	char *p = out;

	tg_assert(period_spec_valid(s));
	if (period_spec_rolling(s)) {
		p += num_put_u64(p, s->n);
		*p++ = s->unit == PERIOD_ROLLING_HOURS ? 'h' : 'd';
	} else {
		p = put_text(p, units[s->unit].name);
		if (units[s->unit].anchor == PERIOD_ANCHOR_WEEKDAY && s->anchor != 0) {
			*p++ = '@';
			p = put_text(p, weekdays[s->anchor]);
		} else if (units[s->unit].anchor == PERIOD_ANCHOR_MONTH_DAY && s->anchor != 1) {
			*p++ = '@';
			p += num_put_u64(p, s->anchor);
		}
	}
	*p = '\0';
	return (size_t)(p - out);
}

static char *put_date(char *p, const struct civil *c)
{
	p = put_digits(p, c->year, 4);
	*p++ = '-';
	p = put_digits(p, c->month, 2);
	*p++ = '-';
	return put_digits(p, c->day, 2);
}

static char *put_hour(char *p, const struct civil *c)
{
	p = put_date(p, c);
	*p++ = 'T';
	return put_digits(p, c->hour, 2);
}

/* "+01:00", with seconds where there are some */
static char *put_offset(char *p, int32_t offset_s)
{
	int32_t abs = offset_s < 0 ? -offset_s : offset_s;

	*p++ = offset_s < 0 ? '-' : '+';
	p = put_digits(p, abs / HOUR_S, 2);
	*p++ = ':';
	p = put_digits(p, abs / 60 % 60, 2);
	if (abs % 60 != 0) {
		*p++ = ':';
		p = put_digits(p, abs % 60, 2);
	}
	return p;
}

/* The day (since 1970) that the index-th period begins on; the days or months of 1970 are 0. */
static int64_t first_day(const struct period_spec *s, int64_t index)
{
	const struct unit *u = &units[s->unit];
	struct civil c = { .day = 1 };

	if (u->days == 1)
		return index;
	if (u->days == 7)
		return index * 7 + FIRST_MONDAY + (int64_t)s->anchor;
	c.year = 1970 + civil_div(index * u->months, 12);
	c.month = (unsigned)civil_mod(index * u->months, 12) + 1;
	c.day = TG_MIN(s->anchor, civil_month_days(c.year, c.month));
	return civil_div(civil_local(&c), ZONE_DAY_S);
}

static int64_t start_of(const struct period_spec *s, const struct zone *z, int64_t index)
{
	return zone_first(z, first_day(s, index) * ZONE_DAY_S);
}

/* About; start_of says whether it is the one before or behind. */
static int64_t guess_index(const struct period_spec *s, int64_t local_s)
{
	const struct unit *u = &units[s->unit];
	struct civil c;

	if (u->days > 0)
		return civil_div(civil_div(local_s, ZONE_DAY_S) -
					 (u->days == 7 ? FIRST_MONDAY + (int64_t)s->anchor : 0),
			u->days);
	c = civil_of(local_s);
	return civil_div((c.year - 1970) * 12 + c.month - 1, u->months);
}

static void put_day_name(const struct period_spec *s, int64_t day, char *name)
{
	struct civil c = civil_of(day * ZONE_DAY_S);
	char *p = name + period_spec_put(name, s);
	bool plain = s->anchor == 1;

	*p++ = '/';
	if (units[s->unit].months == 1 && plain) {
		p = put_digits(p, c.year, 4);
		*p++ = '-';
		p = put_digits(p, c.month, 2);
	} else if (units[s->unit].months == 3 && plain) {
		p = put_digits(p, c.year, 4);
		p = put_text(p, "-Q");
		p = put_digits(p, (c.month + 2) / 3, 1);
	} else if (units[s->unit].months == 12 && plain)
		p = put_digits(p, c.year, 4);
	else
		p = put_date(p, &c);
	*p = '\0';
}

static void days_at(
	const struct period_spec *s, const struct zone *z, int64_t t, struct period *out)
{
	int64_t i = guess_index(s, zone_local(z, t));
	int64_t start = start_of(s, z, i), end;

	while (start > t)
		start = start_of(s, z, --i);
	/* the last of those that begin in one instant: the others were skipped by the clock */
	for (end = start_of(s, z, i + 1); end <= t; end = start_of(s, z, i + 1)) {
		start = end;
		i++;
	}
	out->start_us = start * US;
	out->end_us = end * US;
	put_day_name(s, first_day(s, i), out->name);
}

/* Does the clock show times of this hour with another offset too? */
static bool hour_repeats(const struct zone *z, int64_t local_hour, int32_t offset)
{
	int64_t t = local_hour - ZONE_OFFSET_MAX_S, end = local_hour + HOUR_S + ZONE_OFFSET_MAX_S;

	while (t < end) {
		struct zone_span span = zone_span_at(z, t);
		int64_t from = TG_MAX(span.start_s, t) + span.offset_s,
			until = TG_MIN(span.end_s, end) + span.offset_s;

		if (span.offset_s != offset && from < local_hour + HOUR_S && until > local_hour)
			return true;
		if (span.end_s >= end)
			break;
		t = span.end_s;
	}
	return false;
}

static void hour_at(const struct zone *z, int64_t t, struct period *out)
{
	struct zone_span span = zone_span_at(z, t), next;
	int32_t offset = span.offset_s;
	int64_t hour = civil_div(t + offset, HOUR_S) * HOUR_S;
	int64_t start = hour - offset, end = start + HOUR_S;
	struct civil c = civil_of(hour);
	char *p;

	/* spans of the same offset are one */
	for (next = span; next.start_s > start; span = next) {
		next = zone_span_at(z, next.start_s - 1);
		if (next.offset_s != offset) {
			start = span.start_s;
			break;
		}
	}
	for (next = zone_span_at(z, t); next.end_s < end;) {
		int64_t at = next.end_s;

		next = zone_span_at(z, at);
		if (next.offset_s != offset)
			end = at;
	}
	out->start_us = start * US;
	out->end_us = end * US;
	p = put_hour(put_text(out->name, "hour/"), &c);
	if (hour_repeats(z, hour, offset))
		p = put_offset(p, offset);
	*p = '\0';
}

static void utc_hour_at(const struct period_spec *s, int64_t t, struct period *out)
{
	int64_t start = civil_div(t, HOUR_S) * HOUR_S;
	struct civil c = civil_of(start);
	char *p = out->name + period_spec_put(out->name, s);

	*p++ = '/';
	p = put_hour(p, &c);
	*p++ = 'Z';
	*p = '\0';
	out->start_us = start * US;
	out->end_us = (start + HOUR_S) * US;
}

/* A bucket of days is a day with another name. */
static void bucket_day_at(
	const struct period_spec *s, const struct zone *z, int64_t t, struct period *out)
{
	static const struct period_spec day = { .unit = PERIOD_DAY };
	struct period p;
	size_t n;

	days_at(&day, z, t, &p);
	*out = p;
	n = period_spec_put(out->name, s);
	memcpy(out->name + n, p.name + strlen("day"), strlen(p.name) - strlen("day") + 1);
}

static int64_t seconds_of(wall_us t)
{
	return TG_MAX(0, TG_MIN(civil_div(t.us, US), MAX_S));
}

/* All but leaves_us of rolling buckets. */
static void tile_at(
	const struct period_spec *s, const struct zone *z, int64_t t, struct period *out)
{
	switch (s->unit) {
	case PERIOD_LIFETIME:
		*out = (struct period){ INT64_MIN, INT64_MAX, INT64_MAX, "lifetime" };
		return;
	case PERIOD_HOUR: hour_at(z, t, out); break;
	case PERIOD_ROLLING_HOURS: utc_hour_at(s, t, out); break;
	case PERIOD_ROLLING_DAYS: bucket_day_at(s, z, t, out); break;
	default: days_at(s, z, t, out); break;
	}
	out->leaves_us = out->end_us;
}

/* A bucket leaves when the n-th behind it is over: it is the sum of n+1 that counts. */
static int64_t leaves(const struct period_spec *s, const struct zone *z, const struct period *p)
{
	struct period next = *p;

	if (s->unit == PERIOD_ROLLING_HOURS)
		return p->end_us + (int64_t)s->n * HOUR_S * US;
	for (unsigned i = 0; i < s->n; i++)
		tile_at(s, z, next.end_us / US, &next);
	return next.end_us;
}

void period_at(const struct period_spec *s, const struct zone *z, wall_us now, struct period *out)
{
	tg_assert(period_spec_valid(s));
	tile_at(s, z, seconds_of(now), out);
	if (period_spec_rolling(s))
		out->leaves_us = leaves(s, z, out);
}

unsigned period_buckets(const struct period_spec *s)
{
	return period_spec_rolling(s) ? s->n + 1 : 1;
}

void period_window(
	const struct period_spec *s, const struct zone *z, wall_us now, struct period *out)
{
	period_at(s, z, now, &out[0]);
	for (unsigned i = 1; i < period_buckets(s); i++) {
		tile_at(s, z, civil_div(out[i - 1].start_us, US) - 1, &out[i]);
		out[i].leaves_us = leaves(s, z, &out[i]);
	}
}
