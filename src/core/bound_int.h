/*
 * bound_int.h: between bound.c (members and figures) and bound_parts.c (media and tools inside
 * them).
 */
#ifndef TG_CORE_BOUND_INT_H
#define TG_CORE_BOUND_INT_H

#include "core/bound.h"

/* Images, sounds and documents anywhere in a value; their bytes are taken off b->input_bytes. */
void bound_parts(struct bound *b, const struct json_val *v);
/* Each element is an image. */
void bound_images(struct bound *b, const struct json_val *v);
/* Gemini's: everything of it that bounds, beside the tools' presence. */
void bound_gemini(struct bound *b, const struct json_watch w[BOUND_WATCHES]);
/* Tools that the provider runs. */
void bound_tools(struct bound *b, const struct json_val *tools);
/* The same without a look at the text first: tests compare. */
void bound_parts_walk(struct bound *b, const struct json_val *v);
void bound_tools_walk(struct bound *b, const struct json_val *tools);
/* What a search of this context size counts as. */
enum usage_bucket bound_search_bucket(const struct json_val *context_size);

static inline void bound_word_take(struct bound_word *w, const struct json_val *v)
{
	struct str s;

	w->n = 0;
	if (json_decode(v, w->p, sizeof w->p, &s) == 0)
		w->n = (uint8_t)s.n;
}

#endif
