/*
 * mod_ledger.c: the ledger's place on a request's way.
 *
 *	SEND       HOLD before the first leg, LEG before another one; strict: wait for the disk
 *	RESPOND    a sink that passes everything on and notes PROGRESS of long streams; EXTEND, when
 *	           more of one may come than was held
 *	settled    SETTLE, or VOID when nothing had reached a provider
 *
 * Without a journal (ledger.path: none) legs are priced all the same. Runs on the request's worker.
 */
#include "base/test_switch.h"
#include "core/model_check.h"
#include "core/plan.h"
#include "core/reply.h"
#include "core/req.h"
#include "core/respond.h"
#include "core/sink.h"
#include "modules.h"

#define PROGRESS_US    2000000
#define PROGRESS_BYTES (256 * 1024) /* about 2,000 tokens of a chat stream */

struct mod_ledger {
	struct sink sink;
	struct list waiting; /* strict: in worker.ledger_waiters */
	struct req *req;
	mono_us noted; /* PROGRESS: when, and at how many bytes */
	uint64_t bytes, noted_bytes;
	bool unrecorded; /* the journal took nothing of it, and it was served all the same */
};

static wall_us ledger_now(struct req *r)
{
	worker_now(r->w);
	return r->w->wall;
}

static enum step_rc ledger_refuse(struct req *r)
{
	wc_add(&r->w->stats, WC_LEDGER_REFUSED, 1);
	return reply_error(r, TG_E_LEDGER_UNAVAILABLE, NULL);
}

static int ledger_hold(struct req *r)
{
	struct rec_hold rec = { .id = r->rec_id,
		.start = r->charged_at,
		.bound = r->leg.bound,
		.money = r->leg.bound_money,
		.generations = leg_generations(r) };

	if (TG_UNLIKELY(r->shadow != NULL))
		rec.money.flags |= MONEY_SHADOW;
	quota_drawn_held(r, &rec.drawn_tenant, &rec.drawn_org);
	leg_who(r, &rec.who);
	leg_what(r, &rec.what);
	return journal_hold(r->w->journal, &r->hold, &rec, ledger_now(r));
}

/* The disk takes nothing: is it served all the same? Never where money is limited. */
static bool ledger_goes_without(struct req *r)
{
	const struct cfg_tier *tier = r->tenant != NULL ? r->tenant->tier_cfg : NULL;
	struct mod_ledger *m = req_mod(r, &mod_ledger);

	m->unrecorded = tier != NULL && tier->without_ledger && !quota_holds_money(r);
	wc_add(&r->w->stats, WC_LEDGER_UNRECORDED, m->unrecorded);
	return m->unrecorded;
}

/* Of a test build that leaves out the rule: not before the first byte, but now. */
static void ledger_hold_late(struct req *r)
{
	if (test_off(TEST_HOLD_FIRST) && r->w->journal != NULL && r->leg.no > 0 && !r->hold.open)
		(void)ledger_hold(r);
}

static enum quota_admitted ledger_admit(struct req *r, struct quota_denied *denied)
{
	if (ceiling_fits(r))
		return quota_admit(r, denied);
	ceiling_say(r);
	return QUOTA_TOO_DEAR;
}

/*
 * The leg that is over, charged; r->leg becomes the next one. -1: a limit refuses that or has to be
 * waited for (*how), or the ledger takes nothing more, and all is as it was: the settlement charges
 * the leg that is over.
 */
static int ledger_next_leg(struct req *r, enum quota_admitted *how, struct quota_denied *denied)
{
	struct rec_leg rec = { .id = r->rec_id, .start = r->charged_at };
	const struct mod_ledger *m = req_mod(r, &mod_ledger);
	struct req_tokens tokens = r->spent_tokens;
	struct rec_money spent = r->spent;
	const struct leg *l = &r->leg;
	struct leg over;

	ledger_hold_late(r);
	leg_charge(r, SETTLE_BY_PROVIDER);
	over = r->leg;
	rec.no = l->no;
	rec.status = (uint16_t)l->status;
	rec.quality = (uint8_t)l->quality;
	rec.sent = l->sent;
	rec.usage = l->usage;
	rec.money = l->money;
	leg_who(r, &rec.who);
	leg_what(r, &rec.what);
	req_spend(r);
	leg_begin(r);
	leg_what(r, &rec.next);
	rec.next_bound = l->bound;
	rec.next_money = l->bound_money;
	rec.generations = leg_generations(r);
	*how = ledger_admit(r, denied);
	quota_drawn_held(r, &rec.drawn_tenant, &rec.drawn_org);
	if (*how == QUOTA_ADMITTED &&
		(r->w->journal == NULL || (m->unrecorded ? !quota_holds_money(r)
							 : journal_leg(r->w->journal, &r->hold,
								   &rec, ledger_now(r)) == 0))) {
		req_count_leg(r, &over);
		return 0;
	}
	r->leg = over;
	r->spent = spent;
	r->spent_tokens = tokens;
	return -1;
}

/* strict: parked until the disk has the hold. */
static enum step_rc ledger_wait(struct req *r)
{
	struct mod_ledger *m = req_mod(r, &mod_ledger);

	/* The journal is as it was opened, whatever a reload says. */
	if (r->w->journal == NULL || m->unrecorded || !journal_is_strict(r->w->journal) ||
		journal_synced(r->w->journal, r->hold.position))
		return STEP_NEXT;
	m->req = r;
	if (!timer_armed(&r->total)) /* a disk may fail */
		timer_arm(&r->w->wheel, &r->total, r->leg.route->target->clocks.total_us);
	list_push_back(&r->w->ledger_waiters, &m->waiting);
	return STEP_WAIT;
}

void ledger_on_synced(struct worker *w)
{
	struct list *n, again;

	list_init(&again);
	while ((n = list_pop_front(&w->ledger_waiters)) != NULL) {
		struct mod_ledger *m = list_entry(n, struct mod_ledger, waiting);

		if (journal_synced(w->journal, m->req->hold.position))
			req_resume(m->req);
		else
			list_push_back(&again, n);
	}
	while ((n = list_pop_front(&again)) != NULL)
		list_push_back(&w->ledger_waiters, n);
}

static enum step_rc ledger_not_admitted(
	struct req *r, enum quota_admitted how, const struct quota_denied *denied)
{
	return how == QUOTA_PARKED ? STEP_WAIT : refusal_quota(r, how, denied);
}

static enum step_rc ledger_send(struct req *r)
{
	struct mod_ledger *m = req_mod(r, &mod_ledger);
	bool first = r->leg.no == 0;
	struct quota_denied denied;
	enum quota_admitted how;

	if (m->req != NULL) { /* was parked */
		if (!journal_synced(r->w->journal, r->hold.position))
			return STEP_WAIT; /* woken by more of its body: it waits on */
		list_del(&m->waiting);
		m->req = NULL;
		return STEP_NEXT;
	}
	if (first) {
		list_init(&m->waiting);
		leg_begin(r);
		if (leg_is_refused(r)) {
			r->leg.no = 0;
			return model_refuse_unpriced(r);
		}
		how = ledger_admit(r, &denied);
		if (how != QUOTA_ADMITTED) {
			r->leg.no = 0;
			return ledger_not_admitted(r, how, &denied);
		}
		if (r->w->journal != NULL && !test_off(TEST_HOLD_FIRST) && ledger_hold(r) != 0 &&
			!ledger_goes_without(r)) {
			r->leg.no = 0; /* it is not in the ledger, and was not sent */
			return ledger_refuse(r);
		}
	} else if (ledger_next_leg(r, &how, &denied) != 0) {
		return how == QUOTA_ADMITTED ? ledger_refuse(r)
					     : ledger_not_admitted(r, how, &denied);
	} else if (leg_is_refused(r)) {
		return model_refuse_unpriced(r);
	}
	return ledger_wait(r);
}

/* ---- progress of a stream */

static void ledger_progress(struct req *r)
{
	struct rec_progress rec = { .id = r->rec_id };

	leg_progress(r, &rec.usage, &rec.money);
	journal_progress(r->w->journal, &r->hold, &rec, ledger_now(r));
}

bool ledger_extend(struct req *r)
{
	struct rec_extend rec = {
		.id = r->rec_id, .bound = r->leg.bound, .money = r->leg.bound_money
	};

	quota_drawn_held(r, &rec.drawn_tenant, &rec.drawn_org);
	return !r->hold.open || journal_extend(r->w->journal, &r->hold, &rec, ledger_now(r)) == 0;
}

static int ledger_sink_write(struct sink *s, const struct iovec *in, int n, bool fin)
{
	struct mod_ledger *m = TG_CONTAINER_OF(s, struct mod_ledger, sink);
	mono_us now = worker_now(s->req->w);

	for (int i = 0; i < n; i++)
		m->bytes += in[i].iov_len;
	if (!fin && (mono_since(now, m->noted) >= PROGRESS_US ||
			    m->bytes - m->noted_bytes >= PROGRESS_BYTES)) {
		m->noted = now;
		m->noted_bytes = m->bytes;
		ledger_progress(s->req);
	}
	return sink_write(s->next, in, n, fin);
}

static const struct sink_ops ledger_sink = { .name = "ledger", .write = ledger_sink_write };

static int ledger_response_head(struct req *r)
{
	struct mod_ledger *m = req_mod(r, &mod_ledger);

	if (!r->respond->from_sse || r->meter == NULL || !r->hold.open)
		return 0;
	m->noted = worker_now(r->w);
	sink_push(r, &m->sink, &ledger_sink);
	return 0;
}

/* ---- the end */

static uint32_t ledger_us(int64_t us)
{
	return us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void ledger_settle(struct req *r)
{
	const struct leg *l = &r->leg;
	struct rec_settle rec = { .id = r->rec_id,
		.start = r->charged_at,
		.quality = (uint8_t)l->quality,
		.end = (uint8_t)r->end,
		.legs = l->no,
		.status = (uint16_t)r->status,
		.first_byte_us = ledger_us(r->at.first_byte),
		.done_us = ledger_us(r->at.done),
		.model_served = r->model_served,
		.service_tier = r->service_tier,
		.provider_request_id = l->provider_request_id,
		.usage = l->usage,
		.money = l->money,
		.bound = l->bound_money.contracted,
		.generations = l->charge > CHARGE_NOTHING ? leg_generations(r) : 0 };

	if (!leg_request_counts(r))
		rec.money.flags |= MONEY_UNCOUNTED;
	if (TG_UNLIKELY(r->shadow != NULL))
		rec.money.flags |= MONEY_SHADOW;
	quota_drawn(r, &rec.drawn_tenant, &rec.drawn_org);
	leg_who(r, &rec.who);
	leg_what(r, &rec.what);
	journal_settle(r->w->journal, &r->hold, &rec, ledger_now(r));
}

static void ledger_void(struct req *r)
{
	struct rec_void rec = { .id = r->rec_id,
		.start = r->charged_at,
		.end = (uint8_t)r->end,
		.status = (uint16_t)r->status };

	leg_who(r, &rec.who);
	leg_what(r, &rec.what);
	journal_void(r->w->journal, &r->hold, &rec, ledger_now(r));
}

static void ledger_settled(struct req *r)
{
	struct mod_ledger *m = req_mod(r, &mod_ledger);

	if (m->req != NULL)
		list_del(&m->waiting);
	ledger_hold_late(r);
	if (!r->hold.open)
		return;
	/* VOID: nothing of any leg had reached a provider. */
	if (r->leg.charge == CHARGE_VOID && !r->any_sent)
		ledger_void(r);
	else
		ledger_settle(r);
}

const struct tg_module mod_ledger = {
	.name = "ledger",
	.req_size = sizeof(struct mod_ledger),
	.stage = { [STAGE_SEND] = ledger_send },
	.response_head = ledger_response_head,
	.settled = ledger_settled,
};
