/*
 * meter_estimate.c: see meter_estimate.h. Owns nothing; any thread.
 */
#include "providers/meter_estimate.h"

#define SPOKEN_TOKENS 2  /* a character */
#define FRAME_TOKENS  16 /* that close a turn or stand around a tool's arguments, unseen */

static bool makes_text(enum meter_api api)
{
	return api == METER_OPENAI_CHAT || api == METER_OPENAI_COMPLETIONS ||
	       api == METER_OPENAI_RESPONSES || api == METER_ANTHROPIC_MESSAGES ||
	       api == METER_GEMINI || api == METER_BEDROCK || api == METER_COHERE;
}

static struct str size_of(const struct meter *m, const struct bound *asked)
{
	return m->size.n > 0 ? m->size : bound_text(&asked->size);
}

static struct str quality_of(const struct meter *m, const struct bound *asked)
{
	return m->quality.n > 0 ? m->quality : bound_text(&asked->quality);
}

/* As many as came; when it broke off, as many as were asked for. */
static void estimate_images(const struct meter *m, const struct bound *asked, struct usage *u)
{
	uint64_t n = m->terminal ? m->images : TG_MAX((uint64_t)m->images, asked->n);
	struct str size = size_of(m, asked);
	uint64_t pixels = est_pixels(size);

	u->n[USAGE_IMAGES] = n;
	u->n[USAGE_PIXELS] = n * (pixels > 0 ? pixels : est_pixels(STR("1024x1024")));
	u->n[USAGE_OUT_IMAGE] = n * est_image_tokens(size, quality_of(m, asked));
}

static uint64_t text_bytes(const struct meter *m)
{
	/* A body in pieces: all of it, for its text was not looked for. */
	if (!m->stream && m->tally.text == 0)
		return m->tally.bytes;
	return meter_tally_text(&m->tally);
}

static void estimate_output(const struct meter *m, const struct est_ratio *r,
	const struct bound *asked, struct usage *u)
{
	uint64_t known = usage_output(u), tokens;

	if (m->api == METER_GEMINI && m->gemini.current)
		return; /* each chunk counts what was said so far */
	if (m->api == METER_OPENAI_IMAGES && known == 0) {
		estimate_images(m, asked, u);
	} else if (m->api == METER_OPENAI_AUDIO && asked->characters > 0) {
		u->n[USAGE_OUT_AUDIO] =
			TG_MAX(u->n[USAGE_OUT_AUDIO], asked->characters * SPOKEN_TOKENS);
	} else if (makes_text(m->api) || m->api == METER_OPENAI_AUDIO) {
		tokens = est_output(r, text_bytes(m), m->tally.events);
		tokens += tokens > 0 ? FRAME_TOKENS : 0;
		u->n[USAGE_OUT] += tokens > known ? tokens - known : 0;
	}
}

void meter_estimate(const struct meter *m, const struct est_ratio *r, const struct bound *asked,
	struct usage *out)
{
	struct usage input;
	bool figures = m->has_usage || m->images > 0;

	CHECK_OBJ(m, METER_MAGIC);
	*out = m->usage;
	if (m->usage.source == USAGE_PROVIDER &&
		usage_output(&m->usage) + usage_input(&m->usage) > 0)
		return;
	if (m->api == METER_OPENAI_MODERATION || m->api == METER_ANTHROPIC_COUNT ||
		m->api == METER_GEMINI_COUNT || m->api == METER_NONE)
		return;
	bound_estimate(asked, m->api, r, &input);
	if (usage_input(out) == 0)
		for (unsigned b = 0; b < USAGE_FIRST_OUTPUT; b++)
			out->n[b] = input.n[b];
	out->n[USAGE_IN_CHARACTERS] = input.n[USAGE_IN_CHARACTERS];
	if (out->n[USAGE_IN_SECONDS] == 0)
		out->n[USAGE_IN_SECONDS] = input.n[USAGE_IN_SECONDS];
	estimate_output(m, r, asked, out);
	out->source = figures ? USAGE_PARTIAL : USAGE_ESTIMATED;
}

bool meter_is_counted(const struct usage *u)
{
	for (unsigned b = 0; b < USAGE__MAX; b++)
		if (u->n[b] > 0 && b != USAGE_IN_CHARACTERS && b != USAGE_IMAGES)
			return false;
	return true;
}

void meter_learn(const struct meter *m, const struct bound *asked, struct est_ratio *r)
{
	uint64_t in = asked->input_bytes, bytes = 0, tokens = usage_output(&m->usage);

	if (m->usage.source != USAGE_PROVIDER || m->error_event)
		return;
	if (!makes_text(m->api) && m->api != METER_OPENAI_EMBEDDINGS &&
		m->api != METER_GEMINI_EMBED && m->api != METER_EMBED_UNITS)
		return;
	if (makes_text(m->api))
		est_learn_length(r, tokens / TG_MAX(asked->n, (uint64_t)1));
	if (asked->open || asked->images + asked->audio_bytes + asked->document_bytes > 0)
		in = 0; /* more was read than the body's text */
	if (m->stream && m->terminal)
		bytes = meter_tally_text(&m->tally);
	/* Hidden reasoning has no bytes. It was shown when these suffice for it. */
	if (bytes < tokens * 2)
		tokens -= m->usage.n[USAGE_OUT_REASONING];
	est_learn(r, in, usage_input(&m->usage), bytes, tokens);
}

size_t meter_variant(const struct meter *m, const struct bound *asked, char out[METER_VARIANT_MAX])
{
	struct str size = size_of(m, asked), quality = quality_of(m, asked);
	size_t n = 0;

	if (est_pixels(size) == 0)
		return 0;
	if (quality.n > 0 && !str_eq(quality, STR("standard")) && !str_eq(quality, STR("auto"))) {
		memcpy(out, quality.p, quality.n);
		out[quality.n] = '/';
		n = quality.n + 1;
	}
	memcpy(out + n, size.p, size.n);
	return n + size.n;
}
