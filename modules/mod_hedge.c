/*
 * mod_hedge.c: SEND, behind the hold: whether the request is watched for being slow to be answered;
 * and the end of it. The work is core/hedge.c's. Runs on the request's worker.
 */
#include "core/hedge.h"
#include "core/plan.h"
#include "core/req.h"
#include "modules.h"

static enum step_rc hedge_send(struct req *r)
{
	if (TG_UNLIKELY(r->model != NULL && r->model->hedge != NULL) && r->leg.no == 1)
		hedge_watch(r);
	return STEP_NEXT;
}

static void hedge_over(struct req *r)
{
	if (TG_UNLIKELY(r->hedge != NULL))
		hedge_settled(r);
}

const struct tg_module mod_hedge = {
	.name = "hedge",
	.stage = { [STAGE_SEND] = hedge_send },
	.settled = hedge_over,
};
