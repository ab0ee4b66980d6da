/*
 * endpoint.c: the path table and its matching. Pure.
 */
#include "core/endpoint.h"

#include "base/defs.h"

#define HTTP_M_ANY HTTP_M_OTHER

static const struct endpoint_row {
	struct endpoint ep;
	struct str path; /* without a trailing star */
	bool prefix;
} rows[] = {
#define X(id, path, methods, dialect, body, meter, name)                                           \
	{ { ENDPOINT_##id, HTTP_M_##methods, DIALECT_##dialect, BODY_KIND_##body, METER_##meter }, \
		{ path, sizeof(path) - 1 - (path[sizeof(path) - 2] == '*') },                      \
		path[sizeof(path) - 2] == '*' },
#include "core/tbl/endpoints.h"
#undef X
};

struct str endpoint_name(enum endpoint_id id)
{
	static const struct str names[] = {
		[ENDPOINT_UNKNOWN] = STR("passthrough"),
#define X(id, path, methods, dialect, body, meter, name) [ENDPOINT_##id] = STR(name),
#include "core/tbl/endpoints.h"
#undef X
	};

	tg_assert((unsigned)id < ENDPOINT__MAX);
	return names[id];
}

static const struct endpoint *endpoint_find(struct str path)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		if (rows[i].prefix ? path.n > rows[i].path.n && str_starts(path, rows[i].path)
				   : str_eq(path, rows[i].path))
			return &rows[i].ep;
	}
	return NULL;
}

/* "/openai/deployments/NAME/rest" -> NAME, and path becomes "/rest". "/openai/v1/rest" ->
 * "/v1/rest". */
static struct str endpoint_strip_azure(struct str *path)
{
	static const struct str deployments = { "/openai/deployments/", 20 };
	struct str rest, name = STR_NONE;
	size_t slash;

	if (str_starts(*path, deployments)) {
		rest = str_skip(*path, deployments.n);
		slash = str_chr(rest, '/');
		if (slash != (size_t)-1 && slash > 0) {
			name = str_mk(rest.p, slash);
			*path = str_skip(rest, slash);
		}
	} else if (str_starts(*path, STR("/openai/v1/"))) {
		*path = str_skip(*path, 7);
	}
	return name;
}

/*
 * ".../models/NAME:verb": the API of Gemini, under /v1beta or any other version, or of Vertex,
 * under a project. NAME may have slashes and colons in it ("tunedModels" do not; names that a
 * configuration gives may).
 */
static bool endpoint_match_verb(struct str path, char *buf, struct endpoint_match *out)
{
	static const struct str models = { "/models/", 8 };
	const char *last = memrchr(path.p, ':', path.n); /* most paths have none */
	size_t at, colon;

	if (last == NULL || !str_starts(path, STR("/v1")))
		return false;
	at = str_find(path, models);
	colon = (size_t)(last - path.p) + 1;
	if (at == (size_t)-1 || colon < at + models.n + 2)
		return false;
	out->ep = endpoint_find(str_skip(path, colon - 1));
	out->deployment = str_mk(path.p + at + models.n, colon - 1 - at - models.n);
	memcpy(buf, path.p, path.n);
	out->upstream_path = str_mk(buf, path.n);
	return out->ep != NULL;
}

void endpoint_match(struct str path, char *buf, struct endpoint_match *out)
{
	if (path.n > 1 && path.p[path.n - 1] == '/') /* the same place, for us and for providers */
		path.n--;
	if (endpoint_match_verb(path, buf, out))
		return;
	out->deployment = endpoint_strip_azure(&path);
	if (str_starts(path, STR("/v1/")))
		path = str_skip(path, 3);
	out->ep = endpoint_find(path);
	memcpy(buf, "/v1", 3);
	memcpy(buf + 3, path.p, path.n);
	out->upstream_path = str_mk(buf, path.n + 3);
}
