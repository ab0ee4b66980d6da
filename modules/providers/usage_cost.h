/*
 * usage_cost.h: what a provider itself says an answer cost. Pure functions over text, without
 * floating point.
 *
 * OpenRouter: usage.cost, a JSON number of USD; with a key of the customer's own (is_byok) that is
 * its fee, and cost_details.upstream_inference_cost comes on top. xAI: usage.cost_in_usd_ticks.
 * Perplexity: usage.cost is an object with total_cost.
 */
#ifndef TG_PROVIDERS_USAGE_COST_H
#define TG_PROVIDERS_USAGE_COST_H

#include <stdbool.h>

#include "base/defs.h"
#include "money/money.h"
#include "proto/json_scan.h"

#define USAGE_COST_TICK 100 /* pico-USD; a tick is 10^-10 USD */

/*
 * A JSON number of USD as pico-USD. Exact down to a pico-USD, rounded up beyond it: relays print
 * sums of binary fractions ("0.00014500000000000003"). -1: no number, negative, or too large.
 */
int usage_cost_usd(struct str number, pico_usd *out) TG_MUST_CHECK;

/* The members of a usage object that tell a cost; JSON_NONE where absent. */
struct usage_cost_in {
	const struct json_val *cost, *details, *byok, *ticks;
};
/* False: it tells none, or not the whole; *out is untouched. */
bool usage_cost_read(const struct usage_cost_in *in, pico_usd *out);

#endif
