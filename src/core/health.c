/*
 * health.c: see health.h. Relaxed atomics: a lost update costs one more try.
 */
#include "core/health.h"

#include "base/log.h"
#include "core/attempt.h"
#include "core/hedge.h"
#include "core/capable.h"
#include "core/key_pool.h"
#include "core/plan.h"
#include "core/respond.h"
#include "core/spots.h"
#include "core/translate.h"
#include "core/worker.h"
#include "route/hints.h"

#define LIMITED_US      1000000  /* 429 without a word about when */
#define LIMITED_MOST_US 60000000 /* of an answer that is none of 429 */

/* ---- in and out */

bool health_take(struct req *r, const struct target *t, struct spot *s, uint64_t tokens, bool probe)
{
	struct account_state *a = t->state;
	mono_us now = worker_now(r->w);

	tg_assert(r->use.spot == NULL);
	/* Of what the target lets be asked, half stays for requests that somebody waits for. */
	if (TG_UNLIKELY(r->shadow != NULL) &&
		!capacity_is_half_free(&a->capacity, &t->cfg->limits.limit, now))
		return false;
	if (!capacity_take(&a->capacity, &t->cfg->limits.limit, tokens, now))
		return false;
	r->use =
		(struct route_use){ .spot = s, .target = t, .tokens = tokens, .leg_no = r->leg.no };
	r->use.probe = probe && circuit_probe_begin(&s->circuit);
	if (TG_UNLIKELY(atomic_load_explicit(&a->refused, memory_order_relaxed) > 0) &&
		atomic_load_explicit(&a->refused_until_us, memory_order_relaxed) <= now.us)
		atomic_store_explicit(
			&a->refused_until_us, now.us + CREDENTIAL_PROBE_US, memory_order_relaxed);
	spot_begin(s, r->w->slot);
	return true;
}

/* What it was, in tokens, as far as it is known. */
static uint64_t used_tokens(const struct req *r)
{
	const struct leg *l = &r->leg;

	if (!l->charged || l->charge <= CHARGE_NOTHING)
		return 0;
	return usage_input(&l->usage) + usage_output(&l->usage);
}

void health_leave(struct req *r)
{
	struct route_use *u = &r->use;
	bool sent = r->leg.no != u->leg_no && r->leg.sent;

	if (u->spot == NULL)
		return;
	spot_end(u->spot, r->w->slot);
	if (u->probe)
		circuit_probe_end(&u->spot->circuit);
	capacity_give(&u->target->state->capacity, &u->target->cfg->limits.limit, u->tokens,
		sent ? used_tokens(r) : 0, sent);
	u->spot = NULL;
}

static bool prompt_was_cached(const struct usage *u)
{
	return u->n[USAGE_IN_CACHE_READ] > u->n[USAGE_IN];
}

static void health_good(struct req *r, mono_us now)
{
	const struct route_use *u = &r->use;
	const struct usage *usage = &r->leg.usage;
	bool stream = r->respond != NULL && r->respond->from_sse;

	if (u->paused)
		spot_fine(u->spot, r->w->slot, now);
	else
		spot_good(u->spot, r->w->slot, now, stream ? u->first_us - u->sent_us : 0,
			now.us - u->sent_us, usage_output(usage), prompt_was_cached(usage));
}

void health_done(struct req *r)
{
	struct route_use *u = &r->use;
	const struct leg *l = &r->leg;
	mono_us now = worker_now(r->w);

	if (u->spot != NULL && !u->judged && l->complete && l->status / 100 == 2 &&
		u->sent_us > 0) {
		health_good(r, now);
		circuit_success(&u->spot->circuit, now);
	}
	health_leave(r);
}

/* ---- what came */

static void account_good(struct account_state *a)
{
	if (TG_UNLIKELY(atomic_load_explicit(&a->refused, memory_order_relaxed) != 0)) {
		atomic_store_explicit(&a->refused, 0, memory_order_relaxed);
		atomic_store_explicit(&a->refused_until_us, 0, memory_order_relaxed);
	}
	if (TG_UNLIKELY(atomic_load_explicit(&a->forbidden, memory_order_relaxed) != 0))
		atomic_store_explicit(&a->forbidden, 0, memory_order_relaxed);
}

/* The key, where there are several, or else the whole target. */
static struct account_state *account_of(const struct attempt *a)
{
	return a->key != NULL ? a->key->state : a->target->state;
}

static void account_refused_log(const struct attempt *a, const char *why, int64_t us)
{
	if (a->key != NULL)
		log_error("provider key refused",
			"target=%.*s provider_key=%.*s reason=\"%s\" seconds=%lld",
			STR_FMT(a->target->name), STR_FMT(a->key->id), why,
			(long long)(us / 1000000));
	else
		log_error("account refused", "target=%.*s reason=\"%s\" seconds=%lld",
			STR_FMT(a->target->name), why, (long long)(us / 1000000));
}

static void account_refused(struct attempt *a, const char *why)
{
	struct account_state *s = account_of(a);
	uint32_t n = atomic_fetch_add_explicit(&s->refused, 1, memory_order_relaxed);
	mono_us now = worker_now(a->req->w);
	int64_t us = CREDENTIAL_US;

	for (uint32_t i = 0; i < n && us < CREDENTIAL_MAX_US; i++)
		us *= 2;
	us = TG_MIN(us, (int64_t)CREDENTIAL_MAX_US);
	atomic_fetch_add_explicit(&s->refusals, 1, memory_order_relaxed);
	atomic_store_explicit(&s->refused_until_us, now.us + us, memory_order_relaxed);
	account_refused_log(a, why, us);
	if (a->key == NULL)
		return;
	atomic_fetch_add_explicit(&a->target->state->refusals, 1, memory_order_relaxed);
	key_pool_heed(a->route, now);
}

static void use_failed(struct req *r, struct str model, unsigned halves)
{
	struct route_use *u = &r->use;
	mono_us now = worker_now(r->w);
	bool too_many;

	if (u->spot == NULL || u->judged)
		return;
	u->judged = true;
	too_many = spot_bad(
		u->spot, r->w->slot, now, halves, u->sent_us > 0 ? now.us - u->sent_us : 0);
	if (!circuit_failure(&u->spot->circuit, now, halves, too_many, worker_random(r->w)))
		return;
	atomic_fetch_add_explicit(&u->target->state->opened, 1, memory_order_relaxed);
	log_warn("target taken out", "target=%.*s model=%.*s seconds=%lld",
		STR_FMT(u->target->name), STR_FMT(model),
		(long long)(atomic_load_explicit(
				    &u->spot->circuit.open_until_us, memory_order_relaxed) -
			    now.us) /
			1000000);
}

static void spot_failed(struct attempt *a, unsigned halves)
{
	use_failed(a->req, a->route->model, halves);
}

void health_spoiled(struct req *r)
{
	use_failed(r, r->route->model, SPOT_FULL);
}

void health_failed(struct attempt *a, bool timeout)
{
	(void)timeout; /* a clock of ours is as bad as a reset: what it took is known either way */
	spot_failed(a, SPOT_FULL);
}

/* ---- the provider's rate limits (providers.md section 5.2) */

struct limits_told {
	int64_t left[2], reset_us[2]; /* requests, tokens; -1: not told */
};

/* x-ratelimit-remaining-requests, anthropic-ratelimit-tokens-remaining and their kind. */
static void limit_field(struct limits_told *t, struct str name, struct str value, wall_us now)
{
	bool openai = str_starts_ci(name, STR("x-ratelimit-"));
	bool left, tokens;
	struct str rest;

	if (openai) {
		rest = str_skip(name, 12);
		left = str_starts_ci(rest, STR("remaining-"));
		if (!left && !str_starts_ci(rest, STR("reset-")))
			return;
		rest = str_skip(rest, left ? 10 : 6);
	} else {
		if (!str_starts_ci(name, STR("anthropic-ratelimit-")))
			return;
		rest = str_skip(name, 20);
		left = rest.n > 10 && str_eq_ci(str_skip(rest, rest.n - 10), STR("-remaining"));
		if (!left && !(rest.n > 6 && str_eq_ci(str_skip(rest, rest.n - 6), STR("-reset"))))
			return;
		rest = str_mk(rest.p, rest.n - (left ? 10 : 6));
	}
	tokens = str_eq_ci(rest, STR("tokens"));
	if (!tokens && !str_eq_ci(rest, STR("requests")))
		return;
	if (left ? hint_count(value, &t->left[tokens]) != 0
		 : hint_reset(value, now, &t->reset_us[tokens]) != 0)
		return; /* not understood: as if it was not told */
}

static void limits_read(const struct http_head *h, wall_us now, struct limits_told *t)
{
	*t = (struct limits_told){ .left = { -1, -1 }, .reset_us = { -1, -1 } };
	for (unsigned i = 0; i < h->n_fields; i++) {
		struct str name;

		if (h->field[i].id != HTTP_N_OTHER || h->field[i].name_len < 20)
			continue;
		name = http_field_name(h, i);
		if ((name.p[0] | 32) == 'x' || (name.p[0] | 32) == 'a')
			limit_field(t, name, http_field_value(h, i), now);
	}
}

/* Nothing before: with this key, where there are several. */
static void wait_until(const struct attempt *a, int64_t until_us)
{
	if (a->key == NULL) {
		spot_limit(a->req->use.spot, until_us);
		return;
	}
	key_pool_limit(a->route, a->key, until_us);
	key_pool_heed(a->route, worker_now(a->req->w));
}

/* Nothing is left: wait. Less of tokens is left than some requests need: those do not go there (of
 * one key of several only that nothing is left counts). */
static void limits_heed(
	const struct attempt *a, const struct limits_told *t, mono_us now, int64_t most_us)
{
	struct spot *s = a->req->use.spot;

	for (unsigned i = 0; i < 2; i++)
		if (t->left[i] == 0 && t->reset_us[i] > 0)
			wait_until(a, now.us + TG_MIN(t->reset_us[i], most_us));
	if (a->key != NULL || t->left[1] < 0 || t->reset_us[1] <= 0)
		return;
	atomic_store_explicit(&s->tokens_left, t->left[1], memory_order_relaxed);
	atomic_store_explicit(&s->tokens_until_us, now.us + TG_MIN(t->reset_us[1], most_us),
		memory_order_relaxed);
}

static struct str field_of(const struct http_head *h, struct str name)
{
	for (unsigned i = 0; i < h->n_fields; i++)
		if (str_eq_ci(http_field_name(h, i), name))
			return http_field_value(h, i);
	return STR_NONE;
}

static bool told_to_wait(const struct http_head *h, wall_us now, int64_t *us)
{
	return hint_retry_after_ms(field_of(h, STR("retry-after-ms")), us) == 0 ||
	       hint_retry_after(field_of(h, STR("retry-after")), now, us) == 0;
}

static int64_t wait_of_ms(uint64_t ms)
{
	return (int64_t)TG_MIN(ms, (uint64_t)HINTS_MOST_US / 1000) * 1000;
}

static void health_limited(struct attempt *a, const struct http_head *h)
{
	struct worker *w = a->req->w;
	mono_us now = worker_now(w);
	struct limits_told t;
	int64_t us;

	atomic_fetch_add_explicit(&a->target->state->limited, 1, memory_order_relaxed);
	if (a->key != NULL)
		atomic_fetch_add_explicit(&a->key->state->limited, 1, memory_order_relaxed);
	limits_read(h, w->wall, &t);
	limits_heed(a, &t, now, HINTS_MOST_US);
	if (!told_to_wait(h, w->wall, &us))
		us = a->error_retry_ms > 0 ? wait_of_ms(a->error_retry_ms) : LIMITED_US;
	wait_until(a, now.us + us);
	a->req->use.judged = true; /* it is busy, not ill */
}

static void health_answered(struct attempt *a, const struct http_head *h)
{
	struct worker *w = a->req->w;
	struct spot *s = a->req->use.spot;
	mono_us now = worker_now(w);
	struct limits_told t;

	account_good(a->target->state);
	if (a->key != NULL)
		account_good(a->key->state);
	if (circuit_state(&s->circuit, now) != CIRCUIT_CLOSED) {
		circuit_success(&s->circuit, now);
		if (a->req->use.probe)
			circuit_probe_end(&s->circuit);
		a->req->use.probe = false;
		if (circuit_state(&s->circuit, now) == CIRCUIT_CLOSED)
			log_notice("target is back", "target=%.*s model=%.*s",
				STR_FMT(a->target->name), STR_FMT(a->route->model));
	}
	if (h->status / 100 != 2)
		return;
	spot_unlimit(s);
	if (a->key != NULL)
		key_pool_unlimit(a->route, a->key);
	limits_read(h, w->wall, &t);
	limits_heed(a, &t, now, LIMITED_MOST_US);
}

void health_head(struct attempt *a, const struct http_head *h)
{
	struct req *r = a->req;
	int64_t us;

	if (r->use.spot == NULL)
		return;
	r->use.sent_us = a->sent_at.us;
	r->use.first_us = worker_now(r->w).us;
	switch (h->status) {
	case 401:
	case 402:
	case 403: return; /* health_refused, when it has said why */
	case 429: health_limited(a, h); return;
	case 408:
	case 503:
	case 529:
		if (told_to_wait(h, r->w->wall, &us))
			spot_limit(r->use.spot, worker_now(r->w).us + TG_MIN(us, LIMITED_MOST_US));
		spot_failed(a, 1);
		return;
	default: break;
	}
	if (a->error_is == ERROR_KEY)
		return; /* likewise */
	if (h->status >= 500)
		spot_failed(a, SPOT_FULL);
	else
		health_answered(a, h);
}

void health_error(struct attempt *a, enum error_class is)
{
	if (is == ERROR_MONEY)
		account_refused(a, "out of money");
}

void health_refused(struct attempt *a, int status)
{
	struct account_state *s = account_of(a);

	/* A 403 may be about what this one request wants; a bad key fails them all. */
	if (status == 403 && atomic_fetch_add_explicit(&s->forbidden, 1, memory_order_relaxed) + 1 <
				     FORBIDDEN_MOST)
		return;
	account_refused(a, status == 402 ? "out of money" : "credentials");
}

bool health_is_drained(const struct target *t)
{
	return atomic_load_explicit(&t->state->drained, memory_order_relaxed);
}

bool health_is_up(const struct target *t, const struct spot *s, mono_us now)
{
	return !health_is_drained(t) &&
	       !atomic_load_explicit(&t->state->check_down, memory_order_relaxed) &&
	       circuit_state(&s->circuit, now) == CIRCUIT_CLOSED &&
	       atomic_load_explicit(&t->state->refused_until_us, memory_order_relaxed) <= now.us;
}

/* ---- where else it may go */

bool req_target_speaks(const struct req *r, const struct target *t)
{
	return translate_serves(t->provider, r->ep.ep);
}

bool req_route_open(const struct req *r, unsigned i)
{
	const struct route_target *route = &r->model->route[i];
	const struct target *t = route->target;

	if ((r->tried >> i & 1) != 0 || !req_target_speaks(r, t) ||
		(r->forced != NULL && r->forced != t) || !geo_allows_target(r, t))
		return false;
	if (health_is_drained(t) || !capable_route_fits(r, route))
		return false;
	/* Of a request that was sent already, the error that it got says more than a refusal. */
	return r->leg.no == 0 || !leg_would_be_refused(r, route);
}

/* The place of the next one in the chain; its length: there is none. */
static unsigned next_fallback(const struct req *r)
{
	unsigned i = r->fallback_at;

	if (r->forced != NULL || r->model_first == NULL)
		return 0;
	while (i < r->model_first->n_fallback && !key_may_use(r->key, r->model_first->fallback[i]))
		i++;
	return i;
}

bool req_has_fallback(const struct req *r)
{
	return r->model_first != NULL && r->forced == NULL && r->upload == NULL &&
	       r->shadow == NULL && !hedge_is_twin(r) &&
	       next_fallback(r) < r->model_first->n_fallback;
}

bool req_fall_back(struct req *r)
{
	unsigned i = next_fallback(r);

	if (!req_has_fallback(r))
		return false;
	r->model = r->model_first->fallback[i];
	r->fallback_at = (uint8_t)(i + 1);
	r->tried = 0;
	return true;
}

bool req_has_other_route(const struct req *r)
{
	for (unsigned i = 0; r->model != NULL && i < r->model->n_routes; i++)
		if (req_route_open(r, i))
			return true;
	return req_has_fallback(r);
}

void req_close_short_routes(struct req *r)
{
	const struct price *mine = plan_route_price(r->conf, r->route, r->start_wall);
	uint64_t least = mine != NULL ? price_max_input(mine) : 0;

	for (unsigned i = 0; i < r->model->n_routes; i++) {
		const struct price *p =
			plan_route_price(r->conf, &r->model->route[i], r->start_wall);

		if (p == NULL || least == 0 || price_max_input(p) <= least)
			r->tried |= UINT64_C(1) << i;
	}
}

bool req_may_retry(struct req *r)
{
	if (r->shadow != NULL || hedge_is_twin(r)) /* the budget is for those that are waited for */
		return false;
	if (retry_budget_take(&r->w->retries, worker_now(r->w)))
		return true;
	wc_add(&r->w->stats, WC_UP_RETRIES_REFUSED, 1);
	return false;
}
