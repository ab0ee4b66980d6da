/*
 * openai_usage.c: usage objects of OpenAI's shape. What they report overlaps: cached and
 * cache-written tokens, audio and images are inside the input, reasoning and audio inside the
 * output; the hub's buckets are disjoint. For the client's eyes: what is charged is the meter's.
 * Pure; any thread.
 */
#include "chat/openai_int.h"

/*
 * Numbers only: null, absent and nonsense leave what is there. Relays that give a figure under two
 * names fill one of them with 0.
 */
static bool take_figure(uint64_t *to, const struct json_node *o, struct str key)
{
	uint64_t n;

	if (json_node_u64(json_get(o, key), &n) != 0)
		return false;
	if (n > 0)
		*to = n;
	return true;
}

static void read_input_details(struct openai_figures *f, const struct json_node *d)
{
	take_figure(&f->cached, d, STR("cached_tokens"));
	take_figure(&f->cache_write, d, STR("cache_write_tokens"));
	take_figure(&f->audio_in, d, STR("audio_tokens"));
	take_figure(&f->image_in, d, STR("image_tokens"));
}

static void read_output_details(struct openai_figures *f, const struct json_node *d)
{
	take_figure(&f->reasoning, d, STR("reasoning_tokens"));
	take_figure(&f->audio_out, d, STR("audio_tokens"));
	take_figure(&f->image_out, d, STR("image_tokens"));
}

void openai_figures_read(struct openai_figures *f, const struct json_node *usage)
{
	static const struct str in_details[] = { STR("prompt_tokens_details"),
		STR("prompt_token_details"), STR("input_tokens_details"),
		STR("input_token_details") };
	static const struct str out_details[] = { STR("completion_tokens_details"),
		STR("output_tokens_details"), STR("output_token_details") };

	if (usage == NULL || usage->type != JSON_OBJECT)
		return;
	f->told |= take_figure(&f->input, usage, STR("prompt_tokens"));
	f->told |= take_figure(&f->input, usage, STR("input_tokens"));
	f->told |= take_figure(&f->output, usage, STR("completion_tokens"));
	f->told |= take_figure(&f->output, usage, STR("output_tokens"));
	f->has_total |= take_figure(&f->total, usage, STR("total_tokens"));
	take_figure(&f->cached, usage, STR("prompt_cache_hit_tokens")); /* DeepSeek */
	take_figure(&f->cached, usage, STR("num_cached_tokens"));       /* Mistral */
	for (size_t i = 0; i < TG_ARRAY_LEN(in_details); i++)
		read_input_details(f, json_get(usage, in_details[i]));
	for (size_t i = 0; i < TG_ARRAY_LEN(out_details); i++)
		read_output_details(f, json_get(usage, out_details[i]));
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
static bool reasoning_is_beside(const struct openai_figures *f)
{
	uint64_t sum;

	if (!f->has_total)
		return f->reasoning > f->output;
	if (f->reasoning == 0 || __builtin_add_overflow(f->input, f->output, &sum) ||
		__builtin_add_overflow(sum, f->reasoning, &sum))
		return false;
	return f->total == sum;
}

void openai_figures_usage(const struct openai_figures *f, struct usage *u)
{
	uint64_t in = f->input, out = f->output;

	*u = (struct usage){ .source = f->told ? USAGE_PROVIDER : USAGE_ABSENT };
	u->n[USAGE_IN_CACHE_READ] = f->cached;
	if (f->cached <= in) /* more than the whole: then it is beside it (xAI) */
		in -= f->cached;
	u->n[USAGE_IN_CACHE_WRITE] = take(&in, f->cache_write);
	u->n[USAGE_IN_AUDIO] = take(&in, f->audio_in);
	u->n[USAGE_IN_IMAGE] = take(&in, f->image_in);
	u->n[USAGE_IN] = in;
	u->n[USAGE_OUT_REASONING] =
		reasoning_is_beside(f) ? f->reasoning : take(&out, f->reasoning);
	u->n[USAGE_OUT_AUDIO] = take(&out, f->audio_out);
	u->n[USAGE_OUT_IMAGE] = take(&out, f->image_out);
	u->n[USAGE_OUT] = out;
}

/* ---- written */

struct words {
	const char *in, *in_details, *out, *out_details;
};

static void write_in_details(struct json_out *o, const struct usage *u)
{
	uint64_t written = u->n[USAGE_IN_CACHE_WRITE_5M] + u->n[USAGE_IN_CACHE_WRITE_1H] +
			   u->n[USAGE_IN_CACHE_WRITE];
	uint64_t audio = u->n[USAGE_IN_AUDIO] + u->n[USAGE_IN_AUDIO_CACHE_READ];

	jo_obj(o);
	jo_m_u64(o, "cached_tokens",
		u->n[USAGE_IN_CACHE_READ] + u->n[USAGE_IN_AUDIO_CACHE_READ] +
			u->n[USAGE_IN_IMAGE_CACHE_READ]);
	if (written > 0)
		jo_m_u64(o, "cache_write_tokens", written);
	if (audio > 0)
		jo_m_u64(o, "audio_tokens", audio);
	jo_obj_end(o);
}

static void write_out_details(struct json_out *o, const struct usage *u, uint64_t reasoning)
{
	jo_obj(o);
	jo_m_u64(o, "reasoning_tokens", TG_MAX(u->n[USAGE_OUT_REASONING], reasoning));
	if (u->n[USAGE_OUT_AUDIO] > 0)
		jo_m_u64(o, "audio_tokens", u->n[USAGE_OUT_AUDIO]);
	jo_obj_end(o);
}

static void write_words(
	struct json_out *o, const struct words *w, const struct usage *u, uint64_t reasoning)
{
	uint64_t in = usage_input(u), out = usage_output(u);

	jo_obj(o);
	jo_m_u64(o, w->in, in);
	jo_key(o, w->in_details);
	write_in_details(o, u);
	jo_m_u64(o, w->out, out);
	jo_key(o, w->out_details);
	write_out_details(o, u, reasoning);
	jo_m_u64(o, "total_tokens", in + out);
	jo_obj_end(o);
}

void openai_write_usage(struct json_out *o, const struct usage *u, uint64_t reasoning)
{
	static const struct words chat = { "prompt_tokens", "prompt_tokens_details",
		"completion_tokens", "completion_tokens_details" };

	write_words(o, &chat, u, reasoning);
}

void openai_write_usage_responses(struct json_out *o, const struct usage *u, uint64_t reasoning)
{
	static const struct words responses = { "input_tokens", "input_tokens_details",
		"output_tokens", "output_tokens_details" };

	write_words(o, &responses, u, reasoning);
}
