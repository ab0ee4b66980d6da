/*
 * usage_cohere.c: reading Cohere's usage. Owns nothing; any thread.
 */
#include "providers/usage_cohere.h"

#include "proto/json_scan.h"

static int read_units(const struct json_val *units, struct usage *u)
{
	struct json_watch w[] = { { .key = STR("input_tokens") }, { .key = STR("output_tokens") } };
	uint64_t in = 0, out = 0;
	struct json_fail fail;
	int none = 0;

	if (units->type != JSON_OBJECT || json_scan_member(units, w, TG_ARRAY_LEN(w), &fail) != 0)
		return -1;
	none += json_get_u64(&w[0].val, &in) != 0;
	none += json_get_u64(&w[1].val, &out) != 0;
	if (none == 2)
		return -1;
	u->n[USAGE_IN] = in;
	u->n[USAGE_OUT] = out;
	return 0;
}

int usage_cohere_read(struct str json, struct usage *u)
{
	struct json_watch w[] = { { .key = STR("billed_units") }, { .key = STR("tokens") } };
	struct json_fail fail;

	if (json_scan_object(json, w, TG_ARRAY_LEN(w), &fail) != 0)
		return -1;
	if (read_units(&w[0].val, u) == 0)
		return 0;
	return read_units(&w[1].val, u);
}
