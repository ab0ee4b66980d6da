/*
 * plan_prices.h: the price book of a configuration: files or the built-in one, then its own
 * entries.
 */
#ifndef TG_CORE_PLAN_PRICES_H
#define TG_CORE_PLAN_PRICES_H

#include "base/arena.h"
#include "core/config.h"

/* n entries as the text of a price file, in the arena. */
struct str plan_prices_text(struct arena *a, const struct cfg_price *v, size_t n);
/* NULL with err. The book needs neither cfg nor the arena afterwards. */
struct pricebook *plan_prices_build(
	struct arena *a, const struct config *cfg, char *err, size_t err_len) TG_MUST_CHECK;

#endif
