/*
 * mod_budget.c: answers of which limits hold a slice at a time (a tier's `hold: incremental`). A
 * sink between the meter and the client: it looks how much has been made, has more held before it
 * is needed, and ends the answer in the client's dialect where a limit has no room for more.
 *
 *	made   |------------------|                                    tokens
 *	held   |----------------------------|margin|                   limits and journal
 *	                           80 % of a slice: ask for another, at every write until there is
 *one here, without one: cut
 *
 * The margin is for what the provider has made by then and is not here yet. Runs on the request's
 * worker.
 */
#include "base/num.h"
#include "core/attempt.h"
#include "core/event_hold.h"
#include "core/plan.h"
#include "core/respond.h"
#include "core/stream_end.h"
#include "modules.h"

#define ASK_BELOW (HOLD_SLICE / 5)

struct mod_budget {
	struct sink sink;
	struct stream_end *end;
	struct quota_denied denied;
};

/* So many tokens of output in all: in every limit and in the journal, or nothing has changed. */
static bool budget_extend(struct req *r, uint64_t tokens, struct quota_denied *denied)
{
	struct leg *l = &r->leg;
	struct usage bound = l->bound;
	struct rec_money money = l->bound_money;

	leg_hold_output(r, tokens);
	if (quota_extend_leg(r, denied) && ledger_extend(r)) {
		wc_add(&r->w->stats, WC_QUOTA_EXTENDED, 1);
		return true;
	}
	l->bound = bound;
	l->bound_money = money;
	return false;
}

/* Is what was made, and what may be on its way, held? Has more held when little is left. */
static bool budget_has_room(struct mod_budget *b)
{
	struct req *r = b->sink.req;
	const struct leg *l = &r->leg;
	uint64_t held = l->bound.n[USAGE_OUT], made, next;
	struct usage so_far = { 0 };

	if (held >= l->most_output || r->meter->whole(r))
		return true;
	r->meter->usage(r, true, &so_far);
	made = usage_output(&so_far);
	if (num_sum_u64(made, ASK_BELOW) <= held)
		return true;
	next = TG_MIN(num_sum_u64(TG_MAX(made, held), HOLD_SLICE), l->most_output);
	return budget_extend(r, next, &b->denied) || num_sum_u64(made, HOLD_MARGIN) < held;
}

static int budget_cut(struct mod_budget *b)
{
	struct req *r = b->sink.req;

	wc_add(&r->w->stats, WC_QUOTA_CUT, 1);
	if (b->denied.account != NULL)
		r->denied = arena_dup(&r->arena, b->denied.account->name);
	r->leg.by_gateway = true;
	if (r->attempt != NULL)
		attempt_cancel(r->attempt);
	sink_abort_all(r);
	leg_charge(r, SETTLE_BY_GATEWAY);
	respond_end(r, stream_end_text(b->end, r), END_BUDGET);
	return 0;
}

static int budget_sink_write(struct sink *s, const struct iovec *in, int n, bool fin)
{
	struct mod_budget *b = TG_CONTAINER_OF(s, struct mod_budget, sink);
	struct req *r = s->req;
	bool room = fin || r->meter == NULL || budget_has_room(b);
	int rc;

	for (int i = 0; i < n; i++)
		stream_end_feed(b->end, str_mk(in[i].iov_base, in[i].iov_len));
	rc = sink_write(s->next, in, n, fin);
	/* In the middle of an event nothing can be put behind it: after the next piece, then. */
	if (room || rc != 0 || r->settled || r->respond->events->inside)
		return rc;
	return budget_cut(b);
}

static const struct sink_ops budget_sink = { .name = "budget", .write = budget_sink_write };

static int budget_response_head(struct req *r)
{
	struct mod_budget *b = req_mod(r, &mod_budget);

	if (r->leg.mode != HOLD_INCREMENTAL || r->status / 100 != 2)
		return 0;
	if (!r->respond->sse || !r->respond->from_sse) { /* a stream was asked for: all comes now */
		(void)budget_extend(r, r->leg.most_output, &b->denied);
		return 0;
	}
	b->end = stream_end_new(&r->arena, r->ep.ep->meter);
	if (b->end == NULL)
		return -1;
	sink_push(r, &b->sink, &budget_sink);
	return 0;
}

const struct tg_module mod_budget = {
	.name = "budget",
	.req_size = sizeof(struct mod_budget),
	.response_head = budget_response_head,
};
