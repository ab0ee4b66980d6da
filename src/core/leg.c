/*
 * leg.c: see leg.h.
 *
 *	leg_begin:   price, bound            before the hold
 *	leg_charge:  settle_decide -> usage -> leg_rate    when it is over, or the answer is whole
 *
 *	list (price book) - discount = contracted; a cost that the provider reported replaces that.
 *	contracted + markup = billed; a tier's price per generation replaces that.
 *
 * Runs on the request's worker.
 */
#include "core/leg.h"

#include "core/plan.h"
#include "core/provider.h"
#include "core/req.h"
#include "core/upload.h"
#include "money/estimate.h"

#define PICO_MAX    INT64_MAX
#define UNREAD_PICO (PICO_PER_USD / 20) /* unless unpriced.request says something */

enum meter_api leg_api(const struct req *r)
{
	return r->wire.translate != NULL ? r->wire.meter : r->ep.ep->meter;
}

bool leg_is_billed(const struct req *r)
{
	if (r->head.method != HTTP_M_POST)
		return false;
	switch (r->ep.ep->meter) {
	case METER_ANTHROPIC_COUNT:
	case METER_GEMINI_COUNT:
	case METER_OPENAI_MODERATION: return false;
	case METER_NONE: break;
	default: return true;
	}
	/* Answers that nobody reads; better dear than unseen. */
	switch (r->ep.ep->id) {
	case ENDPOINT_UNKNOWN:
	case ENDPOINT_BATCHES:
	case ENDPOINT_VIDEOS:
	case ENDPOINT_VIDEOS_ITEM: return true;
	default: return false;
	}
}

static bool leg_is_read(const struct req *r)
{
	return r->ep.ep->meter != METER_NONE;
}

/* A picture, a film or a speech: what tiers may have a price of their own for. */
static bool leg_is_generation(const struct req *r)
{
	switch (r->ep.ep->id) {
	case ENDPOINT_IMAGES_GEN:
	case ENDPOINT_IMAGES:
	case ENDPOINT_SPEECH:
	case ENDPOINT_VIDEOS: return r->head.method == HTTP_M_POST;
	default: return false;
	}
}

uint32_t leg_generations(const struct req *r)
{
	return leg_is_generation(r) ? TG_MAX(r->generations, 1u) : 0;
}

bool leg_request_counts(const struct req *r)
{
	const struct leg *l = &r->leg;

	return l->charge > CHARGE_NOTHING || r->spent.billed > 0 || r->spent_tokens.input > 0 ||
	       r->spent_tokens.output > 0 ||
	       (l->status != 0 && l->status != 429 && l->status < 500);
}

enum abort_policy leg_abort_policy(const struct req *r)
{
	const struct target *t = r->leg.route->target;
	enum abort_policy p = (enum abort_policy)t->cfg->on_client_abort;

	if (p != ABORT_AUTO)
		return p;
	return t->provider->bills_cancelled ? ABORT_DRAIN : ABORT_CANCEL_ESTIMATE;
}

static pico_usd pico_saturated(__int128 v, uint32_t *flags)
{
	if (v <= PICO_MAX)
		return (pico_usd)v;
	*flags |= MONEY_OVERFLOW;
	return PICO_MAX;
}

static pico_usd leg_markup(pico_usd v, int64_t basis_points, uint32_t *flags)
{
	pico_usd out;

	if (money_markup(v, basis_points, &out) == 0)
		return out;
	*flags |= MONEY_OVERFLOW;
	return PICO_MAX;
}

/* From list to contracted and billed. */
static void leg_margins(const struct req *r, struct rec_money *m)
{
	int64_t generation = r->tenant != NULL && r->tenant->tier_cfg != NULL
				     ? r->tenant->tier_cfg->generation_price
				     : 0;

	m->contracted =
		(m->flags & MONEY_REPORTED) != 0
			? m->reported
			: leg_markup(m->list, -r->leg.route->target->cfg->discount_bp, &m->flags);
	m->billed = leg_markup(
		m->contracted, r->tenant != NULL ? r->tenant->cfg->markup_bp : 0, &m->flags);
	/* What is unpriced is not free, whatever a request without units costs. */
	if (generation > 0 && leg_is_generation(r) &&
		(m->list > 0 || (m->flags & MONEY_UNPRICED) != 0)) {
		m->flags |= MONEY_GENERATION;
		m->billed = pico_saturated(
			(__int128)generation * TG_MAX(r->generations, 1u), &m->flags);
	}
}

/* The price of the model that the answer names, or else of the one that was asked for. */
static const struct price *leg_price(const struct req *r)
{
	struct str provider = str_z(r->leg.route->target->provider->name);
	const struct price *p = NULL;

	if (r->model_served.n > 0 && !str_eq(r->model_served, r->leg.route->model))
		p = pricebook_find_at(r->conf->prices, provider, r->model_served, r->start_wall);
	return p != NULL ? p : r->leg.price;
}

static uint32_t leg_price_flags(unsigned price_flags)
{
	static const struct {
		unsigned price, money;
	} rows[] = { { PRICE_PARENT, MONEY_PARENT }, { PRICE_TIER, MONEY_TIER },
		{ PRICE_SERVICE, MONEY_SERVICE }, { PRICE_VARIANT, MONEY_VARIANT },
		{ PRICE_REGION, MONEY_REGION } };
	uint32_t flags = 0;

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		if ((price_flags & rows[i].price) != 0)
			flags |= rows[i].money;
	return flags;
}

/* -1: this price does not cover what was used, or a service tier that nobody knows. */
static int leg_list(
	const struct req *r, const struct price *p, const struct usage *u, struct rec_money *m)
{
	struct rate_terms t = { .region = r->leg.region, .variant = r->variant };
	unsigned flags = 0;

	if (service_tier_of(
		    str_z(r->leg.route->target->provider->name), r->service_tier, &t.tier) != 0 ||
		price_cost(p, u, &t, &m->list, &flags) != 0)
		return -1;
	m->flags |= leg_price_flags(flags);
	m->price_version = price_version(p);
	return 0;
}

/*
 * No price (p NULL), or none for this: the dearest that the model's own could be, or the stated
 * one for what it has none for, and if that overflows the largest figure.
 */
static void leg_list_estimate(
	const struct req *r, const struct price *p, const struct usage *u, struct rec_money *m)
{
	const struct price *stated = pricebook_estimate(r->conf->prices);

	m->flags |= MONEY_UNPRICED;
	m->price_version = price_version(p != NULL ? p : stated);
	if (p != NULL && price_bound(p, u, &m->list) == 0)
		return;
	if (price_cost_or_estimate(p, stated, u,
		    &(struct rate_terms){ .region = r->leg.region, .variant = r->variant },
		    &m->list, NULL) != 0) {
		m->flags |= MONEY_OVERFLOW;
		m->list = PICO_MAX;
	}
}

static void leg_list_any(
	const struct req *r, const struct price *p, const struct usage *u, struct rec_money *m)
{
	if (p == NULL || leg_list(r, p, u, m) != 0)
		leg_list_estimate(r, p, u, m);
}

/* What a second model did on the way (an advisor, an image tool) costs that model's price. */
static void leg_list_extra(const struct req *r, struct rec_money *m)
{
	struct str provider = str_z(r->leg.route->target->provider->name);
	struct rec_money extra = { .flags = 0 };

	leg_list_any(r, pricebook_find_at(r->conf->prices, provider, r->extra_model, r->start_wall),
		&r->extra, &extra);
	m->flags |= extra.flags;
	m->list = pico_saturated((__int128)m->list + extra.list, &m->flags);
}

static void leg_rate(struct req *r, const struct usage *u, struct rec_money *out)
{
	*out = (struct rec_money){ .reported = r->cost_reported,
		.flags = (r->has_cost_reported ? MONEY_REPORTED : 0u) |
			 (r->is_degraded ? MONEY_DEGRADED : 0u) };
	leg_list_any(r, leg_price(r), u, out);
	if (r->has_extra)
		leg_list_extra(r, out);
	leg_margins(r, out);
}

/* In the ledger both models' usage is one request's. */
static void leg_usage_add_extra(struct req *r)
{
	struct usage *u = &r->leg.usage;

	for (unsigned b = 0; r->has_extra && b < USAGE__MAX; b++)
		if (__builtin_add_overflow(u->n[b], r->extra.n[b], &u->n[b]))
			u->n[b] = UINT64_MAX;
}

/* Of a model without a price (p NULL), or without one for some of it. */
static void leg_list_stated_bound(
	const struct req *r, const struct price *p, const struct usage *worst, struct rec_money *m)
{
	const struct price *stated = pricebook_estimate(r->conf->prices);

	m->flags |= MONEY_UNPRICED;
	m->price_version = price_version(p != NULL ? p : stated);
	if (price_bound_or_estimate(p, stated, worst, &m->list) != 0) {
		m->flags |= MONEY_OVERFLOW;
		m->list = PICO_MAX;
	}
}

static void leg_find_region(struct req *r)
{
	r->leg.region =
		r->served_region.n > 0 ? r->served_region : r->leg.route->target->cfg->region;
}

/* A path whose answers nobody reads: the stated price of a request. */
static void leg_rate_unread(const struct req *r, struct rec_money *m)
{
	static const struct usage nothing;

	leg_list_estimate(r, NULL, &nothing, m);
	if (m->list == 0)
		m->list = UNREAD_PICO;
	leg_margins(r, m);
}

/* What a usage costs at most. */
static void leg_rate_most(const struct req *r, const struct usage *worst, struct rec_money *m)
{
	const struct price *p = r->leg.price;

	if (p == NULL || price_bound(p, worst, &m->list) != 0)
		leg_list_stated_bound(r, p, worst, m);
	else
		m->price_version = price_version(p);
	leg_margins(r, m);
}

/* What the request may use at most, and cost. */
static void leg_bound(struct req *r)
{
	struct leg *l = &r->leg;
	struct rec_money *m = &l->bound_money;
	struct bound_model model = { .name = r->leg.route->model };
	unsigned flags;

	if (!leg_is_billed(r))
		return;
	if (!leg_is_read(r)) {
		leg_rate_unread(r, m);
		return;
	}
	if (l->price != NULL) {
		model.max_input = price_max_input(l->price);
		/* What is asked for is what is sent, unless a clamp lowers it: what a book says of
		 * the model stops no provider. */
		if (!r->bound.output_known || r->clamp.n > 0)
			model.max_output = price_max_output(l->price);
	}
	flags = bound_usage(&r->bound, leg_api(r), &model, &l->bound);
	if (l->price != NULL && l->price->free)
		return; /* of money; its tokens may be limited */
	if (flags != 0)
		m->flags |= MONEY_FREE_BOUND;
	if (l->price != NULL)
		usage_fit(&l->bound, price_buckets(l->price));
	leg_rate_most(r, &l->bound, m);
}

pico_usd leg_most_billed(const struct req *r, const struct usage *worst)
{
	struct rec_money m = { .flags = 0 };

	if (r->leg.price == NULL || !r->leg.price->free)
		leg_rate_most(r, worst, &m);
	return m.billed;
}

/* Its input, as the provider has told it. */
static void leg_known_input(struct req *r, struct usage *to)
{
	struct usage seen = { 0 };

	if (r->meter == NULL || r->meter->source(r) == USAGE_ABSENT)
		return;
	r->meter->usage(r, true, &seen);
	for (unsigned b = 0; usage_input(&seen) > 0 && b < USAGE_FIRST_OUTPUT; b++)
		to->n[b] = seen.n[b];
}

void leg_hold_output(struct req *r, uint64_t tokens)
{
	struct leg *l = &r->leg;

	l->bound.n[USAGE_OUT] = tokens;
	leg_known_input(r, &l->bound);
	if (l->price != NULL && l->price->free)
		return;
	l->bound_money = (struct rec_money){ .flags = l->bound_money.flags & MONEY_FREE_BOUND };
	leg_rate_most(r, &l->bound, &l->bound_money);
}

int64_t leg_bound_billed(const struct req *r, const struct usage *worst)
{
	struct rec_money m = { .flags = 0 };

	if (r->leg.price == NULL || price_bound(r->leg.price, worst, &m.list) != 0)
		return INT64_MAX;
	leg_margins(r, &m);
	return money_nano_up(m.billed);
}

static void leg_find_price(struct req *r)
{
	struct leg *l = &r->leg;
	struct str provider = str_z(l->route->target->provider->name);

	if (l->route->model.n > 0)
		l->price = plan_route_price(r->conf, l->route, r->start_wall);
	else if (r->model_asked.n > 0) /* a path route */
		l->price =
			pricebook_find_at(r->conf->prices, provider, r->model_asked, r->start_wall);
	leg_bound(r);
	hold_begin(r);
}

void leg_begin(struct req *r)
{
	uint8_t no = r->leg.no;

	r->leg = (struct leg){ .no = (uint8_t)(no < UINT8_MAX ? no + 1 : no), .route = r->route };
	r->generations = (uint32_t)TG_MIN(r->bound.n, (uint64_t)UINT32_MAX);
	leg_find_region(r);
	leg_find_price(r);
}

void leg_model_found(struct req *r)
{
	struct leg *l = &r->leg;

	if (l->no == 0 || l->charged)
		return;
	l->route = r->route;
	l->bound_money = (struct rec_money){ 0 };
	leg_find_price(r);
}

static bool leg_wants_price(const struct req *r)
{
	return r->conf->cfg.unpriced.action == UNPRICED_REJECT && leg_is_billed(r) &&
	       leg_is_read(r);
}

bool leg_is_refused(const struct req *r)
{
	bool to_come = r->model == NULL && r->upload != NULL && !r->upload->model_known;

	return r->leg.price == NULL && !to_come && leg_wants_price(r);
}

bool leg_would_be_refused(const struct req *r, const struct route_target *t)
{
	return leg_wants_price(r) && plan_route_price(r->conf, t, r->start_wall) == NULL;
}

/*
 * No answer is longer than it was let be: what an estimate has above that is not there. (Above what
 * is held of it for now it is: one read may bring more than a slice.)
 */
static void leg_cap_estimate(struct leg *l)
{
	uint64_t most = usage_output(&l->bound), is = usage_output(&l->usage);

	if (l->most_output > l->bound.n[USAGE_OUT])
		most += l->most_output - l->bound.n[USAGE_OUT];
	if (most == 0 || is <= most || (l->bound_money.flags & MONEY_FREE_BOUND) != 0)
		return;
	l->usage.n[USAGE_OUT] -= TG_MIN(is - most, l->usage.n[USAGE_OUT]);
}

/* An estimate is given in every unit: those stay that the price has. What was counted is exact. */
static void leg_usage_estimate(struct req *r)
{
	const struct price *p;
	struct leg *l = &r->leg;

	r->meter->usage(r, true, &l->usage);
	p = leg_price(r);
	if (p != NULL)
		usage_fit(&l->usage, price_buckets(p));
	leg_cap_estimate(l);
	if (l->charge != CHARGE_PARTIAL)
		l->quality = usage_any(&l->usage) && r->meter->counted(&l->usage)
				     ? QUALITY_EXACT
				     : QUALITY_ESTIMATED;
}

/* The provider's figures. Where the model is priced in other units (a count of images, and a price
 * of tokens), an estimate in those. */
static void leg_usage_figures(struct req *r)
{
	struct rec_money unused = { 0 };
	const struct price *p;

	r->meter->usage(r, false, &r->leg.usage);
	if (usage_input(&r->leg.usage) + usage_output(&r->leg.usage) > 0)
		return;
	p = leg_price(r);
	if (p != NULL && leg_list(r, p, &r->leg.usage, &unused) != 0)
		leg_usage_estimate(r);
}

static void leg_usage_bound(struct leg *l)
{
	l->usage = l->bound;
	l->usage.source = USAGE_ESTIMATED;
}

/* Nothing of an answer came. The bound of the input may be a hundred times what it was; but what
 * the body does not show can only be bounded. */
static void leg_usage_input(struct req *r)
{
	struct leg *l = &r->leg;

	leg_usage_bound(l);
	for (unsigned b = USAGE_FIRST_OUTPUT; b < USAGE__MAX; b++)
		l->usage.n[b] = 0;
	if (r->bound.refers || r->bound.form)
		return;
	bound_estimate(&r->bound, leg_api(r), l->route->ratio, &l->usage);
	if (l->price != NULL)
		usage_fit(&l->usage, price_buckets(l->price));
}

/* Fill the usage that is charged. */
static void leg_usage(struct req *r)
{
	struct leg *l = &r->leg;

	switch (l->charge) {
	case CHARGE_VOID:
	case CHARGE_NOTHING:
	case CHARGE_UNREAD: return;
	case CHARGE_BOUND: leg_usage_bound(l); return;
	case CHARGE_INPUT: leg_usage_input(r); return;
	case CHARGE_USAGE: leg_usage_figures(r); return;
	case CHARGE_ESTIMATE:
	case CHARGE_PARTIAL: break;
	}
	if (r->meter != NULL)
		leg_usage_estimate(r);
	else
		leg_usage_input(r);
}

void leg_charge(struct req *r, enum settle_by by)
{
	struct leg *l = &r->leg;
	struct settle_in in;
	struct settle_out o;

	if (l->charged || l->no == 0)
		return;
	l->charged = true;
	in = (struct settle_in){ .sent = l->sent,
		.sent_whole = l->sent_whole,
		.status = l->status,
		.complete = l->complete && (r->meter == NULL || r->meter->whole(r)),
		.usage = r->meter != NULL ? r->meter->source(r) : USAGE_ABSENT,
		.billed = leg_is_billed(r),
		.read = leg_is_read(r),
		.stream = r->stream,
		.by = by,
		.policy = leg_abort_policy(r),
		.indeterminate = (enum indeterminate_policy)r->conf->cfg.ledger.indeterminate };
	o = settle_decide(&in);
	l->charge = o.charge;
	l->quality = o.quality;
	/* the worst is all that it may have made, whatever was held of that */
	if (o.charge == CHARGE_BOUND && l->most_output > l->bound.n[USAGE_OUT])
		leg_hold_output(r, l->most_output);
	leg_usage(r);
	leg_find_region(r);
	if (o.charge == CHARGE_BOUND)
		l->money = l->bound_money;
	else if (o.charge == CHARGE_UNREAD)
		leg_rate_unread(r, &l->money);
	else if (o.charge != CHARGE_VOID && o.charge != CHARGE_NOTHING) {
		leg_rate(r, &l->usage, &l->money);
		leg_usage_add_extra(r);
	}
	if (l->money.contracted > l->most_contracted)
		l->money.flags |= MONEY_OVER;
}

/*
 * Input figures that the provider has given replace the bound of the input; what is still to come
 * is bound as ever.
 */
void leg_progress(struct req *r, struct usage *seen, struct rec_money *most)
{
	struct usage worst = r->leg.bound;

	*seen = (struct usage){ 0 };
	*most = r->leg.bound_money;
	if (r->meter == NULL)
		return;
	r->meter->usage(r, true, seen);
	if (r->meter->source(r) == USAGE_ABSENT || usage_input(seen) == 0)
		return;
	for (unsigned b = 0; b < USAGE_FIRST_OUTPUT; b++)
		worst.n[b] = seen->n[b];
	*most = (struct rec_money){ .flags = r->leg.bound_money.flags };
	if (r->leg.price == NULL || price_bound(r->leg.price, &worst, &most->list) != 0)
		*most = r->leg.bound_money;
	else
		leg_margins(r, most);
	most->price_version = r->leg.bound_money.price_version;
}

void leg_who(const struct req *r, struct rec_who *who)
{
	*who = (struct rec_who){
		.tags = r->tags_json, .session = r->session, .end_user = r->end_user
	};
	if (r->tenant != NULL) {
		who->org = r->tenant->org;
		who->tenant = r->tenant->name;
		who->tier = r->tenant->tier;
	}
	if (r->key != NULL)
		who->key = r->key->id;
	if (r->rule != NULL)
		who->rule = r->rule->name;
}

void leg_what(const struct req *r, struct rec_what *what)
{
	const struct target *t = r->leg.route->target;

	*what = (struct rec_what){ .endpoint = endpoint_name(r->ep.ep->id),
		.model = r->model_asked,
		.provider = str_z(t->provider->name),
		.target = t->name,
		.region = r->leg.region,
		.target_model = r->leg.route->model,
		.stream = r->stream };
}
