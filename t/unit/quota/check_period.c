/*
 * check_period.c: for every zone of this machine and twenty years: periods tile time, have the
 * instant that they were asked for, and a name of their own. The C library is the other opinion on
 * what the clock shows where they begin. Then the odd ones by hand.
 */
#include "quota/period.h"

#include <time.h>

#include "unit/quota/zones.h"

#define US    INT64_C(1000000)
#define BEGIN INT64_C(1420070400) /* 2015-01-01 */
#define END   INT64_C(2051222400) /* 2035-01-01 */

static struct tm shown(int64_t us)
{
	time_t t = (time_t)(us / US);
	struct tm tm;

	ZONES_CHECK(localtime_r(&t, &tm) != NULL, "no such time");
	return tm;
}

static int64_t date_of(struct tm tm)
{
	return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

/* The first instant that shows the date of its begin; the second before shows an earlier one. */
static void begins_right(const struct period *p, const char *zone)
{
	struct tm first = shown(p->start_us), before = shown(p->start_us - US);

	ZONES_CHECK(date_of(before) < date_of(first), "%s %s", zone, p->name);
}

static void tile(const struct period_spec *s, const struct zone *z, const char *zone, int64_t begin,
	int64_t end, void (*look)(const struct period *, const char *))
{
	struct period p, q, last;

	period_at(s, z, (wall_us){ begin * US }, &p);
	while (p.end_us < end * US) {
		period_at(s, z, (wall_us){ p.end_us }, &q);
		ZONES_CHECK(q.start_us == p.end_us && q.end_us > q.start_us,
			"%s: a gap or an overlap between %s and %s", zone, p.name, q.name);
		ZONES_CHECK(strcmp(p.name, q.name) != 0, "%s: %s twice", zone, p.name);
		period_at(s, z, (wall_us){ q.end_us - 1 }, &last);
		ZONES_CHECK(last.start_us == q.start_us && last.end_us == q.end_us &&
				    strcmp(last.name, q.name) == 0,
			"%s: %s or %s", zone, q.name, last.name);
		period_at(s, z, (wall_us){ (q.start_us + q.end_us) / 2 }, &last);
		ZONES_CHECK(
			strcmp(last.name, q.name) == 0, "%s: %s or %s", zone, q.name, last.name);
		if (look != NULL)
			look(&q, zone);
		p = q;
	}
}

/* Names of dates sort as time does: so all are different if neighbours grow. */
static char name_before[PERIOD_NAME_LEN];
static int64_t shown_before;

static void look_day(const struct period *p, const char *zone)
{
	char want[PERIOD_NAME_LEN];
	struct tm tm = shown(p->end_us - US), first = shown(p->start_us);
	int64_t hours = (p->end_us - p->start_us) / (3600 * US);

	/* the day before was looked at before this one */
	ZONES_CHECK(
		name_before[0] == '\0' || shown_before < date_of(first), "%s %s", zone, p->name);
	shown_before = date_of(tm);
	ZONES_CHECK(
		hours >= 20 && hours <= 28, "%s: %s has %lld h", zone, p->name, (long long)hours);
	if (date_of(first) == date_of(tm)) {
		strftime(want, sizeof want, "day/%Y-%m-%d", &tm);
		ck_assert_str_eq(p->name, want);
	}
	ZONES_CHECK(
		strcmp(name_before, p->name) < 0, "%s: %s after %s", zone, p->name, name_before);
	memcpy(name_before, p->name, sizeof name_before);
}

static void look_other(const struct period *p, const char *zone)
{
	begins_right(p, zone);
	ZONES_CHECK(
		strcmp(name_before, p->name) < 0, "%s: %s after %s", zone, p->name, name_before);
	memcpy(name_before, p->name, sizeof name_before);
}

static const struct period_spec specs[] = {
	{ PERIOD_DAY, 0, 0 },
	{ PERIOD_WEEK, 0, 0 },
	{ PERIOD_WEEK, 6, 0 },
	{ PERIOD_MONTH, 1, 0 },
	{ PERIOD_MONTH, 15, 0 },
	{ PERIOD_MONTH, 29, 0 },
	{ PERIOD_MONTH, 30, 0 },
	{ PERIOD_MONTH, 31, 0 },
	{ PERIOD_QUARTER, 1, 0 },
	{ PERIOD_QUARTER, 31, 0 },
	{ PERIOD_YEAR, 1, 0 },
	{ PERIOD_YEAR, 31, 0 },
	{ PERIOD_ROLLING_DAYS, 0, 1 },
};

static void set_zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

/* _i: a quarter of the zones each */
START_TEST(all_tile)
{
	static struct zones zones;

	zones_find(&zones, "");
	for (size_t i = (size_t)_i; i < zones.n; i += 4 * ZONES_STEP) {
		struct zone *z = zones_load(zones.v[i].name);

		set_zone(zones.v[i].name);
		for (size_t k = 0; k < TG_ARRAY_LEN(specs); k++) {
			bool day = specs[k].unit == PERIOD_DAY,
			     rolling = period_spec_rolling(&specs[k]);

			name_before[0] = '\0';
			tile(&specs[k], z, zones.v[i].name, BEGIN,
				rolling ? BEGIN + 500 * ZONE_DAY_S : END,
				day ? look_day : look_other);
		}
		zone_free(z);
	}
}
END_TEST

/* Hours of three days around every change, where names may repeat; compared with all of them. */
static struct {
	size_t n;
	char v[400][PERIOD_NAME_LEN];
} hours;

static void look_hour(const struct period *p, const char *zone)
{
	struct tm first = shown(p->start_us), last = shown(p->end_us - US);
	char want[PERIOD_NAME_LEN];

	ZONES_CHECK(first.tm_hour == last.tm_hour && first.tm_gmtoff == last.tm_gmtoff,
		"%s: the clock moves in %s", zone, p->name);
	strftime(want, sizeof want, "hour/%Y-%m-%dT%H", &first);
	ZONES_CHECK(
		strncmp(p->name, want, strlen(want)) == 0, "%s: %s, not %s", zone, p->name, want);
	ZONES_CHECK(p->end_us - p->start_us <= 3600 * US, "too large");
	for (size_t i = 0; i < hours.n; i++)
		ZONES_CHECK(strcmp(hours.v[i], p->name) != 0, "%s: %s twice", zone, p->name);
	ck_assert_uint_lt(hours.n, TG_ARRAY_LEN(hours.v));
	memcpy(hours.v[hours.n++], p->name, sizeof p->name);
}

START_TEST(hours_tile)
{
	static const struct period_spec hour = { PERIOD_HOUR, 0, 0 };
	static struct zones zones;
	unsigned changes = 0;

	zones_find(&zones, "");
	for (size_t i = 0; i < zones.n; i += ZONES_STEP) {
		struct zone *z = zones_load(zones.v[i].name);
		int64_t t = BEGIN;

		set_zone(zones.v[i].name);
		hours.n = 0;
		tile(&hour, z, zones.v[i].name, t, t + 5 * ZONE_DAY_S, look_hour);
		while ((t = zone_span_at(z, t).end_s) < END) {
			hours.n = 0;
			tile(&hour, z, zones.v[i].name, t - 2 * ZONE_DAY_S, t + 2 * ZONE_DAY_S,
				look_hour);
			changes++;
		}
		zone_free(z);
	}
	ck_assert_uint_gt(changes, 100);
}
END_TEST

static const struct {
	const char *zone;
	struct period_spec spec;
	const char *now, *start, *end, *name;
} odd[] = {
	{ "UTC", { PERIOD_HOUR, 0, 0 }, "2026-11-28T05:59:59Z", "2026-11-28T05:00:00Z",
		"2026-11-28T06:00:00Z", "hour/2026-11-28T05" },
	{ "UTC", { PERIOD_DAY, 0, 0 }, "2026-11-28T05:59:59Z", "2026-11-28", "2026-11-29",
		"day/2026-11-28" },
	{ "UTC", { PERIOD_WEEK, 0, 0 }, "2026-11-28", "2026-11-23", "2026-11-30",
		"week/2026-11-23" },
	{ "UTC", { PERIOD_WEEK, 6, 0 }, "2026-11-28", "2026-11-22", "2026-11-29",
		"week@sun/2026-11-22" },
	{ "UTC", { PERIOD_MONTH, 1, 0 }, "2026-11-28", "2026-11-01", "2026-12-01",
		"month/2026-11" },
	{ "UTC", { PERIOD_MONTH, 31, 0 }, "2027-03-01", "2027-02-28", "2027-03-31",
		"month@31/2027-02-28" },
	{ "UTC", { PERIOD_MONTH, 30, 0 }, "2028-02-29", "2028-02-29", "2028-03-30",
		"month@30/2028-02-29" },
	{ "UTC", { PERIOD_MONTH, 31, 0 }, "2027-02-27", "2027-01-31", "2027-02-28",
		"month@31/2027-01-31" },
	{ "UTC", { PERIOD_QUARTER, 1, 0 }, "2026-11-28", "2026-10-01", "2027-01-01",
		"quarter/2026-Q4" },
	{ "UTC", { PERIOD_QUARTER, 15, 0 }, "2027-01-14", "2026-10-15", "2027-01-15",
		"quarter@15/2026-10-15" },
	{ "UTC", { PERIOD_YEAR, 1, 0 }, "2026-11-28", "2026-01-01", "2027-01-01", "year/2026" },
	{ "UTC", { PERIOD_ROLLING_HOURS, 0, 24 }, "2026-11-28T05:30:00Z", "2026-11-28T05:00:00Z",
		"2026-11-28T06:00:00Z", "24h/2026-11-28T05Z" },
	{ "Asia/Kathmandu", { PERIOD_ROLLING_DAYS, 0, 30 }, "2026-11-28", "2026-11-27T18:15:00Z",
		"2026-11-28T18:15:00Z", "30d/2026-11-28" },
	/* the hour that comes twice, before and after; the one beside it has no offset */
	{ "Europe/Berlin", { PERIOD_HOUR, 0, 0 }, "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z",
		"2026-10-25T01:00:00Z", "hour/2026-10-25T02+02:00" },
	{ "Europe/Berlin", { PERIOD_HOUR, 0, 0 }, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z",
		"2026-10-25T02:00:00Z", "hour/2026-10-25T02+01:00" },
	{ "Europe/Berlin", { PERIOD_HOUR, 0, 0 }, "2026-10-25T02:30:00Z", "2026-10-25T02:00:00Z",
		"2026-10-25T03:00:00Z", "hour/2026-10-25T03" },
	/* half an hour comes twice: 02:00 +11 becomes 01:30 +10:30 */
	{ "Australia/Lord_Howe", { PERIOD_HOUR, 0, 0 }, "2026-04-04T15:10:00Z",
		"2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z", "hour/2026-04-05T01+10:30" },
	/* days of 23 and 25 hours */
	{ "Europe/Berlin", { PERIOD_DAY, 0, 0 }, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z",
		"2026-03-29T22:00:00Z", "day/2026-03-29" },
	{ "Europe/Berlin", { PERIOD_DAY, 0, 0 }, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z",
		"2026-10-25T23:00:00Z", "day/2026-10-25" },
	/* the day that was left out has no period */
	{ "Pacific/Apia", { PERIOD_DAY, 0, 0 }, "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z",
		"2011-12-30T10:00:00Z", "day/2011-12-29" },
	{ "Pacific/Apia", { PERIOD_DAY, 0, 0 }, "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z",
		"2011-12-31T10:00:00Z", "day/2011-12-31" },
};

START_TEST(odd_ones)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(odd); i++) {
		struct zone *z = zones_load(odd[i].zone);
		wall_us now, start, end;
		struct period p;

		ck_assert_int_eq(clock_parse(str_z(odd[i].now), &now), 0);
		ck_assert_int_eq(clock_parse(str_z(odd[i].start), &start), 0);
		ck_assert_int_eq(clock_parse(str_z(odd[i].end), &end), 0);
		period_at(&odd[i].spec, z, now, &p);
		ck_assert_str_eq(p.name, odd[i].name);
		ck_assert_msg(p.start_us == start.us && p.end_us == end.us, "%s", p.name);
		zone_free(z);
	}
}
END_TEST

START_TEST(lifetime_and_ends)
{
	static const struct period_spec life = { PERIOD_LIFETIME, 0, 0 },
					day = { PERIOD_DAY, 0, 0 }, year = { PERIOD_YEAR, 31, 0 },
					hour = { PERIOD_HOUR, 0, 0 };
	struct zone *z = zones_load("America/New_York");
	struct period p;

	period_at(&life, z, (wall_us){ 0 }, &p);
	ck_assert_str_eq(p.name, "lifetime");
	ck_assert(p.start_us == INT64_MIN && p.end_us == INT64_MAX && p.leaves_us == INT64_MAX);
	period_at(&day, z, (wall_us){ 0 }, &p);
	ck_assert_str_eq(p.name, "day/1969-12-31");
	period_at(&day, z, (wall_us){ INT64_MIN }, &p);
	ck_assert_str_eq(p.name, "day/1969-12-31");
	period_at(&day, z, (wall_us){ INT64_MAX }, &p);
	ck_assert_str_eq(p.name, "day/9998-12-31");
	period_at(&year, z, (wall_us){ INT64_MAX }, &p);
	ck_assert_str_eq(p.name, "year@31/9998-01-31");
	period_at(&hour, z, (wall_us){ INT64_MAX }, &p);
	ck_assert_str_eq(p.name, "hour/9998-12-31T18");
	zone_free(z);
}
END_TEST

/* Each bucket of a window leaves when the one n+1 later opens, whatever the clock does. */
START_TEST(windows)
{
	static const struct period_spec rolling[] = { { PERIOD_ROLLING_DAYS, 0, 30 },
		{ PERIOD_ROLLING_HOURS, 0, 24 }, { PERIOD_ROLLING_DAYS, 0, 1 },
		{ PERIOD_ROLLING_HOURS, 0, PERIOD_ROLLING_MAX } };
	static struct period w[PERIOD_ROLLING_MAX + 1], later;
	struct zone *z = zones_load("Europe/Berlin");

	for (size_t k = 0; k < TG_ARRAY_LEN(rolling); k++)
		for (int64_t t = BEGIN; t < BEGIN + 400 * ZONE_DAY_S; t += 17 * 3600) {
			unsigned n = period_buckets(&rolling[k]);

			ZONES_CHECK(n == rolling[k].n + 1, "%u buckets", n);
			period_window(&rolling[k], z, (wall_us){ t * US }, w);
			ZONES_CHECK(w[0].start_us <= t * US && t * US < w[0].end_us, "not in it");
			for (unsigned i = 1; i < n; i++)
				ZONES_CHECK(w[i].end_us == w[i - 1].start_us, "a gap before %s",
					w[i].name);
			ZONES_CHECK(w[n - 1].leaves_us == w[0].end_us, "%s leaves early or late",
				w[n - 1].name);
			period_at(&rolling[k], z, (wall_us){ w[0].end_us }, &later);
			ZONES_CHECK(later.start_us == w[n - 1].leaves_us, "%s", later.name);
		}
	zone_free(z);
}
END_TEST

START_TEST(specs_valid)
{
	static const struct period_spec bad[] = { { PERIOD_DAY, 1, 0 }, { PERIOD_DAY, 0, 1 },
		{ PERIOD_WEEK, 7, 0 }, { PERIOD_MONTH, 0, 0 }, { PERIOD_MONTH, 32, 0 },
		{ PERIOD_ROLLING_DAYS, 0, 0 }, { PERIOD_ROLLING_DAYS, 0, PERIOD_ROLLING_MAX + 1 },
		{ PERIOD_ROLLING_HOURS, 1, 3 }, { PERIOD__MAX, 0, 0 } };

	for (size_t i = 0; i < TG_ARRAY_LEN(bad); i++)
		ck_assert_msg(!period_spec_valid(&bad[i]), "row %zu", i);
	for (size_t i = 0; i < TG_ARRAY_LEN(specs); i++)
		ck_assert(period_spec_valid(&specs[i]));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, all_tile, 0, 4);
	tcase_add_test(tc, hours_tile);
	tcase_add_test(tc, odd_ones);
	tcase_add_test(tc, lifetime_and_ends);
	tcase_add_test(tc, windows);
	tcase_add_test(tc, specs_valid);
}

UNIT_MAIN("period", tests)
