/*
 * limit.h: limits as a configuration states them, text <-> struct quota_limit. Pure functions.
 *
 *	limit       = money "/" period / count "/" (period / rate) / count   ; the last: concurrency
 *	money       = digits ["." digits] " usd"                              ; up to 9 behind the
 *point period      = "hour" / "day" / "week" ["@" weekday] / "month" ["@" day] / "quarter" ["@"
 *day] / "year" ["@" day] / "lifetime" / digits "h" / digits "d" ; the last two roll rate        =
 *"s" / "second" / "m" / "min" / "minute" / "h" / "hour"
 *
 * A period holds a stock: what is spent is gone until the next one. A rate refills all the time,
 * with the amount as burst; only requests and tokens have rates, and for them an hour is one.
 */
#ifndef TG_QUOTA_LIMIT_H
#define TG_QUOTA_LIMIT_H

#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"
#include "quota/period.h"

enum quota_dim {
#define X(id, name, what) QUOTA_##id,
#include "quota/tbl/dims.h"
#undef X
	QUOTA_DIM__MAX
};
_Static_assert(QUOTA_DIM__MAX <= 8, "an account's id has 3 bits for it");

enum quota_kind {
	QUOTA_STOCK,   /* an amount a calendar period */
	QUOTA_ROLLING, /* an amount in any n hours or days */
	QUOTA_RATE,    /* an amount a second, minute or hour, refilling (GCRA) */
	QUOTA_GAUGE,   /* so many at a time */
};

/*
 * The largest limit, and the largest amount of one request: nano-USD (50 million USD), tokens,
 * requests. QUOTA_THREADS threads that all add such an amount to a full account at once stay
 * within 63 bits.
 */
#define QUOTA_AMOUNT_MAX INT64_C(50000000000000000)
#define QUOTA_THREADS    128
_Static_assert(INT64_MAX / QUOTA_AMOUNT_MAX >= QUOTA_THREADS + 2, "sums would wrap");

struct quota_limit {
	enum quota_dim dim;
	enum quota_kind kind;
	int64_t amount;            /* nano-USD for cost, otherwise a number */
	struct period_spec period; /* stock, rolling */
	uint32_t rate_s;           /* rate: 1, 60 or 3600 seconds for the amount */
};

const char *quota_dim_name(enum quota_dim d);
/* QUOTA_DIM__MAX: there is no such. */
enum quota_dim quota_dim_find(struct str name);

/* -1: err says what is wrong and what would be right. */
int quota_limit_parse(enum quota_dim dim, struct str text, struct quota_limit *out, char *err,
	size_t err_size) TG_MUST_CHECK;

/* Do both lead to the same account of a scope? Amounts may differ. */
static inline bool quota_limit_same(const struct quota_limit *a, const struct quota_limit *b)
{
	return a->dim == b->dim && a->kind == b->kind && a->rate_s == b->rate_s &&
	       a->period.unit == b->period.unit && a->period.anchor == b->period.anchor &&
	       a->period.n == b->period.n;
}

#define QUOTA_LIMIT_LEN 64
/* The canonical text, which parses to the same limit. Returns its length without the NUL. */
size_t quota_limit_put(char out[QUOTA_LIMIT_LEN], const struct quota_limit *l);

/*
 * The name of a scope's account: "tenant:acme/cost/month/2026-11" (the period is p, or a bucket),
 * "tenant:acme/requests/30d" for a rolling window (p NULL), "tenant:acme/tokens/rate/min",
 * "tenant:acme/concurrency". Nothing of the amount is in it: a limit that is changed keeps what was
 * spent. Returns the length without the NUL; cap or more: it was cut.
 */
size_t quota_limit_account(const struct quota_limit *l, struct str scope, const struct period *p,
	char *out, size_t cap);

#endif
