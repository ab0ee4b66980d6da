/*
 * quota_text.c: see quota_text.h.
 */
#include "core/quota_text.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

#define NANO INT64_C(1000000000)

size_t quota_amount_put(char out[QUOTA_AMOUNT_LEN], enum quota_dim dim, int64_t v)
{
	int n;

	if (dim != QUOTA_COST)
		return (size_t)snprintf(out, QUOTA_AMOUNT_LEN, "%lld", (long long)v);
	n = snprintf(out, QUOTA_AMOUNT_LEN, "%s%lld.%09lld", v < 0 ? "-" : "",
		(long long)(v < 0 ? -(v / NANO) : v / NANO),
		(long long)(v < 0 ? -(v % NANO) : v % NANO));
	while (out[n - 1] == '0')
		n--;
	return (size_t)(out[n - 1] == '.' ? n - 1 : n);
}

bool quota_is_own(enum quota_scope_kind k)
{
	return k == QUOTA_SCOPE_KEY || k == QUOTA_SCOPE_TENANT;
}

/* ---- one limit */

static void put_amount(struct outbuf *b, const char *name, enum quota_dim dim, int64_t v)
{
	char text[QUOTA_AMOUNT_LEN];
	size_t n = quota_amount_put(text, dim, v);
	const char *quote = dim == QUOTA_COST ? "\"" : "";

	outbuf_printf(b, ",\"%s\":%s%.*s%s", name, quote, (int)n, text, quote);
}

static void put_text(struct outbuf *b, const char *name, struct str text)
{
	outbuf_printf(b, "%s\"%s\":", b->p[b->n - 1] != '{' ? "," : "", name);
	outbuf_json(b, text);
}

static int64_t settled_of(const struct quota_account *a, wall_us now)
{
	return a->kind == QUOTA_ROLLING ? quota_window_settled(a, now) : atomic_load(&a->settled);
}

static int64_t committed_of(const struct quota_account *a, wall_us now)
{
	return a->kind == QUOTA_ROLLING ? quota_window_committed(a, now)
					: atomic_load(&a->committed);
}

/* A rate has neither: it refills. */
static void put_use(struct outbuf *b, const struct quota_account *a, struct quota_time now)
{
	int64_t settled = settled_of(a, now.wall), held = committed_of(a, now.wall) - settled;

	if (a->kind == QUOTA_STOCK || a->kind == QUOTA_ROLLING)
		put_amount(b, "used", a->dim, settled);
	if (a->kind != QUOTA_RATE)
		put_amount(b, "held", a->dim, TG_MAX(held, 0));
	put_amount(b, "free", a->dim, TG_MAX(quota_account_headroom(a, now), 0));
}

void quota_slot_json(struct outbuf *b, const struct quota_slot *s, struct quota_time now)
{
	const struct quota_account *a = atomic_load(&s->now);
	char text[QUOTA_LIMIT_LEN], iso[CLOCK_ISO_LEN];

	outbuf_lit(b, "{");
	put_text(b, "scope", s->scope);
	put_text(b, "dimension", str_z(quota_dim_name(s->limit->dim)));
	put_text(b, "limit", str_mk(text, quota_limit_put(text, s->limit)));
	if (a != NULL) {
		put_text(b, "account", a->name);
		put_use(b, a, now);
	}
	if (a != NULL && a->kind == QUOTA_STOCK && a->end.us != INT64_MAX) {
		clock_iso(iso, a->end);
		put_text(b, "resets", str_mk(iso, CLOCK_ISO_LEN));
	}
	outbuf_lit(b, "}");
}

/* ---- header fields */

struct narrow { /* the limit that leaves the least */
	const struct quota_account *a;
	int64_t free, reset_s;
};

static int64_t reset_seconds(const struct quota_account *a, struct quota_time now)
{
	wall_us opens;
	int64_t us;

	if (a->kind == QUOTA_RATE) { /* when it is full again */
		opens = quota_account_opens(a, atomic_load(&a->granted), now);
		us = opens.us == INT64_MAX ? 0 : opens.us - now.wall.us;
	} else {
		us = a->end.us == INT64_MAX ? 0 : a->end.us - now.wall.us;
	}
	return us <= 0 ? 0 : (us - 1) / 1000000 + 1;
}

static bool is_own_account(const struct quota_account *a)
{
	return str_starts(a->name, STR("key:")) || str_starts(a->name, STR("tenant:"));
}

static struct narrow narrowest(
	struct quota_account *const *account, unsigned n, enum quota_dim dim, struct quota_time now)
{
	struct narrow best = { .a = NULL };

	for (unsigned i = 0; i < n; i++) {
		const struct quota_account *a = account[i];
		int64_t headroom;

		if (a->dim != dim || a->kind == QUOTA_GAUGE || !is_own_account(a))
			continue;
		headroom = TG_MAX(quota_account_headroom(a, now), 0);
		if (best.a == NULL || headroom < best.free)
			best = (struct narrow){ a, headroom, 0 };
	}
	if (best.a != NULL)
		best.reset_s = reset_seconds(best.a, now);
	return best;
}

struct fields {
	char *p;
	size_t n;
	bool full;
};

static void TG_PRINTF(2, 3) put(struct fields *f, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(f->p + f->n, QUOTA_FIELDS_MAX - f->n, fmt, ap);
	va_end(ap);
	f->full |= n < 0 || (size_t)n >= QUOTA_FIELDS_MAX - f->n;
	f->n += f->full ? 0 : (size_t)n;
}

/* Seconds of the window; 0: it has no end, or rolls. */
static int64_t window_s(const struct quota_account *a)
{
	if (a->kind == QUOTA_RATE)
		return a->rate_s;
	return a->kind == QUOTA_ROLLING || a->end.us == INT64_MAX
		       ? 0
		       : (a->end.us - a->start.us) / 1000000;
}

static void put_standard(struct fields *f, const char *dim, const struct narrow *x)
{
	int64_t w = window_s(x->a);

	put(f, "ratelimit-policy: \"%s\";q=%lld", dim, (long long)atomic_load(&x->a->limit));
	if (w > 0)
		put(f, ";w=%lld", (long long)w);
	put(f, "\r\nratelimit: \"%s\";r=%lld", dim, (long long)x->free);
	if (w > 0)
		put(f, ";t=%lld", (long long)x->reset_s);
	put(f, "\r\n");
}

/* As their SDKs and users know them. */
static void put_vendor(
	struct fields *f, const char *dim, const struct narrow *x, bool anthropic, wall_us now)
{
	char iso[CLOCK_ISO_LEN];
	long long limit = (long long)atomic_load(&x->a->limit), left = (long long)x->free;

	if (anthropic) {
		clock_iso(iso, (wall_us){ now.us + x->reset_s * 1000000 });
		put(f,
			"anthropic-ratelimit-%s-limit: %lld\r\nanthropic-ratelimit-%s-remaining: "
			"%lld\r\n",
			dim, limit, dim, left);
		if (window_s(x->a) > 0)
			put(f, "anthropic-ratelimit-%s-reset: %.19sZ\r\n", dim, iso);
	} else {
		put(f, "x-ratelimit-limit-%s: %lld\r\nx-ratelimit-remaining-%s: %lld\r\n", dim,
			limit, dim, left);
		if (window_s(x->a) > 0)
			put(f, "x-ratelimit-reset-%s: %llds\r\n", dim, (long long)x->reset_s);
	}
}

size_t quota_fields_put(char out[QUOTA_FIELDS_MAX], struct quota_account *const *account,
	unsigned n, bool anthropic, struct quota_time now)
{
	static const enum quota_dim dims[] = { QUOTA_REQUESTS, QUOTA_TOKENS };
	struct fields f = { .p = out };

	for (size_t i = 0; i < TG_ARRAY_LEN(dims); i++) {
		struct narrow x = narrowest(account, n, dims[i], now);

		if (x.a == NULL)
			continue;
		put_standard(&f, quota_dim_name(dims[i]), &x);
		put_vendor(&f, quota_dim_name(dims[i]), &x, anthropic, now.wall);
	}
	return f.full ? 0 : f.n;
}
