/*
 * usage_gemini.c: reading and splitting usageMetadata. The names are tables; the arithmetic is in
 * usage_gemini_buckets(). Owns nothing; any thread.
 */
#include "chat/usage_gemini.h"

#include "proto/json_scan.h"

enum {
	W_PROMPT,
	W_CACHED,
	W_TOOLS,
	W_RESPONSE, /* before the candidates, which win */
	W_CANDIDATES,
	W_THOUGHTS,
	W_TOTAL,
	W_FIGURES,
	W_PROMPT_SPLIT = W_FIGURES,
	W_CACHED_SPLIT,
	W_TOOLS_SPLIT,
	W_RESPONSE_SPLIT,
	W_CANDIDATES_SPLIT,
	W_SPLIT_END,
	W_TIER = W_SPLIT_END,
	W_TRAFFIC,
	W__MAX
};

static const struct str keys[W__MAX] = {
	[W_PROMPT] = STR("promptTokenCount"),
	[W_CACHED] = STR("cachedContentTokenCount"),
	[W_TOOLS] = STR("toolUsePromptTokenCount"),
	[W_RESPONSE] = STR("responseTokenCount"),
	[W_CANDIDATES] = STR("candidatesTokenCount"),
	[W_THOUGHTS] = STR("thoughtsTokenCount"),
	[W_TOTAL] = STR("totalTokenCount"),
	[W_PROMPT_SPLIT] = STR("promptTokensDetails"),
	[W_CACHED_SPLIT] = STR("cacheTokensDetails"),
	[W_TOOLS_SPLIT] = STR("toolUsePromptTokensDetails"),
	[W_RESPONSE_SPLIT] = STR("responseTokensDetails"),
	[W_CANDIDATES_SPLIT] = STR("candidatesTokensDetails"),
	[W_TIER] = STR("serviceTier"),
	[W_TRAFFIC] = STR("trafficType"),
};

/* Of each figure's member, and of each split's. */
static const enum usage_gemini_field field_of[W_SPLIT_END] = { GEM_PROMPT, GEM_CACHED, GEM_TOOLS,
	GEM_CANDIDATES, GEM_CANDIDATES, GEM_THOUGHTS, GEM_TOTAL, GEM_PROMPT, GEM_CACHED, GEM_TOOLS,
	GEM_CANDIDATES, GEM_CANDIDATES };

static bool has(const struct usage_gemini *g, enum usage_gemini_field f)
{
	return g->have >> f & 1;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void split_add(struct usage_gemini_split *s, const struct json_val *detail)
{
	struct json_watch w[] = { { .key = STR("modality") }, { .key = STR("tokenCount") } };
	struct json_fail fail;
	struct str word;
	uint64_t n;

	if (detail->type != JSON_OBJECT ||
		json_scan_member(detail, w, TG_ARRAY_LEN(w), &fail) != 0 ||
		json_get_plain(&w[0].val, &word) != 0 || json_get_u64(&w[1].val, &n) != 0)
		return;
	if (str_eq(word, STR("AUDIO")))
		s->audio = plus(s->audio, n);
	else if (str_eq(word, STR("IMAGE")))
		s->image = plus(s->image, n);
	else if (str_eq(word, STR("VIDEO")))
		s->video = plus(s->video, n);
}

static void split_read(struct usage_gemini_split *s, const struct json_val *details)
{
	struct json_iter it = { 0 };
	struct json_val detail;

	if (details->type != JSON_ARRAY)
		return;
	*s = (struct usage_gemini_split){ 0 };
	while (json_array_next(details, &it, &detail))
		split_add(s, &detail);
}

/* Vertex names the traffic, the Gemini API the tier. */
static struct str read_tier(const struct json_val *tier, const struct json_val *traffic)
{
	struct str word;

	if (json_get_plain(tier, &word) == 0 && word.n > 0)
		return word;
	if (json_get_plain(traffic, &word) != 0)
		return STR_NONE;
	if (str_eq(word, STR("ON_DEMAND")))
		return STR("standard");
	if (str_eq(word, STR("ON_DEMAND_PRIORITY")))
		return STR("priority");
	return str_eq(word, STR("ON_DEMAND_FLEX")) ? STR("flex") : word;
}

int usage_gemini_merge(struct usage_gemini *g, struct str json, struct str *tier)
{
	struct json_watch w[W__MAX];
	struct json_fail fail;
	bool any = false;
	uint64_t n;

	*tier = STR_NONE;
	for (size_t i = 0; i < W__MAX; i++)
		w[i].key = keys[i];
	if (json_scan_object(json, w, W__MAX, &fail) != 0)
		return -1;
	*tier = read_tier(&w[W_TIER].val, &w[W_TRAFFIC].val);
	for (size_t i = 0; i < W_FIGURES; i++) {
		if (json_get_u64(&w[i].val, &n) != 0)
			continue;
		g->v[field_of[i]] = n;
		g->have |= 1u << field_of[i];
		any = true;
	}
	for (size_t i = W_FIGURES; i < W_SPLIT_END; i++)
		split_read(&g->split[field_of[i]], &w[i].val);
	return any ? 0 : -1;
}

/* Up to n out of *rest. */
static uint64_t take(uint64_t *rest, uint64_t n)
{
	uint64_t got = TG_MIN(*rest, n);

	*rest -= got;
	return got;
}

/* The cached part of the prompt, by modality; video that was cached has no bucket of its own. */
static void cached_buckets(const struct usage_gemini *g, uint64_t cached, struct usage *u)
{
	const struct usage_gemini_split *s = &g->split[GEM_CACHED];

	u->n[USAGE_IN_AUDIO_CACHE_READ] = take(&cached, s->audio);
	u->n[USAGE_IN_IMAGE_CACHE_READ] = take(&cached, s->image);
	u->n[USAGE_IN_CACHE_READ] = cached;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a - TG_MIN(a, b);
}

static void input_buckets(const struct usage_gemini *g, struct usage *u)
{
	const struct usage_gemini_split *p = &g->split[GEM_PROMPT], *c = &g->split[GEM_CACHED],
					*t = &g->split[GEM_TOOLS];
	uint64_t in = g->v[GEM_PROMPT], cached = take(&in, g->v[GEM_CACHED]);

	cached_buckets(g, cached, u);
	in = plus(in, g->v[GEM_TOOLS]);
	u->n[USAGE_IN_AUDIO] = take(&in, plus(less(p->audio, c->audio), t->audio));
	u->n[USAGE_IN_IMAGE] = take(&in, plus(less(p->image, c->image), t->image));
	u->n[USAGE_IN_VIDEO] = take(&in, plus(less(p->video, c->video), t->video));
	u->n[USAGE_IN] = in;
}

/*
 * What the candidates' figure leaves out, the total tells: some models count thoughts inside it,
 * and a figure of 0 is left out where the total has it.
 */
static uint64_t output_of(const struct usage_gemini *g, uint64_t *thoughts)
{
	uint64_t out = g->v[GEM_CANDIDATES], in = plus(g->v[GEM_PROMPT], g->v[GEM_TOOLS]);

	*thoughts = g->v[GEM_THOUGHTS];
	if (!has(g, GEM_TOTAL) || !has(g, GEM_PROMPT))
		return out;
	if (!has(g, GEM_CANDIDATES))
		return less(less(g->v[GEM_TOTAL], in), *thoughts);
	if (*thoughts > 0 && *thoughts <= out && plus(in, out) == g->v[GEM_TOTAL])
		return out - *thoughts;
	return out;
}

void usage_gemini_buckets(const struct usage_gemini *g, struct usage *u)
{
	const struct usage_gemini_split *s = &g->split[GEM_CANDIDATES];
	uint64_t thoughts, out = output_of(g, &thoughts);

	input_buckets(g, u);
	u->n[USAGE_OUT_REASONING] = thoughts;
	u->n[USAGE_OUT_AUDIO] = take(&out, s->audio);
	u->n[USAGE_OUT_IMAGE] = take(&out, s->image);
	u->n[USAGE_OUT_VIDEO] = take(&out, s->video);
	u->n[USAGE_OUT] = out;
}
