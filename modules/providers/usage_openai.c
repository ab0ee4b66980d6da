/*
 * usage_openai.c: reading and splitting OpenAI-shaped usage. The field names are tables; the
 * arithmetic is in usage_openai_buckets(). Owns nothing; any thread.
 */
#include "providers/usage_openai.h"

#include "proto/json_scan.h"

static bool has(const struct usage_openai *o, enum usage_openai_field f)
{
	return o->have >> f & 1;
}

static void put(struct usage_openai *o, enum usage_openai_field f, uint64_t v)
{
	o->v[f] = v;
	o->have |= 1u << f;
}

/*
 * Numbers only: null, absent and nonsense leave what is there. Relays that give a figure under two
 * names fill one of them with 0.
 */
static void put_number(struct usage_openai *o, enum usage_openai_field f, const struct json_val *v)
{
	uint64_t n;

	if (json_get_u64(v, &n) == 0 && (n > 0 || !has(o, f)))
		put(o, f, n);
}

int usage_openai_seconds(struct str s, uint64_t *out)
{
	uint64_t n = 0;
	size_t i = 0;
	bool part = false;

	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		if (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
			__builtin_add_overflow(n, (uint64_t)(s.p[i] - '0'), &n))
			return -1;
	if (i == 0)
		return -1;
	if (i < s.n && s.p[i] == '.')
		for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
			part |= s.p[i] != '0';
	if (i < s.n || n == UINT64_MAX) /* an exponent: nobody's clock */
		return -1;
	*out = n + part;
	return 0;
}

static void merge_input_details(struct usage_openai *o, const struct json_val *details)
{
	struct json_watch w[] = {
		{ .key = STR("cached_tokens") },
		{ .key = STR("cache_write_tokens") },
		{ .key = STR("audio_tokens") },
		{ .key = STR("image_tokens") },
	};
	struct json_fail fail;

	if (details->type != JSON_OBJECT ||
		json_scan_member(details, w, TG_ARRAY_LEN(w), &fail) != 0)
		return;
	put_number(o, OAI_CACHED, &w[0].val);
	put_number(o, OAI_CACHE_WRITE, &w[1].val);
	put_number(o, OAI_IN_AUDIO, &w[2].val);
	put_number(o, OAI_IN_IMAGE, &w[3].val);
}

static void merge_output_details(struct usage_openai *o, const struct json_val *details)
{
	struct json_watch w[] = {
		{ .key = STR("reasoning_tokens") },
		{ .key = STR("audio_tokens") },
		{ .key = STR("image_tokens") },
	};
	struct json_fail fail;

	if (details->type != JSON_OBJECT ||
		json_scan_member(details, w, TG_ARRAY_LEN(w), &fail) != 0)
		return;
	put_number(o, OAI_REASONING, &w[0].val);
	put_number(o, OAI_OUT_AUDIO, &w[1].val);
	put_number(o, OAI_OUT_IMAGE, &w[2].val);
}

int usage_openai_merge(struct usage_openai *o, struct str json)
{
	struct json_watch w[] = {
		{ .key = STR("prompt_tokens") },
		{ .key = STR("input_tokens") },
		{ .key = STR("completion_tokens") },
		{ .key = STR("output_tokens") },
		{ .key = STR("total_tokens") },
		/* DeepSeek, Mistral: before the details, which win */
		{ .key = STR("prompt_cache_hit_tokens") },
		{ .key = STR("num_cached_tokens") },
		{ .key = STR("prompt_tokens_details") },
		{ .key = STR("prompt_token_details") },
		{ .key = STR("input_tokens_details") },
		{ .key = STR("input_token_details") },
		{ .key = STR("completion_tokens_details") },
		{ .key = STR("output_tokens_details") },
		{ .key = STR("output_token_details") },
		{ .key = STR("seconds") },
	};
	static const enum usage_openai_field field[] = { OAI_INPUT, OAI_INPUT, OAI_OUTPUT,
		OAI_OUTPUT, OAI_TOTAL, OAI_CACHED, OAI_CACHED };
	struct usage_openai now = *o;
	struct json_fail fail;
	uint64_t seconds;

	now.have = 0;
	if (json_scan_object(json, w, TG_ARRAY_LEN(w), &fail) != 0)
		return -1;
	for (size_t i = 0; i < TG_ARRAY_LEN(field); i++)
		put_number(&now, field[i], &w[i].val);
	for (size_t i = 7; i < 11; i++)
		merge_input_details(&now, &w[i].val);
	for (size_t i = 11; i < 14; i++)
		merge_output_details(&now, &w[i].val);
	if (w[14].val.type == JSON_NUMBER && usage_openai_seconds(w[14].val.raw, &seconds) == 0)
		put(&now, OAI_SECONDS, seconds);
	if (now.have == 0)
		return -1;
	now.have |= o->have;
	*o = now;
	return 0;
}

/* Up to n out of *rest. */
static uint64_t take(uint64_t *rest, uint64_t n)
{
	uint64_t got = TG_MIN(*rest, n);

	*rest -= got;
	return got;
}

/*
 * xAI's chat reports reasoning beside the completion tokens instead of inside; its total says so,
 * and without a total more reasoning than completion does.
 */
static bool reasoning_is_beside(const struct usage_openai *o)
{
	uint64_t r = o->v[OAI_REASONING], sum;

	if (!has(o, OAI_TOTAL))
		return r > o->v[OAI_OUTPUT];
	if (r == 0 || __builtin_add_overflow(o->v[OAI_INPUT], o->v[OAI_OUTPUT], &sum) ||
		__builtin_add_overflow(sum, r, &sum))
		return false;
	return o->v[OAI_TOTAL] == sum;
}

void usage_openai_buckets(
	const struct usage_openai *o, enum usage_openai_output out, struct usage *u)
{
	uint64_t in = o->v[OAI_INPUT], rest = o->v[OAI_OUTPUT];
	bool beside = reasoning_is_beside(o);

	if (!has(o, OAI_INPUT) && !has(o, OAI_OUTPUT))
		in = o->v[OAI_TOTAL]; /* embeddings of some copies give nothing else */
	u->n[USAGE_IN_CACHE_READ] = o->v[OAI_CACHED];
	take(&in, o->v[OAI_CACHED]);
	u->n[USAGE_IN_CACHE_WRITE] = o->v[OAI_CACHE_WRITE];
	take(&in, o->v[OAI_CACHE_WRITE]);
	/* Details may overlap the cached part: the sum must not grow past the input. */
	u->n[USAGE_IN_AUDIO] = take(&in, o->v[OAI_IN_AUDIO]);
	u->n[USAGE_IN_IMAGE] = take(&in, o->v[OAI_IN_IMAGE]);
	u->n[USAGE_IN] = in;

	u->n[USAGE_OUT_REASONING] = beside ? o->v[OAI_REASONING] : take(&rest, o->v[OAI_REASONING]);
	u->n[USAGE_OUT_AUDIO] = take(&rest, o->v[OAI_OUT_AUDIO]);
	u->n[USAGE_OUT_IMAGE] = take(&rest, o->v[OAI_OUT_IMAGE]);
	if (out == OAI_OUT_IS_IMAGE && !has(o, OAI_OUT_IMAGE))
		u->n[USAGE_OUT_IMAGE] = take(&rest, rest);
	if (out == OAI_OUT_IS_AUDIO && !has(o, OAI_OUT_AUDIO))
		u->n[USAGE_OUT_AUDIO] = take(&rest, rest);
	u->n[USAGE_OUT] = rest;
}
