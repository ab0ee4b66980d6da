/*
 * usage_cost.c: costs as providers report them. Owns nothing; any thread.
 */
#include "providers/usage_cost.h"

#define PICO_DIGITS  12  /* of a USD, behind its point */
#define MAX_EXPONENT 400 /* beyond any double's */

struct decimal { /* digits with a point somewhere, and an exponent */
	struct str whole, part;
	int exponent;
};

static struct str take_digits(struct str *s)
{
	size_t n = 0;

	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	*s = str_skip(*s, n);
	return str_mk(s->p - n, n);
}

static int take_exponent(struct str *s, int *exponent)
{
	struct str digits;
	bool minus;
	int e = 0;

	*s = str_skip(*s, 1);
	minus = s->n > 0 && *s->p == '-';
	if (s->n > 0 && (*s->p == '-' || *s->p == '+'))
		*s = str_skip(*s, 1);
	digits = take_digits(s);
	if (digits.n == 0)
		return -1;
	for (size_t i = 0; i < digits.n; i++)
		e = TG_MIN(e * 10 + (digits.p[i] - '0'), MAX_EXPONENT);
	*exponent = minus ? -e : e;
	return 0;
}

static int decimal_read(struct str s, struct decimal *d)
{
	*d = (struct decimal){ .whole = take_digits(&s) };
	if (d->whole.n == 0)
		return -1;
	if (s.n > 0 && *s.p == '.') {
		s = str_skip(s, 1);
		d->part = take_digits(&s);
		if (d->part.n == 0)
			return -1;
	}
	if (s.n > 0 && (*s.p | 0x20) == 'e' && take_exponent(&s, &d->exponent) != 0)
		return -1;
	return s.n == 0 ? 0 : -1;
}

/* One more digit behind *v. */
static int shift_in(pico_usd *v, int digit)
{
	return __builtin_mul_overflow(*v, (pico_usd)10, v) ||
			       __builtin_add_overflow(*v, (pico_usd)digit, v)
		       ? -1
		       : 0;
}

int usage_cost_usd(struct str number, pico_usd *out)
{
	struct decimal d;
	pico_usd v = 0;
	int64_t power; /* of ten, in pico-USD, of the digit that comes */
	bool rest = false;

	if (decimal_read(number, &d) != 0)
		return -1;
	power = (int64_t)d.whole.n - 1 + d.exponent + PICO_DIGITS;
	for (size_t i = 0; i < d.whole.n + d.part.n; i++, power--) {
		int digit = (i < d.whole.n ? d.whole.p[i] : d.part.p[i - d.whole.n]) - '0';

		if (power < 0)
			rest |= digit != 0;
		else if (shift_in(&v, digit) != 0)
			return -1;
	}
	for (; power >= 0 && v != 0; power--)
		if (shift_in(&v, 0) != 0)
			return -1;
	if (rest && __builtin_add_overflow(v, (pico_usd)1, &v))
		return -1;
	*out = v;
	return 0;
}

/* A number of USD below `key` of an object. */
static int member_usd(const struct json_val *object, struct str key, pico_usd *out)
{
	struct json_watch w = { key, { .type = JSON_NONE } };
	struct json_fail fail;

	if (object->type != JSON_OBJECT || json_scan_member(object, &w, 1, &fail) != 0 ||
		w.val.type != JSON_NUMBER)
		return -1;
	return usage_cost_usd(w.val.raw, out);
}

bool usage_cost_read(const struct usage_cost_in *in, pico_usd *out)
{
	pico_usd cost = 0, upstream;
	uint64_t ticks;

	if (json_get_u64(in->ticks, &ticks) == 0) {
		if (ticks > INT64_MAX / USAGE_COST_TICK)
			return false;
		*out = (pico_usd)ticks * USAGE_COST_TICK;
		return true;
	}
	if (in->cost->type == JSON_OBJECT)
		return member_usd(in->cost, STR("total_cost"), out) == 0;
	if (in->cost->type != JSON_NUMBER || usage_cost_usd(in->cost->raw, &cost) != 0)
		return false;
	if (json_true(in->byok)) {
		if (member_usd(in->details, STR("upstream_inference_cost"), &upstream) != 0 ||
			money_add(&cost, upstream) != 0)
			return false;
	}
	*out = cost;
	return true;
}
