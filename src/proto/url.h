/*
 * url.h: request targets and base URLs (RFC 3986, RFC 9112 section 3.2). Pure, strict, no
 * allocation.
 */
#ifndef TG_PROTO_URL_H
#define TG_PROTO_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

struct url {             /* an absolute http(s) URL, as in base_url */
	bool tls;        /* https */
	struct str host; /* without brackets for IPv6 */
	uint16_t port;   /* 80 or 443 when absent */
	struct str path; /* without trailing slash; may be empty */
};

/* No userinfo, query or fragment. err: static text of what is wrong. */
int url_parse(struct str text, struct url *out, const char **err) TG_MUST_CHECK;

struct url_target {
	struct str path;  /* normalised, begins with '/', in the caller's buffer */
	struct str query; /* as sent, without '?'; empty when absent */
	bool asterisk;    /* OPTIONS * */
};

/*
 * Normalise a request target: origin-form or absolute-form (scheme and authority are dropped), "*"
 * only when allowed. Percent-encoded unreserved characters are decoded, other escapes are
 * upper-cased, dot segments are removed (RFC 3986 sections 6.2.2, 5.2.4), runs of '/' become one,
 * so that a path is matched, limited and sent upstream in one spelling. Refused: bad escapes, %00
 * and other encoded controls, an encoded '/' or '\\' (%2F stays as is only with keep_slash, and not
 * next to a dot segment), fragments, a path that climbs above the root. buf holds at least target.n
 * bytes.
 */
int url_target_normalise(
	struct str target, bool keep_slash, char *buf, struct url_target *out) TG_MUST_CHECK;

/* Iterates a query string: name and value as sent (not decoded). False at the end. */
bool url_query_next(struct str *rest, struct str *name, struct str *value);
/* The value of the parameter `name`; STR_NONE when absent. */
struct str url_query_get(struct str query, struct str name);
/* Decodes %XX and '+' into buf (cap >= in.n); -1 on a bad escape or NUL. */
int url_decode(struct str in, char *buf, size_t cap, struct str *out) TG_MUST_CHECK;
/* The query without the parameter `name` (every occurrence), into buf (cap >= query.n). */
struct str url_query_without(struct str query, struct str name, char *buf);
/* "host" or "host:port" or "[v6]:port" of a Host header: true when well formed. */
bool url_host_valid(struct str host);

#endif
