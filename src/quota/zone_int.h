/*
 * zone_int.h: what the parts of a zone share: its table, and the rule for times behind the table.
 * Not for others.
 */
#ifndef TG_QUOTA_ZONE_INT_H
#define TG_QUOTA_ZONE_INT_H

#include <stdbool.h>

#include "quota/zone.h"

/* "Mm.w.d", "Jn" or "n" with a time of day */
struct zone_date {
	enum { ZONE_DATE_WEEKDAY, ZONE_DATE_NO_LEAP, ZONE_DATE_DAY } form;
	unsigned month, week, day; /* week 5: the last; day: a weekday (0 Sunday), or of the year */
	int32_t time_s;            /* may be negative, and more than a day */
};

/* A POSIX TZ text, RFC 9636 section 3.3.1. */
struct zone_rule {
	bool has_dst;
	int32_t std_s, dst_s;        /* ahead of UTC */
	struct zone_date start, end; /* of daylight saving time, on the clock as it was before */
};

struct zone {
	unsigned magic;
#define ZONE_MAGIC 0x7a6f6e65
	char name[ZONE_NAME_MAX + 1];
	int32_t first_offset_s; /* before the first change */
	size_t n;               /* changes: at at_s[i] the offset becomes offset_s[i] */
	int64_t *at_s;
	int32_t *offset_s;
	bool has_rule; /* holds from the last change on */
	struct zone_rule rule;
};

/* -1: text is no such rule. */
int zone_rule_parse(struct str text, struct zone_rule *out) TG_MUST_CHECK;
/* The span that the rule alone would have around an instant. */
struct zone_span zone_rule_span(const struct zone_rule *r, int64_t utc_s);

#endif
