/*
 * usage_openai.c: reading and splitting OpenAI-shaped usage. The field names are tables; the
 * arithmetic is in usage_openai_buckets(). Owns nothing; any thread.
 */
#include "providers/usage_openai.h"

#include "proto/json_scan.h"
#include "providers/usage_cost.h"

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

/* Members of a usage object: figures first, in the order of fields[]; later ones win. */
enum {
	W_PROMPT,
	W_INPUT,
	W_COMPLETION,
	W_OUTPUT,
	W_TOTAL,
	W_HIT,         /* DeepSeek: before the details, which win */
	W_NUM_CACHED,  /* Mistral */
	W_NUM_QUERIES, /* Perplexity */
	W_NUM_SOURCES, /* xAI */
	W_FIGURES,
	W_IN_DETAILS = W_FIGURES,
	W_IN_DETAILS_END = W_IN_DETAILS + 4,
	W_OUT_DETAILS = W_IN_DETAILS_END,
	W_OUT_DETAILS_END = W_OUT_DETAILS + 3,
	W_SECONDS = W_OUT_DETAILS_END,
	W_AUDIO_SECONDS, /* Mistral: of audio in the prompt */
	W_SEARCH_SIZE,
	W_COST,
	W_COST_DETAILS,
	W_BYOK,
	W_TICKS,
	W__MAX
};

static const struct str usage_keys[W__MAX] = {
	[W_PROMPT] = STR("prompt_tokens"),
	[W_INPUT] = STR("input_tokens"),
	[W_COMPLETION] = STR("completion_tokens"),
	[W_OUTPUT] = STR("output_tokens"),
	[W_TOTAL] = STR("total_tokens"),
	[W_HIT] = STR("prompt_cache_hit_tokens"),
	[W_NUM_CACHED] = STR("num_cached_tokens"),
	[W_NUM_QUERIES] = STR("num_search_queries"),
	[W_NUM_SOURCES] = STR("num_sources_used"),
	[W_IN_DETAILS] = STR("prompt_tokens_details"),
	[W_IN_DETAILS + 1] = STR("prompt_token_details"),
	[W_IN_DETAILS + 2] = STR("input_tokens_details"),
	[W_IN_DETAILS + 3] = STR("input_token_details"),
	[W_OUT_DETAILS] = STR("completion_tokens_details"),
	[W_OUT_DETAILS + 1] = STR("output_tokens_details"),
	[W_OUT_DETAILS + 2] = STR("output_token_details"),
	[W_SECONDS] = STR("seconds"),
	[W_AUDIO_SECONDS] = STR("prompt_audio_seconds"),
	[W_SEARCH_SIZE] = STR("search_context_size"),
	[W_COST] = STR("cost"),
	[W_COST_DETAILS] = STR("cost_details"),
	[W_BYOK] = STR("is_byok"),
	[W_TICKS] = STR("cost_in_usd_ticks"),
};

static void merge_seconds(struct usage_openai *o, const struct json_val *v)
{
	uint64_t seconds;

	if (v->type == JSON_NUMBER && usage_openai_seconds(v->raw, &seconds) == 0)
		put(o, OAI_SECONDS, seconds);
}

/* Perplexity charges every request for one search of the size it names, unless it counts them. */
static void merge_searches(struct usage_openai *o, const struct json_val *size)
{
	struct str s;

	if (json_get_plain(size, &s) != 0)
		return;
	o->has_search_bucket = true;
	o->search_bucket = usage_openai_search(s);
	if (o->v[OAI_SEARCHES] == 0)
		put(o, OAI_SEARCHES, 1);
}

int usage_openai_merge(struct usage_openai *o, struct str json)
{
	static const enum usage_openai_field fields[W_FIGURES] = { OAI_INPUT, OAI_INPUT, OAI_OUTPUT,
		OAI_OUTPUT, OAI_TOTAL, OAI_CACHED, OAI_CACHED, OAI_SEARCHES, OAI_SEARCHES };
	struct json_watch w[W__MAX];
	struct usage_cost_in cost = { &w[W_COST].val, &w[W_COST_DETAILS].val, &w[W_BYOK].val,
		&w[W_TICKS].val };
	struct usage_openai now = *o;
	struct json_fail fail;

	for (size_t i = 0; i < W__MAX; i++)
		w[i].key = usage_keys[i];
	now.have = 0;
	if (json_scan_object(json, w, W__MAX, &fail) != 0)
		return -1;
	for (size_t i = 0; i < W_FIGURES; i++)
		put_number(&now, fields[i], &w[i].val);
	for (size_t i = W_IN_DETAILS; i < W_IN_DETAILS_END; i++)
		merge_input_details(&now, &w[i].val);
	for (size_t i = W_OUT_DETAILS; i < W_OUT_DETAILS_END; i++)
		merge_output_details(&now, &w[i].val);
	merge_seconds(&now, &w[W_AUDIO_SECONDS].val);
	merge_seconds(&now, &w[W_SECONDS].val);
	merge_searches(&now, &w[W_SEARCH_SIZE].val);
	if (usage_cost_read(&cost, &now.reported)) {
		o->reported = now.reported;
		o->has_reported = now.has_reported = true;
	}
	if (now.have == 0)
		return -1;
	now.have |= o->have;
	*o = now;
	return 0;
}

enum usage_bucket usage_openai_search(struct str context_size)
{
	if (str_eq(context_size, STR("low")))
		return USAGE_WEB_SEARCHES;
	return str_eq(context_size, STR("high")) ? USAGE_WEB_SEARCHES_HIGH
						 : USAGE_WEB_SEARCHES_MEDIUM;
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

static void put_searches(const struct usage_openai *o, struct usage *u)
{
	if (!has(o, OAI_SEARCHES))
		return;
	u->n[USAGE_WEB_SEARCHES] = u->n[USAGE_WEB_SEARCHES_MEDIUM] = u->n[USAGE_WEB_SEARCHES_HIGH] =
		0;
	u->n[o->has_search_bucket ? o->search_bucket : USAGE_WEB_SEARCHES] = o->v[OAI_SEARCHES];
}

void usage_openai_buckets(
	const struct usage_openai *o, enum usage_openai_output out, struct usage *u)
{
	uint64_t in = o->v[OAI_INPUT], rest = o->v[OAI_OUTPUT];
	bool beside = reasoning_is_beside(o);

	if (!has(o, OAI_INPUT) && !has(o, OAI_OUTPUT))
		in = o->v[OAI_TOTAL]; /* embeddings of some copies give nothing else */
	u->n[USAGE_IN_CACHE_READ] = o->v[OAI_CACHED];
	if (o->v[OAI_CACHED] <= in) /* more than the whole: then it is beside it (xAI) */
		in -= o->v[OAI_CACHED];
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
	u->n[USAGE_IN_SECONDS] = o->v[OAI_SECONDS];
	put_searches(o, u);
}
