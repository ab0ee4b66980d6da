/*
 * sim_shape.c: answers in a shape that was asked for: where a body holds a JSON schema for the
 * answer, in whichever vendor's words, the text is JSON that fits it. On the request's worker.
 */
#include "sim/sim_json.h"
#include "sim/sim_req.h"

#define PATH_DEPTH   4
#define SCHEMA_BYTES 65536

/* Where the vendors have it. */
static const struct str paths[][PATH_DEPTH] = {
	{ STR("response_format"), STR("json_schema"), STR("schema") }, /* OpenAI's chat */
	{ STR("text"), STR("format"), STR("schema") },                 /* Responses */
	{ STR("output_config"), STR("format"), STR("schema") },        /* Anthropic */
	{ STR("generationConfig"), STR("responseJsonSchema") },        /* Gemini */
	{ STR("generationConfig"), STR("responseSchema") },            /* Gemini, older */
	{ STR("outputConfig"), STR("textFormat"), STR("structure"), STR("jsonSchema") },
	{ STR("response_format"), STR("schema") }, /* Cohere */
};

static bool find(struct str text, const struct str path[PATH_DEPTH], struct json_val *out)
{
	struct json_val at = { .type = JSON_OBJECT, .raw = text };
	struct json_fail fail;

	for (unsigned i = 0; i < PATH_DEPTH && path[i].n > 0; i++) {
		struct json_watch w = { path[i], { 0 } };

		if (at.type != JSON_OBJECT || json_scan_object(at.raw, &w, 1, &fail) != 0)
			return false;
		at = w.val;
	}
	*out = at;
	return at.type == JSON_OBJECT;
}

/* Converse's is a string of JSON. */
static void put_quoted(struct sim_buf *b, const struct json_val *format, uint64_t seed)
{
	struct json_watch w = { STR("schema"), { 0 } };
	struct json_val schema = { .type = JSON_OBJECT };
	struct json_fail fail;
	char buf[SCHEMA_BYTES];

	if (json_scan_object(format->raw, &w, 1, &fail) == 0 &&
		json_decode(&w.val, buf, sizeof buf, &schema.raw) == 0 &&
		json_scan_object(schema.raw, NULL, 0, &fail) == 0)
		sim_json_arguments(b, &schema, seed);
}

bool sim_put_shape(struct sim_req *r, struct sim_buf *b, uint64_t seed)
{
	struct str body = sim_buf_str(&r->body);
	struct json_val found;

	if (r->route == NULL || r->route->body != SIM_BODY_JSON ||
		memmem(body.p, body.n, "chema\"", 6) == NULL)
		return false;
	for (size_t i = 0; i < TG_ARRAY_LEN(paths); i++) {
		if (!find(body, paths[i], &found))
			continue;
		if (paths[i][PATH_DEPTH - 1].n > 0)
			put_quoted(b, &found, seed);
		else
			sim_json_arguments(b, &found, seed);
		return b->n > 0;
	}
	return false;
}
