/*
 * zone.c: zones by name, and the questions that are asked of them: what is the offset, what does
 * the clock show, when does it first show something. Pure after zone_load; any thread.
 */
#include "quota/zone_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define FILE_MAX   65536                 /* the largest there is has some 4 kB */
#define UTC_MIN_S  INT64_C(-62135596800) /* year 1 */
#define UTC_MAX_S  INT64_C(253402300799) /* the end of 9999 */
#define ERA_YEARS  400
#define ERA_DAYS   146097
#define EPOCH_DAYS 719468 /* from 0000-03-01 to 1970-01-01 */

static int64_t cut(int64_t s)
{
	return TG_MAX(UTC_MIN_S, TG_MIN(s, UTC_MAX_S));
}

/* Years from March, so that leap days come last; 400 of them repeat. */
static void civil_date(struct civil *c, int64_t days)
{
	int64_t d = days + EPOCH_DAYS, era = civil_div(d, ERA_DAYS),
		in_era = civil_mod(d, ERA_DAYS);
	int64_t century = TG_MIN(in_era / 36524, 3), in_century = in_era - century * 36524;
	int64_t four = in_century / 1461, in_four = in_century % 1461;
	int64_t year = TG_MIN(in_four / 365, 3), in_year = in_four - year * 365;
	int64_t m = (in_year * 5 + 2) / 153;

	c->day = (unsigned)(in_year - (m * 153 + 2) / 5 + 1);
	c->month = (unsigned)(m < 10 ? m + 3 : m - 9);
	c->year = era * ERA_YEARS + century * 100 + four * 4 + year + (m >= 10);
}

struct civil civil_of(int64_t local_s)
{
	int64_t s = TG_MAX(UTC_MIN_S - 2 * ZONE_OFFSET_MAX_S,
		TG_MIN(local_s, UTC_MAX_S + 2 * ZONE_OFFSET_MAX_S));
	int64_t of_day = civil_mod(s, ZONE_DAY_S);
	struct civil c = {
		.hour = (unsigned)(of_day / 3600),
		.min = (unsigned)(of_day / 60 % 60),
		.sec = (unsigned)(of_day % 60),
	};

	civil_date(&c, civil_div(s, ZONE_DAY_S));
	return c;
}

int64_t civil_local(const struct civil *c)
{
	return clock_days(c->year, c->month, c->day) * ZONE_DAY_S + c->hour * 3600 + c->min * 60 +
	       c->sec;
}

unsigned civil_month_days(int64_t year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	tg_assert(month >= 1 && month <= 12);
	return days[month - 1] + (month == 2 && leap);
}

/* Changes at or before an instant. */
static size_t changes_until(const struct zone *z, int64_t utc_s)
{
	size_t low = 0, high = z->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (z->at_s[mid] <= utc_s)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct zone_span zone_span_at(const struct zone *z, int64_t utc_s)
{
	struct zone_span span = { INT64_MIN, INT64_MAX, 0 };
	size_t i;

	CHECK_OBJ(z, ZONE_MAGIC);
	utc_s = cut(utc_s);
	i = changes_until(z, utc_s);
	if (i == z->n && z->has_rule) {
		span = zone_rule_span(&z->rule, utc_s);
		if (i > 0)
			span.start_s = TG_MAX(span.start_s, z->at_s[i - 1]);
		return span;
	}
	span.offset_s = i > 0 ? z->offset_s[i - 1] : z->first_offset_s;
	if (i > 0)
		span.start_s = z->at_s[i - 1];
	if (i < z->n)
		span.end_s = z->at_s[i];
	return span;
}

int64_t zone_local(const struct zone *z, int64_t utc_s)
{
	return cut(utc_s) + zone_span_at(z, utc_s).offset_s;
}

struct civil zone_civil(const struct zone *z, int64_t utc_s)
{
	return civil_of(zone_local(z, utc_s));
}

int64_t zone_first(const struct zone *z, int64_t local_s)
{
	/* before this the clock shows less, whatever its offset */
	int64_t t = cut(local_s) - ZONE_OFFSET_MAX_S;

	local_s = cut(local_s);
	for (;;) {
		struct zone_span span = zone_span_at(z, t);
		int64_t at = TG_MAX(t, local_s - span.offset_s);

		if (at < span.end_s || span.end_s > UTC_MAX_S)
			return at;
		t = span.end_s;
	}
}

unsigned zone_instants(const struct zone *z, int64_t local_s, int64_t *first_s, int64_t *last_s)
{
	int64_t t, end;
	unsigned n = 0;

	local_s = cut(local_s);
	end = local_s + ZONE_OFFSET_MAX_S;
	for (t = local_s - ZONE_OFFSET_MAX_S; t <= end;) {
		struct zone_span span = zone_span_at(z, t);
		int64_t at = local_s - span.offset_s;

		if (at >= t && at < span.end_s) {
			if (n++ == 0 && first_s != NULL)
				*first_s = at;
			if (last_s != NULL)
				*last_s = at;
		}
		if (span.end_s > UTC_MAX_S)
			break;
		t = span.end_s;
	}
	return n;
}

/* Letters, digits and _+- in parts apart by '/': no "..", no hidden files, not absolute. */
static bool name_right(struct str name)
{
	char before = '/';

	if (name.n == 0 || name.n > ZONE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; before = name.p[i++]) {
		char c = name.p[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		if (c == '/' ? before == '/'
			     : !letter && !(c >= '0' && c <= '9') && strchr("_+-", c) == NULL)
			return false;
		if (c == '\0')
			return false;
	}
	return before != '/';
}

/* malloc'd; NULL with errno */
static char *read_whole(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), saved;
	struct stat st;
	char *buf = NULL;
	ssize_t got = -1;

	if (fd < 0)
		return NULL;
	errno = EINVAL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX)
		buf = malloc(FILE_MAX);
	if (buf != NULL)
		got = read(fd, buf, FILE_MAX);
	saved = errno;
	close(fd);
	if (got < 0) {
		free(buf);
		errno = saved;
		return NULL;
	}
	*n = (size_t)got;
	return buf;
}

static struct zone *utc_new(void)
{
	struct zone *z = calloc(1, sizeof *z);

	tg_assert(z != NULL);
	*z = (struct zone){ .magic = ZONE_MAGIC, .name = "UTC" };
	return z;
}

struct zone *zone_load(struct str name, const char *folder, char *err, size_t err_size)
{
	char path[512], *bytes;
	struct zone *z;
	size_t n = 0;

	if (str_eq(name, STR("UTC")))
		return utc_new();
	if (!name_right(name)) {
		snprintf(err, err_size,
			"`%.*s` is no time zone's name: such are UTC, Europe/Berlin, "
			"America/New_York",
			(int)TG_MIN(name.n, (size_t)ZONE_NAME_MAX), name.p);
		return NULL;
	}
	if (folder == NULL)
		folder = ZONE_FOLDER;
	if ((size_t)snprintf(path, sizeof path, "%s/%.*s", folder, STR_FMT(name)) >= sizeof path) {
		snprintf(err, err_size, "the folder of time zones has too long a name");
		return NULL;
	}
	bytes = read_whole(path, &n);
	if (bytes == NULL) {
		snprintf(err, err_size,
			"no time zone `%.*s`: %s: %s (names are those of the IANA, such as "
			"Europe/Berlin; the files come with the package tzdata)",
			STR_FMT(name), path, strerror(errno));
		return NULL;
	}
	z = zone_parse(name, str_mk(bytes, n), err, err_size);
	free(bytes);
	return z;
}

void zone_free(struct zone *z)
{
	if (z == NULL)
		return;
	CHECK_OBJ(z, ZONE_MAGIC);
	free(z->at_s);
	free(z->offset_s);
	FINI_OBJ(z);
	free(z);
}

struct str zone_name(const struct zone *z)
{
	CHECK_OBJ(z, ZONE_MAGIC);
	return str_z(z->name);
}
