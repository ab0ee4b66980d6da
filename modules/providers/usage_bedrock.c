/*
 * usage_bedrock.c: reading Bedrock's usage. Owns nothing; any thread.
 */
#include "providers/usage_bedrock.h"

#include "proto/json_scan.h"

static void put(struct usage_bedrock *b, enum usage_bedrock_field f, const struct json_val *v)
{
	uint64_t n;

	if (json_get_u64(v, &n) != 0)
		return;
	b->v[f] = n;
	b->have |= 1u << f;
}

/* [{"ttl":"5m","inputTokens":n},...] */
static void read_details(struct usage_bedrock *b, const struct json_val *list)
{
	struct json_iter it = { 0 };
	struct json_val elem;

	if (list->type != JSON_ARRAY)
		return;
	while (json_array_next(list, &it, &elem)) {
		struct json_watch w[] = { { .key = STR("ttl") }, { .key = STR("inputTokens") } };
		struct json_fail fail;
		struct str ttl;

		if (elem.type != JSON_OBJECT ||
			json_scan_member(&elem, w, TG_ARRAY_LEN(w), &fail) != 0 ||
			json_get_plain(&w[0].val, &ttl) != 0)
			continue;
		if (str_eq(ttl, STR("5m")))
			put(b, BED_WRITE_5M, &w[1].val);
		else if (str_eq(ttl, STR("1h")))
			put(b, BED_WRITE_1H, &w[1].val);
	}
}

int usage_bedrock_merge(struct usage_bedrock *b, struct str json)
{
	struct json_watch w[] = {
		{ .key = STR("inputTokens") },
		{ .key = STR("outputTokens") },
		{ .key = STR("cacheReadInputTokens") },
		{ .key = STR("cacheWriteInputTokens") },
		{ .key = STR("cacheDetails") },
	};
	struct json_fail fail;
	uint32_t before = b->have;

	if (json_scan_object(json, w, TG_ARRAY_LEN(w), &fail) != 0)
		return -1;
	b->have = 0;
	put(b, BED_INPUT, &w[0].val);
	put(b, BED_OUTPUT, &w[1].val);
	put(b, BED_CACHE_READ, &w[2].val);
	put(b, BED_CACHE_WRITE, &w[3].val);
	read_details(b, &w[4].val);
	if (b->have == 0) {
		b->have = before;
		return -1;
	}
	b->have |= before;
	return 0;
}

/* Details without a sum are the sum. */
static uint64_t written(const struct usage_bedrock *b)
{
	uint64_t sum;

	if (b->have >> BED_CACHE_WRITE & 1)
		return b->v[BED_CACHE_WRITE];
	if (__builtin_add_overflow(b->v[BED_WRITE_5M], b->v[BED_WRITE_1H], &sum))
		sum = UINT64_MAX;
	return sum;
}

void usage_bedrock_buckets(const struct usage_bedrock *b, struct usage *u)
{
	uint64_t total = written(b), h1 = TG_MIN(b->v[BED_WRITE_1H], total),
		 m5 = TG_MIN(b->v[BED_WRITE_5M], total - h1);

	u->n[USAGE_IN] = b->v[BED_INPUT];
	u->n[USAGE_IN_CACHE_READ] = b->v[BED_CACHE_READ];
	u->n[USAGE_IN_CACHE_WRITE_1H] = h1;
	u->n[USAGE_IN_CACHE_WRITE_5M] = m5;
	u->n[USAGE_IN_CACHE_WRITE] = total - h1 - m5;
	u->n[USAGE_OUT] = b->v[BED_OUTPUT];
}
