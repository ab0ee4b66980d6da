/*
 * ceiling.c: see ceiling.h.
 */
#include "core/ceiling.h"

#include <stdio.h>

#include "core/plan.h"
#include "core/refusal_quota.h"
#include "core/reply.h"
#include "core/req.h"
#include "core/upload.h"

#define TEXT_MAX 512

void ceiling_lower(struct ceiling *c, enum ceiling_whose whose, pico_usd stated)
{
	if (stated > 0 && (c->whose == CEILING_NONE || stated < c->pico))
		*c = (struct ceiling){ .whose = whose, .pico = stated };
}

static enum step_rc ceiling_malformed(struct req *r, struct str v)
{
	return reply_error(r, TG_E_INVALID_MAX_COST,
		"x-tollgate-max-cost: '%.*s' is not an amount in USD, such as 0.05, given once and "
		"with at most 12 decimal places.",
		(int)TG_MIN(v.n, (size_t)64), v.p);
}

enum step_rc ceiling_of_request(struct req *r)
{
	const struct http_head *h = &r->head;
	struct str v = http_get(h, HTTP_N_X_TOLLGATE_MAX_COST);
	unsigned first = h->first[HTTP_N_X_TOLLGATE_MAX_COST];
	pico_usd own;

	r->ceiling = r->key->ceiling;
	if (first == 0)
		return STEP_NEXT;
	for (unsigned i = first; i < h->n_fields; i++) /* two lines: which one is meant? */
		if (h->field[i].id == HTTP_N_X_TOLLGATE_MAX_COST)
			return ceiling_malformed(r, http_field_value(h, i));
	if (money_parse_usd(v, &own) != 0)
		return ceiling_malformed(r, v);
	if (r->ceiling.whose == CEILING_NONE || own < r->ceiling.pico) /* 0: only what is free */
		r->ceiling = (struct ceiling){ .whose = CEILING_REQUEST, .pico = own };
	return STEP_NEXT;
}

static pico_usd sum(pico_usd a, pico_usd b)
{
	return money_add(&a, b) == 0 ? a : INT64_MAX;
}

/* A form whose model is still to come has no price yet: it is asked again when that is known. */
static bool to_come(const struct req *r)
{
	return r->model == NULL && r->upload != NULL && !r->upload->model_known;
}

bool ceiling_fits(const struct req *r)
{
	if (r->ceiling.whose == CEILING_NONE || to_come(r))
		return true;
	return sum(r->spent.billed, r->leg.most_billed) <= r->ceiling.pico;
}

pico_usd ceiling_bound(struct req *r, const struct route_target *t)
{
	const struct route_target *route = r->route;
	struct leg over;
	pico_usd cost;

	if (r->leg.no > 0)
		leg_charge(r, SETTLE_BY_PROVIDER);
	over = r->leg;
	r->route = t;
	leg_begin(r);
	cost = sum(sum(r->spent.billed, over.money.billed), r->leg.most_billed);
	r->leg = over;
	r->route = route;
	return cost;
}

bool ceiling_would_fit(struct req *r, const struct route_target *t)
{
	return r->ceiling.whose == CEILING_NONE || ceiling_bound(r, t) <= r->ceiling.pico;
}

static const char *ceiling_text(const struct req *r)
{
	static const char *const whose[] = { [CEILING_NONE] = "",
		[CEILING_REQUEST] = "that it sets itself (x-tollgate-max-cost)",
		[CEILING_KEY] = "of its key",
		[CEILING_TENANT] = "of its tenant",
		[CEILING_TIER] = "of its tier",
		[CEILING_ROUTE] = "of its route" };

	return whose[r->ceiling.whose];
}

void ceiling_say(struct req *r)
{
	pico_usd left = r->ceiling.pico - TG_MIN(r->spent.billed, r->ceiling.pico);
	int64_t fit = refusal_affordable(r, QUOTA_COST, left / PICO_PER_NANO);
	char most[MONEY_USD_LEN], asked[MONEY_USD_LEN], fits[96] = "", fields[96];
	char *text = arena_alloc(&r->arena, TEXT_MAX);
	size_t n = money_put_usd(most, r->ceiling.pico),
	       k = money_put_usd(asked, sum(r->spent.billed, r->leg.most_billed));

	if (fit > 0)
		snprintf(fits, sizeof fits, " With a max_tokens of %lld it would fit.",
			(long long)fit);
	if (fit >= 0) {
		snprintf(fields, sizeof fields, "x-tollgate-max-affordable-tokens: %lld\r\n",
			(long long)fit);
		r->reply_fields = arena_dup(&r->arena, str_z(fields));
	}
	r->ceiling.text = text;
	if (text != NULL)
		snprintf(text, TEXT_MAX,
			"This request may cost up to %.*s usd at target '%.*s', and the ceiling "
			"%s is %.*s usd.%s",
			(int)k, asked, (int)TG_MIN(r->leg.route->target->name.n, (size_t)128),
			r->leg.route->target->name.p, ceiling_text(r), (int)n, most, fits);
}

enum step_rc ceiling_refuse(struct req *r)
{
	if (r->ceiling.text == NULL)
		return reply_error(r, TG_E_COST_CEILING, NULL);
	return reply_error(r, TG_E_COST_CEILING, "%s", r->ceiling.text);
}
