/*
 * zone_rule.c: the rule at a zone file's end, such as "CET-1CEST,M3.5.0,M10.5.0/3", for times
 * behind its table (RFC 9636 section 3.3.1; POSIX, environment variable TZ). Pure functions.
 */
#include "quota/zone_int.h"

#include "base/clock.h"

#define HOUR_S       3600
#define OFFSET_HOURS 24
#define TIME_HOURS   167

static bool take(struct str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_skip(*s, 1);
	return true;
}

static bool digit(struct str s)
{
	return s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9';
}

/* one to three digits, from min to max */
static int take_number(struct str *s, unsigned min, unsigned max, unsigned *out)
{
	unsigned v = 0, n = 0;

	for (; digit(*s) && n < 3; n++, *s = str_skip(*s, 1))
		v = v * 10 + (unsigned)(s->p[0] - '0');
	*out = v;
	return n > 0 && v >= min && v <= max ? 0 : -1;
}

/* three letters or more, or anything in <> */
static int take_zone_name(struct str *s)
{
	size_t n = 0;

	if (take(s, '<')) {
		n = str_chr(*s, '>');
		if (n == (size_t)-1)
			return -1;
		*s = str_skip(*s, n + 1);
		return n > 0 ? 0 : -1;
	}
	while (n < s->n && (s->p[n] | 0x20) >= 'a' && (s->p[n] | 0x20) <= 'z')
		n++;
	*s = str_skip(*s, n);
	return n >= 3 ? 0 : -1;
}

/* [+-]h[h[h]][:mm[:ss]] */
static int take_time(struct str *s, unsigned max_hours, int32_t *out)
{
	bool negative = take(s, '-');
	unsigned h, m = 0, sec = 0;

	if (!negative)
		(void)take(s, '+');
	if (take_number(s, 0, max_hours, &h) != 0)
		return -1;
	if (take(s, ':') && take_number(s, 0, 59, &m) != 0)
		return -1;
	if (take(s, ':') && take_number(s, 0, 59, &sec) != 0)
		return -1;
	*out = (int32_t)(h * HOUR_S + m * 60 + sec);
	if (negative)
		*out = -*out;
	return 0;
}

static int take_date(struct str *s, struct zone_date *d)
{
	*d = (struct zone_date){ .form = ZONE_DATE_DAY, .time_s = 2 * HOUR_S };
	if (take(s, 'M')) {
		d->form = ZONE_DATE_WEEKDAY;
		if (take_number(s, 1, 12, &d->month) != 0 || !take(s, '.') ||
			take_number(s, 1, 5, &d->week) != 0 || !take(s, '.') ||
			take_number(s, 0, 6, &d->day) != 0)
			return -1;
	} else if (take(s, 'J')) {
		d->form = ZONE_DATE_NO_LEAP;
		if (take_number(s, 1, 365, &d->day) != 0)
			return -1;
	} else if (take_number(s, 0, 365, &d->day) != 0)
		return -1;
	return take(s, '/') ? take_time(s, TIME_HOURS, &d->time_s) : 0;
}

int zone_rule_parse(struct str text, struct zone_rule *out)
{
	struct str s = text;

	*out = (struct zone_rule){ .has_dst = false };
	/* the text counts what is added to local time to get UTC: the other way round */
	if (take_zone_name(&s) != 0 || take_time(&s, OFFSET_HOURS, &out->std_s) != 0)
		return -1;
	out->std_s = -out->std_s;
	if (s.n == 0)
		return 0;
	out->has_dst = true;
	out->dst_s = out->std_s + HOUR_S;
	if (take_zone_name(&s) != 0)
		return -1;
	if (s.n > 0 && s.p[0] != ',') {
		if (take_time(&s, OFFSET_HOURS, &out->dst_s) != 0)
			return -1;
		out->dst_s = -out->dst_s;
	}
	if (!take(&s, ',') || take_date(&s, &out->start) != 0 || !take(&s, ',') ||
		take_date(&s, &out->end) != 0)
		return -1;
	return s.n == 0 ? 0 : -1;
}

static int64_t date_day(const struct zone_date *d, int64_t year)
{
	int64_t first, day;
	unsigned in_month;

	if (d->form == ZONE_DATE_DAY)
		return clock_days(year, 1, 1) + d->day;
	if (d->form == ZONE_DATE_NO_LEAP) /* day 60 is 1 March in every year */
		return d->day < 60 ? clock_days(year, 1, 1) + d->day - 1
				   : clock_days(year, 3, 1) + d->day - 60;
	first = clock_days(year, d->month, 1);
	/* 1970-01-01 was a Thursday, 4 */
	day = civil_mod(d->day - civil_mod(first + 4, 7), 7) + 7 * (int64_t)(d->week - 1);
	in_month = civil_month_days(year, d->month);
	while (day >= in_month)
		day -= 7;
	return first + day;
}

struct change {
	int64_t at_s;
	int32_t offset_s;
};

#define YEARS_AROUND 2 /* times of day may shift a change by a week, into another year */
#define CHANGES      ((2 * YEARS_AROUND + 1) * 2)

/* In order of time; at the same time the begin of daylight saving time last, so that one that
 * lasts all year does. */
static void changes_around(const struct zone_rule *r, int64_t year, struct change c[CHANGES])
{
	unsigned n = 0;

	for (int64_t y = year - YEARS_AROUND; y <= year + YEARS_AROUND; y++) {
		struct change both[2] = {
			{ date_day(&r->end, y) * ZONE_DAY_S + r->end.time_s - r->dst_s, r->std_s },
			{ date_day(&r->start, y) * ZONE_DAY_S + r->start.time_s - r->std_s,
				r->dst_s },
		};

		for (unsigned k = 0; k < 2; k++) {
			unsigned i = n++;

			for (; i > 0 && (c[i - 1].at_s > both[k].at_s ||
						(c[i - 1].at_s == both[k].at_s && k == 0));
				i--)
				c[i] = c[i - 1];
			c[i] = both[k];
		}
	}
}

struct zone_span zone_rule_span(const struct zone_rule *r, int64_t utc_s)
{
	struct change c[CHANGES];
	struct zone_span span = { INT64_MIN, INT64_MAX, r->std_s };

	if (!r->has_dst)
		return span;
	changes_around(r, civil_of(utc_s + r->std_s).year, c);
	for (unsigned i = 0; i < CHANGES; i++) {
		if (c[i].at_s > utc_s) {
			span.end_s = c[i].at_s;
			break;
		}
		span.start_s = c[i].at_s;
		span.offset_s = c[i].offset_s;
	}
	return span;
}
