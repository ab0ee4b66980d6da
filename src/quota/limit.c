/*
 * limit.c: limits from text and back, exactly: decimals are shifted to integers, nothing is
 * rounded, and what does not fit is an error. Pure functions; any thread.
 */
#include "quota/limit.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"

#define NANO_DIGITS  9
#define CLIP         40 /* bytes of the text in errors */
#define CLIP_FMT(s)  (int)TG_MIN((s).n, (size_t)CLIP), (s).p
#define EXAMPLE_COST "`50 usd/day`, `1000 usd/month`, `10 usd/24h`"
#define EXAMPLE_RATE "`600/min`, `1000/day`, `100/30d`"
#define EXAMPLE_ELSE "`100/day`, `1000/month`, `100/30d`"

static const char *const dim_names[QUOTA_DIM__MAX] = {
#define X(id, name, what) name,
#include "quota/tbl/dims.h"
#undef X
};

/* The first name of a length is its canonical one. */
static const struct rate {
	const char *name;
	uint32_t seconds;
} rates[] = {
	{ "s", 1 },
	{ "second", 1 },
	{ "sec", 1 },
	{ "min", 60 },
	{ "minute", 60 },
	{ "m", 60 },
	{ "hour", 3600 },
	{ "h", 3600 },
};

struct context {
	enum quota_dim dim;
	struct str text;
	char *err;
	size_t err_size;
};

static int say(const struct context *c, const char *fmt, ...) TG_PRINTF(2, 3);

static int say(const struct context *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->err, c->err_size, fmt, ap);
	va_end(ap);
	return -1;
}

const char *quota_dim_name(enum quota_dim d)
{
	tg_assert((unsigned)d < QUOTA_DIM__MAX);
	return dim_names[d];
}

enum quota_dim quota_dim_find(struct str name)
{
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		if (str_eq(name, str_z(dim_names[d])))
			return (enum quota_dim)d;
	return QUOTA_DIM__MAX;
}

static bool has_rates(enum quota_dim d)
{
	return d == QUOTA_REQUESTS || d == QUOTA_TOKENS || d == QUOTA_INPUT_TOKENS ||
	       d == QUOTA_OUTPUT_TOKENS;
}

static const char *example(enum quota_dim d)
{
	if (d == QUOTA_COST)
		return EXAMPLE_COST;
	return has_rates(d) ? EXAMPLE_RATE : EXAMPLE_ELSE;
}

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

/* A count, or digits[.digits] shifted by NANO_DIGITS; why it is none is said. */
static int parse_number(const struct context *c, struct str s, bool money, int64_t *out)
{
	size_t dot = str_chr(s, '.');
	bool point = dot != (size_t)-1;
	struct str whole = point ? str_mk(s.p, dot) : s,
		   frac = point ? str_skip(s, dot + 1) : STR_NONE;

	if (!all_digits(whole) || (point && (!money || !all_digits(frac))))
		return say(c, "`%.*s`: `%.*s` is no %s; write a limit of %s such as %s",
			CLIP_FMT(c->text), CLIP_FMT(s),
			money ? "amount (digits, perhaps a point and digits)"
			      : "whole number (digits alone)",
			dim_names[c->dim], example(c->dim));
	if (frac.n > NANO_DIGITS)
		return say(c, "`%.*s` has %zu digits after the point; at most %d are counted",
			CLIP_FMT(c->text), frac.n, NANO_DIGITS);
	if (num_parse_decimal(s, money ? NANO_DIGITS : 0, out) != 0 || *out > QUOTA_AMOUNT_MAX)
		return say(c, "`%.*s` is more than can be counted: at most %s", CLIP_FMT(c->text),
			money ? "50000000 usd" : "50000000000000000");
	return 0;
}

static int parse_amount(const struct context *c, struct str s, int64_t *out)
{
	struct str number = STR_NONE, currency = s;

	if (c->dim != QUOTA_COST) {
		if (str_ends(s, STR("usd")))
			return say(c, "`%.*s`: %s are counted, not paid: write %s",
				CLIP_FMT(c->text), dim_names[c->dim], example(c->dim));
		return parse_number(c, s, false, out);
	}
	if (!str_split(&currency, ' ', &number) || !str_eq_ci(str_trim(currency), STR("usd")))
		return say(c, "`%.*s`: an amount of money says its currency: `%.*s usd`, as in %s",
			CLIP_FMT(c->text),
			CLIP_FMT(str_starts(number, STR("$")) ? str_skip(number, 1) : number),
			EXAMPLE_COST);
	return parse_number(c, number, true, out);
}

static int unknown_period(const struct context *c, struct str word)
{
	const char *words[PERIOD__CALENDAR + TG_ARRAY_LEN(rates)], *near;
	size_t n = 0;

	for (unsigned u = 0; u < PERIOD__CALENDAR; u++)
		words[n++] = period_unit_name((enum period_unit)u);
	for (size_t i = 0; has_rates(c->dim) && i < TG_ARRAY_LEN(rates); i++)
		if (strlen(rates[i].name) > 2)
			words[n++] = rates[i].name;
	near = str_nearest(word, words, n);
	return say(c,
		"`%.*s`: `%.*s` is no period; there are %shour, day, week, month, quarter, year, "
		"lifetime, and windows such as 24h or 30d%s%s%s",
		CLIP_FMT(c->text), CLIP_FMT(word), has_rates(c->dim) ? "s, min, " : "",
		near != NULL ? "; did you mean `" : "", near != NULL ? near : "",
		near != NULL ? "`?" : "");
}

static int parse_anchor(const struct context *c, struct str s, struct period_spec *p)
{
	uint64_t day;

	if (period_unit_anchor(p->unit) == PERIOD_ANCHOR_WEEKDAY) {
		for (p->anchor = 0; p->anchor < 7; p->anchor++)
			if (str_eq(s, str_z(period_weekday(p->anchor))))
				return 0;
		return say(c,
			"`%.*s`: a week begins on mon, tue, wed, thu, fri, sat or sun, as in "
			"`week@mon`, not on `%.*s`",
			CLIP_FMT(c->text), CLIP_FMT(s));
	}
	if (period_unit_anchor(p->unit) == PERIOD_ANCHOR_NONE)
		return say(c,
			"`%.*s`: `@` is for week (a weekday), month, quarter and year (a day "
			"from 1 to 31)",
			CLIP_FMT(c->text));
	if (!all_digits(s) || num_parse_u64(s, &day) != 0 || day < 1 || day > 31)
		return say(c,
			"`%.*s`: `@` says the day from 1 to 31 that it begins on, as in "
			"`month@15`, not `%.*s`",
			CLIP_FMT(c->text), CLIP_FMT(s));
	p->anchor = (unsigned)day;
	return 0;
}

/* "30d", "24h": has its own error; 1: is no such */
static int parse_rolling(const struct context *c, struct str s, struct quota_limit *l)
{
	struct str digits = s.n > 0 ? str_mk(s.p, s.n - 1) : s;
	uint64_t n;

	if (!all_digits(digits) || (s.p[s.n - 1] != 'h' && s.p[s.n - 1] != 'd'))
		return 1;
	if (num_parse_u64(digits, &n) != 0 || n < 1 || n > PERIOD_ROLLING_MAX)
		return say(c,
			"`%.*s`: a rolling window has 1 to %d hours or days, as in 24h, 30d; "
			"for longer ones there are month, quarter and year",
			CLIP_FMT(c->text), PERIOD_ROLLING_MAX);
	l->kind = QUOTA_ROLLING;
	l->period = (struct period_spec){
		.unit = s.p[s.n - 1] == 'h' ? PERIOD_ROLLING_HOURS : PERIOD_ROLLING_DAYS,
		.n = (unsigned)n,
	};
	return 0;
}

static int parse_calendar(const struct context *c, struct str s, struct quota_limit *l)
{
	size_t at = str_chr(s, '@');
	struct str word = at != (size_t)-1 ? str_mk(s.p, at) : s;

	for (unsigned u = 0; u < PERIOD__CALENDAR; u++) {
		if (!str_eq(word, str_z(period_unit_name((enum period_unit)u))))
			continue;
		l->kind = QUOTA_STOCK;
		l->period.unit = (enum period_unit)u;
		if (at != (size_t)-1)
			return parse_anchor(c, str_skip(s, at + 1), &l->period);
		l->period.anchor = period_unit_anchor(l->period.unit) == PERIOD_ANCHOR_MONTH_DAY;
		return 0;
	}
	return unknown_period(c, word);
}

static int parse_rate(const struct context *c, const struct rate *r, struct quota_limit *l)
{
	if (!has_rates(c->dim))
		return say(c,
			"`%.*s`: %s has no rate a second or minute (requests and tokens "
			"have): write %s",
			CLIP_FMT(c->text), dim_names[c->dim], example(c->dim));
	if (l->amount == 0)
		return say(c, "`%.*s`: a rate is at least 1; to forbid all write `0/day`",
			CLIP_FMT(c->text));
	l->kind = QUOTA_RATE;
	l->rate_s = r->seconds;
	return 0;
}

static int parse_period(const struct context *c, struct str s, struct quota_limit *l)
{
	int rolling = parse_rolling(c, s, l);

	if (rolling <= 0)
		return rolling;
	for (size_t i = 0; i < TG_ARRAY_LEN(rates); i++) {
		bool hour = rates[i].seconds == 3600; /* elsewhere it is a stock's */

		if (str_eq(s, str_z(rates[i].name)) && (!hour || has_rates(c->dim)))
			return parse_rate(c, &rates[i], l);
	}
	return parse_calendar(c, s, l);
}

static int parse_gauge(const struct context *c, struct str s, struct quota_limit *l)
{
	if (str_chr(s, '/') != (size_t)-1)
		return say(c,
			"`%.*s`: concurrency is how many requests at a time, without a "
			"period: write `200`",
			CLIP_FMT(c->text));
	l->kind = QUOTA_GAUGE;
	if (!all_digits(s))
		return say(c, "`%.*s` is no whole number of requests at a time, such as `200`",
			CLIP_FMT(c->text));
	return parse_number(c, s, false, &l->amount);
}

int quota_limit_parse(
	enum quota_dim dim, struct str text, struct quota_limit *out, char *err, size_t err_size)
{
	struct context c = { dim, text, err, err_size };
	struct str s = str_trim(text);
	struct quota_limit l = { .dim = dim };
	size_t slash = str_chr(s, '/');
	int rc;

	tg_assert((unsigned)dim < QUOTA_DIM__MAX);
	if (dim == QUOTA_CONCURRENCY)
		rc = parse_gauge(&c, s, &l);
	else if (slash == (size_t)-1)
		rc = say(&c, "`%.*s` says no period: a limit of %s is such as %s", CLIP_FMT(text),
			dim_names[dim], example(dim));
	else if (parse_amount(&c, str_trim(str_mk(s.p, slash)), &l.amount) != 0)
		rc = -1;
	else
		rc = parse_period(&c, str_trim(str_skip(s, slash + 1)), &l);
	if (rc == 0)
		*out = l;
	return rc;
}

static const char *rate_name(uint32_t seconds)
{
	size_t i = 0;

	while (rates[i].seconds != seconds) {
		i++;
		tg_assert(i < TG_ARRAY_LEN(rates));
	}
	return rates[i].name;
}

/* what stands behind the amount, or in the account's name */
static const char *span_put(const struct quota_limit *l, char out[PERIOD_SPEC_LEN])
{
	if (l->kind == QUOTA_RATE)
		return rate_name(l->rate_s);
	period_spec_put(out, &l->period);
	return out;
}

size_t quota_limit_put(char out[QUOTA_LIMIT_LEN], const struct quota_limit *l)
{
	char number[NUM_U64_MAX_LEN + 3], span[PERIOD_SPEC_LEN];
	int n = (int)num_put_decimal(number, l->amount, l->dim == QUOTA_COST ? NANO_DIGITS : 0);

	tg_assert(l->amount >= 0 && l->amount <= QUOTA_AMOUNT_MAX);
	if (l->kind == QUOTA_GAUGE)
		return (size_t)snprintf(out, QUOTA_LIMIT_LEN, "%.*s", n, number);
	return (size_t)snprintf(out, QUOTA_LIMIT_LEN, "%.*s%s/%s", n, number,
		l->dim == QUOTA_COST ? " usd" : "", span_put(l, span));
}

size_t quota_limit_account(const struct quota_limit *l, struct str scope, const struct period *p,
	char *out, size_t cap)
{
	char span[PERIOD_SPEC_LEN];
	const char *dim = dim_names[l->dim];
	int n;

	if (p != NULL)
		n = snprintf(out, cap, "%.*s/%s/%s", STR_FMT(scope), dim, p->name);
	else if (l->kind == QUOTA_GAUGE)
		n = snprintf(out, cap, "%.*s/%s", STR_FMT(scope), dim);
	else
		n = snprintf(out, cap, "%.*s/%s/%s%s", STR_FMT(scope), dim,
			l->kind == QUOTA_RATE ? "rate/" : "", span_put(l, span));
	return (size_t)n;
}
