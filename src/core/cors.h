/*
 * cors.h: cross-origin answers (WHATWG Fetch, section 3.2) for browsers whose origins the
 * configuration lists.
 */
#ifndef TG_CORE_CORS_H
#define TG_CORE_CORS_H

#include "core/req.h"
#include "proto/http1_out.h"

/* Append Access-Control-Allow-Origin and friends when the request has an allowed Origin. */
void cors_fields(struct req *r, struct http_out *o);
/* Append what a preflight (OPTIONS) is answered with. */
void cors_preflight_fields(struct req *r, struct http_out *o);

#endif
