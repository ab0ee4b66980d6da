/*
 * fuzz_limit.c: any text as a limit of every dimension: an error with a text, or a limit that
 * prints, and parses again to the same.
 */
#include <stdint.h>

#include "quota/limit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++) {
		struct str text = { (const char *)data, size };
		char err[512] = "", out[QUOTA_LIMIT_LEN];
		struct quota_limit l, again;
		size_t n;

		if (quota_limit_parse((enum quota_dim)d, text, &l, err, sizeof err) != 0) {
			tg_assert(err[0] != '\0');
			continue;
		}
		tg_assert(l.amount >= 0 && l.amount <= QUOTA_AMOUNT_MAX);
		n = quota_limit_put(out, &l);
		tg_assert(n < sizeof out);
		tg_assert(quota_limit_parse(
				  (enum quota_dim)d, str_mk(out, n), &again, err, sizeof err) == 0);
		tg_assert(memcmp(&l, &again, sizeof l) == 0);
	}
	return 0;
}
