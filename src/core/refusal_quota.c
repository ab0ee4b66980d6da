/*
 * refusal_quota.c: see refusal_quota.h. A limit of the key or the tenant is told with its figures;
 * of what is above them (org, budget) only that it is used up.
 */
#include "core/refusal_quota.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "core/plan.h"
#include "core/quota_text.h"
#include "core/reply.h"
#include "core/req.h"

#define FIELDS_MAX 768

/* "tenant:acme/cost/month/2026-11": whose, and what of it */
struct quota_name {
	struct str kind, scope, rest;
};

static struct quota_name name_of(const struct quota_account *a)
{
	const char *colon = memchr(a->name.p, ':', a->name.n),
		   *slash = memchr(a->name.p, '/', a->name.n);
	struct quota_name n = { .rest = a->name };

	if (colon == NULL || slash == NULL || slash < colon)
		return n;
	n.kind = str_mk(a->name.p, (size_t)(colon - a->name.p));
	n.scope = str_mk(colon + 1, (size_t)(slash - colon - 1));
	n.rest = str_skip(a->name, (size_t)(slash - a->name.p) + 1);
	return n;
}

/* "12.5 usd" or "12". */
static void put_amount(char out[QUOTA_AMOUNT_LEN + 8], enum quota_dim dim, int64_t v)
{
	size_t n = quota_amount_put(out, dim, v);

	snprintf(out + n, 8, "%s", dim == QUOTA_COST ? " usd" : "");
}

static int64_t taken(const struct req *r, enum quota_dim dim, const struct usage *u)
{
	uint64_t in = dim == QUOTA_TOKENS ? usage_input(u) : 0;

	if (dim == QUOTA_COST)
		return leg_bound_billed(r, u);
	return (int64_t)TG_MIN(num_sum_u64(in, usage_output(u)), (uint64_t)INT64_MAX);
}

int64_t refusal_affordable(const struct req *r, enum quota_dim dim, int64_t headroom)
{
	struct usage u = r->leg.bound;
	uint64_t *out = &u.n[r->bound.audio_out ? USAGE_OUT_AUDIO : USAGE_OUT];
	uint64_t choices = TG_MAX(r->bound.n, (uint64_t)1), low = 0, high = *out / choices;

	if (high == 0 || r->bound.form)
		return -1;
	if (dim != QUOTA_TOKENS && dim != QUOTA_OUTPUT_TOKENS &&
		(dim != QUOTA_COST || r->leg.price == NULL))
		return -1;
	while (low < high) { /* the most whose bound fits */
		uint64_t mid = high - (high - low) / 2;

		*out = mid * choices;
		if (taken(r, dim, &u) <= headroom)
			low = mid;
		else
			high = mid - 1;
	}
	return (int64_t)TG_MIN(low, (uint64_t)INT64_MAX);
}

static uint64_t seconds_until(wall_us now, wall_us then)
{
	int64_t us = then.us - now.us;

	return us <= 0 ? 1 : (uint64_t)((us - 1) / 1000000 + 1);
}

static struct str fields(struct req *r, const struct quota_denied *d, const struct quota_name *n)
{
	char *out = arena_alloc(&r->arena, FIELDS_MAX);
	char when[CLOCK_ISO_LEN + 1] = "";
	int64_t fit = refusal_affordable(r, d->account->dim, d->headroom);
	size_t at = 0;

	if (out == NULL)
		return STR_NONE;
#define PUT(...) at += (size_t)snprintf(out + at, FIELDS_MAX - at, __VA_ARGS__)
	if (quota_is_own(d->account))
		PUT("x-tollgate-denied-by: %.*s\r\n", STR_FMT(d->account->name));
	else
		PUT("x-tollgate-denied-by: %.*s/%s\r\n", STR_FMT(n->kind),
			quota_dim_name(d->account->dim));
	if (d->opens.us != INT64_MAX && d->result != QUOTA_BUSY) {
		clock_iso(when, d->opens);
		PUT("x-tollgate-reset: %.*s\r\n", CLOCK_ISO_LEN, when);
	}
	if (fit >= 0 && quota_is_own(d->account))
		PUT("x-tollgate-max-affordable-tokens: %lld\r\n", (long long)fit);
	if (d->result == QUOTA_TOO_FAST || d->result == QUOTA_BUSY)
		PUT("retry-after: %llu\r\n",
			(unsigned long long)(d->result == QUOTA_BUSY
						     ? 1
						     : seconds_until(r->w->wall, d->opens)));
	else
		PUT("x-should-retry: false\r\n");
#undef PUT
	return str_mk(out, TG_MIN(at, (size_t)FIELDS_MAX - 1));
}

static enum tg_error error_of(const struct quota_denied *d)
{
	if (d->result == QUOTA_BUSY)
		return TG_E_RATE_REQUESTS;
	if (d->account->kind != QUOTA_RATE)
		return TG_E_INSUFFICIENT_QUOTA;
	return d->account->dim == QUOTA_REQUESTS ? TG_E_RATE_REQUESTS : TG_E_RATE_TOKENS;
}

static void message(char out[360], const struct quota_denied *d, const struct quota_name *n)
{
	char limit[QUOTA_AMOUNT_LEN + 8], asked[QUOTA_AMOUNT_LEN + 8], free_[QUOTA_AMOUNT_LEN + 8],
		when[CLOCK_ISO_LEN + 1] = "", opens[96] = "";
	const char *dim = quota_dim_name(d->account->dim);

	put_amount(limit, d->account->dim, atomic_load(&d->account->limit));
	put_amount(asked, d->account->dim, d->asked);
	put_amount(free_, d->account->dim, TG_MAX(d->headroom, 0));
	if (d->opens.us != INT64_MAX && d->result != QUOTA_BUSY) {
		clock_iso(when, d->opens);
		snprintf(opens, sizeof opens, " It opens again at %.19sZ.", when);
	}
	if (!quota_is_own(d->account) && d->result == QUOTA_NEVER)
		snprintf(out, 360,
			"This request may take more %s than a whole limit above this tenant (%.*s) "
			"has.",
			d->account->dim == QUOTA_COST ? "money" : dim, STR_FMT(n->kind));
	else if (!quota_is_own(d->account))
		snprintf(out, 360, "A limit on %s above this tenant (%.*s) is used up.%s", dim,
			STR_FMT(n->kind), opens);
	else if (d->result == QUOTA_BUSY)
		snprintf(out, 360, "The %.*s '%.*s' may have %s requests at a time, and has.",
			STR_FMT(n->kind), STR_FMT(n->scope), limit);
	else if (d->result == QUOTA_NEVER)
		snprintf(out, 360,
			"This request may take %s of %s, more than the whole limit of %.*s '%.*s': "
			"%s "
			"(%.*s).",
			asked, dim, STR_FMT(n->kind), STR_FMT(n->scope), limit, STR_FMT(n->rest));
	else
		snprintf(out, 360,
			"The limit of %.*s '%.*s' on %s is %s (%.*s), %s of it is free, and this "
			"request may take %s.%s",
			STR_FMT(n->kind), STR_FMT(n->scope), dim, limit, STR_FMT(n->rest), free_,
			asked, opens);
}

/* Nobody was asked where an account is missing; who was, and has no reason now, was too late. */
static enum quota_unsure why_unknown(const struct quota_denied *d)
{
	if (d->account == NULL)
		return QUOTA_UNSURE_ACCOUNT;
	return d->why != QUOTA_SURE ? d->why : QUOTA_UNSURE_LATE;
}

static enum step_rc unknown(struct req *r, const struct quota_denied *d)
{
	enum quota_unsure why = why_unknown(d);
	char text[96];

	snprintf(text, sizeof text, "retry-after: 1\r\nx-tollgate-unavailable: %.*s\r\n",
		STR_FMT(quota_unsure_word(why)));
	r->reply_fields = arena_dup(&r->arena, str_z(text));
	wc_add(&r->w->stats, wc_quota_unavailable(why), 1);
	return reply_error(r, TG_E_QUOTA_UNAVAILABLE, NULL);
}

enum step_rc refusal_quota(struct req *r, enum quota_admitted how, const struct quota_denied *d)
{
	struct quota_name n;
	char text[360];

	if (how == QUOTA_TOO_DEAR)
		return ceiling_refuse(r);
	tg_assert(how != QUOTA_ADMITTED && how != QUOTA_PARKED);
	if (how == QUOTA_UNKNOWN)
		return unknown(r, d);
	n = name_of(d->account);
	message(text, d, &n);
	r->reply_fields = fields(r, d, &n);
	r->denied = arena_dup(&r->arena, d->account->name);
	wc_add(&r->w->stats, WC_QUOTA_DENIED, 1);
	return reply_error(r, error_of(d), "%s", text);
}
