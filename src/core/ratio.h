/*
 * ratio.h: how long a token of a model is, as learned from its answers: one per provider and model,
 * kept over reloads.
 */
#ifndef TG_CORE_RATIO_H
#define TG_CORE_RATIO_H

#include "base/str.h"
#include "money/estimate.h"

/* Made when new; never freed: there are as many as names in configurations. Control thread; what it
 * points to may be used by any. */
struct est_ratio *ratio_of(struct str provider, struct str model);
/* For requests that name no model. */
struct est_ratio *ratio_of_none(void);

#endif
