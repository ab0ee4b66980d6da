/*
 * meter_estimate.h: what to bill when an answer is over and its provider has not said all: it broke
 * off, or says no usage at all. The provider's figures so far stand; the rest is estimated, rounded
 * up. Pure functions over a finished meter.
 *
 *	source == USAGE_PROVIDER ---------------------------------------> m->usage, m->advisor
 *	otherwise: meter_estimate() -> usage_fit(units of the price) ---> price_cost()
 */
#ifndef TG_PROVIDERS_METER_ESTIMATE_H
#define TG_PROVIDERS_METER_ESTIMATE_H

#include "core/bound.h"
#include "money/estimate.h"
#include "providers/meter.h"

/*
 * `asked`: what the request was. `r` may be NULL. out->source: USAGE_PROVIDER when nothing had to
 * be estimated, USAGE_PARTIAL when some figure is the provider's, else USAGE_ESTIMATED. Images,
 * speech and transcripts come in all units that are billed: usage_fit() leaves those the price has.
 * m->advisor is not part of it.
 */
void meter_estimate(const struct meter *m, const struct est_ratio *r, const struct bound *asked,
	struct usage *out);
/*
 * Everything in u was counted, by request or answer, and nothing is a guess: characters to be
 * spoken, images that came. Such a usage of a complete answer is exact although no provider told
 * it.
 */
bool meter_is_counted(const struct usage *u);

/* Learn from an answer whose usage is exact; others leave *r alone. */
void meter_learn(const struct meter *m, const struct bound *asked, struct est_ratio *r);

/* The variant a price may have: "1792x1024", "hd/1792x1024", empty; of the answer before the
 * request. Returns its length; no NUL. */
#define METER_VARIANT_MAX (2 * METER_WORD_MAX + 1)
size_t meter_variant(const struct meter *m, const struct bound *asked, char out[METER_VARIANT_MAX]);

#endif
