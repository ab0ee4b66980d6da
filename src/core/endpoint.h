/*
 * endpoint.h: which API a path belongs to (tbl/endpoints.h). Pure.
 */
#ifndef TG_CORE_ENDPOINT_H
#define TG_CORE_ENDPOINT_H

#include <stdbool.h>

#include "core/errors.h"
#include "core/meter_api.h"
#include "proto/http1_head.h"

enum body_kind {
	BODY_KIND_NONE,
	BODY_KIND_JSON,  /* read whole, model found and rewritten */
	BODY_KIND_FORM,  /* multipart, streamed, model found on the way */
	BODY_KIND_ANY,   /* one of the others, by Content-Type */
	BODY_KIND_PLAIN, /* streamed, not looked at */
};

enum endpoint_id {
	ENDPOINT_UNKNOWN,
#define X(id, path, methods, dialect, body, meter, name) ENDPOINT_##id,
#include "core/tbl/endpoints.h"
#undef X
	ENDPOINT__MAX
};

struct endpoint {
	enum endpoint_id id;
	enum http_method method; /* HTTP_M_OTHER: any */
	enum dialect dialect;
	enum body_kind body;
	enum meter_api meter;
};

struct endpoint_match {
	const struct endpoint *ep; /* NULL: no such path */
	struct str upstream_path;  /* the vendor's spelling, with /v1; in buf or static */
	struct str
		deployment; /* the model's name where the path has it (Azure, Gemini); else empty */
};

/*
 * Match a normalised path. buf (cap >= path.n + 8) takes the upstream path when it differs from
 * `path`.
 */
struct str endpoint_name(enum endpoint_id id);
void endpoint_match(struct str path, char *buf, struct endpoint_match *out);

#endif
