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
	if (r->cost_known)
		return money_put_usd(out, r->cost);
	memcpy(out, "unknown", 7);
	return 7;
}
