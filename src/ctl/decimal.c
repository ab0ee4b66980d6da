/*
 * decimal.c: decimals in 128 bits, for the price map's converter. Pure; tgctl.
 */
#include "ctl/decimal.h"

#include <stdlib.h>

#define DIGITS_MAX 30 /* 10^30 < 2^100: room for a product with 2^27 */
#define EXP_MAX    1000

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits and point; leaves the rest in *s. */
static int parse_digits(struct str *s, struct decimal *d)
{
	unsigned n = 0, seen = 0;
	bool point = false;

	for (; s->n > 0; *s = str_skip(*s, 1)) {
		if (s->p[0] == '.' && !point && seen > 0) {
			point = true;
			continue;
		}
		if (!is_digit(s->p[0]))
			break;
		seen++;
		d->exp -= point;
		n += n > 0 || s->p[0] != '0';
		if (n > DIGITS_MAX)
			return -1;
		d->digits = d->digits * 10 + (unsigned)(s->p[0] - '0');
	}
	return seen > 0 && !(point && !is_digit(s->p[-1])) ? 0 : -1;
}

static int parse_exp(struct str s, struct decimal *d)
{
	bool minus;
	int e = 0;

	if (s.n < 2 || (s.p[0] != 'e' && s.p[0] != 'E'))
		return -1;
	s = str_skip(s, 1);
	minus = s.p[0] == '-';
	if (s.p[0] == '-' || s.p[0] == '+')
		s = str_skip(s, 1);
	if (s.n == 0)
		return -1;
	for (; s.n > 0; s = str_skip(s, 1)) {
		if (!is_digit(s.p[0]) || e > EXP_MAX)
			return -1;
		e = e * 10 + s.p[0] - '0';
	}
	d->exp += minus ? -e : e;
	return 0;
}

int decimal_parse(struct str s, struct decimal *out)
{
	struct decimal d = { 0, 0 };

	if (parse_digits(&s, &d) != 0 || (s.n > 0 && parse_exp(s, &d) != 0))
		return -1;
	*out = d;
	return 0;
}

bool decimal_is_zero(struct decimal d)
{
	return d.digits == 0;
}

int decimal_mul(struct decimal d, uint64_t by, struct decimal *out)
{
	unsigned __int128 v;

	if (__builtin_mul_overflow(d.digits, (unsigned __int128)by, &v))
		return -1;
	*out = (struct decimal){ v, d.exp };
	return 0;
}

static struct decimal without_zeros(struct decimal d)
{
	while (d.digits != 0 && d.digits % 10 == 0) {
		d.digits /= 10;
		d.exp++;
	}
	return d;
}

unsigned decimal_precision(struct decimal d)
{
	unsigned n = 0;

	for (d = without_zeros(d); d.digits != 0; d.digits /= 10)
		n++;
	return n;
}

struct decimal decimal_round(struct decimal d, unsigned n)
{
	unsigned have = 0;
	unsigned __int128 rest = 0;

	for (unsigned __int128 v = d.digits; v != 0; v /= 10)
		have++;
	for (; have > n; have--) {
		rest = d.digits % 10;
		d.digits /= 10;
		d.exp++;
	}
	d.digits += rest >= 5;
	return without_zeros(d);
}

int decimal_scaled_up(struct decimal d, int scale, int64_t *out, bool *rounded)
{
	int e = d.exp + scale;

	d = without_zeros(d);
	e = d.exp + scale;
	*rounded = false;
	if (d.digits == 0) {
		*out = 0;
		return 0;
	}
	for (; e > 0; e--) {
		if (d.digits > INT64_MAX / 10)
			return -1;
		d.digits *= 10;
	}
	for (; e < 0 && d.digits > 1; e++) {
		*rounded |= d.digits % 10 != 0;
		d.digits = d.digits / 10 + (d.digits % 10 != 0);
	}
	*rounded |= e < 0; /* a one, still too small */
	if (d.digits > INT64_MAX)
		return -1;
	*out = (int64_t)d.digits;
	return 0;
}

char *decimal_quote_numbers(struct str json, size_t *len)
{
	/* each number grows by two quotes, and none is shorter than one character */
	char *out = malloc(3 * json.n + 1), *p = out;
	bool string = false, number = false;

	tg_assert(out != NULL);
	for (size_t i = 0; i < json.n; i++) {
		char c = json.p[i];
		bool part = is_digit(c) || c == '-' || (number && memchr("+.eE", c, 4) != NULL);

		if (!string && part != number) {
			*p++ = '"';
			number = part;
		}
		*p++ = c;
		if (string && c == '\\' && i + 1 < json.n)
			*p++ = json.p[++i];
		else if (c == '"')
			string = !string;
	}
	if (number)
		*p++ = '"';
	*p = '\0';
	*len = (size_t)(p - out);
	return out;
}
