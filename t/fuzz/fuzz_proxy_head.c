/*
 * fuzz_proxy_head.c: a PROXY header is the same however many bytes are there at first: every
 * shorter part of one asks for more, what was refused stays refused, and what follows changes
 * nothing.
 */
#include <stdlib.h>

#include "proto/proxy_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first n bytes, with nothing behind them. */
static long parse(const uint8_t *data, size_t n, struct proxy_head *out)
{
	char *copy = malloc(n + 1);
	const char *why = NULL;
	long rc;

	tg_assert(copy != NULL);
	if (n > 0)
		memcpy(copy + 1, data, n);
	rc = proxy_head_parse(str_mk(copy + 1, n), out, &why);
	tg_assert(rc <= (long)n && (rc >= 0 || why != NULL));
	free(copy);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_head whole, part;
	long rc;

	if (size > PROXY_HEAD_MAX + 64)
		return 0;
	rc = parse(data, size, &whole);
	if (rc == 0)
		tg_assert(size < PROXY_HEAD_MAX);
	for (size_t n = size; n-- > 0;) {
		long got = parse(data, n, &part);

		if (rc > 0 && n >= (size_t)rc) {
			tg_assert(got == rc && part.kind == whole.kind);
			tg_assert(ip_eq(part.client, whole.client));
		} else if (rc >= 0) {
			tg_assert(got == 0);
		} else {
			tg_assert(got <= 0);
			if (got == 0)
				break; /* and so it was before */
		}
		if (n > 300 && n % 7 != 0 && n != (size_t)rc)
			n -= n % 7; /* long ones have much of the same in them */
	}
	if (rc > 0 && whole.kind == PROXY_IP)
		tg_assert(ip_is_set(whole.client));
	return 0;
}
