/*
 * sim_json.h: what the simulator needs beyond proto/json_scan: decoded lengths, and walking an
 * object whose keys are not known beforehand (a tool's parameter schema). Values come from an
 * earlier strict scan.
 */
#ifndef TG_SIM_JSON_H
#define TG_SIM_JSON_H

#include "proto/json_scan.h"
#include "sim/sim_buf.h"

/* Bytes of UTF-8 a string value decodes to (escapes resolved); the raw length of anything else. */
uint64_t sim_json_text_bytes(const struct json_val *v);
/* Its characters (code points); 0 of anything else. */
uint64_t sim_json_text_chars(const struct json_val *v);
/* Next member: *it starts {0}. key is raw, between the quotes. False at the end. */
bool sim_json_object_next(
	const struct json_val *obj, struct json_iter *it, struct str *key, struct json_val *val);
/*
 * Appends JSON arguments that fit a schema's properties (strings, numbers, booleans, enums; depth
 * is cut at 4): what a model would send for a tool call. `schema` absent: {"query":"..."}.
 */
void sim_json_arguments(struct sim_buf *b, const struct json_val *schema, uint64_t seed);

#endif
