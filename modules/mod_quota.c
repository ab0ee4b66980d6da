/*
 * mod_quota.c: limits on a request's way. A leg is sent only when every account of the request's
 * path has taken its bound; what it was in the end replaces the bound when all is over.
 *
 *	SEND     quota_admit (called by mod_ledger, before the HOLD is written)
 *	         leased accounts that lack: the request parks until more was granted, or its time is
 *	         over (core/quota_line.h); then it is tried again as a whole
 *	RESPOND  quota_extend_leg (called by mod_budget): more of an answer that was held for a part
 *	settled  quota_settle: what it was; quota_release: nothing had been sent
 *
 * Runs on the request's worker.
 */
#include "base/num.h"
#include "core/plan.h"
#include "core/quota_text.h"
#include "core/refusal_quota.h"
#include "core/req.h"
#include "modules.h"

#define TRIES 4 /* of one look, where each time another account lacks */

struct mod_quota {
	struct quota_hold hold;
	const struct target *target; /* whose accounts are in it; NULL: nothing was reserved yet */
	struct quota_waiter waiter;
	struct quota_account *lacking; /* that it waits for, with a reference; NULL: none */
	int64_t lacks;                 /* how much of it */
	unsigned n_guests; /* accounts of its session and end user, with a reference each */
	struct quota_account *guest[QUOTA_GUEST_LIMITS];
};

static int64_t amount(uint64_t v)
{
	return v > (uint64_t)QUOTA_AMOUNT_MAX ? QUOTA_AMOUNT_MAX : (int64_t)v;
}

static int64_t nano(pico_usd a, pico_usd b)
{
	pico_usd sum = a;

	if (money_add(&sum, b) != 0)
		return QUOTA_AMOUNT_MAX;
	return TG_MIN(money_nano_up(sum), QUOTA_AMOUNT_MAX);
}

/* Of all legs: those that are over, and the last with this usage and money. */
static void quota_amounts(const struct req *r, const struct usage *u, pico_usd billed,
	uint64_t generations, int64_t out[QUOTA_DIM__MAX])
{
	uint64_t in = num_sum_u64(r->spent_tokens.input, usage_input(u)),
		 made = num_sum_u64(r->spent_tokens.output, usage_output(u));

	out[QUOTA_COST] = nano(r->spent.billed, billed);
	out[QUOTA_INPUT_TOKENS] = amount(in);
	out[QUOTA_OUTPUT_TOKENS] = amount(made);
	out[QUOTA_TOKENS] = amount(num_sum_u64(in, made));
	out[QUOTA_REQUESTS] = 1;
	out[QUOTA_GENERATIONS] = amount(generations);
	out[QUOTA_CONCURRENCY] = 1;
}

/*
 * The ledger counts a request to the periods that `charged_at` is in: not before those of its
 * accounts began. (Its head may have come in yesterday's last second.)
 */
static void quota_charge_time(struct req *r, const struct quota_hold *h)
{
	for (unsigned i = 0; i < h->n; i++) {
		const struct quota_account *a = h->item[i].charged;

		if (a->kind == QUOTA_STOCK && a->start.us > r->charged_at.us)
			r->charged_at = a->start;
	}
	for (unsigned i = 0; i < h->falls.n; i++) {
		const struct quota_account *a = h->falls.item[i].charged;

		if (a->kind == QUOTA_STOCK && a->start.us > r->charged_at.us)
			r->charged_at = a->start;
	}
}

/* What the request was up to now, which stays with the target that it leaves. */
static void quota_spent(const struct req *r, int64_t out[QUOTA_DIM__MAX])
{
	static const struct usage none;

	quota_amounts(r, &none, 0, 0, out);
	out[QUOTA_REQUESTS] = out[QUOTA_CONCURRENCY] = 0;
}

/* Another leg: what all of them may cost more than is held. */
static enum quota_result quota_more(struct req *r, struct mod_quota *m,
	const int64_t want[QUOTA_DIM__MAX], const struct quota_path *path,
	struct quota_denied *denied)
{
	int64_t more[QUOTA_DIM__MAX], spent[QUOTA_DIM__MAX];

	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		more[d] = TG_MAX(want[d] - m->hold.amount[d], 0);
	if (r->leg.route->target == m->target)
		return quota_raise(&m->hold, more, plan_quota_time(r->w), denied);
	/* a reload may have brought the target more than the first leg's accounts left room for */
	if (path->n - path->lasting > QUOTA_PATH_MAX - m->hold.lasting)
		return QUOTA_UNSURE;
	quota_spent(r, spent);
	return quota_move(&m->hold, more, spent, path->account + path->lasting,
		path->n - path->lasting, plan_quota_time(r->w), denied);
}

static enum quota_result quota_first(struct mod_quota *m, const int64_t want[QUOTA_DIM__MAX],
	const struct quota_path *path, struct quota_time now, struct quota_denied *denied)
{
	enum quota_result rc = quota_reserve_falls(
		path->account, path->n, path->step, path->n_steps, want, now, &m->hold, denied);

	if (rc == QUOTA_OK)
		quota_hold_of_target(&m->hold, path->n - path->lasting);
	return rc;
}

/* What is held of the legs: all that they may use, or as much as the tier's mode says. */
static void quota_wanted(const struct req *r, int64_t want[QUOTA_DIM__MAX])
{
	const struct leg *l = &r->leg;
	int64_t less[QUOTA_DIM__MAX];
	pico_usd billed;
	struct usage u;

	quota_amounts(r, &l->bound, l->bound_money.billed, leg_generations(r), want);
	if (l->mode == HOLD_EXPECTED) {
		hold_estimate(r, &u, &billed);
		quota_amounts(r, &u, billed, leg_generations(r), less);
	} else if (l->mode == HOLD_POST) { /* the least that a spent limit refuses */
		quota_spent(r, less);
		for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
			less[d] += 1;
	} else {
		return;
	}
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		want[d] = TG_MIN(want[d], less[d]);
}

static void quota_guests_leave(struct mod_quota *m)
{
	while (m->n_guests > 0)
		quota_account_put(m->guest[--m->n_guests]);
}

/* The path; whom a refusal names stays. -1: an account is missing. */
static int quota_path(struct req *r, struct mod_quota *m, struct quota_path *path)
{
	int rc = plan_quota_path(r, plan_quota_time(r->w).wall, path);

	quota_guests_leave(m);
	memcpy(m->guest, path->account, path->guests * sizeof(struct quota_account *));
	m->n_guests = path->guests;
	return rc;
}

static enum quota_result quota_try(struct req *r, struct mod_quota *m, struct quota_denied *denied)
{
	const struct target *target = r->leg.route->target;
	int64_t want[QUOTA_DIM__MAX];
	struct quota_path path;
	enum quota_result rc;

	*denied = (struct quota_denied){ .result = QUOTA_UNSURE };
	if (target != m->target && quota_path(r, m, &path) != 0)
		return QUOTA_UNSURE; /* an account is missing */
	quota_wanted(r, want);
	if (m->target == NULL)
		rc = quota_first(m, want, &path, plan_quota_time(r->w), denied);
	else
		rc = quota_more(r, m, want, &path, denied);
	if (rc == QUOTA_OK)
		m->target = target;
	return rc;
}

/* ---- waiting for a grant */

static void quota_unwait(struct mod_quota *m)
{
	if (m->lacking == NULL)
		return;
	quota_account_unwait(m->lacking, m->lacks);
	quota_account_put(m->lacking);
	m->lacking = NULL;
}

/* True: it waits for that already. */
static bool quota_wait(struct mod_quota *m, const struct quota_denied *denied)
{
	if (m->lacking == denied->account && m->lacks == denied->asked)
		return true;
	quota_unwait(m);
	quota_account_get(denied->account);
	quota_account_wait(denied->account, denied->asked);
	m->lacking = denied->account;
	m->lacks = denied->asked;
	return false;
}

/*
 * In the line and waiting before it is tried once more: what is granted from then on is told to
 * it.
 */
static enum quota_result quota_try_and_wait(
	struct req *r, struct mod_quota *m, struct quota_denied *denied)
{
	enum quota_result result = quota_try(r, m, denied);

	for (int i = 0; result == QUOTA_ASK && i < TRIES; i++) {
		if (!quota_line_join(r, &m->waiter))
			return QUOTA_UNSURE; /* it had its time, or too many wait */
		if (quota_wait(m, denied))
			return QUOTA_ASK;
		result = quota_try(r, m, denied);
	}
	return result;
}

/* What the tier has said for when nobody knows what is left; NULL: nothing is let in then. */
static const struct quota_offline *quota_offline_of(const struct req *r)
{
	const struct cfg_tier *tier = r->tenant != NULL ? r->tenant->tier_cfg : NULL;

	return tier != NULL && quota_offline_opens(&tier->offline) ? &tier->offline : NULL;
}

static enum quota_result quota_try_offline(
	struct req *r, struct mod_quota *m, struct quota_denied *denied)
{
	enum quota_result result;

	m->hold.offline = quota_offline_of(r);
	if (m->hold.offline == NULL)
		return QUOTA_UNSURE;
	result = quota_try(r, m, denied);
	m->hold.offline = NULL;
	wc_add(&r->w->stats, WC_QUOTA_OFFLINE, result == QUOTA_OK);
	return result == QUOTA_ASK ? QUOTA_UNSURE : result;
}

enum quota_admitted quota_admit(struct req *r, struct quota_denied *denied)
{
	struct mod_quota *m = req_mod(r, &mod_quota);
	bool again = m->lacking != NULL;
	enum quota_result result = quota_try_and_wait(r, m, denied);

	if (result == QUOTA_ASK) {
		wc_add(&r->w->stats, WC_QUOTA_PARKED, !again);
		return QUOTA_PARKED;
	}
	quota_line_leave(r, &m->waiter);
	quota_unwait(m);
	if (result == QUOTA_UNSURE)
		result = quota_try_offline(r, m, denied);
	if (result == QUOTA_UNSURE)
		return QUOTA_UNKNOWN;
	if (result != QUOTA_OK)
		return QUOTA_REFUSED;
	quota_charge_time(r, &m->hold);
	return QUOTA_ADMITTED;
}

/* ---- an answer that is under way */

bool quota_extend_leg(struct req *r, struct quota_denied *denied)
{
	struct mod_quota *m = req_mod(r, &mod_quota);
	int64_t want[QUOTA_DIM__MAX], more[QUOTA_DIM__MAX];
	enum quota_result result;

	if (quota_hold_is_empty(&m->hold))
		return true;
	quota_wanted(r, want);
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		more[d] = TG_MAX(want[d] - m->hold.amount[d], 0);
	result = quota_extend(&m->hold, more, plan_quota_time(r->w), denied);
	if (result == QUOTA_UNSURE && quota_offline_of(r) != NULL) {
		m->hold.offline = quota_offline_of(r);
		result = quota_extend(&m->hold, more, plan_quota_time(r->w), denied);
		m->hold.offline = NULL;
	}
	if (result == QUOTA_ASK) /* told; what is granted is there at the next call */
		(void)quota_wait(m, denied);
	else
		quota_unwait(m);
	return result == QUOTA_OK;
}

bool quota_holds_money(struct req *r)
{
	const struct mod_quota *m = req_mod(r, &mod_quota);

	for (unsigned i = 0; i < m->hold.n; i++)
		if (m->hold.item[i].account->dim == QUOTA_COST)
			return true;
	return m->hold.falls.n > 0;
}

/* What it was in the end. */
static void quota_actual(const struct req *r, int64_t out[QUOTA_DIM__MAX])
{
	const struct leg *l = &r->leg;

	quota_amounts(r, &l->usage, l->money.billed,
		l->charge > CHARGE_NOTHING ? leg_generations(r) : 0, out);
	out[QUOTA_REQUESTS] = leg_request_counts(r);
	out[QUOTA_CONCURRENCY] = 0;
}

static void quota_settled(struct req *r)
{
	struct mod_quota *m = req_mod(r, &mod_quota);
	const struct leg *l = &r->leg;
	int64_t actual[QUOTA_DIM__MAX];

	quota_line_leave(r, &m->waiter); /* its client has gone */
	quota_unwait(m);
	quota_guests_leave(m);
	if (quota_hold_is_empty(&m->hold))
		return;
	if (!r->any_sent && !l->sent) {
		quota_release(&m->hold, plan_quota_time(r->w));
		return;
	}
	quota_actual(r, actual);
	quota_settle(&m->hold, actual, plan_quota_time(r->w));
}

static void quota_drawn_of(
	struct req *r, const int64_t amount[QUOTA_DIM__MAX], uint64_t *tenant, uint64_t *org)
{
	struct mod_quota *m = req_mod(r, &mod_quota);
	int64_t drawn[QUOTA_PURSE__MAX];

	*tenant = *org = 0;
	if (TG_LIKELY(m->hold.falls.n == 0))
		return;
	quota_falls_drawn(&m->hold.falls, amount, drawn);
	*tenant = (uint64_t)drawn[QUOTA_PURSE_TENANT];
	*org = (uint64_t)drawn[QUOTA_PURSE_ORG];
}

void quota_drawn_held(struct req *r, uint64_t *tenant, uint64_t *org)
{
	struct mod_quota *m = req_mod(r, &mod_quota);

	quota_drawn_of(r, m->hold.amount, tenant, org);
}

void quota_drawn(struct req *r, uint64_t *tenant, uint64_t *org)
{
	int64_t actual[QUOTA_DIM__MAX];

	quota_actual(r, actual);
	quota_drawn_of(r, actual, tenant, org);
}

/* What is left, for the client's own pacing. */
static int quota_response_head(struct req *r)
{
	struct mod_quota *m = req_mod(r, &mod_quota);
	struct quota_account *path[QUOTA_PATH_MAX];
	char *out;
	size_t n;

	if (m->hold.n == 0 || r->quota_fields.n > 0)
		return 0;
	for (unsigned i = 0; i < m->hold.n; i++)
		path[i] = m->hold.item[i].account;
	out = arena_room(&r->arena, QUOTA_FIELDS_MAX);
	if (out == NULL)
		return 0; /* without them, then */
	n = quota_fields_put(
		out, path, m->hold.n, r->dialect == DIALECT_ANTHROPIC, plan_quota_time(r->w));
	arena_claim(&r->arena, n);
	r->quota_fields = str_mk(out, n);
	return 0;
}

const struct tg_module mod_quota = {
	.name = "quota",
	.req_size = sizeof(struct mod_quota),
	.response_head = quota_response_head,
	.settled = quota_settled,
};
