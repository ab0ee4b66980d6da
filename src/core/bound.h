/*
 * bound.h: the most that a request may use, told from its body before it is sent. Pure: the body is
 * scanned once, by whoever scans it anyway, with the watches of bound_watch() among its own.
 *
 *	body --json_scan_object(watches)--> bound_read() --> struct bound
 *	struct bound + what the model can do --> bound_usage() --> the worst usage, for
 *price_bound()
 *
 * A token of text is at least one of its bytes (byte-level vocabularies), and every message has
 *more bytes of JSON around it than a provider adds tokens: bytes bound tokens. Media are no text:
 *their base64 is left out of the bytes and a worst figure stands in. What a body only refers to
 *(earlier responses, files, documents, results of tools that the provider runs) is bounded by the
 *model's context alone.
 */
#ifndef TG_CORE_BOUND_H
#define TG_CORE_BOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "core/meter_api.h"
#include "money/estimate.h"
#include "money/usage.h"
#include "proto/json_scan.h"

enum bound_key {
#define X(id, key) BOUND_K_##id,
#include "core/tbl/bound_keys.h"
#undef X
	BOUND_K__MAX
};
#define BOUND_WATCHES        BOUND_K__MAX

#define BOUND_OUTPUT_TOKENS  32768     /* when neither request nor model says */
#define BOUND_CONTEXT_TOKENS (1 << 20) /* when the model's context is not known */
#define BOUND_TOOL_CALLS     10        /* of tools the provider runs, when no limit is given */

#define BOUND_N_MAX          1024 /* choices or images */

#define BOUND_WORD_MAX       23
struct bound_word { /* a short string of the request, copied */
	uint8_t n;
	char p[BOUND_WORD_MAX];
};

struct bound {
	uint64_t input_bytes; /* of the body without media: at least its tokens of text */
	uint64_t max_output;  /* tokens of one choice, as the request limits them */
	bool output_known;    /* it does */
	uint64_t n;           /* choices or images; at least 1 */
	struct bound_word size, quality, tier, speed, region;
	uint64_t seconds;        /* of a video */
	uint64_t characters;     /* code points of the text to be spoken */
	uint64_t images;         /* in the prompt */
	uint64_t audio_bytes;    /* in the prompt, or a file; base64 counts as what it decodes to */
	uint64_t document_bytes; /* PDFs and other files in the prompt, likewise */
	bool has_tools, has_images, has_documents;
	bool thinks;    /* it asks for reasoning */
	bool schema;    /* the answer is to follow a JSON schema */
	bool form;      /* a form: streamed through, its fields are not known */
	bool audio_out; /* answers may be spoken */
	bool open;      /* more input may come than the body shows: from tools, or */
	bool refers;    /* from what the body only names: files, earlier responses */
	/* tools that the provider runs, and charges by call */
	bool web_search, file_search, code, image_tool;
	enum usage_bucket search_bucket; /* what a web search counts as; WEB_SEARCHES_MEDIUM when
					    the request does not say */
	uint64_t calls;                  /* at most, of each of them */
	uint64_t builtin_tools;          /* whose descriptions the provider writes */
};

/* By which members a request to this API limits its answer. Their number, up to BOUND_OUTPUT_KEYS.
 */
#define BOUND_OUTPUT_KEYS 2
unsigned bound_output_keys(enum meter_api api, enum bound_key keys[BOUND_OUTPUT_KEYS]);

/* The watch keys, in the order of enum bound_key: w[0..BOUND_WATCHES) for one json_scan_object. */
void bound_watch(struct json_watch w[BOUND_WATCHES]);
/* From the scanned watches of `body`. Never fails: what is not understood bounds nothing. */
void bound_read(struct bound *b, enum meter_api api, const struct json_watch w[BOUND_WATCHES],
	struct str body);
/* Of a form of so many bytes (0: not known). */
void bound_form(struct bound *b, enum meter_api api, uint64_t body_bytes);

struct bound_model { /* of the target; 0 and empty: not known */
	struct str name;
	uint64_t max_input, max_output;
};

enum bound_flag {
	BOUND_DEFAULT_OUTPUT = 1, /* BOUND_OUTPUT_TOKENS stands in */
	BOUND_OPEN = 2,           /* the input is the model's context, and tools may go round more
				     than once: likely, not certain */
};

/*
 * The worst usage: all input tokens in USAGE_IN (USAGE_IN_IMAGE for image models), all output in
 * USAGE_OUT (or the modality that is dearer), and units. Where an API bills in one of several
 * units, by model, all of them are given: usage_fit() leaves those the model's price has. Returns
 * flags.
 */
unsigned bound_usage(const struct bound *b, enum meter_api api, const struct bound_model *m,
	struct usage *worst);

/*
 * The input that is likely: tokens as learned from the model's answers (r may be NULL), rounded up;
 * media by typical figures; in all units that may be billed, as above. Only of what the body shows:
 * nothing is known of what it refers to, or of what tools bring.
 */
void bound_estimate(
	const struct bound *b, enum meter_api api, const struct est_ratio *r, struct usage *input);

static inline struct str bound_text(const struct bound_word *w)
{
	return str_mk(w->p, w->n);
}

/* Code points of a JSON string's text; 0 when it is none. */
uint64_t bound_characters(const struct json_val *v);

#endif
