/*
 * choice.c: see choice.h.
 *
 *	rows: filter -> terms       one pass over the model's routes
 *	level: the rows with the least against them
 *	pick: a probe that is due | what sticks | by score, or by weight
 */
#include "core/choice.h"

#include "core/bound.h"
#include "core/capable.h"
#include "core/health.h"
#include "core/provider.h"
#include "core/req.h"
#include "core/spots.h"
#include "money/estimate.h"

#define SOFT_CAPACITY    64    /* where the target's is not configured */
#define TIME_LEAST       20000 /* us: nobody notices less, so less makes no difference */
#define COLD_LOAD        16
#define COLD_LOOK        8 /* one of so many choices */
#define STICK_LOAD_SHIFT 2 /* a quarter over the mean */
#define LIFTED                                                                                    \
	(CHOICE_BIT(CIRCUIT) | CHOICE_BIT(EJECTED) | CHOICE_BIT(RATE) | CHOICE_BIT(CREDENTIALS) | \
		CHOICE_BIT(CHECK))
#define FINAL                                                                               \
	(CHOICE_BIT(TRIED) | CHOICE_BIT(DIALECT) | CHOICE_BIT(OTHER) | CHOICE_BIT(REGION) | \
		CHOICE_BIT(DRAINED) | CHOICE_BIT(CAPACITY) | CHOICE_UNABLE)
#define UNFIT (CHOICE_BIT(CONTEXT) | CHOICE_BIT(OUTPUT) | CHOICE_BIT(REASONING))

/* ---- what it would cost */

static bool is_text(const struct req *r)
{
	switch (r->ep.ep->meter) {
	case METER_OPENAI_CHAT:
	case METER_OPENAI_COMPLETIONS:
	case METER_OPENAI_RESPONSES:
	case METER_ANTHROPIC_MESSAGES: return true;
	default: return false;
	}
}

/* How long an answer is, as far as it is known; most: it is no longer. */
static uint64_t output_of(const struct est_ratio *ratio, uint64_t most)
{
	uint64_t long_one = est_length(ratio, most);

	return long_one < most ? long_one : TG_MIN(most, (uint64_t)CHOICE_OUTPUT_UNKNOWN);
}

static uint64_t max_output(const struct price *p)
{
	uint64_t n = p != NULL ? price_max_output(p) : 0;

	return n > 0 ? n : BOUND_OUTPUT_TOKENS;
}

/* Tokens of a request for text, or of no request. */
static void row_tokens(const struct choice_ask *a, const struct price *p, struct choice_row *c)
{
	const struct est_ratio *ratio = c->route->ratio;
	const struct req *r = a->r;
	uint64_t most = max_output(p);

	if (r == NULL) {
		c->input = a->input;
		c->output = a->output > 0 ? TG_MIN(a->output, most) : output_of(ratio, most);
		return;
	}
	if (r->bound.output_known)
		most = TG_MIN(most, r->bound.max_output);
	c->input = est_input(ratio, r->bound.input_bytes);
	c->output = output_of(ratio, most) * TG_MAX(r->bound.n, (uint64_t)1);
}

static pico_usd usage_cost(
	const struct choice_ask *a, const struct price *p, const struct usage *u, struct str region)
{
	const struct rate_terms t = { .region = region };
	pico_usd cost;

	if (price_cost_or_estimate(p, pricebook_estimate(a->conf->prices), u, &t, &cost, NULL) != 0)
		return INT64_MAX / 4;
	return cost;
}

/* By the rates of text; -1: it has none, or terms of its own. */
static int text_cost(const struct price *p, const struct choice_row *c, pico_usd *out)
{
	const struct price_plan *plan = p->plan[SERVICE_STANDARD];
	pico_usd in, made;
	__int128 sum;

	if (p->n_regions + p->n_uplifts + plan->n_steps > 0 ||
		!price_rate(&plan->rates, USAGE_IN, &in) ||
		!price_rate(&plan->rates, USAGE_OUT, &made))
		return -1;
	sum = (__int128)c->input * in + (__int128)c->output * made;
	if (plan->has_request)
		sum += plan->per_request;
	*out = sum > INT64_MAX / 4 ? INT64_MAX / 4 : (pico_usd)sum;
	return 0;
}

static pico_usd row_cost(
	const struct choice_ask *a, const struct price *p, struct choice_row *c, bool text)
{
	const struct cfg_target *cfg = c->route->target->cfg;
	struct usage u;
	pico_usd cost;

	if (p != NULL && p->free)
		return 0;
	if (!text || p == NULL || text_cost(p, c, &cost) != 0) {
		u = (struct usage){ .source = USAGE_ESTIMATED };
		if (!text)
			bound_estimate(&a->r->bound, a->r->ep.ep->meter, c->route->ratio, &u);
		else
			u.n[USAGE_IN] = c->input;
		u.n[USAGE_OUT] += text ? c->output : 0;
		if (p != NULL)
			usage_fit(&u, price_buckets(p));
		cost = usage_cost(a, p, &u, cfg->region);
	}
	if (cfg->discount_bp > 0)
		cost = (pico_usd)((__int128)cost * (10000 - cfg->discount_bp) / 10000);
	return cost;
}

/* ---- what speaks against it */

static uint32_t filter_request(const struct choice_ask *a, unsigned i, const struct choice_row *c)
{
	const struct req *r = a->r;
	uint32_t skips = 0;

	if ((a->tried >> i & 1) != 0)
		skips |= CHOICE_BIT(TRIED);
	if (r == NULL)
		return skips;
	if ((r->tried >> i & 1) != 0)
		skips |= CHOICE_BIT(TRIED);
	if (!req_target_speaks(r, c->route->target))
		skips |= CHOICE_BIT(DIALECT);
	if (r->forced != NULL && r->forced != c->route->target)
		skips |= CHOICE_BIT(OTHER);
	return skips;
}

static uint32_t filter_health(
	const struct choice_ask *a, struct choice_row *c, const struct spot *s)
{
	const struct account_state *account = c->route->target->state;
	int64_t now = a->now.us;
	enum circuit_state state = circuit_state(&s->circuit, a->now);
	uint32_t skips = 0;

	c->probe = false;
	if (state == CIRCUIT_HALF_OPEN) /* not with what cannot be sent again */
		c->probe = circuit_wants_probe(&s->circuit, a->now) &&
			   (a->r == NULL || a->r->upload == NULL);
	if (state != CIRCUIT_CLOSED && !c->probe)
		skips |= CHOICE_BIT(CIRCUIT);
	if (circuit_is_ejected(&s->circuit, a->now))
		skips |= CHOICE_BIT(EJECTED);
	if (atomic_load_explicit(&s->not_before_us, memory_order_relaxed) > now ||
		(atomic_load_explicit(&s->tokens_until_us, memory_order_relaxed) > now &&
			atomic_load_explicit(&s->tokens_left, memory_order_relaxed) <
				(int64_t)c->input))
		skips |= CHOICE_BIT(RATE);
	if (atomic_load_explicit(&account->refused_until_us, memory_order_relaxed) > now)
		skips |= CHOICE_BIT(CREDENTIALS);
	if (atomic_load_explicit(&account->check_down, memory_order_relaxed))
		skips |= CHOICE_BIT(CHECK);
	return skips;
}

static bool is_allowed(const struct choice_ask *a, const struct target *t)
{
	if (a->r != NULL)
		return geo_allows_target(a->r, t);
	return a->key == NULL || a->key->targets == NULL ||
	       (a->key->targets[t->index / 64] >> t->index % 64 & 1) != 0;
}

static uint32_t filter_place(const struct choice_ask *a, const struct choice_row *c)
{
	const struct target *t = c->route->target;
	const struct capacity_limits *l = &t->cfg->limits.limit;
	uint32_t skips = 0;
	int64_t wait;

	if (!is_allowed(a, t))
		skips |= CHOICE_BIT(REGION);
	if (atomic_load_explicit(&t->state->drained, memory_order_relaxed))
		skips |= CHOICE_BIT(DRAINED);
	if ((l->concurrency | l->requests.n | l->tokens.n) != 0 &&
		!capacity_has(&t->state->capacity, l, c->input + c->output, a->now, &wait))
		skips |= CHOICE_BIT(CAPACITY);
	return skips;
}

static bool is_dear(const struct choice_ask *a, const struct choice_row *c)
{
	pico_usd most = a->preset != NULL ? a->preset->max_cost : 0;

	if (a->r == NULL)
		return most > 0 && c->terms.cost > most;
	if (most > 0 && ceiling_bound(a->r, c->route) > most)
		return true;
	return !ceiling_would_fit(a->r, c->route);
}

static uint32_t filter_money(
	const struct choice_ask *a, const struct choice_row *c, const struct price *p)
{
	uint32_t skips = 0;

	if (a->r != NULL ? leg_would_be_refused(a->r, c->route)
			 : p == NULL && a->conf->cfg.unpriced.action == UNPRICED_REJECT)
		skips |= CHOICE_BIT(UNPRICED);
	if (p != NULL && price_max_input(p) > 0 && c->input > price_max_input(p))
		skips |= CHOICE_BIT(CONTEXT);
	if (p != NULL && a->r != NULL && capable_is_short(a->r, p))
		skips |= CHOICE_BIT(OUTPUT);
	if (a->r != NULL && p != NULL &&
		TG_UNLIKELY(a->r->least_input > 0 || (skips & CHOICE_BIT(OUTPUT)) != 0) &&
		capable_is_beyond(a->r, c->route, p))
		skips |= CHOICE_BIT(LIMITS);
	return skips;
}

/* ---- rows */

static void row_terms(const struct choice_ask *a, struct choice_row *c, const struct spot_seen *s)
{
	int64_t capacity = c->route->target->cfg->limits.concurrency;
	uint32_t share = circuit_share(&c->route->spot->circuit,
		atomic_load_explicit(&c->route->spot->since_us, memory_order_relaxed), a->now);

	c->inflight = s->inflight;
	c->cold = s->first_us == 0;
	c->weight = (uint32_t)c->route->weight * share;
	c->terms.time_us = c->cold ? 0 : TIME_LEAST + s->first_us + c->output * s->token_ns / 1000;
	c->terms.fail_q16 = s->fail_q16;
	c->terms.tries_q10 = s->tries_q10;
	c->terms.load_q10 =
		score_load(s->inflight, capacity > 0 ? (uint32_t)capacity : SOFT_CAPACITY);
	if (share < 1024)
		c->terms.load_q10 = c->terms.load_q10 * 1024 / TG_MAX(share, 256u);
}

static void row_make(const struct choice_ask *a, unsigned i, struct choice_row *c)
{
	const struct route_target *t = &a->model->route[i];
	bool text = a->r == NULL || is_text(a->r);
	const struct price *p;
	struct spot_seen seen;

	c->route = t;
	c->score = (struct score){ 0 };
	c->skips = filter_request(a, i, c);
	c->input = c->output = 0;
	p = plan_route_price(a->conf, t, a->at);
	if (text && (a->r == NULL || !a->r->bound.form))
		row_tokens(a, p, c);
	spot_refresh(t->spot, a->now);
	spot_see(t->spot, a->thread, &seen);
	row_terms(a, c, &seen);
	c->terms.cost = a->preset != NULL ? row_cost(a, p, c, text) : 0;
	c->lacks = a->needs != 0 ? capable_lacks(a->needs, t, p) : 0;
	if (TG_UNLIKELY(c->lacks != 0))
		c->skips |=
			capable_is_hard(c->lacks) ? CHOICE_BIT(CAPABILITY) : CHOICE_BIT(REASONING);
	c->skips |= filter_place(a, c) | filter_health(a, c, t->spot) | filter_money(a, c, p);
	if ((c->skips & FINAL) == 0 && is_dear(a, c))
		c->skips |= CHOICE_BIT(DEAR);
}

/* How much speaks against it; what is final never gets here. */
static unsigned row_level(const struct choice_row *c)
{
	return ((c->skips & UNFIT) != 0 ? 4u : 0) +
	       ((c->skips & CHOICE_BIT(UNPRICED)) != 0 ? 2u : 0) + ((c->skips & LIFTED) != 0);
}

/* Is it one of those that are chosen from? */
static bool row_is_in(const struct choice_row *c, unsigned level)
{
	return (c->skips & (FINAL | CHOICE_BIT(DEAR))) == 0 && row_level(c) == level;
}

/* ---- the pick */

struct field { /* the rows that are chosen from */
	unsigned n;
	uint8_t row[CHOICE_MAX];
	struct pick_item item[CHOICE_MAX];
};

static void field_add(struct field *f, const struct choice *c, unsigned i)
{
	f->row[f->n] = (uint8_t)i;
	f->item[f->n++] = (struct pick_item){ c->row[i].score.total, c->row[i].weight };
}

/* Those of the least level: with a weight, or the first spare. */
static void field_make(const struct choice *c, struct field *f)
{
	unsigned level = UINT32_MAX;
	int spare = -1;

	f->n = 0;
	for (unsigned i = 0; i < c->n; i++)
		if ((c->row[i].skips & (FINAL | CHOICE_BIT(DEAR))) == 0)
			level = TG_MIN(level, row_level(&c->row[i]));
	for (unsigned i = 0; i < c->n && level != UINT32_MAX; i++) {
		if (!row_is_in(&c->row[i], level))
			continue;
		if (c->row[i].weight > 0)
			field_add(f, c, i);
		else if (spare < 0)
			spare = (int)i;
	}
	if (f->n == 0 && spare >= 0) {
		field_add(f, c, (unsigned)spare);
		f->item[0].weight = 1;
	}
}

/* What is not known of some is taken to be as good as the best. */
static void score_rows(const struct choice_ask *a, struct choice *c, struct field *f)
{
	struct score_best best;
	uint64_t fastest = UINT64_MAX;

	score_best_init(&best);
	for (unsigned k = 0; k < f->n; k++)
		if (!c->row[f->row[k]].cold)
			fastest = TG_MIN(fastest, c->row[f->row[k]].terms.time_us);
	for (unsigned k = 0; k < f->n; k++) {
		struct choice_row *r = &c->row[f->row[k]];

		if (r->cold) {
			r->terms.time_us = fastest == UINT64_MAX ? 1 : fastest;
			if (r->inflight > 0 && fastest != UINT64_MAX)
				r->terms.load_q10 *= COLD_LOAD; /* one look, not a crowd */
		}
		score_best_add(&best, &r->terms);
	}
	c->rates = score_rates_of(&a->preset->rule, &best);
	for (unsigned k = 0; k < f->n; k++) {
		struct choice_row *r = &c->row[f->row[k]];

		r->score = score_of(&c->rates, &r->terms);
		f->item[k].score = r->score.total;
	}
}

/* Rendezvous hashing: the candidate that this key likes best, while it is not much busier than
 * others, nor twice as dear as the best. -1: not there. */
static int field_stuck(const struct choice_ask *a, const struct choice *c, const struct field *f)
{
	uint64_t busy = 0, most = 0;
	int64_t least = INT64_MAX;
	unsigned at = 0;

	for (unsigned k = 0; k < f->n; k++) {
		const struct choice_row *r = &c->row[f->row[k]];
		uint64_t h = hash_mix(a->stick ^ hash_mix(r->route->stick));

		busy += r->inflight;
		least = TG_MIN(least, f->item[k].score);
		if (k == 0 || h > most) {
			at = k;
			most = h;
		}
	}
	busy = busy / f->n;
	if (c->row[f->row[at]].inflight > busy + (busy >> STICK_LOAD_SHIFT) + 1 ||
		f->item[at].score / 2 > least)
		return -1;
	return (int)at;
}

static int field_probe(const struct choice *c, const struct field *f)
{
	for (unsigned k = 0; k < f->n; k++)
		if (c->row[f->row[k]].probe)
			return (int)k;
	return -1;
}

/* One of which nothing is known gets a request now and then, however dear: one at a time. */
static int field_cold(const struct choice_ask *a, const struct choice *c, const struct field *f)
{
	int at = -1;
	bool known = false;

	if ((a->random[1] >> 8) % COLD_LOOK != 0)
		return -1;
	for (unsigned k = 0; k < f->n; k++) {
		known |= !c->row[f->row[k]].cold;
		if (c->row[f->row[k]].cold && c->row[f->row[k]].inflight == 0)
			at = (int)k;
	}
	return known ? at : -1;
}

static void field_scored(const struct choice_ask *a, struct choice *c, const struct field *f)
{
	int k = field_cold(a, c, f);

	if (k < 0)
		k = (int)pick_scored(f->item, f->n, a->random, &c->pick);
	else
		c->pick = PICK_EXPLORED;
	c->at = f->row[k];
}

static void field_pick(const struct choice_ask *a, struct choice *c, struct field *f)
{
	int k = field_probe(c, f);

	c->how = CHOICE_PROBED;
	if (a->preset != NULL)
		score_rows(a, c, f);
	if (k < 0 && a->stick != 0 && f->n > 1) {
		k = field_stuck(a, c, f);
		c->how = CHOICE_STUCK;
	}
	if (k >= 0) {
		c->at = f->row[k];
		return;
	}
	c->how = f->n == 1 && c->row[f->row[0]].weight == 0 ? CHOICE_SPARE : CHOICE_PICKED;
	if (a->preset != NULL) {
		field_scored(a, c, f);
		return;
	}
	c->at = f->row[pick_weighted(f->item, f->n, a->random[0])];
	c->pick = f->n == 1 ? PICK_ONLY : PICK_SPLIT;
}

/* All are dearer than the request may be: the least of them says best what would fit. */
static void choice_cheapest(const struct choice_ask *a, struct choice *c)
{
	pico_usd least = 0, cost;

	for (unsigned i = 0; i < c->n; i++) {
		if ((c->row[i].skips & FINAL) != 0)
			continue;
		cost = a->r != NULL ? ceiling_bound(a->r, c->row[i].route) : c->row[i].terms.cost;
		if (c->at < 0 || cost < least) {
			c->at = (int)i;
			c->how = CHOICE_CHEAPEST;
			least = cost;
		}
	}
}

void choice_make(const struct choice_ask *a, struct choice *c)
{
	struct field f;

	c->n = a->model->n_routes;
	c->at = -1;
	c->how = CHOICE_PICKED;
	c->pick = PICK_ONLY;
	c->rates = (struct score_rates){ 0 };
	for (unsigned i = 0; i < c->n; i++)
		row_make(a, i, &c->row[i]);
	field_make(c, &f);
	if (f.n > 0)
		field_pick(a, c, &f);
	else
		choice_cheapest(a, c);
	c->lifted = c->at >= 0 ? c->row[c->at].skips : 0;
}

uint32_t choice_common_skips(const struct choice *c)
{
	const uint32_t never =
		CHOICE_BIT(TRIED) | CHOICE_BIT(DIALECT) | CHOICE_BIT(OTHER) | CHOICE_BIT(REGION);
	uint32_t common = UINT32_MAX, able = UINT32_MAX, unable = 0;

	for (unsigned i = 0; i < c->n; i++) {
		uint32_t skips = c->row[i].skips;

		if ((skips & never) != 0)
			continue;
		common &= skips;
		unable |= skips & CHOICE_UNABLE;
		if ((skips & CHOICE_UNABLE) == 0)
			able &= skips;
	}
	/* of those that could do what is asked, if there are any */
	if (able != UINT32_MAX)
		return able;
	/* one cannot do it, and another one is too small */
	if (unable == CHOICE_UNABLE && (common & CHOICE_UNABLE) == 0)
		return common | CHOICE_BIT(CAPABILITY);
	return common == UINT32_MAX ? 0 : common;
}
