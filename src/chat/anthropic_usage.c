/*
 * anthropic_usage.c: usage in Anthropic's shape: cached input is not inside input_tokens
 * (providers.md section 1), figures are cumulative and may come in two parts. For the client's
 * eyes; money is the meter's. Owns nothing; any thread.
 */
#include "chat/anthropic.h"

/* Numbers only: null, absent and nonsense leave what is there. */
static bool take(const struct json_node *o, struct str key, uint64_t *out)
{
	uint64_t n;

	if (json_node_u64(json_get(o, key), &n) != 0)
		return false;
	*out = n;
	return true;
}

static void take_figures(struct anthropic_usage *a, const struct json_node *u)
{
	const struct json_node *split = json_get(u, STR("cache_creation"));

	a->seen |= take(u, STR("input_tokens"), &a->input);
	a->seen |= take(u, STR("output_tokens"), &a->output);
	take(u, STR("cache_read_input_tokens"), &a->cache_read);
	a->has_write |= take(u, STR("cache_creation_input_tokens"), &a->cache_write);
	take(split, STR("ephemeral_5m_input_tokens"), &a->write_5m);
	take(split, STR("ephemeral_1h_input_tokens"), &a->write_1h);
	take(json_get(u, STR("output_tokens_details")), STR("thinking_tokens"), &a->thinking);
	take(json_get(u, STR("server_tool_use")), STR("web_search_requests"), &a->searches);
}

static void add(uint64_t *sum, uint64_t n)
{
	if (__builtin_add_overflow(*sum, n, sum))
		*sum = UINT64_MAX;
}

/* The passes behind one answer: the top-level figures leave out compaction, and after a server's
 * fallback they are those of the pass that answered. Advisors have models of their own. */
static void take_passes(struct anthropic_usage *a, const struct json_node *passes)
{
	struct anthropic_usage sum = { 0 };

	json_each(pass, passes)
	{
		struct anthropic_usage one = { 0 };
		struct str type = json_get_jstr(pass, STR("type"));

		if (str_eq(type, STR("fallback_message")))
			return;
		if (!str_eq(type, STR("message")) && !str_eq(type, STR("compaction")))
			continue;
		take_figures(&one, pass);
		sum.seen = true;
		add(&sum.input, one.input);
		add(&sum.output, one.output);
		add(&sum.cache_read, one.cache_read);
		add(&sum.cache_write, one.cache_write);
	}
	if (!sum.seen)
		return;
	a->input = sum.input;
	a->output = sum.output;
	a->cache_read = sum.cache_read;
	a->cache_write = sum.cache_write;
	a->has_write = true;
}

void anthropic_usage_read(struct anthropic_usage *a, const struct json_node *usage)
{
	if (usage == NULL || usage->type != JSON_OBJECT)
		return;
	take_figures(a, usage);
	take_passes(a, json_get_type(usage, STR("iterations"), JSON_ARRAY));
}

/* The split is told at the start only, the sum may grow after it: by more of the same kind. */
static void split_writes(const struct anthropic_usage *a, struct usage *u)
{
	uint64_t sum = a->has_write ? a->cache_write : a->write_5m + a->write_1h;
	uint64_t w1 = TG_MIN(a->write_1h, sum), w5 = TG_MIN(a->write_5m, sum - w1);
	uint64_t rest = sum - w1 - w5;

	if (w5 > 0 && w1 == 0)
		w5 += rest;
	else if (w1 > 0 && w5 == 0)
		w1 += rest;
	else
		u->n[USAGE_IN_CACHE_WRITE] = rest;
	u->n[USAGE_IN_CACHE_WRITE_5M] = w5;
	u->n[USAGE_IN_CACHE_WRITE_1H] = w1;
}

void anthropic_usage_buckets(const struct anthropic_usage *a, struct usage *u)
{
	*u = (struct usage){ 0 };
	if (!a->seen)
		return;
	u->source = USAGE_PROVIDER;
	u->n[USAGE_IN] = a->input;
	u->n[USAGE_IN_CACHE_READ] = a->cache_read;
	split_writes(a, u);
	u->n[USAGE_OUT_REASONING] = TG_MIN(a->thinking, a->output);
	u->n[USAGE_OUT] = a->output - u->n[USAGE_OUT_REASONING];
	u->n[USAGE_WEB_SEARCHES] = a->searches;
}

void anthropic_usage_write(struct json_out *o, const struct usage *u)
{
	uint64_t read = u->n[USAGE_IN_CACHE_READ] + u->n[USAGE_IN_AUDIO_CACHE_READ] +
			u->n[USAGE_IN_IMAGE_CACHE_READ];
	uint64_t w5 = u->n[USAGE_IN_CACHE_WRITE_5M] + u->n[USAGE_IN_CACHE_WRITE];
	uint64_t w1 = u->n[USAGE_IN_CACHE_WRITE_1H];

	jo_key(o, "usage");
	jo_obj(o);
	jo_m_u64(o, "input_tokens", usage_input(u) - read - w5 - w1);
	jo_m_u64(o, "cache_creation_input_tokens", w5 + w1);
	jo_m_u64(o, "cache_read_input_tokens", read);
	if (w1 > 0) {
		jo_key(o, "cache_creation");
		jo_obj(o);
		jo_m_u64(o, "ephemeral_5m_input_tokens", w5);
		jo_m_u64(o, "ephemeral_1h_input_tokens", w1);
		jo_obj_end(o);
	}
	jo_m_u64(o, "output_tokens", usage_output(u));
	if (u->n[USAGE_OUT_REASONING] > 0) {
		jo_key(o, "output_tokens_details");
		jo_obj(o);
		jo_m_u64(o, "thinking_tokens", u->n[USAGE_OUT_REASONING]);
		jo_obj_end(o);
	}
	if (u->n[USAGE_WEB_SEARCHES] > 0) {
		jo_key(o, "server_tool_use");
		jo_obj(o);
		jo_m_u64(o, "web_search_requests", u->n[USAGE_WEB_SEARCHES]);
		jo_obj_end(o);
	}
	jo_obj_end(o);
}
