/*
 * report_query.c: a report's question from text: the same words on the command line and in a URL.
 * Pure; texts are not copied.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"
#include "ledger/report.h"

#define HOUR_US     INT64_C(3600000000)
#define HOURS_A_DAY 24

static int TG_PRINTF(3, 4) fail(char *err, size_t err_len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, err_len, fmt, ap);
	va_end(ap);
	return -1;
}

static const struct {
	const char *name;
	unsigned by;
} times[] = { { "hour", REPORT_BY_HOUR }, { "day", REPORT_BY_DAY }, { "month", REPORT_BY_MONTH } };

const char *report_time_name(const struct report_query *q)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(times); i++)
		if (q->by & times[i].by)
			return times[i].name;
	return NULL;
}

/* The first hours of this month and of the next. */
static void month_hours(int64_t year, int64_t month, int64_t *from, int64_t *to)
{
	*from = clock_days(year, month, 1) * HOURS_A_DAY;
	*to = clock_days(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) *
	      HOURS_A_DAY;
}

void report_query_init(struct report_query *q, wall_us now)
{
	char iso[CLOCK_ISO_LEN];
	uint64_t year, month;
	int64_t to;

	*q = (struct report_query){ .n_filters = 0 };
	clock_iso(iso, now);
	tg_assert(num_parse_u64(str_mk(iso, 4), &year) == 0);
	tg_assert(num_parse_u64(str_mk(iso + 5, 2), &month) == 0);
	month_hours((int64_t)year, (int64_t)month, &q->from_hour, &to);
	q->to_hour = now.us / HOUR_US + 1;
}

static int set_month(struct report_query *q, struct str value, char *err, size_t err_len)
{
	uint64_t year, month;

	if (value.n != 7 || value.p[4] != '-' || num_parse_u64(str_mk(value.p, 4), &year) != 0 ||
		num_parse_u64(str_mk(value.p + 5, 2), &month) != 0 || year < 1970 || month < 1 ||
		month > 12)
		return fail(err, err_len, "`%.*s` is no month such as 2026-11", STR_FMT(value));
	month_hours((int64_t)year, (int64_t)month, &q->from_hour, &q->to_hour);
	return 0;
}

/* "7d": so long before now. */
static int parse_ago(struct str value, wall_us now, int64_t *us)
{
	static const struct {
		char unit;
		int64_t us;
	} units[] = { { 'h', HOUR_US }, { 'd', HOURS_A_DAY * HOUR_US },
		{ 'w', 7 * HOURS_A_DAY * HOUR_US } };
	uint64_t n;

	if (value.n < 2 || value.n > 6 || num_parse_u64(str_mk(value.p, value.n - 1), &n) != 0)
		return -1;
	for (size_t i = 0; i < TG_ARRAY_LEN(units); i++)
		if (value.p[value.n - 1] == units[i].unit) {
			*us = TG_MAX(now.us - (int64_t)n * units[i].us, 0);
			return 0;
		}
	return -1;
}

static int set_time(struct report_query *q, bool since, struct str value, wall_us now, char *err,
	size_t err_len)
{
	wall_us t;

	if (parse_ago(value, now, &t.us) != 0 && clock_parse(value, &t) != 0)
		return fail(err, err_len,
			"`%.*s` is no time such as 7d, 2026-11-28 or 2026-11-28T17:00:00Z",
			STR_FMT(value));
	if (since)
		q->from_hour = t.us / HOUR_US;
	else
		q->to_hour = (t.us + HOUR_US - 1) / HOUR_US;
	return 0;
}

/* The bit of a text's name, or 0. */
static unsigned text_of(struct str name)
{
	for (unsigned t = 0; t < ROLLUP__TEXTS; t++)
		if (str_eq(name, str_z(rollup_text_name((enum rollup_text)t))))
			return 8u << t;
	return 0;
}

static int add_by_tag(struct report_query *q, struct str name, char *err, size_t err_len)
{
	if (name.n == 0)
		return fail(err, err_len, "tag: needs the tag's name, as in tag:team");
	if (q->n_by_tags == REPORT_TAGS_MAX)
		return fail(err, err_len, "at most %d tags at a time", REPORT_TAGS_MAX);
	q->by |= REPORT_BY_TAG;
	q->by_tag[q->n_by_tags++] = name;
	return 0;
}

static int add_by(struct report_query *q, struct str word, char *err, size_t err_len)
{
	const char *names[ROLLUP__TEXTS + TG_ARRAY_LEN(times)], *near;
	unsigned bit = text_of(word);

	if (str_starts(word, STR("tag:")))
		return add_by_tag(q, str_skip(word, 4), err, err_len);
	for (size_t i = 0; i < TG_ARRAY_LEN(times); i++) {
		names[i] = times[i].name;
		if (str_eq(word, str_z(times[i].name)))
			bit = times[i].by;
	}
	if (bit != 0) {
		q->by |= bit;
		return 0;
	}
	for (unsigned t = 0; t < ROLLUP__TEXTS; t++)
		names[TG_ARRAY_LEN(times) + t] = rollup_text_name((enum rollup_text)t);
	near = str_nearest(word, names, TG_ARRAY_LEN(names));
	return fail(err, err_len,
		"cannot group by `%.*s`%s%s%s; there are hour, day, month, org, tenant, tier, key, "
		"model, asked, provider, target, region, service_tier, rule, tags and tag:NAME",
		STR_FMT(word), near != NULL ? ": did you mean " : "", near != NULL ? near : "",
		near != NULL ? "?" : "");
}

static int add_filter(struct report_query *q, unsigned what, struct str name, struct str value,
	char *err, size_t err_len)
{
	if (q->n_filters == REPORT_FILTERS_MAX)
		return fail(err, err_len, "at most %d conditions", REPORT_FILTERS_MAX);
	q->filter[q->n_filters++] = (struct report_filter){
		.what = (enum report_by)what, .name = name, .value = value
	};
	return 0;
}

int report_query_set(struct report_query *q, struct str name, struct str value, wall_us now,
	char *err, size_t err_len)
{
	struct str word;
	size_t at;

	if (str_eq(name, STR("by"))) {
		while (str_split(&value, ',', &word))
			if (add_by(q, word, err, err_len) != 0)
				return -1;
		return 0;
	}
	if (str_eq(name, STR("month")))
		return set_month(q, value, err, err_len);
	if (str_eq(name, STR("since")) || str_eq(name, STR("until")))
		return set_time(q, str_eq(name, STR("since")), value, now, err, err_len);
	if (str_eq(name, STR("tag"))) {
		at = str_chr(value, '=');
		if (at == (size_t)-1 || at == 0)
			return fail(err, err_len, "`%.*s` is no tag such as team=search",
				STR_FMT(value));
		return add_filter(q, REPORT_BY_TAG, str_mk(value.p, at), str_skip(value, at + 1),
			err, err_len);
	}
	if (text_of(name) != 0)
		return add_filter(q, text_of(name), STR_NONE, value, err, err_len);
	return fail(err, err_len,
		"`%.*s` is not known; there are by, since, until, month, tag, org, tenant, tier, "
		"key, model, provider, target, region, service_tier and tags",
		STR_FMT(name));
}
