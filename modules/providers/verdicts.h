/*
 * verdicts.h: what a status of a provider means for the request, where vendors agree.
 */
#ifndef TG_PROVIDERS_VERDICTS_H
#define TG_PROVIDERS_VERDICTS_H

#include "core/provider.h"

/* 401 and 403: our key; 402: our money. 408, 429, 5xx: another target may do better. The rest is
 * the client's to see. */
static inline enum verdict verdict_common(const struct http_head *h)
{
	if (h->status == 401 || h->status == 402 || h->status == 403)
		return VERDICT_CREDENTIALS;
	if (h->status == 408 || h->status == 429 || h->status >= 500)
		return VERDICT_RETRY;
	return VERDICT_PASS;
}

#endif
