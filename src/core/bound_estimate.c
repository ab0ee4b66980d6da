/*
 * bound_estimate.c: what the input of a request is likely to be, for the charge of one that ended
 * before its provider said. Pure; any thread.
 */
#include "core/bound.h"

/* Typical figures of media, rounded up; the worst ones are in bound.c. */
#define IMAGE_TOKENS           1600
#define DOCUMENT_BYTES_A_TOKEN 20
#define AUDIO_BYTES_A_SECOND   4000
#define AUDIO_TOKENS_A_SECOND  32
#define BUILTIN_TOKENS         1000 /* a tool that the provider describes itself */

static uint64_t audio_seconds(const struct bound *asked)
{
	return asked->audio_bytes > 0 ? asked->audio_bytes / AUDIO_BYTES_A_SECOND + 1 : 0;
}

void bound_estimate(
	const struct bound *asked, enum meter_api api, const struct est_ratio *r, struct usage *out)
{
	uint64_t seconds = audio_seconds(asked), tokens = est_input(r, asked->input_bytes);

	*out = (struct usage){ .source = USAGE_ESTIMATED };
	if (api == METER_NONE || api == METER_OPENAI_MODERATION || api == METER_ANTHROPIC_COUNT)
		return;
	if (api == METER_OPENAI_IMAGES) {
		out->n[USAGE_IN_IMAGE] = asked->images * IMAGE_TOKENS;
	} else if (api == METER_OPENAI_AUDIO) {
		out->n[USAGE_IN_CHARACTERS] = asked->characters;
		out->n[USAGE_IN_SECONDS] = seconds;
		out->n[USAGE_IN_AUDIO] = seconds * AUDIO_TOKENS_A_SECOND;
	} else {
		tokens += asked->images * IMAGE_TOKENS + seconds * AUDIO_TOKENS_A_SECOND;
		tokens += (asked->document_bytes + DOCUMENT_BYTES_A_TOKEN - 1) /
			  DOCUMENT_BYTES_A_TOKEN;
		tokens += asked->builtin_tools * BUILTIN_TOKENS;
	}
	out->n[USAGE_IN] = tokens;
}
