/*
 * usage_text.c: see usage_text.h. Pure.
 */
#include <string.h>

#include "base/num.h"
#include "core/usage_text.h"

static size_t put(char *out, size_t n, struct str s)
{
	memcpy(out + n, s.p, s.n);
	return n + s.n;
}

size_t usage_json(char out[USAGE_JSON_MAX], const struct usage *u)
{
	size_t n = put(out, 0, STR("{"));

	for (int b = 0; b < USAGE__MAX; b++) {
		if (u->n[b] == 0 && b != USAGE_IN && b != USAGE_OUT)
			continue;
		n = put(out, n, n > 1 ? STR(",\"") : STR("\""));
		n = put(out, n, str_z(usage_bucket_name((enum usage_bucket)b)));
		n = put(out, n, STR("\":"));
		n += num_put_u64(out + n, u->n[b]);
	}
	return put(out, n, STR("}"));
}

size_t req_cost_text(const struct req *r, char out[MONEY_USD_LEN])
{
	pico_usd sum = r->spent.billed;

	if (money_add(&sum, r->leg.money.billed) != 0)
		sum = INT64_MAX;
	return money_put_usd(out, sum);
}

struct str req_cost_quality(const struct req *r)
{
	if (((r->leg.money.flags | r->spent.flags) & MONEY_UNPRICED) != 0)
		return STR("unpriced");
	return r->leg.quality == QUALITY_EXACT ? STR_NONE : str_z(rec_quality_name(r->leg.quality));
}
