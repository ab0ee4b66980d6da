/*
 * prices_json.h: a price as JSON, in the words of a price file, and as rows of figures to compare.
 * tgctl.
 */
#ifndef TG_CTL_PRICES_JSON_H
#define TG_CTL_PRICES_JSON_H

#include <jansson.h>

#include "money/pricebook.h"

/* Every plan complete, as it is charged: not as short as a file may say it. */
json_t *price_to_json(const struct price *p);
/* {"flex.per_mtok.input": "0.075", ...}: the figures alone. */
json_t *price_to_rows(const struct price *p);
/* "0.15": USD per million tokens or per unit. NUL-terminated. */
#define PRICE_TEXT_LEN 32
const char *price_text(char out[PRICE_TEXT_LEN], enum usage_bucket b, pico_usd v);
/* "2026-08-01"; empty when it always holds. */
#define PRICE_DAY_LEN 32
const char *price_day(char out[PRICE_DAY_LEN], wall_us day);

#endif
