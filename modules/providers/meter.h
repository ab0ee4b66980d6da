/*
 * meter.h: finds what a response used while it passes: fed with the payload in any pieces, whole
 * bodies and event streams, OpenAI, Anthropic and Gemini. It looks and never refuses; only the one
 * chunk of a chat stream that tells the usage can be taken out for a client that did not ask for
 * it.
 *
 * A meter belongs to one response on one worker. It points into itself: do not copy or move it.
 */
#ifndef TG_PROVIDERS_METER_H
#define TG_PROVIDERS_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/str.h"
#include "chat/usage_gemini.h"
#include "core/meter_api.h"
#include "money/money.h"
#include "money/usage.h"
#include "proto/json_tap.h"
#include "proto/sse.h"
#include "providers/meter_tally.h"
#include "providers/usage_anthropic.h"
#include "providers/usage_bedrock.h"
#include "providers/usage_cohere.h"
#include "providers/usage_openai.h"

#define METER_MODEL_MAX 128
#define METER_TIER_MAX  32
#define METER_WORD_MAX  24 /* region, speed, size, quality */
/* Memory the caller gives: enough to read usage, and with room to hold an event back for `strip`.
 */
#define METER_CAPTURE_BYTES 6144
#define METER_HOLD_BYTES    8192 /* with the above in one 16 KB block */
#define METER_BUF_BYTES     (METER_CAPTURE_BYTES + METER_HOLD_BYTES)

/* Code interpreters run in containers, which are billed once each: their ids' hashes. */
#define METER_CONTAINERS 8
struct meter_containers {
	uint32_t n; /* may exceed the table: one more for each unknown id then */
	uint64_t hash[METER_CONTAINERS];
};

/* What Gemini's chunks said so far. */
struct meter_gemini {
	struct usage_gemini usage;
	uint32_t seen, done; /* candidates by their index, and those with a finish reason */
	uint32_t queries;    /* searches it was grounded in */
	bool current;        /* the last chunk with candidates told figures, or one behind it */
	bool began, array;   /* a body's first byte was seen; it is an array of chunks */
};

/* What the Responses API lists in its output and does not count in usage. */
struct meter_calls {
	uint32_t web, file, image;
	uint64_t image_tokens; /* of the images, by their size and quality */
	struct meter_containers containers;
};

struct meter_list { /* "choices", "output" or "data": counted, not kept */
	struct json_tap tap;
	struct meter_calls calls;
};

struct meter_tools { /* "tools", as the response repeats them */
	struct json_tap tap;
	enum usage_bucket search; /* USAGE_NONE: this one does not say */
	uint8_t image_model_len;
	char image_model[METER_WORD_MAX];
};

struct meter {
	unsigned magic;
#define METER_MAGIC 0x6d657472
	enum meter_api api;
	bool stream;
	bool strip; /* set by the caller after init: take the usage-only chunk out (chat and
		       completions) */

	/* What is known so far; final after meter_finish. */
	struct usage usage;
	struct str model; /* the response's own, empty when it did not say */
	struct str service_tier;
	struct str region, speed; /* Anthropic: inference_geo ("us"), "fast" */
	struct str size, quality; /* images: as the answer says, empty when it does not */
	uint32_t images;          /* in the answer; a bucket only when no tokens were reported */
	uint64_t audio_seconds;   /* transcription billed by duration */
	bool has_reported;        /* the provider said what it cost, */
	pico_usd reported;        /* all in all */
	bool terminal;    /* the end marker of the stream (the end of the object) was seen */
	bool error_event; /* an error inside the response */
	/*
	 * What another model did on the way, not in `usage`: Anthropic's advisor; images that the
	 * Responses API's tool made (source USAGE_ESTIMATED: by size and quality).
	 */
	bool has_advisor;
	struct usage advisor;
	struct str advisor_model;
	/*
	 * What a web search counts as: from the tools the response repeats, else medium, OpenAI's
	 * default. The caller may set what the request asked for, after init.
	 */
	enum usage_bucket search_bucket;
	struct meter_tally tally; /* what was said so far; see meter_estimate.h */
	uint32_t cuts;            /* usage-only chunks taken out */

	/* private */
	struct sse sse;
	struct json_tap event, body, item, nothing;
	struct meter_list list, body_list;
	struct meter_tools tools;
	struct meter_calls calls, calls_done; /* most seen at once; by items that were done */
	struct usage_openai openai;
	struct usage_anthropic anthropic;
	struct meter_gemini gemini;
	struct usage_bedrock bedrock;
	bool message_over; /* Bedrock: the message ended; usage may come behind it */
	unsigned n_events; /* read in full */
	uint8_t head_len;
	bool has_usage, drop_lf, usage_only;
	char head[8];          /* the data's first bytes, to know [DONE] */
	uint64_t passed_event; /* begin of an event of which something was passed on */
	uint64_t hold_event;   /* begin of the event that is held */
	char *hold;
	size_t hold_cap, hold_len, hold_out; /* hold[0..hold_out) was handed out by the last call */
	char model_buf[METER_MODEL_MAX];
	char tier_buf[METER_TIER_MAX];
	char region_buf[METER_WORD_MAX], speed_buf[METER_WORD_MAX];
	char size_buf[METER_WORD_MAX], quality_buf[METER_WORD_MAX];
	char image_model_buf[METER_WORD_MAX];
	struct str image_model;
};

/* `stream`: the payload is text/event-stream. buf lives as long as the meter; see METER_BUF_BYTES.
 */
void meter_init(struct meter *m, enum meter_api api, bool stream, char *buf, size_t cap);
void meter_feed(struct meter *m, struct str bytes);
/*
 * Feed, and give what is to be passed on as spans of `in` and of held bytes: valid until the next
 * call. With `strip` an event that may be the usage-only chunk is held while that is open, up to
 * the memory given. Returns the number of spans; max must be at least 4 (when they run out, nothing
 * more is taken out).
 */
int meter_filter(struct meter *m, struct str in, struct iovec *out, int max);
/*
 * A whole body (not a stream) that came in one piece, instead of feeding it; meter_finish follows
 * as ever.
 */
void meter_whole(struct meter *m, struct str body);
/* The payload is over: an event without its blank line and a whole body are read now. */
void meter_finish(struct meter *m);
/* After meter_finish: bytes that were held and are still to be passed on. */
struct str meter_held(const struct meter *m);

#endif
