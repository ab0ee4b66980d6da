/*
 * check_zone.c: zones against the C library's, name by name and hour by hour around changes;
 * odd days; names and files that are wrong; a file cut off and changed at every byte.
 */
#include "quota/zone_int.h"

#include <time.h>

#include "unit/quota/zones.h"

static int64_t utc(int64_t y, unsigned mo, unsigned d, unsigned h, unsigned mi)
{
	struct civil c = { y, mo, d, h, mi, 0 };

	return civil_local(&c);
}

static void same_as_libc(const struct zone *z, int64_t t)
{
	time_t tt = (time_t)t;
	struct civil c = zone_civil(z, t);
	struct tm tm;

	ZONES_CHECK(localtime_r(&tt, &tm) != NULL, "none");
	ZONES_CHECK(c.year == tm.tm_year + 1900 && (int)c.month == tm.tm_mon + 1 &&
			    (int)c.day == tm.tm_mday && (int)c.hour == tm.tm_hour &&
			    (int)c.min == tm.tm_min && (int)c.sec == tm.tm_sec,
		"%s at %lld: %lld-%u-%u %u:%u:%u, not %d-%d-%d %d:%d:%d", z->name, (long long)t,
		(long long)c.year, c.month, c.day, c.hour, c.min, c.sec, tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	ZONES_CHECK(zone_local(z, t) - t == tm.tm_gmtoff, "%s: another offset", z->name);
}

/* Every change of the years 1960 to 2100, and every 20th day. */
static void zone_like_libc(const char *name)
{
	struct zone *z = zones_load(name);
	int64_t end = utc(2100, 1, 1, 0, 0);

	setenv("TZ", name, 1);
	tzset();
	for (int64_t t = utc(1960, 1, 1, 0, 0); t < end; t += 20 * ZONE_DAY_S + 3617)
		same_as_libc(z, t);
	for (int64_t t = utc(1960, 1, 1, 0, 0); t < end;) {
		struct zone_span s = zone_span_at(z, t);

		ZONES_CHECK(s.start_s <= t && t < s.end_s, "wrong");
		if (s.end_s > end)
			break;
		same_as_libc(z, s.end_s - 1);
		same_as_libc(z, s.end_s);
		same_as_libc(z, s.end_s + 1);
		t = s.end_s;
	}
	zone_free(z);
}

START_TEST(all_like_libc)
{
	static struct zones zones;

	zones_find(&zones, "");
	ck_assert_uint_gt(zones.n, 200);
	for (size_t i = 0; i < zones.n; i += ZONES_STEP)
		zone_like_libc(zones.v[i].name);
}
END_TEST

/* zone_first and zone_instants say what a search minute by minute says. */
static void around_change(const struct zone *z, int64_t change)
{
	for (int64_t local = change - 4 * 3600; local < change + 4 * 3600; local += 1800) {
		int64_t want = local + zone_span_at(z, change).offset_s, first = 0, last = 0;
		int64_t brute_first = INT64_MAX, reached = INT64_MAX;
		unsigned n = 0, got = zone_instants(z, want, &first, &last);

		for (int64_t t = want - 30 * 3600; t < want + 30 * 3600; t += 60) {
			if (zone_local(z, t) == want && n++ == 0)
				brute_first = t;
			if (zone_local(z, t) >= want)
				reached = TG_MIN(reached, t);
		}
		ck_assert_uint_eq(got, n);
		ck_assert_int_eq(zone_first(z, want), reached);
		if (n > 0)
			ck_assert_int_eq(first, brute_first);
		ck_assert(n < 2 || last > first);
	}
}

START_TEST(changes_by_search)
{
	static const char *const names[] = { "Europe/Berlin", "America/New_York",
		"Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns", "Asia/Beirut",
		"Europe/Dublin", "Africa/Casablanca", "America/Nuuk", "Antarctica/Troll" };

	for (size_t i = 0; i < TG_ARRAY_LEN(names); i++) {
		struct zone *z = zones_load(names[i]);
		int64_t t = utc(2009, 1, 1, 0, 0);
		unsigned n = 0;

		for (; n < 8; n++) {
			t = zone_span_at(z, t).end_s;
			if (t > utc(2060, 1, 1, 0, 0))
				break;
			around_change(z, t);
		}
		ck_assert_uint_gt(n, 3);
		zone_free(z);
	}
}
END_TEST

static const struct {
	const char *zone;
	struct civil local;
	int64_t year, month, day, hour, min; /* of zone_first, UTC */
} firsts[] = {
	{ "UTC", { 2026, 11, 28, 0, 0, 0 }, 2026, 11, 28, 0, 0 },
	{ "Europe/Berlin", { 2026, 11, 28, 0, 0, 0 }, 2026, 11, 27, 23, 0 },
	/* behind the table of slim files, by the rule */
	{ "Europe/Berlin", { 2077, 7, 1, 0, 0, 0 }, 2077, 6, 30, 22, 0 },
	/* midnight does not exist: 00:00 becomes 01:00 */
	{ "America/Sao_Paulo", { 2018, 11, 4, 0, 0, 0 }, 2018, 11, 4, 3, 0 },
	/* midnight comes twice: at 00:00 back to 23:00, and the date only once */
	{ "America/Sao_Paulo", { 2018, 2, 18, 0, 0, 0 }, 2018, 2, 18, 3, 0 },
	/* at 00:01 back to 23:01: the first of two midnights */
	{ "America/St_Johns", { 2010, 11, 7, 0, 0, 0 }, 2010, 11, 7, 2, 30 },
	/* the day that Samoa left out, and the one behind begin together */
	{ "Pacific/Apia", { 2011, 12, 30, 0, 0, 0 }, 2011, 12, 30, 10, 0 },
	{ "Pacific/Apia", { 2011, 12, 31, 0, 0, 0 }, 2011, 12, 30, 10, 0 },
	{ "Asia/Kathmandu", { 2026, 1, 1, 0, 0, 0 }, 2025, 12, 31, 18, 15 },
};

START_TEST(first_instants)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(firsts); i++) {
		struct zone *z = zones_load(firsts[i].zone);
		int64_t got = zone_first(z, civil_local(&firsts[i].local));
		struct civil want = { firsts[i].year, (unsigned)firsts[i].month,
			(unsigned)firsts[i].day, (unsigned)firsts[i].hour, (unsigned)firsts[i].min,
			0 };

		ck_assert_msg(got == civil_local(&want), "%s, row %zu: %lld", firsts[i].zone, i,
			(long long)got);
		zone_free(z);
	}
}
END_TEST

static const struct {
	const char *text;
	bool right;
} rules[] = {
	{ "UTC0", true },
	{ "CET-1CEST,M3.5.0,M10.5.0/3", true },
	{ "<+01>-1", true },
	{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true },
	{ "IST-1GMT0,M10.5.0,M3.5.0/1", true },
	{ "XXX3EDT4,0/0,J365/23", true },
	{ "EET-2EEST,M3.4.4/50,M10.4.4/50", true },
	{ "AAA3BBB,J60/0,J300/0", true },
	{ "AAA-3BBB,59/0,300/0", true },
	{ "", false },
	{ "CET", false },
	{ "CE-1", false },
	{ "CET-25", false },
	{ "CET-1CEST", false },
	{ "CET-1CEST,M3.5.0", false },
	{ "CET-1CEST,M13.5.0,M10.5.0", false },
	{ "CET-1CEST,M3.6.0,M10.5.0", false },
	{ "CET-1CEST,M3.5.7,M10.5.0", false },
	{ "CET-1CEST,J0,J365", false },
	{ "CET-1CEST,366,J365", false },
	{ "CET-1CEST,M3.5.0/168,M10.5.0", false },
	{ "CET-1CEST,M3.5.0,M10.5.0/3x", false },
	{ "<+01-1", false },
	{ "<>-1", false },
	{ "CET-1:60", false },
};

START_TEST(rule_texts)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(rules); i++) {
		struct zone_rule r;
		char *text = unit_copy(rules[i].text, strlen(rules[i].text));

		ck_assert_msg((zone_rule_parse(str_mk(text, strlen(rules[i].text)), &r) == 0) ==
				      rules[i].right,
			"%s", rules[i].text);
		free(text);
	}
}
END_TEST

/* Rules alone, with POSIX TZ in libc as the other opinion. */
START_TEST(rules_like_libc)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(rules); i++) {
		struct zone z = { .magic = ZONE_MAGIC, .name = "rule", .has_rule = true };

		if (!rules[i].right || zone_rule_parse(str_z(rules[i].text), &z.rule) != 0)
			continue;
		if (strchr(rules[i].text, '0') != NULL &&
			strstr(rules[i].text, "J365/23") != NULL) {
			/* daylight saving time all year: libc goes wrong at the turn of years */
			ck_assert_int_eq(
				zone_local(&z, utc(2027, 1, 1, 4, 0)), utc(2027, 1, 1, 0, 0));
			ck_assert_int_eq(
				zone_local(&z, utc(2027, 7, 1, 4, 0)), utc(2027, 7, 1, 0, 0));
			continue;
		}
		setenv("TZ", rules[i].text, 1);
		tzset();
		for (int64_t t = utc(2020, 1, 1, 0, 0); t < utc(2060, 1, 1, 0, 0); t += 7201)
			same_as_libc(&z, t);
	}
}
END_TEST

START_TEST(bad_names)
{
	static const char *const names[] = {
		"", "/etc/passwd", "../../etc/passwd", "Europe/../UTC", "Europe//Berlin", "Europe/",
		"/", ".", "..", "Europe/Ber lin", "tzdata.zi", "Europe", "Nowhere/Land",
		"leapseconds", "right/UTC", "Europe/Berlin\n",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(names); i++) {
		char err[512] = "";

		ck_assert_msg(
			zone_load(str_z(names[i]), NULL, err, sizeof err) == NULL, "%s", names[i]);
		ck_assert_msg(
			strchr(err, '`') != NULL && strlen(err) > 30, "%s: %s", names[i], err);
	}
	char err[512];

	ck_assert_ptr_null(zone_load(str_mk("UTC\0x", 5), NULL, err, sizeof err));
}
END_TEST

START_TEST(utc_needs_no_file)
{
	char err[512] = "";
	struct zone *z = zone_load(STR("UTC"), "/nowhere", err, sizeof err);

	ck_assert_ptr_nonnull(z);
	UNIT_STR_EQ(zone_name(z), STR("UTC"));
	ck_assert_int_eq(zone_local(z, 1234567890), 1234567890);
	zone_free(z);
	ck_assert_ptr_null(zone_load(STR("Etc/GMT"), "/nowhere", err, sizeof err));
	ck_assert_msg(strstr(err, "tzdata") != NULL, "%s", err);
	zone_free(NULL);
}
END_TEST

static size_t read_zone(const char *path, char *buf, size_t cap)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(buf, 1, cap, f);
	fclose(f);
	return n;
}

/* Every beginning of a file is refused; every changed byte is refused or gives a zone that works.
 */
START_TEST(damaged_files)
{
	static char buf[65536];
	size_t n = read_zone(ZONE_FOLDER "/Europe/Dublin", buf, sizeof buf);
	char err[512];

	for (size_t cut = 0; cut < n; cut++) {
		char *copy = unit_copy(buf, cut);

		ck_assert_msg(zone_parse(STR("x"), str_mk(copy, cut), err, sizeof err) == NULL,
			"cut at %zu of %zu", cut, n);
		free(copy);
	}
	for (size_t i = 0; i < n; i++) {
		char *copy = unit_copy(buf, n);
		struct zone *z;

		copy[i] = (char)(copy[i] ^ 0x81);
		z = zone_parse(STR("x"), str_mk(copy, n), err, sizeof err);
		if (z != NULL) {
			int64_t local = utc(2026, 11, 28, 0, 0), first = zone_first(z, local);

			ck_assert(zone_local(z, first) >= local);
			ck_assert(zone_local(z, first - 1) < local);
		}
		zone_free(z);
		free(copy);
	}
}
END_TEST

START_TEST(calendar)
{
	for (int64_t day = -400 * 366; day < 400 * 366; day++) {
		struct civil c = civil_of(day * ZONE_DAY_S + 86399);

		ZONES_CHECK((civil_local(&c)) == (day * ZONE_DAY_S + 86399), "not equal");
		ZONES_CHECK(c.month >= 1 && c.month <= 12, "wrong");
		ZONES_CHECK(c.day >= 1 && c.day <= civil_month_days(c.year, c.month), "wrong");
	}
	ck_assert_uint_eq(civil_month_days(2000, 2), 29);
	ck_assert_uint_eq(civil_month_days(2100, 2), 28);
	ck_assert_int_eq(civil_div(-1, 7), -1);
	ck_assert_int_eq(civil_mod(-1, 7), 6);
	/* far away is cut, and ends */
	struct zone *z = zones_load("Europe/Berlin");

	ck_assert_int_eq(zone_civil(z, INT64_MAX).year, 10000); /* one hour into it */
	ck_assert_int_eq(zone_civil(z, INT64_MIN).year, 1);
	(void)zone_first(z, INT64_MAX);
	(void)zone_first(z, INT64_MIN);
	zone_free(z);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, all_like_libc);
	tcase_add_test(tc, changes_by_search);
	tcase_add_test(tc, first_instants);
	tcase_add_test(tc, rule_texts);
	tcase_add_test(tc, rules_like_libc);
	tcase_add_test(tc, bad_names);
	tcase_add_test(tc, utc_needs_no_file);
	tcase_add_test(tc, damaged_files);
	tcase_add_test(tc, calendar);
}

UNIT_MAIN("zone", tests)
