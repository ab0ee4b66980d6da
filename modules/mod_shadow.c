/*
 * mod_shadow.c: SEND, behind the hold: copies of the request to its model's shadows; and what
 * became of a copy. The work is core/shadow.c's. Runs on the request's worker.
 */
#include "core/plan.h"
#include "core/req.h"
#include "core/shadow.h"
#include "modules.h"

static enum step_rc shadow_send(struct req *r)
{
	if (TG_UNLIKELY(r->model != NULL && r->model->shadow != NULL) && r->leg.no == 1)
		shadow_copies(r);
	return STEP_NEXT;
}

static void shadow_settled(struct req *r)
{
	if (TG_UNLIKELY(r->shadow != NULL))
		shadow_count(r);
}

const struct tg_module mod_shadow = {
	.name = "shadow",
	.stage = { [STAGE_SEND] = shadow_send },
	.settled = shadow_settled,
};
