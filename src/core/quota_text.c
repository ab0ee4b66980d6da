/*
 * quota_text.c: see quota_text.h.
 */
#include "core/quota_text.h"

#include "base/clock.h"
#include "base/num.h"
#include "proto/http1_out.h"
#include "quota/lease.h"

#define NANO_DIGITS 9

size_t quota_amount_put(char out[QUOTA_AMOUNT_LEN], enum quota_dim dim, int64_t v)
{
	return num_put_decimal(out, v, dim == QUOTA_COST ? NANO_DIGITS : 0);
}

bool quota_is_own(const struct quota_account *a)
{
	static const struct str own[] = { { "key:", 4 }, { "tenant:", 7 }, { "session", 7 },
		{ "end_user", 8 } };

	for (size_t i = 0; i < TG_ARRAY_LEN(own); i++)
		if (str_starts(a->name, own[i]))
			return true;
	return false;
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

/* Of a limit that others share: what all have left of it, as far as is known here. */
static int64_t free_of(const struct quota_account *a, struct quota_time now)
{
	int64_t free;

	if (!quota_account_leased(a))
		return TG_MAX(quota_account_headroom(a, now), 0);
	free = atomic_load(&a->limit) - atomic_load(&a->others) - atomic_load(&a->committed);
	return TG_MAX(free, 0);
}

/* A rate has neither: it refills. */
static void put_use(struct outbuf *b, const struct quota_account *a, struct quota_time now)
{
	int64_t settled = settled_of(a, now.wall), held = committed_of(a, now.wall) - settled;

	if (a->kind == QUOTA_STOCK || a->kind == QUOTA_ROLLING)
		put_amount(b, "used", a->dim, settled + atomic_load(&a->others));
	if (a->kind != QUOTA_RATE)
		put_amount(b, "held", a->dim, TG_MAX(held, 0));
	if (atomic_load(&a->over) > 0)
		put_amount(b, "over", a->dim, atomic_load(&a->over));
	put_amount(b, "free", a->dim, free_of(a, now));
}

/* Control thread: what this member has of it, and what all have. */
static void put_lease(struct outbuf *b, const struct quota_account *a)
{
	int64_t settled = atomic_load(&a->settled);
	struct lease_info i;

	lease_look(a->lease, &i);
	outbuf_lit(b, ",\"shared\":{\"known\":");
	outbuf_printf(b, "%s", atomic_load(&a->unsure) != QUOTA_SURE ? "false" : "true");
	put_amount(b, "granted", a->dim, i.g);
	put_amount(b, "settled", a->dim, settled);
	put_amount(b, "all_granted", a->dim, i.sum_g);
	put_amount(b, "all_settled", a->dim, settled + atomic_load(&a->others));
	outbuf_lit(b, "}");
}

struct str quota_slot_source(const struct quota_slot *s)
{
	static const struct str names[] = {
		[QUOTA_SOURCE_LIMIT] = { "limit", 5 },
		[QUOTA_SOURCE_RESERVED] = { "reserved", 8 },
		[QUOTA_SOURCE_CREDIT] = { "credit", 6 },
		[QUOTA_SOURCE_OVERDRAFT] = { "overdraft", 9 },
	};

	return names[s->source];
}

static wall_us until_of(const struct quota_slot *s, const struct quota_account *a)
{
	return quota_slot_is_fixed(s) ? s->until : a->end;
}

void quota_slot_json(
	struct outbuf *b, const struct quota_slot *s, struct quota_time now, bool shares)
{
	const struct quota_account *a = atomic_load(&s->now);
	char text[QUOTA_LIMIT_LEN], iso[CLOCK_ISO_LEN];
	wall_us until = { atomic_load(&s->raised_until_us) };
	struct quota_limit l = *s->limit;

	outbuf_lit(b, "{");
	put_text(b, "scope", s->scope);
	put_text(b, "dimension", str_z(quota_dim_name(s->limit->dim)));
	l.amount = atomic_load(&s->whole);
	put_text(b, "limit", str_mk(text, quota_limit_put(text, &l)));
	if (l.amount != s->limit->amount)
		put_text(b, "configured", str_mk(text, quota_limit_put(text, s->limit)));
	if (until.us != INT64_MAX) {
		clock_iso(iso, until);
		put_text(b, "increased_until", str_mk(iso, CLOCK_ISO_LEN));
	}
	if (a != NULL) {
		put_text(b, "account", a->name);
		put_use(b, a, now);
	}
	if (a != NULL && a->kind == QUOTA_STOCK && until_of(s, a).us != INT64_MAX) {
		clock_iso(iso, until_of(s, a));
		put_text(b, quota_slot_is_fixed(s) ? "expires" : "resets",
			str_mk(iso, CLOCK_ISO_LEN));
	}
	if (s->source != QUOTA_SOURCE_LIMIT)
		put_text(b, "source", quota_slot_source(s));
	if (shares && a != NULL && a->lease != NULL)
		put_lease(b, a);
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

static struct narrow narrowest(
	struct quota_account *const *account, unsigned n, enum quota_dim dim, struct quota_time now)
{
	struct narrow best = { .a = NULL };

	for (unsigned i = 0; i < n; i++) {
		const struct quota_account *a = account[i];
		int64_t headroom;

		if (a->dim != dim || a->kind == QUOTA_GAUGE || !quota_is_own(a))
			continue;
		headroom = free_of(a, now);
		if (best.a == NULL || headroom < best.free)
			best = (struct narrow){ a, headroom, 0 };
	}
	if (best.a != NULL)
		best.reset_s = reset_seconds(best.a, now);
	return best;
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

/* "ratelimit: \"requests\";r=9;t=43200" */
static void put_standard(struct http_out *o, struct str dim, const struct narrow *x)
{
	int64_t w = window_s(x->a);

	http_out_lit(o, "ratelimit-policy: \"");
	http_out_str(o, dim);
	http_out_lit(o, "\";q=");
	http_out_u64(o, (uint64_t)atomic_load(&x->a->limit));
	if (w > 0) {
		http_out_lit(o, ";w=");
		http_out_u64(o, (uint64_t)w);
	}
	http_out_lit(o, "\r\nratelimit: \"");
	http_out_str(o, dim);
	http_out_lit(o, "\";r=");
	http_out_u64(o, (uint64_t)x->free);
	if (w > 0) {
		http_out_lit(o, ";t=");
		http_out_u64(o, (uint64_t)x->reset_s);
	}
	http_out_lit(o, "\r\n");
}

/* "x-ratelimit-limit-" "requests" "" ": 10" */
static void put_number(
	struct http_out *o, struct str before, struct str dim, struct str after, int64_t v)
{
	http_out_str(o, before);
	http_out_str(o, dim);
	http_out_str(o, after);
	http_out_lit(o, ": ");
	http_out_u64(o, (uint64_t)v);
}

/* As their SDKs and users know them: OpenAI's, in seconds; */
static void put_openai(struct http_out *o, struct str dim, const struct narrow *x)
{
	put_number(o, STR("x-ratelimit-limit-"), dim, STR_NONE, atomic_load(&x->a->limit));
	put_number(o, STR("\r\nx-ratelimit-remaining-"), dim, STR_NONE, x->free);
	if (window_s(x->a) > 0) {
		put_number(o, STR("\r\nx-ratelimit-reset-"), dim, STR_NONE, x->reset_s);
		http_out_lit(o, "s");
	}
	http_out_lit(o, "\r\n");
}

/* Anthropic's, as a time (RFC 3339). */
static void put_anthropic(struct http_out *o, struct str dim, const struct narrow *x, wall_us now)
{
	static const struct str before = { "anthropic-ratelimit-", 20 };
	char iso[CLOCK_ISO_LEN];

	put_number(o, before, dim, STR("-limit"), atomic_load(&x->a->limit));
	http_out_lit(o, "\r\n");
	put_number(o, before, dim, STR("-remaining"), x->free);
	http_out_lit(o, "\r\n");
	if (window_s(x->a) == 0)
		return;
	clock_iso(iso, (wall_us){ now.us + x->reset_s * 1000000 });
	http_out_str(o, before);
	http_out_str(o, dim);
	http_out_lit(o, "-reset: ");
	http_out_str(o, str_mk(iso, sizeof("2026-11-28T00:00:00") - 1));
	http_out_lit(o, "Z\r\n");
}

size_t quota_fields_put(char out[QUOTA_FIELDS_MAX], struct quota_account *const *account,
	unsigned n, bool anthropic, struct quota_time now)
{
	static const enum quota_dim dims[] = { QUOTA_REQUESTS, QUOTA_TOKENS };
	struct http_out o;

	http_out_init(&o, out, QUOTA_FIELDS_MAX);
	for (size_t i = 0; i < TG_ARRAY_LEN(dims); i++) {
		struct narrow x = narrowest(account, n, dims[i], now);
		struct str dim = str_z(quota_dim_name(dims[i]));

		if (x.a == NULL)
			continue;
		put_standard(&o, dim, &x);
		if (anthropic)
			put_anthropic(&o, dim, &x, now.wall);
		else
			put_openai(&o, dim, &x);
	}
	return http_out_ok(&o) ? o.n : 0;
}
