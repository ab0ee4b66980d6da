/*
 * hold_mode.c: see hold_mode.h.
 */
#include "core/hold_mode.h"

#include "base/num.h"
#include "core/plan.h"
#include "core/req.h"

const char *const hold_mode_words[] = { [HOLD_FULL] = "full",
	[HOLD_INCREMENTAL] = "incremental",
	[HOLD_EXPECTED] = "expected",
	[HOLD_POST] = "post",
	NULL };

bool hold_model_thinks(struct str model)
{
	size_t slash;

	while ((slash = str_chr(model, '/')) != (size_t)-1)
		model = str_skip(model, slash + 1);
	return str_starts(model, STR("gpt-5")) ||
	       (model.n >= 2 && model.p[0] == 'o' && model.p[1] >= '1' && model.p[1] <= '9');
}

static bool makes_text(enum meter_api api)
{
	return api == METER_OPENAI_CHAT || api == METER_OPENAI_COMPLETIONS ||
	       api == METER_OPENAI_RESPONSES || api == METER_ANTHROPIC_MESSAGES;
}

/* Does more come than the client's text: reasoning that is not shown, what tools bring? */
static bool is_hidden(const struct req *r)
{
	const struct bound *b = &r->bound;

	return b->thinks || hold_model_thinks(r->leg.route->model) || b->audio_out ||
	       b->builtin_tools > 0 || b->web_search || (b->open && !b->refers);
}

/* Is everything that is paid for seen as it comes, and can it be ended at any moment? */
static bool can_cut(const struct req *r)
{
	return r->stream && makes_text(r->ep.ep->meter) && r->bound.n <= 1 && !is_hidden(r) &&
	       r->leg.bound.n[USAGE_OUT] > HOLD_SLICE && leg_abort_policy(r) != ABORT_DRAIN;
}

static enum hold_mode mode_of(const struct req *r)
{
	const struct cfg_tier *tier = r->tenant != NULL ? r->tenant->tier_cfg : NULL;
	enum hold_mode mode = tier != NULL ? (enum hold_mode)tier->hold : HOLD_FULL;

	return mode == HOLD_INCREMENTAL && !can_cut(r) ? HOLD_FULL : mode;
}

void hold_begin(struct req *r)
{
	struct leg *l = &r->leg;

	l->most_output = l->bound.n[USAGE_OUT];
	l->most_contracted = l->bound_money.contracted;
	l->most_billed = l->bound_money.billed;
	l->mode = mode_of(r);
	if (l->mode == HOLD_INCREMENTAL)
		leg_hold_output(r, HOLD_SLICE);
}

void hold_estimate(const struct req *r, struct usage *u, pico_usd *billed)
{
	const struct leg *l = &r->leg;
	uint64_t n = TG_MAX(r->bound.n, (uint64_t)1);
	struct usage likely;

	*u = l->bound;
	if (!r->bound.refers && !r->bound.form) {
		bound_estimate(&r->bound, leg_api(r), l->route->ratio, &likely);
		for (unsigned b = 0; b < USAGE_FIRST_OUTPUT; b++)
			u->n[b] = TG_MIN(u->n[b], likely.n[b]);
	}
	if (makes_text(r->ep.ep->meter))
		u->n[USAGE_OUT] = TG_MIN(
			u->n[USAGE_OUT], est_length(l->route->ratio, u->n[USAGE_OUT] / n) * n);
	*billed = leg_most_billed(r, u);
}
