/*
 * clock.c: reading the two clocks and writing the wall clock as text. gmtime_r takes the time zone
 * lock and is not needed: UTC is arithmetic. Pure but for the two readers; any thread.
 */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#include "base/defs.h"

#define WALL_MAX_US 253402300799999999 /* 9999-12-31T23:59:59.999999Z */

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	tg_assert(clock_gettime(id, &ts) == 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

mono_us clock_mono(void)
{
	return (mono_us){ read_us(CLOCK_MONOTONIC) };
}

wall_us clock_wall(void)
{
	return (wall_us){ read_us(CLOCK_REALTIME) };
}

struct civil {
	unsigned year, month, day, weekday; /* month and day from 1, weekday 0 = Thursday */
	unsigned hour, min, sec, us;
};

/*
 * Years are counted from 1 March, so that the leap day is a year's last; a day's number is then
 * divided into eras of 400 years, centuries, 4-year groups and years.
 */
static void civil_date(struct civil *c, unsigned days)
{
	unsigned d = days + 719468; /* days since 0000-03-01 */
	unsigned era = d / 146097, in_era = d % 146097;
	unsigned century = TG_MIN(in_era / 36524, 3), in_century = in_era - century * 36524;
	unsigned quad = in_century / 1461, in_quad = in_century % 1461;
	unsigned year = TG_MIN(in_quad / 365, 3), in_year = in_quad - year * 365;
	unsigned m = (in_year * 5 + 2) / 153; /* 0 = March; five months have 153 days */

	c->day = in_year - (m * 153 + 2) / 5 + 1;
	c->month = m < 10 ? m + 3 : m - 9;
	c->year = era * 400 + century * 100 + quad * 4 + year + (m >= 10);
	c->weekday = days % 7;
}

static struct civil civil_of(wall_us t)
{
	uint64_t us = (uint64_t)TG_MAX(0, TG_MIN(t.us, WALL_MAX_US));
	uint64_t secs = us / 1000000;
	unsigned of_day = (unsigned)(secs % 86400);
	struct civil c = {
		.hour = of_day / 3600,
		.min = of_day / 60 % 60,
		.sec = of_day % 60,
		.us = (unsigned)(us % 1000000),
	};

	civil_date(&c, (unsigned)(secs / 86400));
	return c;
}

/* v as exactly n digits and then the separator; returns the place behind. */
static inline char *put(char *p, unsigned v, unsigned n, char sep)
{
	for (unsigned i = n; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	p[n] = sep;
	return p + n + 1;
}

size_t clock_iso(char out[CLOCK_ISO_LEN], wall_us t)
{
	struct civil c = civil_of(t);
	char *p = out;

	p = put(p, c.year, 4, '-');
	p = put(p, c.month, 2, '-');
	p = put(p, c.day, 2, 'T');
	p = put(p, c.hour, 2, ':');
	p = put(p, c.min, 2, ':');
	p = put(p, c.sec, 2, '.');
	put(p, c.us, 6, 'Z');
	return CLOCK_ISO_LEN;
}

/* Here too the year begins in March, so that leap days come last. */
int64_t clock_days(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t m = month <= 2 ? month + 9 : month - 3;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

size_t clock_http(char out[CLOCK_HTTP_LEN], wall_us t)
{
	static const char days[7][5] = { "Thu,", "Fri,", "Sat,", "Sun,", "Mon,", "Tue,", "Wed," };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec" };
	struct civil c = civil_of(t);
	char *p = out;

	memcpy(p, days[c.weekday], 4);
	p[4] = ' ';
	p = put(p + 5, c.day, 2, ' ');
	memcpy(p, months[c.month - 1], 3);
	p[3] = ' ';
	p = put(p + 4, c.year, 4, ' ');
	p = put(p, c.hour, 2, ':');
	p = put(p, c.min, 2, ':');
	p = put(p, c.sec, 2, ' ');
	memcpy(p, "GMT", 3);
	return CLOCK_HTTP_LEN;
}
