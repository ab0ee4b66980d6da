/*
 * hints.c: see hints.h.
 */
#include "route/hints.h"

#include <string.h>

#define MAX_DIGITS 16

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits, and a fraction, as `unit` microseconds each. The bytes that were read; 0: none. */
static size_t number(struct str v, int64_t unit, int64_t *us)
{
	size_t i = 0, digits = 0;
	__int128 n = 0;
	int64_t part = unit;

	for (; i < v.n && is_digit(v.p[i]); i++, digits++)
		if (digits < MAX_DIGITS)
			n = n * 10 + (v.p[i] - '0');
	if (digits == 0 || digits > MAX_DIGITS)
		return 0;
	n *= unit;
	if (i + 1 < v.n && v.p[i] == '.' && is_digit(v.p[i + 1])) {
		for (i++; i < v.n && is_digit(v.p[i]); i++) {
			part /= 10;
			n += part * (v.p[i] - '0');
		}
	}
	*us = n > INT64_MAX ? INT64_MAX : (int64_t)n;
	return i;
}

static int within(int64_t us, int64_t *out)
{
	*out = TG_MIN(TG_MAX(us, 0), HINTS_MOST_US);
	return 0;
}

/* "Fri, 28 Nov 2026 10:00:00 GMT" (RFC 9110 section 5.6.7, the one format that is still sent). */
static int http_date(struct str v, wall_us *out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static const struct {
		uint8_t at, n;
	} parts[] = { { 5, 2 }, { 12, 4 }, { 17, 2 }, { 20, 2 }, { 23, 2 } };
	int64_t n[TG_ARRAY_LEN(parts)] = { 0 }, month = 0;

	if (v.n != CLOCK_HTTP_LEN || memcmp(v.p + 25, " GMT", 4) != 0 || v.p[19] != ':' ||
		v.p[22] != ':')
		return -1;
	for (size_t i = 0; i < TG_ARRAY_LEN(parts); i++)
		for (unsigned k = 0; k < parts[i].n; k++) {
			char c = v.p[parts[i].at + k];

			if (!is_digit(c))
				return -1;
			n[i] = n[i] * 10 + (c - '0');
		}
	while (month < 12 && memcmp(months + 3 * month, v.p + 8, 3) != 0)
		month++;
	if (month == 12 || n[0] < 1 || n[0] > 31 || n[1] < 1970 || n[2] > 23 || n[3] > 59 ||
		n[4] > 60)
		return -1;
	out->us = (clock_days(n[1], month + 1, n[0]) * 86400 + n[2] * 3600 + n[3] * 60 + n[4]) *
		  1000000;
	return 0;
}

int hint_retry_after(struct str value, wall_us now, int64_t *us)
{
	int64_t got = 0;
	wall_us date;

	if (value.n > 0 && number(value, 1000000, &got) == value.n)
		return within(got, us);
	if (http_date(value, &date) != 0)
		return -1;
	return within(date.us - now.us, us);
}

int hint_retry_after_ms(struct str value, int64_t *us)
{
	int64_t got = 0;

	if (value.n == 0 || number(value, 1000, &got) != value.n)
		return -1;
	return within(got, us);
}

static int go_duration(struct str v, int64_t *us)
{
	static const struct {
		struct str unit;
		int64_t us;
	} units[] = { { { "ms", 2 }, 1000 }, { { "us", 2 }, 1 }, { { "h", 1 }, 3600000000 },
		{ { "m", 1 }, 60000000 }, { { "s", 1 }, 1000000 } };
	__int128 sum = 0;
	int64_t part = 0;

	while (v.n > 0) {
		size_t n = number(v, 1, &part), u = 0;

		if (n == 0)
			return -1;
		while (u < TG_ARRAY_LEN(units) && !str_starts(str_skip(v, n), units[u].unit))
			u++;
		if (u == TG_ARRAY_LEN(units) || number(v, units[u].us, &part) != n)
			return -1;
		sum += part;
		if (sum > HINTS_MOST_US)
			sum = HINTS_MOST_US;
		v = str_skip(v, n + units[u].unit.n);
	}
	return within((int64_t)sum, us);
}

int hint_reset(struct str value, wall_us now, int64_t *us)
{
	int64_t got = 0;
	wall_us at;

	if (value.n == 0)
		return -1;
	if (number(value, 1000000, &got) == value.n) {
		/* seconds; or since 1970, in seconds, or in milliseconds */
		if (got > INT64_C(100000000000) * 1000000)
			return within(got / 1000 - now.us, us);
		if (got > INT64_C(1000000000) * 1000000)
			return within(got - now.us, us);
		return within(got, us);
	}
	if (go_duration(value, us) == 0)
		return 0;
	if (clock_parse(value, &at) != 0)
		return -1;
	return within(at.us - now.us, us);
}

int hint_count(struct str value, int64_t *n)
{
	int64_t got = 0;

	if (value.n == 0 || number(value, 1, &got) != value.n)
		return -1;
	*n = got;
	return 0;
}
