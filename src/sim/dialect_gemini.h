/*
 * dialect_gemini.h: between the files of the Gemini dialect: what walking a request finds
 * (dialect_gemini_walk.c), and what several of its answers are made of.
 */
#ifndef TG_SIM_DIALECT_GEMINI_H
#define TG_SIM_DIALECT_GEMINI_H

#include "sim/dialect.h"

struct sim_gemini_walk {
	struct sim_req *r;
	bool signs; /* calls must come back with their signature */
	uint64_t image_tokens, audio_tokens;
	const char *wrong; /* why the vendor refuses the contents; NULL: it does not */
	/* private */
	unsigned calls, results; /* in the last turn that had calls, and answers to them since */
};

/* Adds the prompt's text to w->r->prompt. */
void sim_gemini_walk_system(struct sim_gemini_walk *w, const struct json_val *instruction);
void sim_gemini_walk_contents(struct sim_gemini_walk *w, const struct json_val *contents);
/* A Content or a bare string: its text, into *p alone. */
void sim_gemini_walk_text(struct sim_prompt *p, const struct json_val *content);
/* The declared function of that name (the first, where `want` is empty): raw name, and *schema its
 * parameters. Empty when there is none. */
struct str sim_gemini_find_tool(
	const struct json_val *tools, struct str want, struct json_val *schema);

bool sim_gemini_is_vertex(const struct sim_req *r);
/* Is it answered with an array that comes in pieces? */
bool sim_gemini_is_array(const struct sim_req *r);
/* ,"key":[{"modality":"TEXT","tokenCount":N},...]: `all`, of it image and audio. */
void sim_gemini_put_details(
	struct sim_buf *b, const char *key, uint64_t all, uint64_t image, uint64_t audio);

#endif
