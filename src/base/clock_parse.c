/*
 * clock_parse.c: dates and RFC 3339 times to the wall clock, exactly. Pure; any thread.
 */
#include "base/clock.h"

#include <stdbool.h>

#include "base/num.h"

#define DAY_US INT64_C(86400000000)

/* exactly n digits at the front, then `after` (unless NUL); taken off */
static int take_field(struct str *s, size_t n, char after, int64_t *out)
{
	size_t all = n + (after != '\0');
	uint64_t v;

	if (s->n < all || (after != '\0' && s->p[n] != after) ||
		num_parse_u64(str_mk(s->p, n), &v) != 0)
		return -1;
	*s = str_skip(*s, all);
	*out = (int64_t)v;
	return 0;
}

/* hh:mm:ss[.fraction] and Z or an offset */
static int take_time(struct str s, int64_t *us)
{
	int64_t h, m, sec, oh = 0, om = 0, frac = 0, scale = 100000;
	char sign;

	if (take_field(&s, 2, ':', &h) != 0 || take_field(&s, 2, ':', &m) != 0 ||
		take_field(&s, 2, '\0', &sec) != 0 || h > 23 || m > 59 || sec > 59)
		return -1;
	if (s.n > 1 && s.p[0] == '.') {
		s = str_skip(s, 1);
		if (s.p[0] < '0' || s.p[0] > '9')
			return -1;
		for (; s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9'; s = str_skip(s, 1), scale /= 10)
			frac += scale * (s.p[0] - '0');
	}
	if (s.n == 0)
		return -1;
	sign = s.p[0];
	s = str_skip(s, 1);
	if (sign == '+' || sign == '-') {
		if (take_field(&s, 2, ':', &oh) != 0 || take_field(&s, 2, '\0', &om) != 0 ||
			oh > 23 || om > 59)
			return -1;
	} else if (sign != 'Z' && sign != 'z')
		return -1;
	*us = ((h * 60 + m) * 60 + sec) * 1000000 + frac;
	*us += (sign == '-' ? 1 : -1) * (oh * 60 + om) * 60000000;
	return s.n == 0 ? 0 : -1;
}

int clock_parse(struct str text, wall_us *out)
{
	static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t y, m, d, time_us = 0;
	bool leap;

	if (take_field(&text, 4, '-', &y) != 0 || take_field(&text, 2, '-', &m) != 0 ||
		take_field(&text, 2, '\0', &d) != 0 || y < 1970 || m < 1 || m > 12 || d < 1)
		return -1;
	leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (d > month_days[m - 1] + (m == 2 && leap))
		return -1;
	if (text.n > 0) {
		if ((text.p[0] | 0x20) != 't' && text.p[0] != ' ')
			return -1;
		if (take_time(str_skip(text, 1), &time_us) != 0)
			return -1;
	}
	out->us = clock_days(y, m, d) * DAY_US + time_us;
	return out->us >= 0 && out->us < clock_days(10000, 1, 1) * DAY_US ? 0 : -1;
}
