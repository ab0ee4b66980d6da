/*
 * settle.c: see settle.h. The order of the questions is the table:
 *
 *	not sent             VOID
 *	final figures came   USAGE          whatever happened afterwards
 *	no status            by the provider: INDETERMINATE, as configured; by others: the policy's
 *	4xx, 5xx             NOTHING        (a 5xx may have cost something: indeterminate)
 *	2xx, whole           ESTIMATE, or UNREAD where nobody reads
 *	2xx, broken off      PARTIAL, or as the policy says when it was the client
 */
#include "core/settle.h"

#include "base/defs.h"

static struct settle_out out(enum settle_charge c, enum rec_quality q)
{
	return (struct settle_out){ c, q };
}

/*
 * No status came. A whole request may have been worked on all the same: nobody can know. When it
 * was the client that left, the provider works on.
 */
static struct settle_out without_status(const struct settle_in *in)
{
	static const enum settle_charge charge[] = { [INDETERMINATE_NONE] = CHARGE_NOTHING,
		[INDETERMINATE_INPUT] = CHARGE_INPUT,
		[INDETERMINATE_BOUND] = CHARGE_BOUND };

	if (!in->sent_whole) /* without its end it is no request yet */
		return out(CHARGE_NOTHING, QUALITY_EXACT);
	if (in->by == SETTLE_BY_PROVIDER)
		return out(charge[in->indeterminate], QUALITY_INDETERMINATE);
	if (in->policy == ABORT_CANCEL_FREE)
		return out(CHARGE_NOTHING, QUALITY_PARTIAL);
	if (in->policy == ABORT_DRAIN || !in->stream)
		return out(CHARGE_BOUND, QUALITY_ESTIMATED);
	return out(CHARGE_INPUT, QUALITY_ESTIMATED);
}

static struct settle_out broken_off(const struct settle_in *in)
{
	if (in->by == SETTLE_BY_PROVIDER)
		return out(CHARGE_PARTIAL, QUALITY_PARTIAL);
	if (in->policy == ABORT_CANCEL_FREE)
		return out(CHARGE_NOTHING, QUALITY_PARTIAL);
	if (in->policy == ABORT_DRAIN || !in->stream)
		return out(CHARGE_BOUND, QUALITY_ESTIMATED);
	return out(CHARGE_PARTIAL, QUALITY_PARTIAL);
}

struct settle_out settle_decide(const struct settle_in *in)
{
	tg_assert(in->policy != ABORT_AUTO);
	if (!in->sent)
		return out(CHARGE_VOID, QUALITY_EXACT);
	if (!in->billed)
		return out(CHARGE_NOTHING, QUALITY_EXACT);
	if (in->usage == USAGE_PROVIDER)
		return out(CHARGE_USAGE, QUALITY_EXACT);
	if (in->status == 0)
		return without_status(in);
	if (in->status >= 500)
		return out(CHARGE_NOTHING, QUALITY_INDETERMINATE);
	if (in->status >= 300)
		return out(CHARGE_NOTHING, QUALITY_EXACT);
	if (!in->read)
		return out(CHARGE_UNREAD, QUALITY_ESTIMATED);
	return in->complete ? out(CHARGE_ESTIMATE, QUALITY_ESTIMATED) : broken_off(in);
}
