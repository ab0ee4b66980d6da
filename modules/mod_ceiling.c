/*
 * mod_ceiling.c: IDENT: what this one request may cost at most (core/ceiling.h); mod_route and
 * mod_ledger hold it to that.
 */
#include "core/req.h"
#include "modules.h"

const struct tg_module mod_ceiling = {
	.name = "ceiling",
	.stage = { [STAGE_IDENT] = ceiling_of_request },
};
