/*
 * usage_text.h: usage and cost as text for headers, SSE comments and logs.
 */
#ifndef TG_CORE_USAGE_TEXT_H
#define TG_CORE_USAGE_TEXT_H

#include "core/req.h"

#define USAGE_JSON_MAX 1536
/* {"input":12,"output":3,...}: the buckets that are not 0; input and output always. Length. */
size_t usage_json(char out[USAGE_JSON_MAX], const struct usage *u);
/* What the tenant pays for the request, all legs, once it is charged: "0.0000315". Length; no NUL.
 */
size_t req_cost_text(const struct req *r, char out[MONEY_USD_LEN]);
/* "unpriced", or a quality that is not exact; else empty. */
struct str req_cost_quality(const struct req *r);

#endif
