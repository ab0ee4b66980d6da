/*
 * types.c: scalar types. One row per type says how it is called, read and written.
 */
#include "conf/types.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/num.h"
#include "conf/load.h"

struct unit {
	const char *name;
	int64_t factor;
};

/* largest first, for writing */
static const struct unit sizes[] = {
	{ "t", 1LL << 40 },
	{ "g", 1LL << 30 },
	{ "m", 1LL << 20 },
	{ "k", 1LL << 10 },
	{ "", 1 },
	{ NULL, 0 },
};
static const struct unit durations[] = {
	{ "d", 86400000000 },
	{ "h", 3600000000 },
	{ "m", 60000000 },
	{ "s", 1000000 },
	{ "ms", 1000 },
	{ "us", 1 },
	{ NULL, 0 },
};
static const char *const bools[] = { "false", "true", "off", "on", "no", "yes", NULL };

#define MONEY_SCALE   12 /* pico-USD */
#define PERCENT_SCALE 2  /* basis points */
#define DAY_US        86400000000

static int say(struct conf_why *why, const char *fmt, ...) TG_PRINTF(2, 3);

static int say(struct conf_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof why->text, fmt, ap);
	va_end(ap);
	return -1;
}

/* -1 with "must be <what is expected>, not `text`" */
static int not_right(const struct conf_directive *d, struct str text, struct conf_why *why)
{
	struct conf_why expect;

	conf_type_expect(d, &expect);
	if (text.n == 0)
		return say(why, "must be %.180s, not empty", expect.text);
	return say(why, "must be %.180s, not `%.*s`", expect.text, STR_FMT(conf_clip(text)));
}

static bool bounded(const struct conf_directive *d)
{
	return d->min != 0 || d->max != 0;
}

static int put_number(
	const struct conf_directive *d, struct str text, int64_t v, void *out, struct conf_why *why)
{
	if (bounded(d) && (v < d->min || v > d->max))
		return not_right(d, text, why);
	memcpy(out, &v, sizeof v);
	return 0;
}

static int find_word(const char *const *words, struct str text)
{
	for (int i = 0; words[i] != NULL; i++)
		if (str_eq(str_z(words[i]), text))
			return i;
	return -1;
}

static int read_bool(
	const struct conf_directive *d, struct str text, void *out, struct conf_why *why)
{
	int i = find_word(bools, text);
	bool v = i % 2 == 1;

	if (i < 0)
		return not_right(d, text, why);
	memcpy(out, &v, sizeof v);
	return 0;
}

static int read_enum(
	const struct conf_directive *d, struct str text, void *out, struct conf_why *why)
{
	int i = find_word(d->words, text);
	const char *near;
	size_t n = 0, len;

	if (i >= 0) {
		memcpy(out, &i, sizeof i);
		return 0;
	}
	not_right(d, text, why);
	while (d->words[n] != NULL)
		n++;
	near = str_nearest(text, d->words, n);
	len = strlen(why->text);
	if (near != NULL)
		snprintf(why->text + len, sizeof why->text - len, "; did you mean `%s`?", near);
	return -1;
}

static int read_int(
	const struct conf_directive *d, struct str text, void *out, struct conf_why *why)
{
	int64_t v = 0;

	if ((d->flags & CONF_ALLOW_AUTO) != 0 && str_eq(text, STR("auto"))) {
		memcpy(out, &v, sizeof v);
		return 0;
	}
	if (num_parse_i64(text, &v) != 0)
		return not_right(d, text, why);
	return put_number(d, text, v, out, why);
}

/* digits and a unit's name; -1 when malformed or past 63 bits */
static int parse_units(const struct unit *units, struct str text, int64_t *out)
{
	size_t digits = 0;
	uint64_t n;
	struct str unit;

	while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
		digits++;
	unit = str_skip(text, digits);
	if (num_parse_u64(str_mk(text.p, digits), &n) != 0 || n > INT64_MAX)
		return -1;
	for (const struct unit *u = units; u->name != NULL; u++)
		/* 64K is common; 5M could be months */
		if (units == sizes ? str_eq_ci(unit, str_z(u->name)) : str_eq(unit, str_z(u->name)))
			return __builtin_mul_overflow((int64_t)n, u->factor, out) ? -1 : 0;
	if (n == 0 && unit.n == 0) { /* nothing needs no unit */
		*out = 0;
		return 0;
	}
	return -1;
}

static size_t write_units(const struct unit *units, int64_t v, char *out, size_t cap)
{
	const struct unit *u = units;

	if (v == 0)
		return (size_t)snprintf(out, cap, "0");
	while (u[1].name != NULL && v % u->factor != 0)
		u++;
	return (size_t)snprintf(out, cap, "%lld%s", (long long)(v / u->factor), u->name);
}

static int read_size(
	const struct conf_directive *d, struct str text, void *out, struct conf_why *why)
{
	int64_t v;

	if (parse_units(sizes, text, &v) != 0)
		return not_right(d, text, why);
	return put_number(d, text, v, out, why);
}

static int read_duration(
	const struct conf_directive *d, struct str text, void *out, struct conf_why *why)
{
	uint64_t n;
	int64_t v;

	if (num_parse_u64(text, &n) == 0 && n != 0)
		return say(why, "needs a unit: write `%.*ss` for seconds (units: ms, s, m, h, d)",
			STR_FMT(conf_clip(text)));
	if (parse_units(durations, text, &v) != 0)
		return not_right(d, text, why);
	return put_number(d, text, v, out, why);
}

/* digits[.digits] alone: num_parse_decimal would take an exponent. Sets the number of fraction
 * digits. */
static bool plain_decimal(struct str s, bool negative, size_t *frac)
{
	struct str whole, rest = s;
	size_t dot;

	if (negative && s.n > 0 && s.p[0] == '-')
		rest = s = str_skip(s, 1);
	dot = str_chr(s, '.');
	*frac = dot == (size_t)-1 ? 0 : s.n - dot - 1;
	if (dot != (size_t)-1 && *frac == 0)
		return false;
	for (int i = 0; i < 2 && str_split(&rest, '.', &whole); i++) {
		if (whole.n == 0)
			return false;
		for (size_t k = 0; k < whole.n; k++)
			if (whole.p[k] < '0' || whole.p[k] > '9')
				return false;
	}
	return s.n > 0 && (dot == (size_t)-1 || str_chr(str_skip(s, dot + 1), '.') == (size_t)-1);
}

static int read_money(
	const struct conf_directive *d, struct str text, void *out, struct conf_why *why)
{
	struct str number = STR_NONE, currency = text;
	size_t frac;
	int64_t v;

	if (!str_split(&currency, ' ', &number) || !str_eq_ci(currency, STR("usd")) ||
		!plain_decimal(number, d->min < 0, &frac))
		return not_right(d, text, why);
	if (frac > MONEY_SCALE)
		return say(why, "has %zu digits after the point; at most %d are exact", frac,
			MONEY_SCALE);
	if (num_parse_decimal(number, MONEY_SCALE, &v) != 0)
		return say(why, "is more than this version can count: at most 9223372 usd");
	return put_number(d, text, v, out, why);
}

static int read_percent(
	const struct conf_directive *d, struct str text, void *out, struct conf_why *why)
{
	size_t frac;
	int64_t v;

	if (text.n == 0 || text.p[text.n - 1] != '%' ||
		!plain_decimal(str_mk(text.p, text.n - 1), d->min < 0, &frac))
		return not_right(d, text, why);
	if (frac > PERCENT_SCALE)
		return say(why, "has %zu digits after the point; at most %d are exact", frac,
			PERCENT_SCALE);
	if (num_parse_decimal(str_mk(text.p, text.n - 1), PERCENT_SCALE, &v) != 0)
		return not_right(d, text, why);
	return put_number(d, text, v, out, why);
}

int conf_parse_date(struct str text, int64_t *out_us)
{
	wall_us t;

	if (clock_parse(text, &t) != 0)
		return -1;
	*out_us = t.us;
	return 0;
}

static int read_date(
	const struct conf_directive *d, struct str text, void *out, struct conf_why *why)
{
	int64_t v;

	if (conf_parse_date(text, &v) != 0)
		return not_right(d, text, why);
	return put_number(d, text, v, out, why);
}

/* The text is not repeated: a key pasted here by mistake must not end up in a log. */
static int read_sha256(
	const struct conf_directive *d, struct str text, void *out, struct conf_why *why)
{
	(void)d;
	if (text.n != 2 * SHA256_LEN)
		return say(why,
			"must be a SHA-256 as 64 hex digits (`tgctl keys hash` prints it), not %zu "
			"characters",
			text.n);
	if (digest_unhex(text, out, SHA256_LEN) != 0)
		return say(why,
			"must be a SHA-256 as 64 hex digits; there is another character in it");
	return 0;
}

static int64_t get_number(const void *value)
{
	int64_t v;

	memcpy(&v, value, sizeof v);
	return v;
}

static size_t write_bool(const struct conf_directive *d, const void *value, char *out, size_t cap)
{
	bool v;

	(void)d;
	memcpy(&v, value, sizeof v);
	return (size_t)snprintf(out, cap, "%s", v ? "true" : "false");
}

static size_t write_enum(const struct conf_directive *d, const void *value, char *out, size_t cap)
{
	int v;

	memcpy(&v, value, sizeof v);
	return (size_t)snprintf(out, cap, "%s", d->words[v]);
}

static size_t write_int(const struct conf_directive *d, const void *value, char *out, size_t cap)
{
	int64_t v = get_number(value);

	if (v == 0 && (d->flags & CONF_ALLOW_AUTO) != 0)
		return (size_t)snprintf(out, cap, "auto");
	return (size_t)snprintf(out, cap, "%lld", (long long)v);
}

static size_t write_size(const struct conf_directive *d, const void *value, char *out, size_t cap)
{
	(void)d;
	return write_units(sizes, get_number(value), out, cap);
}

static size_t write_duration(
	const struct conf_directive *d, const void *value, char *out, size_t cap)
{
	(void)d;
	return write_units(durations, get_number(value), out, cap);
}

static size_t write_money(const struct conf_directive *d, const void *value, char *out, size_t cap)
{
	char digits[24];
	size_t n = num_put_decimal(digits, get_number(value), MONEY_SCALE);

	(void)d;
	return (size_t)snprintf(out, cap, "%.*s usd", (int)n, digits);
}

static size_t write_percent(
	const struct conf_directive *d, const void *value, char *out, size_t cap)
{
	char digits[24];
	size_t n = num_put_decimal(digits, get_number(value), PERCENT_SCALE);

	(void)d;
	return (size_t)snprintf(out, cap, "%.*s%%", (int)n, digits);
}

static size_t write_date(const struct conf_directive *d, const void *value, char *out, size_t cap)
{
	char iso[CLOCK_ISO_LEN];
	int64_t us = get_number(value);
	size_t n = clock_iso(iso, (wall_us){ us });

	(void)d;
	return (size_t)snprintf(out, cap, "%.*s", us % DAY_US == 0 ? 10 : (int)n, iso);
}

static size_t write_sha256(const struct conf_directive *d, const void *value, char *out, size_t cap)
{
	char hex[2 * SHA256_LEN];

	(void)d;
	digest_hex(hex, value, SHA256_LEN);
	return (size_t)snprintf(out, cap, "%.*s", (int)sizeof hex, hex);
}

static const struct type {
	const char *expect; /* NULL: not a scalar with a value of its own */
	size_t size;        /* bytes of the value in C */
	int (*read)(const struct conf_directive *, struct str, void *, struct conf_why *);
	size_t (*write)(const struct conf_directive *, const void *, char *, size_t);
} types[] = {
	[CONF_BOOL] = { "true or false (also on, off, yes, no)", sizeof(bool), read_bool,
		write_bool },
	[CONF_INT] = { "a whole number", sizeof(int64_t), read_int, write_int },
	[CONF_SIZE] = { "a size such as 512, 64k, 8m or 1g", sizeof(int64_t), read_size,
		write_size },
	[CONF_DURATION] = { "a duration such as 50ms, 10s, 5m, 1h or 1d", sizeof(int64_t),
		read_duration, write_duration },
	[CONF_STRING] = { "text", sizeof(struct str), NULL, NULL },
	[CONF_SECRET] = { "a secret: text, ${env:NAME} or ${file:/path}", sizeof(struct str), NULL,
		NULL },
	[CONF_MONEY] = { "an amount such as `0.50 usd`", sizeof(int64_t), read_money, write_money },
	[CONF_PERCENT] = { "a percentage such as 15% or 12.5%", sizeof(int64_t), read_percent,
		write_percent },
	[CONF_DATE] = { "a date such as 2027-01-31 or 2027-01-31T18:00:00Z", sizeof(int64_t),
		read_date, write_date },
	[CONF_SHA256] = { "a SHA-256 as 64 hex digits", SHA256_LEN, read_sha256, write_sha256 },
	[CONF_ENUM] = { "one of", sizeof(int), read_enum, write_enum },
	[CONF_STRINGS] = { "a list of texts", sizeof(struct conf_strings), NULL, NULL },
	[CONF_BLOCK] = { "a block of directives", 0, NULL, NULL },
	[CONF_LIST] = { "a list", sizeof(struct conf_array), NULL, NULL },
	[CONF_MAP] = { "a map of names to blocks", sizeof(struct conf_array), NULL, NULL },
	[CONF_TAGS] = { "a map of names to texts", sizeof(struct conf_tags), NULL, NULL },
};

bool conf_type_scalar(enum conf_type t)
{
	return types[t].read != NULL;
}

int conf_type_read(const struct conf_directive *d, struct str text, void *out, struct conf_why *why)
{
	tg_assert(conf_type_scalar(d->type));
	return types[d->type].read(d, text, out, why);
}

size_t conf_type_write(
	const struct conf_directive *d, const void *value, char out[CONF_TYPE_WRITE_LEN])
{
	tg_assert(conf_type_scalar(d->type));
	return types[d->type].write(d, value, out, CONF_TYPE_WRITE_LEN);
}

void conf_type_expect(const struct conf_directive *d, struct conf_why *out)
{
	bool may_auto = d->type == CONF_INT && (d->flags & CONF_ALLOW_AUTO) != 0;
	char min[CONF_TYPE_WRITE_LEN], max[CONF_TYPE_WRITE_LEN];
	struct conf_directive plain = *d;
	size_t n;

	n = (size_t)snprintf(out->text, sizeof out->text, "%s%s", may_auto ? "auto or " : "",
		types[d->type].expect);
	if (d->type == CONF_ENUM) {
		for (int i = 0; d->words[i] != NULL && n < sizeof out->text; i++)
			n += (size_t)snprintf(out->text + n, sizeof out->text - n, "%s%s",
				i > 0 ? ", " : " ", d->words[i]);
		return;
	}
	if (!bounded(d) || !conf_type_scalar(d->type))
		return;
	plain.flags = 0; /* a bound of 0 is not "auto" */
	conf_type_write(&plain, &d->min, min);
	conf_type_write(&plain, &d->max, max);
	if (d->max == INT64_MAX)
		snprintf(out->text + n, sizeof out->text - n, ", at least %s", min);
	else
		snprintf(out->text + n, sizeof out->text - n, "%s from %s to %s",
			d->type == CONF_INT ? "" : ",", min, max);
}

bool conf_type_zero(const struct conf_directive *d, const void *value)
{
	static const char zero[sizeof(struct conf_array) + SHA256_LEN];
	const struct str *s = value;

	tg_assert(types[d->type].size > 0);
	if (d->type == CONF_STRING || d->type == CONF_SECRET)
		return s->n == 0;
	if (d->type == CONF_STRINGS)
		return ((const struct conf_strings *)value)->n == 0;
	if (d->type == CONF_LIST || d->type == CONF_MAP)
		return ((const struct conf_array *)value)->n == 0;
	if (d->type == CONF_TAGS)
		return ((const struct conf_tags *)value)->n == 0;
	return memcmp(value, zero, types[d->type].size) == 0;
}
