/*
 * fields.h: which header fields pass from client to provider and back. Hop-by-hop fields (RFC 9110
 * section 7.6.1) and credentials never do, nor what would tell one tenant about the operator's
 * account or about other tenants.
 */
#ifndef TG_CORE_FIELDS_H
#define TG_CORE_FIELDS_H

#include "conf/conf.h"
#include "proto/http1_head.h"
#include "proto/http1_out.h"

/* Append those fields of the client's head that go to the provider. */
void fields_to_provider(struct http_out *o, const struct http_head *h);
/* The few that mean the same in every API, and those that `more` names; none that
 * fields_to_provider keeps back. For requests that are translated. */
void fields_to_translated(
	struct http_out *o, const struct http_head *h, const struct conf_strings *more);
/* Append those fields of the provider's head that go to the client. */
void fields_to_client(struct http_out *o, const struct http_head *h);
/*
 * The same of its trailers, parsed as a head: none that is about framing, routing, credentials,
 * content or control (RFC 9110 section 6.5.1), and none that the gateway knows, for those belong
 * into the head.
 */
void fields_to_trailer(struct http_out *o, const struct http_head *h);

#endif
